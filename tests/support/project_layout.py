"What the project consists of, read from its files: notebooks, modules, imports, addresses, requirements."

import ast
import functools
import json
import re
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NBS = ROOT / "nbs"
NUMBERED = sorted(path for path in NBS.rglob("[0-9]*.ipynb") if ".ipynb_checkpoints" not in path.parts)

# floors of the house: a package imports from packages of lower floors, and from itself
FLOORS = [
    ["core"],
    ["data", "models", "transport"],
    ["features", "losses", "evaluation", "training", "simulation"],
    ["distillation"],
    ["deployment", "execution", "plots"],
    ["experiments"],
    ["reporting"],
    ["widgets", "api"],
    ["cli"],
]
FLOOR = {package: floor for floor, packages in enumerate(FLOORS) for package in packages}


@functools.cache
def cells(path):
    "The cells of a notebook as `(kind, source)`"
    notebook = json.loads(Path(path).read_text(encoding="utf-8"))
    return [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]


def number(path):
    "`10_data/04` of `nbs/10_data/04_folds.ipynb`"
    relative = path.relative_to(NBS)
    return "/".join([*relative.parts[:-1], relative.stem.split("_")[0]])


def place(path):
    "`10_data/04_folds` of `nbs/10_data/04_folds.ipynb`: its place in the order of reading, by number, then by name"
    return path.relative_to(NBS).with_suffix("").as_posix()


def module_name(path):
    "`data.folds` of `nbs/10_data/04_folds.ipynb`, as its `default_exp` says"
    for kind, source in cells(path):
        found = re.search(r"^#\|\s*default_exp\s+(\S+)", source, re.M) if kind == "code" else None
        if found:
            return found[1]
    raise AssertionError(f"{path}: no default_exp")


@functools.cache
def modules():
    "Module -> place of its notebook in the order of reading"
    return {module_name(path): place(path) for path in NUMBERED}


def exported(path):
    "The code of all export cells of a notebook"
    sources = (source for kind, source in cells(path) if kind == "code")
    return "\n\n".join(source for source in sources if re.search(r"^#\|\s*exports?\b", source, re.M))


def imports(source, package="mtpkd"):
    "Every import in `source`: `(dotted name, inside a function?)`; `from x import y` counts as x and as x.y"
    found = []

    def visit(node, inner):
        if isinstance(node, ast.Import):
            found.extend((alias.name, inner) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, [package if node.level else "", node.module]))
            found.append((base, inner))
            found.extend((f"{base}.{alias.name}", inner) for alias in node.names)
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            first = node.args[0] if node.args else None
            if name in ("import_module", "__import__") and isinstance(first, ast.Constant):
                found.append((str(first.value), inner))
        inner = inner or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for child in ast.iter_child_nodes(node):
            visit(child, inner)

    visit(ast.parse(source), False)
    return found


def addresses(source):
    "Dotted names of the project in strings, docstrings left out: `mtpkd.package.module` or `mtpkd.package.module:name`"
    tree = ast.parse(source)
    prose = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            prose.add(id(node.value))
    texts = [
        n.value
        for n in ast.walk(tree)
        if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in prose
    ]
    found = []
    for text in texts:
        if re.fullmatch(r"mtpkd(\.\w+)*[.:]\w+", text):
            found.append(text.replace(":", "."))
        else:  # a sentence for users may name `mtpkd.run`
            named = re.findall(r"\bmtpkd(?:\.\w+)+", text)
            found += [name for name in named if ("", name.removeprefix("mtpkd.")) not in package_faces()]
    return found


@functools.cache
def package_faces():
    "(package, public name) -> the module that a package face (`__init__.py`) takes the name from; `` is mtpkd itself"
    found = {}
    for path in sorted((ROOT / "mtpkd").rglob("__init__.py")):
        package = ".".join(path.parent.relative_to(ROOT / "mtpkd").parts)
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for keyword in getattr(call, "keywords", []):
                if keyword.arg == "submod_attrs":
                    for module, names in ast.literal_eval(keyword.value).items():
                        found |= {(package, name): f"{package}.{module}".strip(".") for name in names}
    return found


def settings():
    "settings.ini as a dictionary"
    parser = ConfigParser(delimiters=["="])
    parser.read(ROOT / "settings.ini", encoding="utf-8")
    return dict(parser["DEFAULT"])


def distributions(key):
    "Lower-case names of the distributions that `key` of settings.ini requires"
    return {re.split(r"[\[<>=!~; ]", line)[0].lower().replace("_", "-") for line in settings()[key].split()}
