"""Measures of probabilities: equal to scikit-learn where it has them, and right where others were wrong."""

from itertools import islice

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score, roc_curve

from creditscore.errors import DataError
from creditscore.models.evaluate import checked_rows, evaluate, measure_all, paired_difference, replicates, within_group_auc
from creditscore.models.metrics import MEASURES, OF_GROUPS


def sample(n=800, seed=0, ties=True):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    p = 1 / (1 + np.exp(2 - x))
    y = (rng.random(n) < p).astype(int)
    return y, np.round(p, 2) if ties else p, rng.exponential(size=n) + 0.01


def ks_by_roc(y, p, w):
    fpr, tpr, _ = roc_curve(y, p, sample_weight=w, drop_intermediate=False)
    return np.abs(tpr - fpr).max()


@pytest.mark.parametrize("ties", [True, False])
def test_measures_equal_those_of_sklearn_with_weights_and_ties(ties):
    y, p, w = sample(ties=ties)
    found = evaluate(y, p, sample_weight=w)
    assert found["auc"] == pytest.approx(roc_auc_score(y, p, sample_weight=w), abs=1e-12)
    assert found["gini"] == pytest.approx(2 * found["auc"] - 1, abs=1e-15)
    assert found["ks"] == pytest.approx(ks_by_roc(y, p, w), abs=1e-12)
    assert found["brier"] == pytest.approx(brier_score_loss(y, p, sample_weight=w), abs=1e-12)
    assert found["log_loss"] == pytest.approx(log_loss(y, p, sample_weight=w), abs=1e-9)
    assert found["observed_expected"] == pytest.approx((w @ y) / (w @ p))
    assert found["effective_size"] == pytest.approx(w.sum() ** 2 / (w**2).sum())
    assert (found["n"], found["events"]) == (800, y.sum())


def test_calibration_equals_that_of_a_logistic_regression():
    y, p, w = sample(ties=False)
    logit = np.log(p / (1 - p))
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logit[:, None], y, sample_weight=w)
    found = evaluate(y, p, sample_weight=w)
    assert found["calibration_slope"] == pytest.approx(model.coef_[0, 0], abs=1e-5)
    assert found["calibration_intercept"] == pytest.approx(model.intercept_[0], abs=1e-5)


def test_probabilities_that_are_too_extreme_have_a_slope_below_one():
    y, p, _ = sample(20_000, ties=False)
    logit = 2 * np.log(p / (1 - p)) + 1
    found = evaluate(y, 1 / (1 + np.exp(-logit)))
    assert found["calibration_slope"] == pytest.approx(0.5, abs=0.03)
    assert found["calibration_intercept"] == pytest.approx(-0.5, abs=0.1)


def test_a_constant_probability_has_no_discrimination_in_any_order():
    y = np.repeat([0, 1], [900, 100])
    for labels in (y, y[::-1]):
        found = evaluate(labels, np.full(1000, 0.1))
        assert (found["ks"], found["auc"], found["gini"]) == (0, 0.5, 0)
        assert np.isnan(found["calibration_slope"])


def test_orientation_is_not_guessed():
    y, p, _ = sample()
    assert evaluate(y, 1 - p)["auc"] == pytest.approx(1 - evaluate(y, p)["auc"])
    assert evaluate(y, 1 - p)["auc"] < 0.5


def test_scores_or_log_odds_in_place_of_probabilities_are_refused():
    y, p, _ = sample()
    with pytest.raises(DataError, match="scores are no probabilities"):
        evaluate(y, 600 + 100 * p)


def test_perfect_separation_has_no_slope_and_no_exception():
    found = evaluate([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])
    assert (found["auc"], found["ks"]) == (1, 1)
    assert np.isnan(found["calibration_slope"])


def test_probabilities_of_exactly_0_and_1_give_finite_losses():
    found = evaluate([0, 1, 1, 0], [0.0, 1.0, 0.0, 0.5])
    assert np.isfinite([found["log_loss"], found["brier"], found["auc"]]).all()


