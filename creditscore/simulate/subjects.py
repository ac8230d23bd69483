"""The subjects of a city: who they are, what they are like, when they come and go."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creditscore.dataframes import Ints
from creditscore.simulate.parameters import CHUNK, CityParameters
from creditscore.simulate.places import COUNTIES, INDUSTRIES
from creditscore.simulate.random_bits import Bits, bounds, milli
from creditscore.simulate.timeline import NEVER, Time, make_spells
from creditscore.vocabulary import SUBJECT_TYPES

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_LETTERS = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)
_VALUE = np.zeros(128, dtype=np.int64)
_VALUE[_LETTERS] = np.arange(31)
_WEIGHTS = np.array([pow(3, i, 31) for i in range(17)], dtype=np.int64)
_ORG_WEIGHTS = np.array([3, 7, 9, 10, 5, 8, 4, 2], dtype=np.int64)
_BODIES = 31**6
#: Odd, not a multiple of 31: multiplying by it permutes the bodies, so that neighbours do not look alike.
_STEP = 412_680_511

Codes = NDArray[np.bytes_]


def organisation_bodies(serials: NDArray[Any], offset: int) -> NDArray[np.uint8]:
    """Eight characters ``MA`` + 6 for each serial, different for different serials below 31^6."""
    numbers = (serials.astype(np.int64) * _STEP + offset) % _BODIES
    places = [_LETTERS[numbers // 31**k % 31] for k in range(5, -1, -1)]
    fixed = [np.full(len(serials), ord(letter), dtype=np.uint8) for letter in "MA"]
    return np.stack([*fixed, *places], axis=1)


def organisation_digit(bodies: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The ninth character by GB 11714: letters count 10 to 35, remainder 10 is X and 11 is 0."""
    values = np.where(bodies >= ord("A"), bodies.astype(np.int64) - ord("A") + 10, bodies.astype(np.int64) - ord("0"))
    rest = 11 - values @ _ORG_WEIGHTS % 11
    digits: NDArray[np.uint8] = np.frombuffer(b"00123456789X", dtype=np.uint8)[np.where(rest == 11, 0, rest + 1)]
    return digits


def check_character(first: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The eighteenth character by GB 32100: ``(31 - sum) mod 31``."""
    letters: NDArray[np.uint8] = _LETTERS[(-(_VALUE[first] @ _WEIGHTS)) % 31]
    return letters


def codes(prefixes: list[str], which: NDArray[Any], serials: NDArray[Any], offset: int) -> Codes:
    """Whole codes from the eight first characters (authority, category, region) and a serial."""
    heads = np.frombuffer("".join(prefixes).encode(), dtype=np.uint8).reshape(-1, 8)[which]
    bodies = organisation_bodies(serials, offset)
    first = np.concatenate([heads, bodies, organisation_digit(bodies)[:, None]], axis=1)
    whole = np.concatenate([first, check_character(first)[:, None]], axis=1)
    return np.ascontiguousarray(whole).view("S18").ravel()


def with_wrong_check(right: Codes) -> Codes:
    """The same codes with the next character of the alphabet at the end: a typo that the check finds."""
    letters = np.ascontiguousarray(right.astype("S18")).view(np.uint8).reshape(-1, 18).copy()
    letters[:, 17] = _LETTERS[(_VALUE[letters[:, 17]] + 1) % 31]
    return letters.view("S18").ravel()


def old_numbers(right: Codes) -> Codes:
    """A registration number of 15 digits such as was in use before 2015, made from the code."""
    letters = np.ascontiguousarray(right.astype("S18")).view(np.uint8).reshape(-1, 18)
    digits = (_VALUE[letters[:, 8:17]] % 10 + ord("0")).astype(np.uint8)
    return np.ascontiguousarray(np.concatenate([letters[:, 2:8], digits], axis=1)).view("S15").ravel()


GOVERNMENT, INSTITUTION, PRACTITIONER = (SUBJECT_TYPES.index(t) for t in ("government", "institution", "practitioner"))
_PREFIXES = ("91", "92", "93", "11", "12")
#: Of a thousand subjects: government bodies, institutions, practitioners (cumulated).
_PER_MILLE = (3, 7, 15)
ENDINGS = ("deregistered", "revoked")


@dataclass(frozen=True)
class Subjects:
    """Arrays of one entry per subject; latent figures in thousandths of a standard deviation."""

    code: Codes
    #: The code as the registers carry it, wrong for a few.
    written: Codes
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
    def together(parts: list[Subjects]) -> Subjects:
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


def _codes(seed: int, first: int, types: NDArray[np.int8], counties: NDArray[np.int8]) -> Codes:
    """USCCs for all but practitioners, who have the number of their practice licence."""
    serials = np.arange(first, first + len(types), dtype=np.int64)
    heads = [prefix + county.code for prefix in _PREFIXES for county in COUNTIES]
    which = np.minimum(types, len(_PREFIXES) - 1).astype(np.int64) * len(COUNTIES) + counties
    code = codes(heads, which, serials, offset=seed % 31**6)
    licence = np.array([f"ZY4311{serial:08d}" for serial in serials[types == PRACTITIONER].tolist()], dtype="S18")
    code[types == PRACTITIONER] = licence
    return code


def _written(parameters: CityParameters, chunk: int, code: Codes, types: NDArray[np.int8]) -> Codes:
    """The codes as the registers have them: a few fail their check digit, a few are old numbers."""
    bits, written = Bits(parameters.seed, "wrong codes", chunk), code.copy()
    wrong = bits.hits(parameters.share("wrong_check_digits"), (len(code),)) & (types < GOVERNMENT)
    old = bits.hits(parameters.share("old_numbers"), (len(code),)) & (types < GOVERNMENT) & ~wrong
    written[wrong] = with_wrong_check(code[wrong])
    written[old] = old_numbers(code[old])
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
