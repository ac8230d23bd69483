"""Who inspects: drawn by the same seed, with valid certificates, without those who are recused."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pandas as pd

from creditscore.config.tasks import Task
from creditscore.inspection.frame_hash import drawn_strata, tree_of
from creditscore.inspection.pool import Inspector, Pool, too_few
from creditscore.inspection.sampling_frame import SamplingFrame
from creditscore.inspection.tickets import part

#: The columns of ``inspectors.csv``: one row per drawn subject and inspector, by subject_id and ``place``, 1 for the leader.
INSPECTOR_COLUMNS = ("task", "subject_id", "place", "staff_id", "name", "department", "region", "certificate_valid_to")
_MILLION = 1_000_000
Line = Mapping[str, Any]


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


class _Turn(NamedTuple):
    """A subject that gets inspectors: where it is, whether staff of other regions come first, and who goes there already."""

    subject_id: str
    region: str
    across: bool
    stays: Sequence[str] = ()


def _assigned(
    turns: Sequence[_Turn], pool: Pool, *, seed: str, task: Task, load: Mapping[str, int] | None = None
) -> dict[str, list[str]]:
    """``task.min_inspectors`` inspectors for each subject, one after the other.

    Each gets, of those not recused, first who goes there already, then staff of its own region (of another one, where its turn
    is across regions), then those with the fewest visits so far, then the smallest ``SHA-256(seed|task|subject_id|staff_id)``.
    Where staff of several departments may go, one of the task's department leads, and the next in line of
    another goes along.

    Args:
        turns: The subjects.
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
    for turn in turns:
        subject_id = turn.subject_id
        free = [member for member in pool.members if (member.staff_id, subject_id) not in pool.recusals]
        if len(free) < task.min_inspectors:
            raise too_few(subject_id, free, pool, task.min_inspectors)
        ranks = [(_rank(m, turn), visits[m.staff_id], _key(start, subject_id, m.staff_id), m.staff_id) for m in free]
        order = [member for _, member in sorted(zip(ranks, free, strict=True), key=lambda pair: pair[0])]
        teams[subject_id] = _team(order, task)
        visits.update(staff for staff in teams[subject_id] if staff not in turn.stays)
    return teams


