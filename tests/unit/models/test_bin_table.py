"""Attributes: weighted, smoothed, finite, on the trend; neutral where there is too little to judge."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from creditscore.config.scorecards import Binning
from creditscore.config.spec import Label
from creditscore.models.bin_table import Partition, in_order, project, tabulate
from creditscore.models.columns import Factor, read_column
from creditscore.models.evidence import smoothed_woe
from creditscore.models.sample import read_sample

FACTOR = Factor("x", Label(zh="x", en="x"))


def table_of(values, y, *, edges, weight=None, factor=FACTOR, trend="none", binning=None):
    frame = pd.DataFrame({"x": values})
    sample = read_sample(frame, y, features=None, sample_weight=weight, nuisance=None)
    partition = Partition(factor, False, trend, edges=edges)
    codes = partition.codes(read_column(frame["x"], factor).take(sample.rows))
    return tabulate([partition], [codes], sample, binning=binning or Binning())[0]


def test_bins_are_left_closed():
    column = read_column(pd.Series([0.9, 1.0, 1.1, np.nan]), FACTOR)
    assert Partition(FACTOR, False, "none", edges=(1.0,)).codes(column).tolist() == [0, 1, 1, 2]


def test_woe_is_the_log_of_shares_and_more_is_safer():
    table = table_of(
        [0, 0, 0, 0, 1, 1, 1, 1],
        [0, 0, 0, 1, 0, 1, 1, 1],
        edges=(1.0,),
        binning=Binning(evidence=False, smoothing=0, min_share=0.001),
    )
    np.testing.assert_allclose(table.woe[:2], [np.log(3), -np.log(3)], atol=1e-6)
    assert table.rows.tolist() == [4, 4, 0]


def test_weights_count_as_fractions():
    w = [0.4, 0.4, 0.4, 0.4, 0.7, 0.7, 0.7, 0.7]
    table = table_of(
        [0, 0, 0, 0, 1, 1, 1, 1],
        [0, 0, 0, 1, 0, 1, 1, 1],
        weight=w,
        edges=(1.0,),
        binning=Binning(evidence=False, smoothing=0, min_share=0.001),
    )
    good = np.array([1.2, 0.7]) / 1.9
    bad = np.array([0.4, 2.1]) / 2.5
    np.testing.assert_allclose(table.woe[:2], np.log(good / bad), atol=1e-6)


def test_pure_bins_are_finite_and_on_the_right_side():
    table = table_of([0] * 50 + [1] * 50 + [2] * 50, [0] * 50 + [0, 1] * 25 + [1] * 50, edges=(1.0, 2.0))
    assert np.isfinite(table.woe).all()
    assert table.woe[0] > 3
    assert table.woe[2] < -3


def test_a_pure_missing_group_is_not_neutral():
    """optbinning shows a bin of 399 bads of 399 as rate 0, WoE 0."""
    table = table_of([np.nan] * 50 + [0] * 100 + [1] * 100, [1] * 50 + [0, 0, 0, 1] * 25 + [0, 1] * 50, edges=(1.0,))
    assert table.woe[2] < -2
    assert table.bad_rate[2] > 0.95


def test_five_missing_rows_of_a_thousand_say_next_to_nothing():
    table = table_of([np.nan] * 5 + [0] * 500 + [1] * 495, [0] * 5 + [0, 1] * 250 + [0] * 495, edges=(1.0,))
    assert 0 < table.woe[2] < table.evidence.raw[2]
    declared = table_of(
        [np.nan] * 5 + [0] * 500 + [1] * 495, [0] * 5 + [0, 1] * 250 + [0] * 495, edges=(1.0,), binning=Binning(min_share=0.02)
    )
    assert declared.woe[2] == 0
    assert declared.neutral.tolist() == [False, False, True]


def test_the_missing_national_rating_is_never_bad():
    base = Factor("x", FACTOR.label, source="base")
    table = table_of([np.nan] * 50 + [0] * 50, [1] * 50 + [0] * 50, edges=(), factor=base)
    assert table.woe[1] == 0


def test_a_self_declaration_only_adds_points_and_silence_adds_none():
    factor = Factor("x", FACTOR.label, source="self_declared")
    values = [np.nan] * 100 + [0] * 100 + [1] * 100
    y = [0] * 100 + [0, 1] * 50 + [0, 0, 0, 1] * 25  # those who are silent are the best
    table = table_of(values, y, edges=(1.0,), factor=factor, trend="lower_is_riskier")
    assert table.woe[0] == 0
    assert table.woe[1] > 0
    assert table.woe[2] == 0


def test_pooled_violators_share_their_mean():
    assert project(np.array([1.0, 3.0, 2.0]), np.array([1.0, 1.0, 3.0]), "lower_is_riskier").tolist() == [1.0, 2.25, 2.25]
    assert project(np.array([1.0, 2.0]), np.ones(2), "higher_is_riskier").tolist() == [1.5, 1.5]


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(0.01, 10)), min_size=1, max_size=12))
@settings(max_examples=100)
def test_the_isotonic_projection_agrees_with_scikit_learn(pairs):
    from sklearn.isotonic import isotonic_regression

    values, weights = (np.array(part) for part in zip(*pairs, strict=True))
    found = project(values, weights, "lower_is_riskier")
    assert (np.diff(found) >= -1e-12).all()
    np.testing.assert_allclose(found, isotonic_regression(values, sample_weight=weights), atol=1e-9)


def test_a_small_interval_follows_its_neighbours_under_a_trend():
    partition = Partition(FACTOR, False, "higher_is_riskier", edges=(1.0, 2.0))
    woe = in_order(
        partition, np.array([0.5, -0.4, 3.0, 0.0]), np.array([0.5, 0.49, 0.01, 0.0]), np.array([False, False, True, True])
    )
    assert woe.tolist() == [0.5, -0.4, -0.4, 0.0]


def test_smoothing_is_a_share_of_the_totals():
    good, bad = np.array([0.3, 0.6]), np.array([0.1, 0.0])
    np.testing.assert_allclose(smoothed_woe(good, bad, 0.01), smoothed_woe(good * 7, bad * 3, 0.01))
