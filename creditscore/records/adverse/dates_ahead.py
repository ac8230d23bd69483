"""Records that the last night knew and whose row now says that they become known after the day of the run.

Such a row would take its record away from tonight. A day that lies ahead is no fault by itself: a run for a past day may read
newer data. It is one where the last reading had the record known by the day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from creditscore.records.adverse.refused_records import RECORD
from creditscore.records.standard.arrivals import ARRIVAL

if TYPE_CHECKING:
    import datetime as dt

    import ibis.expr.types as ir

_CODE = "DATE_AHEAD"


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
    return found.select(ARRIVAL, why=ibis.literal(f"{_CODE}:") + column)


def _is_known(rows: ir.Table, as_of: dt.date) -> ir.BooleanValue:
    return (rows.event_date <= as_of) & (rows.known_date <= as_of)
