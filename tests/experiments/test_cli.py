"""The `mtpkd` command: every mistake is exit code 2 and one line that says what, where and how to mend it, and leaves nothing behind; a run through papermill is
whole, and stopped at any moment it can go on."""

import json, os, shutil, signal, subprocess, sys, time
import numpy as np, pandas as pd, pytest, yaml
import mtpkd.cli.main
import mtpkd.data.npz_files
import mtpkd.data.save
import mtpkd.evaluation.shapley
import mtpkd.execution.notebooks
import mtpkd.experiments.run_folder
import mtpkd.experiments.runner
import mtpkd.experiments.scoring
import mtpkd.models.fusion
import mtpkd.reporting.sentences
from mtpkd.cli.main import main
from mtpkd.experiments.run_folder import RunFolder
from mtpkd.data.npz_files import load_arrays
from mtpkd.data.save import npz_bytes
from tiny_runs import make_set, quick


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    "A tiny set of each kind of task, and settings"
    folder = tmp_path_factory.mktemp("sets")
    for kind in ("classification", "regression"):
        make_set(folder / kind, kind)
    make_set(folder / "alone", alone=True)
    (folder / "quick.yaml").write_text(yaml.safe_dump(quick()))
    return folder


@pytest.fixture
def refused(capfd, monkeypatch, tmp_path):
    "Run a command that must be refused: exit code 2, one line on stderr, no kernel started, nothing written. Returns the line."

    def no_kernel(*args, **kw):
        raise AssertionError("a kernel was started for wrong input")

    monkeypatch.setattr(mtpkd.execution.notebooks, "execute", no_kernel)
    monkeypatch.chdir(tmp_path)

    def _refused(*words):
        before = listing(tmp_path)
        code = main([str(w) for w in words])
        out, err = capfd.readouterr()
        assert code == 2 and out == "", (code, out)
        assert err.startswith("mtpkd: ") and err.count("\n") == 1 and err.endswith("\n"), err
        assert listing(tmp_path) == before
        return err

    return _refused


