"""What the released code of MT-PKDOT and PKDOT computes, rendered once more from its equations in float64 numpy, beside the library.

No foreign code is run: every function of the first part is an equation written out. In the second part the five stages of the
recipe `mtpkdot_released` are trained by a plain loop with these equations, on the same batches from the same weights, and their
loss curves are compared step by step.
"""

from dataclasses import replace
import corpus_trees as trees
import numpy as np
import ot
import pytest
import torch
from mtpkd.core.config import FusionConfig, SelfDistillationConfig
from mtpkd.core.runtime import seed_for
from mtpkd.distillation import self_distillation, students
from mtpkd.distillation.batch_schedule import draw_stage_batches
from mtpkd.distillation.context import build_students, get_backbone, get_teacher
from mtpkd.distillation.method_resolution import get_method
from mtpkd.distillation.self_distillation import distillation_loss, SelfDistillation
from mtpkd.distillation.stage import StageSpec
from mtpkd.distillation.teacher_selection import select_teachers
from mtpkd.distillation.tnet import get_adapted_teachers, get_tnets, init_student_from_teacher, tnet_losses
from mtpkd.experiments.plan import plan_experiment
from mtpkd.experiments.scoring import open_context
from mtpkd.features.prepare import prepare
from mtpkd.losses.alignment import alignments
from mtpkd.losses.structural import centroid, compare_clouds, structural_clouds
from mtpkd.losses.task import task_loss
from mtpkd.models.fusion import build_fusion
from mtpkd.models.student import TNet
from mtpkd.training.stacked_model import StackedModel
from mtpkd.transport.geometry import cosine_gram, least_similar
from mtpkd.transport.structural import structural_divergence
from tiny_runs import make_set

CLOSE = 1e-5


@pytest.fixture(autouse=True)
def same_numbers():
    torch.manual_seed(5)


def close(ours, expected, tolerance=CLOSE):
    "Whether a tensor of the library has the values of an array, absolutely and relative to numbers above one"
    ours = ours.detach().numpy() if isinstance(ours, torch.Tensor) else np.asarray(ours)
    expected = np.asarray(expected)
    assert ours.shape == expected.shape
    gap = np.abs(ours - expected) / np.maximum(1, np.abs(expected))
    return gap.max() < tolerance


# --- the equations in numpy ------------------------------------------------------------------------------------------


def gram_by_hand(z):
    norm = np.sqrt((z**2).sum(1, keepdims=True))
    return z @ z.T / (norm @ norm.T)


def distances_by_hand(z):
    distances = np.sqrt(((z[:, None] - z[None]) ** 2).sum(-1))
    return distances / distances.max()


def divergence_by_hand(x, y, blur):
    "Debiased entropic transport of two uniform clouds with cost |x-y|^2/2, by POT in float64"

    def value(p, q):
        weights = np.full(len(p), 1 / len(p))
        cost = ot.dist(p, q) / 2
        plan = ot.sinkhorn(weights, weights, cost, blur**2, method="sinkhorn_log", numItermax=20_000, stopThr=1e-8)
        relative = np.maximum(plan, 1e-300) / np.outer(weights, weights)
        return (plan * cost).sum() + blur**2 * (plan * np.log(relative)).sum()

    return value(x, y) - value(x, x) / 2 - value(y, y) / 2


def log_softmax_by_hand(logits):
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def cross_entropy_by_hand(logits, labels):
    return -log_softmax_by_hand(logits)[np.arange(len(labels)), labels].mean()


def cosine_by_hand(a, b):
    "The cosine embedding loss of pairs that are alike"
    cosines = (a * b).sum(1) / np.sqrt((a**2).sum(1) * (b**2).sum(1))
    return (1 - cosines).mean()


