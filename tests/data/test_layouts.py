"The layouts that holders of BioVid and Aff-Wild2 have: found, checked, prepared and run; every target is row i of its file."

import shutil
import numpy as np, pandas as pd, pytest
import corpus_trees as trees
from mtpkd import run
from mtpkd.core.errors import InputError
from mtpkd.data.check import check, check_text
from mtpkd.data.manifest import load_manifest
from mtpkd.data.reading import read
from mtpkd.features import piece_workers, plan as planning
from mtpkd.features.prepare import prepare, PrepareConfig
from mtpkd.features.piece_features import features_of
from mtpkd.features.pieces import Piece, video_pixels
from mtpkd.features.recipes import make_recipe
from mtpkd.reporting.limits import describe_test
from tiny_runs import quick

SMALL = dict(weights="random", faces="whole", frames=2, size=16, sound_seconds=0.5, jobs=1, progress=False)


def refusal(name, root):
    "The one line with which reading a copy is refused; the check says the same"
    with pytest.raises(InputError) as e:
        read(f"{name}@{root}", files=True)
    line = str(e.value)
    assert "\n" not in line
    c = check(name, root)
    assert not c.usable and any(f.level == "unusable" for f in c.findings), check_text(c)
    return line


# BioVid as the released code has it

RELEASED = "biovid_b+bl1_pa4+released_windows+released_folds"


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    return trees.biovid_released(tmp_path_factory.mktemp("released"))


@pytest.fixture(scope="module")
def released_set(released, tmp_path_factory):
    out = tmp_path_factory.mktemp("released_set") / "set"
    how = SMALL | dict(encoder="r3d18,emg_corrugator=spectrogram", frames=10, signal_spectrogram="released")
    prepare(RELEASED, root=released, out=out, **how)
    return out


def test_the_released_tree_is_as_its_lists_say(released):
    c = check(RELEASED, released, every=True)
    assert c.findings == [] and c.usable, check_text(c)
    s = read(f"{RELEASED}@{released}", inputs=False, files=True)
    video = s.arrays["video"]
    assert len(s) == 16 and s.presence.all() and s.arrays["emg_corrugator"].shape == (16, 1, 1536)
    assert (video["first"] == 50).all() and (video["last"] == 70).all()
    lists = [path.read_text().splitlines() for path in sorted(released.glob("fold_*.txt"))]
    label_of = {line.split()[0].rpartition("/")[2]: int(line.split()[3]) for lines in lists for line in lines}
    assert s.target.tolist() == [label_of[name] for name in s.sample]
    for name, row, label in zip(s.sample, video["row"], s.target):  # row i of the list that named the clip last
        assert any(row <= len(x) and f"/{name} " in x[row - 1] and x[row - 1].endswith(str(label)) for x in lists)


def test_the_frames_are_those_of_the_released_code_and_signals_are_of_seconds_2_to_5(released):
    s = read(f"{RELEASED}@{released}", inputs=False, files=True)
    part = s.arrays["video"][0]
    piece = Piece(released / part["path"], int(part["first"]), int(part["last"]), sha="x")
    pixels, _ = video_pixels(PrepareConfig(frames=10, size=16, faces="whole"), piece)
    shown = np.round((pixels[0].mean((1, 2, 3)) - s.target[0]) / 3)
    assert shown.tolist() == list(range(51, 70, 2))
    table = pd.read_csv(released / "physio" / ("0", "4")[s.target[0]] / f"{s.sample[0]}_bio.csv", sep="\t")
    expected = table["emg_corrugator"][1024 : 1024 + 1536].to_numpy("float32")
    assert np.array_equal(s.arrays["emg_corrugator"][0, 0], expected)


def test_seconds_2_to_5_of_frame_folders_are_all_pictures(released):
    s = read(f"biovid_b+bl1_pa4+seconds_2_to_5@{released}", inputs=False, files=True)
    video = s.arrays["video"]
    assert (video["first"] == 1).all() and (video["last"] == 75).all() and s.presence.all()
    assert s.arrays["emg_corrugator"].shape == (16, 1, 1536)


