"Mean ranks and the critical difference agree with those of scikit-posthocs."

import numpy as np
import pandas as pd
import pytest

from mtpkd.reporting.sweep_ranks import critical_difference, mean_ranks

METHODS = ["student_only", "kd", "rkd", "crd", "mtpkd"]


def scores(seed, sets, spread):
    "Scores of methods on data sets, one group a set, as a sweep has them"
    random = np.random.default_rng(seed)
    wide = random.normal(size=(sets, len(METHODS))) + spread * np.arange(len(METHODS))
    wide[0, 1] = wide[0, 2]  # a tie
    rows = [(f"set {i}", "", method, "ccc", wide[i, j]) for i in range(sets) for j, method in enumerate(METHODS)]
    return wide, pd.DataFrame(rows, columns=["data", "group", "method", "metric", "diff"])


@pytest.mark.slow  # the import takes seconds
@pytest.mark.parametrize("seed, sets, spread", [(0, 8, 0.0), (1, 12, 0.5), (2, 30, 1.0), (3, 10, 2.0)])
def test_ranks_and_critical_difference(seed, sets, spread):
    posthocs = pytest.importorskip("scikit_posthocs", reason='pip install -e ".[dev]"')
    wide, table = scores(seed, sets, spread)
    ranks = mean_ranks(table)[METHODS].to_numpy()
    expected = pd.DataFrame(-wide).rank(axis=1).mean().to_numpy()
    np.testing.assert_allclose(ranks, expected)
    p = posthocs.posthoc_nemenyi_friedman(wide).to_numpy()
    apart = np.abs(ranks[:, None] - ranks) > critical_difference(len(METHODS), sets)
    np.testing.assert_array_equal(apart, (p < 0.05) & ~np.eye(len(METHODS), dtype=bool))
    assert apart.any() or spread == 0
