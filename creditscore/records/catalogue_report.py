"""The catalogue's report: per kind and per supplying unit, what was expected, received, missing, late, malformed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import pandas as pd

from creditscore.records.days import day_of
from creditscore.records.findings import Finding
from creditscore.records.outcomes import kept_table, refused_table
from creditscore.records.records import day_number_of
from creditscore.records.stream import KIND_KEY
from creditscore.records.tables import TABLES
from creditscore.records.timely import late_reports, received_by_kind

if TYPE_CHECKING:
    from creditscore.config.catalogue import CatalogueItem
    from creditscore.records.records import Records
    from creditscore.vocabulary import Purpose

KIND_COLUMNS = (
    "kind",
    "label",
    "provider",
    "polarity",
    "repair_class",
    "double_publicity",
    "received",
    "subjects",
    "late",
    "expected",
    "missing",
    "malformed",
    "timely",
)


def catalogue_report(records: Records, *, as_of: str | dt.date) -> pd.DataFrame:
    """One row per catalogue kind, in its order.

    Returns:
        kind, label (zh), provider; ``polarity`` and ``repair_class`` as the catalogue has them; ``double_publicity``;
        ``received`` incidents known on the day and the ``subjects`` they are about; ``late`` after the deadline; of kinds
        with a decision register: ``expected`` decisions that are due or received and how many are ``missing``;
        ``malformed`` records quarantined; ``timely``, the share of the expected (or received) that came in time, missing
        where there is nothing to come.
    """
    day = day_of(as_of)
    received, covered, bad = received_by_kind(records, day), _subjects(records, day), _malformed(records)
    lost = late_reports(records, as_of=day).set_index("kind")["missing"].to_dict()
    rows = []
    for place, item in enumerate(records.project.catalogue.item):
        count, late = received.get(place, (0, 0))
        missing = int(lost[item.kind]) if item.kind in lost else None
        expected = count + (missing or 0)
        timely = (count - late) / expected if expected and item.deadline_working_days else None
        rows.append(
            (item.kind, item.label.zh, item.provider, item.polarity, item.repair_class, item.double_publicity, count,
             covered.get(place, 0), late, None if missing is None else expected, missing, bad.get(place, 0), timely)
        )  # fmt: skip
    return pd.DataFrame(rows, columns=list(KIND_COLUMNS))


def supplier_report(records: Records) -> pd.DataFrame:
    """One row per supplying unit as its records name it: provider, arrived, malformed, collapsed; by provider."""
    parts = []
    for rows in (kept_table(TABLES["events"]), refused_table(TABLES["events"])):
        of_row = {
            "provider": rows.provider,
            "malformed": (rows.code != "COPY").fill_null(False),
            "collapsed": (rows.code == "COPY").fill_null(False),
        }
        told = rows.select(**of_row)
        sums = {name: told[name].sum() for name in ("malformed", "collapsed")}
        parts.append(records.engine.query(told.group_by("provider").agg(arrived=told.count(), **sums)).to_pandas())
    both: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return both.groupby("provider", dropna=False, sort=True).sum().astype("int64").reset_index()


def catalogue_findings(records: Records, day: dt.date) -> list[Finding]:
    """Coverage per kind (0 is a finding), lateness and missing decisions, malformed records, and the catalogue's gate."""
    found: list[Finding] = []
    for row in catalogue_report(records, as_of=day).to_dict("records"):
        found += _of_kind(records.project.catalogue.by_kind[row["kind"]], row, records.project.about.purpose)
    return found + _suppliers(records) + _expired(records, day) + _calendar(records)


def _of_kind(item: CatalogueItem, row: dict[Hashable, Any], purpose: Purpose) -> list[Finding]:
    received, late = row["received"], row["late"]
    found = [Finding("coverage", "events", item.provider, item.kind, received, level="info" if received else "warning")]
    if row["malformed"]:
        found.append(Finding("malformed", "events", item.provider, item.kind, row["malformed"], level="warning"))
    if item.double_publicity:
        rule, missing = f"双公示 after the deadline, of {received}", int(row["missing"])
        found.append(Finding("late", "events", rule, item.kind, late, level="error" if late else "info"))
        rule = "decision not received (瞒报)"
        found.append(Finding("missing", "decisions", rule, item.kind, missing, level="error" if missing else "info"))
    elif late:
        found.append(Finding("late", "events", f"after {item.deadline_working_days} working days", item.kind, late, level="note"))
    if not item.may_serve(purpose):
        rule = f"may feed no feature: {'not released for ' + purpose if item.legal_basis else 'no legal basis'}"
        found.append(Finding("gate", "events", rule, item.kind, received, level="warning"))
    return found


def _suppliers(records: Records) -> list[Finding]:
    """Supplying units with malformed records."""
    found = []
    for row in supplier_report(records).to_dict("records"):
        if row["malformed"]:
            rule, provider = f"malformed, of {row['arrived']}", row["provider"] or "(missing)"
            found.append(Finding("supplier", "events", rule, provider, row["malformed"], level="warning"))
    return found


def _expired(records: Records, day: dt.date) -> list[Finding]:
    """Records past their end or retention: kept out of every feature."""
    events, number = records.table("event_keys"), day_number_of(day)
    over = events.filter((events.valid_day < number) & (events.known_day <= number))
    count = records.engine.query(over.aggregate(n=over.count()))["n"][0].as_py()
    return (
        [Finding("expired", "events", "past valid_until or the catalogue's retention: not used", "", count, level="note")]
        if count
        else []
    )


def _calendar(records: Records) -> list[Finding]:
    """Years of decisions whose official notice of days off is not in ``calendar.toml``."""
    events = records.table("events")
    years = records.engine.query(events.filter(events.event_date.notnull()).select(year=events.event_date.year()).distinct())
    absent = sorted(year for year in years["year"].to_pylist() if not records.project.calendar.covers(dt.date(year, 1, 1)))
    if not absent or not any(item.deadline_working_days for item in records.project.catalogue.item):
        return []
    rule = "years without an official work calendar: plain weeks assumed"
    return [Finding("calendar", "events", rule, "", len(absent), ", ".join(map(str, absent)), "warning")]


def _subjects(records: Records, day: dt.date) -> dict[int, int]:
    events, number = records.table("event_keys"), day_number_of(day)
    seen = events.filter((events.known_day <= number) & (events.event_day <= number))
    counted = records.engine.query(seen.group_by("kind_key").agg(n=seen.subject_key.nunique()))
    return dict(zip(counted["kind_key"].to_pylist(), counted["n"].to_pylist(), strict=True))


def _malformed(records: Records) -> dict[int, int]:
    """Quarantined records per kind's place."""
    refused = refused_table(TABLES["events"])
    bad = refused.filter((refused.code != "COPY") & refused[KIND_KEY].notnull())
    counted = records.engine.query(bad.group_by(KIND_KEY).agg(n=bad.count()))
    return dict(zip(counted[KIND_KEY].to_pylist(), counted["n"].to_pylist(), strict=True))
