"""Files as no standard has them: carriage returns alone, marks, other delimiters, types of Parquet, cells of a spreadsheet."""

import datetime as dt

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.deliveries import EVENTS, Delivery, csv_sources, equation, event_line, findings, put_right, refused, rows, text
from support.projects import event, write_project

from creditscore.errors import ConfigError, DataError
from creditscore.records.tables import TABLES

HEADER = ["event_id", "subject_id", "kind", "event_date", "known_date", "amount", "result", "document_no"]
D = dt.date(2024, 1, 1)


def parquet(tmp_path, count=1, names=None, **columns):
    """Events in Parquet, some of whose columns are given as arrays."""
    delivery = Delivery(tmp_path, sources=csv_sources(events={"file": "events.parquet", "format": "parquet"}))
    usual = event("x", "S1", "penalty", D)
    base = {name: pa.array([usual.get(name)] * count, kind) for name, kind in TABLES["events"].columns.items()}
    table = pa.table({**base, "event_id": pa.array([f"E{n}" for n in range(count)]), **columns})
    pq.write_table(table.rename_columns(names) if names else table, delivery.data / "events.parquet")
    return delivery


def workbook(tmp_path, *lines, **source):
    delivery = Delivery(tmp_path, sources=csv_sources(events={"file": "events.xlsx", "format": "excel", **source}))
    book = openpyxl.Workbook()
    for line in lines:
        book.active.append(line)
    book.save(delivery.data / "events.xlsx")
    return delivery


def cells(event_id, **changed):
    row = {"event_id": event_id, "subject_id": "S1", "kind": "penalty", "event_date": D, "known_date": D, **changed}
    return [row.get(name) for name in HEADER]


# --- lines and headers --------------------------------------------------------------------------------------


