"""Writes a whole city into a folder: the data as departments send it, and the truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from creditscore.simulate import deliveries, tables, truth
from creditscore.simulate.deliveries import PlantedDirt, soil
from creditscore.simulate.events import Changes, Events, make_changes, make_events, make_ratings
from creditscore.simulate.inspections import FIRST_QUARTER_BLOCK, inspect_city
from creditscore.simulate.kinds import NUMBER
from creditscore.simulate.parameters import CHUNK, CityParameters
from creditscore.simulate.subjects import Subjects, make_subjects
from creditscore.simulate.timeline import Time, time_of
from creditscore.simulate.visits import OldPoints, make_staff
from creditscore.storage import sha256_file

_PARQUET: dict[str, Any] = {"version": "2.6", "compression": "zstd", "compression_level": 3, "write_page_checksum": True}


class _Files:
    """Open files of one folder; each is written block by block.

    Parquet: format 2.6, zstd level 3, page checksums. The bytes depend on the version of Arrow and
    on nothing else.
    """

    def __init__(self, folder: Path, *, csv: str = "gb18030") -> None:
        self.folder = folder
        self._csv = csv
        self.rows: dict[str, int] = {}
        self._parquet: dict[str, pq.ParquetWriter] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> _Files:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def write(self, name: str, table: pa.Table) -> None:
        """Append a block; the first one gives the schema. A name ending in ``.csv`` is text in the encoding of the folder."""
        if name.endswith(".csv"):
            self._write_csv(name, table)
        else:
            if name not in self._parquet:
                self._parquet[name] = pq.ParquetWriter(self.folder / name, table.schema, **_PARQUET)
            self._parquet[name].write_table(table, row_group_size=1 << 20)
        self.rows[name] = self.rows.get(name, 0) + table.num_rows

    def close(self) -> None:
        """Finish every file."""
        for writer in self._parquet.values():
            writer.close()
        self._parquet = {}

    def sha256(self) -> dict[str, str]:
        """The hash of each finished file."""
        return {name: sha256_file(self.folder / name) for name in sorted(self.rows)}

    def _write_csv(self, name: str, table: pa.Table) -> None:
        """All columns are texts without commas or quotes; missing is empty."""
        new = name not in self.rows
        columns = [["" if value is None else value for value in column.to_pylist()] for column in table.columns]
        lines = [",".join(row) for row in zip(*columns, strict=True)]
        head = [",".join(table.column_names)] if new else []
        with (self.folder / name).open("wb" if new else "ab") as stream:
            stream.write("".join(f"{line}\r\n" for line in [*head, *lines]).encode(self._csv))


@dataclass(frozen=True)
class SimulatedCity:
    """The folders of a city. ``rows`` and ``sha256`` are by file, relative to the folder of both."""

    data: Path
    truth: Path
    parameters: CityParameters
    rows: dict[str, int]
    sha256: dict[str, str]


def simulate_city(parameters: CityParameters, *, out: Path) -> SimulatedCity:
    """Write ``out/data`` (what departments send) and ``out/truth`` (what no department knows).

    The same parameters give the same bytes under one lock file. Memory grows by about 250 bytes a
    subject; records are written chunk by chunk of 20,000 subjects.

    Args:
        parameters: The city.
        out: A folder; files of an earlier city in it are replaced.
    """
    time = time_of(parameters)
    with _Files(out / "data", csv="gb18030" if parameters.gb18030 else "utf-8") as data, _Files(out / "truth") as hidden:
        work = _Work(parameters, time, data, hidden, OldPoints(parameters, time, parameters.subjects))
        for chunk in range(-(-parameters.subjects // CHUNK)):
            work.write_chunk(chunk)
        work.write_visits()
        data.close()
        hidden.close()
        (out / "truth" / "parameters.json").write_text(parameters.model_dump_json(indent=2) + "\n", "utf-8")
        rows = {f"data/{name}": count for name, count in data.rows.items()}
        rows |= {f"truth/{name}": count for name, count in hidden.rows.items()}
        hashes = {f"data/{name}": digest for name, digest in data.sha256().items()}
        hashes |= {f"truth/{name}": digest for name, digest in hidden.sha256().items()}
        return SimulatedCity(out / "data", out / "truth", parameters, rows, hashes)


@dataclass
class _Work:
    """A city while it is written. From chunk to chunk a few integers per subject are kept, never the records."""

    parameters: CityParameters
    time: Time
    data: _Files
    truth: _Files
    points: OldPoints
    subjects: list[Subjects] = field(default_factory=list)
    ids: list[pa.Array] = field(default_factory=list)
    complaints: list[Events] = field(default_factory=list)
    planted: PlantedDirt = field(default_factory=PlantedDirt)

    def write_chunk(self, chunk: int) -> None:
        """Subjects, ratings, records and changes of one chunk."""
        parameters, time, first = self.parameters, self.time, chunk * CHUNK
        subjects = make_subjects(parameters, time, chunk)
        ids = tables.ascii_texts(subjects.written)
        self.subjects.append(subjects)
        self.ids.append(ids)
        self.data.write("subjects.parquet", tables.subject_table(parameters, time, subjects, chunk=chunk))
        self.truth.write("subjects.parquet", truth.subjects_truth(subjects))
        self.planted.hostile += (np.flatnonzero(tables.hostile(parameters, len(subjects), chunk=chunk)) + first).tolist()
        # Records name subjects by their position in the chunk until they are written.
        ratings = make_ratings(parameters, time, subjects, chunk=chunk)
        self.data.write("ratings.parquet", tables.rating_table(ids, ratings))
        events = make_events(parameters, time, subjects, chunk=chunk)
        changes = make_changes(parameters, time, events, block=chunk)
        self.write_records(ids, events, changes, block=chunk)
        events = events.shifted(first)
        self.points.add(events, changes)
        self.complaints.append(events.take(events.kind == NUMBER["complaint"]))

    def write_records(self, ids: pa.Array, events: Events, changes: Changes, *, block: int) -> None:
        """A block of clean records as departments send it, with its dirt, changes, decisions and publicity."""
        parameters, time = self.parameters, self.time
        delivery = soil(parameters, time, events, self.planted, block=block)
        for name, table in deliveries.event_tables(parameters, ids, delivery.events, self.planted, block=block).items():
            self.data.write(name, table)
        self.data.write("decisions.parquet", deliveries.decision_table(ids, delivery.decided))
        self.data.write("changes.parquet", deliveries.change_table(changes))
        publicity = deliveries.publicity_table(parameters, time, ids, events, changes, self.planted, block=block)
        self.data.write("publicity.parquet", publicity)

    def write_visits(self) -> None:
        """Visits of the whole city, the records that follow from them, and the truth."""
        parameters, time = self.parameters, self.time
        subjects, ids = Subjects.together(self.subjects), pa.concat_arrays(self.ids)
        staff = make_staff(parameters)
        history = inspect_city(parameters, time, subjects, staff, self.points, Events.together(self.complaints))
        self.write_records(ids, history.events, history.changes, block=FIRST_QUARTER_BLOCK)
        self.data.write("inspections.parquet", tables.visit_table(time, ids, subjects, staff, history.visits))
        self.data.write("frames.parquet", tables.frame_table(history.frames))
        self.data.write("staff.parquet", tables.staff_table(time, staff))
        self.data.write("recusals.parquet", tables.recusal_table(parameters, ids, staff))
        for quarter in range(len(time.quarters) + 1):
            self.truth.write("risk.parquet", truth.risk_truth(parameters, time, subjects, staff, history.tiers, quarter))
        self.truth.write("visits.parquet", truth.visits_truth(staff, history))
        self.truth.write("inspectors.parquet", truth.inspectors_truth(staff))
        self.truth.write("dirt.parquet", truth.dirt_truth(parameters, subjects, self.planted))
