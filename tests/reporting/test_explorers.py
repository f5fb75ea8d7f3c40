"The explorers over whole, half-finished and broken run folders: what is there is drawn, what is missing is one line."

import html, importlib.util, json, shutil, subprocess, sys, time
import ipywidgets, numpy as np, pandas as pd, pytest
import fake_run_folder
import mtpkd
from mtpkd import plots, reporting
from mtpkd.widgets import run_browser
from mtpkd.core.errors import InputError
from mtpkd.reporting.run_view import explain_plan, stored_batch
from mtpkd.reporting.training_state import read_training_state
from mtpkd.widgets.explorers import EmbeddingExplorer, TeacherChoice, TransferLedger
from mtpkd.widgets.plan_explorer import PlanExplorer
from mtpkd.widgets.run_browser import RunBrowser
from tiny_runs import make_set, quick

OF_A_RUN = [PlanExplorer, EmbeddingExplorer, TeacherChoice, TransferLedger]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    "A real run, tiny"
    d = tmp_path_factory.mktemp("runs")
    made = mtpkd.run(
        make_set(d / "set"),
        methods=["mtpkdot", "kd", "teacher_joint", "teacher_face", "teacher_physio"],
        seeds=[0],
        config=quick(),
        out=d / "tiny",
        progress=False,
    )
    return made.path


@pytest.fixture(scope="module", autouse=True)
def closed():  # widgets that outlive the interpreter complain
    yield
    ipywidgets.Widget.close_all()


@pytest.fixture
def copy(run, tmp_path):
    return shutil.copytree(run, tmp_path / "run")


def said(explorer):
    return html.unescape(explorer.status.value)


@pytest.mark.parametrize("explorer", OF_A_RUN)
def test_a_whole_run_is_drawn(explorer, run):
    e = explorer(run)
    assert len(e.stage.children) >= 1 and "missing" not in said(e) and "cannot" not in said(e)


def test_plan_explorer_says_what_transport_says(run):
    r = mtpkd.RunFolder(run)
    e = PlanExplorer(run, "mtpkdot", k=6)
    for blur in (0.05, 0.3):
        e.blur.value = blur
        want = explain_plan(stored_batch(r, "mtpkdot"), 6, blur)
        assert f"{want['entropy']:.4f} nats" in said(e) and np.allclose(
            np.sort(e.heat.data[0].z.ravel()), np.sort(want["plan"].ravel()), atol=1e-6
        )
    e.rows.value = 0
    e.teacher.value = "teacher_face"
    assert "teacher face, test rows" in said(e)
    assert np.allclose(
        plots.plan_heatmap(e.found["plan"], e.batch.target, e.batch.classes, e.batch.row).data[0].z.ravel(),
        e.heat.data[0].z,
        atol=1e-6,
    ), "the report's heat map"


def test_a_click_shows_the_sample(run):
    "Of arrays: what is stored of each modality, and what is predicted; in every explorer"
    points, ledger, plan = EmbeddingExplorer(run), TransferLedger(run), PlanExplorer(run)
    points.open_row(3)
    view = points.sample_view
    assert view.sample == points.spaces.facts["sample"].iloc[3] and [part.name for part in view.parts] == [
        "face",
        "physio",
    ]
    predicted = {trace.name: trace.y for trace in view.drawn[0].data}
    rows = mtpkd.RunFolder(run).predictions
    of_kd = rows[(rows["sample"] == view.sample) & (rows["method"] == "teacher_joint")]
    assert np.allclose(predicted["teacher joint"], of_kd[mtpkd.RunFolder(run).summary.task.classes].mean(), atol=1e-3)
    for number in range(len(ledger.figure.data[0].y)):
        ledger.open_bar("subject", number, ledger.figure.data[0])
    assert ledger.sample_view.sample and ledger.sample_view.sample in ledger.listed.options
    plan.select(2)
    assert plan.sample_view.sample == plan.sample_view.rows.ids[int(plan.batch.row[2])]
    choice = TeacherChoice(run)
    choice.by.value = "class"
    choice.open_bar(0, max(choice.figure.data, key=lambda trace: trace.x[0]))
    assert choice.sample_view.sample == choice.listed.value


def test_every_row_of_the_embedding_is_named(run):
    e = EmbeddingExplorer(run)
    facts, p = e.spaces.facts, mtpkd.RunFolder(run).predictions
    first = p[(p.fold == 0) & (p.seed == 0) & (p.method == "kd")].set_index("sample")
    assert list(facts["target"]) == list(first.loc[facts["sample"], "target"]) and list(facts["subject"]) == list(
        first.loc[facts["sample"], "subject"]
    )
    assert {"joint", "face", "physio"} >= set(facts["teacher"]) and len(facts) == len(e.spaces.target)
    for by in e.colour.options:
        e.colour.value = by
        assert not said(e)
    for view in e.view.options:
        e.view.value = view[1]
        assert not said(e)
    e.pick([1, 3])
    assert all(list(t.selectedpoints) == [1, 3] for t in e.panels) and facts["sample"][3] in e.details.value


