"""Objections in a folder of runs: taken in with a deadline, listed with what they hold, answered, and counted by a night."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from creditscore.errors import DataError
from creditscore.inspection.objections import (
    Filing,
    Objection,
    add_answer,
    add_objection,
    all_objections,
    record_changes,
)
from creditscore.inspection.register import Register
from creditscore.inspection.sealed_export import own_rows
from creditscore.inspection.task_folder import TaskFolder
from creditscore.pipeline.out_folder import changing, held
from creditscore.pipeline.run_folder import RunFolder, run_before
from creditscore.records.own_records import OWN_RECORDS
from creditscore.records.standard.identity import compact
from creditscore.records.tables import TABLES
from creditscore.vocabulary import CONTESTED, OBJECTION_OUTCOMES, ObjectionOutcome

if TYPE_CHECKING:
    from creditscore.config.project import Project

#: The file of a run with the objections that it knew, and its columns: no name and no words of who objects.
OBJECTIONS = "objections"
OBJECTION_SCHEMA = pa.schema(
    [
        ("objection", pa.string()), ("subject_id", pa.string()), ("against", pa.string()), ("about", pa.string()),
        ("on", pa.date32()), ("due", pa.date32()), ("kind", pa.string()), ("provider", pa.string()), ("outcome", pa.string()),
        ("decided_on", pa.date32()),
    ]
)  # fmt: skip


def file_objection(project: Project, out: str | Path, filing: Filing) -> Objection:
    """Take an objection in: it gets its number and its deadline, and is a line of the register.

    Args:
        project: Its ``objections.toml`` and ``calendar.toml`` say until when it is to be answered.
        out: The folder of runs.
        filing: What was said. The same once more gives the objection that is there.

    Raises:
        ConfigError: The calendar lacks a year up to the deadline.
        DataError: What it is against is not there or not about this firm; no deadline is in force; a text is missing.
        LockedError: A run or another command is writing to the same folder.
    """
    root = Path(out)
    filing = replace(filing, subject_id=compact(pa.array([filing.subject_id], pa.string()))[0].as_py() or "")
    rule = project.objections.rule(filing.against, filing.on)
    days = rule.with_other_unit if filing.other_unit.strip() and rule.with_other_unit else rule.working_days
    due = project.calendar.deadline(filing.on, days)
    with changing(root, "objection") as entry:
        filing, kind, provider = _found(root, filing)
        return add_objection(entry, filing, due=due, basis=rule.basis, kind=kind, provider=provider)


def decide_objection(
    out: str | Path, objection: str, *, outcome: ObjectionOutcome, reason: str, by: str, on: dt.date
) -> tuple[Objection, bool]:
    """Answer an objection; one against a record ends or lets count the record from the next night on.

    Returns:
        The objection with its answer, and whether the answer is new.

    Raises:
        DataError: See :func:`creditscore.inspection.objections.add_answer`.
        LockedError: A run or another command is writing to the same folder.
    """
    if outcome not in OBJECTION_OUTCOMES:
        raise DataError("--outcome: expected one of {known} (got {got!r})", known=", ".join(OBJECTION_OUTCOMES), got=outcome)
    with changing(Path(out), f"objection {objection}") as entry:
        return add_answer(entry, objection, outcome=outcome, reason=reason, by=by, on=on)


def list_objections(out: str | Path, *, on: dt.date, every: bool = False) -> list[dict[str, Any]]:
    """The objections of a day, the most urgent first: open ones, or with ``every`` answered ones too.

    Returns:
        One mapping per objection: its fields, ``overdue``, and ``holds``: ``record`` where the record does not count,
        ``tier`` where the newest run holds the tier because of it, ``next_night`` where no run has seen it yet, else ``nothing``.

    Raises:
        DataError: The register is damaged.
        LockedError: A run or another command is writing to the same folder.
    """
    root = Path(out)
    with held(root):
        then = [one.as_of(on) for one in all_objections(root) if one.on <= on]
        known = [one for one in then if every or one.is_open]
        run = _newest(root)
        frozen = _frozen(run) if run else {}
    rows = [{**vars(one), "overdue": one.is_overdue(on), "late": one.is_late, **_holds(one, run, frozen)} for one in known]
    return sorted(rows, key=lambda row: (not row["overdue"], row["outcome"] != "", row["due"], row["on"], row["id"]))


def figures(objections: Sequence[Objection], on: dt.date) -> dict[str, Any]:
    """How many there are, how they were answered and how fast: in all, by what they are against, by kind and by provider.

    Returns:
        ``open``, ``overdue``, ``answered``, ``late``, ``upheld``, ``days`` (the median of calendar days to the answer, None
        without any) and the lists ``by_against``, ``by_kind`` and ``by_provider`` with the same counts each.
    """
    groups: dict[str, dict[str, list[Objection]]] = {name: defaultdict(list) for name in ("against", "kind", "provider")}
    for one in objections:
        for name, group in groups.items():
            if getattr(one, name):
                group[getattr(one, name)].append(one)
    split = {f"by_{name}": [{name: key, **_counted(group[key], on)} for key in sorted(group)] for name, group in groups.items()}
    return {**_counted(objections, on), **split}


def objection_table(objections: Sequence[Objection], subjects: pa.ChunkedArray | None = None) -> pa.Table:
    """What a run keeps of objections: :data:`OBJECTION_SCHEMA`; only those of some subjects, if these are given."""
    rows = [{**vars(one), "objection": one.id, "outcome": one.outcome or None} for one in objections]
    table = pa.table({field.name: pa.array([row[field.name] for row in rows], field.type) for field in OBJECTION_SCHEMA})
    return table if subjects is None else table.filter(pc.is_in(table["subject_id"], pc.unique(subjects)))


def disputes_of(objections: Sequence[Objection]) -> pa.Table:
    """The disputes that objections open and their ends, as rows of ``changes``."""
    return pa.Table.from_pylist(record_changes(objections), schema=TABLES["changes"].schema)


def _counted(objections: Sequence[Objection], on: dt.date) -> dict[str, Any]:
    answered = sorted(one.days for one in objections if one.days is not None)
    middle = len(answered) // 2
    median = None if not answered else (answered[middle] + answered[~middle]) / 2
    return {
        "open": sum(one.is_open for one in objections),
        "overdue": sum(one.is_overdue(on) for one in objections),
        "answered": len(answered),
        "upheld": sum(one.outcome == "upheld" for one in objections),
        "late": sum(one.is_late for one in objections),
        "days": median,
    }


def _newest(out: Path) -> RunFolder | None:
    """The newest run by signed cards, else the newest trial."""
    return run_before(out, dt.date.max) or run_before(out, dt.date.max, trial=True)


def _frozen(run: RunFolder) -> dict[str, str]:
    """The tiers that open disputes hold, by subject."""
    tiers = run.read("tiers").select(["subject_id", "tier", "rule"])
    rows = tiers.filter(pc.equal(tiers["rule"], "dispute")).to_pylist()
    return {row["subject_id"]: row["tier"] for row in rows}


def _holds(one: Objection, run: RunFolder | None, frozen: dict[str, str]) -> dict[str, str]:
    if one.against != "record" or not one.is_open:
        return {"holds": "nothing", "held_tier": ""}
    if run is None or run.as_of < one.on:
        return {"holds": "next_night", "held_tier": ""}
    tier = frozen.get(one.subject_id, "")
    return {"holds": "tier" if tier else "record", "held_tier": tier}


def _found(out: Path, filing: Filing) -> tuple[Filing, str, str]:
    """The filing with the id of what it is against, and the record's kind and provider; empty texts against a tier or a draw.

    Raises:
        DataError: There is no such record, tier or draw of this firm.
    """
    if filing.against == "record":
        return _record(out, filing)
    if filing.against == "tier":
        _refuse_without_tier(out, filing)
    elif filing.against == "draw":
        _refuse_without_draw(out, filing)
    else:
        raise DataError("objection: expected one of {known} (got {got!r})", known=", ".join(CONTESTED), got=filing.against)
    return filing, "", ""


def _record(out: Path, filing: Filing) -> tuple[Filing, str, str]:
    run = _newest(out)
    name = OWN_RECORDS["events"]
    if run is None or not run.has(name):
        raise DataError("{out}: expected a run that keeps the records of firms (got none)", out=out)
    table = run.read(name)
    mine = table.filter(pc.equal(table["subject_id"], filing.subject_id)).to_pylist()
    # A firm has the document, not our id.
    rows = [one for one in mine if one["event_id"] == filing.about] or [one for one in mine if one["document_no"] == filing.about]
    if len({one["event_id"] for one in rows}) != 1:
        raise DataError(
            "--record: expected the document number or the id of one record of this firm in the run of {as_of} (got {about!r}); "
            "creditscore explain lists them",
            as_of=run.as_of,
            about=filing.about,
        )
    if filing.on < rows[0]["event_date"]:
        raise DataError(
            "--on: expected a day on or after that of the record, {day} (got {on})", day=rows[0]["event_date"], on=filing.on
        )
    return replace(filing, about=str(rows[0]["event_id"])), str(rows[0]["kind"]), str(rows[0]["provider"] or "")


def _refuse_without_tier(out: Path, filing: Filing) -> None:
    try:
        day = dt.date.fromisoformat(filing.about)
    except ValueError:
        raise DataError("--tier: expected the day of a run, such as 2024-04-30 (got {about!r})", about=filing.about) from None
    run = RunFolder.current(out, day)
    if run is None:
        raise DataError("--tier: expected the day of a finished run in {out} (got {about})", out=out, about=filing.about)
    if filing.subject_id not in set(run.read("tiers")["subject_id"].to_pylist()):
        raise DataError("--tier: expected a subject that has a tier in the run of {about}", about=filing.about)
    if filing.on < day:
        raise DataError("--on: expected a day on or after that of the run, {day} (got {on})", day=day, on=filing.on)


def _refuse_without_draw(out: Path, filing: Filing) -> None:
    published = Register.of(out).published(filing.about)
    if published is None:
        raise DataError("--draw: expected a task whose frame is published (got {about!r})", about=filing.about)
    if not own_rows(TaskFolder.of(out, filing.about).path, [filing.subject_id]):
        raise DataError("--draw: expected a subject in the frame of {about}", about=filing.about)
