import pyarrow as pa
import pytest
from pydantic import ValidationError

from creditscore.config.sources import SourceSpec
from creditscore.errors import DataError
from creditscore.records.columns.rules import apply_rules
from creditscore.records.tables import TABLES

VISIT = [
    {"to": "subject_id", "column": "id"},
    {"to": "inspection_id", "rule": "combine", "columns": ["id", "day"]},
    {"to": "event_date", "column": "day"},
    {"to": "known_date", "column": "day"},
    {"to": "trigger", "rule": "constant", "value": "special"},
]
GRADED = {
    "to": "severity",
    "rule": "cases",
    "case": [{"column": "worst", "op": ">", "value": 0, "then": 8}, {"column": "bad", "op": ">=", "value": 2, "then": 5}],
}
FOUND = {**GRADED, "to": "outcome", "case": [{**case, "then": "violation"} for case in GRADED["case"]], "otherwise": "none"}

DONE = {"to": "outcome", "rule": "constant", "value": "none"}


def ruled(raw, *rules):
    source = SourceSpec.model_validate({"name": "visits", "table": "inspections", "file": "v.parquet", "column": [*VISIT, *rules]})
    return apply_rules(raw, source, TABLES["inspections"])[0]


def raw(**columns):
    return pa.table({"id": [1, 2, 3, 4], "day": ["2014-01-01", "2014-01-02", "2014-01-03", None], **columns})


def test_combined_columns_are_missing_when_a_part_is_missing():
    table = ruled(raw(worst=[0, 0, 0, 0], bad=[0, 0, 0, 0]), GRADED, FOUND)
    assert table["inspection_id"].to_pylist() == ["1-2014-01-01", "2-2014-01-02", "3-2014-01-03", None]


@pytest.mark.parametrize("kind", [pa.int8(), pa.string()])
def test_the_first_true_case_decides_and_missing_is_never_true(kind):
    worst, bad = (pa.array(values, pa.int8()).cast(kind) for values in ([1, 0, None, 0], [9, 2, 2, 1]))
    table = ruled(raw(worst=worst, bad=bad), GRADED, FOUND)
    assert table["severity"].to_pylist() == [8, 5, 5, None]
    assert table["outcome"].to_pylist() == ["violation", "violation", "violation", "none"]


def test_a_column_that_a_case_reads_must_be_there():
    with pytest.raises(DataError, match=r"v\.parquet: expected column bad, worst"):
        ruled(raw(), GRADED, FOUND)


def test_a_combination_of_one_column_is_refused():
    with pytest.raises(ValidationError, match="at least 2"):
        SourceSpec.model_validate(
            {"name": "v", "table": "events", "file": "v", "column": [{"to": "event_id", "rule": "combine", "columns": ["id"]}]}
        )


def test_a_cell_that_the_reader_refused_is_a_fault_of_every_column_made_of_it():
    source = SourceSpec.model_validate(
        {"name": "visits", "table": "inspections", "file": "v.xlsx", "column": [*VISIT, GRADED, FOUND]}
    )
    codes = pa.array([None, "ERROR_CELL", None, None])
    table, faults = apply_rules(raw(worst=[1, None, 0, 0], bad=[9, 9, 0, 0]), source, TABLES["inspections"], cells={"worst": codes})
    # The case of the other column does not stand in for it.
    assert table["severity"].to_pylist() == [8, None, None, None]
    assert table["outcome"].to_pylist() == ["violation", None, "none", "none"]
    assert faults.codes().to_pylist()[1] == "ERROR_CELL:outcome"
    assert faults.fields().to_pylist()[1] == "ERROR_CELL:severity"


def test_blanks_around_a_word_make_no_other_word():
    words = {"to": "mode", "rule": "map", "column": "form", "values": {"现场": "on_site"}}
    table = ruled(raw(form=["现场", "现场 ", "\u3000现场", "现 场"]), words, DONE)
    assert table["mode"].to_pylist() == ["on_site", "on_site", "on_site", None]


def test_a_separator_of_full_width_parts_two_people_too():
    people = {"to": "inspectors", "rule": "split", "column": "who", "separator": ";"}
    table = ruled(raw(who=["P1;P2", "P1；P2", "P1", None]), people, DONE)
    assert table["inspectors"].to_pylist() == [["P1", "P2"], ["P1", "P2"], ["P1"], None]
