"""The tables and sentences of README.md and of nbs/docs/, made from results/: every function returns Markdown.

Scores are shown times 100. A difference is that to `student_only` unless it says otherwise, with the two-sided p of
Nadeau and Bengio's corrected resampled t-test in brackets.
"""

import re
from pathlib import Path
import pandas as pd

RESULTS = Path(__file__).resolve().parent.parent / "results"
DEMO_SETS = {"watch": "watch: gyro, privileged accel", "mfeat": "mfeat: zer, privileged fac"}
NO_RIVALS = ("shuffled_teacher", "shuffled_privileged", "mtpkd_v1")  # controls with a teacher, and the first version
PAIRING_BASELINES = ("naive_pairs", "bag_mean", "labelled_only", "dist_align")

# --- words and numbers ---------------------------------------------------------------------------------------------


def p_text(p: float) -> str:
    "`p = .008`, or `p < .001`"
    return "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".")


def difference_text(difference: float, p: float) -> str:
    "`+4.0 (p = .008)`"
    return f"{100 * difference:+.1f} ({p_text(p)})"


def interval_text(difference: float, low: float, high: float) -> str:
    "`+7.7 [+3.6, +11.9]`"
    return f"{100 * difference:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"


def percent_text(share: float) -> str:
    "`67%`, nothing where there is no share"
    return "" if pd.isna(share) else f"{100 * share:.0f}%"


def markdown_table(header: list, rows: list) -> str:
    "A Markdown table of texts"
    lines = ["| " + " | ".join(cells) + " |" for cells in (header, *rows)]
    return "\n".join([lines[0], "|---" * len(header) + "|", *lines[1:]])


def is_shown(method: str) -> bool:
    "Whether a row is a method under its chosen schedule, under that of its released code, or without a term"
    _, *parts = method.split(":")
    return not parts or len(parts) == 1 and (parts[0] == "paper" or parts[0].startswith("no_"))


def is_true(value) -> bool:
    "Whether a cell of a CSV file says True"
    return str(value) == "True"


# --- cost ------------------------------------------------------------------------------------------------------------


def plain_loop_sentence() -> str:
    "What all repeats of PKDOT cost, in repeats of a plain loop"
    row = pd.read_csv(RESULTS / "bench_plain_loop.csv").iloc[0]
    return (
        f"{row.repeats} repeats for the price of {row.repeats_for_the_price:.1f}: PKDOT on `{row.data}`, from "
        "data to verdict, in repeats of a plain loop with geomloss "
        "(`benchmarks/performance/plain_loop.py`)."
    )


# --- the demonstration: watch and mfeat ----------------------------------------------------------------------------


def verdicts() -> dict:
    "The table of methods of both sets of the demonstration"
    return {name: pd.read_csv(RESULTS / f"{name}_verdict.csv").set_index("method") for name in DEMO_SETS}


def score_text(row) -> str:
    "`54.9 (+4.0, p = .008)`; the reference has its score only"
    score = f"{100 * row['mean']:.1f}"
    return f"{score} ({100 * row['diff']:+.1f}, {p_text(row.p)})" if row["diff"] else score


def starred_text(row) -> str:
    "`54.9 (+4.0*)`, with a star where p is below .05; the reference has its score only"
    score = f"{100 * row['mean']:.1f}"
    return f"{score} ({100 * row['diff']:+.1f}{'*' if row.p < 0.05 else ''})" if row["diff"] else score


def selected_methods(sentences: dict) -> str:
    "The table of README.md: the methods of `sentences`, a few words each, with few labels and with all of them"
    rows, _ = all_rows("verdicts")
    tables = list(verdicts().values())
    for name in ("watch_full", "zer_full"):
        tables.append(rows[rows.set == name].set_index("method"))
    lines = [
        [f"`{method}`", sentence, *(starred_text(table.loc[method]) for table in tables)]
        for method, sentence in sentences.items()
    ]
    return markdown_table(["method", "what it is", "watch", "mfeat", "watch, all labels", "mfeat, all labels"], lines)


