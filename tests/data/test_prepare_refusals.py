"mtpkd data prepare refuses what is wrong before it opens a recording, names it, and leaves its output folder as it was."

import dataclasses
import shutil
from pathlib import Path

import pytest
import yaml
from media_files import film_tree
from mtpkd.cli.main import main
from mtpkd.core.errors import InputError
from mtpkd.core.files import folder_lock
from mtpkd.data.reading import read
from mtpkd.features.encoder_choice import PrepareConfig
from mtpkd.features.prepare import prepare, prepare_settings

LIMITED = [setting.name for setting in dataclasses.fields(PrepareConfig) if "limits" in setting.metadata]
NUMBERS = [setting.name for setting in dataclasses.fields(PrepareConfig) if isinstance(setting.default, int | float)]
WORDS = dict(
    gaps="closed", signal_spectrogram="log10", columns="au+aus", faces="", pooling="face=max", layer="face=-1",
    finetune="face=block0",
)  # fmt: skip


# ranges


def test_every_number_has_limits():
    assert set(NUMBERS) - set(LIMITED) == {"face_align", "offline"}


@pytest.mark.parametrize("name", LIMITED)
def test_a_number_beyond_its_limits_is_named(name):
    kind = type(getattr(PrepareConfig(), name))
    for value in (-7, 10**12, *((float("nan"), float("inf")) if kind is float else ())):
        with pytest.raises(InputError, match=f"prepare.{name} is"):
            prepare_settings(**{name: kind(value)})


@pytest.mark.parametrize("name", WORDS)
def test_a_word_that_a_setting_does_not_know_is_named(name):
    with pytest.raises(InputError, match=name):
        prepare_settings(set=[f"{name}={WORDS[name]}"])


@pytest.mark.parametrize("name", ["frames", "size", "n_mels", "views", "face_every", "mel_step", "signal_window"])
def test_nothing_is_no_number_of_frames_or_pixels(name):
    with pytest.raises(InputError, match=f"prepare.{name} is 0"):
        prepare_settings(dict(prepare={name: 0}))


def test_a_setting_has_one_value_for_all_and_one_for_each():
    for line in ("pooling=mean,first", "layer=1,last", "weights=random,default", "layer=face=1,face=2", "layer=face="):
        with pytest.raises(InputError, match="two values|expected a name"):
            prepare_settings(set=[line])
    prepare_settings(set=["layer=face=1,voice=2,last", "weights=r3d18=random,default", "finetune=face=layer4"])


# the output folder

HOW = dict(weights="random", faces="whole", frames=2, size=16, jobs=1, progress=False)


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    return film_tree(tmp_path_factory.mktemp("films"), subjects=2, each=2, frames=4, size=32)


def with_values(films, folder, **values):
    "A copy of the set whose manifest has other values"
    shutil.copytree(films.parent, folder)
    manifest = yaml.safe_load((folder / "manifest.yaml").read_text()) | values
    (folder / "manifest.yaml").write_text(yaml.safe_dump(manifest))
    return folder / "manifest.yaml"


