"""What the cache of features saves, how quick decoding and cropping are, and what memory a preparation needs.

    python benchmarks/performance/features.py                     all parts, some minutes on one core
    python benchmarks/performance/features.py --only epoch        one part: epoch, decoding, memory
    python benchmarks/performance/features.py --quick             tiny sizes, to see that it works

- `epoch`: one epoch of a student on cached features, against the same epoch with the frozen backbone run over every batch, as the released code of MT-PKDOT does: with its clips decoded
  beforehand and in memory, which is in favour of the latter. Same student, rows, batches, optimiser.
- `decoding`: clips a second and core, from an mp4 to ten cropped squares of 112 pixels, against two loops over OpenCV: one that reads every frame, one that only grabs the frames in between.
  In processor time. The same frames, the same box.
- `memory`: the largest resident memory of a process that prepares N clips, and ten times N. Decoded, ten times the clips would fill some 900 MiB (quick: 180).

The films are those of tests/filmed.py: a cartoon face that wanders, its expression the label.
"""

import os, sys

if __name__ == "__main__":  # before torch and cv2 are imported: one core, one thread
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    for name in ("OMP", "MKL", "OPENBLAS", "NUMEXPR"):
        os.environ.setdefault(f"{name}_NUM_THREADS", "1")
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "threads;1"
import argparse, statistics, subprocess, tempfile, time
from pathlib import Path
import numpy as np, torch

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests" / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # what the benchmarks share
from bench_tables import processor, versions, write_csv
from media_files import film, film_tree
from mtpkd.models.backbones import build_backbone
from mtpkd.core.config import EncoderConfig, FusionConfig
from mtpkd.data.faces import face_clip
from mtpkd.features.piece_features import run_network
from mtpkd.features.prepare import prepare
from mtpkd.data.reading import read
from mtpkd.models.student import Student
from mtpkd.data.clips import centre_box, clip_segments, normalise
from mtpkd.data.media_files import write_video
from mtpkd.data.video import open_recording


