"""Whole runs, end to end, on sets that take seconds: every kind of task, of fold, of gap in the data, every part that has a name.

Whatever the run, the same is asked of its folder: the files and columns of the format, finite numbers, every sample predicted once a seed, and scores that
scikit-learn finds again in the predictions.
"""

import json
from itertools import zip_longest
import numpy as np, pandas as pd, pytest, yaml
from sklearn import metrics as sk
import mtpkd.core.errors
import mtpkd.data.manifest
import mtpkd.data.readers
import mtpkd.data.save
import mtpkd.distillation.methods
import mtpkd.distillation.teacher_selection
import mtpkd.experiments.plan
import mtpkd.losses.alignment
import mtpkd.models.fusion
from mtpkd.models.fusion import fusions
from mtpkd.losses.alignment import alignments
from mtpkd.core.errors import InputError
from mtpkd.data.manifest import load_manifest
from mtpkd.data.reading import read
from mtpkd.distillation.methods import parse_row
from mtpkd.distillation.teacher_selection import selection_rules
from tiny_runs import fixed_folds, make_set, run_tiny

COLUMNS = {
    "results.csv": "method,fold,seed,metric,value,n_train,n_pool,n_val,n_test,steps,checkpoint,seconds",
    "metrics.csv": "method,fold,seed,checkpoint,metric,value",
    "history.csv": "method,fold,seed,stage,step,name,value",
    "teachers.csv": "method,fold,seed,epoch,teacher,count,share",
}
FILES = {
    *COLUMNS,
    "experiment.yaml",
    "environment.json",
    "journal.jsonl",
    "summary.json",
    "predictions.parquet",
    "checkpoints",
    "transfer.csv",
}
ROW = {"mean", "sd", "n", "diff", "ci95", "p", "p_holm", "gap_closed", "headroom_closed", "validation"}
FRAME = {
    "name",
    "title",
    "task",
    "metric",
    "prevalent",
    "privileged",
    "n",
    "subjects",
    "labelled",
    "folds",
    "seeds",
    "checkpoint",
    "methods",
    "headroom",
    "comparisons",
    "frozen",
    "student_only_schedule",
}
TAUGHT = ["kd", "mtpkdot"]

# what is asked of every run


def ccc(y, p):
    "Concordance over annotated values, by the book"
    there = ~np.isnan(y)
    y, p = y[there], p[there]
    return 2 * np.cov(y, p, bias=True)[0, 1] / (y.var() + p.var() + (y.mean() - p.mean()) ** 2)


def scores_by_sklearn(p: pd.DataFrame, task) -> dict:
    "Metrics of one repeat, from its predictions alone"
    if task["kind"] == "regression":
        return {"ccc": np.mean([ccc(p[f"target_{n}"].to_numpy(), p[n].to_numpy(float)) for n in task["names"]])}
    level = {c: i for i, c in enumerate(task["classes"])}
    y, said = p.target.map(level).to_numpy(), p[task["classes"]].to_numpy().argmax(1)
    seen = sorted({*y, *said})
    scores = dict(
        accuracy=sk.accuracy_score(y, said),
        balanced_accuracy=sk.recall_score(y, said, labels=sorted({*y}), average="macro", zero_division=0),
        macro_f1=sk.f1_score(y, said, labels=seen, average="macro"),
        nll=sk.log_loss(y, p[task["classes"]].to_numpy(float), labels=range(len(level))),
    )
    if task["kind"] == "ordinal" and len(seen) > 1:
        scores["quadratic_kappa"] = sk.cohen_kappa_score(y, said, weights="quadratic")
    return scores


