"""Numbers and truth values: the grammar of one cell, and columns that are read by it, each cell as if it stood alone.

:func:`read_number` says what one text means. A column of another type means what its values' texts mean. Whole columns
are read in C only where that provably gives the same (``tests/unit/records/columns/test_laws_of_cells.py``).
"""

from __future__ import annotations

import decimal
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.config.column_rules import ParseNumber
from creditscore.language import Message, _
from creditscore.records.columns.types import BLANKS, Distinct, Faults, as_texts, half_width, plain_text, text_bytes
from creditscore.records.tables import COLUMN_WORDS, StandardTable

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_TRUTHS = {"true": True, "false": False}
#: No column holds a number of so many digits; what follows would take long over 1e999999999.
_DIGITS = 40
#: Keeps every digit of a cell.
_EXACT = decimal.Context(prec=1_000_000)
#: The bytes of texts that Arrow's own reader takes as the grammar does, unless their points stand oddly.
_PLAIN = b"0123456789.-"
_INTEGER, _HUNDREDTHS = r"^-?[0-9]{1,9}$", r"^-?[0-9]{1,16}(\.[0-9]{1,2})?$"
_FRACTION = r"^-?[0-9]{1,17}(\.[0-9]{1,17})?$"
#: Below it a float that is nearest to some hundredths is nearest to no other number of as many digits.
_CLEAR = 1e13
_REPAIRS = {
    "blanks": BLANKS,
    "whole": _("{column}: a whole number written with a point or an exponent"),
    "rounded": _("{column}: rounded to hundredths"),
    "written": _("{column}: a number with unit or separators"),
}


class Number(NamedTuple):
    """What a cell means: a value, or a fault; and what was put right."""

    value: Any
    fault: str = ""
    repairs: tuple[str, ...] = ()


def read_number(text: str, kind: pa.DataType) -> Number:
    """A text as a number: digits with an optional sign, fraction after a point, and exponent; nothing else.

    Controls and blanks around it and signs of full width are put right, and a text of nothing else is missing. A whole number may
    be written ``3.0``; hundredths are rounded, halves away from zero. Truth values are ``true`` and ``false`` in any case, 1 and 0.

    Args:
        text: The cell.
        kind: A whole number, decimal, float or truth value.
    """
    bare = plain_text(text)
    plain = half_width(bare) or bare
    if not plain:
        return Number(None)
    repairs = ("blanks",) * (bare != text) + ("written",) * (plain != bare)
    if pa.types.is_boolean(kind) and plain.lower() in _TRUTHS:
        return Number(_TRUTHS[plain.lower()], repairs=repairs)
    if not _NUMBER.fullmatch(plain):
        return Number(None, "BAD_VALUE")
    return _held(plain, 1, kind, repairs)


def read_by_rule(text: str, rule: ParseNumber, kind: pa.DataType) -> Number:
    """A text as a number by its rule: groups of three digits between the rule's separators, its decimal sign, its units.

    Full-width signs are put right.
    """
    bare = plain_text(text)
    if not bare:
        return Number(None)
    match = _grammar(rule).fullmatch(half_width(bare) or "")
    units = {half_width(unit): times for unit, times in rule.units.items()}
    if match is None or (match["unit"] and match["unit"] not in units):
        return Number(None, "BAD_VALUE")
    whole, fraction = match["whole"], match["fraction"]
    plain = (whole.replace(rule.separator, "") if rule.separator else whole) + (f".{fraction}" if fraction else "")
    repairs = ("blanks",) * (bare != text) + ("written",) * (bare != plain)
    return _held(plain, rule.factor * units.get(match["unit"], 1), kind, repairs)


def _grammar(rule: ParseNumber) -> re.Pattern[str]:
    whole = "[0-9]+" if not rule.separator else rf"[0-9]{{1,3}}(?:{re.escape(rule.separator)}[0-9]{{3}})+|[0-9]+"
    return re.compile(rf"(?P<whole>[+-]?(?:{whole}))(?:{re.escape(rule.decimal)}(?P<fraction>[0-9]+))?(?:\s*(?P<unit>[^\s0-9].*))?")


def _held(plain: str, times: int, kind: pa.DataType, repairs: tuple[str, ...]) -> Number:
    """A text of the grammar, times something, as a column of a type holds it."""
    try:
        number = Decimal(plain)
    except decimal.InvalidOperation:  # an exponent beyond all bounds
        return Number(None, "OUT_OF_RANGE")
    if not number:
        number = Decimal(0).copy_sign(number)
    if number.adjusted() > _DIGITS:
        return Number(None, "OUT_OF_RANGE")
    number = _EXACT.multiply(number, Decimal(times))
    if pa.types.is_string(kind):
        return Number(format(number, "f"), repairs=repairs)
    if pa.types.is_floating(kind):
        return Number(float(number), repairs=repairs)
    if pa.types.is_decimal(kind):
        return _hundredths(number, repairs)
    whole = number.to_integral_value()
    if number != whole or (pa.types.is_boolean(kind) and whole not in (0, 1)):
        return Number(None, "BAD_VALUE")
    if abs(whole) > 2**31 - 1 and whole != -(2**31):
        return Number(None, "OUT_OF_RANGE")
    written = repairs if re.fullmatch("[+-]?[0-9]+", plain) or times != 1 else (*repairs, "whole")
    return Number(bool(whole) if pa.types.is_boolean(kind) else int(whole), repairs=written)


