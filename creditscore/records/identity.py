"""Unified social credit codes (GB 32100-2015) and other id schemes: normalise, then say what is wrong.

python-stdnum skips the organisation code's own check digit and refuses codes that start with a letter
(``N2431103...``), so the checks stand here, over arrays of bytes: the mod-31 check of GB 32100-2015, the
mod-11 check of GB 11714-1997 inside it, and the tables of authorities, categories and regions. Where
stdnum is right (ID numbers of residents, LEI) it is asked.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from stdnum import lei

from creditscore.records.code_tables import CodeTables, shipped_tables
from creditscore.records.personal import is_resident_number
from creditscore.records.texts import text_bytes

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_WEIGHTS = np.array([pow(3, i, 31) for i in range(17)])
_ORG_WEIGHTS = np.array([3, 7, 9, 10, 5, 8, 4, 2])
_LENGTH = 18
_PLAIN = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOCAL = re.compile(r"[A-Za-z0-9_.-]{1,64}")
#: What a spreadsheet makes of a long number: digits are lost for good.
_AS_NUMBER = re.compile(r"[0-9](\.[0-9]+)?E\+?[0-9]+")

#: Reasons in the order in which they are given: the first that holds.
REASONS = (
    "ID_MISSING", "ID_OLD_NUMBER", "ID_SPREADSHEET", "ID_LENGTH", "ID_RESIDENT_NUMBER", "ID_ALPHABET", "ID_CHECK_DIGIT",
    "ID_AUTHORITY", "ID_CATEGORY", "ID_REGION", "ID_ORGANISATION_DIGIT",
)  # fmt: skip


def compact(ids: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Ids in their plain form: half width (NFKC), upper case, no spaces or hyphens; "" becomes missing."""
    whole = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
    if is_plain(whole):
        return whole
    odd = pc.fill_null(pc.match_substring_regex(whole, "[^0-9A-Z]|^$"), False)
    encoded = pc.dictionary_encode(whole.filter(odd))
    texts = pa.array([_compact_one(text) for text in encoded.dictionary.to_pylist()], pa.string())
    return pc.replace_with_mask(whole, odd, texts.take(encoded.indices))


def is_plain(ids: pa.Array) -> bool:
    """Whether every id is in its plain form already; a look at all letters at once."""
    if len(ids) == ids.null_count:
        return True
    return not text_bytes(ids).tobytes().translate(None, delete=_PLAIN) and pc.min(pc.binary_length(ids)).as_py() > 0


def _compact_one(text: str) -> str | None:
    plain = re.sub(r"[\s\u200b-]", "", unicodedata.normalize("NFKC", text)).upper()
    return plain or None


def uscc_faults(ids: pa.Array, *, tables: CodeTables | None = None) -> pa.Array:
    """What is wrong with each unified social credit code: one of :data:`REASONS`, or missing where nothing is.

    Args:
        ids: Codes after :func:`compact`.
        tables: Authorities, categories and regions; by default those that ship (regions: provinces only).
    """
    texts = np.array([text or "" for text in ids.to_pylist()], dtype=str)
    lengths = np.char.str_len(texts)
    fault = np.full(len(texts), "", dtype="U24")
    fault[lengths == 0] = "ID_MISSING"
    fault[(lengths == 15) & np.char.isdigit(texts)] = "ID_OLD_NUMBER"
    for place in np.flatnonzero((fault == "") & (np.char.find(texts, "E+") > 0) | (np.char.find(texts, ".") > 0)):
        fault[place] = "ID_SPREADSHEET" if _AS_NUMBER.fullmatch(texts[place]) else ""
    fault[(fault == "") & (lengths != _LENGTH)] = "ID_LENGTH"
    whole = np.flatnonzero(fault == "")
    fault[whole] = _faults_of_whole_codes(texts[whole], tables or shipped_tables())
    return pa.array([text or None for text in fault.tolist()], pa.string())


