"""The overrides of a policy: on whom they fire, by which records, and the tiers that cuts and overrides give together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from creditscore.config.policy import Override, TierPolicy
from creditscore.dataframes import Flags, Ints, Texts, as_frame
from creditscore.errors import DataError
from creditscore.tiering.tiers import NO_TIER, UNRATED, Codes
from creditscore.vocabulary import PRESUMED, TIERS

_PRESUMED = TIERS.index(PRESUMED)


@dataclass(frozen=True)
class Fires:
    """On whom the overrides of a day fire.

    Attributes:
        rules: The overrides in force.
        rows: One row per override, subject and record behind it, by override, subject and record: ``number`` (of the override),
            ``row`` (of the subject), ``record`` (the event, or ``scheme=grade``), ``kind`` (``""`` of a grade), ``event_date``
            (of a grade, as far as it is known) and ``lowers``: the override may worsen a tier.
    """

    rules: tuple[Override, ...]
    rows: pd.DataFrame

    @classmethod
    def of(cls, ids: pd.Index, policy: TierPolicy, *, records: Any, as_of: dt.date) -> Fires:
        """Look in the records.

        Raises:
            DataError: The policy has overrides and there are no records to look in.
        """
        rules = tuple(rule for rule in policy.override if rule.expires is None or as_of <= rule.expires)
        if not rules:
            return cls((), _NONE)
        if records is None:
            raise DataError(
                "records: expected records, since the policy has {n_rules} overrides that look in them (got None)",
                n_rules=len(rules),
            )
        kinds, schemes = _asked(rules)
        events = as_frame(records.listed(kinds, as_of) if kinds else _NO_EVENTS, needs=_EVENT, what="records that overrides name")
        named = {scheme: {rule.grade for rule in rules if rule.scheme == scheme} for scheme in schemes}
        graded = [_grades(records.grades(scheme, as_of), scheme, named[scheme]) for scheme in schemes]
        everybody = [told.assign(row=ids.get_indexer(pd.Index(told["subject_id"]))) for told in (events, *graded)]
        return cls._of(rules, everybody[0], pd.concat([_NO_GRADES, *everybody[1:]]))

    @classmethod
    def before(cls, visits: pd.DataFrame, policy: TierPolicy, *, records: Any) -> Fires:
        """What the overrides that were in force fired on at the end of each visit's eve; ``row`` is the place of the visit.

        Args:
            visits: ``subject_id`` and ``as_of``, one row per visit.
            policy: The overrides.
            records: Answers ``listed_by_row`` and ``grades_by_row``.
        """
        kinds, schemes = _asked(policy.override)
        rows = pa.table(
            {"subject_id": pa.array(visits["subject_id"], pa.string()), "as_of": pa.array(visits["as_of"], pa.date32())}
        )
        events = records.listed_by_row(kinds, rows) if kinds else _NO_EVENTS
        graded = records.grades_by_row(schemes, rows) if schemes else _NO_GRADES
        events = as_frame(events, needs=["row", *_EVENT], what="records that overrides name")
        graded = as_frame(graded, needs=["row", "scheme", "grade"], what="grades that overrides name")
        found = cls._of(tuple(policy.override), events, graded)
        last = pd.Series([rule.expires for rule in found.rules], dtype=object).reindex(found.rows["number"]).to_numpy()
        days = visits["as_of"].to_numpy(dtype=object)[found.rows["row"].to_numpy(dtype=np.int64)]
        held = [end is None or day <= end for day, end in zip(days, last, strict=True)]
        return cls(found.rules, found.rows[np.array(held, dtype=bool)])

    @classmethod
    def _of(cls, rules: tuple[Override, ...], events: pd.DataFrame, graded: pd.DataFrame) -> Fires:
        """From what was found for the rows: ``row, kind, event_id``, and ``row, scheme, grade`` with their days."""
        parts = (_rows(number, rule, events, graded) for number, rule in enumerate(rules))
        return cls(rules, pd.concat([_NONE, *parts], ignore_index=True))

    def without(self, refused: pd.DataFrame) -> Fires:
        """Without the records that a person refused as a ground of the tier that an override sets: ``row, tier, record``."""
        tiers = np.array([TIERS.index(rule.tier) for rule in self.rules], dtype=np.int64)
        own = pd.MultiIndex.from_arrays(
            [self.rows["row"], tiers[self.rows["number"].to_numpy(dtype=np.int64)], self.rows["record"]]
        )
        kept = ~own.isin(pd.MultiIndex.from_frame(refused[["row", "tier", "record"]]))
        return Fires(self.rules, self.rows[kept])

    def subjects(self, number: int) -> Ints:
        """On whom an override fires."""
        rows: Ints = self.rows.loc[self.rows["number"] == number, "row"].unique().astype(np.int64)
        return rows


#: No override fires.
_NONE = pd.DataFrame(
    {
        "number": np.array([], np.int64), "row": np.array([], np.int64),
        **{name: np.array([], dtype=object) for name in ("record", "kind", "event_date")}, "lowers": np.array([], dtype=bool),
    }
)  # fmt: skip


#: What is asked of a record; and no record, and no grade.
_EVENT = ("subject_id", "kind", "event_id")
_NO_EVENTS = pd.DataFrame({name: np.array([], dtype=object) for name in ("row", *_EVENT)})
_NO_GRADES = pd.DataFrame({name: np.array([], dtype=object) for name in ("row", "subject_id", "scheme", "grade", "event_date")})


def _asked(rules: Sequence[Override]) -> tuple[list[str], list[str]]:
    """The kinds of records and the schemes of ratings that overrides name, each once."""
    kinds = dict.fromkeys(rule.kind for rule in rules if rule.kind is not None)
    return list(kinds), list(dict.fromkeys(str(rule.scheme) for rule in rules if rule.kind is None))


def _grades(told: Any, scheme: str, named: Collection[str | None]) -> pd.DataFrame:
    """Those of a scheme's grades that overrides name, with its name; ``event_date`` as far as it is known."""
    frame = as_frame(told, needs=["subject_id", "grade"], what=f"grades of {scheme}").assign(scheme=scheme)
    frame = frame[frame["grade"].isin(named)]
    told_days = frame.reindex(columns=["subject_id", "scheme", "grade", "event_date"]).astype(object)
    return told_days.where(told_days.notna(), None)