def test_lines_that_end_with_a_carriage_return_alone_are_lines(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.file("events.csv", "\r".join([EVENTS, event_line("E1"), "x,y", event_line("E2", kind="gossip"), ""]))
    records = delivery.open()
    assert [row["event_id"] for row in rows(records)] == ["E1"]
    assert refused(records) == [("events", "OFF_CATALOGUE", 4, "E2"), ("events", "RAGGED_LINE", 3, "")]
    assert equation(records, "events") == (3, 1, 2, 0)


def test_three_kinds_of_line_ends_in_one_file_are_read(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.file("events.csv", f"{EVENTS}\r\n{event_line('E1')}\n{event_line('E2')}\r{event_line('E3')}\r\n")
    assert [row["event_id"] for row in rows(delivery.open())] == ["E1", "E2", "E3"]


def test_a_carriage_return_inside_a_text_loses_no_row_in_silence(tmp_path):
    delivery = Delivery(tmp_path)
    lines = [event_line(f"E{n}") for n in range(2000)]
    delivery.events(*lines[:3], event_line("X", result="a\rb"), *lines[3:])
    records = delivery.open()
    assert len(rows(records)) == 2000
    assert refused(records) == [("events", "RAGGED_LINE", 5, ""), ("events", "RAGGED_LINE", 6, "")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030"])
def test_windows_line_ends_are_one_end_each(tmp_path, encoding):
    delivery = Delivery(tmp_path, sources=csv_sources(events={"encoding": encoding}))
    delivery.file("events.csv", text(EVENTS, [event_line("E1"), "x", event_line("E2")]).replace("\n", "\r\n"), encoding)
    records = delivery.open()
    assert refused(records) == [("events", "RAGGED_LINE", 3, "")]
    assert (records.arrivals[1].lines, records.arrivals[1].blank) == (4, 0)


def test_a_text_beyond_pythons_field_limit_is_read_across_lines(tmp_path):
    limits = {"cell_letters": 300_000}
    delivery = Delivery(tmp_path, sources=csv_sources(events={"lines": {"result": 2}}, limits=limits))
    delivery.events(event_line("E1", result=f'"{"x" * 200_000}\nend"'))
    assert len(rows(delivery.open())[0]["result"]) == 200_003


def test_a_line_that_is_too_long_is_refused_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("creditscore.records.reading.text_lines.LONGEST_LINE", 1 << 20)
    delivery = Delivery(tmp_path)
    delivery.events(event_line("E1", result="x" * (20 << 20)), event_line("E2"))
    records = delivery.open()
    assert [row["event_id"] for row in rows(records)] == ["E2"]
    assert refused(records) == [("events", "LONG_LINE", 2, "")]


@pytest.mark.parametrize("mark", ["\u200b", "\ufeff", "\u00a0"])
def test_invisible_marks_are_removed_from_column_names(tmp_path, mark):
    delivery = Delivery(tmp_path)
    delivery.file("events.csv", text(EVENTS.replace("result", f"{mark}result"), [event_line("E1", result="kept")]))
    assert rows(delivery.open())[0]["result"] == "kept"


@pytest.mark.parametrize(("encoding", "mark"), [("gb18030", "utf-8"), ("utf-8", "utf-16"), ("gbk", "utf-16")])
def test_a_byte_order_mark_against_the_declared_encoding_is_refused(tmp_path, encoding, mark):
    delivery = Delivery(tmp_path, sources=csv_sources(events={"encoding": encoding}))
    delivery.file("events.csv", text(EVENTS, [event_line()]), "utf-8-sig" if mark == "utf-8" else mark)
    with pytest.raises(DataError, match=rf"events\.csv: expected (gb18030|utf-8) \(got the byte-order mark of {mark}\)"):
        delivery.open()


def test_gb18030_may_have_its_own_byte_order_mark(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.file("events.csv", b"\x84\x31\x95\x33" + text(EVENTS, [event_line(result="永州")]).encode("gb18030"))
    assert rows(delivery.open())[0]["result"] == "永州"


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"PAR1\x00\x00", "a Parquet file"), (b"PK\x03\x04x", "a workbook"), (b"\x1f\x8b\x08", "a compressed file"),
     (b"\xd0\xcf\x11\xe0\xa1", "a workbook of the old kind")],
)  # fmt: skip
def test_a_file_of_another_format_is_named_for_what_it_is(tmp_path, content, told):
    delivery = Delivery(tmp_path)
    delivery.file("events.csv", content)
    with pytest.raises(DataError, match=rf"events\.csv: expected a text file \(got {told}"):
        delivery.open()


@pytest.mark.parametrize("sign", [";", "\t", "|", "，"])
def test_another_delimiter_than_declared_is_named(tmp_path, sign):
    delivery = Delivery(tmp_path)
    delivery.file("events.csv", text(EVENTS, [event_line()]).replace(",", sign))
    with pytest.raises(DataError, match=r"expected fields cut by ',' .*declare delimiter"):
        delivery.open()


@pytest.mark.parametrize("sign", ['"', "\n", "\r", "a", "7", "，", "\0"])
def test_a_delimiter_that_cuts_nothing_is_refused_in_the_config(tmp_path, sign):
    with pytest.raises(ConfigError, match="delimiter"):
        write_project(tmp_path, sources=csv_sources(events={"delimiter": sign}))


# --- types of Parquet ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["event_id", "subject_id", "kind", "result", "document_no", "event_date", "amount"])
def test_undecodable_bytes_are_refused_by_column(tmp_path, column):
    wrong = pa.array([b"ab\xff\xfe", b"ok", b"\xe6\xb0\xb8"], pa.binary())
    for kind in (pa.string(), pa.binary()):
        array = wrong.view(pa.string()) if kind == pa.string() else wrong
        with pytest.raises(DataError, match=rf'source "records" .*expected {column} as text in UTF-8 \(got other bytes\)'):
            parquet(tmp_path / str(kind), 3, **{column: array}).open()


def test_undecodable_bytes_in_a_masked_column_are_refused(tmp_path):
    delivery = parquet(tmp_path, 1, 联系人=pa.array([b"\xff\xfe"]).view(pa.string()))
    rule = {"to": "result", "column": "联系人"}
    delivery.project = write_project(
        tmp_path / "p", sources=csv_sources(events={"file": "events.parquet", "format": "parquet", "column": [rule]})
    )
    with pytest.raises(DataError, match=r'source "records": expected texts in UTF-8 .got other bytes.'):
        delivery.open()


@pytest.mark.parametrize(
    "array",
    [pa.array([["a"]], pa.list_(pa.string())), pa.array([{"a": 1}], pa.struct([("a", pa.int64())])),
     pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64()))],
    ids=["list", "struct", "map"],
)  # fmt: skip
@pytest.mark.parametrize("column", ["result", "amount", "event_date", "subject_id"])
def test_nested_values_are_refused_by_column(tmp_path, column, array):
    with pytest.raises(DataError, match=rf"expected plain values for {column} \(got nested ones in {column}\)"):
        parquet(tmp_path, **{column: array}).open()


