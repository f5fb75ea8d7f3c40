"""Numbers on disk are not trusted: flipped bits, wrong answers, graphs without end, shards that are not what was prepared."""

import json, shutil, time
import numpy as np, onnx, pandas as pd, pytest, yaml
from hypothesis import given, settings, strategies as st
from onnx import helper, numpy_helper, TensorProto
import mtpkd
from mtpkd.cli.main import main
from mtpkd.core.errors import InputError
from mtpkd.data.feature_store import write_shard
from mtpkd.deployment.predictor import Predictor, read_model
from mtpkd.deployment.student_file import load_student
from mtpkd.experiments.fit import fit
from tiny_runs import make_set, quick


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("numbers")
    manifest = make_set(folder / "set")
    fit(str(manifest), method="student_only", config=quick(), out=folder / "fit", progress=False)
    mtpkd.export(folder / "fit", folder / "student.onnx")
    return folder


def flipped(data: bytes, bit: int) -> bytes:
    at = bit // 8 % len(data)
    return data[:at] + bytes([data[at] ^ (1 << bit % 8)]) + data[at + 1 :]


def one_line(call, *words):
    with pytest.raises(InputError) as e:
        call()
    assert "\n" not in str(e.value) and all(word in str(e.value) for word in words), str(e.value)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(bit=st.integers(0, 2**31))
def test_a_flipped_bit_of_a_student(made, bit):
    path = made / "flipped.safetensors"
    path.write_bytes(flipped((made / "fit" / "student.safetensors").read_bytes(), bit))
    one_line(lambda: load_student(path), "flipped.safetensors: ")


def test_export_names_the_damaged_file(made, tmp_path, capsys):
    "A bit of the exponent of one weight"
    shutil.copytree(made / "fit", tmp_path / "fit")
    path = tmp_path / "fit" / "student.safetensors"
    path.write_bytes(flipped(path.read_bytes(), 8 * path.stat().st_size - 7))
    assert main(["export", str(tmp_path / "fit"), "--out", str(tmp_path / "x.onnx")]) == 2
    assert "student.safetensors: its numbers or its card are not what was written" in capsys.readouterr().err
    assert not (tmp_path / "x.onnx").exists()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(bit=st.integers(0, 2**31))
def test_a_flipped_bit_of_an_exported_student(made, bit):
    "Refused, unless the bit is one of the digest's own name, and no number has changed"
    path, good = made / "flipped.onnx", (made / "student.onnx").read_bytes()
    path.write_bytes(flipped(good, bit))
    if len(good) - 76 <= bit // 8 % len(good) < len(good) - 64:
        return
    one_line(lambda: read_model(path), "flipped.onnx: its content is not what mtpkd export has written")


@settings(max_examples=8, deadline=None, derandomize=True)
@given(size=st.integers(0, 2**20))
def test_a_file_that_was_cut(made, size):
    for name, load in (("student.onnx", Predictor), ("fit/student.safetensors", load_student)):
        data = (made / name).read_bytes()
        path = made / f"cut-{name.rpartition('/')[2]}"
        path.write_bytes(data[: size % len(data)])
        one_line(lambda: load(path), path.name)


def hand_made(made, nodes, path, output=None, **constants):
    "A graph with the card of a real student"
    good = onnx.load(made / "student.onnx")
    card = {entry.key: entry.value for entry in good.metadata_props}["mtpkd"]
    sizes = ["batch", output or len(json.loads(card)["task"]["classes"])]
    answer = helper.make_tensor_value_info("answer", TensorProto.FLOAT, sizes)
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "g", good.graph.input, [answer], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {"mtpkd": card})
    path.write_bytes(model.SerializeToString())


def product(good, value):
    "MatMul of the first input with a constant matrix, and that matrix"
    port = good.graph.input[0]
    width = port.type.tensor_type.shape.dim[1].dim_value
    classes = good.graph.output[0].type.tensor_type.shape.dim[1].dim_value
    return helper.make_node("MatMul", [port.name, "W"], ["y"]), np.full((width, classes), value, "float32")


def loop_of(body_node, *, rounds):
    "A loop that applies one node to `y`"
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), body_node],
        "body",
        [
            value("i", TensorProto.INT64, []),
            value("go", TensorProto.BOOL, []),
            value("a", TensorProto.FLOAT, None),
        ],
        [value("on", TensorProto.BOOL, []), value("b", TensorProto.FLOAT, None)],
    )
    return helper.make_node("Loop", ["M", "", "y"], ["answer"], body=body), np.array(rounds)


