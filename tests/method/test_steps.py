"Targets per step: what counts in losses and metrics, gaps and padding, frames of windows that overlap, wrong inputs."

import shutil
from dataclasses import replace
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
import mtpkd
from mtpkd.cli.main import main
from mtpkd.core.config import EncoderConfig, FusionConfig
from mtpkd.core.errors import InputError
from mtpkd.core.files import file_sha256
from mtpkd.data.samples import fit_normaliser, make_samples
from mtpkd.data.manifest import TaskSpec
from mtpkd.deployment.frame_files import predict_frames
from mtpkd.distillation.objective import fold_term_inputs
from mtpkd.experiments.robustness import robustness
from mtpkd.features.prepare import prepare
from mtpkd.losses.terms import get_term, TermInputs
from mtpkd.models.networks import MultimodalNet
from mtpkd.simulation.simulate import simulate
from mtpkd.training.stacked_data import make_stacked_dataset
from mtpkd.training.stacked_model import predict_stacked, StackedModel
from tiny_runs import make_step_set, quick, run_tiny, step_arrays, with_entries

NAMES = ["valence", "arousal"]
ENCODERS = ["mlp", "tcn", "gru", "transformer"]


def ccc(x, y):
    "Concordance by numpy, in float64"
    x, y = np.asarray(x, "float64"), np.asarray(y, "float64")
    return 2 * np.mean((x - x.mean()) * (y - y.mean())) / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)


def steps_of(kind, **how):
    "`step_arrays` as `Samples`"
    arrays, target, task = step_arrays(kind, **how)
    signals = {name: array.swapaxes(1, 2).copy() for name, array in arrays.items()}
    return make_samples(signals, target, TaskSpec(**task), [f"s{row % 10}" for row in range(len(target))])


def table_of(samples, repeats=1):
    "The samples as tensors, normalised by all rows"
    return make_stacked_dataset(samples, [fit_normaliser(samples, np.arange(len(samples)))] * repeats)


def batch_of(table, rows, output, teacher):
    "What the terms of one batch of one repeat get, all of its rows labelled"
    target, valid = table.labels(rows)
    ones = torch.ones(rows.shape)
    parts = dict(output=output, target=target, valid=valid, teacher_output=teacher, weight=ones, has_teacher=ones)
    return parts | dict(observed=table.observed[rows])


# losses


def test_losses_of_values_are_those_of_the_annotated_or_recorded_steps_alone():
    samples = steps_of("regression")
    table, rows = table_of(samples), torch.arange(3, 9)[None]
    torch.manual_seed(0)
    output, teacher = torch.randn(2, 1, 6, 6, 2).unbind(0)
    folded = TermInputs.of(fold_term_inputs(batch_of(table, rows, output, teacher)))
    unit = fit_normaliser(samples, np.arange(len(samples)))
    target = (samples.step_target[3:9] - unit.target_mean) / unit.target_scale
    known = ~np.isnan(target[..., 0])
    expected = 1 - np.mean([ccc(output[0].numpy()[known][:, k], target[known][:, k]) for k in range(2)])
    value = get_term("task")(folded, dict(kind="regression"))
    assert value.item() == pytest.approx(expected, abs=1e-5)
    there = np.ones((6, 6), bool)
    there[2, -2:] = False  # row 5 is padded at its end; every other step was recorded by one modality
    expected = 1 - np.mean([ccc(output[0].numpy()[there][:, k], teacher[0].numpy()[there][:, k]) for k in range(2)])
    value = get_term("logit_kd")(folded, dict(kind="regression", temperature=1.0))
    assert value.item() == pytest.approx(expected, abs=1e-5)


def test_losses_of_classes_are_those_of_the_labelled_steps_alone():
    samples = steps_of("classification")
    table, rows = table_of(samples), torch.arange(3, 9)[None]
    torch.manual_seed(0)
    output = torch.randn(1, 6, 6, 3)
    folded = TermInputs.of(fold_term_inputs(batch_of(table, rows, output, output.softmax(-1))))
    target = samples.step_target[3:9]
    known = target >= 0
    log_p = output[0].log_softmax(-1).numpy()[known]
    expected = -log_p[np.arange(known.sum()), target[known]].mean()
    assert 0 < known.sum() < known.size
    assert get_term("task")(folded, dict(kind="classification")).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("kind", ["regression", "classification"])