def mmd_by_hand(a, b, scales, divisor, with_itself):
    "Maximum mean discrepancy of two sets with a bank of Gaussian kernels"
    n, z = len(a), np.concatenate([a, b])
    square = ((z[:, None] - z[None]) ** 2).sum(-1)
    width = square.sum() / (len(z) ** 2 - (0 if with_itself else len(z)))
    kernel = sum(np.exp(-square / (width * scale)) for scale in scales) / divisor
    return (kernel[:n, :n] + kernel[n:, n:] - kernel[:n, n:] - kernel[n:, :n]).mean()


ALIGNMENTS = {
    "cosine": cosine_by_hand,
    "mse": lambda a, b: ((a - b) ** 2).mean(),
    "mmd": lambda a, b: mmd_by_hand(a, b, (0.5, 1, 2), 3, True),
    "mmd_released": lambda a, b: mmd_by_hand(a, b, (0.25, 0.5, 1, 2, 4), 1, False),
}


# --- structure -------------------------------------------------------------------------------------------------------


@pytest.fixture
def embeddings():
    "Of a student and a teacher, a batch of the released size"
    return torch.randn(128, 512).double(), torch.randn(128, 512).double()


def test_gram(embeddings):
    student, _ = embeddings
    assert close(cosine_gram(student), gram_by_hand(student.numpy()), 1e-10)


@pytest.mark.parametrize("anchors", ["least", "most"])
@pytest.mark.parametrize("structure", ["cosine", "euclidean"])
def test_anchors_and_clouds(embeddings, anchors, structure):
    "The columns that the teacher chooses, and both clouds: similarities are shifted to be positive, distances are so already"
    student, teacher = (z.numpy() for z in embeddings)
    by_hand = gram_by_hand if structure == "cosine" else distances_by_hand
    of_teacher, of_student = by_hand(teacher), by_hand(student)
    similarity = of_teacher if structure == "cosine" else -of_teacher
    order = np.argsort(similarity if anchors == "least" else -similarity, axis=1, kind="stable")[:, :30]
    if structure == "cosine":
        of_teacher, of_student = of_teacher - of_teacher.min(), of_student - of_student.min()
    x, y = structural_clouds(*embeddings, 30, anchors, structure)
    assert close(x, np.take_along_axis(of_teacher, order, 1), 1e-7)
    assert close(y, np.take_along_axis(of_student, order, 1), 1e-7)


def test_the_anchors_are_those_of_a_partition(embeddings):
    "The released code takes the least similar columns in no order: as a set, they are the same"
    _, teacher = embeddings
    partition = np.argpartition(gram_by_hand(teacher.numpy()), 30, axis=1)[:, :30]
    assert np.array_equal(np.sort(partition), np.sort(least_similar(cosine_gram(teacher), 30).numpy()))


def test_sinkhorn_divergence(embeddings):
    "At the released size, anchors and blur, with the iterations that a run takes"
    student, teacher = embeddings
    clouds = [cloud.numpy() for cloud in structural_clouds(student, teacher, 30)]
    expected = divergence_by_hand(*clouds, 0.1)
    assert expected > 0.01
    assert close(structural_divergence(student, teacher[None], 30, 0.1)[0], [expected])
    assert close(structural_divergence(student.float(), teacher[None].float(), 30, 0.1)[0], [expected])


@pytest.mark.parametrize(("anchors", "structure"), [("most", "cosine"), ("least", "euclidean"), ("most", "euclidean")])
def test_sinkhorn_divergence_of_other_clouds(anchors, structure):
    student, teacher = torch.randn(48, 16).double(), torch.randn(48, 24).double()
    clouds = [cloud.numpy() for cloud in structural_clouds(student, teacher, 10, anchors, structure)]
    options = dict(k=10, blur=0.1, anchors=anchors, structure=structure)
    assert close(compare_clouds(student, teacher, options)[0], divergence_by_hand(*clouds, 0.1))


@pytest.mark.parametrize(("structure", "by_hand"), [("cosine", gram_by_hand), ("euclidean", distances_by_hand)])
def test_centroid(embeddings, structure, by_hand):
    "Of the whole matrices, before any shift"
    student, teacher = embeddings
    gap = by_hand(teacher.numpy()).mean(0) - by_hand(student.numpy()).mean(0)
    assert close(centroid(student, teacher, structure), np.sqrt((gap**2).sum()), 1e-8)


