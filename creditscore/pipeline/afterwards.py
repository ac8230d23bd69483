"""After the draw: a subject that cannot be visited makes room for the next ticket, and late subjects get theirs."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from creditscore.errors import DataError, DrawError
from creditscore.inspection.amendments import Joiner, Replacement, join, replace
from creditscore.inspection.plan import DrawnPlan
from creditscore.inspection.plan_folder import entries
from creditscore.inspection.sampling_frame import covered
from creditscore.models.monitor import characteristic_stability, psi, psi_table
from creditscore.pipeline.draws import renew_documents, run_held
from creditscore.pipeline.run_folder import RunFolder
from creditscore.pipeline.run_store import load_book, results_of
from creditscore.pipeline.score import read_cards
from creditscore.pipeline.tier import read_tiers
from creditscore.pipeline.train import POOLED
from creditscore.storage import read_parquet
from creditscore.tiering.tiers import Tiers

if TYPE_CHECKING:
    import pandas as pd


def compare_runs(now: RunFolder, before: RunFolder) -> pd.DataFrame:
    """One row for the score and one per characteristic of the pooled card: psi, critical value, shift in points.

    The earlier run is the reference.
    """
    new, old = (read_parquet(folder.file("scores.parquet"))["score"].to_numpy() for folder in (now, before))
    table = psi_table(old, new)
    total = table.iloc[-1]
    rows = [
        {
            "name": "score",
            "psi": psi(old, new),
            "critical": float(total["Critical"]),
            "points_shift": float(new.mean() - old.mean()),
        }
    ]
    cards = read_cards(now.file("scorecards"))
    card = cards.get(POOLED) or next(iter(cards.values()))
    frames = [read_parquet(folder.file("features.parquet")).to_pandas() for folder in (before, now)]
    if set(card.features) <= set(frames[0].columns):
        moved = characteristic_stability(card, *frames).rename_axis("name").reset_index()
        rows += [{key: row.get(key) for key in rows[0]} for row in moved.to_dict("records")]
    return pd.DataFrame(rows)


_GONE = "deregistered"
_NOT_MET = ("closed", "not_found")


def replace_subject(folder: str | Path, subject_id: str, *, reason: str, by: str, on: dt.date, lang: str = "zh") -> Replacement:
    """Put the next ticket of its stratum in the place of a drawn subject of ``plan/<task>/``, and renew the run's workbook.

    Raises:
        DrawError: It has a result of a visit; or see :func:`creditscore.inspection.amendments.replace`.
    """
    root = Path(folder).resolve()
    with run_held(root):
        if subject_id in _visited(root):
            raise DrawError(
                "replacement of {subject_id}: expected a subject that was not visited (its result was handed in)",
                subject_id=subject_id,
            )
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
        raise DataError("{path}: expected a run of a day after {day}", path=run.path, day=day)
    return run
