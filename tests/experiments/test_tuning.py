"""Tuning: no test row decides, equal budgets, a study that was killed ends as an undisturbed one, its comparison uses test
rows once, and a method that was tuned beside rivals that were not is marked so."""

import json, os, re, shutil, signal, subprocess, sys, time
from collections import Counter
from dataclasses import replace
import nbformat
import numpy as np, pandas as pd, pytest, yaml
import mtpkd
from mtpkd.api import tune
from mtpkd.cli.main import main
from mtpkd.core.errors import InputError, RunError
from mtpkd.core.installation import install_command
from mtpkd.execution.workers import job_answer
from mtpkd.core.config import to_yaml
from mtpkd.experiments.study import (
    checked_values,
    chosen_settings,
    claim_tune_folder,
    open_studies,
    run_rounds,
    TuneFolder,
)
from mtpkd.distillation.method_resolution import get_method
from mtpkd.distillation.students import get_student
from mtpkd.experiments.scoring import open_context
from mtpkd.experiments.trials import check_tuning, held_out_rows, plan_trial, row_name, train_trial, trial_folds
from mtpkd.experiments.tuning import read_tune
from mtpkd.experiments.unread_settings import reads_setting
from tiny_runs import make_set, quick

optuna = pytest.importorskip("optuna", reason='Optuna is not installed: pip install -e ".[tune]"')

FAST = dict(schedule=dict(steps=4, evaluate=2, batch=8, pool_batch=8), teachers=dict(steps=2, ensemble=1))
RATE = {"schedule.lr": dict(low=5e-4, high=2e-2, log=True)}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuned")
    make_set(folder / "one", subjects=6, protocol=dict(folds=2, labelled=15, labelled_validation=6))
    (folder / "quick.yaml").write_text(yaml.safe_dump(quick(**FAST)))
    return folder


def write(data, name="tune", **changes):
    fixed = dict(manifest="one/manifest.yaml", config="quick.yaml", seeds=0)
    values = dict(methods=["kd"], trials=3, round=2, fixed=fixed, space=dict(all=RATE))
    path = data / f"{name}.yaml"
    path.write_text(yaml.safe_dump(values | changes, sort_keys=False))
    return path


@pytest.fixture(scope="module")
def undisturbed(data):
    return tune(write(data), data / "undisturbed", progress=False)


def tables(folder):
    "What must not depend on kills: trials, chosen settings, predictions"
    study = TuneFolder(folder)
    predictions = study.comparison.predictions
    return study.trials, study.best, predictions, study.comparison.results.drop(columns="seconds")


def same(first, second):
    for a, b in zip(tables(first), tables(second)):
        if isinstance(a, pd.DataFrame):
            pd.testing.assert_frame_equal(a, b)
        else:
            assert a == b


def test_a_study_and_its_page(undisturbed):
    trials, page = undisturbed.trials, (undisturbed.path / "report.html").read_text()
    assert trials.groupby(["method", "fold"]).size().tolist() == [3, 3] and trials["chosen"].sum() == 2
    for _, part in trials.groupby("fold"):
        best = part.loc[part["validation"].idxmax(), "trial"]
        assert part.loc[part["chosen"], "trial"].tolist() == [best]
    assert undisturbed.comparison.summary.tuned == dict(kd=3, student_only=0)
    assert "student_only were not tuned" in page and "not tuned" in page and "optimiser steps" in page
    assert len(optuna.get_all_study_names(f"sqlite:///{undisturbed.path / 'study.db'}")) == 2


def test_test_rows_are_used_once_and_after_the_last_trial(undisturbed):
    predictions = undisturbed.comparison.predictions
    counts = Counter(zip(predictions["method"], predictions["seed"], predictions["sample"]))
    assert set(counts.values()) == {1} and len(counts) == 2 * 60
    events = [json.loads(line) for line in (undisturbed.path / "journal.jsonl").read_text().splitlines()]
    started = [event["cell"] for event in events if event["event"] == "start"]
    kinds = [json.loads((undisturbed.path / "trials" / f"{key}.json").read_text())["state"] for key in started]
    assert kinds == ["complete"] * 6 + ["compared"] * 3 and len({*started}) == 9