def add_all_of(node, name):
    "Add the sum of what `node` makes to the product"
    total = helper.make_node("ReduceSum", [name], ["s"], keepdims=0)
    return [node, total, helper.make_node("Add", ["y", "s"], ["answer"])]


def bad_graphs(good):
    matmul, ones = product(good, 1)
    identity = helper.make_node("Identity", ["y"], ["answer"])
    yield "NaN", [matmul, identity], dict(W=ones * np.nan), "NaN or infinite"
    yield "infinite", [matmul, identity], dict(W=ones * np.inf), "NaN or infinite"
    always = helper.make_node("Identity", ["C"], ["answer"])
    yield "one row", [always], dict(C=ones[:1]), "answers 3 rows with"
    yield "no row", [always], dict(C=ones[:0]), "answers 3 rows with"
    for side in (2**17, 10**6, 2**31):
        large = helper.make_node("ConstantOfShape", ["S"], ["Z"])
        yield f"{side} squared", [matmul, *add_all_of(large, "Z")], dict(W=ones, S=np.array([side, side])), "x.onnx: "
    loop, rounds = loop_of(helper.make_node("Identity", ["a"], ["b"]), rounds=2**62)
    yield "endless", [matmul, loop], dict(W=ones, M=rounds), "did not answer its first batch"
    loop, rounds = loop_of(helper.make_node("Concat", ["a", "a"], ["b"], axis=0), rounds=60)
    yield "doubling", [matmul, loop], dict(W=ones, M=rounds), "x.onnx: "
    doubled = [helper.make_node("Concat", [f"c{i}", f"c{i}"], [f"c{i + 1}"], axis=0) for i in range(40)]
    start = helper.make_node("Identity", ["y"], ["c0"])
    yield "unrolled", [matmul, start, *doubled[:-1], *add_all_of(doubled[-1], "c40")], dict(W=ones), "x.onnx: "


NAMES = ["NaN", "infinite", "one row", "no row", "131072 squared", "1000000 squared", "2147483648 squared"]


@pytest.mark.parametrize("name", [*NAMES, "endless", "doubling", "unrolled"])
def test_a_graph_that_no_export_wrote(made, tmp_path, name):
    "Refused on its first batch, within seconds, in one line"
    cases = {case: rest for case, *rest in bad_graphs(onnx.load(made / "student.onnx"))}
    nodes, constants, words = cases[name]
    hand_made(made, nodes, tmp_path / "x.onnx", **constants)
    started = time.monotonic()
    one_line(lambda: Predictor(tmp_path / "x.onnx"), "x.onnx: ", words)
    assert time.monotonic() - started < 30  # on a busy machine; the bound is on processor time


def beyond_three(size, by_value):
    "Nodes that make `q`: 0 for the first batch, `size` for each further row, or for values above 5"
    if by_value:
        largest = [helper.make_node("ReduceMax", ["y"], ["m"], keepdims=0), helper.make_node("Relu", ["m"], ["p"])]
        rest = [helper.make_node("Sub", ["p", "five"], ["o"]), helper.make_node("Relu", ["o"], ["d"])]
        cast = helper.make_node("Cast", ["d"], ["n"], to=TensorProto.INT64)
        nodes, constants = [*largest, *rest, cast], dict(five=np.float32(5))
    else:
        sizes = [helper.make_node("Shape", ["y"], ["sh"]), helper.make_node("Gather", ["sh", "first"], ["all"])]
        nodes, constants = [*sizes, helper.make_node("Sub", ["all", "three"], ["n"])], dict(first=np.array(0))
    nodes.append(helper.make_node("Mul", ["n", "size"], ["q"]))
    return nodes, constants | dict(three=np.array(3), size=np.array(size))


