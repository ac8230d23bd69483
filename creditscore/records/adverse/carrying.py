"""Carries adverse records of the last reading forward: absent ones of some firms are added, refused values are filled in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.dates import day_number
from creditscore.engine import arrow_schema, unbound
from creditscore.records.adverse.readings import SOURCE, LastReading, reading_schema
from creditscore.records.adverse.refused_records import RECORD, SOFT, lacks
from creditscore.records.adverse.rules import AdverseRules
from creditscore.records.columns.types import one_array
from creditscore.records.standard.arrivals import ARRIVAL, FIELDS, KIND_KEY, LAST_DAY
from creditscore.records.standard.contracts import SUBJECT_KEY, kept_table
from creditscore.records.tables import TABLES

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.project import Project
    from creditscore.engine import Engine


def register_last(engine: Engine, project: Project, name: str, last: LastReading | None) -> ir.Table | None:
    """The last reading of a table in the engine, as far as it still counts; None where there is none."""
    path = last.files.get(name) if last else None
    if path is None or last is None:
        return None
    engine.register(f"{name}_last", path)
    rows = unbound(f"{name}_last", reading_schema(name))
    if name != "events":
        return rows
    not_over = rows[LAST_DAY].isnull() | (rows[LAST_DAY] >= day_number(last.as_of))
    return rows.filter(not_over & rows.kind.isin(list(project.catalogue.by_kind)))


def absent(name: str, last: ir.Table) -> ir.Table:
    """The records of the last reading that are not among tonight's good ones."""
    return last.anti_join(kept_table(TABLES[name]), list(TABLES[name].key))


def carry(engine: Engine, project: Project, name: str, last: ir.Table, firms: Sequence[str]) -> tuple[str, ...]:
    """Add the absent records of some firms to a table, and fill in refused values; the sources of those that were added.

    The ``arrival`` of a record that is carried forward is below 0: it did not arrive.
    """
    carried, sources = _carried(engine, project, name, last, firms)
    filled = _fill(engine, AdverseRules.of(project), name, last)
    if carried.num_rows or filled:
        _append(engine, name, carried)
    return tuple(sources)


def small_table(engine: Engine, name: str, column: str, values: Sequence[str]) -> ir.Table:
    """A small table of keys in the engine."""
    rows = pa.table({column: pa.array(sorted(set(values)), pa.string())})
    engine.register(name, rows)
    return unbound(name, rows.schema)


def _carried(engine: Engine, project: Project, name: str, last: ir.Table, firms: Sequence[str]) -> tuple[pa.Table, list[str]]:
    """The records of the last reading of some firms that are absent tonight, in the columns of the kept rows; their sources."""
    asked = small_table(engine, "asked_firms", "subject_id", firms)
    missing = absent(name, last).semi_join(asked, "subject_id")
    if name == "events":
        index = unbound("subject_index", pa.schema([("subject_id", pa.string()), (SUBJECT_KEY, pa.int64())]))
        known = index.select(SUBJECT_KEY, known_id="subject_id")
        missing = missing.left_join(known, missing.subject_id == known.known_id)
    rows = engine.query(missing.order_by(list(TABLES[name].key)))
    engine.drop("asked_firms")
    columns = {ARRIVAL: pa.array(range(-rows.num_rows, 0), pa.int64())}
    if name == "events":
        kinds = pa.array(list(project.catalogue.by_kind), pa.string())
        columns[KIND_KEY] = pc.index_in(one_array(rows["kind"]), kinds)
    arrays = []
    for field in arrow_schema(kept_table(TABLES[name])):
        own = columns.get(field.name)
        own = rows[field.name] if own is None and field.name in rows.column_names else own
        arrays.append(pa.nulls(rows.num_rows, field.type) if own is None else own)
    return pa.Table.from_arrays(arrays, schema=arrow_schema(kept_table(TABLES[name]))), rows[SOURCE].to_pylist()


def _fill(engine: Engine, rules: AdverseRules, name: str, last: ir.Table) -> bool:
    """Fill values that were refused from the last reading; whether there were any."""
    if not SOFT[name]:
        return False
    kept, key = kept_table(TABLES[name]), RECORD[name]
    lacking = kept.filter(lacks(kept, name, rules) & rules.adverse(name, kept))
    before = last.select(before_id=last[key], **{f"before_{column}": last[column] for column in SOFT[name]})
    joined = lacking.inner_join(before, lacking[key] == before.before_id)
    values = {}
    for column in SOFT[name]:
        wrong = joined[FIELDS].contains(f":{column}")
        values[column] = ibis.ifelse(wrong, ibis.coalesce(joined[column], joined[f"before_{column}"]), joined[column])
    rows = engine.query(joined.select(**{column: values.get(column, joined[column]) for column in kept.columns}))
    if not rows.num_rows:
        return False
    engine.register(f"{name}_filled", rows)
    filled = unbound(f"{name}_filled", rows.schema)
    engine.delete(f"{name}_rows", filled, ARRIVAL)
    engine.append(f"{name}_rows", filled)
    engine.drop(f"{name}_filled")
    return True


def _append(engine: Engine, name: str, carried: pa.Table) -> None:
    table = TABLES[name]
    if carried.num_rows:
        engine.register(f"{name}_carried", carried)
        engine.append(f"{name}_rows", unbound(f"{name}_carried", carried.schema))
        engine.drop(f"{name}_carried")
    # The view sees what it was made of, on Spark as it was then.
    engine.view(name, kept_table(table).select(list(table.columns)))
