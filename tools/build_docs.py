"""Builds the documentation as a static site in `_docs/`: the README, the guides of nbs/docs/, the numbered notebooks
by wing and the companion notebooks with their outputs, and a page for every module out of its docstrings. Nothing on it
is loaded from elsewhere. The search needs a server: `python -m http.server -d _docs`.

    python tools/build_docs.py [FOLDER]     needs the extra `docs`: pip install -e .[docs]
"""

import bisect, json, os, re, shutil, subprocess, sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS, SOURCE = ROOT / "nbs", ROOT / "build" / "docs"
FIGURE = "application/vnd.plotly.v1+json"
PICTURES = (".png", ".svg")
DRAW = """for (const s of document.querySelectorAll("script.figure")) {
  const f = JSON.parse(s.textContent), d = document.createElement("div");
  d.className = "plotly-graph-div"; s.after(d);
  Plotly.newPlot(d, f.data, f.layout, {displaylogo: false, responsive: true});
}
"""
STYLE = """.md-grid { max-width: 78rem; }
.md-typeset table:not([class]) { display: block; overflow-x: auto; }
.plotly-graph-div { overflow-x: auto; margin: 1em 0; }
.md-typeset table.dataframe { display: block; overflow-x: auto; font-size: .64rem; }
.md-typeset table.dataframe :is(td, th) {
  padding: .3em .8em; border-bottom: .05rem solid var(--md-typeset-table-color);
}
"""

# --- wings ---------------------------------------------------------------------------------------------------------

WINGS = {
    "Foundations": "errors, files, configuration, commands",
    "Data": "manifests, readers, corpora, folds, encoders, fusion, frozen features",
    "Method": "teachers, self-distillation, T-Net, transport, losses, students",
    "Evidence": "statistics, experiments, sweeps, plots, reports, explorers",
    "Field": "students for the field, ONNX, prediction",
}
# where a wing begins, by the number of a folder of notebooks, or of a notebook that lies in nbs/ itself
FOLDER_WINGS = {
    "00": "Foundations",
    "10": "Data",
    "30": "Method",
    "40": "Evidence",
    "45": "Method",
    "55": "Field",
    "60": "Evidence",
    "90": "Foundations",
}
GUIDES = (
    "start_here",
    "installation",
    "overview",
    "results",
    "paper_and_code",
    "own_data",
    "bad_data",
    "corpora",
    "large_sets",
    "encoders",
    "sweeps_and_clusters",
    "deployment",
    "sharing",
    "trust",
    "transport_engine",
)


def wing_of(path):
    "The wing of a notebook: `path` is relative to nbs/"
    number = path.parts[0].split("_")[0]
    return FOLDER_WINGS[list(FOLDER_WINGS)[bisect.bisect_right(list(FOLDER_WINGS), number) - 1]]


def numbered_notebooks(folder):
    "The numbered notebooks in reading order, in `folder` and in its numbered folders, relative to it"
    found = (path.relative_to(folder) for path in folder.rglob("[0-9]*.ipynb"))
    return sorted(path for path in found if all(re.match(r"\d", part) for part in path.parts))


def notebooks_by_wing(folder):
    "Wing -> its notebooks, relative to `folder`"
    wings = {name: [] for name in WINGS}
    for path in numbered_notebooks(folder):
        wings[wing_of(path)].append(path)
    return wings


def guides(folder):
    "The guides in reading order, those that the order does not name last"
    found = sorted((folder / "docs").glob("*.ipynb"))
    return sorted(found, key=lambda path: GUIDES.index(path.stem) if path.stem in GUIDES else len(GUIDES))


# --- notebooks as Markdown -----------------------------------------------------------------------------------------


def with_math(text):
    "LaTeX as MathML, which a browser draws by itself; code is left alone"
    from latex2mathml.converter import convert

    parts = re.split(r"(```.*?```|`[^`]*`)", text, flags=re.S)
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(
            r"\$\$(.+?)\$\$", lambda found: convert(found[1].strip(), display="block"), parts[i], flags=re.S
        )
        parts[i] = re.sub(r"(?<![\\$\w])\$(?!\s)([^$\n]+?)(?<!\s)\$(?!\w)", lambda found: convert(found[1]), parts[i])
    return "".join(parts)


def joined(text):
    "A text that a notebook may keep as a list of lines"
    return "".join(text) if isinstance(text, list) else text


def html_text(html):
    "HTML that Markdown leaves in one piece: without styles and empty lines"
    html = re.sub(r"<style.*?</style>", "", html, flags=re.S)
    return re.sub(r"\n\s*", "\n", html).replace("\n\n", "\n").strip()


