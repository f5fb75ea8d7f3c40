"""The laboratory behind `mtpkd`: what its ingredients add, and what else was tried, on inner validation alone.

    python benchmarks/quality/recipe_ablation.py --part targets --out results/recipe_targets.csv                    up to a quarter of an hour on one core, like the others
    python benchmarks/quality/recipe_ablation.py --part targets_of_values --out results/recipe_targets_of_values.csv
    python benchmarks/quality/recipe_ablation.py --part targets_of_levels --out results/recipe_targets_of_levels.csv
    python benchmarks/quality/recipe_ablation.py --part targets_of_pairs --out results/recipe_targets_of_pairs.csv
    python benchmarks/quality/recipe_ablation.py --test watch --out results/recipe_test_watch.csv                  on test rows; likewise synthetic, synthetic_ccc
    python benchmarks/quality/recipe_ablation.py --part classification --out results/recipe_classification.csv
    python benchmarks/quality/recipe_ablation.py --part regression --out results/recipe_regression.csv
    python benchmarks/quality/recipe_ablation.py --part pairing --out results/recipe_pairing.csv
    python benchmarks/quality/recipe_ablation.py --part regression --only joint

With `--part`, no test row is looked at: a variant's score is that of its students on the inner validation rows, all of them labelled here (`labelled_validation: 0`), which are no part of
training. `targets`, `targets_of_values`, `targets_of_levels` (ordered classes) and, for pairs that are lost in bags of eight, `targets_of_pairs` take the recipe `mtpkd` apart; `classification`, `regression` and `pairing` are the study from which its first version came, `mtpkd_v1`. Classification on `mfeat` (zer <- fac, 60 labelled and a pool), regression and levels on synthetic subjects of generator seed 1 (150 labelled and a pool; the sets that are reported on have
seed 0); weakly paired data on `mfeat` in bags of eight. Five folds, seeds 100 to 104. Every variant is the recipe with one thing changed, and of `pairing` `ot_pairing` with the weight and the schedule of `kd`, or a rival of it, or both under others; differences to it are paired, with the corrected resampled t-test's interval, not
corrected for the number of variants: of thirty, one or two are outside by luck.

With `--test`, the same variants are scored on the test rows of a set that the recipe was not found on, under the settings and seeds that were frozen for the table of all methods (methods.yaml). Nothing
is chosen by these scores.
"""

import sys
from pathlib import Path
import argparse, tempfile
from dataclasses import replace
import numpy as np
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # what the benchmarks share
from bench_tables import synthetic_set, write_csv
from mtpkd.core.config import ExperimentConfig
from mtpkd.core.errors import nearest
from mtpkd.distillation.methods import Method, add_schedule
from mtpkd.distillation.method_resolution import get_method
from mtpkd.distillation.graph_targets import graph_target
from mtpkd.distillation.soft_targets import outputs_on_all_rows, single_teacher_target, target_rules
from mtpkd.distillation.students import get_refined_teacher, get_student
from mtpkd.experiments.plan import plan_experiment
from mtpkd.experiments.scoring import open_context
from mtpkd.experiments.verdict import test_design
from mtpkd.evaluation.metrics import score
from mtpkd.evaluation.statistics import corrected_t

PARTS = [
    "targets",
    "targets_of_values",
    "targets_of_levels",
    "targets_of_pairs",
    "classification",
    "regression",
    "pairing",
]
KINDS = dict(  # of the tasks of parts that are not called so
    targets="classification",
    targets_of_values="regression",
    targets_of_levels="ordinal",
    targets_of_pairs="classification",
)
LOST_PAIRS = ("targets_of_pairs", "pairing")
TEST_SETS = dict(watch="targets", synthetic="targets", synthetic_ccc="targets_of_values")  # set -> part
SEEDS = (100, 101, 102, 103, 104)
COLUMNS = ["part", "group", "variant", "what", "mean", "diff", "low", "high", "p", "repeats"]

SETTINGS = dict(tnet=["student.tnet=false"])  # of variants that are no method


@target_rules.register("refined_graph")
def refined_graph(context, fitted, temperature):  # `(R, N, C)`
    "Predictions of the refined teacher alone, propagated: the recipe without its members"
    network = get_refined_teacher(context, shipped("mtpkd", "targets"))
    embedding = outputs_on_all_rows(context, network).embedding
    own = single_teacher_target(context, network, temperature)
    return graph_target(context, network.modalities, own, embedding).target


# --- the variants --------------------------------------------------------------------------------------------------------------------

