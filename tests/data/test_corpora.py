"Trees of every data set that mtpkd reads: the check finds nothing in the intact one and names path, row or frame and the mend of every fault."

import json, os, re, shutil, subprocess, sys
import numpy as np, pandas as pd, pytest
import corpus_trees as trees
from mtpkd.data.check import check, check_text
from mtpkd.core.errors import InputError
from mtpkd.data.reading import read


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    "Intact trees by name, built once"
    made = {}

    def plant(name, build, **how):
        if name not in made:
            made[name] = build(tmp_path_factory.mktemp(name.replace("+", "_")), **how)
        return made[name]

    return plant


def broken(tree, folder, fault):
    "A copy of `tree` with `fault` done to it"
    root = folder / "copy"
    shutil.copytree(tree, root, symlinks=True)
    fault(root)
    return root


def has(found, *words):
    "Whether a finding holds all of the words, in its path, place or text"
    return any(all(w in str(f) for w in words) for f in found)


def cut(path, keep=0.6):
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])


def empty(path):
    path.write_bytes(b"")


def edit(path, old, new, count=1):
    text = path.read_text()
    assert old in text, (path, old)
    path.write_text(text.replace(old, new, count))


def spoil_bytes(path, old, new):
    "One occurrence of `old` becomes bytes that are no UTF-8"
    content = path.read_bytes()
    assert old in content, (path, old)
    path.write_bytes(content.replace(old, new, 1))


def rename_to_latin_1(path):
    "A name whose bytes are no UTF-8, in the same folder"
    os.rename(os.fsencode(path), os.fsencode(path.parent) + b"/\xe9" + os.fsencode(path.suffix))


def row(path, n, new):
    lines = path.read_text().splitlines()
    lines[n - 1] = new if isinstance(new, str) else new(lines[n - 1])
    path.write_text("\n".join(lines) + "\n")


def keep_rows(path, is_kept):
    lines = path.read_text().splitlines()
    path.write_text("\n".join(filter(is_kept, lines)))


def dangling(path):
    "A link to a file that is gone, as a sync of large files leaves it"
    path.unlink()
    path.symlink_to("gone")


def in_a_circle(path):
    "In place of a file, a link to itself"
    path.unlink()
    path.symlink_to(path.name)


def as_folder(path):
    "In place of a file, a folder that is called as it was"
    path.unlink()
    (path / "more").mkdir(parents=True)


def unreadable(path):
    "A folder that cannot be listed, for root neither"
    shutil.rmtree(path)
    path.symlink_to(path.name)


def fails(name, root, names=None, files=True):
    with pytest.raises(InputError) as e:
        read(f"{name}@{root}", names, files=files)
    assert "\n" not in str(e.value)
    return str(e.value)


def expect(name, tree, tmp_path, case):
    "Break a copy: the check names the place and the mend, and says whether the set can be used; reading agrees"
    fault, words, level = case
    root = broken(tree, tmp_path, fault)
    c = check(name, root)
    assert has(c.findings, *words), "\n".join(map(str, c.findings))
    assert all(f.mend and f.path and f.expected for f in c.findings)
    assert c.usable == (level != "unusable")
    if level == "unusable":
        fails(name, root)
    return c


# BioVid

SHORT = dict(subjects=trees.SUBJECTS[:2], levels=["BL1", "PA4"])
A, B = trees.SUBJECTS[:2]


def bio(r, who=A, level="BL1", k=1):
    return r / "biosignals_filtered" / who / f"{who}-{level}-{k:03d}_bio.csv"


def clip(r, who=A, level="BL1", k=1):
    return r / "video" / who / f"{who}-{level}-{k:03d}.mp4"


def index(r):
    return r / "starting_point" / "samples.csv"


def test_biovid_intact(planted):
    root = planted("biovid", trees.biovid, **SHORT)
    for name in ("biovid_a", "biovid_b", "biovid_a+bl1_pa4", "biovid_b+seconds_2_to_5"):
        c = check(name, root, every=name == "biovid_a")
        assert c.findings == [] and c.usable, check_text(c)
    s = read(f"biovid_b+seconds_2_to_5@{root}", inputs=False, files=True)
    assert s.arrays["emg_corrugator"].shape == (4, 1, 1536) and s.presence.all() and s.target.tolist() == [0, 4, 0, 4]
    assert s.arrays["video"]["first"].tolist() == [51] * 4 and all(
        (root / p).is_file() for p in s.arrays["video"]["path"]
    )
    level = s.arrays["emg_corrugator"].std(-1)[:, 0]
    assert (level[[1, 3]] > 3 * level[[0, 2]]).all()  # the recordings are those of their labels


BIOVID = {
    "truncated mp4": (
        lambda r: cut(clip(r)),
        [f"{A}-BL1-001.mp4", "frame", "ends early", "copy the file again"],
        "lost",
    ),
    "headless mp4": (
        lambda r: clip(r).write_bytes(clip(r).read_bytes()[:40]),
        [f"{A}-BL1-001.mp4", "does not open as video", "copy"],
        "lost",
    ),
    "zero-byte mp4": (lambda r: empty(clip(r)), [f"{A}-BL1-001.mp4", "0 bytes", "copy the file again"], "lost"),
    "link to nothing": (lambda r: dangling(clip(r)), [f"{A}-BL1-001.mp4", "is missing", "copy the file again"], "lost"),
    "short mp4": (
        lambda r: trees.write_video(clip(r), [trees.picture(0)] * 100),
        [f"{A}-BL1-001.mp4, frame 101", "137 to 138 frames", "copy"],
        "lost",
    ),
    "wrong frame rate": (
        lambda r: trees.write_video(clip(r), [trees.picture(0)] * 138, fps=30),
        [f"{A}-BL1-001.mp4", "25 frames a second, found 30", "convert"],
        "lost",
    ),
    "missing mp4": (lambda r: clip(r).unlink(), [f"{A}-BL1-001.mp4", "is missing", "copy it again"], "lost"),
    "misnamed mp4": (
        lambda r: clip(r).rename(clip(r).with_name(f"{A}-BL1_001.mp4")),
        [f"{A}-BL1_001.mp4", "no row names it", f"did you mean {A}-BL1-001.mp4?"],
        "lost",
    ),
    "latin-1 file name": (
        lambda r: os.rename(os.fsencode(clip(r)), os.fsencode(clip(r).parent) + b"/m\xfcde.mp4"),
        [r"m\xfcde.mp4", "no row names it", "rename"],
        "lost",
    ),
    "missing column in one file": (
        lambda r: row(bio(r), 1, "time\tgrs\tecg"),
        [f"{A}-BL1-001_bio.csv, row 1", "column gsr", "did you mean grs?"],
        "lost",
    ),
    "wrong rate": (
        lambda r: trees.np.savetxt(
            bio(r), np.c_[np.arange(2816) * 1000, np.ones((2816, 2))], "%g", "\t", header="time\tgsr\tecg", comments=""
        ),
        [f"{A}-BL1-001_bio.csv, column time", "512 Hz, found 1000 Hz", "original file"],
        "lost",
    ),
    "short signal": (
        lambda r: bio(r).write_text("\n".join(bio(r).read_text().splitlines()[:2001])),
        [f"{A}-BL1-001_bio.csv, row 2002", "2816 rows", "export"],
        "lost",
    ),
    "no number": (
        lambda r: row(bio(r), 7, lambda l: l.replace("\t", "\t#", 1)),
        [f"{A}-BL1-001_bio.csv, row 7, column gsr", "a number", "export"],
        "lost",
    ),
    "zero-byte signal": (lambda r: empty(bio(r)), [f"{A}-BL1-001_bio.csv", "0 bytes", "copy or export"], "lost"),
    "clock goes back": (
        lambda r: row(bio(r), 30, lambda l: "0" + l[l.index("\t") :]),
        [f"{A}-BL1-001_bio.csv, row 30, column time", "time that goes on"],
        "lost",
    ),
    "duplicate sample": (
        lambda r: index(r).write_text(index(r).read_text() + index(r).read_text().splitlines()[1] + "\n"),
        ["samples.csv, row 6", f"{A}-BL1-001 again, as in row 2", "remove"],
        "unusable",
    ),
    "class against name": (
        lambda r: edit(index(r), "4\tPA4", "3\tPA3"),
        ["samples.csv, row 3", f"PA4 of {A}", "correct the row"],
        "unusable",
    ),
    "index without a column": (
        lambda r: edit(index(r), "class_id", "class"),
        ["samples.csv, row 1", "column class_id", "did you mean class"],
        "unusable",
    ),
    "index with commas": (
        lambda r: index(r).write_text(index(r).read_text().replace("\t", ",")),
        ["samples.csv, row 1", "separator should be a tab"],
        "unusable",
    ),
    "index in latin-1": (
        lambda r: spoil_bytes(index(r), b"071313", b"07131\xfc"),
        ["samples.csv, row 4", "0xfc", "save it as UTF-8"],
        "unusable",
    ),
    "row too short": (
        lambda r: row(index(r), 3, f"1\t{A}\t4"),
        ["samples.csv, row 3", "6 cells, found 3", "complete or remove"],
        "lost",
    ),
    "bad name": (
        lambda r: row(index(r), 3, lambda l: l.replace("-PA4-", "-PX4-")),
        ["samples.csv, row 3", "PX4", "correct the name"],
        "lost",
    ),
    "empty subject": (
        lambda r: [p.unlink() for p in (r / "video" / B).iterdir()],
        [f"video/{B}", "2 clips, found none", "leave the subject out"],
        "lost",
    ),
    "unreadable folder": (
        lambda r: unreadable(r / "video" / B),
        [f"video/{B}", "can be listed", "permissions"],
        "lost",
    ),
    "unknown subject": (
        lambda r: (r / "video" / A).rename(r / "video" / "071309_w_12"),
        ["video/071309_w_12", "a subject of the index", f"did you mean {A}?"],
        "lost",
    ),
}


