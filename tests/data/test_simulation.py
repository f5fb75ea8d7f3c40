"Simulated corpora: in the layout that the readers expect, marked wherever they go, the same for the same seed, and broken findably."

import shutil
from pathlib import Path
import numpy as np
import pytest
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_predict, GroupKFold
import mtpkd
from mtpkd.cli.main import main
from mtpkd.core.config import to_yaml
from mtpkd.core.errors import InputError
from mtpkd.data.check import check, check_text
from mtpkd.data.manifest import list_manifests, load_manifest
from mtpkd.features.prepare import prepare
from mtpkd.simulation.faults import break_recordings, faults, faults_for
from mtpkd.core.yaml_files import read_yaml
from mtpkd.simulation.simulate import forecast, simulate
from mtpkd.simulation.spec import layouts, SimulationSpec
from tiny_runs import quick

CORPORA = layouts.names()
SMALL = dict(subjects=4, clips=2, size=32, waves="plain")
LIGHT = ["stressid", "stress_predict", "ceap", "wesad"]  # without films
FILMED = [name for name in CORPORA if name not in LIGHT]
PREPARED = dict(
    encoder="frames_tcn,resnet18_logmel,raw",
    weights="random",
    faces="whole",
    frames=2,
    size=32,
    sound_seconds=1.0,
    jobs=1,
    progress=False,
)
RUN = dict(methods="student_only,kd", seeds="0", labelled="all", config=quick(), progress=False)


def contents(folder):
    "Path -> bytes of every file below a folder"
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def fake_films(monkeypatch):
    "Films without pictures, for tests of everything around them"
    write = lambda path, *rest, **how: Path(path)
    for name in ("biovid", "affwild2", "acted_speech"):
        monkeypatch.setattr(f"mtpkd.simulation.{name}_layout.write_film", write)
    monkeypatch.setattr("mtpkd.simulation.affwild2_layout.write_crops", write)


@pytest.fixture(scope="module")
def light(tmp_path_factory):
    "The manifest of a small corpus without films, made once"
    folder = tmp_path_factory.mktemp("light")
    return {name: simulate(name, folder / name, **SMALL) for name in ("stress_predict", "ceap")}


# layouts


def test_every_corpus_of_the_field_has_a_layout():
    assert set(CORPORA) == {name for name in list_manifests() if load_manifest(name).access != "embedded"}


@pytest.mark.parametrize("name", CORPORA)
def test_recordings_have_paths_of_their_own_and_counts_are_those_of_the_manifest(name):
    spec = SimulationSpec(name, subjects=5, clips=7)
    layout = layouts.get(name)
    paths = [recording.path for recording in layout.recordings(spec)]
    assert len(set(paths)) == len(paths) >= 5
    assert not any(Path(path).is_absolute() or ".." in Path(path).parts for path in paths)
    sizes = []
    for subjects in (3, 6):
        recordings = layout.recordings(SimulationSpec(name, subjects=subjects))
        sizes.append(sum(recording.frames + recording.values for recording in recordings))
    assert sizes[1] == pytest.approx(2 * sizes[0], rel=0.1)
    assert layout.counts(spec)


@pytest.mark.parametrize("name", CORPORA)
def test_labels_and_signals_are_the_same_for_the_same_seed(name, tmp_path, monkeypatch):
    fake_films(monkeypatch)
    how = dict(subjects=2, clips=1, size=32, waves="plain")
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        simulate(name, tmp_path / folder, seed=seed, **how)
    first, again, other = (contents(tmp_path / folder) for folder in "abc")
    assert first == again
    same = [path for path in first if other.get(path) == first[path]]
    assert not [
        path for path in same if path.suffix in (".csv", ".txt", ".json", ".pkl", ".wav") and path.stem != "LICENSE"
    ]


def test_films_are_the_same_for_the_same_seed_and_differ_between_people():
    from mtpkd.simulation.faces import look_of, UNITS
    from mtpkd.simulation.recordings import film_of
    from mtpkd.simulation.trajectory import people

    spec = SimulationSpec("biovid_a", size=32)
    first, second = people(spec, 2)

    def film(person, name):
        return np.stack(list(film_of(look_of(person, spec), np.zeros((4, len(UNITS))), 4, 25, spec, name)))

    assert (film(first, "x") == film(first, "x")).all()
    assert (film(first, "x") != film(first, "y")).any()
    assert np.abs(film(first, "x").astype(int) - film(second, "x")).mean() > 5


