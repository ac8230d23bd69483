"""A language costs one catalogue: with a few French entries the workbook and the page have French headings."""

import openpyxl
import pytest

from creditscore.language import Words, catalogues, languages
from creditscore.language.words import _words
from creditscore.reporting.planning_tables import RATIOS
from creditscore.reporting.report import render_report
from creditscore.reporting.workbook import write_workbook
from creditscore.spreadsheet import read_sheet

FRENCH = """msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"

msgid "Ratios"
msgstr "Taux de contrôle"

msgid "Task"
msgstr "Mission"

msgid "Tier"
msgstr "Classe"

msgid "Fairness"
msgstr "Équité"

msgid "Summary"
msgstr "Résumé"

msgctxt "html language tag"
msgid "en"
msgstr "fr"
"""


@pytest.fixture
def _french(tmp_path, monkeypatch):
    folder = tmp_path / "languages"
    for language, text in (("zh", (catalogues._FOLDER / "zh/LC_MESSAGES/creditscore.po").read_text("utf-8")), ("fr", FRENCH)):
        (folder / language / "LC_MESSAGES").mkdir(parents=True)
        (folder / language / "LC_MESSAGES" / "creditscore.po").write_text(text, encoding="utf-8")
    monkeypatch.setattr(catalogues, "_FOLDER", folder)
    _words.cache_clear()
    yield
    _words.cache_clear()


@pytest.mark.usefixtures("_french")
def test_a_workbook_in_french_reads_back(tmp_path, book):
    assert languages() == ("zh", "en", "fr")
    write_workbook(tmp_path / "b.xlsx", book, lang="fr")
    pages = openpyxl.load_workbook(tmp_path / "b.xlsx", read_only=True)
    assert {"Taux de contrôle", "Équité", "To review"} <= set(pages.sheetnames)
    heads = next(pages["Taux de contrôle"].iter_rows(max_row=1, values_only=True))
    assert heads[:3] == ("Mission", "Industry name", "Classe")
    assert len(read_sheet(tmp_path / "b.xlsx", RATIOS.title, columns=RATIOS.columns)) > 0
    named = {row["Field"].value: row["Header"].value for row in read_sheet(tmp_path / "b.xlsx", "Dictionary")}
    assert named["tier"] == "Classe"


@pytest.mark.usefixtures("_french")
def test_a_report_in_french_has_french_headings_and_numbers(book):
    page = render_report(book, lang="fr")
    assert '<html lang="fr">' in page
    assert "Résumé" in page
    assert Words.of("fr").number(12345.6, 1) == "12\u202f345,6"
