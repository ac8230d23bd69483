"""Personal data: which columns hold it, how it is masked, and which keys may be shown.

A legal representative's name, a telephone and an ID number are never features. They are masked in the
reader, before rules, engines, logs or errors can meet them, unless the project says why they are needed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from creditscore.config.sources import SourceSpec
from creditscore.language.message import Message, _
from creditscore.records.columns.person_numbers import without_person_numbers
from creditscore.records.columns.row_words import without_signed_names
from creditscore.records.columns.types import CONTROLS, Distinct

#: Words in a column's name that say what it holds, in the order in which they are looked for.
_WORDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "id_number",
        ("身份证", "身份号码", "证件号", "护照", "id_card", "idcard", "id_number", "identity_no", "identity_number", "passport"),
    ),
    ("telephone", ("电话", "手机", "联系方式", "telephone", "phone", "mobile")),
    (
        "name",
        (
            "法定代表人", "法人代表", "法人姓名", "负责人", "经营者", "投资人", "联系人", "姓名", "legal_representative",
            "legal_rep", "contact_person", "contact_name", "person_name", "owner_name",
        ),
    ),
)  # fmt: skip
#: The family names of nineteen in twenty residents. A word of a register that begins like one is masked with the names.
_FAMILY_NAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金"
    "石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤常温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂章"
    "鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成苗谷盛曲翁冉骆蓝路游辛靳管柴蒙鲍华喻祁蒲房滕屈饶解"
    "牟艾尤阳时穆农司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费卜冷晏席卫米柏宗瞿桂全佟应臧闵苟邬边卞姬师和仇栾隋商刁沙荣巫寇桑"
    "郎甄丛仲虞敖巩明佘池查麻苑迟邝"
)
#: A family name and one to three signs of a given name, or a name in parts as some peoples have it.
_PERSON = re.compile(f"[{_FAMILY_NAMES}][\u4e00-\u9fff]{{1,3}}|[\u4e00-\u9fff]+(?:[·•][\u4e00-\u9fff]+)+")
#: A date, or digits as no name of a column has.
_CELL = re.compile(r"[0-9]{4}[-/年][0-9]|[0-9]{6}")
#: Letters of a cell that a list of refused cells shows.
_SHOWN = 100
#: Signs to be seen in place of controls, which spreadsheets refuse.
_PICTURES = {code: 0x2400 + code for code in range(0x20)} | {0x7F: 0x2421}
#: Columns that a message lists.
_LISTED = 12


def personal_columns(source: SourceSpec, columns: Sequence[str], *, needed: bool = False) -> dict[str, str]:
    """Columns of a source that must be masked, with what they hold: declared ones, and those with a telling name.

    Args:
        source: Its ``personal`` says more than names of columns do.
        columns: The columns that are asked for.
        needed: Whether to name those too whose plain values a project's rules need.
    """
    declared = {entry.column: entry for entry in source.personal}
    personal = {}
    for name in columns:
        entry = declared.get(name)
        plain = re.sub(r"[\s-]+", "_", name.lower())
        by_name = next((kind for kind, words in _WORDS if any(word in plain for word in words)), "none")
        kind = entry.kind if entry else by_name
        if kind != "none" and (needed or not (entry and entry.needed)):
            personal[name] = kind
    return personal


def masked(column: pa.Array, kind: str) -> pa.Array:
    """A column of texts in which no one can be recognised: ``张*``, ``110101********8888``, ``138****5678``."""
    distinct = Distinct(pc.cast(column, pa.string()))
    return distinct.spread([_mask(text, kind) for text in distinct.values], pa.string())


def _mask(text: str, kind: str) -> str:
    if kind == "name":
        return f"{text.strip()[:1]}*"
    if kind == "telephone":
        return f"{text[:3]}****{text[-4:]}" if len(text) >= 11 else "****"
    return f"{text[:6]}********{text[-4:]}" if len(text) >= 15 else "********"


def safe_keys(ids: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Ids that may be shown: numbers of persons within them are masked, names behind 填表人 and the like, and texts without digits.

    An id has digits. A text without any in a column of ids is a name or another stray cell, which a list of
    refused rows must not repeat.
    """

    def safe(text: str) -> str:
        shown = without_signed_names(without_person_numbers(text, passports=False))
        return shown if not text or any(letter.isdigit() for letter in text) else _mask(text, "name")

    return pa.array([None if text is None else safe(text) for text in ids.to_pylist()], pa.string())


def reads_like_person(text: str) -> bool:
    """Whether a whole text reads like a person's name."""
    return _PERSON.fullmatch(text) is not None


def shown_texts(texts: pa.Array, is_person: Callable[[str], bool] = reads_like_person, *, keys: bool = False) -> pa.Array:
    """Texts of cells as lists of refused cells show them, at most 100 letters; a missing one becomes "".

    A stray cell may be personal data wherever it stands: numbers of persons are masked within a text, and so is a whole
    text that reads like a person's name. Controls become visible signs.

    Args:
        texts: The texts.
        is_person: Tells a text that is a name; by default whatever reads like one.
        keys: Whether they are ids or numbers of documents, of which some look like passports.
    """

    def shown(text: str) -> str:
        plain = re.sub(rf"[\s-]|{CONTROLS}", "", unicodedata.normalize("NFKC", text)).upper()
        if is_person(plain):
            return _mask(plain, "name")
        return without_signed_names(without_person_numbers(text, passports=not keys)).translate(_PICTURES)[:_SHOWN]

    distinct = Distinct(texts)
    return pc.fill_null(distinct.spread([shown(text) for text in distinct.values], pa.string()), "")


def looks_like_data(header: Sequence[str]) -> bool:
    """Whether a header is more likely the first row of a file that has none."""
    return any(_CELL.search(name) for name in header)


def header_words(header: Sequence[str]) -> Message:
    """The columns of a file, for a message. A file without its header has cells there, which are not repeated."""
    if looks_like_data(header):
        return _("its first line looks like data: is the header there?")
    return _("there are: {columns}", columns=", ".join(header[:_LISTED]))
