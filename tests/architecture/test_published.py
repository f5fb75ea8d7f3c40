"""The published numbers: README and guides against results/, results/ against the predictions, settings and seeds
against what was frozen."""

import ast, contextlib, io, re, subprocess, sys
from pathlib import Path
import nbformat, numpy as np, pandas as pd, pytest, yaml
from IPython.display import Markdown
from IPython.lib.pretty import pretty
from scipy import stats
from sklearn.metrics import balanced_accuracy_score

ROOT = Path(__file__).resolve().parents[2]
SETS = ("watch", "mfeat")
DOCS = ROOT / "nbs" / "docs"
SELECTED = (
    "student_only",
    "self_training",
    "kd",
    "sinkhorn_kd",
    "pkdot",
    "pkdot:no_ot",
    "mtpkdot",
    "mtpkdot:no_ot",
    "mtpkdot:no_centroid",
    "mtpkd",
)
FROZEN = ("nbs/batch/demo.yaml", "benchmarks/quality/methods.yaml")
COMMIT = re.compile(r"^Numbers of commit `([0-9a-f]{7,40})`: (.+)$", re.M)
sys.path.insert(0, str(ROOT / "tools"))


def table(name):
    return pd.read_csv(ROOT / "results" / f"{name}.csv")


def verdict(name):
    return pd.read_csv(ROOT / "results" / f"{name}_verdict.csv").set_index("method")


@pytest.mark.parametrize("name", SETS)
def test_results_follow_from_the_predictions(name):
    said = pd.read_parquet(ROOT / "results" / f"{name}_predictions.parquet").astype(str)
    groups = said.groupby(["method", "fold", "seed"])
    again = groups.apply(lambda rows: balanced_accuracy_score(rows.target, rows.said), include_groups=False)
    results = table(name).astype({"fold": str, "seed": str}).set_index(["method", "fold", "seed"]).value
    assert set(said.method) == {m for m in table(name).method if ":" not in m}
    np.testing.assert_allclose(again.values, results.loc[again.index].values, atol=1e-9)


@pytest.mark.parametrize("name", SETS)
def test_the_verdict_follows_from_the_results(name):
    results, v = table(name), verdict(name)
    wide = results.pivot(index=["seed", "fold"], columns="method", values="value")
    assert len(wide) == 25 and not wide.isna().any().any()
    sizes = results[results.method == "student_only"]
    said = pd.read_parquet(ROOT / "results" / f"{name}_predictions.parquet").astype(str)
    alone = said[said.method == "student_only"].groupby(["fold", "seed"])["sample"]
    df = len({tuple(sorted(own)) for _, own in alone}) - 1  # a test set that comes twice counts once
    assert df > 15
    rho = sizes.n_test.mean() / (sizes.n_train + sizes.n_pool).mean()  # rows of inner validation train nothing
    for method in v.index:
        d = wide[method] - wide.student_only
        assert v.loc[method, "mean"] == pytest.approx(wide[method].mean(), abs=1e-9)
        assert v.loc[method, "diff"] == pytest.approx(d.mean(), abs=1e-9)
        if d.any():
            t = d.mean() / np.sqrt((1 / 25 + rho) * d.var(ddof=1))
            assert v.loc[method, "p"] == pytest.approx(2 * stats.t.sf(abs(t), df), rel=1e-6)


def page(name):
    "What a reader sees of a guide, as Markdown"
    from build_readme import page_text

    return page_text(DOCS / f"{name}.ipynb")


def check_scores(text, methods, first_column):
    "The rows of `methods` in a table show the scores, differences and p of results/; one column for each set"
    for column, name in enumerate(SETS, first_column):
        table = verdict(name)
        for method in methods or table.index[~table.index.str.contains(":")]:
            row = next(line for line in text.splitlines() if line.startswith("| `") and f"`{method}`" in line)
            cell = row.split("|")[column]
            assert float(re.match(r"\s*([\d.]+)", cell)[1]) == pytest.approx(100 * table.loc[method, "mean"], abs=0.051)
            if method == "student_only":
                continue
            difference, p = re.search(r"\(([-+][\d.]+), p (?:= |< )(\.\d+)\)", cell).groups()
            assert float(difference) == pytest.approx(100 * table.loc[method, "diff"], abs=0.051)
            assert float(p) == pytest.approx(max(table.loc[method, "p"], 0.001), abs=0.00051)


def test_the_results_page_shows_the_results():
    check_scores(page("results"), None, 2)