# nothing is wrong with them, and they are marked


@pytest.mark.parametrize("name", ["stress_predict", "ceap"])
def test_nothing_is_wrong_and_a_run_is_marked(name, light, tmp_path, capsys):
    found = check(light[name])
    assert found.findings == [], check_text(found)
    assert all(expected is None or expected == actual for _, expected, actual in found.facts), check_text(found)
    assert found.facts[0] == ("simulated", None, "4 subjects x 2 clips, seed 0, medium")
    r = mtpkd.run(light[name], out=tmp_path / "run", folds=2, **RUN)
    mark = "4 subjects x 2 clips, seed 0, medium"
    assert r.summary.simulated == mark and set(r.results["simulated"]) == {mark}
    assert main(["report", str(tmp_path / "run")]) == 0
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert f"(simulated: {mark})</" in page and "a rehearsal" in page
    assert main(["data", "show", str(light[name])]) == 0
    assert f"simulated: {mark}" in capsys.readouterr().out


def test_the_shipped_manifest_is_marked_by_the_folder_too(light):
    folder = light["ceap"].parent
    assert load_manifest(f"ceap@{folder}").simulated
    assert check("ceap", folder).facts[0][0] == "simulated"
    assert not load_manifest("ceap").simulated
    assert load_manifest(light["ceap"]).published == []


def test_a_real_copy_has_no_mark_in_its_summary_and_tables(tmp_path):
    r = mtpkd.run("watch", out=tmp_path / "run", folds=2, **RUN | dict(labelled=60))
    assert "simulated" not in r.results and "simulated" not in (tmp_path / "run" / "summary.json").read_text()


def settings_of(name):
    return dict(folds=None if name == "affwild2_va" else 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", CORPORA)
def test_simulate_check_prepare_run_report(name, tmp_path):
    manifest = simulate(name, tmp_path / "copy", **SMALL)
    found = check(manifest, every=True)
    assert found.findings == [], check_text(found)
    assert all(expected is None or expected == actual for _, expected, actual in found.facts), check_text(found)
    address = f"{manifest}+sparse" if name == "affwild2_va" else manifest
    prepared = prepare(address, out=tmp_path / "prepared", **PREPARED)
    assert load_manifest(prepared).simulated
    r = mtpkd.run(prepared, out=tmp_path / "run", **settings_of(name), **RUN)
    assert r.results["value"].notna().all() and r.summary.simulated
    assert main(["report", str(tmp_path / "run")]) == 0
    assert "simulated: 4 subjects" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


# missing and broken recordings


@pytest.mark.parametrize("name", ["stress_predict", "ceap", "stressid"])
def test_privileged_recordings_are_missing_as_asked(name, tmp_path):
    manifest = simulate(name, tmp_path / "copy", **SMALL | dict(subjects=12), missing=0.5)
    samples = mtpkd.read(manifest)
    roles = load_manifest(manifest).modalities
    for i, modality in enumerate(samples.modalities):
        share = samples.presence[:, i].mean()
        assert share == 1 if roles[modality].role == "prevalent" else 0.1 < share < 0.9


def check_broken(name, intact, folder):
    "Every fault, in a copy of its own where there are fewer files than faults: found by its file, or as a count"
    spec = SimulationSpec(name, **SMALL)
    used = [recording for recording in layouts.get(name).recordings(spec) if recording.is_used]
    paths = [recording.path for recording in used if not recording.is_index]
    files = [path for path in paths if (intact / path).is_file()]
    tried = faults_for(files)
    for fault in tried:
        copy = folder / fault
        shutil.copytree(intact, copy)
        (path,) = break_recordings([copy / file for file in files], [fault], spec)
        found = check(copy / "manifest.yaml")
        place = path.relative_to(copy)
        named = [
            finding for finding in found.findings if place.stem[3:] in str(finding) or str(place.parent) in str(finding)
        ]
        counted = [what for what, expected, actual in found.facts if expected is not None and expected != actual]
        assert named or counted, f"{fault} of {place}: {check_text(found)}"
        shutil.rmtree(copy)
    return tried


def test_ten_kinds_of_faults_are_found(light, tmp_path):
    tried = check_broken("stress_predict", light["stress_predict"].parent, tmp_path)
    assert len(tried) >= 10
    assert len(faults.names()) >= 12


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CORPORA if name != "stress_predict"])
def test_faults_of_the_other_corpora_are_found(name, tmp_path):
    intact = simulate(name, tmp_path / "intact", **SMALL).parent
    assert len(check_broken(name, intact, tmp_path / "broken")) >= 7


