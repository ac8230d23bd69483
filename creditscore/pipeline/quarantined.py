"""Quarantined subjects: rows of the register that were refused. They stay in every frame, so that a typo is no exemption."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from creditscore.config.sources import IdScheme
from creditscore.engine import unbound
from creditscore.records.adverse.near_codes import near_codes
from creditscore.records.columns.person_numbers import is_person_number
from creditscore.records.columns.types import one_array
from creditscore.records.deliveries.outside import never_scored
from creditscore.records.records import SUBJECT_COLUMNS, coded
from creditscore.records.standard.arrivals import ARRIVAL, source_rows
from creditscore.records.standard.contracts import refused_table
from creditscore.records.standard.keys import ids_table
from creditscore.records.standard.rejects import COPY
from creditscore.records.tables import TABLES

if TYPE_CHECKING:
    from creditscore.config.project import Project
    from creditscore.pipeline.run_folder import RunFolder
    from creditscore.records.records import Records

#: Where a quarantined subject stands, ``<source>:<row>``: what a person looks for in the delivery.
PLACE = "quarantined_at"
#: Letters of an id that can be shown and be part of a ticket.
_LONGEST_ID = 64
_CLOSED = ("revoked", "deregistered")
#: Registers (sources) name different firms under one code.
_REUSED = "ID_REUSED"
#: Codes of rows that say that a subject has left, and not when.
_UNDATED = ":deregistered_date"


@dataclass(frozen=True)
class LastKnown:
    """What the run before knew of the subjects of whom tonight's register says nothing for sure.

    Attributes:
        register: One row per subject, by id: the columns of ``subjects.parquet``.
        tiered: The ids that had a tier.
    """

    register: pd.DataFrame
    tiered: frozenset[str]

    @classmethod
    def of(cls, before: RunFolder | None, records: Records) -> LastKnown:
        """What a run knew of those whom tonight's register lacks or whose id stands in a refused row; nothing without a run."""
        if before is None or not before.has("subjects"):
            return cls(pd.DataFrame({"subject_id": []}, dtype=object), frozenset())
        engine, asked = records.engine, ids_table(records.engine, "asked_ids", _asked_ids(records))
        lacking = {}
        for name in ("subjects", "tiers"):
            path = before.file(f"{name}.parquet")
            engine.register(f"{name}_of_last_run", path)
            rows = unbound(f"{name}_of_last_run", pq.read_schema(path))
            rows = rows if name == "subjects" else rows.select("subject_id")
            absent = rows.anti_join(records.table("subject_index"), "subject_id")
            named = rows.semi_join(asked, "subject_id")
            lacking[name] = engine.query(absent.union(named, distinct=True).order_by("subject_id"))
            engine.drop(f"{name}_of_last_run")
        engine.drop("asked_ids")
        register = lacking["subjects"].to_pandas(date_as_object=True).drop_duplicates("subject_id")
        own = register[register["subject_id"] != register[PLACE]] if PLACE in register else register
        return cls(own, frozenset(lacking["tiers"]["subject_id"].to_pylist()))


def _asked_ids(records: Records) -> set[str]:
    """The ids that stand in refused rows and lines of the register."""
    codes = {code for source, row, _code in _lines(records) for code in records.line_codes.get((source, row), ())}
    return codes | set(_refused_rows(records)["subject_id"].dropna())


def _registered(records: Records, ids: Collection[str]) -> set[str]:
    """Those of some ids that tonight's register has."""
    asked = ids_table(records.engine, "asked_ids", ids)
    known = records.table("subject_index").semi_join(asked, "subject_id").select("subject_id")
    found = set(records.engine.query(known)["subject_id"].to_pylist())
    records.engine.drop("asked_ids")
    return found


