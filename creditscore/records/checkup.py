"""The data check-up (体检): what arrived, was refused and why, is late, is missing, disagrees, or has to be put right."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from creditscore.config.base import Label
from creditscore.records.catalogue_report import catalogue_findings
from creditscore.records.checkup_text import Language, checkup_lines
from creditscore.records.days import day_of
from creditscore.records.delivery import after_the_day, categories, equations, put_right, refused, sources
from creditscore.records.drift import Earlier, drifts, profile
from creditscore.records.findings import Finding, some
from creditscore.records.publicity import reconcile_publicity
from creditscore.records.rectify import identity_findings
from creditscore.records.repair import repair_reminders
from creditscore.spreadsheet import Column, Sheet, write_book

if TYPE_CHECKING:
    from creditscore.records.records import Records

_COLUMNS = (
    Column("section", Label(zh="部分", en="Section"), width=14),
    Column("table", Label(zh="数据表", en="Table"), width=14),
    Column("rule", Label(zh="规则", en="Rule"), width=34),
    Column("code", Label(zh="代码", en="Code"), width=28),
    Column("rows", Label(zh="行数", en="Rows"), kind="integer", width=12),
    Column("examples", Label(zh="示例（主键）", en="Examples (keys)"), width=60),
    Column("level", Label(zh="级别", en="Level"), width=10),
)
_MISMATCHES = {
    "still_published": "shown by the other system although ended (应撤未撤)",
    "not_published": "not shown by the other system although it stands (应公示未公示)",
    "unknown_here": "shown by the other system and not received here (漏归集)",
}


@dataclass(frozen=True)
class CheckUp:
    """One row per finding: section, table, rule, code, rows, examples (keys of rows, never values), level.

    ``level``: ``error`` is never tolerated, ``warning`` is to be looked into, ``note`` was dealt with,
    ``info`` is a count.
    """

    as_of: dt.date
    frame: pd.DataFrame
    #: How the kinds of the catalogue are called.
    labels: Mapping[str, Label] = field(default_factory=dict)

    def table(self) -> pd.DataFrame:
        """The findings, by section and table."""
        return self.frame

    def to_text(self, lang: Language = "zh") -> str:
        """The findings as a page: errors, warnings, notes, then rows per table and the coverage of the catalogue."""
        return "\n".join(checkup_lines(self.frame, self.as_of, self.labels, lang))

    def to_excel(self, path: str | Path) -> None:
        """The findings as one sheet."""
        sheet = Sheet(Label(zh="数据体检", en="Check-up"), _COLUMNS, self.frame.itertuples(index=False, name=None))
        write_book(Path(path), [sheet], lang="both", title="数据体检 Check-up", created=self.as_of)

    def _repr_html_(self) -> str:
        html: str = self.frame.to_html(index=False, escape=True)
        return html


def check_up(records: Records, *, as_of: str | dt.date, earlier: Earlier | None = None) -> CheckUp:
    """What arrived, was refused, put right, is late, is missing, disagrees, or may soon be repaired, as of a day.

    Args:
        records: What arrived.
        as_of: The day.
        earlier: What an earlier run left: with it, codes that were put right and deliveries that drifted show.

    Returns:
        One row per finding. Sections: ``rows`` (the equation per table), ``source`` (rows and columns per
        source), ``refused`` and ``refused_value`` (per code, with up to three keys), ``normalised``,
        ``unmapped`` (words outside the agreed tables), ``future`` (after the day: left out), ``identity``
        (wrong codes, new and stock), ``coverage`` and ``malformed`` (per catalogue kind; no record is a
        finding), ``late`` and ``missing`` (双公示), ``supplier``, ``gate``, ``expired``, ``calendar``,
        ``publicity`` (the two systems' mismatches), ``drift`` (against the earlier run), ``repair``.
    """
    day, earlier = day_of(as_of), earlier or Earlier()
    found = [*equations(records), *sources(records), *refused(records), *put_right(records)]
    found += [*after_the_day(records, day), *categories(records, day), *identity_findings(records, day, earlier.rectification)]
    found += [*catalogue_findings(records, day), *_publicity(records, day), *_repair(records, day)]
    if earlier.profile is not None:
        found += drifts(profile(records), earlier.profile, max_row_drop=records.project.about.max_row_drop)
    labels = {kind: item.label for kind, item in records.project.catalogue.by_kind.items()}
    return CheckUp(day, pd.DataFrame(found, columns=[column.key for column in _COLUMNS]), labels)


def _publicity(records: Records, day: dt.date) -> list[Finding]:
    """Mismatches of the two systems by kind; nothing where no extract came."""
    if not records.outcomes["publicity"].kept:
        return []
    found = []
    for (mismatch, kind), rows in reconcile_publicity(records, as_of=day).groupby(["mismatch", "kind"], sort=True):
        keys = some(rows["document_no"].tolist())
        found.append(Finding("publicity", "publicity", _MISMATCHES[str(mismatch)], str(kind), len(rows), keys, "error"))
    return found or [Finding("publicity", "publicity", "the two systems agree", "", 0)]


def _repair(records: Records, day: dt.date) -> list[Finding]:
    rule = "shortest publication period ends soon"
    groups = repair_reminders(records, as_of=day).groupby("kind", sort=True)
    return [
        Finding("repair", "events", rule, str(kind), len(rows), some(rows["event_id"].tolist()), "note") for kind, rows in groups
    ]
