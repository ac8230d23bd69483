"""``assign_tiers``: from scores to the tiers that hold today."""

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from creditscore.config.policy import TierPolicy
from creditscore.tiering.columns import NOT_RATED, Codes, Flags, Texts, decode
from creditscore.tiering.rules import dispute, stability
from creditscore.tiering.rules.cohort import Cohort, cohort_of
from creditscore.tiering.rules.cut import achieved
from creditscore.tiering.rules.overrides import Overridden, apply_overrides
from creditscore.tiering.rules.past import Past, past_of
from creditscore.tiering.rules.review import Settled, needs_signature, settle
from creditscore.tiering.rules.stability import Steadied, steady
from creditscore.tiering.sign import latest_reviews
from creditscore.tiering.tiers import TIER_COLUMNS, Tiers


def assign_tiers(
    scores: Any,
    policy: TierPolicy,
    *,
    previous: Any = None,
    records: Any = None,
    subjects: Any = None,
    reviews: Any = None,
    as_of: str | dt.date | None = None,
) -> Tiers:
    """The tier of every subject in scope.

    In this order: the cuts; the overrides of the policy; 未评 (NR) for subjects without a score or
    registered for fewer than ``new_subject_months``; open disputes; stability; signatures.

    Args:
        scores: One row per scored subject: ``subject_id, as_of, industry, score, probability_ppm``
            and, as far as there, ``reason_1`` to ``reason_4``.
        policy: The rules in force on the day.
        previous: The tiers of the run before (``Tiers`` or frame); without it everyone is new.
        records: Answers ``listed``, ``grades``, ``disputed`` and ``subjects_on``. Needed where the
            policy has overrides.
        subjects: Further subjects in scope that have no score: ``subject_id`` and, as far as known,
            ``industry``, ``reason`` (becomes ``not_rated:<reason>``), ``subject_type``.
        reviews: Signatures, of :func:`creditscore.tiering.sign.read_reviews`.
        as_of: The day; by default that of the scores.

    Returns:
        Tiers, one row per subject, ordered by ``subject_id``.

    Raises:
        DataError: A column is missing, a subject stands twice, the scores are of several days, the
            policy was not in force yet, the earlier tiers are of a later day, a government body or
            institution is scored, or overrides have no records to look in.
    """
    cohort = cohort_of(scores, policy, subjects=subjects, records=records, as_of=as_of)
    cut = cohort.cut(policy)
    ruled = apply_overrides(cohort.ids, cut, policy, records=records, as_of=cohort.as_of)
    past = past_of(cohort.ids, previous, as_of=cohort.as_of)
    banded = cohort.cut(policy, band=policy.stability.band, margin=policy.stability.margin)
    steadied = steady(ruled.tier, banded, ruled.rule, past, policy, as_of=cohort.as_of)
    disputed = dispute.held_by_dispute(cohort.ids, ruled, past, records=records, as_of=cohort.as_of)
    target = np.where(disputed, past.tier, steadied.tier).astype(np.int8)
    needs = needs_signature(target, past, cohort.subject_type, ruled.review, policy) & ~disputed & ~steadied.waits
    kept = disputed & dispute.kept_grounds(past)
    evidence = np.where(disputed, np.where(kept, past.evidence, ""), _evidence(cohort, ruled, needs))
    rule = _rule(cohort, ruled, steadied, disputed)
    signed = latest_reviews(reviews if reviews is not None else ())
    settled = settle(cohort.ids, ruled.tier, target, rule, evidence, needs, past, signed)
    settled = replace(settled, reviewer=np.where(kept & (past.reviewer != ""), past.reviewer, settled.reviewer))
    since = np.where(settled.tier == past.tier, steadied.since, np.datetime64("NaT", "D"))
    frame = _frame(cohort, ruled.tier, past, settled, evidence, since)
    return Tiers(frame, achieved(cut, cohort.population, policy), cohort.register)


def _rule(cohort: Cohort, ruled: Overridden, steadied: Steadied, disputed: Flags) -> Texts:
    """What fired, the last to act first."""
    rule = np.where(ruled.tier == NOT_RATED, cohort.why_not_rated(), ruled.rule)
    rule = np.where(steadied.released, stability.RELEASED, np.where(steadied.waits, stability.HELD, rule))
    return np.where(disputed, dispute.HELD, rule)


def _evidence(cohort: Cohort, ruled: Overridden, needs: Flags) -> Texts:
    """The override and its records, or the reasons behind a score that is to be signed."""
    by_override = ruled.rule != ""
    named = ruled.rule + np.where(ruled.evidence == "", "", " " + ruled.evidence)
    return np.where(by_override, named, cohort.reasons(needs & ~by_override))


def _frame(cohort: Cohort, raw: Codes, past: Past, settled: Settled, evidence: Texts, since: Any) -> pd.DataFrame:
    waiting = pd.Series(since).dt.date.astype(object)
    evidence = evidence.copy()
    evidence[evidence == ""] = None
    frame = pd.DataFrame(
        {
            "subject_id": cohort.ids,
            "as_of": pd.Series([cohort.as_of] * len(cohort.ids), dtype=object),
            "industry": cohort.rows["industry"],
            "score": pd.to_numeric(cohort.rows["score"]).astype("Int32"),
            "raw_tier": decode(raw),
            "tier": decode(settled.tier),
            "previous_tier": decode(past.tier),
            "rule": settled.rule,
            "status": settled.status,
            "reviewer": settled.reviewer,
            "evidence": evidence,
            "waiting_since": waiting.where(waiting.notna(), None),
        }
    )
    text = [name for name in TIER_COLUMNS if name not in ("as_of", "score", "waiting_since")]
    return frame.astype(dict.fromkeys(text, "str"))
