"""Read the planner's edited ratios back into the undrawn frames of a run (``plan import``)."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from creditscore.batch import locked
from creditscore.errors import DataError, DrawError
from creditscore.pipeline.book import load_plan
from creditscore.pipeline.documents import write_documents
from creditscore.pipeline.draw import reseal
from creditscore.pipeline.folder import RunFolder
from creditscore.reporting.readback import read_ratios
from creditscore.reporting.sheets_plan import RATIO_SHEET
from creditscore.tiering.drawn import DrawnPlan
from creditscore.tiering.plan import InspectionPlan
from creditscore.tiering.targets import least, on_site, targets


def import_ratios(run: str | Path, workbook: Path) -> dict[str, int]:
    """Take the ratios of 抽查比例方案 into the frames that are not drawn yet; all cells are good, or nothing changes.

    Returns:
        Visits per task after the change, of the tasks that changed.

    Raises:
        DataError: A cell is no ratio in (0, 1], or ratios fall from a tier to a riskier one; the message
            names the cell.
        DrawError: A changed task is drawn already.
    """
    folder = RunFolder.opened(run)
    with locked(folder.out):
        put_back(folder)
    plans = {path.name: load_plan(path) for path in folder.plans()}
    asked: dict[str, dict[str, int]] = {}
    for row in read_ratios(workbook).to_dict("records"):
        asked.setdefault(row["task"], {})[row["stratum"]] = row["ratio_ppm"]
    changed = {task: plan for task, plan in plans.items() if task in asked and _differs(plan, asked[task])}
    new = {task: _retargeted(plan, asked[task], task) for task, plan in changed.items()}
    with locked(folder.out):
        for task, plan in new.items():
            _exchange(folder.plan(task), plan)
        if new:
            write_documents(folder)
            reseal(folder)
    return {task: sum(plan.targets().values()) for task, plan in new.items()}


def _exchange(path: Path, plan: InspectionPlan) -> None:
    """The new plan in the place of the old one, which stays until the new one is whole; a kill in between loses neither."""
    fresh, old = path.parent / f".new-{path.name}", path.parent / f".old-{path.name}"
    for rest in (fresh, old):
        shutil.rmtree(rest, ignore_errors=True)
    plan.to_csv(fresh)
    path.rename(old)
    fresh.rename(path)
    shutil.rmtree(old)


def put_back(folder: RunFolder) -> None:
    """Plans that an exchange cut short left aside."""
    for old in sorted((folder.path / "plan").glob(".old-*")):
        path = old.parent / old.name.removeprefix(".old-")
        if not path.exists():
            old.rename(path)


def _differs(plan: InspectionPlan | DrawnPlan, ratios: dict[str, int]) -> bool:
    strata = plan.strata
    return any(ratios.get(name, now) != now for name, now in zip(strata["stratum"], strata["ratio_ppm"].tolist(), strict=True))


def _retargeted(plan: InspectionPlan | DrawnPlan, ratios: dict[str, int], task: str) -> InspectionPlan:
    if not isinstance(plan, InspectionPlan):
        raise DrawError(f"task {task}: drawn already; its ratios can no longer change")
    strata = plan.strata.copy()
    strata["ratio_ppm"] = [ratios.get(name, now) for name, now in zip(strata["stratum"], strata["ratio_ppm"].tolist(), strict=True)]
    _refuse_falling(strata, task)
    populations = strata["population"].tolist()
    strata["target"] = targets(strata["ratio_ppm"].tolist(), populations, at_least=least(plan.task, sum(populations)))
    strata["on_site"] = on_site(strata["on_site_ppm"].tolist(), strata["target"].tolist())
    triples = zip(strata["stratum"], strata["target"].tolist(), populations, strict=True)
    share = {name: n / size if size else 0.0 for name, n, size in triples}
    frame = plan.frame.copy()
    stays = frame["exempt_reason"] == ""
    frame["inclusion_probability"] = frame["stratum"].map(share).where(stays, 0.0).astype(float)
    about = {**plan.about, "ratios": "edited by the planner"}
    edited = dataclasses.replace(plan, strata=strata, frame=frame, about=about, frame_hash="")
    edited.frame_hash = edited.hashed_again()
    return edited


def _refuse_falling(strata: pd.DataFrame, task: str) -> None:
    """Within an industry (and region) the ratios may not fall from A to D, and NR not below B."""
    rows: list[dict[Any, Any]] = strata.to_dict("records")
    groups: dict[tuple[str, str], dict[str, int]] = {}
    for row in rows:
        groups.setdefault((row["industry"], row["region"]), {})[row["tier"]] = row["ratio_ppm"]
    for (industry, _), found in groups.items():
        ladder = [found[tier] for tier in ("A", "B", "C", "D") if tier in found]
        if ladder != sorted(ladder) or found.get("NR", 10**6) < found.get("B", 0):
            raise DataError(f"{RATIO_SHEET.zh}: task {task}, industry {industry}: ratios must not fall from A to D, nor NR below B")
