"""The workbook that a unit gets back: its faulty rows as it sent them, the cells marked, the reasons, and what to do about them."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

import pandas as pd

from creditscore.config.project import ProjectFile
from creditscore.config.sources import Limits, SourceSpec
from creditscore.language import Message, Text, Words, _, pgettext
from creditscore.records.columns.sent_cells import BETWEEN_COLUMNS
from creditscore.records.deliveries.findings import TABLE_WORDS
from creditscore.records.reading.sent_rows import SentRows
from creditscore.reporting.reject_reasons import reason_of
from creditscore.spreadsheet import Column, Marked, Sheet, cell_words, label_text

#: Rows of one source that a workbook lists.
MOST_ROWS = 50_000
_ROW = pgettext("reject book", "Row in your file")
_REASON = pgettext("reject book", "Why it is sent back")
_SINCE = pgettext("reject book", "First found on")
_LINE = pgettext("reject book", "The line as sent")
_MASKED = _("Masked here: it may be personal data. Your own file has the value; keep it there and do not send the masked text.")
_FILL_IN = _("This line could not be cut into columns. Write its values into the cells of this row.")
_HIDDEN = _("(not shown: the line may hold personal data; look it up in your own file by its row)")
_BETWEEN_REASONS = pgettext("between reasons", "; ")


@dataclass(frozen=True)
class FaultyRows:
    """The faulty rows of one file that one unit sent."""

    source: SourceSpec
    sent: SentRows
    #: The faults of these rows: row, code, column, since.
    rejects: pd.DataFrame
    #: Rows with faults beyond those that are listed.
    left_out: int = 0
    #: What is wrong with codes that the register does not know, by the text sent.
    id_faults: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    #: Of a row that tells neither subject nor record: how many subjects it may concern.
    held: Mapping[int, int] = field(default_factory=dict)
    #: By standard column, the words that features and policies of the project name.
    listed: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What its sheet is called: the file without its folder and ending."""
        return PurePath(self.source.location).stem


@dataclass(frozen=True)
class RefusedFile:
    """A file that could not be used as a whole, with the error that says why."""

    location: str
    why: Text


