"Installations that are smaller than the workbench: prediction without torch and JupyterLab, training without JupyterLab."

import os
import subprocess
import sys

import pandas as pd
import pytest
import yaml

import write_requirements
from mtpkd.api import export
from mtpkd.core.installation import distribution_name, extra_requirements, install_command
from mtpkd.experiments.fit import fit
from mtpkd.features.prepare import prepare
from media_files import film_tree
from project_layout import ROOT, distributions, settings
from small_installation import modules_of, run_without
from tiny_runs import QUICK, make_set

WORKBENCH = modules_of("train", "lab") | {"torchvision", "onnx", "onnxscript"}


def test_the_workbench_is_made_of_its_parts():
    parts = [distributions(f"{part}_requirements") for part in ("base", "train", "lab")]
    assert distributions("requirements") == set().union(*parts)
    assert sum(map(len, parts)) == len(distributions("requirements")), "a package belongs to one part"
    assert not parts[0] & {"torch", "jupyterlab", "umap-learn", "plotly"}


def test_requirement_files_are_those_of_settings():
    for name in write_requirements.FILES:
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        assert text == write_requirements.requirement_file(name), "run python tools/write_requirements.py"
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        small = {distribution_name(line) for line in lines} & {"torch", "jupyterlab", "umap-learn"}
        assert small == ({"torch"} if name == "train" else set())


def test_every_extra_can_be_named_in_a_clone():
    for key in settings():
        if key.endswith("_requirements"):
            extra = key.removesuffix("_requirements")
            assert install_command(extra) == f'pip install -e ".[{extra}]"'


def test_elsewhere_the_packages_are_named(monkeypatch):
    monkeypatch.setattr("mtpkd.core.installation.in_clone", lambda: False)
    assert install_command("tune") == 'pip install "optuna>=5"'
    assert install_command("video", "av") == 'pip install "av>=14"'
    assert {distribution_name(line) for line in extra_requirements("deploy")} == distributions("deploy_requirements")


def test_beside_a_small_installation_no_extra_brings_torch(monkeypatch):
    monkeypatch.setattr("mtpkd.core.installation.is_installed", lambda module: module != "torch")
    assert install_command("deploy", "onnxruntime") == 'pip install "onnxruntime>=1.20"'


@pytest.mark.parametrize(
    "words, code, text",
    [
        (["methods"], 0, "mtpkd_pairing"),
        (["methods", "mtpkdot"], 0, "0.2 centroid"),
        (["data", "check", "watch"], 0, "nothing is wrong"),
        (["doctor"], 0, "no torch: mtpkd predict runs"),
        (["run", "--manifest", "watch", "--dry-run"], 2, "which is not installed; install mtpkd with its requirements"),
        (["lab", "notebooks"], 2, "mtpkd lab needs jupyterlab"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_commands_without_the_workbench(words, code, text, tmp_path):
    done = run_without(WORKBENCH, *words, cwd=tmp_path)
    assert done.returncode == code, done.stdout + done.stderr
    assert text in (done.stderr if code else done.stdout)
    assert not code or done.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def film_student(tmp_path_factory):
    "A student of films with its encoder, and a film"
    folder = tmp_path_factory.mktemp("film_student")
    films = film_tree(folder / "films", subjects=4, each=2)
    how = dict(weights="random", faces="whole", frames=4, size=32, encoder="frames_tcn")
    prepared = prepare(films, out=folder / "set", jobs=1, progress=False, **how)
    fit(str(prepared), "student_only", folder / "fit", config=QUICK, prevalent=["face"])
    export(folder / "fit", folder / "student.onnx", encoders=True)
    return folder


def film_words(folder, out):
    film = folder / "films" / "video" / "s00_000.mp4"
    return ["predict", folder / "student.onnx", "--video", film, "--out", out, "--html", out.with_suffix(".html")]


def test_a_film_is_predicted_without_the_workbench(film_student, tmp_path):
    done = run_without(WORKBENCH, *film_words(film_student, tmp_path / "timeline.csv"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(pd.read_csv(tmp_path / "timeline.csv")) and "<svg" in (tmp_path / "timeline.html").read_text()


@pytest.mark.slow
def test_training_and_reports_need_no_jupyterlab(tmp_path):
    manifest = make_set(tmp_path / "set")
    (tmp_path / "quick.yaml").write_text(yaml.safe_dump(QUICK))
    words = ["run", "--manifest", manifest, "--methods", "kd,mtpkdot", "--seeds", "0", "--folds", "3"]
    absent = modules_of("lab") - {"traitlets"}  # a kernel brings it
    done = run_without(absent, *words, "--config", tmp_path / "quick.yaml", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert {"run.ipynb", "report.html", "summary.json"} <= {path.name for path in (tmp_path / "run").iterdir()}


@pytest.fixture(scope="module")
def small_environment(tmp_path_factory):
    "An environment with requirements/predict.txt and this library, installed without its own requirements"
    folder = tmp_path_factory.mktemp("small_environment")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    pip = [folder / "venv" / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, "-r", ROOT / "requirements" / "predict.txt"], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no package index: {done.stderr.strip().splitlines()[-1]}")
    subprocess.run([*pip, "setuptools>=64", "wheel"], check=True)
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", "-e", ROOT], check=True)
    return folder / "venv" / "bin"


@pytest.mark.slow
def test_a_real_small_environment_predicts(small_environment, film_student, tmp_path):
    def mtpkd(*words):
        environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
        command = [small_environment / "mtpkd", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)

    listed = subprocess.run([small_environment / "pip", "list"], capture_output=True, text=True, check=True).stdout
    names = {line.split()[0].lower() for line in listed.splitlines()[2:]}
    assert not names & {"torch", "jupyterlab", "umap-learn", "plotly", "ipywidgets", "papermill"}
    done = mtpkd(*film_words(film_student, tmp_path / "timeline.csv"))
    assert done.returncode == 0 and len(pd.read_csv(tmp_path / "timeline.csv")), done.stderr
    out = tmp_path / "rows.csv"
    done = mtpkd(
        "predict", film_student / "student.onnx", "--manifest", film_student / "set" / "manifest.yaml", "--out", out
    )
    assert done.returncode == 0 and len(pd.read_csv(out)) == 8, done.stderr
    done = mtpkd("doctor")
    assert done.returncode == 0 and 'extra deploy: missing onnx, onnxscript; pip install "onnx' in done.stdout
    done = mtpkd("run", "--manifest", "watch")
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
