"""``plan_inspections``: the frame of a task with its targets, fixed and hashed before there is a seed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from creditscore.config.policy import TierPolicy
from creditscore.config.spec import Language
from creditscore.config.tasks import Task
from creditscore.dataframes import as_frame, texts
from creditscore.errors import DrawError
from creditscore.inspection.draw import draw, modes, tickets
from creditscore.inspection.inspectors import INSPECTOR_COLUMNS, Pool, Staffed, assign_inspectors, pool_of
from creditscore.inspection.sampling_frame import (
    STRATUM_KEYS,
    SUBJECT_KEYS,
    covered,
    exemptions,
    frame_hash,
    notes_on,
    overshoot,
    raised,
    strata_of,
    strata_table,
)
from creditscore.tiering.tiers import Tiers, as_tiers

if TYPE_CHECKING:
    pass  # MOVED

SAMPLE_COLUMNS = (
    "task", "subject_id", "name", "industry", "region", "tier", "stratum", "inclusion_probability", "ticket", "drawn",
    "mode", "exempt_reason", "merged_with",
)  # fmt: skip


@dataclass(frozen=True)
class DrawnPlan:
    """What a draw gave.

    Attributes:
        plan: The frame that was drawn.
        seed: The seed.
        sample: The whole frame by subject_id with ``ticket`` (missing for those who left the frame),
            ``drawn`` (bool) and ``mode`` (``on_site``, ``off_site``, ``""`` where not drawn).
        inspectors: One row per drawn subject and inspector, the leader with ``place`` 1.
        pool: Who might have been sent, and who was recused; None where no staff was given.
        drawn_on: The day the caller gave.
    """

    plan: InspectionPlan
    seed: str
    sample: pd.DataFrame
    inspectors: pd.DataFrame
    pool: Pool | None = None
    drawn_on: dt.date | None = None

    @property
    def task(self) -> Task:
        """The task."""
        return self.plan.task

    @property
    def strata(self) -> pd.DataFrame:
        """The strata of the frame."""
        return self.plan.strata

    @property
    def frame_hash(self) -> str:
        """The hash that was fixed before the seed."""
        return self.plan.frame_hash

    @property
    def drawn(self) -> pd.DataFrame:
        """The drawn subjects alone, by subject_id."""
        return self.sample[self.sample["drawn"]].reset_index(drop=True)

    @property
    def staffed(self) -> Staffed:
        """Who was sent where, for those who come later."""
        return Staffed(self.pool, self.inspectors, self.seed, self.task)

    def to_csv(self, folder: str | Path) -> Path:
        """Write ``plan.csv sample.csv inspectors.csv publication.csv``, and ``manifest.json`` last.

        Raises:
            DrawError: The folder holds another frame, or a draw by another seed.
        """
        from creditscore.inspection.plan_folder import write_drawn

        return write_drawn(self, Path(folder))

    def to_excel(self, path: str | Path, *, lang: Language = "zh") -> Path:
        """Write the plan as a workbook to read: ratios and targets, the drawn list, who inspects.

        Ratios and results are entered in the workbook of a run; nothing is read back from this one.
        """
        from creditscore.inspection.plan_folder import write_plan_workbook

        return write_plan_workbook(self, Path(path), lang=lang)

    @classmethod
    def from_folder(cls, folder: str | Path) -> DrawnPlan:
        """Read a drawn plan whose files are the ones its manifest names.

        Raises:
            DrawError: It is not drawn yet, or a file was changed.
            DataError: A file is missing or cannot be read.
        """
        from creditscore.inspection.plan_folder import read_drawn

        return read_drawn(Path(folder))


def draw_plan(plan: InspectionPlan, *, seed: str, staff: Any, recusals: Any, on: dt.date | None) -> DrawnPlan:
    """Tickets, sample and inspectors of a plan. Pure: the same arguments, the same draw.

    Raises:
        DrawError: See :meth:`InspectionPlan.draw`.
    """
    if plan.hashed_again() != plan.frame_hash:
        raise DrawError(
            "task {task_id}: the frame is not the one whose hash was fixed; plan again and publish the new hash",
            task_id=plan.task.id,
        )
    sample = plan.frame.copy()
    stays = sample["exempt_reason"] == ""
    sample["ticket"] = pd.Series(None, index=sample.index, dtype="str")
    sample.loc[stays, "ticket"] = tickets(sample.loc[stays, "subject_id"].tolist(), seed=seed, task=plan.task.id)
    stratum = sample["stratum"].where(stays)
    sample["drawn"] = draw(stratum, sample["ticket"], targets=plan.targets())
    sample["mode"] = modes(stratum, sample["ticket"], sample["drawn"], on_site=plan.on_site())
    sample = sample[list(SAMPLE_COLUMNS)]
    if staff is None:
        return DrawnPlan(plan, seed, sample, pd.DataFrame(columns=list(INSPECTOR_COLUMNS)), None, on)
    chosen = sample[sample["drawn"]]
    pool = pool_of(staff, recusals, plan.task, subject_ids=sample.loc[stays, "subject_id"])
    names = _names(staff)
    rows = inspector_rows(chosen, pool, seed=seed, task=plan.task)
    frame = pd.DataFrame([(*row[:4], names[row[3]], *row[4:]) for row in rows], columns=list(INSPECTOR_COLUMNS))
    return DrawnPlan(plan, seed, sample, frame, pool, on)


def inspector_rows(chosen: pd.DataFrame, pool: Pool, *, seed: str, task: Task) -> list[tuple[Any, ...]]:
    """``task, subject_id, place, staff_id, department, region, certificate_valid_to`` by subject and place."""
    turns = list(zip(chosen["ticket"], chosen["subject_id"], chosen["region"], strict=True))
    teams = assign_inspectors(turns, pool, seed=seed, task=task.id, number=task.min_inspectors, lead=task.department)
    members = {member.staff_id: member for member in pool.members}
    return [
        (task.id, subject_id, place, staff_id, one.department, one.region, one.certificate_valid_to)
        for subject_id in sorted(teams)
        for place, staff_id in enumerate(teams[subject_id], start=1)
        for one in (members[staff_id],)
    ]


def _names(staff: Any) -> dict[str, str]:
    frame = as_frame(staff, needs=["staff_id"], what="staff")
    return dict(zip(texts(frame, "staff_id"), texts(frame, "name"), strict=True))


FRAME_COLUMNS = (
    "task", "subject_id", "name", "industry", "region", "tier", "stratum", "inclusion_probability", "exempt_reason", "merged_with",
)  # fmt: skip


@dataclass
class InspectionPlan:
    """A frame that can be published: who may be drawn, in which stratum, how many of each.

    Attributes:
        task: The task.
        frame: One row per subject of the task's population, by subject_id, those who left the frame
            with their reason and probability 0. ``inclusion_probability`` is n/N of the stratum.
        strata: One row per stratum: ``population`` N, ``target`` n, ``ratio_ppm``, ``on_site`` (how many of
            the n are visited on site) with its share ``on_site_ppm``, ``exempt``.
        about: Task, day and policy as hashed.
        frame_hash: The SHA-256 to publish before the seed is known.
        notes: What the planner should know.
    """

    task: Task
    frame: pd.DataFrame
    strata: pd.DataFrame
    about: dict[str, Any]
    frame_hash: str
    notes: tuple[str, ...] = ()
    _drawn: bool = field(default=False, repr=False)

    @property
    def as_of(self) -> dt.date:
        """The day of the tiers behind the frame."""
        return dt.date.fromisoformat(self.about["as_of"])

    @property
    def overshoot(self) -> int:
        """Visits that rounding up in every stratum adds to the ratios' exact sum."""
        return overshoot(self.strata)

    @property
    def raised(self) -> int:
        """Visits beyond the ratios that the task's floor or its named number adds."""
        return raised(self.strata)

    def targets(self) -> dict[str, int]:
        """How many to draw, by stratum."""
        return dict(zip(self.strata["stratum"].tolist(), self.strata["target"].tolist(), strict=True))

    def on_site(self) -> dict[str, int]:
        """How many of the drawn are visited on site, by stratum."""
        return dict(zip(self.strata["stratum"].tolist(), self.strata["on_site"].tolist(), strict=True))

    def draw(self, *, seed: str, staff: Any = None, recusals: Any = None, on: dt.date | None = None) -> DrawnPlan:
        """The one draw of this frame.

        Args:
            seed: A text that nobody could know when the frame was published, such as lottery numbers.
            staff: Inspectors (``staff_id, certificate_valid_to``, as far as known ``name, region,
                department``); without it nobody is assigned.
            recusals: Pairs ``staff_id, subject_id`` that may not meet.
            on: The day of the draw, for the manifest.

        Raises:
            DrawError: It was drawn already; the frame was changed since it was hashed; a part of a
                ticket holds ``|``; or too few inspectors may go to a subject.
        """
        pass  # MOVED

        if self._drawn:
            raise DrawError("task {task_id}: drawn already; a frame is drawn once", task_id=self.task.id)
        drawn = draw_plan(self, seed=seed, staff=staff, recusals=recusals, on=on)
        self._drawn = True
        return drawn

    def to_csv(self, folder: str | Path) -> Path:
        """Write the undrawn plan: ``plan.csv``, ``sample.csv`` (no tickets yet), ``manifest.json`` last.

        Raises:
            DrawError: The folder holds a plan that is drawn, or of another task.
        """
        from creditscore.inspection.plan_folder import write_plan

        return write_plan(self, Path(folder))

    @classmethod
    def from_folder(cls, folder: str | Path) -> InspectionPlan:
        """Read an undrawn plan.

        Raises:
            DrawError: It is drawn already, or the frame is not the one whose hash the manifest holds.
            DataError: A file is missing or cannot be read.
        """
        from creditscore.inspection.plan_folder import read_plan

        return read_plan(Path(folder))

    def hashed_again(self) -> str:
        """The frame hash of what the plan holds now."""
        subjects = zip(*(self.frame[name].tolist() for name in SUBJECT_KEYS), strict=True)
        strata = zip(*(self.strata[name].tolist() for name in STRATUM_KEYS), strict=True)
        return frame_hash(self.about, strata, subjects)


