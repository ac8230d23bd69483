"""Workbooks that were sent back: how they are known when one of them comes in as a delivery, and what is said then.

Such a workbook holds the faulty rows only. Read in place of the file, all other rows of it would be lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from creditscore.errors import DataError
from creditscore.language import _, pgettext
from creditscore.spreadsheet.sheets import label_texts

#: What the first sheet is called, and the first two columns of each further one.
FIRST_SHEET = pgettext("reject book", "Read this first")
ROW_LABEL = pgettext("reject book", "Row in your file")
REASON_LABEL = pgettext("reject book", "Why it is sent back")
#: How mended rows are sent: in the workbook, and where the workbook itself comes in.
HOW_TO_SEND = _(
    "Put the mended rows in place of the old ones in the file that you send (do not append them at its end), and send the whole "
    "file. Do not send this workbook itself."
)


def is_first_sheet(title: str) -> bool:
    """Whether a sheet is called as the first one of such a workbook, in whatever language."""
    return title in label_texts(FIRST_SHEET)


def refuse_sent_back(header: Sequence[str], *, file: str) -> None:
    """Refuse rows that were sent back and not put into the file that they come from.

    Args:
        header: The columns.
        file: Where they are, for the message.

    Raises:
        DataError: The first two columns are those of a workbook that was sent back.
    """
    marks = (ROW_LABEL, REASON_LABEL)
    plain = [" ".join(name.split()) for name in header[: len(marks)]]
    if len(plain) == len(marks) and all(name in _plain(label_texts(mark)) for name, mark in zip(plain, marks, strict=True)):
        raise DataError("{file}: this is what was sent back, and not the file itself. {how}", file=file, how=HOW_TO_SEND)


def _plain(texts: Iterable[str]) -> set[str]:
    return {" ".join(text.split()) for text in texts}
