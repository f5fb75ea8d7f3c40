"""What a GPU gives: parity with the processor, the structural step, a whole run, preparing films. Ends within 8 minutes.

    python benchmarks/performance/gpu.py --out results/bench_gpu.csv       on a machine with a CUDA device
    python benchmarks/performance/gpu.py --device cpu --quick              anywhere, to see that it works

A part that needs a package which is not installed (geomloss, torchvision, PyAV, pandas) is left out and named; parity
and the structural step need torch and numpy alone. A part that would begin after its share of the time is left out and
named, too. Times are medians, the device synchronised before the clock is read. `reads`: whether a step ran while every
read of the device by the host was an error.

The rows: `parity`: relative error of value and gradient against float64 on the processor. `step`: milliseconds of one
structural step, forward and backward, for R repeats at once, T teachers, batch B, by the engine `torch` and, where its
kernels run and the batch fits on the chip, by the engine `triton`; `peer`: those of the released loss (geomloss) for the
same, one repeat after the other; `ratio`: `peer` over `torch`; `triton_ratio`: `torch` over `triton`. `run`: seconds of a
run on `watch`, with training steps as CUDA graphs and without, and on the processor. `prepare`: clips a second through
r3d18 with random weights.
"""

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import numpy as np
import torch

from bench_tables import write_csv
from mtpkd.core.errors import InputError
from mtpkd.transport.fused import engine_on, using_engine
from mtpkd.transport.structural import structural_divergence

COLUMNS = "part device engine repeats teachers batch value_error gradient_error ms triton_ms triton_ratio peer_ms ratio"
COLUMNS = [*COLUMNS.split(), "reads", "graph", "seconds", "note"]
SECONDS = 480  # for everything
WIDTH, ANCHORS, BLUR = 64, 30, 0.1
ON_CHIP = 128  # rows of a batch that the engine `triton` takes


class Clock:
    "How much of the time is left"

    def __init__(self, seconds: float):
        self.end = time.perf_counter() + seconds

    @property
    def left(self) -> float:
        return self.end - time.perf_counter()


def synchronise(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def device_name(device: str) -> str:
    return torch.cuda.get_device_name() if device.startswith("cuda") else "cpu"


def embeddings(repeats: int, teachers: int, batch: int, seed: int = 0) -> tuple:
    "Student `(R, B, D)` and teachers `(R, T, B, D)`: seven class means plus noise, float64"
    random = np.random.default_rng([seed, repeats, teachers, batch])
    means = 1.1 * random.normal(size=(7, WIDTH))
    latent = means[random.integers(0, 7, (repeats, batch))] + random.normal(size=(repeats, batch, WIDTH))
    student = latent + random.normal(size=latent.shape)
    noise = 0.3 * random.normal(size=(repeats, teachers, batch, WIDTH))
    return torch.from_numpy(student), torch.from_numpy(latent[:, None] + noise)


def value_and_gradient(student, teachers, anchors: int) -> tuple:  # `(R, T)`, `(R, B, D)`
    "The structural loss of every teacher, and the gradient of their sum in the student"
    student = student.detach().requires_grad_()
    value, _ = structural_divergence(student, teachers, anchors, BLUR)
    (gradient,) = torch.autograd.grad(value.sum(), student)
    return value.detach(), gradient


def median_ms(step, device: str, seconds: float, calls: int = 50) -> float:
    "Milliseconds of a call, the median of as many as fit"
    step()
    synchronise(device)
    times, end = [], time.perf_counter() + seconds
    while len(times) < calls and (time.perf_counter() < end or len(times) < 3):
        began = time.perf_counter()
        step()
        synchronise(device)
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)


@contextlib.contextmanager
def no_reads(device: str):
    "Reads of the device by the host are errors"
    if not device.startswith("cuda"):
        yield
        return
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def reads_nothing(step, device: str) -> str:
    "Whether a step runs without a read of the device"
    if not device.startswith("cuda"):
        return "not measured"
    step()
    try:
        with no_reads(device):
            step()
    except RuntimeError as e:
        return f"reads: {' '.join(str(e).split())[:80]}"
    return "none"


def without_triton(device: str) -> str:
    "Why the engine `triton` is left out, or nothing"
    try:
        engine_on("triton", device)
    except InputError as e:
        return str(e)
    return ""


def parity_rows(o, clock) -> list:
    "Value and gradient against float64 on the processor"
    rows = []
    for batch in o.batches[:1]:
        student, teachers = embeddings(2, 3, batch)
        value, gradient = value_and_gradient(student, teachers, min(ANCHORS, batch - 1))
        choices = [("torch", torch.float32), ("torch", torch.float64)]
        missing = without_triton(o.device)
        if missing:
            rows.append(dict(part="parity", engine="triton", note=f"left out: {missing}"))
        else:
            choices.append(("triton", torch.float32))
        for engine, kind in choices:
            moved = [x.to(o.device, kind) for x in (student, teachers)]
            with using_engine(engine):
                ours, slope = value_and_gradient(*moved, min(ANCHORS, batch - 1))
            row = dict(part="parity", engine=engine, repeats=2, teachers=3, batch=batch, note=str(kind))
            row["value_error"] = float(((ours.cpu().double() - value).abs() / value.abs()).max())
            row["gradient_error"] = float((slope.cpu().double() - gradient).norm() / gradient.norm())
            rows.append(row)
    return rows


def fits(repeats: int, teachers: int, batch: int, device: str) -> bool:
    "Whether the plans and what they need fit into a third of the memory"
    needed = 8 * 4 * repeats * teachers * batch * max(batch, ANCHORS)
    most = torch.cuda.get_device_properties(0).total_memory if device.startswith("cuda") else 2**33
    return needed < most / 3