def crosses(number: int, task: Task) -> bool:
    """Whether staff of other regions come first at a turn, 1 for the first team of a task: at any turn at least their share did."""
    share = round(task.cross_region_share * _MILLION)
    return -(-share * number // _MILLION) > -(-share * (number - 1) // _MILLION)


def _rank(member: Inspector, turn: _Turn) -> tuple[int, bool]:
    """Who goes there already, in order; then staff of the region; at a turn across regions staff known to be of another."""
    stays = turn.stays.index(member.staff_id) if member.staff_id in turn.stays else len(turn.stays)
    return stays, member.region in ("", turn.region) if turn.across else member.region != turn.region


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

    Subjects take their turn by ticket.

    Raises:
        DrawError: Too few may go to a subject; it is named.
    """
    regions = {subject: region for _, subject, region in _by_ticket(sample)}
    turns = [_Turn(subject, region, crosses(number, task)) for number, (subject, region) in enumerate(regions.items(), start=1)]
    teams = _assigned(turns, pool, seed=seed, task=task)
    members = {member.staff_id: member for member in pool.members}
    rows = [
        (task.id, subject_id, place, staff_id, one.name, one.department, one.region, one.certificate_valid_to)
        for subject_id in sorted(teams)
        for place, staff_id in enumerate(teams[subject_id], start=1)
        for one in (members[staff_id],)
    ]
    return pd.DataFrame(rows, columns=list(INSPECTOR_COLUMNS))


def _by_ticket(sample: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Ticket, id and region of the drawn subjects of a sample, in the order of their tickets."""
    chosen = sample[sample["drawn"]]
    return sorted(zip(chosen["ticket"], chosen["subject_id"], chosen["region"], strict=True))


def teams_now(drawn: DrawnFrame, log: Sequence[Line]) -> dict[str, list[str]]:
    """The staff ids for each subject that was ever to be visited, the leader first: as drawn, and as the log changed them."""
    teams: dict[str, list[str]] = {}
    people = drawn.inspectors.sort_values(["subject_id", "place"])
    for subject, staff in zip(people["subject_id"], people["staff_id"], strict=True):
        teams.setdefault(subject, []).append(staff)
    for line in log:
        if line["what"] == "left":
            teams |= {one["subject_id"]: list(one["team"]) for one in line["teams"]}
        elif line.get("team"):
            teams[_visited_by(line)] = list(line["team"])
    return teams


def _visited_by(line: Line) -> str:
    """The subject that a line of the log sends a team to."""
    return str(line["replaced_by"] if line["what"] == "replaced" else line["subject_id"])


def further_team(
    drawn: DrawnFrame,
    log: Sequence[Line],
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
    if drawn.pool is None:
        return []
    pool = _without(drawn.pool, _left(log), {subject_id}, [(staff, subject_id) for staff in recused])
    team = teams_now(drawn, log).get(replaces, [])
    if team and not any((staff, subject_id) in pool.recusals for staff in team):
        return team
    number = drawn.inspectors["subject_id"].nunique() + sum(bool(line.get("team")) for line in log) + 1
    turn = _Turn(subject_id, region, crosses(number, drawn.task))
    return _assigned([turn], pool, seed=drawn.seed, task=drawn.task, load=_load(drawn, log))[subject_id]


def stand_ins(drawn: DrawnFrame, log: Sequence[Line], staff_id: str, subjects: Iterable[str]) -> list[tuple[str, str, list[str]]]:
    """Who goes in the place of an inspector: subject, who comes, and the team from now on, by ticket.

    The others of a team stay, and the next in line comes: as in the draw, counting all visits so far.

    Args:
        drawn: The drawn plan, with its pool.
        log: What happened since.
        staff_id: Who cannot go any more.
        subjects: Where.

    Raises:
        DrawError: Too few may go to a subject; it is named.
    """
    pool, teams, wanted = drawn.pool, teams_now(drawn, log), set(subjects)
    if pool is None:
        return []
    late = [line for line in log if line["what"] == "joined"]
    recused = [(staff, line["subject_id"]) for line in late for staff in line["recused"]]
    sample = drawn.sample[drawn.sample["subject_id"].isin(wanted)]
    waiting = list(zip(sample["ticket"], sample["subject_id"], sample["region"], strict=True))
    waiting += [(line["ticket"], line["subject_id"], line["region"]) for line in late if line["subject_id"] in wanted]
    first = [subject for _, subject, _ in _by_ticket(drawn.sample)]
    order = [*first, *(_visited_by(line) for line in log if line.get("team"))]
    across = {subject: crosses(number, drawn.task) for number, subject in enumerate(order, start=1)}
    turns = [
        _Turn(subject, region, across[subject], [one for one in teams[subject] if one != staff_id])
        for _ticket, subject, region in sorted(waiting)
    ]
    eligible = _without(pool, {*_left(log), staff_id}, wanted, recused)
    found = _assigned(turns, eligible, seed=drawn.seed, task=drawn.task, load=_load(drawn, log))
    return [(turn.subject_id, next(iter(set(found[turn.subject_id]) - set(turn.stays))), found[turn.subject_id]) for turn in turns]


def _left(log: Sequence[Line]) -> set[str]:
    """Who cannot go any more."""
    return {str(line["staff_id"]) for line in log if line["what"] == "left"}


def _without(pool: Pool, left: Iterable[str], subjects: Iterable[str], recused: Iterable[tuple[str, str]]) -> Pool:
    """The pool without those who left, and with further recusals."""
    gone = {(staff, subject) for staff in left for subject in subjects}
    return replace(pool, recusals=frozenset({*pool.recusals, *recused, *gone}))


def _load(drawn: DrawnFrame, log: Sequence[Line]) -> Counter[str]:
    """The visits of each inspector so far, those that were taken over since among them."""
    load = Counter(drawn.inspectors["staff_id"].tolist())
    load.update(staff for line in log for staff in line.get("team", ()))
    load.update(one["comes"] for line in log if line["what"] == "left" for one in line["teams"])
    return load
