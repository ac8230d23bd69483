"""A drawn subject that cannot be visited is replaced by the next ticket of its stratum; every replacement is logged.

The sealed sample stays as it is. The subject that is gone keeps its place in it (its outcome is ``closed``
or ``not_found``, and the target says what that counts); the one that comes takes over its place: its mode,
its probability, and its inspectors unless one of them is recused.

The probability of both is that of the place, n/N, and does not change afterwards. A target that leaves ``closed`` and
``not_found`` out then has one row per place, and the weights of a stratum add up to its frame: those who were found
speak for those who were not. A target that counts them has two rows for a place that changed hands, which
then weighs twice.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from creditscore.batch import locked
from creditscore.errors import DrawError
from creditscore.tiering.drawn import DrawnPlan
from creditscore.tiering.people.stand_in import stand_in
from creditscore.tiering.sealed.log import entries, note


@dataclass(frozen=True)
class Replacement:
    """Who goes in whose place, and why; ``team`` are the staff ids, the leader first."""

    subject_id: str
    replaced_by: str
    stratum: str
    ticket: str
    mode: str
    team: tuple[str, ...]
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
        found = _replacement(drawn, entries(root), subject_id, reason=reason.strip(), by=by.strip(), on=on)
        note(root, "replaced", [{**asdict(found), "on": on.isoformat()}])
    return found


def _replacement(
    drawn: DrawnPlan, log: Sequence[Mapping[str, Any]], subject_id: str, *, reason: str, by: str, on: dt.date
) -> Replacement:
    replaced = [line for line in log if line["what"] == "replaced"]
    came = {line["replaced_by"]: line["mode"] for line in replaced}
    row = drawn.sample[drawn.sample["subject_id"] == subject_id]
    if row.empty or not (row["drawn"].iloc[0] or subject_id in came):
        raise DrawError(f"replacement of {subject_id}: expected a subject of the sealed sample that is to be inspected")
    if any(line["subject_id"] == subject_id for line in replaced):
        raise DrawError(f"replacement of {subject_id}: replaced already")
    stratum = row["stratum"].iloc[0]
    ticket, other, region = _next(drawn, stratum, came)
    team = stand_in(drawn.staffed, log, other, region, for_whom=subject_id)
    mode = came.get(subject_id) or row["mode"].iloc[0]
    return Replacement(subject_id, other, stratum, ticket, mode, tuple(team), reason, by, on)


def _next(drawn: DrawnPlan, stratum: str, came: Mapping[str, str]) -> tuple[str, str, str]:
    """Ticket, id and region of the next in line.

    Raises:
        DrawError: Nobody is left.
    """
    sample = drawn.sample
    free = sample[(sample["stratum"] == stratum) & (sample["exempt_reason"] == "") & ~sample["drawn"]]
    rows = zip(free["ticket"], free["subject_id"], free["region"], strict=True)
    waiting = sorted(row for row in rows if row[1] not in came)
    if not waiting:
        raise DrawError(f"replacement: nobody is left in stratum {stratum}")
    return waiting[0]
