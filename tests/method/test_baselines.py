"Every rival in one tiny run: as a classification, an ordinal scale, a regression; and what is refused, in words."

import numpy as np, pytest
import mtpkd
from mtpkd.core.errors import InputError
from mtpkd.losses.catalogue import term_names
from mtpkd.losses.terms import loss_terms
from tiny_runs import make_set, quick

BASELINE_TERMS = [
    t for t in (*term_names(level="feature"), *term_names(level="relation")) if t not in ("feature_mmd", "ot_features")
]
RIVALS = [
    "kd",
    "dkd",
    "fitnets",
    "cosine_mse",
    "rkd",
    "sp",
    "cc",
    "pkt",
    "crd",
    "wkd",
    "gw",
    "fgw",
    "rowwise_ot",
    "sinkhorn_kd",
]
OF_CLASSES = ["dkd", "wkd", "sinkhorn_kd"]


def go(manifest, methods, out, **asked):
    return mtpkd.run(str(manifest), methods=methods, seeds=[0], config=quick(), out=out, progress=False, **asked)


def taught_as(run, method):
    "The name that what a method learnt stands under: another one where it fell back on the student alone"
    return next((n for n in run.summary["methods"] if n.startswith("mtpkd:")), method) if method == "mtpkd" else method


def check(run, methods):
    "Every method finished, with finite numbers, and learnt something of its own"
    assert (
        set(methods) <= set(run.summary["methods"])
        and np.isfinite(run.results.value).all()
        and np.isfinite(run.history.value).all()
    )
    columns, methods = (
        run.summary["task"].get("classes") or run.summary["task"]["names"],
        [taught_as(run, m) for m in methods],
    )
    said = {m: p[columns].to_numpy() for m, p in run.predictions.groupby("method")}
    for i, a in enumerate(methods):
        assert np.isfinite(said[a]).all()
        for b in ["student_only", *methods[:i]]:
            assert not np.array_equal(said[a], said[b]), (a, b)


def test_all_rivals_on_classes(tmp_path):
    run = go(make_set(tmp_path / "set", missing=dict(face=0.05, physio=0.2)), RIVALS, tmp_path / "run")
    check(run, RIVALS)
    shares = run.history[run.history.name.str.endswith("_share")]
    assert {f"{t}_share" for t in BASELINE_TERMS} <= set(shares.name) and shares.value.between(0, 1).all()
    used = run.teachers[run.teachers.method.isin(RIVALS)]
    assert set(used.teacher) == {"joint"} and set(used.method) == set(RIVALS)
    assert run.plan("fitnets")["teacher"] == "joint" and "student_wkd" in run.embeddings()


def test_rivals_of_classes_on_a_scale(tmp_path):
    methods = [*OF_CLASSES, "fitnets"]
    check(go(make_set(tmp_path / "set", "ordinal"), methods, tmp_path / "run"), methods)


def test_permitted_rivals_on_values(tmp_path):
    manifest = make_set(tmp_path / "set", "regression", invalid=0.1, missing=dict(physio=0.2))
    methods = [m for m in RIVALS if m not in OF_CLASSES]
    check(go(manifest, methods, tmp_path / "run"), methods)
    for m in OF_CLASSES:
        with pytest.raises(InputError, match=f"method {m} is not for regression: .* class probabilities; use kd") as e:
            go(manifest, ["kd", m], tmp_path / "refused")
        assert "\n" not in str(e.value)
    assert not (tmp_path / "refused").exists()


def test_every_rival_is_a_term_and_a_method():
    from mtpkd.distillation.methods import methods

    assert {*BASELINE_TERMS, *term_names(classification_only=True)} <= set(loss_terms.names()) and set(RIVALS) <= set(
        methods.names()
    )


def test_rivals_in_two_stacks_are_the_rivals_in_one(tmp_path, monkeypatch):
    "The weights of a term belong to their repeat: two repeats at a time and all three give the same"
    manifest, methods = make_set(tmp_path / "set"), ["fitnets", "crd", "wkd"]
    whole = go(manifest, methods, tmp_path / "whole")
    monkeypatch.setattr(mtpkd.experiments.plan, "MAX_STACK", 2)
    parts = go(manifest, methods, tmp_path / "parts")
    order = ["method", "fold", "sample"]
    a, b = (r.predictions[r.predictions.method.isin(methods)].sort_values(order) for r in (whole, parts))
    np.testing.assert_allclose(a[whole.summary["task"]["classes"]], b[whole.summary["task"]["classes"]], atol=1e-5)


