"Values over time: windows that overlap, averaged back to frames, smoothed by inner validation, scored and written frame by frame."

from types import SimpleNamespace
import numpy as np
import pandas as pd
import pytest
import yaml
import mtpkd
from mtpkd.cli.main import main
from mtpkd.cli.run_commands import verdict_text
from mtpkd.core.errors import InputError
from mtpkd.core.files import file_sha256
from mtpkd.data.frame_spans import annotations_table, make_spans, windows_table
from mtpkd.data.large_sets import take_rows
from mtpkd.data.manifest import load_manifest, TaskSpec
from mtpkd.deployment.frame_files import write_frame_files
from mtpkd.data.smoothing import check_smoothings
from mtpkd.evaluation.frames import check_frame_folds, frame_predictions, frame_scores, scored_frames
from mtpkd.features.prepare import prepare
from mtpkd.reporting.result_sections import frame_section
from mtpkd.simulation.affwild2_layout import _Scene
from mtpkd.simulation.faces import draw_face, look_of, with_camera_noise
from mtpkd.simulation.simulate import simulate
from mtpkd.simulation.spec import SimulationSpec
from mtpkd.simulation.trajectory import at_times, people
from mtpkd.simulation.voices import voice
from tiny_runs import make_set, quick, run_tiny, with_entries

FRAMES, LENGTH, STRIDE = 37, 8, 4
PARTS = ["Train_Set"] * 5 + ["Validation_Set"] * 2
NAMES = ["valence", "arousal"]


def ccc(x, y):
    "Concordance by numpy, in float64"
    x, y = np.asarray(x, "float64"), np.asarray(y, "float64")
    return 2 * np.mean((x - x.mean()) * (y - y.mean())) / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)


def recordings():
    "Recording -> annotations `(T, 2)`; some frames are marked -5"
    random = np.random.default_rng(3)
    annotations = {}
    for i, part in enumerate(PARTS):
        phase = random.uniform(0, 6, 2)
        values = 0.9 * np.sin(np.arange(FRAMES + i)[:, None] / 7 + phase)
        values[random.random(len(values)) < 0.15] = -5
        annotations[f"{part}/film{i}"] = values
    return annotations


def windows_of(annotations):
    "Windows whose middle frame is annotated"
    rows = []
    for name, values in annotations.items():
        for first in range(1, len(values) - LENGTH + 2, STRIDE):
            middle = first + LENGTH // 2
            if values[middle - 1, 0] != -5:
                rows.append((f"{name}/{middle:05d}", name, first, first + LENGTH - 1, middle))
    return pd.DataFrame(rows, columns=["sample", "recording", "first", "last", "frame"])


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    "A set of arrays with windows over frames: a noisy face, and a voice that knows more"
    folder = tmp_path_factory.mktemp("frames")
    annotations = recordings()
    windows, random = windows_of(annotations), np.random.default_rng(5)
    places = zip(windows.recording, windows.frame)
    target = np.array([annotations[name][frame - 1] for name, frame in places], "float32")
    mixing = random.normal(size=(2, 4))
    arrays = {}
    for name, noise in (("face", 0.5), ("voice", 0.1)):
        arrays[name] = (target @ mixing + noise * random.normal(size=(len(target), 4))).astype("float32")
    names = list(annotations)
    folds = dict(train=names[:3], val=names[3:5], test=names[5:])
    path = mtpkd.save_set(
        folder,
        "films",
        arrays,
        target,
        dict(kind="regression", target="va", names=NAMES, range=[-1, 1], invalid=-5),
        windows.recording.to_numpy(),
        windows["sample"].to_numpy(),
        roles=dict(face="prevalent", voice="privileged"),
        protocol=dict(folds=folds, metric="ccc"),
    )
    windows.sample(frac=1, random_state=0).to_csv(folder / "windows.csv", index=False)  # in any order
    table = pd.concat(
        pd.DataFrame(values, columns=NAMES).assign(recording=name) for name, values in annotations.items()
    )
    table["frame"] = table.groupby("recording").cumcount() + 1
    table.to_csv(folder / "annotations.csv", index=False)
    values = yaml.safe_load(path.read_text())
    for name in ("windows", "annotations"):
        values["files"][name] = dict(path=f"{name}.csv", sha256=file_sha256(folder / f"{name}.csv"))
    values["frames"] = dict(smoothing=["none", "mean:5", "exponential:0.5"])
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.fixture(scope="module")
def run(manifest, tmp_path_factory):
    return run_tiny(manifest, tmp_path_factory.mktemp("run") / "run", ["student_only", "kd"], seeds=(0, 1))