@pytest.mark.parametrize("fault", BIOVID)
def test_biovid_broken(planted, tmp_path, fault):
    c = expect("biovid_a", planted("biovid", trees.biovid, **SHORT), tmp_path, BIOVID[fault])
    _, words, level = BIOVID[fault]
    if level == "lost" and "found none" not in words:
        assert 1 <= len(c.findings) <= 3  # one fault, not an avalanche


def test_part_a_has_no_facial_emg(planted, tmp_path):
    root = planted("part_a", trees.biovid, subjects=[A], levels=["BL1", "PA4"], emg=False)
    assert check("biovid_a", root).findings == []
    found = check("biovid_b", root).findings
    assert len(found) == 1 and has(found, "column emg_corrugator", "as in every file", "leave the modality out")


def test_what_is_lost_is_missing(planted, tmp_path):
    "Reading leaves out what the check names, and says so"
    root = broken(
        planted("biovid", trees.biovid, **SHORT), tmp_path, lambda r: (clip(r).unlink(), empty(bio(r, B, "PA4")))
    )
    with pytest.warns(UserWarning, match="2 faults, left out"):
        s = read(f"biovid_a@{root}", files=True)
    assert s.presence.tolist() == [[False, True], [True, True], [True, True], [True, False]]


# frame folders of the released code


def test_frame_folders_intact(planted):
    root = planted("frames", trees.biovid_frames, **SHORT, last=12)
    c = check("biovid_b+bl1_pa4", root, every=True)
    assert c.findings == [], check_text(c)
    s = read(f"biovid_b+bl1_pa4@{root}", files=True)
    assert s.arrays["video"][0].tolist() == (f"BL1/{A}-BL1-001", 1, 12, 1) and s.target.tolist() == [0, 1, 0, 1]


def img(r, i, who=A, level="BL1"):
    return r / level / f"{who}-{level}-001" / f"img_{i:05d}.jpg"


FRAMES = {
    "zero-byte jpg": (lambda r: empty(img(r, 5)), ["img_00005.jpg, frame 5", "0 bytes", "extract"], "lost"),
    "truncated jpg": (lambda r: cut(img(r, 7)), ["img_00007.jpg, frame 7", "cut off", "extract"], "lost"),
    "no jpg": (lambda r: img(r, 7).write_text("x" * 100), ["img_00007.jpg, frame 7", "no JPEG", "extract"], "lost"),
    "frame gap": (
        lambda r: img(r, 6).unlink(),
        [f"BL1/{A}-BL1-001, frame 6", "pictures 1 to 12, found 1 fewer", "extract"],
        "lost",
    ),
    "another size": (
        lambda r: trees.write_picture(img(r, 9), trees.picture(0, 32, 32)),
        [f"BL1/{A}-BL1-001, frame 9", "one size", "48 x 64"],
        "lost",
    ),
    "no folder": (
        lambda r: shutil.rmtree(r / "BL1" / f"{A}-BL1-001"),
        [f"BL1/{A}-BL1-001", "no folder with pictures", "extract"],
        "lost",
    ),
    "unreadable folder": (
        lambda r: unreadable(r / "BL1" / f"{A}-BL1-001"),
        [f"BL1/{A}-BL1-001", "can be listed", "permissions"],
        "lost",
    ),
    "duplicate row": (
        lambda r: (r / "train.txt").write_text((r / "train.txt").read_text() * 2),
        ["train.txt, row 3", "again, as in row 1", "remove"],
        "unusable",
    ),
    "folder against name": (
        lambda r: edit(r / "train.txt", f"BL1/{A}", f"PA4/{A}"),
        ["train.txt, row 1", "BL1, as the name", "correct the row"],
        "unusable",
    ),
    "labels that contradict": (
        lambda r: edit(r / "test.txt", "12 0", "12 1"),
        ["row 2", "PA4, as the name", "which is BL1 elsewhere", "correct the row"],
        "unusable",
    ),
    "broken row": (
        lambda r: edit(r / "test.txt", " 1 12 0", " 1 12"),
        ["test.txt, row 1", "class/sample first last label", "correct or remove"],
        "lost",
    ),
    "no signal": (
        lambda r: (r / "physio" / "BL1" / f"{A}-BL1-001_bio.csv").unlink(),
        [f"physio/BL1/{A}-BL1-001_bio.csv", "is missing", "copy"],
        "lost",
    ),
    "no lists": (
        lambda r: [(r / n).unlink() for n in ("train.txt", "test.txt")],
        ["lists of frame folders", "neither", "give the folder"],
        "unusable",
    ),
}


@pytest.mark.parametrize("fault", FRAMES)
def test_frame_folders_broken(planted, tmp_path, fault):
    expect("biovid_b+bl1_pa4", planted("frames", trees.biovid_frames, **SHORT, last=12), tmp_path, FRAMES[fault])


# the command


def test_the_command(planted, tmp_path):
    "Exit codes, the table as CSV, and names in other encodings on a terminal that has ASCII only"
    root = broken(planted("biovid", trees.biovid, **SHORT), tmp_path, BIOVID["latin-1 file name"][0])
    go = lambda *words: subprocess.run(
        [sys.executable, "-c", "import sys; from mtpkd.cli.main import main; sys.exit(main())", *words],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )
    done = go("data", "check", "biovid_a", "--root", str(root), "--csv", str(tmp_path / "found.csv"))
    assert done.returncode == 0 and r"m\xfcde.mp4" in done.stdout, done.stderr
    table = pd.read_csv(tmp_path / "found.csv")
    assert (
        list(table.columns) == ["level", "path", "where", "expected", "found", "mend"]
        and (table["level"] == "lost").sum() == 2
    )
    index(root).unlink()
    done = go("data", "check", f"biovid_a@{root}")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "not usable" in done.stderr


