"""Stability: each mistake that a published library made is a test here."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from support.cards import card, frame

from creditscore.errors import DataError
from creditscore.models.monitor import characteristic_stability, critical_value, psi, psi_table

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=5000)


@pytest.mark.parametrize(
    "values",
    [
        NORMAL,
        np.zeros(100),
        np.r_[np.zeros(95), np.ones(5)],
        np.r_[NORMAL, np.full(50, np.nan)],
        np.array(["a", "b", None, "a"], dtype=object),
        np.full(10, np.nan),
        RNG.poisson(0.05, 3000),
        [True, False, True],
    ],
)
def test_a_sample_is_as_stable_as_can_be_against_itself(values):
    assert psi(values, values) == 0


def test_disjoint_samples_have_a_large_psi():
    assert psi(NORMAL, NORMAL + 100) > 5
    assert psi(NORMAL + 100, NORMAL) > 5
    assert psi(["a"] * 500, ["b"] * 500) > 5


def test_a_category_that_is_new_counts():
    before, after = ["a"] * 700 + ["b"] * 300, ["a"] * 490 + ["b"] * 210 + ["new"] * 300
    table = psi_table(before, after)
    assert psi(before, after) > 0.5
    assert table.set_index("Bin").loc["unseen", "Count A"] == 300


def test_a_category_that_vanished_counts():
    assert psi(["a"] * 700 + ["b"] * 300, ["a"] * 1000) > 0.5


def test_missing_is_a_bin_of_its_own():
    after = NORMAL.copy()
    after[:2500] = np.nan
    assert psi(NORMAL, after) > 1
    assert psi_table(NORMAL, after).set_index("Bin").loc["missing", "Count A"] == 2500
    assert psi(["a", "b"] * 100, ["a", None] * 100) > 1


def test_infinite_values_are_missing():
    assert psi(np.r_[NORMAL, np.inf], np.r_[NORMAL, np.nan]) == 0


def test_values_outside_the_reference_stay_in_the_end_bins():
    table = psi_table(NORMAL, NORMAL * 10)
    assert table["Count A"].iloc[:-1].sum() == 5000
    assert psi(NORMAL, NORMAL * 10) > 1


def test_skewed_values_are_cut_by_quantiles_not_by_width():
    before = RNG.lognormal(sigma=3, size=20_000)
    assert psi(before, before * 2) > 0.03


def test_bins_are_as_many_as_asked_for():
    shifted = NORMAL + 0.5
    found = [psi(NORMAL, shifted, bins=bins) for bins in (2, 5, 10, 30)]
    assert len({round(one, 6) for one in found}) == 4
    assert [len(psi_table(NORMAL, shifted, bins=bins)) - 1 for bins in (5, 10, 30)] == [5, 10, 30]


def test_repeated_quantiles_give_no_duplicate_bin_and_hide_no_change():
    before = np.r_[np.zeros(960), np.ones(40)]
    after = np.r_[np.zeros(500), np.ones(500)]
    assert psi(before, after) > 1
    assert psi_table(before, after)["Bin"].is_unique


def test_a_constant_reference_sees_any_change():
    assert psi(np.full(500, 3.0), np.full(500, 3.1)) > 5
    assert psi(np.full(500, 3.0), np.full(500, 2.9)) > 5


def test_an_all_missing_reference_sees_values():
    assert psi(np.full(500, np.nan), NORMAL[:500]) > 5


def test_the_smoothing_is_on_both_sides_and_hardly_decides():
    before = np.repeat(["a", "b"], [950, 50])
    gone = np.repeat(["a"], 1000)
    forward, back = psi(before, gone), psi(gone, before)
    assert forward == pytest.approx(back)
    assert 0.1 < forward < 0.5


def test_equal_shares_of_another_size_are_nearly_zero():
    assert psi(np.repeat(["a", "b"], [900, 100]), np.repeat(["a", "b"], [90, 10])) < 1e-3


def test_the_empty_bin_is_finite():
    assert np.isfinite(psi(["a"] * 3, ["b"]))


def test_terms_sum_to_the_psi_and_shares_to_one():
    table = psi_table(NORMAL, NORMAL + 0.3)
    assert list(table) == ["Bin", "Count A", "Count E", "Count A (%)", "Count E (%)", "PSI", "Critical"]
    assert table["PSI"].iloc[:-1].sum() == pytest.approx(psi(NORMAL, NORMAL + 0.3))
    assert table["Count A (%)"].iloc[:-1].sum() == pytest.approx(1)
    assert table["PSI"].iloc[-1] == psi(NORMAL, NORMAL + 0.3)


def test_one_in_twenty_unchanged_samples_exceeds_the_critical_value():
    rng = np.random.default_rng(1)
    critical = critical_value(10, 1000, 200)
    above = sum(psi(rng.normal(size=1000), rng.normal(size=200)) > critical for _ in range(400))
    assert 8 <= above <= 40


def test_weights_count_as_rows_do():
    w = RNG.integers(1, 4, 5000)
    weighted = psi_table(NORMAL, NORMAL + 0.2, weights=(w, None))
    repeated = psi_table(np.repeat(NORMAL, w), NORMAL + 0.2)
    assert weighted["Count E (%)"].tolist() == pytest.approx(repeated["Count E (%)"].tolist())
    assert weighted["Count E"].iloc[-1] == pytest.approx(w.sum() ** 2 / (w**2).sum())
    assert psi(NORMAL, NORMAL, weights=(w * 0.001, w * 0.001)) == 0
    assert psi(NORMAL, NORMAL + 0.2, weights=(w, w)) == pytest.approx(psi(NORMAL, NORMAL + 0.2, weights=(w * 9, w * 0.1)))


def test_the_order_of_rows_changes_nothing():
    order = RNG.permutation(5000)
    assert psi(NORMAL[order], (NORMAL + 1)[order]) == psi(NORMAL, NORMAL + 1)


def test_pandas_polars_and_lists_are_taken_alike():
    wanted = psi(NORMAL, NORMAL + 0.2)
    assert psi(pd.Series(NORMAL), pl.Series(NORMAL + 0.2)) == wanted
    assert psi(list(NORMAL), list(NORMAL + 0.2)) == wanted
    texts = ["a", "b", None] * 10
    wanted = psi(texts, texts[:7])
    assert psi(pd.Series(texts, dtype="category"), pl.Series(texts[:7])) == wanted


@pytest.mark.parametrize(
    ("before", "after", "options", "said"),
    [
        ([], [1.0], {}, "rows on both sides"),
        ([1.0], [], {}, "rows on both sides"),
        (["a"], [1.0], {}, "expected texts"),
        ([1.0], ["a"], {}, "expected texts"),
        ([1.0], [1.0], {"bins": 1}, "bins: expected 2"),
        ([1.0], [1.0], {"weights": ([1, 2], None)}, "weights: expected 1"),
        ([1.0], [1.0], {"weights": ([-1], None)}, "weights"),
        ([1.0], [1.0], {"weights": ([0], None)}, "weights"),
    ],
)
def test_data_that_cannot_be_compared_are_refused(before, after, options, said):
    with pytest.raises(DataError, match=said):
        psi(before, after, **options)


def test_a_card_over_one_frame_twice_has_moved_nowhere():
    found = characteristic_stability(card(), frame(), frame())
    assert found.index.tolist() == list(card().features)
    assert (found[["psi", "points_shift"]] == 0).all(axis=None)


def test_missing_and_unseen_values_move_the_card():
    after = frame().assign(arrears=np.nan, grade="never seen")
    found = characteristic_stability(card(), frame(), after)
    assert (found.loc[["arrears", "grade"], "psi"] > 0.5).all()
    assert found.loc["grade", "other_actual"] == 1
    assert found.loc["arrears", "missing_actual"] == 1
    shift = card().points(after).mean() - card().points(frame()).mean()
    assert found["points_shift"].tolist() == pytest.approx(shift[list(card().features)].tolist())


def test_a_change_of_unit_shows_in_the_medians():
    after = frame().assign(share=frame()["share"] / 10_000)
    found = characteristic_stability(card(), frame(), after)
    assert found.loc["share", "median_expected"] / found.loc["share", "median_actual"] == pytest.approx(10_000)


def test_weights_of_both_frames_enter():
    w = np.random.default_rng(0).integers(1, 4, 400)
    found = characteristic_stability(card(), frame(), frame(seed=1), weights=(w, None))
    repeated = characteristic_stability(card(), frame().loc[np.repeat(frame().index, w)], frame(seed=1))
    assert found["points_shift"].tolist() == pytest.approx(repeated["points_shift"].tolist())


def test_the_figure_is_that_of_the_definition():
    e, a = np.array([9.5, 1.5]) / 11, np.array([4.5, 1.5]) / 6
    assert psi(["a"] * 9 + ["b"], ["a"] * 4 + ["b"]) == pytest.approx(((a - e) * np.log(a / e)).sum(), abs=1e-15)
