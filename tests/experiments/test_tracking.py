"""MLflow and W&B hold the numbers of the run folder, each once: after the end, tracked again, and followed while it goes on."""

import importlib.util, json, os, platform, shutil, socket, subprocess, sys, time
from pathlib import Path
import pytest, yaml
import mtpkd
from mtpkd.core.files import folder_lock
from mtpkd.core.installation import install_command
from mtpkd.cli.main import main
from mtpkd.execution.sweep_file import Cell
from mtpkd.execution.sweep_folder import write_cells
from mtpkd.experiments.resume import save_part
from mtpkd.experiments.tables import MethodTables, TABLES
from mtpkd.reporting.folder_states import folder_state
from mtpkd.reporting.tracked_runs import collect
from mtpkd.reporting.tracker_stores import MLflowStore
from mtpkd.reporting.tracking import track_to
from fake_run_folder import FakeRun, write
from tiny_runs import make_set, quick


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


def finish(run, folder, page="<p>report</p>"):
    "What `mtpkd run` leaves; the report is its last file"
    shutil.copytree(run, folder, dirs_exist_ok=True)
    (folder / "journal.jsonl").write_text(
        '{"event": "method", "done": 1, "total": 4}\n{"event": "done", "done": 1, "total": 1}\n'
    )
    if page:
        (folder / "report.html").write_text(page)
        os.utime(folder / "report.html")


def silent(folder):
    "As if nothing had changed for an hour"
    for path in folder.iterdir():
        os.utime(path, (time.time() - 3600,) * 2)
    return folder


def killed(folder):
    "The lock of a process that does not run any more"
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    (folder / ".lock").write_text(f"process {process.pid} on {platform.node()}")
    return folder


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


def test_evaluations_of_a_run_that_goes_on_are_the_means_of_its_history(tmp_path):
    "The journal against the table at the end; the same points before the summary and after it"
    manifest = make_set(tmp_path / "set", subjects=6, protocol=dict(folds=2, labelled=15, labelled_validation=6))
    r = mtpkd.run(manifest, methods=["kd"], seeds=[0], config=quick(), out=tmp_path / "run", progress=False)
    points = points_of(r.path)
    live = {key: value for key, value in points.items() if key[0].startswith("live/")}
    for (name, step), value in live.items():
        _, stage, *_, curve = name.split("/")
        method = stage.replace(".", ":")
        rows = r.history.query("method == @method and stage == 'student' and name == @curve and step == @step")
        if len(rows):
            assert rows["value"].mean() == pytest.approx(value, rel=1e-12), name
    assert {f"live/{m}.default/validation" for m in ("kd", "student_only")} <= {name for name, _ in live}
    assert ("live/teacher_joint/loss", 6) in live
    (r.path / "summary.json").unlink()
    assert live.items() <= points_of(r.path).items() <= points.items()


# --- following to the end ------------------------------------------------------------------------------------------


def follow(folder, to, **how):
    return track_to([folder], to, follow=True, every=0.01, **how)


def as_sweep(run, folder, *cells):
    "A sweep of which these cells have a folder; each: a function of (run, folder of the cell), or None"
    folder.mkdir()
    keys = [f"{number:012x}" for number in range(len(cells))]
    for key, make in zip(keys, cells):
        if make:
            make(run, folder / key)
    (folder / "sweep.yaml").write_text("name: s\n")
    write_cells(folder / "cells.jsonl", [Cell(key, f"labelled={key}", {}, {}) for key in keys])
    (folder / "journal.jsonl").write_text("")
    return folder


def failed(run, folder):
    unfinished(run, folder)
    (folder / "journal.jsonl").write_text('{"event": "start"}\n{"event": "failed", "error": "kd diverged"}\n')
    return folder


def as_study(run, folder):
    folder.mkdir()
    (folder / "tune.yaml").write_text("tuning: {trials: 4}\n")
    return folder


