"""The diagram of the five wings at the head of every numbered notebook, with the wing of that notebook marked.

    python tools/wing_diagrams.py            draws nbs/images/wing_*.svg and puts them into the notebooks; can be run again
    python tools/wing_diagrams.py --check    names what is missing or out of date, and changes nothing

The wings are those of tools/build_docs.py. The diagram is the first line of the second cell, which introduces a notebook;
where code follows the title, it is a cell of its own.
"""

import argparse, hashlib, html, json, os, re, sys
from pathlib import Path
import build_docs

NOTEBOOKS = build_docs.NOTEBOOKS
WIDTH, HEIGHT, GAP = 640, 60, 8
# every box has its own background, so that the diagram is legible on a light and on a dark page
MARKED = dict(fill="#1f5fbf", stroke="#1f5fbf", text="#ffffff", weight="bold")
OTHER = dict(fill="#eef1f5", stroke="#8a94a3", text="#3c4654", weight="normal")
LINE = re.compile(r"!\[[^\]]*\]\((?:\.\./)*images/wing_\w+\.svg\)\n*")

# --- images --------------------------------------------------------------------------------------------------------


def wing_numbers(folder):
    "Wing -> the numbers of its folders of notebooks, and of the notebooks that lie in `folder` itself"
    wings = {}
    for wing, notebooks in build_docs.notebooks_by_wing(folder).items():
        numbers = [path.parts[0].split("_")[0] for path in notebooks]
        wings[wing] = list(dict.fromkeys(numbers))
    return wings


def box(left, width, name, numbers, look):
    "One wing: a box with its name and the numbers of its folders"
    middle = left + width / 2
    text = f'text-anchor="middle" font-family="system-ui, sans-serif" fill="{look["text"]}"'
    height = HEIGHT - 2
    return [
        f'  <rect x="{left:g}" y="1" width="{width:g}" height="{height}" rx="6" '
        f'fill="{look["fill"]}" stroke="{look["stroke"]}"/>',
        f'  <text x="{middle:g}" y="26" font-size="15" font-weight="{look["weight"]}" {text}>{html.escape(name)}</text>',
        f'  <text x="{middle:g}" y="46" font-size="11" {text}>{" ".join(numbers)}</text>',
    ]


def diagram(wings, marked):
    "The SVG of all `wings` (name -> numbers) with one of them marked"
    width = (WIDTH - 2 - GAP * (len(wings) - 1)) / len(wings)
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"  <title>{html.escape(' · '.join(wings))}; here: {html.escape(marked)}</title>",
    ]
    for place, (name, numbers) in enumerate(wings.items()):
        left = 1 + place * (width + GAP)
        lines += box(left, width, name, numbers, MARKED if name == marked else OTHER)
    return "\n".join([*lines, "</svg>", ""])


def image_path(folder, wing):
    return folder / "images" / f"wing_{wing.lower()}.svg"


# --- notebooks -----------------------------------------------------------------------------------------------------


def image_line(folder, path):
    "The Markdown of the diagram in the notebook `path`, which is relative to `folder`"
    wing = build_docs.wing_of(path)
    names = [f"**{name}**" if name == wing else name for name in build_docs.WINGS]
    target = os.path.relpath(image_path(folder, wing), (folder / path).parent)
    return f"![{' · '.join(names)}]({Path(target).as_posix()})"


def without_diagram(cells):
    "The cells of a notebook without a diagram: a cell that holds nothing else is left out"
    kept = []
    for cell in cells:
        source = build_docs.joined(cell["source"])
        rest = LINE.sub("", source) if cell["cell_type"] == "markdown" else source
        if rest == source:
            kept.append(cell)
        elif rest.strip():
            kept.append(cell | dict(source=rest.splitlines(keepends=True)))
    return kept


def with_diagram(cells, line, name):
    "The cells of the notebook `name` with the diagram once, in the second cell"
    title, *others = without_diagram(cells)
    if others and others[0]["cell_type"] == "markdown":
        introduction = build_docs.joined(others[0]["source"])
        source = f"{line}\n\n{introduction}".splitlines(keepends=True)
        return [title, others[0] | dict(source=source), *others[1:]]
    identity = hashlib.sha256(name.encode()).hexdigest()[:8]
    return [title, dict(cell_type="markdown", id=identity, metadata={}, source=[line]), *others]


def notebook_text(folder, path):
    "The text of a notebook file with its diagram"
    notebook = json.loads((folder / path).read_text(encoding="utf-8"))
    notebook["cells"] = with_diagram(notebook["cells"], image_line(folder, path), path.as_posix())
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def wanted(folder):
    "Every file that has to do with the diagrams -> its text"
    wings = wing_numbers(folder)
    texts = {image_path(folder, wing): diagram(wings, wing) for wing in wings}
    for path in build_docs.numbered_notebooks(folder):
        texts[folder / path] = notebook_text(folder, path)
    return texts


def outdated(folder):
    "The files whose text is not as wanted -> the text they should have"
    found = {}
    for path, text in wanted(folder).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            found[path] = text
    return found


def main(arguments=None, folder=NOTEBOOKS):
    parser = argparse.ArgumentParser(description="Diagrams of the wings, in the numbered notebooks")
    parser.add_argument("--check", action="store_true", help="name what is out of date and change nothing")
    check = parser.parse_args(arguments).check
    found = outdated(folder)
    names = sorted(str(path.relative_to(folder)) for path in found)
    if check and found:
        sys.exit("\n".join(names) + "\nthe diagram of the wings is out of date: run python tools/wing_diagrams.py")
    for path, text in found.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(f"{len(names)} files written" if names else "the diagrams of the wings are up to date")


if __name__ == "__main__":
    main()
