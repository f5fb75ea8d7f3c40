"""What methods give on all sets: the table of nbs/docs/results.ipynb, with settings and seeds frozen before.

    python benchmarks/quality/methods.py --out runs/verdicts                     the embedded and the synthetic sets
    python benchmarks/quality/methods.py --out runs/verdicts --data DIR          also StressID, Stress-Predict and CEAP out of DIR/stressid.npz, stress_predict.npz, ceap.npz
    python benchmarks/quality/methods.py --out runs/verdicts --sets watch,mor --methods kd,mtpkd --jobs 2
    python benchmarks/quality/methods.py --out runs/verdicts --collect results/verdicts.csv     only the table, out of the run folders that are there; rows of other sets stay as they are
    python benchmarks/quality/methods.py --table pairing                          weakly paired data, a table of its own, in runs/verdicts_pairing; --collect writes it as above

Settings and seeds are those of benchmarks/quality/methods.yaml, and of benchmarks/quality/methods_weak_pairing.yaml: committed before any of these runs, the seeds from that commit's hash. A set's folder is run anew unless it is finished; --resume goes on with one that
is not. Synthetic sets are drawn with generator seed 0 and stand beside their runs as a manifest and arrays, as do the sets out of DIR, of which each file holds a float array per modality, `subject`, and `meta`, JSON with `classes`:
stressid.npz   `video` (N, 84), `ecg` (N, 45), `eda` (N, 20), `resp` (N, 61): the authors' features of a whole recording; `label`: which of the 11 tasks; `classes` names them
stress_predict.npz   30 s windows every 45 s without those of mixed label: `bvp` (N, 480) at 16 Hz, `eda` (N, 120) and `acc` (N, 120; the norm) at 4 Hz, `temp` (N, 30) at 1 Hz; `label`: 0 rest, 1 stress
ceap.npz   windows of 10 s at 5 Hz: `head` (N, 4, 50), `eye` (N, 5, 50); `valence_arousal` (N, 2) from 1 to 9
"""

import argparse, json, os, subprocess, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import numpy as np, pandas as pd, yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # what the benchmarks share
from bench_tables import synthetic_set
from mtpkd import RunFolder, save_set
from mtpkd.core.errors import InputError
from mtpkd.core.files import write_text
from mtpkd.experiments.run_folder import write_table
from mtpkd.data.signals import window_statistics

HERE = Path(__file__).parent
CONTROLS = "student_only,self_training,shuffled_teacher,shuffled_privileged,student_all_labels,teacher_joint"
RESPONSES = "dkd,sinkhorn_kd,wkd,c2kd"  # rivals that need classes
STRUCTURES = "kd,fitnets,cosine_mse,sp,cc,pkt,crd"
PUBLISHED = "pkdot,pkdot:no_ot,pkdot:paper,mtpkdot,mtpkdot:no_ot,mtpkdot:no_centroid,mtpkdot:paper"
COSTLY = "rkd,kd_crossfit,kd_router,mtpkdot_crossfit"  # angles of all triplets; teachers that are trained several times
VALUES = ",".join([CONTROLS, STRUCTURES, PUBLISHED, "mtpkd_v1,mtpkd"])
RIVALS = ",".join([VALUES, RESPONSES])
ALL = ",".join([RIVALS, COSTLY])
PAIRED = "student_only,labelled_only,naive_pairs,bag_mean,ot_pairing,dist_align,mtpkd_pairing_v1,mtpkd_pairing,student_all_labels,teacher_joint"
FEW = "student_only,self_training,kd,mtpkdot,mtpkd,student_all_labels,teacher_joint"
# `whole` is the method with the term that the row is without
COLUMNS = [
    "set",
    "title",
    "prevalent",
    "privileged",
    "metric",
    "n",
    "subjects",
    "chance",
    "labelled",
    "validation",
    "pool",
    "method",
    "schedule",
    "mean",
    "sd",
    "repeats",
    "diff",
    "low",
    "high",
    "p",
    "p_holm",
    "gap_closed",
    "headroom_closed",
    "fell_back",
    *(f"{m}_minus{part}" for m in ("mtpkd", "ot_pairing", "whole") for part in ("", "_low", "_high", "_p")),
]

