"""Features of the rows of a spine, one table per input: events, external ratings, visits, the register."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis

from creditscore.features.aggregates import event_aggregate, event_columns, event_counts
from creditscore.features.calendar import window_column
from creditscore.features.custom import EVENT_COLUMNS, custom_part
from creditscore.features.findings import finding_ratios
from creditscore.features.visible import Rows, Sorted, visible_events, visible_ratings

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.features import FeatureSpec
    from creditscore.records.records import Records

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
