"""Faults of the released code, turned on by name: each changes what it is about and nothing else, and no table of such a run is silent about it."""

import csv, json, re
from dataclasses import replace
import numpy as np, pandas as pd, pytest
import mtpkd.cli.main
import mtpkd.core.errors
import mtpkd.core.provenance
import mtpkd.distillation.method_resolution
import mtpkd.distillation.students
import mtpkd.execution.notebooks
import mtpkd.experiments.comparison
import mtpkd.experiments.plan
import mtpkd.experiments.run_folder
import mtpkd.experiments.scoring
import mtpkd.reporting.report
from mtpkd.evaluation.summary import parse_summary
from mtpkd.cli.main import main
from mtpkd.experiments.comparison import compare
from mtpkd.core.provenance import FAULTS, provenance_columns, SHARED_BACKBONES
from mtpkd.core.errors import InputError
from mtpkd.distillation.method_resolution import get_method
from mtpkd.distillation.students import get_student
from mtpkd.experiments.plan import plan_experiment
from mtpkd.experiments.scoring import open_context
from mtpkd.experiments.run_folder import RunFolder
from tiny_runs import make_set, quick

WITHOUT_STAGE_0 = tuple(fault for fault in FAULTS if fault != SHARED_BACKBONES)
ALL = "released: clip_folds, test_epoch, batch_attention, drop_last"
RUNS = {
    "honest": dict(),
    **{f: dict(protocol=f) for f in WITHOUT_STAGE_0},
    "released": dict(protocol="released"),
    "control": dict(set=["control=shuffled_teacher"]),
    "both": dict(protocol=["drop_last", "test_epoch"], set=["control=label_permutation"]),
}
SAYS = {
    "honest": "",
    **{f: f"released: {f}" for f in WITHOUT_STAGE_0},
    "released": ALL,
    "control": "control: shuffled_teacher",
    "both": "released: test_epoch, drop_last; control: label_permutation",
}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return str(make_set(tmp_path_factory.mktemp("set")))


@pytest.fixture(scope="module")
def runs(manifest, tmp_path_factory):
    "The same tiny experiment by every protocol; three looks at validation, batches of 12"
    out = tmp_path_factory.mktemp("runs")
    config = quick(schedule=dict(steps=9, evaluate=3))
    return {
        name: mtpkd.run(
            manifest, methods="kd,mtpkdot", seeds=[0, 1], config=config, out=out / name, progress=False, **how
        )
        for name, how in RUNS.items()
    }


def said(run, method="student_only"):
    return run.predictions[run.predictions.method == method].set_index(["seed", "fold", "sample"]).sort_index()


def bits(run, method="student_only"):
    return said(run, method)[run.summary["task"]["classes"]]


def at_last(run, method="student_only"):
    m = run.metrics[(run.metrics.method == method) & (run.metrics.checkpoint == "last") & run.metrics.fold.notna()]
    return m.groupby(["seed", "fold", "metric"]).value.first()


# each fault alone


def test_clip_folds_share_subjects(manifest):
    honest, clips = (
        plan_experiment(manifest=manifest, seeds=[0], config=quick(), protocol=p) for p in ("honest", "clip_folds")
    )
    both = lambda plan: [
        {*plan.samples.subject[f.test]} & {*plan.samples.subject[np.r_[f.fit_rows, f.val]]} for f in plan.folds
    ]
    assert not any(both(honest)) and all(both(clips))
    for f in clips.folds:
        assert not {*f.test} & {*f.fit_rows, *f.val} and not {*f.val} & {*f.fit_rows}, "rows are still apart"
    assert (
        sorted(np.concatenate([f.test for f in clips.folds])) == list(range(90))
        and replace(clips.config, protocol="honest") == honest.config
    )


def test_the_epoch_is_the_best_on_the_test_fold(runs):
    honest, peeked = runs["honest"], runs["test_epoch"]
    assert (
        set(peeked.results.checkpoint) == {"best_test"}
        and (peeked.predictions["sample"] == honest.predictions["sample"]).all()
    )
    assert at_last(peeked).equals(at_last(honest)), "training itself is the same to the last bit"
    looks = (
        peeked.history.query("method == 'student_only' and stage == 'student' and name == 'validation'")
        .groupby(["seed", "fold"])
        .value
    )
    best = peeked.results.query("method == 'student_only'").set_index(["seed", "fold"]).value.sort_index()
    np.testing.assert_allclose(best, looks.max().sort_index(), atol=1e-9)
    assert (looks.size() == 3).all() and (best > at_last(honest).xs("balanced_accuracy", level="metric")).any()
    assert peeked.summary["student_only_schedule"] == honest.summary["student_only_schedule"], (
        "schedules are chosen on inner validation"
    )


