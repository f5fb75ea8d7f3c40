"""What was tried on top of the recipe `mtpkd`, on inner validation alone.

    python benchmarks/quality/recipe_ideas.py --out results/recipe_ideas.csv
    python benchmarks/quality/recipe_ideas.py --only second_round,agreeing

The development sets and seeds are those of recipe_ablation.py: `mfeat` (zer <- fac), 60 labelled rows and a pool, and
for `many_*` and `one_*`, which need several privileged modalities, synthetic subjects of generator seed 1 (face <-
physio, voice), 150 labelled rows and a pool; five folds, seeds 100 to 104; a score is that of the students on the inner validation rows, and no test row is looked at.
Every idea is compared with the recipe, or with what its row names, by the corrected resampled t-test's interval, not
corrected for the number of ideas.

second_round   one more network is distilled from the propagated labels, with mixup on the pool, and its predictions are
               propagated anew: teachers that learn from the pool
agreeing       only pool rows whose propagated label is the one that the teachers predict
router         a learned mixture of teachers for each sample (MST-Distill's idea), not propagated
joint_members  six joint teachers instead of four and the one of the privileged modality
width_64       networks of twice the width, of the student and of its teachers
ot_*           the structural term of MT-PKDOT on top, at several weights
full_*         the same with all labels, no pool and batches of 128, against the recipe there
one_*          one joint teacher against many teachers, of single modalities beside the joint one: as it is, and at equal
               cost, trained for as many steps as the many together, or with as many joint teachers
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import numpy as np
import torch

from bench_tables import synthetic_set, write_csv
from mtpkd.core.config import ExperimentConfig
from mtpkd.core.errors import nearest
from mtpkd.distillation.context import DistillationContext
from mtpkd.distillation.graph_targets import graph_target
from mtpkd.distillation.method_resolution import get_method
from mtpkd.distillation.methods import Method
from mtpkd.distillation.soft_targets import outputs_on_all_rows, single_teacher_target, target_rules
from mtpkd.distillation.students import fit_refined_teacher, get_graph_target, get_student, soft_targets_of
from mtpkd.evaluation.statistics import corrected_t
from mtpkd.experiments.plan import plan_experiment
from mtpkd.experiments.scoring import open_context
from mtpkd.experiments.verdict import test_design

SEEDS = (100, 101, 102, 103, 104)
COLUMNS = "part group variant what against mean diff low high p repeats".split()
FULL = ("labelled=0", "schedule.batch=128")


@dataclass(frozen=True)
class Idea:
    "A method under some settings, and the variant it is compared with"

    group: str
    name: str
    what: str
    method: Method
    settings: tuple = ()
    against: str = "base"
    source: str = "mfeat"  # the development set


# --- targets that the library does not have --------------------------------------------------------------------------


def recipe(name: str = "mtpkd:pool96") -> Method:
    return get_method(name, ExperimentConfig(), "classification")


@target_rules.register("first_round")
def first_round(context: DistillationContext, fitted, temperature) -> torch.Tensor:  # `(R, N, C)`
    "The propagated labels of the recipe"
    return get_graph_target(context, recipe()).target


@target_rules.register("second_round")
def second_round(context: DistillationContext, fitted, temperature) -> torch.Tensor:  # `(R, N, C)`
    "Propagated labels whose prior is the mean of the first round and of a network distilled from it"
    network = fit_refined_teacher(context, replace(recipe(), target="first_round", schedule="pool96"))
    own = single_teacher_target(context, network, temperature)
    prior = (first_round(context, fitted, temperature) + own) / 2
    embedding = outputs_on_all_rows(context, network).embedding
    return graph_target(context, network.modalities, prior, embedding).target


@target_rules.register("agreeing")
def agreeing(context: DistillationContext, fitted, temperature) -> torch.Tensor:  # `(R, N, C)`
    "The propagated labels; nothing in a pool row where they are not the class that the teachers predict"
    propagated = first_round(context, fitted, temperature)
    prior = soft_targets_of(context, replace(recipe(), target="refined_mean", balance=""))
    agree = propagated.argmax(-1) == prior.argmax(-1)
    for r, fold in enumerate(context.folds):
        agree[r, torch.from_numpy(fold.train)] = True
    return propagated * agree[..., None]


# --- the ideas -------------------------------------------------------------------------------------------------------


def ideas() -> list:  # of `Idea`
    "The recipe, and what was tried"
    base = recipe()
    joint = replace(base, teacher="joint")
    found = [Idea("", "base", "the recipe", base)]
    found.append(
        Idea("teachers", "second_round", "teachers that learn from the pool", replace(joint, target="second_round"))
    )
    found.append(
        Idea("teachers", "agreeing", "rows on which graph and teachers agree", replace(joint, target="agreeing"))
    )
    router = replace(base, teacher="all", target="router", cross_fit=True)
    found.append(Idea("teachers", "router", "a learned choice of teachers for each sample", router))
    joint_only = ("teachers.subsets=[[zer, fac]]", "teachers.ensemble=3")
    found.append(Idea("teachers", "joint_members", "six joint teachers, none of one modality", base, joint_only))
    wide = ("encoder.width=64",)
    found.append(Idea("networks", "width_64", "networks of width 64", base, wide))
    found.append(Idea("networks", "student_64", "the student alone, of width 64", recipe("student_only:pool96"), wide))
    found.append(Idea("networks", "kd_64", "`kd` of width 64", recipe("kd:pool96"), wide, "width_64"))
    for weight in (0.05, 0.2, 1.0):
        with_ot = replace(base, terms=(*base.terms, ("ot", weight)))
        found.append(Idea("structure", f"ot_{weight:g}", f"and ot, weight {weight:g}", with_ot))
    found.append(Idea("full", "full_base", "the recipe, all labels", base, FULL, ""))
    alone = recipe("student_only:pool96")
    found.append(Idea("full", "full_student", "the student alone, all labels", alone, FULL, "full_base"))
    for weight in (0.05, 0.2, 1.0):
        with_ot = replace(base, terms=(*base.terms, ("ot", weight)))
        what = f"and ot, weight {weight:g}, all labels"
        found.append(Idea("full", f"full_ot_{weight:g}", what, with_ot, FULL, "full_base"))
    return [*found, *one_against_many()]


def one_against_many() -> list:  # of `Idea`
    "MT-PKDOT and the recipe with teachers of face, physio, voice and all three, and with the joint teacher alone"
    found = []

    def add(name, what, method, settings=(), against=""):
        found.append(Idea("one_or_many", name, what, method, settings, against, "synthetic"))

    joint, as_long = "teachers.subsets=[[face, physio, voice]]", "teachers.steps=800"  # four times everybody's
    published = recipe("mtpkdot:pool96")
    add("many_mtpkdot", "`mtpkdot`, four teachers", published)
    add("one_mtpkdot", "`mtpkdot`, the joint teacher", published, (joint,), "many_mtpkdot")
    add("one_mtpkdot_long", "the same, trained four times as long", published, (joint, as_long), "many_mtpkdot")
    base = recipe()
    add("many_recipe", "the recipe, four joint teachers and two of one modality", base)
    six = (joint, "teachers.ensemble=3")
    add("one_recipe_members", "the recipe, six joint teachers", base, six, "many_recipe")
    single = replace(base, teacher="joint")
    add("one_recipe", "the recipe, one joint teacher", single, (), "many_recipe")
    as_long = "teachers.steps=1400"  # of six members and the network that learns from them
    add("one_recipe_long", "the same, trained seven times as long", single, (as_long,), "many_recipe")
    return found


# --- the scores ------------------------------------------------------------------------------------------------------


def measure(chosen: list, manifests: dict, seeds, small: tuple) -> list:  # of dicts
    "A row an idea"
    scores, rows, contexts = {}, [], {}
    for idea in chosen:
        key = idea.source, idea.settings
        if key not in contexts:
            contexts.clear()  # one at a time is held in memory
            settings = [*idea.settings, *small]
            plan = plan_experiment(manifest=manifests[idea.source], seeds=seeds, labelled_validation=0, set=settings)
            contexts[key] = open_context(plan), test_design(plan)
        context, design = contexts[key]
        score = np.array(get_student(context, replace(idea.method, name=idea.name)).validation)
        scores[idea.name] = score
        row = dict(
            part="ideas", group=idea.group, variant=idea.name, what=idea.what, mean=score.mean(), repeats=len(score)
        )
        if idea.against in scores and idea.against != idea.name:
            t = corrected_t(score - scores[idea.against], design.rho, df=design.df)
            row |= dict(against=idea.against, diff=t.mean, low=t.low, high=t.high, p=t.p)
        rows.append(row)
        print(describe(row), flush=True)
    return rows


def describe(row: dict) -> str:
    "A line of the output"
    gain = ""
    if "diff" in row:
        gain = f" {100 * row['diff']:+5.1f} [{100 * row['low']:+.1f}, {100 * row['high']:+.1f}] to {row['against']}"
    return f"{row['variant']:14s} {100 * row['mean']:5.1f}{gain}  {row['what']}"


def main(args=None) -> list:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", help="CSV file")
    parser.add_argument("--only", help="ideas beside what they are compared with")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it works")
    asked = parser.parse_args(args)
    known = {idea.name: idea for idea in ideas()}
    wanted = asked.only.split(",") if asked.only else list(known)
    for name in wanted:
        if name not in known:
            parser.error(f"unknown idea {name!r}; {nearest(name, known)}")
    wanted = {*wanted, *(known[name].against for name in wanted)}
    small = ("schedule.steps=4", "teachers.steps=4", "teachers.ensemble=1") if asked.quick else ()
    with tempfile.TemporaryDirectory() as folder:
        manifests = dict(mfeat="mfeat", synthetic=str(synthetic_set(folder, "classification", 1)))
        chosen = [idea for name, idea in known.items() if name in wanted]
        rows = measure(chosen, manifests, SEEDS[:1] if asked.quick else SEEDS, small)
    if asked.out:
        write_csv(rows, asked.out, COLUMNS, ("torch", "numpy", "scikit-learn"))
    return rows


if __name__ == "__main__":
    main()