def test_what_stands_at_a_step_that_does_not_count_changes_no_loss_and_no_gradient(kind):
    samples = steps_of(kind)
    table, rows = table_of(samples), torch.arange(12)[None]
    network = MultimodalNet(
        dict(face=(5, 6), voice=(5, 6)), samples.task.outputs, EncoderConfig("gru", 8, 1), FusionConfig(heads=2), 6
    )
    poisoned = replace(table, target=torch.where(table.valid > 0, table.target, 1e6))
    gradients = []
    for data in (table, poisoned):
        inputs, presence = data.inputs(rows, ("face", "voice"))
        assert torch.isnan(inputs["face"]).any()  # gaps are NaN to the last, and reach no gradient
        output = network({name: x[0] for name, x in inputs.items()}, presence[0])
        folded = fold_term_inputs(batch_of(data, rows, output.logits[None], output.logits[None].detach()))
        loss = get_term("task")(TermInputs.of(folded), dict(kind=kind))
        gradients.append(torch.autograd.grad(loss.sum(), list(network.parameters()), allow_unused=True))
    for own, other in zip(*gradients):
        assert own is None or torch.isfinite(own).all() and torch.equal(own, other)


# networks


def padded(samples, steps):
    "The samples with steps at the end at which nothing was recorded"
    arrays = {}
    for name, x in samples.arrays.items():
        arrays[name] = np.concatenate([x, np.full((*x.shape[:2], steps), np.nan, "float32")], 2)
        arrays[name][~samples.presence[:, samples.modalities.index(name)]] = 0
    more = np.full((len(samples), steps, *samples.step_target.shape[2:]), np.nan, "float32")
    return replace(samples, arrays=arrays, step_target=np.concatenate([samples.step_target, more], 1))


@pytest.mark.parametrize("encoder", ENCODERS)
def test_padding_changes_no_prediction_and_a_stack_predicts_what_its_members_do(encoder):
    samples = steps_of("regression")
    names, every = ("face", "voice"), np.arange(len(samples))
    settings = 2, EncoderConfig(encoder, 8, 2), FusionConfig(heads=2), 6
    stack = StackedModel(lambda: MultimodalNet(dict(face=(5, 6), voice=(5, 6)), *settings), [0, 1])
    table = table_of(samples, 2)
    first, second = predict_stacked(stack, stack.params, table, [every, every], names)
    longer = predict_stacked(stack, stack.params, table_of(padded(samples, 3), 2), [every, every], names)[0]
    np.testing.assert_allclose(longer.logits[:, :6], first.logits, atol=1e-4)
    np.testing.assert_allclose(longer.embedding, first.embedding, atol=1e-4)
    alone = StackedModel(lambda: MultimodalNet(dict(face=(5, 6), voice=(5, 6)), *settings), [1])
    (own,) = predict_stacked(alone, alone.params, table_of(samples), [every[::-1]], names)
    np.testing.assert_allclose(own.logits[::-1], second.logits, atol=1e-4)


# runs


