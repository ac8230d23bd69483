"""Who inspects: drawn by the same seed, with valid certificates, without those who are recused."""

from __future__ import annotations

import datetime as dt
import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd

from creditscore.config.tasks import Task
from creditscore.dataframes import as_frame, date_column, texts
from creditscore.errors import DrawError
from creditscore.inspection.draw import part
from creditscore.inspection.sampling_frame import SamplingFrame

#: The columns of ``inspectors.csv``: one row per drawn subject and inspector, by subject_id and ``place``, 1 for the leader.
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
    """All that the draw of inspectors depends on, apart from the seed; sealed into the manifest.

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
        columns = (texts(frame, name) for name in ("staff_id", "region", "department"))
        members, left_out = [], Counter[str]()
        for staff_id, region, department, until in sorted(zip(*columns, valid_to, strict=True), key=lambda row: row[0]):
            if until is None or until < task.end:
                left_out["certificate"] += 1
            elif department not in ("", task.department, *task.joint_with):
                left_out["department"] += 1
            else:
                members.append(Inspector(part(staff_id, what="staff_id"), region, department, until.isoformat()))
        if len(members) != len({member.staff_id for member in members}):
            raise DrawError("staff: expected each staff_id once")
        known = set(subject_ids)
        pairs = frozenset(pair for pair in _pairs(recusals) if pair[1] in known)
        return cls(tuple(members), pairs, dict(sorted(left_out.items())))

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        recusals = sorted(list(pair) for pair in self.recusals)
        return {"members": [asdict(member) for member in self.members], "recusals": recusals, "left_out": self.left_out}

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Pool:
        """From plain data."""
        members = tuple(Inspector(**member) for member in document["members"])
        return cls(members, frozenset((staff, subject) for staff, subject in document["recusals"]), dict(document["left_out"]))


@dataclass(frozen=True)
class DrawnFrame:
    """A frame with what its draw gave.

    Attributes:
        plan: The frame that was drawn.
        seed: The seed.
        sample: The whole frame by subject_id with ``ticket`` (missing for those who left the frame),
            ``drawn`` (bool) and ``mode`` (``on_site``, ``off_site``, ``""`` where not drawn).
        inspectors: The columns of :data:`INSPECTOR_COLUMNS`.
        pool: Who might have been sent, and who was recused; None where no staff was named.
        drawn_on: The day of the draw, as far as known.
    """

    plan: SamplingFrame
    seed: str
    sample: pd.DataFrame
    inspectors: pd.DataFrame
    pool: Pool | None = None
    drawn_on: dt.date | None = None

    @property
    def task(self) -> Task:
        """The task."""
        return self.plan.task

    @property
    def strata(self) -> pd.DataFrame:
        """The strata of the frame."""
        return self.plan.strata

    @property
    def frame_hash(self) -> str:
        """The hash that was fixed before the seed."""
        return self.plan.frame_hash

    @property
    def drawn(self) -> pd.DataFrame:
        """The drawn subjects alone, by subject_id."""
        return self.sample[self.sample["drawn"]].reset_index(drop=True)


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


def _assigned(
    drawn: Sequence[tuple[str, str, str]], pool: Pool, *, seed: str, task: Task, load: Mapping[str, int] | None = None
) -> dict[str, list[str]]:
    """``task.min_inspectors`` inspectors for each drawn subject.

    Subjects take their turn by ticket. Each gets, of those not recused, first staff of its own region,
    then those with the fewest visits so far, then the smallest ``SHA-256(seed|task|subject_id|staff_id)``.
    Where staff of several departments may go, one of the task's department leads, and the next in line of
    another goes along.

    Args:
        drawn: ``(ticket, subject_id, region)``.
        pool: Who may go.
        seed: The seed of the draw.
        task: The task.
        load: Visits that each has already, by staff id.

    Returns:
        The staff ids by subject, the leader first.

    Raises:
        DrawError: Too few may go to a subject; it is named.
    """
    start = hashlib.sha256(f"{part(seed, what='seed')}|{part(task.id, what='task')}|".encode())
    visits = Counter(load or {})
    teams: dict[str, list[str]] = {}
    for _, subject_id, region in sorted(drawn):
        free = [member for member in pool.members if (member.staff_id, subject_id) not in pool.recusals]
        if len(free) < task.min_inspectors:
            raise _too_few(subject_id, free, pool, task.min_inspectors)
        keys = [((m.region != region, visits[m.staff_id], _key(start, subject_id, m.staff_id), m.staff_id), m) for m in free]
        teams[subject_id] = _team([member for _, member in sorted(keys, key=lambda pair: pair[0])], task)
        visits.update(teams[subject_id])
    return teams


def _key(start: Any, subject_id: str, staff_id: str) -> str:
    digest = start.copy()
    digest.update(f"{subject_id}|{staff_id}".encode())
    return str(digest.hexdigest())


def _team(order: Sequence[Inspector], task: Task) -> list[str]:
    """The first in line; for a joint visit one of the leading department and one of another come first."""
    own = [member for member in order if member.department in ("", task.department)]
    others = [member for member in order if member.department not in ("", task.department)]
    head = [own[0], others[0]] if own and others else []
    rest = [member for member in order if member not in head]
    return [member.staff_id for member in [*head, *rest][: task.min_inspectors]]


def _too_few(subject_id: str, free: Sequence[Inspector], pool: Pool, number: int) -> DrawError:
    left_out = [f"{count} left out for their {why}" for why, count in pool.left_out.items()]
    recused = len(pool.members) - len(free)
    return DrawError(
        "inspectors of {subject_id}: expected at least {number} who may go (got {n_free}; {detail})",
        subject_id=subject_id,
        number=number,
        n_free=len(free),
        detail="; ".join([*left_out, *([f"{recused} recused"] if recused else [])]) or "no others",
    )


def inspector_table(sample: pd.DataFrame, staff: Any, pool: Pool, *, seed: str, task: Task) -> pd.DataFrame:
    """The inspectors of the drawn subjects of a sample: the columns of :data:`INSPECTOR_COLUMNS`.

    Raises:
        DrawError: Too few may go to a subject; it is named.
    """
    chosen = sample[sample["drawn"]]
    turns = list(zip(chosen["ticket"], chosen["subject_id"], chosen["region"], strict=True))
    teams = _assigned(turns, pool, seed=seed, task=task)
    frame = as_frame(staff, needs=["staff_id"], what="staff")
    names = dict(zip(_staff_ids(frame), texts(frame, "name"), strict=True))
    members = {member.staff_id: member for member in pool.members}
    rows = [
        (task.id, subject_id, place, staff_id, names[staff_id], one.department, one.region, one.certificate_valid_to)
        for subject_id in sorted(teams)
        for place, staff_id in enumerate(teams[subject_id], start=1)
        for one in (members[staff_id],)
    ]
    return pd.DataFrame(rows, columns=list(INSPECTOR_COLUMNS))


def further_team(
    drawn: DrawnFrame,
    log: Sequence[Mapping[str, Any]],
    subject_id: str,
    region: str,
    *,
    replaces: str = "",
    recused: Sequence[str] = (),
) -> list[str]:
    """The staff ids for one more subject after the draw, the leader first; none where the plan was drawn without staff.

    Args:
        drawn: The drawn plan.
        log: What happened since; its teams count as load.
        subject_id: The further subject.
        region: Where it is.
        replaces: The subject that it replaces: that team goes, unless one of it is recused.
        recused: Staff who may not go, in addition to the recusals of the plan.

    Raises:
        DrawError: Too few may go.
    """
    pool = drawn.pool
    if pool is None:
        return []
    apart = pool.recusals | {(staff, subject_id) for staff in recused}
    team = _team_sent(drawn, log, replaces) if replaces else []
    if team and not any((staff, subject_id) in apart for staff in team):
        return team
    load = Counter(drawn.inspectors["staff_id"].tolist())
    load.update(staff for line in log for staff in line.get("team", ()))
    eligible = replace(pool, recusals=frozenset(apart))
    return _assigned([("", subject_id, region)], eligible, seed=drawn.seed, task=drawn.task, load=load)[subject_id]


def _team_sent(drawn: DrawnFrame, log: Sequence[Mapping[str, Any]], subject_id: str) -> list[str]:
    for line in log:
        if line["what"] == "replaced" and line["replaced_by"] == subject_id:
            return list(line["team"])
    people = drawn.inspectors
    return people.loc[people["subject_id"] == subject_id].sort_values("place")["staff_id"].tolist()