@pytest.mark.parametrize(
    "name, words",
    [
        ("biovid_a+bl1_pa5@{}", "unknown variant 'bl1_pa5'; did you mean bl1_pa4"),
        ("biovid_a@{}/nowhere", "no such folder"),
        ("biovid_a@{}", "neither"),
    ],
)
def test_addresses(tmp_path, name, words):
    assert words in fails(name.rpartition("@")[0], name.format(tmp_path).partition("@")[2])


# Aff-Wild2

L, V7, V9 = "10-60-1280x720_left", "video7", "video9"


def txt(r, name=V7, part="Train_Set"):
    return r / "5th ABAW Annotations" / "VA_Estimation_Challenge" / part / f"{name}.txt"


def face(r, i, name=V7):
    return r / "cropped_aligned" / name / f"{i:05d}.jpg"


def test_affwild2_intact(planted):
    root = planted("affwild2", trees.affwild2)
    for name in ("affwild2_va", "affwild2_va+per_frame"):
        c = check(name, root, every=True)
        assert c.findings == [], check_text(c)
    s = read(f"affwild2_va+per_frame@{root}", files=True)
    v = s.arrays["video"]
    assert len(s) == 4 * 29 and not np.isnan(s.target).any()  # -5 is no sample
    gap = np.isin(v["row"], [11, 12])  # no face there
    assert (v["path"][gap] == "").all() and all(
        (root / p / f"{i:05d}.jpg").is_file() for p, i in zip(v["path"][~gap], v["first"][~gap])
    )
    assert set(s.subject) == {
        "Train_Set/10-60-1280x720",
        "Train_Set/video7",
        "Validation_Set/video9",
    }  # left and right are one
    wide = read(f"affwild2_va@{root}", files=True)
    test = np.char.startswith(wide.subject, "Validation")
    assert (
        test.sum() == 29 and (~test).sum() == 3 * 4 and (wide.arrays["video"]["path"] != "").all()
    )  # every valid frame is evaluated; windows bridge the gap
    v = wide.arrays["video"]
    assert (
        (v["last"] - v["first"] == 15)[(v["row"] > 8) & (v["row"] < 22)].all()
        and (v["first"] <= v["row"]).all()
        and (v["row"] <= v["last"]).all()
    )


def test_affwild2_sound_follows_the_frames_of_each_video(planted):
    "Frames have the times that the file gives them; the .avi of the tree was written with a gap after its first frame"
    root = planted("affwild2", trees.affwild2)
    s = read(f"affwild2_va+per_frame@{root}", files=True)
    a = s.arrays["audio"]
    for who, fps, gap in (("10-60", 30, 0), ("video7", 25, 2), ("video9", 20, 0)):
        at = np.flatnonzero(np.char.find(s.subject, who) >= 0)[9]
        row = a["row"][at] + gap
        assert abs(a["first"][at] - (row - 1) / fps * 16000) <= 2 and abs(a["last"][at] - row / fps * 16000) <= 2
        assert who in a["path"][at] and "_left" not in a["path"][at]


def test_affwild2_without_crops(planted):
    root = planted("affwild2_videos", trees.affwild2, crops=False)
    assert check("affwild2_va", root).findings == []
    v = read(f"affwild2_va@{root}", files=True).arrays["video"]
    assert set(v["path"]) == {"batch1/10-60-1280x720.mp4", "batch2/video7.avi", "batch3/video9.mp4"}


def test_affwild2_protocol_is_the_official_one(planted):
    from mtpkd.data.manifest import load_manifest
    from mtpkd.data.folds import nested_folds

    s = read(f"affwild2_va+per_frame@{planted('affwild2', trees.affwild2)}", files=True)
    (f,) = nested_folds(s, load_manifest("affwild2_va").protocol.folds, inner_validation=0.5)
    assert (
        len(f.test) == 29
        and set(s.subject[f.test]) == {"Validation_Set/video9"}
        and not set(s.subject[f.val]) & set(s.subject[f.train])
    )


AFFWILD2 = {
    "label row too many": (
        lambda r: txt(r).write_text(txt(r).read_text() + "0.1,0.1\n"),
        ["video7.txt, row 32", "30 labels, as the video has frames, found 31", "editions"],
        "lost",
    ),
    "value out of range": (lambda r: row(txt(r), 9, "1.7,0"), ["video7.txt, row 9", "[-1, 1]", "copy"], "lost"),
    "no number": (lambda r: row(txt(r), 9, "0.1;0.2"), ["video7.txt, row 9", "0.1;0.2", "copy"], "lost"),
    "another track": (
        lambda r: row(txt(r), 1, "Neutral,Anger"),
        ["video7.txt, row 1", "valence,arousal", "track"],
        "lost",
    ),
    "empty annotation": (lambda r: empty(txt(r)), ["video7.txt", "0 bytes", "copy"], "lost"),
    "annotation in latin-1": (
        lambda r: txt(r).write_bytes(txt(r).read_bytes() + b"\xe9,0\n"),
        ["video7.txt, row 32", "0xe9", "UTF-8"],
        "lost",
    ),
    "nothing annotated": (
        lambda r: txt(r).write_text("valence,arousal\n" + "-5,-5\n" * 30),
        ["video7.txt", "every row is -5", "leave"],
        "lost",
    ),
    "not a label file": (
        lambda r: txt(r).rename(txt(r).with_suffix(".csv")),
        ["video7.csv", "VIDEO.txt", "correct its name"],
        "lost",
    ),
    "zero-byte jpg": (lambda r: empty(face(r, 3)), ["video7/00003.jpg, frame 3", "0 bytes", "extract"], "lost"),
    "truncated jpg": (lambda r: cut(face(r, 3)), ["video7/00003.jpg, frame 3", "cut off", "extract"], "lost"),
    "picture too many": (
        lambda r: shutil.copy(face(r, 3), face(r, 31)),
        ["cropped_aligned/video7, frame 31", "pictures 1 to 30", "editions"],
        "lost",
    ),
    "pictures from 0 on": (
        lambda r: [p.rename(face(r, int(p.stem) - 1)) for p in sorted(face(r, 1).parent.iterdir())],
        ["cropped_aligned/video7, frame 0", "counted from 1", "the label of the next frame"],
        "lost",
    ),
    "no faces": (
        lambda r: shutil.rmtree(face(r, 1).parent),
        ["cropped_aligned/video7", "is missing", "copy it again"],
        "lost",
    ),
    "misnamed faces": (
        lambda r: face(r, 1, L).parent.rename(r / "cropped_aligned" / "10-60-1280x720_lefft"),
        [f"cropped_aligned/{L}", "is missing", "did you mean 10-60-1280x720_lefft?"],
        "lost",
    ),
    "empty faces": (
        lambda r: [p.unlink() for p in face(r, 1).parent.iterdir()],
        ["cropped_aligned/video7", "cropped faces, found none", "copy"],
        "lost",
    ),
    "unreadable folder": (
        lambda r: unreadable(face(r, 1).parent),
        ["cropped_aligned/video7", "can be listed", "permissions"],
        "lost",
    ),
    "truncated video": (
        lambda r: cut(r / "batch1" / "10-60-1280x720.mp4"),
        ["batch1/10-60-1280x720.mp4", "does not open", "copy"],
        "lost",
    ),
    "zero-byte video": (lambda r: empty(r / "batch3" / "video9.mp4"), ["batch3/video9.mp4", "0 bytes", "copy"], "lost"),
    "missing video": (lambda r: (r / "batch3" / "video9.mp4").unlink(), ["video9.mp4", "is missing", "copy"], "lost"),
    "silent video": (
        lambda r: trees.write_video(r / "batch3" / "video9.mp4", [trees.picture(0)] * 30, 20),
        ["batch3/video9.mp4", "has no sound", "copy"],
        "lost",
    ),
    "impossible rate": (
        lambda r: trees.write_video(
            r / "batch3" / "video9.mp4", [trees.picture(0)] * 30, 1, voice=trees.tone(30, 200, 16000)
        ),
        ["batch3/video9.mp4, frame rate", "5 to 120", "convert"],
        "lost",
    ),
    "no validation set": (
        lambda r: shutil.rmtree(txt(r, V9, "Validation_Set").parent),
        ["Validation_Set", "annotation files, found none", "copy"],
        "lost",
    ),
    "an annotation in both sets": (
        lambda r: shutil.copy(txt(r), txt(r, part="Validation_Set")),
        ["Validation_Set/video7.txt", "one of the sets", "Train_Set/video7 too", "remove one"],
        "unusable",
    ),
    "a validation video among those for training": (
        lambda r: shutil.copy(txt(r, V9, "Validation_Set"), txt(r, V9)),
        ["Validation_Set/video9.txt", "Train_Set/video9 too", "trained on is tested"],
        "unusable",
    ),
    "labels of another person": (
        lambda r: shutil.copy(txt(r, L), txt(r)),
        ["Train_Set/video7.txt", "those of Train_Set/10-60-1280x720_left in every row", "copy"],
        "suspect",
    ),
    "no annotations": (
        lambda r: txt(r).parents[1].rename(r / "5th ABAW Annotations" / "EXPR_Recognition_Challenge"),
        ["'5th ABAW Annotations'", "none", "give the folder"],
        "unusable",
    ),
}