@pytest.fixture(scope="module", params=["regression", "classification"])
def run(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    manifest = make_step_set(folder / "set", request.param)
    methods = ["student_only", "mtpkdot" if request.param == "regression" else "kd"]
    return run_tiny(manifest, folder / "run", methods), mtpkd.read(manifest)


def test_scores_are_those_of_all_annotated_steps_of_the_test_windows(run):
    run, samples = run
    predictions, metrics = run.predictions, run.metrics[run.metrics["checkpoint"] == "last"]
    metrics = metrics.set_index(["method", "fold", "metric"]).value
    window, step = zip(*(name.split("#") for name in predictions["sample"]))
    known = pd.DataFrame(dict(row=np.array(window).astype(int), step=np.array(step).astype(int) - 1))
    targets = samples.step_target[known.row, known.step]
    for method in predictions["method"].unique():
        for fold in range(3):
            mine = ((predictions["method"] == method) & (predictions["fold"] == fold)).to_numpy()
            own, target = predictions[mine], targets[mine]
            every = samples.step_target[np.unique(known.row[mine])]
            if samples.task.kind == "regression":
                assert mine.sum() == (~np.isnan(every[..., 0])).sum()
                np.testing.assert_allclose(own[[f"target_{name}" for name in NAMES]], target, rtol=1e-6)
                expected = np.mean([ccc(own[name], target[:, k]) for k, name in enumerate(NAMES)])
                assert metrics[method, fold, "ccc"] == pytest.approx(expected, abs=1e-5)
            else:
                assert mine.sum() == (every >= 0).sum()
                chosen = own[samples.task.classes].to_numpy().argmax(1)
                assert metrics[method, fold, "accuracy"] == pytest.approx(np.mean(chosen == target), abs=1e-9)


def test_folds_keep_windows_and_subjects_whole(run):
    run, _ = run
    by_window = run.predictions.groupby(run.predictions["sample"].str.partition("#")[0])
    assert (by_window["fold"].nunique() == 1).all()
    assert (by_window["subject"].nunique() == 1).all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["regression", "classification"])
def test_every_method_that_has_a_form_for_steps_runs(kind, tmp_path):
    methods = "student_only kd pkdot mtpkdot mtpkd mtpkd_v1 fitnets kd_best self_training shuffled_teacher".split()
    methods += ["label_permutation", "kd_crossfit", "mtpkdot_crossfit", "student_all_labels", "rkd", "gw"]
    if kind == "classification":
        methods += ["dkd", "c2kd", "sinkhorn_kd"]
    run = run_tiny(make_step_set(tmp_path / "set", kind), tmp_path / "run", methods)
    assert run.results["value"].notna().all()
    assert set(methods) <= set(run.results["method"])


@pytest.mark.slow
def test_a_privileged_modality_may_have_one_value_for_all_steps(tmp_path):
    "As a teacher of features alone, and beside a sequence; students need steps to see"
    arrays, target, task = step_arrays("regression")
    arrays["voice"] = np.nan_to_num(arrays["voice"]).mean(1)
    how = dict(roles=dict(face="prevalent", voice="privileged"), protocol=dict(folds=3, labelled=16))
    subject = [f"s{row % 10}" for row in range(len(target))]
    manifest = mtpkd.save_set(tmp_path / "set", "steps", arrays, target, task, subject, **how)
    methods = ["student_only", "kd", "mtpkdot", "teacher_joint", "teacher_voice"]
    run = run_tiny(manifest, tmp_path / "run", methods)
    assert run.results["value"].notna().all() and set(methods) <= set(run.results["method"])


# windows over frames

