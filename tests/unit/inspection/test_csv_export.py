"""CSV for planners, exact on reading back."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditscore.errors import DataError
from creditscore.inspection.csv_export import guard, read_csv, to_csv, unguard

TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=12)


@given(TEXT)
def test_formula_guards_are_undone_exactly(text):
    assert unguard(guard(text)) == text


@given(st.lists(st.tuples(TEXT, st.sampled_from(["=1+1", "+1", "-1", "@x", "\tx", "\rx", "＝1", "'", "''=1"])), max_size=6))
def test_any_text_is_read_back_as_it_was_written(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    path.write_bytes(to_csv(["a", "b"], rows))
    assert [tuple(cells) for _, cells in read_csv(path, ["a", "b"])] == rows


def test_the_file_opens_in_excel_as_utf8_with_windows_line_ends():
    content = to_csv(["名称"], [["永州"]])
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.endswith("永州\r\n".encode())


def test_a_text_that_no_spreadsheet_holds_is_refused_before_anything_is_written():
    assert to_csv(["name"], [["x" * 32_767]])
    with pytest.raises(DataError, match="32,767"):
        to_csv(["name"], [["x" * 32_768]])


def test_a_file_that_cannot_be_cut_into_cells_is_refused_by_its_line(tmp_path):
    path = tmp_path / "sample.csv"
    path.write_text("a,b\n1,2\n3," + "x" * (csv.field_size_limit() + 1) + "\n", "utf-8")
    with pytest.raises(DataError, match=r"sample\.csv line 3"):
        list(read_csv(path, ["a", "b"]))
