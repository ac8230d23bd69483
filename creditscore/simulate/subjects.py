"""The subjects of a city: who they are, what they are like, when they come and go."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creditscore.simulate import uscc
from creditscore.simulate.bits import Bits, Ints, bounds, milli
from creditscore.simulate.calendar import NEVER, Time
from creditscore.simulate.parameters import CHUNK, CityParameters
from creditscore.simulate.places import COUNTIES, INDUSTRIES
from creditscore.simulate.spells import make_spells
from creditscore.vocabulary import SUBJECT_TYPES

GOVERNMENT, INSTITUTION, PRACTITIONER = (SUBJECT_TYPES.index(t) for t in ("government", "institution", "practitioner"))
_PREFIXES = ("91", "92", "93", "11", "12")
#: Of a thousand subjects: government bodies, institutions, practitioners (cumulated).
_PER_MILLE = (3, 7, 15)
ENDINGS = ("deregistered", "revoked")


@dataclass(frozen=True)
class Subjects:
    """Arrays of one entry per subject; latent figures in thousandths of a standard deviation."""

    code: uscc.Codes
    #: The code as the registers carry it, wrong for a few.
    written: uscc.Codes
    type: NDArray[np.int8]
    industry: NDArray[np.int16]
    county: NDArray[np.int8]
    registered: Ints
    ended: Ints
    ending: NDArray[np.int8]
    ending_known: Ints
    conduct: Ints
    drift: Ints
    distress: Ints
    diligence: Ints
    #: Where it is and what it does from a day on, and when it is suspended (see ``spells``).
    later_county: NDArray[np.int8]
    moved: Ints
    moved_known: Ints
    later_industry: NDArray[np.int16]
    changed: Ints
    changed_known: Ints
    suspended: Ints
    suspended_known: Ints
    resumed: Ints
    resumed_known: Ints

    def __len__(self) -> int:
        return len(self.code)

    @property
    def market(self) -> NDArray[np.bool_]:
        """Enterprises, individual businesses and co-operatives: what the old policy drew from."""
        return self.type < GOVERNMENT

    def county_on(self, rows: NDArray[Any], days: Ints | int) -> NDArray[np.int8]:
        """The county of these subjects on these days."""
        found: NDArray[np.int8] = np.where(self.moved[rows] <= days, self.later_county[rows], self.county[rows])
        return found

    def industry_on(self, rows: NDArray[Any], days: Ints | int) -> NDArray[np.int16]:
        """The industry of these subjects on these days."""
        found: NDArray[np.int16] = np.where(self.changed[rows] <= days, self.later_industry[rows], self.industry[rows])
        return found

    def suspended_on(self, rows: NDArray[Any], days: Ints | int) -> NDArray[np.bool_]:
        """Whether these subjects are suspended on these days."""
        found: NDArray[np.bool_] = (self.suspended[rows] <= days) & (days < self.resumed[rows])
        return found

    def at_work(self, rows: NDArray[Any], days: Ints | int) -> NDArray[np.bool_]:
        """Whether these subjects are registered, neither ended nor suspended, on these days."""
        alive: NDArray[np.bool_] = (self.registered[rows] <= days) & (days <= self.ended[rows])
        return alive & ~self.suspended_on(rows, days)

    def listed(self, day: int) -> NDArray[np.bool_]:
        """Market subjects that the register shows as active on a day: whom a draw of that day can meet."""
        stopped = (self.suspended_known < day) & (self.resumed_known >= day)
        return self.market & (self.registered < day) & (self.ending_known >= day) & ~stopped

    @staticmethod
    def together(parts: "list[Subjects]") -> "Subjects":
        """The subjects of all chunks, in their order."""
        return Subjects(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Subjects)})


def make_subjects(parameters: CityParameters, time: Time, chunk: int) -> Subjects:
    """The subjects of one chunk; the same whatever else the city has."""
    first = chunk * CHUNK
    count = min(CHUNK, parameters.subjects - first)
    seed = parameters.seed
    types, industries = _kinds_of(Bits(seed, "industry", chunk), first, count, min(30, parameters.subjects // 20))
    weights = [k for k, county in enumerate(COUNTIES) for _ in range(county.weight)]
    counties = Bits(seed, "county", chunk).pick(tuple(weights), count).astype(np.int8)
    code = _codes(seed, first, types, counties)
    conduct, drift, distress, diligence = _character(parameters, chunk, count)
    registered = _registered(parameters, time, chunk, count)
    ended, ending, known = _endings(parameters, time, chunk, registered, distress, types)
    spells = make_spells(parameters, time, chunk, types=types, industries=industries, registered=registered, ended=ended)
    return Subjects(
        code, _written(parameters, chunk, code, types), types, industries, counties, registered,
        ended, ending, known, conduct, drift, distress, diligence, *(getattr(spells, f.name) for f in fields(spells)),
    )  # fmt: skip


def _kinds_of(bits: Bits, first: int, count: int, fixed: int) -> tuple[NDArray[np.int8], NDArray[np.int16]]:
    """Type and industry: the few of fixed number first, the others by weight."""
    place = np.array([k for k, model in enumerate(INDUSTRIES) for _ in range(model.weight // 10)])
    industry = place[bits.below(len(place), count)]
    motorways = [k for k, model in enumerate(INDUSTRIES) if model.fixed is not None]
    industry = np.where(np.arange(first, first + count) < fixed, motorways[0], industry)
    shares = np.array([model.types for model in INDUSTRIES])[industry].cumsum(axis=1)
    kind = (bits.below(100, count)[:, None] >= shares[:, :2]).sum(axis=1)
    special = bits.below(1000, count)
    special = np.where(np.arange(first, first + count) < fixed, 999, special)
    for number, (low, high) in enumerate(zip((0, *_PER_MILLE[:2]), _PER_MILLE, strict=True)):
        here = (special >= low) & (special < high)
        kind = np.where(here, GOVERNMENT + number, kind)
        other = len(INDUSTRIES) + (0 if number < 2 else 1)
        industry = np.where(here, other + (special % 2 if number == 2 else 0), industry)
    return kind.astype(np.int8), industry.astype(np.int16)


def _codes(seed: int, first: int, types: NDArray[np.int8], counties: NDArray[np.int8]) -> uscc.Codes:
    """USCCs for all but practitioners, who have the number of their practice licence."""
    serials = np.arange(first, first + len(types), dtype=np.int64)
    heads = [prefix + county.code for prefix in _PREFIXES for county in COUNTIES]
    which = np.minimum(types, len(_PREFIXES) - 1).astype(np.int64) * len(COUNTIES) + counties
    code = uscc.codes(heads, which, serials, offset=seed % 31**6)
    licence = np.array([f"ZY4311{serial:08d}" for serial in serials[types == PRACTITIONER].tolist()], dtype="S18")
    code[types == PRACTITIONER] = licence
    return code


def _written(parameters: CityParameters, chunk: int, code: uscc.Codes, types: NDArray[np.int8]) -> uscc.Codes:
    """The codes as the registers have them: a few fail their check digit, a few are old numbers."""
    bits, written = Bits(parameters.seed, "wrong codes", chunk), code.copy()
    wrong = bits.hits(parameters.share("wrong_check_digits"), (len(code),)) & (types < GOVERNMENT)
    old = bits.hits(parameters.share("old_numbers"), (len(code),)) & (types < GOVERNMENT) & ~wrong
    written[wrong] = uscc.with_wrong_check(code[wrong])
    written[old] = uscc.old_numbers(code[old])
    return written


def _character(parameters: CityParameters, chunk: int, count: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Conduct, its drift, distress (correlation 0.5 with conduct) and diligence (-0.4)."""
    draws = [Bits(parameters.seed, name, chunk).normal(count) for name in ("conduct", "drift", "distress", "diligence")]
    conduct = draws[0]
    return (
        conduct,
        milli(parameters.drift) * draws[1] // 1000,
        (500 * conduct + 866 * draws[2]) // 1000,
        (-400 * conduct + 917 * draws[3]) // 1000,
    )