def test_spans_are_read_by_sample_whatever_the_order_of_the_table(manifest):
    samples, annotations = mtpkd.read(manifest), recordings()
    windows = windows_of(annotations)
    assert samples.spans.recording.tolist() == windows.recording.tolist()
    assert samples.spans.frame.tolist() == windows.frame.tolist()
    for name, values in annotations.items():
        expected = np.where(values == -5, np.nan, values).astype("float32")
        np.testing.assert_allclose(samples.spans.annotations[name], expected, rtol=1e-6)
    part = take_rows(samples, np.array([2, 5]))
    assert part.spans.frame.tolist() == windows.frame[[2, 5]].tolist()


def plain_frames(predictions, windows, annotations):
    "Recording -> the mean of all windows around each frame, else that of the nearest frame: loops alone"
    values = predictions.set_index("sample")[NAMES]
    frames = {}
    for name in dict.fromkeys(windows.recording[windows["sample"].isin(values.index)]):
        own = windows[windows.recording == name]
        means = {}
        for frame in range(1, len(annotations[name]) + 1):
            around = own[(own["first"] <= frame) & (frame <= own["last"])]["sample"]
            if len(around):
                means[frame] = np.mean([values.loc[sample].to_numpy(float) for sample in around], 0)
        nearest = lambda frame: min(means, key=lambda other: (abs(other - frame), other))
        frames[name] = np.stack([means[nearest(frame)] for frame in range(1, len(annotations[name]) + 1)])
    return frames


def plain_smooth(values, name):
    base, _, amount = name.partition(":")
    if base == "mean":
        half = int(amount) // 2
        return np.stack([values[max(t - half, 0) : t + half + 1].mean(0) for t in range(len(values))])
    if base == "none":
        return values
    out = [values[0]]
    for value in values[1:]:
        out.append(float(amount) * value + (1 - float(amount)) * out[-1])
    return np.stack(out)


def test_scores_over_frames_are_those_of_plain_loops_over_all_annotated_frames(run):
    annotations = recordings()
    windows = windows_of(annotations)
    for method in ("student_only", "kd"):
        scores = []
        for seed in (0, 1):
            history = run.history[(run.history["method"] == method) & (run.history["seed"] == seed)]
            on_validation = history[history["name"].str.startswith("smoothing_")].set_index("name")["value"]
            assert len(on_validation) == 3
            chosen = on_validation.idxmax().removeprefix("smoothing_").replace("_", ":")
            rows = (run.predictions["method"] == method) & (run.predictions["seed"] == seed)
            frames = plain_frames(run.predictions[rows], windows, annotations)
            assert sorted(frames) == sorted(name for name in annotations if name.startswith("Validation"))
            x, y, by_recording = [], [], []
            for name, values in frames.items():
                valid = annotations[name][:, 0] != -5
                x.append(annotations[name][valid])
                y.append(plain_smooth(values, chosen)[valid])
                by_recording.append([ccc(x[-1][:, k], y[-1][:, k]) for k in range(2)])
            x, y = np.concatenate(x), np.concatenate(y)
            scored = run.metrics[(run.metrics["method"] == method) & (run.metrics["seed"] == seed)]
            scored = scored.set_index("metric")["value"]
            dimensions = [ccc(x[:, k], y[:, k]) for k in range(2)]
            assert scored["frames_ccc_valence"] == pytest.approx(dimensions[0], abs=1e-5)
            assert scored["frames_ccc"] == pytest.approx(np.mean(dimensions), abs=1e-5)
            assert scored["recordings_ccc"] == pytest.approx(np.mean(by_recording), abs=1e-5)
            scores.append(np.mean(dimensions))
        row = run.summary.frames[method]
        assert row.mean == pytest.approx(np.mean(scores), abs=1e-5)
        assert sum(row.smoothing.values()) == 2
    alone, kd = run.summary.frames["student_only"], run.summary.frames["kd"]
    assert kd.diff == pytest.approx(kd.mean - alone.mean, abs=1e-5) and kd.low <= kd.diff <= kd.high
    text = verdict_text(run.summary).partition("over all annotated frames")[2]
    assert f"{100 * kd.mean:.1f}" in text and frame_section(run.summary)["rows"][1][0] == "kd"


