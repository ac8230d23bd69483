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
import pyarrow as pa

from creditscore.dates import day_number, window_calendar, window_column
from creditscore.engine import unbound
from creditscore.errors import DataError
from creditscore.features.aggregates import event_aggregate, event_columns, event_counts, finding_ratios, window_lengths
from creditscore.features.custom import EVENT_COLUMNS, custom_part
from creditscore.features.guard import guard_features
from creditscore.features.spine import SPINE, Spine, spine_from_rows
from creditscore.features.training_rows import TrainingRows
from creditscore.features.visibility import Bucket, ManyDays, OneDay, Rows, Sorted, visible_events, visible_ratings

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.features import FeatureSpec
    from creditscore.dataframes import AnyTable
    from creditscore.features.spine import Spine
    from creditscore.records.records import Records

#: So many are passed over within 2 GB; twice as many are not (measured). More is done in parts.
_EVENTS_PER_BUCKET = 12_500_000
#: Columns that say whether an event is visible.
_VISIBILITY = ("event_key", "subject_key", "event_day", "known_day", "valid_day", "incident_key", "copies")
#: What a pass leaves in the engine until the next.
_LEFT = ("spine_windows", "windows", "panel_events", "panel_others")


def passes(
    records: Records, spine: Spine, features: tuple[FeatureSpec, ...], *, trained_on: dt.date | None, buckets: int | None
) -> Iterator[tuple[ir.Table, Parts]]:
    """Parts of a spine, each with what computes its features; to be used one after the other.

    A spine of one day needs no join of rows and events. Nor do rows that cover at least half of their subjects
    on each of their days: their events are sorted by kind and subject once, and each day passes over these (measured:
    half the time of passes over unsorted events). Other rows are joined.
    """
    lengths = tuple(window_lengths(features))
    for bucket in _buckets(records, buckets):
        part = spine.table if bucket is None else bucket.of(spine.table)
        if spine.day is not None:
            yield part, Parts(records, OneDay(spine.day, lengths, bucket), trained_on)
            continue
        days = _days_of_panel(records, spine.table)
        if days:
            events = _sorted_events(records, features, days[-1], bucket)
            for day in days:
                yield (
                    part.filter(part.as_of_day == day_number(day)),
                    Parts(records, OneDay(day, lengths, bucket), trained_on, events),
                )
        else:
            rows = _with_windows(records, spine, lengths)
            yield part, Parts(records, ManyDays(rows if bucket is None else bucket.of(rows), lengths), trained_on)
    for name in _LEFT:
        records.engine.drop(name)


def _buckets(records: Records, wanted: int | None) -> list[Bucket] | list[None]:
    count = wanted or 1 + (records.outcomes["events"].kept if "events" in records.outcomes else 0) // _EVENTS_PER_BUCKET
    return [Bucket(place, count) for place in range(count)] if count > 1 else [None]


def _days_of_panel(records: Records, table: ir.Table) -> list[dt.date]:
    """The days of rows that cover half of their subjects on each, else none."""
    told = records.engine.query(
        table.aggregate(rows=table.count(), days=table.as_of.nunique(), subjects=table.subject_key.nunique())
    )
    rows, days, subjects = (told[name][0].as_py() for name in ("rows", "days", "subjects"))
    if not rows or 2 * rows < days * subjects:
        return []
    return sorted(records.engine.query(table.select("as_of").distinct())["as_of"].to_pylist())


def _sorted_events(records: Records, features: tuple[FeatureSpec, ...], last: dt.date, bucket: Bucket | None) -> Sorted | None:
    """The events that features of any day may see, by kind and subject."""
    of_events = [feature for feature in features if feature.kind]
    if not of_events:
        return None
    places = {kind: place for place, kind in enumerate(records.project.catalogue.by_kind)}
    events, hidden, number = records.table("event_keys"), records.table("hidden"), day_number(last)
    used = events.filter(events.kind_key.isin(sorted({places[kind] for f in of_events for kind in f.kind})))
    seen = used.filter((used.event_day <= number) & (used.known_day <= number))
    part = (seen if bucket is None else bucket.of(seen)).select(*_columns(of_events, events))
    changed = hidden.select(changed_key="incident_key").distinct()
    marked = part.left_join(changed, part.incident_key == changed.changed_key)
    special = marked.copies | marked.changed_key.notnull()
    made = {
        name: records.engine.create(name, marked.filter(which).drop("changed_key").order_by(["kind_key", "subject_key"]))
        for name, which in (("panel_events", ~special), ("panel_others", special))
    }
    return Sorted(made["panel_events"], made["panel_others"])


