"""The daily reconciliation of two publicity systems (credit platform and enterprise publicity): who shows what, and should."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import ibis
import pandas as pd

from creditscore.records.days import day_of
from creditscore.records.keys import day_number
from creditscore.records.records import day_number_of

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.records.records import Records

COLUMNS = ("mismatch", "subject_id", "kind", "document_no", "event_id")
#: Changes after which a record may no longer be shown; an open dispute is marked, and shown.
_ENDS = ("repaired", "withdrawn", "dispute_upheld")


def reconcile_publicity(records: Records, *, as_of: str | dt.date) -> pd.DataFrame:
    """Where the other system's extract (table ``publicity``) and what is known here do not agree on a day.

    Compared are kinds that the catalogue calls ``published`` and of which the extract has any record; an
    incident told by several providers is shown when one telling is. On the last day of a record both are right.

    Returns:
        One row per mismatch, by kind of it, subject and document: ``still_published`` (repaired, withdrawn,
        upheld in a dispute, or past its end, and shown), ``not_published`` (stands, and is not shown),
        ``unknown_here`` (shown, and no such record was received). The target is none.
    """
    day = day_number_of(day_of(as_of))
    if not any(item.publication == "published" for item in records.project.catalogue.item):
        return pd.DataFrame({name: pd.Series(dtype="str") for name in COLUMNS})
    shown, known = _shown(records), _known(records, day)
    seen = known.inner_join(shown.select("subject_key", "document_no").distinct(), ["subject_key", "document_no"])
    incidents = seen.select("incident_key").distinct()
    kinds = shown.select("kind").distinct()
    parts = [
        _told(records, seen.filter(seen.ended), "still_published"),
        _told(
            records,
            known.filter(~known.ended & ~known.last_day).semi_join(kinds, "kind").anti_join(incidents, "incident_key"),
            "not_published",
        ),
    ]
    lost = shown.anti_join(known, ["subject_key", "document_no"])
    unknown = lost.select("subject_id", "kind", "document_no", event_id=ibis.null("string"), mismatch=ibis.literal("unknown_here"))
    table = records.engine.query(parts[0].union(parts[1]).union(unknown.select(list(COLUMNS))))
    frame: pd.DataFrame = table.to_pandas()
    return frame.drop_duplicates(["mismatch", "subject_id", "document_no"]).sort_values(list(COLUMNS[:4])).reset_index(drop=True)


def _shown(records: Records) -> ir.Table:
    published = [item.kind for item in records.project.catalogue.item if item.publication == "published"]
    shown = records.table("publicity")
    return shown.filter(shown.kind.isin(published)).inner_join(records.table("subject_index"), "subject_id")


def _known(records: Records, day: int) -> ir.Table:
    """Published kinds' events known on the day: whether they have ended, and whether this is their last day."""
    published = {place: item.kind for place, item in enumerate(records.project.catalogue.item) if item.publication == "published"}
    events, hidden = records.table("event_keys"), records.table("hidden")
    seen = events.filter(events.kind_key.isin(list(published)) & (events.event_day <= day) & (events.known_day <= day))
    told = seen.filter(seen.document_no.notnull())
    over = hidden.filter(hidden.why.isin(_ENDS) & (hidden.hidden_from <= day)).select(over_key="incident_key").distinct()
    # Its own end, not that of its retention: a record may be public longer than it is used.
    ends = records.table("events").select("event_id", "valid_until")
    joined = told.left_join(over, told.incident_key == over.over_key).left_join(ends, "event_id", rname="{name}_own")
    kind = ibis.cases(*[(joined.kind_key == place, name) for place, name in published.items()], else_=ibis.null("string"))
    end = day_number(joined.valid_until)
    return joined.select(
        "event_id", "subject_key", "document_no", "incident_key", kind=kind,
        ended=joined.over_key.notnull() | (end < day).fill_null(False), last_day=(end == day).fill_null(False),
    )  # fmt: skip


def _told(records: Records, rows: ir.Table, mismatch: str) -> ir.Table:
    named = rows.inner_join(records.table("subject_index"), "subject_key").mutate(mismatch=ibis.literal(mismatch))
    return named.select(list(COLUMNS))
