"""When something happened and when it was known: leap days, ages, time zones, date formats and ends that are open."""

import datetime as dt

import pyarrow as pa
import pytest
from support.command import creditscore
from support.deliveries import DAY, Delivery, csv_sources, event_line, findings, put_right, refused, rows, subject_line
from support.nights import night, sign_a_card
from support.projects import event, feature, item, subject, write_project, write_tables

from creditscore.dates import months_after
from creditscore.engine import Engine
from creditscore.errors import ConfigError
from creditscore.features.build import build_features, feature_table
from creditscore.features.spine import spine
from creditscore.records.deliveries.publicity import repair_reminders
from creditscore.records.records import open_records
from creditscore.records.tables import TABLES
from creditscore.storage import write_parquet

D = dt.date


def in_force(records, day):
    return records.listed(list(records.project.catalogue.by_kind), day)["event_id"].to_pylist()


# --- two clocks -----------------------------------------------------------------------------------------


def test_a_penalty_reported_late_counts_from_the_day_it_was_known(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.events(event_line("E1", event_date="2024-04-01", known_date="2024-05-06"))
    records = delivery.open()
    assert in_force(records, D(2024, 5, 5)) == []
    assert in_force(records, D(2024, 5, 6)) == ["E1"]


def test_a_rerun_of_a_day_uses_what_was_known_that_day(tmp_path):
    hashes = set()
    for late in ([], [event_line("E2", event_date="2024-04-01", known_date="2024-05-06")]):
        delivery = Delivery(tmp_path / str(len(late)))
        delivery.events(event_line("E1"), *late)
        records = delivery.open()
        hashes.add(records.engine.content_hash(feature_table(records, spine(records, as_of=DAY), delivery.project.features)))
    assert len(hashes) == 1


def test_the_same_day_run_twice_is_the_same_bytes(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.events(event_line("E1"), event_line("E2", event_date="2024-04-01", known_date="2024-05-06"))
    sign_a_card(delivery)
    for name in ("one", "two"):
        assert night(delivery, tmp_path / name).code == 0
    files = [
        sorted(p.relative_to(tmp_path / name) for p in (tmp_path / name / "2024-04-30").rglob("*.parquet"))
        for name in ("one", "two")
    ]
    assert files[0] == files[1]
    assert all((tmp_path / "one" / f).read_bytes() == (tmp_path / "two" / f).read_bytes() for f in files[0])


def test_an_event_after_the_day_is_left_out_and_counted(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.events(event_line("E1"), event_line("E2", event_date="2024-05-01", known_date="2024-05-01"))
    records = delivery.open()
    assert in_force(records, DAY) == ["E1"]
    assert findings(records, "future")["rows"].tolist() == [1]


@pytest.mark.parametrize(("ahead", "level"), [(1, "warning"), (2, "warning"), (3, "note")])
def test_a_few_days_ahead_are_told_with_the_nearest_rows(tmp_path, ahead, level):
    delivery = Delivery(tmp_path)
    days = [f"{2042 - number}-06-01" for number in range(ahead)]
    later = [event_line(f"L{number}", event_date="2024-04-02", known_date=day) for number, day in enumerate(days)]
    delivery.events(*(event_line(f"E{number}", document_no=f"N{number}") for number in range(200 - ahead)), *later)
    [found] = findings(delivery.open(), "future").to_dict("records")
    assert (found["code"], found["rows"], found["level"]) == ("records", ahead, level)
    nearest = "records:201"
    assert found["examples"].split(", ")[0] == (nearest if level == "warning" else "")


def test_an_event_known_before_it_happened_is_quarantined(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.events(event_line("E1", event_date="2024-04-02", known_date="2024-04-01"))
    assert refused(delivery.open()) == [("events", "DATE_ORDER:known_date", 2, "E1")]


# --- leap days and whole years --------------------------------------------------------------------------


def test_a_year_after_a_leap_day_is_the_last_of_february(tmp_path):
    assert months_after(D(2024, 2, 29), 12) == D(2025, 2, 28)
    kinds = [item("penalty", retention_months=12, publication_min_months=12)]
    delivery = Delivery(tmp_path, catalogue={"item": kinds})
    delivery.events(event_line("E1", event_date="2024-02-29", known_date="2024-02-29"))
    records = delivery.open()
    # Retention of twelve months: used to the day before 2025-02-28.
    assert in_force(records, D(2025, 2, 27)) == ["E1"]
    assert in_force(records, D(2025, 2, 28)) == []
    assert repair_reminders(records, as_of="2025-02-20")["may_apply_from"].tolist() == [D(2025, 2, 28)]
    # On an earlier day no record is in force yet: an empty list with its columns, not a fault.
    assert list(repair_reminders(records, as_of="2020-01-01")) == [
        "subject_id",
        "kind",
        "event_id",
        "document_no",
        "event_date",
        "may_apply_from",
    ]


_DATED = [item("penalty", publication_min_months=3), item("award", publication_min_months=6), item("complaint", "market")]
_UNDATED = [item("penalty"), item("award"), item("complaint", "market")]
_REPAIRS = ["subject_id", "kind", "event_id", "document_no", "event_date", "may_apply_from"]


@pytest.mark.parametrize("kinds", [_DATED, _UNDATED], ids=["no record", "no kind"])
def test_without_a_record_whose_period_ends_every_command_goes_on(tmp_path, kinds):
    delivery = Delivery(tmp_path, catalogue={"item": kinds})
    delivery.events(event_line("E1", kind="complaint"))
    found = repair_reminders(delivery.open(), as_of=DAY)
    assert (list(found), len(found)) == (_REPAIRS, 0)
    sign_a_card(delivery)
    asked = (delivery.project.folder, "--data", delivery.data, "--as-of", DAY)
    listed = creditscore("records", *asked, "--repair")
    assert (listed.code, listed.out.split()) == (0, [",".join(_REPAIRS)])
    assert creditscore("check", *asked).code == 0
    said = night(delivery, tmp_path / "out")
    assert said.code == 0, said.err


def test_a_kind_without_a_record_hides_no_reminder_of_another(tmp_path):
    delivery = Delivery(tmp_path, catalogue={"item": _DATED})
    delivery.events(event_line("E1", kind="award", event_date="2023-11-05", known_date="2023-11-05"))
    found = repair_reminders(delivery.open(), as_of=DAY)
    assert found[["kind", "may_apply_from"]].values.tolist() == [["award", D(2024, 5, 5)]]


def test_an_age_is_counted_in_completed_months_and_years(tmp_path):
    tenure = {"name": "tenure", "label": {"zh": "t", "en": "t"}, "unit": "months", "source": "base", "aggregate": "tenure_months"}
    delivery = Delivery(tmp_path, features={"feature": [tenure]})
    delivery.subjects(
        subject_line("S1", registered_date="2023-05-01"),
        subject_line("S2", registered_date="2023-04-30"),
        subject_line("S3", registered_date="2023-12-31"),
    )
    records = delivery.open()
    got = build_features(records, spine(records, as_of=DAY), delivery.project.features)["tenure"].tolist()
    assert got == [11, 12, 3]  # one day short of a year is no year; over New Year's Eve nothing is added


# --- time zones -----------------------------------------------------------------------------------------


def timestamps(tmp_path, moments, zone):
    sources = csv_sources(events={"file": "events.parquet", "format": "parquet"})
    delivery = Delivery(tmp_path, sources=sources)
    count = len(moments)
    base = {
        name: pa.array([event("x", "S1", "penalty", D(1980, 1, 1)).get(name)] * count, kind)
        for name, kind in TABLES["events"].columns.items()
    }
    values = pa.array(moments, pa.timestamp("us", tz=zone))
    known = pa.array([D(2024, 6, 1)] * count, pa.date32())
    ids = pa.array([f"E{n}" for n in range(count)])
    write_parquet(delivery.data / "events.parquet", pa.table({**base, "event_id": ids, "event_date": values, "known_date": known}))
    return delivery.open()


def test_a_utc_timestamp_becomes_the_day_in_the_projects_time_zone(tmp_path):
    moments = [dt.datetime(2024, 4, 29, 15, 59), dt.datetime(2024, 4, 29, 16, 0), dt.datetime(2024, 4, 30, 15, 59)]
    records = timestamps(tmp_path, moments, "UTC")
    assert [row["event_date"] for row in rows(records)] == [D(2024, 4, 29), D(2024, 4, 30), D(2024, 4, 30)]


def test_a_timestamp_without_zone_is_local_and_keeps_its_day(tmp_path):
    records = timestamps(tmp_path, [dt.datetime(2024, 4, 29, 23, 59), dt.datetime(2024, 4, 30, 0, 0)], None)
    assert [row["event_date"] for row in rows(records)] == [D(2024, 4, 29), D(2024, 4, 30)]


def test_a_text_with_an_offset_becomes_the_local_day(tmp_path):
    rule = {"to": "event_date", "rule": "parse_date", "column": "event_date", "formats": ["%Y-%m-%dT%H:%M:%S%z"]}
    delivery = Delivery(tmp_path, sources=csv_sources(events={"column": [rule]}))
    moments = ["2024-04-29T16:30:00Z", "2024-04-29T16:30:00+08:00", "2024-04-29T23:30:00-0500"]
    delivery.events(*(event_line(f"E{n}", event_date=moment, known_date="2024-05-01") for n, moment in enumerate(moments)))
    assert [row["event_date"] for row in rows(delivery.open())] == [D(2024, 4, 30), D(2024, 4, 29), D(2024, 4, 30)]


def test_an_hour_skipped_by_daylight_saving_is_quarantined(tmp_path):
    # Summer time began in Shanghai on 1987-04-12; in the tables of today at 02:00.
    records = timestamps(
        tmp_path, [dt.datetime(1987, 4, 12, 2, 30), dt.datetime(1987, 4, 12, 3, 30), dt.datetime(1987, 9, 13, 1, 30)], None
    )
    assert [entry[1:3] for entry in refused(records)] == [("SKIPPED_TIME:event_date", 1)]
    assert [row["event_date"] for row in rows(records)] == [D(1987, 4, 12), D(1987, 9, 13)]


def test_a_skipped_hour_in_a_text_is_quarantined(tmp_path):
    rule = {"to": "event_date", "rule": "parse_date", "column": "event_date", "formats": ["%Y-%m-%d %H:%M"]}
    delivery = Delivery(tmp_path, sources=csv_sources(events={"column": [rule]}))
    delivery.events(event_line("E1", event_date="1987-04-12 02:30"), event_line("E2", event_date="1987-04-12 12:30"))
    records = delivery.open()
    assert [entry[1] for entry in refused(records)] == ["SKIPPED_TIME:event_date"]
    assert [row["event_id"] for row in rows(records)] == ["E2"]


# --- dates in many forms --------------------------------------------------------------------------------

FORMS = ["2026年3月4日", "20260304", "46085", "2026-03-04", "2026/3/4", "２０２６年３月４日"]


def dated(tmp_path, texts, formats):
    rule = {"to": "valid_until", "rule": "parse_date", "column": "valid_until", "formats": formats}
    delivery = Delivery(tmp_path, sources=csv_sources(events={"column": [rule]}))
    delivery.events(*(event_line(f"E{n}", valid_until=written) for n, written in enumerate(texts)))
    return delivery.open()


def test_declared_date_forms_are_read_and_unusual_ones_counted(tmp_path):
    records = dated(tmp_path, FORMS, ["%Y-%m-%d", "%Y年%m月%d日", "%Y%m%d", "%Y/%m/%d", "excel"])
    assert {row["valid_until"] for row in rows(records)} == {D(2026, 3, 4)}
    assert put_right(records) == {"valid_until: another of its formats": 4, "valid_until: full-width digits in a date": 1}


def test_undeclared_date_forms_are_quarantined_one_by_one(tmp_path):
    records = dated(tmp_path, FORMS, ["%Y-%m-%d"])
    assert [row["event_id"] for row in rows(records)] == ["E3"]
    assert [entry[1] for entry in refused(records)] == ["BAD_DATE:valid_until"] * 5


@pytest.mark.parametrize(
    "written", ["2026304", "202634", "20261304", "2026-02-30", "04-03-2026", "2026-3-4 ", "2026-03-04x", "0", "60"]
)
def test_ambiguous_date_forms_are_not_guessed(tmp_path, written):
    records = dated(tmp_path, [written], ["%Y%m%d", "excel", "%Y-%m-%d"])
    read = [row["valid_until"] for row in rows(records)]
    assert read in ([], [D(2026, 3, 4)])
    assert (read == []) == (written != "2026-3-4 ")


def test_without_a_rule_only_iso_dates_are_dates(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.events(event_line("E1", event_date="2024/1/1"), event_line("E2", event_date="45292"), event_line("E3"))
    records = delivery.open()
    assert [row["event_id"] for row in rows(records)] == ["E3"]


def test_without_a_rule_a_number_is_not_a_date(tmp_path):
    delivery = Delivery(tmp_path, sources=csv_sources(subjects={"file": "subjects.parquet", "format": "parquet"}))
    base = {name: pa.array([subject("S1").get(name)], kind) for name, kind in TABLES["subjects"].columns.items()}
    write_parquet(delivery.data / "subjects.parquet", pa.table({**base, "registered_date": pa.array([20150101], pa.int32())}))
    with pytest.raises(Exception, match="at least one subject"):
        delivery.open()


@pytest.mark.parametrize("form", ["%d.%m", "%Y-%m-%d %p", "yyyy-mm-dd", "%y%m%d"])
def test_a_format_that_is_not_a_whole_date_is_refused(tmp_path, form):
    rule = {"to": "event_date", "rule": "parse_date", "column": "event_date", "formats": [form]}
    with pytest.raises(ConfigError, match="formats"):
        write_project(tmp_path, sources=csv_sources(events={"column": [rule]}))


# --- no end ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["长期", "9999-12-31", "永久", "无固定期限"])
def test_an_unlimited_end_becomes_no_end_and_is_counted(tmp_path, written):
    delivery = Delivery(tmp_path)
    delivery.events(event_line("E1", valid_until=written), event_line("E2", valid_until="2024-03-31"))
    records = delivery.open()
    assert [row["valid_until"] for row in rows(records)] == [None, D(2024, 3, 31)]
    assert in_force(records, DAY) == ["E1"]
    assert put_right(records) == {"valid_until: no end (长期)": 1}


def test_unlimited_ends_in_parquet_and_certificates_become_no_end(tmp_path):
    staff = [{"staff_id": "P1", "certificate_valid_to": D(9999, 12, 31)}, {"staff_id": "P2", "certificate_valid_to": D(2024, 1, 1)}]
    events = [event("E1", "S1", "penalty", D(2024, 1, 1), valid_until=D(9999, 12, 31))]
    data = write_tables(tmp_path / "data", subjects=[subject("S1")], staff=staff, events=events)
    records = open_records(Engine.duckdb(), write_project(tmp_path / "project"), data=data)
    assert records.staff["certificate_valid_to"].to_pylist() == [D(9999, 12, 31), D(2024, 1, 1)]
    assert records.arrow("events")["valid_until"].to_pylist() == [None]


@pytest.mark.parametrize("written", ["长期", "9999-12-31", "1899-12-31", "2203-01-01"])
def test_a_start_date_must_lie_within_plausible_years(tmp_path, written):
    delivery = Delivery(tmp_path)
    delivery.events(event_line("E1", event_date=written, known_date=""), event_line("E2"))
    assert [entry[3] for entry in refused(delivery.open())] == ["E1"]


def test_a_longer_retention_leaves_feature_windows_unchanged(tmp_path):
    kinds = [item("penalty", retention_months=36), *(item(k) for k in ("award", "abnormal_list"))]
    delivery = Delivery(tmp_path, catalogue={"item": kinds}, features={"feature": [feature("penalties_24m", months=24)]})
    delivery.events(
        event_line("E1", event_date="2022-05-01", known_date="2022-05-01"),
        event_line("E2", event_date="2022-04-30", known_date="2022-05-01"),
    )
    records = delivery.open()
    assert build_features(records, spine(records, as_of=DAY), delivery.project.features)["penalties_24m"].tolist() == [1]
