"""Numbers, money and truth values in their standard types; what does not fit is missing with a fault."""

from __future__ import annotations

import re
import unicodedata
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from creditscore.config.sources import ParseNumber
from creditscore.records.faults import Faults
from creditscore.records.tables import StandardTable

_NUMBER = re.compile(r"([+-]?\d+(?:\.\d+)?)(.*)", re.ASCII | re.DOTALL)
#: What counts as a number without a rule; Python itself would take full-width digits and 1_000.
_PLAIN = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?|true|false", re.ASCII)
#: The first amount that decimal(18,2) cannot hold.
_TOO_LARGE = Decimal(10) ** 16


def number_of(column: pa.Array, kind: pa.DataType, name: str, table: StandardTable | None, faults: Faults) -> pa.Array:
    """A column in a numeric or boolean type, inside its range; NaN and infinity are no numbers."""
    if pa.types.is_floating(column.type):
        unreal = pc.invert(pc.is_finite(column))
        faults.add(unreal, "NOT_A_NUMBER", name)
        column = pc.if_else(pc.fill_null(unreal, False), pa.scalar(None, column.type), column)
    typed = _cast(_without_strangers(column, kind, name, faults), kind, name, faults)
    return typed if table is None or name not in table.ranges else _inside(typed, *table.ranges[name], name, faults)


def _without_strangers(column: pa.Array, kind: pa.DataType, name: str, faults: Faults) -> pa.Array:
    """The column without truth values where numbers are wanted, or numbers but 0 and 1 where truth is."""
    if pa.types.is_boolean(column.type) and not pa.types.is_boolean(kind):
        strange = pc.is_valid(column)
    elif pa.types.is_boolean(kind) and (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        strange = pc.fill_null(pc.and_(pc.not_equal(column, 0), pc.not_equal(column, 1)), False)
    else:
        return column
    faults.add(strange, "BAD_VALUE", name)
    return pc.if_else(strange, pa.scalar(None, column.type), column)


def _inside(column: pa.Array, low: float, high: float, name: str, faults: Faults) -> pa.Array:
    ends = [pa.scalar(Decimal(end) if pa.types.is_decimal(column.type) else end).cast(column.type) for end in (low, high)]
    outside = pc.fill_null(pc.or_(pc.less(column, ends[0]), pc.greater(column, ends[1])), False)
    if not outside.true_count:
        return column
    faults.add(outside, "OUT_OF_RANGE", name)
    return pc.if_else(outside, pa.scalar(None, column.type), column)


def _cast(column: pa.Array, kind: pa.DataType, name: str, faults: Faults) -> pa.Array:
    try:
        if pa.types.is_floating(column.type) and pa.types.is_decimal(kind):
            return _money_of_floats(column, kind, name, faults)
        return pc.cast(column, kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return _cast_each(column, kind, name, faults)


def _money_of_floats(column: pa.Array, kind: pa.DataType, name: str, faults: Faults) -> pa.Array:
    """To hundredths, halves away from zero; what decimal(18,2) cannot hold would become 0 or end the run, and is a fault."""
    column = pc.cast(column, pa.float64())
    too_large = pc.fill_null(pc.greater_equal(pc.abs(column), float(_TOO_LARGE)), False)
    faults.add(too_large, "BAD_VALUE", name)
    column = pc.if_else(too_large, pa.scalar(None, pa.float64()), column)
    rounded = pc.round(column, 2, round_mode="half_towards_infinity")
    # What the last bits of a float say was never written.
    noise = pc.add(pc.multiply(pc.abs(column), 1e-15), 1e-9)
    changed = pc.greater(pc.abs(pc.subtract(column, rounded)), noise)
    faults.put_right(pc.fill_null(changed, False), f"{name}: rounded to hundredths")
    return pc.cast(rounded, kind, safe=False)


def _cast_each(column: pa.Array, kind: pa.DataType, name: str, faults: Faults) -> pa.Array:
    encoded = pc.dictionary_encode(column)
    given = encoded.dictionary.to_pylist()
    values = [_value(value, kind) for value in given]
    faults.add(pa.array([value is None for value in values], pa.bool_()).take(encoded.indices), "BAD_VALUE", name)
    if pa.types.is_decimal(kind):
        rounded = [number is not None and Decimal(str(value)) != number for value, number in zip(given, values, strict=True)]
        faults.put_right(pc.fill_null(pa.array(rounded, pa.bool_()).take(encoded.indices), False), f"{name}: rounded to hundredths")
    return pa.array(values, kind).take(encoded.indices)


def _value(value: Any, kind: pa.DataType) -> Any:
    """One value in the type, or None where it is none of it."""
    try:
        if isinstance(value, str) and not _PLAIN.fullmatch(value.strip()):
            return None
        if pa.types.is_decimal(kind):
            return _hundredths(Decimal(str(value)))
        return pa.scalar(value).cast(kind).as_py()
    except (pa.ArrowException, InvalidOperation, ValueError, OverflowError):
        return None


def _hundredths(number: Decimal) -> Decimal | None:
    if not number.is_finite() or abs(number) >= _TOO_LARGE:
        return None
    rounded = number.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    return rounded if abs(rounded) < _TOO_LARGE else None


def parsed_numbers(column: pa.Array, rule: ParseNumber, faults: Faults) -> pa.Array:
    """The numbers of a column of texts (or of numbers, times ``factor``) as decimal(38, 6)."""
    encoded = pc.dictionary_encode(pc.cast(column, pa.string()))
    texts = encoded.dictionary.to_pylist()
    values = [_parsed(text, rule) for text in texts]
    faults.add(pa.array([value is None for value in values], pa.bool_()).take(encoded.indices), "BAD_VALUE", rule.to)
    odd = [
        value is not None and not re.fullmatch(r"[+-]?\d+(\.\d+)?", text, re.ASCII)
        for text, value in zip(texts, values, strict=True)
    ]
    faults.put_right(
        pc.fill_null(pa.array(odd, pa.bool_()).take(encoded.indices), False), f"{rule.to}: a number with unit or separators"
    )
    return pa.array(values, pa.decimal128(38, 6)).take(encoded.indices)


def _parsed(text: str, rule: ParseNumber) -> Decimal | None:
    plain = re.sub(r"[\s,]", "", unicodedata.normalize("NFKC", text))
    found = _NUMBER.fullmatch(plain)
    if found is None or (found[2] and found[2] not in rule.units):
        return None
    number = Decimal(found[1]) * rule.factor * rule.units.get(found[2], 1)
    return number if abs(number) < Decimal(10) ** 31 else None
