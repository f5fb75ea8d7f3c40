"Doubts about numbers, names and parts of recordings, which two commands must share; faults of the library itself."

import os, subprocess, sys
import numpy as np, pandas as pd, pytest, yaml
from mtpkd.cli import main as cli
from mtpkd.core.errors import InputError, is_own_fault, parsing
from mtpkd.core.files import atomic_path
from mtpkd.core.yaml_files import read_yaml
from mtpkd.data.check import check
from mtpkd.data.manifest import is_shipped, load_manifest, parse_manifest
from mtpkd.data.npz_files import load_arrays
from mtpkd.data.reading import read
from mtpkd.data.samples import as_ids
from mtpkd.deployment.student_file import StudentCard
from mtpkd.experiments.run_folder import using_tables
from tiny_runs import make_set

TASK = dict(kind="classification", target="label", classes=["a", "b"])


def sound_set(folder, rows, **columns):
    "A set of one .wav of a second, 16 kHz, in each row; `columns` are those of the table"
    pytest.importorskip("av")
    for i, (name, x) in enumerate(dict(rows).items()):
        tone = np.sin(np.arange(16000) / (5 + i)).astype("<f4") / 2
        wav(folder / name, tone if x is None else x(tone.copy()))
    table = pd.DataFrame(dict(label=["a", "b"], subject=["s", "t"], voice=list(rows)) | columns)
    table.to_csv(folder / "t.csv", index=False)
    voice = dict(kind="audio", role="prevalent", rate_hz=16000)
    values = dict(name="v", reader="table", files=dict(table=dict(path="t.csv")), task=TASK, subject="subject")
    (folder / "m.yaml").write_text(yaml.safe_dump(values | dict(modalities=dict(voice=voice))))
    return folder / "m.yaml"


def wav(path, x):
    "A .wav of floats"
    from struct import pack

    raw = np.asarray(x, "<f4").tobytes()
    form = b"fmt " + pack("<IHHIIHH", 16, 3, 1, 16000, 64000, 4, 32)
    path.write_bytes(b"RIFF" + pack("<I", 36 + len(raw)) + b"WAVE" + form + b"data" + pack("<I", len(raw)) + raw)


def prepared(manifest, out):
    "The statuses of the recordings after `mtpkd data prepare`"
    words = ["data", "prepare", str(manifest), "--out", str(out), "--encoder", "logmel", "--jobs", "1"]
    code = cli.main(words)
    return code, list(pd.read_parquet(out / "index.parquet")["voice:status"]) if code == 0 else None


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30, -1e20])
@pytest.mark.parametrize("at", [0, 5, 15999])
def test_check_and_prepare_hear_the_same(bad, at, tmp_path):
    "One number of a .wav of floats that is none"

    def spoilt(x):
        x[at] = bad
        return x

    manifest = sound_set(tmp_path, {"good.wav": None, "bad.wav": spoilt})
    found = [f for f in check(manifest).findings if f.level == "lost"]
    assert [f.path for f in found] == ["bad.wav"] and "expected numbers around -1 to 1" in found[0].found
    code, status = prepared(manifest, tmp_path / "out")
    assert code == 0 and status[0] == "ok" and "expected numbers around" in status[1]


@pytest.mark.parametrize(
    "limits, words",
    [
        ([["1", ""], ["8001", "16000"]], None),
        ([["", "nan"], ["-1", "3000.0"]], None),
        ([["inf", "3"], ["1", "3"]], "row 1 has voice_first inf"),
        ([["1", "3"], ["1", "1e30"]], "row 2 has voice_last 1e"),
        ([["1.5", "9"], ["1", "9"]], "row 1 has voice_first 1.5"),
        ([["1", "9"], ["-5", "9"]], "row 2 has voice_first -5"),
        ([["0", "9"], ["1", "9"]], "row 1 has voice_first 0"),
        ([["5", "3"], ["1", "9"]], "row 1 has voice_first 5 after voice_last 3"),
        ([["x", "3"], ["1", "9"]], "row 1 is 'x'"),
    ],
)
def test_limits_of_a_part(limits, words, tmp_path, capsys):
    first, last = zip(*limits)
    manifest = sound_set(tmp_path, {"a.wav": None, "b.wav": None}, voice_first=first, voice_last=last)
    report = check(manifest)
    code, status = prepared(manifest, tmp_path / "out")
    if words is None:
        assert report.usable and not report.findings and status == ["ok", "ok"]
        return
    assert not report.usable and words in str(report.findings[0]) and code == 2
    assert words in capsys.readouterr().err


