"""Every aggregate of the configuration has its rule, and every one over events its expression."""

from typing import get_args

from creditscore.config.features import AGGREGATES, Aggregate
from creditscore.features.aggregates import _EXPRESSIONS


def test_every_aggregate_has_a_rule():
    assert set(AGGREGATES) == set(get_args(Aggregate))


def test_every_aggregate_over_events_has_an_expression():
    over_events = {name for name, rule in AGGREGATES.items() if rule.source == "events"}
    assert set(_EXPRESSIONS) == over_events - {"custom"}, "custom aggregates bring their own expression"
