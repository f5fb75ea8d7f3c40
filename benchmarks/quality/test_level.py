"""How often the tests of a verdict are significant where two methods are equally good, by design.

    python benchmarks/quality/test_level.py --out results/test_level.csv      some minutes on one core
    python benchmarks/quality/test_level.py --runs 20                         to see that it works

Two methods that differ in nothing but what they see: each classifies by the nearest class mean of its own features,
and both kinds of features are drawn from one distribution: the same class means, other noise and another offset for
every subject. Neither is better, so
that a significant difference is a false alarm; 5% are expected of an exact test. The folds are those of a run
(`draw_folds`), and the test is the one that a run of this design takes (`test_design`).

`few`: the methods learn from 60 labelled rows, and the rest of the training folds is the pool; `pool`: they learn the
labels of the pool, too, as far as a method that distils it with perfect targets could; `all`: no pool.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).parents[1]))
import numpy as np

from bench_tables import rate_interval, write_csv
from mtpkd.core.config import ExperimentConfig
from mtpkd.core.runtime import rng
from mtpkd.data.manifest import TaskSpec
from mtpkd.data.samples import make_samples
from mtpkd.evaluation.bootstrap import TestSet, bootstrap_test
from mtpkd.evaluation.statistics import corrected_t
from mtpkd.experiments.settings import draw_folds
from mtpkd.experiments.verdict import test_design

SUBJECTS, ROWS, CLASSES, WIDTH = 20, 30, 3, 6  # of a simulated set: rows of a subject, features of a method
METRIC = "balanced_accuracy"
COLUMNS = "folds seeds labels test subject_sd runs false_alarms rate low high".split()


@dataclass(frozen=True)
class Design:
    "Folds and seeds of a run, and which labels its methods learn from"

    folds: object  # a number, `loso`, or the subjects of one split
    seeds: int
    labels: str  # few, pool, all


def designs() -> list:
    "The designs that are studied"
    names = [subject_name(i) for i in range(SUBJECTS)]
    split = dict(train=names[:12], val=names[12:14], test=names[14:])
    found = [
        Design(folds, seeds, labels) for folds, seeds in ((5, 5), ("loso", 2)) for labels in ("few", "pool", "all")
    ]
    return [*found, Design(split, 5, "few"), Design(split, 5, "all")]


def subject_name(number: int) -> str:
    return f"s{number:02d}"


def simulated(run: int, subject_sd: float):
    "The samples of a run: two sets of features, neither better than the other"
    random = rng("level of tests", run, subject_sd)
    subject = np.repeat(np.arange(SUBJECTS), ROWS)
    target = random.integers(0, CLASSES, len(subject))
    arrays, centres = {}, random.normal(size=(CLASSES, WIDTH))
    for name in ("first", "second"):
        offsets = subject_sd * random.normal(size=(SUBJECTS, WIDTH))
        arrays[name] = centres[target] + offsets[subject] + 1.5 * random.normal(size=(len(subject), WIDTH))
    task = TaskSpec(kind="classification", target="state", classes=[f"state {i}" for i in range(CLASSES)])
    return make_samples(arrays, target, task, subject=[subject_name(i) for i in subject])


def scores_of_classes(x, target, train, test) -> np.ndarray:  # `(N, C)`
    "Probabilities by the distance to the class means of the training rows"
    means = np.stack([x[train[target[train] == c]].mean(0) for c in range(CLASSES)])
    square = ((x[test][:, None] - means) ** 2).sum(-1)
    weights = np.exp(-(square - square.min(-1, keepdims=True)) / 2)
    return weights / weights.sum(-1, keepdims=True)


def recall(target, scores) -> float:
    "Balanced accuracy"
    hit = scores.argmax(1) == target
    return float(np.mean([hit[target == c].mean() for c in np.unique(target)]))


def p_value(design: Design, run: int, subject_sd: float) -> tuple:  # p, name of the test
    "The p value of one simulated comparison"
    samples = simulated(run, subject_sd)
    labels = dict(labelled=0 if design.labels == "all" else 60, labelled_validation=0 if design.labels == "all" else 40)
    seeds = tuple(range(design.seeds * run, design.seeds * (run + 1)))
    config = ExperimentConfig(folds=design.folds, seeds=seeds, prevalent=("first",), **labels)
    folds = draw_folds(config, samples)
    test = test_design(SimpleNamespace(folds=folds, samples=samples, config=config, cut=""))
    differences, test_sets = [], []
    for fold in folds:
        train = np.concatenate([fold.train, fold.pool]) if design.labels == "pool" else fold.train
        target = samples.target[fold.test]
        own = [scores_of_classes(samples.arrays[name], samples.target, train, fold.test) for name in samples.arrays]
        differences.append(recall(target, own[0]) - recall(target, own[1]))
        test_sets.append(TestSet(target, *own, samples.subject[fold.test]))
    if test.kind == "bootstrap":
        return bootstrap_test(METRIC, test_sets).p, test.kind
    return corrected_t(np.array(differences), test.rho, df=test.df).p, test.kind


def study(design: Design, subject_sd: float, runs: int) -> dict:
    "False alarms of one design"
    found = [p_value(design, run, subject_sd) for run in range(runs)]
    alarms = sum(p < 0.05 for p, _ in found)
    low, high = rate_interval(alarms, runs)
    folds = "fixed" if isinstance(design.folds, dict) else design.folds
    facts = dict(folds=folds, seeds=design.seeds, labels=design.labels, test=found[0][1], subject_sd=subject_sd)
    return facts | dict(runs=runs, false_alarms=alarms, rate=alarms / runs, low=low, high=high)


def main(args=None) -> list:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--out", help="CSV file")
    chosen = parser.parse_args(args)
    if chosen.runs < 1:
        parser.error(f"--runs is {chosen.runs}; expected at least 1")
    rows = []
    for subject_sd in (0.0, 1.0):
        for design in designs():
            row = study(design, subject_sd, chosen.runs)
            rows.append(row)
            share = f"{100 * row['rate']:.1f}% [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
            where = f"{row['folds']!s:6s} x {row['seeds']}, labels {row['labels']:5s}"
            print(f"{where} subjects' sd {subject_sd:.0f}, {row['test']:10s} {share} of {row['runs']} runs", flush=True)
    if chosen.out:
        write_csv(rows, chosen.out, COLUMNS, ("numpy", "scipy"))
    return rows


if __name__ == "__main__":
    main()
