"""Which adverse records have left, since when, and which stand with which values."""

import datetime as dt
from decimal import Decimal

import pytest
from support.projects import documents, event, subject, write_project, write_tables
from support.readings import keep_ended, keep_reading

from creditscore.engine import Engine
from creditscore.records.adverse.endings import exits
from creditscore.records.records import open_records
from creditscore.storage import read_parquet

D = dt.date
APRIL, MAY = D(2024, 4, 30), D(2024, 5, 31)


def change(event_id, what, effective, known=None):
    return {"event_id": event_id, "change": what, "effective_date": effective, "known_date": known or effective}


def opened(folder, events, changes=()):
    project = write_project(folder / "project")
    tables = {"subjects": [subject("S1"), subject("S2")], "events": events, "changes": list(changes)}
    return open_records(Engine.duckdb(), project, data=write_tables(folder / "data", **tables))


def left(records, **between):
    rows = records.exits(**between)
    return list(zip(rows["event_id"].to_pylist(), rows["why"].to_pylist(), strict=True))


@pytest.mark.parametrize("why", ["repaired", "withdrawn", "dispute_upheld"])
def test_a_record_leaves_on_the_later_of_the_two_days_of_the_change(tmp_path, why):
    told = change("E1", why, D(2024, 5, 2), D(2024, 5, 20))
    records = opened(tmp_path, [event("E1", "S1", "penalty", D(2023, 6, 1))], [told])
    assert left(records, after=APRIL, until=D(2024, 5, 19)) == []
    assert left(records, after=D(2024, 5, 19), until=D(2024, 5, 20)) == [("E1", why)]
    assert left(records, after=D(2024, 5, 20), until=MAY) == []


def test_its_own_last_day_ends_a_record_and_a_window_or_a_refused_dispute_does_not(tmp_path):
    events = [
        event("E1", "S1", "penalty", D(2023, 6, 1), valid_until=D(2024, 5, 9)),
        event("E2", "S1", "penalty", D(2022, 5, 15)),
        event("E3", "S2", "penalty", D(2023, 6, 1)),
    ]
    changes = [change("E3", "disputed", D(2024, 4, 1)), change("E3", "dispute_rejected", D(2024, 5, 15))]
    records = opened(tmp_path, events, changes)
    assert left(records, after=APRIL, until=D(2024, 5, 9)) == []
    assert left(records, after=APRIL, until=MAY) == [("E1", "expired")]


def test_what_speaks_for_a_firm_or_was_not_known_leaves_nothing_behind(tmp_path):
    events = [
        event("E1", "S1", "award", D(2023, 6, 1), valid_until=D(2024, 5, 9)),
        event("E2", "S1", "penalty", D(2024, 5, 1), D(2024, 5, 3)),
    ]
    records = opened(tmp_path, events, [change("E2", "repaired", D(2024, 5, 20))])
    assert left(records, after=APRIL, until=MAY) == []


def test_an_incident_is_over_with_its_last_report(tmp_path):
    one = {"document_no": "永市监罚〔2023〕1号"}
    events = [
        event("E1", "S1", "penalty", D(2023, 6, 1), valid_until=D(2024, 5, 9), **one),
        event("E2", "S1", "penalty", D(2023, 6, 1), **one),
    ]
    assert left(opened(tmp_path / "a", events), after=APRIL, until=MAY) == []
    repaired = opened(tmp_path / "b", events, [change("E2", "repaired", D(2024, 5, 20))])
    assert [name for name, _ in left(repaired, after=APRIL, until=MAY)] == ["E1", "E2"]


