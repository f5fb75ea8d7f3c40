"""How large an installation is: the sizes on disk of the parts of the workbench and of every extra, as a table.

    python tools/install_sizes.py --out results/install_sizes.csv              of this environment
    python tools/install_sizes.py --environment .venv --environment cpu/.venv  of others; what the first lacks comes from the next

Nothing is installed: the packages that a part of settings.ini requires, and theirs in turn, are looked up in the metadata
of the environments, and their files are added up. A part of which a package is nowhere is shown without a size."""

import argparse
import csv
import sys
import sysconfig
from configparser import ConfigParser
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
INSTALLATIONS = {  # what a user installs -> its parts
    "prediction in the field (requirements/predict.txt)": ("base", "predict"),
    "training without JupyterLab (requirements/train.txt)": ("base", "train"),
    "the workbench (pip install -e .)": ("base", "train", "lab"),
}
NOT_SHOWN = {"base", "train", "lab", "predict", "bench"}
COLUMNS = ["installation", "torch", "packages", "megabytes", "beyond_workbench", "requires"]


def settings() -> dict:
    "Requirements by part: base, train, lab, and every extra"
    parser = ConfigParser(delimiters=["="])
    parser.read(ROOT / "settings.ini", encoding="utf-8")
    ending = "_requirements"
    return {key.removesuffix(ending): text.split() for key, text in parser["DEFAULT"].items() if key.endswith(ending)}


def required_names(lines: list) -> str:
    "The packages that lines require, without versions: where they are others, a size is out of date"
    requirements = [Requirement(line) for line in lines]
    names = {canonicalize_name(r.name) + (f"[{','.join(sorted(r.extras))}]" if r.extras else "") for r in requirements}
    return " ".join(sorted(names))


def required_of_all(parts: dict) -> dict:
    "Title of a row -> the packages that it requires by settings.ini"
    of_parts = {f"extra {name}": lines for name, lines in parts.items() if name not in NOT_SHOWN}
    for title, groups in INSTALLATIONS.items():
        of_parts[title] = [line for group in groups for line in parts[group]]
    return {title: required_names(lines) for title, lines in of_parts.items()}


def size_gaps(rows: list, parts: dict) -> tuple:
    "Titles without a size, and those whose size is of other packages than settings.ini names, with these packages"
    required, measured = required_of_all(parts), {row["installation"]: row for row in rows if row["megabytes"]}
    missing = [title for title in required if title not in measured]
    outdated = {}
    for title in measured:
        difference = {*measured[title]["requires"].split()} ^ {*required.get(title, "").split()}
        if difference:
            outdated[title] = sorted(difference)
    return missing, outdated


def site_folder(environment: str) -> list:
    "Where the packages of a virtual environment lie"
    variables = dict(base=environment, platbase=environment)
    return sorted({sysconfig.get_path(path, vars=variables) for path in ("purelib", "platlib")})


def installed(folders: list) -> dict:
    "Name -> distribution; one that is in several folders is taken from the first"
    found = {}
    for folder in folders:
        for distribution in distributions(path=[folder]):
            found.setdefault(canonicalize_name(distribution.metadata["Name"]), distribution)
    return found


def with_requirements(lines: list, known: dict) -> tuple:
    "Names of the packages that the lines require, theirs in turn, and those that are not installed"
    closure, missing, waiting = set(), set(), [(Requirement(line), "") for line in lines]
    seen = set()
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        key = name, tuple(sorted(requirement.extras)), extra
        if key in seen or requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        seen.add(key)
        if name not in known:
            missing.add(name)
            continue
        closure.add(name)
        for line in known[name].requires or []:
            waiting += [(Requirement(line), wanted) for wanted in ("", *requirement.extras)]
    return closure, missing


def megabytes(names: set, known: dict) -> float:
    "Size of the files of packages"
    total = 0
    for name in names:
        paths = {file.locate() for file in known[name].files or []}
        total += sum(path.stat().st_size for path in paths if path.is_file())
    return total / 1e6


def row_of(title: str, lines: list, known: dict, workbench: set) -> dict:
    "A row of the table; without numbers where a package is not installed"
    names, missing = with_requirements(lines, known)
    if missing:
        return dict(
            installation=title,
            packages=f"not measured: {', '.join(sorted(missing))}",
            requires=required_names(lines),
        )
    return dict(
        installation=title,
        requires=required_names(lines),
        torch=known["torch"].version if "torch" in names else "",
        packages=len(names),
        megabytes=round(megabytes(names, known)),
        beyond_workbench=round(megabytes(names - workbench, known)),
    )


def size_table(environments: list) -> list:
    "Rows of the table"
    parts, sites = settings(), [site_folder(environment) for environment in environments]
    rows = []
    for first in range(len(sites)):
        known = installed([folder for site in sites[first:] + sites[:first] for folder in site])
        for title, groups in INSTALLATIONS.items():
            rows.append(row_of(title, [line for group in groups for line in parts[group]], known, set()))
    known = installed([folder for site in sites for folder in site])
    workbench, _ = with_requirements(parts["base"] + parts["train"] + parts["lab"], known)
    extras = {name: lines for name, lines in parts.items() if name not in NOT_SHOWN}
    rows += [row_of(f"extra {name}", lines, known, workbench) for name, lines in extras.items()]
    unique = {}
    for row in rows:
        unique.setdefault((row["installation"], row.get("torch", "")), row)
    return list(unique.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--environment", action="append", metavar="FOLDER", help="default: the one of this Python")
    parser.add_argument("--out", type=Path, help="a .csv")
    options = parser.parse_args()
    rows = size_table(options.environment or [sys.prefix])
    for row in rows:
        if row["installation"] in INSTALLATIONS:
            row["beyond_workbench"] = ""
    for row in rows:
        print(*(f"{row.get(column, '')!s:<{width}}" for column, width in zip(COLUMNS, (55, 14, 8, 8, 8))))
    if options.out:
        with open(options.out, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
