"""Builds the documentation as a static site in `_docs/`: the README, the companion and numbered notebooks with their outputs, and a page for every module out of its docstrings. Nothing on it is loaded from elsewhere.
The search needs a server: `python -m http.server -d _docs`.

    python tools/build_docs.py [FOLDER]     needs the extra `docs`: pip install -e .[docs]
"""
import json, os, re, shutil, subprocess, sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE, SITE = ROOT/"build"/"docs", Path(sys.argv[1] if len(sys.argv) > 1 else ROOT/"_docs").resolve()
FIGURE = "application/vnd.plotly.v1+json"
DRAW = """for (const s of document.querySelectorAll("script.figure")) {
  const f = JSON.parse(s.textContent), d = document.createElement("div");
  d.className = "plotly-graph-div"; s.after(d);
  Plotly.newPlot(d, f.data, f.layout, {displaylogo: false, responsive: true});
}
"""
STYLE = """.md-grid { max-width: 78rem; } .md-typeset table:not([class]) { display: block; overflow-x: auto; } .plotly-graph-div { overflow-x: auto; margin: 1em 0; }
.md-typeset table.dataframe { display: block; overflow-x: auto; font-size: .64rem; } .md-typeset table.dataframe :is(td, th) { padding: .3em .8em; border-bottom: .05rem solid var(--md-typeset-table-color); }
"""

# --- notebooks as Markdown -------------------------------------------------------------------------------------------------------------

def with_math(text):
    "LaTeX as MathML, which a browser draws by itself; code is left alone"
    from latex2mathml.converter import convert
    parts = re.split(r"(```.*?```|`[^`]*`)", text, flags=re.S)
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r"\$\$(.+?)\$\$", lambda m: convert(m[1].strip(), display="block"), parts[i], flags=re.S)
        parts[i] = re.sub(r"(?<![\\$\w])\$(?!\s)([^$\n]+?)(?<!\s)\$(?!\w)", lambda m: convert(m[1]), parts[i])
    return "".join(parts)

def output_text(o):
    "One output of a cell as Markdown"
    text = lambda x: "".join(x) if isinstance(x, list) else x
    if o["output_type"] == "stream": return f"```text\n{text(o['text']).rstrip()}\n```"
    data = o.get("data", {})
    if FIGURE in data:
        figure = json.dumps({k: data[FIGURE][k] for k in ("data", "layout")}).replace("</", "<\\/")
        return f'<script type="application/json" class="figure">{figure}</script>'
    if "text/html" in data: return re.sub(r"<style.*?</style>|\n\s*", lambda m: "" if m[0].startswith("<style") else "\n", text(data["text/html"]), flags=re.S).replace("\n\n", "\n").strip()
    if "image/png" in data: return f'<img alt="output" src="data:image/png;base64,{text(data["image/png"]).strip()}">'
    return f"```text\n{text(data.get('text/plain', '')).rstrip()}\n```" if "text/plain" in data else ""

def code_text(source):
    "What a reader sees of a code cell; nothing of hidden ones and of directives"
    if re.search(r"^#\|\s*(hide|default_exp)\b", source, re.M): return ""
    code = "\n".join(l for l in source.split("\n") if not l.startswith("#|")).strip()
    return f"```python\n{code}\n```" if code else ""

def notebook_text(path):
    "A notebook as a page"
    out = []
    for c in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(c["source"])
        if c["cell_type"] == "markdown": out.append(with_math(source))
        elif c["cell_type"] == "code" and (code := code_text(source)): out += [code, *map(output_text, c["outputs"])]
    return "\n\n".join(t for t in out if t) + "\n"

# --- the pages -------------------------------------------------------------------------------------------------------------------------

def title_of(text): return re.search(r"^# (.+)$", text, re.M)[1].replace("`", "")

def put(name, text):
    p = SOURCE/name
    p.parent.mkdir(parents=True, exist_ok=True)
    p.write_text(text, encoding="utf-8")

def linked(text, here, page, pages):
    "Links to files of the project, as seen from the folder `here`, as links from `page` to their pages; what has no page stays as words"
    up = "../"*page.count("/")
    def to(m):
        target, _, anchor = m[2].partition("#")
        if re.match(r"[a-z]+:", m[2]) or not target: return m[0]
        there = (here/target).resolve()
        rel = str(there.relative_to(ROOT)) if there.is_relative_to(ROOT) else ""
        if rel in pages: return f"[{m[1]}]({up + pages[rel]}{'#' + anchor if anchor else ''})"
        return m[0] if there.suffix in (".png", ".svg") else m[1]
    return re.sub(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)", to, text)

