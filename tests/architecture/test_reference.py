"""No number has changed: the quick part of the frozen experiments, and what all of them cover.

Where the machine is the one that wrote reference.json, every score and every prediction is compared bit for bit. On
another machine sums of predictions and scores are compared with a tolerance, and the first line of a failure says so.
The other experiments are in test_reference_slow.py; after a change of numbers that is meant,
`python tests/architecture/frozen_runs.py --write` freezes them anew.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.fixture(scope="module")
def known():
    "What the library knows by name, asked in a process of its own: benchmarks and tests register more in theirs"
    code = "import frozen_runs, json; print(json.dumps(frozen_runs.all_known_names()))"
    folder = Path(frozen_runs.__file__).parent
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("what", frozen_runs.REGISTRIES)
def test_everything_that_has_a_name_is_frozen(what, known):
    "Of every method, encoder, fusion, ... that the library knows, there is an experiment that runs it"
    assert len(known[what]) > 2, f"the message about an unknown {what} lists no names: {known[what]}"
    named = frozen_runs.names_in_experiments() | frozen_runs.BROUGHT_BY_METHODS.get(what, set())
    single = [name for name in known[what] if not name.endswith(":NAME")]  # a family's networks are its library's own
    missing = sorted(name for name in single if name not in named)
    assert not missing, f"no frozen experiment names the {what} {', '.join(missing)}; add one to frozen_runs.py"