def output_text(output):
    "One output of a cell as Markdown"
    if output["output_type"] == "stream":
        return f"```text\n{joined(output['text']).rstrip()}\n```"
    data = output.get("data", {})
    if FIGURE in data:
        figure = json.dumps({key: data[FIGURE][key] for key in ("data", "layout")}).replace("</", "<\\/")
        return f'<script type="application/json" class="figure">{figure}</script>'
    if "text/markdown" in data:
        return joined(data["text/markdown"]).strip()
    if "text/html" in data:
        return html_text(joined(data["text/html"]))
    if "image/png" in data:
        return f'<img alt="output" src="data:image/png;base64,{joined(data["image/png"]).strip()}">'
    return f"```text\n{joined(data['text/plain']).rstrip()}\n```" if "text/plain" in data else ""


def is_hidden(source):
    "Whether neither the code nor the output of a cell is shown"
    return bool(re.search(r"^#\|\s*(hide|default_exp)\b", source, re.M))


def code_text(source):
    "What a reader sees of a code cell, without directives; nothing where only the output is shown"
    if is_hidden(source) or re.search(r"^#\|\s*echo:\s*false", source, re.M):
        return ""
    code = "\n".join(line for line in source.split("\n") if not line.startswith("#|")).strip()
    return f"```python\n{code}\n```" if code else ""


def notebook_text(path):
    "A notebook as a page"
    texts = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = joined(cell["source"])
        if cell["cell_type"] == "markdown":
            texts.append(with_math(source))
        elif cell["cell_type"] == "code" and not is_hidden(source):
            texts += [code_text(source), *map(output_text, cell["outputs"])]
    return "\n\n".join(text for text in texts if text) + "\n"


# --- the pages -----------------------------------------------------------------------------------------------------


def title_of(text):
    "The title of a page: its first heading"
    return re.search(r"^# (.+)$", text, re.M)[1].replace("`", "")


def put(name, text):
    "Write one file of the site's source"
    path = SOURCE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def project_path(here, target):
    "The path from the root of the project to `target` as seen from the folder `here`; nothing if it lies outside"
    there = (here / target).resolve()
    return str(there.relative_to(ROOT)) if there.is_relative_to(ROOT) else ""


def linked(text, here, page, pages):
    "Links and pictures, as seen from the folder `here`, as seen from `page`; a file without a page stays as words"
    up = "../" * page.count("/")

    def link(found):
        target, _, anchor = found[2].partition("#")
        if re.match(r"[a-z]+:", found[2]) or not target:
            return found[0]
        path = project_path(here, target)
        if path in pages:
            return f"[{found[1]}]({up + pages[path]}{'#' + anchor if anchor else ''})"
        return f"[{found[1]}]({up + path})" if path.endswith(PICTURES) else found[1]

    def picture(found):
        path = project_path(here, found[2])
        return found[1] + up + path + found[3] if path.endswith(PICTURES) else found[0]

    text = re.sub(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)", link, text)
    text = re.sub(r"(!\[[^\]]*\]\()(?![a-z]+:)([^)\s]+)(\))", picture, text)
    return re.sub(r"(<img\s[^>]*?src=\")(?![a-z]+:)([^\"]+)(\")", picture, text)


def gather():
    "Every page: file of the project -> name in the site"
    pages = {"README.md": "index.md", "nbs/index.ipynb": "index.md"}
    pages |= {f"nbs/docs/{path.name}": f"guides/{path.stem}.md" for path in guides(NOTEBOOKS)}
    pages |= {f"nbs/{path}": f"notebooks/{path.with_suffix('.md')}" for path in numbered_notebooks(NOTEBOOKS)}
    pages |= {
        f"nbs/explore/{path.name}": f"explore/{path.stem}.md"
        for path in sorted((NOTEBOOKS / "explore").glob("*.ipynb"))
    }
    project = {f"{name}.md": f"project/{name.lower()}.md" for name in ("CHANGELOG", "CONTRIBUTING")}
    project |= {f"{name}/README.md": f"project/{name}.md" for name in ("data_manifests", "benchmarks", "results")}
    return pages | {file: page for file, page in project.items() if (ROOT / file).exists()}


