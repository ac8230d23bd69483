"""A second register of subjects: fills what the first leaves missing, and stands alone where the first knows nobody.

A city's register of business has no trade-specific code; the trade's own authority has, and tells it later.
Every row of either is a statement with two days (``valid_from``, ``known_date``). At each pair of days on
which anything new could be seen, the version of a subject is the register's newest statement, its missing
columns filled with the newest values that supplements told by then: nothing known later enters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from creditscore.engine import unbound
from creditscore.records.keys import day_number
from creditscore.records.tables import StandardTable

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.engine import Engine

_KEYS = ("subject_id", "valid_from", "known_date")


def supplement_subjects(engine: Engine, subjects: StandardTable, supplements: StandardTable) -> None:
    """Replace the engine's table of subjects by its versions with the supplements' values in them."""
    register = _told(unbound(subjects.name, subjects.schema))
    added = _told(unbound(supplements.name, supplements.schema))
    versions = _versions(engine.create("subject_days", _days(register.union(added))), register, added, list(subjects.columns))
    merged = engine.create("subjects_supplemented", versions)
    engine.create(subjects.name, merged.select(list(subjects.columns)))
    engine.drop("subjects_supplemented")
    engine.drop("subject_days")


def _told(table: ir.Table) -> ir.Table:
    return table.mutate(known_date=ibis.coalesce(table.known_date, table.valid_from))


def _days(statements: ir.Table) -> ir.Table:
    """Per subject, every pair of days at which what is known of it may change."""
    one = statements.select(*_KEYS)
    other = statements.select("subject_id", other_from="valid_from", other_known="known_date")
    pairs = one.inner_join(other, "subject_id")
    since = ibis.greatest(pairs.valid_from, pairs.other_from)
    known = ibis.greatest(pairs.known_date, pairs.other_known)
    return pairs.select("subject_id", on_from=since, on_known=known).distinct()


def _versions(days: ir.Table, register: ir.Table, added: ir.Table, columns: list[str]) -> ir.Table:
    told = [name for name in columns if name not in _KEYS]
    of_register = {f"register_{name}": ibis._[name] for name in told}
    base = _newest(days, register).select("subject_id", "on_from", "on_known", **of_register)
    seen = _seen(days, added)
    age = day_number(seen.valid_from).cast("int64") * 2**32 + day_number(seen.known_date)
    newest = {f"added_{name}": seen[name].argmax(age, where=seen[name].notnull()) for name in told}
    fills = seen.group_by(["subject_id", "on_from", "on_known"]).agg(**newest)
    on = ["subject_id", "on_from", "on_known"]
    joined = days.left_join(base, on, rname="{name}_of_base").left_join(fills, on, rname="{name}_of_fills")
    values = {name: ibis.coalesce(joined[f"register_{name}"], joined[f"added_{name}"]) for name in told}
    return joined.select("subject_id", valid_from=joined.on_from, known_date=joined.on_known, **values)


def _seen(days: ir.Table, statements: ir.Table) -> ir.Table:
    pairs = days.inner_join(statements, "subject_id")
    return pairs.filter((pairs.valid_from <= pairs.on_from) & (pairs.known_date <= pairs.on_known))


def _newest(days: ir.Table, register: ir.Table) -> ir.Table:
    seen = _seen(days, register)
    place = ibis.row_number().over(
        group_by=[seen.subject_id, seen.on_from, seen.on_known], order_by=[seen.valid_from.desc(), seen.known_date.desc()]
    )
    ranked = seen.mutate(place=place)
    return ranked.filter(ranked.place == 0).drop("place")
