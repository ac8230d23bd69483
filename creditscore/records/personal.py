"""Personal data: which columns hold it, how it is masked, and which keys may be shown.

A legal representative's name, a telephone and an ID number are never features. They are masked in the
reader, before rules, engines, logs or errors can meet them, unless the project says why they are needed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
from stdnum.cn import ric

from creditscore.config.sources import SourceSpec
from creditscore.language.message import Message, _
from creditscore.records.column_types import Distinct

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
_RESIDENT = re.compile(r"[1-9][0-9]{5}(?:19|20)[0-9]{9}[0-9X]")
#: A date, or digits as no name of a column has.
_CELL = re.compile(r"[0-9]{4}[-/年][0-9]|[0-9]{6}")
#: Columns that a message lists.
_LISTED = 12


def personal_columns(source: SourceSpec, columns: Sequence[str]) -> dict[str, str]:
    """Columns of a source that must be masked, with what they hold: declared ones, and those with a telling name."""
    declared = {entry.column: entry for entry in source.personal}
    personal = {}
    for name in columns:
        entry = declared.get(name)
        plain = re.sub(r"[\s-]+", "_", name.lower())
        by_name = next((kind for kind, words in _WORDS if any(word in plain for word in words)), "none")
        kind = entry.kind if entry else by_name
        if kind != "none" and not (entry and entry.needed):
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


def is_resident_number(text: str) -> bool:
    """Whether a text looks like the ID number of a resident (GB 11643): 18 digits with a birth date, typos included."""
    if not _RESIDENT.fullmatch(text):
        return False
    try:
        ric.get_birth_date(text)
    except ValueError:
        return False
    return True


def safe_keys(ids: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Ids that may be shown: an ID number of a resident is masked, and so is a text without any digit.

    An id has digits. A text without any in a column of ids is a name or another stray cell, which a list of
    refused rows must not repeat.
    """

    def safe(text: str) -> str:
        if is_resident_number(text):
            return _mask(text, "id_number")
        return text if not text or any(letter.isdigit() for letter in text) else _mask(text, "name")

    return pa.array([None if text is None else safe(text) for text in ids.to_pylist()], pa.string())


def looks_like_data(header: Sequence[str]) -> bool:
    """Whether a header is more likely the first row of a file that has none."""
    return any(_CELL.search(name) for name in header)


def header_words(header: Sequence[str]) -> Message:
    """The columns of a file, for a message. A file without its header has cells there, which are not repeated."""
    if looks_like_data(header):
        return _("its first line looks like data: is the header there?")
    return _("there are: {columns}", columns=", ".join(header[:_LISTED]))
