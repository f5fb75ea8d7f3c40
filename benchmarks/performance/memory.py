"""What a run takes by the number of rows: largest memory and time of `mtpkd run`, each size in a process of its own.

    python benchmarks/performance/memory.py --out memory.csv             10,000 to 400,000 rows, two modalities of 512 numbers
    python benchmarks/performance/memory.py --rows 2800000                         as many as the frames of Aff-Wild2: 11.5 GB on disk
    python benchmarks/performance/memory.py --rows 1000,2000 --width 16        tiny sizes, to see that it works
    python benchmarks/performance/memory.py --draw nbs/images/memory_by_rows.png   the picture of results/bench_memory.csv

Every set is a prepared one, as `mtpkd data prepare` writes it: shards of two modalities, 20 subjects, four classes, of which the second modality shows more than the
first. All sizes are trained alike: five folds of one seed, 200 steps of every stage, 512 labelled rows and the rest of a fold in its pool, five methods. Three times are
distinguished, in seconds of the processor: `reading`, until the folds are drawn and the data are hashed; `training`, until the last method is scored; `writing`, of the tables
and the verdict; `wall` is what the clock on the wall showed. Memory is that of Linux: `peak_mb` is the largest resident set (VmHWM) with mapped pages of files, which the system may take back at any time, and `own_mb` without them.
"""

import os
import sys
from pathlib import Path

if __name__ == "__main__":  # before torch is imported
    for name in ("OMP", "MKL", "OPENBLAS", "NUMEXPR"):
        os.environ.setdefault(f"{name}_NUM_THREADS", "1")
import argparse
import json
import shutil
import subprocess
import tempfile
import threading
import time

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # what the benchmarks share
from bench_tables import write_csv

USED = "torch", "numpy", "pandas", "pyarrow"
COLUMNS = ["rows", "width", "disk_mb", "repeats", "steps", "methods", "peak_mb", "own_mb"]
COLUMNS += ["reading", "training", "writing", "seconds", "wall"]
METHODS = "student_only", "kd", "pkdot", "mtpkdot", "mtpkd"
CLASSES = "calm", "cheerful", "tense", "sad"
SUBJECTS, SHARD_ROWS, ROLES = 20, 20_000, {"face": "prevalent", "physio": "privileged"}
SIGNAL = {"face": 0.15, "physio": 0.4}  # distance of the class means, in standard deviations of the noise


# a set on disk


def write_set(folder, rows: int, width: int) -> Path:  # of the manifest
    "A prepared set, a shard at a time: no more than one is in memory"
    import pandas as pd
    from mtpkd.core.config import to_yaml

    folder = Path(folder)
    random = np.random.default_rng(0)
    label = random.integers(0, len(CLASSES), rows)
    subject = np.sort(np.arange(rows) % SUBJECTS)
    index = dict(sample=[f"row{i:07d}" for i in range(rows)])
    index["subject"] = pd.Categorical.from_codes(subject, [f"s{i:02d}" for i in range(SUBJECTS)]).astype(str)
    index["target"] = pd.Categorical.from_codes(label, CLASSES).astype(str)
    for modality in ROLES:
        index |= write_modality(folder, modality, label, width, random)
    pd.DataFrame(index).to_parquet(folder / "index.parquet", index=False)
    entries = {m: dict(kind="features", shape=[width], role=role) for m, role in ROLES.items()}
    manifest = dict(
        name=f"wide_{rows}",
        reader="prepared",
        files=dict(index=dict(path="index.parquet")),
        task=dict(kind="classification", target="target", classes=list(CLASSES)),
        subject="subject",
        sample="sample",
        modalities=entries,
        protocol=dict(metric="balanced_accuracy", group="subject", folds=5),
    )
    (folder / "manifest.yaml").write_text(to_yaml(manifest))
    return folder / "manifest.yaml"


def write_modality(folder, modality: str, label, width: int, random) -> dict:  # columns of the index
    "The shards of a modality"
    from mtpkd.data.feature_store import write_shard

    means = SIGNAL[modality] * random.normal(size=(len(CLASSES), width)).astype("float32") / width**0.25
    shards, keys = [], [f"{modality}{i:07d}" for i in range(len(label))]
    for start in range(0, len(label), SHARD_ROWS):
        own = label[start : start + SHARD_ROWS]
        x = random.standard_normal((len(own), 1, width), dtype="float32") + means[own][:, None]
        name = f"{modality}-{start // SHARD_ROWS:05d}"
        write_shard(folder / "shards" / f"{name}.safetensors", x, keys[start : start + SHARD_ROWS])
        shards += [name] * len(own)
    row = np.arange(len(label)) % SHARD_ROWS
    return {f"{modality}:shard": shards, f"{modality}:row": row, f"{modality}:key": keys}


# a run in a process of its own


class OwnMemory(threading.Thread):
    "The largest resident memory without mapped pages of files, looked at twenty times a second"

    def __init__(self):
        super().__init__(daemon=True)
        self.most = 0
        self.start()

    def run(self):
        while True:
            self.most = max(self.most, status_kb("RssAnon"))
            time.sleep(0.05)