def quarantined_subjects(records: Records, last: LastKnown) -> pd.DataFrame:
    """Every refused row of the register that is no copy and whose subject is not known by a good row: one subject each.

    Its id is the one of the row, if it can be part of a ticket and names one firm only. A code that cannot exist and is
    one slip away from a single firm of the run before that is absent now is that firm's, and so is a row without a
    usable id that has its name. Else the subject is called by its place, ``<source>:<row>``; so is a line that is no
    record at all, unless one right code stands in it. Where there are lines without one, firms of the run before that are
    absent now stay too: each may be one of them.
    Industry, region and so on are those of the row, else the last known ones.

    Out of scope are bodies and persons that the project never scores, by the type of the row, or without it by a right code,
    and subjects that the row says have closed, unless it lacks the day and they had a tier.

    Args:
        records: What was read.
        last: What the run before knew.

    Returns:
        One row per subject, by id: the columns of ``records.subjects_on``, ``reason`` (the code of refusal) and
        ``quarantined_at``.
    """
    rows = _in_scope(_refused_rows(records), records.project, last.tiered)
    registered = _registered(records, _asked_ids(records) | last.tiered | set(last.register["subject_id"]))
    firms = list(_firms_of(rows))
    naming = _Naming(records.project, last, registered | set(rows["subject_id"].dropna()))
    shared = pd.Series([firm["subject_id"] for firm in firms], dtype=object).value_counts()
    subjects: dict[str, dict[str, object]] = {}
    for firm in firms:
        subject_id = naming.id_of(firm, alone=shared.get(firm["subject_id"], 0) == 1)
        if subject_id in subjects:
            subject_id = _stand_in(str(firm[PLACE]))
        subjects[subject_id] = {**firm, "subject_id": subject_id}
    lines: list[dict[str, object]] = [{PLACE: f"{source}:{row}", "reason": code} for source, row, code in _lines(records)]
    unread = []
    for line in lines:
        source, _mark, row = str(line[PLACE]).rpartition(":")
        codes = records.line_codes.get((source, int(row)), ())
        if len(codes) == 1 and codes[0] in registered:
            continue  # a good row of the subject is there
        subject_id = codes[0] if len(codes) == 1 and codes[0] not in subjects else _stand_in(str(line[PLACE]))
        unread += [line] * (subject_id not in codes)
        subjects[subject_id] = {**line, "subject_id": subject_id}
    if unread:
        absent = last.register[last.register["subject_id"].isin(last.tiered - registered - subjects.keys())]
        for subject_id in sorted(absent["subject_id"]):
            subjects[subject_id] = {**unread[0], "subject_id": subject_id}
    columns = [*SUBJECT_COLUMNS, "reason", PLACE]
    frame = pd.DataFrame(list(subjects.values()), columns=columns, dtype=object)
    return _with_last_facts(frame.sort_values("subject_id", ignore_index=True), last)


def _refused_rows(records: Records) -> pd.DataFrame:
    """Refused rows of the register and its supplements without those of known subjects: columns of subjects, reason, place."""
    supplements = {source.name for source in records.project.sources.source if source.supplement}
    parts = []
    for name, supplementary in (("subjects", False), ("supplements", True)):
        arrivals = [one for one in records.arrivals if one.table == "subjects" and (one.source in supplements) == supplementary]
        if not arrivals:
            continue
        refused = refused_table(TABLES["subjects"], name)
        bad = refused.filter(refused.code != COPY).mutate(industry=coded(refused.industry), region=coded(refused.region))
        known = records.table("subject_index").select(known_id="subject_id")
        joined = bad.left_join(known, bad.subject_id == known.known_id)
        unknown = joined.filter(joined.known_id.isnull()).select(ARRIVAL, "code", "valid_from", *SUBJECT_COLUMNS)
        rows = records.engine.query(unknown.order_by(ARRIVAL))
        if rows.num_rows:
            sources, numbers = source_rows(arrivals, one_array(rows[ARRIVAL]))
            places = pc.binary_join_element_wise(sources, pc.cast(numbers, pa.string()), ":")
            parts.append(rows.append_column(PLACE, places).to_pandas(date_as_object=True))
    columns = [ARRIVAL, "code", "valid_from", *SUBJECT_COLUMNS, PLACE]
    both = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns, dtype=object)
    both = both.astype(object).where(both.notna(), None)
    return both.rename(columns={"code": "reason"})


def _lines(records: Records) -> list[tuple[str, int, str]]:
    """Source, row and code of the lines of the register that are no record at all: their reject has no key."""
    rejects = records.rejects
    chosen = pc.and_(pc.equal(rejects["table"], "subjects"), pc.equal(rejects["scope"], "row"))
    rows = rejects.filter(pc.and_(chosen, pc.equal(rejects["key"], ""))).select(["source", "row", "code"])
    return list(zip(*(column.to_pylist() for column in rows.columns), strict=True))


