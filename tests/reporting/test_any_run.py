"""Every companion notebook with every kind of run: it runs to its end, and a section without anything to show is one line. The
quick tests use made-up run folders and this process; the slow one trains small runs once and executes by papermill."""

import json
import nbformat
import papermill
import pytest
from fake_run_folder import FakeRun, write
from mtpkd.core.errors import InputError
from mtpkd.execution.notebooks import own_kernel
from mtpkd.simulation.simulate import simulate
from notebook_runs import make_runs, run_here
from project_layout import ROOT

EXPLORE = ROOT / "nbs" / "explore"
BATCH = ROOT / "nbs" / "batch"
NOTEBOOKS = sorted(path.stem for path in EXPLORE.glob("*.ipynb"))
RUNS = ("watch", "digits", "values", "levels", "two")
SHORT = dict(leaks=dict(seeds=[0], steps=4, effects=[0.0]))


def without_others(run, names):
    "A made-up run with the rows of some methods only"
    for table in ("results", "metrics", "history", "teachers", "predictions", "transfer", "calibration"):
        rows = getattr(run, table)
        setattr(run, table, rows[rows["method"].isin(names)])
    run.summary |= dict(methods={name: row for name, row in run.summary["methods"].items() if name in names})
    run.summary |= dict(comparisons=[])
    return run


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    "Run folders without training: values without subjects, and two methods only"
    home = tmp_path_factory.mktemp("made_up")
    values = FakeRun(regression=True, subjects=None, seeds=2, folds=3)
    two = without_others(FakeRun(seeds=2, folds=3), ["student_only", "mtpkd"])
    return dict(values=write(values, home / "values"), two=write(two, home / "two"))


@pytest.mark.parametrize("kind", ["values", "two"])
@pytest.mark.parametrize("name", ["embeddings", "verdict", "teacher_choice"])
def test_it_runs_on_a_made_up_folder(name, kind, made_up):
    outcome = run_here(EXPLORE / f"{name}.ipynb", run_folder=str(made_up[kind]))
    assert outcome.error is None, f"{outcome.error} in {outcome.source[:200]}"
    assert outcome.shown > 8 and all("\n" not in note for note in outcome.notes)


def test_a_section_without_anything_is_one_line(made_up):
    outcome = run_here(EXPLORE / "embeddings.ipynb", run_folder=str(made_up["values"]))
    assert any("this run predicts values" in note for note in outcome.notes)


@pytest.mark.parametrize("path", sorted([*EXPLORE.glob("*.ipynb"), *BATCH.glob("*.ipynb")]), ids=lambda path: path.stem)
def test_an_unknown_parameter_ends_the_notebook(path):
    outcome = run_here(path, run_foldr="runs/x")
    assert isinstance(outcome.error, InputError) and "unknown parameter 'run_foldr'" in str(outcome.error)
    declared = [
        cell for cell in json.loads(path.read_text())["cells"] if cell["metadata"].get("tags") == ["parameters"]
    ]
    names = [line.split(" =")[0] for line in declared[0]["source"] if " = " in line]
    assert names and all(name in str(outcome.error) for name in names)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_folder_that_is_missing_is_named_from_the_root(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = run_here(EXPLORE / f"{name}.ipynb", run_folder="no/such/run")
    assert isinstance(outcome.error, InputError) and str(tmp_path / "no/such/run") in str(outcome.error)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_defaults_come_from_the_run(name):
    code = [
        cell for cell in json.loads((EXPLORE / f"{name}.ipynb").read_text())["cells"] if cell["cell_type"] == "code"
    ]
    parameters = next("".join(cell["source"]) for cell in code if "parameters" in cell["metadata"].get("tags", []))
    assert "run_folder = None" in parameters and "manifest = " in parameters
    assert not any(word in parameters for word in ("gyro", "accel", "mtpkd"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return make_runs(tmp_path_factory.mktemp("any_run"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", RUNS)
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_papermill_executes_it_with_any_run(name, kind, trained, tmp_path):
    parameters = dict(run_folder=str(trained[kind]), **SHORT.get(name, {}))
    out = tmp_path / "out.ipynb"
    settings = dict(kernel_name="python3", progress_bar=False, kernel_manager_class=own_kernel(), cwd=str(tmp_path))
    papermill.execute_notebook(str(EXPLORE / f"{name}.ipynb"), str(out), parameters, **settings)
    outputs = [o for cell in nbformat.read(out, 4).cells if cell.cell_type == "code" for o in cell.outputs]
    assert not [o for o in outputs if o.output_type == "error"]
    assert [o for o in outputs if "application/vnd.plotly.v1+json" in o.get("data", {})] or kind == "two"


@pytest.mark.slow
def test_a_rehearsal_goes_on_with_a_copy(tmp_path, monkeypatch):
    "The address of a copy, as a user gives it where he stands: check, features, run, export and a film, on its own recordings"
    simulate("biovid_a", tmp_path / "copy", subjects=10, clips=5, size=48, waves="plain")
    monkeypatch.chdir(tmp_path)
    outcome = run_here(EXPLORE / "rehearsal.ipynb", manifest="copy/manifest.yaml+bl1_pa4")
    assert outcome.error is None, f"{outcome.error} in {outcome.source[:200]}"
    assert outcome.shown > 12 and not outcome.notes


@pytest.mark.slow
def test_papermill_stops_at_an_unknown_parameter(tmp_path):
    with pytest.raises(papermill.PapermillExecutionError, match="unknown parameter 'run_foldr'"):
        papermill.execute_notebook(
            str(EXPLORE / "verdict.ipynb"),
            str(tmp_path / "out.ipynb"),
            dict(run_foldr="x"),
            kernel_name="python3",
            progress_bar=False,
            kernel_manager_class=own_kernel(),
        )


def test_a_second_run_stands_next_to_the_first(made_up, tmp_path):
    "The same set twice: a table; a run of other samples, and none: one line"
    from mtpkd.reporting.run_pairs import paired_spaces, second_spaces
    from mtpkd.reporting.run_view import value_or_reason

    twin = write(without_others(FakeRun(seeds=2, folds=3, seed=0), ["student_only", "mtpkd"]), tmp_path / "twin")
    pair = paired_spaces(made_up["two"], twin)
    assert len(pair.facts) > 100 and {name.partition(": ")[0] for name in pair.z} == {"two", "twin"}
    for second, reason in ((None, "no second run is named"), (made_up["values"], "expected runs of the same set")):
        spaces, line = value_or_reason(second_spaces, made_up["two"], second)
        assert spaces is None and reason in line and "\n" not in line
