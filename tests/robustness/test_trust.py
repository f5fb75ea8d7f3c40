"""A stranger's file may not choose code: what manifests, settings, sweeps, runs and students may name, and what not.

Every canary is a module or a command that leaves a file when it is imported or called."""

import os, sys
from pathlib import Path
import nbformat, numpy as np, pytest, yaml
import mtpkd
from mtpkd.cli.main import main
from mtpkd.core.errors import InputError
from mtpkd.core.registry import trusted_addresses
from mtpkd.deployment.first_batch import first_batch
from mtpkd.execution.notebooks import execute_many
from mtpkd.execution.sweep_file import read_sweep
from mtpkd.execution.workers import CAN_FORK, Pool
from mtpkd.features import piece_workers
from mtpkd.features.pieces import Piece
from mtpkd.experiments.plan import plan_experiment
from tiny_runs import make_set, quick

STANDARD = [
    "builtins:exec",
    "os:system",
    "posix:system",
    "subprocess:Popen",
    "runpy:run_path",
    "pickle:loads",
    "sys:exit",
]
FOREIGN = ["numpy:fromfile", "pandas:read_pickle", "torch:load", "mtpkd.core.registry:import_name", "mtpkd.api:run"]


@pytest.fixture
def gift(tmp_path):
    "A data set from somebody else, with a module beside it that leaves a file when it is imported"
    manifest = make_set(tmp_path / "gift")
    return manifest


@pytest.fixture
def canary(gift, tmp_path, monkeypatch):
    "A module in reach of Python; the file that its import leaves"
    mark = tmp_path / "sung"
    text = f"""
from pathlib import Path
from mtpkd.models.encoders import encoders
from mtpkd.data.signals import inputs
Path({str(mark)!r}).write_text("")


@encoders.register("canary", hidden=True)
class Encoder(encoders.get("mlp")):
    pass


@inputs.register("canary halved", hidden=True)
def halved(x, rate_hz=None):
    return x / 2


def plain(x, rate_hz=None):
    return 2 * x
"""
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "canary_parts.py").write_text(text)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "canary_parts", raising=False)
    return mark


def change(manifest, **entries):
    values = yaml.safe_load(manifest.read_text())
    for path, value in entries.items():
        *parents, last = path.split("__")
        node = values
        for key in parents:
            node = node[key]
        node[last] = value
    manifest.write_text(yaml.safe_dump(values))
    return str(manifest)


@pytest.mark.parametrize(
    "name", STANDARD + FOREIGN + ["canary_parts:halved", "canary_parts:plain", ".x:y", "a:b:c", ":x"]
)
@pytest.mark.parametrize("key", ["reader", "modalities__face__input", "protocol__metric"])
def test_a_manifest_names_no_code(gift, canary, key, name, capsys):
    manifest = change(gift, **{key: name})
    for command in (["data", "show"], ["data", "check"], ["run", "--dry-run", "--manifest"]):
        if command == ["data", "show"] and key == "protocol__metric":
            continue  # it only says which metric the manifest asks for
        if command == ["data", "check"] and key != "reader":
            continue  # it looks at files, not at what becomes of them
        assert main([*command, manifest]) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not canary.exists()


@pytest.mark.parametrize("name", STANDARD)
def test_the_standard_library_is_never_trusted(gift, name, capsys):
    manifest = change(gift, modalities__face__input=name)
    assert main(["data", "show", manifest, "--trust", name]) == 2
    assert "standard library" in capsys.readouterr().err
    with pytest.raises(InputError, match="standard library"):
        mtpkd.run(manifest, set={"encoder.name": name}, dry_run=True)


def test_trust_is_said_each_time(gift, canary, capsys):
    "A name that is trusted works, in that call alone"
    manifest = change(gift, modalities__face__input="canary_parts:plain")
    assert main(["data", "show", manifest, "--trust", "canary_parts:other"]) == 2
    assert not canary.exists()
    assert main(["data", "show", manifest, "--trust", "canary_parts:plain"]) == 0
    assert trusted_addresses() == ()
    assert main(["data", "show", manifest]) == 2
    assert "--trust canary_parts:plain" in capsys.readouterr().err
    assert mtpkd.read(manifest, trust="canary_parts:plain").arrays["face"].shape[1]