def demo_methods() -> str:
    "All methods on watch and on mfeat, with the schedules that inner validation chose; teachers share a line"
    tables = verdicts()
    names = {key: [method for method in table.index if is_shown(method)] for key, table in tables.items()}
    common = [method for method in names["watch"] if method in names["mfeat"]]
    own = {key: [method for method in methods if method not in common] for key, methods in names.items()}
    rows = []
    for method in common:
        chosen = [table.schedule.fillna("")[method] for table in tables.values()]
        scores = [score_text(table.loc[method]) for table in tables.values()]
        rows.append([f"`{method}`", *scores, ", ".join(chosen) if any(chosen) else ""])
    for first, second in zip(own["watch"], own["mfeat"]):
        scores = [score_text(tables["watch"].loc[first]), score_text(tables["mfeat"].loc[second])]
        rows.append([f"`{first}`, `{second}`", *scores, ""])
    return markdown_table(["method", *DEMO_SETS.values(), "schedules"], rows)


def transport_sentence() -> str:
    "What the structural transport of MT-PKDOT and its centroid give on both sets"
    parts = []
    for without, term in (("no_ot", "transport"), ("no_centroid", "centroid")):
        gains = []
        for name in DEMO_SETS:
            pairs = pd.read_csv(RESULTS / f"{name}_comparisons.csv").set_index(["a", "b"])
            row = pairs.loc["mtpkdot", f"mtpkdot:{without}"]
            gains.append(f"{difference_text(row['diff'], row.p)}")
        parts.append(f"{term} {' and '.join(gains)}")
    return f"`mtpkdot` with few labels, on watch and mfeat: {'; '.join(parts)}."


def demo_findings() -> str:
    "What the two sets show: differences on watch and on mfeat, in this order"
    tables = verdicts()
    pairs = {name: pd.read_csv(RESULTS / f"{name}_comparisons.csv").set_index(["a", "b"]) for name in DEMO_SETS}

    def on_both(rows):
        return " and ".join(difference_text(row["diff"], row.p) for row in rows)

    def gain(method):
        return on_both(table.loc[method] for table in tables.values())

    def minus(method, other):
        return on_both(table.loc[method, other] for table in pairs.values())

    closed = " and ".join(percent_text(table.loc["mtpkd", "headroom_closed"]) for table in tables.values())
    return "\n".join(
        [
            f"- **`mtpkd`**, this project's recipe, against `student_only`: {gain('mtpkd')}. It closes {closed} of the "
            "headroom, which is what the same student would gain from the labels of the whole pool. Against its first "
            f"version, `mtpkd_v1`: {minus('mtpkd', 'mtpkd_v1')}.",
            "- **A control without any teacher**, `self_training` with the same number of networks: "
            f"{gain('self_training')}. `mtpkd` against it: {minus('mtpkd', 'self_training')}.",
            f"- **Plain logit distillation**, `kd`: {gain('kd')}; with class shares balanced by Sinkhorn's algorithm, "
            f"`sinkhorn_kd`: {gain('sinkhorn_kd')}. `mtpkd` against them: {minus('mtpkd', 'kd')}; "
            f"{minus('mtpkd', 'sinkhorn_kd')}.",
            f"- **The published methods** under their best candidate schedule: `pkdot` {gain('pkdot')}, `mtpkdot` "
            f"{gain('mtpkdot')}; with the learning rates of the released code: `pkdot:paper` {gain('pkdot:paper')}, "
            f"`mtpkdot:paper` {gain('mtpkdot:paper')}. `mtpkd` against `mtpkdot`: {minus('mtpkd', 'mtpkdot')}.",
            "- **What the terms of transport give**, the same method with the term minus without it: `pkdot`, structural "
            f"transport {minus('pkdot', 'pkdot:no_ot')}; `mtpkdot`, structural transport "
            f"{minus('mtpkdot', 'mtpkdot:no_ot')}, centroids {minus('mtpkdot', 'mtpkdot:no_centroid')}.",
        ]
    )


# --- all sets ------------------------------------------------------------------------------------------------------