def test_choice_rule():
    "The teacher with the lowest mean cross-entropy of the batch teaches all of it"
    logits, labels = np.random.default_rng(1).normal(size=(3, 20, 4)), np.arange(20) % 4
    by_row = -np.take_along_axis(log_softmax_by_hand(logits), np.broadcast_to(labels[:, None], (3, 20, 1)), 2)[..., 0]
    lowest = min(range(3), key=lambda t: cross_entropy_by_hand(logits[t], labels))
    weights = select_teachers(torch.from_numpy(by_row), torch.ones(20, dtype=torch.bool), "batch")
    assert np.array_equal(weights.numpy(), np.eye(3)[lowest][:, None].repeat(20, 1))


# --- losses ----------------------------------------------------------------------------------------------------------


def test_cross_entropy():
    logits, labels = torch.randn(20, 4).double(), torch.arange(20) % 4
    one_hot = torch.eye(4).double()[labels]
    ours = task_loss("classification", logits, one_hot, torch.ones(20).double(), torch.ones(20, 1).double())
    assert close(ours, cross_entropy_by_hand(logits.numpy(), labels.numpy()), 1e-10)


@pytest.mark.parametrize("name", ALIGNMENTS)
def test_alignment(name):
    a, b = torch.randn(20, 8).double(), torch.randn(20, 8).double() + 0.3
    assert close(alignments.get(name)(a, b, None, None), ALIGNMENTS[name](a.numpy(), b.numpy()), 1e-7)


@pytest.mark.parametrize("reduce", ["sum", "mean"])
@pytest.mark.parametrize("name", ALIGNMENTS)
def test_the_whole_self_distillation_loss(name, reduce):
    "Two teachers and the joint one: half of their alignments, added up in the released code, and half of the task losses"
    embeddings, outputs = torch.randn(3, 20, 8).double(), torch.randn(3, 20, 4).double()
    labels, ones = torch.arange(20) % 4, torch.ones(20).double()
    config = SelfDistillationConfig(alignment=name, reduce=reduce)
    observed = torch.ones(2, 20, dtype=torch.bool)
    target = torch.eye(4).double()[labels]
    ours = distillation_loss(embeddings, outputs, target, ones[:, None], ones, observed, "classification", config)
    z, logits = embeddings.numpy(), outputs.numpy()
    aligned = sum(ALIGNMENTS[name](z[t], z[2]) for t in (0, 1)) / (1 if reduce == "sum" else 2)
    heads = [cross_entropy_by_hand(logits[t], labels.numpy()) for t in range(3)]
    assert close(ours, 0.5 * aligned + 0.5 * (heads[2] + 0.5 * heads[0] + 0.5 * heads[1]), 1e-7)


# --- networks --------------------------------------------------------------------------------------------------------


def linear(weights, name, x):
    "A linear layer by its name"
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def test_adapter():
    "Linear layers to half of the width and back, without an activation"
    stage = SelfDistillation(["face"], 2, 3, 512, FusionConfig("paper", 2)).double()
    assert [tuple(p.shape) for p in stage.adapters[0].parameters() if p.ndim == 2] == [(256, 512), (512, 256)]
    tokens, features = torch.randn(6, 2, 512).double(), torch.randn(6, 1, 512).double()
    adapted, outputs = stage(tokens, torch.ones(6, 2, dtype=torch.bool), features)
    weights = {name: value.detach().numpy() for name, value in stage.named_parameters()}
    by_hand = linear(weights, "adapters.0.1", linear(weights, "adapters.0.0", features[:, 0].numpy()))
    assert close(adapted[0], by_hand, 1e-10)
    assert close(outputs[0], linear(weights, "heads.0", by_hand), 1e-10)


