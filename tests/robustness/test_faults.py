"""What happens to a run when something happens: killed at random moments, a full or a read-only disk, checkpoints cut or changed, a loss of NaN, two processes in one folder. Each
is one clear line, and what was finished is kept."""

import ast, errno, json, os, random, re, signal, subprocess, sys, time
from pathlib import Path
import pandas as pd, pytest, torch
import mtpkd.cli.main
import mtpkd.core.errors
import mtpkd.core.files
import mtpkd.distillation.students
import mtpkd.experiments.resume
import mtpkd.reporting.report
import mtpkd.reporting.sentences
import mtpkd.training.checkpoint
from mtpkd.distillation.artifacts import ArtifactStore, SelfDistilledKey, StudentKey, TeacherKey, TNetKey
import mtpkd.training.loop
import mtpkd.training.trainer
from mtpkd.cli.main import main
from mtpkd.core.errors import InputError, RunError
from mtpkd.reporting.report import report
from mtpkd.reporting.limits import describe_diverged
from tiny_runs import make_set, quick


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return make_set(
        tmp_path_factory.mktemp("set"), subjects=6, protocol=dict(folds=3, labelled=15, labelled_validation=6)
    )


def go(manifest, out, methods=("kd",), resume=False, **config):
    return mtpkd.run(
        manifest, methods=list(methods), seeds=[0], config=quick(**config), out=out, resume=resume, progress=False
    )


@pytest.fixture(scope="module")
def whole(manifest, tmp_path_factory):
    "An undisturbed run, and how many steps its optimisers took"
    with pytest.MonkeyPatch.context() as m:
        seen = stop_after(m, 10**9)
        return go(manifest, tmp_path_factory.mktemp("whole") / "run", ["kd", "mtpkdot"]), seen[0]


def same(a, b):
    for t in ("results", "metrics", "history", "teachers"):
        pd.testing.assert_frame_equal(*(getattr(r, t).drop(columns="seconds", errors="ignore") for r in (a, b)))
    pd.testing.assert_frame_equal(a.predictions, b.predictions)


def one_line(e):
    assert "\n" not in str(e) and len(str(e)) < 600
    return str(e)


# stopped in the middle of a stage


