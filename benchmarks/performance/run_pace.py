"""How much quicker the training of the demonstration is in one checkout than in another, in processor time.

    git worktree add --detach ../before COMMIT
    python benchmarks/performance/run_pace.py --before ../before --out results/bench_pace.csv
    python benchmarks/performance/run_pace.py --before . --set schedule.compile=true --warm      what a setting gives

Both checkouts run the experiments of `mtpkd demo` (its settings, its seed, one schedule) in processes of their own, in turn, the order swapped from turn to turn. Counted
is processor time, user and system: on a machine that others use it moves little where the time on the clock moves by half. `start` is the import of what a run needs,
`run` the whole of `mtpkd.run` after it, from reading the data to the summary. Reported are medians of the turns and the ratios of each turn. Every process also prints the scores of all methods; a
difference between the checkouts is reported beside the ratios. `--set` changes a setting of the newer one, `--both` of both, `--warm` first runs it once that is not
counted, so that a compiler's cache on disk is full.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # what the benchmarks share
from bench_tables import processor, write_csv

COLUMNS = [
    "data",
    "methods",
    "settings",
    "part",
    "before",
    "now",
    "ratio",
    "ratio_low",
    "ratio_high",
    "turns",
    "score_difference",
]
USED = "torch", "numpy"
PARTS = ("start", "run", "total")


def settings_of_demo():
    "Settings and the first seed of `mtpkd demo`"
    from mtpkd.core.yaml_files import read_yaml
    from mtpkd.execution.notebook_parameters import batch_folder

    frozen = read_yaml(batch_folder() / "demo.yaml")
    config = frozen["settings"] | {"schedules": frozen["demonstration"]["schedules"]}
    return config, frozen["seeds"][:1]


def processor_seconds() -> float:
    "Used by this process, and by those that it has started and waited for, such as a compiler"
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def run_once(data: str, methods: str | None, settings: list, frozen: str) -> None:
    "One run in this process, with the frozen settings and seeds as JSON; prints processor seconds and scores as JSON"
    import mtpkd
    import mtpkd.experiments.runner

    started = processor_seconds()  # what the process has used until here is the start
    config, seeds = json.loads(frozen)
    chosen = {"methods": methods} if methods else {}
    with tempfile.TemporaryDirectory() as folder:
        run = mtpkd.run(
            data, config=config, seeds=seeds, out=Path(folder) / "run", progress=False, set=settings, **chosen
        )
        scores = {name: row["mean"] for name, row in run.summary["methods"].items()}
    ended = processor_seconds()
    print(json.dumps({"start": started, "run": ended - started, "total": ended, "scores": scores}))


def measure(checkout: Path, data: str, methods: str | None, settings: list) -> dict:
    "The same in a process of its own, with the library of a checkout"
    frozen = json.dumps(settings_of_demo())  # of this checkout: an older one may keep them elsewhere
    command = [sys.executable, __file__, "--once", frozen, "--data", data]
    if methods:
        command += ["--methods", methods]
    for setting in settings:
        command += ["--set", setting]
    environment = os.environ | {"PYTHONPATH": str(checkout.resolve())}
    for library in ("OMP", "MKL", "OPENBLAS", "NUMEXPR"):
        environment[f"{library}_NUM_THREADS"] = "1"
    done = subprocess.run(command, env=environment, cwd=tempfile.gettempdir(), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{checkout}: the run failed\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _asked(chosen, data: str, side: int) -> tuple:  # arguments of `measure`
    "Of the older (0) or the newer (1) side"
    settings = chosen.both + (chosen.set if side else [])
    return chosen.now if side else chosen.before, data, chosen.methods, settings


def compare(chosen, data: str) -> list:
    "Rows of the table of one set"
    pairs, turns = [], chosen.turns
    if chosen.warm:
        measure(*_asked(chosen, data, 1))
    for turn in range(turns):
        order = (0, 1) if turn % 2 == 0 else (1, 0)
        measured = {side: measure(*_asked(chosen, data, side)) for side in order}
        pairs.append((measured[0], measured[1]))
        ratio = measured[0]["run"] / measured[1]["run"]
        print(f"{data}, turn {turn + 1}: run {ratio:.2f} times quicker", flush=True)
    first, second = pairs[0][0]["scores"], pairs[0][1]["scores"]
    difference = max(abs(first[name] - second[name]) for name in first)
    rows = []
    for part in PARTS:
        ratios = [a[part] / b[part] for a, b in pairs]
        row = dict(
            data=data,
            methods=" ".join(first),
            settings=" ".join(chosen.both + chosen.set),
            part=part,
            turns=turns,
            score_difference=difference,
        )
        row["before"] = statistics.median(a[part] for a, _ in pairs)
        row["now"] = statistics.median(b[part] for _, b in pairs)
        row |= dict(ratio=statistics.median(ratios), ratio_low=min(ratios), ratio_high=max(ratios))
        rows.append(row)
    return rows


def options(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--before", type=Path, help="the older checkout")
    parser.add_argument("--now", type=Path, default=Path(__file__).resolve().parents[2], help="the newer one; this one")
    parser.add_argument("--data", default="watch,mfeat", help="shipped sets, by comma")
    parser.add_argument("--methods", help="by comma; default: those of the demonstration")
    parser.add_argument("--set", action="append", default=[], help="a setting of the newer one, such as a.b=c")
    parser.add_argument("--both", action="append", default=[], help="a setting of both")
    parser.add_argument("--warm", action="store_true", help="run the newer one once before anything is counted")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--out", metavar="CSV", help="also write the rows to this file")
    parser.add_argument("--once", metavar="JSON", help=argparse.SUPPRESS)
    chosen = parser.parse_args(argv)
    if not chosen.once and not chosen.before:
        parser.error("--before: name the older checkout")
    return chosen


def main(argv=None):
    chosen = options(argv)
    if chosen.once:
        return run_once(chosen.data, chosen.methods, chosen.set, chosen.once)
    print(f"{processor()}; processor seconds, one thread")
    rows = []
    for data in chosen.data.split(","):
        rows += compare(chosen, data)
    if chosen.out:
        write_csv(rows, chosen.out, COLUMNS, USED)
    for row in rows:
        times = f"{row['before']:.1f} s before, {row['now']:.1f} s now"
        bounds = f"[{row['ratio_low']:.2f}, {row['ratio_high']:.2f}]"
        print(f"{row['data']:8} {row['part']:6} {times}, ratio {row['ratio']:.2f} {bounds}")
    print(f"largest difference of a score: {max(row['score_difference'] for row in rows):.2g}")
    return rows


if __name__ == "__main__":
    main()
