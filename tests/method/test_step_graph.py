"""Steps as one graph, with a stand-in for CUDA graphs: the same numbers to the bit, and what cannot be captured is taken as usual.

No GPU is used: nothing here says that a GPU captures these steps, or how fast it repeats them."""

from dataclasses import replace
import numpy as np, pytest, torch
import mtpkd.training.loop as loop
import mtpkd.training.step_graph as step_graph
import mtpkd.training.trainer as trainer_module
from mtpkd.core.config import ExperimentConfig, ScheduleConfig, from_dict
from mtpkd.core.errors import InputError
from mtpkd.data.folds import nested_folds
from mtpkd.data.samples import fit_normaliser
from mtpkd.data.synthetic import synthetic
from mtpkd.distillation.artifacts import SelfDistilledKey
from mtpkd.distillation.context import DistillationContext, build_students
from mtpkd.distillation.objective import fit_stage
from mtpkd.distillation.students import stage_spec
from mtpkd.distillation.tnet import fit_tnets, get_adapted_teachers
from mtpkd.distillation.method_resolution import get_method
from mtpkd.training.step_graph import StepLoss, graph_obstacle
from mtpkd.training.trainer import Trainer
from recorded_steps import RecordedGraph
from tiny_runs import quick


@pytest.fixture(autouse=True)
def waiting_for_every_value(monkeypatch):
    "As on a device, where the host must not ask"
    monkeypatch.setattr(trainer_module, "reading_is_free", lambda device: False)


@pytest.fixture
def captured(monkeypatch):
    "Steps on the processor are captured, by the stand-in; gives the graphs that were made"
    real = graph_obstacle

    def obstacle(trainer, loss):
        why = real(trainer, loss)
        return "" if why == "the networks are not on CUDA" else why

    monkeypatch.setattr(loop, "graph_obstacle", obstacle)
    monkeypatch.setattr(step_graph, "CudaGraph", RecordedGraph)
    monkeypatch.setattr(RecordedGraph, "made", [])
    step_graph._notice_once.cache_clear()
    return RecordedGraph.made


# --- a small loss

TARGETS = torch.randn(3, 40, 4, generator=torch.Generator().manual_seed(0))


def trained(compute=None, draw=None, **settings):
    "A trainer of three repeats after its steps; the notes of every evaluation are in its history"
    weights = {name: torch.full((3, 4), start, requires_grad=True) for name, start in (("v", 0.5), ("w", -1.0))}

    def square(number, drawn):
        (target,) = drawn
        loss = ((weights["v"] * target - weights["w"]) ** 2).sum(1)
        return loss, {"largest": target.amax(1)}

    schedule = ScheduleConfig(**dict(steps=23, evaluate=8, batch=4, lr=0.05) | settings)
    loss = StepLoss(draw or (lambda number: (TARGETS[:, number],)), compute or square)
    trainer = Trainer([({"v": weights["v"]}, 0.05), ({"w": weights["w"]}, 0.01)], schedule)
    trainer.counts = []
    loop.train(trainer, loss, lambda weights: weights["w"].sum(1).detach().numpy(), progress=False)
    return trainer


def same(one, other):
    "Weights, average, moments, history and best weights of two trainers, to the bit"
    for name, p in one.params.items():
        q = other.params[name]
        assert torch.equal(p, q), name
        for key in ("step", "exp_avg", "exp_avg_sq"):
            assert torch.equal(one.optimiser.state[p][key], other.optimiser.state[q][key]), key
        assert torch.equal(one.best[name], other.best[name])
        assert one.average is None or torch.equal(one.average[name], other.average[name])
    assert one.history == other.history and one.step == other.step


SETTINGS = dict(), dict(ema=0.9), dict(clip=0.0), dict(accumulate=2, steps=15), dict(decay="constant", clip=0.1)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_captured_steps_are_those_of_the_loop(settings, monkeypatch):
    "To the bit; steps of an evaluation, the first ones and the odd last one are ordinary or replayed, none is left out"
    expected = trained(**settings)
    with monkeypatch.context() as m:
        m.setattr(loop, "graph_obstacle", lambda trainer, loss: "")
        m.setattr(step_graph, "CudaGraph", RecordedGraph)
        m.setattr(RecordedGraph, "made", [])
        got = trained(**settings)
        (graph,) = RecordedGraph.made
    same(got, expected)
    evaluated = len(range(0, got.schedule.steps, 8))
    assert graph.replays == got.schedule.steps - evaluated - step_graph.ORDINARY_STEPS


def test_another_shape_is_taken_as_usual(captured):
    "Of batches of two sizes, one is captured"
    half = lambda number: (TARGETS[:, number][:, : 4 if number % 3 else 2],)

    def compute(number, drawn):
        (target,) = drawn
        width = target.shape[1]
        return ((WEIGHT[:, :width] - target) ** 2).sum(1), {}

    results = []
    for steps in (captured, None):
        WEIGHT = torch.zeros(3, 4, requires_grad=True)
        trainer = Trainer([({"w": WEIGHT}, 0.1)], ScheduleConfig(steps=20, evaluate=50))
        take = step_graph.StepGraph(
            trainer, StepLoss(half, compute), lambda: loop._take_step(trainer, StepLoss(half, compute))
        )
        while trainer.step < 20:
            take.take() if steps is not None else loop._take_step(trainer, StepLoss(half, compute))
        results.append(WEIGHT.detach())
    assert torch.equal(*results)
    first = captured[0]
    assert 0 < first.replays < 16


