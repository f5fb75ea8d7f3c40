"""Weakly paired data from end to end: bags, transport inside them, the methods, what is refused; and that nobody sees the truth."""

from dataclasses import replace
from itertools import permutations
import numpy as np, ot, pandas as pd, pytest, torch, yaml
from torch.utils._python_dispatch import TorchDispatchMode
import mtpkd.api
import mtpkd.core.errors
import mtpkd.data.folds
import mtpkd.data.manifest
import mtpkd.data.save
import mtpkd.data.synthetic
import mtpkd.data.weak_pairing
import mtpkd.distillation.context
import mtpkd.distillation.method_resolution
import mtpkd.distillation.methods
import mtpkd.distillation.objective
import mtpkd.distillation.students
import mtpkd.experiments.comparison
import mtpkd.experiments.label_budgets
import mtpkd.experiments.plan
import mtpkd.experiments.scoring
import mtpkd.experiments.settings
import mtpkd.transport.matching
from mtpkd.experiments.comparison import compare
from mtpkd.api import learning_curve
from mtpkd.experiments.label_budgets import same_but_labels
from mtpkd.core.errors import InputError
from mtpkd.distillation.method_resolution import get_method
from mtpkd.distillation.methods import methods
from mtpkd.distillation.context import build_students
from mtpkd.distillation.students import get_graph_target, get_student, stage_spec
from mtpkd.experiments.settings import weak_pairings_of
from mtpkd.experiments.plan import plan_experiment
from mtpkd.experiments.scoring import open_context
from mtpkd.data.manifest import load_manifest
from mtpkd.data.weak_pairing import simulate_weak_pairing, parse_pairing
from mtpkd.data.save import save_set
from mtpkd.data.synthetic import synthetic
from mtpkd.data.folds import nested_folds
from mtpkd.distillation.artifacts import ArtifactStore
from mtpkd.distillation.objective import DistillationObjective
from mtpkd.transport.matching import bag_plans, bag_targets
from tiny_runs import make_set, quick

WEAK = [n for n in methods.names() if methods.get(n).bags]
ALL = ["labelled_only", *WEAK]


def go(manifest, out, methods=ALL, pairing="bag:4", **asked):
    return mtpkd.run(
        str(manifest), methods=methods, seeds=[0], config=quick(), pairing=pairing, out=out, progress=False, **asked
    )


def room_of(manifest, pairing="bag:4", folds=slice(None), **asked):
    plan = plan_experiment(manifest=str(manifest), methods=WEAK, seeds=[0], config=quick(), pairing=pairing, **asked)
    return open_context(plan, plan.folds[folds])


# transport inside bags


@pytest.mark.parametrize("n, m", [(2, 2), (5, 3), (3, 7), (8, 8)])
def test_plans_are_those_of_pot_whatever_stands_in_the_padding(n, m):
    torch.manual_seed(n * m)
    cost, b = torch.rand(n, m, dtype=torch.float64) * 4, torch.rand(m, dtype=torch.float64)
    wide, a_, b_ = torch.randn(10, 10, dtype=torch.float64) * 100, torch.zeros(10), torch.zeros(10, dtype=torch.float64)
    wide[:n, :m], a_[:n], b_[:m] = cost, 1.0, b
    plan = bag_plans(wide, a_, b_, 0.3, 2000)
    np.testing.assert_allclose(
        plan[:n, :m].numpy(),
        ot.sinkhorn(np.full(n, 1 / n), (b / b.sum()).numpy(), cost.numpy(), 0.3, stopThr=1e-13, numItermax=10000),
        atol=1e-9,
    )
    assert plan[n:].abs().sum() == 0 and plan[:, m:].abs().sum() == 0
    said = torch.rand(10, 4, dtype=torch.float64)
    np.testing.assert_allclose(bag_targets(wide, said, a_, b_, 0.3, 2000)[:n], n * plan[:n, :m] @ said[:m], atol=1e-12)


@pytest.mark.parametrize("seeds", [range(2), pytest.param(range(2, 10), marks=pytest.mark.slow)])
def test_a_small_eps_finds_the_best_permutation(seeds):
    for seed in seeds:
        torch.manual_seed(seed)
        cost = torch.rand(5, 5, dtype=torch.float64)
        best = min(permutations(range(5)), key=lambda p: sum(cost[i, j] for i, j in enumerate(p)))
        assert bag_plans(cost, torch.ones(5), torch.ones(5), 0.002, 20000).argmax(1).tolist() == list(best)


