"""Students on another set: the scores are those of scikit-learn on the student's own predictions, whatever the student
is kept in and in whatever order the other set names its classes; sets that do not fit are refused in one line."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.metrics import balanced_accuracy_score

from mtpkd.api import export
from mtpkd.cli.main import main
from mtpkd.core.errors import InputError
from mtpkd.data.manifest import PreparedSpec, load_manifest
from mtpkd.data.samples import UNLABELLED
from mtpkd.data.save import save_set
from mtpkd.data.synthetic import synthetic
from mtpkd.deployment.predictor import check_manifest, predict
from mtpkd.experiments.evaluate import evaluate, students_at
from mtpkd.experiments.fit import fit
from tiny_runs import QUICK, quick

ROLES = dict(face="prevalent", physio="privileged", voice="privileged")


def made(folder, name, seed, change=lambda s: s):
    "A synthetic set on disk"
    s = change(synthetic("classification", subjects=8, per_subject=12, seed=seed))
    return save_set(folder / name, name, s.arrays, s.target, s.task, subject=s.subject, roles=ROLES)


def reordered(s):
    "The same set with its classes named in reverse"
    last = len(s.task.classes) - 1
    task = s.task.model_copy(update=dict(classes=s.task.classes[::-1]))
    return replace(s, target=last - s.target, task=task)


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    "A fitted student, and the same exported"
    folder = tmp_path_factory.mktemp("student")
    fit(made(folder, "first", 0), "student_only", folder / "fit", config=quick(schedule=dict(steps=60)))
    export(folder / "fit", folder / "student.onnx")
    return folder


def main_score(table, metric="balanced_accuracy"):
    return table.set_index("metric").loc[metric]


def test_scores_are_those_of_the_predictions(student, tmp_path):
    second = made(tmp_path, "second", 1)
    table = evaluate(student / "student.onnx", second)
    predicted = predict(student / "student.onnx", second)["predicted"]
    s = synthetic("classification", subjects=8, per_subject=12, seed=1)
    expected = balanced_accuracy_score(np.array(s.task.classes)[s.target], predicted)
    row = main_score(table)
    assert row["value"] == pytest.approx(expected)
    assert row["low"] < row["value"] < row["high"] and row["units"] == 8
    folder = main_score(evaluate(student / "fit", second))
    assert folder["value"] == pytest.approx(row["value"])


def test_the_order_of_classes_does_not_matter(student, tmp_path):
    second, other = made(tmp_path, "second", 1), made(tmp_path, "other", 1, reordered)
    expected, found = (main_score(evaluate(student / "fit", path)) for path in (second, other))
    assert found[["value", "low", "high"]].to_numpy(float) == pytest.approx(
        expected[["value", "low", "high"]].to_numpy(float)
    )


def test_rows_without_a_label_are_left_out(student, tmp_path):
    def without(s):
        target = np.where(np.arange(len(s.target)) % 3 == 0, UNLABELLED, s.target)
        return replace(s, target=target, task=s.task.model_copy(update=dict(unlabelled=UNLABELLED)))

    row = main_score(evaluate(student / "fit", made(tmp_path, "second", 1, without)))
    assert row["n"] == 64


def test_the_command(student, tmp_path, capsys):
    second, out = made(tmp_path, "second", 1), tmp_path / "scores.csv"
    assert main(["evaluate", str(student / "fit"), "--manifest", str(second), "--out", str(out)]) == 0
    assert "96 rows of 8 subjects" in capsys.readouterr().out
    assert len(pd.read_csv(out)) > 2
    assert main(["evaluate", str(student / "fit"), "--manifest", "mfeat"]) == 2
    assert "mfeat has no modality face" in capsys.readouterr().err


def test_other_tasks_are_refused(student, tmp_path):
    values = synthetic("regression", subjects=8, per_subject=6)
    path = save_set(tmp_path / "v", "v", values.arrays, values.target, values.task, subject=values.subject, roles=ROLES)
    with pytest.raises(InputError, match="its task is regression, the student's classification"):
        evaluate(student / "fit", path)


def test_features_of_another_preparation_are_refused(student, tmp_path):
    said = dict(encoder="r3d18", weights="default", weights_sha256="0" * 64, pixels="kinetics", frames=10, stride=0)
    said |= dict(size=112, faces="mtcnn", face_every=3, face_margin=0.2, seconds=2.0)
    path = made(tmp_path, "second", 1)
    text = yaml.safe_load(path.read_text())
    text["modalities"]["face"]["prepared"] = said | dict(seconds=5.0, size=64)
    path.write_text(yaml.safe_dump(text))
    card = students_at(student / "fit")[0].card
    (spec,) = card.inputs
    ours = card.model_copy(update=dict(inputs=(spec.model_copy(update=dict(prepared=PreparedSpec(**said))),)))
    with pytest.raises(InputError, match="was prepared with size 64, but the student learnt from 112"):
        check_manifest(ours, load_manifest(path))
    check_manifest(card, load_manifest(path))  # nobody knows how this student's features came about


def test_other_features_of_another_preparation_are_refused(student, tmp_path):
    "Of sound, signals and words the encoder, its weights and the settings"
    said = dict(encoder="logmel", sound_hz=16000.0, n_mels=40, signal_start=None)
    path = made(tmp_path, "second", 1)
    text = yaml.safe_load(path.read_text())
    text["modalities"]["face"]["recipe"] = said | dict(n_mels=64)
    path.write_text(yaml.safe_dump(text))
    assert load_manifest(path).modalities["face"].recipe["n_mels"] == 64
    card = students_at(student / "fit")[0].card
    (spec,) = card.inputs

    def learnt_from(recipe):
        return card.model_copy(update=dict(inputs=(spec.model_copy(update=dict(recipe=recipe)),)))

    with pytest.raises(InputError, match="was prepared with n_mels 64, but the student learnt from 40"):
        check_manifest(learnt_from(said), load_manifest(path))
    with pytest.raises(InputError, match="was prepared with encoder 'logmel', but the student learnt from 'egemaps'"):
        check_manifest(learnt_from(said | dict(encoder="egemaps", n_mels=64)), load_manifest(path))
    check_manifest(learnt_from(said | dict(n_mels=64)), load_manifest(path))
    check_manifest(learnt_from({}), load_manifest(path))  # nobody knows how its features came about


def test_the_set_it_learnt_from_is_refused(student, tmp_path, capsys):
    assert main(["evaluate", str(student / "fit"), "--manifest", str(student / "first" / "manifest.yaml")]) == 2
    assert "the student learnt from a set of this name" in capsys.readouterr().err


def test_a_set_without_subjects_says_so(student, tmp_path, capsys):
    def nobody(s):
        return replace(s, subject=None)

    assert main(["evaluate", str(student / "fit"), "--manifest", str(made(tmp_path, "second", 1, nobody))]) == 0
    assert "intervals of 95% over samples, since the set names no subjects" in capsys.readouterr().out


@pytest.mark.parametrize("words", ["nosuch", ""])
def test_methods_are_those_of_a_run(student, tmp_path, words, capsys):
    second = made(tmp_path, "second", 1)
    assert main(["evaluate", str(student / "student.onnx"), "--manifest", str(second), "--methods", words]) == 2
    assert "expected names of methods of a run folder" in capsys.readouterr().err