def test_limits_beyond_float32(tmp_path):
    "Samples of a recording of ten hours at 48 kHz"
    far = [1_600_000_001, 1_600_000_003]
    manifest = sound_set(tmp_path, {"a.wav": None, "b.wav": None}, voice_first=far)
    assert read(manifest, files=True).arrays["voice"]["first"].tolist() == far


@pytest.mark.parametrize(
    "ids", [["1", "01"], ["1.0", "1"], ["1e0", "1"], ["007", "7.0"], ["s１", "s1"], ["S 1", "s  1"]]
)
def test_spellings_of_one_person_are_said(ids):
    with pytest.warns(UserWarning, match="read as two; spell one person alike"):
        as_ids(ids, 2, "subject")
    numbers = np.array([1.0, 2.0, 10.0])
    assert as_ids(numbers, 3, "subject").tolist() == as_ids(numbers.astype(int), 3, "subject").tolist()


@pytest.mark.parametrize(
    "task, words",
    [
        (dict(range=[1, -1]), "the lower first"),
        (dict(range=[float("nan"), 1]), "the lower first"),
        (dict(range=[1, 1]), "the lower first"),
        (dict(names=["v", "v"]), "each name once"),
        (dict(names=["v", " v"]), "each name once"),
        (dict(names=["v", ""]), "a name is empty"),
    ],
)
def test_a_task_that_contradicts_itself(task, words):
    values = dict(kind="regression", target="t", names=["v"]) | task
    with pytest.raises(InputError, match=words):
        parse_manifest(dict(name="m", task=values, modalities={}), ".", "m.yaml")


@pytest.mark.parametrize("key", ["folds", "labelled", "labelled_validation"])
@pytest.mark.parametrize("count", [-5, True, False])
def test_counts_of_a_protocol(key, count):
    with pytest.raises(InputError, match=f"m.yaml: protocol.*{key}"):
        parse_manifest(dict(name="m", task=TASK, modalities={}, protocol={key: count}), ".", "m.yaml")


@pytest.mark.parametrize("clip", [0, -1, float("inf"), float("nan"), -1e-9])
def test_the_clip_of_a_card_has_bounds(clip):
    with pytest.raises(ValueError) as e:
        StudentCard.model_validate(dict(clip=clip))
    assert ("clip",) in [error["loc"] for error in e.value.errors()]


@pytest.mark.parametrize("value", [0, 3.5])
def test_features_that_never_vary_are_suspect(value, tmp_path):
    manifest = make_set(tmp_path / "set")
    arrays = dict(np.load(manifest.parent / "arrays.npz"))
    assert not [f for f in check(manifest).findings if f.level == "suspect"]
    np.savez(manifest.parent / "arrays.npz", **arrays | {"face": np.full_like(arrays["face"], value)})
    values = yaml.safe_load(manifest.read_text())
    values["files"]["arrays"].pop("sha256", None)
    manifest.write_text(yaml.safe_dump(values))
    assert "modality face" in [f.where for f in check(manifest).findings if f.level == "suspect"]


@pytest.mark.parametrize("methods", [",", "", " , ", ",,"])
def test_no_method_is_not_every_method(methods, tmp_path, capsys):
    manifest = make_set(tmp_path / "set")
    words = ["run", "--manifest", str(manifest), "--methods", methods, "--dry-run", "--out", str(tmp_path / "r")]
    assert cli.main(words) == 2
    assert "got no name" in capsys.readouterr().err


