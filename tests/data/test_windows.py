"""Windows over features that are stored once: what a prepared set of overlapping windows holds is what its windows, each
computed by itself, have; a frame is computed and stored once; everything that opens a set opens it."""

import multiprocessing
import os
import shutil
import signal
import time
import numpy as np
import pandas as pd
import pytest
import corpus_trees as trees
from media_files import film
from tiny_runs import quick
from mtpkd import fit, run
from mtpkd.api import export
from mtpkd.deployment import predictor
from mtpkd.deployment.predictor import predict
from mtpkd.core.errors import InputError
from mtpkd.core.files import file_sha256
from mtpkd.data import video
from mtpkd.data.check import check
from mtpkd.data.face_detectors import detectors
from mtpkd.data.feature_store import open_shard, parse_rows
from mtpkd.data.manifest import load_manifest, parse_manifest
from mtpkd.data.media_files import write_video
from mtpkd.data.reading import read
from mtpkd.data.save import save_set
from mtpkd.data.windowed_array import WindowedArray
from mtpkd.features import piece_features, piece_workers, plan as planning, prepare as preparing
from mtpkd.features.prepare import prepare

HOW = dict(encoder="frames_tcn,resnet18_logmel", weights="random", faces="whole", jobs=1, progress=False)
SMALL = HOW | dict(frames=16, size=16, sound_seconds=0.5)


@pytest.fixture
def small_blocks(monkeypatch):
    "Blocks of four frames, shards of three blocks: films of several blocks, sets of several shards"
    for module in (piece_features, planning, preparing):
        monkeypatch.setattr(module, "BLOCK", 4)
    monkeypatch.setattr(planning, "SHARD", 3)


def prepared_alike(manifest, tmp_path, monkeypatch, name="video", **how):
    "A set with windows over stored frames, and the same one with every window by itself; the modality in both"
    windowed = prepare(manifest, out=tmp_path / "windowed", **how)
    with monkeypatch.context() as patched:
        patched.setattr(planning, "is_per_frame", lambda recipe: False)
        gathered = prepare(manifest, out=tmp_path / "gathered", **how)
    ours, theirs = read(windowed), read(gathered)
    np.testing.assert_array_equal(ours.presence, theirs.presence)
    np.testing.assert_array_equal(ours.target, theirs.target)
    assert ours.sample.tolist() == theirs.sample.tolist()
    assert isinstance(ours.arrays[name], WindowedArray) and isinstance(theirs.arrays[name], np.ndarray)
    np.testing.assert_allclose(ours.arrays[name][:], theirs.arrays[name], rtol=2e-4, atol=2e-5)
    old, new = (load_manifest(path).modalities for path in (gathered, windowed))
    assert old == new
    return ours.arrays[name], theirs.arrays[name]


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def film_set(root, films, rows, **modalities):
    "A table of windows of films: name of a file -> frames; rows of the table; modality -> role"
    root.mkdir(parents=True, exist_ok=True)
    for i, (name, frames) in enumerate(films.items()):
        if frames:
            write_video(root / name, film(i % 2, i, 0, frames, 32), rate=10 + 15 * (i % 2), crf=12)
    pd.DataFrame(rows).to_csv(root / "samples.csv", index=False)
    return parse_manifest(
        dict(
            name="films",
            reader="table",
            files={"table": {"path": "samples.csv"}},
            task=dict(kind="classification", target="label", classes=["calm", "pain"]),
            subject="subject",
            sample="sample",
            modalities={name: dict(kind="video", role=role) for name, role in modalities.items()},
        ),
        root,
    )


def window_rows(film, count, length, step=1, first=1, subject=None, name="face"):
    "Windows of a film as rows of a table"
    rows = []
    for i in range(count):
        start = first + step * i
        cells = {name: film, f"{name}_first": start, f"{name}_last": start + length - 1}
        rows.append(dict(sample=f"{film}-{i}", subject=subject or film, label=["calm", "pain"][i % 2], **cells))
    return rows


# the same features


