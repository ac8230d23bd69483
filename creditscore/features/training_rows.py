"""Training rows: on whom the outcome is known, with which weight, as of when; and who was left out, and why."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis
import pandas as pd
import pyarrow as pa

from creditscore.config.targets import InspectionTarget, RegisterTarget, TargetSpec
from creditscore.dates import day_number, day_of, day_of_number, months_after, months_before
from creditscore.errors import ConfigError, DataError
from creditscore.features.guard import target_faults
from creditscore.features.spine import scored_types, spine_on
from creditscore.features.triggering_records import first_known
from creditscore.records.adverse.contested import taken_away
from creditscore.records.records import coded
from creditscore.records.standard.keys import day_column
from creditscore.vocabulary import VOIDING_CHANGES

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.records.records import Records

_ONE_DAY = dt.timedelta(days=1)
_COLUMNS = [
    "subject_id", "as_of", "industry", "y", "weight", "inspectors", "trigger", "stratum", "event_date", "ranking_only",
]  # fmt: skip


@dataclass(frozen=True)
class CapEffect:
    """What a declared cap on the weights does: rows cut, weighted share of bads and effective size, before and after.

    The difference of the shares is the bias that the cap buys its larger effective size with.
    """

    cut: int
    bad_share_uncapped: float
    bad_share: float
    effective_size_uncapped: float
    effective_size: float

    @property
    def bias(self) -> float:
        """Share of bads with the cap minus without it."""
        return self.bad_share - self.bad_share_uncapped


@dataclass(frozen=True)
class TrainingRows:
    """Labelled rows: one per random draw (inspection target), or per subject and day (register target).

    An inspection target with ``rank_with`` has further rows, of visits that were not drawn: ``ranking_only``, without a weight.
    They may teach which firms are riskier than others, never how many are bad, and no metric counts them.

    ``frame`` has subject_id, as_of, industry, y (1 = bad), weight, inspectors (list or None), trigger, stratum, event_date
    and ranking_only, sorted by as_of, subject and visit. ``dropped`` counts what was left out, by reason.
    """

    frame: pd.DataFrame
    dropped: pd.DataFrame
    target: TargetSpec
    until: dt.date
    #: What a cap on the weights did; None without one. Of all rows, also in parts of them.
    cap: CapEffect | None = None

    def _column(self, name: str) -> pd.Series:
        index = pd.MultiIndex.from_frame(self.frame[["subject_id", "as_of"]])
        return pd.Series(self.frame[name].to_numpy(), index=index, name=name)

    @property
    def subject_id(self) -> pd.Series:
        """Whom each row is about."""
        return self._column("subject_id")

    @property
    def as_of(self) -> pd.Series:
        """The day whose knowledge each row has."""
        return self._column("as_of")

    @property
    def y(self) -> pd.Series:
        """1 = bad, 0 = good."""
        return self._column("y")

    @property
    def weight(self) -> pd.Series:
        """1/p of the draw, or 1 where nobody had to be drawn; missing where the row is for the ranking only."""
        return self._column("weight")

    @property
    def ranking_only(self) -> pd.Series:
        """Whether the row may train the ranking only: its visit was not drawn at random."""
        return self._column("ranking_only")

    @property
    def drawn(self) -> TrainingRows:
        """The rows that also count for levels and metrics."""
        return self._only(~self.frame["ranking_only"].astype(bool))

    @property
    def industry(self) -> pd.Series:
        """The subject's industry on ``as_of``."""
        return self._column("industry")

    @property
    def inspectors(self) -> pd.Series:
        """Who inspected: a list per row, None where unknown."""
        return self._column("inspectors")

    @property
    def representative(self) -> bool:
        """Whether the rows speak for all subjects (known probabilities) or for inspected ones only."""
        return isinstance(self.target, RegisterTarget) or self.target.weights == "design"

    def before(self, day: str | dt.date) -> TrainingRows:
        """The rows with ``as_of`` before a day."""
        return self._only(self.frame["as_of"] < day_of(day, name="before"))

    def since(self, day: str | dt.date) -> TrainingRows:
        """The rows with ``as_of`` on or after a day."""
        return self._only(self.frame["as_of"] >= day_of(day, name="since"))

    def _only(self, mask: pd.Series) -> TrainingRows:
        return TrainingRows(self.frame[mask].reset_index(drop=True), self.dropped, self.target, self.until, self.cap)