def _rows(number: int, rule: Override, events: pd.DataFrame, graded: pd.DataFrame) -> pd.DataFrame:
    """The rows of :class:`Fires` of one override."""
    if rule.kind is not None:
        told = events[(events["kind"] == rule.kind).fillna(False).astype(bool)]
        record, days = told["event_id"].astype(object).map(str), None
    else:
        told = graded[((graded["scheme"] == rule.scheme) & (graded["grade"] == rule.grade)).fillna(False).astype(bool)]
        record, days = pd.Series(rule.reason.ground, index=told.index, dtype=object), told["event_date"].to_numpy(dtype=object)
    table = pd.DataFrame(
        {
            "number": np.int64(number),
            "row": told["row"].to_numpy(dtype=np.int64),
            "record": record.to_numpy(dtype=object),
            "kind": rule.kind or "",
            "event_date": days,
        }
    ).astype({"kind": object, "event_date": object})
    table = table[table["row"] >= 0].drop_duplicates(["row", "record"])
    lowers = rule.bound != "at_most" and TIERS.index(rule.tier) > _PRESUMED
    return table.sort_values(["row", "record"], ignore_index=True).assign(lowers=lowers)


@dataclass(frozen=True)
class Overridden:
    """Tiers after the overrides.

    ``rule`` names the override that decided, or is empty. ``evidence`` is the same with the event ids, in order, on which
    it rests. ``review`` marks overrides that need a signature. ``lifts`` marks overrides that can only improve a tier
    (``at_most``): if the tier is still worse than before, that comes from the score. ``fired`` has the rows of
    :class:`Fires`, and in ``decides`` whether the override is the one that decided.
    """

    tier: Codes
    rule: Texts
    evidence: Texts
    review: Flags
    lifts: Flags
    fired: pd.DataFrame

    @property
    def deciding(self) -> pd.DataFrame:
        """The rows of ``fired`` of the override that decided."""
        return self.fired[self.fired["decides"].astype(bool)]


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


def overridden(cut: Codes, fires: Fires) -> Overridden:
    """The tiers that cuts and the overrides that fire give together.

    ``at_most`` bounds improve first, then ``exactly`` sets (the most severe of several), then
    ``at_least`` bounds worsen: whatever conflicts, the most severe outcome counts. An unrated
    subject takes the tier of ``exactly``, and of ``at_least`` where that is worse than B.
    """
    upper, exact, lower = (_Bound.none(len(cut)) for _ in range(3))
    for number, rule in enumerate(fires.rules):
        rows, tier = fires.subjects(number), TIERS.index(rule.tier)
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
    decides = override[fires.rows["row"].to_numpy(dtype=np.int64)] == fires.rows["number"].to_numpy(dtype=np.int64)
    fired = fires.rows.assign(decides=decides)
    # override -1 is the last of each: no override
    titles = np.array([*(str(rule.reason) for rule in fires.rules), ""], dtype=object)
    reviewed = np.array([*(rule.review for rule in fires.rules), False], dtype=bool)
    lifting = np.array([*(rule.bound == "at_most" for rule in fires.rules), False], dtype=bool)
    return Overridden(tiers, titles[override], _evidence(fires, fired, len(cut)), reviewed[override], lifting[override], fired)


def _evidence(fires: Fires, fired: pd.DataFrame, size: int) -> Texts:
    """Of each subject the override that decided with its records; a grade is its own evidence."""
    evidence = np.full(size, "", dtype=object)
    for row, part in fired[fired["decides"]].groupby("row"):
        rule = fires.rules[int(part["number"].iloc[0])]
        evidence[int(str(row))] = str(replace(rule.reason, items=() if rule.kind is None else tuple(part["record"])))
    return evidence
