"The report is one page that loads nothing, escapes what comes from data, names what is missing, and draws in a browser."

import re, shutil
from types import SimpleNamespace
import pytest
import fake_run_folder
from mtpkd.evaluation.summary import parse_summary
from mtpkd.reporting.answers import takeaway
from mtpkd.reporting.report import report
from mtpkd.reporting.sentences import verdict_sentences
from mtpkd.core.errors import InputError

LIMIT = 8_000_000


def body(path):
    "The page without plotly.js, the style sheet and the figures' data"
    page = path.read_text(encoding="utf-8")
    text = re.sub(r"<script>.*?</script>", "", page[page.index("<body>") :], flags=re.S).replace("\u00a0", " ")
    return re.sub(r"</?code[^>]*>", "", text)  # options of a command stand as code


@pytest.fixture(scope="module")
def runs():
    digits = {k.replace("accel", "fac"): v + 0.13 for k, v in fake_run_folder.LEVELS.items()}
    return [
        fake_run_folder.FakeRun(),
        fake_run_folder.FakeRun(
            "mfeat",
            "Handwritten digits",
            [str(d) for d in range(10)],
            3,
            digits,
            subjects=None,
            prevalent=("zer",),
            privileged=("fac",),
        ),
    ]


@pytest.fixture(scope="module")
def page(runs, tmp_path_factory):
    return report(runs, tmp_path_factory.mktemp("report") / "report.html")


def test_it_is_one_page_that_loads_nothing(page):
    text = page.read_text(encoding="utf-8")
    assert page.stat().st_size < LIMIT
    assert text.count("<script src") == 0 and not re.search(
        r"""<(?:img|link|iframe|script)[^>]+(?:src|href)=["']?(?:https?:)?//""", text
    )
    assert (
        not re.search(r"""(?:src|href)=["']https?:""", body(page)) and "@import" not in text[: text.index("<script>")]
    )
    assert text.count("plotly.js v") == 1, "plotly.js stands in the page once"


def test_it_says_everything(page, runs):
    text = body(page)
    for r in runs:
        for sentence in verdict_sentences(r.summary, r.transfer):
            assert sentence.replace("<", "&lt;").replace("'", "&#39;").replace('"', "&#34;") in text
        for m in r.summary["methods"]:
            assert m in text or r.summary.is_candidate(m)
    assert len(re.findall(r'class="plotly-graph-div"', text)) == 22
    for said in [
        "Who is hurt by mtpkd",
        "true gain of 2.0 points by mtpkd",
        "mtpkd is better calibrated",
        "The value of each privileged modality is not known",
        "overconfident",
        "subjects that gain / lose",
    ]:
        assert said in text, said


def test_several_runs_begin_with_a_line_each(page, runs, tmp_path):
    text = body(page)
    top = text[: text.index('<section id="run0">')]
    for number, r in enumerate(runs):
        assert f'<a href="#run{number}">{r.summary.title}</a>: <strong>' in top
        assert takeaway(r.summary).partition(": ")[2].replace("<", "&lt;") in top
    assert "In one line each" not in body(report(runs[0], tmp_path / "one.html"))


def test_rows_outside_the_correction_are_never_bold(runs, tmp_path):
    "Neither by their own p nor by an interval without zero; each dot is drawn as in the figure"
    r = fake_run_folder.FakeRun()
    methods = {name: row.model_dump() for name, row in r.summary.methods.items()}
    methods["mtpkdot:no_ot"] = methods["mtpkd"] | dict(p=0.0001, p_holm=None)
    r.summary |= dict(methods=methods)
    report(r, tmp_path / "r.html")
    strong = re.findall(
        r'<tr class="strong">\s*<td><span class="dot (\w+)"[^>]*></span>([\w:]+)', body(tmp_path / "r.html")
    )
    expected = {name for name, row in r.summary.methods.items() if row.p_holm is not None and row.p_holm < 0.05}
    assert {name for _, name in strong} == expected and {mark for mark, _ in strong} <= {"significant"} and expected
    outside = re.findall(r'<span class="dot outside"[^>]*></span>([\w:]+)', body(tmp_path / "r.html"))
    assert {"mtpkdot:no_ot", "teacher_joint", "student_all_labels"} <= {*outside}


def test_names_are_explained_where_the_summary_does(tmp_path):
    r = fake_run_folder.FakeRun()
    assert "gyroscope" not in body(report(r, tmp_path / "r.html"))
    r.summary |= dict(meanings=dict(gyro="gyroscope of a <watch>"))
    assert "gyro: gyroscope of a &lt;watch&gt;." in body(report(r, tmp_path / "r.html"))


