"""``assign_tiers``: from scores to the tiers that hold today, in the order in which its stages stand here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
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
from creditscore.tiering.holds import held_by_dispute
from creditscore.tiering.night import Night
from creditscore.tiering.previous import REJECTED, Previous
from creditscore.tiering.signed import Signed
from creditscore.tiering.tier_rules import Settled, Stabilised, apply_signatures, apply_stability, needs_signature
from creditscore.tiering.tiers import NO_TIER, TIER_SCHEMA, UNRATED, Codes, Tiers, tier_names
from creditscore.vocabulary import RISKIEST, RISKIEST_UNSIGNED, TIERS, Reason

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
    disputed_scores: Any = None,
    as_of: str | dt.date | None = None,
    read: Collection[str] | None = None,
    share_levels: Mapping[str, tuple[int, ...]] | None = None,
) -> Tiers:
    """The tier of every subject in scope.

    In this order: the cuts; 未评 (NR) for subjects without a score, registered for fewer than ``new_subject_months``, or
    whose adverse records are refused and were never read whole; the overrides of the policy, both without what a person has
    refused; stability, except where an
    adverse record left, or D has lost its signature: then the better tier holds at once; open disputes; refused adverse
    records, with which no tier is better than that of the last night in which they were read whole; signatures.

    Args:
        scores: One row per scored subject: ``subject_id, as_of, industry, score, probability_ppm``
            and, as far as there, ``reason_1`` to ``reason_4``.
        policy: The rules in force on the day.
        previous: The tiers of the run before (``Tiers`` or frame); without it everyone is new.
        records: Answers ``listed`` (with ``kind``), ``grades``, ``disputed`` and ``subjects_on``, and knows in ``incomplete`` whose
            adverse records were refused. Needed where the policy has overrides.
        subjects: Further subjects in scope that have no score: ``subject_id`` and, as far as known,
            ``industry``, ``reason`` (becomes ``not_rated:<reason>``), ``subject_type``; of those whose row of the register
            was refused ``quarantined_at`` (the row) and further columns of the register.
        reviews: Signatures, oldest first (:class:`creditscore.tiering.signatures.Review`).
        exits: The adverse records that left since the run before (``subject_id``); by default those that ``records.exits``
            finds by their days.
        disputed_scores: The scores of subjects with open disputes as they would be if the disputed records counted
            (``subject_id``, ``score``, ``probability_ppm``). During a dispute a tier then moves as far as it would both with
            and without them. Of whom it does not tell, no better tier holds, and a worse one only where all disputed records
            are adverse or an override sets it.
        as_of: The day; by default that of the scores.
        read: The features that the cards read: only what they take points for is a ground of a tier by score. None: all.
        share_levels: Where ``scores`` are a part of the subjects that are ranked together: the lowest score in each cut by share
            among all of them, by population (:func:`creditscore.tiering.cuts.levels_of`).

    Returns:
        Tiers, one row per subject, ordered by ``subject_id``.

    Raises:
        DataError: A column is missing, a subject occurs twice, the scores are of several days, the
            policy was not in force yet, the earlier tiers are of a later day, a government body or
            institution is scored, or overrides have no records to look in.
    """
    cohort = cohort_of(
        scores, policy, subjects=subjects, records=records, disputed_scores=disputed_scores, as_of=as_of, levels=share_levels
    )
    night = Night.of(cohort, policy, previous, records=records, exits=exits)
    signed = Signed.of(night, tuple(reviews or ()), records=records, read=read)
    moved = _Moved.of(night, signed)
    needs = _needs_signature(night, signed, moved)
    settled = apply_signatures(moved.target, _why(night, signed, moved, needs), needs, signed.until_signed, signed.on_raw)
    signing = _Signing.of(night, signed, moved, settled, needs)
    columns = _columns(night, signed, moved, settled, signing, needs)
    told = signed.stands.shown(night.ids, settled.status == "proposed", signing.grounds)
    reached = achieved(night.cut, night.cohort.population, policy)
    return Tiers(_tiers_frame(night.cohort, columns), reached, night.cohort.register, told)


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
    def of(cls, night: Night, signed: Signed) -> _Moved:
        """Stability first, then disputes, then refused records."""
        raw, past = signed.ruled.tier, night.past
        loosened, carried = night.left | signed.lapsed, signed.carried(night)
        worst = signed.worst(night)
        frozen = held_by_dispute(night.disputes, signed.ruled, past, np.where(loosened, past.tier, worst).astype(np.int8))
        better = np.where(night.disputes.weighed & ~loosened & (worst < past.tier), worst, raw).astype(np.int8)
        stable = apply_stability(
            better, signed.banded, signed.ruled.rule, past, night.policy,
            left=loosened, unread=night.incomplete.flags, as_of=night.day,
        )  # fmt: skip
        # What has left lifts as far as it held the subject down: what is disputed holds it still.
        floor = np.where(night.disputes.weighed, worst, np.maximum(raw, carried))
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


def _needs_signature(night: Night, signed: Signed, moved: _Moved) -> Flags:
    """Whose move a person must sign: not what stays where it was, nor what a departure has freed."""
    needs = needs_signature(moved.target, night.past, night.cohort.subject_type, signed.ruled.review, night.policy)
    wanted: Flags = needs & ~moved.waits & ~moved.stable.waits & ~moved.held & ~moved.released
    return wanted


def _why(night: Night, signed: Signed, moved: _Moved, needs: Flags) -> Texts:
    """What decided: the last rule to act."""
    ruled = signed.ruled
    rule = np.where(ruled.tier == UNRATED, night.cohort.why_not_rated(night.incomplete.never_whole), ruled.rule)
    freed = moved.released & (ruled.rule == "")
    # What has left decides, unless the score's own tier was refused: then no score stands behind the better one.
    left = freed & night.left & ~signed.by_score
    for reason, flags in (
        (Reason("dispute"), _spared_by_dispute(night, signed, moved) & ~needs),
        (Reason("signature_ended"), freed & signed.lapsed),
        (Reason("override_ended"), freed & moved.stable.ended),
        (Reason("review_rejected"), signed.refused(night) & ~needs),
        (Reason("record_ended"), left),
        (Reason("override_ended"), left & moved.stable.ended),
        (Reason("stability"), moved.stable.waits),
        (Reason("dispute"), moved.waits),
        (Reason("incomplete"), moved.held),
    ):
        rule = np.where(flags, str(reason), rule)
    return rule


def _spared_by_dispute(night: Night, signed: Signed, moved: _Moved) -> Flags:
    """Who keeps its tier, or has its first one, only because its disputed records count until the dispute is decided."""
    without = night.cohort.cut(night.policy)
    kept = (moved.target == night.past.tier) | (night.past.tier < 0)
    by_score = (signed.ruled.rule == "") & (moved.target == night.cut) & (night.cut < without)
    spared: Flags = night.disputes.weighed & kept & by_score
    return spared


def _evidence(night: Night, signed: Signed, moved: _Moved, settled: Settled, needs: Flags) -> Texts:
    """What a decision covers: the override and its records, or the reasons behind a score that is to be signed or was refused."""
    refused = settled.rule == REJECTED
    by_override = (np.where(refused, night.ruled.rule, signed.ruled.rule) != "") & ~(refused & signed.by_score)
    own = np.where(refused, night.ruled.evidence, signed.ruled.evidence)
    evidence = np.where(by_override, own, night.cohort.reasons((needs | refused) & ~by_override))
    return np.where(moved.waits | moved.held, np.where(moved.keeps(night.past), night.past.evidence, ""), evidence)


@dataclass(frozen=True)
class _Signing:
    """Who decided on which tier on which records: of a decision that lasts, or of what waits for one."""

    tier: Codes
    reviewer: Texts
    grounds: Texts

    @classmethod
    def of(cls, night: Night, signed: Signed, moved: _Moved, settled: Settled, needs: Flags) -> _Signing:
        """The decisions to remember.

        D that is held keeps its own, whatever is asked meanwhile; a hold keeps that of the tier it holds. A refusal is
        remembered where it is what decides.
        """
        past, lasting, in_force, kept = night.past, signed.on_raw, signed.in_d, moved.keeps(night.past)
        approved, refusal, refused = needs & (lasting.decision == "approve"), signed.refusals, settled.rule == REJECTED
        # Not being rated for a while ends no signature either.
        lasts = (settled.tier == _RISKIEST) | ((settled.tier == UNRATED) & (past.tier == _RISKIEST) & ~needs)
        in_d = lasts & ~approved & (in_force.decision == "approve")
        carries = kept & (past.signed == settled.tier) & ~in_d
        texts_of = np.select(
            [in_d, carries, approved, needs, refused],
            [in_force.grounds, past.grounds, lasting.grounds, signed.grounds, refusal.grounds],
            "",
        )
        named = in_d & (settled.status == "final") & (pd.isna(settled.reviewer)) & (in_force.reviewer != "")
        reviewer = np.select(
            [kept & (past.reviewer != ""), named, refused & (refusal.reviewer != "")],
            [past.reviewer, in_force.reviewer, refusal.reviewer],
            settled.reviewer,
        )
        tier = np.select(
            [in_d, approved, carries, refused],
            [np.full(len(needs), _RISKIEST), signed.ruled.tier, past.signed, refusal.tier],
            NO_TIER,
        )
        return cls(tier.astype(np.int8), reviewer, texts_of)


def _columns(night: Night, signed: Signed, moved: _Moved, settled: Settled, signing: _Signing, needs: Flags) -> dict[str, Any]:
    """The columns of ``TIER_SCHEMA`` that the stages have decided."""
    past, incomplete = night.past, night.incomplete
    return {
        "raw_tier": tier_names(signed.raw(night)),
        "tier": tier_names(settled.tier),
        "previous_tier": tier_names(past.tier),
        "rule": settled.rule,
        "status": settled.status,
        "reviewer": signing.reviewer,
        "evidence": pd.Series(_evidence(night, signed, moved, settled, needs), dtype=object).replace("", None),
        "signed_tier": tier_names(signing.tier),
        "grounds": pd.Series(signing.grounds, dtype=object).replace("", None),
        "waiting_since": _days(np.where(settled.tier == past.tier, moved.stable.since, _NEVER)),
        "whole_tier": tier_names(incomplete.whole),
        "incomplete_since": _days(incomplete.since),
        "exit_on": _days(_exits_to_come(night, signed)),
        "score_tier": tier_names(signed.spell.tier),
        "score_since": _days(signed.spell.since),
    }


def _exits_to_come(night: Night, signed: Signed) -> npt.NDArray[np.datetime64]:
    """Since when a record has left whose end acts on the first night on which the firm is rated on whole records."""
    past = night.past
    blocked = night.left & (night.incomplete.flags | (signed.ruled.tier == UNRATED))
    return np.where(blocked, np.where(np.isnat(past.exit_on), np.datetime64(night.day, "D"), past.exit_on), _NEVER)


def _days(days: Any) -> pd.Series:
    """Days as ``datetime.date``, None where there is none."""
    codes, different = pd.factorize(pd.Series(days))
    dates = np.array([*(day.date() for day in pd.DatetimeIndex(different)), None], dtype=object)  # -1, no day, is the None
    return pd.Series(dates[codes], dtype=object)


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
