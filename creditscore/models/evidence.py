"""What the rows say of each attribute, and how much of it to believe of the next part of the window.

The log-odds ratio of an attribute against the rest has a variance by design, a prior variance that its characteristic
shows, and a variance between parts of the training window that all characteristics show together. The WoE in use is the
posterior mean for a part that nobody has seen (Efron and Morris, JASA 70, 1975; Robbins, Ann. Math. Stat. 35, 1964).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import poisson

from creditscore.dataframes import Flags, Floats, Ints
from creditscore.models.sample import Sample, effective_size
from creditscore.models.scoring import AttributeCodes

#: ``gone``: there early, not in the last part of the window. ``new``: in the last part only.
State = Literal["", "gone", "new"]
#: Effective cases of the rarer class that smoothing adds to an attribute (Jeffreys), in proportion to the totals.
_PSEUDO_CASES = 0.5
#: How many attributes' worth the mean prior variance of all characteristics counts beside a characteristic's own.
_BORROWED = 1.0
#: How many free cells (attribute x part) the mean drift of all characteristics counts beside a characteristic's own.
_BORROWED_CELLS = 20.0
#: An attribute is away from a part where it has less than this share of the rows to be expected there, ...
_NEARLY_NONE = 0.1
#: ... and chance would leave so few with less than this probability.
_RARELY = 0.001
#: Expected effective cases of the rarer class below which a cell says nothing of drift.
_CASES_OF_A_CELL = 3.0
#: PSI between the first and the last part of the window above which a characteristic has moved (Siddiqi, 2017).
MOVED = 0.25
_LEAST, _MOST, _HALVINGS = 1e-8, 1e4, 60


@dataclass(frozen=True)
class Cells:
    """Goods and bads of one characteristic by attribute and part of the window; ``rows`` are not weighted."""

    rows: Ints
    good: Floats
    bad: Floats
    #: Sums of squared weights.
    good2: Floats
    bad2: Floats

    @classmethod
    def of(cls, codes: AttributeCodes, size: int, sample: Sample) -> Cells:
        """Cells (size, parts) of a column whose rows fall in attributes ``codes``; weights are shares of the total."""
        parts = sample.parts
        key = (codes.astype(np.int64) * parts + sample.window) * 2 + sample.bad
        share = sample.weight / sample.total
        rows = np.bincount(key, minlength=2 * size * parts).reshape(size, parts, 2).sum(axis=2)
        weight, squares = (sums(key, of, 2 * size * parts).reshape(size, parts, 2) for of in (share, share**2))
        return cls(rows, weight[..., 0], weight[..., 1], squares[..., 0], squares[..., 1])

    def without(self, attributes: Flags | Sequence[bool]) -> Cells:
        """The cells as if some attributes had no rows."""
        if not np.any(attributes):
            return self
        stay = ~np.asarray(attributes, dtype=bool)[:, None]
        return Cells(*(of * stay for of in (self.rows, self.good, self.bad, self.good2, self.bad2)))


@dataclass(frozen=True)
class Evidence:
    """Figures per attribute of one characteristic, in the order of its codes.

    Attributes:
        raw: Smoothed WoE.
        variance: Of ``raw``, by design (sums of squared weights).
        contrast: Log-odds ratio of the attribute against all others; ``spread`` is its variance.
        prior: Variance of contrasts in the characteristic.
        drift: Variance of a contrast between parts of the window.
        used: ``raw`` times the share of it that may be expected of a new part.
        state: Whether the attribute came or went.
    """

    raw: Floats
    variance: Floats
    contrast: Floats
    spread: Floats
    prior: float
    drift: float
    used: Floats
    state: tuple[State, ...]


def sums(cells: NDArray[np.integer[Any]], of: Floats, size: int) -> Floats:
    """The sum of values in each of the cells 0 ... size - 1."""
    return np.asarray(np.bincount(cells, of, size), dtype=np.float64)


def pseudo_share(sample: Sample) -> float:
    """The share of goods and of bads that is added to an attribute: half a case of the rarer class."""
    return _PSEUDO_CASES / max(cases(sample), _PSEUDO_CASES)


def cases(sample: Sample) -> float:
    """Effective rows of the rarer class."""
    return min(effective_size(sample.weight[~sample.bad]), effective_size(sample.weight[sample.bad]))


def smoothed_woe(good: Floats, bad: Floats, smoothing: float) -> Floats:
    """``ln((good share + smoothing) / (bad share + smoothing))``; without smoothing a pure bin would be infinite."""
    floor = max(smoothing, 1e-9)
    woe: Floats = np.log((good / good.sum() + floor) / (bad / bad.sum() + floor))
    return woe


def weigh(every: Sequence[Cells], tried: Sequence[Floats], *, smoothing: float, pseudo: float) -> list[Evidence]:
    """The evidence of each characteristic; prior and drift borrow from all of them.

    With contrast ``d`` and variance ``v``, prior ``N(0, t)`` and drift ``D`` between parts, of which the attribute's rows
    have the concentration ``H`` (Herfindahl), the posterior mean for a new part is ``d t / (t + v + D H)``. WoE is a fixed
    multiple of the contrast, about one minus the attribute's share, so it is shrunk by the same factor: the large
    attribute of a flag has a WoE near 0 by construction and says as much on the prior as the small one.

    Args:
        every: Cells of each characteristic.
        tried: Per attribute the number of texts that were put together because their bad rates are alike: each then lies as
            far off by chance as if it stood alone, and so does the group. 1 elsewhere.
        smoothing: Share added to goods and bads for WoE.
        pseudo: Share added for variances, so that those of pure attributes are finite.
    """
    if not every:
        return []
    state = [states(cells.rows) for cells in every]
    every = [cells.without([one == "gone" for one in of]) for cells, of in zip(every, state, strict=True)]
    figures = [_contrasts(cells, smoothing, pseudo) for cells in every]
    drifts = _drift_variances(every, pseudo)
    concentration = [_concentration(cells) for cells in every]
    filled = [cells.rows.sum(axis=1) > 0 for cells in every]
    noise = [spread * m + drift * h for (_, _, _, spread), m, drift, h in zip(figures, tried, drifts, concentration, strict=True)]
    priors = _prior_variances(
        [contrast[f] for (_, _, contrast, _), f in zip(figures, filled, strict=True)],
        [of[f] for of, f in zip(noise, filled, strict=True)],
        [m[f] for m, f in zip(tried, filled, strict=True)],
    )
    used = [raw * f * prior / (prior + of) for (raw, _, _, _), f, prior, of in zip(figures, filled, priors, noise, strict=True)]
    return [
        Evidence(*of_one, float(prior), float(drift), of_new, came_or_went)
        for of_one, prior, drift, of_new, came_or_went in zip(figures, priors, drifts, used, state, strict=True)
    ]


def _contrasts(cells: Cells, smoothing: float, pseudo: float) -> tuple[Floats, Floats, Floats, Floats]:
    """Raw WoE, its variance, contrast against the rest, its variance."""
    good, bad, good2, bad2 = (of.sum(axis=1) for of in (cells.good, cells.bad, cells.good2, cells.bad2))
    raw = smoothed_woe(good, bad, smoothing)
    contrast, spread, variance = np.zeros_like(raw), np.zeros_like(raw), np.zeros_like(raw)
    for part, squares, sign in ((good, good2, 1.0), (bad, bad2, -1.0)):
        total, unit = part.sum(), squares.sum() / part.sum()
        more = max(pseudo, 1e-9) * total
        inside, rest = part + more, total - part + more
        contrast = contrast + sign * np.log(inside / rest)
        own = (squares + more * unit) / inside**2
        spread = spread + own + (squares.sum() - squares + more * unit) / rest**2
        variance = variance + own
    return raw, variance, contrast, spread


def _concentration(cells: Cells) -> Floats:
    """Herfindahl index of each attribute's weight over the parts: 1 where all of it lies in one."""
    weight = cells.good + cells.bad
    total = weight.sum(axis=1, keepdims=True)
    share = weight / np.where(total > 0, total, 1.0)
    return np.asarray((share**2).sum(axis=1), dtype=np.float64)


