"""How the students of a run hold up: the clean point is the number of the run to the bit, whatever the task and the design;
what is drawn depends on the seed alone; a damage of one modality leaves everything else as it was; a run without students,
or with other data, is refused in one line."""

import shutil

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

import mtpkd
from mtpkd.cli.main import main
from mtpkd.core.errors import InputError
from mtpkd.data.samples import fit_normaliser
from mtpkd.data.synthetic import synthetic
from mtpkd.data.media_files import write_video
from mtpkd.experiments.damage import Damage, damaged_set
from mtpkd.experiments.damaged_recordings import Recordings
from mtpkd.experiments.robustness import robustness
from mtpkd.features.prepare import prepare
from mtpkd.training.stacked_data import make_stacked_dataset
from media_files import film
from tiny_runs import fixed_folds, make_set, make_step_set, run_tiny

TWO = dict(face="prevalent", voice="prevalent", physio="privileged")


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    "A run of two prevalent modalities that was asked how it holds up"
    folder = tmp_path_factory.mktemp("asked")
    manifest = make_set(folder / "set", roles=TWO, missing=dict(face=0.1))
    run_tiny(manifest, folder / "run", "kd,mtpkd,teacher_joint", seeds=(0, 1), asked=dict(robustness=True))
    return folder


def table_of(folder):
    "The table as it was written, every digit of it"
    return pd.read_csv(folder / "robustness.csv", keep_default_na=False, na_values=[""])


def test_the_clean_point_is_the_number_of_the_run(asked):
    run = mtpkd.RunFolder(asked / "run")
    clean = table_of(run.path)
    clean = clean[clean["damage"] == "none"].set_index("method")["value"]
    assert {"student_only", "kd", "mtpkd", "teacher_joint"} == set(clean.index)
    for name, value in clean.items():
        assert value == run.summary.methods[name].mean, name


def test_teachers_and_students_are_asked_about_what_they_see(asked):
    table = mtpkd.RunFolder(asked / "run").robustness
    seen = table[table["damage"] != "none"].groupby("method")["modality"].unique()
    assert sorted(seen["student_only"]) == ["face", "voice"]
    assert sorted(seen["teacher_joint"]) == ["face", "physio", "voice"]
    rows = table[table["damage"] == "rows"]
    assert sorted(rows["level"].unique()) == [0.1, 0.25, 0.5, 0.75, 1.0]
    tested = rows[(rows["method"] == "kd") & rows["change"].notna()]
    assert (tested["change_low"] <= tested["change"]).all() and (tested["change"] <= tested["change_high"]).all()
    assert rows[(rows["method"] == "teacher_joint") & (rows["modality"] == "physio")]["diff"].isna().all()


