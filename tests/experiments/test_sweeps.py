"Sweeps: cells and their folders, what fails and what goes on, resuming, killing, the report; a sweep that was killed ends as an undisturbed one."

import json, os, re, signal, subprocess, sys, time
from pathlib import Path
import pandas as pd, pytest, yaml
import mtpkd
from mtpkd.cli.main import main
from mtpkd.core.errors import InputError
from mtpkd.core.installation import install_command
from mtpkd.core.files import folder_lock
from mtpkd.execution.sweep import fitting_jobs
from mtpkd.execution.sweep_file import Cell, read_sweep
from mtpkd.execution.sweep_folder import last_events, SweepFolder, write_cells
from mtpkd.experiments.runner import check_cells
from mtpkd.api import sweep
from mtpkd.reporting.report import report
from mtpkd.reporting.sweep_ranks import critical_difference, mean_ranks
from mtpkd.reporting.sweep_report import sweep_report
from mtpkd.reporting.sweep_table import sweep_table
from tiny_runs import make_set, quick, run_tiny

FAST = dict(schedule=dict(steps=2, evaluate=1, batch=8, pool_batch=8))


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    make_set(folder / "one", subjects=6, protocol=dict(folds=2, labelled=15, labelled_validation=6))
    make_set(folder / "two", "ordinal", subjects=6, protocol=dict(folds=2, labelled=15, labelled_validation=6))
    (folder / "quick.yaml").write_text(yaml.safe_dump(quick(**FAST)))
    return folder


def write(folder, name="s", **values):
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return path


def grid_file(sets, name, **grid):
    return write(
        sets,
        name,
        fixed=dict(manifest="one/manifest.yaml", methods="student_only", config="quick.yaml", seeds=0),
        grid=grid,
    )


@pytest.fixture(scope="module")
def mixed(sets):
    "Four cells, of which two fail while they run: a network of the user's own that raises when it is trained, and one that has its process killed"
    (sets / "parts").mkdir()
    (sets / "parts" / "boom.py").write_text(
        "import os, torch, custom_components\nfrom mtpkd.models.encoders import encoders\n"
        "@encoders.register('raises')\nclass Encoder(custom_components.Encoder):\n"
        "    def forward(self, x):\n"
        "        if torch.is_grad_enabled(): raise ArithmeticError('on purpose')\n"
        "        return super().forward(x)\n"
        "@encoders.register('dies')\nclass Killed(custom_components.Encoder):\n"
        "    def forward(self, x):\n"
        "        if torch.is_grad_enabled(): os.kill(os.getpid(), 9)\n"
        "        return super().forward(x)\n"
    )
    paths = os.pathsep.join([str(sets / "parts"), str(Path(__file__).parents[1] / "support")])
    with pytest.MonkeyPatch.context() as m:
        m.setenv("PYTHONPATH", paths + os.pathsep + os.environ.get("PYTHONPATH", ""))
        entries = [
            {"labelled": n, "encoder.name": e}
            for n, e in ((9, "mlp"), (9, "boom:Encoder"), (12, "boom:Killed"), (12, "mlp"))
        ]
        path = write(
            sets,
            "mixed",
            fixed=dict(manifest="one/manifest.yaml", methods="student_only", config="quick.yaml", seeds=0),
            list=entries,
        )
        yield path, sweep(path, sets / "mixed", jobs=2, progress=False)


def test_a_sweep_that_was_stopped_before_it_began(tmp_path):
    "Its list of cells alone does not close the folder; a stranger's file does"
    from mtpkd.execution.sweep import claim_sweep_folder

    (tmp_path / "cells.jsonl").write_text("")
    for resume in (False, True):
        claim_sweep_folder(tmp_path, resume)
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(InputError, match="no sweep.yaml"):
        claim_sweep_folder(tmp_path, True)


def test_a_failing_run_keeps_its_notebook_and_the_others_go_on(mixed):
    path, made = mixed
    assert [c.label for c in made.done] == ["labelled=9, encoder.name=mlp", "labelled=12, encoder.name=mlp"]
    (raised, said), (killed, died) = made.failed
    assert (
        "failed (ArithmeticError: on purpose)" in said
        and "the notebook with the error marked is" in said
        and raised.label == "labelled=9, encoder.name=boom:Encoder"
    )
    assert "papermill-error-cell-tag" in (made.path / raised.key / "run.ipynb").read_text()
    assert (
        "the kernel of experiment.ipynb died (out of memory?)" in died
        and killed.label == "labelled=12, encoder.name=boom:Killed"
    )


