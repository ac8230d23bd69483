"""What each unit delivered, table by table: what arrived, was read, was mended since the run before, is refused, and since when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from creditscore.language import Words, _, pgettext
from creditscore.records.deliveries.fault_history import MENDED, WITHDRAWN
from creditscore.records.deliveries.findings import TABLE_WORDS, text_grid
from creditscore.records.deliveries.units import COPIED, KEPT, REFUSED, Units
from creditscore.records.standard.rejects import REJECT_SCHEMA
from creditscore.records.standard.waiting import wait_for_register
from creditscore.spreadsheet import Column, Sheet
from creditscore.spreadsheet.sheets import is_blank

if TYPE_CHECKING:
    import datetime as dt

    from creditscore.records.records import Records

#: One row per unit and source. ``values`` are single values that were refused in rows that count; ``new`` faults were not
#: there in the run before; ``since`` is the day on which the oldest fault was first seen. ``before`` are the rows of the run
#: before, of a source that one unit sends as a whole. ``waiting`` are refused rows whose code is right and whose row in the
#: register is refused: they are no new faults of their sender.
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
    Column("waiting", pgettext("delivery", "Waiting for the register"), kind="integer", width=10),
    Column("before", pgettext("delivery", "Rows before"), kind="integer", width=10),
)
#: Columns that a page of text has no room for.
_NOT_ON_PAGES = ("source", "waiting", "before")


def delivery_table(
    records: Records, units: Units, rejects: pd.DataFrame, gone: pd.DataFrame, as_of: dt.date, before: Mapping[str, int],
) -> pd.DataFrame:  # fmt: skip
    """One row per unit and source, by unit, in the order of ``sources.toml``; the columns of :data:`DELIVERY_COLUMNS`.

    Args:
        records: What arrived.
        units: Who sent it.
        rejects: The rejects with their history.
        gone: Those of the run before that are gone.
        as_of: The day.
        before: The rows of each source in the run before.
    """
    waiting = pd.Series(wait_for_register(_as_table(rejects)).to_pylist(), index=rejects.index, dtype=bool)
    senders = Counter(source for source, _unit in units.counts)
    faults = {(str(source), str(unit)): part for (source, unit), part in rejects.groupby(["source", "provider"])}
    fates = Counter(zip(gone["source"], gone["provider"], gone["became"], strict=True))
    places = {arrival.source: (number, arrival) for number, arrival in enumerate(records.arrivals)}
    pairs = [pair for pair in dict.fromkeys([*units.counts, *(fate[:2] for fate in fates)]) if pair[0] in places]

    def rows() -> Iterator[tuple[object, ...]]:
        for source, unit in sorted(pairs, key=lambda pair: (pair[1], places[pair[0]][0])):
            arrival, counts, own = places[source][1], units.counts[source, unit], faults.get((source, unit), rejects.iloc[:0])
            refused = set(own.loc[own["scope"] == "row", "row"])
            waits = own["row"].isin(set(own.loc[waiting[own.index], "row"]))
            values, new = int((~own["row"].isin(refused)).sum()), int(((own["since"] == as_of) & ~waits).sum())
            yield (
                unit, arrival.table, source, arrival.file, sum(counts.values()), counts[KEPT], counts[COPIED], counts[REFUSED],
                values, new, own["since"].min() if len(own) else None,
                fates[source, unit, MENDED], fates[source, unit, WITHDRAWN],
                int(waiting[own.index].sum()),
                before.get(source) if senders[source] == 1 and not arrival.left_out else None,
            )  # fmt: skip

    table = pd.DataFrame(list(rows()), columns=[column.key for column in DELIVERY_COLUMNS])
    return table.astype({"before": "Int64"})


def _as_table(rejects: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(rejects[REJECT_SCHEMA.names], schema=REJECT_SCHEMA, preserve_index=False)


def stored_deliveries(deliveries: pd.DataFrame) -> pa.Table:
    """The deliveries as they are stored."""
    kinds = {"integer": pa.int64(), "date": pa.date32()}
    schema = pa.schema([(column.key, kinds.get(column.kind, pa.string())) for column in DELIVERY_COLUMNS])
    return pa.Table.from_pandas(deliveries, schema=schema, preserve_index=False).replace_schema_metadata()


def delivery_lines(deliveries: pd.DataFrame, words: Words) -> Iterator[str]:
    """The deliveries as a page of text."""
    yield words.text(_("DELIVERIES by unit and source"))
    columns = [column for column in DELIVERY_COLUMNS if column.key not in _NOT_ON_PAGES]
    body = [[_cell(row[column.key], column, words) for column in columns] for row in deliveries.to_dict("records")]
    yield from text_grid([words.text(column.label) for column in columns], body)


def _cell(value: object, column: Column, words: Words) -> object:
    if column.key == "table":
        return words.text(TABLE_WORDS.get(str(value), str(value)))
    return ("" if is_blank(value) else str(value)) if column.kind == "date" else value


def delivery_sheet(deliveries: pd.DataFrame, words: Words) -> Sheet:
    """The deliveries as a sheet of the check-up's workbook."""
    rows = (
        [words.text(TABLE_WORDS.get(str(row[column.key]), str(row[column.key]))) if column.key == "table" else row[column.key]
         for column in DELIVERY_COLUMNS]
        for row in deliveries.to_dict("records")
    )  # fmt: skip
    return Sheet(pgettext("sheet", "Deliveries"), DELIVERY_COLUMNS, rows)
