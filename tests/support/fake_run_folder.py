"""A run that never ran: the parts of a run folder with plausible numbers, in memory (`FakeRun`) or on disk (`write`)."""

import json
from pathlib import Path
from types import SimpleNamespace
import numpy as np, pandas as pd
from scipy import stats
from mtpkd.evaluation.summary import parse_summary

CLASSES = ["PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW"]
LEVELS = {
    "student_only": 0.501,
    "student_only:default": 0.501,
    "student_only:long_mixup": 0.493,
    "self_training": 0.510,
    "self_training:default": 0.510,
    "self_training:long_mixup": 0.505,
    "kd": 0.544,
    "pkdot": 0.509,
    "mtpkdot": 0.510,
    "mtpkd": 0.583,
    "teacher_joint": 0.662,
    "teacher_accel": 0.655,
    "student_all_labels": 0.638,
}
UPPER = ("teacher_", "student_all_labels")


def corrected_p(diff, rho=0.25):
    "Two-sided corrected resampled t-test: p, and the half width of the 95% interval"
    n = len(diff)
    se = np.sqrt((1 / n + rho) * diff.var(ddof=1))
    if se == 0:
        return 1.0, 0.0
    return float(2 * stats.t.sf(abs(diff.mean() / se), n - 1)), float(stats.t.ppf(0.975, n - 1) * se)


def summarise(results, levels=LEVELS, headroom_counts=True):
    "`summary.json` of a table of results"
    wide = results.pivot_table(index=["fold", "seed"], columns="method", values="value")
    base, rows, ps = wide["student_only"], {}, {}
    gap = (wide["teacher_joint"] - base).mean() if "teacher_joint" in wide else np.nan
    room = (wide["student_all_labels"] - base) if "student_all_labels" in wide else None
    for m in levels:
        if m not in wide:
            continue
        d = wide[m] - base
        p, half = corrected_p(d.to_numpy())
        rows[m] = dict(
            mean=wide[m].mean(),
            sd=wide[m].std(),
            n=len(d),
            diff=d.mean(),
            ci95=[d.mean() - half, d.mean() + half],
            p=p,
            p_holm=None,
            gap_closed=d.mean() / gap,
            headroom_closed=d.mean() / room.mean() if room is not None and headroom_counts else None,
        )
        if m == "student_only":
            rows[m].update(diff=None, ci95=None, p=None, gap_closed=None, headroom_closed=None)
        elif not m.startswith(UPPER):
            ps[m] = p
    for i, (m, p) in enumerate(sorted(ps.items(), key=lambda x: x[1])):
        rows[m]["p_holm"] = min(1.0, p * (len(ps) - i))
    pr = corrected_p(room.to_numpy())[0] if room is not None else None
    d = (wide["mtpkd"] - wide["self_training:long_mixup"]).to_numpy()
    p, half = corrected_p(d)
    return (
        rows,
        dict(value=float(room.mean()), p=pr, significant=bool(pr < 0.05)) if room is not None else None,
        [
            dict(
                a="mtpkd",
                b="self_training:long_mixup",
                diff=float(d.mean()),
                ci95=[float(d.mean() - half), float(d.mean() + half)],
                p=p,
            )
        ],
    )