def test_the_scale_of_weights_changes_nothing():
    y, p, w = sample()
    one, other = evaluate(y, p, sample_weight=w), evaluate(y, p, sample_weight=w * 0.001)
    for name, value in one.items():
        assert other[name] == pytest.approx(value, rel=1e-9), name


def test_whole_weights_equal_repeated_rows():
    y, p, _ = sample(300)
    w = np.random.default_rng(1).integers(0, 4, 300)
    one, other = evaluate(y, p, sample_weight=w), evaluate(np.repeat(y, w), np.repeat(p, w))
    for name in ("auc", "ks", "brier", "log_loss", "calibration_slope", "calibration_intercept", "observed_expected"):
        assert one[name] == pytest.approx(other[name], rel=1e-9), name


def test_rows_of_weight_0_are_left_out():
    y, p, w = sample()
    w[:100] = 0
    assert dict(evaluate(y, p, sample_weight=w)) == dict(evaluate(y[100:], p[100:], sample_weight=w[100:]))


def test_the_second_column_of_predict_proba_is_taken():
    y, p, _ = sample()
    assert dict(evaluate(y, np.column_stack([1 - p, p]))) == dict(evaluate(y, p))


def test_series_of_any_kind_are_taken_by_position():
    y, p, _ = sample(100)
    shuffled = pd.Series(p, index=range(100, 0, -1))
    assert evaluate(pd.Series(y), shuffled)["auc"] == evaluate(y, p)["auc"]
    assert evaluate(pl.Series(y), pl.Series(p))["auc"] == evaluate(y, p)["auc"]
    assert evaluate(pd.Series(y, dtype="Int64"), p)["auc"] == evaluate(y, p)["auc"]
    assert evaluate(y.astype(bool), p)["auc"] == evaluate(y, p)["auc"]


@pytest.mark.parametrize(
    ("y", "p", "weight", "said"),
    [
        ([0, 1, np.nan], [0.1, 0.2, 0.3], None, r"y: expected 0 or 1 in every row \(missing in 1\)"),
        (pd.Series([0, 1, pd.NA], dtype="Int64"), [0.1, 0.2, 0.3], None, "missing in 1"),
        ([0, 1, 2], [0.1, 0.2, 0.3], None, "nothing else"),
        ([0, 0, 0], [0.1, 0.2, 0.3], None, "both 0 and 1"),
        ([1, 1, 1], [0.1, 0.2, 0.3], None, "both 0 and 1"),
        ([], [], None, "both 0 and 1"),
        ([0, 1], [0.1, 0.2, 0.3], None, "expected 2 rows"),
        ([0, 1, 0], [0.1, np.nan, 0.3], None, "1 rows are missing or outside"),
        ([0, 1, 0], [0.1, 1.2, 0.3], None, "1 rows are missing or outside"),
        ([0, 1, 0], ["a", "b", "c"], None, "one number per row"),
        ([0, 1, 0], [0.1, 0.2, 0.3], [1, -1, 1], "1 rows are not"),
        ([0, 1, 0], [0.1, 0.2, 0.3], [1, np.inf, 1], "1 rows are not"),
        ([0, 1, 0], [0.1, 0.2, 0.3], [1, 0, 1], "both 0 and 1"),
        ([0, 1, 0], [0.1, 0.2, 0.3], [0, 0, 0], "both 0 and 1"),
    ],
)
def test_data_that_cannot_be_evaluated_are_refused(y, p, weight, said):
    with pytest.raises(DataError, match=said):
        evaluate(y, p, sample_weight=weight)


def test_a_shuffled_target_has_an_interval_around_one_half():
    y, p, _ = sample(2000)
    low, high = evaluate(np.random.default_rng(3).permutation(y), p).intervals["auc"]
    assert low < 0.5 < high


def test_intervals_contain_the_measure_and_are_reproducible():
    y, p, w = sample()
    one, other = evaluate(y, p, sample_weight=w), evaluate(y, p, sample_weight=w)
    for name, (low, high) in one.intervals.items():
        assert low <= one[name] <= high, name
    assert one.intervals == other.intervals
    assert one.intervals != evaluate(y, p, sample_weight=w, seed=1).intervals


