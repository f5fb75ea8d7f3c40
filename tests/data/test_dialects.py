"Tables of text as programs write them: separators, decimal commas, quotes, encodings, line ends, headers of numbers. The same samples come out, or one line says what is wrong."

import csv
import itertools
import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings, strategies as st
from mtpkd.core.delimited import as_number, sniff, table_rows
from mtpkd.core.errors import InputError
from mtpkd.data.reading import read
from mtpkd.cli.main import main
from mtpkd.data.corpora.scan import numbers_of, ScanLog
from mtpkd.data.manifest import load_manifest
from mtpkd.data.sample_files import load_sample
from mtpkd.data.table_files import DialectWarning, load_table

MANIFEST = {
    "name": "mine",
    "reader": "table",
    "files": {"table": {"path": "t.csv"}},
    "task": {"kind": "classification", "target": "label", "classes": ["calm", "stress"]},
    "subject": "who",
    "modalities": {"face": {"kind": "features", "role": "prevalent"}},
}
NAMES = ["who", "label", "note", "face_0", "face_1"]
ROWS = [
    ["Jürg", "calm", 'said "no", twice; left', "0.5", "-12.25"],
    ["Ana", "stress", "", "3", "1e-3"],
    ["007", "calm", "two\nlines", "4.5", "100"],
    ["Ana", "stress", "|", "-0.25", "7"],
]
FACES = np.array([[0.5, -12.25], [3, 1e-3], [4.5, 100], [-0.25, 7]], "float32")


def written(folder, separator=",", decimal=".", encoding="utf-8", line_end="\n", quoting=csv.QUOTE_MINIMAL, rows=ROWS):
    "The table in one dialect, with its manifest"
    with open(folder / "t.csv", "w", encoding=encoding, newline="") as f:
        writer = csv.writer(f, delimiter=separator, lineterminator=line_end, quoting=quoting)
        writer.writerow(NAMES)
        for *text, a, b in rows:
            writer.writerow([*text, a.replace(".", decimal), b.replace(".", decimal)])
    (folder / "manifest.yaml").write_text(yaml.safe_dump(MANIFEST))
    return folder / "manifest.yaml"


DIALECTS = list(
    itertools.product(
        [(",", "."), (";", "."), (";", ","), ("\t", "."), ("\t", ","), ("|", ",")],
        ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"],
        ["\n", "\r\n"],
        [csv.QUOTE_MINIMAL, csv.QUOTE_ALL],
    )
)


@pytest.mark.parametrize("marks, encoding, line_end, quoting", DIALECTS)
def test_every_dialect_gives_the_same_samples(tmp_path, marks, encoding, line_end, quoting):
    samples = read(written(tmp_path, *marks, encoding, line_end, quoting))
    np.testing.assert_allclose(samples.arrays["face"], FACES, rtol=1e-6)
    assert samples.subject.tolist() == ["Jürg", "Ana", "007", "Ana"]
    assert samples.target.tolist() == [0, 1, 0, 1]


NUMBERS = st.floats(-1e4, 1e4, width=32).map(lambda x: round(x, 3))
TEXTS = st.text("abc ;,|\t\"'é0123.", max_size=6)