def all_rows(name: str) -> tuple:
    "A table of all sets: the methods, and what the recipe would have been without falling back, by set"
    table = pd.read_csv(RESULTS / f"{name}.csv")
    shown = table[table.method.map(is_shown)]
    chosen = shown[shown.method.isin(("mtpkd", "mtpkd_pairing"))]
    schedules = chosen.schedule if "schedule" in chosen else "long_mixup"  # the only one of older tables
    distilled = {*zip(chosen.set, chosen.method + ":" + schedules)}
    is_distilled = [pair in distilled for pair in zip(table.set, table.method)]
    return shown, table[is_distilled].set_index("set")


def of_pool(rows) -> pd.DataFrame:
    "The sets with a pool whose labels were not permuted"
    return rows[~rows.set.str.contains("_permuted$|_full$")]


def baselines_of(rows) -> pd.DataFrame:
    "The rows that `mtpkd` is compared with: every method and control under its chosen schedule, but for `NO_RIVALS`"
    is_rival = ~rows.method.isin(NO_RIVALS) & ~rows.method.str.contains(":")
    return rows[rows.mtpkd_minus.notna() & is_rival]


def comparison_row(name: str, rows, without_fallback) -> list:
    "One set in the table of all sets"
    first, methods = rows.iloc[0], rows.set_index("method")
    recipe, fell_back = methods.loc["mtpkd"], is_true(methods.fell_back["mtpkd"])

    def score(method):
        return f"{100 * methods['mean'][method]:.1f}" if method in methods.index else ""

    def gain(method):
        return difference_text(methods["diff"][method], methods.p[method]) if method in methods.index else ""

    baselines = baselines_of(rows)
    best = baselines.loc[baselines.mtpkd_minus.idxmin()]
    margin = f"`{best.method}` {difference_text(best.mtpkd_minus, best.mtpkd_minus_p)}"
    result = interval_text(recipe["diff"], recipe.low, recipe.high)
    if fell_back:
        result = f"falls back (distilled {100 * without_fallback['diff'][name]:+.1f})"
    subjects = "–" if pd.isna(first.subjects) else str(int(first.subjects))
    return [
        f"`{name}`: {first.prevalent} ← {first.privileged.replace(' ', ', ')}",
        f"{first.n:,} / {subjects}",
        f"{first.labelled} + {first.validation} + {first['pool']}",
        f"{100 * first.chance:.1f}",
        score("student_only"),
        score("teacher_joint"),
        gain("student_all_labels"),
        gain("kd"),
        gain("pkdot"),
        gain("mtpkdot"),
        result,
        percent_text(recipe.headroom_closed) if recipe.low > 0 else "",
        "" if fell_back else margin,
    ]


def compared_sets() -> str:
    "The table of all sets"
    rows, without_fallback = all_rows("verdicts")
    rows = of_pool(rows)
    header = [
        "set: student ← privileged",
        "samples / subjects",
        "labels + validation + pool",
        "chance",
        "`student_only`",
        "joint teacher",
        "headroom",
        "`kd`",
        "`pkdot`",
        "`mtpkdot`",
        "`mtpkd`",
        "of the headroom",
        "best baseline: `mtpkd` minus it",
    ]
    return markdown_table(
        header, [comparison_row(name, group, without_fallback) for name, group in rows.groupby("set", sort=False)]
    )


def best_baselines() -> pd.DataFrame:
    "Of every set the baseline that `mtpkd` is the least ahead of"
    rows, _ = all_rows("verdicts")
    baselines = baselines_of(of_pool(rows))
    return baselines.loc[baselines.groupby("set").mtpkd_minus.idxmin()]


