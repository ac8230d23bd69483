"""Whose adverse records were refused, and what the last reading carries forward; on each engine."""

import datetime as dt
import tempfile
from pathlib import Path

import pytest
from support.deliveries import DAY, Delivery, csv_sources, event_line, refused, subject_line, valid_codes
from support.projects import feature, item, policy_document
from support.readings import keep_reading

from creditscore.engine import Engine
from creditscore.records.adverse.readings import READINGS, LastReading
from creditscore.records.deliveries.checkup import check_up
from creditscore.records.deliveries.coverage import supplier_report
from creditscore.records.records import open_records

CODES = valid_codes(5)
TYPO = CODES[0][:12] + ("7" if CODES[0][12] != "7" else "4") + CODES[0][13:]
GOOD = [event_line(f"E{number}", code, severity="3") for number, code in enumerate(CODES)]

CATALOGUE = {
    "edition": "t",
    "basis": "t",
    "item": [item("penalty", polarity="negative"), item("award", polarity="positive"), item("promise")],
}
PROMISES = feature("promises", "promise", "share", share_of=["kept"], trend="lower_is_riskier")
FEATURES = {"feature": [feature("penalties", months=24, trend="higher_is_riskier"), PROMISES]}


@pytest.fixture(params=["duckdb", pytest.param("spark", marks=[pytest.mark.spark, pytest.mark.slow])])
def engine(request):
    """Each night opens all records anew, which takes Spark seconds: it has one case in the gate, and all in ``make slow``."""
    return Engine.duckdb() if request.param == "duckdb" else Engine.spark(request.getfixturevalue("spark_session"))


@pytest.fixture
def delivery(tmp_path):
    made = Delivery(tmp_path, sources=csv_sources(id_scheme="uscc"), catalogue=CATALOGUE, features=FEATURES)
    made.subjects(*(subject_line(code) for code in CODES))
    made.events(*GOOD)
    return made


def kept(delivery, engine, on=DAY, **more):
    """The records of a delivery, and the files that the next night reads."""
    records = open_records(engine, delivery.project, data=delivery.data, **more)
    folder = Path(tempfile.mkdtemp(dir=delivery.data.parent))
    files = {table: folder / f"{name}.parquet" for table, name in READINGS.items()}
    for table, file in files.items():
        keep_reading(records, table, on, file, last=more.get("last_reading"))
    return records, LastReading(files, on)


def claims(records):
    return sorted((one["subject_id"], one["row"], one["code"]) for one in records.incomplete.to_pylist())


def events(records):
    return {row["event_id"]: (row["subject_id"], row["severity"]) for row in records.arrow("events").to_pylist()}


