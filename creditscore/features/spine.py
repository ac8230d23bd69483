"""The spine: for which subjects and days features are computed."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis
import pandas as pd
import pyarrow as pa

from creditscore.dataframes import column_lists
from creditscore.dates import day_number, day_of, days_of
from creditscore.errors import DataError

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.project import Project
    from creditscore.dataframes import AnyTable
    from creditscore.records.records import Records

#: The columns of every spine, in the engine and out of it.
_SPINE = {
    "row_key": "int64", "subject_key": "int64", "subject_id": "string", "as_of": "date", "as_of_day": "int32", "industry": "string",
}  # fmt: skip


@dataclass(frozen=True)
class Spine:
    """Rows at which features are computed: one per subject and day, kept in the engine as ``name``.

    ``out_of_scope`` counts the subjects known that day that no card may score, by reason.
    """

    records: Records
    name: str
    out_of_scope: dict[str, int]
    #: The one day of all rows, where it is one and each subject occurs once.
    day: dt.date | None = None
    #: Whether its subjects are a few of those in scope.
    of_few: bool = False

    @property
    def table(self) -> ir.Table:
        """The unbound table: row_key, subject_key, subject_id, as_of, as_of_day, industry."""
        return ibis.table(_SPINE, name=self.name)

    def arrow(self) -> pa.Table:
        """The rows by ``row_key``."""
        return self.records.engine.query(self.table.order_by("row_key"))

    def few(self, records: Records, subjects: pa.Array) -> Spine:
        """The rows of some subjects, for the same records or a view of them."""
        engine, name = self.records.engine, f"spine_{next(_numbers)}"
        engine.register(f"{name}_ids", pa.table({"subject_id": subjects.cast(pa.string())}))
        asked = ibis.table({"subject_id": "string"}, name=f"{name}_ids")
        engine.create(name, self.table.semi_join(asked, "subject_id"))
        engine.drop(f"{name}_ids")
        return Spine(records, name, {}, self.day, of_few=True)

    @property
    def is_empty(self) -> bool:
        """Whether no subject is in scope."""
        return not self.records.engine.query(self.table.limit(1)).num_rows

    @property
    def frame(self) -> pd.DataFrame:
        """The rows as pandas, by ``row_key``."""
        frame: pd.DataFrame = self.arrow().to_pandas()
        return frame

    @property
    def industry(self) -> pd.Series:
        """The industry of each row, aligned with the rows of ``build_features``."""
        rows = self.frame
        return pd.Series(
            rows["industry"].to_numpy(), index=pd.MultiIndex.from_frame(rows[["subject_id", "as_of"]]), name="industry"
        )


_numbers = itertools.count(1)


def spine(records: Records, *, as_of: str | dt.date, name: str | None = None) -> Spine:
    """One row per subject that a card may score on a day, by subject id.

    In scope: subjects of the project's population (market subjects, or practitioners) known that day,
    registered by then and neither revoked nor deregistered. Others are counted in ``out_of_scope``;
    government bodies and institutions are never scored.

    Raises:
        DataError: ``as_of`` is no day; no subject is in scope.
    """
    day = day_of(as_of)
    rows = spine_on(records, day, name=name)
    if rows.is_empty:
        raise DataError("expected subjects in scope on {day} (got none): see the check-up for the reasons", day=day)
    return rows


def spine_on(records: Records, day: dt.date, *, name: str | None = None) -> Spine:
    """The spine of a day, which may have no row; ``row_key`` is the subject's own key."""
    subjects, number = records.versions_on(day), day_number(day)
    reason = ibis.cases(
        (~subjects.subject_type.isin(scored_types(records.project)), subjects.subject_type),
        (subjects.status.isin(["revoked", "deregistered"]), subjects.status),
        ((subjects.deregistered_day <= number).fill_null(False), ibis.literal("deregistered")),
        ((subjects.registered_day > number).fill_null(False), ibis.literal("not_yet_registered")),
        else_=ibis.null("string"),
    )
    judged = subjects.mutate(reason=reason)
    kept = judged.filter(judged.reason.isnull())
    today = {"as_of": ibis.date(day.year, day.month, day.day), "as_of_day": ibis.literal(number, "int32")}
    rows = kept.select("subject_key", "subject_id", "industry", **today)
    # A name of its own: a second spine must not take the first one's rows.
    name = name or f"spine_{next(_numbers)}"
    records.engine.create(name, rows.mutate(row_key=rows.subject_key).select(list(_SPINE)))
    left = judged.filter(judged.reason.notnull()).group_by("reason").agg(n=ibis._.count()).order_by("reason")
    counts = records.engine.query(left).to_pydict()
    return Spine(records, name, dict(zip(counts["reason"], counts["n"], strict=True)), day)


def spine_from_rows(records: Records, rows: AnyTable, *, name: str) -> Spine:
    """A spine of a caller's rows (``subject_id``, ``as_of``, maybe ``industry``); ``row_key`` is their position, from 0.

    A row that occurs twice is kept twice.

    Raises:
        DataError: The rows are no such table; a subject is not in the records.
    """
    table = _row_table(rows)
    records.engine.register(f"{name}_rows", table)
    given = ibis.table({key: kind for key, kind in _SPINE.items() if key != "subject_key"}, name=f"{name}_rows")
    known = given.inner_join(records.table("subject_index"), "subject_id").select(list(_SPINE))
    created = records.engine.create(name, known)
    records.engine.drop(f"{name}_rows")
    unknown = table.num_rows - records.engine.query(created.aggregate(n=created.count()))["n"][0].as_py()
    if unknown:
        raise DataError(
            "expected rows of subjects in the records (got {unknown} rows of {rows} of others)",
            unknown=unknown,
            rows=table.num_rows,
        )
    return Spine(records, name, {})


def _row_table(rows: AnyTable) -> pa.Table:
    """``row_key`` (the position, from 0), subject_id, as_of, as_of_day and industry of a caller's rows, in their order.

    Args:
        rows: Of pandas (columns may be levels of its index), polars, Arrow, or columns by name.

    Raises:
        DataError: They are not a table, lack ``subject_id`` or ``as_of``, or a row has no text or no day there.
    """
    columns = column_lists(rows, ("subject_id", "as_of", "industry"), what="rows")
    missing = [name for name in ("subject_id", "as_of") if name not in columns]
    if missing:
        raise DataError("rows: expected columns subject_id and as_of (got none named {missing})", missing=" and ".join(missing))
    ids, days = columns["subject_id"], days_of(columns["as_of"])
    without_id = sum(not isinstance(one, str) for one in ids)
    if without_id:
        raise DataError("rows: expected a text as subject_id in every row (got {n} of {rows} without)", n=without_id, rows=len(ids))
    without_day = days.count(None)
    if without_day:
        raise DataError(
            'rows: expected a day as as_of in every row, as a date or "YYYY-MM-DD" (got {n} of {rows} without)',
            n=without_day,
            rows=len(days),
        )
    as_of = pa.array(days, pa.date32())
    industries = [None if pd.isna(code) else str(code) for code in columns.get("industry", [None] * len(ids))]
    return pa.table({
        "row_key": pa.array(range(len(ids)), pa.int64()),
        "subject_id": pa.array(ids, pa.string()),
        "as_of": as_of,
        "as_of_day": as_of.cast(pa.int32()),
        "industry": pa.array(industries, pa.string()),
    })  # fmt: skip


def scored_types(project: Project) -> tuple[str, ...]:
    """The types of subject that a project scores; government bodies are in none."""
    return project.about.scored_types