def test_same_input_same_page(page, runs, tmp_path):
    assert report(runs, tmp_path / "again.html").read_bytes() == page.read_bytes()


@pytest.mark.parametrize(
    "evil", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}", "a</script><b>"]
)
def test_data_stays_text(evil, tmp_path):
    levels = fake_run_folder.LEVELS | {evil: 0.5}
    r = fake_run_folder.FakeRun(evil, evil, [evil, "b", "c"], levels=levels, seeds=2)
    r.summary |= dict(citation=evil, licence=evil)
    r.teachers["teacher"] = r.teachers["teacher"].replace("gyro", evil)
    r.transfer = r.transfer.replace("P0", evil)
    r.summary |= dict(modalities=dict(values={evil: dict(value=0.1, ci95=[0.05, 0.15], p=0.01)}))
    assert (
        {evil} <= {*r.transfer["group"]} and {evil} <= {*r.transfer["method"]} and {evil} <= {*r.calibration["method"]}
    )
    page = report(r, tmp_path / "report.html").read_text(encoding="utf-8")
    after = page[page.index("<body>") :]
    assert evil not in after or evil == "{{ 7*7 }}", "raw text reached the page"
    assert len(re.findall(r"<script", after)) == len(re.findall(r'class="plotly-graph-div"', after)), (
        "no script but the figures'"
    )
    assert len(re.findall(r"</script", after)) == len(re.findall(r"<script", after)) and "<img" not in after


def stopped(**there):
    return SimpleNamespace(path="runs/stopped", **there)


def test_a_half_finished_run_says_what_is_missing(runs, tmp_path):
    bare = {
        k: v for k, v in runs[0].summary.items() if k not in ("power", "calibration", "modalities")
    }  # as an older run left it
    text = body(report(stopped(summary=parse_summary(bare)), tmp_path / "r.html"))
    for said in [
        "No repeats to show",
        "No method of this run chose between teachers",
        "no transport plans",
        "No learning curves",
        "This run has no embeddings",
        "No gains and losses to show",
        "No calibration to show",
        "no values of its privileged modalities",
    ]:
        assert said in text, said
    assert "Traceback" not in text and "mtpkd is better than the student alone" in text


def test_a_run_without_a_summary_is_one_line(tmp_path):
    text = body(report([stopped(), stopped(summary={})], tmp_path / "r.html"))
    assert text.count("Nothing to report yet") == 2 and "Finish the run with --resume" in text


def test_broken_parts_are_lines(runs, tmp_path):
    def torn(*a):
        raise OSError("plans/kd.safetensors is cut off\nat byte 12")

    r = runs[0]
    text = body(
        report(
            stopped(
                summary=r.summary, results=r.results.drop(columns="value"), plans=["kd"], plan=torn, embeddings=torn
            ),
            tmp_path / "r.html",
        )
    )
    assert "plan cannot be shown: plans/kd.safetensors is cut off" in text and "byte 12" not in text
    assert "repeat scatter cannot be drawn" in text


def test_regression_without_subjects(tmp_path):
    r = fake_run_folder.FakeRun("affect", "Affect", regression=True, subjects=None)
    text = body(report(r, tmp_path / "r.html"))
    assert "CCC" in text and "third of the target" in text and "The data name no subjects" in text


@pytest.mark.slow
def test_many_runs_stay_small(runs, tmp_path):
    page = report(runs * 8, tmp_path / "r.html")
    assert page.stat().st_size < LIMIT and "left out to keep this page small" in body(page)


def test_words_do_not_claim_too_much(runs):
    s = runs[0].summary
    none = s | dict(
        methods={m: v | (dict(p=0.4, p_holm=1.0) if v["p"] is not None else {}) for m, v in s["methods"].items()}
    )
    said = " ".join(verdict_sentences(none))
    assert "No method with a teacher differs" in said and "is better than" not in said and "none is significant" in said
    flat = s | dict(headroom=dict(value=0.004, ci95=[-0.01, 0.018], p=0.41, significant=False))
    assert "can hardly show more, whatever the teacher knows" in " ".join(verdict_sentences(flat))
    unclear = s | dict(headroom=dict(value=0.094, ci95=[-0.045, 0.232], p=0.133, significant=False))
    assert "Whether there was anything to gain, this run does not show." in " ".join(verdict_sentences(unclear))


def test_no_headroom_is_said_on_the_page(tmp_path):
    "In words, and no share of a headroom that is not there"
    r = fake_run_folder.FakeRun("flat", "Nothing left to learn")
    r.summary |= dict(headroom=dict(value=0.004, ci95=[-0.01, 0.018], p=0.41, significant=False))
    text = body(report(r, tmp_path / "r.html"))
    assert (
        "no headroom. This prevalent modality can hardly show more, whatever the teacher knows." in text
        and "headroom closed" not in text.lower()
    )
    r.summary |= dict(headroom=None)
    assert "headroom is not known" in body(report(r, tmp_path / "r.html"))


