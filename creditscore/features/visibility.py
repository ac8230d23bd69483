"""Which records count where: both clocks, expiry, changes, and each incident once.

The rows of a spine that has one day need no join before the aggregation: day and windows are numbers
in the text of the query, and ``row_key`` is the subject's own key (:class:`OneDay`). Rows of many days
carry their days and windows beside them and are joined first (:class:`ManyDays`).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis

from creditscore.dates import day_number, months_before, quarter_start, window_column
from creditscore.records.keys import day_column

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.records.records import Records


@dataclass(frozen=True)
class Bucket:
    """A part of the subjects: those whose key leaves ``place`` when divided by ``count``. Bounds the memory of a pass."""

    place: int
    count: int

    def of(self, table: ir.Table) -> ir.Table:
        """The rows of a table with a ``subject_key`` that are in this part."""
        return table.filter(table.subject_key % self.count == self.place)


@dataclass(frozen=True)
class OneDay:
    """All subjects on one day; ``row_key`` is the subject key."""

    day: dt.date
    lengths: tuple[int, ...] = ()
    bucket: Bucket | None = None

    def beside(self, table: ir.Table) -> ir.Table:
        """The rows of a table with a ``subject_key``, with ``row_key``, ``as_of_day`` and the windows beside them."""
        table = table if self.bucket is None else self.bucket.of(table)
        return self.dated(table.mutate(row_key=table.subject_key))

    def dated(self, table: ir.Table) -> ir.Table:
        """Rows with ``as_of_day``, ``rate_day`` and the windows beside them: numbers that no table need hold."""
        windows = {window_column(m): _day(months_before(self.day, m)) for m in self.lengths}
        return table.mutate(as_of_day=_day(self.day), rate_day=_day(quarter_start(self.day)), **windows)

    @property
    def columns(self) -> tuple[str, ...]:
        """What a table of rows beside which this stands has to hold."""
        return ("row_key",)

    def known_visits(self, visits: ir.Table) -> ir.Table:
        """The visits known at the quarter's start, with that day as ``rate_day``."""
        start = _day(quarter_start(self.day))
        return visits.filter(visits.known_day <= start).mutate(rate_day=start)

    def gone(self, seen: ir.Table, hidden: ir.Table) -> ir.Table:
        """``seen`` without incidents that are hidden that day."""
        number = day_number(self.day)
        return seen.anti_join(hidden.filter((hidden.hidden_from <= number) & (hidden.hidden_until > number)), "incident_key")


@dataclass(frozen=True)
class ManyDays:
    """The rows of a spine, each with its own day; ``rows`` has row_key, subject_key, as_of_day, rate_day and the windows."""

    rows: ir.Table
    lengths: tuple[int, ...] = ()

    def beside(self, table: ir.Table) -> ir.Table:
        """The rows of a table joined to the spine's rows of the same subject."""
        return self.rows.inner_join(table, "subject_key")

    def dated(self, table: ir.Table) -> ir.Table:
        """Rows that hold their days and windows already."""
        return table

    @property
    def columns(self) -> tuple[str, ...]:
        """What a table of rows beside which this stands has to hold."""
        return ("row_key", "as_of_day", *(window_column(m) for m in self.lengths))

    def known_visits(self, visits: ir.Table) -> ir.Table:
        """Per quarter start of the rows (``rate_day``), the visits known by then."""
        days = self.rows.select("rate_day").distinct()
        return days.inner_join(visits, [visits.known_day <= days.rate_day])

    def gone(self, seen: ir.Table, hidden: ir.Table) -> ir.Table:
        """``seen`` without incidents that are hidden on the row's day."""
        same = hidden.incident_key == seen.incident_key
        return seen.anti_join(hidden, [same, hidden.hidden_from <= seen.as_of_day, hidden.hidden_until > seen.as_of_day])


Rows = OneDay | ManyDays


@dataclass(frozen=True)
class Sorted:
    """The events of a panel in two tables: ``plain`` ones, told once and never changed, and all others."""

    plain: ir.Table
    other: ir.Table


def visible_events(
    records: Records, rows: Rows, kinds: list[int], *, trained_on: dt.date | None, events: Sorted | None = None
) -> ir.Table:
    """One row per row of the spine and incident that counts for it, with the row's day and windows beside the event's.

    Happened by ``as_of_day``, known by then, not past ``valid_day``, in no hidden range that day. Of an
    incident told several times the telling known first counts. With ``trained_on``, records whose
    withdrawal was known by that day never count (they were void from the beginning). ``events`` are those
    of ``event_keys`` that a panel may see.
    """
    if events is None:
        seen = _seen(records.table("event_keys"), rows, kinds)
        return _counted(records, seen, rows, trained_on)
    plain, other = _seen(events.plain, rows, kinds), _counted(records, _seen(events.other, rows, kinds), rows, trained_on)
    return plain.select(*plain.columns).union(other.select(*plain.columns))


def _seen(events: ir.Table, rows: Rows, kinds: list[int]) -> ir.Table:
    """The rows' events of some kinds that had happened, were known and not over."""
    used = events.filter(events.kind_key.isin(kinds)) if kinds else events.filter(ibis.literal(False))
    joined = rows.beside(used)
    not_over = joined.valid_day.isnull() | (joined.valid_day >= joined.as_of_day)
    return joined.filter((joined.event_day <= joined.as_of_day) & (joined.known_day <= joined.as_of_day) & not_over)


def _counted(records: Records, seen: ir.Table, rows: Rows, trained_on: dt.date | None) -> ir.Table:
    """Those of no hidden range, each incident once."""
    if records.has("hidden"):
        hidden = records.table("hidden")
        seen = rows.gone(seen, hidden)
        if trained_on is not None:
            void = hidden.filter((hidden.why == "withdrawn") & (hidden.hidden_from <= day_number(trained_on)))
            seen = seen.anti_join(void, "incident_key")
    return _each_incident_once(seen) if records.has("copies") else seen


def _each_incident_once(counted: ir.Table) -> ir.Table:
    alone, told_often = counted.filter(~counted.copies), counted.filter(counted.copies)
    groups, order = [told_often.row_key, told_often.incident_key], [told_often.known_day, told_often.event_key]
    ranked = told_often.mutate(telling=ibis.row_number().over(group_by=groups, order_by=order))
    return alone.union(ranked.filter(ranked.telling == 0).drop("telling"))


def visible_ratings(records: Records, rows: Rows, scheme: str) -> ir.Table:
    """One row per row of the spine and grade of a scheme that was given and known by ``as_of_day``."""
    ratings, index = records.table("ratings"), records.table("subject_index")
    given = ratings.filter(ratings.scheme == scheme).inner_join(index, "subject_id")
    numbered = given.select("subject_key", "grade", event_day=day_column(given.event_date), known_day=day_column(given.known_date))
    joined = rows.beside(numbered)
    return joined.filter((joined.event_day <= joined.as_of_day) & (joined.known_day <= joined.as_of_day))


def _day(day: dt.date) -> ir.IntegerValue:
    return ibis.literal(day_number(day), "int32")
