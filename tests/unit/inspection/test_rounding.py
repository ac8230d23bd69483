"""How many are drawn."""

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditscore.errors import DrawError
from creditscore.inspection.plan import plan_inspections
from creditscore.inspection.rounding import check_floor, rounded_up, targets


@given(ratio=st.integers(1, 1_000_000), population=st.integers(0, 200_000_000))
def test_targets_are_the_exact_ceiling(ratio, population):
    assert rounded_up(ratio, population) == ceil(Fraction(ratio, 1_000_000) * population)


def test_three_per_cent_of_40065_is_1202_and_1200_is_refused():
    assert rounded_up(30_000, 40_065) == 1202
    with pytest.raises(DrawError, match=r"1,200 of 40,065 is 2\.995 %, less than 3 %: 1,202 are needed"):
        check_floor(1200, 40_065, min_ratio=0.03, where="task")
    check_floor(1202, 40_065, min_ratio=0.03, where="task")


def test_a_decimal_ratio_is_not_rounded_up_once_too_often():
    assert rounded_up(70_000, 100) == 7  # 0.07 * 100 is 7.000000000000001 as a double


@given(
    cells=st.lists(st.tuples(st.integers(10_000, 400_000), st.integers(0, 5000)), min_size=1, max_size=12),
    share=st.sampled_from([0, 1, 3, 30, 100]),
)
def test_targets_reach_the_floor_and_never_exceed_a_stratum(cells, share):
    ratios, sizes = zip(*cells, strict=True)
    needed = rounded_up(share * 10_000, sum(sizes))
    found = targets(ratios, sizes, at_least=needed)
    assert all(rounded_up(ratio, size) <= n <= size for n, ratio, size in zip(found, ratios, sizes, strict=True))
    assert sum(found) >= needed
    raised = sum(found) > sum(targets(ratios, sizes))
    assert not raised or sum(found) < needed + len(cells)


def test_a_plan_below_its_floor_is_raised_exactly_to_it():
    assert targets([29_951], [40_065], at_least=1202) == [1202]
    assert sum(targets([10_000, 20_000], [30_000, 10_065], at_least=1202)) == 1202


def test_a_plan_of_1200_for_3_percent_of_40065_is_refused_naming_1202(make_tiers, make_policy, make_task):
    tiers, ratios = make_tiers(40_065, tier="B", industry="food"), {"A": 0.01, "B": 0.02, "C": 0.1, "D": 0.3}
    with pytest.raises(DrawError, match=r"1,200 of 40,065 is 2\.995 %, less than 3 %: 1,202 are needed"):
        plan_inspections(tiers, make_policy(ratios), task=make_task(min_ratio=0.03, target=1200))
    plan = plan_inspections(tiers, make_policy(ratios), task=make_task(min_ratio=0.03, target=1202))
    assert (sum(plan.targets().values()), plan.overshoot, plan.raised) == (1202, 0, 400)
    assert "400 of them beyond the ratios" in plan.notes[0]
    with pytest.raises(DrawError, match="more than the 40,065 subjects"):
        plan_inspections(tiers, make_policy(ratios), task=make_task(target=40_066))
