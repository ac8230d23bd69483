"""Why a cell is refused, said to its sender: in the sender's own names of columns, with what is expected there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pyarrow as pa

from creditscore.config.sources import ColumnRule, Map, ParseDate, ParseNumber, SourceSpec
from creditscore.language import Text, _
from creditscore.records.findings import code_text
from creditscore.records.sent_cells import BETWEEN_COLUMNS, columns_read, sent_columns
from creditscore.records.tables import TABLES

#: Agreed words, and rows, that a reason lists; the day that shows how days are written; ends of ranges that are told.
_LISTED, _EXAMPLE, _TOLD = 12, dt.date(2024, 1, 31), 1_000_000


def reason_of(source: SourceSpec, code: str, column: str, *, is_empty: bool, alike: Sequence[int] = ()) -> Text:
    """The reason of a fault, with what is expected in its cell where that is known.

    Args:
        source: The source that the row came in.
        code: The code of the fault, with its standard column.
        column: The sender's column.
        is_empty: Whether the cell has no value.
        alike: The rows that have the same key, where they disagree.
    """
    name, _mark, standard = code.partition(":")
    rule, said = next((one for one in source.column if column in columns_read(one)), None), code_text(name)
    if name == "MISSING" and isinstance(rule, Map) and not is_empty:
        return _("not one of the agreed words ({words})", words=tuple(rule.values)[:_LISTED])
    expected = _expected(source, name, standard, rule, alike)
    return said if expected is None else _("{reason} ({expected})", reason=said, expected=expected)


def _expected(source: SourceSpec, name: str, standard: str, rule: ColumnRule | None, alike: Sequence[int]) -> Text | None:
    table = TABLES[source.table]
    if name == "BAD_DATE" and isinstance(rule, ParseDate):
        forms = tuple(dict.fromkeys(_EXAMPLE.strftime(form) for form in rule.formats if form != "excel"))
        return _("write it like {examples}", examples=forms) if forms else None
    if name == "BAD_VALUE" and isinstance(rule, ParseNumber):
        is_whole = pa.types.is_integer(table.columns.get(standard, pa.null()))
        return _("a number is expected, such as {example}", example="3" if is_whole else "12000.50")
    if name == "OUT_OF_RANGE" and standard in table.ranges:
        low, high = table.ranges[standard]
        return _("from {low:g} to {high:g}", low=low, high=high) if high <= _TOLD else _("not below {low:g}", low=low)
    if name == "DATE_ORDER":
        before = [first for first, later in table.day_pairs if later == standard]
        names = [BETWEEN_COLUMNS.join(sent_columns(source, first)) for first in before]
        return _("not before {columns}", columns=tuple(names)) if names else None
    if name == "DUP_CONFLICT" and len(alike) > 1:
        return _("rows {rows}", rows=tuple(str(row) for row in alike[:_LISTED]))
    return None
