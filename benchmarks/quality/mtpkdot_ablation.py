"""The ablations of MT-PKDOT as a paper prints them: every run of a sweep, and what it lacks to the whole method.

    mtpkd sweep configs/sweeps/mtpkdot_ablation.yaml --jobs 2
    python benchmarks/quality/mtpkdot_ablation.py runs/mtpkdot_ablation --out results/mtpkdot_ablation.csv

A row is a method of one run: its mean score and its difference to `student_only` of the same run, and its difference to
`mtpkdot` of the first run, which changes nothing, over the same folds and seeds. Intervals and p are those of the
corrected resampled t-test, not corrected for the number of rows.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench_tables import write_csv
from mtpkd.core.errors import InputError
from mtpkd.distillation.methods import BASELINE
from mtpkd.execution.sweep_folder import SweepFolder
from mtpkd.experiments.comparison import compare
from mtpkd.experiments.run_folder import RunFolder

COLUMNS = "change method mean diff low high p whole_minus whole_low whole_high whole_p repeats".split()
WHOLE = "mtpkdot"


def change_of(cell, first) -> str:
    "What a run changes: the settings that the first one does not have"
    changed = {key: value for key, value in cell.requested.items() if first.requested.get(key) != value}
    if set(changed) == {"methods"}:
        return ""
    return ", ".join(f"{key}={value}" for key, value in changed.items())


def rows_of(cell, first, path: Path) -> list:
    "A row for each method of a run, without those that the first run has under the same settings"
    run = RunFolder(path / cell.key)
    rows = []
    for name, own in run.summary.methods.items():
        is_whole = name == WHOLE and not change_of(cell, first) and cell is not first
        if name == BASELINE or run.summary.is_candidate(name) or is_whole or own.mean is None:
            continue
        row = dict(change=change_of(cell, first), method=name, mean=own.mean, diff=own.diff, low=own.low, high=own.high)
        rows.append(row | dict(p=own.p, repeats=own.n) | minus_whole(path / first.key, path / cell.key, name))
    return rows


def minus_whole(first: Path, folder: Path, name: str) -> dict:
    "The method of a run minus the whole method of the first run, as columns"
    if folder == first:
        return {}
    pair = compare(folder, first, [name, WHOLE]).iloc[0]
    return dict(whole_minus=pair["diff"], whole_low=pair["low"], whole_high=pair["high"], whole_p=pair["p"])


def main(args=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", help="folder of the sweep")
    parser.add_argument("--out", help="CSV file")
    options = parser.parse_args(args)
    folder = SweepFolder(options.sweep)
    if folder.cells[0] not in folder.done:
        raise InputError(f"{options.sweep}: the first run, with which all others are compared, is not finished")
    rows = [row for cell in folder.done for row in rows_of(cell, folder.cells[0], folder.path)]
    for row in rows:
        said = f"{100 * row['mean']:5.1f} {100 * row['diff']:+5.1f}"
        if "whole_minus" in row:
            low, high = 100 * row["whole_low"], 100 * row["whole_high"]
            said += f"  {100 * row['whole_minus']:+5.1f} [{low:+.1f}, {high:+.1f}]"
        print(f"{row['method']:24s}{said}  {row['change']}")
    if options.out:
        write_csv(rows, options.out, COLUMNS, ("torch", "numpy"))


if __name__ == "__main__":
    try:
        main()
    except InputError as e:
        print(e, file=sys.stderr)
        sys.exit(2)
