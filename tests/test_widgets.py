"The explorers over whole, half-finished and broken run folders: what is there is drawn, what is missing is one line."
import html, importlib.util, json, shutil, sys, time
import ipywidgets, numpy as np, pytest
import fake_run
import mtpkd
from mtpkd import figures, plots, reports
from mtpkd.core import InputError
from mtpkd.pictures import explain_plan, kept_batch
from mtpkd.widgets import EmbeddingExplorer, PlanExplorer, RunBrowser, TeacherChoice, TransferLedger
from tiny import make_set, quick

OF_A_RUN = [PlanExplorer, EmbeddingExplorer, TeacherChoice, TransferLedger]

@pytest.fixture(scope="module")
def run(tmp_path_factory):
    "A real run, tiny"
    d = tmp_path_factory.mktemp("runs")
    made = mtpkd.run(make_set(d/"set"), methods=["mtpkdot", "kd", "teacher_joint", "teacher_face", "teacher_physio"], seeds=[0], config=quick(), out=d/"tiny", progress=False)
    return made.path

@pytest.fixture(scope="module", autouse=True)
def closed(): # widgets that outlive the interpreter complain
    yield
    ipywidgets.Widget.close_all()

@pytest.fixture
def copy(run, tmp_path): return shutil.copytree(run, tmp_path/"run")

def said(explorer): return html.unescape(explorer.status.value)

@pytest.mark.parametrize("explorer", OF_A_RUN)
def test_a_whole_run_is_drawn(explorer, run):
    e = explorer(run)
    assert len(e.stage.children) >= 1 and "missing" not in said(e) and "cannot" not in said(e)

def test_plan_explorer_says_what_transport_says(run):
    r = mtpkd.RunFolder(run)
    e = PlanExplorer(run, "mtpkdot", k=6)
    for blur in (.05, .3):
        e.blur.value = blur
        want = explain_plan(kept_batch(r, "mtpkdot"), 6, blur)
        assert f"{want['entropy']:.4f} nats" in said(e) and np.allclose(np.sort(e.heat.data[0].z.ravel()), np.sort(want["plan"].ravel()), atol=1e-6)
    e.rows.value = 0
    e.teacher.value = "teacher_face"
    assert "teacher face, test rows" in said(e)
    assert np.allclose(plots.plan_heatmap(e.found["plan"], e.batch.target, e.batch.classes, e.batch.row).data[0].z.ravel(), e.heat.data[0].z, atol=1e-6), "the report's heat map"

def test_every_row_of_the_embedding_is_named(run):
    e = EmbeddingExplorer(run)
    facts, p = e.spaces.facts, mtpkd.RunFolder(run).predictions
    first = p[(p.fold == 0) & (p.seed == 0) & (p.method == "kd")].set_index("sample")
    assert list(facts["target"]) == list(first.loc[facts["sample"], "target"]) and list(facts["subject"]) == list(first.loc[facts["sample"], "subject"])
    assert {"joint", "face", "physio"} >= set(facts["teacher"]) and len(facts) == len(e.spaces.target)
    for by in e.colour.options: e.colour.value = by; assert not said(e)
    for view in e.view.options: e.view.value = view[1]; assert not said(e)
    e.pick([1, 3])
    assert all(list(t.selectedpoints) == [1, 3] for t in e.panels) and facts["sample"][3] in e.details.value

def test_samples_behind_a_bar_add_up(run):
    e = TransferLedger(run, "kd")
    t = mtpkd.RunFolder(run).transfer
    row = t[(t.method == "kd") & (t.kind == "class")].iloc[0]
    from mtpkd.pictures import open_run
    from mtpkd.insights import changed_samples
    rows = changed_samples(open_run(run), "kd", "class", row["group"])
    assert (rows["gained"].sum(), rows["lost"].sum()) == (row["turned_right"], row["turned_wrong"])
    e.open_bar("class", 0, e.figure.data[1]); assert "test rows on which kd" in e.details.value

def test_the_report_draws_the_same(run):
    "One figure for one thing: the explorer's is that of the report"
    r = mtpkd.RunFolder(run)
    assert figures.ledger_figure(run, reports.best_method(r.summary)) == reports.figure_or_note(r, "transfer")
    assert figures.choice_figure(run, "mtpkdot") == plots.teacher_choice(r.teachers[r.teachers.method == "mtpkdot"])

@pytest.mark.parametrize("gone", ["summary.json", "plans", "embeddings", "predictions.parquet", "teachers.csv", "history.csv", "experiment.yaml", "transfer.csv"])
@pytest.mark.parametrize("explorer", OF_A_RUN)
def test_a_half_finished_run_says_what_is_missing(explorer, gone, copy):
    at = copy/gone
    shutil.rmtree(at) if at.is_dir() else at.unlink()
    e = explorer(copy)
    if gone == "summary.json": assert "--resume" in said(e) and not e.stage.children
    needed = {PlanExplorer: "plans", EmbeddingExplorer: "embeddings", TeacherChoice: "teachers.csv", TransferLedger: ""}[explorer]
    if gone == needed: assert said(e) and not e.stage.children
    assert "Traceback" not in said(e)

