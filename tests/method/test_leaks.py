"""Nothing leaks: no subject on two sides of a split, and nothing that learns, chooses or normalises sees a test row.

The second is shown by poison. The whole run (the path of `mtpkd.run` after its input was checked) is done twice, on honest data and on data whose
test rows are NaN or garbage. All weights, histories, validation values, chosen schedules and normalisers must be the same bits. And so that a
poison test that sees nothing is not mistaken for a run that leaks nothing, leaks are planted on purpose: each one must turn it red.
"""

import json
from dataclasses import replace
import numpy as np, pytest, torch
from hypothesis import HealthCheck, assume, given, settings, strategies as st
import mtpkd.core.errors
import mtpkd.data.folds
import mtpkd.data.manifest
import mtpkd.data.samples
import mtpkd.data.synthetic
import mtpkd.distillation.context
import mtpkd.distillation.graph_targets
import mtpkd.distillation.methods
import mtpkd.distillation.batch_schedule
import mtpkd.distillation.objective
import mtpkd.distillation.outputs
import mtpkd.distillation.stage
import mtpkd.distillation.students
import mtpkd.experiments.plan
import mtpkd.experiments.resume
import mtpkd.experiments.runner
import mtpkd.experiments.scoring
import mtpkd.experiments.settings
import mtpkd.training.stacked_data
from mtpkd.core.errors import InputError
from mtpkd.experiments.plan import plan_experiment
from mtpkd.experiments.resume import identity
from mtpkd.data.manifest import TaskSpec
from mtpkd.data.samples import Samples, fit_normaliser
from mtpkd.data.synthetic import synthetic
from mtpkd.data.folds import check_fold, nested_folds
from mtpkd.distillation.outputs import FittedStack
from mtpkd.distillation.self_distillation import AdaptedTeachers
from mtpkd.training.stacked_data import make_stacked_dataset
from tiny_runs import make_set, poisoned, quick

# splits

PARTS = ("train", "pool", "val", "test")
FIXED = dict(train=["s000", "s001", "s002", "s003"], val=["s004", "s005"], test=["s006", "s007", "s008"])
some = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


@st.composite
def tables(draw, regression=None):
    "Any table of subjects: of very different sizes, in any order, with labels that may or may not go with the subject"
    sizes = draw(st.lists(st.integers(1, 25), min_size=3, max_size=12))
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    who = random.permutation(np.repeat([f"s{i}" for i in range(len(sizes))], sizes))
    regression = draw(st.booleans()) if regression is None else regression
    task = dict(kind="regression", names=["a"]) if regression else dict(kind="classification", classes=["x", "y", "z"])
    target = random.normal(size=(len(who), 1)).astype("float32") if regression else random.integers(0, 3, len(who))
    if not regression and draw(st.booleans()):
        target = np.array([int(w[1:]) % 3 for w in who])  # a subject has one label
    return Samples(
        {"face": np.zeros((len(who), 2), "float32")},
        np.ones((len(who), 1), bool),
        target,
        who,
        np.arange(len(who)).astype(str),
        TaskSpec(target="y", **task),
    )


def folds_or_refusal(samples, *args, **kw):
    "The folds, or None where the table was refused in words"
    try:
        return nested_folds(samples, *args, **kw)
    except InputError as e:
        assert "\n" not in str(e) and "leak" not in str(e), e
        return None


def assert_apart(fold, ids):
    "No id in two of labelled training with pool, validation and test; none of the parts is empty; no row is labelled and in the pool"
    sides = [set(ids[np.concatenate([fold.train, fold.pool])]), set(ids[fold.val]), set(ids[fold.test])]
    assert all(sides) and not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])
    assert not set(fold.train) & set(fold.pool)


@some
@given(
    tables(),
    st.sampled_from([2, 3, 5, "loso"]),
    st.integers(0, 10**6),
    st.sampled_from([None, 6, 12]),
    st.sampled_from([None, 4]),
    st.sampled_from([0.1, 0.25, 0.5]),
)
def test_no_subject_is_on_two_sides(samples, folds, seed, labelled, labelled_validation, inner):
    made = folds_or_refusal(samples, folds, seed, inner, labelled, labelled_validation)
    assume(made is not None)
    for f in made:
        assert_apart(f, samples.subject)
    tested = np.concatenate([f.test for f in made])
    assert sorted(tested) == list(range(len(samples))), "every row is tested once"
    assert labelled is None or all(len(f.train) == labelled for f in made)


