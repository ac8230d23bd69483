"""The range of scores of a card: with crosses, too, its ends can be had."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cards import card, cross, number

from creditscore.models import score_range
from creditscore.models.score_range import least_sum

POINTS = st.integers(-40, 40)


@st.composite
def sums(draw):
    """Up to five characteristics with up to four attributes, and up to seven crosses of them."""
    names = "abcde"[: draw(st.integers(1, 5))]
    points = {name: draw(st.lists(POINTS, min_size=1, max_size=4)) for name in names}
    pairs = (
        draw(st.lists(st.tuples(*[st.sampled_from(names)] * 2).filter(lambda pair: pair[0] != pair[1]), max_size=7))
        if names[1:]
        else []
    )
    grids = [draw(st.lists(POINTS, min_size=size, max_size=size)) for size in (len(points[a]) * len(points[b]) for a, b in pairs)]
    together = [
        (pair, np.array(grid).reshape([len(points[name]) for name in pair])) for pair, grid in zip(pairs, grids, strict=True)
    ]
    return points, together


def by_enumeration(points, together):
    """Every combination, one by one."""
    return min(
        sum(points[name][at[name]] for name in points) + sum(grid[at[a], at[b]] for (a, b), grid in together)
        for at in (dict(zip(points, chosen, strict=True)) for chosen in product(*(range(len(own)) for own in points.values())))
    )


@settings(max_examples=150, deadline=None)
@given(sums())
def test_the_least_sum_is_that_of_all_combinations(given_sums):
    assert least_sum(*given_sums) == by_enumeration(*given_sums)


@settings(max_examples=50, deadline=None)
@given(sums())
def test_where_there_are_too_many_combinations_the_sum_is_a_lower_bound(given_sums):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(score_range, "_MOST", 3)
        assert least_sum(*given_sums) <= by_enumeration(*given_sums)


def crossed():
    """Three numbers and two crosses that share one; what one attribute adds the crosses take away."""
    a, b, c = number("a", (0,), (30, -30)), number("b", (0,), (10, -10)), number("c", (1,), (5, -5))
    halves, whole = ((0,), (1, 2)), ((0, 1), (2,))
    crosses = (cross(a, b, (halves, whole), ((-25, 0), (25, 3))), cross(a, c, (halves, halves), ((-8, 1), (0, 2))))
    return card(characteristics=(a, b, c, *crosses), constant=100, baselines=())


def test_the_ends_of_a_cards_range_can_be_had_and_nothing_lies_beyond():
    one = crossed()
    by_name = {each.name: each for each in one.characteristics}
    scores = []
    for chosen in product(range(3), repeat=3):
        at = dict(zip("abc", chosen, strict=True))
        score = one.constant + sum(by_name[name].attributes[position].points for name, position in at.items())
        for each in one.characteristics[3:]:
            pair = tuple(at[name] for name in each.features)
            score += next(cell.points for cell in each.attributes if pair in set(product(*cell.sides)))
        scores.append(score)
    assert (one.lowest, one.highest) == (min(scores), max(scores))
    apart = sum(min(a.points for a in each.attributes) for each in one.characteristics)
    assert one.lowest > one.constant + apart


def test_points_that_a_cross_takes_back_must_be_small_all_the_same():
    a, b = number("a", (0,), (600_000, 0)), number("b", (0,), (0, 0))
    both = cross(a, b, (((0,), (1, 2)), ((0,), (1, 2))), ((-600_000, -600_000), (0, 0)))
    with pytest.raises(ValueError, match="32-bit"):
        card(characteristics=(a, b, both), baselines=())
