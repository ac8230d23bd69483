"""Edges people can read: the fewest digits that leave the training rows where the search put them."""

import math

import numpy as np
from numpy.typing import NDArray

#: Share of a column's weight that an edge may move across for the sake of fewer digits.
TOLERANCE = 0.002
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
        found = _nearest_multiple(low, high, target, power)
        if found is not None:
            return found
    return high


def _nearest_multiple(low: float, high: float, target: float, power: int) -> float | None:
    step = float(f"1e{power}")
    middle = round(target / step)
    first, last = math.floor(low / step), math.ceil(high / step)
    near = {middle - 1, middle, middle + 1, first, first + 1, last - 1, last}
    inside = [value for value in (float(f"{multiple}e{power}") for multiple in near) if low < value <= high]
    return min(inside, key=lambda value: (abs(value - target), value)) if inside else None


def readable(values: NDArray[np.float64], weight: NDArray[np.float64], places: list[int]) -> tuple[float, ...]:
    """Rising edges for cuts after ``values[place]``.

    Args:
        values: Distinct values, rising.
        weight: Their shares of the weight.
        places: Positions after which the search cuts, rising.
    """
    whole = bool(np.all(values == np.rint(values)))
    reached = np.cumsum(weight)
    return tuple(_edge(values, reached, place, whole) for place in places)


def _edge(values: NDArray[np.float64], reached: NDArray[np.float64], place: int, whole: bool) -> float:
    allowed = TOLERANCE * float(reached[-1]) + _SLACK
    low = int(np.searchsorted(reached, reached[place] - allowed))
    high = int(np.searchsorted(reached, reached[place] + allowed, side="right"))
    target = (float(values[place]) + float(values[place + 1])) / 2
    low, high = min(low, place), max(min(high, len(values) - 1), place + 1)
    return edge_between(float(values[low]), float(values[high]), target=target, whole=whole)
