"""Subjects, ratings, visits and staff as tables, in the columns in which they are sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from creditscore.dataframes import Flags, Ints
from creditscore.simulate.events import RATING_GRADES, RATING_SCHEME, Ratings
from creditscore.simulate.parameters import CityParameters
from creditscore.simulate.places import CODES, COUNTIES, DEPARTMENTS, INDUSTRIES, OTHER_CODES
from creditscore.simulate.random_bits import Bits
from creditscore.simulate.subjects import Subjects
from creditscore.simulate.timeline import NEVER, Time
from creditscore.simulate.visits import OLD_TIERS, TASK_NAMES, CityStaff, CityVisits, Frame, department_of, stratum_name
from creditscore.vocabulary import OFF_SITE, ON_SITE, OUTCOMES, STATUSES, SUBJECT_TYPES, TRIGGERS, Status, SubjectType

#: How the register names types and statuses.
_TYPE_WORDS: dict[SubjectType, str] = {
    "enterprise": "企业", "individual_business": "个体工商户", "co_operative": "农民专业合作社", "government": "机关",
    "institution": "事业单位", "practitioner": "执业人员",
}  # fmt: skip
_STATUS_WORDS: dict[Status, str] = {"active": "存续", "deregistered": "注销", "revoked": "吊销", "suspended": "停业"}
_ACTIVE, _SUSPENDED, _DEREGISTERED = (STATUSES.index(status) for status in ("active", "suspended", "deregistered"))
_FIRST = "鑫恒瑞福祥永顺天宏嘉润泰和盛德长兴康金源"
_SECOND = "源达丰隆泽通诚旺茂安华益昌宇辉捷运腾博凯"
_FORMS = ("有限公司", "店", "专业合作社", "", "中心", "")
_HOSTILE = ('=HYPERLINK("http://x.example","餐饮")', "<script>alert(1)</script>商行", "@SUM(1+1)服务部", "+百货|店")
_SIZES = ("micro", "small", "medium", "large")
_OWNERSHIP = ("private", "private", "private", "collective", "state", "foreign")


def dates(days: NDArray[Any]) -> pa.Array:
    """date32; NEVER becomes null."""
    return pa.array(days.astype(np.int32), mask=days >= NEVER).cast(pa.date32())


def names_at(names: Sequence[str], numbers: NDArray[Any]) -> pa.Array:
    """The name at each position; a negative position becomes null."""
    index = pa.array(np.maximum(numbers, 0).astype(np.int32), mask=numbers < 0)
    return pa.array(list(names), pa.string()).take(index)


def ascii_texts(values: NDArray[np.bytes_]) -> pa.Array:
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


def subject_table(parameters: CityParameters, time: Time, subjects: Subjects, *, chunk: int) -> pa.Table:
    """One row per subject and version: the registration, and one more for each change that is known by the last day."""
    row, day, known = _versions(parameters, time, subjects, chunk)
    stopped = np.where(subjects.suspended_on(row, day), _SUSPENDED, _ACTIVE)
    status = np.where(day >= subjects.ended[row], subjects.ending[row], stopped)
    county, industry = subjects.county_on(row, day), subjects.industry_on(row, day)
    bits = Bits(parameters.seed, "other columns", chunk)
    size, owner = (bits.below(len(choice), len(subjects))[row] for choice in (_SIZES, _OWNERSHIP))
    registered = subjects.registered[row]
    road = names_at([f"永州市{county.name}模拟路" for county in COUNTIES], county)
    return pa.table(
        {
            "subject_id": ascii_texts(subjects.written).take(pa.array(row)),
            "valid_from": dates(day),
            "known_date": dates(known),
            "name": _names(parameters, subjects, chunk).take(pa.array(row)),
            "subject_type": names_at([_TYPE_WORDS[name] for name in SUBJECT_TYPES], subjects.type[row]),
            "status": names_at([_STATUS_WORDS[name] for name in STATUSES], status),
            "industry": names_at((*CODES, *OTHER_CODES), industry),
            "region": names_at([county.code for county in COUNTIES], county),
            "registration_authority": names_at([f"{county.name}市场监督管理局" for county in COUNTIES], county),
            "registered_date": dates(registered),
            "deregistered_date": dates(np.where(status == _DEREGISTERED, day, NEVER)),
            "address": pc.binary_join_element_wise(numbered(road, registered % 999, 3), "号", ""),
            "size_class": names_at(_SIZES, size),
            "ownership": names_at(_OWNERSHIP, owner),
        }
    )


def _versions(parameters: CityParameters, time: Time, subjects: Subjects, chunk: int) -> tuple[Ints, Ints, Ints]:
    """Per version the subject, the day from which it holds, and the day on which the register shows it."""
    lag = Bits(parameters.seed, "registration lag", chunk).below(6, len(subjects)) * np.int64(parameters.lags)
    rows, days, known = [np.arange(len(subjects))], [subjects.registered], [subjects.registered + lag]
    changes = (
        (subjects.moved, subjects.moved_known), (subjects.changed, subjects.changed_known),
        (subjects.suspended, subjects.suspended_known), (subjects.resumed, subjects.resumed_known),
        (subjects.ended, subjects.ending_known),
    )  # fmt: skip
    for day, shown in changes:
        here = np.flatnonzero((day < NEVER) & (shown <= time.end))
        rows, days, known = [*rows, here], [*days, day[here]], [*known, shown[here]]
    return np.concatenate(rows), np.concatenate(days), np.concatenate(known)


def hostile(parameters: CityParameters, count: int, *, chunk: int) -> Flags:
    """Which subjects of a chunk have a name that would run where it is not quoted."""
    return Bits(parameters.seed, "hostile names", chunk).hits(parameters.share("hostile_names"), (count,))


def _names(parameters: CityParameters, subjects: Subjects, chunk: int) -> pa.Array:
    """Invented names: county, two characters, trade and form; no natural person's. A firm keeps its name."""
    bits, count = Bits(parameters.seed, "names", chunk), len(subjects)
    trades = [model.word for model in INDUSTRIES] + ["公共服务", "执业药师", "注册消防工程师"]
    plain = pc.binary_join_element_wise(
        names_at([county.name for county in COUNTIES], subjects.county),
        names_at(list(_FIRST), bits.below(len(_FIRST), count)),
        names_at(list(_SECOND), bits.below(len(_SECOND), count)),
        names_at(trades, subjects.industry),
        names_at(_FORMS, subjects.type),
        "",
    )
    odd = names_at(_HOSTILE, bits.below(len(_HOSTILE), count))
    return pc.if_else(pa.array(hostile(parameters, count, chunk=chunk)), odd, plain)


