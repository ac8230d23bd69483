"""Ids of subjects: brought into one form in every table, and checked in the registers of subjects.

Unified social credit codes are checked by GB 32100 and GB 11714, against tables of authorities and regions.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator
from stdnum import lei

from creditscore.config.sources import IdScheme, SourceSpec
from creditscore.config.spec import Day, Items, Label, Spec, read_spec
from creditscore.dataframes import Flags
from creditscore.errors import ConfigError
from creditscore.language import _
from creditscore.records.columns.person_numbers import holds_resident_number, is_resident_number
from creditscore.records.columns.types import Distinct, Faults, half_width_codes, one_array, text_bytes
from creditscore.records.tables import COLUMN_WORDS
from creditscore.vocabulary import MARKET_SUBJECTS

if TYPE_CHECKING:
    from creditscore.config.project import Project

#: The signs of a unified social credit code in order of their values, 0 to 30.
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_VALUE = np.full(256, -1, dtype=np.int64)
_VALUE[np.frombuffer(ALPHABET.encode(), dtype=np.uint8)] = np.arange(31)
_WEIGHTS = np.array([pow(3, i, 31) for i in range(17)])
_ORGANISATION_WEIGHTS = np.array([3, 7, 9, 10, 5, 8, 4, 2])
_LENGTH = 18
_PLAIN = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOCAL = re.compile(r"[A-Za-z0-9_.-]{1,64}")
#: What a spreadsheet makes of a long number: digits are lost for good.
_AS_NUMBER = r"^[0-9](\.[0-9]+)?E\+?[0-9]+$"
_REGION_DIGITS = re.compile(r"[0-9]{2,6}")
_USCC_TABLE, _PROVINCES = "gb32100_2015", "gbt2260_provinces"
#: Ids of these schemes have one form; ids of a project's own are left as they are.
_COMPACTED: tuple[IdScheme, ...] = ("uscc", "lei")
#: Faults of a unified social credit code; of several the first one is noted.
ID_FAULTS = (
    "ID_MISSING", "ID_OLD_NUMBER", "ID_SPREADSHEET", "ID_LENGTH", "ID_RESIDENT_NUMBER", "ID_ALPHABET", "ID_CHECK_DIGIT",
    "ID_AUTHORITY", "ID_CATEGORY", "ID_REGION", "ID_ORGANISATION_DIGIT",
)  # fmt: skip


class _Category(Spec):
    """A kind of body that an authority registers: the second character of a code."""

    code: str = Field(min_length=1, max_length=1)
    label: Label
    #: The type of a subject with this character, if it is certain. A subject whose code shows a government body is never
    #: scored.
    subject_type: str = ""


class _Authority(Spec):
    """An authority that registers: the first character of a code."""

    code: str = Field(min_length=1, max_length=1)
    label: Label
    basis: str
    category: Items[_Category] = Field(min_length=1)


class UsccTable(Spec):
    """Registering authorities and categories of GB 32100."""

    standard: str
    issued: Day
    basis: str
    authority: Items[_Authority] = Field(min_length=1)

    @property
    def subject_types(self) -> dict[str, str]:
        """What the first two characters of a code say of the subject, where they are certain."""
        return {a.code + c.code: c.subject_type for a in self.authority for c in a.category if c.subject_type}


class _Region(Spec):
    """A region; one that was renamed or merged stays in the table, since codes are for life."""

    code: str
    name: str
    #: The year in which it ended.
    until: int | None = None


class RegionTable(Spec):
    """Regions of GB/T 2260: complete for codes that start with ``under``, at a number of digits.

    A region whose code starts with ``under`` must have its first ``digits`` digits in the table. Tables
    are checked one after another: provinces first, then the prefectures of one, then its counties.
    """

    standard: str
    issued: Day
    basis: str
    under: str = ""
    digits: int = Field(ge=2, le=6)
    region: Items[_Region] = Field(min_length=1)

    @model_validator(mode="after")
    def _codes_fit(self) -> RegionTable:
        for region in self.region:
            fits = _REGION_DIGITS.fullmatch(region.code) and len(region.code) == self.digits and region.code.startswith(self.under)
            if not fits:
                raise ValueError(f'expected codes of {self.digits} digits that start with "{self.under}" (got "{region.code}")')
        return self

    @property
    def codes(self) -> frozenset[str]:
        """The codes at this table's digits."""
        return frozenset(region.code for region in self.region)


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
    return CodeTables(read_spec(UsccTable, _shipped(_USCC_TABLE)), (_region_table(_shipped(_PROVINCES)),))


