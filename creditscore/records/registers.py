"""What shows only between the rows of registers: one code on several subjects, and one subject with several codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from creditscore.records.stream import ARRIVAL, Arrival

if TYPE_CHECKING:
    import ibis.expr.types as ir

_SHARED, _REUSED = "ID_SHARED", "ID_REUSED"


def shared_codes(rows: ir.Table, arrivals: list[Arrival]) -> ir.Table:
    """All rows of codes that stand for more than one subject: ``arrival``, ``why``.

    ``ID_REUSED``: registers (sources) name different subjects under it. ``ID_SHARED``: its rows disagree on
    the day of registration or the type of subject, neither of which changes with a new version. Which of
    them is right no rule can tell, so every row is quarantined.
    """
    register = _register(rows, arrivals)
    numbered = rows.select(ARRIVAL, "subject_id", "name", "registered_date", "subject_type", register=register)
    codes = numbered.group_by("subject_id").agg(
        dates=numbered.registered_date.nunique(),
        types=numbered.subject_type.nunique(),
        names=numbered.name.nunique(),
        registers=numbered.register.nunique(),
    )
    reused = (codes.registers > 1) & (codes.names > 1)
    bad = codes.filter(reused | (codes.dates > 1) | (codes.types > 1))
    why = ibis.ifelse((bad.registers > 1) & (bad.names > 1), ibis.literal(_REUSED), ibis.literal(_SHARED))
    return numbered.inner_join(bad.select("subject_id", why=why), "subject_id").select(ARRIVAL, "why")


def _register(rows: ir.Table, arrivals: list[Arrival]) -> ir.IntegerValue:
    """The place of a row's source, by the number of its first row."""
    branches = [(rows[ARRIVAL] > arrival.first, place) for place, arrival in reversed(list(enumerate(arrivals)))]
    return ibis.cases(*branches, else_=0).cast("int32") if branches else ibis.literal(0, "int32")


def several_codes(subjects: ir.Table) -> ir.Table:
    """One row per code of a subject that has several: subject_id, name, region, registered_date.

    The same name, registered on the same day in the same region as the same type, is taken for one
    subject. It is a finding to look into, no proof, so nothing is quarantined.
    """
    keys = ["name", "region", "registered_date", "subject_type"]
    told = subjects.filter(subjects.name.notnull() & subjects.registered_date.notnull()).select("subject_id", *keys).distinct()
    several = told.group_by(keys).agg(codes=told.subject_id.nunique()).filter(ibis._.codes > 1)
    return told.semi_join(several, keys).select("subject_id", "name", "region", "registered_date")
