"""The frames of the tasks that are due: made, hashed, written; never drawn here, and a drawn one is left alone."""

from __future__ import annotations

import datetime as dt
import logging
import shutil
from typing import TYPE_CHECKING

from creditscore.errors import DrawError
from creditscore.pipeline.book import load_plan
from creditscore.tiering.drawn import DrawnPlan
from creditscore.tiering.merge import merge_plans
from creditscore.tiering.plan import InspectionPlan, plan_inspections
from creditscore.tiering.sealed.publish import BEGUN, read_manifest

if TYPE_CHECKING:
    from creditscore.config.policy import TierPolicy
    from creditscore.config.project import Project
    from creditscore.config.tasks import Task
    from creditscore.pipeline.folder import RunFolder
    from creditscore.records.records import Records
    from creditscore.tiering.tiers import Tiers

_log = logging.getLogger(__name__)


def tasks_due(project: Project, as_of: dt.date) -> list[Task]:
    """Tasks that run on a day or start within the project's ``plan_ahead_days``, by id."""
    ahead = as_of + dt.timedelta(days=project.about.plan_ahead_days)
    return [task for _, task in sorted(project.tasks.items()) if task.start <= ahead and task.end >= as_of]


def plan_due_tasks(
    project: Project, records: Records, tiers: Tiers, policy: TierPolicy, folder: RunFolder, *, as_of: dt.date
) -> list[InspectionPlan]:
    """Write the frame of every task due that no run of another day has framed, and return those of this run.

    A task whose frame another run published keeps that frame: a monthly change of tiers inside an open
    task does not change its draw. Tasks framed together that may be merged know of each other's frames.
    """
    folder.put_back()
    plans: list[InspectionPlan] = []
    for task in tasks_due(project, as_of):
        if _framed_elsewhere(folder, task.id) or _settled(folder, task.id):
            continue
        try:
            plan = plan_inspections(tiers, policy, task=task, history=records.inspections, records=records)
        except DrawError as error:
            _log.warning("no frame: %s", error)
            continue
        plans.append(plan)
    plans = merge_plans(plans, beside=_settled_plans(project, folder, as_of))
    for plan in plans:
        shutil.rmtree(folder.plan(plan.task.id), ignore_errors=True)
        plan.to_csv(folder.plan(plan.task.id))
    return plans


def _settled_plans(project: Project, folder: RunFolder, as_of: dt.date) -> list[InspectionPlan]:
    """The plans of this day that stand already: drawn, or with ratios that the planner set."""
    found = [load_plan(folder.plan(task.id)) for task in tasks_due(project, as_of) if _settled(folder, task.id)]
    return [plan.plan if isinstance(plan, DrawnPlan) else plan for plan in found]


def _framed_elsewhere(folder: RunFolder, task: str) -> bool:
    """A finished run of another day holds its frame: an earlier day, or a later one whose night ran before this one's."""
    if not folder.out.is_dir():
        return False
    day = folder.as_of.isoformat()
    others = (path for path in folder.out.iterdir() if path.name != day and (path / "plan" / task / "manifest.json").is_file())
    return any((path / "manifest.json").is_file() for path in others)


def _settled(folder: RunFolder, task: str) -> bool:
    """Drawn, being drawn (its seed is known), or with ratios that the planner set: not to be framed again."""
    path = folder.plan(task)
    if not (path / "manifest.json").is_file():
        return False
    told = read_manifest(path)
    return told["seed"] is not None or (path / BEGUN).exists() or "ratios" in told["about"]
