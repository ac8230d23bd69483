"""Records that were delivered again in favour of their firms, on each engine: as they were, they have left."""

import datetime as dt
from decimal import Decimal

from support.projects import event, subject, write_project, write_tables
from support.readings import keep_ended, keep_reading

from creditscore.inspection.objections import Objection
from creditscore.pipeline.known_objections import disputes_of
from creditscore.records.adverse.endings import exits
from creditscore.records.records import open_records

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
    over = keep_ended(april, APRIL, tmp_path / "over.parquet")
    file = keep_reading(april, "events", APRIL, tmp_path / "read.parquet")
    may = opened(engine, tmp_path / "may", {name: before | cells for name, cells in NOW.items()})
    rows = exits(may, after=APRIL, until=MAY, ended_before=over, read_before=file)
    assert [(row["event_id"], row["why"], row["ended_day"]) for row in rows.to_pylist()] == [
        (name, "corrected", (MAY - D(1970, 1, 1)).days) for name in ("E1", "E2")
    ]


#: What each visit that found a violation of severity 5 says in May.
VISITS_NOW = {
    "v1": {"outcome": "none", "severity": None},
    "v2": {"severity": 3},
    "v3": {"severity": None},
    "v4": {},
    "v5": {"outcome": "closed", "severity": None},
    "v6": {"outcome": "none", "severity": None},
    "v7": {"outcome": "none", "severity": None},
}


def visited(engine, folder, said, objections=()):
    visits = [
        {
            "inspection_id": name, "subject_id": "S1", "event_date": D(2023, 6, 1 + n), "known_date": D(2023, 6, 1 + n),
            "trigger": "random", "mode": "on_site", "inspectors": ["甲"], **cells,
        }
        for n, (name, cells) in enumerate(said.items())
    ]  # fmt: skip
    tables = write_tables(folder / "data", subjects=[subject("S1")], inspections=visits)
    return open_records(engine, write_project(folder / "project"), data=tables, disputes=disputes_of(objections))


def test_a_visit_whose_result_became_better_has_left_as_it_was(engine, tmp_path):
    """v6 is under objection: it has left, too. v7 had left before, by an upheld one."""
    said = {"against": "visit", "applicant": "a", "by": "b", "grounds": "c", "on": D(2024, 4, 10)}
    objections = [
        Objection(subject_id="S1", about="v6", id="1", **said),
        Objection(subject_id="S1", about="v7", id="2", outcome="upheld", decided_on=D(2024, 4, 20), **said),
    ]
    before = {"outcome": "violation", "severity": 5}
    april = visited(engine, tmp_path / "april", {**dict.fromkeys(VISITS_NOW, before), "v8": {"outcome": "none"}}, objections)
    over = keep_ended(april, APRIL, tmp_path / "over.parquet")
    events = keep_reading(april, "events", APRIL, tmp_path / "read.parquet")
    visits = keep_reading(april, "inspections", APRIL, tmp_path / "visits.parquet")
    now = {name: before | cells for name, cells in VISITS_NOW.items()}
    may = visited(engine, tmp_path / "may", {**now, "v8": {"outcome": "none"}}, objections)
    rows = exits(may, after=APRIL, until=MAY, ended_before=over, read_before=events, visits_before=visits)
    assert [(row["event_id"], row["kind"], row["why"], row["ended_day"]) for row in rows.to_pylist()] == [
        (f"visit:{name}", "visit", "corrected", (MAY - D(1970, 1, 1)).days) for name in ("v1", "v2", "v5", "v6")
    ]
