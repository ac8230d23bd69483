"""Numbers of persons within texts: ID numbers of residents, mobile telephones, passports. Codes of businesses stay.

A stray cell may hold such a number wherever it stands, and however it is written: with blanks or hyphens, in full width, glued
to words. What cannot be told apart is masked, unless it may be the code of a firm.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Callable

from stdnum.cn import ric, uscc

from creditscore.records.columns.types import CONTROLS

#: What may stand between the signs of a number. No tab: it parts the cells of a line.
_GAP = r"[ ._\u2010-\u2015-]{0,2}"
#: Provinces of GB/T 2260, and 8x and 9x: residents from Hong Kong, Macau and Taiwan, and foreigners with permanent residence.
_PROVINCE = r"(?:1{gap}[1-5]|2{gap}[1-3]|3{gap}[1-7]|4{gap}[1-6]|5{gap}[0-4]|6{gap}[1-5]|[789]{gap}[1-9])".replace("{gap}", _GAP)


def _digits(count: int) -> str:
    return f"(?:{_GAP}[0-9]){{{count}}}"


_RESIDENT = re.compile(
    rf"(?<![0-9]){_PROVINCE}{_digits(4)}{_GAP}(?:1{_GAP}9|2{_GAP}0){_digits(9)}{_GAP}[0-9Xx](?![0-9])"
)  # fmt: skip
#: The same between other digits, where it counts only if everything is right about it.
_RESIDENT_GLUED = re.compile(r"(?=([1-9][0-9]{5}(?:19|20)[0-9]{9}[0-9Xx]))")
_OLD_RESIDENT = re.compile(rf"(?<![0-9]){_PROVINCE}{_digits(13)}(?![0-9A-Za-z])")
_MOBILE = re.compile(
    rf"(?<![0-9])(?:(?:\+|00)?86{_GAP}|0)?"
    rf"(1[3-9](?:[0-9]{{9}}|[0-9]{_GAP}[0-9]{{4}}{_GAP}[0-9]{{4}}|[0-9]{{2}}{_GAP}[0-9]{{3}}{_GAP}[0-9]{{4}})"
    r"|1 [3-9](?: [0-9]){9})"
    r"(?![0-9A-Za-z])"
)  # fmt: skip
#: The number of a document that looks like a telephone stands between these.
_BEFORE_NUMBER, _AFTER_NUMBER = tuple("第字〕]】"), "号"
#: Passports and travel permits: by the words before one, and without them the forms that are hardly ever anything else.
_PASSPORT_WORD = (
    "(?:身份证件|护照|旅行证|台胞证|回乡证|军官证|士官证|士兵证"
    "|(?:港澳|台湾|内地|大陆|出入境)[^0-9A-Za-z]{0,6}通行证|passport|travel[ _]permit)"
    r"(?:[^0-9A-Za-z]{0,4}(?:no|number)\b)?[^0-9A-Za-z]{0,6}"
)
_PASSPORT_SAID = re.compile(rf"({_PASSPORT_WORD})([A-Za-z]{{0,3}}{_GAP}[0-9]{{6,12}})(?![0-9A-Za-z])", re.IGNORECASE)
#: Digits that begin with a year are more likely the number of a document.
_PASSPORT = re.compile(
    r"(?<![0-9A-Za-z])(?:(?:[EG]|[HMCW](?:[0-9]{2}(?=[0-9]{8}))?)(?!19[89]|20[0-4])[0-9]{8}|E[A-HJ-NP-Z][0-9]{7})(?![0-9A-Za-z])"
)
_USCC = re.compile(r"(?<![0-9A-Za-z])[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}(?![0-9A-Za-z])", re.IGNORECASE)
#: Born later is a child: digits that read so are more likely the number of a document, unless the check character is right.
_CHILD = 2010
#: Numbers of 15 digits were given until 1999, with two digits of the year. Who was born earlier is past a hundred.
_OLDEST = 27
#: Whatever none of these finds anything in is shown as it is. Most texts are, and each is searched once only.
_ANY_NUMBER = re.compile(
    "|".join(f"(?:{one.pattern})" for one in (_RESIDENT, _RESIDENT_GLUED, _OLD_RESIDENT, _MOBILE, _PASSPORT))
)  # fmt: skip


def is_resident_number(text: str) -> bool:
    """Whether a text looks like the ID number of a resident (GB 11643): 18 digits with a birth date, typos included."""
    return bool(_RESIDENT.fullmatch(text)) and _reads_as_resident(_bare(text))


def is_person_number(text: str) -> bool:
    """Whether a whole text reads like a number of a person: an ID number of 18 or 15 digits, or a mobile telephone."""
    plain = _plain(text).strip()
    return any(
        found.fullmatch(plain) and holds(_bare(plain))
        for found, holds in ((_RESIDENT, _reads_as_resident), (_OLD_RESIDENT, _reads_as_old_resident), (_MOBILE, bool))
    )


def holds_resident_number(text: str) -> bool:
    """Whether an ID number of a resident stands in a text, as in certificates that are numbered ``T`` and the ID number."""
    return without_resident_numbers(text) != text


def without_resident_numbers(text: str) -> str:
    """A text in which every ID number of a resident is masked; codes of businesses stay, however alike they look."""
    return _without(text, _residents)


def without_person_numbers(text: str, *, passports: bool = True) -> str:
    """A text in which the numbers of persons are masked: ``110101********2930``, ``139****5678``, ``E********``.

    What holds none is returned as it is. Else its plain form is: half width, without invisible signs.

    Args:
        text: Any text.
        passports: Whether to mask what looks like a passport without a word that says so. Not in keys: records may be numbered
            ``E00000012``.
    """

    def all_numbers(plain: str) -> str:
        shown = _mobiles(_residents(plain))
        shown = _PASSPORT_SAID.sub(lambda found: f"{found[1]}{found[2][:1]}********", shown)
        return _PASSPORT.sub(lambda found: f"{found[0][:1]}********", shown) if passports else shown

    return _without(text, all_numbers)


def _without(text: str, masked: Callable[[str], str]) -> str:
    plain = _plain(text)
    if not _ANY_NUMBER.search(plain) and not _PASSPORT_SAID.search(plain):
        return text
    shown = masked(plain)
    return text if shown == plain else shown


def _plain(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return re.sub(CONTROLS, lambda sign: sign[0] if sign[0] == "\t" else "", unicodedata.normalize("NFKC", text))


def _bare(text: str) -> str:
    """A number without what stands between its signs."""
    return re.sub(r"[ ._\u2010-\u2015-]", "", text).upper()


def _residents(text: str) -> str:
    """A plain text with ID numbers masked."""
    for pattern, holds in ((_RESIDENT, _reads_as_resident), (_OLD_RESIDENT, _reads_as_old_resident)):
        text = pattern.sub(_outside_codes(text, holds, lambda found: _masked_id(_bare(found[0]))), text)
    return _glued_residents(text)


def _mobiles(text: str) -> str:
    """A plain text with mobile telephones masked."""

    def masked(found: re.Match[str]) -> str:
        number, (start, end) = _bare(found[1]), found.span()
        document = text[:start].endswith(_BEFORE_NUMBER) and text[end:].startswith(_AFTER_NUMBER)
        return found[0] if document else f"{number[:3]}****{number[-4:]}"

    return _MOBILE.sub(_outside_codes(text, bool, masked), text)


def _glued_residents(text: str) -> str:
    for found in _RESIDENT_GLUED.finditer(text):
        number, end = found[1], found.end(1)
        glued = text[: found.start()][-1:].isdigit() or text[end : end + 1].isdigit()
        if glued and _is_right(number.upper()):
            return _glued_residents(f"{text[: found.start()]}{_masked_id(number)}{text[end:]}")
    return text


def _masked_id(number: str) -> str:
    return f"{number[:6]}********{number[-4:]}"


def _outside_codes(
    text: str, holds: Callable[[str], bool], masked: Callable[[re.Match[str]], str]
) -> Callable[[re.Match[str]], str]:
    """How to replace what is found in a text: not within the code of a firm, and only where the bare number ``holds``."""
    codes = [found.span() for found in _USCC.finditer(text) if _is_firm(found[0].upper())]

    def replacement(found: re.Match[str]) -> str:
        of_firm = any(found.start() < end and start < found.end() for start, end in codes)
        return masked(found) if holds(_bare(found[0])) and not of_firm else found[0]

    return replacement


def _is_firm(code: str) -> bool:
    """Whether 18 signs are a right unified social credit code, of letters or other authorities too, and no person's number."""
    if not code[:2].isdigit():
        return True
    return bool(uscc.is_valid(code)) and not (code[:17].isdigit() and _reads_as_resident(code))


def _reads_as_resident(number: str) -> bool:
    year = _birth_year(number[6:14])
    if year is None:
        return False
    right = _has_right_check(number)
    # 9 begins firms and, since 2023, foreigners with permanent residence.
    if number[0] == "9" or uscc.is_valid(number):
        return right and not (number[0] == "9" and uscc.is_valid(number))
    return right or year < _CHILD


def _is_right(number: str) -> bool:
    return re.match(_PROVINCE, number) is not None and _birth_year(number[6:14]) is not None and _has_right_check(number)


def _reads_as_old_resident(number: str) -> bool:
    return int(number[6:8]) >= _OLDEST and _birth_year(f"19{number[6:12]}") is not None


def _has_right_check(number: str) -> bool:
    return bool(number[-1] == ric.calc_check_digit(number))


def _birth_year(digits: str) -> int | None:
    try:
        return dt.datetime.strptime(digits, "%Y%m%d").replace(tzinfo=dt.UTC).year
    except ValueError:
        return None