def test_samples_behind_a_bar_add_up(run):
    e = TransferLedger(run, "kd")
    t = mtpkd.RunFolder(run).transfer
    row = t[(t.method == "kd") & (t.kind == "class")].iloc[0]
    from mtpkd.reporting.run_view import open_run
    from mtpkd.reporting.row_facts import changed_samples

    rows = changed_samples(open_run(run), "kd", "class", row["group"])
    assert (rows["gained"].sum(), rows["lost"].sum()) == (row["turned_right"], row["turned_wrong"])
    e.open_bar("class", 0, e.figure.data[1])
    assert "test rows on which kd" in e.details.value


def test_bars_and_areas_are_the_tables(run):
    "What an explorer and the report draw, against the files of the run"
    r = mtpkd.RunFolder(run)
    for m, fig in [
        ("kd", TransferLedger(run, "kd").figure),
        (reporting.best_method(r.summary), reporting.figure_or_note(r, "transfer")),
    ]:
        for panel, kind in zip(fig.data, ("subject", "class"), strict=True):
            t = r.transfer[(r.transfer.method == m) & (r.transfer.kind == kind)].set_index("group")
            assert len(panel.y) == len(t) and np.allclose(panel.x, [100 * t["diff"][html.unescape(g)] for g in panel.y])
    shares, e = (
        r.teachers[r.teachers.method == "mtpkdot"].groupby(["teacher", "epoch"])["share"].mean(),
        TeacherChoice(run, "mtpkdot"),
    )
    areas = {t.name.replace(" ", "_"): np.ravel(t.y) for t in e.figure.data}
    assert set(areas) == set(shares.index.unique("teacher")) and all(
        np.allclose(y, 100 * shares[t]) for t, y in areas.items()
    )


def tell(figure, kind, trace, points, **more):
    "An event as the browser tells it"
    n = len(points)
    figure._handler_js2py_pointsCallback(
        dict(
            new=dict(
                event_type=kind,
                points=dict(xs=[0] * n, ys=more.get("ys", [0] * n), point_indexes=points, trace_indexes=[trace] * n),
            )
        )
    )


def test_a_click_is_for_the_trace_that_was_hit(run):
    e = PlanExplorer(run, "mtpkdot", k=6)
    for fig in (e.heat, e.lines):
        for i, t in enumerate(fig.data):
            e.chosen, e.details.value = None, ""
            tell(fig, "plotly_click", i, [3], ys=[list(dict.fromkeys(t.y))[3]] if t.type == "heatmap" else [0])
            want = e.order[3] if t.type == "heatmap" else 3 if t in (e._teachers, e._students) else None
            assert e.chosen == want and ("anchors, the rows" in e.details.value) == (want is not None)
    e = TransferLedger(run, "kd")
    for i, kind in enumerate(("subject", "class")):
        tell(e.figure, "plotly_click", i, [0])
        assert f"{kind} {e.figure.data[i].y[0]}: test rows" in html.unescape(e.details.value)


def test_a_lasso_in_any_panel_marks_all(run):
    e = EmbeddingExplorer(run)
    assert len(e.panels) > 1
    for i in range(len(e.panels)):
        tell(e.figure, "plotly_selected", i, [3, 1 + i])
        rows = sorted({3, 1 + i})
        assert (
            all(list(t.selectedpoints) == rows for t in e.panels)
            and f"{len(rows)} rows" in e.details.value
            and e.spaces.facts["sample"][3] in e.details.value
        )
    tell(e.figure, "plotly_deselect", 0, [])
    assert all(t.selectedpoints is None for t in e.panels) and e.details.value == ""


def test_another_batch_in_the_same_widgets(tmp_path):
    "The last one is short: fewer rows than anchors were asked for"
    e = PlanExplorer(fake_run_folder.write(fake_run_folder.FakeRun(seeds=2), tmp_path / "fake"))
    last = e.rows.options[-1][1]
    figures_, boxes, e.k.value = (e.heat, e.lines), e.stage.children, 120
    if last > 0:
        e.rows.value = 0
        assert len(e.batch) == 128
    e.rows.value = last
    n = len(e.batch)
    assert (
        1 < n < 120
        and e.k.value == n - 1
        and e.heat.data[0].z.size == n * n
        and (e.heat, e.lines) == figures_
        and e.stage.children is boxes
    )
    e.blur.value = 0.5
    tell(e.lines, "plotly_click", list(e.lines.data).index(e._teachers), [n - 1])
    assert e.chosen == n - 1