add_schedule("short_mixup", mixup=1.0)
add_schedule("longer", steps=4, mixup=1.0)
add_schedule("pool64_short", pool_batch=2)  # times 32
add_schedule("pool96_long", steps=2, pool_batch=3)
for _n, _changes in dict(
    pool64=dict(pool_batch=2),
    pool96=dict(pool_batch=3),
    noise=dict(noise=0.2),
    ema=dict(ema=0.98),
    decay=dict(weight_decay=0.1),
    lr=dict(lr=6e-3),
    mixup4=dict(mixup=0.4),
).items():
    add_schedule(f"long_{_n}", **dict(steps=2, mixup=1.0) | _changes)


def kd(weight, **more):
    return tuple((n, round(w, 3)) for n, w in dict(task=1 - weight, logit_kd=weight, **more).items() if w > 0)


SCHEDULE = dict(  # of the recipe in this study
    targets="pool96",
    targets_of_values="pool96_short",
    targets_of_levels="pool96",
    targets_of_pairs="pool96",
    classification="long_mixup",
    regression="default",
)
RECIPES = dict(
    targets="mtpkd",
    targets_of_values="mtpkd",
    targets_of_levels="mtpkd",
    targets_of_pairs="mtpkd_pairing",
    classification="mtpkd_v1",
    regression="mtpkd_v1",
)
EXTRA = dict(pkt=10000.0, sp=1000.0, fitnets=30.0, cosine_mse=0.5, crd=0.3, ot=0.2, row_ot=0.1)


def shipped(method, part) -> Method:
    config = ExperimentConfig(pairing="bag:8" if part in LOST_PAIRS else "")
    kind = "classification" if part == "pairing" else KINDS.get(part, part)
    return get_method(f"{method}:{SCHEDULE.get(part, 'long_mixup')}", config, kind)


def variants(part) -> list:  # (group, name, what, method)
    "The recipe, what is left of it without one ingredient, and what was tried on top"
    if part == "pairing":
        return pairing_variants()
    if part == "targets_of_pairs":
        return pair_target_variants()
    if part in KINDS:
        return target_variants(part)
    base, regression = shipped(RECIPES[part], part), part == "regression"
    alone = get_method("student_only:default", ExperimentConfig(), part)
    found = [
        ("", "student_only", "the student alone", alone),
        ("", "student_long", "the student alone, twice as long with mixup", replace(alone, schedule="long_mixup")),
        ("", "base", "the recipe", base),
    ]

    def add(group, name, what, **changes):
        found.append((group, name, what, replace(base, **changes)))

    add("without", "joint", "one joint teacher instead of the ensemble", teacher="joint")
    add("without", "no_pool", "no unlabelled pool", pool=False)
    add("without", "no_task", "soft targets alone", terms=kd(1.0))
    if not regression:
        add("without", "no_mixup", "no mixup", schedule="long")
        add("without", "short", "half as long", schedule="short_mixup")
        add("without", "short_no_mixup", "half as long, no mixup", schedule="default")
        add("without", "temperature_1", "temperature 1", temperature=1.0)
    add("teachers", "all", "mean of the joint and the single teachers", teacher="all")
    add("teachers", "singles", "mean of the single privileged teachers", teacher="singles")
    add("teachers", "best", "of these the best on inner validation", teacher="all", target="best")
    add("teachers", "confidence", "these weighted by confidence", teacher="all", target="confidence")
    if not regression:
        add(
            "transport", "barycentre", "Wasserstein barycentre of the ensemble instead of its mean", target="barycentre"
        )
        add("transport", "balance", "soft labels balanced to the labelled classes by Sinkhorn", balance="labelled")
    for n in ("ot", "row_ot"):
        add("transport", n, f"and {n}, weight {EXTRA[n]:g}", terms=kd(0.85, **{n: EXTRA[n]}))
    for n in ("pkt", "sp", "fitnets", "cosine_mse", "crd"):
        add("terms", n, f"and {n}, weight {EXTRA[n]:g}", terms=kd(0.85, **{n: EXTRA[n]}))
    for w in (0.5, 0.7, 0.95):
        add("settings", f"weight_{w:g}", f"weight of distillation {w:g}", terms=kd(w))
    for t in () if regression else (2.0, 3.0):
        add("settings", f"temperature_{t:g}", f"temperature {t:g}", temperature=t)
    tried = (
        dict(
            x2=("long", "twice as long"),
            x1_mixup=("short_mixup", "mixup"),
            x2_mixup=("long_mixup", "twice as long with mixup"),
            x1_pool64=("pool64_short", "64 pool rows a step"),
            x1_pool96=("pool96_short", "96 pool rows a step"),
        )
        if regression
        else dict(
            x4_mixup=("longer", "twice as long again"),
            x2_mixup_pool64=("long_pool64", "64 pool rows a step"),
            x2_mixup_pool96=("long_pool96", "96 pool rows a step"),
            x2_mixup_ema=("long_ema", "moving average of the weights"),
            x2_mixup_decay=("long_decay", "weight decay .1"),
            x2_mixup_lr=("long_lr", "twice the learning rate"),
            x2_mixup4=("long_mixup4", "mixup Beta(.4, .4)"),
        )
    )
    for name, (schedule, what) in tried.items():
        add("settings", name, what, schedule=schedule)
    return found


