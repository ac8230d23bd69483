"""Records, changes and decisions as tables, each file in the columns of its sender."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from creditscore.simulate import columns
from creditscore.simulate.bits import Bits
from creditscore.simulate.calendar import Time, years_of
from creditscore.simulate.changes import Changes
from creditscore.simulate.dirt import PROVIDERS, Ledger
from creditscore.simulate.events import Events
from creditscore.simulate.kinds import COMPLAINTS, FILES, KINDS, MARKET, PUBLIC
from creditscore.simulate.parameters import CityParameters
from creditscore.simulate.places import DEPARTMENTS
from creditscore.vocabulary import CHANGES

_RESULTS = [text for model in KINDS for text in model.results]
_FIRST_RESULT = np.cumsum([0] + [len(model.results) for model in KINDS[:-1]])
_OWN_PROVIDERS = [model.provider for model in KINDS]
_FILE = np.array([FILES.index(model.file) for model in KINDS])
#: What the enterprise publicity system shows, and the changes that end it.
_PUBLISHED = np.array([model.negative and model.file == PUBLIC for model in KINDS])
_REMOVALS = tuple(CHANGES.index(change) for change in ("repaired", "withdrawn", "dispute_upheld"))
_CHANGE_PREFIXES = ("修复-", "撤销-", "异议-", "异议成立-", "异议不成立-")
#: The court and tax platform's words for its kinds, and its column names.
MARKET_KINDS = {
    "court_judgment": "裁判文书",
    "judgment_debtor": "被执行人",
    "tax_arrears": "欠税",
    "wage_arrears": "拖欠工资",
    "payment_delay": "逾期付款",
}
MARKET_COLUMNS = {
    "event_id": "记录号", "subject_id": "统一社会信用代码", "kind": "类型", "event_date": "发生日期",
    "known_date": "入库日期", "document_no": "案号", "incident_id": "事件号", "severity": "严重程度", "amount": "金额",
    "result": "结果", "provider": "报送单位", "verified": "已核实", "valid_until": "有效期至",
}  # fmt: skip


def event_tables(parameters: CityParameters, ids: pa.Array, events: Events, ledger: Ledger, *, place: int) -> dict[str, pa.Table]:
    """The records of a block by file."""
    files = {}
    for number, name in enumerate(FILES):
        chosen = events.take(_FILE[events.kind] == number)
        odd = Bits(parameters.seed, "mixed dates", place).hits(parameters.share("mixed_dates"), (len(chosen),))
        if name == COMPLAINTS:
            ledger.note("mixed_date", chosen.number[odd])
        files[name] = _one_file(event_table(ids, chosen), name, odd)
    return files


def _one_file(table: pa.Table, name: str, odd: NDArray[np.bool_]) -> pa.Table:
    if name == MARKET:
        words = [MARKET_KINDS.get(model.kind, model.kind) for model in KINDS]
        kind = pa.array(words).take(pc.index_in(table["kind"], pa.array([model.kind for model in KINDS])))
        return table.set_column(table.column_names.index("kind"), "kind", kind).rename_columns(MARKET_COLUMNS)
    return _complaints(table, odd) if name == COMPLAINTS else table


def event_table(ids: pa.Array, events: Events) -> pa.Table:
    """Records in the standard columns; those told again bear their teller's name."""
    other = columns.texts(PROVIDERS, events.provider)
    return pa.table(
        {
            "event_id": columns.numbered("E", events.number, 13),
            "subject_id": _subject_ids(ids, events),
            "kind": columns.texts([model.kind for model in KINDS], events.kind),
            "event_date": columns.dates(events.day),
            "known_date": columns.dates(events.known),
            "document_no": document_numbers(events),
            "incident_id": columns.numbered("I", events.incident, 13),
            "severity": columns.integers(events.severity),
            "amount": columns.money(events.yuan),
            "result": columns.texts(_RESULTS, np.where(events.result < 0, -1, _FIRST_RESULT[events.kind] + events.result)),
            "provider": pc.coalesce(other, _issuers(events)),
            "verified": columns.truths(events.verified),
            "valid_until": columns.dates(events.until),
        }
    )


def _issuers(events: Events) -> pa.Array:
    """The department that issued each record."""
    return pc.coalesce(columns.texts(DEPARTMENTS, events.issuer), columns.texts(_OWN_PROVIDERS, events.kind))


def document_numbers(events: Events) -> pa.Array:
    """``永罚〔2023〕0000000000123号``: unique, the same for a record told again by document number."""
    prefix = columns.texts([f"{model.prefix}〔" for model in KINDS], events.kind)
    year = pa.array(years_of(events.day)).cast(pa.string())
    head = pc.binary_join_element_wise(prefix, year, "〕", "")
    return pc.binary_join_element_wise(columns.numbered(head, events.document, 13), "号", "")


def _subject_ids(ids: pa.Array, events: Events) -> pa.Array:
    plain = ids.take(pa.array(events.subject))
    full = np.flatnonzero(events.form == 1)
    if not len(full):
        return plain
    written = columns.full_width(plain.take(pa.array(full)))
    return pc.replace_with_mask(plain, pa.array(events.form == 1), written)


def _complaints(table: pa.Table, odd: NDArray[np.bool_]) -> pa.Table:
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
    prefix = columns.texts(_CHANGE_PREFIXES, changes.change)
    return pa.table(
        {
            "event_id": columns.numbered("E", changes.number, 13),
            "change": columns.texts(CHANGES, changes.change),
            "effective_date": columns.dates(changes.effective),
            "known_date": columns.dates(changes.known),
            "document_no": columns.numbered(prefix, changes.number, 13),
        }
    )


def publicity_table(
    parameters: CityParameters, time: Time, ids: pa.Array, events: Events, changes: Changes, ledger: Ledger, *, place: int
) -> pa.Table:
    """What the other publicity system shows on the last day: the public negative records that stand, save a few mismatches."""
    shown = _PUBLISHED[events.kind] & (events.known <= time.end) & (events.until > time.end)
    gone = np.isin(events.number, changes.number[np.isin(changes.change, _REMOVALS)])
    odd = Bits(parameters.seed, "publicity", place).hits(parameters.share("publicity_mismatches"), (len(events),))
    ledger.note("still_published", events.number[shown & gone & odd])
    ledger.note("not_published", events.number[shown & ~gone & odd])
    rows = events.take(shown & (gone == odd))
    return pa.table(
        {
            "document_no": document_numbers(rows),
            "subject_id": ids.take(pa.array(rows.subject)),
            "kind": columns.texts([model.kind for model in KINDS], rows.kind),
            "event_date": columns.dates(rows.day),
            "published_until": columns.dates(rows.until),
        }
    )


def decision_table(ids: pa.Array, decided: Events) -> pa.Table:
    """The decision register of licences and penalties (双公示): what ought to have arrived as a record."""
    return pa.table(
        {
            "decision_id": columns.numbered("D", decided.number, 13),
            "subject_id": ids.take(pa.array(decided.subject)),
            "kind": columns.texts([model.kind for model in KINDS], decided.kind),
            "decision_date": columns.dates(decided.day),
            "document_no": document_numbers(decided),
            "department": _issuers(decided),
        }
    )