def training_rows(records: Records, target: TargetSpec, *, until: str | dt.date) -> TrainingRows:
    """The labelled rows of a target, from what was known on ``until``.

    Args:
        records: The records of the project.
        target: One of ``project.targets``.
        until: The day of training. The windows of a register target end by the newest day that the records
            cover: beyond it nothing is known, and an unknown outcome is not a good one.

    Raises:
        ConfigError: ``target`` is not a target, or is about kinds that may not be used or that only visits find.
        DataError: ``until`` is not a day, or no row is left; the message says why rows were dropped.
    """
    day = day_of(until, name="until")
    _refuse_unusable(target, records)
    rows = _from_inspections(records, target, day) if isinstance(target, InspectionTarget) else _from_register(records, target, day)
    if rows.drawn.frame.empty:
        reasons = ", ".join(f"{row.reason} {row.rows}" for row in rows.dropped.itertuples()) or "no visit or record at all"
        raise DataError(
            'target "{name}": expected labelled rows known by {day} (got none; left out: {reasons})',
            name=target.name,
            day=day,
            reasons=reasons,
        )
    return rows


def _refuse_unusable(target: object, records: Records) -> None:
    if not isinstance(target, InspectionTarget | RegisterTarget):
        known = ", ".join(records.project.targets)
        raise ConfigError(
            "target: expected one of project.targets, which has {known} (got {kind})", known=known, kind=type(target).__name__
        )
    faults = target_faults(target, records.project)
    if faults:
        lines = "\n".join(faults)
        raise ConfigError(lines)


def _from_inspections(records: Records, target: InspectionTarget, until: dt.date) -> TrainingRows:
    visits = records.inspections.to_pandas(date_as_object=True)
    visits = visits[visits["known_date"] <= until]
    visits["p"] = _probability(visits, records, target)
    ranking = visits["trigger"].isin(target.rank_with)
    first = first_known(records, visits, target.rank_with)
    visits["ranking_only"], visits["set_off"] = ranking, first.notna() | ~ranking
    before = first.where(first.notna(), visits["event_date"])
    visits["as_of"] = pd.Series([day - _ONE_DAY for day in before], index=visits.index, dtype=object)
    visits = visits.merge(_subjects_at(records, visits), on=["subject_id", "as_of"], how="left")
    reason = pd.Series("", index=visits.index)
    gone = visits["inspection_id"].isin(taken_away(records, until))
    for wrong, said in [(gone, "result taken away on objection"), *_reasons(visits, target, scored_types(records.project))]:
        reason = reason.mask((reason == "") & wrong, said)
    kept = visits[reason == ""].copy()
    kept["y"] = _labels(kept, target)
    drawn = kept[~kept["ranking_only"]]
    design = 1 / drawn["p"].astype(float)
    drawn = drawn.assign(weight=1.0 if target.weights == "none" else _capped(design, target.weight_cap))
    kept["weight"] = drawn["weight"]  # missing in the others
    cap = _cap_effect(drawn, design) if target.weights == "design" and target.weight_cap is not None else None
    kept = kept.sort_values(["as_of", "subject_id", "inspection_id"]).reset_index(drop=True)
    dropped = reason[reason != ""].value_counts().sort_index().rename_axis("reason").reset_index(name="rows")
    return TrainingRows(kept[_COLUMNS], dropped, target, until, cap)


