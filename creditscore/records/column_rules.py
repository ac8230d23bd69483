"""The column rules of a source: what was sent becomes a standard table, typed, with the faults of its rows.

Only Arrow is used, so that the result is the same for every engine. A value that cannot be read as its
column's type becomes missing and its row carries the code of a fault; nothing is coerced in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from creditscore.language import DEFAULT_LANGUAGE, Words
from creditscore.records.column_dates import day_values
from creditscore.records.column_types import (
    SPREADSHEET_NUMBER,
    Distinct,
    Faults,
    as_texts,
    clean_text,
    number_column,
    one_array,
    parsed_numbers,
    text_column,
)
from creditscore.records.headers import lacking
from creditscore.records.personal import masked, personal_columns, shown_texts
from creditscore.records.tables import COLUMN_WORDS, StandardTable

#: Between names or texts of several columns that make one standard column.
BETWEEN_COLUMNS = ", "
_COMPARE: dict[str, Callable[..., Any]] = {
    "==": pc.equal, "!=": pc.not_equal, ">": pc.greater, ">=": pc.greater_equal, "<": pc.less, "<=": pc.less_equal,
}  # fmt: skip


def columns_read(rule: ColumnRule) -> tuple[str, ...]:
    """The columns of the source that a rule looks at."""
    if isinstance(rule, Constant):
        return ()
    if isinstance(rule, Combine):
        return rule.columns
    return tuple(case.column for case in rule.case) if isinstance(rule, Cases) else (rule.column,)


def sent_columns(source: SourceSpec, name: str) -> tuple[str, ...]:
    """The columns of the source that a standard column is made of; its own name where no rule says otherwise."""
    rule = next((rule for rule in source.column if rule.to == name), None)
    return (rule and tuple(dict.fromkeys(columns_read(rule)))) or (name,)


def need_columns(
    header: Sequence[str], names: Sequence[str], file: str, *, below: Sequence[str] = (), used: Sequence[str] = ()
) -> None:
    """Refuse a file that lacks a column.

    Args:
        header: The columns of the file.
        names: The columns that it needs.
        file: The file, for the message.
        below: The row below the header.
        used: Columns of the file that something else reads.

    Raises:
        DataError: With the columns that it lacks and some that it has.
    """
    missing = sorted(set(names) - set(header))
    if missing:
        raise DataError(
            "{file}: expected column {missing} ({header})",
            file=file,
            missing=", ".join(missing),
            header=lacking(missing, header, below=below, used=[*names, *used]),
        )


def check_columns(header: Sequence[str], source: SourceSpec, table: StandardTable, *, below: Sequence[str] = ()) -> None:
    """Refuse a source whose rules or whose columns do not give what its table needs.

    Args:
        header: The columns of the file.
        source: The source.
        table: The table.
        below: The row below the header.

    Raises:
        DataError: Naming the columns, the standard ones in both languages.
    """
    rules = {rule.to: rule for rule in source.column}
    read = [name for rule in rules.values() for name in columns_read(rule)]
    need_columns(header, read, source.location, below=below, used=list(table.columns))
    unknown = sorted({*rules, *source.expects} - set(table.columns))
    if unknown:
        raise DataError(
            'source "{source}": {table} has no column {columns}', source=source.name, table=table.name, columns=", ".join(unknown)
        )
    absent = [name for name in (*table.required, *source.expects) if name not in rules and name not in header]
    absent = [name for name in absent if not (name == "provider" and source.provider)]
    if absent:
        raise DataError(
            'source "{source}" ({file}): {table} needs {columns}: no rule gives it, no column is called so ({header})',
            source=source.name,
            file=source.location,
            table=table.name,
            columns=", ".join(f"{name} ({Words.of(DEFAULT_LANGUAGE).text(COLUMN_WORDS[name])})" for name in absent),
            header=lacking(absent, header, below=below, used=[*read, *table.columns]),
        )


def where_mask(raw: pa.Table, where: Where, file: str) -> pa.Array:
    """Which rows have one of the values that ``where`` asks for.

    Raises:
        DataError: The file lacks the column.
    """
    need_columns(raw.column_names, [where.column], file)
    # A truth value is "true" where Arrow writes it as text, and "True" or "true" in files of text.
    texts = [str(value) for value in where.values] + [str(value).lower() for value in where.values if isinstance(value, bool)]
    return pc.fill_null(pc.is_in(pc.cast(one_array(raw[where.column]), pa.string()), pa.array(texts)), False)


def apply_rules(
    raw: pa.Table,
    source: SourceSpec,
    table: StandardTable,
    *,
    timezone: str = "Asia/Shanghai",
    cells: Mapping[str, pa.Array] | None = None,
) -> tuple[pa.Table, Faults]:
    """The standard columns of a piece of a source, and the faults of its rows (aligned with the result).

    Args:
        raw: Rows as the reader returned them, after ``where``.
        source: Its rules.
        table: What the rows become.
        timezone: Where moments in time are turned into days.
        cells: By column of the source, the codes of cells that the reader refused; null where a cell is fine.

    Raises:
        DataError: A rule names a column that the file lacks, a required column comes from nowhere, or a column
            holds nested values or bytes that are no text.
    """
    check_columns(raw.column_names, source, table)
    applied = _Application(raw, source, table, timezone)
    columns = []
    for name, kind in table.columns.items():
        rule = applied.rules.get(name) or (Rename(to=name, column=name) if name in raw.column_names else None)
        column = applied.column(rule, name, kind)
        column = _without_refused(column, rule, name, cells or {}, applied.faults)
        applied.faults.values[name] += len(column) - column.null_count + applied.faults.unreadable[name]
        columns.append(column)
    if source.where is not None and cells and source.where.column in cells:
        # Whether such a row is asked for is unknown.
        applied.faults.values[source.where.column] += raw.num_rows
        _note_refused(cells[source.where.column], source.where.column, applied.faults)
    return pa.Table.from_arrays(columns, schema=table.schema), applied.faults


def _without_refused(
    column: pa.Array, rule: ColumnRule | None, name: str, cells: Mapping[str, pa.Array], faults: Faults
) -> pa.Array:
    """A standard column without the values that a rule made of a cell that the reader refused."""
    for sent in columns_read(rule) if rule else ():
        if sent in cells:
            _note_refused(cells[sent], name, faults)
            column = pc.if_else(pc.is_valid(cells[sent]), pa.scalar(None, column.type), column)
    return column


def _note_refused(codes: pa.Array, name: str, faults: Faults) -> None:
    for code in pc.unique(codes.drop_null()).to_pylist():
        faults.add(pc.equal(codes, code), code, name)


class _Sent:
    """The cells of a piece as they were sent. Faults hold it, so that nothing that holds faults may be held by it."""

    def __init__(self, raw: pa.Table, source: SourceSpec) -> None:
        self._raw, self._source = raw, source

    def __call__(self, name: str, rows: pa.Array) -> pa.Array:
        """The cells that a standard column is made of, as texts fit to be shown, in the rows of a mask."""
        columns = [column for column in sent_columns(self._source, name) if column in self._raw.column_names]
        personal = personal_columns(self._source, columns, needed=True)
        texts = []
        for column in columns:
            cells = as_texts(one_array(self._raw[column]).filter(rows))
            texts.append(shown_texts(masked(cells, personal[column]) if column in personal else cells))
        if not texts:
            return pa.repeat(pa.scalar(""), rows.true_count)
        return pc.binary_join_element_wise(*texts, BETWEEN_COLUMNS) if len(texts) > 1 else texts[0]


class _Application:
    """Applies the column rules of a source to one batch of its rows."""

    def __init__(self, raw: pa.Table, source: SourceSpec, table: StandardTable, timezone: str) -> None:
        self.raw, self.source, self.table, self.timezone = raw, source, table, timezone
        self.rules = {rule.to: rule for rule in source.column}
        self.faults = Faults(raw.num_rows, soft=table.soft, sent=_Sent(raw, source))

    def column(self, rule: ColumnRule | None, name: str, kind: pa.DataType) -> pa.Array:
        """A column of the standard table in its type. A value that does not fit becomes missing and is noted as a fault.

        Raises:
            DataError: The column of the source holds structures or maps, or lists where single values are expected.
        """
        raw, source = self.raw, self.source
        if rule is None:
            constant = source.provider if name == "provider" and source.provider else None
            return pa.repeat(pa.scalar(constant, kind), raw.num_rows) if constant else pa.nulls(raw.num_rows, kind)
        for column in columns_read(rule):
            sent = raw.schema.field(column).type
            # Lists, structures and maps are no values, except for lists of people.
            if pa.types.is_nested(sent) and not (pa.types.is_list(kind) and pa.types.is_list(sent)):
                raise DataError(
                    'source "{source}" ({file}): expected plain values for {target} (got nested ones in {column})',
                    source=source.name,
                    file=source.location,
                    target=name,
                    column=column,
                )
        try:
            return self._typed(one_array(self._value(rule)), rule, name, kind)
        except UnicodeDecodeError:
            raise DataError(
                'source "{source}" ({file}): expected {target} as text in UTF-8 (got other bytes)',
                source=source.name,
                file=source.location,
                target=name,
            ) from None

    def _typed(self, value: pa.Array, rule: ColumnRule, name: str, kind: pa.DataType) -> pa.Array:
        if pa.types.is_list(kind):
            return value.cast(kind) if pa.types.is_list(value.type) else pc.split_pattern(pc.cast(value, pa.string()), ";")
        if pa.types.is_list(value.type):
            raise DataError(
                'source "{source}": expected one value for {target} (got a list from split: declare its part)',
                source=self.source.name,
                target=name,
            )
        if pa.types.is_date(kind):
            formats = rule if isinstance(rule, ParseDate) else None
            return day_values(value, formats, name, self.table, self.faults, timezone=self.timezone)
        if not pa.types.is_string(kind):
            return number_column(value, kind, name, self.table, self.faults)
        text = clean_text(text_column(value, name, self.faults), name, self.faults)
        if self.source.format == "excel" and name != "subject_id":
            # Subjects' ids have a reason of their own for this.
            self.faults.add(pc.match_substring_regex(text, SPREADSHEET_NUMBER), "NUMBER_FOR_TEXT", name)
        return text

    def _value(self, rule: ColumnRule) -> pa.Array:
        """What a rule makes of the columns that it reads, not yet in the type of its target."""
        raw = self.raw
        if isinstance(rule, Constant):
            return pa.repeat(pa.scalar(rule.value), raw.num_rows)
        if isinstance(rule, Combine):
            texts = [pc.cast(one_array(raw[name]), pa.string()) for name in rule.columns]
            return pc.binary_join_element_wise(*texts, rule.separator, null_handling="emit_null")
        if isinstance(rule, Cases):
            value = pa.array([rule.otherwise] * raw.num_rows, pa.scalar(rule.case[0].then).type)
            for case in reversed(rule.case):
                holds = pc.fill_null(self._holds(one_array(raw[case.column]), case), False)
                value = pc.if_else(holds, pa.scalar(case.then), value)
            return value
        column = one_array(raw[rule.column])
        if isinstance(rule, Map):
            # Texts that the rule's table lacks are counted, whatever becomes of them.
            distinct = Distinct(pc.cast(column, pa.string()))
            unknown = distinct.rows_where([text not in rule.values and text != "" for text in distinct.values])
            self.faults.unmapped[rule.to] += unknown.true_count
            if unknown.true_count:
                for entry in pc.value_counts(pc.cast(column, pa.string()).filter(unknown)).to_pylist():
                    self.faults.words[rule.to, entry["values"]] += entry["counts"]
            values = [rule.values.get(text, rule.otherwise) for text in distinct.values]
            return distinct.spread(values, pa.scalar(next((value for value in values if value is not None), "")).type)
        if isinstance(rule, Compare):
            then = pa.scalar(rule.then)
            return pc.if_else(self._holds(column, rule), then, pa.scalar(rule.otherwise, then.type))
        if isinstance(rule, Split):
            lists = pc.split_pattern(pc.cast(column, pa.string()), rule.separator)
            if rule.part is None:
                return lists
            parts = [None if texts is None or len(texts) <= rule.part else texts[rule.part] for texts in lists.to_pylist()]
            return pa.array(parts, pa.string())
        return parsed_numbers(column, rule, self.faults) if isinstance(rule, ParseNumber) else column

    def _holds(self, column: pa.Array, rule: Compare | Case) -> pa.Array:
        """Whether the comparison of the rule holds for each value; missing for a missing value."""
        if isinstance(rule.value, int | float) and pa.types.is_string(column.type):
            column = number_column(column, pa.float64(), rule.column, None, self.faults)
        return _COMPARE[rule.op](column, pa.scalar(rule.value))
