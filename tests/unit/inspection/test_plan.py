"""The frame of a task: who is in it, who left, how many are drawn, what is hashed."""

import datetime as dt

import pandas as pd
import pytest
from support.seeds import numbers
from support.tasks import draw, publish

from creditscore.errors import DataError, DrawError
from creditscore.inspection.plan import plan_inspections
from creditscore.inspection.verify import verify_plan

DAY = dt.date(2024, 3, 1)


def visits(ids, *, on=DAY, trigger="random"):
    return pd.DataFrame({"subject_id": ids, "event_date": on, "known_date": on, "trigger": trigger})


def test_strata_are_task_tier_and_industry_with_targets_rounded_up(make_tiers, make_policy, make_task):
    plan = plan_inspections(make_tiers(), make_policy(), task=make_task())
    assert set(plan.frame["stratum"]) == set(plan.strata["stratum"])
    for row in plan.strata.itertuples():
        assert row.stratum == f"2024Q2-food|{row.tier}|{row.industry}"
        assert row.target == -(-row.ratio_ppm * row.population // 1_000_000)
    assert plan.strata.set_index("stratum")["population"].to_dict() == plan.frame["stratum"].value_counts().to_dict()


def test_not_rated_subjects_are_framed_even_without_industry(make_tiers, make_policy, make_task):
    tiers = make_tiers(tier="NR")
    tiers.frame["industry"] = pd.Series([None] * len(tiers.frame), dtype="str")
    plan = plan_inspections(tiers, make_policy(), task=make_task(population={"industries": ["food"]}))
    assert plan.strata["stratum"].tolist() == ["2024Q2-food|NR|unknown"]
    assert plan.strata["target"].tolist() == [6]


def test_every_tier_has_a_probability_above_zero(make_tiers, make_policy, make_task):
    plan = plan_inspections(make_tiers(), make_policy(), task=make_task())
    assert plan.frame["inclusion_probability"].min() > 0
    assert set(plan.frame["tier"]) == {"A", "B", "C", "D", "NR"}


def test_exempt_subjects_leave_before_the_draw_with_their_reason(make_tiers, make_policy, make_task):
    tiers = make_tiers(40, tier="A", industry="food")
    register = pd.DataFrame({"subject_id": tiers.frame["subject_id"], "status": ["deregistered", *["active"] * 39]})
    history = pd.concat(
        [visits(["S00001"]), *(visits(["S00002"], on=dt.date(2024, 2, day), trigger="complaint") for day in (1, 5, 9, 13))]
    )
    policy = make_policy(each={"repeat_within_months": 12})
    plan = plan_inspections(tiers, policy, task=make_task(), history=history, subjects=register)
    reasons = plan.frame.set_index("subject_id")["exempt_reason"]
    assert reasons[reasons != ""].to_dict() == {"S00000": "deregistered", "S00001": "repeat", "S00002": "annual_cap"}
    assert plan.strata["population"].tolist() == [37]
    assert (plan.frame.loc[plan.frame["exempt_reason"] != "", "inclusion_probability"] == 0).all()


@pytest.mark.parametrize(
    ("on", "trigger", "exempt"),
    [
        (dt.date(2023, 5, 1), "random", False),  # twelve months before the start: over
        (dt.date(2023, 5, 2), "random", True),
        (dt.date(2024, 4, 30), "random", True),
        (dt.date(2024, 5, 1), "random", False),  # after the day of the tiers: not known
        (dt.date(2024, 3, 1), "complaint", False),
    ],
)
def test_a_recent_random_draw_exempts_and_nothing_else_does(make_tiers, make_policy, make_task, on, trigger, exempt):
    policy = make_policy(each={"repeat_within_months": 12})
    history = visits(["S00001"], on=on, trigger=trigger)
    plan = plan_inspections(make_tiers(10, tier="B", industry="food"), policy, task=make_task(), history=history)
    assert (plan.frame["exempt_reason"] == "repeat").any() == exempt


def test_four_visits_on_one_day_are_one_for_the_cap(make_tiers, make_policy, make_task):
    history = visits(["S00001"] * 4, trigger="special")
    plan = plan_inspections(make_tiers(10, tier="B", industry="food"), make_policy(), task=make_task(), history=history)
    assert (plan.frame["exempt_reason"] == "").all()


def test_full_coverage_takes_all_whatever_was_visited_recently(make_tiers, make_policy, make_task):
    policy = make_policy(full_coverage=["food"], each={"repeat_within_months": 12})
    plan = plan_inspections(make_tiers(20, tier="A", industry="food"), policy, task=make_task(), history=visits(["S00001"]))
    assert plan.strata["target"].tolist() == [20]


def test_the_floor_of_a_task_raises_the_targets(make_tiers, make_policy, make_task):
    tiers = make_tiers(2000, tier="B", industry="food")
    assert plan_inspections(tiers, make_policy(), task=make_task()).strata["target"].sum() == 40
    assert plan_inspections(tiers, make_policy(), task=make_task(min_ratio=0.03)).strata["target"].sum() == 60


def test_a_plan_beyond_the_capacity_is_noted(make_tiers, make_policy, make_task):
    plan = plan_inspections(make_tiers(), make_policy(), task=make_task(capacity=3))
    assert any("capacity of 3" in note for note in plan.notes)


def test_the_overshoot_of_rounding_up_is_reported(make_tiers, make_policy, make_task):
    plan = plan_inspections(make_tiers(), make_policy(), task=make_task())
    exact = (plan.strata["ratio_ppm"] * plan.strata["population"]).sum() / 1_000_000
    assert plan.overshoot == plan.strata["target"].sum() - -(-exact // 1)
    assert any(f"{plan.overshoot:,} of them" in note for note in plan.notes)


def test_regions_cover_their_parts_and_form_strata_on_request(make_tiers, make_policy, make_task):
    tiers = make_tiers(4, tier="B", industry="food")
    register = pd.DataFrame({"subject_id": tiers.frame["subject_id"], "region": ["431102", "431103", "430102", ""], "name": "某"})
    plan = plan_inspections(
        tiers, make_policy(), task=make_task(population={"regions": ["431100"]}, by_region=True), subjects=register
    )
    assert plan.strata["stratum"].tolist() == [
        "2024Q2-food|B|food|431102",
        "2024Q2-food|B|food|431103",
        "2024Q2-food|B|food|unknown",
    ]


def test_regions_without_a_register_are_refused(make_tiers, make_policy, make_task):
    with pytest.raises(DataError, match="regions: expected a register"):
        plan_inspections(make_tiers(), make_policy(), task=make_task(population={"regions": ["4311"]}))


def test_ratios_of_an_industry_or_task_override_the_general_ones(make_tiers, make_policy, make_task, make_rules):
    policy = make_policy(
        industry={"food": make_rules({"B": 0.05, "NR": 0.05})}, task={"2024Q3": make_rules({"B": 0.08, "NR": 0.08})}
    )
    tiers = make_tiers(100, tier="B", industry="food")
    assert plan_inspections(tiers, policy, task=make_task()).strata["target"].tolist() == [5]
    assert plan_inspections(tiers, policy, task=make_task(id="2024Q3")).strata["target"].tolist() == [8]


def test_the_frame_hash_follows_content_and_not_row_order(make_tiers, make_policy, make_task):
    tiers = make_tiers()
    plan = plan_inspections(tiers, make_policy(), task=make_task())
    shuffled = type(tiers)(tiers.frame.sample(frac=1, random_state=5))
    assert plan_inspections(shuffled, make_policy(), task=make_task()).frame_hash == plan.frame_hash
    others = [
        plan_inspections(tiers, make_policy({"A": 0.011}), task=make_task()),
        plan_inspections(tiers, make_policy(), task=make_task(end=dt.date(2024, 7, 1))),
        plan_inspections(type(tiers)(tiers.frame.iloc[1:]), make_policy(), task=make_task()),
    ]
    assert len({plan.frame_hash, *(other.frame_hash for other in others)}) == 4


def test_a_second_draw_of_the_same_plan_is_refused(make_tiers, make_policy, make_task):
    frame = publish(plan_inspections(make_tiers(), make_policy(), task=make_task()))
    frame.draw(seed=numbers("one"))
    with pytest.raises(DrawError, match="drawn already"):
        frame.draw(seed=numbers("two"))


@pytest.mark.parametrize("state", ["draft", "published"])
def test_a_frame_changed_after_it_was_hashed_is_neither_published_nor_drawn(make_tiers, make_policy, make_task, state):
    plan = plan_inspections(make_tiers(), make_policy(), task=make_task())
    frame = publish(plan) if state == "published" else plan
    frame.frame.loc[0, "tier"] = "A" if frame.frame.loc[0, "tier"] != "A" else "B"
    with pytest.raises(DrawError, match="not the one whose hash was fixed"):
        publish(plan) if state == "draft" else frame.draw(seed=numbers("one"))


def test_the_draw_takes_each_target_and_no_exempt_subject(make_tiers, make_policy, make_task):
    policy = make_policy(each={"repeat_within_months": 12})
    plan = plan_inspections(make_tiers(), policy, task=make_task(), history=visits([f"S{place:05d}" for place in range(0, 300, 7)]))
    drawn = draw(plan, seed=numbers("one"))
    counts = drawn.sample.groupby("stratum")["drawn"].sum().reindex(plan.strata["stratum"])
    assert counts.tolist() == plan.strata["target"].tolist()
    assert not drawn.sample.loc[drawn.sample["exempt_reason"] != "", "drawn"].any()


def test_a_task_that_covers_nobody_is_refused(make_tiers, make_policy, make_task):
    with pytest.raises(DrawError, match="got none"):
        plan_inspections(make_tiers(tier="A"), make_policy(), task=make_task(population={"industries": ["fishing"]}))


def test_no_plan_contains_a_practitioners_name(make_tiers, make_policy, make_task, tmp_path):
    ids = [f"S{place:05d}" for place in range(20)]
    register = pd.DataFrame({"subject_id": ids, "name": "王五", "subject_type": ["practitioner", "enterprise"] * 10})
    plan = plan_inspections(make_tiers(20, tier="D", industry="food"), make_policy(), task=make_task(), subjects=register)
    assert plan.frame["name"].tolist() == ["", "王五"] * 10


def test_half_a_surrogate_in_a_name_is_replaced(make_tiers, make_policy, make_task, tmp_path):
    register = pd.DataFrame(
        {"subject_id": [f"S{place:05d}" for place in range(20)], "name": pd.Series(["坏\ud800名"] * 20, dtype=object)}
    )
    plan = plan_inspections(make_tiers(20, tier="D", industry="food"), make_policy(), task=make_task(), subjects=register)
    assert set(plan.frame["name"]) == {"坏\ufffd名"}
    assert verify_plan(draw(plan, seed=numbers("s")).to_csv(tmp_path / "plan")).ok
