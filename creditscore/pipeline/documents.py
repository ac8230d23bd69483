"""The documents of a run for people: the planner's workbook and the report, made from the run's folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from creditscore.pipeline.book import load_book
from creditscore.reporting.html import write_report
from creditscore.reporting.workbook import write_workbook

if TYPE_CHECKING:
    from creditscore.pipeline.folder import RunFolder


def write_documents(folder: RunFolder, *, lang: str = "zh") -> None:
    """``plan.xlsx`` and ``report.html`` of a run; the same folder gives the same bytes."""
    book = load_book(folder)
    write_workbook(folder.file("plan.xlsx"), book, lang="en" if lang == "en" else "zh")
    write_report(folder.file("report.html"), book, lang="en" if lang == "en" else "zh")