def rating_table(ids: pa.Array, ratings: Ratings) -> pa.Table:
    """One row per rating."""
    return pa.table(
        {
            "subject_id": ids.take(pa.array(ratings.subject)),
            "scheme": pa.array([RATING_SCHEME] * len(ratings.subject), pa.string()),
            "grade": names_at(RATING_GRADES, ratings.grade),
            "event_date": dates(ratings.day),
            "known_date": dates(ratings.known),
        }
    )


def visit_table(time: Time, ids: pa.Array, subjects: Subjects, staff: CityStaff, visits: CityVisits) -> pa.Table:
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
            "trigger": names_at(TRIGGERS, visits.trigger),
            "task": names_at(tasks, visits.task),
            "stratum": names_at([stratum_name(key) for key in range(len(OLD_TIERS) * len(CODES))], visits.stratum),
            "inclusion_probability": pa.array(chance, mask=~random),
            "mode": names_at((ON_SITE, OFF_SITE), visits.off_site.astype(np.int8)),
            "outcome": names_at(OUTCOMES, visits.outcome),
            "severity": integers(visits.severity),
            "department": names_at(DEPARTMENTS, department_of(subjects.industry_on(visits.subject, visits.day))),
            "inspectors": pc.binary_join_element_wise(names_at(names, visits.one), names_at(names, visits.other), ";"),
        }
    )


def frame_table(frames: list[Frame]) -> pa.Table:
    """One row per task and stratum."""
    keys = (("task", pa.string()), ("stratum", pa.string()), ("population", pa.int64()), ("drawn", pa.int64()))
    return pa.table({key: pa.array([getattr(frame, key) for frame in frames], kind) for key, kind in keys})


def staff_table(time: Time, staff: CityStaff) -> pa.Table:
    """One row per inspector; every fourteenth certificate has run out before the last day."""
    number = np.arange(len(staff.department))
    local = staff.groups[staff.department] == len(COUNTIES)
    county = [COUNTIES[g].code if here else "431100" for g, here in zip(staff.group.tolist(), local.tolist(), strict=True)]
    return pa.table(
        {
            "staff_id": staff.names(),
            "name": pa.array([f"执法员{n + 1:04d}" for n in number.tolist()], pa.string()),
            "certificate_valid_to": dates(np.where(number % 14 == 13, time.end - 30, time.end + 400 + number % 900)),
            "region": pa.array(county, pa.string()),
            "department": names_at(DEPARTMENTS, staff.department),
        }
    )


def recusal_table(parameters: CityParameters, ids: pa.Array, staff: CityStaff) -> pa.Table:
    """One row per inspector and subject he or she must not visit: two per inspector."""
    count = 2 * len(staff.department)
    inspector = np.arange(count) // 2
    return pa.table(
        {
            "staff_id": names_at(staff.names(), inspector),
            "subject_id": ids.take(pa.array(Bits(parameters.seed, "recusals").below(len(ids), count))),
            "reason": names_at(("近亲属任职", "曾在该单位任职"), np.arange(count) % 2),
        }
    )