def check_files(run, pictures):
    "Files and their exact columns"
    have = {p.name for p in run.path.iterdir()}
    assert have - {"calibration.csv"} == FILES | ({"plans", "embeddings"} if pictures else {"embeddings"}), have
    for name, columns in COLUMNS.items():
        assert (run.path / name).read_text().partition("\n")[0] == columns, name
    task = run.summary["task"]
    ends = (
        ["target", *task["classes"]]
        if task["kind"] != "regression"
        else [f"target_{n}" for n in task["names"]] + task["names"]
    )
    assert list(run.predictions.columns) == ["method", "fold", "seed", "sample", "subject", *ends]
    assert run.config["format"] == 1 and not list(run.path.rglob("*.tmp"))
    events = [json.loads(line)["event"] for line in (run.path / "journal.jsonl").read_text().splitlines()]
    assert events[0] == "start" and events[-1] == "done"


def check_numbers(run):
    "Everything a method made is finite; probabilities add up to one"
    task, p = run.summary["task"], run.predictions
    for table in (run.results, run.history, run.teachers, run.metrics.dropna(subset="fold")):
        assert np.isfinite((table.value if "value" in table else table.share).astype(float)).all()
    if task["kind"] == "regression":
        assert np.isfinite(p[task["names"]]).all(None)
    else:
        np.testing.assert_allclose(p[task["classes"]].sum(axis=1), 1, atol=1e-5)
    if len(run.teachers):
        np.testing.assert_allclose(run.teachers.groupby(["method", "fold", "seed", "epoch"]).share.sum(), 1, atol=1e-5)


def check_scores(run):
    "results.csv and metrics.csv from predictions.parquet"
    task, metric = run.summary["task"], run.summary["metric"]
    keys = ["method", "fold", "seed"]
    results, others = (
        run.results.set_index(keys).value,
        run.metrics[run.metrics.checkpoint == run.summary["checkpoint"]].dropna(subset="fold"),
    )
    others = others.astype({"fold": int, "seed": int}).set_index([*keys, "metric"]).value
    assert results.index.is_unique and others.index.is_unique
    for key, p in run.predictions.groupby(keys):
        again = scores_by_sklearn(p, task)
        assert results[key] == pytest.approx(again[metric], abs=1e-6)
        for name, value in again.items():
            assert others[(*key, name)] == pytest.approx(value, abs=1e-5), name


def check_coverage(run, samples):
    "Every sample that is tested is predicted once a method and seed, with its own target and subject"
    p, seeds, methods = run.predictions, run.summary["seeds"], list(run.summary["methods"])
    assert not p.duplicated(["method", "seed", "sample"]).any()
    assert set(p.method) == set(run.results.method) == set(methods) and set(p.seed) == set(seeds)
    tested = {*samples.sample} if not isinstance(run.config["folds"], dict) else {*p["sample"]}
    assert all({*own} == tested for _, own in p.groupby(["method", "seed"])["sample"])
    row = pd.Series(range(len(samples)), index=samples.sample)[p["sample"]].to_numpy()
    if samples.subject is not None:
        assert (p.subject == samples.subject[row]).all()
    if samples.task.kind == "regression":
        np.testing.assert_array_equal(
            p[[f"target_{n}" for n in samples.task.names]].to_numpy("float32"), samples.target[row]
        )
    else:
        assert (p.target == np.array(samples.task.classes)[samples.target[row]]).all()
    assert (run.results.n_test.groupby([run.results.method, run.results.seed]).sum() == len(tested)).all()


def check_summary(run):
    "Keys of the verdict, and that it is the mean of the results"
    s = run.summary
    assert FRAME <= set(s) and all(set(row) == ROW for row in s["methods"].values())
    wide = run.results.pivot(index=["seed", "fold"], columns="method", values="value")
    for name, row in s["methods"].items():
        assert row["mean"] == pytest.approx(wide[name].mean()) and row["n"] == len(wide)
        assert row["diff"] == pytest.approx((wide[name] - wide["student_only"]).mean(), abs=1e-9)
        if len(wide) > 1:
            assert row["sd"] == pytest.approx(wide[name].std())
    assert s["methods"]["student_only"]["diff"] == 0
    for method, schedule in s.schedules.items():
        fell = method in s.fallback and s.fallback[method].fell_back
        assert fell or (wide[method] == wide[f"{method}:{schedule}"]).all()