def test_tnet():
    "Nine widths, no activation: 512, 2048, 1024, 512, 256, 512, 1024, 2048, 512"
    tnet = TNet(512, 1.0).double()
    widths = [512, *(layer.out_features for layer in tnet.layers)]
    assert widths == [512, 2048, 1024, 512, 256, 512, 1024, 2048, 512]
    weights = {name: value.detach().numpy() for name, value in tnet.named_parameters()}
    token = torch.randn(5, 512).double()
    by_hand = token.numpy()
    for layer in range(8):
        by_hand = linear(weights, f"layers.{layer}", by_hand)
    assert close(tnet(token), by_hand, 1e-10)


@pytest.mark.parametrize("name", ["mse", "mmd", "mmd_released"])
def test_loss_of_tnet(name):
    "Over two privileged modalities, in two repeats"
    hallucinated, recorded = torch.randn(2, 16, 2, 8).double(), torch.randn(2, 16, 2, 8).double()
    ours = tnet_losses[name](hallucinated, recorded, torch.ones(2, 16, 2).double())
    a, b = hallucinated.numpy(), recorded.numpy()
    by_hand = [[ALIGNMENTS[name](a[r, :, m], b[r, :, m]) for m in (0, 1)] for r in (0, 1)]
    assert close(ours, np.mean(by_hand, 1), 1e-7)


def attention_by_hand(weights, name, query, keys, heads):
    "Multi-head attention of `(B, Q, W)` over `(B, K, W)`"
    q = linear(weights, f"{name}.q", query)
    k, v = np.split(linear(weights, f"{name}.kv", keys), 2, -1)
    size = q.shape[-1] // heads
    found = []
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        scores = q[..., part] @ k[..., part].transpose(0, 2, 1) / np.sqrt(size)
        found.append(np.exp(log_softmax_by_hand(scores)) @ v[..., part])
    return linear(weights, f"{name}.out", np.concatenate(found, -1))


def layer_norm_by_hand(weights, name, x):
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def paper_by_hand(weights, sequences, heads):
    "The fusion of the released code for any number of modalities `(B, M, T, W)`, all present, one block an encoder"
    encoded = []
    for m in range(sequences.shape[1]):
        block, x = f"encoders.{m}.0", sequences[:, m]
        x = layer_norm_by_hand(
            weights, f"{block}.norm1", x + attention_by_hand(weights, f"{block}.attention", x, x, heads)
        )
        hidden = np.maximum(linear(weights, f"{block}.mlp.0", x), 0)
        encoded.append(layer_norm_by_hand(weights, f"{block}.norm2", x + linear(weights, f"{block}.mlp.2", hidden)))
    attended = []
    for m, own in enumerate(encoded):
        query = np.mean([other for n, other in enumerate(encoded) if n != m], axis=0)
        attended.append(attention_by_hand(weights, f"crossed.{m}", query, own, heads))
    scores = linear(weights, "gate", np.concatenate(attended, -1))
    if len(attended) == 2:  # as the released code writes it
        gate = 1 / (1 + np.exp(-scores))
        return (gate * attended[0] + (1 - gate) * attended[1]).mean(1)
    shares = np.exp(log_softmax_by_hand(np.concatenate([scores, np.zeros_like(scores[..., :1])], -1)))
    return sum(shares[..., m : m + 1] * own for m, own in enumerate(attended)).mean(1)


@pytest.mark.parametrize("steps", [1, 16])
@pytest.mark.parametrize("modalities", [2, 3])
def test_paper_fusion(modalities, steps):
    fusion = build_fusion("paper", modalities, 8, heads=2).double()
    weights = {name: value.detach().numpy() for name, value in fusion.named_parameters()}
    sequences = torch.randn(5, modalities, steps, 8).double()
    ours = fusion(sequences[:, :, 0] if steps == 1 else sequences, torch.ones(5, modalities, dtype=torch.bool))
    assert close(ours, paper_by_hand(weights, sequences.numpy(), 2), 1e-9)