@pytest.mark.slow
def test_the_settings_that_were_chosen_are_those_of_the_comparison(undisturbed, data):
    "A fold of the comparison is the run that the library gives with these settings"
    entry = undisturbed.best[0]
    folder = data / "again"
    arguments = dict(config=data / "quick.yaml", seeds=[0], set=entry["settings"], progress=False)
    run = mtpkd.run(data / "one" / "manifest.yaml", methods=["kd"], out=folder, **arguments)
    fold = undisturbed.trials["fold"].iloc[0]  # noqa: F841, in the queries
    ours = undisturbed.comparison.predictions.query("method == 'kd' and fold == @fold").reset_index(drop=True)
    theirs = run.predictions.query("method == 'kd' and fold == @fold").reset_index(drop=True)
    pd.testing.assert_frame_equal(ours, theirs)


@pytest.mark.slow
def test_a_killed_study_ends_as_an_undisturbed_one(undisturbed, data):
    "Killed after its first trial, in another number of processes"
    kill_and_resume(data / "tune.yaml", data / "killed", [1], jobs=2)
    same(undisturbed.path, data / "killed")


def kill_and_resume(path, out, results, jobs):
    "Run a study, kill it as soon as each of these numbers of results is there, and let it end"
    program = "from mtpkd.cli.main import main; raise SystemExit(main())"
    command = [sys.executable, "-c", program, "tune", str(path), "--out", str(out), "--jobs", str(jobs)]
    for wanted in results:
        process = subprocess.Popen([*command, "--resume"], start_new_session=True, stderr=subprocess.DEVNULL)
        end = time.time() + 300
        while len(list((out / "trials").glob("*.json"))) < wanted and time.time() < end and process.poll() is None:
            time.sleep(0.02)
        assert process.poll() is None, "the study ended before it was killed"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert main(["tune", str(path), "--out", str(out), "--jobs", str(jobs), "--resume"]) == 0


def test_planted_leaks_are_refused(data):
    plan = plan_trial(dict(manifest=str(data / "one" / "manifest.yaml"), config=quick(**FAST), seeds=[0]), ["kd"], {})
    folds, held_out = trial_folds(plan), held_out_rows(plan)
    test = plan.folds[0].test
    leaks = [
        plan.folds[0],
        replace(folds[0], val=test),
        replace(folds[0], val=np.append(folds[0].val, test[0])),
        replace(folds[0], pool=np.append(folds[0].pool, test[0])),
        replace(folds[0], test=test),
    ]
    for leak in leaks:
        with pytest.raises(InputError, match="judged on inner validation alone|expected none"):
            train_trial(plan, "kd", [leak], held_out[:1])


def test_a_development_part_is_in_no_fold_of_the_comparison(data):
    budgets = dict(labelled=6, labelled_validation=3)
    arguments = dict(manifest=str(data / "one" / "manifest.yaml"), config=quick(**FAST), seeds=[0], **budgets)
    plan = plan_trial(arguments, ["kd"], {})
    part = sorted({*map(str, plan.samples.subject)})[:2]
    held_out = held_out_rows(plan, part)
    assert not {*part} & {*plan.samples.subject[held_out[0]]}
    leak = [replace(fold, val=held_out[0]) for fold in trial_folds(plan, part)]
    with pytest.raises(InputError, match="judged on inner validation alone"):
        train_trial(plan, "kd", leak, held_out)


@pytest.mark.parametrize(
    "changes, words",
    [
        (dict(space=dict(all={"schedule.rate": [1.0]})), "schedule.rate = 1.0 of kd is refused: unknown setting"),
        (dict(methods=["kdd"], space=dict(all=RATE)), "unknown method 'kdd'"),
        (dict(development=["s000", "nobody"]), "nobody is no subject"),
        (dict(fixed=dict(set=["control=shuffled_teacher"])), "compares honest runs"),
    ],
)
def test_what_is_wrong_is_known_before_the_first_trial(data, changes, words):
    spec = read_tune(write(data, "wrong", **changes))
    spaces = {method: checked_values(dimensions) for method, dimensions in spec.spaces.items()}
    with pytest.raises(InputError, match=words):
        check_tuning(spec.arguments, spec.methods, spaces, list(spec.development))


