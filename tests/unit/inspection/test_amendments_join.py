"""Subjects that come after the frame: drawn by their own ticket, at the ratio of their stratum."""

import datetime as dt

import pandas as pd
import pytest
from support.tasks import drawn, join

from creditscore import storage
from creditscore.errors import DrawError
from creditscore.inspection.amendments import mode_of
from creditscore.inspection.plan import DrawnPlan, plan_inspections
from creditscore.inspection.plan_folder import LOG, read_log
from creditscore.inspection.verify import verify_plan
from creditscore.inspection.visits import list_visits

WHO = {"by": "李四", "on": dt.date(2024, 5, 9)}


@pytest.fixture
def policy(make_policy):
    return make_policy(each={"on_site_share": 0.5})


@pytest.fixture
def folder(tmp_path, make_tiers, make_task, make_staff, policy):
    plan = plan_inspections(make_tiers(200), policy, task=make_task())
    return drawn(tmp_path, plan, seed="s", staff=make_staff())


def newcomers(count, tier="D", industry="food"):
    ids = [f"N{place:05d}" for place in range(count)]
    return pd.DataFrame({"subject_id": ids, "name": "新设", "industry": industry, "region": "431102", "tier": tier})


def test_the_share_drawn_is_the_ratio_and_half_of_it_goes_on_site(folder, policy):
    found = join(folder, newcomers(4000), policy=policy, **WHO)
    visited = [one for one in found if one.drawn]
    assert 0.27 < len(visited) / 4000 < 0.33  # D: 30 %
    assert 0.45 < sum(one.mode == "on_site" for one in visited) / len(visited) < 0.55
    assert all(len(one.team) == 2 for one in visited)
    assert verify_plan(folder).ok


def test_late_subjects_are_listed_with_their_modes_probability(folder, policy):
    join(folder, newcomers(50), policy=policy, **WHO)
    rows = list_visits(DrawnPlan.from_folder(folder), read_log(folder))
    late = rows[rows["standing"] == "late"]
    assert len(late)
    assert set(late["inclusion_probability"]) == {0.3}
    assert set(late["mode_probability"]) == {0.15}


def test_a_subject_in_the_frame_or_already_added_cannot_join(folder, policy):
    first = DrawnPlan.from_folder(folder).sample["subject_id"][0]
    with pytest.raises(DrawError, match=first):
        join(folder, newcomers(1).assign(subject_id=first), policy=policy, **WHO)
    join(folder, newcomers(1), policy=policy, **WHO)
    with pytest.raises(DrawError, match="N00000"):
        join(folder, newcomers(1), policy=policy, **WHO)


def test_another_policy_than_that_of_the_frame_is_refused(folder, make_policy):
    with pytest.raises(DrawError, match="policy"):
        join(folder, newcomers(1), policy=make_policy(), **WHO)


def test_a_late_subject_left_out_of_the_draw_is_found(folder, policy):
    lines = [line for line in _bodies(folder, policy) if line["mode"]]
    storage.append_chain(folder / LOG, [{**lines[0], "mode": ""}])
    assert "is not drawn, or not left out, as its ticket says" in verify_plan(folder).findings[0]


def _bodies(folder, policy):
    join(folder, newcomers(50), policy=policy, **WHO)
    lines = read_log(folder, "joined")
    log = (folder / LOG).read_bytes().splitlines(keepends=True)
    (folder / LOG).write_bytes(b"".join(log[: len(log) - 50]))
    return [{key: value for key, value in line.items() if key not in ("number", "previous", "hash")} for line in lines]


def test_everyone_of_a_stratum_with_full_coverage_is_drawn():
    assert mode_of("ff" * 32, ratio_ppm=1_000_000, on_site_ppm=1_000_000) == "on_site"
