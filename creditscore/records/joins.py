"""Columns of a second file beside a source's own, by equal keys; rows neither multiply nor leave."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from creditscore.config.sources import Join, SourceSpec
from creditscore.errors import DataError
from creditscore.records.readers import read_source
from creditscore.records.rules import need_columns, rows_where

_PLACE, _KEY, _ROWS = "place_of_row", "key_of_join_{}", "rows_of_key"


def join_files(raw: pa.Table, source: SourceSpec, folder: Path) -> pa.Table:
    """The source's rows in their order, with the columns that its joins take.

    Raises:
        DataError: A joined file is absent or lacks a column, keys are of types that cannot be compared, or
            a column would stand twice.
    """
    for join in source.join:
        raw = _joined(raw, join, source, folder)
    return raw


def _joined(raw: pa.Table, join: Join, source: SourceSpec, folder: Path) -> pa.Table:
    need_columns(raw, list(join.on), source.file)
    twice = sorted(set(join.take) & set(raw.column_names))
    if twice:
        raise DataError(
            f'source "{source.name}": {join.file}: expected columns that {source.file} lacks (both have {", ".join(twice)})'
        )
    there = _one_per_key(_read(join, source, folder), raw, join)
    numbered = raw.select(list(join.on)).append_column(_PLACE, pa.array(range(raw.num_rows), pa.int64()))
    keys = [_KEY.format(place) for place in range(len(join.on))]
    found = numbered.join(there, keys=list(join.on), right_keys=keys, join_type="left outer").sort_by(_PLACE)
    for name in join.take:
        raw = raw.append_column(name, found[name])
    return raw


def _read(join: Join, source: SourceSpec, folder: Path) -> pa.Table:
    spec = SourceSpec(
        name=source.name, table=source.table, file=join.file, format=join.format, encoding=join.encoding, sheet=join.sheet
    )
    table = read_source(spec, folder).table
    need_columns(table, [*join.on.values(), *join.take], join.file)
    return rows_where(table, join.where, join.file)


def _one_per_key(table: pa.Table, raw: pa.Table, join: Join) -> pa.Table:
    """One row per key whose rows agree on all that is taken; keys in the source's types."""
    columns = {}
    for place, (own, other) in enumerate(join.on.items()):
        columns[_KEY.format(place)] = _like(table[other], raw.schema.field(own).type, f"{join.file}: {other}")
    keys = list(columns)
    given = pa.table({**columns, **{name: table[name] for name in join.take}})
    distinct = given.group_by([*keys, *join.take], use_threads=False).aggregate([])
    counted = distinct.group_by(keys, use_threads=False).aggregate([([], "count_all")]).rename_columns([*keys, _ROWS])
    alone = counted.filter(pc.equal(counted[_ROWS], 1)).drop_columns([_ROWS])
    return distinct.join(alone, keys=keys, join_type="left semi")


def _like(column: pa.ChunkedArray, kind: pa.DataType, where: str) -> pa.ChunkedArray:
    try:
        return column.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise DataError(f"{where}: expected keys that can be read as {kind} (got {column.type})") from None
