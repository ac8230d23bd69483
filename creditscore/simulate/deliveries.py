"""What the departments send: records with planted dirt, changes, decisions and publicity, in the columns of each sender."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.dataframes import Flags, Ints
from creditscore.simulate import tables
from creditscore.simulate.events import ENDS, Changes, Events
from creditscore.simulate.kinds import COMPLAINTS_FILE, FILES, KINDS, LATE, MARKET_FILE, NUMBER, PUBLIC_FILE
from creditscore.simulate.parameters import CityParameters
from creditscore.simulate.places import DEPARTMENTS
from creditscore.simulate.random_bits import Bits
from creditscore.simulate.timeline import Time, years_of
from creditscore.vocabulary import CHANGES, Change

#: Who else reports an incident.
PROVIDERS = ("12345热线", "信用信息平台")
_REPORTED_AGAIN = tuple(
    NUMBER[kind] for kind in ("safety_incident", "wage_arrears", "admin_penalty_general", "admin_penalty_serious")
)
_DOUBLE_PUBLICITY = np.array([model.double_publicity for model in KINDS])
#: Added to the number of a record that is reported again; a chunk has fewer records than this.
_AGAIN = 4 * 10**7
_KIND_NAMES = [model.kind for model in KINDS]
_RESULTS = [text for model in KINDS for text in model.results]
_FIRST_RESULT = np.cumsum([0] + [len(model.results) for model in KINDS[:-1]])
_OWN_PROVIDERS = [model.provider for model in KINDS]
_FILE = np.array([FILES.index(model.file) for model in KINDS])
#: What the enterprise publicity system shows.
_PUBLISHED = np.array([model.negative and model.file == PUBLIC_FILE for model in KINDS])
_CHANGE_PREFIXES: dict[Change, str] = {
    "repaired": "修复-", "withdrawn": "撤销-", "disputed": "异议-", "dispute_upheld": "异议成立-",
    "dispute_rejected": "异议不成立-",
}  # fmt: skip
#: The court and tax platform's words for its kinds, and its column names.
MARKET_KINDS = {
    "court_judgment": "裁判文书", "judgment_debtor": "被执行人", "tax_arrears": "欠税", "wage_arrears": "拖欠工资",
    "payment_delay": "逾期付款",
}  # fmt: skip
MARKET_COLUMNS = {
    "event_id": "记录号", "subject_id": "统一社会信用代码", "kind": "类型", "event_date": "发生日期",
    "known_date": "入库日期", "document_no": "案号", "incident_id": "事件号", "severity": "严重程度", "amount": "金额",
    "result": "结果", "provider": "报送单位", "verified": "已核实", "valid_until": "有效期至",
}  # fmt: skip


@dataclass
class PlantedDirt:
    """The planted faults: kinds of dirt and numbers of records, and positions in the city of subjects with hostile names."""

    dirt: list[str] = field(default_factory=list)
    number: list[int] = field(default_factory=list)
    hostile: list[int] = field(default_factory=list)

    def note(self, dirt: str, numbers: Ints) -> None:
        """Write down instances of one kind of dirt."""
        self.dirt += [dirt] * len(numbers)
        self.number += numbers.tolist()


@dataclass(frozen=True)
class _Delivery:
    """A block of records as sent, and the decisions that ought to have been sent."""

    events: Events
    decided: Events


def soil(parameters: CityParameters, time: Time, events: Events, planted: PlantedDirt, *, block: int) -> _Delivery:
    """A block of clean records as the departments would send it. Rows keep their order; what is added follows them."""
    decided = events.take(_DOUBLE_PUBLICITY[events.kind])
    if not parameters.dirt:
        return _Delivery(events, decided)
    bits = Bits(parameters.seed, "dirt", block)
    events = _reported_again(parameters, bits, events, planted)
    # Some records have a date after the last day; half of those claim to have been known before it.
    moved = bits.hits(parameters.future_records, (len(events),)) & (events.provider < 0)
    day = np.where(moved, time.end + 1 + bits.below(60, len(events)), events.day)
    early = moved & bits.hits(0.5, (len(events),))
    planted.note("future_record", events.number[moved & ~early])
    planted.note("known_before_event", events.number[early])
    events = replace(events, day=day, known=np.where(early, time.end, np.where(moved, day, events.known)))
    late = _DOUBLE_PUBLICITY[events.kind] & (events.known - events.day >= LATE) & (events.provider < 0)
    planted.note("late_publicity", events.number[late & (events.day <= time.end)])
    full_width = bits.hits(parameters.full_width, (len(events),))
    planted.note("full_width", events.number[full_width])
    events = replace(events, form=full_width.astype(np.int8))
    # A late one is not lost as well: each fault can be counted by itself.
    lost = bits.hits(parameters.missing_publicity, (len(events),)) & (events.provider < 0)
    lost &= ~late & _DOUBLE_PUBLICITY[events.kind]
    planted.note("missing_publicity", events.number[lost])
    events = events.take(~lost)
    twice = np.flatnonzero(bits.hits(parameters.duplicate_rows, (len(events),)))
    planted.note("duplicate_row", events.number[twice])
    return _Delivery(Events.together([events, events.take(twice)]), decided)


def _reported_again(parameters: CityParameters, bits: Bits, events: Events, planted: PlantedDirt) -> Events:
    """Some incidents come from two more providers a few days later: half by incident number, half by document number only."""
    repeated = np.isin(events.kind, _REPORTED_AGAIN) & bits.hits(parameters.told_thrice, (len(events),))
    rows = np.flatnonzero(repeated)
    if not len(rows):
        return events
    by_incident = bits.hits(0.5, (len(rows),))
    incident = events.incident.copy()
    incident[rows] = np.where(by_incident, events.number[rows], -1)
    events = replace(events, incident=incident)
    again = []
    for provider in range(len(PROVIDERS)):
        source = events.take(rows)
        number = source.number + _AGAIN * (provider + 1)
        again.append(
            replace(
                source, number=number, document=np.where(by_incident, number, source.document),
                known=source.known + 2 + bits.below(25, len(rows)), provider=np.full(len(rows), provider, dtype=np.int8),
            )
        )  # fmt: skip
        planted.note("told_again", number)
    return Events.together([events, *again])


def event_tables(
    parameters: CityParameters, ids: pa.Array, events: Events, planted: PlantedDirt, *, block: int
) -> dict[str, pa.Table]:
    """The records of a block by file, in the columns and words of the sender."""
    files = {}
    for number, name in enumerate(FILES):
        chosen = events.take(_FILE[events.kind] == number)
        odd = Bits(parameters.seed, "mixed dates", block).hits(parameters.share("mixed_dates"), (len(chosen),))
        table = _event_table(ids, chosen)
        if name == MARKET_FILE:
            kinds = tables.names_at([MARKET_KINDS.get(kind, kind) for kind in _KIND_NAMES], chosen.kind)
            table = table.set_column(table.column_names.index("kind"), "kind", kinds).rename_columns(MARKET_COLUMNS)
        elif name == COMPLAINTS_FILE:
            planted.note("mixed_date", chosen.number[odd])
            table = _complaints(table, odd)
        files[name] = table
    return files


def _event_table(ids: pa.Array, events: Events) -> pa.Table:
    """Records in the standard columns; those reported again name the provider that reports them."""
    subject_id = ids.take(pa.array(events.subject))
    full_width = events.form == 1
    if full_width.any():
        # The same characters in their full-width forms (U+FF01 to U+FF5E).
        forms = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
        written = [text.translate(forms) for text in subject_id.filter(pa.array(full_width)).to_pylist()]
        subject_id = pc.replace_with_mask(subject_id, pa.array(full_width), pa.array(written, pa.string()))
    other = tables.names_at(PROVIDERS, events.provider)
    return pa.table(
        {
            "event_id": tables.numbered("E", events.number, 13),
            "subject_id": subject_id,
            "kind": tables.names_at(_KIND_NAMES, events.kind),
            "event_date": tables.dates(events.day),
            "known_date": tables.dates(events.known),
            "document_no": _document_numbers(events),
            "incident_id": tables.numbered("I", events.incident, 13),
            "severity": tables.integers(events.severity),
            "amount": tables.money(events.yuan),
            "result": tables.names_at(_RESULTS, np.where(events.result < 0, -1, _FIRST_RESULT[events.kind] + events.result)),
            "provider": pc.coalesce(other, _issuers(events)),
            "verified": tables.truths(events.verified),
            "valid_until": tables.dates(events.until),
        }
    )


def _issuers(events: Events) -> pa.Array:
    """The department that issued each record."""
    return pc.coalesce(tables.names_at(DEPARTMENTS, events.issuer), tables.names_at(_OWN_PROVIDERS, events.kind))


def _document_numbers(events: Events) -> pa.Array:
    """``永罚〔2023〕0000000000123号``: unique, the same for a record reported again by document number."""
    prefix = tables.names_at([f"{model.prefix}〔" for model in KINDS], events.kind)
    year = pa.array(years_of(events.day)).cast(pa.string())
    head = pc.binary_join_element_wise(prefix, year, "〕", "")
    return pc.binary_join_element_wise(tables.numbered(head, events.document, 13), "号", "")


def _complaints(table: pa.Table, odd: Flags) -> pa.Table:
    """The hotline's CSV: other names, other dates, and now and then yet another way to write a date."""
    days = zip(table["event_date"].to_pylist(), odd.tolist(), strict=True)
    written = [f"{d.year}年{d.month:02d}月{d.day:02d}日" if o else d.strftime("%Y/%m/%d") for d, o in days]
    return pa.table(
        {
            "工单号": table["event_id"],
            "信用代码": table["subject_id"],
            "登记日期": pa.array(written, pa.string()),
            "推送日期": pc.strftime(table["known_date"], format="%Y/%m/%d"),
            "诉求编号": table["document_no"],
            "办理结果": table["result"],
            "级别": table["severity"].cast(pa.string()),
        }
    )