@given(
    marks=st.sampled_from([(",", "."), (";", ","), (";", "."), ("\t", ","), ("|", ".")]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    rows=st.lists(st.tuples(TEXTS, NUMBERS, NUMBERS), min_size=2, max_size=8),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_numbers_survive_any_text_beside_them(tmp_path_factory, marks, quoting, rows):
    "Quotes and separators within text do not move the numbers, or the table is refused"
    path = tmp_path_factory.mktemp("dialect") / "t.csv"
    frame = pd.DataFrame(rows, columns=["note", "a", "b"])
    separator, decimal = marks
    frame.to_csv(path, sep=separator, decimal=decimal, quoting=quoting, index=False)
    try:
        got = load_table(path, text=["note"])
    except InputError as e:
        assert "row" in str(e)
        return
    assert list(got.columns) == ["note", "a", "b"]
    from mtpkd.data.table_files import number_columns

    np.testing.assert_allclose(number_columns(got, ["a", "b"], "x"), frame[["a", "b"]].to_numpy("float32"), rtol=1e-5)


@pytest.mark.parametrize(
    "content, words",
    [
        ("who,label,face_0,face_1\nJürg,calm,1,2\n".encode("latin-1"), ["row 2 holds byte 0xfc", "save it as UTF-8"]),
        (b"who,label,face_0,face_1\na,calm,1\nb,stress,1,2\n", ["row 2 has 3 cells, the header line has 4"]),
        (b"who,label,face_0,face_1\na,calm,1,2\nb,stress,1,2,3\n", ["row 3 has 5 cells, the header line has 4"]),
        (b"who,label,face_0,face_0\na,calm,1,2\n", ["column 'face_0' is named twice, in columns 3 and 4"]),
        (b'who,label,face_0,face_1\na,calm,1,"2\n', ["row 2 cannot be split into cells"]),
        (b"who;label;face_0;face_1\na;calm;1,5;2.5\n", ["row 1 is '2.5'", "decimal comma"]),
        (b"who,label,face_0,face_1\na,calm,1,2\x00\n", ["byte 0x00"]),
        (b"\xef\xbb\xbf", ["is empty"]),
        (b"", ["is empty"]),
        (b"\n\n\n", ["is empty"]),
    ],
)
def test_what_is_wrong_is_named_with_its_row(tmp_path, content, words):
    path = written(tmp_path)
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError) as e:
        read(path)
    assert "t.csv" in str(e.value) and all(word in str(e.value) for word in words), str(e.value)


# recordings, one file a sample


@pytest.mark.parametrize("index", [False, True])
@pytest.mark.parametrize("columns", [1, 2, 3, 12])
@pytest.mark.parametrize("kind", ["float", "int"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_what_pandas_writes_without_names_is_read_without_its_header(tmp_path, index, columns, kind, separator):
    x = np.arange(5 * columns).reshape(5, columns).astype(kind) + 7
    path = tmp_path / "s.csv"
    pd.DataFrame(x).to_csv(path, index=index, sep=separator)
    got = load_sample(path, "imu", "signal", (columns, 5))  # the shape that the manifest says
    np.testing.assert_array_equal(got, x.T.astype("float32"))
    if kind == "float" or columns > 2 or index and columns > 1:
        np.testing.assert_array_equal(load_sample(path, "imu", "signal"), x.T.astype("float32"))


def test_numbers_without_a_header_stay_numbers(tmp_path):
    path = tmp_path / "s.csv"
    for rows in ([[0, 1, 0], [1, 0, 2]], [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]], [[0, 1], [5, 6]], [[0], [1], [0]]):
        np.savetxt(path, rows, delimiter=",")
        got = load_sample(path, "imu", "signal", np.shape(np.transpose(rows)))
        np.testing.assert_array_equal(got, np.transpose(rows).astype("float32"))
    path.write_text("0,1\n0,1\n1,1\n")
    assert load_sample(path, "imu", "signal").shape == (2, 3)


@pytest.mark.parametrize(
    "text, words",
    [
        ("0.5,1.5\n0.5,1.x\n", "row 2 holds '1.x'"),
        ("x,y\n1,2\n3\n", "row 3 has 1 cells"),
        ("x,y\n", "holds no numbers below its header line"),
        ("x\n1\n\n3\n", "holds an empty line"),
        ("0.5,1x,3\n1,2,3\n", "row 1 holds '1x'"),
    ],
)
def test_a_recording_of_other_text(tmp_path, text, words):
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        load_sample(tmp_path / "s.csv", "imu", "signal")


@given(st.text(max_size=12))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_a_cell_is_a_number_or_it_is_not(cell):
    "Whatever is in a cell: a float, NaN for nothing, or None"
    got = as_number(cell)
    assert got is None or isinstance(got, float)


@given(st.text('ab1.,;|\t"\n\r ', max_size=60))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_text_has_a_dialect(text):
    dialect = sniff(text)
    try:
        table_rows(text, dialect.separator)
    except InputError as e:
        assert "row" in str(e)


# gaps, header lines, marks


def rewritten(tmp_path, text, **changes):
    "The set with another text for a table"
    path = written(tmp_path)
    manifest = MANIFEST | changes
    path.write_text(yaml.safe_dump(manifest))
    (tmp_path / "t.csv").write_text(text)
    return path


ONE = dict(face=dict(kind="features", role="prevalent", shape=[1]))


@pytest.mark.parametrize("gap", ["\n", " \n", "\r\n", "\n\n", "\t \n"])
def test_an_empty_line_in_a_column_is_no_row_less(tmp_path, gap):
    path = rewritten(tmp_path, f"face\n1\n2\n{gap}4\n", modalities=ONE, subject=None)
    with pytest.raises(InputError, match="t.csv: holds an empty line; write nan"):
        read(path, labels=False)
    (tmp_path / "t.csv").write_text(f"{gap}face\n1\nnan\n4\n{gap}{gap}")
    assert read(path, labels=False).presence[:, 0].tolist() == [True, False, True]


@pytest.mark.parametrize("before", ["", "\n", " \n\n", "\r\n\r\n", "sep=,\n"])
@pytest.mark.parametrize("header", ["0,1,2", ",0,1", '"","0","1"', "t,x,y", None])
def test_empty_lines_above_the_header_of_a_recording(tmp_path, before, header):
    rows = "7,7.5,7\n8,8,8.5\n" if header in ("0,1,2", "t,x,y", None) else "0,7.5,7\n1,8,8.5\n"
    (tmp_path / "s.csv").write_text(before + (f"{header}\n" if header else "") + rows)
    expected = [[7, 8], [7.5, 8], [7, 8.5]] if rows[0] == "7" else [[7.5, 8], [7, 8.5]]
    assert load_sample(tmp_path / "s.csv", "imu", "signal").tolist() == expected


@pytest.mark.parametrize(
    "text, words",
    [
        ("# exported by x\nwho,label,face_0,face_1\na,calm,1,2\n", "row 1 begins with #"),
        ("# who,label,face_0,face_1\na,calm,1,2\nb,stress,3,4\n", "row 1 begins with #"),
        ("who,label,face_0,face_1\n# pause\na,calm,1,2\n", "row 2 has 1 cells.*remove comments"),
        ("who label face_0 face_1\na calm 1 2\nb stress 3 4\n", "separated by blanks"),
        ("who   label face_0  face_1\na calm   1 2\nb stress 3   4\n", "separated by blanks"),
        ("who;label;face_0;face_1\na;calm;1,500;2.5\nb;stress;3,500;4\n", "row 1 is '2.5'"),
        ("who;label;face_0;face_1\na;calm;2.5;1,500\nb;stress;4;3,500\n", "row 1 is '2.5'"),
        ("who;label;face_0;face_1\na;calm;1,234,567;1\nb;stress;3;3\n", "row 1 is '1,234,567'"),
        ("who;label;face_0;face_1\na;calm;1,5;1\nb;stress;2.5;3\n", "row 1 is '1,5'"),
    ],
)
def test_what_no_dialect_explains(tmp_path, text, words):
    with pytest.raises(InputError, match=words):
        read(rewritten(tmp_path, text))


@pytest.mark.parametrize("line", ["sep=;\n", "sep=;\r\n", '"sep=;"\n', "\nsep=;\n"])
def test_the_separator_that_excel_declares(tmp_path, line):
    rows = "who;label;face_0;face_1\na;calm;1;2\nb;stress;3;4\n"
    assert read(rewritten(tmp_path, line + rows)).arrays["face"].tolist() == [[1, 2], [3, 4]]
    with pytest.raises(InputError, match="row 2 is 'x'"):
        read(rewritten(tmp_path, line + rows.replace("4", "x")))


@pytest.mark.parametrize("note", ["1,2", "3,4,5", "1,25"])
def test_text_with_a_comma_does_not_change_the_numbers_beside_it(tmp_path, note):
    text = f"who\tlabel\tnote\tface_0\tface_1\n{note}\tcalm\t{note}\t1.5\t2\nb\tstress\tlate\t3.5\t4\n"
    samples = read(rewritten(tmp_path, text))
    assert samples.arrays["face"].tolist() == [[1.5, 2], [3.5, 4]] and samples.subject[0] == note


@pytest.mark.parametrize(
    "cell, words", [("1,5", "1,5 in column 'face_0' is 1.5"), ("1,500", "1.500, and not thousands")]
)
def test_decimal_commas_are_said(tmp_path, cell, words, capsys):
    path = rewritten(tmp_path, f"who;label;face_0;face_1\na;calm;{cell};2\nb;stress;3,25;4\n")
    with pytest.warns(DialectWarning, match=words):
        assert read(path).arrays["face"][0, 0] == 1.5
    assert main(["data", "check", str(path)]) == 0
    shown = capsys.readouterr().out
    assert words in shown and "decimal commas" in shown and "nothing is wrong" in shown


@pytest.mark.parametrize("row", ["1;2;3;9", "1;2;3;;9", "1;2;3;9;8"])
@pytest.mark.parametrize("sep", [";", ",", "\t"])
def test_cells_beyond_the_header_of_a_corpus(tmp_path, row, sep):
    "They would shift the columns of all rows"
    log = ScanLog(synthetic_manifest(tmp_path))
    path = tmp_path / "s.csv"
    cells = len(row.split(";"))
    for rows in ([row, row], ["1;2;3", row]):
        path.write_text("\n".join(["time;gsr;ecg", *rows]).replace(";", sep))
        assert numbers_of(path, ["gsr", "ecg"], log, sep) is None
        finding = str(log.findings.pop())
        assert f"row {1 + rows.index(row) + 1}: expected 3 cells as in the header line, found {cells}" in finding
    path.write_text("time;gsr;ecg\n1;2;3;\n4;5;6;\n".replace(";", sep))  # a separator at the end of each row
    columns = numbers_of(path, ["gsr", "ecg"], log, sep)
    assert columns["gsr"].tolist() == [2, 5] and columns["ecg"].tolist() == [3, 6]


def synthetic_manifest(folder):
    (folder / "manifest.yaml").write_text(yaml.safe_dump(MANIFEST))
    return load_manifest(folder / "manifest.yaml")
