"""Whom the tasks of a day may cover: tiers, register and past visits put together by an engine, and read in batches.

One definition for a night, whose rows stay in a file that the engine wrote, and for the tables of a caller.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from creditscore.config.policy import TierPolicy
from creditscore.config.tasks import Population, Task
from creditscore.dataframes import Flags, Ints, as_frame, date_column, texts, unique_ids
from creditscore.dates import months_before
from creditscore.engine import Engine, unbound
from creditscore.errors import DataError
from creditscore.tiering.tiers import Tiers, drawn_tiers
from creditscore.vocabulary import SAMPLING_TRIGGERS

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: Why a subject leaves a frame before the draw; see :func:`placed`. ``verify_draw.py`` has its own copy.
EXEMPT_REASONS = ("deregistered", "annual_cap", "repeat")
#: What is said of a subject in texts, ``""`` where it is not known.
ABOUT = ("tier", "name", "industry", "region", "subject_type", "status")
#: The columns of the three tables that are put together.
TIERED = pa.schema([(name, pa.string()) for name in ("subject_id", "industry", "tier")])
REGISTER = pa.schema(
    [(name, pa.string()) for name in ("subject_id", "name", "industry", "last_industry", "region", "subject_type", "status")]
)
VISITS = pa.schema(
    [("subject_id", pa.string()), ("trigger", pa.string()), ("event_date", pa.date32()), ("known_date", pa.date32())]
)
#: How many rows are in this process at a time.
BATCH_ROWS = 65_536
_STAYS = ""


class Group(NamedTuple):
    """What decides stratum and row of a subject beside its id and name; ``reason`` is ``""`` for those who stay."""

    tier: str
    industry: str
    region: str
    reason: str


@dataclass(frozen=True)
class Candidates:
    """Everybody with a tier, by subject_id: ``subject_id``, :data:`ABOUT`, ``last_drawn`` and ``visits_<year>``.

    ``tier`` is the one in which they are drawn. Whose industry is unknown is placed by that of the register, else by the last known
    one. ``last_drawn`` is the day of the last random visit, ``visits_<year>`` on how many days of a year there was a visit.

    Attributes:
        as_of: The day of the tiers.
        rows: The rows, or the Parquet file that holds them.
        has_register: Whether there is a register to see names, regions and types in.
    """

    as_of: dt.date
    rows: pa.Table | Path
    has_register: bool

    @staticmethod
    def of(tiers: Tiers, register: pd.DataFrame | None, history: Any, tasks: Iterable[Task]) -> Candidates:
        """Of the tables of a caller.

        Args:
            tiers: Who may be drawn.
            register: ``subject_id`` and, as far as known, the columns of :data:`REGISTER`; or None.
            history: Past inspections (``subject_id, event_date, trigger``), or None: nobody is exempt for a visit.
            tasks: Those that will be framed: their years are counted.

        Raises:
            DataError: A column is missing, or a subject is in a table twice.
        """
        engine, day = Engine.duckdb(threads=1), tiers.as_of
        columns = {
            "subject_id": texts(tiers.frame, "subject_id"),
            "industry": texts(tiers.frame, "industry"),
            "tier": drawn_tiers(tiers.frame),
        }
        engine.register("tiered", pa.table({name: pa.array(columns[name], pa.string()) for name in TIERED.names}))
        engine.register("register", _register_table(register))
        engine.register("past_visits", _visit_table(history))
        whole = candidates_of(
            *(unbound(name, schema) for name, schema in (("tiered", TIERED), ("register", REGISTER), ("past_visits", VISITS))),
            as_of=day, years={task.start.year for task in tasks},
        )  # fmt: skip
        return Candidates(day, engine.query(whole.order_by("subject_id")), register is not None)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows by subject_id, at most :data:`BATCH_ROWS` at a time."""
        if isinstance(self.rows, Path):
            import pyarrow.parquet as pq

            with pq.ParquetFile(self.rows) as file:
                yield from file.iter_batches(BATCH_ROWS)
        else:
            yield from self.rows.to_batches(BATCH_ROWS)


