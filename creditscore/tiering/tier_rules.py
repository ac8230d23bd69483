"""Which tiers a person must sign, and what holds until then."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from creditscore.config.policy import Override, TierPolicy
from creditscore.dataframes import Flags, Ints, Texts, as_frame, day_column, texts, unique_ids
from creditscore.dates import shift_months
from creditscore.errors import DataError
from creditscore.tiering.signatures import Review, grounds_hash
from creditscore.tiering.tiers import NO_TIER, UNRATED, B, C, Codes, D, tier_codes, tier_names
from creditscore.vocabulary import INDIVIDUALS, TIERS


@dataclass(frozen=True)
class Past:
    """Arrays in the order of today's subjects; a subject that was not there has tier ``NONE`` and empty texts."""

    tier: Codes
    raw: Codes
    rule: Texts
    status: Texts
    reviewer: Texts
    evidence: Texts
    since: npt.NDArray[np.datetime64]


def past_of(ids: pd.Index, previous: Any, *, as_of: dt.date) -> Past:
    """The earlier tiers of these subjects.

    Args:
        ids: Today's subjects.
        previous: A ``Tiers``, or a frame with ``subject_id`` and ``tier`` and, as far as it has them,
            ``previous_tier``, ``raw_tier``, ``rule``, ``status``, ``reviewer``, ``evidence`` and ``waiting_since``.
        as_of: Today.

    Raises:
        DataError: They are of a later day than today.
    """
    empty = pd.DataFrame({"subject_id": [], "tier": []}, dtype=object)
    frame = empty if previous is None else as_frame(previous, needs=["subject_id", "tier"], what="previous tiers")
    later = day_column(frame, "as_of") > np.datetime64(as_of, "D")
    if later.any():
        raise DataError(
            "previous tiers: expected those of {as_of} or before ({sum} rows are of a later day)", as_of=as_of, sum=int(later.sum())
        )
    rows = unique_ids(frame, what="previous tiers").get_indexer(ids)
    tier, before = tier_codes(texts(frame, "tier")), tier_codes(texts(frame, "previous_tier"))
    # Nobody sheds a tier by not being rated for a while: the last one lasts until the subject is rated again.
    tier = np.where((tier == UNRATED) & (before >= 0), before, tier)
    return Past(
        tier=_aligned(tier, rows, NO_TIER),
        raw=_aligned(tier_codes(texts(frame, "raw_tier")), rows, NO_TIER),
        rule=_aligned(texts(frame, "rule"), rows, ""),
        status=_aligned(texts(frame, "status"), rows, ""),
        reviewer=_aligned(texts(frame, "reviewer"), rows, ""),
        evidence=_aligned(texts(frame, "evidence"), rows, ""),
        since=_aligned(day_column(frame, "waiting_since"), rows, np.datetime64("NaT", "D")),
    )


def _aligned(values: npt.NDArray[Any], rows: npt.NDArray[np.intp], missing: Any) -> npt.NDArray[Any]:
    return np.append(values, np.array([missing], dtype=values.dtype))[rows]  # -1 picks the last: missing


@dataclass(frozen=True)
class Overridden:
    """Tiers after the overrides, row for row.

    ``rule`` names the override that decided (``""``: none did), ``evidence`` the records behind it
    (event ids in order), ``review`` says that the override asks for a signature, ``lifts`` that it only
    improves (``at_most``): what is still worse than before then comes from the score.
    """

    tier: Codes
    rule: Texts
    evidence: Texts
    review: Flags
    lifts: Flags


@dataclass(frozen=True)
class _Bound:
    """The strongest bound of one direction so far, and the place of the override that set it."""

    tier: Codes
    place: Ints

    @classmethod
    def none(cls, rows: int) -> _Bound:
        return cls(np.full(rows, NO_TIER, dtype=np.int8), np.full(rows, -1, dtype=np.int64))

    def tightened(self, hits: Ints, tier: int, place: int, *, sign: int) -> _Bound:
        """With one more override on the rows ``hits``; the earlier one stays where both say the same."""
        now, which = self.tier.copy(), self.place.copy()
        better = hits[(now[hits] == NO_TIER) | (sign * tier > sign * now[hits])]
        now[better], which[better] = tier, place
        return _Bound(now, which)


def apply_overrides(ids: pd.Index, cut: Codes, policy: TierPolicy, *, records: Any, as_of: dt.date) -> Overridden:
    """The tiers that cuts and overrides give together.

    ``at_most`` bounds improve first, then ``exactly`` sets (the most severe of several), then
    ``at_least`` bounds worsen: whatever conflicts, the most severe outcome stands. An unrated
    subject takes the tier of ``exactly``, and of ``at_least`` where that is worse than B.

    Raises:
        DataError: The policy has overrides and there are no records to look in.
    """
    rules = [rule for rule in policy.override if rule.expires is None or as_of <= rule.expires]
    if rules and records is None:
        raise DataError(
            "records: expected records, since the policy has {n_rules} overrides that look in them (got None)", n_rules=len(rules)
        )
    grounds = [_grounds(rule, records, as_of) for rule in rules]
    upper, exact, lower = (_Bound.none(len(ids)) for _ in range(3))
    for place, (rule, found) in enumerate(zip(rules, grounds, strict=True)):
        rows = ids.get_indexer(found.index)
        hits, tier = rows[rows >= 0].astype(np.int64), TIERS.index(rule.tier)
        if rule.bound == "exactly":
            exact = exact.tightened(hits, tier, place, sign=1)
        elif rule.bound == "at_least":
            lower = lower.tightened(hits, tier, place, sign=1)
        else:
            upper = upper.tightened(hits, tier, place, sign=-1)
    decided, by = _combine(cut, upper, exact, lower)
    return _describe(ids, decided, by, rules, grounds)


