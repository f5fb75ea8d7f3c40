"Trees of every data set that mtpkd reads: the check finds nothing in the intact one and names path, row or frame and the mend of every fault."
import os, shutil, subprocess, sys
import numpy as np, pandas as pd, pytest
import trees
from mtpkd.checks import check, check_text
from mtpkd.core import InputError
from mtpkd.readers import read

@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    "Intact trees by name, built once"
    made = {}
    def plant(name, build, **how):
        if name not in made: made[name] = build(tmp_path_factory.mktemp(name.replace("+", "_")), **how)
        return made[name]
    return plant

def broken(tree, folder, fault):
    "A copy of `tree` with `fault` done to it"
    root = folder/"copy"
    shutil.copytree(tree, root, symlinks=True)
    fault(root)
    return root

def has(found, *words):
    "Whether a finding holds all of the words, in its path, place or text"
    return any(all(w in str(f) for w in words) for f in found)

def cut(path, keep=.6): path.write_bytes(path.read_bytes()[:int(path.stat().st_size*keep)])
def empty(path): path.write_bytes(b"")
def edit(path, old, new, count=1):
    text = path.read_text()
    assert old in text, (path, old)
    path.write_text(text.replace(old, new, count))
def row(path, n, new):
    lines = path.read_text().splitlines()
    lines[n - 1] = new if isinstance(new, str) else new(lines[n - 1])
    path.write_text("\n".join(lines) + "\n")
def unreadable(path):
    "A folder that cannot be listed, for root neither"
    shutil.rmtree(path); path.symlink_to(path.name)

def fails(name, root, names=None, files=True):
    with pytest.raises(InputError) as e: read(f"{name}@{root}", names, files=files)
    assert "\n" not in str(e.value)
    return str(e.value)

def expect(name, tree, tmp_path, fault, words, level):
    "Break a copy: the check names the place and the mend, and says whether the set can be used; reading agrees"
    root = broken(tree, tmp_path, fault)
    c = check(name, root)
    assert has(c.findings, *words), "\n".join(map(str, c.findings))
    assert all(f.mend and f.path and f.expected for f in c.findings)
    assert c.usable == (level != "unusable")
    if level == "unusable": fails(name, root)
    return c

# BioVid

SHORT = dict(subjects=trees.SUBJECTS[:2], levels=["BL1", "PA4"])
A, B = trees.SUBJECTS[:2]
def bio(r, who=A, level="BL1", k=1): return r/"biosignals_filtered"/who/f"{who}-{level}-{k:03d}_bio.csv"
def clip(r, who=A, level="BL1", k=1): return r/"video"/who/f"{who}-{level}-{k:03d}.mp4"
def index(r): return r/"starting_point"/"samples.csv"

def test_biovid_intact(planted):
    root = planted("biovid", trees.biovid, **SHORT)
    for name in ("biovid_a", "biovid_b", "biovid_a+bl1_pa4", "biovid_b+seconds_2_to_5"):
        c = check(name, root, every=name == "biovid_a")
        assert c.findings == [] and c.usable, check_text(c)
    s = read(f"biovid_b+seconds_2_to_5@{root}", inputs=False, files=True)
    assert s.arrays["emg_corrugator"].shape == (4, 1, 1536) and s.presence.all() and s.target.tolist() == [0, 4, 0, 4]
    assert s.arrays["video"]["first"].tolist() == [51]*4 and all((root/p).is_file() for p in s.arrays["video"]["path"])
    level = s.arrays["emg_corrugator"].std(-1)[:, 0]
    assert (level[[1, 3]] > 3*level[[0, 2]]).all() # the recordings are those of their labels

