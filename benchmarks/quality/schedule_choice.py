"""What it is worth to choose schedules, and to fall back, once for a run instead of once for each of its repeats.

    python benchmarks/quality/schedule_choice.py runs/verdicts/watch runs/verdicts/zer --out results/schedule_choice.csv

A run trains every method under every candidate schedule and reports the one with the best mean inner validation over
all repeats; one with noise on the inputs, or the fall-back, only where it is better by more than a standard error. Here
its tables are read again, and every repeat takes the candidate that its own inner validation prefers; for a method that
falls back the student alone is one more candidate. `diff` is what the choice for the run scores above that on the test
rows, with the interval of the corrected resampled t-test; `diff_of_means` the same for a choice by the largest mean
alone, without the standard error.

No choice reads a test row of the fold it is made for. But the mean over all repeats also reads inner validation rows of
other repeats, and among these are rows that this repeat tests: the choice for each repeat is free of that.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import numpy as np
import pandas as pd

from bench_tables import write_csv
from mtpkd import RunFolder
from mtpkd.core.errors import InputError
from mtpkd.distillation.methods import BASELINE, method_names, parse_row
from mtpkd.evaluation.metrics import direction
from mtpkd.evaluation.statistics import corrected_t

COLUMNS = "set method candidates repeats for_the_run for_each_repeat diff low high p diff_of_means".split()


def wide(run: RunFolder) -> tuple:  # values and inner validation: a row a repeat, a column a row of the report
    "The test scores and the inner validation of every row in every repeat"
    results = run.results[["method", "seed", "fold", "value"]]
    history = run.history
    measured = history[(history["name"] == "validation") & (history["stage"] == "student")]
    last = measured.sort_values("step").groupby(["method", "seed", "fold"])["value"].last().reset_index()
    return tuple(table.pivot(index=["seed", "fold"], columns="method", values="value") for table in (results, last))


def ranked(validation: pd.DataFrame, sign: float) -> np.ndarray:  # a row a repeat, larger is better
    "Inner validation; of a repeat that has diverged the worst there is"
    return np.nan_to_num(sign * validation.to_numpy(), nan=-np.inf)


def chosen_by_repeat(values: pd.DataFrame, validation: pd.DataFrame, sign: float) -> np.ndarray:
    "The test score of every repeat under the candidate that its own inner validation prefers"
    best = ranked(validation, sign).argmax(1)
    return values[validation.columns].to_numpy()[np.arange(len(values)), best]


def chosen_by_mean(values: pd.DataFrame, validation: pd.DataFrame, sign: float) -> np.ndarray:
    "The test scores under the candidate with the largest mean inner validation"
    return values[validation.columns[ranked(validation, sign).mean(0).argmax()]].to_numpy()


def rows_of(folder: Path) -> list:
    "A row a method of a run folder"
    run = RunFolder(folder)
    if run.summary["checkpoint"] != "last":
        raise InputError(f"{folder}: its students are not those of the last step; give a run with checkpoint: last")
    values, validation = wide(run)
    sign, rho = direction(run.summary["metric"]), run.summary["test"]["rho"]
    rows = []
    for method, scores in run.summary["schedule_scores"].items():
        names = [f"{method}:{schedule}" for schedule in scores]
        if parse_row(method).without or len(names) < 2:
            continue
        if method in method_names(falls_back=True):
            names.append(BASELINE)
        missing = [name for name in names if name not in validation]
        if missing:
            raise InputError(
                f"{folder}: history.csv has no inner validation of {missing[0]}; give a complete run folder"
            )
        of_candidates = validation.loc[values.index, names]
        own = chosen_by_repeat(values, of_candidates, sign)
        pooled = values[method].to_numpy()
        t = corrected_t(pooled - own, rho, df=run.summary.test.df)
        by_mean = chosen_by_mean(values, of_candidates, sign)
        means = dict(for_the_run=pooled.mean(), for_each_repeat=own.mean(), diff_of_means=(by_mean - own).mean())
        facts = dict(set=Path(folder).name, method=method, candidates=len(names), repeats=len(own))
        rows.append(facts | means | dict(diff=t.mean, low=t.low, high=t.high, p=t.p))
    return rows


def main(args=None) -> list:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, help="finished run folders")
    parser.add_argument("--out", help="CSV file; its rows of other sets stay")
    chosen = parser.parse_args(args)
    rows = [row for folder in chosen.folders for row in rows_of(folder)]
    for row in rows:
        print(
            f"{row['set']:14s} {row['method']:20s} {100 * row['for_the_run']:5.1f} {100 * row['for_each_repeat']:5.1f} "
            f"{100 * row['diff']:+5.1f} [{100 * row['low']:+.1f}, {100 * row['high']:+.1f}]"
        )
    if rows:
        means = pd.DataFrame(rows).groupby("set")["diff"].mean()
        print("mean over methods: " + ", ".join(f"{name} {100 * value:+.2f}" for name, value in means.items()))
    if chosen.out:
        write_csv(rows, chosen.out, COLUMNS, ("numpy", "scipy"), keep_other="set")
    return rows


if __name__ == "__main__":
    try:
        main()
    except InputError as e:
        print(e, file=sys.stderr)
        sys.exit(2)
