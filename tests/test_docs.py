"The documentation builds, every link on it leads somewhere, and it loads nothing from elsewhere."
import importlib.util, subprocess, sys
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit
import pytest
from project import NUMBERED, ROOT, module_name

LOADS = {("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src"), ("source", "src")}

class Links(HTMLParser):
    "What a page links to, what it loads, and its anchors"
    def __init__(self, text):
        super().__init__()
        self.to, self.loads, self.ids = [], [], set()
        self.feed(text)
    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids |= {attrs[k] for k in ("id", "name") if attrs.get(k)}
        if tag == "a" and attrs.get("href"): self.to.append(attrs["href"])
        if tag == "link" and attrs.get("rel") in ("canonical", "next", "prev"): return
        for t, k in LOADS:
            if tag == t and attrs.get(k): self.loads.append(attrs[k])

def dead(pages):
    "Links and loads that lead nowhere: page, target"
    found = []
    for page, links in pages.items():
        for target in links.to + links.loads:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc: continue
            there = (page.parent/unquote(parts.path)).resolve() if parts.path else page
            if there.is_dir(): there = there/"index.html"
            anchor = unquote(parts.fragment)
            if not there.exists() or anchor and there in pages and anchor not in pages[there].ids | {"__codelineno-0-1"}: found.append((page.name, target))
    return found

@pytest.fixture(scope="module")
def site(tmp_path_factory):
    for name in ("mkdocs", "material", "mkdocstrings", "latex2mathml"):
        if importlib.util.find_spec(name) is None: pytest.skip(f"no {name}: pip install -e .[docs]")
    out = tmp_path_factory.mktemp("site")
    done = subprocess.run([sys.executable, ROOT/"tools"/"build_docs.py", out], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return out

@pytest.fixture(scope="module")
def pages(site): return {p: Links(p.read_text(encoding="utf-8")) for p in site.rglob("*.html")}

@pytest.mark.slow
def test_everything_has_a_page(site, pages):
    for p in NUMBERED: assert (site/"notebooks"/f"{p.stem}.html").exists() and (site/"api"/f"{module_name(p)}.html").exists(), p.stem
    for p in (ROOT/"nbs"/"explore").glob("*.ipynb"): assert '<script type="application/json" class="figure">' in (site/"explore"/f"{p.stem}.html").read_text(encoding="utf-8"), p.stem
    assert "Cosine similarity of every pair of rows" in (site/"api"/"transport.html").read_text(encoding="utf-8")
    assert "transport_plans" in (site/"search"/"search_index.json").read_text(encoding="utf-8")

@pytest.mark.slow
def test_every_link_leads_somewhere(pages): assert dead(pages) == []

@pytest.mark.slow
def test_nothing_is_loaded_from_elsewhere(pages):
    assert [(p.name, u) for p, links in pages.items() for u in links.loads if urlsplit(u).netloc] == []

def test_the_check_sees_a_dead_link(tmp_path):
    a, b = tmp_path/"a.html", tmp_path/"b.html"
    a.write_text('<h1 id="x"></h1><a href="b.html#y">1</a><a href="c.html">2</a><a href="#x">3</a><a href="https://example.org">4</a>'); b.write_text('<img src="no.png">')
    assert dead({p: Links(p.read_text()) for p in (a, b)}) == [("a.html", "b.html#y"), ("a.html", "c.html"), ("b.html", "no.png")]