def test_a_choice_on_inner_validation_sees_no_test_label(manifest, run, tmp_path):
    "The scores of smoothings are the same when the annotations of all frames of the test recordings are others"
    values = yaml.safe_load(manifest.read_text())
    table = pd.read_csv(manifest.parent / "annotations.csv")
    of_test = table.recording.str.startswith("Validation")
    table.loc[of_test, NAMES] = np.random.default_rng(0).uniform(-1, 1, (int(of_test.sum()), 2))
    other = tmp_path / "set"
    other.mkdir()
    for name in ("arrays.npz", "windows.csv"):
        (other / name).write_bytes((manifest.parent / name).read_bytes())
    table.to_csv(other / "annotations.csv", index=False)
    del values["files"]["annotations"]["sha256"]
    (other / "manifest.yaml").write_text(yaml.safe_dump(values))
    again = run_tiny(other / "manifest.yaml", tmp_path / "run", ["student_only"], seeds=(0,))

    def on_validation(r):
        rows = r.history["name"].str.startswith("smoothing_") & (r.history["seed"] == 0)
        return r.history[rows & (r.history["method"] == "student_only")].set_index("name")["value"].to_dict()

    assert on_validation(again) == on_validation(run)
    assert again.summary.frames["student_only"].mean != run.summary.frames["student_only"].mean


def test_prediction_files_have_a_line_for_every_frame(manifest, run, tmp_path):
    samples, annotations = mtpkd.read(manifest), recordings()
    predicted = frame_predictions(samples.spans, samples.target, "mean:5")
    paths = write_frame_files(tmp_path / "files", predicted, samples.spans.lengths, NAMES)
    assert len(paths) == len(annotations)
    for path in paths:
        name = path.relative_to(tmp_path / "files").with_suffix("").as_posix()
        lines = path.read_text().splitlines()
        assert lines[0] == "valence,arousal" and len(lines) == 1 + len(annotations[name])


def test_frames_are_refused_in_one_line_where_there_are_none(tmp_path, capsys):
    out = ["--out", str(tmp_path / "x")]
    assert main(["predict", "student.onnx", "--video", "film.mp4", "--format", "affwild2", *out]) == 2
    assert "expected --manifest" in capsys.readouterr().err
    assert main(["predict", "student.onnx", "--manifest", "watch", "--smoothing", "mean:5", *out]) == 2
    assert "expected --format" in capsys.readouterr().err
    assert main(["predict", "student.onnx", "--manifest", "watch", "--format", "csv", *out]) == 2
    assert "unknown format of frame files" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_sets_without_frames_are_as_they_were():
    assert load_manifest("watch").frames is None and "frames" not in load_manifest("watch").model_dump()
    assert mtpkd.read("watch").spans is None
    assert load_manifest("affwild2_va").frames.smoothing[0] == "none"


# the simulated corpus in the layout of Aff-Wild2


def drawn_crop(look, units, pose, random):
    "The grey aligned face of a frame, as the corpus stores it, without its mean and contrast `(1024,)`"
    aligned = type(pose)(scale=0.46, yaw=pose.yaw, light=pose.light, side_light=pose.side_light)
    grey = with_camera_noise(draw_face(look, units, aligned, 32, 32), random).mean(-1).ravel()
    return (grey - grey.mean()) / grey.std()


def spoken(wave, middle):
    "Mean and deviation of 32 bands of the sound around a sample `(64,)`"
    part = wave[max(0, middle - 16000) : middle + 6000]
    frames = np.lib.stride_tricks.sliding_window_view(part, 512)[::256] * np.hanning(512)
    bands = np.log(np.abs(np.fft.rfft(frames))[:, :256].reshape(-1, 32, 8).sum(-1) + 1e-4)
    return np.concatenate([bands.mean(0), bands.std(0)])


