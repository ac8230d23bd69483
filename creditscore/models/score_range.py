"""The least sum of points that a subject can have where some points depend on two characteristics together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from creditscore.models.characteristic import Characteristic

#: Combinations of attributes that are looked at in one step; the crosses of a fit need far fewer.
_MOST = 4_000_000

#: A sum that depends on the positions of some characteristics: an axis for each.
_Factor = tuple[tuple[str, ...], NDArray[np.int64]]


def least_points(characteristics: Sequence[Characteristic], *, sign: int = 1) -> int:
    """The least sum of the points of some characteristics and of the crosses of them, each times a sign; see :func:`least_sum`.

    Args:
        characteristics: With both sides of each cross.
        sign: -1: the result is minus the greatest sum.
    """
    crosses = [one for one in characteristics if one.kind == "cross"]
    crossed = {name for one in crosses for name in one.features}
    own = {one.name: [sign * a.points for a in one.attributes] for one in characteristics if one.kind != "cross"}
    sizes = {name: len(points) for name, points in own.items()}
    alone = sum(min(points) for name, points in own.items() if name not in crossed)
    sides = {name: points for name, points in own.items() if name in crossed}
    return alone + least_sum(sides, [(one.features, sign * _grid(one, sizes)) for one in crosses])


def _grid(cross: Characteristic, sizes: Mapping[str, int]) -> NDArray[np.int64]:
    """Points of a cross by the attributes of its first and its second characteristic."""
    grid = np.zeros([sizes[name] for name in cross.features], dtype=np.int64)
    for cell in cross.attributes:
        if cell.sides is not None:
            grid[np.ix_(*(np.array(side, dtype=np.intp) for side in cell.sides))] = cell.points
    return grid


def least_sum(points: Mapping[str, Sequence[int]], together: Iterable[tuple[tuple[str, ...], NDArray[np.int64]]]) -> int:
    """The least sum of points over all choices of one attribute per characteristic.

    One characteristic after the other is minimised out of the sums that it has a part in (nonserial dynamic programming, Bertelè
    and Brioschi 1972): exact, and quick where each characteristic is in few crosses. Where a step would look at more than four
    million combinations, its sums are minimised apart, which gives a lower bound.

    Args:
        points: By characteristic, of each of its attributes.
        together: Names of two characteristics, and the points of each pair of their attributes; a pair may come several times.
    """
    factors: list[_Factor] = [((name,), np.asarray(own, dtype=np.int64)) for name, own in points.items()]
    factors += [(pair, np.asarray(own, dtype=np.int64)) for pair, own in together]
    sizes, total = {name: len(own) for name, own in points.items()}, 0
    while factors:
        name = min(sizes, key=lambda each: (_combinations(_of(each, factors), sizes), each))
        mine = _of(name, factors)
        factors = [factor for factor in factors if name not in factor[0]]
        parts = [mine] if _combinations(mine, sizes) <= _MOST else [[factor] for factor in mine]
        for names, least in (_without(name, part) for part in parts):
            if names:
                factors.append((names, least))
            else:
                total += int(least)
        del sizes[name]
    return total


def _of(name: str, factors: Iterable[_Factor]) -> list[_Factor]:
    return [factor for factor in factors if name in factor[0]]


def _combinations(factors: Iterable[_Factor], sizes: Mapping[str, int]) -> int:
    """Number of combinations of the attributes that some sums depend on."""
    size = 1
    for name in {name for names, _ in factors for name in names}:
        size *= sizes[name]
    return size


def _without(name: str, factors: Sequence[_Factor]) -> _Factor:
    """The least sum of some sums over the attributes of one characteristic."""
    others = tuple(sorted({each for names, _ in factors for each in names} - {name}))
    axes = (*others, name)
    whole = np.zeros((1,) * len(axes), dtype=np.int64)
    for names, own in factors:
        order = sorted(range(len(names)), key=lambda axis: axes.index(names[axis]))
        shape = [own.shape[names.index(each)] if each in names else 1 for each in axes]
        whole = whole + own.transpose(order).reshape(shape)
    return others, whole.min(axis=-1)
