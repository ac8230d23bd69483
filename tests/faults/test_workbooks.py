"""Workbooks in: each line says what is wrong with one, and what becomes of it. Nothing is read as if nothing were."""

import csv
import datetime as dt
import re
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.styles import PatternFill
from support.deliveries import Delivery, csv_sources, findings, put_right, refused, rows
from support.workbooks import HEADER, SHEET, cut, patched, raw, rebuilt, row, typed, written, zipped

from creditscore.config.sources import Limits
from creditscore.errors import DataError
from creditscore.records.reading import excel_files

#: Seconds that any of these may take.
SECONDS = 30
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
PAGE = Path(__file__).parents[2] / "docs" / "workbooks_in.md"
D = dt.date(2024, 1, 1)
TWO = (row("E1"), row("E2"))


@dataclass(frozen=True)
class Case:
    """A workbook: how it is made, what is wrong, and what becomes of it: refused, or read with rejects."""

    name: str
    wrong: str
    make: object
    refused: str = ""
    rejects: tuple = ()
    values: tuple = ()
    read: tuple = ("E1", "E2")
    right: str = ""
    warned: str = ""
    source: dict = field(default_factory=dict)

    @property
    def becomes(self):
        if self.refused:
            return f"file refused: {self.refused}"
        told = [f"row {number} refused: {code} {column}".strip() for number, column, code in self.rejects]
        told += [f"row {number} without {column}: {code}" for number, column, code in self.values]
        told += [f"read, and counted: {self.right}"] if self.right else []
        told += [f"read, with a warning: {self.warned}"] if self.warned else []
        return "; ".join(told) or "read right"


def sheet(change):
    """openpyxl: two good rows, then a change of the sheet."""
    return typed(*TWO, edit=change)


PLAIN = typed(*TWO)


def cell(address, value, number_format=None):
    def change(page):
        page[address] = value
        if number_format:
            page[address].number_format = number_format

    return sheet(change)


def hidden_row(page):
    page.row_dimensions[3].hidden = True


def hidden_column(letter):
    def change(page):
        page.column_dimensions[letter].hidden = True

    return change


def other_sheet(name="说明", state="visible", filled=True, at=None):
    def change(page):
        other = page.parent.create_sheet(name, at)
        if filled:
            other.append(["填表说明"])
        other.sheet_state = state

    return change


def merge(*areas, then=None):
    def change(page):
        if then:
            then(page)
        for area in areas:
            page.merge_cells(area)

    return change


def filtered(book, page):
    page.autofilter("A1:H3")
    page.filter_column("A", "x == E1")
    page.set_row(2, None, None, {"hidden": True})


def formula(text, value, column=5):
    return lambda book, page: page.write_formula(1, column, text, None, value)


def in_xml(*changes):
    return patched(typed(row("E1", amount=5), row("E2")), SHEET, *changes)


def amount(xml):
    """The amount of E1 as XML."""
    return in_xml(('<c r="F2" t="n"><v>5</v></c>', xml))


def with_prefix(parts):
    """The sheet with a prefix before each element, as some programs write it."""
    plain = parts[SHEET].replace(b"xmlns=", b"xmlns:x=")
    parts[SHEET] = re.sub(rb"<(/?)([a-zA-Z])", rb"<\1x:\2", plain)


def strict(parts):
    for name in parts:
        parts[name] = (
            parts[name]
            .replace(b"http://schemas.openxmlformats.org/spreadsheetml/2006/main", b"http://purl.oclc.org/ooxml/spreadsheetml/main")
            .replace(
                b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
                b"http://purl.oclc.org/ooxml/officeDocument/relationships",
            )
        )


def utf16(parts):
    parts[SHEET] = ('<?xml version="1.0" encoding="UTF-16"?>' + parts[SHEET].decode()).encode("utf-16")


def without(part):
    def change(parts):
        del parts[part]

    return change


def bomb(parts):
    parts[SHEET] = parts[SHEET].replace(b"</sheetData>", b"</sheetData>" + b" " * (200 * 1024**2))


def entity_bomb(part):
    def change(parts):
        levels = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
        prolog = f'<!DOCTYPE x [<!ENTITY a0 "aaaaaaaaaa">{levels}]>'
        text = parts[part].decode()
        start = text.index("?>") + 2 if text.startswith("<?xml") else 0
        parts[part] = (text[:start] + prolog + text[start:]).replace("E1", "&a9;").encode()

    return change