def test_values_are_explained_too(tmp_path):
    "A regression has thirds instead of classes, squared errors instead of right and wrong, and no calibration"
    r = fake_run_folder.FakeRun("affect", "Affect", regression=True)
    text = body(report(r, tmp_path / "r.html"))
    for said in ["thirds of the target gain", "came closer", "this run predicts values"]:
        assert said in text, said
    assert "turned right" not in text and "better calibrated" not in text


def budgets(gains):  # one run a budget, mtpkd ahead by so much
    made = []
    for n, gain in gains.items():
        r = fake_run_folder.FakeRun("watch", "Watch", levels=fake_run_folder.LEVELS | dict(mtpkd=0.501 + gain), seeds=2)
        r.summary |= dict(labelled=n)
        r.results["n_train"] = n or 1470
        made.append(r)
    return made


def test_runs_over_label_budgets_are_a_curve(tmp_path):
    made = budgets({50: 0.2, 400: 0.2, None: -0.01})
    text = body(report(made[::-1], tmp_path / "r.html"))
    assert "Over label budgets" in text and "mtpkd pays until all rows are labelled" in text
    assert re.search(r"<th>50</th><th>400</th><th>all</th>", text), (
        "fewest labels first, whatever the order of the folders"
    )
    for other in (
        made[:1],
        [made[0], fake_run_folder.FakeRun("mfeat", seeds=2)],
        [made[0], made[0]],
        [made[0], stopped(summary=None)],
    ):
        assert "Over label budgets" not in body(report(other, tmp_path / "r.html")), "no curve"


def test_bad_arguments(tmp_path):
    with pytest.raises(InputError, match="no run folders"):
        report([], tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


FLAGS = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync".split()


ON_PAPER = """(() => {
  const style = getComputedStyle(document.body), folds = [...document.querySelectorAll('.fold')];
  const empty = folds.filter(d => d.getBoundingClientRect().height < 1.5 * d.firstElementChild.getBoundingClientRect().height);
  return {background: style.backgroundColor, ink: style.color, empty: empty.map(d => d.innerText)};
})()"""


@pytest.mark.browser
def test_a_browser_draws_every_figure(page, chromium, tmp_path):
    from playwright.sync_api import sync_playwright

    said, asked = [], []
    with sync_playwright() as p:
        context = p.chromium.launch_persistent_context(
            tmp_path / "profile",
            executable_path=chromium,
            args=FLAGS,
            offline=True,
            viewport=dict(width=1280, height=900),
        )
        tab = context.new_page()
        tab.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None)
        tab.on("pageerror", lambda e: said.append(str(e)))
        tab.on("request", lambda r: asked.append(r.url) if not r.url.startswith(("data:", "blob:")) else None)
        tab.goto(page.as_uri())
        tab.wait_for_function(
            "document.querySelectorAll('.plotly-graph-div').length == document.querySelectorAll('.plotly-graph-div .main-svg:first-child').length"
        )
        figures = tab.evaluate("""[...document.querySelectorAll('.plotly-graph-div')].map(d => ({id: d.id, marks: d.querySelectorAll(
            '.point, .js-line, .js-fill, .hm image, .errorbar').length, right: d.getBoundingClientRect().right}))""")
        wide = tab.evaluate("document.documentElement.scrollWidth")
        on_screen = tab.evaluate(ON_PAPER)
        tab.emulate_media(media="print")
        breaks = tab.evaluate("[...document.querySelectorAll('section')].map(s => getComputedStyle(s).breakBefore)")
        tab.emulate_media(media="print", color_scheme="dark")
        paper = tab.evaluate(ON_PAPER)
        tab.emulate_media(media="screen", color_scheme="light")
        pages = len(re.findall(rb"/Type\s*/Page[^s]", tab.pdf(format="A4", prefer_css_page_size=True)))
        folded = tab.evaluate("document.querySelectorAll('.fold:not([open])').length")
        context.close()
    assert len(figures) == 22 and all(f["marks"] > 0 for f in figures), figures
    assert wide <= 1280 and max(f["right"] for f in figures) <= 1280, "nothing sticks out at 1280 px"
    assert asked == [page.as_uri()] and said == []
    assert breaks == ["auto", "page"], "each experiment starts on a page of its own"
    assert paper == dict(background="rgb(255, 255, 255)", ink="rgb(28, 28, 28)", empty=[]), "details are open, on white"
    assert pages > 10 and folded == len(on_screen["empty"]) > 10, "what was opened for the paper is folded again"