def go(tmp_path, manifest=None, *, methods=TAUGHT, seeds=(0,), set=None, name="run", asked=None, **how):
    "Run and check; `how` makes the set, settings go through `asked`"
    manifest = manifest or make_set(tmp_path / "set", **how)
    run = run_tiny(manifest, tmp_path / name, methods, seeds, settings=set, asked=asked)
    everything(run, read(manifest, names=[*run.summary["prevalent"], *run.summary["privileged"]]))
    return run


def everything(run, samples):
    check_files(run, pictures=bool(run.summary["privileged"]))
    for check in (check_numbers, check_scores, check_summary):
        check(run)
    check_coverage(run, samples)


# every method, two seeds; the same again; one of the seeds alone


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    "All methods on three folds and two seeds, and where its set is"
    folder = tmp_path_factory.mktemp("whole")
    return folder, go(folder, methods=None, seeds=(0, 1), set={"schedules": ["default", "long_mixup"]})


def test_every_method_of_the_default_list(whole):
    folder, run = whole
    rows = set(run.summary["methods"])
    tried = {"default", "long_mixup"}
    assert {
        "student_only",
        "self_training",
        "kd",
        "pkdot",
        "mtpkdot",
        "mtpkd",
        "student_all_labels",
        "teacher_joint",
        "teacher_face",
        "teacher_physio",
    } <= rows
    for method in (
        "student_only",
        "self_training",
        "kd",
        "pkdot",
        "pkdot:no_ot",
        "mtpkdot",
        "mtpkdot:no_centroid",
        "mtpkd",
    ):
        assert {method, *(f"{method}:{schedule}" for schedule in tried)} <= rows, "the same candidates for everybody"
        assert set(run.summary.schedule_scores[method]) == tried
    assert {"pkdot:paper", "mtpkdot:paper", "student_only:paper", "student_only:paper_pkdot"} <= rows
    assert set(run.history.stage) == {"teachers", "self_distillation", "tnet", "student"}
    assert set(run.history.name) == {
        "loss",
        "validation",
        "ot_share",
        "centroid_share",
        "violation",
        "graph_used",
    }
    shares = run.history[run.history.name == "ot_share"]
    with_transport = {"pkdot", "mtpkdot", "mtpkdot:no_centroid"}
    assert {method for method in shares.method if not parse_row(method).schedule} == with_transport
    assert shares.value.between(0, 1, inclusive="neither").all()
    assert {c["b"] for c in run.summary["comparisons"]} >= {"kd", "self_training", "mtpkdot:no_ot"}
    extra = run.metrics[run.metrics.fold.isna()]
    assert set(extra.metric) == {"wilcoxon_p", "bootstrap_low", "bootstrap_high"} and set(extra.method) == rows


def test_pictures_of_a_run(whole):
    _, run = whole
    ablated = [
        "mtpkdot",
        "mtpkdot:no_centroid",
        "mtpkdot:no_ot",
        "mtpkdot:paper",
        "pkdot",
        "pkdot:no_ot",
        "pkdot:paper",
    ]
    assert run.plans() == ["kd", "mtpkd", *ablated]
    plan = run.plan("mtpkdot")
    b = len(plan["row"])
    assert plan["plan"].shape == plan["gram_teacher"].shape == plan["gram_student"].shape == (b, b) and plan[
        "anchors"
    ].shape == (b, int(plan["k"]))
    assert {"teacher", "k", "blur", "value", "violation", "classes"} <= set(plan)
    np.testing.assert_allclose(plan["plan"].sum(0), 1 / b, atol=1e-3)
    f = run.predictions.query("method == 'kd' and fold == 0 and seed == 0")
    z = run.embeddings()
    assert len(z["row"]) == len(f) and {
        "teacher_joint",
        "teacher_face",
        "adapted_face",
        "student_kd",
        "student_mtpkd",
    } <= set(z)
    assert not any(parse_row(name).schedule in ("default", "long_mixup") for name in z), "only the chosen student"
    assert not set(plan["row"]) & set(z["row"]), "the plan is of rows of the training fold"