def later_faults(good):
    "Graphs that are well for the first batch and not for others"
    matmul, ones = product(good, 0.1)
    softmax = helper.make_node("Softmax", ["z"], ["answer"])
    for by_value in (False, True):
        how = "values" if by_value else "rows"
        nodes, constants = beyond_three(5 * 10**7, by_value)
        fill = [
            helper.make_node("Unsqueeze", ["q", "axes"], ["S"]),
            helper.make_node("ConstantOfShape", ["S"], ["Z"]),
            helper.make_node("ReduceSum", ["Z"], ["s"], keepdims=0),
            helper.make_node("Add", ["y", "s"], ["z"]),
        ]
        more = constants | dict(W=ones, axes=np.array([0]))
        yield f"memory by {how}", [matmul, *nodes, *fill, softmax], more, "fails on|did not answer"
        nodes, constants = beyond_three(10**12, by_value)
        loop, _ = loop_of(helper.make_node("Identity", ["a"], ["b"]), rounds=0)
        loop.input[0], loop.output[0] = "q", "z"
        yield f"time by {how}", [matmul, *nodes, loop, softmax], constants | dict(W=ones), "did not answer 40 rows"
    exp, difference = helper.make_node("Exp", ["y"], ["e"]), helper.make_node("Sub", ["e", "e"], ["z"])
    yield "NaN", [matmul, exp, difference, softmax], dict(W=ones * 10), "answers with NaN"
    clip = helper.make_node("Clip", ["y", "", "most"], ["c"])
    less = [helper.make_node("Sub", ["y", "c"], ["r"]), helper.make_node("Softmax", ["y"], ["p"])]
    more = [clip, *less, helper.make_node("Add", ["p", "r"], ["answer"])]
    yield "not probabilities", [matmul, *more], dict(W=ones, most=np.float32(9)), "no probabilities"


LATER = [f"{what} by {how}" for what in ("memory", "time") for how in ("rows", "values")]


SLOW = pytest.param("time by values", marks=pytest.mark.slow)  # waits for the bound, as "time by rows" does


@pytest.mark.parametrize("name", [*LATER[:-1], SLOW, "NaN", "not probabilities"])
def test_a_graph_that_is_well_only_at_first(name, made, tmp_path):
    "A batch of more rows, or of larger values, is as bounded as the first"
    cases = {case: rest for case, *rest in later_faults(onnx.load(made / "student.onnx"))}
    nodes, constants, words = cases[name]
    hand_made(made, nodes, tmp_path / "x.onnx", **constants)
    predictor = Predictor(tmp_path / "x.onnx")
    rows = {spec.name: np.full((40, *spec.shape), 1e2, "float32") for spec in predictor.card.inputs}
    started = time.monotonic()
    with pytest.raises(InputError, match=f"x.onnx: .*({words})"):
        predictor(rows)
    assert time.monotonic() - started < 30
    with pytest.raises(InputError, match="x.onnx: "):  # in a process of its own, again
        predictor(rows)


@pytest.mark.parametrize("rows", [[0.5, 0.6], [1.2, -0.2], [0, 0], [2, 0]])
def test_what_is_no_probability(rows, made, tmp_path):
    good = onnx.load(made / "student.onnx")
    matmul, ones = product(good, 0)
    rows = np.array([rows + [0] * (ones.shape[1] - 2)], "float32")
    hand_made(made, [matmul, helper.make_node("Add", ["y", "C"], ["answer"])], tmp_path / "x.onnx", W=ones, C=rows)
    one_line(lambda: Predictor(tmp_path / "x.onnx"), "x.onnx: answers with numbers that are no probabilities")


# prepared sets


@pytest.fixture
def prepared(tmp_path):
    "Twelve recordings in one shard, as `mtpkd data prepare` leaves them"
    x = np.random.default_rng(0).normal(size=(12, 1, 3)).astype("float32")
    keys = [f"k{i}" for i in range(12)]
    write_shard(tmp_path / "shards" / "face-0.safetensors", x, keys)
    columns = dict(sample=keys, subject=[f"s{i // 2}" for i in range(12)], target=["a", "b"] * 6)
    columns |= {"face:shard": ["face-0"] * 12, "face:row": range(12), "face:key": keys, "face:status": ["ok"] * 12}
    pd.DataFrame(columns).to_parquet(tmp_path / "index.parquet", index=False)
    values = dict(
        name="gift",
        reader="prepared",
        files=dict(index=dict(path="index.parquet")),
        subject="subject",
        sample="sample",
        task=dict(kind="classification", target="target", classes=["a", "b"]),
        modalities=dict(face=dict(kind="features", shape=[3], role="prevalent")),
    )
    (tmp_path / "manifest.yaml").write_text(yaml.safe_dump(values))
    assert len(mtpkd.read(str(tmp_path / "manifest.yaml"))) == 12
    return tmp_path