# losing pairs


@pytest.mark.parametrize("words", ["bag:3", "bag:subject", "lag:4,2", "none"])
def test_recordings_stay_in_their_bag_and_known_pairs_stay(words):
    s = synthetic(subjects=9, per_subject=26, missing=0.3)
    for fold in nested_folds(s, 3, labelled=24):
        loose = simulate_weak_pairing(parse_pairing(words), fold, s, 2.0)
        assert sorted(np.concatenate(loose.bags)) == sorted(fold.pool)
        others = np.setdiff1d(np.arange(len(s)), fold.pool)
        assert (loose.source[others] == others).all() and (loose.source[fold.pool] != fold.pool).any()
        for b in loose.bags:
            assert sorted(loose.source[b]) == sorted(b)
            assert words == "none" or len(set(s.subject[b])) == 1


def test_a_lag_shifts():
    s = synthetic(subjects=6, per_subject=30)
    fold = nested_folds(s, 3, labelled=12)[0]
    loose = simulate_weak_pairing(parse_pairing("lag:4"), fold, s, 2.0)
    for b in loose.bags:
        assert (loose.source[b] == np.roll(b, 2)).all() and (np.diff(b) > 0).all() and len(b) <= 5


# end to end


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_every_method_runs(tmp_path, kind):
    run = go(
        make_set(tmp_path / "set", kind, missing=dict(face=0.05, physio=0.2), protocol=dict(labelled_validation=8)),
        tmp_path / "run",
    )
    assert (
        set(ALL) <= set(run.summary["methods"])
        and np.isfinite(run.results.value).all()
        and np.isfinite(run.history.value).all()
    )
    columns = run.summary["task"].get("classes") or run.summary["task"]["names"]
    said = {m: p[columns].to_numpy() for m, p in run.predictions.groupby("method")}
    for name, fact in run.summary["fallback"].items():
        if fact["fell_back"]:  # the distilled student keeps the name of its schedule
            said[name] = next(values for row, values in said.items() if row.startswith(f"{name}:"))
    for i, a in enumerate(ALL):
        for b in ["student_only", *ALL[:i]]:
            assert not np.array_equal(said[a], said[b]), (a, b)
    found = run.pairing.assign(method=lambda t: t["method"].str.partition(":")[0])
    assert (
        set(found.method) == set(WEAK) - {"dist_align"}
        and found.mass.between(0, 1).all()
        and (tmp_path / "run" / "pairing.csv").exists()
    )
    mean = found[found.method == "bag_mean"]
    np.testing.assert_allclose(mean.mass, mean.chance, atol=1e-6)
    assert "Recovered pairs" in run.report().read_text()


@pytest.mark.parametrize("words", ["none", "lag:4,2"])
def test_other_pairings_run(tmp_path, words):
    path = make_set(tmp_path / "set")
    values = yaml.safe_load(path.read_text()) | {"hop_s": 2}
    path.write_text(yaml.safe_dump(values))
    run = go(path, tmp_path / "run", ["ot_pairing", "naive_pairs"], words)
    assert np.isfinite(run.results.value).all() and (len(run.pairing) > 0) == (words != "none")
    assert run.config["pairing"] == words


def test_faults_and_controls_are_named_here_too(tmp_path):
    "Weak pairs and faults of the protocol at once: bags are of the training part and of one subject, and the table of found pairs says how it was made"
    path = make_set(tmp_path / "set")
    plan = plan_experiment(
        manifest=str(path), methods=WEAK, seeds=[0], config=quick(), pairing="bag:4", protocol="clip_folds"
    )
    for f, l in zip(plan.folds, weak_pairings_of(plan.config, plan.manifest, plan.samples, plan.folds)):
        assert sorted(np.concatenate(l.bags)) == sorted(f.pool) and all(
            len(set(plan.samples.subject[b])) == 1 for b in l.bags
        )
    run = go(path, tmp_path / "run", protocol="released", set=["control=label_permutation"])
    for t in (run.pairing, pd.read_csv(tmp_path / "run" / "pairing.csv")):
        assert (
            len(t)
            and list(t)[-2:] == ["protocol", "control"]
            and t.protocol.str.startswith("released: ").all()
            and (t.control == "label_permutation").all()
        )
    assert not {"protocol", "control"} & {*go(path, tmp_path / "honest", ["ot_pairing"]).pairing}


