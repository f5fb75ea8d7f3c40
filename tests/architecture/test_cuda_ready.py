"""Ready for a GPU, shown without one: the hot path runs on fake CUDA tensors, and a training step never reads the device.

A step is traced on fake CPU tensors, forward and gradient, and the trace is replayed on fake CUDA tensors: operations that mix devices raise there. (Autograd
on fake CUDA tensors directly would end a CPU build of torch.) This checks shapes, devices and host reads; speed and numbers need a real GPU.
"""

import logging
from dataclasses import replace
import pytest, torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
import mtpkd.core.config
import mtpkd.data.folds
import mtpkd.data.samples
import mtpkd.data.synthetic
import mtpkd.distillation.context
import mtpkd.distillation.method_resolution
import mtpkd.distillation.objective
import mtpkd.distillation.outputs
import mtpkd.distillation.stage
import mtpkd.distillation.students
import mtpkd.distillation.tnet
import mtpkd.losses.terms
import mtpkd.losses.feature
import mtpkd.losses.response
import mtpkd.training.batching
import mtpkd.training.stacked_model
import mtpkd.training.trainer
import mtpkd.transport.matching
import mtpkd.transport.structural
from mtpkd.core.config import ExperimentConfig, from_dict
from mtpkd.distillation.method_resolution import get_method
from mtpkd.distillation.context import DistillationContext, build_students, get_teacher
from mtpkd.distillation.tnet import get_adapted_teachers
from mtpkd.losses.terms import loss_terms
from mtpkd.losses.catalogue import term_names
from mtpkd.data.samples import fit_normaliser
from mtpkd.data.synthetic import synthetic
from mtpkd.data.folds import nested_folds
from mtpkd.distillation.artifacts import SelfDistilledKey
from mtpkd.distillation.batch_schedule import BatchDraw, BatchSchedule
from mtpkd.distillation.objective import (
    count_teachers,
    DistillationObjective,
    note_gradient_shares,
    note_violation,
)
from mtpkd.distillation.stage import init_projections
from mtpkd.training.trainer import Trainer, gather_gradients, optimiser_step
from mtpkd.transport.matching import row_ot
from mtpkd.transport.structural import structural_ot
from tiny_runs import quick

READS = (
    torch.ops.aten._local_scalar_dense.default,
    torch.ops.aten.nonzero.default,
    torch.ops.aten.masked_select.default,
    torch.ops.aten.equal.default,
)
INDEX = (torch.ops.aten.index.Tensor, torch.ops.aten.index_put.default, torch.ops.aten.index_put_.default)


class HostReads(TorchDispatchMode):
    "Counts the operations by which the host reads a tensor's content: a number, or how many entries of a mask are true"

    def __init__(self):
        super().__init__()
        self.n = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.n += func in READS or func in INDEX and any(i is not None and i.dtype == torch.bool for i in args[1])
        return func(*args, **(kwargs or {}))


def reads(act, *args) -> int:
    with HostReads() as counted:
        act(*args)
    return counted.n


def on_fake_cuda(step, *examples):
    "Trace `step` on fakes of `examples`, replay it on fake CUDA: the outputs, and the operations that make a tensor on a device of their own"
    graph = make_fx(step, tracing_mode="fake", _allow_non_fake_inputs=False)(*examples)
    pinned = [n for n in graph.graph.nodes if n.kwargs.get("device") is not None]
    for n in pinned:
        n.kwargs = {**n.kwargs, "device": torch.device("cuda")}
    constants = [n for n in graph.graph.nodes if n.op == "get_attr"]
    assert not constants, f"constants on the CPU: {constants}"
    graph.recompile()
    with FakeTensorMode(allow_non_fake_inputs=False), torch.no_grad():
        out = graph(
            *tree_map(lambda e: None if e is None else torch.empty(e.shape, dtype=e.dtype, device="cuda"), examples)
        )
    return tree_leaves(out), [n.target.overloadpacket for n in pinned]


MADE_THERE = {
    torch.ops.aten.arange,
    torch.ops.aten.eye,
    torch.ops.aten.zeros,
    torch.ops.aten.scalar_tensor,
}  # on the device of what they are used with; no copy between devices


@pytest.fixture(autouse=True)
def waiting_for_every_value(monkeypatch):
    "As on a device, where the host must not ask"
    monkeypatch.setattr(mtpkd.training.trainer, "reading_is_free", lambda device: False)


@pytest.fixture(autouse=True)
def quiet():
    "Tracing writes thousands of debug lines, which pytest would keep"
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


# the tools themselves


