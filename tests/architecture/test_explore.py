"The companion notebooks run top to bottom in time; what they keep is small, whole and says nothing of the machine it was made on."

import ast, importlib, json, re, resource
from pathlib import Path
import nbformat, pytest
from nbclient import NotebookClient
from pyflakes import checker, messages
from project_layout import ROOT, cells

EXPLORE = ROOT / "nbs" / "explore"
NOTEBOOKS = sorted(EXPLORE.glob("*.ipynb"))
SLOW = {
    "transport_plans",
    "embeddings",
    "verdict",
    "leaks",
    "encoders_and_teachers",
    "self_distillation",
    "teacher_choice",
    "your_own_data",
    "rehearsal",
}  # they train
LIMIT_S, LIMIT_BYTES = 60, 900_000
WIDTH = 110  # characters in a line of code
FIGURE = "application/vnd.plotly.v1+json"
PICTURE = "image/png"
EXPLORERS = re.compile(r"\b(?:\w+Explorer|TeacherChoice|TransferLedger|TeacherAgreement|HiddenModality|RunBrowser)\(")
ABSOLUTE = re.compile(
    r"(?<![\w.:/~+-])/(?:home|root|tmp|var|usr|opt|work|mnt|private|Users)/|\b[A-Za-z]:\\\\?(?:Users|Windows|Temp)\b|file://"
)


def outputs(nb):
    return [o for c in nb["cells"] if c["cell_type"] == "code" for o in c["outputs"]]


def stored(path):
    return json.loads(path.read_text(encoding="utf-8"))


def used():
    return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


def faults(nb):
    "What must not stand in the outputs of a notebook"
    found = [f"error: {o['ename']}" for o in outputs(nb) if o["output_type"] == "error"]
    found += [f"stderr: {''.join(o['text'])[:80]}" for o in outputs(nb) if o.get("name") == "stderr"]
    return found + [f"path: {m.group()}" for o in outputs(nb) for m in ABSOLUTE.finditer(json.dumps(o))]


@pytest.fixture(params=[pytest.param(p, id=p.stem) for p in NOTEBOOKS])
def notebook(request):
    return request.param


def test_they_are_there_and_nbdev_leaves_them_alone():
    assert {p.stem for p in NOTEBOOKS} >= {
        "first_look",
        "transport_plans",
        "embeddings",
        "verdict",
        "leaks",
        "recipe",
        "encoders_and_teachers",
        "self_distillation",
        "teacher_choice",
        "your_own_data",
        "rehearsal",
    }
    assert (EXPLORE / ".notest").exists()


def test_stored_outputs_are_clean(notebook):
    assert faults(stored(notebook)) == []


def test_outputs_are_kept_and_small(notebook):
    nb = stored(notebook)
    figures = [o["data"] for o in outputs(nb) if FIGURE in o.get("data", {})]
    assert len(figures) >= 3 and all("text/html" not in f for f in figures), (
        "figures are kept for JupyterLab alone, without plotly.js"
    )
    assert notebook.stat().st_size < LIMIT_BYTES
    last = [c for c in nb["cells"] if c["cell_type"] == "code"]
    assert any(c["outputs"] for c in last[-3:]), "it was run to its end before it was committed"


def test_pictures_for_a_page_without_a_kernel(notebook):
    "Beside each figure, and for each explorer, whose state is gone with its kernel; all in few bytes"
    nb = stored(notebook)
    assert all(PICTURE in o["data"] for o in outputs(nb) if FIGURE in o.get("data", {}))
    drawn = [c for c in nb["cells"] if c["cell_type"] == "code" and EXPLORERS.search("".join(c["source"]))]
    for cell in drawn:
        assert any(PICTURE in o.get("data", {}) for o in cell["outputs"]), "".join(cell["source"])
    pictures = [o["data"][PICTURE] for o in outputs(nb) if PICTURE in o.get("data", {})]
    assert all(len(text) < 180_000 for text in pictures) and "widgets" not in nb["metadata"]


def test_prose_first(notebook):
    kinds = [k for k, _ in cells(notebook)]
    assert kinds[:2] == ["markdown"] * 2 and kinds[-1] == "markdown" and kinds.count("markdown") >= 0.35 * len(kinds)
    assert not any(re.search(r"^\s*(def|class) ", s, re.M) for k, s in cells(notebook) if k == "code"), (
        "definitions belong in the numbered notebooks"
    )


def test_code_fits_the_page(notebook):
    too_long = [line for k, s in cells(notebook) if k == "code" for line in s.splitlines() if len(line) > WIDTH]
    assert too_long == [], (
        f"JupyterLab cuts lines of more than {WIDTH} characters off at the edge of a page of usual width"
    )


def unknown_names(code):
    "Names that code uses and nothing defines, and those that it takes from modules of the library that lack them"
    tree, modules = ast.parse(code), {}
    found = [str(fault) for fault in checker.Checker(tree).messages if isinstance(fault, messages.UndefinedName)]
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not node.module.startswith("mtpkd"):
            continue
        module = importlib.import_module(node.module)
        for alias in node.names:
            if not hasattr(module, alias.name):
                found.append(f"{node.module}.{alias.name}")
            elif type(getattr(module, alias.name)) is type(ast):
                modules[alias.asname or alias.name] = getattr(module, alias.name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            if not hasattr(modules[node.value.id], node.attr):
                found.append(f"{node.value.id}.{node.attr}")
    return found


def test_names_in_the_code_exist(notebook):
    code = "\n".join(source for kind, source in cells(notebook) if kind == "code")
    assert unknown_names(code) == []


def test_the_check_sees_an_unknown_name():
    code = "from mtpkd import plots\nfrom mtpkd.reporting import no_report\nplots.no_plot(words.of(1))\nplots.verdict_forest"
    found = unknown_names(code)
    assert len(found) == 3 and {"mtpkd.reporting.no_report", "plots.no_plot"} < {*found}


def test_it_takes_parameters(notebook):
    tagged = [c for c in stored(notebook)["cells"] if "parameters" in c["metadata"].get("tags", [])]
    assert len(tagged) == 1 and "run_folder = None" in "".join(tagged[0]["source"])


@pytest.mark.parametrize(
    "path", [pytest.param(p, id=p.stem, marks=[pytest.mark.slow] * (p.stem in SLOW)) for p in NOTEBOOKS]
)
def test_runs_top_to_bottom(path, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    nb, before = nbformat.read(path, 4), used()
    NotebookClient(
        nb, timeout=5 * LIMIT_S, kernel_name="python3", resources=dict(metadata=dict(path=str(tmp_path)))
    ).execute()
    assert faults(nb) == []
    assert used() - before < LIMIT_S, "seconds of one processor, so that a busy machine does not count"
    assert not list(tmp_path.iterdir()), "it leaves nothing behind"


@pytest.mark.parametrize("text", ["RunFolder('/tmp/tmpx/run')", "/home/ada/data", "C:\\Users\\ada", "file:///x"])
def test_the_check_sees_a_planted_path(text):
    nb = dict(cells=[dict(cell_type="code", outputs=[dict(output_type="stream", name="stdout", text=[text])])])
    assert len(faults(nb)) == 1
