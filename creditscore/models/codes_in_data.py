"""Values of numbers that look like codes (-9, 96, 99999 ...) though nobody declared them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from creditscore.dataframes import Flags, Floats
from creditscore.models.evidence import sums
from creditscore.models.sample import FeatureColumn, Sample

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


def undeclared_codes(column: FeatureColumn, sample: Sample, *, least_rows: float) -> tuple[float, ...]:
    """The values at either end of a column that stand for something else, rising.

    Such values have rows enough, lie apart (farther from the rest than the rest is wide, or conventional negative numbers
    where no other is negative), and their risk breaks the trend of the rest. Zero is a value, and so is a cap, up to which
    values reach.
    """
    there = ~column.missing
    values, cells = np.unique(column.values[there], return_inverse=True)
    if len(values) <= _LEAST_VALUES:
        return ()
    relative = sample.weight[there] / sample.weight.max()
    total, squares, bads = (sums(cells, of, len(values)) for of in (relative, relative**2, relative * sample.bad[there]))
    low, high = _far_end(values, total, squares, least_rows, top=False), _far_end(values, total, squares, least_rows, top=True)
    rest = ~(low | high)
    found = [
        values[end] for end, top in ((low, False), (high, True)) if end.any() and _breaks(end, rest, total, squares, bads, top)
    ]
    return tuple(np.concatenate(found).tolist()) if found else ()


def _far_end(values: Floats, total: Floats, squares: Floats, least_rows: float, *, top: bool) -> Flags:
    """The fewest values at one end that lie apart from all others."""
    order = np.argsort(-values) if top else np.argsort(values)
    end = np.zeros(len(values), dtype=bool)
    for many in range(1, min(_MOST, len(values) - _LEAST_VALUES) + 1):
        codes, rest = order[:many], order[many:]
        far = abs(values[rest[0]] - values[codes[-1]]) > np.ptp(values[rest])
        usual = not top and values[rest[0]] >= 0 and bool(np.isin(values[codes], _CONVENTIONAL).all())
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
