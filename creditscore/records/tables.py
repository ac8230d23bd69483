"""The standard tables: columns, types, keys and closed lists of values."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from creditscore.vocabulary import CHANGES, MODES, OUTCOMES, STATUSES, SUBJECT_TYPES, TRIGGERS

_TEXT, _DAY, _MONEY, _INT = pa.string(), pa.date32(), pa.decimal128(18, 2), pa.int32()

_SEVERITY, _COUNT = (1, 10), (0, 2**31 - 1)
#: The largest amount that decimal(18,2) holds, and no negative one: a refund is another record.
_AMOUNT = (0, 9_999_999_999_999_999)

#: How columns are called before people; messages name a missing one in both languages.
COLUMN_WORDS = {
    "subject_id": "主体代码", "valid_from": "版本起始日", "known_date": "知悉日", "name": "名称", "subject_type": "主体类型",
    "status": "登记状态", "industry": "行业", "region": "行政区划", "registration_authority": "登记机关",
    "registered_date": "登记日期", "deregistered_date": "注销日期", "address": "住所", "size_class": "规模",
    "ownership": "所有制", "event_id": "记录号", "kind": "目录项", "event_date": "发生日期", "document_no": "文号",
    "incident_id": "事件号", "severity": "严重程度", "amount": "金额", "result": "结果", "provider": "提供单位",
    "verified": "是否核实", "valid_until": "有效期至", "change": "变更", "effective_date": "生效日期",
    "inspection_id": "检查编号", "trigger": "检查来源", "task": "任务", "stratum": "层", "inclusion_probability": "入选概率",
    "mode": "检查方式", "outcome": "检查结果", "department": "检查部门", "inspectors": "检查人员", "scheme": "评价体系",
    "grade": "等级", "population": "总数", "drawn": "抽取数", "staff_id": "执法证号", "certificate_valid_to": "证件有效期至",
    "reason": "事由", "decision_id": "决定编号", "decision_date": "决定日期", "published_until": "公示截止日",
}  # fmt: skip


@dataclass(frozen=True)
class StandardTable:
    """A table every project's sources become.

    ``key`` names one row; ``required`` columns must be present and not missing; ``values`` are closed
    lists; ``day_pairs`` are (earlier, later) columns of dates, ``at_most`` (smaller, larger) ones of numbers.
    A value outside ``ranges`` (both ends included) or unreadable quarantines its row; in a ``soft`` column
    the value alone is refused and becomes missing. ``ends`` are dates on which something ends: 长期 and
    9999-12-31 say that it does not.
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
    ends: tuple[str, ...] = ()

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
    # A probability of 0 is none: who could not be drawn was not drawn.
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
    # More drawn than there are would be a probability above 1.
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
