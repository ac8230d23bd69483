"""The data check-up (体检): what arrived, was refused and why, is late, is missing, disagrees, or has to be put right."""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from creditscore.config.spec import Label
from creditscore.dates import day_number, day_of
from creditscore.language import DEFAULT_LANGUAGE, Words, _, pgettext
from creditscore.records.arrivals import KIND_KEY
from creditscore.records.contracts import kept_table, refused_table
from creditscore.records.drift import Earlier, drifts, profile
from creditscore.records.findings import Finding, Level, checkup_lines, findings_frame, some
from creditscore.records.publicity import late_reports, received_by_kind, reconcile_publicity, repair_reminders
from creditscore.records.rectification import identity_findings
from creditscore.records.tables import COLUMN_WORDS, TABLES
from creditscore.spreadsheet import BOTH, Column, Sheet, label_text, write_book

if TYPE_CHECKING:
    from creditscore.config.catalogue import CatalogueItem
    from creditscore.records.records import Records
    from creditscore.vocabulary import Purpose

#: Values outside a table of words are a warning above this share (and told below it).
_UNSEEN_SHARE = 0.01
_PARTS = ("arrived", "kept", "quarantined", "collapsed")


def equations(records: Records) -> list[Finding]:
    """Per table: arrived = kept + quarantined + collapsed."""
    return [
        Finding("rows", name, _("arrived = kept + quarantined + collapsed"), part, getattr(outcome, part))
        for name, outcome in records.outcomes.items()
        for part in _PARTS
    ]


def sources(records: Records) -> list[Finding]:
    """Per source: rows, those that nothing asked for, columns that nothing reads or gives, and what is masked."""
    found = []
    for a in records.arrivals:
        found.append(Finding("source", a.table, f"{a.file}, {a.encoding}", a.source, a.rows, level="info" if a.rows else "warning"))
        if a.left_out:
            level: Level = "warning" if a.left_out == a.rows else "info"
            found.append(Finding("source", a.table, _("rows that where does not ask for"), a.source, a.left_out, level=level))
        if a.unused:
            found.append(
                Finding("source", a.table, _("columns that nothing reads"), a.source, len(a.unused), some([*a.unused], 12), "note")
            )
        if a.absent:
            found.append(
                Finding(
                    "source",
                    a.table,
                    _("standard columns that nothing gives"),
                    a.source,
                    len(a.absent),
                    some([*a.absent], 12),
                    "note",
                )
            )
        if a.masked:
            found.append(
                Finding(
                    "source",
                    a.table,
                    _("columns with personal data, masked"),
                    a.source,
                    len(a.masked),
                    some([*a.masked], 12),
                    "note",
                )
            )
    return found


def refused(records: Records) -> list[Finding]:
    """Rows and values refused, by table and code, with up to three places."""
    groups: dict[tuple[str, str, str], tuple[int, list[str]]] = {}
    for row in records.rejects.to_pylist():
        place = (row["table"], row["scope"], row["code"])
        count, keys = groups.get(place, (0, []))
        if count < 3:
            keys.append(f"{row['key']} ({row['source']}:{row['row']})")
        groups[place] = (count + 1, keys)
    return [
        Finding("refused" if scope == "row" else "refused_value", table, _("contract"), code, count, some(keys), "warning")
        for (table, scope, code), (count, keys) in sorted(groups.items())
    ]


def put_right(records: Records) -> list[Finding]:
    """What was normalised, by source; values that a table of words does not have."""
    found = []
    for a in records.arrivals:
        found += [
            Finding("normalised", a.table, what, a.source, n, level="note") for what, n in sorted(a.normalised.items(), key=str)
        ]
        if a.encoding not in ("parquet", "excel", "utf-8", "postgres"):
            found.append(
                Finding("normalised", a.table, _("encoding {encoding}", encoding=a.encoding), a.source, a.rows, level="note")
            )
        for name, n in sorted(a.unmapped.items()):
            if n:
                loud = n > _UNSEEN_SHARE * max(a.values[name] + n, 1)
                rule = _("{column}: values that its table of words lacks", column=COLUMN_WORDS.get(name, name))
                found.append(Finding("unmapped", a.table, rule, a.source, n, level="warning" if loud else "note"))
    return found


def after_the_day(records: Records, day: dt.date) -> list[Finding]:
    """Events that happened or became known after the day: left out, and counted."""
    events, number = records.table("event_keys"), day_number(day)
    later = events.filter((events.event_day > number) | (events.known_day > number))
    count = records.engine.query(later.aggregate(n=later.count()))["n"][0].as_py()
    return [Finding("future", "events", _("happened or known after the day"), "", count, level="note")] if count else []


