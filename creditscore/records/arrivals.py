"""The sources of a standard table as one stream of checked pieces: memory holds a piece, whatever the number of rows."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.config.catalogue import CatalogueItem
from creditscore.config.sources import SourceSpec
from creditscore.dates import shift_months
from creditscore.errors import DataError
from creditscore.records.column_rules import apply_rules, check_columns, columns_read, where_mask
from creditscore.records.column_types import Faults, whole
from creditscore.records.personal import personal_columns
from creditscore.records.sources import Joins, Opened, Piece, open_source
from creditscore.records.tables import StandardTable

if TYPE_CHECKING:
    from creditscore.config.project import Project

#: More than any number of months that a catalogue may say.
_MONTHS = 2**16


def kind_keys(kinds: pa.Array | pa.ChunkedArray, items: tuple[CatalogueItem, ...]) -> pa.Array:
    """The place of each kind in the catalogue (int32); missing where it is not in it."""
    return pc.index_in(whole(kinds), pa.array([item.kind for item in items], pa.string()))


def last_days(table: pa.Table, keys: pa.Array, items: tuple[CatalogueItem, ...]) -> pa.Array:
    """Day numbers of the last day on which events count: ``valid_until``, or the day before their retention ends.

    Args:
        table: Events with ``event_date`` and ``valid_until``.
        keys: Their kinds' places in the catalogue.
        items: The catalogue.

    Returns:
        int32 days since 1970-01-01, missing where nothing ends.
    """
    own = pc.cast(whole(table["valid_until"]), pa.int32())
    months = pa.array([item.retention_months for item in items], pa.int32()).take(keys)
    known = pc.and_(pc.is_valid(months), pc.is_valid(whole(table["event_date"])))
    if not pc.any(known).as_py():
        return own
    days = pc.cast(pc.cast(whole(table["event_date"]), pa.int32()), pa.int64())
    # Few days and few periods: each pair of them is reckoned once.
    encoded = pc.dictionary_encode(pc.if_else(known, pc.add(pc.multiply(days, _MONTHS), months), pa.scalar(None, pa.int64())))
    pairs = encoded.dictionary.to_numpy()
    ends = shift_months((pairs // _MONTHS).astype("datetime64[D]"), pairs % _MONTHS) - np.timedelta64(1, "D")
    kept_until = pa.array(ends.astype(np.int64).astype(np.int32)).take(encoded.indices)
    return pc.min_element_wise(own, kept_until)


#: Columns that arrive beside the standard ones: the row's number among all rows of its table, the fault that
#: quarantines it, and those of single values.
ARRIVAL, FAULT, FIELDS = "arrival", "fault", "field_faults"
#: Of events and decisions: the kind's place in the catalogue; of events: the last day on which they count.
KIND_KEY, LAST_DAY = "kind_key", "last_day"
#: A file with a larger share of lines of the wrong width is refused, not repaired.
_RAGGED_SHARE = 0.001
#: A column most of whose values cannot be read is another column than the one that was agreed.
_UNREADABLE_SHARE, _UNREADABLE_ROWS = 0.5, 20
#: Amounts are counted in buckets, each a quarter of a power of ten.
BUCKETS_PER_POWER = 4
#: Amounts lie between a hundredth and 10^16: 100 buckets a kind, the first of them for 10^-2.5.
_FIRST_BUCKET, _BUCKETS = 10, 100

Identify = Callable[[pa.Table, SourceSpec, Faults], pa.Table]


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
    rows: int = 0
    #: Rows that ``where`` does not ask for.
    left_out: int = 0
    #: Rows (from 1) with another number of fields than the header.
    ragged: list[int] = field(default_factory=list)
    normalised: Counter[str] = field(default_factory=Counter)
    unmapped: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    #: Of events: how many amounts, by the kind's place in the catalogue and by size.
    amounts: Counter[tuple[int, int]] = field(default_factory=Counter)
    #: Columns that nothing reads, and standard ones that nothing gives.
    unused: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()


def arriving_schema(table: StandardTable) -> pa.Schema:
    """The standard columns and those that arrive beside them."""
    beside = [(ARRIVAL, pa.int64()), (FAULT, pa.string()), (FIELDS, pa.string())]
    if "kind" in table.columns:
        beside.append((KIND_KEY, pa.int32()))
    if table.name == "events":
        beside.append((LAST_DAY, pa.int32()))
    return pa.schema([*table.columns.items(), *beside])


class Stream:
    """The rows of a table from all its sources, in the order of ``sources.toml``; facts are whole once it is read.

    Errors inside an engine's scan lose their words; ``error`` keeps the one that ended the stream.
    """

    def __init__(self, table: StandardTable, sources: list[SourceSpec], project: Project, folder: Path, identify: Identify) -> None:
        self.table, self._sources, self._project, self._folder = table, sources, project, folder
        self._identify = identify
        self.arrivals: list[Arrival] = []
        #: Whether there is a source to be read at all.
        self.expected = bool(sources)
        self.sent = 0
        self.error: DataError | None = None

    def reader(self) -> pa.RecordBatchReader:
        """The rows as a stream that can be read once."""
        return pa.RecordBatchReader.from_batches(arriving_schema(self.table), self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        try:
            for source in self._sources:
                if not source.optional or source.format == "postgres" or (self._folder / source.file).is_file():
                    yield from (batch for batch in self._of(source) if batch.num_rows)
        except DataError as error:
            self.error = error
            raise
        except UnicodeDecodeError:
            last = self.arrivals[-1].source if self.arrivals else ""
            self.error = DataError('source "{last}": expected texts in UTF-8 (got other bytes)', last=last)
            raise self.error from None
        except Exception as error:
            # What a library says may quote a cell: its kind and its place are enough to find the fault.
            frames = traceback.extract_tb(error.__traceback__)
            frame = next((frame for frame in reversed(frames) if "creditscore" in frame.filename), frames[-1])
            told = f"{type(error).__name__} in {Path(frame.filename).name}, line {frame.lineno}"
            self.error = DataError("{name}: could not be read ({told})", name=self.table.name, told=told)
            raise self.error from None

    def _of(self, source: SourceSpec) -> Iterator[pa.RecordBatch]:
        opened = open_source(source, self._folder)
        joins = Joins(source, self._folder, opened.columns) if source.join else None
        names = list(joins.columns if joins else opened.columns)
        check_columns(names, source, self.table)
        wanted = _wanted(source, self.table, opened.columns)
        first = self.arrivals[-1].first + self.arrivals[-1].rows if self.arrivals else 0
        arrival = Arrival(source.name, source.table, source.place, opened.encoding, opened.sha256, first)
        arrival.unused = tuple(name for name in opened.columns if name not in wanted)
        given = {rule.to for rule in source.column} | set(names) | ({"provider"} if source.provider else set())
        arrival.absent = tuple(name for name in self.table.columns if name not in given)
        arrival.masked = _masked(source, wanted)
        if opened.suspicious:
            arrival.normalised["lines that look like utf-8 in a gb18030 file"] = opened.suspicious
        self.arrivals.append(arrival)
        for piece in opened.pieces(wanted):
            yield from self._piece(piece, joins, source, arrival, opened).to_batches()
        _refuse_ragged(arrival, len(opened.columns))

    def _piece(self, piece: Piece, joins: Joins | None, source: SourceSpec, arrival: Arrival, opened: Opened) -> pa.Table:
        arrival.rows += len(piece.rows) + len(piece.ragged)
        arrival.ragged += piece.ragged.tolist()
        raw, rows = (joins.beside(piece.table) if joins else piece.table), piece.rows
        if source.where is not None:
            mask = where_mask(raw, source.where, source.place)
            raw, rows = raw.filter(mask), rows[mask.to_numpy(zero_copy_only=False)]
            arrival.left_out += len(mask) - len(rows)
        standard, faults = apply_rules(raw, source, self.table, timezone=self._project.about.timezone)
        standard = self._identify(standard, source, faults)
        for name in ("normalised", "unmapped", "values", "unreadable"):
            getattr(arrival, name).update(getattr(faults, name))
        _refuse_drift(arrival)
        self.sent += len(rows)
        whole_piece = self._beside(standard, faults, arrival.first + rows)
        if self.table.name == "events":
            arrival.amounts.update(amount_buckets(whole(standard["amount"]), whole(whole_piece[KIND_KEY])))
        return whole_piece

    def _beside(self, standard: pa.Table, faults: Faults, numbers: np.ndarray) -> pa.Table:
        columns = [*standard.columns, pa.array(numbers, pa.int64()), faults.codes(), faults.fields()]
        items = self._project.catalogue.item
        if "kind" in self.table.columns:
            columns.append(kind_keys(standard["kind"], items))
        if self.table.name == "events":
            columns.append(last_days(standard, columns[-1], items))
        return pa.Table.from_arrays(columns, schema=arriving_schema(self.table))


def _wanted(source: SourceSpec, table: StandardTable, there: tuple[str, ...]) -> list[str]:
    """The source's columns that rules, joins and ``where`` look at, or that bear a standard name without a rule."""
    ruled = {rule.to for rule in source.column}
    looked_at = {name for rule in source.column for name in columns_read(rule)}
    looked_at |= {name for join in source.join for name in join.on} | ({source.where.column} if source.where else set())
    looked_at |= set(table.columns) - ruled
    return [name for name in there if name in looked_at]