def test_a_comparison_says_that_pairs_were_lost(tmp_path):
    "And a folder from before there was a word for it counts as paired"
    path = make_set(tmp_path / "set")
    weak, full, old = (
        go(path, tmp_path / "weak", ["kd"]),
        *(go(path, tmp_path / n, ["kd"], None) for n in ("full", "old")),
    )
    config = tmp_path / "old" / "experiment.yaml"
    config.write_text("".join(l for l in config.read_text().splitlines(True) if not l.startswith("pairing:")))
    assert compare(weak, full).attrs["settings"] == ["pairing: bag:4 and full"]
    assert compare(full, mtpkd.RunFolder(old.path)).attrs["settings"] == [] and compare(
        mtpkd.RunFolder(old.path), weak
    ).attrs["settings"] == ["pairing: full and bag:4"]


def test_a_weakly_paired_set(tmp_path):
    "The manifest says so: nobody knows the truth, labelled rows are those with known pairs, and full pairs cannot be had"
    s = synthetic(subjects=9, per_subject=12, classes=3)
    paired, bag = np.arange(len(s)) % 2 == 0, np.array([f"{w}-{i % 3}" for i, w in enumerate(s.subject)])
    path = save_set(
        tmp_path / "set",
        "loose",
        {n: s.arrays[n] for n in ("face", "physio")},
        s.target,
        s.task,
        s.subject,
        s.sample,
        roles=dict(face="prevalent", physio="privileged"),
        protocol=dict(folds=3, labelled=24, labelled_validation=12),
        bag=bag,
        paired=paired,
    )
    plan = plan_experiment(manifest=str(path), methods=["ot_pairing"], seeds=[0], config=quick())
    assert plan.config.pairing == "bag:bag" and all(paired[f.train].all() for f in plan.folds)
    run = go(path, tmp_path / "run", ["ot_pairing"], None)
    assert len(run.pairing) == 0 and np.isfinite(run.results.value).all()
    with pytest.raises(InputError, match="pairing full: loose is weakly paired, bag:bag; leave pairing out"):
        go(path, tmp_path / "x", pairing="full")


def test_the_truth_moves_nothing(tmp_path):
    "Privileged rows put in another order by hand, so that no truth is left, give every method the same bits"
    room = room_of(make_set(tmp_path / "set", missing=dict(physio=0.2)), folds=slice(1))
    source = room.weak_pairings[0].source
    arrays = {n: a if n == "face" else a[source] for n, a in room.samples.arrays.items()}
    other = replace(
        room,
        samples=replace(room.samples, arrays=arrays),
        weak_pairings=[replace(room.weak_pairings[0], source=np.arange(len(source)), known=False)],
        artifacts=ArtifactStore(),
    )
    for n in ALL:
        a, b = (get_student(r, get_method(n, r.config)) for r in (room, other))
        assert (a.validation == b.validation).all() and all(torch.equal(p, b.params[k]) for k, p in a.params.items()), n


def test_pool_labels_and_rows_outside_the_fold_move_nothing(tmp_path):
    room = room_of(make_set(tmp_path / "set"), folds=slice(1))
    fold, s = room.folds[0], room.samples
    target, arrays = s.target.copy(), {n: a.copy() for n, a in s.arrays.items()}
    target[fold.pool] = (target[fold.pool] + 1) % 3
    for a in arrays.values():
        a[fold.test] = 9.0
    other = replace(room, samples=replace(s, target=target, arrays=arrays), artifacts=ArtifactStore())
    for n in ALL:
        a, b = (get_student(r, get_method(n, r.config)) for r in (room, other))
        assert all(torch.equal(p, b.params[k]) for k, p in a.params.items()), n


def test_repeats_in_a_stack_are_repeats_alone(tmp_path):
    manifest = make_set(tmp_path / "set")
    together, alone = room_of(manifest), room_of(manifest, folds=slice(1, 2))
    for n in ALL:
        a, b = (get_student(r, get_method(n, r.config)) for r in (together, alone))
        for k, p in b.params.items():
            torch.testing.assert_close(a.params[k][1], p[0], atol=2e-4, rtol=1e-3, msg=lambda m: f"{n}: {m}")