def _combine(cut: Codes, upper: _Bound, exact: _Bound, lower: _Bound) -> tuple[Codes, Ints]:
    improves = (upper.tier != NO_TIER) & (cut != UNRATED) & (upper.tier < cut)
    tier, place = _apply(cut, np.full(len(cut), -1, dtype=np.int64), upper, improves)
    tier, place = _apply(tier, place, exact, exact.tier != NO_TIER)
    worsens = (lower.tier != NO_TIER) & (lower.tier > np.where(tier == UNRATED, B, tier))
    return _apply(tier, place, lower, worsens)


def _apply(tier: Codes, place: Ints, bound: _Bound, fires: Flags) -> tuple[Codes, Ints]:
    return np.where(fires, bound.tier, tier).astype(np.int8), np.where(fires, bound.place, place)


def _describe(ids: pd.Index, tier: Codes, place: Ints, rules: list[Override], grounds: list[pd.Series[Any]]) -> Overridden:
    titles = np.array([*(rule.title for rule in rules), ""], dtype=object)  # place -1 is the last: no override
    reviewed = np.array([*(rule.review for rule in rules), False], dtype=bool)
    lifting = np.array([*(rule.bound == "at_most" for rule in rules), False], dtype=bool)
    evidence = np.full(len(ids), "", dtype=object)
    for number, found in enumerate(grounds):
        rows = np.flatnonzero(place == number)
        evidence[rows] = found.reindex(ids[rows]).to_numpy(dtype=object)
    return Overridden(tier, titles[place], evidence, reviewed[place], lifting[place])


def _grounds(rule: Override, records: Any, as_of: dt.date) -> pd.Series[Any]:
    """Per subject on whom the override fires, the ids of its records (an external grade is its own evidence)."""
    if rule.kind is not None:
        listed = as_frame(records.listed([rule.kind], as_of), needs=["subject_id", "event_id"], what=f"records of kind {rule.kind}")
        ordered = listed.astype({"subject_id": object, "event_id": object}).sort_values(["subject_id", "event_id"])
        return ordered.groupby("subject_id")["event_id"].agg(lambda events: ",".join(map(str, events)))
    grades = as_frame(records.grades(rule.scheme, as_of), needs=["subject_id", "grade"], what=f"grades of {rule.scheme}")
    found = grades.loc[(grades["grade"] == rule.grade).fillna(False), "subject_id"].astype(object).drop_duplicates()
    return pd.Series("", index=pd.Index(found), dtype=object)


HELD_BY_DISPUTE = "dispute"


def held_by_dispute(ids: pd.Index, ruled: Overridden, past: Past, *, records: Any, as_of: dt.date) -> Flags:
    """Whose tier stands still because one of its records is under dispute today.

    A disputed record does not count, so today's raw tier is without it: a better one may be better
    only because of that, and a worse score may lack a disputed record in the subject's favour. Both
    wait. A worse tier by an override does not: it rests on a record that is not disputed. (One that only
    improves rests on the score all the same.)
    """
    if records is None:
        return np.zeros(len(ids), dtype=bool)
    open_ones = as_frame(records.disputed(as_of), needs=["subject_id"], what="disputed records")
    disputed = ids.isin(open_ones["subject_id"])
    comparable = (past.tier >= 0) & (ruled.tier >= 0) & (ruled.tier != past.tier)
    worsened = (ruled.rule != "") & ~ruled.lifts & (ruled.tier > past.tier)
    held: Flags = disputed & comparable & ~worsened
    return held


def kept_grounds(past: Past) -> Flags:
    """Whose earlier evidence and signature still say why the tier is what it is, so that a dispute keeps them in sight.

    Not those whose tier is not what cuts and overrides said: their evidence is that of another tier.
    """
    kept: Flags = (past.raw == past.tier) | (past.rule == HELD_BY_DISPUTE)
    return kept


HELD_BY_STABILITY = "stability"
#: The tier was held down by an override that no longer stands: its end acts at once.
RELEASED = "override_ended"


@dataclass(frozen=True)
class Steadied:
    """``tier`` after waiting; ``waits`` says whose better tier is not due yet, ``since`` from when it counts."""

    tier: Codes
    waits: Flags
    released: Flags
    since: npt.NDArray[np.datetime64]


