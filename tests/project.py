"What the project consists of, read from its files: notebooks, modules, imports, requirements."
import ast, functools, json, re
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NUMBERED = sorted((ROOT/"nbs").glob("[0-9]*.ipynb"))

@functools.cache
def cells(path):
    "The cells of a notebook as `(kind, source)`"
    return [(c["cell_type"], "".join(c["source"])) for c in json.loads(Path(path).read_text(encoding="utf-8"))["cells"]]

def number(path):
    "`07a` of `07a_readers.ipynb`; letters sort after the bare number"
    return path.stem.split("_")[0]

def module_name(path):
    "`readers` of `07_readers.ipynb`"
    return path.stem.split("_", 1)[1]

def rooms():
    "Number of the notebook by module name"
    return {module_name(p): number(p) for p in NUMBERED}

def exported(path):
    "The code of all export cells of a notebook"
    return "\n\n".join(s for kind, s in cells(path) if kind == "code" and re.search(r"^#\|\s*exports?\b", s, re.M))

def imports(source, package="mtpkd"):
    "Every import in `source`: `(dotted name, inside a function?)`; relative ones made absolute, `from x import y` as x and x.y"
    found = []
    def visit(node, inner):
        if isinstance(node, ast.Import): found.extend((a.name, inner) for a in node.names)
        if isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, [package if node.level else "", node.module]))
            found.append((base, inner))
            found.extend((f"{base}.{a.name}", inner) for a in node.names)
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in ("import_module", "__import__"):
            if node.args and isinstance(node.args[0], ast.Constant): found.append((str(node.args[0].value), inner))
        inner = inner or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for child in ast.iter_child_nodes(node): visit(child, inner)
    visit(ast.parse(source), False)
    return found

def settings():
    "settings.ini as a dictionary"
    parser = ConfigParser(delimiters=["="])
    parser.read(ROOT/"settings.ini", encoding="utf-8")
    return dict(parser["DEFAULT"])

def distributions(key):
    "Lower-case names of the distributions that `key` of settings.ini requires"
    return {re.split(r"[\[<>=!~; ]", r)[0].lower().replace("_", "-") for r in settings()[key].split()}
