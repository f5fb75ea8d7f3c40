"""How often a verdict calls a method significant where there is nothing to find.

    python benchmarks/quality/false_alarms.py --out results/false_alarms.csv      200 runs a design, about 40 minutes
    python benchmarks/quality/false_alarms.py --runs 10                           to see that it works

Every run is a new synthetic set with its own subjects and labels. Two nulls: `noise`, the privileged modality is noise,
so that whatever is significant owes nothing to it; `permuted`, the labels are permuted too, so that nothing at all can be
learnt and every difference is chance. Every method is trained under both candidate schedules and reported under the one
that inner validation prefers, as in any run. The designs: folds redrawn for two seeds, and one fixed split.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import numpy as np
import pandas as pd

import mtpkd
from bench_tables import write_csv
from mtpkd.core.runtime import rng
from mtpkd.data.save import save_set
from mtpkd.data.synthetic import synthetic
from mtpkd.distillation.methods import parse_row

METHODS = "self_training,kd,pkdot,mtpkdot,mtpkd".split(",")
SMALL = dict(
    schedule=dict(steps=24, evaluate=12, batch=16, pool_batch=16),
    teachers=dict(steps=24, ensemble=1),
    encoder=dict(width=16, depth=1),
    fusion=dict(heads=2),
    self_distillation=dict(steps=12, batch=32),
    student=dict(tnet_steps=12),
    ot=dict(k=10),
)
COLUMNS = "null design method runs significant better rate low high mean_difference".split()


def make_set(folder: Path, run: int, null: str, design: str) -> Path:
    "A set whose privileged modality is noise; returns its manifest"
    samples = synthetic(subjects=16, per_subject=12, seed=1000 + run)
    random = rng("false alarms", null, design, run)
    samples.arrays["physio"] = random.normal(size=samples.arrays["physio"].shape).astype("float32")
    target = random.permutation(samples.target) if null == "permuted" else samples.target
    subjects = sorted(set(samples.subject))
    folds = 4
    if design == "fixed":
        folds = dict(train=subjects[:8], val=subjects[8:10], test=subjects[10:])
    return save_set(
        folder,
        "null",
        samples.arrays,
        target,
        samples.task,
        samples.subject,
        samples.sample,
        roles=dict(face="prevalent", physio="privileged", voice="unused"),
        protocol=dict(folds=folds, labelled=40, labelled_validation=20, metric="balanced_accuracy"),
    )


def one_run(run: int, null: str, design: str) -> list:
    "Rows (method, p, difference) of one verdict"
    with tempfile.TemporaryDirectory() as folder:
        manifest = make_set(Path(folder) / "set", run, null, design)
        seeds = [0, 1] if design == "redrawn" else [0, 1, 2]
        found = mtpkd.run(
            str(manifest), methods=METHODS, seeds=seeds, config=SMALL, out=Path(folder) / "run", progress=False
        )
        rows = found.summary.methods.items()
        return [(name, row.p, row.diff) for name, row in rows if name in METHODS and not parse_row(name).schedule]


def interval(successes: int, n: int) -> tuple:
    "95% interval of a rate (Wilson 1927)"
    z, rate = 1.96, successes / n
    centre, half = rate + z * z / (2 * n), z * np.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)


def study(null: str, design: str, runs: int) -> list:
    "A row a method"
    found = []
    for run in range(runs):
        found += one_run(run, null, design)
        if run % 20 == 19:
            print(f"{null}, {design}: {run + 1} of {runs} runs", flush=True)
    table = pd.DataFrame(found, columns=["method", "p", "diff"])
    rows = []
    for method, part in table.groupby("method", sort=False):
        significant = part["p"] < 0.05
        low, high = interval(int(significant.sum()), len(part))
        rows.append(
            dict(
                null=null,
                design=design,
                method=method,
                runs=len(part),
                significant=int(significant.sum()),
                better=int((significant & (part["diff"] > 0)).sum()),
                rate=significant.mean(),
                low=low,
                high=high,
                mean_difference=part["diff"].mean(),
            )
        )
    return rows


def main(args=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--null", choices=["noise", "permuted"], help="one of them; both if left out")
    parser.add_argument("--design", choices=["redrawn", "fixed"], help="one of them; both if left out")
    parser.add_argument("--out", help="CSV file")
    options = parser.parse_args(args)
    rows = []
    for null in [options.null] if options.null else ["noise", "permuted"]:
        for design in [options.design] if options.design else ["redrawn", "fixed"]:
            rows += study(null, design, options.runs)
    for row in rows:
        print(
            f"{row['null']:9s} {row['design']:8s} {row['method']:14s} {row['significant']:3d} of {row['runs']} significant "
            f"({100 * row['rate']:.1f}% [{100 * row['low']:.1f}, {100 * row['high']:.1f}]), "
            f"mean difference {100 * row['mean_difference']:+.1f}"
        )
    if options.out:
        write_csv(rows, options.out, COLUMNS, ("torch", "numpy", "scipy"))


if __name__ == "__main__":
    main()
