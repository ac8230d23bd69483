"""Codes one slip of the pen away from a code that cannot exist: how a record with a typo in its code finds its firm."""

from __future__ import annotations

from collections.abc import Iterator

from stdnum import lei

from creditscore.config.sources import IdScheme
from creditscore.records.standard.identity import ALPHABET

#: The signs of a legal entity identifier (ISO 17442).
_LEI_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_USCC_LENGTH, _LEI_LENGTH = 18, 20
_MODULUS = 31
#: The weights of GB 32100; with that of the check character, 1, the sum of a right code is 0 modulo 31.
_WEIGHTS = (*(pow(3, place, _MODULUS) for place in range(_USCC_LENGTH - 1)), 1)
_VALUE = {sign: value for value, sign in enumerate(ALPHABET)}


def near_codes(code: str, scheme: IdScheme) -> set[str]:
    """The codes with right check characters from which one slip gives ``code``.

    A slip is one sign in place of another, two neighbours swapped, one sign lost or one added. Schemes without
    check characters have no near codes: there any text may be another firm's.

    >>> "91431103MA4L1A2B3" in near_codes("91431103MA4L1A2B34", "local")
    False
    """
    if scheme == "uscc":
        return set(_near_usccs(code)) - {code}
    if scheme == "lei":
        return {other for other in _slips(code, _LEI_ALPHABET) if len(other) == _LEI_LENGTH and lei.is_valid(other)} - {code}
    return set()


def _near_usccs(code: str) -> Iterator[str]:
    if len(code) == _USCC_LENGTH:
        for place in range(_USCC_LENGTH):
            yield from _solved(code[:place], code[place + 1 :])
        yield from filter(_holds, _swaps(code))
    elif len(code) == _USCC_LENGTH - 1:
        for place in range(_USCC_LENGTH):
            yield from _solved(code[:place], code[place:])
    elif len(code) == _USCC_LENGTH + 1:
        yield from filter(_holds, _shortened(code))


def _solved(before: str, after: str) -> Iterator[str]:
    """The right code with one sign between two texts: there is one at most, since every weight has an inverse."""
    place = len(before)
    rest = _sum_of(before + ALPHABET[0] + after)
    if rest is not None:
        yield before + ALPHABET[-rest * pow(_WEIGHTS[place], -1, _MODULUS) % _MODULUS] + after


def _sum_of(code: str) -> int | None:
    """The weighted sum of a code of 18 signs; None where one of them is none of the alphabet."""
    values = [_VALUE.get(sign) for sign in code]
    known = [value for value in values if value is not None]
    if len(known) < _USCC_LENGTH:
        return None
    return sum(weight * value for weight, value in zip(_WEIGHTS, known, strict=True)) % _MODULUS


def _holds(code: str) -> bool:
    return _sum_of(code) == 0


def _swaps(code: str) -> Iterator[str]:
    return (code[:place] + code[place + 1] + code[place] + code[place + 2 :] for place in range(len(code) - 1))


def _shortened(code: str) -> Iterator[str]:
    return (code[:place] + code[place + 1 :] for place in range(len(code)))


def _slips(code: str, alphabet: str) -> Iterator[str]:
    """Every text one slip away from a code."""
    yield from _shortened(code)
    yield from _swaps(code)
    for sign in alphabet:
        yield from (code[:place] + sign + code[place + 1 :] for place in range(len(code)))
        yield from (code[:place] + sign + code[place:] for place in range(len(code) + 1))
