"Values over time: windows that overlap, averaged back to frames, smoothed by inner validation, scored and written frame by frame."

import numpy as np
import pandas as pd
import pytest
import yaml
import mtpkd
from mtpkd.cli.main import main
from mtpkd.core.files import file_sha256
from mtpkd.data.large_sets import take_rows
from mtpkd.data.manifest import load_manifest
from mtpkd.deployment.frame_files import write_frame_files
from mtpkd.evaluation.frames import frame_predictions
from mtpkd.simulation.simulate import simulate
from tiny_runs import quick, run_tiny

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
