"Names that are no UTF-8, a locale of ASCII, names that control a terminal or are markup, output that cannot be written: everything works, or one line says why not."

import os, re, subprocess, sys
import nbformat, numpy as np, pytest, yaml
import mtpkd
from mtpkd.cli.main import main
from mtpkd.execution.notebooks import execute
from mtpkd.reporting.sentences import as_markdown
from tiny_runs import make_set, quick

ODD = os.fsdecode(b"caf\xe9 \x1b[2J")  # no UTF-8, a blank, and a sequence that clears the terminal


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    "A set and its fit, all in places of odd names"
    folder = tmp_path_factory.mktemp("odd") / ODD
    make_set(folder, subjects=6, protocol=dict(folds=3, labelled=15, labelled_validation=6))
    (folder / f"{ODD}.yaml").write_text(yaml.safe_dump(quick()))
    return folder


def says(capsys, *words):
    code = main(list(map(str, words)))
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err and "Traceback" not in err
    (out + err).encode()  # nothing that a terminal of UTF-8 cannot show
    return code, out + err


@pytest.mark.slow
def test_every_command_works_in_odd_places(odd, capsys):
    manifest, config = odd / "manifest.yaml", odd / f"{ODD}.yaml"
    student, fit, run, prepared = (odd / f"{ODD}{end}" for end in (".onnx", ".fit", ".run", ".prepared"))
    for words in (
        ["data", "show", manifest],
        ["data", "check", manifest, "--csv", odd / f"{ODD}.csv"],
        ["data", "prepare", manifest, "--encoder", "raw", "--jobs", "1", "--out", prepared],
        ["fit", "--manifest", manifest, "--method", "kd", "--config", config, "--out", fit],
        ["export", fit, "--out", student],
        ["predict", student, "--manifest", manifest, "--out", odd / "p.csv"],
    ):
        code, said = says(capsys, *words)
        assert code == 0, said
    mtpkd.run(manifest, methods=["kd", "mtpkdot"], seeds=[0], config=str(config), out=run, progress=False)
    code, said = says(capsys, "compare", run, run, "--methods", "kd,mtpkdot", "--out", odd / f"{ODD}2.csv")
    assert code == 0, said
    code, said = says(capsys, "report", run, "--out", odd / f"{ODD}.html")
    assert code == 0 and (odd / f"{ODD}.html").read_text(encoding="utf-8"), said


def test_a_notebook_runs_in_an_odd_place(tmp_path):
    cells = ["x: int = 1\nname, out = '', ''", "import os; os.makedirs(out)\nprint(out, ascii(name), x)"]
    first, second = map(nbformat.v4.new_code_cell, cells)
    first.metadata["tags"] = ["parameters"]
    (tmp_path / "{x}").mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=[first, second]), tmp_path / "{x}" / "a {y}.ipynb")
    made = execute(dict(x=2, name=ODD), tmp_path / ODD, tmp_path / "{x}" / "a {y}.ipynb", progress=False)
    text = nbformat.read(made, 4).cells[-1].outputs[0].text
    assert text.endswith(f"{ODD!a} 2\n") and made.parent.is_dir()


def test_a_terminal_of_ascii(odd):
    "A process under LC_ALL=C, without Python's own ways out of it"
    locale = dict(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", PYTHONIOENCODING="")
    code = "import sys; from mtpkd.cli.main import main; sys.exit(main(sys.argv[1:]))"
    words = [sys.executable, "-X", "warn_default_encoding", "-W", "error::EncodingWarning:mtpkd", "-c", code]
    for command in (["data", "show"], ["data", "check"]):
        done = subprocess.run([*words, *command, odd / "manifest.yaml"], capture_output=True, env=os.environ | locale)
        assert done.returncode == 0 and b"Traceback" not in done.stderr, done.stderr.decode(errors="replace")


def test_no_module_reads_text_in_the_encoding_of_the_locale(root):
    found = []
    for path in (root / "mtpkd").rglob("*.py"):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if ".read_text()" in line:
                found.append(f"{path.name}:{number}: {line.strip()}")
    assert not found


LONG = "x" * 300


def places(tmp_path, end):
    "Outputs that cannot be written, with what is said"
    (tmp_path / f"link{end}").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / f"pipe{end}")
    (tmp_path / f"folder{end}").mkdir()
    return {
        "link": "which does not exist; remove the link",
        f"link{end}/below": "which does not exist; remove the link",
        "file/below": "file",
        LONG: "File name too long",
        f"{LONG}/below": "File name too long",
    }


