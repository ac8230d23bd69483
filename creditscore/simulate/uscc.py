"""Valid unified social credit codes (GB 32100-2015 with the check digit of GB 11714), many at once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

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
