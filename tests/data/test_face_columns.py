"Tables of faces of one set have the same columns; a table that differs is named with its columns, before anything is prepared."

import numpy as np
import pandas as pd
import pytest
import yaml
from mtpkd.cli.main import main
from mtpkd.core.errors import InputError
from mtpkd.data.reading import read
from mtpkd.features.prepare import prepare

OPENFACE = ["AU01_r", "AU12_r", "AU45_r", "gaze_angle_x", "gaze_angle_y"]


def table(path, columns=OPENFACE, frames=10, sure="confidence", success=1, value=None):
    "A table of a face as a program writes it; `value` in place of all numbers"
    random = np.random.default_rng(len(str(path)))
    values = {name: random.random(frames) if value is None else [value] * frames for name in columns}
    frame = pd.DataFrame({"frame": range(1, frames + 1), sure: [0.95] * frames, **values})
    if sure == "confidence":
        frame.insert(1, "timestamp", np.arange(frames) / 25)
        frame.insert(3, "success", [success] * frames)
    frame.to_csv(path, index=False)


@pytest.fixture
def faces(tmp_path):
    "Six tables of faces of two people; the path of the manifest"
    root = tmp_path / "faces"
    root.mkdir()
    rows = []
    for i in range(6):
        table(root / f"r{i}.csv")
        rows.append(dict(sample=f"r{i}", subject=f"s{i // 3}", label=["calm", "pain"][i % 2], face=f"r{i}.csv"))
    pd.DataFrame(rows).to_csv(root / "samples.csv", index=False)
    values = dict(
        name="faces",
        reader="table",
        files={"table": {"path": "samples.csv"}},
        task=dict(kind="classification", target="label", classes=["calm", "pain"]),
        subject="subject",
        sample="sample",
        modalities={"face": dict(kind="track", rate_hz=25, role="prevalent")},
    )
    (root / "manifest.yaml").write_text(yaml.safe_dump(values))
    return root / "manifest.yaml"


PYFEAT = dict(columns=["AU01", "AU12", "AU45"], sure="FaceScore")
DIFFERENT = {  # tables -> how they differ, what is said
    "fewer": ({3: dict(columns=OPENFACE[1:])}, "r3.csv lacks AU01_r, unlike r0.csv"),
    "more": ({1: dict(columns=["AU02_r", *OPENFACE])}, "r1.csv alone has AU02_r, unlike r0.csv"),
    "as many others": ({0: dict(columns=["AU02_r", *OPENFACE[1:]])}, "r0.csv lacks AU01_r and alone has AU02_r"),
    "another program": ({5: PYFEAT}, "r5.csv lacks AU01_r, AU12_r, AU45_r and alone has AU01, AU12, AU45"),
    "another program in several": ({5: PYFEAT, 2: PYFEAT}, r"2 against 4 tables, columns au"),
}


@pytest.mark.parametrize("encoder", ["face_statistics", "face_series"])
@pytest.mark.parametrize("name", DIFFERENT)
def test_a_table_with_other_columns_is_named(name, encoder, faces, tmp_path):
    tables, said = DIFFERENT[name]
    for number, how in tables.items():
        table(faces.parent / f"r{number}.csv", **how)
    with pytest.raises(InputError, match=f"modality face: .*{said}"):
        prepare(faces, out=tmp_path / "out", encoder=encoder, jobs=1, progress=False)
    assert not (tmp_path / "out").exists()


def test_columns_that_become_no_features_may_differ(faces, tmp_path):
    table(faces.parent / "r2.csv", columns=OPENFACE[:3])
    table(faces.parent / "r4.csv", columns=[*OPENFACE[::-1], "pose_Rx"])  # their order is no difference either
    found = read(prepare(faces, out=tmp_path / "out", jobs=1, progress=False))
    assert found.arrays["face"].shape == (6, 12) and found.presence.all()
    with pytest.raises(InputError, match="r4.csv alone has pose_Rx"):
        prepare(faces, out=tmp_path / "pose", set="columns=au+pose", jobs=1, progress=False)


def test_other_forms_of_the_same_table_are_no_difference(faces, tmp_path):
    frame = pd.read_csv(faces.parent / "r1.csv")
    frame.rename(columns=lambda name: f" {name}").to_csv(faces.parent / "r1.csv", index=False, sep=";")
    (faces.parent / "r2.csv").write_bytes((faces.parent / "r2.csv").read_text().encode("utf-16"))
    found = read(prepare(faces, out=tmp_path / "out", jobs=1, progress=False))
    assert found.presence.all()


def test_unreadable_tables_are_named_with_their_reason(faces, tmp_path, capsys):
    folder = faces.parent
    (folder / "r1.csv").write_text((folder / "r1.csv").read_text().splitlines()[0] + "\n")
    table(folder / "r2.csv", success=0)
    table(folder / "r3.csv", value=float("nan"))
    (folder / "r4.csv").write_text("")
    words = ["data", "prepare", str(faces), "--out", str(tmp_path / "out"), "--jobs", "1"]
    assert main(words) == 0
    said = capsys.readouterr().out
    print(said)
    assert "2 of 6 samples" in said and "4 unreadable" in said
    for name in ("r1.csv", "r2.csv", "r3.csv", "r4.csv"):
        (line,) = [line for line in said.splitlines() if name in line]
        assert len(line.split(name)[1]) > 10, line


def raw_set(root, features, rows=12):
    "A set of numbers whose manifest states no shape"
    root.mkdir()
    x = np.random.default_rng(0).normal(size=(rows, *features)).astype("float32")
    np.savez(root / "x.npz", eda=x, label=np.arange(rows) % 2, subject=np.arange(rows) // 3)
    values = dict(
        name="numbers",
        reader="npz",
        files={"data": {"path": "x.npz"}},
        task=dict(kind="classification", target="label", classes=["calm", "pain"]),
        subject="subject",
        modalities={"eda": dict(kind="features", role="prevalent")},
    )
    (root / "manifest.yaml").write_text(yaml.safe_dump(values))
    return root / "manifest.yaml"


@pytest.mark.parametrize("width", [1, 7])
def test_a_summary_states_the_shape_that_a_manifest_does_not(width, tmp_path, capsys):
    manifest = raw_set(tmp_path / "set", (width,))
    assert main(["data", "prepare", str(manifest), "--out", str(tmp_path / "out"), "--jobs", "1"]) == 0
    assert f"eda: 12 of 12 samples as features {width}, 0 not recorded" in capsys.readouterr().out


def test_many_faults_are_cut_and_counted(faces, tmp_path, capsys):
    "Samples with one reason share a line"
    rows = pd.read_csv(faces.parent / "samples.csv")
    more = [rows.iloc[[i % 6]].assign(sample=f"w{i}", face_first=90 + i // 5, face_last=95 + i // 5) for i in range(60)]
    pd.concat([rows.assign(face_first=1, face_last=10), *more]).to_csv(faces.parent / "samples.csv", index=False)
    assert main(["data", "prepare", str(faces), "--out", str(tmp_path / "out"), "--jobs", "1"]) == 0
    said = capsys.readouterr().out
    assert "6 of 66 samples" in said and "60 unreadable" in said and "and for " in said
    assert len(said.splitlines()) == 13
