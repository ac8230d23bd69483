"""Rows of the register that contradict themselves: a subject that is there and has left, or has left and nobody knows when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from creditscore.config.column_rules import Constant
from creditscore.records.columns.types import one_array

if TYPE_CHECKING:
    from creditscore.config.sources import SourceSpec
    from creditscore.records.columns.types import Faults

_LEFT, _CLOSED = "deregistered", ("deregistered", "revoked")
_DATE = "deregistered_date"


def note_contradictions(subjects: pa.Table, source: SourceSpec, absent: tuple[str, ...], faults: Faults) -> None:
    """Note the rows whose status and day of deregistration cannot both be right.

    Nothing is asked of a source that has no such days, or whose status is a constant and says nothing of any subject.

    Args:
        subjects: Rows in the columns of the table.
        source: Their source.
        absent: The columns that the source does not fill.
        faults: Where the codes go.
    """
    written = any(rule.to == "status" and isinstance(rule, Constant) for rule in source.column)
    if written or _DATE in absent:
        return
    status, day = one_array(subjects["status"]), one_array(subjects[_DATE])
    known = pc.coalesce(one_array(subjects["known_date"]), one_array(subjects["valid_from"]))
    there = pc.invert(pc.is_in(status, pa.array(_CLOSED, pa.string())))
    both = pc.and_(pc.and_(there, pc.is_valid(status)), pc.fill_null(pc.less_equal(day, known), False))
    undated = pc.and_(pc.fill_null(pc.equal(status, _LEFT), False), pc.is_null(day))
    # A day that is there and cannot be read has a code of its own.
    undated = pc.and_(undated, pc.is_null(faults.codes()))
    codes = pc.if_else(both, f"CONTRADICTION:{_DATE}", pc.if_else(undated, f"MISSING:{_DATE}", pa.scalar(None, pa.string())))
    faults.note(codes, _DATE)
