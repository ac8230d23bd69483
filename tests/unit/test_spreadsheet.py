import datetime as dt
import json
import subprocess
import sys
import tempfile

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.payloads import PAYLOADS, live_parts

from creditscore.config.spec import Label
from creditscore.errors import DataError
from creditscore.spreadsheet import Column, Sheet, read_sheet, read_table, write_book
from creditscore.spreadsheet.cells import column_letters, column_number
from creditscore.spreadsheet.package import Style, style_of
from creditscore.spreadsheet.sheets import MAX_TEXT, NOTE_MARK, TRUNCATED, Cleaner, sheet_name

DAY = dt.date(2024, 4, 30)


def label(zh, en=None):
    return Label(zh=zh, en=en or zh)


ID = Column("id", label("代码", "Id"))
COUNT = Column("count", label("户数", "Subjects"), "integer")
RATIO = Column("ratio", label("比例", "Ratio"), "percent", editable=True)
DATE = Column("date", label("日期", "Date"), "date")
RESULT = Column("result", label("结果", "Result"), choices=("无", "有"), editable=True)


def write(path, columns, rows, name="名单", note=None, **options):
    sheet = Sheet(label(name, options.pop("en", name)), columns, rows, note=note)
    return write_book(path, [sheet], title="t", created=DAY, **options)


def test_no_payload_becomes_a_formula_or_a_link(tmp_path):
    assert len(PAYLOADS) >= 19
    kinds = (ID, COUNT, RATIO, DATE, RESULT)
    write(tmp_path / "b.xlsx", kinds, [(text,) * len(kinds) for text in PAYLOADS], name="=1+1", note=label("=1+1"))
    page = openpyxl.load_workbook(tmp_path / "b.xlsx").worksheets[0]
    cells = [cell for row in page.iter_rows(min_row=2) for cell in row]
    assert [cell.value for cell in cells[:: len(kinds)]] == [text.replace("\r", "_x000D_") for text in PAYLOADS]
    assert {cell.data_type for cell in cells} == {"s"}
    assert not [cell for cell in cells if cell.hyperlink]
    assert live_parts(tmp_path / "b.xlsx") == []


def test_the_formula_check_detects_a_formula(tmp_path):
    book = openpyxl.Workbook()
    book.active["A1"], book.active["A2"] = "=1+1", "x"
    book.save(tmp_path / "formula.xlsx")
    assert live_parts(tmp_path / "formula.xlsx") == ["xl/worksheets/sheet1.xml"]
    book.active["A1"] = "x"
    book.active["A2"].hyperlink = "https://evil.example"
    book.save(tmp_path / "link.xlsx")
    assert len(live_parts(tmp_path / "link.xlsx")) == 2


def test_texts_come_back_as_they_went_in(tmp_path):
    texts = ["=1+1", "001234", "911101080828461234", "1E5", "NA", "_x0041_", "䶮㙍𬭼", "a\nb", "a\r\nb", " x ", "'q"]
    write(tmp_path / "b.xlsx", (ID,), [(text,) for text in texts])
    assert [row["代码"].value for row in read_sheet(tmp_path / "b.xlsx", "名单")] == texts


def test_ids_percents_and_dates_have_real_types(tmp_path):
    write(tmp_path / "b.xlsx", (ID, COUNT, RATIO, DATE), [("911101080828461234", 12, 0.03, DAY)])
    row = openpyxl.load_workbook(tmp_path / "b.xlsx").worksheets[0][2]
    assert [cell.number_format for cell in row] == ["@", "#,##0", "0.00%", "yyyy-mm-dd"]
    assert [cell.value for cell in row] == ["911101080828461234", 12, 0.03, dt.datetime(2024, 4, 30)]


@pytest.mark.parametrize("nothing", [None, float("nan"), np.nan, pd.NA, pd.NaT, "", float("inf"), np.float64("-inf")])
def test_missing_values_are_blank(tmp_path, nothing):
    write(tmp_path / "b.xlsx", (ID, COUNT), [("x", nothing)])
    assert openpyxl.load_workbook(tmp_path / "b.xlsx").worksheets[0]["B2"].value is None