def changed_bytes(content):
    at = content.index(SHEET.encode()) + len(SHEET) + 100
    return content[:at] + bytes(40) + content[at + 40 :]


def no_addresses(parts):
    parts[SHEET] = re.sub(rb'(<(?:c|row)) r="[A-Z0-9]+"', rb"\1", parts[SHEET])


def twice_packed(path):
    PLAIN(path)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(SHEET, archive.read(SHEET))


def wide(path):
    typed(row("E1"), row("E2"), header=[*HEADER, *(f"c{n}" for n in range(2_500))])(path)


def corner(*lines, address="XFD1048576", header=None):
    def change(page):
        page[address] = "x"
        if header:
            page[header] = "z"

    return typed(*lines or TWO, edit=change)


def last_row(path):
    typed(row("E1"), edit=lambda page: [page.cell(1_048_576, at + 1, value) for at, value in enumerate(row("E2"))])(path)


def styled_rows(page):
    fill = PatternFill("solid", fgColor="FFFF00")
    for number in range(4, 5_000):
        for column in range(1, 9):
            page.cell(number, column).fill = fill


def elsewhere(page):
    for down, line in enumerate([HEADER, *TWO]):
        for at, value in enumerate(line):
            page.cell(4 + down, 3 + at, value)


def many(count, **changed):
    return [row(f"E{n}", **changed) for n in range(count)]


def in_days(style, serial, system=None):
    """A day number in the cell of a date, in a style; counted from 1904 where ``system`` says so."""
    return written(
        lambda book, page: page.write_number(1, 3, serial, book.add_format({"num_format": style})), *TWO, **(system or {})
    )


def amount_as(style, value):
    return written(lambda book, page: page.write_number(1, 5, value, book.add_format({"num_format": style})), *TWO)


def rich(page):
    page["A2"] = CellRichText("E", TextBlock(InlineFont(b=True), "1"))


def aloud(book, page):
    page.write_string("A2", "E1")


def in_texts(old, new):
    return patched(written(lambda book, page: None, *TWO), "xl/sharedStrings.xml", (old, new))


HEAD = """# Workbooks in

What becomes of an Excel workbook that a department sends. Its table is the test `tests/faults/test_workbooks.py`: every line is made, read
and compared there. *File refused* stops the command with that sentence; a reject names row and column, and the other rows are read.
Rows have their numbers of Excel."""

