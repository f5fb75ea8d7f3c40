"""The benchmarks of the transport engine and of the methods' cost, the big table and the laboratory of the recipe: they run, with and without peers, and their tools measure what they say."""

import csv, importlib.util, itertools, json, os, subprocess, sys
from dataclasses import replace
import numpy as np, pandas as pd, pytest, torch, yaml
import mtpkd.core.config
import mtpkd.core.errors
import mtpkd.distillation.method_resolution
import mtpkd.distillation.methods
import mtpkd.distillation.objective
import mtpkd.distillation.students
import mtpkd.transport.geometry
import mtpkd.transport.sinkhorn
from mtpkd.core.config import ExperimentConfig
from mtpkd.core.errors import InputError
from mtpkd.distillation.method_resolution import get_method
from mtpkd.distillation.methods import candidate_schedules, differ_by_more_than_pool, schedules
from mtpkd.execution.sweep_file import Cell
from mtpkd.execution.sweep_folder import write_cells
from mtpkd.transport.geometry import anchor_clouds
from mtpkd.transport.sinkhorn import sinkhorn_divergence
from tiny_runs import make_set, quick, run_tiny


def load(root, name):
    "A script of benchmarks/ as a module, with that folder on the path as when it is run"
    spec = importlib.util.spec_from_file_location(f"bench_{name}", next((root / "benchmarks").glob(f"*/{name}.py")))
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as m:
        m.syspath_prepend(str(root / "benchmarks"))
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def bench(root):
    return load(root, "transport")


@pytest.fixture
def problem(bench):
    rng = np.random.default_rng(0)
    z_s, z_t = (torch.from_numpy(z).float() for z in bench.normal(rng, 2, 20, 64))
    return bench.Problem(*anchor_clouds(z_s, z_t, 5), 0.05)


def run(root, *options, path=()):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [*path, root])), "PYTHONWARNINGS": "ignore"}
    return subprocess.run(
        [sys.executable, root / "benchmarks" / "performance" / "transport.py", *map(str, options)],
        env=env,
        capture_output=True,
        text=True,
        timeout=900,  # one core, which other tests may share
    )


# the command