FAULTS = {
    "a date": (event_line("E0", CODES[0], event_date="?"), "BAD_DATE:event_date"),
    "a kind": (event_line("E0", CODES[0], kind="?"), "OFF_CATALOGUE"),
    "a value": (event_line("E0", CODES[0], severity="99"), "OUT_OF_RANGE:severity"),
    "a typo": (event_line("E0", TYPO), "UNKNOWN_SUBJECT"),
    "no record": (event_line("", CODES[0]), "MISSING:event_id"),
    "a broken line": (GOOD[0] + ",x", "RAGGED_LINE"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_refused_record_names_its_firm_and_counts_as_it_was_read_last(delivery, engine, fault):
    whole, last = kept(delivery, engine)
    assert claims(whole) == []
    line, code = FAULTS[fault]
    delivery.events(line, *GOOD[1:])
    first, _ = kept(delivery, engine)
    assert claims(first) == [(CODES[0], 2, code)]
    assert events(first).get("E0", (0, None))[1] is None
    second, next_night = kept(delivery, engine, last_reading=last)
    assert claims(second) == [(CODES[0], 2, code)]
    assert events(second) == events(whole)
    # It is carried on from night to night, and never said to have arrived.
    third, _ = kept(delivery, engine, last_reading=next_night)
    assert events(third) == events(whole)
    assert third.outcomes["events"].arrived == len(CODES)
    assert len(third.outcomes["events"].carried) == (fault != "a value")
    delivery.events(*GOOD)
    assert claims(kept(delivery, engine, last_reading=next_night)[0]) == []


@pytest.mark.spark
def test_a_refused_record_is_carried_forward_on_spark(delivery, spark_session):
    engine = Engine.spark(spark_session)
    whole, last = kept(delivery, engine)
    delivery.events(FAULTS["a date"][0], *GOOD[1:])
    second, _ = kept(delivery, engine, last_reading=last)
    assert claims(second) == [(CODES[0], 2, FAULTS["a date"][1])]
    assert events(second) == events(whole)


def test_a_row_that_tells_neither_firm_nor_record_concerns_whatever_is_absent(delivery, engine):
    _, last = kept(delivery, engine)
    delivery.events(event_line("", ""), *GOOD[2:])
    assert claims(kept(delivery, engine)[0]) == []
    second, _ = kept(delivery, engine, last_reading=last)
    assert {firm for firm, *_ in claims(second)} == set(CODES[:2])
    assert set(events(second)) == {f"E{number}" for number in range(5)}


def test_what_is_in_favour_of_a_firm_or_of_another_costs_nothing(delivery, engine):
    _, last = kept(delivery, engine)
    elsewhere = valid_codes(9)[-1]
    delivery.events(
        *GOOD, event_line("A1", CODES[0], kind="award", event_date="?"), event_line("A2", elsewhere),
        event_line("A3", CODES[1], kind="promise", result="kept", event_date="?"),
        event_line("A4", CODES[2], kind="promise", result="broken", event_date="?"),
    )  # fmt: skip
    records, _ = kept(delivery, engine, last_reading=last)
    assert len(refused(records)) == 4
    assert claims(records) == [(CODES[2], 10, "BAD_DATE:event_date")]


def test_a_repair_of_a_record_that_is_carried_forward_counts(delivery, engine):
    sources = csv_sources(
        id_scheme="uscc", others=[{"name": "changes", "table": "changes", "file": "changes.csv", "format": "csv"}]
    )
    own = Delivery(delivery.data.parent / "own", sources=sources)
    own.subjects(*(subject_line(code) for code in CODES))
    own.events(*GOOD)
    own.file("changes.csv", "event_id,change,effective_date,known_date\n")
    _, last = kept(own, engine)
    own.events(event_line("E0", CODES[0], event_date="?"), *GOOD[1:])
    own.file("changes.csv", "event_id,change,effective_date,known_date\nE0,repaired,2024-04-01,2024-04-02\n")
    records, _ = kept(own, engine, last_reading=last)
    listed = records.listed(["penalty"], DAY)["event_id"].to_pylist()
    assert "E0" in events(records)
    assert sorted(listed) == ["E1", "E2", "E3", "E4"]


CHANGES = "event_id,change,effective_date,known_date\n"


def with_changes(delivery, *lines, **more):
    """A delivery with a file of changes."""
    sources = csv_sources(
        id_scheme="uscc", others=[{"name": "changes", "table": "changes", "file": "changes.csv", "format": "csv"}]
    )
    own = Delivery(delivery.data.parent / "own", sources=sources, **more)
    own.subjects(*(subject_line(code) for code in CODES))
    own.events(*GOOD)
    own.file("changes.csv", CHANGES + "".join(f"{line}\n" for line in lines))
    return own


@pytest.mark.parametrize("change", ["repaired", "withdrawn", "dispute_upheld", "disputed"])
def test_a_change_of_a_refused_event_is_kept_and_its_end_is_the_end_of_the_hold(delivery, engine, change):
    ends = change != "disputed"
    own = with_changes(delivery, f"E0,{change},2024-04-01,2024-04-02")
    own.events(event_line("E0", CODES[0], event_date="?"), *GOOD[1:])
    records, last = kept(own, engine, last_reading=LastReading({}, DAY))
    assert [row[1] for row in refused(records)] == ["BAD_DATE:event_date"]
    assert claims(records) == ([] if ends else [(CODES[0], 2, "BAD_DATE:event_date")])
    # When the event is mended, the change that was kept acts on it.
    own.events(*GOOD)
    records, _ = kept(own, engine, last_reading=last)
    assert claims(records) == []
    assert "E0" not in records.listed(["penalty"], DAY)["event_id"].to_pylist()
    # A change that is to come ends nothing yet.
    own = with_changes(delivery, f"E0,{change},2024-06-01,2024-06-02")
    own.events(event_line("E0", CODES[0], event_date="?"), *GOOD[1:])
    assert claims(kept(own, engine, last_reading=LastReading({}, DAY))[0]) == [(CODES[0], 2, "BAD_DATE:event_date")]


def test_a_change_of_a_record_that_nobody_sent_is_refused(delivery, engine):
    records, _ = kept(with_changes(delivery, "E77,repaired,2024-04-01,2024-04-02"), engine)
    assert [row[1] for row in refused(records)] == ["UNKNOWN_EVENT"]


@pytest.mark.parametrize(
    ("line", "firms"),
    [
        # One slip away from a record whose dispute is open; far from all; of no record; without a record.
        ("E00,dispute_rejected,2024-03-10,2024-03-11", CODES[:1]), ("X99,dispute_rejected,2024-03-10,2024-03-11", []),
        (",dispute_rejected,2024-03-10,2024-03-11", CODES[:2]), (",repaired,2024-03-10,2024-03-11", []),
        ("?,dispute_rejected,x", CODES[:2]),
        # No records: one with a slip, a firm, another change, a change and a rejection, a record without a dispute.
        ("E00,dispute_rejected,x", CODES[:1]), (f"?,{CODES[1]},x", CODES[1:2]), ("?,repaired,x", []),
        ("repaired,dispute_rejected,x", CODES[:2]), ("E3,dispute_rejected,x", []),
    ],
)  # fmt: skip
def test_an_end_of_a_dispute_that_tells_no_record_shields_nobody(delivery, engine, line, firms):
    own = with_changes(
        delivery, "E0,disputed,2024-03-01,2024-03-02", "E1,disputed,2024-03-01,2024-03-02", "E2,disputed,2024-03-01,2024-03-02",
        "E2,dispute_rejected,2024-03-05,2024-03-06", line,
    )  # fmt: skip
    records, _ = kept(own, engine)
    assert [row["subject_id"] for row in records.incomplete.to_pylist()] == sorted(firms)
    assert [(one.table, one.rows, one.firms) for one in records.hanging] == ([("changes", (6,), 2)] if len(firms) == 2 else [])


def test_rows_that_tell_nothing_are_told_with_the_firms_that_hang_on_them(delivery, engine):
    _, last = kept(delivery, engine)
    delivery.events(event_line("", ""), "x,y", *GOOD[2:])
    records, _ = kept(delivery, engine, last_reading=last)
    assert [(one.table, one.source, one.rows, one.firms) for one in records.hanging] == [("events", "records", (2, 3), 2)]
    told = check_up(records, as_of=DAY).table()
    told = told[told["rule"].str.startswith("rows that tell neither subject nor record")]
    assert told[["code", "rows", "examples", "level"]].values.tolist() == [["records", 2, "2, 3", "warning"]]
    # They are mended, or left out: nothing hangs any more.
    delivery.events(*GOOD[2:])
    records, _ = kept(delivery, engine, last_reading=last)
    assert (claims(records), records.hanging) == ([], ())


def test_a_firm_whose_absent_record_is_declared_withdrawn_hangs_on_no_other_row(delivery, engine):
    own = with_changes(delivery)
    _, last = kept(own, engine)
    own.events(event_line("", ""), *GOOD[2:])
    own.file("changes.csv", CHANGES + "E0,withdrawn,2024-04-01,2024-04-02\n")
    records, _ = kept(own, engine, last_reading=last)
    assert claims(records) == [(CODES[1], 2, "MISSING:event_id")]
    assert records.hanging[0].firms == 1


VISITS = "inspection_id,subject_id,event_date,known_date,trigger,outcome,severity\n"
RATINGS = "subject_id,scheme,grade,event_date,known_date\n"


def with_file(delivery, table, content, **more):
    own = Delivery(
        delivery.data.parent / table, **more,
        sources=csv_sources(id_scheme="uscc", others=[{"name": table, "table": table, "file": f"{table}.csv", "format": "csv"}]),
    )  # fmt: skip
    own.subjects(*(subject_line(code) for code in CODES))
    own.file(f"{table}.csv", content)
    return own


@pytest.mark.parametrize(
    ("again", "held"),
    [("", True), ("V1,{},2024-01-05,2024-01-08,random,none,\n", False), ("V1,{},2024-01-05,2024-01-07,random,none,\n", True),
     ("V2,{},2024-02-05,2024-02-08,random,none,\n", True), ("V1,{},2024-01-05,2024-05-08,random,none,\n", True)],
)  # fmt: skip
def test_a_refused_visit_holds_until_the_same_visit_is_read_whole(delivery, engine, again, held):
    bad = f"V1,{CODES[0]},2024-01-05,2024-01-08,random,?,\n"
    own = with_file(delivery, "inspections", VISITS + bad + again.format(CODES[0]))
    records, _ = kept(own, engine, last_reading=LastReading({}, DAY))
    assert claims(records) == ([(CODES[0], 2, "NOT_LISTED:outcome")] if held else [])
    # The row of another firm says nothing of this one.
    own = with_file(delivery, "inspections", VISITS + bad + again.format(CODES[1]))
    assert claims(kept(own, engine, last_reading=LastReading({}, DAY))[0]) == [(CODES[0], 2, "NOT_LISTED:outcome")]


NATIONAL = {
    "feature": [
        {**feature("grade", aggregate="latest"), "kind": [], "scheme": "national", "order": ["good", "bad"], "unit": "grade"},
    ]
}


@pytest.mark.parametrize(
    ("again", "held"),
    [("", True), ("{},national,bad,2024-02-01,2024-02-02\n", False), ("{},national,bad,2023-02-01,2024-02-02\n", True),
     ("{},national,bad,2024-01-01,2024-01-02\n", False), ("{},national,bad,2024-05-01,2024-05-02\n", True)],
)  # fmt: skip
def test_a_refused_rating_holds_until_a_later_one_is_read_whole(delivery, engine, again, held):
    bad = f"{CODES[0]},national,,2024-01-01,2024-01-02\n"
    own = with_file(delivery, "ratings", RATINGS + bad + again.format(CODES[0]), features=NATIONAL)
    records, _ = kept(own, engine, last_reading=LastReading({}, DAY))
    assert claims(records) == ([(CODES[0], 2, "MISSING:grade")] if held else [])


def test_a_rating_under_a_scheme_that_nobody_knows_is_a_fault(delivery, engine):
    lines = f"{CODES[0]},natonal,good,2024-01-01,2024-01-02\n{CODES[1]},national,good,2024-01-01,2024-01-02\n"
    own = with_file(delivery, "ratings", RATINGS + lines, features=NATIONAL)
    records, _ = kept(own, engine)
    assert [row[:3] for row in refused(records)] == [("ratings", "NOT_LISTED:scheme", 2)]
    assert claims(records) == [(CODES[0], 2, "NOT_LISTED:scheme")]


@pytest.mark.parametrize(
    ("schemes", "refused_rows"),
    [
        (("national", "industry_stars"), []), (("national", "National"), [3]), (("national", "natonal", "stars"), [3]),
        # None of the source's rows is of a named scheme: it may have a new name.
        (("stars", "stars"), [2, 3]),
    ],
)  # fmt: skip
def test_a_scheme_that_can_be_no_slip_is_kept_and_told(delivery, engine, schemes, refused_rows):
    lines = "".join(f"{code},{scheme},good,2024-01-01,2024-01-02\n" for code, scheme in zip(CODES, schemes, strict=False))
    own = with_file(delivery, "ratings", RATINGS + lines, features=NATIONAL)
    records, _ = kept(own, engine)
    assert [row[:3] for row in refused(records)] == [("ratings", "NOT_LISTED:scheme", row) for row in refused_rows]
    told = check_up(records, as_of=DAY).table().query("section == 'unmapped' and table == 'ratings'")
    kept_schemes = {scheme for row, scheme in enumerate(schemes, 2) if row not in refused_rows} - {"national"}
    assert told["rows"].tolist() == ([1] if kept_schemes else [])
    assert all(scheme in rule for rule in told["rule"] for scheme in kept_schemes)


@pytest.mark.parametrize(
    ("grades", "refused_rows", "told_rows"),
    [(("good", "bad"), [], 0), (("bda", "bad"), [2], 0), (("unrated", "Bad"), [2, 3], 0)],
)
def test_a_grade_that_its_order_lacks_is_refused(delivery, engine, grades, refused_rows, told_rows):
    lines = "".join(f"{code},national,{grade},2024-01-01,2024-01-02\n" for code, grade in zip(CODES, grades, strict=False))
    own = with_file(delivery, "ratings", RATINGS + lines, features=NATIONAL)
    records, _ = kept(own, engine)
    assert [row[:3] for row in refused(records)] == [("ratings", "NOT_LISTED:grade", row) for row in refused_rows]
    assert claims(records) == [(CODES[row - 2], row, "NOT_LISTED:grade") for row in refused_rows]
    told = check_up(records, as_of=DAY).table().query("section == 'unmapped' and table == 'ratings'")
    assert told["rows"].sum() == told_rows


def test_a_grade_that_a_rule_writes_is_kept_and_told(delivery, engine):
    rule = {"to": "grade", "rule": "map", "column": "grade", "values": {"good": "good", "bad": "bad"}, "otherwise": "unrated"}
    source = {"name": "ratings", "table": "ratings", "file": "ratings.csv", "format": "csv", "column": [rule]}
    own = Delivery(
        delivery.data.parent / "map", sources=csv_sources(id_scheme="uscc", others=[source]), features=NATIONAL
    )  # fmt: skip
    own.subjects(*(subject_line(code) for code in CODES))
    own.file("ratings.csv", RATINGS + f"{CODES[0]},national,?,2024-01-01,2024-01-02\n")
    records, _ = kept(own, engine)
    assert refused(records) == []
    told = check_up(records, as_of=DAY).table().query("section == 'unmapped' and table == 'ratings'")
    assert any("unrated 1" in rule for rule in told["rule"])


@pytest.mark.parametrize(("grade", "is_refused"), [("poor", False), ("poro", True), ("POOR", True), ("excellent", False)])
def test_without_an_order_a_slip_of_the_grade_of_an_override_is_refused(delivery, engine, grade, is_refused):
    features = {"feature": [{key: value for key, value in NATIONAL["feature"][0].items() if key != "order"}]}
    override = {"scheme": "national", "grade": "poor", "tier": "C", "bound": "at_least", "basis": "b"}
    own = with_file(
        delivery, "ratings", RATINGS + f"{CODES[0]},national,{grade},2024-01-01,2024-01-02\n", features=features,
        policy={**policy_document(), "override": [override]},
    )  # fmt: skip
    records, _ = kept(own, engine)
    assert [row[1] for row in refused(records)] == (["NOT_LISTED:grade"] if is_refused else [])


def test_an_unknown_result_is_incomplete_where_a_feature_reads_it(delivery, engine):
    rule = {"to": "result", "rule": "map", "column": "result", "values": {"守约": "kept", "违约": "broken"}}
    own = Delivery(
        delivery.data.parent / "own", sources=csv_sources(id_scheme="uscc", events={"column": [rule]}),
        catalogue=CATALOGUE, features=FEATURES,
    )  # fmt: skip
    own.subjects(*(subject_line(code) for code in CODES))
    lines = [event_line("P0", CODES[0], kind="promise", result="违约"), event_line("P1", CODES[1], kind="promise", result="守约")]
    own.events(*lines)
    _, last = kept(own, engine)
    # A slip in the word of a broken promise; a word of a penalty, whose result nothing reads.
    own.events(event_line("P0", CODES[0], kind="promise", result="违药"), lines[1], event_line("E2", CODES[2], result="别的"))
    records, _ = kept(own, engine, last_reading=last)
    assert [row[1:3] for row in refused(records, "field")] == [("NOT_LISTED:result", 2), ("NOT_LISTED:result", 4)]
    assert claims(records) == [(CODES[0], 2, "NOT_LISTED:result")]
    results = {row["event_id"]: row["result"] for row in records.arrow("events").to_pylist()}
    assert results == {"P0": "broken", "P1": "kept", "E2": None}


DISPUTED = "E0,disputed,2024-03-01,2024-03-02\n"


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("E0,dispute_rejected,2024-13-10,2024-03-11\n", True), ("E0,?,2024-03-10,2024-03-11\n", True),
        ("E0,dispute_rejected,2024-03-10,2024-03-11,x\n", True), ("E0,dispute_upheld,2024-13-10,2024-03-11\n", False),
        ("E1,dispute_rejected,2024-13-10,2024-03-11\n", False),
    ],
)  # fmt: skip
def test_a_dispute_whose_end_is_refused_hides_no_record_unseen(delivery, engine, line, wrong):
    sources = csv_sources(
        id_scheme="uscc", others=[{"name": "changes", "table": "changes", "file": "changes.csv", "format": "csv"}]
    )
    own = Delivery(delivery.data.parent / "own", sources=sources)
    own.subjects(*(subject_line(code) for code in CODES))
    own.events(*GOOD)
    own.file("changes.csv", CHANGES + DISPUTED + line)
    records, _ = kept(own, engine)
    found = [(one["subject_id"], one["table"], one["row"]) for one in records.incomplete.to_pylist()]
    assert found == ([(CODES[0], "changes", 3)] if wrong else [])