BIOVID = {
    "truncated mp4": (lambda r: cut(clip(r)), [f"{A}-BL1-001.mp4", "frame", "ends early", "copy the file again"], "lost"),
    "headless mp4": (lambda r: clip(r).write_bytes(clip(r).read_bytes()[:40]), [f"{A}-BL1-001.mp4", "does not open as video", "copy"], "lost"),
    "zero-byte mp4": (lambda r: empty(clip(r)), [f"{A}-BL1-001.mp4", "0 bytes", "copy the file again"], "lost"),
    "short mp4": (lambda r: trees.write_video(clip(r), [trees.picture(0)]*100), [f"{A}-BL1-001.mp4, frame 101", "137 to 138 frames", "copy"], "lost"),
    "wrong frame rate": (lambda r: trees.write_video(clip(r), [trees.picture(0)]*138, fps=30), [f"{A}-BL1-001.mp4", "25 frames a second, found 30", "convert"], "lost"),
    "missing mp4": (lambda r: clip(r).unlink(), [f"{A}-BL1-001.mp4", "is missing", "copy it again"], "lost"),
    "misnamed mp4": (lambda r: clip(r).rename(clip(r).with_name(f"{A}-BL1_001.mp4")), [f"{A}-BL1_001.mp4", "no row names it", f"did you mean {A}-BL1-001.mp4?"], "lost"),
    "latin-1 file name": (lambda r: os.rename(os.fsencode(clip(r)), os.fsencode(clip(r).parent) + b"/m\xfcde.mp4"), [r"m\xfcde.mp4", "no row names it", "rename"], "lost"),
    "missing column in one file": (lambda r: row(bio(r), 1, "time\tgrs\tecg"), [f"{A}-BL1-001_bio.csv, row 1", "column gsr", "did you mean grs?"], "lost"),
    "wrong rate": (lambda r: trees.np.savetxt(bio(r), np.c_[np.arange(2816)*1000, np.ones((2816, 2))], "%g", "\t", header="time\tgsr\tecg", comments=""), [f"{A}-BL1-001_bio.csv, column time", "512 Hz, found 1000 Hz", "original file"], "lost"),
    "short signal": (lambda r: bio(r).write_text("\n".join(bio(r).read_text().splitlines()[:2001])), [f"{A}-BL1-001_bio.csv, row 2002", "2816 rows", "export"], "lost"),
    "no number": (lambda r: row(bio(r), 7, lambda l: l.replace("\t", "\t#", 1)), [f"{A}-BL1-001_bio.csv, row 7, column gsr", "a number", "export"], "lost"),
    "zero-byte signal": (lambda r: empty(bio(r)), [f"{A}-BL1-001_bio.csv", "0 bytes", "copy or export"], "lost"),
    "clock goes back": (lambda r: row(bio(r), 30, lambda l: "0" + l[l.index("\t"):]), [f"{A}-BL1-001_bio.csv, row 30, column time", "time that goes on"], "lost"),
    "duplicate sample": (lambda r: index(r).write_text(index(r).read_text() + index(r).read_text().splitlines()[1] + "\n"), ["samples.csv, row 6", f"{A}-BL1-001 again, as in row 2", "remove"], "unusable"),
    "class against name": (lambda r: edit(index(r), "4\tPA4", "3\tPA3"), ["samples.csv, row 3", f"PA4 of {A}", "correct the row"], "unusable"),
    "index without a column": (lambda r: edit(index(r), "class_id", "class"), ["samples.csv, row 1", "column class_id", "did you mean class"], "unusable"),
    "index with commas": (lambda r: index(r).write_text(index(r).read_text().replace("\t", ",")), ["samples.csv, row 1", "separator should be a tab"], "unusable"),
    "index in latin-1": (lambda r: index(r).write_bytes(index(r).read_bytes().replace(b"071313", b"07131\xfc", 1)), ["samples.csv, row 4", "0xfc", "save it as UTF-8"], "unusable"),
    "row too short": (lambda r: row(index(r), 3, f"1\t{A}\t4"), ["samples.csv, row 3", "6 cells, found 3", "complete or remove"], "lost"),
    "bad name": (lambda r: row(index(r), 3, lambda l: l.replace("-PA4-", "-PX4-")), ["samples.csv, row 3", "PX4", "correct the name"], "lost"),
    "empty subject": (lambda r: [p.unlink() for p in (r/"video"/B).iterdir()], [f"video/{B}", "2 clips, found none", "leave the subject out"], "lost"),
    "unreadable folder": (lambda r: unreadable(r/"video"/B), [f"video/{B}", "can be listed", "permissions"], "lost"),
    "unknown subject": (lambda r: (r/"video"/A).rename(r/"video"/"071309_w_12"), ["video/071309_w_12", "a subject of the index", f"did you mean {A}?"], "lost"),
}
@pytest.mark.parametrize("fault", BIOVID)
def test_biovid_broken(planted, tmp_path, fault):
    do, words, level = BIOVID[fault]
    c = expect("biovid_a", planted("biovid", trees.biovid, **SHORT), tmp_path, do, words, level)
    if level == "lost" and "found none" not in words: assert 1 <= len(c.findings) <= 3 # one fault, not an avalanche