class HostReads(TorchDispatchMode):
    READS = (
        torch.ops.aten._local_scalar_dense.default,
        torch.ops.aten.nonzero.default,
        torch.ops.aten.masked_select.default,
    )

    def __init__(self):
        super().__init__()
        self.n = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.n += func in self.READS
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", WEAK)
def test_no_step_reads_the_host(tmp_path, name):
    room = room_of(make_set(tmp_path / "set"), folds=slice(1))
    m, stack = get_method(name, room.config), build_students(room)
    loss = DistillationObjective(stage_spec(room, m), stack, room.table, room.folds)
    with HostReads() as counted:
        loss(1)[0].sum().backward()
    assert counted.n == 0


def test_label_budgets_of_weakly_paired_data(tmp_path):
    "Budgets make a curve; runs that lost other pairs are none"
    manifest = str(make_set(tmp_path / "set"))
    asked = dict(manifest=manifest, methods=["ot_pairing"], seeds=[0], config=quick(), progress=False)
    runs = learning_curve(labelled="16,24", out=tmp_path / "curve", pairing="bag:4", **asked)
    assert [r.summary["labelled"] for r in same_but_labels(runs)] == [16, 24] and {
        r.summary["pairing"] for r in runs
    } == {"bag:4"}
    other = mtpkd.run(labelled=24, out=tmp_path / "other", pairing="bag:3", **asked)
    assert same_but_labels([runs[0], other]) == []


# what is refused


@pytest.mark.parametrize(
    "asked, words",
    [
        (dict(pairing="bag:1"), "in bags of 1 row the pairing is known"),
        (dict(pairing="bag:sesion"), "no array 'sesion'"),
        (dict(pairing="bag:17"), "a bag has up to 17 rows, a batch 16 pool rows"),
        (dict(pairing="lag:4"), "how many seconds lie between two rows is unknown"),
        (dict(pairing="pairs"), "expected full, none, bag:KEY"),
        (dict(pairing="bag:sample"), "every bag has one row, so the pairing is known"),
        (dict(pairing="full"), "method ot_pairing is for weakly paired data"),
        (dict(labelled="all"), "about the unlabelled pool, and a fold has none"),
        (dict(set=["options.bag_mean.eps=.1"], methods="bag_mean"), "bag_mean has no plan inside bags"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path, asked, words):
    with pytest.raises(InputError) as e:
        go(make_set(tmp_path / "set"), tmp_path / "run", **dict(methods=["ot_pairing"]) | asked)
    assert words in str(e.value) and "\n" not in str(e.value) and not (tmp_path / "run").exists()


def test_a_lag_needs_subjects(tmp_path):
    with pytest.raises(InputError, match="the set names no subjects"):
        go(make_set(tmp_path / "set", alone=True), tmp_path / "run", ["ot_pairing"], "lag:4")


def test_the_watch_knows_how_far_apart_its_rows_are(root):
    m = load_manifest(root / "data_manifests" / "watch.yaml")
    assert (
        m.hop_s == 2 and mtpkd.experiments.settings.window_step(m.model_copy(update=dict(hop_s=None)), ("accel",)) == 1
    )


def test_a_graph_where_pairs_are_lost_is_of_privileged_recordings_alone(tmp_path):
    "Other faces leave the propagated labels as they are; other physiology, and labels of the pool, do what they should"
    manifest = make_set(tmp_path / "set", protocol=dict(labelled_validation=8))
    asked = dict(methods=["mtpkd_pairing", "mtpkd"], pairing="bag:4", seeds=[0], config=quick())
    plan = plan_experiment(manifest=str(manifest), **asked)
    method = get_method("mtpkd_pairing", plan.config)
    assert method.target == "graph" and get_method("mtpkd", plan.config).target == "refined_mean"

    def propagated(samples):
        return get_graph_target(open_context(replace(plan, samples=samples)), replace(method, gate=False))

    def with_other(name):
        array = np.random.default_rng(1).permutation(plan.samples.arrays[name])
        return replace(plan.samples, arrays=plan.samples.arrays | {name: array})

    own = propagated(plan.samples)
    assert own.used.all()
    assert torch.equal(propagated(with_other("face")).target, own.target)
    assert not torch.equal(propagated(with_other("physio")).target, own.target)
    target = plan.samples.target.copy()
    for fold in plan.folds[:1]:
        target[fold.pool] = 0
    hidden = propagated(replace(plan.samples, target=target)).target[0]
    known = torch.from_numpy(plan.folds[0].fit_rows)
    assert torch.equal(hidden[known], own.target[0][known])
