"The student in the field: exported, it says what it said in torch, alone as in a batch, without torch, labels or privileged modalities; whatever is wrong with a file is one line."

import json, os, shutil, subprocess, sys
import numpy as np, onnx, pandas as pd, pytest, torch, yaml
from onnx import helper
from safetensors import safe_open
from safetensors.numpy import save
from mtpkd.cli.main import main
from mtpkd.core.config import EncoderConfig
from mtpkd.core.errors import InputError
from mtpkd.core.stored_files import arrays_sha256
from mtpkd.deployment.predictor import Predictor, predict
from mtpkd.distillation.method_resolution import get_method
from mtpkd.distillation.students import get_student
from mtpkd.experiments.scoring import open_context
from mtpkd.experiments.run_folder import RunFolder
from mtpkd.experiments.runner import run
from mtpkd.api import export
from mtpkd.experiments.run_students import find_students
from mtpkd.deployment.onnx_export import predict_in_torch
from mtpkd.experiments.fit import fit
from mtpkd.data.manifest import list_manifests, load_manifest
from mtpkd.data.reading import read
from mtpkd.deployment.student_file import load_student, select_members
from tiny_runs import QUICK, make_set

EMBEDDED = [n for n in list_manifests() if load_manifest(n).access == "embedded"]


def says(capsys, *words):
    "Exit code and what was printed"
    code = main(list(map(str, words)))
    out, err = capsys.readouterr()
    return code, out if code == 0 else err


def whole(samples, n):  # `(N, ...)` with NaN where it is missing
    a, i = samples.arrays[n], samples.modalities.index(n)
    return np.where(samples.presence[:, i].reshape(-1, *[1] * (a.ndim - 1)), a, np.float32("nan"))


# parity on real data


@pytest.fixture(scope="module", params=EMBEDDED)
def deployed(request, tmp_path_factory):
    "An ensemble on an embedded set, fitted briefly: folder, file"
    folder = tmp_path_factory.mktemp(request.param)
    fit(request.param, "kd", folder / "fit", ensemble=2, config=QUICK, labelled=100, progress=False)
    export(folder / "fit", folder / "student.onnx")
    return request.param, folder


def test_file_says_what_torch_says(deployed):
    "On every row of the set; the prediction of torch has the context's own data and normaliser, not the exporter's"
    name, folder = deployed
    p, s = Predictor(folder / "student.onnx"), read(name)
    kept = load_student(folder / "fit" / "student.safetensors")
    from mtpkd.data.samples import Normaliser
    from mtpkd.models.student import Student
    from mtpkd.training.stacked_model import StackedModel
    from mtpkd.training.stacked_data import make_stacked_dataset
    from mtpkd.training.stacked_model import predict_stacked as in_stack

    c = kept.card
    z = []
    for r in range(2):
        mean, scale = ({n: part[n][r] for n in p.names} for part in (kept.mean, kept.scale))
        unit = {f"target_{part}": values[r] for part, values in kept.target.items()}
        z.append(Normaliser(mean, scale, **unit))
    only = type(s)(
        {n: s.arrays[n] for n in p.names},
        s.presence[:, [s.modalities.index(n) for n in p.names]],
        s.target,
        s.subject,
        s.sample,
        s.task,
    )
    stack = StackedModel(
        lambda: Student(
            {i.name: i.shape for i in c.inputs},
            c.privileged,
            c.task.outputs,
            EncoderConfig(**c.encoder.model_dump()),
            c.fusion,
            c.tnet,
            c.tnet_scale,
        ),
        [0, 1],
    )
    table = make_stacked_dataset(only, z)
    outs = in_stack(
        stack,
        {k: torch.from_numpy(v) for k, v in kept.params.items()},
        table,
        [np.arange(len(s))] * 2,
        p.names,
    )
    want = np.mean(table.to_predictions([o.logits for o in outs]), 0)
    got = p({n: whole(s, n) for n in p.names}, inputs=False)
    assert np.abs(got - want).max() < 1e-5 and np.ptp(want, 0).max() > 1e-3


