"""The closed list of aggregates, each an expression over the visible events of a row.

Integers throughout: money in hundredths, shares in millionths; the one division (hundredths to units)
is last. Every condition is filled: a NULL condition counts 0 on DuckDB and NULL on Spark.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import ibis

from creditscore.config.spec import ppm
from creditscore.dates import window_column

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.features import FeatureSpec
    from creditscore.features.visibility import Rows
    from creditscore.records.records import Records

_MILLION = 1_000_000


def finding_ratios(records: Records, rows: Rows, features: list[FeatureSpec]) -> list[ir.Table]:
    """Tables with one row per row of the spine with visits: ``row_key`` and ppm columns.

    One table, and one pass over the visits, for all features that count the same findings of inspectors
    shrunk alike; they may differ in window and prior.
    """
    alike: dict[tuple[int, float], list[FeatureSpec]] = {}
    for feature in features:
        alike.setdefault((feature.severity_min or 0, feature.inspector_prior), []).append(feature)
    return [_ratios(records, rows, group) for _, group in sorted(alike.items())]


def _counted(visits: ir.Table, severity_min: int | None) -> ir.Table:
    """The visits, with ``found`` only for findings of at least a severity; one of unknown severity does not count then."""
    if severity_min is None:
        return visits
    return visits.mutate(found=ibis.ifelse((visits.severity >= severity_min).fill_null(False), visits.found, 0).cast("int64"))


def _trigger_rates(known: ir.Table) -> ir.Table:
    """Per quarter start and trigger, the ppm of visits known by then that found something."""
    counted = known.group_by(["rate_day", "trigger"]).agg(found=known.found.sum(), visited=known.count())
    return counted.select("rate_day", "trigger", rate=((counted.found * _MILLION) // counted.visited.nullif(0)).cast("int64"))


def _inspector_effects(rates: ir.Table, visits: ir.Table, people: ir.Table, prior: float) -> ir.Table:
    """Per quarter start and inspector, own findings over own expected findings in ppm, shrunk towards 1."""
    known = rates.inner_join(visits, [rates.trigger == visits.trigger, visits.known_day <= rates.rate_day])
    by_person = known.select("rate_day", "rate", "found", "inspection_id").inner_join(people, "inspection_id")
    sums = by_person.group_by(["rate_day", "inspector"]).agg(found=by_person.found.sum(), expected=by_person.rate.sum())
    pseudo = round(prior * _MILLION)
    effect = ((sums.found * _MILLION + pseudo) * _MILLION) // (sums.expected + pseudo)
    return sums.select("rate_day", "inspector", effect=effect.cast("int64"))


def _ratios(records: Records, rows: Rows, features: list[FeatureSpec]) -> ir.Table:
    first = features[0]
    visits, people = _counted(records.table("visit_keys"), first.severity_min), records.table("visit_inspectors")
    rates = _trigger_rates(rows.known_visits(visits))
    effects = _inspector_effects(rates, visits, people, first.inspector_prior)
    windows = sorted({window_column(feature.months) for feature in features if feature.months is not None})
    visit = _expected(rows.beside(visits), windows, people, rates, effects)
    return visit.group_by("row_key").agg(**{feature.name: _ratio(feature, visit) for feature in features})


def _expected(joined: ir.Table, windows: list[str], people: ir.Table, rates: ir.Table, effects: ir.Table) -> ir.Table:
    """Per row of the spine and visit seen from there: whether it found something, and the ppm of a finding expected."""
    inside = (joined.event_day <= joined.as_of_day) & (joined.known_day <= joined.as_of_day)
    keys = ["row_key", "inspection_id", "event_day", "found", *windows]
    seen = joined.filter(inside).select(*keys, "rate_day", "trigger")
    rated = seen.inner_join(rates, ["rate_day", "trigger"]).drop("trigger")
    with_people = rated.left_join(people, "inspection_id").drop("inspection_id_right")
    judged = with_people.left_join(effects, ["rate_day", "inspector"])
    told = judged.select(*keys, "rate", effect=judged.effect.fill_null(_MILLION))
    visit = told.group_by([*keys, "rate"]).agg(total=told.effect.sum(), people=told.count())
    expected = ((visit.rate * visit.total) // (visit.people * _MILLION)).cast("int64")
    return visit.select("row_key", "event_day", "found", *windows, expected=expected)


def _ratio(feature: FeatureSpec, visit: ir.Table) -> ir.IntegerValue:
    """Found over expected in the feature's window; missing where it holds no visit."""
    inside = visit.found.notnull() if feature.months is None else visit.event_day > visit[window_column(feature.months)]
    found = visit.found.sum(where=inside).fill_null(0)
    expected = visit.expected.sum(where=inside).fill_null(0)
    pseudo = round(feature.prior * _MILLION)
    ratio = ((found * _MILLION + pseudo) * _MILLION) // (expected + pseudo)
    return ibis.ifelse(visit.count(where=inside).fill_null(0) > 0, ratio.cast("int64"), ibis.null("int64"))


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
