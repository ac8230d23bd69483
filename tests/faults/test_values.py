"""Values that are not numbers, outside their range, in words, unknown, or missing where they are the label."""

import datetime as dt
import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from support.deliveries import (
    DAY,
    Delivery,
    csv_sources,
    equation,
    event_line,
    findings,
    profile_of,
    put_right,
    refused,
    rows,
    subject_line,
)
from support.projects import event, subject, write_project, write_tables

from creditscore.engine import Engine
from creditscore.errors import DataError
from creditscore.models.classifier import ScorecardClassifier
from creditscore.records.deliveries.checkup import check_up
from creditscore.records.deliveries.drift import Earlier
from creditscore.records.records import open_records
from creditscore.records.tables import TABLES
from creditscore.storage import write_parquet


def test_infinity_and_nan_become_missing_and_the_row_stays(tmp_path):
    delivery = Delivery(tmp_path, sources=csv_sources(events={"file": "events.parquet", "format": "parquet"}))
    amounts = [1.5, math.inf, -math.inf, math.nan, None]
    base = {
        name: pa.array([event("x", "S1", "penalty", dt.date(2024, 1, 1)).get(name)] * 5, kind)
        for name, kind in TABLES["events"].columns.items()
    }
    ids = pa.array([f"E{n}" for n in range(5)])
    write_parquet(delivery.data / "events.parquet", pa.table({**base, "event_id": ids, "amount": pa.array(amounts, pa.float64())}))
    records = delivery.open()
    assert [row["amount"] and str(row["amount"]) for row in rows(records)] == ["1.50", None, None, None, None]
    assert refused(records, "field") == [("events", "NOT_A_NUMBER:amount", row, f"E{row - 1}") for row in (2, 3, 4)]
    assert equation(records, "events") == (5, 5, 0, 0)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("amount", "-5"),
        ("amount", "1e308"),
        ("amount", "99999999999999999"),
        ("severity", "0"),
        ("severity", "11"),
        ("severity", "2147483648"),
    ],
)
def test_a_value_outside_its_range_is_refused_and_the_row_stays(tmp_path, column, value):
    delivery = Delivery(tmp_path)
    delivery.events(event_line("E1", **{column: value}), event_line("E2", amount="0", severity="10"))
    records = delivery.open()
    assert rows(records)[0][column] is None
    assert [entry[1] in (f"OUT_OF_RANGE:{column}", f"BAD_VALUE:{column}") for entry in refused(records, "field")] == [True]
    assert equation(records, "events")[:2] == (2, 2)
    assert rows(records)[1]["severity"] == 10


