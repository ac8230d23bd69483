"""Apply the column rules of a source: what was sent becomes a standard table, typed, and faults are kept.

Only Arrow: the same code for every engine. A value that cannot be read as its column's type becomes
missing and the row carries a fault code; nothing is coerced in silence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from creditscore.config.sources import (
    Case,
    Cases,
    ColumnRule,
    Combine,
    Compare,
    Constant,
    Map,
    ParseDate,
    ParseNumber,
    Rename,
    SourceSpec,
    Split,
    Where,
)
from creditscore.errors import DataError
from creditscore.records.column_dates import days_of
from creditscore.records.column_types import SPREADSHEET_NUMBER, Faults, as_text, clean_text, number_of, parsed_numbers, whole
from creditscore.records.personal import header_words
from creditscore.records.tables import COLUMN_WORDS, StandardTable

_COMPARE: dict[str, Callable[..., Any]] = {
    "==": pc.equal, "!=": pc.not_equal, ">": pc.greater, ">=": pc.greater_equal, "<": pc.less, "<=": pc.less_equal,
}  # fmt: skip


def apply_rules(
    raw: pa.Table, source: SourceSpec, table: StandardTable, *, timezone: str = "Asia/Shanghai"
) -> tuple[pa.Table, Faults]:
    """The standard columns of a piece of a source, and the faults of its rows (aligned with the result).

    Args:
        raw: Rows as the reader gave them (after :func:`rows_where`).
        source: Its rules.
        table: What the rows become.
        timezone: Where moments in time are turned into days.

    Raises:
        DataError: A rule names a column that the file lacks, a required column comes from nowhere, or a column
            holds nested values or bytes that are no text.
    """
    rules = {rule.to: rule for rule in source.column}
    check_columns(raw.column_names, source, table)
    faults = Faults(raw.num_rows, soft=table.soft)
    columns = []
    for name, kind in table.columns.items():
        rule = rules.get(name) or (Rename(to=name, column=name) if name in raw.column_names else None)
        columns.append(_column(raw, rule, kind, name, source, table, faults, timezone))
        faults.values[name] += len(columns[-1]) - columns[-1].null_count + faults.unreadable[name]
    return pa.Table.from_arrays(columns, schema=table.schema), faults


def _column(
    raw: pa.Table, rule: ColumnRule | None, kind: pa.DataType, name: str, source: SourceSpec, table: StandardTable,
    faults: Faults, timezone: str,
) -> pa.Array:  # fmt: skip
    if rule is None:
        constant = source.provider if name == "provider" and source.provider else None
        return pa.repeat(pa.scalar(constant, kind), raw.num_rows) if constant else pa.nulls(raw.num_rows, kind)
    _refuse_lists(raw, rule, kind, name, source)
    try:
        value = whole(_value(raw, rule, faults))
        if pa.types.is_list(value.type) and not pa.types.is_list(kind):
            raise DataError(
                'source "{name}": expected one value for {name_2} (got a list from split: declare its part)',
                name=source.name,
                name_2=name,
            )
        if pa.types.is_date(kind):
            return days_of(value, rule if isinstance(rule, ParseDate) else None, name, table, faults, timezone=timezone)
        typed = _typed(value, kind, name, table, faults)
    except UnicodeDecodeError:
        raise DataError(
            'source "{name}" ({place}): expected {name_2} as text in UTF-8 (got other bytes)',
            name=source.name,
            place=source.place,
            name_2=name,
        ) from None
    if source.format == "excel" and pa.types.is_string(kind) and name != "subject_id":
        # Subjects' ids have a reason of their own for this.
        faults.add(pc.match_substring_regex(typed, SPREADSHEET_NUMBER), "NUMBER_FOR_TEXT", name)
    return typed


def _refuse_lists(raw: pa.Table, rule: ColumnRule, kind: pa.DataType, name: str, source: SourceSpec) -> None:
    """Lists, structures and maps are no values, but for lists of people."""
    for column in columns_read(rule):
        given = raw.schema.field(column).type
        if pa.types.is_nested(given) and not (pa.types.is_list(kind) and pa.types.is_list(given)):
            raise DataError(
                'source "{name}" ({place}): expected plain values for {name_2} (got nested ones in {column})',
                name=source.name,
                place=source.place,
                name_2=name,
                column=column,
            )


def rows_where(raw: pa.Table, where: Where | None, file: str) -> pa.Table:
    """The rows whose column is one of the values asked for; all of them where nothing is asked.

    Raises:
        DataError: The file lacks the column.
    """
    if where is None:
        return raw
    return raw.filter(where_mask(raw, where, file))


def where_mask(raw: pa.Table, where: Where, file: str) -> pa.Array:
    """Which rows are asked for.

    Raises:
        DataError: The file lacks the column.
    """
    need_columns(raw.column_names, [where.column], file)
    # A truth value is "true" where Arrow writes it as text, and "True" or "true" in files of text.
    told = [str(value) for value in where.values] + [str(value).lower() for value in where.values if isinstance(value, bool)]
    wanted = pa.array(told)
    return pc.fill_null(pc.is_in(pc.cast(whole(raw[where.column]), pa.string()), wanted), False)


def check_columns(names: list[str], source: SourceSpec, table: StandardTable) -> None:
    """Refuse a source whose rules or whose columns do not give what its table needs.

    Raises:
        DataError: Naming the columns, the standard ones in both languages.
    """
    rules = {rule.to: rule for rule in source.column}
    need_columns(names, [name for rule in rules.values() for name in columns_read(rule)], source.place)
    unknown = sorted({*rules, *source.expects} - set(table.columns))
    if unknown:
        raise DataError(
            'source "{name}": {table_name} has no column {unknown}',
            name=source.name,
            table_name=table.name,
            unknown=", ".join(unknown),
        )
    absent = [name for name in (*table.required, *source.expects) if name not in rules and name not in names]
    absent = [name for name in absent if not (name == "provider" and source.provider)]
    if absent:
        words = ", ".join(f"{name} ({COLUMN_WORDS[name]})" for name in absent)
        raise DataError(
            'source "{name}" ({place}): {table_name} needs {words}: no rule gives it, no column is called so ({header_words})',
            name=source.name,
            place=source.place,
            table_name=table.name,
            words=words,
            header_words=header_words(names),
        )


def columns_read(rule: ColumnRule) -> tuple[str, ...]:
    """The columns of the source that a rule looks at."""
    if isinstance(rule, Constant):
        return ()
    if isinstance(rule, Combine):
        return rule.columns
    return tuple(case.column for case in rule.case) if isinstance(rule, Cases) else (rule.column,)


def need_columns(there: list[str], names: list[str], file: str) -> None:
    """Refuse a file that lacks a column.

    Raises:
        DataError: With the columns that it lacks and some that it has.
    """
    missing = sorted(set(names) - set(there))
    if missing:
        raise DataError(
            "{file}: expected column {missing} ({header_words})",
            file=file,
            missing=", ".join(missing),
            header_words=header_words(there),
        )


def _value(raw: pa.Table, rule: ColumnRule, faults: Faults) -> pa.Array:
    if isinstance(rule, Constant):
        return pa.repeat(pa.scalar(rule.value), raw.num_rows)
    if isinstance(rule, Combine):
        return _combined(raw, rule)
    if isinstance(rule, Cases):
        return _first_case(raw, rule, faults)
    column = whole(raw[rule.column])
    if isinstance(rule, Map):
        return _mapped(column, rule, faults)
    if isinstance(rule, Compare):
        return _compared(column, rule, faults)
    if isinstance(rule, Split):
        return _split(column, rule)
    return parsed_numbers(column, rule, faults) if isinstance(rule, ParseNumber) else column


def _mapped(column: pa.Array, rule: Map, faults: Faults) -> pa.Array:
    """Values by a table; those that it lacks are counted, whatever becomes of them."""
    encoded = pc.dictionary_encode(pc.cast(column, pa.string()))
    texts = encoded.dictionary.to_pylist()
    unknown = pa.array([text not in rule.values and text != "" for text in texts], pa.bool_()).take(encoded.indices)
    faults.unmapped[rule.to] += pc.fill_null(unknown, False).true_count
    values = [rule.values.get(text, rule.otherwise) for text in texts]
    kind = pa.scalar(next((value for value in values if value is not None), "")).type
    return pa.array(values, kind).take(encoded.indices)


def _compared(column: pa.Array, rule: Compare, faults: Faults) -> pa.Array:
    holds = _holds(column, rule, faults)
    return pc.if_else(holds, pa.scalar(rule.then), pa.scalar(rule.otherwise, pa.scalar(rule.then).type))


def _holds(column: pa.Array, rule: Compare | Case, faults: Faults) -> pa.Array:
    """Whether each value compares so; missing where the value is."""
    if isinstance(rule.value, int | float) and pa.types.is_string(column.type):
        column = number_of(column, pa.float64(), rule.column, None, faults)
    return _COMPARE[rule.op](column, pa.scalar(rule.value))


def _first_case(raw: pa.Table, rule: Cases, faults: Faults) -> pa.Array:
    found = pa.array([rule.otherwise] * raw.num_rows, pa.scalar(rule.case[0].then).type)
    for case in reversed(rule.case):
        holds = pc.fill_null(_holds(whole(raw[case.column]), case, faults), False)
        found = pc.if_else(holds, pa.scalar(case.then), found)
    return found


def _combined(raw: pa.Table, rule: Combine) -> pa.Array:
    texts = [pc.cast(whole(raw[name]), pa.string()) for name in rule.columns]
    return pc.binary_join_element_wise(*texts, rule.separator, null_handling="emit_null")


def _split(column: pa.Array, rule: Split) -> pa.Array:
    lists = pc.split_pattern(pc.cast(column, pa.string()), rule.separator)
    if rule.part is None:
        return lists
    parts = [None if texts is None or len(texts) <= rule.part else texts[rule.part] for texts in lists.to_pylist()]
    return pa.array(parts, pa.string())


def _typed(column: pa.Array, kind: pa.DataType, name: str, table: StandardTable, faults: Faults) -> pa.Array:
    """The column in its standard type; values that do not fit become missing with a fault."""
    if pa.types.is_string(kind):
        return clean_text(as_text(column, name, faults), name, faults)
    if pa.types.is_list(kind):
        return column.cast(kind) if pa.types.is_list(column.type) else pc.split_pattern(pc.cast(column, pa.string()), ";")
    return number_of(column, kind, name, table, faults)
