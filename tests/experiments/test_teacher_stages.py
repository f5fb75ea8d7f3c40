"Students from teachers that were trained once: the bits of one run, for every kind of teacher, and as jobs of papermill."

import numpy as np
import pytest
import mtpkd
from mtpkd.core.errors import InputError
from mtpkd.execution.notebooks import execute
from mtpkd.experiments import runner
from tiny_runs import make_set, quick

METHODS = ["kd", "pkdot", "mtpkdot", "mtpkd", "mtpkdot_crossfit", "shuffled_teacher", "teacher_joint", "teacher_physio"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    "A set, settings, and teachers for one method"
    home = tmp_path_factory.mktemp("teachers")
    how = dict(config=quick(), seeds=[0], folds=2, labelled=20, labelled_validation=10, progress=False)
    manifest = str(make_set(home / "set"))
    folder = mtpkd.train_teachers(manifest, home / "teachers", methods="kd", **how)
    return home, manifest, how, folder


def assert_same_bits(a, b):
    for table in ("results", "predictions"):
        first, second = (getattr(run, table).drop(columns="seconds", errors="ignore") for run in (a, b))
        numbers = first.select_dtypes("number").columns
        np.testing.assert_array_equal(first[numbers], second[numbers])


def test_students_of_another_setting(tiny):
    home, _, _, folder = tiny
    run = mtpkd.train_students(folder, out=home / "students", set="student.tnet_steps=5", progress=False)
    assert "kd" in run.summary.methods and run.report().is_file()


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(seeds=[3]), r"seeds: \[0\] there, \[3\] here"),
        (dict(folds=3), "folds: 2 there, 3 here"),
        (dict(set="encoder.width=4"), "encoder.width: "),
        (dict(methods="mtpkdot"), "adapted teachers|teacher "),
        (dict(manifest="watch"), "there, .* here"),
    ],
    ids=["seeds", "folds", "setting", "method", "set"],
)
def test_other_teachers_are_refused_in_one_line(tiny, change, message, tmp_path):
    *_, folder = tiny
    with pytest.raises(InputError, match=message) as refusal:
        mtpkd.train_students(folder, out=tmp_path / "x", progress=False, **change)
    assert "\n" not in str(refusal.value) and not (tmp_path / "x").exists()


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(InputError, match="no folder of teachers"):
        mtpkd.train_students(tmp_path, out=tmp_path / "x")


@pytest.mark.slow
def test_all_kinds_of_teachers_in_several_stacks(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "stacked_repeats", lambda _: 2)
    manifest = str(make_set(tmp_path / "set"))
    how = dict(
        config=quick(), methods=METHODS, seeds=[0, 1], folds=2, labelled=20, labelled_validation=10, progress=False
    )
    whole = mtpkd.run(manifest, out=tmp_path / "whole", **how)
    folder = mtpkd.train_teachers(manifest, tmp_path / "teachers", **how)
    parts = mtpkd.train_students(folder, out=tmp_path / "parts", progress=False)
    assert_same_bits(whole, parts)


@pytest.mark.slow
def test_as_papermill_jobs(tiny, tmp_path):
    _, manifest, how, _ = tiny
    settings = dict(config=how["config"], seeds=[0], folds=2, labelled=20, labelled_validation=10, methods="kd")
    execute(dict(manifest=manifest, **settings), tmp_path / "teachers", "teachers", progress=False)
    execute(dict(teachers=str(tmp_path / "teachers")), tmp_path / "students", "students", progress=False)
    whole = mtpkd.run(manifest, out=tmp_path / "whole", progress=False, **settings)
    assert_same_bits(whole, mtpkd.RunFolder(tmp_path / "students"))
