"""The contract of each standard table: its rows are split into those that count and those refused, each with a code.

Every row that arrived is kept, quarantined or collapsed as a copy; the equation is checked. Quarantine goes by
Ibis expressions, so that it is the same on every engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import ibis
import ibis.expr.datatypes as dt
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.engine import unbound
from creditscore.errors import DataError
from creditscore.records.columns.types import FIELD_MARK, TEXT_MARK, one_array
from creditscore.records.standard.arrivals import (
    ARRIVAL,
    FAULT,
    FAULT_TEXT,
    FIELD_TEXTS,
    FIELDS,
    KIND_KEY,
    Arrival,
    arriving_schema,
    source_number,
)
from creditscore.records.standard.rejects import COPY, broken_rules, columns_of, line_rejects, rejects_of
from creditscore.records.standard.spreading import forget, read_by_executors
from creditscore.records.standard.streams import Stream
from creditscore.records.tables import StandardTable

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.engine import Engine

#: The tables whose rows have the key of their subject, and its column.
_KEYED, SUBJECT_KEY = ("events",), "subject_key"
#: The code of a row of nobody whom the register knows.
UNKNOWN_SUBJECT = "UNKNOWN_SUBJECT"
_CONFLICT = "DUP_CONFLICT"
#: The rows of the register whose code others may have.
SEVERAL = "subjects_several"
_SHARED, _REUSED = "ID_SHARED", "ID_REUSED"
#: Finds faults between rows: from rows without a fault of their own to ``arrival`` and ``why``.
Between = Callable[["ir.Table"], "ir.Table"]
#: Finds values that are refused alone: from rows to ``arrival`` and ``codes``, each with a mark behind it; None for none.
Lacking = Callable[["ir.Table"], "ir.Table | None"]


@dataclass(frozen=True)
class Reference:
    """A column that must name a row of one of some tables; ``code`` is the fault where it does not."""

    column: str
    tables: tuple[ir.Table, ...]
    code: str


@dataclass(frozen=True)
class TableCount:
    """What became of a table's rows: ``arrived = kept + quarantined + collapsed``."""

    arrived: int
    kept: int
    quarantined: int
    collapsed: int
    rejects: pa.Table
    #: One row per broken rule: code, scope, rows, and the key of the first row.
    rules: pa.Table = field(default_factory=lambda: pa.table({"code": [], "scope": [], "rows": [], "example": []}))
    #: The sources of the records that were carried forward from the last reading, in order of their ``arrival``, which is
    #: below 0: none of them arrived.
    carried: tuple[str, ...] = ()


def kept_table(table: StandardTable) -> ir.Table:
    """The rows of a table that count, with the columns that arrived with the standard ones."""
    return unbound(f"{table.name}_rows", _checked_schema(table))


def arrived_table(table: StandardTable) -> ir.Table:
    """The rows of :func:`kept_table` that arrived: without those that are carried forward from the last reading."""
    kept = kept_table(table)
    return kept.filter(kept[ARRIVAL] >= 0)


def refused_table(table: StandardTable, name: str | None = None) -> ir.Table:
    """The rows of a table that do not count, each with its ``code``; ``COPY`` is that of collapsed ones.

    ``name`` is that of another table with the same columns, such as the supplements of the subjects.
    """
    return unbound(f"{name or table.name}_refused", _checked_schema(table))


def _checked_schema(table: StandardTable) -> pa.Schema:
    schema = arriving_schema(table)
    schema = schema.remove(schema.get_field_index(FAULT))
    if table.name in _KEYED:
        schema = schema.append(pa.field(SUBJECT_KEY, pa.int64()))
    return schema.append(pa.field("code", pa.string()))