def _masked(source: SourceSpec, wanted: list[str]) -> tuple[str, ...]:
    """Columns that will be masked.

    Raises:
        DataError: One of them is to be an id; a masked id is none.
    """
    hidden = personal_columns(source, wanted)
    ids = {rule.to: name for rule in source.column for name in columns_read(rule) if rule.to.endswith("_id") and name in hidden}
    if ids:
        told = ", ".join(f"{name} (for {to})" for to, name in sorted(ids.items()))
        raise DataError(
            'source "{name}": {told} is called like personal data and would be masked: declare it in '
            'personal, with kind = "none" if it is none, or with needed = "…" and the basis',
            name=source.name,
            told=told,
        )
    return tuple(sorted(hidden))


def _refuse_ragged(arrival: Arrival, fields: int) -> None:
    """One line in a thousand may be broken (and one in any file); more is a broken file."""
    if len(arrival.ragged) > _RAGGED_SHARE * arrival.rows + 1:
        raise DataError(
            "{file}: expected {fields} fields in each line (got others in {n_ragged} of {rows} rows, the first in row {ragged})",
            file=arrival.file,
            fields=fields,
            n_ragged=len(arrival.ragged),
            rows=arrival.rows,
            ragged=arrival.ragged[0],
        )


def _refuse_drift(arrival: Arrival) -> None:
    for name, bad in arrival.unreadable.items():
        given = arrival.values[name]
        if bad > _UNREADABLE_SHARE * given and bad >= _UNREADABLE_ROWS:
            raise DataError(
                'source "{source}" ({file}): expected {name} to be readable (got {bad} of {given} values that '
                "are not): has the column or its unit or form changed?",
                source=arrival.source,
                file=arrival.file,
                name=name,
                bad=bad,
                given=given,
            )