def steady(raw: Codes, banded: Codes, rule: Texts, past: Past, policy: TierPolicy, *, as_of: dt.date) -> Steadied:
    """Who moves up today.

    Args:
        raw: Tiers by cuts and overrides.
        banded: Tiers by the cuts moved by the band: where a subject lies safely.
        rule: The override behind ``raw`` (``""``: none).
        past: The earlier run; a subject may move up where it had a tier there.
        policy: Band and months; and which overrides only improve, so that they held nobody down.
        as_of: The day.

    A subject whose safe tier is better than the one it holds starts to wait; it moves when it has
    been so in every run of ``months`` calendar months, to the worse of today's safe tier and the
    earlier run's raw tier. With ``months = 0`` it moves at once.
    """
    better = (raw >= 0) & (past.tier >= 0) & (raw < past.tier)
    released = better & (rule == "") & _was_held_down(past, policy)
    bound = better & (rule == "") & ~released
    safe = np.maximum(raw, banded)
    qualified = bound & (safe < past.tier)
    today = np.datetime64(as_of, "D")
    since = np.where(qualified, np.where(np.isnat(past.since), today, past.since), np.datetime64("NaT", "D"))
    due = qualified & (shift_months(since, policy.stability.months) <= today)
    waited = due & ~np.isnat(past.since) & (past.raw >= 0)
    target = np.where(waited, np.maximum(safe, past.raw), safe)
    moves = due & (target < past.tier)
    tier = np.where(bound, np.where(moves, target, past.tier), raw).astype(np.int8)
    return Steadied(tier, bound & ~moves, released, since)


def _was_held_down(past: Past, policy: TierPolicy) -> Flags:
    """By an override that worsens: of the run before, of a dispute since then, or ended and not yet signed."""
    lifting = {one.title for one in policy.override if one.bound == "at_most"}
    ground = np.where(past.rule == HELD_BY_DISPUTE, past.evidence, past.rule)
    by_override = np.array([text.startswith("override:") and not _is_one_of(text, lifting) for text in ground], dtype=bool)
    held: Flags = by_override | ((past.rule == RELEASED) & (past.status == "proposed"))
    return held


def _is_one_of(ground: str, titles: Iterable[str]) -> bool:
    return any(ground == title or ground.startswith(f"{title} ") for title in titles)


REJECTED = "review:rejected"
#: Natural persons' trades: their worse tiers are not decided by a machine alone.


@dataclass(frozen=True)
class Settled:
    """Tiers as they hold today: ``tier``, ``rule``, ``status`` (final, proposed) and ``reviewer``."""

    tier: Codes
    rule: Texts
    status: Texts
    reviewer: Texts


def needs_signature(target: Codes, past: Past, subject_type: Texts, reviewed: Flags, policy: TierPolicy) -> Flags:
    """Which tiers are signed.

    D, two steps at once either way, overrides with ``review``, and what ``review.individuals`` says
    of natural persons: every tier worse than before (than B where new).
    """
    rated = target != UNRATED
    before = np.where(past.tier >= 0, past.tier, B)
    two_steps = (past.tier >= 0) & (np.abs(target - past.tier) >= 2)
    flags = (target == D) | two_steps | reviewed
    if policy.review.individuals == "every_downgrade":
        flags |= np.isin(subject_type.astype(str), INDIVIDUALS) & (target > before)
    wanted: Flags = rated & flags
    return wanted


def settle(
    ids: pd.Index, raw: Codes, target: Codes, rule: Texts, evidence: Texts, needs: Flags, past: Past, signed: Mapping[str, Review]
) -> Settled:
    """Apply the signatures.

    Approved: the tier holds. Rejected: the earlier tier stays (B where new; C where D itself is not
    upheld). Not signed: the same, marked ``proposed``. A signature lasts from run to run while subject,
    raw tier and evidence are the same, and through a dispute after which they are the same again.
    """
    tier, status = target.copy(), np.full(len(ids), "final", dtype=object)
    rule, reviewer = rule.copy(), np.full(len(ids), None, dtype=object)
    names = tier_names(raw)
    for row in np.flatnonzero(needs).tolist():
        decision, by = _decision(row, ids, names, evidence, raw, past, signed)
        reviewer[row] = by
        if decision != "approve":
            kept = past.tier[row] if past.tier[row] >= UNRATED else B
            tier[row] = kept
        if decision == "reject":
            rule[row] = REJECTED
            tier[row] = C if target[row] == D and kept == D else kept
        if decision is None:
            status[row] = "proposed"
    return Settled(tier, rule, status, reviewer)


def _decision(
    row: int, ids: pd.Index, names: Texts, evidence: Texts, raw: Codes, past: Past, signed: Mapping[str, Review]
) -> tuple[str | None, str | None]:
    key = grounds_hash({"subject_id": ids[row], "raw_tier": names[row], "evidence": evidence[row]})
    if key in signed:
        return signed[key].decision, signed[key].reviewer
    upheld = past.rule[row] == HELD_BY_DISPUTE and past.tier[row] == raw[row]  # the dispute is over, the record counts again
    same = (past.raw[row] == raw[row] or upheld) and past.evidence[row] == evidence[row]
    if same and past.status[row] == "final" and past.reviewer[row]:
        return ("reject" if past.rule[row] == REJECTED else "approve"), past.reviewer[row]
    return None, None
