"Files of every format with something odd in them: values, or one line with the path and the remedy; never a traceback, a hang or code that runs."

import io
import json
import time
import zipfile
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import yaml
from hypothesis import given, settings, strategies as st
from mtpkd.core.config import ExperimentConfig, check_limits, from_dict
from mtpkd.core.errors import InputError
from mtpkd.core.yaml_files import apply_set, parse_yaml, read_yaml
from mtpkd.data.feature_store import write_shard
from mtpkd.data.manifest import parse_manifest
from mtpkd.data.npz_files import load_arrays
from mtpkd.data.reading import read

N = 6
FACE = np.arange(2.0 * N).reshape(N, 2).astype("float32")
LABELS = np.array(["calm", "stress"] * (N // 2))
WHO = np.repeat(list("abc"), 2)
VALUES = {
    "name": "mine",
    "files": {"arrays": {"path": "a.npz"}},
    "task": {"kind": "classification", "target": "label", "classes": ["calm", "stress"]},
    "subject": "who",
    "modalities": {"face": {"kind": "features", "role": "prevalent"}},
}


def manifest(folder, **changes):
    (folder / "manifest.yaml").write_text(yaml.safe_dump(VALUES | changes))
    return folder / "manifest.yaml"


def refused(call, *words) -> str:
    "The message of the one line in which `call` refuses its input"
    with pytest.raises(InputError) as e:
        call()
    said = str(e.value)
    assert "\n" not in said and len(said) < 1000 and all(word in said for word in words), said
    return said


# YAML

HOSTILE = [
    "!!timestamp x",
    "!!bool x",
    "!!int x",
    "!!int ''",
    "!!float x",
    "!!binary x",
    "!!binary aGVsbG8=",
    "!!set {a, b}",
    "!!omap [a: 1]",
    "!!pairs [a: 1]",
    "!!null x",
    "!!str [a]",
    "!!map 3",
    "!!seq {a: b}",
    "!!python/object/apply:os.system [exit]",
    "!!python/name:os.system",
    "!!python/tuple [1, 2]",
    "!foo {a: b}",
    "!<tag:yaml.org,2002:timestamp> 2020-13-01",
    "*nobody",
    "&a [*a]",
    "&a {b: *a}",
    "0x" + "f" * 20000,
    "9" * 6000,
    "9" * 25,
    "1:" * 3000 + "1",
    "0b" + "1" * 5000,
    "[" * 200 + "]" * 200,
    "{? [a] : b}",
    "{? {a: b} : c}",
    "{a: 1, a: 2}",
    "{<<: 3}",
    "{<<: [1, 2]}",
    "\x00",
    "=",
    "'unclosed",
    "[unclosed",
    "2020-13-45",
    "2020-01-31T25:61:61Z",
    "12:61:61",
    ".nan",
    ".inf",
    "1e999",
]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: value[:30])
def test_a_value_of_yaml_is_plain_or_refused(value, tmp_path):
    path = tmp_path / "hostile.yaml"
    path.write_text(f"a: {value}\n", errors="surrogatepass")
    started = time.perf_counter()
    try:
        got = read_yaml(path)
    except InputError as e:
        assert "hostile.yaml" in str(e) and "\n" not in str(e) and len(str(e)) < 500
    else:
        json.dumps(got)  # text, numbers, booleans, lists and mappings only
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("key", ["schedule.steps", "options.kd.temperature", "seeds", "manifest"])
@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: value[:30])
def test_a_setting_is_plain_or_refused(key, value):
    try:
        config = from_dict(ExperimentConfig, apply_set({}, [f"{key}={value}"]))
        check_limits(config)
    except InputError as e:
        assert "\n" not in str(e) and len(str(e)) < 10 * len(value) + 500


@given(st.text("ab01:-[]{}&*!?|>'\"%@`#,.<= \n\t", max_size=40))
@settings(max_examples=400, deadline=None, derandomize=True)
def test_any_text_as_yaml(text):
    try:
        json.dumps(parse_yaml(text, "text"), default=str)
    except InputError as e:
        assert "text" in str(e)


def test_files_that_are_long_or_grow(tmp_path):
    path = tmp_path / "long.yaml"
    laughs = "a0: &a0 [x, x]\n" + "".join(f"a{i + 1}: &a{i + 1} [*a{i}, *a{i}, *a{i}]\n" for i in range(40))
    merges = "a0: &a0 {x: 1}\n" + "".join(f"a{i + 1}: &a{i + 1} {{<<: [*a{i}, *a{i}]}}\n" for i in range(40))
    keys = "".join(f"key{i}: {i}\n" for i in range(70_000))
    deep = "".join("  " * i + f"k{i}:\n" for i in range(500))
    for text in (laughs, merges, keys, deep, "a: " + "x" * (1 << 21)):
        path.write_text(text)
        started = time.perf_counter()
        refused(lambda: read_yaml(path), "long.yaml")
        assert time.perf_counter() - started < 5