@pytest.mark.parametrize(
    "name, make, words",
    [
        (
            "killed",
            lambda run, folder: silent(killed(unfinished(run, folder))),
            "nobody works on it; go on with --resume",
        ),
        ("left", lambda run, folder: silent(unfinished(run, folder)), "nobody works on it"),
        ("failed", failed, "failed has failed: kd diverged"),
        (
            "sweep",
            lambda run, folder: silent(killed(as_sweep(run, folder, unfinished, None))),
            "2 of 2 runs are not finished",
        ),
        (
            "study",
            lambda run, folder: silent(killed(as_study(run, folder))),
            "study is not finished, and nobody works on it",
        ),
    ],
)
def test_what_will_never_end_is_not_followed_for_ever(run, tmp_path, name, make, words):
    if name == "study":
        pytest.importorskip("optuna", reason='pip install -e ".[tune]"')
    folder = make(run, tmp_path / name)
    lines = follow(folder, str(tmp_path / "logs"))
    assert len(lines) == 1 and words in lines[0] and not (tmp_path / "logs").exists()


def test_what_is_held_or_has_just_changed_goes_on(run, tmp_path):
    "A held folder however long it is silent; a free one for a while; a finished one until its report is there"
    folder = unfinished(run, tmp_path / "run")
    assert not folder_state(folder).final
    with folder_lock(silent(folder)):
        assert folder_state(folder).name == "running"
        finish(run, folder)
        assert not folder_state(folder).final  # robustness, for one, is added before the report
    assert folder_state(folder).final
    (folder / "report.html").unlink()
    assert folder_state(folder) == ("finished", False, "")
    assert folder_state(silent(folder)).final  # mtpkd.run writes no report


def artefacts(to, folder):
    "Names and contents of the files of the entry of a folder in MLflow"
    store = MLflowStore(to.partition(":")[2])
    (entry,) = store.runs(collect(folder)[0])
    names = [file.path for file in store.client.list_artifacts(entry.info.run_id)]
    place = Path(store.client.download_artifacts(entry.info.run_id, ""))
    return entry.info.status, {name: (place / name).read_bytes() for name in names}


def test_the_report_arrives_though_it_comes_after_the_summary(run, to, tmp_path):
    folder = tmp_path / "late"
    finish(run, folder, page=None)
    said = []

    def write_report(line):
        said.append(line)
        (folder / "report.html").write_text("<p>late</p>")
        os.utime(folder / "report.html")

    follow(folder, to, report=write_report)
    status, files = artefacts(to, folder)
    assert status == "FINISHED" and files["report.html"] == b"<p>late</p>" and stored(to, folder) == [points_of(folder)]
    assert len(said) == 2 and "unchanged" in said[1] and said[1].endswith("files written: report.html")


def test_files_that_are_made_anew_arrive_and_others_are_left(run, to, tmp_path, capsys):
    folder = tmp_path / "anew"
    finish(run, folder)
    wandb = f"wandb:test@{tmp_path}" if importlib.util.find_spec("wandb") else None
    trackers = [to, wandb] if wandb else [to]
    for tracker in trackers:
        assert main(["track", str(folder), "--to", tracker]) == 0
    (folder / "report.html").write_text("<p>with embeddings</p>")
    capsys.readouterr()
    for tracker in trackers:
        for words in ("; files written: report.html\n", " values\n"):
            assert main(["track", str(folder), "--to", tracker]) == 0
            out = capsys.readouterr().out
            assert "unchanged" in out and words in out and out.count("files written") == words.count("files written")
    assert artefacts(to, folder)[1]["report.html"] == b"<p>with embeddings</p>"
    if wandb:
        (kept,) = tmp_path.glob("wandb/offline-run-*/files/report.html")
        assert kept.read_text() == "<p>with embeddings</p>"
        assert offline_rows(tmp_path) == {key: [value] for key, value in points_of(folder).items()}


