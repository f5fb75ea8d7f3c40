"Small synthetic sets on disk and settings under which a whole experiment takes seconds."

import numpy as np
from dataclasses import replace
from mtpkd.data.save import save_set
from mtpkd.data.synthetic import synthetic

ROLES = dict(face="prevalent", physio="privileged")
QUICK = dict(
    schedule=dict(steps=6, evaluate=3, batch=12, pool_batch=16),
    teachers=dict(steps=6, ensemble=1),
    encoder=dict(width=8, depth=1),
    fusion=dict(heads=2),
    self_distillation=dict(steps=4, batch=16),
    student=dict(tnet_steps=4),
    ot=dict(k=6),
)


def quick(**changes):
    "`QUICK` with changes: a dict changes single settings of its section"
    merged = {k: QUICK[k] | changes[k] if k in QUICK and isinstance(changes.get(k), dict) else QUICK[k] for k in QUICK}
    return merged | {k: v for k, v in changes.items() if k not in QUICK}


def make_set(
    folder,
    kind="classification",
    subjects=9,
    per_subject=10,
    roles=ROLES,
    protocol=None,
    missing=None,
    invalid=0.0,
    alone=False,
    signals=False,
    **how,
):
    "A synthetic set in `folder`; `is_missing` names shares of rows without a modality, `invalid` the share of values that nobody annotated"
    s, random = synthetic(kind, subjects=subjects, per_subject=per_subject, classes=3, **how), np.random.default_rng(7)
    arrays = {n: as_signal(a) if signals else a.copy() for n, a in s.arrays.items() if n in roles}
    for n, share in (missing or {}).items():
        arrays[n][random.random(len(s)) < share] = np.nan
    target = np.array(s.target)
    if invalid:
        target[random.random(target.shape) < invalid] = np.nan
    protocol = dict(folds=3, labelled=24, labelled_validation=12) | (protocol or {})
    return save_set(
        folder,
        "tiny",
        arrays,
        target,
        s.task,
        None if alone else s.subject,
        s.sample,
        roles=dict(roles),
        protocol=protocol,
    )


def as_signal(x):
    "Features `(N, 2K)` as a signal of two channels `(N, 2, K)`"
    return x.reshape(len(x), 2, -1).copy()


def poisoned(samples, rows, fill, names=None):
    "`samples` with `fill` in the arrays of `rows`, of all modalities or of those in `names`"
    arrays = {n: a.copy() for n, a in samples.arrays.items()}
    for n in names or arrays:
        arrays[n][rows] = fill
    return replace(samples, arrays=arrays)