@pytest.mark.parametrize("fault", AFFWILD2)
def test_affwild2_broken(planted, tmp_path, fault):
    c = expect("affwild2_va", planted("affwild2", trees.affwild2), tmp_path, AFFWILD2[fault])
    if AFFWILD2[fault][2] == "lost":
        assert 1 <= len(c.findings) <= 4, c.findings


# WESAD


def pkl(r, s="S3"):
    return r / s / f"{s}.pkl"


def repickle(path, change):
    d = trees.wesad_subject(path.stem, 1)
    change(d)
    trees.save_pickle(path, d)


class Bomb:
    def __init__(self, flag):
        self.flag = flag

    def __reduce__(self):
        return os.mkdir, (str(self.flag),)


def test_wesad_intact(planted):
    root = planted("wesad", trees.wesad)
    for name in ("wesad", "wesad+stress_binary"):
        c = check(name, root)
        assert c.findings == [], check_text(c)
    s = read(f"wesad@{root}", inputs=False)
    assert (
        np.bincount(s.target).tolist() == [3, 6, 6]
        and s.arrays["chest_ecg"].shape == (15, 1, 3000)
        and s.presence.all()
    )
    peak = (
        np.abs(np.fft.rfft(s.arrays["wrist_bvp"][:, 0])).argmax(1) / 30
    )  # the windows are those of their labels, at the right rate
    assert np.allclose(peak, 1 + 0.3 * (s.target + 1), atol=0.05), peak
    peak = np.abs(np.fft.rfft(s.arrays["chest_ecg"][:, 0])).argmax(1) / 30  # after resampling from 700 Hz too
    assert np.allclose(peak, 1 + 0.3 * (s.target + 1), atol=0.05), peak


def test_cleaned_variants(planted, tmp_path):
    "Cleaning is asked for by name; a loose electrode makes its windows missing, and only those"
    root = planted("wesad", trees.wesad)
    s = read(f"wesad+cleaned@{root}")
    assert (
        s.presence.all()
        and s.arrays["wrist_eda"].shape == (15, 22)
        and all(np.isfinite(a).all() for a in s.arrays.values())
    )
    loose = broken(
        root,
        tmp_path,
        lambda r: repickle(pkl(r), lambda d: d["signal"]["chest"]["ECG"].__setitem__(slice(10 * 700, 40 * 700), 0)),
    )
    t = read(f"wesad+cleaned@{loose}")
    lost = np.flatnonzero(~t.presence[:, t.modalities.index("chest_ecg")])
    assert [t.sample[i] for i in lost] == [
        "S3_00030s"
    ] and t.presence.sum() == t.presence.size - 1  # 0 to 30 s has no label
    assert ("windows of chest_ecg flagged as bad", None, 1) in check("wesad+cleaned", loose).facts


WESAD = {
    "truncated pickle": (lambda r: cut(pkl(r)), ["S3/S3.pkl", "pickle of arrays", "download WESAD again"], "lost"),
    "zero-byte pickle": (lambda r: empty(pkl(r)), ["S3/S3.pkl", "0 bytes", "download"], "lost"),
    "no pickle": (
        lambda r: pkl(r).write_bytes(b"\x80\x02\xff" * 9),
        ["S3/S3.pkl", "pickle of arrays", "download"],
        "lost",
    ),
    "a program": (
        lambda r: trees.save_pickle(pkl(r), {"signal": Bomb(r / "executed"), "label": 1}),
        ["S3/S3.pkl", "refused", "download"],
        "lost",
    ),
    "a list": (lambda r: trees.save_pickle(pkl(r), [1, 2]), ["S3/S3.pkl, key signal", "list", "download"], "lost"),
    "no labels": (
        lambda r: repickle(pkl(r), lambda d: d.pop("label")),
        ["S3/S3.pkl, key label", "signal, subject", "download"],
        "lost",
    ),
    "missing sensor": (
        lambda r: repickle(pkl(r), lambda d: d["signal"]["chest"].pop("ECG")),
        ["S3/S3.pkl, key signal/chest/ECG", "sensor chest/ECG", "leave the modality out"],
        "lost",
    ),
    "wrong rate": (
        lambda r: repickle(pkl(r), lambda d: d["signal"]["wrist"].update(BVP=d["signal"]["wrist"]["BVP"][::2])),
        ["S3/S3.pkl, key signal/wrist/BVP, row 6721", "64 Hz", "found 6720", "original"],
        "lost",
    ),
    "label row too many": (
        lambda r: repickle(pkl(r), lambda d: d.update(label=np.r_[d["label"], d["label"][:50000]])),
        ["S3/S3.pkl, key signal/", "rows", "original"],
        "lost",
    ),
    "not finite": (
        lambda r: repickle(pkl(r), lambda d: d["signal"]["wrist"]["BVP"].__setitem__(700, np.nan)),
        ["S3/S3.pkl, key signal/wrist/BVP, row 701", "finite", "original"],
        "lost",
    ),
    "label of another kind": (
        lambda r: repickle(pkl(r), lambda d: d["label"].__setitem__(99, 12)),
        ["S3/S3.pkl, key label, row 100", "labels 0 to 7, found 12", "original"],
        "lost",
    ),
    "no window": (
        lambda r: repickle(pkl(r), lambda d: d.update(label=d["label"] * 0)),
        ["S3/S3.pkl, key label", "none", "shorter windows"],
        "lost",
    ),
    "exchanged subject": (
        lambda r: shutil.copy(pkl(r, "S2"), pkl(r)),
        ["S3/S3.pkl, key subject", "subject S3, found S2", "exchanged"],
        "unusable",
    ),
    "misnamed pickle": (
        lambda r: pkl(r).rename(pkl(r).with_name("S-3.pkl")),
        ["S3/S3.pkl", "is missing", "download"],
        "lost",
    ),
    "misnamed folder": (lambda r: (r / "S3").rename(r / "s_3"), ["s_3", "folders S2 to S17", "rename"], "lost"),
    "empty subject": (lambda r: pkl(r).unlink(), ["S3: ", "an empty folder", "copy"], "lost"),
    "unreadable folder": (lambda r: unreadable(r / "S3"), ["S3", "can be listed", "permissions"], "lost"),
    "nothing": (
        lambda r: [shutil.rmtree(r / s) for s in ("S2", "S3", "S4")],
        ["folders S2 to S17", "none", "give the folder"],
        "unusable",
    ),
}


@pytest.mark.parametrize("fault", WESAD)
def test_wesad_broken(planted, tmp_path, fault):
    c = expect("wesad", planted("wesad", trees.wesad), tmp_path, WESAD[fault])
    assert not (c.root / "executed").exists()


