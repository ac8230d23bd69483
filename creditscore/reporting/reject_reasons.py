"""Why a cell is refused, said to its sender: in the sender's own names of columns, with what is expected there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import pyarrow as pa

from creditscore.config.column_rules import Cases, ColumnRule, Compare, Map, ParseDate
from creditscore.config.sources import Limits, SourceSpec
from creditscore.language import Message, Text, _
from creditscore.records.columns.listed_words import listed_in
from creditscore.records.columns.sent_cells import BETWEEN_COLUMNS, columns_read, sent_columns
from creditscore.records.fault_words import code_text
from creditscore.records.tables import TABLES, StandardTable

#: Agreed words, and rows, that a reason lists; the day that shows how days are written; ends of ranges that are told.
_LISTED, _EXAMPLE, _TOLD = 12, dt.date(2024, 1, 31), 1_000_000
#: Below this a smallest value stands for "above 0".
_TINY = 1e-300
#: What to do about a code, by what is wrong with it. A wrong check character seldom means that the last sign is the wrong one.
_CODE_TO_DO = {
    **dict.fromkeys(
        ("ID_CHECK_DIGIT", "ID_ORGANISATION_DIGIT"),
        _(
            "one or several of the 18 signs are wrong, or two neighbours are swapped: compare it sign by sign with the business "
            "licence, and do not just change the last sign"
        ),
    ),
    **dict.fromkeys(("ID_OLD_NUMBER", "ID_MISSING"), _("write the 18-digit unified social credit code of the business licence")),
    "ID_SPREADSHEET": _("make the column one of texts first, then write the 18 digits of the business licence again"),
    **dict.fromkeys(
        ("ID_LENGTH", "ID_ALPHABET", "ID_AUTHORITY", "ID_CATEGORY", "ID_REGION"),
        _("compare it sign by sign with the business licence: 18 digits and capital letters, without I, O, S, V and Z"),
    ),
    "ID_RESIDENT_NUMBER": _("write the unified social credit code of the business licence, never the number of a person"),
}
#: Of a row that is no record at all: whatever else is wrong in it, it has to go.
NO_RECORD = _("this looks like a total, a signature or a note: delete this row")


def reason_of(
    source: SourceSpec, code: str, column: str,
    *, cell: str = "", alike: Sequence[int] = (), id_fault: str | None = None, limits: Limits | None = None,
    listed: Mapping[str, Sequence[str]] | None = None,
) -> Text:  # fmt: skip
    """The reason of a fault, with what is expected in its cell where that is known.

    Args:
        source: The source that the row came in.
        code: The code of the fault, with its standard column.
        column: The sender's column.
        cell: The text of the cell as sent.
        alike: The rows that have the same key, where they disagree.
        id_fault: Of a code that the register does not know: what is wrong with the code itself, if anything is.
        limits: The project's limits.
        listed: By standard column, the words that features and policies of the project name.
    """
    name, _mark, standard = code.partition(":")
    rules = [one for one in source.column if column in columns_read(one)]
    rule, said = next((one for one in rules if one.to == standard), next(iter(rules), None)), code_text(name)
    words = _agreed_words(rule, column) or (listed or {}).get(standard) or TABLES[source.table].values.get(standard, ())
    if name in ("MISSING", "OFF_CATALOGUE", "NOT_LISTED") and words and cell and cell not in words:
        return _not_agreed(words)
    if name == "UNKNOWN_SUBJECT" and id_fault is not None:
        name, said = id_fault, code_text(id_fault)
    elif name == "MISSING" and standard == "subject_id":
        name = "ID_MISSING"
    if name == "TOO_LONG":
        most = limits or Limits()
        letters = min(most.name_letters, most.cell_letters) if standard == "name" else most.cell_letters
        return _("too long: at most {letters:,} characters", letters=letters)
    expected = _CODE_TO_DO.get(name) or _expected(source, name, standard, rule, alike)
    return said if expected is None else _("{reason} ({expected})", reason=said, expected=expected)


def _agreed_words(rule: ColumnRule | None, column: str) -> tuple[str, ...]:
    """The words that a rule takes in a column of its sender."""
    if isinstance(rule, Map):
        return tuple(rule.values)
    return tuple(word for word in listed_in(rule).get(column, ()) if word) if isinstance(rule, Compare | Cases) else ()


def _not_agreed(words: Sequence[str]) -> Text:
    """The agreed words, and what to do where the true one is none of them."""
    more = len(words) - _LISTED
    listed: Text = Message("{words}", {"words": tuple(words[:_LISTED])})
    if more > 0:
        listed = _("{words} and {more} more", words=listed, more=more)
    return _(
        "not one of the agreed words ({words}). Where none of them is true, do not force one: ask whom the first sheet names",
        words=listed,
    )


def _expected(source: SourceSpec, name: str, standard: str, rule: ColumnRule | None, alike: Sequence[int]) -> Text | None:
    table = TABLES[source.table]
    if name == "UNKNOWN_SUBJECT":
        return _("look at the code; if it is right, leave this row as it is: it counts once its entry in the register is mended")
    if name == "UNKNOWN_EVENT":
        return _("compare it with the number under which the record itself was sent; ask its sender where it was never sent")
    if name == "BAD_DATE":
        forms = rule.formats if isinstance(rule, ParseDate) else ("%Y-%m-%d",)
        examples = tuple(dict.fromkeys(_EXAMPLE.strftime(form) for form in forms if form != "excel"))
        return _("a day that the calendar has, written like {examples}", examples=examples) if examples else None
    if name in ("BAD_VALUE", "NOT_A_NUMBER"):
        return _number_expected(table, standard)
    if name == "OUT_OF_RANGE":
        return _range_expected(table, standard)
    if name == "DATE_ORDER":
        if source.table == "changes":
            return _("not before the day of the record that it changes; look at that day and at the number of the record")
        before = [first for first, later in table.day_pairs if later == standard]
        names = [BETWEEN_COLUMNS.join(sent_columns(source, first)) for first in before]
        return _("not before {columns}; look at both days", columns=tuple(names)) if names else None
    if name == "CONTRADICTION":
        both = tuple(BETWEEN_COLUMNS.join(sent_columns(source, one)) for one in ("status", standard))
        return _("mend one of {columns}: a subject that has left has a status that says so", columns=both)
    if name == "DATE_AHEAD":
        return _("an earlier delivery had it with a day that has come; look at the days of this row")
    if name == "DUP_CONFLICT":
        return _conflict_expected(alike)
    if name in ("RAGGED_LINE", "BAD_QUOTE", "OPEN_QUOTE") and source.format == "csv":
        quoted = f'"A{source.delimiter}B"'
        return _(
            "a text with {delimiter} in it stands in double quotes, such as {example}; every column is written, also an empty one",
            delimiter=source.delimiter, example=quoted,
        )  # fmt: skip
    return None


def _conflict_expected(alike: Sequence[int]) -> Text:
    """What to do about rows of one key that disagree, with their places."""
    if len(alike) < 2:
        return _("another file has the same number: look which of the two is right, or ask whom the first sheet names")
    return _("rows {rows}: keep the right one and delete the others", rows=tuple(str(row) for row in alike[:_LISTED]))


def _range_expected(table: StandardTable, column: str) -> Text | None:
    """The range of a column, where it has one."""
    if column not in table.ranges:
        return None
    low, high = table.ranges[column]
    if 0 < low < _TINY:
        return _("above 0 and not above {high:g}", high=high)
    return _("from {low:g} to {high:g}", low=low, high=high) if high <= _TOLD else _("not below {low:g}", low=low)


def _number_expected(table: StandardTable, column: str) -> Text | None:
    """How a number of a column is written, and its range; nothing where the column holds no numbers."""
    kind = table.columns.get(column, pa.null())
    if pa.types.is_integer(kind) and column in table.ranges and table.ranges[column][1] <= _TOLD:
        low, high = table.ranges[column]
        return _("a whole number from {low:g} to {high:g} is expected, such as {example}", low=low, high=high, example="3")
    examples = ((pa.types.is_integer, "3"), (pa.types.is_decimal, "12000.50"), (pa.types.is_floating, "0.05"))
    example = next((text for holds, text in examples if holds(kind)), None)
    return None if example is None else _("a number is expected, such as {example}", example=example)
