"""Firms whose adverse records were refused tonight, and what the last reading carries forward for them.

A fault never helps a firm: a refused adverse record must neither raise its score nor better its tier. What is refused names
its firm by its id, by its record in the last reading, or by a code that is one slip away; of a line that is no record every
firm and record that stands in it is concerned. What had ended by what can be read of it is missed by nobody. For these
firms the records of the last reading that are absent tonight are added, and refused values are filled in from it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.config.sources import IdScheme
from creditscore.dates import day_number
from creditscore.engine import arrow_schema, unbound
from creditscore.records.adverse import AdverseRules
from creditscore.records.arrivals import ARRIVAL, FIELDS, KIND_KEY, LAST_DAY, Arrival, source_rows
from creditscore.records.column_types import one_array
from creditscore.records.contracts import COPY, TableCount, kept_table, refused_table
from creditscore.records.identity import Identifier
from creditscore.records.line_ids import fields_of_lines
from creditscore.records.near_codes import near_codes
from creditscore.records.tables import TABLES
from creditscore.vocabulary import CHANGES, ENDING_CHANGES

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.project import Project
    from creditscore.engine import Engine

#: The tables with adverse records, and the files in which a run keeps those that counted.
READINGS = {"events": "adverse_records", "inspections": "adverse_visits", "ratings": "adverse_ratings"}
#: One row per firm and refused row or value: whose reading is incomplete, and where it is to be mended.
INCOMPLETE_SCHEMA = pa.schema(
    [("subject_id", pa.string()), ("table", pa.string()), ("source", pa.string()), ("row", pa.int64()), ("code", pa.string())]
)
#: Values that count against a firm and may be refused alone.
_SOFT = {"events": ("severity", "amount", "verified"), "inspections": ("severity",), "ratings": ()}
_RECORD = {"events": "event_id", "inspections": "inspection_id"}
#: The column of the source in a reading.
SOURCE = "source"


@dataclass(frozen=True)
class LastReading:
    """The adverse records as they counted in the run before.

    Attributes:
        files: Of each table that the run kept, its Parquet file; none in a first night.
        as_of: The day of tonight's run: what ended before it is neither carried forward nor missed.
    """

    files: Mapping[str, Path]
    as_of: dt.date


@dataclass(frozen=True)
class _Refused:
    """A refused row, or a kept one that lacks a value."""

    subject_id: str | None
    record: str | None
    source: str
    row: int
    code: str
    registered: bool
    #: Whether it ended before tonight, by what can be read of it.
    over: bool = False


class Completion:
    """Finds, table by table, whose adverse records were refused, and adds those of the last reading."""

    def __init__(self, engine: Engine, project: Project, identify: Identifier, last: LastReading | None, *, folder: Path) -> None:
        self._engine, self._project, self._identify, self._last, self._folder = engine, project, identify, last, folder
        self._rules = AdverseRules.of(project)
        self._parts: list[pa.Table] = []

    @property
    def incomplete(self) -> pa.Table:
        """The columns of :data:`INCOMPLETE_SCHEMA`, by subject, table, source and row."""
        rows = pa.concat_tables([INCOMPLETE_SCHEMA.empty_table(), *self._parts])
        return rows.sort_by([(name, "ascending") for name in INCOMPLETE_SCHEMA.names])

    def add(self, name: str, count: TableCount, arrivals: Sequence[Arrival]) -> TableCount:
        """Complete a table that was just read.

        Args:
            name: ``events``, ``inspections`` or ``ratings``.
            count: What became of its rows.
            arrivals: Its sources.

        Returns:
            The count, with the number of records that were carried forward.
        """
        refused = self._refused(name, count, arrivals)
        lines = lines_refused(self._engine, name, count, arrivals)
        if not refused and not lines:
            return count
        last = self._register_last(name)
        refused += self._read_lines(name, lines, arrivals, last)
        claims = self._claims(name, refused, last)
        self._parts.append(claims)
        firms = pc.unique(claims["subject_id"])
        if last is None or not len(firms):
            return count
        carried, sources = self._carried(name, last, firms)
        filled = self._fill(name, last)
        if carried.num_rows or filled:
            self._append(name, carried)
        self._engine.drop(f"{name}_last")
        return replace(count, carried=tuple(sources))

    def add_changes(self, count: TableCount, arrivals: Sequence[Arrival]) -> None:
        """Find whose adverse records stay hidden because the end of a dispute was refused.

        Args:
            count: What became of the rows of ``changes``, which were just read.
            arrivals: Its sources.
        """
        table, changes = refused_table(TABLES["changes"]), kept_table(TABLES["changes"])
        against = table.change.isnull() | ~table.change.isin([change for change in CHANGES if change != "dispute_rejected"])
        chosen = table.filter((table.code != COPY) & table.event_id.notnull() & against)
        rows = self._engine.query(chosen.select(ARRIVAL, "event_id", "code").order_by(ARRIVAL))
        places = [part.to_pylist() for part in source_rows(arrivals, one_array(rows[ARRIVAL]))] if rows.num_rows else [[], []]
        named = list(zip(rows["event_id"].to_pylist(), *places, rows["code"].to_pylist(), strict=True))
        lines = lines_refused(self._engine, "changes", count, arrivals)
        fields = fields_of_lines(self._project, self._folder, arrivals, {(source, row) for source, row, _code in lines})
        named += [(text, source, row, code) for source, row, code in lines for text in fields.get((source, row), ())]
        if not named:
            return
        asked = self._keys("asked_records", "event_id", [event for event, *_place in named])
        events = kept_table(TABLES["events"])
        hidden = changes.filter(changes.change == "disputed").select("event_id")
        ended = changes.filter(changes.change.isin(ENDING_CHANGES)).select("event_id")
        adverse = events.filter(self._rules.adverse("events", events) & ~self._is_over(events)).semi_join(asked, "event_id")
        disputed = adverse.semi_join(hidden, "event_id").anti_join(ended, "event_id")
        found = self._engine.query(disputed.select("event_id", "subject_id"))
        self._engine.drop("asked_records")
        firms = dict(zip(found["event_id"].to_pylist(), found["subject_id"].to_pylist(), strict=True))
        claims = ((firms[event], "changes", *place) for event, *place in named if event in firms)
        self._parts.append(_claimed(claims))

    def line_codes(self, count: TableCount, arrivals: Sequence[Arrival]) -> dict[tuple[str, int], tuple[str, ...]]:
        """Of each line of a register that is no record, the codes with right check characters that stand in it."""
        scheme = self._project.sources.id_scheme
        lines = {(source, row) for source, row, _code in lines_refused(self._engine, "subjects", count, ())}
        if scheme not in ("uscc", "lei") or not lines:
            return {}
        fields = fields_of_lines(self._project, self._folder, [one for one in arrivals if one.table == "subjects"], lines)
        wrong = self._identify.faulty({field for texts in fields.values() for field in texts}, scheme)
        return {line: tuple(field for field in texts if field not in wrong) for line, texts in fields.items()}

    def _refused(self, name: str, count: TableCount, arrivals: Sequence[Arrival]) -> list[_Refused]:
        """Refused rows that may be adverse, and kept ones that lack a value."""
        table, kept = refused_table(TABLES[name]), kept_table(TABLES[name])
        bad = table.filter((table.code != COPY) & self._rules.adverse(name, table))
        of_days = bad.code.contains("_date") | bad.code.contains("valid_until")  # then the days themselves may be wrong
        parts = [self._query(name, bad, bad.code, self._is_over(bad) & ~of_days)]
        if _SOFT[name]:
            lacking = kept.filter(_lacks(kept, name) & self._rules.adverse(name, kept))
            parts.append(self._query(name, lacking, lacking[FIELDS], self._is_over(lacking)))
        rows = pa.concat_tables(parts)
        sources, numbers = source_rows(arrivals, one_array(rows[ARRIVAL]))
        columns = (rows["subject_id"], rows["record"], sources, numbers, rows["code"], rows["registered"], rows["over"])
        return [_Refused(*cells) for cells in zip(*(column.to_pylist() for column in columns), strict=True)]

    def _read_lines(
        self, name: str, lines: list[tuple[str, int, str]], arrivals: Sequence[Arrival], last: ir.Table | None
    ) -> list[_Refused]:
        """Lines that are no record, with the firms and the records of the last reading that stand in them."""
        fields = fields_of_lines(self._project, self._folder, arrivals, {(source, row) for source, row, _code in lines})
        everything = sorted({field for texts in fields.values() for field in texts})
        asked = self._keys("asked_fields", "subject_id", everything)
        firms = set(self._engine.query(_index().semi_join(asked, "subject_id").select("subject_id"))["subject_id"].to_pylist())
        self._engine.drop("asked_fields")
        records = self._firms_of_records(name, everything, last)
        refused = []
        for source, row, code in lines:
            texts = fields.get((source, row), ())
            known = [_Refused(firm, None, source, row, code, True) for firm in texts if firm in firms]
            known += [_Refused(None, record, source, row, code, False) for record in texts if record in records]
            refused += known or [_Refused(None, None, source, row, code, False)]
        return refused

    def _is_over(self, rows: ir.Table) -> ir.BooleanValue:
        """Which rows ended before tonight (an expression, never missing)."""
        if self._last is None or LAST_DAY not in rows.columns:
            return ibis.literal(False)
        return (rows[LAST_DAY] < day_number(self._last.as_of)).fill_null(False)

    def _query(self, name: str, rows: ir.Table, code: ir.StringValue, over: ir.BooleanValue) -> pa.Table:
        index = unbound("subject_index", pa.schema([("subject_id", pa.string())])).select(known_id="subject_id")
        record = rows[_RECORD[name]] if name in _RECORD else ibis.null("string")
        chosen = rows.select(ARRIVAL, "subject_id", record=record, code=code, over=over)
        joined = chosen.left_join(index, chosen.subject_id == index.known_id)
        columns = joined.select(ARRIVAL, "subject_id", "record", "code", "over", registered=joined.known_id.notnull())
        return self._engine.query(columns.order_by(ARRIVAL))

    def _register_last(self, name: str) -> ir.Table | None:
        """The last reading of a table, as far as it still counts; None where there is none."""
        path = self._last.files.get(name) if self._last else None
        if path is None or self._last is None:
            return None
        self._engine.register(f"{name}_last", path)
        last = unbound(f"{name}_last", reading_schema(name))
        if name != "events":
            return last
        not_over = last[LAST_DAY].isnull() | (last[LAST_DAY] >= day_number(self._last.as_of))
        return last.filter(not_over & last.kind.isin(list(self._project.catalogue.by_kind)))

    def _claims(self, name: str, refused: list[_Refused], last: ir.Table | None) -> pa.Table:
        """Whose records were refused: the columns of :data:`INCOMPLETE_SCHEMA`."""
        by_record = self._firms_of_records(name, [one.record for one in refused if one.record], last)
        # What has ended counts no more, unless it was read otherwise last.
        refused = [one for one in refused if not one.over or one.record in by_record]
        rest = [one for one in refused if not one.registered and one.record not in by_record]
        by_code, elsewhere = self._firms_of_codes(rest)
        claims: list[tuple[str, _Refused]] = []
        untold: dict[str, _Refused] = {}
        for one in refused:
            # A record that moved to another firm in a refused row is missing on both sides.
            firms = {by_record.get(one.record or ""), one.subject_id if one.registered else by_code.get(one.subject_id or "")}
            claims += [(firm, one) for firm in firms if firm is not None]
            if firms == {None} and one.subject_id not in elsewhere:
                untold.setdefault(one.source, one)
        if untold and last is not None:
            told = [one.record for one in refused if one.record]
            claims += [(firm, untold[source]) for firm, source in self._absent_firms(name, last, list(untold), told)]
        return _claimed((firm, name, one.source, one.row, one.code) for firm, one in claims)

    def _firms_of_records(self, name: str, records: list[str], last: ir.Table | None) -> dict[str, str]:
        """The firms that the last reading knows for some records, as far as they are in the register and lack the record tonight.

        A record that a good row of its firm has is not the refused one, whatever that calls itself.
        """
        if last is None or not records or name not in _RECORD:
            return {}
        key = _RECORD[name]
        asked = self._keys("asked_records", key, records)
        known = last.semi_join(asked, key).semi_join(_index(), "subject_id")
        found = self._engine.query(known.anti_join(kept_table(TABLES[name]), [key, "subject_id"]).select(key, "subject_id"))
        self._engine.drop("asked_records")
        return dict(zip(found[key].to_pylist(), found["subject_id"].to_pylist(), strict=True))

    def _firms_of_codes(self, rows: list[_Refused]) -> tuple[dict[str, str], set[str]]:
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
        asked = self._keys("asked_codes", "subject_id", candidates)
        registered = set(self._engine.query(_index().semi_join(asked, "subject_id").select("subject_id"))["subject_id"].to_pylist())
        self._engine.drop("asked_codes")
        only = {code: codes & registered for code, codes in near.items()}
        return {code: min(codes) for code, codes in only.items() if len(codes) == 1}, elsewhere

    def _quarantined(self) -> set[str]:
        """Ids under which subjects themselves are quarantined: a record with such a code is of that subject."""
        subjects = refused_table(TABLES["subjects"])
        ids = self._engine.query(subjects.filter(subjects.subject_id.notnull()).select("subject_id").distinct())
        return set(ids["subject_id"].to_pylist())

    def _absent_firms(self, name: str, last: ir.Table, sources: list[str], told: list[str]) -> list[tuple[str, str]]:
        """Firms with a record of the last reading, from some sources, that is absent tonight; with its source.

        Not for the records ``told``, of which a refused row can be read.
        """
        absent = _absent(name, last).filter(ibis._[SOURCE].isin(sources))
        if name in _RECORD and told:
            absent = absent.anti_join(self._keys("told_records", _RECORD[name], told), _RECORD[name])
        rows = self._engine.query(absent.semi_join(_index(), "subject_id").select("subject_id", SOURCE).distinct())
        self._engine.drop("told_records")
        return sorted(zip(rows["subject_id"].to_pylist(), rows[SOURCE].to_pylist(), strict=True))

    def _carried(self, name: str, last: ir.Table, firms: pa.Array) -> tuple[pa.Table, list[str]]:
        """The records of the last reading of some firms that are absent tonight, in the columns of the kept rows; their sources.

        Their ``arrival`` is below 0: they did not arrive.
        """
        asked = self._keys("asked_firms", "subject_id", firms.to_pylist())
        rows = self._engine.query(_absent(name, last).semi_join(asked, "subject_id").order_by(list(TABLES[name].key)))
        self._engine.drop("asked_firms")
        columns = {ARRIVAL: pa.array(range(-rows.num_rows, 0), pa.int64())}
        if name == "events":
            kinds = pa.array(list(self._project.catalogue.by_kind), pa.string())
            columns[KIND_KEY] = pc.index_in(one_array(rows["kind"]), kinds)
        arrays = []
        for field in arrow_schema(kept_table(TABLES[name])):
            own = columns.get(field.name)
            own = rows[field.name] if own is None and field.name in rows.column_names else own
            arrays.append(pa.nulls(rows.num_rows, field.type) if own is None else own)
        return pa.Table.from_arrays(arrays, schema=arrow_schema(kept_table(TABLES[name]))), rows[SOURCE].to_pylist()

    def _fill(self, name: str, last: ir.Table) -> bool:
        """Fill values that were refused from the last reading; whether there were any."""
        if not _SOFT[name]:
            return False
        kept, key = kept_table(TABLES[name]), _RECORD[name]
        lacking = kept.filter(_lacks(kept, name) & self._rules.adverse(name, kept))
        before = last.select(before_id=last[key], **{f"before_{column}": last[column] for column in _SOFT[name]})
        joined = lacking.inner_join(before, lacking[key] == before.before_id)
        values = {column: ibis.coalesce(joined[column], joined[f"before_{column}"]) for column in _SOFT[name]}
        rows = self._engine.query(joined.select(**{column: values.get(column, joined[column]) for column in kept.columns}))
        if not rows.num_rows:
            return False
        self._engine.register(f"{name}_filled", rows)
        filled = unbound(f"{name}_filled", rows.schema)
        self._engine.delete(f"{name}_rows", filled, ARRIVAL)
        self._engine.append(f"{name}_rows", filled)
        self._engine.drop(f"{name}_filled")
        return True

    def _append(self, name: str, carried: pa.Table) -> None:
        table = TABLES[name]
        if carried.num_rows:
            self._engine.register(f"{name}_carried", carried)
            self._engine.append(f"{name}_rows", unbound(f"{name}_carried", carried.schema))
            self._engine.drop(f"{name}_carried")
        # The view sees what it was made of, on Spark as it was then.
        self._engine.view(name, kept_table(table).select(list(table.columns)))

    def _keys(self, name: str, column: str, values: Sequence[str]) -> ir.Table:
        """A small table of keys in the engine."""
        rows = pa.table({column: pa.array(sorted(set(values)), pa.string())})
        self._engine.register(name, rows)
        return unbound(name, rows.schema)


def _index() -> ir.Table:
    return unbound("subject_index", pa.schema([("subject_id", pa.string())]))


def _claimed(claims: Iterable[tuple[object, ...]]) -> pa.Table:
    """Claims in the columns of :data:`INCOMPLETE_SCHEMA`, each once."""
    columns: list[tuple[object, ...]] = list(zip(*dict.fromkeys(claims), strict=True)) or [()] * len(INCOMPLETE_SCHEMA)
    arrays = [pa.array(values, kind) for values, kind in zip(columns, INCOMPLETE_SCHEMA.types, strict=True)]
    return pa.Table.from_arrays(arrays, schema=INCOMPLETE_SCHEMA)


def _lacks(kept: ir.Table, name: str) -> ir.BooleanValue:
    """Rows of which a value that counts was refused."""
    fields = kept[FIELDS].fill_null("")
    return reduce(or_, (fields.contains(f":{column}") for column in _SOFT[name]))


def _absent(name: str, last: ir.Table) -> ir.Table:
    """The records of the last reading that are not among tonight's good ones."""
    return last.anti_join(kept_table(TABLES[name]), list(TABLES[name].key))