# Stress-Predict


def e4(r, sensor="BVP", who=3):
    return r / "Raw_data" / f"S{who:02d}" / f"{sensor}.csv"


def labels(r):
    return r / trees.LABELS


def test_stress_predict_intact(planted):
    root = planted("stress_predict", trees.stress_predict)
    c = check("stress_predict", root)
    assert c.findings == [], check_text(c)
    s = read(f"stress_predict@{root}", inputs=False)
    assert s.arrays["bvp"].shape == (12, 1, 480) and s.presence.all() and set(s.subject) == {"S02", "S03", "S05"}
    assert (np.abs(np.fft.rfft(s.arrays["bvp"][:, 0])).argmax(1) / 30).round().tolist() == [1 + y for y in s.target]
    assert "t0" not in s.modalities and s.target.tolist() == [0, 0, 1, 1] * 3


STRESS = {
    "wrong rate": (lambda r: row(e4(r), 2, "32.0"), ["S03/BVP.csv, row 2", "64 Hz, found 32", "copy"], "lost"),
    "no number": (lambda r: row(e4(r), 40, "x"), ["S03/BVP.csv, row 40", "1 numbers, found x", "copy"], "lost"),
    "missing axis": (
        lambda r: row(e4(r, "ACC"), 40, "1,2"),
        ["S03/ACC.csv, row 40", "3 numbers, found 1,2", "copy"],
        "lost",
    ),
    "no head": (lambda r: row(e4(r, "EDA"), 1, "EDA"), ["S03/EDA.csv, row 1", "the start, the rate", "copy"], "lost"),
    "zero-byte csv": (lambda r: empty(e4(r, "TEMP")), ["S03/TEMP.csv", "0 bytes", "copy"], "lost"),
    "missing csv": (lambda r: e4(r, "HR").unlink(), ["S03/HR.csv", "is missing", "copy"], "lost"),
    "latin-1": (
        lambda r: e4(r, "HR").write_bytes(e4(r, "HR").read_bytes() + b"70\xb0\n"),
        ["S03/HR.csv, row 203", "0xb0", "UTF-8"],
        "lost",
    ),
    "another session": (
        lambda r: row(e4(r), 1, "1700000000.0"),
        ["S03/BVP.csv, row 1", "as the labels have it", "exchanged"],
        "lost",
    ),
    "empty subject": (
        lambda r: [p.unlink() for p in e4(r).parent.iterdir()],
        ["Raw_data/S03", "nothing", "leave the participant out"],
        "lost",
    ),
    "unreadable folder": (lambda r: unreadable(e4(r).parent), ["Raw_data/S03", "can be listed", "permissions"], "lost"),
    "no labels of a subject": (
        lambda r: labels(r).write_text(
            "\n".join(l for l in labels(r).read_text().splitlines() if not l.startswith("3,"))
        ),
        ["Raw_data/S03", "participant of the labels", "complete"],
        "lost",
    ),
    "missing csv column": (
        lambda r: edit(labels(r), "Label", "label"),
        ["binary.csv, row 1", "column Label", "did you mean label"],
        "unusable",
    ),
    "label row twice": (
        lambda r: labels(r).write_text(labels(r).read_text() + labels(r).read_text().splitlines()[5] + "\n"),
        ["binary.csv, row", "every second once", "remove"],
        "unusable",
    ),
    "label of another kind": (
        lambda r: row(labels(r), 9, lambda l: l[:-1] + "7"),
        ["binary.csv, row 9", "label 0 or 1, found 7", "correct"],
        "lost",
    ),
    "row too short": (
        lambda r: row(labels(r), 9, "2,70"),
        ["binary.csv, row 9", "5 cells, found 2", "complete"],
        "lost",
    ),
    "no label file": (lambda r: labels(r).unlink(), ["binary.csv", "is missing", "copy"], "unusable"),
}


@pytest.mark.parametrize("fault", STRESS)
def test_stress_predict_broken(planted, tmp_path, fault):
    expect("stress_predict", planted("stress_predict", trees.stress_predict), tmp_path, STRESS[fault])


# CEAP-360VR


def va(r, p=2):
    return r / "3_AnnotationData" / "Frame" / f"P{p}_Annotation_FrameData.json"


def head(r, p=2):
    return r / "4_BehaviorData" / "HM_ScanPath" / f"P{p}_Behavior_HeadScanPathData.json"


def eye(r, p=2):
    return r / "4_BehaviorData" / "EM_Fixation" / f"P{p}_Behavior_FixationData.json"


def thin(path):
    "Every third rating of the first video"
    d = json.loads(path.read_text())
    first = d["ContinuousAnnotation_FrameData"][0]["Video_Annotation_FrameData"][0]
    first["TimeStamp_Valence_Arousal"] = first["TimeStamp_Valence_Arousal"][::3]
    path.write_text(json.dumps(d))


def test_ceap_intact(planted):
    root = planted("ceap", trees.ceap)
    c = check("ceap", root)
    assert c.findings == [], check_text(c)
    s = read(f"ceap@{root}", inputs=False)
    assert (
        s.arrays["head"].shape == (18, 4, 50)
        and s.arrays["eye"].shape == (18, 5, 50)
        and s.presence.all()
        and set(s.subject) == {"P01", "P02", "P10"}
    )
    at = [i for i, n in enumerate(s.sample) if n.startswith("P01_V1")]
    slope = 3 * np.sin(1) / 21  # the ratings rise by this each second
    assert np.allclose(s.target[at, 0], 5 + slope * (np.array([0, 5, 10]) + 4.98), atol=0.01)
    assert set(s.arrays["eye"][:, 3].ravel()) == {0.0, 1.0}


CEAP = {
    "truncated json": (lambda r: cut(va(r)), ["P2_Annotation_FrameData.json, row", "JSON", "download"], "lost"),
    "zero-byte json": (lambda r: empty(head(r)), ["P2_Behavior_HeadScanPathData.json", "0 bytes", "copy"], "lost"),
    "missing json": (lambda r: eye(r).unlink(), ["P2_Behavior_FixationData.json", "is missing", "copy"], "lost"),
    "other key": (
        lambda r: edit(head(r), "Behavior_HeadScanPath_Data", "Behavior_Data"),
        ["HeadScanPathData.json, key Behavior_HeadScanPath_Data", "found Behavior_Data", "download"],
        "lost",
    ),
    "rating out of range": (
        lambda r: edit(va(r), '"Arousal": 3', '"Arousal": 93'),
        ["P2_Annotation_FrameData.json, V1, entry", "Arousal, a number from 1 to 9", "download"],
        "lost",
    ),
    "missing field": (
        lambda r: edit(head(r), '"Yaw"', '"Jaw"'),
        ["HeadScanPathData.json, V1, entry 1", "Yaw, a number", "found nothing", "download"],
        "lost",
    ),
    "text for a number": (
        lambda r: edit(eye(r), '"StartFrame": 5', '"StartFrame": "5"'),
        ["FixationData.json, V1, entry 1", "StartFrame", "download"],
        "lost",
    ),
    "clock goes back": (
        lambda r: edit(va(r), '"TimeStamp": 0.08', '"TimeStamp": 0.01'),
        ["Annotation_FrameData.json, V1, entry 3", "time that goes on", "download"],
        "lost",
    ),
    "wrong rate": (
        lambda r: thin(va(r)),
        ["P2_Annotation_FrameData.json, V1", "20 to 65 ratings a second, found 8.3", "folder Frame"],
        "lost",
    ),
    "duplicate video": (
        lambda r: edit(va(r), '"V2"', '"V1"'),
        ["Annotation_FrameData.json, V1", "every video once", "remove"],
        "unusable",
    ),
    "exchanged participant": (
        lambda r: shutil.copy(head(r, 1), head(r, 2)),
        ["P2_Behavior_HeadScanPathData.json, key ParticipantID", "participant 2", "exchanged"],
        "unusable",
    ),
    "latin-1": (
        lambda r: spoil_bytes(va(r), b"V1", b"V\xb9"),
        ["P2_Annotation_FrameData.json, row 7", "0xb9", "UTF-8"],
        "lost",
    ),
    "misnamed json": (
        lambda r: va(r).rename(va(r).with_name("P2-Annotation.json")),
        ["P2-Annotation.json", "P1_Annotation_FrameData.json to", "rename"],
        "lost",
    ),
    "nothing": (
        lambda r: shutil.rmtree(va(r).parent),
        ["3_AnnotationData/Frame", "none", "give the folder"],
        "unusable",
    ),
}