def test_its_page_and_table(mixed):
    made = mixed[1]
    page = (made.path / "report.html").read_text().rpartition("</style>")[2].partition("<body>")[2]
    assert "2 of 4 runs" in page and "on purpose" in page and "Over label budgets" in page
    table = pd.read_csv(made.path / "sweep.csv")
    assert table["labelled"].tolist() == [9, 12] and set(table["method"]) == {"student_only"}
    for c, v in zip(made.done, table["mean"]):
        assert v == pytest.approx(mtpkd.RunFolder(made.path / c.key).summary["methods"]["student_only"]["mean"])


def test_the_page_of_a_sweep_by_the_command_for_reports(mixed, tmp_path, capsys):
    "The page of the sweep, and none of a run that lacks its summary; with other folders it is refused"
    folder = mixed[1].path
    before = (folder / "report.html").read_bytes()
    assert main(["report", str(folder), "--out", str(tmp_path / "page.html")]) == 0
    assert "2 of 4 runs" in (tmp_path / "page.html").read_text()
    assert main(["report", str(folder), str(folder / mixed[1].done[0].key)]) == 2
    assert "is the folder of a sweep" in capsys.readouterr().err
    assert main(["report", str(folder), "--embedding", "umap"]) == 2
    assert "shows no embeddings; leave out --embedding" in capsys.readouterr().err
    with pytest.raises(InputError, match="holds many runs"):
        report(folder, tmp_path / "other.html")
    assert (folder / "report.html").read_bytes() == before and not (tmp_path / "other.html").exists()


def test_runs_that_differ_in_their_methods_are_one_group(tmp_path):
    "Two runs under the same settings, each with a method of its own: one group with both, and a line a group where there are more"
    manifest, folder = make_set(tmp_path / "set"), tmp_path / "sweep"
    requested = [{"methods": "kd"}, {"methods": "fitnets"}, {"methods": "kd", "ot.k": 5}, {"methods": "kd", "ot.k": 6}]
    requested.append({"methods": "kd", "ot.k": 7})
    for key, words in zip("abcde", requested):
        settings = [f"{name}={value}" for name, value in words.items() if name != "methods"]
        run_tiny(manifest, folder / key, words["methods"], config=quick(schedules=["default"]), settings=settings)
        (folder / key / "run.ipynb").write_text("{}")
    write_cells(folder / "cells.jsonl", [Cell(key, key, words, {}) for key, words in zip("abcde", requested)])
    (folder / "sweep.yaml").write_text("{}")
    (folder / "journal.jsonl").write_text("".join(json.dumps(dict(event="done", cell=key)) + "\n" for key in "abcde"))
    table = sweep_table(SweepFolder(folder))
    assert table.groupby("group", sort=False)["method"].apply(list).to_dict() == {
        "tiny": ["student_only", "kd", "fitnets"],
        "ot.k 5": ["student_only", "kd"],
        "ot.k 6": ["student_only", "kd"],
        "ot.k 7": ["student_only", "kd"],
    }
    fitnets = mtpkd.RunFolder(folder / "b").summary.methods["fitnets"]
    row = table[table["method"] == "fitnets"].iloc[0]
    assert (row["diff"], row["p"]) == pytest.approx((fitnets.diff, fitnets.p))
    head = Path(sweep_report(folder)).read_text().rpartition("<thead>")[2].partition("</thead>")[0]
    assert "<th>kd</th><th>fitnets</th>" in head


def test_a_cell_is_the_run_that_the_library_gives(mixed, sets, tmp_path):
    made = mixed[1]
    alone = mtpkd.run(
        sets / "one" / "manifest.yaml",
        methods="student_only",
        config=sets / "quick.yaml",
        seeds=[0],
        labelled=9,
        set={"encoder.name": "mlp"},
        out=tmp_path / "alone",
        progress=False,
    )
    pd.testing.assert_frame_equal(
        alone.results.drop(columns="seconds"),
        mtpkd.RunFolder(made.path / made.done[0].key).results.drop(columns="seconds"),
    )