def _registered(parameters: CityParameters, time: Time, chunk: int, count: int) -> Ints:
    """Within the period for the share of births, else up to 25 years before, more of them lately."""
    bits = Bits(parameters.seed, "registration", chunk)
    born = bits.hits(parameters.births, (count,))
    within = time.begin + bits.below(time.end - time.begin, count)
    age = np.maximum(bits.below(9000, count), 1) * np.maximum(bits.below(9000, count), 1) // 9000
    return np.where(born, within, time.begin - 1 - age)


def _endings(
    parameters: CityParameters, time: Time, chunk: int, registered: Ints, distress: Ints, types: NDArray[np.int8]
) -> tuple[Ints, NDArray[np.int8], Ints]:
    """The day a subject ends, how, and when the register shows it (up to three months later)."""
    count = len(registered)
    bits = Bits(parameters.seed, "endings", chunk)
    chance = np.broadcast_to(bounds(-6400 + 600 * distress // 1000)[:, None], (count, time.months))
    hits = bits.hits(chance, (count, time.months)) & (types < GOVERNMENT)[:, None]
    hits &= time.starts[None, :-1] > registered[:, None] + 60
    day = time.starts[hits.argmax(axis=1)] + bits.below(28, count)
    ends = hits.any(axis=1) & (day <= time.end) & np.bool_(parameters.deaths)
    how = bits.pick((0, 0, 0, 0, 0, 0, 0, 1, 1, 1), count).astype(np.int8)
    lag = bits.below(90, count) * np.int64(parameters.lags)
    ended = np.where(ends, day, NEVER)
    return ended, np.where(ends, how, -1).astype(np.int8), np.where(ends, day + lag, NEVER)
