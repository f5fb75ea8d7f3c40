"""The unit of a recording, of an embedding or of a rating is a convention: another one changes no result. Every loss term, metric
and normaliser, transport, input transforms and whole runs under a change of unit from 1e-9 to 1e6, and of origin."""

import warnings
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from hypothesis import given, settings, strategies as st
import mtpkd
from mtpkd.data.manifest import TaskSpec
from mtpkd.data.reading import read
from mtpkd.data.samples import fit_normaliser, make_samples, SILENT
from mtpkd.data.signals import inputs, log_mel, spectrogram
from mtpkd.data.synthetic import synthetic
from mtpkd.deployment.predictor import Predictor
from mtpkd.features.pieces import standardise
from mtpkd.evaluation.metrics import metric_for, metrics
from mtpkd.losses.alignment import alignments
from mtpkd.losses.catalogue import get_term, term_names
from mtpkd.losses.task import ordinal_cross_entropy, task_loss
from mtpkd.transport.structural import structural_divergence
from tiny_runs import quick

UNITS = [1e-9, 1e-4, 1.0, 100.0, 1e6]
UNIT = st.sampled_from([1e-20, *UNITS, 1e15])
B, D = 12, 6
ABSOLUTE = {"fitnets", "cosine_mse", "ot_features"}  # squared distances of embeddings are in their unit by definition


def embeddings(seed, rows=B):
    generator = torch.Generator().manual_seed(seed)
    student = torch.randn(rows, D, generator=generator)
    return student, student + 0.5 * torch.randn(rows, D, generator=generator)


def value_and_gradient(loss, student, unit):
    "The loss at embeddings in a unit, and its gradient per unit"
    z = (student * unit).requires_grad_()
    value = loss(z)
    (gradient,) = torch.autograd.grad(value, z)
    return value.detach(), gradient * unit


@settings(max_examples=15, deadline=None)
@given(UNIT, UNIT, st.integers(0, 99))
@pytest.mark.parametrize("name", sorted(set(term_names(compares="embeddings")) - ABSOLUTE))
def test_terms_that_compare_embeddings(name, unit_s, unit_t, seed):
    term = get_term(name)
    if term.projections or name in ("exact_ot", "unbalanced_ot", "gw", "fgw"):
        unit_s = unit_t = 1.0 if term.projections else unit_s  # learnt layers are in the unit of what they are given
    student, teacher = embeddings(seed)
    ones = torch.ones(B)
    options = dict(
        kind="classification", temperature=1.0, k=4, blur=0.1, reg_m=1.0, alpha=0.5, row_eps=0.1, row_temperature=0.5
    )
    generator = torch.Generator().manual_seed(seed)
    shapes = term.projections(D, D) if term.projections else {}
    learnt = {key: torch.randn(*shape, generator=generator) for key, shape in shapes.items()}

    def loss(z, unit=unit_t):
        values = dict(embedding=z, teacher_embedding=teacher * unit, has_teacher=ones, weight=ones)
        return term(values | learnt, options)

    together = name == "feature_mmd"  # one kernel over both: they have one unit
    base, gradient = value_and_gradient(lambda z: loss(z, 1.0), student, 1.0)
    scaled, scaled_gradient = value_and_gradient(lambda z: loss(z, unit_s if together else unit_t), student, unit_s)
    np.testing.assert_allclose(scaled, base, rtol=2e-3, atol=1e-6)
    largest = float(gradient.abs().max())
    np.testing.assert_allclose(scaled_gradient, gradient, atol=2e-2 * largest + 1e-9)


@settings(max_examples=20, deadline=None)
@given(UNIT, UNIT, st.integers(0, 99))
def test_structural_divergence_of_any_unit(unit_s, unit_t, seed):
    student, teacher = embeddings(seed, 20)
    value, violation = structural_divergence(student * unit_s, teacher[None] * unit_t, k=5)
    expected, _ = structural_divergence(student, teacher[None], k=5)
    np.testing.assert_allclose(value, expected, rtol=1e-3, atol=1e-6)
    assert violation.isfinite().all()


@pytest.mark.parametrize("name", ["cosine", "mmd"])
@pytest.mark.parametrize("unit", UNITS)
def test_alignments(name, unit):
    adapted, joint = embeddings(0)
    align = alignments.get(name)
    np.testing.assert_allclose(
        align(adapted * unit, joint * unit, None, None), align(adapted, joint, None, None), rtol=1e-3
    )


@settings(max_examples=25, deadline=None)
@given(UNIT, st.sampled_from([0.0, 1.0, -30.0]), st.integers(0, 99))
def test_concordance_loss(unit, origin, seed):
    "Origins in units of the spread; float32 keeps what is left of the digits"
    generator = torch.Generator().manual_seed(seed)
    output, target = torch.randn(2, B, 2, generator=generator)
    moved = [(values + origin) * unit for values in (output, target)]
    value = task_loss("regression", *moved, torch.ones(B))
    np.testing.assert_allclose(value, task_loss("regression", output, target, torch.ones(B)), atol=1e-3)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 6), st.floats(5, 500), st.data())