def test_intervals_cost_nothing_until_asked_for():
    y, p, _ = sample()
    assert "intervals" not in vars(evaluate(y, p, n_boot=10**9))


def test_rows_of_one_subject_are_drawn_together():
    y, p, _ = sample(200)
    ten = [np.repeat(part, 10) for part in (y, p, [f"s{i}" for i in range(200)])]
    clustered = evaluate(ten[0], ten[1], subjects=ten[2]).intervals["auc"]
    single = evaluate(y, p).intervals["auc"]
    rows = evaluate(ten[0], ten[1]).intervals["auc"]
    assert np.ptp(clustered) == pytest.approx(np.ptp(single), rel=0.25)
    assert np.ptp(rows) < 0.5 * np.ptp(clustered)


def test_clustered_intervals_do_not_depend_on_the_order_of_rows():
    y, p, w = sample()
    keys = np.array([f"s{i // 2:04d}" for i in range(len(y))])
    order = np.random.default_rng(5).permutation(len(y))
    one = evaluate(y, p, sample_weight=w, subjects=keys).intervals
    other = evaluate(y[order], p[order], sample_weight=w[order], subjects=keys[order]).intervals
    for name in one:
        assert other[name] == pytest.approx(one[name], rel=1e-9), name


def test_a_missing_subject_is_refused():
    with pytest.raises(DataError, match="missing in 1"):
        evaluate([0, 1], [0.1, 0.2], subjects=["a", None])


def test_small_groups_show_no_auc_and_missing_groups_are_unknown():
    y, p, w = sample()
    groups = np.array(["big"] * 700 + ["mid"] * 80 + ["tiny"] * 19 + [None], dtype=object)
    found = evaluate(y, p, sample_weight=w, groups=groups).by_group
    assert found.index.tolist() == ["big", "mid", "tiny", "未知"]
    assert found["n"].tolist() == [700, 80, 19, 1]
    assert found["auc"].isna().tolist() == [False, False, True, True]
    assert found.loc["big", "auc"] == pytest.approx(roc_auc_score(y[:700], p[:700], sample_weight=w[:700]))


def test_a_group_without_bads_has_a_row_and_no_auc():
    y, p = np.r_[np.zeros(50), sample()[0]], np.r_[np.full(50, 0.1), sample()[1]]
    found = evaluate(y, p, groups=["none"] * 50 + ["some"] * 800).by_group
    assert np.isnan(found.loc["none", "auc"])
    assert found.loc["none", "observed_expected"] == 0


def brute_within(y, p, groups, w):
    won = total = 0.0
    for i in np.flatnonzero(y == 1):
        for j in np.flatnonzero((y == 0) & (groups == groups[i])):
            total += w[i] * w[j]
            won += w[i] * w[j] * ((p[i] > p[j]) + 0.5 * (p[i] == p[j]))
    return won / total


def test_within_group_auc_counts_pairs_of_one_group_only():
    y, p, w = sample(300)
    groups = np.random.default_rng(2).integers(0, 5, 300)
    found = within_group_auc(y, p, groups, sample_weight=w)
    assert found == pytest.approx(brute_within(y, p, groups, w), abs=1e-12)
    assert evaluate(y, p, sample_weight=w, groups=groups)["within_group_auc"] == found
    assert within_group_auc(y, p, np.zeros(300)) == pytest.approx(roc_auc_score(y, p))


def test_separating_groups_does_not_raise_within_group_auc():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 2, 2000)
    y = (rng.random(2000) < np.where(groups == 1, 0.5, 0.05)).astype(int)
    p = np.where(groups == 1, 0.5, 0.05)
    assert roc_auc_score(y, p) > 0.7
    assert within_group_auc(y, p, groups) == 0.5