def plan_inspections(
    tiers: Any,
    policy: TierPolicy,
    *,
    task: Task,
    history: Any = None,
    records: Any = None,
    subjects: Any = None,
) -> InspectionPlan:
    """The frame and the targets of one task.

    Args:
        tiers: A ``Tiers`` or a frame of ``tiers.parquet``; NR is in every frame.
        policy: Ratios, full coverage, caps.
        task: Whom it covers, when, and its floor.
        history: Past inspections; without it nobody is exempt for a cap or a recent draw.
        records: Where to look up names, regions, types and states of subjects.
        subjects: The same as a frame; goes before ``records``, and both before what ``tiers`` brings.

    Raises:
        DataError: A column is missing, or the task asks for regions or types and there is no register.
        DrawError: The task covers nobody; an id cannot be part of a ticket.
    """
    given = as_tiers(tiers)
    day = given.as_of
    frame = covered(given, _register(given, records, subjects, day), task)
    if frame.empty:
        raise DrawError("task {task_id}: expected subjects in its population (got none)", task_id=task.id)
    frame["exempt_reason"] = exemptions(frame, policy, task, history=history, as_of=day)
    frame["stratum"] = strata_of(frame, task)
    strata = strata_table(frame, policy, task)
    frame = with_probabilities(frame.assign(task=task.id, merged_with=""), strata)
    about = {
        "task": task.model_dump(mode="json"),
        "as_of": day.isoformat(),
        "policy": {"effective": policy.effective.isoformat(), "basis": policy.basis, "sha256": policy.sha256},
    }
    plan = InspectionPlan(task, frame, strata, about, "", notes_on(strata, task, effective=policy.effective, as_of=day))
    plan.frame_hash = plan.hashed_again()
    return plan


def _register(tiers: Tiers, records: Any, subjects: Any, day: dt.date) -> pd.DataFrame | None:
    if subjects is not None:
        return as_frame(subjects, needs=["subject_id"], what="subjects")
    if records is not None:
        return as_frame(records.subjects_on(day), needs=["subject_id"], what="subjects of the records")
    return tiers.subjects


def with_probabilities(frame: pd.DataFrame, strata: pd.DataFrame) -> pd.DataFrame:
    """n/N of the stratum; 0 for those who left the frame. The same double on every machine: one division."""
    pairs = zip(strata["stratum"], strata["target"].tolist(), strata["population"].tolist(), strict=True)
    probability = {name: n / size if size else 0.0 for name, n, size in pairs}
    stays = frame["exempt_reason"] == ""
    chances = frame["stratum"].map(probability).where(stays, 0.0).astype(float)
    return frame.assign(inclusion_probability=chances)[list(FRAME_COLUMNS)]
