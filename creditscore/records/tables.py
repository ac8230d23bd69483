"""The standard tables: columns, types, keys and closed lists of values."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

_TEXT, _DAY, _MONEY, _INT = pa.string(), pa.date32(), pa.decimal128(18, 2), pa.int32()

SUBJECT_TYPES = ("enterprise", "individual_business", "co_operative", "government", "institution", "practitioner")
#: Whom a card may score; government bodies and institutions are accepted and left alone.
MARKET_SUBJECTS = ("enterprise", "individual_business", "co_operative")
STATUSES = ("active", "suspended", "revoked", "deregistered")
CHANGES = ("repaired", "withdrawn", "disputed", "dispute_upheld", "dispute_rejected")
TRIGGERS = ("random", "full_coverage", "complaint", "follow_up", "special")
OUTCOMES = ("none", "violation", "not_found", "closed", "refused")


@dataclass(frozen=True)
class StandardTable:
    """A table every project's sources become.

    ``key`` names one row; ``required`` columns must be present and not missing; ``values`` are closed
    lists; ``day_pairs`` are (earlier, later) columns of dates.
    """

    name: str
    columns: dict[str, pa.DataType]
    key: tuple[str, ...]
    required: tuple[str, ...]
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    day_pairs: tuple[tuple[str, str], ...] = ()

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema."""
        return pa.schema(list(self.columns.items()))


_SUBJECTS = StandardTable(
    name="subjects",
    columns={
        "subject_id": _TEXT, "valid_from": _DAY, "known_date": _DAY, "name": _TEXT, "subject_type": _TEXT, "status": _TEXT,
        "industry": _TEXT, "region": _TEXT, "registration_authority": _TEXT, "registered_date": _DAY, "deregistered_date": _DAY,
        "address": _TEXT, "size_class": _TEXT, "ownership": _TEXT,
    },
    key=("subject_id", "valid_from"),
    required=("subject_id", "valid_from", "subject_type", "status"),
    values={"subject_type": SUBJECT_TYPES, "status": STATUSES},
)  # fmt: skip
_EVENTS = StandardTable(
    name="events",
    columns={
        "event_id": _TEXT, "subject_id": _TEXT, "kind": _TEXT, "event_date": _DAY, "known_date": _DAY, "document_no": _TEXT,
        "incident_id": _TEXT, "severity": _INT, "amount": _MONEY, "result": _TEXT, "provider": _TEXT, "verified": pa.bool_(),
        "valid_until": _DAY,
    },
    key=("event_id",),
    required=("event_id", "subject_id", "kind", "event_date", "known_date"),
    day_pairs=(("event_date", "known_date"),),
)  # fmt: skip
_CHANGES = StandardTable(
    name="changes",
    columns={"event_id": _TEXT, "change": _TEXT, "effective_date": _DAY, "known_date": _DAY, "document_no": _TEXT},
    key=("event_id", "change", "effective_date"),
    required=("event_id", "change", "effective_date", "known_date"),
    values={"change": CHANGES},
)
_INSPECTIONS = StandardTable(
    name="inspections",
    columns={
        "inspection_id": _TEXT, "subject_id": _TEXT, "event_date": _DAY, "known_date": _DAY, "trigger": _TEXT, "task": _TEXT,
        "stratum": _TEXT, "inclusion_probability": pa.float64(), "mode": _TEXT, "outcome": _TEXT, "severity": _INT,
        "department": _TEXT, "inspectors": pa.list_(_TEXT),
    },
    key=("inspection_id",),
    required=("inspection_id", "subject_id", "event_date", "known_date", "trigger", "outcome"),
    values={"trigger": TRIGGERS, "outcome": OUTCOMES, "mode": ("on_site", "off_site")},
    day_pairs=(("event_date", "known_date"),),
)  # fmt: skip
_RATINGS = StandardTable(
    name="ratings",
    columns={"subject_id": _TEXT, "scheme": _TEXT, "grade": _TEXT, "event_date": _DAY, "known_date": _DAY},
    key=("subject_id", "scheme", "event_date"),
    required=("subject_id", "scheme", "grade", "event_date", "known_date"),
    day_pairs=(("event_date", "known_date"),),
)
_FRAMES = StandardTable(
    name="frames",
    columns={"task": _TEXT, "stratum": _TEXT, "population": _INT, "drawn": _INT},
    key=("task", "stratum"),
    required=("task", "stratum", "population", "drawn"),
)
_STAFF = StandardTable(
    name="staff",
    columns={"staff_id": _TEXT, "name": _TEXT, "certificate_valid_to": _DAY, "region": _TEXT, "department": _TEXT},
    key=("staff_id",),
    required=("staff_id", "certificate_valid_to"),
)
_RECUSALS = StandardTable(
    name="recusals",
    columns={"staff_id": _TEXT, "subject_id": _TEXT, "reason": _TEXT},
    key=("staff_id", "subject_id"),
    required=("staff_id", "subject_id"),
)
_DECISIONS = StandardTable(
    name="decisions",
    columns={
        "decision_id": _TEXT, "subject_id": _TEXT, "kind": _TEXT, "decision_date": _DAY, "document_no": _TEXT, "department": _TEXT,
    },
    key=("decision_id",),
    required=("decision_id", "subject_id", "kind", "decision_date", "document_no"),
)  # fmt: skip
_PUBLICITY = StandardTable(
    name="publicity",
    columns={"document_no": _TEXT, "subject_id": _TEXT, "kind": _TEXT, "event_date": _DAY, "published_until": _DAY},
    key=("document_no", "subject_id"),
    required=("document_no", "subject_id", "kind"),
)

TABLES: dict[str, StandardTable] = {
    table.name: table
    for table in (
        _SUBJECTS, _EVENTS, _CHANGES, _INSPECTIONS, _RATINGS, _FRAMES, _STAFF, _RECUSALS, _DECISIONS, _PUBLICITY,
    )
}  # fmt: skip
