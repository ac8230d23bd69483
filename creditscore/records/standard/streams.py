"""The sources of a standard table as one stream of checked pieces, so that memory holds one piece whatever the number of rows."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from creditscore.config.sources import SourceSpec
from creditscore.errors import DataError
from creditscore.records.reading.sources import open_source
from creditscore.records.standard.arrivals import ARRIVAL, Arrival, arriving_schema
from creditscore.records.standard.pieces import Identify, Reading, hopeless, refuse_broken
from creditscore.records.tables import StandardTable

if TYPE_CHECKING:
    from creditscore.config.project import Project
    from creditscore.engine import Engine


class Stream:
    """The rows of a table from all its sources, in the order of ``sources.toml``; those of PostgreSQL from copies in ``tables``.

    Attributes:
        table: The table.
        project: Whose sources they are.
        arrivals: What was read of each source so far; complete once the stream is read to its end.
        expected: Whether the table has any source.
        error: The error that ended the stream. An engine's scan loses its message, so it is kept here.
    """

    def __init__(
        self,
        table: StandardTable,
        sources: Sequence[SourceSpec],
        project: Project,
        folder: Path,
        identify: Identify,
        *,
        engine: Engine | None = None,
        tables: Path | None = None,
    ) -> None:
        self.table, self.project, self._sources, self._folder = table, project, sources, folder
        self._identify, self._engine, self._tables = identify, engine, tables
        self.arrivals: list[Arrival] = []
        self.expected = bool(sources)
        self.error: DataError | None = None

    @property
    def sent(self) -> int:
        """Rows sent so far."""
        return sum(arrival.sent for arrival in self.arrivals)

    @property
    def passes_through(self) -> bool:
        """Whether a source is of a server that only this process knows, and not the executors of an engine."""
        return any(source.format == "postgres" for source in self._sources)

    def reader(self) -> pa.RecordBatchReader:
        """The rows as a stream that can be read once."""
        return pa.RecordBatchReader.from_batches(arriving_schema(self.table), self._batches())

    def opened(self) -> Iterator[tuple[Reading, Arrival]]:
        """Each source that has come, opened, and what will be counted of it; the one before has been read to its end by then."""
        for source in self._sources:
            if source.optional and source.is_file and not (self._folder / source.file).exists():
                continue
            opened = open_source(source, self._folder, self.project.sources.limits, engine=self._engine, tables=self._tables)
            reading = Reading.of(opened, self.table, self.project, self._folder, self._identify)
            arrival = reading.arrival(self.arrivals[-1].first + self.arrivals[-1].lines if self.arrivals else 0)
            self.arrivals.append(arrival)
            yield reading, arrival

    def failed(self, error: Exception) -> DataError:
        """What to say of an error that ended the stream, which is kept."""
        name = self.arrivals[-1].source if self.arrivals else ""
        self.error = told(error, table=self.table.name, source=name)
        return self.error

    def _batches(self) -> Iterator[pa.RecordBatch]:
        try:
            for reading, arrival in self.opened():
                for piece in reading.opened.pieces(list(reading.wanted)):
                    rows, found = reading.standardised(piece)
                    arrival.add(found)
                    numbers = pc.add(rows[ARRIVAL], arrival.first)
                    placed = rows.set_column(rows.column_names.index(ARRIVAL), ARRIVAL, numbers)
                    yield from (batch for batch in placed.to_batches() if batch.num_rows)
                    if hopeless(arrival):
                        break
                refuse_broken(arrival, reading.opened)
        except Exception as error:
            raise self.failed(error) from None


def told(error: Exception, *, table: str, source: str) -> DataError:
    """An error while a source was read, as it may be shown.

    Args:
        error: The error.
        table: The standard table.
        source: The source.
    """
    if isinstance(error, DataError):
        return error
    if isinstance(error, UnicodeDecodeError):
        return DataError('source "{source}": expected texts in UTF-8 (got other bytes)', source=source)
    # A library's message may quote a cell: its kind and where it was raised are enough to find the fault.
    frames = traceback.extract_tb(error.__traceback__)
    frame = next((frame for frame in reversed(frames) if "creditscore" in frame.filename), frames[-1])
    return DataError(
        "{table}: could not be read ({error} in {module}, line {line})",
        table=table,
        error=type(error).__name__,
        module=Path(frame.filename).name,
        line=frame.lineno,
    )