@pytest.mark.parametrize("change", ["capital", "dots", "folders", "physio"])
def test_the_released_layout_is_found_by_other_spellings(released, tmp_path, change):
    root = tmp_path / "copy"
    shutil.copytree(released, root)
    for path in root.glob("fold_*.txt"):
        if change == "capital":
            path.rename(path.with_name(path.name.capitalize()))
        if change == "dots":
            path.write_text("".join(f"./{line}\n" for line in path.read_text().splitlines()))
        if change == "folders":
            path.write_text(path.read_text().replace("0/", "bl1/").replace("4/", "pa4/"))
    for number, name in (("0", "BL1"), ("4", "pa4")) if change == "folders" else ():
        (root / number).rename(root / name)
        (root / "physio" / number).rename(root / "physio" / name)
    if change == "physio":
        (root / "physio").rename(root / "Physio")
    c = check(RELEASED, root)
    assert c.findings == [] and c.usable, check_text(c)
    s = read(f"{RELEASED}@{root}", inputs=False, files=True)
    assert len(s) == 16 and s.presence.all()


def test_pictures_of_whole_clips_are_not_those_of_seconds_2_to_5(released, tmp_path):
    "Folders with more pictures than the seconds have: which of them are meant is not known"
    shutil.copytree(released, tmp_path / "copy")
    first = sorted((tmp_path / "copy" / "0").iterdir())[0]
    shutil.copy(first / "img_00001.jpg", first / "img_00138.jpg")
    found = check("biovid_b+seconds_2_to_5", tmp_path / "copy").findings
    assert [f.path for f in found] == [f"0/{first.name}"] and "pictures up to 138" in found[0].found


def test_an_empty_folder_with_a_capital_hides_no_signals(released, tmp_path):
    shutil.copytree(released, tmp_path / "copy")
    (tmp_path / "copy" / "Physio").mkdir()
    (tmp_path / "copy" / "README.TXT").write_text("about this copy")
    assert check(RELEASED, tmp_path / "copy").findings == []


def test_frames_without_any_signals_are_one_finding(released, tmp_path):
    shutil.copytree(released, tmp_path / "copy", ignore=shutil.ignore_patterns("physio"))
    findings = [f for f in check(RELEASED, tmp_path / "copy").findings if f.path.startswith("physio")]
    assert len(findings) == 1 and "tables of signals" in findings[0].expected


def test_the_distribution_gives_the_same_windows(tmp_path):
    root = trees.biovid(tmp_path, subjects=trees.SUBJECTS[:1], levels=["BL1", "PA4"])
    s = read(f"biovid_b+bl1_pa4+released_windows@{root}", inputs=False, files=True)
    assert s.arrays["video"]["first"].tolist() == [100, 100]  # frame 50 of those from second 2 on
    assert s.arrays["video"]["last"].tolist() == [120, 120] and s.arrays["emg_corrugator"].shape == (2, 1, 1536)


@pytest.mark.parametrize("protocol", ["released", "clip_folds,test_epoch"])
def test_only_the_released_protocol_takes_folds_that_share_subjects(released_set, tmp_path, protocol):
    how = dict(methods="student_only,kd", seeds="0", config=quick(schedule=dict(batch=4)), progress=False)
    manifest = released_set / "manifest.yaml"
    with pytest.raises(InputError, match="subject .* is in fold_1_test.txt and in fold_1_train.txt; the folds leak"):
        run(manifest, out=tmp_path / "honest", **how)
    r = run(manifest, out=tmp_path / "released", protocol=protocol, **how)
    for fold in (0, 1):
        lines = (released_set / "folds" / f"fold_{fold + 1}_test.txt").read_text().splitlines()
        listed = {line.split()[0].rpartition("/")[2] for line in lines}
        tested = r.predictions[(r.predictions["fold"] == fold) & (r.predictions["method"] == "kd")]
        assert set(tested["sample"]) == listed
    assert set(r.results["n_train"]) == {8} and set(r.results["n_test"]) == {8}  # the whole training part


def test_the_released_spectrogram_is_what_a_prepared_set_holds(released, released_set):
    m = load_manifest(released_set / "manifest.yaml").modalities["emg_corrugator"]
    assert m.shape == (65, 127) and m.rate_hz == pytest.approx(512 / 12)
    s = read(released_set / "manifest.yaml", inputs=False)
    raw = read(f"{RELEASED}@{released}", ["emg_corrugator"], inputs=False)
    from scipy.signal import spectrogram

    i = list(raw.sample).index(s.sample[3])
    expected = spectrogram(raw.arrays["emg_corrugator"][i, 0], 512, nperseg=16, noverlap=4, nfft=128)[2]
    np.testing.assert_allclose(s.arrays["emg_corrugator"][3], expected, rtol=1e-4, atol=1e-6)


