"""Subject ids as they arrive: in their plain form everywhere; in the registers of subjects, faulty ones with their reason."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator
from stdnum import lei

from creditscore.config.sources import IdScheme, SourceSpec
from creditscore.config.spec import Day, Items, Label, Spec, read_spec
from creditscore.errors import ConfigError
from creditscore.records.column_types import Faults, text_bytes, whole
from creditscore.records.personal import is_resident_number
from creditscore.vocabulary import MARKET_SUBJECTS

if TYPE_CHECKING:
    from creditscore.config.project import Project

_DIGITS = re.compile(r"[0-9]{2,6}")


class Category(Spec):
    """What kind of body an authority registers: the second character of a code."""

    code: str = Field(min_length=1, max_length=1)
    label: Label
    #: What a subject with it is, where that is certain: a card never scores a code that says government.
    subject_type: str = ""


class Authority(Spec):
    """Who registers: the first character of a code."""

    code: str = Field(min_length=1, max_length=1)
    label: Label
    basis: str
    category: Items[Category] = Field(min_length=1)


class UsccTable(Spec):
    """Registering authorities and categories of GB 32100."""

    standard: str
    issued: Day
    basis: str
    authority: Items[Authority] = Field(min_length=1)

    @property
    def subject_types(self) -> dict[str, str]:
        """What the first two characters of a code say of the subject, where they are certain."""
        return {a.code + c.code: c.subject_type for a in self.authority for c in a.category if c.subject_type}


class Region(Spec):
    """A region; one that was renamed or merged keeps its place, since codes are for life."""

    code: str
    name: str
    #: The year in which it ended.
    until: int | None = None


class RegionTable(Spec):
    """Regions of GB/T 2260: complete for codes that start with ``under``, at so many digits.

    A region whose code starts with ``under`` must have its first ``digits`` digits in the table. Tables
    are checked one after another: provinces first, then the prefectures of one, then its counties.
    """

    standard: str
    issued: Day
    basis: str
    under: str = ""
    digits: int = Field(ge=2, le=6)
    region: Items[Region] = Field(min_length=1)

    @model_validator(mode="after")
    def _codes_fit(self) -> RegionTable:
        for region in self.region:
            fits = _DIGITS.fullmatch(region.code) and len(region.code) == self.digits and region.code.startswith(self.under)
            if not fits:
                raise ValueError(f'expected codes of {self.digits} digits that start with "{self.under}" (got "{region.code}")')
        return self

    @property
    def codes(self) -> frozenset[str]:
        """The codes at this table's digits."""
        return frozenset(region.code for region in self.region)


_USCC = "gb32100_2015"


@dataclass(frozen=True)
class CodeTables:
    """What unified social credit codes are checked with."""

    uscc: UsccTable
    regions: tuple[RegionTable, ...]

    @property
    def editions(self) -> str:
        """Standards and the days of their issue, such as ``GB 32100-2015 (2015-09-17)``, each once, joined by a comma."""
        tables: tuple[UsccTable | RegionTable, ...] = (self.uscc, *self.regions)
        return ", ".join(dict.fromkeys(f"{table.standard} ({table.issued.isoformat()})" for table in tables))

    def has_region(self, code: str) -> bool:
        """Whether every table that is complete for a region's code knows it."""
        return code.isdigit() and all(code[: table.digits] in table.codes for table in self.regions if code.startswith(table.under))


@cache
def shipped_tables() -> CodeTables:
    """GB 32100-2015 and the provinces of GB/T 2260."""
    return CodeTables(read_spec(UsccTable, _shipped(_USCC)), (_region_table(_shipped("gbt2260_provinces")),))


def tables_of(project: Project) -> CodeTables:
    """The tables that a project's ``sources.toml`` names.

    Raises:
        ConfigError: A table is neither one that ships nor a file of the project.
    """
    return CodeTables(shipped_tables().uscc, tuple(_region_table(_found(name, project.folder)) for name in project.sources.regions))


def _found(name: str, folder: Path) -> Path:
    shipped = _shipped(name)
    if name.isidentifier() and shipped.is_file():
        return shipped
    own = (folder / name).resolve()
    if name.endswith(".toml") and own.is_relative_to(folder.resolve()) and own.is_file():
        return own
    there = ", ".join(sorted(path.stem for path in shipped.parent.glob("gbt2260_*.toml")))
    raise ConfigError(
        "{folder}: regions: expected one of {there}, or a TOML file of the project (got {name!r})",
        folder=folder / "sources.toml",
        there=there,
        name=name,
    )


def _shipped(name: str) -> Path:
    return Path(str(files("creditscore.records"))) / "codes" / f"{name}.toml"


@cache
def _region_table(path: Path) -> RegionTable:
    return read_spec(RegionTable, path)


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


_COMPACTED: tuple[IdScheme, ...] = ("uscc", "lei")


class Identifier:
    """Normalises and checks the ids of a project's sources, each by its scheme."""

    def __init__(self, project: Project) -> None:
        self._sources = project.sources
        self._tables = tables_of(project)

    def __call__(self, table: pa.Table, source: SourceSpec, faults: Faults) -> pa.Table:
        """The piece with ids in their plain form; faults of a subject's id are noted."""
        if "subject_id" not in table.column_names:
            return table
        scheme = source.id_scheme or self._sources.id_scheme
        ids = whole(table["subject_id"])
        if scheme in _COMPACTED:
            plain = compact(ids)
            if plain is not ids:
                faults.put_right(pc.fill_null(pc.not_equal(ids, plain), False), "subject_id: full width, lower case or spaces")
                table = table.set_column(table.schema.get_field_index("subject_id"), "subject_id", plain)
                ids = plain
        if source.table == "subjects":
            self._check(ids, whole(table["subject_type"]), scheme, faults)
        return table

    def _check(self, ids: pa.Array, types: pa.Array, scheme: IdScheme, faults: Faults) -> None:
        wrong = self._faults(ids, types, scheme)
        if self._sources.bad_id == "quarantine":
            faults.code = wrong if faults.code is None else pc.coalesce(faults.code, wrong)
            return
        for entry in pc.value_counts(wrong.drop_null()).to_pylist():
            faults.normalised[f"subject_id: {entry['values']}, kept all the same"] += entry["counts"]

    def _faults(self, ids: pa.Array, types: pa.Array, scheme: IdScheme) -> pa.Array:
        if scheme == "lei":
            return lei_faults(ids)
        if scheme != "uscc":
            return local_faults(ids, pattern=self._sources.id_pattern)
        # Practitioners are known by the number of their licence, not by a code of GB 32100.
        person = pc.fill_null(pc.equal(types, "practitioner"), False)
        by_code = pc.coalesce(uscc_faults(ids, tables=self._tables), self._bodies(ids, types))
        if not person.true_count:
            return by_code
        return pc.if_else(person, local_faults(ids, pattern=self._sources.id_pattern), by_code)

    def _bodies(self, ids: pa.Array, types: pa.Array) -> pa.Array:
        """A code of a government body or institution under the name of a market subject: never to be scored."""
        bodies = [prefix for prefix, kind in self._tables.uscc.subject_types.items() if kind in ("government", "institution")]
        of_body = pc.is_in(pc.utf8_slice_codeunits(ids, 0, 2), pa.array(bodies))
        wrong = pc.and_(of_body, pc.is_in(types, pa.array(MARKET_SUBJECTS)))
        return pc.if_else(pc.fill_null(wrong, False), pa.scalar("ID_BODY"), pa.scalar(None, pa.string()))
