"""Who may be sent: the inspectors of a task and who is recused from whom, fixed with the frame before there is a seed."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from creditscore.config.tasks import Task
from creditscore.dataframes import as_frame, date_column, texts
from creditscore.errors import DrawError
from creditscore.inspection.tickets import part


@dataclass(frozen=True)
class Inspector:
    """One member of staff as the draw sees it. ``certificate_valid_to`` is an ISO day; ``""`` where unknown."""

    staff_id: str
    region: str
    department: str
    certificate_valid_to: str
    #: Empty in plans of format 2, whose pools have no names.
    name: str = ""


@dataclass(frozen=True)
class Pool:
    """All that the draw of inspectors depends on, apart from the seed; part of the frame, and of its hash, before the seed.

    ``members`` are those who may go at all; ``recusals`` the pairs (staff_id, subject_id) that may
    not meet; ``left_out`` counts who was not eligible, by reason (``certificate``, ``department``).
    """

    members: tuple[Inspector, ...]
    recusals: frozenset[tuple[str, str]]
    left_out: dict[str, int]

    @classmethod
    def of(cls, staff: Any, recusals: Any, task: Task, *, subject_ids: Iterable[str]) -> Pool:
        """Who may go in a task.

        A certificate must be valid on every day of the task (an unknown end is not valid); the department
        must be the task's or one of ``joint_with`` (unknown fits all).

        Args:
            staff: ``staff_id, certificate_valid_to`` and, as far as known, ``region, department``.
            recusals: ``staff_id, subject_id``; or None.
            task: The task.
            subject_ids: Those who may be drawn or replace a drawn one; recusals of others are not kept.

        Raises:
            DrawError: A member of staff is listed twice.
        """
        frame = as_frame(staff, needs=["staff_id", "certificate_valid_to"], what="staff")
        valid_to = [None if pd.isna(day) else day.astype(object) for day in date_column(frame, "certificate_valid_to")]
        columns = (texts(frame, name) for name in ("staff_id", "region", "department", "name"))
        members, left_out = [], Counter[str]()
        for staff_id, region, department, name, until in sorted(zip(*columns, valid_to, strict=True), key=lambda row: row[0]):
            if until is None or until < task.end:
                left_out["certificate"] += 1
            elif department not in ("", task.department, *task.joint_with):
                left_out["department"] += 1
            else:
                members.append(Inspector(part(staff_id, what="staff_id"), region, department, until.isoformat(), name))
        if len(members) != len({member.staff_id for member in members}):
            raise DrawError("staff: expected each staff_id once")
        known = set(subject_ids)
        pairs = frozenset(pair for pair in _pairs(recusals) if pair[1] in known)
        return cls(tuple(members), pairs, dict(sorted(left_out.items())))

    def refuse_too_few(self, number: int, subject_ids: Iterable[str]) -> None:
        """Refuse people of whom too few may go to somebody who may be drawn.

        Raises:
            DrawError: Fewer than ``number`` may go; the subject is named.
        """
        known = {member.staff_id for member in self.members}
        recused = Counter(subject for staff, subject in self.recusals if staff in known)
        for subject_id in sorted(subject_ids):
            if len(self.members) - recused[subject_id] < number:
                free = [member for member in self.members if (member.staff_id, subject_id) not in self.recusals]
                raise too_few(subject_id, free, self, number)

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        recusals = sorted(list(pair) for pair in self.recusals)
        return {"members": [asdict(member) for member in self.members], "recusals": recusals, "left_out": self.left_out}

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Pool:
        """From plain data."""
        members = tuple(Inspector(**member) for member in document["members"])
        return cls(members, frozenset((staff, subject) for staff, subject in document["recusals"]), dict(document["left_out"]))


def too_few(subject_id: str, free: Sequence[Inspector], pool: Pool, number: int) -> DrawError:
    """The refusal of a team that is not complete, with who was left out and why."""
    left_out = [f"{count} left out for their {why}" for why, count in pool.left_out.items()]
    recused = len(pool.members) - len(free)
    return DrawError(
        "inspectors of {subject_id}: expected at least {number} who may go (got {n_free}; {detail})",
        subject_id=subject_id,
        number=number,
        n_free=len(free),
        detail="; ".join([*left_out, *([f"{recused} recused"] if recused else [])]) or "no others",
    )


def recused_from(recusals: Any, subject_id: str) -> list[str]:
    """The staff ids that may not go to a subject, in order; ``recusals`` has ``staff_id, subject_id`` or is None."""
    return sorted({staff for staff, subject in _pairs(recusals) if subject == subject_id})


def _pairs(recusals: Any) -> list[tuple[str, str]]:
    if recusals is None:
        return []
    frame = as_frame(recusals, needs=["staff_id", "subject_id"], what="recusals")
    return list(zip(_staff_ids(frame), texts(frame, "subject_id"), strict=True))


def _staff_ids(frame: pd.DataFrame) -> list[str]:
    """In NFC, as in the tickets: an id in another form would miss its recusal."""
    return [unicodedata.normalize("NFC", staff_id) for staff_id in texts(frame, "staff_id")]
