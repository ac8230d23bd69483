"""Has the population changed: stability of values, of a card's attributes, and what that does to points."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2

from creditscore.models.card import columns, in_memory
from creditscore.models.judge.binned import Binned, Codes, binned, counted, row_weights

if TYPE_CHECKING:
    from creditscore.models.card.attribute import Characteristic
    from creditscore.models.card.data import Card

Weights = tuple[ArrayLike | None, ArrayLike | None] | None
Floats = NDArray[np.float64]
#: Added to the rows of every bin on both sides, so that an empty bin is finite and the answer hardly depends on it.
_SMOOTHING = 0.5


def psi(expected: object, actual: object, *, weights: Weights = None, bins: int = 10) -> float:
    """Population stability index Σ (a − e) · ln(a / e) over bins that ``expected``, the reference, fixes.

    Numbers: its quantiles (tenths by default) with open ends; texts: its categories. Missing and
    unseen are bins. Half a row is added to each bin on both sides. 0 for a sample and itself.
    ``weights``: of the rows of ``expected`` and of ``actual``; either may be None.

    Raises:
        DataError: when a side is empty, one holds texts and the other numbers, or weights are not
            one finite number of 0 or more per row.
    """
    return float(_terms(binned(expected, actual, bins=bins, weights=weights)).sum())


def psi_table(expected: object, actual: object, *, weights: Weights = None, bins: int = 10) -> pd.DataFrame:
    """One row per bin and a row ``Total``: rows (effective ones where weighted), shares and terms of the PSI.

    ``Critical`` of the total is what 5 % of samples of these sizes exceed without any change,
    χ²(bins − 1; 0.95) · (1/N + 1/M) (Yurdakul 2018); with millions of rows look at the size instead.
    """
    return _table(binned(expected, actual, bins=bins, weights=weights))


def characteristic_stability(card: "Card", expected: object, actual: object, *, weights: Weights = None) -> pd.DataFrame:
    """One row per characteristic, in the card's order, with the card's attributes as bins.

    ``psi`` and ``critical``; ``points_shift`` = Σ (a − e) · points, what the score of the average
    subject gained by it; shares of Missing and Other on both sides; medians, for a change of unit.
    """
    before, after = (columns.table_of(frame) for frame in (expected, actual))
    first, second = (in_memory.positions(card, table) for table in (before, after))
    given = weights or (None, None)
    both = (row_weights(given[0], len(first)), row_weights(given[1], len(second)))
    rows = []
    for one in card.characteristics:
        codes = (first[one.name].to_numpy().astype(np.intp), second[one.name].to_numpy().astype(np.intp))
        medians = [_median(one, columns.column_of(table, one.name)) for table in (before, after)]
        rows.append({**_shift(one, codes, both), "median_expected": medians[0], "median_actual": medians[1]})
    return pd.DataFrame(rows, index=pd.Index(card.features, name="variable", dtype="str"))


def critical_value(bins: int, expected: float, actual: float) -> float:
    """The PSI that 5 % of pairs of samples of these (effective) sizes exceed without any change."""
    return float(chi2.ppf(0.95, bins - 1)) * (1 / expected + 1 / actual) if bins > 1 else 0.0


def _shift(one: "Characteristic", codes: Codes, weights: tuple[Floats, Floats]) -> dict[str, float]:
    labels = [str(position) for position in range(len(one.attributes))]
    pair = counted(labels, codes, weights)
    shares = [np.bincount(c, weights=w, minlength=len(labels)) / w.sum() for c, w in zip(codes, weights, strict=True)]
    points = np.array([attribute.points for attribute in one.attributes])
    found = {
        "psi": float(_terms(pair).sum()),
        "critical": critical_value(len(pair.labels), pair.expected.sum(), pair.actual.sum()),
        "points_shift": float((shares[1] - shares[0]) @ points),
    }
    for kind in ("missing", "other"):
        chosen = np.array([attribute.kind == kind for attribute in one.attributes])
        found |= {f"{kind}_expected": float(shares[0][chosen].sum()), f"{kind}_actual": float(shares[1][chosen].sum())}
    return found


def _median(one: "Characteristic", column: object) -> float:
    if one.kind == "text":
        return float("nan")
    values = columns.numbers(column, one.name).astype(np.float64)
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _terms(pair: Binned) -> Floats:
    e, a = (_smoothed(side) for side in (pair.expected, pair.actual))
    return (a - e) * np.log(a / e)


def _smoothed(rows: Floats) -> Floats:
    return (rows + _SMOOTHING) / float(rows.sum() + _SMOOTHING * len(rows))


def _table(pair: Binned) -> pd.DataFrame:
    e, a = pair.expected, pair.actual
    found = pd.DataFrame(
        {
            "Bin": [*pair.labels, "Total"],
            "Count A": [*a, a.sum()],
            "Count E": [*e, e.sum()],
            "Count A (%)": [*(a / a.sum()), 1.0],
            "Count E (%)": [*(e / e.sum()), 1.0],
            "PSI": [*_terms(pair), _terms(pair).sum()],
            "Critical": [*[float("nan")] * len(e), critical_value(len(e), e.sum(), a.sum())],
        }
    )
    return found.astype({"Bin": "str"})
