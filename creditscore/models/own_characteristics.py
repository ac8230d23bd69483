"""Characteristics that some industries have for their own: accidents, hidden dangers, false test reports, wage arrears."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from creditscore.models.columns import FeatureColumn
from creditscore.models.industry_tree import members
from creditscore.models.sample import Sample
from creditscore.models.scorecard import Scorecard


def only_in_own_industries(sample: Sample, parents: dict[str, str]) -> Sample:
    """The sample, with what some industries have for their own (:attr:`Factor.industries`) missing in all others.

    There it is no fault: it costs and earns nothing, and its attributes are counted among its own subjects only.
    """

    def own(column: FeatureColumn) -> FeatureColumn:
        if not column.factor.industries:
            return column
        codes = set().union(*(members(code, parents) for code in column.factor.industries))
        inside = np.array([*(code in codes for code in sample.industries), False])[sample.industry]
        return replace(column, values=np.where(inside, column.values, -1 if column.text else np.nan))

    return replace(sample, columns=tuple(own(column) for column in sample.columns))


def without_others(card: Scorecard, code: str, sample: Sample, parents: dict[str, str]) -> Scorecard:
    """The card of an industry without what other industries have for their own: all its subjects would be missing there.

    No score changes, since what is missing has no points.
    """
    foreign = {
        factor.name
        for factor in (column.factor for column in sample.columns)
        if factor.industries and not any(code in members(one, parents) for one in factor.industries)
    }
    if foreign.isdisjoint(card.features):
        return card
    baselines = (
        one.model_copy(update={"points": {name: points for name, points in one.points.items() if name not in foreign}})
        for one in card.baselines
    )
    kept = tuple(one for one in card.characteristics if one.name not in foreign)
    return card.model_copy(update={"characteristics": kept, "baselines": tuple(baselines)})
