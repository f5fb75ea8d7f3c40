"""The transport engine at the edges of its range: temperatures, precisions, sizes, odd clouds, processors; slow ones with `-m slow`."""

import functools, os, subprocess, sys
import numpy as np, ot, pytest, torch
from mtpkd.core.errors import InputError
from mtpkd.transport.fused import using_engine
from mtpkd.transport.geometry import anchor_clouds
from mtpkd.transport.sinkhorn import sinkhorn_divergence
from mtpkd.transport.structural import structural_divergence, structural_ot


@pytest.fixture(params=["torch", "fused"], autouse=True)
def engine(request):
    "Every test here runs on both engines"
    with using_engine(request.param):
        yield request.param


def embeddings(kind, b, seed=0, d=24):
    "Teacher and student embeddings `(B, D)` in float64"
    g = torch.Generator().manual_seed(seed)
    normal = lambda *s: torch.randn(*s, generator=g, dtype=torch.float64)
    label, direction = torch.arange(b) % 5, normal(5, d)
    teacher = direction[label] + 0.7 * normal(b, d)
    student = dict(
        normal=normal(b, d),
        classes=direction[label] @ normal(d, d) / d**0.5 + 0.5 * normal(b, d),
        collapsed=torch.ones(b, d) + 1e-3 * normal(b, d),
        copies=normal(2, d)[label % 2],
        zeros=normal(b, d) * (torch.arange(b) % 3 > 0)[:, None],
        itself=teacher,
        all_zero=torch.zeros(b, d).double(),
        shifted=normal(b, d) + 100,
    )[kind]
    return teacher, student


KINDS = ["normal", "classes", "collapsed", "copies", "zeros", "itself", "all_zero", "shifted"]


def pot(x, y, eps):
    "POT in float64 and in logarithms, to a violation far below what is compared"

    def cost(p, q):
        c, a, b = ot.dist(p, q) / 2, np.full(len(p), 1 / len(p)), np.full(len(q), 1 / len(q))
        plan = ot.sinkhorn(a, b, c, eps, method="sinkhorn_log", numItermax=20000, stopThr=1e-7, warn=False)
        return (plan * c).sum() + eps * (plan * np.log(np.maximum(plan, 1e-300) * len(p) * len(q))).sum()

    return cost(x, y) - cost(x, x) / 2 - cost(y, y) / 2


@functools.cache
def pot_structural(kind, dtype, blur):
    "What POT says of the embeddings as they are in `dtype`; once for both engines"
    teacher, student = (z.to(dtype).double() for z in embeddings(kind, 24))
    x, y = (c[0].numpy() for c in anchor_clouds(student, teacher[None], 8))
    return pot(x, y, blur**2)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", KINDS)
