"""JupyterLab in Chromium: a notebook is opened and run as a reader would, a slider moved, a sample clicked; nothing may be said on the console, and no request may fail.
Quick: a page of explorers over a run folder that was written, not trained. Slow: the companion notebooks."""

import json, os, platform, re, secrets, shutil, socket, subprocess, sys, time, urllib.request
import nbformat, numpy as np, plotly, pytest, torch
from pathlib import Path
import fake_run_folder
from project_layout import ROOT
from mtpkd.experiments.run_folder import RunFolder
from mtpkd.transport.geometry import anchor_clouds, cosine_gram, least_similar
from mtpkd.transport.sinkhorn import sinkhorn_divergence

pytestmark = pytest.mark.browser
EXPLORE, SHOTS = ROOT / "nbs" / "explore", ROOT / "screenshots"
FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync".split()
SETTINGS = {
    "apputils-extension/notification": dict(fetchNews="false", checkForUpdates=False),
    "notebook-extension/tracker": dict(windowingMode="none"),
}  # every cell is drawn, seen or not
QUICK = [
    ("schedule.steps=100", "schedule.steps=10"),
    ("teachers.steps=100", "teachers.steps=10"),
    ("schedule.evaluate=20", "schedule.evaluate=5"),
]

PREFIX = Path(plotly.__file__).parents[
    4
]  # where the packages put what they bring for JupyterLab, also where one environment stands on another
SHOTS.mkdir(exist_ok=True)


class Lab:
    "JupyterLab on loopback, with a token, over a copy of the companion notebooks"

    def __init__(self, home):
        self.home, self.token, self.work = home, secrets.token_hex(16), home / "work"
        shutil.copytree(EXPLORE, self.work, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
        for p in self.work.glob("*.ipynb"):  # without outputs, so that what is seen was drawn here
            nb = json.loads(p.read_text(encoding="utf-8"))
            for c in nb["cells"]:
                c.update(dict(outputs=[], execution_count=None) if c["cell_type"] == "code" else {})
            p.write_text(json.dumps(nb), encoding="utf-8")
        (home / "tmp").mkdir()
        for name, values in SETTINGS.items():
            at = home / "config" / "lab" / "user-settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            at.parent.mkdir(parents=True, exist_ok=True)
            at.write_text(json.dumps(values))
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]

    def __enter__(self):
        env = os.environ | dict(
            HOME=str(self.home),
            JUPYTER_CONFIG_DIR=str(self.home / "config"),
            JUPYTER_RUNTIME_DIR=str(self.home / "rt"),
            IPYTHONDIR=str(self.home / "ip"),
            TMPDIR=str(self.home / "tmp"),
            OMP_NUM_THREADS="1",
            JUPYTER_PATH=str(PREFIX / "share" / "jupyter"),
            JUPYTER_CONFIG_PATH=str(PREFIX / "etc" / "jupyter"),
        )
        options = [
            "--no-browser",
            "--allow-root",
            "--ip=127.0.0.1",
            f"--port={self.port}",
            f"--IdentityProvider.token={self.token}",
            f"--ServerApp.root_dir={self.work}",
            "--LabApp.news_url=None",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ]
        self.log = (self.home / "lab.log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], env=env, stdout=self.log, stderr=subprocess.STDOUT
        )
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/status?token={self.token}", timeout=2)
                return self
            except OSError:
                time.sleep(0.2)
        raise TimeoutError((self.home / "lab.log").read_text()[-2000:])

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()

    def url(self, name):
        return f"http://127.0.0.1:{self.port}/lab/tree/{name}.ipynb?token={self.token}&reset"

    def shorten(self, name):
        "Fewer steps of training: what is tested here is the page"
        p = self.work / f"{name}.ipynb"
        text = p.read_text(encoding="utf-8")
        for a, b in QUICK:
            text = text.replace(a, b)
        p.write_text(text, encoding="utf-8")


DRAWN = """() => { const all = [...document.querySelectorAll('.js-plotly-plot')], drawn = all.filter(p => p.querySelector('.main-svg')); return drawn.length > 0 && drawn.length == all.length
    && [...document.querySelectorAll('.mtpkd-status + .widget-box > .widget-box')].every(b => b.querySelector('.js-plotly-plot .main-svg')) }"""  # an explorer's boxes each hold a figure, however late its script comes

SLOW_SCRIPT = """const made = URL.createObjectURL.bind(URL); globalThis.delayed = 0; URL.createObjectURL = b => made(b instanceof Blob && b.size > 1e6 && b.type == "text/javascript"
    ? (globalThis.delayed++, new Blob([`await new Promise(done => setTimeout(done, 4000));\n`, b], {type: b.type})) : b)"""  # twice what anywidget waits


