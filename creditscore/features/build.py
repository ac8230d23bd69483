"""Build features: every FeatureSpec over the spine in one aggregation pass per input table."""

from __future__ import annotations

import datetime as dt
import logging
from typing import TYPE_CHECKING

import ibis
import pandas as pd
import pyarrow as pa

from creditscore.engine import unbound
from creditscore.errors import DataError
from creditscore.features.aggregates import event_aggregate, event_counts, window_lengths
from creditscore.features.calendar import window_calendar, window_column
from creditscore.features.custom import EVENT_COLUMNS, custom_part
from creditscore.features.findings import finding_ratios
from creditscore.features.guard import guard_features
from creditscore.features.spine import SPINE, Spine, spine_from_rows
from creditscore.features.target import TrainingRows
from creditscore.features.visible import Bucket, ManyDays, OneDay, Rows, visible_events, visible_ratings

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.features import FeatureSpec
    from creditscore.features.given import Given
    from creditscore.records.records import Records

#: Columns that stand before the features in ``features.parquet``.
KEYS = ("subject_id", "as_of", "industry")
#: About 0.7 GB of aggregation state; more is done in parts.
_EVENTS_PER_BUCKET = 25_000_000
_log = logging.getLogger(__name__)


def build_features(records: Records, rows: Spine | TrainingRows | Given, features: tuple[FeatureSpec, ...]) -> pd.DataFrame:
    """The features of each row of a spine, in its order, as pandas.

    Args:
        records: What is known.
        rows: A spine, training rows, or a pandas, polars or Arrow table with ``subject_id`` and ``as_of`` (dates,
            points in time or ``"2024-04-30"``); a row that stands twice is kept twice. Training rows leave out
            records whose withdrawal was known when they were made.
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
    made = rows if isinstance(rows, Spine) else spine_from_rows(records, rows, name="given_rows")
    table = feature_table(records, made, features, trained_on=trained_on, name="built_features")
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
) -> ir.Table:
    """The features of a spine as an engine table: row_key, subject_id, as_of, industry, then one column each.

    One pass over the events, one over the ratings per scheme, one over the visits; whatever the number of
    features. The passes go over ``buckets`` parts of the subjects one after the other, so that memory is
    bounded; by default one part for each 25 million events. The values do not depend on it.
    """
    for warning in guard_features(features, records.project):
        _log.warning(warning)
    if spine.records is not records:
        # Its keys are places in the register of another opening: they would name other subjects here.
        raise DataError("spine: expected one of these records (got one that was made of others)")
    count = buckets or 1 + (records.outcomes["events"].kept if "events" in records.outcomes else 0) // _EVENTS_PER_BUCKET
    lengths = window_lengths(features)
    rows_of_many = None if spine.day is not None else _with_windows(records, spine, lengths)
    table: ir.Table | None = None
    for bucket in [Bucket(place, count) for place in range(count)] if count > 1 else [None]:
        rows: Rows
        if rows_of_many is None:
            rows = OneDay(spine.day or dt.date.min, tuple(lengths), bucket)
        else:
            rows = ManyDays(rows_of_many if bucket is None else bucket.of(rows_of_many))
        part = _features_of(records, spine.table if bucket is None else bucket.of(spine.table), rows, features, trained_on)
        table = records.engine.create(name, part) if table is None else records.engine.append(name, part)
    assert table is not None  # noqa: S101 - there is at least one bucket
    return table


def _features_of(
    records: Records, spine: ir.Table, rows: Rows, features: tuple[FeatureSpec, ...], trained_on: dt.date | None
) -> ir.Table:
    """The features of a part of the spine (an expression over the parts, which are computed here)."""
    joined = spine.mutate(part_key=spine.subject_key if isinstance(rows, OneDay) else spine.row_key)
    for part in _parts(records, rows, features, trained_on):
        # The right side's key is needed for the join only.
        named = part.rename(part_row="row_key")
        joined = joined.left_join(named, joined.part_key == named.part_row).drop("part_row")
    return joined.select("row_key", *KEYS, *(_filled(feature, joined) for feature in features))


def _with_windows(records: Records, spine: Spine, lengths: list[int]) -> ir.Table:
    """The rows of a spine of several days with their windows beside them."""
    days = records.engine.query(spine.table.select("as_of").distinct())["as_of"].to_pylist()
    windows = window_calendar(days, lengths)
    records.engine.register("windows", windows)
    calendar = unbound("windows", windows.schema)
    return records.engine.create("spine_windows", spine.table.inner_join(calendar, "as_of_day"))


def _parts(records: Records, rows: Rows, features: tuple[FeatureSpec, ...], trained_on: dt.date | None) -> list[ir.Table]:
    """One table per input: ``row_key`` and the columns of the features that read it."""
    of_visits = [f for f in features if f.aggregate == "finding_ratio"]
    of_subjects = [f for f in features if f.aggregate == "tenure_months"]
    schemes = sorted({f.scheme for f in features if f.scheme is not None})
    of_own = [f for f in features if f.aggregate == "custom"]
    of_events = [f for f in features if f.kind and f.scheme is None and f not in [*of_visits, *of_own]]
    parts = [_rating_part(records, rows, scheme, [f for f in features if f.scheme == scheme]) for scheme in schemes]
    if of_events:
        parts.append(_event_part(records, rows, of_events, trained_on))
    if of_visits:
        parts += finding_ratios(records, rows, of_visits)
    if of_subjects:
        parts.append(_tenure_part(records, rows, of_subjects))
    made = [records.engine.create(f"feature_part_{place}", part) for place, part in enumerate(parts)]
    return made + [_custom_part(records, rows, feature, trained_on, place) for place, feature in enumerate(of_own)]


def _event_part(records: Records, rows: Rows, features: list[FeatureSpec], trained_on: dt.date | None) -> ir.Table:
    kind_keys = {kind: place for place, kind in enumerate(records.project.catalogue.by_kind)}
    used = sorted({kind_keys[kind] for feature in features for kind in feature.kind})
    visible = visible_events(records, rows, used, trained_on=trained_on)
    return visible.group_by("row_key").agg(**{f.name: event_aggregate(f, visible, kind_keys) for f in features})


def _custom_part(records: Records, rows: Rows, feature: FeatureSpec, trained_on: dt.date | None, place: int) -> ir.Table:
    kind_keys = {kind: key for key, kind in enumerate(records.project.catalogue.by_kind)}
    visible = visible_events(records, rows, [kind_keys[kind] for kind in feature.kind], trained_on=trained_on)
    seen = visible.filter(event_counts(feature, visible, kind_keys))
    # No column that tells who sent a record, or whom it is about.
    shown = seen.select("row_key", "as_of_day", *EVENT_COLUMNS)
    return custom_part(records.engine, feature, shown, name=f"custom_part_{place}")


def _rating_part(records: Records, rows: Rows, scheme: str, features: list[FeatureSpec]) -> ir.Table:
    seen = visible_ratings(records, rows, scheme)
    # Two grades of one day: the one known later; two of those: the later in the alphabet, the same on every engine.
    order = seen.event_day.cast("int64") * 2**32 + seen.known_day
    columns = {}
    for feature in features:
        inside = ibis.literal(True) if feature.months is None else (seen.event_day > seen[window_column(feature.months)])
        age = (seen.as_of_day.max() - seen.event_day.max(where=inside)).cast("int64")
        columns[feature.name] = age if feature.aggregate == "days_since_last" else seen.grade.argmax(order, where=inside)
    return seen.group_by("row_key").agg(**columns)


def _tenure_part(records: Records, rows: Rows, features: list[FeatureSpec]) -> ir.Table:
    """Completed months since registration, by the newest version known on the day."""
    versions = records.table("subject_versions").filter(ibis._.registered_date.notnull())
    joined = rows.beside(versions.select("subject_key", "registered_date", "from_day", "known_day"))
    seen = joined.filter((joined.from_day <= joined.as_of_day) & (joined.known_day <= joined.as_of_day))
    newest = seen.group_by(["row_key", "as_of_day"]).agg(
        since=seen.registered_date.argmax(seen.from_day.cast("int64") * 2**32 + seen.known_day)
    )
    dated = newest.mutate(as_of=ibis.date(1970, 1, 1) + newest.as_of_day.as_interval("D"))
    begun = dated.as_of.day() < dated.since.day()
    months = (dated.as_of.year() - dated.since.year()) * 12 + dated.as_of.month() - dated.since.month()
    value = (months - ibis.ifelse(begun, 1, 0)).cast("int64")
    return dated.select("row_key", *(value.name(feature.name) for feature in features))


def _filled(feature: FeatureSpec, joined: ir.Table) -> ir.Value:
    """A row without records has the declared ``empty`` value; a count of nothing is 0."""
    column = joined[feature.name]
    nothing = feature.empty
    if nothing is None and feature.aggregate in ("count", "sum", "distinct", "banded_sum", "on_list"):
        nothing = 0
    return column if nothing is None else column.fill_null(ibis.literal(nothing).cast(column.type())).name(feature.name)


def feature_schema(features: tuple[FeatureSpec, ...]) -> pa.Schema:
    """The columns of ``features.parquet``: keys, then one per feature (int64; float64 for money; text for grades)."""
    keys = [("subject_id", pa.string()), ("as_of", pa.date32()), ("industry", pa.string())]
    kinds = [(f.name, pa.string() if f.is_text else pa.float64() if f.column == "amount" else pa.int64()) for f in features]
    return pa.schema(keys + kinds)


__all__ = ["KEYS", "SPINE", "build_features", "feature_schema", "feature_table"]
