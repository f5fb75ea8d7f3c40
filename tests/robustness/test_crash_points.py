"""A command that ends before any of its changes of files: the same call again works, its results are those of an undisturbed one, and nothing temporary stays. All points are slow; a sample is quick."""

import os, shutil
from pathlib import Path
import pandas as pd, pytest, yaml
from mtpkd.core.files import is_partial
from crash_points import KILLED, CrashServer
from tiny_runs import make_set, quick

ROOMS = ("out", "tmp")  # what a command may leave something in


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    "A folder with a server, a set, settings, and what commands need that come later"
    folder = tmp_path_factory.mktemp("crash")
    make_set(folder / "set", subjects=6, protocol=dict(folds=3, labelled=15, labelled_validation=6))
    (folder / "quick.yaml").write_text(yaml.safe_dump(quick()))
    server = CrashServer(folder)
    try:
        for name, out in dict(fit="fit", run="run", export="student.onnx", report="r.html").items():
            server.prepare(words_of(name, folder, folder / out))
        yield folder, server
    finally:
        server.close()


def words_of(name, folder, out):
    "A command and its output"
    manifest, config = folder / "set" / "manifest.yaml", folder / "quick.yaml"
    if name == "fit":
        return ["fit", "--manifest", manifest, "--method", "kd", "--config", config, "--out", out]
    if name == "export":
        return ["export", folder / "fit", "--out", out]
    if name == "predict":
        return ["predict", folder / "student.onnx", "--manifest", manifest, "--out", out]
    if name == "report":
        return ["report", folder / "run", "--out", out]
    if name == "compare":
        return ["compare", folder / "run", folder / "run", "--methods", "kd,mtpkdot", "--out", out]
    if name == "prepare":
        return ["data", "prepare", manifest, "--encoder", "raw", "--jobs", "1", "--out", out]
    return ["run", manifest, out, config]


OUTPUT = dict(
    fit="student", export="s.onnx", predict="p.csv", report="r.html", compare="c.csv", prepare="set", run="run"
)


def content(path):
    "Every file below a path and its bytes, without what says when and how long"
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    found = {}
    for file in files:
        name = file.relative_to(path.parent).as_posix()
        if file.name == "journal.jsonl":
            continue
        if file.name == "results.csv":
            found[name] = pd.read_csv(file).drop(columns="seconds").to_csv()
        elif file.name.endswith((".results.parquet", ".done.json")):
            found[name] = ""  # seconds, and a digest of them
        else:
            found[name] = file.read_bytes().replace(os.fsencode(path), b"OUT")
    return found


def leftovers(folder):
    "What no finished command leaves"
    found = [p for p in folder.rglob("*") if is_partial(p.name) or p.name == ".lock"]
    of_libraries = ("torchinductor", ".ses")  # of torch and of onnxruntime, which keep them
    return found + [p for p in (folder / "tmp").iterdir() if not any(name in p.name for name in of_libraries)]


def clear(folder):
    for name in ROOMS:
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir()


def check_points(name, room, sample=None):
    "All points of a command, or so many of them"
    folder, server = room
    clear(folder)
    out = folder / "out" / OUTPUT[name]
    words = words_of(name, folder, out)
    code, count, said = server.call(words, folder)
    assert code == 0 and count >= 4, said
    whole, places = content(out), server.places
    points = range(1, count + 1)
    for point in points if sample is None else points[count // (2 * sample) :: count // sample]:
        clear(folder)
        code, _, _ = server.call(words, folder, stop=point)
        place = f"{name}, before change {point} ({places[point - 1]})"
        assert code == KILLED, place
        code, _, said = server.call(words, folder)
        assert code == 0, f"{place}: {said[-600:]}"
        assert content(out) == whole, place
        assert not leftovers(folder), f"{place}: {leftovers(folder)}"
    return count


@pytest.mark.parametrize("name", OUTPUT)
def test_some_points(name, room):
    check_points(name, room, sample=1 if name in ("report", "run") else 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", OUTPUT)
def test_all_points(name, room):
    check_points(name, room)


def test_half_files_of_earlier_versions_are_in_nobodys_way(room):
    "`prepare` killed within its first write, before temporary files were locked"
    folder, server = room
    clear(folder)
    out = folder / "out" / "set"
    out.mkdir()
    (out / ".prepare.yaml.4242.tmp").touch()
    code, _, said = server.call(words_of("prepare", folder, out), folder)
    assert code == 0 and not leftovers(folder), said


def test_a_finished_fit_is_not_trained_over(room):
    folder, server = room
    before = content(folder / "fit")
    code, _, said = server.call(words_of("fit", folder, folder / "fit"), folder)
    assert code == 2 and "holds a student already" in said
    assert content(folder / "fit") == before


def test_plans_are_the_same_bytes_in_every_process(room):
    folder, server = room
    clear(folder)
    for name in ("a", "b"):
        code, _, said = server.call(words_of("run", folder, folder / "out" / name), folder)
        assert code == 0, said
    files = sorted(p.relative_to(folder / "out" / "a") for p in (folder / "out" / "a").rglob("*.safetensors"))
    assert any(file.parts[0] == "plans" for file in files)
    for file in files:
        assert (folder / "out" / "a" / file).read_bytes() == (folder / "out" / "b" / file).read_bytes(), file
