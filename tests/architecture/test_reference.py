"""No number has changed: the quick part of the frozen experiments, and what all of them cover.

Where the machine is the one that wrote reference.json, every score and every prediction is compared bit for bit. On
another machine sums of predictions and scores are compared with a tolerance, and the first line of a failure says so.
The other experiments are in test_reference_slow.py; after a change of numbers that is meant,
`python tests/architecture/frozen_runs.py --write` freezes them anew.
"""

import pytest
from mtpkd.distillation.methods import SCHEDULES

import frozen_runs


@pytest.fixture(scope="module")
def reference():
    "The frozen numbers; how they are compared is printed once"
    kept = frozen_runs.read_reference()
    print(frozen_runs.words_about(kept))
    return kept


@pytest.mark.parametrize("name", frozen_runs.names_of(core=True))
def test_no_number_has_changed(name, reference, tmp_path):
    lines = frozen_runs.differences(name, frozen_runs.frozen(name, tmp_path), reference)
    assert not lines, frozen_runs.message(name, lines, reference)


def test_the_reference_is_of_these_experiments(reference):
    assert set(reference["experiments"]) == {*frozen_runs.names_of(core=True), *frozen_runs.names_of(core=False)}
    assert set(reference["machine"]) == set(frozen_runs.machine())


def test_a_change_is_seen(reference):
    "One last bit where the machine is the same; a score and a sum of predictions on every machine"
    name = "regression"
    kept = reference["experiments"][name]
    assert not frozen_runs.differ_exactly(kept, kept) and not frozen_runs.differ_somewhat(kept, kept)
    repeats = {method: dict(found) for method, found in kept["repeats"].items()}
    repeats["kd"]["0/0"] = repeats["kd"]["0/0"][:-1] + "x"
    assert len(frozen_runs.differ_exactly(kept, kept | {"repeats": repeats})) == 1
    score, *sums = kept["plain"]["kd"]
    for other in ([score + 0.05, *sums], [score, sums[0] + 0.01, *sums[1:]]):
        assert len(frozen_runs.differ_somewhat(kept, kept | {"plain": kept["plain"] | {"kd": other}})) == 1
    gone = {method: found for method, found in kept["plain"].items() if method != "kd"}
    assert frozen_runs.differ_somewhat(kept, kept | {"plain": gone})


SHIPPED_SCHEDULES = SCHEDULES.names()  # at collection, before anything runs


@pytest.mark.parametrize("what", frozen_runs.REGISTRIES)
def test_everything_that_has_a_name_is_frozen(what, tmp_path):
    "Of every method, encoder, fusion, ... that the library knows, there is an experiment that runs it"
    known = frozen_runs.known_names(what, tmp_path)
    assert len(known) > 2, f"the message about an unknown {what} lists no names: {known}"
    if what == "schedule":  # without those that a benchmark has added in the same process
        known = [name for name in known if name in SHIPPED_SCHEDULES]
    known = [name for name in known if not name.startswith("custom ")]  # of `custom_components`, in the same process
    named = frozen_runs.names_in_experiments() | frozen_runs.BROUGHT_BY_METHODS.get(what, set())
    missing = sorted(name for name in known if name not in named)
    assert not missing, f"no frozen experiment names the {what} {', '.join(missing)}; add one to frozen_runs.py"