def baseline_sentence() -> str:
    "Where `mtpkd` is significantly better or worse than its baselines"
    rows, _ = all_rows("verdicts")
    baselines, best = baselines_of(of_pool(rows)), best_baselines()
    lost = baselines[(baselines.mtpkd_minus < 0) & (baselines.mtpkd_minus_p < 0.05)]
    names = [
        f"`{row.method}` on {row.set} ({100 * row.mtpkd_minus:+.1f}, {p_text(row.mtpkd_minus_p)})"
        for row in lost.itertuples()
    ]
    won = list(best[(best.mtpkd_minus > 0) & (best.mtpkd_minus_p < 0.05)].set)
    where = f" ({', '.join(won)})" if won else ""
    return (
        f"Baselines significantly (p < .05) better than `mtpkd`: {', '.join(names) or 'none'}. "
        f"Sets on which `mtpkd` is significantly better than its best baseline: {len(won)} of {len(best)}{where}."
    )


TERMS = {
    "pkdot:no_ot": "`pkdot`: structural transport",
    "mtpkdot:no_ot": "`mtpkdot`: structural transport",
    "mtpkdot:no_centroid": "`mtpkdot`: centroids",
}


def transport_terms() -> str:
    "What the terms of the published methods give, set by set: the method minus the same without the term"
    rows, _ = all_rows("verdicts")
    rows = rows[rows.method.isin(TERMS)].set_index(["set", "method"])

    def gain(name, method):
        row = rows.loc[name, method]
        return (
            f"{interval_text(row.whole_minus, row.whole_minus_low, row.whole_minus_high)} ({p_text(row.whole_minus_p)})"
        )

    names = dict.fromkeys(rows.index.get_level_values("set"))
    lines = [[f"`{name}`", *(gain(name, method) for method in TERMS)] for name in names]
    return markdown_table(["set", *TERMS.values()], lines)


def false_alarm_rates() -> str:
    "How often methods are called significant where there is nothing to find, by null and design"
    rows = pd.read_csv(RESULTS / "false_alarms.csv")
    designs = {"redrawn": "folds redrawn", "fixed": "one fixed split"}
    cases = list(dict.fromkeys(zip(rows["null"], rows["design"])))
    header = ["method", *(f"{null}, {designs[design]}" for null, design in cases)]
    rows = rows.set_index(["method", "null", "design"])

    def cell(method, case):
        row = rows.loc[(method, *case)]
        return f"{100 * row.rate:.1f}% [{100 * row.low:.1f}, {100 * row.high:.1f}]"

    methods = dict.fromkeys(rows.index.get_level_values("method"))
    lines = [[f"`{method}`", *(cell(method, case) for case in cases)] for method in methods]
    return markdown_table(header, lines)


def levels_of_tests() -> str:
    "How often the tests find a difference between two methods that are equally good, by design"
    rows = pd.read_csv(RESULTS / "test_level.csv").astype(dict(folds=str))
    keys = ["folds", "seeds", "labels", "test"]
    words = {"few": "60 labelled rows", "pool": "the labels of the pool, too", "all": "all labels"}
    tests = {"corrected_t": "corrected resampled t-test", "bootstrap": "bootstrap over test subjects"}

    def design(folds, seeds):
        names = {"loso": "one subject left out", "fixed": "one fixed split"}
        return f"{names.get(folds, f'{folds} folds')}, {seeds} seeds"

    lines = []
    for (folds, seeds, labels, test), group in rows.groupby(keys, sort=False):
        cells = [f"{100 * r.rate:.1f}% [{100 * r.low:.1f}, {100 * r.high:.1f}]" for r in group.itertuples()]
        lines.append([design(folds, seeds), words[labels], tests[test], *cells])
    return markdown_table(["folds", "learnt from", "test", "subjects alike", "subjects that differ"], lines)


def harm_by_noise() -> str:
    "What methods lose where the privileged modality is noise: mean difference, and how often that is significant"
    rows = pd.read_csv(RESULTS / "false_alarms.csv")
    rows = rows[rows["null"] == "noise"]
    designs = {"redrawn": "folds redrawn", "fixed": "one fixed split"}
    rows = rows.assign(worse=(rows.significant - rows.better) / rows.runs).set_index(["method", "design"])

    def cell(row):
        return f"{100 * row.mean_difference:+.1f}, worse in {100 * row.worse:.1f}%"

    methods = dict.fromkeys(rows.index.get_level_values("method"))
    lines = [[f"`{method}`", *(cell(rows.loc[method, design]) for design in designs)] for method in methods]
    return markdown_table(["method", *designs.values()], lines)