def test_two_refused_values_of_a_row_are_two_entries(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.events(event_line("E1", amount="-5", severity="99"))
    assert [entry[1] for entry in refused(delivery.open(), "field")] == ["OUT_OF_RANGE:amount", "OUT_OF_RANGE:severity"]


def test_numbers_in_words_are_refused_without_a_rule(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.events(event_line("E1", amount="12万"), event_line("E2", amount="１００"), event_line("E3", amount='"1,234.50"'))
    records = delivery.open()
    assert [row["amount"] for row in rows(records)] == [None, 100, None]
    assert [entry[1] for entry in refused(records, "field")] == ["BAD_VALUE:amount"] * 2


def test_digits_of_full_width_are_read_with_a_rule_and_without(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.events(event_line("E1", severity="７"), event_line("E2", severity="⑦"), event_line("E3", severity="７　"))
    records = delivery.open()
    assert [row["severity"] for row in rows(records)] == [7, None, 7]
    assert put_right(records)["severity: a number with unit or separators"] == 2


def test_a_rule_reads_numbers_in_words_and_counts_them(tmp_path):
    rule = {"to": "amount", "rule": "parse_number", "column": "amount", "units": {"万": 10000, "元": 1, "万元": 10000}}
    delivery = Delivery(tmp_path, sources=csv_sources(events={"column": [rule]}))
    texts = ["12万", "１００", '"1,234.50"', "3.5万元", "7元", "8", "9两", ""]
    delivery.events(*(event_line(f"E{n}", amount=amount) for n, amount in enumerate(texts)))
    records = delivery.open()
    assert [row["amount"] and str(row["amount"]) for row in rows(records)] == [
        "120000.00",
        "100.00",
        "1234.50",
        "35000.00",
        "7.00",
        "8.00",
        None,
        None,
    ]
    assert refused(records, "field") == [("events", "BAD_VALUE:amount", 8, "E6")]
    assert put_right(records) == {"amount: a number with unit or separators": 5}


def test_words_beyond_a_partial_table_are_noted_and_a_warning_above_one_percent(tmp_path):
    rule = {"to": "result", "rule": "map", "column": "result", "values": {"是": "kept"}, "otherwise": "other"}
    delivery = Delivery(tmp_path, sources=csv_sources(events={"column": [rule]}))
    level = {}
    for strange in (1, 9):
        delivery.events(*(event_line(f"E{n}", result="不明" if n < strange else "是") for n in range(200)))
        told = findings(delivery.open(), "unmapped")
        told = told[told["code"] == "records"]
        assert told["rows"].tolist() == [strange]
        level[strange] = told["level"][told.index[0]]
    assert level == {1: "note", 9: "warning"}


def test_a_new_word_that_a_table_lacks_is_a_warning_however_rare(tmp_path):
    rule = {"to": "region", "rule": "map", "column": "region", "values": {"零陵": "431102", "冷水滩": "431103"}}
    delivery = Delivery(tmp_path, sources=csv_sources(subjects={"column": [rule], "provider": "登记局"}))

    def told(word, earlier=None):
        delivery.subjects(*(subject_line(f"S{n}", region=word if n == 7 else "零陵") for n in range(200)))
        records = delivery.open()
        frame = check_up(records, as_of=DAY, earlier=earlier).table()
        frame = frame[(frame["section"] == "unmapped") & (frame["code"] == "register")]
        return frame[["rule", "rows", "level"]].values.tolist(), profile_of(records)

    ((rule_text, rows, level),), profile = told("双牌")
    assert (rows, level) == (1, "warning")
    assert rule_text.startswith("登记局: region: values that its table of words lacks (双牌 1): add them to values of the map")
    assert told("双牌", Earlier(profile=profile))[0][0][1:] == [1, "note"]
    assert told("祁阳", Earlier(profile=profile))[0][0][1:] == [1, "warning"]
    # A word that may be a person's name is counted, not shown.
    assert "(+1)" in told("王小明")[0][0][0]


def test_codes_and_ids_in_signs_of_full_width_are_put_right(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.subjects(subject_line("Ｓ１", region="４３１１０３", industry="ｆｏｏｄ"))
    delivery.events(event_line("Ｅ１", "S1"), event_line("E2", "Ｓ１"))
    records = delivery.open()
    assert [(row["subject_id"], row["region"], row["industry"]) for row in rows(records, "subjects")] == [("S1", "431103", "food")]
    assert [(row["event_id"], row["subject_id"]) for row in rows(records)] == [("E1", "S1"), ("E2", "S1")]
    wide = {what.split(":")[0]: n for what, n in put_right(records).items() if what.endswith("signs of full width")}
    assert wide == {"subject_id": 2, "region": 1, "industry": 1, "event_id": 1}


def test_an_error_of_a_spreadsheet_is_refused_in_what_a_file_is_joined_with(tmp_path):
    join = {"file": "lookup.csv", "format": "csv", "on": {"event_id": "code"}, "take": ["level"]}
    delivery = Delivery(tmp_path, sources=csv_sources(events={"join": [join], "column": [{"to": "severity", "column": "level"}]}))
    delivery.events(event_line("E1"))
    delivery.file("lookup.csv", "code,level\nE1,3\nE2,#REF!\n")
    with pytest.raises(DataError, match=r"lookup.csv: row 3, level: an error of the spreadsheet"):
        delivery.open()


def test_where_of_another_source_of_the_file_declares_what_is_left_out(tmp_path):
    other = {
        "name": "awards", "table": "events", "file": "events.csv", "format": "csv", "where": {"column": "kind", "values": ["award"]},
    }  # fmt: skip
    delivery = Delivery(tmp_path, sources=csv_sources(events={"where": {"column": "kind", "values": ["penalty"]}}, others=[other]))
    delivery.events(event_line("E1"), event_line("E2", kind="award"))
    assert not findings(delivery.open(), "unmapped")["rule"].str.contains("where").any()
    delivery.events(event_line("E1"), event_line("E2", kind="awrad"))
    told = findings(delivery.open(), "unmapped")
    told = told[told["rule"].str.contains("where")]
    assert told[["code", "rows", "level"]].values.tolist() == [["records", 1, "warning"], ["awards", 1, "warning"]]


def test_an_unknown_word_in_a_closed_list_quarantines_the_row(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.subjects(subject_line("S1"), subject_line("S2", status="歇业"))
    assert refused(delivery.open()) == [("subjects", "NOT_LISTED:status", 3, "S2|2015-01-01")]


def test_an_industry_without_a_card_is_reported(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.subjects(subject_line("S1"), subject_line("S2", industry="spaceport"))
    told = findings(delivery.open(), "unmapped")
    assert told[["code", "rows", "level"]].values.tolist() == [["spaceport", 1, "warning"]]


def test_a_visit_without_a_result_is_quarantined(tmp_path):
    visit = {"subject_id": "S1", "event_date": dt.date(2024, 1, 5), "known_date": dt.date(2024, 1, 5), "trigger": "random"}
    visits = [{**visit, "inspection_id": "V1", "outcome": "none"}, {**visit, "inspection_id": "V2", "outcome": None}]
    data = write_tables(tmp_path / "data", subjects=[subject("S1")], inspections=visits)
    records = open_records(Engine.duckdb(), write_project(tmp_path / "project"), data=data)
    assert refused(records) == [("inspections", "MISSING:outcome", 2, "V2")]
    assert equation(records, "inspections") == (2, 1, 1, 0)


def test_a_missing_label_is_refused_not_dropped(tmp_path):
    frame = pd.DataFrame({"x": np.arange(40.0)})
    label = np.where(np.arange(40) % 2, 1.0, 0.0)
    label[3] = np.nan
    with pytest.raises((DataError, ValueError), match=r"(?i)nan|missing"):
        ScorecardClassifier().fit(frame, label)