def enforce(
    engine: Engine,
    stream: Stream,
    *,
    references: tuple[Reference, ...] = (),
    between: Sequence[Between] = (),
    lacking: Lacking = lambda rows: None,
    subjects: ir.Table | None = None,
) -> TableCount:
    """Read a table's stream into the engine as ``<table>``, and count what became of its rows.

    Args:
        engine: Where the table will live.
        stream: The rows.
        references: Columns whose values must be in another table.
        between: Further faults that only show between rows, or beside what was read before.
        lacking: Further values that are refused alone.
        subjects: Of ``events``, the keys of the subjects by id: each row gets its subject's, and one without is refused.

    Returns:
        Counts, the refused rows and values, and the broken rules.

    Raises:
        DataError: A source cannot be used; or rows came in that are not accounted for.
    """
    table = stream.table
    if not stream.expected:
        return _empty_tables(engine, stream)
    arriving = unbound(f"{table.name}_arriving", arriving_schema(table))
    try:
        if engine.has_sessions and not stream.passes_through:
            read_by_executors(engine, stream, arriving.get_name())
        else:
            engine.register(arriving.get_name(), stream.reader())
        checked = engine.create(f"{table.name}_rows", _with_code(arriving, table, subjects), streamed=True)
    except DataError:
        raise stream.error or DataError(
            "{table}: could not be read into {engine}; the debug log has the query", table=table.name, engine=engine.name
        ) from None
    forget(engine, arriving.get_name())
    if not stream.sent:
        return _empty_tables(engine, stream)
    _refuse_values(engine, checked, lacking(checked))
    # The rows that do not count are moved from <table>_rows to <table>_refused.
    faults = _faults_between_rows(engine, checked, table, references, between)
    joined = checked
    for number, fault in enumerate(faults):
        other = fault.select(**{f"row_{number}": fault[ARRIVAL], f"why_{number}": fault.why})
        joined = joined.left_join(other, joined[ARRIVAL] == other[f"row_{number}"])
    code = ibis.coalesce(joined.code, *(joined[f"why_{number}"] for number in range(len(faults))))
    refused = engine.create(f"{table.name}_refused", joined.mutate(code=code).filter(ibis._.code.notnull()).select(checked.columns))
    engine.delete(checked.get_name(), refused, ARRIVAL)
    for fault in faults:
        engine.drop(fault.get_name())
    engine.view(table.name, kept_table(table).select(list(table.columns)))
    return _counted(engine, stream)


def _with_code(arriving: ir.Table, table: StandardTable, subjects: ir.Table | None) -> ir.Table:
    """The rows with the first fault that each has by itself, joined with nothing but ``subjects``: a stream only passes through."""
    if subjects is not None:
        known = subjects.select(SUBJECT_KEY, known_id="subject_id")
        arriving = arriving.left_join(known, arriving.subject_id == known.known_id).drop("known_id")

    def when(condition: ir.BooleanValue, code: str) -> ir.StringValue:
        return ibis.ifelse(condition.fill_null(False), ibis.literal(code), ibis.null("string"))

    codes = [arriving[FAULT]]
    codes += [when(arriving[name].isnull(), f"MISSING:{name}") for name in table.required]
    codes += [
        when(arriving[name].notnull() & ~arriving[name].isin(values), f"NOT_LISTED:{name}") for name, values in table.values.items()
    ]
    codes += [when(arriving[later] < arriving[first], f"DATE_ORDER:{later}") for first, later in table.day_pairs]
    codes += [when(arriving[small] > arriving[large], f"OUT_OF_RANGE:{small}") for small, large in table.at_most]
    if KIND_KEY in arriving.columns:
        codes.append(when(arriving[KIND_KEY].isnull(), "OFF_CATALOGUE"))
    if subjects is not None:
        codes.append(when(arriving[SUBJECT_KEY].isnull(), UNKNOWN_SUBJECT))
    return arriving.mutate(code=ibis.coalesce(*codes)).drop(FAULT)


def _refuse_values(engine: Engine, rows: ir.Table, found: ir.Table | None) -> None:
    """Note the codes of further values on some rows. There are few of them."""
    if found is None:
        return
    name = f"{rows.get_name()}_lacking"
    lacking = engine.query(rows.inner_join(found, ARRIVAL).select(*rows.columns, "codes"))
    if not lacking.num_rows:
        return
    codes = pc.utf8_rtrim(one_array(lacking["codes"]), FIELD_MARK)
    texts = pc.replace_substring(pc.replace_substring_regex(codes, f"[^{FIELD_MARK}]", ""), FIELD_MARK, TEXT_MARK)
    for column, more, mark in ((FIELDS, codes, FIELD_MARK), (FIELD_TEXTS, texts, TEXT_MARK)):
        noted = pc.coalesce(pc.binary_join_element_wise(one_array(lacking[column]), more, mark), more)
        lacking = lacking.set_column(lacking.column_names.index(column), column, noted)
    lacking = lacking.drop_columns(["codes"])
    engine.register(name, lacking)
    engine.delete(rows.get_name(), unbound(name, lacking.schema), ARRIVAL)
    engine.append(rows.get_name(), unbound(name, lacking.schema))
    engine.drop(name)