def test_surrogates_and_control_characters_are_replaced_with_a_count(tmp_path):
    report = write(tmp_path / "b.xlsx", (ID,), [("a\ud800b",), ("c\x01\ufffed",), ("fine",)])
    assert report.replaced == 3
    assert [row["代码"].value for row in read_sheet(tmp_path / "b.xlsx", "名单")] == ["a\ufffdb", "c\ufffd\ufffdd", "fine"]


@pytest.mark.parametrize("text", ["x" * 40_000, "𬭼" * 20_000])
def test_texts_too_long_for_excel_end_in_a_mark(tmp_path, text):
    report = write(tmp_path / "b.xlsx", (ID,), [(text,), ("y" * MAX_TEXT,)])
    first, second = (row["代码"].value for row in read_sheet(tmp_path / "b.xlsx", "名单"))
    assert report.truncated == 1
    assert first.endswith(TRUNCATED)
    assert len(first.encode("utf-16-le")) // 2 in (MAX_TEXT, MAX_TEXT - 1)
    assert second == "y" * MAX_TEXT


def test_integers_beyond_15_digits_stay_whole():
    assert Cleaner().value(10**17 + 1, "integer") == "100000000000000001"
    assert Cleaner().value(np.int64(5), "integer") == 5


@pytest.mark.parametrize(("rows", "parts"), [(7, [3, 3, 1]), (6, [3, 3]), (1, [1]), (0, [0])])
def test_a_full_sheet_continues_in_the_next(tmp_path, rows, parts):
    report = write(tmp_path / "b.xlsx", (ID, COUNT), ((f"S{at}", at) for at in range(rows)), max_rows=3)
    assert list(report.rows.values()) == parts
    assert list(report.rows)[:2] == ["名单", "名单 (2)"][: len(parts)]
    found = read_sheet(tmp_path / "b.xlsx", "名单")
    assert [row["户数"].value for row in found] == list(range(rows))
    assert [row["代码"].address for row in found[3:4]] == ["名单 (2)!A2"] * (rows > 3)


def test_the_same_content_gives_the_same_bytes(tmp_path):
    for name in ("a.xlsx", "b.xlsx"):
        write(tmp_path / name, (ID, COUNT, RATIO, DATE, RESULT), [("x", 1, 0.5, DAY, None)] * 50, lang="both")
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


def test_headers_are_frozen_and_filtered_and_choices_drop_down(tmp_path):
    write(tmp_path / "b.xlsx", (ID, RATIO, RESULT), [("x", 0.1, None), ("y", 0.2, "有")])
    page = openpyxl.load_workbook(tmp_path / "b.xlsx").worksheets[0]
    assert (page.freeze_panes, page.auto_filter.ref) == ("A2", "A1:C3")
    rules = {rule.type: (str(rule.sqref), rule.formula1) for rule in page.data_validations.dataValidation}
    assert rules == {"list": ("C2:C3", '"无,有"'), "decimal": ("B2:B3", "0")}


def test_cells_to_be_filled_in_accept_what_their_kind_says(tmp_path):
    day, number = Column("d", label("日期"), "date", editable=True), Column("n", label("严重程度"), "integer", editable=True)
    write(tmp_path / "b.xlsx", (ID, day, number, COUNT, DATE), [("x", None, None, 1, DAY)])
    rules = openpyxl.load_workbook(tmp_path / "b.xlsx").worksheets[0].data_validations.dataValidation
    assert [(rule.type, str(rule.sqref), rule.operator, rule.formula1) for rule in rules] == [
        ("date", "B2", "greaterThanOrEqual", "1"),
        ("whole", "C2", "greaterThanOrEqual", "0"),
    ]