def _columns(features: list[FeatureSpec], events: ir.Table) -> list[str]:
    """What the features read of events, and what says whether an event is visible."""
    if any(feature.aggregate == "custom" for feature in features):
        return list(events.columns)
    return sorted({*_VISIBILITY, *event_columns(features)})


def _with_windows(records: Records, spine: Spine, lengths: tuple[int, ...]) -> ir.Table:
    """The rows of a spine of several days with their windows beside them."""
    days = records.engine.query(spine.table.select("as_of").distinct())["as_of"].to_pylist()
    windows = window_calendar(days, lengths)
    records.engine.register("windows", windows)
    calendar = unbound("windows", windows.schema)
    return records.engine.create("spine_windows", spine.table.inner_join(calendar, "as_of_day"))


#: So many features are aggregated together: each sees the events of the others' kinds, too, and more of them at once
#: are slower than another look at fewer events.
_TOGETHER = 8
_VISIBLE = "feature_events"


@dataclass(frozen=True)
class Parts:
    """The features of some rows: which records, as of which days, trained when, from which events."""

    records: Records
    rows: Rows
    trained_on: dt.date | None
    #: The events of a panel, sorted once for all its days.
    events: Sorted | None = None

    def made(self, features: tuple[FeatureSpec, ...]) -> list[ir.Table]:
        """Tables with ``row_key`` and the columns of the features, each computed and kept as ``feature_part_<n>``."""
        engine = self.records.engine
        parts = self._of_few(features)
        made = [engine.create(f"feature_part_{place}", part) for place, part in enumerate(parts)]
        of_events = [f for f in features if f.kind and f.scheme is None and f.aggregate not in ("finding_ratio", "custom")]
        for part in self._of_events(of_events):
            made.append(engine.create(f"feature_part_{len(made)}", part))
        engine.drop(_VISIBLE)
        for feature in (f for f in features if f.aggregate == "custom"):
            made.append(self._of_own(feature, f"feature_part_{len(made)}"))
        return made

    def _of_few(self, features: tuple[FeatureSpec, ...]) -> list[ir.Table]:
        """What reads the smaller inputs."""
        schemes = sorted({f.scheme for f in features if f.scheme is not None})
        parts = [_ratings(self.records, self.rows, scheme, [f for f in features if f.scheme == scheme]) for scheme in schemes]
        of_visits = [f for f in features if f.aggregate == "finding_ratio"]
        of_subjects = [f for f in features if f.aggregate == "tenure_months"]
        if of_visits:
            parts += finding_ratios(self.records, self.rows, of_visits)
        return [*parts, _tenure(self.records, self.rows, of_subjects)] if of_subjects else parts

    def _of_events(self, features: list[FeatureSpec]) -> list[ir.Table]:
        """One aggregation per few features; the visible events are found once for all."""
        groups = _together(features, self._kind_keys)
        if not groups:
            return []
        visible = self._visible(sorted({key for kinds, _ in groups for key in kinds}))
        if len(groups) > 1:
            kept = visible.select(*self.rows.columns, *event_columns(features))
            visible = self.rows.dated(self.records.engine.create(_VISIBLE, kept))
        return [self._aggregated(visible, kinds, group, alone=len(groups) == 1) for kinds, group in groups]

    def _aggregated(self, visible: ir.Table, kinds: list[int], features: list[FeatureSpec], *, alone: bool) -> ir.Table:
        seen = visible if alone else visible.filter(visible.kind_key.isin(kinds))
        columns = {f.name: event_aggregate(f, seen, self._kind_keys, among=kinds) for f in features}
        return seen.group_by("row_key").agg(**columns)

    def _of_own(self, feature: FeatureSpec, name: str) -> ir.Table:
        kinds = sorted({self._kind_keys[kind] for kind in feature.kind})
        visible = self._visible(kinds)
        seen = visible.filter(event_counts(feature, visible, self._kind_keys, among=kinds))
        # No column that tells who sent a record, or whom it is about.
        return custom_part(self.records.engine, feature, seen.select("row_key", "as_of_day", *EVENT_COLUMNS), name=name)

    def _visible(self, kinds: list[int]) -> ir.Table:
        return visible_events(self.records, self.rows, kinds, trained_on=self.trained_on, events=self.events)

    @property
    def _kind_keys(self) -> dict[str, int]:
        return {kind: place for place, kind in enumerate(self.records.project.catalogue.by_kind)}