def categories(records: Records, day: dt.date) -> list[Finding]:
    """Industries that no card is for: their subjects get the parent's card or none."""
    carded = {industry.code for industry in records.project.scorecards.industry}
    known = records.versions_on(day)
    counts = records.engine.query(known.group_by("industry").agg(n=known.count()).order_by("industry")).to_pylist()
    total = sum(row["n"] for row in counts)
    strange = [row for row in counts if row["industry"] not in carded]
    return [
        Finding(
            "unmapped", "subjects", _("industries without a card of their own"), row["industry"] or "(missing)", row["n"],
            level="warning" if row["n"] > _UNSEEN_SHARE * total else "note",
        )
        for row in strange
    ]  # fmt: skip


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
            (item.kind, item.label.text("zh"), item.provider, item.polarity, item.repair_class, item.double_publicity, count,
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
        rule, missing = _("双公示 after the deadline, of {received}", received=received), int(row["missing"])
        found.append(Finding("late", "events", rule, item.kind, late, level="error" if late else "info"))
        rule = _("decision not received (瞒报)")
        found.append(Finding("missing", "decisions", rule, item.kind, missing, level="error" if missing else "info"))
    elif late:
        found.append(
            Finding(
                "late", "events", _("after {days} working days", days=item.deadline_working_days), item.kind, late, level="note"
            )
        )
    if not item.may_serve(purpose):
        rule = (
            _("may feed no feature: not released for {purpose}", purpose=purpose)
            if item.legal_basis
            else _("may feed no feature: no legal basis")
        )
        found.append(Finding("gate", "events", rule, item.kind, received, level="warning"))
    return found


def _suppliers(records: Records) -> list[Finding]:
    """Supplying units with malformed records."""
    found = []
    for row in supplier_report(records).to_dict("records"):
        if row["malformed"]:
            rule, provider = _("malformed, of {arrived}", arrived=row["arrived"]), row["provider"] or "(missing)"
            found.append(Finding("supplier", "events", rule, provider, row["malformed"], level="warning"))
    return found


def _expired(records: Records, day: dt.date) -> list[Finding]:
    """Records past their end or retention: kept out of every feature."""
    events, number = records.table("event_keys"), day_number(day)
    over = events.filter((events.valid_day < number) & (events.known_day <= number))
    count = records.engine.query(over.aggregate(n=over.count()))["n"][0].as_py()
    return (
        [Finding("expired", "events", _("past valid_until or the catalogue's retention: not used"), "", count, level="note")]
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
    rule = _("years without an official work calendar: plain weeks assumed")
    return [Finding("calendar", "events", rule, "", len(absent), ", ".join(map(str, absent)), "warning")]


def _subjects(records: Records, day: dt.date) -> dict[int, int]:
    events, number = records.table("event_keys"), day_number(day)
    seen = events.filter((events.known_day <= number) & (events.event_day <= number))
    counted = records.engine.query(seen.group_by("kind_key").agg(n=seen.subject_key.nunique()))
    return dict(zip(counted["kind_key"].to_pylist(), counted["n"].to_pylist(), strict=True))


def _malformed(records: Records) -> dict[int, int]:
    """Quarantined records per kind's place."""
    refused = refused_table(TABLES["events"])
    bad = refused.filter((refused.code != "COPY") & refused[KIND_KEY].notnull())
    counted = records.engine.query(bad.group_by(KIND_KEY).agg(n=bad.count()))
    return dict(zip(counted[KIND_KEY].to_pylist(), counted["n"].to_pylist(), strict=True))


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

    ``level``: ``error`` is never tolerated, ``warning`` is to be looked into, ``note`` was dealt with,
    ``info`` is a count. ``rule`` is English; ``rule_message`` of the frame has the same sentence with its values, as JSON,
    from which it is shown in another language.
    """

    as_of: dt.date
    frame: pd.DataFrame
    #: How the kinds of the catalogue are called.
    labels: Mapping[str, Label] = field(default_factory=dict)

    def table(self) -> pd.DataFrame:
        """The findings, by section and table; ``rule`` is English."""
        return self.frame[[column.key for column in _COLUMNS]]

    def to_text(self, lang: str = DEFAULT_LANGUAGE) -> str:
        """The findings as a page: errors, warnings, notes, then rows per table and the coverage of the catalogue."""
        return "\n".join(checkup_lines(self.frame, self.as_of, self.labels, Words.of(lang)))

    def to_excel(self, path: str | Path) -> None:
        """The findings as one sheet."""
        sheet = Sheet(_NAME, _COLUMNS, self.table().itertuples(index=False, name=None))
        write_book(Path(path), [sheet], lang=BOTH, title=label_text(_NAME, BOTH), created=self.as_of)

    def _repr_html_(self) -> str:
        html: str = self.table().to_html(index=False, escape=True)
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
        found += drifts(
            profile(records.arrivals, list(records.project.catalogue.by_kind)),
            earlier.profile,
            max_row_drop=records.project.about.max_row_drop,
        )
    labels = {kind: item.label for kind, item in records.project.catalogue.by_kind.items()}
    return CheckUp(day, findings_frame(found), labels)


def _publicity(records: Records, day: dt.date) -> list[Finding]:
    """Mismatches of the two systems by kind; nothing where no extract came."""
    if not records.outcomes["publicity"].kept:
        return []
    found = []
    for (mismatch, kind), rows in reconcile_publicity(records, as_of=day).groupby(["mismatch", "kind"], sort=True):
        keys = some(rows["document_no"].tolist())
        found.append(Finding("publicity", "publicity", _MISMATCHES[str(mismatch)], str(kind), len(rows), keys, "error"))
    return found or [Finding("publicity", "publicity", _("the two systems agree"), "", 0)]


def _repair(records: Records, day: dt.date) -> list[Finding]:
    rule = _("shortest publication period ends soon")
    groups = repair_reminders(records, as_of=day).groupby("kind", sort=True)
    return [
        Finding("repair", "events", rule, str(kind), len(rows), some(rows["event_id"].tolist()), "note") for kind, rows in groups
    ]