def test_choices_that_excel_would_drop_are_refused(tmp_path):
    column = Column("c", label("c"), choices=tuple(f"choice number {at}" for at in range(30)))
    with pytest.raises(DataError, match="column c: choices need at most 255"):
        write(tmp_path / "b.xlsx", (column,), [("x",)])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "fits"),
    [("a[b]:c*d?e/f\\g", "a b  c d e f g"), ("x" * 40, "x" * 31), ("''", "Sheet"), ("y" * 40 + " (12)", "y" * 26 + " (12)")],
)
def test_sheet_names_fit_excel(name, fits):
    assert sheet_name(name, taken={}) == fits


def test_sheets_of_one_name_get_different_names(tmp_path):
    sheets = [Sheet(label("名单"), (ID,), [("x",)]) for _ in range(3)]
    report = write_book(tmp_path / "b.xlsx", sheets, title="t", created=DAY)
    assert list(report.rows) == ["名单", "名单 ~2", "名单 ~3"]


def test_a_failure_leaves_the_old_file_and_no_temporary_one(tmp_path):
    write(tmp_path / "b.xlsx", (ID,), [("old",)])
    before = (tmp_path / "b.xlsx").read_bytes()

    def rows():
        yield ("new",)
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        write(tmp_path / "b.xlsx", (ID,), rows())
    assert [path.name for path in tmp_path.iterdir()] == ["b.xlsx"]
    assert (tmp_path / "b.xlsx").read_bytes() == before


def test_a_workbook_leaves_nothing_in_the_temporary_folder(tmp_path, monkeypatch):
    """It holds names of subjects, and may be smaller than a large sheet."""
    elsewhere = tmp_path / "system"
    elsewhere.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    there = []

    def rows():
        for at in range(300):
            there.append([path.name for path in elsewhere.iterdir()])
            yield (f"S{at}",)

    write(tmp_path / "b.xlsx", (ID,), rows())
    assert there == [[]] * 300
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.xlsx", "system"]


def test_rows_are_read_back_by_key_in_any_language(tmp_path):
    for lang in ("zh", "en", "both"):
        write(tmp_path / f"{lang}.xlsx", (ID, RATIO), [("x", 0.5), (None, None), ("y", 1.2)], lang=lang, en="List")
        rows = read_sheet(tmp_path / f"{lang}.xlsx", label("名单", "List"), columns=(RATIO, ID))
        assert [row["ratio"].value for row in rows] == [0.5, 1.2]
        assert rows[1]["ratio"].address.endswith("!B4")


def test_an_empty_sheet_says_why_and_reads_as_empty(tmp_path):
    write(tmp_path / "b.xlsx", (ID, COUNT), [], note=label("未抽取", "not drawn"))
    assert openpyxl.load_workbook(tmp_path / "b.xlsx").worksheets[0]["A2"].value == NOTE_MARK + "未抽取"
    assert read_sheet(tmp_path / "b.xlsx", "名单") == []


def test_unreadable_cells_are_named(tmp_path):
    write(tmp_path / "b.xlsx", (ID,), [("x",)])
    (tmp_path / "no.xlsx").write_bytes(b"PK not a workbook")
    with pytest.raises(DataError, match=r"expected a sheet '方案'.*got 名单"):
        read_sheet(tmp_path / "b.xlsx", "方案")
    with pytest.raises(DataError, match="名单: expected a column '比例'"):
        read_sheet(tmp_path / "b.xlsx", "名单", columns=(RATIO,))
    with pytest.raises(DataError, match=r"no.xlsx: expected an .xlsx workbook"):
        read_sheet(tmp_path / "no.xlsx", "名单")
    with pytest.raises(DataError, match="expected a workbook"):
        read_sheet(tmp_path / "absent.xlsx", "名单")


