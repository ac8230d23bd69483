"""Text files that are handed to commands, small ones, by the laws of the sources: encoding, lines, quotes and header."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from creditscore.config.sources import Limits
from creditscore.records.columns.headers import check_header
from creditscore.records.reading.csv_files import CsvFile, open_csv, refuse_lines
from creditscore.records.reading.encodings import examine, utf8_blocks
from creditscore.records.reading.error_cells import error_cells, refuse_cells
from creditscore.records.reading.text_lines import lines_of


def read_text_table(path: Path, *, encoding: str = "auto") -> pa.Table:
    """A CSV with a header; every cell is a text, and an empty one is missing.

    Args:
        path: The file.
        encoding: Of the file, where its bytes do not prove it.

    Raises:
        DataError: The encoding is not proven or does not hold throughout; a column has no name or that of another one;
            a line is no record, or a cell holds the text of an error of a spreadsheet.
    """
    file = _opened(path, encoding)
    check_header(file.header, file=path.name, limit=Limits().columns, typed=True)
    return _whole(file)


def read_text_columns(path: Path, *, encoding: str = "auto") -> tuple[str, ...]:
    """The names of the columns of a CSV.

    Raises:
        DataError: As :func:`read_text_table`, of lines only the header.
    """
    header = _opened(path, encoding).header
    check_header(header, file=path.name, limit=Limits().columns, typed=True)
    return header


def read_first_column(path: Path, *, encoding: str = "auto") -> list[str]:
    """The first column of a CSV, the header its first cell; "" where a cell is empty.

    Raises:
        DataError: As :func:`read_text_table`; a column may have no name.
    """
    file = _opened(path, encoding)
    first = file.header[0]
    return [first, *(cell or "" for cell in _whole(file, [first]).column(0).to_pylist())]


def read_text_lines(path: Path, *, encoding: str = "auto") -> list[str]:
    """The lines of a text, without their ends.

    Raises:
        DataError: The encoding is not proven or does not hold throughout.
    """
    found: list[str] = []
    for block in utf8_blocks(path, examine(path, encoding).encoding):
        lines = lines_of(block)
        found += (lines.text(number) for number in range(len(lines)))
    return found


def _opened(path: Path, encoding: str) -> CsvFile:
    return open_csv(path, examine(path, encoding), ",")


def _whole(file: CsvFile, wanted: list[str] | None = None) -> pa.Table:
    tables = []
    for piece in file.pieces(list(file.header) if wanted is None else wanted):
        refuse_lines(piece, file.path.name, fields=len(file.header))
        refuse_cells(replace(piece, cells=error_cells(piece.table)), file.path.name)
        tables.append(piece.table)
    return pa.concat_tables(tables)
