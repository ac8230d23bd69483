"""The workbook that a unit gets back: its faulty rows as it sent them, the cells marked, the reasons, and what to do about them."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from creditscore.config.project import ProjectFile
from creditscore.language import Message, Text, Words, _, pgettext
from creditscore.records.columns.sent_cells import BETWEEN_COLUMNS
from creditscore.records.reading.sent_back import FIRST_SHEET, REASON_LABEL, ROW_LABEL
from creditscore.reporting.faulty_rows import FaultyRows, RefusedFile
from creditscore.reporting.reject_first_page import first_page
from creditscore.reporting.reject_reasons import NO_RECORD, reason_of
from creditscore.spreadsheet import Column, Marked, Sheet, cell_words, label_text

#: Rows of one source that a workbook lists.
MOST_ROWS = 50_000
_SINCE = pgettext("reject book", "First found on")
_LINE = pgettext("reject book", "The line as sent")
_MASKED = _("Masked here: it may be personal data. Your own file has the value; keep it there and do not send the masked text.")
_FILL_IN = _("This line could not be cut into columns. Write its values into the cells of this row.")
_HIDDEN = _("(not shown: the line may hold personal data; look it up in your own file by its row)")
_CONFLICT, _UNKNOWN_SUBJECT = "DUP_CONFLICT", "UNKNOWN_SUBJECT"
_BETWEEN_REASONS = pgettext("between reasons", "; ")


def reject_sheets(
    unit: Text, about: ProjectFile, as_of: dt.date, lang: str,
    *, deliveries: pd.DataFrame, faulty: Sequence[FaultyRows], refused: Sequence[RefusedFile],
) -> list[Sheet]:  # fmt: skip
    """The sheets of a unit's workbook: what happened and what to do, then one sheet per file with faulty rows.

    Nobody takes it for a delivery: :func:`creditscore.records.reading.sent_back.refuse_sent_back` knows its sheets.

    Args:
        unit: Who sent the files.
        about: The project, with its authority and whom to ask.
        as_of: The day of the check-up.
        lang: The language, or ``both``.
        deliveries: The unit's rows of :func:`creditscore.records.deliveries.by_unit.delivery_table`.
        faulty: The faulty rows.
        refused: Files that could not be used at all.
    """
    words = cell_words(lang)
    columns = (
        Column("item", pgettext("reject book", "About"), width=24, wrap=True),
        Column("said", pgettext("reject book", "In words"), width=100, wrap=True),
    )
    said = first_page(unit, about, as_of, deliveries, faulty, refused)
    rows = [(words.text(item), words.text(text)) for item, text in said]
    first = Sheet(FIRST_SHEET, columns, rows, autofilter=False)
    return [first, *(_sheet(one, lang) for one in faulty)]


def _sheet(part: FaultyRows, lang: str) -> Sheet:
    """The faulty rows of a file in the order of the file."""
    names, personal = part.sent.columns, set(part.sent.personal)
    columns = [
        Column("row_in_file", _free(ROW_LABEL, names, lang), kind="integer", format="0"),
        Column("reason", _free(REASON_LABEL, names, lang), width=48, wrap=True),
        *(Column(name, name, comment=_MASKED if name in personal else None) for name in names),
        Column("since", _free(_SINCE, names, lang), kind="date"),
    ]
    if part.sent.lines:
        columns.append(Column("line", _free(_LINE, names, lang), width=60, wrap=True))
    return Sheet(part.name, tuple(columns), _rows(part, cell_words(lang)), autofilter=False, held=2)


def _free(label: Message, names: Sequence[str], lang: str) -> Text:
    """A label of a column of ours, changed where the file has a column of that name."""
    taken = label_text(label, lang) in names or label_text(label, lang, joint="\n") in names
    return pgettext("reject book", "{label} (creditscore)", label=label) if taken else label


class _Reasons:
    """Why the rows of a file are sent back, by the sender's columns.

    Args:
        part: The rows.
    """

    def __init__(self, part: FaultyRows) -> None:
        self._part = part
        conflicts = part.rejects[part.rejects["code"] == _CONFLICT]
        self._alike = {key: sorted(rows.tolist()) for key, rows in conflicts.groupby("key")["row"]}
        self._with_values = set(part.rejects.loc[part.rejects["scope"] == "field", "row"])

    def of(self, row: int, faults: Sequence[tuple[str, str, str]]) -> dict[str, list[Text]]:
        """The reasons of a row by column, from the column, code and key of each of its faults."""
        names, cells = self._part.sent.columns, self._part.sent.cells.get(row)
        if row in self._part.sent.no_records:
            filled = next((name for name, cell in zip(names, cells or (), strict=False) if cell), "")
            return {filled: [NO_RECORD]}
        sent = dict(zip(names, cells or (None,) * len(names), strict=True))
        reasons: dict[str, list[Text]] = {}
        for columns, code, key in faults:
            if code == _UNKNOWN_SUBJECT and row in self._part.waiting:
                # Nothing is wrong in this row: no cell is marked.
                reasons.setdefault("", []).append(_waiting_text(self._part.waiting[row]))
                continue
            alike = self._alike.get(key, ()) if code == _CONFLICT else ()
            marked = columns.split(BETWEEN_COLUMNS)
            for name in self._differing(alike) or marked:
                reason = self._reason(code, marked[0] if alike else name, sent.get(name) or "", alike)
                reasons.setdefault(name, []).append(reason)
        return reasons

    def _reason(self, code: str, column: str, cell: str, alike: Sequence[int]) -> Text:
        part = self._part
        reason = reason_of(
            part.source, code, column, cell=cell, alike=alike, id_fault=part.id_faults.get(cell), limits=part.limits,
            listed=part.listed,
        )  # fmt: skip
        refused = [str(other) for other in alike if other in self._with_values]
        if not refused or len(refused) == len(alike):
            return reason
        return _("{reason}; of these, row {rows} has a cell that was refused", reason=reason, rows=tuple(refused))

    def _differing(self, alike: Sequence[int]) -> list[str]:
        """The columns in which rows of one key differ; of those whose cells are at hand."""
        rows = [self._part.sent.cells[row] for row in alike if row in self._part.sent.cells]
        return [name for name, cells in zip(self._part.sent.columns, zip(*rows, strict=True), strict=False) if len(set(cells)) > 1]


def _rows(part: FaultyRows, words: Words) -> Iterator[tuple[object, ...]]:
    """One row per faulty row; where a cell is wrong it is marked."""
    reasons_of = _Reasons(part)
    names = ("row", "column", "code", "key", "since")
    ordered = part.rejects.sort_values("row", kind="stable")
    faults_of = itertools.groupby(zip(*(ordered[name].tolist() for name in names), strict=True), key=lambda fault: int(fault[0]))
    for row, found in faults_of:
        faults = list(found)
        reasons = reasons_of.of(row, [fault[1:4] for fault in faults])
        cells = part.sent.cells.get(row, (None,) * len(part.sent.columns))
        is_line = row in part.sent.lines
        marked: list[object] = [
            Marked(cell, _joined(reasons[name], words)) if name in reasons else cell
            for name, cell in zip(part.sent.columns, cells, strict=True)
        ]
        if is_line and marked:
            marked[0] = Marked(None, _joined(reasons[""], words) if row in part.sent.no_records else _FILL_IN)
        said = _said(reasons)
        if row in part.held:
            said.append(_held_text(part.held[row]))
        why = _joined(said, words)
        more = [_line_text(part.sent.lines[row], words) if is_line else None] if part.sent.lines else []
        yield (row, why, *marked, min(fault[4] for fault in faults), *more)


def _said(reasons: Mapping[str, Sequence[Text]]) -> list[Text]:
    """The reasons of a row, each once, with the columns that it is about."""
    columns: dict[str, tuple[Text, list[str]]] = {}
    for name, several in reasons.items():
        for one in several:
            columns.setdefault(str(one), (one, []))[1].append(name)
    return [
        pgettext("reason of refusal", "{column}: {reason}", column=tuple(names), reason=one) if names != [""] else one
        for one, names in columns.values()
    ]


def _waiting_text(register: str) -> Text:
    return _(
        "the code is right: the row of this subject in the register was sent back to {unit}, and this row counts once that one is "
        "mended; leave it as it is",
        unit=register,
    )


def _held_text(subjects: int) -> Text:
    return _(
        "nothing here tells whose record it is: until this row is mended, or left out of the next delivery, {subjects:,} subjects "
        "of which a record is missing cannot get a better tier",
        subjects=subjects,
    )


def _line_text(line: str | None, words: Words) -> str:
    return words.text(_HIDDEN) if line is None else line


def _joined(reasons: Sequence[Text], words: Words) -> str:
    return words.text(_BETWEEN_REASONS).join(words.text(reason) for reason in reasons)
