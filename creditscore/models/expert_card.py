"""A scorecard from a table of points that an authority wrote itself: checked row by row, no data needed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import pandas as pd
from pydantic import ValidationError

from creditscore.config.scorecards import Scaling
from creditscore.config.spec import Label
from creditscore.errors import DataError
from creditscore.models.card import Card
from creditscore.models.characteristic import Attribute, AttributeKind, Characteristic
from creditscore.models.reasons import best
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
class _Row:
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


def _read_rows(table: pd.DataFrame | str | Path) -> list[_Row]:
    """The rows of a frame or of the first sheet of a workbook.

    Raises:
        DataError: The workbook is absent or is none, a column is unknown or absent, or a cell is not what its column holds.
    """
    if not isinstance(table, pd.DataFrame):
        return _rows_of_workbook(Path(table))
    columns = _columns(table.columns)
    rows = table.itertuples(index=False, name=None)
    return [_row(number, dict(zip(columns, row, strict=True))) for number, row in enumerate(rows, start=2)]


def _rows_of_workbook(path: Path) -> list[_Row]:
    """Rows of the first sheet by their number in Excel; blank rows are left out."""
    rows = read_sheet(path)
    if not rows:
        raise DataError("expert points: {path}: expected rows below the header (got none)", path=path)
    columns = _columns(rows[0])
    return [
        _row(next(iter(row.values())).row, dict(zip(columns, (cell.value for cell in row.values()), strict=True))) for row in rows
    ]


def _columns(headers: Iterable[object]) -> list[str]:
    """The names of columns in English."""
    columns = [_HEADERS.get(str(header).strip(), str(header).strip()) for header in headers]
    if set(columns) - set(_COLUMNS) or set(_REQUIRED) - set(columns) or len(set(columns)) < len(columns):
        raise DataError(
            "expert points: expected columns {known}, each once (found {columns})",
            known=", ".join(_COLUMNS),
            columns=", ".join(columns),
        )
    return columns


def _row(number: int, record: dict[Any, Any]) -> _Row:
    variable = _text(record.get("variable"))
    if not variable:
        raise DataError("expert points: row {number}: expected the name of a variable (the cell is empty)", number=number)
    category = _text(record.get("category"))
    lower, upper = (_float(record.get(side), number, side) for side in ("lower", "upper"))
    if category and (lower is not None or upper is not None):
        raise DataError(
            "expert points: row {number}: {variable}: expected a category or lower and upper, not both",
            number=number,
            variable=variable,
        )
    kind: AttributeKind = _KINDS.get(category.lower(), "category") if category else "interval"
    source = _text(record.get("source"))
    return _Row(
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
    if not math.isfinite(value) or isinstance(cell, bool):
        raise DataError(
            "expert points: row {number}: {column}: expected a number or an empty cell (got {cell!r})",
            number=number,
            column=column,
            cell=cell,
        )
    return value


def _points(cell: Any, number: int, variable: str) -> int:
    value = _float(cell, number, "points")
    if value is None or value != int(value):
        raise DataError(
            "expert points: row {number}: {variable}: points: expected a whole number (got {cell!r})",
            number=number,
            variable=variable,
            cell=cell,
        )
    return int(value)


_BASE = ("base", "基础分")


def from_table(table: pd.DataFrame | str | Path, *, name: str, industry: str, scaling: Scaling) -> Card:
    """The card of a frame, or of the first sheet of an Excel workbook, with one row per attribute.

    ==============  ==================  ==========================================================
    column          Chinese             content
    ==============  ==================  ==========================================================
    variable        变量名称            feature; one row ``base`` (基础分) has the constant
    lower, upper    下限, 上限          bin ``[lower, upper)`` of a number; empty is an open end
    category        类别                texts of a bin, ``|`` between them; ``missing`` (缺失), ``other`` (其他)
    points          分数                whole number, more is safer
    source          数据来源            base, public, industry, market, self_declared (or in Chinese)
    label_zh        变量含义            optional, as is label_en
    ==============  ==================  ==========================================================

    Each number needs bins without gap or overlap and a row ``missing``; each text rows ``missing`` and
    ``other``. Reasons compare with the best attribute. The probability is the scale's, not estimated.

    Raises:
        DataError: Naming the rows (as Excel counts them, the header is row 1) and what was expected.
    """
    rows = _read_rows(table)
    base = [row for row in rows if row.variable in _BASE]
    if len(base) != 1:
        raise DataError(
            "expert points: expected one row base (基础分) with the constant (found {count}: rows {at})",
            count=len(base),
            at=_at(base),
        )
    groups: dict[str, list[_Row]] = {}
    for row in rows:
        if row not in base:
            groups.setdefault(row.variable, []).append(row)
    if not groups:
        raise DataError("expert points: expected rows of at least one variable besides base")
    characteristics = tuple(_characteristic(variable, group, scaling) for variable, group in groups.items())
    try:
        card = Card(
            name=name,
            industry=industry,
            scaling=scaling,
            constant=base[0].points,
            characteristics=characteristics,
            training={"origin": "expert points"},
            representative=False,
        )
        return card.model_copy(update={"baselines": (best(card),)})
    except ValidationError as error:
        raise DataError("expert points: {reason}", reason=error.errors(include_url=False)[0]["msg"]) from None


def _characteristic(variable: str, rows: list[_Row], scaling: Scaling) -> Characteristic:
    source = _source(variable, rows)
    text = _is_text(variable, rows)
    main = _categories(variable, rows) if text else _intervals(variable, rows)
    rest = [row for kind in ("missing", "other") for row in rows if row.kind == kind]
    try:
        return Characteristic(
            name=variable,
            label=_label(variable, rows),
            source=source,
            kind="text" if text else "number",
            trend="none" if text else _trend(main),
            coefficient=1.0,
            information_value=0.0,
            attributes=tuple(_attribute(row, scaling) for row in [*main, *rest]),
        )
    except ValidationError as error:
        raise DataError(
            "expert points: rows {at}: {message}", at=_at(rows), message=error.errors(include_url=False)[0]["msg"]
        ) from None


def _is_text(variable: str, rows: list[_Row]) -> bool:
    kinds = Counter(row.kind for row in rows)
    if kinds["interval"] and kinds["category"]:
        raise DataError(
            "expert points: rows {at}: {variable} has both bins of numbers and categories; expected one",
            at=_at(rows),
            variable=variable,
        )
    text = kinds["interval"] == 0
    for kind in ("missing", "other") if text else ("missing",):
        if kinds[kind] != 1:
            raise DataError(
                "expert points: rows {at}: {variable}: expected one row {kind} (found {count})",
                at=_at(rows),
                variable=variable,
                kind=kind,
                count=kinds[kind],
            )
    if not text and kinds["other"]:
        raise DataError(
            "expert points: rows {at}: {variable} has bins of numbers; other is for categories", at=_at(rows), variable=variable
        )
    return text


def _source(variable: str, rows: list[_Row]) -> Source:
    for row in rows:
        if row.source is None:
            known = ", ".join(get_args(Source))
            raise DataError(
                "expert points: row {number}: {variable}: source: expected one of {known} (got {source_text!r})",
                number=row.number,
                variable=variable,
                known=known,
                source_text=row.source_text,
            )
    sources = sorted({row.source for row in rows if row.source is not None})
    if len(sources) > 1:
        raise DataError(
            "expert points: rows {at}: {variable}: expected one source (got {sources})",
            at=_at(rows),
            variable=variable,
            sources=", ".join(sources),
        )
    return sources[0]


def _intervals(variable: str, rows: list[_Row]) -> list[_Row]:
    intervals = sorted((row for row in rows if row.kind == "interval"), key=lambda row: (row.start, row.end))
    for row in intervals:
        if not row.start < row.end:
            raise DataError("expert points: row {number}: {variable}: expected lower < upper", number=row.number, variable=variable)
    for before, after in pairwise(intervals):
        if after.start != before.end:
            fault = "overlap" if after.start < before.end else "leave a gap"
            raise DataError(
                "expert points: rows {number} and {after_number}: {variable}: the bins {fault}",
                number=before.number,
                after_number=after.number,
                variable=variable,
                fault=fault,
            )
    for row, edge, side in ((intervals[0], intervals[0].start, "lower"), (intervals[-1], intervals[-1].end, "upper")):
        if not math.isinf(edge):
            raise DataError(
                "expert points: row {number}: {variable}: expected an empty {side} (got {edge!r}): all values need a bin",
                number=row.number,
                variable=variable,
                side=side,
                edge=edge,
            )
    return intervals


def _categories(variable: str, rows: list[_Row]) -> list[_Row]:
    categories = [row for row in rows if row.kind == "category"]
    row_of: dict[str, int] = {}
    for row in categories:
        for value in row.values:
            if value in row_of:
                raise DataError(
                    "expert points: rows {first} and {number}: {variable}: the category is in both",
                    first=row_of[value],
                    number=row.number,
                    variable=variable,
                )
            row_of[value] = row.number
    return categories


def _attribute(row: _Row, scaling: Scaling) -> Attribute:
    labels: dict[str, Any] = {
        "interval": f"[{'-∞' if math.isinf(row.start) else f'{row.start:g}'}, {'∞' if math.isinf(row.end) else f'{row.end:g}'})",
        "category": ", ".join(row.values),
    }
    return Attribute(
        kind=row.kind,
        lower=None if math.isinf(row.start) else row.start,
        upper=None if math.isinf(row.end) else row.end,
        values=row.values,
        label=labels.get(row.kind, row.kind.capitalize()),
        rows=0,
        weight=0.0,
        woe=row.points * math.log(2) / scaling.pdo,
        points=row.points,
    )


def _label(variable: str, rows: list[_Row]) -> Label:
    zh = next((row.label_zh for row in rows if row.label_zh), variable)
    return Label(zh=zh, en=next((row.label_en for row in rows if row.label_en), variable))


def _trend(rows: list[_Row]) -> str:
    points = [row.points for row in rows]
    if points == sorted(points, reverse=True):
        return "higher_is_riskier"
    return "lower_is_riskier" if points == sorted(points) else "none"


def _at(rows: list[_Row]) -> str:
    return ", ".join(str(row.number) for row in rows)
