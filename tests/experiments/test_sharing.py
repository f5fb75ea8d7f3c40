"""Sharing: pack and unpack give the same report and the same predictions to the bit; nothing of this machine or of a person
is in an archive unless it was asked for; what was changed or leads out of the folder is refused in one line."""

import hashlib, io, json, os, re, shutil, stat, zipfile
from pathlib import Path
import numpy as np, pandas as pd, pyarrow.parquet as pq, pytest, yaml
import mtpkd
from mtpkd.cli.main import main
from mtpkd.core.errors import InputError
from mtpkd.core.files import file_sha256
from mtpkd.features.prepare import prepare
from mtpkd.experiments.run_students import find_students
from mtpkd.reporting.sharing import shared_contents
from tiny_runs import make_set, quick

FAST = dict(schedule=dict(steps=4, evaluate=2, batch=8, pool_batch=8), teachers=dict(steps=2, ensemble=1))
DATE = (1980, 1, 1, 0, 0, 0)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    "A run, a fit and their data in one folder"
    folder = tmp_path_factory.mktemp("home")
    manifest = make_set(folder / "set", subjects=6, protocol=dict(folds=2, labelled=15, labelled_validation=6))
    arguments = dict(config=quick(**FAST), progress=False)
    methods = ["kd", "mtpkdot:no_centroid"]  # files of the second have a colon in their names
    mtpkd.run(manifest, methods=methods, seeds=[0], out=folder / "run", **arguments)
    mtpkd.fit(manifest, "kd", folder / "fit", **arguments)
    return folder


@pytest.fixture(scope="module")
def packed(home):
    assert main(["pack", str(home / "run"), "--out", str(home / "run.zip"), "--licence", "CC0", "--keep-names"]) == 0
    return home / "run.zip"


def contents(archive):
    "Everything in an archive as one text, compressed tables as their values"
    texts = []
    with zipfile.ZipFile(archive) as entries:
        for name in entries.namelist():
            raw = entries.read(name)
            if name.endswith(".parquet"):
                raw = pd.read_parquet(io.BytesIO(raw)).to_csv().encode()
            texts.append(raw.decode("latin-1"))
    return "\n".join(texts)


def one_line(capsys):
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and err.startswith("mtpkd: "), err
    return err


def test_the_same_predictions_and_the_same_report(home, packed, tmp_path):
    assert main(["unpack", str(packed), "--out", str(tmp_path / "theirs")]) == 0
    assert any(":" in path.name for path in (tmp_path / "theirs").rglob("*"))
    ours, theirs = mtpkd.RunFolder(home / "run"), mtpkd.RunFolder(tmp_path / "theirs")
    pd.testing.assert_frame_equal(ours.predictions, theirs.predictions, check_exact=True)
    for name in ("results", "metrics", "history", "teachers", "transfer", "calibration"):
        assert file_sha256(home / "run" / f"{name}.csv") == file_sha256(tmp_path / "theirs" / f"{name}.csv")
    pages = [run.report(tmp_path / f"{i}.html").read_text() for i, run in enumerate((ours, theirs))]
    manifest = str(home / "set" / "manifest.yaml")
    assert manifest in pages[0] and pages[0].replace(manifest, "manifest.yaml") == pages[1]


def test_the_student_of_a_fit_is_the_same_file(home, tmp_path):
    assert main(["pack", str(home / "fit"), "--out", str(tmp_path / "fit.zip")]) == 0
    assert main(["unpack", str(tmp_path / "fit.zip"), "--out", str(tmp_path / "fit")]) == 0
    assert file_sha256(tmp_path / "fit" / "student.safetensors") == file_sha256(home / "fit" / "student.safetensors")
    assert find_students(tmp_path / "fit").card.method == "kd:default"