def reorder(path, change):
    "Change the order of the entries of the first video"
    content = json.loads(path.read_text())
    (record,) = next(iter(content.values()))
    video = next(value for value in record.values() if isinstance(value, list))[0]
    entries = next(name for name, value in video.items() if isinstance(value, list))
    video[entries] = change(video[entries])
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("part, field", [(head, "ID"), (eye, "StartFrame")])
@pytest.mark.parametrize(
    "change, entry",
    [(lambda x: x[::-1], 2), (lambda x: [*x[:4], x[5], x[4], *x[6:]], 6), (lambda x: [*x[:3], x[2], *x[3:]], 4)],
    ids=["reversed", "two exchanged", "one twice"],
)
def test_entries_out_of_order_are_said_and_used_by_their_number(planted, tmp_path, part, field, change, entry):
    tree = planted("ceap", trees.ceap)
    root = broken(tree, tmp_path, lambda r: reorder(part(r), change))
    c = check("ceap", root)
    (finding,) = c.findings
    assert finding.level == "suspect" and finding.where == f"V1, entry {entry}" and field in finding.expected
    assert finding.path == str(part(root).relative_to(root)) and "nothing is wrong" not in check_text(c)
    whole, other = read(f"ceap@{tree}", inputs=False), read(f"ceap@{root}", inputs=False)
    for name, x in whole.arrays.items():
        channels = (
            3 if name == "head" and entry == 4 else x.shape[1]
        )  # a number that is there twice is no turn of the head
        np.testing.assert_array_equal(other.arrays[name][:, :channels], x[:, :channels])


@pytest.mark.parametrize("fault", CEAP)
def test_ceap_broken(planted, tmp_path, fault):
    expect("ceap", planted("ceap", trees.ceap), tmp_path, CEAP[fault])


# StressID


def table(r, name="eda_features.csv"):
    return r / "Feature Extraction" / "Features" / name


def test_stressid_intact(planted):
    root = planted("stressid", trees.stressid)
    for name in ("stressid", "stressid+binary_stress", "stressid+affect3"):
        c = check(name, root)
        assert c.findings == [], check_text(c)
    s = read(f"stressid@{root}", ["video", "audio", "resp"])
    assert (
        len(s) == 44 and s.presence[:, 1].sum() == 28 and s.arrays["audio"].shape == (44, 140)
    )  # silent tasks have no voice
    assert read(f"stressid+binary_stress@{root}").target.mean() == 7 / 12


STRESSID = {
    "missing table": (lambda r: table(r).unlink(), ["eda_features.csv", "is missing", "authors' repository"], "lost"),
    "misnamed table": (
        lambda r: table(r).rename(table(r, "eda_featurs.csv")),
        ["eda_features.csv", "did you mean eda_featurs.csv?"],
        "lost",
    ),
    "zero-byte table": (lambda r: empty(table(r)), ["eda_features.csv", "0 bytes", "copy"], "lost"),
    "no number": (
        lambda r: row(table(r), 5, lambda l: l.replace(",", ",x", 1)),
        ["eda_features.csv, row 5, column f0", "a number", "correct the row"],
        "lost",
    ),
    "row too short": (
        lambda r: row(table(r), 5, lambda l: l.rsplit(",", 2)[0]),
        ["eda_features.csv, row 5", "21 cells, found 19", "correct the row"],
        "lost",
    ),
    "duplicate sample": (
        lambda r: table(r).write_text(table(r).read_text() + table(r).read_text().splitlines()[3] + "\n"),
        ["eda_features.csv, row 50", "again", "remove"],
        "unusable",
    ),
    "row of another table": (
        lambda r: row(table(r), 4, ""),
        ["eda_features.csv, 2ea4_Counting1", "1 fewer", "get the file again"],
        "lost",
    ),
    "bad name": (
        lambda r: row(table(r), 4, lambda l: "!" + l),
        ["eda_features.csv, row 4", "a name like 2ea4_Counting1", "correct"],
        "lost",
    ),
    "unknown task": (
        lambda r: edit(table(r), "2ea4_Math", "2ea4_Meth"),
        ["2ea4_Meth", "one of the tasks", "did you mean Math?"],
        "lost",
    ),
    "missing csv column": (
        lambda r: table(r, "video11tasks_aus_gaze_mean_std.csv").write_text(
            "\n".join(
                l.rsplit(",", 1)[0] for l in table(r, "video11tasks_aus_gaze_mean_std.csv").read_text().splitlines()
            )
        ),
        ["video11tasks_aus_gaze_mean_std.csv, row 1", "84 features, found 83", "authors' table"],
        "lost",
    ),
    "latin-1": (
        lambda r: spoil_bytes(table(r), b"2hpu_Relax", b"2hp\xfc_Relax"),
        ["eda_features.csv, row 21", "0xfc", "UTF-8"],
        "lost",
    ),
    "empty subject": (
        lambda r: keep_rows(table(r), lambda line: not line.startswith("2hpu")),
        ["eda_features.csv, 2hpu_Breathing", "11 fewer", "get the file again"],
        "lost",
    ),
    "nothing": (
        lambda r: shutil.rmtree(table(r).parent),
        ["stressid", "none that can be used", "give the folder"],
        "unusable",
    ),
}


@pytest.mark.parametrize("fault", STRESSID)
def test_stressid_broken(planted, tmp_path, fault):
    expect("stressid", planted("stressid", trees.stressid), tmp_path, STRESSID[fault])


def test_a_row_without_numbers_is_said(planted, tmp_path):
    root = broken(
        planted("stressid", trees.stressid), tmp_path, lambda r: row(table(r), 5, "2ea4_Counting2" + "," * 20)
    )
    c = check("stressid", root)
    assert c.usable and has(c.findings, "eda_features.csv, row 5", "2ea4_Counting2", "not recorded")
    assert "nothing is wrong" not in check_text(c) and "1 doubt to look at" in check_text(c)
    assert ("samples with eda", 44, 43) in c.facts


def test_fewer_than_expected_is_not_right(planted, tmp_path):
    "Four people of 65, who are complete; the voice is expected where somebody speaks"
    root = planted("stressid", trees.stressid)
    text = check_text(check("stressid", root))
    assert (
        "no file has a fault, but not all is as expected: subjects (fewer)" in text and "nothing is wrong" not in text
    )
    from mtpkd.data.manifest import load_manifest

    m = load_manifest("stressid")
    voiced = {
        name: spec.model_copy(update={"role": "privileged"}) for name, spec in m.modalities.items() if name != "video"
    }
    c = check(m.model_copy(update={"modalities": m.modalities | voiced}), root)
    assert ("samples with audio", 28, 28) in c.facts and c.findings == []
    whole = m.model_copy(update={"options": m.options | {"expect": {"subjects": 4}}})
    assert "nothing is wrong" in check_text(check(whole, root))


def test_stressid_labels_are_asked_for(planted, tmp_path):
    root = broken(
        planted("stressid", trees.stressid), tmp_path, lambda r: edit(r / "labels.csv", "binary-stress", "stress")
    )
    assert has(
        check("stressid+binary_stress", root).findings, "labels.csv, row 1", "column binary-stress", "did you mean"
    ) and "labels.csv" in fails("stressid+binary_stress", root)
    (root / "labels.csv").write_text("subject/task,binary-stress\n2ea4_Math,2\n2ea4_Relax,0\n")
    assert has(
        check("stressid+binary_stress", root).findings,
        "labels.csv, row 2, column binary-stress",
        "0 to 1, found 2",
        "correct",
    )