def test_the_same_seed_gives_the_same_bits(whole, tmp_path):
    folder, run = whole
    again = mtpkd.run(None, config=run.path / "experiment.yaml", out=tmp_path / "again", progress=False)
    for name in ("results", "metrics", "history", "teachers", "predictions"):
        a, b = (getattr(r, name).drop(columns="seconds", errors="ignore") for r in (run, again))
        assert a.equals(b), name
    for p in (run.path / "embeddings").iterdir():
        assert p.read_bytes() == (again.path / "embeddings" / p.name).read_bytes()


def test_a_seed_alone_is_the_seed_in_company(whole, tmp_path):
    "Six repeats trained together and three of them alone: float32 sums in another order, so equal to a tolerance"
    folder, both = whole
    manifest = folder / "set" / "manifest.yaml"
    alone = run_tiny(manifest, tmp_path / "alone", ["kd", "mtpkdot", "mtpkd"], seeds=[1])
    assert_same_predictions(alone, both)


def test_chunks_of_a_stack_are_the_stack(whole, tmp_path, monkeypatch):
    "Four repeats at a time instead of six"
    folder, run = whole
    monkeypatch.setattr(mtpkd.experiments.plan, "MAX_STACK", 4)
    manifest = folder / "set" / "manifest.yaml"
    chunked = run_tiny(manifest, tmp_path / "chunks", ["mtpkdot"], seeds=[0, 1])
    everything(chunked, read(manifest))
    assert len(list((chunked.path / "checkpoints").glob("*mtpkdot~default.done.json"))) == 2
    assert_same_predictions(chunked, run)


def assert_same_predictions(some, whole, atol=1e-5):
    keys = ["method", "fold", "seed", "sample"]
    trained = [m for m in some.summary["methods"] if parse_row(m).schedule]  # a method may have another candidate
    a = some.predictions[some.predictions.method.isin(trained)].set_index(keys)
    b = whole.predictions.set_index(keys).loc[a.index]
    classes = some.summary["task"]["classes"]
    assert len(a) > 0 and (a.target == b.target).all()
    np.testing.assert_allclose(a[classes].to_numpy(), b[classes].to_numpy(), atol=atol)


# kinds of task


def test_ordinal(tmp_path):
    run = go(tmp_path, methods=["kd", "mtpkdot", "mtpkd"], kind="ordinal", protocol=dict(metric="quadratic_kappa"))
    assert run.summary["metric"] == "quadratic_kappa" and run.summary["task"]["chance"] == 0


def test_regression_with_values_that_nobody_annotated(tmp_path):
    run = go(
        tmp_path,
        methods=["self_training", "kd", "mtpkdot", "mtpkd"],
        kind="regression",
        invalid=0.15,
        protocol=dict(metric="ccc"),
    )
    assert run.predictions.target_valence.isna().any() and run.results.value.between(-1, 1).all()
    assert {"ccc_valence", "ccc_arousal", "rmse"} <= set(run.metrics.metric)


# folds


def test_without_subjects(tmp_path):
    run = go(tmp_path, alone=True, methods=["kd"])
    assert run.summary["subjects"] is None and set(run.predictions.subject) == {""}


def test_leave_one_subject_out(tmp_path):
    run = go(
        tmp_path,
        methods=["kd"],
        subjects=5,
        per_subject=12,
        asked=dict(folds="loso", labelled=16, labelled_validation=8),
    )
    assert run.summary["folds"] == "loso"
    assert (
        run.predictions.groupby(["method", "fold"]).subject.nunique() == 1
    ).all() and run.results.fold.nunique() == 5


