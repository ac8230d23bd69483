"""After the draw: a subject that cannot be visited makes room for the next ticket, and late subjects get theirs."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from creditscore.batch import read_parquet
from creditscore.errors import DataError, DrawError
from creditscore.pipeline.book import load_book, results_of
from creditscore.pipeline.draw import renew_documents, run_held
from creditscore.pipeline.folder import RunFolder
from creditscore.pipeline.tier import read_tiers
from creditscore.tiering.drawn import DrawnPlan
from creditscore.tiering.population import covered
from creditscore.tiering.sealed.join import Joiner, join
from creditscore.tiering.sealed.log import entries
from creditscore.tiering.sealed.replace import Replacement, replace
from creditscore.tiering.tiers import Tiers

if TYPE_CHECKING:
    import pandas as pd

_GONE = "deregistered"
_NOT_MET = ("closed", "not_found")


def replace_subject(folder: str | Path, subject_id: str, *, reason: str, by: str, on: dt.date, lang: str = "zh") -> Replacement:
    """Put the next ticket of its stratum in the place of a drawn subject of ``plan/<task>/``, and renew the run's workbook.

    Raises:
        DrawError: It has a result of a visit; or see :func:`creditscore.tiering.sealed.replace.replace`.
    """
    root = Path(folder).resolve()
    with run_held(root):
        if subject_id in _visited(root):
            raise DrawError(f"replacement of {subject_id}: expected a subject that was not visited (its result was handed in)")
        found = replace(root, subject_id, reason=reason, by=by, on=on)
        renew_documents(root, lang=lang)
    return found


def _visited(plan: Path) -> set[str]:
    """Those of a plan whose results say that somebody was met there; who was found closed or not at all may be replaced."""
    told = results_of(RunFolder(plan.parent.parent))
    if told is None:
        return set()
    met = told[(told["task"] == plan.name) & ~told["outcome"].isin(_NOT_MET)]
    return set(met["subject_id"])


def replace_closed(folder: str | Path, later: str | Path, *, by: str, on: dt.date, lang: str = "zh") -> list[Replacement]:
    """Replace every subject to be visited that a later run's register shows as deregistered.

    Subjects that were visited (their result was handed in) are not replaced, nor those of a stratum that has nobody left.

    Args:
        folder: A drawn ``plan/<task>/``.
        later: A run of a later day, which knows who has closed.
        by: Who decided.
        on: The day.
        lang: The language of the documents.

    Raises:
        DataError: The run is not later than the plan's.
    """
    root, run = Path(folder).resolve(), _later(folder, later)
    subjects = read_parquet(run.file("subjects.parquet")).select(["subject_id", "status"]).to_pandas()
    gone = set(subjects.loc[subjects["status"] == _GONE, "subject_id"])
    with run_held(root):
        found = _replaced(root, gone, by=by, on=on)
        if found:
            renew_documents(root, lang=lang)
    return found


def _replaced(root: Path, gone: set[str], *, by: str, on: dt.date) -> list[Replacement]:
    found: list[Replacement] = []
    replaced = {line["replaced_by"]: line["subject_id"] for line in entries(root, "replaced")}
    called = {*DrawnPlan.from_folder(root).drawn["subject_id"], *replaced} - {*replaced.values()}
    waiting = sorted(gone & called - _visited(root))
    while waiting:
        try:
            one = replace(root, waiting.pop(0), reason=_GONE, by=by, on=on)
        except DrawError:  # nobody is left in the stratum: the place stays with the closed subject, whose outcome is "closed"
            continue
        found.append(one)
        if one.replaced_by in gone:
            waiting.insert(0, one.replaced_by)
    return found


def join_late(folder: str | Path, later: str | Path, *, by: str, on: dt.date, lang: str = "zh") -> list[Joiner]:
    """Give the subjects of the task's population that came after the frame their tickets, drawn or not.

    Args:
        folder: A drawn ``plan/<task>/``.
        later: A run of a later day: its register and tiers say who came, and recusals who may not go to them.
        by: Who entered them.
        on: The day.
        lang: The language of the documents.

    Raises:
        DataError: The run is not later than the plan's.
    """
    root, run = Path(folder).resolve(), _later(folder, later)
    plan = DrawnPlan.from_folder(root)
    subjects: pd.DataFrame = read_parquet(run.file("subjects.parquet")).to_pandas(date_as_object=True)
    tiers = Tiers(read_tiers(run), subjects=subjects)
    everyone = covered(tiers, subjects, plan.task)
    known = {*plan.sample["subject_id"], *(line["subject_id"] for line in entries(root, "joined"))}
    fresh = everyone[~everyone["subject_id"].isin(known) & (everyone["status"] != _GONE)]
    policy = load_book(RunFolder(root.parent.parent), only=()).policy
    recusals = read_parquet(run.file("recusals.parquet")).to_pandas()
    with run_held(root):
        found = join(root, fresh, policy=policy, by=by, on=on, recusals=recusals if len(recusals) else None) if len(fresh) else []
        if found:
            renew_documents(root, lang=lang)
    return found


def _later(folder: str | Path, later: str | Path) -> RunFolder:
    run = RunFolder.opened(later)
    day = DrawnPlan.from_folder(folder).plan.as_of
    if run.as_of <= day:
        raise DataError(f"{run.path}: expected a run of a day after {day}")
    return run
