"""Since when each fault is there, and what became of those that are gone: put right, withdrawn, or wrong in another way."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.records.deliveries.drift import Earlier
from creditscore.records.deliveries.outside import Outside
from creditscore.records.deliveries.units import Units
from creditscore.records.standard.arrivals import ARRIVAL, source_rows
from creditscore.records.standard.contracts import arrived_table, refused_table
from creditscore.records.standard.rejects import REJECT_SCHEMA, columns_of
from creditscore.records.standard.waiting import wait_for_register
from creditscore.records.tables import TABLES, StandardTable

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.records.records import Records

#: A reject with its history: ``provider`` is the unit that sent it, ``rest`` a hash of the row's other columns where the fault
#: is in its key, ``since`` the day on which this fault was first seen.
HISTORY_SCHEMA = pa.schema([*REJECT_SCHEMA, ("provider", pa.string()), ("rest", pa.string()), ("since", pa.date32())])
#: What became of an earlier fault. ``otherwise``: its row is still refused, for another reason.
MENDED, WITHDRAWN, OTHERWISE = "mended", "withdrawn", "otherwise"
_JOINT, _MARK = "|", "\x1f"
_GONE = "gone_rows"


def with_history(
    records: Records, units: Units, earlier: Earlier, as_of: dt.date, outside: Outside
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rejects with their history, and the faults of the earlier run that are gone.

    A fault is the same as an earlier one if it has the same code (with its column) in the same source and table on the row
    of the same key; without a whole key, on the same text. Row numbers move and say nothing. Faults that are alike in all
    of this are matched one by one, so that a second one is a new one. Of subjects ``outside`` a run keeps no key: their faults are
    matched by code and number.

    Returns:
        The rejects, the columns of :data:`HISTORY_SCHEMA`; and those of the earlier run that are gone, with ``became``.
    """
    now = records.rejects.to_pandas()
    named = units.of_rejects()
    places = list(zip(now["source"].tolist(), now["row"].tolist(), strict=True))
    now["provider"] = [named.get(place) or units.of(place[0], None) for place in places]
    rests = _rests_of_rejects(records)
    now["rest"] = [rests.get((*place, code), "") for place, code in zip(places, now["code"], strict=True)]
    now["since"] = as_of
    if earlier.rejects is None or not earlier.rejects.num_rows:
        return now, pd.DataFrame(columns=[*HISTORY_SCHEMA.names, "became"])
    before = earlier.rejects.to_pandas(date_as_object=True)
    for name in HISTORY_SCHEMA.names:  # a run of an earlier version knows less
        if name not in before:
            before[name] = earlier.as_of if name == "since" else ""
    before["provider"] = [
        provider or (units.of(source, None) if units.knows(source) else source)
        for provider, source in zip(before["provider"], before["source"], strict=True)
    ]
    before = before.sort_values(["since", "table", "source", "row"], kind="stable")
    old, new = _numbered(before), _numbered(outside.masked(now))
    known = dict(zip(old, before["since"], strict=True))
    now["since"] = pd.Series([known.get(fault, as_of) for fault in new], index=now.index, dtype=object)
    found = set(new)
    # A row that waited for the register was right: that it counts now is nobody's mending.
    waited = wait_for_register(pa.Table.from_pandas(before[REJECT_SCHEMA.names], schema=REJECT_SCHEMA, preserve_index=False))
    gone = before[[fault not in found and not wait for fault, wait in zip(old, waited.to_pylist(), strict=True)]].copy()
    gone["became"] = _became(records, now, gone, earlier)
    return now, gone


def history_table(rejects: pd.DataFrame) -> pa.Table:
    """Rejects with their history as they are stored, by table, source and row."""
    table = pa.Table.from_pandas(rejects[HISTORY_SCHEMA.names], schema=HISTORY_SCHEMA, preserve_index=False)
    return table.replace_schema_metadata().sort_by([(name, "ascending") for name in ("table", "source", "row", "code")])


def _numbered(rejects: pd.DataFrame) -> list[tuple[object, ...]]:
    """What tells one fault from another; equal ones are counted."""
    whole = [all(part for part in key.split(_JOINT)) for key in rejects["key"].fillna("").tolist()]
    texts = ["" if known else text for known, text in zip(whole, rejects["text"].fillna("").tolist(), strict=True)]
    seen: Counter[tuple[object, ...]] = Counter()
    faults = []
    for fault in zip(*(rejects[name].tolist() for name in ("table", "source", "key", "code", "scope")), texts, strict=True):
        faults.append((*fault, seen[fault]))
        seen[fault] += 1
    return faults


