"""How long an explorer takes to redraw, in the kernel: from the moved control to the last message for the browser.

    python benchmarks/performance/widgets.py --out results/bench_widgets.csv      less than a minute

A redraw is counted from the change of a control to the return of the handler, and everything the figure would send is serialised on the way (the messages are made and thrown away), so
that the cost of a large message counts. Drawing in the browser comes on top; the browser test times that. Medians over some moves, one core, and the largest. Plans: 128 rows, 64 dimensions, 30 anchors. Embeddings: 20,000 rows in two spaces of
64 dimensions, without and with a projection that is known already. The limits are those an explorer was built to, 150 ms and 1 s; tests/test_widgets.py holds the stored table against them.
"""

import sys
from pathlib import Path
import argparse, json, os, statistics, time

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np, pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # what the benchmarks share
from bench_tables import write_csv
from mtpkd.reporting.row_facts import EmbeddingSpaces
from mtpkd.reporting.run_view import Batch
from mtpkd.widgets.explorers import EmbeddingExplorer
from mtpkd.widgets.plan_explorer import PlanExplorer

COLUMNS = ["what", "size", "median_ms", "largest_ms", "kilobytes", "limit_ms"]
LIMITS = dict(plan=150, points=1000)


class Wire:
    "Stands for the connection to the browser: serialises what it is given, and counts"

    bytes, made = 0, 0

    def __init__(self):
        Wire.made += 1
        self.comm_id = f"wire{Wire.made}"

    def send(self, data=None, metadata=None, buffers=None, **_):
        Wire.bytes += len(json.dumps(data, default=str)) + sum(memoryview(b).nbytes for b in buffers or ())

    def open(self, data=None, metadata=None, buffers=None, **_):
        self.send(data, metadata, buffers)

    def close(self, *_, **__):
        pass

    def on_msg(self, *_):
        pass

    def on_close(self, *_):
        pass


def connect():
    "Every widget that is made from now on talks to a `Wire`"
    import comm

    comm.create_comm = lambda **kw: (w := Wire(), w.send(kw.get("data"), None, kw.get("buffers")))[0]


def classes_in(rng, n, d, spread, classes=7):
    y = rng.integers(0, classes, n)
    return (rng.normal(size=(classes, d))[y] + spread * rng.normal(size=(n, d))).astype("float32"), y


def timed(moves) -> tuple:  # milliseconds, kilobytes a move
    took, before = [], Wire.bytes
    for move in moves:
        start = time.perf_counter()
        move()
        took.append(1000 * (time.perf_counter() - start))
    return took, (Wire.bytes - before) / 1000 / len(took)


def plan_moves(explorer, blurs=np.linspace(-1.6, 0.3, 20)):
    def to(control, v):
        return lambda: setattr(control, "value", v)

    return [to(explorer.blur, round(10**b, 3)) for b in blurs], [to(explorer.k, int(k)) for k in np.linspace(5, 60, 12)]


def measure(rows: int = 20_000, size: int = 128) -> list:
    rng, out = np.random.default_rng(0), []

    def add(what, n, moves, limit):
        took, kb = timed(moves)
        out.append(
            dict(
                what=what,
                size=n,
                median_ms=round(statistics.median(took), 1),
                largest_ms=round(max(took), 1),
                kilobytes=round(kb),
                limit_ms=limit,
            )
        )

    z, y = classes_in(rng, size, 64, 0.7)
    plan = PlanExplorer(
        Batch(
            z,
            (z @ rng.normal(size=(64, 64)) / 8 + rng.normal(size=z.shape)).astype("float32"),
            y,
            np.arange(size),
            list("abcdefg"),
        )
    )
    blurs, ks = plan_moves(plan)
    blurs[0]()
    add("plan: blur moves", size, blurs, LIMITS["plan"])
    add("plan: k moves", size, ks, LIMITS["plan"])
    plan.select(3)
    add("plan: blur moves, a row chosen", size, blurs, LIMITS["plan"])
    z, y = classes_in(rng, rows, 64, 0.7)
    facts = pd.DataFrame(
        dict(
            sample=[f"s{i}" for i in range(rows)],
            subject=[f"P{i % 40}" for i in range(rows)],
            target=np.array(list("abcdefg"))[y],
        )
    )
    points = EmbeddingSpaces(dict(teacher_joint=z, student_mtpkd=z[:, ::-1] + 1), y, facts, list("abcdefg"))
    look = []
    add("embeddings: opened", rows, [lambda: look.append(EmbeddingExplorer(points))], LIMITS["points"])
    colours = [lambda c=c: setattr(look[0].colour, "value", c) for c in ("subject", "class") * 3]
    add("embeddings: other colour", rows, colours, LIMITS["points"])
    add("embeddings: lasso", rows, [lambda n=n: look[0].pick(range(0, rows, n)) for n in (4, 9, 50)], LIMITS["points"])
    return out


def main(argv=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rows", type=int, default=20_000, help="points of the embedding explorer")
    p.add_argument("--out", help="a CSV file to write")
    a = p.parse_args(argv)
    connect()
    found = measure(a.rows)
    print("| redraw | rows | median (ms) | largest (ms) | sent (kB) | limit (ms) |\n|---|---|---|---|---|---|")
    for r in found:
        print("| " + " | ".join(str(r[c]) for c in COLUMNS) + " |")
    if a.out:
        write_csv(found, a.out, COLUMNS, ["plotly", "ipywidgets", "torch", "numpy"])


if __name__ == "__main__":
    main()
