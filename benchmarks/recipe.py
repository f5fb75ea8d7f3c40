"""The laboratory behind `mtpkd`: what its ingredients add, and what else was tried, on inner validation alone.

    python benchmarks/recipe.py --part classification --out results/recipe_classification.csv      a quarter of an hour on one core, like the next two
    python benchmarks/recipe.py --part regression --out results/recipe_regression.csv
    python benchmarks/recipe.py --part pairing --out results/recipe_pairing.csv
    python benchmarks/recipe.py --part regression --only joint

No test row is looked at: a variant's score is that of its students on the inner validation rows, all of them labelled here (`labelled_validation: 0`), which are no part of
training. Classification on `mfeat` (zer <- fac, 60 labelled and a pool), regression on synthetic subjects of generator seed 1 (150 labelled and a pool; the sets that are reported on have
seed 0); weakly paired data on `mfeat` in bags of eight. Five folds, seeds 100 to 104. Every variant of the first two parts is the recipe with one thing changed, and of the third `ot_pairing` or a rival of it under other weights and schedules; differences to it are paired, with the corrected resampled t-test's interval, not
corrected for the number of variants: of thirty, one or two are outside by luck.
"""
import argparse, sys, tempfile
import numpy as np
from bench_tables import versions, write_csv
from mtpkd import save_set, synthetic
from mtpkd.core import nearest
from mtpkd.distillation import Classroom, Method, add_schedule, student
from mtpkd.experiments import loose_of, plan_run
from mtpkd.metrics import corrected_t
from mtpkd.samples import fit_normaliser

PARTS = ["classification", "regression", "pairing"]
SEEDS = (100, 101, 102, 103, 104)
COLUMNS = ["part", "group", "variant", "what", "mean", "diff", "low", "high", "p", "repeats"]

# --- the variants --------------------------------------------------------------------------------------------------------------------

for _n in (1, 2, 4):
    add_schedule(f"x{_n}", steps=_n)
    add_schedule(f"x{_n}_mixup", steps=_n, mixup=1.)
add_schedule("x2_mixup_pool64", steps=2, mixup=1., pool_batch=64)
add_schedule("x2_mixup_pool96", steps=2, mixup=1., pool_batch=96)
add_schedule("x1_pool64", pool_batch=64)
add_schedule("x1_pool96", pool_batch=96)
add_schedule("x2_mixup_ema", steps=2, mixup=1., ema=.98)
add_schedule("x2_mixup_decay", steps=2, mixup=1., weight_decay=.1)
add_schedule("x2_mixup_lr", steps=2, mixup=1., lr=6e-3)
add_schedule("x2_mixup4", steps=2, mixup=.4)

def kd(weight, **more): return tuple((n, round(w, 3)) for n, w in dict(task=1-weight, logit_kd=weight, **more).items() if w > 0)

ALONE = dict(terms=(("task", 1.),), schedule="x1")
EXTRA = dict(pkt=10000., sp=1000., fitnets=30., cosine_mse=.5, crd=.3, ot=.2, row_ot=.1)

def recipe(kind):
    regression = kind == "regression"
    return dict(terms=kd(.85), teacher="privileged", pool=True, schedule="x1" if regression else "x2_mixup", temperature=1. if regression else 1.5)

def variants(kind)->list: # (group, name, what, fields of a method)
    "The recipe, what is left of it without one ingredient, and what was tried on top"
    if kind == "pairing": return pairing_variants()
    base, regression = recipe(kind), kind == "regression"
    found = [("", "student_only", "the student alone", ALONE), ("", "student_long", "the student alone, twice as long with mixup", ALONE | dict(schedule="x2_mixup")), ("", "base", "the recipe", base)]
    def add(group, name, what, **changes): found.append((group, name, what, base | changes))
    add("without", "joint", "one joint teacher instead of the ensemble", teacher="joint")
    add("without", "no_pool", "no unlabelled pool", pool=False)
    add("without", "no_task", "soft targets alone", terms=kd(1.))
    if not regression:
        add("without", "no_mixup", "no mixup", schedule="x2")
        add("without", "short", "half as long", schedule="x1_mixup")
        add("without", "short_no_mixup", "half as long, no mixup", schedule="x1")
        add("without", "temperature_1", "temperature 1", temperature=1.)
    add("teachers", "all", "mean of the joint and the single teachers", teacher="all")
    add("teachers", "singles", "mean of the single privileged teachers", teacher="singles")
    add("teachers", "best", "of these the best on inner validation", teacher="all", target="best")
    add("teachers", "confidence", "these weighted by confidence", teacher="all", target="confidence")
    if not regression:
        add("transport", "barycentre", "Wasserstein barycentre of the ensemble instead of its mean", target="barycentre")
        add("transport", "balance", "soft labels balanced to the labelled classes by Sinkhorn", balance="labelled")
    for n in ("ot", "row_ot"): add("transport", n, f"and {n}, weight {EXTRA[n]:g}", terms=kd(.85, **{n: EXTRA[n]}))
    for n in ("pkt", "sp", "fitnets", "cosine_mse", "crd"): add("terms", n, f"and {n}, weight {EXTRA[n]:g}", terms=kd(.85, **{n: EXTRA[n]}))
    for w in (.5, .7, .95): add("settings", f"weight_{w:g}", f"weight of distillation {w:g}", terms=kd(w))
    if regression:
        for s, what in dict(x2="twice as long", x1_mixup="mixup", x2_mixup="twice as long with mixup", x1_pool64="64 pool rows a step", x1_pool96="96 pool rows a step").items(): add("settings", s, what, schedule=s)
    else:
        for t in (2., 3.): add("settings", f"temperature_{t:g}", f"temperature {t:g}", temperature=t)
        for s, what in dict(x4_mixup="twice as long again", x2_mixup_pool64="64 pool rows a step", x2_mixup_pool96="96 pool rows a step", x2_mixup_ema="moving average of the weights", x2_mixup_decay="weight decay .1",
                            x2_mixup_lr="twice the learning rate", x2_mixup4="mixup Beta(.4, .4)").items(): add("settings", s, what, schedule=s)
    return found

