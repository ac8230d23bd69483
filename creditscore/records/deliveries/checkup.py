"""The data check-up (体检): what arrived, was refused and why, is late, is missing, disagrees, or has to be put right."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.config.spec import Label
from creditscore.dates import day_number, day_of
from creditscore.language import DEFAULT_LANGUAGE, Words, _, pgettext
from creditscore.records.adverse.incomplete import Hanging
from creditscore.records.deliveries.by_unit import delivery_lines, delivery_sheet, delivery_table
from creditscore.records.deliveries.coverage import catalogue_report, supplier_report
from creditscore.records.deliveries.days_ahead import ahead_findings
from creditscore.records.deliveries.drift import Earlier, drifts, known_words, profile
from creditscore.records.deliveries.fault_history import rows_by_source, with_history
from creditscore.records.deliveries.findings import MISSING, Finding, Level, checkup_lines, findings_frame
from creditscore.records.deliveries.known_before import known_before
from creditscore.records.deliveries.outside import NOT_SHOWN, Outside
from creditscore.records.deliveries.publicity import (
    reconcile_publicity,
    repair_reminders,
    unknown_deadlines,
)
from creditscore.records.deliveries.rectification import identity_findings
from creditscore.records.deliveries.staleness import age_findings, source_ages
from creditscore.records.deliveries.units import Units
from creditscore.records.deliveries.unknown_words import UNKNOWN_SHARE, left_out_findings, unlisted_finding, unread_words
from creditscore.spreadsheet import BOTH, Column, Sheet, label_text, write_book

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.records.adverse.readings import LastReading
    from creditscore.records.records import Records

_PARTS = ("arrived", "kept", "quarantined", "collapsed")
#: Keys of one finding, and columns of one, that are listed.
_KEYS, _COLUMNS_LISTED = 3, 12
_NAME = pgettext("data", "Check-up")
_COLUMNS = (
    Column("section", pgettext("check-up", "Section"), width=14),
    Column("table", _("Table"), width=14),
    Column("rule", pgettext("check-up", "Rule"), width=34),
    Column("code", _("Code"), width=28),
    Column("rows", _("Rows"), kind="integer", width=12),
    Column("examples", pgettext("check-up", "Examples (keys)"), width=60),
    Column("level", _("Level"), width=10),
)
_MISMATCHES = {
    "still_published": _("shown by the other system although ended (应撤未撤)"),
    "not_published": _("not shown by the other system although it stands (应公示未公示)"),
    "unknown_here": _("shown by the other system and not received here (漏归集)"),
}


@dataclass(frozen=True)
class CheckUp:
    """One row per finding: section, table, rule, code, rows, examples (keys of rows, never values), level.

    Rows about bodies and persons whom the project never scores are counted; of their keys only the place is shown.

    ``level``: ``error`` is never tolerated, ``warning`` is to be looked into, ``note`` was dealt with,
    ``info`` is a count. ``rule`` is English; ``rule_message`` of the frame has the same sentence with its values, as JSON,
    from which it is shown in another language.
    """

    as_of: dt.date
    frame: pd.DataFrame
    #: How the kinds of the catalogue are called.
    labels: Mapping[str, Label] = field(default_factory=dict)
    #: What a later delivery is compared with (:func:`creditscore.records.deliveries.drift.profile`).
    profile: pa.Table | None = None
    #: The rejects with the unit that sent them and the day since which each fault is there, as ``fault_history`` has them.
    rejects: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: One row per unit and source: what arrived, was read, is refused, since when, was mended, was withdrawn.
    deliveries: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: Refused rows that tell neither subject nor record, and how many subjects they hold.
    hanging: tuple[Hanging, ...] = ()
    #: Whom the project never scores: their keys stand in what goes back to the sender, and nowhere else.
    outside: Outside = field(default_factory=lambda: Outside(frozenset(), frozenset()))

    def table(self) -> pd.DataFrame:
        """The findings, by section and table; ``rule`` is English."""
        return self.frame[[column.key for column in _COLUMNS]]

    def has(self, level: Level) -> bool:
        """Whether there is a finding of a level or a worse one."""
        levels = get_args(Level)
        return bool(self.frame["level"].isin(levels[: levels.index(level) + 1]).any())

    def to_text(self, lang: str = DEFAULT_LANGUAGE) -> str:
        """The findings as a page: errors, warnings, notes, then rows per table and the coverage of the catalogue."""
        words = Words.of(lang)
        deliveries = list(delivery_lines(self.deliveries, words)) if len(self.deliveries) else []
        return "\n".join(checkup_lines(self.frame, self.as_of, self.labels, words, deliveries=deliveries))

    def to_excel(self, path: str | Path) -> None:
        """The findings as one sheet, and what each unit delivered as another."""
        findings = Sheet(_NAME, _COLUMNS, self.table().itertuples(index=False, name=None))
        sheets = [findings, delivery_sheet(self.deliveries, Words.of(DEFAULT_LANGUAGE))]
        write_book(Path(path), sheets, lang=BOTH, title=label_text(_NAME, BOTH), created=self.as_of)

    def _repr_html_(self) -> str:
        html: str = self.table().to_html(index=False, escape=True)
        return html


def check_up(records: Records, *, as_of: str | dt.date, earlier: Earlier | None = None, last: LastReading | None = None) -> CheckUp:
    """What arrived, was refused, put right, is late, is missing, disagrees, or may soon be repaired, as of a day.

    Args:
        records: What arrived.
        as_of: The day.
        earlier: What an earlier run left: with it, codes that were put right and deliveries that drifted show.
        last: The adverse records that the run before read: with it, those that are gone or changed show.

    Returns:
        One row per finding. Sections: ``rows`` (the equation per table), ``source`` (rows and columns per
        source), ``refused`` and ``refused_value`` (per code, with up to three keys), ``normalised``,
        ``unmapped`` (words outside the agreed tables), ``future`` (after the day: left out), ``identity``
        (wrong codes, new and stock), ``coverage`` and ``malformed`` (per catalogue kind; no record is a
        finding), ``late`` and ``missing`` (双公示), ``supplier``, ``gate``, ``expired``, ``calendar``,
        ``publicity`` (the two systems' mismatches), ``age`` (the newest day of each source, its limit),
        ``drift`` (against the earlier run, known adverse records that are gone or changed among it), ``repair``,
        ``incomplete`` (subjects whose adverse records were refused), ``carried`` (records of the last reading that count for
        them).
    """
    day, earlier = day_of(as_of), earlier or Earlier()
    kinds, about = records.project.catalogue.by_kind, records.project.about
    outside = Outside.of(records, day)
    findings = [*_arrivals(records), *_rejects(records, outside), *_normalised(records, earlier), *_unused(records, day)]
    findings += identity_findings(records, day, earlier.rectification, outside=outside)
    findings += [*_catalogue(records, day), *_suppliers(records), *_expired(records, day), *_calendar(records, day)]
    ages = source_ages(records, day)
    findings += [*_publicity(records, day, outside), *_incomplete(records, outside), *age_findings(records, day, ages)]
    own, units = profile(records, ages), Units(records)
    rejects, gone = with_history(records, units, earlier, day, outside)
    deliveries = delivery_table(records, units, rejects, gone, day, rows_by_source(earlier))
    if earlier.profile is not None:
        days = (earlier.as_of, day) if earlier.as_of else None
        findings += drifts(own, earlier.profile, max_row_drop=about.max_row_drop, days=days)
    if last is not None:
        findings += known_before(records, last)
    labels = {kind: item.label for kind, item in kinds.items()}
    return CheckUp(day, findings_frame(findings), labels, own, rejects, deliveries, records.hanging, outside)


def _count(records: Records, rows: ir.Table) -> int:
    return int(records.engine.query(rows.aggregate(n=rows.count()))["n"][0].as_py())


def _listed(keys: Sequence[str], most: int = _KEYS) -> str:
    return ", ".join(keys[:most])


def _arrivals(records: Records) -> list[Finding]:
    """The equation per table; per source its rows, those that ``where`` leaves out, and columns unused, absent or masked."""
    equation = _("arrived = kept + quarantined + collapsed")
    findings = [
        Finding("rows", name, equation, part, getattr(count, part)) for name, count in records.outcomes.items() for part in _PARTS
    ]
    for a in records.arrivals:
        level: Level = "info" if a.rows else "warning"
        findings.append(Finding("source", a.table, f"{a.file}, {a.encoding}", a.source, a.rows, level=level))
        if a.left_out:
            level = "warning" if a.left_out == a.rows else "info"
            findings.append(Finding("source", a.table, _("rows that where does not ask for"), a.source, a.left_out, level=level))
        findings += left_out_findings(records, a)
        for name, near in a.renamed.items():
            rule = _("{column} is not given: is it the column {near}?", column=name, near=near)
            findings.append(Finding("source", a.table, rule, a.source, 1, level="warning"))
        for rule, columns in (
            (_("columns that nothing reads"), a.unused),
            (_("standard columns that nothing gives"), a.absent),
            (_("columns with personal data, masked"), a.masked),
        ):
            if columns:
                listed = _listed(columns, _COLUMNS_LISTED)
                findings.append(Finding("source", a.table, rule, a.source, len(columns), listed, "note"))
    return findings


def _rejects(records: Records, outside: Outside) -> list[Finding]:
    """Rows and values refused, by table and code, with the keys of a few."""
    groups: dict[tuple[str, str, str], tuple[int, list[str]]] = {}
    for row in records.rejects.to_pylist():
        group = (row["table"], row["scope"], row["code"])
        count, keys = groups.get(group, (0, []))
        if count < _KEYS:
            key = NOT_SHOWN if outside.hides(row) else row["key"]
            keys.append(f"{key} ({row['source']}:{row['row']})")
        groups[group] = (count + 1, keys)
    return [
        Finding("refused" if scope == "row" else "refused_value", table, _("contract"), code, count, _listed(keys), "warning")
        for (table, scope, code), (count, keys) in sorted(groups.items())
    ]


def _normalised(records: Records, earlier: Earlier) -> list[Finding]:
    """Values that were normalised, by source; values that a table of words does not have."""
    findings = []
    known = known_words(earlier.profile)
    for a in records.arrivals:
        repairs = sorted(a.normalised.items(), key=str)
        if a.encoding not in ("parquet", "excel", "utf-8", "postgres"):
            repairs.append((_("encoding {encoding}", encoding=a.encoding), a.rows))
        findings += [Finding("normalised", a.table, rule, a.source, n, level="note") for rule, n in repairs]
        for name, n in sorted(a.unmapped.items()):
            if n:
                findings.append(unlisted_finding(records, a, name, n, known.get((a.source, name), frozenset())))
    return findings


def _unused(records: Records, day: dt.date) -> list[Finding]:
    """Rows after the day, words that nothing reads, and industries without a card: theirs is the parent's or none."""
    findings = [*ahead_findings(records, day), *unread_words(records)]
    carded = {industry.code for industry in records.project.scorecards.industry}
    known = records.versions_on(day)
    counts = records.engine.query(known.group_by("industry").agg(n=known.count()).order_by("industry")).to_pylist()
    total = sum(row["n"] for row in counts)
    for row in counts:
        if row["industry"] not in carded:
            rule, code = _("industries without a card of their own"), row["industry"] or MISSING
            level: Level = "warning" if row["n"] > UNKNOWN_SHARE * total else "note"
            findings.append(Finding("unmapped", "subjects", rule, code, row["n"], level=level))
    return findings


def _catalogue(records: Records, day: dt.date) -> list[Finding]:
    """Per kind its coverage (no record is a warning), malformed, late and missing records, and whether it may be used."""
    findings, purpose = [], records.project.about.purpose
    for row in catalogue_report(records, as_of=day).to_dict("records"):
        item, received, late = records.project.catalogue.by_kind[row["kind"]], row["received"], row["late"]
        level: Level = "info" if received else "warning"
        findings.append(Finding("coverage", "events", item.provider, item.kind, received, level=level))
        if row["malformed"]:
            findings.append(Finding("malformed", "events", item.provider, item.kind, row["malformed"], level="warning"))
        if item.double_publicity:
            rule, missing = _("双公示 after the deadline, of {received}", received=received), int(row["missing"])
            findings.append(Finding("late", "events", rule, item.kind, late, level="error" if late else "info"))
            rule = _("decision not received (瞒报)")
            findings.append(Finding("missing", "decisions", rule, item.kind, missing, level="error" if missing else "info"))
        elif late:
            rule = _("after {days} working days", days=item.deadline_working_days)
            findings.append(Finding("late", "events", rule, item.kind, late, level="note"))
        if not item.may_serve(purpose):
            rule = _("may feed no feature: no legal basis")
            if item.legal_basis:
                rule = _("may feed no feature: not released for {purpose}", purpose=purpose)
            findings.append(Finding("gate", "events", rule, item.kind, received, level="warning"))
    return findings


def _suppliers(records: Records) -> list[Finding]:
    """Supplying units with malformed records."""
    return [
        Finding(
            "supplier", "events", _("malformed, of {arrived}", arrived=row["arrived"]), row["provider"] or MISSING,
            row["malformed"], level="warning",
        )
        for row in supplier_report(records).to_dict("records")
        if row["malformed"]
    ]  # fmt: skip


def _expired(records: Records, day: dt.date) -> list[Finding]:
    """Records past their end or retention, which no feature uses."""
    events, number = records.table("event_keys"), day_number(day)
    count = _count(records, events.filter((events.valid_day < number) & (events.known_day <= number)))
    rule = _("past valid_until or the catalogue's retention: not used")
    return [Finding("expired", "events", rule, "", count, level="note")] if count else []


def _calendar(records: Records, day: dt.date) -> list[Finding]:
    """Deadlines that the work calendar does not know; or that there is none, and weeks are plain."""
    if not records.outcomes["events"].kept or not any(item.deadline_working_days for item in records.project.catalogue.item):
        return []
    if not records.project.calendar.year:
        rule = _("no calendar.toml: working days are counted by plain weeks, without holidays and make-up days")
        return [Finding("calendar", "events", rule, "", 0, level="warning")]
    rule = _("neither late nor in time: calendar.toml lacks the notice of the year of the deadline; add it as a [[year]]")
    return [
        Finding("calendar", table, rule, "", sum(years.values()), ", ".join(map(str, years)), "warning")
        for table, years in unknown_deadlines(records, as_of=day).items()
        if years
    ]


def _incomplete(records: Records, outside: Outside) -> list[Finding]:
    """Subjects whose adverse records were refused, by table; records that are carried forward for them, which did not arrive.

    Bodies and others whom the project never scores have no tier, and are not listed.
    """
    findings = []
    for name, count in records.outcomes.items():
        own = records.incomplete.filter(pc.equal(records.incomplete["table"], name))
        firms = sorted(set(own["subject_id"].to_pylist()) - outside.ids)
        if firms:
            rule = _("subjects of which adverse records were refused: no better tier until they are mended or withdrawn")
            findings.append(Finding("incomplete", name, rule, "", len(firms), _listed(firms), "warning"))
        for one in (one for one in records.hanging if one.table == name):
            rule = _(
                "rows that tell neither subject nor record: each subject of which a record is absent (or a dispute open) keeps no "
                "better tier. It ends when these rows are mended or left out, or when those records come or are declared withdrawn"
            )
            rows = _listed([str(row) for row in one.rows], _COLUMNS_LISTED)
            findings.append(Finding("incomplete", name, rule, one.source, one.firms, rows, "warning"))
        if count.carried:
            rule = _("adverse records of the last reading that are absent now: carried forward, not arrived")
            findings.append(Finding("carried", name, rule, "", len(count.carried), level="note"))
    return findings


def _publicity(records: Records, day: dt.date, outside: Outside) -> list[Finding]:
    """Mismatches of the two systems by kind, where an extract came; records that may soon be repaired.

    Records of bodies and others whom the project never scores are counted, and not named.
    """
    findings = []
    if records.outcomes["publicity"].kept:
        for (mismatch, kind), rows in reconcile_publicity(records, as_of=day).groupby(["mismatch", "kind"], sort=True):
            keys = _listed(rows["document_no"][~rows["subject_id"].isin(outside.ids)].tolist())
            findings.append(Finding("publicity", "publicity", _MISMATCHES[str(mismatch)], str(kind), len(rows), keys, "error"))
        findings = findings or [Finding("publicity", "publicity", _("the two systems agree"), "", 0)]
    for kind, rows in repair_reminders(records, as_of=day).groupby("kind", sort=True):
        rule = _("shortest publication period ends soon")
        keys = _listed(rows["event_id"][~rows["subject_id"].isin(outside.ids)].tolist())
        findings.append(Finding("repair", "events", rule, str(kind), len(rows), keys, "note"))
    return findings
