"""The closed list of aggregates, each an expression over the visible events of a row.

Integers throughout: money in hundredths, shares in millionths; the one division (hundredths to units)
is last. Every condition is filled: a NULL condition counts 0 on DuckDB and NULL on Spark.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import ibis

from creditscore.config.base import ppm
from creditscore.features.calendar import window_column

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.features import FeatureSpec

_MILLI = 1000
#: Newer first, then by event key: one number that orders the events of a subject without ties.
_RECENCY = 2**36
#: Columns of events under other names beside their keys.
_STORED = {"amount": "cents", "event_date": "event_day"}


def event_aggregate(feature: FeatureSpec, events: ir.Table, kind_keys: dict[str, int], *, among: list[int]) -> ir.Value:
    """The aggregate of one feature over the events of each row (to be used in a group by ``row_key``).

    ``among`` are the kinds of all these events.
    """
    return _AGGREGATES[feature.aggregate](feature, events, event_counts(feature, events, kind_keys, among=among))


def event_counts(feature: FeatureSpec, events: ir.Table, kind_keys: dict[str, int], *, among: list[int]) -> ir.BooleanValue:
    """Whether an event counts for a feature: kind, window and filters. Never NULL.

    Kind and day are never missing; the other columns may be, and their conditions are filled one by one
    (a fill around the whole costs a fifth of the time of the pass).
    """
    keys = sorted({kind_keys[kind] for kind in feature.kind})
    condition: ir.BooleanValue = ibis.literal(True) if keys == among else events.kind_key.isin(keys)
    if len(keys) == 1 and keys != among:
        condition = events.kind_key == keys[0]
    if feature.months is not None:
        condition &= events.event_day > events[window_column(feature.months)]
    if feature.severity_min is not None:
        condition &= (events.severity >= feature.severity_min).fill_null(False)
    if feature.amount_min is not None:
        condition &= (events.cents >= round(feature.amount_min * 100)).fill_null(False)
    if feature.result:
        condition &= events.result.isin(feature.result).fill_null(False)
    if feature.verified is not None:
        condition &= (events.verified == feature.verified).fill_null(False)
    return condition


def _count(feature: FeatureSpec, events: ir.Table, where: ir.BooleanValue) -> ir.Value:
    return events.row_key.count(where=where).fill_null(0).cast("int64")


def _sum(feature: FeatureSpec, events: ir.Table, where: ir.BooleanValue) -> ir.Value:
    total = _numbers(feature, events).sum(where=where).cast("int64").fill_null(0)
    return _units(feature, total)


def _max(feature: FeatureSpec, events: ir.Table, where: ir.BooleanValue) -> ir.Value:
    return _units(feature, _numbers(feature, events).max(where=where))


def _min(feature: FeatureSpec, events: ir.Table, where: ir.BooleanValue) -> ir.Value:
    return _units(feature, _numbers(feature, events).min(where=where))


def _distinct(feature: FeatureSpec, events: ir.Table, where: ir.BooleanValue) -> ir.Value:
    column = events[_STORED.get(feature.column or "", feature.column or "")]
    return column.nunique(where=where).fill_null(0).cast("int64")


def _days_since_last(feature: FeatureSpec, events: ir.Table, where: ir.BooleanValue) -> ir.Value:
    return (events.as_of_day - events.event_day).min(where=where).cast("int64")


def _latest(feature: FeatureSpec, events: ir.Table, where: ir.BooleanValue) -> ir.Value:
    column = events[feature.column or "result"]
    return column.argmax(recency(events), where=where & column.notnull())


def _share(feature: FeatureSpec, events: ir.Table, where: ir.BooleanValue) -> ir.Value:
    hits = events.row_key.count(where=where & events.result.isin(feature.share_of).fill_null(False)).fill_null(0)
    total = events.row_key.count(where=where).fill_null(0)
    prior = round(feature.prior * _MILLI)
    expected = round(feature.prior * feature.prior_share * _MILLI)
    share = ((hits * _MILLI + expected) * ppm(1.0)) // (total * _MILLI + prior).nullif(0)
    return ibis.ifelse(total >= feature.minimum, share, ibis.null("int64")).cast("int64")


def _banded_sum(feature: FeatureSpec, events: ir.Table, where: ir.BooleanValue) -> ir.Value:
    weights = [(events.event_day > events[window_column(band.months)], band.weight) for band in feature.bands]
    severity = ibis.coalesce(events.severity, 1).cast("int64")
    severity = severity if feature.cap is None else ibis.least(severity, feature.cap)
    return (severity * ibis.cases(*weights, else_=0)).sum(where=where).cast("int64").fill_null(0)


def _on_list(feature: FeatureSpec, events: ir.Table, where: ir.BooleanValue) -> ir.Value:
    return ibis.ifelse(events.row_key.count(where=where).fill_null(0) > 0, 1, 0).cast("int64")


def _numbers(feature: FeatureSpec, events: ir.Table) -> ir.IntegerValue:
    return events.cents if feature.column == "amount" else events.severity.cast("int64")


def _units(feature: FeatureSpec, value: ir.IntegerValue) -> ir.Value:
    """Hundredths of money as units: one division of two exact numbers, the same on every engine."""
    return value.cast("float64") / ibis.literal(100, "int64").cast("float64") if feature.column == "amount" else value.cast("int64")


def recency(events: ir.Table) -> ir.IntegerValue:
    """A number that is larger for newer events and differs for any two."""
    return events.event_day.cast("int64") * _RECENCY + events.event_key


_AGGREGATES: dict[str, Callable[[FeatureSpec, ir.Table, ir.BooleanValue], ir.Value]] = {
    "count": _count, "sum": _sum, "max": _max, "min": _min, "distinct": _distinct, "days_since_last": _days_since_last,
    "latest": _latest, "share": _share, "banded_sum": _banded_sum, "on_list": _on_list,
}  # fmt: skip


def event_columns(features: list[FeatureSpec]) -> list[str]:
    """The columns of ``event_keys`` that the aggregates of these features read."""
    used = {"kind_key", "event_day"}
    for feature in features:
        wanted = feature.column or ("result" if feature.aggregate == "latest" else None)
        used |= {_STORED.get(wanted, wanted)} if wanted else set()
        used |= {"severity"} if feature.aggregate == "banded_sum" or feature.severity_min is not None else set()
        used |= {"cents"} if feature.amount_min is not None else set()
        used |= {"result"} if feature.result or feature.share_of else set()
        used |= {"verified"} if feature.verified is not None else set()
        used |= {"event_key"} if feature.aggregate == "latest" else set()
    return sorted(used)


def window_lengths(features: tuple[FeatureSpec, ...]) -> list[int]:
    """Every window length that the features need, in months."""
    lengths = {feature.months for feature in features if feature.months is not None}
    return sorted(lengths | {band.months for feature in features for band in feature.bands})
