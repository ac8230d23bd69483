"""Apply the column rules of a source: what was sent becomes a standard table, typed, and faults are kept.

Only Arrow: the same code for every engine. A value that cannot be read as its column's type becomes
missing and the row carries a fault code; nothing is coerced in silence.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
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
    Rename,
    SourceSpec,
    Split,
    Where,
)  # fmt: skip
from creditscore.errors import DataError
from creditscore.records.tables import StandardTable

_COMPARE: dict[str, Callable[..., Any]] = {
    "==": pc.equal, "!=": pc.not_equal, ">": pc.greater, ">=": pc.greater_equal, "<": pc.less, "<=": pc.less_equal,
}  # fmt: skip
_ENDLESS = dt.date(9999, 12, 31)


@dataclass
class Faults:
    """Per row, the code of the first fault; and how often values were repaired (normalised)."""

    rows: int
    code: pa.Array | None = None
    normalised: dict[str, int] = field(default_factory=dict)

    def add(self, wrong: pa.Array | pa.ChunkedArray, code: str) -> None:
        """Note ``code`` on the rows where ``wrong`` holds and none stands yet."""
        mask = pc.fill_null(_whole(wrong), False)
        given = pc.if_else(mask, pa.scalar(code), pa.scalar(None, pa.string()))
        self.code = given if self.code is None else pc.coalesce(self.code, given)

    def codes(self) -> pa.Array:
        """One code or missing per row."""
        return pa.nulls(self.rows, pa.string()) if self.code is None else self.code


def apply_rules(raw: pa.Table, source: SourceSpec, table: StandardTable) -> tuple[pa.Table, Faults]:
    """The standard columns of a source, and the faults of its rows (aligned with the result).

    Raises:
        DataError: A rule names a column that the file lacks, or a required column comes from nowhere.
    """
    kept = rows_where(raw, source.where, source.file)
    faults = Faults(kept.num_rows)
    rules = {rule.to: rule for rule in source.column}
    _check_columns(kept, source, table, rules)
    columns = []
    for name, kind in table.columns.items():
        rule = rules.get(name) or (Rename(to=name, column=name) if name in kept.column_names else None)
        if rule is None:
            constant = source.provider if name == "provider" and source.provider else None
            columns.append(pa.array([constant] * kept.num_rows, kind) if constant else pa.nulls(kept.num_rows, kind))
        else:
            columns.append(_typed(_value(kept, rule, faults), kind, name, faults))
    return pa.Table.from_arrays(columns, schema=table.schema), faults


def rows_where(raw: pa.Table, where: Where | None, file: str) -> pa.Table:
    """The rows whose column is one of the values asked for; all of them where nothing is asked.

    Raises:
        DataError: The file lacks the column.
    """
    if where is None:
        return raw
    need_columns(raw, [where.column], file)
    wanted = pa.array([str(value) for value in where.values])
    return raw.filter(pc.fill_null(pc.is_in(pc.cast(raw[where.column], pa.string()), wanted), False))


def _check_columns(raw: pa.Table, source: SourceSpec, table: StandardTable, rules: dict[str, ColumnRule]) -> None:
    need_columns(raw, [name for rule in rules.values() for name in _reads(rule)], source.file)
    unknown = sorted(set(rules) - set(table.columns))
    if unknown:
        raise DataError(f'source "{source.name}": {table.name} has no column {", ".join(unknown)}')
    absent = [name for name in table.required if name not in rules and name not in raw.column_names]
    if absent:
        names = ", ".join(absent)
        raise DataError(
            f'source "{source.name}" ({source.file}): {table.name} needs {names}: no rule gives it, no column is called so'
        )


def _reads(rule: ColumnRule) -> tuple[str, ...]:
    """The columns of the source that a rule looks at."""
    if isinstance(rule, Constant):
        return ()
    if isinstance(rule, Combine):
        return rule.columns
    return tuple(case.column for case in rule.case) if isinstance(rule, Cases) else (rule.column,)


def need_columns(raw: pa.Table, names: list[str], file: str) -> None:
    """Refuse a file that lacks a column.

    Raises:
        DataError: With the columns that it lacks and some that it has.
    """
    missing = sorted(set(names) - set(raw.column_names))
    if missing:
        there = ", ".join(raw.column_names[:12])
        raise DataError(f"{file}: expected column {', '.join(missing)} (there are: {there})")


def _value(raw: pa.Table, rule: ColumnRule, faults: Faults) -> pa.Array:
    if isinstance(rule, Constant):
        return pa.array([rule.value] * raw.num_rows)
    if isinstance(rule, Combine):
        return _combined(raw, rule)
    if isinstance(rule, Cases):
        return _first_case(raw, rule, faults)
    column = _whole(raw[rule.column])
    if isinstance(rule, Map):
        return _mapped(column, rule)
    if isinstance(rule, Compare):
        return _compared(column, rule, faults)
    if isinstance(rule, Split):
        return _split(column, rule)
    if isinstance(rule, ParseDate):
        return _dates(column, rule, faults)
    return column


def _mapped(column: pa.Array, rule: Map) -> pa.Array:
    encoded = pc.dictionary_encode(pc.cast(column, pa.string()))
    values = [rule.values.get(text, rule.otherwise) for text in encoded.dictionary.to_pylist()]
    return pa.array(values).take(encoded.indices)


def _compared(column: pa.Array, rule: Compare, faults: Faults) -> pa.Array:
    holds = _holds(column, rule, faults)
    return pc.if_else(holds, pa.scalar(rule.then), pa.scalar(rule.otherwise, pa.scalar(rule.then).type))


def _holds(column: pa.Array, rule: Compare | Case, faults: Faults) -> pa.Array:
    """Whether each value compares so; missing where the value is."""
    if isinstance(rule.value, int | float) and pa.types.is_string(column.type):
        column = _typed(column, pa.float64(), rule.column, faults)
    return _COMPARE[rule.op](column, pa.scalar(rule.value))


def _first_case(raw: pa.Table, rule: Cases, faults: Faults) -> pa.Array:
    found = pa.array([rule.otherwise] * raw.num_rows, pa.scalar(rule.case[0].then).type)
    for case in reversed(rule.case):
        holds = pc.fill_null(_holds(_whole(raw[case.column]), case, faults), False)
        found = pc.if_else(holds, pa.scalar(case.then), found)
    return found


def _combined(raw: pa.Table, rule: Combine) -> pa.Array:
    texts = [pc.cast(_whole(raw[name]), pa.string()) for name in rule.columns]
    return pc.binary_join_element_wise(*texts, rule.separator, null_handling="emit_null")


def _split(column: pa.Array, rule: Split) -> pa.Array:
    lists = pc.split_pattern(column, rule.separator)
    if rule.part is None:
        return lists
    parts = [None if texts is None or len(texts) <= rule.part else texts[rule.part] for texts in lists.to_pylist()]
    return pa.array(parts, pa.string())


def _dates(column: pa.Array, rule: ParseDate, faults: Faults) -> pa.Array:
    encoded = pc.dictionary_encode(pc.cast(column, pa.string()))
    texts = encoded.dictionary.to_pylist()
    parsed = [_date(text, rule) for text in texts]
    bad = pa.array([day is None and text not in rule.endless for text, day in zip(texts, parsed, strict=True)], pa.bool_())
    faults.add(bad.take(encoded.indices), f"BAD_DATE:{rule.to}")
    return pa.array(parsed, pa.date32()).take(encoded.indices)


def _date(text: str, rule: ParseDate) -> dt.date | None:
    if text in rule.endless:
        return None
    for form in rule.formats:
        try:
            return dt.datetime.strptime(text, form).date()
        except ValueError:
            continue
    return None


def _typed(column: pa.Array, kind: pa.DataType, name: str, faults: Faults) -> pa.Array:
    """The column in its standard type; values that do not fit become missing with a fault."""
    column = _whole(column)
    if pa.types.is_string(kind):
        return _clean_text(pc.cast(column, kind), name, faults)
    if pa.types.is_list(kind):
        return column.cast(kind) if pa.types.is_list(column.type) else pc.split_pattern(pc.cast(column, pa.string()), ";")
    if pa.types.is_date(kind):
        return _endless(_cast_or_fault(column, kind, name, faults))
    if pa.types.is_floating(column.type):
        unreal = pc.is_nan(column)
        faults.add(pc.or_(unreal, pc.is_inf(column)), f"NOT_A_NUMBER:{name}")
        column = pc.if_else(pc.or_(unreal, pc.is_inf(column)), pa.scalar(None, column.type), column)
    return _cast_or_fault(column, kind, name, faults)


def _cast_or_fault(column: pa.Array, kind: pa.DataType, name: str, faults: Faults) -> pa.Array:
    try:
        if pa.types.is_floating(column.type) and pa.types.is_decimal(kind):
            return pc.cast(pc.round(column, 2), kind, safe=False)
        return pc.cast(column, kind)
    except pa.ArrowInvalid:
        encoded = pc.dictionary_encode(column)
        values = [_cast_one(value, kind) for value in encoded.dictionary]
        bad = pa.array([value is None for value in values], pa.bool_())
        faults.add(bad.take(encoded.indices), f"BAD_VALUE:{name}")
        return pa.array(values, kind).take(encoded.indices)


def _cast_one(value: pa.Scalar, kind: pa.DataType) -> Any:
    try:
        return value.cast(kind).as_py()
    except pa.ArrowInvalid:
        return None


def _endless(days: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(days, pa.scalar(_ENDLESS, pa.date32())), pa.scalar(None, pa.date32()), days)


def _clean_text(column: pa.Array, name: str, faults: Faults) -> pa.Array:
    """Control characters leave texts, "" becomes missing; both are counted."""
    encoded = pc.dictionary_encode(column)
    texts = encoded.dictionary.to_pylist()
    clean = [_printable(text) for text in texts]
    dirty = pa.array([text != plain for text, plain in zip(texts, clean, strict=True)], pa.bool_()).take(encoded.indices)
    count = pc.sum(pc.cast(pc.fill_null(dirty, False), pa.int64())).as_py() or 0
    if count:
        faults.normalised[name] = faults.normalised.get(name, 0) + count
    return pa.array([text or None for text in clean], pa.string()).take(encoded.indices)


def _printable(text: str) -> str:
    if text.isprintable():
        return text.strip()
    return "".join(letter for letter in text if unicodedata.category(letter) not in ("Cc", "Cs")).strip()


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
