import pyarrow as pa
import pytest
from pydantic import ValidationError
from support.deliveries import Delivery, csv_sources, event_line, findings, rows

from creditscore.config.sources import SourceSpec
from creditscore.errors import DataError
from creditscore.records.reading.sources import Joins
from creditscore.storage import write_parquet

OWN = pa.table({"number": [3, 1, 2, 1, None], "day": ["a", "a", "a", "b", "a"]})
JOIN = {"file": "who.parquet", "on": {"number": "firm", "day": "date"}, "take": ["team"]}


@pytest.fixture
def folder(tmp_path):
    who = {
        "firm": [1, 1, 2, 2, 9, None],
        "date": ["a", "a", "a", "a", "a", "a"],
        "team": ["x", "x", "x", "y", "z", "n"],
        "why": list("ppppqp"),
    }
    write_parquet(tmp_path / "who.parquet", pa.table(who))
    return tmp_path


def joined(folder, own=OWN, **join):
    source = {"name": "visits", "table": "inspections", "file": "visits.parquet", "join": [{**JOIN, **join}]}
    return Joins(SourceSpec.model_validate(source), folder, tuple(own.column_names)).extend(own)


def test_a_join_keeps_row_order_and_number_and_fills_unique_keys_only(folder):
    table = joined(folder)
    assert table.select(["number", "day"]).equals(OWN)
    # 3 is not there; 1 on b is not there; 2 has two different teams; a missing key meets nothing.
    assert table["team"].to_pylist() == [None, "x", None, None, None]


def test_rows_of_the_joined_file_can_be_chosen_first(folder):
    assert joined(folder, where={"column": "why", "values": ["q"]})["team"].to_pylist() == [None] * 5


def test_keys_are_compared_in_the_type_of_the_source(folder):
    own = OWN.set_column(0, "number", OWN["number"].cast(pa.string()))
    assert joined(folder, own)["team"].to_pylist() == [None, "x", None, None, None]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"on": {"nummer": "firm"}}, "visits.parquet: expected column nummer"),
        ({"take": ["people"]}, "who.parquet: expected column people"),
        ({"on": {"number": "team"}}, "who.parquet: team: expected keys that can be read as int64"),
        ({"file": "absent.parquet"}, "absent.parquet: expected the file"),
    ],
)
def test_a_join_that_cannot_be_made_says_what_is_missing_where(folder, change, message):
    with pytest.raises(DataError, match=message):
        joined(folder, **change)


def test_a_column_that_both_files_have_is_refused(folder):
    with pytest.raises(DataError, match="both have team"):
        joined(folder, OWN.append_column("team", pa.array(["x"] * 5)))


def test_a_joined_file_outside_the_data_folder_is_refused():
    with pytest.raises(ValidationError, match="relative path below the data folder"):
        SourceSpec.model_validate({"name": "v", "table": "events", "file": "v", "join": [{**JOIN, "file": "../who.parquet"}]})


def test_a_change_of_a_joined_file_is_a_change_of_the_input():
    source = SourceSpec.model_validate({"name": "v", "table": "events", "file": "v.parquet", "join": [JOIN]})
    assert source.files == ("v.parquet", "who.parquet")


def test_a_joined_text_file_is_needed_whole_and_may_have_texts_over_lines(tmp_path):
    join = {"file": "more.csv", "format": "csv", "on": {"event_id": "id"}, "take": ["fact"]}
    rule = {"to": "result", "column": "fact"}
    for lines, told in ((None, r"more\.csv: expected 2 fields .*line 2: a quote that is not closed"), ({"fact": 2}, None)):
        source = {"column": [rule], "join": [join if lines is None else {**join, "lines": lines}]}
        delivery = Delivery(tmp_path / str(lines is None), sources=csv_sources(events=source))
        delivery.events(event_line("E1"))
        delivery.file("more.csv", 'id,fact\nE1,"a\nb"\n')
        if told:
            with pytest.raises(DataError, match=told):
                delivery.open()
        else:
            assert [row["result"] for row in rows(delivery.open())] == ["ab"]


def test_a_key_of_a_joined_file_is_read_by_the_grammar_of_its_type(folder):
    """Arrow by itself would take 0x1 for 1."""
    file = {"file": "who.csv", "format": "csv"}
    (folder / "who.csv").write_text("firm,date,team\n0x1,a,x\n", "utf-8")
    with pytest.raises(DataError, match="keys that can be read"):
        joined(folder, **file)
    (folder / "who.csv").write_text("firm,date,team\n1.0,a,x\n", "utf-8")
    assert joined(folder, **file)["team"].to_pylist() == [None, "x", None, None, None]


@pytest.mark.parametrize(("others", "told"), [((), [("kind_of: values", 2), ("kind_of: empty", 1)]), (("old", "Owner", ""), [])])
def test_rows_that_a_join_leaves_out_are_told_unless_they_are_meant_to_be(tmp_path, others, told):
    join = {"file": "more.csv", "format": "csv", "on": {"event_id": "id"}, "take": ["fact"]}
    where = {"column": "kind_of", "values": ["new"], "others": list(others)}
    rule = {"to": "document_no", "column": "fact"}
    delivery = Delivery(tmp_path, sources=csv_sources(events={"column": [rule], "join": [{**join, "where": where}]}))
    delivery.events(event_line("E1"))
    delivery.file("more.csv", "id,fact,kind_of\nE1,one,new\nE1,two,old\nE2,three,Owner\nE3,four,\n")
    records = delivery.open()
    found = findings(records, "unmapped")
    assert [
        (one.rule.startswith(f"more.csv: {begin}"), one.rows) for one, (begin, _n) in zip(found.itertuples(), told, strict=True)
    ] == [(True, rows) for _begin, rows in told]
    assert rows(records)[0]["document_no"] == "one"