LENGTH, STRIDE = 8, 3


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    "Windows that overlap, with a target a frame; the last window of a film is cut off by its end"
    folder, random = tmp_path_factory.mktemp("films"), np.random.default_rng(3)
    annotations, rows, windows = {}, [], []
    for i in range(7):
        frames = 21 + i
        course = 0.9 * np.sin(np.arange(frames)[:, None] / 5 + random.uniform(0, 6, 2))
        seen = np.where(random.random((frames, 1)) < 0.2, np.nan, course)
        annotations[f"film{i}"] = seen
        for first in range(1, frames - 2, STRIDE):
            last = min(first + LENGTH - 1, frames)
            own = np.full((2, LENGTH, 2), np.nan)
            own[:, : last - first + 1] = course[first - 1 : last], seen[first - 1 : last]
            rows.append(own)
            windows.append((f"film{i}/{first:03d}", f"film{i}", first, last, first))
    windows = pd.DataFrame(windows, columns=["sample", "recording", "first", "last", "frame"])
    course, target = np.stack(rows, 1)
    mixing = random.normal(size=(2, 4))
    arrays = {}
    for name, noise in (("face", 0.5), ("voice", 0.1)):
        arrays[name] = (course @ mixing + noise * random.normal(size=(*course.shape[:2], 4))).astype("float32")
    folds = dict(train=["film0", "film1", "film2"], val=["film3", "film4"], test=["film5", "film6"])
    task = dict(kind="regression", target="va", names=NAMES, range=[-1, 1], per="step")
    roles = dict(face="prevalent", voice="privileged")
    protocol = dict(folds=folds, metric="ccc")
    ids = windows.recording.to_numpy(), windows["sample"].to_numpy()
    path = mtpkd.save_set(folder, "films", arrays, target, task, *ids, roles=roles, protocol=protocol)
    windows.to_csv(folder / "windows.csv", index=False)
    tables = [pd.DataFrame(values, columns=NAMES).assign(recording=name) for name, values in annotations.items()]
    table = pd.concat(tables)
    table["frame"] = table.groupby("recording").cumcount() + 1
    table.to_csv(folder / "annotations.csv", index=False)
    files = yaml.safe_load(path.read_text())["files"]
    for name in ("windows", "annotations"):
        files[name] = dict(path=f"{name}.csv", sha256=file_sha256(folder / f"{name}.csv"))
    with_entries(path, files=files, frames=dict(smoothing=["none", "mean:3"]))
    run = run_tiny(path, folder / "run", ["student_only", "kd"])
    return run, windows, annotations


def test_steps_of_windows_that_overlap_are_averaged_back_to_frames(films):
    run, windows, annotations = films
    first_of = windows.set_index("sample")["first"]
    for method in ("student_only", "kd"):
        own = run.predictions[run.predictions["method"] == method]
        sums = {name: [[] for _ in range(len(annotations[name]))] for name in ("film5", "film6")}
        for name, *values in own[["sample", *NAMES]].itertuples(index=False):
            window, _, step = name.partition("#")
            sums[window.partition("/")[0]][first_of[window] + int(step) - 2].append(values)
        frames = {name: np.array([np.mean(part, 0) for part in parts]) for name, parts in sums.items()}
        assert max(len(part) for part in sums["film5"]) == 3
        (smoothing,) = run.summary.frames[method].smoothing
        if smoothing == "mean:3":
            frames = {name: _moving_mean(values) for name, values in frames.items()}
        said, seen = (np.concatenate([part[name] for name in frames]) for part in (frames, annotations))
        known = ~np.isnan(seen[:, 0])
        expected = np.mean([ccc(said[known, k], seen[known, k]) for k in range(2)])
        value = run.metrics.query("method == @method and metric == 'frames_ccc'").value.item()
        assert value == pytest.approx(expected, abs=1e-5)
        assert run.summary.frames[method].mean == pytest.approx(expected, abs=1e-5)


def _moving_mean(values):
    return np.stack([values[max(t - 1, 0) : t + 2].mean(0) for t in range(len(values))])


def test_steps_of_frames_are_scored_under_damage_over_the_subjects_of_the_annotated_ones(films, tmp_path):
    run, _, _ = films
    table = robustness(run.path, ["student_only"], out=tmp_path / "damaged.csv", progress=False)
    assert table["value"].iloc[0] == pytest.approx(run.summary.methods["student_only"].mean, abs=1e-6)
    assert (table["low"] <= table["high"]).all()


def test_targets_of_steps_come_from_the_annotations_of_their_frames(films, tmp_path):
    run, windows, annotations = films
    written = mtpkd.read(run.path.parent / "manifest.yaml")
    folder = tmp_path / "set"
    shutil.copytree(run.path.parent, folder, ignore=shutil.ignore_patterns("run"))
    with np.load(folder / "arrays.npz") as stored:
        arrays = dict(stored)
    np.savez(folder / "arrays.npz", **arrays | dict(va=np.zeros((len(windows), 2), "float32")))
    files = yaml.safe_load((folder / "manifest.yaml").read_text())["files"]
    files["arrays"].pop("sha256")
    samples = mtpkd.read(with_entries(folder / "manifest.yaml", files=files))
    np.testing.assert_allclose(samples.step_target, written.step_target, rtol=1e-6)
    np.testing.assert_allclose(samples.target, written.target, rtol=1e-6)
    with pytest.raises(InputError, match="no modality has steps"):
        mtpkd.read(with_entries(folder / "manifest.yaml", modalities=dict(va=dict(kind="features", role="prevalent"))))