@pytest.mark.parametrize("command", ["fit", "run", "prepare", "export", "predict", "report", "check"])
def test_outputs_that_cannot_be_written(command, odd, tmp_path, capsys):
    manifest = odd / "manifest.yaml"
    begin = dict(
        fit=["fit", "--manifest", manifest, "--method", "student_only", "--out"],
        run=["run", "--manifest", manifest, "--methods", "kd", "--seeds", "0", "--out"],
        prepare=["data", "prepare", manifest, "--encoder", "raw", "--jobs", "1", "--out"],
        export=["export", odd / f"{ODD}.fit", "--out"],
        predict=["predict", odd / f"{ODD}.onnx", "--manifest", manifest, "--out"],
        report=["report", odd / f"{ODD}.run", "--out"],
        check=["data", "check", manifest, "--csv"],
    )
    end = dict(export=".onnx", predict=".csv").get(command, "")
    said_of = places(tmp_path, end)
    if command not in ("fit", "run", "prepare"):
        said_of |= {"folder": "is a folder; expected the name of a file", "pipe": "is a device or a pipe"}
    before = sorted(p.name for p in tmp_path.iterdir())
    for place, expected in said_of.items():
        code, said = says(capsys, *begin[command], tmp_path / f"{place}{end}")
        assert code == 2 and expected in said and len(said) < 1100, (place[:20], said)
        assert said.count("\n") == 1 or command in ("check", "prepare"), said
    assert sorted(p.name for p in tmp_path.iterdir()) == before


@pytest.mark.parametrize("words", [["report"], ["data", "show"], ["predict", "x.onnx", "--out", "a.csv", "--manifest"]])
def test_a_name_that_is_too_long_to_read(words, capsys):
    code, said = says(capsys, *words, LONG + ".yaml")
    assert code == 2 and len(said) < 1100


def test_long_input_is_not_repeated(odd, capsys):
    huge = "y" * 50_000
    for words in (
        ["run", "--manifest", huge],
        ["run", "--manifest", odd / "manifest.yaml", "--set", f"{huge}=1"],
        ["run", "--manifest", odd / "manifest.yaml", "--set", f"schedule.lr={huge}"],
        ["run", "--manifest", odd / "manifest.yaml", "--methods", huge],
        [huge],
        ["data", "show", "watch", f"--{huge}"],
    ):
        code, said = says(capsys, *words)
        assert code == 2 and len(said) < 1100 and said.count("\n") == 1, said[:300]


MARKUP = ["<img src=x onerror=alert(1)>", "[a](javascript:b)", "# *c*\n- d", "$e$ `f`", "| g |"]


@pytest.mark.parametrize("name", MARKUP)
def test_names_are_no_markup_in_a_notebook(name):
    """What an independent reader of Markdown makes of the escaped text is the text itself, in one item of a list"""
    mistune = pytest.importorskip("mistune")
    page = mistune.html(as_markdown([f"Of {name}, more."]))
    assert page.count("<li>") == 1 and "<img" not in page and "<a" not in page and "<em>" not in page
    assert "<code>" not in page and "<h1>" not in page and "<table" not in page


def test_the_notebook_of_a_run_escapes_names(root):
    source = (root / "nbs" / "batch" / "experiment.ipynb").read_text(encoding="utf-8")
    calls = re.findall(r"Markdown\((.*?)\)\"?\n", source)
    escaping = "reporting.as_markdown(", "map(reporting.markdown_text, "
    assert calls and all(any(name in call for name in escaping) for call in calls)


def test_subjects_and_classes_of_odd_names(tmp_path, capsys):
    "Blanks, controls, marks of direction and markup in every name of a set, through a run, its report and its files"
    samples = mtpkd.synthetic("classification", subjects=6, per_subject=10, classes=3)
    classes = ["a b", "\x1b[31m<b>red</b>", "Jürg \u202e心"]
    subjects = np.array([f"s {subject}\x07" for subject in samples.subject])
    task = dict(kind="classification", target="what is it", classes=classes)
    roles = dict(face="prevalent", physio="privileged")
    arrays = {name: samples.arrays[name] for name in roles}
    target = np.array(classes)[samples.target]
    protocol = dict(folds=3, labelled=15, labelled_validation=6)
    name = "t <script>\x1b]0;title\x07"
    path = mtpkd.save_set(tmp_path / "set", name, arrays, target, task, subjects, roles=roles, protocol=protocol)
    code, said = says(capsys, "data", "show", path)
    assert code == 0 and "\\x1b" in said
    run = mtpkd.run(str(path), methods=["kd"], seeds=[0], config=quick(), out=tmp_path / "run", progress=False)
    assert {*run.predictions["subject"]} == {*subjects}
    code, said = says(capsys, "report", tmp_path / "run")
    assert code == 0
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "<script>\x1b" not in page and "t <script>" not in page
