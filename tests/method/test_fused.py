"The fused transport engine: beside POT in float64, under transforms, to the bit, its promise, and how it is chosen"

import json, os, subprocess, sys
import numpy as np, ot, pytest, torch
from mtpkd.core.errors import InputError
from mtpkd.transport import fused
from mtpkd.transport.fused import resolve_engine, transport_engine, using_engine
from mtpkd.transport.geometry import anchor_clouds, cosine_gram, least_similar
from mtpkd.transport.sinkhorn import sinkhorn_divergence
from mtpkd.transport.structural import structural_divergence, structural_ot
from student_clouds import NAMES, normal, students


@pytest.fixture(autouse=True)
def _fused():
    with using_engine("fused"):
        yield


def classes(b, d, seed=0):
    "Student `(B, D)` and teacher `(1, B, D)`: noisy views of class means"
    label = torch.arange(b) % 7
    means, noise = normal(7, d, seed=seed), normal(2, b, d, seed=seed + 1)
    return means[label] @ normal(d, d, seed=seed + 2) / d**0.5 + 0.5 * noise[0], (means[label] + 0.3 * noise[1])[None]


def clouds(kind, n, m, k=5):
    "Clouds `(N, K)` and `(M, K)`"
    x, y = normal(n, k), normal(m, k, seed=1) * 0.7 + 0.3
    if kind == "duplicates":
        y = y[torch.arange(m) % 3]
    if kind == "outliers":
        y[0] += 6
        x[-2:] -= 4
    if kind == "collapsed":
        y = y * 1e-3
    if kind == "zeros":
        x[::2] = 0
    return x, y


KINDS = "usual", "duplicates", "outliers", "collapsed", "zeros"


# --- POT in float64 -----------------------------------------------------------------------------------------------------------------


def pot_divergence(x, y, eps):
    "The divergence of two clouds by POT, float64, differentiable (the envelope)"

    def cost(p, q):
        half = (p * p).sum(-1)[:, None] / 2 + (q * q).sum(-1) / 2 - p @ q.mT
        return ot.solve(half, reg=eps, grad="envelope", tol=1e-9, max_iter=5000).value

    return cost(x, y) - cost(x, x) / 2 - cost(y, y) / 2


def near(got, expected, relative, absolute):
    "Are two tensors near to one another, in norm?"
    return (got.double() - expected).norm() <= relative * expected.norm() + absolute


@pytest.mark.parametrize(
    "kind, n, m", [*((kind, 17, 21) for kind in KINDS), ("usual", 24, 24), ("usual", 2, 9), ("usual", 1, 4)]
)
def test_divergence_and_gradients_are_those_of_pot(kind, n, m):
    for eps in (0.1, 1.0, 10.0):
        x, y = clouds(kind, n, m)
        mine = [z.clone().requires_grad_() for z in (x, y)]
        theirs = [z.double().requires_grad_() for z in (x, y)]
        result = sinkhorn_divergence(*mine, eps, tol=1e-5)
        expected = pot_divergence(*theirs, eps)
        assert result.violation <= 1e-5
        assert near(result.value.detach(), expected.detach(), 1e-5, 1e-6 * max(1, eps))
        gradients = torch.autograd.grad(result.value, mine)
        for got, wanted in zip(gradients, torch.autograd.grad(expected, theirs)):
            assert near(got, wanted, 1e-3, 1e-5), (eps, got, wanted)


def pot_structural(z_s, z_t, k, eps):
    "The structural losses by POT, float64, differentiable in the student"
    z_t = z_t.double()
    anchors = least_similar(cosine_gram(z_t), k)
    cloud = lambda gram: (gram - gram.amin((-2, -1), keepdim=True)).expand(len(z_t), -1, -1).gather(-1, anchors)
    pairs = zip(cloud(cosine_gram(z_t)), cloud(cosine_gram(z_s)))
    return torch.stack([pot_divergence(x, y, eps) for x, y in pairs])


SIZES = (2, 1), (3, 2), (60, 30)


@pytest.mark.parametrize("name, b, k", [*((name, 24, 8) for name in NAMES), *(("usual", *size) for size in SIZES)])
def test_structural_losses_and_gradient_are_those_of_pot(name, b, k):
    z_s, z_t = students(b)[name], normal(2, b, 9, seed=3)
    for blur in (0.2, 1.0):
        mine, theirs = z_s.clone().requires_grad_(), z_s.double().requires_grad_()
        value, violation = structural_divergence(mine, z_t, k, blur)
        expected = pot_structural(theirs, z_t, k, blur**2)
        assert violation.max() <= 1e-3
        assert near(value.detach(), expected.detach(), 1e-5, 2e-6)
        (got,) = torch.autograd.grad(value.sum(), mine)
        (wanted,) = torch.autograd.grad(expected.sum(), theirs)
        if name != "copies":  # which of equal similarities is the smallest one is open
            assert near(got, wanted, 1e-3, 1e-5), (blur, (got - wanted).norm() / wanted.norm())