def _faults_between_rows(
    engine: Engine, checked: ir.Table, table: StandardTable, references: Sequence[Reference], between: Sequence[Between]
) -> list[ir.Table]:
    """Tables of ``arrival`` and ``why``: rows with an unknown reference, what ``between`` finds, copies and conflicts.

    They are small, and none of them is united with another: the optimiser of Spark 4 loses columns of a union
    of checkpointed tables.
    """
    name, good = table.name, checked.filter(checked.code.isnull())
    faults = []
    for number, reference in enumerate(references):
        unknown = good
        for other in reference.tables:
            known = other.select(found_key=other[reference.column])
            unknown = unknown.anti_join(known, unknown[reference.column] == known.found_key).select(good.columns)
        faults.append(engine.create(f"{name}_unknown_{number}", unknown.select(ARRIVAL, why=ibis.literal(reference.code))))
        good = good.anti_join(faults[-1], ARRIVAL).select(good.columns)
    for number, find in enumerate(between):
        faults.append(engine.create(f"{name}_between_{number}", find(good)))
        good = good.anti_join(faults[-1], ARRIVAL).select(good.columns)
    key = good[table.key[0]].cast("string").fill_null("")
    for column in table.key[1:]:
        key = key + "|" + good[column].cast("string").fill_null("")
    alike = sharing_a_hash(engine, good, key, f"{name}_alike")
    suspects = engine.create(f"{name}_suspects", good.semi_join(alike, ARRIVAL))
    faults.append(engine.create(f"{name}_repeated", _copies_and_conflicts(suspects, table)))
    for other in (alike, suspects):
        engine.drop(other.get_name())
    return faults


@ibis.udf.scalar.builtin(name="hash")  # type: ignore[untyped-decorator]
def _text_hash(text: dt.string) -> dt.int64:
    """The engine's own hash of a text: equal texts have equal ones. Other texts may too: only to find who to compare."""


def sharing_a_hash(engine: Engine, rows: ir.Table, text: ir.StringValue, name: str) -> ir.Table:
    """The few ``arrival`` of rows whose text has a hash that another row's text has too, kept as ``name``.

    Equal texts are among them. Each step is kept: an engine that knows how few rows there are builds its
    joins on those, and never on all rows.
    """
    hashed = rows.select(ARRIVAL, text_hash=_text_hash(text))
    several = hashed.group_by("text_hash").agg(rows=hashed.count()).filter(ibis._.rows > 1).select("text_hash")
    kept = engine.create(f"{name}_hashes", several)
    sharing = engine.create(name, hashed.semi_join(kept, "text_hash").select(ARRIVAL))
    engine.drop(f"{name}_hashes")
    return sharing


def _copies_and_conflicts(rows: ir.Table, table: StandardTable) -> ir.Table:
    """Rows whose key others have: all of them where they disagree, all but one where they are alike.

    A row of which values were refused is alike with one without a fault that has them and is the same otherwise: its mended
    double. The row without a fault stays.
    """
    filled, same = _filled_by_doubles(rows, table)
    clean = ibis.ifelse(filled[FIELDS].isnull(), filled[ARRIVAL], ibis.null("int64"))
    ends_alike = ibis.coalesce(clean.min().over(group_by=same), filled[ARRIVAL].min().over(group_by=same))
    alike = filled.mutate(first_alike=ends_alike)
    ends = {"low": alike.first_alike.min(), "high": alike.first_alike.max()}
    keyed = alike.mutate(**{name: end.over(group_by=list(table.key)) for name, end in ends.items()})
    why = ibis.cases(
        (keyed.low != keyed.high, ibis.literal(_CONFLICT)),
        (keyed[ARRIVAL] != keyed.first_alike, ibis.literal(COPY)),
        else_=ibis.null("string"),
    )
    marked = keyed.select(ARRIVAL, why=why)
    return marked.filter(marked.why.notnull())


def _filled_by_doubles(rows: ir.Table, table: StandardTable) -> tuple[ir.Table, list[str]]:
    """Rows with their refused values taken from rows of the same key without a fault; and the columns in which doubles are alike.

    ``unfilled`` counts values that no such row has: empty is not the same as refused.
    """
    noted = FIELD_MARK + rows[FIELDS].fill_null("") + FIELD_MARK
    columns, unfilled = {}, ibis.literal(0, "int64")
    for column, kind in table.columns.items():
        if column in table.key or pa.types.is_nested(kind):
            continue
        wrong = rows[FIELDS].notnull() & noted.contains(f":{column}{FIELD_MARK}")
        sound = ibis.ifelse(rows[FIELDS].isnull(), rows[column], ibis.null(rows[column].type()))
        fill = sound.max().over(group_by=list(table.key))
        columns[column] = ibis.ifelse(wrong, fill, rows[column])
        unfilled = unfilled + (wrong & fill.isnull()).ifelse(1, 0)
    return rows.mutate(**columns, unfilled=unfilled), [*table.columns, "unfilled"]