def changed(path, change):
    """The workbook as a person saves it after a change."""
    book = openpyxl.load_workbook(path)
    change(book.active)
    book.save(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda page: page.__setitem__("B2", "#N/A"), "名单!B2: an error of the spreadsheet"),
        (lambda page: page.__setitem__("B3", "=B2*2"), "名单!B3: a formula whose value is not stored"),
        (lambda page: page.merge_cells("B2:B3"), "名单!B2: merged cells.*; 名单!B3: merged cells"),
        (lambda page: page.merge_cells("A1:B1"), r"名单!A1:B1: merged cells in the header \(row 1\)"),
    ],
    ids=["error", "formula", "merged", "merged header"],
)
def test_cells_without_a_value_are_refused_by_name(tmp_path, change, message):
    write(tmp_path / "b.xlsx", (ID, COUNT), [("x", 1), ("y", 2)])
    changed(tmp_path / "b.xlsx", change)
    with pytest.raises(DataError, match=message):
        read_sheet(tmp_path / "b.xlsx", "名单", columns=(COUNT,))


def test_cells_that_nobody_reads_may_hold_anything(tmp_path):
    write(tmp_path / "b.xlsx", (ID, COUNT), [("x", 1), ("y", 2)])
    changed(tmp_path / "b.xlsx", lambda page: page.append(["=1+1", 3]) or page.__setitem__("A2", "#REF!"))
    assert [row["count"].value for row in read_sheet(tmp_path / "b.xlsx", "名单", columns=(COUNT,))] == [1, 2, 3]


def test_rows_that_a_planner_hides_or_filters_out_are_read_back(tmp_path):
    write(tmp_path / "b.xlsx", (ID, COUNT), [(f"S{n}", n) for n in range(5)])

    def hide(page):
        page.auto_filter.add_filter_column(0, ["S1"])
        page.column_dimensions["B"].hidden = True
        for row in (2, 4, 5):
            page.row_dimensions[row].hidden = True

    changed(tmp_path / "b.xlsx", hide)
    assert [row["户数"].value for row in read_sheet(tmp_path / "b.xlsx", "名单")] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("number", "code", "style"),
    [
        (0, None, Style()), (14, None, Style("date")), (31, None, Style("date")), (58, None, Style("date")), (20, None, Style("time")),
        (32, None, Style("time")), (46, None, Style("duration")), (164, "yyyy-mm-dd", Style("date")), (164, "h:mm AM/PM", Style("time")),
        (164, '[$-804]yyyy"年"m"月"d"日";@', Style("date")), (164, "[h]:mm:ss", Style("duration")), (164, "mmm-yy", Style("date")),
        (164, '#,##0.00 "days"', Style()), (164, "[Red]0.00;[Blue]-0.00", Style()), (164, "General", Style()), (164, "000000", Style(digits=6)),
        (164, "0", Style()), (164, r"0\d", Style()), (164, "@", Style()), (164, "m/d", Style("date")), (164, "[$-F800]dddd", Style("date")),
    ],
)  # fmt: skip
def test_formats_say_what_a_number_is(number, code, style):
    assert style_of(number, code) == style


@given(st.integers(0, 16_383))
def test_columns_have_the_letters_of_their_numbers(column):
    assert column_number(column_letters(column)) == column
    assert column_letters(column) == openpyxl.utils.get_column_letter(column + 1)


def test_a_repeated_header_is_refused(tmp_path):
    write(tmp_path / "b.xlsx", (ID, ID), [("x", "y")])
    with pytest.raises(DataError, match="appears twice"):
        read_table(tmp_path / "b.xlsx")


def test_a_table_comes_back_as_a_frame(tmp_path):
    write(tmp_path / "b.xlsx", (ID, COUNT, DATE), [("007", 3, DAY), ("008", None, None)])
    frame = read_table(tmp_path / "b.xlsx", sheet="名单")
    assert list(frame.columns) == ["代码", "户数", "日期"]
    assert frame["代码"].tolist() == ["007", "008"]
    assert frame["户数"].tolist()[0] == 3
    assert frame["日期"].tolist()[0] == DAY


