"""Rows that wait for the register: their code is right, and the register's own row of that subject is refused.

Their sender can do nothing about them. They are quarantined like other rows of an unknown subject, and count once the
register is mended.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from creditscore.records.columns.types import one_array
from creditscore.records.standard.identity import ID_FAULTS

_UNKNOWN = "UNKNOWN_SUBJECT"


def refused_subjects(rejects: pa.Table) -> dict[str, str]:
    """The subjects of refused rows of the register whose code is right, each with the source of its first such row."""
    rows = rejects.filter(pc.and_(pc.equal(rejects["table"], "subjects"), pc.equal(rejects["scope"], "row")))
    names = [code.partition(":")[0] for code in rows["code"].to_pylist()]
    found: dict[str, str] = {}
    for key, source, name in zip(rows["key"].to_pylist(), rows["source"].to_pylist(), names, strict=True):
        subject = key.partition("|")[0]
        if subject and name not in ID_FAULTS:
            found.setdefault(subject, source)
    return found


def wait_for_register(rejects: pa.Table, register: pa.Table | None = None) -> pa.Array:
    """Whether each reject waits for the register.

    Args:
        rejects: Rejects with their code and text.
        register: Those of the register; without it they are among the others.
    """
    refused = pa.array(sorted(refused_subjects(rejects if register is None else register)), pa.string())
    return pc.and_(pc.equal(one_array(rejects["code"]), _UNKNOWN), pc.is_in(one_array(rejects["text"]), refused))
