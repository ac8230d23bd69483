"""Ends of disputes that were refused: the record stays hidden, and nobody would see that it should count again."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from creditscore.config.column_rules import Map, Rename
from creditscore.config.sources import SourceSpec
from creditscore.records.adverse.line_ids import fields_of_lines
from creditscore.records.adverse.refused_records import is_over, lines_refused
from creditscore.records.adverse.rules import AdverseRules
from creditscore.records.columns.known_words import one_slip
from creditscore.records.columns.types import one_array
from creditscore.records.standard.arrivals import ARRIVAL, Arrival, source_rows
from creditscore.records.standard.contracts import TableCount, kept_table, refused_table
from creditscore.records.standard.rejects import COPY
from creditscore.records.tables import TABLES
from creditscore.vocabulary import CHANGES, ENDING_CHANGES

if TYPE_CHECKING:
    import datetime as dt

    import ibis.expr.types as ir

    from creditscore.config.project import Project
    from creditscore.engine import Engine


class RefusedEnd(NamedTuple):
    """A refused change that may end a dispute, and a firm whose adverse record stays hidden by it."""

    subject_id: str
    record: str
    source: str
    row: int
    code: str
    #: Whether the row tells no record: then each open dispute may be meant.
    untold: bool


def refused_ends(
    engine: Engine, project: Project, folder: Path, count: TableCount, arrivals: Sequence[Arrival], as_of: dt.date | None
) -> Iterator[RefusedEnd]:
    """Whose adverse records stay hidden because what may be the end of their dispute was refused.

    A refused change means the record that it names; where there is none of that name, those one slip away from it whose
    dispute is open; where it names none, every record whose dispute is open. A line that is no record means the records that
    stand in it; else the open ones that are one slip away from one of its fields or belong to a firm that stands in it; else
    every open one. One with the word of another change and none of a rejection ends no dispute against the firm.

    Args:
        engine: Where the tables are.
        project: The project.
        folder: The folder of its files.
        count: What became of the rows of ``changes``.
        arrivals: Its sources.
        as_of: The day of the night, if known.
    """
    refused = list(_refused(engine, project, folder, count, arrivals))
    if not refused:
        return
    disputes = _disputes(engine, project, as_of)
    still_open = {event for event, (_firm, is_open) in disputes.items() if is_open}
    for text, fields, source, row, code in refused:
        named: Collection[str] = still_open
        told = text is not None
        if text is not None:
            named = {text} & disputes.keys() or {event for event in still_open if code == "UNKNOWN_EVENT" and one_slip(text, event)}
        elif near := {event for event in still_open if _may_mean(fields, event, disputes[event][0])}:
            named, told = near, True
        for event in sorted(named):
            yield RefusedEnd(disputes[event][0], event, source, row, code, not told)


def _may_mean(fields: Collection[str], record: str, firm: str) -> bool:
    """Whether a line that names no record has this one with a slip, or its firm, among its fields."""
    return firm in fields or any(one_slip(field, record) for field in fields)


def _refused(
    engine: Engine, project: Project, folder: Path, count: TableCount, arrivals: Sequence[Arrival]
) -> Iterator[tuple[str | None, Collection[str], str, int, str]]:
    """The record that each refused change or line may name, None where it names none; fields of a line; source, row and code."""
    table = refused_table(TABLES["changes"])
    against = table.change.isnull() | ~table.change.isin([change for change in CHANGES if change != "dispute_rejected"])
    rows = engine.query(table.filter((table.code != COPY) & against).select(ARRIVAL, "event_id", "code").order_by(ARRIVAL))
    places: list[list[object]] = [[], []]
    if rows.num_rows:
        places = [part.to_pylist() for part in source_rows(arrivals, one_array(rows[ARRIVAL]))]
        for text, source, row, code in zip(rows["event_id"].to_pylist(), *places, rows["code"].to_pylist(), strict=True):
            yield text, (), source, row, code
    known = set(zip(*places, strict=True))
    lines = [line for line in lines_refused(engine, "changes", count, arrivals) if line[:2] not in known]
    fields = fields_of_lines(project, folder, arrivals, {(source, row) for source, row, _code in lines})
    events = set[str]()
    texts = sorted({text for found in fields.values() for text in found})
    if texts:
        table = kept_table(TABLES["events"])
        events = set(engine.query(table.filter(table.event_id.isin(texts)).select("event_id"))["event_id"].to_pylist())
    for source, row, code in lines:
        of_line = fields.get((source, row), ())
        if not _is_another_change(of_line, next(one for one in project.sources.source if one.name == source)):
            found = [text for text in of_line if text in events]
            yield from ((text, of_line, source, row, code) for text in found or (None,))


def _is_another_change(fields: Collection[str], source: SourceSpec) -> bool:
    """Whether a line has the sender's word of a change among its fields, and none of a rejected dispute."""
    rule = next((rule for rule in source.column if rule.to == "change"), None)
    if rule is not None and not isinstance(rule, Map | Rename):
        return False
    changes: Mapping[str, object] = rule.values if isinstance(rule, Map) else {word: word for word in CHANGES}
    told = {changes[field] for field in fields if field in changes}
    return bool(told) and "dispute_rejected" not in told


def _disputes(engine: Engine, project: Project, as_of: dt.date | None) -> dict[str, tuple[str, bool]]:
    """Of each adverse record that was disputed and has not ended: its firm, and whether no end of the dispute was read."""
    changes, events, rules = kept_table(TABLES["changes"]), kept_table(TABLES["events"]), AdverseRules.of(project)

    def of(*kinds: str) -> ir.Table:
        return changes.filter(changes.change.isin(kinds)).select("event_id")

    adverse = events.filter(rules.adverse("events", events) & ~is_over(events, as_of))
    disputed = adverse.semi_join(of("disputed"), "event_id").anti_join(of(*ENDING_CHANGES), "event_id")
    rows = engine.query(disputed.select("event_id", "subject_id"))
    ended = set(engine.query(of("dispute_rejected"))["event_id"].to_pylist())
    return {event: (firm, event not in ended) for event, firm in zip(*(column.to_pylist() for column in rows.columns), strict=True)}
