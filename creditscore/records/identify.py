"""Subject ids as they arrive: in their plain form everywhere; in the registers of subjects, faulty ones with their reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from creditscore.config.sources import IdScheme, SourceSpec
from creditscore.records.code_tables import tables_of
from creditscore.records.faults import Faults, whole
from creditscore.records.identity import compact, lei_faults, local_faults, uscc_faults
from creditscore.vocabulary import MARKET_SUBJECTS

if TYPE_CHECKING:
    from creditscore.config.project import Project

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
