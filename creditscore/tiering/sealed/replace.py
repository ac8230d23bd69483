"""A drawn subject that has closed is replaced by the next ticket of its stratum; every replacement is logged.

The sealed sample stays as it is: ``replacements.jsonl`` beside it is append-only and hash-chained.
The closed subject keeps its place in the sample (its outcome is ``closed``): for estimates a
replacement is a visit like any other and does not make the first one unseen.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from creditscore.batch import locked
from creditscore.errors import DrawError
from creditscore.tiering import chain
from creditscore.tiering.drawn import DrawnPlan

LOG = "replacements.jsonl"


@dataclass(frozen=True)
class Replacement:
    """Who goes in whose place, and why."""

    subject_id: str
    replaced_by: str
    stratum: str
    ticket: str
    reason: str
    by: str
    on: dt.date


def replace(folder: str | Path, subject_id: str, *, reason: str, by: str, on: dt.date) -> Replacement:
    """Put the next ticket of the stratum in the place of a drawn subject.

    Args:
        folder: A drawn plan.
        subject_id: A drawn subject, or one that replaced another.
        reason: Why it cannot be inspected.
        by: Who decided.
        on: The day.

    Raises:
        DrawError: The plan is not drawn, the subject is not to be inspected, was replaced already, or
            nobody is left in its stratum; or reason or name is missing.
        DataError: The log is not a whole chain.
    """
    root = Path(folder)
    if not reason.strip() or not by.strip():
        raise DrawError(f"replacement of {subject_id}: expected a reason and the name of who decided")
    drawn = DrawnPlan.from_folder(root)
    with locked(root):
        log = chain.read(root / LOG)
        stratum, ticket, other = _next(drawn, log, subject_id)
        found = Replacement(subject_id, other, stratum, ticket, reason, by, on)
        chain.append(root / LOG, [{**asdict(found), "on": on.isoformat()}])
    return found


def _next(drawn: DrawnPlan, log: Sequence[Mapping[str, Any]], subject_id: str) -> tuple[str, str, str]:
    """Stratum, ticket and id of the next in line."""
    gone, came = {line["subject_id"] for line in log}, {line["replaced_by"] for line in log}
    sample = drawn.sample
    row = sample[sample["subject_id"] == subject_id]
    if row.empty or not (row["drawn"].iloc[0] or subject_id in came):
        raise DrawError(f"replacement of {subject_id}: expected a subject that is to be inspected")
    if subject_id in gone:
        raise DrawError(f"replacement of {subject_id}: replaced already")
    stratum = row["stratum"].iloc[0]
    free = sample[(sample["stratum"] == stratum) & (sample["exempt_reason"] == "") & ~sample["drawn"]]
    waiting = sorted((ticket, other) for ticket, other in zip(free["ticket"], free["subject_id"], strict=True) if other not in came)
    if not waiting:
        raise DrawError(f"replacement of {subject_id}: nobody is left in stratum {stratum}")
    return stratum, *waiting[0]


def check_replacements(folder: Path, waiting: Mapping[str, Sequence[str]], place: Mapping[str, str]) -> Iterator[str]:
    """Findings about the log: each replacement is the next ticket of the stratum of the subject it replaces.

    Args:
        folder: The plan folder.
        waiting: The ids that were not drawn, by stratum, in the order of their tickets.
        place: The stratum of every subject that is drawn or waits.
    """
    turn = dict.fromkeys(waiting, 0)
    for line in chain.read(folder / LOG):
        stratum = place.get(line["subject_id"], "")
        queue = waiting.get(stratum, [])
        if turn.get(stratum, 0) >= len(queue) or queue[turn[stratum]] != line["replaced_by"]:
            where = f"{LOG} line {line['number']}"
            yield f"{where}: {line['replaced_by']} is not the next ticket of the stratum of {line['subject_id']}"
            return
        turn[stratum] += 1
