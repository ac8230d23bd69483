"""What a Spark session reads by itself, and readers of ours that run in its executors."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from typing import Any

import pyarrow as pa

from creditscore.engine.spread import Part, Reader, Relation

#: Rows that a database sends at once over JDBC.
_FETCHED = "10000"


def frame_of(session: Any, relation: Relation) -> Any:
    """The table as a frame of Spark, of which no row is read yet."""
    if not relation.url:
        return session.table(relation.name)
    options = {"url": relation.url, "dbtable": relation.name, "fetchsize": _FETCHED}
    with _told_to_no_log():
        return session.read.format("jdbc").options(**options).load()


def pieces_of(stream: pa.RecordBatchReader, rows: int = 1 << 20) -> Iterator[pa.Table]:
    """The rows of a stream in tables of about ``rows`` rows."""
    batches: list[pa.RecordBatch] = []
    for batch in stream:
        # An empty batch would end the frame that is built from them.
        if batch.num_rows:
            batches.append(batch)
        if sum(map(len, batches)) >= rows:
            yield pa.Table.from_batches(batches)
            batches = []
    if batches:
        yield pa.Table.from_batches(batches)


@contextlib.contextmanager
def _told_to_no_log() -> Iterator[None]:
    """The bridge to Java writes what it sends to its own log, where that is asked for details: the URL may hold a password."""
    log = logging.getLogger("py4j")
    before = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(before)


def fingerprint_of(session: Any, relation: Relation) -> str:
    """The number of rows and the sum of their hashes: whatever their order, one row more or less, or another value, shows."""
    from pyspark.sql import functions as f

    frame = frame_of(session, relation)
    # Of every type Spark makes JSON, and keeps apart what is missing and what is empty.
    row = f.to_json(f.struct(*(f.col(_quoted(name)) for name in frame.columns)), {"ignoreNullFields": "false"})
    digits = f.conv(f.substring(f.sha2(row, 256), 1, 15), 16, 10).cast("decimal(38,0)")
    (found,) = frame.select(digits.alias("hash")).agg(f.count("*"), f.sum("hash")).collect()
    return f"{found[0]}:{found[1] or 0}"


def spread(session: Any, schema: pa.Schema, parts: Sequence[Part]) -> Any:
    """The rows that parts make, as a frame: a task for each part, for each partition of a part's relation."""
    from pyspark.sql.pandas.types import from_arrow_schema

    kinds = from_arrow_schema(schema)
    with warnings.catch_warnings():
        # It asks for pandas before 3 wherever Python runs in executors; here only Arrow goes in and comes out.
        warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas", category=FutureWarning)
        return _frame_of_parts(session, kinds, parts)


def _frame_of_parts(session: Any, kinds: Any, parts: Sequence[Part]) -> Any:
    readers = [(number, part.read) for number, part in enumerate(parts) if part.relation is None]
    frames = []
    if readers:
        numbers = session.range(0, len(readers), 1, len(readers))
        frames.append(numbers.mapInArrow(_opening(readers), kinds))
    for part in parts:
        if part.relation is not None:
            rows = frame_of(session, part.relation).select(*map(_quoted, part.columns))
            frames.append(rows.mapInArrow(_reading(part.read, len(parts)), kinds))
    return reduce(lambda one, other: one.union(other), frames)


def _quoted(name: str) -> str:
    doubled = name.replace("`", "``")
    return f"`{doubled}`"


def _opening(readers: Sequence[tuple[int, Reader]]) -> Any:
    """Runs in an executor: the rows of the parts whose places it is given."""

    def opened(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for place in batch.column(0).to_pylist():
                number, read = readers[place]
                yield from read(iter(()), number)

    return opened


def _reading(read: Reader, behind: int) -> Any:
    """Runs in an executor: the rows of one partition of a relation, whose number lies behind those of all parts."""

    def of_partition(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from pyspark import TaskContext

        context = TaskContext.get()
        yield from read(batches, behind + (context.partitionId() if context else 0))

    return of_partition
