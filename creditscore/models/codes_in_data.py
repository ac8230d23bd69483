"""Values of numbers that look like codes (-9, 96, 99999 ...) though nobody declared them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from creditscore.dataframes import Flags, Floats

#: Negative numbers that stand for "no answer" by convention, in columns that have no other ones.
_CONVENTIONAL = -np.array([1.0, 6, 7, 8, 9, 66, 77, 88, 96, 97, 98, 99, 996, 997, 998, 999, 9996, 9997, 9998, 9999, 99999])
#: Most codes at one end of a column.
_MOST = 4
#: Share of the weight next to a code that its risk is compared with.
_NEIGHBOURS = 0.1
#: Standard errors by which the risk of a code must break the trend of the rest.
_BREAKS = 3.5
#: With fewer other values a column is a scale, not a measurement with codes.
_LEAST_VALUES = 3


def undeclared_codes(values: Floats, total: Floats, squares: Floats, bads: Floats, *, least_rows: float) -> Flags:
    """Which values at either end of a column stand for something else.

    Such values have rows enough, lie apart (farther from the rest than the rest is wide, or conventional negative numbers
    where no other is negative), and their risk breaks the trend of the rest. Zero is a value, and so is a cap, up to which
    values reach.

    Args:
        values: Distinct values, rising.
        total: Sum of the weights of each.
        squares: Sum of squared weights.
        bads: Sum of the weights of bads.
        least_rows: Effective rows that a code has.
    """
    codes = np.zeros(len(values), dtype=bool)
    if len(values) <= _LEAST_VALUES:
        return codes
    low, high = _far_end(values, total, squares, least_rows, top=False), _far_end(values, total, squares, least_rows, top=True)
    rest = ~(low | high)
    for end, top in ((low, False), (high, True)):
        codes |= end & (end.any() and _breaks(end, rest, total, squares, bads, top))
    return codes


def _far_end(values: Floats, total: Floats, squares: Floats, least_rows: float, *, top: bool) -> Flags:
    """The fewest values at one end that lie apart from all others."""
    end, size = np.zeros(len(values), dtype=bool), len(values)
    for many in range(1, min(_MOST, size - _LEAST_VALUES) + 1):
        codes, rest = (slice(size - many, size), slice(0, size - many)) if top else (slice(0, many), slice(many, size))
        gap = values[size - many] - values[size - many - 1] if top else values[many] - values[many - 1]
        far = gap > values[rest][-1] - values[rest][0]
        usual = not top and values[many] >= 0 and bool(np.isin(values[codes], _CONVENTIONAL).all())
        enough = total[codes].sum() ** 2 >= least_rows * squares[codes].sum()
        if (far or usual) and enough and not (values[codes] == 0).any():
            end[codes] = True
            return end
    return end


def _breaks(end: Flags, rest: Flags, total: Floats, squares: Floats, bads: Floats, top: bool) -> bool:
    """Whether the values at an end are safer (or riskier) than those next to them against the trend of the rest."""
    goods = total - bads
    inside = np.flatnonzero(rest)
    before = np.cumsum(goods[inside]) - goods[inside] / 2
    rising = (bads[inside] * before).sum() >= bads[inside].sum() * goods[inside].sum() / 2
    nearest = inside[::-1] if top else inside
    reached = np.cumsum(total[nearest]) - total[nearest]
    near = nearest[reached < _NEIGHBOURS * total[inside].sum()]
    (rate, noise), (usual, usual_noise) = (_rate(cells, total, squares, bads) for cells in (np.flatnonzero(end), near))
    against = (usual - rate) if rising == top else (rate - usual)
    return bool(against > _BREAKS * np.sqrt(noise + usual_noise))


def _rate(cells: NDArray[np.intp], total: Floats, squares: Floats, bads: Floats) -> tuple[float, float]:
    """Bad rate of some cells together and its variance."""
    weight = float(total[cells].sum())
    size = weight**2 / float(squares[cells].sum())
    rate = (float(bads[cells].sum()) / weight * size + 0.5) / (size + 1)
    return rate, rate * (1 - rate) / size
