"""How a spine is gone through: one day at once, day by day over sorted events, or all rows joined; in parts of the subjects."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING

from creditscore.engine import unbound
from creditscore.features.aggregates import event_columns, window_lengths
from creditscore.features.calendar import day_number, window_calendar
from creditscore.features.parts import Parts
from creditscore.features.visible import Bucket, ManyDays, OneDay, Sorted

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.features import FeatureSpec
    from creditscore.features.spine import Spine
    from creditscore.records.records import Records

#: So many are passed over within 2 GB; twice as many are not (measured). More is done in parts.
_EVENTS_PER_BUCKET = 12_500_000
#: Columns that say whether an event is visible.
_VISIBILITY = ("event_key", "subject_key", "event_day", "known_day", "valid_day", "incident_key", "copies")
#: What a pass leaves in the engine until the next.
_LEFT = ("spine_windows", "windows", "panel_events", "panel_others")


def passes(
    records: Records, spine: Spine, features: tuple[FeatureSpec, ...], *, trained_on: dt.date | None, buckets: int | None
) -> Iterator[tuple[ir.Table, Parts]]:
    """Parts of a spine, each with what computes its features; to be used one after the other.

    A spine of one day needs no join of rows and events. Nor do rows that cover at least half of their subjects
    on each of their days: their events are sorted by kind and subject once, and each day passes over these (measured:
    half the time of passes over unsorted events). Other rows are joined.
    """
    lengths = tuple(window_lengths(features))
    for bucket in _buckets(records, buckets):
        part = spine.table if bucket is None else bucket.of(spine.table)
        if spine.day is not None:
            yield part, Parts(records, OneDay(spine.day, lengths, bucket), trained_on)
            continue
        days = _days_of_panel(records, spine.table)
        if days:
            events = _sorted_events(records, features, days[-1], bucket)
            for day in days:
                yield (
                    part.filter(part.as_of_day == day_number(day)),
                    Parts(records, OneDay(day, lengths, bucket), trained_on, events),
                )
        else:
            rows = _with_windows(records, spine, lengths)
            yield part, Parts(records, ManyDays(rows if bucket is None else bucket.of(rows), lengths), trained_on)
    for name in _LEFT:
        records.engine.drop(name)


def _buckets(records: Records, wanted: int | None) -> list[Bucket] | list[None]:
    count = wanted or 1 + (records.outcomes["events"].kept if "events" in records.outcomes else 0) // _EVENTS_PER_BUCKET
    return [Bucket(place, count) for place in range(count)] if count > 1 else [None]


def _days_of_panel(records: Records, table: ir.Table) -> list[dt.date]:
    """The days of rows that cover half of their subjects on each, else none."""
    told = records.engine.query(
        table.aggregate(rows=table.count(), days=table.as_of.nunique(), subjects=table.subject_key.nunique())
    )
    rows, days, subjects = (told[name][0].as_py() for name in ("rows", "days", "subjects"))
    if not rows or 2 * rows < days * subjects:
        return []
    return sorted(records.engine.query(table.select("as_of").distinct())["as_of"].to_pylist())


def _sorted_events(records: Records, features: tuple[FeatureSpec, ...], last: dt.date, bucket: Bucket | None) -> Sorted | None:
    """The events that features of any day may see, by kind and subject."""
    of_events = [feature for feature in features if feature.kind]
    if not of_events:
        return None
    places = {kind: place for place, kind in enumerate(records.project.catalogue.by_kind)}
    events, hidden, number = records.table("event_keys"), records.table("hidden"), day_number(last)
    used = events.filter(events.kind_key.isin(sorted({places[kind] for f in of_events for kind in f.kind})))
    seen = used.filter((used.event_day <= number) & (used.known_day <= number))
    part = (seen if bucket is None else bucket.of(seen)).select(*_columns(of_events, events))
    changed = hidden.select(changed_key="incident_key").distinct()
    marked = part.left_join(changed, part.incident_key == changed.changed_key)
    special = marked.copies | marked.changed_key.notnull()
    made = {
        name: records.engine.create(name, marked.filter(which).drop("changed_key").order_by(["kind_key", "subject_key"]))
        for name, which in (("panel_events", ~special), ("panel_others", special))
    }
    return Sorted(made["panel_events"], made["panel_others"])


def _columns(features: list[FeatureSpec], events: ir.Table) -> list[str]:
    """What the features read of events, and what says whether an event is visible."""
    if any(feature.aggregate == "custom" for feature in features):
        return list(events.columns)
    return sorted({*_VISIBILITY, *event_columns(features)})


def _with_windows(records: Records, spine: Spine, lengths: tuple[int, ...]) -> ir.Table:
    """The rows of a spine of several days with their windows beside them."""
    days = records.engine.query(spine.table.select("as_of").distinct())["as_of"].to_pylist()
    windows = window_calendar(days, lengths)
    records.engine.register("windows", windows)
    calendar = unbound("windows", windows.schema)
    return records.engine.create("spine_windows", spine.table.inner_join(calendar, "as_of_day"))