def listing(folder):
    return {p: (p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(folder.rglob("*")) if p.is_file()}


def run_words(manifest, *words, methods="kd"):
    return ["run", "--manifest", manifest, "--methods", methods, "--seeds", "0", *words]


def tiny_run_words(sets, *words, methods="kd"):
    "The words of a run of the small classification set with few steps"
    manifest = sets / "classification" / "manifest.yaml"
    return run_words(manifest, "--config", sets / "quick.yaml", *words, methods=methods)


# words


@pytest.mark.parametrize(
    "words, said",
    [
        ("rum", "unknown command 'rum'; did you mean run?"),
        ("run", "required: --manifest"),
        ("run --manifest watch --method kd", "unknown option --method; did you mean --methods"),
        ("run --manifest wach", "unknown manifest 'wach'; did you mean watch?"),
        ("run --manifest nowhere/x.yaml", "nowhere/x.yaml: no such manifest"),
        ("run --manifest watch --methods mtpkdott", "unknown method 'mtpkdott'; did you mean mtpkdot or"),
        ("run --manifest watch --methods kd:shrt", "unknown schedule 'shrt' of method kd:shrt"),
        ("run --manifest watch --methods kd:", "unknown schedule ''"),
        ("run --manifest watch --methods teacher_acel", "unknown method 'teacher_acel'; did you mean teacher_accel"),
        ("run --manifest watch --prevalent giro", "prevalent: unknown modality 'giro' of watch; did you mean gyro?"),
        ("run --manifest watch --privileged acel", "privileged: unknown modality 'acel' of watch; did you mean accel?"),
        (
            "run --manifest watch --prevalent gyro --privileged gyro,accel",
            "modality gyro is both prevalent and privileged; give it one role",
        ),
        ("run --manifest watch --prevalent gyro,gyro", "gyro"),
        ("run --manifest watch --folds 11", "11 folds were asked for, but there are 10 subjects; ask for at most 10"),
        ("run --manifest watch --folds 1", "folds is 1"),
        ("run --manifest watch --folds five", "expected a whole number, got 'five'"),
        ("run --manifest watch --labelled 5000", "5000 labelled rows were asked for, but this part of the fold has"),
        ("run --manifest watch --labelled 3", "3 labelled rows cannot hold 7 classes"),
        ("run --manifest watch --labelled-validation many", "labelled_validation: expected a whole number"),
        ("run --manifest watch --labelled many", "labelled: expected a whole number, got 'many'"),
        ("run --manifest watch --labelled-validation 5000", "5000 labelled rows were asked for"),
        ("run --manifest watch --seeds 1,1", "none twice"),
        ("run --manifest watch --seeds a", "seeds: expected a whole number, got 'a'"),
        (
            "run --manifest watch --protocol clip_fold",
            "unknown protocol 'clip_fold'; did you mean clip_folds? known: batch_attention, clip_folds, drop_last, honest, released, shared_backbones, test_epoch",
        ),
        ("run --manifest watch --protocol honest,drop_last", "honest stands alone"),
        ("run --manifest watch --protocol shared_backbones", "a fault of stage 0, and there is none"),
        ("run --manifest watch --recipe mtpkdot_papr", "unknown recipe 'mtpkdot_papr'; did you mean mtpkdot_paper"),
        ("fit --manifest watch --recipe mtpkdot", "unknown recipe 'mtpkdot'; did you mean"),
        ("run --manifest watch --protocol clip_folds --folds loso", "give a number of folds"),
        ("run --manifest mfeat --protocol clip_folds", "these data name no subjects"),
        ("run --manifest watch --protocol drop_last --set schedule.batch=1000", "fewer than a batch of 1000"),
        ("run --manifest watch --labelled 50,100 --protocol drop", "unknown protocol 'drop'"),
        ("run --manifest watch --device gpu", "unknown device 'gpu'; expected auto, cpu, cuda"),
        ("run --manifest watch --config nowhere.yaml", "nowhere.yaml: cannot be read"),
        ("run --manifest watch --labelled 50,5000", "5000 labelled rows were asked for"),
        ("run --manifest watch --labelled 50,x", "labelled: expected whole numbers or all, got 50, x"),
        ("run --manifest watch --labelled 50,50", "two budgets or more, none twice"),
        ("run --manifest watch --labelled-validation 50,60", "labelled_validation: expected one budget, got 50,60"),
        ("compare nowhere nowhere", "nowhere: no such run folder"),
        ("compare nowhere", "required: DIR"),
        ("compare a b --out x.txt", "expected a .csv or .html file"),
        ("report nowhere", "nowhere: no such run folder"),
        ("data show wach", "unknown manifest 'wach'"),
        ("data lst", "unknown action 'lst'; did you mean list?"),
    ],
    ids=lambda v: v if " " in v and "'" not in v else "",
)
def test_wrong_words(words, said, refused):
    assert said in refused(*words.split())


@pytest.mark.parametrize(
    "setting, said",
    [
        ("schedule.stepz=1", "unknown setting schedule.stepz; did you mean steps?"),
        ("shedule.steps=1", "unknown setting shedule; did you mean schedule"),
        ("schedule.steps=many", "schedule.steps: expected int, got 'many'"),
        ("schedule.steps", "expected key=value"),
        ("schedule.steps.x=3", "schedule.steps"),
        ("schedule=3", "schedule"),
        ("schedule.steps=0", "schedule.steps is 0"),
        ("schedule.batch=0", "schedule.batch is 0"),
        ("schedule.pool_batch=0", "schedule.pool_batch is 0"),
        ("schedule.evaluate=0", "schedule.evaluate is 0"),
        ("schedule.lr=-1", "schedule.lr is -1"),
        ("schedule.mixup=-1", "schedule.mixup is -1"),
        ("schedule.ema=2", "schedule.ema is 2"),
        ("schedule.decay=cos", "schedule.decay is 'cos'; known: cosine, constant"),
        ("teachers.steps=0", "teachers.steps is 0"),
        ("teachers.ensemble=0", "teachers.ensemble is 0"),
        ("teachers.modality_dropout=2", "teachers.modality_dropout is 2"),
        ("teachers.subsets=[[fase]]", "teachers.subsets: unknown modality 'fase'; did you mean face?"),
        ("teachers.subsets=[face]", "teachers.subsets: expected lists of modality names"),
        ("teachers.subsets=[[]]", "teachers.subsets"),
        ("self_distillation.alignment=cosin", "unknown alignment 'cosin'; did you mean cosine?"),
        ("self_distillation.batch=1", "self_distillation.batch is 1"),
        ("student.tnet_steps=0", "student.tnet_steps is 0"),
        ("encoder.name=tcm", "unknown encoder 'tcm'; did you mean tcn?"),
        ("encoder.name=tcn", "encoder tcn takes signals (channels, time), this modality has shape (24,); use mlp"),
        ("encoder.name=nobody:Encoder", "encoder 'nobody:Encoder' cannot be imported"),
        ("encoder.width=0", "encoder.width is 0"),
        ("encoder.width=7", "2 heads do not divide the width 7"),
        ("encoder.depth=0", "encoder.depth is 0"),
        ("fusion.name=token", "unknown fusion 'token'; did you mean tokens?"),
        ("fusion.depth=0", "fusion.depth is 0"),
        ("ot.k=0", "ot.k is 0"),
        ("ot.blur=0", "ot.blur is 0"),
        ("ot.blur=-1", "ot.blur is -1"),
        ("threads=0", "threads is 0"),
        ("checkpoint=best_test", "checkpoint is 'best_test'; known: last, best_validation"),
        (
            "fusion.name=mtpkd.fusion:AcrossBatch",
            "a fault of the released code; ask for it by --protocol batch_attention",
        ),
        (
            "protocol=clip",
            "unknown protocol 'clip'; known: batch_attention, clip_folds, drop_last, honest, released, shared_backbones, test_epoch",
        ),
        ("checkpoint=best", "checkpoint is 'best'; known: last, best_validation"),
        ("inner_validation=2", "inner_validation is 2"),
        ("schedule.epochs=-1", "schedule.epochs is -1"),
        ("self_distillation.reduce=max", "self_distillation.reduce is 'max'; known: mean, sum"),
        (
            "self_distillation.adapter_input=token",
            "self_distillation.adapter_input is 'token'; known: backbone, embedd",
        ),
        ("self_distillation.alignment=mmd_release", "unknown alignment 'mmd_release'; did you mean mmd_released"),
        ("student.tnet_loss=mae", "student.tnet_loss is 'mae'; did you mean mse? known: mmd, mmd_released, mse"),
        ("student.start=teachers", "student.start is 'teachers'; did you mean teacher?"),
        ("student.freeze=[encoders]", "student.freeze is 'encoders'; did you mean encoder? known: encoder, tnet"),
        ("student.freeze=[tnet,tnet]", "student.freeze names something twice: tnet, tnet"),
        ("student.freeze=3", "student.freeze: expected tuple, got 3"),
        ("student.freeze=encoder,tnets", "student.freeze is 'tnets'; did you mean tnet?"),
        ("ot.anchors=leest", "ot.anchors is 'leest'; did you mean least? known: least, most"),
        ("ot.structure=cos", "ot.structure is 'cos'"),
        ("backbones.train=maybe", "backbones.train: expected bool, got 'maybe'"),
        ("recipe=3", "recipe: expected a name, got 3"),
        ("options.kdd.rule=batch", "unknown method 'kdd'; did you mean kd"),
        ("options.mtpkdot=3", "options.mtpkdot: expected a mapping"),
        ("options.mtpkdot.ruel=batch", "unknown setting options.mtpkdot.ruel; did you mean rule?"),
        ("options.mtpkdot.rule=bach", "unknown teacher rule 'bach'; did you mean batch?"),
        ("options.mtpkdot.terms.otx=.3", "unknown distillation term 'otx'; did you mean ot?"),
        ("options.mtpkdot.terms.ot=a", "options.mtpkdot.terms"),
        ("options.mtpkdot.temperature=0", "options.mtpkdot.temperature"),
        ("options.mtpkdot.schedule=shrt", "unknown schedule 'shrt'"),
        ("options.student_only.terms={logit_kd: 1}", "student_only"),
        ("options.self_training.terms={ot: 1}", "self_training"),
    ],
    ids=lambda v: v if "=" in v else "",
)
def test_wrong_settings(setting, said, refused, sets):
    words = tiny_run_words(
        sets,
        "--set",
        setting,
        methods="mtpkdot,self_training",
    )
    assert said in refused(*words)


@pytest.mark.parametrize(
    "text, said",
    [
        ("a: [1", "not valid YAML"),
        ("- a", "expected a YAML mapping"),
        ("shedule: {}", "unknown setting shedule"),
        ("schedule: 3", "schedule: expected a mapping"),
        ("seeds: 3", "seeds: expected tuple"),
        ("!!python/object/apply:os.system ['true']", "row 1: tag tag:yaml.org,2002:python"),
        ("3: 4", "unknown setting 3"),
    ],
)
def test_wrong_config_file(text, said, refused, sets, tmp_path):
    (tmp_path / "mine.yaml").write_text(text)
    words = ["run", "--manifest", sets / "classification" / "manifest.yaml", "--config", tmp_path / "mine.yaml"]
    assert said in refused(*words)
    (tmp_path / "mine.yaml").write_bytes(b"\xff\xfe\x00")
    assert "mine.yaml: row 1 holds byte 0x00" in refused(*words)


# data


def broken(source, folder, arrays=None, **changes):
    "A copy of a set with other arrays and manifest entries (`a__b=c` changes `a.b`); returns its manifest"
    shutil.copytree(source, folder)
    values = yaml.safe_load((folder / "manifest.yaml").read_text())
    if arrays:
        have = load_arrays(folder / "arrays.npz", ["face", "physio", values["task"]["target"], "subject", "sample"])
        have |= {k: v(have[k].copy()) if callable(v) else v for k, v in arrays.items()}
        (folder / "arrays.npz").write_bytes(npz_bytes({k: v for k, v in have.items() if v is not None}))
        values["files"]["arrays"].pop("sha256")
    for path, value in changes.items():
        *parents, last = path.split("__")
        node = values
        for p in parents:
            node = node[p]
        node.update({last: value}) if value is not None else node.pop(last)
    (folder / "manifest.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    return folder / "manifest.yaml"


def at(index, value):
    "A function that puts `value` at `index`"

    def put(x):
        x = x.astype(object) if isinstance(value, str) else x
        x[index] = value
        return x.astype(str) if isinstance(value, str) else x

    return put


def one_class_in_one_subject(x):
    return np.where(np.arange(len(x)) < 10, "level 2", np.where(np.arange(len(x)) % 2, "level 0", "level 1"))


DATA = {
    "an array that is not there": (dict(arrays=dict(physio=None)), ["arrays.npz", "no array 'physio'"]),
    "a wrong shape": (
        dict(arrays=dict(face=lambda x: x[:, :5])),
        ["arrays.npz", "face has shape (90, 5), expected (90, 24)", "correct modalities.face.shape or the array"],
    ),
    "too few rows": (dict(arrays=dict(face=lambda x: x[:50])), ["face has 50 rows, the target has 90"]),
    "a hole in a row": (
        dict(arrays=dict(face=at((3, 2), np.nan))),
        ["face: sample 000003 is NaN in 1 of 24 values", "fill them, or set the whole row to NaN"],
    ),
    "an infinite value": (
        dict(arrays=dict(physio=at((3, 2), np.inf))),
        ["physio: sample 000003 holds an infinite value"],
    ),
    "a label outside the classes": (
        dict(arrays=dict(affect=at(4, "level 9"))),
        ["target affect: sample 000004 is level 9, expected one of level 0, level 1, level 2"],
    ),
    "a subject without a name": (dict(arrays=dict(subject=at(4, ""))), ["subject is empty in row 4"]),
    "a sample twice": (dict(arrays=dict(sample=at(4, "000003"))), ["sample id 000003 occurs 2 times"]),
    "text for numbers": (dict(arrays=dict(face=lambda x: x.astype(str))), ["face has dtype", "expected numbers"]),
    "fewer subjects than folds": (
        dict(arrays=dict(subject=lambda x: np.where(np.arange(len(x)) % 2, "a", "b"))),
        ["3 folds were asked for, but there are 2 subjects; ask for at most 2"],
    ),
    "a class missing from a fold": (
        dict(arrays=dict(affect=one_class_in_one_subject)),
        ["class level 2 is missing from", "use fewer folds"],
    ),
    "a path that leaves the root": (
        dict(files__arrays={"path": "../classification/arrays.npz"}),
        ["files.arrays: path '../classification/arrays.npz' leaves the folder", "inside it"],
    ),
    "an absolute path": (dict(files__arrays={"path": "/etc/hostname"}), ["leaves the folder"]),
    "a file that is not there": (dict(files__arrays={"path": "array.npz"}), ["array.npz: missing"]),
    "a file that is something else": (
        dict(files__arrays={"path": "manifest.yaml"}),
        ["manifest.yaml: not a readable .npz file"],
    ),
    "a wrong checksum": (
        dict(files__arrays__sha256="0" * 64),
        ["arrays.npz: wrong checksum (expected 000000000000..., got"],
    ),
    "an unknown key": (dict(modality={}), ["manifest.yaml: modality", "did you mean modalities?"]),
    "an unknown key deep down": (dict(modalities__face__rle="prevalent"), ["manifest.yaml: modalities.face.rle"]),
    "an unknown role": (dict(modalities__face__role="both"), ["modalities.face.role", "'both'"]),
    "a missing key": (dict(task=None), ["manifest.yaml: task: Field required"]),
    "a wrong kind of task": (dict(task__kind="clasification"), ["manifest.yaml: task.kind"]),
    "one class": (dict(task__classes=["level 0"]), ["at least two classes"]),
    "an unknown reader": (dict(reader="nzp"), ["unknown reader 'nzp'; did you mean npz?"]),
    "a reader by its address": (
        dict(reader="nobody:read"),
        ["reader 'nobody:read' is the address of code", "--trust nobody:read"],
    ),
    "a reader of the standard library": (dict(reader="os:system"), ["reader 'os:system'", "is never taken"]),
    "an unknown input": (dict(modalities__face__input="raww"), ["did you mean raw?"]),
    "a metric of another task": (
        dict(protocol__metric="ccc"),
        ["protocol.metric: 'ccc' does not apply to classification"],
    ),
    "one fold": (dict(protocol__folds=1), ["folds must be at least 2"]),
    "folds without test": (
        dict(protocol__folds=dict(train=["s000"], val=["s001"])),
        ["fixed folds need exactly train, val and test"],
    ),
    "folds of nobody": (
        dict(protocol__folds=dict(train=["s000"], val=["s001"], test=["s999"])),
        ["protocol.folds.test: s999 is neither a subject nor a sample"],
    ),
    "folds that leak": (
        dict(protocol=dict(folds=dict(train=["s000", "s001", "s002", "s003", "s004"], val=["s004"], test=["s005"]))),
        ["subject s004 is in training and in validation"],
    ),
    "a budget above the fold": (
        dict(protocol__labelled=1000),
        ["1000 labelled rows were asked for, but this part of the fold has"],
    ),
    "no prevalent modality": (
        dict(modalities__face__role="unused"),
        ["names no prevalent modality; give --prevalent, one or more of face, physio"],
    ),
}


@pytest.mark.parametrize("name", DATA)
def test_wrong_data(name, refused, sets, tmp_path):
    how, said = DATA[name]
    line = refused(*run_words(broken(sets / "classification", tmp_path / "set", **how), "--out", tmp_path / "out"))
    assert all(s in line for s in said), line


@pytest.mark.parametrize("value, said", [(2.0, "outside the range [-1.0, 1.0]"), (np.inf, "row 5 is infinite")])
def test_a_value_outside_the_range(value, said, refused, sets, tmp_path):
    line = refused(*run_words(broken(sets / "regression", tmp_path / "set", dict(affect=at((5, 0), value)))))
    assert "arrays.npz" in line and said in line


@pytest.mark.parametrize("dimension", [0, 1])
def test_a_part_that_nobody_annotated(dimension, refused, sets, tmp_path):
    "All values of one dimension are missing in one fold's part: said before anything is trained"
    manifest = broken(
        sets / "regression",
        tmp_path / "set",
        dict(affect=at((slice(0, 60), dimension), np.nan)),
        protocol__folds=dict(train=["s006", "s007"], val=["s008"], test=["s000", "s001"]),
        protocol__labelled=None,
        protocol__labelled_validation=None,
    )
    assert ["valence", "arousal"][dimension] in refused(*run_words(manifest))


def test_leave_one_out_needs_subjects(refused, sets):
    assert "folds loso needs subjects" in refused(*run_words(sets / "alone" / "manifest.yaml", "--folds", "loso"))


@pytest.mark.parametrize("cut", [0, 10, 2000])
def test_a_corrupt_archive(cut, refused, sets, tmp_path):
    manifest = broken(sets / "classification", tmp_path / "set", files__arrays__sha256=None)
    whole = (tmp_path / "set" / "arrays.npz").read_bytes()
    (tmp_path / "set" / "arrays.npz").write_bytes(whole[:cut])
    assert "arrays.npz: not a readable .npz file" in refused(*run_words(manifest))


def test_a_manifest_that_is_no_yaml(refused, tmp_path):
    for content, said in (
        (b"a: [1", "not valid YAML"),
        (b"text", "expected a YAML mapping"),
        (b"\xff\xfe\x00", "holds byte"),
        (b"", "expected a YAML mapping"),
    ):
        (tmp_path / "bad.yaml").write_bytes(content)
        line = refused("run", "--manifest", tmp_path / "bad.yaml")
        assert "bad.yaml" in line and said in line


# the output folder


def test_output_folders_that_cannot_be(refused, sets, tmp_path):
    manifest = sets / "classification" / "manifest.yaml"
    (tmp_path / "file").write_text("")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.doc").write_text("years of work")
    for out, said in (
        (tmp_path / "file", "is a file"),
        (tmp_path / "file" / "below" / "it", "file is a file"),
        (tmp_path / "full", "holds thesis.doc but no experiment.yaml"),
    ):
        line = refused(*run_words(manifest, "--out", out))
        assert str(out.parents[1] if out.name == "it" else out) in line and said in line


def test_a_folder_that_holds_another_experiment(refused, sets, tmp_path):
    manifest, out = sets / "classification" / "manifest.yaml", tmp_path / "run"
    mtpkd.run(str(manifest), methods=["student_only"], seeds=[0], config=quick(), out=out, progress=False)
    words = lambda *more, methods="student_only": run_words(
        manifest, "--config", sets / "quick.yaml", "--out", out, *more, methods=methods
    )
    assert "holds this experiment already; add --resume" in refused(*words())
    for more, key in (
        (["--seeds", "1"], "seeds"),
        (["--labelled", "20"], "labelled"),
        (["--set", "schedule.steps=7"], "schedule"),
    ):
        for resume in ([], ["--resume"]):
            assert f"holds another experiment ({key}" in refused(*words(*more, *resume))
    assert "holds another experiment (methods" in refused(*words("--resume", methods="kd"))
    other = broken(sets / "classification", tmp_path / "set", dict(face=at((0, 0), 5.0)))
    line = refused(
        "run",
        "--manifest",
        other,
        "--config",
        sets / "quick.yaml",
        "--methods",
        "student_only",
        "--seeds",
        "0",
        "--out",
        out,
        "--resume",
    )
    assert "holds another experiment" in line
    settings = (out / "experiment.yaml").read_text()
    for text, said in (
        (settings.replace("format: 1", "format: 0"), "format"),
        ("a: [1", "experiment.yaml: not valid YAML"),
        (settings.replace("version: ", "version: 0.0.0."), "version"),
    ):
        (out / "experiment.yaml").write_text(text)
        assert said in refused(*words("--resume"))


# it works


def test_a_dry_run_writes_nothing(sets, tmp_path, capsys):
    code = main(
        [
            str(w)
            for w in tiny_run_words(
                sets,
                "--out",
                tmp_path / "out",
                "--dry-run",
            )
        ]
    )
    said = capsys.readouterr().out
    assert (
        code == 0
        and "repeats: 3" in said
        and "student_only:default, kd:default" in said
        and not (tmp_path / "out").exists()
    )


def test_a_probe_shows_teachers_and_headroom_and_writes_nothing(sets, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [str(word) for word in tiny_run_words(sets, "--probe")]
    assert main(words) == 0
    said = capsys.readouterr().out
    for name in ("student_only", "teacher_face", "teacher_physio", "teacher_joint", "student_all_labels", "Headroom"):
        assert name in said
    assert not list(tmp_path.iterdir())
    assert main([*words, "--labelled", "20,all"]) == 2
    assert "--probe is of one label budget, got --labelled 20,all" in capsys.readouterr().err


def test_the_default_folder_is_named_after_the_set(sets, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([str(w) for w in tiny_run_words(sets, "--dry-run")]) == 0
    assert "out: runs/tiny-" in capsys.readouterr().out


def command(*words, **how):
    "Start `mtpkd` as a process of its own, which Ctrl-C reaches also where the tests run in the background of a shell, which has it ignored"
    listens = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(
        [sys.executable, "-c", "import sys; from mtpkd.cli.main import main; sys.exit(main())", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=listens,
        **how,
    )


def same_results(a, b):
    "All but the seconds"
    read = lambda p: pd.read_csv(p / "results.csv").drop(columns="seconds")
    pd.testing.assert_frame_equal(read(a), read(b), check_exact=True)


@pytest.fixture(scope="module")
def done(sets):
    "A run through papermill by the command: its folder, what it printed"
    p = command(
        *tiny_run_words(
            sets,
            "--out",
            sets / "done",
            methods="kd,mtpkdot",
        ),
        cwd=sets,
    )
    out, err = p.communicate(timeout=240)
    assert p.returncode == 0, err
    return sets / "done", out


def test_a_run_by_the_command_is_whole(done, sets):
    folder, said = done
    assert {p.name for p in folder.iterdir()} == {
        "experiment.yaml",
        "environment.json",
        "results.csv",
        "metrics.csv",
        "history.csv",
        "teachers.csv",
        "predictions.parquet",
        "summary.json",
        "transfer.csv",
        "calibration.csv",
        "plans",
        "embeddings",
        "checkpoints",
        "journal.jsonl",
        "run.ipynb",
        "report.html",
    }
    assert "mtpkdot" in said and f"run folder: {folder}" in said and str(folder / "report.html") in said
    cells = json.loads((folder / "run.ipynb").read_text())["cells"]
    assert all(c["execution_count"] for c in cells if c["cell_type"] == "code") and not any(
        o["output_type"] == "error" for c in cells for o in c.get("outputs", [])
    )
    page = (folder / "report.html").read_text()
    assert "mtpkdot" in page and page.rstrip().endswith("</html>")


def test_the_command_is_the_library(done, sets, tmp_path):
    "Same settings in Python, same bits"
    folder, _ = done
    mtpkd.run(
        str(sets / "classification" / "manifest.yaml"),
        methods=["kd", "mtpkdot"],
        seeds=[0],
        config=quick(),
        out=tmp_path / "own",
        progress=False,
    )
    same_results(folder, tmp_path / "own")


def resume_words(sets, out):
    return tiny_run_words(sets, "--out", out, "--resume", methods="kd,mtpkdot")


@pytest.fixture
def in_this_process(monkeypatch):
    "Runs of the command are made in this process, where they can be watched, and not by a notebook"

    def run_here(parameters, out):
        return mtpkd.run(**parameters, out=out, progress=False)

    monkeypatch.setattr(mtpkd.execution.notebooks, "execute", run_here)


def half_done(done, out):
    "A copy of a finished run in which one method was never trained"
    shutil.copytree(done, out)
    for p in [
        *(out / "checkpoints").glob("*mtpkdot*"),
        *(out / n for n in ("results.csv", "summary.json", "report.html", "run.ipynb")),
    ]:
        p.unlink()
    return (out / "checkpoints" / "000-kd~default.done.json").stat().st_mtime_ns


def test_resume_trains_what_is_missing(done, sets, tmp_path, in_this_process, monkeypatch, capsys):
    "The method that was done is read; the other is trained again"
    trained, run_method = [], mtpkd.experiments.scoring.run_method
    monkeypatch.setattr(
        mtpkd.experiments.runner,
        "run_method",
        lambda plan, room, name: trained.append(name) or run_method(plan, room, name),
    )
    kept = half_done(done[0], tmp_path / "half")
    words = resume_words(sets, tmp_path / "half")
    assert main([str(w) for w in words]) == 0, capsys.readouterr().err
    assert trained == ["mtpkdot:default"]
    same_results(done[0], tmp_path / "half")
    assert (tmp_path / "half" / "checkpoints" / "000-kd~default.done.json").stat().st_mtime_ns == kept


def test_a_damaged_checkpoint_is_named(done, sets, tmp_path, in_this_process, capsys):
    half_done(done[0], tmp_path / "half")
    bad = tmp_path / "half" / "checkpoints" / "000-kd~default.results.parquet"
    bad.write_bytes(bad.read_bytes()[:50])
    words = resume_words(sets, tmp_path / "half")
    assert main([str(w) for w in words]) == 2
    err = capsys.readouterr().err.strip().splitlines()[-1]
    assert "000-kd~default" in err and "delete the checkpoints of kd:default" in err


@pytest.mark.slow
def test_resume_through_papermill(done, sets, tmp_path):
    kept = half_done(done[0], tmp_path / "half")
    p = command(*resume_words(sets, tmp_path / "half"))
    assert p.wait(timeout=240) == 0, p.stderr.read()
    same_results(done[0], tmp_path / "half")
    assert (tmp_path / "half" / "run.ipynb").exists() and (tmp_path / "half" / "report.html").exists()


# two runs, several budgets


@pytest.fixture(scope="module")
def pair(sets):
    "Two small runs over the same test rows, one with fewer labels"
    manifest = str(sets / "classification" / "manifest.yaml")
    for name, n in (("few", 15), ("many", 24)):
        mtpkd.run(manifest, methods=["kd"], seeds=[0, 1], labelled=n, config=quick(), out=sets / name, progress=False)
    return sets / "few", sets / "many"


def test_compare(pair, tmp_path, capsys):
    "The table on stdout, as CSV and as a page; the same numbers as in Python"
    few, many = map(str, pair)
    assert main(["compare", few, many]) == 0
    said = capsys.readouterr().out
    assert (
        "settings that differ: labelled: 15 and 24" in said
        and said.count("\n") == 5
        and all(m in said for m in ("student_only", "kd", "Wilcoxon p"))
    )
    for out in ("pairs.csv", "pairs.html"):
        assert main(["compare", few, many, "--methods", "kd,student_only", "--out", str(tmp_path / out)]) == 0
    table, own = pd.read_csv(tmp_path / "pairs.csv"), mtpkd.compare(few, many, ["kd", "student_only"])
    pd.testing.assert_frame_equal(table, own, check_exact=False)
    wide = [RunFolder(f).results.pivot(index=["seed", "fold"], columns="method", values="value") for f in pair]
    assert own["diff"].item() == pytest.approx((wide[0].kd - wide[1].student_only).mean())
    assert "kd and student_only" in (tmp_path / "pairs.html").read_text()


def test_compare_refuses_what_cannot_be_paired(pair, refused, sets, tmp_path):
    few, many = pair
    assert "unknown method 'kdd'" in refused("compare", few, many, "--methods", "kdd,kd")
    assert "methods: expected two" in refused("compare", few, many, "--methods", "kd")
    for key, value, said in (
        ("seeds", [0, 2], "seeds [0, 1] there, [0, 2] here"),
        ("folds", 4, "folds 3 there, 4 here"),
        ("name", "other", "data tiny there, other here"),
        ("metric", "accuracy", "metric"),
    ):
        shutil.copytree(many, tmp_path / key)
        summary = json.loads((many / "summary.json").read_text()) | {key: value}
        (tmp_path / key / "summary.json").write_text(json.dumps(summary))
        assert said in refused("compare", few, tmp_path / key)
    shutil.copytree(many, tmp_path / "rows")
    rows = pd.read_parquet(many / "predictions.parquet")
    rows.assign(fold=(rows.fold + 1) % 3).to_parquet(tmp_path / "rows" / "predictions.parquet")
    assert "test rows" in refused("compare", few, tmp_path / "rows")
    shutil.copytree(many, tmp_path / "data")
    values = yaml.safe_load((many / "experiment.yaml").read_text()) | dict(data_sha256="0" * 64)
    (tmp_path / "data" / "experiment.yaml").write_text(yaml.safe_dump(values))
    assert "data_sha256" in refused("compare", few, tmp_path / "data")
    (tmp_path / "data" / "summary.json").unlink()
    assert "unfinished" in refused("compare", few, tmp_path / "data")


def test_label_budgets(sets, tmp_path, monkeypatch, capsys):
    "A run folder a budget and one report; resumed budget by budget; a folder with a single run is no place for them"
    made = []
    monkeypatch.setattr(
        mtpkd.execution.notebooks,
        "execute",
        lambda parameters, out: made.append(out.name) or mtpkd.run(**parameters, out=out, progress=False),
    )
    words = tiny_run_words(sets, "--out", tmp_path / "curve")
    words = [str(w) for w in words]
    assert main([*words, "--labelled", "all,15", "--dry-run"]) == 0 and not (tmp_path / "curve").exists()
    assert capsys.readouterr().out.count("repeats: 3") == 2
    assert main([*words, "--labelled", "all,15"]) == 0
    said = capsys.readouterr().out
    assert made == ["labelled-15", "labelled-all"] and "kd" in said and str(tmp_path / "curve" / "report.html") in said
    assert {p.name for p in (tmp_path / "curve").iterdir()} == {
        "labelled-15",
        "labelled-all",
        "learning_curve.csv",
        "report.html",
    }
    table = pd.read_csv(tmp_path / "curve" / "learning_curve.csv", dtype=dict(labelled=str)).set_index(
        ["method", "labelled"]
    )
    for n in ("15", "all"):
        row = RunFolder(tmp_path / "curve" / f"labelled-{n}").summary["methods"]["kd"]
        assert table.loc[("kd", n), ["diff", "low", "high"]].tolist() == pytest.approx([row["diff"], *row["ci95"]])
    assert "Over label budgets" in (tmp_path / "curve" / "report.html").read_text()
    assert main([*words, "--labelled", "all,15"]) == 2 and "add --resume" in capsys.readouterr().err
    kept = listing(tmp_path / "curve" / "labelled-15" / "checkpoints")
    assert main([*words, "--labelled", "all,15,20", "--resume"]) == 0
    assert (
        made[2:] == ["labelled-15", "labelled-20", "labelled-all"]
        and listing(tmp_path / "curve" / "labelled-15" / "checkpoints") == kept
    )
    assert (
        main([*words[:-1], str(tmp_path / "curve" / "labelled-15"), "--labelled", "all,15"]) == 2
        and "holds a single run" in capsys.readouterr().err
    )


def test_the_advice_on_modality_values_can_be_followed(tmp_path):
    "A report without values of the privileged modalities says with which words a run has them"
    from mtpkd.evaluation.shapley import teachers_to_set
    from mtpkd.reporting.findings import describe_modalities
    from tiny_runs import ROLES

    manifest = str(make_set(tmp_path / "set", roles=ROLES | dict(voice="privileged")))
    run = mtpkd.run(manifest, methods=["kd"], seeds=[0], config=quick(), out=tmp_path / "run", progress=False)
    names, setting = teachers_to_set(run.summary["prevalent"], run.summary["privileged"])
    assert run.summary["modalities"]["values"] == {} and f'--methods {names} --set "{setting}"' in describe_modalities(
        run.summary
    )
    run = mtpkd.run(
        manifest, methods=names, set=[setting], seeds=[0], config=quick(), out=tmp_path / "teachers", progress=False
    )
    mean, values = run.results.groupby("method").value.mean(), run.summary["modalities"]["values"]
    assert sum(v["value"] for v in values.values()) == pytest.approx(mean.teacher_joint - mean.teacher_face)
    assert "Shapley" in describe_modalities(run.summary)


# it is stopped

LONG = ["--set", "schedule.steps=250", "--set", "schedule.evaluate=125"]
LONG_METHODS = "kd,mtpkdot,mtpkd"


def long_words(sets, out, *more):
    return tiny_run_words(
        sets,
        *LONG,
        "--out",
        out,
        *more,
        methods=LONG_METHODS,
    )


def wait_for(condition, seconds=120):
    end = time.time() + seconds
    while not condition():
        assert time.time() < end, "it did not happen"
        time.sleep(0.05)


def finished_methods(out):
    return sorted(p.name for p in (out / "checkpoints").glob("*.done.json")) if (out / "checkpoints").exists() else []


def stays_still(out, seconds=3):
    "Nothing computes on: the folder does not change"
    time.sleep(3)
    before = listing(out)
    time.sleep(seconds)
    return listing(out) == before


@pytest.fixture(scope="module")
def uninterrupted(sets):
    "The long run, in one go"
    values = quick(schedule=dict(steps=250, evaluate=125))
    mtpkd.run(
        str(sets / "classification" / "manifest.yaml"),
        methods=LONG_METHODS,
        seeds=[0],
        config=values,
        out=sets / "uninterrupted",
        progress=False,
    )
    return sets / "uninterrupted"


@pytest.mark.slow
@pytest.mark.parametrize("group", [False, True], ids=["the command", "its group, as a terminal does"])
def test_interrupt(group, uninterrupted, sets, tmp_path):
    "Ctrl-C: exit code 130, one line, no kernel left behind; --resume gives the numbers of a run that was let alone"
    out = tmp_path / "run"
    p = command(*long_words(sets, out), start_new_session=True)
    wait_for(lambda: len(finished_methods(out)) >= 2)
    os.killpg(p.pid, signal.SIGINT) if group else p.send_signal(signal.SIGINT)
    said, err = p.communicate(timeout=60)
    assert p.returncode == 130, (p.returncode, err)
    last = err.strip().splitlines()[-1]
    assert "interrupted" in last and "--resume" in last and "Traceback" not in err
    assert stays_still(out) and not (out / "summary.json").exists() and not list(out.rglob("*.tmp"))
    p = command(*long_words(sets, out, "--resume"))
    assert p.wait(timeout=240) == 0, p.stderr.read()
    same_results(uninterrupted, out)
    assert (out / "run.ipynb").exists() and (out / "report.html").exists()


@pytest.mark.slow
def test_kill(uninterrupted, sets, tmp_path):
    "kill -9 in the middle, twice: what was finished is kept, --resume gives the numbers of a run that was let alone"
    out = tmp_path / "run"
    for least in (1, 4):
        p = command(*long_words(sets, out, *(["--resume"] if least > 1 else [])))
        wait_for(lambda: len(finished_methods(out)) >= least)
        p.kill()
        p.wait()
        assert stays_still(out), "the kernel ends with its parent"
        assert not (out / "summary.json").exists()
    before = finished_methods(out)
    p = command(*long_words(sets, out, "--resume"))
    assert p.wait(timeout=240) == 0, p.stderr.read()
    same_results(uninterrupted, out)
    assert set(before) <= set(finished_methods(out))
    assert len(RunFolder(out).summary["methods"]) > 5


def test_the_demonstration_shows_faces_when_asked(monkeypatch, tmp_path, capsys):
    asked = []
    monkeypatch.setattr("mtpkd.execution.notebooks.execute_many", lambda runs, **how: asked.extend(runs))
    monkeypatch.setattr("mtpkd.execution.notebooks.raise_first", lambda done: None)
    monkeypatch.setattr("mtpkd.reporting.report.report", lambda runs, page: page)
    for words in ([], ["--faces"]):
        assert main(["demo", "--out", str(tmp_path), *words]) == 0
    assert [run["manifest"] for run in asked] == ["watch", "mfeat", "watch", "mfeat", "faces"]
    assert asked[-1]["out"] == str(tmp_path / "faces") and "report.html" in capsys.readouterr().out