class Page:
    "A notebook in a tab, and what the browser said about it"

    def __init__(self, browser, lab, name, width=1280, height=1000, script="", scheme="light"):
        self.said, self.tab = [], browser.new_page(viewport=dict(width=width, height=height), color_scheme=scheme)
        if script:
            self.tab.add_init_script(script)
        self.tab.on("console", lambda m: self.said.append(m.text) if m.type == "error" else None)
        self.tab.on("pageerror", lambda e: self.said.append(str(e)))
        self.tab.on("requestfailed", lambda r: self.said.append(f"failed: {r.url} {r.failure}"))
        self.tab.on("response", lambda r: self.said.append(f"{r.status}: {r.url}") if r.status >= 400 else None)
        self.tab.goto(lab.url(name))
        self.tab.locator(".jp-Notebook").wait_for(timeout=120_000)
        self.tab.locator("#jp-main-statusbar").get_by_text(re.compile(r"\| Idle")).first.wait_for(
            timeout=120_000
        )  # else Run All opens a dialog

    def run_all(self, limit_s=400):
        tab = self.tab
        tab.get_by_role("menuitem", name="Run", exact=True).first.click()
        tab.get_by_text("Run All Cells", exact=True).first.click()
        tab.wait_for_function(
            """() => { const cells = [...document.querySelectorAll('.jp-Notebook .jp-CodeCell')], wrong = '[data-mime-type="application/vnd.jupyter.error"], [data-mime-type="application/vnd.jupyter.stderr"]';
            return document.querySelector(wrong) || cells.length && cells.every(c => /\\[\\d+\\]/.test(c.querySelector('.jp-InputPrompt').textContent)) }""",
            timeout=limit_s * 1000,
        )
        wrong = tab.locator(
            '[data-mime-type="application/vnd.jupyter.error"], [data-mime-type="application/vnd.jupyter.stderr"]'
        ).all_inner_texts()
        assert not wrong, wrong
        tab.wait_for_function(DRAWN, timeout=60_000)

    def figures(self):
        return self.tab.evaluate(
            "[...document.querySelectorAll('.js-plotly-plot')].map(p => [p.querySelectorAll('.point, .js-line, .hm image, .bars path, .gl-canvas, .errorbar').length, p.getBoundingClientRect().right])"
        )

    def shot(self, name):
        "The whole notebook as one picture"
        tall = self.tab.evaluate("document.querySelector('.jp-WindowedPanel-outer, .jp-Notebook').scrollHeight")
        self.tab.set_viewport_size(dict(width=1280, height=min(16_000, int(tall) + 150)))
        self.tab.wait_for_timeout(1500)
        self.tab.screenshot(path=str(SHOTS / f"{name}.png"))


@pytest.fixture(scope="module")
def lab(tmp_path_factory, chromium):
    with Lab(tmp_path_factory.mktemp("lab")) as it:
        yield it


@pytest.fixture(scope="module")
def browser(chromium):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        b = p.chromium.launch(executable_path=chromium, headless=True, args=FLAGS)
        yield b
        b.close()


def kept_plan(lab):  # the run folder of the notebook, in the kernel's folder for temporary files
    found = sorted((lab.home / "tmp").glob("*/run/plans/mtpkdot.safetensors"))
    return RunFolder(found[-1].parent.parent).plan("mtpkdot")


def plan_of(p, k, blur):
    x, y = anchor_clouds(torch.from_numpy(p["z_student"]).double(), torch.from_numpy(p["z_teacher"]).double()[None], k)
    return sinkhorn_divergence(x[0], y[0], blur**2, check=False).plan


def entropy(plan):
    return float(-(plan * plan.clamp_min(1e-300).log()).sum())


def number(text):
    return float(re.search(r"[\d.]+(e-?\d+)?", text).group())


def move_the_blur(page, p, k):
    "The blur slider six steps up; what is read is the entropy of the library's plan, before and after"
    tab = page.tab
    slider, told = (
        tab.locator(".widget-hslider", has=tab.get_by_text("blur", exact=True)).first,
        tab.locator(".mtpkd-entropy").first,
    )
    before = told.inner_text()
    assert abs(number(before) - entropy(plan_of(p, k, 0.1))) < 2e-4
    slider.locator(".noUi-handle").focus()
    for _ in range(6):
        tab.keyboard.press("ArrowRight")
    tab.wait_for_function("t => document.querySelector('.mtpkd-entropy').innerText != t", arg=before, timeout=20_000)
    tab.wait_for_timeout(1500)  # the last of the moves
    blur = number(slider.locator(".widget-readout").inner_text())
    assert blur > 0.15
    blur = 10 ** (round(np.log10(blur) / 0.05) * 0.05)  # the readout has three digits, the slider steps of .05
    plan = plan_of(p, k, blur)
    assert abs(number(told.inner_text()) - entropy(plan)) < 2e-4
    drawn = tab.evaluate(
        "(() => { const z = document.querySelector('.mtpkd-status + .widget-box .js-plotly-plot').data[0].z; return Array.from(z.flat ? z.flat() : z) })()"
    )
    assert np.allclose(np.sort(drawn), np.sort(plan.numpy().ravel()), atol=1e-6), "the picture moved with the numbers"


