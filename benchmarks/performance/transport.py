"""How fast, how lean and how right the transport engine is beside its peers, as ratios.

    python benchmarks/performance/transport.py                    every row, about half an hour on one core
    python benchmarks/performance/transport.py --only step,core   some parts; --quick: tiny sizes, to see that it works
    python benchmarks/performance/transport.py --profile          where the time of one step goes
    python benchmarks/performance/transport.py --engine torch     the engine in tensor operations; fused: the compiled loops, compiled first if need be
    python benchmarks/performance/transport.py --clock processor  times of this process alone, for a machine that does other work

A ratio is the time (or memory) of the peer over that of mtpkd: above 1, mtpkd is ahead. Times come in interleaved pairs, in
alternating order, on one core and one thread, each the mean of as many calls as fill 20 ms; reported are the paired median with the smallest and largest. A contender that can stop
early, mtpkd among them, runs with the coarsest setting that brings the L1 violation of both marginals to 1e-3 *on the very data it is timed on*, found
beforehand and printed; of several paths of a peer the fastest is taken. Violations are computed here, in
float64, from what each contender returns (of a whole step of mtpkd, it is the engine's own word); the settings are bisected, as if finer ones always came closer. Errors are relative, against POT's log-domain solver in float64, tolerance 1e-10.

Two kinds of data: `normal` (independent Gaussian embeddings) and `classes` (seven class means plus noise; the student is a noisy random
projection of the teachers' latent: cosine about .5 within a class, 0 between). They differ much: at B=128, from zero potentials, plain
Sinkhorn comes to a violation of 1e-3 at eps .01 in 3 iterations on `normal` and 11 on `classes`, at eps .001 in 10 to 14 and about 120.
So at eps .01 fixed costs decide (cost matrices, exponentials, calls), at .001 the iterations.
"""

import os, sys

if __name__ == "__main__":  # before torch and jax are imported: one core, one thread
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    for name in ("OMP", "MKL", "OPENBLAS", "NUMEXPR"):
        os.environ.setdefault(f"{name}_NUM_THREADS", "1")
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
import argparse, functools, gc, importlib, json, math, statistics, subprocess, time, warnings
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch
import numpy as np, ot, torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # what the benchmarks share
from bench_tables import number, processor, versions, write_csv
from mtpkd.transport.fused import ENGINES, transport_engine, using_engine
from mtpkd.transport.geometry import anchor_clouds, cosine_gram, least_similar
from mtpkd.transport.sinkhorn import sinkhorn_divergence
from mtpkd.transport.structural import structural_divergence, structural_ot

VIOLATION = 1e-3
PEERS = "torch", "numpy", "geomloss", "POT", "ott-jax", "jax"

# --- data ---------------------------------------------------------------------------------------------------------------------------


def normal(rng, t: int, b: int, d: int) -> tuple:  # student `(B, D)`, teachers `(T, B, D)`
    "Independent Gaussian embeddings"
    return rng.normal(size=(b, d)), rng.normal(size=(t, b, d))


def classes(rng, t: int, b: int, d: int, n: int = 7) -> tuple:
    "Class means plus noise, seen by every teacher through a projection of its own, and by the student through a noisier one"
    latent = 1.1 * rng.normal(size=(n, d))[rng.integers(0, n, b)] + rng.normal(size=(b, d))
    seen = lambda noise: latent @ rng.normal(size=(d, d)) / d**0.5 + noise * rng.normal(size=(b, d))
    return seen(1.0), np.stack([seen(0.3) for _ in range(t)])


DATA = {"normal": normal, "classes": classes}


def embeddings(kind: str, t: int, b: int, d: int, seed: int):
    return [torch.from_numpy(z).float() for z in DATA[kind](np.random.default_rng([seed, t, b]), t, b, d)]


@dataclass
class Problem:
    "Clouds of the teachers `(T, B, K)` and of the student `(T, B, K)`"

    x: torch.Tensor
    y: torch.Tensor
    eps: float


# --- the truth: float64, computed apart from every contender --------------------------------------------------------------------------


def plan_of(f, g, problem) -> np.ndarray:  # plans `(T, B, B)`, float64
    "The plan that potentials stand for, uniform weights"
    x, y, f, g = (np.asarray(v, dtype=np.float64) for v in (problem.x, problem.y, f, g))
    cost = ((x[:, :, None] - y[:, None]) ** 2).sum(-1) / 2
    return np.exp((f[:, :, None] + g[:, None] - cost) / problem.eps) / (x.shape[1] * y.shape[1])


def violation(plan) -> float:
    "L1 error of both marginals, the worst of the teachers"
    plan = np.asarray(plan, dtype=np.float64)
    return float((abs(plan.sum(2) - 1 / plan.shape[1]).sum(1) + abs(plan.sum(1) - 1 / plan.shape[2]).sum(1)).max())


def converged(x, y, eps, patience: int = 50_000) -> torch.Tensor:  # `(T,)`, float64, differentiable
    "The divergence from POT's log-domain solver, float64"
    cost = lambda p, q: ((p[:, None] - q[None]) ** 2).sum(-1) / 2
    solve = lambda c: ot.solve(c, reg=eps, grad="envelope", tol=1e-10, max_iter=patience).value
    return torch.stack([solve(cost(p, q)) - (solve(cost(p, p)) + solve(cost(q, q))) / 2 for p, q in zip(x, y)])


def reference(problem, **options):
    "Value and gradient in the student's cloud"
    x, y = problem.x.double(), problem.y.double().requires_grad_()
    value = converged(x, y, problem.eps, **options)
    return value.detach(), torch.autograd.grad(value.sum(), y)[0]


