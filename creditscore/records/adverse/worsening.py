"""Which records make their firm worse today: what a feature takes against it, and never what is in its favour.

:mod:`creditscore.records.adverse.rules` asks what may count against a firm if it cannot be read. Here the record is read: a passed
spot check, a kept promise or a licence lowers no points, and neither does what is too old for every feature.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

import ibis

from creditscore.dates import day_number, months_before
from creditscore.records.standard.keys import day_column

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.features import FeatureSpec
    from creditscore.config.project import Project


def lowering_features(project: Project, read: Collection[str] | None) -> list[FeatureSpec]:
    """The features that may take points: those that cards read; None for all of the project."""
    return [feature for feature in project.features if read is None or feature.name in read]


def events_that_lower(project: Project, features: Sequence[FeatureSpec], rows: ir.Table, as_of: dt.date) -> ir.BooleanValue:
    """Whether a record makes its firm worse on a day by one of some features (an expression, never missing).

    Args:
        project: Its catalogue says which kinds are negative.
        features: Those that cards read.
        rows: Records that count on the day, with ``newest``: it is the newest of its kind.
        as_of: The day.
    """
    negative = tuple(item.kind for item in project.catalogue.item if item.polarity == "negative")
    of_events = [feature for feature in features if feature.kind and feature.rule.source == "events"]
    return _any([_is_read(one, rows, as_of) & _is_harmful(one, rows, negative) for one in of_events])


def visits_that_lower(features: Sequence[FeatureSpec], rows: ir.Table, as_of: dt.date) -> ir.BooleanValue:
    """The same of visits that found a violation."""
    of_visits = [feature for feature in features if feature.rule.source == "visits" and feature.trend != "lower_is_riskier"]
    return _any([_in_window(one, one.months, rows, as_of) & _severe(one, rows) for one in of_visits])


def _any(conditions: list[ir.BooleanValue]) -> ir.BooleanValue:
    return reduce(or_, conditions) if conditions else ibis.literal(False)


def _is_read(feature: FeatureSpec, rows: ir.Table, as_of: dt.date) -> ir.BooleanValue:
    """Kind, window and filters of a feature, as :mod:`creditscore.features.aggregates` applies them."""
    months = feature.months if feature.months is not None or not feature.bands else feature.bands[-1].months
    condition = rows.kind.isin(feature.kind) & _in_window(feature, months, rows, as_of) & _severe(feature, rows)
    if feature.amount_min is not None:
        condition &= (rows.amount >= feature.amount_min).fill_null(False)
    if feature.result:
        condition &= rows.result.isin(feature.result).fill_null(False)
    if feature.verified is not None:
        condition &= (rows.verified == feature.verified).fill_null(False)
    return condition.fill_null(False)


def _in_window(feature: FeatureSpec, months: int | None, rows: ir.Table, as_of: dt.date) -> ir.BooleanValue:
    if months is None:
        return ibis.literal(True)
    return (day_column(rows.event_date) > day_number(months_before(as_of, months))).fill_null(False)


def _severe(feature: FeatureSpec, rows: ir.Table) -> ir.BooleanValue:
    return ibis.literal(True) if feature.severity_min is None else (rows.severity >= feature.severity_min).fill_null(False)


def _is_harmful(feature: FeatureSpec, rows: ir.Table, negative: Sequence[str]) -> ir.BooleanValue:
    """Whether a record that a feature reads can only worsen its value.

    Where nothing is declared about the direction, records of negative kinds do and others do not.
    """
    higher, lower = feature.trend == "higher_is_riskier", feature.trend == "lower_is_riskier"
    if feature.aggregate == "share" and (higher or lower):
        hits = rows.result.isin(feature.share_of).fill_null(False)
        return hits if higher else ~hits
    if feature.aggregate == "latest" and feature.order:
        # Of an order from the safest to the riskiest the worse half.
        worse = feature.order[(len(feature.order) + 1) // 2 :]
        return rows.newest & rows.result.isin(worse).fill_null(False)
    if feature.aggregate == "days_since_last" and (higher or lower):
        return rows.newest if lower else ibis.literal(False)
    if feature.aggregate in ("latest", "custom") or not (higher or lower):
        return rows.kind.isin(negative)
    return ibis.literal(higher)
