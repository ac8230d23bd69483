"""Firms whose adverse records were refused tonight: a fault never helps a firm.

A refused adverse record must neither raise its firm's score nor better its tier. What is refused names its firm by its id, by
its record in the last reading, or by a code that is one slip away; of a line that is no record every firm and record that
stands in it is concerned. What had ended by what can be read of it is missed by nobody, nor what a newer reading has whole.
For these firms the records of the last reading that are absent tonight are added (:mod:`.carrying`).
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from creditscore.config.sources import IdScheme
from creditscore.engine import unbound
from creditscore.records.adverse.carrying import absent, carry, register_last, small_table
from creditscore.records.adverse.dispute_ends import refused_ends
from creditscore.records.adverse.line_ids import fields_of_lines
from creditscore.records.adverse.near_codes import near_codes
from creditscore.records.adverse.readings import SOURCE, LastReading
from creditscore.records.adverse.refused_records import RECORD, SOFT, Refused, lacks, lines_refused, refused_records
from creditscore.records.adverse.rules import AdverseRules
from creditscore.records.standard.arrivals import Arrival
from creditscore.records.standard.contracts import TableCount, arrived_table, kept_table, refused_table
from creditscore.records.standard.identity import Identifier
from creditscore.records.tables import TABLES
from creditscore.vocabulary import ENDING_CHANGES

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.project import Project
    from creditscore.engine import Engine

#: One row per firm and refused row or value: whose reading is incomplete, and where it is to be mended.
INCOMPLETE_SCHEMA = pa.schema(
    [("subject_id", pa.string()), ("table", pa.string()), ("source", pa.string()), ("row", pa.int64()), ("code", pa.string())]
)


@dataclass(frozen=True)
class Hanging:
    """Refused rows of a source that tell neither firm nor record, and how many firms each of them may concern."""

    table: str
    source: str
    rows: tuple[int, ...]
    firms: int


@dataclass(frozen=True)
class _Claim:
    """A firm whose reading is incomplete by a refused row, and the record that it misses, if that is known."""

    subject_id: str
    table: str
    source: str
    row: int
    code: str
    record: str | None
    #: Whether the row tells neither firm nor record.
    untold: bool = False


#: A good row: its firm, what names its record (an id, or a scheme), the day of the event, the day on which it was known.
_Good = tuple[str, str, dt.date, dt.date]


class Completion:
    """Finds, table by table, whose adverse records were refused, and adds those of the last reading."""

    def __init__(self, engine: Engine, project: Project, identify: Identifier, last: LastReading | None, *, folder: Path) -> None:
        self._engine, self._project, self._identify, self._last, self._folder = engine, project, identify, last, folder
        self._rules = AdverseRules.of(project)
        self._claimed: list[_Claim] = []
        self._untold: dict[tuple[str, str], set[int]] = defaultdict(set)

    @property
    def incomplete(self) -> pa.Table:
        """The columns of :data:`INCOMPLETE_SCHEMA`, by subject, table, source and row."""
        rows = sorted({(one.subject_id, one.table, one.source, one.row, one.code) for one in self._claimed})
        columns: list[tuple[object, ...]] = list(zip(*rows, strict=True)) or [()] * len(INCOMPLETE_SCHEMA)
        arrays = [pa.array(values, kind) for values, kind in zip(columns, INCOMPLETE_SCHEMA.types, strict=True)]
        return pa.Table.from_arrays(arrays, schema=INCOMPLETE_SCHEMA)

    @property
    def hanging(self) -> tuple[Hanging, ...]:
        """Rows that tell neither firm nor record, as far as they hold any firm, by table and source."""
        firms: dict[tuple[str, str], set[str]] = defaultdict(set)
        for one in self._claimed:
            if one.untold:
                firms[one.table, one.source].add(one.subject_id)
        return tuple(Hanging(*place, tuple(sorted(self._untold[place])), len(held)) for place, held in sorted(firms.items()))

    def add(self, name: str, count: TableCount, arrivals: Sequence[Arrival]) -> TableCount:
        """Complete a table that was just read.

        Args:
            name: ``events``, ``inspections`` or ``ratings``.
            count: What became of its rows.
            arrivals: Its sources.

        Returns:
            The count, with the number of records that were carried forward.
        """
        refused = refused_records(self._engine, self._rules, name, arrivals, self._last.as_of if self._last else None)
        lines = lines_refused(self._engine, name, count, arrivals)
        if not refused and not lines:
            return count
        last = register_last(self._engine, self._project, name, self._last)
        refused += self._read_lines(name, lines, arrivals, last)
        claims = self._claims(name, refused, last)
        self._claimed += claims
        firms = sorted({one.subject_id for one in claims})
        if last is None or not firms:
            return count
        carried = carry(self._engine, self._project, name, last, firms)
        self._engine.drop(f"{name}_last")
        return replace(count, carried=carried)

    def add_changes(self, count: TableCount, arrivals: Sequence[Arrival]) -> None:
        """Take the changes into account, which were just read.

        A refused record that a change has ended would not count if it were read: nobody misses it. A refused end of a
        dispute leaves a record hidden: its firm is incomplete.

        Args:
            count: What became of the rows of ``changes``.
            arrivals: Its sources.
        """
        ended = self._ended({one.record for one in self._claimed if one.table == "events" and one.record})
        self._claimed = [one for one in self._claimed if one.table != "events" or one.record not in ended]
        as_of = self._last.as_of if self._last else None
        for end in refused_ends(self._engine, self._project, self._folder, count, arrivals, as_of):
            self._claimed.append(_Claim(end.subject_id, "changes", end.source, end.row, end.code, None, end.untold))
            if end.untold:
                self._untold["changes", end.source].add(end.row)

    def line_codes(self, count: TableCount, arrivals: Sequence[Arrival]) -> dict[tuple[str, int], tuple[str, ...]]:
        """Of each line of a register that is no record, the codes with right check characters that stand in it."""
        scheme = self._project.sources.id_scheme
        lines = {(source, row) for source, row, _code in lines_refused(self._engine, "subjects", count, ())}
        if scheme not in ("uscc", "lei") or not lines:
            return {}
        fields = fields_of_lines(self._project, self._folder, [one for one in arrivals if one.table == "subjects"], lines)
        wrong = self._identify.faulty({field for texts in fields.values() for field in texts}, scheme)
        return {line: tuple(field for field in texts if field not in wrong) for line, texts in fields.items()}

    def _ended(self, records: set[str]) -> set[str]:
        """Which of some events a good change has ended, by the day of the night if that is known."""
        if not records:
            return set()
        asked = small_table(self._engine, "asked_records", "event_id", sorted(records))
        changes = kept_table(TABLES["changes"])
        ends = changes.filter(changes.change.isin(ENDING_CHANGES))
        if self._last is not None:
            ends = ends.filter((ends.effective_date <= self._last.as_of) & (ends.known_date <= self._last.as_of))
        found = self._engine.query(ends.semi_join(asked, "event_id").select("event_id").distinct())
        self._engine.drop("asked_records")
        return set(found["event_id"].to_pylist())

    def _read_lines(
        self, name: str, lines: list[tuple[str, int, str]], arrivals: Sequence[Arrival], last: ir.Table | None
    ) -> list[Refused]:
        """Lines that are no record, with the firms and the records of the last reading that stand in them."""
        fields = fields_of_lines(self._project, self._folder, arrivals, {(source, row) for source, row, _code in lines})
        everything = sorted({field for texts in fields.values() for field in texts})
        asked = small_table(self._engine, "asked_fields", "subject_id", everything)
        firms = set(self._engine.query(_index().semi_join(asked, "subject_id").select("subject_id"))["subject_id"].to_pylist())
        self._engine.drop("asked_fields")
        records = self._firms_of_records(name, everything, last)
        refused = []
        for source, row, code in lines:
            texts = fields.get((source, row), ())
            known = [Refused(firm, None, source, row, code, True) for firm in texts if firm in firms]
            known += [Refused(None, record, source, row, code, False) for record in texts if record in records]
            refused += known or [Refused(None, None, source, row, code, False)]
        return refused

    def _claims(self, name: str, refused: list[Refused], last: ir.Table | None) -> list[_Claim]:
        """Whose records were refused."""
        by_record = self._firms_of_records(name, [one.record for one in refused if one.record], last)
        # What has ended counts no more, unless it was read otherwise last.
        refused = [one for one in refused if not one.over or one.record in by_record]
        rest = [one for one in refused if not one.registered and one.record not in by_record]
        by_code, elsewhere = self._firms_of_codes(rest)
        named: list[tuple[str, Refused]] = []
        untold: dict[str, list[Refused]] = defaultdict(list)
        for one in refused:
            # A record that moved to another firm in a refused row is missing on both sides.
            firms = {by_record.get(one.record or ""), one.subject_id if one.registered else by_code.get(one.subject_id or "")}
            named += [(firm, one) for firm in firms if firm is not None]
            if firms == {None} and one.subject_id not in elsewhere:
                untold[one.source].append(one)
        good = self._good_rows(name, named)
        claims = [
            _Claim(firm, name, one.source, one.row, one.code, one.record)
            for firm, one in named
            if not any(_is_whole_reading(row, one) for row in good.get((firm, one.record or one.scheme or ""), ()))
        ]
        if untold and last is not None:
            told = [one.record for one in refused if one.record]
            for firm, source, record in self._absent_firms(name, last, list(untold), told):
                first = untold[source][0]
                claims.append(_Claim(firm, name, source, first.row, first.code, record, untold=True))
                self._untold[name, source] |= {one.row for one in untold[source]}
        return claims

    def _good_rows(self, name: str, named: Iterable[tuple[str, Refused]]) -> dict[tuple[str, str], list[_Good]]:
        """The good rows that arrived of the firms and records (or schemes) of refused rows, by firm and record."""
        firms = sorted({firm for firm, one in named if not one.kept})
        if not firms:
            return {}
        rows = arrived_table(TABLES[name])
        asked = small_table(self._engine, "asked_firms", "subject_id", firms)
        rows = rows.filter(~lacks(rows, name, self._rules)) if SOFT[name] else rows
        if self._last is not None:
            rows = rows.filter((rows.known_date <= self._last.as_of) & (rows.event_date <= self._last.as_of))
        of_firms = rows.semi_join(asked, "subject_id")
        chosen = of_firms.select("subject_id", of_firms[RECORD.get(name, "scheme")].name("record"), "event_date", "known_date")
        found = self._engine.query(chosen)
        self._engine.drop("asked_firms")
        good: dict[tuple[str, str], list[_Good]] = defaultdict(list)
        for row in zip(*(column.to_pylist() for column in found.columns), strict=True):
            good[row[0], row[1]].append(row)
        return good

    def _firms_of_records(self, name: str, records: list[str], last: ir.Table | None) -> dict[str, str]:
        """The firms that the last reading knows for some records, as far as they are in the register and lack the record tonight.

        A record that a good row of its firm has is not the refused one, whatever that calls itself.
        """
        if last is None or not records or name not in RECORD:
            return {}
        key = RECORD[name]
        asked = small_table(self._engine, "asked_records", key, records)
        known = last.semi_join(asked, key).semi_join(_index(), "subject_id")
        found = self._engine.query(known.anti_join(kept_table(TABLES[name]), [key, "subject_id"]).select(key, "subject_id"))
        self._engine.drop("asked_records")
        return dict(zip(found[key].to_pylist(), found["subject_id"].to_pylist(), strict=True))

    def _firms_of_codes(self, rows: list[Refused]) -> tuple[dict[str, str], set[str]]:
        """The only registered code one slip away from each code that cannot exist; and ids that name others than our firms."""
        specs, known = {source.name: source for source in self._project.sources.source}, self._quarantined()
        by_scheme: dict[IdScheme, set[str]] = {}
        for one in rows:
            if one.subject_id:
                by_scheme.setdefault(specs[one.source].id_scheme or self._project.sources.id_scheme, set()).add(one.subject_id)
        elsewhere: set[str] = set()
        near: dict[str, set[str]] = {}
        for scheme, ids in by_scheme.items():
            broken = self._identify.faulty(ids - known, scheme)
            elsewhere |= ids - broken
            near |= {code: near_codes(code, scheme) for code in broken}
        candidates = sorted(set().union(*near.values()))
        if not candidates:
            return {}, elsewhere
        asked = small_table(self._engine, "asked_codes", "subject_id", candidates)
        registered = set(self._engine.query(_index().semi_join(asked, "subject_id").select("subject_id"))["subject_id"].to_pylist())
        self._engine.drop("asked_codes")
        only = {code: codes & registered for code, codes in near.items()}
        return {code: min(codes) for code, codes in only.items() if len(codes) == 1}, elsewhere

    def _quarantined(self) -> set[str]:
        """Ids under which subjects themselves are quarantined: a record with such a code is of that subject."""
        subjects = refused_table(TABLES["subjects"])
        ids = self._engine.query(subjects.filter(subjects.subject_id.notnull()).select("subject_id").distinct())
        return set(ids["subject_id"].to_pylist())

    def _absent_firms(self, name: str, last: ir.Table, sources: list[str], told: list[str]) -> list[tuple[str, str, str | None]]:
        """Firms with a record of the last reading, from some sources, that is absent tonight; with its source and the record.

        Not for the records ``told``, of which a refused row can be read.
        """
        missing = absent(name, last).filter(ibis._[SOURCE].isin(sources))
        if name in RECORD and told:
            missing = missing.anti_join(small_table(self._engine, "told_records", RECORD[name], told), RECORD[name])
        if name not in RECORD and self._last is not None:
            # Of ratings the newest one counts alone: nobody misses an earlier one.
            good = arrived_table(TABLES[name])
            good = good.filter((good.known_date <= self._last.as_of) & (good.event_date <= self._last.as_of))
            later = good.select(firm="subject_id", under="scheme", day="event_date")
            same = [missing.subject_id == later.firm, missing.scheme == later.under, missing.event_date < later.day]
            missing = missing.anti_join(later, same)
        missing = missing.semi_join(_index(), "subject_id")
        record = missing[RECORD[name]] if name in RECORD else ibis.null("string")
        rows = self._engine.query(missing.select("subject_id", SOURCE, record=record).distinct())
        self._engine.drop("told_records")
        return sorted(zip(*(column.to_pylist() for column in rows.columns), strict=True), key=lambda row: (*row[:2], row[2] or ""))


def _index() -> ir.Table:
    return unbound("subject_index", pa.schema([("subject_id", pa.string())]))


def _is_whole_reading(good: _Good, refused: Refused) -> bool:
    """Whether a good row of the same firm makes a refused one superfluous.

    It is the same record, or a later rating under the scheme, which alone counts; and it was not known before the refused one.
    """
    _firm, _record, event_date, known_date = good
    if refused.kept:
        return False
    if refused.record is None and (refused.event_date is None or event_date < refused.event_date):
        return False
    if refused.record is None and refused.event_date is not None and event_date > refused.event_date:
        return True
    return refused.known_date is None or known_date >= refused.known_date
