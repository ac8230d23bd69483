"""Records: the standard tables of a project on an engine, and what was known of a subject on a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import ibis
import pyarrow as pa

from creditscore.engine import unbound
from creditscore.records.days import day_of
from creditscore.records.tables import TABLES

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.project import Project
    from creditscore.engine import Engine
    from creditscore.records.outcomes import Outcome
    from creditscore.records.stream import Arrival

_EPOCH = dt.date(1970, 1, 1)

#: Derived tables, beside the standard ones, and their columns.
_DERIVED: dict[str, list[tuple[str, str]]] = {
    "subject_index": [("subject_id", "string"), ("subject_key", "int64")],
    "event_keys": [
        ("event_key", "int64"), ("event_id", "string"), ("subject_key", "int64"), ("kind_key", "int32"), ("severity", "int32"),
        ("result", "string"), ("verified", "boolean"), ("provider", "string"), ("document_no", "string"),
        ("event_day", "int32"), ("known_day", "int32"), ("valid_day", "int32"), ("cents", "int64"), ("incident_key", "int64"),
        ("copies", "boolean"),
    ],
    "hidden": [("incident_key", "int64"), ("hidden_from", "int32"), ("hidden_until", "int32"), ("why", "string")],
    "visit_keys": [
        ("inspection_id", "string"), ("subject_key", "int64"), ("trigger", "string"), ("severity", "int32"), ("event_day", "int32"),
        ("known_day", "int32"), ("found", "int64"),
    ],
    "visit_inspectors": [("inspection_id", "string"), ("inspector", "string")],
}  # fmt: skip


@dataclass(frozen=True)
class Records:
    """The standard tables of a project. Made by :func:`creditscore.open_records`."""

    engine: Engine
    project: Project
    outcomes: dict[str, Outcome]
    #: One row per refused row or value: table, source, row (from 1), key, code, scope (``row`` or ``field``).
    rejects: pa.Table
    arrivals: tuple[Arrival, ...]

    def table(self, name: str) -> ir.Table:
        """The unbound table of a standard or derived name, for expressions that the engine runs."""
        if name == "subject_versions":
            days = [(column, pa.type_for_alias(kind)) for column, kind in _SUBJECT_DAYS.items()]
            return unbound(name, pa.schema([*TABLES["subjects"].columns.items(), *days]))
        if name in _DERIVED:
            return ibis.table(dict(_DERIVED[name]), name=name)
        return unbound(name, TABLES[name].schema)

    def has(self, what: Literal["hidden", "copies"]) -> bool:
        """Whether any incident is hidden by a change, or told more than once: where none is, no query need look."""
        events, hidden = self.table("event_keys"), self.table("hidden")
        rows = hidden.select("incident_key") if what == "hidden" else events.filter(events.copies).select("incident_key")
        return bool(self.engine.query(rows.limit(1)).num_rows)

    def arrow(self, name: str) -> pa.Table:
        """All rows of a standard table, by its key."""
        table = self.table(name)
        return self.engine.query(table.order_by(list(TABLES[name].key)))

    @property
    def inspections(self) -> pa.Table:
        """One row per visit."""
        return self.arrow("inspections")

    @property
    def frames(self) -> pa.Table:
        """One row per past task and stratum, with its population N and the n drawn."""
        return self.arrow("frames")

    @property
    def staff(self) -> pa.Table:
        """One row per inspector."""
        return self.arrow("staff")

    @property
    def recusals(self) -> pa.Table:
        """One row per inspector and subject that must not meet."""
        return self.arrow("recusals")

    def versions_on(self, as_of: dt.date) -> ir.Table:
        """Per subject, the newest version that had begun and was known on a day (an expression)."""
        versions, day = self.table("subject_versions"), day_number_of(day_of(as_of))
        seen = versions.filter((versions.from_day <= day) & (versions.known_day <= day))
        newest = ibis.row_number().over(group_by=seen.subject_key, order_by=[seen.from_day.desc(), seen.known_day.desc()])
        ranked = seen.mutate(age_rank=newest)
        newest_one = ranked.filter(ranked.age_rank == 0).drop("age_rank")
        return newest_one.mutate(industry=coded(newest_one.industry), region=coded(newest_one.region))

    def subjects_on(self, as_of: dt.date) -> pa.Table:
        """One row per subject known on a day, by id, in the version of that day."""
        names = [
            "subject_id", "name", "subject_type", "status", "industry", "region", "registration_authority", "registered_date",
            "address", "size_class", "ownership",
        ]  # fmt: skip
        return self.engine.query(self.versions_on(as_of).select(names).order_by("subject_id"))

    def in_force(self, as_of: dt.date) -> ir.Table:
        """The events that count on a day (an expression): happened, known, not expired, not hidden by a change."""
        events, hidden, day = self.table("event_keys"), self.table("hidden"), day_number_of(day_of(as_of))
        not_over = events.valid_day.isnull() | (events.valid_day >= day)
        seen = events.filter((events.event_day <= day) & (events.known_day <= day) & not_over)
        gone = hidden.filter((hidden.hidden_from <= day) & (hidden.hidden_until > day))
        return seen.anti_join(gone, "incident_key")

    def listed(self, kinds: Iterable[str], as_of: dt.date) -> pa.Table:
        """One row per event of these kinds that counts on a day: subject_id, kind, event_id, document_no, event_date."""
        rows = self._named(self.in_force(as_of), list(kinds))
        return self.engine.query(rows.order_by(["subject_id", "event_date", "event_id"]))

    def disputed(self, as_of: dt.date) -> pa.Table:
        """One row per event under an open dispute on a day: subject_id, kind, event_id, document_no, event_date."""
        events, hidden, day = self.table("event_keys"), self.table("hidden"), day_number_of(day_of(as_of))
        open_ones = hidden.filter((hidden.why == "disputed") & (hidden.hidden_from <= day) & (hidden.hidden_until > day))
        rows = self._named(events.semi_join(open_ones, "incident_key"), list(self.project.catalogue.by_kind))
        return self.engine.query(rows.order_by(["subject_id", "event_date", "event_id"]))

    def grades(self, scheme: str, as_of: dt.date) -> pa.Table:
        """One row per subject rated under a scheme: its newest grade that was known on a day."""
        ratings, day = self.table("ratings"), day_of(as_of)
        seen = ratings.filter((ratings.scheme == scheme) & (ratings.event_date <= day) & (ratings.known_date <= day))
        newest = ibis.row_number().over(
            group_by=seen.subject_id, order_by=[seen.event_date.desc(), seen.known_date.desc(), seen.grade]
        )
        ranked = seen.mutate(age_rank=newest)
        rows = ranked.filter(ranked.age_rank == 0).select("subject_id", "grade", "event_date")
        return self.engine.query(rows.order_by("subject_id"))

    def _named(self, events: ir.Table, kinds: list[str]) -> ir.Table:
        """Ids, kinds and documents of keyed events."""
        originals = self.table("events")
        chosen = originals.filter(originals.kind.isin(kinds)).select("event_id", "subject_id", "kind", "document_no", "event_date")
        return chosen.semi_join(events, "event_id").select("subject_id", "kind", "event_id", "document_no", "event_date")


_SUBJECT_DAYS = {
    "subject_key": "int64", "from_day": "int32", "known_day": "int32", "registered_day": "int32", "deregistered_day": "int32",
}  # fmt: skip


def day_number_of(day: dt.date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def coded(column: ir.StringValue) -> ir.StringValue:
    """A code of an industry or region, missing where it could not be one: it becomes a file name and part of a ticket."""
    usable = column.re_search("^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$") & (column != "all")
    return ibis.ifelse(usable.fill_null(False), column, ibis.null("string"))
