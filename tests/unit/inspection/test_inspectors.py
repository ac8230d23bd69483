"""Who inspects."""

import datetime as dt
from collections import Counter

import pandas as pd
import pytest
from support import tasks

from creditscore.errors import DrawError
from creditscore.inspection.plan import plan_inspections


@pytest.fixture
def draw(make_tiers, make_policy, make_task):
    def drawn(staff, *, recusals=None, seed="s", regions=None, **task):
        tiers = make_tiers(60, tier="D", industry="food")
        register = pd.DataFrame({"subject_id": tiers.frame["subject_id"], "region": regions or "431102"})
        plan = plan_inspections(tiers, make_policy(), task=make_task(**task), subjects=register)
        return tasks.draw(plan, seed=seed, staff=staff, recusals=recusals)

    return drawn


def test_every_drawn_subject_has_two_different_inspectors(draw, make_staff):
    drawn = draw(make_staff())
    teams = drawn.inspectors.groupby("subject_id")["staff_id"].agg(set)
    assert set(teams.index) == set(drawn.drawn["subject_id"])
    assert {len(team) for team in teams} == {2}


def test_the_load_is_even(draw, make_staff):
    load = Counter(draw(make_staff(7)).inspectors["staff_id"])
    assert len(load) == 7
    assert max(load.values()) - min(load.values()) <= 1


def test_the_seed_decides_who_goes_together(draw, make_staff):
    def teams(seed):
        return draw(make_staff(), seed=seed).inspectors.groupby("subject_id")["staff_id"].agg(frozenset)

    assert teams("one").equals(teams("one"))
    assert not teams("one").equals(teams("two"))


def test_a_certificate_that_ends_within_the_task_is_not_enough(draw, make_staff):
    staff = make_staff(3, certificate_valid_to=[dt.date(2024, 6, 29), dt.date(2024, 6, 30), dt.date(2024, 7, 1)])
    assert set(draw(staff).inspectors["staff_id"]) == {"P1", "P2"}


def test_an_unknown_certificate_is_not_valid(draw, make_staff):
    with pytest.raises(DrawError, match="got 1; 1 left out for their certificate"):
        draw(make_staff(2, certificate_valid_to=[None, dt.date(2025, 1, 1)]))


def test_a_recusal_counts_in_either_unicode_form_of_the_staff_id(draw, make_staff):
    staff = make_staff(3, staff_id=["P0", "P1", "Rene\u0301"])  # the accent as a mark of its own
    chosen = draw(staff).drawn["subject_id"].tolist()
    for form in ("Rene\u0301", "Ren\u00e9"):
        recusals = pd.DataFrame({"staff_id": [form] * len(chosen), "subject_id": chosen})
        assert set(draw(staff, recusals=recusals).inspectors["staff_id"]) == {"P0", "P1"}


def test_recused_staff_stay_away_and_a_short_pool_names_the_subject(draw, make_staff):
    chosen = draw(make_staff(3)).drawn["subject_id"].tolist()
    recusals = pd.DataFrame({"staff_id": ["P0"] * len(chosen), "subject_id": chosen, "reason": "亲属"})
    assert "P0" not in set(draw(make_staff(3), recusals=recusals).inspectors["staff_id"])
    with pytest.raises(
        DrawError, match=rf"inspectors of ({'|'.join(chosen)}): expected at least 2 who may go \(got 1; 1 recused\)"
    ):
        draw(make_staff(2), recusals=recusals)


def test_staff_of_the_subjects_own_region_go_first(draw, make_staff):
    regions = ["431102", "431103"] * 30
    drawn = draw(make_staff(8, region=["431102"] * 4 + ["431103"] * 4), regions=regions)
    where = drawn.sample.set_index("subject_id")["region"]
    assert (drawn.inspectors["region"] == drawn.inspectors["subject_id"].map(where)).all()


def test_other_departments_go_only_in_joint_tasks(draw, make_staff):
    staff = make_staff(4, department=["SAMR", "SAMR", "Fire", "Fire"])
    assert set(draw(staff).inspectors["staff_id"]) == {"P0", "P1"}
    assert set(draw(staff, joint_with=["Fire"]).inspectors["staff_id"]) == {"P0", "P1", "P2", "P3"}


def test_order_of_staff_does_not_matter(draw, make_staff):
    one, two = draw(make_staff()), draw(make_staff().iloc[::-1])
    assert one.inspectors.equals(two.inspectors)


def test_the_same_person_twice_in_the_list_is_refused(draw, make_staff):
    with pytest.raises(DrawError, match="each staff_id once"):
        draw(pd.concat([make_staff(2), make_staff(1)]))


def test_a_joint_visit_has_its_leading_department_and_another(draw, make_staff):
    staff = make_staff(9, department=["SAMR"] * 2 + ["fire"] * 4 + ["police"] * 3)
    drawn = draw(staff, joint_with=("fire", "police"))
    teams = drawn.inspectors.sort_values("place").groupby("subject_id")["department"].agg(list)
    assert all(team[0] == "SAMR" and team[1] != "SAMR" for team in teams)
    load = Counter(drawn.inspectors["staff_id"])
    assert load["P0"] + load["P1"] == len(teams)
    assert abs(load["P0"] - load["P1"]) <= 1
    others = [load[f"P{place}"] for place in range(2, 9)]
    assert max(others) - min(others) <= 1


@pytest.fixture
def two_regions(make_staff):
    return {"staff": make_staff(8, region=["431102"] * 4 + ["431103"] * 4), "regions": ["431102", "431103"] * 30}


def _across(drawn):
    """By subject in the order of tickets whether its team is of another region; a team of both regions is an error here."""
    where = drawn.sample.set_index("subject_id")["region"]
    same = drawn.inspectors["region"] == drawn.inspectors["subject_id"].map(where)
    by_subject = same.groupby(drawn.inspectors["subject_id"]).agg(["min", "max"])
    assert (by_subject["min"] == by_subject["max"]).all()
    order = drawn.drawn.sort_values("ticket")["subject_id"]
    return (~by_subject["max"]).reindex(order).tolist()


@pytest.mark.parametrize("share", [0.25, 0.3, 1.0, 1e-6])
def test_at_least_the_share_of_visits_is_made_from_another_region_at_every_point(draw, two_regions, share):
    across = _across(draw(**two_regions, cross_region_share=share))
    for turn in range(1, len(across) + 1):
        assert share * turn <= sum(across[:turn]) < share * turn + 1


def test_no_share_across_regions_is_the_draw_without_such_a_rule(draw, two_regions):
    drawn = draw(**two_regions)
    assert not any(_across(drawn))
    assert drawn.inspectors.equals(draw(**two_regions, cross_region_share=0).inspectors)


def test_staff_whose_region_is_unknown_does_not_count_as_of_another(draw, make_staff):
    staff = make_staff(6, region=["", "", "431102", "431102", "431103", "431103"])
    drawn = draw(staff, regions=["431102", "431103"] * 30, cross_region_share=1)
    where = drawn.sample.set_index("subject_id")["region"]
    assert not (drawn.inspectors["region"] == "").any()
    assert (drawn.inspectors["region"] != drawn.inspectors["subject_id"].map(where)).all()