# fmt: off
CASES = (
    # --- errors
    Case("error_id", "#N/A as the id of a record", cell("A3", "#N/A"), rejects=((3, "event_id", "ERROR_CELL"),), read=("E1",)),
    Case("error_amount", "#VALUE! as an amount", cell("F2", "#VALUE!"), values=((2, "amount", "ERROR_CELL"),)),
    Case("error_formula", "a formula whose stored value is #DIV/0!", written(formula("=1/0", "#DIV/0!"), *TWO),
         values=((2, "amount", "ERROR_CELL"),)),
    Case("error_unread", "#REF! in a column that nothing reads", typed([*row("E1"), "#REF!"], row("E2"), header=[*HEADER, "备注"])),
    Case("error_header", "#NAME? as the name of a column", cell("H1", "#NAME?"), refused="Sheet!H1: an error of the spreadsheet"),
    Case("error_where", "#N/A in the column that selects rows", typed(row("E1", result="罚"), row("E2", result="#N/A")),
         rejects=((3, "result", "ERROR_CELL"),), read=("E1",), source={"where": {"column": "result", "values": ["罚"]}}),
    Case("not_a_number", "a number that is NaN", amount('<c r="F2"><v>NaN</v></c>'), values=((2, "amount", "ERROR_CELL"),)),
    Case("infinite", "a number beyond any number", amount('<c r="F2"><v>1E999</v></c>'), values=((2, "amount", "ERROR_CELL"),)),
    # --- formulas
    Case("formula_id", "an id that is a formula without stored value", cell("A3", '="E"&2'),
         rejects=((3, "event_id", "NO_STORED_VALUE"),), read=("E1",)),
    Case("formula_amount", "an amount that is a formula without stored value", cell("F2", "=2*3"),
         values=((2, "amount", "NO_STORED_VALUE"),)),
    Case("formula_stored", "a formula with a stored number", written(formula("=2*3", 6), *TWO), right="formulas read"),
    Case("formula_text", "a formula with a stored text", written(formula('="E"&"1"', "E1", 0), *TWO), right="formulas read"),
    Case("formula_nothing", "a formula whose stored value is an empty text", amount('<c r="F2" t="str"><f>""</f><v></v></c>')),
    Case("formula_uncomputed", "formulas of a program that computes nothing: 0 stands for their values",
         written(formula("=2*3", 0), *TWO, computed=False), values=((2, "amount", "NO_STORED_VALUE"),)),
    Case("formula_array", "an array formula with a stored value",
         written(lambda book, page: page.write_array_formula("F2:F2", "{=SUM(1,2)}", None, 3), *TWO), right="formulas read"),
    Case("formula_header", "the name of a column is a formula without value", cell("H1", '="document"&"_no"'),
         refused="Sheet!H1: a formula whose value is not stored"),
    Case("formula_column", "a whole column of formulas without values", typed(*many(30, amount="=1+1")),
         refused="expected amount to be readable (got 30 of 30"),
    # --- merged cells
    Case("merged_ids", "one id over two rows", sheet(merge("A2:A3")),
         rejects=((2, "event_id", "MERGED_CELL"), (3, "event_id", "MERGED_CELL")), read=()),
    Case("merged_amounts", "one amount over two rows", typed(row("E1", amount=5), row("E2"), edit=merge("F2:F3")),
         values=((2, "amount", "MERGED_CELL"), (3, "amount", "MERGED_CELL"))),
    Case("merged_across", "result and number in one cell", typed(row("E1", result="罚"), row("E2"), edit=merge("G2:H2")),
         rejects=((2, "document_no", "MERGED_CELL"),), read=("E2",)),
    Case("merged_unread", "merged cells in a column that nothing reads",
         typed([*row("E1"), "x"], row("E2"), header=[*HEADER, "备注"], edit=merge("I2:I3"))),
    Case("merged_header", "two names of the header in one cell", sheet(merge("G1:H1")), refused="Sheet!G1:H1: merged cells in the header"),
    Case("merged_levels", "a header of two levels", sheet(merge("A1:A2")), refused="Sheet!A1:A2: merged cells in the header"),
    Case("merged_title", "a merged title above the header",
         typed(["行政处罚信息表"], HEADER, *TWO, header=None, edit=merge("A1:H1")), refused="Sheet!A1:H1: merged cells in the header"),
    Case("merged_note", "a merged note below the table",
         typed(*TWO, ["填表人："], edit=merge("A4:H4")), rejects=((4, "event_id", "MERGED_CELL"),)),
    Case("merged_rows", "every cell over two rows: the second is empty",
         typed(row("E1"), row("E2"), edit=merge(*(f"{letter}3:{letter}4" for letter in "ABCDE"))),
         rejects=((3, "event_id", "MERGED_CELL"), (4, "event_id", "MERGED_CELL")), read=("E1",)),
    Case("merged_hostile", "3,000 merged cells over one another", in_xml(("</sheetData>", "</sheetData><mergeCells>" + "".join(
         f'<mergeCell ref="A2:H{n}"/>' for n in range(10, 3010)) + "</mergeCells>")), refused="expected a whole sheet"),
    Case("merged_nothing", "merged cells without content below the table", sheet(merge("A9:H12"))),
    # --- hidden
    Case("hidden_row", "a hidden row", sheet(hidden_row), refused="hidden or filtered rows that hold anything (got 1, the first of them 3)"),
    Case("filtered_row", "a row hidden by a filter", written(filtered, *TWO), refused="hidden or filtered rows"),
    Case("grouped_row", "a row in a group that is folded", sheet(lambda page: page.row_dimensions.group(3, 3, hidden=True)),
         refused="hidden or filtered rows"),
    Case("hidden_blank", "a hidden row without content", sheet(lambda page: hidden_row(page) or page.delete_rows(3)), read=("E1",)),
    Case("hidden_column", "a hidden column that is read", sheet(hidden_column("F")), refused="hidden columns among those that are read (got F)"),
    Case("no_width", "a column of no width", in_xml(("<sheetData>", '<cols><col min="6" max="6" width="0" customWidth="1"/></cols><sheetData>')),
         refused="hidden columns among those that are read (got F)"),
    Case("hidden_unread", "a hidden column that nothing reads",
         typed([*row("E1"), "x"], row("E2"), header=[*HEADER, "备注"], edit=hidden_column("I"))),
    Case("hidden_declared", "a hidden row that the source declares", sheet(hidden_row), right="hidden rows that were read",
         source={"hidden": "read"}),
    Case("hidden_columns_declared", "a hidden column that the source declares", sheet(hidden_column("F")),
         right="hidden columns that were read", source={"hidden": "read"}),
    Case("hidden_sheet", "the first sheet is hidden", sheet(lambda page: other_sheet()(page) or setattr(page, "sheet_state", "hidden")),
         refused="its first sheet 'Sheet' is hidden: declare sheet"),
    Case("very_hidden_sheet", "the first sheet can be shown by a program only",
         sheet(lambda page: other_sheet()(page) or setattr(page, "sheet_state", "veryHidden")), refused="is hidden: declare sheet"),
    Case("hidden_sheet_declared", "a hidden sheet that the source declares",
         sheet(lambda page: other_sheet()(page) or setattr(page, "sheet_state", "hidden")), right="a hidden sheet that was read",
         source={"sheet": "Sheet"}),
    Case("hidden_lists", "a hidden sheet of drop-down lists beside the table", sheet(other_sheet("lists", "hidden"))),
    # --- several sheets
    Case("two_sheets", "two sheets hold something, and none is declared", sheet(other_sheet()),
         refused="expected one sheet that holds anything (got Sheet, 说明): declare sheet"),
    Case("empty_sheet_beside", "a second sheet without content", sheet(other_sheet(filled=False))),
    Case("sheet_declared", "the table is the second sheet, which the source declares", sheet(other_sheet(at=0)), source={"sheet": "Sheet"}),
    Case("sheet_absent", "the declared sheet is not there", PLAIN, refused="expected a sheet '名单' (got Sheet)", source={"sheet": "名单"}),
    Case("chart", "the declared sheet is a chart", written(lambda book, page: _chart(book, page), *TWO),
         refused="expected a sheet of cells 'Chart1'", source={"sheet": "Chart1"}),
    Case("chart_beside", "a chart beside the table", written(lambda book, page: _chart(book, page), *TWO)),
    # --- days and times
    Case("day", "a day as Excel keeps it", cell("D2", D)),
    Case("day_text", "a day as text in another form", cell("D2", "2024/1/1"), rejects=((2, "event_date", "BAD_DATE"),), read=("E2",)),
    Case("day_1904", "days counted from 1904", in_days("yyyy-mm-dd", 43830, {"default_date_1904": True})),
    Case("day_time", "a day with a time of day", cell("D2", dt.datetime(2024, 1, 1, 13, 30)), rejects=((2, "event_date", "BAD_DATE"),), read=("E2",)),
    Case("day_time_declared", "a day with a time of day, whose form the source declares",
         typed(*(row(name, event_date=dt.datetime(2024, 1, 1, 13, 30)) for name in ("E1", "E2"))),
         source={"column": [{"to": "event_date", "column": "event_date", "rule": "parse_date", "formats": ["%Y-%m-%d %H:%M:%S"]}]}),
    Case("time", "a time instead of a day", cell("D2", dt.time(13, 30)), rejects=((2, "event_date", "BAD_DATE"),), read=("E2",)),
    Case("duration", "a duration instead of a day", cell("D2", dt.timedelta(hours=36)), rejects=((2, "event_date", "BAD_DATE"),), read=("E2",)),
    Case("leap_day", "29 February 1900, which Excel has", in_days("yyyy-mm-dd", 60), rejects=((2, "event_date", "BAD_DATE"),), read=("E2",)),
    Case("day_zero", "day 0 of a formula over nothing", in_days("yyyy-mm-dd", 0), rejects=((2, "event_date", "BAD_DATE"),), read=("E2",)),
    Case("day_beyond", "a day after the last that Excel has", in_days("yyyy-mm-dd", 3_000_000), rejects=((2, "event_date", "BAD_DATE"),), read=("E2",)),
    Case("day_negative", "a day before the first", in_days("yyyy-mm-dd", -5), rejects=((2, "event_date", "BAD_DATE"),), read=("E2",)),
    Case("day_chinese", "a day as 2024年1月1日, a form that Excel keeps by its number only",
         patched(in_days("0.000", 45292), "xl/styles.xml", ('<xf numFmtId="164"', '<xf numFmtId="31"'))),
    Case("day_own_form", "a day in a form of the sender's", in_days('[$-804]yyyy"年"m"月"d"日";@', 45292)),
    Case("day_number", "a day that lost its form", in_days("General", 45292), rejects=((2, "event_date", "BAD_DATE"),), read=("E2",)),
    Case("day_number_declared", "days that lost their form, which the source declares",
         typed(*(row(name, event_date=45292) for name in ("E1", "E2"))),
         source={"column": [{"to": "event_date", "column": "event_date", "rule": "parse_date", "formats": ["excel"]}]}),
    Case("day_iso", "a day as a cell of ISO 8601", in_xml(('<c r="D2" t="inlineStr"><is><t>2024-01-01</t></is></c>',
         '<c r="D2" t="d"><v>2024-01-01T00:00:00</v></c>'))),
    # --- numbers
    Case("long_number", "a document number of 17 digits as a number", cell("H2", 20240101000000017),
         rejects=((2, "document_no", "NUMBER_FOR_TEXT"),), read=("E2",)),
    Case("long_id", "an id of 17 digits as a number", cell("A2", 20240101000000017), rejects=((2, "event_id", "NUMBER_FOR_TEXT"),), read=("E2",)),
    Case("whole_float", "an id that is a number with a point", typed(row(123456.0), row("E2")), read=("123456", "E2")),
    Case("leading_zeros", "an id that only its form gives zeros", written(lambda book, page: page.write_number(
         1, 0, 123, book.add_format({"num_format": "000000"})), *TWO), read=("000123", "E2")),
    Case("percent", "an amount in a form of percent", amount_as("0.00%", 0.5)),
    Case("currency", "an amount in a form of currency", amount_as('"¥"#,##0.00', 1234.5)),
    Case("fraction", "an amount that a formula made inexact", written(formula("=0.1+0.2", 0.30000000000000004), *TWO), right="formulas read"),
    Case("truth", "a truth value as an amount", cell("F2", True), values=((2, "amount", "BAD_VALUE"),)),
    # --- texts
    Case("rich_text", "an id with bold letters", sheet(rich)),
    Case("shared_texts", "texts that cells refer to by number", written(lambda book, page: None, *TWO)),
    Case("aloud", "an id with the reading of its signs", in_texts("<t>E1</t>", '<r><t>E1</t></r><rPh sb="0" eb="1"><t>yi</t></rPh>')),
    Case("escaped", "an id with a character that XML cannot hold", in_texts("<t>E1</t>", "<t>E_x0031_</t>")),
    Case("apostrophe", "a number kept as text", typed(row("0001"), row("E2")), read=("0001", "E2")),
    Case("blank_texts", "cells with blanks alone below the table", typed(*TWO, ["  ", " "])),
    Case("no_such_text", "a cell refers to a text that is not there", patched(written(lambda book, page: None, *TWO), SHEET,
         ('<c r="A2" t="s"><v>', '<c r="A2" t="s"><v>99')), refused="expected a whole sheet 'Sheet1'"),
    # --- where the table is
    Case("styled_rows", "5,000 coloured rows without content at the end", sheet(styled_rows)),
    Case("blank_rows", "blank rows between", typed(row("E1"), [], [], row("E2"), row("E3", kind="gossip")),
         rejects=((6, "", "OFF_CATALOGUE"),)),
    Case("elsewhere", "the table begins in C4", typed(header=None, edit=elsewhere)),
    Case("corner_named", "a name in XFD1, and nothing below it", typed(*TWO, edit=lambda page: page.__setitem__("XFD1", "z"))),
    Case("corner", "something in XFD1048576, below no name", corner(), refused="Sheet!XFD1048576: a column without a name"),
    Case("corner_read", "something in XFD1048576 below a name, and no record in its row", corner(header="XFD1"),
         rejects=((1048576, "event_id", "MISSING"),)),
    Case("last_row", "a record in row 1,048,576", last_row),
    Case("beyond", "a row 1,048,577", in_xml(('<row r="3">', '<row r="1048577">'), ('3" t="inlineStr"', '1048577" t="inlineStr"')),
         refused="expected a whole sheet"),
    Case("no_addresses", "cells and rows without addresses", rebuilt(PLAIN, no_addresses)),
    Case("order", "rows that are not in their order", in_xml(('<row r="3">', '<row r="2">'), ('3" t="inlineStr"', '2" t="inlineStr"')),
         refused="expected a whole sheet"),
    Case("other_row", "a cell with the address of another row", in_xml(('r="A3"', 'r="A9"')), refused="expected a whole sheet"),
    Case("twice", "a cell that is there twice", in_xml(('r="B3"', 'r="A3"')), refused="expected a whole sheet"),
    Case("unnamed", "a column without a name", typed([*row("E1"), None, "x"], row("E2")), refused="Sheet!J2: a column without a name"),
    Case("unnamed_between", "an empty name between others", cell("G1", None), read=("E1", "E2")),
    Case("same_name", "a name twice", typed(*TWO, header=[*HEADER, "备注", "备注 "]), refused="the same name in Sheet!I1, Sheet!J1"),
    Case("same_but_case", "two names that differ in case only", typed(*TWO, header=[*HEADER, "Amount"]),
         refused="columns Sheet!F1, Sheet!I1 differ in case or width only"),
    Case("renamed", "a required column with a letter too many", typed(*TWO, header=["event_idd", *HEADER[1:]]), refused="renamed? event_id → event_idd"),
    Case("renamed_optional", "an optional column with two letters exchanged",
         typed(*TWO, header=[name.replace("amount", "amuont") for name in HEADER]), warned="amount is not given: is it the column amuont?"),
    Case("full_width", "a name in full-width letters", typed(*TWO, header=["ｅｖｅｎｔ＿ｉｄ", *HEADER[1:]]),
         refused="renamed? event_id → ｅｖｅｎｔ＿ｉｄ"),
    Case("title", "a title above the header", typed(["行政处罚信息表"], HEADER, *TWO, header=None), refused="they stand in the row below"),
    Case("no_header", "no header", typed(*TWO, header=None), refused="its first line looks like data"),
    Case("nothing", "an empty sheet", typed(header=None), refused="expected a header (got an empty sheet)"),
    Case("header_only", "a header and no row", typed(), read=(), warned="events.xlsx, excel"),
    Case("wide", "2,508 columns", wide, refused="expected at most 2,000 columns"),
    # --- the file
    Case("bomb", "a sheet that unpacks to 200 MB of blanks", rebuilt(PLAIN, bomb), refused="packed as none is"),
    Case("entities", "entities that grow without end, in the sheet", rebuilt(PLAIN, entity_bomb(SHEET)), refused="declare entities"),
    Case("entities_book", "entities in the part of the workbook", rebuilt(PLAIN, entity_bomb("xl/workbook.xml")), refused="declare entities"),
    Case("entities_texts", "entities in the part of the texts",
         rebuilt(written(lambda book, page: None, *TWO), entity_bomb("xl/sharedStrings.xml")), refused="declare entities"),
    Case("truncated", "half a file", cut(PLAIN, lambda content: content[: len(content) // 2]), refused="expected an .xlsx workbook"),
    Case("damaged", "bytes that changed on the way", cut(PLAIN, changed_bytes), refused="expected a whole sheet"),
    Case("broken_sheet", "a sheet that ends in its middle", rebuilt(PLAIN, lambda parts: parts.update({SHEET: parts[SHEET][:900]})),
         refused="expected a whole sheet"),
    Case("no_sheet_part", "a sheet whose part is not there", rebuilt(PLAIN, without(SHEET)), refused="expected a sheet of cells"),
    Case("no_texts", "texts whose part is not there", rebuilt(written(lambda book, page: None, *TWO), without("xl/sharedStrings.xml")),
         refused="expected a whole sheet"),
    Case("no_workbook", "a ZIP file of something else", raw(zipped(readme_txt="x")), refused="expected an .xlsx workbook"),
    Case("part_twice", "a part that is there twice", twice_packed, refused="packed as none is"),
    Case("password", "a password", raw(OLE + "EncryptedPackage".encode("utf-16-le") + bytes(600)), refused="protected by a password"),
    Case("xls", "Excel 97-2003 with the name of .xlsx", raw(OLE + bytes(600)), refused="save it as .xlsx"),
    Case("xlsb", "a binary workbook with the name of .xlsx", raw(zipped(xl__workbook_bin="x")), refused="got an .xlsb"),
    Case("ods", "a workbook of LibreOffice with the name of .xlsx", raw(zipped(mimetype="x", content_xml="<x/>")), refused="got an .ods"),
    Case("web_page", "a web page with the name of .xlsx", raw(b"<html><table><tr><td>E1</td></tr></table></html>"), refused="got a web page"),
    Case("text_file", "a text file with the name of .xlsx", raw(",".join(HEADER).encode()), refused="got a text file"),
    Case("no_bytes", "an empty file", raw(b""), refused="expected an .xlsx workbook"),
    Case("prefix", "a program that writes a prefix before every element", rebuilt(PLAIN, with_prefix)),
    Case("strict", "a workbook saved as Strict Open XML", rebuilt(PLAIN, strict)),
    Case("utf_16", "a sheet in UTF-16", rebuilt(PLAIN, utf16)),
)
# fmt: on


def _chart(book, page):
    chart = book.add_chart({"type": "column"})
    chart.add_series({"values": "=Sheet1!$F$2:$F$3"})
    book.add_chartsheet("Chart1").set_chart(chart)


def delivered(folder, case):
    delivery = Delivery(folder, sources=csv_sources(events={"file": "events.xlsx", "format": "excel", **case.source}))
    case.make(delivery.data / "events.xlsx")
    return delivery


def rejected(records, scope):
    """Row, column and code of what was refused, in the order of rows."""
    found = ((number, *reversed(code.partition(":")[::2])) for _table, code, number, _key in refused(records, scope))
    return tuple(sorted(found))


def test_there_are_enough_workbooks():
    assert len(CASES) >= 60
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_workbook_becomes_what_its_line_says(tmp_path, case):
    delivery = delivered(tmp_path, case)
    began = time.monotonic()
    if case.refused:
        with pytest.raises(DataError) as error:
            delivery.open()
        assert case.refused in str(error.value)
    else:
        records = delivery.open()
        assert rejected(records, "row") == case.rejects
        # Of a row that is refused its further faults are listed, too.
        gone = {number for number, *_rest in case.rejects}
        assert tuple(one for one in rejected(records, "field") if one[0] not in gone) == case.values
        assert tuple(one["event_id"] for one in rows(records)) == case.read
        assert case.right in " ".join(put_right(records))
        assert bool(put_right(records)) == bool(case.right)
        warned = findings(records, "source").query("level == 'warning'")["rule"].tolist()
        assert warned == ([case.warned] if case.warned else [])
    assert time.monotonic() - began < SECONDS


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)
RECORDS = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["penalty", "award", "gossip", ""]),
            "event_date": st.one_of(st.dates(dt.date(1899, 1, 1), dt.date(2300, 1, 1)).map(str), TEXTS),
            "amount": st.one_of(st.integers(-5, 10**9).map(str), st.decimals(0, 10**6, places=2).map(str), TEXTS),
            "result": TEXTS,
            "document_no": TEXTS,
        }
    ),
    max_size=6,
)