def film_and_voice(samples, spec):
    "Features of the middle frame of every window, and of the voice around it; faces by the components of training faces"
    film, sound = np.zeros((len(samples), 1024)), np.zeros((len(samples), 64))
    for person in people(spec):
        scene, random = _Scene(spec, person), spec.random("crops", person.index)
        times, look = np.arange(scene.frames) / scene.rate, look_of(person, spec)
        units = np.stack([at_times(column, times) for column in np.asarray(scene.shown).T], 1)
        wave = np.ravel(voice(person, scene.course, 16000, spec, scene.random("voice")))
        own = [name.endswith(f"/{scene.name}") for name in samples.spans.recording]
        for row in np.flatnonzero(own):
            i = samples.spans.frame[row] - 1
            film[row] = drawn_crop(look, units[i], scene.where[i], random)
            sound[row] = spoken(wave, int(times[i] * 16000))
    training = film[[name.startswith("Train") for name in samples.subject]]
    components = np.linalg.svd(training - training.mean(0), full_matrices=False)[2][:60]
    return (film - training.mean(0)) @ components.T, sound


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    "A run on 40 simulated people, 24 windows labelled, with the samples and the copy of the corpus"
    home = tmp_path_factory.mktemp("heard")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("write_film", "write_crops"):  # drawn below, where they are needed
            patch.setattr(f"mtpkd.simulation.affwild2_layout.{name}", lambda path, *rest, **how: path)
        how = dict(subjects=40, clips=4, size=32, waves="plain")
        copy = simulate("affwild2_va", home / "copy", **how)
        samples = mtpkd.read(f"{copy}+windows", ["video"], files=True)
        film, sound = film_and_voice(samples, SimulationSpec("affwild2_va", **how))
        path = save_films(home / "set", samples, dict(video=film, audio=sound), load_manifest(copy).protocol)
    settings = ["schedules=[default]", "schedule.steps=150", "teachers.steps=150", "teachers.ensemble=1"]
    asked = dict(methods="student_only,kd,mtpkd", labelled=24, seeds=range(5), set=settings, progress=False)
    return mtpkd.run(path, **asked, out=home / "run"), samples, copy


@pytest.mark.slow
def test_a_student_of_film_taught_by_voice_knows_more_of_arousal_over_all_frames(heard):
    "A voice knows arousal, which a face shows to who has learnt it"
    r, samples, copy = heard
    assert r.summary.frames["kd"].recordings > r.summary.frames["student_only"].recordings
    means = r.metrics[r.metrics["metric"] == "frames_ccc_arousal"].groupby("method")["value"].mean()
    assert means["kd"] > means["student_only"] + 0.05
    target, _, _ = scored_frames(samples.task, samples.spans, every_frame(samples))
    lines = [line for file in copy.parent.rglob("Validation_Set/*.txt") for line in file.read_text().splitlines()[1:]]
    assert len(target) == sum(line != "-5,-5" for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["kd", "mtpkd"])
def test_a_student_of_film_taught_by_voice_is_better_over_all_frames(heard, method):
    "The mean of valence and arousal"
    frames = heard[0].summary.frames
    assert frames[method].mean > frames["student_only"].mean + 0.02


def every_frame(samples):
    "Recording of the test set -> zeros for all of its frames"
    names = [name for name in samples.spans.lengths if name.startswith("Validation")]
    return {name: np.zeros((samples.spans.lengths[name], 2)) for name in names}


def save_films(folder, samples, arrays, protocol):
    "A set of features whose rows are the windows of `samples`"
    path = mtpkd.save_set(
        folder,
        "films",
        arrays,
        samples.target,
        samples.task,
        samples.subject,
        samples.sample,
        roles=dict(video="prevalent", audio="privileged"),
        protocol=protocol.model_dump(exclude_none=True),
    )
    windows_table(samples.spans, samples.sample).to_csv(folder / "windows.csv", index=False)
    annotations_table(samples.spans, samples.task).to_csv(folder / "annotations.csv", index=False)
    return with_entries(path, **with_tables(path))


def with_tables(path, smoothing=("none", "mean:15", "median:15", "exponential:0.2")):
    "Entries of a manifest that name both tables"
    files = yaml.safe_load(path.read_text())["files"]
    files |= {name: dict(path=f"{name}.csv") for name in ("windows", "annotations")}
    return dict(files=files, frames=dict(smoothing=list(smoothing)))


