"""Small synthetic sets on disk, and settings under which a whole experiment takes seconds.

Only what `import mtpkd` offers is used: frozen_runs.py, which needs this, holds for any arrangement of the library.
"""

from dataclasses import replace
import numpy as np
import yaml
import mtpkd

ROLES = dict(face="prevalent", physio="privileged")
QUICK = dict(
    schedule=dict(steps=6, evaluate=3, batch=12, pool_batch=16),
    teachers=dict(steps=6, ensemble=1),
    encoder=dict(width=8, depth=1),
    fusion=dict(heads=2),
    self_distillation=dict(steps=4, batch=16),
    student=dict(tnet_steps=4),
    ot=dict(k=6),
    schedules=["default"],
)


def quick(**changes):
    "`QUICK` with changes: a dict changes single settings of its section"
    merged = QUICK | changes
    for name, values in QUICK.items():
        if isinstance(values, dict):
            merged[name] = values | changes.get(name, {})
    return merged


def fixed_folds():
    "Folds by subject, and by sample, for the 90 rows of `make_set`"
    ranges = dict(train=range(50), val=range(50, 70), test=range(70, 90))
    by_sample = {part: [f"{row:06d}" for row in rows] for part, rows in ranges.items()}
    by_subject = dict(train=["s000", "s001", "s002", "s003"], val=["s004"], test=["s005", "s006"])
    return dict(subject=by_subject, sample=by_sample)


def tiny_arrays(samples, roles, missing, signals, inputs, random):
    "The arrays of the modalities in `roles`, some as signals, some of their rows missing"
    arrays = {name: array.copy() for name, array in samples.arrays.items() if name in roles}
    for name, array in arrays.items():
        if signals:
            array = as_signal(array)
        if inputs:
            array = np.tile(array, (1, 1, 4)) * np.linspace(1, 2, 4 * array.shape[2])
        arrays[name] = array
    for name, share in missing.items():
        arrays[name][random.random(len(samples)) < share] = np.nan
    return arrays


def weakly_paired(samples):
    "Bags of a set that is weakly paired by itself: three a subject, every other row with its pair"
    bags = [f"{subject}-{row % 3}" for row, subject in enumerate(samples.subject)]
    return dict(bag=np.array(bags), paired=np.arange(len(samples)) % 2 == 0)


def make_set(
    folder,
    kind="classification",
    subjects=9,
    per_subject=10,
    roles=None,
    protocol=None,
    missing=None,
    invalid=0.0,
    alone=False,
    signals=False,
    inputs=None,
    hop=None,
    bags=False,
    **how,
):
    """A synthetic set as a manifest with arrays in `folder`.

    `missing` names shares of rows without a modality, `invalid` is the share of values that nobody annotated, `alone` takes
    the subjects away, `inputs` names transforms of signals, `hop` is the seconds between two rows, `bags` makes a set that is
    weakly paired by itself; `how` is of `mtpkd.synthetic`."""
    roles = roles or ROLES
    samples = mtpkd.synthetic(kind, subjects=subjects, per_subject=per_subject, classes=3, **how)
    random = np.random.default_rng(7)
    arrays = tiny_arrays(samples, roles, missing or {}, signals, inputs, random)
    target = np.array(samples.target)
    if invalid:
        target[random.random(target.shape) < invalid] = np.nan
    path = mtpkd.save_set(
        folder,
        "tiny",
        arrays,
        target,
        samples.task,
        None if alone else samples.subject,
        samples.sample,
        roles=dict(roles),
        rates={name: 16.0 for name in arrays} if inputs else None,
        inputs=inputs,
        protocol=dict(folds=3, labelled=24, labelled_validation=12) | (protocol or {}),
        **(weakly_paired(samples) if bags else {}),
    )
    return with_entries(path, hop_s=hop) if hop else path


def step_arrays(kind, windows=60, steps=6, seed=0):
    """Windows of a latent course, seen by a noisy face and a clear voice: arrays `(N, T, D)`, target per step, task.

    Some steps are not annotated; one window has a gap in its face, one no face, one is padded at its end."""
    random = np.random.default_rng(seed)
    course = np.cumsum(random.normal(size=(windows, steps, 2)), 1) / 2
    mixing = random.normal(size=(2, 5))
    arrays = {}
    for name, noise in (("face", 0.8), ("voice", 0.1)):
        arrays[name] = (course @ mixing + noise * random.normal(size=(windows, steps, 5))).astype("float32")
    arrays["face"][3, 2] = np.nan
    arrays["face"][4] = np.nan
    hidden = random.random((windows, steps)) < 0.1
    hidden[5, -2:] = True
    for array in arrays.values():
        array[5, -2:] = np.nan
    if kind == "regression":
        task = dict(kind=kind, target="affect", names=["valence", "arousal"], range=[-1, 1], per="step")
        return arrays, np.where(hidden[..., None], np.nan, np.tanh(course)).astype("float32"), task
    task = dict(kind=kind, target="state", classes=["low", "middle", "high"], per="step")
    return arrays, np.where(hidden, -1, np.digitize(course[..., 0], [-0.4, 0.4])), task


def make_step_set(folder, kind="regression", protocol=None, roles=None, **how):
    "`step_arrays` as a set of ten subjects in `folder`"
    arrays, target, task = step_arrays(kind, **how)
    subject = [f"s{row % 10}" for row in range(len(target))]
    roles = roles or dict(face="prevalent", voice="privileged")
    protocol = dict(folds=3, labelled=16) | (protocol or {})
    return mtpkd.save_set(folder, "steps", arrays, target, task, subject, roles=roles, protocol=protocol)


def with_entries(path, **entries):
    "The manifest at `path` with other entries"
    values = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(values | entries))
    return path


def run_tiny(manifest, out, methods, seeds=(0,), config=QUICK, settings=None, asked=None):
    "Run methods on a set under `QUICK`, without a bar; `settings` are single ones, `asked` further arguments of `mtpkd.run`"
    return mtpkd.run(
        str(manifest),
        methods=methods,
        seeds=list(seeds),
        config=config,
        set=settings,
        out=out,
        progress=False,
        **(asked or {}),
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