def page_of(lab, name, *cells):
    "A notebook of these code cells"
    nb = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(c) for c in cells],
        metadata=dict(kernelspec=dict(name="python3", display_name="Python 3", language="python")),
    )
    nbformat.write(nb, lab.work / f"{name}.ipynb")


def test_explorers_hear_the_kernel_however_late_their_script_comes(lab, browser):
    "Figures drawn, the blur moved, a sample clicked; the drawing library takes longer than anywidget waits, and is loaded once for all"
    path = fake_run_folder.write(fake_run_folder.FakeRun(seeds=2), lab.home / "fake")
    page_of(
        lab,
        "explorers",
        f"from mtpkd.widgets.plan_explorer import PlanExplorer; from mtpkd.widgets.explorers import TransferLedger\nfrom mtpkd.widgets import plan_figure\nrun = {str(path)!r}",
        "PlanExplorer(run, k=20)",
        "TransferLedger(run)",
        "plan_figure(run, k=20, view='lines')",
    )
    page, p = Page(browser, lab, "explorers", script=SLOW_SCRIPT), RunFolder(path).plan("mtpkdot")
    page.run_all(120)
    assert len(page.figures()) == 4 and all(marks > 0 for marks, _ in page.figures()), page.figures()
    move_the_blur(page, p, 20)
    click_a_cell(page, p, 20)
    page.tab.screenshot(path=str(SHOTS / "explorers.png"))
    assert page.tab.evaluate("globalThis.delayed") == 1
    assert page.said == []
    page.tab.close()


@pytest.mark.slow
def test_transport_plans(lab, browser):
    "Run it, move the blur, read the entropy, click a sample, see its anchors"
    lab.shorten("transport_plans")
    page = Page(browser, lab, "transport_plans")
    page.run_all()
    page.tab.screenshot(path=str(SHOTS / "transport_plans_top.png"))
    assert len(page.figures()) >= 9 and all(marks > 0 for marks, _ in page.figures()), page.figures()
    p = kept_plan(lab)
    move_the_blur(page, p, 30)
    click_a_cell(page, p, 30)
    page.tab.screenshot(path=str(SHOTS / "transport_plans_explorer.png"))
    assert page.said == []
    page.tab.close()


def click_a_cell(page, p, k):
    "A click on the heat map names a row of the batch and its anchors, as the teacher's similarities have them"
    mine = page.tab.locator(".mtpkd-details").first
    explorer = page.tab.locator(".widget-vbox", has=page.tab.locator(".mtpkd-status")).first
    explorer.locator(".js-plotly-plot").first.scroll_into_view_if_needed()
    box = max(
        (d.bounding_box() for d in explorer.locator(".js-plotly-plot").first.locator(".nsewdrag").all()),
        key=lambda b: b["width"] * b["height"],
    )
    page.tab.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.3 * box["height"])
    page.tab.wait_for_timeout(300)
    page.tab.mouse.click(box["x"] + 0.4 * box["width"], box["y"] + 0.3 * box["height"])
    page.tab.wait_for_function(
        "document.querySelector('.mtpkd-details').innerText.includes('anchors, the rows')", timeout=20_000
    )
    text = mine.inner_text()
    row = int(re.search(r"Sample (\d+) ", text).group(1))
    i = list(p["row"]).index(row)
    want = p["row"][least_similar(cosine_gram(torch.from_numpy(p["z_teacher"]).double()), k)[i]]
    listed = mine.locator("tbody tr td:first-child").all_inner_texts()
    assert [int(v) for v in listed] == list(want), "the anchors of the clicked row"


@pytest.mark.slow
def test_verdict(lab, browser):
    page = Page(browser, lab, "verdict")
    page.run_all()
    assert len(page.figures()) >= 5 and all(marks > 0 for marks, _ in page.figures()), page.figures()
    assert page.said == []
    page.tab.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(p.stem for p in EXPLORE.glob("*.ipynb")))
def test_every_notebook_fits_the_page(lab, browser, name):
    "Runs in the browser; nothing sticks out, nothing complains; a picture is kept for a look"
    page = Page(browser, lab, name)
    page.run_all()
    page.shot(name)
    assert page.figures() and max(right for _, right in page.figures()) <= 1280, page.figures()
    assert page.said == []
    page.tab.close()