def stop_after(monkeypatch, updates, error=KeyboardInterrupt):
    "Save at every evaluation, and stop at the given update"
    seen, real = [0], mtpkd.training.trainer.optimiser_step

    def counted(trainer):
        seen[0] += 1
        if seen[0] == updates:
            raise error
        return real(trainer)

    monkeypatch.setattr(mtpkd.training.checkpoint, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    monkeypatch.setattr(mtpkd.training.loop, "optimiser_step", counted)
    return seen


@pytest.mark.parametrize("share", [0.1, 0.4, 0.7, 1])
def test_a_stopped_stage_goes_on_where_it_was(share, manifest, whole, tmp_path, monkeypatch):
    undisturbed, total = whole
    updates = max(5, int(share * total))
    with monkeypatch.context() as m:
        stop_after(m, updates)
        with pytest.raises(KeyboardInterrupt):
            go(manifest, tmp_path / "run", ["kd", "mtpkdot"])
    assert list((tmp_path / "run" / "checkpoints" / "training").rglob("*.safetensors")) and not list(
        (tmp_path / "run").rglob("*.tmp")
    )
    with monkeypatch.context() as m:
        seen = stop_after(m, 10**9)
        done = go(manifest, tmp_path / "run", ["kd", "mtpkdot"], resume=True)
    assert seen[0] <= total - updates + 4, "at most the steps since the last evaluation are done twice"
    same(done, undisturbed)
    assert not (tmp_path / "run" / "checkpoints" / "training").exists()


def test_every_stage_has_a_file_of_its_own_and_finds_it_again(tmp_path):
    def files():
        store = mtpkd.training.checkpoint.CheckpointStore(tmp_path)
        artifacts = ArtifactStore(store), ArtifactStore(store).of_control("shuffled_teacher")
        keys = [TeacherKey("kd"), TeacherKey("kd", 1), StudentKey("kd"), SelfDistilledKey(), TNetKey()]
        places = []
        for own in artifacts:
            for key in keys:
                own.get_or_compute(key, lambda checkpoint: places.extend([checkpoint().path, checkpoint(0).path]))
        return places

    assert len(set(files())) == 20 and files() == files()


def some_stage(manifest, tmp_path, monkeypatch):
    with monkeypatch.context() as m:
        stop_after(m, 5)
        with pytest.raises(KeyboardInterrupt):
            go(manifest, tmp_path / "run")
    return next((tmp_path / "run" / "checkpoints" / "training").rglob("*.safetensors"))


@pytest.mark.parametrize("how", ["cut", "empty", "changed", "header", "other"])
def test_a_stage_that_was_cut_or_changed(how, manifest, tmp_path, monkeypatch):
    path = some_stage(manifest, tmp_path, monkeypatch)
    data = bytearray(path.read_bytes())
    if how == "changed":
        data[-5] ^= 1
    if how == "header":
        data = data.replace(b'\\"step\\"', b'\\"stop\\"', 1)
    if how == "other":
        with monkeypatch.context() as m:
            stop_after(m, 5)
            with pytest.raises(KeyboardInterrupt):
                go(manifest, tmp_path / "wide", encoder=dict(width=16))
        data = next((tmp_path / "wide" / "checkpoints" / "training").rglob("*.safetensors")).read_bytes()
    path.write_bytes(dict(cut=data[:-100], empty=b"").get(how, data))
    with pytest.raises(InputError, match="delete it") as e:
        go(manifest, tmp_path / "run", resume=True)
    assert str(path) in one_line(e.value)
    path.unlink()
    go(manifest, tmp_path / "run", resume=True)


def test_a_finished_method_whose_table_was_changed(manifest, tmp_path):
    run = go(manifest, tmp_path / "run")
    path = next((run.path / "checkpoints").glob("*kd~default.results.parquet"))
    table = pd.read_parquet(path)
    table["value"] = 1.0
    table.to_parquet(path)
    with pytest.raises(InputError, match="delete the checkpoints of kd") as e:
        go(manifest, tmp_path / "run", resume=True)
    one_line(e.value)


def test_checkpoints_hold_no_pickle(manifest, tmp_path, monkeypatch):
    some_stage(manifest, tmp_path, monkeypatch)
    for p in (tmp_path / "run").rglob("*"):
        if p.is_file():
            assert p.suffix in (
                ".yaml",
                ".json",
                ".jsonl",
                ".parquet",
                ".safetensors",
                ".csv",
                "",
            ) and not p.read_bytes().startswith((b"\x80\x04", b"\x80\x05", b"PK")), p


PICKLES = {"pickle", "_pickle", "cPickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}


def unsafe(source):
    "What in a module could start somebody's code from a file"
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [n for n in (a.name.split(".")[0] for a in node.names) if n in PICKLES]
        if isinstance(node, ast.ImportFrom) and not node.level and node.module.split(".")[0] in PICKLES:
            found.append(node.module.split(".")[0])
        if not isinstance(node, ast.Call):
            continue
        call, said = ast.unparse(node.func), {k.arg: getattr(k.value, "value", None) for k in node.keywords}
        if call == "torch.load" and said.get("weights_only") is not True:
            found.append(call)
        if said.get("allow_pickle", False) is not False or call in (
            "yaml.load",
            "yaml.unsafe_load",
            "yaml.full_load",
            "pd.read_pickle",
            "pandas.read_pickle",
        ):
            found.append(call)
    return found


@pytest.mark.parametrize(
    "source, found",
    [
        ("import io, json, pickle, re", "pickle"),
        ("def f():\n    from joblib import load", "joblib"),
        ("torch.load(p,\n    map_location='cpu')", "torch.load"),
        ("torch.load(p, weights_only=False)", "torch.load"),
        ("np.load(p, allow_pickle=True)", "np.load"),
        ("yaml.load(f)", "yaml.load"),
    ],
)
def test_the_search_for_pickles_finds(source, found):
    assert unsafe(source) == [found]


def test_no_module_reads_pickles(root):
    said = {p.stem: unsafe(p.read_text()) for p in (root / "mtpkd").rglob("*.py")}
    assert {k: v for k, v in said.items() if v} == {"wesad": ["pickle"], "wearables_layout": ["pickle"]}, (
        "only WESAD's files, by an unpickler that makes arrays and nothing else, and the simulation, which writes them"
    )
    written = (root / "mtpkd" / "simulation" / "wearables_layout.py").read_text()
    assert set(re.findall(r"pickle\.\w+", written)) == {"pickle.dumps"}


# the disk


@pytest.mark.parametrize("writes", [1, 3, 7, 12])
def test_a_full_disk(writes, manifest, tmp_path, monkeypatch):
    seen, real = [0], os.fsync

    def full(fd):
        seen[0] += 1
        if seen[0] > writes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(fd)

    with monkeypatch.context() as m:
        m.setattr(mtpkd.core.files.os, "fsync", full)
        m.setattr(mtpkd.training.checkpoint, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
        with pytest.raises(RunError, match="No space left on device") as e:
            go(manifest, tmp_path / "run")
    assert "go on with --resume" in one_line(e.value) and not list((tmp_path / "run").rglob("*.tmp"))
    go(manifest, tmp_path / "run", resume=True)


def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=120k", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    return disk


def test_a_disk_that_is_really_full(manifest, tmp_path):
    disk = small_disk(tmp_path)
    try:
        with pytest.raises(RunError, match="go on with --resume") as e:
            go(manifest, disk / "run")
        one_line(e.value)
        subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
        go(manifest, disk / "run", resume=True)
    finally:
        subprocess.run(["umount", str(disk)])


def test_a_read_only_folder(manifest, tmp_path, monkeypatch, capsys):
    (tmp_path / "run").mkdir()
    monkeypatch.setattr(mtpkd.core.files.os, "access", lambda path, mode: False)
    assert main(["run", "--manifest", str(manifest), "--out", str(tmp_path / "run")]) == 2
    assert "may not be written to; use another --out" in capsys.readouterr().err


def test_a_folder_that_becomes_read_only(manifest, tmp_path, monkeypatch):
    def refuse(path, *a, **k):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(mtpkd.experiments.resume, "write_table", refuse)
    with pytest.raises(RunError, match="Permission denied.*go on with --resume") as e:
        go(manifest, tmp_path / "run")
    one_line(e.value)


# company


def test_two_processes_in_one_folder(manifest, tmp_path, capsys):
    code = "import sys, time\nfrom mtpkd.core.files import folder_lock\nwith folder_lock(sys.argv[1]): print('held', flush=True); time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(
            InputError, match=f"is in use by process {holder.pid} on .*; wait for its end, or use another --out"
        ):
            go(manifest, tmp_path / "run")
    finally:
        holder.kill()
        holder.wait()
    run = go(manifest, tmp_path / "run")  # a lock does not outlive its process
    with mtpkd.core.files.folder_lock(run.path):
        assert (
            main(
                [
                    "run",
                    "--manifest",
                    str(manifest),
                    "--methods",
                    "kd",
                    "--seeds",
                    "0",
                    "--config",
                    str(run.path / "experiment.yaml"),
                    "--out",
                    str(run.path),
                    "--resume",
                ]
            )
            == 2
        )
    assert "is in use by" in capsys.readouterr().err
    assert not (run.path / ".lock").exists()


@pytest.mark.parametrize("flush", [False, True])
def test_torch_is_given_back_as_it_was(flush, manifest, tmp_path):
    "Threads, and whether numbers of 1e-310 are zero, also after a run that failed"
    flushes, threads = lambda: (torch.tensor(1e-310, dtype=torch.float64) * 1).item() == 0, torch.get_num_threads()
    torch.set_flush_denormal(flush)
    try:
        go(manifest, tmp_path / "run", ["student_only"])
        assert (flushes(), torch.get_num_threads()) == (flush, threads)
        with pytest.MonkeyPatch.context() as m:
            stop_after(m, 2)
            with pytest.raises(KeyboardInterrupt):
                go(manifest, tmp_path / "stopped", ["student_only"])
        assert (flushes(), torch.get_num_threads()) == (flush, threads)
    finally:
        torch.set_flush_denormal(False)


# a loss of NaN


def test_a_repeat_that_diverges_is_reported_and_the_others_go_on(manifest, tmp_path, monkeypatch):
    healthy = go(manifest, tmp_path / "healthy")
    # the loss of one repeat of kd is not a number from its step 4 on; the evaluation after it, at step 6, sees it
    real, poison = mtpkd.training.trainer.gather_gradients, torch.tensor([1.0, float("nan"), 1.0])

    def gather(trainer, loss):
        def poisoned(i):
            losses, parts = loss(i)
            return losses * poison, parts

        return real(trainer, poisoned if trainer.step >= 4 and "kd" in stage[0] else loss)

    monkeypatch.setattr(mtpkd.training.loop, "gather_gradients", gather)
    stage, real_learn = [""], mtpkd.distillation.students.fit_student

    def learn(room, m, *a, **k):
        stage[0] = m.name
        try:
            return real_learn(room, m, *a, **k)
        finally:
            stage[0] = ""

    monkeypatch.setattr(mtpkd.distillation.students, "fit_student", learn)
    sick = go(manifest, tmp_path / "sick")
    kd = sick.results.query("method == 'kd'")
    assert kd["value"].isna().tolist() == [False, True, False]
    ours, theirs = (r.predictions.query("method == 'kd' and fold != 1").reset_index(drop=True) for r in (sick, healthy))
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-4, atol=1e-5)
    m = sick.summary["methods"]["kd"]
    assert (
        (m["n"], m["mean"]) == (2, pytest.approx(kd["value"].mean()))
        and m["diff"] is not None
        and sick.summary["methods"]["student_only"]["n"] == 3
    )
    lost = [dict(fold=1, seed=0, step=6)]
    assert sick.summary["diverged"] == {"kd": lost, "kd:default": lost} and healthy.summary["diverged"] == {}
    events = [json.loads(line) for line in (sick.path / "journal.jsonl").read_text().splitlines()]
    assert [(e["method"], e["fold"], e["seed"]) for e in events if e["event"] == "diverged"] == [("kd:default", 1, 0)]
    assert "kd diverged in 1 of 3 repeats (fold 1 of seed 0, at step 6)" in describe_diverged(sick.summary)
    assert (
        "kd diverged in" in Path(report(sick, tmp_path / "r.html")).read_text()
        and describe_diverged(healthy.summary) == ""
    )


# killed at random moments

CHILD = """
import sys, json, mtpkd, mtpkd.training.checkpoint
mtpkd.training.checkpoint.SECONDS_BETWEEN_CHECKPOINTS = 0.
manifest, config, out, resume = json.loads(sys.argv[1])
mtpkd.run(manifest, methods=["kd", "mtpkdot", "mtpkd"], seeds=[0], config=config, out=out, resume=resume, progress=False)
"""


def start(manifest, config, out):
    resume = (out / "experiment.yaml").exists()
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, json.dumps([str(manifest), config, str(out), resume])], stderr=subprocess.DEVNULL
    )


