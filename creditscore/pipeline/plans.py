"""The frames of the tasks that are due: written by each run, and with ratios that the planner edited. Nothing is drawn here."""

from __future__ import annotations

import datetime as dt
import logging
import shutil
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creditscore.errors import DrawError
from creditscore.inspection.plan import DrawnPlan, InspectionPlan, plan_inspections
from creditscore.inspection.plan_folder import BEGUN, read_manifest
from creditscore.inspection.visits import merge_plans
from creditscore.language import DEFAULT_LANGUAGE, Message, Words, _
from creditscore.pipeline.run_folder import RunFolder
from creditscore.pipeline.run_store import load_plan, renew_documents
from creditscore.reporting.planning_tables import RATIOS
from creditscore.reporting.readback import read_ratios, refuse_cells
from creditscore.storage import locked, new_folder
from creditscore.vocabulary import NOT_RATED, PRESUMED, RISKIEST, TIERS

if TYPE_CHECKING:
    from creditscore.config.policy import TierPolicy
    from creditscore.config.project import Project
    from creditscore.config.tasks import Task
    from creditscore.records.records import Records
    from creditscore.tiering.tiers import Tiers

_log = logging.getLogger(__name__)
_WHOLE = 1_000_000
#: The edited rows of one task on the sheet, by stratum.
_Edited = Mapping[str, Mapping[Any, Any]]


def tasks_due(project: Project, as_of: dt.date) -> list[Task]:
    """Tasks that run on a day or start within the project's ``plan_ahead_days``, by id."""
    ahead = as_of + dt.timedelta(days=project.about.plan_ahead_days)
    return [task for _id, task in sorted(project.tasks.items()) if task.start <= ahead and task.end >= as_of]


def plan_due_tasks(folder: RunFolder, records: Records, tiers: Tiers, policy: TierPolicy) -> list[InspectionPlan]:
    """Write the frame of every task due that no run of another day has framed, and return those of this run.

    A task whose frame another run published keeps that frame: a monthly change of tiers inside an open
    task does not change its draw. Tasks framed together that may be merged know of each other's frames.
    A task without anybody to inspect gets no frame, and a warning.
    """
    folder.restore_plans()
    plans: list[InspectionPlan] = []
    kept: list[InspectionPlan] = []
    for task in tasks_due(records.project, folder.as_of):
        if _is_final(folder.plan(task.id)):
            plan = load_plan(folder.plan(task.id))
            kept.append(plan.plan if isinstance(plan, DrawnPlan) else plan)
        elif not _framed_on_another_day(folder, task.id):
            try:
                plans.append(plan_inspections(tiers, policy, task=task, history=records.inspections, records=records))
            except DrawError as error:
                _log.warning("no frame: %s", error)
    plans = merge_plans(plans, beside=kept)
    for plan in plans:
        shutil.rmtree(folder.plan(plan.task.id), ignore_errors=True)
        plan.to_csv(folder.plan(plan.task.id))
    return plans


def _framed_on_another_day(folder: RunFolder, task: str) -> bool:
    """Whether a finished run of an earlier day has the task's frame, or one of a later day that ran before this one."""
    if not folder.out.is_dir():
        return False
    others = (RunFolder(path) for path in folder.out.iterdir() if path.name != folder.as_of.isoformat())
    return any((run.plan(task) / "manifest.json").is_file() and run.file("manifest.json").is_file() for run in others)


def _is_final(plan: Path) -> bool:
    """Whether a plan may not be framed again: drawn, being drawn (its seed is known), or with ratios of the planner."""
    if not (plan / "manifest.json").is_file():
        return False
    manifest = read_manifest(plan)
    return manifest["seed"] is not None or (plan / BEGUN).exists() or "ratios" in manifest["about"]