def test_a_manifest_of_many_keys_is_refused_soon(tmp_path):
    path = manifest(tmp_path)
    path.write_text(path.read_text() + "".join(f"extra{i}: {i}\n" for i in range(40_000)))
    started = time.perf_counter()
    refused(lambda: read(path), "extra0")
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_yaml_of_other_encodings(encoding, tmp_path):
    (tmp_path / "a.yaml").write_bytes("name: Jürg\n".encode(encoding))
    assert read_yaml(tmp_path / "a.yaml") == {"name": "Jürg"}


def test_settings_are_finite(tmp_path):
    for value in (".nan", ".inf", "-.inf", "nan", "inf"):
        for key in ("options.kd.temperature", "schedule.lr", "student.tnet_scale", "inner_validation", "ot.blur"):
            refused(lambda: check_limits(from_dict(ExperimentConfig, apply_set({}, [f"{key}={value}"]))), key)
    refused(lambda: parse_manifest(VALUES | {"hop_s": float("nan")}), "hop_s")
    refused(lambda: parse_manifest(VALUES | {"options": {"step_s": float("inf")}}), "options.step_s is inf")
    open_range = dict(kind="regression", target="y", names=["y"], range=[0, float("inf")])
    assert parse_manifest(VALUES | {"task": open_range}).task.range[1] == float("inf")


# arrays


def archive(folder, **changes):
    np.savez(folder / "a.npz", **({"face": FACE, "label": LABELS, "who": WHO} | changes))
    return manifest(folder)


ODD_ARRAYS = [
    np.float32(3),
    np.zeros(N, [("a", "f4")]),
    np.zeros(N, "timedelta64[s]"),
    np.zeros(N, complex),
    np.zeros((N, 2, 2)),
    np.zeros((N, 0)),
    np.zeros((0, 2)),
    np.zeros(N, "V8"),
    np.array([b"caf\xe9"] * N),
    np.array([""] * N),
    np.zeros(N + 1),
]


@pytest.mark.parametrize("key", ["face", "label", "who"])
@pytest.mark.parametrize("odd", ODD_ARRAYS, ids=lambda x: f"{x.dtype}{x.shape}"[:30])
def test_arrays_of_odd_types(key, odd, tmp_path):
    refused(lambda: read(archive(tmp_path, **{key: odd})))


def test_dates_and_bytes_are_ids(tmp_path):
    days = np.arange("2020-01-01", "2020-01-07", dtype="datetime64[D]")
    assert read(archive(tmp_path, who=days)).subject[0] == "2020-01-01"
    assert read(archive(tmp_path, who=np.char.encode(WHO))).subject.tolist() == WHO.tolist()
    days[3] = "NaT"
    refused(lambda: read(archive(tmp_path, who=days)), "subject", "row 3")


@given(at=st.integers(0, 127), byte=st.integers(0, 255))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_a_changed_byte_in_the_header_of_an_array(tmp_path_factory, at, byte):
    "With a checksum that fits: another array, or one line"
    folder = tmp_path_factory.mktemp("header")
    member = io.BytesIO()
    np.save(member, FACE)
    content = bytearray(member.getvalue())
    content[at] = byte
    with zipfile.ZipFile(folder / "a.npz", "w") as box:
        box.writestr("face.npy", bytes(content))
    try:
        load_arrays(folder / "a.npz", ["face"])
    except InputError as e:
        assert "a.npz" in str(e) and "\n" not in str(e)


# Parquet

