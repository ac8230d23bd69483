"""Workbooks as people and programs send them: made by openpyxl or XlsxWriter, then changed in their XML where neither would."""

import datetime as dt
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import xlsxwriter

HEADER = ["event_id", "subject_id", "kind", "event_date", "known_date", "amount", "result", "document_no"]
D = dt.date(2024, 1, 1)
SHEET = "xl/worksheets/sheet1.xml"

Make = Callable[[Path], None]


def row(event_id, **changed):
    """A record that nothing is wrong with, but for what is changed."""
    usual = {"event_id": event_id, "subject_id": "S1", "kind": "penalty", "event_date": "2024-01-01", "known_date": "2024-01-02"}
    return [{**usual, **changed}.get(name) for name in HEADER]


def typed(*lines, edit=None, header=HEADER):
    """By openpyxl: lines below a header; ``edit`` changes the sheet, or the book that it belongs to."""

    def make(path):
        book = openpyxl.Workbook()
        for line in ([header] if header else []) + list(lines):
            book.active.append(line)
        if edit:
            edit(book.active)
        book.save(path)

    return make


def written(edit, *lines, computed=True, **options):
    """By XlsxWriter: lines below the header, then ``edit``; formulas count as computed, as if Excel had saved them."""

    def make(path):
        book = xlsxwriter.Workbook(path, options)
        page = book.add_worksheet()
        for number, line in enumerate([HEADER, *lines]):
            page.write_row(number, 0, line)
        edit(book, page)
        book.close()
        if computed:
            patch(path, "xl/workbook.xml", (' fullCalcOnLoad="1"', ""))

    return make


def patched(make, part, *changes):
    """A workbook in one of whose parts texts are replaced; each must be there."""

    def made(path):
        make(path)
        patch(path, part, *changes)

    return made


def patch(path, part, *changes):
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    text = parts[part].decode()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    parts[part] = text.encode()
    pack(path, parts)


def pack(path, parts):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def rebuilt(make, change):
    """A workbook whose parts ``change`` replaces, by their names."""

    def made(path):
        make(path)
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        pack(path, change(parts) or parts)

    return made


def raw(content):
    """A file that is no workbook."""
    return lambda path: path.write_bytes(content)


def cut(make, change):
    """A workbook whose bytes are changed."""

    def made(path):
        make(path)
        path.write_bytes(change(path.read_bytes()))

    return made


def zipped(**parts):
    """The bytes of a ZIP file with some parts; ``__`` in their names is ``/``, ``_`` is a point."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return stream.getvalue()


def number_cell(address, value, style=""):
    """A cell of the XML with a number."""
    return f'<c r="{address}"{style}><v>{value}</v></c>'
