"Runs as processes: nothing computes on after its parent is gone."

import os, signal, subprocess, sys, time
import nbformat, pytest

PARENT = "import sys; from mtpkd.execution.notebooks import execute_many; execute_many([dict(x=i, out=f'{sys.argv[1]}/out{i}') for i in (1, 2)], notebook=sys.argv[2], progress=False)"


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_kernel_outlives_its_parent(how, tmp_path):
    "Each kernel touches a file ten times a second; after the parent's end the files stay as they are"
    code = "import time\nfrom pathlib import Path\nwhile True: Path(f'{out}.beat').write_text(str(time.time())); time.sleep(.1)"
    cells = [
        nbformat.v4.new_code_cell("x = 1\nout = None", metadata=dict(tags=["parameters"])),
        nbformat.v4.new_code_cell(code),
    ]
    nbformat.write(
        nbformat.v4.new_notebook(
            cells=cells, metadata=dict(kernelspec=dict(name="python3", display_name="python3", language="python"))
        ),
        tmp_path / "beat.ipynb",
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), str(tmp_path / "beat.ipynb")], stderr=subprocess.DEVNULL
    )
    beats = [tmp_path / f"out{i}.beat" for i in (1, 2)]
    end = time.time() + 60
    while not all(b.exists() for b in beats) and time.time() < end:
        time.sleep(0.2)
    assert all(b.exists() for b in beats), "both kernels started"
    os.kill(parent.pid, how)
    parent.wait(timeout=20)
    time.sleep(4)
    last = [b.read_text() for b in beats]
    time.sleep(1.5)
    assert [b.read_text() for b in beats] == last
    assert not (tmp_path / "out1").exists(), "no half notebook is left"