def _hundredths(number: Decimal, repairs: tuple[str, ...]) -> Number:
    """In decimal(18, 2)."""
    rounded = number.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP, context=_EXACT)
    if abs(rounded) >= Decimal(10) ** 16:
        return Number(None, "OUT_OF_RANGE")
    # The last bits of a float were never written by anyone: a change within them is no rounding.
    noise = abs(number) * Decimal("1e-15") + Decimal("1e-9")
    return Number(rounded, repairs=(*repairs, "rounded") if abs(number - rounded) > noise else repairs)


def number_column(column: pa.Array, kind: pa.DataType, name: str, table: StandardTable, faults: Faults) -> pa.Array:
    """A column in a numeric or boolean type.

    NaN, infinity, values that cannot be read and values outside the table's range of the column (both ends
    included) become missing with a fault.
    """
    typed = typed_numbers(column, kind, name, faults)
    if name not in table.ranges:
        return typed
    low, high = (pa.scalar(Decimal(end) if pa.types.is_decimal(kind) else end).cast(kind) for end in table.ranges[name])
    outside = pc.fill_null(pc.or_(pc.less(typed, low), pc.greater(typed, high)), False)
    if not outside.true_count:
        return typed
    faults.add(outside, "OUT_OF_RANGE", name)
    return pc.if_else(outside, pa.scalar(None, kind), typed)


def typed_numbers(column: pa.Array, kind: pa.DataType, name: str, faults: Faults) -> pa.Array:
    """A column of any type in a numeric or boolean one; what cannot be read is missing with a fault."""
    if column.null_count == len(column):
        return pa.nulls(len(column), kind)
    if pa.types.is_floating(column.type):
        column = _finite(column, name, faults)
    if column.type == kind and not pa.types.is_floating(kind):
        return column
    read = next((read for test, read in _READERS if test(column.type)), None)
    if read is None:
        faults.add(pc.is_valid(column), "BAD_VALUE", name)
        return pa.nulls(len(column), kind)
    values, done = read(column, kind)
    left = pc.and_(pc.is_valid(column), pc.invert(pc.fill_null(done, False)))
    if not left.true_count:
        return values
    return _with_the_rest(values, left, as_texts(column.filter(left)), lambda text: read_number(text, kind), name, faults)


