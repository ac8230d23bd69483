"""Write values into single cells of a workbook, as a person would; formats, filters and drop-downs stay."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def fill_cells(path: Path, values: Mapping[str, Any], *, out: Path) -> None:
    """Copy a workbook with some cells filled in.

    Args:
        path: The workbook.
        values: By address such as ``抽查名单!E7``.
        out: The copy.
    """
    import openpyxl

    book = openpyxl.load_workbook(path)
    for address, value in values.items():
        sheet, _, cell = address.rpartition("!")
        book[sheet][cell] = value
    out.parent.mkdir(parents=True, exist_ok=True)
    book.save(out)
