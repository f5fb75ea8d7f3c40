"""How often a verdict calls a method significant where there is nothing to find.

    python benchmarks/quality/false_alarms.py --out results/false_alarms.csv --processes 2      200 runs a null and design,
                                                                                     about 3 s of processor time a run
    python benchmarks/quality/false_alarms.py --runs 10                                         to see that it works

Every run is a new synthetic set with its own subjects, labels and initial weights. Every method is trained under every
candidate schedule and reported under the one that inner validation prefers, and p is that of `compare_methods` with the
student alone, as in any run. The designs: three folds redrawn for two seeds, and one fixed split. Two nulls:

`permuted`: the privileged modality is noise and the labels are permuted. Nothing can be learnt, so that every difference
is chance and a significant one on either side is a false alarm; 5% are expected.

`noise`: the privileged modality is noise, and the labels can be learnt from the prevalent one. Here a method may truly
be worse than the student alone, since it imitates a teacher that has fitted noise; significant and worse is then no
error. The false alarm is significant and better, of which chance alone gives 2.5%. What a method learns from the
unlabelled pool without the privileged modality (self-training does so on purpose) counts against it here all the same.

The training of such small networks costs little beside starting its steps, so that the repeats of several sets are
trained in one stack (`--stack`). The numbers of a run do not depend on what it is stacked with.
"""

import argparse
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import numpy as np
import pandas as pd

from bench_tables import rate_interval, write_csv
from mtpkd.core.runtime import rng, torch_threads
from mtpkd.data.samples import Samples, make_samples
from mtpkd.data.save import save_set
from mtpkd.data.synthetic import synthetic
from mtpkd.distillation.method_resolution import get_method
from mtpkd.distillation.methods import BASELINE
from mtpkd.distillation.stages import fit_first_stages
from mtpkd.experiments.plan import ExperimentSpec, plan_experiment
from mtpkd.experiments.scoring import open_context, run_method
from mtpkd.experiments.settings import draw_folds
from mtpkd.experiments.tables import TABLES, MethodTables
from mtpkd.experiments.schedule_choice import choose_schedules, with_chosen, with_fallbacks
from mtpkd.experiments.verdict import compare_methods, test_design

METHODS = "self_training,kd,pkdot,mtpkdot,mtpkd".split(",")
NULLS = ("noise", "permuted")
DESIGNS = {"redrawn": 2, "fixed": 3}  # seeds of a run
SMALL = dict(
    schedule=dict(steps=16, evaluate=8, batch=16, pool_batch=16),
    teachers=dict(steps=24, ensemble=1),
    encoder=dict(width=16, depth=1),
    fusion=dict(heads=2),
    self_distillation=dict(steps=12, batch=32),
    student=dict(tnet_steps=12),
    ot=dict(k=10),
)
COLUMNS = "null design method runs significant better false_alarms rate low high mean_difference".split()


@dataclass(frozen=True)
class Case:
    "What is studied: which null, under which design"

    null: str
    design: str

    def seeds(self, run: int) -> tuple:
        "The seeds of a run, which no other run has"
        count = DESIGNS[self.design]
        return tuple(range(count * run, count * (run + 1)))


def null_samples(case: Case, run: int) -> Samples:
    "The set of a run: its privileged modality is noise, and under `permuted` its labels are, too"
    samples = synthetic(subjects=15, per_subject=12, seed=1000 + run)
    random = rng("false alarms", case.null, case.design, run)
    noise = random.normal(size=samples.arrays["physio"].shape).astype("float32")
    arrays = dict(face=samples.arrays["face"], physio=noise)
    target = random.permutation(samples.target) if case.null == "permuted" else samples.target
    return make_samples(arrays, target, samples.task, subject=samples.subject, sample=samples.sample)


def first_plan(case: Case) -> ExperimentSpec:
    "The checked experiment of the first run; those of the others differ in their samples, seeds and folds"
    samples = null_samples(case, 0)
    subjects = sorted(set(samples.subject))
    folds = dict(train=subjects[:7], val=subjects[7:9], test=subjects[9:]) if case.design == "fixed" else 3
    protocol = dict(folds=folds, labelled=40, labelled_validation=20, metric="balanced_accuracy")
    roles = dict(face="prevalent", physio="privileged")
    parts = samples.arrays, samples.target, samples.task, samples.subject, samples.sample
    with tempfile.TemporaryDirectory() as folder:
        manifest = save_set(Path(folder), "null", *parts, roles=roles, protocol=protocol)
        return plan_experiment(manifest=str(manifest), methods=METHODS, seeds=case.seeds(0), config=SMALL)


def plan_of_run(plan: ExperimentSpec, case: Case, run: int) -> ExperimentSpec:
    "The experiment of a run"
    samples = null_samples(case, run)
    config = replace(plan.config, seeds=case.seeds(run))
    return replace(plan, config=config, samples=samples, folds=draw_folds(config, samples))


def stacked_plan(plans: list) -> ExperimentSpec:
    "One experiment with the samples of several below each other; every fold stays within its own"
    sets = [plan.samples for plan in plans]
    arrays = {name: np.concatenate([own.arrays[name] for own in sets]) for name in sets[0].arrays}
    subject = [f"{run} {name}" for run, own in enumerate(sets) for name in own.subject]
    target = np.concatenate([own.target for own in sets])
    samples = make_samples(arrays, target, sets[0].task, subject=subject)
    folds, start = [], 0
    for plan in plans:
        folds += [moved_fold(fold, start) for fold in plan.folds]
        start += len(plan.samples)
    seeds = tuple(seed for plan in plans for seed in plan.config.seeds)
    return replace(plans[0], config=replace(plans[0].config, seeds=seeds), samples=samples, folds=folds)


