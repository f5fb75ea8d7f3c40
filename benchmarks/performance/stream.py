"""How fast a film becomes values, and that memory does not grow with its length.

    python benchmarks/performance/stream.py --minutes 60 --encoders frames_tcn,r3d18 --out results/bench_stream.csv
    python benchmarks/performance/stream.py --minutes 1                                      to see that it works

A minute of film of 640 x 360 pixels at 25 frames a second is written (noise over a moving square) and its packets are
repeated to the length that is asked for; a student is fitted on some
clips of the same kind with random weights of the encoder, exported with it, and run over the film in a process of its
own with one thread: windows of two seconds, a new one every second. The table has frames a second beside real time
(25), and the largest memory of that process and of those that it runs the two files in, for a film of a tenth of the
length and for the whole. Linux alone says it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import av
import numpy as np
import pandas as pd

from bench_tables import write_csv
from mtpkd.api import export
from mtpkd.core.config import to_yaml
from mtpkd.data.media_files import write_video
from mtpkd.experiments.fit import fit
from mtpkd.features.prepare import prepare

RATE, HEIGHT, WIDTH = 25, 360, 640
QUICK = {"schedule": {"steps": 5}, "student": {"tnet_steps": 2}, "inner_validation": 0.25}
COLUMNS = "encoder size minutes windows seconds frames_a_second real_time mib_tenth mib".split()
CHILD = """
import json, sys, time
from pathlib import Path
from mtpkd.deployment.film import FilmPredictor, predict_film
student = FilmPredictor(sys.argv[1])
began = time.perf_counter()
table = predict_film(student, sys.argv[2], window=2.0, hop=1.0)
seconds = time.perf_counter() - began


def peak(process):  # KiB; not of the program that has started it, as getrusage says
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


graphs = [student.encoder._graph, student.student._graph]
peaks = [peak("self"), *(peak(graph._process.pid) for graph in graphs)]
print(json.dumps(dict(windows=len(table), seconds=seconds, mib=sum(peaks) / 1024)))
"""


def frames_of(count: int, number: int = 0):
    "Frames `(H, W, 3)` of a film"
    random = np.random.default_rng(number)
    noise = random.integers(0, 60, (8, HEIGHT, WIDTH, 3), dtype="uint8")
    for i in range(count):
        frame = noise[i % len(noise)].copy()
        left = (i * 3 + number * 40) % (WIDTH - 80)
        frame[100:180, left : left + 80] = 60 + 190 * (number % 2)
        yield frame


def repeated(film: Path, times: int, path: Path) -> Path:
    "The packets of a film over and over, without being encoded again"
    with av.open(str(path), "w") as out:
        target, start = None, 0
        for _ in range(times):
            with av.open(str(film)) as source:
                stream = source.streams.video[0]
                target = target or out.add_stream_from_template(stream)
                for packet in source.demux(stream):
                    if packet.dts is None:  # the end of the film
                        continue
                    packet.pts, packet.dts, packet.stream = packet.pts + start, packet.dts + start, target
                    out.mux(packet)
                start += stream.duration
    return path


def films_of(minutes: float, folder: Path) -> dict:
    "A film of that length, and one of a tenth"
    piece = min(1.0, minutes / 10)
    first = write_video(folder / "piece.mp4", frames_of(round(60 * piece * RATE)), rate=RATE)
    times = round(minutes / piece)
    lengths = dict(tenth=max(1, times // 10), whole=times)
    return {name: repeated(first, count, folder / f"{name}.mp4") for name, count in lengths.items()}


def small_set(folder: Path) -> Path:
    "A set of clips with two classes; returns its manifest"
    rows = []
    (folder / "clips").mkdir(parents=True)
    for number in range(24):
        write_video(folder / "clips" / f"{number}.mp4", frames_of(2 * RATE, number), rate=RATE)
        label = ["calm", "pain"][number % 2]
        rows.append(dict(sample=str(number), subject=f"s{number // 4}", label=label, face=f"clips/{number}.mp4"))
    pd.DataFrame(rows).to_csv(folder / "samples.csv", index=False)
    values = dict(
        name="clips",
        reader="table",
        files=dict(table=dict(path="samples.csv")),
        task=dict(kind="classification", target="label", classes=["calm", "pain"]),
        subject="subject",
        sample="sample",
        protocol=dict(group="subject", folds=3, metric="accuracy"),
        modalities=dict(face=dict(kind="video", role="prevalent")),
    )
    (folder / "manifest.yaml").write_text(to_yaml(values))
    return folder / "manifest.yaml"


def timed(student: Path, film: Path) -> dict:
    "Windows, seconds and memory of a process that predicts a film"
    done = subprocess.run([sys.executable, "-c", CHILD, student, film], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def row_of(encoder: str, size: int, manifest: Path, films: dict, minutes: float, folder: Path) -> dict:
    "The row of one encoder"
    how = dict(encoder=encoder, weights="random", faces="whole", size=size, jobs=1, progress=False)
    prepared = prepare(manifest, out=folder / f"{encoder}_{size}", **how)
    fit(str(prepared), "student_only", folder / f"fit_{encoder}_{size}", config=QUICK)
    student = folder / f"{encoder}_{size}.onnx"
    export(folder / f"fit_{encoder}_{size}", student, encoders=True)
    short, whole = timed(student, films["tenth"]), timed(student, films["whole"])
    rate = 60 * minutes * RATE / whole["seconds"]
    return dict(
        encoder=encoder,
        size=size,
        minutes=minutes,
        windows=whole["windows"],
        seconds=round(whole["seconds"], 1),
        frames_a_second=round(rate, 1),
        real_time=round(rate / RATE, 2),
        mib_tenth=round(short["mib"]),
        mib=round(whole["mib"]),
    )


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--minutes", type=float, default=60)
    p.add_argument("--encoders", default="frames_tcn,r3d18")
    p.add_argument("--size", type=int, default=112)
    p.add_argument("--out", type=Path)
    o = p.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manifest = small_set(folder / "set")
        films = films_of(o.minutes, folder)
        rows = [row_of(encoder, o.size, manifest, films, o.minutes, folder) for encoder in o.encoders.split(",")]
    table = pd.DataFrame(rows, columns=COLUMNS)
    print(table.to_string(index=False))
    if o.out:
        write_csv(rows, o.out, COLUMNS, ("onnxruntime", "av", "numpy"))


if __name__ == "__main__":
    main()
