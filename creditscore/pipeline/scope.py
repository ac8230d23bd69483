"""Whose rows a run keeps: of bodies and persons whom the project never scores it keeps no record.

Their ids and types alone stay in ``subjects.parquet``, so that a question about one of them is answered by what it is.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from creditscore.features.spine import scored_types
from creditscore.records.deliveries.outside import Outside

if TYPE_CHECKING:
    from creditscore.config.project import Project
    from creditscore.records.records import Records


def outside_ids(records: Records, as_of: dt.date) -> pa.Array:
    """The ids of those whom the project never scores: government bodies, institutions, persons who are not its population.

    Those whose row of the register is refused too.
    """
    return pa.array(sorted(Outside.of(records, as_of).ids), pa.string())


def outside_of(register: pa.Table, project: Project) -> pa.Array:
    """The same of a register that was read already."""
    scored = pc.is_in(register["subject_type"], pa.array(scored_types(project), pa.string()))
    return register.filter(pc.invert(scored))["subject_id"].combine_chunks()


def without_subjects(table: pa.Table, ids: pa.Array) -> pa.Table:
    """A table without the rows of some subjects."""
    return table.filter(pc.invert(pc.is_in(table["subject_id"], ids))) if len(ids) else table


def only_types(register: pa.Table, ids: pa.Array) -> pa.Table:
    """The register with nothing but id and type of some subjects."""
    outside = pc.is_in(register["subject_id"], ids)
    for position, field in enumerate(register.schema):
        if len(ids) and field.name not in ("subject_id", "subject_type"):
            cells = pc.if_else(outside, pa.scalar(None, field.type), register[field.name])
            register = register.set_column(position, field, cells)
    return register
