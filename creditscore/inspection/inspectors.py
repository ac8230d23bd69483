"""Who inspects: drawn by the same seed, with valid certificates, without those who must stand back."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd

from creditscore.config.tasks import Task
from creditscore.dataframes import as_frame, day_column, texts
from creditscore.errors import DrawError
from creditscore.inspection.draw import part


@dataclass(frozen=True)
class Staffed:
    """What of a drawn plan says who goes; ``inspectors`` has ``subject_id, place, staff_id``."""

    pool: Pool | None
    inspectors: pd.DataFrame
    seed: str
    task: Task


def stand_in(
    drawn: Staffed,
    log: Sequence[Mapping[str, Any]],
    subject_id: str,
    region: str,
    *,
    for_whom: str = "",
    recused: Sequence[str] = (),
) -> list[str]:
    """The staff ids for one more subject, the leader first; none where the plan was drawn without staff.

    Args:
        drawn: The plan.
        log: What happened since; its teams count as load.
        subject_id: Who comes.
        region: Where it is.
        for_whom: Whose place it takes: that team goes, unless one of it is recused.
        recused: Staff who may not go, beside those of the plan.

    Raises:
        DrawError: Too few may go.
    """
    pool = drawn.pool
    if pool is None:
        return []
    apart = pool.recusals | {(staff, subject_id) for staff in recused}
    team = _team_of(drawn, log, for_whom)
    if team and not any((staff, subject_id) in apart for staff in team):
        return team
    load = Counter(drawn.inspectors["staff_id"].tolist())
    load.update(staff for line in log for staff in line.get("team", ()))
    seats, turn = drawn.task.min_inspectors, [("", subject_id, region)]
    teams = assign_inspectors(
        turn,
        replace(pool, recusals=frozenset(apart)),
        seed=drawn.seed,
        task=drawn.task.id,
        number=seats,
        lead=drawn.task.department,
        load=load,
    )
    return teams[subject_id]


def _team_of(drawn: Staffed, log: Sequence[Mapping[str, Any]], subject_id: str) -> list[str]:
    for line in log:
        if line["what"] == "replaced" and line["replaced_by"] == subject_id:
            return list(line["team"])
    people = drawn.inspectors
    return people.loc[people["subject_id"] == subject_id].sort_values("place")["staff_id"].tolist() if subject_id else []


def recused_from(recusals: Any, subject_id: str) -> list[str]:
    """The staff ids that may not go to a subject, in order; ``recusals`` has ``staff_id, subject_id`` or is None."""
    if recusals is None:
        return []
    frame = as_frame(recusals, needs=["staff_id", "subject_id"], what="recusals")
    return sorted(
        {
            staff
            for staff, subject in zip(texts(frame, "staff_id"), texts(frame, "subject_id"), strict=True)
            if subject == subject_id
        }
    )


INSPECTOR_COLUMNS = ("task", "subject_id", "place", "staff_id", "name", "department", "region", "certificate_valid_to")


@dataclass(frozen=True)
class Inspector:
    """One member of staff as the draw sees it. ``certificate_valid_to`` is an ISO day; ``""`` where unknown."""

    staff_id: str
    region: str
    department: str
    certificate_valid_to: str


@dataclass(frozen=True)
class Pool:
    """All that the draw of inspectors depends on beside the seed; sealed into the manifest.

    ``members`` are those who may go at all; ``recusals`` the pairs (staff_id, subject_id) that may
    not meet; ``left_out`` counts who was not eligible, by reason.
    """

    members: tuple[Inspector, ...]
    recusals: frozenset[tuple[str, str]]
    left_out: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        recusals = sorted(list(pair) for pair in self.recusals)
        return {"members": [asdict(member) for member in self.members], "recusals": recusals, "left_out": self.left_out}

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Pool:
        """From plain data."""
        members = tuple(Inspector(**member) for member in document["members"])
        return cls(members, frozenset((staff, subject) for staff, subject in document["recusals"]), dict(document["left_out"]))


def pool_of(staff: Any, recusals: Any, task: Task, *, subject_ids: Iterable[str]) -> Pool:
    """Who may go in a task.

    A certificate must be valid on every day of the task (an unknown end is not valid); the department
    must be the task's or one of ``joint_with`` (unknown fits all).

    Args:
        staff: ``staff_id, certificate_valid_to`` and, as far as known, ``region, department``.
        recusals: ``staff_id, subject_id``; or None.
        task: The task.
        subject_ids: Those who may be drawn or stand in for a drawn one; recusals of others are not kept.

    Raises:
        DrawError: A member of staff stands twice.
    """
    frame = as_frame(staff, needs=["staff_id", "certificate_valid_to"], what="staff")
    valid_to = [None if pd.isna(day) else day.astype(object) for day in day_column(frame, "certificate_valid_to")]
    columns = (texts(frame, name) for name in ("staff_id", "region", "department"))
    members, left_out = [], Counter[str]()
    for staff_id, region, department, until in sorted(zip(*columns, valid_to, strict=True), key=lambda row: row[0]):
        why = _left_out(department, until, task)
        if why:
            left_out[why] += 1
        else:
            members.append(Inspector(part(staff_id, what="staff_id"), region, department, until.isoformat()))
    ids = [member.staff_id for member in members]
    if len(ids) != len(set(ids)):
        raise DrawError("staff: expected each staff_id once")
    return Pool(tuple(members), _recused(recusals, set(subject_ids)), dict(sorted(left_out.items())))


def _left_out(department: str, until: dt.date | None, task: Task) -> str:
    if until is None or until < task.end:
        return "certificate"
    return "" if department in ("", task.department, *task.joint_with) else "department"


def _recused(recusals: Any, subject_ids: set[str]) -> frozenset[tuple[str, str]]:
    if recusals is None:
        return frozenset()
    frame = as_frame(recusals, needs=["staff_id", "subject_id"], what="recusals")
    pairs = zip(texts(frame, "staff_id"), texts(frame, "subject_id"), strict=True)
    return frozenset((staff, subject) for staff, subject in pairs if subject in subject_ids)


def assign_inspectors(
    drawn: Sequence[tuple[str, str, str]],
    pool: Pool,
    *,
    seed: str,
    task: str,
    number: int,
    lead: str,
    load: Mapping[str, int] | None = None,
) -> dict[str, list[str]]:
    """``number`` inspectors for each drawn subject.

    Subjects take their turn by ticket. Each gets, of those not recused, first staff of its own region,
    then those with the fewest visits so far, then the smallest ``SHA-256(seed|task|subject_id|staff_id)``.
    Where staff of several departments may go, one of the leading department leads, and the next in line of
    another goes along.

    Args:
        drawn: ``(ticket, subject_id, region)``.
        pool: Who may go.
        seed: The seed of the draw.
        task: The id of the task.
        number: Inspectors per subject.
        lead: The leading department.
        load: Visits that each has already, by staff id.

    Returns:
        The staff ids by subject, the leader first.

    Raises:
        DrawError: Too few may go to a subject; it is named.
    """
    start = hashlib.sha256(f"{part(seed, what='seed')}|{part(task, what='task')}|".encode())
    visits = Counter(load or {})
    teams: dict[str, list[str]] = {}
    for _, subject_id, region in sorted(drawn):
        free = [member for member in pool.members if (member.staff_id, subject_id) not in pool.recusals]
        if len(free) < number:
            raise _too_few(subject_id, free, pool, number)
        keys = [((m.region != region, visits[m.staff_id], _key(start, subject_id, m.staff_id), m.staff_id), m) for m in free]
        teams[subject_id] = _team([member for _, member in sorted(keys, key=lambda pair: pair[0])], number=number, lead=lead)
        visits.update(teams[subject_id])
    return teams


def _team(order: Sequence[Inspector], *, number: int, lead: str) -> list[str]:
    """The first in line, but for a joint visit one of the leading department and one of another at the head."""
    own = [member for member in order if member.department in ("", lead)]
    others = [member for member in order if member.department not in ("", lead)]
    head = [own[0], others[0]] if own and others else []
    rest = [member for member in order if member not in head]
    return [member.staff_id for member in [*head, *rest][:number]]


def _key(start: Any, subject_id: str, staff_id: str) -> str:
    digest = start.copy()
    digest.update(f"{subject_id}|{staff_id}".encode())
    return str(digest.hexdigest())


def _too_few(subject_id: str, free: Sequence[Inspector], pool: Pool, number: int) -> DrawError:
    left = [f"{count} left out for their {why}" for why, count in pool.left_out.items()]
    recused = len(pool.members) - len(free)
    detail = "; ".join([*left, *([f"{recused} recused"] if recused else [])]) or "no others"
    return DrawError(
        "inspectors of {subject_id}: expected at least {number} who may go (got {n_free}; {detail})",
        subject_id=subject_id,
        number=number,
        n_free=len(free),
        detail=detail,
    )
