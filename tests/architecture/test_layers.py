"The floors of the house: who may import whom, also by an address in a string, and which package may use which library."

import re
import sys
from importlib.metadata import packages_distributions
import pytest
from project_layout import (
    FLOOR,
    NUMBERED,
    addresses,
    cells,
    distributions,
    exported,
    imports,
    module_name,
    modules,
    package_faces,
    settings,
)

# a third-party library has one home: the packages or modules that may import it
DRAWING = {"plots", "widgets"}
MEDIA = {"data", "models", "features"}
ONLY_IN = {
    "ot": {"transport"},
    "numba": {"transport"},
    "llvmlite": {"transport"},
    "triton": {"transport"},
    "plotly": DRAWING,
    "umap": DRAWING,
    "ipywidgets": {"widgets"},
    "papermill": {"execution"},
    "neurokit2": MEDIA | {"simulation"},
    "PIL": {"data", "simulation"},
    **dict.fromkeys(("torchvision", "av", "cv2", "facenet_pytorch", "mediapipe", "opensmile"), MEDIA),
    **dict.fromkeys(("timm", "transformers", "huggingface_hub"), {"models"}),
}
# imported where used, never at module level: they take seconds
LAZY = {"umap", "ot", "papermill", "torchvision", "av", "cv2", "facenet_pytorch", "mediapipe", "opensmile", "neurokit2"}
LAZY |= {"timm", "transformers", "huggingface_hub", "PIL"}
# pins an old torch, so that no extra can name it: installed with --no-deps, and whoever lacks it is told so
BY_HAND = {"facenet-pytorch"}
# comes with torch for CUDA, and is done without elsewhere
WITH_TORCH = {"triton"}
# extras whose module has another name, which nobody can look up where they are not installed
MODULE_OF = {"mlflow-skinny": "mlflow", "opencv-python-headless": "cv2"}
TORCH_FREE = {"core", "data", "evaluation", "simulation"}
TORCH_FREE_MODULES = {
    "deployment.predictor",
    "deployment.student_file",
    "distillation.methods",
    "experiments.run_folder",
    "experiments.tables",
    "reporting.ranking",
    "reporting.findings",
    "reporting.limits",
    "reporting.sentences",
    "reporting.tables",
}


def package_of(module):
    "`data` of `data.corpora.biovid`"
    return module.split(".")[0]


def upward(module, dotted, numbers):
    "The modules of a higher floor, or later in the same package, that the dotted name `dotted` reaches from `module`"
    top, _, rest = dotted.partition(".")
    package, _, name = rest.rpartition(".")
    rest = package_faces().get((package, name), rest)  # what a package face hands on
    if top != "mtpkd" or not rest or package_of(rest) not in FLOOR:
        return []
    mine, theirs = package_of(module), package_of(rest)
    if mine != theirs:
        return [] if FLOOR[theirs] < FLOOR[mine] else [rest]
    found = [other for other in numbers if rest == other or rest.startswith(other + ".")]
    return [other for other in found if other != module and numbers[other] > numbers[module]]


def layer_faults(module, source, numbers):
    "What `module` with this `source` may not import, and which addresses it may not hold"
    faults = []
    for dotted, inner in imports(source):
        top = dotted.split(".")[0]
        faults += [f"{module} imports {other}, which is above it" for other in upward(module, dotted, numbers)]
        if not {package_of(module), module} & ONLY_IN.get(top, {module}):
            faults.append(f"{module} imports {top}, which only {sorted(ONLY_IN[top])} may")
        if top in LAZY and not inner:
            faults.append(f"{module} imports {top} at module level; import it where it is used")
        free = package_of(module) in TORCH_FREE or module in TORCH_FREE_MODULES
        if top == "torch" and not inner and free:
            faults.append(f"{module} imports torch at module level")
    for dotted in addresses(source):
        faults += [f"{module} names {other}, which is above it" for other in upward(module, dotted, numbers)]
    return sorted(set(faults))


