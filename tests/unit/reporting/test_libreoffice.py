"""What LibreOffice makes of the workbook: opened without repair, every text as it stands, nothing that runs."""

import csv
import datetime as dt
import os
import shutil
import subprocess

import openpyxl
import pytest
from support.payloads import PAYLOADS, live_parts

from creditscore.config.spec import Label
from creditscore.reporting.workbook import write_workbook
from creditscore.spreadsheet import Column, Sheet, write_book

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("soffice") is None, reason="needs LibreOffice")]
#: Fields are commas, texts are quoted, UTF-8, cells as shown, every sheet into a file of its own.
AS_CSV = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,true,true,false,false,false,-1"


def convert(path, to, folder, *more):
    home = f"-env:UserInstallation=file://{folder}/profile"
    command = ["soffice", home, "--headless", *more, "--convert-to", to, "--outdir", str(folder), str(path)]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"HOME": str(folder)}, timeout=300)


def cells(path):
    """Every cell that holds anything, by sheet and place."""
    return {
        (page.title, cell.coordinate): cell.value
        for page in openpyxl.load_workbook(path)
        for row in page.iter_rows()
        for cell in row
        if cell.value is not None
    }


@pytest.mark.parametrize("lang", ["zh", "en", "both"])
def test_every_cell_comes_back_as_it_was_written(tmp_path, book, lang):
    write_workbook(tmp_path / "plan.xlsx", book, lang=lang)
    convert(tmp_path / "plan.xlsx", "xlsx", tmp_path / "out")
    before, after = cells(tmp_path / "plan.xlsx"), cells(tmp_path / "out" / "plan.xlsx")
    assert before.keys() == after.keys()
    assert not [(place, value, after[place]) for place, value in before.items() if not same(value, after[place])]


def same(one, other):
    return one == other or (isinstance(one, float) and other == pytest.approx(one, rel=1e-12))


def test_payloads_are_shown_and_nothing_runs(tmp_path):
    column = Column("name", Label(zh="名称", en="Name"))
    texts = [text for text in PAYLOADS if "\r" not in text]  # a carriage return is shown as a line feed
    sheet = Sheet(Label(zh="名单", en="List"), (column,), [(text,) for text in texts])
    write_book(tmp_path / "p.xlsx", [sheet], title="t", created=dt.date(2024, 4, 30))
    convert(tmp_path / "p.xlsx", AS_CSV, tmp_path / "out")
    with (tmp_path / "out" / "p-名单.csv").open(encoding="utf-8", newline="") as stream:
        shown = [row[0] for row in csv.reader(stream)][1:]
    assert shown == texts
    convert(tmp_path / "p.xlsx", "xlsx", tmp_path / "out")
    assert live_parts(tmp_path / "out" / "p.xlsx") == []
