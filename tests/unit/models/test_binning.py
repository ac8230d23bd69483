"""Cuts: by optbinning under the trend, or by hand; on readable edges; never at the mercy of one column."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creditscore.config.scorecards import Binning
from creditscore.config.spec import Label
from creditscore.dataframes import feature_frame
from creditscore.errors import DataError
from creditscore.models import binning
from creditscore.models.classifier import ScorecardClassifier
from creditscore.models.columns import Factor, read_column
from creditscore.models.edges import edge_between, readable
from creditscore.models.sample import read_sample


def one_column(values, y, weight=None, **about):
    factor = Factor("x", Label(zh="x", en="x"), **about)
    frame = pd.DataFrame({"x": values})
    sample = read_sample(frame, y, features=None, sample_weight=weight, nuisance=None)
    column = read_column(frame["x"], factor).take(sample.rows)
    return column, sample


def cut(values, y, weight=None, *, special=None, given=None, limits=None, **about):
    column, sample = one_column(values, y, weight, **about)
    return binning.cut(column, sample, binning=limits or Binning(), special=special, given=given)


def rates(partition, values, y, **about):
    column, sample = one_column(values, y, **about)
    good, bad = sample.sums(partition.codes(column), len(partition.kinds))
    return (bad / np.where(good + bad > 0, good + bad, 1))[: partition.bins]


def risky(n=4000, seed=0, noise=0.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    y = (rng.random(n) < 1 / (1 + np.exp(2.5 - 0.9 * x - noise * np.sin(4 * x)))).astype(int)
    return x, y


@pytest.mark.parametrize(
    ("low", "high", "target", "whole", "edge"),
    [
        (2.0, 3.0, 2.5, True, 3.0),
        (2.0, 10.0, 6.0, True, 10.0),
        (0.1234, 0.1391, 0.13, False, 0.13),
        (-0.2, 0.3, 0.05, False, 0.0),
        (0.1 + 0.2, 0.31, 0.305, False, 0.305),
        (123456.0, 123457.0, 123456.5, True, 123457.0),
        (-3.0, -2.0, -2.5, True, -2.0),
    ],
)
def test_an_edge_has_the_fewest_digits_that_fit_in_the_gap(low, high, target, whole, edge):
    found = edge_between(low, high, target=target, whole=whole)
    assert low < found <= high
    if low != 0.1 + 0.2:
        assert found == edge


@given(st.floats(-1e9, 1e9), st.floats(1e-9, 1e6))
@settings(max_examples=200)
def test_an_edge_always_lies_in_its_gap(low, width):
    high = low + width
    if high > low:
        assert low < edge_between(low, high, target=(low + high) / 2) <= high


def test_integers_get_integer_edges():
    rng = np.random.default_rng(1)
    x = rng.poisson(3, 3000)
    y = (rng.random(3000) < 0.02 + 0.05 * x).astype(int)
    edges = cut(x, y, trend="higher_is_riskier").edges
    assert edges
    assert all(edge == int(edge) for edge in edges)


def test_rounding_edges_hardly_moves_weight():
    values = np.sort(np.random.default_rng(2).normal(size=5000))
    weight = np.full(5000, 1 / 5000)
    (edge,) = readable(values, weight, [1777])
    assert abs((values < edge).sum() - 1778) <= 0.0021 * 5000
    assert len(str(edge)) <= 6


@pytest.mark.parametrize("trend", ["higher_is_riskier", "lower_is_riskier"])
def test_a_declared_trend_is_kept_on_noisy_data(trend):
    x, y = risky(noise=1.5)
    x = x if trend == "higher_is_riskier" else -x
    steps = np.diff(rates(cut(x, y, trend=trend), x, y))
    assert len(steps) >= 2
    assert (steps > 0).all() if trend == "higher_is_riskier" else (steps < 0).all()


def test_data_against_the_declared_trend_give_one_bin():
    x, y = risky()
    assert cut(x, y, trend="lower_is_riskier").edges == ()


def test_auto_finds_the_direction_and_keeps_a_real_hump():
    x, y = risky()
    assert cut(x, y).trend == "higher_is_riskier"
    assert cut(-x, y).trend == "lower_is_riskier"
    rng = np.random.default_rng(3)
    hump = (rng.random(6000) < 0.05 + 0.4 * (np.abs(x := rng.normal(size=6000)) < 0.5)).astype(int)
    partition = cut(x, hump)
    assert partition.trend == "none"
    assert np.argmax(rates(partition, x, hump)) not in (0, partition.bins - 1)


def test_weights_of_0_2_to_1_are_not_truncated():
    """Whole-number counts inside optbinning lost up to 18 % of the weight of a bin."""
    x, y = risky(8000)
    w = np.random.default_rng(4).uniform(0.2, 1.0, 8000)
    assert cut(x, y, w).edges == cut(x, y, w * 1e-3).edges == cut(x, y, w * 1e4).edges


@given(st.integers(0, 10_000))
@settings(max_examples=15)
def test_whole_weights_cut_like_repeated_rows(seed):
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=300), 1)
    y = (rng.random(300) < 1 / (1 + np.exp(1 - x))).astype(int)
    w = rng.choice([2, 3, 5], 300)
    plain = {"limits": Binning(evidence=False)}
    assert (
        cut(x, y, w, **plain).edges == cut(np.repeat(x, w), np.repeat(y, w), **plain).edges == cut(x, y, w * 0.001, **plain).edges
    )


def test_a_pure_flag_keeps_its_own_bin():
    flag = np.r_[np.ones(100), np.zeros(1900)]
    y = np.r_[np.ones(100), np.zeros(1800), np.ones(100)].astype(int)
    assert cut(flag, y, trend="higher_is_riskier").edges == (1.0,)


def test_categories_are_grouped_by_weighted_rate_rare_ones_as_other():
    rng = np.random.default_rng(5)
    text = rng.choice(["a", "b", "c", "rare"], 4000, p=[0.4, 0.3, 0.297, 0.003])
    y = (rng.random(4000) < pd.Series(text).map({"a": 0.02, "b": 0.2, "c": 0.21, "rare": 0.5})).astype(int)
    partition = cut(text, y)
    assert partition.groups[0] == ("a",)
    assert {name for group in partition.groups for name in group} == {"a", "b", "c"}
    assert partition.kinds[-2:] == ("missing", "other")
    column, _ = one_column(text, y)
    assert set(partition.codes(column)[np.array(column.categories)[column.values] == "rare"]) == {len(partition.kinds) - 1}


def test_many_small_texts_are_grouped_by_rate():
    rng = np.random.default_rng(6)
    text = np.array([f"t{place:02d}" for place in rng.integers(0, 60, 20_000)])
    y = (rng.random(20_000) < np.where(text < "t30", 0.05, 0.25)).astype(int)
    partition = cut(text, y)
    assert sum(map(len, partition.groups)) == 60
    assert partition.bins <= 20
    low = [group for group in partition.groups if all(name < "t30" for name in group)]
    assert sum(map(len, low)) >= 25


def test_a_declared_share_goes_before_what_the_rows_can_carry():
    rng = np.random.default_rng(6)
    text = np.array([f"t{place:02d}" for place in rng.integers(0, 60, 20_000)])
    y = (rng.random(20_000) < np.where(text < "t30", 0.05, 0.25)).astype(int)
    column, _ = one_column(text, y)
    partition = cut(text, y, limits=Binning(min_share=0.1, max_bins=4))
    sizes = np.bincount(partition.codes(column), minlength=len(partition.kinds))[: partition.bins] / len(y)
    assert sizes.min() >= 0.1
    assert partition.bins <= 4
    common = cut(np.where(np.arange(20_000) < 400, "rare", text), y, limits=Binning(rare_share=0.03))
    assert not common.groups


def test_more_cases_carry_more_bins():
    few, many = (cut(*risky(n)).bins for n in (1000, 60_000))
    assert few <= 7 < many <= 20


def trough(seed, n=12_000):
    """Risk is half on 6 % of the rows in the middle."""
    rng = np.random.default_rng(seed)
    x = rng.random(n)
    return x, (rng.random(n) < np.where((x > 0.46) & (x < 0.52), 0.15, 0.3)).astype(int)


@pytest.mark.parametrize("seed", range(4))
def test_a_narrow_trough_is_found(seed):
    x, y = trough(seed)
    partition = cut(x, y)
    assert partition.trend == "none"
    found = rates(partition, x, y)
    middle = np.searchsorted(partition.edges, 0.49, side="right")
    assert found[middle] < 0.2
    assert 0.4 < partition.edges[middle - 1] < 0.5 < partition.edges[middle] < 0.6


@pytest.mark.parametrize("seed", range(4))
def test_a_monotone_column_and_noise_show_no_hump(seed):
    x, y = risky(12_000, seed)
    assert cut(x, y).trend == "higher_is_riskier"
    assert cut(np.random.default_rng(seed).normal(size=12_000), y).trend != "none"


def test_a_flag_of_many_rows_of_small_weight_is_cut():
    """987 rows are many rows, however small their share of the weight is."""
    rng = np.random.default_rng(9)
    flag = np.r_[np.ones(987), np.zeros(4000)]
    y = np.r_[np.arange(987) < 492, rng.random(4000) < 0.08].astype(int)
    assert cut(flag, y, np.r_[np.full(987, 1.0), np.full(4000, 60.0)]).edges == (1.0,)


def counts(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.poisson(3, n).astype(float)
    return rng, x, rng.random(n) < 0.05 + 0.04 * x


@pytest.mark.parametrize("code", [-9.0, 96.0, 99999.0])
def test_a_value_far_from_the_rest_that_breaks_the_trend_is_taken_for_a_code(code):
    rng, x, y = counts(6000, 1)
    unknown = rng.random(6000) < 0.05
    x, y = np.where(unknown, code, x), np.where(unknown, rng.random(6000) < (0.6 if code < 0 else 0.02), y).astype(int)
    partition = cut(x, y)
    assert partition.proposed == partition.special == (code,)
    assert cut(x, y, special=[]).special == ()
    assert cut(x, y, limits=Binning(evidence=False)).special == ()


def test_true_values_are_no_codes():
    rng, x, y = counts(6000, 2)
    y = y.astype(int)
    capped = np.minimum(x, 5)
    inflated = np.where(rng.random(6000) < 0.4, 0.0, 2000 + 50 * x)
    tail = np.exp(3 * rng.normal(size=6000))
    below = x - 3  # -1 is a measurement here
    for values in (x, capped, inflated, tail, below, np.where(x > 5, 96.0, x)):
        assert cut(values, y).proposed == ()


def test_a_renamed_text_is_where_the_new_one_is():
    rng = np.random.default_rng(5)
    text = rng.choice(["a", "b", "new"], 4000)
    y = (rng.random(4000) < pd.Series(text).map({"a": 0.02, "b": 0.3, "new": 0.15})).astype(int)
    text = np.where((text == "new") & (np.arange(4000) < 2000), "old", text)
    column, sample = one_column(text, y)
    groups = binning.cut(column, sample, binning=Binning(), same_as={"old": "new"}).groups
    assert ("new", "old") in groups


def test_ordered_texts_are_cut_along_their_order():
    rng = np.random.default_rng(6)
    text = rng.choice(["A", "B", "C", "D"], 4000)
    y = (rng.random(4000) < pd.Series(text).map({"A": 0.05, "B": 0.02, "C": 0.2, "D": 0.4})).astype(int)
    groups = cut(text, y, order=("A", "B", "C", "D")).groups
    assert [name for group in groups for name in group] == ["A", "B", "C", "D"]
    assert groups[0] == ("A", "B")


def test_cuts_by_hand_are_taken_as_they_are():
    x, y = risky()
    assert cut(x, y, given=[-1, 0.5, 2]).edges == (-1.0, 0.5, 2.0)
    assert cut(np.where(x > 0, "u", "v"), y, given=[["u"], ["v", "w"]]).groups == (("u",), ("v", "w"))
    with pytest.raises(DataError, match="rising"):
        cut(x, y, given=[1, 0])
    with pytest.raises(DataError, match="each text once"):
        cut(np.where(x > 0, "u", "v"), y, given=[["u"], ["u", "v"]])


def test_special_codes_fall_out_of_the_intervals():
    x, y = risky()
    x = np.where(np.arange(len(x)) % 10 == 0, -999.0, x)
    column, _ = one_column(x, y)
    partition = cut(x, y, special=[-999])
    assert min(partition.edges) > -5
    assert set(partition.codes(column)[column.values == -999]) == {partition.bins}


def test_all_missing_and_constant_columns_are_not_cut():
    y = np.tile([0, 1], 50)
    assert cut(np.full(100, np.nan), y).edges == ()
    assert cut(np.ones(100), y).edges == ()


def test_frames_of_all_kinds_are_read():
    import polars as pl
    import pyarrow as pa

    frame = pd.DataFrame({"a": [1.0, None], "b": ["u", None]})
    for other in (frame, pl.DataFrame({"a": [1.0, None], "b": ["u", None]}), pa.table({"a": [1.0, None], "b": ["u", None]})):
        found = feature_frame(other)
        assert list(found.columns) == ["a", "b"]
        assert read_column(found["b"], Factor("b", Label(zh="b", en="b"))).values.tolist() == [0, -1]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (pd.Series([1, 2], dtype="category"), True),
        (pd.Series([True, False]), False),
        (pd.Series([1, None], dtype="Int64"), False),
        (pd.Series([None, 3], dtype=object), False),
        (pd.Series([None, Decimal("1.50")], dtype=object), False),
        (pd.Series([None, None], dtype="str"), False),
        (pd.Series(["a", None]), True),
    ],
)
def test_columns_are_recognised_as_numbers_or_texts(values, text):
    assert read_column(values, Factor("x", Label(zh="x", en="x"))).text is text


def test_infinity_is_missing_with_a_warning():
    with pytest.warns(UserWarning, match="1 infinite"):
        column = read_column(pd.Series([np.inf, 1.0]), Factor("x", Label(zh="x", en="x")))
    assert column.missing.tolist() == [True, False]


def test_a_number_that_became_text_is_named_with_its_share():
    with pytest.raises(DataError, match=r"x: expected numbers.*50"):
        read_column(pd.Series(["12万", None]), Factor("x", Label(zh="x", en="x"), text=False))


def test_many_distinct_values_searched_in_groups_give_the_same_bins():
    x, y = risky(30_000)
    w = np.random.default_rng(7).choice([1, 2, 4], len(x))
    plain = {"limits": Binning(evidence=False)}
    assert (
        cut(x, y, w, **plain).edges == cut(np.repeat(x, w), np.repeat(y, w), **plain).edges == cut(x, y, w * 0.001, **plain).edges
    )
    fine = np.quantile(x, np.linspace(0, 1, 3001)[1:])
    coarse = fine[np.searchsorted(fine, x).clip(0, 2999)]
    ours, theirs = (np.array(rates(cut(v, y), v, y)) for v in (x, coarse))
    assert abs(ours[0] - theirs[0]) < 0.01
    assert abs(ours[-1] - theirs[-1]) < 0.02


def test_edges_of_bins_that_are_small_beside_the_tolerance_are_not_the_same():
    values = np.round(np.linspace(-1, 1, 2001), 3)
    weight = np.full(2001, 1 / 2001)
    edges = readable(values, weight, [908, 910, 911, 1500])
    assert list(edges) == sorted(set(edges))


def test_a_hump_is_kept_only_where_subjects_stay():
    rng = np.random.default_rng(7)
    rows = 6_000
    time = np.repeat(np.arange(5), rows // 5)
    place = rng.random(rows)
    moving = np.clip(place ** np.array([3.0, 2.0, 1.0, 0.6, 0.3])[time], 0, 1)
    trends = {}
    for name, values in (("stays", place), ("moves", moving)):
        inside = (values > 0.45) & (values < 0.55)
        y = (rng.random(rows) < np.where(inside, 0.45, 0.1)).astype(int)
        card = ScorecardClassifier(tune="off").fit(pd.DataFrame({name: values}), y, time=time)
        risks = card.predict_proba(pd.DataFrame({name: [0.05, 0.5, 0.95]}))[:, 1]
        trends[name] = risks[1] > 1.5 * max(risks[0], risks[2])
    assert trends == {"stays": True, "moves": False}