def test_part_a_has_no_facial_emg(planted, tmp_path):
    root = planted("part_a", trees.biovid, subjects=[A], levels=["BL1", "PA4"], emg=False)
    assert check("biovid_a", root).findings == []
    found = check("biovid_b", root).findings
    assert len(found) == 1 and has(found, "column emg_corrugator", "as in every file", "leave the modality out")

def test_what_is_lost_is_missing(planted, tmp_path):
    "Reading leaves out what the check names, and says so"
    root = broken(planted("biovid", trees.biovid, **SHORT), tmp_path, lambda r: (clip(r).unlink(), empty(bio(r, B, "PA4"))))
    with pytest.warns(UserWarning, match="2 faults, left out"): s = read(f"biovid_a@{root}", files=True)
    assert s.presence.tolist() == [[False, True], [True, True], [True, True], [True, False]]

# frame folders of the released code

def test_frame_folders_intact(planted):
    root = planted("frames", trees.biovid_frames, **SHORT, last=12)
    c = check("biovid_b+bl1_pa4", root, every=True)
    assert c.findings == [], check_text(c)
    s = read(f"biovid_b+bl1_pa4@{root}", files=True)
    assert s.arrays["video"][0].tolist() == (f"BL1/{A}-BL1-001", 1, 12, 1) and s.target.tolist() == [0, 1, 0, 1]

def img(r, i, who=A, level="BL1"): return r/level/f"{who}-{level}-001"/f"img_{i:05d}.jpg"
FRAMES = {
    "zero-byte jpg": (lambda r: empty(img(r, 5)), ["img_00005.jpg, frame 5", "0 bytes", "extract"], "lost"),
    "truncated jpg": (lambda r: cut(img(r, 7)), ["img_00007.jpg, frame 7", "cut off", "extract"], "lost"),
    "no jpg": (lambda r: img(r, 7).write_text("x"*100), ["img_00007.jpg, frame 7", "no JPEG", "extract"], "lost"),
    "frame gap": (lambda r: img(r, 6).unlink(), [f"BL1/{A}-BL1-001, frame 6", "pictures 1 to 12, found 1 fewer", "extract"], "lost"),
    "another size": (lambda r: trees.write_picture(img(r, 9), trees.picture(0, 32, 32)), [f"BL1/{A}-BL1-001, frame 9", "one size", "48 x 64"], "lost"),
    "no folder": (lambda r: shutil.rmtree(r/"BL1"/f"{A}-BL1-001"), [f"BL1/{A}-BL1-001", "no folder with pictures", "extract"], "lost"),
    "unreadable folder": (lambda r: unreadable(r/"BL1"/f"{A}-BL1-001"), [f"BL1/{A}-BL1-001", "can be listed", "permissions"], "lost"),
    "duplicate row": (lambda r: (r/"train.txt").write_text((r/"train.txt").read_text()*2), ["train.txt, row 3", "again, as in row 1", "remove"], "unusable"),
    "folder against name": (lambda r: edit(r/"train.txt", f"BL1/{A}", f"PA4/{A}"), ["train.txt, row 1", "BL1, as the name", "correct the row"], "unusable"),
    "labels that contradict": (lambda r: edit(r/"test.txt", "12 0", "12 1"), ["row 2", "PA4, as the name", "which is BL1 elsewhere", "correct the row"], "unusable"),
    "broken row": (lambda r: edit(r/"test.txt", " 1 12 0", " 1 12"), ["test.txt, row 1", "class/sample first last label", "correct or remove"], "lost"),
    "no signal": (lambda r: (r/"physio"/"BL1"/f"{A}-BL1-001_bio.csv").unlink(), [f"physio/BL1/{A}-BL1-001_bio.csv", "is missing", "copy"], "lost"),
    "no lists": (lambda r: [(r/n).unlink() for n in ("train.txt", "test.txt")], ["lists of frame folders", "neither", "give the folder"], "unusable"),
}
@pytest.mark.parametrize("fault", FRAMES)
def test_frame_folders_broken(planted, tmp_path, fault):
    do, words, level = FRAMES[fault]
    expect("biovid_b+bl1_pa4", planted("frames", trees.biovid_frames, **SHORT, last=12), tmp_path, do, words, level)

# the command

