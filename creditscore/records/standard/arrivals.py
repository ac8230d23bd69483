"""What is known of each source of a standard table as it was read, and the columns that arrive with the standard ones."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.errors import DataError
from creditscore.language import Message, _, from_json, to_json
from creditscore.records.reading.asked_rows import AskedRows
from creditscore.records.reading.csv_files import Piece
from creditscore.records.tables import StandardTable

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: Columns that arrive with the standard ones: the row's number among all rows of its table; the fault that quarantines
#: it and the cell's text as it was sent; those of single values (as ``column_types.Faults`` joins them).
ARRIVAL, FAULT, FAULT_TEXT, FIELDS, FIELD_TEXTS = "arrival", "fault", "fault_text", "field_faults", "field_texts"
#: Of events and decisions: the kind's position in the catalogue; of events: the last day on which they count.
KIND_KEY, LAST_DAY = "kind_key", "last_day"
#: With so many words beyond its table of words a source lists no more of them.
_MOST_WORDS = 1000
#: A column most of whose values cannot be read is another column than the one that was agreed.
_UNREADABLE_SHARE, _UNREADABLE_ROWS = 0.5, 20
#: Amounts are counted in buckets, each a quarter of a power of ten.
BUCKETS_PER_POWER = 4


@dataclass
class Arrival:
    """One source as it was read."""

    source: str
    table: str
    file: str
    encoding: str
    sha256: str
    #: The number of the source's first row among all rows of its table.
    first: int
    #: Records and lines that are none.
    rows: int = 0
    #: Lines of the file (of a workbook: rows of the sheet), and of these the header, blank ones and those in which a
    #: record only goes on: ``lines == rows + header + blank + continued``.
    lines: int = 0
    header: int = 0
    blank: int = 0
    continued: int = 0
    #: Rows that ``where`` does not ask for; of these those whose cell is empty, and those whose value nothing declares: how
    #: many, and by value (of very many values the first ones).
    left_out: int = 0
    left_empty: int = 0
    left_unknown: int = 0
    left_words: Counter[str] = field(default_factory=Counter)
    #: The same of the rows of joined files: file, column, and which rows were asked for.
    left_joined: Sequence[tuple[str, str, AskedRows]] = ()
    #: Lines that are no record, each with the code that says why.
    refused: list[tuple[int, str]] = field(default_factory=list)
    normalised: Counter[Message] = field(default_factory=Counter)
    unmapped: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    #: Words that a table of words does not have, by standard column; of a column with very many of them the first ones.
    words: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: Of events: the number of amounts, by the kind's position in the catalogue and by size.
    amounts: Counter[tuple[int, int]] = field(default_factory=Counter)
    #: Columns of the file that no rule reads, and standard columns that it does not fill.
    unused: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()
    #: Standard columns that it does not fill, and columns that may be theirs.
    renamed: dict[str, str] = field(default_factory=dict)
    #: The sender's name (or names) of each standard column.
    names: dict[str, str] = field(default_factory=dict)

    @property
    def sent(self) -> int:
        """Rows that became rows of the table: those that ``where`` asks for, without lines that are no record."""
        return self.rows - len(self.refused) - self.left_out

    def add(self, part: Arrival) -> None:
        """Add what was counted in a part of the source; parts come in their order.

        Raises:
            DataError: A column has become unreadable.
        """
        self.tally(part)
        self._refuse_unreadable()

    def tally(self, part: Arrival) -> None:
        """Add what was counted in a part of the source, and ask nothing."""
        for name in _NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(part, name))
        self.refused += part.refused
        for name in _COUNTERS:
            getattr(self, name).update(getattr(part, name))
        for name in _WORDS:
            if len(getattr(self, name)) <= _MOST_WORDS:
                getattr(self, name).update(getattr(part, name))

    def _refuse_unreadable(self) -> None:
        for name, unreadable in self.unreadable.items():
            values = self.values[name]
            if unreadable > _UNREADABLE_SHARE * values and unreadable >= _UNREADABLE_ROWS:
                raise DataError(
                    'source "{source}" ({file}): expected {column} to be readable (got {unreadable} of {values} values that '
                    "are not): has the column or its unit or form changed?",
                    source=self.source,
                    file=self.file,
                    column=name,
                    unreadable=unreadable,
                    values=values,
                    sent=self.names.get(name, name),
                    to_sender=_(
                        "{file}: {unreadable} of {values} cells of the column {sent} cannot be read: was the column changed, or "
                        "its unit or form?"
                    ),
                )

    def counted(self, *, words: Arrival | None = None) -> str:
        """What :meth:`add` adds, as JSON; of lists of words that are full in ``words`` nothing, since nothing is added to them."""
        full = [name for name in _WORDS if words is not None and len(getattr(words, name)) > _MOST_WORDS]
        pairs = {name: [] if name in full else [[_plain(key), count] for key, count in getattr(self, name).items()]
                 for name in (*_COUNTERS, *_WORDS)}  # fmt: skip
        return json.dumps(
            {**{name: getattr(self, name) for name in _NUMBERS}, "refused": self.refused, **pairs}, ensure_ascii=False
        )

    def read_counted(self, text: str) -> None:
        """Take over what :meth:`counted` wrote, into an arrival without any count."""
        document = json.loads(text)
        for name in _NUMBERS:
            setattr(self, name, document[name])
        self.refused = [(line, code) for line, code in document["refused"]]
        for name in (*_COUNTERS, *_WORDS):
            getattr(self, name).update({_key(key): count for key, count in document[name]})

    def add_lines(self, piece: Piece) -> None:
        """Count a piece's lines.

        Raises:
            DataError: They do not add up: a line was lost or counted several times.
        """
        rows = len(piece.rows) + len(piece.refused)
        if piece.lines != rows + piece.other:
            raise DataError(
                "{file}: {lines} lines were read and {accounted} are accounted for: a line was lost or counted several "
                "times; nothing was written",
                file=self.file,
                lines=piece.lines,
                accounted=rows + piece.other,
            )
        self.rows += rows
        self.lines += piece.lines
        self.header += piece.header
        self.continued += piece.continued
        self.blank += piece.other - piece.header - piece.continued
        if piece.loose_quotes:
            self.normalised[_("a quote inside a text that is not quoted, read as it is")] += piece.loose_quotes
        self.refused += zip(piece.refused.rows.tolist(), piece.refused.codes, strict=True)


#: Fields of an arrival that its parts add to: numbers, counters, and counters of words of which very many are not listed.
_NUMBERS = ("rows", "lines", "header", "blank", "continued", "left_out", "left_empty", "left_unknown")
_COUNTERS = ("normalised", "unmapped", "values", "unreadable", "amounts")
_WORDS = ("left_words", "words")


def _plain(key: object) -> Any:
    """The key of a counter as JSON: a message as its own text in a list of one."""
    return [to_json(key)] if isinstance(key, Message) else key


def _key(kept: Any) -> Any:
    if not isinstance(kept, list):
        return kept
    return from_json(kept[0]) if len(kept) == 1 else tuple(kept)


def arriving_schema(table: StandardTable) -> pa.Schema:
    """The standard columns and those that arrive with them."""
    more = [(ARRIVAL, pa.int64()), *((name, pa.string()) for name in (FAULT, FAULT_TEXT, FIELDS, FIELD_TEXTS))]
    if "kind" in table.columns:
        more.append((KIND_KEY, pa.int32()))
    if table.name == "events":
        more.append((LAST_DAY, pa.int32()))
    return pa.schema([*table.columns.items(), *more])


def source_rows(arrivals: Sequence[Arrival], numbers: pa.Array) -> tuple[pa.Array, pa.Array]:
    """The source and the row in it (from 1) of each row number of a table (its ``arrival``)."""
    firsts = np.array([arrival.first for arrival in arrivals], dtype=np.int64)
    positions = np.searchsorted(firsts, numbers.to_numpy() - 1, side="right") - 1
    names = pa.array([arrival.source for arrival in arrivals], pa.string())
    return names.take(pa.array(positions)), pc.subtract(numbers, pa.array(firsts[positions]))


def source_number(rows: ir.Table, arrivals: Sequence[Arrival]) -> ir.IntegerValue:
    """The position among a table's sources of the one that each row came from (an expression)."""
    branches = [(rows[ARRIVAL] > arrival.first, number) for number, arrival in reversed(list(enumerate(arrivals)))]
    return ibis.cases(*branches, else_=0).cast("int32") if branches else ibis.literal(0, "int32")