def test_a_repeated_column_in_a_parquet_file_is_refused(tmp_path):
    names = [*TABLES["events"].columns, "result"]
    with pytest.raises(DataError, match=r"events\.parquet: expected each column once .got result several times"):
        parquet(tmp_path, names=names, other=pa.array(["x"])).open()


@pytest.mark.parametrize(
    "array",
    [pa.array([20240101] * 3, pa.int64()), pa.array([45292.0] * 3, pa.float64()), pa.array([True] * 3),
     pa.array([dt.time(1)] * 3, pa.time32("s"))],
    ids=["int64", "float", "bool", "time"],
)  # fmt: skip
def test_invalid_days_in_a_date_column_are_quarantined(tmp_path, array):
    assert refused(parquet(tmp_path, 3, event_date=array).open()) == [
        ("events", "BAD_DATE:event_date", n + 1, f"E{n}") for n in range(3)
    ]


@pytest.mark.parametrize(
    ("kind", "far"),
    [(pa.timestamp("s"), 10**11), (pa.timestamp("us"), 2**62), (pa.timestamp("us", "UTC"), -(2**62)),
     (pa.timestamp("ns"), -(2**62)), (pa.date64(), 86_400_000 * 10**9)],
    ids=str,
)  # fmt: skip
def test_timestamps_of_any_unit_are_days_and_implausible_ones_refused(tmp_path, kind, far):
    near = pa.array([dt.datetime(2024, 1, 1, 3)], pa.timestamp("us")).cast(kind, safe=False).cast(pa.int64())
    array = pa.array([near[0].as_py(), far], pa.int64()).view(kind)
    records = parquet(tmp_path, 2, event_date=array, known_date=pa.array([dt.date(2199, 1, 1)] * 2)).open()
    assert [row["event_date"] for row in rows(records)] == [D]
    assert refused(records) == [("events", "OUT_OF_RANGE:event_date", 2, "E1")]


# --- numbers ------------------------------------------------------------------------------------------------


def amounts(records):
    return [row["amount"] and str(row["amount"]) for row in rows(records)]


@pytest.mark.parametrize(
    "array",
    [pa.array([1e16, 1e17, 1e308, 1.5], pa.float64()), pa.array([1e16, 1e17, 3e38, 1.5], pa.float32()),
     pa.array(["1e16", "100000000000000000", "9999999999999999.999", "1.5"])],
    ids=["float64", "float32", "text"],
)  # fmt: skip
def test_an_amount_beyond_the_money_type_is_refused_not_emptied(tmp_path, array):
    records = parquet(tmp_path, 4, amount=array).open()
    assert amounts(records) == [None, None, None, "1.50"]
    assert refused(records, "field") == [("events", "OUT_OF_RANGE:amount", n, f"E{n - 1}") for n in (1, 2, 3)]


def test_the_largest_amounts_pass_into_keys_without_overflow(tmp_path):
    records = parquet(tmp_path, 3, amount=pa.array(["9999999999999998.99", "100000000000000", "0.07"])).open()
    cents = records.engine.query(records.table("event_keys").select("event_id", "cents").order_by("event_id"))
    assert cents["cents"].to_pylist() == [999_999_999_999_999_899, 10_000_000_000_000_000, 7]