def reject_sheets(
    unit: str, about: ProjectFile, as_of: dt.date, lang: str,
    *, deliveries: pd.DataFrame, faulty: Sequence[FaultyRows], refused: Sequence[RefusedFile],
) -> list[Sheet]:  # fmt: skip
    """The sheets of a unit's workbook: what happened and what to do, then one sheet per file with faulty rows.

    A sheet can be read as a source of format ``excel`` as it is: its columns are those of the file, with three more that
    no rule reads.

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
    said = _first_page(unit, about, as_of, deliveries, faulty, refused)
    rows = [(words.text(item), words.text(text)) for item, text in said]
    first = Sheet(pgettext("reject book", "Read this first"), columns, rows, autofilter=False)
    return [first, *(_sheet(one, lang) for one in faulty)]


def _first_page(
    unit: str, about: ProjectFile, as_of: dt.date, deliveries: pd.DataFrame, faulty: Sequence[FaultyRows],
    refused: Sequence[RefusedFile],
) -> Iterator[tuple[Text, Text]]:  # fmt: skip
    """What the first sheet says, line by line: a heading (empty where the one above goes on) and a sentence."""
    yield pgettext("reject book", "For"), unit
    yield pgettext("reject book", "From"), about.authority
    yield pgettext("reject book", "Checked as of"), as_of.isoformat()
    for one in refused:
        heading: Text = _("File {file}", file=one.location)
        yield heading, _("The whole file could not be used, and none of its rows counts. Mend this first:")
        yield "", one.why
    for row in deliveries.to_dict("records"):
        yield from _delivery({str(key): value for key, value in row.items()}, as_of)
    for part in faulty:
        shown = len(set(part.rejects["row"]))
        yield "", _("Sheet {sheet} of this workbook lists {shown:,} rows to be looked at.", sheet=part.name, shown=shown)
        if part.left_out:
            yield "", _(
                "{file}: this workbook lists the first {shown:,} rows with faults; {left_out:,} more follow when these are mended.",
                file=part.source.location, shown=shown, left_out=part.left_out,
            )  # fmt: skip
    if faulty:
        todo = pgettext("reject book", "What to do")
        yield todo, _("1. Each further sheet is one of your files, with its faulty rows only, all columns as you sent them.")
        yield (
            "",
            _(
                '2. Red cells are wrong. Point at one to read why; the column "{reason}" says it for the whole row.',
                reason=_REASON,
            ),
        )
        yield "", _(
            '3. Put the red cells right, here or in your own system. Leave the columns as they are: "{row}", "{reason}" and '
            '"{since}" are not read, nothing has to be deleted.',
            row=_ROW, reason=_REASON, since=_SINCE,
        )  # fmt: skip
        yield "", _("4. Send the mended rows with your next delivery, in your usual file. Keep the number of the record (its key).")
        yield "", _("5. A record that should never have been sent: leave it out of the next delivery.")
        if any(part.sent.personal for part in faulty):
            yield "", _("Names, telephones and ID numbers are masked here. Your own file has them; do not send masked ones.")
    yield pgettext("reject book", "Whom to ask"), about.contact or about.authority


def _delivery(row: Mapping[str, object], as_of: dt.date) -> Iterator[tuple[Text, Text]]:
    """One file of the unit: what became of its rows, and of what was sent back before."""
    heading = pgettext(
        "reject book", "{file} ({table})", file=row["file"], table=TABLE_WORDS.get(str(row["table"]), str(row["table"]))
    )
    counts = {name: row[name] for name in ("arrived", "read", "copies", "refused", "values", "new", "mended", "withdrawn")}
    yield heading, _(
        "{arrived:,} rows arrived: {read:,} were read, {copies:,} were copies of others, {refused:,} are refused and do not count.",
        arrived=counts["arrived"], read=counts["read"], copies=counts["copies"], refused=counts["refused"],
    )  # fmt: skip
    if counts["values"]:
        yield "", _("In rows that were read, {values:,} single values were not taken.", values=counts["values"])
    if counts["mended"] or counts["withdrawn"]:
        yield "", _(
            "Of the faults sent back before, {mended:,} are mended and {withdrawn:,} withdrawn. Thank you.",
            mended=counts["mended"], withdrawn=counts["withdrawn"],
        )  # fmt: skip
    if isinstance(row["since"], dt.date) and row["since"] < as_of:
        yield "", _("{new:,} faults are new; the oldest one has been open since {since}.", new=counts["new"], since=row["since"])


def _sheet(part: FaultyRows, lang: str) -> Sheet:
    """The faulty rows of a file in the order of the file."""
    names, personal = part.sent.columns, set(part.sent.personal)
    columns = [
        Column("row_in_file", _free(_ROW, names, lang), kind="integer", format="0"),
        Column("reason", _free(_REASON, names, lang), width=48, wrap=True),
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


def _rows(part: FaultyRows, words: Words) -> Iterator[tuple[object, ...]]:
    """One row per faulty row; where a cell is wrong it is marked."""
    conflicts = part.rejects[part.rejects["code"] == "DUP_CONFLICT"]
    alike = {key: sorted(rows.tolist()) for key, rows in conflicts.groupby("key")["row"]}
    names = ("row", "column", "code", "key", "since")
    ordered = part.rejects.sort_values("row", kind="stable")
    faults_of = itertools.groupby(zip(*(ordered[name].tolist() for name in names), strict=True), key=lambda fault: int(fault[0]))
    for row, found in faults_of:
        faults = list(found)
        cells = part.sent.cells.get(row, (None,) * len(part.sent.columns))
        sent = dict(zip(part.sent.columns, cells, strict=True))
        reasons: dict[str, list[Text]] = {}
        for _row, column, code, key, _since in faults:
            for name in str(column).split(BETWEEN_COLUMNS):
                others = alike.get(key, ()) if code == "DUP_CONFLICT" else ()
                cell = sent.get(name) or ""
                fault = part.id_faults.get(cell)
                reason = reason_of(
                    part.source, code, name, cell=cell, alike=others, id_fault=fault, limits=part.limits, listed=part.listed
                )
                reasons.setdefault(name, []).append(reason)
        is_line = row in part.sent.lines
        marked: list[object] = [
            Marked(cell, _joined(reasons[name], words)) if name in reasons else cell
            for name, cell in zip(part.sent.columns, cells, strict=True)
        ]
        if is_line and marked:
            marked[0] = Marked(None, _FILL_IN)
        said = [
            pgettext("reason of refusal", "{column}: {reason}", column=name, reason=one) if name else one
            for name, several in reasons.items()
            for one in several
        ]
        if row in part.held:
            said.append(_held_text(part.held[row]))
        why = _joined(said, words)
        more = [_line_text(part.sent.lines[row], words) if is_line else None] if part.sent.lines else []
        yield (row, why, *marked, min(fault[4] for fault in faults), *more)


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
