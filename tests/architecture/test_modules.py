"The modules are the notebooks, no more and no less; each stands alone, and what must be light to import is light."

import ast
import json
import re
import subprocess
import sys
import pytest
from project_layout import FLOOR, NUMBERED, ROOT, cells, exported, module_name, modules, settings

LIBRARY = ROOT / "mtpkd"


def fresh(code):
    "Run `code` in a fresh Python outside the checkout; returns what it printed"
    done = subprocess.run([sys.executable, "-c", code], cwd="/", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split()


def module_files():
    "Module -> file, package faces left out"
    files = (path for path in LIBRARY.rglob("*.py") if path.stem not in ("__init__", "_modidx"))
    return {".".join(path.relative_to(LIBRARY).with_suffix("").parts): path for path in files}


def public_names(path):
    "`__all__` of an exported module"
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return ast.literal_eval(node.value)
    return []


def test_modules_are_the_notebooks():
    with_code = {module_name(path) for path in NUMBERED if exported(path)}
    found = set(module_files())
    assert found == with_code, f"without a notebook: {found - with_code}; not exported: {with_code - found}"
    assert len(modules()) == len(NUMBERED), "two notebooks share a module name"


def test_numbers_have_two_digits_and_name_the_module():
    for path in NUMBERED:
        assert re.fullmatch(r"\d\d_[a-z][a-z0-9_]+", path.stem), path.name
        assert module_name(path).split(".")[-1] == path.stem[3:], path


@pytest.mark.parametrize("path", NUMBERED, ids=module_name)
def test_notebook_has_a_head(path):
    kind, text = cells(path)[0]
    assert kind == "markdown" and re.match(r"# .+\n+> .+", text), (
        "the first cell is `# Title` and `> one-line description`"
    )


def test_a_package_face_lists_the_public_names():
    "All of them but those that are called as a module beside them, where the module keeps the name"
    import importlib

    for package in FLOOR:
        if package == "api":
            continue
        face = importlib.import_module(f"mtpkd.{package}")
        here = {name: path for name, path in module_files().items() if name.rsplit(".", 1)[0] == package}
        beside = {name.split(".")[-1] for name in here}
        public = {name for path in here.values() for name in public_names(path)} - beside
        assert set(face.__all__) == public, f"{package}: {set(face.__all__) ^ public}"
        for name in face.__all__:
            assert hasattr(face, name)


TOP_LEVEL = """run learning_curve compare sweep fit export predict Predictor RunFolder read save_set synthetic load_manifest
TeacherEnsemble Student TNet SelfDistillation sinkhorn_divergence structural_ot encoders fusions loss_terms add_method report probe
train_teachers train_students tune evaluate robustness simulate pack unpack"""


def test_the_names_of_the_top_level():
    "What `mtpkd.NAME` offers; packages besides"
    import mtpkd

    assert {*mtpkd.__all__} - {*FLOOR} == {*TOP_LEVEL.split()}
    for name in TOP_LEVEL.split():
        assert getattr(mtpkd, name) is not None
    assert {"task", "logit_kd", "ot", "fitnets"} <= {*mtpkd.loss_terms.names()}


def test_no_notebook_carries_widget_state_or_broken_outputs():
    for path in ROOT.glob("nbs/**/*.ipynb"):
        if ".ipynb_checkpoints" in path.parts:
            continue
        notebook = json.loads(path.read_text(encoding="utf-8"))
        assert "widgets" not in notebook["metadata"], f"{path.name}: strip the widget state"
        outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
        assert not any(output["output_type"] == "error" for output in outputs), f"{path.name}: an error in the outputs"


FORKS = """
import importlib, os, sys
before = {before}
for name in before:
    importlib.import_module(name)
for name in {names}:
    child = os.fork()
    if child == 0:
        try:
            importlib.import_module("mtpkd." + name)
        except BaseException as error:
            print(name, repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        heavy = [module for module in {heavy} if module in sys.modules and module not in before]
        print(name, *heavy, flush=True)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit(1)
"""
SLOW = ("umap", "ot", "papermill")
TORCH_FREE = ("core.", "data.", "evaluation.")
READS_A_RUN = (
    "experiments.run_folder",
    "experiments.tables",
    "reporting.ranking",
    "reporting.findings",
    "reporting.limits",
    "reporting.sentences",
    "reporting.tables",
)


def imported_by(names, before, heavy):
    "A fork each of a process that has loaded nothing of mtpkd, only what takes long: name -> what of `heavy` it loaded"
    code = FORKS.format(names=names, before=before, heavy=heavy)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}


def light_modules():
    return [name for name in modules() if name.startswith(TORCH_FREE) or name in READS_A_RUN]


def loaded_together(names, heavy):
    "What of `heavy` one process has loaded that imports all of `names`"
    code = f"import importlib, sys\nfor name in {names}: importlib.import_module('mtpkd.' + name)\n"
    return fresh(code + f"print(*(name for name in {heavy} if name in sys.modules))")


def test_modules_load_nothing_that_they_do_not_need():
    assert loaded_together(light_modules(), (*SLOW, "torch", "plotly")) == []
    assert loaded_together(modules(), SLOW) == []


@pytest.mark.slow
def test_each_module_imports_in_a_fresh_process():
    data = ["numpy", "pandas", "scipy.stats", "sklearn.decomposition", "pydantic", "pyarrow.parquet"]
    light = light_modules()
    others = [name for name in modules() if name not in light]
    loaded = imported_by(light, data, (*SLOW, "torch", "plotly"))
    assert list(loaded) == light and not any(loaded.values()), loaded
    loaded = imported_by(others, [*data, "torch"], SLOW)
    assert list(loaded) == others and not any(loaded.values()), loaded


def test_import_mtpkd_is_quick():
    heavy = ("torch", "umap", "plotly", "ot", "papermill")
    assert fresh(f"import sys, mtpkd; print(*(m for m in {heavy} if m in sys.modules))") == []


def test_the_encoders_that_mtpkd_offers_are_all_registered():
    assert {"tcn", "gru", "transformer", "r3d18"} <= set(fresh("import mtpkd; print(*mtpkd.encoders.names())"))


def test_version_is_that_of_settings():
    from importlib.metadata import version
    import mtpkd

    assert mtpkd.__version__ == version("mtpkd") == settings()["version"]


def test_no_undefined_names():
    "A name that an export cell uses and does not import passes the notebook's own tests; pyflakes sees it"
    done = subprocess.run([sys.executable, "-m", "pyflakes", str(LIBRARY)], capture_output=True, text=True)
    faults = [line for line in done.stdout.splitlines() if "undefined name" in line]
    assert not faults, "\n".join(faults)


CALLED = re.compile(r"\bmtpkd((?:\.\w+)+)\(")


def named(path: str):
    "What a dotted name below `mtpkd` names: a module, or an attribute of one"
    import importlib

    parts, found = path.strip(".").split("."), importlib.import_module("mtpkd")
    for number, part in enumerate(parts):
        try:
            found = importlib.import_module(".".join(["mtpkd", *parts[: number + 1]]))
        except ImportError:
            found = getattr(found, part)
    return found


@pytest.mark.parametrize(
    "path", sorted([*ROOT.glob("*.md"), *(ROOT / "nbs").rglob("*.ipynb")]), ids=lambda path: path.stem
)
def test_what_prose_and_examples_call_can_be_called(path):
    "By its full name, as a reader would write it: `mtpkd.package.function(`"
    for name in CALLED.findall(path.read_text(encoding="utf-8")):
        assert callable(named(name)), f"mtpkd{name} cannot be called"