def test_a_night_without_its_row_of_the_register_forgets_no_record_of_a_firm(delivery, engine):
    _, last = kept(delivery, engine)
    delivery.subjects(subject_line(CODES[0]) + ",x", *(subject_line(code) for code in CODES[1:]))
    quarantined, last = kept(delivery, engine, last_reading=last)
    assert "E0" not in events(quarantined)
    delivery.subjects(*(subject_line(code) for code in CODES))
    delivery.events(event_line("", ""), *GOOD[1:])
    records, _ = kept(delivery, engine, last_reading=last)
    assert claims(records) == [(CODES[0], 2, "MISSING:event_id")]
    assert "E0" in events(records)


def test_a_borrowed_number_leads_to_no_other_firm(delivery, engine):
    _, last = kept(delivery, engine)
    delivery.events(event_line("E1", TYPO), *GOOD[1:])
    assert claims(kept(delivery, engine, last_reading=last)[0]) == [(CODES[0], 2, "UNKNOWN_SUBJECT")]


def test_what_ended_long_ago_is_missed_by_nobody(delivery, engine):
    days = {"event_date": "2001-01-01", "known_date": "2001-01-02", "valid_until": "2003-01-01"}
    delivery.events(*GOOD, event_line("E9", CODES[0], severity="99", **days), event_line("E8", TYPO, **days))
    assert claims(kept(delivery, engine, last_reading=LastReading({}, DAY))[0]) == []
    delivery.events(*GOOD, event_line("E9", CODES[0], **days | {"event_date": "2005-01-01"}))
    wrong = [(CODES[0], 7, "DATE_ORDER:known_date")]
    assert claims(kept(delivery, engine, last_reading=LastReading({}, DAY))[0]) == wrong


