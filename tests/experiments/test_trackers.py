"Runs in TensorBoard: its own reader finds what the run folder holds, once, however often it is logged; the run folder is not touched."

import shutil, sys
import numpy as np, pytest
import mtpkd
from mtpkd.core.installation import install_command
from mtpkd.cli.main import main
from mtpkd.core.files import file_sha256
from mtpkd.execution.sweep_file import Cell
from mtpkd.execution.sweep_folder import write_cells
from tiny_runs import make_set, quick

reader = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator",
    reason='TensorBoard is not installed: pip install -e ".[trackers]"',
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tracked")
    return mtpkd.run(
        make_set(folder / "set", subjects=6, protocol=dict(folds=2, labelled=15, labelled_validation=6)),
        methods=["kd"],
        seeds=[0],
        config=quick(),
        out=folder / "sweep" / "0123456789ab",
        progress=False,
    )


def files(folder):
    return {p.relative_to(folder): file_sha256(p) for p in folder.rglob("*") if p.is_file()}


def test_the_reader_finds_what_the_folder_holds(run, tmp_path, capsys):
    before, place = files(run.path), tmp_path / "logs" / run.path.name
    place.mkdir(parents=True)
    (place / "events.out.tfevents.0.other").write_bytes(b"")
    for _ in range(2):
        assert main(["track", str(run.path), "--to", str(tmp_path / "logs")]) == 0
    assert (
        "1 run logged" in capsys.readouterr().out
        and files(run.path) == before
        and (place / "events.out.tfevents.0.other").exists()
    )
    for m, row in run.summary["methods"].items():
        read = reader.EventAccumulator(str(place / m.replace(":", "~"))).Reload()
        assert [e.value for e in read.Scalars("verdict/mean")] == [pytest.approx(row["mean"])], m
        if m.startswith("teacher_"):
            continue
        curve = (
            run.history.query("method == @m and stage == 'student' and name == 'validation'")
            .groupby("step")["value"]
            .mean()
        )
        seen = read.Scalars("student/validation")
        assert [e.step for e in seen] == curve.index.tolist() and np.allclose([e.value for e in seen], curve)
    words = (
        reader.EventAccumulator(str(place))
        .Reload()
        .Tensors("made/text_summary")[-1]
        .tensor_proto.string_val[0]
        .decode()
    )
    assert str(run.path) in words and "an honest run" in words


def test_a_sweep_is_one_log_a_finished_run(run, tmp_path, capsys):
    folder = run.path.parent
    (run.path / "run.ipynb").write_text("{}")
    (folder / "sweep.yaml").write_text("name: s\n")
    write_cells(folder / "cells.jsonl", [Cell("0123456789ab", "labelled=9", {}, {}), Cell("0", "labelled=12", {}, {})])
    (folder / "journal.jsonl").write_text("")
    assert (
        main(["track", str(folder), "--to", str(tmp_path / "logs")]) == 2
        and "no run of this sweep is finished" in capsys.readouterr().err
    )
    (folder / "journal.jsonl").write_text('{"event": "done", "cell": "0123456789ab"}\n')
    assert main(["track", str(folder), "--to", str(tmp_path / "logs")]) == 0
    assert [p.name for p in (tmp_path / "logs" / "sweep").iterdir() if p.is_dir()] == ["labelled=9-0123456789ab"]


def test_two_runs_of_one_name_do_not_meet(run, tmp_path, capsys):
    "The second is refused, and the first stays as it is"
    shutil.copytree(run.path, other := tmp_path / "elsewhere" / run.path.name)
    assert main(["track", str(run.path), "--to", str(tmp_path / "logs")]) == 0
    before = files(tmp_path / "logs")
    assert main(["track", str(other), "--to", str(tmp_path / "logs")]) == 2
    assert f"holds the logs of {run.path}" in capsys.readouterr().err and files(tmp_path / "logs") == before


def test_without_the_extra(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert main(["track", str(run.path), "--to", str(tmp_path / "logs")]) == 2
    err = capsys.readouterr().err
    assert install_command("trackers") in err and err.count("\n") == 1 and not (tmp_path / "logs").exists()
