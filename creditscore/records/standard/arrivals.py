"""The sources of a standard table as one stream of checked pieces, so that memory holds one piece whatever the number of rows."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.config.catalogue import CatalogueItem
from creditscore.config.sources import SourceSpec, Where
from creditscore.dataframes import Ints
from creditscore.dates import shift_months
from creditscore.errors import DataError
from creditscore.language import Message, _
from creditscore.records.columns.headers import near_matches
from creditscore.records.columns.personal import personal_columns
from creditscore.records.columns.rules import apply_rules, check_columns
from creditscore.records.columns.sent_cells import BETWEEN_COLUMNS, columns_read, sent_columns
from creditscore.records.columns.types import Faults, one_array
from creditscore.records.fault_words import counted_codes, line_reasons
from creditscore.records.reading.asked_rows import AskedRows, asked_rows, known_values
from creditscore.records.reading.csv_files import Piece
from creditscore.records.reading.sources import Joins, OpenedSource, open_source
from creditscore.records.standard.contradictions import note_contradictions
from creditscore.records.tables import StandardTable

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.project import Project

#: Columns that arrive with the standard ones: the row's number among all rows of its table; the fault that quarantines
#: it and the cell's text as it was sent; those of single values (as ``column_types.Faults`` joins them).
ARRIVAL, FAULT, FAULT_TEXT, FIELDS, FIELD_TEXTS = "arrival", "fault", "fault_text", "field_faults", "field_texts"
#: Of events and decisions: the kind's position in the catalogue; of events: the last day on which they count.
KIND_KEY, LAST_DAY = "kind_key", "last_day"
#: A file with a larger share of lines that are no record is refused, not repaired. A small one may have a few, at most one in ten.
_REFUSED_SHARE, _SMALL, _FEW_REFUSED = 0.001, 500, 5
#: So many lines that are no record, and more than every other one, are not read to the end.
_HOPELESS = 10_000
#: A column most of whose values cannot be read is another column than the one that was agreed.
_UNREADABLE_SHARE, _UNREADABLE_ROWS = 0.5, 20
#: With so many words beyond its table of words a source lists no more of them.
_MOST_WORDS = 1000
#: Amounts are counted in buckets, each a quarter of a power of ten.
BUCKETS_PER_POWER = 4
#: Amounts lie between a hundredth and 10^16: 100 buckets a kind, the first of them for 10^-2.5.
_FIRST_BUCKET, _BUCKETS = 10, 100
#: More than any number of months that a catalogue may have.
_MONTHS = 2**16

_Identify = Callable[[pa.Table, SourceSpec, Faults], pa.Table]


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


class Stream:
    """The rows of a table from all its sources, in the order of ``sources.toml``.

    Attributes:
        table: The table.
        project: Whose sources they are.
        arrivals: What was read of each source so far; complete once the stream is read to its end.
        expected: Whether the table has any source.
        sent: Rows sent so far.
        error: The error that ended the stream. An engine's scan loses its message, so it is kept here.
    """

    def __init__(
        self, table: StandardTable, sources: Sequence[SourceSpec], project: Project, folder: Path, identify: _Identify
    ) -> None:
        self.table, self.project, self._sources, self._folder = table, project, sources, folder
        self._identify = identify
        self._schema = arriving_schema(table)
        #: Kinds of which a feature asks for the result: without one a record would pass for one that is not asked for.
        self._with_result = sorted({kind for feature in project.features if feature.needs_result for kind in feature.kind})
        self.arrivals: list[Arrival] = []
        self.expected = bool(sources)
        self.sent = 0
        self.error: DataError | None = None

    def reader(self) -> pa.RecordBatchReader:
        """The rows as a stream that can be read once."""
        return pa.RecordBatchReader.from_batches(self._schema, self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        try:
            for source in self._sources:
                if not source.optional or source.format == "postgres" or (self._folder / source.file).is_file():
                    yield from (batch for batch in self._batches_of(source) if batch.num_rows)
        except DataError as error:
            self.error = error
            raise
        except UnicodeDecodeError:
            source_name = self.arrivals[-1].source if self.arrivals else ""
            self.error = DataError('source "{source}": expected texts in UTF-8 (got other bytes)', source=source_name)
            raise self.error from None
        except Exception as error:
            # A library's message may quote a cell: its kind and where it was raised are enough to find the fault.
            frames = traceback.extract_tb(error.__traceback__)
            frame = next((frame for frame in reversed(frames) if "creditscore" in frame.filename), frames[-1])
            self.error = DataError(
                "{table}: could not be read ({error} in {module}, line {line})",
                table=self.table.name,
                error=type(error).__name__,
                module=Path(frame.filename).name,
                line=frame.lineno,
            )
            raise self.error from None

    def _batches_of(self, source: SourceSpec) -> Iterator[pa.RecordBatch]:
        opened = open_source(source, self._folder, self.project.sources.limits)
        joins = Joins(source, self._folder, opened.columns, others=self.project.sources.source) if source.join else None
        names = joins.columns if joins else opened.columns
        check_columns(names, source, self.table, below=opened.below)
        wanted = _wanted_columns(source, self.table, opened.columns)
        arrival = self._arrival(opened, names, wanted)
        arrival.left_joined = joins.left_out if joins else []
        self.arrivals.append(arrival)
        for piece in opened.pieces(wanted):
            yield from self._standardised(piece, joins, source, arrival).to_batches()
            if len(arrival.refused) > max(_HOPELESS, arrival.rows / 2):
                break
        # One line in a thousand may be no record, one in any file, and a few of a small one; more means a broken file.
        few = min(_FEW_REFUSED, arrival.rows / 10) if arrival.rows <= _SMALL else 0
        if len(arrival.refused) > max(_REFUSED_SHARE * arrival.rows + 1, few):
            codes = Counter(code for _line, code in arrival.refused)
            raise DataError(
                "{file}: expected {fields} fields in each line and every quote closed where its field ends (got {refused} of "
                "{rows} lines that are no such records: {codes}; {lines}). If texts of a column go on over lines, say over how "
                "many in lines of the source in sources.toml, such as lines = {example}",
                file=arrival.file,
                fields=len(opened.columns),
                refused=len(arrival.refused),
                rows=arrival.rows,
                codes=counted_codes(codes),
                lines=line_reasons(arrival.refused),
                example='{ "…" = 5 }',
                to_sender=_(
                    "{file}: {refused} of {rows} lines have not the {fields} columns of the header, or a quote that is not closed "
                    "({lines}). A text with a comma in it stands in double quotes; every column is written, also an empty one"
                ),
            )

    def _arrival(self, opened: OpenedSource, names: Sequence[str], wanted: list[str]) -> Arrival:
        """A source of which no row is read yet.

        Raises:
            DataError: A column that will be masked is to become an id; a masked id identifies nobody.
        """
        source, personal = opened.source, personal_columns(opened.source, wanted)
        ids = {
            rule.to: name for rule in source.column for name in columns_read(rule) if rule.to.endswith("_id") and name in personal
        }
        if ids:
            raise DataError(
                'source "{source}": {columns} is called like personal data and would be masked: declare it in '
                'personal, with kind = "none" if it is none, or with needed = "…" and the basis',
                source=source.name,
                columns=", ".join(f"{name} (for {to})" for to, name in sorted(ids.items())),
            )
        filled = {rule.to for rule in source.column} | set(names) | ({"provider"} if source.provider else set())
        arrival = Arrival(
            source.name, source.table, source.location, opened.encoding, opened.sha256,
            first=self.arrivals[-1].first + self.arrivals[-1].lines if self.arrivals else 0,
            unused=tuple(name for name in opened.columns if name not in wanted),
            absent=tuple(name for name in self.table.columns if name not in filled),
            masked=tuple(sorted(personal)),
            names={name: BETWEEN_COLUMNS.join(sent_columns(source, name)) for name in self.table.columns},
        )  # fmt: skip
        arrival.renamed = near_matches(arrival.absent, arrival.unused)
        if opened.utf8_lines:
            arrival.normalised[_("lines that look like utf-8 in a gb18030 file")] = opened.utf8_lines
        return arrival

    def _standardised(self, piece: Piece, joins: Joins | None, source: SourceSpec, arrival: Arrival) -> pa.Table:
        """A piece in the columns of :func:`arriving_schema`; its counts are added to ``arrival``."""
        arrival.add_lines(piece)
        arrival.normalised.update(piece.normalised)
        raw, rows, cells = (joins.extend(piece.table) if joins else piece.table), piece.rows, _refused_cells(piece, source)
        if source.where is not None:
            mask = self._asked(raw, source, source.where, arrival, cells.get(source.where.column))
            raw, rows = raw.filter(mask), rows[mask.to_numpy(zero_copy_only=False)]
            cells = {name: codes.filter(mask) for name, codes in cells.items()}
            arrival.left_out += len(mask) - len(rows)
        standard, faults = apply_rules(
            raw, source, self.table, timezone=self.project.about.timezone, cells=cells, limits=self.project.sources.limits
        )
        if "result" in faults.empty:
            wrong = pc.and_(faults.empty["result"], pc.is_in(one_array(standard["kind"]), pa.array(self._with_result, pa.string())))
            faults.note(pc.if_else(wrong, "MISSING:result", pa.scalar(None, pa.string())), "result", alone=True)
        if self.table.name == "subjects":
            note_contradictions(standard, source, arrival.absent, faults)
        standard = self._identify(standard, source, faults)
        for name in ("normalised", "unmapped", "values", "unreadable"):
            getattr(arrival, name).update(getattr(faults, name))
        if len(arrival.words) <= _MOST_WORDS:
            arrival.words.update(faults.words)
        for name, unreadable in arrival.unreadable.items():
            values = arrival.values[name]
            if unreadable > _UNREADABLE_SHARE * values and unreadable >= _UNREADABLE_ROWS:
                raise DataError(
                    'source "{source}" ({file}): expected {column} to be readable (got {unreadable} of {values} values that '
                    "are not): has the column or its unit or form changed?",
                    source=arrival.source,
                    file=arrival.file,
                    column=name,
                    unreadable=unreadable,
                    values=values,
                    sent=arrival.names.get(name, name),
                    to_sender=_(
                        "{file}: {unreadable} of {values} cells of the column {sent} cannot be read: was the column changed, or "
                        "its unit or form?"
                    ),
                )
        self.sent += len(rows)
        columns = [*standard.columns, pa.array(arrival.first + rows, pa.int64())]
        columns += [faults.codes(), faults.texts(), faults.fields(), faults.field_texts()]
        items = self.project.catalogue.item
        if "kind" in self.table.columns:
            kinds = pc.index_in(one_array(standard["kind"]), pa.array([item.kind for item in items], pa.string()))
            columns.append(kinds)
        if self.table.name == "events":
            columns.append(_last_days(standard, kinds, items))
            arrival.amounts.update(_amount_buckets(one_array(standard["amount"]), kinds))
        return pa.Table.from_arrays(columns, schema=self._schema)

    def _asked(self, raw: pa.Table, source: SourceSpec, where: Where, arrival: Arrival, codes: pa.Array | None) -> pa.Array:
        """Which rows are read; values of the others that nothing declares are counted.

        Whether a row is asked for whose cell the reader refused is unknown: it is refused, not left out.
        """
        refused = pa.repeat(pa.scalar(False), raw.num_rows) if codes is None else pc.is_valid(codes)
        seen = raw if codes is None else raw.filter(pc.invert(refused))
        asked = asked_rows(seen, where, source.location, known=known_values(source, self.project.sources.source))
        arrival.normalised.update(asked.put_right)
        arrival.left_empty += asked.empty
        if len(arrival.left_words) <= _MOST_WORDS:
            arrival.left_words.update(asked.unknown)
        arrival.left_unknown += asked.unknown.total()
        return asked.mask if codes is None else pc.replace_with_mask(refused, pc.invert(refused), asked.mask)


def _refused_cells(piece: Piece, source: SourceSpec) -> dict[str, pa.Array]:
    """The codes of cells that the reader refused, by column; what a join takes by such a cell is refused like it."""
    cells = dict(piece.cells)
    for join in source.join:
        for own in join.on:
            if own in piece.cells:
                for name in join.take:
                    cells[name] = pc.coalesce(cells[name], piece.cells[own]) if name in cells else piece.cells[own]
    return cells


def _wanted_columns(source: SourceSpec, table: StandardTable, header: Sequence[str]) -> list[str]:
    """The source's columns that rules, joins and ``where`` read, or that have a standard name without a rule."""
    read = {name for rule in source.column for name in columns_read(rule)}
    read |= {name for join in source.join for name in join.on} | ({source.where.column} if source.where else set())
    read |= set(table.columns) - {rule.to for rule in source.column}
    return [name for name in header if name in read]


