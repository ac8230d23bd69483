"""The codes that are asked for: words of the command line, and a file's."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from creditscore.errors import DataError

if TYPE_CHECKING:
    from creditscore.pipeline.folder import RunFolder

#: A unified social credit code or an old registration number, right or wrong.
_CODE = re.compile(r"[0-9A-Z]{18}|[0-9]{15}")
#: A spreadsheet keeps so many digits of a number; the rest of a longer one is lost.
_DIGITS = 15


def codes_asked(words: list[str], file: Path | None, *, run: RunFolder) -> list[str]:
    """The codes in the order given, those of the command line first.

    Args:
        words: Codes.
        file: A text with one code a line, or a table (.csv, .xlsx) with the codes in its first column; a first line
            without any digit is a heading.
        run: Where codes of another form are known.

    Raises:
        DataError: There is none; a word is no code but the name of a file; the file cannot be read.
    """
    for word in words:
        if Path(word).is_file() and not _is_code(word, run):
            raise DataError(f"lookup: expected codes (got the file {word}); name a file with --file")
    codes = [*(word.strip() for word in words), *([] if file is None else _of_file(file))]
    found = [code for code in codes if code]
    if not found:
        raise DataError("lookup: expected codes, or a file of codes with --file (got none)")
    return found


def _is_code(word: str, run: RunFolder) -> bool:
    import pyarrow as pa

    from creditscore.batch import read_parquet
    from creditscore.records.identity import compact

    plain = compact(pa.array([word], pa.string())).to_pylist()[0]
    return plain is not None and (
        bool(_CODE.fullmatch(plain)) or plain in read_parquet(run.file("tiers.parquet"))["subject_id"].to_pylist()
    )


def _of_file(path: Path) -> list[str]:
    """The codes of a file, its heading apart."""
    if not path.is_file():
        raise DataError(f"{path}: expected a file of codes (got {'a folder' if path.is_dir() else 'nothing'})")
    cells = _of_workbook(path) if path.suffix.lower() == ".xlsx" else _of_text(path)
    codes = [code for code in (cell.strip() for cell in cells) if code]
    return codes[1:] if codes and not any(letter.isdecimal() for letter in codes[0]) else codes


def _of_text(path: Path) -> Iterator[str]:
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: expected UTF-8 (got byte {error.start} that is not)") from None
    if path.suffix.lower() != ".csv":
        return iter(lines)
    return (row[0] for row in csv.reader(lines) if row)


def _of_workbook(path: Path) -> Iterator[str]:
    from creditscore.spreadsheet.read import read_table

    table = read_table(path)
    column = [] if table.empty and not len(table.columns) else [table.columns[0], *table.iloc[:, 0].astype(object)]
    for place, cell in enumerate(column, start=1):
        if not isinstance(cell, str) and len(f"{cell:.0f}") > _DIGITS:
            raise DataError(f"{path} row {place}: expected a code kept as text (got a number that has lost digits)")
        yield cell if isinstance(cell, str) else f"{cell:.0f}"