def change_table(changes: Changes) -> pa.Table:
    """One row per change."""
    prefix = tables.names_at([_CHANGE_PREFIXES[change] for change in CHANGES], changes.change)
    return pa.table(
        {
            "event_id": tables.numbered("E", changes.number, 13),
            "change": tables.names_at(CHANGES, changes.change),
            "effective_date": tables.dates(changes.effective),
            "known_date": tables.dates(changes.known),
            "document_no": tables.numbered(prefix, changes.number, 13),
        }
    )


def publicity_table(
    parameters: CityParameters, time: Time, ids: pa.Array, events: Events, changes: Changes, planted: PlantedDirt, *, block: int
) -> pa.Table:
    """What the other publicity system shows on the last day: the public negative records in force, except for a few mismatches."""
    shown = _PUBLISHED[events.kind] & (events.known <= time.end) & (events.until > time.end)
    gone = np.isin(events.number, changes.number[np.isin(changes.change, ENDS)])
    odd = Bits(parameters.seed, "publicity", block).hits(parameters.share("publicity_mismatches"), (len(events),))
    planted.note("still_published", events.number[shown & gone & odd])
    planted.note("not_published", events.number[shown & ~gone & odd])
    rows = events.take(shown & (gone == odd))
    return pa.table(
        {
            "document_no": _document_numbers(rows),
            "subject_id": ids.take(pa.array(rows.subject)),
            "kind": tables.names_at(_KIND_NAMES, rows.kind),
            "event_date": tables.dates(rows.day),
            "published_until": tables.dates(rows.until),
        }
    )


def decision_table(ids: pa.Array, decided: Events) -> pa.Table:
    """The decision register of licences and penalties (双公示): what ought to have arrived as a record."""
    return pa.table(
        {
            "decision_id": tables.numbered("D", decided.number, 13),
            "subject_id": ids.take(pa.array(decided.subject)),
            "kind": tables.names_at(_KIND_NAMES, decided.kind),
            "decision_date": tables.dates(decided.day),
            "document_no": _document_numbers(decided),
            "department": _issuers(decided),
        }
    )