def test_subject_lists_are_folds_of_the_honest_protocol(released_set, tmp_path):
    shutil.copytree(released_set, tmp_path / "set")
    folds = tmp_path / "set" / "folds"
    for path in folds.iterdir():
        path.unlink()
    for fold, test in enumerate((trees.SUBJECTS[:1], trees.SUBJECTS[1:2]), 1):
        (folds / f"fold_{fold}_test.txt").write_text("\n".join(test))
        (folds / f"fold_{fold}_train.txt").write_text("\n".join(s for s in trees.SUBJECTS if s not in test))
    how = dict(methods="student_only", seeds="0,1", config=quick(), progress=False)
    r = run(tmp_path / "set" / "manifest.yaml", out=tmp_path / "run", **how)
    tested = r.predictions.groupby("fold")["subject"].unique()
    assert [list(x) for x in tested] == [[trees.SUBJECTS[0]], [trees.SUBJECTS[1]]]
    assert set(r.results["n_train"]) == {8}  # one of three subjects is for inner validation
    assert r.summary.test.df == 1  # two test sets, in both seeds
    assert describe_test(r.summary).startswith("Folds are given")


@pytest.mark.parametrize(
    "fault, words",
    [
        (lambda r: (r / "fold_2_test.txt").unlink(), ["expected fold_2_test.txt"]),
        (
            lambda r: (r / "fold_1_test.txt").write_text("4/071309_w_21-PA4-009 50 70 1\n"),
            ["fold_1_test.txt", "PA4-009"],
        ),
        (lambda r: (r / "fold_1_test.txt").write_text("\n"), ["fold_1_test.txt"]),
    ],
    ids=["a list is missing", "a clip that is not there", "an empty list"],
)
def test_lists_with_faults_are_refused_in_a_line(released_set, tmp_path, fault, words):
    shutil.copytree(released_set, tmp_path / "set")
    fault(tmp_path / "set" / "folds")
    with pytest.raises(InputError) as e:
        run(tmp_path / "set" / "manifest.yaml", protocol="released", methods="student_only", config=quick())
    assert all(word in str(e.value) for word in words) and "\n" not in str(e.value)


def test_a_run_is_not_resumed_with_other_lists(released_set, tmp_path):
    shutil.copytree(released_set, tmp_path / "set")
    how = dict(methods="student_only", seeds="0", protocol="clip_folds", progress=False)
    run(tmp_path / "set" / "manifest.yaml", out=tmp_path / "run", config=quick(), **how)
    path = tmp_path / "set" / "folds" / "fold_1_train.txt"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))
    with pytest.raises(InputError, match="the lists of folds were changed since"):
        run(tmp_path / "set" / "manifest.yaml", config=tmp_path / "run" / "experiment.yaml", out=tmp_path / "again")


@pytest.mark.parametrize("part, line", [("two windows", "4/{} 1 75 1"), ("a folder of another class", "0/{} 50 70 1")])
def test_lists_that_contradict_each_other_are_refused(released, tmp_path, part, line):
    root = tmp_path / "copy"
    shutil.copytree(released, root)
    (root / "peak.txt").write_text(line.format("071309_w_21-PA4-001") + "\n")
    said = refusal("biovid_b+bl1_pa4", root)
    assert "peak.txt, row 1" in said and "071309_w_21-PA4-001" in said and "the option lists" in said
    assert check(RELEASED, root).usable  # its lists are named by a pattern


# Aff-Wild2 as copies have it


@pytest.fixture(scope="module", params=list(trees.AFFWILD2_LAYOUTS))
def faces_tree(request, tmp_path_factory):
    return trees.affwild2_in(tmp_path_factory.mktemp(request.param), request.param)


def labels_of(root):
    "Rows of the label files by the name of the video"
    return {p.stem: p.read_text().splitlines() for p in root.rglob("*.txt") if "VA_" in str(p)}


@pytest.mark.parametrize("name", ["affwild2_va", "affwild2_va+clips", "affwild2_va+per_frame"])
def test_every_target_is_its_row_in_every_layout(faces_tree, name):
    c = check(name, faces_tree, every=True)
    assert c.findings == [] and c.usable, check_text(c)
    s = read(f"{name}@{faces_tree}", files=True)
    rows = labels_of(faces_tree)
    assert len(rows) == 4 and {n.split("/")[1] for n in s.sample} == set(rows)
    for sample, target, video in zip(s.sample, s.target, s.arrays["video"]):
        part, stem, number = sample.split("/")
        stated = [float(cell) for cell in rows[stem][int(number)].split(",")]  # the head line is row 0
        np.testing.assert_allclose(target, stated, atol=1e-6)
        if video["path"]:
            assert (faces_tree / video["path"]).is_dir() and video["path"].endswith(f"/{stem}")
    assert (s.arrays["audio"]["path"] != "").all()
    with_folder = s.arrays["video"]["path"] != ""
    assert with_folder.mean() > (0.9 if "per_frame" in name else 0.99)


