"The notebook for hosted environments: executed where mtpkd is missing, it installs it and ends within five minutes."

import json
import os
import resource
import shutil
import subprocess
import sys
import sysconfig

import pytest

from project_layout import ROOT, cells

NOTEBOOK = ROOT / "nbs" / "docs" / "start_here.ipynb"
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "runs", "build", "*.egg-info", "__pycache__", "results", "benchmarks", "tests"
)
EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], 4)
NotebookClient(notebook, timeout=1800, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[1])
"""


def test_the_first_cell_installs():
    "Before anything is imported from this library, and without a name of a package index"
    code = [source for kind, source in cells(NOTEBOOK) if kind == "code"]
    assert 'find_spec("mtpkd") is None' in code[0] and "pip_install(source)" in code[0]
    assert "import mtpkd" not in code[0] and '"mtpkd"' not in code[0].replace('find_spec("mtpkd")', "")


def clean_environment(folder, packages):
    "An environment without this library; `packages` are installed, or where there are none the libraries of this one borrowed"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    if packages:
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "ipykernel", "nbclient", *packages], check=True)
    else:
        site = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
        site = subprocess.run(site, capture_output=True, text=True, check=True).stdout.strip()
        borrowed = {sysconfig.get_path(path) for path in ("purelib", "platlib")}
        borrowed |= {path for path in sys.path if path.endswith("site-packages")}
        with open(os.path.join(site, "borrowed.pth"), "w") as file:
            file.write("\n".join(sorted(borrowed)) + "\n")
    missing = [python, "-c", "import importlib.util as u, sys; sys.exit(u.find_spec('mtpkd') is not None)"]
    assert subprocess.run(missing, cwd=folder).returncode == 0, "this library is there already"
    return python


def processor_seconds():
    "Of all processes that were started and have ended, so that a busy machine is not counted"
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.mark.slow
def test_the_notebook_runs_in_a_clean_environment(tmp_path):
    "`MTPKD_TEST_PACKAGES='torch==2.13.0'` builds a real one, with that torch, and downloads everything else"
    python = clean_environment(tmp_path / "venv", os.environ.get("MTPKD_TEST_PACKAGES", "").split())
    shutil.copytree(ROOT, tmp_path / "clone", ignore=LEFT_OUT)
    notebook = tmp_path / "hosted" / "start_here.ipynb"
    notebook.parent.mkdir()
    shutil.copy(NOTEBOOK, notebook)
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment |= dict(MTPKD_SOURCE=str(tmp_path / "clone"), PATH=f"{python.parent}{os.pathsep}{os.environ['PATH']}")
    before = processor_seconds()
    command = [python, "-c", EXECUTE, notebook]
    done = subprocess.run(command, cwd=notebook.parent, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert processor_seconds() - before < 300
    text = json.dumps(json.loads(notebook.read_text()))
    assert "mtpkd" in text and "report.html" in text