def _reasons(visits: pd.DataFrame, target: InspectionTarget, types: tuple[str, ...]) -> list[tuple[pd.Series, str]]:
    known = [*target.bad, *target.good]
    other_mode = visits["mode"].notna() & (visits["mode"] != target.mode)
    trains = visits["trigger"].isin([*target.triggers, *target.rank_with])
    return [
        (~trains, "not drawn at random" if target.weights == "design" else "other trigger"),
        (other_mode, f"not {target.mode}"),
        (~visits["outcome"].isin(known), "outcome excluded"),
        (~visits["set_off"], "no record that set off the visit"),
        (~visits["subject_type"].isin(types), "not of the scored population on the day before"),
        ((target.weights == "design") & ~visits["ranking_only"] & ~(visits["p"] > 0), "no inclusion probability"),
    ]


def _labels(visits: pd.DataFrame, target: InspectionTarget) -> pd.Series:
    bad = visits["outcome"].isin(target.bad)
    if target.severity_min is not None:
        bad &= visits["severity"].fillna(0) >= target.severity_min
    return bad.astype("int64")


def _probability(visits: pd.DataFrame, records: Records, target: InspectionTarget) -> pd.Series:
    """The draw's own probability; else n/N of its stratum; 1 under full coverage."""
    frames = records.frames.to_pandas()
    rebuilt = frames.assign(rebuilt=frames["drawn"] / frames["population"].where(frames["population"] > 0))
    joined = visits[["task", "stratum"]].merge(rebuilt[["task", "stratum", "rebuilt"]], on=["task", "stratum"], how="left")
    own = visits["inclusion_probability"].where(visits["inclusion_probability"].between(0, 1))
    return own.fillna(pd.Series(joined["rebuilt"].to_numpy(), index=visits.index)).mask(visits["trigger"] == "full_coverage", 1.0)


def _capped(weights: pd.Series, cap: float | None) -> pd.Series:
    return weights if cap is None or weights.empty else weights.clip(upper=cap * weights.mean())


def _cap_effect(kept: pd.DataFrame, design: pd.Series) -> CapEffect | None:
    if kept.empty:
        return None
    (before, large), (after, small) = (
        (float((w * kept["y"]).sum() / w.sum()), float(w.sum() ** 2 / (w * w).sum())) for w in (design, kept["weight"])
    )  # fmt: skip
    return CapEffect(int((kept["weight"] < design).sum()), before, after, large, small)


def _subjects_at(records: Records, visits: pd.DataFrame) -> pd.DataFrame:
    """Industry and type of each visited subject in the version known on the day before."""
    wanted = visits[["subject_id", "as_of"]].drop_duplicates()
    days = pa.array([day_number(day) for day in wanted["as_of"]], pa.int32())
    table = pa.table({"subject_id": pa.array(wanted["subject_id"].tolist(), pa.string()), "as_of_day": days})
    records.engine.register("visited", table.append_column("as_of", days.cast(pa.date32())))
    visited = ibis.table({"subject_id": "string", "as_of_day": "int32", "as_of": "date"}, name="visited")
    register = records.table("subject_versions")
    named = register.mutate(industry=coded(register.industry))
    versions = named.select("subject_id", "subject_type", "industry", "from_day", "known_day")
    joined = visited.inner_join(versions, "subject_id")
    known = joined.filter((joined.from_day <= joined.as_of_day) & (joined.known_day <= joined.as_of_day))
    newest_first = [known.from_day.desc(), known.known_day.desc()]
    rank = ibis.row_number().over(group_by=[known.subject_id, known.as_of_day], order_by=newest_first)
    ranked = known.mutate(rank=rank)
    newest = ranked.filter(ranked["rank"] == 0).select("subject_id", "as_of", "subject_type", "industry")
    frame: pd.DataFrame = records.engine.query(newest).to_pandas(date_as_object=True)
    return frame


def _from_register(records: Records, target: RegisterTarget, until: dt.date) -> TrainingRows:
    """Rows at days ``every_months`` apart whose window and reporting lag had passed by ``until``."""
    parts, left_early = [], 0
    for day in _register_days(records, target, until):
        rows = spine_on(records, day, name="register_spine")
        labelled, gone = _labelled(records, rows.frame, target, day, until)
        parts.append(labelled)
        left_early += gone
    filled = [part for part in parts if len(part)]
    frame = pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=_COLUMNS)
    frame = frame.sort_values(["as_of", "subject_id"]).reset_index(drop=True)
    dropped = pd.DataFrame({"reason": ["left before it was observed long enough"], "rows": [left_early]})
    return TrainingRows(frame[_COLUMNS], dropped[dropped["rows"] > 0], target, until)