def test_the_command_on_a_finished_run_gives_the_same_table(asked, tmp_path, capsys):
    whole = table_of(asked / "run")
    assert (
        main(["evaluate", str(asked / "run"), "--robustness", "--methods", "kd", "--out", str(tmp_path / "kd.csv")])
        == 0
    )
    own = pd.read_csv(tmp_path / "kd.csv")
    expected = whole[whole["method"].isin(["student_only", "kd"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, expected, check_exact=True, check_dtype=False)
    assert "face: rows" in capsys.readouterr().out
    page = mtpkd.report(asked / "run", tmp_path / "report.html").read_text()
    assert "How it holds up" in page and "share of recordings that are missing" in page


def test_another_seed_draws_other_recordings(asked, tmp_path):
    first, second = (
        table_of(asked / "run"),
        robustness(asked / "run", ["kd"], out=tmp_path / "a.csv", seed=1, progress=False),
    )
    first = first[first["method"].isin(["student_only", "kd"])].reset_index(drop=True)
    half = (first["damage"] == "rows") & (first["level"] == 0.5)
    whole = (first["damage"] == "none") | (first["level"] == 1)
    assert (first["value"][whole].to_numpy() == second["value"][whole].to_numpy()).all()
    assert (first["value"][half].to_numpy() != second["value"][half].to_numpy()).any()


@pytest.mark.parametrize("kind", ["regression", "ordinal"])
def test_any_task_and_one_fixed_test_set(kind, tmp_path):
    protocol = dict(folds=fixed_folds()["sample"], labelled_validation=8)
    metric = dict(regression="ccc", ordinal="quadratic_kappa")[kind]
    manifest = make_set(tmp_path / "set", kind, alone=True, signals=True, protocol=protocol | dict(metric=metric))
    run = run_tiny(manifest, tmp_path / "run", "kd", asked=dict(robustness=True))
    table = table_of(run.path)
    clean = table[table["damage"] == "none"].set_index("method")["value"]
    assert clean["kd"] == run.summary.methods["kd"].mean
    assert {"rows", "steps", "noise"} == set(table["damage"]) - {"none"}
    finite = table[table["low"].notna()]
    assert len(finite) and (finite["low"] <= finite["high"]).all()


def test_values_per_step(tmp_path):
    "Annotated steps are scored, over subjects; a gap in the recordings leaves predictions for all steps"
    protocol = dict(folds=dict(train=["s0", "s1", "s2", "s3"], val=["s4"], test=["s5", "s6", "s7"]))
    manifest = make_step_set(tmp_path / "set", protocol=protocol)
    run = run_tiny(manifest, tmp_path / "run", "student_only", asked=dict(robustness=True))
    table = table_of(run.path)
    assert table["value"].iloc[0] == run.summary.methods["student_only"].mean
    assert {"rows", "steps", "noise"} == set(table["damage"]) - {"none"} and table["value"].notna().all()
    assert (table["low"] < table["high"]).all()


def test_networks_that_are_kept_of_some_repeats_only_are_left_out(tmp_path, monkeypatch):
    "As teachers are after a run that was begun without, and resumed with --robustness"
    monkeypatch.setattr("mtpkd.experiments.plan.MAX_STACK", 2)
    run = run_tiny(make_set(tmp_path / "set"), tmp_path / "run", "kd,teacher_joint", asked=dict(teachers=True))
    for name in ("000-teacher_joint.teacher", "001-kd~default.student"):
        (run.path / "checkpoints" / f"{name}.safetensors").unlink()
    with pytest.warns(UserWarning, match="no networks of (kd, teacher_joint|teacher_joint, kd): left out; a new run"):
        assert set(robustness(run.path, progress=False)["method"]) == {"student_only"}
    for name in ("kd", "teacher_joint"):
        with pytest.raises(InputError, match=f"holds no networks of '{name}' for all repeats"):
            robustness(run.path, [name], progress=False)


def test_students_that_score_otherwise_than_in_the_run(asked, tmp_path, monkeypatch):
    "They are refused before anything is damaged"
    other = tmp_path / "other"
    shutil.copytree(asked / "run", other)
    results = pd.read_csv(other / "results.csv")
    row = results.index[(results["method"] == "kd") & (results["seed"] == 1)][1]
    results.loc[row, "value"] += 0.01
    results.to_csv(other / "results.csv", index=False)
    monkeypatch.setattr("mtpkd.experiments.robustness.damaged_set", lambda *rest: pytest.fail("damaged"))
    fold = results.loc[row, "fold"]
    with pytest.raises(InputError, match=f"fold {fold}, seed 1: without damage kd scores .*, in the run"):
        robustness(other, progress=False)


def test_what_cannot_be_asked(asked, tmp_path, capsys):
    bare = tmp_path / "bare"
    shutil.copytree(asked / "run", bare)
    for file in (bare / "checkpoints").glob("*.safetensors"):
        file.unlink()
    with pytest.raises(InputError, match="holds no students"):
        robustness(bare, progress=False)
    with pytest.raises(InputError, match="experiment.yaml is a file; expected a folder"):
        robustness(asked / "run", out=asked / "run" / "experiment.yaml" / "table.csv", progress=False)
    shutil.rmtree(asked / "set")
    other = make_set(asked / "set", roles=TWO, missing=dict(face=0.3))  # the same folder, other recordings
    with pytest.raises(InputError, match="are not those that it was trained on"):
        robustness(asked / "run", progress=False)
    for wrong, reason in (
        (["--robustness", "--manifest", str(other)], "leave --manifest and --root out"),
        ([], "--robustness for a run folder"),
    ):
        assert main(["evaluate", str(asked / "run"), *wrong]) == 2
        assert reason in capsys.readouterr().err
    assert main(["run", "--manifest", str(other), "--probe", "--robustness"]) == 2


def test_only_the_damaged_modality_changes():
    samples = synthetic("classification", subjects=5, per_subject=8)
    table = make_stacked_dataset(samples, [fit_normaliser(samples, np.arange(24))])
    numbers = torch.arange(40)[None]
    clean, present = table.inputs(numbers, ["face", "physio"])
    for damage in (Damage("noise", "face", 0.0), Damage("rows", "face", 0.5)):
        batch, seen = damaged_set(table, damage, samples.sample).inputs(numbers, ["face", "physio"])
        assert torch.equal(batch["physio"], clean["physio"]) and torch.equal(seen[..., 1], present[..., 1])
        assert not torch.equal(batch["face"], clean["face"])
        fewer = (present & ~seen)[..., 0]
        assert fewer.any() == (damage.kind == "rows")
    slight, strong = (damaged_set(table, Damage("noise", "face", level), samples.sample) for level in (20.0, 0.0))
    added = [own._values("face", numbers, None) - table._values("face", numbers, None) for own in (slight, strong)]
    torch.testing.assert_close(added[0] * 10, added[1], rtol=1e-3, atol=1e-3)


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    "A prepared set of sixteen films with sound of eight people"
    folder = tmp_path_factory.mktemp("films")
    times, rows = np.arange(16000) / 16000, []
    for i in range(16):
        sound = 0.3 * np.sin(2 * np.pi * (200 + 200 * (i % 2)) * times)
        write_video(folder / f"{i}.mp4", film(i % 2, i // 2, i, 20, 32), rate=20, crf=12, sound=sound.astype("float32"))
        rows.append(
            dict(
                sample=f"r{i:02d}",
                subject=f"s{i // 2}",
                label=("calm", "pain")[i % 2],
                face=f"{i}.mp4",
                voice=f"{i}.mp4",
            )
        )
    pd.DataFrame(rows).to_csv(folder / "samples.csv", index=False)
    values = dict(
        name="films",
        reader="table",
        files={"table": {"path": "samples.csv"}},
        task=dict(kind="classification", target="label", classes=["calm", "pain"]),
        sample="sample",
        subject="subject",
        modalities=dict(face=dict(kind="video", role="prevalent"), voice=dict(kind="audio", role="privileged")),
        protocol=dict(folds=2, group="subject"),
    )
    (folder / "manifest.yaml").write_text(yaml.safe_dump(values))
    how = dict(encoder="difference_image,logmel", faces="whole", size=32, frames=4, sound_seconds=0.5)
    return prepare(folder / "manifest.yaml", out=folder / "prepared", jobs=1, progress=False, **how)


def test_films_and_sound_are_damaged_where_they_were_recorded(films, tmp_path):
    samples = mtpkd.read(films)
    recordings = Recordings(films.parent, samples.sample)
    for name, kind in (("face", "frame_rate"), ("face", "frame_size"), ("voice", "sound_noise")):
        stored = samples.arrays[name]
        same, is_read = recordings.features(name, stored.shape[1:])
        assert is_read.all() and np.array_equal(same, stored)
        level = 0.0 if kind == "sound_noise" else 4.0
        other, _ = recordings.features(name, stored.shape[1:], Damage(kind, name, level))
        assert np.isfinite(other).all() and not np.allclose(other, stored, atol=1e-3)
        again, _ = recordings.features(name, stored.shape[1:], Damage(kind, name, level))
        assert np.array_equal(other, again)


@pytest.mark.slow
def test_a_run_on_films_is_scored_with_damaged_films_and_sound(films, tmp_path, capsys):
    run = run_tiny(films, tmp_path / "run", "kd,teacher_joint", asked=dict(robustness=True))
    assert main(["evaluate", str(run.path), "--robustness", "--recordings"]) == 0
    table = table_of(run.path)
    kinds = table.groupby("method")["damage"].unique()
    assert {"frame_rate", "frame_size"} < set(kinds["kd"]) and "sound_noise" not in kinds["kd"]
    assert "sound_noise" in kinds["teacher_joint"]
    assert "pixels of n times the side" in (run.path / "report.html").read_text()
    (films.parent.parent / "0.mp4").write_bytes((films.parent.parent / "1.mp4").read_bytes())
    with pytest.raises(InputError, match="have changed since it was prepared"):
        robustness(run.path, recordings=True, progress=False)


def test_features_without_recordings_cannot_be_damaged_there(asked):
    with pytest.raises(InputError, match="not prepared by mtpkd data prepare"):
        Recordings(asked / "run", ["a"])
    assert main(["evaluate", str(asked / "run"), "--manifest", "watch", "--recordings"]) == 2


@pytest.mark.slow
def test_windows_over_stored_frames_are_computed_again(tmp_path):
    "Frames of a film are stored once; damaged ones are put together to the same windows"
    write_video(tmp_path / "a.mp4", film(0, 0, 0, 30, 32), rate=20, crf=12)
    rows = [
        dict(sample=f"w{i:02d}", subject=f"s{i % 2}", label=("calm", "pain")[i % 2], face="a.mp4") for i in range(12)
    ]
    table = pd.DataFrame(rows).assign(face_first=np.arange(1, 13), face_last=np.arange(8, 20))
    table.to_csv(tmp_path / "samples.csv", index=False)
    values = dict(
        name="windows",
        reader="table",
        files={"table": {"path": "samples.csv"}},
        task=dict(kind="classification", target="label", classes=["calm", "pain"]),
        sample="sample",
        subject="subject",
        modalities=dict(face=dict(kind="video", role="prevalent")),
    )
    (tmp_path / "manifest.yaml").write_text(yaml.safe_dump(values))
    how = dict(encoder="frames_tcn", weights="random", faces="whole", size=32, frames=8, jobs=1, progress=False)
    samples = mtpkd.read(prepare(tmp_path / "manifest.yaml", out=tmp_path / "prepared", **how))
    stored = samples.arrays["face"]
    recordings = Recordings(tmp_path / "prepared", samples.sample)
    assert recordings.planned["face"].windows is not None
    same, is_read = recordings.features("face", stored.shape[1:])
    assert is_read.all()
    np.testing.assert_allclose(same, stored[:], rtol=1e-4, atol=1e-5)
    other, _ = recordings.features("face", stored.shape[1:], Damage("frame_rate", "face", 4.0))
    assert not np.allclose(other, stored[:], atol=1e-3)