def test_a_change_that_was_delivered_late_counts_from_the_night_that_reads_it(tmp_path):
    events = [event("E1", "S1", "penalty", D(2023, 6, 1)), event("E2", "S1", "penalty", D(2023, 6, 2))]
    told = [change("E2", "repaired", D(2024, 4, 2))]
    april = opened(tmp_path / "april", events, told)
    before = keep_ended(april, APRIL, tmp_path / "over.parquet")
    file = keep_reading(april, "events", APRIL, tmp_path / "read.parquet")
    assert read_parquet(before)["event_id"].to_pylist() == ["E2"]
    may = opened(tmp_path / "may", events, [*told, change("E1", "repaired", D(2024, 4, 20), D(2024, 4, 21))])
    assert left(may, after=APRIL, until=MAY) == []
    rows = exits(may, after=APRIL, until=MAY, ended_before=before, read_before=file)
    assert rows["event_id"].to_pylist() == ["E1"]


def test_what_is_corrected_in_favour_of_its_firm_has_left_as_it_was(tmp_path):
    told = {"amount": Decimal("5000.00"), "severity": 5}
    days = {f"E{number}": D(2023, 6, number) for number in range(1, 7)}
    april = opened(tmp_path / "april", [event(name, "S1", "penalty", on, **told) for name, on in days.items()])
    file = keep_reading(april, "events", APRIL, tmp_path / "read.parquet")
    before = keep_ended(april, APRIL, tmp_path / "over.parquet")
    now = {
        "E1": {"amount": Decimal("500.00")}, "E2": {"severity": 3}, "E3": {"amount": Decimal("9000.00")}, "E4": {"amount": None},
        "E5": {}, "E6": {"amount": Decimal("1.00")},
    }  # fmt: skip
    events = [event(name, "S1", "penalty", on, **(told | now[name])) for name, on in days.items()]
    may = opened(tmp_path / "may", events, [change("E6", "repaired", D(2024, 5, 2))])
    rows = exits(may, after=APRIL, until=MAY, ended_before=before, read_before=file)
    found = list(zip(rows["event_id"].to_pylist(), rows["why"].to_pylist(), strict=True))
    assert found == [("E1", "corrected"), ("E2", "corrected"), ("E6", "repaired")]


def test_records_stand_with_their_values_also_under_dispute(tmp_path):
    events = [
        event("E1", "S1", "penalty", D(2023, 6, 1), amount=Decimal("5000.00"), severity=3),
        event("E2", "S1", "penalty", D(2023, 7, 1)),
        event("E3", "S1", "penalty", D(2023, 8, 1)),
        event("E4", "S1", "award", D(2023, 8, 1)),
        event("E5", "S1", "penalty", D(2024, 4, 20)),
        event("E6", "S2", "penalty", D(2023, 8, 1)),
    ]
    changes = [
        change("E2", "repaired", D(2024, 4, 1)),
        change("E3", "disputed", D(2024, 4, 1)),
        change("E5", "disputed", D(2024, 4, 20)),
    ]
    records = opened(tmp_path, events, changes)
    rows = records.standing(APRIL, ["S1"]).to_pylist()
    assert [(row["event_id"], row["disputed"], row["counted"]) for row in rows] == [
        ("E1", False, False), ("E3", True, True), ("E5", True, False),
    ]  # fmt: skip
    assert (rows[0]["amount"], rows[0]["severity"]) == (Decimal("5000.00"), 3)


def test_a_record_past_its_retention_stands_behind_what_was_decided_and_is_in_use_no_more(tmp_path):
    items = [dict(one, retention_months=12) if one["kind"] == "penalty" else one for one in documents()["catalogue"]["item"]]
    project = write_project(tmp_path / "project", catalogue={"item": items})
    events = [event("E1", "S1", "penalty", D(2023, 5, 1)), event("E2", "S1", "penalty", D(2023, 5, 2), valid_until=D(2024, 5, 9))]
    data = write_tables(tmp_path / "data", subjects=[subject("S1")], events=events)
    records = open_records(Engine.duckdb(), project, data=data)
    in_use = {day: {row["event_id"]: row["in_use"] for row in records.standing(day, ["S1"]).to_pylist()} for day in (APRIL, MAY)}
    assert in_use == {APRIL: {"E1": True, "E2": True}, MAY: {"E1": False}}
    assert left(records, after=APRIL, until=MAY) == [("E2", "expired")]