def reference_step(z_s, z_t, anchors, eps, **options):
    "Value and gradient in the student's embeddings, at the anchors a contender chose"
    z_s, z_t = z_s.double().requires_grad_(), z_t.double()
    cloud = lambda s: (s - s.amin((-2, -1), keepdim=True)).expand(len(z_t), -1, -1).gather(-1, anchors)
    value = converged(cloud(cosine_gram(z_t)), cloud(cosine_gram(z_s)), eps, **options)
    return value.detach(), torch.autograd.grad(value.sum(), z_s)[0]


def errors(got, truth) -> tuple:
    "Relative errors of value (the worst of the teachers) and gradient (in norm)"
    (value, gradient), (value0, gradient0) = (
        [torch.as_tensor(v if torch.is_tensor(v) else np.array(v)).double() for v in pair] for pair in (got, truth)
    )
    return float(((value - value0).abs() / value0.abs()).max()), float((gradient - gradient0).norm() / gradient0.norm())


# --- contenders: the core, clouds to value and gradient in Y --------------------------------------------------------------------------


@dataclass
class Solver:
    step: callable  # -> value (T,), gradient (T, B, K); what is timed
    plan: callable  # -> (T, B, B)


@dataclass
class Path_:
    "One way to use a peer; `knobs` go from coarse to fine"

    peer: str
    label: str
    knobs: tuple
    build: callable


PATHS: list = []


def path(peer, label, knobs=(None,), **fixed):
    def register(build):
        PATHS.append(Path_(peer, label, tuple(knobs), functools.partial(build, **fixed)))
        return build

    return register


def with_gradient(loss, y):
    "Value and gradient of a torch loss of Y"
    y = y.detach().requires_grad_()
    value = loss(y)
    return value.detach(), torch.autograd.grad(value.sum(), y)[0]


THRESHOLDS = 1e-3, 9e-4, 7e-4, 5e-4, 3e-4, 1e-4


@path("mtpkd, fused", "sinkhorn_divergence", THRESHOLDS)
def fused_core(p, threshold):
    solve = lambda y: sinkhorn_divergence(p.x, y, p.eps, tol=threshold, check=False)

    def plan():
        r = solve(p.y)
        return plan_of(r.f.detach(), r.g.detach(), p)

    return Solver(lambda: with_gradient(lambda y: solve(y).value, p.y), plan)


def own_peer() -> str:
    "The name of mtpkd's paths with the engine of this run"
    return "mtpkd, fused" if transport_engine() == "fused" else "mtpkd"


@path("mtpkd", "sinkhorn_divergence", tuple(range(3, 40)) + tuple(range(40, 400, 10)))
def mtpkd_core(p, n):
    solve = lambda y: sinkhorn_divergence(p.x, y, p.eps, tol=VIOLATION, max_iters=n, check=False)

    def plan():
        r = solve(p.y)
        return plan_of(r.f.detach(), r.g.detach(), p)

    return Solver(lambda: with_gradient(lambda y: solve(y).value, p.y), plan)


def samples_loss(eps, scaling=0.5, **options):
    from geomloss import SamplesLoss

    return SamplesLoss("sinkhorn", p=2, blur=eps**0.5, scaling=scaling, backend="tensorized", **options)


SCALINGS = (
    0.5,
    0.6,
    0.7,
    0.8,
    0.85,
    0.9,
    0.92,
    0.94,
    0.95,
    0.96,
    0.97,
    0.975,
    0.98,
    0.984,
    0.988,
    0.99,
    0.991,
    0.992,
    0.993,
    0.994,
    0.995,
    0.996,
    0.997,
    0.998,
    0.999,
    0.9995,
)


@path("geomloss", "SamplesLoss", SCALINGS)
@path("released", "SamplesLoss as released")
def geomloss_core(p, scaling):
    loss, potentials = (
        samples_loss(p.eps, scaling or 0.5),
        samples_loss(p.eps, scaling or 0.5, debias=False, potentials=True),
    )
    return Solver(lambda: with_gradient(lambda y: loss(p.x, y), p.y), lambda: plan_of(*potentials(p.x, p.y), p))


ITERATIONS = tuple(range(1, 40)) + tuple(range(40, 400, 10)) + tuple(range(400, 20_000, 200))


def half_squares(x, y):  # differentiable at zero distance, and quick
    return (x * x).sum(-1)[..., :, None] / 2 + (y * y).sum(-1)[..., None, :] / 2 - x @ y.mT


@path("POT", "solve, envelope", ITERATIONS)
def pot_solve(p, n):
    one = lambda c: ot.solve(c, reg=p.eps, grad="envelope", max_iter=n, tol=0)

    def loss(y):
        return torch.stack(
            [
                one(half_squares(s, t)).value - (one(half_squares(s, s)).value + one(half_squares(t, t)).value) / 2
                for s, t in zip(p.x, y)
            ]
        )

    return Solver(
        lambda: with_gradient(loss, p.y), lambda: torch.stack([one(half_squares(s, t)).plan for s, t in zip(p.x, p.y)])
    )


@path("POT", "solve_batch log_sinkhorn, envelope", ITERATIONS, method="log_sinkhorn")
@path("POT", "solve_batch sinkhorn, envelope", ITERATIONS, method="sinkhorn")
def pot_batch(p, n, method):
    return Solver(
        lambda: with_gradient(lambda y: pot_batch_value(p.x, y, p.eps, n, method), p.y),
        lambda: pot_batch_solve(half_squares(p.x, p.y), p.eps, n, method).plan,
    )


