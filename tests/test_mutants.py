"The guards notice: every mutant still finds its place, and a sample of them is killed (all of them: `python tests/mutants.py`)."
import pytest
from mutants import MUTANTS, copy_of_the_project, source, survives

@pytest.mark.parametrize("m", MUTANTS, ids=lambda m: m.name)
def test_every_mutant_has_its_place(m, root):
    compile(source(m), m.module, "exec")
    file, _, test = m.guard.partition("::")
    assert f"def {test.partition('[')[0]}(" in (root/"tests"/file).read_text(), m.guard

SAMPLE = ["leak check", "fold grouping", "normaliser", "batch independence", "privileged modality at test", "envelope gradient of the divergence", "damage is noticed", "one process a folder"]

@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_is_killed(name, tmp_path):
    assert survives(copy_of_the_project(tmp_path), next(m for m in MUTANTS if m.name == name)) == ""
