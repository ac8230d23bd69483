"""Bodies and persons whom the project never scores: their rows are counted, and their keys are shown to nobody but the sender."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

import ibis
import pandas as pd
import pyarrow as pa

from creditscore.records.standard.arrivals import ARRIVAL, FIELDS, source_rows
from creditscore.records.standard.contracts import arrived_table, refused_table
from creditscore.records.standard.identity import Identifier, shipped_tables
from creditscore.records.tables import TABLES
from creditscore.vocabulary import MARKET_SUBJECTS, SUBJECT_TYPES

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.project import Project
    from creditscore.records.records import Records

#: What stands for a key that is not shown.
NOT_SHOWN = "*"
_IDS = "outside_ids"
#: Tables of rows about a subject, other than the register.
_ABOUT = tuple(name for name, table in TABLES.items() if name != "subjects" and "subject_id" in table.columns)


@dataclass(frozen=True)
class Outside:
    """Whom a project never scores, as far as a delivery names them.

    Attributes:
        ids: Their ids, those of refused rows of the register too.
        places: Source and row of each faulty row about them.
    """

    ids: frozenset[str]
    places: frozenset[tuple[str, int]]

    @classmethod
    def of(cls, records: Records, as_of: dt.date) -> Outside:
        """Those of a delivery on a day.

        Args:
            records: The delivery.
            as_of: The day; without a version on it, of a good row nobody is outside.
        """
        known = _known(records, as_of)
        refused = _refused_rows(records)
        refused = refused[never_scored(refused, records.project)]
        ids = known | set(refused["subject_id"].dropna())
        places = set(zip(refused["source"], refused["row"], strict=True))
        if ids and records.rejects.num_rows:
            records.engine.register(_IDS, pa.table({"subject_id": pa.array(sorted(ids), pa.string())}))
            for name in _ABOUT:
                places |= _faulty_places(records, name)
            records.engine.drop(_IDS)
        return cls(frozenset(ids), frozenset(places))

    def hides(self, reject: Mapping[str, object]) -> bool:
        """Whether a reject is about one of them."""
        return (reject["source"], reject["row"]) in self.places

    def masked(self, rejects: pd.DataFrame) -> pd.DataFrame:
        """Rejects without the keys and cells of theirs: place, code and count stay."""
        if not self.places or rejects.empty:
            return rejects
        places = zip(rejects["source"].tolist(), rejects["row"].tolist(), strict=True)
        theirs = pd.Series([place in self.places for place in places], index=rejects.index, dtype=bool)
        cells = {name: rejects[name].mask(theirs, NOT_SHOWN) for name in ("key", "text")}
        return rejects.assign(**cells)


def never_scored(rows: pd.DataFrame, project: Project) -> pd.Series:
    """Which rows of the register are about bodies and persons that a project never scores: by type, else by a right code."""
    others = rows["subject_type"].isin([kind for kind in SUBJECT_TYPES if kind not in project.about.scored_types])
    typed = rows["subject_type"].isin(SUBJECT_TYPES)
    bodies = {prefix for prefix, kind in shipped_tables().uscc.subject_types.items() if kind not in MARKET_SUBJECTS}
    scheme = project.sources.id_scheme
    ids = {code for code in rows["subject_id"] if code}
    right = ids - Identifier(project).faulty(ids, scheme) if scheme == "uscc" else set()
    of_body = rows["subject_id"].map(lambda code: code in right and code[:2] in bodies).astype(bool)
    return others | (of_body & ~typed)


def _known(records: Records, as_of: dt.date) -> set[str]:
    """The ids of good rows about bodies and others whom the project never scores."""
    versions = records.versions_on(as_of)
    others = versions.filter(~versions.subject_type.isin(records.project.about.scored_types)).select("subject_id")
    return set(records.engine.query(others)["subject_id"].to_pylist())


def _refused_rows(records: Records) -> pd.DataFrame:
    """Refused rows of the register that may be about them, of subjects without a good row: subject_id, subject_type, place."""
    supplements = {source.name for source in records.project.sources.source if source.supplement}
    parts = [pd.DataFrame({name: pd.Series(dtype=object) for name in ("subject_id", "subject_type", "source", "row")})]
    for name, supplementary in (("subjects", False), ("supplements", True)):
        arrivals = [one for one in records.arrivals if one.table == "subjects" and (one.source in supplements) == supplementary]
        if not arrivals:
            continue
        refused, known = refused_table(TABLES["subjects"], name), records.table("subject_index").select(known_id="subject_id")
        scored = refused.subject_type.isin(records.project.about.scored_types).fill_null(False)
        bad = refused.filter(~scored)
        joined = bad.left_join(known, bad.subject_id == known.known_id)
        rows = records.engine.query(joined.filter(joined.known_id.isnull()).select(ARRIVAL, "subject_id", "subject_type"))
        if rows.num_rows:
            sources, numbers = source_rows(arrivals, rows[ARRIVAL].combine_chunks())
            frame = rows.drop_columns([ARRIVAL]).to_pandas().astype(object)
            parts.append(frame.assign(source=sources.to_pylist(), row=numbers.to_pylist()))
    both = pd.concat(parts, ignore_index=True)
    return both.where(both.notna(), None)


def _faulty_places(records: Records, name: str) -> set[tuple[str, int]]:
    """Source and row of the refused rows, and of rows with refused values, about subjects of the registered ids."""
    table, arrivals = TABLES[name], records.arrivals_of(name)
    if not arrivals:
        return set()
    theirs: ir.Table = ibis.table({"subject_id": "string"}, name=_IDS)
    found = [
        records.engine.query(rows.filter(wrong).semi_join(theirs, "subject_id").select(ARRIVAL))
        for rows in (refused_table(table), arrived_table(table))
        for wrong in (rows.code.notnull() | rows[FIELDS].notnull(),)
    ]
    places = [source_rows(arrivals, part[ARRIVAL].combine_chunks()) for part in found if part.num_rows]
    pairs = [set(zip(sources.to_pylist(), rows.to_pylist(), strict=True)) for sources, rows in places]
    return reduce(or_, pairs, set())
