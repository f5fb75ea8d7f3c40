"""Do the notebooks, the modules and a clean checkout agree?

Runs `nbdev_export` and `nbdev_clean` on a copy of the tree and compares it with the tree: a module that was edited by hand, a
notebook that was not exported, and outputs or metadata that do not belong in a commit all show up as a difference. The tree itself
is left alone, so this works with uncommitted changes too.
"""

import hashlib, os, shutil, subprocess, sys, tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PARTS = ["nbs", "mtpkd", "settings.ini", "pyproject.toml"]
SKIP = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "*.tmp", "runs")


def copy_tree(src, dst):
    "Copy the parts of the project that nbdev reads or writes"
    for part in PARTS:
        if (src / part).is_dir():
            shutil.copytree(src / part, dst / part, ignore=SKIP)
        elif (src / part).exists():
            shutil.copy2(src / part, dst / part)


def digests(root):
    "Every file below `root`, by relative path, with the hash of its content"
    return {
        str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(root.rglob("*"))
        if p.is_file()
    }


def nbdev(command, cwd):
    "Run one of nbdev's commands as a module of this Python, so that no PATH is needed"
    module, function = {
        "nbdev_export": ("nbdev.doclinks", "nbdev_export"),
        "nbdev_clean": ("nbdev.clean", "nbdev_clean"),
    }[command]
    code = f"import sys; sys.argv = ['{command}']; from {module} import {function}; {function}()"
    env = {k: v for k, v in os.environ.items() if k != "IN_TEST"}
    done = subprocess.run([sys.executable, "-c", code], cwd=cwd, env=env, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command} failed:\n{done.stdout}{done.stderr}")


def differences(root=ROOT):
    "Lines that name what `nbdev_export` and `nbdev_clean` would change below `root`"
    with tempfile.TemporaryDirectory() as tmp:
        tmp = Path(tmp)
        copy_tree(root, tmp)
        before = digests(tmp)
        for command in ("nbdev_export", "nbdev_clean"):
            nbdev(command, tmp)
        after = digests(tmp)
    words = {(True, False): "would be removed", (False, True): "would be created", (True, True): "would change"}
    return [
        f"{name}: {words[name in before, name in after]}"
        for name in sorted(before | after)
        if before.get(name) != after.get(name)
    ]


def main():
    found = differences()
    if not found:
        return print("nbdev_export and nbdev_clean leave the tree as it is")
    sys.exit("\n".join(found) + "\nrun nbdev_export && nbdev_clean (edit notebooks, not modules)")


if __name__ == "__main__":
    main()
