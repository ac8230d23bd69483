"""Why a score is not higher: points lost against a baseline, the largest first.

The baseline is the mean of those just above the next better cut where the card has it, else the mean
of the population (two methods that Regulation B names, commentary 9(b)(2)-5); a card without either,
such as one of expert points, is compared with the best attribute. A missing value is a reason like any.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from creditscore.errors import DataError
from creditscore.models import scoring
from creditscore.models.card import Baseline, Card

#: A gap of points times this, plus the number of a name, is one whole number; a card has fewer characteristics than this.
KEY = 1000


def baselines(card: Card) -> tuple[tuple[Baseline, ...], Baseline]:
    """The baselines with a cut, cuts rising, and the one for all others."""
    with_cut = sorted((b for b in card.baselines if b.above_score is not None), key=lambda b: b.above_score or 0)
    default = next((b for b in card.baselines if b.above_score is None), None)
    return tuple(with_cut), default or best(card)


def best(card: Card) -> Baseline:
    """The best attribute of each characteristic."""
    return Baseline(name="best", points={one.name: max(a.points for a in one.attributes) for one in card.characteristics})


def codes_of(names: Iterable[str]) -> dict[str, int]:
    """A number from 1 for each name of a characteristic; the alphabetically first name has the largest.

    Of two characteristics that lose equally many points, the one with the larger number comes first among the reasons.
    """
    return {name: number for number, name in enumerate(sorted(names, reverse=True), start=1)}


def differences(card: Card, frame: object) -> pd.DataFrame:
    """Baseline − own points per characteristic; a row sums to the baseline's score − own score."""
    return _differences(card, scoring.points(card, frame))


def reasons(card: Card, frame: object, *, top: int = 4) -> pd.DataFrame:
    """``reason_1`` ... ``reason_<top>``: characteristics that lose points, most first, ties by name.

    One row per row of ``frame``, its index kept; missing (NaN of dtype str) where fewer lose points.
    """
    return reasons_of(card, scoring.points(card, frame), top=top)


def reasons_of(card: Card, own: pd.DataFrame, *, top: int = 4) -> pd.DataFrame:
    """The reasons of a frame of points, one row per row of it.

    Raises:
        DataError: ``top`` is less than 1.
    """
    if top < 1:
        raise DataError("top: expected 1 or more reasons (got {top})", top=top)
    by_name = codes_of(card.features)
    codes = np.array([by_name[name] for name in card.features], dtype=np.int32)
    gaps = np.ascontiguousarray(_differences(card, own).to_numpy().T)
    greatest = np.zeros((top, len(own)), dtype=np.int32)
    for start in range(0, len(own), scoring.BLOCK):
        block = gaps[:, start : start + scoring.BLOCK]
        # The keys of one row differ, but for zeros: the next reason is the greatest key below the last.
        keys = np.where(block > 0, block * np.int32(KEY) + codes[:, None], 0)
        for row in greatest[: len(keys), start : start + scoring.BLOCK]:
            np.max(keys, axis=0, out=row)
            keys[keys == row] = 0
    names = pd.array([None, *sorted(card.features, reverse=True)], dtype="str")
    return pd.DataFrame({f"reason_{rank}": names.take(row % KEY) for rank, row in enumerate(greatest, start=1)}, index=own.index)


def improvements(card: Card, frame: object) -> pd.DataFrame:
    """Points that each characteristic could still add: best attribute − own, never below 0."""
    highest = best(card).points
    return pd.Series(highest, dtype=np.int32)[list(card.features)] - scoring.points(card, frame)


def _differences(card: Card, own: pd.DataFrame) -> pd.DataFrame:
    with_cut, default = baselines(card)
    cuts = np.array([baseline.above_score for baseline in with_cut], dtype=np.int64)
    score = own.to_numpy().sum(axis=1) + card.constant
    # The smallest cut that is above the own score; beyond the last cut the default.
    chosen: NDArray[np.intp] = np.searchsorted(cuts, score, side="right")
    table = np.array([[b.points[name] for name in card.features] for b in (*with_cut, default)], dtype=np.int32)
    table = table.reshape(len(with_cut) + 1, len(card.features))
    return pd.DataFrame(table[chosen] - own.to_numpy(), index=own.index, columns=own.columns)