def test_the_run_folder_says_what_was_trusted(gift, canary, tmp_path):
    "And its experiment.yaml repeats the run, but trusts nothing"
    manifest = change(gift, modalities__face__input="canary_parts:plain")
    asked = dict(methods=["student_only"], seeds=[0], progress=False)
    run = mtpkd.run(manifest, config=quick(), out=tmp_path / "run", trust=["canary_parts:plain"], **asked)
    assert run.config["trust"] == ["canary_parts:plain"]
    again = str(tmp_path / "run" / "experiment.yaml")
    with pytest.raises(InputError, match="--trust canary_parts:plain"):
        plan_experiment(config=again)
    plan = plan_experiment(config=again, trust=["canary_parts:plain"])
    assert plan.config.trust == ("canary_parts:plain",)
    with pytest.raises(InputError, match="trust is no setting"):
        plan_experiment(config=again, set=["trust=[canary_parts:plain]"])


def test_declared_parts_are_named_by_the_user(gift, canary, tmp_path):
    "On the command line, in a Python call and in the user's own file; not in one that came with the data"
    manifest = str(gift)
    own, theirs = tmp_path / "own.yaml", gift.parent / "theirs.yaml"
    for file in (own, theirs):
        file.write_text(yaml.safe_dump(quick(encoder=dict(name="canary_parts:Encoder"), manifest=manifest)))
    with pytest.raises(InputError, match="data may only choose registered names"):
        plan_experiment(manifest=manifest, config=theirs)
    with pytest.raises(InputError, match="data may only choose registered names"):
        plan_experiment(config=theirs)  # which names the manifest itself
    assert not canary.exists()
    plan_experiment(manifest=manifest, config=own)
    plan_experiment(manifest=manifest, config=quick(encoder=dict(name="canary_parts:Encoder")))
    plan_experiment(manifest=manifest, config=quick(), set=["encoder.name=canary_parts:Encoder"])
    assert canary.exists()
    with pytest.raises(InputError, match="not declared by a registering decorator"):
        plan_experiment(manifest=manifest, config=quick(), set=["encoder.name=canary_parts:halved"])


@pytest.mark.parametrize("name", FOREIGN[-2:])
@pytest.mark.parametrize(
    "setting",
    [
        "encoder.name={}",
        "fusion.name={}",
        "self_distillation.alignment={}",
        "options.mtpkdot.rule={}",
        "options.kd.target={}",
        "options.kd.terms={{task: 1, '{}': 1}}",
    ],
)
def test_a_foreign_callable_is_no_part(gift, setting, name):
    "Not even where the user names it: nobody declared it as an encoder, a fusion, a loss"
    method = "mtpkdot" if "mtpkdot" in setting else "kd"
    with pytest.raises(InputError, match="not declared by a registering decorator"):
        plan_experiment(manifest=str(gift), config=quick(), set=[setting.format(name)], methods=[method])


def test_a_sweep_that_came_with_its_data(gift, canary, tmp_path):
    "Neither the sweep nor the settings that it names may choose code there; elsewhere they are the user's"
    (gift.parent / "settings.yaml").write_text(yaml.safe_dump(quick(encoder=dict(name="canary_parts:Encoder"))))
    cells = dict(fixed={"manifest": "gift/manifest.yaml", "encoder.name": "canary_parts:Encoder"})
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(cells))
    read_sweep(tmp_path / "own.yaml")
    cells["fixed"]["manifest"] = "manifest.yaml"
    (gift.parent / "sweep.yaml").write_text(yaml.safe_dump(cells))
    (tmp_path / "mixed.yaml").write_text(
        yaml.safe_dump(dict(fixed=dict(manifest="gift/manifest.yaml", config="gift/settings.yaml")))
    )
    for file in (gift.parent / "sweep.yaml", tmp_path / "mixed.yaml"):
        with pytest.raises(InputError, match="is the address of code"):
            read_sweep(file)
    trusting = dict(fixed=dict(manifest="gift/manifest.yaml", trust=["canary_parts:plain"]))
    with pytest.raises(InputError, match="trust is no setting"):
        plan_experiment(**read_sweep(trusting).cells[0].parameters | dict(manifest=str(gift)))
    assert not canary.exists()


def test_arrays_that_are_a_program(tmp_path, monkeypatch):
    "The bytes of an array are Python source, and its input transform would execute them"
    monkeypatch.chdir(tmp_path)
    code = b"open('PWNED', 'w')\n"
    code += b"#" * (-len(code) % 96)
    rows = [np.frombuffer(code, "<f4"), *[np.frombuffer(b"#" * len(code), "<f4")] * 11]
    manifest = make_set(tmp_path / "gift")
    np.savez(
        manifest.parent / "arrays.npz",
        face=np.stack(rows),
        ecg=np.ones((12, 2), "f4"),
        label=np.array(["a", "b"] * 6),
        subject=np.array([f"s{i // 2}" for i in range(12)]),
    )
    values = dict(
        name="gift",
        files=dict(arrays=dict(path="arrays.npz")),
        task=dict(kind="classification", target="label", classes=["a", "b"]),
        subject="subject",
        modalities=dict(
            face=dict(kind="features", role="prevalent", input="builtins:exec"),
            ecg=dict(kind="features", role="privileged"),
        ),
        protocol=dict(folds=3, group="subject"),
    )
    manifest.write_text(yaml.safe_dump(values))
    assert main(["data", "show", str(manifest)]) == 2
    assert main(["data", "show", str(manifest), "--trust", "builtins:exec"]) == 2
    assert not (tmp_path / "PWNED").exists()


