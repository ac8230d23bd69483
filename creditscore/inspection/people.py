"""Names of people who act for an authority: recorded as given, and compared in one form."""

from __future__ import annotations

import re
import unicodedata

#: What stands in brackets of any sort behind or within a name: an office, a deputy (代), a number.
_PAIRS = ("()", "[]", "{}", "<>", "〔〕", "【】", "《》", "〈〉", "「」")
_IN_BRACKETS = re.compile("|".join(rf"\{one[0]}[^\{one[0]}\{one[1]}]*\{one[1]}" for one in _PAIRS))


def same_person(name: str, other: str) -> bool:
    """Whether two names are of one person: in half width, without blanks and signs, and without what stands in brackets.

    >>> same_person("张三", "张 三（代）"), same_person("张三", "李四")
    (True, False)
    """
    return plain(name) == plain(other)


def plain(name: str) -> str:
    """A name or number in the form in which two are compared."""
    half = unicodedata.normalize("NFKC", name).casefold()
    bare = half
    while (less := _IN_BRACKETS.sub("", bare)) != bare:
        bare = less
    return _letters(bare) or _letters(half) or half


def _letters(text: str) -> str:
    return "".join(sign for sign in text if sign.isalnum())
