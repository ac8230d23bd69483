"""Errors of a spreadsheet, such as ``#N/A``: cells that hold no value, whatever kind of file they were saved in."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.errors import DataError
from creditscore.records.columns.types import one_array, text_bytes
from creditscore.records.reading.csv_files import Piece
from creditscore.spreadsheet.cells import ERROR_CELL
from creditscore.spreadsheet.read import CELL_FAULTS

#: What spreadsheet programs show in place of a value, as they save it in a text file: the errors of ECMA-376 (18.11.1, t="e"),
#: later ones of Excel, those of LibreOffice by number, and the signs that fill a column that is too narrow.
_NAMES = (
    "NULL!", "DIV/0!", "VALUE!", "REF!", "NAME\\?", "NUM!", "N/A", "GETTING_DATA", "SPILL!", "CALC!", "FIELD!", "BLOCKED!",
    "CONNECT!", "UNKNOWN!", "BUSY!", "EXTERNAL!", "PYTHON!",
)  # fmt: skip
_ERROR = rf"(?i)^[\s\x{{a0}}\x{{3000}}]*(?:[#＃](?:{'|'.join(_NAMES)})|#{{3,}}|(?:Err|错误):[0-9]{{3}})[\s\x{{a0}}\x{{3000}}]*$"
#: One of these bytes is in each of them, and one of these signs. Single bytes are found ten times as fast; mostly there are none.
_BYTES = (b"#", b":", b"\xef")
_SIGNS = tuple(sign.encode() for sign in ("#", "＃", "rr:", "RR:", "错误:"))


def error_cells(table: pa.Table) -> dict[str, pa.Array]:
    """By column of texts, ``ERROR_CELL`` where a cell is the text of an error; columns without any are left out."""
    found = {}
    for name in table.column_names:
        column = one_array(table[name])
        if not pa.types.is_string(column.type) or column.null_count == len(column):
            continue
        letters = text_bytes(column).tobytes()
        if not any(byte in letters for byte in _BYTES) or not any(sign in letters for sign in _SIGNS):
            continue
        errors = pc.fill_null(pc.match_substring_regex(column, _ERROR), False)
        if errors.true_count:
            found[name] = pc.if_else(errors, ERROR_CELL, pa.scalar(None, pa.string()))
    return found


def with_error_cells(cells: Mapping[str, pa.Array], table: pa.Table) -> dict[str, pa.Array]:
    """Codes of refused cells, with those of :func:`error_cells`."""
    both = dict(cells)
    for name, codes in error_cells(table).items():
        both[name] = pc.coalesce(both[name], codes) if name in both else codes
    return both


def refuse_cells(piece: Piece, file: str) -> None:
    """Refuse a file to look up in with a cell that its reader refused.

    Raises:
        DataError: With row and column of the first.
    """
    for column, codes in piece.cells.items():
        at = np.flatnonzero(codes.is_valid().to_numpy(zero_copy_only=False))
        if len(at):
            raise DataError(
                "{file}: row {row}, {column}: {fault}",
                file=file,
                row=int(piece.rows[at[0]]),
                column=column,
                fault=CELL_FAULTS[codes[int(at[0])].as_py()],
            )
