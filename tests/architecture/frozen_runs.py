"""Tiny experiments whose numbers are all frozen in reference.json: whatever is moved in the library, none may change.

    python tests/architecture/frozen_runs.py --write             run everything and write reference.json
    python tests/architecture/frozen_runs.py --write FILE        the same into another file
    python tests/architecture/frozen_runs.py --only a,b          run some and say what differs from reference.json

Only what `import mtpkd` offers and the files of a run folder are used: the library may be arranged in any way inside.
"""

import argparse
import dataclasses
import hashlib
import json
import math
import os
import platform
import re
import sys
import tempfile
import time
from pathlib import Path

if __name__ == "__main__":
    for library in ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB"):
        os.environ[f"{library}_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
import torch
import yaml
from safetensors.numpy import load_file

import mtpkd

HERE = Path(__file__).resolve().parent
REFERENCE = HERE / "reference.json"
ROOT = HERE.parent.parent

sys.path.insert(0, str(HERE.parent / "support"))
from tiny_runs import QUICK, ROLES, fixed_folds, make_set, make_step_set, run_tiny

# what is tolerated on another machine than the one that wrote the reference
RELATIVE, ABSOLUTE, SCORE = 1e-3, 1e-4, 0.03

THREE = ROLES | {"voice": "privileged"}

BASES = ["student_only", "self_training", "student_all_labels"]
PAPER = ["kd", "pkdot", "mtpkdot", "mtpkd", "mtpkd_v1"]
OF_CLASSES = ["dkd", "c2kd", "wkd", "sinkhorn_kd", "kd_barycentre"]
OF_EMBEDDINGS = ["fitnets", "cosine_mse", "rkd", "sp", "cc", "pkt", "crd", "gw", "fgw", "rowwise_ot"]
TARGETS = ["kd_mean", "kd_best", "kd_confidence", "kd_crossfit", "kd_router", "mtpkdot_crossfit"]
CONTROLS = ["shuffled_teacher", "shuffled_privileged", "label_permutation"]
WEAK = ["labelled_only", "naive_pairs", "bag_mean", "ot_pairing", "dist_align", "mtpkd_pairing", "mtpkd_pairing_v1"]
FEW = {"labelled_validation": 8}
ROWS = ["teacher_joint", "teacher_face", "teacher_physio"]

FOR_VALUES = BASES + PAPER + OF_EMBEDDINGS + TARGETS + CONTROLS + ROWS
EVERY_PAIRED = FOR_VALUES + OF_CLASSES
SOME = ["kd", "mtpkdot", "mtpkd", "mtpkd_v1"]


# sets of data


def set_of_maps(folder, face, physio):
    "A set whose modalities have the given shapes, such as what the last part but one of a pretrained network puts out"
    folder.mkdir(parents=True)
    random = np.random.default_rng(11)
    label = np.arange(48) % 2
    arrays = {}
    for name, shape in (("face", face), ("physio", physio)):
        noise = random.normal(size=(len(label), *shape)).astype("float32")
        arrays[name] = noise + label.reshape(-1, *[1] * len(shape)).astype("float32")
    subject = np.array([f"s{i // 8}" for i in range(len(label))])
    np.savez(folder / "arrays.npz", **arrays, label=np.array(["calm", "stress"])[label], subject=subject)
    kinds = {4: "video", 3: "audio", 2: "signal", 1: "features"}
    modalities = {
        name: {"kind": kinds[array.ndim - 1], "shape": list(array.shape[1:]), "role": ROLES[name]}
        for name, array in arrays.items()
    }
    values = {
        "name": "maps",
        "files": {"arrays": {"path": "arrays.npz"}},
        "task": {"kind": "classification", "target": "label", "classes": ["calm", "stress"]},
        "subject": "subject",
        "modalities": modalities,
        "protocol": {
            "folds": {"train": ["s0", "s1", "s2"], "val": ["s3"], "test": ["s4", "s5"]},
            "group": "subject",
            "labelled": 12,
            "labelled_validation": 6,
        },
    }
    path = folder / "manifest.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def shipped(folder, name):
    "The name of a set that comes with the library"
    return name


# experiments


@dataclasses.dataclass
class Experiment:
    "A run: how its set is made, which methods, which settings"

    methods: list
    data: dict = dataclasses.field(default_factory=dict)
    settings: dict = dataclasses.field(default_factory=dict)
    asked: dict = dataclasses.field(default_factory=dict)
    seeds: tuple = (0,)
    make: object = make_set
    config: dict = dataclasses.field(default_factory=lambda: QUICK)

    def run(self, folder):
        "Make the set and run; returns the run folder"
        manifest = self.make(folder / "set", **self.data)
        run_tiny(manifest, folder / "run", self.methods, self.seeds, self.config, self.settings, self.asked)
        return folder / "run"


DEMO = {
    "schedule.steps": 8,
    "schedule.evaluate": 4,
    "teachers.steps": 8,
    "self_distillation.steps": 6,
    "student.tnet_steps": 6,
}

CORE = {
    "methods of classification": Experiment(
        EVERY_PAIRED + ["teacher_voice"], {"roles": THREE, "missing": {"physio": 0.1}}
    ),
    "methods of weak pairs": Experiment(
        ["kd"] + WEAK, {"missing": {"face": 0.05, "physio": 0.2}}, asked={"pairing": "bag:4"}
    ),
    "regression": Experiment(["kd", "mtpkdot"], {"kind": "regression", "invalid": 0.15}),
    "methods of ordinal": Experiment(
        SOME + ["pkdot", "fitnets", "sinkhorn_kd"], {"kind": "ordinal", "protocol": {"metric": "quadratic_kappa"}}
    ),
    "every fault": Experiment(SOME + ["self_training", "kd_crossfit"], asked={"protocol": "released"}),
}


def parts():
    "Every fusion, alignment and rule once, and what is written differently with them"
    fusions = ["concat", "gated", "tokens", "cross_attention"]
    alignments = ["cosine", "mse", "kl", "mmd"]
    rules = ["batch", "sample", "weighted", "fixed"]
    found = {}
    for fusion, alignment, rule in zip(fusions, alignments, rules):
        settings = {
            "fusion.name": fusion,
            "self_distillation.alignment": alignment,
            "options.mtpkdot.rule": rule,
            "self_distillation.detach": alignment == "mse",
        }
        found[f"fusion {fusion}, alignment {alignment}, rule {rule}"] = Experiment(
            ["mtpkdot"], {"roles": THREE, "missing": {"face": 0.1, "voice": 0.3}}, settings
        )
    found["deep fusion"] = Experiment(["mtpkdot"], {"roles": THREE}, {"fusion.depth": 2, "encoder.depth": 3})
    return found | released_parts()


def released_parts():
    "What the released code does otherwise, part by part and as a recipe"
    some_missing = {"roles": THREE, "missing": {"face": 0.1, "voice": 0.3}}
    released = {
        "fusion.name": "paper",
        "self_distillation.alignment": "mmd_released",
        "self_distillation.reduce": "sum",
        "self_distillation.adapter_input": "backbone",
        "student.tnet_loss": "mmd_released",
        "student.start": "unimodal",
        "student.freeze": ["encoder", "tnet"],
        "backbones.train": True,
        "backbones.steps": 4,
    }
    relatives = {
        "fusion.name": "jca",
        "student.tnet_loss": "mmd",
        "student.start": "random",
        "ot.anchors": "most",
        "ot.structure": "euclidean",
        "options.mtpkdot.terms": {"task": 0.8, "ot": 0.2, "centroid": 0.2, "ot_features": 0.1},
    }
    tiny = {"schedule.epochs": 1, "teachers.epochs": 1, "backbones.epochs": 1, "self_distillation.epochs": 1}
    tiny |= {"student.tnet_epochs": 1, "ot.k": 6}
    of_recipe = {"encoder": {"width": 8}, "schedule": {"batch": 12, "evaluate": 3}, "self_distillation": {"batch": 16}}
    return {
        "released components": Experiment(["mtpkdot", "pkdot"], some_missing, released),
        "relatives of released components": Experiment(["mtpkdot"], some_missing, relatives),
        "recipe mtpkdot_released with its faults": Experiment(
            None, {"roles": THREE}, tiny, {"recipe": "mtpkdot_released", "protocol": "released"}, config=of_recipe
        ),
        "recipe pkdot_paper": Experiment(None, settings=tiny, asked={"recipe": "pkdot_paper"}, config=of_recipe),
    }


def folds():
    "Every kind of fold and of budget"
    fixed = fixed_folds()
    few = {"folds": "loso", "labelled": 16, "labelled_validation": 8}
    return {
        "two seeds": Experiment(None, seeds=(0, 1)),
        "one subject out": Experiment(["kd"], {"subjects": 5, "per_subject": 12}, asked=few),
        "fixed folds by subject": Experiment(SOME, {"protocol": {"folds": fixed["subject"], "labelled_validation": 8}}),
        "fixed folds by sample": Experiment(
            ["kd"], {"alone": True, "protocol": {"folds": fixed["sample"], "labelled_validation": 8}}
        ),
        "without subjects": Experiment(SOME, {"alone": True}),
        "all labels": Experiment(
            ["self_training", "kd", "mtpkdot", "mtpkd"], asked={"labelled": "all", "labelled_validation": "all"}
        ),
        "two folds of an ordinal task": Experiment(
            ["kd"], {"kind": "ordinal"}, {"inner_validation": 0.4}, {"folds": 2, "labelled": 12}
        ),
    }


def protocols():
    "Faults and controls, one by one"
    found = {}
    for fault in ("clip_folds", "test_epoch", "batch_attention", "drop_last"):
        found[f"fault {fault}"] = Experiment(["kd", "mtpkdot"], asked={"protocol": fault})
    with_stage_0 = {"backbones.train": True, "backbones.steps": 4}
    found["fault shared_backbones"] = Experiment(
        ["kd", "mtpkdot"], settings=with_stage_0, asked={"protocol": "shared_backbones"}
    )
    for control in CONTROLS:
        found[f"control {control}"] = Experiment(SOME + ["fitnets", "kd_best"], settings={"control": control})
    found["faults of a regression"] = Experiment(
        ["mtpkdot", "mtpkd"], {"kind": "regression"}, asked={"protocol": "released"}
    )
    found["fault and control"] = Experiment(
        ["kd"], settings={"control": "label_permutation"}, asked={"protocol": "test_epoch,drop_last"}
    )
    return found


def pairings():
    "Every way to lose pairs"
    some = ["kd", "ot_pairing", "naive_pairs", "bag_mean", "mtpkd_pairing"]
    lost = ["dist_align", "ot_pairing", "labelled_only"]
    return {
        "bags of subjects": Experiment(some, asked={"pairing": "bag:subject"}, settings={"schedule.pool_batch": 24}),
        "bags with names": Experiment(some, {"bags": True, "per_subject": 12}),
        "late by four seconds": Experiment(some, {"hop": 2.0}, asked={"pairing": "lag:4"}),
        "late and wavering": Experiment(some, {"hop": 2.0}, asked={"pairing": "lag:4,2"}),
        "no pairs": Experiment(lost, asked={"pairing": "none"}),
        "weak pairs of a regression": Experiment(
            WEAK, {"kind": "regression", "protocol": FEW}, asked={"pairing": "bag:4"}
        ),
        "weak pairs with faults": Experiment(
            ["ot_pairing", "dist_align"], asked={"pairing": "bag:4", "protocol": "released"}
        ),
    }


def encoders():
    "Every encoder; of the pretrained ones, with random weights, the last part"
    signals = {"signals": True, "missing": {"physio": 0.2}}
    inputs = {"face": "window_statistics", "physio": "window_statistics"}
    found = {
        "encoder mlp": Experiment(["mtpkdot"], signals, {"encoder.name": "mlp"}),
        "encoder conv1d": Experiment(["mtpkd"], signals, {"encoder.name": "conv1d", "schedule.steps": 3}),
        "encoder tcn": Experiment(["mtpkdot"], signals, {"schedule.steps": 3}),
        "encoder gru": Experiment(["kd"], signals, {"encoder.name": "gru", "schedule.steps": 3}),
        "encoder transformer": Experiment(["kd"], signals, {"encoder.name": "transformer", "schedule.steps": 3}),
        "targets per step": Experiment(["mtpkdot", "mtpkd"], {"kind": "regression"}, make=make_step_set),
        "window statistics": Experiment(["kd"], signals | {"inputs": inputs}),
    }
    maps = {
        "r3d18": (256, 1, 2, 2),
        "r2plus1d18": (256, 1, 2, 2),
        "frames_tcn": (256, 2, 2, 2),
        "resnet18_spectrogram": (256, 2, 2),
        "resnet18_logmel": (256, 2, 2),
    }
    few = {
        "encoder.weights": "random",
        "schedule.steps": 2,
        "schedule.evaluate": 2,
        "teachers.steps": 1,
        "schedule.batch": 4,
        "schedule.pool_batch": 4,
        "ot.k": 3,
    }
    for name, shape in maps.items():
        shapes = {"face": shape, "physio": (6,)}
        found[f"encoder {name}"] = Experiment(["kd"], shapes, few | {"encoder.name": name}, make=set_of_maps)
    return found


def schedules():
    "Settings of training, of modalities, and options of methods"
    other = {
        "student.tnet": False,
        "schedule.ema": 0.9,
        "schedule.decay": "constant",
        "schedule.clip": 0,
        "schedule.mixup": 0.4,
        "teachers.modality_dropout": 0.5,
        "teachers.ensemble": 2,
        "checkpoint": "best_validation",
        "options.kd.temperature": 4,
        "options.kd.terms": {"task": 0.5, "logit_kd": 0.5},
    }
    terms = {
        "options.mtpkdot.terms": {"task": 1, "exact_ot": 0.5},
        "options.pkdot.terms": {"task": 1, "unbalanced_ot": 0.5},
        "ot.reg_m": 0.5,
        "ot.blur": 0.2,
        "options.fgw.terms": {"task": 1, "fgw": 3, "feature_mmd": 0.1},
        "ot.alpha": 0.3,
        "options.rowwise_ot.terms": {"task": 1, "row_ot": 0.3},
        "ot.row_eps": 0.2,
        "ot.row_temperature": 0.2,
    }
    options = {
        "options.kd.teacher": "singles",
        "options.kd.target": "confidence",
        "options.kd_mean.balance": [0.2, 0.3, 0.5],
        "options.mtpkd.cross_fit": True,
        "options.mtpkd.schedule": "default",
        "teachers.inner_folds": 2,
        "options.kd_crossfit.teacher": "all",
        "options.sinkhorn_kd.teacher": "privileged",
        "options.kd_best.pool": False,
    }
    subsets = {"teachers.subsets": [["physio"], ["face", "voice"]]}
    roles = {"face": "prevalent", "physio": "privileged", "voice": "unused"}
    both = ["default", "long_mixup"]
    return {
        "other settings": Experiment(SOME, settings=other, asked={"labelled": 15}),
        "accumulated batches": Experiment(SOME, settings={"schedule.accumulate": 2, "schedule.weight_decay": 0.1}),
        "mixup of a regression": Experiment(
            ["kd"], {"kind": "regression", "protocol": FEW}, {"schedule.mixup": 0.4, "schedule.ema": 0.5}
        ),
        "best validation": Experiment(["self_training", "kd", "mtpkdot"], settings={"checkpoint": "best_validation"}),
        "terms of transport": Experiment(["mtpkdot", "pkdot", "fgw", "rowwise_ot"], settings=terms),
        "options": Experiment(
            ["kd", "kd_mean", "mtpkd", "kd_crossfit", "sinkhorn_kd", "kd_best"], {"roles": THREE}, options
        ),
        "options of weak pairs": Experiment(
            ["ot_pairing", "bag_mean"],
            settings={"options.ot_pairing.eps": 0.05, "options.bag_mean.temperature": 3},
            asked={"pairing": "bag:4"},
        ),
        "named schedules": Experiment(
            ["kd:paper", "mtpkdot:default", "mtpkd:paper_pkdot", "pkdot:long_mixup", "pkdot:paper"]
        ),
        "schedules with more pool and noise": Experiment(
            ["kd:pool96", "mtpkd:pool96_noise", "kd:pool96_short", "fitnets:pool96_short_noise", "kd:long"]
        ),
        "chosen schedules": Experiment(SOME + ["pkdot:no_ot", "mtpkdot:no_centroid"], settings={"schedules": both}),
        "chosen schedules of a regression": Experiment(
            ["self_training", "kd"], {"kind": "regression", "protocol": FEW}, {"schedules": ["default", "long"]}
        ),
        "missing recordings": Experiment(
            SOME + ["ot_pairing"], {"missing": {"face": 0.1, "physio": 0.35}}, asked={"pairing": "bag:4"}
        ),
        "chosen teachers": Experiment(
            ["mtpkdot", "mtpkd", "teacher_face+voice"], {"roles": roles}, subsets, {"prevalent": "face,voice"}
        ),
        "nobody to teach": Experiment(None, {"roles": {"face": "prevalent"}}),
    }


def tables():
    "Long lists of methods, and what the demo runs, with few steps"
    demo = {"seeds": (39639,), "asked": {"folds": 2}, "make": shipped, "config": {}}
    return {
        "methods of regression": Experiment(FOR_VALUES, {"kind": "regression", "protocol": FEW}),
        "demo of watch": Experiment(None, {"name": "watch"}, DEMO, **demo),
        "demo of mfeat": Experiment(None, {"name": "mfeat"}, DEMO, **demo),
    }


REST = tables() | parts() | folds() | protocols() | pairings() | encoders() | schedules()
EXPERIMENTS = CORE | REST


# what is kept of a run


def digest(*pieces):
    "The beginning of the SHA-256 of bytes and texts"
    found = hashlib.sha256()
    for piece in pieces:
        found.update(piece if isinstance(piece, bytes) else str(piece).encode())
        found.update(b"\0")
    return found.hexdigest()[:16]


def bits_of(array):
    "Kind, shape and bytes of an array, without rounding"
    array = np.asarray(array)
    if array.dtype.kind in "OUS" or array.dtype.kind not in "fiub":
        return digest(*[str(value) for value in array.ravel()])
    return digest(array.dtype.str, array.shape, np.ascontiguousarray(array).tobytes())


def digest_of_table(table):
    "Names and bits of all columns but the seconds"
    return digest(*[f"{name} {bits_of(table[name].to_numpy())}" for name in table if name != "seconds"])


def short(number):
    "Ten digits of a number: enough for comparing with a tolerance"
    return None if number is None or not math.isfinite(number) else float(f"{number:.6g}")


def hexadecimal(number):
    "A number without rounding"
    return float(number).hex() if number is not None else None


def columns_of(predictions):
    "The columns that hold what was predicted"
    known = ("method", "fold", "seed", "sample", "subject", "target", "protocol", "control")
    return [name for name in predictions if name not in known and not name.startswith("target_")]


def sums_of(said):
    "The mean of every column of predictions, and one sum in which every value has another weight"
    weight = np.cos(np.arange(said.size)).reshape(said.shape)
    return [short(mean) for mean in said.mean(0)] + [short((said * weight).sum())]


def repeats_of(results, predictions):
    "For every method and `fold/seed`: the score and a digest of the predictions, both without rounding"
    columns, found = columns_of(predictions), {}
    groups = dict(list(predictions.groupby(["method", "fold", "seed"], sort=False)))
    for row in results.itertuples():
        part = groups[(row.method, row.fold, row.seed)]
        bits = digest(bits_of(part["sample"].to_numpy()), *[bits_of(part[name].to_numpy()) for name in columns])
        found.setdefault(row.method, {})[f"{row.fold}/{row.seed}"] = f"{hexadecimal(row.value)} {bits}"
    return found


def plain_of(results, predictions):
    "For every method: the mean score, and plain sums of the predictions"
    columns, found = columns_of(predictions), {}
    for method, part in predictions.groupby("method", sort=False):
        score = results[results["method"] == method]["value"].mean()
        found[method] = [short(score)] + sums_of(part[columns].to_numpy(float))
    return found


def teachers_of(path):
    "The table of chosen teachers: its bits, and the mean share of every teacher for every method"
    table = pd.read_csv(path, dtype={"method": str, "teacher": str})
    shares = {}
    for (method, teacher), part in table.groupby(["method", "teacher"], sort=False):
        shares.setdefault(method, {})[teacher] = short(part["share"].mean())
    return {"bits": digest_of_table(table), "shares": shares}


WORDS = ("title", "licence", "citation", "frozen")  # of a summary: texts


def numbers_of(value):
    "A value of a summary with every number without rounding"
    if isinstance(value, dict):
        return {key: numbers_of(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [numbers_of(inner) for inner in value]
    return hexadecimal(value) if isinstance(value, float) else value


def summary_of(path):
    "The verdict: a digest of every entry, and of every method the difference with interval and p"
    summary = json.loads(path.read_text())
    bits = {
        key: digest(json.dumps(numbers_of(value), sort_keys=True)) for key, value in summary.items() if key not in WORDS
    }
    methods = {
        name: [short(row["diff"]), *[short(end) for end in row["ci95"]], short(row["p"])]
        for name, row in summary["methods"].items()
    }
    return {"bits": bits, "methods": methods}


def tensors_of(folder):
    "Digests of the tensors in a folder of safetensors"
    return {
        path.stem: digest(*[f"{name} {bits_of(array)}" for name, array in sorted(load_file(path).items())])
        for path in sorted(folder.glob("*.safetensors"))
    }


def kept_of(folder):
    "Everything that is frozen of a run folder"
    results = pd.read_csv(folder / "results.csv", dtype={"method": str})
    predictions = pd.read_parquet(folder / "predictions.parquet")
    tables = {
        path.stem: digest_of_table(pd.read_csv(path))
        for path in sorted(folder.glob("*.csv"))
        if path.stem != "teachers"
    }
    return {
        "repeats": repeats_of(results, predictions),
        "plain": plain_of(results, predictions),
        "tables": tables | {"predictions": digest_of_table(predictions)},
        "teachers": teachers_of(folder / "teachers.csv"),
        "summary": summary_of(folder / "summary.json"),
        "tensors": {name: tensors_of(folder / name) for name in ("plans", "embeddings") if (folder / name).is_dir()},
    }


def kept_of_predictions(table):
    "The same of a table of predictions without a run"
    columns = [name for name in table if table[name].dtype.kind == "f"]
    return {
        "plain": {"predictions": [None] + sums_of(table[columns].to_numpy(float))},
        "tables": {"predictions": digest_of_table(table)},
    }


# what is not one run


def fitted_student(folder):
    "A fit of two students on all data, the file that is exported, and what it predicts"
    manifest = make_set(folder / "set", missing={"face": 0.1, "physio": 0.2})
    facts = mtpkd.fit(str(manifest), method="kd", ensemble=2, out=folder / "fit", config=QUICK, progress=False)
    mtpkd.export(folder / "fit", folder / "student.onnx")
    found = kept_of_predictions(mtpkd.predict(folder / "student.onnx", str(manifest)))
    scores = {key: facts[key] for key in ("metric", "inner_validation", "members", "kept", "n_train", "n_pool")}
    found["summary"] = {"bits": {"fit": digest(json.dumps(numbers_of(scores), sort_keys=True))}, "methods": {}}
    return found


def student_of_a_run(folder):
    "A student of a run of a regression, exported"
    run = Experiment(["kd"], {"kind": "regression", "protocol": FEW}).run(folder)
    mtpkd.export(run, folder / "student.onnx", method="kd", fold=0)
    return kept_of_predictions(mtpkd.predict(folder / "student.onnx", str(folder / "set" / "manifest.yaml")))


def label_budgets(folder):
    "A curve over two budgets, and its runs compared"
    manifest = str(make_set(folder / "set"))
    runs = mtpkd.learning_curve(
        labelled="16,24",
        out=folder / "curve",
        manifest=manifest,
        methods=["kd", "mtpkd"],
        seeds=[0, 1],
        config=QUICK,
        progress=False,
    )
    table = mtpkd.compare(*[run.path for run in runs])
    found = kept_of(runs[0].path)
    found["tables"] |= {
        "curve": digest_of_table(pd.read_csv(folder / "curve" / "learning_curve.csv")),
        "comparison": digest_of_table(table),
    }
    return found


def shipped_data(folder):
    "What the sets that come with the library hold, and what is published about them"
    tables = {}
    for name in ("watch", "mfeat"):
        samples = mtpkd.read(mtpkd.load_manifest(name))
        arrays = {"presence": samples.presence, "target": samples.target, "sample": samples.sample} | samples.arrays
        tables |= {f"{name} {key}": bits_of(array) for key, array in arrays.items()}
    tables |= {
        path.name: digest(path.read_bytes())
        for path in sorted((ROOT / "results").glob("*"))
        if re.match(r"(watch|mfeat|verdicts)", path.name)
    }
    return {"tables": tables}


CORE_OTHERS = {"fitted student": fitted_student, "shipped data": shipped_data}
REST_OTHERS = {"student of a run": student_of_a_run, "label budgets": label_budgets}
OTHERS = CORE_OTHERS | REST_OTHERS


def names_of(core):
    "The names of the experiments of the quick part, or of the other one"
    return [*CORE, *CORE_OTHERS] if core else [*REST, *REST_OTHERS]


def frozen(name, folder):
    "What is to be frozen of the experiment called `name`, made in an empty folder"
    if name in OTHERS:
        return OTHERS[name](folder)
    return kept_of(EXPERIMENTS[name].run(folder))


# machines


def machine():
    "Everything besides the code that decides about the last bits"
    model = platform.processor()
    if Path("/proc/cpuinfo").exists():
        found = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.M)
        model = found[1] if found else model
    return {
        "processor": model,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "threads": 1,
    }


def read_reference():
    "The frozen numbers, with the machine that they were made on"
    return json.loads(REFERENCE.read_text())


def same_machine(reference):
    "Whether the last bits can be expected to be those of the reference"
    return reference["machine"] == machine()


def words_about(reference):
    "How strictly this machine is compared, in a line"
    here, there = machine(), reference["machine"]
    if here == there:
        return "compared bit for bit: this is the machine of the reference"
    other = "; ".join(f"{key} {here[key]} here, {there.get(key)} there" for key in here if here[key] != there.get(key))
    return (
        f"compared with a tolerance (numbers {RELATIVE}, scores {SCORE}): the reference is of another machine ({other})"
    )


# comparing


def leaves(value, path=""):
    "Every value that holds no others, by its path"
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path} > {key}" if path else key)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from leaves(inner, f"{path} > {i}")
    else:
        yield path, value


def differ_exactly(expected, found):
    "A line for every value that is not the same"
    old, new = dict(leaves(expected)), dict(leaves(found))
    return [
        f"{path}: {old.get(path, 'not there')} was frozen, {new.get(path, 'not there')} is found"
        for path in dict.fromkeys([*old, *new])
        if path not in old or path not in new or old[path] != new[path]
    ]


def near(old, new, absolute):
    "Whether two numbers are the same within a tolerance; None is none"
    if old is None or new is None:
        return old is new
    return math.isclose(old, new, rel_tol=RELATIVE, abs_tol=absolute)


def differ_somewhat(expected, found):
    "A line for every score and every sum of predictions that is further away than another machine explains"
    old, new = expected.get("plain", {}), found.get("plain", {})
    lines = [f"{name} is in one of both only" for name in {*old} ^ {*new}]
    for name in [name for name in old if name in new]:
        if not near(old[name][0], new[name][0], SCORE):
            lines.append(f"{name}: score {old[name][0]} was frozen, {new[name][0]} is found")
        lines += [
            f"{name}: sum {i} of the predictions: {a} was frozen, {b} is found"
            for i, (a, b) in enumerate(zip(old[name][1:], new[name][1:], strict=True))
            if not near(a, b, ABSOLUTE)
        ]
    shares = [dict(leaves(kept.get("teachers", {}).get("shares", {}))) for kept in (expected, found)]
    lines += [
        f"share of {path}: {shares[0].get(path)} was frozen, {shares[1].get(path)} is found"
        for path in dict.fromkeys([*shares[0], *shares[1]])
        if not near(shares[0].get(path), shares[1].get(path), SCORE)
    ]
    keys = [
        {path for path, value in leaves({k: kept.get(k, {}) for k in ("repeats", "tables")})}
        for kept in (expected, found)
    ]
    return lines + [f"{path} is in one of both only" for path in sorted(keys[0] ^ keys[1])]


def differences(name, found, reference):
    "What of an experiment is not as it was frozen, as lines; none if all is well"
    if name not in reference["experiments"]:
        return [f"{name} is not in {REFERENCE.name}; write it anew"]
    compare = differ_exactly if same_machine(reference) else differ_somewhat
    return compare(reference["experiments"][name], json.loads(json.dumps(found)))


def message(name, lines, reference):
    "What a failed comparison says"
    return "\n".join([words_about(reference), f"{len(lines)} values of {name!r} differ", *lines[:30]])


# what is covered

REGISTRIES = {
    "method": {"methods": ["?"]},
    "encoder": {"set": {"encoder.name": "?"}},
    "fusion": {"set": {"fusion.name": "?"}},
    "alignment": {"set": {"self_distillation.alignment": "?"}},
    "rule": {"methods": ["mtpkdot"], "set": {"options.mtpkdot.rule": "?"}},
    "target": {"methods": ["kd_mean"], "set": {"options.kd_mean.target": "?"}},
    "schedule": {"methods": ["kd:?"]},
    "term": {"methods": ["kd"], "set": {"options.kd.terms": {"?": 1}}},
    "control": {"set": {"control": "?"}},
    "protocol": {"protocol": "?"},
}


# names that no experiment spells, because methods bring them along
BROUGHT_BY_METHODS = {
    "term": {"task", "logit_kd", "ot", "centroid", "tckd", "nckd", "rkd_distance", "rkd_angle", "label_mmd"},
    "target": {"mean", "best", "barycentre", "router"},
    "protocol": {"honest"},
}


def names_in_experiments():
    "Every word that an experiment is called or asks for"
    written = names_of(core=True) + names_of(core=False)
    for experiment in EXPERIMENTS.values():
        written.append(f"{experiment.methods} {experiment.settings} {experiment.asked}")
    return {*re.findall(r"\w+", " ".join(written))}


def known_names(what, folder):
    "What the library knows of methods, encoders and so on, as the message about an unknown name lists it"
    asked = {"methods": ["kd"]} | REGISTRIES[what]
    try:
        mtpkd.run("watch", seeds=[0], out=folder / "never", progress=False, **asked)
    except ValueError as error:
        listed = re.search(r"known: (.*)$", str(error))
        return [name.strip() for name in listed[1].split(",")] if listed else []
    return []


def all_known_names():
    "`known_names` of every registry, by what it holds"
    with tempfile.TemporaryDirectory() as folder:
        return {what: known_names(what, Path(folder)) for what in REGISTRIES}


# the command


def everything(names):
    "All experiments, one after the other"
    found = {}
    for name in names:
        started = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            found[name] = frozen(name, Path(folder))
        print(f"{time.process_time() - started:6.1f} s  {name}", flush=True)
    return found


def as_text(reference):
    "JSON in which every method has a line"
    text = json.dumps(reference, indent=0, ensure_ascii=False)
    text = re.sub(r"\[([^\[\]{}]*)\]", lambda match: "[" + " ".join(match[1].split()) + "]", text)
    return text + "\n"


def main():
    "Write the reference, or say what differs from it"
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--write", nargs="?", const=str(REFERENCE), metavar="FILE", help="write what is found")
    options.add_argument("--only", metavar="NAME,NAME", help="parts of names of experiments; default: all")
    asked = options.parse_args()
    words = asked.only.split(",") if asked.only else [""]
    names = [name for name in names_of(True) + names_of(False) if any(word in name for word in words)]
    found = everything(names)
    if asked.write:
        Path(asked.write).write_text(as_text({"machine": machine(), "experiments": found}))
        return 0
    reference = read_reference()
    print(words_about(reference))
    lines = [f"{name}: {line}" for name in names for line in differences(name, found[name], reference)]
    print("\n".join(lines) or "nothing has changed")
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main())