@pytest.mark.parametrize(
    "gone",
    [
        "summary.json",
        "plans",
        "embeddings",
        "predictions.parquet",
        "teachers.csv",
        "history.csv",
        "experiment.yaml",
        "transfer.csv",
    ],
)
@pytest.mark.parametrize("explorer", OF_A_RUN)
def test_a_half_finished_run_says_what_is_missing(explorer, gone, copy):
    at = copy / gone
    shutil.rmtree(at) if at.is_dir() else at.unlink()
    e = explorer(copy)
    if gone == "summary.json":
        assert "--resume" in said(e) and not e.stage.children
    needed = {
        PlanExplorer: "plans",
        EmbeddingExplorer: "embeddings",
        TeacherChoice: "teachers.csv",
        TransferLedger: "",
    }[explorer]
    if gone == needed:
        assert said(e) and not e.stage.children
    assert "Traceback" not in said(e)


@pytest.mark.parametrize(
    "torn", ["summary.json", "plans/mtpkdot.safetensors", "predictions.parquet", "teachers.csv", "transfer.csv"]
)
@pytest.mark.parametrize("explorer", OF_A_RUN)
def test_a_torn_file_is_a_line(explorer, torn, copy):
    (copy / torn).write_bytes((copy / torn).read_bytes()[:40])
    e = explorer(copy)
    used = {
        PlanExplorer: "plans/mtpkdot.safetensors",
        EmbeddingExplorer: "predictions.parquet",
        TeacherChoice: "teachers.csv",
        TransferLedger: "transfer.csv",
    }[explorer]
    if torn in ("summary.json", used):
        assert said(e) and "Traceback" not in said(e)
    else:
        assert e.stage.children
    if torn == "summary.json":
        assert not e.stage.children


@pytest.mark.parametrize("explorer", OF_A_RUN)
def test_what_is_no_run_is_a_line(explorer, tmp_path):
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "nowhere", tmp_path / "empty"):
        assert said(explorer(path)) and not explorer(path).stage.children


def test_a_fake_run_of_other_rows_says_so(tmp_path):
    e = EmbeddingExplorer(fake_run_folder.write(fake_run_folder.FakeRun(seeds=2), tmp_path / "fake"))
    assert "predictions of the first fold have" in said(e) and e.stage.children


def test_values_instead_of_classes(tmp_path):
    path = fake_run_folder.write(
        fake_run_folder.FakeRun("affect", "Affect", regression=True, seeds=2), tmp_path / "affect"
    )
    for explorer in OF_A_RUN:
        assert explorer(path).stage.children
    assert PlanExplorer(path).status.value.count("third") == 1


def test_runs_are_browsed(run, copy):
    shutil.copytree(run, copy.parent / "other")
    (copy / "summary.json").unlink()
    text = (copy.parent / "other" / "experiment.yaml").read_text().replace("k: 6", "k: 7")
    (copy.parent / "other" / "experiment.yaml").write_text(text)
    b = RunBrowser(copy.parent)
    assert [o[0].split(":")[0] for o in b.runs.options] == ["other", "run"] and b.runs.value == (0,)
    assert "<td>other</td>" in b.details.value and "<td>run</td>" not in b.details.value and len(b.figure.data) == 1
    b.runs.value = ()
    assert "unfinished" in b.details.value and not b.stage.children
    b.runs.value = (0, 1)
    assert "ot.k" in b.details.value and len(b.figure.data) >= 1 and len(b.stage.children) == 1
    b.filter.value = "unfinished"
    assert [o[0].split(":")[0] for o in b.runs.options] == ["run"]


RUN = """
import json, sys, mtpkd
manifest, config, out = json.loads(sys.argv[1])
mtpkd.run(manifest, methods=["kd", "mtpkdot"], seeds=[0], config=config, out=out, progress=False)
"""


