"""What is known of a night before any tier moves: scores, overrides, the run before, disputes, refused records and exits."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from creditscore.config.policy import TierPolicy
from creditscore.dataframes import Flags
from creditscore.tiering.cohort import Cohort
from creditscore.tiering.decisions import ScoreSpell
from creditscore.tiering.holds import Disputes, Incomplete, lost_a_record
from creditscore.tiering.overrides import Fires, Overridden, overridden
from creditscore.tiering.previous import Previous
from creditscore.tiering.tiers import UNRATED, Codes


@dataclass(frozen=True)
class Night:
    """What is known before anything moves.

    Attributes:
        cohort: The subjects.
        policy: The rules in force.
        past: Their tiers in the run before.
        cut: Their tiers by the cuts alone; while records are disputed the better of those with and without them.
        worst_cut: The worse of these.
        incomplete: Whose adverse records were refused.
        fires: On whom overrides fire.
        ruled: Their tiers by cuts and overrides.
        disputes: Who has an open dispute.
        left: Who lost an adverse record since the run before.
    """

    cohort: Cohort
    policy: TierPolicy
    past: Previous
    cut: Codes
    worst_cut: Codes
    incomplete: Incomplete
    fires: Fires
    ruled: Overridden
    disputes: Disputes
    left: Flags

    @classmethod
    def of(cls, cohort: Cohort, policy: TierPolicy, previous: Any, *, records: Any, exits: Any) -> Night:
        """Look up what the run before and the records say."""
        ids, day = cohort.ids, cohort.as_of
        cut, with_disputed = cohort.cut(policy), cohort.cut(policy, disputed_count=True)
        cut, worst_cut = np.minimum(cut, with_disputed), np.maximum(cut, with_disputed)
        past = Previous.of(ids, previous, as_of=day)
        incomplete = Incomplete.of(cohort.refused_among(records), past, as_of=day)
        # Whoever is ranked for a cut by share stays ranked: a fault moves nobody else.
        fires = Fires.of(ids, policy, records=records, as_of=day)
        ruled = overridden(without(cut, incomplete.never_whole), fires)
        disputes = Disputes.of(ids, cohort.known_both, records=records, as_of=day)
        left = lost_a_record(ids, past, exits, records=records, as_of=day)
        return cls(cohort, policy, past, cut, worst_cut, incomplete, fires, ruled, disputes, left)

    @property
    def ids(self) -> pd.Index:
        """The subjects."""
        return self.cohort.ids

    @property
    def day(self) -> dt.date:
        """The day of the tiers."""
        return self.cohort.as_of

    def spell(self) -> ScoreSpell:
        """Since when the score has said what it says."""
        silent = self.incomplete.flags | (self.cut == UNRATED)
        return ScoreSpell.of(self.cut, silent, self.past.score_tier, self.past.score_since, self.day)

    def rated_cut(self) -> Codes:
        """Their tiers by the cuts alone, without those whose records were never read whole."""
        return without(self.cut, self.incomplete.never_whole)

    def banded(self) -> Codes:
        """Tiers by the cuts moved by the band: where a subject lies safely, with and without the records that it disputes."""
        rule = self.policy.stability
        both = (self.cohort.cut(self.policy, band=rule.band, margin=rule.margin, disputed_count=one) for one in (False, True))
        return without(np.maximum(*both), self.incomplete.never_whole)


def without(tiers: Codes, flags: Flags) -> Codes:
    """Tiers in which some subjects are not rated."""
    return np.where(flags, UNRATED, tiers).astype(np.int8)
