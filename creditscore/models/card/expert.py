"""A scorecard from a table of points that an authority wrote itself: checked row by row, no data needed."""

import math
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import pandas as pd
from pydantic import ValidationError

from creditscore.config.base import Label
from creditscore.config.scorecards import Scaling
from creditscore.errors import DataError
from creditscore.models.card.attribute import Attribute, Characteristic
from creditscore.models.card.data import Card
from creditscore.models.card.expert_rows import Row, read_rows
from creditscore.models.card.reasons import best
from creditscore.vocabulary import Source

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
        DataError: naming the rows (as Excel counts them, the header is row 1) and what was expected.
    """
    rows = read_rows(table)
    base = [row for row in rows if row.variable in _BASE]
    if len(base) != 1:
        raise DataError(f"expert points: expected one row base (基础分) with the constant (found {len(base)}: rows {_at(base)})")
    groups: dict[str, list[Row]] = {}
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
        raise DataError(f"expert points: {error.errors(include_url=False)[0]['msg']}") from None


def _characteristic(variable: str, rows: list[Row], scaling: Scaling) -> Characteristic:
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
        raise DataError(f"expert points: rows {_at(rows)}: {error.errors(include_url=False)[0]['msg']}") from None


def _is_text(variable: str, rows: list[Row]) -> bool:
    kinds = Counter(row.kind for row in rows)
    if kinds["interval"] and kinds["category"]:
        raise DataError(f"expert points: rows {_at(rows)}: {variable} has both bins of numbers and categories; expected one")
    text = kinds["interval"] == 0
    for kind in ("missing", "other") if text else ("missing",):
        if kinds[kind] != 1:
            raise DataError(f"expert points: rows {_at(rows)}: {variable}: expected one row {kind} (found {kinds[kind]})")
    if not text and kinds["other"]:
        raise DataError(f"expert points: rows {_at(rows)}: {variable} has bins of numbers; other is for categories")
    return text


def _source(variable: str, rows: list[Row]) -> Source:
    for row in rows:
        if row.source is None:
            known = ", ".join(get_args(Source))
            raise DataError(
                f"expert points: row {row.number}: {variable}: source: expected one of {known} (got {row.source_text!r})"
            )
    sources = sorted({row.source for row in rows if row.source is not None})
    if len(sources) > 1:
        raise DataError(f"expert points: rows {_at(rows)}: {variable}: expected one source (got {', '.join(sources)})")
    return sources[0]


def _intervals(variable: str, rows: list[Row]) -> list[Row]:
    found = sorted((row for row in rows if row.kind == "interval"), key=lambda row: (row.start, row.end))
    for row in found:
        if not row.start < row.end:
            raise DataError(f"expert points: row {row.number}: {variable}: expected lower < upper")
    for before, after in pairwise(found):
        if after.start != before.end:
            fault = "overlap" if after.start < before.end else "leave a gap"
            raise DataError(f"expert points: rows {before.number} and {after.number}: {variable}: the bins {fault}")
    for row, edge, side in ((found[0], found[0].start, "lower"), (found[-1], found[-1].end, "upper")):
        if not math.isinf(edge):
            raise DataError(
                f"expert points: row {row.number}: {variable}: expected an empty {side} (got {edge!r}): all values need a bin"
            )
    return found


def _categories(variable: str, rows: list[Row]) -> list[Row]:
    found = [row for row in rows if row.kind == "category"]
    seen: dict[str, int] = {}
    for row in found:
        for value in row.values:
            if value in seen:
                raise DataError(f"expert points: rows {seen[value]} and {row.number}: {variable}: the category stands in both")
            seen[value] = row.number
    return found


def _attribute(row: Row, scaling: Scaling) -> Attribute:
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


def _label(variable: str, rows: list[Row]) -> Label:
    zh = next((row.label_zh for row in rows if row.label_zh), variable)
    return Label(zh=zh, en=next((row.label_en for row in rows if row.label_en), variable))


def _trend(rows: list[Row]) -> str:
    points = [row.points for row in rows]
    if points == sorted(points, reverse=True):
        return "higher_is_riskier"
    return "lower_is_riskier" if points == sorted(points) else "none"


def _at(rows: list[Row]) -> str:
    return ", ".join(str(row.number) for row in rows)