def _drift_variances(every: Sequence[Cells], pseudo: float) -> Floats:
    """Variance between parts of an attribute's contrast within its part, by moments.

    DerSimonian and Laird (Controlled Clinical Trials 7, 1986), numerators and denominators added over the attributes. Those
    of all characteristics together count as ``_BORROWED_CELLS`` cells beside a characteristic's own. Levels of the parts
    drop out, since an attribute is compared with the rest of the same part.
    """
    above, below, freedom = np.array([_heterogeneity(cells, pseudo) for cells in every]).T
    if not below.any():
        return np.zeros(len(every))
    together = max(0.0, float(above.sum() / below.sum()))
    own = np.where(below > 0, above / np.where(below > 0, below, 1.0), together)
    drifts: Floats = np.maximum(0.0, (freedom * own + _BORROWED_CELLS * together) / (freedom + _BORROWED_CELLS))
    return drifts


def _heterogeneity(cells: Cells, pseudo: float) -> tuple[float, float, float]:
    """What the parts differ by beyond chance, what a variance of 1 between them would make of it, and the free cells."""
    if cells.rows.shape[1] == 1:
        return 0.0, 0.0, 0.0
    contrast, precision = cell_contrasts(cells, pseudo)
    there = (precision > 0).sum(axis=1) > 1
    contrast, precision = contrast[there], precision[there]
    weight, free = precision.sum(axis=1), (precision > 0).sum(axis=1) - 1.0
    mean = (precision * contrast).sum(axis=1) / weight
    spread = (precision * (contrast - mean[:, None]) ** 2).sum(axis=1)
    return float((spread - free).sum()), float((weight - (precision**2).sum(axis=1) / weight).sum()), float(free.sum())


