"""Which record set off a visit for cause, and since when its incident was known: the day before it the visit's row may know."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import ibis
import pandas as pd
import pyarrow as pa

from creditscore.dates import day_number, day_of_number
from creditscore.records.standard.keys import BEFORE_ALL, day_column

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.catalogue import Catalogue
    from creditscore.records.records import Records
    from creditscore.vocabulary import Trigger

_VISITS = "visits_for_cause"
_COLUMNS = {"visit": "int64", "subject_id": "string", "trigger": "string", "task": "string", "on": "int32", "previous": "int32"}


def first_known(records: Records, visits: pd.DataFrame, triggers: tuple[Trigger, ...]) -> pd.Series:
    """The day on which the incident behind each visit for cause was first known; None where no record set it off.

    The record is the one whose incident (``incident_id`` or ``document_no``) the visit names as its ``task``; else, of the
    kinds that the catalogue says set off such visits, the newest of the subject that was known by the day of the visit
    and not yet on the day of the visit before. An incident is first known on the earliest day of all records about it,
    of any kind and from any provider: the row may know none of them.

    Args:
        records: The records of the project.
        visits: All visits, of any trigger: inspection_id, subject_id, event_date, trigger, task; a unique index.
        triggers: Visits of these are asked for.

    Returns:
        Days by the index of ``visits``.
    """
    days = pd.Series(None, index=visits.index, dtype=object)
    for_cause = visits[visits["trigger"].isin(triggers)]
    if for_cause.empty:
        return days
    columns = {
        "visit": for_cause.index.to_list(),
        "subject_id": for_cause["subject_id"].tolist(),
        "trigger": for_cause["trigger"].tolist(),
        "task": [None if pd.isna(task) else str(task) for task in for_cause["task"]],
        "on": [day_number(day) for day in for_cause["event_date"]],
        "previous": _previous_days(visits)[for_cause.index].tolist(),
    }
    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in _COLUMNS.items()])
    records.engine.register(_VISITS, pa.table(columns, schema=schema))
    chosen = _triggering(records, kinds_that_set_off(records.project.catalogue), triggers)
    found = records.engine.query(_earliest(records, chosen)).to_pydict()
    records.engine.drop(_VISITS)
    for visit, known in zip(found["visit"], found["known"], strict=True):
        days[visit] = day_of_number(known)
    return days


def kinds_that_set_off(catalogue: Catalogue) -> dict[Trigger, list[str]]:
    """The kinds of record that set off visits, by the trigger of these visits."""
    kinds: dict[Trigger, list[str]] = {}
    for item in catalogue.item:
        for trigger in item.sets_off:
            kinds.setdefault(trigger, []).append(item.kind)
    return kinds


def _previous_days(visits: pd.DataFrame) -> pd.Series:
    """The day of the subject's visit before each, of any trigger, as a number."""
    days = visits[["subject_id", "event_date"]].drop_duplicates().sort_values(["subject_id", "event_date"])
    before = days.groupby("subject_id", sort=False)["event_date"].shift()
    days["previous"] = [day_number(day) if isinstance(day, dt.date) else BEFORE_ALL for day in before]
    joined = visits[["subject_id", "event_date"]].merge(days, on=["subject_id", "event_date"], how="left")
    return pd.Series(joined["previous"].to_numpy(), index=visits.index)


def _triggering(records: Records, kinds: dict[Trigger, list[str]], triggers: tuple[Trigger, ...]) -> ir.Table:
    """Per visit the record that set it off: visit, subject_id, and what names its incident."""
    visits, events = ibis.table(_COLUMNS, name=_VISITS), _events(records)
    joined = visits.inner_join(events, "subject_id")
    named = ((joined.task == joined.incident_id) | (joined.task == joined.document_no)).fill_null(False)
    may = ibis.literal(False)
    for trigger in triggers:
        may |= (joined.trigger == trigger) & joined.kind.isin(kinds.get(trigger, [""]))
    in_time = (joined.known_day <= joined.on) & (named | (joined.known_day > joined.previous))
    able = joined.mutate(named=ibis.ifelse(named, 1, 0)).filter(may & in_time)
    order = [able.named.desc(), able.known_day.desc(), able.event_day.desc(), able.event_id]
    ranked = able.mutate(age_rank=ibis.row_number().over(group_by=able.visit, order_by=order))
    newest = ranked.filter(ranked.age_rank == 0)
    return newest.select(
        "visit", "subject_id", own_event="event_id", own_incident="incident_id", own_document="document_no", own_name="incident"
    )


def _earliest(records: Records, chosen: ir.Table) -> ir.Table:
    """Per visit the first day on which any record of its incident was known: ``visit``, ``known``."""
    told = chosen.inner_join(_events(records), "subject_id")
    same = (
        (told.event_id == told.own_event)
        | (told.incident == told.own_name).fill_null(False)
        | (told.incident_id == told.own_incident).fill_null(False)
        | (told.document_no == told.own_document).fill_null(False)
    )
    of_incident = told.filter(same)
    return of_incident.group_by("visit").agg(known=of_incident.known_day.min())


def _events(records: Records) -> ir.Table:
    events = records.table("events")
    return events.select(
        "subject_id", "event_id", "kind", "incident_id", "document_no",
        incident=ibis.coalesce(events.incident_id, events.document_no),
        event_day=day_column(events.event_date),
        known_day=day_column(events.known_date),
    )  # fmt: skip