@pytest.mark.parametrize(
    "gaps", ["repeat", pytest.param("black", marks=pytest.mark.slow), pytest.param("close", marks=pytest.mark.slow)]
)
def test_windows_of_affwild2_are_those_computed_one_by_one(tmp_path, monkeypatch, small_blocks, gaps):
    "Faces are missing in pictures 11 and 12; the films are 30 frames long and have windows at both ends"
    root = trees.affwild2(tmp_path / "copy")
    m = load_manifest(f"affwild2_va@{root}")
    ours, theirs = prepared_alike(m, tmp_path, monkeypatch, gaps=gaps, **SMALL)
    assert ours.shape == theirs.shape and ours.shape[1:] == (512, 16)
    index = pd.read_parquet(tmp_path / "windowed" / "index.parquet")
    used = [parse_rows(text, ours.stored) for text in index["video:rows"]]
    assert ours.rows.size == sum(map(len, used)) > 4 * ours.stored
    shards = [path for path in (tmp_path / "windowed" / "shards").iterdir() if path.name.startswith("video")]
    assert len(shards) > 1 and sum(open_shard(path)[0].size for path in shards) < theirs.size / 4


def test_films_without_crops(tmp_path, monkeypatch):
    root = trees.affwild2(tmp_path / "copy", crops=False)
    m = load_manifest(f"affwild2_va@{root}")
    prepared_alike(m, tmp_path, monkeypatch, **SMALL)


def test_a_film_shorter_than_a_window_and_two_rates(tmp_path, monkeypatch, small_blocks):
    "A film of five frames for windows of eight; the other modality has fewer frames, which are shown several times"
    films = {"long.mp4": 30, "slow.mp4": 12, "short.mp4": 5, "slow_short.mp4": 2}
    rows = window_rows("long.mp4", 20, 8, subject="a") + window_rows("short.mp4", 4, 8, subject="b")
    for row in rows:
        is_long = row["face"] == "long.mp4"
        first = 1 + (row["face_first"] - 1) * 2 // 5
        span = (first, first + 2) if is_long else (1, 3)
        row |= dict(heat="slow.mp4" if is_long else "slow_short.mp4", heat_first=span[0], heat_last=span[1])
    m = film_set(tmp_path / "films", films, rows, face="prevalent", heat="privileged")
    how = HOW | dict(encoder="frames_tcn", frames=8, size=16)
    ours, theirs = prepared_alike(m, tmp_path, monkeypatch, "face", **how)
    heat = [read(tmp_path / kind / "manifest.yaml").arrays["heat"] for kind in ("windowed", "gathered")]
    assert isinstance(heat[0], WindowedArray)
    np.testing.assert_allclose(heat[0][:], heat[1], rtol=2e-4, atol=2e-5)
    shown = [len(set(window)) for window in ours.rows]
    assert shown[0] == 8 and shown[20:] == [5, 4, 3, 2]


def test_the_maps_of_a_layer_are_shared_as_well(tmp_path, monkeypatch, small_blocks):
    m = film_set(tmp_path / "films", {"a.mp4": 14}, window_rows("a.mp4", 10, 4), face="prevalent")
    how = HOW | dict(encoder="frames_tcn", frames=4, size=32, finetune="layer4")
    ours, _ = prepared_alike(m, tmp_path, monkeypatch, "face", **how)
    assert ours.shape == (10, 256, 4, 2, 2)


def test_the_same_film_under_two_names_is_stored_once(tmp_path, monkeypatch, small_blocks):
    rows = window_rows("a.mp4", 6, 4, subject="a") + window_rows("b.mp4", 9, 4, first=3, subject="b")
    m = film_set(tmp_path / "films", {"a.mp4": 14, "b.mp4": 0}, rows, face="prevalent")
    shutil.copy(tmp_path / "films" / "a.mp4", tmp_path / "films" / "b.mp4")
    ours, _ = prepared_alike(m, tmp_path, monkeypatch, "face", **HOW | dict(encoder="frames_tcn", frames=4, size=16))
    assert ours.stored == 16  # frames 1 to 14 in blocks of four


