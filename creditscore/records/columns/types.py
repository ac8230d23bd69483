"""Columns as they were sent become texts, numbers and amounts; what is wrong with a cell is noted as a fault of its row."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.language import Message, _
from creditscore.records.tables import COLUMN_WORDS

#: C0 and C1 controls, soft and zero-width marks, marks of writing direction, the byte-order mark.
CONTROLS = "[\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]"
#: How controls, marks and blanks beyond ASCII begin in UTF-8, C2 and 7F apart; E3 80 begins brackets too.
_ODD_PAIRS = ((0xE1, 0x9A), (0xE2, 0x80), (0xE2, 0x81), (0xEF, 0xBB), (0x80, 0x80))
#: Between the codes, and between the texts, of several faults of a row. Texts that are shown hold no controls.
FIELD_MARK, TEXT_MARK = ";", "\x1f"
#: A number of more digits than a spreadsheet holds, as ``sources`` writes it.
SPREADSHEET_NUMBER = r"^-?[0-9]\.[0-9]{9}E\+[0-9]{2,3}$"
#: A float holds integers up to here exactly; beyond, digits of an id are lost.
_EXACT = 2.0**53
_CONTROLS, _DIGIT = re.compile(CONTROLS), re.compile("[0-9]")
#: Columns of ids and codes, in which a sign of full width is the plain one.
HALF_WIDTH = frozenset({*(name for name in COLUMN_WORDS if name.endswith("_id")), "region", "industry"})
#: Digits, letters and the joining signs of codes, from full width to plain.
_PLAIN_SIGNS = {ord(sign) + 0xFEE0: sign for sign in f"{string.digits}{string.ascii_letters}-._/"}
#: What is put right in cells of any type.
BLANKS = _("{column}: control characters or blanks around it")


class Faults:
    """What is wrong with the rows and cells of one piece of a source.

    A row's ``code`` is its first fault that quarantines it. In columns that are ``soft`` the value alone is
    refused: it becomes missing and the row is kept. ``fields`` are the codes of such values and of further faults
    of a row that has a code; each code has the text of its cell as it was sent.

    Args:
        rows: The number of rows.
        soft: Standard columns whose values alone are refused.
        sent: The texts, fit to be shown, of the cells that a standard column is made of, in the rows of a mask.
    """

    def __init__(self, rows: int, *, soft: tuple[str, ...] = (), sent: Callable[[str, pa.Array], pa.Array] | None = None) -> None:
        self.rows = rows
        self.soft = frozenset(soft)
        self._sent = sent
        self._code = self._text = self._fields = self._field_texts = pa.nulls(rows, pa.string())
        #: Values that were repaired, by column and what was done.
        self.normalised: Counter[Message] = Counter()
        #: Values that could not be read, and all values, by standard column.
        self.unreadable: Counter[str] = Counter()
        self.values: Counter[str] = Counter()
        #: Values that a table of words does not have, by standard column.
        self.unmapped: Counter[str] = Counter()
        #: These values, by standard column.
        self.words: Counter[tuple[str, str]] = Counter()
        #: Rows whose cell is empty though nothing says that it may be, by standard column.
        self.empty: dict[str, pa.Array] = {}

    def add(self, wrong: pa.Array | pa.ChunkedArray, code: str, column: str) -> None:
        """Note ``code`` with its column on the rows where ``wrong`` holds: cells that could not be read."""
        mask = pc.fill_null(one_array(wrong), False)
        if mask.true_count:
            self.refuse(pc.if_else(mask, pa.scalar(f"{code}:{column}"), pa.scalar(None, pa.string())), column)

    def refuse(self, codes: pa.Array, column: str) -> None:
        """Note the codes of cells that are not even read."""
        self.unreadable[column] += len(codes) - codes.null_count
        self.note(codes, column)

    def note(self, codes: pa.Array, column: str, *, alone: bool = False) -> None:
        """Note a code, or none where it is missing, on each row's cell of a standard column.

        ``alone``: only the value is refused, whatever the column.
        """
        wrong = pc.is_valid(codes)
        if not wrong.true_count:
            return
        texts = pa.nulls(self.rows, pa.string())
        shown = pc.fill_null(self._sent(column, wrong), "") if self._sent else pa.repeat(pa.scalar(""), wrong.true_count)
        texts = pc.replace_with_mask(texts, wrong, shown)
        if column not in self.soft and not alone:
            again = pc.is_valid(self._code)
            self._code, self._text = pc.coalesce(self._code, codes), pc.coalesce(self._text, texts)
            nothing = pa.scalar(None, pa.string())
            codes, texts = pc.if_else(again, codes, nothing), pc.if_else(again, texts, nothing)
        self._fields = _joined(self._fields, codes, FIELD_MARK)
        self._field_texts = _joined(self._field_texts, texts, TEXT_MARK)

    def put_right(self, changed: pa.Array, what: Message) -> None:
        """Count values that were repaired."""
        if changed.true_count:
            self.normalised[what] += changed.true_count

    def codes(self) -> pa.Array:
        """One code or missing per row."""
        return self._code

    def texts(self) -> pa.Array:
        """The text of the cell that each code is about; missing where the row has no code."""
        return self._text

    def fields(self) -> pa.Array:
        """The codes of refused values and of further faults, joined by ``FIELD_MARK``, or missing, per row."""
        return self._fields

    def field_texts(self) -> pa.Array:
        """The texts of the cells that :meth:`fields` are about, in their order, joined by ``TEXT_MARK``."""
        return self._field_texts


def _joined(texts: pa.Array, more: pa.Array, mark: str) -> pa.Array:
    """Texts with others behind them; where one of the two is missing, the other alone."""
    return pc.coalesce(pc.binary_join_element_wise(texts, more, mark), texts, more)


class Distinct:
    """The distinct values of a column: Python looks at each once, and the answers are spread over the rows.

    Attributes:
        values: The values without the missing one, in the order in which they appear.
    """

    def __init__(self, column: pa.Array) -> None:
        encoded = pc.dictionary_encode(column)
        self._indices = encoded.indices
        self.values: list[Any] = encoded.dictionary.to_pylist()

    def spread(self, answers: Sequence[Any], kind: pa.DataType) -> pa.Array:
        """One answer per row from one per distinct value; missing where the value is."""
        return pa.array(answers, kind).take(self._indices)

    def rows_where(self, flags: Sequence[bool]) -> pa.Array:
        """Which rows have a value that is flagged; missing where the value is."""
        return self.spread(flags, pa.bool_())


def one_array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """A column as one array; a single chunk is not copied."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def as_texts(column: pa.Array) -> pa.Array:
    """The text of each cell of a column of any type: a float that is a whole number has no point, a day is 2024-04-30."""
    if pa.types.is_string(column.type):
        return column
    if pa.types.is_floating(column.type):
        whole = pc.and_(pc.less(pc.abs(column), _EXACT), pc.equal(column, pc.floor(column)))
        integers = pc.cast(pc.if_else(whole, column, pa.scalar(None, column.type)), pa.int64())
        return pc.coalesce(pc.cast(integers, pa.string()), pc.cast(column, pa.string()))
    try:
        return pc.cast(column, pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # structures, lists, spans of time
        return pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())