@pytest.mark.slow
def test_a_large_batch_is_that_of_pot():
    z_s, z_t = classes(2048, 32)
    mine, theirs = z_s.clone().requires_grad_(), z_s.double().requires_grad_()
    value, violation = structural_divergence(mine, z_t, 30, 0.2)
    expected = pot_structural(theirs, z_t, 30, 0.2**2)
    assert violation.max() <= 1e-3 and near(value.detach(), expected.detach(), 1e-5, 1e-6)
    (got,) = torch.autograd.grad(value.sum(), mine)
    (wanted,) = torch.autograd.grad(expected.sum(), theirs)
    assert near(got, wanted, 1e-3, 0.0)


@pytest.mark.slow
def test_the_largest_batch_is_that_of_the_reference():
    "Beside the engine in tensor operations in float64, which takes half of the memory of POT"
    z_s, z_t = classes(8192, 16)
    mine, theirs = z_s.clone().requires_grad_(), z_s.double().requires_grad_()
    value, violation = structural_divergence(mine, z_t, 30, 0.2)
    expected, _ = structural_divergence(theirs, z_t.double(), 30, 0.2)
    assert violation.max() <= 1e-3 and near(value.detach(), expected.detach(), 1e-4, 1e-6)
    (got,) = torch.autograd.grad(value.sum(), mine)
    (wanted,) = torch.autograd.grad(expected.sum(), theirs)
    assert near(got, wanted, 1e-3, 0.0)


# --- the promise ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("b, d, eps, tol", [(32, 64, 0.01, 1e-3), (32, 64, 1e-3, 1e-3), (128, 64, 0.01, 1e-4)])
def test_the_tolerance_holds_after_the_last_step(b, d, eps, tol):
    "Both marginals of the plan that is returned, in float64, on batches on which Sinkhorn takes up to a thousand iterations"
    for seed in range(12):
        x, y = (z[0] for z in anchor_clouds(*classes(b, d, seed), min(30, b - 1)))
        result = sinkhorn_divergence(x, y, eps, tol)
        x0, y0 = (z.double() - z.double().mean(0) for z in (x, y))
        p, q = (z.double() for z in result._problem[-2:])
        plan = (x0 @ y0.T / (eps * np.log(2)) + p[:, None] + q).exp2() / b**2
        error = (plan.sum(0) - 1 / b).abs().sum() + (plan.sum(1) - 1 / b).abs().sum()
        assert error <= 1.02 * tol + 2e-5 and result.violation <= tol and result.iterations < 500


def far_clouds(kind, n, m, k):
    "Clouds `(N, K)` and `(M, K)` with points far from all others"
    x, y = normal(n, k, seed=5), normal(m, k, seed=6)
    if kind == "two in the second":
        y[0], y[1] = y[0] + 90, y[1] - 40
    if kind == "one in each":
        x[-1], y[0] = x[-1] * 60, y[0] * 35
    if kind == "heavy tails":
        x, y = (z / torch.rand(len(z), 1, generator=torch.Generator().manual_seed(7)) for z in (x, y))
    if kind == "a group":
        y[:5] += 25
    return x, y


@pytest.mark.parametrize("kind", ["none", "two in the second", "one in each", "heavy tails", "a group"])
@pytest.mark.parametrize("n, m, k", [(150, 170, 3), (400, 400, 3), (260, 260, 48), (1, 90, 2)])
@pytest.mark.parametrize("eps", [0.01, 0.3, 3.0])
@pytest.mark.filterwarnings("ignore:transport at eps")
def test_points_far_from_all_others_are_not_lost(kind, n, m, k, eps):
    """General clouds, beside the other engine and the reference in float64.

    The loops give some of them up. Where no schedule keeps the promise the violation says so, as in the other engine."""
    x, y = far_clouds(kind, n, m, k)
    mine, theirs = y.clone().requires_grad_(), y.double().requires_grad_()
    result = sinkhorn_divergence(x, mine, eps)
    with using_engine("torch"):
        other = sinkhorn_divergence(x, y, eps)
    expected = sinkhorn_divergence(x.double(), theirs, eps, tol=1e-6, max_iters=4000, check=False)
    assert result.violation <= max(1e-3, other.violation)
    kept = bool(result.violation <= 1e-3)
    assert near(result.value.detach(), expected.value.detach(), 5e-3 if kept else 3e-2, 1e-6)
    (got,) = torch.autograd.grad(result.value, mine)
    (wanted,) = torch.autograd.grad(expected.value, theirs)
    if kept:
        assert near(got, wanted, 2e-2, 1e-6), (got - wanted).norm() / wanted.norm()


