"""No module but its declaration knows a method's name: others ask for methods by their properties, or for `BASELINE`, `RECIPE` and
`CEILING`. Red on a planted violation."""

import ast
import pytest
from mtpkd.distillation.methods import methods
from project_layout import ROOT

LIBRARY = ROOT / "mtpkd"
DECLARING = LIBRARY / "distillation" / "methods.py"
MODULES = sorted(
    path for path in LIBRARY.rglob("*.py") if path.name not in ("_modidx.py", "__init__.py") and path != DECLARING
)
# calls whose strings are no names of methods: seeds, which may never change, and losses that are called like the method
NO_METHOD = ("rng", "seed_for", "loss_term")
# Functions called `example_...` make a run to try pages and sentences on, and name its methods.
# "mtpkd" is also the name of the project
OF_THE_PROJECT = {
    "cli/main.py": "the command",
    "core/plugins.py": "the package of functions that are no plug-ins",
    "deployment/onnx_export.py": "the producer of an ONNX file",
    "deployment/predictor.py": "the key of the card in an ONNX file",
    "execution/workers.py": "the command of a worker",
    "plots/theme.py": "the template of plotly",
}


def method_literals(source, names, project=False):
    "Strings of `source` that are a method's name, or one with a schedule, `name:...`"
    tree = ast.parse(source)
    skipped = set()
    for node in ast.walk(tree):
        is_seed = isinstance(node, ast.Call) and getattr(node.func, "id", "") in NO_METHOD
        is_list_of_names = isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
        is_example = isinstance(node, ast.FunctionDef) and node.name.startswith("example_")
        if is_seed or is_list_of_names or is_example:
            skipped |= {id(inner) for inner in ast.walk(node)}
    found = []
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped
        name = node.value.partition(":")[0] if is_text and " " not in node.value else ""
        if name in names and not (project and node.value == "mtpkd"):
            found.append(f"line {node.lineno}: {node.value!r}")
    return found


@pytest.mark.parametrize(
    "source",
    [
        "if name == 'student_only': pass",
        "names = ['kd', 'pkdot']",
        "base = f'self_training:{schedule}'",
        "row = table['mtpkd']",
        "def f(method='mtpkd'): pass",
    ],
)
def test_a_planted_name_is_seen(source):
    assert method_literals(source, methods.names())


def test_what_is_no_name_of_a_method_passes():
    source = "__all__ = ['kd']\nrng('label_permutation', 1)\n'kd distils'\n@loss_term('sp')\ndef sp(): pass"
    assert method_literals(source, methods.names()) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(LIBRARY).as_posix())
def test_a_module_knows_no_method_by_name(path):
    project = path.relative_to(LIBRARY).as_posix() in OF_THE_PROJECT
    found = method_literals(path.read_text(encoding="utf-8"), methods.names(), project)
    assert not found, f"{path.name}: ask `mtpkd.distillation.methods` for {found}"


@pytest.mark.parametrize("module", OF_THE_PROJECT)
def test_an_exception_is_needed(module):
    assert method_literals((LIBRARY / module).read_text(encoding="utf-8"), ["mtpkd"])
