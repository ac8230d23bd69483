"""Reason codes: what cost most against the baseline, and what could still be gained."""

import numpy as np
import pandas as pd
import pytest
from support.cards import card, frame, number

from creditscore.errors import DataError
from creditscore.models import reasons
from creditscore.models.scorecard import Baseline


def slow_reasons(one, points, top):
    """The definition, row by row."""
    score = one.constant + sum(points.values())
    cuts = sorted(b.above_score for b in one.baselines if b.above_score is not None and b.above_score > score)
    chosen = next(b for b in one.baselines if b.above_score == (cuts[0] if cuts else None))
    gaps = sorted((-(chosen.points[name] - own), name) for name, own in points.items() if chosen.points[name] > own)
    return [name for _, name in gaps][:top] + [None] * (top - len(gaps))


@pytest.mark.parametrize("top", [1, 4, 5, 9])
def test_reasons_are_those_of_the_definition(top):
    found = card().reasons(frame(), top=top).astype(object)
    own = card().points(frame()).to_dict("records")
    assert found.where(found.notna(), None).to_numpy().tolist() == [slow_reasons(card(), points, top) for points in own]


def test_differences_sum_to_baseline_score_minus_own():
    own = card().scores(frame())
    total = reasons.differences(card(), frame()).sum(axis=1) + own
    by_cut = {b.above_score: 512 + sum(b.points.values()) for b in card().baselines}
    wanted = [by_cut[min((c for c in (480, 510) if c > s), default=None)] for s in own]
    assert total.tolist() == wanted


def test_the_baseline_is_that_of_the_next_better_cut():
    one = card(
        characteristics=(number("x", (1, 2, 3), (-33, -32, -2, 0)),),
        baselines=(
            Baseline(name="population", points={"x": 100}),
            Baseline(name="B", above_score=510, points={"x": 10}),
            Baseline(name="C", above_score=480, points={"x": 1}),
        ),
    )
    found = reasons.differences(one, pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0]}))["x"]
    assert found.tolist() == [34, 42, 100 + 2, 100]


def test_ties_go_by_name_whatever_the_order_of_the_card():
    ones = [number(name, (1,), (-5, 5)) for name in ("b", "c", "a")]
    base = Baseline(name="population", points={"a": 0, "b": 0, "c": 0})
    rows = pd.DataFrame({"a": [0], "b": [0], "c": [0]})
    for order in (ones, ones[::-1]):
        found = card(characteristics=tuple(order), baselines=(base,)).reasons(rows)
        assert found.iloc[0].dropna().tolist() == ["a", "b", "c"]


def test_points_at_or_above_the_baseline_are_not_a_reason():
    found = card().reasons(frame(1).assign(arrears=0.0, share=2.5, grade="优", training=7, age=1000.0))
    assert found.isna().all(axis=None)


def test_missing_is_a_reason_like_any():
    found = card().reasons(frame(1).assign(arrears=np.nan, share=2.5, grade="优", training=7, age=1000.0))
    assert found.iloc[0].dropna().tolist() == ["arrears"]


def test_improvements_are_points_to_the_best_attribute():
    found = card().improvements(frame())
    assert (found >= 0).all(axis=None)
    assert ((found + card().points(frame())).max() == [12, 17, 25, 6, 6]).all()
    assert list(found) == list(card().features)


def test_at_least_one_reason_is_asked_for():
    with pytest.raises(DataError, match="top"):
        card().reasons(frame(), top=0)