def all_labels_methods() -> str:
    "The protocol of the paper: all labels, no pool; every method on every such set"
    rows, _ = all_rows("verdicts")
    rows = rows[rows.set.str.endswith("_full") & ~rows.method.str.contains("all_labels|:no_")]
    tables = {name: group.set_index("method") for name, group in rows.groupby("set", sort=False)}
    methods = list(dict.fromkeys(rows.method))

    def cell(table, method):
        return score_text(table.loc[method]) if method in table.index else ""

    lines = [[f"`{method}`", *(cell(table, method) for table in tables.values())] for method in methods]
    return markdown_table(["method", *(f"`{name}`" for name in tables)], lines)


def all_labels_gains() -> str:
    "The methods that gain significantly where every training row has its label and there is no pool"
    rows, _ = all_rows("verdicts")
    rows = rows[rows.set.str.endswith("_full") & ~rows.method.str.startswith("teacher_")]
    better = rows[(rows["diff"] > 0) & (rows.p < 0.05)]
    return ", ".join(f"`{row.method}` on {row.set}" for row in better.itertuples()) or "no method"


def ablations() -> str:
    "What each part of MT-PKDOT is worth: the runs of the sweep, and their difference to the whole method"
    rows = pd.read_csv(RESULTS / "mtpkdot_ablation.csv")
    lines = []
    for row in rows.itertuples():
        minus = "" if pd.isna(row.whole_minus) else interval_text(row.whole_minus, row.whole_low, row.whole_high)
        name = f"`{row.method}`" if pd.isna(row.change) else f"`{row.change}`"
        gain = interval_text(row.diff, row.low, row.high)
        lines.append([name, f"{100 * row.mean:.1f}", gain, minus])
    return markdown_table(
        ["method, or what is changed in `mtpkdot`", "score", "minus `student_only`", "minus `mtpkdot`"], lines
    )


def ablation_findings() -> str:
    "Which changes move MT-PKDOT significantly"
    rows = pd.read_csv(RESULTS / "mtpkdot_ablation.csv").iloc[1:]
    found = []
    for row in rows[rows.whole_p < 0.05].itertuples():
        name = row.method if pd.isna(row.change) else row.change
        interval = interval_text(row.whole_minus, row.whole_low, row.whole_high)
        found.append(f"`{name}` {interval} ({p_text(row.whole_p)})")
    smallest, largest = rows.whole_minus.min(), rows.whole_minus.max()
    return (
        f"Of {len(rows)} changes these differ significantly from `mtpkdot`: {', '.join(found) or 'none'}. "
        f"All differences lie between {100 * smallest:+.1f} and {100 * largest:+.1f}."
    )


def pairing_control_text(rows) -> str:
    "`mtpkd` minus the same recipe with shuffled privileged rows, set by set"
    shuffled = rows[rows.method == "shuffled_privileged"]
    return ", ".join(
        f"{row.set} {difference_text(row.mtpkd_minus, row.mtpkd_minus_p)}" for row in shuffled.itertuples()
    )


def permuted_text(rows, without_fallback) -> str:
    "The span of scores under permuted labels, set by set"
    permuted = rows[rows.set.str.endswith("_permuted")]
    recipe = without_fallback[without_fallback.index.str.endswith("_permuted")].reset_index()
    scores = pd.concat([permuted[permuted.method != "mtpkd"][["set", "mean"]], recipe[["set", "mean"]]])
    spans = []
    for name, values in scores.groupby("set")["mean"]:
        chance = permuted[permuted.set == name].chance.iloc[0]
        spans.append(
            f"{100 * values.min():.1f} to {100 * values.max():.1f} on {name.removesuffix('_permuted')} "
            f"(chance {100 * chance:.1f})"
        )
    return " and ".join(spans)


