"Tables of faces with faults that a careless copy or export makes: the check names the file and what is wrong with it."

import numpy as np, pandas as pd, pytest, yaml
from mtpkd.cli.main import main
from mtpkd.data.check import check, check_text

UNITS = [f"AU{number:02d}_r" for number in (1, 4, 6, 12)]


def openface(path, seed, frames=50, rate=25.0):
    "A table as OpenFace writes it"
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"frame": np.arange(1, frames + 1), "face_id": 0})
    table["timestamp"] = (np.arange(frames) / rate).round(3)
    table["confidence"], table["success"] = 0.98, 1
    table["gaze_angle_x"], table["pose_Rx"] = rng.normal(size=(2, frames)).round(3)
    table[UNITS] = rng.uniform(0, 5, (frames, len(UNITS))).round(2)
    table.to_csv(path, index=False)


@pytest.fixture
def faces(tmp_path):
    "The manifest of a set of six tables"
    (tmp_path / "face").mkdir()
    rows = ["face,who,label"]
    for i in range(6):
        openface(tmp_path / "face" / f"r{i}.csv", i)
        rows.append(f"face/r{i}.csv,p{i // 2},{'ab'[i % 2]}")
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    manifest = dict(
        name="faces_of_six",
        reader="table",
        files={"table": {"path": "t.csv"}},
        subject="who",
        task=dict(kind="classification", target="label", classes=["a", "b"]),
        modalities={"face": dict(kind="track", rate_hz=25, role="prevalent")},
    )
    (tmp_path / "manifest.yaml").write_text(yaml.safe_dump(manifest))
    return tmp_path / "manifest.yaml"


def found(manifest):
    c = check(manifest)
    assert "nothing is wrong" not in check_text(c)
    return c


def edited(manifest, change, name="r3"):
    path = manifest.parent / "face" / f"{name}.csv"
    table = pd.read_csv(path)
    changed = change(table)
    (table if changed is None else changed).to_csv(path, index=False)


def set_column(column, value):
    def change(table):
        table[column] = value(table) if callable(value) else value

    return change


def test_whole_tables_are_silent(faces):
    assert check_text(check(faces)).count("nothing is wrong") == 1


LOST = {
    "times reversed": (set_column("timestamp", lambda t: t["timestamp"].to_numpy()[::-1]), "time that goes on"),
    "times all equal": (set_column("timestamp", 0.0), "time that goes on"),
    "a clock that starts anew": (
        set_column("timestamp", lambda t: t["timestamp"] % 1),
        "timestamp of frame 26 is 0 after 0.96",
    ),
    "per cent": (set_column("confidence", 98), "expected 0 to 1"),
    "nothing but names": (lambda table: table.iloc[:0], "holds no frame below"),
    "never a success": (set_column("success", 0), "a face in some frame"),
    "no confidence": (set_column("confidence", 0.0), "a face in some frame"),
    "a column without numbers": (set_column("AU06_r", np.nan), "AU06_r, of 4 columns"),
    "infinite": (set_column(["AU01_r", "AU12_r"], np.inf), "AU01_r, AU12_r, of 4"),
    "no time": (lambda table: table.astype({"timestamp": object}).assign(timestamp=np.nan), "time that goes on"),
}


@pytest.mark.parametrize("fault", LOST)
def test_a_table_that_cannot_be_used_is_named_and_left_out(faces, fault):
    change, words = LOST[fault]
    edited(faces, change)
    c = found(faces)
    (finding,) = c.findings
    assert (finding.level, finding.path) == ("lost", "face/r3.csv") and words in str(finding), finding
    assert c.usable and ("files of face", 6, 5) in c.facts


DOUBTS = {
    "another rate": (set_column("timestamp", lambda t: (t["timestamp"] * 25 / 30).round(3)), "found 30"),
    "unsure": (set_column("confidence", 0.6), "at most 0.6"),
    "a column that nobody uses": (set_column("gaze_angle_x", np.nan), "none in gaze_angle_x"),
    "another group": (lambda table: table.drop(columns="pose_Rx"), "without pose_Rx (1)"),
}


@pytest.mark.parametrize("fault", DOUBTS)
def test_an_odd_table_is_used_and_said(faces, fault):
    change, words = DOUBTS[fault]
    edited(faces, change)
    c = found(faces)
    (finding,) = c.findings
    assert (finding.level, finding.path) == ("suspect", "face/r3.csv") and words in str(finding) and c.usable


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda table: table.drop(columns=["AU01_r", "AU12_r"]), ["without AU01_r, AU12_r (2)"]),
        (lambda table: table.assign(AU45_r=1.0), ["also AU45_r (1)"]),
        (lambda table: table.rename(columns={"AU04_r": "AU05_r"}), ["without AU04_r (1); also AU05_r (1)"]),
    ],
)
def test_other_units_than_those_of_the_other_tables(faces, change, words, capsys):
    edited(faces, change)
    (finding,) = [f for f in found(faces).findings if f.level == "unusable"]
    assert finding.path == "face/r3.csv" and all(word in str(finding) for word in words)
    assert main(["data", "check", str(faces)]) == 2 and "r3.csv" in capsys.readouterr().err


def test_one_table_of_another_program(faces):
    table = pd.read_csv(faces.parent / "face" / "r3.csv")
    other = pd.DataFrame({"frame": table["frame"] - 1, "FaceScore": 0.99, "AU01": 1.0, "AU12": table["AU12_r"]})
    other.to_csv(faces.parent / "face" / "r3.csv", index=False)
    (finding,) = [f for f in found(faces).findings if f.level == "unusable"]
    assert (
        finding.path == "face/r3.csv" and "without AU01_r" in finding.found and "also AU01, AU12 (2)" in finding.found
    )


@pytest.mark.parametrize("step", [2, 5])
def test_every_second_frame_at_its_time_is_no_other_rate(faces, step):
    for i in range(6):
        edited(faces, lambda table: table.iloc[::step], f"r{i}")
    assert "nothing is wrong" in check_text(check(faces))


def test_two_faces_in_a_frame_are_no_clock_that_stands_still(faces):
    edited(faces, lambda table: pd.concat([table, table.assign(face_id=1, confidence=0.9)]).sort_values("frame"))
    assert "nothing is wrong" in check_text(check(faces))