class FakeRun:
    "Attributes of a `RunFolder`, made up from `seed`"

    def __init__(
        self,
        name="watch",
        title="Shoulder exercises from a smartwatch",
        classes=CLASSES,
        seed=0,
        levels=LEVELS,
        folds=5,
        seeds=5,
        n=490,
        subjects=10,
        prevalent=("gyro",),
        privileged=("accel",),
        regression=False,
        path=None,
    ):
        self.r, self.classes, self.levels, self.regression = (
            np.random.default_rng(seed),
            list(classes),
            dict(levels),
            regression,
        )
        self.path, self.folds, self.seeds, self.n = Path(path or name), folds, list(range(11, 11 + seeds)), n
        self._results()
        rows, headroom, comparisons = summarise(self.results, self.levels)
        task = (
            dict(kind="regression", names=["valence", "arousal"], chance=0.0)
            if regression
            else dict(kind="classification", classes=self.classes, chance=1 / len(self.classes))
        )
        summary = dict(
            name=name,
            title=title,
            task=task,
            metric="ccc" if regression else "balanced_accuracy",
            prevalent=list(prevalent),
            privileged=list(privileged),
            n=2448,
            subjects=subjects,
            labelled=100,
            labelled_validation=100,
            folds=folds,
            seeds=self.seeds,
            checkpoint="last",
            student_only_schedule="default",
            self_training_schedule="default",
            methods=rows,
            headroom=headroom,
            comparisons=comparisons,
            frozen={},
            licence="BSD-3-Clause",
            citation="Burns et al., Physiol. Meas. 39 (2018)",
        )
        self.summary = parse_summary(summary)
        self.config = dict(
            format=1,
            manifest=name,
            prevalent=list(prevalent),
            privileged=list(privileged),
            labelled=100,
            seeds=self.seeds,
            student=dict(steps=200, lr=5e-4, batch=128),
            ot=dict(k=30, blur=0.1),
        )
        self.environment = dict(python="3.11.7", torch="2.14.1", mtpkd="0.1.0", threads=1, machine="x86_64")
        self._metrics()
        self._teachers()
        self._history()
        self._explained()

    def _results(self):
        r, out = self.r, []
        for f in range(self.folds):
            for s in self.seeds:
                shared, done = r.normal(0, 0.04), {}
                for m, level in self.levels.items():
                    if m == "student_only:default":
                        v = done["student_only"]
                    elif m == "self_training:default":
                        v = done["self_training"]
                    else:
                        v = float(np.clip(level + shared + (0 if m == "student_only" else r.normal(0, 0.035)), 0, 1))
                    done[m] = v
                    out.append(
                        (
                            m,
                            f,
                            s,
                            "balanced_accuracy",
                            round(v, 6),
                            100,
                            1470,
                            100,
                            490,
                            800 if "mtpkd" == m else 200,
                            "last",
                            0.4,
                        )
                    )
        self.results = pd.DataFrame(
            out, columns="method,fold,seed,metric,value,n_train,n_pool,n_val,n_test,steps,checkpoint,seconds".split(",")
        )

    def _metrics(self):
        rows = [
            (m, None, None, "last", k, v)
            for m in self.levels
            if m != "student_only"
            for k, v in [
                ("wilcoxon_p", float(self.r.uniform(0, 0.3))),
                ("bootstrap_low", self.levels[m] - 0.501 - 0.06),
                ("bootstrap_high", self.levels[m] - 0.501 + 0.06),
            ]
        ]
        rows += [
            (m, f, s, "best_validation", "macro_f1", float(self.r.uniform(0.4, 0.6)))
            for m in self.levels
            for f in range(self.folds)
            for s in self.seeds
        ]
        self.metrics = pd.DataFrame(rows, columns="method,fold,seed,checkpoint,metric,value".split(","))

    def _teachers(self):
        rows = []
        for m, base in [("mtpkdot", 0.75), ("mtpkd", 0.6)]:
            for f in range(self.folds):
                for s in self.seeds:
                    for e in range(12):
                        j = float(np.clip(base + 0.02 * e + self.r.normal(0, 0.05), 0, 1))
                        g = (1 - j) * 0.3
                        rows += [
                            (m, f, s, e, t, int(round(128 * x)), x)
                            for t, x in [("gyro+accel", j), ("gyro", g), ("accel", 1 - j - g)]
                        ]
        self.teachers = pd.DataFrame(rows, columns="method,fold,seed,epoch,teacher,count,share".split(","))

    def _history(self):
        rows = []
        stages = {
            "teachers": ["mtpkd"],
            "self_distillation": ["mtpkdot"],
            "tnet": ["mtpkdot"],
            "student": [
                m for m in self.levels if not m.startswith("teacher_") and m not in ("student_only", "self_training")
            ],
        }
        for stage, methods in stages.items():
            for m in methods:
                last, top = (800 if m == "mtpkd" and stage == "student" else 200), self.levels[m]
                for f in range(self.folds):
                    for s in self.seeds:
                        for t in np.linspace(last / 10, last, 10).astype(int):
                            rows.append(
                                (m, f, s, stage, t, "loss", float(0.4 + 1.6 * np.exp(-t / 60) + self.r.normal(0, 0.05)))
                            )
                            rows.append(
                                (
                                    m,
                                    f,
                                    s,
                                    stage,
                                    t,
                                    "validation",
                                    float(top - 0.35 * np.exp(-t / 50) + self.r.normal(0, 0.03)),
                                )
                            )
                            if stage == "student" and m in ("pkdot", "mtpkdot"):
                                rows.append((m, f, s, stage, t, "ot_share", float(self.r.uniform(0.05, 0.15))))
        self.history = pd.DataFrame(rows, columns="method,fold,seed,stage,step,name,value".split(","))

    def _explained(self):
        "Predictions and what they explain: transfer, calibration; a power note, and no value of modalities"
        from mtpkd.evaluation.per_sample import calibration, transfer

        r, labels = np.random.default_rng(3), ["valence", "arousal"] if self.regression else self.classes
        who = np.arange(60) % self.summary.subjects if self.summary.subjects else None

        def said(m, s):
            t = pd.DataFrame(
                dict(
                    method=m,
                    fold=np.arange(60) % self.folds,
                    seed=s,
                    sample=[f"s{i}" for i in range(60)],
                    subject="" if who is None else [f"P{i}" for i in who],
                )
            )
            if self.regression:
                for n in labels:
                    t[f"target_{n}"] = np.linspace(-1, 1, 60)
                return pd.concat([t, pd.DataFrame(r.normal(0, 0.5, (60, 2)), columns=labels)], axis=1)
            y = np.arange(60) % len(labels)
            z = np.exp(r.normal(size=(60, len(labels))) + 3 * self.levels[m] * np.eye(len(labels))[y])
            return pd.concat(
                [
                    t.assign(target=np.array(labels, dtype=object)[y]),
                    pd.DataFrame(z / z.sum(1, keepdims=True), columns=labels),
                ],
                axis=1,
            )

        self.predictions = pd.concat(
            [said(m, s) for m in self.levels if ":" not in m for s in self.seeds[:2]], ignore_index=True
        )
        self.transfer = transfer(self.predictions, self.summary.task, "student_only")
        self.calibration = calibration(self.predictions, self.summary.task)
        ece = (
            {}
            if self.regression
            else {
                m: dict(
                    ece=0.3 if m == "student_only" else 0.1,
                    diff=0.0 if m == "student_only" else -0.2,
                    ci95=[-0.25, -0.15],
                    p=0.001,
                )
                for m in self.levels
                if ":" not in m
            }
        )
        have = self.summary.subjects or self.n
        needed = {
            m: dict(sd=0.04, sees=0.063, needed=round(9.9 * have))
            for m in self.levels
            if ":" not in m and m != "student_only"
        }
        self.summary |= dict(
            power=dict(
                effect=0.02,
                power=0.8,
                level=0.05,
                unit="subjects" if self.summary.subjects else "samples",
                have=have,
                methods=needed,
            ),
            calibration=ece,
            modalities=dict(values={}, missing=[self.summary.prevalent], exact=True),
        )

    def _clouds(self, n, width=16, spread=1.0):
        y = (
            self.r.integers(0, len(self.classes), n)
            if not self.regression
            else np.clip(self.r.normal(0, 0.4, (n, 2)), -1, 1)
        )
        centre = (
            self.r.normal(size=(len(self.classes), width))[y]
            if not self.regression
            else y @ self.r.normal(size=(2, width))
        )
        return y, {
            k: (centre * c + self.r.normal(size=(n, width)) * spread).astype("float32")
            for k, c in [
                ("teacher_accel", 1.6),
                ("teacher_gyro", 0.8),
                ("teacher_gyro+accel", 2),
                ("adapted_accel", 1.4),
                ("adapted_gyro", 0.9),
                ("student_student_only", 0.7),
                ("student_mtpkdot", 0.8),
                ("student_mtpkd", 1.3),
            ]
        }

    def embeddings(self):
        self.r = np.random.default_rng(7)
        y, zs = self._clouds(self.n)
        return dict(row=np.arange(self.n), target=y, **zs)

    def plan(self, method="mtpkdot"):
        self.r = np.random.default_rng(5)
        y, zs = self._clouds(128)
        t, s = zs["teacher_gyro+accel"], zs["student_mtpkdot"]
        gt, gs = (
            (
                lambda z: (
                    (z / np.linalg.norm(z, axis=1, keepdims=True)) @ (z / np.linalg.norm(z, axis=1, keepdims=True)).T
                )
            )(t),
            np.corrcoef(s),
        )
        logits = -((gt[:, None] - gs[None]) ** 2).sum(-1) / 2 / 0.6
        p = np.exp(logits - logits.max())
        for _ in range(200):
            p /= p.sum(1, keepdims=True) * 128
            p /= p.sum(0) * 128
        return dict(
            plan=p.astype("float32"),
            target=y,
            row=np.arange(128),
            anchors=np.argsort(gt, 1)[:, :30],
            gram_teacher=gt.astype("float32"),
            gram_student=gs.astype("float32"),
            z_teacher=t,
            z_student=s,
            teacher="gyro+accel",
            k="30",
            blur="0.1",
            value="0.137",
            violation="0.0004",
        )

    def plans(self):
        return ["pkdot", "mtpkdot"]


