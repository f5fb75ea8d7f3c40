"What a type checker says about code of a user: mypy reads this file, nothing runs it."

from pathlib import Path
from typing import assert_type

import mtpkd
from mtpkd.data.manifest import DatasetManifest
from mtpkd.data.samples import Samples
from mtpkd.transport import sinkhorn_divergence
from mtpkd.transport.sinkhorn import OTResult


def own_set(folder: Path) -> Path:
    samples = mtpkd.synthetic("regression", subjects=24, per_subject=15, missing=0.1)
    assert_type(samples, Samples)
    roles = {"face": "prevalent", "physio": "privileged"}
    return mtpkd.save_set(folder, "mine", samples.arrays, samples.target, samples.task, roles=roles)


def experiment(manifest: Path) -> Path:
    assert_type(mtpkd.load_manifest(manifest), DatasetManifest)
    assert_type(mtpkd.read(manifest), Samples)
    folder = mtpkd.train_students(mtpkd.train_teachers(manifest=manifest))
    assert_type(folder, mtpkd.RunFolder)
    assert_type(mtpkd.report([folder, "runs/second"], "both.html"), Path)
    return folder.report()


def field(folder: Path) -> int:
    assert_type(mtpkd.fit("watch", "kd", folder, prevalent=["gyro"], trust=()), dict)
    assert_type(mtpkd.export(folder, folder / "student.onnx"), dict)
    predictor = mtpkd.Predictor(folder / "student.onnx")
    return len(mtpkd.predict(predictor, "watch", root=None))


def distance(x, y) -> OTResult:
    return sinkhorn_divergence(x, y, eps=0.01)


def mistakes(folder: Path) -> None:
    mtpkd.report([folder], "both.html", embeding="pca")  # type: ignore[call-arg]
    mtpkd.predict(folder, manifest=3)  # type: ignore[arg-type]
    mtpkd.no_such_name  # type: ignore[attr-defined]