def reading_schema(name: str) -> pa.Schema:
    """The columns in which a run keeps the adverse records of a table: the standard ones and their source."""
    schema = TABLES[name].schema
    if name == "events":
        schema = schema.append(pa.field(LAST_DAY, pa.int32()))
    return schema.append(pa.field(SOURCE, pa.string()))


def lines_refused(engine: Engine, name: str, count: TableCount, arrivals: Sequence[Arrival]) -> list[tuple[str, int, str]]:
    """Source, row and code of the refused lines of a table that are no record at all: nothing of them can be read."""
    rejects, table = count.rejects, refused_table(TABLES[name])
    whole = pc.and_(pc.equal(rejects["scope"], "row"), pc.equal(rejects["key"], ""))
    lines = rejects.filter(whole).select(["source", "row", "code"]).to_pylist()
    if not lines:
        return []
    if len(TABLES[name].key) > 1:  # the key of a record has a mark between its parts
        return [(line["source"], line["row"], line["code"]) for line in lines]
    keyless = engine.query(table.filter(table[TABLES[name].key[0]].isnull()).select(ARRIVAL))
    places = source_rows(arrivals, one_array(keyless[ARRIVAL])) if keyless.num_rows else ()
    records = set(zip(*(column.to_pylist() for column in places), strict=True))
    return [(line["source"], line["row"], line["code"]) for line in lines if (line["source"], line["row"]) not in records]