def write(run, path):
    "Write a `FakeRun` as a run folder"
    from safetensors.numpy import save_file

    p = Path(path)
    p.mkdir(parents=True, exist_ok=True)
    run.results.to_csv(p / "results.csv", index=False)
    run.metrics.to_csv(p / "metrics.csv", index=False)
    run.history.to_csv(p / "history.csv", index=False)
    run.teachers.to_csv(p / "teachers.csv", index=False)
    run.predictions.to_parquet(p / "predictions.parquet", index=False)
    run.transfer.to_csv(p / "transfer.csv", index=False)
    run.calibration.to_csv(p / "calibration.csv", index=False)
    (p / "summary.json").write_text(json.dumps(run.summary.to_dict(), indent=1))
    (p / "environment.json").write_text(json.dumps(run.environment))
    import yaml

    (p / "experiment.yaml").write_text(yaml.safe_dump(run.config, sort_keys=False))
    (p / "journal.jsonl").write_text('{"event": "done"}\n')
    meta = {"classes": json.dumps(run.classes)}
    for d in ("plans", "embeddings"):
        (p / d).mkdir(exist_ok=True)
    for m in run.plans():
        parts = run.plan(m)
        save_file(
            {k: np.ascontiguousarray(v) for k, v in parts.items() if isinstance(v, np.ndarray)},
            p / f"plans/{m}.safetensors",
            metadata=meta | {k: v for k, v in parts.items() if isinstance(v, str)},
        )
    save_file(
        {k: np.ascontiguousarray(v) for k, v in run.embeddings().items()},
        p / f"embeddings/fold0_seed{run.seeds[0]}.safetensors",
        metadata=meta,
    )
    return p