@pytest.mark.parametrize("layout", ["third", "nested"])
def test_layouts_are_prepared_and_run(tmp_path, layout):
    root = trees.affwild2_in(tmp_path / "copy", layout)
    out = tmp_path / "set"
    prepare("affwild2_va+clips", root=root, out=out, **SMALL, encoder="r2plus1d18,resnet18_logmel")
    s = read(out / "manifest.yaml")
    assert s.presence.all() and len(s) == len(read(f"affwild2_va+clips@{root}", files=True))
    how = dict(methods="student_only,kd", seeds="0", labelled="all", config=quick(), progress=False)
    r = run(out / "manifest.yaml", out=tmp_path / "run", **how)
    assert r.results["value"].notna().all()
    assert set(r.predictions["sample"]) == {n for n in s.sample if n.startswith("Validation_Set")}


def duplicate(root, kind):
    "A second candidate for a clip; both paths"
    if kind == "faces":
        first, second = root / "cropped_aligned" / "video7", root / "cropped_aligned_new_50_vids" / "batch3" / "video7"
        shutil.copytree(first, second)
    elif kind == "video":
        first, second = root / "batch2" / "video7.avi", root / "new_vids" / "video7.mp4"
        second.parent.mkdir()
        shutil.copy(root / "batch3" / "video9.mp4", second)
    else:
        first = root / "5th ABAW Annotations" / "VA_Estimation_Challenge"
        second = root / "5th_ABAW_Annotations" / "VA_Set"
        shutil.copytree(first, second)
    return first.relative_to(root).as_posix(), second.relative_to(root).as_posix()


@pytest.mark.parametrize("kind, option", [("faces", "faces"), ("video", "videos"), ("annotations", "annotations")])
def test_two_candidates_for_a_clip_are_one_line_that_names_both(tmp_path, kind, option):
    root = trees.affwild2(tmp_path, frames=12)
    both = duplicate(root, kind)
    said = refusal("affwild2_va", root)
    assert all(path in said for path in both) and f"the option {option}" in said
    m = load_manifest(f"affwild2_va@{root}")
    named = m.model_copy(update={"options": m.options | {option: both[0].split("/")[0]}})
    assert len(read(named, files=True)) == len(read(named, ["video"], files=True)) > 0


def test_a_picture_beside_the_videos_hides_nothing(tmp_path):
    root = trees.affwild2(tmp_path, frames=12, crops=False)
    trees.write_picture(root / "batch2" / "7.jpg", trees.picture(0.5))
    trees.write_picture(root / "1.jpg", trees.picture(0.5))
    (root / "batch2" / "video7.avi").rename(root / "video7.avi")
    (root / "batch2" / "deeper").mkdir()
    (root / "batch3" / "video9.mp4").rename(root / "batch2" / "deeper" / "video9.mp4")
    c = check("affwild2_va", root)
    assert c.findings == [], check_text(c)
    s = read(f"affwild2_va@{root}", files=True)
    assert set(s.arrays["video"]["path"]) == {
        "batch1/10-60-1280x720.mp4",
        "video7.avi",
        "batch2/deeper/video9.mp4",
    }


def test_folders_of_something_else_are_no_faces(tmp_path):
    root = trees.affwild2(tmp_path, frames=12, crops=False)
    (root / "features" / "video7").mkdir(parents=True)
    (root / "features" / "video7" / "x.npy").write_bytes(b"0")
    trees.write_picture(root / "thumbnails" / "00001.jpg", trees.picture(0.5))
    s = read(f"affwild2_va@{root}", files=True)
    assert {p.split("/")[0] for p in s.arrays["video"]["path"]} == {"batch1", "batch2", "batch3"}
    shutil.rmtree(root / "features")
    for name in ("10-60-1280x720_left", "10-60-1280x720_right", "video7", "video9"):
        for i in range(1, 13):
            trees.write_picture(root / "faces" / name / f"{i:05d}.jpg", trees.picture(0.5))
    s = read(f"affwild2_va@{root}", files=True)
    assert {p.split("/")[0] for p in s.arrays["video"]["path"]} == {"faces"}


