"""Texts as they are sent become texts that can be compared: no control characters, no blanks around, "" is missing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.records.faults import Faults

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
