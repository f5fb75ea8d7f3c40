"""Companion notebooks over a set with film and sound, in Chromium: a click on a point or a bar shows the frame and offers the sound, and the timeline moves with the film."""

import shutil
import ipywidgets
import pytest
import mtpkd
from media_files import talking_films
from mtpkd.features.prepare import prepare
from mtpkd.widgets.explorers import EmbeddingExplorer, TeacherChoice, TransferLedger
from mtpkd.widgets.plan_explorer import PlanExplorer
from mtpkd.widgets.sample_view import sample_html
from test_browser import browser, lab, Page, SHOTS, turn_dark  # noqa: F401 the fixtures
from tiny_runs import quick

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TEACHERS = ["teacher_joint", "teacher_face", "teacher_voice", "teacher_heart"]


@pytest.fixture(scope="module")
def filmed(tmp_path_factory):
    "A run on a prepared set with films, sound and a signal; and the folder of the recordings"
    home = tmp_path_factory.mktemp("filmed")
    recordings = talking_films(home / "films")
    how = dict(encoder="frames_tcn,logmel,raw", weights="random", faces="whole", frames=2, size=16, sound_seconds=1.0)
    manifest = prepare(recordings, out=home / "set", jobs=1, progress=False, **how)
    settings = dict(seeds=[0, 1], config=quick(schedule=dict(steps=40)), labelled="all", progress=False)
    run = mtpkd.run(str(manifest), methods=["mtpkdot", "kd", *TEACHERS], out=home / "run", **settings)
    return run, recordings.parent


def test_every_explorer_opens_the_recording_of_a_sample(filmed):
    "In Python: a point, a bar of each ledger, a row of a plan; with the films, and without them"
    run, films = filmed
    points = EmbeddingExplorer(run)
    points.open_row(2)
    view = points.sample_view
    assert view.sample == points.spaces.facts["sample"].iloc[2]
    assert [part.kind for part in view.parts] == ["film", "sound", "signal"]
    assert view.picture.content[:2] == b"\xff\xd8" and view.sound.content[:4] == b"RIFF"
    before = view.sample, view.picture.content, view.cursor.layout.shapes[0].x0
    view.moment.value = len(view.moment.moments) - 1
    after = view.sample, view.picture.content, view.cursor.layout.shapes[0].x0
    assert all(old != new for old, new in zip(before, after)), "sample, frame and place in the recording"
    ledger = TransferLedger(run)
    bars = max(ledger.figure.data, key=lambda trace: len(trace.y))
    kind = "subject" if bars is ledger.figure.data[0] else "class"
    for number in range(len(bars.y)):
        ledger.open_bar(kind, number, bars)
    assert ledger.sample_view.sample, "a sample on which a method and the student alone differ"
    choice = TeacherChoice(run)
    choice.by.value = "class"
    choice.open_bar(0, max(choice.figure.data, key=lambda trace: trace.x[0]))
    assert choice.sample_view.parts[0].kind == "film"
    plan = PlanExplorer(run)
    plan.select(1)
    assert plan.sample_view.sample == plan.sample_view.rows.ids[int(plan.batch.row[1])]
    page = sample_html(run, view.sample, include_js=False)
    assert page.count("<img ") == 6 and page.count("<audio ") == 1 and page.count("plotly-graph-div") == 4
    shutil.move(films / "film", films / "moved")
    try:
        view.show_sample(view.sample)
        assert [part.kind for part in view.parts] == ["features", "signal", "signal"]
        assert "is gone" in view.lines.value and not view.picture.number and not view.sound.number
    finally:
        shutil.move(films / "moved", films / "film")
    ipywidgets.Widget.close_all()


def name_run(lab, notebook, run):  # noqa: F811
    "Let a notebook of the copy show a run"
    path = lab.work / f"{notebook}.ipynb"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("run_folder = None", f"run_folder = '{run.path}'"), encoding="utf-8")


