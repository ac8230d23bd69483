"""What changes a tier after the cuts: overrides, stability, records that left, and the signatures of persons.

The rules work on arrays with one element per subject of today, in one order. A tier is a number there, the larger, the
riskier; see ``creditscore.tiering.tiers``.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from creditscore.config.policy import Override, TierPolicy
from creditscore.dataframes import Flags, Ints, Texts, as_frame
from creditscore.dates import shift_months
from creditscore.errors import DataError
from creditscore.tiering.grounds import Decisions
from creditscore.tiering.previous import Previous
from creditscore.tiering.tiers import NO_TIER, UNRATED, Codes
from creditscore.vocabulary import INDIVIDUALS, PRESUMED, RISKIEST, RISKIEST_UNSIGNED, TIERS, Reason

_PRESUMED, _UNSIGNED, _RISKIEST = (TIERS.index(tier) for tier in (PRESUMED, RISKIEST_UNSIGNED, RISKIEST))
_REJECTED = str(Reason("review_rejected"))
_NOTHING = np.array([], dtype=object)


@dataclass(frozen=True)
class Overridden:
    """Tiers after the overrides.

    ``rule`` names the override that decided, or is empty. ``evidence`` is the same with the event ids, in order, on which
    it rests. ``review`` marks overrides that need a signature. ``lifts`` marks overrides that can only improve a tier
    (``at_most``): if the tier is still worse than before, that comes from the score. ``fired`` has one row per override that
    fires and record behind it: ``row`` (of the subject), ``record`` (the event, or ``scheme=grade``), ``kind``, ``decides``.
    """

    tier: Codes
    rule: Texts
    evidence: Texts
    review: Flags
    lifts: Flags
    fired: pd.DataFrame


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
    fired = pd.concat(
        [_FIRED, *(_fired(ids, rule, events, override, n) for n, (rule, events) in enumerate(zip(rules, grounds, strict=True)))]
    )
    return Overridden(tiers, titles[override], evidence, reviewed[override], lifting[override], fired.reset_index(drop=True))


#: No record behind any override.
_FIRED = pd.DataFrame({"row": np.array([], np.int64), "record": _NOTHING, "kind": _NOTHING, "decides": np.array([], bool)})


def _fired(ids: pd.Index, rule: Override, events: pd.Series[Any], override: Ints, number: int) -> pd.DataFrame:
    """The records on which one override fires, one row each."""
    named = events if rule.kind is not None else events.map(lambda _items: (rule.reason.ground,))
    rows = named.explode().rename("record").rename_axis("subject_id").reset_index()
    row = ids.get_indexer(pd.Index(rows["subject_id"]))
    table = pd.DataFrame({"row": row, "record": rows["record"].astype(object), "kind": rule.kind or ""}).astype({"kind": object})
    table = table[row >= 0]
    return table.assign(decides=override[table["row"].to_numpy(dtype=np.int64)] == number)


def _grounds(rule: Override, records: Any, as_of: dt.date) -> pd.Series[Any]:
    """Per subject on whom the override fires, the ids of its records in order (none: an external grade is its own evidence)."""
    if rule.kind is not None:
        listed = as_frame(records.listed([rule.kind], as_of), needs=["subject_id", "event_id"], what=f"records of kind {rule.kind}")
        ordered = listed.astype({"subject_id": object, "event_id": object}).sort_values(["subject_id", "event_id"])
        return ordered.groupby("subject_id")["event_id"].agg(lambda events: tuple(map(str, events)))
    grades = as_frame(records.grades(rule.scheme, as_of), needs=["subject_id", "grade"], what=f"grades of {rule.scheme}")
    subjects = grades.loc[(grades["grade"] == rule.grade).fillna(False), "subject_id"].astype(object).drop_duplicates()
    return pd.Series([()] * len(subjects), index=pd.Index(subjects), dtype=object)


@dataclass(frozen=True)
class Stabilised:
    """``tier`` after waiting; ``waits``: a better tier is not due yet, ``since``: from when it counts.

    ``released``: what held the tier down has left, so that the better one acts at once, without months or band; ``ended``:
    of them those held down by an override.
    """

    tier: Codes
    waits: Flags
    released: Flags
    ended: Flags
    since: npt.NDArray[np.datetime64]


def apply_stability(
    raw: Codes, banded: Codes, rule: Texts, past: Previous, policy: TierPolicy, *, left: Flags, as_of: dt.date
) -> Stabilised:
    """Who moves up today.

    A subject whose safe tier is better than the one it holds starts to wait; it moves when it has
    been so in every run of ``months`` calendar months, to the worse of today's safe tier and the
    earlier run's raw tier, by one step: the next one has its own months. With ``months = 0`` it moves at once,
    however far; and at once to the raw tier who was held down by what has left.

    Args:
        raw: Tiers by cuts and overrides.
        banded: Tiers by the cuts moved by the band: where a subject lies safely.
        rule: The override behind ``raw`` (``""``: none).
        past: The earlier run; a subject may move up where it had a tier there.
        policy: Band and months; and which overrides only improve, so that they held nobody down.
        left: Who lost an adverse record since the earlier run, or the signature under D.
        as_of: The day.
    """
    better = (raw >= 0) & (past.tier >= 0) & (raw < past.tier)
    ended = better & (rule == "") & past.was_held_down(policy)
    released = ended | (better & left)
    bound = better & (rule == "") & ~released
    safe = np.maximum(raw, banded)
    qualified = bound & (safe < past.tier)
    today = np.datetime64(as_of, "D")
    since = np.where(qualified, np.where(np.isnat(past.since), today, past.since), np.datetime64("NaT", "D"))
    due = qualified & (shift_months(since, policy.stability.months) <= today)
    waited = due & ~np.isnat(past.since) & (past.raw >= 0)
    target = np.where(waited, np.maximum(safe, past.raw), safe)
    if policy.stability.months:
        target = np.maximum(target, past.tier - 1)
    moves = due & (target < past.tier)
    tier = np.where(bound, np.where(moves, target, past.tier), raw).astype(np.int8)
    return Stabilised(tier, bound & ~moves, released, ended, since)


@dataclass(frozen=True)
class Settled:
    """Tiers as they hold today: ``tier``, ``rule``, ``status`` (final, proposed) and ``reviewer``."""

    tier: Codes
    rule: Texts
    status: Texts
    reviewer: Texts


def needs_signature(target: Codes, past: Previous, subject_type: Texts, reviewed: Flags, policy: TierPolicy) -> Flags:
    """Which tiers need the signature of a person.

    These are tier D, a fall of two tiers at once, overrides with ``review``, and, for natural persons under
    ``review.individuals``, every tier worse than before (worse than B for a new subject). A rise needs none: band, months
    and steps guard against luck, and nobody stays in a worse tier because no one signs.
    """
    rated = target != UNRATED
    before = np.where(past.tier >= 0, past.tier, _PRESUMED)
    two_steps = (past.tier >= 0) & (target - past.tier >= 2)
    flags = (target == _RISKIEST) | two_steps | reviewed
    if policy.review.individuals == "every_downgrade":
        flags |= np.isin(subject_type.astype(str), INDIVIDUALS) & (target > before)
    wanted: Flags = rated & flags
    return wanted


def may_need_signature(ruled: Overridden, past: Previous, subject_type: Texts, policy: TierPolicy) -> Flags:
    """Of whom a tier between the earlier one and the raw one may need a signature."""
    return needs_signature(ruled.tier, past, subject_type, ruled.review, policy)


def apply_signatures(target: Codes, rule: Texts, needs: Flags, kept: Codes, lasting: Decisions) -> Settled:
    """What holds once the signatures are known.

    Approved: the tier holds. Rejected: the earlier tier stays, C where that was a D which is not upheld. Not signed: the
    earlier tier, marked ``proposed``.

    Args:
        target: Tiers after dispute and stability.
        rule: What decided.
        needs: Whose tier a person must sign.
        kept: What each has until somebody signs.
        lasting: The decisions on today's raw tiers that last.
    """
    approved, rejected = needs & (lasting.decision == "approve"), needs & (lasting.decision == "reject")
    proposed = needs & ~approved & ~rejected
    tier = np.where(rejected | proposed, kept, target)
    tier = np.where(rejected & (target == _RISKIEST) & (kept == _RISKIEST), _UNSIGNED, tier).astype(np.int8)
    nobody = np.full(len(target), None, dtype=object)
    reviewer: Texts = np.where((approved | rejected) & (lasting.reviewer != ""), lasting.reviewer, nobody)
    return Settled(tier, np.where(rejected, _REJECTED, rule), np.where(proposed, "proposed", "final").astype(object), reviewer)
