"""Columns of a second file beside a source's own, by equal keys; rows neither multiply nor leave."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from creditscore.config.sources import Join, SourceSpec
from creditscore.errors import DataError
from creditscore.records.personal import personal_columns
from creditscore.records.readers import read_source
from creditscore.records.rules import need_columns, rows_where

_PLACE, _KEY, _ROWS = "place_of_row", "key_of_join_{}", "rows_of_key"


class Joins:
    """The joined files of a source, read once; pieces of the source then pass through :meth:`beside`."""

    def __init__(self, source: SourceSpec, folder: Path, columns: tuple[str, ...]) -> None:
        self._source = source
        self._files = [_read(join, source, folder) for join in source.join]
        self._there: list[pa.Table | None] = [None] * len(source.join)
        names = list(columns)
        for join in source.join:
            need_columns(names, list(join.on), source.place)
            _refuse_masked_keys(join, source)
            twice = sorted(set(join.take) & set(names))
            if twice:
                raise DataError(
                    f'source "{source.name}": {join.file}: expected columns that {source.place} lacks '
                    f"(both have {', '.join(twice)})"
                )
            names += join.take
        #: The source's columns and those taken.
        self.columns = tuple(names)

    def beside(self, piece: pa.Table) -> pa.Table:
        """A piece's rows in their order, with the columns that the joins take.

        Raises:
            DataError: Keys are of types that cannot be compared.
        """
        for place, join in enumerate(self._source.join):
            there = self._there[place]
            if there is None:
                there = self._there[place] = _one_per_key(self._files[place], piece, join)
            piece = _joined(piece, there, join)
        return piece


def _joined(piece: pa.Table, there: pa.Table, join: Join) -> pa.Table:
    numbered = piece.select(list(join.on)).append_column(_PLACE, pa.array(range(piece.num_rows), pa.int64()))
    keys = [_KEY.format(place) for place in range(len(join.on))]
    found = numbered.join(there, keys=list(join.on), right_keys=keys, join_type="left outer").sort_by(_PLACE)
    for name in join.take:
        piece = piece.append_column(name, found[name])
    return piece


def _refuse_masked_keys(join: Join, source: SourceSpec) -> None:
    """Masked texts are equal for different people: nothing can be found by them."""
    hidden = sorted(personal_columns(source, [*join.on, *join.on.values()]))
    if hidden:
        raise DataError(
            f'source "{source.name}": {join.file}: {", ".join(hidden)} is called like personal data and would be masked, so no row '
            'can be found by it: declare it in personal, with kind = "none" if it is none, or with needed = "…" and the basis'
        )


def _read(join: Join, source: SourceSpec, folder: Path) -> pa.Table:
    spec = SourceSpec(
        name=source.name, table=source.table, file=join.file, format=join.format, encoding=join.encoding, sheet=join.sheet,
        personal=source.personal,
    )  # fmt: skip
    looked_at = (*join.on.values(), *join.take, *((join.where.column,) if join.where else ()))
    return rows_where(read_source(spec, folder, wanted=list(dict.fromkeys(looked_at))), join.where, join.file)


def _one_per_key(table: pa.Table, piece: pa.Table, join: Join) -> pa.Table:
    """One row per key whose rows agree on all that is taken; keys in the source's types."""
    columns = {}
    for place, (own, other) in enumerate(join.on.items()):
        columns[_KEY.format(place)] = _like(table[other], piece.schema.field(own).type, f"{join.file}: {other}")
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