def test_resume_runs_only_what_is_missing_or_failed(mixed, sets, capsys):
    path, made = mixed
    before = {c.key: (made.path / c.key / "run.ipynb").stat().st_mtime_ns for c in made.done}
    said = last_events(made.path / "journal.jsonl")
    assert main(["sweep", str(path), "--out", str(made.path)]) == 2 and "add --resume" in capsys.readouterr().err
    assert main(["sweep", str(path), "--out", str(made.path), "--resume"]) == 1
    out, err = capsys.readouterr()
    assert "2 of 4 runs failed" in err.splitlines()[-1] and out.count("failed: ") == 2 and "labelled 9" in out
    assert re.search(r"[234]\.\d of 4 runs \[\d\d:\d\d<(\d\d:\d\d|\?)", err), "progress, with the time that is left"
    assert {k: (made.path / k / "run.ipynb").stat().st_mtime_ns for k in before} == before
    now = last_events(made.path / "journal.jsonl")
    assert {k for k in now if now[k] != said[k]} == {c.key for c, _ in made.failed}


def test_two_sweeps_in_one_folder(mixed, capsys):
    path, made = mixed
    with folder_lock(made.path):
        assert main(["sweep", str(path), "--out", str(made.path), "--resume"]) == 2
    assert "is in use by process" in capsys.readouterr().err


def test_the_hash_is_of_what_is_asked(sets, tmp_path):
    one = read_sweep(grid_file(sets, "hash", labelled=[9]))
    (tmp_path / "one").mkdir()
    (tmp_path / "quick.yaml").write_text((sets / "quick.yaml").read_text())
    assert read_sweep(grid_file(tmp_path, "hash", labelled=[9])).cells[0].key == one.cells[0].key, (
        "a folder that was moved"
    )
    assert read_sweep(grid_file(sets, "hash", labelled=[10])).cells[0].key != one.cells[0].key
    (tmp_path / "quick.yaml").write_text("{}")
    assert read_sweep(grid_file(tmp_path, "hash", labelled=[9])).cells[0].key != one.cells[0].key, "another config"


def test_jobs_fit_the_cores(sets):
    cells = read_sweep(grid_file(sets, "jobs", threads=[1, max(2, len(os.sched_getaffinity(0)))])).cells
    assert fitting_jobs(100, cells[:1]) == len(os.sched_getaffinity(0)) and fitting_jobs(100, cells) == 1
    with pytest.raises(InputError, match="jobs is 0"):
        fitting_jobs(0, cells)


@pytest.mark.parametrize(
    "values, said",
    [
        ("[1, 2]", "expected a YAML mapping"),
        ("grid: {seeds: 3}", "grid.seeds: expected a list of values"),
        ("gird: {}", "unknown key 'gird' in a sweep; did you mean grid?"),
        ("fixed: {config: nowhere.yaml}", "nowhere.yaml: cannot be read"),
        ("grid: {labelled: [50, 5000]}\nfixed: {manifest: watch}", "labelled=5000: 5000 labelled rows were asked for"),
        ("fixed: {seeds: 2020-01-01}", "seeds: expected a whole number, got '2020-01-01'"),
        ("minutes: soon", "minutes: expected a number above 0"),
    ],
)
def test_wrong_files(values, said, tmp_path, capsys):
    (tmp_path / "s.yaml").write_text(values)
    assert main(["sweep", str(tmp_path / "s.yaml"), "--out", str(tmp_path / "out")]) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    "values, said",
    [
        (dict(fixed=dict(manifest="wach")), "unknown manifest 'wach'; did you mean watch?"),
        (dict(grid={"schedule.stepz": [1, 2]}), "unknown setting schedule.stepz; did you mean steps?"),
    ],
)
def test_wrong_cells(values, said, tmp_path):
    "What only the plan of a run can tell, as the job before the first run tells it"
    cells = read_sweep(values).cells
    found = check_cells([(c.label, c.parameters, str(tmp_path / c.key)) for c in cells])
    assert [label for label, _ in found] == [c.label for c in cells] and all(said in text for _, text in found)


