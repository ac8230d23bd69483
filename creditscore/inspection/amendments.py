"""Subjects that come after the frame was published: the seed is known, so each one's ticket says at once whether it is drawn.

A ticket is a number uniform on [0, 2^256). A late subject is drawn if its ticket is below ratio x 2^256, and on
site below ratio x on-site share x 2^256: p is the ratio itself, nobody who was drawn before is displaced, and
nobody chooses. Those not drawn are logged too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from creditscore.config.policy import TierPolicy
from creditscore.dataframes import as_frame, texts
from creditscore.errors import DrawError
from creditscore.inspection.draw import tickets
from creditscore.inspection.inspectors import recused_from, stand_in
from creditscore.inspection.plan import DrawnPlan
from creditscore.inspection.plan_folder import entries, note
from creditscore.inspection.sampling_frame import strata_of
from creditscore.storage import locked
from creditscore.vocabulary import OFF_SITE, ON_SITE


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
        raise DrawError("replacement of {subject_id}: expected a reason and the name of who decided", subject_id=subject_id)
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
        raise DrawError(
            "replacement of {subject_id}: expected a subject of the sealed sample that is to be inspected", subject_id=subject_id
        )
    if any(line["subject_id"] == subject_id for line in replaced):
        raise DrawError("replacement of {subject_id}: replaced already", subject_id=subject_id)
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
        raise DrawError("replacement: nobody is left in stratum {stratum}", stratum=stratum)
    return waiting[0]


_MILLION = 1_000_000
_ALL = 16**64
_NEEDS = ("subject_id", "name", "industry", "region", "tier")


@dataclass(frozen=True)
class Joiner:
    """One late subject, drawn or not (``mode`` is empty then); ``recused`` and ``team`` are staff ids."""

    subject_id: str
    name: str
    industry: str
    region: str
    tier: str
    stratum: str
    ticket: str
    ratio_ppm: int
    on_site_ppm: int
    mode: str
    recused: tuple[str, ...]
    team: tuple[str, ...]
    by: str
    on: dt.date

    @property
    def drawn(self) -> bool:
        """Whether it is visited."""
        return bool(self.mode)


def mode_of(ticket: str, *, ratio_ppm: int, on_site_ppm: int) -> str:
    """``on_site``, ``off_site`` or ``""`` (not drawn) for a late subject, by its ticket alone.

    >>> mode_of("00" * 32, ratio_ppm=10_000, on_site_ppm=500_000), mode_of("ff" * 32, ratio_ppm=999_999, on_site_ppm=0)
    ('on_site', '')
    """
    number = int(ticket, 16)
    if number * _MILLION >= ratio_ppm * _ALL:
        return ""
    return ON_SITE if number * _MILLION**2 < ratio_ppm * on_site_ppm * _ALL else OFF_SITE


def last_of_ratio(ratio_ppm: int) -> str:
    """The largest ticket at which a late subject is drawn.

    >>> last_of_ratio(1_000_000) == "f" * 64, last_of_ratio(500_000) == "7" + "f" * 63
    (True, True)
    """
    return f"{-(-ratio_ppm * _ALL // _MILLION) - 1:064x}"


def join(folder: str | Path, subjects: Any, *, policy: TierPolicy, by: str, on: dt.date, recusals: Any = None) -> list[Joiner]:
    """Give late subjects their tickets in a drawn plan.

    Args:
        folder: A drawn plan.
        subjects: One row per late subject of the task's population: ``subject_id, name, industry, region, tier``.
        policy: The policy of the plan, for strata that its frame does not have.
        by: Who entered them.
        on: The day.
        recusals: ``staff_id, subject_id``, for them.

    Returns:
        One per subject, by subject_id, drawn or not.

    Raises:
        DrawError: A subject stands in the frame or joined already; the policy is another; a name is missing;
            too few inspectors may go.
    """
    root = Path(folder)
    if not by.strip():
        raise DrawError("late subjects: expected the name of who enters them")
    drawn = DrawnPlan.from_folder(root)
    if policy.sha256 != drawn.plan.about["policy"]["sha256"]:
        raise DrawError("{root}: expected the policy that the frame was made with", root=root)
    frame = as_frame(subjects, needs=_NEEDS, what="late subjects")
    with locked(root):
        log = entries(root)
        _refuse_known(frame, drawn, log)
        found = _joined(drawn, log, frame, policy, recusals, by=by.strip(), on=on)
        note(root, "joined", [{**asdict(one), "on": on.isoformat()} for one in found])
    return found


def _refuse_known(frame: pd.DataFrame, drawn: DrawnPlan, log: list[dict[str, Any]]) -> None:
    known = {*drawn.sample["subject_id"], *(line["subject_id"] for line in log if line["what"] == "joined")}
    again = sorted(known & set(frame["subject_id"]))
    if again or frame["subject_id"].duplicated().any():
        named = again[0] if again else frame.loc[frame["subject_id"].duplicated(), "subject_id"].iloc[0]
        raise DrawError("late subjects: expected each once, and none that has a ticket (got {named})", named=named)


def _joined(
    drawn: DrawnPlan, log: list[dict[str, Any]], frame: pd.DataFrame, policy: TierPolicy, recusals: Any, *, by: str, on: dt.date
) -> list[Joiner]:
    frame = frame.sort_values("subject_id", ignore_index=True)
    strata = dict(zip(drawn.strata["stratum"], drawn.strata[["ratio_ppm", "on_site_ppm"]].itertuples(index=False), strict=True))
    rows = zip(*(texts(frame, name) for name in _NEEDS), strata_of(frame, drawn.task), strict=True)
    numbers = tickets(frame["subject_id"].tolist(), seed=drawn.seed, task=drawn.task.id)
    found: list[Joiner] = []
    for (subject, name, industry, region, tier, stratum), ticket in zip(rows, numbers, strict=True):
        ratio, share = strata.get(stratum) or _by_policy(policy, industry, tier, drawn.task.id)
        mode = mode_of(ticket, ratio_ppm=int(ratio), on_site_ppm=int(share))
        recused = recused_from(recusals, subject)
        before = [*log, *({"what": "joined", "team": one.team} for one in found)]
        team = stand_in(drawn.staffed, before, subject, region, recused=recused) if mode else ()
        told = (subject, name, industry, region, tier, stratum, ticket, int(ratio), int(share), mode)
        found.append(Joiner(*told, tuple(recused), tuple(team), by, on))
    return found


def _by_policy(policy: TierPolicy, industry: str, tier: Any, task: str) -> tuple[int, int]:
    rule = policy.rules_for(industry, task=task).of(tier)
    return _MILLION if industry in policy.full_coverage else rule.ratio_ppm, rule.on_site_ppm