def gather():
    "Every page: file of the project -> name in the site"
    books = sorted((ROOT/"nbs").glob("[0-9]*.ipynb")); stories = sorted((ROOT/"nbs"/"explore").glob("*.ipynb"))
    pages = {"README.md": "index.md", "nbs/index.ipynb": "index.md"} | {f"{n}.md": f"project/{n.lower()}.md" for n in ("CHANGELOG", "CONTRIBUTING") if (ROOT/f"{n}.md").exists()}
    pages |= {f"{d}/README.md": f"project/{d}.md" for d in ("data_manifests", "benchmarks", "results") if (ROOT/d/"README.md").exists()}
    return pages | {f"nbs/explore/{p.name}": f"explore/{p.stem}.md" for p in stories} | {f"nbs/{p.name}": f"notebooks/{p.stem}.md" for p in books}

def write_pages():
    "All of the site's source; the navigation"
    shutil.rmtree(SOURCE, ignore_errors=True)
    pages, nav = gather(), {"explore": [], "notebooks": [], "project": [], "api": []}
    for file, page in pages.items():
        p = ROOT/file
        if file == "nbs/index.ipynb": continue
        text = notebook_text(p) if p.suffix == ".ipynb" else with_math(p.read_text(encoding="utf-8"))
        put(page, linked(text, p.parent, page, pages))
        kind = page.split("/")[0]
        if kind in nav: nav[kind].append({title_of(text): page})
    for p in sorted((ROOT/"mtpkd").glob("[!_]*.py")):
        put(f"api/{p.stem}.md", f"# mtpkd.{p.stem}\n\n::: mtpkd.{p.stem}\n"); nav["api"].append({f"mtpkd.{p.stem}": f"api/{p.stem}.md"})
    if (ROOT/"nbs"/"images").is_dir(): shutil.copytree(ROOT/"nbs"/"images", SOURCE/"nbs"/"images", dirs_exist_ok=True)
    return nav

def config(nav):
    "What mkdocs is told"
    return dict(site_name="mtpkd", docs_dir=str(SOURCE), site_dir=str(SITE), use_directory_urls=False, theme=dict(name="material", font=False, features=["navigation.tabs", "navigation.top", "search.highlight"], palette=[
        dict(media="(prefers-color-scheme: light)", scheme="default", primary="blue", toggle=dict(icon="material/weather-night", name="dark")),
        dict(media="(prefers-color-scheme: dark)", scheme="slate", primary="blue", toggle=dict(icon="material/weather-sunny", name="light"))]),
        plugins=["search", {"mkdocstrings": dict(handlers=dict(python=dict(paths=[str(ROOT)], options=dict(show_root_heading=False, show_source=False, heading_level=2, show_if_no_docstring=True, docstring_style="google", members_order="source", filters=["!^_"]))))}],
        markdown_extensions=["tables", "attr_list", "md_in_html", "pymdownx.highlight", "pymdownx.superfences", "toc"], extra_css=["assets/mtpkd.css"], extra_javascript=["assets/plotly.min.js", "assets/figures.js"],
        nav=[{"mtpkd": "index.md"}, {"Explore": nav["explore"]}, {"Notebooks": nav["notebooks"]}, {"API": nav["api"]}, {"Project": nav["project"]}], validation=dict(links=dict(unrecognized_links="ignore")))

def main():
    try: import mkdocs, material, mkdocstrings, latex2mathml # noqa: F401
    except ImportError as e: sys.exit(f"the documentation needs {e.name}; pip install -e .[docs]")
    import yaml
    from plotly.offline import get_plotlyjs
    nav = write_pages()
    put("assets/plotly.min.js", get_plotlyjs()); put("assets/figures.js", DRAW); put("assets/mtpkd.css", STYLE)
    at = ROOT/"build"/"mkdocs.yml"
    at.write_text(yaml.safe_dump(config(nav), sort_keys=False), encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "mkdocs", "build", "--clean", "--quiet", "-f", str(at)], env=os.environ | dict(NO_MKDOCS_2_WARNING="1"))
    (SITE/"404.html").unlink(missing_ok=True) # its links hold for one address only
    sys.exit(done.returncode)

if __name__ == "__main__": main()