def test_a_journal_that_was_cut(tmp_path):
    (tmp_path / "j").write_bytes(
        b'{"event": "done", "cell": "a"}\n{"event": "start", "cell": "b"}\n[1]\n{"event": "done", "ce'
    )
    assert {k: e["event"] for k, e in last_events(tmp_path / "j").items()} == dict(a="done", b="start")


@pytest.mark.parametrize(
    "text",
    [
        '{"key": "../x", "label": "a", "requested": {}, "parameters": {}}',
        '{"key": 1, "label": "a", "requested": {}, "parameters": {}}',
        '{"key": "a"}',
        "[]",
        "{",
        "\x00",
    ],
)
def test_a_folder_of_a_stranger(text, tmp_path):
    (tmp_path / "sweep.yaml").write_text("name: s\n")
    (tmp_path / "cells.jsonl").write_text(text)
    with pytest.raises(InputError, match="no list of cells .*; run the sweep again"):
        SweepFolder(tmp_path)


def test_a_sweep_of_ten_thousand(tmp_path):
    "Read, written and read again within seconds; one more is refused before anything else"
    grid = lambda n: {"seeds": [*range(100)], "schedule.lr": [i / 1000 for i in range(1, n + 1)]}
    (tmp_path / "quick.yaml").write_text(yaml.safe_dump(quick()))
    began, path = (
        time.process_time(),
        write(tmp_path, "most", fixed=dict(manifest="watch", config="quick.yaml"), grid=grid(100)),
    )
    cells = read_sweep(path).cells
    write_cells(tmp_path / "cells.jsonl", cells)
    (tmp_path / "sweep.yaml").write_text("name: most\n")
    assert len(cells) == 10_000 and SweepFolder(tmp_path).cells == cells and time.process_time() - began < 20
    with pytest.raises(InputError, match="10100 runs, more than 10000; split it"):
        read_sweep(write(tmp_path, "more", fixed=dict(manifest="watch"), grid=grid(101)))


# the slow ones

FORTY = dict(
    fixed=dict(methods=["student_only", "kd"], config="quick.yaml"),
    grid=dict(manifest=["one/manifest.yaml", "two/manifest.yaml"], labelled=[9, 12, 15, 18, "all"], seeds=[0, 1, 2, 3]),
)


def start(path, out, *more):
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from mtpkd.cli.main import main; sys.exit(main(sys.argv[1:]))",
            "sweep",
            str(path),
            "--out",
            str(out),
            "--jobs",
            "2",
            *more,
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


@pytest.mark.slow
def test_forty_runs_killed_five_times(sets):
    "2 data sets x 5 label budgets x 4 seeds; the table is that of an undisturbed sweep, and no run is done twice"
    path = write(sets, "forty", **FORTY)
    whole, out = sweep(path, sets / "whole", jobs=2, progress=False), sets / "killed"
    assert len(whole.done) == 40
    for kill in range(5):
        p = start(path, out, *(["--resume"] if (out / "sweep.yaml").exists() else []))
        goal, end = 6 * (kill + 1), time.time() + 300
        while (
            sum(e["event"] == "done" for e in last_events(out / "journal.jsonl").values()) < goal and time.time() < end
        ):
            time.sleep(0.1)
        time.sleep(0.3 * kill)
        os.kill(p.pid, signal.SIGKILL)
        p.wait()
        assert len(SweepFolder(out).done) < 40, "it was killed before its end"
    made = sweep(path, out, jobs=2, resume=True, progress=False)
    assert len(made.done) == 40 and not made.failed
    pd.testing.assert_frame_equal(sweep_table(made), sweep_table(whole))
    events = [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()]
    assert max(sum(e["cell"] == c.key and e["event"] == "done" for e in events) for c in made.cells) == 1
    assert list(mean_ranks(sweep_table(made)).index) and critical_difference(2, 2) > 0


@pytest.mark.slow
def test_a_run_over_its_time_is_stopped(sets):
    path = write(
        sets,
        "late",
        minutes=0.05,
        fixed=dict(manifest="one/manifest.yaml", methods="student_only", config="quick.yaml"),
        grid={"seeds": [0], "schedule.steps": [200_000]},
    )
    made = sweep(path, sets / "late", progress=False)
    assert "stopped at its time limit of 0.05 minutes" in made.failed[0][1]
    assert "papermill-error-cell-tag" in (made.path / made.cells[0].key / "run.ipynb").read_text()