def pot_batch_solve(cost, eps, n, method, grad="envelope"):
    return ot.solve_batch(cost, reg=eps, reg_type="kl", method=method, grad=grad, max_iter=n, tol=0)


def pot_batch_value(x, y, eps, n, method):  # all three problems of all teachers at once
    value = pot_batch_solve(
        torch.cat([half_squares(x, y), half_squares(x, x), half_squares(y, y)]), eps, n, method
    ).value.view(3, -1)
    return value[0] - (value[1] + value[2]) / 2


@path("POT by hand", "solve_batch log_sinkhorn without graph, own envelope", ITERATIONS, method="log_sinkhorn")
@path("POT by hand", "solve_batch sinkhorn without graph, own envelope", ITERATIONS, method="sinkhorn")
def pot_batch_by_hand(p, n, method):
    solve = lambda c: pot_batch_solve(c, p.eps, n, method, "detach")

    def step():
        r = solve(torch.cat([half_squares(p.x, p.y), half_squares(p.x, p.x), half_squares(p.y, p.y)]))
        (xy, _, yy), value = r.plan.view(3, *p.x.shape[:2], p.y.shape[1]), r.value.view(3, -1)
        return value[0] - (value[1] + value[2]) / 2, xy.sum(-2)[..., None] * p.y - xy.mT @ p.x - yy.sum(-2)[
            ..., None
        ] * p.y + yy.mT @ p.y

    return Solver(step, lambda: solve(half_squares(p.x, p.y)).plan)


@path("POT by hand", "sinkhorn in numpy, own envelope", ITERATIONS)
def pot_numpy(p, n):
    x, y, eps = p.x.numpy(), p.y.numpy(), p.eps
    a = np.full(x.shape[1], 1 / x.shape[1], x.dtype)
    cost = lambda s, t: (s * s).sum(-1)[:, None] / 2 + (t * t).sum(-1) / 2 - s @ t.T

    def solve(s, t):
        plan, log = ot.bregman.sinkhorn_knopp(a, a, cost(s, t), eps, numItermax=n, stopThr=0, log=True, warn=False)
        f, g = np.log(log["u"] / a), np.log(log["v"] / a)
        return eps * (a @ f + a @ g - plan.sum() + 1), plan

    def one(s, t):
        (xy, plan), (xx, _), (yy, own) = solve(s, t), solve(s, s), solve(t, t)
        return xy - (xx + yy) / 2, plan.sum(0)[:, None] * t - plan.T @ s - own.sum(0)[:, None] * t + own.T @ t

    def step():
        values, gradients = zip(*(one(s, t) for s, t in zip(x, y)))
        return torch.tensor(values), torch.from_numpy(np.stack(gradients))

    return Solver(step, lambda: np.stack([solve(s, t)[1] for s, t in zip(x, y)]))


@path("OTT-JAX", "log-sum-exp", THRESHOLDS, lse=True)
@path("OTT-JAX", "log-sum-exp, momentum 1.5, checked every 5", THRESHOLDS, lse=True, momentum=1.5, every=5)
@path("OTT-JAX", "log-sum-exp, momentum 1.7, checked every 5", THRESHOLDS, lse=True, momentum=1.7, every=5)
@path("OTT-JAX", "log-sum-exp, momentum 1.2", THRESHOLDS, lse=True, momentum=1.2)
@path("OTT-JAX", "kernel", THRESHOLDS, lse=False)
@path("OTT-JAX", "kernel, momentum 1.2", THRESHOLDS, lse=False, momentum=1.2)
@path(
    "OTT-JAX", "kernel, momentum 1.5, checked every 5", THRESHOLDS, lse=False, momentum=1.5, every=5
)  # registered bottom-up
def ott_core(p, threshold, lse, momentum=None, every=1):
    import jax, jax.numpy as jnp
    from ott.geometry.pointcloud import PointCloud
    from ott.solvers.linear.acceleration import Momentum
    from ott.tools.sinkhorn_divergence import sinkhorn_divergence as divergence

    options = dict(lse_mode=lse, threshold=threshold, inner_iterations=every, max_iterations=20_000)
    if momentum:
        options["momentum"] = Momentum(value=momentum)

    def one(y, x):  # OTT's cost is |x-y|^2
        value, out = divergence(PointCloud, x, y, epsilon=2 * p.eps, solve_kwargs=options)
        return value / 2, out.potentials[0]

    both = jax.vmap(jax.value_and_grad(one, has_aux=True))
    x, y = jnp.asarray(p.x.numpy()), jnp.asarray(p.y.numpy())
    timed = jax.jit(lambda y, x: (lambda out: (out[0][0], out[1]))(both(y, x)))

    def plan():
        f, g = jax.jit(both)(y, x)[0][1]
        n = p.x.shape[1]  # OTT's potentials carry the weights
        return plan_of(np.asarray(f) / 2 + p.eps * math.log(n), np.asarray(g) / 2 + p.eps * math.log(n), p)

    return Solver(lambda: jax.block_until_ready(timed(y, x)), plan)


# --- contenders: the whole step, embeddings to gradient in the student's ---------------------------------------------------------------


def own_step(z_s, z_t, k, eps, block=None, max_iters=None):
    return with_gradient(lambda z: structural_ot(z, z_t, k, eps**0.5, block, max_iters), z_s)


def cosine(z):
    z = z / z.norm(dim=-1, keepdim=True)
    return z @ z.T