@pytest.mark.slow
def test_the_students_predict_the_same_to_the_bit(home, packed, tmp_path):
    pytest.importorskip("onnxruntime", reason='pip install -e ".[deploy]"')
    assert main(["unpack", str(packed), "--out", str(tmp_path / "theirs")]) == 0
    assert main(["pack", str(home / "fit"), "--out", str(tmp_path / "fit.zip")]) == 0
    assert main(["unpack", str(tmp_path / "fit.zip"), "--out", str(tmp_path / "fit")]) == 0
    answers = []
    for folder in (home / "fit", tmp_path / "fit"):
        out = tmp_path / f"{folder.parent.name}.onnx"
        assert main(["export", str(folder), "--out", str(out)]) == 0
        command = ["predict", str(out), "--manifest", str(home / "set" / "manifest.yaml")]
        assert main([*command, "--out", str(out.with_suffix(".csv"))]) == 0
        answers.append(out.with_suffix(".csv").read_bytes())
    assert answers[0] == answers[1]


def test_nothing_of_this_machine_and_nobody_by_name(home, tmp_path, capsys):
    "By default: numbers in place of subjects and samples, and the same predictions"
    for kind in ("run", "fit"):
        assert main(["pack", str(home / kind), "--out", str(tmp_path / f"{kind}.zip")]) == 0
        text = contents(tmp_path / f"{kind}.zip")
        assert str(home) not in text and "run.ipynb" not in text and not re.search(r"\bs00\d\b", text)
    assert "replaced by numbers" in capsys.readouterr().out
    assert main(["unpack", str(tmp_path / "run.zip"), "--out", str(tmp_path / "theirs")]) == 0
    ours, theirs = mtpkd.RunFolder(home / "run"), mtpkd.RunFolder(tmp_path / "theirs")
    labels = list(ours.summary.task.labels)
    assert (ours.predictions[labels].to_numpy() == theirs.predictions[labels].to_numpy()).all()
    subjects = dict(zip(ours.predictions["subject"], theirs.predictions["subject"]))
    assert sorted(subjects) == [f"s00{i}" for i in range(6)] and len({*subjects.values()}) == 6
    assert [subjects[name] for name in ours.transfer.query("kind == 'subject'")["group"]] == list(
        theirs.transfer.query("kind == 'subject'")["group"]
    )
    assert ours.summary == theirs.summary


@pytest.mark.parametrize("place", ["study_of_ann/one/manifest.yaml", "../study_of_ann/one/manifest.yaml"])
def test_a_relative_path_stays_here(home, tmp_path, monkeypatch, place):
    "Of the data by where it was run from"
    make_set(tmp_path / "study_of_ann" / "one", subjects=6, protocol=dict(folds=2, labelled=15, labelled_validation=6))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / ("here" if place.startswith("..") else "."))
    how = dict(config=quick(**FAST), progress=False)
    mtpkd.run(place, methods=["student_only"], seeds=[0], out=tmp_path / "run", **how)
    mtpkd.fit(place, "student_only", "fits_of_ann/one", **how)
    for folder in (tmp_path / "run", "fits_of_ann/one"):
        archive = tmp_path / f"{Path(folder).name}.zip"
        assert main(["pack", str(folder), "--out", str(archive)]) == 0
        assert "of_ann" not in contents(archive)


PATHS = [
    "first\n/srv/ann/notes",
    "(file:///srv/ann)",
    "sqlite:////srv/ann.db",
    "\\\\nas\\ann\\notes",
    "<E:\\ann>",
    "~ann/notes",
    "../../ann",
    "**/srv/ann/notes**",
    "\u00ab/srv/ann/notes\u00bb",
    "\t/srv/ann/notes",
    '{"words": ["%/srv/ann/notes"]}',
]


@pytest.mark.parametrize("text", PATHS)
@pytest.mark.parametrize("place", ["fit.json", "fit.yaml", "comment", "licence"])
def test_a_path_of_any_form_is_refused(home, tmp_path, capsys, text, place):
    shutil.copytree(home / "fit", copy := tmp_path / "fit")
    licence = text if place == "licence" else "CC0"
    if place == "fit.json":
        facts = json.loads((copy / "fit.json").read_text())
        (copy / "fit.json").write_text(json.dumps(facts | dict(words=f"see {text}")))
    elif place == "fit.yaml":
        settings = yaml.safe_load((copy / "fit.yaml").read_text())
        (copy / "fit.yaml").write_text(yaml.safe_dump(settings | {f"a {text}": "b"}))
    elif place == "comment":
        with open(copy / "fit.yaml", "a") as f:
            f.write(f"# {json.loads(json.dumps(text)).splitlines()[-1].strip()}\n")
        settings = yaml.safe_load((copy / "fit.yaml").read_text())
        settings = (copy / "fit.yaml").read_text().replace(settings["manifest"], "manifest.yaml")
        (copy / "fit.yaml").write_text(settings)  # shared as it is, comments included
    assert main(["pack", str(copy), "--out", str(tmp_path / "fit.zip"), "--licence", licence]) == 2
    words = "expected a name or a sentence" if "\n" in licence else "which would be shared"
    assert words in one_line(capsys) and not (tmp_path / "fit.zip").exists()