@given(RECORDS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_workbook_and_a_text_file_of_the_same_texts_are_read_alike(tmp_path_factory, records):
    lines = [row(f"E{n}", **record) for n, record in enumerate(records)]
    read = []
    for name, form in (("events.xlsx", "excel"), ("events.csv", "csv")):
        delivery = Delivery(
            tmp_path_factory.mktemp("alike"),
            sources=csv_sources(events={"file": name, "format": form, **({"encoding": "utf-8"} if form == "csv" else {})}),
        )
        if form == "excel":
            written(lambda book, page: None, *lines, strings_to_formulas=False, strings_to_urls=False)(delivery.data / name)
        else:
            with (delivery.data / name).open("w", encoding="utf-8", newline="") as stream:
                csv.writer(stream).writerows([HEADER, *lines])
        opened = delivery.open()
        listed = sorted((one["row"], one["code"], one["scope"], one["text"]) for one in opened.rejects.to_pylist())
        read.append((rows(opened), listed))
    assert read[0] == read[1]


def test_a_sheet_is_read_in_pieces_that_account_for_all_of_its_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(excel_files, "_CELLS", 1)
    monkeypatch.setattr(excel_files, "_LEAST_ROWS", 3)
    blank = {5, 6, 11}
    typed(*([] if number in blank else row(f"E{number}") for number in range(2, 20)))(tmp_path / "b.xlsx")
    page = excel_files.open_excel(tmp_path / "b.xlsx", None, read_hidden=False, limits=Limits())
    pieces = list(page.pieces(["event_id", "amount"]))
    assert len(pieces) == 6
    assert [name for piece in pieces for name in piece.table["event_id"].to_pylist()] == [
        f"E{n}" for n in range(2, 20) if n not in blank
    ]
    assert [number for piece in pieces for number in piece.rows] == [n for n in range(2, 20) if n not in blank]
    assert all(piece.lines == len(piece.rows) + piece.other for piece in pieces)
    assert sum(piece.lines for piece in pieces) == 19
    assert sum(piece.header for piece in pieces) == 1


def test_more_rows_than_the_project_allows_are_refused(tmp_path):
    typed(*many(9))(tmp_path / "b.xlsx")
    page = excel_files.open_excel(tmp_path / "b.xlsx", None, read_hidden=False, limits=Limits(sheet_rows=9))
    with pytest.raises(DataError, match=r"Sheet: expected at most 9 rows .*sheet_rows of \[limits\]"):
        list(page.pieces(["event_id"]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("#N/A", r"lookup\.xlsx: row 3, code: an error of the spreadsheet"),
        ("=1+1", "row 3, code: a formula whose value is not stored"),
    ],
)
def test_a_joined_sheet_is_refused_by_its_cell(tmp_path, change, message):
    join = {"file": "lookup.xlsx", "format": "excel", "on": {"result": "code"}, "take": ["severity"]}
    delivery = Delivery(tmp_path, sources=csv_sources(events={"file": "events.xlsx", "format": "excel", "join": [join]}))
    PLAIN(delivery.data / "events.xlsx")
    typed(["a", 1], [change, 2], header=["code", "severity"])(delivery.data / "lookup.xlsx")
    with pytest.raises(DataError, match=message):
        delivery.open()


def test_what_is_joined_by_a_cell_without_value_is_refused(tmp_path):
    join = {"file": "lookup.xlsx", "format": "excel", "on": {"result": "code"}, "take": ["severity"]}
    delivery = Delivery(tmp_path, sources=csv_sources(events={"file": "events.xlsx", "format": "excel", "join": [join]}))
    typed(row("E1", result="a"), row("E2", result="#N/A"))(delivery.data / "events.xlsx")
    typed(["a", 1], header=["code", "severity"])(delivery.data / "lookup.xlsx")
    records = delivery.open()
    assert [one["event_id"] for one in rows(records) if one["severity"] is not None] == ["E1"]
    assert (3, "severity", "ERROR_CELL") in (*rejected(records, "row"), *rejected(records, "field"))


HUGE = """
import resource, sys
from pathlib import Path
from creditscore.config.sources import Limits
from creditscore.errors import DataError
from creditscore.records.reading.excel_files import open_excel
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
page = open_excel(Path(sys.argv[1]), None, read_hidden=False, limits=Limits())
try:
    rows = sum(len(piece.rows) for piece in page.pieces(["event_id", "amount"]))
except DataError:
    rows = -1
print(rows, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize(("make", "count"), [(corner(), -1), (corner(header="XFD1"), 3)], ids=["unnamed", "named"])
def test_a_cell_in_the_last_corner_costs_no_memory(tmp_path, make, count):
    make(tmp_path / "b.xlsx")
    rows_read, mib = map(int, subprocess.check_output([sys.executable, "-c", HUGE, str(tmp_path / "b.xlsx")], text=True).split())
    assert rows_read == count
    assert mib < 50


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows_of_a_sheet(tmp_path):
    used = []
    for count in (250_000, 1_000_000):
        with xlsxwriter.Workbook(tmp_path / "b.xlsx", {"constant_memory": True}) as book:
            page = book.add_worksheet()
            page.write_row(0, 0, ["event_id", "amount"])
            for number in range(count):
                page.write_row(number + 1, 0, [f"E{number}", number])
        rows_read, mib = map(
            int, subprocess.check_output([sys.executable, "-c", HUGE, str(tmp_path / "b.xlsx")], text=True).split()
        )
        assert rows_read == count
        used.append(mib)
    assert used[1] < used[0] + 100


def page():
    """The page of the documents. ``PYTHONPATH=.:tests python tests/faults/test_workbooks.py`` writes it."""
    lines = [f"| {case.wrong} | {case.becomes} |" for case in CASES]
    return "\n".join([HEAD, "", "| what is wrong | what becomes of it |", "|---|---|", *lines, ""])


def test_the_page_of_the_documents_is_this_table():
    assert PAGE.read_text("utf-8") == page()


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