MANY = dict(stress_predict=(4, 2), ceap=(6, 2), stressid=(6, 4), wesad=(6, 1), affwild2_va=(8, 1))
FILMS = dict(biovid_a=(3, 1), biovid_b=(3, 1), ravdess=(2, 1), crema_d=(3, 1))


def stem_of(path, name):
    "What a finding calls a file: of acted speech, a clip that is gone has no file to name"
    stem = Path(path).stem
    return stem[3:] if name == "ravdess" else stem


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", [*MANY, *(pytest.param(name, marks=pytest.mark.slow) for name in FILMS)])
def test_no_fault_hides_another(name, seed, tmp_path):
    "All faults that fit, in one copy: simulated.yaml names file and fault, and the check names every file"
    subjects, clips = (MANY | FILMS)[name]
    how = dict(subjects=subjects, clips=clips, seed=seed, size=32, waves="plain")
    manifest = simulate(name, tmp_path / "copy", broken="all", **how)
    told = read_yaml(manifest.parent / "simulated.yaml")
    done = set(told["broken_files"].values())
    assert len(done) == len(told["broken_files"]) >= 4 and sorted({*faults.names()} - done) == told["not_broken"]
    text = check_text(check(manifest), most=999)
    unnamed = {path: fault for path, fault in told["broken_files"].items() if stem_of(path, name) not in text}
    assert not unnamed, f"{unnamed}\n{text}"
    intact = simulate(name, tmp_path / "intact", **how).parent
    changed = {path for path, content in contents(intact).items() if contents(manifest.parent).get(path) != content}
    assert {Path(path) for path in told["broken_files"]} == changed - {Path("simulated.yaml")}


def test_a_simulation_of_an_earlier_version_is_written_again(tmp_path):
    manifest = simulate("ceap", tmp_path, **SMALL, broken=["cut"])
    mark = tmp_path / "simulated.yaml"
    lines = mark.read_text().splitlines()
    start = lines.index("broken_files:")
    mark.write_text("\n".join(lines[:start]) + "\n")
    assert simulate("ceap", tmp_path, **SMALL, broken=["cut"]) == manifest
    assert "cut" in read_yaml(mark)["broken_files"].values()


# the command


def test_the_command_writes_forecasts_and_refuses(tmp_path, capsys):
    out = tmp_path / "copy"
    how = ["--subjects", "3", "--clips", "2", "--seed", "5"]
    assert main(["data", "simulate", "ceap", "--out", str(out), *how, "--dry-run"]) == 0
    assert "about 11 files, 0 pictures" in capsys.readouterr().out and not out.exists()
    assert main(["data", "simulate", "ceap", "--out", str(out), *how]) == 0
    assert f"mtpkd data check {out / 'manifest.yaml'}" in capsys.readouterr().out
    assert main(["data", "simulate", "ceap", "--out", str(out), *how[:-1], "6"]) == 2
    assert "another simulation (simulated: '3 subjects" in capsys.readouterr().err
    assert main(["data", "simulate", "watch", "--out", str(tmp_path / "no")]) == 2
    assert "unknown simulated corpus 'watch'" in capsys.readouterr().err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    assert main(["data", "simulate", "ceap", "--out", str(tmp_path / "full"), *how]) == 2
    assert "thesis.txt" in capsys.readouterr().err
    assert main(["data", "simulate", "ceap", "--out", str(tmp_path / "b"), *how, "--broken", "empty,gone"]) == 2
    assert "unknown fault 'gone'" in capsys.readouterr().err and not (tmp_path / "b").exists()


FORECAST = {
    "stress_predict": dict(subjects=5, clips=5),
    "ceap": dict(subjects=6, clips=3, missing=0.3),
    "stressid": dict(subjects=9, clips=4),
    "wesad": dict(subjects=4, clips=7),
    "affwild2_va": dict(subjects=4, clips=2, words=True),
    "biovid_a": dict(subjects=2, clips=5, levels="0,4"),
    "biovid_b": dict(subjects=3, clips=2, levels="0,4"),
    "ravdess": dict(subjects=3, clips=2, levels="0,2", missing=0.3),
    "crema_d": dict(subjects=4, clips=6, broken="absent,cut"),
}