def test_a_run_that_failed_is_no_running_one_in_mlflow(run, to, tmp_path):
    for make, status in ((failed, "FAILED"), (lambda run, f: silent(killed(unfinished(run, f))), "KILLED")):
        folder = make(run, tmp_path / status)
        follow(folder, to)
        assert artefacts(to, folder)[0] == status
    folder = tmp_path / "KILLED"
    (folder / ".lock").unlink()
    finish(run, folder)
    follow(folder, to)
    assert artefacts(to, folder)[0] == "FINISHED" and stored(to, folder) == [points_of(folder)]


# --- what --to names -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "to, words",
    [
        ("mlflw:http://127.0.0.1:9/x", "did you mean mlflow"),
        ("wandv@wb", "did you mean wandb"),
        ("weights:project", "no tracker is called 'weights'"),
        ("http://127.0.0.1:5000", "no tracker is called 'http'"),
        ("tensorboards", "did you mean tensorboard"),
        ("", "--to is empty"),
        ("  ", "--to is empty"),
        ("mlflow", "names no place"),
        ("wandb:a/b@c", "no name of a project"),
    ],
)
def test_what_names_no_tracker_becomes_no_folder(run, tmp_path, capsys, monkeypatch, to, words):
    monkeypatch.chdir(tmp_path)
    for more in ([], ["--follow"]):
        assert main(["track", str(run), "--to", to, *more]) == 2
        err = capsys.readouterr().err
        assert words in err and err.count("\n") == 1 and not [*tmp_path.iterdir()]


def test_a_project_need_not_be_named(run, tmp_path, capsys, monkeypatch):
    pytest.importorskip("wandb", reason='pip install -e ".[wandb]"')
    monkeypatch.chdir(tmp_path)
    assert main(["track", str(run), "--to", "wandb@kept/here"]) == 0
    assert "wandb sync kept/here/wandb/offline-run-*" in capsys.readouterr().out
    assert offline_rows(tmp_path / "kept" / "here") and [p.name for p in tmp_path.iterdir()] == ["kept"]


@pytest.mark.parametrize("to", ["mlflow:store", "wandb@store", "store"])
def test_no_store_is_made_for_a_folder_that_is_none(tmp_path, capsys, monkeypatch, to):
    pytest.importorskip(to.partition(":")[0].partition("@")[0] if to != "store" else "tensorboard")
    monkeypatch.chdir(tmp_path)
    assert main(["track", "nothing", "--to", to]) == 2
    assert "nothing" in capsys.readouterr().err and not [*tmp_path.iterdir()]


@pytest.mark.parametrize("answers", ["refuses", "is silent"])
def test_a_server_that_does_not_answer_is_given_up(run, capsys, monkeypatch, answers):
    "One that refuses the connection, and one that takes it and says nothing"
    pytest.importorskip("mlflow", reason='pip install -e ".[mlflow]"')
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if answers == "is silent":
            server.listen()
        began = time.monotonic()
        assert main(["track", str(run), "--to", f"mlflow:http://127.0.0.1:{server.getsockname()[1]}"]) == 2
    err = capsys.readouterr().err
    assert "cannot be opened" in err.splitlines()[-1] and time.monotonic() - began < 60
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "1" and "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ


def test_a_server_that_breaks_off_is_one_line(run, to, tmp_path, capsys, monkeypatch):
    "What it has taken is completed by the next call, without doubles"
    mlflow = pytest.importorskip("mlflow", reason='pip install -e ".[mlflow]"')
    finish(run, folder := tmp_path / "broken")

    def broken(self, *args, **more):
        raise mlflow.MlflowException("502 bad gateway")

    with monkeypatch.context() as patched:
        patched.setattr(mlflow.MlflowClient, "log_artifact", broken)
        assert main(["track", str(folder), "--to", to]) == 1
    err = capsys.readouterr().err
    (line,) = [line for line in err.splitlines() if " INFO " not in line]  # MLflow reports that it makes its tables
    assert "502 bad gateway" in line and "call mtpkd track again" in line
    assert main(["track", str(folder), "--to", to]) == 0
    assert stored(to, folder) == [points_of(folder)] and "report.html" in artefacts(to, folder)[1]


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