def test_disjoint_groups_leave_the_overall_measures_alone():
    y, p, w = sample(400)
    groups = (p > np.median(p)).astype(int)
    apart, alone = evaluate(y, p, sample_weight=w, groups=groups), evaluate(y, p, sample_weight=w)
    assert {name: apart[name] for name in alone} == alone
    assert apart["within_group_auc"] != apart["auc"]


@pytest.mark.parametrize("few", [True, False])
def test_a_bootstrap_draw_measures_the_rows_that_it_draws(few):
    """Draws are counted by cell of equal probability: the same numbers as from the rows themselves."""
    y, p, w = sample(300)
    p = np.round(p, 1).clip(0.05, 0.95) if few else p
    groups = np.random.default_rng(3).integers(0, 3, 300)
    rows = checked_rows(y, p, w, groups, None)
    whole = evaluate(y, p, sample_weight=w, groups=groups)
    start = (whole["calibration_slope"], whole["calibration_intercept"])
    for weight in islice(replicates(rows, 20, 0), 5):
        times = np.rint(weight / w).astype(int)
        drawn = [np.repeat(part, times) for part in (y, p, w, groups)]
        expected = evaluate(drawn[0], drawn[1], sample_weight=drawn[2], groups=drawn[3])
        found = measure_all(rows, weight, start)
        assert found == pytest.approx({name: expected[name] for name in found}, rel=1e-9)


def test_within_group_auc_needs_a_group_with_both():
    with pytest.raises(DataError, match="at least one group"):
        within_group_auc([0, 1], [0.1, 0.2], ["a", "b"])


def test_a_paired_difference_has_a_narrower_interval_than_its_parts():
    y, p, w = sample(1500)
    worse = np.clip(p + np.random.default_rng(1).normal(0, 0.02, 1500), 0, 1)
    difference, low, high = paired_difference(y, p, worse, sample_weight=w)
    first, second = (evaluate(y, one, sample_weight=w) for one in (p, worse))
    assert difference == pytest.approx(first["auc"] - second["auc"], abs=1e-12)
    assert low <= difference <= high
    assert high - low < np.ptp(first.intervals["auc"])


@pytest.mark.parametrize("metric", ["auc", "gini", "ks", "brier", "log_loss", "within_group_auc"])
def test_a_model_does_not_differ_from_itself(metric):
    y, p, w = sample(300)
    groups = np.arange(300) % 3
    assert paired_difference(y, p, p, metric=metric, sample_weight=w, groups=groups, n_boot=20) == (0, 0, 0)


def test_within_group_difference_needs_groups():
    with pytest.raises(DataError, match="needs groups"):
        paired_difference([0, 1], [0.1, 0.2], [0.1, 0.2], metric="within_group_auc")


def test_the_representation_is_readable():
    y, p, _ = sample(100)
    assert "auc=" in repr(evaluate(y, p))
    assert "<table" in evaluate(y, p)._repr_html_()


@settings(max_examples=80)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6), st.integers(0, 5)), min_size=2, max_size=40))
def test_auc_and_ks_equal_sklearn_on_any_small_sample(rows):
    y, p, w = (np.array(part, dtype=float) for part in zip(*rows, strict=True))
    if len(set(y[w > 0])) < 2:
        return
    found = evaluate(y, p / 6, sample_weight=w)
    kept = w > 0
    assert found["auc"] == pytest.approx(roc_auc_score(y[kept], p[kept], sample_weight=w[kept]), abs=1e-12)
    assert found["ks"] == pytest.approx(ks_by_roc(y[kept], p[kept], w[kept]), abs=1e-12)


def test_a_difference_in_any_measure_and_no_other():
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, 200), rng.random(200)
    values = evaluate(y, p, n_boot=2)
    for metric in MEASURES:
        if metric not in OF_GROUPS:
            difference, _, _ = paired_difference(y, p, p, metric=metric, n_boot=3)
            assert difference == 0
            assert metric in values
    with pytest.raises(DataError, match="metric: expected one of auc, gini"):
        paired_difference(y, p, p, metric="accuracy")
