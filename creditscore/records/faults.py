"""What is wrong with the rows of a piece, and what was put right: kept beside them, never a value among it."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc


class Faults:
    """Faults of the rows of one piece of a source.

    A row's ``code`` is its first fault that quarantines it. In columns that are ``soft`` the value alone is
    refused: it becomes missing, its code goes into ``fields`` (joined by ``;``), the row stays.
    """

    def __init__(self, rows: int, *, soft: tuple[str, ...] = ()) -> None:
        self.rows = rows
        self.soft = frozenset(soft)
        self.code: pa.Array | None = None
        self.field: pa.Array | None = None
        #: How many values were put right, by column and what was done.
        self.normalised: Counter[str] = Counter()
        #: Values that could not be read, and values that there were, by standard column.
        self.unreadable: Counter[str] = Counter()
        self.values: Counter[str] = Counter()
        #: Values that a table of words does not have, by standard column.
        self.unmapped: Counter[str] = Counter()

    def add(self, wrong: pa.Array | pa.ChunkedArray, code: str, column: str = "") -> None:
        """Note ``code`` (with its column) on the rows where ``wrong`` holds."""
        mask = pc.fill_null(whole(wrong), False)
        count = true_count(mask)
        if not count:
            return
        self.unreadable[column] += count
        given = pc.if_else(mask, pa.scalar(f"{code}:{column}" if column else code), pa.scalar(None, pa.string()))
        if column not in self.soft:
            self.code = given if self.code is None else pc.coalesce(self.code, given)
        elif self.field is None:
            self.field = given
        else:
            # One after the other where there are two; the join is missing where one of them is.
            both = pc.binary_join_element_wise(self.field, given, ";")
            self.field = pc.coalesce(both, self.field, given)

    def put_right(self, changed: pa.Array, what: str) -> None:
        """Count values that were repaired."""
        count = true_count(changed)
        if count:
            self.normalised[what] += count

    def codes(self) -> pa.Array:
        """One code or missing per row."""
        return pa.nulls(self.rows, pa.string()) if self.code is None else self.code

    def fields(self) -> pa.Array:
        """The codes of refused values, or missing, per row."""
        return pa.nulls(self.rows, pa.string()) if self.field is None else self.field


def whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One array of a column; the one chunk of a piece as it is."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def true_count(mask: pa.Array) -> int:
    """How many of a mask are true."""
    return int(mask.true_count)
