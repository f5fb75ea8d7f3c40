"""From a film to values over time: what the exported student and its encoder predict for a film is what preparing the
film and predicting from its features gives, without torch."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from mtpkd.api import export
from mtpkd.cli.main import main
from mtpkd.core.errors import InputError
from mtpkd.data.manifest import load_manifest
from mtpkd.deployment.film import predict_film
from mtpkd.deployment.predictor import predict
from mtpkd.experiments.fit import fit
from mtpkd.features.prepare import prepare
from media_files import film_tree
from tiny_runs import QUICK

PREDICT = """
import sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ImportError("torch is not for the field")
sys.meta_path.insert(0, NoTorch())
from mtpkd.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    "A small set of films, and its features"
    root = tmp_path_factory.mktemp("films")
    return film_tree(root / "films", subjects=4, each=4)


def exported(films, folder, **how):
    "A prepared set, and a student with its encoder"
    settings = dict(weights="random", faces="whole", frames=4, size=32) | how
    prepared = prepare(films, out=folder / "set", jobs=1, progress=False, **settings)
    fit(str(prepared), "student_only", folder / "fit", config=QUICK, prevalent=["face"])
    export(folder / "fit", folder / "student.onnx", encoders=True)
    return prepared


def test_a_prepared_set_says_how_its_features_came_about(films, tmp_path):
    settings = dict(weights="random", faces="whole", frames=3, size=16, stride=2, encoder="frames_tcn")
    manifest = load_manifest(prepare(films, out=tmp_path / "set", jobs=1, progress=False, **settings))
    said = manifest.modalities["face"].prepared
    assert (said.encoder, said.frames, said.stride, said.size, said.faces) == ("frames_tcn", 3, 2, 16, "whole")
    assert said.seconds == pytest.approx(24 / 25, abs=1e-6)
    assert manifest.modalities["emg"].prepared is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "how",
    [dict(encoder="frames_tcn"), dict(encoder="r3d18", stride=3), dict(encoder="difference_image", weights="default")],
    ids=["pictures", "clips", "differences"],
)
def test_a_film_is_predicted_as_its_features(how, films, tmp_path):
    prepared = exported(films, tmp_path, **how)
    expected = predict(tmp_path / "student.onnx", prepared).set_index("sample")
    root = load_manifest(films).root
    for sample in ("s00_000", "s03_002"):
        out = tmp_path / f"{sample}.csv"
        words = ["predict", tmp_path / "student.onnx", "--video", root / "video" / f"{sample}.mp4", "--out", out]
        page = ["--html", tmp_path / "page.html"]
        done = subprocess.run(
            [sys.executable, "-c", PREDICT, *map(str, [*words, *page])], capture_output=True, text=True, env=os.environ
        )
        assert done.returncode == 0, done.stderr
        (row,) = pd.read_csv(out).to_dict("records")
        for name in ("calm", "pain"):
            assert row[name] == pytest.approx(expected.loc[sample, name], abs=1e-4)
        assert row["predicted"] == expected.loc[sample, "predicted"]
    assert "<polyline" in (tmp_path / "page.html").read_text() or "<circle" in (tmp_path / "page.html").read_text()


@pytest.mark.slow
def test_a_film_of_many_windows(films, tmp_path, capsys):
    "Windows that overlap; an end that is in none of them is said; another encoder's student is refused"
    exported(films, tmp_path, encoder="frames_tcn")
    film = load_manifest(films).root / "video" / "s01_001.mp4"
    table = predict_film(tmp_path / "student.onnx", film, window=0.4, hop=0.12)
    assert table["start_s"].tolist() == [0.0, 0.12, 0.24, 0.36, 0.48]
    assert "no window" not in capsys.readouterr().err
    predict_film(tmp_path / "student.onnx", film, window=0.4, hop=0.3)
    assert "its last 0.3 s are in no window" in capsys.readouterr().err
    whole = predict_film(tmp_path / "student.onnx", film, window=9.0)
    assert len(whole) == 1 and whole["end_s"][0] == pytest.approx(0.96)
    (tmp_path / "other").mkdir()
    exported(films, tmp_path / "other", encoder="frames_tcn", frames=3)
    (tmp_path / "other" / "student.face.onnx").replace(tmp_path / "student.face.onnx")
    with pytest.raises(InputError, match="the encoder of another student"):
        predict_film(tmp_path / "student.onnx", film)


@pytest.mark.parametrize(
    "words, said",
    [
        (["--video", "a.mp4", "--manifest", "watch"], "not allowed with"),
        ([], "one of the arguments --manifest --video --camera is required"),
        (["--manifest", "watch", "--hop", "2"], "--hop is for films"),
        (["--video", "a.mp4", "--window", "long"], "--window: expected seconds, got 'long'"),
        (["--video", "a.mp4"], "no such file; expected an .onnx of mtpkd export"),
    ],
)
def test_wrong_options_are_one_line(words, said, tmp_path, capsys):
    code = main(["predict", str(tmp_path / "none.onnx"), *words, "--out", str(tmp_path / "out.csv")])
    err = capsys.readouterr().err
    assert code == 2 and said in err and err.count("\n") == 1, err
    assert not (tmp_path / "out.csv").exists()


def test_export_of_encoders_needs_films(tmp_path, capsys):
    fit("watch", "student_only", tmp_path / "fit", config=QUICK)
    code = main(["export", str(tmp_path / "fit"), "--encoders", "--out", str(tmp_path / "student.onnx")])
    err = capsys.readouterr().err
    assert code == 2 and "no modality of watch was prepared from films" in err
    assert not np.any([p.suffix == ".onnx" for p in tmp_path.iterdir()])