def test_windows_with_more_frames_than_their_steps_cover_are_refused(films, tmp_path):
    "Whether the targets of steps are stored, or come from the frames: frames that no step covers have no prediction"
    run, windows, _ = films
    folder = tmp_path / "set"
    shutil.copytree(run.path.parent, folder, ignore=shutil.ignore_patterns("run"))
    cut = dict.fromkeys(("face", "voice", "va"), lambda x: x[:, :4])
    path = with_changed_arrays(folder / "manifest.yaml", **cut)
    with pytest.raises(InputError, match="windows have up to 8 frames, and 4 steps of 1 cover 4; set frames.step to 2"):
        mtpkd.read(path)
    assert len(mtpkd.read(with_entries(path, frames=dict(step=2)))) == len(windows)


# in the field


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["regression", "classification"])
def test_an_exported_student_predicts_every_step_and_is_scored_on_another_set(kind, tmp_path):
    pytest.importorskip("onnx")
    manifest = make_step_set(tmp_path / "set", kind)
    run_tiny(manifest, tmp_path / "run", ["student_only"], config=quick(encoder=dict(name="gru")))
    student = tmp_path / "student.onnx"
    facts = mtpkd.export(tmp_path / "run", student, method="student_only")
    assert facts["difference"] < 1e-5
    other = with_entries(make_step_set(tmp_path / "other", kind, seed=1), name="other")
    table, samples = mtpkd.predict(student, other), mtpkd.read(other)
    assert len(table) == samples.step_target[..., 0].size if kind == "regression" else samples.step_target.size
    scores = mtpkd.evaluate(student, other).set_index("metric").value
    predicted = table[samples.task.labels].to_numpy()
    if kind == "regression":
        target = samples.step_target.reshape(-1, 2)
        known = ~np.isnan(target[:, 0])
        expected = np.mean([ccc(predicted[known, k], target[known, k]) for k in range(2)])
        assert scores["ccc"] == pytest.approx(expected, abs=1e-5)
    else:
        target = samples.step_target.reshape(-1)
        known = target >= 0
        expected = np.mean(predicted[known].argmax(1) == target[known])
        assert scores["accuracy"] == pytest.approx(expected, abs=1e-9)
    rows = with_entries(make_step_set(tmp_path / "rows", kind), task=dict(samples.task.model_dump(), per="row"))
    assert main(["predict", str(student), "--manifest", str(rows), "--out", str(tmp_path / "p.csv")]) == 2


@pytest.mark.slow
def test_films_of_aff_wild2_have_a_target_a_frame_and_files_with_as_many_lines(tmp_path):
    pytest.importorskip("onnx")
    copy = simulate("affwild2_va", tmp_path / "copy", subjects=4, clips=1, size=32, waves="plain")
    how = dict(encoder="frames_tcn,resnet18_logmel", weights="random", faces="whole", frames=32, stride=1, size=32)
    prepared = prepare(f"{copy}+steps", out=tmp_path / "prepared", jobs=1, progress=False, sound_seconds=0.5, **how)
    samples, spans = mtpkd.read(prepared), mtpkd.read(prepared).spans
    for row in range(len(samples)):
        expected = spans.annotations[spans.recording[row]][spans.first[row] - 1 : spans.last[row]]
        np.testing.assert_array_equal(samples.step_target[row, : len(expected)], expected)
    asked = dict(methods="student_only,kd", labelled="all", config=quick(), progress=False)
    run = mtpkd.run(prepared, out=tmp_path / "run", **asked)
    assert np.isfinite(run.summary.frames["kd"].mean)
    mtpkd.export(tmp_path / "run", tmp_path / "student.onnx", method="kd")
    files = predict_frames(tmp_path / "student.onnx", prepared, tmp_path / "predictions", smoothing="mean:5")
    assert len(files) == len(spans.lengths)
    lines = {path.relative_to(tmp_path / "predictions").as_posix(): path.read_text().splitlines() for path in files}
    for recording, length in spans.lengths.items():
        assert len(lines[f"{recording}.txt"]) == length + 1


