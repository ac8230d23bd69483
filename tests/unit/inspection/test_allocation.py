"""The ratio table that finds most: where the visits go, what binds, what a floor costs."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from creditscore.config.spec import Label
from creditscore.config.tasks import Task
from creditscore.errors import DataError
from creditscore.inspection.allocation import allocate_visits
from creditscore.inspection.forecast import PolicyForecast

FLOORS = {"A": 0.01, "B": 0.02, "C": 0.05, "D": 0.1, "NR": 0.02}
RATES = {"A": 0.02, "B": 0.08, "C": 0.2, "D": 0.5, "NR": 0.1}
SIZES = {"A": 6000, "B": 2500, "C": 1000, "D": 300, "NR": 200}


def told(sizes=SIZES, rates=RATES, industry="food", on_site=None, full=False):
    rows = [
        {
            "tier": t, "industry": industry, "population": n, "visits": 0, "rate": rates[t], "extrapolated": False,
            "full_coverage": full, "on_site_share": (on_site or {}).get(t, 1.0),
        }
        for t, n in sizes.items()
    ]  # fmt: skip
    return PolicyForecast(pd.DataFrame(rows), pd.DataFrame(), {}, 0.95, (), pd.DataFrame())


def task(name, department, **more):
    day = dt.date(2024, 4, 1)
    return Task(id=name, label=Label(zh=name, en=name), item="item", department=department, start=day, end=day, **more)


TASKS = {"food": task("food", "market"), "safety": task("safety", "safety")}


def allocated(capacity=1000, *, floors=FLOORS, caps=None, tasks=TASKS, forecasts=None):
    return allocate_visits(
        forecasts or {"food": told()}, tasks=tasks, capacity={"market": capacity, "safety": 500}, floors=floors, caps=caps
    )


def test_the_riskiest_are_visited_first_within_the_floors():
    found = allocated().strata.set_index("tier")
    # 60 + 50 + 50 + 30 + 4 visits are floors; D takes 270 more and is all seen; C takes the rest.
    assert found.loc["D", "ratio_ppm"] == 1_000_000
    assert found.loc["C", "visits"] == pytest.approx(1000 - 300 - 60 - 50 - 4, abs=0.01)
    assert found.loc[["A", "B", "NR"], "ratio_ppm"].tolist() == [10_000, 20_000, 20_000]


def test_no_random_feasible_table_finds_more():
    best = allocated().expected
    rng = np.random.default_rng(0)
    sizes, rates, least = (np.array([of[t] for t in "ABCD"]) for of in (SIZES, RATES, FLOORS))
    for _ in range(2000):
        ratio = np.sort(rng.random(4) ** rng.integers(1, 8))
        ratio = np.maximum(ratio, least)
        nr = max(ratio[1], FLOORS["NR"])
        if ratio @ sizes + nr * SIZES["NR"] <= 1000:
            assert ratio @ (sizes * rates) + nr * SIZES["NR"] * RATES["NR"] <= best + 1e-6


def test_ratios_never_fall_from_a_to_d_whatever_the_violations():
    odd = told(rates={**RATES, "B": 0.6})
    found = allocated(forecasts={"food": odd}).strata.set_index("tier")["ratio_ppm"]
    assert found[["A", "B", "C", "D"]].is_monotonic_increasing
    assert found["NR"] >= found["B"]


def test_capacities_of_departments_and_tasks_hold():
    tasks = {"food": task("food", "market"), "fire": task("fire", "market", capacity=300), "safety": task("safety", "safety")}
    forecasts = {"food": told(), "fire": told(industry="hotels"), "safety": told()}
    found = allocated(1200, tasks=tasks, forecasts=forecasts)
    visits = found.strata.groupby("task")["visits"].sum()
    assert visits["fire"] <= 300
    assert visits["food"] + visits["fire"] <= 1200
    assert visits["safety"] <= 500
    assert set(found.departments["department"]) == {"market", "safety"}


def test_the_price_of_a_visit_is_what_one_more_would_find():
    one, more = allocated(1000), allocated(1001)
    price = one.departments.set_index("department").loc["market", "price"]
    assert price == pytest.approx(RATES["C"])
    assert more.expected - one.expected == pytest.approx(price)


def test_the_price_of_a_floor_is_the_gain_without_it():
    prices = allocated().floors.set_index("tier")["price"]
    # 60 visits of A move to C, 50 of B too; the floors of C and D bind nobody.
    assert prices["A"] == pytest.approx(60 * (RATES["C"] - RATES["A"]))
    assert prices["D"] == prices["C"] == 0


def test_caps_of_ratios_hold():
    found = allocated(caps={"D": 0.5}).strata.set_index("tier")
    assert found.loc["D", "ratio_ppm"] == 500_000
    assert found.loc["C", "ratio_ppm"] <= 500_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"capacity": 100}, "market needs 194 and has 100"),
        ({"floors": {**FLOORS, "A": 0.0}}, "no tier is exempt"),
        ({"floors": {"A": 0.1}}, "tier B"),
        ({"caps": {"A": 0.001}}, "tier A"),
    ],
)
def test_an_infeasible_problem_is_refused_with_the_reason(change, message):
    with pytest.raises(DataError, match=message):
        allocated(**{"capacity": 1000, **change})


def test_a_department_without_visits_is_named():
    with pytest.raises(DataError, match="safety"):
        allocate_visits({"safety": told()}, tasks=TASKS, capacity={"market": 10}, floors=FLOORS)


def test_off_site_visits_find_nothing_so_visits_go_on_site():
    found = allocated(forecasts={"food": told(on_site={"D": 0.1})}).strata.set_index("tier")
    assert found.loc["D", "finds"] == pytest.approx(0.05)
    assert found["expected"].sum() == pytest.approx((found["visits"] * found["rate"] * found["on_site_share"]).sum())
    assert found.loc["C", "visits"] > allocated().strata.set_index("tier").loc["C", "visits"]


@pytest.mark.parametrize("floor", [{"min_ratio": 0.05}, {"target": 500}])
def test_a_tasks_floor_holds_although_another_task_finds_more(floor):
    tasks = {"food": task("food", "market"), "poor": task("poor", "market", **floor)}
    poor = told(rates={tier: rate / 100 for tier, rate in RATES.items()})
    found = allocated(1000, tasks=tasks, forecasts={"food": told(), "poor": poor}).strata
    assert found.groupby("task")["visits"].sum()["poor"] >= 500 - 0.1
    with pytest.raises(DataError, match="market needs 694 and has 600"):
        allocated(600, tasks=tasks, forecasts={"food": told(), "poor": poor})


def test_full_coverage_holds_whatever_would_find_more():
    poor = told(sizes={"A": 100, "B": 50}, rates=dict.fromkeys(RATES, 0.001), industry="mining", full=True)
    both = replace(told(), strata=pd.concat([told().strata, poor.strata]))
    best = allocated(forecasts={"food": both}, caps={"A": 0.5})
    mining = best.strata[best.strata["industry"] == "mining"]
    assert mining["ratio_ppm"].tolist() == [1_000_000, 1_000_000]
    assert best.floors.set_index("tier").loc["A", "price"] == pytest.approx(60 * (RATES["C"] - RATES["A"]))
    with pytest.raises(DataError, match="market needs 344 and has 300"):
        allocated(300, forecasts={"food": both})


def test_the_optimum_equals_exhaustive_search_on_a_small_case():
    """Whole hundredths of ratios; sizes of 100, so that a table has whole visits; the optimum of such a case lies on the grid."""
    rng = np.random.default_rng(3)
    tiers, floors = ("A", "B", "C"), {"A": 0.1, "B": 0.1, "C": 0.2}
    for _ in range(20):
        rates = dict(zip(tiers, rng.random(3).round(2), strict=True))
        capacity = int(rng.integers(4, 28)) * 10
        if capacity < 40:
            continue
        best = allocated(capacity, floors=floors, forecasts={"food": told(sizes=dict.fromkeys(tiers, 100), rates=rates)})
        grid = [(a, b, c) for a in range(10, 101) for b in range(a, 101) for c in range(max(b, 20), 101) if a + b + c <= capacity]
        tried = max(a * rates["A"] + b * rates["B"] + c * rates["C"] for a, b, c in grid)
        assert best.expected == pytest.approx(tried, abs=1.0)
        assert best.expected >= tried - 1e-9
