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
    "No test leaves the process with subnormal numbers taken for zero, which later tests would suffer from"
    yield
    smallest = sys.float_info.min
    assert smallest / 2 > 0, "subnormal numbers are zero after this test: something has set the processor's flag"
