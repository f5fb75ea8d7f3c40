"Recipes and the settings of the released code in whole runs: what is recorded, what beats what, what is refused, and who sees which rows."

from dataclasses import replace
import numpy as np
import pytest
import torch
import mtpkd
from mtpkd.cli.main import main
from mtpkd.core.errors import InputError
from mtpkd.distillation.context import get_backbone, get_teacher
from mtpkd.distillation.method_resolution import get_method
from mtpkd.distillation.students import get_student
from mtpkd.experiments.plan import plan_experiment
from mtpkd.experiments.recipes import recipes
from mtpkd.experiments.scoring import open_context
from mtpkd.reporting.trackers import curves
from tiny_runs import make_set, quick

TINY = [
    "encoder.width=8",
    "schedule.batch=12",
    "schedule.epochs=1",
    "schedule.evaluate=2",
    "backbones.epochs=1",
    "teachers.epochs=1",
    "self_distillation.epochs=1",
    "self_distillation.batch=16",
    "student.tnet_epochs=1",
    "ot.k=6",
]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return str(make_set(tmp_path_factory.mktemp("set")))


@pytest.fixture(scope="module")
def released(manifest, tmp_path_factory):
    "A run by the recipe of the released code"
    out = tmp_path_factory.mktemp("runs") / "released"
    return mtpkd.run(manifest, recipe="mtpkdot_released", set=TINY, seeds=[0], out=out, progress=False)


def test_the_folder_records_the_recipe_and_what_beat_it(released, tmp_path):
    config = released.config
    assert config["recipe"] == "mtpkdot_released" and config["fusion"]["name"] == "paper"
    assert (config["schedule"]["epochs"], config["schedule"]["lr"], config["encoder"]["width"]) == (1, 5e-4, 8)
    rows = released.results.n_train.max()
    assert config["schedule"]["steps"] == rows // 12 and config["self_distillation"]["steps"] == rows // 8
    again = mtpkd.run(None, config=released.path / "experiment.yaml", out=tmp_path / "again", progress=False)
    assert again.results.value.equals(released.results.value)
    assert again.config["recipe"] == "mtpkdot_released"


