"A process in which the packages of a part of the workbench cannot be imported, as on a machine that does not have them."

import os
import subprocess
import sys

from project_layout import distributions

MODULES = {  # of a distribution, where they have other names
    "scikit-learn": ["sklearn"],
    "pot": ["ot"],
    "umap-learn": ["umap"],
    "ipython": ["IPython"],
    "jupyter-client": ["jupyter_client"],
}

LAUNCHER = """
import sys
absent = set(sys.argv.pop(1).split(","))
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
from mtpkd.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def modules_of(*parts):
    "Names of the modules that the requirements of these parts of settings.ini bring"
    names = set()
    for part in parts:
        for distribution in distributions(f"{part}_requirements"):
            names.update(MODULES.get(distribution, [distribution.replace("-", "_")]))
    return names


def run_without(absent, *words, **how):
    "`mtpkd WORDS` in a process where importing a module of `absent` raises"
    command = [sys.executable, "-c", LAUNCHER, ",".join(sorted(absent)), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | dict(OMP_NUM_THREADS="1"), **how)
