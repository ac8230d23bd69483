"""Whether what was delivered is too old for a rating: the newest record of each source block against the project's limit."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from creditscore.errors import DataError

if TYPE_CHECKING:
    from creditscore.config.project import MaxAge
    from creditscore.records.records import Records
    from creditscore.vocabulary import Source


def refuse_old_data(records: Records, as_of: dt.date) -> None:
    """Refuse a night on data that are older than the project allows: the last good tiers stay in force.

    Raises:
        DataError: The newest record of a block was known too long before the day, or there is none.
    """
    for rule in records.project.about.ages_on(as_of):
        newest = _newest(records, rule.source, as_of)
        if newest is None or (as_of - newest).days > rule.days:
            raise _refusal(rule, newest, as_of)


def _refusal(rule: MaxAge, newest: dt.date | None, as_of: dt.date) -> DataError:
    if newest is None:
        return DataError(
            "{source}: expected records known by {as_of} (got none), since project.toml limits their age to {days} days ({basis}); "
            "nobody is rated on data that are absent: deliver them",
            source=rule.source,
            as_of=as_of,
            days=rule.days,
            basis=rule.basis,
        )
    return DataError(
        "{source}: expected records of the last {days} days ({basis}), the newest was known on {newest}, {age} days before "
        "{as_of}; nobody is rated on data that old: deliver newer data. The tiers of the last run stay in force",
        source=rule.source,
        days=rule.days,
        basis=rule.basis,
        newest=newest,
        age=(as_of - newest).days,
        as_of=as_of,
    )


def _newest(records: Records, source: Source, as_of: dt.date) -> dt.date | None:
    """The day on which the newest record of a block was known; ratings are the block ``base``."""
    if source == "base":
        rows = records.table("ratings")
    else:
        kinds = [item.kind for item in records.project.catalogue.item if item.source == source]
        if not kinds:
            return None
        events = records.table("events")
        rows = events.filter(events.kind.isin(kinds))
    known = rows.filter(rows.known_date <= as_of)
    newest: dt.date | None = records.engine.query(known.aggregate(newest=known.known_date.max()))["newest"][0].as_py()
    return newest