def test_what_has_ended_is_not_carried_forward(delivery, engine):
    ending = event_line("E0", CODES[0], valid_until="2024-05-10")
    delivery.events(ending, *GOOD[1:])
    _, last = kept(delivery, engine)
    delivery.events(event_line("E0", CODES[0], event_date="?"), *GOOD[1:])
    later = LastReading(last.files, dt.date(2024, 5, 31))
    assert "E0" not in events(kept(delivery, engine, last_reading=later)[0])


def test_the_check_up_counts_it_apart(delivery, engine):
    _, last = kept(delivery, engine)
    delivery.events(event_line("E0", CODES[0], event_date="?"), *GOOD[1:])
    records, _ = kept(delivery, engine, last_reading=last)
    frame = check_up(records, as_of=DAY).table().set_index("section")
    assert frame.loc[["incomplete", "carried"], "rows"].tolist() == [1, 1]
    assert supplier_report(records)["arrived"].sum() == len(CODES)


def test_an_amount_in_a_broken_line_is_no_number_of_another_firm(tmp_path, engine):
    """In a project whose ids are plain numbers, a line with one field too many names nobody by an amount that looks like one."""
    delivery = Delivery(tmp_path)
    delivery.subjects(subject_line("1001"), subject_line("2002"))
    delivery.events(event_line("E0", "2002"), event_line("E1", "20O2", amount="1001") + ",x")
    records = open_records(engine, delivery.project, data=delivery.data)
    assert "1001" not in {firm for firm, *_place in claims(records)}


