"""What one visit serves: merged visits, items that are checked along, the probability of either draw, the weeks."""

import datetime as dt

import pandas as pd
import pytest
from support.seeds import numbers
from support.tasks import draw, drawn, join, publish, replace

from creditscore.config.tasks import TaskFile
from creditscore.config.work_calendar import WorkCalendar
from creditscore.errors import DrawError
from creditscore.inspection.amendments import replacement
from creditscore.inspection.justification import Justification
from creditscore.inspection.plan import DrawnPlan, plan_inspections
from creditscore.inspection.plan_folder import read_log
from creditscore.inspection.visits import Opened, merge_plans, spread, visits_of_plans, weeks_of


@pytest.fixture
def two(frames):
    """Draws of two tasks over the same subjects; ``more`` goes to the first task."""

    def make(**more):
        return [draw(plan, seed=numbers("s")) for plan in frames(**more)]

    return make


@pytest.fixture
def frames(make_tiers, make_policy, make_task):
    """The frames of these draws."""

    def make(**more):
        ratios = {"A": 0.2, "B": 0.3, "C": 0.4, "D": 0.6, "NR": 0.3}
        policy, tiers = make_policy(ratios, each={"on_site_share": 0.5}), make_tiers(200)
        tasks = (make_task(id="one", **more), make_task(id="two"))
        return merge_plans([plan_inspections(tiers, policy, task=task) for task in tasks])

    return make


def test_tasks_that_may_not_be_merged_are_independent(two):
    one, other = two()
    assert set(one.sample["merged_with"]) == set(other.sample["merged_with"]) == {""}
    visits = visits_of_plans([Opened(one), Opened(other)])
    assert set(visits["merged_with"]) == {""}
    assert len(visits) == len(one.drawn) + len(other.drawn)


def test_a_subject_drawn_twice_has_one_visit_and_both_probabilities(two):
    one, other = two(merge_with=("two",))
    assert set(one.sample["merged_with"]) == {"two"}
    assert set(other.sample["merged_with"]) == {"one"}
    both = set(one.drawn["subject_id"]) & set(other.drawn["subject_id"])
    visits = visits_of_plans([Opened(one), Opened(other)])
    merged = visits[visits["merged_with"] != ""]
    assert set(merged["subject_id"]) == both
    assert merged.groupby("subject_id")["week_from"].nunique().max() == 1
    own = pd.concat([one.drawn, other.drawn]).set_index(["task", "subject_id"])["inclusion_probability"]
    assert (visits.set_index(["task", "subject_id"])["inclusion_probability"] == own).all()


def test_a_shared_item_is_checked_by_either_draw(two):
    one, other = two(also_checks=("two",))
    visits = visits_of_plans([Opened(one), Opened(other)])
    second = visits[visits["task"] == "two"].set_index("subject_id")
    assert set(second.index) == set(one.drawn["subject_id"]) | set(other.drawn["subject_id"])
    also = second[second["standing"] == "also"]
    assert set(also["via"]) == {"one"}
    assert set(also.index) == set(one.drawn["subject_id"]) - set(other.drawn["subject_id"])
    p = one.sample.set_index("subject_id")["inclusion_probability"]
    q = other.sample.set_index("subject_id")["inclusion_probability"]
    assert second["inclusion_probability"].to_numpy() == pytest.approx((1 - (1 - p) * (1 - q))[second.index].to_numpy())
    first = visits[visits["task"] == "one"].set_index("subject_id")
    assert (first["inclusion_probability"] == p[first.index]).all()


def test_the_modes_probabilities_add_up_and_hold_over_many_draws(make_tiers, make_policy, make_task):
    ratios = {"A": 0.1, "B": 0.2, "C": 0.3, "D": 0.5, "NR": 0.2}
    policy, tiers = make_policy(ratios, each={"on_site_share": 0.5}), make_tiers(40, tier="C", industry="food")
    tasks = (make_task(id="one", also_checks=("two",)), make_task(id="two"))
    frames = [plan_inspections(tiers, policy, task=task) for task in tasks]
    counts, told, seeds = {"on_site": 0, "off_site": 0}, {}, 120
    for seed in range(seeds):
        opened = [Opened(draw(plan, seed=str(seed))) for plan in merge_plans(frames)]
        visits = visits_of_plans(opened)
        second = visits[visits["task"] == "two"]
        for mode in counts:
            counts[mode] += int((second["mode"] == mode).sum())
            told.update(second.groupby("mode")["mode_probability"].first())
    for mode, count in counts.items():
        assert count / (40 * seeds) == pytest.approx(told[mode], abs=0.02)


