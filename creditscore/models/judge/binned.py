"""Values of two samples in common bins that the first, the reference, fixes: for stability over time."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from creditscore.errors import DataError
from creditscore.models.card import columns

MISSING, UNSEEN = "missing", "unseen"
Floats = NDArray[np.float64]
Codes = tuple[NDArray[np.intp], NDArray[np.intp]]


@dataclass(frozen=True)
class Binned:
    """Weight of each bin in both samples, as shares times rows (effective rows where weighted)."""

    labels: list[str]
    expected: Floats
    actual: Floats


def binned(
    expected: object, actual: object, *, bins: int, weights: tuple[ArrayLike | None, ArrayLike | None] | None = None
) -> Binned:
    """Both samples in the bins of the first: quantiles with open ends, or categories; missing and unseen apart.

    A value that holds a whole bin's share alone gets a bin of its own: where nine in ten are 0, a
    change from 0 to 1 must not be lost in one bin with it.
    """
    before, after = columns.series_of(expected), columns.series_of(actual)
    if not len(before) or not len(after):
        raise DataError(f"stability: expected rows on both sides (got {len(before)} and {len(after)})")
    first, second = weights or (None, None)
    w_before, w_after = row_weights(first, len(before)), row_weights(second, len(after))
    if columns.is_text(before) or columns.is_text(after):
        labels, codes = _categories(columns.texts(before, "expected"), columns.texts(after, "actual"))
    else:
        labels, codes = _intervals(_finite(before, "expected"), _finite(after, "actual"), w_before, bins)
    return counted(labels, codes, (w_before, w_after))


def counted(labels: list[str], codes: Codes, weights: tuple[Floats, Floats]) -> Binned:
    """Sum weights by bin and scale them to effective rows; bins that neither sample has are left out."""
    sums = [_effective(np.bincount(c, w, len(labels)).astype(np.float64), w) for c, w in zip(codes, weights, strict=True)]
    kept = (sums[0] > 0) | (sums[1] > 0)
    return Binned([label for label, keep in zip(labels, kept, strict=True) if keep], sums[0][kept], sums[1][kept])


def _effective(sums: Floats, weight: Floats) -> Floats:
    return sums * float(weight.sum() / (weight @ weight))


def row_weights(weight: ArrayLike | None, rows: int) -> Floats:
    """One finite weight of 0 or more per row, 1 where none are given, or a DataError."""
    found = np.ones(rows) if weight is None else np.asarray(weight, dtype=np.float64)
    if len(found) != rows or not (np.isfinite(found) & (found >= 0)).all() or not found.sum() > 0:
        raise DataError(f"weights: expected {rows} finite numbers of 0 or more, not all 0")
    return found


def _finite(column: object, name: str) -> Floats:
    found = columns.numbers(column, name).astype(np.float64)
    return np.where(np.isfinite(found), found, np.nan)


def _intervals(before: Floats, after: Floats, weight: Floats, bins: int) -> tuple[list[str], Codes]:
    edges = _edges(before, weight, bins)
    bounds = [-np.inf, *edges, np.inf]
    labels = [f"[{low:.6g}, {high:.6g})" for low, high in pairwise(bounds)]
    codes = [np.where(np.isnan(x), len(labels), np.searchsorted(edges, x, side="right")) for x in (before, after)]
    return [*labels, MISSING], (codes[0], codes[1])


def _edges(values: Floats, weight: Floats, bins: int) -> Floats:
    if bins < 2:
        raise DataError(f"bins: expected 2 or more (got {bins})")
    known = ~np.isnan(values) & (weight > 0)
    if not known.any():
        return np.empty(0)
    distinct, place = np.unique(values[known], return_inverse=True)
    mass = np.bincount(place, weights=weight[known])
    reached = np.cumsum(mass) / mass.sum()
    cuts = distinct[np.searchsorted(reached, np.arange(1, bins) / bins * (1 - 1e-12))]
    heavy = distinct[mass / mass.sum() >= 1 / bins]
    return np.unique(np.concatenate([cuts, heavy, np.nextafter(heavy, np.inf)]))


def _categories(before: pa.Array, after: pa.Array) -> tuple[list[str], Codes]:
    known = sorted(value for value in pc.unique(_plain(before)).to_pylist() if value is not None)
    codes = []
    for array in (_plain(before), _plain(after)):
        place = pc.index_in(array, value_set=pa.array(known, type=pa.large_string())).fill_null(len(known) + 1)
        found = place.to_numpy(zero_copy_only=False).astype(np.intp)
        found[array.is_null().to_numpy(zero_copy_only=False)] = len(known)
        codes.append(found)
    return [*known, MISSING, UNSEEN], (codes[0], codes[1])


def _plain(array: pa.Array) -> pa.Array:
    return array.cast(pa.large_string())
