"""Puts a card together from what the fit found: attributes with labels, baselines for the reasons."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from creditscore.config.base import ppm
from creditscore.config.scorecards import Scaling
from creditscore.models.bins.partition import Partition
from creditscore.models.bins.table import BinTable
from creditscore.models.card.attribute import Attribute, Characteristic
from creditscore.models.card.probability import ppm_of_score, score_of
from creditscore.models.fit.calibration import Points
from creditscore.models.scorecard import Baseline, Scorecard

Floats = NDArray[np.float64]
#: Share of the weight whose mean points are "those just above the cut".
NEAR_CUT = 0.1
_WEIGHT_DIGITS, _RATE_DIGITS = 9, 6


def characteristic(table: BinTable, points: NDArray[np.int64], coefficient: float, *, smoothing: float) -> Characteristic:
    """One characteristic with its attributes in the order of their codes."""
    factor = table.partition.factor
    return Characteristic(
        name=factor.name,
        label=factor.label,
        source=factor.source,
        unit=factor.unit,
        kind="text" if table.partition.text else "number",
        trend=table.partition.trend,
        coefficient=coefficient,
        information_value=round(table.information_value, _RATE_DIGITS),
        unverified_cap=factor.cap,
        attributes=tuple(_attribute(table, place, int(points[place]), smoothing=smoothing) for place in range(len(table.rows))),
    )


def _attribute(table: BinTable, place: int, points: int, *, smoothing: float) -> Attribute:
    lower, upper = _bounds(table.partition, place)
    rate = float(table.bad_rate(smoothing)[place])
    return Attribute(
        kind=table.partition.kinds[place],
        lower=lower,
        upper=upper,
        values=table.partition.values(place),
        label=table.partition.label(place),
        rows=int(table.rows[place]),
        weight=min(1.0, round(float(table.weight[place]), _WEIGHT_DIGITS)),
        bad_rate=None if np.isnan(rate) else min(1.0, round(rate, _RATE_DIGITS)),
        woe=float(table.woe[place]),
        points=points,
        neutral=bool(table.neutral[place]),
    )


def _bounds(partition: Partition, place: int) -> tuple[float | None, float | None]:
    if partition.kinds[place] != "interval":
        return None, None
    bounds = [None, *partition.edges, None]
    return bounds[place], bounds[place + 1]


def cut_score(scaling: Scaling, probability: float) -> int:
    """The lowest score whose probability of bad, in whole ppm, is at most ``probability``."""
    limit = ppm(probability)
    score = int(np.floor(score_of(scaling, min(max(probability, 1e-6), 1 - 1e-6)))) - 1
    while ppm_of_score(scaling, score) > limit:
        score += 1
    return score


def baselines(
    points: Points, codes: NDArray[np.uint8], weight: Floats, names: Sequence[str], *, scaling: Scaling, cuts: Sequence[float]
) -> tuple[Baseline, ...]:
    """Mean points of the population, and of the tenth of the weight just above each cut by probability.

    A subject below a cut is compared with those who just reach it: the difference is what it lacks
    (Regulation B, commentary 9(b)(2), both methods).
    """
    scores = points.scores(codes)
    found = [Baseline(name="population", points=_mean(points, codes, weight, names))]
    for probability in sorted(set(cuts)):
        cut = cut_score(scaling, probability)
        near = _just_above(scores, weight, cut)
        if near.any() and all(cut != one.above_score for one in found):
            mean = _mean(points, codes[near], weight[near], names)
            found.append(Baseline(name=f"above_{cut}", above_score=cut, points=mean))
    return tuple(found)


def _just_above(scores: NDArray[np.int64], weight: Floats, cut: int) -> NDArray[np.bool_]:
    """Rows from the cut up to the score by which a tenth of all the weight is reached (whole scores)."""
    above = scores >= cut
    if not above.any():
        return above
    values, places = np.unique(scores[above], return_inverse=True)
    reached = np.cumsum(np.bincount(places, weights=weight[above])) / weight.sum()
    last = min(int(np.searchsorted(reached, NEAR_CUT - 1e-9)), len(values) - 1)
    return np.asarray(above & (scores <= values[last]))


def _mean(points: Points, codes: NDArray[np.uint8], weight: Floats, names: Sequence[str]) -> dict[str, int]:
    share = weight / weight.sum()
    means = [float((np.bincount(codes[:, k], weights=share, minlength=len(of)) * of).sum()) for k, of in enumerate(points.points)]
    return {name: int(np.floor(round(mean, 6) + 0.5)) for name, mean in zip(names, means, strict=True)}


def scorecard(
    tables: Sequence[BinTable],
    points: Points,
    *,
    name: str,
    industry: str,
    target: str,
    scaling: Scaling,
    smoothing: float,
    reference: Sequence[Baseline],
    training: dict[str, JsonValue],
    representative: bool,
) -> Scorecard:
    """The card as data."""
    parts = zip(tables, points.points, points.coefficients, strict=True)
    return Scorecard(
        name=name,
        industry=industry,
        target=target,
        scaling=scaling,
        constant=points.constant,
        characteristics=tuple(characteristic(t, p, c, smoothing=smoothing) for t, p, c in parts),
        baselines=tuple(reference),
        training=training,
        representative=representative,
    )