@pytest.mark.parametrize("torn", ["summary.json", "plans/mtpkdot.safetensors", "predictions.parquet", "teachers.csv", "transfer.csv"])
@pytest.mark.parametrize("explorer", OF_A_RUN)
def test_a_torn_file_is_a_line(explorer, torn, copy):
    (copy/torn).write_bytes((copy/torn).read_bytes()[:40])
    explorer(copy)

@pytest.mark.parametrize("explorer", OF_A_RUN)
def test_what_is_no_run_is_a_line(explorer, tmp_path):
    (tmp_path/"empty").mkdir()
    for path in (tmp_path/"nowhere", tmp_path/"empty"): assert said(explorer(path)) and not explorer(path).stage.children

def test_a_fake_run_of_other_rows_says_so(tmp_path):
    e = EmbeddingExplorer(fake_run.write(fake_run.FakeRun(seeds=2), tmp_path/"fake"))
    assert "predictions of the first fold have" in said(e) and e.stage.children

def test_values_instead_of_classes(tmp_path):
    path = fake_run.write(fake_run.FakeRun("affect", "Affect", regression=True, seeds=2), tmp_path/"affect")
    for explorer in OF_A_RUN: assert explorer(path).stage.children
    assert PlanExplorer(path).status.value.count("third") == 1

def test_runs_are_browsed(run, copy):
    shutil.copytree(run, copy.parent/"other"); (copy/"summary.json").unlink()
    text = (copy.parent/"other"/"experiment.yaml").read_text().replace("k: 6", "k: 7"); (copy.parent/"other"/"experiment.yaml").write_text(text)
    b = RunBrowser(copy.parent)
    assert [o[0].split(":")[0] for o in b.runs.options] == ["other", "run"] and "unfinished" in b.details.value or b.runs.value == (0,)
    b.runs.value = (0, 1)
    assert "ot.k" in b.details.value and len(b.figure.data) >= 1
    b.filter.value = "unfinished"; assert [o[0].split(":")[0] for o in b.runs.options] == ["run"]

def test_evil_names_stay_text(tmp_path):
    evil = "<script>alert(1)</script>"
    r = fake_run.FakeRun(evil, evil, [evil, "b", "c"], seeds=2)
    path = fake_run.write(r, tmp_path/"evil")
    for explorer in OF_A_RUN:
        e = explorer(path)
        if explorer is PlanExplorer: e.select(0)
        if explorer is EmbeddingExplorer: e.pick([0, 1])
        assert "<script" not in e.status.value + e.details.value

def bench(root):
    spec = importlib.util.spec_from_file_location("bench_widgets", root/"benchmarks"/"widgets.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as m:
        m.syspath_prepend(str(root/"benchmarks")); spec.loader.exec_module(module)
    return module

def test_redraws_are_quick(root, monkeypatch):
    "In seconds of the processor, so that a busy machine does not count"
    import comm
    monkeypatch.setattr(comm, "create_comm", comm.create_comm)
    b = bench(root); b.connect()
    monkeypatch.setattr(b.time, "perf_counter", time.process_time)
    for r in b.measure(): assert 0 < r["median_ms"] < r["limit_ms"] and r["kilobytes"] > 0, r

def test_a_figure_on_a_page():
    fig = plots.line_panels(__import__("pandas").DataFrame(dict(a=[1., 2.])), "x")
    light, dark = on = [figures.on_page(fig, t) for t in ("light", "dark")]
    def luminance(c): return sum(w*((v/255)**2.2) for w, v in zip((.2126, .7152, .0722), (int(c[i:i+2], 16) for i in (1, 3, 5))))
    for f in on:
        a, b = sorted(luminance(c) for c in (f.layout.font.color, f.layout.paper_bgcolor))
        assert (b + .05)/(a + .05) > 7
    with pytest.raises(InputError, match="did you mean dark"): figures.on_page(fig, "drak")

@pytest.mark.browser
def test_a_figure_becomes_a_file(chromium, tmp_path, monkeypatch):
    import pandas as pd
    monkeypatch.setenv("BROWSER_PATH", str(chromium))
    fig = plots.line_panels(pd.DataFrame(dict(a=[1., 2.])), "x")
    assert "<svg" in figures.save_figure(fig, tmp_path/"a.svg", "dark").read_text()
    assert figures.save_figure(fig, tmp_path/"a.png").read_bytes()[:4] == b"\x89PNG"

def test_no_browser_is_one_line(tmp_path, monkeypatch):
    import kaleido, pandas as pd
    def none(*a, **k): raise RuntimeError("Kaleido v1 and later requires Chrome to be installed.")
    fig = plots.line_panels(pd.DataFrame(dict(a=[1., 2.])), "x")
    monkeypatch.setattr(type(fig), "write_image", none)
    with pytest.raises(InputError, match="apt-get install chromium"): figures.save_figure(fig, tmp_path/"a.svg")
    assert not (tmp_path/"a.svg").exists()
