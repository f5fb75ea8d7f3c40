"""How the cost of propagating labels over a graph grows with the number of rows.

    python benchmarks/performance/label_propagation.py --out results/bench_label_propagation.csv     about two minutes on one core
    python benchmarks/performance/label_propagation.py --quick                                       small sizes, to see that it works

Rows of 64 features and ten classes, 200 of them labelled. `exact` compares all pairs of rows, `descent` is nearest neighbour
descent, which `mtpkd` uses beyond 20,000 rows; `growth` is the cost of a row divided by that of a row of the smallest set.
"""

import os, sys

if __name__ == "__main__":  # before numba is imported: one core, one thread
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    for name in ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "NUMBA"):
        os.environ.setdefault(f"{name}_NUM_THREADS", "1")
import argparse
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # what the benchmarks share
import numpy as np
from bench_tables import write_csv
from mtpkd.models import label_propagation

ROWS = dict(exact=(2_500, 5_000, 10_000, 20_000), descent=(5_000, 20_000, 80_000, 160_000))
COLUMNS = "neighbours rows graph_seconds solve_seconds growth right".split()


def measure(how: str, rows: int) -> dict:
    "Seconds for the graph and for the solution, and the share of right labels"
    random = np.random.default_rng(rows)
    classes = random.integers(10, size=rows)
    features = random.normal(size=(10, 64))[classes] + random.normal(size=(rows, 64))
    labels = np.eye(10)[classes] * (np.arange(rows) < 200)[:, None]
    limit = label_propagation.EXACT_ROWS
    label_propagation.EXACT_ROWS = 10**9 if how == "exact" else 0
    begun = time.process_time()
    try:
        graph = label_propagation.neighbour_graph(features)
    finally:
        label_propagation.EXACT_ROWS = limit
    built = time.process_time()
    spread = label_propagation.propagate_labels(graph, label_propagation.label_seeds(np.full((rows, 10), 0.1), labels))
    solved = time.process_time()
    right = float((spread.argmax(1) == classes).mean())
    return dict(neighbours=how, rows=rows, graph_seconds=built - begun, solve_seconds=solved - built, right=right)


def main(args=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", help="CSV file")
    parser.add_argument("--quick", action="store_true", help="small sizes, exact neighbours only")
    options = parser.parse_args(args)
    sizes = dict(exact=(300, 600)) if options.quick else ROWS
    table = []
    for how, numbers in sizes.items():
        measure(how, numbers[0])  # compiles, and warms up
        rows = [measure(how, number) for number in numbers]
        costs = [(row["graph_seconds"] + row["solve_seconds"]) / row["rows"] for row in rows]
        table += [row | dict(growth=cost / costs[0]) for row, cost in zip(rows, costs)]
    for row in table:
        print(
            f"{row['neighbours']:8s} {row['rows']:7d} rows: graph {row['graph_seconds']:.2f} s, "
            f"solution {row['solve_seconds']:.2f} s, a row costs {row['growth']:.1f} times as much, "
            f"{100 * row['right']:.1f}% right"
        )
    if options.out:
        write_csv(table, options.out, COLUMNS, ("numpy", "scipy", "scikit-learn", "pynndescent"))


if __name__ == "__main__":
    main()
