"""The check-up of what arrived: rows and their equation, sources, refusals, and what was put right."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from creditscore.records.findings import Finding, Level, some
from creditscore.records.records import day_number_of

if TYPE_CHECKING:
    from creditscore.records.records import Records

#: Values outside a table of words are a warning above this share (and told below it).
_UNSEEN_SHARE = 0.01
_PARTS = ("arrived", "kept", "quarantined", "collapsed")


def equations(records: Records) -> list[Finding]:
    """Per table: arrived = kept + quarantined + collapsed."""
    return [
        Finding("rows", name, "arrived = kept + quarantined + collapsed", part, getattr(outcome, part))
        for name, outcome in records.outcomes.items()
        for part in _PARTS
    ]


def sources(records: Records) -> list[Finding]:
    """Per source: rows, those that nothing asked for, columns that nothing reads or gives, and what is masked."""
    found = []
    for a in records.arrivals:
        found.append(Finding("source", a.table, f"{a.file}, {a.encoding}", a.source, a.rows, level="info" if a.rows else "warning"))
        if a.left_out:
            level: Level = "warning" if a.left_out == a.rows else "info"
            found.append(Finding("source", a.table, "rows that where does not ask for", a.source, a.left_out, level=level))
        if a.unused:
            found.append(
                Finding("source", a.table, "columns that nothing reads", a.source, len(a.unused), some([*a.unused], 12), "note")
            )
        if a.absent:
            found.append(
                Finding(
                    "source", a.table, "standard columns that nothing gives", a.source, len(a.absent), some([*a.absent], 12), "note"
                )
            )
        if a.masked:
            found.append(
                Finding(
                    "source", a.table, "columns with personal data, masked", a.source, len(a.masked), some([*a.masked], 12), "note"
                )
            )
    return found


def refused(records: Records) -> list[Finding]:
    """Rows and values refused, by table and code, with up to three places."""
    groups: dict[tuple[str, str, str], tuple[int, list[str]]] = {}
    for row in records.rejects.to_pylist():
        place = (row["table"], row["scope"], row["code"])
        count, keys = groups.get(place, (0, []))
        if count < 3:
            keys.append(f"{row['key']} ({row['source']}:{row['row']})")
        groups[place] = (count + 1, keys)
    return [
        Finding("refused" if scope == "row" else "refused_value", table, "contract", code, count, some(keys), "warning")
        for (table, scope, code), (count, keys) in sorted(groups.items())
    ]


def put_right(records: Records) -> list[Finding]:
    """What was normalised, by source; values that a table of words does not have."""
    found = []
    for a in records.arrivals:
        found += [Finding("normalised", a.table, what, a.source, n, level="note") for what, n in sorted(a.normalised.items())]
        if a.encoding not in ("parquet", "excel", "utf-8", "postgres"):
            found.append(Finding("normalised", a.table, f"encoding {a.encoding}", a.source, a.rows, level="note"))
        for name, n in sorted(a.unmapped.items()):
            if n:
                loud = n > _UNSEEN_SHARE * max(a.values[name] + n, 1)
                rule = f"{name}: values that its table of words lacks"
                found.append(Finding("unmapped", a.table, rule, a.source, n, level="warning" if loud else "note"))
    return found


def after_the_day(records: Records, day: dt.date) -> list[Finding]:
    """Events that happened or became known after the day: left out, and counted."""
    events, number = records.table("event_keys"), day_number_of(day)
    later = events.filter((events.event_day > number) | (events.known_day > number))
    count = records.engine.query(later.aggregate(n=later.count()))["n"][0].as_py()
    return [Finding("future", "events", "happened or known after the day", "", count, level="note")] if count else []


def categories(records: Records, day: dt.date) -> list[Finding]:
    """Industries that no card is for: their subjects get the parent's card or none."""
    carded = {industry.code for industry in records.project.scorecards.industry}
    known = records.versions_on(day)
    counts = records.engine.query(known.group_by("industry").agg(n=known.count()).order_by("industry")).to_pylist()
    total = sum(row["n"] for row in counts)
    strange = [row for row in counts if row["industry"] not in carded]
    return [
        Finding(
            "unmapped", "subjects", "industries without a card of their own", row["industry"] or "(missing)", row["n"],
            level="warning" if row["n"] > _UNSEEN_SHARE * total else "note",
        )
        for row in strange
    ]  # fmt: skip
