"""Sets of more rows than an experiment draws: what is cut, what stays in files, and that nothing else changes."""

import warnings

import numpy as np
import pandas as pd
import pytest

import mtpkd
from mtpkd.core.config import to_yaml
from mtpkd.data import feature_store, npz_files
from mtpkd.data.feature_store import write_shard
from mtpkd.data.save import save_set
from mtpkd.data.windowed_array import WindowedArray
from mtpkd.experiments import resume
from mtpkd.experiments.plan import plan_experiment
from mtpkd.experiments.scoring import open_context

ROWS, WIDTH, CLASSES = 1200, 6, ("calm", "stress")
CONFIG = dict(
    schedules=["default"],
    most_rows=100,
    schedule=dict(steps=4, evaluate=2, batch=8, pool_batch=12),
    teachers=dict(steps=4, ensemble=1, graph_rows=150),
    encoder=dict(width=8),
    self_distillation=dict(steps=2, batch=16),
    student=dict(tnet_steps=2),
    ot=dict(k=5),
)
ASKED = dict(methods=["student_only", "pkdot", "mtpkd"], labelled=60, folds=3, seeds=[0], config=CONFIG)


def write_set(folder):
    "A prepared set of two modalities in three shards each"
    random = np.random.default_rng(0)
    label = random.integers(0, 2, ROWS)
    index = dict(sample=[f"row{i:05d}" for i in range(ROWS)], subject=[f"s{i % 12:02d}" for i in range(ROWS)])
    index["target"] = [CLASSES[i] for i in label]
    entries = {}
    for name, role in dict(face="prevalent", physio="privileged").items():
        keys, size = [f"{name}{i}" for i in range(ROWS)], ROWS // 3
        x = random.normal(size=(ROWS, 1, WIDTH)).astype("float32") + label[:, None, None]
        for part in range(3):
            rows = slice(part * size, (part + 1) * size)
            write_shard(folder / "shards" / f"{name}-{part}.safetensors", x[rows], keys[rows])
        index[f"{name}:shard"] = [f"{name}-{i // size}" for i in range(ROWS)]
        index[f"{name}:row"] = [i % size for i in range(ROWS)]
        index[f"{name}:key"] = keys
        entries[name] = dict(kind="features", shape=[WIDTH], role=role)
    pd.DataFrame(index).to_parquet(folder / "index.parquet", index=False)
    manifest = dict(
        name="many",
        reader="prepared",
        files=dict(index=dict(path="index.parquet")),
        task=dict(kind="classification", target="target", classes=list(CLASSES)),
        subject="subject",
        sample="sample",
        modalities=entries,
        protocol=dict(metric="balanced_accuracy", group="subject"),
    )
    (folder / "manifest.yaml").write_text(to_yaml(manifest))
    return folder / "manifest.yaml"


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("many"))


@pytest.fixture(scope="module")
def in_memory_run(manifest, tmp_path_factory):
    "The run with features and predictions in memory"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return mtpkd.run(manifest, out=tmp_path_factory.mktemp("runs") / "memory", progress=False, **ASKED)


@pytest.fixture(scope="module")
def mapped_run(manifest, in_memory_run):
    "The same with features that stay in their shards, and predictions in the files of their stacks"
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setattr(feature_store, "MAPPED_BYTES", 0)
        patch.setattr(resume, "KEPT_ROWS", 100)
        return mtpkd.run(manifest, out=in_memory_run.path.parent / "mapped", progress=False, **ASKED)


def test_a_run_says_what_it_left_out(in_memory_run):
    results = in_memory_run.results
    assert results["n_pool"].max() == 100 and results["n_val"].max() <= 101 and set(results["n_train"]) == {60}
    assert any("of which random 100 and 100 are used (most_rows)" in note for note in in_memory_run.summary.notes)
    assert in_memory_run.summary.test.rho == pytest.approx(400 / 600)  # of the folds before they were cut
    left_out = in_memory_run.history.query("name == 'graph_left_out'")
    assert set(left_out["value"]) == {110}  # of 60 labelled rows, 100 of the pool and 100 for inner validation


def test_every_test_row_is_predicted(in_memory_run):
    for _, rows in in_memory_run.predictions.groupby("method"):
        assert sorted(rows["sample"]) == [f"row{i:05d}" for i in range(ROWS)]


