"""What differs from the delivery before is told before the night: fewer rows, an empty column, new codes, the same file again."""

import datetime as dt

import pytest
from support.deliveries import Delivery, csv_sources, event_line, profile_of, subject_line

from creditscore.records.deliveries.checkup import check_up
from creditscore.records.deliveries.codes import MOST_CODES
from creditscore.records.deliveries.drift import drifts
from creditscore.records.deliveries.findings import findings_frame

APRIL, MAY = dt.date(2024, 4, 30), dt.date(2024, 5, 31)


def told(before, now, days=(APRIL, MAY)):
    """Level, table, source, rule and rows of each difference."""
    found = drifts(profile_of(now.open()), profile_of(before.open()), max_row_drop=0.3, days=days)
    return findings_frame(found)[["level", "table", "code", "rule", "rows"]].to_dict("records")


def events(folder, lines, **more):
    delivery = Delivery(folder, **more)
    delivery.events(*lines)
    delivery.subjects(subject_line("S1", name=folder.name))
    return delivery


def penalties(count, **changed):
    return [event_line(f"E{n}", document_no=f"D{n}", **changed) for n in range(count)]


@pytest.fixture
def before(tmp_path):
    return events(tmp_path / "before", penalties(60, result="upheld", severity="3"))


def test_an_ordinary_delivery_tells_nothing(before, tmp_path):
    assert told(before, events(tmp_path / "now", penalties(64, result="upheld", severity="3"))) == []


def test_a_code_that_no_row_had_before_is_told_with_its_rows(before, tmp_path):
    new = [event_line("N1", kind="award", result="upheld"), *(event_line(f"N{n}", result="halved") for n in (2, 3, 4))]
    found = told(before, events(tmp_path / "now", [*penalties(60, result="upheld", severity="3"), *new]))
    assert [(row["level"], row["code"], row["rule"], row["rows"]) for row in found] == [
        ("warning", "records", "kind: codes that no row had before (1): award", 1),
        ("warning", "records", "result: codes that no row had before (1): halved", 3),
    ]


def test_codes_that_most_rows_did_not_have_are_those_of_another_column(before, tmp_path):
    lines = penalties(60, result="halved", severity="3")
    (found,) = told(before, events(tmp_path / "now", lines))
    assert (found["level"], found["rule"]) == ("error", "result: codes that no row had before (1): halved")


def test_an_older_file_is_an_error_and_a_newest_day_that_went_back_alone_a_warning(before, tmp_path):
    newest = [event_line("E99", document_no="D99", known_date="2024-03-20", result="upheld", severity="3")]
    lines = penalties(60, result="upheld", severity="3")
    rule = "the newest day is 2024-01-02, before it was 2024-03-20 (an older file?)"
    for now, level in ((lines, "error"), ([*lines, *penalties(70, result="upheld", severity="3")[60:]], "warning")):
        first, second = (events(tmp_path / f"{level}{name}", rows) for name, rows in (("a", lines + newest), ("b", now)))
        earlier, later = (check_up(one.open(), as_of=MAY).profile for one in (first, second))
        found = drifts(later, earlier, max_row_drop=0.3)
        assert [(one.level, one.code, str(one.rule)) for one in found] == [(level, "records", rule)]
        assert drifts(earlier, later, max_row_drop=0.3) == []


def test_a_word_outside_a_table_of_words_is_new_once(tmp_path):
    rule = {"to": "result", "rule": "map", "column": "result", "values": {"属实": "upheld"}}
    lines, word = penalties(60, result="属实"), [event_line(f"N{n}", result="部分属实") for n in range(3)]
    sources = csv_sources(events={"column": [rule]})
    first, second, third = (
        events(tmp_path / name, [*lines, *more], sources=sources) for name, more in (("a", []), ("b", word), ("c", word))
    )
    assert [row["rule"] for row in told(first, second)] == ["result: codes that no row had before (1): 部分属实"]
    assert told(second, third, days=(APRIL, APRIL)) == []


