"""Runs companion notebooks top to bottom and keeps their outputs: figures and tables, not widgets, whose state is gone with the kernel.

python tools/run_companion_notebooks.py                      all of nbs/explore
python tools/run_companion_notebooks.py transport_plans ...  some
"""

import sys, tempfile, time
from pathlib import Path
import nbformat
from nbclient import NotebookClient

EXPLORE = Path(__file__).resolve().parent.parent / "nbs" / "explore"
VIEW = "application/vnd.jupyter.widget-view+json"


def tidy(nb):
    "Without widgets, warnings of progress bars and execution times"
    nb.metadata.pop("widgets", None)
    for c in nb.cells:
        c.metadata.pop("execution", None)
        if c.cell_type == "code":
            c.outputs = [o for o in c.outputs if VIEW not in o.get("data", {}) and o.get("name") != "stderr"]
    return nb


def execute(path):
    "Run one notebook in an empty folder and write it back"
    nb, start = nbformat.read(path, 4), time.time()
    with tempfile.TemporaryDirectory() as d:
        NotebookClient(nb, timeout=600, kernel_name="python3", resources=dict(metadata=dict(path=d))).execute()
    nbformat.write(tidy(nb), path)
    print(f"{path.stem}: {time.time() - start:.0f} s, {path.stat().st_size / 1000:.0f} kB")


def main(names):
    for path in sorted(EXPLORE.glob("*.ipynb")):
        if not names or path.stem in names:
            execute(path)


if __name__ == "__main__":
    main(sys.argv[1:])
