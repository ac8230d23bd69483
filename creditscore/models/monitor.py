"""Has the population changed: stability of values, of a card's attributes, and what that does to points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2

from creditscore import dataframes
from creditscore.dataframes import Floats
from creditscore.errors import DataError
from creditscore.models import scoring

if TYPE_CHECKING:
    from creditscore.models.card import Card
    from creditscore.models.characteristic import Characteristic

_MISSING, _UNSEEN = "missing", "unseen"
_BinCodes = tuple[NDArray[np.intp], NDArray[np.intp]]


Weights = tuple[ArrayLike | None, ArrayLike | None] | None
#: Added to the rows of every bin on both sides, so that an empty bin is finite and the answer hardly depends on it.
_SMOOTHING = 0.5


def psi(expected: object, actual: object, *, weights: Weights = None, bins: int = 10) -> float:
    """Population stability index Σ (a − e) · ln(a / e) over bins that ``expected``, the reference, fixes.

    Numbers: its quantiles (tenths by default) with open ends; texts: its categories. Missing and
    unseen are bins. Half a row is added to each bin on both sides. 0 for a sample and itself.
    ``weights``: of the rows of ``expected`` and of ``actual``; either may be None.

    Raises:
        DataError: A side is empty, one holds texts and the other numbers, or weights are not
            one finite number of 0 or more per row.
    """
    return float(_terms(_binned(expected, actual, bins=bins, weights=weights)).sum())


def psi_table(expected: object, actual: object, *, weights: Weights = None, bins: int = 10) -> pd.DataFrame:
    """One row per bin and a row ``Total``: rows (effective ones where weighted), shares and terms of the PSI.

    ``Critical`` of the total is what 5 % of samples of these sizes exceed without any change,
    χ²(bins − 1; 0.95) · (1/N + 1/M) (Yurdakul 2018); with millions of rows look at the size instead.
    """
    pair = _binned(expected, actual, bins=bins, weights=weights)
    e, a, terms = pair.expected, pair.actual, _terms(pair)
    table = pd.DataFrame(
        {
            "Bin": [*pair.labels, "Total"],
            "Count A": [*a, a.sum()],
            "Count E": [*e, e.sum()],
            "Count A (%)": [*(a / a.sum()), 1.0],
            "Count E (%)": [*(e / e.sum()), 1.0],
            "PSI": [*terms, terms.sum()],
            "Critical": [*[float("nan")] * len(e), critical_value(len(e), e.sum(), a.sum())],
        }
    )
    return table.astype({"Bin": "str"})


def characteristic_stability(card: Card, expected: object, actual: object, *, weights: Weights = None) -> pd.DataFrame:
    """How the samples differ: one row per characteristic, in the card's order, with the card's attributes as bins.

    ``psi`` and ``critical``; ``points_shift`` = Σ (a − e) · points, what the score of the average
    subject gained by it; shares of Missing and Other on both sides; medians, for a change of unit.
    """
    before, after = (dataframes.native_table(frame) for frame in (expected, actual))
    first, second = (scoring.positions(card, table) for table in (before, after))
    of_before, of_after = weights or (None, None)
    both = (_row_weights(of_before, len(first)), _row_weights(of_after, len(second)))
    rows = []
    for one in card.characteristics:
        codes = (first[one.name].to_numpy().astype(np.intp), second[one.name].to_numpy().astype(np.intp))
        medians = [_median(one, table) for table in (before, after)]
        sums = [
            np.bincount(code, rows_of, len(one.attributes)).astype(np.float64) for code, rows_of in zip(codes, both, strict=True)
        ]
        effective: list[Floats] = [side * _effective(weight) for side, weight in zip(sums, both, strict=True)]
        figures = _shift(one, (sums[0], sums[1]), (effective[0], effective[1]))
        rows.append({**figures, "median_expected": medians[0], "median_actual": medians[1]})
    return pd.DataFrame(rows, index=pd.Index(card.features, name="variable", dtype="str"))


@dataclass(frozen=True)
class Counts:
    """How many rows have each value of a number, as an engine counts them; the values in any order, each once."""

    values: Sequence[float]
    rows: Sequence[int]

    @property
    def mean(self) -> float:
        """The mean over the rows."""
        return float(np.dot(np.asarray(self.values), np.asarray(self.rows)) / sum(self.rows))


def psi_of_counts(expected: Counts, actual: Counts, *, bins: int = 10) -> tuple[float, float]:
    """:func:`psi` of a number, and what chance alone exceeds in 5 % of cases, from counts: no row is needed.

    Raises:
        DataError: A side is empty.
    """
    _refuse_empty(sum(expected.rows), sum(actual.rows))
    before, after = (np.asarray(one.values, dtype=np.float64) for one in (expected, actual))
    weights = [np.asarray(one.rows, dtype=np.float64) for one in (expected, actual)]
    labels, codes = _intervals(before, after, weights[0], bins)
    sums = [np.bincount(code, rows, len(labels)).astype(np.float64) for code, rows in zip(codes, weights, strict=True)]
    pair = _kept(labels, sums[0], sums[1])
    return float(_terms(pair).sum()), critical_value(len(pair.labels), pair.expected.sum(), pair.actual.sum())


def stability_of_counts(card: Card, expected: Mapping[str, Sequence[int]], actual: Mapping[str, Sequence[int]]) -> pd.DataFrame:
    """What :func:`characteristic_stability` says but for the medians, from how many rows are in each attribute.

    Args:
        card: The card.
        expected: By characteristic the rows in each of its attributes, in their order.
        actual: The same.
    """
    both = ({name: np.asarray(rows, dtype=np.float64) for name, rows in side.items()} for side in (expected, actual))
    before, after = both
    rows = [_shift(one, (before[one.name], after[one.name]), (before[one.name], after[one.name])) for one in card.characteristics]
    return pd.DataFrame(rows, index=pd.Index(card.features, name="variable", dtype="str"))


def critical_value(bins: int, expected: float, actual: float) -> float:
    """The PSI that 5 % of pairs of samples of these (effective) sizes exceed without any change."""
    return float(chi2.ppf(0.95, bins - 1)) * (1 / expected + 1 / actual) if bins > 1 else 0.0


@dataclass(frozen=True)
class _Binned:
    """Weight of each bin in both samples, as shares times rows (effective rows where weighted)."""

    labels: list[str]
    expected: Floats
    actual: Floats


def _binned(
    expected: object, actual: object, *, bins: int, weights: tuple[ArrayLike | None, ArrayLike | None] | None = None
) -> _Binned:
    """Both samples in the bins of the first: quantiles with open ends, or categories; missing and unseen apart.

    A value that holds a whole bin's share alone gets a bin of its own: where nine in ten are 0, a
    change from 0 to 1 must not be lost in one bin with it.
    """
    before, after = dataframes.as_column(expected), dataframes.as_column(actual)
    _refuse_empty(len(before), len(after))
    first, second = weights or (None, None)
    w_before, w_after = _row_weights(first, len(before)), _row_weights(second, len(after))
    if dataframes.is_text(before) or dataframes.is_text(after):
        labels, codes = _categories(dataframes.arrow_texts(before, "expected"), dataframes.arrow_texts(after, "actual"))
    else:
        labels, codes = _intervals(_finite(before, "expected"), _finite(after, "actual"), w_before, bins)
    return _counted(labels, codes, (w_before, w_after))


def _refuse_empty(before: int, after: int) -> None:
    if not before or not after:
        raise DataError("stability: expected rows on both sides (got {before} and {after})", before=before, after=after)


def _counted(labels: list[str], codes: _BinCodes, weights: tuple[Floats, Floats]) -> _Binned:
    """Sum weights by bin and scale them to effective rows; bins that neither sample has are left out."""
    sums: list[Floats] = [
        np.bincount(c, w, len(labels)).astype(np.float64) * _effective(w) for c, w in zip(codes, weights, strict=True)
    ]
    return _kept(labels, sums[0], sums[1])


def _effective(weights: Floats) -> float:
    """What makes a sum of weights one of effective rows."""
    return float(weights.sum() / (weights @ weights))


def _kept(labels: list[str], expected: Floats, actual: Floats) -> _Binned:
    """The bins that either sample has."""
    kept = (expected > 0) | (actual > 0)
    return _Binned([label for label, keep in zip(labels, kept, strict=True) if keep], expected[kept], actual[kept])


def _row_weights(weight: ArrayLike | None, rows: int) -> Floats:
    """One finite weight of 0 or more per row, 1 for None, or a DataError."""
    weights = np.ones(rows) if weight is None else np.asarray(weight, dtype=np.float64)
    if len(weights) != rows or not (np.isfinite(weights) & (weights >= 0)).all() or not weights.sum() > 0:
        raise DataError("weights: expected {rows} finite numbers of 0 or more, not all 0", rows=rows)
    return weights


def _finite(column: object, name: str) -> Floats:
    values = dataframes.numbers(column, name).astype(np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _intervals(before: Floats, after: Floats, weight: Floats, bins: int) -> tuple[list[str], _BinCodes]:
    edges = _edges(before, weight, bins)
    bounds = [-np.inf, *edges, np.inf]
    labels = [f"[{low:.6g}, {high:.6g})" for low, high in pairwise(bounds)]
    codes = [np.where(np.isnan(x), len(labels), np.searchsorted(edges, x, side="right")) for x in (before, after)]
    return [*labels, _MISSING], (codes[0], codes[1])


def _edges(values: Floats, weight: Floats, bins: int) -> Floats:
    if bins < 2:
        raise DataError("bins: expected 2 or more (got {bins})", bins=bins)
    known = ~np.isnan(values) & (weight > 0)
    if not known.any():
        return np.empty(0)
    distinct, positions = np.unique(values[known], return_inverse=True)
    mass = np.bincount(positions, weights=weight[known])
    reached = np.cumsum(mass) / mass.sum()
    cuts = distinct[np.searchsorted(reached, np.arange(1, bins) / bins * (1 - 1e-12))]
    heavy = distinct[mass / mass.sum() >= 1 / bins]
    return np.unique(np.concatenate([cuts, heavy, np.nextafter(heavy, np.inf)]))


def _categories(before: pa.Array, after: pa.Array) -> tuple[list[str], _BinCodes]:
    arrays = [array.cast(pa.large_string()) for array in (before, after)]
    known = sorted(value for value in pc.unique(arrays[0]).to_pylist() if value is not None)
    codes = []
    for array in arrays:
        positions = pc.index_in(array, value_set=pa.array(known, type=pa.large_string())).fill_null(len(known) + 1)
        code = positions.to_numpy(zero_copy_only=False).astype(np.intp)
        code[array.is_null().to_numpy(zero_copy_only=False)] = len(known)
        codes.append(code)
    return [*known, _MISSING, _UNSEEN], (codes[0], codes[1])


def _shift(one: Characteristic, sums: tuple[Floats, Floats], effective: tuple[Floats, Floats]) -> dict[str, float]:
    """The figures of a characteristic from the weight of each attribute on both sides, plain and as effective rows."""
    pair = _kept([str(position) for position in range(len(one.attributes))], *effective)
    shares = [side / side.sum() for side in sums]
    points = np.array([attribute.points for attribute in one.attributes])
    figures = {
        "psi": float(_terms(pair).sum()),
        "critical": critical_value(len(pair.labels), pair.expected.sum(), pair.actual.sum()),
        "points_shift": float((shares[1] - shares[0]) @ points),
    }
    for kind in ("missing", "other"):
        chosen = np.array([attribute.kind == kind for attribute in one.attributes])
        figures |= {f"{kind}_expected": float(shares[0][chosen].sum()), f"{kind}_actual": float(shares[1][chosen].sum())}
    return figures


def _median(one: Characteristic, table: pd.DataFrame | pa.Table) -> float:
    if one.kind != "number":
        return float("nan")
    values = dataframes.numbers(dataframes.column_of(table, one.name), one.name).astype(np.float64)
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _terms(pair: _Binned) -> Floats:
    """The terms of the PSI by bin, half a row added to each."""
    e, a = ((rows + _SMOOTHING) / float(rows.sum() + _SMOOTHING * len(rows)) for rows in (pair.expected, pair.actual))
    return (a - e) * np.log(a / e)
