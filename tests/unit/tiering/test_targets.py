"""How many are drawn."""

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditscore.errors import DrawError
from creditscore.tiering.targets import check_floor, rounded_up, targets


@given(ratio=st.integers(1, 1_000_000), population=st.integers(0, 200_000_000))
def test_targets_are_the_exact_ceiling(ratio, population):
    assert rounded_up(ratio, population) == ceil(Fraction(ratio, 1_000_000) * population)


def test_three_per_cent_of_40065_is_1202_and_1200_is_refused():
    assert rounded_up(30_000, 40_065) == 1202
    with pytest.raises(DrawError, match=r"1,200 of 40,065 is 2\.995 %, less than 3 %: 1,202 are needed"):
        check_floor(1200, 40_065, min_ratio=0.03, where="task")
    check_floor(1202, 40_065, min_ratio=0.03, where="task")


def test_a_ratio_that_binary_cannot_hold_is_not_rounded_up_once_too_often():
    assert rounded_up(70_000, 100) == 7  # 0.07 * 100 is 7.000000000000001 as a double


@given(
    cells=st.lists(st.tuples(st.integers(10_000, 400_000), st.integers(0, 5000)), min_size=1, max_size=12),
    floor=st.sampled_from([None, 0.01, 0.03, 0.3, 1.0]),
)
def test_targets_reach_the_floor_and_never_exceed_a_stratum(cells, floor):
    ratios, sizes = zip(*cells, strict=True)
    found = targets(ratios, sizes, min_ratio=floor)
    assert all(rounded_up(ratio, size) <= n <= size for n, ratio, size in zip(found, ratios, sizes, strict=True))
    if floor is not None:
        needed = rounded_up(round(floor * 1_000_000), sum(sizes))
        assert sum(found) >= needed
        raised = sum(found) > sum(targets(ratios, sizes, min_ratio=None))
        assert not raised or sum(found) < needed + len(cells)


def test_a_plan_below_its_floor_is_raised_to_it_and_not_beyond():
    assert targets([29_951], [40_065], min_ratio=0.03) == [1202]
    assert sum(targets([10_000, 20_000], [30_000, 10_065], min_ratio=0.03)) == 1202