@pytest.mark.parametrize("rows", [window_rows("a.mp4", 1, 8), window_rows("a.mp4", 3, 4, step=4)])
def test_windows_that_share_nothing_stay_as_they_were(tmp_path, rows):
    "One window, and windows side by side"
    m = film_set(tmp_path / "films", {"a.mp4": 14}, [row | dict(label="pain") for row in rows], face="prevalent")
    path = prepare(m, out=tmp_path / "set", **HOW | dict(encoder="frames_tcn", frames=4, size=16))
    assert isinstance(read(path).arrays["face"], np.ndarray)
    assert "face:row" in pd.read_parquet(tmp_path / "set" / "index.parquet")


@pytest.mark.parametrize("change", [dict(faces="middle"), dict(views=2), dict(encoder="r3d18")])
def test_recipes_that_see_more_than_a_frame_keep_their_windows(tmp_path, monkeypatch, change):
    "A face is followed through its window, views are drawn from it, and a network of clips sees all of it"
    monkeypatch.setitem(detectors._items, "middle", lambda x: (np.array([[8.0, 8, 24, 24]]), np.array([0.9])))
    m = film_set(tmp_path / "films", {"a.mp4": 14}, window_rows("a.mp4", 10, 4), face="prevalent")
    path = prepare(m, out=tmp_path / "set", **HOW | dict(encoder="frames_tcn", frames=4, size=16) | change)
    assert isinstance(read(path).arrays["face"], np.ndarray)


# computed once


def test_a_frame_is_decoded_and_computed_once(tmp_path, monkeypatch):
    decoded, seen = [], []
    original, network = video._checked_frame, piece_features.run_network

    def counted(r, frames, previous, position):
        decoded.append((r.path.name, int(position)))
        return original(r, frames, previous, position)

    def counted_network(net, x, device):
        seen.append(x.shape[2])
        return network(net, x, device)

    monkeypatch.setattr(video, "_checked_frame", counted)
    monkeypatch.setattr(piece_features, "run_network", counted_network)
    rows = window_rows("a.mp4", 80, 8) + window_rows("b.mp4", 10, 8)
    m = film_set(tmp_path / "films", {"a.mp4": 100, "b.mp4": 20}, rows, face="prevalent")
    prepare(m, out=tmp_path / "set", **HOW | dict(encoder="frames_tcn", frames=8, size=16))
    assert sorted(decoded) == [("a.mp4", i) for i in range(87)] + [("b.mp4", i) for i in range(17)]
    assert sum(seen) == 87 + 17


def test_the_blocks_of_a_film_stay_in_one_shard(tmp_path, small_blocks):
    rows = window_rows("a.mp4", 16, 4) + window_rows("b.mp4", 4, 4) + window_rows("c.mp4", 4, 4)
    m = film_set(tmp_path / "films", {"a.mp4": 20, "b.mp4": 8, "c.mp4": 8}, rows, face="prevalent")
    prepare(m, out=tmp_path / "set", **HOW | dict(encoder="frames_tcn", frames=4, size=16))
    index = pd.read_parquet(tmp_path / "set" / "index.parquet")
    by_film = index.groupby("subject")["face:shard"].unique()
    assert [len(shards) for shards in by_film] == [1, 1, 1] and by_film["a.mp4"] != by_film["b.mp4"]
    sizes = {path.stem: len(open_shard(path)[0]) for path in (tmp_path / "set" / "shards").iterdir()}
    assert sizes[by_film["a.mp4"][0]] == 5  # more than the three blocks after which a shard ends


# faults


def test_a_damaged_frame_is_the_fault_of_its_windows_alone(tmp_path, monkeypatch):
    checked = video._checked_frame

    def damaged(r, frames, previous, position):
        if position == 9:
            raise InputError("frame 10 cannot be decoded")
        return checked(r, frames, previous, position)

    monkeypatch.setattr(video, "_checked_frame", damaged)
    m = film_set(tmp_path / "films", {"a.mp4": 27}, window_rows("a.mp4", 20, 8), face="prevalent")
    how = HOW | dict(encoder="frames_tcn", frames=8, size=16)
    prepared_alike(m, tmp_path, monkeypatch, "face", **how)
    index = pd.read_parquet(tmp_path / "windowed" / "index.parquet")
    lost = index["face:status"].str.contains("frame 10 cannot be decoded").tolist()
    assert lost == [start <= 10 <= start + 7 for start in range(1, 21)]
    samples = read(tmp_path / "windowed" / "manifest.yaml")
    assert samples.presence[:, 0].tolist() == [not one for one in lost]
    assert not samples.arrays["face"][lost].any() and samples.arrays["face"][~np.array(lost)].any()


