"""What no department knows: latent figures, true risk, strictness, and the list of what was planted."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from creditscore.simulate import columns
from creditscore.simulate.bits import Bits, bounds, ppm_of
from creditscore.simulate.calendar import Time
from creditscore.simulate.dirt import Ledger
from creditscore.simulate.inspections import OLD_TIERS, History
from creditscore.simulate.parameters import CityParameters
from creditscore.simulate.places import CODES, COUNTIES, OTHER_CODES, SUBJECT_TYPES
from creditscore.simulate.risk import log_odds_at
from creditscore.simulate.staff import Staff
from creditscore.simulate.subjects import Subjects


def subjects_truth(subjects: Subjects) -> pa.Table:
    """One row per subject: its right code, the written one, and its latent figures in thousandths."""
    return pa.table(
        {
            "subject_id": columns.codes(subjects.code),
            "written_id": columns.codes(subjects.written),
            "subject_type": columns.texts(SUBJECT_TYPES, subjects.type),
            "industry": columns.texts((*CODES, *OTHER_CODES), subjects.industry),
            "region": columns.texts([county.code for county in COUNTIES], subjects.county),
            "registered_date": columns.dates(subjects.registered),
            "ended_date": columns.dates(subjects.ended),
            **{name: pa.array(getattr(subjects, name).astype(np.int32)) for name in ("conduct", "drift", "distress", "diligence")},
        }
    )


def risk_truth(
    parameters: CityParameters, time: Time, subjects: Subjects, staff: Staff, tiers: NDArray[np.int8], quarter: int
) -> pa.Table:
    """One row per living market subject on the first day of a quarter (the last: the day after the end).

    ``risk_ppm`` is the chance that two average inspectors on site find a violation that day; ``violation``
    is what a pair drawn by lot would find: the label of everyone, which no authority has.
    """
    last = quarter == len(time.quarters)
    day = time.end + 1 if last else time.quarters[quarter].start
    rows = np.flatnonzero(subjects.market & (subjects.registered < day) & (subjects.ended >= day))
    month = time.months - 1 if last else time.quarters[quarter].month
    odds = log_odds_at(subjects, time, rows, np.full(len(rows), month))
    bits = Bits(parameters.seed, "everyone", quarter)
    one, other = staff.pairs(parameters, bits, subjects.industry[rows], subjects.county[rows])
    found = bits.hits(bounds(odds + (staff.strictness[one] + staff.strictness[other]) // 2), (len(rows),))
    tier = np.full(len(rows), -1) if last else tiers[rows, quarter]
    return pa.table(
        {
            "subject_id": columns.codes(subjects.written[rows]),
            "date": columns.dates(np.full(len(rows), day)),
            "industry": columns.texts(CODES, subjects.industry[rows]),
            "old_tier": columns.texts(OLD_TIERS, tier),
            "risk_ppm": pa.array(ppm_of(odds)),
            "violation": pa.array(found),
        }
    )


def visits_truth(staff: Staff, history: History) -> pa.Table:
    """One row per visit, in the order of the visits: true risk, and what the two inspectors add to its log-odds."""
    visits = history.visits
    added = (staff.strictness[visits.one] + staff.strictness[visits.other]) // 2
    return pa.table(
        {
            "inspection_id": columns.numbered("V", np.arange(len(visits), dtype=np.int64), 9),
            "risk_ppm": pa.array(visits.risk.astype(np.int32)),
            "strictness": pa.array(added.astype(np.int32)),
        }
    )


def inspectors_truth(staff: Staff) -> pa.Table:
    """One row per inspector: what he or she adds to the log-odds of a finding, in thousandths."""
    return pa.table({"staff_id": staff.names(), "strictness": pa.array(staff.strictness.astype(np.int32))})


def dirt_truth(subjects: Subjects, ledger: Ledger) -> pa.Table:
    """One row per planted fault: ``key`` is the id of the record, or the subject's code as written."""
    numbers = np.array(ledger.number, dtype=np.int64)
    bad = np.flatnonzero(subjects.written != subjects.code)
    old = np.char.str_len(subjects.written[bad]) == 15
    kinds = [*ledger.dirt, *("old_number" if is_old else "wrong_check_digit" for is_old in old.tolist())]
    keys = pa.concat_arrays([columns.numbered("E", numbers, 13), columns.codes(subjects.written[bad])])
    right = pa.concat_arrays([pa.nulls(len(numbers), pa.string()), columns.codes(subjects.code[bad])])
    return pa.table({"dirt": pa.array(kinds, pa.string()), "key": keys, "right_id": right})