@pytest.mark.parametrize("protocol, depends", [("honest", False), ("test_epoch", False), ("batch_attention", True)])
def test_who_else_is_in_the_batch(protocol, depends, manifest):
    plan = plan_experiment(manifest=manifest, seeds=[0], config=quick(), protocol=protocol)
    room = open_context(plan)
    learner = get_student(room, get_method("student_only", plan.config))
    ask = lambda rows: [o.logits for o in learner.outputs(room.table, [np.asarray(rows)] * len(plan.folds))]
    alone, company, others = (ask(rows) for rows in ([5], [5, *range(40, 50)], [5, *range(60, 70)]))
    moved = max(abs(a[:1] - b[:1]).max() for a, b in zip(company, others))
    assert (moved > 1e-3) == depends and (moved < 1e-5) != depends
    assert (max(abs(a[:1] - b[:1]).max() for a, b in zip(alone, company)) > 1e-3) == depends


def test_attention_across_the_batch_changes_no_fold(runs):
    honest, mixed = runs["honest"], runs["batch_attention"]
    pd.testing.assert_frame_equal(
        mixed.results.iloc[:, :4].drop(columns="metric"), honest.results.iloc[:, :4].drop(columns="metric")
    )
    for c in ("n_train", "n_pool", "n_val", "n_test", "steps", "checkpoint"):
        assert mixed.results[c].equals(honest.results[c])
    assert not bits(mixed).equals(bits(honest)) and bits(mixed).index.equals(bits(honest).index)


def test_the_last_batch_is_dropped(runs):
    honest, short = runs["honest"], runs["drop_last"]
    assert set(honest.results.n_test) == {30} and set(short.results.n_test) == {24}, "two batches of 12"
    for m in honest.summary["methods"]:
        mine = bits(short, m)
        assert len(mine) == 6 * 24 and mine.equals(bits(honest, m).loc[mine.index]), (
            "what is evaluated is the same to the last bit"
        )
    lost = bits(honest).index.difference(bits(short).index)
    assert len(lost) == 6 * 6


@pytest.mark.parametrize("protocol", ["test_epoch", "batch_attention", "released"])
def test_every_method_can_be_trained_with_faults(protocol, manifest, tmp_path):
    run = mtpkd.run(
        manifest,
        methods="self_training,kd,pkdot,mtpkdot,mtpkd,fitnets,kd_best,kd_crossfit,student_all_labels,teacher_joint,teacher_physio",
        seeds=[0],
        config=quick(),
        protocol=protocol,
        out=tmp_path / "run",
        progress=False,
    )
    assert run.results.value.notna().all()


def test_a_regression_too(tmp_path):
    run = mtpkd.run(
        str(make_set(tmp_path / "set", "regression")),
        methods="mtpkdot,mtpkd",
        seeds=[0],
        config=quick(),
        protocol="released",
        out=tmp_path / "run",
        progress=False,
    )
    assert run.results.value.notna().all() and set(run.results.protocol) == {ALL}


# no table is silent


def tables(run):
    return [p for pattern in ("*.csv", "*.parquet") for p in run.path.glob(pattern)]


@pytest.mark.parametrize("name", RUNS)
def test_every_table_says_so(name, runs):
    run, found = runs[name], tables(runs[name])
    assert {p.name for p in found} == {
        "results.csv",
        "metrics.csv",
        "history.csv",
        "teachers.csv",
        "transfer.csv",
        "calibration.csv",
        "predictions.parquet",
    }
    for p in found:
        table = pd.read_csv(p) if p.suffix == ".csv" else pd.read_parquet(p)
        assert {c: set(table[c]) for c in ("protocol", "control") if c in table} == {
            k: {v} for k, v in provenance_columns(run.summary).items()
        }, p.name
    assert list(run.results)[
        :12
    ] == "method,fold,seed,metric,value,n_train,n_pool,n_val,n_test,steps,checkpoint,seconds".split(",")
    assert (
        "; ".join(v if k == "protocol" else f"{k}: {v}" for k, v in provenance_columns(run.summary).items())
        == SAYS[name]
    )
    assert run.summary["protocol"] == (provenance_columns(run.summary).get("protocol") or "honest") and run.summary[
        "control"
    ] == provenance_columns(run.summary).get("control", "")


def captions(page):
    "What is written above every table of a report, but for the glossary at its foot, which has no numbers"
    body = page[page.rindex("</style>") :].partition('<div id="words">')[0]
    return re.findall(r"<table[^>]*>(?:<caption>(.*?)</caption>)?", body)


@pytest.mark.parametrize("name", RUNS)
def test_every_table_of_the_report_says_so(name, runs, tmp_path):
    page = runs[name].report(tmp_path / "report.html").read_text()
    body = page[page.rindex("</style>") :]
    heads = captions(page)
    assert len(heads) >= 4 and set(heads) == {SAYS[name]}
    assert (
        ("test data were not looked at before the end" in body) == (name == "honest") == ("Made on purpose" not in body)
    )
    assert name == "honest" or f"({SAYS[name]})</title>" in page


