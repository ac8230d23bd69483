"""Which records a row of the spine may see: both clocks, expiry, changes, and each incident once."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import ibis

from creditscore.features.calendar import day_number

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.records.records import Records


def visible_events(records: Records, rows: ir.Table, kinds: list[int], *, trained_on: dt.date | None) -> ir.Table:
    """One row per row of the spine and incident that counts for it, with the spine's columns beside the event's.

    Happened by ``as_of_day``, known by then, not past ``valid_day``, in no hidden range that day. Of an
    incident told several times the telling known first counts. With ``trained_on``, records whose
    withdrawal was known by that day never count (they were void from the beginning).
    """
    events = records.table("event_keys")
    used = events.filter(events.kind_key.isin(kinds)) if kinds else events.filter(ibis.literal(False))
    joined = rows.inner_join(used, "subject_key")
    not_over = joined.valid_day.isnull() | (joined.valid_day >= joined.as_of_day)
    seen = joined.filter((joined.event_day <= joined.as_of_day) & (joined.known_day <= joined.as_of_day) & not_over)
    counted = _without_hidden(seen, records.table("hidden"), trained_on)
    alone = counted.filter(~counted.copies)
    told_often = counted.filter(counted.copies)
    place = ibis.row_number().over(
        group_by=[told_often.row_key, told_often.incident_key], order_by=[told_often.known_day, told_often.event_key]
    )
    ranked = told_often.mutate(telling=place)
    return alone.union(ranked.filter(ranked.telling == 0).drop("telling"))


def _without_hidden(seen: ir.Table, hidden: ir.Table, trained_on: dt.date | None) -> ir.Table:
    same = hidden.incident_key == seen.incident_key
    counted = seen.anti_join(hidden, [same, hidden.hidden_from <= seen.as_of_day, hidden.hidden_until > seen.as_of_day])
    if trained_on is None:
        return counted
    void = hidden.filter((hidden.why == "withdrawn") & (hidden.hidden_from <= day_number(trained_on)))
    return counted.anti_join(void, "incident_key")


def visible_ratings(records: Records, rows: ir.Table, scheme: str) -> ir.Table:
    """One row per row of the spine and grade of a scheme that was given and known by ``as_of_day``."""
    ratings, index = records.table("ratings"), records.table("subject_index")
    given = ratings.filter(ratings.scheme == scheme).inner_join(index, "subject_id")
    numbered = given.select("subject_key", "grade", event_day=_number(given.event_date), known_day=_number(given.known_date))
    joined = rows.inner_join(numbered, "subject_key")
    return joined.filter((joined.event_day <= joined.as_of_day) & (joined.known_day <= joined.as_of_day))


def _number(column: ir.DateValue) -> ir.IntegerValue:
    return column.delta(ibis.date(1970, 1, 1), unit="day").cast("int32")
