"Every rival in one tiny run: as a classification, an ordinal scale, a regression; and what is refused, in words."
import numpy as np, pytest
import mtpkd
from mtpkd.core import InputError
from mtpkd.rivals import CLASS_TERMS, FEATURES
from mtpkd.losses import terms
from tiny import make_set, quick

RIVALS = ["kd", "dkd", "fitnets", "cosine_mse", "rkd", "sp", "cc", "pkt", "crd", "wkd", "gw", "fgw", "rowwise_ot", "sinkhorn_kd"]
OF_CLASSES = ["dkd", "wkd", "sinkhorn_kd"]

def go(manifest, methods, out, **asked):
    return mtpkd.run(str(manifest), methods=methods, seeds=[0], config=quick(), out=out, progress=False, **asked)

def check(run, methods):
    "Every method finished, with finite numbers, and learnt something of its own"
    assert set(methods) <= set(run.summary["methods"]) and np.isfinite(run.results.value).all() and np.isfinite(run.history.value).all()
    columns = run.summary["task"].get("classes") or run.summary["task"]["names"]
    said = {m: p[columns].to_numpy() for m, p in run.predictions.groupby("method")}
    for i, a in enumerate(methods):
        assert np.isfinite(said[a]).all()
        for b in ["student_only", *methods[:i]]: assert not np.array_equal(said[a], said[b]), (a, b)

def test_all_rivals_on_classes(tmp_path):
    run = go(make_set(tmp_path/"set", missing=dict(face=.05, physio=.2)), RIVALS, tmp_path/"run")
    check(run, RIVALS)
    shares = run.history[run.history.name.str.endswith("_share")]
    assert {f"{t}_share" for t in FEATURES} <= set(shares.name) and shares.value.between(0, 1).all()
    used = run.teachers[run.teachers.method.isin(RIVALS)]
    assert set(used.teacher) == {"joint"} and set(used.method) == set(RIVALS)
    assert run.plan("fitnets")["teacher"] == "joint" and "student_wkd" in run.embeddings()

def test_rivals_of_classes_on_a_scale(tmp_path):
    methods = [*OF_CLASSES, "fitnets"]
    check(go(make_set(tmp_path/"set", "ordinal"), methods, tmp_path/"run"), methods)

def test_permitted_rivals_on_values(tmp_path):
    manifest = make_set(tmp_path/"set", "regression", invalid=.1, missing=dict(physio=.2))
    methods = [m for m in RIVALS if m not in OF_CLASSES]
    check(go(manifest, methods, tmp_path/"run"), methods)
    for m in OF_CLASSES:
        with pytest.raises(InputError, match=f"method {m} is not for regression: .* class probabilities; use kd") as e: go(manifest, ["kd", m], tmp_path/"refused")
        assert "\n" not in str(e.value)
    assert not (tmp_path/"refused").exists()

def test_every_rival_is_a_term_and_a_method():
    from mtpkd.distillation import methods
    assert {*FEATURES, *CLASS_TERMS} <= set(terms.names()) and set(RIVALS) <= set(methods.names())

def test_rivals_in_two_stacks_are_the_rivals_in_one(tmp_path, monkeypatch):
    "The weights of a term belong to their repeat: two repeats at a time and all three give the same"
    manifest, methods = make_set(tmp_path/"set"), ["fitnets", "crd", "wkd"]
    whole = go(manifest, methods, tmp_path/"whole")
    monkeypatch.setattr(mtpkd.experiments, "STACK", 2)
    parts = go(manifest, methods, tmp_path/"parts")
    order = ["method", "fold", "sample"]
    a, b = (r.predictions[r.predictions.method.isin(methods)].sort_values(order) for r in (whole, parts))
    np.testing.assert_allclose(a[whole.summary["task"]["classes"]], b[whole.summary["task"]["classes"]], atol=1e-5)
