"""``plan_inspections``: the frame of a task with its targets, fixed and hashed before there is a seed, and its one draw."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from creditscore.config.policy import TierPolicy
from creditscore.config.tasks import Task
from creditscore.dataframes import as_frame
from creditscore.errors import DrawError
from creditscore.inspection import plan_folder
from creditscore.inspection.draw import draw, modes, tickets
from creditscore.inspection.inspectors import INSPECTOR_COLUMNS, DrawnFrame, Pool, inspector_table
from creditscore.inspection.sampling_frame import SAMPLE_COLUMNS, SamplingFrame
from creditscore.language import DEFAULT_LANGUAGE
from creditscore.tiering.tiers import as_tiers


@dataclass
class InspectionPlan(SamplingFrame):
    """The frame of a task, to be published and then drawn once; see :class:`SamplingFrame` for its attributes."""

    _drawn: bool = field(default=False, repr=False)

    def draw(self, *, seed: str, staff: Any = None, recusals: Any = None, on: dt.date | None = None) -> DrawnPlan:
        """The one draw of this frame.

        Args:
            seed: A text that nobody could know when the frame was published, such as lottery numbers.
            staff: Inspectors (``staff_id, certificate_valid_to``, as far as known ``name, region,
                department``); without it nobody is assigned.
            recusals: Pairs ``staff_id, subject_id`` that may not meet.
            on: The day of the draw, for the manifest.

        Returns:
            The drawn plan: the same arguments give the same draw.

        Raises:
            DrawError: It was drawn already; the frame was changed since it was hashed; a part of a
                ticket holds ``|``; or too few inspectors may go to a subject.
        """
        if self._drawn:
            raise DrawError("task {task_id}: drawn already; a frame is drawn once", task_id=self.task.id)
        if self.hashed_again() != self.frame_hash:
            raise DrawError(
                "task {task_id}: the frame is not the one whose hash was fixed; plan again and publish the new hash",
                task_id=self.task.id,
            )
        sample = self.frame.copy()
        stays = sample["exempt_reason"] == ""
        sample["ticket"] = pd.Series(None, index=sample.index, dtype="str")
        sample.loc[stays, "ticket"] = tickets(sample.loc[stays, "subject_id"].tolist(), seed=seed, task=self.task.id)
        stratum = sample["stratum"].where(stays)
        sample["drawn"] = draw(stratum, sample["ticket"], targets=self.targets())
        sample["mode"] = modes(stratum, sample["ticket"], sample["drawn"], on_site=self.on_site())
        sample = sample[list(SAMPLE_COLUMNS)]
        if staff is None:
            pool, inspectors = None, pd.DataFrame(columns=list(INSPECTOR_COLUMNS))
        else:
            pool = Pool.of(staff, recusals, self.task, subject_ids=sample.loc[stays, "subject_id"])
            inspectors = inspector_table(sample, staff, pool, seed=seed, task=self.task)
        self._drawn = True
        return DrawnPlan(self, seed, sample, inspectors, pool, on)

    def to_csv(self, folder: str | Path) -> Path:
        """Write the undrawn plan: ``plan.csv``, ``sample.csv`` (no tickets yet), ``manifest.json`` last.

        Raises:
            DrawError: The folder holds a plan that is drawn, or of another task.
        """
        return plan_folder.write_frame(self, Path(folder))

    @classmethod
    def from_folder(cls, folder: str | Path) -> InspectionPlan:
        """Read an undrawn plan.

        Raises:
            DrawError: It is drawn already, or the frame is not the one whose hash the manifest holds.
            DataError: A file is missing or cannot be read.
        """
        return cls(**vars(plan_folder.read_frame(Path(folder))))


@dataclass(frozen=True)
class DrawnPlan(DrawnFrame):
    """What a draw gave; see :class:`DrawnFrame` for its attributes."""

    plan: InspectionPlan

    def to_csv(self, folder: str | Path) -> Path:
        """Write ``plan.csv sample.csv inspectors.csv publication.csv``, and ``manifest.json`` last.

        Raises:
            DrawError: The folder holds another frame, or a draw by another seed.
        """
        return plan_folder.write_drawn(self, Path(folder))

    def to_excel(self, path: str | Path, *, lang: str = DEFAULT_LANGUAGE) -> Path:
        """Write the plan as a workbook to read: ratios and targets, the drawn list, who inspects.

        Ratios and results are entered in the workbook of a run; nothing is read back from this one.
        """
        return plan_folder.write_plan_workbook(self, Path(path), lang=lang)

    @classmethod
    def from_folder(cls, folder: str | Path) -> DrawnPlan:
        """Read a drawn plan whose files are the ones its manifest names.

        Raises:
            DrawError: It is not drawn yet, or a file was changed.
            DataError: A file is missing or cannot be read.
        """
        parts = vars(plan_folder.read_drawn(Path(folder)))
        return cls(**{**parts, "plan": InspectionPlan(**vars(parts["plan"]))})


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
        subjects: The same as a frame; used before ``records``, and both before what ``tiers`` brings.

    Returns:
        The plan: the same arguments give the same frame hash.

    Raises:
        DataError: A column is missing, or the task asks for regions or types and there is no register.
        DrawError: The task covers nobody; an id cannot be part of a ticket.
    """
    day_tiers = as_tiers(tiers)
    register = day_tiers.subjects
    if subjects is not None:
        register = as_frame(subjects, needs=["subject_id"], what="subjects")
    elif records is not None:
        register = as_frame(records.subjects_on(day_tiers.as_of), needs=["subject_id"], what="subjects of the records")
    return InspectionPlan.of(day_tiers, policy, task=task, history=history, register=register)