def schedule_choice_text() -> str:
    "What choosing schedules once for a run is worth, in the mean over the methods of every set"
    rows = pd.read_csv(RESULTS / "schedule_choice.csv")
    means = rows.groupby("set", sort=False)["diff"].mean()
    gains = ", ".join(f"{100 * value:+.1f} on {name}" for name, value in means.items())
    significant = int((rows.p < 0.05).sum())
    return f"{gains} (significant for {significant} of {len(rows)} pairs of set and method)"


def compared_findings() -> str:
    "What the table of all sets shows, and what it does not"
    rows, without_fallback = all_rows("verdicts")
    wrong = of_pool(rows[rows.method == "shuffled_teacher"])
    wrong = ", ".join(f"{row.set} {difference_text(row.diff, row.p)}" for row in wrong.itertuples())
    lines = [
        f"- {baseline_sentence()} That is no proof of equality.",
        "- The recipe was found on `mfeat` (zer) and on a synthetic set of another generator seed, with other seeds and on "
        "inner validation; `zer` and `mor` share the samples of `mfeat`. The other sets are the independent evidence.",
        "- The value of the pairing, `mtpkd` minus the same recipe with privileged rows shuffled within the fold "
        f"(`shuffled_privileged`): {pairing_control_text(of_pool(rows))}. With shuffled soft targets of intact teachers "
        f"(`shuffled_teacher`), the student minus `student_only`: {wrong}.",
    ]
    lines.append(
        "- The schedule of a method, and whether it falls back, is chosen by the mean of inner validation over all repeats. "
        "Among the inner validation rows of one repeat are test rows of others; a choice for each repeat by its own rows "
        f"is free of that. Against it the choice for the run gave {schedule_choice_text()} in the mean over methods "
        "(`benchmarks/quality/schedule_choice.py`)."
    )
    if rows.set.str.endswith("_permuted").any():
        lines.append(
            "- With permuted labels all methods, including `mtpkd` before it falls back, score "
            f"{permuted_text(rows, without_fallback)}."
        )
    return "\n".join(lines)


# --- weakly paired data --------------------------------------------------------------------------------------------


def pairing_row(name: str, rows, without_fallback) -> list:
    "One set in the table of weakly paired data"
    methods = rows.set_index("method")

    def marked(difference, low, high, p):
        return interval_text(difference, low, high) + ("" if p < 0.05 else " n.s.")

    def gain(method):
        row = methods.loc[method]
        return marked(row["diff"], row.low, row.high, row.p)

    def minus(method):
        row = methods.loc[method]
        return marked(row.ot_pairing_minus, row.ot_pairing_minus_low, row.ot_pairing_minus_high, row.ot_pairing_minus_p)

    recipe = gain("mtpkd_pairing")
    if is_true(methods.fell_back["mtpkd_pairing"]):
        recipe = f"falls back (distilled {100 * without_fallback['diff'][name]:+.1f})"
    return [
        f"`{name}`",
        f"{100 * methods['mean']['student_only']:.1f}",
        gain("ot_pairing"),
        percent_text(methods.headroom_closed["ot_pairing"]),
        *map(minus, PAIRING_BASELINES),
        recipe,
    ]


def pairing_sets() -> str:
    "The table of weakly paired data"
    rows, without_fallback = all_rows("verdicts_pairing")
    header = [
        "set",
        "`student_only`",
        "`ot_pairing`",
        "of the headroom",
        *(f"minus `{name}`" for name in PAIRING_BASELINES),
        "`mtpkd_pairing`",
    ]
    return markdown_table(
        header, [pairing_row(name, group, without_fallback) for name, group in rows.groupby("set", sort=False)]
    )


# --- the transport engine ------------------------------------------------------------------------------------------


def number_text(value: float) -> str:
    "A ratio: one decimal below 20"
    return f"{value:.0f}" if value >= 20 else f"{value:.1f}"


def ratio_text(row) -> str:
    "A ratio with its smallest and largest value, where there are any"
    spread = "" if pd.isna(row.low) else f" [{number_text(row.low)}, {number_text(row.high)}]"
    return number_text(row.ratio) + spread


def peer_text(row) -> str:
    "The name of a peer; that of POT's batched solvers has the solver with it"
    return f"{row.peer} ({row.setting.split(',')[0]})" if row.peer == "POT batch" else row.peer


