"""Rows of a table of expert points: Chinese or English headers, cells checked, rows counted as Excel does."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from creditscore.config.base import Source
from creditscore.errors import DataError
from creditscore.models.card.attribute import AttributeKind

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
        DataError: when a column is unknown or absent, or a cell is not what its column holds.
    """
    frame = table if isinstance(table, pd.DataFrame) else _workbook(Path(table))
    frame = frame.rename(columns=lambda name: _HEADERS.get(str(name).strip(), str(name).strip()))
    unknown = [str(name) for name in frame.columns if name not in _COLUMNS]
    absent = [name for name in _REQUIRED if name not in frame.columns]
    if unknown or absent or frame.columns.has_duplicates:
        found = ", ".join(map(str, frame.columns))
        raise DataError(f"expert points: expected columns {', '.join(_COLUMNS)}, each once (found {found})")
    return [_row(number, record) for number, record in enumerate(frame.to_dict("records"), start=2)]


def _workbook(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise DataError(f"expert points: {path}: no such file")
    try:
        # Texts stay what they are: "NA" may be a category.
        return pd.read_excel(path, dtype=object, keep_default_na=False, na_values=[""])
    except (ValueError, OSError, KeyError) as error:
        raise DataError(f"expert points: {path}: expected an Excel workbook ({type(error).__name__})") from None


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