def test_a_problem_that_the_loops_give_up_has_the_value_and_gradient_of_the_schedule():
    "Among others that they solve, in any leading dimensions, and its violation is told"
    x, y = far_clouds("one in each", 300, 300, 40)
    many_x, many_y = torch.stack([y, x, 0.1 * x])[None], torch.stack([x, y, 0.1 * y])[None].requires_grad_()
    result = sinkhorn_divergence(many_x, many_y, 0.01, check=False)
    (got,) = torch.autograd.grad(result.value.sum(), many_y)
    for i in range(3):
        mine = many_y[0, i].detach().requires_grad_()
        alone = sinkhorn_divergence(many_x[0, i], mine, 0.01, check=False)
        assert torch.equal(alone.value, result.value[0, i]) and torch.equal(alone.violation, result.violation[0, i])
        assert torch.equal(torch.autograd.grad(alone.value, mine)[0], got[0, i])
        assert torch.equal(alone.plan, result.plan[0, i])


@pytest.mark.parametrize(
    "b, d, k, blur", [(96, 3, 60, 0.05), (128, 8, 100, 0.03), (300, 2, 90, 0.05), (64, 5, 30, 0.1)]
)
def test_one_row_of_the_student_that_points_the_other_way(b, d, k, blur):
    "The promise where a row has similarities that no other has, for many anchors and little blur"
    z_t = normal(1, b, d, seed=2) + 3 * torch.eye(d)[torch.arange(b) % min(d, 4)]
    z_s = z_t[0].clone()
    z_s[b // 2] *= -1
    many_s, many_t = torch.stack([z_s, normal(b, d, seed=3)]), z_t.expand(2, 1, b, d)
    mine, theirs = many_s.clone().requires_grad_(), many_s.double().requires_grad_()
    value, violation = structural_divergence(mine, many_t, k, blur)
    expected, _ = structural_divergence(theirs, many_t.double(), k, blur, max_iters=1500)
    assert violation.max() <= 1e-3 and near(value.detach(), expected.detach(), 1e-3, 1e-6)
    (got,) = torch.autograd.grad(value.sum(), mine)
    (wanted,) = torch.autograd.grad(expected.sum(), theirs)
    assert near(got, wanted, 2e-2, 1e-6), (got - wanted).norm() / wanted.norm()


@pytest.mark.parametrize("engine", ["fused", "torch"])
def test_rows_of_denormal_numbers_count_as_zero(engine):
    z_s, z_t = normal(12, 4), normal(2, 12, 5, seed=1)
    zeros = z_s.clone()
    z_s[3], z_t[0, 5], zeros[3] = 1e-40, 3e-42, 0
    with using_engine(engine):
        value, _ = structural_divergence(z_s, z_t, 5)
        z_t[0, 5] = 0
        assert value.isfinite().all() and torch.equal(value, structural_divergence(zeros, z_t, 5)[0])


@pytest.mark.parametrize("engine", ["fused", "torch"])
def test_shapes_and_kinds_are_treated_alike(engine):
    with using_engine(engine):
        wide, _ = structural_divergence(normal(4, 3, 12, 6), normal(1, 1, 2, 12, 5), 5)
        assert wide.shape == (4, 3, 2)
        whole = (9 * normal(12, 4)).long()
        torch.testing.assert_close(
            structural_ot(whole, normal(1, 12, 4), 5), structural_ot(whole.float(), normal(1, 12, 4), 5)
        )
        for z_s, z_t in [((8,), (2, 8)), ((8, 3), (0, 8, 3)), ((8, 0), (1, 8, 3)), ((0, 8, 3), (0, 1, 8, 3))]:
            with pytest.raises(InputError, match="none of them empty"):
                structural_divergence(torch.ones(z_s), torch.ones(z_t), 2)
        with pytest.raises(InputError, match="leading dimensions"):
            structural_divergence(normal(2, 8, 3), normal(3, 1, 8, 3), 2)
        with pytest.raises(InputError, match="k is 2.5, expected 1 to 7 anchors"):
            structural_divergence(normal(8, 3), normal(1, 8, 3), 2.5)
        for x, y in [((8,), (8, 2)), ((3, 0), (4, 0)), ((2, 5, 3), (3, 5, 3))]:
            with pytest.raises(InputError):
                sinkhorn_divergence(torch.ones(x), torch.ones(y))


def test_cold_and_wide_problems_stay_finite():
    "Temperatures far below the costs: the tolerance, or the bound on the passes and a finite result"
    for eps, factor in ((1e-4, 1), (1e-2, 30), (1e-5, 1)):
        x, y = (factor * z for z in clouds("outliers", 40, 50))
        result = sinkhorn_divergence(x, y, eps, check=False)
        exact = ot.emd2([], [], ot.dist(x.numpy(), y.numpy()) / 2)
        assert result.value.isfinite() and result.iterations < 1100
        assert result.value.item() == pytest.approx(exact, rel=1e-2)


# --- transforms and bits ----------------------------------------------------------------------------------------------------------------


def test_repeats_in_one_call_are_those_of_a_loop():
    "To the bit, losses and gradients, outside and inside of the transform"
    z_s, z_t = normal(3, 40, 8), normal(3, 2, 40, 10, seed=1)
    loss = lambda s, t: structural_ot(s, t, 7).sum()
    tracked = z_s.clone().requires_grad_()
    together = torch.func.vmap(loss)(tracked, z_t)
    (gradient,) = torch.autograd.grad(together.sum(), tracked)
    inside = torch.func.vmap(torch.func.grad(loss))(z_s, z_t)
    operation = lambda s, t: fused._structural_operation(s, t, 7, 0.01, 3e-4, 1000)[0].sum()
    assert torch.equal(torch.func.vmap(operation)(z_s, z_t), together)
    for r in range(3):
        alone = z_s[r].clone().requires_grad_()
        value = loss(alone, z_t[r])
        assert torch.equal(value, together[r])
        for other in (gradient, inside):
            assert torch.equal(torch.autograd.grad(loss(alone, z_t[r]), alone)[0], other[r])


def test_leading_dimensions_and_strides():
    z_s, z_t = normal(2, 3, 20, 6), normal(2, 3, 2, 20, 5, seed=1)
    value, violation = structural_divergence(z_s, z_t, 4)
    assert value.shape == violation.shape == (2, 3, 2)
    strided = z_s.mT.contiguous().mT
    assert torch.equal(structural_divergence(strided, z_t, 4)[0], value)
    assert torch.equal(structural_divergence(z_s[1, 2], z_t[1, 2], 4)[0], value[1, 2])


def test_the_same_to_the_bit():
    z_s, z_t = classes(50, 16)
    once, again = (structural_divergence(z_s, z_t, 9)[0] for _ in range(2))
    assert torch.equal(once, again)


def test_numbers_that_are_not_finite_stay_in_their_repeat():
    z_s, z_t = normal(2, 20, 6), normal(2, 1, 20, 6, seed=1)
    z_s[0, 3, 2] = torch.nan
    z_t[0, 0, 1, 1] = torch.inf
    value, _ = structural_divergence(z_s, z_t, 5)
    assert value[0].isnan().all() and torch.equal(value[1], structural_divergence(z_s[1], z_t[1], 5)[0])


def test_the_operations_are_sound():
    z_s, z_t = normal(8, 4).requires_grad_(), normal(2, 8, 5)
    checks = ("test_schema", "test_autograd_registration", "test_faketensor")
    torch.library.opcheck(fused._structural_operation, (z_s, z_t, 3, 0.05, 1e-3, 100), test_utils=checks)
    torch.library.opcheck(fused._divergence_operation, (z_s, normal(5, 4), 0.1, 1e-3, 100, True), test_utils=checks)


def test_wrong_input_is_refused_as_by_the_other_engine():
    with pytest.raises(InputError, match="k is 9, expected 1 to 7 anchors"):
        structural_ot(normal(8, 4), normal(1, 8, 4), 9)
    with pytest.raises(InputError, match="got 1 row, expected at least 2"):
        structural_ot(normal(1, 4), normal(1, 1, 4), 1)


# --- the choice of an engine ------------------------------------------------------------------------------------------------------------


def test_what_does_not_fit_is_computed_by_torch():
    assert fused._fits(normal(2, 3))
    assert not fused._fits(normal(2, 3).double())
    assert not fused._fits(torch.empty(2, 3, device="meta"))
    with using_engine("torch"):
        assert not fused._fits(normal(2, 3)) and transport_engine() == "torch"
    weights = torch.full((6,), 1 / 6)
    x, y = clouds("usual", 6, 6)
    weighted = sinkhorn_divergence(x, y, 0.5, 1e-5, a=weights).value
    torch.testing.assert_close(weighted, sinkhorn_divergence(x, y, 0.5, 1e-5).value, rtol=1e-4, atol=1e-5)


CHOICE = """
import sys
from mtpkd.transport.fused import resolve_engine, transport_engine
print(transport_engine(), 'numba' in sys.modules, resolve_engine('auto'))
"""


def chosen(**variables):
    "What another process chooses, and whether Numba was loaded for it"
    environment = {**os.environ, **variables}
    done = subprocess.run([sys.executable, "-c", CHOICE], env=environment, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return done.stdout.split()


def test_nothing_is_compiled_unasked(tmp_path):
    "Without a word it is `torch`, which does not load Numba; `auto` is `torch` where nothing is compiled"
    assert chosen(MTPKD_TRANSPORT="", NUMBA_CACHE_DIR=str(tmp_path)) == ["torch", "False", "torch"]
    assert not list(tmp_path.rglob("*.nbi"))


def test_auto_knows_what_is_compiled(monkeypatch):
    "In this process, or in a file; not what was compiled for another processor"
    losses = fused._loops()[0]
    assert fused._is_compiled(losses)
    monkeypatch.setattr(type(losses), "signatures", [])
    stored = losses._cache._cache_file
    assert fused._is_compiled(losses) == bool(stored._load_index())
    monkeypatch.setattr(stored, "_load_index", lambda: {("signature", ("another", "processor"), ""): "file"})
    assert not fused._is_compiled(losses)


def test_the_variable_names_an_engine(monkeypatch):
    monkeypatch.setenv("MTPKD_TRANSPORT", "fused")
    assert resolve_engine() == "fused"
    monkeypatch.setenv("MTPKD_TRANSPORT", "numba")
    with pytest.raises(InputError, match="MTPKD_TRANSPORT is 'numba', expected one of auto, fused, torch"):
        resolve_engine()
    with pytest.raises(InputError, match="transport engine is 'numba', expected one of auto, fused, torch"):
        resolve_engine("numba")


DAMAGE = """
from mtpkd.transport import fused
from mtpkd.transport.structural import structural_ot
import torch
print(fused.is_warm())
with fused.using_engine("fused"):
    print(structural_ot(torch.eye(6), torch.eye(6)[None], 2).item())
print(fused.is_warm())
"""


@pytest.mark.slow
@pytest.mark.parametrize("kept", [0, 40])
def test_damaged_files_of_compiled_code_cost_only_time(tmp_path, kept):
    "Whole in the first process, cut in the second"
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    run = lambda: subprocess.run([sys.executable, "-c", DAMAGE], env=environment, capture_output=True, text=True)
    first = run()
    assert not first.returncode and first.stdout.split()[::2] == ["False", "True"], first.stderr
    for path in tmp_path.rglob("*.nb[id]"):
        path.write_bytes(path.read_bytes()[:kept])
    second = run()
    assert not second.returncode and second.stdout.split() == first.stdout.split(), second.stderr


def test_without_a_folder_for_the_cache_it_compiles_all_the_same(monkeypatch):
    from numba.core.caching import CompileResultCacheImpl
    from mtpkd.transport import compiled

    monkeypatch.setattr(CompileResultCacheImpl, "_locator_classes", [])
    double = compiled._compiled(lambda x: 2 * x)
    assert double(3) == 6 and not double.stats.cache_path


@pytest.mark.slow
def test_a_run_says_its_engine_and_repeats_itself_to_the_bit(tmp_path):
    import mtpkd
    import pandas as pd
    from tiny_runs import ROLES, make_set, quick

    manifest = make_set(tmp_path / "set", roles=ROLES)
    config = quick(ot=dict(k=6, engine="fused"))
    for name in ("first", "second"):
        out = tmp_path / name
        mtpkd.run(str(manifest), methods=["student_only", "pkdot"], seeds=[0], config=config, out=out, progress=False)
        assert json.loads((out / "environment.json").read_text())["transport"] == "fused"
    first, second = (pd.read_parquet(tmp_path / name / "predictions.parquet") for name in ("first", "second"))
    assert first.equals(second)