@pytest.mark.slow
def test_a_run_of_another_process_is_followed_to_its_end(tmp_path):
    "Its curves grow while it trains; at its end it is a finished run and nothing is looked at any more"
    manifest, out = make_set(tmp_path / "set"), tmp_path / "runs" / "now"
    config = quick(schedule=dict(steps=60, evaluate=4, batch=12, pool_batch=16))
    arguments = json.dumps([str(manifest), config, str(out)])
    process = subprocess.Popen([sys.executable, "-c", RUN, arguments], stderr=subprocess.DEVNULL)
    wait_for(lambda: read_training_state(out).state == "training" if out.is_dir() else False)
    b = RunBrowser(out.parent, seconds=0.1)
    assert b.runs.value == (0,) and b.thread.is_alive()
    seen = []
    wait_for(lambda: seen.append(b.training.get(0)) or process.poll() is not None)
    assert process.returncode == 0
    b.thread.join(30)
    assert not b.thread.is_alive() and b.lines[0]["state"] == "finished" and not b.training
    lengths = [len(state.history) for state in seen if state is not None]
    assert lengths == sorted(lengths) and len(set(lengths)) > 3
    last = next(state for state in reversed(seen) if state is not None)
    of_files, of_journal = mtpkd.RunFolder(out).history, last.history
    for table in (of_files, of_journal):
        table["key"] = (
            table["method"].str.partition(":")[0] + table["stage"] + table["name"] + table["step"].astype(str)
        )
    means = of_files[of_files["stage"] == "student"].groupby("key")["value"].mean()
    drawn = of_journal[of_journal["stage"] == "student"].set_index("key")["value"]
    assert len(drawn) and np.allclose(drawn, means[drawn.index], rtol=1e-3)
    b.close()


def wait_for(holds, seconds=120):
    end = time.time() + seconds
    while not holds():
        assert time.time() < end
        time.sleep(0.05)


def test_runs_are_drawn_once(run, monkeypatch):
    drawn = []
    monkeypatch.setattr(run_browser, "runs_figure", lambda *a: (drawn.append(a[1]), reporting.runs_figure(*a))[1])
    b = RunBrowser(run.parent)
    assert drawn == [b.method.value] and len(b.stage.children) == 1
    b.method.value = "kd"
    b.filter.value = "nothing like it"
    b.filter.value = "tiny"
    assert drawn[1:] == ["kd", "kd"] and b.method.value == "kd"


def test_evil_names_stay_text(tmp_path):
    evil = "<script>alert(1)</script>"
    r = fake_run_folder.FakeRun(evil, evil, [evil, "b", "c"], seeds=2)
    path = fake_run_folder.write(r, tmp_path / "evil")
    for explorer in OF_A_RUN:
        e = explorer(path)
        if explorer is PlanExplorer:
            e.select(0)
        if explorer is EmbeddingExplorer:
            e.pick([0, 1])
        assert "<script" not in e.status.value + e.details.value


def bench(root):
    spec = importlib.util.spec_from_file_location("bench_widgets", root / "benchmarks" / "performance" / "widgets.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as m:
        m.syspath_prepend(str(root / "benchmarks"))
        spec.loader.exec_module(module)
    return module


def test_what_a_redraw_sends(root, monkeypatch):
    "Times are for the benchmark's table; what a move of a slider sends to the page is of the same size on every machine"
    import comm

    monkeypatch.setattr(comm, "create_comm", comm.create_comm)
    b = bench(root)
    b.connect()
    stored = pd.read_csv(root / "results" / "bench_widgets.csv").set_index("what")
    rows = {r["what"]: r for r in b.measure()}
    assert set(rows) == set(stored.index)
    for what, r in rows.items():
        assert 0.5 < r["kilobytes"] / stored.kilobytes[what] < 1.5, what
    assert (stored.median_ms < stored.limit_ms).all()


def test_a_figure_on_a_page():
    fig = plots.line_panels(pd.DataFrame(dict(a=[1.0, 2.0])), "x")
    light, dark = on = [plots.on_page(fig, t) for t in ("light", "dark")]

    def luminance(c):
        return sum(
            w * ((v / 255) ** 2.2) for w, v in zip((0.2126, 0.7152, 0.0722), (int(c[i : i + 2], 16) for i in (1, 3, 5)))
        )

    for f in on:
        a, b = sorted(luminance(c) for c in (f.layout.font.color, f.layout.paper_bgcolor))
        assert (b + 0.05) / (a + 0.05) > 7
    with pytest.raises(InputError, match="did you mean dark"):
        plots.on_page(fig, "drak")


@pytest.mark.browser
def test_a_figure_becomes_a_file(chromium, tmp_path, monkeypatch):
    monkeypatch.setenv("BROWSER_PATH", str(chromium))
    fig = plots.line_panels(pd.DataFrame(dict(a=[1.0, 2.0])), "x")
    assert "<svg" in plots.save_figure(fig, tmp_path / "a.svg", "dark").read_text()
    assert plots.save_figure(fig, tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


def test_no_browser_is_one_line(tmp_path, monkeypatch):
    import kaleido, pandas as pd

    def none(*a, **k):
        raise RuntimeError("Kaleido v1 and later requires Chrome to be installed.")

    fig = plots.line_panels(pd.DataFrame(dict(a=[1.0, 2.0])), "x")
    monkeypatch.setattr(type(fig), "write_image", none)
    with pytest.raises(InputError, match="apt-get install chromium"):
        plots.save_figure(fig, tmp_path / "a.svg")
    assert not (tmp_path / "a.svg").exists()
