"""Data quality in the reader's words: a Chinese workbook has no English rules or reasons."""

import dataclasses

import pandas as pd

from creditscore.language import Words
from creditscore.reporting.audit_tables import QUALITY

ENGLISH = ("arrived = kept", "deregistered", "older_version")


def texts(sheet):
    """What a reader sees, the code column apart."""
    return [str(value) for row in sheet.rows for place, value in enumerate(row) if place != 3 and value is not None]


def test_a_chinese_workbook_has_chinese_rules_tables_and_reasons(book):
    counts = dataclasses.replace(book.counts, out_of_scope={"deregistered": 2, "older_version": 1})
    rule = "arrived = kept + quarantined + collapsed"
    checkup = pd.DataFrame([{"section": "rows", "table": "subjects", "rule": rule, "code": "kept", "rows": 3, "examples": ""}])
    told = dataclasses.replace(book, counts=counts, checkup=checkup)
    chinese, english = (texts(QUALITY.sheet(told, Words.of(lang))) for lang in ("zh", "en"))
    assert not [text for text in chinese if text.startswith(ENGLISH)]
    assert "已注销" in chinese
    assert "= 采用" in chinese
    assert "= kept" in english
    assert "Older version of a subject" in english
