"""What changes a tier after cuts and overrides: stability, records that left, and the signatures of persons.

The rules work on arrays with one element per subject of today, in one order. A tier is a number there, the larger, the
riskier; see ``creditscore.tiering.tiers``.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from creditscore.config.policy import TierPolicy
from creditscore.dataframes import Flags, Texts
from creditscore.dates import shift_as, shift_months
from creditscore.tiering.decisions import Decisions
from creditscore.tiering.overrides import Overridden
from creditscore.tiering.previous import Previous
from creditscore.tiering.tiers import UNRATED, Codes
from creditscore.vocabulary import INDIVIDUALS, PRESUMED, RISKIEST, TIERS

_PRESUMED, _RISKIEST = TIERS.index(PRESUMED), TIERS.index(RISKIEST)


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
    raw: Codes, banded: Codes, rule: Texts, past: Previous, policy: TierPolicy, *, left: Flags, unread: Flags, as_of: dt.date
) -> Stabilised:
    """Who moves up today.

    A subject whose safe tier is better than the one it holds starts to wait; it moves when it has
    been so in every run of ``months`` calendar months, to the worse of today's safe tier and the
    earlier run's raw tier, by one step: the next one has its own months. With ``months = 0`` it moves at once,
    however far; and at once to the raw tier who was held down by what has left. A night in which its records could not be read
    is none of these months: it neither starts them nor ends them, and the time up to it does not count.

    Args:
        raw: Tiers by cuts and overrides.
        banded: Tiers by the cuts moved by the band: where a subject lies safely.
        rule: The override behind ``raw`` (``""``: none).
        past: The earlier run; a subject may move up where it had a tier there.
        policy: Band and months; and which overrides only improve, so that they held nobody down.
        left: Who lost an adverse record since the earlier run, or the signature under D.
        unread: Whose adverse records could not be read today.
        as_of: The day.
    """
    better = (raw >= 0) & (past.tier >= 0) & (raw < past.tier)
    ended = better & (rule == "") & past.was_held_down(policy)
    released = ended | (better & left)
    bound = better & (rule == "") & ~released
    safe = np.maximum(raw, banded)
    qualified = bound & (safe < past.tier)
    today = np.datetime64(as_of, "D")
    months = policy.stability.months
    later = past.since if past.as_of is None else shift_as(past.since, past.as_of, as_of)
    gone_on = np.where(unread, later, past.since)
    since = np.where(np.isnat(gone_on) & ~(unread & (months > 0)), today, gone_on)
    since = np.where(qualified, since, np.datetime64("NaT", "D"))
    due = qualified & (shift_months(since, months) <= today)
    waited = due & ~np.isnat(past.since) & (past.raw >= 0)
    target = np.where(waited, np.maximum(safe, past.raw), safe)
    if months:
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

    Approved: the tier holds. Not signed: the earlier tier, marked ``proposed``. (What was refused is not proposed.)

    Args:
        target: Tiers after dispute and stability.
        rule: What decided.
        needs: Whose tier a person must sign.
        kept: What each has until somebody signs.
        lasting: The approvals of the target tiers that last.
    """
    approved = needs & (lasting.decision == "approve")
    proposed = needs & ~approved
    tier = np.where(proposed, kept, target).astype(np.int8)
    nobody = np.full(len(target), None, dtype=object)
    reviewer: Texts = np.where(approved & (lasting.reviewer != ""), lasting.reviewer, nobody)
    return Settled(tier, rule, np.where(proposed, "proposed", "final").astype(object), reviewer)
