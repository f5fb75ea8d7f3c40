"What a wheel carries, and that it works away from the checkout."

import os, shutil, subprocess, sys, tarfile, zipfile
import pytest
from project_layout import ROOT, distributions, settings

LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "runs", "build", "dist", "*.egg-info", "__pycache__", ".ipynb_checkpoints", "results", "benchmarks"
)


def build(source, kind):
    "Build a `kind` of package from `source` without touching the network; returns its path"
    done = subprocess.run(
        [sys.executable, "-m", "build", f"--{kind}", "--no-isolation", str(source)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return next((source / "dist").glob("*.whl" if kind == "wheel" else "*.tar.gz"))


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    "A copy of the project, so that building leaves nothing behind"
    copy = tmp_path_factory.mktemp("packaging") / "tree"
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
    return copy


@pytest.fixture(scope="module")
def wheel(tree):
    return build(tree, "wheel")


def test_wheel_carries_modules_manifests_arrays_and_batch_notebooks(wheel):
    have = {n for n in zipfile.ZipFile(wheel).namelist() if n.startswith("mtpkd/")}
    want = {f"mtpkd/{p.name}" for p in (ROOT / "mtpkd").glob("*.py")}
    want |= {
        f"mtpkd/data_manifests/{p.relative_to(ROOT / 'data_manifests')}"
        for g in ("*.yaml", "embedded/*.npz")
        for p in (ROOT / "data_manifests").glob(g)
    }
    for folder in ("batch", "explore"):
        want |= {f"mtpkd/{folder}/{p.name}" for p in (ROOT / "nbs" / folder).glob("*.ipynb")}
    want |= {"mtpkd/py.typed", *(str(path.relative_to(ROOT)) for path in (ROOT / "mtpkd").rglob("*.pyi"))}
    assert want <= have, want - have
    assert not [n for n in have if n.endswith((".pyc", ".tmp"))]


def test_sdist_builds_the_same_wheel(tree, wheel):
    sdist = build(tree, "sdist")
    with tarfile.open(sdist) as t:
        t.extractall(tree.parent / "unpacked", filter="data")
    again = build(next((tree.parent / "unpacked").iterdir()), "wheel")
    contents = [
        {(i.filename, i.CRC) for i in zipfile.ZipFile(w).infolist() if i.filename.startswith("mtpkd/")}
        for w in (wheel, again)
    ]
    assert contents[0] == contents[1]


def test_wheel_works_outside_the_checkout(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = (
        "import mtpkd; from mtpkd.data.manifest import list_manifests, load_manifest, audit; print(mtpkd.__file__);"
        "print({n: [f['status'] for f in audit(load_manifest(n)) if load_manifest(n).access == 'embedded'] for n in list_manifests()})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd="/",
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout.startswith(str(tmp_path)) and "'watch': ['ok']" in done.stdout and "'mfeat': ['ok']" in done.stdout
    )


def test_requirements_come_from_settings(wheel):
    archive = zipfile.ZipFile(wheel)
    metadata = archive.read(next(n for n in archive.namelist() if n.endswith("METADATA"))).decode()
    base = {
        line.split()[1].split(">")[0].lower()
        for line in metadata.splitlines()
        if line.startswith("Requires-Dist") and "extra ==" not in line
    }
    assert base == distributions("requirements")
    versions = {f"Classifier: Programming Language :: Python :: {v}" for v in settings()["python_versions"].split()}
    assert versions <= set(metadata.splitlines())
    assert "Project-URL: Paper of MT-PKDOT, https://arxiv.org/abs/2408.09035" in metadata.splitlines()
    assert {
        f"Provides-Extra: {e}" for e in ("train", "lab", "predict", "video", "scale", "deploy", "track", "all", "dev")
    } <= set(metadata.splitlines())
