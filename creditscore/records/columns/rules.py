"""The column rules of a source: what was sent becomes a standard table, typed, with the faults of its rows.

Only Arrow is used, so that the result is the same for every engine. A value that cannot be read as its
column's type becomes missing and its row carries the code of a fault; nothing is coerced in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from creditscore.config.column_rules import (
    Cases,
    ColumnRule,
    Combine,
    Compare,
    Condition,
    Constant,
    Map,
    ParseDate,
    ParseNumber,
    Rename,
    Split,
)
from creditscore.config.sources import Limits, SourceSpec
from creditscore.dates import ZONE
from creditscore.errors import DataError
from creditscore.language import DEFAULT_LANGUAGE, Words, _
from creditscore.records.columns.dates import day_values
from creditscore.records.columns.headers import lacking
from creditscore.records.columns.listed_words import ListedWords, listed_in, refuse_unlisted
from creditscore.records.columns.numbers import number_column, parsed_numbers, typed_numbers
from creditscore.records.columns.sent_cells import SentCells, columns_read
from creditscore.records.columns.types import (
    HALF_WIDTH,
    SPREADSHEET_NUMBER,
    Faults,
    as_texts,
    clean_text,
    half_width_codes,
    list_column,
    one_array,
    text_column,
)
from creditscore.records.tables import COLUMN_WORDS, StandardTable

#: Rules that look at the source.
_Reading: TypeAlias = Rename | Map | Compare | Split | ParseDate | ParseNumber | Combine | Cases
_COMPARE: dict[str, Callable[..., Any]] = {
    "==": pc.equal, "!=": pc.not_equal, ">": pc.greater, ">=": pc.greater_equal, "<": pc.less, "<=": pc.less_equal,
}  # fmt: skip


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
            to_sender=_("{file}: the column {missing} is missing or has another name ({header}): give it the agreed name again"),
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
            to_sender=_("{file}: the column {columns} is missing or has another name ({header}): give it the agreed name again"),
        )


def apply_rules(
    raw: pa.Table,
    source: SourceSpec,
    table: StandardTable,
    *,
    timezone: str = ZONE,
    cells: Mapping[str, pa.Array] | None = None,
    limits: Limits | None = None,
) -> tuple[pa.Table, Faults]:
    """The standard columns of a piece of a source, and the faults of its rows (aligned with the result).

    A cell is read as if it stood alone: no other row and no other piece changes what it means.

    Args:
        raw: Rows as the reader returned them, after ``where``.
        source: Its rules.
        table: What the rows become.
        timezone: Where moments in time are turned into days.
        cells: By column of the source, the codes of cells that the reader refused (null where a cell is fine): faults of every
            standard column made of them.
        limits: How long a cell may be.

    Raises:
        DataError: A rule names a column that the file lacks, a required column comes from nowhere, or a column
            holds nested values or bytes that are no text.
    """
    check_columns(raw.column_names, source, table)
    applied = _Application(raw, source, table, timezone, SentCells(raw, source, cells or {}), limits or Limits())
    columns = []
    for name, kind in table.columns.items():
        rule = applied.rules.get(name) or (Rename(to=name, column=name) if name in raw.column_names else None)
        column = applied.column(rule, name, kind)
        applied.faults.values[name] += len(column) - column.null_count + applied.faults.unreadable[name]
        if rule is not None and name in table.counts:
            applied.note_empty(rule, name, column)
        columns.append(column)
    if source.where is not None and cells and source.where.column in cells:
        # Whether such a row is asked for is unknown.
        applied.faults.values[source.where.column] += raw.num_rows
        applied.faults.refuse(_coded(cells[source.where.column], source.where.column), source.where.column)
    return pa.Table.from_arrays(columns, schema=table.schema), applied.faults


class _Application:
    """Applies the column rules of a source to one batch of its rows."""

    def __init__(
        self, raw: pa.Table, source: SourceSpec, table: StandardTable, timezone: str, cells: SentCells, limits: Limits
    ) -> None:
        self.raw, self.source, self.table, self.timezone = raw, source, table, timezone
        self.cells, self.limits = cells, limits
        self.rules = {rule.to: rule for rule in source.column}
        self.faults = Faults(raw.num_rows, soft=table.soft, sent=cells.texts)
        #: By standard column, the rows whose word its rule does not list.
        self._unlisted: dict[str, pa.Array] = {}

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
            return self._typed(self._value(rule, name, kind), rule, name, kind)
        except UnicodeDecodeError:
            raise DataError(
                'source "{source}" ({file}): expected {target} as text in UTF-8 (got other bytes)',
                source=source.name,
                file=source.location,
                target=name,
            ) from None

    def note_empty(self, rule: ColumnRule, name: str, value: pa.Array) -> None:
        """Note the rows that have no value because all cells that it is made of are empty, unless the rule expects an empty one."""
        names, expected = columns_read(rule), rule.missing if isinstance(rule, Map) else ()
        if not names or "" in expected or not value.null_count:
            return
        empty = pc.is_null(value)
        for column in names:
            cell = self.cells.column(column)
            blank = pc.equal(pc.utf8_trim_whitespace(as_texts(cell)), "")
            empty = pc.and_(empty, pc.fill_null(blank, True))
        codes = self.cells.refused(names, self.limits.cell_letters)
        self.faults.empty[name] = empty if codes is None else pc.and_not(empty, pc.is_valid(codes))

    def _typed(self, value: pa.Array, rule: ColumnRule, name: str, kind: pa.DataType) -> pa.Array:
        if pa.types.is_list(kind):
            return list_column(value, name, self.faults)
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
        if name in HALF_WIDTH and name != "subject_id":  # whose scheme decides
            text = half_width_codes(text, name, self.faults)
        if self.source.format == "excel" and name != "subject_id":
            # Subjects' ids have a reason of their own for this.
            lost = pc.fill_null(pc.match_substring_regex(text, SPREADSHEET_NUMBER), False)
            self.faults.add(lost, "NUMBER_FOR_TEXT", name)
            text = _without(text, lost)
        return text

    def _value(self, rule: ColumnRule, name: str, kind: pa.DataType) -> pa.Array:
        """What a rule makes of the columns that it reads, not yet in the type of its target; missing where a cell is refused."""
        if isinstance(rule, Constant):
            return pa.repeat(pa.scalar(rule.value), self.raw.num_rows)
        names = columns_read(rule)
        cells = {column: self.cells.column(column) for column in names}
        of_name = (self.table.name, name) == ("subjects", "name")
        codes = self.cells.refused(names, self.limits.name_letters if of_name else self.limits.cell_letters)
        wrong = None
        if codes is not None:
            self.faults.refuse(_coded(codes, name), name)
            wrong = pc.is_valid(codes)
            cells = {column: _without(cell, wrong) for column, cell in cells.items()}
        value = one_array(self._made(rule, cells, kind))
        if wrong is not None:
            value = _without(value, wrong)
        if name in self.table.required and isinstance(rule, Map | Compare | Cases | Split) and value.null_count:
            # The cell has a text, which the engine would not see any more.
            lost = pc.and_(pc.is_null(value), self.cells.are_there(names))
            for told in (wrong, self._unlisted.get(name)):
                lost = lost if told is None else pc.and_not(lost, told)
            self.faults.note(pc.if_else(lost, f"MISSING:{name}", pa.scalar(None, pa.string())), name)
        return value

    def _made(self, rule: _Reading, cells: Mapping[str, pa.Array], kind: pa.DataType) -> pa.Array:
        if isinstance(rule, Combine):
            texts = [as_texts(cells[column]) for column in rule.columns]
            return pc.binary_join_element_wise(*texts, rule.separator, null_handling="emit_null")
        if isinstance(rule, Cases):
            return self._of_cases(rule, cells)
        if isinstance(rule, Compare):
            cells, _in_doubt = self._of_words(rule, cells)
        column = cells[rule.column]
        if isinstance(rule, Map):
            return self._mapped(column, rule)
        if isinstance(rule, Compare):
            holds, wrong = self._holds(column, rule)
            self.faults.add(wrong, "BAD_VALUE", rule.to)
            then = pa.scalar(rule.then)
            return pc.if_else(holds, then, pa.scalar(rule.otherwise, then.type))
        if isinstance(rule, Split):
            lists = pc.split_pattern(self._cut_alike(as_texts(column), rule), rule.separator)
            if rule.part is None:
                return lists
            parts = [None if texts is None or len(texts) <= rule.part else texts[rule.part] for texts in lists.to_pylist()]
            return pa.array(parts, pa.string())
        return parsed_numbers(column, rule, kind, self.faults) if isinstance(rule, ParseNumber) else column

    def _cut_alike(self, texts: pa.Array, rule: Split) -> pa.Array:
        """Texts whose separators of full width are as the rule has them: nobody sees two people in one name."""
        wide = "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in rule.separator)
        if wide == rule.separator:
            return texts
        plain = pc.replace_substring(texts, wide, rule.separator)
        what = _("{column}: a separator of full width", column=COLUMN_WORDS.get(rule.to, rule.to))
        self.faults.put_right(pc.not_equal(texts, plain), what)
        return plain

    def _of_cases(self, rule: Cases, cells: Mapping[str, pa.Array]) -> pa.Array:
        """The first case that holds, as long as every cell that the cases look at can be read."""
        cells, in_doubt = self._of_words(rule, cells)
        kind = pa.scalar(rule.case[0].then).type
        value = pa.repeat(pa.scalar(rule.otherwise, kind), self.raw.num_rows)
        unreadable = pa.repeat(pa.scalar(False), self.raw.num_rows)
        for case in reversed(rule.case):
            holds, wrong = self._holds(cells[case.column], case)
            value = pc.if_else(pc.fill_null(holds, False), pa.scalar(case.then), value)
            unreadable = pc.or_(unreadable, wrong)
        self.faults.add(unreadable, "BAD_VALUE", rule.to)
        return _without(value, pc.or_(unreadable, in_doubt))

    def _of_words(self, rule: Compare | Cases, cells: Mapping[str, pa.Array]) -> tuple[dict[str, pa.Array], pa.Array]:
        """The cells with listed words alone where a rule asks for words, and the rows in which such a cell is missing or another.

        A word that the rule does not list is told, and no condition holds or fails by it. An empty cell that ``others`` expects
        is the word "".
        """
        cells, unlisted = dict(cells), pa.repeat(pa.scalar(False), self.raw.num_rows)
        in_doubt = unlisted
        for name, listed in listed_in(rule).items():
            words = ListedWords(as_texts(cells[name]), listed, rule.to, self.faults)
            texts = words.spread({word: word for word in listed}, None, pa.string())
            if "" in listed:
                texts = _without(pc.fill_null(texts, ""), words.unknown)
            cells[name] = texts
            unlisted, in_doubt = pc.or_(unlisted, words.unknown), pc.or_(in_doubt, pc.is_null(texts))
        self._refuse_unlisted(rule.to, unlisted)
        return cells, in_doubt

    def _refuse_unlisted(self, to: str, unlisted: pa.Array) -> None:
        self._unlisted[to] = unlisted
        refuse_unlisted(unlisted, to, self.table, self.faults)

    def _mapped(self, column: pa.Array, rule: Map) -> pa.Array:
        """Values by the rule's table, blanks around a word apart. Texts that it lacks are counted, whatever becomes of them.

        Where such a text decides whether the record counts against its firm, the value is refused, unless ``otherwise`` says
        what becomes of it.
        """
        words = ListedWords(as_texts(column), {*rule.values, *rule.missing}, rule.to, self.faults)
        if rule.otherwise is None:
            self._refuse_unlisted(rule.to, words.unknown)
        kind = pa.scalar(next((value for value in (*rule.values.values(), rule.otherwise) if value is not None), "")).type
        return words.spread(dict.fromkeys(rule.missing) | rule.values, rule.otherwise, kind)

    def _holds(self, column: pa.Array, rule: Condition) -> tuple[pa.Array, pa.Array]:
        """Whether the comparison of the rule holds for each value, missing for a missing one; and which cannot be compared."""
        if isinstance(rule.value, str):
            texts = as_texts(column)
            return _COMPARE[rule.op](texts, rule.value), pa.repeat(pa.scalar(False), len(column))
        # Arrow cannot compare all of uint64 with a number of either sign.
        if pa.types.is_integer(column.type) and not pa.types.is_uint64(column.type) and isinstance(rule.value, int):
            return _COMPARE[rule.op](column, pa.scalar(rule.value)), pa.repeat(pa.scalar(False), len(column))
        apart = Faults(len(column), soft=())
        numbers = typed_numbers(column, pa.float64(), rule.column, apart)
        return _COMPARE[rule.op](numbers, pa.scalar(float(rule.value))), pc.is_valid(apart.codes())


def _coded(codes: pa.Array, name: str) -> pa.Array:
    """Codes with the column that they are about."""
    return pc.binary_join_element_wise(codes, name, ":")


def _without(column: pa.Array, rows: pa.Array) -> pa.Array:
    """A column that is missing in some rows."""
    return pc.if_else(rows, pa.scalar(None, column.type), column) if rows.true_count else column