def status_kb(name: str) -> int:
    "A line of /proc/self/status"
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return 0


def settings(steps: int, labelled: int, validation: int) -> dict:
    "The same work for every number of rows"
    return dict(
        methods=list(METHODS),
        labelled=labelled,
        labelled_validation=validation,
        seeds=[0],
        config={
            "schedules": ["default"],
            "schedule": dict(steps=steps, evaluate=max(1, steps // 4)),
            "teachers": dict(steps=steps),
            "self_distillation": dict(steps=steps),
            "student": dict(tnet_steps=steps),
        },
    )


def measure(manifest, out, steps: int, labelled: int, validation: int) -> dict:
    "Run, and say what it took"
    memory = OwnMemory()
    import mtpkd
    from mtpkd.experiments import runner

    clock = {}
    wall = time.perf_counter()
    for name in ("train_all", "write_folder"):
        setattr(runner, name, timed(getattr(runner, name), clock))
    start = time.process_time()
    mtpkd.run(manifest, out=out, progress=False, **settings(steps, labelled, validation))
    seconds = time.process_time() - start
    return dict(
        peak_mb=status_kb("VmHWM") / 1024,
        own_mb=memory.most / 1024,
        reading=seconds - clock["train_all"] - clock["write_folder"],
        training=clock["train_all"],
        writing=clock["write_folder"],
        seconds=seconds,
        wall=time.perf_counter() - wall,
    )


def timed(function, clock: dict):
    "The same function, whose processor time is written down under its name"

    def call(*args, **kwargs):
        start = time.process_time()
        result = function(*args, **kwargs)
        clock[function.__name__] = time.process_time() - start
        return result

    return call


def in_a_process(manifest, out, o) -> dict:
    "What `measure` finds in a fresh interpreter"
    call = [sys.executable, __file__, "--child", str(manifest), str(out), "--steps", str(o.steps)]
    call += ["--labelled", str(o.labelled), "--validation", str(o.validation)]
    done = subprocess.run(call, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


# the picture


def draw(table, picture) -> Path:
    "Largest memory by rows, with and without mapped pages of files"
    import pandas as pd
    import plotly.graph_objects as go
    from mtpkd.plots import save_figure, style

    rows = pd.read_csv(table).sort_values("rows")
    fig = go.Figure()
    for column, name in (("peak_mb", "with mapped pages of files"), ("own_mb", "of these its own")):
        fig.add_trace(go.Scatter(x=rows["rows"], y=rows[column] / 1024, mode="lines+markers", name=name))
    ticks = dict(tickvals=rows["rows"], ticktext=[f"{count:,}" for count in rows["rows"]])
    fig.update_xaxes(type="log", title="rows of the set", **ticks)
    fig.update_yaxes(title="largest memory of a run (GB)", rangemode="tozero")
    return save_figure(style(fig, 340), picture, width=720, scale=1.5)


# the command


def one_size(rows: int, o) -> dict:
    "Make a set, run, and remove both"
    folder = Path(tempfile.mkdtemp(prefix="rows", dir=o.folder))
    try:
        manifest = write_set(folder / "set", rows, o.width)
        disk = sum(path.stat().st_size for path in (folder / "set").rglob("*") if path.is_file())
        found = in_a_process(manifest, folder / "run", o)
    finally:
        if not o.keep:
            shutil.rmtree(folder)
    facts = dict(rows=rows, width=o.width, disk_mb=disk / 2**20, repeats=5, steps=o.steps, methods=len(METHODS))
    return facts | found


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rows", default="10000,30000,100000,400000")
    p.add_argument("--width", type=int, default=512, help="numbers a modality")
    p.add_argument("--steps", type=int, default=200)
    p.add_argument("--labelled", type=int, default=512, help="labelled rows a fold; 0: all")
    p.add_argument("--validation", type=int, default=0, help="inner validation rows a fold; 0: as many as there are")
    p.add_argument("--folder", help="where sets and runs are written; the system's folder for such files without it")
    p.add_argument("--keep", action="store_true", help="leave them there")
    p.add_argument("--out", help="a .csv for the numbers")
    p.add_argument("--draw", metavar="PICTURE", help="draw the numbers of --out, or of results/bench_memory.csv")
    p.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    o = p.parse_args()
    if o.draw:
        return print(draw(o.out or Path(__file__).resolve().parents[2] / "results" / "bench_memory.csv", o.draw))
    if o.child:
        return print(json.dumps(measure(*o.child, o.steps, o.labelled, o.validation)))
    found = []
    for rows in map(int, o.rows.split(",")):
        found.append(one_size(rows, o))
        print({key: round(value, 1) for key, value in found[-1].items()}, flush=True)
        if o.out:
            write_csv(found, o.out, COLUMNS, USED)


if __name__ == "__main__":
    main()
