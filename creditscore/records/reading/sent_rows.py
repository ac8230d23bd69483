"""Rows as they were sent: a source is read a second time, in pieces, and only the rows that are asked for are kept."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from creditscore.config.sources import Limits, SourceSpec
from creditscore.records.columns.person_numbers import without_person_numbers
from creditscore.records.columns.personal import masked, personal_columns
from creditscore.records.columns.row_words import is_no_record, without_signed_names
from creditscore.records.columns.types import as_texts, one_array
from creditscore.records.reading.csv_files import physical_lines
from creditscore.records.reading.sources import open_source

#: Columns of ids and numbers of documents, some of which look like passports.
_NUMBERS = re.compile(r"号|编码|代码|(?:^|[^a-z])(?:id|no|code|number)(?:$|[^a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class SentRows:
    """Some rows of a source. Personal data is masked, be it needed by a rule or not: its sender has its own."""

    columns: tuple[str, ...]
    #: The columns that are masked.
    personal: tuple[str, ...]
    #: The cells of each row by its place in the file, in the order of ``columns``.
    cells: dict[int, tuple[str | None, ...]] = field(default_factory=dict)
    #: Lines that are no record, by place; None where the line cannot be shown without personal data.
    lines: dict[int, str | None] = field(default_factory=dict)
    #: Rows that are a total, a signature or a note by what their first filled cell says.
    no_records: set[int] = field(default_factory=set)


def sent_rows(source: SourceSpec, data: Path, *, rows: Collection[int], limits: Limits) -> SentRows:
    """Rows of a source as they were sent, every cell as text.

    Args:
        source: The source.
        data: The folder of its file.
        rows: Their places, as rejects name them.
        limits: What is refused at the door.

    Raises:
        DataError: The source cannot be read.
    """
    if source.of_session:  # its rows are not read a second time, and its owners find them by key
        return SentRows((), ())
    opened = open_source(source, data, limits)
    columns = tuple(name for name in opened.columns if name)
    personal = personal_columns(source, columns, needed=True)
    found = SentRows(columns, tuple(sorted(personal)))
    wanted, broken = np.array(sorted(rows), dtype=np.int64), set[int]()
    for piece in opened.pieces(list(columns)):
        broken |= {int(row) for row in piece.refused.rows[np.isin(piece.refused.rows, wanted)]}
        chosen = np.isin(piece.rows, wanted)
        if chosen.any():
            table = piece.table.filter(pa.array(chosen))
            texts = [_texts(table, name, personal.get(name)) for name in columns]
            rows_of = dict(zip(piece.rows[chosen].tolist(), zip(*texts, strict=True), strict=True))
            found.cells.update(rows_of)
            found.no_records.update(row for row, cells in rows_of.items() if is_no_record(next(filter(None, cells), "")))
    if opened.csv is not None and broken:
        for row, line in physical_lines(opened.csv.path, opened.csv.facts.encoding, broken):
            found.lines[row] = None if personal else without_signed_names(without_person_numbers(line))
            cells = line.replace(source.delimiter, " ").split()
            if is_no_record(cells[0] if cells else ""):
                found.no_records.add(row)
    return found


def _texts(table: pa.Table, name: str, kind: str | None) -> list[str | None]:
    column = one_array(table[name])
    if pa.types.is_list(column.type):
        return [None if cell is None else without_person_numbers(";".join(map(str, cell))) for cell in column.to_pylist()]
    if kind is not None:
        hidden: list[str | None] = masked(as_texts(column), kind).to_pylist()
        return hidden
    passports = _NUMBERS.search(name) is None
    return [
        None if text is None else without_signed_names(without_person_numbers(text, passports=passports))
        for text in as_texts(column).to_pylist()
    ]