def test_files_and_memory_give_the_same_run(in_memory_run, mapped_run):
    "Predictions differ by rounding alone: the normalisers of mapped features are sums in another order"
    first, second = in_memory_run.predictions, mapped_run.predictions
    keys = ["method", "fold", "seed", "sample", "subject", "target"]
    assert first[keys].equals(second[keys]) and np.allclose(first[list(CLASSES)], second[list(CLASSES)], atol=1e-3)
    for table in ("transfer", "calibration"):
        one, other = getattr(in_memory_run, table), getattr(mapped_run, table)
        assert one[["method", *one.columns[1:3]]].equals(other[["method", *other.columns[1:3]]])
    assert in_memory_run.summary.methods.keys() == mapped_run.summary.methods.keys()


def test_resumed_predictions_are_the_same(manifest, mapped_run):
    "What was finished is read from its files"
    before = mapped_run.predictions
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setattr(feature_store, "MAPPED_BYTES", 0)
        patch.setattr(resume, "KEPT_ROWS", 100)
        again = mtpkd.run(manifest, out=mapped_run.path, resume=True, progress=False, **ASKED)
    assert again.predictions.equals(before)


def test_a_context_holds_the_rows_of_its_folds_alone(manifest):
    "No test row is trained on, and the rows of the smaller set are those of the folds"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plan = plan_experiment(manifest=str(manifest), **ASKED)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(feature_store, "MAPPED_BYTES", 0)
            mapped = plan_experiment(manifest=str(manifest), **ASKED)
    assert isinstance(mapped.samples.arrays["face"], WindowedArray)
    for spec in (plan, mapped):
        context = open_context(spec)
        for own, fold in zip(context.folds, spec.folds):
            used = context.samples.sample[np.concatenate([own.fit_rows, own.val])]
            assert not {*used} & {*spec.samples.sample[fold.test]}
            assert used.tolist() == spec.samples.sample[np.concatenate([fold.fit_rows, fold.val])].tolist()
        assert len(context.samples) < ROWS // 2 + 400


def test_embeddings_are_of_rows_that_are_named(mapped_run, manifest):
    embeddings = mapped_run.embeddings()
    samples = mtpkd.read(manifest)
    assert np.array_equal(samples.target[embeddings["row"]], embeddings["target"])
    assert {len(z) for name, z in embeddings.items() if name.startswith("student_")} == {len(embeddings["row"])}


def test_what_does_not_fit_is_refused_before(manifest, monkeypatch):
    from mtpkd.core.errors import InputError
    from mtpkd.experiments import plan as module

    def refuse(size, what):
        if "outputs of teachers" in what:
            raise InputError(f"{what} would take too much")

    monkeypatch.setattr(module, "check_memory", refuse)
    with warnings.catch_warnings(), pytest.raises(InputError, match="for 1,200 rows in .* repeats"):
        warnings.simplefilter("ignore")
        plan_experiment(manifest=str(manifest), **ASKED)


def test_a_run_on_a_mapped_archive_is_that_in_memory(manifest, tmp_path, monkeypatch):
    "An .npz that is unpacked, from reading to the tables of predictions"
    monkeypatch.setenv("MTPKD_CACHE", str(tmp_path / "cache"))
    samples = mtpkd.read(manifest)
    parts = samples.arrays, samples.target, samples.task, samples.subject, samples.sample
    path = save_set(tmp_path / "set", "one", *parts, roles=dict(face="prevalent", physio="privileged"))
    asked = ASKED | dict(methods=["student_only", "pkdot"], progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = mtpkd.run(path, out=tmp_path / "memory", **asked).predictions
        monkeypatch.setattr(npz_files, "MAPPED_BYTES", 0)
        assert all(isinstance(x, WindowedArray) for x in mtpkd.read(path).arrays.values())
        second = mtpkd.run(path, out=tmp_path / "mapped", **asked).predictions
    keys = ["method", "fold", "seed", "sample", "subject", "target"]
    assert first[keys].equals(second[keys]) and np.allclose(first[list(CLASSES)], second[list(CLASSES)], atol=1e-3)
    assert len([*(tmp_path / "cache" / "unpacked").rglob("*.npy")]) == 2
