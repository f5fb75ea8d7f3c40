"The wheel in a fresh environment, away from the checkout: the command lists the data and runs an experiment to its report."

import os, shutil, subprocess, sys, sysconfig
import pandas as pd, pytest
from test_packaging import LEFT_OUT, build
from project_layout import ROOT


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A new environment with the wheel in it. The libraries it requires are those of this environment, by a path file, so that torch is not
    downloaded again; this environment's own (editable) mtpkd is found by a path file too, and those of a borrowed folder are not read."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "tree", ignore=LEFT_OUT)
    wheel = build(folder / "tree", "wheel")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", wheel],
        check=True,
    )
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    with open(os.path.join(site, "borrowed.pth"), "w") as f:
        f.write("\n".join(sorted({sysconfig.get_path(p) for p in ("purelib", "platlib")})) + "\n")
    shutil.rmtree(folder / "tree")
    return folder


def run(fresh, *words, where):
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")} | {
        "PATH": os.pathsep.join([str(fresh / "venv" / "bin"), os.environ["PATH"]])
    }
    return subprocess.run(list(map(str, words)), cwd=where, env=env, capture_output=True, text=True, timeout=600)


@pytest.mark.slow
def test_the_wheel_is_what_is_imported(fresh, tmp_path):
    done = run(
        fresh,
        "python",
        "-c",
        "import mtpkd.execution.notebook_parameters as n; print(n.__file__); print(n.find_notebook())",
        where=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert all(line.startswith(str(fresh / "venv")) for line in done.stdout.split()), done.stdout


@pytest.mark.slow
def test_the_command_works_outside_the_checkout(fresh, tmp_path):
    done = run(fresh, "mtpkd", "data", "list", where=tmp_path)
    assert done.returncode == 0 and all(name in done.stdout for name in ("watch", "mfeat", "faces")), done.stderr
    done = run(
        fresh,
        "mtpkd",
        "run",
        "--manifest",
        "mfeat",
        "--seeds",
        "0",
        "--folds",
        "2",
        "--methods",
        "kd",
        "--set",
        "schedule.steps=20",
        "--set",
        "teachers.steps=20",
        "--out",
        "here/mfeat",
        where=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    out = tmp_path / "here" / "mfeat"
    assert {"run.ipynb", "report.html", "summary.json"} <= {p.name for p in out.iterdir()}
    assert len(pd.read_csv(out / "results.csv").query("method == 'kd'")) == 2
    assert "kd" in done.stdout and "report" in done.stdout


@pytest.mark.slow
def test_a_mistake_is_one_line_there_too(fresh, tmp_path):
    done = run(fresh, "mtpkd", "run", "--manifest", "mfet", where=tmp_path)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "did you mean mfeat?" in done.stderr
    assert not list(tmp_path.iterdir())