def _together(features: list[FeatureSpec], kind_keys: dict[str, int]) -> list[tuple[list[int], list[FeatureSpec]]]:
    """Features in groups of a few, those of the same kinds in one, with the kinds of each group."""
    keyed = sorted(((sorted({kind_keys[kind] for kind in f.kind}), place) for place, f in enumerate(features)))
    groups: list[tuple[list[int], list[FeatureSpec]]] = []
    for kinds, alike in itertools.groupby(keyed, key=lambda one: one[0]):
        more = [features[place] for _, place in alike]
        if groups and len(groups[-1][1]) + len(more) <= _TOGETHER:
            before, group = groups[-1]
            groups[-1] = (sorted({*before, *kinds}), [*group, *more])
        else:
            groups.append((kinds, more))
    return groups


def _ratings(records: Records, rows: Rows, scheme: str, features: list[FeatureSpec]) -> ir.Table:
    seen = visible_ratings(records, rows, scheme)
    # Two grades of one day: the one known later; two of those: the later in the alphabet, the same on every engine.
    order = seen.event_day.cast("int64") * 2**32 + seen.known_day
    columns = {}
    for feature in features:
        inside = ibis.literal(True) if feature.months is None else (seen.event_day > seen[window_column(feature.months)])
        age = (seen.as_of_day - seen.event_day).min(where=inside).cast("int64")
        columns[feature.name] = age if feature.aggregate == "days_since_last" else seen.grade.argmax(order, where=inside)
    return seen.group_by("row_key").agg(**columns)


def _tenure(records: Records, rows: Rows, features: list[FeatureSpec]) -> ir.Table:
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


#: Columns that stand before the features in ``features.parquet``.
KEYS = ("subject_id", "as_of", "industry")
_log = logging.getLogger(__name__)


def build_features(records: Records, rows: Spine | TrainingRows | AnyTable, features: tuple[FeatureSpec, ...]) -> pd.DataFrame:
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

    The events are looked through once for what is visible, the ratings once per scheme, the visits once; whatever
    the number of features. The passes go over ``buckets`` parts of the subjects one after the other, so that memory
    is bounded; by default one part for each 12.5 million events. The values do not depend on it.
    """
    for warning in guard_features(features, records.project):
        _log.warning(warning)
    if spine.records is not records:
        # Its keys are places in the register of another opening: they would name other subjects here.
        raise DataError("spine: expected one of these records (got one that was made of others)")
    table: ir.Table | None = None
    for part, parts in passes(records, spine, features, trained_on=trained_on, buckets=buckets):
        made = parts.made(features)
        joined = _joined(part, made, features, key="subject_key" if isinstance(parts.rows, OneDay) else "row_key")
        table = records.engine.create(name, joined) if table is None else records.engine.append(name, joined)
        for place in range(len(made)):
            records.engine.drop(f"feature_part_{place}")
    assert table is not None  # noqa: S101 - there is at least one pass
    return table


def _joined(spine: ir.Table, parts: list[ir.Table], features: tuple[FeatureSpec, ...], *, key: str) -> ir.Table:
    """Rows of a spine with their features beside them (an expression over the parts, whose ``row_key`` is ``key``)."""
    joined = spine
    for place, part in enumerate(parts):
        # A name of its own for the key of each: all joins are one expression then, which is compiled once.
        named = part.rename(**{f"_part_row_{place}": "row_key"})
        joined = joined.left_join(named, spine[key] == named[f"_part_row_{place}"])
    return joined.select("row_key", *KEYS, *(_filled(feature, joined) for feature in features))


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
