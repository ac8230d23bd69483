"""Whether what was delivered is too old for a rating: the newest day of each declared source against the project's limit for it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

import ibis

from creditscore.config.project import DAYS_OF_TABLES
from creditscore.errors import DataError
from creditscore.language import Text, _
from creditscore.records.deliveries.findings import Finding, Level
from creditscore.records.standard.arrivals import source_number
from creditscore.records.standard.contracts import arrived_table
from creditscore.records.tables import TABLES

if TYPE_CHECKING:
    from creditscore.config.project import MaxAge
    from creditscore.records.records import Records


class SourceAge(NamedTuple):
    """The newest day that a source tells of, None where it has no row known by the day, and the limit in force, if there is one."""

    source: str
    table: str
    newest: dt.date | None
    rule: MaxAge | None

    def too_old(self, as_of: dt.date) -> bool:
        """Whether the limit is broken; a source without any row breaks every limit."""
        return self.rule is not None and (self.newest is None or (as_of - self.newest).days > self.rule.days)


def source_ages(records: Records, as_of: dt.date) -> list[SourceAge]:
    """How old each declared source is that has days, in the order of ``sources.toml``; days after ``as_of`` are not yet known.

    Rows that were refused, or carried forward from the last reading, make no source newer.
    """
    limits = {rule.source: rule for rule in records.project.about.ages_on(as_of)}
    declared = [source for source in records.project.sources.source if source.table in DAYS_OF_TABLES and not source.supplement]
    newest = {table: _newest(records, table, as_of) for table in dict.fromkeys(source.table for source in declared)}
    return [SourceAge(one.name, one.table, newest[one.table].get(one.name), limits.get(one.name)) for one in declared]


def _newest(records: Records, table: str, as_of: dt.date) -> dict[str, dt.date]:
    """The newest day of each source of a table."""
    sources = records.arrivals_of(table)
    if not sources or not records.outcomes[table].kept:
        return {}
    rows = arrived_table(TABLES[table])
    day = ibis.coalesce(*(rows[name] for name in DAYS_OF_TABLES[table]))
    dated = rows.select(number=source_number(rows, sources), day=day)
    known = dated.filter(dated.day <= as_of).group_by("number").agg(newest=ibis._.day.max())
    return {sources[row["number"]].source: row["newest"] for row in records.engine.query(known).to_pylist()}


def refuse_old_data(records: Records, as_of: dt.date) -> None:
    """Refuse a night on data that are older than the project allows: the last good tiers stay in force.

    Raises:
        DataError: The newest day of a source lies too long before the day, or it has none: every such source with its newest
            day, its limit and the rule.
    """
    old = [_sentence(one, as_of) for one in source_ages(records, as_of) if one.too_old(as_of)]
    if old:
        raise DataError(
            "{sources}. Nobody is rated on data that are old or absent: deliver newer data. The tiers of the last run stay in "
            "force",
            sources=reduce(lambda first, second: _("{first}; {second}", first=first, second=second), old),
        )


def _sentence(one: SourceAge, as_of: dt.date) -> Text:
    assert one.rule is not None  # noqa: S101 - for mypy
    limit = {"source": one.source, "as_of": as_of, "days": one.rule.days, "effective": one.rule.effective, "basis": one.rule.basis}
    if one.newest is None:
        return _(
            'source "{source}": expected records known by {as_of} and no older than {days} days (rule of {effective}: {basis}), '
            "there are none",
            **limit,
        )
    return _(
        'source "{source}": expected records no older than {days} days (rule of {effective}: {basis}), the newest was known on '
        "{newest}, {age} days before {as_of}",
        newest=one.newest, age=(as_of - one.newest).days, **limit,
    )  # fmt: skip


def age_findings(records: Records, as_of: dt.date, ages: Sequence[SourceAge]) -> list[Finding]:
    """The newest day of every source with its limit; limits that are missing or that stop nothing.

    Args:
        records: What arrived.
        as_of: The day.
        ages: How old each source is that day, as :func:`source_ages` tells it.
    """
    optional = {source.name for source in records.project.sources.source if source.optional}
    some = bool(records.project.about.max_age)
    months = max((feature.months or 0 for feature in records.project.features), default=0)
    findings = []
    for one in ages:
        newest: Text = _("none") if one.newest is None else one.newest.isoformat()
        level: Level = "info"
        if one.rule is None:
            rule = _("newest day {newest}, and no limit of age in project.toml", newest=newest)
            level = "warning" if some and one.source not in optional else "info"
        else:
            rule = _("newest day {newest}, limit {days} days", newest=newest, days=one.rule.days)
            level = "error" if one.too_old(as_of) else "info"
            if 0 < months * 28 < one.rule.days:
                idle = _("a limit of {days} days is longer than any feature looks back: it stops nothing", days=one.rule.days)
                findings.append(Finding("age", one.table, idle, one.source, 1, level="warning"))
        findings.append(Finding("age", one.table, rule, one.source, 1, level=level))
    return findings
