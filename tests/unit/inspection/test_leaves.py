"""An inspector who cannot go any more: the next in line comes, and nobody chooses."""

import datetime as dt

import pandas as pd
import pytest
from support.tasks import drawn, hand_in, join, leave, replace

from creditscore import storage
from creditscore.errors import DrawError
from creditscore.inspection.inspectors import teams_now
from creditscore.inspection.plan import DrawnPlan, plan_inspections
from creditscore.inspection.plan_folder import LOG, read_log
from creditscore.inspection.register import Register
from creditscore.inspection.verify import verify_plan
from creditscore.inspection.visits import list_visits

WHO = {"by": "李四", "on": dt.date(2024, 5, 9)}


@pytest.fixture
def make_folder(tmp_path, make_tiers, make_policy, make_task, make_staff):
    def made(**staff):
        tiers = make_tiers(80, tier="D", industry="food")
        register = pd.DataFrame({"subject_id": tiers.frame["subject_id"], "region": ["431102", "431103"] * 40})
        task = make_task(joint_with=("FIRE",), cross_region_share=0.2)
        plan = plan_inspections(tiers, make_policy(), task=task, subjects=register)
        people = make_staff(6, region=["431102", "431103"] * 3, **staff)
        return drawn(tmp_path, plan, seed="s", staff=people, on=dt.date(2024, 5, 2))

    return made


@pytest.fixture
def folder(make_folder):
    return make_folder(department=["SAMR", "FIRE", "FIRE", "SAMR", "SAMR", "FIRE"])


def _now(folder):
    return teams_now(DrawnPlan.from_folder(folder), read_log(folder))


def test_the_next_in_line_comes_and_the_others_of_each_team_stay(folder):
    before = _now(folder)
    done = leave(folder, "P0")
    after = _now(folder)
    theirs = {subject for subject, team in before.items() if "P0" in team}
    assert {one.subject_id for one in done.teams} == theirs != set()
    for subject, team in before.items():
        if subject in theirs:
            assert "P0" not in after[subject]
            assert set(team) - {"P0"} < set(after[subject])
            assert len(after[subject]) == len(team)
        else:
            assert after[subject] == team
    assert verify_plan(folder).findings == ()


def test_a_joint_visit_keeps_both_departments(folder):
    departments = {f"P{at}": name for at, name in enumerate(["SAMR", "FIRE", "FIRE", "SAMR", "SAMR", "FIRE"])}
    leave(folder, "P1")
    leave(folder, "P3")
    assert all([departments[one] for one in team] == ["SAMR", "FIRE"] for team in _now(folder).values())
    assert verify_plan(folder).findings == ()


def test_visits_with_a_result_keep_their_inspectors_and_the_line_says_which(folder):
    theirs = sorted(subject for subject, team in _now(folder).items() if "P0" in team)
    hand_in(folder, dict.fromkeys(theirs[:2], (WHO["on"], "none")), on=WHO["on"])
    done = leave(folder, "P0", visited=theirs[:2])
    assert list(done.kept) == theirs[:2]
    assert all("P0" in _now(folder)[subject] for subject in theirs[:2])
    found = verify_plan(folder)
    assert found.findings == ()
    assert any("the visits which P0 kept" in text for _code, text in found.not_covered)


def test_who_left_goes_nowhere_afterwards(folder, make_policy):
    leave(folder, "P2")
    plan = DrawnPlan.from_folder(folder)
    for subject in plan.drawn["subject_id"][:6]:
        assert "P2" not in replace(folder, subject, **WHO).team
    late = pd.DataFrame(
        {"subject_id": [f"N{at}" for at in range(60)], "name": "", "industry": "food", "tier": "D", "region": "431102"}
    )
    joined = join(folder, late, policy=make_policy(), **WHO)
    assert any(one.team for one in joined)
    assert not any("P2" in one.team for one in joined)
    leave(folder, "P4")  # from late subjects and replacements too
    assert not any("P4" in team for subject, team in _now(folder).items() if subject not in set(plan.drawn["subject_id"][:6]))
    assert verify_plan(folder).findings == ()


def test_the_list_of_visits_names_who_goes_now(folder):
    leave(folder, "P0")
    visits = list_visits(DrawnPlan.from_folder(folder), read_log(folder))
    assert not any("P0" in team for team in visits["team"])
    assert dict(zip(visits["subject_id"], visits["team"], strict=True)) == _now(folder)


def test_a_leave_changes_nothing_about_whether_a_task_is_visited(folder):
    out, line = folder.parent.parent, {"what": "results", "task": folder.name, "open": 0}
    storage.append_chain(out / "register.jsonl", [line])
    assert Register.of(out).state(folder.name) == "visited"
    storage.append_chain(out / "register.jsonl", [{"what": "left", "task": folder.name, "staff_id": "P0"}])
    assert Register.of(out).state(folder.name) == "visited"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"reason": "朋友所托"}, "expected a reason of ill, on_leave"),
        ({"evidence": " "}, "expected evidence"),
        ({"second": "李 四（代）"}, "a second person"),
        ({"staff_id": "P9"}, "expected one of the inspectors"),
    ],
)
def test_a_leave_without_grounds_is_refused_and_nothing_is_written(folder, wrong, message):
    before = read_log(folder)
    with pytest.raises(DrawError, match=message):
        leave(folder, wrong.get("staff_id", "P0"), **{name: value for name, value in wrong.items() if name != "staff_id"})
    assert read_log(folder) == before


def test_nobody_leaves_twice_and_never_leaves_too_few(make_folder):
    folder = make_folder(department="SAMR")
    for staff in ("P0", "P1", "P2", "P3"):
        leave(folder, staff)
    with pytest.raises(DrawError, match="recorded already"):
        leave(folder, "P3")
    with pytest.raises(DrawError, match="expected at least 2 who may go"):
        leave(folder, "P4")
    assert verify_plan(folder).findings == ()


def _forged(folder, change):
    lines = [{key: line[key] for key in line if key not in ("number", "previous", "hash")} for line in read_log(folder)]
    change(lines[-1])
    (folder / LOG).unlink()
    storage.append_chain(folder / LOG, lines)
    return " ".join(verify_plan(folder).findings)


def _choose(line):
    one = line["teams"][0]
    chosen = next(staff for staff in ("P1", "P2", "P3", "P4", "P5") if staff not in one["team"])
    one |= {"team": [chosen if staff == one["comes"] else staff for staff in one["team"]], "comes": chosen}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_choose, "are not those that the seed gives"),
        (lambda line: line["teams"].pop(), "teams and kept are not the visits of P0"),
        (lambda line: line["kept"].append("S00000x"), "teams and kept are not the visits of P0"),
        (lambda line: line.update(reason="朋友所托"), "P0 left without a reason"),
        (lambda line: line.update(second=line["by"]), "P0 left without a reason"),
        (lambda line: line.update(staff_id="P99"), "P99 left without a reason"),
        (lambda line: line.update(teams="none"), "teams and kept are not"),
        (lambda line: line.update(teams=[7], kept=None), "teams and kept are not"),
    ],
)
def test_a_forged_leave_is_found(folder, change, message):
    leave(folder, "P0")
    assert message in _forged(folder, change)
