"""Random integers that are the same on every machine.

Only the raw output of PCG64 is used: NumPy promises that stream for ever, while the algorithms
behind ``normal``, ``poisson`` or ``choice`` may change. Everything above it is integer arithmetic and
tables rounded far above the last bit of a float, so no mathematical library can tip a decision.
Log-odds are integers in thousandths throughout.
"""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from creditscore.dataframes import Flags, Ints

#: Slices of the normal distribution, and the log-odds (thousandths) beyond which a chance no longer changes.
_QUANTILES = 4096
_REACH = 16_000


@cache
def normal_table() -> Ints:
    """The standard normal at the middle of 4096 equal slices, in thousandths."""
    inverse = NormalDist().inv_cdf
    return np.array([round(1000 * inverse((k + 0.5) / _QUANTILES)) for k in range(_QUANTILES)], dtype=np.int64)


@cache
def logistic_table() -> NDArray[np.uint32]:
    """Chance of log-odds ``-16000..16000`` thousandths, as a bound for 32 random bits (24 of them count)."""
    units = (1 / (1 + math.exp(-x / 1000)) for x in range(-_REACH, _REACH + 1))
    return np.array([min(round(p * 2**24), 2**24 - 1) << 8 for p in units], dtype=np.uint32)


@cache
def exponential_table() -> Ints:
    """``exp`` of 0 to 20 in thousandths, rounded to whole numbers."""
    return np.array([round(math.exp(x / 1000)) for x in range(20_001)], dtype=np.int64)


def bounds(log_odds: NDArray[Any]) -> NDArray[np.uint32]:
    """Log-odds in thousandths as bounds for :meth:`Bits.hits`."""
    chances: NDArray[np.uint32] = logistic_table()[np.clip(log_odds, -_REACH, _REACH) + _REACH]
    return chances


def ppm_of_log_odds(log_odds: NDArray[Any]) -> NDArray[np.int32]:
    """Log-odds in thousandths as millionths of probability."""
    return (bounds(log_odds).astype(np.int64) * 1_000_000 >> 32).astype(np.int32)


def milli(value: float) -> int:
    """A parameter in thousandths."""
    return round(value * 1000)


class Bits:
    """One stream, named by the seed, a mechanism and numbers (a chunk, a quarter).

    Switching one mechanism off leaves every other stream as it was.
    """

    def __init__(self, seed: int, mechanism: str, *numbers: int) -> None:
        self._raw = np.random.PCG64(np.random.SeedSequence([seed, crc32(mechanism.encode()), *numbers]))

    def words(self, count: int) -> NDArray[np.uint64]:
        """64 random bits each."""
        return np.asarray(self._raw.random_raw(count), dtype=np.uint64)

    def halves(self, count: int) -> NDArray[np.uint32]:
        """32 random bits each; the same order on machines of either byte order."""
        words = self.words((count + 1) // 2).astype("<u8")
        return words.view("<u4")[:count].astype(np.uint32, copy=False)

    def below(self, limit: int | NDArray[Any], count: int) -> Ints:
        """Integers in ``[0, limit)``; ``limit`` may be one number per integer."""
        numbers: Ints = (self.halves(count).astype(np.int64) * limit) >> 32
        return numbers

    def normal(self, count: int) -> Ints:
        """Standard normal, in thousandths."""
        numbers: Ints = normal_table()[self.halves(count) >> np.uint32(20)]
        return numbers

    def hits(self, chance: NDArray[np.uint32] | float, shape: tuple[int, ...]) -> Flags:
        """True with a chance: bounds (see :func:`bounds`) of the same shape, or one share for all."""
        count = math.prod(shape)
        if isinstance(chance, float):
            return (self.halves(count).astype(np.int64) < round(chance * 2**32)).reshape(shape)
        return self.halves(count).reshape(shape) < chance

    def pick(self, table: tuple[int, ...], count: int) -> Ints:
        """Entries of a table, each equally often."""
        return np.array(table, dtype=np.int64)[self.below(len(table), count)]