AHEAD = {"event_date": "2042-06-01", "known_date": "2042-06-01"}


@pytest.mark.parametrize("days", [AHEAD, {"known_date": "2042-06-01"}])
def test_a_known_record_that_moves_ahead_of_the_day_is_refused_and_counts_as_it_was_read_last(delivery, engine, days):
    whole, last = kept(delivery, engine)
    delivery.events(event_line("E0", CODES[0], severity="3", **days), *GOOD[1:], event_line("E7", CODES[1], **AHEAD))
    second, next_night = kept(delivery, engine, last_reading=last)
    code = f"DATE_AHEAD:{min(days)}"
    # A record that nobody has read as known may lie ahead: a run for a past day reads newer data.
    assert refused(second) == [("events", code, 2, "E0")]
    assert [(row["column"], row["text"]) for row in second.rejects.to_pylist()] == [(min(days), "2042-06-01")]
    assert claims(second) == [(CODES[0], 2, code)]
    assert second.listed(["penalty"], DAY).equals(whole.listed(["penalty"], DAY))
    count = second.outcomes["events"]
    assert (count.arrived, count.kept, count.quarantined) == (6, 5, 1)
    delivery.events(*GOOD)
    assert claims(kept(delivery, engine, last_reading=next_night)[0]) == []


def test_a_record_that_lay_ahead_last_time_may_go_on_to(delivery, engine):
    delivery.events(event_line("E0", CODES[0], **AHEAD), *GOOD[1:])
    _, last = kept(delivery, engine)
    assert refused(kept(delivery, engine, last_reading=last)[0]) == []