def parsed_numbers(column: pa.Array, rule: ParseNumber, kind: pa.DataType, faults: Faults) -> pa.Array:
    """The numbers of a column of texts by their rule, or of a column of numbers times ``factor``, in a type of numbers.

    What the type of the standard column is not is a text: it is read on by that column's own law.
    """
    numeric = pa.types.is_decimal(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    kind = kind if numeric else pa.string()
    by_rule = pa.types.is_string(column.type)
    if pa.types.is_floating(column.type):
        column = _finite(column, rule.to, faults)
    valid = pc.is_valid(column)
    if not any(test(column.type) for test, _read in _READERS):
        faults.add(valid, "BAD_VALUE", rule.to)
        return pa.nulls(len(column), kind)

    def read(text: str) -> Number:
        return read_by_rule(text, rule, kind) if by_rule else _held(text, rule.factor, kind, ())

    return _with_the_rest(pa.nulls(len(column), kind), valid, as_texts(column.filter(valid)), read, rule.to, faults)


def _with_the_rest(
    values: pa.Array, left: pa.Array, texts: pa.Array, read: Callable[[str], Number], name: str, faults: Faults
) -> pa.Array:
    """Values with those of the rows that are left filled in, each distinct text read once."""
    distinct = Distinct(texts)
    numbers = [read(text) for text in distinct.values]

    def rows_where(flags: list[bool]) -> pa.Array:
        return pc.replace_with_mask(pa.repeat(pa.scalar(False), len(left)), left, distinct.rows_where(flags))

    for fault in sorted({number.fault for number in numbers} - {""}):
        faults.add(rows_where([number.fault == fault for number in numbers]), fault, name)
    for repair, sentence in _REPAIRS.items():
        if any(repair in number.repairs for number in numbers):
            done = Message(sentence.message, {"column": COLUMN_WORDS.get(name, name)})
            faults.put_right(rows_where([repair in number.repairs for number in numbers]), done)
    return pc.replace_with_mask(values, left, distinct.spread([number.value for number in numbers], values.type))


def _finite(column: pa.Array, name: str, faults: Faults) -> pa.Array:
    """Floats without NaN and infinity."""
    odd = pc.fill_null(pc.invert(pc.is_finite(column)), False)
    if not odd.true_count:
        return column
    faults.add(odd, "NOT_A_NUMBER", name)
    return pc.if_else(odd, pa.scalar(None, column.type), column)


def _cast_where(holds: pa.Array, column: pa.Array, *kinds: pa.DataType) -> tuple[pa.Array, pa.Array]:
    """The values of some rows, by way of several types, and which rows they are."""
    chosen = pc.if_else(holds, column, pa.scalar(None, column.type))
    for kind in kinds:
        chosen = pc.cast(chosen, kind, safe=False)
    return chosen, holds


def _of_texts(column: pa.Array, kind: pa.DataType) -> tuple[pa.Array, pa.Array]:
    if pa.types.is_boolean(kind):
        return pa.nulls(len(column), kind), pa.repeat(pa.scalar(False), len(column))
    if _only_digits(column):
        try:
            return pc.cast(column, kind), pc.is_valid(column)
        except pa.ArrowInvalid:
            pass  # some text is no number of this type: below each finds its own way
    pattern = _INTEGER if pa.types.is_integer(kind) else _HUNDREDTHS if pa.types.is_decimal(kind) else _FRACTION
    return _cast_where(pc.match_substring_regex(column, pattern), column, kind)


def _only_digits(column: pa.Array) -> bool:
    """Whether all texts are short, of digits, points and minus signs alone, and no point is at an end or behind a sign."""
    letters = text_bytes(column)
    plain = letters.tobytes()
    if plain.translate(None, delete=_PLAIN) or b"-." in plain:
        return False
    ends = np.frombuffer(column.buffers()[1], dtype=np.int32)[column.offset : column.offset + len(column) + 1]
    lengths = np.diff(ends)
    if lengths.max() > _DIGITS:
        return False
    if b"." not in plain:
        return True
    written, point = lengths > 0, ord(".")
    starts, lasts = ends[:-1][written] - ends[0], ends[1:][written] - ends[0] - 1
    return not ((letters[starts] == point).any() or (letters[lasts] == point).any())


def _of_integers(column: pa.Array, kind: pa.DataType) -> tuple[pa.Array, pa.Array]:
    if pa.types.is_floating(kind):
        return pc.cast(column, kind, safe=False), pc.is_valid(column)
    if pa.types.is_uint64(column.type):  # Arrow compares it with numbers of any sign only where it has 63 bits
        small = pc.less(column, pa.scalar(2**63, pa.uint64()))
        column = pc.cast(pc.if_else(small, column, pa.scalar(None, column.type)), pa.int64())
    if pa.types.is_boolean(kind):
        return _truths(column, kind)
    end = 10**16 if pa.types.is_decimal(kind) else 2**31
    holds = pc.and_(pc.greater(column, -end), pc.less(column, end))
    # A decimal of a whole number of 64 bits must have room for all of its digits at first.
    return _cast_where(holds, column, *((pa.decimal128(22, 2), kind) if pa.types.is_decimal(kind) else (kind,)))


def _of_floats(column: pa.Array, kind: pa.DataType) -> tuple[pa.Array, pa.Array]:
    if pa.types.is_floating(kind):
        return _cast_where(pc.less(pc.abs(column), 10.0**_DIGITS), column, kind) if column.type == kind else _none(column, kind)
    if pa.types.is_boolean(kind):
        return _truths(column, kind)
    if not pa.types.is_decimal(kind):
        whole = pc.and_(pc.less(pc.abs(column), 2.0**31), pc.equal(column, pc.floor(column)))
        return _cast_where(whole, column, kind)
    if not pa.types.is_float64(column.type):
        return _none(column, kind)
    rounded = pc.divide(pc.round(pc.multiply(column, 100.0)), 100.0)
    return _cast_where(pc.and_(pc.equal(rounded, column), pc.less(pc.abs(column), _CLEAR)), column, kind)


def _truths(column: pa.Array, kind: pa.DataType) -> tuple[pa.Array, pa.Array]:
    return _cast_where(pc.or_(pc.equal(column, 0), pc.equal(column, 1)), column, kind)


def _of_decimals(column: pa.Array, kind: pa.DataType) -> tuple[pa.Array, pa.Array]:
    fits = pa.types.is_decimal(kind) and 0 <= column.type.scale <= 2 and column.type.precision - column.type.scale <= 16
    return (pc.cast(column, kind), pc.is_valid(column)) if fits else _none(column, kind)


def _none(column: pa.Array, kind: pa.DataType) -> tuple[pa.Array, pa.Array]:
    return pa.nulls(len(column), kind), pa.repeat(pa.scalar(False), len(column))


#: By type of column: its reader in C, which gives values and the rows that it could read.
_READERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array, pa.DataType], tuple[pa.Array, pa.Array]]], ...] = (
    (pa.types.is_string, _of_texts),
    (pa.types.is_integer, _of_integers),
    (pa.types.is_floating, _of_floats),
    (pa.types.is_decimal, _of_decimals),
)