def released_step(student, teachers, anchors: int):
    "The released loss for one repeat after the other, or None where geomloss is not installed"
    try:
        from geomloss import SamplesLoss
    except ImportError:
        return None
    loss = SamplesLoss("sinkhorn", p=2, blur=BLUR, backend="tensorized")

    def cloud(similarities, chosen):
        return (similarities - similarities.amin()).gather(1, chosen)

    def step():
        for z_s, z_all in zip(student, teachers):
            z_s = z_s.detach().requires_grad_()
            total = 0.0
            for z_t in z_all:
                s_t, s_s = (torch.nn.functional.normalize(z, dim=1) for z in (z_t, z_s))
                gram = s_t @ s_t.T
                chosen = gram.topk(anchors, largest=False).indices
                total = total + loss(cloud(gram, chosen), cloud(s_s @ s_s.T, chosen))
            torch.autograd.grad(total, z_s)

    return step


def step_rows(o, clock) -> list:
    "Milliseconds of a structural step beside the released loss"
    rows = []
    for batch in o.batches:
        for teachers in o.teachers:
            for repeats in o.repeats:
                row = dict(part="step", repeats=repeats, teachers=teachers, batch=batch)
                if not fits(repeats, teachers, batch, o.device):
                    rows.append(row | dict(note="left out: too large for the memory"))
                    continue
                if clock.left < SECONDS / 3:
                    rows.append(row | dict(note="left out: the time is over"))
                    continue
                rows.append(row | timed_step(o, repeats, teachers, batch))
    return rows


def timed_step(o, repeats: int, teachers: int, batch: int) -> dict:
    "One row of `step_rows`"
    anchors = min(ANCHORS, batch - 1)
    student, others = (x.to(o.device, torch.float32) for x in embeddings(repeats, teachers, batch))

    def own():
        value_and_gradient(student, others, anchors)

    with using_engine("torch"):
        row = dict(ms=median_ms(own, o.device, o.seconds), reads=reads_nothing(own, o.device))
    if batch <= ON_CHIP and not without_triton(o.device):
        with using_engine("triton"):
            row["triton_ms"] = median_ms(own, o.device, o.seconds)
            if row["reads"] == "none":
                row["reads"] = reads_nothing(own, o.device)
        row["triton_ratio"] = row["ms"] / row["triton_ms"]
    peer = released_step(student, others, anchors)
    if peer is None:
        return row | dict(note="geomloss is not installed")
    row["peer_ms"] = median_ms(peer, o.device, o.seconds, 10)
    return row | dict(ratio=row["peer_ms"] / row["ms"])


def run_rows(o, clock) -> list:
    "Seconds of a run, on the device and on the processor"
    try:
        from mtpkd.experiments.runner import run
    except ImportError as e:
        return [dict(part="run", note=f"left out: {e}")]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for device in dict.fromkeys((o.device, "cpu")):
            for graph in ("auto", "off"):
                row = dict(part="run", graph=graph)
                if device == "cpu" and graph == "auto":
                    rows.append(row | dict(note="cpu left out: only steps on CUDA are captured"))
                    continue
                if clock.left < SECONDS / 6:
                    rows.append(row | dict(note=f"{device} left out: the time is over"))
                    continue
                began = time.perf_counter()
                settings = dict(methods=o.methods, seeds=[0], device=device, progress=False)
                chosen = ["schedules=[default]", f"schedule.graph={graph}", *o.settings]
                run("watch", out=Path(folder) / f"{device}-{graph}", set=chosen, **settings)
                rows.append(row | dict(seconds=time.perf_counter() - began, note=f"{device}: {o.methods}"))
    return rows


def prepare_rows(o, clock) -> list:
    "Clips a second through a frozen network"
    try:
        from mtpkd.models.backbones import build_backbone, set_trainable

        net = set_trainable(build_backbone("r3d18", "random"), "none").to(o.device)
    except Exception as e:
        return [dict(part="prepare", note=f"left out: {' '.join(str(e).split())[:100]}")]
    clips = torch.zeros(o.clips, 3, 10, 112, 112, device=o.device)

    def own():
        with torch.inference_mode():
            net(clips)

    ms = median_ms(own, o.device, o.seconds, 10)
    return [dict(part="prepare", batch=o.clips, ms=ms, note=f"{1000 * o.clips / ms:.1f} clips a second")]


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--device", default="cuda")
    p.add_argument("--quick", action="store_true", help="tiny sizes")
    p.add_argument("--out", type=Path)
    o = p.parse_args()
    if o.device.startswith("cuda") and not torch.cuda.is_available():
        sys.exit("no CUDA device here; --device cpu --quick shows that the script works")
    sizes = dict(batches=(128, 2048), teachers=(1, 3, 5), repeats=(1, 25, 100), seconds=1.5, clips=16)
    sizes |= dict(methods="student_only,kd,mtpkdot", settings=[])
    small = dict(batches=(16,), teachers=(1, 3), repeats=(1, 2), seconds=0.05, clips=1)
    small |= dict(methods="student_only,kd", settings=["schedule.steps=3"])
    for name, value in (small if o.quick else sizes).items():
        setattr(o, name, value)
    clock, rows = Clock(SECONDS), []
    for part in (parity_rows, step_rows, run_rows, prepare_rows):
        rows += part(o, clock)
    named = [dict.fromkeys(COLUMNS, "") | dict(device=device_name(o.device)) | row for row in rows]
    for row in named:
        print(" ".join(f"{key}={value}" for key, value in row.items() if value != ""), flush=True)
    if o.out:
        write_csv(named, o.out, COLUMNS, ("torch", "numpy", "geomloss"))


if __name__ == "__main__":
    main()
