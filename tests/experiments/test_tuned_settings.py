"""What a study has chosen travels with its comparison: it is run again to the same predictions, also after it was packed, and a
student is fitted under the settings of its method."""

import json, shutil
import pandas as pd, pytest, yaml
import mtpkd, mtpkd.experiments.runner
from mtpkd.api import tune
from mtpkd.cli.main import main
from mtpkd.core.errors import InputError
from mtpkd.experiments.tuned_settings import read_tuned
from tiny_runs import make_set, quick

pytest.importorskip("optuna", reason='Optuna is not installed: pip install -e ".[tune]"')

FAST = dict(schedule=dict(steps=4, evaluate=2, batch=8, pool_batch=8), teachers=dict(steps=2, ensemble=1))
SPACES = dict(
    nested=dict(all={"schedule.lr": dict(low=5.0e-4, high=2.0e-2, log=True)}),
    development=dict(
        all={"schedules": ["default", "long_mixup"]},
        kd={"schedule.lr": [0.001, 0.004], "schedule.decay": ["cosine", "constant"]},
    ),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuned")
    make_set(folder / "one", subjects=7, protocol=dict(folds=2, labelled=12, labelled_validation=5))
    (folder / "quick.yaml").write_text(yaml.safe_dump(quick(**FAST)))
    return folder


@pytest.fixture(scope="module", params=SPACES)
def study(data, request):
    "A study that is nested, and one on a development part"
    name, fixed = request.param, dict(manifest="one/manifest.yaml", config="quick.yaml", seeds=0)
    values = dict(methods=["kd"], trials=2, round=2, fixed=fixed, space=SPACES[name])
    if name == "development":
        values |= dict(development=["s001", "s004"], untuned=["rkd"])
        fixed |= dict(set=["labelled=8", "labelled_validation=4"])
    (data / f"{name}.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    return tune(data / f"{name}.yaml", data / name, progress=False)


def command(data, study, *more):
    settings = study.path / "comparison" / "experiment.yaml"
    return ["run", "--manifest", str(data / "one" / "manifest.yaml"), "--config", str(settings), *map(str, more)]


def without_code(folder):
    facts = yaml.safe_load((folder / "experiment.yaml").read_text())
    return {key: value for key, value in facts.items() if key != "manifest"}


def same(first, second):
    pd.testing.assert_frame_equal(first.predictions, second.predictions, check_exact=True)
    pd.testing.assert_frame_equal(first.results.drop(columns="seconds"), second.results.drop(columns="seconds"))
    assert first.summary == second.summary


def test_the_comparison_again_from_its_settings(data, study, tmp_path):
    assert main(command(data, study, "--out", tmp_path / "again")) == 0
    again = mtpkd.RunFolder(tmp_path / "again")
    same(study.comparison, again)
    assert without_code(again.path) == without_code(study.comparison.path) and (again.path / "report.html").is_file()
    before = (again.path / "predictions.parquet").stat().st_mtime_ns
    assert main(command(data, study, "--out", again.path)) == 2  # it is there
    (again.path / "summary.json").unlink()
    for path in (again.path / "checkpoints").glob("000-kd.*"):
        path.unlink()
    assert main(command(data, study, "--out", again.path, "--resume")) == 0
    assert (again.path / "predictions.parquet").stat().st_mtime_ns > before
    same(study.comparison, again := mtpkd.RunFolder(again.path))


def test_best_yaml_leads_to_the_comparison(data, study, tmp_path):
    manifest, best = data / "one" / "manifest.yaml", study.path / "best.yaml"
    same(study.comparison, mtpkd.run(manifest, config=best, out=tmp_path / "again", progress=False))
    shutil.copy(best, tmp_path / "best.yaml")
    with pytest.raises(InputError, match="give the file STUDY/comparison/experiment.yaml"):
        mtpkd.run(manifest, config=tmp_path / "best.yaml", out=tmp_path / "other", progress=False)


@pytest.mark.parametrize("more", [["--keep-names"], []])
def test_a_comparison_that_was_packed(data, study, tmp_path, capsys, more):
    "The settings that were chosen are in the archive, names of subjects only if they may be"
    archive, theirs = tmp_path / "x.zip", tmp_path / "theirs"
    assert main(["pack", str(study.path / "comparison"), "--out", str(archive), *more]) == 0
    assert main(["unpack", str(archive), "--out", str(theirs)]) == 0
    text = (theirs / "experiment.yaml").read_text()
    assert str(data) not in text and ("s004" in text) == (bool(more) and study.path.name == "development")
    chosen = yaml.safe_load(text)["tuning"]["chosen"]
    assert chosen == yaml.safe_load((study.path / "best.yaml").read_text())["chosen"]
    run = command(data, study, "--out", tmp_path / "again")
    run[run.index("--config") + 1] = str(theirs / "experiment.yaml")
    capsys.readouterr()
    if study.path.name == "development" and not more:
        assert main(run) == 2 and "ask for an archive that was packed with --keep-names" in capsys.readouterr().err
    else:
        assert main(run) == 0
        same(study.comparison, mtpkd.RunFolder(tmp_path / "again"))


def test_a_student_under_the_settings_that_were_chosen(data, study, tmp_path, capsys):
    settings = study.path / "comparison" / "experiment.yaml"
    manifest = str(data / "one" / "manifest.yaml")
    how = ["--manifest", manifest, "--config", str(settings)]
    assert main(["fit", *how, "--method", "kd", "--out", str(tmp_path / "fit")]) == 0
    said, facts = capsys.readouterr().out, json.loads((tmp_path / "fit" / "fit.json").read_text())
    entry = read_tuned(settings).of("kd")
    assert "settings that 2 trials have chosen" in said and facts["tuned"]["settings"] == entry["settings"]
    assert entry["validation"] == max(e["validation"] for e in study.best if e["method"] == "kd")
    fitted = yaml.safe_load((tmp_path / "fit" / "fit.yaml").read_text())
    for name, value in entry["settings"].items():
        section, _, key = name.rpartition(".")
        assert (fitted[section][key] if section else fitted[name]) in (value, [value])
    own = ["--set", "schedule.lr=0.009", "--out", str(tmp_path / "own")]
    assert main(["fit", *how, "--method", "kd", *own]) == 0
    assert yaml.safe_load((tmp_path / "own" / "fit.yaml").read_text())["schedule"]["lr"] == 0.009
    assert main(["fit", *how, "--method", "dkd", "--out", str(tmp_path / "no")]) == 2
    assert main(["fit", *how, "--method", "student_only", "--out", str(tmp_path / "alone")]) == 0
    assert "this method was not tuned" in capsys.readouterr().out


def test_what_cannot_be_done_with_a_comparison_is_one_line(data, study, tmp_path, capsys):
    attempts = {
        "mtpkd fit --manifest": ["export", str(study.path / "comparison"), "--out", str(tmp_path / "x.onnx")],
        "name " + str(study.path / "comparison"): ["pack", str(study.path), "--out", str(tmp_path / "x.zip")],
        "take methods out": command(data, study, "--methods", "kd"),
        "take set out": command(data, study, "--set", "schedule.lr=1"),
        "take seeds out": command(data, study, "--seeds", "0"),
        "take dry_run out": command(data, study, "--dry-run"),
        "take robustness out": command(data, study, "--robustness"),
        "--probe is of settings": command(data, study, "--probe"),
    }
    capsys.readouterr()
    for words, asked in attempts.items():
        assert main(asked) == 2, asked
        err = capsys.readouterr().err
        assert words in err and err.count("\n") == 1, (words, err)
    arguments = dict(manifest=data / "one" / "manifest.yaml", config=study.path / "comparison" / "experiment.yaml")
    for call in (mtpkd.probe, mtpkd.train_teachers, mtpkd.experiments.runner.run):
        with pytest.raises(InputError, match="where every method has its own"):
            call(**arguments, **({} if call is mtpkd.probe else dict(out=tmp_path / "out")))
    assert not list(tmp_path.iterdir())


def test_settings_in_the_folder_of_the_data_are_not_the_user_s(data, study, tmp_path, capsys):
    shutil.copytree(data / "one", tmp_path / "one")
    shutil.copy(study.path / "comparison" / "experiment.yaml", tmp_path / "one" / "found.yaml")
    manifest, found = str(tmp_path / "one" / "manifest.yaml"), str(tmp_path / "one" / "found.yaml")
    for asked in (["run"], ["fit", "--method", "kd"]):
        assert main([*asked, "--manifest", manifest, "--config", found, "--out", str(tmp_path / "out")]) == 2
        assert "copy it elsewhere" in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda tuning: dict(kd=2), "does not name the settings that were chosen"),
        (lambda tuning: tuning | dict(chosen=[]), "does not name the settings that were chosen"),
        (lambda tuning: tuning | dict(chosen=tuning["chosen"][1:]), "has settings for|student_only"),
        (lambda tuning: tuning | dict(chosen=tuning["chosen"] * 2), "has settings for"),
        (lambda tuning: tuning | dict(chosen=["kd"]), "expected method, repeats and settings"),
        (lambda tuning: tuning | dict(development=["nobody"]), "nobody is no subject"),
    ],
)
def test_a_section_that_is_not_whole(data, study, tmp_path, change, words):
    values = yaml.safe_load((study.path / "comparison" / "experiment.yaml").read_text())
    values["tuning"] = change(values["tuning"])
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(values))
    if study.path.name == "development" and words == "has settings for|student_only":
        pytest.skip("the first entry is a whole method")
    with pytest.raises(InputError, match=words):
        mtpkd.run(data / "one" / "manifest.yaml", config=tmp_path / "x.yaml", out=tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()
