"A stranger's data: whatever is wrong with it is one line that names the place and the mend, and nothing in it is executed."

import os, pickle, zipfile
import numpy as np, pandas as pd, pytest, yaml
from mtpkd.core.errors import InputError
from mtpkd.data.npz_files import load_arrays
from mtpkd.data.save import npz_bytes, save_set
from mtpkd.data.reading import read

N = 8
TASK = {"kind": "classification", "target": "label", "classes": ["calm", "stress"]}
VALUES = {"kind": "regression", "target": "va", "names": ["valence", "arousal"], "range": [-1, 1], "invalid": -5}


def parts():
    random = np.random.default_rng(0)
    return {
        "face": random.normal(size=(N, 3)).astype("float32"),
        "ecg": random.normal(size=(N, 1, 40)).astype("float32"),
        "label": np.array(["calm", "stress"] * 4),
        "va": np.zeros((N, 2), "float32"),
        "subject": np.repeat(list("abcd"), 2),
        "sample": np.array([f"x{i}" for i in range(N)]),
    }


def manifest(folder, **changes):
    "A manifest in `folder`, whose arrays are in arrays.npz"
    values = {
        "name": "mine",
        "files": {"arrays": {"path": "arrays.npz"}},
        "task": TASK,
        "subject": "subject",
        "sample": "sample",
        "modalities": {
            "face": {"kind": "features", "shape": [3], "role": "prevalent"},
            "ecg": {
                "kind": "signal",
                "shape": [1, 40],
                "rate_hz": 50,
                "role": "privileged",
                "input": "window_statistics",
            },
        },
    } | changes
    (folder / "manifest.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    return folder / "manifest.yaml"


def made(folder, changes=(), **other):
    "A set whose arrays are `parts()` with `changes`"
    (folder / "arrays.npz").write_bytes(
        npz_bytes({k: v for k, v in (parts() | dict(changes)).items() if v is not None})
    )
    return manifest(folder, **other)


def complaint(path, **kw) -> str:
    "The message about a set that cannot be read: one line that names the set or its file"
    with pytest.raises(InputError) as e:
        read(path, **kw)
    said = str(e.value)
    assert "\n" not in said and len(said) > 20 and ("mine" in said or str(path.parent) in said), said
    return said


def spoiled(key, value, at):
    x = parts()[key].astype(object if isinstance(value, str) else parts()[key].dtype)
    x[at] = value
    return {key: x.astype(str) if isinstance(value, str) else x}


def test_the_set_itself_is_fine(tmp_path):
    s = read(made(tmp_path))
    assert len(s) == N and s.presence.all() and s.arrays["ecg"].shape == (N, 11)
    lost = read(made(tmp_path, {"ecg": np.where(np.arange(N)[:, None, None] < 2, np.nan, parts()["ecg"])}))
    assert lost.presence[:, 1].tolist() == [False] * 2 + [True] * 6 and not lost.arrays["ecg"][:2].any()


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"face": None}, ["arrays.npz", "no array 'face'"]),
        ({"label": None, "labels": parts()["label"]}, ["no array 'label'", "did you mean labels?"]),
        ({"subject": None}, ["no array 'subject'"]),
        ({"face": parts()["face"][:, :2]}, ["face has shape (8, 2), expected (8, 3)", "modalities.face.shape"]),
        ({"face": parts()["face"][:5]}, ["face has 5 rows, the target has 8"]),
        ({"ecg": parts()["ecg"][:, 0]}, ["ecg has shape (8, 40), expected (8, 1, 40)"]),
        ({"face": np.float32(3)}, ["face"]),
        ({"face": parts()["face"].astype(str)}, ["face has dtype", "expected numbers"]),
        ({"face": parts()["face"].astype(complex)}, ["face has dtype complex128"]),
        ({"subject": parts()["subject"][:3]}, ["subject has shape (3,), expected (8,)"]),
        ({"label": np.zeros((8, 2), int)}, ["label has shape (8, 2)"]),
        ({"label": np.zeros(0, int)}, ["N > 0"]),
        (spoiled("face", np.nan, (4, 1)), ["face: sample x4 is NaN in 1 of 3 values", "whole row"]),
        (spoiled("ecg", np.nan, (4, 0, slice(5))), ["ecg: sample x4 is NaN in 5 of 40 values"]),
        (spoiled("face", np.inf, (2, 0)), ["face: sample x2 holds an infinite value"]),
        (spoiled("ecg", -np.inf, (2, 0, 0)), ["ecg: sample x2 holds an infinite value"]),
        (spoiled("label", "angry", 3), ["label: sample x3 is angry, expected one of calm, stress"]),
        ({"label": np.array([0, 1, 0, 1, 0, 1, 0, 2])}, ["sample x7 is 2"]),
        ({"label": np.array([0, -1] * 4)}, ["sample x1 is -1"]),
        ({"label": np.array([0, 0.5] * 4)}, ["expected one of calm, stress"]),
        (spoiled("sample", "x0", 5), ["sample id x0 occurs 2 times"]),
        (spoiled("subject", "", 5), ["subject is empty in row 5"]),
    ],
    ids=lambda v: v[0][:40] if isinstance(v, list) else "",
)
def test_wrong_arrays(tmp_path, changes, words):
    said = complaint(made(tmp_path, changes))
    assert all(w in said for w in words), said