def moved_fold(fold, start: int):
    "A fold whose row numbers begin at `start`"
    parts = {name: getattr(fold, name) + start for name in ("train", "pool", "val", "test")}
    return replace(fold, **parts)


def trained_tables(plan: ExperimentSpec) -> dict:  # name -> `MethodTables`
    "Every method of an experiment, in all repeats at once"
    with torch_threads(plan.config.threads):
        context = open_context(plan)
        kind = plan.samples.task.kind
        fit_first_stages(context, [get_method(name, plan.config, kind) for name in plan.methods])
        return {name: run_method(plan, context, name) for name in plan.methods}


def tables_of_run(parts: dict, seeds: tuple) -> dict:  # name -> `MethodTables`
    "The part of the tables that belongs to the seeds of a run"
    own = {}
    for name, part in parts.items():
        tables = {table: rows_with_seeds(getattr(part, table), seeds) for table in TABLES}
        validation = np.array(part.validation)[part.results.seed.isin(seeds)]
        own[name] = MethodTables(**tables, validation=validation.tolist())
    return own


def rows_with_seeds(table: pd.DataFrame, seeds: tuple) -> pd.DataFrame:
    return table[table.seed.isin(seeds)].reset_index(drop=True)


def verdict_rows(plan: ExperimentSpec, parts: dict) -> list:  # of (method, p, difference)
    "The verdict on a run, as `mtpkd.run` reaches it"
    chosen = choose_schedules(parts, plan.candidates, plan.metric)
    parts, _ = with_fallbacks(with_chosen(parts, chosen), plan.metric)
    design, rows = test_design(plan), []
    for name in METHODS:
        compared = compare_methods(parts, name, BASELINE, design, plan.samples.task, plan.metric)
        rows.append((name, compared["p"], compared["diff"]))
    return rows


def study_runs(runs, case: Case) -> list:  # of (run, method, p, difference)
    "The verdicts on some runs, which are trained in one stack"
    first = first_plan(case)
    plans = {run: plan_of_run(first, case, run) for run in runs}
    parts = trained_tables(stacked_plan([*plans.values()]))
    found = []
    for run, plan in plans.items():
        verdict = verdict_rows(plan, tables_of_run(parts, case.seeds(run)))
        found += [(run, *row) for row in verdict]
    return found


def study(case: Case, runs: int, stack: int, processes: int) -> pd.DataFrame:  # run, method, p, diff
    "The verdicts on all runs"
    stacks = [range(start, min(start + stack, runs)) for start in range(0, runs, stack)]
    found = []
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for own, rows in zip(stacks, pool.map(partial(study_runs, case=case), stacks)):
            found += rows
            print(f"{case.null}, {case.design}: {own.stop} of {runs} runs", flush=True)
    return pd.DataFrame(found, columns=["run", "method", "p", "diff"])


def rates(case: Case, verdicts: pd.DataFrame) -> list:
    "A row a method: how often it is significant, and how often that is a false alarm"
    rows = []
    for method, part in verdicts.groupby("method", sort=False):
        significant = part["p"] < 0.05
        better = int((significant & (part["diff"] > 0)).sum())
        alarms = better if case.null == "noise" else int(significant.sum())
        low, high = rate_interval(alarms, len(part))
        counts = dict(runs=len(part), significant=int(significant.sum()), better=better, false_alarms=alarms)
        shares = dict(rate=alarms / len(part), low=low, high=high, mean_difference=part["diff"].mean())
        rows.append(dict(null=case.null, design=case.design, method=method, **counts, **shares))
    return rows


def describe(row: dict) -> str:
    "A line of the output"
    sides = "significant and better" if row["null"] == "noise" else "significant on either side"
    expected = "2.5" if row["null"] == "noise" else "5"
    return (
        f"{row['null']:9s} {row['design']:8s} {row['method']:14s} {row['false_alarms']:3d} of {row['runs']} {sides} "
        f"({100 * row['rate']:.1f}% [{100 * row['low']:.1f}, {100 * row['high']:.1f}], chance {expected}%), "
        f"significant and worse {row['significant'] - row['better']}, "
        f"mean difference {100 * row['mean_difference']:+.1f}"
    )


def options(args=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--null", choices=NULLS, help="one of them; both if left out")
    parser.add_argument("--design", choices=list(DESIGNS), help="one of them; both if left out")
    parser.add_argument("--stack", type=int, default=20, help="runs that are trained together")
    parser.add_argument("--processes", type=int, default=1, help="stacks that are trained at a time")
    parser.add_argument("--out", help="CSV file")
    chosen = parser.parse_args(args)
    for name in ("runs", "stack", "processes"):
        if getattr(chosen, name) < 1:
            parser.error(f"--{name} is {getattr(chosen, name)}; expected at least 1")
    return chosen


def main(args=None) -> list:
    chosen = options(args)
    rows = []
    for null in [chosen.null] if chosen.null else NULLS:
        for design in [chosen.design] if chosen.design else DESIGNS:
            case = Case(null, design)
            rows += rates(case, study(case, chosen.runs, chosen.stack, chosen.processes))
    for row in rows:
        print(describe(row))
    print(
        "Under `noise` a method may truly be worse than the student alone: only significant and better is false there."
    )
    if chosen.out:
        write_csv(rows, chosen.out, COLUMNS, ("torch", "numpy", "scipy"))
    return rows


if __name__ == "__main__":
    main()