def cell_contrasts(cells: Cells, pseudo: float) -> tuple[Floats, Floats]:
    """Contrast of each cell against the rest of its part, and its precision; 0 where too few cases are to be expected."""
    contrast, spread = np.zeros(cells.good.shape), np.zeros(cells.good.shape)
    weight = cells.good + cells.bad
    expected = np.full(cells.good.shape, np.inf)
    share = weight / np.maximum(weight.sum(axis=0), 1e-300)
    for part, squares, sign in ((cells.good, cells.good2, 1.0), (cells.bad, cells.bad2, -1.0)):
        total, square = part.sum(axis=0), squares.sum(axis=0)
        unit = squares.sum() / part.sum()
        more = np.maximum(pseudo * part.sum(), 1e-12)
        inside, rest = part + more, total - part + more
        contrast = contrast + sign * np.log(inside / rest)
        spread = spread + (squares + more * unit) / inside**2 + (square - squares + more * unit) / rest**2
        size = np.where(square > 0, total**2 / np.where(square > 0, square, 1.0), 0.0)
        expected = np.minimum(expected, np.minimum(share, 1 - share) * size)
    return contrast, np.where(expected >= _CASES_OF_A_CELL, 1 / spread, 0.0)


def _prior_variances(contrast: Sequence[Floats], noise: Sequence[Floats], tried: Sequence[Floats]) -> Floats:
    """Variance of the true contrasts of each characteristic, by moments (Paule and Mandel, J. Res. NBS 87, 1982).

    The solution in ``t`` of ``sum m d² / (t + v) + b t0 / t = sum m + b`` with ``t0`` that of all characteristics together:
    few attributes lean on the others.
    """
    compared = np.array([len(of) > 1 for of in contrast], dtype=bool)
    owner = np.repeat(np.arange(len(contrast)), [len(of) for of in contrast])
    d2, v, m = np.concatenate(list(contrast)) ** 2, np.concatenate(list(noise)), np.concatenate(list(tried))
    of_all = compared[owner]  # a column that is not cut says nothing of the others
    together = _solved(np.zeros(int(of_all.sum()), dtype=np.int64), d2[of_all], v[of_all], m[of_all], 1, 0.0, 0.0)[0]
    return _solved(owner, d2, v, m, len(contrast), _BORROWED, together)


def _solved(owner: Ints, d2: Floats, v: Floats, m: Floats, size: int, borrowed: float, together: float) -> Floats:
    count = np.bincount(owner, m, size) + borrowed
    low, high = np.full(size, np.log(_LEAST)), np.full(size, np.log(_MOST))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        prior = np.exp(middle)
        more = np.bincount(owner, m * d2 / (prior[owner] + v), size) + borrowed * together / prior > count
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    return np.asarray(np.exp((low + high) / 2), dtype=np.float64)


def states(rows: Ints) -> tuple[State, ...]:
    """Which attributes came in the last part of the window, and which went before it.

    One that was away in between and came back (a season) is neither.

    Args:
        rows: (attributes, parts).
    """
    size, parts = rows.shape
    if parts == 1:
        return tuple[State, ...]([""] * size)
    of_part, own = rows.sum(axis=0), rows.sum(axis=1, keepdims=True)
    others = np.maximum(of_part.sum() - of_part, 1)
    expected = (own - rows) * of_part / others
    away = (rows <= _NEARLY_NONE * expected) & (poisson.cdf(rows, expected) < _RARELY)
    early = rows[:, :-1].sum(axis=1)
    since = rows[:, -1] * (of_part.sum() - of_part[-1]) / max(of_part[-1], 1)
    came = (early <= _NEARLY_NONE * since) & (poisson.cdf(early, since) < _RARELY)
    found: list[State] = []
    for attribute in range(size):
        there = np.flatnonzero(~away[attribute])
        back = len(there) > 0 and bool(away[attribute, there[0] : there[-1]].any())
        went = bool(away[attribute, -1]) and not back
        found.append("gone" if went else "new" if came[attribute] else "")
    return tuple(found)


def stability_index(rows: Floats) -> float:
    """PSI between the first and the last part of the window; 0 with one part.

    Args:
        rows: (attributes, parts), weights or counts.
    """
    if rows.shape[1] == 1:
        return 0.0
    filled = rows[rows.sum(axis=1) > 0]
    first, last = ((part / max(part.sum(), 1e-300) + 1e-4) for part in (filled[:, 0], filled[:, -1]))
    return float(((last - first) * np.log(last / first)).sum())


def beyond_chance(cells: Cells, pseudo: float) -> float:
    """``sum of (log-odds - their mean)² / variance`` over the attributes: chi-square where bads are alike everywhere."""
    good, bad, good2, bad2 = (of.sum(axis=1) for of in (cells.good, cells.bad, cells.good2, cells.bad2))
    filled = good + bad > 0
    odds, variance = np.zeros(int(filled.sum())), np.zeros(int(filled.sum()))
    for part, squares, sign in ((good, good2, 1.0), (bad, bad2, -1.0)):
        more, unit = max(pseudo, 1e-9) * part.sum(), squares.sum() / part.sum()
        odds += sign * np.log(part[filled] + more)
        variance += (squares[filled] + more * unit) / (part[filled] + more) ** 2
    mean = (odds / variance).sum() / (1 / variance).sum()
    return float(((odds - mean) ** 2 / variance).sum())
