"""Inspectors who cannot go any more after the draw: who goes in their place follows from the rule of the draw; nobody chooses."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from creditscore.errors import DrawError
from creditscore.inspection.inspectors import DrawnFrame, stand_ins, teams_now
from creditscore.inspection.justification import Justification
from creditscore.language import _
from creditscore.vocabulary import LEAVE_REASONS


@dataclass(frozen=True)
class StandIn:
    """Who goes in the place of an inspector to one subject; ``team`` are the staff ids from now on, the leader first."""

    subject_id: str
    comes: str
    team: tuple[str, ...]


@dataclass(frozen=True)
class Leave:
    """An inspector who cannot go any more in a task, and why; ``kept`` are the subjects that were visited before."""

    staff_id: str
    teams: tuple[StandIn, ...]
    kept: tuple[str, ...]
    why: Justification
    on: dt.date

    def line(self) -> dict[str, Any]:
        """Its line of the log."""
        body = asdict(self)
        why = body.pop("why")
        return {"what": "left", **body, **why, "on": self.on.isoformat()}


def leave(
    drawn: DrawnFrame,
    log: Sequence[Mapping[str, Any]],
    staff_id: str,
    *,
    visited: Collection[str],
    why: Justification,
    on: dt.date,
) -> Leave:
    """Put the next in line in the place of an inspector, wherever a visit is still to be made.

    Args:
        drawn: The plan as it was drawn.
        log: The lines of its log up to now.
        staff_id: Who cannot go any more.
        visited: Subjects with a result: their teams stay.
        why: The reason, one of :data:`creditscore.vocabulary.LEAVE_REASONS`, evidence, and two persons.
        on: The day.

    Raises:
        DrawError: The inspector is not in the task's pool, or left already; the reason is none of the list; evidence or a name
            is missing, or both names are of one person; or too few may go to a subject.
    """
    why = why.checked(_("leave of {staff_id}", staff_id=staff_id), reasons=LEAVE_REASONS)
    pool = drawn.pool
    if pool is None or staff_id not in {member.staff_id for member in pool.members}:
        raise DrawError("leave of {staff_id}: expected one of the inspectors who may go in this task", staff_id=staff_id)
    if any(line["what"] == "left" and line["staff_id"] == staff_id for line in log):
        raise DrawError("leave of {staff_id}: recorded already", staff_id=staff_id)
    gone = {line["subject_id"] for line in log if line["what"] == "replaced"}
    theirs = [subject for subject, team in teams_now(drawn, log).items() if staff_id in team and subject not in gone]
    waiting = [subject for subject in theirs if subject not in visited]
    teams = stand_ins(drawn, log, staff_id, waiting)
    return Leave(
        staff_id,
        tuple(StandIn(subject, comes, tuple(team)) for subject, comes, team in teams),
        tuple(sorted(set(theirs) - set(waiting))),
        why,
        on,
    )