def test_joint_cross_attention():
    fusion = build_fusion("jca", 2, 8).double()
    weights = {name: value.detach().numpy() for name, value in fusion.named_parameters()}
    sequences = torch.randn(5, 2, 16, 8).double()
    x = sequences.numpy()
    joint, gained = np.concatenate([x[:, 0], x[:, 1]], -1), []
    for m in (0, 1):
        part, own = f"rounds.0.{m}", x[:, m]
        correlate, of_own, of_correlated, back = (
            weights[f"{part}.{name}.weight"].T for name in ("correlate", "own", "correlated", "out")
        )
        correlation = np.tanh(own @ correlate @ joint.transpose(0, 2, 1) / 4)  # the root of two widths of 8
        hidden = np.maximum(own @ of_own + correlation @ own @ of_correlated, 0)
        gained.append(own + hidden @ back)
    out = layer_norm_by_hand(weights, "out.1", linear(weights, "out.0", np.concatenate(gained, -1)))
    gelu = torch.nn.functional.gelu(torch.from_numpy(out)).numpy()
    assert close(fusion(sequences, torch.ones(5, 2, dtype=torch.bool)), gelu.mean(1), 1e-9)


# --- twenty steps of every stage by a plain loop ------------------------------------------------------------------------


STEPS, STEP_TOLERANCE = 20, 1e-4
SETTINGS = {
    "encoder.width": 8,
    "schedule.steps": STEPS,
    "schedule.batch": 16,
    "schedule.evaluate": 1,
    "backbones.steps": STEPS,
    "teachers.steps": STEPS,
    "self_distillation.steps": STEPS,
    "self_distillation.batch": 32,
    "student.tnet_steps": STEPS,
    "ot.k": 6,
    # the rates of the recipe are made for thousands of steps; larger ones move the weights within twenty
    "backbones.lr": 1e-2,
    "teachers.lr": 1e-2,
    "student.tnet_lr": 1e-2,
    "schedule.lr": 1e-2,
}


class Plain:
    "Weights by name in float64 of one repeat, and Adam with a constant rate"

    def __init__(self, params, learns, rates):
        self.weights = {name: value[0].detach().double().clone() for name, value in params.items()}
        self.rates = rates
        self.moments = {name: (0.0, 0.0) for name in self.weights if learns(name)}

    def step(self, loss, number):
        names = list(self.moments)
        leaves = {name: value.clone().requires_grad_(name in self.moments) for name, value in self.weights.items()}
        value = loss(leaves)
        gradients = torch.autograd.grad(value, [leaves[name] for name in names], allow_unused=True)
        for name, gradient in zip(names, gradients):
            if gradient is None:
                continue
            first, second = self.moments[name]
            first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
            self.moments[name] = first, second
            mean, root = first / (1 - 0.9**number), (second / (1 - 0.999**number)).sqrt()
            self.weights[name] = self.weights[name] - self.rates(name) * mean / (root + 1e-8)
        return value.item()

    def curve(self, loss):
        return [self.step(lambda weights: loss(weights, i), i + 1) for i in range(STEPS)]


def layer(w, name, x):
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def norm(w, name, x):
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() * w[f"{name}.weight"] + w[f"{name}.bias"]


def token_of(w, name, x):
    "The encoder of a modality: one layer, LayerNorm, GELU"
    hidden = norm(w, f"encoders.m_{name}.layers.1", layer(w, f"encoders.m_{name}.layers.0", x))
    return hidden * 0.5 * (1 + torch.erf(hidden / 2**0.5))


def value_of(w, name, x):
    "Attention over one key is a linear map of its value"
    return layer(w, f"{name}.out", layer(w, f"{name}.kv", x).chunk(2, -1)[1])


def fuse(w, tokens):
    "The released fusion over single tokens, of one modality or of two"
    attended = []
    for m, x in enumerate(tokens):
        block = f"fusion.encoders.{m}.0"
        x = norm(w, f"{block}.norm1", x + value_of(w, f"{block}.attention", x))
        x = norm(w, f"{block}.norm2", x + layer(w, f"{block}.mlp.2", layer(w, f"{block}.mlp.0", x).relu()))
        attended.append(value_of(w, f"fusion.crossed.{m}", x))
    if len(attended) == 1:
        return attended[0]
    gate = torch.sigmoid(layer(w, "fusion.gate", torch.cat(attended, -1)))
    return gate * attended[0] + (1 - gate) * attended[1]


