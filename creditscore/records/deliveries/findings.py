"""Findings of the check-up: what one is, its words, and the page of text that shows all: errors, warnings, notes, counts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import pandas as pd

from creditscore.config.spec import Label
from creditscore.language import Message, Text, Words, _, from_json, pgettext, to_json
from creditscore.records.fault_words import code_text
from creditscore.spreadsheet.sheets import text_width

#: From the worst: ``error`` is never tolerated, ``warning`` is to be looked into, ``note`` was dealt with, ``info`` is a count.
Level = Literal["error", "warning", "note", "info"]


#: In place of a code, where there is none.
MISSING = "(missing)"


class Finding(NamedTuple):
    """A line of the check-up. ``examples`` are keys of rows, never values."""

    section: str
    table: str
    rule: Text
    code: str
    rows: int
    examples: str = ""
    level: Level = "info"


TABLE_WORDS = {label.message: label for label in (
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
    "age": _("age of the data"), "repair": _("repair"), "incomplete": _("incomplete"), "carried": _("carried forward"),
}  # fmt: skip
_LEVELS = (
    ("error", _("ERRORS (none is tolerated)")),
    ("warning", _("WARNINGS (to be looked into)")),
    ("note", _("NOTES (dealt with)")),
)
_BETWEEN_COUNTS = pgettext("between counts", "; ")
#: Sections whose findings of one rule share a line, with the rows of each kind or unit.
_JOINED = ("malformed", "supplier", "late", "repair")
#: Of these the rule is the unit or a total: it does not tell findings apart.
_WITHOUT_RULE = ("malformed", "supplier")
_PARTS = {
    "arrived": pgettext("row equation", "arrived"),
    "kept": pgettext("row equation", "kept"),
    "quarantined": pgettext("row equation", "quarantined"),
    "collapsed": pgettext("row equation", "collapsed"),
}


def findings_frame(findings: Sequence[Finding]) -> pd.DataFrame:
    """One row per finding: its fields, ``rule`` in English, and ``rule_message``: the same sentence as JSON, "" for a name."""
    rows = [(*one[:2], str(one.rule), *one[3:], to_json(one.rule) if isinstance(one.rule, Message) else "") for one in findings]
    return pd.DataFrame(rows, columns=[*Finding._fields, "rule_message"])


def finding_text(row: Mapping[Any, Any]) -> Text:
    """The rule of a finding as a message, or as plain text where it is a name, such as that of a file or a sending unit."""
    kept = row.get("rule_message")
    return from_json(kept) if isinstance(kept, str) and kept else str(row.get("rule") or "")


def checkup_lines(
    frame: pd.DataFrame, as_of: dt.date, labels: Mapping[str, Label], words: Words, *, deliveries: Sequence[str] = ()
) -> list[str]:
    """The findings in lines: a summary, rows per table and unit, errors, warnings, notes, and the coverage of the catalogue.

    Args:
        frame: The findings, as :class:`CheckUp` has them.
        as_of: Their day.
        labels: The kinds of the catalogue.
        words: The language; keys and names of files stay as they are.
        deliveries: What each unit delivered, as lines.
    """
    counts = frame["level"].value_counts()
    errors, warnings, notes = (int(counts.get(level, 0)) for level, _label in _LEVELS)
    summary = _(
        "Check-up of {day}: {errors} errors, {warnings} warnings, {notes} notes",
        day=as_of, errors=errors, warnings=warnings, notes=notes,
    )  # fmt: skip
    page = _Page(labels, words)
    lines = [
        words.text(summary),
        "",
        *page.equations(frame[frame["section"] == "rows"]),
        *(["", *deliveries] if deliveries else []),
    ]
    for level, label in _LEVELS:
        chosen = frame[(frame["level"] == level) & ~((frame["section"] == "coverage") & (frame["rows"] == 0))]
        if len(chosen):
            lines += ["", words.text(label), *page.findings(chosen.to_dict("records"), joint=level != "error")]
    return [*lines, "", *page.coverage(frame[frame["section"] == "coverage"].to_dict("records"))]


class _Page:
    """The parts of the page in one language."""

    def __init__(self, labels: Mapping[str, Label], words: Words) -> None:
        self.labels, self.words = labels, words

    def equations(self, rows: pd.DataFrame) -> Iterator[str]:
        """One line per table: arrived = kept + quarantined + collapsed."""
        table = rows.pivot_table(index="table", columns="code", values="rows", aggfunc="sum", sort=False)
        body = [[self.words.text(TABLE_WORDS.get(str(name), str(name))), *table.loc[name, list(_PARTS)]] for name in table.index]
        return text_grid([self.words.text(label) for label in (_("table"), *_PARTS.values())], body)

    def findings(self, rows: Sequence[Mapping[Any, Any]], *, joint: bool) -> Iterator[str]:
        """One line per finding; findings of a joined section and one rule share one."""
        groups: dict[tuple[object, ...], list[Mapping[Any, Any]]] = {}
        for number, row in enumerate(rows):
            rule = "" if row["section"] in _WITHOUT_RULE else row["rule"]
            joined = joint and row["section"] in _JOINED
            groups.setdefault((row["section"], row["table"], rule) if joined else (number,), []).append(row)
        for members in groups.values():
            yield self.line(members)

    def line(self, rows: Sequence[Mapping[Any, Any]]) -> str:
        """One finding with its keys, or several with the rows of each."""
        text, row = self.words.text, rows[0]
        head = f"{text(_SECTIONS.get(row['section'], row['section']))} · {text(TABLE_WORDS.get(row['table'], row['table']))}"
        if len(rows) > 1:
            rule = "" if row["section"] in _WITHOUT_RULE else f": {text(finding_text(row))}"
            counts = (f"{self.kind(one)} {one['rows']:,}" for one in rows)
            return f"  {head}{rule}: {text(_BETWEEN_COUNTS).join(counts)}"
        keys = f"  [{row['examples']}]" if row["examples"] else ""
        kind = self.kind(row)
        rule = text(code_text(kind) if row["rule"] == "contract" else finding_text(row))
        return f"  {head}{' · ' if kind else ''}{kind}: {rule}: {row['rows']:,}{keys}"

    def kind(self, row: Mapping[Any, Any]) -> str:
        """A kind of the catalogue by its label; other codes as they are."""
        code = str(row["code"])
        if code == MISSING:
            return self.words.text(_("(missing)"))
        return self.words.text(self.labels.get(code, code))

    def coverage(self, rows: Sequence[Mapping[Any, Any]]) -> Iterator[str]:
        """The rows received per kind of the catalogue, and the number of kinds without any."""
        yield self.words.text(_("COVERAGE of the catalogue"))
        header = [self.words.text(head) for head in (_("kind"), _("provider"), _("received"))]
        yield from text_grid(header, [[self.kind(row), row["rule"], row["rows"]] for row in rows])
        empty = sum(not row["rows"] for row in rows)
        if empty:
            yield self.words.text(_("  without any record: {count} (warnings)", count=empty))


def text_grid(header: Sequence[object], body: Sequence[Sequence[object]]) -> Iterator[str]:
    """Columns of equal width; texts left, numbers right, a Chinese sign two columns wide."""
    cells = [[f"{cell:,}" if isinstance(cell, int | float) else str(cell) for cell in row] for row in [header, *body]]
    widths = [max(text_width(row[position]) for row in cells) for position in range(len(header))]
    numbers = [all(isinstance(row[position], int | float) for row in body) for position in range(len(header))]
    for row in cells:
        padded = [
            " " * (width - text_width(cell)) + cell if number else cell + " " * (width - text_width(cell))
            for cell, width, number in zip(row, widths, numbers, strict=True)
        ]
        yield f"  {'  '.join(padded)}".rstrip()
