"""Requirement files of installations that are smaller than the workbench, made from settings.ini.

    python tools/write_requirements.py           writes requirements/predict.txt and requirements/train.txt
    python tools/write_requirements.py --check   exit 1 where they are not what settings.ini says

They go with `pip install --no-deps`, since the requirements of the distribution itself are those of the workbench."""

import argparse
import sys
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILES = {
    "predict": (("base", "predict"), "mtpkd predict, for manifests and films: no torch, no JupyterLab"),
    "train": (("base", "train"), "experiments, fits and reports: no JupyterLab, no widgets, no umap"),
}


def requirement_file(name: str) -> str:
    "The text of requirements/`name`.txt"
    parser = ConfigParser(delimiters=["="])
    parser.read(ROOT / "settings.ini", encoding="utf-8")
    groups, what = FILES[name]
    lines = [f"# made from settings.ini by tools/write_requirements.py: {what}"]
    lines.append(f"# pip install --no-deps -e . && pip install -r requirements/{name}.txt")
    for group in groups:
        lines += parser["DEFAULT"][f"{group}_requirements"].split()
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a file is not up to date")
    check = parser.parse_args().check
    for name in FILES:
        path = ROOT / "requirements" / f"{name}.txt"
        text = requirement_file(name)
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            sys.exit(f"{path.relative_to(ROOT)} is not what settings.ini says; run python tools/write_requirements.py")


if __name__ == "__main__":
    main()
