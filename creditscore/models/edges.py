"""Edges of numbers with few digits, for cuts between values."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from creditscore.dataframes import Floats

#: Share of a column's weight that an edge may move across for the sake of fewer digits.
_TOLERANCE = 0.002
_SLACK = 1e-9


def edge_between(low: float, high: float, *, target: float, whole: bool = False) -> float:
    """The number with the fewest decimals in ``(low, high]``, the nearest to ``target`` among these.

    With ``whole`` it is an integer if there is one in the gap.

    >>> edge_between(2.0, 3.0, target=2.5), edge_between(0.1234, 0.1391, target=0.13)
    (3.0, 0.13)
    """
    reach = max(abs(low), abs(high), high - low)
    exponent = math.floor(math.log10(reach)) + 1 if reach > 0 else 0
    for power in range(exponent, exponent - 18, -1):
        if whole and power < 0:
            break
        step = float(f"1e{power}")
        middle, first, last = round(target / step), math.floor(low / step), math.ceil(high / step)
        near = {middle - 1, middle, middle + 1, first, first + 1, last - 1, last}
        inside = [value for value in (float(f"{multiple}e{power}") for multiple in near) if low < value <= high]
        if inside:
            return min(inside, key=lambda value: (abs(value - target), value))
    return high


def readable(values: Floats, weight: Floats, cuts: list[int]) -> tuple[float, ...]:
    """Rising edges with few digits for cuts after each ``values[cut]``.

    Args:
        values: Distinct values, rising.
        weight: Their shares of the weight.
        cuts: Positions after which the search cuts, rising.
    """
    if not cuts:
        return ()
    whole = bool(np.all(values == np.rint(values)))
    targets = (values[cuts] + values[np.array(cuts) + 1]) / 2
    return tuple(
        edge_between(float(values[low]), float(values[high]), target=float(target), whole=whole)
        for (low, high), target in zip(_windows(np.cumsum(weight), cuts), targets, strict=True)
    )


def _windows(reached: Floats, cuts: list[int]) -> list[tuple[int, int]]:
    """First and last value between which the edge of each cut may lie: no two edges can be the same one."""
    allowed = _TOLERANCE * float(reached[-1]) + _SLACK
    low = [min(int(np.searchsorted(reached, reached[cut] - allowed)), cut) for cut in cuts]
    far = [min(int(np.searchsorted(reached, reached[cut] + allowed, side="right")), len(reached) - 1) for cut in cuts]
    high = [max(end, cut + 1) for end, cut in zip(far, cuts, strict=True)]
    for number, (cut, later) in enumerate(pairwise(cuts)):
        if high[number] > low[number + 1]:
            high[number] = low[number + 1] = (cut + 1 + later) // 2
    return list(zip(low, high, strict=True))
