"""A small delivery as departments send it: CSV files by their text, other files by their rows, and the project that reads them."""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from support.projects import write_project
from support.readings import keep_reading

from creditscore.config.project import Project
from creditscore.engine import Engine
from creditscore.records.adverse.readings import READINGS, LastReading
from creditscore.records.deliveries.checkup import check_up
from creditscore.records.deliveries.drift import profile
from creditscore.records.records import Records, open_records
from creditscore.simulate.subjects import credit_codes

DAY = dt.date(2024, 4, 30)
SUBJECTS = "subject_id,valid_from,known_date,name,subject_type,status,industry,region,registered_date"
EVENTS = "event_id,subject_id,kind,event_date,known_date,document_no,severity,amount,result,valid_until"


def subject_line(subject_id: str = "S1", name: str = "甲店", **changed: str) -> str:
    row = {
        "subject_id": subject_id, "valid_from": "2015-01-01", "known_date": "2015-01-01", "name": name, "subject_type": "enterprise",
        "status": "active", "industry": "food", "region": "431103", "registered_date": "2015-01-01",
    }  # fmt: skip
    return _line(SUBJECTS, row, changed)


def event_line(event_id: str = "E1", subject_id: str = "S1", kind: str = "penalty", **changed: str) -> str:
    row = {
        "event_id": event_id, "subject_id": subject_id, "kind": kind, "event_date": "2024-01-01", "known_date": "2024-01-02",
        "document_no": "", "severity": "", "amount": "", "result": "", "valid_until": "",
    }  # fmt: skip
    return _line(EVENTS, row, changed)


def _line(header: str, row: dict, changed: dict) -> str:
    assert set(changed) <= set(row), changed
    return ",".join({**row, **changed}[name] for name in header.split(","))


def text(header: str, lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in [header, *lines])


def subjects_csv(*ids: str) -> str:
    return text(SUBJECTS, [subject_line(subject_id) for subject_id in ids or ("S1",)])


def valid_codes(count: int, prefix: str = "91431103") -> list[str]:
    """Unified social credit codes that nothing is wrong with."""
    return [code.decode() for code in credit_codes([prefix], np.zeros(count, dtype=int), np.arange(count), offset=0).tolist()]


def csv_sources(*, subjects: dict | None = None, events: dict | None = None, others: list[dict] | None = None, **top) -> dict:
    """``sources`` for two CSV files; further keys of either, other sources, keys of the document."""
    source = [
        {"name": "register", "table": "subjects", "file": "subjects.csv", "format": "csv", **(subjects or {})},
        {"name": "records", "table": "events", "file": "events.csv", "format": "csv", **(events or {})},
        *(others or []),
    ]
    return {"id_scheme": "local", **top, "source": source}


class Delivery:
    """Files in a folder, a project beside them."""

    def __init__(self, folder: Path, *, sources: dict | None = None, **overrides: dict) -> None:
        self.data = folder / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        self.project: Project = write_project(folder / "project", sources=sources or csv_sources(), **overrides)
        self.file("subjects.csv", subjects_csv())
        self.file("events.csv", text(EVENTS, []))

    def file(self, name: str, content: str | bytes, encoding: str = "utf-8") -> Path:
        path = self.data / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    def subjects(self, *lines: str) -> None:
        self.file("subjects.csv", text(SUBJECTS, list(lines)))

    def events(self, *lines: str) -> None:
        self.file("events.csv", text(EVENTS, list(lines)))

    def open(self, engine: Engine | None = None) -> Records:
        return open_records(engine or Engine.duckdb(), self.project, data=self.data)


def rows(records: Records, table: str = "events") -> list[dict]:
    return records.arrow(table).to_pylist()


def refused(records: Records, scope: str = "row") -> list[tuple[str, str, int, str]]:
    """Table, code, row in the source and key of what was refused."""
    listed = records.rejects.to_pylist()
    return sorted((r["table"], r["code"], r["row"], r["key"]) for r in listed if r["scope"] == scope)


def put_right(records: Records) -> dict[str, int]:
    """What was normalised, over all sources."""
    counts: dict[str, int] = {}
    for arrival in records.arrivals:
        for what, n in arrival.normalised.items():
            counts[str(what)] = counts.get(str(what), 0) + n
    return counts


def equation(records: Records, table: str) -> tuple[int, int, int, int]:
    outcome = records.outcomes[table]
    assert outcome.arrived == outcome.kept + outcome.quarantined + outcome.collapsed
    return outcome.arrived, outcome.kept, outcome.quarantined, outcome.collapsed


def profile_of(records: Records) -> pa.Table:
    return profile(records)


def last_reading(delivery: Delivery, engine: Engine, *, on: dt.date = DAY) -> LastReading:
    """What a night on a delivery leaves to the one of ``DAY``: the adverse records as they counted."""
    records, folder = delivery.open(engine), delivery.data.parent / f"read-{on}"
    folder.mkdir()
    files = {table: folder / f"{name}.parquet" for table, name in READINGS.items()}
    for table, file in files.items():
        keep_reading(records, table, on, file)
    return LastReading(files, DAY)


def findings(records: Records, section: str, as_of: dt.date = DAY) -> pd.DataFrame:
    frame = check_up(records, as_of=as_of).table()
    return frame[frame["section"] == section].reset_index(drop=True)
