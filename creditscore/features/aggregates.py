"""The closed list of aggregates, each an expression over what is visible to a row of the spine.

Integers throughout: money in hundredths, shares in millionths; the one division (hundredths to units)
is last. Every condition is filled: a NULL condition counts 0 on DuckDB and NULL on Spark.

Beware of ``x.median(where=...)`` and other quantiles: on Spark the condition becomes part of ``PERCENTILE``'s share,
which has to be constant. Mask the value instead: ``ibis.ifelse(where, x, ibis.null(x.type())).median()``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import ibis

from creditscore.config.features import Aggregate
from creditscore.config.spec import ppm
from creditscore.dates import window_column
from creditscore.features.visibility import hidden_ranges, visible_ratings
from creditscore.records.adverse.contested import HIDDEN_VISITS, UPHELD

if TYPE_CHECKING:
    import datetime as dt

    import ibis.expr.types as ir

    from creditscore.config.features import FeatureSpec
    from creditscore.features.visibility import Rows
    from creditscore.records.records import Records

_MILLION = 1_000_000
_MILLI = 1000
#: Newer first, then by event key: one number that orders the events of a subject without ties.
_RECENCY = 2**36
#: Columns of events that ``event_keys`` has under other names.
_STORED = {"amount": "cents", "event_date": "event_day"}


def event_aggregate(feature: FeatureSpec, events: ir.Table, kind_keys: dict[str, int], *, among: list[int]) -> ir.Value:
    """The aggregate of one feature over the events of each row (to be used in a group by ``row_key``).

    ``among`` are the kinds of all these events.
    """
    expression, _ = _EXPRESSIONS[feature.aggregate]
    return expression(feature, events, event_counts(feature, events, kind_keys, among=among))


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


def event_columns(features: list[FeatureSpec]) -> list[str]:
    """The columns of ``event_keys`` that the aggregates and filters of these features read."""
    used = {"kind_key", "event_day"}
    for feature in features:
        used |= {_STORED.get(feature.column, feature.column)} if feature.column else set()
        used |= {"severity"} if feature.severity_min is not None else set()
        used |= {"cents"} if feature.amount_min is not None else set()
        used |= {"result"} if feature.result else set()
        used |= {"verified"} if feature.verified is not None else set()
        used |= set(_EXPRESSIONS[feature.aggregate][1]) if feature.aggregate in _EXPRESSIONS else set()
    return sorted(used)


def window_lengths(features: tuple[FeatureSpec, ...]) -> list[int]:
    """Every window length that the features need, in months."""
    lengths = {feature.months for feature in features if feature.months is not None}
    return sorted(lengths | {band.months for feature in features for band in feature.bands})


def _count(feature: FeatureSpec, events: ir.Table, where: ir.BooleanValue) -> ir.Value:
    return events.row_key.count(where=where).fill_null(0).cast("int64")


def _sum(feature: FeatureSpec, events: ir.Table, where: ir.BooleanValue) -> ir.Value:
    return _in_units(feature, _numbers(feature, events).sum(where=where).cast("int64").fill_null(0))


def _max(feature: FeatureSpec, events: ir.Table, where: ir.BooleanValue) -> ir.Value:
    return _in_units(feature, _numbers(feature, events).max(where=where))


def _min(feature: FeatureSpec, events: ir.Table, where: ir.BooleanValue) -> ir.Value:
    return _in_units(feature, _numbers(feature, events).min(where=where))


def _numbers(feature: FeatureSpec, events: ir.Table) -> ir.IntegerValue:
    return events.cents if feature.column == "amount" else events.severity.cast("int64")


def _in_units(feature: FeatureSpec, value: ir.IntegerValue) -> ir.Value:
    """Hundredths of money as units: one division of two exact numbers, the same on every engine."""
    return value.cast("float64") / ibis.literal(100, "int64").cast("float64") if feature.column == "amount" else value.cast("int64")


def _distinct(feature: FeatureSpec, events: ir.Table, where: ir.BooleanValue) -> ir.Value:
    column = feature.column or ""
    return events[_STORED.get(column, column)].nunique(where=where).fill_null(0).cast("int64")


def _days_since_last(feature: FeatureSpec, events: ir.Table, where: ir.BooleanValue) -> ir.Value:
    return (events.as_of_day - events.event_day).min(where=where).cast("int64")


def _latest(feature: FeatureSpec, events: ir.Table, where: ir.BooleanValue) -> ir.Value:
    column, newest = events[feature.column or ""], events.event_day.cast("int64") * _RECENCY + events.event_key
    return column.argmax(newest, where=where & column.notnull())


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


#: The aggregates over events: the expression, and the columns of ``event_keys`` that it reads besides those that the
#: feature's options name.
_EXPRESSIONS: dict[Aggregate, tuple[Callable[[FeatureSpec, ir.Table, ir.BooleanValue], ir.Value], tuple[str, ...]]] = {
    "count": (_count, ()),
    "sum": (_sum, ()),
    "max": (_max, ()),
    "min": (_min, ()),
    "distinct": (_distinct, ()),
    "days_since_last": (_days_since_last, ()),
    "latest": (_latest, ("event_key",)),
    "share": (_share, ("result",)),
    "banded_sum": (_banded_sum, ("severity",)),
    "on_list": (_on_list, ()),
}


def rating_aggregates(
    records: Records, rows: Rows, scheme: str, features: list[FeatureSpec], *, trained_on: dt.date | None
) -> ir.Table:
    """``row_key`` and, per feature, the newest visible grade of an external rating or its age in days."""
    ratings = visible_ratings(records, rows, scheme, trained_on=trained_on)
    # Two grades of one day: the one known later; two of those: the later in the alphabet, the same on every engine.
    order = ratings.event_day.cast("int64") * 2**32 + ratings.known_day
    columns = {}
    for feature in features:
        inside = ibis.literal(True) if feature.months is None else (ratings.event_day > ratings[window_column(feature.months)])
        age = (ratings.as_of_day - ratings.event_day).min(where=inside).cast("int64")
        columns[feature.name] = age if feature.aggregate == "days_since_last" else ratings.grade.argmax(order, where=inside)
    return ratings.group_by("row_key").agg(**columns)


def tenure_months(records: Records, rows: Rows, features: list[FeatureSpec]) -> ir.Table:
    """``row_key`` and completed months since registration, by the newest version of the subject known on the day."""
    versions = records.table("subject_versions").filter(ibis._.registered_date.notnull())
    joined = rows.join(versions.select("subject_key", "registered_date", "from_day", "known_day"))
    known = joined.filter((joined.from_day <= joined.as_of_day) & (joined.known_day <= joined.as_of_day))
    newest = known.group_by(["row_key", "as_of_day"]).agg(
        since=known.registered_date.argmax(known.from_day.cast("int64") * 2**32 + known.known_day)
    )
    dated = newest.mutate(as_of=ibis.date(1970, 1, 1) + newest.as_of_day.as_interval("D"))
    begun = dated.as_of.day() < dated.since.day()
    months = (dated.as_of.year() - dated.since.year()) * 12 + dated.as_of.month() - dated.since.month()
    value = (months - ibis.ifelse(begun, 1, 0)).cast("int64")
    return dated.select("row_key", *(value.name(feature.name) for feature in features))


def finding_ratios(records: Records, rows: Rows, features: list[FeatureSpec], *, trained_on: dt.date | None) -> list[ir.Table]:
    """Tables with one row per row of the spine with visits: ``row_key`` and ppm columns.

    One table, and one pass over the visits, for all features that count the same findings of inspectors
    shrunk alike; they may differ in window and prior.
    """
    alike: dict[tuple[int, float], list[FeatureSpec]] = {}
    for feature in features:
        alike.setdefault((feature.severity_min or 0, feature.inspector_prior), []).append(feature)
    return [_ratios(records, rows, group, trained_on) for _, group in sorted(alike.items())]


def _ratios(records: Records, rows: Rows, features: list[FeatureSpec], trained_on: dt.date | None) -> ir.Table:
    """One table of :func:`finding_ratios`.

    A visit counts as one that found something (``found`` is 1) only if its violation has at least the severity that the
    features ask for. A violation of unknown severity then does not count.
    """
    severity, prior = features[0].severity_min, features[0].inspector_prior
    visits, people = records.table("visit_keys"), records.table("visit_inspectors")
    if severity is not None:
        severe = (visits.severity >= severity).fill_null(False)
        visits = visits.mutate(found=ibis.ifelse(severe, visits.found, 0).cast("int64"))
    hidden = hidden_ranges(records, HIDDEN_VISITS, trained_on)
    rates = _trigger_rates(_not_taken_away(rows.known_visits(visits), hidden))
    effects = _inspector_effects(rates, visits, people, prior, hidden)
    windows = sorted({window_column(feature.months) for feature in features if feature.months is not None})
    own = rows.join(visits) if hidden is None else rows.without_hidden(rows.join(visits), hidden, "inspection_id")
    visit = _expected_findings(own, windows, people, rates, effects)
    return visit.group_by("row_key").agg(**{feature.name: _ratio(feature, visit) for feature in features})


def _not_taken_away(known: ir.Table, hidden: ir.Table | None) -> ir.Table:
    """Visits at the start of a quarter (``rate_day``) without those whose result an upheld objection had taken away by then.

    An open objection concerns its own firm: in what is known of all visits the result counts until then.
    """
    if hidden is None:
        return known
    gone = hidden.filter(hidden.why == UPHELD)
    return known.anti_join(gone, [known.inspection_id == gone.inspection_id, gone.hidden_from <= known.rate_day])


def _trigger_rates(known: ir.Table) -> ir.Table:
    """Per quarter start and trigger, the ppm of visits known by then that found something."""
    counted = known.group_by(["rate_day", "trigger"]).agg(found=known.found.sum(), visited=known.count())
    return counted.select("rate_day", "trigger", rate=((counted.found * _MILLION) // counted.visited.nullif(0)).cast("int64"))


def _inspector_effects(rates: ir.Table, visits: ir.Table, people: ir.Table, prior: float, hidden: ir.Table | None) -> ir.Table:
    """Per quarter start and inspector, own findings over own expected findings in ppm, shrunk towards 1."""
    known = rates.inner_join(visits, [rates.trigger == visits.trigger, visits.known_day <= rates.rate_day])
    known = _not_taken_away(known, hidden)
    by_person = known.select("rate_day", "rate", "found", "inspection_id").inner_join(people, "inspection_id")
    sums = by_person.group_by(["rate_day", "inspector"]).agg(found=by_person.found.sum(), expected=by_person.rate.sum())
    pseudo = round(prior * _MILLION)
    effect = ((sums.found * _MILLION + pseudo) * _MILLION) // (sums.expected + pseudo)
    return sums.select("rate_day", "inspector", effect=effect.cast("int64"))


def _expected_findings(joined: ir.Table, windows: list[str], people: ir.Table, rates: ir.Table, effects: ir.Table) -> ir.Table:
    """One row per row of the spine and visit known on its day: ``found`` (0 or 1) and the expected finding, in ppm."""
    inside = (joined.event_day <= joined.as_of_day) & (joined.known_day <= joined.as_of_day)
    keys = ["row_key", "inspection_id", "event_day", "found", *windows]
    known = joined.filter(inside).select(*keys, "rate_day", "trigger")
    rated = known.inner_join(rates, ["rate_day", "trigger"]).drop("trigger")
    with_people = rated.left_join(people, "inspection_id").drop("inspection_id_right")
    judged = with_people.left_join(effects, ["rate_day", "inspector"])
    by_person = judged.select(*keys, "rate", effect=judged.effect.fill_null(_MILLION))
    visit = by_person.group_by([*keys, "rate"]).agg(total=by_person.effect.sum(), people=by_person.count())
    expected = ((visit.rate * visit.total) // (visit.people * _MILLION)).cast("int64")
    return visit.select("row_key", "event_day", "found", *windows, expected=expected)


def _ratio(feature: FeatureSpec, visit: ir.Table) -> ir.IntegerValue:
    """Findings over expected findings in the window of the feature, in ppm; missing if no visit is in the window."""
    inside = visit.found.notnull() if feature.months is None else visit.event_day > visit[window_column(feature.months)]
    findings = visit.found.sum(where=inside).fill_null(0)
    expected = visit.expected.sum(where=inside).fill_null(0)
    pseudo = round(feature.prior * _MILLION)
    ratio = ((findings * _MILLION + pseudo) * _MILLION) // (expected + pseudo)
    return ibis.ifelse(visit.count(where=inside).fill_null(0) > 0, ratio.cast("int64"), ibis.null("int64"))
