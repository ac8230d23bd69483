"""Records that only visits create: penalties of three repair classes, enforcement, and the check itself.

This plants the selection effect: who is visited more has more of them, at the same conduct.
"""

from dataclasses import replace

import numpy as np

from creditscore.simulate.bits import Bits, Ints
from creditscore.simulate.calendar import Time
from creditscore.simulate.events import Events, dress
from creditscore.simulate.kinds import KINDS, NUMBER
from creditscore.simulate.parameters import CityParameters
from creditscore.simulate.risk import conduct_at
from creditscore.simulate.staff import department_of
from creditscore.simulate.subjects import Subjects
from creditscore.simulate.visits import NONE, VIOLATION, Visits

#: Numbers of records from visits start here; those of chunks stay below.
FIRST_NUMBER = 9_000 * 10**8
_PENALISED, _ENFORCED, _CHECK_WRITTEN = 0.7, 0.25, 0.4


def penalties_of(parameters: CityParameters, time: Time, subjects: Subjects, visits: Visits, quarter: int) -> Events:
    """The records that a quarter's visits leave, numbered within the quarter."""
    bits = Bits(parameters.seed, "penalties", quarter)
    found, severity = visits.outcome == VIOLATION, visits.severity
    penalised = found & bits.hits(_PENALISED, (len(visits),)) & np.bool_(parameters.penalties_from_visits)
    enforced = penalised & (severity >= 6) & bits.hits(_ENFORCED, (len(visits),))
    written = (visits.outcome <= VIOLATION) & ~visits.off_site & bits.hits(_CHECK_WRITTEN, (len(visits),))
    made = {
        "admin_penalty_minor": penalised & (severity <= 3),
        "admin_penalty_general": penalised & (severity > 3) & (severity <= 7),
        "admin_penalty_serious": penalised & (severity >= 8),
        "compulsory_enforcement": enforced,
        "supervision_check": written,
    }
    parts = [_records(parameters, time, subjects, bits, visits, np.flatnonzero(rows), kind) for kind, rows in made.items()]
    events = Events.together(parts)
    numbers = FIRST_NUMBER + quarter * 10**8 + np.arange(len(events), dtype=np.int64)
    return replace(events, number=numbers, document=numbers)


def _records(
    parameters: CityParameters, time: Time, subjects: Subjects, bits: Bits, visits: Visits, rows: Ints, kind: str
) -> Events:
    """Records of one kind by the department that visited, one to six weeks later (the check itself: the same day)."""
    model, count = KINDS[NUMBER[kind]], len(rows)
    wait = 0 if kind == "supervision_check" else 5 + bits.below(38, count)
    who, day = visits.subject[rows], visits.day[rows] + wait
    month = time.month_at(day)
    made = dress(parameters, bits, model, subject=who, day=day, conduct=conduct_at(subjects, time, who, month), subjects=subjects)
    department = department_of(subjects.industry_on(who, visits.day[rows]))
    made = replace(made, issuer=department.astype(np.int8))
    if kind == "supervision_check":
        return replace(made, result=(visits.outcome[rows] != NONE).astype(np.int8))
    made = replace(made, severity=visits.severity[rows].astype(np.int8))
    return made.take(made.day <= time.end)