@pytest.mark.slow
def test_the_benchmark_of_sweeps(root):
    "It runs the same cells in three ways and has processor seconds of each; what they are is for a quiet machine to say"
    sys.path.insert(0, str(root / "benchmarks"))
    import importlib.util

    spec = importlib.util.spec_from_file_location("bench_sweeps", root / "benchmarks" / "performance" / "sweeps.py")
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    found = bench.measure(2)
    assert set(found) == {"sweep", "cells", "library"} and min(found.values()) > 0


# past one machine


def test_without_ray(sets, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert (
        main(
            ["sweep", str(grid_file(sets, "ray", labelled=[9])), "--out", str(tmp_path / "ray"), "--ray", "127.0.0.1:1"]
        )
        == 2
    )
    err = capsys.readouterr().err
    assert install_command("scale") in err and err.strip().splitlines()[-1].startswith("mtpkd: ")


def test_without_a_cluster(sets, tmp_path, capsys):
    pytest.importorskip("ray", reason='Ray is not installed: pip install -e ".[scale]"')
    assert (
        main(
            ["sweep", str(grid_file(sets, "ray", labelled=[9])), "--out", str(tmp_path / "ray"), "--ray", "127.0.0.1:1"]
        )
        == 2
    )
    err = capsys.readouterr().err
    assert "no Ray cluster at '127.0.0.1:1'" in err and err.strip().splitlines()[-1].startswith("mtpkd: ")


@pytest.mark.slow
def test_a_node_that_is_killed(sets, tmp_path):
    "Two nodes, one of which goes away while it works: its runs are done elsewhere, none is lost, none is done twice"
    pytest.importorskip("ray", reason='Ray is not installed: pip install -e ".[scale]"')
    from ray.cluster_utils import Cluster
    import threading

    cluster = Cluster(initialize_head=True, head_node_args=dict(num_cpus=0, include_dashboard=False))
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    path, out = grid_file(sets, "nodes", seeds=[0, 1, 2, 3, 4, 5]), tmp_path / "nodes"
    killed = []

    def kill_one():
        end = time.time() + 300
        while time.time() < end:
            busy = [p for p in out.glob("*/journal.jsonl")]
            if len(busy) >= 2:
                break
            time.sleep(0.05)
        killed.append([p.parent.name for p in out.glob("*/journal.jsonl") if not (p.parent / "run.ipynb").exists()])
        cluster.remove_node(nodes[1], allow_graceful=False)

    try:
        threading.Thread(target=kill_one, daemon=True).start()
        made = sweep(path, out, ray=cluster.address, progress=False)
    finally:
        cluster.shutdown()
    assert killed and killed[0], "runs were under way when the node was killed"
    assert len(made.done) == 6 and not made.failed
    events = [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()]
    assert all(sum(e["cell"] == c.key and e["event"] == "done" for e in events) == 1 for c in made.cells)
    alone = sweep(path, tmp_path / "alone", progress=False)
    pd.testing.assert_frame_equal(sweep_table(made), sweep_table(alone))


def test_a_repeat_that_diverged_leaves_the_others():
    from types import SimpleNamespace
    from mtpkd.evaluation.summary import example_summary
    from mtpkd.reporting.sweep_ranks import describe_failed
    from mtpkd.reporting.sweep_table import group_rows

    rows = pd.DataFrame(
        [
            dict(method=m, fold=f, seed=0, value=v + 0.01 * f * (m == "kd"), n_test=10, n_train=20, n_pool=10)
            for m, v in (("student_only", 0.5), ("kd", 0.6))
            for f in range(5)
        ]
    )
    rows.loc[2, "value"] = float("nan")
    run = SimpleNamespace(results=rows, summary=example_summary() | dict(n=50, name="toy", metric="accuracy"))
    table = group_rows("", [run])
    kd = table.set_index("method").loc["kd"]
    assert (kd["n"], kd["pairs"]) == (5, 4) and kd["low"] < kd["diff"] < kd["high"]
    assert describe_failed(table, [("", [run])]) == [
        "kd and student_only: 1 repeats are in no difference, as one of the two diverged there (toy)."
    ]
