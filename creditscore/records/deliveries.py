"""What each unit delivered, table by table: what arrived, was read, was mended since the run before, is refused, and since when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from creditscore.language import _, pgettext
from creditscore.records.fault_history import MENDED, WITHDRAWN
from creditscore.records.units import COPIED, KEPT, REFUSED, Units
from creditscore.spreadsheet import Column

if TYPE_CHECKING:
    import datetime as dt

    from creditscore.records.records import Records

#: One row per unit and source. ``values`` are single values that were refused in rows that count; ``new`` faults were not
#: there in the run before; ``since`` is the day on which the oldest fault was first seen.
DELIVERY_COLUMNS = (
    Column("provider", pgettext("delivery", "Unit"), width=26),
    Column("table", _("Table"), width=14),
    Column("source", pgettext("delivery", "Source"), width=20),
    Column("file", pgettext("delivery", "File"), width=28),
    Column("arrived", pgettext("delivery", "Arrived"), kind="integer", width=10),
    Column("read", pgettext("delivery", "Read"), kind="integer", width=10),
    Column("copies", pgettext("delivery", "Copies"), kind="integer", width=10),
    Column("refused", pgettext("delivery", "Refused"), kind="integer", width=10),
    Column("values", pgettext("delivery", "Values refused"), kind="integer", width=12),
    Column("new", pgettext("delivery", "New faults"), kind="integer", width=10),
    Column("since", pgettext("delivery", "Oldest since"), kind="date", width=13),
    Column("mended", pgettext("delivery", "Mended"), kind="integer", width=10),
    Column("withdrawn", pgettext("delivery", "Withdrawn"), kind="integer", width=10),
)


def delivery_table(records: Records, units: Units, rejects: pd.DataFrame, gone: pd.DataFrame, as_of: dt.date) -> pd.DataFrame:
    """One row per unit and source, by unit, in the order of ``sources.toml``; the columns of :data:`DELIVERY_COLUMNS`.

    Args:
        records: What arrived.
        units: Who sent it.
        rejects: The rejects with their history.
        gone: Those of the run before that are gone.
        as_of: The day.
    """
    faults = {pair: part for pair, part in rejects.groupby(["source", "provider"])}
    past = {pair: part["became"].value_counts() for pair, part in gone.groupby(["source", "provider"])}
    places = {arrival.source: (number, arrival) for number, arrival in enumerate(records.arrivals)}
    pairs = [pair for pair in dict.fromkeys([*units.counts, *past]) if pair[0] in places]

    def rows() -> Iterator[tuple[object, ...]]:
        for source, provider in sorted(pairs, key=lambda pair: (pair[1], places[pair[0]][0])):
            arrival, counts, own = places[source][1], units.counts[source, provider], faults.get((source, provider))
            refused = set() if own is None else set(own.loc[own["scope"] == "row", "row"])
            values = 0 if own is None else int((~own["row"].isin(refused)).sum())
            new = 0 if own is None else int((own["since"] == as_of).sum())
            became = past.get((source, provider), {})
            yield (
                provider, arrival.table, source, arrival.file, sum(counts.values()), counts[KEPT], counts[COPIED],
                counts[REFUSED], values, new, None if own is None else own["since"].min(),
                int(became.get(MENDED, 0)), int(became.get(WITHDRAWN, 0)),
            )  # fmt: skip

    return pd.DataFrame(list(rows()), columns=[column.key for column in DELIVERY_COLUMNS])
