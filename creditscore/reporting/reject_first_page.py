"""The first sheet of a workbook that goes back: what became of each file, and what its sender does about it, step by step."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from creditscore.config.project import ProjectFile
from creditscore.language import Text, _, pgettext
from creditscore.records.columns.sent_cells import BETWEEN_COLUMNS, sent_columns
from creditscore.records.deliveries.findings import TABLE_WORDS
from creditscore.records.reading.sent_back import HOW_TO_SEND, REASON_LABEL
from creditscore.records.tables import TABLES
from creditscore.reporting.faulty_rows import FaultyRows, RefusedFile

#: A line: a heading, empty where the one above goes on, and a sentence.
_Line = tuple[Text, Text]
#: Tables whose records have numbers of their own, and the column of that number.
_NUMBERS = {name: table.key[0] for name, table in TABLES.items() if table.key[0].endswith("_id") and table.key[0] != "subject_id"}
#: Fewer rows than this may come and go.
_ENOUGH = 30
_TODO = pgettext("reject book", "What to do")


def first_page(
    unit: Text, about: ProjectFile, as_of: dt.date, deliveries: pd.DataFrame, faulty: Sequence[FaultyRows],
    refused: Sequence[RefusedFile],
) -> Iterator[_Line]:  # fmt: skip
    """What the first sheet says, line by line.

    Args:
        unit: Who sent the files.
        about: The project, with its authority and whom to ask.
        as_of: The day of the check-up.
        deliveries: The unit's rows of :func:`creditscore.records.deliveries.by_unit.delivery_table`.
        faulty: The faulty rows.
        refused: Files that could not be used at all.
    """
    yield pgettext("reject book", "For"), unit
    yield pgettext("reject book", "From"), about.authority
    yield pgettext("reject book", "Checked as of"), as_of.isoformat()
    for one in refused:
        yield (
            _("File {file}", file=one.location),
            _("The whole file could not be used, and none of its rows counts. Mend this first:"),
        )
        yield "", one.to_sender
    whole = {one.location for one in refused}
    for row in deliveries.to_dict("records"):
        # Of a file that does not count, counts of its rows would say the contrary.
        if row["file"] not in whole:
            yield from _delivery({str(key): value for key, value in row.items()}, as_of, about.max_row_drop)
    for part in faulty:
        yield from _listed(part)
    steps = [*(_mend_files() if refused else ()), *(_mend_rows(faulty) if faulty else ())]
    for number, step in enumerate(steps, start=1):
        yield _TODO if number == 1 else "", _("{number}. {step}", number=number, step=step)
    if any(part.sent.personal for part in faulty):
        yield "", _("Names, telephones and ID numbers are masked here. Your own file has them; do not send masked ones.")
    yield pgettext("reject book", "Whom to ask"), about.contact or about.authority


def _listed(part: FaultyRows) -> Iterator[_Line]:
    """How many rows a sheet of the workbook lists."""
    shown = len(set(part.rejects["row"]))
    yield "", _("Sheet {sheet} of this workbook lists {shown:,} rows to be looked at.", sheet=part.name, shown=shown)
    if part.left_out:
        yield "", _(
            "{file}: this workbook lists the first {shown:,} rows with faults; {left_out:,} more follow when these are mended.",
            file=part.source.location, shown=shown, left_out=part.left_out,
        )  # fmt: skip


def _mend_files() -> Iterator[Text]:
    """What to do about files that cannot be used."""
    yield _(
        "Mend the files that could not be used as is said above, and send each of them again under its usual name, with all rows."
    )


def _mend_rows(faulty: Sequence[FaultyRows]) -> Iterator[Text]:
    """What to do about faulty rows."""
    yield _("Each further sheet is one of your files, with its faulty rows only, all columns as you sent them.")
    yield _('Red cells are wrong. Point at one to read why; the column "{reason}" says it for the whole row.', reason=REASON_LABEL)
    yield HOW_TO_SEND
    numbers = [
        _("{file}: {columns}", file=part.source.location, columns=BETWEEN_COLUMNS.join(sent_columns(part.source, column)))
        for part in faulty
        if (column := _NUMBERS.get(part.source.table)) is not None
    ]
    if numbers:
        yield _("Keep the number of each record, and give it no new one ({columns}).", columns=tuple(dict.fromkeys(numbers)))
    yield _("A record that should never have been sent: leave it out of the next delivery.")


def _delivery(row: Mapping[str, object], as_of: dt.date, max_row_drop: float) -> Iterator[_Line]:
    """One file of the unit: what became of its rows, and of what was sent back before."""
    heading = pgettext(
        "reject book", "{file} ({table})", file=row["file"], table=TABLE_WORDS.get(str(row["table"]), str(row["table"]))
    )
    counts = {name: row[name] for name in ("arrived", "read", "copies", "refused", "values", "new", "mended", "withdrawn")}
    yield heading, _(
        "{arrived:,} rows arrived: {read:,} were read, {copies:,} were copies of others, {refused:,} are refused and do not count.",
        arrived=counts["arrived"], read=counts["read"], copies=counts["copies"], refused=counts["refused"],
    )  # fmt: skip
    if row["waiting"]:
        yield "", _(
            "{waiting:,} of the refused rows are right and wait for the register to be mended: nothing is to be done about them.",
            waiting=row["waiting"],
        )  # fmt: skip
    if row.get("blocked"):
        yield "", _(
            "{blocked:,} of the refused rows name what should stand in another file that could not be used: they are looked at "
            "again when that file is mended, and nothing is to be done about them.",
            blocked=row["blocked"],
        )  # fmt: skip
    if row.get("emptied"):
        yield "", _(
            "{columns}: no row has a value. Was the column left out or renamed? Send the file again with it.",
            columns=row["emptied"],
        )  # fmt: skip
    if counts["values"]:
        yield "", _("In rows that were read, {values:,} single values were not taken.", values=counts["values"])
    if fell_away(row["before"], row["arrived"], max_row_drop):
        yield "", _(
            "Last time {before:,} rows came, now {arrived:,}: were only the mended rows sent? The whole file with all its rows is "
            "needed each time; a row that is missing no longer counts.",
            before=row["before"], arrived=row["arrived"],
        )  # fmt: skip
    elif counts["mended"] or counts["withdrawn"]:
        yield "", _(
            "Of the faults sent back before, {mended:,} are mended and {withdrawn:,} withdrawn. Thank you.",
            mended=counts["mended"], withdrawn=counts["withdrawn"],
        )  # fmt: skip
    if isinstance(row["since"], dt.date) and row["since"] < as_of:
        yield "", _("{new:,} faults are new; the oldest one has been open since {since}.", new=counts["new"], since=row["since"])


def fell_away(before: object, now: object, max_row_drop: float) -> bool:
    """Whether so many rows are missing that the file is probably not whole."""
    return isinstance(before, int) and isinstance(now, int) and before >= _ENOUGH and now < (1 - max_row_drop) * before
