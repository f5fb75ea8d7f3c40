"""Folders that somebody else made, with a pipe, a device, a link or a huge file in place of each of their files."""

import os, shutil, time
import pytest
import mtpkd
from mtpkd.cli.main import main
from mtpkd.core.errors import InputError
from mtpkd.execution.sweep_folder import SweepFolder
from mtpkd.experiments.run_folder import RunFolder
from tiny_runs import make_set, quick


def pipe(path, private):
    os.mkfifo(path)


def device(path, private):
    path.symlink_to("/dev/zero")


def link_out(path, private):
    path.symlink_to(os.path.relpath(private, path.parent))


def link_loop(path, private):
    path.symlink_to(path.name)


def huge(path, private):
    with open(path, "wb") as f:
        f.truncate(2**31)  # sparse: takes no space


KINDS = [pipe, device, link_out, link_loop, huge]
READ = {
    "experiment.yaml": lambda run: RunFolder(run).config,
    "summary.json": lambda run: RunFolder(run).summary,
    "environment.json": lambda run: RunFolder(run).environment,
    "results.csv": lambda run: RunFolder(run).results,
    "metrics.csv": lambda run: RunFolder(run).metrics,
    "history.csv": lambda run: RunFolder(run).history,
    "teachers.csv": lambda run: RunFolder(run).teachers,
    "transfer.csv": lambda run: RunFolder(run).transfer,
    "calibration.csv": lambda run: RunFolder(run).calibration,
    "predictions.parquet": lambda run: RunFolder(run).predictions,
    "plans/kd.safetensors": lambda run: RunFolder(run).plan("kd"),
    "embeddings/fold0_seed0.safetensors": lambda run: RunFolder(run).embeddings(),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("special")
    manifest = make_set(folder / "set")
    mtpkd.run(str(manifest), methods=["kd"], seeds=[0], config=quick(), out=folder / "run", progress=False)
    return folder / "run"


@pytest.fixture
def run(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


@pytest.mark.parametrize("name", READ)
def test_every_file_that_is_read_exists_and_can_be_read(name, finished):
    assert (finished / name).is_file(), sorted(str(p.relative_to(finished)) for p in finished.rglob("*"))
    READ[name](finished)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", READ)
def test_a_run_folder_with_a_special_file(name, kind, run, tmp_path):
    private = tmp_path / "private"
    shutil.copy(run / name, private)
    (run / name).unlink()
    kind(run / name, private)
    started = time.monotonic()
    with pytest.raises(InputError, match=r"expected (a regular file|a file below|at most)|settings, a few lines") as e:
        READ[name](run)
    assert "\n" not in str(e.value) and name.rpartition("/")[2] in str(e.value)
    assert time.monotonic() - started < 5


def test_links_inside_of_the_folder_are_followed(run):
    (run / "results.csv").rename(run / "first.csv")
    (run / "results.csv").symlink_to("first.csv")
    assert len(RunFolder(run).results)


def test_a_folder_of_plans_elsewhere(run, tmp_path):
    shutil.move(run / "plans", tmp_path / "plans")
    (run / "plans").symlink_to(tmp_path / "plans")
    with pytest.raises(InputError, match="leads out of"):
        RunFolder(run).plan("kd")


@pytest.mark.parametrize("kind", KINDS)
def test_students_and_sweeps(kind, run, tmp_path, capsys):
    (student, *_) = sorted((run / "checkpoints").glob("*-kd~*.student.safetensors"))
    private = tmp_path / "private"
    shutil.copy(student, private)
    for folder, name in ((tmp_path / "fit", "student.safetensors"), (tmp_path / "sweep", "cells.jsonl")):
        folder.mkdir()
        kind(folder / name, private)
    (tmp_path / "sweep" / "sweep.yaml").write_text("name: gift\n")
    if kind is not huge:  # a student may have that many bytes
        assert main(["export", str(tmp_path / "fit"), "--out", str(tmp_path / "x.onnx")]) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
    with pytest.raises(InputError, match="no list of cells"):
        SweepFolder(tmp_path / "sweep")
    student.unlink()
    kind(student, private)
    assert main(["export", str(run), "--method", "kd", "--out", str(tmp_path / "x.onnx")]) == 2