def module_pages():
    "Dotted name of every public module -> name of its page"
    modules = {}
    for path in sorted((ROOT / "mtpkd").rglob("[!_]*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if not any(part.startswith(("_", ".")) for part in parts):
            modules[".".join(parts)] = "api/" + "/".join(parts[1:]) + ".md"
    return modules


def tree_of(entries):
    "Navigation of `(folders, title, page)`: what lies in the same folder stands together, in the order of the entries"
    tree, groups = [], {}
    for folders, title, page in entries:
        if not folders:
            tree.append({title: page})
            continue
        if folders[0] not in groups:
            groups[folders[0]] = []
            tree.append((folders[0], groups[folders[0]]))
        groups[folders[0]].append((folders[1:], title, page))
    return [{item[0]: tree_of(item[1])} if isinstance(item, tuple) else item for item in tree]


def folder_words(folder):
    "`data` of `10_data`"
    return re.sub(r"^\d+\w*?_", "", folder).replace("_", " ")


def navigation(titles):
    "The tabs of the site: front page, guides, the five wings, companions, modules, project"
    pages = gather()

    def section(prefix):
        return [{titles[page]: page} for page in pages.values() if page.startswith(prefix)]

    tabs = [{"mtpkd": "index.md"}, {"Guides": section("guides/")}]
    for wing, notebooks in notebooks_by_wing(NOTEBOOKS).items():
        entries = []
        for path in notebooks:
            page = pages[f"nbs/{path}"]
            entries.append((tuple(map(folder_words, path.parts[:-1])), titles[page], page))
        tabs.append({wing: tree_of(entries)})
    modules = [(tuple(name.split(".")[1:-1]), name, page) for name, page in module_pages().items()]
    tabs += [{"Explore": section("explore/")}, {"API": tree_of(modules)}, {"Project": section("project/")}]
    return [tab for tab in tabs if all(tab.values())]


def write_pages():
    "All of the site's source; returns the navigation"
    shutil.rmtree(SOURCE, ignore_errors=True)
    pages, titles = gather(), {}
    for file, page in pages.items():
        if file == "nbs/index.ipynb":
            continue
        path = ROOT / file
        text = notebook_text(path) if path.suffix == ".ipynb" else with_math(path.read_text(encoding="utf-8"))
        put(page, linked(text, path.parent, page, pages))
        titles[page] = title_of(text)
    for name, page in module_pages().items():
        put(page, f"# {name}\n\n::: {name}\n")
    if (NOTEBOOKS / "images").is_dir():
        shutil.copytree(NOTEBOOKS / "images", SOURCE / "nbs" / "images", dirs_exist_ok=True)
    return navigation(titles)


def config(nav, site):
    "What mkdocs is given"
    themes = [
        ("light", "default", dict(icon="material/weather-night", name="dark")),
        ("dark", "slate", dict(icon="material/weather-sunny", name="light")),
    ]
    palette = [
        dict(media=f"(prefers-color-scheme: {preferred})", scheme=scheme, primary="blue", toggle=toggle)
        for preferred, scheme, toggle in themes
    ]
    docstrings = dict(
        show_root_heading=False,
        show_source=False,
        heading_level=2,
        show_if_no_docstring=True,
        docstring_style="google",
        members_order="source",
        filters=["!^_"],
    )
    handlers = dict(python=dict(paths=[str(ROOT)], options=docstrings))
    features = ["navigation.tabs", "navigation.top", "search.highlight"]
    extensions = ["tables", "attr_list", "md_in_html", "pymdownx.highlight", "pymdownx.superfences", "toc"]
    return dict(
        site_name="mtpkd",
        docs_dir=str(SOURCE),
        site_dir=str(site),
        use_directory_urls=False,
        theme=dict(name="material", font=False, features=features, palette=palette),
        plugins=["search", {"mkdocstrings": dict(handlers=handlers)}],
        markdown_extensions=extensions,
        extra_css=["assets/mtpkd.css"],
        extra_javascript=["assets/plotly.min.js", "assets/figures.js"],
        nav=nav,
        validation=dict(links=dict(unrecognized_links="ignore")),
    )


def main():
    try:
        import mkdocs, material, mkdocstrings, latex2mathml  # noqa: F401
    except ImportError as error:
        sys.exit(f"the documentation needs {error.name}; pip install -e .[docs]")
    import yaml
    from plotly.offline import get_plotlyjs

    site = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "_docs").resolve()
    nav = write_pages()
    put("assets/plotly.min.js", get_plotlyjs())
    put("assets/figures.js", DRAW)
    put("assets/mtpkd.css", STYLE)
    settings = ROOT / "build" / "mkdocs.yml"
    settings.write_text(yaml.safe_dump(config(nav, site), sort_keys=False), encoding="utf-8")
    command = [sys.executable, "-m", "mkdocs", "build", "--clean", "--quiet", "-f", str(settings)]
    done = subprocess.run(command, env=os.environ | dict(NO_MKDOCS_2_WARNING="1"))
    (site / "404.html").unlink(missing_ok=True)  # its links hold for one address only
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
