"""A drawn task with all that a draw can have, for tests that read it or forge copies of it."""

import datetime as dt
from pathlib import Path

import pandas as pd
from support.plans import a_policy, a_staff, a_task, a_tiers
from support.tasks import close, draw_folder, hand_in, join, leave, published, replace

from creditscore.inspection.plan import plan_inspections

TASK = "2024Q2-food"
WHO = {"by": "李四", "on": dt.date(2024, 5, 9)}


def a_drawn_task(out: Path) -> Path:
    """Joined strata, a floor, a share of visits across regions, two departments, recusals, an exemption,
    replacements, one result, an inspector who leaves, late subjects; closed with open visits. Returns the task's folder.
    """
    tiers, policy = a_tiers(200), a_policy(each={"on_site_share": 0.5, "repeat_within_months": 12})
    register = pd.DataFrame({"subject_id": tiers.frame["subject_id"], "name": "某公司", "region": "431102"})
    history = pd.DataFrame({"subject_id": ["S00009"], "event_date": dt.date(2024, 3, 1), "trigger": "random"})
    task = a_task(id=TASK, joint_with=("FIRE",), capacity=500, min_ratio=0.03, cross_region_share=0.3)
    plan = plan_inspections(tiers, policy, task=task, subjects=register, history=history)
    recusals = pd.DataFrame({"staff_id": "P0", "subject_id": tiers.frame["subject_id"]})
    staff = a_staff(8, department=["SAMR", "FIRE"] * 4, region=[*["431102"] * 5, *["431103"] * 3])
    folder = published(out, plan, staff=staff, recusals=recusals)
    drawn = draw_folder(folder, seed="lottery", on=dt.date(2024, 5, 1))
    for subject in drawn.drawn["subject_id"].iloc[:2]:
        replace(folder, subject, **WHO)
    found = {drawn.drawn["subject_id"].iloc[-1]: (dt.date(2024, 5, 8), "none")}
    hand_in(folder, found, on=WHO["on"])
    leave(folder, drawn.inspectors["staff_id"].iloc[-1], visited=list(found))
    late = pd.DataFrame({"subject_id": [f"N{at:03d}" for at in range(12)], "name": "新设", "industry": "food", "tier": "D"})
    join(folder, late.assign(region="431102"), policy=policy, **WHO)
    close(folder, by="李四", on=dt.date(2024, 7, 1), results=found)
    return folder