def test_a_film_that_cannot_be_opened_and_one_that_is_not_there(tmp_path, monkeypatch, small_blocks):
    rows = window_rows("a.mp4", 6, 4) + window_rows("cut.mp4", 6, 4) + window_rows("a.mp4", 2, 4, first=40)
    for i, row in enumerate(rows):
        row["sample"] = f"{i:02d}"
    rows[3]["face"], rows[3]["face_first"], rows[3]["face_last"] = "", None, None
    m = film_set(tmp_path / "films", {"a.mp4": 14, "cut.mp4": 0}, rows, face="prevalent")
    (tmp_path / "films" / "cut.mp4").write_bytes((tmp_path / "films" / "a.mp4").read_bytes()[:700])
    prepared_alike(m, tmp_path, monkeypatch, "face", **HOW | dict(encoder="frames_tcn", frames=4, size=16))
    ours, theirs = (pd.read_parquet(tmp_path / kind / "index.parquet") for kind in ("windowed", "gathered"))
    assert ours["face:status"].tolist() == theirs["face:status"].tolist()
    assert ours["face:status"].eq("ok").sum() == 5 and ours["face:status"][3] == "not recorded"


def test_nothing_that_can_be_opened(tmp_path):
    m = film_set(tmp_path / "films", {"cut.mp4": 0}, window_rows("cut.mp4", 6, 4), face="prevalent")
    (tmp_path / "films" / "cut.mp4").write_bytes(b"no film")
    with pytest.raises(InputError, match="not one of 6 recordings could be prepared; the first: .*cut.mp4"):
        prepare(m, out=tmp_path / "set", **HOW | dict(encoder="frames_tcn", frames=4, size=16))


def test_a_film_of_which_every_window_is_damaged(tmp_path, monkeypatch):
    "A block of which one frame is good serves no window; the refusal names the recording and the frame"
    checked = video._checked_frame

    def damaged(r, frames, previous, position):
        if position >= 1:
            raise InputError(f"{r.path}: frame {position + 1} is damaged")
        return checked(r, frames, previous, position)

    monkeypatch.setattr(video, "_checked_frame", damaged)
    m = film_set(tmp_path / "films", {"bad.mp4": 12}, window_rows("bad.mp4", 9, 4), face="prevalent")
    for _ in range(2):  # and when it is started again
        with pytest.raises(InputError, match="not one of 9 recordings could be prepared; the first: .*bad.mp4: frame"):
            prepare(m, out=tmp_path / "set", **HOW | dict(encoder="frames_tcn", frames=4, size=16))
    assert not (tmp_path / "set" / "manifest.yaml").exists()


# interrupted


def two_films(root):
    rows = window_rows("a.mp4", 16, 4) + window_rows("b.mp4", 12, 4)
    return film_set(root, {"a.mp4": 20, "b.mp4": 16}, rows, face="prevalent")


def test_killed_and_resumed_it_ends_with_the_same_bytes(tmp_path, monkeypatch, small_blocks):
    "After every number of blocks; what was finished is not computed again"
    m = two_films(tmp_path / "films")
    how = HOW | dict(encoder="frames_tcn", frames=4, size=16)
    prepare(m, out=tmp_path / "clean", **how)
    original, saved = piece_workers.save_piece, []

    def interrupted(out, key, *rest):
        original(out, key, *rest)
        saved.append(key)
        if len(saved) % 2 == 0 and len(saved) < 9:
            raise KeyboardInterrupt

    monkeypatch.setattr(piece_workers, "save_piece", interrupted)
    for _ in range(4):
        with pytest.raises(KeyboardInterrupt):
            prepare(m, out=tmp_path / "cut", **how)
        assert not (tmp_path / "cut" / "manifest.yaml").exists()
    prepare(m, out=tmp_path / "cut", **how)
    assert files_of(tmp_path / "cut") == files_of(tmp_path / "clean")
    assert len(saved) == len(set(saved)) == 9
    prepare(m, out=tmp_path / "cut", **how)
    assert len(saved) == 9 and files_of(tmp_path / "cut") == files_of(tmp_path / "clean")


