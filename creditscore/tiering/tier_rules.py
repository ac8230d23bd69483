"""What changes a tier after the cuts: overrides, open disputes, stability, and the signatures of persons.

The rules work on arrays with one element per subject of today, in one order. A tier is a number there, the larger, the
riskier; see ``creditscore.tiering.tiers``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from creditscore.config.policy import Override, TierPolicy
from creditscore.dataframes import Flags, Ints, Texts, as_frame, date_column, texts, unique_ids
from creditscore.dates import shift_months
from creditscore.errors import DataError
from creditscore.tiering.signatures import Review, grounds_hash
from creditscore.tiering.tiers import NO_TIER, UNRATED, Codes, tier_codes, tier_names
from creditscore.vocabulary import INDIVIDUALS, PRESUMED, RISKIEST, RISKIEST_UNSIGNED, TIERS, Reason

_PRESUMED, _UNSIGNED, _RISKIEST = (TIERS.index(tier) for tier in (PRESUMED, RISKIEST_UNSIGNED, RISKIEST))
_DISPUTE, _INCOMPLETE, _ENDED, _REJECTED = (
    str(Reason(kind)) for kind in ("dispute", "incomplete", "override_ended", "review_rejected")
)
#: Rules that hold a tier as it was, with the evidence and the signature behind it.
_HOLDS = (_DISPUTE, _INCOMPLETE)


@dataclass(frozen=True)
class Previous:
    """The tiers of the run before, in the order of today's subjects; for a new subject ``NO_TIER`` and empty texts."""

    tier: Codes
    raw: Codes
    rule: Texts
    status: Texts
    reviewer: Texts
    evidence: Texts
    since: npt.NDArray[np.datetime64]
    #: The tier of the last night in which the adverse records were read whole, and from when they are not (missing: they are).
    whole: Codes
    incomplete_since: npt.NDArray[np.datetime64]

    @classmethod
    def of(cls, ids: pd.Index, previous: Any, *, as_of: dt.date) -> Previous:
        """The earlier tiers of these subjects.

        Args:
            ids: Today's subjects.
            previous: A ``Tiers``, or a frame with ``subject_id`` and ``tier`` and, as far as it has them,
                ``previous_tier``, ``raw_tier``, ``rule``, ``status``, ``reviewer``, ``evidence``, ``waiting_since``,
                ``whole_tier`` and ``incomplete_since``.
            as_of: Today.

        Raises:
            DataError: They are of a later day than today.
        """
        empty = pd.DataFrame({"subject_id": [], "tier": []}, dtype=object)
        frame = empty if previous is None else as_frame(previous, needs=["subject_id", "tier"], what="previous tiers")
        later = date_column(frame, "as_of") > np.datetime64(as_of, "D")
        if later.any():
            raise DataError(
                "previous tiers: expected those of {as_of} or before ({n_later} rows are of a later day)",
                as_of=as_of,
                n_later=int(later.sum()),
            )
        rows = unique_ids(frame, what="previous tiers").get_indexer(ids)

        def aligned(values: npt.NDArray[Any], missing: Any) -> npt.NDArray[Any]:
            return np.append(values, np.array([missing], dtype=values.dtype))[rows]  # -1, a new subject, picks the last

        tier, before = tier_codes(texts(frame, "tier")), tier_codes(texts(frame, "previous_tier"))
        # Nobody sheds a tier by not being rated for a while: the last one lasts until the subject is rated again.
        tier = np.where((tier == UNRATED) & (before >= 0), before, tier)
        incomplete = date_column(frame, "incomplete_since")
        return cls(
            tier=aligned(tier, NO_TIER),
            raw=aligned(tier_codes(texts(frame, "raw_tier")), NO_TIER),
            rule=aligned(texts(frame, "rule"), ""),
            status=aligned(texts(frame, "status"), ""),
            reviewer=aligned(texts(frame, "reviewer"), ""),
            evidence=aligned(texts(frame, "evidence"), ""),
            since=aligned(date_column(frame, "waiting_since"), np.datetime64("NaT", "D")),
            whole=aligned(np.where(np.isnat(incomplete), tier, tier_codes(texts(frame, "whole_tier"))), NO_TIER),
            incomplete_since=aligned(incomplete, np.datetime64("NaT", "D")),
        )

    def keeps_grounds(self) -> Flags:
        """Whose earlier evidence and signature still say why the tier is what it is, so that a hold keeps them in sight.

        Not those whose tier is not what cuts and overrides said: their evidence is that of another tier.
        """
        kept: Flags = (self.raw == self.tier) | np.isin(self.rule.astype(str), _HOLDS)
        return kept

    def was_held_down(self, policy: TierPolicy) -> Flags:
        """Who was held down by a worsening override: of the run before, of a hold since then, or ended and not yet signed."""
        lifting = [one.reason for one in policy.override if one.bound == "at_most"]

        def worsens(text: str) -> bool:
            ground = Reason.parse(text)
            return ground.kind == "override" and not any(ground.is_of(reason) for reason in lifting)

        ground = np.where(np.isin(self.rule.astype(str), _HOLDS), self.evidence, self.rule)
        worsening = {text for text in set(ground) if worsens(text)}
        by_override = np.array([text in worsening for text in ground], dtype=bool)
        held: Flags = by_override | ((self.rule == _ENDED) & (self.status == "proposed"))
        return held

    def decision(self, row: int, raw: Codes, evidence: Texts) -> tuple[str | None, str | None]:
        """The decision on a row that was made in an earlier run, and by whom, where its grounds are still the same."""
        upheld = self.rule[row] in _HOLDS and self.tier[row] == raw[row]  # the hold is over, the record counts again
        same = (self.raw[row] == raw[row] or upheld) and self.evidence[row] == evidence[row]
        if same and self.status[row] == "final" and self.reviewer[row]:
            return ("reject" if self.rule[row] == _REJECTED else "approve"), self.reviewer[row]
        return None, None


