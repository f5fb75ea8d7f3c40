"""The engine `triton` on a processor: what tests/method/test_on_chip.py runs in a process with TRITON_INTERPRET=1.

Beside POT in float64, beside the engine `torch`, its promise, weights, transforms, and which problems do not go to it."""

import numpy as np, ot, pytest, torch
from mtpkd.core.errors import InputError
from mtpkd.transport import fused, on_chip
from mtpkd.transport.fused import engine_on, using_engine
from mtpkd.transport.geometry import anchor_clouds
from mtpkd.transport.sinkhorn import sinkhorn_divergence
from mtpkd.transport.structural import structural_divergence, structural_ot
from student_clouds import NAMES, normal, students


@pytest.fixture(autouse=True)
def _triton():
    with using_engine("triton"):
        yield


@pytest.fixture(autouse=True)
def launches(monkeypatch):
    "Names of the kernels that were launched: what is compared must not be the engine `torch` with itself"
    seen, launch = [], on_chip._launch

    def noted(kernel, *arguments, **constants):
        seen.append(kernel.fn.__name__)
        launch(kernel, *arguments, **constants)

    monkeypatch.setattr(on_chip, "_launch", noted)
    return seen


def clouds(kind, n, m, k=5):
    "Clouds `(N, K)` and `(M, K)`"
    x, y = normal(n, k), 0.7 * normal(m, k, seed=1) + 0.3
    if kind == "duplicates":
        y = y[torch.arange(m) % 3]
    if kind == "outliers":
        y[0] += 6
        x[-2:] -= 4
    if kind == "collapsed":
        y = y * 1e-3
    if kind == "zeros":
        x[::2] = 0
    if kind == "far away":
        x, y = x + 100, y + 100
    return x, y


def pot_divergence(x, y, eps, a=None, b=None):
    "The divergence of two clouds by POT, float64, differentiable (the envelope)"

    def cost(p, q, v, w):
        half = (p * p).sum(-1)[:, None] / 2 + (q * q).sum(-1) / 2 - p @ q.mT
        return ot.solve(half, v, w, reg=eps, grad="envelope", tol=1e-9, max_iter=5000).value

    return cost(x, y, a, b) - cost(x, x, a, a) / 2 - cost(y, y, b, b) / 2


def near(got, expected, relative, absolute):
    "Are two tensors near to one another, in norm?"
    return (got.double() - expected).norm() <= relative * expected.norm() + absolute


KINDS = "usual", "duplicates", "outliers", "collapsed", "zeros", "far away"
SIZES = (40, 9), (2, 9), (1, 4), (1, 1)
SLOW = pytest.param("usual", 32, 32, marks=pytest.mark.slow), pytest.param("usual", 33, 70, marks=pytest.mark.slow)


@pytest.mark.parametrize("kind, n, m", [*((k, 17, 21) for k in KINDS), *(("usual", *size) for size in SIZES), *SLOW])
def test_divergence_and_gradients_are_those_of_pot(kind, n, m, launches):
    for eps in (0.1, 1.0, 10.0):
        x, y = clouds(kind, n, m)
        mine = [z.clone().requires_grad_() for z in (x, y)]
        theirs = [z.double().requires_grad_() for z in (x, y)]
        result = sinkhorn_divergence(*mine, eps, tol=1e-5)
        expected = pot_divergence(*theirs, eps)
        assert result.violation <= 1e-5
        rounding = 2e-6 * max(1, eps) if kind != "far away" else 2e-4
        assert near(result.value.detach(), expected.detach(), 1e-5, rounding), (eps, result.value, expected)
        for got, wanted in zip(torch.autograd.grad(result.value, mine), torch.autograd.grad(expected, theirs)):
            assert near(got, wanted, 1e-3, 1e-5), (eps, got, wanted)
    assert set(launches) == {"_cross_cost", "_own_cost"} and len(launches) == 9


@pytest.mark.parametrize("n, m", [(17, 21), (16, 16)])
def test_weights_are_those_of_pot(n, m):
    "Also a weight of zero"
    x, y = clouds("usual", n, m)
    a, b = normal(n, seed=2).abs(), normal(m, seed=3).abs()
    a[3] = b[0] = 0
    mine = [z.clone().requires_grad_() for z in (x, y)]
    theirs = [z.double().requires_grad_() for z in (x, y)]
    result = sinkhorn_divergence(*mine, 0.5, tol=1e-5, a=a, b=b)
    shares = [(w.double() / w.double().sum()).clamp_min(1e-20) for w in (a, b)]
    expected = pot_divergence(*theirs, 0.5, *shares)
    assert result.violation <= 1e-5 and near(result.value.detach(), expected.detach(), 1e-5, 2e-6)
    for got, wanted in zip(torch.autograd.grad(result.value, mine), torch.autograd.grad(expected, theirs)):
        assert near(got, wanted, 1e-3, 1e-5)