def released_anchors(similarities, k):  # on the host, in whatever order numpy leaves them
    return torch.from_numpy(np.argpartition(similarities.cpu().numpy(), k, axis=1)[:, :k])


def released_clouds(z_s, z_t, k):
    s_t, s_s = cosine(z_t), cosine(z_s)
    s_t, s_s = s_t - s_t.min(), s_s - s_s.min()
    anchors = released_anchors(s_t, k)
    return s_t.gather(1, anchors), s_s.gather(1, anchors)


def released_loss(z_s, z_t, k, loss):  # losses `(T,)`
    "The loss as released (arXiv 2408.09035), one teacher after the other"
    return torch.stack([loss(*released_clouds(z_s, z, k)) for z in z_t])


def released_step(z_s, z_t, k, eps, loss=None):
    loss = loss or samples_loss(eps)
    return with_gradient(lambda z: released_loss(z, z_t, k, loss), z_s)


def released_violation(z_s, z_t, k, eps):
    x, y = (torch.stack(c) for c in zip(*(released_clouds(z_s, z, k) for z in z_t)))
    return violation(plan_of(*samples_loss(eps, debias=False, potentials=True)(x, y), Problem(x, y, eps)))


# --- the measuring --------------------------------------------------------------------------------------------------------------------


CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}


def clock(act) -> float:
    "Seconds that an action takes, by the clock of this run"
    now = CLOCKS[CLOCK]
    start = now()
    act()
    return now() - start


CLOCK = "wall"


def repeats(act, at_least: float = 2e-2) -> int:
    "How often to repeat an action for a time that an interruption does not change much, as long as that of slower ones; warms up on the way"
    times = [clock(act)]
    while len(times) < 6 and sum(times) < 0.1:
        times.append(clock(act))
    return max(1, math.ceil(at_least / min(times)))


def pairs(a, b, n: int) -> list:  # `n` times (seconds of a, seconds of b)
    "Times of two actions, taken in turn, the order swapped from pair to pair"
    many = lambda act, r: lambda: [act() for _ in range(r)]
    ra, rb = repeats(a), repeats(b)
    a, b, found = many(a, ra), many(b, rb), []
    gc.collect()
    gc.disable()
    try:
        for i in range(n):
            if i % 2:
                tb, ta = clock(b) / rb, clock(a) / ra
            else:
                ta, tb = clock(a) / ra, clock(b) / rb
            found.append((ta, tb))
    finally:
        gc.enable()
    return found


def paired(times) -> dict:
    "Median, smallest and largest ratio b / a of paired times, and both medians in ms"
    ratios = [b / a for a, b in times]
    return dict(
        ratio=statistics.median(ratios),
        low=min(ratios),
        high=max(ratios),
        ms=1e3 * statistics.median(a for a, _ in times),
        peer_ms=1e3 * statistics.median(b for _, b in times),
    )


def coarsest(path, problem, limit):
    "The coarsest knob of a path that meets the violation, with its solver and violation; None where none does"
    tried = {}

    def passes(i):
        solver = path.build(problem, path.knobs[i])
        tried[i] = path.knobs[i], solver, violation(solver.plan())
        return tried[i][2] <= limit

    last, low, high = len(path.knobs) - 1, -1, 0
    while not passes(high):  # twice as far each time, then bisect
        if high == last:
            return None
        low, high = high, min(2 * high + 1, last)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if passes(middle) else (middle, high)
    return tried[high]


def fastest(peer, problem, limit, paths=None):
    "The quickest of a peer's first `paths` paths, each at its coarsest setting that meets the violation: label, solver, violation"
    found = []
    for p in [p for p in PATHS if p.peer == peer][:paths]:
        try:
            best = coarsest(p, problem, limit)
        except (RuntimeError, ValueError) as e:
            best = print(f"    {p.label}: {e}")
        if not best:
            continue
        knob, solver, v = best
        if not np.isfinite(np.asarray(solver.step()[1])).all():  # seen in OTT-JAX's kernel mode, with much momentum
            print(f"    {peer}: {p.label}: left out, its gradient is not finite")
            continue
        seconds = min(clock(solver.step) for _ in range(5))
        label = p.label if knob is None else f"{p.label} [{knob:g}]"
        print(f"    {peer}: {label}, violation {v:.1e}, about {1e3 * seconds:.2f} ms")
        found.append((seconds, label, solver, v))
    return min(found, key=lambda f: f[0])[1:] if found else None


# --- the rows -------------------------------------------------------------------------------------------------------------------------

COLUMNS = (
    "what",
    "teachers",
    "batch",
    "data",
    "eps",
    "contender",
    "peer",
    "setting",
    "ratio",
    "low",
    "high",
    "ms",
    "peer_ms",
    "violation",
    "peer_violation",
    "value_error",
    "gradient_error",
    "peer_value_error",
    "peer_gradient_error",
    "mib",
    "peer_mib",
    "reads",
    "peer_reads",
    "difference",
    "peer_difference",
    "loss_ratio",
    "cosine",
    "sample_cosine",
    "pairs",
    "clock",
)
ROWS: list = []


# what a row tells: the first of its columns -> the text
DETAILS = {
    "ratio": " {ratio:8.2f}x",
    "low": " [{low:.2f}, {high:.2f}]  ({ms:.2f} / {peer_ms:.2f} ms)",
    "violation": "  violation {violation:.1e} / {peer_violation:.1e}",
    "value_error": "  value {value_error:.0e} / {peer_value_error:.0e}"
    ", gradient {gradient_error:.0e} / {peer_gradient_error:.0e}",
    "mib": "  ({mib:.0f} / {peer_mib:.0f} MiB)",
    "cosine": "  loss x{loss_ratio:.2f}, gradient cosine {cosine:.3f}, of a sample {sample_cosine:.2f}",
    "reads": "  {reads} / {peer_reads} reads",
    "difference": "  {difference:.1e} / {peer_difference:.1e}",
}
HEAD = "{what:<14} T={teachers} B={batch:<5} {data:<8} {peer:<12}"