def _register_days(records: Records, target: RegisterTarget, until: dt.date) -> list[dt.date]:
    """The days of rows, newest first: from the last with a fully known window back to where records and subjects begin."""
    events, versions = records.table("event_keys"), records.table("subject_versions")
    first = _bound(records, events, events.event_day.min())
    known = _bound(records, versions, ibis.greatest(versions.from_day, versions.known_day).min())
    newest = _newest_known(records, until)
    if first is None or known is None or newest is None:
        return []
    # A window that began before the calendar has no day.
    if until - dt.date.min < dt.timedelta(days=target.lag_days + 31 * (target.months + target.every_months)):
        return []
    day, days = months_before(min(until - dt.timedelta(days=target.lag_days), newest), target.months), []
    while months_before(day, target.every_months) >= first and day >= known:
        days.append(day)
        day = months_before(day, target.every_months)
    return days


def _newest_known(records: Records, until: dt.date) -> dt.date | None:
    """The newest day, up to ``until``, on which a record of any sort became known."""
    number, days = day_number(until), []
    for name in ("event_keys", "visit_keys", "subject_versions"):
        table = records.table(name)
        days.append(_bound(records, table, table.known_day.max(where=table.known_day <= number)))
    for name in ("changes", "ratings"):
        table = records.table(name)
        days.append(_bound(records, table, day_column(table.known_date).max(where=table.known_date <= until)))
    return max((day for day in days if day is not None), default=None)


def _bound(records: Records, table: ir.Table, number: ir.Value) -> dt.date | None:
    """A day number aggregated over all rows of a table, as a day; None where there are none."""
    day = records.engine.query(table.aggregate(day=number.cast("int32")))["day"][0].as_py()
    return None if day is None else day_of_number(day)


def _labelled(
    records: Records, rows: pd.DataFrame, target: RegisterTarget, day: dt.date, until: dt.date
) -> tuple[pd.DataFrame, int]:
    observed = min(target.observed_months, target.months)
    end, observed_to = day_number(months_after(day, target.months)), day_number(months_after(day, observed))
    kind_keys = {kind: number for number, kind in enumerate(records.project.catalogue.by_kind)}
    bad = _subjects_with_record(records, [kind_keys[kind] for kind in target.kind], day_number(day), end, day_number(until))
    bad_keys = set(records.engine.query(bad)["subject_key"].to_pylist())
    versions = records.versions_on(until)
    gone = versions.filter((versions.deregistered_day > day_number(day)) & (versions.deregistered_day <= observed_to))
    gone_keys = set(records.engine.query(gone.select("subject_key").distinct())["subject_key"].to_pylist())
    y = rows["subject_key"].isin(bad_keys)
    kept = ~rows["subject_key"].isin(gone_keys)
    unknown = {"inspectors": None, "trigger": None, "stratum": None, "event_date": None}
    out = rows.assign(y=y.astype("int64"), weight=1.0, ranking_only=False, **unknown)[kept]
    return out, int((~kept).sum())


def _subjects_with_record(records: Records, kinds: list[int], after: int, end: int, until: int) -> ir.Table:
    """Subjects of whom a record in ``(after, end]`` was known by ``until`` and not withdrawn or upheld on dispute by then.

    A repair ends the use of a record from its day on; what happened is not undone by it.
    """
    events, hidden = records.table("event_keys"), records.table("hidden")
    void = hidden.filter(hidden.why.isin(VOIDING_CHANGES) & (hidden.hidden_from <= until))
    inside = events.kind_key.isin(kinds) & (events.event_day > after) & (events.event_day <= end) & (events.known_day <= until)
    return events.filter(inside).anti_join(void, "incident_key").select("subject_key").distinct()
