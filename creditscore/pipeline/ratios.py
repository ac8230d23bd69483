"""Read the planner's edited ratios back into the undrawn frames of a run (``plan import``)."""

from __future__ import annotations

import dataclasses
import datetime as dt
import shutil
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from creditscore.batch import locked
from creditscore.errors import DrawError
from creditscore.pipeline.book import load_plan
from creditscore.pipeline.documents import write_documents
from creditscore.pipeline.draw import reseal
from creditscore.pipeline.folder import RunFolder
from creditscore.reporting.readback import read_ratios, refuse_cells
from creditscore.reporting.sheets_plan import RATIO_SHEET
from creditscore.tiering.drawn import DrawnPlan
from creditscore.tiering.plan import InspectionPlan, with_probabilities
from creditscore.tiering.sealed.publish import BEGUN
from creditscore.tiering.targets import least, notes_on, on_site, targets
from creditscore.vocabulary import TIERS

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
        raise DrawError(f"task {plan.task.id}: drawn already, or its draw was begun; its ratios can no longer change")
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