def test_alone_as_in_a_batch(deployed):
    name, folder = deployed
    p, s = Predictor(folder / "student.onnx"), read(name)
    arrays = {n: whole(s, n)[:40] for n in p.names}
    together = p(arrays, inputs=False)
    for i in range(40):
        assert np.abs(p({n: a[i : i + 1] for n, a in arrays.items()}, inputs=False) - together[i]).max() < 1e-5


def test_recordings_go_through_the_input_transform(deployed):
    name, folder = deployed
    p, before, after = Predictor(folder / "student.onnx"), read(name, inputs=False), read(name)
    assert (
        np.abs(p({n: whole(before, n) for n in p.names}) - p({n: whole(after, n) for n in p.names}, inputs=False)).max()
        < 1e-5
    )


def test_metadata_can_be_read_by_anybody(deployed):
    name, folder = deployed
    model, m = onnx.load(folder / "student.onnx"), load_manifest(name)
    said = {e.key: e.value for e in model.metadata_props}
    assert json.loads(said["inputs"]) == m.with_role("prevalent") and json.loads(said["outputs"]) == m.task.labels
    assert {o.domain: o.version for o in model.opset_import}[""] == 18
    assert [i.type.tensor_type.shape.dim[0].dim_param for i in model.graph.input] == ["batch"] * len(model.graph.input)
    assert (
        str(folder).encode() not in (folder / "student.onnx").read_bytes()
        and b".py" not in (folder / "student.onnx").read_bytes()
    )  # nothing of the machine it was made on


# without torch, labels, privileged modalities