def test_the_count_is_not_blind():
    x = torch.arange(4.0)
    for read in (
        lambda: x.sum().item(),
        lambda: bool(x.any()),
        lambda: int(x[0]),
        lambda: x[x > 1],
        lambda: x.masked_select(x > 1),
        lambda: x.nonzero(),
    ):
        assert reads(read) == 1
    assert reads(lambda: (x * 2)[torch.tensor([1])].sum()) == 0


def test_the_replay_is_not_blind():
    "A tensor that was left on the CPU raises"
    left = torch.ones(3)
    with pytest.raises(Exception):
        on_fake_cuda(lambda x: x + left, torch.ones(3))
    out, pinned = on_fake_cuda(lambda x: x + torch.arange(3, device=x.device), torch.ones(3))
    assert out[0].device.type == "cuda" and pinned == [torch.ops.aten.arange]


# the structural loss


def loss_and_gradient(z_s, z_t):
    z_s = z_s.detach().requires_grad_()
    losses = structural_ot(z_s, z_t, k=10)
    return losses, torch.autograd.grad(losses.sum(), z_s)[0]


@pytest.mark.parametrize("teachers", [1, 3])
def test_structural_loss_on_cuda(teachers):
    (losses, grad), pinned = on_fake_cuda(loss_and_gradient, torch.randn(32, 8), torch.randn(teachers, 32, 12))
    assert (losses.shape, grad.shape) == ((teachers,), (32, 8))
    assert {losses.device.type, grad.device.type} == {"cuda"}
    assert set(pinned) <= MADE_THERE, set(pinned) - MADE_THERE


@pytest.mark.parametrize("teachers", [1, 3])
def test_structural_loss_reads_nothing(teachers):
    assert reads(loss_and_gradient, torch.randn(32, 8), torch.randn(teachers, 32, 12)) == 0


def test_row_wise_transport_on_cuda_reads_nothing():
    def step(z_s, z_t):
        z_s = z_s.detach().requires_grad_()
        losses = row_ot(z_s, z_t, k=10)
        return losses, torch.autograd.grad(losses.sum(), z_s)[0]

    (losses, grad), pinned = on_fake_cuda(step, torch.randn(32, 8), torch.randn(3, 32, 12))
    assert (losses.shape, grad.shape, losses.device.type, grad.device.type) == ((3,), (32, 8), "cuda", "cuda")
    assert set(pinned) <= MADE_THERE, set(pinned) - MADE_THERE
    assert reads(step, torch.randn(32, 8), torch.randn(3, 32, 12)) == 0


@pytest.mark.parametrize(
    "name", [*term_names(level="feature"), *term_names(level="relation"), *term_names(classification_only=True)]
)
def test_rivals_on_cuda(name):
    "Every rival's loss and gradient, two repeats at once"
    batch = dict(
        output=torch.randn(2, 12, 4),
        target=torch.rand(2, 12, 4).softmax(-1),
        weight=torch.ones(2, 12),
        has_teacher=torch.ones(2, 12),
        teacher_output=torch.rand(2, 12, 4).softmax(-1),
        embedding=torch.randn(2, 12, 8),
        teacher_embedding=torch.randn(2, 12, 8),
        ground_cost=torch.rand(2, 4, 4),
        **init_projections([name], 8, 8, [1, 2]),
    )
    batch = {k: v.detach() for k, v in batch.items()}

    def step(batch):
        own = {k: batch[k].requires_grad_() for k in ("embedding", "output")}
        losses = torch.func.vmap(lambda b: loss_terms.get(name)(b, dict(temperature=1.5, blur=0.1)))({**batch, **own})
        return losses, torch.autograd.grad(losses.sum(), list(own.values()), allow_unused=True)

    out, pinned = on_fake_cuda(step, batch)
    assert {o.device.type for o in out if o is not None} == {"cuda"} and set(pinned) <= MADE_THERE, (
        set(pinned) - MADE_THERE
    )
    assert reads(step, batch) == 0


# a training step


@pytest.fixture(scope="module")
def room():
    s = synthetic(subjects=9, per_subject=10, missing=0.2)
    folds = nested_folds(s, 3, labelled=24)[:2]
    return DistillationContext(
        s,
        folds,
        ("face",),
        ("physio", "voice"),
        from_dict(ExperimentConfig, quick()),
        "accuracy",
        [fit_normaliser(s, f.fit_rows, f.train) for f in folds],
        progress=False,
    )


def course_of(room, name):
    "The course of a method's student"
    return mtpkd.distillation.students.stage_spec(room, get_method(name, room.config))


COURSES = [
    "student_only",
    "student_only:long_mixup",
    "student_all_labels",
    "self_training",
    "kd",
    "pkdot",
    "mtpkdot",
    "mtpkd",
    "dkd",
    "fitnets",
    "cosine_mse",
    "rkd",
    "sp",
    "cc",
    "pkt",
    "crd",
    "wkd",
    "rowwise_ot",
    "sinkhorn_kd",
]


