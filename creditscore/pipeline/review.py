"""Sign proposed tiers of a run, singly or from the workbook's sheet 待复核."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, Literal

from creditscore.errors import DataError
from creditscore.pipeline.folder import RunFolder
from creditscore.pipeline.signatures import add_signatures
from creditscore.pipeline.tier import read_tiers
from creditscore.reporting.readback import read_decisions
from creditscore.tiering.sign import Review, grounds_hash


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
    if not subject_ids:
        raise DataError("sign: expected subjects to sign (got none)")
    rows = _proposed(folder)
    unknown = [one for one in subject_ids if one not in rows]
    if unknown:
        raise DataError(f"sign: expected subjects with a proposed tier in {folder.path.name} (got {', '.join(unknown[:5])})")
    hashes = {one: grounds_hash(rows[one]) for one in subject_ids}
    add_signatures(folder, [Review(one, decision, reviewer, reason, hashes[one], on) for one in subject_ids])
    return len(subject_ids)


def sign_workbook(run: str | Path, workbook: Path) -> int:
    """Sign every row of 待复核 that has a decision. All rows are good, or none is signed. Returns how many.

    Raises:
        DataError: A cell cannot be read, or its grounds have changed since; the message names it (``待复核!O7``).
    """
    folder = RunFolder.opened(run)
    rows = _proposed(folder)
    told = read_decisions(workbook).to_dict("records")
    for one in told:
        if one["subject_id"] not in rows:
            raise DataError(f"{one['cell']}: expected a subject with a proposed tier in this run")
        if one["grounds_hash"] != grounds_hash(rows[one["subject_id"]]):
            raise DataError(f"{one['cell']}: the grounds have changed since this sheet was written; sign a new one")
    keys = ("subject_id", "decision", "reviewer", "reason", "grounds_hash", "on")
    add_signatures(folder, [Review(**{key: one[key] for key in keys}) for one in told])
    return len(told)


def _proposed(folder: RunFolder) -> dict[str, dict[str, Any]]:
    """The rows of tiers that wait for a signature, by subject id."""
    rows = [{str(key): value for key, value in row.items()} for row in read_tiers(folder).to_dict("records")]
    return {row["subject_id"]: row for row in rows if row["status"] == "proposed"}
