"""The data check-up (体检): what arrived, what was refused and why, what is late, what is missing."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from creditscore.config.base import Label
from creditscore.records.open import day_of
from creditscore.records.records import day_number_of
from creditscore.records.repair import late_reports, repair_reminders
from creditscore.spreadsheet import Column, Sheet, write_book

if TYPE_CHECKING:
    from creditscore.records.records import Records

_EXAMPLES = 3
_COLUMNS = (
    Column("section", Label(zh="部分", en="Section"), width=14),
    Column("table", Label(zh="数据表", en="Table"), width=14),
    Column("rule", Label(zh="规则", en="Rule"), width=34),
    Column("code", Label(zh="代码", en="Code"), width=28),
    Column("rows", Label(zh="行数", en="Rows"), kind="integer", width=12),
    Column("examples", Label(zh="示例（主键）", en="Examples (keys)"), width=60),
)


@dataclass(frozen=True)
class CheckUp:
    """One row per finding: section, table, rule, code, rows, examples (keys of rows, never values)."""

    as_of: dt.date
    frame: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """The findings, by section and table."""
        return self.frame

    def to_excel(self, path: str | Path) -> None:
        """The findings as one sheet."""
        sheet = Sheet(Label(zh="数据体检", en="Check-up"), _COLUMNS, self.frame.itertuples(index=False, name=None))
        write_book(Path(path), [sheet], lang="both", title="数据体检 Check-up", created=self.as_of)

    def _repr_html_(self) -> str:
        html: str = self.frame.to_html(index=False, escape=True)
        return html


def check_up(records: Records, *, as_of: str | dt.date) -> CheckUp:
    """What arrived, was refused, normalised, is late, is missing, or may soon be repaired, as of a day.

    Returns:
        One row per finding. Sections: ``rows`` (the equation per table), ``refused`` (per code, with up
        to three keys), ``normalised``, ``future`` (after the day: left out), ``coverage`` (records per
        catalogue kind; 0 is a finding), ``late`` and ``missing`` (双公示), ``repair``.
    """
    day = day_of(as_of)
    rows = [*_equation(records), *_refused(records), *_normalised(records), *_future(records, day)]
    rows += [*_coverage(records, day), *_late(records, day), *_repair(records, day)]
    frame = pd.DataFrame(rows, columns=[column.key for column in _COLUMNS])
    return CheckUp(day, frame)


_Row = tuple[str, str, str, str, int, str]


def _equation(records: Records) -> list[_Row]:
    rows: list[_Row] = []
    for name, outcome in records.outcomes.items():
        for part in ("arrived", "kept", "quarantined", "collapsed"):
            rows.append(("rows", name, "arrived = kept + quarantined + collapsed", part, getattr(outcome, part), ""))
    return rows


def _refused(records: Records) -> list[_Row]:
    rejects = records.rejects.to_pylist()
    groups: dict[tuple[str, str], list[str]] = {}
    for row in rejects:
        groups.setdefault((row["table"], row["code"]), []).append(f"{row['key']} ({row['source']}:{row['row']})")
    return [
        ("refused", table, "contract", code, len(places), ", ".join(places[:_EXAMPLES]))
        for (table, code), places in sorted(groups.items())
    ]


def _normalised(records: Records) -> list[_Row]:
    rows: list[_Row] = []
    for a in records.arrivals:
        rows += [("normalised", a.table, f"column {name}", a.source, n, "") for name, n in sorted(a.normalised.items())]
        if a.encoding not in ("parquet", "excel", "utf-8"):
            rows.append(("normalised", a.table, f"encoding {a.encoding}", a.source, a.rows, ""))
        if a.ragged_lines:
            lines = ", ".join(str(line) for line in a.ragged_lines[:_EXAMPLES])
            rows.append(("refused", a.table, "wrong number of fields", a.source, len(a.ragged_lines), f"line {lines}"))
    return rows


def _future(records: Records, day: dt.date) -> list[_Row]:
    events = records.table("event_keys")
    later = events.filter((events.event_day > day_number_of(day)) | (events.known_day > day_number_of(day)))
    count = records.engine.query(later.aggregate(n=later.count()))["n"][0].as_py()
    return [("future", "events", "happened or known after the day", "", count, "")] if count else []


def _coverage(records: Records, day: dt.date) -> list[_Row]:
    events = records.table("event_keys")
    seen = events.filter((events.event_day <= day_number_of(day)) & (events.known_day <= day_number_of(day)))
    table: pa.Table = records.engine.query(seen.group_by("kind_key").agg(n=seen.count()))
    counts = dict(zip(table["kind_key"].to_pylist(), table["n"].to_pylist(), strict=True))
    items = records.project.catalogue.item
    return [("coverage", "events", item.provider, item.kind, counts.get(place, 0), "") for place, item in enumerate(items)]


def _late(records: Records, day: dt.date) -> list[_Row]:
    rows: list[_Row] = []
    for row in late_reports(records, as_of=day).to_dict("records"):
        rows.append(("late", "events", f"双公示 after the deadline, of {row['received']}", row["kind"], row["late"], ""))
        rows.append(("missing", "decisions", "decision not received (瞒报)", row["kind"], row["missing"], ""))
    return rows


def _repair(records: Records, day: dt.date) -> list[_Row]:
    soon = repair_reminders(records, as_of=day)
    rows: list[_Row] = []
    for kind, group in soon.groupby("kind", sort=True):
        examples = ", ".join(group["event_id"][:_EXAMPLES])
        rows.append(("repair", "events", "shortest publication period ends soon", str(kind), len(group), examples))
    return rows
