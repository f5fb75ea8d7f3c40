"""README.md is short, links of README and guides lead somewhere and their prose uses the terms of the field; the
documentation builds, every link on it leads somewhere, and it loads nothing from elsewhere."""

import importlib.util, json, re, subprocess, sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit
import pytest
from project_layout import ROOT, cells

sys.path.insert(0, str(ROOT / "tools"))
import build_docs, build_readme

NBS = ROOT / "nbs"
GUIDES = build_docs.guides(NBS)
NUMBERED = [NBS / path for path in build_docs.numbered_notebooks(NBS)]
README_BYTES = 7_000
FIGURE = '<script type="application/json" class="figure">'
LOADS = {("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src"), ("source", "src")}


class Links(HTMLParser):
    "What a page links to, what it loads, and its anchors"

    def __init__(self, text):
        super().__init__()
        self.to, self.loads, self.ids = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids |= {attrs[key] for key in ("id", "name") if attrs.get(key)}
        if tag == "a" and attrs.get("href"):
            self.to.append(attrs["href"])
        if tag == "link" and attrs.get("rel") in ("canonical", "next", "prev"):
            return
        self.loads += [attrs[key] for name, key in LOADS if tag == name and attrs.get(key)]


def dead(pages):
    "Links and loads that lead nowhere: page, target"
    found = []
    for page, links in pages.items():
        for target in links.to + links.loads:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            there = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            there = there / "index.html" if there.is_dir() else there
            anchor = unquote(parts.fragment)
            missing = anchor and there in pages and anchor not in pages[there].ids | {"__codelineno-0-1"}
            if missing or not there.exists():
                found.append((page.name, target))
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    for name in ("mkdocs", "material", "mkdocstrings", "latex2mathml"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"no {name}: pip install -e .[docs]")
    out = tmp_path_factory.mktemp("site")
    done = subprocess.run([sys.executable, ROOT / "tools" / "build_docs.py", out], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return out


@pytest.fixture(scope="module")
def pages(site):
    return {path: Links(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}


def exported_module(path):
    "`transport.sinkhorn`, as the notebook says"
    found = (re.search(r"^#\| default_exp (\S+)", source, re.M) for _, source in cells(path))
    return next(filter(None, found))[1]


@pytest.mark.slow
def test_everything_has_a_page(site, pages):
    assert len(NUMBERED) > 50
    for path in NUMBERED:
        module = exported_module(path)
        assert (site / "notebooks" / path.relative_to(NBS).with_suffix(".html")).exists(), path.stem
        assert (site / "api" / (module.replace(".", "/") + ".html")).exists(), module
    for path in (NBS / "explore").glob("*.ipynb"):
        assert FIGURE in (site / "explore" / f"{path.stem}.html").read_text(encoding="utf-8"), path.stem
    for path in GUIDES:
        assert (site / "guides" / f"{path.stem}.html").exists(), path.stem
    assert "transport_plans" in (site / "search" / "search_index.json").read_text(encoding="utf-8")


@pytest.mark.slow
def test_modules_are_documented_by_their_docstrings(site):
    transport = [path for path in (site / "api").rglob("*.html") if "transport" in str(path.relative_to(site))]
    assert any("Cosine similarity of every pair of rows" in path.read_text(encoding="utf-8") for path in transport)


@pytest.mark.slow
def test_the_tabs_are_the_wings(site):
    front = (site / "index.html").read_text(encoding="utf-8")
    tabs = [re.sub(r"<.*?>|\s", "", tab) for tab in re.findall(r'md-tabs__link">(.*?)</a>', front, re.S)]
    assert tabs == ["mtpkd", "Guides", *build_docs.WINGS, "Explore", "API", "Project"]


@pytest.mark.slow
def test_tables_of_the_guides_are_drawn_and_their_cells_hidden(site):
    text = (site / "guides" / "results.html").read_text(encoding="utf-8")
    page = build_readme.page_text(ROOT / "nbs" / "docs" / "results.ipynb")
    tables = re.findall(r"^\|[-:| ]+\|$", page, re.M)
    assert (
        len(tables) > 5 and text.count("<table>") == len(tables) and "| `" not in text and "result_tables" not in text
    )


@pytest.mark.slow
def test_every_link_leads_somewhere(pages):
    assert dead(pages) == []


@pytest.mark.slow
def test_nothing_is_loaded_from_elsewhere(pages):
    assert [(path.name, url) for path, links in pages.items() for url in links.loads if urlsplit(url).netloc] == []


def test_the_check_sees_a_dead_link(tmp_path):
    first, second = tmp_path / "a.html", tmp_path / "b.html"
    first.write_text(
        '<h1 id="x"></h1><a href="b.html#y">1</a><a href="c.html">2</a><a href="#x">3</a>'
        '<a href="https://example.org">4</a>'
    )
    second.write_text('<img src="no.png">')
    found = dead({path: Links(path.read_text()) for path in (first, second)})
    assert found == [("a.html", "b.html#y"), ("a.html", "c.html"), ("b.html", "no.png")]


# --- README.md and the guides --------------------------------------------------------------------------------------

PRIVATE = re.compile(r"\b(classroom|rooms?|told|tells|home|beside|imagin\w*|rivals?|mend|taught by|shelf|learners?)\b")
TEXTS = pytest.mark.parametrize("path", [ROOT / "README.md", *GUIDES], ids=lambda path: path.stem)


def text_of(path):
    "What a reader sees of README.md or a guide, as Markdown"
    return path.read_text(encoding="utf-8") if path.suffix == ".md" else build_readme.page_text(path)


def test_the_readme_is_short_and_begins_with_the_commands():
    text = text_of(ROOT / "README.md")
    assert len(text.encode()) <= README_BYTES
    lines = text.splitlines()

    def line_of(start):
        return next(number for number, line in enumerate(lines) if line.startswith(start))

    commands = [line_of("make demo"), line_of("make test")]
    assert max(commands) < 16 and max(commands) < line_of("<img") < 25, "title, three sentences, commands, picture"
    assert len(re.findall(r"<img|!\[", text)) == 1 and len(re.findall(r"^\|---", text, re.M)) == 1
    code = "\n".join(re.findall(r"^```.*?^```", text, re.M | re.S))
    assert max(map(len, code.splitlines())) <= 92, "a reader has to scroll sideways"


@TEXTS
def test_links_of_readme_and_guides_lead_to_files(path):
    found = build_readme.LINK.findall(text_of(path))
    targets = [markdown or html for _, markdown, _, html in found]
    local = [target.partition("#")[0] for target in targets if not re.match(r"[a-z]+:|#", target)]
    assert [target for target in local if not (path.parent / target).exists()] == []
    if path.suffix == ".md":
        assert {*local} >= {f"nbs/docs/{guide.name}" for guide in GUIDES}, "every guide is linked from the README"


def test_guides_begin_with_a_title_and_export_nothing():
    assert {path.stem for path in GUIDES} == {*build_docs.GUIDES}
    for path in GUIDES:
        kind, text = cells(path)[0]
        assert kind == "markdown" and re.match(r"# .+\n\n> .+", text), path.stem
        code = "\n".join(source for kind, source in cells(path) if kind == "code")
        assert not re.search(r"^#\|\s*(export|default_exp)", code, re.M), path.stem


@TEXTS
def test_prose_uses_the_terms_of_the_field(path):
    prose = re.sub(r"^```.*?^```|`[^`\n]*`|\]\([^)]*\)", "", text_of(path), flags=re.M | re.S)
    assert PRIVATE.findall(prose.lower()) == []


def test_the_check_sees_a_private_word():
    assert PRIVATE.findall("what the rivals are told; a recommended roommate") == ["rivals", "told"]


# --- navigation, in the flat layout and with folders ---------------------------------------------------------------

WINGS = {
    "Foundations": "00_core/01_errors 90_api 95_cli/05_main",
    "Data": "10_data/01_manifest 11_corpora/01_scan 12_reading/01_reading 20_models/06_student 25_features/08_prepare",
    "Method": "30_transport/06_sinkhorn 35_losses/01_terms 45_training/08_loop 50_distillation/05_stage",
    "Evidence": "40_evaluation/02_metrics 60_experiments/03_plan 65_execution/03_sweep 75_reporting/05_tables "
    "80_widgets/01_base",
    "Field": "55_deployment/01_student_file",
}


@pytest.mark.parametrize("wing, names", WINGS.items())
def test_every_notebook_has_a_wing(wing, names):
    found = {name: build_docs.wing_of(Path(f"{name}.ipynb")) for name in names.split()}
    assert found == dict.fromkeys(names.split(), wing)


def test_every_wing_has_notebooks():
    wings = build_docs.notebooks_by_wing(NBS)
    assert list(wings) == list(WINGS) and all(wings.values())
    found = sorted(path for notebooks in wings.values() for path in notebooks)
    assert found == build_docs.numbered_notebooks(NBS)


def write_notebook(path, *texts):
    "A notebook of Markdown cells"
    path.parent.mkdir(parents=True, exist_ok=True)
    made = [dict(cell_type="markdown", metadata={}, source=text) for text in texts]
    path.write_text(json.dumps(dict(cells=made, metadata={}, nbformat=4, nbformat_minor=5)))


@pytest.fixture
def nested(tmp_path, monkeypatch):
    "A small project whose notebooks lie in folders; returns the folder of the site's source"
    pytest.importorskip("latex2mathml")
    nbs, source = tmp_path / "nbs", tmp_path / "build"
    for name, value in dict(ROOT=tmp_path, NOTEBOOKS=nbs, SOURCE=source).items():
        monkeypatch.setattr(build_docs, name, value)
    (nbs / "images").mkdir(parents=True)
    (nbs / "images" / "curve.png").write_bytes(b"")
    link, picture = "[Sinkhorn](nbs/30_transport/02_sinkhorn.ipynb)", '<img src="nbs/images/curve.png">'
    (tmp_path / "README.md").write_text(f"# mtpkd\n\n{link} {picture}\n")
    write_notebook(
        nbs / "30_transport" / "02_sinkhorn.ipynb",
        "# Sinkhorn",
        "[costs](01_geometry.ipynb), [errors](../00_core/00_errors.ipynb#top)",
    )
    write_notebook(nbs / "30_transport" / "01_geometry.ipynb", "# Geometry", "![curve](../images/curve.png)")
    write_notebook(
        nbs / "00_core" / "00_errors.ipynb", "# Errors", "[start](../index.ipynb), [guide](../docs/results.ipynb)"
    )
    write_notebook(nbs / "90_api.ipynb", "# The API")
    write_notebook(nbs / "docs" / "results.ipynb", "# Results", "[plan](../../setup.py)")
    write_notebook(nbs / ".ipynb_checkpoints" / "03_old.ipynb", "# Old")
    for module in ("transport/sinkhorn.py", "transport/__init__.py", "api.py", "_modidx.py"):
        (tmp_path / "mtpkd" / module).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mtpkd" / module).write_text("")
    return source


def test_folders_of_notebooks_become_folders_of_the_navigation(nested):
    transport = [
        {"Geometry": "notebooks/30_transport/01_geometry.md"},
        {"Sinkhorn": "notebooks/30_transport/02_sinkhorn.md"},
    ]
    modules = [{"mtpkd.api": "api/api.md"}, {"transport": [{"mtpkd.transport.sinkhorn": "api/transport/sinkhorn.md"}]}]
    assert build_docs.write_pages() == [
        {"mtpkd": "index.md"},
        {"Guides": [{"Results": "guides/results.md"}]},
        {"Foundations": [{"core": [{"Errors": "notebooks/00_core/00_errors.md"}]}, {"The API": "notebooks/90_api.md"}]},
        {"Method": [{"transport": transport}]},
        {"API": modules},
    ]


@pytest.mark.parametrize(
    "page, text",
    [
        ("index.md", '(notebooks/30_transport/02_sinkhorn.md) <img src="nbs/images/curve.png">'),
        (
            "notebooks/30_transport/02_sinkhorn.md",
            "[costs](../../notebooks/30_transport/01_geometry.md), [errors](../../notebooks/00_core/00_errors.md#top)",
        ),
        ("notebooks/30_transport/01_geometry.md", "![curve](../../nbs/images/curve.png)"),
        ("notebooks/00_core/00_errors.md", "[start](../../index.md), [guide](../../guides/results.md)"),
        ("guides/results.md", "\n\nplan\n"),
        ("api/transport/sinkhorn.md", "::: mtpkd.transport.sinkhorn"),
    ],
)
def test_links_are_moved_to_the_pages_of_the_site(nested, page, text):
    build_docs.write_pages()
    assert text in (nested / page).read_text()