def test_halves_round_alike_from_texts_and_floats_and_are_counted(tmp_path):
    texts, floats = (
        parquet(tmp_path / name, 3, amount=array).open()
        for name, array in (("t", pa.array(["0.125", "2.5", "0.3"])), ("f", pa.array([0.125, 2.5, 0.1 + 0.2])))
    )
    assert amounts(texts) == amounts(floats) == ["0.13", "2.50", "0.30"]
    assert put_right(texts) == put_right(floats) == {"amount: rounded to hundredths": 1}


@pytest.mark.parametrize("array", [pa.array([0, 1, 2]), pa.array([0.0, 1.0, 0.5])], ids=["int", "float"])
def test_only_zero_and_one_are_truth_values(tmp_path, array):
    records = parquet(tmp_path, 3, verified=array).open()
    assert [row["verified"] for row in rows(records)] == [False, True, None]
    assert refused(records, "field") == [("events", "BAD_VALUE:verified", 3, "E2")]


def test_truth_values_are_not_numbers(tmp_path):
    records = parquet(tmp_path, severity=pa.array([True]), amount=pa.array([True])).open()
    assert [entry[1] for entry in refused(records, "field")] == ["BAD_VALUE:amount", "BAD_VALUE:severity"]


# --- spreadsheets -------------------------------------------------------------------------------------------


def test_a_long_number_in_a_text_cell_lost_digits_and_is_refused(tmp_path):
    lines = [cells(20240101000000017), cells(20240101000000018), cells(123456), cells("E4", document_no=1234567890123456)]
    records = workbook(tmp_path, HEADER, *lines).open()
    assert [row["event_id"] for row in rows(records)] == ["123456"]
    assert [entry[1:3] for entry in refused(records)] == [
        ("NUMBER_FOR_TEXT:document_no", 5), ("NUMBER_FOR_TEXT:event_id", 2), ("NUMBER_FOR_TEXT:event_id", 3),
    ]  # fmt: skip


def test_headers_of_a_workbook_lose_blanks_and_line_ends(tmp_path):
    header = [f" {name}\n" for name in HEADER]
    assert [row["event_id"] for row in rows(workbook(tmp_path, header, cells("E1")).open())] == ["E1"]


def test_a_repeated_workbook_header_is_refused_unquoted(tmp_path):
    message = r"^events\.xlsx: expected each column once .got the same name in Sheet!I1, Sheet!J1.$"
    for folder, again in (("same", "张三"), ("blank", "张三 ")):
        with pytest.raises(DataError, match=message):
            workbook(tmp_path / folder, [*HEADER, "张三", again], cells("E1")).open()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04broken"])
def test_a_broken_workbook_is_refused_by_name_without_its_path(tmp_path, content):
    delivery = workbook(tmp_path, HEADER)
    delivery.file("events.xlsx", content)
    with pytest.raises(DataError, match=r"^events\.xlsx: expected an \.xlsx workbook"):
        delivery.open()


# --- rules that contradict themselves -----------------------------------------------------------------------

NUMBER = {"to": "severity", "column": "amount"}


@pytest.mark.parametrize(
    "rule",
    [{**NUMBER, "rule": "map", "values": {"1": 1, "2": "two"}}, {**NUMBER, "rule": "map", "values": {"1": 1}, "otherwise": "x"},
     {**NUMBER, "rule": "compare", "op": ">", "value": 1, "then": 3, "otherwise": "x"},
     {"to": "severity", "rule": "cases", "case": [{"column": "amount", "op": ">", "value": 1, "then": 3}], "otherwise": True}],
    ids=["map", "otherwise", "compare", "cases"],
)  # fmt: skip
def test_a_rule_that_gives_values_of_two_types_is_refused(tmp_path, rule):
    with pytest.raises(ConfigError, match="values of one kind"):
        write_project(tmp_path, sources=csv_sources(events={"column": [rule]}))