@pytest.mark.parametrize(
    "values, words",
    [
        (np.full((N, 2), 1.5), ["va: sample x0", "outside the range"]),
        (np.full((N, 2), np.inf), ["va", "infinite"]),
        (np.zeros((N, 3)), ["va has 3 columns, expected 2"]),
        (np.full((N, 2), "high"), ["va has dtype", "expected numbers"]),
    ],
)
def test_wrong_values(tmp_path, values, words):
    said = complaint(made(tmp_path, {"va": values}, task=VALUES))
    assert all(w in said for w in words), said


def test_values_that_nobody_annotated_are_no_error(tmp_path):
    va = np.array([[0, 0.5], [-5, -5], [np.nan, 0.1]] + [[0, 0]] * 5)
    assert np.isnan(read(made(tmp_path, {"va": va}, task=VALUES)).target).sum() == 3


def test_unknown_names(tmp_path):
    assert "unknown modality 'fase'; did you mean face?" in complaint(made(tmp_path), names=["fase"])
    assert "unknown reader 'nzp'; did you mean npz?" in _said(made(tmp_path, reader="nzp"))
    said = _said(made(tmp_path, modalities={"face": {"kind": "features", "role": "prevalent", "input": "raww"}}))
    assert "modality face" in said and "did you mean raw?" in said


def _said(path):
    with pytest.raises(InputError) as e:
        read(path)
    return str(e.value)


# files