# RAVDESS


def film(r, e=3, a=2, medium="01"):
    return r / f"Video_Speech_Actor_{a:02d}" / f"Actor_{a:02d}" / f"{medium}-01-{e:02d}-01-01-01-{a:02d}.mp4"


def wav(r, e=3, a=2):
    return r / "Audio_Speech_Actors_01-24" / f"Actor_{a:02d}" / f"03-01-{e:02d}-01-01-01-{a:02d}.wav"


def test_ravdess_intact(planted, tmp_path):
    root = planted("ravdess", trees.ravdess)
    c = check("ravdess", root, every=True)
    assert c.findings == [], check_text(c)
    s = read(f"ravdess@{root}", files=True)
    assert (
        len(s) == 9
        and s.presence.all()
        and all("/01-" in p for p in s.arrays["video"]["path"])
        and all(p.endswith(".wav") for p in s.arrays["audio"]["path"])
    )
    assert [s.task.classes[y] for y in s.target[:3]] == ["neutral"] * 3 and list(s.subject[:3]) == ["01", "02", "03"]
    bare = broken(root, tmp_path, lambda r: shutil.rmtree(r / "Audio_Speech_Actors_01-24"))
    assert check("ravdess", bare).findings == [] and all(
        p.endswith(".mp4") for p in read(f"ravdess@{bare}", files=True).arrays["audio"]["path"]
    )  # the films are heard


RAV = {
    "truncated mp4": (lambda r: cut(film(r)), ["01-01-03-01-01-01-02.mp4", "does not open", "copy"], "lost"),
    "zero-byte mp4": (lambda r: empty(film(r)), ["01-01-03-01-01-01-02.mp4", "0 bytes", "unpack"], "lost"),
    "link to nothing": (lambda r: dangling(film(r)), ["01-01-03-01-01-01-02.mp4", "is missing", "unpack"], "lost"),
    "no video": (
        lambda r: film(r).write_text("x" * 500),
        ["01-01-03-01-01-01-02.mp4", "does not open", "copy"],
        "lost",
    ),
    "truncated wav": (lambda r: cut(wav(r)), ["03-01-03-01-01-01-02.wav", "ends early", "copy"], "lost"),
    "zero-byte wav": (lambda r: empty(wav(r)), ["03-01-03-01-01-01-02.wav", "0 bytes", "unpack"], "lost"),
    "wrong rate": (
        lambda r: trees.write_wav(wav(r), trees.tone(0.4, 100, 16000), 16000),
        ["03-01-03-01-01-01-02.wav", "48000 Hz, found 16000 Hz", "original"],
        "lost",
    ),
    "missing wav": (
        lambda r: wav(r).unlink(),
        ["Audio_Speech_Actors_01-24, 01-03-01-01-01-02", "is missing", "unpack"],
        "lost",
    ),
    "missing mp4": (
        lambda r: [film(r, medium=m).unlink() for m in ("01", "02")],
        ["Video_Speech_Actor_*, 01-03-01-01-01-02", "is missing", "unpack"],
        "lost",
    ),
    "misnamed": (
        lambda r: film(r).rename(film(r).with_name("01-01-03-01-01-02.mp4")),
        ["01-01-03-01-01-02.mp4", "seven pairs", "correct the name"],
        "lost",
    ),
    "impossible emotion": (
        lambda r: film(r).rename(film(r, 9)),
        ["01-01-09-01-01-01-02.mp4", "seven pairs", "correct the name"],
        "lost",
    ),
    "latin-1 name": (
        lambda r: rename_to_latin_1(film(r)),
        [r"\xe9.mp4", "seven pairs", "correct the name"],
        "lost",
    ),
    "duplicate sample": (
        lambda r: shutil.copytree(film(r).parent, r / "Actor_02"),
        ["01-01-01-01-01-01-02.mp4", "every clip once", "remove"],
        "unusable",
    ),
    "actor of another folder": (
        lambda r: shutil.copy(film(r, a=1), film(r).parent),
        ["01-01-03-01-01-01-01.mp4", "actor 2, as the folder says, found actor 1", "put the file"],
        "unusable",
    ),
    "sound as film": (
        lambda r: shutil.copy(film(r), film(r, 5, medium="03")),
        ["03-01-05-01-01-01-02.mp4", ".wav for sound", "correct the name"],
        "lost",
    ),
    "empty subject": (
        lambda r: [p.unlink() for p in film(r).parent.iterdir()],
        ["Actor_02", "an empty folder", "unpack"],
        "lost",
    ),
    "unreadable folder": (lambda r: unreadable(film(r).parent), ["Actor_02", "can be listed", "permissions"], "lost"),
    "nothing": (
        lambda r: [shutil.rmtree(p) for p in r.iterdir()],
        ["ravdess", "none that can be used", "give the folder"],
        "unusable",
    ),
}


@pytest.mark.parametrize("fault", RAV)
def test_ravdess_broken(planted, tmp_path, fault):
    expect("ravdess", planted("ravdess", trees.ravdess), tmp_path, RAV[fault])


# CREMA-D


def flv(r, n="1002_IEO_HAP_LO"):
    return r / "VideoFlash" / f"{n}.flv"


def voice(r, n="1002_IEO_HAP_LO"):
    return r / "AudioWAV" / f"{n}.wav"


def test_crema_d_intact(planted):
    root = planted("crema_d", trees.crema_d)
    c = check("crema_d", root, every=True)
    assert c.findings == [], check_text(c)
    s = read(f"crema_d@{root}", files=True)
    assert (
        len(s) == 9
        and s.presence.all()
        and list(s.target[:3]) == [0, 3, 4]
        and set(s.subject) == {"1001", "1002", "1003"}
    )


CREMA = {
    "truncated flv": (lambda r: cut(flv(r), 0.01), ["1002_IEO_HAP_LO.flv", "does not", "copy"], "lost"),
    "zero-byte flv": (lambda r: empty(flv(r)), ["1002_IEO_HAP_LO.flv", "0 bytes", "unpack"], "lost"),
    "link to nothing": (lambda r: dangling(flv(r)), ["1002_IEO_HAP_LO.flv", "is missing", "unpack"], "lost"),
    "pointer of git-lfs": (
        lambda r: flv(r).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
        ["1002_IEO_HAP_LO.flv", "git-lfs", "git lfs pull"],
        "lost",
    ),
    "truncated wav": (lambda r: cut(voice(r)), ["1002_IEO_HAP_LO.wav", "ends early", "copy"], "lost"),
    "silent wav": (
        lambda r: trees.write_wav(voice(r), trees.tone(0, 1, 16000), 16000),
        ["1002_IEO_HAP_LO.wav", "holds no sound", "copy"],
        "lost",
    ),
    "no wav": (lambda r: voice(r).write_text("x" * 100), ["1002_IEO_HAP_LO.wav", "is no .wav", "copy"], "lost"),
    "wrong rate": (
        lambda r: trees.write_wav(voice(r), trees.tone(0.5, 1, 8000), 8000),
        ["1002_IEO_HAP_LO.wav", "16000 Hz, found 8000", "original"],
        "lost",
    ),
    "missing flv": (lambda r: flv(r).unlink(), ["VideoFlash, 1002_IEO_HAP_LO", "is missing", "unpack"], "lost"),
    "missing wav": (lambda r: voice(r).unlink(), ["AudioWAV, 1002_IEO_HAP_LO", "is missing", "unpack"], "lost"),
    "misnamed wav": (
        lambda r: voice(r).rename(voice(r, "1002_IEO_HAP-LO")),
        ["1002_IEO_HAP-LO.wav", "a name like 1001_IEO_NEU_XX", "did you mean 1002_IEO_HAP_LO?"],
        "lost",
    ),
    "unknown emotion": (
        lambda r: voice(r).rename(voice(r, "1002_IEO_JOY_LO")),
        ["1002_IEO_JOY_LO.wav", "a name like", "correct"],
        "lost",
    ),
    "latin-1 name": (
        lambda r: rename_to_latin_1(voice(r)),
        [r"\xe9.wav", "a name like", "correct"],
        "lost",
    ),
    "duplicate sample": (
        lambda r: shutil.copy(flv(r), flv(r).with_suffix(".mp4")),
        ["1002_IEO_HAP_LO.mp4", "every clip once", "remove"],
        "unusable",
    ),
    "unreadable folder": (lambda r: unreadable(r / "AudioWAV"), ["AudioWAV", "can be listed", "permissions"], "lost"),
    "no films": (
        lambda r: shutil.rmtree(r / "VideoFlash"),
        ["VideoFlash", "7442 files, found none", "large files"],
        "lost",
    ),
    "nothing": (
        lambda r: [shutil.rmtree(r / n) for n in ("VideoFlash", "AudioWAV")],
        ["crema_d", "none that can be used", "give the folder"],
        "unusable",
    ),
}