def transport_ratios() -> str:
    "Time or memory of the peer over that of mtpkd, engine torch"
    return ratios_of(pd.read_csv(RESULTS / "bench_transport.csv"))


def fused_ratios() -> str:
    "Time of the peer over that of mtpkd, engine fused"
    return ratios_of(pd.read_csv(RESULTS / "bench_transport_fused.csv"))


def fused_conditions() -> str:
    "On what machine and how the ratios of the engine fused were measured, and what is left of its tolerance"
    rows = pd.read_csv(RESULTS / "bench_transport_fused.csv")
    step, promise = rows[rows.what == "step"], rows[rows.what == "promise"]
    clock = "processor time, on a machine that did other work" if step.clock.iloc[0] == "processor" else "wall time"
    return (
        f"One core of an {step.processor.iloc[0].removesuffix(' Processor')} machine, {clock}; {step.versions.iloc[0]}; "
        f"paired medians of at least {rows.pairs.min():.0f} interleaved pairs [smallest, largest]. Errors of a whole step "
        f"against POT in float64: value {step.value_error.max():.0e}, gradient {step.gradient_error.max():.0e} at most. "
        f"The largest violation over 50 batches of 32 rows (`promise`): {promise.violation.max():.0e}; "
        f"with the engine torch {promise.peer_violation.max():.0e}."
    )


def ratios_of(rows) -> str:
    "The timed rows of a benchmark of transport, a line for every question, a column for every number of teachers"
    rows = rows[rows.ratio.notna() & ~rows.what.str.startswith("blocks")]
    rows = rows.assign(peer=[peer_text(row) for row in rows.itertuples()])
    lines = []
    for (what, batch, eps, peer, data), group in rows.groupby(["what", "batch", "eps", "peer", "data"], sort=False):
        ratios = {row.teachers: ratio_text(row) for row in group.itertuples()}
        violation = f"{group.violation.max():.0e} / {group.peer_violation.max():.0e}"
        lines.append(
            [
                f"{what}, B = {batch}, eps = {eps:g}",
                peer,
                data,
                *(ratios.get(count, "") for count in (1, 3, 5)),
                "" if group.violation.isna().all() else violation,
            ]
        )
    return markdown_table(
        ["what", "against", "data", "one teacher", "three", "five", "largest violation, mtpkd / peer"], lines
    )


def transport_conditions() -> str:
    "On what machine and how the ratios were measured"
    rows = pd.read_csv(RESULTS / "bench_transport.csv")
    step = rows[rows.what.str.startswith("step")].iloc[0]
    return (
        f"One core of an {step.processor.removesuffix(' Processor')} machine; {step.versions}; embeddings of width "
        f"512, k = 30, seed 0; paired medians of {step.pairs:.0f} interleaved pairs [smallest, largest], each time "
        "the mean of as many calls as fill 20 ms."
    )


def run_paces() -> str:
    "Whole runs in two checkouts, or with and without a setting: processor seconds and their ratios"
    table = pd.read_csv(RESULTS / "bench_pace.csv").fillna("")
    rows = []
    for (data, methods, settings), parts in table.groupby(["data", "methods", "settings"], sort=False):
        parts = parts.set_index("part")
        run, total = parts.loc["run"], parts.loc["total"]
        ratio = f"{run.ratio:.2f} [{run.ratio_low:.2f}, {run.ratio_high:.2f}]"
        seconds = [f"{run.before:.1f}", f"{run.now:.1f}"]
        rows.append([data, settings or "none", *seconds, ratio, f"{total.ratio:.2f}", str(run.turns)])
    header = ["set", "settings", "s before", "s now", "run, times quicker", "with the start", "turns"]
    return markdown_table(header, rows)