def test_structural_loss_is_that_of_pot(kind, dtype):
    teacher, student = (z.to(dtype) for z in embeddings(kind, 24))
    for blur in (0.2, 1.0):
        ours, theirs = structural_ot(student, teacher[None], 8, blur), pot_structural(kind, dtype, blur)
        assert ours.dtype == dtype
        assert ours.item() == pytest.approx(theirs, rel=1e-2 if dtype == torch.bfloat16 else 1e-3, abs=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("eps", [0.02, 0.1, 1.0, 10.0])
def test_divergence_is_that_of_pot(eps, dtype):
    for kind in KINDS:
        teacher, student = embeddings(kind, 24)
        x, y = (c[0] for c in anchor_clouds(student, teacher[None], 8))
        for p, q in ((x, y), (x[:15], y), (y, x[:15] + 7)):
            ours = sinkhorn_divergence(p.to(dtype), q.to(dtype), eps, tol=1e-4).value.item()
            assert ours == pytest.approx(pot(p.numpy(), q.numpy(), eps), rel=1e-3, abs=3e-6 * max(1, eps)), (
                kind,
                len(p),
            )


@pytest.mark.parametrize("what", ["divergence", "structural"])
def test_gradients_are_those_of_pot(what):
    "Along the gradient and along three random directions, against differences of POT's value"
    z_t, z_s = embeddings("normal", 12)
    x, y = (c[0] for c in anchor_clouds(z_s, z_t[None], 4))
    at, ours, theirs = dict(
        divergence=(
            y,
            lambda v: sinkhorn_divergence(x, v, 0.25, tol=1e-7).value,
            lambda v: pot(x.numpy(), v.numpy(), 0.25),
        ),
        structural=(
            z_s,
            lambda v: structural_ot(v, z_t[None], 4, 0.5).sum(),
            lambda v: pot(*(c[0].numpy() for c in anchor_clouds(v, z_t[None], 4)), 0.25),
        ),
    )[what]
    (grad,) = torch.autograd.grad(ours(v := at.clone().requires_grad_()), v)
    g, h = torch.Generator().manual_seed(1), 1e-3
    for way in [grad, *torch.randn(3, *at.shape, generator=g, dtype=torch.float64)]:
        way = way / way.norm()
        assert (grad * way).sum().item() == pytest.approx(
            (theirs(at + h * way) - theirs(at - h * way)) / (2 * h), abs=0.02 * grad.norm().item()
        )


def test_cold_problems_come_near_the_exact_cost():
    "At eps 1e-4 the entropic cost is the exact one to within eps log N; what the symmetric terms take away is of that size too"
    for kind in ("normal", "classes", "zeros"):
        teacher, student = embeddings(kind, 50)
        x, y = (c[0] for c in anchor_clouds(student, teacher[None], 12))
        exact = ot.emd2([], [], ot.dist(x.numpy(), y.numpy()) / 2)
        for dtype in (torch.float64, torch.float32):
            r = sinkhorn_divergence(x.to(dtype), y.to(dtype), 1e-4, tol=1e-3)
            assert r.value.item() == pytest.approx(exact, rel=1e-3, abs=4e-4) and r.violation < 1e-2


@pytest.mark.parametrize("batch, teachers, k", [(2, 1, 1), (3, 16, 2), (20, 5, 19), (300, 2, 150)])
def test_sizes(batch, teachers, k):
    z_t, z_s = torch.randn(teachers, batch, 12), torch.randn(batch, 9, requires_grad=True)
    value, violation = structural_divergence(z_s, z_t, k)
    (grad,) = torch.autograd.grad(value.sum(), z_s)
    assert (value > -1e-5).all() and violation.max() < 2e-2 and grad.isfinite().all()
    alone = torch.stack([structural_ot(z_s, z_t[t : t + 1], k)[0] for t in range(teachers)])
    torch.testing.assert_close(value, alone, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_the_largest_batch():
    z_t, z_s = torch.randn(1, 8192, 16), torch.randn(8192, 16, requires_grad=True)
    value, violation = structural_divergence(z_s, z_t)
    (grad,) = torch.autograd.grad(value.sum(), z_s)
    assert value > 0 and violation < 2e-2 and grad.isfinite().all()


def test_random_embeddings_never_break_it():
    "Collapsed, clustered, shifted, scaled, rectified, zero rows, at every blur: finite, not negative, and the gradient is finite"
    for seed in range(150):
        torch.manual_seed(seed)
        draw = lambda low, high: float(10 ** (torch.rand(()) * (high - low) + low))
        b = int(torch.randint(3, 60, ()))
        k = int(torch.randint(1, b, ()))
        d = int(torch.randint(1, 20, ()))

        def cloud(*lead):
            label = torch.randint(0, 6, (b,))
            z = (
                torch.randn(*lead, 6, d)[..., label, :] * draw(-2, 2)
                + torch.randn(*lead, b, d) * draw(-3, 1)
                + torch.randn(d) * draw(-3, 2)
            )
            return (
                z.relu() if seed % 5 == 0 else z * (torch.arange(b) % 3 > 0)[:, None] if seed % 7 == 0 else z
            ) * draw(-3, 3)

        z_s, z_t, blur = cloud().requires_grad_(), cloud(2), (0.02, 0.05, 0.1, 0.3, 1.0, 3.0)[seed % 6]
        value, violation = structural_divergence(z_s, z_t, k, blur)
        (grad,) = torch.autograd.grad(value.sum(), z_s)
        assert (
            value.isfinite().all() and violation.isfinite().all() and grad.isfinite().all() and (value > -1e-4).all()
        ), seed


def test_blocks_are_the_mean_of_their_losses():
    z_s, z_t = torch.randn(96, 8, requires_grad=True), torch.randn(2, 96, 10)
    whole = structural_ot(z_s, z_t, 10, block=32)
    parts = torch.stack([structural_ot(z_s[i : i + 32], z_t[:, i : i + 32], 10) for i in (0, 32, 64)]).mean(0)
    torch.testing.assert_close(whole, parts)
    torch.testing.assert_close(*(torch.autograd.grad(v.sum(), z_s)[0] for v in (whole, parts)))
    torch.testing.assert_close(structural_ot(z_s, z_t, 10, block=96), structural_ot(z_s, z_t, 10))
    with pytest.raises(InputError, match="block is 40, expected a divisor of the batch of 96 rows"):
        structural_ot(z_s, z_t, 10, block=40)


def test_gradients_under_transforms():
    "Gradient inside vmap, vmap inside gradient, vmap over teachers alone"
    z_s, z_t = torch.randn(3, 20, 6), torch.randn(3, 2, 20, 6)
    loss = lambda s, t: structural_ot(s, t, 5).sum()
    inside = torch.func.vmap(torch.func.grad(loss))(z_s, z_t)
    outside = torch.func.grad(lambda s: torch.func.vmap(loss)(s, z_t).sum())(z_s)
    loop = torch.stack([torch.autograd.grad(loss(s, t), s)[0] for s, t in zip(z_s.clone().requires_grad_(), z_t)])
    torch.testing.assert_close(inside, loop)
    torch.testing.assert_close(outside, loop)
    torch.testing.assert_close(
        torch.func.vmap(lambda t: structural_ot(z_s[0], t, 5))(z_t),
        torch.stack([structural_ot(z_s[0], t, 5) for t in z_t]),
    )


VALUE = """
import sys, numpy, torch
torch.set_num_threads(int(sys.argv[1]))
from mtpkd.transport.sinkhorn import sinkhorn_divergence
from mtpkd.transport.structural import structural_ot
random = numpy.random.default_rng(0)
s, t = (torch.from_numpy(random.standard_normal(shape, "float32")) for shape in ((128, 512), (2, 128, 512)))
print(repr([*structural_ot(s, t).tolist(), sinkhorn_divergence(s[:, :8], t[0, :, :8], .1).value.item()]))
"""


@pytest.mark.parametrize(
    "others", [[(2, "avx2")], pytest.param([(2, "default"), (1, "avx2")], marks=pytest.mark.slow)], ids=["both", "one"]
)
def test_the_value_does_not_depend_on_the_processor(engine, others):
    """Vector instructions or none, one thread or two: equal to 1e-6, of the fused engine to the bit. The released loss moves
    by a third. Inputs are drawn by numpy: those of torch differ in their last bits between instruction sets."""

    def value(threads, capability):
        done = subprocess.run(
            [sys.executable, "-c", VALUE, str(threads)],
            env={**os.environ, "ATEN_CPU_CAPABILITY": capability, "MTPKD_TRANSPORT": engine},
            capture_output=True,
            text=True,
        )
        assert not done.returncode, done.stderr
        return eval(done.stdout)

    reference = value(1, "default")
    for threads, capability in others:
        assert value(threads, capability) == (reference if engine == "fused" else pytest.approx(reference, rel=1e-6))


@pytest.mark.slow
def test_it_compiles():
    "Compiled, every engine is `torch`"
    z_s, z_t = torch.randn(40, 8, requires_grad=True), torch.randn(2, 40, 10)
    compiled = torch.compile(structural_ot)
    gradient = lambda fn: torch.autograd.grad(fn(z_s, z_t, 10).sum(), z_s)[0]
    with using_engine("torch"):
        expected = gradient(structural_ot)
    torch.testing.assert_close(gradient(compiled), expected, rtol=1e-3, atol=1e-6)


def test_gradients_of_the_divergence_under_transforms():
    x, y = torch.randn(3, 12, 4), torch.randn(3, 9, 4)
    value = lambda x, y: sinkhorn_divergence(x, y, 0.1, check=False).value
    loop = [
        [
            torch.autograd.grad(value(*pair), pair[i])[0]
            for pair in zip(x.clone().requires_grad_(), y.clone().requires_grad_())
        ]
        for i in (0, 1)
    ]
    for i in (0, 1):
        torch.testing.assert_close(torch.func.vmap(torch.func.grad(value, argnums=i))(x, y), torch.stack(loop[i]))
        pair = [v.clone().requires_grad_(j == i) for j, v in enumerate((x, y))]
        torch.testing.assert_close(
            torch.autograd.grad(torch.func.vmap(value)(*pair).sum(), pair[i])[0], torch.stack(loop[i])
        )


def test_only_first_derivatives():
    "The gradient is saved as a constant: no second derivative comes out where it would be wrong"
    x, y = torch.randn(2, 8, 3, dtype=torch.float64)
    x.requires_grad_()
    for value in (lambda x: sinkhorn_divergence(x, y, 0.5).value, lambda x: structural_ot(x, y[None], 3)[0]):
        (gradient,) = torch.autograd.grad(value(x) ** 2, x, create_graph=True)
        with pytest.raises(RuntimeError):
            torch.autograd.grad(gradient.square().sum(), x)


def test_checks_are_skipped_under_transforms():
    x, y = torch.randn(2, 3, 8, 3)
    torch.testing.assert_close(
        torch.func.vmap(lambda x, y: sinkhorn_divergence(x, y, 0.1).value)(x, y), sinkhorn_divergence(x, y, 0.1).value
    )
