"""Changes of a drawn plan: replacements of drawn subjects, and subjects that come after the frame. Nothing is written here.

The seed is known when a late subject comes, so its ticket decides at once whether it is drawn. A ticket is a number uniform on
[0, 2^256). The subject is drawn if its ticket is below ratio x 2^256, and on site below ratio x on-site share x 2^256:
p is the ratio itself, nobody who was drawn before is displaced, and nobody chooses. Those not drawn are logged too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from creditscore.config.policy import TierPolicy
from creditscore.dataframes import as_frame, texts
from creditscore.errors import DrawError
from creditscore.inspection.inspectors import DrawnFrame, further_team
from creditscore.inspection.justification import Justification
from creditscore.inspection.pool import recused_from
from creditscore.inspection.strata import cells_of, stratum_of_late, stratum_rule
from creditscore.inspection.tickets import tickets
from creditscore.language import _
from creditscore.vocabulary import OFF_SITE, ON_SITE, REPLACEMENT_REASONS

_MILLION = 1_000_000
#: The number of tickets there are: 2^256.
_TICKETS = 16**64
_NEEDS = ("subject_id", "name", "industry", "region", "tier")


@dataclass(frozen=True)
class Replacement:
    """Who replaces whom, and why; ``team`` are the staff ids, the leader first."""

    subject_id: str
    replaced_by: str
    stratum: str
    ticket: str
    mode: str
    team: tuple[str, ...]
    why: Justification
    on: dt.date

    def line(self) -> dict[str, Any]:
        """Its line of the log."""
        body = asdict(self)
        why = body.pop("why")
        return {"what": "replaced", **body, **why, "on": self.on.isoformat()}


def replacement(
    drawn: DrawnFrame, log: Sequence[Mapping[str, Any]], subject_id: str, *, why: Justification, on: dt.date
) -> Replacement:
    """Replace a drawn subject by the next ticket of its stratum.

    Args:
        drawn: The plan as it was drawn.
        log: The lines of its log up to now.
        subject_id: A drawn subject, or one that replaced another.
        why: The reason, one of :data:`creditscore.vocabulary.REPLACEMENT_REASONS`, evidence, and two persons.
        on: The day.

    Raises:
        DrawError: The subject is not to be inspected, was replaced already, or nobody is left in its stratum; the reason is
            none of the list; or evidence or a name is missing, or both names are of one person.
    """
    why = why.checked(_("replacement of {subject_id}", subject_id=subject_id), reasons=REPLACEMENT_REASONS)
    replaced = [line for line in log if line["what"] == "replaced"]
    substitutes = {line["replaced_by"]: line["mode"] for line in replaced}
    sample = drawn.sample
    row = sample[sample["subject_id"] == subject_id]
    if row.empty or not (row["drawn"].iloc[0] or subject_id in substitutes):
        raise DrawError(
            "replacement of {subject_id}: expected a subject of the sealed sample that is to be inspected", subject_id=subject_id
        )
    if any(line["subject_id"] == subject_id for line in replaced):
        raise DrawError("replacement of {subject_id}: replaced already", subject_id=subject_id)
    stratum = row["stratum"].iloc[0]
    free = sample[(sample["stratum"] == stratum) & (sample["exempt_reason"] == "") & ~sample["drawn"]]
    free = free[~free["subject_id"].isin(list(substitutes))]
    if free.empty:
        raise DrawError("replacement: nobody is left in stratum {stratum}", stratum=stratum)
    ticket, other, region = min(zip(free["ticket"], free["subject_id"], free["region"], strict=True))
    # A team that went along with whom it replaces would tell who came for whom; plans of format 2 had it so.
    team = further_team(drawn, log, other, region, replaces=subject_id if drawn.plan.format == 2 else "")
    mode = substitutes.get(subject_id) or row["mode"].iloc[0]
    return Replacement(subject_id, other, stratum, ticket, mode, tuple(team), why, on)


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
    #: Whether it was proposed for the riskiest tier and signed for by nobody.
    proposed: bool = False
    #: Where the register has it: the run that made the frame does not know a late subject.
    address: str = ""

    @property
    def drawn(self) -> bool:
        """Whether it is visited."""
        return bool(self.mode)


#: The fields of the row of a subject that came later.
LATE_KEYS = ("subject_id", "name", "industry", "region", "tier", "stratum", "ticket", "ratio_ppm", "on_site_ppm", "mode")


def late_rows(lines: Iterable[Mapping[str, Any]]) -> list[list[Any]]:
    """The rows of subjects that came later, from their lines of the log; the register has the root of their tree."""
    return [[line[name] for name in LATE_KEYS] for line in lines]


def mode_of(ticket: str, *, ratio_ppm: int, on_site_ppm: int) -> str:
    """``on_site``, ``off_site`` or ``""`` (not drawn) for a late subject, by its ticket alone.

    >>> mode_of("00" * 32, ratio_ppm=10_000, on_site_ppm=500_000), mode_of("ff" * 32, ratio_ppm=999_999, on_site_ppm=0)
    ('on_site', '')
    """
    number = int(ticket, 16)
    if number * _MILLION >= ratio_ppm * _TICKETS:
        return ""
    return ON_SITE if number * _MILLION**2 < ratio_ppm * on_site_ppm * _TICKETS else OFF_SITE


def last_of_ratio(ratio_ppm: int) -> str:
    """The largest ticket at which a late subject is drawn.

    >>> last_of_ratio(1_000_000) == "f" * 64, last_of_ratio(500_000) == "7" + "f" * 63
    (True, True)
    """
    return f"{-(-ratio_ppm * _TICKETS // _MILLION) - 1:064x}"


def joiners(
    drawn: DrawnFrame, log: Sequence[Mapping[str, Any]], subjects: Any, *, policy: TierPolicy, by: str, on: dt.date,
    recusals: Any = None,
) -> list[Joiner]:  # fmt: skip
    """Draw the tickets of late subjects of a drawn plan.

    Args:
        drawn: The plan as it was drawn.
        log: The lines of its log up to now.
        subjects: One row per late subject of the task's population: ``subject_id, name, industry, region, tier``, and perhaps
            ``proposed``: whether it is proposed for the riskiest tier, and ``address``.
        policy: The policy of the plan, for strata that its frame does not have.
        by: Who entered them.
        on: The day.
        recusals: ``staff_id, subject_id``, for them.

    Returns:
        One per subject, by subject_id, drawn or not.

    Raises:
        DrawError: A subject is in the frame or joined already; the policy is another; a name is missing;
            the key is lost; too few inspectors may go.
        DataError: A column is missing.
    """
    if not by.strip():
        raise DrawError("late subjects: expected the name of who enters them")
    if policy.sha256 != drawn.plan.about["policy"]["sha256"]:
        raise DrawError("task {task}: expected the policy that the frame was made with", task=drawn.task.id)
    if drawn.plan.is_sealed and not drawn.plan.key:
        raise DrawError("task {task}: the key is lost, so that no late subject can get its ticket", task=drawn.task.id)
    frame = as_frame(subjects, needs=_NEEDS, what="late subjects")
    known = {*drawn.sample["subject_id"], *(line["subject_id"] for line in log if line["what"] == "joined")}
    again = [*sorted(known & set(frame["subject_id"])), *frame.loc[frame["subject_id"].duplicated(), "subject_id"]]
    if again:
        raise DrawError("late subjects: expected each once, and none that has a ticket (got {subject})", subject=again[0])
    return _joiners(drawn, log, frame, policy, recusals, by=by.strip(), on=on)


def _joiners(
    drawn: DrawnFrame, log: Sequence[Mapping[str, Any]], frame: pd.DataFrame, policy: TierPolicy, recusals: Any,
    *, by: str, on: dt.date,
) -> list[Joiner]:  # fmt: skip
    frame = frame.sort_values("subject_id", ignore_index=True)
    strata = dict(zip(drawn.strata["stratum"], drawn.strata[["ratio_ppm", "on_site_ppm"]].itertuples(index=False), strict=True))
    own = [stratum_of_late(cell, drawn.task, strata, drawn.plan.joining) for cell in cells_of(frame, drawn.task)]
    rows = zip(*(texts(frame, name) for name in _NEEDS), own, strict=True)
    numbers = tickets(frame["subject_id"].tolist(), seed=drawn.seed, task=drawn.task.id, key=drawn.plan.key)
    joined: list[Joiner] = []
    proposed = frame["proposed"].tolist() if "proposed" in frame else [False] * len(frame)
    known = zip(rows, numbers, proposed, texts(frame, "address"), strict=True)
    for (subject, name, industry, region, tier, stratum), ticket, waits, address in known:
        ratio, share = strata.get(stratum) or stratum_rule(policy, industry, tier, task=drawn.task.id)
        mode = mode_of(ticket, ratio_ppm=int(ratio), on_site_ppm=int(share))
        recused = recused_from(recusals, subject)
        before = [*log, *({"what": "joined", **asdict(one)} for one in joined)]
        team = further_team(drawn, before, subject, region, recused=recused) if mode else ()
        row = (subject, name, industry, region, tier, stratum, ticket, int(ratio), int(share), mode)
        joined.append(Joiner(*row, tuple(recused), tuple(team), by, on, proposed=bool(waits), address=address))
    return joined
