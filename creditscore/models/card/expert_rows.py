"""Rows of a table of expert points: Chinese or English headers, cells checked, rows counted as Excel does."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from creditscore.errors import DataError
from creditscore.models.card.attribute import AttributeKind
from creditscore.spreadsheet import read_sheet
from creditscore.vocabulary import Source

_HEADERS = {
    "变量名称": "variable", "下限": "lower", "上限": "upper", "类别": "category", "分数": "points", "对应分数": "points",
    "数据来源": "source", "变量含义": "label_zh",
}  # fmt: skip
_COLUMNS = ("variable", "lower", "upper", "category", "points", "source", "label_zh", "label_en")
_REQUIRED = ("variable", "points", "source")
_SOURCES: dict[str, Source] = {
    "base": "base", "public": "public", "industry": "industry", "market": "market", "self_declared": "self_declared",
    "基础": "base", "公共": "public", "行业": "industry", "市场": "market", "自主申报": "self_declared",
}  # fmt: skip
_KINDS: dict[str, AttributeKind] = {
    "missing": "missing", "缺失": "missing", "缺失值": "missing", "other": "other", "其他": "other",
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One attribute; ``number`` counts from the header, which is row 1."""

    number: int
    variable: str
    kind: AttributeKind
    start: float
    end: float
    values: tuple[str, ...]
    points: int
    source: Source | None
    source_text: str
    label_zh: str
    label_en: str


def read_rows(table: pd.DataFrame | str | Path) -> list[Row]:
    """The rows of a frame or of the first sheet of a workbook.

    Raises:
        DataError: The workbook is absent or is none, a column is unknown or absent, or a cell is not what its column holds.
    """
    if not isinstance(table, pd.DataFrame):
        return _rows_of_workbook(Path(table))
    columns = _columns(table.columns)
    rows = table.itertuples(index=False, name=None)
    return [_row(number, dict(zip(columns, row, strict=True))) for number, row in enumerate(rows, start=2)]


def _rows_of_workbook(path: Path) -> list[Row]:
    """Rows of the first sheet by their number in Excel; blank rows are left out."""
    rows = read_sheet(path)
    if not rows:
        raise DataError(f"expert points: {path}: expected rows below the header (got none)")
    columns = _columns(rows[0])
    return [
        _row(next(iter(row.values())).row, dict(zip(columns, (cell.value for cell in row.values()), strict=True))) for row in rows
    ]


def _columns(headers: Iterable[object]) -> list[str]:
    """The names of columns in English."""
    columns = [_HEADERS.get(str(header).strip(), str(header).strip()) for header in headers]
    if set(columns) - set(_COLUMNS) or set(_REQUIRED) - set(columns) or len(set(columns)) < len(columns):
        raise DataError(f"expert points: expected columns {', '.join(_COLUMNS)}, each once (found {', '.join(columns)})")
    return columns


def _row(number: int, record: dict[Any, Any]) -> Row:
    variable = _text(record.get("variable"))
    if not variable:
        raise DataError(f"expert points: row {number}: expected the name of a variable (the cell is empty)")
    category = _text(record.get("category"))
    lower, upper = (_float(record.get(side), number, side) for side in ("lower", "upper"))
    if category and (lower is not None or upper is not None):
        raise DataError(f"expert points: row {number}: {variable}: expected a category or lower and upper, not both")
    kind: AttributeKind = _KINDS.get(category.lower(), "category") if category else "interval"
    source = _text(record.get("source"))
    return Row(
        number=number,
        variable=variable,
        kind=kind,
        start=-math.inf if lower is None else lower,
        end=math.inf if upper is None else upper,
        values=tuple(part.strip() for part in category.split("|") if part.strip()) if kind == "category" else (),
        points=_points(record.get("points"), number, variable),
        source=_SOURCES.get(source),
        source_text=source,
        label_zh=_text(record.get("label_zh")),
        label_en=_text(record.get("label_en")),
    )


def _is_empty(cell: object) -> bool:
    return cell is None or bool(pd.isna(cell)) or (isinstance(cell, str) and not cell.strip())  # type: ignore[call-overload]


def _text(cell: object) -> str:
    return "" if _is_empty(cell) else str(cell).strip()


def _float(cell: Any, number: int, column: str) -> float | None:
    if _is_empty(cell):
        return None
    try:
        value = float(cell)
    except (TypeError, ValueError):
        value = math.nan
    if math.isnan(value) or isinstance(cell, bool):
        raise DataError(f"expert points: row {number}: {column}: expected a number or an empty cell (got {cell!r})")
    return None if math.isinf(value) else value


def _points(cell: Any, number: int, variable: str) -> int:
    value = _float(cell, number, "points")
    if value is None or value != int(value):
        raise DataError(f"expert points: row {number}: {variable}: points: expected a whole number (got {cell!r})")
    return int(value)