def _faults_of_whole_codes(texts: np.ndarray, tables: CodeTables) -> np.ndarray:
    fault = np.full(len(texts), "", dtype="U24")
    if not len(texts):
        return fault
    letters = texts.astype(f"U{_LENGTH}").view("U1").reshape(len(texts), _LENGTH)
    values = np.full(letters.shape, -1)
    for value, letter in enumerate(ALPHABET):
        values[letters == letter] = value
    check = (31 - (values[:, :17] * _WEIGHTS).sum(axis=1) % 31) % 31
    wrong = {"ID_ALPHABET": (values < 0).any(axis=1), "ID_CHECK_DIGIT": check != values[:, 17]}
    for reason, rows in {**wrong, **_unknown_parts(letters, tables)}.items():
        fault[(fault == "") & rows] = reason
    fault[(fault == "") & ~_organisation_digit_holds(letters)] = "ID_ORGANISATION_DIGIT"
    # Some registers have the owner's ID number in place of a code; the name of the fault keeps it out of every list.
    for place in np.flatnonzero(np.isin(fault, ("ID_ALPHABET", "ID_CHECK_DIGIT"))):
        if is_resident_number(str(texts[place])):
            fault[place] = "ID_RESIDENT_NUMBER"
    return fault


def _unknown_parts(letters: np.ndarray, tables: CodeTables) -> dict[str, np.ndarray]:
    """Where authority, category (of that authority) or region is in no table."""
    authorities = sorted(authority.code for authority in tables.uscc.authority)
    pairs = sorted(authority.code + category.code for authority in tables.uscc.authority for category in authority.category)
    pair = np.char.add(letters[:, 0], letters[:, 1])
    regions = np.array([text[:6] for text in _joined(letters[:, 2:8])])
    distinct, inverse = np.unique(regions, return_inverse=True)
    known = np.array([tables.has_region(str(region)) for region in distinct], dtype=bool)
    return {
        "ID_AUTHORITY": ~np.isin(letters[:, 0], authorities),
        "ID_CATEGORY": ~np.isin(pair, pairs),
        "ID_REGION": ~known[inverse],
    }


def _joined(letters: np.ndarray) -> list[str]:
    joined: list[str] = np.ascontiguousarray(letters).view(f"U{letters.shape[1]}").ravel().tolist()
    return joined


def _organisation_digit_holds(letters: np.ndarray) -> np.ndarray:
    """GB 11714: letters count A = 10 ... Z = 35 without gaps, unlike the alphabet of the whole code; X stands for 10."""
    points = letters[:, 8:17].copy().view(np.uint32).reshape(len(letters), 9).astype(np.int64)
    own = np.where(points >= ord("A"), points - ord("A") + 10, points - ord("0"))
    wanted = (11 - (own[:, :8] * _ORG_WEIGHTS).sum(axis=1) % 11) % 11
    holds: np.ndarray = wanted == np.where(letters[:, 16] == "X", 10, own[:, 8])
    return holds


def local_faults(ids: pa.Array, *, pattern: str = "") -> pa.Array:
    """Faults of ids by a scheme of one's own.

    Missing; a resident's ID number in place of a licence's; or not wholly as ``pattern`` says, by default
    1-64 letters, digits, ``_``, ``.`` and ``-``.
    """
    shape, reason = (re.compile(pattern), "ID_PATTERN") if pattern else (_LOCAL, "ID_ALPHABET")

    def fault(text: str | None) -> str | None:
        if not text:
            return "ID_MISSING"
        if is_resident_number(text):
            return "ID_RESIDENT_NUMBER"
        return None if shape.fullmatch(text) else reason

    return _one_by_one(ids, fault)


def lei_faults(ids: pa.Array) -> pa.Array:
    """Faults of legal entity identifiers (ISO 17442): missing, length, or the check by ISO 7064 mod 97-10."""

    def fault(text: str | None) -> str | None:
        if not text:
            return "ID_MISSING"
        if len(text) != 20:
            return "ID_LENGTH"
        return None if lei.is_valid(text) else "ID_CHECK_DIGIT"

    return _one_by_one(ids, fault)


def _one_by_one(ids: pa.Array, fault: Callable[[str | None], str | None]) -> pa.Array:
    return pa.array([fault(text) for text in ids.to_pylist()], pa.string())