def _last_days(events: pa.Table, kinds: pa.Array, items: Sequence[CatalogueItem]) -> pa.Array:
    """The last day on which each event counts: ``valid_until``, or the day before its retention ends, the earlier.

    Returns:
        int32 days since 1970-01-01, missing where nothing ends.
    """
    own = pc.cast(one_array(events["valid_until"]), pa.int32())
    dates = one_array(events["event_date"])
    months = pa.array([item.retention_months for item in items], pa.int32()).take(kinds)
    known = pc.and_(pc.is_valid(months), pc.is_valid(dates))
    if not pc.any(known).as_py():
        return own
    days = pc.cast(pc.cast(dates, pa.int32()), pa.int64())
    # There are few days and few periods: each pair of them is computed once.
    pairs = pc.if_else(known, pc.add(pc.multiply(days, _MONTHS), months), pa.scalar(None, pa.int64()))
    encoded = pc.dictionary_encode(pairs)
    distinct = encoded.dictionary.to_numpy()
    ends = shift_months((distinct // _MONTHS).astype("datetime64[D]"), distinct % _MONTHS) - np.timedelta64(1, "D")
    return pc.min_element_wise(own, pa.array(ends.astype(np.int64).astype(np.int32)).take(encoded.indices))


def _amount_buckets(amounts: pa.Array, kinds: pa.Array) -> dict[tuple[int, int], int]:
    """The number of amounts above 0 by the kind's position in the catalogue and by bucket."""
    counted = pc.and_(pc.greater(pc.fill_null(amounts, 0), 0), pc.is_valid(kinds))
    if not counted.true_count:
        return {}
    values = pc.cast(amounts.filter(counted), pa.float64()).to_numpy()
    # One count over all kinds: the bucket number is offset by the kind.
    buckets = np.floor(BUCKETS_PER_POWER * np.log10(values)).astype(np.int64) + _FIRST_BUCKET
    cells: Ints = kinds.filter(counted).to_numpy().astype(np.int64) * _BUCKETS + buckets
    counts = np.bincount(cells)
    return {(int(cell // _BUCKETS), int(cell % _BUCKETS) - _FIRST_BUCKET): int(counts[cell]) for cell in np.flatnonzero(counts)}
