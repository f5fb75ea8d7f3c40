"""What a prediction in the field costs, as ratios: an exported student under onnxruntime over the same student in torch, one student and an ensemble.

    python benchmarks/performance/deployment.py                    about a minute on one core; --quick: few turns, to see that it works

Timed is a whole call on arrays that went through the input transform: `Predictor(arrays, inputs=False)` with its checks of shapes and missing rows, and in torch (eager, `inference_mode`) the same mask, normaliser,
student and softmax from numpy to numpy without any check. Of an ensemble torch is timed member by member and stacked (`torch.func.vmap`); the quicker counts. Calls come in turn, in alternating order, on one core and one
thread; reported are the paired median of the ratio with its quartiles. Above 1, the exported file is ahead. The students have the default sizes and random weights, which cost as much as trained ones.

`features` is a student of 33 window statistics (the set `watch`), `signal` one of the window itself, 3 x 50, through the temporal convolutions.
"""

import sys
import os

if __name__ == "__main__":  # before torch is imported: one core, one thread
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    for name in ("OMP", "MKL", "OPENBLAS", "NUMEXPR"):
        os.environ.setdefault(f"{name}_NUM_THREADS", "1")
import argparse, statistics, tempfile, time
from pathlib import Path
import numpy as np, torch
from torch.func import functional_call, stack_module_state, vmap

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # what the benchmarks share
from bench_tables import number, processor, versions, write_csv
from mtpkd.core.config import EncoderConfig, FusionConfig, StudentConfig
from mtpkd.deployment.predictor import Predictor
from mtpkd.deployment.onnx_export import build_student, deployed, write_onnx
from mtpkd.deployment.student_file import InputSpec, StoredStudents, Member, StudentCard

USED = "torch", "onnxruntime", "onnx", "numpy"
COLUMNS = [
    "student",
    "members",
    "batch",
    "onnx_ms",
    "torch_ms",
    "torch_how",
    "ratio",
    "low",
    "high",
    "over_one_student",
    "file_kb",
    "difference",
]
SHAPES = {"features": (33,), "signal": (3, 50)}
CLASSES = [str(i) for i in range(7)]

# --- students -------------------------------------------------------------------------------------------------------------------------


def students(what: str, members: int) -> StoredStudents:
    "Untrained students of the default sizes"
    shape, random = SHAPES[what], np.random.default_rng(0)
    card = StudentCard(
        version="0",
        made="fit",
        data=what,
        method="kd",
        task=dict(kind="classification", target="label", classes=CLASSES),
        metric="accuracy",
        checkpoint="last",
        inputs=(InputSpec(name="x", kind="features", shape=shape),),
        privileged=("privileged",),
        encoder={n: v for n, v in vars(EncoderConfig()).items() if n != "weights"},
        fusion=vars(FusionConfig()),
        tnet=True,
        tnet_scale=StudentConfig().tnet_scale,
        clip=5.0,
        members=tuple(Member(fold=0, seed=i) for i in range(members)),
    )
    params = {
        k: random.normal(size=(members, *p.shape)).astype("float32") / max(p.shape) ** 0.5
        for k, p in build_student(card).named_parameters()
    }
    one = (members, *shape) if len(shape) == 1 else (members, *shape[:-1], 1)
    return StoredStudents(card, params, {"x": np.zeros(one, "float32")}, {"x": np.ones(one, "float32")})


def in_torch(kept: StoredStudents) -> dict:  # how -> function of an array `(B, ...)`
    "The same in torch, member by member and, where there are several, stacked"
    nets = [deployed(kept, r) for r in range(len(kept.card.members))]
    params, buffers = stack_module_state(nets)
    stacked = vmap(lambda p, b, x: functional_call(nets[0], (p, b), (x,)), in_dims=(0, 0, None))

    def run(act):  # numpy to numpy
        def call(x):
            with torch.inference_mode():
                return act(torch.from_numpy(x)).numpy()

        return call

    how = {"each": run(lambda x: nets[0](x) if len(nets) == 1 else torch.stack([n(x) for n in nets]).mean(0))}
    return how if len(nets) == 1 else how | {"stacked": run(lambda x: stacked(params, buffers, x).mean(0))}