def row(**found):
    "Keep a row and print it"
    found = {"contender": "mtpkd", **found}
    ROWS.append(found)
    head = HEAD.format_map({"teachers": "-", "batch": "-", "data": "", **found})
    details = [text.format_map(found) for column, text in DETAILS.items() if column in found]
    setting = f"  {found['setting']}" if found.get("setting") else ""
    print(head + "".join(details) + setting, flush=True)


def compare_times(own, peer, n: int) -> dict:
    "The columns of a comparison over `n` pairs of runs"
    return dict(paired(pairs(own, peer, n)), pairs=n, clock=CLOCK)


def both_errors(own, peer, own_truth, peer_truth=None):
    names = "value_error", "gradient_error", "peer_value_error", "peer_gradient_error"
    return dict(zip(names, errors(own, own_truth) + errors(peer, peer_truth or own_truth)))


MODULES = {
    "geomloss": "geomloss",
    "released": "geomloss",
    "POT": "ot",
    "POT by hand": "ot",
    "POT batch": "ot",
    "OTT-JAX": "ott",
}


@functools.cache
def installed(peer) -> bool:
    try:
        importlib.import_module(MODULES[peer])
    except ImportError:
        print(f"{peer}: not installed: pip install -e .[bench]")
        return False
    return True


def step_rows(o):
    """The whole step against the released loss, nothing precomputed: with the default course, which is made for collapsed students too, and with
    as few iterations as meet the violation here"""
    if not installed("released"):
        return
    for kind in o.data:
        for t, b in [(t, o.batch) for t in o.teachers] + [(1, o.large)]:
            z_s, z_t = embeddings(kind, t, b, o.width, o.seed)
            released, peer_violation, truth = (
                lambda loss=samples_loss(0.01): released_step(z_s, z_t, o.k, 0.01, loss),
                released_violation(z_s, z_t, o.k, 0.01),
                None,
            )
            if b < 1000:
                anchors = (
                    least_similar(cosine_gram(z_t), o.k),
                    torch.stack([released_anchors(cosine(z) - cosine(z).min(), o.k) for z in z_t]),
                )
                truth = [reference_step(z_s, z_t, i, 0.01, **o.truth) for i in anchors]
            violated = lambda n: float(structural_divergence(z_s, z_t, o.k, max_iters=n)[1].max())
            settings = [("step", None)]
            if transport_engine() == "torch":  # the compiled loops stop by themselves
                few = next(n for n in range(3, 400) if violated(n) <= o.violation)
                settings.append(("step, few", few))
            for what, n in settings:
                own = lambda: own_step(z_s, z_t, o.k, 0.01, None, n)
                row(
                    what=what,
                    teachers=t,
                    batch=b,
                    data=kind,
                    eps=0.01,
                    contender=f"{own_peer()}, max_iters={n}",
                    peer="released",
                    **compare_times(own, released, o.pairs),
                    **both_errors(own(), released(), *truth) if truth else {},
                    violation=violated(n),
                    peer_violation=peer_violation,
                )


