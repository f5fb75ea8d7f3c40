"""MLflow and W&B hold the numbers of the run folder, each once: after the end, tracked again, and followed while it goes on."""

import json, shutil, sys
from pathlib import Path
import pytest, yaml
from mtpkd.core.installation import install_command
from mtpkd.cli.main import main
from mtpkd.experiments.resume import save_part
from mtpkd.experiments.tables import MethodTables, TABLES
from mtpkd.reporting.tracked_runs import collect
from mtpkd.reporting.tracker_stores import MLflowStore
from mtpkd.reporting.tracking import track_to
from fake_run_folder import FakeRun, write


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write(FakeRun(), tmp_path_factory.mktemp("tracked") / "run")


@pytest.fixture(scope="module")
def to(tmp_path_factory):
    "One store of MLflow for all runs: to make its tables takes seconds"
    pytest.importorskip("mlflow", reason='pip install -e ".[mlflow]"')
    return f"mlflow:{tmp_path_factory.mktemp('store') / 'store'}"


def unfinished(run, folder):
    "The same run before its end: one method is done"
    folder.mkdir()
    shutil.copy(run / "experiment.yaml", folder)
    fake = FakeRun()
    tables = {name: getattr(fake, name).query("method == 'kd'").reset_index(drop=True) for name in TABLES}
    save_part(folder, "kd", 0, MethodTables(**tables, validation=[0.5]))
    (folder / "journal.jsonl").write_text('{"event": "method", "method": "kd", "done": 1, "total": 4}\n')
    return folder


def finish(run, folder):
    shutil.copytree(run, folder, dirs_exist_ok=True)
    (folder / "journal.jsonl").write_text(
        '{"event": "method", "done": 1, "total": 4}\n{"event": "done", "done": 1, "total": 1}\n'
    )


def points_of(folder):
    (tracked,) = collect(folder)
    return tracked.points


def test_the_points_are_the_numbers_of_the_folder(run):
    points, fake = points_of(run), FakeRun()
    for row in fake.results.itertuples():
        name = f"{row.method.replace(':', '.')}/test/{row.metric}/seed{row.seed}"
        assert points[name, row.fold] == pytest.approx(row.value, rel=1e-12)
    assert points["kd/verdict/mean", 0] == fake.summary.methods["kd"].mean
    assert any(name.startswith("kd/student/loss") for name, _ in points)


# --- MLflow --------------------------------------------------------------------------------------------------------


def stored(to, folder):
    "The points of all entries of a run folder in MLflow"
    store = MLflowStore(to.partition(":")[2])
    (tracked,) = collect(folder)
    return [store.stored(entry) for entry in store.runs(tracked)]


def test_mlflow_holds_the_same_numbers_once(run, to, capsys):
    assert main(["track", str(run), "--to", to]) == 0
    assert "values, new" in capsys.readouterr().out
    assert stored(to, run) == [points_of(run)]
    assert main(["track", str(run), "--to", to]) == 0
    assert "unchanged" in capsys.readouterr().out
    assert stored(to, run) == [points_of(run)]
    store = MLflowStore(to.partition(":")[2])
    (entry,) = store.runs(collect(run)[0])
    assert entry.data.params["seeds"] == json.dumps(yaml.safe_load((run / "experiment.yaml").read_text())["seeds"])
    assert {"verdict.md", "settings.yaml", "summary.json"} <= {
        f.path for f in store.client.list_artifacts(entry.info.run_id)
    }
    assert entry.info.status == "FINISHED" and (Path(to.partition(":")[2]) / "mlflow.db").is_file()


@pytest.mark.slow
def test_mlflow_follows_a_run_to_its_end(run, to, tmp_path):
    "What was there before is kept, what comes is added, nothing twice"
    folder = unfinished(run, tmp_path / "live")
    said = []

    def end_it(line):
        said.append((line, stored(to, folder)))
        if len(said) == 1:
            finish(run, folder)

    lines = track_to([folder], to, follow=True, every=0.1, report=end_it)
    (before,) = said[0][1]
    assert ("kd/verdict/mean", 0) not in before and before.items() <= points_of(folder).items() and before
    assert stored(to, folder) == [points_of(folder)] and "added to" in lines[0]


@pytest.mark.slow
def test_mlflow_replaces_what_was_computed_again(run, to, tmp_path, capsys):
    shutil.copytree(run, folder := tmp_path / "run")
    assert main(["track", str(folder), "--to", to]) == 0
    summary = json.loads((folder / "summary.json").read_text())
    summary["methods"]["kd"]["mean"] += 0.01
    (folder / "summary.json").write_text(json.dumps(summary))
    assert main(["track", str(folder), "--to", to]) == 0
    assert "1 values are others than before (the first: kd/verdict/mean); replaced" in capsys.readouterr().out
    assert stored(to, folder) == [points_of(folder)]


