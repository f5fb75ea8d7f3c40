"Files that a table names: check names each that prepare and reading cannot use, and one bad recording stops no other."

import os, shutil, warnings
import numpy as np, pandas as pd, pytest, yaml
from mtpkd.core.errors import InputError, RunError
from mtpkd.data.check import check, check_text
from mtpkd.data.reading import read
from mtpkd.features.piece_workers import do_piece, run_pieces
from mtpkd.features.prepare import prepare
from mtpkd.features.encoder_choice import PrepareConfig
from mtpkd.features.pieces import Piece
from mtpkd.features.recipes import make_recipe
from test_media import adts, encode, level, riff, SINE

MODALITIES = {
    "clip": {"kind": "video", "role": "prevalent"},
    "voice": {"kind": "audio", "role": "privileged"},
    "emg": {"kind": "signal", "shape": [1, 32], "rate_hz": 32, "role": "privileged"},
}


def tabled(folder, rows, modalities=None):
    "A set of `rows` of cells by modality; two classes in turn"
    frame = pd.DataFrame(rows).fillna("")
    frame["label"] = ["calm", "stress"] * (len(frame) // 2) + ["calm"] * (len(frame) % 2)
    frame["subject"] = [f"s{i}" for i in range(len(frame))]
    frame.to_csv(folder / "t.csv", index=False)
    values = dict(
        name="named",
        reader="table",
        files={"table": {"path": "t.csv"}},
        task=dict(kind="classification", target="label", classes=["calm", "stress"]),
        subject="subject",
        modalities={name: MODALITIES[name] for name in modalities or MODALITIES},
    )
    (folder / "m.yaml").write_text(yaml.safe_dump(values))
    return folder / "m.yaml"


@pytest.fixture
def recordings(tmp_path):
    "A folder with good recordings of each kind"
    for name in ("clip", "voice", "emg", "other"):
        (tmp_path / name).mkdir()
    for i in range(3):
        encode(tmp_path / "clip" / f"{i}.mp4", [level(40 * i + 9 * j) for j in range(9)], "libx264", "mp4")
        (tmp_path / "voice" / f"{i}.wav").write_bytes(riff(SINE * (i + 1) / 3))
        np.save(tmp_path / "emg" / f"{i}.npy", np.random.default_rng(i).normal(size=(1, 32)))
    return tmp_path


SUFFIX = {"clip": "mp4", "voice": "wav", "emg": "npy"}


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("how", ["other suffix", "other folder", "backslash", "typing error", "absent folder"])
def test_absent_files_are_named_with_a_hint(recordings, modality, how):
    suffix = SUFFIX[modality]
    cell, hint = {
        "other suffix": (f"{modality}/1.{suffix.upper()}", f"did you mean 1.{suffix}?"),
        "other folder": (f"{modality.upper()}/1.{suffix}", f"did you mean {modality}?"),
        "backslash": (f"{modality}\\1.{suffix}", "write / between folders"),
        "typing error": (f"{modality}/1.{suffix}x", f"did you mean 1.{suffix}?"),
        "absent folder": (f"nowhere/1.{suffix}", ""),
    }[how]
    rows = [{modality: f"{modality}/{i}.{suffix}"} for i in (0, 2)] + [{modality: cell}, {modality: ""}]
    manifest = tabled(recordings, rows, [modality])
    findings = check(manifest).findings
    assert [(f.level, f.found) for f in findings] == [("lost", "is missing")]
    assert findings[0].path == cell and "row 4 of t.csv" in findings[0].where and hint in findings[0].mend
    with pytest.warns(UserWarning, match="1 of 3 files named are not there"):
        samples = read(manifest, files=True)
    assert len(samples) == 4


def test_a_whole_table_is_silent(recordings):
    rows = [{name: f"{name}/{i}.{SUFFIX[name]}" for name in MODALITIES} for i in range(3)]
    manifest = tabled(recordings, rows)
    found = check(manifest)
    assert found.findings == [] and "nothing is wrong" in check_text(found)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(manifest, files=True)


def bad_recordings(folder):
    "Recordings that cannot be used, and what check says of each"
    good_film, good_sound = folder / "clip" / "0.mp4", folder / "voice" / "0.wav"
    os.mkfifo(folder / "other" / "pipe.wav")
    files = {
        "glued.aac": (adts(1) + adts(2), "changes from"),
        "cut.mp4": (good_film.read_bytes()[:900], "does not open"),
        "cut.wav": (good_sound.read_bytes()[:9000], "ends early"),
        "empty.wav": (b"", "is empty"),
        "text.mp4": (b"no film", "does not open"),
        "text.wav": (b"no sound", "is no .wav"),
        "headed.wav": (good_sound.read_bytes()[:44], "ends early|no sound"),
        "mute.mp4": (good_film.read_bytes(), "has no sound"),
    }
    for name, (data, _) in files.items():
        (folder / "other" / name).write_bytes(data)
    return {name: said for name, (_, said) in files.items()} | {"pipe.wav": "is not a file"}


@pytest.mark.parametrize("modality", ["voice", "clip"])
def test_one_bad_recording_stops_no_other(recordings, tmp_path, modality):
    bad = {
        name: said for name, said in bad_recordings(recordings).items() if modality == "voice" or name.endswith("mp4")
    }
    if modality == "clip":
        bad.pop("mute.mp4")
    good = [f"{modality}/{i}.{SUFFIX[modality]}" for i in range(3)]
    cells = [good[0], *(f"other/{name}" for name in bad), *good[1:]]
    manifest = tabled(recordings, [{modality: cell} for cell in cells], [modality])
    findings = {finding.path: finding for finding in check(manifest).findings}
    for name, said in bad.items():
        finding = findings.pop(f"other/{name}")
        assert finding.level == "lost" and any(part in finding.found for part in said.split("|")), finding
    assert not findings
    out = prepare(
        manifest, out=tmp_path / "out", jobs=1, progress=False, faces="whole", frames=2, size=32, weights="random"
    )
    index = pd.read_parquet(out.parent / "index.parquet")
    status = dict(zip(cells, index[f"{modality}:status"]))
    assert [status.pop(cell) for cell in good] == ["ok"] * 3
    for cell, text in status.items():
        assert cell.split("/")[1] in text and "\n" not in text and text != "ok"
    assert read(out).presence[:, 0].sum() == 3


def test_any_exception_of_a_piece_is_its_status(recordings, tmp_path, monkeypatch):
    recipe = make_recipe(PrepareConfig(), "voice", "audio", 16000)
    piece = Piece(recordings / "voice" / "0.wav", sha="s")
    for error in (
        MemoryError("no\nmemory"),
        RuntimeError("x"),
        IndexError("tuple"),
        UnicodeDecodeError("u", b"", 0, 1, "r"),
    ):

        def fail(*arguments, **named):
            raise error

        monkeypatch.setattr("mtpkd.features.pieces.read_sound", fail)
        said = do_piece(recipe, "k" * 32, piece, tmp_path, "cpu")
        assert str(piece.path) in said and type(error).__name__ in said and "\n" not in said
    monkeypatch.undo()
    assert do_piece(recipe, "k" * 32, piece, tmp_path, "cpu") == ""


def test_silent_and_flat_recordings_are_named_and_used(recordings):
    (recordings / "voice" / "1.wav").write_bytes(riff(np.zeros(16000)))
    encode(recordings / "clip" / "1.mp4", [level(90)] * 9, "libx264", "mp4")
    np.save(recordings / "emg" / "1.npy", np.full((1, 32), 0.3))
    rows = [{name: f"{name}/{i}.{SUFFIX[name]}" for name in MODALITIES} for i in range(3)]
    found = check(tabled(recordings, rows))
    assert {f.path: f.level for f in found.findings} == dict.fromkeys(
        ["voice/1.wav", "clip/1.mp4", "emg/1.npy"], "suspect"
    )
    assert found.usable and "3 doubts to look at" in check_text(found)


@pytest.mark.parametrize(
    "content, words",
    [
        (np.zeros((1, 31)), "shape"),
        (np.array(["a"]), "expected numbers"),
        (b"", "not a readable"),
        (b"\x93NUMPY\1\0v\0{", "not a readable"),
    ],
)
def test_every_array_that_reading_refuses_is_named(recordings, content, words):
    for i in (1, 2):
        path = recordings / "emg" / f"{i}.npy"
        path.write_bytes(content) if isinstance(content, bytes) else np.save(path, content)
    manifest = tabled(recordings, [{"emg": f"emg/{i}.npy"} for i in range(3)], ["emg"])
    found = check(manifest)
    assert [(f.level, f.path) for f in found.findings] == [("unusable", f"emg/{i}.npy") for i in (1, 2)]
    assert all(words in str(f) for f in found.findings) and not found.usable
    with pytest.raises(InputError, match="1.npy"):
        read(manifest, files=True)


def test_parts_outside_of_a_recording_are_named(recordings):
    rows = [
        {"clip": f"clip/{i}.mp4", "clip_first": first, "clip_last": last}
        for i, (first, last) in enumerate([(1, 9), (5, 40), (10, 12)])
    ]
    assert [f.path for f in check(tabled(recordings, rows, ["clip"])).findings] == ["clip/2.mp4"]


def test_folders_of_pictures_are_opened(recordings):
    from test_media import picture

    for folder in ("good", "bad", "none"):
        (recordings / folder).mkdir()
    for i in range(4):
        for folder in ("good", "bad"):
            data = picture(recordings / folder / f"img_{i:05d}.jpg", level(30 * i))
    (recordings / "bad" / "img_00002.jpg").write_bytes(data[:-30])
    findings = check(tabled(recordings, [{"clip": name} for name in ("good", "bad", "none")], ["clip"])).findings
    assert {f.path.split("/")[0] for f in findings} == {"bad", "none"}


def test_links_to_another_disk(recordings, tmp_path_factory):
    "A table may not lead out of its folder, by a link either: check and prepare agree"
    disk = tmp_path_factory.mktemp("disk")
    shutil.move(recordings / "clip" / "1.mp4", disk / "1.mp4")
    (recordings / "clip" / "1.mp4").symlink_to(disk / "1.mp4")
    manifest = tabled(recordings, [{"clip": f"clip/{i}.mp4"} for i in range(3)], ["clip"])
    assert "leaves the folder" in str(check(manifest).findings[0])
    with pytest.raises(InputError, match="leaves the folder"):
        prepare(manifest, out=disk / "out", jobs=1, progress=False, faces="whole", weights="random")


def test_a_corpus_may_lie_on_another_disk(tmp_path):
    import corpus_trees as trees

    root, disk = tmp_path / "copy", tmp_path / "disk"
    trees.ravdess(disk, actors=(1, 2))
    root.mkdir()
    for entry in disk.iterdir():
        (root / entry.name).symlink_to(entry)
    assert check("ravdess", root).usable
    settings = dict(jobs=1, progress=False, faces="whole", frames=2, size=32, weights="random", encoder="r3d18")
    out = prepare("ravdess", root=root, out=tmp_path / "out", **settings)
    index = pd.read_parquet(out.parent / "index.parquet")
    assert set(index["video:status"]) == {"ok"}


class Crash:
    "Ends the process that reads it"

    def __reduce__(self):
        return os._exit, (1,)


@pytest.mark.slow
def test_a_decoder_that_ends_its_process_is_the_status_of_its_piece(recordings, tmp_path):
    recipe = make_recipe(PrepareConfig(), "voice", "audio", 16000)
    good = [(recipe, f"{i:032d}", Piece(recordings / "voice" / f"{i}.wav", sha=str(i))) for i in range(3)]
    bad = (recipe, "b" * 32, Piece(recordings / "voice" / "bad.wav", x=Crash(), sha="b"))
    status = dict(run_pieces([good[0], bad, *good[1:]], 2, tmp_path / "out", "cpu"))
    assert [status[key] for _, key, _ in good] == [""] * 3
    assert "bad.wav: its decoder ended the process" in status["b" * 32]
    with pytest.raises(RunError, match="several workers died"):
        dict(run_pieces([(recipe, f"{i:032x}", bad[2]) for i in range(9)], 2, tmp_path / "out", "cpu"))
