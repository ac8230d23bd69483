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
_VALUE = np.full(256, -1, dtype=np.int64)
_VALUE[np.frombuffer(ALPHABET.encode(), dtype=np.uint8)] = np.arange(31)
_WEIGHTS = np.array([pow(3, i, 31) for i in range(17)])
_ORG_WEIGHTS = np.array([3, 7, 9, 10, 5, 8, 4, 2])
_LENGTH = 18
_PLAIN = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOCAL = re.compile(r"[A-Za-z0-9_.-]{1,64}")
#: What a spreadsheet makes of a long number: digits are lost for good.
_AS_NUMBER = r"^[0-9](\.[0-9]+)?E\+?[0-9]+$"

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
    length = pc.fill_null(pc.utf8_length(ids), 0)
    fault = pc.if_else(pc.equal(length, _LENGTH), pa.scalar(None, pa.string()), pa.scalar("ID_LENGTH"))
    for reason, holds in (
        ("ID_SPREADSHEET", pc.match_substring_regex(ids, _AS_NUMBER)),
        ("ID_OLD_NUMBER", pc.match_substring_regex(ids, "^[0-9]{15}$")),
        ("ID_MISSING", pc.equal(length, 0)),
    ):
        fault = pc.if_else(pc.fill_null(holds, False), pa.scalar(reason), fault)
    whole = pc.is_null(fault)
    return pc.replace_with_mask(fault, whole, _faults_of_whole_codes(ids.filter(whole), tables or shipped_tables()))


def _faults_of_whole_codes(ids: pa.Array, tables: CodeTables) -> pa.Array:
    ascii_only = pc.equal(pc.binary_length(ids), _LENGTH)
    letters = text_bytes(ids.filter(ascii_only)).reshape(-1, _LENGTH)
    values = _VALUE[letters]
    check = -(values[:, :17] @ _WEIGHTS) % 31
    said = np.full(len(letters), -1, dtype=np.int8)
    wrong = {"ID_ALPHABET": (values < 0).any(axis=1), "ID_CHECK_DIGIT": check != values[:, 17], **_unknown_parts(letters, tables)}
    for reason, rows in {**wrong, "ID_ORGANISATION_DIGIT": ~_organisation_digit_holds(letters)}.items():
        said[(said < 0) & rows] = REASONS.index(reason)
    _residents(letters, said)
    fault = pa.array(REASONS).take(pa.array(said, mask=said < 0))
    return fault if len(fault) == len(ids) else pc.replace_with_mask(pa.array(["ID_ALPHABET"] * len(ids)), ascii_only, fault)


def _residents(letters: np.ndarray, said: np.ndarray) -> None:
    """Some registers have the owner's ID number in place of a code; the name of the fault keeps it out of every list."""
    suspects = np.isin(said, [REASONS.index("ID_ALPHABET"), REASONS.index("ID_CHECK_DIGIT")])
    for place in np.flatnonzero(suspects):
        if is_resident_number(letters[place].tobytes().decode()):
            said[place] = REASONS.index("ID_RESIDENT_NUMBER")


def _unknown_parts(letters: np.ndarray, tables: CodeTables) -> dict[str, np.ndarray]:
    """Where authority, category (of that authority) or region is in no table."""
    authorities = [ord(authority.code) for authority in tables.uscc.authority]
    pairs = [ord(a.code) * 256 + ord(category.code) for a in tables.uscc.authority for category in a.category]
    regions = np.ascontiguousarray(letters[:, 2:8]).view("S6").ravel()
    distinct, inverse = np.unique(regions, return_inverse=True)
    known = np.array([tables.has_region(region.decode()) for region in distinct.tolist()], dtype=bool)
    return {
        "ID_AUTHORITY": ~np.isin(letters[:, 0], authorities),
        "ID_CATEGORY": ~np.isin(letters[:, 0].astype(np.int32) * 256 + letters[:, 1], pairs),
        "ID_REGION": ~known[inverse] if len(known) else np.zeros(0, dtype=bool),
    }


def _organisation_digit_holds(letters: np.ndarray) -> np.ndarray:
    """GB 11714: letters count A = 10 ... Z = 35 without gaps, unlike the alphabet of the whole code; X stands for 10."""
    points = letters[:, 8:17].astype(np.int64)
    own = np.where(points >= ord("A"), points - ord("A") + 10, points - ord("0"))
    wanted = (11 - own[:, :8] @ _ORG_WEIGHTS % 11) % 11
    holds: np.ndarray = wanted == np.where(letters[:, 16] == ord("X"), 10, own[:, 8])
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
