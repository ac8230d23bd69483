"""Which records and grades count: of everybody on one day, or of some firms each on a day of its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from creditscore.dates import day_number
from creditscore.records.adverse.contested import HIDDEN_RATINGS, Contested, counting_ratings
from creditscore.records.standard.arrivals import ARRIVAL
from creditscore.records.standard.contracts import kept_table
from creditscore.records.standard.keys import day_column
from creditscore.records.tables import TABLES

if TYPE_CHECKING:
    import ibis.expr.types as ir

_EVENT_COLUMNS = ("subject_id", "kind", "event_id", "document_no", "event_date")
#: The name in the engine of the firms and days that are asked about, and its columns.
_ASKED = "asked_rows"
_ASKED_SCHEMA = pa.schema([("row", pa.int64()), ("subject_id", pa.string()), ("as_of_day", pa.int32())])


def events_in_force(records: Contested, as_of: dt.date) -> ir.Table:
    """The events that count on a day (an expression): happened, known, not expired, not hidden by a change."""
    day, hidden = ibis.literal(day_number(as_of), "int32"), records.table("hidden")
    hidden_then = hidden.filter((hidden.hidden_from <= day) & (hidden.hidden_until > day))
    return _known(records.table("event_keys"), day).anti_join(hidden_then, "incident_key")


def listed(records: Contested, events: ir.Table, kinds: Collection[str]) -> pa.Table:
    """Keyed events of some kinds with their ids and documents, by subject, day and id."""
    rows = _of_kinds(records, kinds).semi_join(events, ARRIVAL).select(*_EVENT_COLUMNS)
    return records.engine.query(rows.order_by(["subject_id", "event_date", "event_id"]))


def listed_by_row(records: Contested, kinds: Collection[str], rows: pa.Table) -> pa.Table:
    """One row per asked firm and event of these kinds that counts for it on its day, by row, day and id.

    Args:
        records: Where to look.
        kinds: Kinds of events.
        rows: ``subject_id`` and ``as_of``; a firm may be asked about several times, on one day too.

    Returns:
        ``row`` (the position in ``rows``, from 0), ``subject_id, kind, event_id, document_no, event_date``.
    """
    with _asked(records, rows) as asked:
        hidden, index = records.table("hidden"), records.table("subject_index")
        joined = asked.inner_join(index, "subject_id").select("row", "subject_key", "as_of_day")
        known = joined.inner_join(records.table("event_keys"), "subject_key")
        known = _known(known, known.as_of_day)
        same = hidden.incident_key == known.incident_key
        then = [same, hidden.hidden_from <= known.as_of_day, hidden.hidden_until > known.as_of_day]
        counting = known.anti_join(hidden, then).select("row", ARRIVAL)
        found = counting.inner_join(_of_kinds(records, kinds), ARRIVAL).select("row", *_EVENT_COLUMNS)
        return records.engine.query(found.order_by(["row", "event_date", "event_id"]))


def grades(records: Contested, scheme: str, as_of: dt.date, *, among: Collection[str] | None = None) -> pa.Table:
    """One row per subject rated under a scheme, by subject: its newest grade that was known on a day and counts then.

    ``among``: only where that grade is one of these; None: any.
    """
    dated = _rated(records, [scheme]).mutate(as_of_day=ibis.literal(day_number(as_of), "int32"))
    rows = _newest(records, dated, "subject_id")
    rows = rows if among is None else rows.filter(rows.grade.isin(sorted(among)) if among else ibis.literal(False))
    return records.engine.query(rows.select("subject_id", "grade", "event_date").order_by("subject_id"))


def grades_by_row(records: Contested, schemes: Collection[str], rows: pa.Table) -> pa.Table:
    """One row per asked firm and scheme, by both: the newest grade that was known on its day and counts then.

    Args:
        records: Where to look.
        schemes: Schemes of ratings.
        rows: As of :func:`listed_by_row`.

    Returns:
        ``row`` (the position in ``rows``, from 0), ``subject_id, scheme, grade, event_date``.
    """
    with _asked(records, rows) as asked:
        found = _newest(records, asked.inner_join(_rated(records, schemes), "subject_id"), "row", "scheme")
        found = found.select("row", "subject_id", "scheme", "grade", "event_date")
        return records.engine.query(found.order_by(["row", "scheme"]))


def _known(events: ir.Table, day: ir.IntegerValue) -> ir.Table:
    """The events that had happened by a day and were known then, and were not over."""
    not_over = events.valid_day.isnull() | (events.valid_day >= day)
    return events.filter((events.event_day <= day) & (events.known_day <= day) & not_over)


def _of_kinds(records: Contested, kinds: Collection[str]) -> ir.Table:
    events = kept_table(TABLES["events"])
    return events.filter(events.kind.isin(list(kinds))).select(ARRIVAL, *_EVENT_COLUMNS)


def _rated(records: Contested, schemes: Collection[str]) -> ir.Table:
    """The grades of some schemes with their days as numbers."""
    ratings = records.table("ratings")
    of_schemes = ratings.filter(ratings.scheme.isin(list(schemes)))
    days = {"event_day": day_column(of_schemes.event_date), "known_day": day_column(of_schemes.known_date)}
    return of_schemes.select("subject_id", "scheme", "grade", "event_date", **days)


def _newest(records: Contested, dated: ir.Table, *by: str) -> ir.Table:
    """Of grades with ``as_of_day`` the newest one that had been issued and was known then, and is not hidden, by some columns."""
    known = dated.filter((dated.event_day <= dated.as_of_day) & (dated.known_day <= dated.as_of_day))
    known = counting_ratings(known, records.table(HIDDEN_RATINGS) if records.has(HIDDEN_RATINGS) else None)
    newest_first = [known.event_day.desc(), known.known_day.desc(), known.grade]
    ranked = known.mutate(age_rank=ibis.row_number().over(group_by=[known[name] for name in by], order_by=newest_first))
    return ranked.filter(ranked.age_rank == 0)


@contextmanager
def _asked(records: Contested, rows: pa.Table) -> Iterator[ir.Table]:
    """The asked firms and days as a table of the engine: ``row, subject_id, as_of_day``."""
    columns = [pa.array(range(rows.num_rows), pa.int64()), rows["subject_id"].cast(pa.string())]
    numbers = rows["as_of"].cast(pa.date32()).cast(pa.int32())
    records.engine.register(_ASKED, pa.table([*columns, numbers], schema=_ASKED_SCHEMA))
    try:
        yield ibis.table({"row": "int64", "subject_id": "string", "as_of_day": "int32"}, name=_ASKED)
    finally:
        records.engine.drop(_ASKED)
