"""Values that the last reading of a record had, that a feature reads, and that are empty tonight: refused like unreadable ones."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Final, Literal

import ibis

from creditscore.records.adverse.refused_records import RECORD
from creditscore.records.columns.types import FIELD_MARK
from creditscore.records.standard.arrivals import ARRIVAL, FIELDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis.expr.types as ir

    from creditscore.config.features import FeatureSpec
    from creditscore.config.project import Project

_Valued = Literal["severity", "amount"]
_COLUMNS: Final[dict[str, tuple[_Valued, ...]]] = {"events": ("severity", "amount"), "inspections": ("severity",)}


def emptied(rows: ir.Table, name: str, last: ir.Table, project: Project) -> ir.Table | None:
    """Rows that lack a value that their record had in the last reading: ``arrival``, ``codes``, each code with a mark behind it.

    Args:
        rows: Rows of a table, some of which may have a fault of their own.
        name: ``events``, ``inspections`` or ``ratings``.
        last: The last reading of the table.
        project: Its features say which values of which kinds are read.

    Returns:
        An expression; None where no value is read.
    """
    if name not in _COLUMNS:
        return None
    before = last.select(before_id=last[RECORD[name]], **{f"before_{column}": last[column] for column in _COLUMNS[name]})
    told, lost = rows[FIELDS].fill_null(""), {}
    for column in _COLUMNS[name]:
        of_kinds = _is_read(rows, name, column, project.features)
        if of_kinds is not None:
            lost[column] = of_kinds & rows[column].isnull() & ~told.contains(f":{column}")
    if not lost:
        return None
    empty = rows.filter(rows.code.isnull() & reduce(lambda some, other: some | other, lost.values()))
    empty = empty.select(ARRIVAL, RECORD[name], **{f"lost_{column}": condition for column, condition in lost.items()})
    joined = empty.inner_join(before, empty[RECORD[name]] == before.before_id)
    codes = [
        ibis.ifelse(joined[f"lost_{column}"] & joined[f"before_{column}"].notnull(), f"MISSING:{column}{FIELD_MARK}", "")
        for column in lost
    ]
    found = joined.select(ARRIVAL, codes=reduce(add, codes))
    return found.filter(found.codes != "")


def _is_read(rows: ir.Table, name: str, column: _Valued, features: Sequence[FeatureSpec]) -> ir.BooleanValue | None:
    """The rows of which some feature reads a column; None where none does."""
    if name == "inspections":
        severe = any(feature.rule.source == "visits" and feature.severity_min is not None for feature in features)
        return ibis.literal(True) if severe else None
    kinds = sorted({kind for feature in features if _reads(feature, column) for kind in feature.kind})
    return rows.kind.isin(kinds) if kinds else None


def _reads(feature: FeatureSpec, column: _Valued) -> bool:
    least = feature.severity_min if column == "severity" else feature.amount_min
    banded = column == "severity" and feature.aggregate == "banded_sum"
    return feature.column == column or least is not None or banded or feature.aggregate == "custom"
