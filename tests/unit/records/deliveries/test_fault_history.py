"""A fault is the same until it is gone: since when, of whom, and whether it was mended, withdrawn or became another one."""

import datetime as dt

import pyarrow.parquet as pq
import pytest
from support.deliveries import EVENTS, SUBJECTS, Delivery, csv_sources, event_line, subject_line, text, valid_codes

from creditscore.records.deliveries.checkup import check_up
from creditscore.records.deliveries.drift import Earlier
from creditscore.records.deliveries.fault_history import history_table
from creditscore.storage import write_parquet

APRIL, MAY, JUNE = dt.date(2024, 4, 30), dt.date(2024, 5, 31), dt.date(2024, 6, 30)


def checked(delivery, day, before=None):
    """The check-up of a delivery against that of an earlier one."""
    earlier = Earlier()
    if before is not None:
        earlier = Earlier(profile=before.profile, rejects=history_table(before.rejects), as_of=before.as_of)
    return check_up(delivery.open(), as_of=day, earlier=earlier)


def since(checkup):
    return {(row["key"], row["code"]): row["since"] for row in checkup.rejects.to_dict("records")}


def told(checkup, source="records"):
    """New, mended and withdrawn faults of a source."""
    rows = checkup.deliveries[checkup.deliveries["source"] == source]
    return tuple(int(rows[name].sum()) for name in ("new", "mended", "withdrawn"))


@pytest.fixture
def delivery(tmp_path):
    return Delivery(tmp_path)


def test_the_same_fault_keeps_its_day_wherever_its_row_moves(delivery):
    delivery.events(event_line("E1", event_date="soon"))
    first = checked(delivery, APRIL)
    delivery.events(event_line("E0"), event_line("E2", amount="x"), event_line("E1", event_date="soon"))
    second = checked(delivery, MAY, first)
    assert since(second) == {("E1", "BAD_DATE:event_date"): APRIL, ("E2", "BAD_VALUE:amount"): MAY}
    assert told(second) == (1, 0, 0)
    assert since(checked(delivery, JUNE, second)) == since(second)


def test_another_fault_of_the_same_row_is_a_new_one_and_nothing_was_mended(delivery):
    delivery.events(event_line("E1", event_date="soon"))
    first = checked(delivery, APRIL)
    delivery.events(event_line("E1", kind="gossip"))
    second = checked(delivery, MAY, first)
    assert since(second) == {("E1", "OFF_CATALOGUE"): MAY}
    assert told(second) == (1, 0, 0)


def test_a_row_that_counts_now_was_mended_and_one_that_is_gone_withdrawn(delivery):
    delivery.events(event_line("E1", event_date="soon"), event_line("E2", kind="gossip"), event_line("E3", severity="99"))
    first = checked(delivery, APRIL)
    delivery.events(event_line("E1"), event_line("E3", severity="9"))
    assert told(checked(delivery, MAY, first)) == (0, 2, 1)


def test_a_fault_that_comes_back_is_new_again(delivery):
    delivery.events(event_line("E1", event_date="soon"))
    first = checked(delivery, APRIL)
    delivery.events(event_line("E1"))
    second = checked(delivery, MAY, first)
    delivery.events(event_line("E1", event_date="soon"))
    assert since(checked(delivery, JUNE, second)) == {("E1", "BAD_DATE:event_date"): JUNE}


def test_alike_faults_are_counted_one_by_one(delivery):
    delivery.file("events.csv", text(EVENTS, [event_line("E1"), "a,b"]))
    first = checked(delivery, APRIL)
    delivery.file("events.csv", text(EVENTS, [*(event_line(f"E{n}") for n in range(2000)), "a,b", "c,d"]))
    second = checked(delivery, MAY, first)
    assert sorted(second.rejects["since"]) == [APRIL, MAY]
    delivery.file("events.csv", text(EVENTS, [event_line(f"E{n}") for n in range(2002)]))
    assert told(checked(delivery, JUNE, second)) == (0, 2, 0)


