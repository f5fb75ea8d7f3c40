"The table of sizes against settings.ini: a part without a size, or with one of other packages, is named on the page."

import csv, sys
import nbformat, pytest
from project_layout import ROOT

sys.path.append(str(ROOT / "tools"))
import install_sizes, result_tables  # noqa: E402


def rows():
    with open(ROOT / "results" / "install_sizes.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def page():
    "What the page of installation shows of the table"
    cells = nbformat.read(ROOT / "nbs" / "docs" / "installation.ipynb", 4).cells
    (shown,) = [cell for cell in cells if "install_sizes()" in cell.source]
    return "".join(shown.outputs[0]["data"]["text/markdown"])


def test_every_part_of_the_settings_is_in_the_table_or_named_below_it():
    table, _, notes = page().partition("\n\n")
    missing, outdated = install_sizes.size_gaps(rows(), install_sizes.settings())
    for title in install_sizes.required_of_all(install_sizes.settings()):
        assert (f"| {title} |" in table) == (title not in missing), title
        assert (title in notes) == (title in missing or title in outdated), title


def test_the_page_shows_the_table_as_it_is():
    assert page().strip() == result_tables.install_sizes().strip()


@pytest.mark.parametrize(
    "change, missing, outdated",
    [
        (dict(tune=["optuna>=6"]), [], {}),  # another version of the same package
        (dict(tune=["optuna>=5", "Cma_Es"]), [], {"extra tune": ["cma-es"]}),
        (dict(wandb=[]), [], {"extra wandb": ["wandb"]}),
        (dict(quantum=["qubits"]), ["extra quantum"], {}),
        (
            dict(docs=["mkdocs-material", "mkdocstrings", "latex2mathml"]),
            [],
            {"extra docs": ["mkdocstrings", "mkdocstrings[python]"]},
        ),
    ],
)
def test_a_part_that_is_new_or_other_is_noticed(change, missing, outdated):
    parts = install_sizes.settings()
    before = install_sizes.size_gaps(rows(), parts)
    after = install_sizes.size_gaps(rows(), parts | change)
    assert [title for title in after[0] if title not in before[0]] == missing
    assert {title: names for title, names in after[1].items() if title not in before[1]} == outdated


def test_a_new_requirement_of_the_workbench_is_noticed_in_every_installation_that_has_it():
    parts = install_sizes.settings()
    _, outdated = install_sizes.size_gaps(rows(), parts | dict(base=[*parts["base"], "abacus"]))
    assert {title for title, names in outdated.items() if names == ["abacus"]} == {*install_sizes.INSTALLATIONS}
