"""Random draws of the old policy: frames, strata, and the n smallest tickets of each, so that p = n/N exactly."""

from dataclasses import dataclass

import numpy as np

from creditscore.simulate.bits import Bits, Ints
from creditscore.simulate.calendar import Quarter
from creditscore.simulate.old_tiers import OLD_TIERS
from creditscore.simulate.parameters import CityParameters
from creditscore.simulate.places import CODES, INDUSTRIES, OTHER_CODES, TASKS
from creditscore.simulate.subjects import Subjects
from creditscore.simulate.visits import COVERAGE, RANDOM, Calls

_TASK_OF = np.array([TASKS.index(model.task) for model in INDUSTRIES] + [-1] * len(OTHER_CODES))
OFF_SITE_TASK = len(TASKS)
TASK_NAMES = (*TASKS, "documents")
_STRATA = len(OLD_TIERS) * len(CODES)
#: The quarter of the year in which industries of full coverage are visited.
_COVERED_IN = "Q2"
_MILLION = 1_000_000


@dataclass(frozen=True)
class Frame:
    """One stratum of one task: how many there were and how many were drawn."""

    task: str
    stratum: str
    population: int
    drawn: int


def random_calls(
    parameters: CityParameters, subjects: Subjects, quarter: Quarter, tier: Ints, visits: Ints, number: int
) -> tuple[list[Calls], list[Frame]]:
    """The draws of a quarter. ``visits`` are those of the year so far by subject, which an annual cap counts.

    The frame is the register's: who has ended, stopped or changed its trade without the register
    knowing is drawn as what it was.
    """
    listed = subjects.listed(quarter.start)
    if parameters.annual_cap is not None:
        listed &= visits < parameters.annual_cap
    known = np.where(subjects.changed_known < quarter.start, subjects.later_industry, subjects.industry)
    calls, frames = [], []
    for task, name in enumerate(TASK_NAMES):
        off_site = task == OFF_SITE_TASK
        if off_site and not parameters.off_site:
            continue
        rows = np.flatnonzero(listed & (off_site | (_TASK_OF[known] == task)))
        stratum = tier[rows] * len(CODES) + known[rows]
        bits = Bits(parameters.seed, "draw", number, task)
        chosen, population, drawn = _smallest_tickets(bits, stratum, _rates(parameters, quarter, off_site=off_site))
        day = quarter.start + 3 + bits.below(quarter.stop - quarter.start - 6, len(chosen))
        place = stratum[chosen]
        covered = (drawn == population)[place] & np.isin(place % len(CODES), _covered(parameters, quarter, off_site=off_site))
        for trigger, these in ((RANDOM, ~covered), (COVERAGE, covered)):
            calls.append(
                Calls(
                    rows[chosen][these], day[these], trigger, task=number * len(TASK_NAMES) + task, off_site=off_site,
                    stratum=place[these], drawn=drawn[place][these], population=population[place][these],
                )
            )  # fmt: skip
        frames += [
            Frame(f"{quarter.name}-{name}", stratum_name(key), int(population[key]), int(drawn[key]))
            for key in np.flatnonzero(population).tolist()
        ]
    return calls, frames


def stratum_name(key: int) -> str:
    """``A-food_service``: the old tier and the industry."""
    return f"{OLD_TIERS[key // len(CODES)]}-{CODES[key % len(CODES)]}"


def _covered(parameters: CityParameters, quarter: Quarter, *, off_site: bool) -> list[int]:
    if off_site or not quarter.name.endswith(_COVERED_IN):
        return []
    return [CODES.index(code) for code in parameters.full_coverage]


def _rates(parameters: CityParameters, quarter: Quarter, *, off_site: bool) -> Ints:
    """Ppm by stratum."""
    ratios = parameters.off_site_ratios if off_site else parameters.on_site_ratios
    rates = np.repeat([[round(ratio * _MILLION)] for ratio in ratios], len(CODES), axis=1)
    rates[:, _covered(parameters, quarter, off_site=off_site)] = _MILLION
    return rates.ravel()


def _smallest_tickets(bits: Bits, stratum: Ints, ppm: Ints) -> tuple[Ints, Ints, Ints]:
    """Places of those drawn, and N and n by stratum."""
    population = np.bincount(stratum, minlength=_STRATA)
    drawn = -(-population * ppm // _MILLION)
    order = np.lexsort((bits.words(len(stratum)), stratum))
    rank = np.arange(len(stratum)) - (np.cumsum(population) - population)[stratum[order]]
    return np.sort(order[rank < drawn[stratum[order]]]), population, drawn