def test_readme_shows_the_results():
    text = (ROOT / "README.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert [re.match(r"\| `([\w:]+)`", row)[1] for row in rows] == list(SELECTED)
    all_sets = pd.read_csv(ROOT / "results" / "verdicts.csv").set_index(["set", "method"])
    shown = [verdict("watch"), verdict("mfeat"), all_sets.loc["watch_full"], all_sets.loc["zer_full"]]
    for row in rows:
        _, name, _, *cells, _ = row.split("|")
        for cell, scores in zip(cells, shown, strict=True):
            own = scores.loc[name.strip(" `")]
            mean, difference, star = re.fullmatch(r"([\d.]+)(?: \(([-+][\d.]+)(\*?)\))?", cell.strip()).groups()
            assert float(mean) == pytest.approx(100 * own["mean"], abs=0.051)
            assert float(difference or 0) == pytest.approx(100 * own["diff"], abs=0.051)
            assert (star == "*") == (own["p"] < 0.05)


def test_readme_says_what_the_results_show():
    "Comparison with the best baselines; what the terms of MT-PKDOT give; nothing is gained with all labels"
    text, rows = (ROOT / "README.md").read_text(), pd.read_csv(ROOT / "results" / "verdicts.csv")
    left_out = rows.method.str.contains("^shuffled|:|^mtpkd_v1$") | rows.set.str.contains("_permuted$|_full$")
    compared = rows[rows.mtpkd_minus.notna() & ~left_out]
    best = compared.loc[compared.groupby("set").mtpkd_minus.idxmin()]
    ahead = list(best[(best.mtpkd_minus > 0) & (best.mtpkd_minus_p < 0.05)].set)
    where = f" ({', '.join(ahead)})" if ahead else ""
    assert f"significantly better than its best baseline: {len(ahead)} of {len(best)}{where}." in text
    behind = compared[(compared.mtpkd_minus < 0) & (compared.mtpkd_minus_p < 0.05)]
    assert behind.empty and "Baselines significantly (p < .05) better than `mtpkd`: none." in text
    line = next(line for line in text.splitlines() if "The terms of the papers add little here" in line)
    said = [float(gain) for gain in re.findall(r"([-+][\d.]+) \(p [=<] \.\d+\)", line)]
    assert all(verdict(name).loc["mtpkd", "headroom_closed"] > 0.5 for name in SETS)
    gains = []
    for without in ("no_ot", "no_centroid"):
        for name in SETS:
            wide = table(name).pivot(index=["seed", "fold"], columns="method", values="value")
            gains.append(100 * (wide["mtpkdot"] - wide[f"mtpkdot:{without}"]).mean())
    assert said == pytest.approx(gains, abs=0.051)
    full = rows[rows.set.str.endswith("_full") & ~rows.method.str.startswith("teacher_")]
    assert not ((full["diff"] > 0) & (full.p < 0.05)).any() and "better than `student_only`: no method." in text


@pytest.mark.parametrize(
    "path", [ROOT / "nbs" / "index.ipynb", *sorted(DOCS.glob("*.ipynb"))], ids=lambda path: path.stem
)
def test_stored_outputs_are_what_the_cells_make(path, monkeypatch):
    "Every shown table and sentence is made anew from results/ and compared"
    monkeypatch.setattr(sys, "path", [*sys.path])
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    space = {}
    for cell in cells:
        if "eval: false" in cell.source:
            continue
        lines = ast.parse(cell.source).body
        shown = lines.pop() if isinstance(lines[-1], ast.Expr) else None
        with contextlib.chdir(path.parent):
            made = outputs_of(lines, shown, path, space)
        stored = [stored_text(output) for output in cell.outputs]
        assert stored == made, "run python tools/build_readme.py --run"


def outputs_of(lines, shown, path, space) -> list:
    "What a cell prints, and what it shows: Markdown as it is, other values as Jupyter prints them"
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(ast.Module(lines, []), str(path), "exec"), space)
        if shown is not None:
            value = eval(compile(ast.Expression(shown.value), str(path), "eval"), space)
    made = [printed.getvalue()] if printed.getvalue() else []
    if value is None:
        return made
    return [*made, value.data if isinstance(value, Markdown) else pretty(value)]


def stored_text(output) -> str:
    "The text of a stored output"
    if output.output_type == "stream":
        return output.text
    return output.data.get("text/markdown") or output.data["text/plain"]