def target_variants(part) -> list:  # (group, name, what, method)
    "The recipe without each of its ingredients, its rivals with the same student, and what was tried on top"
    base, regression = shipped("mtpkd", part), KINDS[part] == "regression"
    same = base.schedule
    found = []

    def add(group, name, what, method=base, **changes):
        found.append((group, name, what, replace(method, **changes)))

    add("", "student_only", "the student alone", get_method("student_only:default", ExperimentConfig(), KINDS[part]))
    add("", "student_same", "the student alone, by the schedule of the recipe", shipped("student_only", part))
    add(
        "", "first_version", "`mtpkd_v1`", shipped("mtpkd_v1", part), schedule="default" if regression else "long_mixup"
    )
    add("", "base", "the recipe")
    if not regression:
        add("without", "graph", "the mean of ensemble and refined teacher, not propagated", target="refined_mean")
        add("without", "balance", "class shares as they come", balance="")
        add("without", "gate", "the graph in every repeat", gate=False)
        add("without", "mixup", "no mixup", schedule="pool96_long")
    add("without", "pool96", "32 pool rows a step", schedule="default" if regression else "long_mixup")
    add("without", "soft_labels", "labels and soft targets, weighted .15 and .85", terms=kd(0.85))
    add("without", "members", "the refined teacher alone", target="mean" if regression else "refined_graph")
    add("without", "tnet", "the student without T-Net")
    add("without", "ensemble", "one joint teacher", teacher="joint", target="mean" if regression else base.target)
    add("settings", "noise", "noise of .2 on the inputs", schedule=f"{same}_noise")
    if KINDS[part] == "ordinal":
        as_values = dict(target="refined_mean", balance="", schedule="pool96_short")
        add("settings", "as_values", "the recipe of regressions", **as_values)
    for name in ("kd", "self_training", "fitnets", "mtpkdot", *([] if regression else ["sinkhorn_kd"])):
        add("rivals", name, f"`{name}` by the same schedule", shipped(name, part))
    if not regression:
        graph = dict(target=base.target, balance=base.balance)
        add("rivals", "kd_graph", "`kd` with the targets of the recipe", shipped("kd", part), **graph)
    for name in ("ot", "pkt"):
        terms = (*base.terms, (name, EXTRA[name]))
        add("terms", name, f"and {name}, weight {EXTRA[name]:g}", terms=terms)
    return found


def pair_target_variants() -> list:  # (group, name, what, method)
    "The recipe for lost pairs without each of its ingredients, and its rivals with the same student"
    part = "targets_of_pairs"
    base = shipped("mtpkd_pairing", part)
    alone = shipped("student_only", part)
    found = [
        ("", "student_only", "the student alone", replace(alone, schedule="default")),
        ("", "student_same", "the student alone, by the schedule of the recipe", alone),
        ("", "first_version", "`mtpkd_pairing_v1`", shipped("mtpkd_pairing_v1", part)),
        ("", "base", "the recipe", base),
    ]

    def add(name, what, **changes):
        found.append(("without", name, what, replace(base, **changes)))

    add("graph", "the mean of ensemble and refined teacher, not propagated", target="refined_mean")
    add("balance", "class shares as they come", balance="")
    add("gate", "the graph in every repeat", gate=False)
    add("soft_labels", "labels and soft targets, weighted .15 and .85", terms=kd(0.85))
    add("pool96", "32 pool rows a step", schedule="long_mixup")
    add("mixup", "no mixup", schedule="pool96_long")
    for name in ("ot_pairing", "dist_align", "labelled_only", "bag_mean", "naive_pairs"):
        found.append(("rivals", name, f"`{name}` by the same schedule", shipped(name, part)))
    return found


def pairing_variants() -> list:  # (group, name, what, method)
    "Who is listened to inside bags of eight: each way under several weights and schedules, so that each can be had at its best"
    found, lengths = [], dict(x1="default", x2_mixup="long_mixup")
    for name, weights in dict(
        ot_pairing=(0.85, 0.7, 0.5, 0.3),
        bag_mean=(0.85, 0.7, 0.5, 0.3),
        naive_pairs=(0.85, 0.7, 0.5, 0.3),
        labelled_only=(0.85, 0.3),
        dist_align=(0.85,),
    ).items():
        m = shipped(name, "pairing")
        for w in weights:
            for length, schedule in lengths.items():
                other = {n: v for n, v in m.terms if n not in ("task", "logit_kd")}
                variant = (
                    "base"
                    if (name, w, length) == ("ot_pairing", 0.85, "x1")
                    else f"{name}_{length}"
                    if name == "dist_align"
                    else f"{name}_{w:g}_{length}"
                )
                found.append(
                    (
                        name,
                        variant,
                        f"{name}, weight {w:g}, {length}",
                        replace(m, terms=kd(w, **other), schedule=schedule),
                    )
                )
    return found