# a method, a setting, two of its values, and whether the students differ
READ = [
    ("student_only", "teachers.lr", 1e-3, 1e-1, False),
    ("student_only", "schedule.pool_batch", 8, 12, False),
    ("student_only", "student.tnet_lr", 1e-3, 1e-1, False),
    ("student_only", "student.tnet_scale", 0.5, 1.0, True),
    ("kd", "teachers.ensemble", 1, 2, False),
    ("kd", "student.start", "teacher", "random", False),
    ("kd", "schedule.pool_batch", 8, 12, True),
    ("fitnets", "options.fitnets.temperature", 1.0, 4.0, False),
    ("fitnets", "teachers.lr", 1e-3, 1e-1, True),
    ("fgw", "ot.blur", 0.1, 0.5, False),
    ("fgw", "ot.alpha", 0.1, 0.9, True),
    ("self_training", "teachers.lr", 1e-3, 1e-1, False),
    ("self_training", "teachers.ensemble", 1, 2, True),
    ("mtpkd", "ot.k", 2, 5, False),
    ("mtpkd", "teachers.modality_dropout", 0.1, 0.8, True),
    ("pkdot", "self_distillation.lr_joint", 1e-4, 1e-1, False),
    ("pkdot", "student.start", "teacher", "random", True),
    ("mtpkdot", "self_distillation.lr_joint", 1e-4, 1e-1, True),
    ("mtpkdot", "teachers.inner_folds", 2, 3, False),
]


@pytest.mark.parametrize("method, name, first, second, read", READ)
def test_what_a_method_reads_is_what_changes_its_students(data, method, name, first, second, read):
    "The declaration against students that were trained: to the bit the same where nothing reads the setting"
    arguments = dict(manifest=str(data / "one" / "manifest.yaml"), config=quick(**FAST), seeds=[0])
    students = []
    for value in (first, second):
        plan = plan_trial(arguments, [method], {name: value})
        context = open_context(plan, trial_folds(plan)[:1])
        resolved = get_method(row_name(plan, method), plan.config, "classification")
        students.append(get_student(context, resolved).params)
    assert reads_setting(resolved, name, plan.config, "classification") == read
    shapes = [{key: value.shape for key, value in params.items()} for params in students]
    same = shapes[0] == shapes[1] and all(students[0][key].equal(students[1][key]) for key in students[0])
    assert same == (not read)


@pytest.mark.parametrize(
    "space, words",
    [
        (dict(all={"teachers.modality_dropout": [0.1, 0.5]}), "modality_dropout changes nothing of kd, .*take it out"),
        (dict(all=RATE, kd={"options.pkdot.terms.ot": [0.1, 0.5]}), "since it is of pkdot; take it out"),
        (dict(all=RATE, kd={"options.kd.schedule": ["long", "default"]}), "options.kd.schedule changes nothing of kd"),
        (dict(kd=RATE, pkdot={"backbones.lr": [1e-3, 1e-2]}), "since backbones.train is false; take it out"),
        (dict(all=RATE, kd={"ot.blur": [0.1, 0.5]}), "ot.blur changes nothing of kd"),
        (dict(all=RATE | {"ot.blur": [0.1, 0.5]}), "of kd, which does not read it; name it under pkdot alone"),
        (dict(all=RATE | {"self_distillation.steps": [2, 4]}), "self_distillation.steps changes nothing of kd"),
        (dict(pkdot=RATE, all={"student.tnet_steps": [2, 4]}), "student.tnet_steps changes nothing of kd"),
    ],
)
def test_a_dimension_that_its_method_does_not_read_is_refused(data, space, words):
    spec = read_tune(write(data, "unread", methods=["kd", "pkdot"], space=space))
    spaces = {method: checked_values(dimensions) for method, dimensions in spec.spaces.items()}
    with pytest.raises(InputError, match=words):
        check_tuning(spec.arguments, spec.methods, spaces, [])