@pytest.mark.parametrize("rule", ["batch", "sample", "weighted", "fixed"])
def test_teacher_rules_read_nothing(rule, room):
    assert steps_read(replace(course_of(room, "mtpkdot"), selection_rule=rule), room) == 0


@pytest.mark.parametrize("name", COURSES)
def test_a_step_of_training_reads_nothing(name, room):
    "Loss and update of two steps, the first of which writes down the terms' shares in the gradient"
    assert steps_read(course_of(room, name), room) == 0


def test_a_step_with_rows_transported_reads_nothing(room):
    assert steps_read(replace(course_of(room, "pkdot"), terms=(("task", 1.0), ("row_ot", 0.5))), room) == 0


def test_a_step_of_a_teacher_with_hidden_modalities_reads_nothing(room):
    course = replace(course_of(room, "student_only"), modalities=("face", "physio", "voice"), modality_dropout=0.3)
    stack = mtpkd.training.stacked_model.StackedModel(lambda: room.ensemble.build("joint"), [1, 2])
    assert steps_read(course, room, stack) == 0


def test_a_step_in_float16_reads_nothing(room):
    "Scales that fit and scales that do not are the device's own affair"
    assert steps_read(course_of(room, "pkdot"), room, half=True) == 0


def steps_read(course, room, stack=None, half=False):
    stack = stack or build_students(room)
    trainer = Trainer([(stack.params, 1e-3)], course.schedule)
    callbacks = (count_teachers([]), note_gradient_shares, note_violation)
    loss = DistillationObjective(course, stack, room.table, room.folds, callbacks)
    loss.trainer = trainer
    if half:
        trainer.dtype, trainer.scale = torch.float16, torch.tensor([2.0**40, *[2.0**8] * (len(stack) - 1)])

    def step():
        gather_gradients(trainer, loss), optimiser_step(trainer)

    step()  # the optimiser makes its state
    trainer.step = 0
    return reads(lambda: (step(), step()))


def test_stages_two_and_three_read_nothing(room, monkeypatch):
    "Self-distillation and T-Net: the steps that `fit` is given"

    def watched(trainer, loss, *args, **kw):
        def step():
            gather_gradients(trainer, loss), optimiser_step(trainer)

        step()
        counted.append(reads(step))
        return trainer

    counted = []
    get_teacher(room, room.ensemble.joint), get_adapted_teachers(room)
    monkeypatch.setattr(mtpkd.distillation.self_distillation, "train", watched)
    monkeypatch.setattr(mtpkd.distillation.tnet, "train", watched)
    room.artifacts.discard(SelfDistilledKey())
    get_adapted_teachers(room)
    mtpkd.distillation.tnet.fit_tnets(room, build_students(room))
    room.artifacts.discard(SelfDistilledKey())
    assert counted == [0, 0]


@pytest.mark.parametrize("name", ["mtpkd", pytest.param("mtpkdot", marks=pytest.mark.slow)])
def test_a_step_of_training_on_cuda(name, room, monkeypatch):
    """Gather, normalise, choose a teacher, run the student, all terms, the gradient: every tensor of it on the device.

    Batches, mixup and its partners are drawn on the host and moved; here they come from outside, as everything else."""
    course, stack, table = course_of(room, name), build_students(room), room.table
    drawn = BatchSchedule.draw(course, table, room.folds)
    teachers = course.teacher_outputs
    know = teachers and (teachers.output, teachers.embedding, teachers.losses)
    parts = {f: getattr(table, f) for f in ("x", "presence", "target", "valid", "mean", "scale")}

    def step(parts, params, drawn, know, target):
        with monkeypatch.context() as m:
            labelled, partner, draws = drawn
            batches = BatchSchedule(labelled, partner, BatchDraw(*draws), course.schedule.batch)
            m.setattr(BatchSchedule, "draw", lambda *arguments: batches)
            outputs = know and mtpkd.distillation.outputs.TeacherOutputs(teachers.names, *know)
            own = replace(course, soft_target=target, teacher_outputs=outputs)
            stack.params = {k: p.detach().requires_grad_() for k, p in params.items()}
            losses, _ = DistillationObjective(own, stack, replace(table, **parts), room.folds)(1)
            return losses, torch.autograd.grad(losses.sum(), list(stack.params.values()), allow_unused=True)

    params = {k: p.detach().clone() for k, p in stack.params.items()}
    moved = (drawn.labelled, drawn.partner, tuple(drawn.draws))
    out, pinned = on_fake_cuda(step, parts, params, moved, know, course.soft_target)
    assert len(out) > 20 and {o.device.type for o in out if o is not None} == {"cuda"}
    assert set(pinned) <= MADE_THERE, set(pinned) - MADE_THERE