def begin(manifest, out, how):
    import torch

    torch.set_num_threads(1)
    prepare(manifest, out=out, **how)


def test_killed_at_any_moment(tmp_path, small_blocks):
    m = two_films(tmp_path / "films")
    how = HOW | dict(encoder="frames_tcn", frames=4, size=16)
    began = time.time()
    prepare(m, out=tmp_path / "clean", **how)
    took, random = time.time() - began, np.random.default_rng()
    for _ in range(5):
        child = multiprocessing.get_context("fork").Process(target=begin, args=(m, tmp_path / "cut", how))
        child.start()
        time.sleep(random.uniform(0, 0.6 * took))
        os.kill(child.pid, signal.SIGKILL)
        child.join()
    prepare(m, out=tmp_path / "cut", **how)
    assert files_of(tmp_path / "cut") == files_of(tmp_path / "clean")


@pytest.mark.slow
def test_two_workers_make_the_bytes_of_one(tmp_path):
    rows = window_rows("a.mp4", 80, 8) + window_rows("b.mp4", 10, 8)
    m = film_set(tmp_path / "films", {"a.mp4": 100, "b.mp4": 20}, rows, face="prevalent")
    for jobs in (1, 2):
        how = HOW | dict(encoder="frames_tcn", frames=8, size=16, jobs=jobs)
        prepare(m, out=tmp_path / f"set{jobs}", **how)
    assert files_of(tmp_path / "set1") == files_of(tmp_path / "set2")


# used


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    "A set of windows over stored frames of six people, and one with the same numbers as arrays"
    root = tmp_path_factory.mktemp("both")
    rows = []
    for i in range(6):
        of_face = window_rows(f"{i}.mp4", 12, 6, subject=f"s{i}")
        of_heat = window_rows(f"heat{i}.mp4", 12, 6, first=2, name="heat")
        rows += [heat | face for heat, face in zip(of_heat, of_face)]
    films = {f"{kind}{i}.mp4": 18 for kind in ("", "heat") for i in range(6)}
    roles = dict(face="prevalent", heat="privileged")
    m = film_set(root / "films", films, rows, **roles)
    windowed = prepare(m, out=root / "windowed", **HOW | dict(encoder="frames_tcn", frames=6, size=16))
    samples = read(windowed)
    labels = np.array(["calm", "pain"])[samples.target]
    arrays = {name: windows[:] for name, windows in samples.arrays.items()}
    ids = samples.subject, samples.sample
    plain = save_set(root / "plain", "films", arrays, labels, samples.task, *ids, roles=roles)
    return windowed, plain


def test_a_run_is_that_of_the_same_numbers_as_arrays(both, tmp_path):
    tables = []
    for i, manifest in enumerate(both):
        how = dict(methods="student_only,kd,mtpkdot", config=quick(), labelled=30, folds=3, seeds="0", progress=False)
        result = run(manifest, out=tmp_path / str(i), **how)
        tables.append(result.predictions.sort_values(["method", "fold", "sample"])[["calm", "pain"]].to_numpy())
    assert len(tables[0]) > 72
    np.testing.assert_allclose(tables[0], tables[1], atol=1e-4)


def test_a_run_is_resumed_and_refused_for_other_windows(both, tmp_path):
    how = dict(methods="student_only", config=quick(), labelled=12, folds=2, seeds="0", out=tmp_path / "run")
    first = run(both[0], progress=False, **how)
    again = run(both[0], progress=False, resume=True, **how)
    assert again.results["value"].tolist() == first.results["value"].tolist()
    shutil.copytree(both[0].parent, tmp_path / "other")
    index = pd.read_parquet(tmp_path / "other" / "index.parquet")
    index.loc[3, "face:rows"] = index.loc[4, "face:rows"]
    index.to_parquet(tmp_path / "other" / "index.parquet")
    manifest = tmp_path / "other" / "manifest.yaml"
    digests = [file_sha256(folder / "index.parquet") for folder in (both[0].parent, tmp_path / "other")]
    manifest.write_text(manifest.read_text().replace(*digests))
    with pytest.raises(InputError, match="data_sha256"):
        run(manifest, progress=False, resume=True, **how)