HAS_FRAME = (
    "() => { const i = document.querySelector('.mtpkd-frame img'); return i && !i.hidden && i.naturalWidth > 0 }"
)
HAS_SOUND = "() => { const a = document.querySelector('.mtpkd-sample audio'); return a && a.readyState >= 1 && a.duration > 0.9 }"


def watch_and_listen(page):
    "The frame is seen, the sound plays, and the timeline moves with the slider"
    tab = page.tab
    tab.wait_for_function(HAS_FRAME, timeout=60_000)
    tab.wait_for_function(HAS_SOUND, timeout=60_000)
    tab.evaluate(
        "async () => { const a = document.querySelector('.mtpkd-sample audio'); a.muted = true; await a.play() }"
    )
    tab.wait_for_function("() => document.querySelector('.mtpkd-sample audio').currentTime > 0.1", timeout=20_000)
    cursor = "() => { const p = [...document.querySelectorAll('.mtpkd-sample .js-plotly-plot')].find(p => p.layout.shapes?.[0]?.yref == 'paper'); return [p.layout.shapes[0].x0, document.querySelector('.mtpkd-frame img').src] }"
    before = tab.evaluate(cursor)
    tab.locator(".mtpkd-sample .noUi-handle").first.focus()
    for _ in range(3):
        tab.keyboard.press("ArrowRight")
    tab.wait_for_function(
        f"old => {{ const now = ({cursor})(); return now[0] > old[0] && now[1] != old[1] }}", arg=before, timeout=60_000
    )
    tab.wait_for_function(HAS_FRAME, timeout=20_000)


def shoot(page, name):
    "A picture of the sample"
    page.tab.locator(".mtpkd-sample").first.scroll_into_view_if_needed()
    page.tab.wait_for_timeout(1500)
    page.tab.locator(".mtpkd-sample").first.screenshot(path=str(SHOTS / f"{name}.png"))


def click_in(page, trace, point=0):
    "Click on a point of the explorer's figure, where the browser draws it"
    box = page.tab.evaluate(
        """([t, n]) => { const p = document.querySelector('.mtpkd-status + .widget-box .js-plotly-plot'), d = p.data[t], f = p._fullLayout;
        p.scrollIntoView({block: 'center'}); const r = p.getBoundingClientRect(), trace = p._fullData[t], at = (axis, v) => axis._offset + axis.d2p(v);
        const xa = f[trace.xaxis.replace('x', 'xaxis')], ya = f[trace.yaxis.replace('y', 'yaxis')];
        const bar = trace.type == 'bar', x = bar ? d.x[n] / 2 : d.x[n];
        return [r.left + at(xa, x), r.top + at(ya, d.y[n])] }""",
        [trace, point],
    )
    page.tab.mouse.move(*box)
    page.tab.wait_for_timeout(400)
    page.tab.mouse.click(*box)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_point_of_the_embeddings_opens_its_recording(lab, browser, filmed, scheme):  # noqa: F811
    name_run(lab, "embeddings", filmed[0])
    page = Page(browser, lab, "embeddings", scheme=scheme)
    page.run_all()
    if scheme == "dark":
        turn_dark(page)
    click_in(page, 0, 3)
    watch_and_listen(page)
    shoot(page, f"sample_{scheme}")
    assert page.said == []
    page.tab.close()


def test_a_bar_of_the_verdict_opens_a_recording(lab, browser, filmed):  # noqa: F811
    name_run(lab, "verdict", filmed[0])
    page = Page(browser, lab, "verdict")
    page.run_all()
    plot = "document.querySelector('.mtpkd-status + .widget-box .js-plotly-plot')"
    bars = f"({plot}?.data ?? []).map(d => d.x.findIndex(v => Math.abs(v) > 1))"
    page.tab.wait_for_function(f"{bars}.some(place => place >= 0)", timeout=60_000)  # a figure is drawn before its bars
    bars = page.tab.evaluate(bars)
    trace = next(number for number, point in enumerate(bars) if point >= 0)
    click_in(page, trace, bars[trace])
    watch_and_listen(page)
    shoot(page, "sample_of_a_bar")
    assert page.said == []
    page.tab.close()
