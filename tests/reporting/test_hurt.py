"""The sentence on who is hurt, with its exact test, written out by hand. The p are sums of binomial coefficients over powers of two."""

import numpy as np, pandas as pd, pytest
from scipy.stats import binomtest
from mtpkd.evaluation.per_sample import TRANSFER
from mtpkd.evaluation.statistics import sign_test
from mtpkd.evaluation.summary import example_summary
from mtpkd.reporting.limits import describe_hurt

NO_TEST = "How many gain or lose is no test of kd."
ACCURACY = "Points here are of accuracy, the share of right predictions."


def gains(*rows):  # (kind, group, n, difference, better, worse)
    table = []
    for kind, group, n, difference, better, worse in rows:
        table.append(
            ("kd", kind, group, n, n, 0.5, 0.5 + difference, difference, better, worse, 1, int(difference < 0))
        )
    return pd.DataFrame(table, columns=TRANSFER)


def test_a_small_loss_may_be_chance():
    table = gains(
        ("subject", "Ann", 100, 0.08, 11, 3),
        ("subject", "Bob", 100, -0.01, 2, 3),  # (10 + 5 + 1) / 32 x 2 = 1
        ("class", "a", 120, 0.05, 8, 2),
        ("class", "b", 80, -0.025, 2, 4),  # (1 + 6 + 15) / 64 x 2 = .6875
    )
    assert describe_hurt(example_summary(kd=0.01), table) == (
        "Who is hurt by kd: 1 of 2 subjects gains, 1 loses: subject Bob (−1.0 points; of 100 predictions 2 turned right, 3 "
        "wrong); 1 of 2 classes gains, 1 loses: class b (−2.5 points; of 80 predictions 2 turned right, 4 wrong). "
        "No loss is larger than chance may give (exact McNemar test of the predictions that turned, smallest p = .688). "
        f"{ACCURACY} {NO_TEST}"
    )


def test_a_loss_beyond_chance_is_named_with_its_correction():
    table = gains(
        ("subject", "Ann", 100, -0.10, 0, 10),  # 2 / 1024, Holm over three: .006
        ("subject", "Bob", 100, 0.01, 3, 2),
        ("subject", "Cy", 100, -0.01, 1, 2),
    )
    assert describe_hurt(example_summary(kd=0.01), table) == (
        "Who is hurt by kd: 1 of 3 subjects gains, 2 lose, most of all subject Ann (−10.0 points; of 100 predictions 0 turned "
        "right, 10 wrong). Larger than chance gives, were the predictions independent: subject Ann (p = .006; exact McNemar "
        f"test of the predictions that turned, corrected for the number of groups). {ACCURACY} {NO_TEST}"
    )


def test_a_loss_that_is_chance_after_correction():
    table = gains(
        ("class", "a", 100, -0.06, 0, 6),  # 2 / 64 = .03125, Holm over two: .0625
        ("class", "b", 100, 0.05, 7, 2),
    )
    assert (
        "No loss is larger than chance may give (exact McNemar test of the predictions that turned, corrected for the number "
        f"of groups, p = .062). {ACCURACY} {NO_TEST}" in describe_hurt(example_summary(kd=0.01), table)
    )


def test_values_have_a_sign_test_and_no_accuracy():
    made = example_summary(kd=0.01) | dict(task=dict(kind="regression", names=["valence"], chance=0.0), metric="ccc")
    said = describe_hurt(made, gains(("class", "low", 10, 0.01, 6, 4), ("class", "high", 10, -0.01, 4, 6)))
    assert said == (
        "Who is hurt by kd: 1 of 2 thirds of the target gains, 1 loses: high (−1.0; of 10 predictions 4 came closer, 6 moved "
        "away). No loss is larger than chance may give (exact sign test of the predictions that changed, p = .754). "
        f"{NO_TEST}"
    )


def test_accuracy_is_not_said_where_it_is_the_metric():
    made = example_summary(kd=0.01) | dict(metric="accuracy")
    assert "Points here" not in describe_hurt(made, gains(("class", "a", 10, -0.1, 1, 2)))


@pytest.mark.parametrize("better, worse", [(0, 0), (3, 2), (2, 3), (0, 9), (45, 56), (400, 300)])
def test_the_exact_test_agrees_with_scipy(better, worse):
    expected = binomtest(worse, better + worse).pvalue if better + worse else 1.0
    assert np.isclose(sign_test(better, worse), expected) and np.isclose(sign_test(worse, better), expected)