def test_it_runs_without_peers(root, tmp_path):
    "Absent peers are named and skipped; POT is a requirement and stays"
    for name in ("geomloss", "ott"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('absent')")
    done = run(root, "--quick", "--only", "step,core,reads", "--out", tmp_path / "rows.csv", path=[tmp_path])
    assert done.returncode == 0, done.stderr
    for peer in ("geomloss", "released", "OTT-JAX"):
        assert f"{peer}: not installed: pip install -e .[bench]" in done.stdout
    rows = list(csv.DictReader((tmp_path / "rows.csv").open()))
    timed = [r for r in rows if r["ratio"]]
    assert {r["peer"] for r in timed} == {"POT", "POT by hand"}
    for r in timed:
        assert (
            0 < float(r["low"]) <= float(r["ratio"]) <= float(r["high"])
            and float(r["peer_violation"]) <= 0.1
            and float(r["value_error"]) < 0.1
        )
    assert [r["reads"] for r in rows if r["what"] == "host reads"] == ["0"]
    assert "| what | against | data | T=1 |" in done.stdout and "torch " in done.stdout


def test_the_released_step_with_geomloss(bench, capsys, monkeypatch):
    pytest.importorskip("geomloss")
    monkeypatch.setattr(bench, "ROWS", [])
    bench.main(["--quick", "--only", "step"])
    first = bench.ROWS[0]
    assert first["violation"] < 1e-3 < first["peer_violation"] and first["low"] <= first["ratio"] <= first["high"]
    assert "| step, eps 0.01, B=24 | released | classes |" in capsys.readouterr().out


def test_blocks_beside_the_whole(bench, capsys, monkeypatch):
    monkeypatch.setattr(bench, "ROWS", [])
    bench.main(["--quick", "--only", "blocks"])
    assert bench.ROWS and all(r["ratio"] > 0 and -1 <= r["cosine"] <= 1 and r["loss_ratio"] > 0 for r in bench.ROWS)
    assert "gradient cosine" in capsys.readouterr().out


def test_unknown_parts_are_refused(bench, capsys):
    with pytest.raises(SystemExit) as stopped:
        bench.options(["--only", "cores"])
    assert (
        stopped.value.code == 2
        and "unknown: cores; known: step, stacked, promise, blocks, core" in capsys.readouterr().err
    )


# the cost of methods


@pytest.fixture(scope="module")
def costs(root):
    return load(root, "stacked_training")


def test_what_methods_cost(costs, tmp_path, capsys):
    rows = costs.main(
        [
            "--quick",
            "--data",
            str(make_set(tmp_path / "set", protocol=dict(labelled_validation=6))),
            "--out",
            str(tmp_path / "rows.csv"),
        ]
    )
    assert {(r["method"], r["time"]) for r in rows} == {
        (m, t) for m in ("student_only", "kd") for t in ("alone", "added")
    }
    for r in rows:
        assert (
            r["repeats"] == 4
            and 0 < r["low"] <= r["seconds"] <= r["high"]
            and 0 < r["over_one_low"] <= r["over_one"] <= r["over_one_high"]
        )
        assert r["per_repeat"] == r["over_one"] / 4 and (r["over_student"] == 1 or r["method"] == "kd")
    out = capsys.readouterr().out
    assert "| data | method | 4 repeats over 1, alone |" in out and "| `kd` |" in out and "torch " in out
    stored = list(csv.DictReader((tmp_path / "rows.csv").open()))
    assert len(stored) == 4 and all(r["versions"].startswith("torch ") for r in stored)


def test_ratios_of_made_up_times(costs):
    times = dict(
        student_only=dict(alone=[(1.0, 5.0), (1.0, 7.0), (2.0, 6.0)]),
        kd=dict(alone=[(2.0, 10.0), (2.0, 12.0), (4.0, 16.0)]),
    )
    base, kd = costs.as_rows("x", 25, times)
    assert (base["seconds"], base["low"], base["high"], base["over_one"], base["over_student"]) == (6, 5, 7, 5, 1)
    assert (kd["seconds"], kd["over_one"], kd["over_student"], kd["per_repeat"]) == (12, 5, 2, 0.2)


def test_what_is_added_leaves_the_room_as_it_was(costs, tmp_path):
    "Teachers stay, the method's own student is trained again"
    plan = costs.plan_experiment(
        manifest=str(make_set(tmp_path / "set", protocol=dict(labelled_validation=6))),
        methods=["kd"],
        seeds=[0],
        folds=2,
        config=costs.TINY,
    )
    room, trained = costs.open_context(plan, plan.folds[:2]), []
    costs.run_method(plan, room, "kd")
    before = dict(room.artifacts.items())
    take = mtpkd.distillation.objective.fit_stage
    with pytest.MonkeyPatch.context() as m:
        m.setattr(
            mtpkd.distillation.students, "fit_stage", lambda *args, **kw: trained.append(args[7]) or take(*args, **kw)
        )
        assert costs.again(plan, room, "kd") > 0
    assert trained == ["kd"] and {k: id(v) for k, v in room.artifacts.items()} == {k: id(v) for k, v in before.items()}


@pytest.mark.parametrize(
    "words, said",
    [
        ("--methods kdd", "unknown: kdd; known: student_only"),
        ("--folds 6", "6 folds x 5 seeds"),
        ("--turns 0", "at least one turn"),
    ],
)
def test_wrong_words_about_costs(costs, words, said, capsys):
    with pytest.raises(SystemExit) as stopped:
        costs.options(words.split())
    assert stopped.value.code == 2 and said in capsys.readouterr().err


# its tools


def test_the_paired_median_of_made_up_times(bench):
    found = bench.paired([(1.0, 4.0), (2.0, 6.0), (1.0, 10.0)])
    assert (found["ratio"], found["low"], found["high"]) == (4, 3, 10) and (found["ms"], found["peer_ms"]) == (
        1000,
        6000,
    )


def test_pairs_swap_their_order(bench, monkeypatch):
    seen = []
    monkeypatch.setattr(bench, "repeats", lambda act: 1)
    assert len(bench.pairs(lambda: seen.append("a"), lambda: seen.append("b"), 4)) == 4
    assert "".join(seen) == "abbaabba"


def test_the_violation_is_that_of_both_marginals(bench):
    plan = np.full((1, 2, 2), 0.25)
    assert bench.violation(plan) == 0
    plan[0, 0, 0] += 0.1  # one row and one column are .1 too heavy
    assert bench.violation(plan) == pytest.approx(0.2)


def test_the_coarsest_setting_is_found(bench):
    "A plan whose violation is 1/knob: the first knob with at most .01 is 100"
    build = lambda p, n: bench.Solver(None, lambda: np.full((1, 2, 2), 0.25) + np.array([[1 / n / 2, 0], [0, 0]]))
    for knobs in (range(1, 1000), (100, 200), (1, 100), tuple(range(1, 101))):
        assert bench.coarsest(bench.Path_("", "", tuple(knobs), build), None, 0.0100001)[0] == 100
    assert bench.coarsest(bench.Path_("", "", (1, 2), build), None, 0.01) is None


def test_the_rebuilt_released_loss(bench):
    "Against loops over rows, with a stand-in for the transport loss that sees every coordinate but not their order"
    rng = np.random.default_rng(1)
    z_s, z_t = (torch.from_numpy(z).float() for z in bench.classes(rng, 2, 12, 8))
    loss = lambda x, y: ((x - y) ** 2).sum() + (x * x).sum()
    got = bench.released_loss(z_s, z_t, 4, loss)
    for z, value in zip(z_t, got):
        s_t, s_s = (torch.nn.functional.cosine_similarity(v[:, None], v[None], dim=-1) for v in (z, z_s))
        s_t, s_s, total = s_t - s_t.min(), s_s - s_s.min(), 0.0
        for i in range(12):
            for j in sorted(range(12), key=lambda j: s_t[i, j])[:4]:
                total += (s_t[i, j] - s_s[i, j]) ** 2 + s_t[i, j] ** 2
        assert float(value) == pytest.approx(float(total), rel=1e-4)


def test_the_reference_agrees_with_the_engine(bench, problem):
    value, gradient = bench.reference(problem)
    y = problem.y.double().requires_grad_()
    own = sinkhorn_divergence(problem.x.double(), y, problem.eps, tol=1e-6)
    value_error, gradient_error = bench.errors(
        (own.value.detach(), torch.autograd.grad(own.value.sum(), y)[0]), (value, gradient)
    )
    assert value_error < 1e-6 and gradient_error < 1e-4


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("peer", ["mtpkd", "geomloss", "POT", "POT by hand", "OTT-JAX"])
def test_every_path_solves_the_same_problem(bench, problem, peer):
    "At a fine setting every contender has the value, the gradient and a plan with the right marginals"
    if peer in bench.MODULES and not bench.installed(peer):
        pytest.skip(f"{peer} is not installed")
    truth = bench.reference(problem)
    for p in [p for p in bench.PATHS if p.peer == peer][: 1 if peer == "OTT-JAX" else None]:  # compiles for seconds
        _, solver, violation = bench.coarsest(p, problem, 1e-3)
        value_error, gradient_error = bench.errors(solver.step(), truth)
        assert violation <= 1e-3 and value_error < 2e-2 and gradient_error < 2e-2, (
            p.label,
            value_error,
            gradient_error,
        )


# the big table, and the laboratory of the recipe


@pytest.fixture
def table(root, tmp_path, monkeypatch):
    "The script of the big table, with one tiny set of subjects and quick settings"
    module = load(root, "methods")
    monkeypatch.setattr(module, "SOURCES", dict(tiny=lambda folder, data: make_set(folder)))
    monkeypatch.setitem(
        module.TABLES, "verdicts", dict(tiny=("tiny", ["--folds", "3"], "student_only,kd,mtpkd,teacher_joint"))
    )
    settings = tmp_path / "quick.yaml"
    settings.write_text(yaml.safe_dump(quick()))
    monkeypatch.setattr(module, "frozen", lambda table, out: (settings, "0"))
    return module


def test_the_big_table(table, tmp_path, capsys):
    "It runs a set once, and its table is what the run folder says"
    out = tmp_path / "runs"
    assert table.main(["--out", str(out)]) == 0
    summary, made = mtpkd.RunFolder(out / "tiny").summary, (out / "tiny" / "summary.json").stat().st_mtime_ns
    assert (
        table.main(["--out", str(out), "--collect", str(tmp_path / "rows.csv")]) == 0
        and (out / "tiny" / "summary.json").stat().st_mtime_ns == made
    )
    rows = pd.read_csv(tmp_path / "rows.csv").set_index("method")
    for method, m in summary["methods"].items():
        assert rows.loc[method, "mean"] == pytest.approx(m["mean"], abs=1e-6) and rows.loc[
            method, "diff"
        ] == pytest.approx(m["diff"], abs=1e-6)
    assert (
        set(rows.subjects) == {9}
        and set(rows.labelled) == {24}
        and rows.fell_back["mtpkd"] == summary["fallback"]["mtpkd"]["fell_back"]
    )
    against = next(c for c in summary["comparisons"] if (c["a"], c["b"]) == ("mtpkd", "kd"))
    assert (
        rows.mtpkd_minus["kd"] == pytest.approx(against["diff"], abs=1e-6)
        and "9 subjects, 24 labelled" in capsys.readouterr().out
    )


def test_rows_of_other_sets_stay(root, tmp_path):
    "The published table without one set, and that set's rows again: the same file"
    table, published = load(root, "methods"), pd.read_csv(root / "results" / "verdicts.csv")
    for name in published.set.unique()[[0, 2, -1]]:
        own = published.set == name
        path = tmp_path / f"{name}.csv"
        published[~own].to_csv(path, index=False)
        again = table.with_other_sets(published[own], path)
        pd.testing.assert_frame_equal(again.reset_index(drop=True), published, check_dtype=False)
        again = table.with_other_sets(published[own], root / "results" / "verdicts.csv")
        assert len(again) == len(published), "rows that are there are replaced"
    lost_pairs = pd.read_csv(root / "results" / "verdicts_pairing.csv")
    with pytest.raises(InputError, match="the other of the two tables"):
        table.with_other_sets(lost_pairs, root / "results" / "verdicts.csv")


def test_the_big_table_refuses(root, tmp_path, capsys):
    table = load(root, "methods")
    for words, said in ((["--sets", "wach"], "unknown set 'wach'"), (["--sets", "ceap"], "needs --data")):
        with pytest.raises(SystemExit):
            table.options(words)
        assert said in capsys.readouterr().err
    with pytest.raises(InputError, match="holds no finished run"):
        table.main(["--out", str(tmp_path), "--collect", str(tmp_path / "rows.csv")])
    with pytest.raises(InputError, match="give --data the folder"):
        table.stressid(tmp_path, tmp_path)


def test_scores_within_a_subject(root):
    "z-scored features have mean 0 and sd 1 within each subject"
    x = load(root, "methods").by_subject(np.random.default_rng(0).normal(3, 2, (60, 4)), np.repeat([0, 1, 2], 20))
    for part in x.reshape(3, 20, 4):
        np.testing.assert_allclose([part.mean(0), part.std(0)], [[0] * 4, [1] * 4], atol=1e-5)


def test_every_variant_of_the_recipe_changes_it(root):
    recipe = load(root, "recipe_ablation")
    for part in recipe.PARTS:
        listed, known = recipe.variants(part), schedules(ExperimentConfig())
        what = []  # schedules of two names may be the same
        for _, name, _, m in listed:
            what.append((replace(m, name="", schedule=""), known[m.schedule], recipe.SETTINGS.get(name)))
        assert all(a != b for i, a in enumerate(what) for b in what[:i]) and len({n for _, n, *_ in listed}) == len(
            listed
        )
        if part != "pairing":
            kind = recipe.KINDS.get(part, part)
            config = ExperimentConfig(pairing="bag:8" if "pair" in part else "")
            shipped = get_method(f"{recipe.RECIPES[part]}:{recipe.SCHEDULE[part]}", config, kind)
            assert next(m for _, n, _, m in listed if n == "base") == shipped


def test_weak_methods_are_at_their_best(root):
    "What is shipped for weakly paired data is the variant that came out best in the published rows of the laboratory"
    rows, listed = (
        pd.read_csv(root / "results" / "recipe_pairing.csv").set_index("variant")["mean"],
        load(root, "recipe_ablation").variants("pairing"),
    )
    for name in ("ot_pairing", "naive_pairs", "bag_mean", "labelled_only", "dist_align"):
        best = max(
            (m for g, _, _, m in listed if g == name), key=lambda m: rows[next(n for _, n, _, o in listed if o is m)]
        )
        config = ExperimentConfig(pairing="bag:8")
        assert replace(best, name=name, schedule="default") == get_method(name, config), "but for the schedule"
        tried = candidate_schedules(config, "classification")
        same_but_for_the_pool = differ_by_more_than_pool(config, (*tried, best.schedule))
        assert same_but_for_the_pool == differ_by_more_than_pool(config, tried), "which every run chooses for itself"


def test_the_published_variants_are_those_of_the_script(root):
    recipe = load(root, "recipe_ablation")
    for part in recipe.PARTS:
        rows = pd.read_csv(root / "results" / f"recipe_{part}.csv", keep_default_na=False)
        assert {(r.group, r.variant, r.what) for r in rows.itertuples()} == {
            (g, n, w) for g, n, w, _ in recipe.variants(part)
        }


def test_the_laboratory_runs(root, tmp_path, capsys):
    recipe = load(root, "recipe_ablation")
    recipe.main(["--quick", "--part", "regression", "--only", "joint,x1_pool64", "--out", str(tmp_path / "rows.csv")])
    rows = pd.read_csv(tmp_path / "rows.csv").set_index("variant")
    assert (
        list(rows.index) == ["base", "joint", "x1_pool64"]
        and rows["diff"].isna().tolist() == [True, False, False]
        and set(rows.repeats) == {5}
    )
    assert rows["diff"]["joint"] == pytest.approx(rows["mean"]["joint"] - rows["mean"]["base"], abs=1e-3)
    with pytest.raises(SystemExit):
        recipe.main(["--only", "jiont"])


def test_the_laboratory_on_test_rows(root, tmp_path, monkeypatch):
    "The score of a variant is that of `mtpkd run` under the same settings and seeds"
    recipe = load(root, "recipe_ablation")
    out = tmp_path / "rows.csv"
    recipe.main(["--quick", "--test", "synthetic", "--only", "balance", "--out", str(out)])
    rows = pd.read_csv(out).set_index("variant")
    assert list(rows.index) == ["base", "balance"] and set(rows.part) == {"test_synthetic"}
    settings = yaml.safe_load((root / "benchmarks" / "quality" / "methods.yaml").read_text())["settings"]
    small = ["schedule.steps=4", "teachers.steps=4", "teachers.ensemble=1"]
    asked = dict(config=settings, seeds=list(recipe.SEEDS[:1]), set=small, methods="mtpkd:pool96,student_only")
    manifest = recipe.manifest_of("targets", tmp_path / "set", "synthetic")
    run = mtpkd.run(manifest, **asked, out=tmp_path / "run")
    assert rows["mean"]["base"] == pytest.approx(run.summary["methods"]["mtpkd:pool96"]["mean"], abs=1e-4)


def test_the_growth_of_label_propagation(root, capsys):
    load(root, "label_propagation").main(["--quick"])
    assert "600 rows: graph" in capsys.readouterr().out


# how often a verdict is significant where there is nothing to find


@pytest.mark.slow
def test_false_alarms_in_a_stack_are_those_of_single_runs(root, tmp_path):
    "A run that is trained in one stack with another has the p and the difference of a run folder of its own"
    alarms = load(root, "false_alarms")
    case = alarms.Case("noise", "redrawn")
    rows = {method: (p, diff) for run, method, p, diff in alarms.study_runs(range(2), case) if run == 1}
    samples = alarms.null_samples(case, 1)
    plan = alarms.first_plan(case)
    protocol = dict(folds=plan.config.folds, labelled=plan.config.labelled, metric=plan.metric)
    protocol["labelled_validation"] = plan.config.labelled_validation
    parts = samples.arrays, samples.target, samples.task, samples.subject, samples.sample
    roles = dict(face="prevalent", physio="privileged")
    manifest = mtpkd.save_set(tmp_path / "set", "null", *parts, roles=roles, protocol=protocol)
    found = mtpkd.run(
        str(manifest),
        methods=alarms.METHODS,
        seeds=case.seeds(1),
        config=alarms.SMALL,
        out=tmp_path / "run",
        progress=False,
    )
    for method in alarms.METHODS:
        row = found.summary.methods[method]
        assert rows[method] == pytest.approx((row.p, row.diff), abs=1e-6), method


def test_false_alarms_by_null(root):
    "Under `noise` only the better side is a false alarm, under `permuted` both are"
    alarms = load(root, "false_alarms")
    p, diff = [0.01, 0.02, 0.03, 0.5], [0.1, -0.1, -0.2, 0.3]
    verdicts = pd.DataFrame(dict(run=range(4), method="kd", p=p, diff=diff))
    (noise,) = alarms.rates(alarms.Case("noise", "fixed"), verdicts)
    (permuted,) = alarms.rates(alarms.Case("permuted", "fixed"), verdicts)
    assert (noise["significant"], noise["better"], noise["false_alarms"], noise["rate"]) == (3, 1, 1, 0.25)
    assert (permuted["significant"], permuted["false_alarms"], permuted["rate"]) == (3, 3, 0.75)
    assert noise["low"] < noise["rate"] < noise["high"]
    assert "significant and better (25.0%" in alarms.describe(noise)
    assert "significant and worse 2" in alarms.describe(noise)
    assert "significant on either side (75.0%" in alarms.describe(permuted)


@pytest.mark.slow
def test_the_study_of_false_alarms_runs(root, tmp_path, capsys):
    "Two runs in a process of its own, and the table"
    words = "--runs 2 --null permuted --design fixed --out".split()
    done = subprocess.run(
        [sys.executable, root / "benchmarks" / "quality" / "false_alarms.py", *words, tmp_path / "rows.csv"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    rows = pd.read_csv(tmp_path / "rows.csv").set_index("method")
    assert list(rows.index) == load(root, "false_alarms").METHODS
    assert set(rows.runs) == {2} and rows.rate.tolist() == (rows.false_alarms / 2).tolist()
    assert "only significant and better is false there" in done.stdout


@pytest.mark.parametrize("words, said", [("--runs 0", "--runs is 0"), ("--null nothing", "invalid choice")])
def test_wrong_words_about_false_alarms(root, words, said, capsys):
    with pytest.raises(SystemExit) as stopped:
        load(root, "false_alarms").options(words.split())
    assert stopped.value.code == 2 and said in capsys.readouterr().err


# what the cache of features saves


def test_clips_a_second(root, tmp_path):
    "Every way of decoding cuts out the same pictures, or the benchmark itself stops; a ratio is that of the two rates beside it"
    pytest.importorskip("av")
    pytest.importorskip("cv2")
    rows = {r["what"]: r for r in load(root, "features").decoding_part(tmp_path, 1, 64, 24, 1)}
    rate = lambda way: rows[f"{way}, 24 frames of 64 px"]["value"]
    for peer in ("OpenCV, every frame read", "OpenCV, frames between grabbed"):
        assert rows[f"mtpkd over {peer}"]["value"] == pytest.approx(rate("mtpkd") / rate(peer)) and rate(peer) > 0


@pytest.mark.slow
def test_what_the_cache_saves(root, tmp_path):
    pytest.importorskip("av")
    pytest.importorskip("torchvision")
    done = subprocess.run(
        [
            sys.executable,
            root / "benchmarks" / "performance" / "features.py",
            "--quick",
            "--only",
            "epoch,memory",
            "--out",
            tmp_path / "rows.csv",
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    rows = pd.read_csv(tmp_path / "rows.csv").set_index("what").value
    assert (
        rows["ratio"] == pytest.approx(rows["backbone every time"] / rows["cached features"], rel=1e-3)
        and rows["40 clips"] < rows["4 clips"] + 60
    ), "decoded, the clips between would be 160 MiB"


def test_a_schedule_for_every_repeat(root, tmp_path, capsys):
    "Of every repeat the candidate with the best inner validation, read off the run folder by hand"
    choice = load(root, "schedule_choice")
    config = quick(schedules=["default", "long_mixup", "pool96_short"])
    run_tiny(make_set(tmp_path / "set"), tmp_path / "run", "student_only,kd,mtpkd", (0, 1), config=config)
    out = tmp_path / "rows.csv"
    choice.main([str(tmp_path / "run"), "--out", str(out)])
    rows = pd.read_csv(out).set_index("method")
    results = pd.read_csv(tmp_path / "run" / "results.csv").set_index(["method", "seed", "fold"])["value"]
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    candidates = {"kd": ["default", "long_mixup", "pool96_short"], "student_only": ["default", "long_mixup"]}
    for method, names in candidates.items():
        best = []
        for seed, fold in itertools.product((0, 1), range(3)):
            of_repeat = history[(history.seed == seed) & (history.fold == fold) & (history.name == "validation")]
            final = [of_repeat[of_repeat.method == f"{method}:{name}"]["value"].iloc[-1] for name in names]
            best.append(results[f"{method}:{names[int(np.argmax(final))]}", seed, fold])
        assert rows["for_each_repeat"][method] == pytest.approx(np.mean(best), abs=1e-4)
        assert rows["for_the_run"][method] == pytest.approx(results[method].mean(), abs=1e-4)
        assert rows["candidates"][method] == len(names)
    assert rows["candidates"]["mtpkd"] == 4, "the student alone is one of them"
    before = out.read_text().splitlines()
    (tmp_path / "run").rename(tmp_path / "other")
    choice.main([str(tmp_path / "other"), "--out", str(out)])
    after = out.read_text().splitlines()
    assert after[: len(before)] == before and len(after) == 2 * len(before) - 1, "rows of other sets stay"


def test_ablations_are_paired_with_the_whole_method(root, tmp_path, capsys):
    "Three runs of a sweep, made here: differences by hand, and a folder whose first run is missing"
    table, folder = load(root, "mtpkdot_ablation"), tmp_path / "sweep"
    manifest = make_set(tmp_path / "set")
    changes = [{}, {"methods": "mtpkdot,mtpkdot:no_ot"}, {"student.start": "random"}]
    cells, config = [], quick(schedules=["default"])
    for key, change in zip("abc", changes):
        requested = dict(methods="mtpkdot") | change
        cells.append(Cell(key, key, requested, {}))
        settings = [f"{name}={value}" for name, value in change.items() if name != "methods"]
        run_tiny(manifest, folder / key, requested["methods"], (0, 1), config=config, settings=settings)
        (folder / key / "run.ipynb").write_text("{}")
    write_cells(folder / "cells.jsonl", cells)
    (folder / "sweep.yaml").write_text("{}")
    (folder / "journal.jsonl").write_text("".join(json.dumps(dict(event="done", cell=key)) + "\n" for key in "bca"))
    table.main([str(folder), "--out", str(tmp_path / "rows.csv")])
    rows = pd.read_csv(tmp_path / "rows.csv", keep_default_na=False, na_values={"whole_minus": ""})
    assert rows["method"].tolist() == ["mtpkdot", "mtpkdot:no_ot", "mtpkdot"]
    assert rows["change"].tolist() == ["", "", "student.start=random"] and rows["whole_minus"].isna().tolist()[0]
    whole = pd.read_csv(folder / "a" / "results.csv").query("method == 'mtpkdot'")["value"].mean()
    assert rows["whole_minus"].tolist()[1:] == pytest.approx((rows["mean"] - whole).tolist()[1:], abs=1e-4)
    (folder / "journal.jsonl").write_text(json.dumps(dict(event="done", cell="b")))
    with pytest.raises(InputError, match="the first run, with which all others are compared, is not finished"):
        table.main([str(folder)])


def test_the_level_of_the_tests_runs(root, tmp_path, capsys):
    "Exchangeable methods; a method that sees more is found out"
    level = load(root, "test_level")
    rows = pd.DataFrame(level.main(["--runs", "2", "--out", str(tmp_path / "rows.csv")]))
    assert set(rows.test) == {"corrected_t", "bootstrap"} and set(rows.labels) == {"few", "pool", "all"}
    samples = level.simulated(0, 1.0)
    first, second = samples.arrays.values()
    spread = [array.std() for array in (first, second)]
    assert spread[0] == pytest.approx(spread[1], rel=0.2) and not np.allclose(first, second)
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patch:
        noise = np.random.default_rng(0).normal(size=second.shape).astype("float32")
        samples.arrays["second"][:] = noise
        patch.setattr(level, "simulated", lambda run, sd: samples)
        p, _ = level.p_value(level.Design(5, 5, "all"), 0, 1.0)
    assert p < 0.01


def test_ideas_beside_the_recipe(root, tmp_path, capsys):
    "Two ideas and what they are compared with; none is the recipe itself"
    script = load(root, "recipe_ideas")
    listed = script.ideas()
    assert len({(idea.source, replace(idea.method, name=""), idea.settings) for idea in listed}) == len(listed)
    names = [idea.name for idea in listed]
    assert all(idea.against in ("", *names[: names.index(idea.name) + 1]) for idea in listed)
    published = pd.read_csv(root / "results" / "recipe_ideas.csv", keep_default_na=False)
    assert [(r.group, r.variant, r.what) for r in published.itertuples()] == [(i.group, i.name, i.what) for i in listed]
    out = tmp_path / "rows.csv"
    script.main(["--quick", "--only", "second_round,full_student", "--out", str(out)])
    rows = pd.read_csv(out).set_index("variant")
    assert list(rows.index) == ["base", "second_round", "full_base", "full_student"]
    gain = rows["mean"]["second_round"] - rows["mean"]["base"]
    assert rows["diff"]["second_round"] == pytest.approx(gain, abs=1e-3)
    with pytest.raises(SystemExit):
        script.main(["--only", "secnd_round"])


@pytest.mark.slow
def test_the_script_for_a_gpu_runs_on_a_processor(root, tmp_path):
    script, out = root / "benchmarks" / "performance" / "gpu.py", tmp_path / "gpu.csv"
    command = [sys.executable, script, "--device", "cpu", "--quick", "--out", out]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(out.open()))
    assert {row["part"] for row in rows} == {"parity", "step", "run", "prepare"}
    named = [row for row in rows if row["note"].startswith(("left out", "cpu left out"))]
    assert {row["part"] for row in named if row["engine"] == "triton" or row["graph"] == "auto"} == {"parity", "run"}
    assert all(float(row["gradient_error"]) < 1e-3 for row in rows if row["part"] == "parity" and row not in named)


@pytest.mark.slow
def test_a_film_streams(root, tmp_path):
    script, out = root / "benchmarks" / "performance" / "stream.py", tmp_path / "stream.csv"
    command = [sys.executable, script, "--minutes", "0.2", "--encoders", "frames_tcn", "--size", "32", "--out", out]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    (row,) = csv.DictReader(out.open())
    assert int(row["windows"]) == 11 and float(row["frames_a_second"]) > 0