def test_a_replacement_inherits_mode_and_probability(tmp_path, frames):
    folder = drawn(tmp_path, frames()[0], seed=numbers("s"))
    one = DrawnPlan.from_folder(folder)
    gone = one.drawn[one.drawn["mode"] == "off_site"]["subject_id"].iloc[0]
    came = replace(folder, gone, by="李四", on=dt.date(2024, 5, 9)).replaced_by
    rows = visits_of_plans([Opened(one, read_log(folder))]).set_index("subject_id")
    for name in ("mode", "mode_probability", "stratum"):
        assert rows.loc[gone, name] == rows.loc[came, name], name
    assert (rows.loc[gone, "replaced_by"], rows.loc[came, "replaces"]) == (came, gone)


def test_the_week_of_a_replacement_does_not_tell_whom_it_replaces(make_tiers, make_policy, make_task):
    """The days of both stand in the list at the task's end: in one week they would be a pair."""
    plan = plan_inspections(make_tiers(400, tier="D", industry="food"), make_policy(), task=make_task())
    one, on = draw(plan, seed=numbers("s")), plan.task.start
    log, why = [], Justification(reason="closed_down", evidence="照片", by="李四", second="王五")
    for gone in one.drawn["subject_id"]:
        log.append(replacement(one, log, gone, why=why, on=on).line())
    rows = visits_of_plans([Opened(one, log)]).set_index("subject_id")
    pairs = [(rows.loc[line["subject_id"], "week"], rows.loc[line["replaced_by"], "week"]) for line in log]
    weeks = len({week for _gone, week in pairs})
    assert len(pairs) > 60
    assert weeks > 5
    assert sum(gone == came for gone, came in pairs) < 3 * len(pairs) / weeks  # by chance one of as many as there are weeks


def test_a_replaced_subject_keeps_its_row_for_the_shared_item(tmp_path, frames):
    folder, second = (drawn(tmp_path, plan, seed=numbers("s")) for plan in frames(also_checks=("two",)))
    one, other = DrawnPlan.from_folder(folder), DrawnPlan.from_folder(second)
    visits = visits_of_plans([Opened(one), Opened(other)])
    also = visits[visits["standing"] == "also"].set_index("subject_id")
    came = replace(folder, also.index[0], by="李四", on=dt.date(2024, 5, 9)).replaced_by
    after = visits_of_plans([Opened(one, read_log(folder)), Opened(other)])
    row = after[after["task"] == "two"].set_index("subject_id").loc[also.index[0]]
    for name in ("standing", "via", "mode", "mode_probability", "inclusion_probability"):
        assert row[name] == also.loc[also.index[0], name], name
    assert row["replaced_by"] == came


def test_weeks_carry_visits_by_their_working_days():
    holiday = {"year": 2024, "basis": "example", "holidays": (dt.date(2024, 5, 1), dt.date(2024, 5, 2), dt.date(2024, 5, 3))}
    weeks = weeks_of(dt.date(2024, 5, 1), dt.date(2024, 5, 19), WorkCalendar.model_validate({"year": (holiday,)}))
    assert [(week.number, week.first.day, week.last.day, week.workdays) for week in weeks] == [
        (1, 1, 5, 0),
        (2, 6, 12, 5),
        (3, 13, 19, 5),
    ]
    assert [week.number for week in spread(7, weeks)] == [2, 2, 2, 2, 3, 3, 3]


def test_tasks_that_cannot_meet_are_refused(make_task):
    late = make_task(id="late", start=dt.date(2025, 1, 1), end=dt.date(2025, 2, 1))
    for bad in ("nowhere", "one", "late"):
        with pytest.raises(ValueError, match=bad):
            TaskFile(task=(make_task(id="one", merge_with=(bad,)), late))


def test_the_frame_of_each_is_fixed_before_any_seed(two, make_tiers, make_policy, make_task):
    plan = plan_inspections(make_tiers(50), make_policy(), task=make_task(id="one", merge_with=("two",)))
    merged = merge_plans([plan, plan_inspections(make_tiers(50), make_policy(), task=make_task(id="two"))])[0]
    assert merged.frame_hash != plan.frame_hash
    frame = publish(merged)
    frame.draw(seed=numbers("s"))
    with pytest.raises(DrawError, match="drawn already"):
        frame.draw(seed=numbers("t"))


