"The modules are the notebooks, no more and no less; each stands alone, and `import mtpkd` is quick."
import json, re, subprocess, sys
import pytest
from project import NUMBERED, ROOT, cells, exported, module_name, rooms, settings

def fresh(code):
    "Run `code` in a fresh Python outside the checkout; returns what it printed"
    done = subprocess.run([sys.executable, "-c", code], cwd="/", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split()

def test_modules_are_the_notebooks():
    with_code = {module_name(p) for p in NUMBERED if exported(p)}
    modules = {p.stem for p in (ROOT/"mtpkd").glob("*.py")} - {"__init__", "__main__", "_modidx"}
    assert modules == with_code, f"without a notebook: {modules - with_code}; not exported: {with_code - modules}"
    assert len(rooms()) == len(NUMBERED), "two notebooks share a module name"

@pytest.mark.parametrize("path", NUMBERED, ids=lambda p: p.stem)
def test_notebook_has_a_head(path):
    kind, text = cells(path)[0]
    assert kind == "markdown" and re.match(r"# .+\n+> .+", text), "the first cell is `# Title` and `> one-line description`"
    assert f"#| default_exp {module_name(path)}" in "\n".join(s for k, s in cells(path) if k == "code")

def test_no_notebook_carries_widget_state_or_broken_outputs():
    for path in ROOT.glob("nbs/**/*.ipynb"):
        if ".ipynb_checkpoints" in path.parts: continue
        nb = json.loads(path.read_text(encoding="utf-8"))
        assert "widgets" not in nb["metadata"], f"{path.name}: strip the widget state"
        assert not any(o["output_type"] == "error" for c in nb["cells"] for o in c.get("outputs", [])), f"{path.name}: an error in the outputs"

FORKS = """
import importlib, os, sys
for n in {before}: importlib.import_module(n)
for name in {names}:
    child = os.fork()
    if child == 0:
        try: importlib.import_module("mtpkd." + name)
        except BaseException as e: print(name, repr(e), file=sys.stderr, flush=True); os._exit(1)
        print(name, *(m for m in ("torch", "umap", "ot", "papermill") if m in sys.modules and m not in {before}), flush=True)
        os._exit(0)
    if os.waitpid(child, 0)[1]: sys.exit(1)
"""

def test_each_module_imports_in_a_fresh_process():
    "A fork each of a process that has loaded nothing of mtpkd, only what takes long"
    data = ["numpy", "pandas", "scipy.stats", "sklearn.decomposition", "pydantic", "pyarrow.parquet"]
    early = [n for n, number in rooms().items() if number < "08"]
    for names, before in ((early, data), ([n for n in rooms() if n not in early], [*data, "torch"])):
        done = subprocess.run([sys.executable, "-c", FORKS.format(names=names, before=before)], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        loaded = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}
        assert list(loaded) == names and not any(loaded.values()), loaded

def test_import_mtpkd_is_quick():
    assert fresh("import sys, mtpkd; print(*(m for m in ('torch', 'umap', 'plotly', 'ot', 'papermill') if m in sys.modules))") == []

def test_version_is_that_of_settings():
    from importlib.metadata import version
    import mtpkd
    assert mtpkd.__version__ == version("mtpkd") == settings()["version"]

def test_no_undefined_names():
    "A name that an export cell uses and does not import passes the notebook's own tests; pyflakes sees it"
    done = subprocess.run([sys.executable, "-m", "pyflakes", str(ROOT/"mtpkd")], capture_output=True, text=True)
    faults = [line for line in done.stdout.splitlines() if "undefined name" in line]
    assert not faults, "\n".join(faults)
