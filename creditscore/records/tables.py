"""The standard tables: their columns, types, keys, ranges and closed lists of values."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from creditscore.language import pgettext
from creditscore.vocabulary import CHANGES, MODES, OUTCOMES, STATUSES, SUBJECT_TYPES, TRIGGERS

_TEXT, _DAY, _MONEY, _INT = pa.string(), pa.date32(), pa.decimal128(18, 2), pa.int32()

_SEVERITY, _COUNT = (1, 10), (0, 2**31 - 1)
#: Up to the largest whole amount that decimal(18,2) holds. Never negative: a refund is a record of its own.
_AMOUNT = (0, 9_999_999_999_999_999)

#: Names of columns for people, by column. Messages about a missing column show both names.
COLUMN_WORDS = {label.message: label for label in (
    pgettext("column", "subject_id"), pgettext("column", "valid_from"), pgettext("column", "known_date"),
    pgettext("column", "name"), pgettext("column", "subject_type"), pgettext("column", "status"), pgettext("column", "industry"),
    pgettext("column", "region"), pgettext("column", "registration_authority"), pgettext("column", "registered_date"),
    pgettext("column", "deregistered_date"), pgettext("column", "address"), pgettext("column", "size_class"),
    pgettext("column", "ownership"), pgettext("column", "event_id"), pgettext("column", "kind"), pgettext("column", "event_date"),
    pgettext("column", "document_no"), pgettext("column", "incident_id"), pgettext("column", "severity"),
    pgettext("column", "amount"), pgettext("column", "result"), pgettext("column", "provider"), pgettext("column", "verified"),
    pgettext("column", "valid_until"), pgettext("column", "change"), pgettext("column", "effective_date"),
    pgettext("column", "inspection_id"), pgettext("column", "trigger"), pgettext("column", "task"), pgettext("column", "stratum"),
    pgettext("column", "inclusion_probability"), pgettext("column", "mode"), pgettext("column", "outcome"),
    pgettext("column", "department"), pgettext("column", "inspectors"), pgettext("column", "scheme"), pgettext("column", "grade"),
    pgettext("column", "population"), pgettext("column", "drawn"), pgettext("column", "staff_id"),
    pgettext("column", "certificate_valid_to"), pgettext("column", "reason"), pgettext("column", "decision_id"),
    pgettext("column", "decision_date"), pgettext("column", "published_until"),
)}  # fmt: skip


@dataclass(frozen=True)
class StandardTable:
    """One of the tables into which the sources of every project are converted.

    A value that cannot be read or breaks a rule below quarantines its row, except in a ``soft`` column.

    Attributes:
        name: The name of the table.
        columns: The Arrow type of each column, in order.
        key: The columns that identify a row.
        required: Columns that must exist and have a value in every row.
        values: The allowed values of columns with a closed list.
        day_pairs: Pairs of date columns, (earlier, later).
        at_most: Pairs of number columns, (smaller, larger); they may be equal.
        ranges: The smallest and largest allowed value of a column, both included.
        soft: Columns in which only the value is refused: it becomes missing and the row is kept.
        counts: Further columns, not required, whose word may decide whether a record counts against its firm: a word that
            the table of words of a source lacks is a refused value.
        ends: Columns of end dates. 长期 and 9999-12-31 in them mean that there is no end.
    """

    name: str
    columns: dict[str, pa.DataType]
    key: tuple[str, ...]
    required: tuple[str, ...]
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    day_pairs: tuple[tuple[str, str], ...] = ()
    at_most: tuple[tuple[str, str], ...] = ()
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    soft: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()

    @property
    def schema(self) -> pa.Schema:
        """The columns as an Arrow schema, in the same order."""
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
    # Nothing is counted by a name: of one that cannot be kept the row still counts.
    soft=("name",),
    ends=("deregistered_date",),
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
    day_pairs=(("event_date", "known_date"), ("event_date", "valid_until")),
    ranges={"severity": _SEVERITY, "amount": _AMOUNT},
    soft=("severity", "amount", "verified"),
    counts=("result",),
    ends=("valid_until",),
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
    values={"trigger": TRIGGERS, "outcome": OUTCOMES, "mode": MODES},
    day_pairs=(("event_date", "known_date"),),
    # From the smallest positive double: a probability of 0 is wrong, since the subject was visited.
    ranges={"severity": _SEVERITY, "inclusion_probability": (5e-324, 1)},
    soft=("severity", "inclusion_probability"),
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
    # More drawn than the population would give a probability above 1.
    at_most=(("drawn", "population"),),
    ranges={"population": _COUNT, "drawn": _COUNT},
)
_STAFF = StandardTable(
    name="staff",
    columns={"staff_id": _TEXT, "name": _TEXT, "certificate_valid_to": _DAY, "region": _TEXT, "department": _TEXT},
    key=("staff_id",),
    required=("staff_id", "certificate_valid_to"),
    ends=("certificate_valid_to",),
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
    ends=("published_until",),
)

TABLES: dict[str, StandardTable] = {
    table.name: table
    for table in (
        _SUBJECTS, _EVENTS, _CHANGES, _INSPECTIONS, _RATINGS, _FRAMES, _STAFF, _RECUSALS, _DECISIONS, _PUBLICITY,
    )
}  # fmt: skip