@pytest.mark.parametrize("by", ["subject", "sample"])
def test_fixed_folds(by, tmp_path):
    protocol = dict(folds=fixed_folds()[by], labelled_validation=8)
    run = go(tmp_path, methods=["kd"], alone=by == "sample", protocol=protocol)
    assert (run.results.n_test == 20).all() and run.results.fold.eq(0).all()
    assert run.predictions["sample"].nunique() == 20


def test_all_labels_and_no_pool(tmp_path):
    run = go(tmp_path, methods=["self_training", "mtpkdot"], asked=dict(labelled="all", labelled_validation="all"))
    assert (run.results.n_pool == 0).all() and (run.results.n_train > 24).all() and run.summary["headroom"] is None
    assert not any(m.startswith("student_all_labels") for m in run.summary["methods"])


# modalities


def test_missing_modalities(tmp_path):
    "A third of the privileged and a tenth of the prevalent recordings is not there; some rows have neither"
    run = go(tmp_path, missing=dict(face=0.1, physio=0.35), methods=["kd", "mtpkdot", "mtpkd"])
    s = read(tmp_path / "set" / "manifest.yaml")
    lost = run.predictions[run.predictions["sample"].isin(s.sample[~s.presence[:, 0]])]
    assert len(lost) and (lost.groupby(["method", "fold"])[run.summary["task"]["classes"]].std().fillna(0) < 1e-6).loc[
        "kd"
    ].all(None), "without its modality the student says the same of everybody"


def test_a_privileged_modality_that_the_pool_lacks(tmp_path):
    "Half of the subjects were never recorded: teachers learn from the others"
    manifest = make_set(tmp_path / "a", subjects=8)
    s = read(manifest)
    arrays = {"face": s.arrays["face"], "physio": np.where((s.subject < "s004")[:, None], s.arrays["physio"], np.nan)}
    own = mtpkd.data.save.save_set(
        tmp_path / "set",
        "half",
        arrays,
        s.target,
        s.task,
        s.subject,
        s.sample,
        roles=dict(face="prevalent", physio="privileged"),
        protocol=dict(folds=4, labelled=24),
    )
    assert len(go(tmp_path, own, methods=["kd", "mtpkdot", "mtpkd"]).results)


def test_several_privileged_modalities(tmp_path):
    run = go(
        tmp_path,
        roles=dict(face="prevalent", physio="privileged", voice="privileged"),
        methods=["mtpkdot", "mtpkd", "teacher_joint", "teacher_voice"],
    )
    assert set(run.teachers.query("method == 'mtpkdot'").teacher) == {"face", "physio", "voice", "joint"}


def test_several_prevalent_modalities_and_chosen_teachers(tmp_path):
    run = go(
        tmp_path,
        roles=dict(face="prevalent", physio="privileged", voice="unused"),
        methods=["mtpkdot", "mtpkd", "teacher_face+voice"],
        asked=dict(prevalent="face,voice"),
        set={"teachers.subsets": [["physio"], ["face", "voice"]]},
    )
    assert run.summary["prevalent"] == ["face", "voice"]
    assert set(run.teachers.query("method == 'mtpkdot'").teacher) == {"physio", "face+voice", "joint"}


def test_no_privileged_modality(tmp_path):
    run = go(tmp_path, roles=dict(face="prevalent"), methods=None)
    assert {m.partition(":")[0] for m in run.summary["methods"]} == {
        "student_only",
        "self_training",
        "student_all_labels",
    }


# parts by name


def settings_of(run):
    return yaml.safe_load((run.path / "experiment.yaml").read_text())


@pytest.mark.parametrize("encoder", ["conv1d", "tcn", "mlp"])
def test_signals(encoder, tmp_path):
    "Convolutions do not stack: the same loop, repeat by repeat"
    run = go(
        tmp_path,
        signals=True,
        set={"encoder.name": encoder, "schedule.steps": 3},
        methods=["mtpkdot"] if encoder != "conv1d" else ["mtpkd"],
    )
    assert load_manifest(tmp_path / "set" / "manifest.yaml").modalities["face"].kind == "signal"
    assert settings_of(run)["encoder"]["name"] == encoder