def test_pictures_beside_the_aligned_ones_are_no_candidates(tmp_path):
    root = trees.affwild2(tmp_path, frames=12)
    shutil.copytree(root / "cropped_aligned", root / "cropped")
    s = read(f"affwild2_va@{root}", files=True)
    assert set(p.split("/")[0] for p in s.arrays["video"]["path"]) == {"cropped_aligned"}


def test_the_newest_edition_is_read(tmp_path):
    root = trees.affwild2(tmp_path, frames=12)
    newer = root / "6th_ABAW_Annotations" / "VA_Estimation_Challenge"
    shutil.copytree(root / "5th ABAW Annotations" / "VA_Estimation_Challenge", newer)
    path = newer / "Train_Set" / "video7.txt"
    path.write_text(path.read_text().replace("valence,arousal\n", "valence,arousal\n0.125,-0.25\n").rsplit("\n", 2)[0])
    s = read(f"affwild2_va+per_frame@{root}", files=True)
    assert s.target[list(s.sample).index("Train_Set/video7/00001")].tolist() == [0.125, -0.25]


def test_links_are_followed_when_asked(tmp_path):
    root = trees.affwild2(tmp_path / "copy", frames=12)
    plain = read(f"affwild2_va@{root}", files=True)
    for name in ("cropped_aligned", "batch2", "5th ABAW Annotations"):
        (root / name).rename(tmp_path / name.replace(" ", "_"))
        (root / name).symlink_to(tmp_path / name.replace(" ", "_"))
    (root / "circle").symlink_to(root)
    assert "follow_links: true" in refusal("affwild2_va", root)
    c = check("affwild2_va+linked", root)
    assert c.findings == [], check_text(c)
    linked = read(f"affwild2_va+linked@{root}", files=True)
    assert linked.sample.tolist() == plain.sample.tolist() and (linked.target == plain.target).all()
    out = tmp_path / "set"
    prepare("affwild2_va+linked+sparse", root=root, out=out, **SMALL, encoder="r2plus1d18,resnet18_logmel")
    assert read(out / "manifest.yaml").presence.all()


# windows


def test_clips_are_stored_once_and_are_those_of_their_window(tmp_path):
    root = trees.affwild2(tmp_path / "copy")
    out = tmp_path / "set"
    prepare("affwild2_va+clips", root=root, out=out, **SMALL, encoder="r2plus1d18,resnet18_logmel")
    index = pd.read_parquet(out / "index.parquet")
    recordings = read(f"affwild2_va+clips@{root}", files=True)
    windows = {(v["path"], v["first"], v["last"]) for v in recordings.arrays["video"]}
    assert index["video:key"].nunique() == len(windows) < len(index) / 2
    assert index["audio:key"].nunique() == len({tuple(a)[:3] for a in recordings.arrays["audio"]}) < len(index) / 2
    stored = read(out / "manifest.yaml")
    assert stored.sample.tolist() == recordings.sample.tolist() and (stored.target == recordings.target).all()
    recipe = make_recipe(
        PrepareConfig(**{k: SMALL[k] for k in ("weights", "faces", "frames", "size")}, encoder="r2plus1d18"),
        "video",
        "video",
    )
    for i in (0, 7, len(index) - 1):
        part = recordings.arrays["video"][i]
        sha = "any"
        alone, _ = features_of(recipe, Piece(root / part["path"], int(part["first"]), int(part["last"]), sha=sha))
        np.testing.assert_allclose(stored.arrays["video"][i], alone[0], rtol=1e-4, atol=1e-5)
        number = int(recordings.sample[i].rpartition("/")[2])
        assert part["first"] - 1 <= number <= part["last"] + 1


@pytest.mark.parametrize("gaps", ["repeat", "black"])
def test_windows_with_gaps_keep_their_time(tmp_path, gaps):
    folder = tmp_path / "faces"
    for number in (1, 2, 3, 6, 7, 8):  # 4 and 5 are missing, and 9 at the end
        trees.write_picture(folder / f"{number:05d}.jpg", np.full((32, 32, 3), 20 * number, "uint8"))
    c = PrepareConfig(frames=9, size=16, faces="whole", gaps=gaps)
    pixels, _ = video_pixels(c, Piece(folder, 1, 9, sha="x"))
    shown = np.round(pixels[0].mean((1, 2, 3)) / 20).astype(int).tolist()
    assert shown == {"repeat": [1, 2, 3, 3, 3, 6, 7, 8, 8], "black": [1, 2, 3, 0, 0, 6, 7, 8, 0]}[gaps]
    closed, _ = video_pixels(
        PrepareConfig(frames=6, size=16, faces="whole", gaps="close"), Piece(folder, 1, 9, sha="x")
    )
    assert np.round(closed[0].mean((1, 2, 3)) / 20).tolist() == [1, 2, 3, 6, 7, 8]


