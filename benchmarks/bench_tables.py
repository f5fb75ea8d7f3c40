"""What the benchmarks share: numbers, CSV files, what they were measured with, and the synthetic sets. Imports neither torch nor a peer."""

import csv, platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def number(x) -> str:
    return f"{x:.0f}" if x >= 20 else f"{x:.1f}" if x >= 2 else f"{x:.2f}"


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next(
        (l.split(":", 1)[1].strip() for l in lines if l.startswith("model name")),
        platform.processor() or platform.machine(),
    )


def versions(names) -> str:  # of distributions
    def of(name):
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            return f"{name} absent"

    return ", ".join(map(of, names))


def write_csv(rows, path, columns, names, keep_other=""):  # of distributions whose versions matter
    "Rows with processor and versions beside them; `keep_other` names a column: rows of the file with another value in it stay, first"
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    short = lambda v: f"{v:.4g}" if isinstance(v, float) else v
    measured = dict(processor=processor(), versions=versions(names))
    new = [{**{k: short(v) for k, v in r.items()}, **measured} for r in rows]
    kept = []
    if keep_other and path.exists():
        with path.open(newline="", encoding="utf-8") as f:
            kept = [r for r in csv.DictReader(f) if r[keep_other] not in {str(n[keep_other]) for n in new}]
    with path.open("w", newline="", encoding="utf-8") as f:
        out = csv.DictWriter(f, [*columns, *measured])
        out.writeheader()
        out.writerows(kept + new)


def rate_interval(successes: int, n: int) -> tuple:
    "95% interval of a rate (Wilson 1927)"
    from scipy.stats import binomtest

    found = binomtest(successes, n).proportion_ci(method="wilson")
    return float(found.low), float(found.high)


def synthetic_set(folder, kind: str, seed: int = 0) -> Path:  # of the manifest
    "Synthetic subjects: a face taught by physiology and voice, 150 labelled rows and as many for validation"
    from mtpkd import save_set, synthetic

    s = synthetic(kind, seed=seed)
    return save_set(
        folder,
        f"synthetic_{kind}" + (f"_{seed}" if seed else ""),
        s.arrays,
        s.target,
        s.task,
        s.subject,
        roles=dict(face="prevalent", physio="privileged", voice="privileged"),
        protocol=dict(labelled=150, labelled_validation=150),
    )