@dataclass(frozen=True)
class Overridden:
    """Tiers after the overrides.

    ``rule`` names the override that decided, or is empty. ``evidence`` is the same with the event ids, in order, on which
    it rests. ``review`` marks overrides that need a signature. ``lifts`` marks overrides that can only improve a tier
    (``at_most``): if the tier is still worse than before, that comes from the score.
    """

    tier: Codes
    rule: Texts
    evidence: Texts
    review: Flags
    lifts: Flags


@dataclass(frozen=True)
class _Bound:
    """The strongest bound of one direction so far, and the number of the override that set it (-1: none)."""

    tier: Codes
    override: Ints

    @classmethod
    def none(cls, rows: int) -> _Bound:
        return cls(np.full(rows, NO_TIER, dtype=np.int8), np.full(rows, -1, dtype=np.int64))

    def tightened(self, rows: Ints, tier: int, override: int, *, sign: int) -> _Bound:
        """With one more override on some rows; the earlier one remains where both say the same."""
        tiers, overrides = self.tier.copy(), self.override.copy()
        stronger = rows[(tiers[rows] == NO_TIER) | (sign * tier > sign * tiers[rows])]
        tiers[stronger], overrides[stronger] = tier, override
        return _Bound(tiers, overrides)

    def applied(self, tier: Codes, override: Ints, fires: Flags) -> tuple[Codes, Ints]:
        return np.where(fires, self.tier, tier).astype(np.int8), np.where(fires, self.override, override)