def cross_entropy(logits, labels):
    return -logits.log_softmax(-1)[torch.arange(len(labels)), labels].mean()


def released_mmd(a, b):
    z, n = torch.cat([a, b]), len(a)
    square = (z[:, None] - z[None]).square().sum(-1)
    width = square.detach().sum() / (len(z) ** 2 - len(z))
    kernel = sum((-square / (width * 2.0**power)).exp() for power in range(-2, 3))
    return (kernel[:n, :n] + kernel[n:, n:] - kernel[:n, n:] - kernel[n:, :n]).mean()


def entropic(x, y, eps=0.01):
    "Entropic transport of two uniform clouds, and its gradient by the envelope theorem"
    cost = (x[:, None] - y[None]).square().sum(-1) / 2
    with torch.no_grad():
        f, log_n = torch.zeros(len(x), dtype=x.dtype), np.log(len(x))
        for current in [4.0, 1.0, 0.25, 0.06, *[eps] * 1000]:
            g = -current * ((f[:, None] - cost) / current - log_n).logsumexp(0)
            f = -current * ((g[None] - cost) / current - log_n).logsumexp(1)
        plan = ((f[:, None] + g[None] - cost) / eps - 2 * log_n).exp()
        value = f.mean() + g.mean()
    moved = (plan * cost).sum()
    return value + moved - moved.detach()


def structural(student, teacher, k):
    grams = []
    for z in (student, teacher):
        unit = z / z.norm(dim=1, keepdim=True)
        grams.append(unit @ unit.T)
    of_student, of_teacher = (gram - gram.min() for gram in grams)
    columns = grams[1].argsort(dim=1)[:, :k]
    x, y = of_teacher.gather(1, columns).detach(), of_student.gather(1, columns)
    return entropic(x, y) - entropic(x, x) / 2 - entropic(y, y) / 2


def losses_of(history):
    return [value for _, name, _, value in history if name == "loss"]


def agree(ours, plain):
    assert len(ours) == len(plain) == STEPS
    assert np.abs(np.array(ours) - plain).max() < STEP_TOLERANCE
    assert abs(plain[-1] - plain[0]) > 20 * STEP_TOLERANCE  # the curve goes somewhere


def released_tree(folder):
    "BioVid as users of the released code have it, its features and its lists of folds, which share subjects"
    tree = trees.biovid_released(folder / "tree", subjects=trees.SUBJECTS[:2], each=8)
    how = dict(encoder="r3d18,resnet18_spectrogram", weights="random", faces="whole", frames=2, size=16)
    name = "biovid_b+bl1_pa4+released_windows+released_folds"
    return prepare(name, root=tree, out=folder / "set", jobs=1, progress=False, **how)


@pytest.fixture(scope="module", params=["features", pytest.param("tree", marks=pytest.mark.slow)])
def study(request, tmp_path_factory):
    "The recipe on a tiny set of two modalities, one fold: its context, rows, inputs and labels"
    folder = tmp_path_factory.mktemp("parity")
    how = dict(recipe="mtpkdot_released", set=dict(SETTINGS), seeds=[0])
    if request.param == "tree":
        released_tree(folder)
        how["set"]["backbones.lr"] = 3e-3  # untrained backbones see little in pictures of one colour
        how |= dict(protocol="clip_folds")
    else:
        make_set(folder / "set", per_subject=20)
    plan = plan_experiment(manifest=str(folder / "set" / "manifest.yaml"), **how)
    context = open_context(plan, plan.folds[:1])
    every = torch.arange(len(plan.samples))[None]
    inputs, presence = context.table.inputs(every, context.modalities)
    assert presence.all() and not len(plan.folds[0].pool) and not len(plan.folds[0].val)
    x = {name: value[0].double() for name, value in inputs.items()}
    return context, x, torch.from_numpy(plan.samples.target).long()


