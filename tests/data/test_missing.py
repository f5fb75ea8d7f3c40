"Rows that nobody labelled, recordings that are not there, people who are spelled in two ways: what counts is said, and nothing leaks."

import warnings
import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings, strategies as st
import mtpkd
from mtpkd.cli.main import main
from mtpkd.core.errors import InputError
from mtpkd.data.check import check, check_text
from mtpkd.data.folds import annotated, check_fold, nested_folds, whole_fold
from mtpkd.data.manifest import parse_manifest, TaskSpec
from mtpkd.data.reading import read
from mtpkd.data.samples import label_names, make_samples, UNLABELLED
from mtpkd.data.save import save_set
from mtpkd.experiments.plan import plan_experiment
from mtpkd.reporting.sentences import setting_rows
from tiny_runs import make_set, quick, run_tiny

MOOD = TaskSpec(kind="classification", target="mood", classes=["calm", "stress"])
SPELLINGS = [np.nan, None, pd.NA, "", " ", "nan", "NaN", "None", "n/a", "unclear", np.ma.masked]


def saved(folder, target, task=None, face=None, subject=None, **other):
    face = np.ones((len(target), 2)) if face is None else face
    task = task or dict(kind="classification", target="mood", classes=["calm", "stress"])
    return save_set(folder, "mine", {"face": face}, target, task, subject, roles={"face": "prevalent"}, **other)


def said_of(call) -> list:
    "The warnings of a call"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(warning.message) for warning in caught]


# labels


@pytest.mark.parametrize("nobody", SPELLINGS[:-1], ids=repr)
def test_a_row_without_a_label(nobody, tmp_path):
    task = dict(kind="classification", target="mood", classes=["calm", "stress"], unlabelled="unclear")
    path = saved(tmp_path, np.array(["calm", nobody, "stress", "calm"], object), task)
    samples = read(path)
    assert samples.target.tolist() == [0, UNLABELLED, 1, 0]
    assert label_names(samples).tolist() == ["calm", "", "stress", "calm"]
    assert annotated(samples).tolist() == [True, False, True, True]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(
    "cells", [["calm", "", "stress", "calm"], ["0", "", "1", "0"], [0, None, 1, 0], [0.0, np.nan, 1, 0]]
)
def test_a_row_without_a_label_in_a_table(suffix, cells, tmp_path):
    frame = pd.DataFrame({"mood": cells, "face_0": range(4)})
    frame.to_csv(tmp_path / "t.csv", index=False) if suffix == "csv" else frame.to_parquet(tmp_path / "t.parquet")
    values = dict(
        name="mine",
        reader="table",
        files={"table": {"path": f"t.{suffix}"}},
        task=MOOD.model_dump(exclude_none=True),
        modalities={"face": {"kind": "features", "role": "prevalent"}},
    )
    (tmp_path / "manifest.yaml").write_text(yaml.safe_dump(values))
    assert read(tmp_path / "manifest.yaml").target.tolist() == [0, UNLABELLED, 1, 0]


def test_numbers_that_mean_no_label():
    named = MOOD.model_copy(update={"unlabelled": -1})
    assert make_samples({"face": np.ones((3, 1))}, [0, -1, 1], named).target.tolist() == [0, UNLABELLED, 1]
    masked = np.ma.masked_array([0, 1, 1], mask=[False, True, False])
    assert make_samples({"face": np.ones((3, 1))}, masked, MOOD).target.tolist() == [0, UNLABELLED, 1]
    for target, words in (([0, -1, 1], "task.unlabelled"), ([1, 2, 1], "count from 1"), ([0, 0.5, 1], "is 0.5")):
        with pytest.raises(InputError, match=words):
            make_samples({"face": np.ones((3, 1))}, target, MOOD)
    with pytest.raises(InputError, match="no sample has a label"):
        make_samples({"face": np.ones((2, 1))}, [None, None], MOOD)


def test_labels_that_may_count_from_one_are_said():
    three = MOOD.model_copy(update={"classes": ["calm", "stress", "joy"]})
    said = said_of(lambda: make_samples({"face": np.ones((3, 1))}, [1, 2, 1], three))
    assert len(said) == 1 and "no sample is of class 0, calm" in said[0]
    assert not said_of(lambda: make_samples({"face": np.ones((3, 1))}, [0, 2, 1], three))