def _in_scope(rows: pd.DataFrame, project: Project, tiered: Collection[str]) -> pd.DataFrame:
    """Without the rows of bodies and persons that the project never scores, and of subjects that have closed.

    Of one that had a tier nobody knows whether it has left on a day that its row does not tell.
    """
    undated = rows["reason"].str.endswith(_UNDATED) & rows["subject_id"].isin(tiered)
    closed = rows["status"].isin(_CLOSED) & ~undated
    return rows[~never_scored(rows, project) & ~closed]


def _firms_of(rows: pd.DataFrame) -> Iterator[dict[str, object]]:
    """The newest row of each firm.

    Rows without an id are a firm each. Those of one id are versions of one firm, unless they disagree on the day of
    registration or the type, or on the name on one day.
    """
    several = rows["subject_id"].notna() & rows["subject_id"].duplicated(keep=False)
    yield from ({str(name): value for name, value in row.items()} for row in rows[~several].to_dict("records"))
    for _id, versions in rows[several].groupby("subject_id", sort=True):
        for _key, alike in versions.groupby(["registered_date", "subject_type"], sort=False, dropna=False):
            names = alike.groupby("valid_from", dropna=False)["name"].nunique()
            if (names > 1).any() or (alike["reason"] == _REUSED).any():
                yield from (_newest(own) for _name, own in alike.groupby("name", sort=False, dropna=False))
            else:
                yield _newest(alike)


def _newest(versions: pd.DataFrame) -> dict[str, object]:
    """The newest version of a firm; one whose day cannot be read counts as the newest."""
    ordered = versions.sort_values(["valid_from", ARRIVAL], na_position="last", kind="stable")
    return {str(name): value for name, value in ordered.iloc[-1].items()}


class _Naming:
    """What a quarantined firm is called."""

    def __init__(self, project: Project, last: LastKnown, present: set[str]) -> None:
        self._scheme: IdScheme = project.sources.id_scheme
        self._names = last.register.set_index("subject_id").get("name", pd.Series(dtype=object))
        absent = last.register[last.register["subject_id"].isin(last.tiered - present)]
        self._absent, self._known = set(absent["subject_id"]), last.tiered
        self._by_name: dict[str, set[str]] = {}
        for subject_id, name in zip(absent["subject_id"], absent.get("name", absent["subject_id"]), strict=True):
            if isinstance(name, str):
                self._by_name.setdefault(name, set()).add(subject_id)

    def id_of(self, firm: dict[str, object], *, alone: bool) -> str:
        """The id of a firm: that of the run before, its own if it is ``alone`` to have it, else its place."""
        own, name, place = firm["subject_id"], firm["name"], str(firm[PLACE])
        usable = isinstance(own, str) and _can_be_drawn(own)
        if usable and (alone or (isinstance(name, str) and self._names.get(own) == name)):
            assert isinstance(own, str)  # noqa: S101 - for mypy
            near = set() if own in self._known else near_codes(own, self._scheme) & self._absent
            return near.pop() if len(near) == 1 else own
        named = self._by_name.get(name, set()) if isinstance(name, str) else set()
        if len(named) == 1 and not usable:
            return min(named)
        return _stand_in(place)


def _stand_in(place: str) -> str:
    """A place as it may be part of a ticket."""
    return "".join(sign if sign.isprintable() and sign != "|" else "_" for sign in place)


def _can_be_drawn(subject_id: str) -> bool:
    """Whether an id can be shown and be part of a ticket: printable, without ``|``, with a digit, and nobody's own number."""
    plain = subject_id.isprintable() and "|" not in subject_id and len(subject_id) <= _LONGEST_ID
    return plain and any(sign.isdigit() for sign in subject_id) and not is_person_number(subject_id)


def _with_last_facts(subjects: pd.DataFrame, last: LastKnown) -> pd.DataFrame:
    """What the rows do not say, as the run before knew it."""
    known = last.register.set_index("subject_id")
    filled = subjects.copy()
    for name in SUBJECT_COLUMNS:
        if name in known:
            theirs = subjects["subject_id"].map(known[name])
            filled[name] = subjects[name].where(subjects[name].notna(), theirs)
    return filled.astype(object).where(filled.notna(), None)