def test_a_stray_cell_is_counted_and_never_kept_or_shown(before, tmp_path):
    cells = ["张三丰", "431103199001011234", "13800001111"]
    now = events(tmp_path / "now", [*penalties(60, result="upheld", severity="3"), *(event_line(f"N{c}", result=c) for c in cells)])
    rows = told(before, now)
    assert [row["rule"] for row in rows] == ["result: codes that no row had before (3): +3"]
    kept = str(profile_of(now.open()).to_pylist())
    assert not [cell for cell in cells if cell in kept]


def test_a_rare_word_that_becomes_common_is_not_new(tmp_path):
    usual = penalties(60, result="upheld")
    rare, common = ([*usual, *(event_line(f"N{n}", result="从轻") for n in range(count))] for count in (1, 5))
    assert told(events(tmp_path / "before", rare), events(tmp_path / "now", common)) == []


def test_a_column_with_too_many_codes_is_counted_only(before, tmp_path):
    many = [event_line(f"E{n}", document_no=f"D{n}", result=f"r{n}", severity="3") for n in range(MOST_CODES + 1)]
    now = events(tmp_path / "now", many)
    assert [row["rule"] for row in told(before, now)] == [
        f"result: {MOST_CODES + 1} different codes, before 1 (another column in its place?)"
    ]
    assert [row for row in profile_of(now.open()).to_pylist() if row["measure"] == "codes" and row["name"] == "result"] == []


def test_the_same_file_is_told_in_another_month_only(before):
    rules = {row["code"]: (row["level"], row["rule"]) for row in told(before, before)}
    said = "the same file as in the delivery of 2024-04-30, byte for byte (was last month's sent again?)"
    assert rules == {"records": ("warning", said), "register": ("warning", said)}
    assert told(before, before, days=(APRIL.replace(day=1), APRIL)) == []


def test_a_list_that_seldom_changes_is_a_note(tmp_path):
    staff = {"name": "staff", "table": "staff", "file": "staff.csv", "format": "csv"}
    deliveries = [events(tmp_path / name, penalties(3), sources=csv_sources(others=[staff])) for name in ("before", "now")]
    for delivery in deliveries:
        delivery.file("staff.csv", "staff_id,certificate_valid_to\nP1,2030-01-01\n")
    assert {row["code"]: row["level"] for row in told(*deliveries) if row["code"] == "staff"} == {"staff": "note"}


def test_a_fall_in_rows_and_an_empty_column_are_errors(before, tmp_path):
    found = told(before, events(tmp_path / "now", penalties(30, severity="3")))
    assert [(row["level"], row["rule"]) for row in found] == [
        ("error", "expected about as many rows as before (60; got 30)"),
        ("error", "result: had values before, has none now (gone or renamed?)"),
    ]


def test_columns_that_an_older_profile_does_not_list_are_not_new(before, tmp_path):
    now = profile_of(events(tmp_path / "now", penalties(60, result="halved", severity="3")).open())
    older = profile_of(before.open())
    older = older.filter([row["measure"] not in ("codes", "file") for row in older.to_pylist()])
    assert drifts(now, older, max_row_drop=0.3, days=(APRIL, MAY)) == []


def test_a_source_of_which_nothing_came_is_an_error_however_small_it_was(tmp_path):
    """A file of five penalties that is not there would take them from their firms without a word."""
    small = events(tmp_path / "before", penalties(5))
    found = told(small, events(tmp_path / "now", []))
    assert [(row["level"], row["rows"]) for row in found if "rows as before" in row["rule"]] == [("error", 5)]
    assert not [row for row in told(small, events(tmp_path / "fewer", penalties(2))) if row["level"] == "error"]


def test_a_new_chinese_word_in_one_row_is_shown_unless_it_may_be_a_name(before, tmp_path):
    cells = ["撤销立案", "张三丰"]
    now = events(tmp_path / "now", [*penalties(60, result="upheld", severity="3"), *(event_line(f"N{c}", result=c) for c in cells)])
    assert [row["rule"] for row in told(before, now)] == ["result: codes that no row had before (2): 撤销立案, +1"]