def test_a_path_in_a_message_is_refused(home, tmp_path, capsys):
    shutil.copytree(home / "fit", copy := tmp_path / "fit")
    facts = json.loads((copy / "fit.json").read_text())
    (copy / "fit.json").write_text(json.dumps(facts | dict(words="see /home/somebody/notes")))
    assert main(["pack", str(copy), "--out", str(tmp_path / "fit.zip")]) == 2
    assert "names the path /home/somebody/notes" in one_line(capsys) and not (tmp_path / "fit.zip").exists()


def test_the_card(packed):
    with zipfile.ZipFile(packed) as archive:
        card = archive.read("CARD.md").decode()
        index = json.loads(archive.read("mtpkd-pack.json"))
    for words in ("What it is", "protocol", "honest", "| kd |", "must not be used", "CC0", "6 subjects"):
        assert words in card
    assert (index["kind"], index["licence"], index["names"]) == ("run", "CC0", "kept")


def test_packing_twice_gives_the_same_bytes(home, packed, tmp_path):
    command = ["pack", str(home / "run"), "--licence", "CC0", "--keep-names"]
    assert main([*command, "--out", str(tmp_path / "again.zip")]) == 0
    assert (tmp_path / "again.zip").read_bytes() == packed.read_bytes()


def changed(archive, out, change):
    "The archive with other entries: `change` maps (name, content) to a list of (ZipInfo, content)"
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            for entry, content in change(name, source.read(name)):
                target.writestr(entry, content)
    return out


def entry(name, kind=stat.S_IFREG):
    made = zipfile.ZipInfo(name, DATE)
    made.external_attr = (kind | 0o644) << 16
    return made


def added(name, kind=stat.S_IFREG, content=b"x"):
    "An entry more, which the index lists"

    def change(old, raw):
        if old != "mtpkd-pack.json":
            return [(entry(old), raw)]
        index = json.loads(raw)
        index["files"][name] = dict(bytes=len(content), sha256="0" * 64)
        return [(entry(old), json.dumps(index).encode()), (entry(name, kind), content)]

    return change


def tampered(old, raw):
    "Another number in a table, of the same length"
    if old == "results.csv":
        raw = raw.replace(b"0.", b"1.", 1)
    return [(entry(old), raw)]


def bomb(count, size, packing=zipfile.ZIP_DEFLATED):
    "Files of zeros, each listed with its true size and digest"

    def change(old, raw):
        if old != "mtpkd-pack.json":
            return [(entry(old), raw)]
        index, content, entries = json.loads(raw), bytes(size), []
        for i in range(count):
            made = entry(f"plans/{i}.safetensors")
            made.compress_type = packing
            index["files"][made.filename] = dict(bytes=size, sha256=hashlib.sha256(content).hexdigest())
            entries.append((made, content))
        return [(entry(old), json.dumps(index).encode()), *entries]

    return change


def with_index(**facts):
    "Another index, the files as they are"

    def change(old, raw):
        if old == "mtpkd-pack.json":
            raw = json.dumps(json.loads(raw) | facts).encode()
        return [(entry(old), raw)]

    return change


def listed(**facts):
    "The index says something else of one file"

    def change(old, raw):
        if old == "mtpkd-pack.json":
            index = json.loads(raw)
            index["files"]["results.csv"] |= facts
            raw = json.dumps(index).encode()
        return [(entry(old), raw)]

    return change


def nested(old, raw):
    return [(entry(old), b"[" * 100_000 if old == "mtpkd-pack.json" else raw)]


