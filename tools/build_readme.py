"""README.md from nbs/index.ipynb: `python tools/build_readme.py` writes it, `--check` fails where it is out of date, `--run` runs
the notebook's cells first (but those of `#| eval: false`) and keeps their outputs.

Directives of the notebook count: cells with `#| hide`, `#| export`, `#| default_exp` or `#| include: false` are left out, of
`#| echo: false` only the output is shown. Links in the notebook are relative to `nbs/` and are moved to the root of the project.
"""
import argparse, posixpath, re, sys
from pathlib import Path
import nbformat
from nbconvert import MarkdownExporter

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = re.compile(r"^#\|\s*(hide\b|export|default_exp|include:\s*false)", re.M)
OUTPUT_ONLY = re.compile(r"^#\|\s*echo:\s*false", re.M)
DIRECTIVE = re.compile(r"^#\|.*\n?", re.M)
LINK = re.compile(r"(!?\[[^\]]*\]\()([^)\s]+)|(\b(?:src|href)=\")([^\"]+)")

def output_text(cell):
    "What a cell printed or showed, as markdown where it offers some"
    texts = []
    for out in cell.outputs:
        data = out.get("data", {})
        if "text/markdown" in data: texts.append(data["text/markdown"])
        elif any(kind.startswith("image/") for kind in data): sys.exit("nbs/index.ipynb: link pictures as files, do not embed them")
        else: texts.append("```\n" + (data.get("text/plain") or out.get("text", "")).rstrip() + "\n```")
    return "\n\n".join("".join(t) for t in texts)

def visible_cells(nb):
    "The cells a reader of the README sees, without directives"
    for cell in nb.cells:
        if cell.cell_type == "raw" or cell.cell_type == "code" and LEFT_OUT.search(cell.source): continue
        if cell.cell_type == "code":
            shown = output_text(cell)
            if not OUTPUT_ONLY.search(cell.source):
                cell.outputs, cell.source = [], DIRECTIVE.sub("", cell.source).strip("\n")
                if cell.source: yield cell
            if shown: yield nbformat.v4.new_markdown_cell(shown)
        else: yield cell

def move_link(match, folder="nbs"):
    "A link relative to `folder`, made relative to the root; addresses and anchors stay"
    start, target = (match[1], match[2]) if match[1] else (match[3], match[4])
    if re.match(r"[a-z]+:|#|/", target): return start + target
    path, hash_, anchor = target.partition("#")
    return start + posixpath.normpath(posixpath.join(folder, path)) + hash_ + anchor

def move_links(text):
    "Move the links of a markdown text, code blocks excepted"
    parts = re.split(r"(^```.*?^```)", text, flags=re.M | re.S)
    return "".join(p if p.startswith("```") else LINK.sub(move_link, p) for p in parts)

def readme(path=ROOT/"nbs"/"index.ipynb"):
    "The text of README.md"
    nb = nbformat.read(path, 4)
    nb.cells, nb.metadata = list(visible_cells(nb)), {"language_info": {"name": "python"}}
    body, _ = MarkdownExporter().from_notebook_node(nb)
    body = move_links(re.sub(r"\n{3,}", "\n\n", body).strip())
    return "<!-- made from nbs/index.ipynb by tools/build_readme.py: edit the notebook -->\n\n" + body + "\n"

def run_cells(path=ROOT/"nbs"/"index.ipynb"):
    "Run the notebook in its folder and keep the outputs"
    from nbclient import NotebookClient
    nb = nbformat.read(path, 4)
    ours = [c for c in nb.cells if c.cell_type == "code" and not re.search(r"^#\|\s*eval:\s*false", c.source, re.M)]
    copy = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c.source) for c in ours])
    NotebookClient(copy, resources={"metadata": {"path": str(path.parent)}}).execute()
    for cell, done in zip(ours, copy.cells): cell.outputs, cell.execution_count = done.outputs, None
    nbformat.write(nb, path)

def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--check", action="store_true", help="write nothing; exit 1 where README.md is out of date")
    args.add_argument("--run", action="store_true", help="run the notebook's cells first and keep their outputs")
    asked = args.parse_args()
    check = asked.check
    if asked.run: run_cells()
    text, target = readme(), ROOT/"README.md"
    if not check: return target.write_text(text, encoding="utf-8")
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        sys.exit("README.md is out of date: run python tools/build_readme.py")
    print("README.md is up to date")

if __name__ == "__main__": main()
