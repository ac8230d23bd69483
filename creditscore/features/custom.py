"""A way out of the closed list of aggregates: a feature written in Python, checked against plain Python on every run.

A function takes the rows and the records and returns an expression; with it comes an oracle, the same
feature for one subject and day in plain Python over that subject's visible events. ``features.toml`` names
the function as ``package.module:name``; a function without an oracle is refused, and on every build some
rows are computed both ways.
"""

from __future__ import annotations

import datetime as dt
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from creditscore.dates import day_of_number
from creditscore.errors import ConfigError, DataError

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.features import FeatureSpec
    from creditscore.engine import Engine

Event = dict[str, Any]
Compute = Callable[["ir.Table"], "ir.Value"]
Oracle = Callable[[list[Event], dt.date], Any]
#: Columns of the visible events that a function may read, and the keys of the oracle's events.
EVENT_COLUMNS = ("event_day", "known_day", "severity", "cents", "result", "verified")
_SAMPLE = 200


@dataclass(frozen=True)
class CustomFeature:
    """A feature of one's own: ``compute`` over the visible events of its kinds, grouped by row; ``oracle`` in plain Python."""

    compute: Compute
    oracle: Oracle


def custom_feature(*, oracle: Oracle) -> Callable[[Compute], CustomFeature]:
    """Mark a function of the visible events (a table grouped by row) as a feature; ``oracle`` computes the same in plain Python.

    Args:
        oracle: Takes the visible events of one subject (a list of dictionaries with :data:`EVENT_COLUMNS`, days
            as dates, no order) and the day; returns a whole number or None.
    """
    return lambda compute: CustomFeature(compute, oracle)


def load_custom(feature: FeatureSpec) -> CustomFeature:
    """The function that a feature names.

    Raises:
        ConfigError: It cannot be imported, or has no oracle.
    """
    module, _, name = (feature.function or "").partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError):
        raise _refused(feature, "an importable package.module:name") from None
    if not isinstance(function, CustomFeature):
        raise _refused(feature, "one marked by @custom_feature(oracle=...)")
    return function


def _refused(feature: FeatureSpec, expected: str) -> ConfigError:
    return ConfigError(
        'feature "{name}": function: expected {expected} (got {function!r})',
        name=feature.name,
        expected=expected,
        function=feature.function,
    )


def custom_part(engine: Engine, feature: FeatureSpec, events: ir.Table, *, name: str) -> ir.Table:
    """``row_key`` and the feature, one row per row with events that count; a sample of rows is checked in plain Python.

    Args:
        engine: Where to compute.
        feature: Its ``function`` is called with ``events``.
        events: The visible events that count for the feature, with ``row_key`` and :data:`EVENT_COLUMNS`.
        name: What to call the table.

    Raises:
        ConfigError: See :func:`load_custom`.
        DataError: The expression and the oracle differ in a row.
    """
    custom = load_custom(feature)
    part = engine.create(name, events.group_by("row_key").agg(**{feature.name: custom.compute(events).cast("int64")}))
    sample = engine.query(part.order_by("row_key").limit(_SAMPLE))
    values = dict(zip(sample["row_key"].to_pylist(), sample[feature.name].to_pylist(), strict=True))
    if not values:
        return part
    chosen = events.filter(events.row_key.isin(list(values))).select("row_key", "as_of_day", *EVENT_COLUMNS)
    by_row: dict[int, list[Event]] = {}
    for event in engine.query(chosen).to_pylist():
        by_row.setdefault(event["row_key"], []).append(event)
    for key, of_row in by_row.items():
        as_of = day_of_number(of_row[0]["as_of_day"])
        days = [{day: day_of_number(event[day]) for day in ("event_day", "known_day")} for event in of_row]
        plain = [{column: event[column] for column in EVENT_COLUMNS} | own for event, own in zip(of_row, days, strict=True)]
        expected = custom.oracle(plain, as_of)
        if expected != values[key]:
            raise DataError(
                'feature "{name}": {function} and its oracle differ in a row ({value} and {expected})',
                name=feature.name,
                function=feature.function,
                value=values[key],
                expected=expected,
            )
    return part
