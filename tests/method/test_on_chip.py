"""The engine `triton`: its tests run in a process of its own, where Triton interprets kernels; how it is refused; that a GPU's compiler takes them.

No GPU is needed, and none is used: nothing here says how fast the kernels are, or that they are right on one."""

import os, subprocess, sys
from importlib.util import find_spec
from pathlib import Path
import pytest, torch
from mtpkd.core.errors import InputError
from mtpkd.transport import fused
from mtpkd.transport.fused import ENGINES, engine_on, resolve_engine

HERE = Path(__file__).resolve().parent
INTERPRETED = HERE.parent / "support" / "interpreted_triton.py"
needs_triton = pytest.mark.skipif(
    find_spec("triton") is None, reason="Triton is not installed; it comes with torch for CUDA"
)


@needs_triton
@pytest.mark.parametrize("part", ["not slow", pytest.param("slow", marks=pytest.mark.slow)])
def test_the_interpreted_kernels(part):
    "All of tests/support/interpreted_triton.py"
    places = [str(HERE.parent / "architecture"), str(HERE.parent / "support"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": os.pathsep.join(places)}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        "-m",
        part,
        str(INTERPRETED),
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert " passed" in done.stdout and "skipped" not in done.stdout


COMPILED = """
import sys
from mtpkd.transport.triton_kernels import _cross_cost, _own_cost, triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

constants = dict(with_x=True, with_gradient=True, N=32, M=32)
for kernel in (_cross_cost, _own_cost):
    kinds = {}
    for name in kernel.arg_names:
        kinds[name] = "*fp32" if name.isupper() and name not in "NM" else "fp32" if name == "tol" else "i32"
        if name in constants:
            kinds[name] = "constexpr"
    own = {name: value for name, value in constants.items() if name in kinds}
    source = ASTSource(fn=kernel, signature=kinds, constexprs=own)
    made = triton.compile(source, target=GPUTarget("cuda", int(sys.argv[1]), 32), options=dict(num_warps=4))
    assert ".visible .entry " + kernel.fn.__name__ in made.asm["ptx"]
print("compiled")
"""


@needs_triton
@pytest.mark.slow
@pytest.mark.parametrize("capability", [80, 90])
def test_the_compiler_of_a_gpu_takes_the_kernels(capability, tmp_path):
    environment = {**os.environ, "TRITON_CACHE_DIR": str(tmp_path)}
    environment.pop("TRITON_INTERPRET", None)
    command = [sys.executable, "-c", COMPILED, str(capability)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if "ptxas" in done.stderr:
        pytest.skip("Triton has no assembler here")
    assert done.stdout == "compiled\n", done.stderr[-2000:]


# --- the choice of the engine


def test_auto_does_not_choose_it():
    "On a GPU it is `torch` until somebody has measured"
    assert "triton" in ENGINES and engine_on("auto", "cuda") == "torch" and resolve_engine("auto") != "triton"


def test_it_is_refused_where_it_cannot_run(monkeypatch):
    "In one line, by whichever name it was asked for"
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(fused, "find_spec", lambda name: "installed")
    with pytest.raises(InputError, match="transport engine is 'triton', and there is no CUDA device here"):
        resolve_engine("triton")
    with pytest.raises(InputError, match="ot.engine triton computes on CUDA, and the device is cpu"):
        engine_on("triton", "cpu")
    monkeypatch.setenv("MTPKD_TRANSPORT", "triton")
    with pytest.raises(InputError, match="MTPKD_TRANSPORT is 'triton', and there is no CUDA device here"):
        resolve_engine()
    monkeypatch.setattr(fused, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="Triton is not installed; it comes with torch for CUDA"):
        resolve_engine()


def test_a_run_on_cuda_takes_what_the_variable_names(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(fused, "find_spec", lambda name: "installed")
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setenv("MTPKD_TRANSPORT", "triton")
    assert engine_on("default", "cuda") == "triton"
    monkeypatch.setenv("MTPKD_TRANSPORT", "fused")
    assert engine_on("default", "cuda") == "torch"


def test_triton_is_imported_only_where_kernels_run():
    code = "import sys, mtpkd.transport.structural, mtpkd.transport.on_chip; print('triton' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def test_the_kernels_import_without_triton(monkeypatch):
    code = "import sys; sys.modules['triton'] = None; import mtpkd.transport.triton_kernels as k; print(k.triton)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "None\n", done.stderr
