"""Names of people who act for an authority: recorded as given, and compared in one form."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

#: What stands in brackets of any sort behind or within a name: an office, a deputy (代), a number.
_PAIRS = ("()", "[]", "{}", "<>", "〔〕", "【】", "《》", "〈〉", "「」")
_IN_BRACKETS = re.compile("|".join(rf"\{one[0]}[^\{one[0]}\{one[1]}]*\{one[1]}" for one in _PAIRS))
_SIGN = "[\u3400-\u9fff]"
#: What parts the names of several persons in one field. A word does so with blanks around it, or between two signs on either side:
#: 和 may be within a name (张和平), and a blank between its signs (张 三).
_BETWEEN = re.compile(rf"([、,;/\\|&+\n\t]|\s(?:and|和|及|以及|与)\s|(?<={_SIGN}{{2}})\s*(?:和|及|以及|与|\s)\s*(?={_SIGN}{{2}}))")
#: An authority or a part of one, which stands before or behind a name with a blank or a stroke between. A name of two signs may end
#: like one (李科).
_PLACE = re.compile(
    rf"{_SIGN}{{2,}}[局科所队室处股站院委办厅部组]|{_SIGN}*(?:中心|[支大中总]队|[市县区省总分州]局|[一二三四五六七八九十][科所队室处股站部组])"
)
_BESIDE = re.compile(r"[\s/\\|]+")
#: An office behind a name of at least two signs, or for itself beside one.
_OFFICE = re.compile(
    rf"(?:(?<={_SIGN}{{2}})|^)(?:副?(?:局|厅|部|处|科|股|所|队|大队|中队|组|站|院|室|班)长|副?主任(?:科员)?|科员|书记|专员|执法员|检查员|同志|先生|女士)$"
)


def in_common(name: str, other: str) -> str | None:
    """The first person that two fields name in common, as it stands in the first; None without one.

    Names are compared in half width and in lower case, without blanks, signs and an office behind them, and without what stands
    in brackets. Several in one field each count, parted by 、 , ; / & or a word between them. The same authority beside two
    names (食品科 张三) is no person; where either field has nothing else, it counts.

    >>> in_common("张三", "张 三（代）"), in_common("食品科 张三、李四", "食品科 李四"), in_common("食品科 张三", "食品科 李四")
    ('张三', '李四', None)
    """
    ones, others = _persons(name), _persons(other)
    both_named = any(one.is_named for one in ones.values()) and any(one.is_named for one in others.values())
    for key, one in ones.items():
        if key in others and (one.is_named or others[key].is_named or not both_named):
            return one.text
    return None


def letters(text: str) -> str:
    """A text in half width and lower case, of letters and digits only: in this form two that say the same are alike."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", text).casefold() if sign.isalnum())


class _Part(NamedTuple):
    """A part of a field as it stands there, and whether it names somebody: not an authority beside a name."""

    text: str
    is_named: bool


def _persons(field: str) -> dict[str, _Part]:
    """The parts of a field by the form in which they are compared; last the field as a whole, since a name may look like two."""
    half = unicodedata.normalize("NFKC", field).casefold().strip()
    bare = half
    while (less := _IN_BRACKETS.sub("", bare)) != bare:
        bare = less
    named = bare if letters(bare) else half
    pieces = ["", *_BETWEEN.split(named), ""]  # what is between parts is before and behind each
    persons: dict[str, _Part] = {}
    for before, part, behind in zip(pieces[:-2:2], pieces[1::2], pieces[2::2], strict=True):
        text = _OFFICE.sub("", part.rpartition(":")[2].strip())
        is_place = bool(_PLACE.fullmatch(text)) and any(map(_BESIDE.fullmatch, (before, behind)))
        if key := letters(text):
            persons.setdefault(key, _Part(text, is_named=not is_place))
    is_named = not persons or any(one.is_named for one in persons.values())
    persons.setdefault(letters(named) or named, _Part(named, is_named=is_named))
    return persons
