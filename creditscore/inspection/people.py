"""Names of people who act for an authority: recorded as given, and compared in one form."""

from __future__ import annotations

import re
import unicodedata

#: What stands in brackets of any sort behind or within a name: an office, a deputy (代), a number.
_PAIRS = ("()", "[]", "{}", "<>", "〔〕", "【】", "《》", "〈〉", "「」")
_IN_BRACKETS = re.compile("|".join(rf"\{one[0]}[^\{one[0]}\{one[1]}]*\{one[1]}" for one in _PAIRS))
_SIGN = "[\u3400-\u9fff]"
#: What parts the names of several persons in one field. A word does so with blanks around it, or between two signs on either side:
#: 和 may be within a name (张和平), and a blank between its signs (张 三).
_BETWEEN = re.compile(rf"[、,;/\\|&+\n\t]|\s(?:and|和|及|以及|与)\s|(?<={_SIGN}{{2}})\s*(?:和|及|以及|与|\s)\s*(?={_SIGN}{{2}})")
#: An office behind a name of at least two signs, or for itself beside one.
_OFFICE = re.compile(
    rf"(?:(?<={_SIGN}{{2}})|^)(?:副?(?:局|厅|部|处|科|股|所|队|大队|中队|组|站|院|室|班)长|副?主任(?:科员)?|科员|书记|专员|执法员|检查员|同志|先生|女士)$"
)


def same_person(name: str, other: str) -> bool:
    """Whether two fields name a person in common.

    Names are compared in half width and in lower case, without blanks, signs and an office behind them, and without what stands
    in brackets. Several in one field each count, parted by 、 , ; / & or a word between them.

    >>> same_person("张三", "张 三（代）"), same_person("张三、李四", "张三"), same_person("张三", "李四")
    (True, True, False)
    """
    return not _persons(name).isdisjoint(_persons(other))


def letters(text: str) -> str:
    """A text in half width and lower case, of letters and digits only: in this form two that say the same are alike."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", text).casefold() if sign.isalnum())


def _persons(field: str) -> set[str]:
    """The persons that a field names, each in one form; and the field as a whole, since a name may look like two."""
    half = unicodedata.normalize("NFKC", field).casefold().strip()
    bare = half
    while (less := _IN_BRACKETS.sub("", bare)) != bare:
        bare = less
    named = bare if letters(bare) else half
    parts = [letters(_OFFICE.sub("", part.rpartition(":")[2].strip())) for part in _BETWEEN.split(named)]
    return {letters(named) or named, *filter(None, parts)}
