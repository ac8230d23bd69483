"""The frames of the tasks that are due: made, hashed, written; never drawn here, and a drawn one is left alone."""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
import shutil
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from creditscore.errors import DrawError
from creditscore.inspection.plan import DrawnPlan, InspectionPlan, plan_inspections, with_probabilities
from creditscore.inspection.plan_folder import BEGUN, read_manifest
from creditscore.inspection.sampling_frame import least, notes_on, on_site, targets
from creditscore.inspection.visits import merge_plans
from creditscore.pipeline.draws import reseal
from creditscore.pipeline.run_folder import RunFolder
from creditscore.pipeline.run_store import load_plan, write_documents
from creditscore.reporting.planning_tables import RATIO_SHEET
from creditscore.reporting.readback import read_ratios, refuse_cells
from creditscore.storage import locked
from creditscore.vocabulary import TIERS

if TYPE_CHECKING:
    from creditscore.config.policy import TierPolicy
    from creditscore.config.project import Project
    from creditscore.config.tasks import Task
    from creditscore.pipeline.run_folder import RunFolder
    from creditscore.records.records import Records
    from creditscore.tiering.tiers import Tiers

_WHOLE = 1_000_000

#: The rows of one task on the sheet, by stratum.
Asked = Mapping[str, Mapping[Any, Any]]


def import_ratios(run: str | Path, workbook: Path) -> dict[str, int]:
    """Take the ratios of 抽查比例方案 into the frames that are not drawn yet; all cells are good, or nothing changes.

    Returns:
        Visits per task after the change, of the tasks that changed.

    Raises:
        DataError: A cell is no ratio in (0, 1], belongs to no stratum of the run, leaves a stratum of full coverage
            less than whole, or lets the ratios fall from a tier to a riskier one; the message names the cell.
        DrawError: A changed task is drawn already, or its draw was begun.
        LockedError: A night or another command is at work on the runs.
    """
    folder = RunFolder.opened(run)
    rows = read_ratios(workbook).to_dict("records")
    with locked(folder.out):
        folder.put_back()
        plans = {path.name: load_plan(path) for path in folder.plans()}
        refuse_cells(_of_no_stratum(rows, plans), file=workbook)
        asked = {task: {row["stratum"]: row for row in rows if row["task"] == task} for task in plans}
        changed = {task: plan for task, plan in plans.items() if _differs(plan, asked[task])}
        new = {task: _retargeted(_undrawn(plan, folder.plan(task)), asked[task]) for task, plan in changed.items()}
        refuse_cells([fault for task, plan in new.items() for fault in _faults(plan.strata, asked[task])], file=workbook)
        for task, plan in new.items():
            _exchange(folder.plan(task), plan)
        if new:
            write_documents(folder)
            reseal(folder)
    return {task: sum(plan.targets().values()) for task, plan in new.items()}


def _of_no_stratum(rows: list[dict[Any, Any]], plans: Mapping[str, InspectionPlan | DrawnPlan]) -> list[str]:
    known = {(task, stratum) for task, plan in plans.items() for stratum in plan.strata["stratum"]}
    strange = [row["cell"] for row in rows if (row["task"], row["stratum"]) not in known]
    return [f"{cell}: its task and stratum are none of this run" for cell in strange]


def _exchange(path: Path, plan: InspectionPlan) -> None:
    """The new plan in the place of the old one, which stays until the new one is whole; a kill in between loses neither."""
    fresh, old = path.parent / f".new-{path.name}", path.parent / f".old-{path.name}"
    for rest in (fresh, old):
        shutil.rmtree(rest, ignore_errors=True)
    plan.to_csv(fresh)
    path.rename(old)
    fresh.rename(path)
    shutil.rmtree(old)


def _ratios(plan: InspectionPlan | DrawnPlan, asked: Asked) -> list[int]:
    """The ratio of each stratum in parts per million: as asked, or as it is."""
    pairs = zip(plan.strata["stratum"], plan.strata["ratio_ppm"].tolist(), strict=True)
    return [asked[name]["ratio_ppm"] if name in asked else now for name, now in pairs]


def _differs(plan: InspectionPlan | DrawnPlan, asked: Asked) -> bool:
    return _ratios(plan, asked) != plan.strata["ratio_ppm"].tolist()


def _undrawn(plan: InspectionPlan | DrawnPlan, path: Path) -> InspectionPlan:
    if isinstance(plan, DrawnPlan) or (path / BEGUN).exists():
        raise DrawError(
            "task {task_id}: drawn already, or its draw was begun; its ratios can no longer change", task_id=plan.task.id
        )
    return plan


def _retargeted(plan: InspectionPlan, asked: Asked) -> InspectionPlan:
    strata = plan.strata.assign(ratio_ppm=_ratios(plan, asked))
    populations = strata["population"].tolist()
    strata["target"] = targets(strata["ratio_ppm"].tolist(), populations, at_least=least(plan.task, sum(populations)))
    strata["on_site"] = on_site(strata["on_site_ppm"].tolist(), strata["target"].tolist())
    about = {**plan.about, "ratios": "edited by the planner"}
    effective = dt.date.fromisoformat(about["policy"]["effective"])
    notes = notes_on(strata, plan.task, effective=effective, as_of=plan.as_of)
    frame = with_probabilities(plan.frame, strata)
    edited = dataclasses.replace(plan, strata=strata, frame=frame, about=about, frame_hash="", notes=notes)
    edited.frame_hash = edited.hashed_again()
    return edited


def _faults(strata: pd.DataFrame, asked: Asked) -> list[str]:
    """Within an industry (and region) ratios may not fall from A to D, nor NR below B; full coverage is whole."""
    groups: dict[tuple[str, str], dict[str, dict[Any, Any]]] = {}
    for row in strata.to_dict("records"):
        groups.setdefault((row["industry"], row["region"]), {})[row["tier"]] = row
    found = []
    for group in groups.values():
        for lower, higher in (*pairwise(tier for tier in TIERS if tier in group), ("B", "NR")):
            if lower in group and higher in group and group[higher]["ratio_ppm"] < group[lower]["ratio_ppm"]:
                where = _cell(group[higher], asked)
                found.append(f"{where}: ratios must not fall from A to D, nor NR below B (got {higher} below {lower})")
        found += [
            f"{_cell(row, asked)}: expected 100 %, since the policy covers the industry in full"
            for row in group.values()
            if row["full_coverage"] and row["ratio_ppm"] < _WHOLE
        ]
    return found


def _cell(row: Mapping[Any, Any], asked: Asked) -> str:
    """The cell of a stratum's ratio; the stratum where its row was taken out of the sheet."""
    told = asked.get(row["stratum"])
    return str(told["cell"]) if told else f"{RATIO_SHEET.zh}: {row['stratum']}"


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