def epoch_part(folder, clips, size, frames, batch=16):
    "Seconds of an epoch on cached features, and with the backbone in it"
    films = film_tree(folder / "films", subjects=4, each=clips // 4, size=64)
    s = read(
        prepare(
            films, out=folder / "out", weights="random", faces="whole", frames=frames, size=size, jobs=1, progress=False
        ),
        ["face"],
    )
    pixels = [
        normalise(
            face_clip(folder / "films" / "video" / f"{name}.mp4", clip_segments(24, frames), size, detector="whole")[0],
            "kinetics",
        ).transpose(1, 0, 2, 3)
        for name in s.sample
    ]
    net, y = build_backbone("r3d18", "random"), torch.from_numpy(s.target)
    cached = torch.from_numpy(s.arrays["face"])

    def epoch(inputs):
        torch.manual_seed(0)
        student = Student({"face": (512,)}, (), 2, EncoderConfig(), FusionConfig(), tnet=False)
        optimiser = torch.optim.AdamW(student.parameters(), 1e-3)
        began = time.perf_counter()
        for rows in torch.randperm(len(y)).split(batch):
            loss = torch.nn.functional.cross_entropy(
                student({"face": inputs(rows)}, torch.ones(len(rows), 1, dtype=torch.bool)).logits, y[rows]
            )
            optimiser.zero_grad(), loss.backward(), optimiser.step()
        return time.perf_counter() - began, float(loss.detach())

    epoch(lambda rows: cached[rows])  # warm
    quick = [epoch(lambda rows: cached[rows]) for _ in range(5)]
    slow = epoch(lambda rows: torch.from_numpy(run_network(net, np.stack([pixels[i] for i in rows]))))
    assert abs(slow[1] - quick[0][1]) < 1e-2, "the two epochs should be the same training"
    fast = statistics.median(q[0] for q in quick)
    return [
        dict(part="epoch", what="cached features", value=fast, unit="s"),
        dict(part="epoch", what="backbone every time", value=slow[0], unit="s"),
        dict(part="epoch", what="ratio", value=slow[0] / fast, unit="x"),
    ]


def with_opencv(path, wanted, size, grab: bool):
    "The usual loop"
    import cv2

    cv2.setNumThreads(1)
    film, out, wanted = cv2.VideoCapture(str(path)), [], set(wanted.tolist())
    for i in range(max(wanted) + 1):
        if grab and i not in wanted:
            film.grab()
            continue
        ok, x = film.read()
        if i in wanted:
            left, top, right, bottom = map(round, centre_box(*x.shape[:2]))
            out.append(
                cv2.cvtColor(
                    cv2.resize(x[top:bottom, left:right], (size, size), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB
                )
            )
    return np.stack(out)


def decoding_part(folder, clips, pixels, frames, turns):
    "Clips a second of processor time, in turns"
    paths = [write_video(folder / f"{i}.mp4", film(i % 2, i, i, frames, pixels)) for i in range(clips)]
    ways = {"mtpkd": lambda p: face_clip(p, clip_segments(frames, 10), 112, detector="whole")[0]}
    try:
        import cv2

        ways |= {
            "OpenCV, every frame read": lambda p: with_opencv(p, clip_segments(frames, 10), 112, False),
            "OpenCV, frames between grabbed": lambda p: with_opencv(p, clip_segments(frames, 10), 112, True),
        }
    except ImportError:
        print("OpenCV is not installed; its rows are left out")
    spent, made = {w: [] for w in ways}, {w: ways[w](paths[0]).astype(float) for w in ways}  # warm, and to compare
    for w in ways:
        assert np.abs(made[w] - made["mtpkd"]).mean() < 4, f"{w} cuts out something else"
    for turn in range(turns):
        for w in list(ways)[:: 1 if turn % 2 else -1]:
            began = time.process_time()
            for p in paths:
                open_recording.__globals__["_recording"].cache_clear(), ways[w](p)  # nothing is remembered
            spent[w].append((time.process_time() - began) / len(paths))
    rate = {w: 1 / statistics.median(s) for w, s in spent.items()}
    return [
        dict(part="decoding", what=f"{w}, {frames} frames of {pixels} px", value=r, unit="clips/s/core")
        for w, r in rate.items()
    ] + [
        dict(part="decoding", what=f"mtpkd over {w}", value=rate["mtpkd"] / r, unit="x")
        for w, r in rate.items()
        if w != "mtpkd"
    ]


PROBE = """import sys, torch
torch.set_num_threads(1)
from mtpkd.features.prepare import prepare
prepare(sys.argv[1], out=sys.argv[2], weights='random', faces='whole', frames=4, size=32, jobs=1, progress=False)
print(int(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])/1024)"""  # ru_maxrss would be at least that of the process that started this one


def memory_part(folder, clips):
    "Peak memory of a preparation of N and of 10 N clips"
    rows = []
    for n in (clips, 10 * clips):
        films = film_tree(folder / f"films{n}", subjects=4, each=n // 4, frames=24, size=256)
        done = subprocess.run(
            [sys.executable, "-c", PROBE, str(films), str(folder / f"out{n}")],
            capture_output=True,
            text=True,
            check=True,
        )
        rows.append(dict(part="memory", what=f"{n} clips", value=float(done.stdout), unit="MiB"))
    return rows + [dict(part="memory", what="ten times the clips", value=rows[1]["value"] / rows[0]["value"], unit="x")]


NAMES = ("torch", "torchvision", "av", "numpy", "opencv-python-headless")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    (
        p.add_argument("--only", default="epoch,decoding,memory"),
        p.add_argument("--quick", action="store_true"),
        p.add_argument("--out"),
    )
    o = p.parse_args()
    q, rows = o.quick, []
    torch.set_num_threads(1)
    sizes = {
        "epoch": (epoch_part, (16, 32, 4) if q else (64, 112, 10)),
        "decoding": (decoding_part, (1, 64, 24, 1) if q else (4, 576, 138, 5)),
        "memory": (memory_part, (4,) if q else (20,)),
    }
    for name in o.only.split(","):
        if name not in sizes:
            p.error(f"--only {name}: expected some of {', '.join(sizes)}")
        with tempfile.TemporaryDirectory() as folder:
            rows += sizes[name][0](Path(folder), *sizes[name][1])
        for r in rows[-6:]:
            if r["part"] == name:
                print(f"{r['part']:<10}{r['what']:<60}{r['value']:>12.4g} {r['unit']}", flush=True)
    print(f"{processor()}; {versions(NAMES)}")
    if o.out:
        write_csv(rows, o.out, ["part", "what", "value", "unit"], NAMES)


if __name__ == "__main__":
    main()