def test_missing_and_corrupt_files(tmp_path):
    path = made(tmp_path)
    whole = (tmp_path / "arrays.npz").read_bytes()
    for cut in (0, 1, 10, len(whole) // 2, len(whole) - 10):
        (tmp_path / "arrays.npz").write_bytes(whole[:cut])
        assert "arrays.npz: not a readable .npz file" in complaint(path)
    (tmp_path / "arrays.npz").write_bytes(b"PK\3\4" + b"\0" * 500)
    complaint(path)
    (tmp_path / "arrays.npz").write_bytes(b"no archive at all")
    complaint(path)
    (tmp_path / "arrays.npz").unlink()
    assert "arrays.npz: missing" in complaint(path)


def test_one_flipped_byte_is_noticed(tmp_path):
    "Not read as other numbers, wherever it is: an error, or the same arrays (a byte that nothing depends on)"
    path, random = made(tmp_path), np.random.default_rng(1)
    whole, before, noticed = (tmp_path / "arrays.npz").read_bytes(), read(path), 0
    for at in random.integers(0, len(whole), 150):
        (tmp_path / "arrays.npz").write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        try:
            after = read(path)
        except InputError:
            noticed += 1
        else:
            assert (
                all(np.array_equal(after.arrays[k], before.arrays[k]) for k in before.arrays)
                and (after.target == before.target).all()
            )
    assert noticed > 75


def test_wrong_checksum(tmp_path):
    path = save_set(
        tmp_path / "set", "mine", {"face": parts()["face"]}, parts()["label"], TASK, roles={"face": "prevalent"}
    )
    read(path)
    (path.parent / "arrays.npz").write_bytes(npz_bytes({"face": parts()["face"] * 2, "label": parts()["label"]}))
    assert "wrong checksum (expected" in complaint(path)


class Bomb:
    def __init__(self, flag):
        self.flag = flag

    def __reduce__(self):
        return os.mkdir, (str(self.flag),)


def test_pickles_are_refused_and_not_executed(tmp_path):
    flag = tmp_path / "executed"
    path = made(tmp_path)
    np.savez(tmp_path / "arrays.npz", **parts() | {"face": np.array([Bomb(flag)] * N, dtype=object)})
    assert "array 'face' holds Python objects, a pickle, which is refused" in complaint(path)
    for disguise in ("arrays.npz", "x.npy"):
        (tmp_path / disguise).write_bytes(pickle.dumps(Bomb(flag)))
        complaint(manifest(tmp_path, files={"arrays": {"path": disguise}}))
    np.save(tmp_path / "bomb.npy", np.array([Bomb(flag)], dtype=object))
    assert "bomb.npy" in complaint(tabled(tmp_path, ecg=["bomb.npy"] * N))
    assert not flag.exists()
    with pytest.raises(FileNotFoundError):
        pickle.loads(pickle.dumps(Bomb(tmp_path / "no" / "folder")))  # the bomb is live


def test_an_archive_of_something_else(tmp_path):
    path = made(tmp_path)
    with zipfile.ZipFile(tmp_path / "arrays.npz", "w") as z:
        for name in parts():
            z.writestr(name, "text")
    assert "is not an array" in complaint(path)
    with pytest.raises(InputError, match="no array"):
        load_arrays(tmp_path / "arrays.npz", ["../face"])


# paths


@pytest.mark.parametrize("path", ["../arrays.npz", "/etc/hostname", "sub/../../arrays.npz"])
def test_paths_stay_inside(tmp_path, path):
    (tmp_path / "set").mkdir()
    made(tmp_path)
    assert "leaves the folder" in complaint(manifest(tmp_path / "set", files={"arrays": {"path": path}}))


def test_links_do_not_lead_out(tmp_path):
    inside = tmp_path / "set"
    inside.mkdir()
    made(tmp_path)
    (inside / "arrays.npz").symlink_to(tmp_path / "arrays.npz")
    assert "leaves the folder" in complaint(manifest(inside))
    (inside / "up").symlink_to(tmp_path)
    assert "leaves the folder" in complaint(manifest(inside, files={"arrays": {"path": "up/arrays.npz"}}))


# tables


def tabled(folder, suffix="csv", **changes):
    "A set as a table; the signal in one file a sample"
    p = parts()
    (folder / "ecg").mkdir(exist_ok=True)
    for i, e in enumerate(p["ecg"]):
        np.save(folder / "ecg" / f"{i}.npy", e)
    columns = {f"face_{j}": p["face"][:, j] for j in range(3)} | {k: p[k] for k in ("label", "subject", "sample")}
    columns = columns | {"ecg": [f"ecg/{i}.npy" for i in range(N)]} | changes
    frame = pd.DataFrame({k: v for k, v in columns.items() if v is not None})
    frame.to_csv(folder / "t.csv", index=False) if suffix == "csv" else frame.to_parquet(folder / "t.parquet")
    return manifest(folder, reader="table", files={"table": {"path": f"t.{suffix}"}})


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_gives_the_same_samples(tmp_path, suffix):
    a, b = read(tabled(tmp_path, suffix)), read(made(tmp_path))
    for k in b.arrays:
        np.testing.assert_allclose(a.arrays[k], b.arrays[k], rtol=1e-5, atol=1e-5)
    assert (a.target == b.target).all() and (a.subject == b.subject).all() and (a.sample == b.sample).all()


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"label": None}, ["no column 'label' for the target"]),
        ({"ecg": None}, ["no column 'ecg' for modality ecg"]),
        ({"face_2": None}, ["face has shape (8, 2), expected (8, 3)"]),
        ({"face_1": ["x"] * N}, ["column 'face_1'", "row 1 is 'x'"]),
        ({"face_1": [1, None] * 4}, ["sample x1 is NaN in 1 of 3"]),
        ({"subject": ["a", ""] * 4}, ["subject is empty in row 1"]),
        ({"sample": ["x"] * N}, ["sample id x occurs 8 times"]),
        ({"ecg": ["../arrays.npz"] * N}, ["row 1", "leaves the folder"]),
        ({"ecg": ["/etc/hostname"] * N}, ["leaves the folder"]),
        ({"ecg": ["ecg/90.npy"] * N}, ["none of the 8 files named is there"]),
        ({"ecg": ["t.csv"] * N}, ["t.csv: row 2 holds 'calm', expected a number"]),
        ({"ecg": ["manifest.yaml"] * N}, ["manifest.yaml: expected a .npy, .npz or .csv file"]),
    ],
    ids=lambda v: v[0][:40] if isinstance(v, list) else "",
)
def test_wrong_tables(tmp_path, changes, words):
    (tmp_path / "manifest.yaml").write_text("")
    said = complaint(tabled(tmp_path, **changes))
    assert "t.csv" in said and all(w in said for w in words), said


def test_links_in_a_table_do_not_lead_out(tmp_path):
    inside = tmp_path / "set"
    inside.mkdir()
    np.save(tmp_path / "secret.npy", parts()["ecg"][0])
    (inside / "link.npy").symlink_to(tmp_path / "secret.npy")
    assert "leaves the folder" in complaint(tabled(inside, ecg=["link.npy"] * N))


def test_broken_tables(tmp_path):
    path = tabled(tmp_path)
    for content in (b"", b"\xff\xfe\x00\x01", b'label,"subject\n1,2', b"a,b\n1,2,3\n"):
        (tmp_path / "t.csv").write_bytes(content)
        assert "t.csv" in complaint(path)
    (tmp_path / "t.parquet").write_bytes(b"PAR1 no")
    assert "t.parquet: cannot be read as .parquet" in complaint(
        manifest(tmp_path, reader="table", files={"table": {"path": "t.parquet"}})
    )


# writing


def test_nothing_half_written(tmp_path, monkeypatch):
    "A disk that fills up while a set is written leaves no manifest behind, and the next attempt succeeds"
    go = lambda: save_set(
        tmp_path / "set", "mine", {"face": parts()["face"]}, parts()["label"], TASK, roles={"face": "prevalent"}
    )

    def full(*args):
        raise OSError("no space left on device")

    with monkeypatch.context() as m:
        m.setattr(os, "fsync", full)
        with pytest.raises(OSError):
            go()
    assert list((tmp_path / "set").iterdir()) == []
    assert len(read(go())) == N
