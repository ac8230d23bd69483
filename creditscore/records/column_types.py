"""Texts as they are sent become texts that can be compared: no control characters, no blanks around, "" is missing."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.config.sources import ParseNumber
from creditscore.records.tables import StandardTable


class Faults:
    """Faults of the rows of one piece of a source.

    A row's ``code`` is its first fault that quarantines it. In columns that are ``soft`` the value alone is
    refused: it becomes missing, its code goes into ``fields`` (joined by ``;``), the row stays.
    """

    def __init__(self, rows: int, *, soft: tuple[str, ...] = ()) -> None:
        self.rows = rows
        self.soft = frozenset(soft)
        self.code: pa.Array | None = None
        self.field: pa.Array | None = None
        #: How many values were put right, by column and what was done.
        self.normalised: Counter[str] = Counter()
        #: Values that could not be read, and values that there were, by standard column.
        self.unreadable: Counter[str] = Counter()
        self.values: Counter[str] = Counter()
        #: Values that a table of words does not have, by standard column.
        self.unmapped: Counter[str] = Counter()

    def add(self, wrong: pa.Array | pa.ChunkedArray, code: str, column: str = "") -> None:
        """Note ``code`` (with its column) on the rows where ``wrong`` holds."""
        mask = pc.fill_null(whole(wrong), False)
        count = true_count(mask)
        if not count:
            return
        self.unreadable[column] += count
        given = pc.if_else(mask, pa.scalar(f"{code}:{column}" if column else code), pa.scalar(None, pa.string()))
        if column not in self.soft:
            self.code = given if self.code is None else pc.coalesce(self.code, given)
        elif self.field is None:
            self.field = given
        else:
            # One after the other where there are two; the join is missing where one of them is.
            both = pc.binary_join_element_wise(self.field, given, ";")
            self.field = pc.coalesce(both, self.field, given)

    def put_right(self, changed: pa.Array, what: str) -> None:
        """Count values that were repaired."""
        count = true_count(changed)
        if count:
            self.normalised[what] += count

    def codes(self) -> pa.Array:
        """One code or missing per row."""
        return pa.nulls(self.rows, pa.string()) if self.code is None else self.code

    def fields(self) -> pa.Array:
        """The codes of refused values, or missing, per row."""
        return pa.nulls(self.rows, pa.string()) if self.field is None else self.field


def whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One array of a column; the one chunk of a piece as it is."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def true_count(mask: pa.Array) -> int:
    """How many of a mask are true."""
    return int(mask.true_count)


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


#: C0 and C1 controls, soft and zero-width marks, marks of writing direction, the byte-order mark.
CONTROLS = "[\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]"
#: How controls, marks and blanks beyond ASCII begin in UTF-8, C2 and 7F apart; E3 80 begins brackets too.
_PAIRS = ((0xE1, 0x9A), (0xE2, 0x80), (0xE2, 0x81), (0xEF, 0xBB), (0x80, 0x80))
#: A number of more digits than a spreadsheet holds, as :mod:`readers` writes it.
SPREADSHEET_NUMBER = r"^-?[0-9]\.[0-9]{9}E\+[0-9]{2,3}$"
#: A float holds integers up to here exactly; beyond, digits of an id are lost.
_EXACT = 2.0**53


def clean_text(column: pa.Array, name: str, faults: Faults) -> pa.Array:
    """A column of texts without controls and blanks around; "" becomes missing. Changes are counted, "" is none.

    Raises:
        UnicodeDecodeError: It holds bytes that are no text, as some writers of Parquet leave them.
    """
    if not _may_be_dirty(column):
        return column
    plain = pc.utf8_trim_whitespace(pc.replace_substring_regex(column, CONTROLS, ""))
    faults.put_right(pc.fill_null(pc.not_equal(column, plain), False), f"{name}: control characters or blanks around it")
    return pc.if_else(pc.equal(plain, ""), pa.scalar(None, pa.string()), plain)


def _may_be_dirty(column: pa.Array) -> bool:
    """False where a look at the bytes shows that nothing is to be done: the usual case of ids and codes."""
    if not len(column) or column.null_count == len(column):
        return False
    if pc.min(pc.binary_length(column)).as_py() == 0:
        return True
    letters = text_bytes(column)
    if letters.min() <= 0x20:
        return True
    if letters.max() < 0x7F:
        return False
    _refuse_other_bytes(column)
    plain = letters.tobytes()
    return b"\x7f" in plain or b"\xc2" in plain or any(_has(letters, plain, *pair) for pair in _PAIRS)


def _refuse_other_bytes(column: pa.Array) -> None:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        column.to_pylist()  # Python says which bytes, and no value
        raise


def _has(letters: np.ndarray, plain: bytes, first: int, second: int) -> bool:
    """Whether two bytes follow each other anywhere; a search for the first alone is much the fastest."""
    return bytes([first]) in plain and bool(((letters[:-1] == first) & (letters[1:] == second)).any())


def text_bytes(column: pa.Array) -> np.ndarray:
    """The letters of a column of texts in UTF-8, one after another."""
    _, ends, letters = column.buffers()
    offsets = np.frombuffer(ends, dtype=np.int32)[column.offset : column.offset + len(column) + 1]
    found: np.ndarray = np.frombuffer(letters, dtype=np.uint8)[offsets[0] : offsets[-1]]
    return found


def as_text(column: pa.Array, name: str, faults: Faults) -> pa.Array:
    """A column of any type as texts. A number in a column of texts is one that a spreadsheet or writer made of it."""
    if pa.types.is_floating(column.type):
        return _number_as_text(column, name, faults)
    if pa.types.is_integer(column.type):
        faults.put_right(pc.is_valid(column), f"{name}: a number in place of a text")
    return pc.cast(column, pa.string())


def _number_as_text(column: pa.Array, name: str, faults: Faults) -> pa.Array:
    """Whole numbers without a point; what a float cannot hold exactly has lost digits, and its row is refused."""
    exact = pc.and_(pc.less(pc.abs(column), _EXACT), pc.equal(column, pc.floor(column)))
    faults.add(pc.and_(pc.is_valid(column), pc.invert(pc.fill_null(exact, False))), "NUMBER_FOR_TEXT", name)
    faults.put_right(pc.fill_null(exact, False), f"{name}: a number in place of a text")
    whole = pc.if_else(exact, column, pa.scalar(None, column.type))
    return pc.cast(pc.cast(whole, pa.int64()), pa.string())
