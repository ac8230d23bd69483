"""Personal data at the door: which columns hold it, how it is masked, and keys that are nobody's business.

A legal representative's name, a telephone and an ID number are never features. They are masked in the
reader, before rules, engines, logs or errors can meet them, unless the project says why they are needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from stdnum.cn import ric

from creditscore.config.sources import SourceSpec

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


def personal_columns(source: SourceSpec, columns: list[str]) -> dict[str, str]:
    """Columns of a source that must be masked, with what they hold: declared ones, and those that are called so."""
    declared = {entry.column: entry for entry in source.personal}
    found = {}
    for name in columns:
        entry = declared.get(name)
        kind = entry.kind if entry else _called(name)
        if kind != "none" and not (entry and entry.needed):
            found[name] = kind
    return found


def _called(column: str) -> str:
    plain = re.sub(r"[\s-]+", "_", column.lower())
    return next((kind for kind, words in _WORDS if any(word in plain for word in words)), "none")


def masked(column: pa.Array, kind: str) -> pa.Array:
    """A column of texts in which no one can be recognised: ``张*``, ``110101********8888``, ``138****5678``."""
    encoded = pc.dictionary_encode(pc.cast(column, pa.string()))
    texts = [_MASKS[kind](text) for text in encoded.dictionary.to_pylist()]
    return pa.array(texts, pa.string()).take(encoded.indices)


def _mask_name(text: str) -> str:
    return f"{text.strip()[:1]}*"


def _mask_telephone(text: str) -> str:
    return f"{text[:3]}****{text[-4:]}" if len(text) >= 11 else "****"


def _mask_number(text: str) -> str:
    return f"{text[:6]}********{text[-4:]}" if len(text) >= 15 else "********"


_MASKS: dict[str, Callable[[str], str]] = {"name": _mask_name, "telephone": _mask_telephone, "id_number": _mask_number}


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

    An id has digits. What stands in a column of ids and has none is a name or another stray cell, and a
    list of refused rows is no place for it.
    """
    return pa.array([None if text is None else _safe(text) for text in ids.to_pylist()], pa.string())


def _safe(part: str) -> str:
    if is_resident_number(part):
        return _mask_number(part)
    has_digit = any(letter.isdigit() for letter in part)
    return part if has_digit or not part else _mask_name(part)


def header_words(names: Sequence[str]) -> str:
    """The columns of a file, for a message; a file without its header line has cells in their place, and those are not told."""
    if looks_like_data(names):
        return "its first line looks like data: is the header there?"
    return f"there are: {', '.join(names[:12])}"


def looks_like_data(names: Sequence[str]) -> bool:
    """Whether a header is more likely the first row of a file that has none."""
    return any(_CELL.search(name) for name in names)