WITHOUT = """
import sys
class Poison:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "onnx", "onnxscript", "plotly", "ot"): raise ImportError(f"{name} is poisoned")
sys.meta_path.insert(0, Poison())
from mtpkd.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    "A small set with missing prevalent recordings, a student of it, and a set for the field: no labels, privileged recordings poisoned or absent"
    folder = tmp_path_factory.mktemp("small")
    manifest = make_set(
        folder / "set",
        missing=dict(face=0.2, voice=0.3),
        roles=dict(face="prevalent", voice="prevalent", physio="privileged"),
    )
    fit(str(manifest), "student_only", folder / "fit", config=QUICK, progress=False)
    export(folder / "fit", folder / "student.onnx")
    return folder, manifest


def field_set(folder, manifest, where, physio):
    "The set without labels; `physio` stands for the privileged recordings, None: they are not there"
    with np.load(folder / "set" / "arrays.npz") as z:
        arrays = {k: z[k] for k in z.files if k not in ("affect", "physio")}
    if physio is not None:
        arrays["physio"] = np.full((len(arrays["face"]), 16), physio)
    (folder / where).mkdir()
    np.savez(folder / where / "arrays.npz", **arrays)
    values = yaml.safe_load(manifest.read_text())
    del values["files"]["arrays"]["sha256"]
    (folder / where / "manifest.yaml").write_text(yaml.safe_dump(values))
    return folder / where / "manifest.yaml"


@pytest.mark.parametrize("where, physio", [("absent", None), ("poisoned", np.inf)])
def test_predict_where_torch_cannot_be_imported(small, where, physio):
    folder, manifest = small
    field, out = field_set(folder, manifest, where, physio), folder / f"{where}.csv"
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, "predict", folder / "student.onnx", "--manifest", field, "--out", out],
        capture_output=True,
        text=True,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    table, s = (
        pd.read_csv(out, dtype=dict(sample=str, subject=str), keep_default_na=False),
        read(manifest, ["face", "voice"]),
    )
    kept = load_student(folder / "fit" / "student.safetensors")
    assert (
        np.abs(table[s.task.classes].values - predict_in_torch(kept, [whole(s, "face"), whole(s, "voice")])).max()
        < 1e-5
    )
    assert table["sample"].tolist() == s.sample.tolist() and table.subject.tolist() == s.subject.tolist()
    assert table.predicted.tolist() == np.array(s.task.classes)[table[s.task.classes].values.argmax(1)].tolist()
    blind = ~s.presence.any(1)
    assert table.seen.tolist() == [" ".join(np.array(["face", "voice"])[r]) for r in s.presence] and blind.any()
    assert f"{blind.sum()} samples have no prevalent recording" in done.stdout


def test_what_is_missing_is_not_looked_at(small):
    "Where nothing was recorded the answer is the same for all; where one modality is there, the other's place holds nothing"
    folder, _ = small
    p, x = Predictor(folder / "student.onnx"), np.random.default_rng(0).normal(size=(4, 24)).astype("float32")
    nothing = lambda n, d: np.full((n, d), np.nan, "float32")
    blind = p(dict(face=nothing(4, 24), voice=nothing(4, 16)))
    assert np.isfinite(blind).all() and np.ptp(blind, 0).max() < 1e-6
    one = p(dict(face=x, voice=nothing(4, 16)))
    assert np.isfinite(one).all() and np.ptp(one, 0).max() > 1e-4
    assert p(dict(face=x, voice=nothing(4, 16), physio=np.full((4, 16), np.inf))).tolist() == one.tolist()


# from a run folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    manifest = make_set(folder / "set")
    run(str(manifest), methods=["mtpkd"], seeds=[0, 1], config=QUICK, out=folder / "run", progress=False)
    return folder


def test_all_students_of_a_run_are_one_file(finished):
    "An ensemble of six; each of its members is the student of the table"
    facts = export(finished / "run", finished / "all.onnx")
    r, s = RunFolder(finished / "run"), read(finished / "set" / "manifest.yaml")
    assert facts["members"] == 6 and ("fallen back" in facts["words"]) == r.summary["fallback"]["mtpkd"]["fell_back"]
    mean = Predictor(finished / "all.onnx")({"face": s.arrays["face"]})
    kept = find_students(finished / "run", "mtpkd")
    one = predict_in_torch(select_members(kept, lambda m: (m.fold, m.seed) == (1, 0)), [s.arrays["face"]])
    mine = r.predictions.query("method == 'mtpkd' and fold == 1 and seed == 0")
    rows = [list(s.sample).index(i) for i in mine["sample"]]
    assert np.abs(one[rows] - mine[s.task.classes].values).max() < 1e-5 < np.abs(mean - one).max()
    assert np.abs(mean - predict_in_torch(kept, [s.arrays["face"]])).max() < 1e-5


def test_a_fallen_back_run_exports_the_student_alone(finished, tmp_path):
    r = RunFolder(finished / "run")
    chosen = r.summary.schedules
    names = {True: f"student_only:{chosen['student_only']}", False: f"mtpkd:{chosen['mtpkd']}"}
    for fell in (True, False):
        said = json.loads((finished / "run" / "summary.json").read_text())
        said["fallback"]["mtpkd"]["fell_back"] = fell
        other = tmp_path / str(fell)
        other.mkdir()
        shutil.copytree(finished / "run" / "checkpoints", other / "checkpoints")
        (other / "experiment.yaml").write_text((finished / "run" / "experiment.yaml").read_text())
        (other / "summary.json").write_text(json.dumps(said))
        kept = find_students(other, "mtpkd")
        assert kept.card.method == names[fell] and ("fallen back" in kept.card.words) == fell


def test_a_run_with_faults_is_not_for_the_field(tmp_path):
    run(
        str(make_set(tmp_path / "set")),
        methods=["student_only"],
        seeds=[0],
        config=QUICK,
        protocol="test_epoch",
        out=tmp_path / "run",
        progress=False,
    )
    with pytest.raises(InputError, match="released: test_epoch: a student with faults"):
        export(tmp_path / "run", tmp_path / "x.onnx", "student_only")


# fit


def test_fit_is_the_recipe_of_an_experiment(tmp_path):
    "A student of fit is the student an experiment would train on the same fold, to the bit"
    from mtpkd.experiments.fit import plan_fit

    manifest = make_set(tmp_path / "set")
    facts = fit(str(manifest), "kd", tmp_path / "fit", config=QUICK, progress=False)
    plan = plan_fit("kd", manifest=str(manifest), config=QUICK)
    own = get_student(open_context(plan), get_method("kd", plan.config))
    kept = load_student(tmp_path / "fit" / "student.safetensors")
    for k, v in own.params.items():
        np.testing.assert_array_equal(v.numpy(), kept.params[k])
    assert (
        facts["n_train"] == 24
        and facts["n_validation"] == 12
        and facts["inner_validation"]["members"] == own.validation.tolist()
    )


@pytest.mark.parametrize("missing", [None, {"face": 0.2}])
def test_a_student_without_privileged_modalities(tmp_path, missing):
    "A set of one modality: nothing is hallucinated, and the file says what torch says, for any number of rows"
    manifest = make_set(tmp_path / "set", roles=dict(face="prevalent"), missing=missing)
    fit(str(manifest), "student_only", tmp_path / "fit", config=QUICK, progress=False)
    export(tmp_path / "fit", tmp_path / "student.onnx")
    samples = read(manifest)
    faces = whole(samples, "face")
    kept = load_student(tmp_path / "fit" / "student.safetensors")
    expected = predict_in_torch(kept, [faces])
    predictor = Predictor(tmp_path / "student.onnx")
    for rows in (1, 2, len(faces)):
        found = predictor(dict(face=faces[:rows]))
        np.testing.assert_allclose(found, expected[:rows], atol=1e-5)


def test_an_ensemble_keeps_to_one_budget(tmp_path):
    "Five members see the labels of 24 rows, not of 120: changing any other label changes nothing"
    from mtpkd.experiments.fit import plan_fit
    from dataclasses import replace

    plan = plan_fit("kd", ensemble=5, manifest=str(make_set(tmp_path / "set")), config=QUICK)
    assert {tuple(f.train) for f in plan.folds} == {tuple(plan.folds[0].train)} and len(plan.folds[0].train) == 24
    target = plan.samples.target.copy()
    pool = plan.folds[0].pool
    target[pool] = (target[pool] + 1) % 3
    before, after = (
        get_student(open_context(p), get_method("kd", p.config))
        for p in (plan, replace(plan, samples=replace(plan.samples, target=target)))
    )
    for k, v in before.params.items():
        assert torch.equal(v, after.params[k])


@pytest.mark.parametrize("kind", ["regression", pytest.param("ordinal", marks=pytest.mark.slow)])
def test_other_tasks_from_the_command(kind, tmp_path, capsys):
    manifest = make_set(tmp_path / "set", kind, invalid=0.1 if kind == "regression" else 0.0)
    (tmp_path / "quick.yaml").write_text(yaml.safe_dump(QUICK))
    code, text = says(
        capsys,
        "fit",
        "--manifest",
        manifest,
        "--method",
        "kd",
        "--config",
        tmp_path / "quick.yaml",
        "--out",
        tmp_path / "fit",
        "--labelled",
        "30",
    )
    assert code == 0 and "no test score" in text and "30 labelled rows" in text
    code, text = says(capsys, "export", tmp_path / "fit", "--out", tmp_path / "s.onnx")
    assert code == 0 and "differs from torch by" in text
    code, text = says(capsys, "predict", tmp_path / "s.onnx", "--manifest", manifest, "--out", tmp_path / "p.csv")
    assert code == 0 and "90 predictions from face" in text
    s, table = read(manifest), pd.read_csv(tmp_path / "p.csv")
    want = predict_in_torch(load_student(tmp_path / "fit" / "student.safetensors"), [s.arrays["face"]])
    assert np.abs(table[s.task.labels].values - want).max() < 1e-5 and ("predicted" in table) == (kind == "ordinal")


# what is wrong is one line


def spoil(path, out, **card):
    "The exported file with another card"
    model = onnx.load(path)
    said = {e.key: e.value for e in model.metadata_props if e.key != "sha256"}
    del model.metadata_props[:]
    helper.set_model_props(model, said | {"mtpkd": json.dumps(json.loads(said["mtpkd"]) | card)})
    onnx.save(model, out)


def test_wrong_files_are_one_line(small, tmp_path, capsys):
    folder, manifest = small
    good, path = folder / "student.onnx", tmp_path / "x.onnx"

    def expect(words, model=path):
        code, text = says(capsys, "predict", model, "--manifest", manifest, "--out", tmp_path / "p.csv")
        assert code == 2 and words in text and text.count("\n") == 1 and not (tmp_path / "p.csv").exists(), text

    expect("no such file", tmp_path / "none.onnx")
    expect("no such file", tmp_path)
    for content, words in [
        (b"", "not an ONNX file"),
        (b"hello" * 99, "not an ONNX file"),
        (good.read_bytes()[:-500], "not an ONNX file"),
        ((folder / "fit" / "student.safetensors").read_bytes(), "not an ONNX file"),
    ]:
        path.write_bytes(content)
        expect(words)
    for card, words in [
        (dict(format=3), "format 3, this version reads 1 and 2"),
        (dict(members=[]), "wrong at members"),
        (dict(script="os"), "wrong at script"),
        (dict(task=dict(kind="classification", target="y", classes=["a", "b"])), "its card names 2 outputs"),
    ]:
        spoil(good, path, **card)
        expect(words)
    inputs = json.loads({e.key: e.value for e in onnx.load(good).metadata_props}["mtpkd"])["inputs"]
    spoil(good, path, inputs=inputs[:1])
    expect("the file is damaged")
    spoil(good, path, inputs=[inputs[0] | dict(rate_hz=9.0), inputs[1]])
    expect("modalities.face.rate_hz is None, but the student learnt from 9.0")
    model = onnx.load(good)
    del model.metadata_props[:]
    onnx.save(model, path)
    expect("it has no card")
    with open(path, "wb") as f:
        f.truncate(2**30 + 1)
    expect("expected at most 1073741824")


def test_a_file_may_not_read_another(small, tmp_path, capsys, monkeypatch):
    "Weights that point to a file beside the model, or anywhere, are refused"
    folder, manifest = small
    (tmp_path / "secret").write_bytes(b"\0" * 2**20)
    monkeypatch.chdir(tmp_path)
    for where in ("secret", str(tmp_path / "secret"), "../secret"):
        model = onnx.load(folder / "student.onnx")
        w = max(model.graph.initializer, key=lambda i: len(i.raw_data))
        size = len(w.raw_data)
        w.ClearField("raw_data")
        w.data_location = onnx.TensorProto.EXTERNAL
        for k, v in (("location", where), ("offset", "0"), ("length", str(size))):
            w.external_data.add(key=k, value=v)
        (tmp_path / "x.onnx").write_bytes(model.SerializeToString())
        code, text = says(capsys, "predict", "x.onnx", "--manifest", manifest, "--out", "p.csv")
        assert code == 2 and "not an ONNX file that onnxruntime can open" in text and text.count("\n") == 1


def test_wrong_recordings_are_one_line(small, tmp_path, capsys):
    folder, manifest = small
    for change, words in [
        (dict(roles=dict(face="prevalent")), "tiny has no modality voice; the student of tiny needs face, voice"),
        (
            dict(roles=dict(face="prevalent", voice="prevalent"), signals=True),
            "kind is 'signal', but the student learnt from 'features'",
        ),
    ]:
        other = make_set(tmp_path / str(len(words)), **change)
        code, text = says(capsys, "predict", folder / "student.onnx", "--manifest", other, "--out", tmp_path / "p.csv")
        assert code == 2 and words in text and text.count("\n") == 1
    p = Predictor(folder / "student.onnx")
    with pytest.raises(InputError, match=r"face has shape \(3, 23\), expected \(N, 24\)"):
        p(dict(face=np.zeros((3, 23)), voice=np.zeros((3, 16))))
    with pytest.raises(InputError, match="have different rows"):
        p(dict(face=np.zeros((3, 24)), voice=np.zeros((2, 16))))


def test_wrong_folders_and_tampered_students(small, tmp_path, capsys):
    folder, _ = small
    good = (folder / "fit" / "student.safetensors").read_bytes()

    def expect(content, words):
        (tmp_path / "fit").mkdir(exist_ok=True)
        (tmp_path / "fit" / "student.safetensors").write_bytes(content)
        code, text = says(capsys, "export", tmp_path / "fit", "--out", tmp_path / "x.onnx")
        assert code == 2 and words in text and text.count("\n") == 1 and not list(tmp_path.glob("*.onnx")), text

    def forged(**card):  # by somebody who knows the format
        with safe_open(folder / "fit" / "student.safetensors", "np") as f:
            arrays = {name: f.get_tensor(name) for name in f.keys()}
            values = json.loads(f.metadata()["student"])
        values |= card
        values.pop("sha256")
        values["sha256"] = arrays_sha256(arrays, json.dumps(values, sort_keys=True))
        return save(arrays, {"student": json.dumps(values)}), values

    expect(good[:100], "cannot be read as safetensors")
    expect(good[:-4], "cannot be read as safetensors")
    honest, card = forged()
    for at in (good.index(b"width") + 10, len(good) - 3, len(good) // 2):
        expect(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :], "student.safetensors: ")
    expect(forged(encoder=card["encoder"] | dict(name="a:b"))[0], "--trust a:b")
    expect(forged(encoder=card["encoder"] | dict(name="os:system"))[0], "made of os:system")
    expect(forged(encoder=card["encoder"] | dict(width=6))[0], "do not fit the card")
    expect(forged(format=7)[0], "format 7")
    code, text = says(capsys, "export", tmp_path, "--out", tmp_path / "x.onnx")
    assert code == 2 and "the run is unfinished" in text
    code, text = says(
        capsys,
        "fit",
        "--manifest",
        folder / "set" / "manifest.yaml",
        "--method",
        "student_only",
        "--out",
        folder / "fit",
    )
    assert code == 2 and "use an empty folder or another --out" in text


def test_outputs_are_whole_or_not_there(small, tmp_path, capsys, monkeypatch):
    "A disk that fills up leaves what was there, and nothing half written"
    folder, manifest = small
    (tmp_path / "p.csv").write_text("old")
    (tmp_path / "s.onnx").write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for words in (
        ["predict", folder / "student.onnx", "--manifest", manifest, "--out", tmp_path / "p.csv"],
        ["export", folder / "fit", "--out", tmp_path / "s.onnx"],
    ):
        code, text = says(capsys, *words)
        assert code == 1 and "No space left on device" in text and text.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["p.csv", "s.onnx"] and {
        p.read_text() for p in tmp_path.iterdir()
    } == {"old"}


# the benchmark


def test_the_benchmark_times_the_same_thing(root, tmp_path, capsys, monkeypatch):
    "It runs, its ratios are those of its times, and what differs is not timed"
    import csv, importlib.util

    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    spec = importlib.util.spec_from_file_location("bench_deploy", root / "benchmarks" / "performance" / "deployment.py")
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    monkeypatch.setattr(bench, "SHAPES", {"features": (33,)})
    bench.main(["--quick", "--members", "1,3", "--batches", "1,8", "--out", str(tmp_path / "rows.csv")])
    rows = list(csv.DictReader((tmp_path / "rows.csv").open()))
    assert [(r["members"], r["batch"]) for r in rows] == [("1", "1"), ("1", "8"), ("3", "1"), ("3", "8")]
    for r in rows:
        assert (
            0 < float(r["low"]) <= float(r["ratio"]) <= float(r["high"])
            and float(r["difference"]) < 1e-5
            and "onnxruntime" in r["versions"]
        )
    assert [float(r["over_one_student"]) for r in rows[:2]] == [
        1,
        1,
    ] and "| features | 3 | 8 |" in capsys.readouterr().out
    monkeypatch.setattr(bench, "in_torch", lambda kept: {"each": lambda x: np.zeros((len(x), 7), "float32")})
    with pytest.raises(SystemExit, match="what is timed is not the same"):
        bench.measure("features", 1, [2], 2, 0.001, tmp_path)