# --- times ----------------------------------------------------------------------------------------------------------------------------


def clock(act, calls: int) -> float:  # seconds a call
    start = time.perf_counter()
    for _ in range(calls):
        act()
    return (time.perf_counter() - start) / calls


def turns(a, b, n: int, seconds: float) -> list:  # n times (seconds of a, seconds of b)
    "Two actions in turn, the order swapped from turn to turn; as many calls as fill the time"
    calls = [max(1, round(seconds / max(clock(f, 3), 1e-6))) for f in (a, b)]
    found = []
    for i in range(n):
        if i % 2:
            y, x = clock(b, calls[1]), clock(a, calls[0])
        else:
            x, y = clock(a, calls[0]), clock(b, calls[1])
        found.append((x, y))
    return found


def measure(what: str, members: int, batches, n: int, seconds: float, folder) -> list:  # rows
    kept = students(what, members)
    facts = write_onnx(kept, Path(folder) / f"{what}{members}.onnx")
    ours, theirs, rows = Predictor(facts["path"]), in_torch(kept), []
    for batch in batches:
        x = np.random.default_rng(1).normal(size=(batch, *SHAPES[what])).astype("float32")
        theirs_now = {how: (lambda f=f: f(x)) for how, f in theirs.items()}
        mine = lambda: ours({"x": x}, inputs=False)
        far = max(float(np.abs(mine() - f()).max()) for f in theirs_now.values())
        if not far < 1e-5:
            raise SystemExit(
                f"{what}, {members} members, batch {batch}: torch and the file differ by {far:.1e}; what is timed is not the same"
            )
        how = min(theirs_now, key=lambda k: min(clock(theirs_now[k], 3) for _ in range(3)))
        pairs = turns(mine, theirs_now[how], n, seconds)
        low, ratio, high = statistics.quantiles([b / a for a, b in pairs], n=4)
        rows.append(
            dict(
                student=what,
                members=members,
                batch=batch,
                onnx_ms=1e3 * statistics.median(a for a, _ in pairs),
                torch_ms=1e3 * statistics.median(b for _, b in pairs),
                torch_how=how,
                ratio=ratio,
                low=low,
                high=high,
                file_kb=facts["bytes"] / 1024,
                difference=far,
            )
        )
    return rows


def over_one(rows) -> list:
    "What an ensemble costs over one student, under onnxruntime"
    one = {(r["student"], r["batch"]): r["onnx_ms"] for r in rows if r["members"] == 1}
    return [r | dict(over_one_student=r["onnx_ms"] / one[r["student"], r["batch"]]) for r in rows]


def as_table(rows) -> str:
    lines = [
        "| student | members | batch | onnxruntime, ms | torch over onnxruntime | ensemble over one | file, kB |",
        "|---|---|---|---|---|---|---|",
    ]
    return "\n".join(
        lines
        + [
            f"| {r['student']} | {r['members']} | {r['batch']} | {r['onnx_ms']:.3f} | {number(r['ratio'])} [{number(r['low'])}, {number(r['high'])}] | {number(r['over_one_student'])} | {r['file_kb']:.0f} |"
            for r in rows
        ]
    )


def main(args=None):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--members", default="1,5,25", help="sizes of ensembles; 1 is needed for the ratios")
    p.add_argument("--batches", default="1,32,256")
    p.add_argument("--quick", action="store_true", help="few short turns: shows that it works, measures nothing")
    p.add_argument("--out", help="a CSV")
    o = p.parse_args(args)
    torch.set_num_threads(1)
    n, seconds = (4, 0.002) if o.quick else (21, 0.05)
    members, batches = ([int(x) for x in text.split(",")] for text in (o.members, o.batches))
    with tempfile.TemporaryDirectory() as folder:
        rows = over_one(
            [
                r
                for what in SHAPES
                for m in dict.fromkeys([1, *members])
                for r in measure(what, m, batches, n, seconds, folder)
            ]
        )
    print(f"{processor()}; {versions(USED)}\n\n{as_table(rows)}")
    if o.out:
        write_csv(rows, o.out, COLUMNS, USED)
    return rows


if __name__ == "__main__":
    main()