def _register_table(register: pd.DataFrame | None) -> pa.Table:
    if register is None or not len(register):
        return REGISTER.empty_table()
    entries = as_frame(register, needs=["subject_id"], what="subjects")
    unique_ids(entries, what="subjects")
    return pa.table({name: pa.array(texts(entries, name), pa.string()) for name in REGISTER.names})


def _visit_table(history: Any) -> pa.Table:
    if history is None:
        return VISITS.empty_table()
    visits = as_frame(history, needs=["subject_id", "event_date", "trigger"], what="history of inspections")
    columns = [pa.array(texts(visits, name), pa.string()) for name in ("subject_id", "trigger")]
    return pa.table([*columns, *(pa.array(date_column(visits, name), pa.date32()) for name in VISITS.names[2:])], schema=VISITS)


def candidates_of(tiered: ir.Table, register: ir.Table, visits: ir.Table, *, as_of: dt.date, years: Iterable[int]) -> ir.Table:
    """The rows of :class:`Candidates` as an expression, in no order.

    Args:
        tiered: The columns of :data:`TIERED`, one row per subject: ``tier`` is the one in which it is drawn.
        register: Those of :data:`REGISTER`, at most one row per subject.
        visits: Those of :data:`VISITS`, one row per visit.
        as_of: The last day on which a visit was made and known.
        years: Those whose visits are counted.
    """
    import ibis

    past = visits.filter(visits["event_date"] <= as_of, visits["known_date"].isnull() | (visits["known_date"] <= as_of))
    day = past["event_date"]
    counts = {f"visits_{year}": day.nunique(where=day >= dt.date(year, 1, 1)).cast("int32") for year in sorted(years)}
    last = day.max(where=past["trigger"].isin(list(SAMPLING_TRIGGERS)))
    seen = past.group_by(visited_id=past["subject_id"]).aggregate(last_drawn=last, **counts)
    known = register.rename(**{f"r_{name}": name for name in register.columns})
    rows = tiered.left_join(known, tiered["subject_id"] == known["r_subject_id"])
    rows = rows.left_join(seen, rows["subject_id"] == seen["visited_id"])

    def text(name: str) -> ir.StringValue:
        return rows[name].cast("string").fill_null("")

    def first(*names: str) -> ir.StringValue:
        found = text(names[-1])
        for name in reversed(names[:-1]):
            found = ibis.ifelse(text(name) == "", found, text(name))
        return found

    return rows.select(
        "subject_id",
        "tier",
        # A practitioner's name is a person's: plans know practitioners by their licence number.
        name=ibis.ifelse(text("r_subject_type") == "practitioner", "", text("r_name")),
        industry=first("industry", "r_industry", "r_last_industry"),
        region=text("r_region"),
        subject_type=text("r_subject_type"),
        status=text("r_status"),
        last_drawn="last_drawn",
        **{name: rows[name].fill_null(0) for name in counts},
    )


@dataclass(frozen=True)
class Placed:
    """The rows of a batch that are in a task's population: their places in the batch, and the group of each."""

    rows: Ints
    groups: list[Group]
    group_of: Ints