def test_a_frame_fixed_earlier_leaves_each_draw_its_own_probability(make_tiers, make_policy, make_task):
    """Whoever only one of the two frames names is not in the union: its item counts as drawn for its own task alone."""
    policy, tiers = make_policy({"A": 0.2, "B": 0.3, "C": 0.4, "D": 0.6, "NR": 0.3}), make_tiers(100)
    frames = [
        plan_inspections(tiers, policy, task=task) for task in (make_task(id="one", also_checks=("two",)), make_task(id="two"))
    ]
    alone, later = frames[1], merge_plans(frames[:1], beside=frames[1:])[0]
    for plans in ((later, alone), (frames[0], merge_plans(frames[1:], beside=frames[:1])[0])):
        one, two = (draw(plan, seed=numbers("s")) for plan in plans)
        visits = visits_of_plans([Opened(one), Opened(two)])
        second = visits[visits["task"] == "two"].set_index("subject_id")
        assert set(second.index) == set(two.drawn["subject_id"])
        own = two.drawn.set_index("subject_id")["inclusion_probability"]
        assert second["inclusion_probability"].to_dict() == own.to_dict()


def test_no_visit_precedes_the_draw_and_late_subjects_move_none(tmp_path, make_tiers, make_policy, make_task):
    plan = plan_inspections(make_tiers(200, tier="D", industry="food"), make_policy(), task=make_task())
    folder = drawn(tmp_path, plan, seed=numbers("s"), on=dt.date(2024, 5, 15))
    sealed = DrawnPlan.from_folder(folder)
    before = visits_of_plans([Opened(sealed)]).set_index("subject_id")
    assert before["week_from"].min() == dt.date(2024, 5, 15)
    rows = pd.DataFrame(
        {"subject_id": [f"N{place}" for place in range(40)], "name": "", "industry": "food", "region": "", "tier": "D"}
    )
    join(folder, rows, policy=make_policy(), by="李四", on=dt.date(2024, 6, 12))
    after = visits_of_plans([Opened(sealed, read_log(folder))]).set_index("subject_id")
    assert after.loc[before.index, "week_from"].equals(before["week_from"])
    late = after[after["standing"] == "late"]
    assert len(late)
    assert late["week_from"].min() >= dt.date(2024, 6, 10)
    assert late["week"].nunique() > 1


def test_a_draw_after_its_tasks_end_is_listed_in_the_last_week(make_tiers, make_policy, make_task):
    ratios = {"A": 0.2, "B": 0.3, "C": 0.4, "D": 0.6, "NR": 0.3}
    tiers, tasks = make_tiers(200), (make_task(id="one", merge_with=("two",)), make_task(id="two"))
    one, two = merge_plans([plan_inspections(tiers, make_policy(ratios), task=task) for task in tasks])
    plans = [draw(one, seed=numbers("s"), on=dt.date(2024, 7, 3)), draw(two, seed=numbers("s"), on=dt.date(2024, 5, 2))]
    visits = visits_of_plans([Opened(plan) for plan in plans])
    assert set(visits.loc[visits["task"] == "one", "week"]) <= set(range(1, 10))
    assert (visits["merged_with"] != "").any()


def test_a_replacement_of_an_unknown_subject_is_still_listed(two):
    plan = two()[0]
    came = plan.sample.loc[~plan.sample["drawn"], "subject_id"].iloc[0]
    line = {"what": "replaced", "subject_id": "nobody", "replaced_by": came, "mode": "on_site", "team": [], "on": "2024-05-09"}
    assert came in set(visits_of_plans([Opened(plan, [line])])["subject_id"])


def test_weeks_of_a_year_without_a_notice_are_not_known_and_still_share_the_visits():
    notice = WorkCalendar.model_validate({"year": [{"year": 2024, "basis": "x"}]})
    start, end = dt.date(2024, 12, 23), dt.date(2025, 1, 10)
    weeks = weeks_of(start, end, notice)
    assert [(week.workdays, week.known) for week in weeks] == [(5, True), (5, False), (5, False)]
    assert len(spread(30, weeks)) == 30
    assert all(week.known for week in weeks_of(start, end, WorkCalendar()))
