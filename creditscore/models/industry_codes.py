"""The industry of each row as a number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from creditscore.dataframes import Ints
from creditscore.models.sample import as_sequence, industry_code


def codes_of(values: object, rows: int) -> tuple[Ints, list[str]]:
    """The industry of each row as a position in a sorted list of codes; -1 where it is unknown.

    Raises:
        DataError: There is not one value per row.
    """
    column = _column(values, rows)
    if len(column) != rows:
        as_sequence(column, rows, "industry")
    positions, found = pd.factorize(column)
    texts = [industry_code(value) for value in found]
    names = sorted({text for text in texts if text is not None})
    number = {name: position for position, name in enumerate(names)}
    # A missing value has position -1, which takes the last.
    of_value = np.array([*(-1 if text is None else number[text] for text in texts), -1], dtype=np.int64)
    return of_value[positions], names


def _column(values: Any, rows: int) -> pd.Series | NDArray[Any]:
    """One value per row; objects as they are, since a series would first be made of them, at twice the time."""
    if hasattr(values, "to_pandas"):
        values = values.to_pandas()
    if isinstance(values, np.ndarray) and values.ndim == 1:
        return values
    if isinstance(values, pd.Series):
        return values.to_numpy() if values.dtype == object else values
    objects = np.empty(rows, dtype=object)
    objects[:] = as_sequence(values, rows, "industry")
    return objects
