"""The documents of a run for people: the planner's workbook and the report, made from the run's folder."""

from __future__ import annotations

import logging
import shutil
from typing import TYPE_CHECKING

from creditscore.config.load import sha256_file
from creditscore.pipeline.book import load_book
from creditscore.pipeline.folder import WORKBOOK
from creditscore.reporting.html import write_report
from creditscore.reporting.workbook import write_workbook
from creditscore.spreadsheet import BookLanguage

if TYPE_CHECKING:
    from creditscore.pipeline.folder import RunFolder


_BOOKS: dict[str, BookLanguage] = {"zh": "zh", "en": "en", "both": "both"}
_log = logging.getLogger(__name__)


def write_documents(folder: RunFolder, *, lang: str = "zh") -> None:
    """``plan.xlsx`` and ``report.html`` of a run; the same folder gives the same bytes.

    ``lang``: ``zh``, ``en``, or ``both``: a workbook with joint headers over Chinese cells, and the report in Chinese.
    """
    keep_edited(folder)
    book = load_book(folder)
    write_workbook(folder.file(WORKBOOK), book, lang=_BOOKS[lang])
    write_report(folder.file("report.html"), book, lang="en" if lang == "en" else "zh")


def keep_edited(folder: RunFolder) -> None:
    """Put a workbook that people wrote into aside as ``edited/plan-<hash>.xlsx`` before it is made anew."""
    path, manifest = folder.file(WORKBOOK), folder.manifest()
    if manifest is None or not path.is_file():
        return
    found = sha256_file(path)
    if found != manifest["outputs"].get(WORKBOOK):
        kept = folder.file("edited") / f"plan-{found[:12]}.xlsx"
        kept.parent.mkdir(exist_ok=True)
        shutil.copy2(path, kept)
        _log.warning("plan.xlsx was written into since it was made: kept as %s", kept)
