"The guards notice: every mutant still finds its place, and a sample of them is killed (all of them: `python tests/support/mutation_catalogue.py`)."

import pytest
from mutation_catalogue import MUTANTS, NOT_RUN, copy_of_the_project, guard, source, survives


@pytest.mark.parametrize("m", MUTANTS, ids=lambda m: m.name)
def test_every_mutant_has_its_place(m, root):
    compile(source(m), m.module, "exec")
    file, _, test = m.guard.partition("::")
    assert f"def {test.partition('[')[0]}(" in (root / "tests" / file).read_text(), m.guard


BROKEN = """
import mtpkd.core, pytest
@pytest.fixture
def run(): raise ValueError("the run has failed")
def test_green(): pass
def test_red(): assert 1 == 2
def test_refusal():
    with pytest.raises(ValueError): pass
def test_raises(): raise ValueError("the library's own refusal")
def test_in_its_fixture(run): pass
def test_name(): assert undefined
def test_skipped(): pytest.skip("not here")
def test_name_of_a_module(): mtpkd.core.no_such_name()
def test_patch_of_a_module(monkeypatch): monkeypatch.setattr(mtpkd.core, "no_such_name", 1)
def test_patch_by_its_path(monkeypatch): monkeypatch.setattr("mtpkd.core.no_such_name", 1)
def test_attribute(): None.missing
"""


@pytest.mark.parametrize(
    "test, code",
    dict(
        green=0,
        red=1,
        refusal=1,
        raises=1,
        in_its_fixture=NOT_RUN,
        name=NOT_RUN,
        name_of_a_module=NOT_RUN,
        patch_of_a_module=NOT_RUN,
        patch_by_its_path=NOT_RUN,
        attribute=1,
        skipped=0,
        nowhere=4,
    ).items(),
)
def test_only_a_test_that_has_looked_is_red(test, code, tmp_path, root):
    "An error of a fixture, or a name that is not there, kills nothing"
    (tmp_path / "mtpkd").symlink_to(root / "mtpkd")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_made.py").write_text(BROKEN)
    done = guard(tmp_path, f"test_made.py::test_{test}")
    assert done.returncode == code, done.stdout + done.stderr


def test_a_module_that_cannot_be_imported_kills_nothing(tmp_path, root):
    (tmp_path / "mtpkd").symlink_to(root / "mtpkd")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_made.py").write_text("import mtpkd.nowhere\ndef test_red(): assert False\n")
    assert guard(tmp_path, "test_made.py::test_red").returncode not in (0, 1)


SAMPLE = [
    "leak check",
    "fold grouping",
    "normaliser",
    "batch independence",
    "privileged modality at test",
    "envelope gradient of the divergence",
    "damage is noticed",
    "one process a folder",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_is_killed(name, tmp_path):
    folder, m = copy_of_the_project(tmp_path), next(m for m in MUTANTS if m.name == name)
    assert guard(folder, m.guard).returncode == 0, "the guard is red without the mutant"
    assert survives(folder, m) == ""
