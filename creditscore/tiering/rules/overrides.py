"""Overrides: records and external grades that set or bound a tier whatever the score says."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from creditscore.config.policy import Override, TierPolicy
from creditscore.errors import DataError
from creditscore.tiering.columns import NONE, NOT_RATED, B, Codes, Flags, Ints, Texts, as_frame
from creditscore.vocabulary import TIERS


@dataclass(frozen=True)
class Overridden:
    """Tiers after the overrides, row for row.

    ``rule`` names the override that decided (``""``: none did), ``evidence`` the records behind it
    (event ids in order), ``review`` says that the override asks for a signature, ``lifts`` that it only
    improves (``at_most``): what is still worse than before then comes from the score.
    """

    tier: Codes
    rule: Texts
    evidence: Texts
    review: Flags
    lifts: Flags


@dataclass(frozen=True)
class _Bound:
    """The strongest bound of one direction so far, and the place of the override that set it."""

    tier: Codes
    place: Ints

    @classmethod
    def none(cls, rows: int) -> "_Bound":
        return cls(np.full(rows, NONE, dtype=np.int8), np.full(rows, -1, dtype=np.int64))

    def tightened(self, hits: Ints, tier: int, place: int, *, sign: int) -> "_Bound":
        """With one more override on the rows ``hits``; the earlier one stays where both say the same."""
        now, which = self.tier.copy(), self.place.copy()
        better = hits[(now[hits] == NONE) | (sign * tier > sign * now[hits])]
        now[better], which[better] = tier, place
        return _Bound(now, which)


def apply_overrides(ids: pd.Index, cut: Codes, policy: TierPolicy, *, records: Any, as_of: dt.date) -> Overridden:
    """The tiers that cuts and overrides give together.

    ``at_most`` bounds improve first, then ``exactly`` sets (the most severe of several), then
    ``at_least`` bounds worsen: whatever conflicts, the most severe outcome stands. An unrated
    subject takes the tier of ``exactly``, and of ``at_least`` where that is worse than B.

    Raises:
        DataError: The policy has overrides and there are no records to look in.
    """
    rules = [rule for rule in policy.override if rule.expires is None or as_of <= rule.expires]
    if rules and records is None:
        raise DataError(f"records: expected records, since the policy has {len(rules)} overrides that look in them (got None)")
    grounds = [_grounds(rule, records, as_of) for rule in rules]
    upper, exact, lower = (_Bound.none(len(ids)) for _ in range(3))
    for place, (rule, found) in enumerate(zip(rules, grounds, strict=True)):
        rows = ids.get_indexer(found.index)
        hits, tier = rows[rows >= 0].astype(np.int64), TIERS.index(rule.tier)
        if rule.bound == "exactly":
            exact = exact.tightened(hits, tier, place, sign=1)
        elif rule.bound == "at_least":
            lower = lower.tightened(hits, tier, place, sign=1)
        else:
            upper = upper.tightened(hits, tier, place, sign=-1)
    decided, by = _combine(cut, upper, exact, lower)
    return _describe(ids, decided, by, rules, grounds)


def _combine(cut: Codes, upper: _Bound, exact: _Bound, lower: _Bound) -> tuple[Codes, Ints]:
    improves = (upper.tier != NONE) & (cut != NOT_RATED) & (upper.tier < cut)
    tier, place = _apply(cut, np.full(len(cut), -1, dtype=np.int64), upper, improves)
    tier, place = _apply(tier, place, exact, exact.tier != NONE)
    worsens = (lower.tier != NONE) & (lower.tier > np.where(tier == NOT_RATED, B, tier))
    return _apply(tier, place, lower, worsens)


def _apply(tier: Codes, place: Ints, bound: _Bound, fires: Flags) -> tuple[Codes, Ints]:
    return np.where(fires, bound.tier, tier).astype(np.int8), np.where(fires, bound.place, place)


def _describe(ids: pd.Index, tier: Codes, place: Ints, rules: list[Override], grounds: list["pd.Series[Any]"]) -> Overridden:
    titles = np.array([*(rule.title for rule in rules), ""], dtype=object)  # place -1 is the last: no override
    reviewed = np.array([*(rule.review for rule in rules), False], dtype=bool)
    lifting = np.array([*(rule.bound == "at_most" for rule in rules), False], dtype=bool)
    evidence = np.full(len(ids), "", dtype=object)
    for number, found in enumerate(grounds):
        rows = np.flatnonzero(place == number)
        evidence[rows] = found.reindex(ids[rows]).to_numpy(dtype=object)
    return Overridden(tier, titles[place], evidence, reviewed[place], lifting[place])


def _grounds(rule: Override, records: Any, as_of: dt.date) -> "pd.Series[Any]":
    """Per subject on whom the override fires, the ids of its records (an external grade is its own evidence)."""
    if rule.kind is not None:
        listed = as_frame(records.listed([rule.kind], as_of), needs=["subject_id", "event_id"], what=f"records of kind {rule.kind}")
        ordered = listed.astype({"subject_id": object, "event_id": object}).sort_values(["subject_id", "event_id"])
        return ordered.groupby("subject_id")["event_id"].agg(lambda events: ",".join(map(str, events)))
    grades = as_frame(records.grades(rule.scheme, as_of), needs=["subject_id", "grade"], what=f"grades of {rule.scheme}")
    found = grades.loc[(grades["grade"] == rule.grade).fillna(False), "subject_id"].astype(object).drop_duplicates()
    return pd.Series("", index=pd.Index(found), dtype=object)
