"""Subjects, ratings, visits and staff as tables, in the columns in which they are sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from creditscore.dataframes import Ints
from creditscore.simulate.events import GRADES, SCHEME, Ratings
from creditscore.simulate.parameters import CityParameters
from creditscore.simulate.places import CODES, COUNTIES, DEPARTMENTS, INDUSTRIES, OTHER_CODES
from creditscore.simulate.random_bits import Bits
from creditscore.simulate.subjects import ENDINGS, Subjects
from creditscore.simulate.timeline import NEVER, Time
from creditscore.simulate.visits import TASK_NAMES, Frame, Staff, Visits, department_of, stratum_name
from creditscore.vocabulary import OUTCOMES, TRIGGERS


def dates(days: NDArray[Any]) -> pa.Array:
    """date32; NEVER becomes null."""
    return pa.array(days.astype(np.int32), mask=days >= NEVER).cast(pa.date32())


def texts(names: Sequence[str], places: NDArray[Any]) -> pa.Array:
    """The name at each place; a negative place becomes null."""
    index = pa.array(np.maximum(places, 0).astype(np.int32), mask=places < 0)
    return pa.array(list(names), pa.string()).take(index)


def codes(values: NDArray[np.bytes_]) -> pa.Array:
    """ASCII codes as text."""
    return pa.array(values.tolist(), pa.binary()).cast(pa.string())


def integers(values: NDArray[Any]) -> pa.Array:
    """int32; negative values become null."""
    return pa.array(values.astype(np.int32), mask=values < 0)


def truths(values: NDArray[Any]) -> pa.Array:
    """Boolean from 0 and 1; -1 becomes null."""
    return pa.array(values > 0, mask=values < 0)


def money(yuan: NDArray[Any]) -> pa.Array:
    """decimal(18, 2) from whole yuan; -1 becomes null."""
    return pa.array(np.maximum(yuan, 0), mask=yuan < 0).cast(pa.decimal128(20, 0)).cast(pa.decimal128(18, 2))


def numbered(prefix: str | pa.Array, numbers: NDArray[Any], width: int) -> pa.Array:
    """``prefix`` and the number with leading zeros; a negative number becomes null."""
    digits = pc.utf8_lpad(pa.array(numbers.astype(np.int64), mask=numbers < 0).cast(pa.string()), width, "0")
    return pc.binary_join_element_wise(prefix, digits, "")


def full_width(values: pa.Array) -> pa.Array:
    """The same characters in their full-width forms (U+FF01 to U+FF5E)."""
    table = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
    return pa.array([text.translate(table) for text in values.to_pylist()], pa.string())


TYPE_WORDS = ("企业", "个体工商户", "农民专业合作社", "机关", "事业单位", "执业人员")
STATUS_WORDS = {"active": "存续", "deregistered": "注销", "revoked": "吊销", "suspended": "停业"}
_STATUSES = ("active", *ENDINGS, "suspended")
_FIRST = "鑫恒瑞福祥永顺天宏嘉润泰和盛德长兴康金源"
_SECOND = "源达丰隆泽通诚旺茂安华益昌宇辉捷运腾博凯"
_FORMS = ("有限公司", "店", "专业合作社", "", "中心", "")
_HOSTILE = ('=HYPERLINK("http://x.example","餐饮")', "<script>alert(1)</script>商行", "@SUM(1+1)服务部", "+百货|店")
_SIZES = ("micro", "small", "medium", "large")
_OWNERSHIP = ("private", "private", "private", "collective", "state", "foreign")


@dataclass(frozen=True)
class _Versions:
    """One entry per version: whose it is, from which day it holds, when the register shows it, and the status."""

    rows: Ints
    day: Ints
    known: Ints
    status: Ints


def subject_table(parameters: CityParameters, time: Time, subjects: Subjects, *, chunk: int) -> pa.Table:
    """One row per subject and version: the registration, and one more for each change that is known by the last day."""
    v = _versions(parameters, time, subjects, chunk)
    county, industry = subjects.county_on(v.rows, v.day), subjects.industry_on(v.rows, v.day)
    bits = Bits(parameters.seed, "other columns", chunk)
    size, owner = (bits.below(len(choice), len(subjects))[v.rows] for choice in (_SIZES, _OWNERSHIP))
    left = v.status == 1 + ENDINGS.index("deregistered")
    return pa.table(
        {
            "subject_id": codes(subjects.written).take(pa.array(v.rows)),
            "valid_from": dates(v.day),
            "known_date": dates(v.known),
            "name": _names(parameters, subjects, chunk).take(pa.array(v.rows)),
            "subject_type": texts(TYPE_WORDS, subjects.type[v.rows]),
            "status": texts([STATUS_WORDS[s] for s in _STATUSES], v.status),
            "industry": texts((*CODES, *OTHER_CODES), industry),
            "region": texts([county.code for county in COUNTIES], county),
            "registration_authority": texts([f"{county.name}市场监督管理局" for county in COUNTIES], county),
            "registered_date": dates(subjects.registered[v.rows]),
            "deregistered_date": dates(np.where(left, v.day, NEVER)),
            "address": _addresses(subjects.registered[v.rows], county),
            "size_class": texts(_SIZES, size),
            "ownership": texts(_OWNERSHIP, owner),
        }
    )


def _versions(parameters: CityParameters, time: Time, subjects: Subjects, chunk: int) -> _Versions:
    lag = Bits(parameters.seed, "registration lag", chunk).below(6, len(subjects)) * np.int64(parameters.lags)
    every = np.arange(len(subjects))
    rows, days, known = [every], [subjects.registered], [subjects.registered + lag]
    later = (
        (subjects.moved, subjects.moved_known), (subjects.changed, subjects.changed_known),
        (subjects.suspended, subjects.suspended_known), (subjects.resumed, subjects.resumed_known),
        (subjects.ended, subjects.ending_known),
    )  # fmt: skip
    for day, shown in later:
        here = np.flatnonzero((day < NEVER) & (shown <= time.end))
        rows, days, known = [*rows, here], [*days, day[here]], [*known, shown[here]]
    who, day = np.concatenate(rows), np.concatenate(days)
    stopped = np.where(subjects.suspended_on(who, day), _STATUSES.index("suspended"), 0)
    status = np.where(day >= subjects.ended[who], subjects.ending[who] + 1, stopped)
    return _Versions(who, day, np.concatenate(known), status)


def hostile(parameters: CityParameters, count: int, *, chunk: int) -> NDArray[np.bool_]:
    """Which subjects of a chunk bear a name that would run where it is not quoted."""
    return Bits(parameters.seed, "hostile names", chunk).hits(parameters.share("hostile_names"), (count,))


def _names(parameters: CityParameters, subjects: Subjects, chunk: int) -> pa.Array:
    """Invented names: county, two characters, trade and form; no natural person's. A firm keeps its name."""
    bits, count = Bits(parameters.seed, "names", chunk), len(subjects)
    trades = [model.word for model in INDUSTRIES] + ["公共服务", "执业药师", "注册消防工程师"]
    plain = pc.binary_join_element_wise(
        texts([county.name for county in COUNTIES], subjects.county),
        texts(list(_FIRST), bits.below(len(_FIRST), count)),
        texts(list(_SECOND), bits.below(len(_SECOND), count)),
        texts(trades, subjects.industry),
        texts(_FORMS, subjects.type),
        "",
    )
    odd = texts(_HOSTILE, bits.below(len(_HOSTILE), count))
    return pc.if_else(pa.array(hostile(parameters, count, chunk=chunk)), odd, plain)