def test_what_has_to_stand_under_all_is_noted_where_a_method_does_not_read_it(data):
    spec = read_tune(
        write(data, "noted", methods=["kd", "pkdot"], space=dict(all=RATE | {"student.tnet_steps": [2, 4]}))
    )
    spaces = {method: checked_values(dimensions) for method, dimensions in spec.spaces.items()}
    notes = check_tuning(spec.arguments, spec.methods, spaces, [])["notes"]
    assert notes == ["space: student.tnet_steps changes nothing of kd, which does not read it"]


def test_a_wrong_file_is_one_line(data, tmp_path, capsys):
    path = write(data, "wrong", space=dict(kd={"schedule.steps": [2, 4]}))
    assert main(["tune", str(path), "--out", str(tmp_path / "out")]) == 2
    err = capsys.readouterr().err
    assert "changes what a trial costs" in err and err.count("\n") == 1 and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "changes, words",
    [
        (dict(space=dict(all={"most_rows": [100, 200]})), "most_rows defines the experiment"),
        (dict(space=dict(all={"ot.engine": ["torch", "fused"]})), "ot.engine defines the experiment"),
        (dict(untuned="student_only, student_only"), "named twice"),
        (dict(out=5), "out: expected a folder, got 5"),
    ],
)
def test_what_no_study_may_ask_for(data, changes, words):
    with pytest.raises(InputError, match=words):
        read_tune(write(data, "wrong", **changes))


class StoppingPool:
    "Workers of which none survives its job"

    def __init__(self, kind):
        self.kind, self.keys = kind, []

    def submit(self, key, call, args):
        self.keys.append(key)

    def poll(self):
        keys, self.keys = self.keys, []
        return [(key, dict(error="its process was killed by signal 9", kind=self.kind)) for key in keys]


@pytest.mark.parametrize("kind, state", [("machine", None), ("late", "failed"), ("input", "failed"), ("run", "failed")])
def test_a_trial_counts_as_failed_only_where_its_settings_are_to_blame(data, tmp_path, kind, state):
    spec = read_tune(write(data, "stopped"))
    spaces = {method: checked_values(dimensions) for method, dimensions in spec.spaces.items()}
    checked = check_tuning(spec.arguments, spec.methods, spaces, [])
    studies = open_studies(spec, checked, tmp_path)
    if state is None:
        with pytest.raises(RunError, match="was stopped, not by its settings: .* signal 9; go on with --resume"):
            run_rounds(StoppingPool(kind), studies, tmp_path, 1, False)
        assert not any(study.trials for study in studies)
        return
    run_rounds(StoppingPool(kind), studies, tmp_path, 1, False)
    assert {trial.state.name for study in studies for trial in study.trials} == {"FAIL"}


def test_another_study_is_refused_in_its_folder(undisturbed, data, capsys):
    assert main(["tune", str(data / "tune.yaml"), "--out", str(undisturbed.path)]) == 2
    assert "add --resume" in capsys.readouterr().err
    other = write(data, "other", trials=4)
    assert main(["tune", str(other), "--out", str(undisturbed.path), "--resume"]) == 2
    assert "holds another study" in capsys.readouterr().err


@pytest.mark.parametrize(
    "first, other",
    [
        ([0.0005, 0.02], dict(low=0.0005, high=0.02)),
        ([0.0005, 0.02], [0.02, 0.0005]),
        (dict(low=0.0005, high=0.02), dict(low=0.0005, high=0.02, log=True)),
        ([0.0005, 0.02, "log"], dict(low=0.0005, high=0.02, log=True)),
        ([1, 3], dict(low=1, high=3)),
    ],
)
def test_another_space_is_another_study(data, tmp_path, first, other):
    "Two values, their order, bounds, and bounds on a logarithmic scale"

    def facts(values):
        spec = read_tune(write(data, "space", space=dict(all={"schedule.lr": values})))
        return dict(tuning=yaml.safe_load(to_yaml(spec.facts())))

    claim_tune_folder(tmp_path / "study", facts(first), False)
    (tmp_path / "study").mkdir(exist_ok=True)
    (tmp_path / "study" / "tune.yaml").write_text(to_yaml(facts(first)))
    claim_tune_folder(tmp_path / "study", facts(first), True)
    with pytest.raises(InputError, match="holds another study .*schedule.lr"):
        claim_tune_folder(tmp_path / "study", facts(other), True)


