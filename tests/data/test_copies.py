"Recordings that are there twice: the check names them, and nothing else, and reads no more than the ends of large files."

import shutil
import numpy as np, pytest
import corpus_trees as trees
from mtpkd.data import copies
from mtpkd.data.check import check, check_text
from mtpkd.data.copies import END_BYTES, same_files, same_rows


@pytest.fixture(scope="module")
def acted(tmp_path_factory):
    return trees.crema_d(tmp_path_factory.mktemp("acted"))


def doubts(name, root):
    c = check(name, root)
    assert c.usable, check_text(c)
    return [(f.level, f.path, f.found) for f in c.findings]


@pytest.mark.parametrize("folder, suffix", [("VideoFlash", "flv"), ("AudioWAV", "wav")])
def test_a_recording_over_another_is_named_with_it(acted, tmp_path, folder, suffix):
    root = shutil.copytree(acted, tmp_path / "copy")
    first, second = (f"{folder}/{actor}_IEO_HAP_LO.{suffix}" for actor in (1001, 1003))
    shutil.copy(root / first, root / second)
    (found,) = doubts("crema_d", root)
    assert found == ("suspect", second, f"the same bytes as {first}")


def test_two_silent_recordings_are_silent_and_no_more(acted, tmp_path):
    root = shutil.copytree(acted, tmp_path / "copy")
    for actor in (1001, 1003):
        trees.write_wav(root / "AudioWAV" / f"{actor}_IEO_HAP_LO.wav", np.zeros(8000), 16000)
    assert {found for _, _, found in doubts("crema_d", root)} == {"silence throughout"}


def test_signals_of_another_clip_are_named(tmp_path):
    root = trees.biovid(tmp_path, subjects=trees.SUBJECTS[:2], levels=["BL1", "PA4"], emg=False)
    signals = root / "biosignals_filtered"
    source, other = (signals / who / f"{who}-PA4-001_bio.csv" for who in trees.SUBJECTS[:2])
    shutil.copy(source, other)
    (found,) = [f for f in check("biovid_a+bl1_pa4", root).findings if f.level == "suspect"]
    assert found.where == "modality eda" and "in 1 of 4" in found.found
    assert f"{trees.SUBJECTS[1]}-PA4-001, as in {trees.SUBJECTS[0]}-PA4-001" in found.found


def test_a_band_worn_by_two(tmp_path):
    "The file of a sensor, whose first row was corrected"
    root = trees.stress_predict(tmp_path)
    source, other = (root / "Raw_data" / who / "BVP.csv" for who in ("S02", "S05"))
    other.write_text("\n".join([*other.read_text().splitlines()[:2], *source.read_text().splitlines()[2:]]))
    found = [f for f in check("stress_predict", root).findings]
    assert len(found) == 1 and found[0].where == "modality bvp" and "S05" in found[0].found


def test_folders_of_faces(tmp_path):
    root = trees.affwild2(tmp_path, frames=12)
    faces = root / "cropped_aligned"
    shutil.rmtree(faces / "video9")
    shutil.copytree(faces / "video7", faces / "video9")
    (found,) = doubts("affwild2_va", root)
    assert found[1] == "cropped_aligned/video9" and found[2].endswith("as cropped_aligned/video7")


def test_no_more_than_the_ends_are_read(tmp_path, monkeypatch):
    "Files of a gigabyte, almost all of it holes; of files of other sizes nothing is read"
    opened = []
    monkeypatch.setattr(
        copies, "_sample", lambda path, most=END_BYTES, read=copies._sample: opened.append(path) or read(path)
    )
    for name, size in (("a", 2**30), ("b", 2**30), ("c", 2**30 + 1), ("d", 5)):
        with open(tmp_path / name, "wb") as file:
            file.truncate(size)
    (found,) = same_files(sorted(tmp_path.iterdir()))
    assert found.alike == "the same size, beginning and end" and {path.name for path in opened} == {"a", "b"}
    with open(tmp_path / "b", "r+b") as file:
        file.seek(-1, 2)
        file.write(b"x")
    assert same_files(sorted(tmp_path.iterdir())) == []


@pytest.mark.parametrize("seed", range(3))
def test_same_rows_are_those_that_are_equal(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(30, 2, 40)).astype("float32")
    source = rng.integers(0, 30, 8)
    x[rng.integers(0, 30, 8)] = x[source]
    present = rng.random(30) < 0.8
    rows = np.flatnonzero(present)
    expected = [i for k, i in enumerate(rows) if any((x[i] == x[j]).all() for j in rows[:k])]
    found = same_rows(x, present)
    assert [i for i, _ in found] == expected and all((x[i] == x[j]).all() and j < i for i, j in found)


def test_signals_at_rest_agree_by_chance():
    "A temperature that keeps one value, and one with a single step"
    x = np.full((4, 1, 120), 33.41)
    x[2:, :, 60:] = 33.43
    assert same_rows(x, np.ones(4, bool)) == []
