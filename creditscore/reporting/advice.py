"""What a firm can change: records that may be repaired, and what it may declare. Nothing else is ever advised.

The age of the firm, grades of others, past visits and records that nobody repairs are not in the firm's hands: of those is said
when they end, not what to do.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from creditscore.config.catalogue import CatalogueItem, RepairPeriods
from creditscore.config.features import FeatureSpec
from creditscore.config.spec import Label
from creditscore.dates import months_after
from creditscore.models.scorecard import Scorecard
from creditscore.records.own_records import COUNTS
from creditscore.reporting.documents import Document, Value, leaves_on, value_of
from creditscore.vocabulary import RISKIEST, TIERS

#: The class of records that end as their own act says.
OWN_RULE = "own_rule"


@dataclass(frozen=True)
class Repair:
    """A record whose repair may be applied for. ``since``: from which day, by the shortest publication period of its kind.

    ``basis``: the rule of its class, or of ``own_rule`` the act of its kind; ``""`` where the project names none on the day.
    ``gain``: what the score gains by it alone; None where this cannot be computed from what the run kept.
    """

    document: int
    since: dt.date
    is_open: bool
    repair_class: str
    months: int
    basis: str
    apply_to: str
    gain: int | None = None


@dataclass(frozen=True)
class Declaration:
    """A self-declared characteristic and the most points that a declaration can add."""

    name: str
    label: Label
    gain: int


@dataclass(frozen=True)
class Advice:
    """What can be changed, and what that would give by score.

    ``nearest`` are the fewest of these repairs (numbers of documents) and declarations (names), largest gain first, that reach
    the next better tier by score; both are empty where all together do not, or where there is none to reach. ``score`` and
    ``tier`` are those after all repairs; None where nothing can be computed.
    """

    repairs: tuple[Repair, ...] = ()
    declarations: tuple[Declaration, ...] = ()
    nearest_repairs: tuple[int, ...] = ()
    nearest_declarations: tuple[str, ...] = ()
    score: int | None = None
    tier: str = ""


def repairs_of(
    numbered: Mapping[int, Document], catalogue: Mapping[str, CatalogueItem], features: Sequence[FeatureSpec], as_of: dt.date,
    periods: Sequence[RepairPeriods] = (),
) -> tuple[Repair, ...]:  # fmt: skip
    """The records that may be repaired and count, in the order of their numbers.

    ``periods``: those of the classes. Left out is what ends by itself before its repair may be applied for.
    """
    in_force = sorted((one for one in periods if one.effective <= as_of), key=lambda one: one.effective)
    basis: dict[str, str] = {one.name: one.basis for one in in_force}
    found = []
    for number, one in numbered.items():
        item = catalogue.get(one.kind) if one.table == "record" and one.state == COUNTS else None
        if item is None or item.repair_class is None or item.polarity != "negative":
            continue
        months = item.publication_min_months or 0
        since = months_after(one.event_date, months)
        if _ends_first(one, features, since):
            continue
        own = item.legal_basis if item.repair_class == OWN_RULE else basis.get(item.repair_class, "")
        found.append(Repair(number, since, since <= as_of, item.repair_class, months, own, one.provider or item.provider))
    return tuple(found)


def _ends_first(one: Document, features: Sequence[FeatureSpec], day: dt.date) -> bool:
    """Whether a record is behind no feature any more on a day; the one of a rule alone ends with its own last day."""
    ends = [leaves_on(feature, one) for feature in features if one.kind in feature.kind]
    if not ends:
        return one.until is not None and one.until < day
    return all(end is not None and end[0] <= day for end in ends)


def declarations_of(card: Scorecard, points: Mapping[str, int], features: Sequence[FeatureSpec]) -> tuple[Declaration, ...]:
    """The self-declared characteristics that could still add points, the largest gain first.

    The age of the newest declaration is none that could be declared: it follows from any other.
    """
    ages = {feature.name for feature in features if feature.aggregate == "days_since_last"}
    found = []
    for one in card.characteristics:
        if one.name in ages:
            continue
        best = max((bin_.points for bin_ in one.attributes if bin_.kind in ("interval", "category")), default=points[one.name])
        if one.source == "self_declared" and best > points[one.name]:
            found.append(Declaration(one.name, one.label, best - points[one.name]))
    return tuple(sorted(found, key=lambda each: (-each.gain, each.name)))


@dataclass(frozen=True)
class Situation:
    """One scored firm: its card, its row of features, and the lowest scores of A, B and C for it."""

    card: Scorecard
    row: pd.DataFrame
    score: int
    levels: tuple[int | None, ...]
    features: Sequence[FeatureSpec]
    documents: Sequence[Document]
    as_of: dt.date

    def tier_of(self, score: int) -> str:
        """The tier by score."""
        reached = (tier for tier, level in zip(TIERS, self.levels, strict=False) if level is not None and score >= level)
        return next(reached, RISKIEST)

    @property
    def needed(self) -> int | None:
        """The lowest score of the next better tier that the card can reach; None where there is none."""
        above = [level for level in self.levels if level is not None and level > self.score]
        return min(above, default=None)

    def scores_without(self, groups: Sequence[Sequence[Document]]) -> list[int] | None:
        """The score after each group of records is gone; None where a value cannot be computed from the documents."""
        gone = {one.key for group in groups for one in group}
        kinds = {one.kind for one in self.documents if one.key in gone}
        touched = [one for one in self.features if kinds & set(one.kind) and one.name in self.row]
        if any(not self._is_computed(feature) for feature in touched):
            return None
        rows = pd.concat([self.row] * len(groups), ignore_index=True)
        for feature in touched:
            rows[feature.name] = self._column(feature, [self._left(group) for group in groups])
        return [int(score) for score in self.card.scores(rows)]

    def _left(self, gone: Sequence[Document]) -> list[Document]:
        keys = {one.key for one in gone}
        return [one for one in self.documents if one.key not in keys]

    def _is_computed(self, feature: FeatureSpec) -> bool:
        """Whether the documents give the value that was scored."""
        stored = self.row[feature.name].iloc[0]
        try:
            value = value_of(feature, self.documents, self.as_of)
        except KeyError:
            return False
        return value == (None if pd.isna(stored) else stored)

    def _column(self, feature: FeatureSpec, lefts: Sequence[Sequence[Document]]) -> pd.Series:
        values: list[Value] = [value_of(feature, left, self.as_of) for left in lefts]
        return pd.Series(values, dtype="str" if feature.is_text else "float64")


def advice_of(
    situation: Situation, repairs: Sequence[Repair], numbered: Mapping[int, Document], declarations: Sequence[Declaration]
) -> Advice:
    """What repairs and declarations give by score, each repair alone and all together; and the fewest that reach the next tier."""
    ranked, after = list(repairs), None
    if repairs:
        alone = situation.scores_without([[numbered[one.document]] for one in repairs])
        if alone is None:
            return Advice(tuple(repairs), tuple(declarations))
        gains = [score - situation.score for score in alone]
        repairs = [replace(one, gain=gain) for one, gain in zip(repairs, gains, strict=True)]
        ranked = sorted(repairs, key=lambda one: (-(one.gain or 0), one.document))
        groups = [[numbered[one.document] for one in ranked[: count + 1]] for count in range(len(ranked))]
        after = situation.scores_without(groups)
    nearest = _nearest(situation, ranked, after or [], declarations)
    score = after[-1] if after else situation.score
    return Advice(tuple(repairs), tuple(declarations), *nearest, score, situation.tier_of(score))


def _nearest(
    situation: Situation, ranked: Sequence[Repair], after: Sequence[int], declarations: Sequence[Declaration]
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The fewest repairs that reach the next tier; where all do not, all that help with the fewest declarations; else nothing."""
    needed = situation.needed
    if needed is None:
        return (), ()
    for count, score in enumerate(after, start=1):
        if score >= needed:
            return tuple(sorted(one.document for one in ranked[:count])), ()
    score, chosen = after[-1] if after else situation.score, list[str]()
    for one in declarations:
        chosen.append(one.name)
        score += one.gain
        if score >= needed:
            return tuple(sorted(each.document for each in ranked if each.gain)), tuple(chosen)
    return (), ()