def shared_codes(engine: Engine, rows: ir.Table, arrivals: Sequence[Arrival]) -> ir.Table:
    """All rows of codes that name more than one subject: ``arrival``, ``why``.

    ``ID_REUSED``: registers (sources) name different subjects under it. ``ID_SHARED``: its rows disagree on
    the day of registration or the type of subject, neither of which changes with a new version. Which of
    them is right no rule can tell, so every row is quarantined. The few rows that are compared are kept as :data:`SEVERAL`.
    """
    numbered = rows.select(ARRIVAL, "subject_id", "name", "registered_date", "subject_type", register=source_number(rows, arrivals))
    names = ("registered_date", "subject_type", "name", "register")
    alike = sharing_a_hash(engine, numbered, numbered.subject_id, "subjects_of_codes")
    numbered = engine.create(SEVERAL, numbered.semi_join(alike, ARRIVAL))
    engine.drop("subjects_of_codes")
    # Two ends are compared: a set of values for each subject would take several times as long.
    ends = numbered.group_by("subject_id").agg(
        **{f"{end}_{name}": getattr(numbered[name], end)() for name in names for end in ("min", "max")}
    )
    differ = {name: (ends[f"min_{name}"] != ends[f"max_{name}"]).fill_null(False) for name in names}
    codes = ends.select(
        "subject_id", reused=differ["register"] & differ["name"], shared=differ["registered_date"] | differ["subject_type"]
    )
    bad = codes.filter(codes.reused | codes.shared)
    why = ibis.ifelse(bad.reused, ibis.literal(_REUSED), ibis.literal(_SHARED))
    return numbered.inner_join(bad.select("subject_id", why=why), "subject_id").select(ARRIVAL, "why")


def several_codes(subjects: ir.Table) -> ir.Table:
    """One row per code of a subject that has several: subject_id, name, region, registered_date.

    The same name, registered on the same day in the same region as the same type, is taken for one
    subject. This has to be looked into and proves nothing, so no row is quarantined.
    """
    keys = ["name", "region", "registered_date", "subject_type"]
    named = subjects.filter(subjects.name.notnull() & subjects.registered_date.notnull()).select("subject_id", *keys).distinct()
    several = named.group_by(keys).agg(codes=named.subject_id.nunique()).filter(ibis._.codes > 1)
    return named.semi_join(several, keys).select("subject_id", "name", "region", "registered_date")


def _empty_tables(engine: Engine, stream: Stream) -> TableCount:
    """No row came: empty tables, and perhaps lines that could not be cut."""
    table, lines = stream.table, line_rejects(stream)
    for name in ("rows", "refused"):
        engine.register(f"{table.name}_{name}", _checked_schema(table).empty_table())
    engine.register(table.name, table.schema.empty_table())
    return TableCount(lines.num_rows, 0, lines.num_rows, 0, lines, broken_rules(lines))


def _counted(engine: Engine, stream: Stream) -> TableCount:
    """What became of the rows of a stream that was split into its two tables.

    Raises:
        DataError: Rows came in that are not accounted for.
    """
    table, lines = stream.table, line_rejects(stream)
    kept, refused = kept_table(table), refused_table(table)
    counts = engine.query(refused.group_by("code").agg(rows=refused.count())).to_pylist()
    rows = {row["code"]: row["rows"] for row in counts}
    remaining = int(engine.query(kept.aggregate(n=kept.count()))["n"][0].as_py())
    collapsed, arrived = rows.pop(COPY, 0), stream.sent + lines.num_rows
    quarantined = sum(rows.values()) + lines.num_rows
    if arrived != remaining + collapsed + quarantined:
        raise DataError(
            "{table}: {arrived} rows came in and {accounted} are accounted for: a row was lost or counted several "
            "times; nothing was written",
            table=table.name,
            arrived=arrived,
            accounted=remaining + collapsed + quarantined,
        )
    parts = []
    for part in (refused, kept):
        # What was refused in a copy is told of the row that stays, or mended there.
        bad = part.filter((part.code.fill_null("") != COPY) & (part.code.notnull() | part[FIELDS].notnull()))
        # Columns that the codes found by the engine are about: their values are the texts of those rejects.
        about = [name for code in rows for name in columns_of(code, table) if name in table.columns] if part is refused else []
        columns = dict.fromkeys((ARRIVAL, "code", FAULT_TEXT, FIELDS, FIELD_TEXTS, *table.key, *about))
        parts.append(rejects_of(stream, engine.query(bad.select(*columns).order_by(ARRIVAL))))
    rejects = pa.concat_tables([*parts, lines]).combine_chunks()
    return TableCount(arrived, remaining, quarantined, collapsed, rejects, broken_rules(rejects))