@pytest.mark.spark
def test_a_date_ahead_is_refused_on_spark(delivery, spark_session):
    engine = Engine.spark(spark_session)
    whole, last = kept(delivery, engine)
    delivery.events(event_line("E0", CODES[0], severity="3", **AHEAD), *GOOD[1:])
    second, _ = kept(delivery, engine, last_reading=last)
    assert claims(second) == [(CODES[0], 2, "DATE_AHEAD:event_date")]
    assert events(second) == events(whole)


def test_a_known_visit_that_moves_ahead_is_refused(delivery, engine):
    own = with_file(delivery, "inspections", VISITS + f"V1,{CODES[0]},2024-01-05,2024-01-08,random,violation,3\n")
    _, last = kept(own, engine)
    own.file("inspections.csv", VISITS + f"V1,{CODES[0]},2032-01-05,2032-01-08,random,violation,3\n")
    records, _ = kept(own, engine, last_reading=last)
    assert claims(records) == [(CODES[0], 2, "DATE_AHEAD:event_date")]
    assert [str(row["event_date"]) for row in records.inspections.to_pylist()] == ["2024-01-05"]


@pytest.mark.parametrize(
    ("lines", "codes"),
    [
        (["bad,2023-01-01,2032-01-02"], ["DATE_AHEAD:known_date"]),
        # Its day is a part of the key of a rating.
        (["bad,2032-01-01,2032-01-02"], ["DATE_AHEAD:event_date"]),
        # Data of a later night, in which nothing is missing.
        (["bad,2023-01-01,2023-01-02", "good,2032-01-01,2032-01-02"], []),
        (["bad,2023-01-01,2032-01-02", "good,2032-01-01,2032-01-02"], ["DATE_AHEAD:known_date"]),
        (["good,2024-01-01,2024-01-02"], []),
    ],
)
def test_a_known_rating_that_moves_ahead_is_refused(delivery, engine, lines, codes):
    before = f"{CODES[0]},national,bad,2023-01-01,2023-01-02\n"
    own = with_file(delivery, "ratings", RATINGS + before, features=NATIONAL)
    _, last = kept(own, engine)
    own.file("ratings.csv", RATINGS + "".join(f"{CODES[0]},national,{line}\n" for line in lines))
    records, _ = kept(own, engine, last_reading=last)
    assert [code for _table, code, *_place in refused(records)] == codes
    assert claims(records) == [(CODES[0], 2, code) for code in codes]
    if codes:
        assert records.grades("national", DAY)["grade"].to_pylist() == ["bad"]


