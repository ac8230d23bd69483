"""The subjects of a city: who they are, what they are like, when they come and go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from creditscore.dataframes import Flags, Ints
from creditscore.records.standard.identity import ALPHABET
from creditscore.simulate.parameters import CHUNK, CityParameters
from creditscore.simulate.places import COUNTIES, INDUSTRIES
from creditscore.simulate.random_bits import Bits, bounds, milli
from creditscore.simulate.timeline import NEVER, Time, make_spells
from creditscore.vocabulary import STATUSES, SUBJECT_TYPES

_LETTERS = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)
_VALUE = np.zeros(128, dtype=np.int64)
_VALUE[_LETTERS] = np.arange(31)
_WEIGHTS = np.array([pow(3, i, 31) for i in range(17)], dtype=np.int64)
_ORG_WEIGHTS = np.array([3, 7, 9, 10, 5, 8, 4, 2], dtype=np.int64)
_BODIES = 31**6
#: Odd, not a multiple of 31: multiplying by it permutes the bodies, so that neighbours do not look alike.
_STEP = 412_680_511
_GOVERNMENT, PRACTITIONER = SUBJECT_TYPES.index("government"), SUBJECT_TYPES.index("practitioner")
#: The first two characters of codes by type: authority and category.
_PREFIXES = ("91", "92", "93", "11", "12")
#: Of a thousand subjects: government bodies, institutions, practitioners (cumulated).
_PER_MILLE = (3, 7, 15)
#: How ten subjects end.
_ENDINGS = (STATUSES.index("deregistered"),) * 7 + (STATUSES.index("revoked"),) * 3

_CreditCodes = NDArray[np.bytes_]


def organisation_bodies(serials: NDArray[Any], offset: int) -> NDArray[np.uint8]:
    """Eight characters for each serial, ``MA`` and six more; different for different serials below 31^6."""
    numbers = (serials.astype(np.int64) * _STEP + offset) % _BODIES
    letters = [_LETTERS[numbers // 31**k % 31] for k in range(5, -1, -1)]
    fixed = [np.full(len(serials), ord(letter), dtype=np.uint8) for letter in "MA"]
    return np.stack([*fixed, *letters], axis=1)


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


def credit_codes(prefixes: list[str], which: NDArray[Any], serials: NDArray[Any], offset: int) -> _CreditCodes:
    """Whole codes from the eight first characters (authority, category, region) and a serial."""
    heads = np.frombuffer("".join(prefixes).encode(), dtype=np.uint8).reshape(-1, 8)[which]
    bodies = organisation_bodies(serials, offset)
    first = np.concatenate([heads, bodies, organisation_digit(bodies)[:, None]], axis=1)
    whole = np.concatenate([first, check_character(first)[:, None]], axis=1)
    return np.ascontiguousarray(whole).view("S18").ravel()


def with_wrong_check(right: _CreditCodes) -> _CreditCodes:
    """The same codes with the next character of the alphabet at the end: a typo that the check finds."""
    letters = np.ascontiguousarray(right.astype("S18")).view(np.uint8).reshape(-1, 18).copy()
    letters[:, 17] = _LETTERS[(_VALUE[letters[:, 17]] + 1) % 31]
    return letters.view("S18").ravel()


def old_numbers(right: _CreditCodes) -> _CreditCodes:
    """A registration number of 15 digits such as was in use before 2015, made from the code."""
    letters = np.ascontiguousarray(right.astype("S18")).view(np.uint8).reshape(-1, 18)
    digits = (_VALUE[letters[:, 8:17]] % 10 + ord("0")).astype(np.uint8)
    return np.ascontiguousarray(np.concatenate([letters[:, 2:8], digits], axis=1)).view("S15").ravel()


@dataclass(frozen=True)
class Block:
    """Arrays of one entry per row, chosen from and joined together."""

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))

    def take(self, rows: Flags | Ints) -> Self:
        """The chosen rows."""
        return type(self)(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """Several blocks as one, in their order."""
        return cls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)})


@dataclass(frozen=True)
class Subjects(Block):
    """Arrays of one entry per subject; latent figures in thousandths of a standard deviation."""

    code: _CreditCodes
    #: The code as the registers carry it, wrong for a few.
    written: _CreditCodes
    type: NDArray[np.int8]
    industry: NDArray[np.int16]
    county: NDArray[np.int8]
    registered: Ints
    ended: Ints
    #: The status that it ends in, by its position in STATUSES; -1 for none.
    ending: NDArray[np.int8]
    ending_known: Ints
    conduct: Ints
    drift: Ints
    distress: Ints
    diligence: Ints
    #: County and industry from a day on, and the days of a suspension (see ``timeline.make_spells``).
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

    @property
    def market(self) -> Flags:
        """Enterprises, individual businesses and co-operatives: the subjects that the old policy drew from."""
        return self.type < _GOVERNMENT

    def county_on(self, rows: NDArray[Any], days: Ints | int) -> NDArray[np.int8]:
        """The county of these subjects on these days."""
        county: NDArray[np.int8] = np.where(self.moved[rows] <= days, self.later_county[rows], self.county[rows])
        return county

    def industry_on(self, rows: NDArray[Any], days: Ints | int) -> NDArray[np.int16]:
        """The industry of these subjects on these days."""
        industry: NDArray[np.int16] = np.where(self.changed[rows] <= days, self.later_industry[rows], self.industry[rows])
        return industry

    def suspended_on(self, rows: NDArray[Any], days: Ints | int) -> Flags:
        """Whether these subjects are suspended on these days."""
        suspended: Flags = (self.suspended[rows] <= days) & (days < self.resumed[rows])
        return suspended

    def at_work(self, rows: NDArray[Any], days: Ints | int) -> Flags:
        """Whether these subjects are registered, neither ended nor suspended, on these days."""
        alive: Flags = (self.registered[rows] <= days) & (days <= self.ended[rows])
        return alive & ~self.suspended_on(rows, days)

    def listed(self, day: int) -> Flags:
        """Market subjects that the register shows as active on a day: a draw of that day can only choose from these."""
        stopped = (self.suspended_known < day) & (self.resumed_known >= day)
        return self.market & (self.registered < day) & (self.ending_known >= day) & ~stopped


def make_subjects(parameters: CityParameters, time: Time, chunk: int) -> Subjects:
    """The subjects of one chunk; the same whatever else the city has."""
    first = chunk * CHUNK
    count = min(CHUNK, parameters.subjects - first)
    seed, lagging = parameters.seed, np.int64(parameters.lags)
    types, industries = _types_and_industries(Bits(seed, "industry", chunk), first, count, min(30, parameters.subjects // 20))
    by_weight = [number for number, county in enumerate(COUNTIES) for _ in range(county.weight)]
    counties = Bits(seed, "county", chunk).pick(tuple(by_weight), count).astype(np.int8)
    code, written = _codes(parameters, chunk, types, counties)
    # Distress has a correlation of 0.5 with conduct, diligence of -0.4.
    draws = {name: Bits(seed, name, chunk).normal(count) for name in ("conduct", "drift", "distress", "diligence")}
    conduct = draws["conduct"]
    distress = (500 * conduct + 866 * draws["distress"]) // 1000
    # Registered within the period for the share of births, else up to 25 years before, more of them lately.
    bits = Bits(seed, "registration", chunk)
    born = bits.hits(parameters.births, (count,))
    within = time.begin + bits.below(time.end - time.begin, count)
    age = np.maximum(bits.below(9000, count), 1) * np.maximum(bits.below(9000, count), 1) // 9000
    registered = np.where(born, within, time.begin - 1 - age)
    # The day a subject ends, how, and when the register shows it (up to three months later).
    bits = Bits(seed, "endings", chunk)
    chance = np.broadcast_to(bounds(-6400 + 600 * distress // 1000)[:, None], (count, time.months))
    hits = bits.hits(chance, (count, time.months)) & (types < _GOVERNMENT)[:, None]
    hits &= time.starts[None, :-1] > registered[:, None] + 60
    day = time.starts[hits.argmax(axis=1)] + bits.below(28, count)
    ends = hits.any(axis=1) & (day <= time.end) & np.bool_(parameters.deaths)
    ending = np.where(ends, bits.pick(_ENDINGS, count), -1).astype(np.int8)
    lag = bits.below(90, count) * lagging
    ended = np.where(ends, day, NEVER)
    spells = make_spells(parameters, time, chunk, types=types, industries=industries, registered=registered, ended=ended)
    return Subjects(
        code, written, types, industries, counties, registered, ended, ending, np.where(ends, day + lag, NEVER), conduct,
        milli(parameters.drift) * draws["drift"] // 1000, distress, (-400 * conduct + 917 * draws["diligence"]) // 1000,
        *(getattr(spells, f.name) for f in fields(spells)),
    )  # fmt: skip


def _types_and_industries(bits: Bits, first: int, count: int, fixed: int) -> tuple[NDArray[np.int8], NDArray[np.int16]]:
    """Type and industry: the few subjects of the industry of fixed number come first, the others by weight."""
    by_weight = np.array([number for number, model in enumerate(INDUSTRIES) for _ in range(model.weight // 10)])
    industry = by_weight[bits.below(len(by_weight), count)]
    of_fixed_number = np.arange(first, first + count) < fixed
    industry = np.where(of_fixed_number, next(n for n, model in enumerate(INDUSTRIES) if model.fixed is not None), industry)
    shares = np.array([model.types for model in INDUSTRIES])[industry].cumsum(axis=1)
    types = (bits.below(100, count)[:, None] >= shares[:, :2]).sum(axis=1)
    special = np.where(of_fixed_number, 999, bits.below(1000, count))
    for number, (low, high) in enumerate(zip((0, *_PER_MILLE[:2]), _PER_MILLE, strict=True)):
        here = (special >= low) & (special < high)
        types = np.where(here, _GOVERNMENT + number, types)
        # Bodies share one industry code; practitioners are of one of two occupations.
        other = len(INDUSTRIES) + (special % 2 + 1 if _GOVERNMENT + number == PRACTITIONER else 0)
        industry = np.where(here, other, industry)
    return types.astype(np.int8), industry.astype(np.int16)


def _codes(
    parameters: CityParameters, chunk: int, types: NDArray[np.int8], counties: NDArray[np.int8]
) -> tuple[_CreditCodes, _CreditCodes]:
    """The right codes, and those that the registers have: a few fail their check digit, a few are old numbers.

    Practitioners have the number of their practice licence.
    """
    first = chunk * CHUNK
    serials = np.arange(first, first + len(types), dtype=np.int64)
    heads = [prefix + county.code for prefix in _PREFIXES for county in COUNTIES]
    which = np.minimum(types, len(_PREFIXES) - 1).astype(np.int64) * len(COUNTIES) + counties
    code = credit_codes(heads, which, serials, offset=parameters.seed % _BODIES)
    licences = [f"ZY4311{serial:08d}" for serial in serials[types == PRACTITIONER].tolist()]
    code[types == PRACTITIONER] = np.array(licences, dtype="S18")
    bits, written = Bits(parameters.seed, "wrong codes", chunk), code.copy()
    market = types < _GOVERNMENT
    wrong = bits.hits(parameters.share("wrong_check_digits"), (len(code),)) & market
    old = bits.hits(parameters.share("old_numbers"), (len(code),)) & market & ~wrong
    written[wrong] = with_wrong_check(code[wrong])
    written[old] = old_numbers(code[old])
    return code, written
