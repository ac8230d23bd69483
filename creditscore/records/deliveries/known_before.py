"""What became of the adverse records that the last night read: those that are absent now, and those that say something else.

A record that its sender leaves out is taken for withdrawn, and one that is sent with other values for corrected. An old file, a
column that was sorted by itself and a code typed into another firm's look the same, record by record. So both are counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from creditscore.language import _
from creditscore.records.adverse.carrying import register_last
from creditscore.records.adverse.readings import READINGS, SOURCE, LastReading
from creditscore.records.deliveries.findings import Finding, Level
from creditscore.records.standard.arrivals import FIELDS
from creditscore.records.standard.contracts import arrived_table, refused_table
from creditscore.records.tables import COLUMN_WORDS, TABLES

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.records.records import Records

#: What decides whose a record is and what it counts. A grade is known by its firm, scheme and day: it is there or not.
_COMPARED: Final[Mapping[str, tuple[str, ...]]] = {
    "events": ("subject_id", "kind", "event_date", "severity", "amount", "result"),
    "inspections": ("subject_id", "event_date", "outcome", "severity"),
    "ratings": ("grade",),
}
#: Sources with fewer known records are never taken for broken. A share above ``_USUAL`` is to be looked into.
_ENOUGH, _USUAL, _LISTED = 30, 0.01, 3
_GONE: Final = "gone"


@dataclass(frozen=True)
class _Known:
    """The known records of a source: how many there are, and how many are gone or have another value, by column."""

    source: str
    records: int
    changed: Mapping[str, int]


def known_before(records: Records, last: LastReading) -> Iterator[Finding]:
    """Per source what became of its adverse records of the last reading.

    What has ended by tonight is not asked for, and neither is a record whose row is refused: it counts on as it was read.

    Args:
        records: What arrived.
        last: What the last night read.

    Yields:
        Per source the records that are gone, an error above the project's ``max_row_drop``; and per column those with another
        value, an error above the same share. Without a last reading there is nothing.
    """
    own = {source.name for source in records.project.sources.source}
    for name in READINGS:
        before = register_last(records.engine, records.project, name, last)
        if before is None:
            continue
        told = _told(records, name, before)
        for known in _counted(records, name, told):
            if known.source in own:
                yield from _findings(records, name, told, known)
        records.engine.drop(f"{name}_last")


def _told(records: Records, name: str, before: ir.Table) -> ir.Table:
    """One row per known record: its key, its source, whether it is gone, and of each column whether it has another value."""
    key = list(TABLES[name].key)
    columns = [column for column in _COMPARED[name] if column not in key]
    now = arrived_table(TABLES[name])
    now = now.select(noted=now[FIELDS].fill_null(""), **{f"now_{column}": now[column] for column in (*key, *columns)})
    refused = refused_table(TABLES[name])
    refused = refused.filter(refused[key[0]].notnull()).select(refused_id=key[0]).distinct()
    joined = before.left_join(now, [before[column] == now[f"now_{column}"] for column in key])
    joined = joined.left_join(refused, joined[key[0]] == refused.refused_id)
    there = joined[f"now_{key[0]}"].notnull()
    # A value that was refused is told as such.
    asked = {column: there & ~joined.noted.contains(f":{column}") for column in columns}
    flags = {f"other_{column}": there & ~joined[column].identical_to(joined[f"now_{column}"]) for column, there in asked.items()}
    return joined.select(*key, SOURCE, **{_GONE: ~there & joined.refused_id.isnull()}, **flags)


def _counted(records: Records, name: str, told: ir.Table) -> list[_Known]:
    """The known records of each source, by source."""
    flags = [column for column in told.columns if column == _GONE or column.startswith("other_")]
    sums = {column: told[column].sum() for column in flags}
    counted = records.engine.query(told.group_by(SOURCE).agg(known=told.count(), **sums).order_by(SOURCE)).to_pylist()
    return [_Known(row[SOURCE], row["known"], {flag: int(row[flag]) for flag in flags if row[flag]}) for row in counted]


def _findings(records: Records, name: str, told: ir.Table, known: _Known) -> Iterator[Finding]:
    limit = records.project.about.max_row_drop
    for flag, n in known.changed.items():
        share = n / known.records
        level: Level = "error" if known.records >= _ENOUGH and share > limit else "warning"
        if flag == _GONE:
            rule = _("of {known} records against firms that were known last time, absent now (an older file?)", known=known.records)
            level = "note" if level == "warning" and share <= _USUAL else level
        else:
            column = flag.removeprefix("other_")
            rule = _(
                "{column}: another value than last time, of {known} known records against firms",
                column=COLUMN_WORDS.get(column, column),
                known=known.records,
            )
        examples = _examples(records, name, told.filter((told[SOURCE] == known.source) & told[flag]))
        yield Finding("drift", name, rule, known.source, n, examples, level)


def _examples(records: Records, name: str, rows: ir.Table) -> str:
    """The keys of the first few records."""
    key = list(TABLES[name].key)
    found = records.engine.query(rows.select(*key).order_by(key).limit(_LISTED)).to_pylist()
    return ", ".join("|".join(str(row[column]) for column in key) for row in found)