@pytest.mark.parametrize("size", [64, pytest.param(128, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", FORECAST)
def test_the_forecast_is_what_comes(name, size, tmp_path):
    "Bytes within a factor of 1.5, and files; where pictures are files, they are not counted one by one"
    told = forecast(name, size=size, waves="plain", **FORECAST[name])
    folder = simulate(name, tmp_path / "copy", size=size, waves="plain", **FORECAST[name]).parent
    files = contents(folder)
    megabytes = sum(map(len, files.values())) / 1e6
    assert 1 / 1.5 < told["megabytes"] / megabytes < 1.5, (told, megabytes)
    assert told["files"] == pytest.approx(len(files), rel=0.2 if name == "affwild2_va" else 1e-9)


def test_the_faults_that_the_command_names_are_those_there_are():
    from mtpkd.cli.data_commands import SIMULATED_FAULTS

    assert sorted(SIMULATED_FAULTS) == sorted(faults.names())


# some of the levels, and no more than a layout holds

LEVELS = dict(
    biovid_a="0,4", biovid_b=["BL1", "PA4"], ravdess="calm,angry", crema_d="0,2", stressid="Math,Relax,Stroop"
)


@pytest.mark.parametrize("name", ["stressid", *(pytest.param(n, marks=pytest.mark.slow) for n in list(LEVELS)[:-1])])
def test_only_some_levels(name, tmp_path):
    manifest = simulate(name, tmp_path / "copy", **SMALL | dict(levels=LEVELS[name]))
    found = check(manifest)
    assert found.findings == [], check_text(found)
    assert all(expected is None or expected == actual for _, expected, actual in found.facts), check_text(found)
    samples = mtpkd.read(manifest, inputs=False, files=True)
    classes = load_manifest(manifest).task.classes
    assert len(classes) == len(set(samples.target)) == (3 if name == "stressid" else 2)
    assert "only " in load_manifest(manifest).simulated
    for variant in load_manifest(manifest).variants:
        load_manifest(f"{manifest}+{variant}")


def test_levels_leave_the_other_recordings_as_they_are(tmp_path):
    every, some = (
        SimulationSpec("biovid_a", **SMALL | how) for how in (dict(clips=10), dict(clips=4, levels=("BL1", "PA4")))
    )
    paths = [[recording.path for recording in layouts.get("biovid_a").recordings(spec)] for spec in (every, some)]
    assert set(paths[1]) < set(paths[0]) and not any("PA2" in path for path in paths[1])
    assert sum("mp4" in path for path in paths[1]) == 4 * 4


@pytest.mark.parametrize(
    "name, wrong, word",
    [
        ("ravdess", dict(clips=61), "expected 1 to 60"),
        ("ravdess", dict(clips=17, levels="calm,angry"), "expected 1 to 16"),
        ("crema_d", dict(clips=67), "expected 1 to 66"),
        ("ceap", dict(clips=9), "expected 1 to 8"),
        ("stressid", dict(clips=13), "expected 1 to 12"),
        ("biovid_a", dict(clips=4996), "expected 1 to 4995"),
        ("biovid_a", dict(levels="0,5"), "numbers from 0 to 4, or BL1"),
        ("biovid_a", dict(levels="BL1"), "at least two"),
        ("wesad", dict(levels="0,1"), "no classes in turn"),
        ("ceap", dict(broken=sorted(faults.names()), subjects=2, clips=1), "is left to break"),  # by name
    ],
)
def test_what_a_layout_does_not_hold_is_refused(name, wrong, word, tmp_path):
    with pytest.raises(InputError, match=word):
        simulate(name, tmp_path / "copy", **SMALL | wrong)
    assert not (tmp_path / "copy").exists()


def test_clips_are_ten_or_as_many_as_there_are():
    assert forecast("ceap", subjects=2) == forecast("ceap", subjects=2, clips=8)
    assert forecast("stressid", subjects=2)["files"] == 8  # six tables, two of YAML


# words beside the layout


def test_words_follow_what_is_felt_and_become_features(tmp_path):
    "Transcripts alone, without the films: read by the kind text, hashed, and worth something for valence"
    spec = SimulationSpec("affwild2_va", subjects=12, clips=10, words=True)
    recordings, values = layouts.get("affwild2_va").transcripts(spec, "12 people")
    for recording in recordings:
        recording.write(tmp_path / recording.path)
    values["modalities"] = dict(words=values["modalities"]["words"] | dict(role="prevalent"))
    (tmp_path / "words.yaml").write_text(to_yaml(values))
    assert check(tmp_path / "words.yaml").findings == []
    prepared = prepare(tmp_path / "words.yaml", out=tmp_path / "out", encoder="hashing:64", jobs=1, progress=False)
    samples = mtpkd.read(prepared)
    x, valence = samples.arrays["words"][samples.presence[:, 0]], samples.target[samples.presence[:, 0], 0]
    assert x.shape[1:] == (64,) and 0.7 < samples.presence.mean() <= 1
    guessed = cross_val_predict(RidgeCV(), x, valence, groups=samples.subject[samples.presence[:, 0]], cv=GroupKFold(3))
    assert np.corrcoef(guessed, valence)[0, 1] > 0.4
    assert load_manifest(prepared).simulated == "12 people"
    facts = forecast("affwild2_va", subjects=2, clips=1), forecast("affwild2_va", subjects=2, clips=1, words=True)
    assert facts[1]["files"] == facts[0]["files"] + 4
    with pytest.raises(InputError, match="nobody speaks freely in recordings of ceap"):
        simulate("ceap", tmp_path / "no", subjects=2, words=True)


@pytest.mark.slow
def test_a_rehearsal_of_film_taught_by_words(tmp_path):
    manifest = simulate("affwild2_va", tmp_path / "copy", **SMALL, words=True)
    for path in (manifest, manifest.parent / "words.yaml"):
        found = check(path)
        assert found.findings == [], check_text(found)
    how = PREPARED | dict(encoder="difference_image,words=hashing:64")
    prepared = prepare(manifest.parent / "words.yaml", out=tmp_path / "prepared", **how)
    r = mtpkd.run(prepared, out=tmp_path / "run", folds=2, **RUN)
    assert r.results["value"].notna().all() and "with words" in r.summary.simulated


@pytest.mark.parametrize(
    "wrong, word",
    [
        (dict(subjects=1), "expected 2 to 32"),
        (dict(subjects=33), "expected 2 to 32"),
        (dict(clips=0), "clips is 0"),
        (dict(difficulty="harder"), "hard"),
        (dict(missing=1.5), "missing is 1.5"),
        (dict(size=31), "size is 31"),
        (dict(waves="fourier"), "waves"),
    ],
)
def test_wrong_settings_are_one_line(wrong, word, tmp_path):
    with pytest.raises(InputError, match=word):
        simulate("ceap", tmp_path / "copy", **SMALL | wrong)
    assert not (tmp_path / "copy").exists()


# the privileged modality knows more


def test_skin_says_more_about_pain_than_the_face_shows():
    "Levels of pain by the rise of conductance, and by the brows: the first follow the level more closely"
    from mtpkd.simulation.faces import affect_units, shown_units, UNITS
    from mtpkd.simulation.physiology import simulate_signal
    from mtpkd.simulation.trajectory import pain_course, people

    spec = SimulationSpec("biovid_a", subjects=30, waves="plain")
    level, brows, skin = [], [], []
    for person in people(spec):
        for k in range(5):
            course = pain_course(k / 4, 5.5, spec.random("felt", person.index, k))
            random = spec.random("trace", person.index, k)
            shown = shown_units(affect_units(course), len(course.pain), person, spec, random)
            level.append(k)
            brows.append(shown[:, UNITS.index(4)].mean())
            skin.append(np.ptp(simulate_signal("eda", person, course, 32, spec, random)))
    by_face, by_skin = np.corrcoef(level, brows)[0, 1], np.corrcoef(level, skin)[0, 1]
    assert 0.3 < by_face < by_skin - 0.05


@pytest.mark.parametrize("broken, words", [("nonsense", "unknown fault"), ("silent", "no .wav is left to break")])
@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_impossible_faults_are_refused_before_anything_is_written(tmp_path, capsys, broken, words, dry):
    out = tmp_path / "copy"
    asked = ["biovid_a", "--out", str(out), "--subjects", "2", "--clips", "1", "--broken", broken, *dry]
    assert main(["data", "simulate", *asked]) == 2
    err = capsys.readouterr().err
    assert words in err and err.count("\n") == 1 and not out.exists()
