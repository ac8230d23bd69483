"""Which tiers a person must sign, and what holds until then."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from creditscore.config.policy import TierPolicy
from creditscore.tiering.columns import NOT_RATED, B, C, Codes, D, Flags, Texts, decode
from creditscore.tiering.rules import dispute
from creditscore.tiering.rules.past import Past
from creditscore.tiering.sign import Review, grounds_hash
from creditscore.vocabulary import INDIVIDUALS

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
    rated = target != NOT_RATED
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
    names = decode(raw)
    for row in np.flatnonzero(needs).tolist():
        decision, by = _decision(row, ids, names, evidence, raw, past, signed)
        reviewer[row] = by
        if decision != "approve":
            kept = past.tier[row] if past.tier[row] >= NOT_RATED else B
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
    upheld = past.rule[row] == dispute.HELD and past.tier[row] == raw[row]  # the dispute is over, the record counts again
    same = (past.raw[row] == raw[row] or upheld) and past.evidence[row] == evidence[row]
    if same and past.status[row] == "final" and past.reviewer[row]:
        return ("reject" if past.rule[row] == REJECTED else "approve"), past.reviewer[row]
    return None, None
