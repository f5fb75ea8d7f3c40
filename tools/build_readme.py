"""README.md from nbs/index.ipynb: `python tools/build_readme.py` writes it, `--check` fails where it is out of date,
`--run` first runs the cells of nbs/index.ipynb and of the documentation pages in nbs/docs/ (but those of
`#| eval: false`) and keeps their outputs.

Directives of the notebook count: cells with `#| hide`, `#| export`, `#| default_exp` or `#| include: false` are left
out, of `#| echo: false` only the output is shown. Links in the notebook are relative to `nbs/` and are moved to the
root of the project.
"""

import argparse, posixpath, re, sys
from pathlib import Path
import nbformat
from nbconvert import MarkdownExporter

ROOT = Path(__file__).resolve().parent.parent
INDEX, DOCS = ROOT / "nbs" / "index.ipynb", ROOT / "nbs" / "docs"
HEAD = "<!-- made from nbs/index.ipynb by tools/build_readme.py: edit the notebook -->\n\n"
LEFT_OUT = re.compile(r"^#\|\s*(hide\b|export|default_exp|include:\s*false)", re.M)
OUTPUT_ONLY = re.compile(r"^#\|\s*echo:\s*false", re.M)
NOT_RUN = re.compile(r"^#\|\s*eval:\s*false", re.M)
DIRECTIVE = re.compile(r"^#\|.*\n?", re.M)
LINK = re.compile(r"(!?\[[^\]]*\]\()([^)\s]+)|(\b(?:src|href)=\")([^\"]+)")


def output_text(cell):
    "What a cell printed or showed, as Markdown where it offers some"
    texts = []
    for output in cell.outputs:
        data = output.get("data", {})
        if "text/markdown" in data:
            texts.append(data["text/markdown"])
        elif any(kind.startswith("image/") for kind in data):
            sys.exit("link pictures as files, do not embed them in the notebook")
        else:
            texts.append("```\n" + (data.get("text/plain") or output.get("text", "")).rstrip() + "\n```")
    return "\n\n".join("".join(text) for text in texts)


def visible_cells(notebook):
    "The cells a reader sees, without directives"
    for cell in notebook.cells:
        if cell.cell_type == "raw" or cell.cell_type == "code" and LEFT_OUT.search(cell.source):
            continue
        if cell.cell_type == "markdown":
            yield cell
            continue
        shown = output_text(cell)
        if not OUTPUT_ONLY.search(cell.source):
            cell.outputs, cell.source = [], DIRECTIVE.sub("", cell.source).strip("\n")
            if cell.source:
                yield cell
        if shown:
            yield nbformat.v4.new_markdown_cell(shown)


def move_link(match, folder="nbs"):
    "A link relative to `folder`, made relative to the root; addresses and anchors stay"
    start, target = (match[1], match[2]) if match[1] else (match[3], match[4])
    if re.match(r"[a-z]+:|#|/", target):
        return start + target
    path, hash_, anchor = target.partition("#")
    return start + posixpath.normpath(posixpath.join(folder, path)) + hash_ + anchor


def move_links(text):
    "Move the links of a Markdown text, code blocks excepted"
    parts = re.split(r"(^```.*?^```)", text, flags=re.M | re.S)
    return "".join(part if part.startswith("```") else LINK.sub(move_link, part) for part in parts)


def page_text(path):
    "What a reader sees of a notebook, as Markdown; links are those of the notebook"
    notebook = nbformat.read(path, 4)
    notebook.cells, notebook.metadata = list(visible_cells(notebook)), {"language_info": {"name": "python"}}
    body, _ = MarkdownExporter().from_notebook_node(notebook)
    return re.sub(r"\n{3,}", "\n\n", body).strip() + "\n"


def readme(path=INDEX):
    "The text of README.md"
    return HEAD + move_links(page_text(path))


def run_cells(path):
    "Run a notebook in its folder and keep the outputs"
    from nbclient import NotebookClient

    notebook = nbformat.read(path, 4)
    run = [cell for cell in notebook.cells if cell.cell_type == "code" and not NOT_RUN.search(cell.source)]
    if not run:
        return
    copy = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.source) for cell in run])
    NotebookClient(copy, resources={"metadata": {"path": str(path.parent)}}).execute()
    for cell, done in zip(run, copy.cells):
        cell.outputs, cell.execution_count = done.outputs, None
        for output in cell.outputs:
            if "execution_count" in output:
                output["execution_count"] = None
    nbformat.write(notebook, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where README.md is out of date")
    parser.add_argument(
        "--run",
        action="store_true",
        help="first run the cells of nbs/index.ipynb and nbs/docs/*.ipynb and keep their outputs",
    )
    options = parser.parse_args()
    if options.run:
        for path in (INDEX, *sorted(DOCS.glob("*.ipynb"))):
            run_cells(path)
    text, target = readme(), ROOT / "README.md"
    if not options.check:
        return target.write_text(text, encoding="utf-8")
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        sys.exit("README.md is out of date: run python tools/build_readme.py")
    print("README.md is up to date")


if __name__ == "__main__":
    main()
