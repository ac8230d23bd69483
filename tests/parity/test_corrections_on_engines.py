"""Records that were delivered again in favour of their firms, on each engine: as they were, they have left."""

import datetime as dt
from decimal import Decimal

from support.projects import event, subject, write_project, write_tables

from creditscore.records.adverse.endings import ended, exits
from creditscore.records.last_reading import adverse_reading
from creditscore.records.records import open_records
from creditscore.storage import write_parquet

D = dt.date
APRIL, MAY = D(2024, 4, 30), D(2024, 5, 31)
#: What each penalty of 5000 yuan and severity 5 says in May.
NOW = {
    "E1": {"amount": Decimal("500.00")},
    "E2": {"severity": 3},
    "E3": {"amount": Decimal("9000.00")},
    "E4": {"amount": None, "severity": None},
    "E5": {},
}


def opened(engine, folder, said):
    events = [event(name, "S1", "penalty", D(2023, 6, 1 + n), **cells) for n, (name, cells) in enumerate(said.items())]
    tables = write_tables(folder / "data", subjects=[subject("S1")], events=events, changes=[])
    return open_records(engine, write_project(folder / "project"), data=tables)


def test_less_of_an_amount_or_severity_has_left_and_more_or_an_empty_cell_has_not(engine, tmp_path):
    before = {"amount": Decimal("5000.00"), "severity": 5}
    april = opened(engine, tmp_path / "april", dict.fromkeys(NOW, before))
    over, file = ended(april, APRIL), tmp_path / "read.parquet"
    write_parquet(file, adverse_reading(april, "events", APRIL))
    may = opened(engine, tmp_path / "may", {name: before | cells for name, cells in NOW.items()})
    rows = exits(may, after=APRIL, until=MAY, ended_before=over, read_before=file)
    assert [(row["event_id"], row["why"], row["ended_day"]) for row in rows.to_pylist()] == [
        (name, "corrected", (MAY - D(1970, 1, 1)).days) for name in ("E1", "E2")
    ]