@pytest.mark.parametrize("lang", ["zh", "en", "both"])
def test_headers_are_wide_enough_for_text_and_filter_button(tmp_path, lang):
    narrow = Column("n", label("计划检查的户数合计", "Total of visits planned"), "integer", width=10)
    write(tmp_path / "b.xlsx", (ID, narrow, COUNT), [("x", 1, 2)], lang=lang)
    page = openpyxl.load_workbook(tmp_path / "b.xlsx").worksheets[0]
    lines = {"zh": 3, "en": 4, "both": 7}[lang]  # 18 and 23 characters, 7 of the column's 10 beside the button
    assert page.row_dimensions[1].height == pytest.approx(4 + 14 * lines, abs=0.75)
    assert [(cell.alignment.horizontal, int(cell.alignment.indent)) for cell in page[1]] == [
        ("left", 1),
        ("right", 2),
        ("right", 2),
    ]


def test_long_texts_widen_a_column_to_twice_at_most_then_wrap(tmp_path):
    columns = (ID, Column("why", label("理由", "Reason"), width=20), Column("note", label("注", "Note"), width=20))
    write(tmp_path / "b.xlsx", columns, [("x", "很长的理由" * 6, "short"), ("y", "short", "short"), ("z", None, "a\nb\nc")])
    page = openpyxl.load_workbook(tmp_path / "b.xlsx").worksheets[0]
    assert [cell.alignment.wrap_text for cell in page[2]] == [None, True, None]
    assert page.row_dimensions[2].height == pytest.approx(2 + 14 * 2, abs=0.75)
    assert page.row_dimensions[3].height is None
    assert [round(page.column_dimensions[letter].width) for letter in "BC"] == [41, 21]
    write(tmp_path / "c.xlsx", columns, [("x", "稍长的理由而已啊", "short")])
    page = openpyxl.load_workbook(tmp_path / "c.xlsx").worksheets[0]
    assert (page["B2"].alignment.wrap_text, round(page.column_dimensions["B"].width)) == (None, 21)


@pytest.mark.parametrize(("width", "held"), [(34, "D2"), (70, "C2"), (None, "C2")])
def test_subject_and_name_columns_are_frozen_where_there_is_room(tmp_path, width, held):
    subject = Column("subject_id", label("代码", "Id"), width=21)
    name = [Column("name", label("名称", "Name"), width=width)] if width else []
    columns = (Column("task", label("任务", "Task"), width=16), subject, *name, COUNT)
    write(tmp_path / "b.xlsx", columns, [("t", "x", *["n"] * len(name), 1)])
    assert openpyxl.load_workbook(tmp_path / "b.xlsx").worksheets[0].freeze_panes == held


TWO_MILLION = """
import datetime as dt, json, resource, sys
import openpyxl
from creditscore.config.spec import Label
from creditscore.spreadsheet import Column, Sheet, write_book
rows, path = int(sys.argv[1]), sys.argv[2]
kinds = (("id", "text"), ("name", "text"), ("share", "percent"))
columns = tuple(Column(key, Label(zh=key, en=key), kind) for key, kind in kinds)
made = ((f"91431102MA{at:08d}", "永州市某某有限公司", 0.01) for at in range(rows))
report = write_book(path, [Sheet(Label(zh="名单", en="List"), columns, made)], title="t", created=dt.date(2024, 4, 30))
book, at = openpyxl.load_workbook(path, read_only=True), 0
for page in book:
    stream = page.iter_rows(values_only=True)
    assert next(stream) == ("id", "name", "share")
    for found in stream:
        assert found == (f"91431102MA{at:08d}", "永州市某某有限公司", 0.01), at
        at += 1
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(json.dumps({"sheets": report.rows, "read": at, "gib": peak}))
"""


@pytest.mark.slow
def test_two_million_rows_are_split_over_sheets_without_loss(tmp_path):
    rows = 2_000_000
    command = [sys.executable, "-c", TWO_MILLION, str(rows), str(tmp_path / "b.xlsx")]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert found["sheets"] == {"名单": 1_048_575, "名单 (2)": rows - 1_048_575}
    assert found["read"] == rows
    assert found["gib"] < 4