def test_ordinal_loss_of_a_certain_wrong_prediction_has_a_gradient(classes, logit, data):
    predicted, level = data.draw(st.permutations(range(classes)))[:2]
    logits = torch.zeros(1, classes)
    logits[0, predicted] = logit
    logits.requires_grad_()
    loss = ordinal_cross_entropy(logits, torch.eye(classes)[[level]])
    (gradient,) = torch.autograd.grad(loss.sum(), logits)
    assert loss.isfinite() and gradient.isfinite().all()
    assert gradient[0, predicted] > 0.3  # away from the level that is wrong, however certain


def test_ordinal_loss_against_float64():
    logits = torch.randn(50, 5, generator=torch.Generator().manual_seed(0)) * 5
    target = torch.eye(5)[torch.arange(50) % 5]
    p = logits.double().softmax(-1).numpy()
    above = p[:, ::-1].cumsum(1)[:, ::-1][:, 1:]
    y = target.numpy()[:, ::-1].cumsum(1)[:, ::-1][:, 1:]
    expected = -(y * np.log(above) + (1 - y) * np.log1p(-above)).sum(1)
    np.testing.assert_allclose(ordinal_cross_entropy(logits, target), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("origin", [0.0, 5.0])
@pytest.mark.parametrize("name", metric_for("regression"))
def test_metrics(name, unit, origin):
    "Concordance has no unit; an error has the unit of the target"
    random = np.random.default_rng(0)
    target = random.normal(size=(40, 2))
    predicted = target + random.normal(size=(40, 2))
    score = metrics.get(name)
    moved = score(target * unit + origin * unit, predicted * unit + origin * unit)
    expected = score(target, predicted) * (1 if name == "ccc" else unit)
    np.testing.assert_allclose(moved, expected, rtol=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([1e-30, *UNITS, 1e30]), st.sampled_from([0.0, 1.0, 1000.0]), st.booleans())
def test_normaliser(unit, origin, signal):
    random = np.random.default_rng(0)
    x = random.normal(size=(30, 3, 8) if signal else (30, 4))
    task = synthetic(subjects=3, per_subject=10).task
    label = np.arange(30) % 2

    def normalised(x):
        samples = make_samples({"eda": x}, label, task)
        return fit_normaliser(samples, np.arange(30))(samples)["eda"]

    np.testing.assert_allclose(normalised((x + origin) * unit), normalised(x), atol=1e-3)


@pytest.mark.parametrize("name", ["window_statistics", "clean_ecg_statistics"])
@pytest.mark.parametrize("unit", [1e-12, 1e-6, 1e-3, 1e3])
def test_input_transforms_after_normalisation(name, unit):
    "An ECG in volts, millivolts or microvolts; what is in a plausible range is a matter of cleaning, not of the transform"
    random = np.random.default_rng(0)
    time = np.arange(400) / 100
    rates = random.uniform(0.8, 2, (20, 1, 1))
    x = np.sin(2 * np.pi * rates * time) + 0.1 * random.normal(size=(20, 1, 400))
    task = synthetic(subjects=3, per_subject=10).task

    def features(x):
        samples = make_samples({"ecg": inputs.get(name)(x, 100)}, np.arange(20) % 2, task)
        return fit_normaliser(samples, np.arange(20))(samples)["ecg"]

    np.testing.assert_allclose(features(x * unit), features(x), atol=2e-2)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([1e-12, 1e-6, 1e-3, 1e4]), st.integers(0, 99), st.sampled_from([2, 3, 19]))
def test_silent_windows_have_no_unit(unit, seed, every):
    "Some windows without power, or all windows of a channel: the same features after normalisation"
    random = np.random.default_rng(seed)
    x = random.normal(size=(40, 2, 24)) * random.uniform(0.1, 10, (40, 1, 1))
    x[seed % every :: every, 0] = 0
    if seed % 2:
        x[:, 1] = 7
    task = synthetic(subjects=4, per_subject=10).task

    def features(x):
        samples = make_samples({"eda": inputs.get("window_statistics")(x, 4)}, np.arange(40) % 2, task)
        return fit_normaliser(samples, np.arange(20))(samples)["eda"]

    np.testing.assert_allclose(features(x * unit), features(x), atol=2e-3)


@pytest.mark.parametrize("seconds", [1, 4])
def test_silent_recordings_have_the_level_of_no_power(seconds):
    "Log-mel energies and spectrograms, also standardised ones"
    silent = np.zeros((2, 100 * seconds))
    for picture in (spectrogram(silent, 100, 0.5, 0.25), log_mel(silent, 100, 8, 0.5, 0.25)):
        scaled, level = standardise(picture)
        assert (picture == SILENT).all() and (scaled == 0).all() and level.tolist() == [[SILENT, 0]] * 2


