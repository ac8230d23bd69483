"""Which records count on which row of the spine.

A record counts if it had happened and was known by the day, has not expired, and is not hidden that day by a repair, a
withdrawal or a dispute. Each incident counts once.

The rows of a spine that has one day need no join before the aggregation: day and windows are numbers
in the text of the query, and ``row_key`` is the subject's own key (:class:`OneDay`). Rows of many days
have their days and windows as columns and are joined first (:class:`ManyDays`).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import ibis

from creditscore.dates import day_number, months_before, quarter_start, window_column
from creditscore.records.adverse.contested import DISPUTED, HIDDEN_RATINGS, counting_ratings
from creditscore.records.standard.keys import BEFORE_ALL, day_column
from creditscore.vocabulary import VOIDING_CHANGES

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.records.adverse.contested import Hidden
    from creditscore.records.records import Records


@dataclass(frozen=True)
class Bucket:
    """A part of the subjects: those whose key leaves ``remainder`` when divided by ``count``. Bounds the memory of a pass."""

    remainder: int
    count: int

    def of(self, table: ir.Table) -> ir.Table:
        """The rows of a table with a ``subject_key`` that are in this part."""
        return table.filter(table.subject_key % self.count == self.remainder)


@dataclass(frozen=True)
class Among:
    """The subjects of a spine of a few; ``rows`` has their ``subject_key``."""

    rows: ir.Table

    def of(self, table: ir.Table) -> ir.Table:
        """The rows of a table with a ``subject_key`` that are in this part."""
        return table.semi_join(self.rows, "subject_key")


@dataclass(frozen=True)
class OneDay:
    """All subjects on one day; ``row_key`` is the subject key."""

    day: dt.date
    lengths: tuple[int, ...] = ()
    bucket: Bucket | Among | None = None

    def join(self, table: ir.Table) -> ir.Table:
        """The rows of a table with a ``subject_key``, with ``row_key``, ``as_of_day``, ``rate_day`` and the windows added."""
        table = table if self.bucket is None else self.bucket.of(table)
        return self.dated(table.mutate(row_key=table.subject_key))

    def dated(self, table: ir.Table) -> ir.Table:
        """Rows with ``as_of_day``, ``rate_day`` and the windows as constants, which need not be stored."""
        windows = {window_column(m): _day(months_before(self.day, m)) for m in self.lengths}
        return table.mutate(as_of_day=_day(self.day), rate_day=_day(quarter_start(self.day)), **windows)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a stored table needs for :meth:`dated` to complete its rows."""
        return ("row_key",)

    def known_visits(self, visits: ir.Table) -> ir.Table:
        """The visits known at the quarter's start, with that day as ``rate_day``."""
        start = _day(quarter_start(self.day))
        return visits.filter(visits.known_day <= start).mutate(rate_day=start)

    def without_hidden(self, rows: ir.Table, hidden: ir.Table, key: str) -> ir.Table:
        """Rows without those whose key (that of an incident, or a visit) is hidden that day."""
        number = day_number(self.day)
        return rows.anti_join(hidden.filter((hidden.hidden_from <= number) & (hidden.hidden_until > number)), key)


@dataclass(frozen=True)
class ManyDays:
    """The rows of a spine, each with its own day; ``rows`` has row_key, subject_key, as_of_day, rate_day and the windows."""

    rows: ir.Table
    lengths: tuple[int, ...] = ()

    def join(self, table: ir.Table) -> ir.Table:
        """The rows of a table joined to the spine's rows of the same subject."""
        return self.rows.inner_join(table, "subject_key")

    def dated(self, table: ir.Table) -> ir.Table:
        """Rows that hold their days and windows already."""
        return table

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a stored table needs for :meth:`dated` to complete its rows."""
        return ("row_key", "as_of_day", *(window_column(m) for m in self.lengths))

    def known_visits(self, visits: ir.Table) -> ir.Table:
        """Per quarter start of the rows (``rate_day``), the visits known by then."""
        days = self.rows.select("rate_day").distinct()
        return days.inner_join(visits, [visits.known_day <= days.rate_day])

    def without_hidden(self, rows: ir.Table, hidden: ir.Table, key: str) -> ir.Table:
        """Rows without those whose key (that of an incident, or a visit) is hidden on the row's day."""
        same = hidden[key] == rows[key]
        return rows.anti_join(hidden, [same, hidden.hidden_from <= rows.as_of_day, hidden.hidden_until > rows.as_of_day])


