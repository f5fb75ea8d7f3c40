"mtpkd doctor: an extra that is there and cannot be imported, or is of a version that does not serve, is not called complete."

import os
import re

import pytest
from mtpkd.cli import doctor
from mtpkd.cli.doctor import do_doctor
from mtpkd.core import installation
from mtpkd.core.installation import distribution_name, extra_requirements, import_faults, required_modules
from project_layout import settings

BROKEN = {  # content of a module -> what is said of it
    "raises": ("raise RuntimeError('operator torchvision::nms does not exist')", "RuntimeError: operator torchvision"),
    "needs": ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
    "leaves": ("import sys; sys.exit('no display')", "SystemExit: no display"),
    "crashes": ("import os; os.abort()", "its import ends the process"),
    "ends": ("import os; print('x' * 10**6, flush=True); os._exit(0)", "its import ends the process"),
    "long": ("raise ImportError('line\\n' * 1000)", "ImportError: line line"),
}
SOUND = {
    "prints": "print('hello\\n' * 1000)",
    "closes": "import os; os.close(1)",
    "reads": "import sys; sys.stdin.read()",
}


@pytest.fixture
def modules(tmp_path, monkeypatch):
    "Modules that can be imported, and modules that cannot; their names"
    for name, text in SOUND.items():
        (tmp_path / f"{name}.py").write_text(text)
    for name, (text, _) in BROKEN.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.syspath_prepend(tmp_path)
    return [*BROKEN, *SOUND]


def test_what_cannot_be_imported_is_said_and_nothing_else(modules):
    faults = import_faults(["json", *modules, "csv"])
    assert set(faults) == set(BROKEN)
    for name, (_, said) in BROKEN.items():
        assert faults[name].startswith(said) and len(faults[name]) <= 160, name


def test_an_import_that_takes_too_long_ends_the_trial(modules, tmp_path):
    (tmp_path / "sleeps.py").write_text("import time; time.sleep(60)")
    faults = import_faults(["raises", "sleeps", "json"], seconds=1)
    assert faults["raises"].startswith("RuntimeError") and faults["sleeps"] == "not imported within 1 s"
    assert faults["json"] == "not tried, since sleeps took too long"


def test_the_working_folder_is_not_imported_from(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit('taken from the working folder')")
    monkeypatch.chdir(tmp_path)
    assert import_faults(["json"]) == {}


def state_of(extra, text):
    (line,) = [line for line in text.splitlines() if line.startswith(f"extra {extra}: ")]
    return line.removeprefix(f"extra {extra}: ")


def test_an_extra_that_cannot_be_imported_is_not_complete(modules, monkeypatch):
    monkeypatch.setattr(
        doctor, "_EXTRAS", dict(good=("json", "prints"), bad=("json", "raises", "crashes"), gone=("no_m",))
    )
    text = do_doctor(None)
    assert state_of("good", text) == "complete"
    bad = state_of("bad", text)
    assert "raises cannot be imported (RuntimeError" in bad and "crashes cannot be imported (its import ends" in bad
    assert "json" not in bad and bad.endswith('pip install -e ".[bad]"')
    assert state_of("gone", text) == 'missing no_m; pip install -e ".[gone]"'


def test_an_old_version_is_not_complete(monkeypatch):
    monkeypatch.setattr(doctor, "_EXTRAS", dict(tables=("numpy",)))
    monkeypatch.setattr(
        installation, "extra_requirements", lambda extra: ["numpy>=99", "no-such-package>=1", "pandas>=1"]
    )
    monkeypatch.setattr(doctor, "required_modules", lambda extra: [])
    assert re.match(r"numpy is [\d.]+, expected numpy>=99; pip install", state_of("tables", do_doctor(None)))


def test_every_requirement_of_an_extra_is_looked_for():
    "Those of the table are imported; those of the metadata are looked for, whatever the table has forgotten"
    for extra, modules in doctor._EXTRAS.items():
        assert f"{extra}_requirements" in settings()
        if extra != "dev":
            assert set(required_modules(extra)) == set(modules), extra
    assert {distribution_name(line) for line in extra_requirements("mlflow")} >= {"alembic", "sqlalchemy"}


def test_a_torch_that_cannot_be_imported_is_said(tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text("raise OSError('libtorch_cuda.so: cannot open shared object file')")
    monkeypatch.setattr(doctor, "_EXTRAS", {})
    with monkeypatch.context() as m:
        import sys

        m.delitem(sys.modules, "torch", raising=False)
        m.syspath_prepend(tmp_path)
        m.setattr(doctor, "is_installed", lambda name: True)
        said = doctor._devices()
        sys.modules.pop("torch", None)
    assert said == "unknown (torch cannot be imported: OSError: libtorch_cuda.so: cannot open shared object file)"
