"""What a method costs, as ratios: 25 stacked repeats over one repeat, and every method over `student_only`.

    python benchmarks/performance/stacked_training.py                        every method on the embedded sets, some two hours on one core
    python benchmarks/performance/stacked_training.py --methods kd,mtpkd     some of them; --quick: tiny sizes, to see that it works

A method's time is that of `experiments.run_method`: its students, its predictions and scores on the test rows, and whatever teachers nobody has trained before it. So
two times are measured: `alone`, in an empty context, teachers included, and `added`, in a context where the teachers and students that other methods share are trained
already (all methods have been there once; only what carries this method's name is trained again). Repeats are folds x seeds of the set's protocol. One repeat and the whole stack are timed in turn, in
alternating order, on one core and one thread; reported are medians with the smallest and largest. `25 over 1` above 25 would mean that stacking is no gain.
"""

import sys
from pathlib import Path
import os

if __name__ == "__main__":  # before torch is imported: one core, one thread
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    for name in ("OMP", "MKL", "OPENBLAS", "NUMEXPR"):
        os.environ.setdefault(f"{name}_NUM_THREADS", "1")
import argparse, gc, statistics, time
from mtpkd.core.runtime import torch_threads

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # what the benchmarks share
from bench_tables import number, processor, versions, write_csv
from mtpkd.distillation.artifacts import ReportedKey, StudentKey
from mtpkd.distillation.methods import CONTROLS, methods
from mtpkd.experiments.plan import plan_experiment
from mtpkd.experiments.scoring import open_context, run_method

USED = "torch", "numpy", "scikit-learn"
METHODS = [
    m for m in methods.names() if m not in CONTROLS and not methods.get(m).bags
]  # weakly paired data are another experiment
COLUMNS = [
    "data",
    "method",
    "repeats",
    "time",
    "seconds",
    "low",
    "high",
    "over_one",
    "over_one_low",
    "over_one_high",
    "over_student",
    "per_repeat",
]

# --- what is timed --------------------------------------------------------------------------------------------------------------------


def clock(act) -> float:
    gc.collect()
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def again(plan, room, method: str) -> float:  # seconds
    "Train one method once more where everything that others share is there; the room is left as it was"
    before = dict(room.artifacts.items())
    for key in before:
        if key == ReportedKey(method) or (isinstance(key, StudentKey) and key.method == method):
            room.artifacts.discard(key)
    seconds = clock(lambda: run_method(plan, room, method))
    for key in dict(room.artifacts.items()):
        room.artifacts.discard(key)
    for key, artifact in before.items():
        room.artifacts.put(key, artifact)
    return seconds


def turns(one, many, n: int) -> list:  # `n` times (seconds of one, seconds of many)
    "Two actions in turn, the order swapped from turn to turn"
    found = []
    for i in range(n):
        if i % 2:
            b, a = many(), one()
        else:
            a, b = one(), many()
        found.append((a, b))
    return found


def measure(plan, method: str, rooms, n: int) -> dict:  # "alone" and "added" -> times of one repeat and of the stack
    "Both times of a method"
    sizes = (1, len(plan.folds))
    alone = turns(
        *((lambda r=r: clock(lambda: run_method(plan, open_context(plan, plan.folds[:r]), method))) for r in sizes), n
    )
    added = turns(*((lambda room=room: again(plan, room, method)) for room in rooms), n)
    return dict(alone=alone, added=added)


# --- rows -----------------------------------------------------------------------------------------------------------------------------


def as_rows(data: str, repeats: int, times: dict) -> list:  # method -> what `measure` found
    "One row a method and kind of time"
    base, rows = {k: statistics.median(b for _, b in v) for k, v in times["student_only"].items()}, []
    for method, found in times.items():
        for kind, pairs in found.items():
            many, ratios = [b for _, b in pairs], [b / a for a, b in pairs]
            middle = statistics.median(many)
            rows.append(
                dict(
                    data=data,
                    method=method,
                    repeats=repeats,
                    time=kind,
                    seconds=middle,
                    low=min(many),
                    high=max(many),
                    over_one=statistics.median(ratios),
                    over_one_low=min(ratios),
                    over_one_high=max(ratios),
                    over_student=middle / base[kind],
                    per_repeat=statistics.median(ratios) / repeats,
                )
            )
    return rows


