"What the files of a corpus hold: any cell becomes a number or a finding, any head line columns or a finding."

import re, warnings
import numpy as np, pandas as pd, pytest
from hypothesis import given, settings, strategies as st
import corpus_trees as trees
from mtpkd.core.errors import InputError
from mtpkd.data.check import check
from mtpkd.data.corpora.scan import number_of, whole_number_of
from mtpkd.data.manifest import load_manifest
from mtpkd.data.reading import read

FEATURES = "Feature Extraction/Features/ecg_features.csv"
ANNOTATION = "5th ABAW Annotations/VA_Estimation_Challenge/Train_Set/video7.txt"
PULSE = "biosignals_filtered/071309_w_21/071309_w_21-BL1-001_bio.csv"
FILES = {  # set, maker of its tree, file that is changed
    "stress_predict labels": ("stress_predict", lambda root: trees.stress_predict(root, seconds=120), trees.LABELS),
    "stress_predict pulse": (
        "stress_predict",
        lambda root: trees.stress_predict(root, seconds=120),
        "Raw_data/S02/BVP.csv",
    ),
    "stress_predict motion": (
        "stress_predict",
        lambda root: trees.stress_predict(root, seconds=120),
        "Raw_data/S02/ACC.csv",
    ),
    "stressid table": ("stressid", trees.stressid, FEATURES),
    "stressid skin": ("stressid", trees.stressid, "Feature Extraction/Features/eda_features.csv"),
    "ceap ratings": ("ceap", trees.ceap, "3_AnnotationData/Frame/P1_Annotation_FrameData.json"),
    "ceap eyes": ("ceap", trees.ceap, "4_BehaviorData/EM_Fixation/P1_Behavior_FixationData.json"),
    "ceap head": ("ceap", trees.ceap, "4_BehaviorData/HM_ScanPath/P1_Behavior_HeadScanPathData.json"),
    "affwild2 labels": ("affwild2_va", lambda root: trees.affwild2(root, frames=12), ANNOTATION),
    "biovid index": (
        "biovid_a",
        lambda root: trees.biovid(root, trees.SUBJECTS[:2], ["BL1", "PA4"], frames=5),
        "starting_point/samples.csv",
    ),
    "biovid pulse": ("biovid_a", lambda root: trees.biovid(root, trees.SUBJECTS[:2], ["BL1", "PA4"], frames=5), PULSE),
}
ODD = [
    "2.0",
    "P2",
    "n/a",
    "",
    "nan",
    "inf",
    "-1",
    "1e400",
    "9" * 30,
    "1_0",
    "٣",
    '"',
    "a\tb",
    "a,b",
    "\ufeff",
    "\0",
    "[]",
    "1e15",
    "0x1",
    "é",
]
ODD_FILES = [
    b"\xef\xbb\xbf",
    b"\n",
    b"\xff\xfe\0",
    b" \n \n",
    b"{}",
    b"[]",
    b"null",
    b"[" * 5000,
    b'"',
    b",,,\n,,,\n",
    b"a" * 200_000,
    b"1\n" * 3,
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    "One copy of each tree"
    made = {}

    def get(kind):
        name, make, file = FILES[kind]
        if (name, file) not in made:
            made[name, file] = make(tmp_path_factory.mktemp("tree") / "copy")
        return name, made[name, file], file

    return get


def names_of(name):
    "The modalities that are read here: all but video and sound, which need files"
    return [n for n, spec in load_manifest(name).modalities.items() if spec.kind not in ("video", "audio")] or None


def look(name, root):
    "Check and reading of a changed copy: findings, and samples or one line"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = check(name, root)
        try:
            names = names_of(name)
            samples = read(load_manifest(f"{name}@{root}"), names, inputs=False, files=names is None)
        except InputError as e:
            assert "\n" not in str(e) and len(str(e)) < 700
            samples = None
    assert all("\n" not in str(finding) for finding in found.findings)
    return found, samples


def changed(root, file, content):
    "Put `content` in place of a file; returns what puts the old one back"
    path = root / file
    before = path.read_bytes()
    path.write_bytes(content)
    return lambda: path.write_bytes(before)


@pytest.mark.parametrize("kind", FILES)
def test_odd_files_are_findings(whole, kind):
    name, root, file = whole(kind)
    for content in ODD_FILES:
        put_back = changed(root, file, content)
        try:
            found, _ = look(name, root)
        finally:
            put_back()
        assert found.findings, content[:20]


@pytest.mark.parametrize("kind", FILES)
@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_odd_cells_are_numbers_or_findings(whole, kind, data):
    name, root, file = whole(kind)
    text = (root / file).read_text()
    cells = list(re.finditer(r"[^,\t\n:{}\[\] ]+", text))
    start = data.draw(st.sampled_from([0, 0, 12, len(cells) // 2, len(cells) - 9]))
    cell = cells[data.draw(st.integers(start, min(start + 8, len(cells) - 1)))]
    odd = data.draw(st.sampled_from(ODD))
    put_back = changed(root, file, (text[: cell.start()] + odd + text[cell.end() :]).encode())
    try:
        look(name, root)
    finally:
        put_back()


@pytest.mark.parametrize("cell", ["P2", "n/a", "", "2.5", "nan"])
@pytest.mark.parametrize("column", ["Participant", "Label"])
def test_a_row_of_labels_that_cannot_be_read_is_one_finding(whole, cell, column):
    name, root, file = whole("stress_predict labels")
    frame = pd.read_csv(root / file, dtype=str)
    frame.loc[7, column] = cell
    put_back = changed(root, file, frame.to_csv(index=False).encode())
    try:
        found, samples = look(name, root)
    finally:
        put_back()
    assert [f.where for f in found.findings] == [f"row 9, column {column}"] and len(samples)


def test_whole_numbers_with_a_point_and_quotes_are_what_they_say(whole):
    name, root, file = whole("stress_predict labels")
    _, before = look(name, root)
    frame = pd.read_csv(root / file, dtype=str)
    dotted = frame.assign(Participant=frame["Participant"] + ".0", Label=frame["Label"] + ".0")
    for content in (
        dotted.to_csv(index=False),
        frame.to_csv(index=False, quoting=1),
        "\ufeff" + frame.to_csv(index=False, lineterminator="\r\n"),
    ):
        put_back = changed(root, file, content.encode())
        try:
            found, after = look(name, root)
        finally:
            put_back()
        assert found.findings == [] and (after.sample == before.sample).all() and (after.target == before.target).all()


def test_quoted_features_are_features(whole):
    name, root, file = whole("stressid table")
    _, before = look(name, root)
    frame = pd.read_csv(root / file, dtype=str)
    put_back = changed(root, file, frame.to_csv(index=False, quoting=2).encode())
    try:
        found, after = look(name, root)
    finally:
        put_back()
    assert found.findings == [] and np.array_equal(after.arrays["ecg"], before.arrays["ecg"])


PICKLES = {
    "signal": [None, {"wrist": 3}, {"wrist": {"EDA": "x"}}, {"wrist": {"EDA": [[1], [2, 3]]}}],
    "label": [None, 3, np.zeros((3, 2)), [[1], [2, 3]]],
    "subject": [None, b"\xff"],
}


@pytest.mark.parametrize("key", PICKLES)
def test_a_pickle_of_other_things_loses_its_subject_alone(tmp_path, key):
    trees.wesad(tmp_path, ("S2", "S3"))
    names = ["wrist_eda"]
    alone = len(read(load_manifest(f"wesad@{tmp_path}"), names, inputs=False)) // 2
    for value in PICKLES[key]:
        content = trees.wesad_subject("S3", 1)
        content[key] = value
        trees.save_pickle(tmp_path / "S3" / "S3.pkl", content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert check("wesad", tmp_path).findings
            if key != "subject":
                samples = read(load_manifest(f"wesad@{tmp_path}"), names, inputs=False)
                assert (samples.subject == "S2").sum() == alone


@pytest.mark.parametrize("name", ["wesad", "stress_predict", "ceap"])
@pytest.mark.parametrize("step", [0.25, 0.5, 1 / 3, 2.5, 5])
def test_windows_have_names_of_their_own(tmp_path, name, step):
    "WESAD's own protocol moves a window by a quarter of a second"
    make = {
        "wesad": lambda: trees.wesad(tmp_path, ("S2",)),
        "stress_predict": lambda: trees.stress_predict(tmp_path, (2,)),
    }
    make.get(name, lambda: trees.ceap(tmp_path, (1,)))()
    m = load_manifest(f"{name}@{tmp_path}")
    m = m.model_copy(update={"options": m.options | {"step_s": step}})
    first = next(n for n, spec in m.modalities.items() if spec.role != "unused")
    samples = read(m, [first], inputs=False)
    assert len(set(samples.sample)) == len(samples) > 10 / step / 4


@pytest.mark.parametrize("name", ["wesad", "stress_predict", "ceap"])
@pytest.mark.parametrize(
    "options", [{"step_s": 0}, {"step_s": "x"}, {"window_s": None}, {"window_s": -1}, {"labels": {"one": "calm"}}]
)
def test_wrong_options_are_one_line(tmp_path, name, options):
    make = {
        "wesad": lambda: trees.wesad(tmp_path, ("S2",)),
        "stress_predict": lambda: trees.stress_predict(tmp_path, (2,)),
    }
    make.get(name, lambda: trees.ceap(tmp_path, (1,)))()
    m = load_manifest(f"{name}@{tmp_path}")
    m = m.model_copy(update={"options": m.options | options})
    first = next(n for n, spec in m.modalities.items() if spec.role != "unused")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(m, [first], inputs=False)
    except InputError as e:
        assert "\n" not in str(e) and name in str(e)


@given(st.one_of(st.text(max_size=50), st.floats(), st.integers(), st.none(), st.booleans(), st.binary(max_size=9)))
def test_a_cell_is_a_finite_number_or_none(cell):
    value, whole = number_of(cell), whole_number_of(cell)
    assert value is None or np.isfinite(value)
    assert whole is None or (isinstance(whole, int) and whole == value)


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["{!r}", "{:.6e}", " {:+.3f} "]))
def test_numbers_are_read_back(value, form):
    text = form.format(value)
    assert len(text) > 40 or number_of(text) == float(text)
