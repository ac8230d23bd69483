"""Who inspects: drawn by the same seed, with valid certificates, without those who are recused."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from creditscore.config.tasks import Task
from creditscore.inspection.frame_hash import drawn_strata, tree_of
from creditscore.inspection.pool import Inspector, Pool, too_few
from creditscore.inspection.sampling_frame import SamplingFrame
from creditscore.inspection.tickets import part

#: The columns of ``inspectors.csv``: one row per drawn subject and inspector, by subject_id and ``place``, 1 for the leader.
INSPECTOR_COLUMNS = ("task", "subject_id", "place", "staff_id", "name", "department", "region", "certificate_valid_to")
_MILLION = 1_000_000


@dataclass(frozen=True)
class DrawnFrame:
    """A frame with what its draw gave.

    Attributes:
        plan: The frame that was drawn, with the key that its tickets were made with where that is at hand.
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
    def root(self) -> str:
        """The root of the tree of the strata with their last tickets, to be told with the list; empty without a key."""
        plan = self.plan
        return tree_of(drawn_strata(self.strata, self.sample), key=plan.key, task=plan.task.id).root if plan.key else ""

    @property
    def drawn(self) -> pd.DataFrame:
        """The drawn subjects alone, by subject_id."""
        return self.sample[self.sample["drawn"]].reset_index(drop=True)


def _assigned(
    drawn: Sequence[tuple[str, str, str]],
    pool: Pool,
    *,
    seed: str,
    task: Task,
    load: Mapping[str, int] | None = None,
    before: int = 0,
) -> dict[str, list[str]]:
    """``task.min_inspectors`` inspectors for each drawn subject.

    Subjects take their turn by ticket. Each gets, of those not recused, first staff of its own region (of another one, where
    its turn is one of :func:`crosses`), then those with the fewest visits so far, then the smallest
    ``SHA-256(seed|task|subject_id|staff_id)``.
    Where staff of several departments may go, one of the task's department leads, and the next in line of
    another goes along.

    Args:
        drawn: ``(ticket, subject_id, region)``.
        pool: Who may go.
        seed: The seed of the draw.
        task: The task.
        load: Visits that each has already, by staff id.
        before: How many subjects had their turn already.

    Returns:
        The staff ids by subject, the leader first.

    Raises:
        DrawError: Too few may go to a subject; it is named.
    """
    start = hashlib.sha256(f"{part(seed, what='seed')}|{part(task.id, what='task')}|".encode())
    visits = Counter(load or {})
    teams: dict[str, list[str]] = {}
    for turn, (_, subject_id, region) in enumerate(sorted(drawn), start=before + 1):
        free = [member for member in pool.members if (member.staff_id, subject_id) not in pool.recusals]
        if len(free) < task.min_inspectors:
            raise too_few(subject_id, free, pool, task.min_inspectors)
        across = crosses(turn, task)
        keys = [((_later(m, region, across), visits[m.staff_id], _key(start, subject_id, m.staff_id), m.staff_id), m) for m in free]
        teams[subject_id] = _team([member for _, member in sorted(keys, key=lambda pair: pair[0])], task)
        visits.update(teams[subject_id])
    return teams


def crosses(turn: int, task: Task) -> bool:
    """Whether staff of other regions come first at a turn, 1 for the first team of a task: at any turn at least their share did."""
    share = round(task.cross_region_share * _MILLION)
    return -(-share * turn // _MILLION) > -(-share * (turn - 1) // _MILLION)


def _later(member: Inspector, region: str, across: bool) -> bool:
    """Whether others come before a member of staff: of another region; at a turn across regions, not known to be of another."""
    return member.region in ("", region) if across else member.region != region


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


def inspector_table(sample: pd.DataFrame, pool: Pool, *, seed: str, task: Task) -> pd.DataFrame:
    """The inspectors of the drawn subjects of a sample: the columns of :data:`INSPECTOR_COLUMNS`.

    Raises:
        DrawError: Too few may go to a subject; it is named.
    """
    chosen = sample[sample["drawn"]]
    turns = list(zip(chosen["ticket"], chosen["subject_id"], chosen["region"], strict=True))
    teams = _assigned(turns, pool, seed=seed, task=task)
    members = {member.staff_id: member for member in pool.members}
    rows = [
        (task.id, subject_id, place, staff_id, one.name, one.department, one.region, one.certificate_valid_to)
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
    turns = drawn.inspectors["subject_id"].nunique() + sum(bool(line.get("team")) for line in log)
    eligible = replace(pool, recusals=frozenset(apart))
    return _assigned([("", subject_id, region)], eligible, seed=drawn.seed, task=drawn.task, load=load, before=turns)[subject_id]


def _team_sent(drawn: DrawnFrame, log: Sequence[Mapping[str, Any]], subject_id: str) -> list[str]:
    for line in log:
        if line["what"] == "replaced" and line["replaced_by"] == subject_id:
            return list(line["team"])
    people = drawn.inspectors
    return people.loc[people["subject_id"] == subject_id].sort_values("place")["staff_id"].tolist()