def apply_overrides(ids: pd.Index, cut: Codes, policy: TierPolicy, *, records: Any, as_of: dt.date) -> Overridden:
    """The tiers that cuts and overrides give together.

    ``at_most`` bounds improve first, then ``exactly`` sets (the most severe of several), then
    ``at_least`` bounds worsen: whatever conflicts, the most severe outcome counts. An unrated
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
    for number, (rule, events) in enumerate(zip(rules, grounds, strict=True)):
        rows = ids.get_indexer(events.index)
        rows, tier = rows[rows >= 0].astype(np.int64), TIERS.index(rule.tier)
        if rule.bound == "exactly":
            exact = exact.tightened(rows, tier, number, sign=1)
        elif rule.bound == "at_least":
            lower = lower.tightened(rows, tier, number, sign=1)
        else:
            upper = upper.tightened(rows, tier, number, sign=-1)
    improves = (upper.tier != NO_TIER) & (cut != UNRATED) & (upper.tier < cut)
    tiers, override = upper.applied(cut, np.full(len(cut), -1, dtype=np.int64), improves)
    tiers, override = exact.applied(tiers, override, exact.tier != NO_TIER)
    worsens = (lower.tier != NO_TIER) & (lower.tier > np.where(tiers == UNRATED, _PRESUMED, tiers))
    tiers, override = lower.applied(tiers, override, worsens)
    evidence = np.full(len(ids), "", dtype=object)
    for number, (rule, events) in enumerate(zip(rules, grounds, strict=True)):
        rows = np.flatnonzero(override == number)
        evidence[rows] = [str(replace(rule.reason, items=items)) for items in events.reindex(ids[rows])]
    # override -1 is the last of each: no override
    titles = np.array([*(str(rule.reason) for rule in rules), ""], dtype=object)
    reviewed = np.array([*(rule.review for rule in rules), False], dtype=bool)
    lifting = np.array([*(rule.bound == "at_most" for rule in rules), False], dtype=bool)
    return Overridden(tiers, titles[override], evidence, reviewed[override], lifting[override])


def _grounds(rule: Override, records: Any, as_of: dt.date) -> pd.Series[Any]:
    """Per subject on whom the override fires, the ids of its records in order (none: an external grade is its own evidence)."""
    if rule.kind is not None:
        listed = as_frame(records.listed([rule.kind], as_of), needs=["subject_id", "event_id"], what=f"records of kind {rule.kind}")
        ordered = listed.astype({"subject_id": object, "event_id": object}).sort_values(["subject_id", "event_id"])
        return ordered.groupby("subject_id")["event_id"].agg(lambda events: tuple(map(str, events)))
    grades = as_frame(records.grades(rule.scheme, as_of), needs=["subject_id", "grade"], what=f"grades of {rule.scheme}")
    subjects = grades.loc[(grades["grade"] == rule.grade).fillna(False), "subject_id"].astype(object).drop_duplicates()
    return pd.Series([()] * len(subjects), index=pd.Index(subjects), dtype=object)


def held_by_dispute(ids: pd.Index, ruled: Overridden, past: Previous, *, records: Any, as_of: dt.date) -> Flags:
    """Whose tier does not move because one of its records is under dispute today.

    A disputed record does not count, so today's raw tier is without it: a better one may be better
    only because of that, and a worse score may lack a disputed record in the subject's favour. Both
    wait. A worse tier by an override does not: it rests on a record that is not disputed. (One that only
    improves rests on the score all the same.)
    """
    if records is None:
        return np.zeros(len(ids), dtype=bool)
    open_disputes = as_frame(records.disputed(as_of), needs=["subject_id"], what="disputed records")
    disputed = ids.isin(open_disputes["subject_id"])
    comparable = (past.tier >= 0) & (ruled.tier >= 0) & (ruled.tier != past.tier)
    worsened = (ruled.rule != "") & ~ruled.lifts & (ruled.tier > past.tier)
    held: Flags = disputed & comparable & ~worsened
    return held


@dataclass(frozen=True)
class Incomplete:
    """Whose adverse records, or whose own row of the register, are refused today.

    Attributes:
        flags: Who.
        whole: The tier of the last night in which they were read whole; ``NO_TIER`` where there was none.
        since: From when they are not.
    """

    flags: Flags
    whole: Codes
    since: npt.NDArray[np.datetime64]

    @classmethod
    def of(cls, flags: Flags, past: Previous, *, as_of: dt.date) -> Incomplete:
        """With what the run before says of these subjects; a subject that it does not know was never read whole."""
        nowhere, today = np.datetime64("NaT", "D"), np.datetime64(as_of, "D")
        since = np.where(flags, np.where(np.isnat(past.incomplete_since), today, past.incomplete_since), nowhere)
        return cls(flags, np.where(flags, past.whole, NO_TIER).astype(np.int8), since)

    @property
    def never_whole(self) -> Flags:
        """Who has no night to go back to: not rated."""
        never: Flags = self.flags & (self.whole == NO_TIER)
        return never

    def holds(self, target: Codes) -> Flags:
        """Whose tier would be better than that of the last whole night.

        Who is not rated today keeps an earlier tier that is riskier than an unknown subject's, or the fault would let it be
        seen less. Who was not rated in that night stays so, unless its tier would be riskier than an unknown subject's.
        """
        floor = np.where(self.whole == UNRATED, _PRESUMED + 1, self.whole)
        better = (self.whole >= UNRATED) & np.where(target == UNRATED, self.whole > _PRESUMED, target < floor)
        held: Flags = self.flags & better
        return held


@dataclass(frozen=True)
class Stabilised:
    """``tier`` after waiting; ``waits``: a better tier is not due yet, ``since``: from when it counts.

    ``released``: an override that ended no longer holds the tier down, so that its end acts at once.
    """

    tier: Codes
    waits: Flags
    released: Flags
    since: npt.NDArray[np.datetime64]


def apply_stability(raw: Codes, banded: Codes, rule: Texts, past: Previous, policy: TierPolicy, *, as_of: dt.date) -> Stabilised:
    """Who moves up today.

    A subject whose safe tier is better than the one it holds starts to wait; it moves when it has
    been so in every run of ``months`` calendar months, to the worse of today's safe tier and the
    earlier run's raw tier. With ``months = 0`` it moves at once.

    Args:
        raw: Tiers by cuts and overrides.
        banded: Tiers by the cuts moved by the band: where a subject lies safely.
        rule: The override behind ``raw`` (``""``: none).
        past: The earlier run; a subject may move up where it had a tier there.
        policy: Band and months; and which overrides only improve, so that they held nobody down.
        as_of: The day.
    """
    better = (raw >= 0) & (past.tier >= 0) & (raw < past.tier)
    released = better & (rule == "") & past.was_held_down(policy)
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
    return Stabilised(tier, bound & ~moves, released, since)


@dataclass(frozen=True)
class Settled:
    """Tiers as they hold today: ``tier``, ``rule``, ``status`` (final, proposed) and ``reviewer``."""

    tier: Codes
    rule: Texts
    status: Texts
    reviewer: Texts


def needs_signature(target: Codes, past: Previous, subject_type: Texts, reviewed: Flags, policy: TierPolicy) -> Flags:
    """Which tiers need the signature of a person.

    These are tier D, a change of two tiers at once in either direction, overrides with ``review``, and, for natural persons
    under ``review.individuals``, every tier worse than before (worse than B for a new subject).
    """
    rated = target != UNRATED
    before = np.where(past.tier >= 0, past.tier, _PRESUMED)
    two_steps = (past.tier >= 0) & (np.abs(target - past.tier) >= 2)
    flags = (target == _RISKIEST) | two_steps | reviewed
    if policy.review.individuals == "every_downgrade":
        flags |= np.isin(subject_type.astype(str), INDIVIDUALS) & (target > before)
    wanted: Flags = rated & flags
    return wanted


def apply_signatures(
    ids: pd.Index,
    raw: Codes,
    target: Codes,
    rule: Texts,
    evidence: Texts,
    needs: Flags,
    past: Previous,
    signed: Mapping[str, Review],
    *,
    newcomers: Codes | None = None,
) -> Settled:
    """What holds once the signatures are known.

    Approved: the tier holds. Rejected: the earlier tier stays (where new, B, or NR if its records were never read whole; C
    where D itself is not upheld). Not signed: the same, marked ``proposed``. A signature lasts from run to run while subject,
    raw tier and evidence are the same, and through a hold after which they are the same again.

    Args:
        ids: Today's subjects.
        raw: Tiers by cuts and overrides.
        target: Tiers after dispute and stability.
        rule: What decided.
        evidence: What a signature covers.
        needs: Whose tier a person must sign.
        past: The earlier run.
        signed: The last decision by grounds hash.
        newcomers: What those without an earlier tier have until somebody signs; by default everybody the presumed tier.
    """
    presumed = np.full(len(ids), _PRESUMED, dtype=np.int8) if newcomers is None else newcomers
    tier, status = target.copy(), np.full(len(ids), "final", dtype=object)
    rule, reviewer = rule.copy(), np.full(len(ids), None, dtype=object)
    names = tier_names(raw)
    for row in np.flatnonzero(needs).tolist():
        review = signed.get(grounds_hash({"subject_id": ids[row], "raw_tier": names[row], "evidence": evidence[row]}))
        decision, reviewer[row] = (review.decision, review.reviewer) if review else past.decision(row, raw, evidence)
        if decision == "approve":
            continue
        kept = past.tier[row] if past.tier[row] >= UNRATED else presumed[row]
        tier[row] = kept
        if decision == "reject":
            rule[row] = _REJECTED
            tier[row] = _UNSIGNED if target[row] == _RISKIEST and kept == _RISKIEST else kept
        else:
            status[row] = "proposed"
    return Settled(tier, rule, status, reviewer)
