"The published numbers: README against results/, results/ against the predictions, settings and seeds against what was frozen."
import re, subprocess, sys
from pathlib import Path
import numpy as np, pandas as pd, pytest, yaml
from scipy import stats
from sklearn.metrics import balanced_accuracy_score

ROOT = Path(__file__).parent.parent
SETS = ("watch", "mfeat")
sys.path.insert(0, str(ROOT/"tools"))


def table(name): return pd.read_csv(ROOT/"results"/f"{name}.csv")
def verdict(name): return pd.read_csv(ROOT/"results"/f"{name}_verdict.csv").set_index("method")


@pytest.mark.parametrize("name", SETS)
def test_results_follow_from_the_predictions(name):
    said = pd.read_parquet(ROOT/"results"/f"{name}_predictions.parquet").astype(str)
    again = said.groupby(["method", "fold", "seed"]).apply(lambda p: balanced_accuracy_score(p.target, p.said), include_groups=False)
    results = table(name).astype({"fold": str, "seed": str}).set_index(["method", "fold", "seed"]).value
    assert set(said.method) == {m for m in table(name).method if ":" not in m}
    np.testing.assert_allclose(again.values, results.loc[again.index].values, atol=1e-9)


@pytest.mark.parametrize("name", SETS)
def test_the_verdict_follows_from_the_results(name):
    results, v = table(name), verdict(name)
    wide = results.pivot(index=["seed", "fold"], columns="method", values="value")
    assert len(wide) == 25 and not wide.isna().any().any()
    n_test = results[results.method == "student_only"].n_test
    n = n_test.sum()/results.seed.nunique()
    rho = n_test.mean()/(n - n_test.mean())
    for method in v.index:
        d = wide[method] - wide.student_only
        assert v.loc[method, "mean"] == pytest.approx(wide[method].mean(), abs=1e-9)
        assert v.loc[method, "diff"] == pytest.approx(d.mean(), abs=1e-9)
        if d.any():
            t = d.mean()/np.sqrt((1/25 + rho)*d.var(ddof=1))
            assert v.loc[method, "p"] == pytest.approx(2*stats.t.sf(abs(t), 24), rel=1e-6)


def test_readme_shows_the_results():
    text = (ROOT/"README.md").read_text()
    for i, name in enumerate(SETS):
        v = verdict(name)
        for method in v.index[~v.index.str.contains(":")]:
            row = next(l for l in text.splitlines() if l.startswith("| `") and f"`{method}`" in l)
            cell = row.split("|")[2+i]
            assert float(re.match(r"\s*([\d.]+)", cell)[1]) == pytest.approx(100*v.loc[method, "mean"], abs=.051), (name, method)
            if "(" in cell: assert float(re.search(r"\(([-+][\d.]+)", cell)[1]) == pytest.approx(100*v.loc[method, "diff"], abs=.051)


def within(frozen, made)->bool: # settings that came later have their defaults
    "Whether every frozen setting is that of the run"
    return all(within(v, made[k]) if isinstance(v, dict) and v else made[k] == v for k, v in frozen.items())

def test_seeds_follow_from_the_frozen_commit():
    from freeze import seeds_of
    demo = yaml.safe_load((ROOT/"nbs"/"batch"/"demo.yaml").read_text())
    assert demo["seeds"] == seeds_of(demo["frozen_at"])
    for name in SETS:
        made = yaml.safe_load((ROOT/"results"/f"{name}.yaml").read_text())
        assert made["seeds"] == demo["seeds"] and within(demo["settings"], made)
        assert sorted(table(name).seed.unique()) == sorted(demo["seeds"])


def test_settings_are_those_that_were_frozen():
    demo = yaml.safe_load((ROOT/"nbs"/"batch"/"demo.yaml").read_text())
    shown = subprocess.run(["git", "show", f"{demo['frozen_at']}:nbs/batch/demo.yaml"], cwd=ROOT, capture_output=True, text=True)
    if shown.returncode: pytest.skip(f"the history with the frozen commit is not here: {shown.stderr.strip()}")
    assert yaml.safe_load(shown.stdout)["settings"] == demo["settings"]


def test_the_big_table():
    "Its seeds follow from its own frozen commit; every row is over all repeats, and the README shows what the file says"
    from freeze import seeds_of
    frozen, rows = yaml.safe_load((ROOT/"benchmarks"/"verdicts.yaml").read_text()), pd.read_csv(ROOT/"results"/"verdicts.csv")
    demo = yaml.safe_load((ROOT/"nbs"/"batch"/"demo.yaml").read_text())
    assert frozen["seeds"] == seeds_of(frozen["frozen_at"]) and not {*frozen["seeds"]} & {*demo["seeds"]} and set(rows.repeats) == {25}
    text = (ROOT/"README.md").read_text()
    for name, g in rows[~rows.set.str.endswith("_permuted")].groupby("set"):
        m, row = g.set_index("method"), next(l for l in text.splitlines() if l.startswith(f"| `{name}`:"))
        assert f"| {100*m['mean']['student_only']:.1f} |" in row
        assert ("falls back" if str(m.fell_back["mtpkd"]) == "True" else f"{100*m['diff']['mtpkd']:+.1f} [") in row


def test_the_table_of_lost_pairs():
    "Frozen and shown like the big table; transport inside bags against what ignores who belongs to whom"
    from freeze import seeds_of
    frozen, rows = yaml.safe_load((ROOT/"benchmarks"/"verdicts_pairing.yaml").read_text()), pd.read_csv(ROOT/"results"/"verdicts_pairing.csv")
    assert frozen["seeds"] == seeds_of(frozen["frozen_at"]) and set(rows.repeats) == {25}
    text = (ROOT/"README.md").read_text()
    for name, g in rows.groupby("set"):
        m = g.set_index("method")
        row = next(l for l in text.splitlines() if l.startswith(f"| `{name}` | {100*m['mean']['student_only']:.1f} |"))
        for rival in ("naive_pairs", "bag_mean", "labelled_only", "dist_align"): assert f"| {100*m.ot_pairing_minus[rival]:+.1f} [" in row


def test_the_python_of_the_readme_runs(tmp_path):
    code = re.search(r"```python\n(import mtpkd\n.*?)```", (ROOT/"README.md").read_text(), re.S)[1]
    assert len(code.strip().splitlines()) <= 10
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "mtpkd" in done.stdout and (tmp_path/"runs"/"my_set"/"report.html").is_file()