# --- the scores ----------------------------------------------------------------------------------------------------------------------


def planned(part, manifest, o, settings=()):
    "The experiment of a part on inner validation, or on the test rows under the frozen protocol"
    changes = [*o.set, *settings]
    if not o.test:
        pairing = "bag:8" if part in LOST_PAIRS else None
        return plan_experiment(manifest=manifest, seeds=o.seeds, labelled_validation=0, set=changes, pairing=pairing)
    frozen = yaml.safe_load((Path(__file__).parent / "methods.yaml").read_text())
    seeds = o.seeds if o.quick else frozen["seeds"]
    return plan_experiment(manifest=manifest, seeds=seeds, set=changes, config=frozen["settings"])


def scores_of(plan, context, method, on_test: bool) -> np.ndarray:  # `(R,)`
    "The metric of a method in every repeat"
    student = get_student(context, method)
    if not on_test:
        return np.array(student.validation)
    rows = [fold.test for fold in context.folds]
    predicted = context.table.to_predictions([output.logits for output in student.outputs(context.table, rows)])
    scores = [score(plan.metric, plan.samples.target[own], prediction) for own, prediction in zip(rows, predicted)]
    return np.array(scores)


def measure(part, manifest, o) -> list:
    "A row a variant"
    plan = planned(part, manifest, o)
    context, design, rows = open_context(plan), test_design(plan), []
    for group, name, what, method in variants(part):
        if o.only and name not in ("base", *o.only):
            continue
        own, settings = context, SETTINGS.get(name, [])
        if settings:
            own = open_context(planned(part, manifest, o, settings))
        values = scores_of(plan, own, replace(method, name=name), bool(o.test))
        facts = dict(part=f"test_{o.test}" if o.test else part, group=group, variant=name, what=what)
        rows.append(facts | dict(mean=values.mean(), repeats=len(values), score=values))
        print(f"{facts['part']} {name} {100 * values.mean():.1f}", flush=True)
    base = next(row["score"] for row in rows if row["variant"] == "base")
    for row in rows:
        t = corrected_t(row.pop("score") - base, design.rho, df=design.df)
        if row["variant"] != "base":
            row |= dict(diff=t.mean, low=t.low, high=t.high, p=t.p)
    return rows


def manifest_of(part, folder, test: str = "") -> str:
    "The development set of a part, or a set whose test rows are scored"
    kind = KINDS.get(part, part)
    if test == "watch":
        return "watch"
    if test or kind in ("regression", "ordinal"):
        return str(synthetic_set(folder, kind, 0 if test else 1))
    return "mfeat"


def main(args=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", help="CSV file")
    p.add_argument("--part", choices=PARTS, help="one of them; all if left out")
    p.add_argument("--test", choices=TEST_SETS, help="score the variants on the test rows of this set")
    p.add_argument("--only", help="variants beside the recipe itself")
    p.add_argument("--quick", action="store_true", help="tiny sizes, to see that it works")
    o = p.parse_args(args)
    o.only = o.only.split(",") if o.only else []
    o.seeds = SEEDS[:1] if o.quick else SEEDS
    o.set = ["schedule.steps=4", "teachers.steps=4", "teachers.ensemble=1"] if o.quick else []
    if o.test and o.part:
        p.error("--test names a set, whose variants are those of its task; leave out --part")
    named = TEST_SETS.get(o.test, o.part)
    parts = [named] if named else PARTS
    known = {n for part in parts for _, n, *_ in variants(part)}
    for n in o.only:
        if n not in known:
            p.error(f"unknown variant {n!r}; {nearest(n, known)}")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for part in parts:
            rows += measure(part, manifest_of(part, folder, o.test or ""), o)
    for r in rows:
        print(
            f"{r['part']:14s} {r['group']:9s} {r['variant']:16s} {100 * r['mean']:5.1f}"
            + (f" {100 * r['diff']:+5.1f} [{100 * r['low']:+.1f}, {100 * r['high']:+.1f}]" if "diff" in r else "")
            + f"  {r['what']}"
        )
    if o.out:
        write_csv(rows, o.out, COLUMNS, ("torch", "numpy", "scikit-learn"))


if __name__ == "__main__":
    main()
