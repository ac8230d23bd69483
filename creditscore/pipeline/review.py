"""Sign proposed tiers of a run, singly or from the workbook's sheet 待复核."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from creditscore.errors import DataError
from creditscore.pipeline.folder import RunFolder
from creditscore.pipeline.tier import read_tiers
from creditscore.reporting.sheets_plan import REVIEW_SHEET, review_columns
from creditscore.reporting.words import DECISIONS
from creditscore.spreadsheet import read_sheet
from creditscore.tiering.sign import Review, append_reviews, grounds_hash

if TYPE_CHECKING:
    from creditscore.spreadsheet import Cell


def sign_subjects(
    run: str | Path,
    subject_ids: list[str],
    *,
    reviewer: str,
    reason: str,
    on: dt.date,
    decision: Literal["approve", "reject"] = "approve",
) -> int:
    """Sign the proposed tiers of some subjects; the next ``run`` of that day lets them hold. Returns how many.

    Raises:
        DataError: A subject has no proposed tier in this run.
    """
    folder = RunFolder.opened(run)
    rows = {row["subject_id"]: row for row in read_tiers(folder).to_dict("records") if row["status"] == "proposed"}
    unknown = [one for one in subject_ids if one not in rows]
    if unknown:
        raise DataError(f"sign: expected subjects with a proposed tier in {folder.path.name} (got {', '.join(unknown[:5])})")
    hashes = {one: grounds_hash({str(key): value for key, value in rows[one].items()}) for one in subject_ids}
    append_reviews(folder.file("reviews.jsonl"), [Review(one, decision, reviewer, reason, hashes[one], on) for one in subject_ids])
    return len(subject_ids)


def sign_workbook(run: str | Path, workbook: Path) -> int:
    """Sign every row of 待复核 that has a decision. All rows are good, or none is signed. Returns how many.

    Raises:
        DataError: A cell cannot be read; the message names it (``待复核!O7``).
    """
    folder = RunFolder.opened(run)
    rows = {str(row["subject_id"]): row for row in read_tiers(folder).to_dict("records") if row["status"] == "proposed"}
    reviews = []
    for cells in read_sheet(workbook, REVIEW_SHEET, columns=review_columns("zh")):
        if cells["decision"].value not in (None, ""):
            reviews.append(_review(cells, rows))
    append_reviews(folder.file("reviews.jsonl"), reviews)
    return len(reviews)


def _review(cells: dict[str, Cell], rows: dict[str, Any]) -> Review:
    subject, decision = str(cells["subject_id"].value), cells["decision"]
    words = {label.text(lang): key for key, label in DECISIONS.items() for lang in ("zh", "en")}
    if decision.value not in words:
        raise DataError(f"{decision.address}: expected one of {', '.join(sorted(words))}")
    if subject not in rows:
        raise DataError(f"{cells['subject_id'].address}: expected a subject with a proposed tier in this run")
    for name in ("reviewer", "review_reason", "reviewed_on"):
        if cells[name].value in (None, ""):
            raise DataError(f"{cells[name].address}: expected a {name.replace('_', ' ')} beside the decision (got nothing)")
    grounds = grounds_hash({str(key): value for key, value in rows[subject].items()})
    if cells["grounds_hash"].value != grounds:
        raise DataError(f"{cells['grounds_hash'].address}: the grounds have changed since this sheet was written")
    day = cells["reviewed_on"].value
    if isinstance(day, dt.datetime):
        day = day.date()
    if not isinstance(day, dt.date):
        raise DataError(f"{cells['reviewed_on'].address}: expected a date")
    kind: Literal["approve", "reject"] = "approve" if words[decision.value] == "approve" else "reject"
    return Review(subject, kind, str(cells["reviewer"].value), str(cells["review_reason"].value), grounds, day)