def places(arrivals: list[Arrival], numbers: pa.Array) -> tuple[pa.Array, pa.Array]:
    """The source and the row in it (from 1) of rows by their ``arrival``."""
    given = numbers.to_numpy()
    firsts = np.array([arrival.first for arrival in arrivals], dtype=np.int64)
    which = np.searchsorted(firsts, given - 1, side="right") - 1
    names = pa.array([arrival.source for arrival in arrivals], pa.string())
    return names.take(pa.array(which)), pc.subtract(numbers, pa.array(firsts[which]))


def amount_buckets(amounts: pa.Array, kinds: pa.Array) -> dict[tuple[int, int], int]:
    """How many amounts above 0 fall into each bucket, per kind's place in the catalogue."""
    there = pc.and_(pc.greater(pc.fill_null(amounts, 0), 0), pc.is_valid(kinds))
    if not there.true_count:
        return {}
    values = pc.cast(amounts.filter(there), pa.float64()).to_numpy()
    # One count over all kinds: the bucket number is offset by the kind.
    buckets = np.floor(BUCKETS_PER_POWER * np.log10(values)).astype(np.int64) + _FIRST_BUCKET
    counts = np.bincount(kinds.filter(there).to_numpy().astype(np.int64) * _BUCKETS + buckets)
    return {(int(pair // _BUCKETS), int(pair % _BUCKETS) - _FIRST_BUCKET): int(counts[pair]) for pair in np.flatnonzero(counts)}