def test_many_runs_in_one_report(runs, tmp_path):
    from mtpkd.reporting.report import report

    page = report([runs["honest"], runs["clip_folds"]], tmp_path / "two.html").read_text()
    head = page[page.index('<div id="together"') :]
    assert "<caption>released: clip_folds</caption>" in head and "tiny (released: clip_folds)</th>" in head


@pytest.fixture
def command(monkeypatch, capfd):
    "The command without papermill"
    monkeypatch.setattr(
        mtpkd.execution.notebooks, "execute", lambda asked, out: mtpkd.run(**asked, out=out, progress=False).report()
    )

    def _command(*words):
        code = main([str(w) for w in words])
        return code, capfd.readouterr().out

    return _command


def test_what_the_command_prints(command, manifest, runs, tmp_path):
    (tmp_path / "quick.yaml").write_text(json.dumps(quick()))
    words = ["run", "--manifest", manifest, "--methods", "kd", "--seeds", "0", "--config", tmp_path / "quick.yaml"]
    for name, more in {
        "honest": [],
        "clip_folds": ["--protocol", "clip_folds"],
        "both": ["--protocol", "test_epoch,drop_last", "--set", "control=label_permutation"],
    }.items():
        code, out = command(*words, *more, "--out", tmp_path / name)
        assert code == 0 and (out.startswith(SAYS[name] + "\n") if SAYS[name] else out.startswith("balanced_accuracy"))
    code, out = command(*words, "--protocol", "drop_last", "--labelled", "24,40", "--out", tmp_path / "curve")
    assert code == 0 and out.startswith("released: drop_last\n")
    rows = list(csv.DictReader((tmp_path / "curve" / "learning_curve.csv").open()))
    assert {r["protocol"] for r in rows} == {"released: drop_last"}
    page = (tmp_path / "curve" / "report.html").read_text()
    assert set(captions(page)) == {"released: drop_last"}
    code, out = command(*words, "--protocol", "drop_last", "--dry-run", "--out", tmp_path / "dry")
    assert code == 0 and "protocol: released: drop_last" in out


def test_comparisons_name_both_protocols(command, runs, tmp_path):
    honest, peeked = (str(runs[n].path) for n in ("honest", "test_epoch"))
    code, out = command("compare", peeked, honest, "--out", tmp_path / "pairs.csv")
    assert code == 0 and out.startswith("first: released: test_epoch, second: honest\n")
    assert {(r["protocol_a"], r["protocol_b"]) for r in csv.DictReader((tmp_path / "pairs.csv").open())} == {
        ("released: test_epoch", "honest")
    }
    code, out = command("compare", honest, honest)
    assert code == 0 and "released" not in out and "protocol" not in out
    command("compare", honest, str(runs["control"].path), "--out", tmp_path / "pairs.html")
    assert "<caption>honest minus control: shuffled_teacher</caption>" in (tmp_path / "pairs.html").read_text()


@pytest.mark.parametrize("name", ["clip_folds", "drop_last", "released"])
def test_other_test_rows_are_not_paired(name, runs):
    with pytest.raises(
        InputError, match=rf"cannot be paired.*by the same protocol \({SAYS[name]} there, honest here\)"
    ):
        compare(runs[name], runs["honest"])


def test_older_folders_are_honest(runs):
    "A folder that was written before there were protocols does not name one"
    old = RunFolder(runs["honest"].path)
    values = runs["honest"].summary.to_dict()
    old.summary = parse_summary({key: value for key, value in values.items() if key not in ("protocol", "control")})
    old.config = {k: v for k, v in runs["honest"].config.items() if k != "protocol"}
    table = compare(old, runs["honest"])
    assert table.attrs["settings"] == [] and table.attrs["protocols"] == ["honest"] * 2 and (table["diff"] == 0).all()


def test_a_run_with_faults_can_be_repeated_and_resumed(runs, tmp_path):
    again = mtpkd.run(
        manifest=None, config=runs["released"].path / "experiment.yaml", out=tmp_path / "again", progress=False
    )
    assert again.summary == runs["released"].summary
    resumed = mtpkd.run(
        manifest=None,
        config=runs["released"].path / "experiment.yaml",
        out=tmp_path / "again",
        resume=True,
        progress=False,
    )
    assert resumed.results.equals(again.results)
    with pytest.raises(InputError, match="holds another experiment"):
        mtpkd.run(
            manifest=None,
            config=runs["released"].path / "experiment.yaml",
            protocol="honest",
            set=["checkpoint=last", "fusion.name=tokens"],
            out=tmp_path / "again",
            progress=False,
        )
