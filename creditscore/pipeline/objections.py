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
from creditscore.inspection.objection_intake import Answer, Rules, add_answer, add_objection
from creditscore.inspection.objections import Filing, Objection, all_objections, history
from creditscore.pipeline.contested import found, newest_run
from creditscore.pipeline.out_folder import changing, held
from creditscore.pipeline.run_folder import OBJECTIONS, RunFolder
from creditscore.records.standard.identity import compact
from creditscore.vocabulary import OBJECTION_OUTCOMES

if TYPE_CHECKING:
    from creditscore.config.project import Project

#: The columns of a run's file of objections: no name and no words of who objects.
OBJECTION_SCHEMA = pa.schema(
    [
        ("objection", pa.string()), ("subject_id", pa.string()), ("against", pa.string()), ("about", pa.string()),
        ("on", pa.date32()), ("due", pa.date32()), ("kind", pa.string()), ("provider", pa.string()), ("outcome", pa.string()),
        ("decided_on", pa.date32()), ("suspends", pa.bool_()),
    ]
)  # fmt: skip

#: Of these columns those that an objection has under the same name.
_KEPT = tuple(name for name in OBJECTION_SCHEMA.names if name not in ("objection", "outcome"))


def file_objection(project: Project, out: str | Path, filing: Filing) -> Objection:
    """Take an objection in: it gets its number and its deadline, and is a line of the register.

    Args:
        project: Its ``objections.toml`` and ``calendar.toml`` say until when it is to be answered, and whether it suspends what
            it is against if earlier ones to the same thing were answered.
        out: The folder of runs.
        filing: What was said. The same once more gives the objection that is there.

    Raises:
        ConfigError: The calendar lacks a year up to the deadline.
        DataError: What it is against is not there or not about this firm; no deadline is in force; a text is missing, or after a
            rejection the new evidence.
        LockedError: A run or another command is writing to the same folder.
    """
    root = Path(out)
    filing = replace(filing, subject_id=compact(pa.array([filing.subject_id], pa.string()))[0].as_py() or "")
    rule = project.objections.rule(filing.against, filing.on, file=project.folder / "objections.toml")
    days = rule.with_other_unit if filing.other_unit.strip() and rule.with_other_unit else rule.working_days
    due = project.calendar.deadline(filing.on, days)
    rules = Rules(due, rule.basis, *project.objections.suspends_again(filing.against, filing.on))
    with changing(root, "objection") as entry:
        filing, thing = found(project, root, filing)
        return add_objection(entry, filing, thing, rules=rules)


def decide_objection(out: str | Path, objection: str, answer: Answer) -> tuple[Objection, bool]:
    """Answer an objection; one against a record ends or lets count the record from the next night on.

    Returns:
        The objection with its answer, and whether the answer is new.

    Raises:
        DataError: See :func:`creditscore.inspection.objection_intake.add_answer`.
        LockedError: A run or another command is writing to the same folder.
    """
    if answer.outcome not in OBJECTION_OUTCOMES:
        raise DataError("--outcome: expected one of {known} (got {got!r})", known=", ".join(OBJECTION_OUTCOMES), got=answer.outcome)
    with changing(Path(out), f"objection {objection}") as entry:
        return add_answer(entry, objection, answer)


def list_objections(out: str | Path, *, on: dt.date, every: bool = False) -> list[dict[str, Any]]:
    """The objections as they stood on a day, the most urgent first: open ones, or with ``every`` answered ones too.

    Returns:
        One mapping per objection: its fields, ``overdue``, ``holds``: ``record`` where what it is against does not count,
        ``tier`` where the newest run up to that day holds the tier because of it, ``next_night`` where that run does not know it
        yet, else ``nothing``; and ``history``: the fields of those to the same thing that were answered before it, the last first.

    Raises:
        DataError: The register is damaged.
        LockedError: A run or another command is writing to the same folder.
    """
    root = Path(out)
    with held(root):
        then = [one.as_of(on) for one in all_objections(root) if one.on <= on]
        known = [one for one in then if every or one.is_open]
        run = newest_run(root, until=on)
        seen, frozen = (_seen(run), _frozen(run)) if run else (set(), {})
    rows = [
        {
            **vars(one), "overdue": one.is_overdue(on), "late": one.is_late, **_holds(one, seen, frozen),
            "history": [vars(other) for other in history(one, then)],
        }
        for one in known
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (not row["overdue"], row["outcome"] != "", row["due"], row["on"], row["id"]))


def figures(objections: Sequence[Objection], on: dt.date) -> dict[str, Any]:
    """How many there are, how they were answered and how fast: in all, by what they are against, by kind and by provider.

    Returns:
        ``open``, ``suspending`` (of these: what they are against does not count), ``overdue``, ``answered``, ``late``, ``upheld``,
        ``days`` (the median of calendar days to the answer, None without any) and the lists ``by_against``, ``by_kind`` and
        ``by_provider`` with the same counts each.
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


def known_objections(run: RunFolder) -> tuple[Objection, ...]:
    """The objections of firms with a tier that a run knew, as its report counts them: without people and words."""
    rows = run.read(OBJECTIONS).to_pylist() if run.has(OBJECTIONS) else []
    return tuple(
        Objection(
            id=row["objection"], outcome=row["outcome"] or "", applicant="", by="", grounds="",
            **{name: row[name] for name in _KEPT if name in row},
        )
        for row in rows
    )  # fmt: skip


def _counted(objections: Sequence[Objection], on: dt.date) -> dict[str, Any]:
    answered = sorted(one.days for one in objections if one.days is not None)
    middle = len(answered) // 2
    median = None if not answered else (answered[middle] + answered[~middle]) / 2
    return {
        "open": sum(one.is_open for one in objections),
        "suspending": sum(one.is_open and one.may_hide for one in objections),
        "overdue": sum(one.is_overdue(on) for one in objections),
        "answered": len(answered),
        "upheld": sum(one.outcome == "upheld" for one in objections),
        "late": sum(one.is_late for one in objections),
        "days": median,
    }


def _seen(run: RunFolder) -> set[str]:
    """The numbers of the objections that a run knew."""
    return set(run.read(OBJECTIONS)["objection"].to_pylist()) if run.has(OBJECTIONS) else set()


def _frozen(run: RunFolder) -> dict[str, str]:
    """The tiers that open disputes hold, by subject."""
    tiers = run.read("tiers").select(["subject_id", "tier", "rule"])
    rows = tiers.filter(pc.equal(tiers["rule"], "dispute")).to_pylist()
    return {row["subject_id"]: row["tier"] for row in rows}


def _holds(one: Objection, seen: set[str], frozen: dict[str, str]) -> dict[str, str]:
    if not (one.is_open and one.may_hide):
        return {"holds": "nothing", "held_tier": ""}
    if one.id not in seen:
        return {"holds": "next_night", "held_tier": ""}
    tier = frozen.get(one.subject_id, "")
    return {"holds": "tier" if tier else "record", "held_tier": tier}
