"""Rows that happened or became known after the day: newer data, or slips of a few."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
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

    Those that lie further ahead than the project's ``max_ahead_days`` are slips rather than newer data, if they are few beside the
    source's other rows (``max_ahead_share``, or a single one): a warning.
    """
    for name in ("events", "inspections", "ratings"):
        sources = records.arrivals_of(name)
        if not sources or not records.outcomes[name].kept:
            continue
        rows = arrived_table(TABLES[name])
        about, latest = records.project.about, ibis.greatest(rows.event_date, rows.known_date)
        ahead = rows.select(ARRIVAL, number=source_number(rows, sources), latest=latest).filter(ibis._.latest > as_of)
        far = ahead.filter(ahead.latest > as_of + dt.timedelta(days=about.max_ahead_days))
        counts, distant = _counts(records, ahead), _counts(records, far)
        for number, n in counts.items():
            source, slips = sources[number], distant.get(number, 0)
            slips = slips if slips <= max(1, about.max_ahead_share * source.rows) else 0
            if slips:
                rule = _("happened or known after the day, and few of the source do: look at their days")
                nearest = _nearest(records, far.filter(far.number == number), sources)
                yield Finding("future", name, rule, source.source, slips, nearest, "warning")
            if n > slips:
                yield Finding("future", name, _("happened or known after the day"), source.source, n - slips, level="note")


def _counts(records: Records, rows: ir.Table) -> dict[int, int]:
    """The number of rows by number of their source."""
    counted = records.engine.query(rows.group_by("number").agg(n=rows.count()).order_by("number"))
    return dict(zip(counted["number"].to_pylist(), counted["n"].to_pylist(), strict=True))


def _nearest(records: Records, rows: ir.Table, sources: Sequence[Arrival]) -> str:
    """The places of a few rows, the nearest first."""
    found = records.engine.query(rows.order_by(["latest", ARRIVAL]).limit(_LISTED))
    names, numbers = source_rows(sources, one_array(found[ARRIVAL]))
    return ", ".join(f"{at}:{row}" for at, row in zip(names.to_pylist(), numbers.to_pylist(), strict=True))