def rows_of(data: str, o) -> list:
    "All methods on one data set"
    plan = plan_experiment(
        manifest=data, methods=o.methods, seeds=list(range(o.seeds)), folds=o.folds, config=o.config, device="cpu"
    )
    rooms, times = [open_context(plan, plan.folds[:r]) for r in (1, len(plan.folds))], {}
    for room in rooms:
        for m in o.methods:
            run_method(plan, room, m)  # warm: teachers, students that others distil from
    for m in o.methods:
        times[m] = measure(plan, m, rooms, o.turns)
        alone = statistics.median(b for _, b in times[m]["alone"])
        print(
            f"{data:<12} {m:<16} {len(plan.folds)} repeats: {alone:7.2f} s alone, {statistics.median(b for _, b in times[m]['added']):7.2f} s added",
            flush=True,
        )
    return as_rows(data, len(plan.folds), times)


def markdown(rows) -> str:
    "The ratios as a table: a line for every method, by data"
    many = rows[0]["repeats"]
    lines = [
        f"| data | method | {many} repeats over 1, alone | over `student_only`, alone | {many} repeats over 1, added | over `student_only`, added | seconds, alone |",
        "|---" * 7 + "|",
    ]
    by = {(r["data"], r["method"], r["time"]): r for r in rows}
    cell = lambda r: (
        f"{number(r['over_one'])} [{number(r['over_one_low'])}, {number(r['over_one_high'])}] | {number(r['over_student'])}"
    )
    for data, m in dict.fromkeys((r["data"], r["method"]) for r in rows):
        alone, added = (by[data, m, k] for k in ("alone", "added"))
        lines.append(f"| {data} | `{m}` | {cell(alone)} | {cell(added)} | {alone['seconds']:.2f} |")
    return "\n".join(lines)


# --- the command ----------------------------------------------------------------------------------------------------------------------

TINY = dict(
    schedule=dict(steps=4, evaluate=4, batch=14, pool_batch=14),
    teachers=dict(steps=4, ensemble=1, inner_folds=2),
    encoder=dict(width=8, depth=1),
    fusion=dict(heads=2),
    self_distillation=dict(steps=2, batch=16),
    student=dict(tnet_steps=2),
    ot=dict(k=6),
)


def options(argv=None):
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("--data", default="watch,mfeat", help="shipped sets or paths of manifests, by comma")
    a.add_argument("--methods", help=f"by comma; student_only is always there; default: {', '.join(METHODS)}")
    a.add_argument("--folds", type=int, default=5)
    a.add_argument("--seeds", type=int, default=5, help="how many; repeats are folds x seeds, at most 25 in a stack")
    a.add_argument("--turns", type=int, default=3, help="how often everything is timed")
    a.add_argument("--steps", type=int, help="of students and teachers; default: that of the settings")
    a.add_argument(
        "--quick", action="store_true", help="tiny sizes, two methods: shows that everything runs, measures nothing"
    )
    a.add_argument("--out", metavar="CSV", help="also write the rows to this file")
    o = a.parse_args(argv)
    asked = (o.methods or ("kd" if o.quick else ",".join(METHODS))).split(",")
    if unknown := {*asked} - {*METHODS}:
        a.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(METHODS)}")
    o.methods, o.data = list(dict.fromkeys(["student_only", *asked])), o.data.split(",")
    if o.quick:
        o.data, o.folds, o.seeds, o.turns = o.data[:1], 2, 2, 2
    if o.folds * o.seeds > 25 or o.folds < 2 or min(o.seeds, o.turns) < 1:
        a.error(f"{o.folds} folds x {o.seeds} seeds, {o.turns} turns: expected 2 to 25 repeats and at least one turn")
    o.config = TINY if o.quick else dict(schedule=dict(steps=o.steps), teachers=dict(steps=o.steps)) if o.steps else {}
    return o


def main(argv=None):
    with torch_threads(1):  # without subnormal numbers, as `mtpkd.run` does; the process is left as it was
        return publish(options(argv))


def publish(o):
    "Print and write the times of all sets, and return them"
    print(
        f"{processor()}, one core; {versions(USED)}\n{o.folds} folds x {o.seeds} seeds, {o.turns} turns; seconds are medians"
    )
    rows = [r for data in o.data for r in rows_of(data, o)]
    if o.out:
        write_csv(rows, o.out, COLUMNS, USED)
    print("\n" + markdown(rows))
    return rows


if __name__ == "__main__":
    main()
