"What every test may need: where the project is, and Chromium where there is one."

import os, shutil, sys
from pathlib import Path
import pytest

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = (
    os.environ.get("CHROMIUM")
    or shutil.which("chromium")
    or shutil.which("chromium-browser")
    or shutil.which("google-chrome")
)
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "tools")]  # helpers of the tests and tools, by name


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def chromium():
    "The path of a Chromium; the test is skipped where there is none, and fails where CI is set"
    said = "no Chromium found: apt-get install chromium, or set CHROMIUM to one"
    if not CHROMIUM:
        pytest.fail(said) if os.environ.get("CI") else pytest.skip(said)
    return CHROMIUM


@pytest.fixture(autouse=True)
def _subnormal_numbers():
    "Subnormal numbers count again after a test that has left them as zero, as hypothesis needs them"
    yield
    if not sys.float_info.min / 2 > 0:
        import torch

        torch.set_flush_denormal(False)