@pytest.mark.parametrize("fault", CREMA)
def test_crema_d_broken(planted, tmp_path, fault):
    expect("crema_d", planted("crema_d", trees.crema_d), tmp_path, CREMA[fault])


# check -> prepare -> run -> report

FOUR = dict(subjects=trees.SUBJECTS, levels=["BL1", "PA4"])
CHAIN = {
    "biovid": (trees.biovid, FOUR, "biovid_b+bl1_pa4+seconds_2_to_5", 4),
    "biovid_a": (trees.biovid, FOUR, "biovid_a+bl1_pa4", 2),
    "frames": (trees.biovid_frames, FOUR | dict(last=12), "biovid_b+bl1_pa4", 4),
    "affwild2": (trees.affwild2, {}, "affwild2_va", None),
    "wesad": (trees.wesad, {}, "wesad+folds5", 3),
    "stress_predict": (trees.stress_predict, {}, "stress_predict", 3),
    "stressid": (trees.stressid, {}, "stressid+binary_stress", 2),
    "ceap": (trees.ceap, {}, "ceap", 3),
    "ravdess": (trees.ravdess, dict(emotions=range(1, 9)), "ravdess", 3),
    "crema_d": (trees.crema_d, dict(emotions=("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")), "crema_d", 3),
}
OF_TREE = {
    "biovid_a": "biovid_four",
    "biovid": "biovid_four",
    "frames": "frames_four",
    "ravdess": "ravdess_all",
    "crema_d": "crema_d_all",
}
SMALL = [
    f"--set={s}"
    for s in (
        "weights=random",
        "faces=whole",
        "frames=2",
        "size=16",
        "sound_seconds=.5",
        "signal_window=.5",
        "signal_step=.25",
    )
]


@pytest.fixture(scope="module")
def trained(planted, tmp_path_factory):
    "A run folder by name, made by the commands that a user gives"
    from mtpkd import run
    from mtpkd.cli.main import main
    from tiny_runs import quick

    made = {}

    def make(name):
        if name in made:
            return made[name]
        (build, how, address, folds), out = CHAIN[name], tmp_path_factory.mktemp(f"chain_{name}")
        at = ["--root", str(planted(OF_TREE.get(name, name), build, **how))]
        assert main(["data", "check", address, *at]) == 0
        encoder = "r3d18,resnet18_logmel" + (
            ",resnet18_spectrogram" if "biovid" in address else ""
        )  # the paper's for pain; the others' signals as they are
        assert (
            main(
                [
                    "data",
                    "prepare",
                    address,
                    *at,
                    "--out",
                    str(out / "set"),
                    "--encoder",
                    encoder,
                    "--jobs",
                    "1",
                    *SMALL,
                ]
            )
            == 0
        )
        assert main(["data", "check", str(out / "set" / "manifest.yaml")]) == 0
        made[name] = run(
            out / "set" / "manifest.yaml",
            methods="student_only,kd",
            seeds="0",
            folds=folds,
            config=quick(),
            labelled="all",
            labelled_validation="all",
            out=out / "run",
            progress=False,
        )
        return made[name]

    return make


@pytest.mark.parametrize("name", CHAIN)
def test_check_prepare_run(trained, name):
    "What the check approves of is prepared and trained on, over subject-disjoint folds"
    r = trained(name)
    assert {"student_only", "kd"} <= set(r.results["method"]) and r.results["value"].notna().all()
    s = read(r.path.parent / "set" / "manifest.yaml")
    assert s.presence.all() or name == "stressid"  # people are silent in some of its tasks
    said = r.predictions[r.predictions["method"] == "kd"]
    if name != "affwild2":
        assert set(said["sample"]) == set(s.sample)
    else:
        assert set(said["sample"]) == {n for n in s.sample if n.startswith("Validation_Set")}


def test_one_report_of_all(trained, tmp_path):
    from mtpkd.cli.main import main
    from mtpkd.evaluation.wording import format_number

    runs = [trained(n) for n in CHAIN]
    assert main(["report", *(str(r.path) for r in runs), "--out", str(tmp_path / "all.html")]) == 0
    page = (tmp_path / "all.html").read_text()
    assert len(runs) == 10 and len(page) < 8e6
    seen = [x for x in re.findall(r"</span>kd</td>\s*<td>([-−]?[\d.]+) ±", page)]
    assert seen == [format_number(r.summary["methods"]["kd"]["mean"]) for r in runs]  # every run has its row, in order


def test_a_damaged_shard_is_found_by_the_check(trained, tmp_path, capsys):
    "Reading and the check compare digests"
    from mtpkd.cli.main import main

    shutil.copytree(trained("ravdess").path.parent / "set", tmp_path / "set")
    path = sorted((tmp_path / "set" / "shards").iterdir())[0]
    data = bytearray(path.read_bytes())
    data[-2] ^= 64
    path.write_bytes(data)
    with pytest.raises(InputError, match=f"{path.name}: is not what mtpkd data prepare has written"):
        read(tmp_path / "set" / "manifest.yaml")
    assert main(["data", "check", str(tmp_path / "set" / "manifest.yaml")]) == 2
    assert path.name in capsys.readouterr().out


PLACES = {
    "biovid": ("biovid_a+bl1_pa4", lambda r: clip(r), "BL1-001.mp4"),
    "biovid signals": ("biovid_a+bl1_pa4", lambda r: bio(r), "BL1-001_bio.csv"),
    "affwild2": ("affwild2_va", lambda r: r / "batch3" / "video9.mp4", "video9.mp4"),
    "wesad": ("wesad", lambda r: pkl(r), "S3.pkl"),
    "stress_predict": ("stress_predict", lambda r: e4(r), "BVP.csv"),
    "ceap": ("ceap", lambda r: va(r), "P2_Annotation_FrameData.json"),
    "ceap head": ("ceap", lambda r: head(r), "P2_Behavior_HeadScanPathData.json"),
    "stressid": ("stressid", lambda r: table(r), "eda_features.csv"),
    "ravdess": ("ravdess", lambda r: wav(r), ".wav"),
    "crema_d": ("crema_d", lambda r: flv(r), "1002_IEO_HAP_LO.flv"),
}
KINDS = [(in_a_circle, "back to itself"), (as_folder, "is a folder"), (dangling, "is missing: it is a link to nothing")]


@pytest.mark.parametrize("kind, words", KINDS)
@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_file_is_called_what_it_is(planted, tmp_path, place, kind, words):
    name, path, named = PLACES[place]
    build = place.split()[0]
    tree = planted(f"{build}_of_places", getattr(trees, build), **(SHORT if build == "biovid" else {}))
    c = check(name, broken(tree, tmp_path, lambda r: kind(path(r))))
    assert c.usable and has(c.findings, named, words), check_text(c)