def tree(folder):
    "Every path below a folder, with the content and the time of its files; None: no such folder"
    folder = Path(folder)
    if not folder.exists():
        return None
    found = {str(p.relative_to(folder)): p.stat().st_mtime_ns for p in folder.rglob("*")}
    return found | {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


WRONG = {  # what is wrong -> settings, what the message says
    "encoder": (dict(encoder="foo"), "encoder: unknown name 'foo'"),
    "encoder of another kind": (dict(encoder="emg=r3d18"), "r3d18"),
    "weights": (dict(weights="/nowhere.pth"), "weights /nowhere.pth: cannot be read"),
    "layer": (dict(finetune="layer9"), "finetune"),
    "stem": (dict(finetune="stem"), "finetune"),
    "number": (dict(frames=0), "prepare.frames is 0"),
    "silent number": (dict(signal_window=-3.0), "prepare.signal_window"),
    "type": (dict(size="large"), "prepare.size: expected int"),
    "setting": (dict(sise=3), "unknown setting"),
    "detector": (dict(faces="foo"), "unknown face detector 'foo'"),
    "one of several detectors": (dict(faces="whole+foo"), "unknown face detector 'foo'"),
    "file of a detector": (dict(faces="yunet"), "face detector"),
    "window of a signal": (dict(encoder="r3d18,emg=spectrogram", signal_window=60.0), "modality emg"),
    "device": (dict(device="cuda:99999"), "cuda"),
    "unknown device": (dict(device="tpu3"), "unknown device"),
    "jobs": (dict(jobs=-2), "jobs is -2"),
    "root": (dict(root="/nowhere"), "nowhere"),
    "folder of shards": (dict(shard_folders=["shards", "folds"]), "which the set needs itself"),
    "network of another library": (dict(encoder="timm:/nowhere"), "nowhere|timm"),
    "extra": (dict(encoder="r3d18,emg=neurokit:ecgg"), "neurokit"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("state", ["absent", "empty", "prepared"])
def test_a_refused_call_leaves_the_folder_as_it_was(name, state, films, prepared, tmp_path):
    settings, said = WRONG[name]
    out = tmp_path / "above" / "out"
    if state == "empty":
        out.mkdir(parents=True)
    if state == "prepared":
        shutil.copytree(prepared, out)
    before = tree(tmp_path)
    with pytest.raises(InputError, match=f"{said}|another preparation" if state == "prepared" else said):
        prepare(films, out=out, **HOW | settings)
    assert tree(tmp_path) == before


@pytest.fixture(scope="module")
def prepared(films, tmp_path_factory):
    out = tmp_path_factory.mktemp("prepared") / "out"
    prepare(films, out=out, **HOW)
    return out


@pytest.mark.parametrize(
    "values, said",
    [
        (dict(files={"table": {"path": "gone.csv"}}), "gone.csv"),
        (dict(protocol=dict(group="subject", folds="files:lists")), "lists"),
        (dict(protocol=dict(group="subject", folds="files:../lists")), "lists"),
        (dict(task=dict(kind="classification", target="mood", classes=["calm", "pain"])), "mood"),
        (dict(task=dict(kind="classification", target="label", classes=["calm", "joy"])), "pain|joy"),
    ],
    ids=["table", "folds", "folds elsewhere", "target", "classes"],
)
def test_a_set_that_cannot_be_read_leaves_no_folder(values, said, films, tmp_path):
    manifest = with_values(films, tmp_path / "films", **values)
    with pytest.raises(InputError, match=said):
        prepare(manifest, out=tmp_path / "out", **HOW)
    assert tree(tmp_path / "out") is None


def test_a_path_that_leaves_the_set_leaves_no_folder(films, tmp_path):
    manifest = with_values(films, tmp_path / "films")
    table = tmp_path / "films" / "samples.csv"
    table.write_text(table.read_text().replace("video/s00_000.mp4", "../s00_000.mp4"))
    with pytest.raises(InputError, match="s00_000.mp4"):
        prepare(manifest, out=tmp_path / "out", **HOW)
    assert tree(tmp_path / "out") is None


def test_a_folder_of_shards_that_holds_something_else_is_left_alone(films, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "thesis.txt").write_text("mine")
    before = tree(tmp_path)
    with pytest.raises(InputError, match="expected a new or empty folder"):
        prepare(films, out=tmp_path / "out", shard_folders=["shards", str(tmp_path / "disk")], **HOW)
    assert tree(tmp_path) == before


def test_the_corrected_command_takes_the_same_folder(films, tmp_path, capsys):
    words = ["data", "prepare", str(films), "--out", str(tmp_path / "out"), "--weights", "random", "--jobs", "1"]
    small = ["--set", "faces=whole", "--set", "frames=2", "--set", "size=16"]
    for wrong in (["--encoder", "foo"], ["--finetune", "layer9"], ["--set", "faces=foo"], ["--set", "frames=0"]):
        assert main([*words, *small, *wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert main([*words, *small]) == 0
    assert len(read(tmp_path / "out" / "manifest.yaml").sample) == 4


def test_a_folder_without_a_feature_is_taken_over(films, tmp_path):
    "What a refused or killed call of an earlier version has left"
    out, disk = tmp_path / "out", tmp_path / "disk"
    for folder in (out / "shards", out / ".work", disk):
        folder.mkdir(parents=True)
    (out / ".work" / "digests.json").write_text("{}")
    (out / ".work" / "shard_folders.yaml").write_text(yaml.safe_dump(dict(shard_folders=["shards", str(disk)])))
    for folder in (out, disk):
        (folder / "prepare.yaml").write_text("set: films\nencoder: foo\n")
    prepare(films, out=out, shard_folders=["shards"], **HOW)
    assert len(read(out / "manifest.yaml").sample) == 4 and list(disk.iterdir()) == []


@pytest.mark.parametrize("file", ["shards/face-1.safetensors", ".work/ab/abcd", "index.parquet", "notes.txt"])
def test_a_folder_with_anything_of_worth_is_not_taken_over(file, films, tmp_path):
    out = tmp_path / "out"
    (out / file).parent.mkdir(parents=True)
    (out / file).write_bytes(b"x")
    (out / "prepare.yaml").write_text("set: films\nencoder: foo\n")
    before = tree(out)
    with pytest.raises(InputError, match="holds another preparation"):
        prepare(films, out=out, **HOW)
    assert tree(out) == before


def test_another_process_keeps_its_folder(films, prepared, tmp_path):
    shutil.copytree(prepared, tmp_path / "out")
    with folder_lock(tmp_path / "out"), pytest.raises(InputError, match="is in use by process"):
        prepare(films, out=tmp_path / "out", **HOW)


def test_a_library_that_is_missing_is_no_fault_of_the_recordings(films, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match="needs PyAV"):
        prepare(films, out=tmp_path / "out", **HOW)
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(InputError, match="^face detectors yunet and cascade need OpenCV"):
        prepare(films, out=tmp_path / "out", **HOW | dict(faces="cascade"))
    assert tree(tmp_path / "out") is None


# names before the = sign


@pytest.mark.parametrize("setting", ["encoder", "weights", "finetune", "layer", "pooling"])
@pytest.mark.parametrize("place", ["{}", "{},face=VALUE", "r3d18=VALUE,{}"])
def test_a_name_that_nobody_has_is_refused_wherever_it_stands(setting, place, films, tmp_path):
    value = dict(encoder="r3d18", weights="random", finetune="none", layer="last", pooling="mean")[setting]
    text = place.format(f"fase={value}").replace("VALUE", value)
    if setting in ("encoder", "weights"):
        text = text.replace("r3d18=r3d18", "r3d18").replace("face=random", "r3d18=random")
    with pytest.raises(InputError, match=f"{setting}: 'fase' in fase={value} is no") as e:
        prepare(films, out=tmp_path / "out", **HOW | {setting: text})
    assert ("face" if setting != "weights" else "r3d18") in str(e.value)
    assert tree(tmp_path / "out") is None


def test_a_modality_before_weights_is_told_that_encoders_stand_there(films, tmp_path):
    with pytest.raises(InputError, match="weights: 'face' in face=random is no encoder of this preparation"):
        prepare(films, out=tmp_path / "out", **HOW | dict(weights="face=random"))


UNREAD = {
    "layer": (dict(layer="99"), ["layer"]),
    "pooling": (dict(pooling="face=first"), ["pooling"]),
    "file": (dict(encoder="difference_image", weights="/nowhere.pth"), ["weights"]),
    "file of another network": (dict(weights="r2plus1d18=/nowhere.pth,random"), ["weights of r2plus1d18"]),
    "modality without a network": (dict(finetune="emg=layer4"), ["finetune of emg"]),
    "encoder": (dict(encoder="r3d18,resnet18_logmel"), ["encoder resnet18_logmel"]),
    "numbers": (dict(n_mels=32, min_good=0.9, signal_step=0.5), ["n_mels", "signal_step", "min_good"]),
    "faces": (dict(face_margin=0.5), ["face_margin"]),
}


@pytest.mark.parametrize("name", UNREAD)
def test_settings_that_nothing_reads_are_said_in_one_line(name, films, tmp_path, capsys):
    settings, unread = UNREAD[name]
    prepare(films, out=tmp_path / "out", **HOW | settings)
    expected = f"mtpkd: no encoder of this set reads these settings: {', '.join(unread)}\n"
    assert capsys.readouterr().err == expected


def test_settings_that_are_read_are_not_said(films, tmp_path, capsys):
    settings = dict(encoder="r3d18,emg=resnet18_spectrogram", weights="r3d18=random,resnet18_spectrogram=random")
    prepare(films, out=tmp_path / "out", **HOW | settings | dict(signal_window=0.5, finetune="face=layer4", stride=1))
    assert capsys.readouterr().err == ""
