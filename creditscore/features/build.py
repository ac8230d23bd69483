"""Build features: every FeatureSpec over the spine, in one pass per input table and day."""

from __future__ import annotations

import datetime as dt
import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis
import pandas as pd

from creditscore.dates import day_number, window_calendar
from creditscore.engine import unbound
from creditscore.errors import DataError
from creditscore.features.aggregates import (
    event_aggregate,
    event_columns,
    event_counts,
    finding_ratios,
    rating_aggregates,
    tenure_months,
    window_lengths,
)
from creditscore.features.custom import EVENT_COLUMNS, custom_part
from creditscore.features.guard import guard_features
from creditscore.features.spine import Spine, spine_from_rows
from creditscore.features.training_rows import TrainingRows
from creditscore.features.visibility import Among, Bucket, ManyDays, OneDay, Panel, Rows, visible_events

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.features import FeatureSpec
    from creditscore.dataframes import AnyTable
    from creditscore.records.records import Records

#: The first columns of ``features.parquet``.
_KEYS = ("subject_id", "as_of", "industry")
#: Events that a pass goes over within 2 GB; twice as many do not fit (measured). More of them are split by subject.
EVENTS_AT_ONCE = 12_500_000
#: Columns that say whether an event is visible.
_VISIBILITY = ("event_key", "subject_key", "event_day", "known_day", "valid_day", "incident_key", "copies")
#: Tables that a pass leaves in the engine until the next.
_LEFT = ("spine_windows", "windows", "panel_events", "panel_others")
#: Features per pass. Larger batches are slower: every feature scans the events of all kinds of its batch.
_BATCH = 8
_VISIBLE = "feature_events"
_log = logging.getLogger(__name__)


def build_features(records: Records, rows: Spine | TrainingRows | AnyTable, features: tuple[FeatureSpec, ...]) -> pd.DataFrame:
    """The features of each row of a spine, in its order, as pandas.

    Args:
        records: What is known.
        rows: A spine, training rows, or a pandas, polars or Arrow table with ``subject_id`` and ``as_of`` (dates,
            points in time or ``"2024-04-30"``); a row that occurs twice is kept twice. Training rows leave out
            records, visits and grades whose withdrawal or upheld dispute was known when they were made.
        features: Their specifications.

    Returns:
        One row per row of ``rows``, in their order, index (subject_id, as_of); one column per feature.
        Numbers are int64 or float64, float64 with NaN where some are missing; texts are str.

    Raises:
        ConfigError: The guard refuses a feature.
        DataError: A row's subject is unknown; ``rows`` is no table of subjects and days, or a spine of other records.
    """
    trained_on = rows.until if isinstance(rows, TrainingRows) else None
    if isinstance(rows, TrainingRows):
        rows = rows.frame
    spine = rows if isinstance(rows, Spine) else spine_from_rows(records, rows, name="given_rows")
    table = feature_table(records, spine, features, trained_on=trained_on, name="built_features")
    arrow = records.engine.query(table.order_by("row_key")).drop_columns(["row_key", "industry"])
    frame: pd.DataFrame = arrow.to_pandas().set_index(["subject_id", "as_of"])
    return frame


def feature_table(
    records: Records,
    spine: Spine,
    features: tuple[FeatureSpec, ...],
    *,
    trained_on: dt.date | None = None,
    name: str = "features",
    buckets: int | None = None,
    only: Bucket | None = None,
) -> ir.Table:
    """The features of a spine as an engine table: row_key, subject_id, as_of, industry, then one column each.

    The events are looked through once for what is visible, the ratings once per scheme, the visits once, however many
    features there are. The passes go over ``buckets`` parts of the subjects one after the other, so that memory
    is bounded; by default one part for each 12.5 million events. The values do not depend on it. With ``only`` the rows of
    that part alone are computed.

    Raises:
        ConfigError: The guard refuses a feature.
        DataError: The spine was made of other records.
    """
    for warning in guard_features(features, records.project):
        _log.warning(warning)
    if spine.records is not records:
        # Its keys are positions in the register of another opening: they would name other subjects here.
        raise DataError("spine: expected one of these records (got one that was made of others)")
    table: ir.Table | None = None
    for rows, feature_pass in passes(records, spine, features, trained_on=trained_on, buckets=buckets, only=only):
        parts = feature_pass.compute(features)
        key = "subject_key" if isinstance(feature_pass.rows, OneDay) else "row_key"
        joined = rows
        for number, part in enumerate(parts):
            # A name of its own for the key of each: all joins are one expression then, which is compiled once.
            named = part.rename(**{f"_part_row_{number}": "row_key"})
            joined = joined.left_join(named, rows[key] == named[f"_part_row_{number}"])
        joined = joined.select("row_key", *_KEYS, *(_filled(feature, joined) for feature in features))
        table = records.engine.create(name, joined) if table is None else records.engine.append(name, joined)
        for number in range(len(parts)):
            records.engine.drop(f"feature_part_{number}")
    assert table is not None  # noqa: S101 - there is at least one pass
    return table


