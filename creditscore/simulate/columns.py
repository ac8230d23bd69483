"""Arrow columns out of arrays of integers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from creditscore.simulate.calendar import NEVER


def dates(days: NDArray[Any]) -> pa.Array:
    """date32; NEVER becomes null."""
    return pa.array(days.astype(np.int32), mask=days >= NEVER).cast(pa.date32())


def texts(names: Sequence[str], places: NDArray[Any]) -> pa.Array:
    """The name at each place; a negative place becomes null."""
    index = pa.array(np.maximum(places, 0).astype(np.int32), mask=places < 0)
    return pa.array(list(names), pa.string()).take(index)


def codes(values: NDArray[np.bytes_]) -> pa.Array:
    """ASCII codes as text."""
    return pa.array(values.tolist(), pa.binary()).cast(pa.string())


def integers(values: NDArray[Any]) -> pa.Array:
    """int32; negative values become null."""
    return pa.array(values.astype(np.int32), mask=values < 0)


def truths(values: NDArray[Any]) -> pa.Array:
    """Boolean from 0 and 1; -1 becomes null."""
    return pa.array(values > 0, mask=values < 0)


def money(yuan: NDArray[Any]) -> pa.Array:
    """decimal(18, 2) from whole yuan; -1 becomes null."""
    return pa.array(np.maximum(yuan, 0), mask=yuan < 0).cast(pa.decimal128(20, 0)).cast(pa.decimal128(18, 2))


def numbered(prefix: str | pa.Array, numbers: NDArray[Any], width: int) -> pa.Array:
    """``prefix`` and the number with leading zeros; a negative number becomes null."""
    digits = pc.utf8_lpad(pa.array(numbers.astype(np.int64), mask=numbers < 0).cast(pa.string()), width, "0")
    return pc.binary_join_element_wise(prefix, digits, "")


def full_width(values: pa.Array) -> pa.Array:
    """The same characters in their full-width forms (U+FF01 to U+FF5E)."""
    table = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
    return pa.array([text.translate(table) for text in values.to_pylist()], pa.string())
