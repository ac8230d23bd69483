"""What nobody marks: an older file, a column sorted by itself, a code typed into another firm's. It shows beside the last reading."""

import pytest
from support.deliveries import DAY, Delivery, csv_sources, event_line, last_reading, subject_line, text, valid_codes
from support.projects import feature, item

from creditscore.engine import Engine
from creditscore.records.deliveries.checkup import check_up
from creditscore.records.records import open_records

CODES = valid_codes(4)
CATALOGUE = {"edition": "t", "basis": "t", "item": [item("penalty", polarity="negative"), item("award", polarity="positive")]}
NATIONAL = {**feature("grade", aggregate="latest"), "kind": [], "scheme": "national", "order": ["A", "C"], "unit": "grade"}
VISITS = "inspection_id,subject_id,event_date,known_date,trigger,outcome,severity"
RATINGS = "subject_id,scheme,grade,event_date,known_date"
OTHERS = [
    {"name": "visits", "table": "inspections", "file": "visits.csv", "format": "csv"},
    {"name": "grades", "table": "ratings", "file": "grades.csv", "format": "csv"},
]
WORDS = {"to": "result", "rule": "map", "column": "result", "values": {"败诉": "lost"}}
LINES = [event_line(f"E{n:02}", CODES[n % 4], amount="100", result="败诉") for n in range(40)]


@pytest.fixture(params=["duckdb", pytest.param("spark", marks=[pytest.mark.spark, pytest.mark.slow])])
def engine(request):
    return Engine.duckdb() if request.param == "duckdb" else Engine.spark(request.getfixturevalue("spark_session"))


@pytest.fixture
def delivery(tmp_path):
    sources = csv_sources(id_scheme="uscc", events={"column": [WORDS]}, others=OTHERS)
    made = Delivery(tmp_path, sources=sources, catalogue=CATALOGUE, features={"feature": [NATIONAL]})
    made.subjects(*(subject_line(code) for code in CODES))
    made.events(*LINES, event_line("A1", CODES[0], kind="award", result="败诉"))
    visits(made, "violation")
    grades(made, *CODES)
    return made


def visits(delivery, outcome):
    delivery.file("visits.csv", text(VISITS, [f"V1,{CODES[0]},2024-01-01,2024-01-02,random,{outcome},3"]))


def grades(delivery, *codes):
    delivery.file("grades.csv", text(RATINGS, [f"{code},national,C,2024-01-01,2024-01-02" for code in codes]))


def told(delivery, engine, last):
    """Level, source, rule, rows and examples of what became of known records."""
    records = open_records(engine, delivery.project, data=delivery.data, last_reading=last)
    found = check_up(records, as_of=DAY, last=last).table().query("section == 'drift'")
    return [tuple(row) for row in found[["level", "code", "rule", "rows", "examples"]].itertuples(index=False)]


def gone(known):
    return f"of {known} records against firms that were known last time, absent now (an older file?)"


def other(column, known):
    return f"{column}: another value than last time, of {known} known records against firms"


def test_records_that_stand_as_they_were_and_new_ones_tell_nothing(delivery, engine):
    last = last_reading(delivery, engine)
    delivery.events(*reversed(LINES), event_line("E99", CODES[1], result="败诉"))
    assert told(delivery, engine, last) == []


def test_each_value_that_another_one_has_taken_is_told_with_its_records(delivery, engine):
    last = last_reading(delivery, engine)
    changed = [event_line("E00", CODES[1], amount="100", result="败诉"), event_line("E01", CODES[1], amount="1", result="败诉")]
    changed += LINES[2:]
    delivery.events(*changed)
    visits(delivery, "none")
    assert told(delivery, engine, last) == [
        ("warning", "records", other("subject_id", 40), 1, "E00"),
        ("warning", "records", other("amount", 40), 1, "E01"),
        ("warning", "visits", other("outcome", 1), 1, "V1"),
    ]


def test_a_column_that_was_sorted_by_itself_is_an_error(delivery, engine):
    last = last_reading(delivery, engine)
    codes = sorted(line.split(",")[1] for line in LINES)
    delivery.events(*(line.replace(line.split(",")[1], code) for line, code in zip(LINES, codes, strict=True)))
    (only,) = told(delivery, engine, last)
    assert only[:3] == ("error", "records", other("subject_id", 40))


def test_absent_records_are_counted_and_an_error_where_they_are_many(delivery, engine):
    last = last_reading(delivery, engine)
    grades(delivery, *CODES[1:])
    delivery.events(*LINES[:-1])
    assert told(delivery, engine, last) == [
        ("warning", "records", gone(40), 1, "E39"),
        ("warning", "grades", gone(4), 1, f"{CODES[0]}|national|2024-01-01"),
    ]
    delivery.events(*LINES[:20])
    assert told(delivery, engine, last)[0] == ("error", "records", gone(40), 20, "E20, E21, E22")


def test_neither_a_refused_row_or_value_nor_one_that_has_ended_nor_another_source_is_gone(delivery, engine):
    ended = event_line("E40", CODES[0], valid_until="2024-04-29", result="败诉")
    delivery.events(*LINES, ended)
    last = last_reading(delivery, engine, on=DAY.replace(day=28))
    delivery.events(LINES[0].replace("2024-01-01", "soon"), event_line("E01", CODES[1], amount="100", result="败述"), *LINES[2:])
    assert told(delivery, engine, last) == []
