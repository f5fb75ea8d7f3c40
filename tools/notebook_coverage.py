"""Runs the numbered notebooks against the exported modules, so that coverage counts what they test.

    coverage run tools/notebook_coverage.py [nbs/40_evaluation/02_metrics.ipynb ...]

nbdev_test executes the export cells themselves, in a notebook's own namespace, where no line of a module is run. Here those
cells are left out, and the names of the module stand in their place: the cells that test call the module. Cells are
skipped by the same flags. A notebook that fails is named at the end (exit 1); `make test` is what says whether all pass."""

import argparse
import os
import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXPORT = re.compile(r"^#\|\s*exports?\b", re.M)
MODULE = re.compile(r"^#\|\s*default_exp\s+(\S+)", re.M)
NO_EVAL = re.compile(r"^#\|\s*eval:\s*false", re.M)
TAKE_MODULE = "import importlib\nglobals().update({{k: v for k, v in vars(importlib.import_module('{}')).items() if k[:2] != '__'}})"


def skip_flags() -> list:
    "The flags in settings.ini that keep a cell from being tested"
    parser = ConfigParser(delimiters=["="])
    parser.read(ROOT / "settings.ini", encoding="utf-8")
    return parser["DEFAULT"]["tst_flags"].split()


def tested_source(source: str, flags: list) -> str:
    "What of a code cell is run: the module's names for `default_exp`, nothing of an export cell or of one that is skipped"
    named = MODULE.search(source)
    if named:
        return TAKE_MODULE.format("mtpkd." + named[1])
    flagged = any(re.search(rf"^#\|\s*{flag}\b", source, re.M) for flag in flags)
    return "" if EXPORT.search(source) or NO_EVAL.search(source) or flagged else source


def run_notebook(path: Path) -> str:
    "Run the cells that test; the fault in one line, or nothing"
    from execnb.nbio import read_nb
    from execnb.shell import CaptureShell

    flags, notebook = skip_flags(), read_nb(path)
    os.environ["IN_TEST"] = "1"
    os.chdir(path.parent)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = tested_source(cell.source, flags)
    try:
        CaptureShell(path).run_all(notebook, exc_stop=True)
    except Exception as error:
        return f"{path.relative_to(ROOT)}: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return ""


def run_all(notebooks: list, jobs: int) -> list:
    "Faults of notebooks that are run in `jobs` processes of this script, which coverage measures like any other"
    shares = [notebooks[start::jobs] for start in range(jobs)]
    started = [
        subprocess.Popen([sys.executable, __file__, "--jobs", "1", *map(str, share)], stdout=subprocess.PIPE, text=True)
        for share in shares
        if share
    ]
    return [line for process in started for line in process.communicate()[0].splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all numbered notebooks")
    parser.add_argument(
        "--jobs", type=int, default=min(4, os.cpu_count() or 1), help="processes; default: the cores, up to 4"
    )
    options = parser.parse_args()
    notebooks = [path.resolve() for path in options.notebooks] or sorted((ROOT / "nbs").rglob("[0-9]*.ipynb"))
    notebooks = [path for path in notebooks if ".ipynb_checkpoints" not in path.parts]
    if options.jobs > 1:
        faults = run_all(notebooks, options.jobs)
    else:
        faults = [fault for fault in map(run_notebook, notebooks) if fault]
    if faults:
        print("\n".join(sorted(faults)))
        sys.exit(1)


if __name__ == "__main__":
    main()