def _filled(feature: FeatureSpec, joined: ir.Table) -> ir.Value:
    """A row without records has the declared ``empty`` value; a count without records is 0."""
    column, empty = joined[feature.name], feature.empty
    if empty is None and feature.rule.zero_if_none:
        empty = 0
    return column if empty is None else column.fill_null(ibis.literal(empty).cast(column.type())).name(feature.name)


def passes(
    records: Records,
    spine: Spine,
    features: tuple[FeatureSpec, ...],
    *,
    trained_on: dt.date | None,
    buckets: int | None,
    only: Bucket | None = None,
) -> Iterator[tuple[ir.Table, FeaturePass]]:
    """Parts of a spine, each with what computes its features; to be used one after the other.

    Of a few subjects only their own events are passed over. A spine of one day needs no join of rows and events. Nor do rows
    that cover at least half of their subjects on each of their days: their events are sorted by kind and subject once, and
    each day passes over these (measured: half the time of passes over unsorted events). Other rows are joined.
    """
    engine, lengths = records.engine, tuple(window_lengths(features))
    if spine.day is not None and spine.of_few:
        yield spine.table, FeaturePass(records, OneDay(spine.day, lengths, Among(spine.table)), trained_on)
        return
    kept = records.outcomes["events"].kept if "events" in records.outcomes else 0
    count = buckets or 1 + kept // EVENTS_AT_ONCE
    every = [Bucket(number, count) for number in range(count)] if count > 1 else [None]
    for bucket in every if only is None else [only]:
        rows = spine.table if bucket is None else bucket.of(spine.table)
        if spine.day is not None:
            yield rows, FeaturePass(records, OneDay(spine.day, lengths, bucket), trained_on)
            continue
        days = engine.query(spine.table.select("as_of").distinct())["as_of"].to_pylist()
        if _is_panel(records, spine.table):
            days = sorted(days)
            panel = _panel_events(records, features, days[-1], bucket)
            for day in days:
                on_day = rows.filter(rows.as_of_day == day_number(day))
                yield on_day, FeaturePass(records, OneDay(day, lengths, bucket), trained_on, panel)
            continue
        windows = window_calendar(days, lengths)
        engine.register("windows", windows)
        dated = engine.create("spine_windows", spine.table.inner_join(unbound("windows", windows.schema), "as_of_day"))
        yield rows, FeaturePass(records, ManyDays(dated if bucket is None else bucket.of(dated), lengths), trained_on)
    for name in _LEFT:
        engine.drop(name)


def _is_panel(records: Records, table: ir.Table) -> bool:
    """Whether the rows cover half of their subjects on each of their days."""
    sizes = records.engine.query(
        table.aggregate(rows=table.count(), days=table.as_of.nunique(), subjects=table.subject_key.nunique())
    )
    rows, days, subjects = (sizes[name][0].as_py() for name in ("rows", "days", "subjects"))
    return bool(rows) and 2 * rows >= days * subjects


def _panel_events(records: Records, features: tuple[FeatureSpec, ...], last: dt.date, bucket: Bucket | None) -> Panel | None:
    """The events that features of any day up to ``last`` may see, by kind and subject."""
    of_events = [feature for feature in features if feature.kind]
    if not of_events:
        return None
    kind_keys, number = _kind_keys(records), day_number(last)
    events, hidden = records.table("event_keys"), records.table("hidden")
    used = events.filter(events.kind_key.isin(sorted({kind_keys[kind] for f in of_events for kind in f.kind})))
    known = used.filter((used.event_day <= number) & (used.known_day <= number))
    own = any(feature.aggregate == "custom" for feature in of_events)
    columns = list(events.columns) if own else sorted({*_VISIBILITY, *event_columns(of_events)})
    part = (known if bucket is None else bucket.of(known)).select(*columns)
    changed = hidden.select(changed_key="incident_key").distinct()
    marked = part.left_join(changed, part.incident_key == changed.changed_key)
    special = marked.copies | marked.changed_key.notnull()
    plain, others = (
        records.engine.create(name, marked.filter(which).drop("changed_key").order_by(["kind_key", "subject_key"]))
        for name, which in (("panel_events", ~special), ("panel_others", special))
    )
    return Panel(plain, others)