NAMES = [
    "pandas",
    "yaml",
    "pickle",
    "ipykernel",
    "sitecustomize",
    "usercustomize",
    "ipython_config",
    "ipython_kernel_config",
    "jupyter_config",
    "mtpkd",
    "selectors",
    "torch",
]


@pytest.fixture
def full_of_modules(tmp_path, monkeypatch):
    "The working folder, in which every module that Python may look for leaves a file; an empty entry in PYTHONPATH"
    folder = tmp_path / "from a stranger"
    folder.mkdir()
    for name in NAMES:
        mark = tmp_path / f"sung by {name}"
        (folder / f"{name}.py").write_text(f"open({str(mark)!r}, 'w').close()\n")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", *filter(None, sys.path)]))
    return tmp_path


@pytest.fixture
def own_notebook(full_of_modules):
    "A notebook that imports what lies in the working folder, too"
    head = nbformat.v4.new_code_cell("x = 1\nout = None", metadata=dict(tags=["parameters"]))
    body = nbformat.v4.new_code_cell("import sys, pandas, yaml, pickle, selectors\nassert '' not in sys.path")
    path = full_of_modules / "own.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[head, body]), path)
    return str(path)


def test_kernels_import_nothing_from_the_working_folder(full_of_modules, own_notebook):
    "The process of a run and its kernel"
    (came,) = execute_many([dict(out=full_of_modules / "run")], notebook=own_notebook, progress=False)
    assert "path" in came, came
    assert not [*full_of_modules.glob("sung by *")]


def test_a_kernel_runs_the_library_of_its_caller(tmp_path, monkeypatch):
    "Also where the working folder is the checkout and another mtpkd is installed"
    checkout = Path(mtpkd.__file__).parents[1]
    monkeypatch.chdir(checkout)
    monkeypatch.setenv("PYTHONPATH", str(checkout))
    head = nbformat.v4.new_code_cell("out = None", metadata=dict(tags=["parameters"]))
    body = nbformat.v4.new_code_cell(f"import sys\nassert sys.path[0] == {str(checkout)!r}, sys.path")
    nbformat.write(nbformat.v4.new_notebook(cells=[head, body]), tmp_path / "own.ipynb")
    jobs = [dict(out=tmp_path / "run")]
    (came,) = execute_many(jobs, notebook=str(tmp_path / "own.ipynb"), progress=False)
    assert "path" in came, came


@pytest.mark.parametrize("warm", sorted({CAN_FORK, False}))
def test_workers_import_nothing_from_the_working_folder(warm, full_of_modules):
    with Pool(warm=warm, preload=("pandas", "yaml")) as pool:
        pool.submit("a", "mtpkd.core.runtime:memory_bytes", {})
        assert "value" in pool.wait("a")
    assert not [*full_of_modules.glob("sung by *")]


@pytest.mark.slow
@pytest.mark.parametrize("warm", sorted({CAN_FORK, False}))
def test_kernels_of_workers_import_nothing_from_the_working_folder(warm, full_of_modules, own_notebook):
    arguments = dict(parameters={}, out=str(full_of_modules / "run"), notebook=own_notebook)
    with Pool(warm=warm, preload=("pandas", "yaml")) as pool:
        pool.submit("a", "mtpkd.execution.workers:execute_warm", arguments, kernel=True)
        assert "value" in pool.wait("a")
    assert not [*full_of_modules.glob("sung by *")]


def test_a_tried_file_imports_nothing_from_the_working_folder(full_of_modules):
    with pytest.raises(InputError, match="not an ONNX file"):
        first_batch(b"no graph", "x.onnx")
    assert not [*full_of_modules.glob("sung by *")]


@pytest.mark.slow
def test_preparing_processes_import_nothing_from_the_working_folder(full_of_modules):
    work = iter([[("no recipe", "key", Piece(Path("a.wav")))]])
    ((key, error),) = piece_workers._run_in_pool(work, 1, full_of_modules, "cpu", {})
    assert key == "key" and error.startswith("a.wav: cannot be prepared (AttributeError")
    assert not [*full_of_modules.glob("sung by *")]