def test_numbers_in_the_prose_of_the_guides():
    "Costs that a sentence states, against the benchmarks"
    widgets, features = table("bench_widgets"), table("bench_features").set_index(["part", "what"]).value
    blur, colour = (widgets[widgets.what.str.contains(words)] for words in ("blur moves", "other colour"))
    text = page("overview")
    assert f"in {blur.median_ms.max():.0f} ms ({blur.largest_ms.max():.0f} at most)" in text
    assert f"recoloured in {colour.median_ms.max():.0f} ms" in text
    stacked = table("bench_experiments").over_one
    assert f"25 repeats take {stacked.min():.1f} to {stacked.max():.1f} times as long as one" in text
    sweep = table("bench_sweeps").set_index("what").loc["sweep"]
    assert f"costs {sweep.over_library:.1f} s" in page("sweeps_and_clusters")
    assert f"the limit set is {sweep.limit:.1f} s" in page("sweeps_and_clusters")
    text = page("corpora")
    assert f"some {round(features['epoch', 'ratio'], -3):,.0f} times" in text
    decoding = features["decoding", "mtpkd over OpenCV, frames between grabbed"]
    assert f"{decoding:.1f} times as many clips a second" in text
    assert features["memory", "ten times the clips"] < 1.05 and "Ten times the clips take no more memory" in text


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_page_names_the_commit_of_its_numbers(path):
    "Every file of results/ that a page or its cells show stands under a commit, and is the same there"
    text = "\n".join(cell.source for cell in nbformat.read(path, 4).cells)
    listed = {file: commit for commit, files in COMMIT.findall(text) for file in re.findall(r"`([^`]+)`", files)}
    used = {*re.findall(r"results/\w+\.csv", text)}
    if "demo_methods" in text:
        used |= {f"results/{name}_{kind}.csv" for name in SETS for kind in ("verdict", "comparisons")}
    if "compared_findings" in text:
        used.add("results/schedule_choice.csv")
    if "transport_ratios" in text:
        used |= {"results/bench_transport.csv", "results/bench_transport_fused.csv"}
    assert set(listed) == used
    for file, commit in listed.items():
        shown = subprocess.run(["git", "show", f"{commit}:{file}"], cwd=ROOT, capture_output=True)
        if shown.returncode:
            pytest.skip(f"the history with commit {commit} is not here: {shown.stderr.decode().strip()}")
        assert shown.stdout == (ROOT / file).read_bytes(), f"{file} has changed since {commit}"


def within(frozen, made) -> bool:  # what is frozen as open has the value of the data set
    "Whether every frozen setting is that of the run"
    for key, value in frozen.items():
        same = within(value, made[key]) if isinstance(value, dict) and value else value in (None, "", made[key])
        if not same:
            return False
    return True


def test_seeds_follow_from_the_frozen_commit():
    from freeze_protocol import seeds_of

    demo, frozen = (yaml.safe_load((ROOT / file).read_text()) for file in FROZEN)
    assert demo["seeds"] == seeds_of(demo["frozen_at"])
    for name in SETS:
        made = yaml.safe_load((ROOT / "results" / f"{name}.yaml").read_text())
        assert made["seeds"] == frozen["seeds"] and within(frozen["settings"], made)
        assert sorted(table(name).seed.unique()) == sorted(frozen["seeds"])


@pytest.mark.parametrize("file", FROZEN)
def test_settings_are_those_that_were_frozen(file):
    frozen = yaml.safe_load((ROOT / file).read_text())
    command = ["git", "show", f"{frozen['frozen_at']}:{file}"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if shown.returncode:
        pytest.skip(f"the history with the frozen commit is not here: {shown.stderr.strip()}")
    assert yaml.safe_load(shown.stdout)["settings"] == frozen["settings"]


def test_the_big_table():
    "Its seeds follow from its own frozen commit; every row is over all repeats; the page of results shows the file"
    from freeze_protocol import seeds_of

    frozen, rows = yaml.safe_load((ROOT / "benchmarks" / "quality" / "methods.yaml").read_text()), table("verdicts")
    demo = yaml.safe_load((ROOT / "nbs" / "batch" / "demo.yaml").read_text())
    assert frozen["seeds"] == seeds_of(frozen["frozen_at"]) and not {*frozen["seeds"]} & {*demo["seeds"]}
    assert set(rows.repeats) == {25}
    text = page("results")
    for name, g in rows[~rows.set.str.contains("_permuted$|_full$")].groupby("set"):
        m, row = g.set_index("method"), next(line for line in text.splitlines() if line.startswith(f"| `{name}`:"))
        assert f"| {100 * m['mean']['student_only']:.1f} |" in row
        gain = f"{100 * m['diff']['mtpkd']:+.1f} ["
        assert ("falls back" if str(m.fell_back["mtpkd"]) == "True" else gain) in row


def test_the_table_of_lost_pairs():
    "Frozen and shown like the big table; transport inside bags against what ignores who belongs to whom"
    from freeze_protocol import seeds_of

    frozen, rows = (
        yaml.safe_load((ROOT / "benchmarks" / "quality" / "methods_weak_pairing.yaml").read_text()),
        table("verdicts_pairing"),
    )
    assert frozen["seeds"] == seeds_of(frozen["frozen_at"]) and set(rows.repeats) == {25}
    text = page("results")
    for name, g in rows.groupby("set"):
        m = g.set_index("method")
        start = f"| `{name}` | {100 * m['mean']['student_only']:.1f} |"
        row = next(line for line in text.splitlines() if line.startswith(start))
        for baseline in ("naive_pairs", "bag_mean", "labelled_only", "dist_align"):
            assert f"| {100 * m.ot_pairing_minus[baseline]:+.1f} [" in row


@pytest.mark.slow
def test_the_python_of_the_readme_runs(tmp_path):
    code = re.search(r"```python\n(import mtpkd\n.*?)```", (ROOT / "README.md").read_text(), re.S)[1]
    assert len(code.strip().splitlines()) <= 10
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "mtpkd" in done.stdout and (tmp_path / "runs" / "my_set" / "report.html").is_file()