@pytest.mark.parametrize("path", NUMBERED, ids=module_name)
def test_imports_go_down(path):
    assert not layer_faults(module_name(path), exported(path), modules())


PLANTED = {
    "core.errors": "00_core/01_errors",
    "data.folds": "10_data/04_folds",
    "data.frames": "10_data/04_frames",
    "data.video": "10_data/08_video",
    "models.student": "20_models/06_student",
}


@pytest.mark.parametrize(
    "source, word",
    [
        ("from mtpkd.models.student import Student", "imports models.student"),
        ("from mtpkd.models import Student", "imports models"),
        ("from mtpkd import models", "imports models"),
        ("def f():\n    import mtpkd.models.student", "imports models.student"),
        ("from mtpkd.data.video import read_frames", "imports data.video"),
        ("from mtpkd.data.frames import spans", "imports data.frames"),
        ("def f(): return import_name('mtpkd.reporting.report:report')", "names reporting.report"),
        ("pool.submit('mtpkd.experiments.runner:run')", "names experiments.runner"),
        ("import ot", "only ['transport']"),
        ("def f():\n    import plotly.express as px", "only ['plots', 'widgets']"),
        ("import importlib\nimportlib.import_module('papermill')", "only ['execution']"),
        ("import torch.nn as nn", "torch at module level"),
        ("from mtpkd import run", "imports api"),
        ("from mtpkd import Student", "imports models.student"),
        ("A = 'mtpkd:run'", "names api"),
        ("from mtpkd.data import read_frames", "imports data.video"),
    ],
)
def test_a_planted_fault_is_seen(source, word):
    faults = layer_faults("data.folds", source, PLANTED)
    assert any(word in fault for fault in faults), faults


def test_allowed_imports_pass():
    source = "from mtpkd.core.errors import *\nfrom mtpkd import core\nimport numpy as np\ndef f():\n    import torch"
    assert layer_faults("data.folds", source, PLANTED) == []


def test_every_package_has_a_floor():
    assert {package_of(module) for module in modules()} == set(FLOOR)


def test_every_library_used_is_required():
    "A library imported by an export cell is named in settings.ini: in the base, or, imported where used, in an extra"
    base = distributions("requirements")
    extra_keys = [key for key in settings() if key.endswith("_requirements") and not key.startswith("dev_")]
    extras = set().union(*(distributions(key) for key in extra_keys))
    extras |= {MODULE_OF[name] for name in extras & set(MODULE_OF)}
    known, missing = packages_distributions(), []
    for path in NUMBERED:
        for dotted, inner in imports(exported(path)):
            top = dotted.split(".")[0]
            if top == "mtpkd" or top in sys.stdlib_module_names | WITH_TORCH:
                continue
            names = {name.lower().replace("_", "-") for name in known.get(top, [top])} | {top.lower()}
            if not names & (base | extras | BY_HAND if inner else base):
                missing.append(f"{module_name(path)} imports {top}")
    assert not missing, f"add to requirements in settings.ini: {sorted(set(missing))}"


def test_code_that_only_shows_is_not_what_a_run_depends_on():
    "A change of a picture or a page refuses no run that is to be resumed; a change of what trains does"
    from mtpkd.experiments.resume import SHOWING

    assert set(SHOWING) < set(FLOOR)
    trains = set(FLOOR) - set(SHOWING) - {"api"}
    above = {package for package in FLOOR if FLOOR[package] > FLOOR["experiments"]}
    assert not trains & above and {"core", "data", "training", "distillation", "experiments"} <= trains


def test_batch_companion_and_guide_notebooks_export_nothing(root):
    for folder in ("batch", "explore", "docs"):
        for path in (root / "nbs" / folder).glob("*.ipynb"):
            sources = [source for kind, source in cells(path) if kind == "code"]
            assert not any(re.search(r"^#\|\s*(export|default_exp)", source, re.M) for source in sources), path.name