# --- the sets ------------------------------------------------------------------------------------------------------------------------


def by_subject(x, subject):
    "Features z-scored within each subject and clipped at 5: it looks at a subject's unlabelled test rows (transductive), and the page of results says so"
    x = x.reshape(len(x), -1).astype("float64")
    for s in np.unique(subject):
        own = subject == s
        x[own] = (x[own] - np.nanmean(x[own], axis=0)) / np.maximum(np.nanstd(x[own], axis=0), 1e-6)
    return np.clip(x, -5, 5).astype("float32")


def stressid(folder, data):
    a, classes = arrays_of(data / "stressid.npz")
    x = {m: by_subject(a[m], a["subject"]) for m in ("video", "ecg", "eda", "resp")}
    return save_set(
        folder,
        "stressid",
        x,
        np.array(classes)[a["label"]],
        dict(kind="classification", target="condition", classes=classes),
        a["subject"],
        roles=dict(video="prevalent", ecg="privileged", eda="privileged", resp="privileged"),
        protocol=dict(labelled=120, labelled_validation=100),
    )


def stress_predict(folder, data):
    a, _ = arrays_of(data / "stress_predict.npz")
    rates = dict(bvp=16, eda=4, temp=1, acc=4)
    x = {m: by_subject(window_statistics(a[m][:, None], hz), a["subject"]) for m, hz in rates.items()}
    return save_set(
        folder,
        "stress_predict",
        x,
        np.array(["rest", "stress"])[a["label"]],
        dict(kind="classification", target="state", classes=["rest", "stress"]),
        a["subject"],
        roles=dict(bvp="prevalent", eda="privileged", temp="privileged", acc="privileged"),
        protocol=dict(labelled=200, labelled_validation=150),
    )


def ceap(folder, data):
    a, _ = arrays_of(data / "ceap.npz")
    task = dict(kind="regression", target="affect", names=["valence", "arousal"], range=[1, 9])
    return save_set(
        folder,
        "ceap",
        {m: a[m] for m in ("head", "eye")},
        a["valence_arousal"],
        task,
        a["subject"],
        roles=dict(head="prevalent", eye="privileged"),
        rates=dict(head=5, eye=5),
        inputs=dict(head="window_statistics", eye="window_statistics"),
        protocol=dict(labelled=200, labelled_validation=200),
    )


def arrays_of(path):
    if not path.exists():
        raise InputError(f"no {path}; give --data the folder that holds it, or leave this set out with --sets")
    with np.load(path) as z:
        return {k: z[k] for k in z.files if k != "meta"}, json.loads(str(z["meta"])).get("classes")


SOURCES = dict(
    watch="watch",
    mfeat="mfeat",
    synthetic=lambda folder, data: synthetic_set(folder, "classification"),
    synthetic_ccc=lambda folder, data: synthetic_set(folder, "regression"),
    stressid=stressid,
    stress_predict=stress_predict,
    ceap=ceap,
)  # a shipped set, or what makes one in a folder
FROM_DATA = ("stressid", "stress_predict", "ceap")
MOR, ALL_LABELS, BAGS, PERMUTED = (
    ["--prevalent", "mor", "--privileged", "fac"],
    ["--labelled", "all", "--set", "schedule.batch=128", "--set", "schedules=[default, long_mixup]"],  # as in the paper
    ["--pairing", "bag:8"],
    ["--set", "control=label_permutation"],
)

# name -> (source, options of the run, methods)
SETS = dict(
    watch=("watch", [], ALL),
    zer=("mfeat", [], ALL),
    mor=("mfeat", MOR, RIVALS),
    synthetic=("synthetic", [], RIVALS),
    synthetic_ccc=("synthetic_ccc", [], VALUES),
    stressid=("stressid", [], RIVALS),
    stress_predict=("stress_predict", [], RIVALS),
    ceap=("ceap", [], VALUES),
    watch_full=("watch", ALL_LABELS, RIVALS),
    zer_full=("mfeat", ALL_LABELS, RIVALS),
    stressid_full=("stressid", ALL_LABELS, RIVALS),
    watch_permuted=("watch", PERMUTED, FEW),  # nothing may be learnt
    zer_permuted=("mfeat", PERMUTED, FEW),
)
BAG_SETS = {
    name: (source, [*options, *BAGS], PAIRED)
    for name, (source, options, _) in SETS.items()
    if name in ("watch", "zer", "mor", "synthetic_ccc", "stressid")
}  # whose recording it is, is lost
TABLES = dict(verdicts=SETS, pairing=BAG_SETS)


