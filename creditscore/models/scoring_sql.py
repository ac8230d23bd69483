"""A scorecard as an expression: the same whole numbers from DuckDB, Spark and PostgreSQL as in memory.

Every comparison that is NULL falls through to the next branch on all engines, and NaN is greater than
every number on all of them; hence Missing is in the ELSE, behind a test for the largest float.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from creditscore.errors import DataError
from creditscore.models import scoring
from creditscore.models.card import Card
from creditscore.models.characteristic import Attribute, Characteristic
from creditscore.models.reasons import KEY, baselines, codes_of
from creditscore.vocabulary import SOURCES

if TYPE_CHECKING:
    import ibis.expr.types as ir


def _with_reasons(scored: ir.Table, names: tuple[str, ...], *, top: int) -> ir.Table:
    """``scored`` (columns ``k_<name>``) with ``reason_1`` ... ``reason_<top>``.

    Every characteristic has a key, ``gap * 1000 + number of the name``, above 1000 where points are lost.
    Keys of one row differ, so the next reason is the greatest key below the last.
    """
    import ibis

    zero, last = ibis.literal(0, type="int32"), None
    for rank in range(1, top + 1):
        keys = [scored[f"k_{name}"] for name in names]
        if last is not None:
            keys = [ibis.cases((key < scored[last], key), else_=zero) for key in keys]
        last = f"r_{rank}"
        scored = scored.mutate(**{last: ibis.greatest(zero, *keys) if keys else zero})
    return scored.mutate(**{f"reason_{rank}": _name(scored[f"r_{rank}"], names) for rank in range(1, top + 1)})


def _key(scored: ir.Table, card: Card, name: str, code: int) -> ir.IntegerValue:
    import ibis

    if name not in card.features:
        return ibis.literal(0, type="int32")
    gap = _baseline(scored.score, card, name) - scored[f"p_{name}"]
    return gap * ibis.literal(KEY, type="int32") + code


def _baseline(score: ir.IntegerValue, card: Card, name: str) -> ir.IntegerValue:
    import ibis

    with_cut, default = baselines(card)
    points = [baseline.points[name] for baseline in with_cut]
    if set(points) <= {default.points[name]}:
        return ibis.literal(default.points[name], type="int32")
    branches = [(score < baseline.above_score, ibis.literal(baseline.points[name], type="int32")) for baseline in with_cut]
    return ibis.cases(*branches, else_=ibis.literal(default.points[name], type="int32"))


def _name(key: ir.IntegerValue, names: tuple[str, ...]) -> ir.StringValue:
    import ibis

    if not names:
        return ibis.null("string")
    nothing = (key < ibis.literal(KEY, type="int32"), ibis.null("string"))
    of_key = key % ibis.literal(KEY, type="int32")
    return ibis.cases(
        nothing, *((of_key == code, ibis.literal(name)) for name, code in codes_of(names).items()), else_=ibis.null("string")
    )


#: Below this every whole float is an integer literal without loss.
_EXACT = 2**53
ScoringDialect = Literal["duckdb", "spark", "postgres"]
_KEYS = ("subject_id", "as_of", "industry")
_DIALECTS: dict[ScoringDialect, Literal["duckdb", "pyspark", "postgres"]] = {
    "duckdb": "duckdb",
    "spark": "pyspark",
    "postgres": "postgres",
}


def score_expression(table: ir.Table, card: Card, *, keys: tuple[str, ...] = _KEYS, top: int = 4) -> ir.Table:
    """The columns of ``scores.parquet``, one row per row of ``table``, in no order.

    ``keys`` are passed on; then scorecard (sha256), score, probability_ppm, points_base (with the
    constant), points_public, points_industry, points_market, points_self_declared (int32, their sum
    is the score) and reason_1 ... reason_<top> (names of characteristics, NULL where fewer). Reasons
    are most of the work; ``top=0`` leaves them out.

    Raises:
        DataError: The table lacks a column, or has texts for numbers or the reverse.
    """
    return cards_expression([(table, card)], keys=keys, top=top)


def cards_expression(parts: Sequence[tuple[ir.Table, Card]], *, keys: tuple[str, ...] = _KEYS, top: int = 4) -> ir.Table:
    """The columns of :func:`score_expression` for several tables, each with its card, as one expression.

    Reasons are looked for once, among the characteristics of all cards: to compile them takes longer than all points of a card.

    Raises:
        DataError: A table lacks a column, or has texts for numbers or the reverse; or no part is given.
    """
    if not parts:
        raise DataError("scores: expected tables with their cards (got none)")
    names = tuple(sorted({name for _table, card in parts for name in card.features})) if top else ()
    if len(names) >= KEY:  # the numbers of names would run into the points
        return reduce(_union, (score_expression(table, card, keys=keys, top=top) for table, card in parts))
    scored = reduce(_union, (_scored(table, card, keys, names) for table, card in parts))
    columns = [name for name in scored.columns if name not in {f"k_{one}" for one in names}]
    return _with_reasons(scored, names, top=top).select(*columns, *[f"reason_{rank}" for rank in range(1, top + 1)])


def _union(first: ir.Table, second: ir.Table) -> ir.Table:
    return first.union(second)


def _scored(table: ir.Table, card: Card, keys: tuple[str, ...], names: tuple[str, ...]) -> ir.Table:
    """Keys, card, score, risk and blocks, and the key of each of ``names`` among the reasons; see :func:`_with_reasons`."""
    import ibis

    scored = _with_score(_with_points(table, card, keys), card)
    blocks = [_block(scored, card, source).cast("int32").name(f"points_{source}") for source in SOURCES]
    return scored.select(
        *keys,
        ibis.literal(card.sha256).name("scorecard"),
        scored.score.cast("int32").name("score"),
        _ppm(scored.score, card).name("probability_ppm"),
        *blocks,
        *(_key(scored, card, name, code).cast("int32").name(f"k_{name}") for name, code in codes_of(names).items()),
    )


def points_expression(table: ir.Table, card: Card, *, keys: tuple[str, ...] = ("subject_id", "as_of")) -> ir.Table:
    """``keys``, ``p_<characteristic>`` of each, block subtotals, score and probability_ppm, one row per row."""
    scored = _with_score(_with_points(table, card, keys), card)
    points = [scored[f"p_{name}"].cast("int32").name(f"p_{name}") for name in card.features]
    blocks = [_block(scored, card, source).cast("int32").name(f"points_{source}") for source in SOURCES]
    total = scored.score.cast("int32").name("score")
    return scored.select(*keys, *points, *blocks, total, _ppm(scored.score, card).name("probability_ppm"))


def position_counts(table: ir.Table, card: Card) -> ir.Table:
    """How many rows of a table are in each attribute of a card: ``characteristic, position, rows`` in no order.

    ``characteristic`` is its place in the card, ``position`` that of the attribute in it; attributes without rows have none.

    Raises:
        DataError: The table has texts for numbers or the reverse.
    """
    import ibis

    parts = []
    for place, one in enumerate(card.characteristics):
        numbered = _numbered(one, np.arange(len(one.attributes)))
        position = _points(table[one.name], numbered) if one.kind != "cross" else _cross_points(table, card, numbered)
        found = table.select(position=position.cast("int32"))
        counted = found.group_by("position").aggregate(rows=found.count())
        parts.append(counted.select(_whole(place).cast("int32").name("characteristic"), "position", "rows"))
    return ibis.union(*parts) if len(parts) > 1 else parts[0]


def to_sql(card: Card, dialect: ScoringDialect = "duckdb", *, table: str = "features") -> str:
    """The text of :func:`points_expression` over a table with ``subject_id``, ``as_of`` and the card's columns.

    Raises:
        DataError: The dialect is none of duckdb, spark and postgres, or the table no plain name.
    """
    import ibis

    from creditscore.engine import checked_name, compile_sql

    if dialect not in _DIALECTS:
        raise DataError("to_sql: expected one of {known} (got {dialect!r})", known=", ".join(_DIALECTS), dialect=dialect)
    columns = {one.name: "float64" if one.kind == "number" else "string" for one in card.read}
    unbound = ibis.table({"subject_id": "string", "as_of": "date", **columns}, name=checked_name(table))
    head = f"-- {card.format} sha256 {card.sha256}; a higher score is a lower risk\n"
    return head + compile_sql(points_expression(unbound, card), _DIALECTS[dialect]) + "\n"


def _with_points(table: ir.Table, card: Card, keys: tuple[str, ...]) -> ir.Table:
    folded = [name.casefold() for name in card.features]
    alike = sorted(name for name in card.features if folded.count(name.casefold()) > 1)
    if alike:
        raise DataError(
            "scorecard {name}: columns {alike} differ in capital letters only, which SQL does not tell apart",
            name=card.name,
            alike=", ".join(alike),
        )
    missing = [name for name in (*keys, *card.columns) if name not in table.columns]
    if missing:
        raise DataError("scorecard {name}: columns missing from the table: {missing}", name=card.name, missing=", ".join(missing))
    points = [
        _points(table[one.name], one) if one.kind != "cross" else _cross_points(table, card, one) for one in card.characteristics
    ]
    return table.select(*keys, *[of.name(f"p_{one.name}") for of, one in zip(points, card.characteristics, strict=True)])


def _with_score(points: ir.Table, card: Card) -> ir.Table:
    return points.mutate(score=_sum([points[f"p_{name}"] for name in card.features], card.constant))


def _block(points: ir.Table, card: Card, source: str) -> ir.IntegerValue:
    own = [points[f"p_{one.name}"] for one in card.characteristics if one.source == source]
    return _sum(own, card.constant if source == "base" else 0)


def _sum(parts: list[ir.IntegerValue], constant: int) -> ir.IntegerValue:
    return reduce(add, parts if parts and not constant else [_whole(constant), *parts])


def _cross_points(table: ir.Table, card: Card, one: Characteristic) -> ir.IntegerValue:
    """Points of the cell: each side becomes the number of its group, and the pair of numbers decides."""
    import ibis

    sides = card.sides_of(one)
    cells = scoring.cells_of(one, *(len(side.attributes) for side in sides))
    points = np.array([cell.points for cell in one.attributes])[cells]
    first, first_of = np.unique(points, axis=0, return_inverse=True)
    second, second_of = np.unique(first, axis=1, return_inverse=True)
    groups = [_points(table[side.name], _numbered(side, of.ravel())) for side, of in zip(sides, (first_of, second_of), strict=True)]
    width = second.shape[1]
    place = groups[0] * _whole(width) + groups[1]
    branches = [(place == number, _whole(int(value))) for number, value in enumerate(second.ravel())]
    return ibis.cases(*branches[:-1], else_=branches[-1][1]) if branches[1:] else branches[0][1]


def _numbered(side: Characteristic, groups: NDArray[np.intp]) -> Characteristic:
    """The characteristic with the number of its group as the points of each attribute.

    It is checked by none of the rules for points: these are numbers.
    """
    attributes = (a.model_copy(update={"points": int(group)}) for a, group in zip(side.attributes, groups, strict=True))
    fields = {name: getattr(side, name) for name in type(side).model_fields}
    return side.model_construct(**fields | {"attributes": tuple(attributes)})


def _points(value: ir.Value, one: Characteristic) -> ir.IntegerValue:
    if one.kind == "text":
        return _text_points(value, one)
    if value.type().is_null():
        return _whole(one.of("missing")[0].points)
    if value.type().is_boolean():
        value = value.cast("int8")
    if not value.type().is_numeric():
        raise DataError(
            "column {name}: expected numbers (got {kind}); convert it where it is read", name=one.name, kind=value.type()
        )
    return _number_points(value, one)


def _number_points(value: ir.Value, one: Characteristic) -> ir.IntegerValue:
    import ibis

    missing, steps, floating = one.of("missing")[0].points, _steps(one), value.type().is_floating()
    points = [_whole(step) for _, step in steps]
    if floating and steps[0][1] != missing:
        # Minus infinity is looked for among the lowest only, so that other rows do not pay for it.
        points[0] = ibis.cases((value >= _number(-sys.float_info.max), points[0]), else_=_whole(missing))
    below = [value < _number(upper) for upper, _ in steps[:-1]]
    below.append(value <= _number(sys.float_info.max) if floating else value.notnull())
    special = [(value == _number(float(code)), _whole(a.points)) for a in one.of("special") for code in a.values]
    return ibis.cases(*special, *zip(below, points, strict=True), else_=_whole(missing))


def _steps(one: Characteristic) -> list[tuple[float, int]]:
    """Upper ends and points of the intervals, neighbours of equal points together; the last has no end."""
    steps: list[tuple[float, int]] = []
    for a in one.of("interval"):
        upper = math.inf if a.upper is None else a.upper
        if steps and steps[-1][1] == a.points:
            steps.pop()
        steps.append((upper, a.points))
    return steps


def _text_points(value: ir.Value, one: Characteristic) -> ir.IntegerValue:
    import ibis

    missing, other = one.of("missing")[0], one.of("other")[0]
    if value.type().is_null():
        return _whole(missing.points)
    if not value.type().is_string():
        raise DataError(
            "column {name}: expected texts (got {kind}); codes such as 0111 stay texts from the file on",
            name=one.name,
            kind=value.type(),
        )
    known: tuple[Attribute, ...] = (*one.of("category"), *one.of("special"))
    branches = [(value.isin(list(a.values)), _whole(a.points)) for a in known]
    return ibis.cases(*branches, (value.isnull(), _whole(missing.points)), else_=_whole(other.points))


def _ppm(score: ir.IntegerValue, card: Card) -> ir.IntegerValue:
    """Millionths of bad, as :func:`creditscore.models.scoring.ppm_of_score` has them."""
    import ibis

    scaling, (low, high) = card.scaling, scoring.saturated(card.scaling)
    inside = score
    if card.lowest < low or card.highest > high:
        # PostgreSQL refuses exp of large numbers; beyond these scores the ppm is 0 or 1,000,000 anyhow.
        inside = ibis.least(ibis.greatest(score, _whole(low)), _whole(high))
    step, start = scoring.slope(scaling), scoring.log_odds(scaling, scaling.base_score)
    odds = ((inside - _whole(scaling.base_score)) * _number(step) + _number(start)).exp()
    rounded = (ibis.literal(1e6).cast("float64") / (odds + 1) + _number(0.5)).floor().cast("int32")
    close = scoring.near_half(scaling, card.lowest, card.highest)
    if not close:
        return rounded
    exact = [(score == _whole(one), _whole(scoring.ppm_of_score(scaling, one))) for one in close]
    return ibis.cases(*exact, else_=rounded).cast("int32")


def _whole(value: int) -> ir.IntegerScalar:
    import ibis

    return ibis.literal(value, type="int32")


def _number(value: float) -> ir.NumericScalar:
    """A float that arrives with every digit: engines read a bare 0.1 as a decimal and round on the way."""
    import ibis

    if value.is_integer() and abs(value) < _EXACT:
        return ibis.literal(int(value))
    return ibis.literal(repr(value)).cast("float64")