def _kind_keys(records: Records) -> dict[str, int]:
    """The number of each kind of the catalogue in ``event_keys``."""
    return {kind: number for number, kind in enumerate(records.project.catalogue.by_kind)}


@dataclass(frozen=True)
class FeaturePass:
    """One computation of features: the records, the rows with their days, and the day of training (None for rows to score)."""

    records: Records
    rows: Rows
    trained_on: dt.date | None
    #: The events of a panel, sorted once for all its days.
    panel: Panel | None = None

    def compute(self, features: tuple[FeatureSpec, ...]) -> list[ir.Table]:
        """Compute the features, as tables ``feature_part_<n>`` of the engine with ``row_key`` and columns of features."""
        engine = self.records.engine
        of_events: list[FeatureSpec] = []
        own: list[FeatureSpec] = []
        schemes: dict[str, list[FeatureSpec]] = {}
        by_source: dict[str, list[FeatureSpec]] = {"visits": [], "subjects": []}
        for feature in features:
            if feature.scheme is not None:
                schemes.setdefault(feature.scheme, []).append(feature)
            elif feature.aggregate == "custom":
                own.append(feature)
            else:
                (of_events if feature.rule.source == "events" else by_source[feature.rule.source]).append(feature)
        small = [
            rating_aggregates(self.records, self.rows, scheme, group, trained_on=self.trained_on)
            for scheme, group in sorted(schemes.items())
        ]
        if by_source["visits"]:
            small += finding_ratios(self.records, self.rows, by_source["visits"], trained_on=self.trained_on)
        if by_source["subjects"]:
            small.append(tenure_months(self.records, self.rows, by_source["subjects"]))
        parts = [engine.create(f"feature_part_{number}", expression) for number, expression in enumerate(small)]
        for expression in self._over_events(of_events):
            parts.append(engine.create(f"feature_part_{len(parts)}", expression))
        engine.drop(_VISIBLE)
        for feature in own:
            kinds = sorted({self._kind_keys[kind] for kind in feature.kind})
            visible = self._visible(kinds)
            events = visible.filter(event_counts(feature, visible, self._kind_keys, among=kinds))
            # No column that says who sent a record, or whom it is about.
            events = events.select("row_key", "as_of_day", *EVENT_COLUMNS)
            parts.append(custom_part(engine, feature, events, name=f"feature_part_{len(parts)}"))
        return parts

    def _over_events(self, features: list[FeatureSpec]) -> list[ir.Table]:
        """One aggregation per batch of features; the visible events are computed once for all batches."""
        batches = _batches(features, self._kind_keys)
        if not batches:
            return []
        visible = self._visible(sorted({key for kinds, _ in batches for key in kinds}))
        if len(batches) > 1:
            kept = visible.select(*self.rows.columns, *event_columns(features))
            visible = self.rows.dated(self.records.engine.create(_VISIBLE, kept))
        aggregations = []
        for kinds, batch in batches:
            events = visible if len(batches) == 1 else visible.filter(visible.kind_key.isin(kinds))
            columns = {feature.name: event_aggregate(feature, events, self._kind_keys, among=kinds) for feature in batch}
            aggregations.append(events.group_by("row_key").agg(**columns))
        return aggregations

    def _visible(self, kinds: list[int]) -> ir.Table:
        return visible_events(self.records, self.rows, kinds, trained_on=self.trained_on, panel=self.panel)

    @property
    def _kind_keys(self) -> dict[str, int]:
        return _kind_keys(self.records)


def _batches(features: list[FeatureSpec], kind_keys: dict[str, int]) -> list[tuple[list[int], list[FeatureSpec]]]:
    """Features in batches of a few, those of the same kinds in one, with the kinds of each batch."""
    keyed = sorted(((sorted({kind_keys[kind] for kind in f.kind}), number) for number, f in enumerate(features)))
    batches: list[tuple[list[int], list[FeatureSpec]]] = []
    for kinds, alike in itertools.groupby(keyed, key=lambda pair: pair[0]):
        more = [features[number] for _, number in alike]
        if batches and len(batches[-1][1]) + len(more) <= _BATCH:
            before, batch = batches[-1]
            batches[-1] = (sorted({*before, *kinds}), [*batch, *more])
        else:
            batches.append((kinds, more))
    return batches
