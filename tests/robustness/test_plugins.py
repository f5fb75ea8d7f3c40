"Plug-ins of the wrong kind: whatever a reader, an encoder, a term or a metric raises or returns, the answer is one line with its name, what was expected and what came."

from dataclasses import replace
import numpy as np, pytest, torch, yaml
from torch import nn
import mtpkd
from mtpkd.core.errors import InputError, RunError
from mtpkd.data.readers import readers
from mtpkd.data.signals import inputs
from mtpkd.distillation.methods import Method, methods
from mtpkd.distillation.soft_targets import target_rules
from mtpkd.distillation.teacher_selection import selection_rules
from mtpkd.evaluation.metrics import metric, metrics
from mtpkd.experiments.runner import run as run_experiment
from mtpkd.losses.alignment import alignments
from mtpkd.losses.terms import loss_term, loss_terms
from mtpkd.models.encoders import encoders
from mtpkd.models.fusion import fusions
from tiny_runs import make_set, quick


def raises_key_error(*args, **how):
    raise KeyError("face")


def leaves(*args, **how):
    raise SystemExit(3)


def returning(value):
    return lambda *args, **how: value


WRONG = dict(
    none=returning(None),
    text=returning("x"),
    shape=returning(torch.ones(3, 4)),
    whole=returning(torch.ones(2, 8, dtype=torch.long)),
    array=returning(np.ones(3)),
    raises=raises_key_error,
    leaves=leaves,
)


class Module(nn.Module):
    "A module that returns the same whatever it is given"

    def __init__(self, call):
        super().__init__()
        self.call = call
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, *args):
        return self.call()


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    protocol = dict(folds=3, labelled=15, labelled_validation=6)
    return make_set(tmp_path_factory.mktemp("set"), subjects=6, protocol=protocol)


@pytest.fixture(autouse=True)
def registries():
    "Registries as they were"
    kinds = (
        readers,
        inputs,
        methods,
        target_rules,
        selection_rules,
        metrics,
        alignments,
        loss_terms,
        encoders,
        fusions,
    )
    before = [dict(kind._items) for kind in kinds]
    yield
    for kind, items in zip(kinds, before):
        kind._items.clear()
        kind._items.update(items)


def train(manifest, out, methods=("kd",), **config):
    mtpkd.run(str(manifest), methods=list(methods), seeds=[0], config=quick(**config), out=out, progress=False)


def changed(manifest, **entries):
    "The manifest with other entries, beside it"
    values = yaml.safe_load(manifest.read_text())
    for key, value in entries.items():
        values[key] = values[key] | value if isinstance(value, dict) else value
    path = manifest.with_name("changed.yaml")
    path.write_text(yaml.safe_dump(values))
    return path


def use(kind, wrong, manifest, out):
    "Register a plug-in and do what calls it"
    own = dict(teacher="all" if kind == "target" else "joint", pool=True)
    if kind == "reader":
        readers.register("odd")(wrong)
        mtpkd.read(changed(manifest, reader="odd"))
    if kind == "input transform":
        inputs.register("odd")(wrong)
        face = yaml.safe_load(manifest.read_text())["modalities"]["face"] | dict(input="odd")
        mtpkd.read(changed(manifest, modalities=dict(face=face)))
    if kind == "encoder":
        encoders.register("odd")(wrong)
        train(manifest, out, encoder=dict(name="odd"))
    if kind == "encoder module":
        encoders.register("odd")(lambda *args, **how: Module(wrong))
        train(manifest, out, encoder=dict(name="odd"))
    if kind == "fusion":
        fusions.register("odd")(wrong)
        train(manifest, out, fusion=dict(name="odd"))
    if kind == "distillation term":
        loss_term("odd", level="response", compares="outputs")(wrong)
        methods._items["odd_method"] = Method("odd_method", (("task", 1.0), ("odd", 1.0)), **own)
        train(manifest, out, ["odd_method"])
    if kind == "teacher rule":
        selection_rules.register("odd")(wrong)
        methods._items["odd_method"] = replace(methods.get("mtpkdot"), name="odd_method", rule="odd")
        train(manifest, out, ["odd_method"])
    if kind == "target":
        target_rules.register("odd")(wrong)
        methods._items["odd_method"] = Method("odd_method", (("task", 1.0), ("logit_kd", 1.0)), target="odd", **own)
        train(manifest, out, ["odd_method"])
    if kind == "alignment":
        alignments.register("odd")(wrong)
        train(manifest, out, ["mtpkdot"], self_distillation=dict(alignment="odd"))
    if kind == "metric":
        metric("odd", "classification")(wrong)
        train(changed(manifest, protocol=dict(metric="odd")), out)


KINDS = [
    "reader", "input transform", "encoder", "encoder module", "fusion", "distillation term", "teacher rule", "target",
    "alignment", "metric",
]  # fmt: skip


LATER = [pytest.param(name, marks=pytest.mark.slow) for name in ("text", "whole", "array")]


@pytest.mark.parametrize("wrong", ["none", "shape", "raises", "leaves", *LATER])
@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_plugin_is_named(kind, wrong, manifest, tmp_path):
    fits = {("input transform", "shape"), ("input transform", "whole"), ("input transform", "array")}
    with pytest.raises(InputError) as e:
        use(kind, WRONG[wrong], manifest, tmp_path / "run")
    said = str(e.value)
    assert "'odd'" in said or (kind, wrong) in fits and "odd" in said, said
    assert "expected" in said and "\n" not in said
    if wrong in ("raises", "leaves"):
        assert ("KeyError" if wrong == "raises" else "SystemExit") in said


def test_a_method_that_fails_has_a_status(manifest, tmp_path, monkeypatch):
    "An exception of any kind in one method: its name, the journal, and a run that goes on without it"
    import mtpkd.experiments.runner as runner

    real = runner.run_method

    def broken(plan, context, name):
        if name == "sp:default":
            raise ZeroDivisionError("division by zero")
        return real(plan, context, name)

    monkeypatch.setattr(runner, "run_method", broken)
    how = dict(methods=["kd", "sp"], seeds=[0], config=quick(), out=tmp_path / "run", progress=False)
    with pytest.raises(
        RunError, match="method sp:default failed .ZeroDivisionError: division by zero.; what was finished"
    ):
        run_experiment(str(manifest), **how)
    assert '"event": "failed"' in (tmp_path / "run" / "journal.jsonl").read_text()
    monkeypatch.undo()
    assert {"kd", "sp"} <= {*run_experiment(str(manifest), resume=True, **how).results["method"]}
