"""The kinds of the catalogue and the units that supply them: what came of each, late, missing or malformed."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pandas as pd

from creditscore.dates import day_number, day_of
from creditscore.records.deliveries.publicity import Received, late_reports, received_by_kind
from creditscore.records.standard.arrivals import KIND_KEY
from creditscore.records.standard.contracts import arrived_table, refused_table
from creditscore.records.standard.rejects import COPY
from creditscore.records.tables import TABLES

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.records.records import Records

_KIND_COLUMNS = (
    "kind", "label", "provider", "polarity", "repair_class", "double_publicity", "received", "subjects", "late", "expected",
    "missing", "malformed", "timely",
)  # fmt: skip


def catalogue_report(records: Records, *, as_of: str | dt.date) -> pd.DataFrame:
    """One row per kind of the catalogue, in the order of the catalogue.

    Returns:
        kind, label (zh), provider; ``polarity`` and ``repair_class`` as the catalogue has them; ``double_publicity``;
        ``received`` incidents known on the day and the ``subjects`` they are about; ``late`` after the deadline; of kinds
        with a decision register: ``expected`` decisions that are due or received and how many are ``missing``;
        ``malformed`` records quarantined; ``timely``, the share of the expected (or received) that came in time, missing
        if none was expected or received. Those whose deadline the work calendar does not know count neither way.
    """
    day, catalogue = day_of(as_of), records.project.catalogue
    number, events, refused = day_number(day), records.table("event_keys"), refused_table(TABLES["events"])
    known = events.filter((events.known_day <= number) & (events.event_day <= number))
    subjects = _by_key(records, known.group_by("kind_key").agg(n=known.subject_key.nunique()))
    bad = refused.filter((refused.code != COPY) & refused[KIND_KEY].notnull())
    malformed = _by_key(records, bad.group_by(KIND_KEY).agg(n=bad.count()))
    received = received_by_kind(records, day)
    missing_of = late_reports(records, as_of=day).set_index("kind")["missing"].to_dict()
    rows = []
    for key, item in enumerate(catalogue.item):
        count, late, unknown = received.get(key, Received())
        missing = int(missing_of[item.kind]) if item.kind in missing_of else None
        expected = count + (missing or 0)
        judged = expected - unknown
        timely = (count - late - unknown) / judged if judged and item.deadline_working_days else None
        rows.append(
            (item.kind, item.label.text("zh"), item.provider, item.polarity, item.repair_class, item.double_publicity, count,
             subjects.get(key, 0), late, None if missing is None else expected, missing, malformed.get(key, 0), timely)
        )  # fmt: skip
    return pd.DataFrame(rows, columns=list(_KIND_COLUMNS))


def supplier_report(records: Records) -> pd.DataFrame:
    """One row per supplying unit as its records name it: provider, arrived, malformed, collapsed; by provider."""
    parts = []
    for rows in (arrived_table(TABLES["events"]), refused_table(TABLES["events"])):
        marked = rows.select(
            provider=rows.provider,
            malformed=(rows.code != COPY).fill_null(False),
            collapsed=(rows.code == COPY).fill_null(False),
        )
        sums = {name: marked[name].sum() for name in ("malformed", "collapsed")}
        parts.append(records.engine.query(marked.group_by("provider").agg(arrived=marked.count(), **sums)).to_pandas())
    both: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return both.groupby("provider", dropna=False, sort=True).sum().astype("int64").reset_index()


def _by_key(records: Records, counts: ir.Table) -> dict[int, int]:
    """Counts by the kind's position in the catalogue, from a table of both."""
    table = records.engine.query(counts)
    return dict(zip(*(column.to_pylist() for column in table.columns), strict=True))
