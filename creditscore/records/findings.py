"""Findings of the check-up, their words, and the check-up as a page of text: errors, warnings, notes, then counts."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal, NamedTuple

import pandas as pd

from creditscore.config.spec import Label
from creditscore.language import Message, Text, Words, _, pgettext
from creditscore.records.tables import COLUMN_WORDS
from creditscore.spreadsheet.sheets import text_width

#: ``error`` is never tolerated, ``warning`` is to be looked into, ``note`` was dealt with, ``info`` is a count.
Level = Literal["error", "warning", "note", "info"]


class Finding(NamedTuple):
    """A row of the check-up. ``examples`` are keys of rows, never values."""

    section: str
    table: str
    rule: Text
    code: str
    rows: int
    examples: str = ""
    level: Level = "info"


def some(keys: list[str], most: int = 3) -> str:
    """A few keys as text."""
    return ", ".join(keys[:most])


TABLES = {label.message: label for label in (
    pgettext("table", "subjects"), pgettext("table", "events"), pgettext("table", "changes"), pgettext("table", "inspections"),
    pgettext("table", "ratings"), pgettext("table", "frames"), pgettext("table", "staff"), pgettext("table", "recusals"),
    pgettext("table", "decisions"), pgettext("table", "publicity"),
)}  # fmt: skip
_SECTIONS = {
    "rows": _("rows"), "source": _("source"), "refused": pgettext("check-up", "refused"),
    "refused_value": _("value refused"), "normalised": _("put right"),
    "unmapped": _("unknown word"), "future": _("after the day"),
    "identity": _("code"), "coverage": _("coverage"),
    "malformed": _("malformed"), "late": pgettext("check-up", "late"), "missing": _("missing"),
    "supplier": _("supplier"), "gate": _("catalogue"),
    "expired": _("expired"), "calendar": _("work calendar"),
    "publicity": _("publicity"), "drift": _("drift"),
    "repair": _("repair"),
}  # fmt: skip
_LEVELS = (
    ("error", _("ERRORS (none is tolerated)")),
    ("warning", _("WARNINGS (to be looked into)")),
    ("note", _("NOTES (dealt with)")),
)
#: What is wrong with a subject's code.
REASON_WORDS = {
    "ID_MISSING": _("no code"),
    "ID_OLD_NUMBER": _("15-digit number of the old register"),
    "ID_SPREADSHEET": _("turned into a number by a spreadsheet: digits are lost"),
    "ID_LENGTH": _("not 18 characters long"),
    "ID_RESIDENT_NUMBER": _("a resident identity number"),
    "ID_ALPHABET": _("characters that codes do not use"),
    "ID_CHECK_DIGIT": _("wrong check character in place 18"),
    "ID_AUTHORITY": _("unknown registration authority"),
    "ID_CATEGORY": _("unknown category of body"),
    "ID_REGION": _("unknown region"),
    "ID_ORGANISATION_DIGIT": _("wrong check character of the organisation code"),
    "ID_BODY": _("code of a government body or institution for a market subject"),
    "ID_PATTERN": _("not in the agreed pattern"),
    "ID_SHARED": _("one code for several subjects"),
    "ID_REUSED": _("one code used again by another register"),
    "ID_SEVERAL_CODES": _("several codes for one subject"),
}
#: What codes of refusal mean; their column follows.
_CODES = {
    "UNKNOWN_SUBJECT": _("no such subject in the register, or its code is refused"),
    "UNKNOWN_EVENT": _("no such record, or it is refused"),
    "OFF_CATALOGUE": _("a kind outside the catalogue"),
    "DUP_CONFLICT": _("rows of one key that disagree"),
    "RAGGED_LINE": _("another number of fields than the header"),
    "MISSING": _("required and missing"),
    "NOT_LISTED": _("outside its closed list"),
    "DATE_ORDER": _("before the day that it follows"),
    "BAD_DATE": _("no date in a declared form"),
    "BAD_VALUE": _("a value that cannot be read"),
    "OUT_OF_RANGE": _("outside its range"),
    "NOT_A_NUMBER": _("NaN or infinity"),
    "NUMBER_FOR_TEXT": _("a text that became a number and lost digits"),
    "SKIPPED_TIME": _("an hour that the clocks skipped"),
}  # fmt: skip
_BETWEEN_COUNTS = pgettext("between counts", "; ")
#: Findings of these sections stand in one line for all kinds or units, with their rows.
_JOINED = ("malformed", "supplier", "late", "repair")
_PARTS = {
    "arrived": pgettext("row equation", "arrived"),
    "kept": pgettext("row equation", "kept"),
    "quarantined": pgettext("row equation", "quarantined"),
    "collapsed": pgettext("row equation", "collapsed"),
}


def findings_frame(findings: Sequence[Finding]) -> pd.DataFrame:
    """One row per finding: its fields, ``rule`` in English, and ``rule_message``: the same sentence as JSON, "" for a name."""
    rows = [(*finding[:2], str(finding.rule), *finding[3:], _as_json(finding.rule)) for finding in findings]
    return pd.DataFrame(rows, columns=[*Finding._fields, "rule_message"])


def rule_of(row: Mapping[Any, Any]) -> Text:
    """What a finding's rule says; names of files and of units that send stand for themselves."""
    kept = row.get("rule_message")
    return _message(json.loads(kept)) if isinstance(kept, str) and kept else str(row.get("rule") or "")


def _as_json(rule: Text) -> str:
    return json.dumps(rule, default=asdict, ensure_ascii=False) if isinstance(rule, Message) else ""


def _message(document: Mapping[str, Any]) -> Message:
    values = {name: _message(value) if isinstance(value, dict) else value for name, value in document["values"].items()}
    return Message(document["message"], values, document["context"])