def test_classes_may_be_numbers_and_truth_values(tmp_path):
    for i, classes in enumerate((np.array(["a", "b"]), [0, 1], [False, True], ("a", "b"))):
        target = np.array([classes[0], classes[1]] * 2)
        task = dict(kind="classification", target="y", classes=classes)
        assert read(saved(tmp_path / str(i), target, task)).target.tolist() == [0, 1, 0, 1]
    values = yaml.safe_load(
        "{name: m, files: {a: {path: a.npz}}, modalities: {}, task: {kind: classification, target: y}}"
    )
    values["task"]["classes"] = yaml.safe_load("[yes, no]")
    with pytest.raises(InputError, match="put it in quotes"):
        parse_manifest(values)


@given(
    subjects=st.lists(st.integers(0, 7), min_size=24, max_size=60),
    hidden=st.sets(st.integers(0, 59), max_size=40),
    seed=st.integers(0, 3),
    named=st.booleans(),
    folds=st.sampled_from([2, 3, "loso"]),
)
@settings(max_examples=120, deadline=None, derandomize=True)
def test_no_unlabelled_row_outside_the_pool_and_no_subject_in_two_parts(subjects, hidden, seed, named, folds):
    target = [None if i in hidden else i % 2 for i in range(len(subjects))]
    face = np.ones((len(subjects), 1))
    try:
        samples = make_samples({"face": face}, np.array(target, object), MOOD, subjects if named else None)
        made = nested_folds(samples, folds, seed, labelled=4)
    except InputError:
        return
    unlabelled = np.flatnonzero(samples.target == UNLABELLED)
    tested = np.concatenate([fold.test for fold in made])
    assert sorted(tested) == sorted(np.flatnonzero(samples.target != UNLABELLED))
    for fold in made:
        check_fold(fold, samples.subject)
        for part in (fold.train, fold.val, fold.test):
            assert not len(np.intersect1d(part, unlabelled))
        assert set(fold.unlabelled) == set(fold.pool) & set(unlabelled)
        assert not len(np.intersect1d(fold.known_rows, unlabelled))
    if not named:
        assert all(set(unlabelled) <= {*fold.pool, *fold.val} for fold in made)


def with_hidden_labels(path, share=0.3):
    "The set at `path` without some of its labels, as another set beside it"
    samples = read(path)
    labels = label_names(samples).astype(object)
    labels[np.random.default_rng(0).random(len(labels)) < share] = None
    arrays = {
        name: np.where(samples.presence[:, i, None], x, np.nan) for i, (name, x) in enumerate(samples.arrays.items())
    }
    return save_set(
        path.parent / "hidden",
        "tiny",
        arrays,
        labels,
        samples.task,
        samples.subject,
        samples.sample,
        roles=dict(face="prevalent", physio="privileged"),
        protocol=dict(folds=3, labelled=24, labelled_validation=6),
    )


@pytest.mark.parametrize("kind", ["classification", pytest.param("ordinal", marks=pytest.mark.slow)])
def test_a_run_with_rows_that_nobody_labelled(kind, tmp_path):
    path = with_hidden_labels(make_set(tmp_path / "set", kind))
    methods = ["student_only", "self_training", "mtpkdot", "mtpkd", "student_all_labels", "kd_mean", "kd_barycentre"]
    run = run_tiny(path, tmp_path / "run", methods)
    samples = read(path)
    unlabelled = set(samples.sample[samples.target == UNLABELLED])
    assert unlabelled and not unlabelled & set(run.predictions["sample"])
    assert set(run.predictions["target"]) <= set(samples.task.classes)
    assert np.isfinite(run.results["value"]).all()
    assert any("there is no label in" in note for note in run.summary.notes)
    facts = dict(setting_rows(run.summary))
    assert "there is no label in" in facts["missing"]
    permuted = run_tiny(path, tmp_path / "control", methods[:3], config=quick(control="label_permutation"))
    assert np.isfinite(permuted.results["value"]).all()


def test_fixed_lists_and_all_data(tmp_path):
    samples = make_samples(
        {"face": np.ones((6, 1))}, np.array([0, 1, None, 0, 1, None], object), MOOD, subject=list("aabbcc")
    )
    lists = dict(train=["a"], val=["b"], test=["c"])
    with pytest.raises(InputError):
        nested_folds(samples, dict(train=["b"], val=["a"], test=["c"]))  # class stress is nowhere in training
    (fold,) = nested_folds(samples, lists)
    assert [part.tolist() for part in (fold.train, fold.val, fold.test)] == [[0, 1], [3], [4]]
    whole = whole_fold(samples, lists)
    assert 5 in whole.pool and 5 in whole.unlabelled and 2 not in whole.pool