def encoder_costs() -> str:
    "Width, seconds a clip, licence and origin of the encoders of a preparation"
    rows = pd.read_csv(RESULTS / "bench_encoders.csv")
    header = ["encoder", "clip", "width", "seconds", "licence of the weights", "how to get them"]
    cells = []
    for row in rows.itertuples():
        get = re.sub(r"'mtpkd(\[\w+\])'", r'-e ".\1"', row.get)  # as measured, by a name of the package index
        cells.append([f"`{row.encoder}`", row.clip, f"{row.width}", f"{row.seconds:.2f}", row.licence, get])
    return markdown_table(header, cells)


def film_speed() -> str:
    "Frames a second and memory of a student with its encoder over a long film"
    cells = []
    for row in pd.read_csv(RESULTS / "bench_stream.csv").itertuples():
        speed = [f"{row.frames_a_second:.0f}", f"{row.real_time:.1f}"]
        cells.append([f"`{row.encoder}`", f"{row.minutes:g}", *speed, f"{row.mib_tenth}", f"{row.mib}", row.processor])
    header = ["encoder", "minutes", "frames a second", "times real time", "MiB, a tenth", "MiB, the whole", "processor"]
    return markdown_table(header, cells)


def install_sizes() -> str:
    "Sizes of installations and extras, and which of settings.ini they leave out or do not hold for any more"
    from install_sizes import settings, size_gaps

    rows = pd.read_csv(RESULTS / "install_sizes.csv", dtype=str, keep_default_na=False)
    missing, outdated = size_gaps(rows.to_dict("records"), settings())
    cells, notes = [], []
    if missing:
        notes.append(f"Not measured: {', '.join(missing)}.")
    for title, packages in outdated.items():
        notes.append(f"The size of {title} was measured with other packages; the difference: {', '.join(packages)}.")
    for row in rows[rows.megabytes != ""].itertuples():
        cells.append([row.installation, row.torch, row.packages, row.megabytes, row.beyond_workbench])
    table = markdown_table(["installation", "torch", "packages", "MB", "MB beyond the workbench"], cells)
    return "\n\n".join([table, " ".join(notes)]).rstrip()


def memory_by_rows() -> str:
    "Largest memory and processor time of a run by the number of rows of the set"
    cells = []
    for row in pd.read_csv(RESULTS / "bench_memory.csv").itertuples():
        memory = [f"{size:,.0f}" for size in (row.disk_mb, row.peak_mb, row.own_mb)]
        seconds = [f"{part:.0f}" for part in (row.reading, row.training, row.writing)]
        cells.append([f"{row.rows:,}", *memory, *seconds])
    header = ["rows", "MB on disk", "MB at most", "of these its own", "s reading", "s training", "s writing"]
    return markdown_table(header, cells)


def transport_accuracy() -> str:
    "Errors, reads of the host, reproducibility, and what blocks cost"
    rows = pd.read_csv(RESULTS / "bench_transport.csv")
    step, reads = rows[rows.what.str.startswith("step")], rows[rows.what.str.startswith("host reads")]
    bits, blocks = rows[rows.what == "bits"].iloc[0], rows[rows.what == "blocks of 256"].set_index("data")
    classes, normal = blocks.loc["classes"], blocks.loc["normal"]
    return "\n".join(
        [
            "- Errors of a whole step against POT in float64 at a tolerance of 1e-10: value "
            f"{step.value_error.max():.0e}, gradient {step.gradient_error.max():.0e} at most. The released loss has "
            f"{step.peer_value_error.max():.0e} and {step.peer_gradient_error.max():.0e}.",
            f"- Reads of the host in a step: {reads.reads.max():.0f}; the released loss: {reads.peer_reads.min():.0f} to "
            f"{reads.peer_reads.max():.0f}.",
            f"- Between instruction sets and with one thread or two, values differ by {bits.difference:.0e} (relative); "
            f"those of the released loss by {bits.peer_difference:.0e}.",
            f"- `block=256` of 2048 rows is {classes.ratio:.1f} times faster on `classes` and is another loss: "
            f"{classes.loss_ratio:.2f} times the value of the whole batch, with a cosine of {classes.sample_cosine:.2f} "
            "between the two gradients of a median sample "
            f"(on `normal` {normal.loss_ratio:.2f} times and {normal.sample_cosine:.2f}).",
        ]
    )
