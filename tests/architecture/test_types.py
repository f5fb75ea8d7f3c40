"Types of the public surface: complete signatures, and stubs that say where a name comes from. mypy itself is `make types`."

import ast
import tomllib

import pytest

import write_stubs
from project_layout import ROOT, package_faces

PUBLIC = sorted((name, module) for (package, name), module in package_faces().items() if package == "")


def functions(name, module):
    "The public function, or the public methods of the public class, called `name`"
    path = ROOT / "mtpkd" / (module.replace(".", "/") + ".py")
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if getattr(node, "name", None) == name and isinstance(node, ast.FunctionDef):
            yield node
        if getattr(node, "name", None) == name and isinstance(node, ast.ClassDef):
            yield from (f for f in node.body if isinstance(f, ast.FunctionDef) and not f.name.startswith("_"))


# modules of torch that are called like functions: their tensors are described by shapes in the docstring
NETWORKS = {"SelfDistillation", "TeacherEnsemble"}


@pytest.mark.parametrize("name, module", PUBLIC, ids=[name for name, _ in PUBLIC])
def test_public_functions_say_their_types(name, module):
    if name in NETWORKS:
        return
    for function in functions(name, module):
        arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        open_ones = [a.arg for a in arguments if a.annotation is None and a.arg not in ("self", "cls")]
        assert not open_ones and function.returns is not None, (
            f"{name}.{function.name}: annotate {open_ones or 'return'}"
        )


def test_every_face_has_its_stub():
    expected = write_stubs.stubs()
    assert set((ROOT / "mtpkd").rglob("*.pyi")) == set(expected), "run python tools/write_stubs.py"
    for path, text in expected.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.relative_to(ROOT)}: run python tools/write_stubs.py"


def test_no_module_is_left_out():
    "Neither by a list of exceptions nor line by line"
    overrides = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]["overrides"]
    assert not [o["module"] for o in overrides if o.get("ignore_errors")]
    ignored = [path for path in (ROOT / "mtpkd").rglob("*.py") if "type: ignore" in path.read_text(encoding="utf-8")]
    assert not ignored
