"""Which decisions of persons last on a night, and what is left to judge without what they have refused."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from creditscore.dataframes import Flags, Texts
from creditscore.tiering.decisions import Decisions, ScoreSpell, SignatureBook
from creditscore.tiering.grounds import Standing
from creditscore.tiering.night import Night
from creditscore.tiering.overrides import Overridden, overridden
from creditscore.tiering.signatures import Review
from creditscore.tiering.tier_rules import may_need_signature
from creditscore.tiering.tiers import UNRATED, Codes
from creditscore.vocabulary import PRESUMED, RISKIEST, RISKIEST_UNSIGNED, TIERS

_RISKIEST, _UNSIGNED, _PRESUMED = (TIERS.index(tier) for tier in (RISKIEST, RISKIEST_UNSIGNED, PRESUMED))


@dataclass(frozen=True)
class Signed:
    """Which decisions last today, and the tiers without what they refuse.

    Attributes:
        stands: The records that may count against those whose tier may rest on a decision.
        ruled: The tiers by cuts and overrides without what was refused: overrides without the records that a person has
            refused as grounds of their tier; where the tier by the score was refused, the one that holds until somebody signs.
        by_score: Whose tier by the score was refused.
        banded: Tiers by the cuts moved by the band, where a subject lies safely; without those that were refused.
        grounds: The records on which today's proposals rest.
        in_d: The approvals of D that last.
        on_raw: The approvals of the tiers of ``ruled`` that last.
        refusals: The last refusal in force of the tier by the score, or else of that by cuts and all overrides.
        lapsed: Who was in D and has lost the signature under it.
        until_signed: What each has until somebody signs.
        spell: Since when the score has said what it says.
    """

    stands: Standing
    ruled: Overridden
    by_score: Flags
    banded: Codes
    grounds: Texts
    in_d: Decisions
    on_raw: Decisions
    refusals: Decisions
    lapsed: Flags
    until_signed: Codes
    spell: ScoreSpell

    @classmethod
    def of(cls, night: Night, reviews: Sequence[Review], *, records: Any, read: Collection[str] | None) -> Signed:
        """Ask the records behind the tiers that a person signs."""
        past, count = night.past, len(night.ids)
        wanted, spell = _wanted(night, reviews), night.spell()
        stands = Standing.of(
            night.ids, wanted, night.ruled.fired, night.disputes.flags, records=records, as_of=night.day, read=read
        )
        grounds = stands.grounds(wanted, night.ruled.deciding)
        book = SignatureBook.of(
            night.ids, past.decisions(), reviews, stands, night.ruled.tier, grounds, past.put_to_a_person, night.left, wanted, spell
        )
        in_d = book.approved(np.full(count, _RISKIEST, dtype=np.int8))
        lapsed = (past.tier == _RISKIEST) & (in_d.decision != "approve")
        until_signed = _until_signed(night, lapsed)
        by_score = book.refused_by_score(night.rated_cut(), stands.behind_score(book.refusing))
        ruled, banded = _rest(night, by_score, until_signed, book.refused_records())
        refusals = book.refusals(np.where(by_score, night.cut, night.ruled.tier).astype(np.int8))
        return cls(
            stands, ruled, by_score, banded, grounds if ruled is night.ruled else stands.grounds(wanted, ruled.deciding), in_d,
            book.approved(ruled.tier), refusals, lapsed, until_signed, spell,
        )  # fmt: skip

    def refused(self, night: Night) -> Flags:
        """Whose tier would be worse by cuts and overrides if no person had refused it, and is what the score alone leaves."""
        by_override = (night.ruled.tier > self.ruled.tier) & (self.ruled.tier != UNRATED)
        refused: Flags = (by_override | self.by_score) & (self.ruled.rule == "")
        return refused

    def raw(self, night: Night) -> Codes:
        """What cuts and overrides say today without what was refused; where that was the score itself, what it says."""
        return np.where(self.by_score & (self.ruled.rule == ""), night.cut, self.ruled.tier).astype(np.int8)

    def carried(self, night: Night) -> Codes:
        """What a disputed record held before the dispute it holds still; D only while somebody has signed it."""
        return self._signed_only(self.stands.carried(night.policy, as_of=night.day))

    def worst(self, night: Night) -> Codes:
        """The tier with all that is disputed, by score and listings; D only while somebody has signed it."""
        listed = self.stands.carried(night.policy, as_of=night.day, new_ones=True)
        return self._signed_only(np.maximum.reduce([self.ruled.tier, night.worst_cut, listed]))

    def _signed_only(self, tiers: Codes) -> Codes:
        return np.where(self.lapsed, np.minimum(tiers, _UNSIGNED), tiers).astype(np.int8)


def _wanted(night: Night, reviews: Sequence[Review]) -> Flags:
    """Whose records matter: who has D, may be put to a person, has been, or is held and let go at once."""
    wanted = (night.past.tier == _RISKIEST) | may_need_signature(night.ruled, night.past, night.cohort.subject_type, night.policy)
    wanted |= night.disputes.flags & (night.left | night.disputes.weighed)
    decided = night.ids.isin([review.subject_id for review in reviews])
    decided[night.past.decisions()["row"].to_numpy(dtype=np.int64)] = True
    flags: Flags = wanted | decided
    return flags


def _rest(night: Night, by_score: Flags, until_signed: Codes, refused: pd.DataFrame) -> tuple[Overridden, Codes]:
    """What is left to judge without what was refused: the tiers by cuts and overrides, and those by the cuts moved by the band."""
    if refused.empty and not by_score.any():
        return night.ruled, night.banded()
    cut = night.rated_cut()
    spared = np.where(by_score, np.minimum(until_signed, cut - 1), cut).astype(np.int8)
    banded = np.where(by_score, spared, night.banded()).astype(np.int8)
    return overridden(spared, night.fires.without(refused)), banded


def _until_signed(night: Night, lapsed: Flags) -> Codes:
    """What each has until somebody signs: the earlier tier; C where D has lost its signature."""
    past, never = night.past, night.incomplete.never_whole
    tiers = np.where(past.tier >= UNRATED, past.tier, np.where(never, UNRATED, _PRESUMED))
    return np.where(lapsed, np.maximum(_UNSIGNED, night.incomplete.whole), tiers).astype(np.int8)