def manifest_of(source, out, data):
    "What `mtpkd run --manifest` is given for a source; made sets are written once"
    maker, folder = SOURCES[source], out / "sets" / source
    if isinstance(maker, str):
        return maker
    if not (folder / "manifest.yaml").exists():
        maker(folder, data)
    return str(folder / "manifest.yaml")


# --- the runs ------------------------------------------------------------------------------------------------------------------------


def frozen(table, out) -> tuple:  # path of the settings, seeds
    "Settings and seeds that were frozen before"
    kept = yaml.safe_load((HERE / ("methods.yaml" if table == "verdicts" else "methods_weak_pairing.yaml")).read_text())
    write_text(out / "settings.yaml", yaml.safe_dump(kept["settings"], sort_keys=False))
    return out / "settings.yaml", ",".join(map(str, kept["seeds"]))


MTPKD = [
    sys.executable,
    "-c",
    "import sys; from mtpkd.cli.main import main; sys.exit(main())",
]  # the command, of this very Python


def run_set(name, out, o, settings, seeds) -> int:
    "One run, unless it is there"
    if (out / name / "summary.json").exists():
        return 0
    source, options, methods = o.sets[name]
    command = [
        *MTPKD,
        "run",
        "--manifest",
        manifest_of(source, out, o.data),
        *options,
        "--methods",
        o.methods or methods,
        "--config",
        str(settings),
        "--seeds",
        o.seeds or seeds,
        "--out",
        str(out / name),
        *(["--resume"] if o.resume else []),
    ]
    print(name, "started", flush=True)
    with (out / f"{name}.log").open("w") as log:
        code = subprocess.run(
            command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, "OMP_NUM_THREADS": "1"}
        ).returncode
    print(name, "done" if code == 0 else f"failed with exit code {code}: {out / name}.log", flush=True)
    return code


# --- the table -----------------------------------------------------------------------------------------------------------------------


def rows_of(name, folder, pairing) -> list:
    "Every method of a run folder, with what the run is about"
    run = RunFolder(folder)
    s, rows = run.summary, []
    if (s.get("pairing") or "full") != pairing:
        raise InputError(
            f"{folder} is a run with pairing {s.get('pairing') or 'full'}, the table is of {pairing}; give the table a folder of its own with --out"
        )
    about = dict(
        set=name,
        title=s["title"],
        prevalent=" ".join(s["prevalent"]),
        privileged=" ".join(s["privileged"]),
        metric=s["metric"],
        n=s["n"],
        subjects=s["subjects"],
        chance=s["task"]["chance"],
        labelled=int(run.results.n_train.mean().round()),
        validation=int(run.results.n_val.mean().round()),
        pool=int(run.results.n_pool.mean().round()),
    )
    beside = {m: {} for m in s["methods"]}
    for c in s["comparisons"]:
        column = "whole" if c["b"].startswith(f"{c['a']}:no_") else c["a"]
        if column in ("mtpkd", "ot_pairing", "whole"):
            low, high = c["ci95"]
            values = {"": c["diff"], "_low": low, "_high": high, "_p": c["p"]}
            beside[c["b"]] |= {f"{column}_minus{part}": value for part, value in values.items()}
    for method, m in s["methods"].items():
        low, high = m["ci95"]
        fell = s.get("fallback", {}).get(method, {}).get("fell_back", "")
        rows.append(
            about
            | dict(method=method, schedule=s.get(f"{method}_schedule", ""))
            | dict(repeats=m["n"], low=low, high=high, fell_back=fell)
            | beside[method]
            | {k: m[k] for k in ("mean", "sd", "diff", "p", "p_holm", "gap_closed", "headroom_closed")}
        )
    return rows


