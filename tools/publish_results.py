"""Put the tables of finished run folders into results/, from which README.md and nbs/docs/results.ipynb are made.

    python tools/publish_results.py runs/verdicts/watch runs/verdicts/zer
    python tools/publish_results.py --pictures watch mfeat     draws the pictures of these sets anew, from results/

For each run: NAME.csv (every repeat), NAME_verdict.csv (the table), NAME_comparisons.csv (pairs of methods),
NAME_predictions.parquet (the predicted class of every test sample), NAME.yaml (the settings that made them), and
nbs/images/verdict_NAME.png.
"""

import shutil
import sys
from pathlib import Path
import pandas as pd
import yaml
from mtpkd import RunFolder
from mtpkd.data.manifest import load_manifest
from mtpkd.evaluation.summary import parse_summary, Summary
from mtpkd.experiments.run_folder import write_table

ROOT = Path(__file__).resolve().parent.parent
RESULTS, IMAGES = ROOT / "results", ROOT / "nbs" / "images"
ROWS = ("student_only", "self_training", "kd", "sinkhorn_kd", "pkdot", "mtpkdot", "mtpkd_v1", "mtpkd")


def verdict(summary: dict) -> pd.DataFrame:
    "The summary's methods as a table, in shares of 1"
    rows = []
    for name, m in summary["methods"].items():
        low, high = m["ci95"]
        schedule = summary.get(f"{name}_schedule", "")
        rows.append(m | dict(method=name, schedule=schedule, low=low, high=high))
    return pd.DataFrame(rows)[
        ["method", "schedule", "mean", "sd", "n", "diff", "low", "high", "p", "p_holm", "gap_closed", "headroom_closed"]
    ]


def comparisons(summary: dict) -> pd.DataFrame:
    "The summary's pairs of methods, in shares of 1"
    return pd.DataFrame(
        [
            {k: v for k, v in c.items() if k != "ci95"} | dict(low=c["ci95"][0], high=c["ci95"][1])
            for c in summary["comparisons"]
        ]
    )


def hard_predictions(run: RunFolder) -> pd.DataFrame:
    "The predicted class of every test sample: small enough to keep"
    p, classes = run.predictions, run.summary["task"]["classes"]
    p = p[~p.method.str.contains(":")]
    said = p[classes].idxmax(axis=1)
    return (
        p[["method", "fold", "seed", "sample", "target"]]
        .assign(said=said)
        .astype(dict(method="category", sample="category", target="category", said="category"))
    )


def picture(summary: Summary) -> None:
    "The forest plot of a run as nbs/images/verdict_NAME.png"
    from mtpkd import plots

    figure = plots.verdict_forest(summary, (*ROWS, "student_all_labels"))
    prevalent, privileged = (", ".join(getattr(summary, role)) for role in ("prevalent", "privileged"))
    title = f"{summary.title}: prevalent {prevalent}, privileged {privileged}"
    figure.update_layout(
        title=dict(text=title, x=0.02, y=0.97, font_size=16), margin_t=90, width=900, height=figure.layout.height + 50
    )
    figure.write_image(IMAGES / f"verdict_{summary.name}.png", scale=1.5)


def published_summary(name: str) -> Summary:
    "What the tables in results/ tell of the summary of a run"
    settings = yaml.safe_load((RESULTS / f"{name}.yaml").read_text(encoding="utf-8"))
    manifest, table = load_manifest(name), pd.read_csv(RESULTS / f"{name}_verdict.csv").set_index("method")
    methods, values = {}, table.astype(object).where(table.notna(), None)
    for method, row in values.to_dict("index").items():
        low, high = row.pop("low"), row.pop("high")
        del row["schedule"]
        methods[method] = row | dict(ci95=[low, high])
    return parse_summary(
        dict(
            name=name,
            title=manifest.title,
            task=dict(kind=manifest.task.kind, classes=manifest.task.labels),
            metric=manifest.protocol.metric,
            n=0,  # not drawn
            folds=settings["folds"],
            methods=methods,
            **{role: settings[role] for role in ("prevalent", "privileged", "seeds")},
        )
    )


def tables(folder, run: RunFolder) -> None:
    "The tables and settings of a run, in results/"
    name, summary = run.summary["name"], run.summary.to_dict()
    write_table(RESULTS / f"{name}.csv", run.results)
    write_table(RESULTS / f"{name}_verdict.csv", verdict(summary))
    write_table(RESULTS / f"{name}_comparisons.csv", comparisons(summary))
    hard_predictions(run).to_parquet(RESULTS / f"{name}_predictions.parquet", index=False, compression="zstd")
    shutil.copy(Path(folder) / "experiment.yaml", RESULTS / f"{name}.yaml")


def main(arguments: list) -> None:
    named = [argument for argument in arguments if argument != "--pictures"]
    if not named:
        sys.exit(__doc__)
    IMAGES.mkdir(exist_ok=True)
    for name in named:
        if "--pictures" in arguments:
            picture(published_summary(name))
            continue
        run = RunFolder(name)
        tables(name, run)
        picture(run.summary)


if __name__ == "__main__":
    main(sys.argv[1:])
