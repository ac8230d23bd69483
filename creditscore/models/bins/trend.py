"""The nearest sequence that keeps a trend: weighted pool-adjacent-violators."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def rising(values: Floats, weights: Floats) -> Floats:
    """The non-decreasing sequence nearest to ``values`` in weighted squares.

    Barlow, Bartholomew, Bremner and Brunk, Statistical Inference under Order Restrictions (1972), 1.2.
    Weights are positive.
    """
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        blocks.append((value, weight, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, v, m), (b, w, n) = blocks[-2], blocks[-1]
            blocks[-2:] = [((a * v + b * w) / (v + w), v + w, m + n)]
    return np.repeat([block[0] for block in blocks], [block[2] for block in blocks])


def project(woe: Floats, weights: Floats, trend: str) -> Floats:
    """WoE of intervals (or ordered categories) on the trend: a riskier end has the lower WoE."""
    if trend == "lower_is_riskier":
        return rising(woe, weights)
    if trend == "higher_is_riskier":
        return -rising(-woe, weights)
    return woe