def plain_text(text: str) -> str:
    """A text without controls and without blanks around it."""
    return _CONTROLS.sub("", text).strip()


def half_width(text: str) -> str | None:
    """A text in half width (NFKC); missing where that makes digits of signs that are none, such as a power or a fraction."""
    plain = unicodedata.normalize("NFKC", text)
    if text.isascii() or not any(_makes_digits(sign) for sign in text):
        return plain
    return None


def _makes_digits(sign: str) -> bool:
    """Whether NFKC makes digits of a sign that is neither a digit nor one of full width."""
    full_width = "\uff10" <= sign <= "\uff19"
    return not sign.isascii() and not full_width and bool(_DIGIT.search(unicodedata.normalize("NFKC", sign)))


def text_column(column: pa.Array, name: str, faults: Faults) -> pa.Array:
    """A column of any type as texts. A number in a column of texts is one that a spreadsheet or writer made of it.

    Whole numbers lose their point. A float that is not exact has lost digits: its row gets a fault.
    """
    number = pc.is_valid(column)
    if pa.types.is_floating(column.type):
        exact = pc.fill_null(pc.and_(pc.less(pc.abs(column), _EXACT), pc.equal(column, pc.floor(column))), False)
        faults.add(pc.and_not(number, exact), "NUMBER_FOR_TEXT", name)
        column, number = pc.if_else(exact, column, pa.scalar(None, column.type)), exact
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        faults.put_right(number, _("{column}: a number in place of a text", column=COLUMN_WORDS.get(name, name)))
    return as_texts(column)


