"""Arrays of an .npz that are unpacked once and mapped: the samples are those that are read into memory."""

import subprocess
import sys
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest

from mtpkd.cli.main import main
from mtpkd.core.config import to_yaml
from mtpkd.core.errors import InputError
from mtpkd.data import npz_files, unpacked_arrays
from mtpkd.data.manifest import parse_manifest
from mtpkd.data.reading import read
from mtpkd.data.samples import fit_normaliser
from mtpkd.data.steps_as_rows import observed_steps
from mtpkd.data.unpacked_arrays import row_chunks, stored_numbers, unpacked_rows
from mtpkd.data.windowed_array import WindowedArray

N = 90
TASK = dict(kind="classification", target="label", classes=["calm", "stress"])
SHAPES = dict(face=(5,), ecg=(2, 30), words=(6, 3))
KINDS = dict(face="features", ecg="signal", words="sequence")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MTPKD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "unpacked"


def arrays_of(random):
    arrays = {name: random.normal(3, 2, (N, *shape)) for name, shape in SHAPES.items()}
    arrays["ecg"][[4, 40]] = np.nan
    arrays["words"][7] = np.nan
    return arrays


def write(folder, arrays, task=TASK, kinds=KINDS, save=np.savez, **parts):
    "A set in one .npz; its manifest"
    entries = {name: dict(kind=kinds[name], role="prevalent", shape=list(x.shape[1:])) for name, x in arrays.items()}
    target = np.array(["calm", "stress"] * (N // 2)) if "label" not in parts else parts.pop("label")
    folder.mkdir(exist_ok=True)
    save(folder / "arrays.npz", label=target, subject=np.arange(N) // 9, **arrays, **parts)
    values = dict(name="big", files=dict(arrays=dict(path="arrays.npz")), task=task, modalities=entries)
    (folder / "manifest.yaml").write_text(to_yaml(values | dict(subject="subject")))
    return folder / "manifest.yaml"


def mapped(manifest, **options):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(npz_files, "MAPPED_BYTES", 0)
        return read(manifest, **options)


def same_samples(one, other):
    assert one.modalities == other.modalities and np.array_equal(one.presence, other.presence)
    assert np.array_equal(one.sample, other.sample) and np.array_equal(one.subject, other.subject)
    for name in one.modalities:
        np.testing.assert_array_equal(np.asarray(one.arrays[name]), other.arrays[name][:])
    np.testing.assert_array_equal(one.target, other.target)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
def test_samples_are_those_in_memory(tmp_path, save, order):
    arrays = {name: np.array(x, order=order) for name, x in arrays_of(np.random.default_rng(0)).items()}
    manifest = write(tmp_path / "set", arrays, save=save)
    held, found = read(manifest), mapped(manifest)
    assert all(isinstance(x, WindowedArray) for x in found.arrays.values())
    assert not any(isinstance(x, WindowedArray) for x in held.arrays.values())
    same_samples(held, found)
    rows = np.random.default_rng(1).permutation(N)[:60]
    one, other = fit_normaliser(held, rows), fit_normaliser(found, rows)
    for name in SHAPES:
        np.testing.assert_allclose(one.mean[name], other.mean[name], rtol=1e-5)
        np.testing.assert_allclose(one.scale[name], other.scale[name], rtol=1e-5)


@pytest.mark.parametrize("kind", ["f2", ">f4", "f8", ">i2", "u1", "?", "i8"])
def test_every_type_of_numbers_is_the_same(tmp_path, kind):
    x = np.random.default_rng(0).integers(0, 2 if kind == "?" else 100, (N, 4)).astype(kind)
    manifest = write(tmp_path / "set", dict(face=x))
    same_samples(read(manifest), mapped(manifest))


def test_targets_per_step_and_gaps(tmp_path):
    "Whole steps may be missing; a step that lacks a channel is refused in both forms"
    random = np.random.default_rng(0)
    arrays = dict(words=random.normal(size=(N, 6, 3)), ecg=random.normal(size=(N, 6, 2)))
    for name in arrays:
        arrays[name][random.random((N, 6)) < 0.3] = np.nan
        arrays[name][random.integers(0, N, 5)] = np.nan
    task = dict(kind="regression", target="label", names=["valence"], per="step")
    kinds = dict(words="sequence", ecg="sequence")
    manifest = write(tmp_path / "set", arrays, task, kinds, label=random.normal(size=(N, 6)))
    held, found = read(manifest), mapped(manifest)
    assert np.array_equal(held.presence, found.presence) and np.array_equal(observed_steps(held), observed_steps(found))
    one, other = fit_normaliser(held, np.arange(50)), fit_normaliser(found, np.arange(50))
    for i, name in enumerate(arrays):
        there = held.presence[:, i]
        np.testing.assert_array_equal(held.arrays[name][there], found.arrays[name][there])
        np.testing.assert_allclose(one.mean[name], other.mean[name], rtol=1e-4)
        np.testing.assert_allclose(one.scale[name], other.scale[name], rtol=1e-4)
    arrays["ecg"][3] = 1.0
    arrays["ecg"][3, 2, 0] = np.nan
    manifest = write(tmp_path / "other", arrays, task, kinds, label=random.normal(size=(N, 6)))
    for reading in (read, mapped):
        with pytest.raises(InputError, match="sample 000003 is NaN in 1 of 2 values of step 3"):
            reading(manifest)


@pytest.mark.parametrize(
    "damage, words",
    [
        (lambda x: x.__setitem__((3, 1), np.nan), "sample 000003 is NaN in"),
        (lambda x: x.__setitem__((3, 1), np.inf), "sample 000003 holds an infinite value"),
        (lambda x: x.__setitem__((3, 1), 1e300), "sample 000003 holds an infinite value"),
    ],
)
def test_what_memory_refuses_is_refused(tmp_path, damage, words):
    x = np.random.default_rng(0).normal(size=(N, 4))
    damage(x)
    manifest = write(tmp_path / "set", dict(face=x))
    for reading in (read, mapped):
        with pytest.raises(InputError, match=words):
            reading(manifest)


def test_numbers_that_float32_does_not_hold_are_doubted_each_time(tmp_path):
    manifest = write(tmp_path / "set", dict(face=1e9 + np.random.default_rng(0).normal(size=(N, 4))))
    for reading in (read, mapped, mapped):
        with pytest.warns(UserWarning, match=r"modality face: \d+% of the spread of a value is lost"):
            reading(manifest)


def lines_of(reading):
    "The message of an error"
    with pytest.raises(InputError) as caught:
        reading()
    return str(caught.value)


def test_damage_and_objects_are_refused_in_the_same_words(tmp_path, cache):
    x = np.random.default_rng(0).normal(size=(N, 40))
    manifest = write(tmp_path / "set", dict(face=x), kinds=dict(face="features"))
    path = manifest.parent / "arrays.npz"
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("face.npy").header_offset + 5000
    data = bytearray(path.read_bytes())
    data[place] ^= 4
    path.write_bytes(data)
    assert lines_of(lambda: read(manifest)) == lines_of(lambda: mapped(manifest))
    assert not list(cache.rglob("*.npy")) and not list(cache.rglob("*.tmp"))
    parts = dict(label=np.array(["calm", "stress"] * (N // 2)), subject=np.arange(N))
    for face in (np.array([[{}, 1]] * N, object), np.full((N, 2), "one"), np.ones((N, 2), complex), np.float64(3)):
        np.savez(path, face=face, **parts)
        assert lines_of(lambda: read(manifest)) == lines_of(lambda: mapped(manifest))
    with zipfile.ZipFile(path, "w") as archive:  # a header that stands for more than there is
        with archive.open("face.npy", "w") as f:
            np.lib.format.write_array_header_1_0(f, dict(descr="<f8", fortran_order=False, shape=(N, 10**9)))
            f.write(b"0" * 800)
    assert lines_of(lambda: mapped(manifest)) == lines_of(lambda: read(manifest))


def test_an_input_transform_sees_the_array_itself(tmp_path):
    manifest = write(tmp_path / "set", arrays_of(np.random.default_rng(0)))
    text = manifest.read_text().replace("kind: signal", "kind: signal\n    rate_hz: 10.0\n    input: window_statistics")
    manifest.write_text(text)
    found = mapped(manifest)
    assert isinstance(found.arrays["face"], WindowedArray) and isinstance(found.arrays["ecg"], np.ndarray)
    held = read(manifest)
    same_samples(held, found)


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_array_is_never_held(tmp_path, monkeypatch, order):
    "Memory for some parts of it, whatever its length"
    monkeypatch.setattr(unpacked_arrays, "CHUNK_BYTES", 2**19)
    x = np.array(np.random.default_rng(0).normal(size=(100_000, 40)).astype("float32"), order=order)
    np.savez_compressed(tmp_path / "set.npz", x=x)
    with zipfile.ZipFile(tmp_path / "set.npz") as archive:
        tracemalloc.start()
        rows, _ = unpacked_rows(archive, tmp_path / "set.npz", stored_numbers(archive, "x"))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert most < 4 * 2**20 < x.nbytes / 2 and np.array_equal(rows, x)


def test_archives_beyond_four_gigabytes_are_read(tmp_path):
    "Zip64 entries, as numpy writes them for arrays of any size, and none"
    x = np.random.default_rng(0).normal(size=(N, 4))
    for large in (True, False):
        with zipfile.ZipFile(tmp_path / "set.npz", "w") as archive:
            with archive.open("x.npy", "w", force_zip64=large) as f:
                np.lib.format.write_array(f, x)
        with zipfile.ZipFile(tmp_path / "set.npz") as archive:
            parts = [*row_chunks(archive, stored_numbers(archive, "x"), "set.npz", tmp_path, most=100)]
        assert np.array_equal(np.concatenate(parts), x) and len(parts) == N // 3


def test_it_is_unpacked_once_and_again_where_it_has_changed(tmp_path, cache, capfd):
    arrays = arrays_of(np.random.default_rng(0))
    manifest = write(tmp_path / "set", arrays)
    mapped(manifest)
    first = sorted(cache.rglob("*.npy"))
    assert len(first) == 3 and len(capfd.readouterr().err.splitlines()) == 3
    same_samples(read(manifest), mapped(manifest))
    assert sorted(cache.rglob("*.npy")) == first and capfd.readouterr().err == ""
    arrays["face"] += 1
    write(tmp_path / "set", arrays)
    same_samples(read(manifest), mapped(manifest))
    assert len([*cache.rglob("*.npy")]) == 3 and not {*cache.rglob("*.npy")} & {*first}


@pytest.mark.parametrize("damage", ["cut", "bit", "no facts", "facts"])
def test_a_damaged_copy_is_made_again(tmp_path, cache, damage):
    manifest = write(tmp_path / "set", dict(face=np.random.default_rng(0).normal(size=(N, 4))))
    mapped(manifest)
    (copy,) = cache.rglob("*.npy")
    whole = copy.read_bytes()
    if damage in ("cut", "bit"):
        copy.write_bytes(whole[:-4] if damage == "cut" else whole[:-4] + bytes([whole[-4] ^ 1]) + whole[-3:])
    elif damage == "facts":
        copy.with_suffix(".json").write_text("[1")
    else:
        copy.with_suffix(".json").unlink()
    same_samples(read(manifest), mapped(manifest))
    assert copy.read_bytes() == whole


def test_a_folder_that_cannot_be_written_costs_memory_and_one_line(tmp_path, cache, monkeypatch, capfd):
    manifest = write(tmp_path / "set", dict(face=np.random.default_rng(0).normal(size=(N, 4))))
    (tmp_path / "cache").write_text("a file")
    found = mapped(manifest)
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 1 and "cannot be unpacked for mapping (" in said[0] and "set MTPKD_CACHE to" in said[0]
    assert isinstance(found.arrays["face"], np.ndarray)
    same_samples(read(manifest), found)
    monkeypatch.setattr(unpacked_arrays, "memory_bytes", lambda: 1000)
    with pytest.raises(InputError, match="does not fit into memory; set MTPKD_CACHE to a folder with room for it"):
        mapped(manifest)


def test_a_disk_without_room_is_one_line(tmp_path, monkeypatch, capfd, cache):
    manifest = write(tmp_path / "set", dict(face=np.random.default_rng(0).normal(size=(N, 4))))
    usage = unpacked_arrays.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(unpacked_arrays.shutil, "disk_usage", lambda path: usage._replace(free=1000))
    monkeypatch.setattr(npz_files, "MAPPED_BYTES", 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert main(["data", "check", str(manifest)]) == 0
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 1 and "has 1e-06 GB left" in said[0] and "is read into memory" in said[0]
    assert not [*cache.rglob("*.npy")]


READER = """
import sys
from mtpkd.data import npz_files
from mtpkd.data.reading import read
from mtpkd.experiments.resume import _data_sha256
npz_files.MAPPED_BYTES = 0
print(_data_sha256(read(sys.argv[1])))
"""


def test_processes_that_ask_at_once_unpack_once(tmp_path, cache):
    manifest = write(tmp_path / "set", dict(face=np.random.default_rng(0).normal(size=(N, 4))))
    command = [sys.executable, "-c", READER, str(manifest)]
    asked = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [process.communicate(timeout=120) for process in asked]
    assert [process.returncode for process in asked] == [0, 0]
    assert len({digest for digest, _ in answers}) == 1 and len(answers[0][0].strip()) == 64
    assert sum(said.count("is unpacked to") for _, said in answers) == 1 and len([*cache.rglob("*.npy")]) == 1