def test_plan_and_potentials_are_those_of_the_other_engine():
    x, y = clouds("usual", 17, 21)
    mine = sinkhorn_divergence(x, y, 0.5, tol=1e-5)
    with using_engine("torch"):
        theirs = sinkhorn_divergence(x.double(), y.double(), 0.5, tol=1e-7)
    for name, tolerance in (("plan", 1e-5), ("f", 1e-4), ("g", 1e-4)):
        got, wanted = getattr(mine, name).double(), getattr(theirs, name)
        if name != "plan":
            got, wanted = got - got.mean(), wanted - wanted.mean()  # one constant is free
        torch.testing.assert_close(got, wanted, rtol=0.0, atol=tolerance)


def test_many_problems_in_one_call_are_those_of_a_loop():
    "To the bit, though each stops by itself"
    x, y = normal(2, 3, 18, 4), normal(2, 3, 20, 4, seed=1) * torch.tensor([0.1, 1.0, 4.0])[:, None, None]
    together = sinkhorn_divergence(x, y, 0.5)
    for i in range(2):
        for j in range(3):
            alone = sinkhorn_divergence(x[i, j], y[i, j], 0.5)
            assert torch.equal(alone.value, together.value[i, j])
            assert torch.equal(alone.violation, together.violation[i, j])


# --- structural losses


@pytest.mark.parametrize(
    "name, b, k",
    [*((name, 24, 8) for name in NAMES), ("usual", 2, 1), pytest.param("usual", 60, 30, marks=pytest.mark.slow)],
)
def test_structural_losses_and_gradient_are_those_of_the_other_engine(name, b, k, launches):
    "In float64 to a small violation"
    z_s, z_t = students(b)[name], normal(2, b, 9, seed=3)
    for blur in (0.1, 0.2, 1.0):
        mine, theirs = z_s.clone().requires_grad_(), z_s.double().requires_grad_()
        value, violation = structural_divergence(mine, z_t, k, blur)
        with using_engine("torch"):
            expected, _ = structural_divergence(theirs, z_t.double(), k, blur, max_iters=600)
        assert violation.max() <= 1e-3 and near(value.detach(), expected.detach(), 1e-4, 1e-6)
        (got,) = torch.autograd.grad(value.sum(), mine)
        (wanted,) = torch.autograd.grad(expected.sum(), theirs)
        assert near(got, wanted, 2e-3, 1e-6), (blur, (got - wanted).norm() / wanted.norm())
    assert len(launches) == 9


def classes(b, d, seed=0):
    "Student `(B, D)` and teacher `(1, B, D)`: noisy views of class means"
    label = torch.arange(b) % 7
    means, noise = normal(7, d, seed=seed), normal(2, b, d, seed=seed + 1)
    return means[label] @ normal(d, d, seed=seed + 2) / d**0.5 + 0.5 * noise[0], (means[label] + 0.3 * noise[1])[None]


@pytest.mark.slow
@pytest.mark.parametrize("b, eps, tol", [(32, 0.01, 1e-3), (32, 1e-3, 1e-3), (128, 0.01, 1e-4)])
def test_the_tolerance_holds_after_the_last_step(b, eps, tol):
    "Both marginals of the plan that is returned, in float64, on batches on which plain Sinkhorn takes hundreds of steps"
    for seed in range(3):
        x, y = (z[0] for z in anchor_clouds(*classes(b, 64, seed), min(30, b - 1)))
        result = sinkhorn_divergence(x, y, eps, tol)
        x0, y0 = (z.double() - z.double().mean(0) for z in (x, y))
        p, q = (z.double() for z in result._problem[-2:])
        plan = (x0 @ y0.T / (eps * np.log(2)) + p[:, None] + q).exp2() / b**2
        error = (plan.sum(0) - 1 / b).abs().sum() + (plan.sum(1) - 1 / b).abs().sum()
        assert error <= 1.02 * tol + 2e-5 and result.violation <= tol