def placed(batch: pa.RecordBatch, task: Task, policy: TierPolicy | None) -> Placed:
    """Who of a batch is in the population of a task, and who of them leaves the frame before the draw.

    An unknown region or type belongs to every task, an unknown industry to the tasks that take such. A reason is
    ``deregistered``; ``annual_cap``: visits of any kind on as many days of the calendar year of the task as
    ``policy.annual_cap`` allows; ``repeat``: drawn at random within the ``repeat_within_months`` of its tier before the task
    starts (not where coverage is full). Without a policy nobody leaves.
    """
    columns = {name: batch.column(name).dictionary_encode() for name in ("tier", "industry", "region", "subject_type", "status")}
    values: dict[str, list[str]] = {name: column.dictionary.to_pylist() for name, column in columns.items()}
    codes = {name: column.indices.to_numpy().astype(np.int64) for name, column in columns.items()}

    def where(name: str, holds: Iterable[bool]) -> Flags:
        flags: Flags = np.fromiter(holds, dtype=np.bool_, count=len(values[name]))[codes[name]]
        return flags

    inside = np.ones(batch.num_rows, dtype=bool)
    for name, holds in _inside(task.population, values).items():
        inside &= where(name, holds)
    reason = np.zeros(batch.num_rows, dtype=np.int64)
    if policy is not None:
        last = batch.column("last_drawn").to_numpy(zero_copy_only=False).astype("datetime64[D]")
        reason[last > _since(values, task, policy)[codes["industry"], codes["tier"]]] = 3
        reason[batch.column(f"visits_{task.start.year}").to_numpy() >= policy.annual_cap] = 2
        reason[where("status", (status == EXEMPT_REASONS[0] for status in values["status"]))] = 1
    rows = np.flatnonzero(inside)
    sizes = [len(values[name]) for name in ("tier", "industry", "region")]
    keys = [codes[name][rows] for name in ("tier", "industry", "region")]
    found, group_of = np.unique(np.ravel_multi_index((*keys, reason[rows]), (*sizes, 4)), return_inverse=True)
    reasons = (_STAYS, *EXEMPT_REASONS)
    groups = [
        Group(values["tier"][t], values["industry"][i], values["region"][r], reasons[why])
        for t, i, r, why in zip(*np.unravel_index(found, (*sizes, 4)), strict=True)
    ]
    return Placed(rows, groups, group_of)


def _inside(population: Population, values: dict[str, list[str]]) -> dict[str, list[bool]]:
    """By column which of its values belong to a population."""
    unknown = [""] if population.takes_unknown_trade else []
    inside: dict[str, list[bool]] = {}
    if population.industries:
        inside["industry"] = [value in (*population.industries, *unknown) for value in values["industry"]]
    if population.subject_types:
        inside["subject_type"] = [value in (*population.subject_types, "") for value in values["subject_type"]]
    if population.regions:
        prefixes = tuple(_region_prefix(region) for region in population.regions)
        inside["region"] = [value == "" or value.startswith(prefixes) for value in values["region"]]
    return inside


def _region_prefix(region: str) -> str:
    """``431100`` is the whole of ``4311``: pairs of zeros at the end name no district."""
    while len(region) > 2 and region.endswith("00"):
        region = region[:-2]
    return region


def _since(values: dict[str, list[str]], task: Task, policy: TierPolicy) -> Any:
    """By industry and tier the day after which a random visit is too recent to be drawn again; NaT where none is."""
    days = np.full((len(values["industry"]), len(values["tier"])), np.datetime64("NaT", "D"))
    for row, industry in enumerate(values["industry"]):
        for column, tier in enumerate(values["tier"]):
            months = policy.rules_for(industry, task=task.id).of(tier).repeat_within_months  # type: ignore[arg-type]
            if months and industry not in policy.full_coverage:
                days[row, column] = np.datetime64(months_before(task.start, months), "D")
    return days


def refuse_unseen(candidates: Candidates, task: Task) -> None:
    """Refuse a task that asks for what only a register tells where there is none.

    Raises:
        DataError: The task names regions or types, or its strata are by region.
    """
    wanted = {"regions": task.population.regions, "subject_types": task.population.subject_types}
    asked = [name for name, values in wanted.items() if values]
    if not candidates.has_register and (asked or task.by_region):
        what = ", ".join(asked) or "by_region"
        raise DataError(
            "task {task_id}: {what}: expected a register of subjects to see it in (give records or subjects)",
            task_id=task.id,
            what=what,
        )


def task_population(tiers: Tiers, register: pd.DataFrame | None, task: Task) -> pd.DataFrame:
    """The subjects of a task, by subject_id: ``subject_id`` and :data:`ABOUT`. What is unknown is ``""``.

    Raises:
        DataError: The task names regions or types and there is no register to look them up in.
    """
    candidates = Candidates.of(tiers, register, None, ())
    refuse_unseen(candidates, task)
    parts = [batch.take(pa.array(placed(batch, task, None).rows)) for batch in candidates.batches()]
    names = ["subject_id", *ABOUT]
    columns = {name: [value for part in parts for value in part.column(name).to_pylist()] for name in names}
    return pd.DataFrame(columns, columns=names, dtype=object)