def tables_of(project: Project) -> CodeTables:
    """The tables that a project's ``sources.toml`` names.

    Raises:
        ConfigError: A table is neither one that ships nor a file of the project.
    """
    folder, tables = project.folder.resolve(), []
    for name in project.sources.regions:
        path, own = _shipped(name), (project.folder / name).resolve()
        if not (name.isidentifier() and path.is_file()):
            if not (name.endswith(".toml") and own.is_relative_to(folder) and own.is_file()):
                raise ConfigError(
                    "{file}: regions: expected one of {tables}, or a TOML file of the project (got {name!r})",
                    file=project.folder / "sources.toml",
                    tables=", ".join(sorted(table.stem for table in path.parent.glob("gbt2260_*.toml"))),
                    name=name,
                )
            path = own
        tables.append(_region_table(path))
    return CodeTables(shipped_tables().uscc, tuple(tables))


def _shipped(name: str) -> Path:
    return Path(str(files("creditscore.records"))) / "codes" / f"{name}.toml"


@cache
def _region_table(path: Path) -> RegionTable:
    return read_spec(RegionTable, path)


def compact(ids: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Ids in one form: half width (NFKC), upper case, no spaces or hyphens; "" becomes missing."""
    ids = one_array(ids)
    if len(ids) == ids.null_count:
        return ids
    # One look at all letters at once finds that most pieces need no change.
    if not text_bytes(ids).tobytes().translate(None, delete=_PLAIN) and pc.min(pc.binary_length(ids)).as_py() > 0:
        return ids
    odd = pc.fill_null(pc.match_substring_regex(ids, "[^0-9A-Z]|^$"), False)
    distinct = Distinct(ids.filter(odd))
    plain = [re.sub(r"[\s\u200b-]", "", unicodedata.normalize("NFKC", text)).upper() or None for text in distinct.values]
    return pc.replace_with_mask(ids, odd, distinct.spread(plain, pa.string()))


def uscc_faults(ids: pa.Array, *, tables: CodeTables | None = None) -> pa.Array:
    """The fault of each unified social credit code: one of :data:`ID_FAULTS`, or missing where there is none.

    Args:
        ids: Codes after :func:`compact`.
        tables: Authorities, categories and regions; by default those that ship (regions: provinces only).
    """
    length = pc.fill_null(pc.utf8_length(ids), 0)
    fault = pc.if_else(pc.equal(length, _LENGTH), pa.scalar(None, pa.string()), pa.scalar("ID_LENGTH"))
    for code, holds in (
        ("ID_SPREADSHEET", pc.match_substring_regex(ids, _AS_NUMBER)),
        ("ID_OLD_NUMBER", pc.match_substring_regex(ids, "^[0-9]{15}$")),
        ("ID_MISSING", pc.equal(length, 0)),
    ):
        fault = pc.if_else(pc.fill_null(holds, False), pa.scalar(code), fault)
    complete = pc.is_null(fault)
    return pc.replace_with_mask(fault, complete, _faults_of_complete_codes(ids.filter(complete), tables or shipped_tables()))


def _faults_of_complete_codes(ids: pa.Array, tables: CodeTables) -> pa.Array:
    """The faults of codes of 18 signs."""
    ascii_only = pc.equal(pc.binary_length(ids), _LENGTH)
    letters = text_bytes(ids.filter(ascii_only)).reshape(-1, _LENGTH)
    values = _VALUE[letters]
    authorities = [ord(authority.code) for authority in tables.uscc.authority]
    pairs = [ord(a.code) * 256 + ord(category.code) for a in tables.uscc.authority for category in a.category]
    regions, rows = np.unique(np.ascontiguousarray(letters[:, 2:8]).view("S6").ravel(), return_inverse=True)
    known = np.array([tables.has_region(region.decode()) for region in regions.tolist()], dtype=bool)
    wrong = {
        "ID_ALPHABET": (values < 0).any(axis=1),
        "ID_CHECK_DIGIT": -(values[:, :17] @ _WEIGHTS) % 31 != values[:, 17],
        "ID_AUTHORITY": ~np.isin(letters[:, 0], authorities),
        "ID_CATEGORY": ~np.isin(letters[:, 0].astype(np.int32) * 256 + letters[:, 1], pairs),
        "ID_REGION": ~known[rows] if len(known) else np.zeros(0, dtype=bool),
        "ID_ORGANISATION_DIGIT": ~_organisation_digit_holds(letters),
    }
    codes = np.full(len(letters), -1, dtype=np.int8)
    for code, holds in wrong.items():
        codes[(codes < 0) & holds] = ID_FAULTS.index(code)
    # Some registers have the owner's ID number in place of a code: the name of this fault keeps it out of every list.
    for row in np.flatnonzero(np.isin(codes, [ID_FAULTS.index("ID_ALPHABET"), ID_FAULTS.index("ID_CHECK_DIGIT")])):
        if is_resident_number(letters[row].tobytes().decode()):
            codes[row] = ID_FAULTS.index("ID_RESIDENT_NUMBER")
    fault = pa.array(ID_FAULTS).take(pa.array(codes, mask=codes < 0))
    return fault if len(fault) == len(ids) else pc.replace_with_mask(pa.array(["ID_ALPHABET"] * len(ids)), ascii_only, fault)


def _organisation_digit_holds(letters: npt.NDArray[np.uint8]) -> Flags:
    """GB 11714: letters count A = 10 ... Z = 35 without gaps, unlike the alphabet of the whole code; X stands for 10."""
    points = letters[:, 8:17].astype(np.int64)
    own = np.where(points >= ord("A"), points - ord("A") + 10, points - ord("0"))
    expected = (11 - own[:, :8] @ _ORGANISATION_WEIGHTS % 11) % 11
    holds: Flags = expected == np.where(letters[:, 16] == ord("X"), 10, own[:, 8])
    return holds


class Identifier:
    """Normalises and checks the ids of a project's sources, each by its scheme.

    Raises:
        ConfigError: A table of regions is missing.
    """

    def __init__(self, project: Project) -> None:
        self._sources = project.sources
        self._tables = tables_of(project)

    def __call__(self, table: pa.Table, source: SourceSpec, faults: Faults) -> pa.Table:
        """The piece with its ids in one form; faults of a subject's id are noted."""
        if "subject_id" not in table.column_names:
            return table
        scheme = source.id_scheme or self._sources.id_scheme
        ids = one_array(table["subject_id"])
        if scheme in _COMPACTED:
            plain = compact(ids)
            if plain is not ids:
                faults.put_right(
                    pc.not_equal(ids, plain), _("{column}: full width, lower case or spaces", column=COLUMN_WORDS["subject_id"])
                )
                table = table.set_column(table.schema.get_field_index("subject_id"), "subject_id", plain)
                ids = plain
        else:
            plain = half_width_codes(ids, "subject_id", faults)
            table = table.set_column(table.schema.get_field_index("subject_id"), "subject_id", plain)
            ids = plain
        if source.table != "subjects":
            return table
        wrong = self._faults(ids, one_array(table["subject_type"]), scheme)
        if self._sources.bad_id == "quarantine":
            faults.note(wrong, "subject_id")
        else:
            for entry in pc.value_counts(wrong.drop_null()).to_pylist():
                kept = _("{column}: {code}, kept all the same", column=COLUMN_WORDS["subject_id"], code=entry["values"])
                faults.normalised[kept] += entry["counts"]
        return table

    def faulty(self, ids: Iterable[str], scheme: IdScheme) -> set[str]:
        """The ids that cannot be right, by themselves and whoever they name."""
        codes = pa.array(sorted(set(ids)), pa.string())
        wrong = pc.is_valid(self._faults(codes, pa.nulls(len(codes), pa.string()), scheme))
        return set(codes.filter(wrong).to_pylist())

    def _faults(self, ids: pa.Array, types: pa.Array, scheme: IdScheme) -> pa.Array:
        if scheme == "lei":
            return pa.array([_lei_fault(text) for text in ids.to_pylist()], pa.string())
        if scheme != "uscc":
            return self._local_faults(ids)
        # A code of a government body or institution under a market subject's name: such a body is never scored.
        bodies = [prefix for prefix, kind in self._tables.uscc.subject_types.items() if kind in ("government", "institution")]
        of_body = pc.is_in(pc.utf8_slice_codeunits(ids, 0, 2), pa.array(bodies))
        body_as_market = pc.fill_null(pc.and_(of_body, pc.is_in(types, pa.array(MARKET_SUBJECTS))), False)
        body_fault = pc.if_else(body_as_market, pa.scalar("ID_BODY"), pa.scalar(None, pa.string()))
        by_code = pc.coalesce(uscc_faults(ids, tables=self._tables), body_fault)
        # Practitioners are known by the number of their licence, not by a code of GB 32100.
        person = pc.fill_null(pc.equal(types, "practitioner"), False)
        return pc.if_else(person, self._local_faults(ids), by_code) if person.true_count else by_code

    def _local_faults(self, ids: pa.Array) -> pa.Array:
        """Faults of ids by the project's ``id_pattern``, by default 1-64 letters, digits, ``_``, ``.`` and ``-``."""
        pattern = self._sources.id_pattern
        shape, code = (re.compile(pattern), "ID_PATTERN") if pattern else (_LOCAL, "ID_ALPHABET")

        def fault(text: str | None) -> str | None:
            if not text:
                return "ID_MISSING"
            # Certificates of some trades are numbered by a letter and their holder's ID number.
            if holds_resident_number(text):
                return "ID_RESIDENT_NUMBER"
            return None if shape.fullmatch(text) else code

        return pa.array([fault(text) for text in ids.to_pylist()], pa.string())


def _lei_fault(text: str | None) -> str | None:
    """The fault of a legal entity identifier (ISO 17442): missing, length, or the check by ISO 7064 mod 97-10."""
    if not text:
        return "ID_MISSING"
    if len(text) != 20:
        return "ID_LENGTH"
    return None if lei.is_valid(text) else "ID_CHECK_DIGIT"
