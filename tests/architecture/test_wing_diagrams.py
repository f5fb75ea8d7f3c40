"""Every numbered notebook begins with the diagram of the wings, its own wing marked; tools/wing_diagrams.py puts it there,
can be run again and changes nothing else."""

import json, re, sys
import xml.etree.ElementTree as ElementTree
import pytest
from project_layout import NBS, NUMBERED, ROOT, cells

sys.path.insert(0, str(ROOT / "tools"))
import build_docs, wing_diagrams

IMAGES = sorted((NBS / "images").glob("wing_*.svg"))


def text_of(path):
    return path.read_text(encoding="utf-8")


def relative_luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first, second):
    "The contrast ratio of two colours by WCAG"
    low, high = sorted(map(relative_luminance, (first, second)))
    return (high + 0.05) / (low + 0.05)


# --- notebooks and images of the project ---------------------------------------------------------------------------


@pytest.mark.parametrize("path", NUMBERED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_second_cell_begins_with_the_diagram_of_the_wing(path):
    kind, source = cells(path)[1]
    wing = build_docs.wing_of(path.relative_to(NBS))
    found = re.match(r"!\[([^\]]*)\]\(([^)]*)\)(\n\n|$)", source)
    assert kind == "markdown" and found, "run python tools/wing_diagrams.py"
    assert f"**{wing}**" in found[1] and found[1].count("**") == 2
    assert (path.parent / found[2]).resolve() == wing_diagrams.image_path(NBS, wing)
    assert sum("images/wing_" in text for _, text in cells(path)) == 1


def test_the_images_are_drawn_from_the_folders():
    wings = wing_diagrams.wing_numbers(NBS)
    expected = {wing_diagrams.image_path(NBS, wing): wing_diagrams.diagram(wings, wing) for wing in build_docs.WINGS}
    assert {path: text_of(path) for path in IMAGES} == expected, "run python tools/wing_diagrams.py"
    folders = {path.name.split("_")[0] for path in NBS.glob("[0-9]*")}
    assert sorted(sum(wings.values(), [])) == sorted(folders)


@pytest.mark.parametrize("path", IMAGES, ids=lambda path: path.stem)
def test_an_image_is_small_whole_and_legible(path):
    root = ElementTree.fromstring(text_of(path))
    assert (root.get("width"), root.get("height")) == ("640", "60")
    assert not re.search(r"href|@import|url\(|<style|<script", text_of(path)), "loads something"
    tag = "{http://www.w3.org/2000/svg}"
    boxes, words = root.findall(f"{tag}rect"), root.findall(f"{tag}text")
    assert len(boxes) == 5 and len(words) == 10
    for place, word in enumerate(words):
        assert contrast(word.get("fill"), boxes[place // 2].get("fill")) >= 4.5
    bold = [word.text for word in words if word.get("font-weight") == "bold"]
    assert [name.lower() for name in bold] == [path.stem.removeprefix("wing_")]


# --- the tool, on a small tree -------------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path):
    "Two numbered notebooks, with and without an introduction"

    def write(name, *sources):
        made = []
        for number, (kind, source) in enumerate(sources):
            cell = dict(cell_type=kind, id=f"cell{number:04}", metadata={}, source=source.splitlines(keepends=True))
            made.append(cell | (dict(execution_count=None, outputs=[]) if kind == "code" else {}))
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        notebook = dict(cells=made, metadata={}, nbformat=4, nbformat_minor=5)
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n")

    title, code = ("markdown", "# Title\n\n> Subtitle – one line"), ("code", "#| default_exp a.b")
    write("30_transport/01_geometry.ipynb", title, ("markdown", "Input.\n\nOutput."), code)
    write("90_api.ipynb", title, code)
    write("index.ipynb", title, code)
    return tmp_path


def sources(path):
    return [source for _, source in cells_now(path)]


def cells_now(path):
    "As `cells`, which remembers"
    return cells.__wrapped__(path)


def test_the_diagram_comes_into_the_second_cell(tree):
    wing_diagrams.main([], tree)
    names = "Foundations · Data · Method · Evidence · Field"
    introduced, titled = tree / "30_transport" / "01_geometry.ipynb", tree / "90_api.ipynb"
    line = f"![{names.replace('Method', '**Method**')}](../images/wing_method.svg)"
    assert sources(introduced)[1:] == [f"{line}\n\nInput.\n\nOutput.", "#| default_exp a.b"]
    line = f"![{names.replace('Foundations', '**Foundations**')}](images/wing_foundations.svg)"
    assert cells_now(titled)[1:] == [("markdown", line), ("code", "#| default_exp a.b")]
    assert "wing_" not in text_of(tree / "index.ipynb")
    assert (tree / "images" / "wing_field.svg").exists()


def test_running_it_again_changes_nothing(tree):
    wing_diagrams.main([], tree)
    before = {path: text_of(path) for path in tree.rglob("*.*")}
    wing_diagrams.main([], tree)
    wing_diagrams.main(["--check"], tree)
    assert {path: text_of(path) for path in tree.rglob("*.*")} == before


@pytest.mark.parametrize("name", ["30_transport/01_geometry.ipynb", "90_api.ipynb"])
def test_taking_the_diagrams_out_gives_the_notebook_back(tree, name):
    before = json.loads(text_of(tree / name))["cells"]
    wing_diagrams.main([], tree)
    after = json.loads(text_of(tree / name))["cells"]
    assert after != before
    assert wing_diagrams.without_diagram(after) == before


def test_an_introduction_written_later_takes_the_diagram_over(tree):
    wing_diagrams.main([], tree)
    path = tree / "90_api.ipynb"
    notebook = json.loads(text_of(path))
    notebook["cells"].insert(2, dict(cell_type="markdown", id="introduc", metadata={}, source=["Input."]))
    path.write_text(json.dumps(notebook))
    wing_diagrams.main([], tree)
    assert [kind for kind, _ in cells_now(path)] == ["markdown", "markdown", "code"]
    assert sources(path)[1].endswith("wing_foundations.svg)\n\nInput.")


def test_the_check_names_what_is_missing_and_writes_nothing(tree):
    with pytest.raises(SystemExit, match="(?s)30_transport/01_geometry.ipynb.*run python tools/wing_diagrams.py"):
        wing_diagrams.main(["--check"], tree)
    assert not (tree / "images").exists()


def test_a_notebook_that_moved_to_another_wing_is_marked_anew(tree):
    wing_diagrams.main([], tree)
    (tree / "30_transport").rename(tree / "60_experiments")
    wing_diagrams.main([], tree)
    assert "wing_evidence.svg" in sources(tree / "60_experiments" / "01_geometry.ipynb")[1]


def test_the_contrast_of_a_pale_word_is_seen():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#999999", "#eef1f5") < 4.5