@pytest.mark.slow
def test_cold_and_wide_problems_stay_finite():
    "Temperatures far below the costs: the bound on the iterations, and nearly the exact cost"
    for eps, factor in ((1e-3, 1), (1e-2, 10)):
        x, y = (factor * z for z in clouds("outliers", 20, 26))
        result = sinkhorn_divergence(x, y, eps, check=False)
        exact = ot.emd2([], [], ot.dist(x.numpy(), y.numpy()) / 2)
        assert result.value.isfinite() and result.value.item() == pytest.approx(exact, rel=1e-2)


def test_few_iterations_are_obeyed():
    x, y = clouds("outliers", 20, 26)
    with pytest.warns(UserWarning, match="did not reach a marginal violation"):
        result = sinkhorn_divergence(x, y, 0.01, max_iters=3)
    assert result.iterations == 3 and result.violation > 1e-3


def test_repeats_under_transforms_are_those_of_a_loop():
    z_s, z_t = normal(2, 20, 8), normal(2, 2, 20, 10, seed=1)
    loss = lambda s, t: structural_ot(s, t, 7, blur=0.3).sum()
    together = torch.func.vmap(loss)(z_s, z_t)
    inside = torch.func.vmap(torch.func.grad(loss))(z_s, z_t)
    for r in range(2):
        alone = z_s[r].clone().requires_grad_()
        value = loss(alone, z_t[r])
        torch.testing.assert_close(value, together[r], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(torch.autograd.grad(value, alone)[0], inside[r], rtol=1e-4, atol=1e-6)


def test_numbers_that_are_not_finite_stay_in_their_problem():
    x, y = normal(2, 20, 4), normal(2, 20, 4, seed=1)
    whole = sinkhorn_divergence(x, y, 0.1, check=False).value
    x[0, 3, 2] = torch.nan
    value = sinkhorn_divergence(x, y, 0.1, check=False).value
    assert not value[0].isfinite() and value[1] == whole[1]


def test_the_operations_are_sound():
    x, y = normal(2, 8, 4), normal(2, 5, 4, seed=1)
    low_x, low_y = (-z.square().sum(2) / 2 for z in (x, y))
    a, b = torch.full((2, 8), 1 / 8), torch.full((2, 5), 1 / 5)
    checks = ("test_schema", "test_faketensor")
    for with_x in (False, True):
        arguments = (x, y, low_x, low_y, a, b, 1e-3, 100, with_x)
        torch.library.opcheck(on_chip._cross_operation, arguments, test_utils=checks)
        torch.library.opcheck(on_chip._own_operation, (x, low_x, a, 1e-3, with_x), test_utils=checks)


def test_a_step_runs_on_fake_cuda():
    "Traced on fakes and replayed on fake CUDA tensors: no operation mixes devices"
    from test_cuda_ready import MADE_THERE, loss_and_gradient, on_fake_cuda

    (losses, gradient), pinned = on_fake_cuda(loss_and_gradient, torch.randn(32, 8), torch.randn(3, 32, 12))
    assert (losses.shape, gradient.shape, losses.device.type, gradient.device.type) == ((3,), (32, 8), "cuda", "cuda")
    assert set(pinned) <= MADE_THERE


def test_a_step_reads_nothing():
    from test_cuda_ready import loss_and_gradient, reads

    z_s, z_t = normal(24, 8), normal(2, 24, 12, seed=1)
    kernels = on_chip._cross_operation, on_chip._own_operation
    assert kernels and reads(lambda: loss_and_gradient(z_s, z_t)) == 0


@pytest.mark.parametrize("n, kind", [(129, torch.float32), (20, torch.float64)])
def test_what_does_not_fit_is_computed_by_torch(n, kind, launches):
    x, y = (z.to(kind) for z in clouds("usual", n, 20))
    value = sinkhorn_divergence(x, y, 0.5).value
    with using_engine("torch"):
        assert torch.equal(value, sinkhorn_divergence(x, y, 0.5).value)
    assert not launches


@pytest.mark.slow
def test_the_largest_problem_goes_to_the_kernels(launches):
    x, y = clouds("usual", 128, 128)
    result = sinkhorn_divergence(x, y, 0.5)
    with using_engine("torch"):
        expected = sinkhorn_divergence(x.double(), y.double(), 0.5, tol=1e-6).value
    assert launches and near(result.value, expected, 1e-4, 1e-6)


def test_the_engine_of_a_run(monkeypatch):
    "Interpreted, it computes on the processor"
    assert engine_on("triton", "cpu") == "triton" and fused.transport_engine() == "triton"
    with pytest.raises(InputError, match="triton computes on CUDA, and the device is mps"):
        engine_on("triton", "mps")
