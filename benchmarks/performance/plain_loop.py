"""PKDOT as a plain loop with geomloss, one repeat after another, beside `mtpkd run` with all repeats in one stack.

    pip install -e .[bench]
    python benchmarks/performance/plain_loop.py --out results/bench_plain_loop.csv

Equal work: the same networks, rows, batch sizes and steps in four parts (joint teacher, T-Net, the student alone, the student with PKDOT), and geomloss at the same blur. The loop is what one would write
with PyTorch for a single experiment; it neither validates nor writes anything. `mtpkd run` does, from the data to the summary with its intervals. Counted is processor time of one thread, which moves little
when others use the machine. A few repeats of the loop are timed, and counted for all of them.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

if __name__ == "__main__":  # before torch is imported
    for library in ("OMP", "MKL", "OPENBLAS", "NUMEXPR"):
        os.environ[f"{library}_NUM_THREADS"] = "1"

import numpy as np
import torch
from torch.nn.functional import cross_entropy, mse_loss, normalize

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # what the benchmarks share
from bench_tables import processor, write_csv

import mtpkd
from mtpkd.data.samples import fit_normaliser
from mtpkd.experiments.plan import plan_experiment
from mtpkd.models.networks import MultimodalNet
from mtpkd.models.student import Student

COLUMNS = ["data", "repeats", "timed", "loop", "run", "ratio", "repeats_for_the_price", "loop_score", "run_score"]
USED = "torch", "numpy", "geomloss"


# the loop


def fit(parameters, steps, loss, lr):
    "AdamW with a constant learning rate"
    optimiser = torch.optim.AdamW(parameters, lr=lr)
    for step in range(steps):
        optimiser.zero_grad()
        loss(step).backward()
        optimiser.step()


def clouds(z_s, z_t, k):
    "Every row by its similarities to the rows that the teacher finds least similar"
    teacher = normalize(z_t) @ normalize(z_t).T
    student = normalize(z_s) @ normalize(z_s).T
    anchors = teacher.topk(k, largest=False).indices
    return (teacher - teacher.min()).gather(1, anchors), (student - student.min()).gather(1, anchors)


def one_repeat(plan, fold, sinkhorn):
    "The four parts for one fold and seed; the balanced accuracy of the student on the test rows"
    config, samples = plan.config, plan.samples
    schedule, student_settings = config.schedule, config.student
    arrays = fit_normaliser(samples, fold.fit_rows, fold.train)(samples)
    x = {name: torch.from_numpy(np.asarray(array)) for name, array in arrays.items()}
    presence, target = torch.from_numpy(samples.presence), torch.from_numpy(samples.target)
    names = [*config.prevalent, *config.privileged]
    columns = {name: samples.modalities.index(name) for name in names}
    shapes = {name: x[name].shape[1:] for name in names}
    prevalent = {name: shapes[name] for name in config.prevalent}
    classes, generator = samples.task.outputs, torch.Generator().manual_seed(fold.seed)

    def see(rows, modalities):
        present = presence[rows][:, [columns[name] for name in modalities]]
        return {name: x[name][rows] for name in modalities}, present

    def draw(rows, size):
        return torch.from_numpy(rows)[torch.randint(len(rows), (size,), generator=generator)]

    def both():
        return torch.cat([draw(fold.train, schedule.batch), draw(fold.pool, schedule.pool_batch)])

    def new_student():
        return Student(
            prevalent,
            tuple(config.privileged),
            classes,
            config.encoder,
            config.fusion,
            True,
            student_settings.tnet_scale,
        )

    teacher = MultimodalNet(shapes, classes, config.encoder, config.fusion)
    alone, student = new_student(), new_student()

    def supervised(network, modalities):
        rows = draw(fold.train, schedule.batch)
        return cross_entropy(network(*see(rows, modalities)).logits, target[rows])

    fit(teacher.parameters(), config.teachers.steps, lambda step: supervised(teacher, names), config.teachers.lr)
    fit(alone.parameters(), schedule.steps, lambda step: supervised(alone, config.prevalent), schedule.lr)
    student.load_state_dict(teacher.state_dict(), strict=False)

    def hallucination(step):
        rows = both()
        with torch.no_grad():
            recorded = teacher(*see(rows, names)).tokens
        source = recorded[:, : len(prevalent)].mean(1)
        hallucinated = [student.tnets[f"m_{name}"](source) for name in config.privileged]
        return mse_loss(torch.stack(hallucinated, 1), recorded[:, len(prevalent) :])

    fit(student.tnets.parameters(), student_settings.tnet_steps, hallucination, student_settings.tnet_lr)

    def distilled(step):
        rows = both()
        with torch.no_grad():
            z_t = teacher(*see(rows, names)).embedding
        output = student(*see(rows, config.prevalent))
        task = cross_entropy(output.logits[: schedule.batch], target[rows[: schedule.batch]])
        of_teacher, of_student = clouds(output.embedding, z_t, config.ot.k)
        return task + 0.6 * sinkhorn(of_student, of_teacher)

    fit(student.parameters(), schedule.steps, distilled, schedule.lr)
    with torch.no_grad():
        predicted = student(*see(torch.from_numpy(fold.test), config.prevalent)).logits.argmax(1).numpy()
    truth = samples.target[fold.test]
    return np.mean([(predicted[truth == label] == label).mean() for label in np.unique(truth)])


# the comparison


def measure(data, seeds, timed):
    "One row of the table"
    from geomloss import SamplesLoss

    config = {"schedules": ["default"], "threads": 1}
    arguments = dict(methods="pkdot", seeds=seeds, config=config)
    plan = plan_experiment(manifest=data, **arguments)
    sinkhorn = SamplesLoss("sinkhorn", p=2, blur=plan.config.ot.blur)
    started = time.process_time()
    scores = [one_repeat(plan, fold, sinkhorn) for fold in plan.folds[:timed]]
    loop = (time.process_time() - started) / timed * len(plan.folds)
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        run = mtpkd.run(data, out=Path(folder) / "run", progress=False, **arguments)
        score = run.summary["methods"]["pkdot"]["mean"]
    seconds = time.process_time() - started
    return dict(
        data=data,
        repeats=len(plan.folds),
        timed=timed,
        loop=loop,
        run=seconds,
        ratio=loop / seconds,
        repeats_for_the_price=seconds / (loop / len(plan.folds)),
        loop_score=float(np.mean(scores)),
        run_score=score,
    )


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default="watch", help="shipped sets of classes, by comma")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--timed", type=int, default=3, help="repeats of the loop that are timed")
    parser.add_argument("--out", metavar="CSV", help="also write the rows to this file")
    chosen = parser.parse_args(argv)
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    print(f"{processor()}; processor seconds, one thread")
    rows = [measure(data, list(range(chosen.seeds)), chosen.timed) for data in chosen.data.split(",")]
    if chosen.out:
        write_csv(rows, chosen.out, COLUMNS, USED)
    for row in rows:
        price = f"{row['repeats']} repeats for the price of {row['repeats_for_the_price']:.1f} of the plain loop"
        print(f"{row['data']}: loop {row['loop']:.1f} s, run {row['run']:.1f} s; {price}")
    return rows


if __name__ == "__main__":
    main()