def rows_of(context, seed_key, config_steps=STEPS, batch=16):
    "The rows of all batches of a stage"
    schedule = replace(context.config.schedule, steps=config_steps, batch=batch)
    return draw_stage_batches(StageSpec(context.modalities, (), schedule, seed_key), context.folds)[0][0]


def test_the_recipe_is_what_is_trained(study):
    context, *_ = study
    config, method = context.config, get_method("mtpkdot", context.config)
    assert (config.fusion.name, config.student.start, config.student.freeze) == (
        "paper",
        "unimodal",
        ("encoder", "tnet"),
    )
    assert (config.self_distillation.reduce, config.self_distillation.adapter_input) == ("sum", "backbone")
    assert dict(method.terms) == {"task": 0.8, "ot": 0.2} and method.rule == "batch" and config.backbones.train
    assert (config.schedule.weight_decay, config.schedule.clip, config.schedule.decay) == (0.0, 0.0, "constant")


def fresh(context, name, modalities, seed_key):
    "The weights with which a teacher or a backbone began"
    seeds = [seed_for("init", *seed_key, fold.seed, fold.fold) for fold in context.folds]
    return StackedModel(lambda: context.ensemble.of(modalities), seeds).params


@pytest.mark.parametrize("place", [0, 1])
def test_stage_0_backbones(study, place):
    context, x, labels = study
    modality = context.modalities[place]
    rows = rows_of(context, ("backbone", modality))
    start = fresh(context, modality, (modality,), ("backbone", modality))
    plain = Plain(start, lambda name: True, lambda name: context.config.backbones.lr)

    def loss(w, i):
        embedding = fuse(w, [token_of(w, modality, x[modality][rows[i]])])
        return cross_entropy(layer(w, "head", embedding), labels[rows[i]])

    curve = plain.curve(loss)
    agree(losses_of(get_backbone(context, modality).history), curve)


def test_stage_1_joint_teacher(study):
    "Fusion and head learn on frozen backbones"
    context, x, labels = study
    key = ("teacher", "joint", 0, 0.0)
    rows, start = rows_of(context, key), fresh(context, "joint", context.modalities, key)
    for modality in context.modalities:
        start |= {k: v for k, v in get_backbone(context, modality).params.items() if k.startswith("encoders.")}
    plain = Plain(start, lambda name: not name.startswith("encoders."), lambda name: 1e-2)

    def loss(w, i):
        tokens = [token_of(w, name, x[name][rows[i]]) for name in context.modalities]
        return cross_entropy(layer(w, "head", fuse(w, tokens)), labels[rows[i]])

    curve = plain.curve(loss)
    agree(losses_of(get_teacher(context, "joint").history), curve)


@pytest.fixture(scope="module")
def adapted(study):
    "Stage 2 of the library, with the loss of every step, and that of the plain loop"
    context, x, labels = study
    ours, train = [], self_distillation.train

    def recorded(trainer, loss, *rest, **how):
        start.update({key: value.detach().clone() for key, value in trainer.params.items()})

        def noted(step):
            losses, notes = loss(step)
            ours.append(losses.item())
            return losses, notes

        return train(trainer, noted, *rest, **how)

    start = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(self_distillation, "train", recorded)
        get_adapted_teachers(context)
    frozen = {k: v[0].double() for k, v in get_teacher(context, "joint").params.items() if k.startswith("encoders.")}
    tokens = {name: token_of(frozen, name, x[name]) for name in context.modalities}
    rows = rows_of(context, ("self_distillation",))
    config = context.config.self_distillation
    slow = ("fusion.", "head.")
    plain = Plain(
        start, lambda name: True, lambda name: config.lr_joint if name.startswith(slow) else config.lr_adapter
    )
    curve = plain.curve(lambda w, i: stage_2_loss(w, {n: t[rows[i]] for n, t in tokens.items()}, labels[rows[i]]))
    return ours, curve, plain.weights, tokens