def clean_text(column: pa.Array, name: str, faults: Faults) -> pa.Array:
    """A column of texts without control characters and without blanks around; "" becomes missing.

    Changes are counted; an empty text that becomes missing is not one.

    Raises:
        UnicodeDecodeError: It holds bytes that are no text, as some writers of Parquet leave them.
    """
    if not _may_be_dirty(column):
        return column
    plain = pc.utf8_trim_whitespace(pc.replace_substring_regex(column, CONTROLS, ""))
    faults.put_right(pc.not_equal(column, plain), Message(BLANKS.message, {"column": COLUMN_WORDS.get(name, name)}))
    return pc.if_else(pc.equal(plain, ""), pa.scalar(None, pa.string()), plain)


def half_width_codes(column: pa.Array, name: str, faults: Faults) -> pa.Array:
    """Codes and ids whose digits and letters are of full width in half width; they are counted."""
    # Signs of full width begin with EF BC or EF BD in UTF-8.
    if column.null_count == len(column) or b"\xef" not in text_bytes(column).tobytes():
        return column
    distinct = Distinct(column)
    plain = distinct.spread([text.translate(_PLAIN_SIGNS) for text in distinct.values], pa.string())
    faults.put_right(pc.not_equal(column, plain), _("{column}: signs of full width", column=COLUMN_WORDS.get(name, name)))
    return plain


def list_column(column: pa.Array, name: str, faults: Faults) -> pa.Array:
    """A column of lists, or of texts with ``;`` between the parts, as lists of texts: each part is cleaned, empty ones go."""
    lists = column if pa.types.is_list(column.type) else pc.split_pattern(as_texts(column), ";")
    texts = clean_text(as_texts(pc.list_flatten(lists)), name, faults)
    rows = pc.list_parent_indices(lists)
    if texts.null_count:
        rows, texts = rows.filter(pc.is_valid(texts)), texts.drop_null()
    counts = np.bincount(rows.to_numpy(), minlength=len(lists))
    ends = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
    return pa.ListArray.from_arrays(ends, texts, mask=pc.is_null(lists))


def _may_be_dirty(column: pa.Array) -> bool:
    """False where a look at the bytes shows that nothing has to be cleaned: the usual case of ids and codes."""
    if not len(column) or column.null_count == len(column):
        return False
    if pc.min(pc.binary_length(column)).as_py() == 0:
        return True
    letters = text_bytes(column)
    if letters.min() <= 0x20:
        return True
    if letters.max() < 0x7F:
        return False
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        column.to_pylist()  # Python says which bytes, and no value
        raise
    plain = letters.tobytes()
    if b"\x7f" in plain or b"\xc2" in plain:
        return True
    # A search for the first byte alone is much the fastest, and mostly finds nothing.
    return any(
        bytes([first]) in plain and bool(((letters[:-1] == first) & (letters[1:] == second)).any()) for first, second in _ODD_PAIRS
    )


def text_bytes(column: pa.Array) -> npt.NDArray[np.uint8]:
    """The bytes of a column of texts in UTF-8, one text after another."""
    _valid, ends, letters = column.buffers()
    offsets = np.frombuffer(ends, dtype=np.int32)[column.offset : column.offset + len(column) + 1]
    between: npt.NDArray[np.uint8] = np.frombuffer(letters, dtype=np.uint8)[offsets[0] : offsets[-1]]
    return between


def usual_types(table: pa.Table) -> pa.Table:
    """Texts as ``string`` and lists as ``list``, whatever variant of them the file's writer or the driver chose."""
    columns = []
    for column in table.columns:
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        kind = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
        tests = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view)
        of_bytes = any(test(kind) for test in tests)
        if of_bytes or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
            kind = pa.string()
        elif pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
            kind = pa.list_(kind.value_type)
        elif pa.types.is_float16(kind):
            kind = pa.float32()
        # Bytes become a text unchecked: whether they are one is asked where the column is read.
        columns.append(column.cast(kind, safe=not of_bytes))
    return pa.Table.from_arrays(columns, names=table.column_names)