# teachers, targets, controls

TARGETS = ["kd_mean", "kd_best", "kd_confidence", "kd_barycentre", "kd_crossfit"]


def test_targets_of_several_teachers(tmp_path):
    manifest = make_set(
        tmp_path / "set",
        roles=dict(face="prevalent", physio="privileged", voice="privileged"),
        missing=dict(physio=0.2),
    )
    run = go(manifest, TARGETS, tmp_path / "run")
    check(run, TARGETS)
    share = run.teachers.groupby(["method", "fold", "teacher"]).share.sum().unstack("teacher")
    assert set(share) == {"joint", "physio", "voice"} and (share.loc["kd_crossfit"].joint == 1).all()
    np.testing.assert_allclose(share.sum(axis=1), 1, atol=1e-5)
    assert share.loc["kd_confidence"].notna().all(axis=None) and (share.loc["kd_best"].max(axis=1) > 0.7).all()


def test_targets_of_values(tmp_path):
    manifest, methods = (
        make_set(tmp_path / "set", "regression", subjects=12, invalid=0.1),
        [m for m in TARGETS if m != "kd_barycentre"],
    )
    check(go(manifest, methods, tmp_path / "run"), methods)
    with pytest.raises(
        InputError, match="method kd_barycentre is not for regression: its target is of class probabilities"
    ):
        go(manifest, TARGETS, tmp_path / "refused")


def test_teacher_and_cross_fit_are_options_of_every_method_that_listens(tmp_path):
    options = dict(
        dkd=dict(teacher="all", target="best"),
        wkd=dict(teacher="singles"),
        mtpkd=dict(cross_fit=True),
        kd=dict(cross_fit=True, teacher="all", target="confidence"),
    )
    run = mtpkd.run(
        str(make_set(tmp_path / "set")),
        methods=[*options],
        seeds=[0],
        config=quick(options=options),
        out=tmp_path / "run",
        progress=False,
    )
    check(run, [*options])
    assert set(run.teachers[run.teachers.method == "wkd"].teacher) == {"physio"}


def test_controls_as_methods(tmp_path):
    "Beside the recipe itself, in one run"
    methods = ["mtpkd", "shuffled_teacher", "shuffled_privileged", "label_permutation"]
    run = go(make_set(tmp_path / "set", missing=dict(physio=0.2)), methods, tmp_path / "run")
    check(run, methods)
    assert {"shuffled_teacher", "label_permutation"} <= {c["b"] for c in run.summary["comparisons"]}


def said(run, method):
    method = taught_as(run, method)
    p = run.predictions[run.predictions.method == method].sort_values(["fold", "sample"])
    return p[run.summary["task"].get("classes") or run.summary["task"]["names"]].to_numpy()


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_a_control_over_the_whole_run(kind, tmp_path):
    "Shuffled, methods that see no privileged modality are what they were, to the bit; with permuted labels nothing is"
    manifest, alone, taught = (
        make_set(tmp_path / "set", kind, subjects=12),
        ["student_only", "self_training"],
        ["kd", "rkd", "pkdot", "mtpkdot", "mtpkd"],
    )
    runs = {
        c: go(manifest, [*alone, *taught, "teacher_joint"], tmp_path / f"run{c}", set={"control": c} if c else None)
        for c in ("", "shuffled_teacher", "shuffled_privileged", "label_permutation")
    }
    for control, run in runs.items():
        if not control:
            continue
        assert run.config["control"] == control
        same = {
            m
            for m in (
                "student_only:default",
                "self_training:default",
                "teacher_joint",
                *(f"{m}:default" for m in taught),
            )
            if np.array_equal(said(run, m), said(runs[""], m))
        }
        assert same == (
            set()
            if control == "label_permutation"
            else {"student_only:default", "self_training:default", "teacher_joint"}
        ), control


def test_a_control_nobody_knows(tmp_path):
    with pytest.raises(
        InputError, match="unknown control 'labels'; known: label_permutation, shuffled_privileged, shuffled_teacher"
    ):
        go(make_set(tmp_path / "set"), ["kd"], tmp_path / "run", set={"control": "labels"})
    with pytest.raises(InputError, match="teachers.inner_folds is 1, expected a number at least 2"):
        go(tmp_path / "set" / "manifest.yaml", ["kd_crossfit"], tmp_path / "run", set={"teachers.inner_folds": 1})