def _addresses(registered: Ints, county: NDArray[np.int8]) -> pa.Array:
    road = texts([f"永州市{county.name}模拟路" for county in COUNTIES], county)
    return pc.binary_join_element_wise(numbered(road, registered % 999, 3), "号", "")


def rating_table(ids: pa.Array, ratings: Ratings) -> pa.Table:
    """One row per rating."""
    return pa.table(
        {
            "subject_id": ids.take(pa.array(ratings.subject)),
            "scheme": pa.array([SCHEME] * len(ratings.subject), pa.string()),
            "grade": texts(GRADES, ratings.grade),
            "event_date": dates(ratings.day),
            "known_date": dates(ratings.known),
        }
    )


def visit_table(time: Time, ids: pa.Array, subjects: Subjects, staff: Staff, visits: Visits) -> pa.Table:
    """One row per visit; inspectors as one text cut by ``;``, as the enforcement system sends it."""
    tasks = [f"{quarter.name}-{name}" for quarter in time.quarters for name in TASK_NAMES]
    random = visits.population > 0
    chance = np.divide(visits.drawn, visits.population, where=random, out=np.zeros(len(visits)))
    names = staff.names()
    return pa.table(
        {
            "inspection_id": numbered("V", np.arange(len(visits), dtype=np.int64), 9),
            "subject_id": ids.take(pa.array(visits.subject)),
            "event_date": dates(visits.day),
            "known_date": dates(visits.known),
            "trigger": texts(TRIGGERS, visits.trigger),
            "task": texts(tasks, visits.task),
            "stratum": texts([stratum_name(key) for key in range(4 * len(CODES))], visits.stratum),
            "inclusion_probability": pa.array(chance, mask=~random),
            "mode": texts(("on_site", "off_site"), visits.off_site.astype(np.int8)),
            "outcome": texts(OUTCOMES, visits.outcome),
            "severity": integers(visits.severity),
            "department": texts(DEPARTMENTS, department_of(subjects.industry_on(visits.subject, visits.day))),
            "inspectors": pc.binary_join_element_wise(texts(names, visits.one), texts(names, visits.other), ";"),
        }
    )


def frame_table(frames: list[Frame]) -> pa.Table:
    """One row per task and stratum."""
    keys = (("task", pa.string()), ("stratum", pa.string()), ("population", pa.int64()), ("drawn", pa.int64()))
    return pa.table({key: pa.array([getattr(frame, key) for frame in frames], kind) for key, kind in keys})


def staff_table(time: Time, staff: Staff) -> pa.Table:
    """One row per inspector; every fourteenth certificate has run out before the last day."""
    place = np.arange(len(staff.department))
    local = staff.groups[staff.department] == len(COUNTIES)
    county = [COUNTIES[g].code if here else "431100" for g, here in zip(staff.group.tolist(), local.tolist(), strict=True)]
    return pa.table(
        {
            "staff_id": staff.names(),
            "name": pa.array([f"执法员{number + 1:04d}" for number in place.tolist()], pa.string()),
            "certificate_valid_to": dates(np.where(place % 14 == 13, time.end - 30, time.end + 400 + place % 900)),
            "region": pa.array(county, pa.string()),
            "department": texts(DEPARTMENTS, staff.department),
        }
    )


def recusal_table(parameters: CityParameters, ids: pa.Array, staff: Staff) -> pa.Table:
    """One row per inspector and subject he or she must not visit: two each."""
    count = 2 * len(staff.department)
    who = np.arange(count) // 2
    return pa.table(
        {
            "staff_id": texts(staff.names(), who),
            "subject_id": ids.take(pa.array(Bits(parameters.seed, "recusals").below(len(ids), count))),
            "reason": texts(("近亲属任职", "曾在该单位任职"), np.arange(count) % 2),
        }
    )