@some
@given(tables(), st.sampled_from([2, 4]), st.integers(0, 99))
def test_without_subjects_no_row_is_in_two_parts(samples, folds, seed):
    samples = replace(samples, subject=None)
    made = folds_or_refusal(samples, folds, seed, labelled=6)
    assume(made is not None)
    for f in made:
        assert_apart(f, np.arange(len(samples)))


@some
@given(tables(regression=True), st.integers(0, 99), st.sampled_from(PARTS), st.sampled_from(PARTS), st.data())
def test_a_planted_leak_is_caught(samples, seed, source, sink, data):
    "A row of one part, put into another part of the fold, is an error: of the same subject, if not the same row"
    assume({source, sink} not in ({"train"}, {"pool"}, {"val"}, {"test"}))
    made = folds_or_refusal(samples, 2, seed, labelled=6)
    assume(made is not None and len(getattr(made[0], source)))
    row = data.draw(st.sampled_from(list(getattr(made[0], source))))
    leaky = replace(made[0], **{sink: np.append(getattr(made[0], sink), row)})
    check_fold(made[0], samples.subject)
    with pytest.raises(InputError, match="leak|both labelled and in the pool"):
        check_fold(leaky, samples.subject)
    with pytest.raises(InputError):
        check_fold(leaky)


@pytest.mark.parametrize(
    "train, val, test", [("s0 s1", "s1 s2", "s3"), ("s0 s1", "s2", "s1 s3"), ("s0", "s1 s3", "s2 s3")]
)
def test_fixed_lists_that_share_a_subject_are_refused(train, val, test):
    who = np.repeat([f"s{i}" for i in range(4)], 6)
    samples = Samples(
        {"face": np.zeros((24, 2), "float32")},
        np.ones((24, 1), bool),
        np.zeros((24, 1), "float32"),
        who,
        np.arange(24).astype(str),
        TaskSpec(kind="regression", target="y", names=["a"]),
    )
    with pytest.raises(InputError, match="the folds leak"):
        nested_folds(samples, dict(train=train.split(), val=val.split(), test=test.split()))
    rows = dict(train=["0", "1", "6"], val=["12", "13"], test=["7", "18"])  # different samples of one subject
    with pytest.raises(InputError, match="subject s1 is in training and in test"):
        nested_folds(samples, rows)


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_test_labels_move_no_draw(kind):
    "Which rows are labelled, pool and validation does not hang on the labels of the test rows, nor on those of other parts' rows"
    s = synthetic(kind, subjects=9, per_subject=10, classes=3)
    (fold,) = nested_folds(s, FIXED, labelled=24, labelled_validation=12)
    other = s.target.copy()
    other[fold.test] = other[fold.test[0]] if kind == "classification" else 0.9
    (again,) = nested_folds(replace(s, target=other), FIXED, labelled=24, labelled_validation=12)
    for part in PARTS:
        assert (getattr(fold, part) == getattr(again, part)).all(), part


# a run under poison

METHODS = {
    "classification": [
        "student_only",
        "self_training",
        "kd",
        "pkdot",
        "mtpkdot",
        "mtpkd",
        "student_all_labels",
        "teacher_joint",
        "teacher_physio",
        "fitnets",
        "wkd",
        "kd_best",
        "kd_crossfit",
        "shuffled_teacher",
        "label_permutation",
    ],
    "ordinal": ["mtpkdot", "mtpkd", "wkd"],
    "regression": ["self_training", "mtpkdot", "mtpkd", "kd_confidence"],
}


def make_plan(folder, kind="classification", methods=None, **config):
    "A run with one repeat: one fold of fixed subjects, one seed"
    manifest = make_set(
        folder, kind, protocol=dict(folds=FIXED, labelled=24, labelled_validation=12), missing=dict(physio=0.2)
    )
    return plan_experiment(manifest=str(manifest), methods=methods or METHODS[kind], seeds=[0], config=quick(**config))


