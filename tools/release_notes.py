"""Release notes from CHANGELOG.md.

    python tools/release_notes.py            of the changes that are not released yet
    python tools/release_notes.py 0.1.0      of a version

Prints the section with its headings raised by one level, as a page of releases shows it; exit 1 where there is none."""

import argparse
import re
import sys
from pathlib import Path

CHANGELOG = Path(__file__).resolve().parents[1] / "CHANGELOG.md"


def sections(text: str) -> dict:
    "Version, or `Unreleased`, -> its section of the changelog, newest first"
    parts = re.split(r"^## +(.+)$", text, flags=re.M)
    titles, bodies = parts[1::2], parts[2::2]
    return {title.strip(" []").split()[0].strip("[]"): body.strip() for title, body in zip(titles, bodies)}


def release_notes(text: str, version: str) -> str:
    "The section of `version`; `KeyError` where the changelog has none"
    return re.sub(r"^##(#+ )", r"#\1", sections(text)[version], flags=re.M) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("version", nargs="?", default="Unreleased")
    version = parser.parse_args().version
    text = CHANGELOG.read_text(encoding="utf-8")
    if version not in sections(text):
        sys.exit(f"CHANGELOG.md has no section {version}; it has {', '.join(sections(text))}")
    sys.stdout.write(release_notes(text, version))


if __name__ == "__main__":
    main()