# modalities


def test_masked_arrays_are_not_taken_whole(tmp_path):
    mask = np.zeros((4, 2), bool)
    mask[1] = True
    face = np.ma.masked_array(np.full((4, 2), 9.0), mask=mask)
    samples = make_samples({"face": face}, [0, 1, 0, 1], MOOD)
    assert samples.presence[:, 0].tolist() == [True, False, True, True] and not samples.arrays["face"][1].any()
    assert not read(saved(tmp_path, [0, 1, 0, 1], face=face)).presence[1, 0]
    whole = np.ma.masked_array(np.ones((4, 2), int), mask=mask)
    assert not read(saved(tmp_path / "whole", [0, 1, 0, 1], face=whole)).presence[1, 0]


@pytest.mark.parametrize("name, role", [("face", "prevalent"), ("physio", "privileged")])
def test_nothing_to_see_is_refused_before_training(name, role, tmp_path, capsys):
    path = make_set(tmp_path / "set", missing={name: 1.1})
    with pytest.raises(InputError, match=f"{role} modality {name} is missing in all 90 samples"):
        plan_experiment(manifest=str(path), config=quick())
    with pytest.raises(InputError, match=f"{role} modality {name} is missing"):
        mtpkd.fit(manifest=str(path), out=tmp_path / "fit", config=quick())
    assert main(["data", "show", str(path)]) == 0
    assert f"{name} is missing in 90 of 90 samples (100%)" in capsys.readouterr().out
    found = check(path)
    assert f"{name} is missing in 90 of 90 samples (100%)" in check_text(found)
    assert found.usable == (role == "privileged")


def test_a_large_share_is_said_and_a_small_one_is_not(tmp_path):
    path = make_set(tmp_path / "half", missing=dict(physio=0.5))
    said = said_of(lambda: plan_experiment(manifest=str(path), config=quick()))
    assert any("physio is missing in" in words and "of 90 samples" in words for words in said)
    whole = make_set(tmp_path / "whole", missing=dict(physio=0.1))
    assert not said_of(lambda: plan_experiment(manifest=str(whole), config=quick()))


# people


@pytest.mark.parametrize("suffix", ["npz", "csv"])
def test_one_person_by_two_spellings(suffix, tmp_path):
    subject = np.array(["s0", "s0 ", "\ufeffs1", "s1\u00a0", "Ju\u0308rg", "Jürg"])
    if suffix == "npz":
        np.savez(tmp_path / "a.npz", face=np.ones((6, 1)), mood=["calm", "stress"] * 3, who=subject)
    else:
        frame = pd.DataFrame(dict(face_0=np.ones(6), mood=["calm", "stress"] * 3, who=subject))
        frame.to_csv(tmp_path / "a.csv", index=False)
    values = dict(
        name="mine",
        reader="npz" if suffix == "npz" else "table",
        files={"arrays": {"path": f"a.{suffix}"}},
        task=MOOD.model_dump(exclude_none=True),
        subject="who",
        modalities={"face": {"kind": "features", "role": "prevalent"}},
    )
    (tmp_path / "manifest.yaml").write_text(yaml.safe_dump(values))
    samples = read(tmp_path / "manifest.yaml")
    assert samples.subject.tolist() == ["s0", "s0", "s1", "s1", "Jürg", "Jürg"]


@pytest.mark.parametrize("nobody", [None, np.nan, pd.NA, "", " ", "nan", "None", "NaN ", "n/a"], ids=repr)
def test_a_subject_that_nobody_knows(nobody, tmp_path):
    subject = np.array(["a", "b", nobody, "d"], object)
    with pytest.raises(InputError, match="subject is .* in row 2"):
        make_samples({"face": np.ones((4, 1))}, [0, 1, 0, 1], MOOD, subject)
    with pytest.raises(InputError, match="subject is .* in row 2"):
        saved(tmp_path, [0, 1, 0, 1], subject=subject)


def test_what_was_stripped_is_said():
    said = said_of(lambda: make_samples({"face": np.ones((2, 1))}, [0, 1], MOOD, ["s0", "s0 "]))
    assert len(said) == 1 and "without blanks around them, such as 's0 '" in said[0]
    said = said_of(lambda: make_samples({"face": np.ones((2, 1))}, [0, 1], MOOD, ["s0", "S0"]))
    assert len(said) == 1 and "spell one person alike" in said[0]
