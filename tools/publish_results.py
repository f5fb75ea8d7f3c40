"""Put the tables of finished run folders into results/, from which README.md and nbs/docs/results.ipynb are made.

    python tools/publish_results.py runs/demo/watch runs/demo/mfeat

For each run: NAME.csv (every repeat), NAME_verdict.csv (the table), NAME_comparisons.csv (pairs of methods), NAME_predictions.parquet (who was taken for what), NAME.yaml (the
settings that made them); and nbs/images/verdict.png.
"""

import shutil, sys
from pathlib import Path
import pandas as pd
from mtpkd import RunFolder
from mtpkd.experiments.run_folder import write_table

ROOT = Path(__file__).parent.parent
ROWS = ("student_only", "self_training", "kd", "pkdot", "mtpkdot", "mtpkd")


def verdict(summary: dict) -> pd.DataFrame:
    "The summary's methods as a table, in shares of 1"
    rows = []
    for name, m in summary["methods"].items():
        low, high = m.pop("ci95")
        rows.append(dict(method=name, **m | dict(low=low, high=high)))
    return pd.DataFrame(rows)[
        ["method", "mean", "sd", "n", "diff", "low", "high", "p", "p_holm", "gap_closed", "headroom_closed"]
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


def picture(summaries: list) -> None:
    "The forest plots of all runs, side by side"
    from plotly.subplots import make_subplots
    from mtpkd import plots

    kept = [
        s | dict(methods={k: v for k, v in s["methods"].items() if k in (*ROWS, "student_all_labels")})
        for s in summaries
    ]
    for s in kept:
        fig = plots.verdict_forest(s)
        said = f"{s['title']}: {', '.join(s['prevalent'])} taught by {', '.join(s['privileged'])}"
        fig.update_layout(
            title=dict(text=said, x=0.02, y=0.97, font_size=16), margin_t=90, width=900, height=fig.layout.height + 50
        )
        fig.write_image(ROOT / "nbs" / "images" / f"verdict_{s['name']}.png", scale=1.5)


def main(folders: list) -> None:
    summaries = []
    (ROOT / "nbs" / "images").mkdir(exist_ok=True)
    for folder in folders:
        run = RunFolder(folder)
        name = run.summary["name"]
        write_table(ROOT / "results" / f"{name}.csv", run.results)
        write_table(ROOT / "results" / f"{name}_verdict.csv", verdict(run.summary.to_dict()))
        write_table(ROOT / "results" / f"{name}_comparisons.csv", comparisons(run.summary.to_dict()))
        hard_predictions(run).to_parquet(
            ROOT / "results" / f"{name}_predictions.parquet", index=False, compression="zstd"
        )
        shutil.copy(Path(folder) / "experiment.yaml", ROOT / "results" / f"{name}.yaml")
        summaries.append(run.summary)
    picture(summaries)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