# wrong inputs


def changed_set(folder, **changes):
    "A set per step with other arrays under some names"
    return with_changed_arrays(make_step_set(folder, "regression"), **changes)


def with_changed_arrays(path, **changes):
    "The manifest at `path` after its arrays of some names were changed"
    folder = path.parent
    with np.load(folder / "arrays.npz") as stored:
        arrays = {name: changes.get(name, lambda x: x)(stored[name]) for name in stored.files}
    np.savez(folder / "arrays.npz", **arrays)
    values = yaml.safe_load(path.read_text())
    values["files"]["arrays"].pop("sha256")
    for name in ("face", "voice"):
        values["modalities"][name]["shape"] = list(arrays[name].shape[1:])
    path.write_text(yaml.safe_dump(values))
    return path


def partly_nan(x):
    x = x.copy()
    x[7, 1, 2] = np.nan
    return x


WRONG = [
    (dict(affect=lambda y: y[:, :5]), "target affect has 5 steps, the modalities have 6; expected as many in both"),
    (dict(affect=lambda y: y[:, 0]), "target affect has shape (60, 2), expected (N, 6, 2) values"),
    (dict(voice=lambda x: x[:, :4]), "modality voice has 4 steps, face has 6; expected as many in all"),
    (dict(face=partly_nan), "sample 000007 is NaN in 1 of 5 values of step 2 (1 such steps); fill them"),
    (dict(affect=lambda y: y * 9), "outside the range [-1.0, 1.0]"),
]


def test_students_need_a_modality_with_steps(tmp_path, capsys):
    arrays, target, task = step_arrays("regression")
    arrays["face"] = np.nan_to_num(arrays["face"]).mean(1)
    roles = dict(face="prevalent", voice="privileged")
    path = mtpkd.save_set(tmp_path / "set", "steps", arrays, target, task, roles=roles)
    assert main(["run", "--manifest", str(path), "--methods", "kd", "--out", str(tmp_path / "run")]) == 2
    assert "no prevalent modality has steps (face); expected a sequence" in capsys.readouterr().err


@pytest.mark.parametrize("changes, message", WRONG)
def test_a_set_that_does_not_fit_is_refused_in_one_line(changes, message, tmp_path, capsys):
    path = changed_set(tmp_path / "set", **changes)
    assert main(["run", "--manifest", str(path), "--methods", "kd", "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert message in said[-1]
    main(["data", "check", str(path)])
    assert message in capsys.readouterr().out


ASKED = [
    ("kd_confidence", {}, "method kd_confidence:default: target confidence has no form for a target per step"),
    ("mtpkd", {"options.mtpkd.target": "graph"}, "is for class probabilities"),
    ("kd", {"encoder.name": "conv1d"}, "encoder conv1d has one token for a whole window"),
    ("kd", {"protocol": "released"}, "faults of released code have no form for a target per step"),
]


@pytest.mark.parametrize("method, settings, message", ASKED)
def test_what_has_no_form_for_steps_is_refused(method, settings, message, tmp_path):
    with pytest.raises(InputError) as refusal:
        run_tiny(make_step_set(tmp_path / "set"), tmp_path / "run", [method], settings=settings)
    assert message in str(refusal.value)


def test_a_term_without_a_form_for_steps_is_named(tmp_path):
    with pytest.raises(InputError, match="term wkd has no form for a target per step"):
        run_tiny(make_step_set(tmp_path / "set", "classification"), tmp_path / "run", ["wkd"])
