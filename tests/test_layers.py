"Number order is layer order: who may import whom, and which room may import which library."
import re, sys
from importlib.metadata import packages_distributions
import pytest
from project import NUMBERED, distributions, exported, imports, module_name, number, rooms, settings

# third-party rooms: a library and the only modules that may import it
ONLY_IN = {"ot": {"transport"}, "plotly": {"styles", "curve_plots", "embedding_plots", "plan_plots", "plots", "explorers", "figures", "live"}, "umap": {"embedding_plots", "explorers"}, "ipywidgets": {"live", "plan_explorer", "widgets"}, "papermill": {"runs"},
           **dict.fromkeys(("torchvision", "av", "cv2", "facenet_pytorch"), {"video", "faces", "probe", "encoders", "backbones"})}
LAZY = {"umap", "ot", "papermill", "torchvision", "av", "cv2", "facenet_pytorch"} # imported where used, never at module level: they take seconds
BY_HAND = {"facenet-pytorch"} # pins an old torch, so no extra can name it: installed with --no-deps, and what lacks it says so
NO_TORCH_BELOW = "08"

def layer_faults(name, source, rooms):
    "What the module `name` with this `source` may not import"
    faults = []
    for dotted, inner in imports(source):
        top, _, rest = dotted.partition(".")
        if top == "mtpkd" and rest:
            other = rest.split(".")[0]
            if other in rooms and rooms[other] >= rooms[name]: faults.append(f"{name} ({rooms[name]}) imports {other} ({rooms[other]})")
        if name not in ONLY_IN.get(top, {name}): faults.append(f"{name} imports {top}, which only {sorted(ONLY_IN[top])} may")
        if top in LAZY and not inner: faults.append(f"{name} imports {top} at module level; import it where it is used")
        if top == "torch" and not inner and rooms[name] < NO_TORCH_BELOW: faults.append(f"{name} ({rooms[name]}) imports torch at module level")
    return sorted(set(faults))

@pytest.mark.parametrize("path", NUMBERED, ids=lambda p: p.stem)
def test_imports_go_down(path):
    assert not layer_faults(module_name(path), exported(path), rooms())

@pytest.mark.parametrize("source, word", [
    ("from mtpkd.students import Student", "imports students"), ("from .students import *", "imports students"),
    ("from mtpkd import students", "imports students"), ("def f():\n    import mtpkd.students", "imports students"),
    ("import ot", "only ['transport']"), ("def f():\n    import plotly.express as px", "only ['curve_plots', 'embedding_plots', 'explorers', 'figures', 'live', 'plan_plots', 'plots', 'styles']"),
    ("import importlib\nimportlib.import_module('papermill')", "only ['runs']"), ("import torch.nn as nn", "torch at module level")])
def test_the_check_sees_a_planted_fault(source, word):
    faults = layer_faults("splits", source, {"core": "00", "splits": "04", "students": "14"})
    assert len(faults) >= 1 and any(word in f for f in faults)

def test_allowed_imports_pass():
    source = "from mtpkd.core import *\nfrom .core import rng\nimport numpy as np\ndef f():\n    import torch"
    assert layer_faults("splits", source, {"core": "00", "splits": "04"}) == []

def test_every_library_used_is_required():
    "A library imported by an export cell is named in settings.ini: in the base, or, imported where used, in an extra"
    base = distributions("requirements")
    extras = set().union(*(distributions(k) for k in settings() if k.endswith("_requirements") and not k.startswith("dev_")))
    known, missing = packages_distributions(), []
    for path in NUMBERED:
        for dotted, inner in imports(exported(path)):
            top = dotted.split(".")[0]
            if top == "mtpkd" or top in sys.stdlib_module_names: continue
            names = {d.lower().replace("_", "-") for d in known.get(top, [top])} | {top.lower()}
            if not names & (base | extras | BY_HAND if inner else base): missing.append(f"{number(path)} imports {top}")
    assert not missing, f"add to requirements in settings.ini: {sorted(set(missing))}"

def test_what_comes_after_the_experiment_is_not_its_code():
    "A change of a picture or a page refuses no run that is to be resumed; a change of what trains does"
    from mtpkd.resuming import _LATER
    after = {name for name, n in rooms().items() if n > rooms()["experiments"]}
    assert set(_LATER) == after | {"__init__", "_modidx"}

def test_batch_and_companion_notebooks_export_nothing(root):
    from project import cells
    for path in [*(root/"nbs"/"batch").glob("*.ipynb"), *(root/"nbs"/"explore").glob("*.ipynb")]:
        assert not any(re.search(r"^#\|\s*(export|default_exp)", s, re.M) for k, s in cells(path) if k == "code"), path.name