def train(plan, out, monkeypatch, hidden=()):
    """Run `plan` to the end; what it learnt and chose. Labels of the rows in `hidden` are NaN on the device."""
    kept, rows = {}, torch.tensor(np.array(hidden, int))

    def table_with_hidden_labels(samples, normalisers, device="cpu"):
        table = make_stacked_dataset(samples, normalisers, device)
        table.target[rows] = float("nan")
        kept["normalisers"] = {
            f"{part}/{n}": v.clone() for part in ("mean", "scale") for n, v in getattr(table, part).items()
        }
        if table.target_mean is not None:
            kept["normalisers"] |= {
                "mean/target": table.target_mean.clone(),
                "scale/target": table.target_scale.clone(),
            }
        return table

    def spy(plan, room, name):
        part = run_method(plan, room, name)
        kept["room"] = dict(room.artifacts.items())
        return part

    run_method = mtpkd.experiments.scoring.run_method
    with monkeypatch.context() as m:
        m.setattr(mtpkd.distillation.context, "make_stacked_dataset", table_with_hidden_labels)
        m.setattr(mtpkd.experiments.runner, "run_method", spy)
        run = mtpkd.experiments.runner.run_plan(plan, identity(plan), out, progress=False)
    return run, findings(run, kept)


def artifact_name(key) -> str:
    "`student kd` of the key of the students of kd: the kind of artifact, then its distinguishing fields"
    kind = type(key).__name__.removesuffix("Key").lower()
    return " ".join(str(value) for value in (kind, *vars(key).values()) if value not in ((), False))


def findings(run, kept) -> dict:  # name -> array
    "Everything a run learnt or chose that test rows must not touch"
    found = {f"normaliser {k}": v.numpy() for k, v in kept["normalisers"].items()}
    for key, thing in kept["room"].items():
        name = artifact_name(key)
        if isinstance(thing, FittedStack):
            for c, weights in thing.checkpoints.items():
                found |= {f"weights of {name} {c} {k}": v.numpy() for k, v in weights.items()}
            found[f"declared validation of {name}"] = np.asarray(thing.validation)
            if thing.teacher_weights:
                found[f"choice of {name}"] = torch.stack([w for _, w in thing.teacher_weights]).numpy()
        if isinstance(thing, AdaptedTeachers):
            found |= {f"adapter weights {k}": v.detach().numpy() for k, v in thing.stack.params.items()}
    for column in ("step", "value"):
        found[f"history {column}"] = run.history[column].to_numpy()
    found["teachers.csv"] = run.teachers.share.to_numpy()
    for p in sorted((run.path / "checkpoints").glob("*.done.json")):
        found[f"validation {p.name}"] = np.array(json.loads(p.read_text())["validation"])
    return found | {k: np.array(v) for k, v in run.summary.items() if k.endswith("_schedule")}


def differences(a: dict, b: dict) -> list:
    "Names of what is not the same, bit for bit"
    assert a.keys() == b.keys()
    return [k for k in a if a[k].shape != b[k].shape or a[k].tobytes() != b[k].tobytes()]


def garbage(plan, rows, seed=5):
    "`plan` with large random inputs, no gaps and wrong targets in `rows`"
    s, random = plan.samples, np.random.default_rng(seed)
    arrays = {n: a.copy() for n, a in s.arrays.items()}
    for n, a in arrays.items():
        a[rows] = random.normal(0, 1000, a[rows].shape)
    target, presence = s.target.copy(), s.presence.copy()
    target[rows] = (target[rows] + 1) % 3 if s.task.kind != "regression" else random.uniform(-1, 1, target[rows].shape)
    presence[rows] = True
    return replace(plan, samples=replace(s, arrays=arrays, target=target, presence=presence))


def with_nan(plan, rows):
    "`plan` with NaN in all inputs of `rows`, and in their values where it is a regression"
    s = poisoned(plan.samples, rows, np.nan)
    if s.task.kind == "regression":
        s.target[rows] = np.nan
    return replace(plan, samples=s)


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    "An honest run with every method: plan, folder, findings"
    plan = make_plan(tmp_path_factory.mktemp("honest"))
    run, found = train(plan, tmp_path_factory.mktemp("run") / "honest", pytest.MonkeyPatch())
    return plan, run, found


def test_the_run_has_something_to_hide(honest):
    plan, run, found = honest
    f = plan.folds[0]
    assert len(plan.folds) == 1 and len(f.pool) and len(f.test) == 30 and len(f.val) == 12
    names = " ".join(found)
    for what in (
        "teacher joint",
        "teacher physio",
        "refinedteacher privileged",
        "refinedteacher self",
        "student mtpkd",
        "student pkdot",
        "student mtpkdot",
        "adapter weights",
        "student_only:default",
        "self_training:",
        "best_validation",
        "normaliser mean/face",
        "choice of student mtpkdot",
    ):
        assert what in names, what
    assert {"student_only_schedule", "self_training_schedule", "student_all_labels_schedule"} <= set(found)
    assert all(np.isfinite(v).all() for v in found.values() if v.dtype.kind == "f")