ATTACKS = dict(
    one_bomb=(bomb(1, 2**25), "as a bomb does"),
    many_small_bombs=(bomb(40, 2**20), "as a bomb does"),
    bomb_of_another_packing=(bomb(1, 2**23, zipfile.ZIP_LZMA), "not packed by deflate"),
    kind_is_a_table=(with_index(kind=dict(a=1)), "holds a"),
    kind_is_a_number=(with_index(kind=7), "holds a"),
    files_are_a_list=(with_index(files=[1]), "has no format"),
    a_file_is_a_text=(with_index(files={"CARD.md": "12"}), "expected its bytes and sha256"),
    bytes_are_true=(listed(bytes=True), "expected its bytes and sha256"),
    bytes_are_huge=(listed(bytes=10**30), "is not what the index says"),
    no_digest=(listed(sha256=None), "expected its bytes and sha256"),
    digest_of_capitals=(listed(sha256="A" * 64), "expected its bytes and sha256"),
    nested=(nested, "no archive of mtpkd pack"),
    file_and_folder=(added("plans"), "is a file and a folder"),
    tampered=(tampered, "another digest"),
    outside=(added("../outside.csv"), "leads out of the folder"),
    absolute=(added("/tmp/outside.csv"), "leads out of the folder"),
    link=(added("metrics.csv", stat.S_IFLNK, b"/etc/passwd"), "a link, a device"),
    linked_folder=(added("plans/x.safetensors", stat.S_IFLNK, b"/etc"), "a link, a device"),
    device=(added("pairing.csv", stat.S_IFCHR), "a link, a device"),
    pipe=(added("pairing.csv", stat.S_IFIFO), "a link, a device"),
    code=(added("sitecustomize.py"), "has no place in it"),
)


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_what_was_changed_is_refused_in_one_line(packed, tmp_path, capsys, attack):
    change, words = ATTACKS[attack]
    archive = changed(packed, tmp_path / "changed.zip", change)
    before = {*tmp_path.rglob("*")}
    assert main(["unpack", str(archive), "--out", str(tmp_path / "a" / "b")]) == 2
    assert words in one_line(capsys)
    left = {*tmp_path.rglob("*")} - before
    assert not left and not (tmp_path.parent / "outside.csv").exists()


def test_an_empty_folder_that_was_there_stays(packed, tmp_path, capsys, monkeypatch):
    archive = changed(packed, tmp_path / "changed.zip", tampered)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    for out in (".", "../empty", "new/deeper/../x"):
        assert main(["unpack", str(archive), "--out", out]) == 2 and "another digest" in one_line(capsys)
        assert not os.listdir(".")
    assert main(["unpack", str(packed), "--out", "."]) == 0 and "CARD.md" in os.listdir(".")


def test_what_does_not_fit_on_the_disk_is_refused_before(packed, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 9, 1))
    assert main(["unpack", str(packed), "--out", str(tmp_path / "theirs")]) == 2
    assert "has 1 left" in one_line(capsys) and not (tmp_path / "theirs").exists()


def test_zeros_of_ones_own_are_no_bomb(home, tmp_path):
    "What is packed here can be unpacked, however well it deflates"
    shutil.copytree(home / "fit", copy := tmp_path / "fit")
    facts = json.loads((copy / "fit.json").read_text())
    (copy / "fit.json").write_text(json.dumps(facts) + " " * 2**24)
    assert main(["pack", str(copy), "--out", str(tmp_path / "fit.zip")]) == 0
    assert main(["unpack", str(tmp_path / "fit.zip"), "--out", str(tmp_path / "theirs")]) == 0


def test_an_archive_of_somebody_else_by_its_digest(packed, tmp_path, capsys):
    "A file that was changed together with its index is another archive: the digest that was said tells"
    command = ["unpack", str(packed), "--out", str(tmp_path / "theirs"), "--digest"]
    assert main([*command, "0" * 64]) == 2 and "its digest is" in one_line(capsys)
    assert main([*command, "0" * 63]) == 2 and "expected the 64 digits" in one_line(capsys)
    with zipfile.ZipFile(packed) as archive:
        digest = hashlib.sha256(archive.read("mtpkd-pack.json")).hexdigest()
    assert main([*command, f" {digest.upper()}"]) == 0
    assert main(["unpack", str(packed), "--out", str(packed.parent / "run")]) == 2
    assert "use an empty folder" in one_line(capsys)