def last_event(out):
    path = out / "journal.jsonl"
    lines = path.read_bytes().splitlines() if path.exists() else []
    try:
        return json.loads(lines[-1]) if lines else {}
    except ValueError:
        return {}


def trained_since(journal, before):
    "Whether a stage has been saved in its middle since the journal had `before` bytes"
    return journal.exists() and b'"training"' in journal.read_bytes()[before:]


@pytest.mark.slow
def test_killed_at_random_moments(manifest, tmp_path):
    "kill -9, eight times: the tables are those of an undisturbed run, and at least half of the kills hit a stage in its middle"
    config = quick(
        schedule=dict(steps=80, evaluate=4, batch=12, pool_batch=16),
        teachers=dict(steps=60, ensemble=1),
        self_distillation=dict(steps=40, batch=16),
        student=dict(tnet_steps=40),
    )
    whole, out, rng = (
        mtpkd.run(
            manifest,
            methods=["kd", "mtpkdot", "mtpkd"],
            seeds=[0],
            config=config,
            out=tmp_path / "whole",
            progress=False,
        ),
        tmp_path / "killed",
        random.Random(5),
    )
    kills = within = 0
    while kills < 8:
        journal = out / "journal.jsonl"
        before = journal.stat().st_size if journal.exists() else 0
        p, end = start(manifest, config, out), time.time() + 120
        while p.poll() is None and time.time() < end and not trained_since(journal, before):
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.6))
        if p.poll() is not None:
            break  # it got to its end
        p.send_signal(signal.SIGKILL)
        p.wait()
        kills += 1
        e = last_event(out)
        within += e.get("event") in ("training", "evaluation") and e["step"] < e["steps"]
    assert kills >= 4 and within >= kills / 2, (kills, within)
    done = mtpkd.run(
        manifest, methods=["kd", "mtpkdot", "mtpkd"], seeds=[0], config=config, out=out, resume=True, progress=False
    )
    same(done, whole)
    skip = lambda p: re.sub(r",[^,\n]*$", "", (p / "results.csv").read_text(), flags=re.M)
    assert skip(out) == skip(whole.path) and not list(out.rglob("*.tmp"))