@pytest.mark.parametrize("unit, origin", [(1, 3e6), (1, 1e7), (1, 1e9), (2e-3, -5e4), (1e-40, 0), (1e-42, 0)])
@pytest.mark.parametrize("way", ["npz", "table", "files", "signals", "target", "memory"])
def test_what_seven_digits_lose_is_said(way, unit, origin, tmp_path):
    "Values that differ by little beside an offset, or below the smallest number of float32; without it nothing is said"
    random = np.random.default_rng(3)
    x, subject = random.normal(size=(24, 2)), [f"s{i // 4}" for i in range(24)]
    said = {}
    for name, values in dict(moved=x * unit + origin, usual=x, thousand=x + 1000).items():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            read_as(way, values, subject, tmp_path / name)
        said[name] = [str(warning.message) for warning in caught if "of the spread" in str(warning.message)]
    assert len(said["moved"]) == 1 and "subtract a constant" in said["moved"][0], said
    assert not said["usual"] and not said["thousand"]


def read_as(way, values, subject, folder):
    "A set with these values `(24, 2)`, read in some way"
    folder.mkdir()
    task = dict(kind="classification", target="label", classes=["a", "b"])
    label = np.arange(24) % 2
    if way == "memory":
        return make_samples({"face": values}, label, TaskSpec(**task))
    entry = dict(kind="features", role="prevalent")
    table = pd.DataFrame(dict(subject=subject, label=label))
    if way == "target":
        task = dict(kind="regression", target="label", names=["label"])
        table["label"] = values[:, 0]
        table["face_0"] = label
    elif way in ("files", "signals"):
        for i, row in enumerate(values):
            np.save(folder / f"{i}.npy", row[:, None] + np.arange(4) * np.ptp(values) if way == "signals" else row)
        table["face"] = [f"{i}.npy" for i in range(24)]
        if way == "signals":
            entry |= dict(kind="signal", rate_hz=4)
    else:
        table[["face_0", "face_1"]] = values
    if way == "npz":
        np.savez(folder / "t.npz", face=values, label=label, subject=np.array(subject))
        reader, files = "npz", dict(arrays=dict(path="t.npz"))
    else:
        table.to_csv(folder / "t.csv", index=False)
        reader, files = "table", dict(table=dict(path="t.csv"))
    manifest = dict(
        name="digits", reader=reader, files=files, task=task, subject="subject", modalities=dict(face=entry)
    )
    (folder / "m.yaml").write_text(yaml.safe_dump(manifest))
    return read(folder / "m.yaml")


# whole runs

LONGER = dict(schedule=dict(steps=60, evaluate=30), teachers=dict(steps=60))


def affect_set(folder, unit, origin, unit_of_inputs=1.0):
    s = synthetic("regression", subjects=9, per_subject=10)
    arrays = {name: x * np.float32(unit_of_inputs) for name, x in s.arrays.items()}
    task = dict(kind="regression", target="affect", names=list(s.task.names))
    roles = dict(face="prevalent", physio="privileged", voice="privileged")
    protocol = dict(folds=2, labelled=30, labelled_validation=10, metric="ccc")
    return mtpkd.save_set(
        folder, "affect", arrays, s.target * unit + origin, task, s.subject, roles=roles, protocol=protocol
    )


def scores_of(manifest, out):
    methods = "student_only,kd_confidence,mtpkd"
    run = mtpkd.run(manifest, methods=methods, seeds=[0], config=quick(**LONGER), out=out, progress=False)
    return run.results.set_index(["method", "fold"]).value.sort_index()


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    folder = tmp_path_factory.mktemp("usual")
    return scores_of(affect_set(folder / "set", 1.0, 0.0), folder / "run")


@pytest.mark.parametrize(
    "unit, origin, unit_of_inputs",
    [(40.0, 100.0, 1e-9), (1e-9, 0.0, 1.0), (1e6, -1e6, 1e-4)],
    ids=["beats per minute", "tiny", "huge"],
)
def test_a_run_in_other_units(unit, origin, unit_of_inputs, usual, tmp_path):
    scores = scores_of(affect_set(tmp_path / "set", unit, origin, unit_of_inputs), tmp_path / "run")
    assert scores.index.equals(usual.index) and (usual > 0.1).any()
    np.testing.assert_allclose(scores, usual, atol=0.02)


def test_a_deployed_student_answers_in_the_unit_of_the_target(tmp_path):
    manifest = affect_set(tmp_path / "set", 40.0, 100.0)
    config = quick(**LONGER)
    mtpkd.fit(manifest=manifest, method="student_only", out=tmp_path / "fit", config=config, progress=False)
    mtpkd.export(tmp_path / "fit", tmp_path / "student.onnx")
    samples = mtpkd.read(manifest)
    predicted = Predictor(tmp_path / "student.onnx")({"face": samples.arrays["face"]})
    assert 80 < predicted.mean() < 120 and predicted.std() > 4
    assert metrics.get("ccc")(samples.target, predicted) > 0.2