def teachers_of(w, tokens):
    "Adapted representations of both modalities, then the joint one; with the outputs of their heads"
    adapted = [
        layer(w, f"adapters.{t}.1", layer(w, f"adapters.{t}.0", token)) for t, token in enumerate(tokens.values())
    ]
    joint = fuse(w, list(tokens.values()))
    outputs = [layer(w, f"heads.{t}", z) for t, z in enumerate(adapted)]
    return [*adapted, joint], [*outputs, layer(w, "head", joint)]


def stage_2_loss(w, tokens, labels):
    (first, second, joint), outputs = teachers_of(w, tokens)
    aligned = sum((1 - torch.cosine_similarity(z, joint)).mean() for z in (first, second))
    heads = [cross_entropy(output, labels) for output in outputs]
    return 0.5 * aligned + 0.5 * (heads[2] + 0.5 * heads[0] + 0.5 * heads[1])


def test_stage_2_self_distillation(adapted):
    ours, curve, *_ = adapted
    agree(ours, curve)


def test_stage_3_tnet(study):
    "From the frozen token that the student has to the privileged one, by the released discrepancy"
    context, x, _ = study
    frozen = {k: v[0].double() for k, v in get_teacher(context, "joint").params.items() if k.startswith("encoders.")}
    rows = rows_of(context, ("tnet",))
    start = {k: v for k, v in build_students(context).params.items() if k.startswith("tnets.")}
    plain = Plain(start, lambda name: True, lambda name: 1e-2)
    tokens = {name: token_of(frozen, name, x[name]) for name in context.modalities}

    def loss(w, i):
        own, privileged = (tokens[name][rows[i]] for name in context.modalities)
        return released_mmd(hallucinate(w, context, own), privileged)

    curve = plain.curve(loss)
    agree(losses_of(get_tnets(context).history), curve)


def hallucinate(w, context, token):
    for i in range(8):
        token = layer(w, f"tnets.m_{context.privileged[0]}.layers.{i}", token)
    return token


def test_stage_4_student(study, adapted):
    "Cross-entropy and structural transport from the teacher with the lowest loss; backbone and T-Net do not move"
    context, x, labels = study
    _, _, of_teachers, tokens = adapted
    method = get_method("mtpkdot", context.config)
    start = build_students(context, detach_tnet=True)
    init_student_from_teacher(context, start, method)
    frozen = ("encoders.", "tnets.")
    assert all(value.requires_grad != name.startswith(frozen) for name, value in start.params.items())
    plain = Plain(start.params, lambda name: not name.startswith(frozen), lambda name: 1e-2)
    rows, chosen = rows_of(context, ("student",)), []

    def loss(w, i):
        own_tokens, own_labels = {n: t[rows[i]] for n, t in tokens.items()}, labels[rows[i]]
        with torch.no_grad():
            embeddings, outputs = teachers_of(of_teachers, own_tokens)
        lowest = min(range(3), key=lambda t: cross_entropy(outputs[t], own_labels).item())
        chosen.append(lowest)
        own = token_of(w, context.prevalent[0], x[context.prevalent[0]][rows[i]])
        embedding = fuse(w, [own, hallucinate(w, context, own.detach())])
        task = cross_entropy(layer(w, "head", embedding), own_labels)
        return 0.8 * task + 0.2 * structural(embedding, embeddings[lowest], 6)

    curve = plain.curve(loss)
    fitted = students.get_student(context, method)
    agree(losses_of(fitted.history), curve)
    weights = torch.stack([weight[0] for _, weight in fitted.teacher_weights])
    assert weights.argmax(1).tolist() == chosen
    still = {name for name, value in fitted.params.items() if torch.equal(value, start.params[name].detach())}
    assert {name for name in start.params if name.startswith(frozen)} <= still
    assert not {"fusion.gate.weight", "fusion.encoders.1.0.mlp.0.weight", "head.weight"} & still
