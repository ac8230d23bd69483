"""The sources of a standard table read by an engine's executors: pieces and counts as of :mod:`.streams`, no row in this process.

Each row comes with the number of its part and its place in it. Each piece of a part ends with an account of itself: what
was counted in it, or the error that ended the part. This process gathers the accounts in the order of sources, parts and
pieces, so that counts and errors are those of one reader that goes through all of them, and numbers the rows by them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from creditscore.engine import Part, unbound
from creditscore.errors import DataError
from creditscore.language import Message, from_json, to_json
from creditscore.records.reading.parquet_files import ParquetPart
from creditscore.records.reading.session_tables import relation_of
from creditscore.records.reading.sources import numbered
from creditscore.records.standard.arrivals import ARRIVAL, Arrival, arriving_schema
from creditscore.records.standard.pieces import Reading, hopeless, refuse_broken
from creditscore.records.standard.streams import Stream, told
from creditscore.records.tables import StandardTable

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.engine import Engine

#: Of each row that a part makes: the part's number, the piece's in its part, and the account, in a row of its own.
_PART, _PIECE, _ACCOUNT, _START = "part", "piece", "account", "starts_after"
#: Parts whose beginnings stand in the query itself.
_FEW = 32
_HEAD = (pa.field(_PART, pa.int32()), pa.field(_PIECE, pa.int32()), pa.field(_ACCOUNT, pa.string()))


@dataclass(frozen=True)
class _Reader:
    """Reads one part of a source in an executor: all of it, one of its independent parts, or a partition of its table.

    Attributes:
        reading: The source.
        order: Its position among those of its table.
        part: The part; None: all of it, or the rows that it is given.
    """

    reading: Reading
    order: int
    part: ParquetPart | None = None

    def __call__(self, batches: Iterator[pa.RecordBatch], number: int) -> Iterator[pa.RecordBatch]:
        """The rows, and an account behind each piece."""
        reading, piece_number = self.reading, 0
        source, wanted = reading.source, list(reading.wanted)
        counted = Arrival(source.name, source.table, source.location, "", "", 0)
        try:
            if source.of_session:
                tables = (pa.Table.from_batches([batch]) for batch in batches)
                pieces = reading.opened.shown(numbered(tables), wanted)
            else:
                pieces = reading.opened.pieces(wanted, self.part)
            for piece in pieces:
                rows, found = reading.standardised(piece)
                account = found.counted(words=counted)
                counted.tally(found)
                yield from _marked(rows, number, piece_number)
                yield self._account(number, piece_number, counted=account)
                piece_number += 1
                if hopeless(counted):
                    break
        except Exception as error:
            failure = told(error, table=reading.table.name, source=source.name)
            yield self._account(number, piece_number, failed=_kept(failure))

    def _account(self, number: int, piece: int, **said: str) -> pa.RecordBatch:
        """One row that holds an account alone."""
        head = [[number], [piece], [json.dumps({"source": self.order, **said})]]
        schema = _marked_schema(self.reading.table)
        columns = [pa.array(values, kind.type) for values, kind in zip(head, _HEAD, strict=True)]
        return pa.RecordBatch.from_arrays(
            [*columns, *(pa.nulls(1, kind.type) for kind in list(schema)[len(_HEAD) :])], schema=schema
        )


def read_by_executors(engine: Engine, stream: Stream, name: str) -> None:
    """Read a table's sources into the engine by its executors; the arrivals of ``stream`` are then complete.

    Args:
        engine: One with executors.
        stream: The sources.
        name: What the rows can then be read as, in the columns of :func:`arriving_schema`.

    Raises:
        DataError: As reading the stream would.
    """
    readings, parts, later = list[tuple[Reading, Arrival]](), list[Part](), None
    try:
        for reading, arrival in stream.opened():
            parts += _parts_of(reading, len(readings))
            readings.append((reading, arrival))
    except Exception as error:
        later = stream.failed(error)  # what is wrong with the rows of the sources before goes first
    schema, starts = _marked_schema(stream.table), dict[int, int]()
    kept = unbound(f"{name}_spread", schema)
    if parts:
        engine.spread(f"{name}_spread", schema, parts)
        rows = engine.query(kept.filter(kept[_ACCOUNT].notnull()).select(_PART, _PIECE, _ACCOUNT))
        starts = _gathered(readings, rows, stream)
    else:
        engine.register(f"{name}_spread", schema.empty_table())
    if later is not None:
        raise later
    rows_of_parts = _with_starts(engine, kept.filter(kept[_ACCOUNT].isnull()), starts, f"{name}_starts")
    placed = rows_of_parts.mutate(**{ARRIVAL: rows_of_parts[ARRIVAL] + rows_of_parts[_START]})
    engine.view(name, placed.select(arriving_schema(stream.table).names))


def _with_starts(engine: Engine, rows: ir.Table, starts: dict[int, int], name: str) -> ir.Table:
    """Rows with how many come before their part: by a join where there are many parts, which costs a job."""
    if len(starts) <= _FEW:
        branches = [(rows[_PART] == part, ibis.literal(start, "int64")) for part, start in starts.items() if start]
        return rows.mutate(
            **{_START: ibis.cases(*branches, else_=ibis.literal(0, "int64")) if branches else ibis.literal(0, "int64")}
        )
    begun = pa.table({_PART: pa.array(list(starts), pa.int32()), _START: pa.array(list(starts.values()), pa.int64())})
    engine.register(name, begun)
    return rows.inner_join(unbound(name, begun.schema), _PART)


def forget(engine: Engine, name: str) -> None:
    """Forget what :func:`read_by_executors` keeps beside its rows."""
    for kept in (name, f"{name}_spread", f"{name}_starts"):
        engine.drop(kept)


def _parts_of(reading: Reading, order: int) -> list[Part]:
    source = reading.source
    if source.of_session:
        return [Part(_Reader(reading, order), relation_of(source), reading.wanted)]
    independent = reading.opened.parts
    if reading.opened.parquet is not None:
        # Each reader holds its own part of the list alone.
        whole = replace(reading, opened=replace(reading.opened, parquet=None))
        return [Part(_Reader(whole, order, part)) for part in independent]
    return [Part(_Reader(reading, order))]


def _gathered(readings: Sequence[tuple[Reading, Arrival]], accounts: pa.Table, stream: Stream) -> dict[int, int]:
    """Add up the accounts; by part, how many rows of the table come before it.

    Raises:
        DataError: A part failed, or what was counted refuses the source.
    """
    by_source: list[list[tuple[int, int, dict[str, str]]]] = [[] for _reading in readings]
    for account in accounts.to_pylist():
        said = json.loads(account[_ACCOUNT])
        by_source[said["source"]].append((account[_PART], account[_PIECE], said))
    starts: dict[int, int] = {}
    first = 0
    for (reading, arrival), own in zip(readings, by_source, strict=True):
        arrival.first = first
        for part, _piece, said in sorted(own, key=lambda one: one[:2]):
            # A part of files knows the places of its rows; a partition of a table only their order in it.
            starts.setdefault(part, first + (arrival.lines if reading.source.of_session else 0))
            try:
                if "failed" in said:
                    raise _read(said["failed"])
                found = Arrival(arrival.source, arrival.table, arrival.file, "", "", 0)
                found.read_counted(said["counted"])
                arrival.add(found)
            except DataError as error:
                raise stream.failed(error) from None
            if hopeless(arrival):
                break
        try:
            refuse_broken(arrival, reading.opened)
        except DataError as error:
            raise stream.failed(error) from None
        first += arrival.lines
    return starts


def _marked_schema(table: StandardTable) -> pa.Schema:
    return pa.schema([*_HEAD, *arriving_schema(table)])


def _marked(rows: pa.Table, number: int, piece: int) -> Iterator[pa.RecordBatch]:
    """Rows with the number of their part and piece."""
    size = rows.num_rows
    head = [
        pa.repeat(pa.scalar(number, pa.int32()), size),
        pa.repeat(pa.scalar(piece, pa.int32()), size),
        pa.nulls(size, pa.string()),
    ]
    table = pa.Table.from_arrays([*head, *rows.columns], schema=pa.schema([*_HEAD, *rows.schema]))
    return (batch for batch in table.combine_chunks().to_batches() if batch.num_rows)


def _kept(error: DataError) -> str:
    """An error as JSON; values that are neither texts, numbers nor messages as they would be shown."""
    return to_json(Message(error.message, {name: _plain(value) for name, value in error.values.items()}))


def _plain(value: object) -> object:
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value if value is None or isinstance(value, bool | int | float | str | Message) else str(value)


def _read(kept: str) -> DataError:
    said = from_json(kept)
    return DataError(said.message, **said.values)
