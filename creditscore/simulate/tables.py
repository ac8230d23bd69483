"""Subjects, ratings, visits and staff as tables, in the columns in which they are sent."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.simulate import columns
from creditscore.simulate.bits import Bits
from creditscore.simulate.calendar import NEVER, Time
from creditscore.simulate.inspections import TASK_NAMES, Frame, stratum_name
from creditscore.simulate.parameters import CityParameters
from creditscore.simulate.places import CODES, COUNTIES, DEPARTMENTS, INDUSTRIES, OTHER_CODES
from creditscore.simulate.ratings import GRADES, SCHEME, Ratings
from creditscore.simulate.staff import Staff, department_of
from creditscore.simulate.subjects import ENDINGS, Subjects
from creditscore.simulate.visits import OUTCOMES, TRIGGERS, Visits

TYPE_WORDS = ("企业", "个体工商户", "农民专业合作社", "机关", "事业单位", "执业人员")
STATUS_WORDS = {"active": "存续", "deregistered": "注销", "revoked": "吊销", "suspended": "停业"}
_FIRST = "鑫恒瑞福祥永顺天宏嘉润泰和盛德长兴康金源"
_SECOND = "源达丰隆泽通诚旺茂安华益昌宇辉捷运腾博凯"
_FORMS = ("有限公司", "店", "专业合作社", "", "中心", "")
_HOSTILE = ('=HYPERLINK("http://x.example","餐饮")', "<script>alert(1)</script>商行", "@SUM(1+1)服务部", "+百货|店")
_SIZES = ("micro", "small", "medium", "large")
_OWNERSHIP = ("private", "private", "private", "collective", "state", "foreign")


def subject_table(parameters: CityParameters, time: Time, subjects: Subjects, *, chunk: int) -> pa.Table:
    """One row per subject and version: the registration, and a second one where it has ended."""
    opened = np.arange(len(subjects))
    closed = np.flatnonzero((subjects.ended < NEVER) & (subjects.ending_known <= time.end))
    rows = np.concatenate([opened, closed])
    second = np.arange(len(rows)) >= len(opened)
    status = np.where(second, subjects.ending[rows] + 1, 0)
    lag = Bits(parameters.seed, "registration lag", chunk).below(6, len(opened)) * np.int64(parameters.lags)
    bits = Bits(parameters.seed, "other columns", chunk)
    size, owner = (bits.below(len(choice), len(opened))[rows] for choice in (_SIZES, _OWNERSHIP))
    left = second & (status == 1 + ENDINGS.index("deregistered"))
    return pa.table(
        {
            "subject_id": columns.codes(subjects.written).take(pa.array(rows)),
            "valid_from": columns.dates(np.where(second, subjects.ended[rows], subjects.registered[rows])),
            "known_date": columns.dates(np.where(second, subjects.ending_known[rows], (subjects.registered + lag)[rows])),
            "name": _names(parameters, subjects, chunk).take(pa.array(rows)),
            "subject_type": columns.texts(TYPE_WORDS, subjects.type[rows]),
            "status": columns.texts([STATUS_WORDS[s] for s in ("active", *ENDINGS)], status),
            "industry": columns.texts((*CODES, *OTHER_CODES), subjects.industry[rows]),
            "region": columns.texts([county.code for county in COUNTIES], subjects.county[rows]),
            "registration_authority": columns.texts([f"{county.name}市场监督管理局" for county in COUNTIES], subjects.county[rows]),
            "registered_date": columns.dates(subjects.registered[rows]),
            "deregistered_date": columns.dates(np.where(left, subjects.ended[rows], NEVER)),
            "address": _addresses(subjects).take(pa.array(rows)),
            "size_class": columns.texts(_SIZES, size),
            "ownership": columns.texts(_OWNERSHIP, owner),
        }
    )


def _names(parameters: CityParameters, subjects: Subjects, chunk: int) -> pa.Array:
    """Invented names: county, two characters, trade and form; no natural person's. A few would run as code if not quoted."""
    bits, count = Bits(parameters.seed, "names", chunk), len(subjects)
    trades = [model.word for model in INDUSTRIES] + ["公共服务", "执业药师", "注册消防工程师"]
    plain = pc.binary_join_element_wise(
        columns.texts([county.name for county in COUNTIES], subjects.county),
        columns.texts(list(_FIRST), bits.below(len(_FIRST), count)),
        columns.texts(list(_SECOND), bits.below(len(_SECOND), count)),
        columns.texts(trades, subjects.industry),
        columns.texts(_FORMS, subjects.type),
        "",
    )
    hostile = bits.hits(parameters.share("hostile_names"), (count,))
    return pc.if_else(pa.array(hostile), columns.texts(_HOSTILE, bits.below(len(_HOSTILE), count)), plain)


def _addresses(subjects: Subjects) -> pa.Array:
    road = columns.texts([f"永州市{county.name}模拟路" for county in COUNTIES], subjects.county)
    return pc.binary_join_element_wise(columns.numbered(road, subjects.registered % 999, 3), "号", "")


def rating_table(ids: pa.Array, ratings: Ratings) -> pa.Table:
    """One row per rating."""
    return pa.table(
        {
            "subject_id": ids.take(pa.array(ratings.subject)),
            "scheme": pa.array([SCHEME] * len(ratings.subject), pa.string()),
            "grade": columns.texts(GRADES, ratings.grade),
            "event_date": columns.dates(ratings.day),
            "known_date": columns.dates(ratings.known),
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
            "inspection_id": columns.numbered("V", np.arange(len(visits), dtype=np.int64), 9),
            "subject_id": ids.take(pa.array(visits.subject)),
            "event_date": columns.dates(visits.day),
            "known_date": columns.dates(visits.known),
            "trigger": columns.texts(TRIGGERS, visits.trigger),
            "task": columns.texts(tasks, visits.task),
            "stratum": columns.texts([stratum_name(key) for key in range(4 * len(CODES))], visits.stratum),
            "inclusion_probability": pa.array(chance, mask=~random),
            "mode": columns.texts(("on_site", "off_site"), visits.off_site.astype(np.int8)),
            "outcome": columns.texts(OUTCOMES, visits.outcome),
            "severity": columns.integers(visits.severity),
            "department": columns.texts(DEPARTMENTS, department_of(subjects.industry[visits.subject])),
            "inspectors": pc.binary_join_element_wise(columns.texts(names, visits.one), columns.texts(names, visits.other), ";"),
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
            "certificate_valid_to": columns.dates(np.where(place % 14 == 13, time.end - 30, time.end + 400 + place % 900)),
            "region": pa.array(county, pa.string()),
            "department": columns.texts(DEPARTMENTS, staff.department),
        }
    )


def recusal_table(parameters: CityParameters, ids: pa.Array, staff: Staff) -> pa.Table:
    """One row per inspector and subject he or she must not visit: two each."""
    count = 2 * len(staff.department)
    who = np.arange(count) // 2
    return pa.table(
        {
            "staff_id": columns.texts(staff.names(), who),
            "subject_id": ids.take(pa.array(Bits(parameters.seed, "recusals").below(len(ids), count))),
            "reason": columns.texts(("近亲属任职", "曾在该单位任职"), np.arange(count) % 2),
        }
    )