def pairing_variants()->list: # (group, name, what, fields of a method)
    "Who is listened to inside bags of eight: each way under several weights and schedules, so that each can be had at its best"
    found = []
    for method, how in dict(ot_pairing="ot", bag_mean="mean", naive_pairs="naive").items():
        for w in (.85, .7, .5, .3):
            for schedule in ("x1", "x2_mixup"):
                fields = dict(terms=kd(w), teacher="unpaired", pool=True, temperature=1.5, bags=how, schedule=schedule)
                name = "base" if (how, w, schedule) == ("ot", .85, "x1") else f"{method}_{w:g}_{schedule}"
                found.append((method, name, f"{method}, weight {w:g}, {schedule}", fields))
    for schedule in ("x1", "x2_mixup"): # two that leave pairs alone
        for w in (.85, .3):
            fields = dict(terms=kd(w), teacher="unpaired", temperature=1.5, schedule=schedule)
            found.append(("labelled_only", f"labelled_only_{w:g}_{schedule}", f"labelled_only, weight {w:g}, {schedule}", fields))
        fields = dict(terms=kd(.85, feature_mmd=.1, label_mmd=4.), teacher="unpaired", pool=True, temperature=1.5, bags="align", schedule=schedule)
        found.append(("dist_align", f"dist_align_{schedule}", f"dist_align, weight 0.85, {schedule}", fields))
    return found

# --- the scores ----------------------------------------------------------------------------------------------------------------------

def made(folder):
    "The synthetic regression of generator seed 1"
    s = synthetic("regression", seed=1)
    return str(save_set(folder, "synthetic_regression_1", s.arrays, s.target, s.task, s.subject, roles=dict(face="prevalent", physio="privileged", voice="privileged"),
                        protocol=dict(labelled=150, labelled_validation=150)))

def classroom(manifest, seeds, settings, pairing=None):
    plan = plan_run(manifest=manifest, seeds=seeds, labelled_validation=0, set=settings, pairing=pairing)
    c = plan.config
    room = Classroom(plan.samples, plan.folds, c.prevalent, c.privileged, c, plan.metric, [fit_normaliser(plan.samples, f.fit_rows) for f in plan.folds], c.device, False, loose=loose_of(c, plan.manifest, plan.samples, plan.folds))
    test = np.mean([len(f.test) for f in plan.folds])
    return room, test/(len(plan.samples) - test)

def measure(part, manifest, o)->list:
    "A row a variant"
    room, rho = classroom(manifest, o.seeds, o.set, "bag:8" if part == "pairing" else None)
    rows = []
    for group, name, what, fields in variants(part):
        if o.only and name not in ("base", *o.only): continue
        score = np.array(student(room, Method(name, **fields)).validation)
        rows.append(dict(part=part, group=group, variant=name, what=what, mean=score.mean(), repeats=len(score), score=score))
        print(f"{part} {name} {100*score.mean():.1f}", flush=True)
    base = next(r["score"] for r in rows if r["variant"] == "base")
    for r in rows:
        t = corrected_t(r.pop("score") - base, rho)
        if r["variant"] != "base": r |= dict(diff=t.mean, low=t.low, high=t.high, p=t.p)
    return rows

def main(args=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", help="CSV file")
    p.add_argument("--part", choices=PARTS, help="one of them; all if left out")
    p.add_argument("--only", help="variants beside the recipe itself")
    p.add_argument("--quick", action="store_true", help="tiny sizes, to see that it works")
    o = p.parse_args(args)
    o.only, o.seeds, o.set = o.only.split(",") if o.only else [], SEEDS[:1] if o.quick else SEEDS, ["schedule.steps=4", "teachers.steps=4", "teachers.ensemble=1"] if o.quick else []
    parts = [o.part] if o.part else PARTS
    known = {n for part in parts for _, n, *_ in variants(part)}
    for n in o.only:
        if n not in known: p.error(f"unknown variant {n!r}; {nearest(n, known)}")
    with tempfile.TemporaryDirectory() as folder:
        rows = [r for part in parts for r in measure(part, made(folder) if part == "regression" else "mfeat", o)]
    for r in rows: print(f"{r['part']:14s} {r['group']:9s} {r['variant']:16s} {100*r['mean']:5.1f}" + (f" {100*r['diff']:+5.1f} [{100*r['low']:+.1f}, {100*r['high']:+.1f}]" if "diff" in r else "") + f"  {r['what']}")
    if o.out: write_csv(rows, o.out, COLUMNS, ("torch", "numpy", "scikit-learn"))

if __name__ == "__main__": main()