@pytest.mark.slow
def test_films_become_files_with_as_many_lines_as_their_annotations(tmp_path):
    pytest.importorskip("onnx")
    copy = simulate("affwild2_va", tmp_path / "copy", subjects=4, clips=1, size=32, waves="plain")
    how = dict(encoder="frames_tcn,logmel", weights="random", faces="whole", frames=4, size=32, sound_seconds=0.5)
    prepared = prepare(f"{copy}+windows", out=tmp_path / "prepared", jobs=1, progress=False, **how)
    r = mtpkd.run(
        prepared, methods="student_only,kd", labelled="all", config=quick(), out=tmp_path / "run", progress=False
    )
    assert np.isfinite(r.summary.frames["kd"].mean)
    assert main(["report", str(tmp_path / "run")]) == 0
    assert "Frame by frame" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    student, out = tmp_path / "student.onnx", tmp_path / "predictions"
    assert main(["export", str(tmp_path / "run"), "--method", "kd", "--out", str(student)]) == 0
    options = ["--manifest", str(prepared), "--format", "affwild2", "--smoothing", "mean:5", "--out", str(out)]
    assert main(["predict", str(student), *options]) == 0
    annotations = copy.parent / "6th ABAW Annotations" / "VA_Estimation_Challenge"
    files = sorted(path.relative_to(annotations) for path in annotations.rglob("*.txt"))
    assert sorted(path.relative_to(out) for path in out.rglob("*.txt")) == files and len(files) == 4
    for path in files:
        lines = (out / path).read_text().splitlines()
        assert len(lines) == len((annotations / path).read_text().splitlines()) and lines[0] == "valence,arousal"
        values = np.array([line.split(",") for line in lines[1:]], float)
        assert np.abs(values).max() <= 1 and values.shape[1] == 2


def test_a_recording_in_two_parts_of_a_fold_is_refused():
    spans = make_spans(["a", "a", "b"], [1, 3, 1], [2, 4, 2], [1, 3, 1], dict(a=4, b=2))
    fold = SimpleNamespace(test=np.array([0]), train=np.array([2]), pool=np.array([], int), val=np.array([1]))
    with pytest.raises(InputError, match="set: recording a has rows in the test part and in another part of a fold"):
        check_frame_folds(spans, [fold], "set")
    check_frame_folds(
        spans, [SimpleNamespace(test=np.array([0, 1]), train=fold.train, pool=fold.pool, val=fold.pool)], "set"
    )


@pytest.mark.parametrize("name", ["mean:14", "bogus:1", "exponential:2", "median:0"])
def test_a_wrong_smoothing_is_named_before_any_training(name):
    with pytest.raises(InputError, match=r"^set: frames\.smoothing: .*smoothing"):
        check_smoothings(["none", name], "set: frames.smoothing")


def test_a_wrong_smoothing_is_found_by_check_prepare_and_run_alike(tmp_path, capsys):
    from mtpkd.data.check import check

    words = "frames.smoothing: smoothing over 14 frames"
    corpus = load_manifest("affwild2_va")
    wrong = corpus.model_copy(update=dict(frames=corpus.frames.model_copy(update=dict(smoothing=("none", "mean:14")))))
    (tmp_path / "VA_Set").mkdir()
    with pytest.raises(InputError, match=words):
        mtpkd.read(wrong, root=tmp_path, files=True)
    assert any(words in str(finding) and finding.level == "unusable" for finding in check(wrong, tmp_path).findings)
    path = make_set(tmp_path / "set")
    one = dict(recording=["a"], frame=[1])
    pd.DataFrame(one | dict(sample=["000000"], first=[1], last=[1])).to_csv(
        tmp_path / "set" / "windows.csv", index=False
    )
    pd.DataFrame(one | dict(target=["0"])).to_csv(tmp_path / "set" / "annotations.csv", index=False)
    with_entries(path, **with_tables(path, ["mean:14"]))
    for command in (["data", "check", str(path)], ["run", "--manifest", str(path), "--dry-run"]):
        assert main(command) == 2
        assert words in "".join(capsys.readouterr())
    with pytest.raises(InputError, match=words):
        prepare(path, out=tmp_path / "prepared", progress=False)


def test_medians_of_certain_predictions_are_probabilities():
    task = TaskSpec(kind="classification", target="label", classes=["a", "b", "c"])
    frames = np.arange(1, 16)
    spans = make_spans(["a"] * 15, frames, frames, frames, dict(a=np.array(task.classes)[frames % 3]), task)
    scores = frame_scores(task, spans, np.eye(3)[frames % 3], "median:15")
    assert np.isfinite(scores["frames_accuracy"])
