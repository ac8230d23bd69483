"""The cells of a piece as they were sent: which columns a standard one is made of, how a list shows a cell, which are refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from creditscore.config.column_rules import Cases, ColumnRule, Combine, Constant
from creditscore.config.sources import SourceSpec
from creditscore.records.columns.known_words import may_be_person, source_words
from creditscore.records.columns.personal import masked, personal_columns, shown_texts
from creditscore.records.columns.types import as_texts, one_array
from creditscore.records.tables import StandardTable

#: Between names or texts of several columns that make one standard column.
BETWEEN_COLUMNS = ", "


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


def wanted_columns(source: SourceSpec, table: StandardTable, header: Sequence[str]) -> list[str]:
    """The source's columns that rules, joins and ``where`` read, or that have a standard name without a rule."""
    read = {name for rule in source.column for name in columns_read(rule)}
    read |= {name for join in source.join for name in join.on} | ({source.where.column} if source.where else set())
    read |= set(table.columns) - {rule.to for rule in source.column}
    return [name for name in header if name in read]


class SentCells:
    """The cells of a piece. Faults hold it to ask for texts, so it holds nothing that holds faults.

    Args:
        raw: The piece as its reader gave it.
        source: Whose it is.
        codes: By column, the codes of cells that the reader refused, aligned with ``raw``.
    """

    def __init__(self, raw: pa.Table, source: SourceSpec, codes: Mapping[str, pa.Array]) -> None:
        self._raw, self._source, self._codes = raw, source, codes

    def column(self, name: str) -> pa.Array:
        """A column of the source."""
        return one_array(self._raw[name])

    def texts(self, name: str, rows: pa.Array) -> pa.Array:
        """The cells that a standard column is made of, as texts fit to be shown, in the rows of a mask."""
        columns = [column for column in sent_columns(self._source, name) if column in self._raw.column_names]
        personal = personal_columns(self._source, columns, needed=True)
        texts = []
        for column in columns:
            cells = as_texts(self.column(column).filter(rows))
            hidden = masked(cells, personal[column]) if column in personal else cells
            texts.append(shown_texts(hidden, self._is_person, keys=name.endswith(("_id", "_no"))))
        if not texts:
            return pa.repeat(pa.scalar(""), rows.true_count)
        return pc.binary_join_element_wise(*texts, BETWEEN_COLUMNS) if len(texts) > 1 else texts[0]

    def _is_person(self, text: str) -> bool:
        return may_be_person(text, self._words)

    @cached_property
    def _words(self) -> frozenset[str]:
        return source_words(self._source)

    def are_there(self, columns: Sequence[str]) -> pa.Array:
        """In which rows any cell of some columns has a value."""
        there = pc.is_valid(self.column(columns[0]))
        for column in columns[1:]:
            there = pc.or_(there, pc.is_valid(self.column(column)))
        return there

    def refused(self, columns: Sequence[str], letters: int) -> pa.Array | None:
        """The first code of each row's cells that the reader refused or that are longer than so many letters, if there are any."""
        found: pa.Array | None = None
        for column in columns:
            for codes in (self._codes.get(column), _too_long(self.column(column), letters)):
                if codes is not None and codes.null_count < len(codes):
                    found = codes if found is None else pc.coalesce(found, codes)
        return found


def _too_long(column: pa.Array, letters: int) -> pa.Array | None:
    """``TOO_LONG`` on the texts, or lists with a text, of more letters; nothing where there is none."""
    if pa.types.is_list(column.type) and pa.types.is_string(column.type.value_type):
        codes = _too_long(pc.list_flatten(column), letters)
        if codes is None:
            return None
        rows = pc.list_parent_indices(column).filter(pc.is_valid(codes))
        return pc.if_else(pc.is_in(pa.array(range(len(column)), rows.type), rows), "TOO_LONG", pa.scalar(None, pa.string()))
    # A text has at most as many letters as bytes, which are known without a look at it.
    if not pa.types.is_string(column.type) or (pc.max(pc.binary_length(column)).as_py() or 0) <= letters:
        return None
    return pc.if_else(pc.greater(pc.utf8_length(column), letters), "TOO_LONG", pa.scalar(None, pa.string()))
