"""What a run costs in a sweep, beyond what it costs to call the library: processor seconds a run.

    python benchmarks/performance/sweeps.py [--runs 20] [--out results/bench_sweeps.csv]

The same small experiments are done three times: by `mtpkd.sweep`, one papermill run with a kernel of its own each; by one Python process that runs the code cells of the same notebook one after another;
and by the library alone, `mtpkd.run(...).report()` in one process, without a notebook and its figures. The times count all processes, imports included. The limit is on the first beyond the last."""

import argparse, json, os, resource, subprocess, sys, tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # what the benchmarks share
from bench_tables import write_csv

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tests" / "support"))
LIMIT = 1.5  # seconds a run

DIRECT = """
import json, sys
import mtpkd
for run in json.loads(sys.argv[1]): mtpkd.run(**run, progress=False).report()
"""
CELLS = """
import io, json, sys, contextlib
cells = json.loads(sys.argv[2])
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for run in json.loads(sys.argv[1]):
    shell.push(json.loads(sys.argv[3]) | run)
    with contextlib.redirect_stdout(io.StringIO()):
        for cell in cells: shell.run_cell(cell).raise_error()
"""
SWEEP = """
import json, sys
import mtpkd
made = mtpkd.sweep(json.loads(sys.argv[1]), sys.argv[2], jobs=1, progress=False)
assert len(made.done) == len(made.cells), made.failed
"""


def seconds(code, *args):
    "Processor time of a Python process and of everything it started"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-c", code, *args],
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def notebook_cells() -> tuple:  # parameters with their defaults, sources of the other cells
    "The experiment notebook as it stands"
    from mtpkd.execution.notebook_parameters import find_notebook

    cells = [cell for cell in json.loads(find_notebook().read_text())["cells"] if cell["cell_type"] == "code"]
    sources = {True: [], False: []}
    for cell in cells:
        sources["parameters" in cell["metadata"].get("tags", [])].append("".join(cell["source"]))
    parameters = {}
    exec("\n".join(sources[True]), {}, parameters)
    return parameters, sources[False]


def measure(runs: int) -> dict:
    "Processor seconds a run, three ways"
    from tiny_runs import make_set, quick

    with tempfile.TemporaryDirectory() as d:
        manifest = str(make_set(Path(d) / "set"))
        asked = [dict(manifest=manifest, methods=["kd"], seeds=[i], config=quick()) for i in range(runs)]
        ways = {
            name: json.dumps([a | dict(out=f"{d}/{name}/{i}") for i, a in enumerate(asked)])
            for name in ("library", "cells")
        }
        found = dict(
            sweep=seconds(
                SWEEP,
                json.dumps(dict(fixed=asked[0] | dict(seeds=None), grid=dict(seeds=[a["seeds"] for a in asked]))),
                f"{d}/sweep",
            ),
            cells=seconds(CELLS, ways["cells"], *map(json.dumps, reversed(notebook_cells()))),
            library=seconds(DIRECT, ways["library"]),
        )
    return {k: v / runs for k, v in found.items()}


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--runs", type=int, default=20)
    p.add_argument("--out", help="a CSV")
    o = p.parse_args()
    n, found = o.runs, measure(o.runs)
    print(f"processor seconds a run, {n} runs")
    for name, words in (
        ("sweep", "mtpkd sweep: papermill, a kernel a run"),
        ("cells", "the notebook's cells in one process"),
        ("library", "mtpkd.run(...).report(), no figures in a notebook"),
    ):
        print(f"{found[name]:7.2f}   {words}")
    print(f"{found['sweep'] - found['cells']:7.2f}   the sweep beyond the same cells in one process")
    print(f"{found['sweep'] - found['library']:7.2f}   the sweep beyond the library alone (at most {LIMIT})")
    if o.out:
        write_csv(
            [
                dict(what=k, runs=n, seconds=v, over_library=v - found["library"], limit=LIMIT if k == "sweep" else "")
                for k, v in found.items()
            ],
            o.out,
            ["what", "runs", "seconds", "over_library", "limit"],
            ("papermill", "nbclient", "ipykernel", "plotly", "torch"),
        )
    sys.exit(found["sweep"] - found["library"] > LIMIT)
