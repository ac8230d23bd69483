"""What holds a tier where it was: open disputes, and adverse records that were refused."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from creditscore.dataframes import Flags, as_frame
from creditscore.tiering.overrides import Overridden
from creditscore.tiering.previous import Previous
from creditscore.tiering.tiers import NO_TIER, UNRATED, Codes
from creditscore.vocabulary import PRESUMED, TIERS

_PRESUMED = TIERS.index(PRESUMED)


@dataclass(frozen=True)
class Disputes:
    """Who disputes a record today.

    Attributes:
        flags: Who does.
        adverse: Of these, whose disputed records are all adverse.
        weighed: Of these, whose score is known with and without them, and who disputes no grade that may lift its tier: what
            that does is not known both ways.
    """

    flags: Flags
    adverse: Flags
    weighed: Flags

    @classmethod
    def of(cls, ids: pd.Index, known_both: Flags, *, records: Any, as_of: dt.date) -> Disputes:
        """Ask the records; where they do not say which are adverse, none is taken for it."""
        if records is None:
            nobody = np.zeros(len(ids), dtype=bool)
            return cls(nobody, nobody, nobody)
        rows = as_frame(records.disputed(as_of), needs=["subject_id"], what="disputed records")
        adverse = rows["adverse"].to_numpy(dtype=bool) if "adverse" in rows.columns else np.zeros(len(rows), dtype=bool)
        flags: Flags = ids.isin(rows["subject_id"])
        lifts = rows.loc[rows["lifts"].to_numpy(dtype=bool), "subject_id"] if "lifts" in rows.columns else []
        return cls(flags, flags & ~ids.isin(rows.loc[~adverse, "subject_id"]), flags & known_both & ~ids.isin(lifts))


def lost_a_record(ids: pd.Index, past: Previous, exits: Any, *, records: Any, as_of: dt.date) -> Flags:
    """Who lost an adverse record since the run before, or before that while nothing could follow from it.

    Args:
        ids: Today's subjects.
        past: The run before.
        exits: The records that left (``subject_id``), or None: by their days, of records that can say so.
        records: Answers ``exits``, or nothing.
        as_of: Today.
    """
    ask = getattr(records, "exits", None)
    if exits is None and ask is not None and past.as_of is not None:
        exits = ask(after=past.as_of, until=as_of)
    pending: Flags = ~np.isnat(past.exit_on)
    if exits is None:
        return pending
    left: Flags = pending | ids.isin(as_frame(exits, needs=["subject_id"], what="records that left")["subject_id"])
    return left


def held_by_dispute(disputes: Disputes, ruled: Overridden, past: Previous, worst: Codes) -> Flags:
    """Whose tier does not move because one of its records is under dispute today.

    A tier moves during a dispute as far as it would both with and without the disputed records. Where the score is known
    both ways, the raw tier is the better of the two, so that a worse one rests on other records, and ``worst`` is the
    worse: a tier rises that is better even so.

    Where it is not, the raw tier is without the disputed records. A better one may be better only because of that,
    and waits. A worse one waits where a disputed record may be in the subject's favour; where all are adverse it is worse
    although they do not count, so it rests on other records. Nor waits a worse tier by an override: it rests
    on a record that is not disputed. (One that only improves rests on the score all the same.) Nor a tier that was proposed
    in the run before: it is put to a person as it was, and the subject is drawn as it was meanwhile.
    """
    comparable = (past.tier >= 0) & (ruled.tier >= 0) & (ruled.tier != past.tier)
    proposed = (past.status == "proposed") & (past.raw == ruled.tier)
    by_others = disputes.weighed | disputes.adverse | ((ruled.rule != "") & ~ruled.lifts) | proposed
    falls, rises = by_others & (ruled.tier > past.tier), disputes.weighed & (worst < past.tier)
    held: Flags = disputes.flags & comparable & ~falls & ~rises
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