def import_ratios(run: str | Path, workbook: Path) -> dict[str, int]:
    """Take the edited ratios of the sheet 抽查比例方案 into the frames that are not drawn yet.

    One wrong cell refuses the whole workbook, and nothing changes.

    Returns:
        The number of visits by task after the change, only for tasks that changed.

    Raises:
        DataError: A cell is not a ratio above 0 and up to 1, belongs to no stratum of the run, leaves a stratum of full coverage
            less than whole, or lets the ratios fall from a tier to a riskier one; the message names the cell.
        DrawError: A changed task is drawn already, or its draw was begun.
        LockedError: A run or another command is writing to the same folder.
    """
    folder = RunFolder.opened(run)
    rows = read_ratios(workbook).to_dict("records")
    with locked(folder.out):
        folder.restore_plans()
        plans = {path.name: load_plan(path) for path in folder.plans()}
        strata = {(task, stratum) for task, plan in plans.items() for stratum in plan.strata["stratum"]}
        unknown = [row["cell"] for row in rows if (row["task"], row["stratum"]) not in strata]
        refuse_cells([_("{cell}: expected a task and a stratum of this run", cell=cell) for cell in unknown], file=workbook)
        edited: dict[str, _Edited] = {task: {row["stratum"]: row for row in rows if row["task"] == task} for task in plans}
        changed = {task: plan for task, plan in plans.items() if _ratios(plan, edited[task]) != plan.strata["ratio_ppm"].tolist()}
        new = {task: _undrawn(plan, folder.plan(task)).with_ratios(_ratios(plan, edited[task])) for task, plan in changed.items()}
        refuse_cells([fault for task, plan in new.items() for fault in _ratio_faults(plan, edited[task])], file=workbook)
        for task, plan in new.items():
            with new_folder(folder.plan(task)) as fresh:
                plan.to_csv(fresh)
        if new:
            renew_documents(folder)
    return {task: sum(plan.targets().values()) for task, plan in new.items()}


def _ratios(plan: InspectionPlan | DrawnPlan, edited: _Edited) -> list[int]:
    """The ratio of each stratum in parts per million: the edited one, else the plan's."""
    pairs = zip(plan.strata["stratum"], plan.strata["ratio_ppm"].tolist(), strict=True)
    return [edited[stratum]["ratio_ppm"] if stratum in edited else ratio for stratum, ratio in pairs]


def _undrawn(plan: InspectionPlan | DrawnPlan, path: Path) -> InspectionPlan:
    if isinstance(plan, DrawnPlan) or (path / BEGUN).exists():
        raise DrawError("task {task}: drawn already, or its draw was begun; its ratios can no longer change", task=plan.task.id)
    return plan


def _ratio_faults(plan: InspectionPlan, edited: _Edited) -> list[Message]:
    """Within an industry (and region) ratios may not fall from A to D, nor NR below B; full coverage is whole."""
    groups: dict[tuple[str, str], dict[str, dict[Any, Any]]] = {}
    for row in plan.strata.to_dict("records"):
        groups.setdefault((row["industry"], row["region"]), {})[row["tier"]] = row

    def cell(row: Mapping[Any, Any]) -> str:
        """The cell of a stratum's ratio; its name where its row was deleted from the sheet."""
        stratum = row["stratum"]
        return str(edited[stratum]["cell"]) if stratum in edited else f"{Words.of(DEFAULT_LANGUAGE).text(RATIOS.title)}: {stratum}"

    faults = []
    for group in groups.values():
        for lower, higher in (*pairwise(tier for tier in TIERS if tier in group), (PRESUMED, NOT_RATED)):
            if lower in group and higher in group and group[higher]["ratio_ppm"] < group[lower]["ratio_ppm"]:
                where = cell(group[higher])
                faults.append(
                    _(
                        "{cell}: ratios must not fall from {safest} to {riskiest}, nor {not_rated} below {presumed} "
                        "(got {higher} below {lower})",
                        cell=where,
                        safest=TIERS[0],
                        riskiest=RISKIEST,
                        not_rated=NOT_RATED,
                        presumed=PRESUMED,
                        higher=higher,
                        lower=lower,
                    )
                )
        faults += [
            _("{cell}: expected 100 %, since the policy covers the industry in full", cell=cell(row))
            for row in group.values()
            if row["full_coverage"] and row["ratio_ppm"] < _WHOLE
        ]
    return faults