COLOURS = {
    "feature": [
        feature("colour", aggregate="latest", column="result", order=["green", "red"], unit="grade"),
        feature("kept", "promise", "share", share_of=["kept"], trend="lower_is_riskier"),
    ]
}


def test_an_emptied_result_is_a_refused_value_and_counts_as_it_was_read_last(delivery, engine):
    own = Delivery(delivery.data.parent / "own", sources=csv_sources(id_scheme="uscc"), catalogue=CATALOGUE, features=COLOURS)
    own.subjects(*(subject_line(code) for code in CODES))
    red = event_line("E0", CODES[0], result="red")
    others = [event_line("E1", CODES[1], result="green"), event_line("E2", CODES[2], kind="award")]
    own.events(red, *others)
    whole, last = kept(own, engine)
    assert refused(whole, "field") == []
    own.events(event_line("E0", CODES[0]), *others, event_line("E3", CODES[3], kind="promise"))
    second, next_night = kept(own, engine, last_reading=last)
    assert refused(second, "field") == [("events", "MISSING:result", 2, "E0"), ("events", "MISSING:result", 5, "E3")]
    assert claims(second) == [(CODES[0], 2, "MISSING:result"), (CODES[3], 5, "MISSING:result")]
    results = {row["event_id"]: row["result"] for row in second.arrow("events").to_pylist()}
    assert results == {"E0": "red", "E1": "green", "E2": None, "E3": None}
    own.events(red, *others)
    assert claims(kept(own, engine, last_reading=next_night)[0]) == []