def test_nan_in_the_test_rows_goes_unnoticed(honest, tmp_path, monkeypatch):
    plan, run, found = honest
    test = plan.folds[0].test
    blind, learnt = train(with_nan(plan, test), tmp_path / "nan", monkeypatch, hidden=test)
    assert differences(found, learnt) == []
    assert blind.results.value.isna().all() and run.results.value.notna().all(), (
        "the poison was there: no test row could be scored"
    )


def test_garbage_in_the_test_rows_and_in_hidden_labels_goes_unnoticed(honest, tmp_path, monkeypatch):
    "The ceiling is left out: it is the one row that is given the pool's labels"
    plan, run, found = honest
    f, able = plan.folds[0], [m for m in plan.methods if not m.startswith("student_all_labels")]
    poison = garbage(plan, f.test)
    poison.samples.target[f.pool] = (poison.samples.target[f.pool] + 1) % 3
    blind, learnt = train(
        replace(poison, methods=able), tmp_path / "garbage", monkeypatch, hidden=np.r_[f.test, f.pool]
    )
    mine = {
        k: v for k, v in found.items() if "student_all_labels" not in k and not k.startswith(("history", "validation"))
    }
    theirs = {k: v for k, v in learnt.items() if not k.startswith(("history", "validation"))}
    assert differences(mine, theirs) == []
    keep = lambda r: r.history[~r.history.method.str.startswith("student_all_labels")].reset_index(drop=True)
    assert keep(run).equals(keep(blind))


@pytest.mark.parametrize(
    "kind, poison", [("ordinal", garbage), ("regression", with_nan)], ids=["ordinal", "regression"]
)
def test_other_tasks_and_the_best_checkpoint(kind, poison, tmp_path, monkeypatch):
    "`best_validation` is chosen on validation rows: with every test row poisoned it is the same weights"
    plan = make_plan(tmp_path / "set", kind, checkpoint="best_validation")
    run, found = train(plan, tmp_path / "honest", monkeypatch)
    assert set(run.results.checkpoint) == {"best_validation"} and any("best_validation" in k for k in found)
    test = plan.folds[0].test
    assert differences(found, train(poison(plan, test), tmp_path / "poisoned", monkeypatch, hidden=test)[1]) == []


# leaks on purpose

BRIEF = ["kd"]  # enough to see every planted leak: a student, its teacher, their candidates


def red(plan, tmp_path, monkeypatch, poison=None):
    "What the poison test says of `plan`: what differs between an honest and a poisoned run"
    test = np.flatnonzero(np.isin(plan.samples.subject, FIXED["test"]))
    found, learnt = (
        train(p, tmp_path / name, monkeypatch, hidden=rows)[1]
        for name, p, rows in (("a", plan, ()), ("b", (poison or with_nan)(plan, test), test))
    )
    return " ".join(differences(found, learnt))


def test_without_a_leak_it_stays_green(tmp_path, monkeypatch):
    assert red(make_plan(tmp_path / "set", methods=BRIEF), tmp_path, monkeypatch, garbage) == ""


@pytest.mark.parametrize("poison", [with_nan, garbage])
def test_red_where_the_normaliser_is_fitted_on_all_rows(poison, tmp_path, monkeypatch):
    monkeypatch.setattr(
        mtpkd.experiments.scoring,
        "fit_normaliser",
        lambda samples, rows, labelled: fit_normaliser(samples, np.arange(len(samples)), labelled),
    )
    said = red(make_plan(tmp_path / "set", methods=BRIEF), tmp_path, monkeypatch, poison)
    assert "normaliser mean/face" in said and "weights of student kd" in said


@pytest.mark.parametrize("part", ["pool", "train", "val"])
def test_red_where_a_part_of_the_fold_holds_test_rows(part, tmp_path, monkeypatch):
    "Folds are checked when they are made; here the check is gone too"
    monkeypatch.setattr(mtpkd.data.folds, "check_fold", lambda fold, subject=None: None)

    def leaky(*args, **kw):
        return [replace(f, **{part: np.r_[getattr(f, part), f.test[:6]]}) for f in nested_folds(*args, **kw)]

    monkeypatch.setattr(mtpkd.experiments.settings, "nested_folds", leaky)
    said = red(make_plan(tmp_path / "set", methods=BRIEF), tmp_path, monkeypatch)
    assert ("declared validation of student kd" if part == "val" else "weights of student kd") in said