def _became(records: Records, now: pd.DataFrame, gone: pd.DataFrame, earlier: Earlier) -> list[str]:
    """What became of each fault that is gone.

    Its row counts as put right where its key, or all of its row but the faulty part of its key, is among the good rows now.
    A line that could not be cut has neither: it counts as put right unless its source has fewer rows than before.
    """
    refused = now[now["scope"] == "row"]
    still = set(zip(refused["table"], refused["key"], strict=True))
    good: set[tuple[str, str]] = set()
    for name, rows in gone.groupby("table"):
        table = TABLES[str(name)]
        keys, rests = set(rows["key"]) - {""}, set(rows["rest"]) - {""}
        good |= {(str(name), key) for key in _found(records, key_text(arrived_table(table), table), keys)}
        for column in table.key if rests else ():
            good |= {(str(name), rest) for rest in _found(records, _rest_text(arrived_table(table), table, column), rests)}
    before = rows_by_source(earlier)
    fewer = {arrival.source for arrival in records.arrivals if arrival.rows < before.get(arrival.source, 0)}
    present = {arrival.source for arrival in records.arrivals} - fewer

    def fate(row: Mapping[str, str]) -> str:
        table, key = row["table"], row["key"]
        if (table, key) in good:
            return MENDED
        if key and (table, key) in still:
            return OTHERWISE
        if row["rest"] and (table, row["rest"]) in good:
            return MENDED
        return MENDED if not key and row["source"] in present else WITHDRAWN

    return [fate({str(name): value for name, value in row.items()}) for row in gone.to_dict("records")]


def rows_by_source(earlier: Earlier) -> dict[str, int]:
    """How many rows each source had in the earlier run; nothing where there is none."""
    rows = [] if earlier.profile is None else earlier.profile.to_pylist()
    return {row["source"]: row["n"] for row in rows if row["measure"] == "rows"}


def key_text(rows: ir.Table, table: StandardTable) -> ir.StringValue:
    """The key of each row as rejects have it, parts joined by ``|``."""
    parts = [rows[name].cast("string").fill_null("") for name in table.key]
    return parts[0] if len(parts) == 1 else ibis.literal(_JOINT).join(parts)


def _rest_text(rows: ir.Table, table: StandardTable, column: str) -> ir.StringValue:
    """A hash of all that a row has beside one column of its key."""
    others = [name for name, kind in table.columns.items() if name != column and not pa.types.is_list(kind)]
    texts = [rows[name].cast("string").fill_null("") for name in others]
    return ibis.literal(_MARK).join([ibis.literal(column), *texts]).hexdigest("sha256")


def _rests_of_rejects(records: Records) -> dict[tuple[str, int, str], str]:
    """The hash of the rest of each row that was refused for its key, by source, row and code."""
    rests: dict[tuple[str, int, str], str] = {}
    for name, table in TABLES.items():
        arrivals = records.arrivals_of(name)
        codes = sorted(set(records.rejects.filter(_of_row(records.rejects, name))["code"].to_pylist()))
        wrong = {code: column for code in codes if (column := _key_column(code, table)) is not None}
        if not arrivals or not wrong:
            continue
        refused = refused_table(table)
        for code, column in wrong.items():
            rows = refused.filter(refused.code == code)
            found = records.engine.query(rows.select(ARRIVAL, rest=_rest_text(rows, table, column)))
            sources, places = source_rows(arrivals, found[ARRIVAL].combine_chunks())
            triples = zip(sources.to_pylist(), places.to_pylist(), found["rest"].to_pylist(), strict=True)
            rests |= {(source, row, code): rest for source, row, rest in triples}
    return rests


def _of_row(rejects: pa.Table, table: str) -> pa.Array:
    return pc.and_(pc.equal(rejects["table"], table), pc.equal(rejects["scope"], "row"))


def _key_column(code: str, table: StandardTable) -> str | None:
    """The column of the key that a fault is about, if it is about one."""
    columns = columns_of(code, table)
    return columns[0] if len(columns) == 1 and columns[0] in table.key else None


def _found(records: Records, text: ir.StringValue, wanted: Collection[str]) -> set[str]:
    """Which of some texts an expression over a table has in any row."""
    if not wanted:
        return set()
    records.engine.register(_GONE, pa.table({"gone": pa.array(sorted(wanted), pa.string())}))
    try:
        gone = ibis.table({"gone": "string"}, name=_GONE)
        rows = text.name("found").as_table()
        found = records.engine.query(gone.semi_join(rows, gone.gone == rows.found))
    finally:
        records.engine.drop(_GONE)
    return set(found["gone"].to_pylist())
