"""What no department knows: latent figures, true risk, strictness, and the list of planted faults."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from creditscore.simulate import tables
from creditscore.simulate.deliveries import PlantedDirt
from creditscore.simulate.events import log_odds_at
from creditscore.simulate.inspections import History
from creditscore.simulate.kinds import COMPLAINTS_FILE
from creditscore.simulate.parameters import CityParameters
from creditscore.simulate.places import CODES, COUNTIES, OTHER_CODES
from creditscore.simulate.random_bits import Bits, ppm_of_log_odds
from creditscore.simulate.subjects import Subjects
from creditscore.simulate.timeline import NEVER, Time
from creditscore.simulate.visits import OLD_TIERS, CityStaff, inspect
from creditscore.vocabulary import OUTCOMES, SUBJECT_TYPES


def subjects_truth(subjects: Subjects) -> pa.Table:
    """One row per subject: its right and written code, its attributes and their changes, its latent figures in thousandths."""
    later = {
        "moved_date": subjects.moved, "changed_date": subjects.changed, "suspended_date": subjects.suspended,
        "resumed_date": subjects.resumed,
    }  # fmt: skip
    counties, industries = [county.code for county in COUNTIES], (*CODES, *OTHER_CODES)
    return pa.table(
        {
            "subject_id": tables.ascii_texts(subjects.code),
            "written_id": tables.ascii_texts(subjects.written),
            "subject_type": tables.names_at(SUBJECT_TYPES, subjects.type),
            "industry": tables.names_at(industries, subjects.industry),
            "region": tables.names_at(counties, subjects.county),
            "registered_date": tables.dates(subjects.registered),
            "ended_date": tables.dates(subjects.ended),
            **{name: tables.dates(day) for name, day in later.items()},
            "later_industry": tables.names_at(industries, np.where(subjects.changed < NEVER, subjects.later_industry, -1)),
            "later_region": tables.names_at(counties, np.where(subjects.moved < NEVER, subjects.later_county, -1)),
            **{name: pa.array(getattr(subjects, name).astype(np.int32)) for name in ("conduct", "drift", "distress", "diligence")},
        }
    )


def risk_truth(
    parameters: CityParameters, time: Time, subjects: Subjects, staff: CityStaff, tiers: NDArray[np.int8], quarter: int
) -> pa.Table:
    """One row per living market subject on the first day of a quarter (the last: the day after the end).

    ``risk_ppm`` is the chance that two average inspectors on site who get in find a violation that day.
    A visit of everyone by ``inspectors``, a pair drawn by lot, would have these results, which no authority has:
    ``outcome`` is what they would write down, ``violation`` whether they would find one if the door were open.
    ``strictness`` is what the pair adds to the log-odds.
    """
    last = quarter == len(time.quarters)
    day = time.end + 1 if last else time.quarters[quarter].start
    rows = np.flatnonzero(subjects.market & (subjects.registered < day) & (subjects.ended >= day))
    odds = log_odds_at(subjects, time, rows, np.full(len(rows), time.months - 1 if last else time.quarters[quarter].month))
    bits = Bits(parameters.seed, "everyone", quarter)
    industry = subjects.industry_on(rows, day)
    one, other = staff.pairs(parameters, bits, industry, subjects.county_on(rows, day))
    added = (staff.strictness[one] + staff.strictness[other]) // 2
    outcome, violation = inspect(bits, subjects, time, rows, np.full(len(rows), day), odds + added)
    names = staff.names()
    return pa.table(
        {
            "subject_id": tables.ascii_texts(subjects.written[rows]),
            "date": tables.dates(np.full(len(rows), day)),
            "industry": tables.names_at(CODES, industry),
            "old_tier": tables.names_at(OLD_TIERS, np.full(len(rows), -1) if last else tiers[rows, quarter]),
            "risk_ppm": pa.array(ppm_of_log_odds(odds)),
            "violation": pa.array(violation),
            "outcome": tables.names_at(OUTCOMES, outcome),
            "strictness": pa.array(added.astype(np.int32)),
            "inspectors": pc.binary_join_element_wise(tables.names_at(names, one), tables.names_at(names, other), ";"),
        }
    )


def visits_truth(staff: CityStaff, history: History) -> pa.Table:
    """One row per visit, in the order of the visits: true risk, and what the two inspectors add to its log-odds."""
    visits = history.visits
    added = (staff.strictness[visits.one] + staff.strictness[visits.other]) // 2
    return pa.table(
        {
            "inspection_id": tables.numbered("V", np.arange(len(visits), dtype=np.int64), 9),
            "risk_ppm": pa.array(visits.risk.astype(np.int32)),
            "strictness": pa.array(added.astype(np.int32)),
        }
    )


def inspectors_truth(staff: CityStaff) -> pa.Table:
    """One row per inspector: what he or she adds to the log-odds of a finding, in thousandths."""
    return pa.table({"staff_id": staff.names(), "strictness": pa.array(staff.strictness.astype(np.int32))})


def dirt_truth(parameters: CityParameters, subjects: Subjects, planted: PlantedDirt) -> pa.Table:
    """One row per planted fault: ``key`` is the id of the record, the subject's code as written, or the file."""
    numbers = np.array(planted.number, dtype=np.int64)
    bad = np.flatnonzero(subjects.written != subjects.code)
    old = np.char.str_len(subjects.written[bad]) == 15
    files = [COMPLAINTS_FILE] if parameters.gb18030 else []
    kinds = [
        *planted.dirt, *("old_number" if is_old else "wrong_check_digit" for is_old in old.tolist()),
        *["hostile_name"] * len(planted.hostile), *["gb18030_file"] * len(files),
    ]  # fmt: skip
    named = tables.ascii_texts(subjects.written[planted.hostile]) if planted.hostile else pa.array([], pa.string())
    keys = [tables.numbered("E", numbers, 13), tables.ascii_texts(subjects.written[bad]), named, pa.array(files, pa.string())]
    right = [
        pa.nulls(len(numbers), pa.string()),
        tables.ascii_texts(subjects.code[bad]),
        pa.nulls(len(named) + len(files), pa.string()),
    ]
    return pa.table({"dirt": pa.array(kinds, pa.string()), "key": pa.concat_arrays(keys), "right_id": pa.concat_arrays(right)})