def test_the_whole_training_part_is_used(released, manifest):
    "No inner validation rows: everything outside the test part is for training, and the last weights are kept"
    assert (released.results.n_val == 0).all() and {*released.metrics.checkpoint} == {"last"}
    assert (released.results.n_train + released.results.n_test == 90).all() and (released.results.n_pool == 0).all()
    assert {*released.results.method} == {"student_only", "student_only:default", "mtpkdot", "mtpkdot:default"}
    history = released.history
    assert "validation" not in {*history.name} and {*history.stage} >= {"student", "tnet", "self_distillation"}
    assert released.report().stat().st_size > 10_000


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_is_shown_before_it_is_run(name, manifest, tmp_path, capsys):
    words = [part for setting in TINY for part in ("--set", setting)]
    out = tmp_path / "run"
    assert main(["run", "--manifest", manifest, "--recipe", name, *words, "--out", str(out), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert (
        f"recipe: {name}\n" in said and "schedule.batch=12 (recipe: 128)" in said and "student.start=unimodal" in said
    )
    assert not out.exists()


def test_a_fit_by_a_recipe(manifest, tmp_path, capsys):
    "The method is that of the recipe, and nothing is claimed about a student that no row has scored"
    words = [part for setting in TINY for part in ("--set", setting)]
    out = str(tmp_path / "fit")
    assert main(["fit", "--manifest", manifest, "--recipe", "pkdot_released", *words, "--out", out]) == 0
    said = capsys.readouterr().out
    assert (
        said.startswith("pkdot:default of tiny: 1 student") and "No rows were set aside, so it was not scored." in said
    )


@pytest.mark.parametrize(
    ("methods", "settings", "said"),
    [
        ("mtpkd", ["inner_validation=0"], "method mtpkd falls back by inner validation, and inner_validation is 0"),
        ("kd_best", ["inner_validation=0"], "kd_best has the target best by inner validation"),
        ("kd", ["inner_validation=0", "checkpoint=best_validation"], "checkpoint is best_validation"),
        (
            "kd",
            ["inner_validation=0", "labelled_validation=12"],
            "labelled_validation is 12, and inner_validation is 0",
        ),
        ("kd", ["inner_validation=-0.1"], "inner_validation is -0.1, expected a share between 0 and 1, or 0"),
        ("pkdot", ["student.start=random", "student.freeze=[encoder]"], "an encoder at random would never learn"),
        ("pkdot", ["student.tnet=false", "student.freeze=[tnet]"], "student.freeze: tnet, and student.tnet is false"),
        ("pkdot", ["student.start=unimodal", "teachers.subsets=[[physio]]"], "needs a teacher of face alone"),
        ("kd_crossfit", ["backbones.train=true"], "method kd_crossfit is cross-fitted, and the backbones of stage 0"),
        ("kd", ["schedule.epochs=2", "schedule.steps=999"], "schedule.steps is 999, and schedule.epochs 2 are"),
        ("kd", ["fusion.name=paper_across_batch"], "is a fault of the released code; ask for it by --protocol"),
    ],
)
def test_what_cannot_be_is_one_line(methods, settings, said, manifest, tmp_path):
    with pytest.raises(InputError) as error:
        mtpkd.run(
            manifest, methods=methods, config=quick(), set=settings, seeds=[0], out=tmp_path / "no", progress=False
        )
    assert said in str(error.value) and "\n" not in str(error.value) and not (tmp_path / "no").exists()


def context_of(manifest, protocol, **settings):
    config = quick(backbones=dict(train=True, steps=6), **settings)
    plan = plan_experiment(manifest=manifest, methods="kd,pkdot", config=config, protocol=protocol, seeds=[0])
    return plan, open_context(plan)


@pytest.mark.parametrize("protocol", ["honest", "shared_backbones"])
def test_who_trains_a_backbone(protocol, manifest):
    "Labels of test rows of the second fold, which the first one trains on, reach its backbone by the fault alone"
    plan, context = context_of(manifest, protocol)
    first, second = plan.folds[:2]
    leaked = np.intersect1d(first.train, second.test)
    assert len(leaked) > 3
    target = plan.samples.target.copy()
    target[leaked] = (target[leaked] + 1) % 3
    changed = replace(plan, samples=replace(plan.samples, target=target))
    before, after = (get_backbone(open_context(p), "physio").params for p in (plan, changed))
    same = all(torch.equal(before[name][1], after[name][1]) for name in before)
    assert same == (protocol == "honest")
    by_fold = [before["head.weight"][r] for r in range(len(plan.folds))]
    assert torch.allclose(by_fold[0], by_fold[1], atol=0.05) == (protocol == "shared_backbones")


def test_the_history_of_stage_0_is_kept_and_drawn(released):
    "In the table of the run, in its report, and in what is copied to a tracker: a stage a modality, for each repeat"
    history = released.history
    own = history[history.method == "mtpkdot"]
    stages = ["backbones_face", "backbones_physio"]
    assert [stage for stage in dict.fromkeys(own.stage) if stage.startswith("backbones")] == stages
    for stage in stages:
        losses = own[(own.stage == stage) & (own.name == "loss")]
        assert losses.step.max() == released.config["backbones"]["steps"] and np.isfinite(losses.value).all()
        assert len(losses.groupby(["fold", "seed"])) == len(released.results.groupby(["fold", "seed"]))
        assert f"{stage}/loss" in curves(history, "mtpkdot")
    assert not history[history.method == "student_only"].stage.str.startswith("backbones").any()
    page = released.report().read_text(encoding="utf-8")
    assert "0 backbone of face: training loss" in page and "0 backbone of physio: training loss" in page


def test_stage_0_is_frozen_for_teachers_and_students(manifest):
    "Backbone, joint teacher and a student that starts with it have the same encoder to the bit; the student alone has not"
    _, context = context_of(
        manifest, "honest", student=dict(start="unimodal", freeze=["encoder", "tnet"], tnet_steps=3)
    )
    backbone = get_backbone(context, "face").params
    student = get_student(context, get_method("pkdot", context.config)).params
    alone = get_student(context, get_method("student_only:default", context.config)).params
    names = [name for name in backbone if name.startswith("encoders.")]
    assert names
    for name in names:
        assert torch.equal(get_teacher(context, "joint").params[name], backbone[name])
        assert torch.equal(student[name], backbone[name])
        assert not torch.equal(alone[name], backbone[name])
