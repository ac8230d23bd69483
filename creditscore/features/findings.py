"""Findings of past visits over those expected of such visits by such inspectors (``finding_ratio``).

What visits find depends on how often a subject is visited, why, and by whom. A bare count therefore
measures attention and strictness; the ratio divides them out:

    ratio = (found + prior) / (expected + prior),  in ppm

``expected`` sums, over the subject's visits in the window, the share of visits of that trigger that
found something, times the mean effect of the visit's inspectors; an inspector's effect is
``(own findings + k) / (own expected findings + k)`` with ``k = inspector_prior``. Shares and effects
are those known at the start of the quarter of ``as_of``: nothing later than ``as_of`` enters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from creditscore.features.calendar import window_column

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.features import FeatureSpec
    from creditscore.records.records import Records

_MILLION = 1_000_000


def finding_ratios(records: Records, rows: ir.Table, features: list[FeatureSpec]) -> ir.Table:
    """One row per row of the spine with visits: ``row_key`` and one ppm column per feature."""
    visits, people = records.table("visit_keys"), records.table("visit_inspectors")
    rates = _trigger_rates(rows, visits)
    effects = {prior: _inspector_effects(rates, visits, people, prior) for prior in {f.inspector_prior for f in features}}
    merged: ir.Table | None = None
    for feature in features:
        ratio = _ratio(feature, rows, visits, people, rates, effects[feature.inspector_prior])
        merged = ratio if merged is None else _beside(merged, ratio)
    assert merged is not None  # noqa: S101 - called with at least one feature
    return merged


def _beside(merged: ir.Table, ratio: ir.Table) -> ir.Table:
    joined = merged.outer_join(ratio, "row_key", rname="{name}_new")
    columns = [column for column in joined.columns if column not in ("row_key", "row_key_new")]
    return joined.select(*columns, row_key=ibis.coalesce(joined.row_key, joined.row_key_new))


def _trigger_rates(rows: ir.Table, visits: ir.Table) -> ir.Table:
    """Per quarter start and trigger, the ppm of visits known by then that found something."""
    days = rows.select("rate_day").distinct()
    known = days.inner_join(visits, [visits.known_day <= days.rate_day])
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


def _ratio(
    feature: FeatureSpec, rows: ir.Table, visits: ir.Table, people: ir.Table, rates: ir.Table, effects: ir.Table
) -> ir.Table:
    joined = rows.inner_join(visits, "subject_key")
    inside = (joined.event_day <= joined.as_of_day) & (joined.known_day <= joined.as_of_day)
    if feature.months is not None:
        inside &= joined.event_day > joined[window_column(feature.months)]
    seen = joined.filter(inside).select("row_key", "rate_day", "inspection_id", "trigger", "found")
    rated = seen.inner_join(rates, ["rate_day", "trigger"]).select("row_key", "rate_day", "inspection_id", "found", "rate")
    with_people = rated.left_join(people, "inspection_id").drop("inspection_id_right")
    judged = with_people.left_join(effects, ["rate_day", "inspector"]).select("row_key", "inspection_id", "found", "rate", "effect")
    effect = judged.effect.fill_null(_MILLION)
    visit = judged.group_by(["row_key", "inspection_id", "found", "rate"]).agg(total=effect.sum(), people=judged.count())
    expected = (visit.rate * visit.total) // (visit.people * _MILLION)
    counted = visit.mutate(expected=expected.cast("int64"))
    sums = counted.group_by("row_key").agg(found=counted.found.sum(), expected=counted.expected.sum())
    pseudo = round(feature.prior * _MILLION)
    ratio = ((sums.found * _MILLION + pseudo) * _MILLION) // (sums.expected + pseudo)
    return sums.select("row_key", ratio.cast("int64").name(feature.name))
