"""Score and probability: one function of a whole number."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cards import card, frame

from creditscore.config.scorecards import Scaling
from creditscore.models import scoring


def test_the_anchor_has_its_odds_and_pdo_doubles_them():
    scaling = Scaling(base_score=600, base_odds=50, pdo=20)
    for steps in range(-3, 4):
        p = scoring.of_score(scaling, 600 + 20 * steps)
        assert (1 - p) / p == pytest.approx(50 * 2**steps, rel=1e-12)


def test_score_and_probability_agree_for_missing_special_and_unseen():
    found = card().predict_proba(frame())[:, 1]
    assert np.abs(scoring.score_of(card().scaling, found) - card().scores(frame())).max() < 1e-6


def test_probabilities_sum_to_one_and_fall_with_the_score():
    both = card().predict_proba(frame())
    assert both.shape == (400, 2)
    assert np.allclose(both.sum(axis=1), 1, atol=1e-15)
    order = np.argsort(card().scores(frame()).to_numpy(), kind="stable")
    assert (np.diff(both[order, 1]) <= 0).all()


def test_ppm_is_rounded_half_up_everywhere():
    # Half to even would give 0, 2, 2 and 4.
    assert scoring.ppm_of([0.5e-6, 1.5e-6, 2.5e-6, 4.5e-6]).tolist() == [1, 2, 3, 5]
    scores = range(400, 700)
    exact = scoring.probability_table(card().scaling, 400, 699)
    assert scoring.ppm_of(exact).tolist() == [scoring.ppm_of_score(card().scaling, score) for score in scores]


def test_ppm_is_the_probability_in_millionths():
    scores = card().scores(frame())
    ppm = scoring.probability_ppm(card(), scores)
    assert ppm.dtype == np.int32
    assert ppm.index.equals(scores.index)
    assert np.abs(ppm - card().predict_proba(frame())[:, 1] * 1e6).max() <= 0.5


@settings(max_examples=200)
@given(st.floats(1e-3, 1e5), st.floats(0.5, 500), st.integers(0, 2000), st.integers(-20_000, 20_000))
def test_probability_is_finite_and_ppm_in_range_at_any_score(odds, pdo, base, score):
    scaling = Scaling(base_score=base, base_odds=odds, pdo=pdo)
    assert 0 <= scoring.of_score(scaling, score) <= 1
    assert 0 <= scoring.ppm_of_score(scaling, score) <= 1_000_000


@settings(max_examples=100)
@given(st.floats(1e-3, 1e5), st.floats(0.5, 500))
def test_beyond_the_saturated_scores_the_ppm_is_constant(odds, pdo):
    scaling = Scaling(base_odds=odds, pdo=pdo)
    low, high = scoring.saturated(scaling)
    assert {scoring.ppm_of_score(scaling, s) for s in (low, low - 1, low - 10_000)} == {1_000_000}
    assert {scoring.ppm_of_score(scaling, s) for s in (high, high + 1, high + 10_000)} == {0}


def test_scores_whose_ppm_is_near_a_half_are_found():
    # odds such that p at the base score is (250000 + 1/2) ppm exactly
    p = 250_000.5 / 1e6
    scaling = Scaling(base_score=600, base_odds=(1 - p) / p, pdo=20)
    assert scoring.near_half(scaling, 590, 610) == (600,)
    assert math.isclose(scoring.of_score(scaling, 600), p)