def test_a_student_is_fitted_exported_and_predicts(both, tmp_path, monkeypatch):
    "In chunks, of which each gathers its windows"
    windowed, plain = both
    fitted = tmp_path / "fitted"
    fit(manifest=windowed, method="student_only", config=quick(), out=fitted)
    model = tmp_path / "student.onnx"
    export(fitted, model)
    theirs = predict(model, plain)
    monkeypatch.setattr(predictor, "CHUNK", 10)
    ours = predict(model, windowed)
    np.testing.assert_allclose(ours[["calm", "pain"]], theirs[["calm", "pain"]], atol=1e-6)
    assert ours["sample"].tolist() == theirs["sample"].tolist() and len(ours) == 72


def test_checks_and_damaged_files(both, tmp_path):
    c = check(both[0])
    assert c.usable and c.findings == []
    assert check(both[1]).summary.splitlines()[0] == c.summary.splitlines()[0]
    copy = tmp_path / "copy"
    shutil.copytree(both[0].parent, copy)
    shard = min((copy / "shards").iterdir())
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-6] + bytes([whole[-6] ^ 4]) + whole[-5:])
    c = check(copy / "manifest.yaml")
    assert not c.usable
    with pytest.raises(InputError, match="wrong SHA-256|is not what mtpkd data prepare has written"):
        read(copy / "manifest.yaml")


@pytest.mark.parametrize("cell", [None, 5, 1.5, [1], "0-5 0-99", "0-4294967295"])
def test_cells_of_the_rows(both, tmp_path, cell):
    "Other types, other lengths, rows that are not there"
    copy = tmp_path / "copy"
    shutil.copytree(both[0].parent, copy)
    digest = file_sha256(copy / "index.parquet")
    index = pd.read_parquet(copy / "index.parquet")
    index.assign(**{"face:rows": [cell] * len(index)}).to_parquet(copy / "index.parquet", index=False)
    manifest = copy / "manifest.yaml"
    manifest.write_text(manifest.read_text().replace(digest, file_sha256(copy / "index.parquet")))
    with pytest.raises(InputError) as error:
        read(manifest)
    assert "\n" not in str(error.value) and "/copy/" in str(error.value)  # one line that names the file


def test_blocks_of_a_film_are_decoded_in_one_pass(tmp_path, monkeypatch):
    "What the blocks of a film see is what each of them sees by itself, and no frame is decoded for a second block"
    from mtpkd.features.encoder_choice import PrepareConfig
    from mtpkd.features.pieces import Piece
    from mtpkd.features.recipes import make_recipe

    path = write_video(tmp_path / "film.mp4", film(0, 0, 0, 60, 32), rate=25, crf=12)
    recipe = make_recipe(
        PrepareConfig(encoder="frames_tcn", weights="random", faces="whole", size=16), "video", "video"
    )
    parts = [np.arange(0, 20), np.array([-1, 20, 22, 25]), np.arange(30, 60, 3)]
    group = [(recipe, f"{i:032d}", Piece(path, sha="film", frames=part)) for i, part in enumerate(parts)]
    opened, open_media = [], video.open_media
    monkeypatch.setattr(video, "open_media", lambda path: opened.append(path) or open_media(path))
    video.open_recording(path)
    counted = len(opened)
    assert list(piece_workers._do_group(group, tmp_path / "together", "cpu")) == ["", "", ""]
    assert len(opened) - counted == 1
    for entry in group:
        assert list(piece_workers._do_group([entry], tmp_path / "alone", "cpu")) == [""]
        one, other = (piece_workers.load_piece(tmp_path / name, entry[1]) for name in ("together", "alone"))
        np.testing.assert_array_equal(one[0], other[0])
    assert len(opened) - counted == 4
