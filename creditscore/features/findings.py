"""Findings of past visits over those expected of such visits by such inspectors (``finding_ratio``).

What visits find depends on how often a subject is visited, why, and by whom. A bare count therefore
measures attention and strictness; the ratio divides them out:

    ratio = (found + prior) / (expected + prior),  in ppm

``expected`` sums, over the subject's visits in the window, the share of visits of that trigger that
found something, times the mean effect of the visit's inspectors; an inspector's effect is
``(own findings + k) / (own expected findings + k)`` with ``k = inspector_prior``. Shares and effects
are those known at the start of the quarter of ``as_of``: nothing later than ``as_of`` enters. With
``severity_min`` a finding is one of at least that severity, in all three.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from creditscore.features.calendar import window_column

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.features import FeatureSpec
    from creditscore.features.visible import Rows
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