def test_a_step_that_reads_is_taken_as_usual(captured, capsys):
    "One line says so; the numbers are those of the loop"

    def reading(number, drawn):
        (target,) = drawn
        scale = 1.0 if target.sum().item() > 0 else 0.5
        return scale * ((READING - target) ** 2).sum(1), {}

    results = []
    for graph in ("auto", "off"):
        READING = torch.zeros(3, 4, requires_grad=True)
        trainer = Trainer([({"w": READING}, 0.1)], ScheduleConfig(steps=12, evaluate=50, graph=graph))
        loop.train(trainer, StepLoss(lambda number: (TARGETS[:, number],), reading), progress=False)
        results.append(READING.detach())
    assert torch.equal(*results) and sum(graph.replays for graph in captured) == 0
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1 and "cannot be captured, and is taken as usual (operation not permitted" in said[0]


def test_a_loss_of_one_function_and_off_are_not_captured(captured):
    plain = Trainer([({"w": torch.zeros(2, 1, requires_grad=True)}, 0.1)], ScheduleConfig(steps=5, graph="auto"))
    assert graph_obstacle(plain, StepLoss(None, None)) == "the networks are not on CUDA"
    assert loop.graph_obstacle(plain, lambda step: None) == "the loss does not say what it draws"
    trained(graph="off")
    assert not captured
    with pytest.raises(InputError, match="on"):
        from mtpkd.core.config import check_limits

        check_limits(from_dict(ExperimentConfig, dict(schedule=dict(graph="on"))))


def test_the_stand_in_is_not_blind():
    "A number that the host chose stays that of the recording; what is recorded is not computed"
    x, graph = torch.zeros(3), RecordedGraph()
    step = 1.0
    out = graph.record(lambda: x.add_(step).clone())
    assert x.sum() == 0
    step = 5.0
    graph.replay(), graph.replay()
    assert x.tolist() == [2.0] * 3 and out.tolist() == [2.0] * 3
    with pytest.raises(RuntimeError, match="not permitted"):
        RecordedGraph().record(lambda: float(x.sum()))


# --- stages of a run


@pytest.fixture(scope="module")
def room():
    s = synthetic(subjects=9, per_subject=10, missing=0.2)
    folds = nested_folds(s, 3, labelled=24)[:2]
    config = from_dict(ExperimentConfig, quick(self_distillation=dict(steps=8), student=dict(tnet_steps=8)))
    config = replace(config, schedule=replace(config.schedule, graph="auto"))
    normalisers = [fit_normaliser(s, f.fit_rows, f.train) for f in folds]
    roles = ("face",), ("physio", "voice")
    return DistillationContext(s, folds, *roles, config, "accuracy", normalisers, progress=False)


def fitted(room, name, graph="auto", **settings):
    spec = stage_spec(room, get_method(name, room.config))
    spec = replace(spec, schedule=replace(spec.schedule, steps=14, evaluate=6, graph=graph, **settings))
    stack = build_students(room)
    return fit_stage(spec, stack, room.table, room.samples, room.folds, room.metric, progress=False)


@pytest.mark.parametrize(
    "name, settings",
    [
        ("pkdot", dict(noise=0.1)),
        ("mtpkd", dict(ema=0.9)),
        ("mtpkdot", dict(accumulate=2)),
        pytest.param("kd", dict(mixup=0.4), marks=pytest.mark.slow),
    ],
)
def test_a_stage_is_the_same_to_the_bit(room, name, settings, captured):
    "Weights, history, teachers that were counted: all draws are inputs of the graph"
    got = fitted(room, name, **settings)
    assert captured[-1].replays == 14 - 3 - step_graph.ORDINARY_STEPS  # the student's; teachers come before it
    expected = fitted(room, name, graph="off", **settings)
    for key, value in expected.params.items():
        assert torch.equal(got.params[key], value), key
    assert np.array_equal(np.array(got.history, object), np.array(expected.history, object))
    mine, theirs = got.teacher_weights, expected.teacher_weights
    assert [step for step, _ in mine] == [step for step, _ in theirs]
    assert all(torch.equal(one, other) for (_, one), (_, other) in zip(mine, theirs))
    assert name != "mtpkdot" or [step for step, _ in mine] == sorted([*range(14)] * 2)  # of two batches a step


def test_stages_two_and_three_are_the_same_to_the_bit(room, captured):
    got = []
    for graph in ("auto", "off"):
        schedule = replace(room.config.schedule, graph=graph)
        own = replace(room, config=replace(room.config, schedule=schedule))
        own.artifacts.discard(SelfDistilledKey())
        adapted = get_adapted_teachers(own)
        tnets = fit_tnets(own, build_students(own))
        got.append({**adapted.stack.params, **tnets.params})
        replays = sum(graph.replays for graph in captured)
    assert replays > 0 and all(torch.equal(value, got[1][key]) for key, value in got[0].items())