ODD_COLUMNS = {
    "list": pa.array([[1.0, 2.0]] * N),
    "struct": pa.array([{"a": 1}] * N),
    "map": pa.array([[("a", 1)]] * N, pa.map_(pa.string(), pa.int64())),
    "binary": pa.array([b"\xff\xfe"] * N),
    "fixed": pa.array([b"\xff\xfe"] * N, pa.binary(2)),
    "duration": pa.array([1] * N, pa.duration("s")),
    "timestamp": pa.array([0] * N, pa.timestamp("us", "Europe/Berlin")),
    "date": pa.array([0] * N, pa.date32()),
    "time": pa.array([0] * N, pa.time64("us")),
    "null": pa.nulls(N),
    "bool": pa.array([True, False] * (N // 2)),
    "words": pa.array(["x"] * N),
    "large words": pa.array(["x"] * N, pa.large_string()),
    "dictionary of lists": pa.DictionaryArray.from_arrays(pa.array([0] * N), pa.array(["x"])),
    "decimal": pa.array([1] * N).cast(pa.decimal128(30, 2)),
    "half": pa.array(np.ones(N, "float16")),
    "huge": pa.array([2**63 + 5] * N, pa.uint64()),
}


def parquet(folder, changes, metadata=None):
    columns = {"who": list(WHO), "label": list(LABELS), "face_0": FACE[:, 0], "face_1": FACE[:, 1]} | changes
    table = pa.table(columns)
    pa.parquet.write_table(table.replace_schema_metadata(metadata) if metadata else table, folder / "t.parquet")
    return manifest(folder, reader="table", files={"table": {"path": "t.parquet"}})


@pytest.mark.parametrize("key", ["who", "label", "face_0"])
@pytest.mark.parametrize("odd", ODD_COLUMNS)
def test_columns_of_odd_types(key, odd, tmp_path):
    path = parquet(tmp_path, {key: ODD_COLUMNS[odd]})
    try:
        samples = read(path)
    except InputError as e:
        assert "t.parquet" in str(e) and "\n" not in str(e)
    else:
        assert len(samples) == N


def test_columns_that_nobody_asks_for_do_no_harm(tmp_path):
    beside = {f"other {name}": column for name, column in ODD_COLUMNS.items()}
    assert read(parquet(tmp_path, beside)).arrays["face"].tolist() == FACE.tolist()
    categories = pa.array(LABELS).dictionary_encode()
    assert read(parquet(tmp_path, {"label": categories})).target.tolist() == [0, 1] * (N // 2)
    tenths = pa.array([i / 10 for i in range(N)]).cast(pa.decimal128(10, 1))
    np.testing.assert_allclose(read(parquet(tmp_path, {"face_0": tenths})).arrays["face"][:, 0], np.arange(N) / 10)
    for metadata in ({b"pandas": b"[]"}, {b"pandas": b"\xff"}):
        assert len(read(parquet(tmp_path, {}, metadata))) == N


def test_a_column_twice_in_parquet(tmp_path):
    path = parquet(tmp_path, {})
    table = pa.parquet.read_table(tmp_path / "t.parquet")
    pa.parquet.write_table(table.append_column("who", pa.array(["x"] * N)), tmp_path / "t.parquet")
    refused(lambda: read(path), "t.parquet", "column 'who' is named twice")


# prepared sets


def prepared_set(folder, change=lambda frame: frame, keys="uvwxyz"):
    write_shard(folder / "shards" / "face-one.safetensors", FACE[:, None], keys)
    frame = pd.DataFrame({"sample": list("uvwxyz"), "subject": WHO, "target": LABELS})
    frame = frame.assign(**{"face:shard": "face-one", "face:row": range(N), "face:key": list("uvwxyz")})
    change(frame).to_parquet(folder / "index.parquet", index=False)
    return manifest(
        folder,
        reader="prepared",
        files={"index": {"path": "index.parquet"}},
        subject="subject",
        sample="sample",
    )


def with_cells(column, cells):
    return lambda frame: frame.assign(**{column: cells})


@pytest.mark.parametrize(
    "change, same",
    [
        (with_cells("face:row", np.arange(float(N))), True),
        (with_cells("face:row", [str(i) for i in range(N)]), True),
        (with_cells("face:row", [0.5] * N), False),
        (with_cells("face:row", [-1] * N), False),
        (with_cells("face:row", [2**40] * N), False),
        (with_cells("face:row", ["x"] * N), False),
        (with_cells("face:row", [None] * N), False),
        (with_cells("face:row", [[0]] * N), False),
        (with_cells("face:row", [99] * N), False),
        (with_cells("face:key", [None] * N), False),
        (with_cells("face:key", [b"u"] * N), False),
        (with_cells("face:shard", [1] * N), False),
        (with_cells("face:shard", [["face-one"]] * N), False),
        (lambda frame: frame.drop(columns="face:row"), False),
        (lambda frame: frame.drop(columns="face:key"), False),
        (with_cells("subject", [[1]] * N), False),
        (with_cells("target", [1.5] * N), False),
    ],
)
def test_cells_of_a_prepared_index(change, same, tmp_path):
    path = prepared_set(tmp_path, change)
    if same:
        np.testing.assert_array_equal(read(path).arrays["face"], FACE)
    else:
        refused(lambda: read(path))


def test_an_empty_shard_is_a_missing_recording(tmp_path):
    samples = read(prepared_set(tmp_path, with_cells("face:shard", [None] + ["face-one"] * (N - 1))))
    assert samples.presence[:, 0].tolist() == [False] + [True] * (N - 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda header: header["__metadata__"].update(rows="[]"),
        lambda header: header["__metadata__"].update(rows="[null, null]"),
        lambda header: header["__metadata__"].update(rows='[["u"], [{}]]'),
        lambda header: header["x"].update(shape=[6]),
        lambda header: header["x"].update(shape=[]),
        lambda header: header["x"].update(shape=["a"]),
        lambda header: header["x"].update(shape=[10**15, 1, 2]),
        lambda header: header["x"].update(data_offsets=[]),
        lambda header: header["x"].update(data_offsets=["a", 1]),
        lambda header: header.pop("x"),
    ],
)
def test_headers_of_shards(change, tmp_path):
    path = prepared_set(tmp_path)
    shard = tmp_path / "shards" / "face-one.safetensors"
    content = shard.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    shard.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])
    refused(lambda: read(path), "face-one.safetensors", "run mtpkd data prepare again")


def test_a_prepared_set_without_its_index(tmp_path):
    path = prepared_set(tmp_path)
    values = yaml.safe_load(path.read_text()) | {"files": {"x": {"path": "index.parquet"}}}
    path.write_text(yaml.safe_dump(values))
    refused(lambda: read(path), "files holds no index")