def test_red_where_a_course_draws_test_rows(tmp_path, monkeypatch):
    draw = mtpkd.distillation.batch_schedule.draw_stage_batches

    def leaky(course, folds):
        return draw(course, [replace(f, pool=np.r_[f.pool, f.test]) for f in folds])

    for module in (mtpkd.distillation.batch_schedule, mtpkd.distillation.self_distillation, mtpkd.distillation.tnet):
        monkeypatch.setattr(module, "draw_stage_batches", leaky)
    assert "weights of student kd" in red(make_plan(tmp_path / "set", methods=BRIEF), tmp_path, monkeypatch)


def test_red_where_a_graph_holds_test_rows(tmp_path, monkeypatch):
    spread = mtpkd.distillation.graph_targets.graph_target

    def leaky(context, *rest):
        folds = [replace(fold, pool=np.r_[fold.pool, fold.test]) for fold in context.folds]
        return spread(replace(context, folds=folds), *rest)

    options = dict(mtpkd=dict(gate=False))
    plan = make_plan(tmp_path / "set", methods=["mtpkd"], options=options)
    assert red(plan, tmp_path / "well", monkeypatch, garbage) == ""
    monkeypatch.setattr(mtpkd.distillation.students, "graph_target", leaky)
    assert "weights of student mtpkd" in red(plan, tmp_path / "leaky", monkeypatch, garbage)


def test_red_where_the_checkpoint_is_chosen_on_test_rows(tmp_path, monkeypatch):
    "Trap of the released code: the best epoch is picked on the test fold"
    take = mtpkd.distillation.objective.fit_stage

    def leaky(course, stack, table, samples, folds, *rest, **kw):
        return take(course, stack, table, samples, [replace(f, val=f.test) for f in folds], *rest, **kw)

    monkeypatch.setattr(mtpkd.distillation.students, "fit_stage", leaky)
    plan = make_plan(tmp_path / "set", methods=BRIEF, checkpoint="best_validation", schedule=dict(steps=12, evaluate=2))
    assert "best_validation" in red(plan, tmp_path, monkeypatch, garbage)


@pytest.mark.parametrize(
    "protocol, sees",
    [("test_epoch", "weights of teacher joint best_test"), ("batch_attention", "weights of student kd:default last")],
)
def test_red_under_the_released_protocol(protocol, sees, tmp_path, monkeypatch):
    "The faults that can be turned on by name do leak: the epoch follows the test labels, and a teacher's word on training rows follows the test rows beside them"
    plan = make_plan(
        tmp_path / "set",
        methods=BRIEF,
        schedule=dict(steps=12, evaluate=2, batch=35),
        teachers=dict(steps=12),
        protocol=protocol,
    )  # rows 35 to 69: of training, validation and test
    assert sees in red(plan, tmp_path, monkeypatch, garbage)


def test_red_where_a_method_sees_hidden_labels(tmp_path, monkeypatch):
    plan = make_plan(tmp_path / "set", methods=["kd"])
    monkeypatch.setitem(
        mtpkd.distillation.methods.methods._items,
        "kd",
        replace(mtpkd.distillation.methods.methods.get("kd"), all_labels=True),
    )
    pool = plan.folds[0].pool
    found, learnt = (
        train(plan, tmp_path / name, monkeypatch, hidden=rows)[1] for name, rows in (("a", ()), ("b", pool))
    )
    assert "weights of student kd" in " ".join(differences(found, learnt))


# in the field there are prevalent modalities only


def test_students_do_not_look_at_privileged_test_rows(honest, tmp_path, monkeypatch):
    "Every student predicts the same bits when the privileged modality is NaN and, for every second row, said not to be there; the teachers do not"
    plan, run, _ = honest
    test = plan.folds[0].test
    samples = replace(poisoned(plan.samples, test, np.nan, names=["physio"]), presence=plan.samples.presence.copy())
    samples.presence[test, 1] = np.arange(len(test)) % 2
    blind, _ = train(replace(plan, samples=samples), tmp_path / "blind", monkeypatch)
    said = {
        m: [
            r.predictions[r.predictions.method == m][list(run.summary["task"]["classes"])].to_numpy()
            for r in (run, blind)
        ]
        for m in run.summary["methods"]
    }
    changed = {m for m, (a, b) in said.items() if a.tobytes() != b.tobytes()}
    assert changed == {"teacher_joint", "teacher_physio"}