def test_a_store_that_cannot_be_opened_is_one_line(run, tmp_path, capsys):
    pytest.importorskip("mlflow", reason='pip install -e ".[mlflow]"')
    assert main(["track", str(run), "--to", f"mlflow:file://{tmp_path}/mlruns"]) == 2
    err = capsys.readouterr().err
    assert "cannot be opened" in err and err.count("\n") == 1


@pytest.mark.parametrize("to, module", [("mlflow:store", "mlflow"), ("wandb", "wandb")])
def test_without_the_extra(run, tmp_path, capsys, monkeypatch, to, module):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.chdir(tmp_path)
    assert main(["track", str(run), "--to", to]) == 2
    err = capsys.readouterr().err
    assert install_command(module) in err and err.count("\n") == 1 and not [*tmp_path.iterdir()]


# --- W&B -----------------------------------------------------------------------------------------------------------


def offline_rows(folder):
    "What the offline runs of W&B in a folder hold: (name, step) -> values, read from their log of records"
    from wandb.proto import wandb_internal_pb2

    found = {}
    for file in sorted(Path(folder).glob("wandb/offline-run-*/*.wandb")):
        for raw in log_records(file.read_bytes()):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(raw)
            items = {}
            for item in record.history.item:
                items["/".join(item.nested_key) or item.key] = json.loads(item.value_json)
            for name, value in items.items():
                if not name.startswith("_") and name != "mtpkd_step":
                    found.setdefault((name, items["mtpkd_step"]), []).append(value)
    return found


def log_records(data, block=32768, head=7):
    "The records of a log in the format of LevelDB after a head of seven bytes; a record may lie in several chunks"
    place, parts = head, []
    while place + 7 <= len(data):
        if block - place % block < 7:
            place += block - place % block
            continue
        length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        if not kind:
            break
        parts.append(data[place + 7 : place + 7 + length])
        place += 7 + length
        if kind in (1, 4):  # whole, or the last chunk
            yield b"".join(parts)
            parts = []


def test_wandb_holds_the_same_numbers_once(run, tmp_path, capsys):
    "Offline; live before the end, at the end, and tracked again"
    pytest.importorskip("wandb", reason='pip install -e ".[wandb]"')
    folder, to = unfinished(run, tmp_path / "live"), f"wandb:test@{tmp_path}"
    said = []

    def end_it(line):
        said.append(line)
        if len(said) == 1:
            finish(run, folder)

    track_to([folder], to, follow=True, every=0.1, report=end_it)
    expected = {key: [value] for key, value in points_of(folder).items()}
    assert offline_rows(tmp_path) == expected
    assert main(["track", str(folder), "--to", to]) == 0
    assert "unchanged" in capsys.readouterr().out and offline_rows(tmp_path) == expected
    summary = json.loads((folder / "summary.json").read_text())
    summary["methods"]["kd"]["mean"] += 0.01
    (folder / "summary.json").write_text(json.dumps(summary))
    assert main(["track", str(folder), "--to", to]) == 0
    assert "replaced" in capsys.readouterr().out
    assert offline_rows(tmp_path) == {key: [value] for key, value in points_of(folder).items()}
    assert len([*tmp_path.glob("wandb/offline-run-*")]) == 1
    assert [*tmp_path.glob("wandb/offline-run-*/files/verdict.md")]


# --- studies -------------------------------------------------------------------------------------------------------


def test_a_study_is_followed_by_its_trials(to, tmp_path):
    pytest.importorskip("optuna", reason='pip install -e ".[tune]"')
    from mtpkd.experiments.study import open_studies
    from mtpkd.experiments.tuning import Dimension, TuneSpec

    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "tune.yaml").write_text("tuning: {trials: 4}\n")
    spec = TuneSpec("t", folder, {}, dict(kd=(Dimension("schedule.lr", 1e-4, 1e-2),)), ("student_only",), trials=4)
    (study,) = open_studies(spec, dict(sign=1, tuned=[[0, 0]], compared=[[0, 0]]), folder)
    for number in range(4):
        study.add(study.cell(number), dict(state="complete", value=0.1 * number, curve={}))
        track_to([folder], to)
        assert stored(to, folder) == [{("kd-fold-0-seed-0/trial/complete", i): 0.1 * i for i in range(number + 1)}]