@pytest.mark.parametrize(("missing", "held"), [(["", "pending"], []), (["pending"], [2])])
def test_a_map_may_say_that_an_empty_result_tells_nothing(delivery, missing, held):
    rule = {"to": "result", "rule": "map", "column": "result", "values": {"R": "red", "G": "green"}, "missing": missing}
    events_source = {"column": [rule]}
    own = Delivery(
        delivery.data.parent / "own", sources=csv_sources(id_scheme="uscc", events=events_source), catalogue=CATALOGUE,
        features=COLOURS,
    )  # fmt: skip
    own.subjects(*(subject_line(code) for code in CODES))
    own.events(event_line("E0", CODES[0], result=" "), event_line("E1", CODES[1], result="pending"))
    records, _ = kept(own, Engine.duckdb())
    assert [row for *_code, row, _key in refused(records, "field")] == held


VALUED = {
    "feature": [
        feature("sum", aggregate="sum", column="amount", trend="higher_is_riskier"),
        feature("severe", severity_min=3, trend="higher_is_riskier"),
    ]
}


@pytest.mark.parametrize(
    ("features", "codes"), [(VALUED, ["MISSING:amount", "MISSING:severity"]), (FEATURES, [])], ids=["read", "not read"]
)
def test_a_value_that_the_record_had_last_time_is_missed_if_a_feature_reads_it(delivery, engine, features, codes):
    own = Delivery(delivery.data.parent / "own", sources=csv_sources(id_scheme="uscc"), catalogue=CATALOGUE, features=features)
    own.subjects(*(subject_line(code) for code in CODES))
    # The second one had none, and needs none.
    own.events(event_line("E0", CODES[0], severity="4", amount="70"), event_line("E1", CODES[1]))
    _, last = kept(own, engine)
    own.events(event_line("E0", CODES[0]), event_line("E1", CODES[1]))
    records, next_night = kept(own, engine, last_reading=last)
    assert sorted(code for _table, code, *_place in refused(records, "field")) == codes
    assert [text for text in records.rejects["text"].to_pylist() if text] == []
    assert {firm for firm, *_place in claims(records)} == ({CODES[0]} if codes else set())
    assert (events(records)["E0"][1] == 4) == bool(codes)
    again, _ = kept(own, engine, last_reading=next_night)
    assert sorted(code for _table, code, *_place in refused(again, "field")) == codes


@pytest.mark.spark
def test_emptied_values_are_filled_in_on_spark(delivery, spark_session):
    own = Delivery(delivery.data.parent / "own", sources=csv_sources(id_scheme="uscc"), catalogue=CATALOGUE, features=VALUED)
    own.subjects(*(subject_line(code) for code in CODES))
    own.events(event_line("E0", CODES[0], severity="4", amount="70"), event_line("E1", CODES[1], severity="99"))
    engine = Engine.spark(spark_session)
    _, last = kept(own, engine)
    own.events(event_line("E0", CODES[0]), event_line("E1", CODES[1], severity="99"))
    records, _ = kept(own, engine, last_reading=last)
    told = {(code, row) for _table, code, row, _key in refused(records, "field")}
    assert told == {("MISSING:severity", 2), ("MISSING:amount", 2), ("OUT_OF_RANGE:severity", 3)}
    assert events(records)["E0"][1] == 4
