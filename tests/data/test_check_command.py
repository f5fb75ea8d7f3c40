"The command `mtpkd data check` and its relatives in a shell: exit codes, files that it writes, pipes, folders for names."

import os, subprocess, sys
import pytest, yaml
import corpus_trees as trees
from mtpkd.cli.main import main
from mtpkd.data.check import check, check_text
from mtpkd.data.manifest import load_manifest
from mtpkd.simulation.simulate import forecast, simulate
from mtpkd.simulation.spec import layouts


@pytest.fixture(scope="module")
def ceap(tmp_path_factory):
    return simulate("ceap", tmp_path_factory.mktemp("ceap"), subjects=3, clips=2)


def says(capsys, *words):
    code = main(list(map(str, words)))
    return code, *capsys.readouterr()


def test_strict_is_for_scripts(ceap, tmp_path, capsys):
    assert says(capsys, "data", "check", ceap, "--strict")[0] == 0
    broken = simulate("ceap", tmp_path, subjects=3, clips=2, broken=["cut"])
    code, out, err = says(capsys, "data", "check", broken)
    assert code == 0 and "1 recording, file or row left out" in out and not err
    code, strict_out, err = says(capsys, "data", "check", broken, "--strict")
    assert code == 2 and strict_out == out and err.count("\n") == 1 and "left out, 0 faults" in err


def test_strict_counts_too(tmp_path, capsys):
    "A copy of three people of 32, each of them whole"
    root = trees.ceap(tmp_path)
    assert says(capsys, "data", "check", "ceap", "--root", root)[0] == 0
    code, _, err = says(capsys, "data", "check", "ceap", "--root", root, "--strict")
    assert code == 2 and "participants (fewer)" in err


def test_the_table_goes_to_a_folder_that_is_there(ceap, tmp_path, capsys):
    code, out, err = says(capsys, "data", "check", ceap, "--csv", tmp_path / "absent" / "x.csv")
    assert code == 2 and not out and "no such folder" in err and not list(tmp_path.iterdir())
    assert says(capsys, "data", "check", ceap, "--csv", tmp_path / "x.csv")[0] == 0 and (tmp_path / "x.csv").is_file()


@pytest.mark.parametrize("command", [["data", "check"], ["data", "show"], ["run", "--manifest"]])
def test_a_folder_in_place_of_its_manifest(ceap, command, capsys):
    code, _, err = says(capsys, *command, ceap.parent)
    assert code == 2 and f"give {ceap}" in err and err.count("\n") == 1


@pytest.mark.parametrize("words", [["data", "show", "watch"], ["data", "list"], ["data", "check", "watch"]])
def test_a_reader_that_has_read_enough(words):
    "As `mtpkd data show watch | head -1`, where the end of the output finds no reader"
    code = f"import sys; from mtpkd.cli.main import main; sys.exit(main({words}))"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, timeout=60)
    os.close(writer)
    assert (done.stderr, done.returncode) == (b"", 141)


def test_a_file_of_two_modalities_is_counted_once(tmp_path):
    for who in "ab":
        trees.write_video(
            tmp_path / f"{who}.mp4", [trees.picture(0.2 + ord(who) / 300)] * 12, voice=trees.tone(0.5, 200, 16000)
        )
    (tmp_path / "b.mp4").write_bytes(b"")
    (tmp_path / "t.csv").write_text("film,sound,label\na.mp4,a.mp4,x\nb.mp4,b.mp4,y\nc.mp4,c.mp4,y\n")
    manifest = dict(
        name="both",
        reader="table",
        files={"table": {"path": "t.csv"}},
        task=dict(kind="classification", target="label", classes=["x", "y"]),
        modalities={"film": dict(kind="video", role="prevalent"), "sound": dict(kind="audio", role="privileged")},
    )
    (tmp_path / "manifest.yaml").write_text(yaml.safe_dump(manifest))
    c = check(tmp_path / "manifest.yaml")
    assert "2 recordings, files or rows left out" in check_text(c)
    assert len(set(c.findings)) == len(c.findings)


@pytest.mark.parametrize("name", layouts.names())
@pytest.mark.parametrize("clips", [1, 2, 5])
def test_clips_are_said_as_they_come(name, clips):
    "As many as the shortest list of recordings has for each person"
    layout = layouts.get(name)
    said = forecast(name, subjects=2, clips=clips, size=32)["simulated"] if name == "stressid" else ""
    from mtpkd.simulation.spec import SimulationSpec

    spec = SimulationSpec(name, subjects=3, clips=clips)
    recorded = layout.recorded_clips(spec)
    counts = layout.counts(spec)
    assert recorded >= clips
    if "clips" in counts:
        assert recorded * 3 == counts["clips"]
    if "per_class" in counts:
        assert recorded == counts["per_class"] * len(layout.classes)
    assert not said or f"2 subjects x {recorded} clips" in said
    classes = len(layout.classes) or 1
    assert recorded % classes == 0 or name in ("ceap", "affwild2_va", "stressid", "wesad", "stress_predict")


def test_the_simulated_mark_is_what_is_there(tmp_path):
    manifest = simulate("wesad", tmp_path, subjects=2, clips=2)
    assert load_manifest(manifest).simulated.startswith("2 subjects x 3 clips")
    found = dict((what, actual) for what, _, actual in check(manifest).facts)
    assert found["windows"] == 2 * 3