def block_rows(o):
    """What `block=` saves and costs: the whole large batch over blocks of it (ratio), their loss over the whole one's, the cosine of both gradients,
    and the median over samples of the cosine of a sample's gradients"""
    for kind in o.data:
        z_s, z_t = embeddings(kind, 1, o.large, o.width, o.seed)
        whole = lambda: own_step(z_s, z_t, o.k, 0.01)
        loss, gradient = whole()
        for block in (o.large // 2, o.large // 4, o.large // 8):
            if block <= o.k:
                continue
            part = lambda: own_step(z_s, z_t, o.k, 0.01, block)
            other, turned = part()
            row(
                what=f"blocks of {block}",
                teachers=1,
                batch=o.large,
                data=kind,
                eps=0.01,
                peer="mtpkd, whole",
                **compare_times(part, whole, min(o.pairs, 7)),
                loss_ratio=float(other / loss),
                cosine=float((gradient * turned).sum() / (gradient.norm() * turned.norm())),
                sample_cosine=float(torch.cosine_similarity(gradient, turned, dim=1).median()),
            )


def by_torch(act):
    "What `act` returns with the engine in tensor operations"
    with using_engine("torch"):
        return act()


def stacked_rows(o):
    "The structural step of 25 repeats in one `vmap`, B=64, D=64: the engine of this run beside the one in tensor operations"
    repeats, batch, width = (3, 16, 8) if o.quick else (25, 64, 64)
    for kind in o.data:
        for t in (1, 3):
            pairs_of = [embeddings(kind, t, batch, width, seed) for seed in range(repeats)]
            z_s, z_t = (torch.stack(z) for z in zip(*pairs_of))
            losses = torch.func.vmap(lambda s, t: structural_ot(s, t, min(o.k, batch - 1)))
            own = lambda: with_gradient(lambda z: losses(z, z_t), z_s)
            violated = lambda: float(structural_divergence(z_s, z_t, min(o.k, batch - 1))[1].max())
            row(
                what=f"stacked, {repeats} repeats",
                teachers=t,
                batch=batch,
                data=kind,
                eps=0.01,
                contender=own_peer(),
                peer="mtpkd, torch",
                **compare_times(own, lambda: by_torch(own), o.pairs),
                violation=violated(),
                peer_violation=by_torch(violated),
            )


def promise_rows(o):
    "The largest violation over 50 small batches, B=32, D=64, on which Sinkhorn alone takes up to a thousand iterations"
    for kind in o.data:
        drawn = [embeddings(kind, 1, 32, 64, seed) for seed in range(3 if o.quick else 50)]
        worst = lambda: max(float(structural_divergence(*z, min(o.k, 31))[1].max()) for z in drawn)
        row(
            what="promise",
            teachers=1,
            batch=32,
            data=kind,
            eps=0.01,
            contender=own_peer(),
            peer="mtpkd, torch",
            violation=worst(),
            peer_violation=by_torch(worst),
        )


def problem_of(kind, t, b, o, eps):
    return Problem(*anchor_clouds(*embeddings(kind, t, b, o.width, o.seed), o.k), eps)


def core_rows(o, eps=0.01, what="core", peers=("geomloss", "released", "POT", "POT by hand", "OTT-JAX")):
    "The core alone, at equal violation"
    for kind in o.data:
        for t in o.teachers:
            p = problem_of(kind, t, o.batch, o, eps)
            (own_label, own, own_violation), truth = fastest(own_peer(), p, o.violation), reference(p, **o.truth)
            for peer in filter(installed, [peer for peer in peers if peer in o.peers]):
                if not (best := fastest(peer, p, math.inf if peer == "released" else o.violation, o.paths)):
                    print(f"{what} T={t} {kind}: {peer} does not reach a violation of {o.violation:g}")
                    continue
                label, solver, v = best
                row(
                    what=what,
                    teachers=t,
                    batch=o.batch,
                    data=kind,
                    eps=eps,
                    contender=f"mtpkd, {own_label}",
                    peer=peer,
                    setting=label,
                    **compare_times(own.step, solver.step, o.pairs),
                    violation=own_violation,
                    peer_violation=v,
                    **both_errors(own.step(), solver.step(), truth),
                )


def small_rows(o):
    "The core at eps .001, beside the one peer that is quick there (POT needs a hundred iterations and more, geomloss at equal violation minutes a pair)"
    core_rows(o, 1e-3, "core", ("released", "OTT-JAX"))


# --- memory, host reads, bits: properties rather than times -----------------------------------------------------------------------------


def pot_step(z_s, z_t, k, eps, n, method):
    "The whole step with a batched envelope path of POT as its core"
    clouds = lambda z: (torch.stack(c) for c in zip(*(released_clouds(z, t, k) for t in z_t)))
    return with_gradient(lambda z: pot_batch_value(*clouds(z), eps, n, method), z_s)


def pot_iterations(z_s, z_t, method, o):
    "How many iterations that path needs here"
    path = next(p for p in PATHS if p.label == f"solve_batch {method}, envelope")
    return coarsest(path, Problem(*anchor_clouds(z_s, z_t, o.k), 0.01), o.violation)[0]


def status(key) -> float:  # MiB
    return next(
        int(l.split()[1]) / 1024 for l in Path("/proc/self/status").read_text().splitlines() if l.startswith(key)
    )


def extra_memory(act) -> float:  # MiB
    "Peak resident memory during `act`, above what was resident before; Linux"
    import ctypes

    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    before = status("VmRSS")
    act()
    return status("VmHWM") - before


def memory_child(name, o):
    "Extra peak memory of one contender; the process is fresh, imports are warm, the inputs exist"

    def act(z_s, z_t, n):
        if name == "mtpkd":
            own_step(z_s, z_t, o.k, 0.01)
        elif name == "released":
            released_step(z_s, z_t, o.k, 0.01)
        else:
            pot_step(z_s, z_t, o.k, 0.01, n, name)

    act(*embeddings("classes", 1, o.k + 10, o.width, o.seed), 2)
    z_s, z_t = embeddings("classes", 1, o.large, o.width, o.seed)
    n = None if name in ("mtpkd", "released") else pot_iterations(z_s, z_t, name, o)
    return dict(
        mib=extra_memory(lambda: [act(z_s, z_t, n) for _ in range(int(os.environ["BENCH_STEPS"]))]),
        setting=f"{name}, envelope [{n}]" if n else "",
    )


def bits_child(name, o):
    "Losses of three teachers and the norm of the gradient, under the settings of this process"
    z_s, z_t = embeddings("classes", 3, o.batch, o.width, o.seed)
    value, gradient = {"mtpkd": own_step, "released": released_step}[name](z_s, z_t, o.k, 0.01)
    return [*value.double().tolist(), float(gradient.double().norm())]


CHILDREN = {"memory": memory_child, "bits": bits_child}


def child(what, name, o, **env):
    "The answer of a fresh process"
    command = [
        sys.executable,
        __file__,
        "--child",
        what,
        name,
        "--seed",
        str(o.seed),
        *(["--quick"] if o.quick else []),
    ]
    done = subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{what} of {name}: {(done.stderr.strip().splitlines() or ['no word'])[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


MEMORY = {"memory": dict(BENCH_STEPS="6"), "memory, live": dict(BENCH_STEPS="1", MALLOC_MMAP_THRESHOLD_="262144")}


def memory_rows(o):
    """Extra peak memory at T=1, a fresh process each: `memory` is what six steps in a row take from the system (the allocator keeps some of what is freed);
    `memory, live` is one step with everything freed given back at once. ratio = peer / mtpkd"""
    if not Path("/proc/self/clear_refs").exists():
        return print("skipped: needs Linux's /proc")
    for what, env in list(MEMORY.items())[: o.paths]:
        own = child("memory", "mtpkd", o, **env)["mib"]
        for peer, name in (("released", "released"), ("POT batch", "log_sinkhorn"), ("POT batch", "sinkhorn"))[
            : 2 if o.quick else None
        ]:
            if not installed(peer):
                continue
            found = child("memory", name, o, **env)
            row(
                what=what,
                teachers=1,
                batch=o.large,
                data="classes",
                eps=0.01,
                peer=peer,
                ratio=found["mib"] / max(own, 0.1),
                mib=own,
                peer_mib=found["mib"],
                setting=found["setting"],
            )


def host_reads(act) -> int:
    "Operations by which the host reads a tensor's content, and copies to numpy"
    from torch.utils._python_dispatch import TorchDispatchMode

    read = {
        torch.ops.aten._local_scalar_dense.default,
        torch.ops.aten.nonzero.default,
        torch.ops.aten.masked_select.default,
        torch.ops.aten.equal.default,
    }

    class Count(TorchDispatchMode):
        n = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            Count.n += func in read
            return func(*args, **(kwargs or {}))

    with Count():
        act()
    return Count.n


def read_rows(o):
    "Host reads in one step, forward and gradient (the released loss also copies the Gram matrix to numpy, once a teacher)"
    for t in o.teachers:
        z = embeddings("classes", t, o.batch, o.width, o.seed)
        peer = host_reads(lambda: released_step(*z, o.k, 0.01)) + t if installed("released") else math.nan
        row(
            what="host reads",
            teachers=t,
            batch=o.batch,
            data="classes",
            eps=0.01,
            peer="released",
            reads=host_reads(lambda: own_step(*z, o.k, 0.01)),
            peer_reads=peer,
        )


def capabilities() -> list:
    "Instruction sets of torch's kernels that this processor has"
    best = torch.backends.cpu.get_cpu_capability().lower()
    known = ["default", "avx2", "avx512"]
    if "avx512" not in best:
        print(f"no avx512 here (torch finds {best}): {'avx2 skipped too' if 'avx2' not in best else 'skipped'}")
    return known[: known.index(best) + 1] if best in known else ["default"]


def spread(values) -> float:
    "Largest relative difference between runs"
    v = np.array(values)
    return float((np.ptp(v, 0) / abs(v).max(0)).max())


def bit_rows(o):
    "Largest relative difference of losses and gradient norm under every instruction set, one and two threads"
    numpy_simd = " ".join(
        f for f in np._core._multiarray_umath.__cpu_dispatch__ if np._core._multiarray_umath.__cpu_features__.get(f)
    )
    runs = [dict(ATEN_CPU_CAPABILITY=c, BENCH_THREADS=t) for c in capabilities()[: o.paths] for t in "12"]
    found = {}
    for name in ("mtpkd", "released"):
        if name == "released":
            if not installed(name):
                continue
            runs.append(dict(NPY_DISABLE_CPU_FEATURES=numpy_simd))  # its anchors come from numpy
        found[name] = spread([child("bits", name, o, **env) for env in runs])
    row(
        what="bits",
        teachers=3,
        batch=o.batch,
        data="classes",
        eps=0.01,
        peer="released",
        difference=found["mtpkd"],
        peer_difference=found.get("released", math.nan),
        setting=f"{len(runs)} settings",
    )


# --- where the time goes ----------------------------------------------------------------------------------------------------------------


def profile(o):
    "Shares of a step of mtpkd by part, by difference of medians, and torch's operations by their own time"
    for t in o.teachers:
        z_s, z_t = embeddings(o.data[-1], t, o.batch, o.width, o.seed)
        tracked = z_s.clone().requires_grad_()
        acts = [
            lambda: (cosine_gram(z_t), cosine_gram(tracked)),
            lambda: anchor_clouds(tracked, z_t, o.k),
            lambda: structural_ot(tracked, z_t, o.k),
            lambda: own_step(z_s, z_t, o.k, 0.01),
        ]
        for a in acts:
            repeats(a)
        times = np.median([[clock(a) for a in acts] for _ in range(o.pairs * 3)], 0) * 1e3
        parts = dict(zip(("Gram", "anchors and gather", "core", "backward"), np.diff(times, prepend=0)))
        print(
            f"\nT={t}: {times[-1]:.2f} ms: "
            + ", ".join(f"{name} {p:.2f} ({p / times[-1]:.0%})" for name, p in parts.items())
        )
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as found:
            for _ in range(20):
                own_step(z_s, z_t, o.k, 0.01)
        ops = sorted(found.key_averages(), key=lambda e: -e.self_cpu_time_total)
        total = sum(e.self_cpu_time_total for e in ops)
        print(
            f"{sum(e.count for e in ops) // 20} operations a step; by own time: "
            + ", ".join(
                f"{e.key.removeprefix('aten::')} x{e.count / 20:g} {e.self_cpu_time_total / total:.0%}"
                for e in ops[:12]
            )
        )


def profile_core(o):
    "Shares of the core of the engine fused: compiled loops, checks and tensors around them, autograd"
    from mtpkd.transport.fused import _Divergence

    for t in o.teachers:
        p = problem_of(o.data[-1], t, o.batch, o, 0.01)
        solve = lambda y: sinkhorn_divergence(p.x, y, p.eps, tol=VIOLATION, check=False).value
        acts = [
            lambda: _Divergence.forward(p.x, p.y, p.eps, VIOLATION, 1000, False),
            lambda: solve(p.y),
            lambda: with_gradient(solve, p.y),
        ]
        for a in acts:
            repeats(a)
        times = np.median([[clock(a) for a in acts] for _ in range(o.pairs * 3)], 0) * 1e3
        parts = zip(("loops", "checks and tensors", "autograd"), np.diff(times, prepend=0))
        shares = ", ".join(f"{name} {part:.2f} ({part / times[-1]:.0%})" for name, part in parts)
        print(f"core, T={t}: {times[-1]:.2f} ms: {shares}")


PARTS = {
    "step": step_rows,
    "stacked": stacked_rows,
    "promise": promise_rows,
    "blocks": block_rows,
    "core": core_rows,
    "small": small_rows,
    "memory": memory_rows,
    "reads": read_rows,
    "bits": bit_rows,
}

# --- the table --------------------------------------------------------------------------------------------------------------------------


def markdown(rows) -> str:
    "The ratios as a table, like that of nbs/docs/transport_engine.ipynb: a line for every question, a column for every number of teachers"
    timed = [r for r in rows if "ratio" in r]
    if not timed:
        return ""
    counts = sorted({r["teachers"] for r in timed})
    lines = [
        f"| what | against | data | {' | '.join(f'T={t}' for t in counts)} | violation | of the peer |",
        "|---" * (5 + len(counts)) + "|",
    ]
    groups = {}
    for r in timed:
        groups.setdefault(
            (
                r["what"],
                r["eps"],
                r["batch"],
                r["peer"] + (f" ({r['setting'].split(',')[0]})" if "mib" in r and r["setting"] else ""),
                r["data"],
            ),
            {},
        )[r["teachers"]] = r
    cell = lambda r: (
        ""
        if r is None
        else f"{number(r['ratio'])}" + (f" [{number(r['low'])}, {number(r['high'])}]" if "low" in r else "")
    )
    worst = lambda found, key: (
        f"{max(r[key] for r in found.values()):.0e}" if all(key in r for r in found.values()) else ""
    )
    for (what, eps, batch, peer, data), found in groups.items():
        lines.append(
            f"| {what}, eps {eps:g}, B={batch} | {peer} | {data} | {' | '.join(cell(found.get(t)) for t in counts)} | {worst(found, 'violation')} | {worst(found, 'peer_violation')} |"
        )
    return "\n".join(lines)


# --- the command ----------------------------------------------------------------------------------------------------------------------


def options(argv=None):
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("--only", default=",".join(PARTS), help=f"parts, by comma: {', '.join(PARTS)}")
    a.add_argument(
        "--quick", action="store_true", help="tiny sizes and few pairs: shows that everything runs, measures nothing"
    )
    a.add_argument("--engine", default="auto", choices=ENGINES, help="of mtpkd; auto: fused if it is compiled")
    a.add_argument("--clock", default="wall", choices=CLOCKS, help="processor: time of this process, on a busy machine")
    a.add_argument("--teachers", default="1,3,5")
    a.add_argument("--data", default=",".join(DATA), help="kinds of data, by comma")
    a.add_argument("--peers", default=",".join(MODULES), help="of the core, by comma")
    a.add_argument("--paths", type=int, help="how many ways to use each of them are tried; all")
    a.add_argument("--pairs", type=int, default=21)
    a.add_argument("--seed", type=int, default=0)
    a.add_argument("--out", metavar="CSV", help="also write the rows to this file")
    a.add_argument("--profile", action="store_true", help="show where the time of a step goes, and nothing else")
    a.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    o = a.parse_args(argv)
    given_paths = o.paths
    o.batch, o.width, o.k, o.large, o.violation, o.paths, o.truth = (
        (24, 128, 5, 48, 0.1, 1, {"patience": 500}) if o.quick else (128, 512, 30, 2048, VIOLATION, None, {})
    )
    o.paths, o.peers = given_paths or o.paths, o.peers.split(",")
    if o.quick:
        o.pairs, o.teachers, o.data = min(o.pairs, 3), "1", "classes"
    o.teachers, o.data, o.only = [int(t) for t in o.teachers.split(",")], o.data.split(","), o.only.split(",")
    for given, known in ((o.only, PARTS), (o.data, DATA), (o.peers, MODULES)):
        if unknown := set(given) - set(known):
            a.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    return o


def main(argv=None):
    o = options(argv)
    global CLOCK
    CLOCK = o.clock
    torch.set_num_threads(int(os.environ.get("BENCH_THREADS", 1)))
    if o.child:
        return print(json.dumps(CHILDREN[o.child[0]](o.child[1], o)))
    with using_engine(o.engine):
        with patch.dict(os.environ, MTPKD_TRANSPORT=transport_engine()):  # what fresh processes use
            measure(o)


def measure(o):
    "All parts that were asked for, with the engine in use"
    warnings.filterwarnings("ignore")  # peers told to stop early say that they did not converge
    print(
        f"{processor()}, one core; {versions(PEERS)}\nengine {transport_engine()}, B={o.batch}, d={o.width}, k={o.k}, {o.pairs} pairs, seed {o.seed}, {o.clock} time; ratio = peer / mtpkd, median [min, max]"
    )
    if o.profile:
        return profile_core(o) if transport_engine() == "fused" else profile(o)
    for name in o.only:
        print(f"\n{name}: {PARTS[name].__doc__}")
        PARTS[name](o)
    if o.out:
        write_csv(ROWS, o.out, COLUMNS, PEERS)
    print("\n" + markdown(ROWS))


if __name__ == "__main__":
    main()