AT = """([n, trace, point]) => { const p = [...document.querySelectorAll('.mtpkd-status + .widget-box .js-plotly-plot')][n];
  p.scrollIntoView({block: 'center'}); const r = p.getBoundingClientRect(), d = p._fullData[trace], f = p._fullLayout;
  const xa = f[(d.xaxis || 'x').replace('x', 'xaxis')], ya = f[(d.yaxis || 'y').replace('y', 'yaxis')];
  const cell = d.type == 'heatmap', at = (axis, v) => axis._offset + axis.l2p(v);
  const x = cell ? point[1] : xa.d2l(p.data[trace].x[point]), y = cell ? point[0] : ya.d2l(p.data[trace].y[point]);
  return [r.left + at(xa, x), r.top + at(ya, y)]; }"""


def click_at(page, figure, trace, point, until):
    "Click on a point, or on the cell [row, column] of a heat map, until it is answered: a page that is busy misses some"
    from playwright.sync_api import TimeoutError

    for _ in range(6):
        x, y = page.tab.evaluate(AT, [figure, trace, point])
        page.tab.mouse.move(x, y)
        page.tab.wait_for_timeout(400)
        page.tab.mouse.click(x, y)
        try:
            return page.tab.wait_for_function(until, timeout=5_000)
        except TimeoutError as e:
            missed = e
    raise missed


def has_text(kind, text):
    "Whether any line of this kind of any explorer holds a text"
    return f"() => [...document.querySelectorAll('.mtpkd-{kind}')].some(s => s.innerText.includes({text!r}))"


def turn_dark(page):
    "The dark theme of JupyterLab"
    page.tab.get_by_role("menuitem", name="Settings", exact=True).first.click()
    page.tab.get_by_text("Theme", exact=True).first.hover()
    page.tab.get_by_text("JupyterLab Dark", exact=True).first.click()
    page.tab.wait_for_function("() => document.body.dataset.jpThemeLight == 'false'", timeout=30_000)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_two_runs_teachers_and_a_run_that_trains(lab, browser, scheme):
    "A point of one run is marked in the other; a cell opens a pair of teachers; a slider hides a modality; a journal grows"
    home = lab.home / f"desk_{scheme}"
    first, second = (
        fake_run_folder.write(fake_run_folder.FakeRun(seeds=2), home / "runs" / name) for name in ("one", "two")
    )
    now = home / "runs" / "now"
    now.mkdir()
    shutil.copy(first / "experiment.yaml", now)
    (now / "journal.jsonl").write_text('{"event": "start", "seconds": 0}\n')
    (now / ".lock").write_text(f"process {os.getpid()} on {platform.node()}")
    page_of(
        lab,
        f"desk_{scheme}",
        "from mtpkd.widgets import EmbeddingExplorer, HiddenModality, RunBrowser, TeacherAgreement\n"
        f"run, second, runs = {str(first)!r}, {str(second)!r}, {str(home / 'runs')!r}",
        "EmbeddingExplorer(run, second=second)",
        "TeacherAgreement(run)",
        "HiddenModality(run)",
        "RunBrowser(runs, seconds=0.5)",
    )
    page = Page(browser, lab, f"desk_{scheme}", scheme=scheme)
    page.run_all(200)
    tab = page.tab
    if scheme == "dark":
        turn_dark(page)
    marks = "document.querySelector('.js-plotly-plot').data.slice(0, 2).map(d => String(d.selectedpoints ?? ''))"
    click_at(page, 0, 0, 5, f"() => {{ const m = {marks}; return m[0] && m[0] == m[1] }}")
    click_at(page, 1, 0, [0, 1], has_text("status", "teacher joint and"))
    click_at(page, 2, 0, [0, 0], has_text("details", "test rows with their targets"))
    with (now / "journal.jsonl").open("a") as journal:
        for step in (10, 20, 30):
            values = dict(loss=1 / step, validation=0.5 + step / 100)
            event = dict(event="evaluation", stage="kd", step=step, steps=40, seconds=step, values=values)
            journal.write(json.dumps(event) + "\n")
    tab.wait_for_function(has_text("details", "kd, step 30 of 40"), timeout=20_000)
    tab.wait_for_function(DRAWN, timeout=20_000)
    (now / ".lock").unlink()
    tab.wait_for_function(has_text("details", "go on with --resume"), timeout=20_000)
    for number in range(1, 5):
        tab.locator(".jp-Notebook .jp-CodeCell").nth(number).screenshot(path=str(SHOTS / f"desk_{scheme}_{number}.png"))
    assert all(count > 0 for count, _ in page.figures()) and page.said == []
    tab.close()