def test_the_command(planted, tmp_path):
    "Exit codes, the table as CSV, and names in other encodings on a terminal that has ASCII only"
    root = broken(planted("biovid", trees.biovid, **SHORT), tmp_path, BIOVID["latin-1 file name"][0])
    go = lambda *words: subprocess.run([sys.executable, "-c", "import sys; from mtpkd.cli import main; sys.exit(main())", *words], capture_output=True, text=True, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    done = go("data", "check", "biovid_a", "--root", str(root), "--csv", str(tmp_path/"found.csv"))
    assert done.returncode == 0 and r"m\xfcde.mp4" in done.stdout, done.stderr
    table = pd.read_csv(tmp_path/"found.csv")
    assert list(table.columns) == ["level", "path", "where", "expected", "found", "mend"] and (table["level"] == "lost").sum() == 2
    index(root).unlink()
    done = go("data", "check", f"biovid_a@{root}")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "not usable" in done.stderr

@pytest.mark.parametrize("name, words", [("biovid_a+bl1_pa5@{}", "unknown variant 'bl1_pa5'; did you mean bl1_pa4"), ("biovid_a@{}/nowhere", "no such folder"), ("biovid_a@{}", "neither")])
def test_addresses(tmp_path, name, words): assert words in fails(name.rpartition("@")[0], name.format(tmp_path).partition("@")[2])

# Aff-Wild2

L, V7, V9 = "10-60-1280x720_left", "video7", "video9"
def txt(r, name=V7, part="Train_Set"): return r/"5th ABAW Annotations"/"VA_Estimation_Challenge"/part/f"{name}.txt"
def face(r, i, name=V7): return r/"cropped_aligned"/name/f"{i:05d}.jpg"

def test_affwild2_intact(planted):
    root = planted("affwild2", trees.affwild2)
    for name in ("affwild2_va", "affwild2_va+per_frame"):
        c = check(name, root, every=True)
        assert c.findings == [], check_text(c)
    s = read(f"affwild2_va+per_frame@{root}", files=True)
    v = s.arrays["video"]
    assert len(s) == 4*29 and not np.isnan(s.target).any()           # -5 is no sample
    gap = np.isin(v["row"], [11, 12])                                  # no face there
    assert (v["path"][gap] == "").all() and all((root/p/f"{i:05d}.jpg").is_file() for p, i in zip(v["path"][~gap], v["first"][~gap]))
    assert set(s.subject) == {"Train_Set/10-60-1280x720", "Train_Set/video7", "Validation_Set/video9"} # left and right are one
    wide = read(f"affwild2_va@{root}", files=True)
    test = np.char.startswith(wide.subject, "Validation")
    assert test.sum() == 29 and (~test).sum() == 3*4 and (wide.arrays["video"]["path"] != "").all() # every valid frame is evaluated; windows bridge the gap
    v = wide.arrays["video"]
    assert (v["last"] - v["first"] == 15)[(v["row"] > 8) & (v["row"] < 22)].all() and (v["first"] <= v["row"]).all() and (v["row"] <= v["last"]).all()

def test_affwild2_sound_follows_the_rate_of_each_video(planted):
    s = read(f"affwild2_va+per_frame@{planted('affwild2', trees.affwild2)}", files=True)
    a = s.arrays["audio"]
    for who, fps in (("10-60", 30), ("video7", 25), ("video9", 20)):
        at = np.flatnonzero(np.char.find(s.subject, who) >= 0)[9]
        assert abs(a["first"][at] - (a["row"][at] - 1)/fps*16000) <= 1 and abs(a["last"][at] - a["row"][at]/fps*16000) <= 1
        assert who in a["path"][at] and "_left" not in a["path"][at]

def test_affwild2_without_crops(planted):
    root = planted("affwild2_videos", trees.affwild2, crops=False)
    assert check("affwild2_va", root).findings == []
    v = read(f"affwild2_va@{root}", files=True).arrays["video"]
    assert set(v["path"]) == {"batch1/10-60-1280x720.mp4", "batch2/video7.avi", "batch3/video9.mp4"}

def test_affwild2_protocol_is_the_official_one(planted):
    from mtpkd.manifests import load_manifest
    from mtpkd.splits import nested_folds
    s = read(f"affwild2_va+per_frame@{planted('affwild2', trees.affwild2)}", files=True)
    f, = nested_folds(s, load_manifest("affwild2_va").protocol.folds, inner_validation=.5)
    assert len(f.test) == 29 and set(s.subject[f.test]) == {"Validation_Set/video9"} and not set(s.subject[f.val]) & set(s.subject[f.train])

AFFWILD2 = {
    "label row too many": (lambda r: txt(r).write_text(txt(r).read_text() + "0.1,0.1\n"), ["video7.txt, row 32", "30 labels, as the video has frames, found 31", "editions"], "lost"),
    "value out of range": (lambda r: row(txt(r), 9, "1.7,0"), ["video7.txt, row 9", "[-1, 1]", "copy"], "lost"),
    "no number": (lambda r: row(txt(r), 9, "0.1;0.2"), ["video7.txt, row 9", "0.1;0.2", "copy"], "lost"),
    "another track": (lambda r: row(txt(r), 1, "Neutral,Anger"), ["video7.txt, row 1", "valence,arousal", "track"], "lost"),
    "empty annotation": (lambda r: empty(txt(r)), ["video7.txt", "0 bytes", "copy"], "lost"),
    "annotation in latin-1": (lambda r: txt(r).write_bytes(txt(r).read_bytes() + b"\xe9,0\n"), ["video7.txt, row 32", "0xe9", "UTF-8"], "lost"),
    "nothing annotated": (lambda r: txt(r).write_text("valence,arousal\n" + "-5,-5\n"*30), ["video7.txt", "every row is -5", "leave"], "lost"),
    "not a label file": (lambda r: txt(r).rename(txt(r).with_suffix(".csv")), ["video7.csv", "VIDEO.txt", "correct its name"], "lost"),
    "zero-byte jpg": (lambda r: empty(face(r, 3)), ["video7/00003.jpg, frame 3", "0 bytes", "extract"], "lost"),
    "truncated jpg": (lambda r: cut(face(r, 3)), ["video7/00003.jpg, frame 3", "cut off", "extract"], "lost"),
    "picture too many": (lambda r: shutil.copy(face(r, 3), face(r, 31)), ["cropped_aligned/video7, frame 31", "pictures 1 to 30", "editions"], "lost"),
    "no faces": (lambda r: shutil.rmtree(face(r, 1).parent), ["cropped_aligned/video7", "is missing", "copy it again"], "lost"),
    "misnamed faces": (lambda r: face(r, 1, L).parent.rename(r/"cropped_aligned"/"10-60-1280x720_lefft"), [f"cropped_aligned/{L}", "is missing", "did you mean 10-60-1280x720_lefft?"], "lost"),
    "empty faces": (lambda r: [p.unlink() for p in face(r, 1).parent.iterdir()], ["cropped_aligned/video7", "cropped faces, found none", "copy"], "lost"),
    "unreadable folder": (lambda r: unreadable(face(r, 1).parent), ["cropped_aligned/video7", "can be listed", "permissions"], "lost"),
    "truncated video": (lambda r: cut(r/"batch1"/"10-60-1280x720.mp4"), ["batch1/10-60-1280x720.mp4", "does not open", "copy"], "lost"),
    "zero-byte video": (lambda r: empty(r/"batch3"/"video9.mp4"), ["batch3/video9.mp4", "0 bytes", "copy"], "lost"),
    "missing video": (lambda r: (r/"batch3"/"video9.mp4").unlink(), ["video9.mp4", "is missing", "copy"], "lost"),
    "silent video": (lambda r: trees.write_video(r/"batch3"/"video9.mp4", [trees.picture(0)]*30, 20), ["batch3/video9.mp4", "has no sound", "copy"], "lost"),
    "impossible rate": (lambda r: trees.write_video(r/"batch3"/"video9.mp4", [trees.picture(0)]*30, 1, voice=trees.tone(30, 200, 16000)), ["batch3/video9.mp4, frame rate", "5 to 120", "convert"], "lost"),
    "no validation set": (lambda r: shutil.rmtree(txt(r, V9, "Validation_Set").parent), ["Validation_Set", "annotation files, found none", "copy"], "lost"),
    "no annotations": (lambda r: (r/"5th ABAW Annotations").rename(r/"annotations"), ["'5th ABAW Annotations'", "none", "give the folder"], "unusable"),
}
@pytest.mark.parametrize("fault", AFFWILD2)
def test_affwild2_broken(planted, tmp_path, fault):
    do, words, level = AFFWILD2[fault]
    c = expect("affwild2_va", planted("affwild2", trees.affwild2), tmp_path, do, words, level)
    if level == "lost": assert 1 <= len(c.findings) <= 4, c.findings
