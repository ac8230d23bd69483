"""After the draw: a subject that cannot be visited makes room for the next ticket, and late subjects get theirs."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from creditscore.batch import read_parquet
from creditscore.errors import DataError, DrawError
from creditscore.pipeline.book import load_book
from creditscore.pipeline.draw import renew_documents
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


def replace_subject(folder: str | Path, subject_id: str, *, reason: str, by: str, on: dt.date, lang: str = "zh") -> Replacement:
    """Put the next ticket of its stratum in the place of a drawn subject of ``plan/<task>/``, and renew the run's workbook.

    Raises:
        DrawError: See :func:`creditscore.tiering.sealed.replace.replace`.
    """
    root = Path(folder).resolve()
    found = replace(root, subject_id, reason=reason, by=by, on=on)
    renew_documents(root, lang=lang)
    return found


def replace_closed(folder: str | Path, later: str | Path, *, by: str, on: dt.date, lang: str = "zh") -> list[Replacement]:
    """Replace every subject to be visited that a later run's register shows as deregistered.

    Subjects with a result handed in keep it; those of a stratum that has nobody left stay and are not replaced.

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
    plan, found = DrawnPlan.from_folder(root), []
    replaced = {line["subject_id"] for line in entries(root, "replaced")}
    waiting = sorted(gone & set(plan.drawn["subject_id"]) - replaced)
    while waiting:
        try:
            one = replace(root, waiting.pop(0), reason=_GONE, by=by, on=on)
        except DrawError:  # nobody is left in the stratum: the place stays with the closed subject, whose outcome is "closed"
            continue
        found.append(one)
        if one.replaced_by in gone:
            waiting.insert(0, one.replaced_by)
    if found:
        renew_documents(root, lang=lang)
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
    policy = load_book(RunFolder(root.parent.parent)).policy
    recusals = read_parquet(run.file("recusals.parquet")).to_pandas()
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
