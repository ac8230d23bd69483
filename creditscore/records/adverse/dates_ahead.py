"""Records and subjects that the last night knew and whose row now says that they become known after the day of the run.

Such a row would take its record, or its subject, away from tonight. A day that lies ahead is no fault by itself: a run for a
past day may read newer data. It is one where the last reading had the record known by the day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from creditscore.records.adverse.refused_records import RECORD
from creditscore.records.standard.arrivals import ARRIVAL

if TYPE_CHECKING:
    import datetime as dt

    import ibis.expr.types as ir

#: The code of a row that lies ahead; the column of its day follows.
DATE_AHEAD = "DATE_AHEAD"


def dates_ahead(rows: ir.Table, name: str, last: ir.Table, as_of: dt.date) -> ir.Table:
    """Rows of known records that lie ahead of a day: ``arrival``, ``why``.

    A rating has no id, and its day is a part of its key: one that lies ahead is taken for the one of its firm and scheme that
    the last reading knew and that is absent.

    Args:
        rows: Rows of a table without a fault of their own.
        name: ``events``, ``inspections`` or ``ratings``.
        last: Its last reading.
        as_of: The day of the run.

    Returns:
        An expression.
    """
    known = last.filter(_is_known(last, as_of))
    ahead = rows.filter(~_is_known(rows, as_of))
    if name in RECORD:
        found = ahead.semi_join(known.select(RECORD[name]).distinct(), RECORD[name])
    else:
        same = known.anti_join(rows.filter(_is_known(rows, as_of)), ["subject_id", "scheme", "event_date"])
        told = ahead.semi_join(same, ["subject_id", "scheme", "event_date"])
        lost = same.anti_join(ahead, ["subject_id", "scheme", "event_date"])
        moved = ahead.filter(ahead.event_date > as_of).semi_join(lost, ["subject_id", "scheme"])
        found = ahead.filter(ahead[ARRIVAL].isin(told[ARRIVAL]) | ahead[ARRIVAL].isin(moved[ARRIVAL]))
    column = ibis.ifelse(found.event_date > as_of, ibis.literal("event_date"), ibis.literal("known_date"))
    return found.select(ARRIVAL, why=ibis.literal(f"{DATE_AHEAD}:") + column)


def register_ahead(rows: ir.Table, rated: ir.Table, as_of: dt.date) -> ir.Table:
    """Rows of the register that would take a rated subject away from a day: ``arrival``, ``why``.

    They are of a subject that no other row has in force on the day; or they have it registered after the day.

    Args:
        rows: Rows of the register without a fault of their own.
        rated: ``subject_id`` of the subjects that had a tier in the last night.
        as_of: The day of the run.

    Returns:
        An expression.
    """
    known = ibis.coalesce(rows.known_date, rows.valid_from)
    ahead, late = (rows.valid_from > as_of) | (known > as_of), (rows.registered_date > as_of).fill_null(False)
    fine = rows.filter(~ahead & ~late).select(fine_id="subject_id").distinct()
    cases = ((rows.valid_from > as_of, "valid_from"), (known > as_of, "known_date"))
    column = ibis.cases(
        *((wrong, ibis.literal(f"{DATE_AHEAD}:{name}")) for wrong, name in cases), else_=f"{DATE_AHEAD}:registered_date"
    )
    found = rows.filter(ahead | late).select(ARRIVAL, "subject_id", in_force=~ahead, why=column)
    found = found.semi_join(rated, "subject_id")
    joined = found.left_join(fine, found.subject_id == fine.fine_id)
    return joined.filter(joined.in_force | joined.fine_id.isnull()).select(ARRIVAL, "why")


def _is_known(rows: ir.Table, as_of: dt.date) -> ir.BooleanValue:
    return (rows.event_date <= as_of) & (rows.known_date <= as_of)