def test_whole_numbers_and_real_ones_are_other_spaces():
    facts = [
        read_tune(dict(methods=["kd"], space=dict(all={"ot.k": dict(low=low, high=9)}))).facts() for low in (2, 2.0)
    ]
    assert facts[0] != facts[1]


def test_a_number_that_yaml_reads_as_text_is_a_number(data):
    path = write(data, "texts")
    text = path.read_text().replace("0.0005", "5e-4").replace("0.02", "2E-2")
    text += "minutes: 1e2\n"
    path.write_text(text.replace("seeds: 0", "seeds: 0\n  schedule.weight_decay: 1e-3"))
    spec = read_tune(path)
    assert spec.spaces == read_tune(write(data, "numbers")).spaces and spec.minutes == 100
    plan = plan_trial(spec.arguments, ["kd"], {"schedule.lr": spec.spaces["kd"][0].low})
    assert (plan.config.schedule.weight_decay, plan.config.schedule.lr) == (1e-3, 5e-4)


DATABASE = "delete it and go on with --resume: it is made again from the folder trials"
TRIAL = "delete it and go on with --resume: this part of the study is run again"


@pytest.fixture
def copy_of_study(undisturbed, data, tmp_path):
    "A finished study to be damaged: its folder, and a function that opens it and runs what it lacks in no process"
    shutil.copytree(undisturbed.path, folder := tmp_path / "study")
    spec = read_tune(data / "tune.yaml")
    spaces = {method: checked_values(dimensions) for method, dimensions in spec.spaces.items()}
    checked = check_tuning(spec.arguments, spec.methods, spaces, [])

    def resume():
        run_rounds(StoppingPool("machine"), open_studies(spec, checked, folder), folder, 1, False)

    return folder, resume


