"""Type stubs of the package faces: `python tools/write_stubs.py` writes mtpkd/__init__.pyi and those of its packages.

A face imports a name when it is first asked for, which neither an editor nor a type checker can follow. The stub says
where each name comes from. `--check` exits with 1 where a stub is not what its face says."""

import argparse
import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEAD = "# made from __init__.py by tools/write_stubs.py\n"


def face_of(path: Path) -> tuple:
    "Submodules, and module -> names, that a face gives to lazy_loader.attach; two empty ones where it calls it not"
    submodules, names = [], {}
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for keyword in getattr(call, "keywords", []):
            if keyword.arg == "submodules":
                submodules = ast.literal_eval(keyword.value)
            if keyword.arg == "submod_attrs":
                names = ast.literal_eval(keyword.value)
    return submodules, names


def stub_of(path: Path) -> str:
    "The stub of a face"
    submodules, names = face_of(path)
    lines = [f"from . import {module} as {module}\n" for module in submodules]
    for module, members in names.items():
        listed = "".join(f"    {name} as {name},\n" for name in members)
        lines.append(f"from .{module} import (\n{listed})\n")
    if "__version__" in path.read_text(encoding="utf-8"):
        lines.append("\n__version__: str\n")
    return HEAD + "".join(lines)


def stubs() -> dict:
    "Path of a stub -> its text, for every face that hands on names"
    faces = [path for path in sorted((ROOT / "mtpkd").rglob("__init__.py")) if face_of(path)[1]]
    return {path.with_suffix(".pyi"): stub_of(path) for path in faces}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a stub is not up to date")
    check = parser.parse_args().check
    for path, text in stubs().items():
        if not check:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            sys.exit(f"{path.relative_to(ROOT)} is not what its __init__.py says; run python tools/write_stubs.py")


if __name__ == "__main__":
    main()