def code_text(code: str) -> Text:
    """What a code of refusal means, with its column; one without words stands for itself."""
    name, _mark, column = code.partition(":")
    reason = REASON_WORDS.get(name) or _CODES.get(name)
    if reason is None or not column:
        return reason or code
    return pgettext("reason of refusal", "{reason}: {column}", reason=reason, column=COLUMN_WORDS.get(column, column))


def checkup_lines(frame: pd.DataFrame, as_of: dt.date, labels: Mapping[str, Label], words: Words) -> list[str]:
    """The findings in lines: a summary, rows per table, errors, warnings, notes, and the coverage of the catalogue.

    Args:
        frame: The findings, as :class:`CheckUp` has them.
        as_of: Their day.
        labels: The kinds of the catalogue.
        words: The language; keys and names of files stay as they are.
    """
    counts = frame["level"].value_counts()
    errors, warnings, notes = (int(counts.get(level, 0)) for level, _label in _LEVELS)
    summary = _(
        "Check-up of {day}: {errors} errors, {warnings} warnings, {notes} notes",
        day=as_of, errors=errors, warnings=warnings, notes=notes,
    )  # fmt: skip
    lines = [words.text(summary), "", *_equations(frame, words)]
    for level, label in _LEVELS:
        chosen = frame[(frame["level"] == level) & ~((frame["section"] == "coverage") & (frame["rows"] == 0))]
        if len(chosen):
            lines += ["", words.text(label), *_of_level(chosen.to_dict("records"), labels, words, joint=level != "error")]
    return [*lines, "", *_coverage(frame, labels, words)]


def _of_level(rows: Sequence[Mapping[Any, Any]], labels: Mapping[str, Label], words: Words, *, joint: bool) -> Iterator[str]:
    """One line per finding; those of a joined section and one rule are one."""
    groups: dict[tuple[object, ...], list[Mapping[Any, Any]]] = {}
    for place, row in enumerate(rows):
        # The unit is the rule of a malformed kind; how much a unit sent is that of a supplier.
        rule = "" if row["section"] in ("malformed", "supplier") else row["rule"]
        joined = joint and row["section"] in _JOINED
        groups.setdefault((row["section"], row["table"], rule) if joined else (place,), []).append(row)
    for members in groups.values():
        yield _line(members[0], labels, words) if len(members) == 1 else _joint_line(members, labels, words)


def _joint_line(rows: Sequence[Mapping[Any, Any]], labels: Mapping[str, Label], words: Words) -> str:
    rule = "" if rows[0]["section"] in ("malformed", "supplier") else f": {words.text(rule_of(rows[0]))}"
    parts = (f"{_kind(row, labels, words)} {row['rows']:,}" for row in rows)
    return f"  {_head(rows[0], words)}{rule}: {words.text(pgettext('between counts', '; ')).join(parts)}"


def _line(row: Mapping[Any, Any], labels: Mapping[str, Label], words: Words) -> str:
    keys = f"  [{row['examples']}]" if row["examples"] else ""
    what = _kind(row, labels, words)
    said = words.text(code_text(what) if row["rule"] == "contract" else rule_of(row))
    return f"  {_head(row, words)}{' · ' if what else ''}{what}: {said}: {row['rows']:,}{keys}"


def _head(row: Mapping[Any, Any], words: Words) -> str:
    section, table = row["section"], row["table"]
    return f"{words.text(_SECTIONS.get(section, section))} · {words.text(TABLES.get(table, table))}"


def _kind(row: Mapping[Any, Any], labels: Mapping[str, Label], words: Words) -> str:
    code = str(row["code"])
    return words.text(labels.get(code, code))


def _equations(frame: pd.DataFrame, words: Words) -> Iterator[str]:
    """One line per table: arrived = kept + quarantined + collapsed."""
    table = frame[frame["section"] == "rows"].pivot_table(index="table", columns="code", values="rows", aggfunc="sum", sort=False)
    parts = list(_PARTS)
    body = [[words.text(TABLES.get(str(name), str(name))), *table.loc[name, parts]] for name in table.index]
    yield from _grid([words.text(_("table")), *(words.text(part) for part in _PARTS.values())], body)


def _coverage(frame: pd.DataFrame, labels: Mapping[str, Label], words: Words) -> Iterator[str]:
    rows = frame[frame["section"] == "coverage"].to_dict("records")
    none = [str(row["code"]) for row in rows if not row["rows"]]
    yield words.text(_("COVERAGE of the catalogue"))
    body = [[words.text(labels.get(row["code"], row["code"])), row["rule"], row["rows"]] for row in rows]
    header = [words.text(head) for head in (_("kind"), _("provider"), _("received"))]
    yield from _grid(header, [[kind, provider, count] for kind, provider, count in body])
    if none:
        yield words.text(_("  without any record: {count} (warnings)", count=len(none)))


def _grid(header: Sequence[object], body: Sequence[Sequence[object]]) -> Iterator[str]:
    """Columns of equal width; texts left, numbers right, a Chinese sign two places wide."""
    cells = [[f"{cell:,}" if isinstance(cell, int | float) else str(cell) for cell in row] for row in [header, *body]]
    widths = [max(text_width(row[place]) for row in cells) for place in range(len(header))]
    numbers = [all(isinstance(row[place], int | float) for row in body) for place in range(len(header))]
    for row in cells:
        padded = [
            " " * (width - text_width(cell)) + cell if number else cell + " " * (width - text_width(cell))
            for cell, width, number in zip(row, widths, numbers, strict=True)
        ]
        yield f"  {'  '.join(padded)}".rstrip()