def test_shards_are_written_on_the_way_and_few_files_wait_for_them(tmp_path, monkeypatch):
    root = trees.affwild2(tmp_path / "copy")
    how = SMALL | dict(encoder="r2plus1d18,resnet18_logmel")
    monkeypatch.setattr(planning, "SHARD", 8)
    prepare("affwild2_va", root=root, out=tmp_path / "whole", **how)
    waiting, original = [], piece_workers.save_piece

    def counted(out, *rest):
        original(out, *rest)
        files = [p for p in (out / ".work").rglob("*") if p.is_file() and p.name != "digests.json"]
        waiting.append(len(files))
        if len(waiting) == 21:
            raise KeyboardInterrupt

    monkeypatch.setattr(piece_workers, "save_piece", counted)
    with pytest.raises(KeyboardInterrupt):
        prepare("affwild2_va", root=root, out=tmp_path / "cut", **how)
    assert max(waiting) == 8 and len(list((tmp_path / "cut" / "shards").iterdir())) == 2
    prepare("affwild2_va", root=root, out=tmp_path / "cut", **how)
    files = {p.relative_to(tmp_path / "whole"): p.read_bytes() for p in (tmp_path / "whole").rglob("*") if p.is_file()}
    assert {p.relative_to(tmp_path / "cut") for p in (tmp_path / "cut").rglob("*") if p.is_file()} == set(files)
    assert all((tmp_path / "cut" / path).read_bytes() == content for path, content in files.items())


def test_overlapping_windows_of_a_folder_decode_a_picture_once(tmp_path, monkeypatch):
    from mtpkd.data import video

    root = trees.affwild2(tmp_path / "copy", frames=24)
    decoded = []
    original = video.read_picture
    monkeypatch.setattr(video, "read_picture", lambda path: decoded.append(str(path)) or original(path))
    how = SMALL | dict(encoder="r2plus1d18,resnet18_logmel", frames=16)
    prepare("affwild2_va", root=root, out=tmp_path / "set", **how)
    assert len(decoded) == len(set(decoded)) > 60


@pytest.mark.slow
def test_two_workers_make_the_bytes_of_one(tmp_path):
    "Each computes groups of windows of one recording"
    root = trees.affwild2(tmp_path / "copy", frames=36)
    how = SMALL | dict(encoder="r2plus1d18,resnet18_logmel")
    made = {}
    for jobs in (1, 2):
        out = tmp_path / f"set{jobs}"
        prepare("affwild2_va", root=root, out=out, **how | dict(jobs=jobs))
        made[jobs] = {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()}
    assert made[1] == made[2] and len(made[1]) > 4


def test_faces_that_lie_too_deep_are_no_whole_pictures(tmp_path):
    "Crops that the search does not reach are refused: the pictures of the videos would stand for faces"
    root = trees.affwild2(tmp_path / "root", frames=16)
    faces = root / "cropped_aligned"
    below = root / "data" / "cropped_aligned" / "batch1" / "cropped_aligned"
    below.parent.mkdir(parents=True)
    faces.rename(below)
    c = check("affwild2_va", root)
    assert c.usable and ("faces", None, "cropped") in [tuple(f) for f in c.facts], check_text(c)
    deeper = below.with_name("a") / "b" / "c"
    deeper.parent.mkdir(parents=True)
    below.rename(deeper)
    assert "folders of faces" in refusal("affwild2_va", root)
    shutil.rmtree(root / "data")
    (root / "cropped_aligned").mkdir()
    (root / "cropped_aligned" / "batch1.zip").write_bytes(b"PK")  # not unpacked
    assert "unpack or move them" in refusal("affwild2_va", root)
    s = read(f"affwild2_va@{root}", ["audio"], inputs=False, files=True)
    assert len(s) and s.presence.all(), "sound alone needs no faces"


def test_empty_lines_at_the_end_of_labels_are_no_frames(tmp_path):
    root = trees.affwild2(tmp_path / "root", frames=16)
    for path in root.rglob("VA_Estimation_Challenge/*/*.txt"):
        path.write_text(path.read_text() + "\n\n  \n")
    c = check("affwild2_va", root)
    assert c.findings == [] and c.usable, check_text(c)
