"""``assign_tiers``: from scores to the tiers that hold today, in the order in which its stages stand here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from creditscore.config.policy import TierPolicy
from creditscore.dataframes import Flags, Texts
from creditscore.tiering.cohort import Cohort, cohort_of
from creditscore.tiering.cuts import achieved
from creditscore.tiering.grounds import Decisions, SignatureBook, Standing
from creditscore.tiering.holds import Disputes, Incomplete, held_by_dispute, lost_a_record
from creditscore.tiering.previous import Previous
from creditscore.tiering.signatures import Review
from creditscore.tiering.tier_rules import (
    Overridden,
    Settled,
    Stabilised,
    apply_overrides,
    apply_signatures,
    apply_stability,
    may_need_signature,
    needs_signature,
)
from creditscore.tiering.tiers import NO_TIER, TIER_SCHEMA, UNRATED, Codes, Tiers, tier_names
from creditscore.vocabulary import PRESUMED, RISKIEST, RISKIEST_UNSIGNED, TIERS, Reason

_RISKIEST, _UNSIGNED = TIERS.index(RISKIEST), TIERS.index(RISKIEST_UNSIGNED)
_NEVER = np.datetime64("NaT", "D")


def assign_tiers(
    scores: Any,
    policy: TierPolicy,
    *,
    previous: Any = None,
    records: Any = None,
    subjects: Any = None,
    reviews: Any = None,
    exits: Any = None,
    as_of: str | dt.date | None = None,
    read: Collection[str] | None = None,
) -> Tiers:
    """The tier of every subject in scope.

    In this order: the cuts; 未评 (NR) for subjects without a score, registered for fewer than ``new_subject_months``, or
    whose adverse records are refused and were never read whole; the overrides of the policy; stability, except where an
    adverse record left, or D has lost its signature: then the better tier holds at once; open disputes; refused adverse
    records, with which no tier is better than that of the last night in which they were read whole; signatures.

    Args:
        scores: One row per scored subject: ``subject_id, as_of, industry, score, probability_ppm``
            and, as far as there, ``reason_1`` to ``reason_4``.
        policy: The rules in force on the day.
        previous: The tiers of the run before (``Tiers`` or frame); without it everyone is new.
        records: Answers ``listed``, ``grades``, ``disputed`` and ``subjects_on``, and knows in ``incomplete`` whose
            adverse records were refused. Needed where the policy has overrides.
        subjects: Further subjects in scope that have no score: ``subject_id`` and, as far as known,
            ``industry``, ``reason`` (becomes ``not_rated:<reason>``), ``subject_type``; of those whose row of the register
            was refused ``quarantined_at`` (the row) and further columns of the register.
        reviews: Signatures, oldest first (:class:`creditscore.tiering.signatures.Review`).
        exits: The adverse records that left since the run before (``subject_id``); by default those that ``records.exits``
            finds by their days.
        as_of: The day; by default that of the scores.
        read: The features that the cards read: only what they take points for is a ground of a tier by score. None: all.

    Returns:
        Tiers, one row per subject, ordered by ``subject_id``.

    Raises:
        DataError: A column is missing, a subject occurs twice, the scores are of several days, the
            policy was not in force yet, the earlier tiers are of a later day, a government body or
            institution is scored, or overrides have no records to look in.
    """
    night = _Night.of(
        cohort_of(scores, policy, subjects=subjects, records=records, as_of=as_of), policy, previous, records=records, exits=exits
    )
    signed = _Signed.of(night, tuple(reviews or ()), records=records, read=read)
    moved = _Moved.of(night, signed)
    needs = _needs_signature(night, moved)
    settled = _settled(night, signed, moved, needs)
    signing = _Signing.of(night, signed, moved, settled, needs)
    columns = _columns(night, moved, settled, signing, needs)
    told = signed.stands.shown(night.ids, settled.status == "proposed", signing.grounds)
    reached = achieved(night.cut, night.cohort.population, policy)
    return Tiers(_tiers_frame(night.cohort, columns), reached, night.cohort.register, told)


@dataclass(frozen=True)
class _Night:
    """What is known before anything moves.

    Attributes:
        cohort: The subjects.
        policy: The rules in force.
        past: Their tiers in the run before.
        cut: Their tiers by the cuts alone.
        incomplete: Whose adverse records were refused.
        ruled: Their tiers by cuts and overrides.
        disputes: Who has an open dispute.
        left: Who lost an adverse record since the run before.
    """

    cohort: Cohort
    policy: TierPolicy
    past: Previous
    cut: Codes
    incomplete: Incomplete
    ruled: Overridden
    disputes: Disputes
    left: Flags

    @classmethod
    def of(cls, cohort: Cohort, policy: TierPolicy, previous: Any, *, records: Any, exits: Any) -> _Night:
        """Look up what the run before and the records say."""
        ids, day, cut = cohort.ids, cohort.as_of, cohort.cut(policy)
        past = Previous.of(ids, previous, as_of=day)
        incomplete = Incomplete.of(cohort.refused_among(records), past, as_of=day)
        # Whoever is ranked for a cut by share stays ranked: a fault moves nobody else.
        ruled = apply_overrides(ids, _without(cut, incomplete.never_whole), policy, records=records, as_of=day)
        disputes = Disputes.of(ids, records=records, as_of=day)
        left = lost_a_record(ids, past, exits, records=records, as_of=day)
        return cls(cohort, policy, past, cut, incomplete, ruled, disputes, left)

    @property
    def ids(self) -> pd.Index:
        """The subjects."""
        return self.cohort.ids

    @property
    def day(self) -> dt.date:
        """The day of the tiers."""
        return self.cohort.as_of

    def banded(self) -> Codes:
        """Tiers by the cuts moved by the band: where a subject lies safely."""
        rule = self.policy.stability
        return _without(self.cohort.cut(self.policy, band=rule.band, margin=rule.margin), self.incomplete.never_whole)


@dataclass(frozen=True)
class _Signed:
    """Which signatures last today.

    Attributes:
        stands: The records that may count against those whose tier may rest on a signature.
        grounds: The records on which today's proposals rest.
        in_d: The decisions on D that last.
        on_raw: The decisions on today's raw tiers that last.
        lapsed: Who was in D and has lost the signature under it.
    """

    stands: Standing
    grounds: Texts
    in_d: Decisions
    on_raw: Decisions
    lapsed: Flags

    @classmethod
    def of(cls, night: _Night, reviews: Sequence[Review], *, records: Any, read: Collection[str] | None) -> _Signed:
        """Ask the records behind the tiers that a person signs."""
        past, ruled, count = night.past, night.ruled, len(night.ids)
        # The records behind a tier matter of those only who have D, may be put to a person, or are held and let go at once.
        wanted = (past.tier == _RISKIEST) | may_need_signature(ruled, past, night.cohort.subject_type, night.policy)
        wanted |= night.left & night.disputes.flags
        stands = Standing.of(night.ids, wanted, ruled.fired, night.disputes.flags, records=records, as_of=night.day, read=read)
        grounds = stands.grounds(wanted, ruled.fired[ruled.fired["decides"].astype(bool)])
        book = SignatureBook.of(
            night.ids, past.decisions(), reviews, stands, ruled.tier, grounds, past.put_to_a_person, night.left, wanted
        )
        in_d = book.on(np.full(count, _RISKIEST, dtype=np.int8))
        lapsed = (past.tier == _RISKIEST) & (in_d.decision != "approve")
        return cls(stands, grounds, in_d, book.on(ruled.tier), lapsed)

    def carried(self, night: _Night) -> Codes:
        """What a disputed record held before the dispute it holds still; D only while somebody has signed it."""
        carried = self.stands.carried(night.policy, as_of=night.day)
        return np.where(self.lapsed, np.minimum(carried, _UNSIGNED), carried).astype(np.int8)


@dataclass(frozen=True)
class _Moved:
    """Where stability, disputes and refused records let a subject go.

    Attributes:
        target: The tier that would hold if nobody had to sign.
        stable: What stability said.
        waits: Whose tier an open dispute holds.
        held: Whose tier refused records hold.
        released: Whose better tier acts at once, without months, band or signature.
    """

    target: Codes
    stable: Stabilised
    waits: Flags
    held: Flags
    released: Flags

    @classmethod
    def of(cls, night: _Night, signed: _Signed) -> _Moved:
        """Stability first, then disputes, then refused records."""
        raw, past = night.ruled.tier, night.past
        loosened = night.left | signed.lapsed
        stable = apply_stability(raw, night.banded(), night.ruled.rule, past, night.policy, left=loosened, as_of=night.day)
        frozen = held_by_dispute(night.disputes, night.ruled, past)
        floor = np.maximum(raw, signed.carried(night))
        # A dispute lifts nobody: where only the signature has ended, D becomes what needs none.
        floor = np.where(frozen & signed.lapsed & ~night.left, np.maximum(floor, _UNSIGNED), floor).astype(np.int8)
        rises = loosened & (raw >= 0) & (floor < past.tier)
        waits = frozen & ~rises
        target = np.where(waits, past.tier, np.where(frozen, floor, stable.tier)).astype(np.int8)
        held = night.incomplete.holds(target)
        target = np.where(held, night.incomplete.whole, target).astype(np.int8)
        released = (stable.released | (frozen & rises)) & (target < past.tier)
        return cls(target, stable, waits, held, released)

    def keeps(self, past: Previous) -> Flags:
        """Whose hold keeps the evidence and the signature of the earlier tier in sight."""
        kept: Flags = (self.waits | self.held) & (self.target == past.tier) & past.keeps_grounds()
        return kept


def _needs_signature(night: _Night, moved: _Moved) -> Flags:
    """Whose move a person must sign: not what stays where it was, nor what a departure has freed."""
    needs = needs_signature(moved.target, night.past, night.cohort.subject_type, night.ruled.review, night.policy)
    wanted: Flags = needs & ~moved.waits & ~moved.stable.waits & ~moved.held & ~moved.released
    return wanted


def _settled(night: _Night, signed: _Signed, moved: _Moved, needs: Flags) -> Settled:
    """What holds once the signatures are known."""
    past, never = night.past, night.incomplete.never_whole
    until_signed = np.where(past.tier >= UNRATED, past.tier, np.where(never, UNRATED, TIERS.index(PRESUMED)))
    until_signed = np.where(signed.lapsed, np.maximum(_UNSIGNED, night.incomplete.whole), until_signed).astype(np.int8)
    return apply_signatures(moved.target, _why(night, signed, moved), needs, until_signed, signed.on_raw)


def _why(night: _Night, signed: _Signed, moved: _Moved) -> Texts:
    """What decided: the last rule to act."""
    ruled = night.ruled
    rule = np.where(ruled.tier == UNRATED, night.cohort.why_not_rated(night.incomplete.never_whole), ruled.rule)
    freed = moved.released & (ruled.rule == "")
    for reason, flags in (
        (Reason("stability"), moved.stable.waits),
        (Reason("signature_ended"), freed & signed.lapsed),
        (Reason("record_ended"), freed & night.left),
        (Reason("override_ended"), freed & moved.stable.ended),
        (Reason("dispute"), moved.waits),
        (Reason("incomplete"), moved.held),
    ):
        rule = np.where(flags, str(reason), rule)
    return rule


def _evidence(night: _Night, moved: _Moved, needs: Flags) -> Texts:
    """What a signature covers: the override and its records, or the reasons behind a score that is to be signed."""
    by_override = night.ruled.rule != ""
    evidence = np.where(by_override, night.ruled.evidence, night.cohort.reasons(needs & ~by_override))
    return np.where(moved.waits | moved.held, np.where(moved.keeps(night.past), night.past.evidence, ""), evidence)


@dataclass(frozen=True)
class _Signing:
    """Who signed which tier on which records: of a signature that lasts, or of what waits for one."""

    tier: Codes
    reviewer: Texts
    grounds: Texts

    @classmethod
    def of(cls, night: _Night, signed: _Signed, moved: _Moved, settled: Settled, needs: Flags) -> _Signing:
        """The signatures to remember.

        D that is held keeps its own, whatever is asked meanwhile; a hold keeps that of the tier it holds.
        """
        past, lasting, in_force, kept = night.past, signed.on_raw, signed.in_d, moved.keeps(night.past)
        approved = needs & (lasting.decision == "approve")
        # Not being rated for a while ends no signature either.
        lasts = (settled.tier == _RISKIEST) | ((settled.tier == UNRATED) & (past.tier == _RISKIEST) & ~needs)
        in_d = lasts & ~approved & (in_force.decision == "approve")
        carries = kept & (past.signed == settled.tier) & ~in_d
        decided = needs & (lasting.decision != "")
        texts_of = np.select([in_d, carries, decided, needs], [in_force.grounds, past.grounds, lasting.grounds, signed.grounds], "")
        reviewer = np.where(kept & (past.reviewer != ""), past.reviewer, settled.reviewer)
        named = in_d & (settled.status == "final") & (pd.isna(reviewer)) & (in_force.reviewer != "")
        tier = np.select([in_d | approved, carries], [np.where(in_d, _RISKIEST, night.ruled.tier), past.signed], NO_TIER)
        return cls(tier.astype(np.int8), np.where(named, in_force.reviewer, reviewer), texts_of)


def _columns(night: _Night, moved: _Moved, settled: Settled, signing: _Signing, needs: Flags) -> dict[str, Any]:
    """The columns of ``TIER_SCHEMA`` that the stages have decided."""
    past, incomplete = night.past, night.incomplete
    return {
        "raw_tier": tier_names(night.ruled.tier),
        "tier": tier_names(settled.tier),
        "previous_tier": tier_names(past.tier),
        "rule": settled.rule,
        "status": settled.status,
        "reviewer": signing.reviewer,
        "evidence": pd.Series(_evidence(night, moved, needs), dtype=object).replace("", None),
        "signed_tier": tier_names(signing.tier),
        "grounds": pd.Series(signing.grounds, dtype=object).replace("", None),
        "waiting_since": _days(np.where(settled.tier == past.tier, moved.stable.since, _NEVER)),
        "whole_tier": tier_names(incomplete.whole),
        "incomplete_since": _days(incomplete.since),
        "exit_on": _days(_exits_to_come(night)),
    }


def _exits_to_come(night: _Night) -> npt.NDArray[np.datetime64]:
    """Since when a record has left whose end acts on the first night on which the firm is rated on whole records."""
    past = night.past
    blocked = night.left & (night.incomplete.flags | (night.ruled.tier == UNRATED))
    return np.where(blocked, np.where(np.isnat(past.exit_on), np.datetime64(night.day, "D"), past.exit_on), _NEVER)


def _without(tiers: Codes, flags: Flags) -> Codes:
    """Tiers in which some subjects are not rated."""
    return np.where(flags, UNRATED, tiers).astype(np.int8)


def _days(days: Any) -> pd.Series:
    """Days as ``datetime.date``, None where there is none."""
    dates = pd.Series(days).dt.date.astype(object)
    return dates.where(dates.notna(), None)


def _tiers_frame(cohort: Cohort, columns: Mapping[str, Any]) -> pd.DataFrame:
    """The columns of ``TIER_SCHEMA``."""
    frame = pd.DataFrame(
        {
            "subject_id": cohort.ids,
            "as_of": pd.Series([cohort.as_of] * len(cohort.ids), dtype=object),
            "industry": cohort.rows["industry"],
            "score": pd.to_numeric(cohort.rows["score"]).astype("Int32"),
            **columns,
        }
    )
    ordered: pd.DataFrame = frame[TIER_SCHEMA.names]
    return ordered.astype({field.name: "str" for field in TIER_SCHEMA if pa.types.is_string(field.type)})