def test_links_of_a_corpus_are_the_owners(tmp_path):
    "A manifest from elsewhere that names the reader of a corpus may not point out of its folder"
    assert is_shipped("wesad") and is_shipped(f"wesad@{tmp_path}")
    (tmp_path / "wesad.yaml").write_text("name: wesad\n")
    assert not is_shipped(tmp_path / "wesad.yaml") and not is_shipped(f"{tmp_path}/wesad.yaml@{tmp_path}")
    assert not is_shipped(load_manifest("wesad"))  # a manifest in memory says not where it came from


# faults of the library itself

FAULTS = [NameError, AttributeError, ImportError, AssertionError, RecursionError]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_library_is_not_blamed_on_data(fault, monkeypatch, capsys):
    def wrong(*_):
        raise fault("a bug")

    for block in (using_tables("runs/x"), parsing("x.csv", "cannot be read", "write it again")):
        with pytest.raises(fault), block:
            wrong()
    monkeypatch.setattr("mtpkd.cli.data_commands.list_manifests", wrong)
    assert cli.main(["data", "list"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and f"this is a fault of mtpkd ({fault.__name__}: a bug)" in said


def test_a_fault_of_a_parser_is_the_files():
    "pandas, for one, raises AttributeError where a column holds something else"
    with pytest.raises(InputError, match="tables or the summary do not fit"), using_tables("runs/x"):
        pd.Series([1, 2]).str
    with pytest.raises(InputError, match="do not fit"), using_tables("runs/x"):
        raise KeyError("a column")
    assert not is_own_fault(KeyError("a"))


# messages


def test_long_text_is_no_number(tmp_path):
    for text, words in (("x" * 5000, None), ("9" * 5000, "more than 4000 digits"), ("face" * 2000, None)):
        (tmp_path / "m.yaml").write_text(f"name: {text}\n")
        if words:
            with pytest.raises(InputError, match=words):
                read_yaml(tmp_path / "m.yaml")
        else:
            assert read_yaml(tmp_path / "m.yaml")["name"] == text


@pytest.mark.parametrize("start", [b"\x1f\x8b\x08\x00", b"\x80\x04\x95", b"hello", b""])
def test_nobody_is_told_to_allow_pickles(start, tmp_path):
    (tmp_path / "a.npz").write_bytes(start + bytes(50))
    with pytest.raises(InputError, match="a.npz: not a readable .npz file") as e:
        load_arrays(tmp_path / "a.npz", ["x"])
    assert "pickle" not in str(e.value)


@pytest.mark.parametrize("values", [dict(name=1), dict(task=dict(TASK, kind="x")), dict(subject=[1]), dict(title={})])
def test_messages_about_a_manifest_have_a_remedy(values):
    with pytest.raises(InputError) as e:
        parse_manifest(dict(name="m", task=TASK, modalities={}) | values, ".", "m.yaml")
    assert "Input should" not in str(e.value) and "Value error" not in str(e.value)
    assert "; " in str(e.value) and "expected" in str(e.value)


@pytest.mark.slow
def test_a_prepared_set_in_an_ascii_locale(tmp_path):
    folder = tmp_path / "p set ü"
    folder.mkdir()
    manifest = sound_set(folder, {"a.wav": None, "b.wav": None})
    assert prepared(manifest, folder / "out")[0] == 0
    env = os.environ | dict(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    command = [sys.executable, "-c", "from mtpkd.cli.main import main; raise SystemExit(main())"]
    done = subprocess.run([*command, "data", "show", str(folder / "out/manifest.yaml")], env=env, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_a_full_disk_has_the_name_of_the_file(tmp_path):
    "What cannot be written is the file that was asked for, not the one beside it"

    def full(*_):
        raise OSError(27, "File too large")

    with pytest.raises(OSError) as e, atomic_path(tmp_path / "p.csv"):
        full()
    assert e.value.filename == str(tmp_path / "p.csv")
    with pytest.raises(OSError) as e, atomic_path("/proc/x.csv"):
        pass
    assert e.value.filename == "/proc/x.csv"
