"""No number has changed: the frozen experiments that take longer, some minutes together; see test_reference.py."""

import pytest

import frozen_runs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def reference():
    "The frozen numbers; how they are compared is printed once"
    kept = frozen_runs.read_reference()
    print(frozen_runs.words_about(kept))
    return kept


@pytest.mark.parametrize("name", frozen_runs.names_of(core=False))
def test_no_number_has_changed(name, reference, tmp_path):
    lines = frozen_runs.differences(name, frozen_runs.frozen(name, tmp_path), reference)
    assert not lines, frozen_runs.message(name, lines, reference)
