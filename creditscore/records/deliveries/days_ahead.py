"""Rows that happened or became known after the day: newer data, or slips of a few."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING

import ibis

from creditscore.language import _
from creditscore.records.columns.types import one_array
from creditscore.records.deliveries.findings import Finding
from creditscore.records.standard.arrivals import ARRIVAL, Arrival, source_number, source_rows
from creditscore.records.standard.contracts import arrived_table
from creditscore.records.tables import TABLES

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.records.records import Records

#: Rows that are listed, the one nearest to the day first.
_LISTED = 3


def ahead_findings(records: Records, as_of: dt.date) -> Iterator[Finding]:
    """Per source of records, visits and ratings, its rows that lie after a day: left out until then.

    Where they are few beside the source's other rows (``max_ahead_share`` of the project, or a single one) they are slips
    rather than newer data: a warning.
    """
    for name in ("events", "inspections", "ratings"):
        sources = records.arrivals_of(name)
        if not sources or not records.outcomes[name].kept:
            continue
        rows = arrived_table(TABLES[name])
        ahead = rows.filter((rows.event_date > as_of) | (rows.known_date > as_of))
        counts = records.engine.query(ahead.group_by(number=source_number(ahead, sources)).agg(n=ahead.count()).order_by("number"))
        for row in counts.to_pylist():
            source = sources[row["number"]]
            few = row["n"] <= max(1, records.project.about.max_ahead_share * source.rows)
            nearest = _nearest(records, ahead, source, name) if few else ""
            rule = _("happened or known after the day")
            if few:
                rule = _("happened or known after the day, and few of the source do: look at their days")
            yield Finding("future", name, rule, source.source, row["n"], nearest, "warning" if few else "note")


def _nearest(records: Records, ahead: ir.Table, source: Arrival, name: str) -> str:
    """The places of a few rows of a source, the nearest first."""
    sources = records.arrivals_of(name)
    own = ahead.filter(source_number(ahead, sources) == sources.index(source))
    dated = own.select(ARRIVAL, latest=ibis.greatest(own.event_date, own.known_date))
    rows = records.engine.query(dated.order_by(["latest", ARRIVAL]).limit(_LISTED))
    names, numbers = source_rows(sources, one_array(rows[ARRIVAL]))
    return ", ".join(f"{at}:{row}" for at, row in zip(names.to_pylist(), numbers.to_pylist(), strict=True))