def test_a_mended_key_is_known_by_the_rest_of_its_row(tmp_path):
    delivery, codes = Delivery(tmp_path, sources=csv_sources(id_scheme="uscc")), valid_codes(3)
    wrong = codes[2][:-1] + ("0" if codes[2][-1] != "0" else "1")
    delivery.subjects(subject_line(codes[0], "甲"), subject_line(wrong, "丙"), subject_line("", "丁"))
    first = checked(delivery, APRIL)
    delivery.subjects(subject_line(codes[0], "甲"), subject_line(codes[2], "丙"))
    assert told(checked(delivery, MAY, first), "register") == (0, 1, 1)


def test_rejects_of_an_older_version_count_from_the_run_that_has_them(delivery, tmp_path):
    delivery.events(event_line("E1", event_date="soon"))
    old = history_table(checked(delivery, APRIL).rejects).select(["table", "source", "row", "key", "code", "scope"])
    write_parquet(tmp_path / "rejects.parquet", old)
    earlier = Earlier(rejects=pq.read_table(tmp_path / "rejects.parquet"), as_of=APRIL)
    assert since(check_up(delivery.open(), as_of=MAY, earlier=earlier)) == {("E1", "BAD_DATE:event_date"): APRIL}


def with_units(tmp_path, lines, *, provider=""):
    events = {"column": [{"to": "provider", "column": "unit"}], **({"provider": provider} if provider else {})}
    delivery = Delivery(tmp_path, sources=csv_sources(events=events))
    delivery.file("events.csv", text(f"{EVENTS},unit", lines))
    return checked(delivery, APRIL)


def units(checkup):
    rows = checkup.deliveries[checkup.deliveries["source"] == "records"]
    return {row["provider"]: (row["arrived"], row["read"], row["refused"]) for row in rows.to_dict("records")}


def test_rows_belong_to_the_unit_that_they_name(tmp_path):
    lines = [f"{event_line(f'E{n}')},{'税务局' if n % 2 else '法院'}" for n in range(8)]
    checkup = with_units(tmp_path, [*lines, f"{event_line('F1', event_date='soon')},税务局"])
    assert units(checkup) == {"法院": (4, 4, 0), "税务局": (5, 4, 1)}
    assert checkup.rejects["provider"].tolist() == ["税务局"]


def test_the_unit_of_the_source_comes_first(tmp_path):
    lines = [f"{event_line(f'E{n}')},法院" for n in range(4)]
    assert units(with_units(tmp_path, lines, provider="平台")) == {"平台": (4, 4, 0)}


@pytest.mark.parametrize("cell", ["张三", "431103199001011234", "", "x" * 90])
def test_a_stray_cell_makes_no_unit(tmp_path, cell):
    lines = [f"{event_line(f'E{n}')},{'税务局' if n % 2 else '法院'}" for n in range(8)]
    checkup = with_units(tmp_path, [*lines, f"{event_line('F1', event_date='soon')},{cell}"])
    assert units(checkup) == {"records": (1, 0, 1), "法院": (4, 4, 0), "税务局": (4, 4, 0)}


def test_every_row_of_every_table_is_in_the_deliveries_once(tmp_path):
    more = {"name": "more", "table": "subjects", "file": "more.csv", "format": "csv", "supplement": True}
    delivery = Delivery(tmp_path, sources=csv_sources(others=[more]))
    delivery.subjects(subject_line("S1"), subject_line("S1"), subject_line("S2", status="gone"))
    delivery.file("more.csv", text(SUBJECTS, [subject_line("S3"), subject_line("S4", valid_from="x")]))
    delivery.file("events.csv", text(EVENTS, [event_line("E1"), event_line("E1"), "a,b"]))
    records = delivery.open()
    sums = check_up(records, as_of=APRIL).deliveries.groupby("table")[["arrived", "read", "refused", "copies"]].sum()
    for table, outcome in records.outcomes.items():
        expected = [outcome.arrived, outcome.kept, outcome.quarantined, outcome.collapsed]
        assert (sums.loc[table].tolist() if table in sums.index else [0] * 4) == expected, table