@pytest.mark.parametrize("content", [lambda raw: raw[:100], lambda raw: raw[: len(raw) // 2], lambda raw: b"x" * 999])
def test_a_damaged_database_is_named(copy_of_study, content):
    folder, resume = copy_of_study
    database = folder / "study.db"
    database.write_bytes(content(database.read_bytes()))
    with pytest.raises(InputError, match=f"study.db is damaged .*; {DATABASE}"):
        resume()
    database.unlink()
    resume()  # with the results in the folder trials alone


@pytest.mark.parametrize(
    "content",
    [
        lambda text: text[:40],
        lambda text: "",
        lambda text: "[]",
        lambda text: text.replace("complete", "done"),
        lambda text: json.dumps(json.loads(text) | dict(value="high")),
        lambda text: json.dumps(json.loads(text) | dict(curve={"two": 1.0})),
    ],
)
def test_a_damaged_trial_is_named(copy_of_study, content):
    folder, resume = copy_of_study
    (folder / "study.db").unlink()
    trial = next(p for p in sorted((folder / "trials").glob("*.json")) if "complete" in p.read_text())
    trial.write_text(content(trial.read_text()))
    with pytest.raises(InputError, match=f"{trial.name} is damaged .*; {TRIAL}"):
        resume()


def test_a_damaged_study_is_one_line_and_the_remedy_leads_to_its_end(undisturbed, copy_of_study, data, capsys):
    folder, _ = copy_of_study
    command = ["tune", str(data / "tune.yaml"), "--out", str(folder), "--resume"]
    trial = next(p for p in sorted((folder / "trials").glob("*.json")) if "complete" in p.read_text())
    for path, words in ((folder / "study.db", DATABASE), (trial, TRIAL)):
        path.write_bytes(path.read_bytes()[:100])
        assert main(command) == 2
        err = capsys.readouterr().err
        assert words in err and err.count("\n") == 1
        path.unlink()
    assert main(command) == 0
    same(undisturbed.path, folder)


@pytest.mark.parametrize(
    "name, content, read",
    [
        ("trials.csv", b'a,b\n"1,2\n', lambda study: study.trials),
        ("cost.csv", b"\xff\xfe\x00", lambda study: study.cost),
        ("best.yaml", b"other: []\n", lambda study: study.best),
    ],
)
def test_a_damaged_table_of_a_study_is_named(undisturbed, tmp_path, name, content, read):
    shutil.copytree(undisturbed.path, folder := tmp_path / "study")
    (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name} is damaged .*; the study writes it again, with --resume"):
        read(TuneFolder(folder))


@pytest.mark.filterwarnings("error::UserWarning")  # Python 3.13 warns of databases that wait for the garbage collector
def test_choices_may_be_lists_and_mappings(tmp_path):
    "Optuna keeps them without a warning, and they come back as they were, from its database too"
    choices = dict(
        zip(("student.freeze", "options.kd.terms"), ([[], ["encoder"]], [dict(task=1.0), dict(logit_kd=1.0)]))
    )
    space = {name: list(values) for name, values in choices.items()}
    spec = read_tune(dict(methods=["kd"], space=dict(kd=space), trials=6, round=2))
    checked = dict(sign=1, tuned=[[0, 0]], compared=[[0, 0]])
    seen = []
    for number in range(6):
        (study,) = open_studies(spec, checked, tmp_path)
        cell = study.cell(number)
        seen.append(cell.requested)
        study.add(cell, dict(state="complete", value=0.1 * number))
    assert all(settings[name] in values for settings in seen for name, values in choices.items())
    assert chosen_settings([study], checked)[0]["settings"] == seen[-1]


def test_without_the_extra(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert main(["tune", str(data / "tune.yaml"), "--out", str(tmp_path / "out")]) == 2
    err = capsys.readouterr().err
    assert install_command("tune") in err and err.count("\n") == 1 and not (tmp_path / "out").exists()


@pytest.mark.slow
def test_twenty_trials_on_watch_killed_three_times(tmp_path):
    "Of kd and mtpkd, with pruning, on a development part of five subjects"
    part = [f"subject{number:02d}" for number in range(1, 6)]
    (tmp_path / "quick.yaml").write_text(yaml.safe_dump(quick(schedule=dict(steps=12, evaluate=3))))
    fixed = dict(manifest="watch", labelled=60, folds=2, seeds=[0], config="quick.yaml")
    space = dict(
        all=RATE, mtpkd={"options.mtpkd.temperature": dict(low=1, high=4), "options.mtpkd.gate": [True, False]}
    )
    values = dict(methods=["kd", "mtpkd"], trials=20, development=part, fixed=fixed, space=space)
    (tmp_path / "tune.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    kill_and_resume(tmp_path / "tune.yaml", tmp_path / "undisturbed", [], 2)
    kill_and_resume(tmp_path / "tune.yaml", tmp_path / "killed", [7, 22, 41], 1)
    same(tmp_path / "undisturbed", tmp_path / "killed")
    trials = TuneFolder(tmp_path / "killed").trials
    assert trials.groupby("method").size().to_dict() == dict(kd=20, mtpkd=20)
    assert (trials["state"] == "pruned").any()


def test_memory_that_torch_does_not_find_is_the_machine_s():
    asked = dict(call="torch:empty", args=dict(size=[10**15]))
    assert job_answer(asked)["kind"] == "machine"
    assert job_answer(dict(call="torch:zeros", args=dict(size=["x"])))["kind"] == "run"


def test_the_file_in_the_guide_is_a_tuning_file(root):
    "Its space is one that trials can have, too"
    cells = nbformat.read(root / "nbs" / "docs" / "sweeps_and_clusters.ipynb", 4).cells
    (text,) = [block for cell in cells for block in re.findall(r"```yaml\n(# tune.yaml.*?)```", cell.source, re.S)]
    spec = read_tune(yaml.safe_load(text))
    assert spec.methods == ["kd", "mtpkd", "mtpkdot", "student_only"] and spec.round == 5
    spaces = {method: checked_values(dimensions) for method, dimensions in spec.spaces.items()}
    checked = check_tuning(dict(spec.arguments), spec.methods, spaces, [])
    assert len(checked["tuned"]) == len(checked["compared"]) == 5