def test_two_rules_for_a_column_or_a_column_used_twice_are_refused(tmp_path):
    twice = [{"to": "amount", "column": "result"}, {"to": "amount", "column": "document_no"}]
    with pytest.raises(ConfigError, match=r"one rule for each column .* several give amount"):
        write_project(tmp_path, sources=csv_sources(events={"column": twice}))
    join = {"file": "x.csv", "format": "csv", "on": {"subject_id": "code"}, "take": ["a", "a"]}
    with pytest.raises(ConfigError, match="take: each column once"):
        write_project(tmp_path, sources=csv_sources(events={"join": [join]}))


@pytest.mark.parametrize("column", ["document_no", "event_date", "amount"])
def test_a_split_without_its_part_is_refused_for_a_plain_column(tmp_path, column):
    rule = {"to": column, "rule": "split", "column": "result", "separator": ";"}
    delivery = Delivery(tmp_path, sources=csv_sources(events={"column": [rule]}))
    delivery.events(event_line("E1", result="a;b"))
    with pytest.raises(DataError, match=rf"expected one value for {column} .got a list from split: declare its part"):
        delivery.open()


def test_where_selects_truth_values_in_parquet_as_in_text(tmp_path):
    where = {"column": "flag", "values": [True]}
    delivery = parquet(tmp_path, 2, flag=pa.array([True, False]))
    delivery.project = write_project(
        tmp_path / "asking", sources=csv_sources(events={"file": "events.parquet", "format": "parquet", "where": where})
    )
    assert [row["event_id"] for row in rows(delivery.open())] == ["E0"]
    sources = csv_sources(events={"where": {"column": "result", "values": [True]}})
    of_text = Delivery(tmp_path / "text", sources=sources)
    of_text.events(event_line("E1", result="true"), event_line("E2", result="True"), event_line("E3", result="1"))
    assert [row["event_id"] for row in rows(of_text.open())] == ["E1", "E2"]


def test_a_source_whose_rows_are_all_filtered_out_is_a_warning(tmp_path):
    delivery = Delivery(tmp_path, sources=csv_sources(events={"where": {"column": "result", "values": ["是"]}}))
    delivery.events(event_line("E1", result="yes"))
    told = findings(delivery.open(), "source")
    assert told[told["rule"] == "rows that where does not ask for"]["level"].tolist() == ["warning"]


# --- tables that contradict themselves ----------------------------------------------------------------------


def test_more_drawn_than_the_stratum_holds_is_quarantined(tmp_path):
    frames = {"name": "frames", "table": "frames", "file": "frames.csv", "format": "csv"}
    delivery = Delivery(tmp_path, sources=csv_sources(others=[frames]))
    delivery.file("frames.csv", "task,stratum,population,drawn\nT,a,10,11\nT,b,10,10\nT,c,0,0\n")
    assert refused(delivery.open()) == [("frames", "OUT_OF_RANGE:drawn", 2, "T|a")]


def test_a_change_before_its_record_is_quarantined_without_effect(tmp_path):
    changes = {"name": "changes", "table": "changes", "file": "changes.csv", "format": "csv"}
    delivery = Delivery(tmp_path, sources=csv_sources(others=[changes]))
    delivery.events(event_line("E1"), event_line("E2"))
    lines = ["E1,repaired,2023-12-31,2024-02-01", "E2,repaired,2024-01-01,2024-02-01", "E9,repaired,2024-01-01,2024-02-01",
             "E1,repaired,2024-02-01,2010-02-01"]  # fmt: skip
    delivery.file("changes.csv", text("event_id,change,effective_date,known_date", lines))
    records = delivery.open()
    assert [entry[1:3] for entry in refused(records)] == [
        ("DATE_ORDER:effective_date", 2), ("DATE_ORDER:known_date", 5), ("UNKNOWN_EVENT", 4),
    ]  # fmt: skip
    assert records.listed(["penalty"], dt.date(2024, 4, 30))["event_id"].to_pylist() == ["E1"]
    assert set(findings(records, "refused")["table"]) == {"changes"}
