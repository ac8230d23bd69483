"""Unified social credit codes (GB 32100-2015) and other id schemes: normalise, then say what is wrong.

python-stdnum skips the organisation code's own check digit and refuses codes that start with a letter
(``N2431103...``), so the checks stand here: the mod-31 check of GB 32100-2015 and the mod-11 check of
GB 11714-1997 inside it, over arrays of bytes.
"""

from __future__ import annotations

import re
import unicodedata

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_WEIGHTS = np.array([pow(3, i, 31) for i in range(17)])
_ORG_WEIGHTS = np.array([3, 7, 9, 10, 5, 8, 4, 2])
_LENGTH = 18
_LOCAL = re.compile(r"[A-Za-z0-9_.-]{1,64}")

#: Reasons in the order in which they are given: the first that holds.
REASONS = ("ID_MISSING", "ID_OLD_NUMBER", "ID_LENGTH", "ID_ALPHABET", "ID_CHECK_DIGIT", "ID_ORGANISATION_DIGIT", "ID_REGION")


def compact(ids: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Ids in their plain form: half width (NFKC), upper case, no spaces or hyphens; "" becomes missing."""
    encoded = pc.dictionary_encode(ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids)
    texts = [_compact_one(text) for text in encoded.dictionary.to_pylist()]
    return pa.array(texts, pa.string()).take(encoded.indices)


def _compact_one(text: str | None) -> str | None:
    if text is None:
        return None
    plain = re.sub(r"[\s\u200b-]", "", unicodedata.normalize("NFKC", text)).upper()
    return plain or None


def uscc_faults(ids: pa.Array, *, regions: frozenset[str] | None = None) -> pa.Array:
    """What is wrong with each unified social credit code: one of :data:`REASONS`, or missing where nothing is.

    Args:
        ids: Codes after :func:`compact`.
        regions: The six-digit region codes (GB/T 2260) that exist; ``None`` checks for digits only.
    """
    texts = np.array([text or "" for text in ids.to_pylist()], dtype=str)
    lengths = np.char.str_len(texts)
    fault = np.full(len(texts), "", dtype="U24")
    fault[lengths == 0] = "ID_MISSING"
    fault[(lengths == 15) & np.char.isdigit(texts)] = "ID_OLD_NUMBER"
    fault[(fault == "") & (lengths != _LENGTH)] = "ID_LENGTH"
    whole = np.flatnonzero(fault == "")
    fault[whole] = _faults_of_whole_codes(texts[whole], regions)
    return pa.array([text or None for text in fault.tolist()], pa.string())


def _faults_of_whole_codes(texts: np.ndarray, regions: frozenset[str] | None) -> np.ndarray:
    fault = np.full(len(texts), "", dtype="U24")
    if not len(texts):
        return fault
    letters = texts.astype(f"U{_LENGTH}").view("U1").reshape(len(texts), _LENGTH)
    values = np.full(letters.shape, -1)
    for value, letter in enumerate(ALPHABET):
        values[letters == letter] = value
    fault[(values < 0).any(axis=1)] = "ID_ALPHABET"
    check = (31 - (values[:, :17] * _WEIGHTS).sum(axis=1) % 31) % 31
    fault[(fault == "") & (check != values[:, 17])] = "ID_CHECK_DIGIT"
    fault[(fault == "") & ~_organisation_digit_holds(letters)] = "ID_ORGANISATION_DIGIT"
    region = np.array([text[2:8] for text in texts.tolist()])
    known = np.char.isdigit(region) if regions is None else np.isin(region, sorted(regions))
    fault[(fault == "") & ~known] = "ID_REGION"
    return fault


def _organisation_digit_holds(letters: np.ndarray) -> np.ndarray:
    """GB 11714: letters count A = 10 ... Z = 35 without gaps, unlike the alphabet of the whole code; X stands for 10."""
    points = letters[:, 8:17].copy().view(np.uint32).reshape(len(letters), 9).astype(np.int64)
    own = np.where(points >= ord("A"), points - ord("A") + 10, points - ord("0"))
    wanted = (11 - (own[:, :8] * _ORG_WEIGHTS).sum(axis=1) % 11) % 11
    holds: np.ndarray = wanted == np.where(letters[:, 16] == "X", 10, own[:, 8])
    return holds


def local_faults(ids: pa.Array) -> pa.Array:
    """Faults of ids by another scheme: missing, or not 1-64 letters, digits, ``_``, ``.`` and ``-``."""
    faults = ["ID_MISSING" if not text else None if _LOCAL.fullmatch(text) else "ID_ALPHABET" for text in ids.to_pylist()]
    return pa.array(faults, pa.string())