Rows = OneDay | ManyDays


@dataclass(frozen=True)
class Panel:
    """The events of a panel in two tables: ``plain`` ones, reported once and never changed, and all others."""

    plain: ir.Table
    others: ir.Table


def visible_events(
    records: Records, rows: Rows, kinds: list[int], *, trained_on: dt.date | None, panel: Panel | None = None
) -> ir.Table:
    """One row per row of the spine and incident that counts for it: the event's columns, the row's day and windows.

    Happened by ``as_of_day``, known by then, not past ``valid_day``, in no hidden range that day. Of an
    incident reported several times the report known first counts. With ``trained_on``, records whose
    withdrawal or upheld dispute was known by that day never count (they were void from the beginning). ``panel`` has those
    events of ``event_keys`` that any of its days may see; None reads ``event_keys``.
    """
    if panel is None:
        return _counted(records, _known(records.table("event_keys"), rows, kinds), rows, trained_on)
    plain, others = _known(panel.plain, rows, kinds), _counted(records, _known(panel.others, rows, kinds), rows, trained_on)
    return plain.select(*plain.columns).union(others.select(*plain.columns))


def _known(events: ir.Table, rows: Rows, kinds: list[int]) -> ir.Table:
    """The rows' events of some kinds that had happened, were known and not over."""
    used = events.filter(events.kind_key.isin(kinds)) if kinds else events.filter(ibis.literal(False))
    joined = rows.join(used)
    not_over = joined.valid_day.isnull() | (joined.valid_day >= joined.as_of_day)
    return joined.filter((joined.event_day <= joined.as_of_day) & (joined.known_day <= joined.as_of_day) & not_over)


def _counted(records: Records, events: ir.Table, rows: Rows, trained_on: dt.date | None) -> ir.Table:
    """Those of no hidden range, each incident once."""
    hidden = hidden_ranges(records, "hidden", trained_on)
    if hidden is not None:
        events = rows.without_hidden(events, hidden, "incident_key")
    if not records.has("copies"):
        return events
    single, repeated = events.filter(~events.copies), events.filter(events.copies)
    groups, order = [repeated.row_key, repeated.incident_key], [repeated.known_day, repeated.event_key]
    ranked = repeated.mutate(telling=ibis.row_number().over(group_by=groups, order_by=order))
    return single.union(ranked.filter(ranked.telling == 0).drop("telling"))


def hidden_ranges(records: Records, name: Hidden | Literal["hidden"], trained_on: dt.date | None) -> ir.Table | None:
    """The day ranges in which records, visits or grades do not count (an expression); None where there are none.

    With ``trained_on``, what a withdrawal or an upheld dispute that was known by that day has ended is hidden from the beginning.
    Of records :meth:`creditscore.records.records.Records.with_disputed` an open dispute hides nothing.
    """
    if not records.has(name):
        return None
    hidden = records.table(name)
    if records.disputed_count:
        hidden = hidden.filter(hidden.why != DISPUTED)
    if trained_on is None:
        return hidden
    void = hidden.why.isin(VOIDING_CHANGES) & (hidden.hidden_from <= day_number(trained_on))
    return hidden.mutate(hidden_from=ibis.ifelse(void, ibis.literal(BEFORE_ALL, "int32"), hidden.hidden_from))


def visible_ratings(records: Records, rows: Rows, scheme: str, *, trained_on: dt.date | None) -> ir.Table:
    """One row per row of the spine and grade of a scheme that was issued and known by ``as_of_day`` and is not hidden then.

    With ``trained_on``, a grade that an objection upheld by that day has taken away never counts.
    """
    ratings, index = records.table("ratings"), records.table("subject_index")
    of_scheme = ratings.filter(ratings.scheme == scheme).inner_join(index, "subject_id")
    days = {"event_day": day_column(of_scheme.event_date), "known_day": day_column(of_scheme.known_date)}
    joined = rows.join(of_scheme.select("subject_key", "subject_id", "scheme", "grade", **days))
    known = joined.filter((joined.event_day <= joined.as_of_day) & (joined.known_day <= joined.as_of_day))
    return counting_ratings(known, hidden_ranges(records, HIDDEN_RATINGS, trained_on))


def _day(day: dt.date) -> ir.IntegerValue:
    return ibis.literal(day_number(day), "int32")