OWN = "custom_components:Fusion", "custom_components:alignment", "custom_components:first"
NAMED = list(zip_longest(*([*known.names(), own] for known, own in zip((fusions, alignments, selection_rules), OWN))))


@pytest.mark.parametrize("fusion, alignment, rule", NAMED)
def test_every_fusion_alignment_and_teacher_rule(fusion, alignment, rule, tmp_path):
    "All names that are known, and one of the user's own each"
    asked = {
        "fusion.name": fusion,
        "self_distillation.alignment": alignment,
        "self_distillation.detach": alignment == "mse",
        "options.mtpkdot.rule": rule,
    }
    run = go(tmp_path, set={k: v for k, v in asked.items() if v is not None}, methods=["mtpkdot"])
    if fusion:
        assert settings_of(run)["fusion"]["name"] == fusion
    mean = run.teachers.groupby("teacher").share.mean()
    if rule == "fixed":
        assert mean["joint"] == 1
    if rule == "custom_components:first":
        assert mean["face"] == 1
    if rule == "weighted":
        assert (mean > 0.1).all()


def test_alignments_differ(tmp_path):
    "A name that changes nothing would pass the test above"
    losses = [
        go(
            tmp_path,
            tmp_path / "set" / "manifest.yaml" if i else make_set(tmp_path / "set"),
            set={"self_distillation.alignment": a},
            methods=["mtpkdot"],
            name=a,
        )
        .history.query("stage == 'self_distillation' and name == 'loss'")
        .value.iloc[0]
        for i, a in enumerate(("cosine", "mmd"))
    ]
    assert losses[0] != losses[1]


def test_other_settings(tmp_path):
    "Without T-Net, moving average, constant rate, no clipping, hidden modalities, best checkpoint, another temperature and weights"
    run = go(
        tmp_path,
        methods=["kd", "mtpkdot", "mtpkd"],
        asked=dict(labelled=15),
        set={
            "student.tnet": False,
            "schedule.ema": 0.9,
            "schedule.decay": "constant",
            "schedule.clip": 0,
            "schedule.mixup": 0.4,
            "teachers.modality_dropout": 0.5,
            "teachers.ensemble": 2,
            "checkpoint": "best_validation",
            "options.kd.temperature": 4,
            "options.kd.terms": {"task": 0.5, "logit_kd": 0.5},
        },
    )
    assert set(run.results.checkpoint) == {"best_validation"} and (run.results.n_train == 15).all()


def test_parts_of_ones_own(tmp_path):
    "Encoder, fusion and loss from a module of the user's, as `package.module:name`"
    run = go(
        tmp_path,
        methods=["kd"],
        set={
            "encoder.name": "custom_components:Encoder",
            "fusion.name": "custom_components:Fusion",
            "options.kd.terms": {"task": 0.5, "logit_kd": 0.4, "custom_components:small_logits": 0.1},
        },
    )
    assert settings_of(run)["options"]["kd"]["terms"]["custom_components:small_logits"] == 0.1


def test_a_method_of_ones_own_is_registered_not_imported(tmp_path, monkeypatch):
    "A colon in a method's name is its schedule; `add_method` makes a name known"
    manifest = make_set(tmp_path / "set")
    with pytest.raises(InputError, match="unknown method"):
        mtpkd.run(str(manifest), methods=["custom_components:method"], out=tmp_path / "x")
    from mtpkd.distillation.methods import Method, add_method, methods

    monkeypatch.setattr(methods, "_items", dict(methods._items))
    add_method(Method("mine", (("task", 0.5), ("centroid", 0.5)), teacher="joint", pool=True, schedule="paper"))
    run = go(tmp_path, manifest, methods=["mine"])
    assert {"mine", "mine:paper"} <= set(run.summary["methods"])