def header(data: bytes, change) -> bytes:
    "A safetensors file with another header"
    size = int.from_bytes(data[:8], "little")
    facts = json.loads(data[8 : 8 + size])
    change(facts)
    text = json.dumps(facts).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + size :]


HEADERS = {
    "other offsets": lambda h: h["x"].update(data_offsets=[4, 148]),
    "offsets that are too large": lambda h: h["x"].update(data_offsets=[0, 2**40]),
    "negative offsets": lambda h: h["x"].update(data_offsets=[-4, 140]),
    "no offsets": lambda h: h["x"].update(data_offsets=[]),
    "another shape": lambda h: h["x"].update(shape=[12, 3, 1]),
    "a vector": lambda h: h["x"].update(shape=[36]),
    "no shape": lambda h: h["x"].update(shape=[]),
    "no rows": lambda h: h["x"].update(shape=[0, 1, 3], data_offsets=[0, 0]),
    "a shape of 2^62": lambda h: h["x"].update(shape=[2**62, 1, 3]),
    "integers": lambda h: h["x"].update(dtype="I32"),
    "halves": lambda h: h["x"].update(dtype="F16", shape=[12, 2, 3]),
    "another name": lambda h: h.update(y=h.pop("x")),
    "no metadata": lambda h: h.pop("__metadata__"),
    "rows that are a list": lambda h: h["__metadata__"].update(rows="[]"),
    "rows that are null": lambda h: h["__metadata__"].update(rows="[null, null]"),
    "fewer rows": lambda h: h["__metadata__"].update(rows='[["k0"], [{}]]'),
    "rows of numbers": lambda h: h["__metadata__"].update(rows=json.dumps([list(range(12)), [{}] * 12])),
    "rows nested deeply": lambda h: h["__metadata__"].update(rows="[" * 10**5),
}


@pytest.mark.parametrize("change", HEADERS)
def test_the_header_of_a_shard(prepared, change):
    path = prepared / "shards" / "face-0.safetensors"
    path.write_bytes(header(path.read_bytes(), HEADERS[change]))
    place = "index.parquet: " if change == "another shape" else "face-0.safetensors: "
    one_line(lambda: mtpkd.read(str(prepared / "manifest.yaml")), place)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none(prepared, value):
    path = prepared / "shards" / "face-0.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[:-4] + np.float32(value).tobytes())
    one_line(lambda: mtpkd.read(str(prepared / "manifest.yaml")), "face-0.safetensors: holds NaN or infinite")


CELLS = {
    "face:shard": ["../../private/secret", "/etc/hostname", "..", "", None, "face-1", "face-0/../face-0", "a\x00b", 3],
    "face:row": [-1, 12, 2**40, 1.5, "x", None, True, np.inf],
    "face:key": ["k99", None, 7],
}


@pytest.mark.parametrize("column", CELLS)
def test_cells_of_the_index(prepared, column):
    frame = pd.read_parquet(prepared / "index.parquet")
    for value in CELLS[column]:
        changed = frame.astype({column: object})
        changed[column] = [str(value) if isinstance(value, str) else value] * 12
        changed.to_parquet(prepared / "index.parquet", index=False)
        one_line(lambda: mtpkd.read(str(prepared / "manifest.yaml")), "")
        if column == "face:shard" and value in ("", None):
            continue  # one sample without a recording
        changed = frame.astype({column: object})
        changed.loc[5, column] = value
        changed.astype({column: str}).to_parquet(prepared / "index.parquet", index=False)
        one_line(lambda: mtpkd.read(str(prepared / "manifest.yaml")), "index.parquet: ")
    frame.drop(columns=column).to_parquet(prepared / "index.parquet", index=False)
    one_line(lambda: mtpkd.read(str(prepared / "manifest.yaml")), "no column")


def test_a_shard_elsewhere(prepared, tmp_path_factory):
    "Its name, the shard itself, and the folder of the shards lead out of the prepared folder"
    outside = tmp_path_factory.mktemp("private")
    shards = prepared / "shards"
    shutil.move(shards / "face-0.safetensors", outside / "face-0.safetensors")
    (shards / "face-0.safetensors").symlink_to(outside / "face-0.safetensors")
    one_line(lambda: mtpkd.read(str(prepared / "manifest.yaml")), "leads out of")
    shutil.rmtree(shards)
    shards.symlink_to(outside)
    one_line(lambda: mtpkd.read(str(prepared / "manifest.yaml")), "leads out of")