def test_a_prepared_set_is_shared_by_name_only(tmp_path, capsys):
    "Its index names samples, subjects and recordings"
    (tmp_path / "set").mkdir()
    pd.DataFrame(dict(sample=["a"])).to_parquet(tmp_path / "set" / "index.parquet")
    (tmp_path / "set" / "manifest.yaml").write_text("name: x\n")
    with pytest.raises(InputError, match="--keep-names"):
        shared_contents(tmp_path / "set", "prepared", False)
    assert [*shared_contents(tmp_path / "set", "prepared", True)] == ["manifest.yaml", "index.parquet"]


def test_the_licence_stays_with_a_student(home, tmp_path, capsys):
    "That of the data is on the card of a fit, and that of an archive on those of what is unpacked from it"
    manifest = yaml.safe_load((home / "set" / "manifest.yaml").read_text()) | dict(licence="ODbL", citation="Somebody")
    shutil.copytree(home / "set", tmp_path / "set")
    (tmp_path / "set" / "manifest.yaml").write_text(yaml.safe_dump(manifest))
    how = dict(config=quick(**FAST), progress=False)
    mtpkd.fit(tmp_path / "set" / "manifest.yaml", "student_only", tmp_path / "fit", **how)
    archive = tmp_path / "fit.zip"
    assert main(["pack", str(tmp_path / "fit"), "--out", str(archive)]) == 0
    assert "licence: ODbL" in capsys.readouterr().out
    with zipfile.ZipFile(archive) as entries:
        card = entries.read("CARD.md").decode()
    assert "ODbL" in card and "honest" in card and "Somebody" in card
    facts = json.loads((tmp_path / "fit" / "fit.json").read_text())
    for fact in ("licence", "protocol", "citation"):
        del facts[fact]
    (tmp_path / "fit" / "fit.json").write_text(json.dumps(facts))  # as an earlier version has written it
    licences = {"first": ["--licence", "CC BY 4.0"], "second": [], "third": ["--licence", "MIT"]}
    source, said = tmp_path / "fit", []
    for name, option in licences.items():
        assert main(["pack", str(source), "--out", str(tmp_path / f"{name}.zip"), *option]) == 0
        assert main(["unpack", str(tmp_path / f"{name}.zip"), "--out", str(source := tmp_path / name)]) == 0
        said.append(json.loads((source / "mtpkd-pack.json").read_text())["licence"])
    assert said == ["CC BY 4.0", "CC BY 4.0", "MIT"]


@pytest.mark.parametrize("name", ["x.tar.gz", "x.ZIP.gz", "x", "x.mtpkd"])
def test_an_archive_is_called_what_it_is(home, tmp_path, capsys, name):
    assert main(["pack", str(home / "fit"), "--out", str(tmp_path / name)]) == 2
    assert "use a name such as x.zip" in one_line(capsys) and not os.listdir(tmp_path)


def test_nothing_is_overwritten(home, tmp_path, capsys):
    (tmp_path / "x.ZIP").write_text("mine")
    assert main(["pack", str(home / "fit"), "--out", str(tmp_path / "x.ZIP")]) == 2
    assert "exists already" in one_line(capsys) and (tmp_path / "x.ZIP").read_text() == "mine"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    "Sequences of values with gaps and windows without a label, prepared"
    folder = tmp_path_factory.mktemp("prepared")
    make_set(
        folder / "one", "regression", subjects=4, per_subject=6, signals=True, missing=dict(physio=0.3), invalid=0.2
    )
    prepare(folder / "one" / "manifest.yaml", out=folder / "set", jobs=1, progress=False)
    return folder / "set"