def collect(sets, out, path):
    "The table out of the run folders that are there"
    rows = [
        r
        for name in sets
        if (out / name / "summary.json").exists()
        for r in rows_of(name, out / name, "bag:8" if sets[name][1][-2:] == BAGS else "full")
    ]
    if not rows:
        raise InputError(f"{out} holds no finished run")
    table = with_other_sets(pd.DataFrame(rows, columns=COLUMNS), Path(path))
    write_table(Path(path), table.round(6))
    return table


def with_other_sets(table, path):
    "The table, and below each other in the order of SETS what the file already says of other sets: a run of hours is not needed twice"
    if path.exists():
        kept = pd.read_csv(path)
        of_lost_pairs = [bool((part.method == "ot_pairing").any()) for part in (kept, table)]
        if of_lost_pairs[0] != of_lost_pairs[1]:
            raise InputError(
                f"{path} holds the other of the two tables (kept pairs, lost pairs): collect into another file"
            )
        table = pd.concat([kept[~kept.set.isin(table.set)].astype(object), table.astype(object)])
    order = {name: place for place, name in enumerate(SETS)}
    return table.sort_values("set", key=lambda names: names.map(order), kind="stable").infer_objects()


def show(table):
    "A line a set and method, in points"
    shown = table[~table.method.str.contains(":")]
    for name, g in shown.groupby("set", sort=False):
        a = g.iloc[0]
        print(
            f"\n{name}: {a.prevalent} <- {a.privileged}; {a.n} samples, {'no' if pd.isna(a.subjects) else int(a.subjects)} subjects, {a.labelled} labelled, {a['pool']} in the pool; {a.metric} x 100, chance {100 * a.chance:.1f}"
        )
        for r in g.itertuples():
            said = (
                ""
                if r.method == "student_only"
                else f"{100 * r.diff:+6.1f} [{100 * r.low:+.1f}, {100 * r.high:+.1f}]  p {r.p:.3g}"
                + ("" if pd.isna(r.headroom_closed) else f"  headroom {100 * r.headroom_closed:.0f}%")
            )
            fell = "  fell back" if str(r.fell_back) == "True" else ""
            print(f"  {r.method:20s} {100 * r.mean:5.1f} {said}{fell}")


def options(args=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", type=Path, help="runs/verdicts, or runs/verdicts_pairing")
    p.add_argument("--data", type=Path, help="folder with stressid.npz, stress_predict.npz, ceap.npz")
    p.add_argument("--table", choices=TABLES, default="verdicts", help="pairing: bags of eight")
    p.add_argument("--sets", help=f"of {', '.join(SETS)}; of the table pairing, {', '.join(BAG_SETS)}")
    p.add_argument("--methods", help="instead of each set's own list")
    p.add_argument("--seeds", help="instead of the frozen ones: never for results")
    p.add_argument("--jobs", type=int, default=1, help="runs at a time, one core each")
    p.add_argument("--resume", action="store_true")
    p.add_argument("--collect", type=Path, help="write the table of the runs in --out here")
    o = p.parse_args(args)
    sets = TABLES[o.table]
    o.out = o.out or Path("runs") / ("verdicts" if o.table == "verdicts" else f"verdicts_{o.table}")
    names = (
        o.sets.split(",")
        if o.sets
        else [n for n, (source, *_) in sets.items() if o.data or o.collect or source not in FROM_DATA]
    )
    for n in names:
        if n not in sets:
            p.error(f"unknown set {n!r}; known are {', '.join(sets)}")
        if sets[n][0] in FROM_DATA and not o.data and not o.collect:
            p.error(f"set {n} needs --data, the folder of its .npz")
    o.sets = {n: sets[n] for n in names}
    return o


def main(args=None) -> int:
    o = options(args)
    o.out.mkdir(parents=True, exist_ok=True)
    codes = []
    if not o.collect:
        for source, *_ in o.sets.values():
            manifest_of(source, o.out, o.data)
        kept = frozen(o.table, o.out)
        with ThreadPoolExecutor(o.jobs) as pool:
            codes = list(pool.map(lambda n: run_set(n, o.out, o, *kept), o.sets))
    if not any(codes) or any((o.out / n / "summary.json").exists() for n in o.sets):
        show(collect(o.sets, o.out, o.collect or o.out / "verdicts.csv"))
    return int(any(codes))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as e:
        print(e, file=sys.stderr)
        sys.exit(2)
