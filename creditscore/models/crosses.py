"""A cross: what two characteristics of one source say together, beside what each says alone.

Its cells are named by the attributes that the two have already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from creditscore.errors import DataError
from creditscore.models.bin_table import BinTable, Partition
from creditscore.models.characteristic import CROSSED_SOURCES, AttributeKind
from creditscore.models.columns import FeatureColumn
from creditscore.models.regression import matrix_of
from creditscore.models.sample import Sample
from creditscore.models.scoring import AttributeCodes

Group = tuple[int, ...]
_Rectangle = tuple[Group, Group]


@dataclass(frozen=True)
class CrossPartition(Partition):
    """How two characteristics are crossed: cells, each the pairs of some attributes of the first with some of the second."""

    sides: tuple[Partition, ...] = ()
    cells: tuple[_Rectangle, ...] = ()

    @property
    def kinds(self) -> tuple[AttributeKind, ...]:
        """Kind of each attribute: all are cells."""
        cell: AttributeKind = "cell"
        return (cell,) * len(self.cells)

    def codes(self, column: FeatureColumn) -> AttributeCodes:
        """Refused: a cross has no column of its own."""
        raise DataError("a cross has no column of its own (got {name})", name=column.factor.name)

    def codes_of(self, own: Mapping[str, AttributeCodes]) -> AttributeCodes:
        """The cell in which each row falls, by the attributes of both sides."""
        first, second = (own[side.factor.name] for side in self.sides)
        return np.asarray(self._table[first, second])

    @cached_property
    def _table(self) -> AttributeCodes:
        table = np.zeros([len(side.kinds) for side in self.sides], dtype=np.uint8)
        for number, cell in enumerate(self.cells):
            table[np.ix_(*cell)] = number
        return table

    def label(self, code: int) -> str:
        """How the cell is called: both sides with their attributes."""
        pairs = zip(self.sides, self.cells[code], strict=True)
        return " & ".join(f"{side.factor.name} {group_label(side, group)}" for side, group in pairs)


def group_label(side: Partition, group: Sequence[int]) -> str:
    """Some attributes of a side in one label; neighbouring intervals are one."""
    if len(group) == len(side.kinds):
        return "any"
    inside = [code for code in group if side.kinds[code] == "interval"]
    runs: list[list[int]] = []
    for code in inside:
        if runs and runs[-1][-1] == code - 1:
            runs[-1].append(code)
        else:
            runs.append([code])
    merged = [f"{side.label(run[0]).split(', ')[0]}, {side.label(run[-1]).split(', ')[1]}" for run in runs]
    return ", ".join([*merged, *(side.label(code) for code in group if code not in inside)])


def is_cross(table: BinTable) -> bool:
    """Whether a table is that of a cross."""
    return isinstance(table.partition, CrossPartition)


def codes_by(tables: Sequence[BinTable], own: Mapping[str, AttributeCodes]) -> list[AttributeCodes]:
    """A column of codes per table; those of crosses follow from the codes of their sides.

    Args:
        tables: Of characteristics and crosses.
        own: Codes of the characteristics, by name.
    """
    return [t.partition.codes_of(own) if isinstance(t.partition, CrossPartition) else own[t.name] for t in tables]


def codes_in(tables: Sequence[BinTable], sample: Sample) -> AttributeCodes:
    """(rows, tables): the attribute in which each row of a sample with the columns of the tables falls."""
    columns = {column.factor.name: column for column in sample.columns}
    own = {table.name: table.partition.codes(columns[table.name]) for table in tables if not is_cross(table)}
    return matrix_of(codes_by(tables, own), len(sample.weight))


def may_cross(partition: Partition, never: Sequence[str] = ()) -> bool:
    """Whether a characteristic may be a side of a cross.

    National ratings, what is self-declared and what a person bounds stay as they are; nor may a cross say anything of firms
    that lack what is no fault to lack.
    """
    factor = partition.factor
    return (
        factor.source in CROSSED_SOURCES
        and not factor.always
        and not factor.no_fault
        and factor.name not in never
        and not isinstance(partition, CrossPartition)
    )