def test_prepared_features_as_parquet(prepared, tmp_path, capsys):
    assert main(["pack", str(prepared), "--hub", "--out", str(tmp_path / "hub"), "--licence", "CC BY-SA 4.0"]) == 0
    files = sorted((tmp_path / "hub" / "data").iterdir())
    assert [path.name for path in files] == ["train-00000-of-00001.parquet"]
    samples, table = mtpkd.read(prepared / "manifest.yaml"), pq.read_table(files[0])
    assert table["sample"].to_pylist() == [f"sample-{i:02d}" for i in range(1, 25)]
    assert len({*table["subject"].to_pylist()}) == 4 and "s000" not in str(table.to_pydict())
    for i, name in enumerate(samples.modalities):
        column = table[name].to_pylist()
        assert [row is not None for row in column] == samples.presence[:, i].tolist()
        known = [np.array(row, "float32") for row in column if row is not None]
        assert (np.stack(known) == samples.arrays[name][samples.presence[:, i]]).all()
    for theirs, ours in zip(table["target"].to_pylist(), samples.target):
        assert np.isnan(ours).all() if theirs is None else np.array_equal(theirs, ours, equal_nan=True)
    page = (tmp_path / "hub" / "README.md").read_text()
    head = yaml.safe_load(page.split("---")[1])
    assert head["license"] == "cc-by-sa-4.0" and head["configs"][0]["data_files"] == "data/*.parquet"
    assert head["task_categories"] == ["tabular-regression"] and "must not be used" in page
    assert main(["pack", str(prepared), "--hub", "--out", str(tmp_path / "hub")]) == 2
    assert "use another --out" in one_line(capsys)


def test_parts_hold_the_set_once_and_in_order(prepared, tmp_path, monkeypatch):
    monkeypatch.setattr("mtpkd.reporting.hub_folders.PART_BYTES", 900)
    monkeypatch.setattr("mtpkd.reporting.hub_folders._ROWS_BYTES", 500)
    command = ["pack", str(prepared), "--hub", "--keep-names", "--out", str(tmp_path / "hub")]
    assert main(command) == 0
    files = sorted((tmp_path / "hub" / "data").iterdir())
    names = [name for path in files for name in pq.read_table(path)["sample"].to_pylist()]
    assert len(files) > 2 and files[0].name.endswith(f"-of-{len(files):05d}.parquet")
    assert names == list(mtpkd.read(prepared / "manifest.yaml").sample)


def test_datasets_opens_the_parquet_files(prepared, tmp_path):
    datasets = pytest.importorskip("datasets", reason="pip install datasets")
    assert main(["pack", str(prepared), "--hub", "--out", str(tmp_path / "hub")]) == 0
    samples, cache = mtpkd.read(prepared / "manifest.yaml"), str(tmp_path / "cache")
    files = str(tmp_path / "hub" / "data" / "*.parquet")
    for source in (dict(path="parquet", data_files=files), dict(path=str(tmp_path / "hub"))):
        rows = datasets.load_dataset(**source, cache_dir=cache)["train"]
        assert len(rows) == len(samples)
        for i, row in enumerate(rows):
            assert (row["physio"] is not None) == samples.presence[i, 1]
            assert (np.array(row["face"], "float32") == samples.arrays["face"][i]).all()


@pytest.mark.parametrize("licence, entries", [("MIT License", dict(license="other", license_name="MIT License"))])
def test_a_free_text_is_no_licence_of_a_hub(home, tmp_path, licence, entries):
    pytest.importorskip("onnx", reason='pip install -e ".[deploy]"')
    assert main(["pack", str(home / "fit"), "--out", str(tmp_path / "hub"), "--hub", "--licence", licence]) == 0
    head = yaml.safe_load((tmp_path / "hub" / "README.md").read_text().split("---")[1])
    assert {key: head.get(key) for key in entries} == entries


def test_a_folder_for_a_hub(home, tmp_path, capsys):
    pytest.importorskip("onnx", reason='pip install -e ".[deploy]"')
    assert main(["pack", str(home / "fit"), "--out", str(tmp_path / "hub"), "--hub", "--licence", "apache-2.0"]) == 0
    names = {path.name for path in (tmp_path / "hub").iterdir()}
    assert names == {"README.md", "config.json", "student.onnx", "student.safetensors"}
    page = (tmp_path / "hub" / "README.md").read_text()
    head = yaml.safe_load(page.split("---")[1])
    assert head["license"] == "apache-2.0" and head["library_name"] == "mtpkd" and head["datasets"] == ["tiny"]
    assert "must not be used" in page and str(home) not in page
    assert main(["export", str(tmp_path / "hub"), "--out", str(tmp_path / "again.onnx")]) == 0
    capsys.readouterr()
    assert main(["pack", str(home / "run"), "--out", str(tmp_path / "hub2"), "--hub"]) == 2
    assert "expected a folder of mtpkd fit" in one_line(capsys)
