"""Freeze settings as they stand in a commit, and seeds that follow from its hash: of the demo (nbs/batch/demo.yaml), or of the big tables (benchmarks/quality/methods.yaml, benchmarks/quality/methods_weak_pairing.yaml).

python tools/freeze_protocol.py settings [FILE]   write the present defaults into FILE, demo.yaml if none is named (commit that)
python tools/freeze_protocol.py seeds [FILE]      take HEAD as the frozen commit and write its seeds (commit that, then run what it is for)
"""

import hashlib, subprocess, sys
from pathlib import Path
import yaml

DEMO = Path(__file__).parent.parent / "nbs" / "batch" / "demo.yaml"
HEAD = """# What `{command}` runs. The settings were committed at `frozen_at`, before the run that is published; the seeds follow from
# that commit's hash (tools/freeze_protocol.py), so nobody has chosen among seeds.
"""
OPEN = ("manifest", "prevalent", "privileged", "methods", "labelled", "labelled_validation", "folds", "seeds", "device")


def seeds_of(commit: str, n: int = 5) -> list:
    "`n` seeds below 100000 from a commit's hash"
    return [int(hashlib.sha256(f"{commit} {i}".encode()).hexdigest(), 16) % 100_000 for i in range(n)]


def write(file: Path, values: dict) -> None:
    script, _, table = file.stem.partition("_")
    command = (
        "mtpkd demo"
        if file.name == DEMO.name
        else f"python benchmarks/quality/{script}.py" + (" --table pairing" if table else "")
    )
    file.write_text(HEAD.format(command=command) + yaml.safe_dump(values, sort_keys=False))


def main(what: str, file: Path = DEMO) -> None:
    from mtpkd.core.config import ExperimentConfig, to_dict

    if what == "settings":
        settings = {k: v for k, v in to_dict(ExperimentConfig()).items() if k not in OPEN}
        brief = dict(seeds=1, schedules=["pool96"])
        experiments = dict(experiments=["watch", "mfeat"], demonstration=brief) if file.name == DEMO.name else {}
        write(file, experiments | dict(settings=settings, frozen_at=None, seeds=[0, 1, 2, 3, 4]))
    elif what == "seeds":
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=DEMO.parent, capture_output=True, text=True, check=True
        ).stdout.strip()
        write(file, yaml.safe_load(file.read_text()) | dict(frozen_at=commit, seeds=seeds_of(commit)))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "", *map(Path, sys.argv[2:3]))
