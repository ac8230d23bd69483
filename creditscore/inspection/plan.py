"""``plan_inspections``: the draft of a task's frame with its targets, its publication before there is a seed, and its one draw."""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd

from creditscore import dates
from creditscore.config.policy import TierPolicy
from creditscore.config.tasks import Task
from creditscore.dataframes import as_frame
from creditscore.errors import DrawError
from creditscore.inspection import plan_folder
from creditscore.inspection.draw import draw, modes
from creditscore.inspection.frame_rows import SAMPLE_COLUMNS, FileRows
from creditscore.inspection.inspectors import INSPECTOR_COLUMNS, DrawnFrame, inspector_table
from creditscore.inspection.justification import needed
from creditscore.inspection.sampling_frame import SamplingFrame
from creditscore.inspection.seeds import refuse_early, refuse_seed
from creditscore.inspection.task_folder import TaskFolder, not_seen, published_frame, refuse_forgotten, refuse_older_layout
from creditscore.inspection.task_steps import add_draw, add_publication
from creditscore.inspection.tickets import tickets
from creditscore.language import DEFAULT_LANGUAGE
from creditscore.storage import changed
from creditscore.tiering.tiers import as_tiers

_log = logging.getLogger(__name__)


@dataclass
class InspectionPlan(SamplingFrame):
    """The draft of a task's frame, to be published and then drawn once; see :class:`SamplingFrame` for its attributes."""

    def publish(
        self, *, on: str | dt.date, channel: str, by: str, out: str | Path | None = None, trial: bool = False
    ) -> PublishedPlan:
        """Fix the frame: it gets its key, from now on its hash may be told, and it may be drawn.

        Args:
            on: The day on which the hash is told.
            channel: Where it is told, such as a gazette and its number.
            by: Who answers for it.
            out: The folder of runs: its register gets the line without which nothing is drawn there,
                ``OUT/tasks/<task>/`` the files, and ``OUT/keys/<task>`` the key. Without it the frame is in memory
                only, for experiments: not registered.
            trial: Publish a frame of a run whose cards nobody has signed.

        Raises:
            DrawError: The frame was changed since it was hashed; channel or name is missing; or, with ``out``, the
                task's frame is published already.
            DataError: ``out`` holds runs of an older layout, or its register is not the newest one.
            LockedError: A run or another command is writing to ``out``.
        """
        day = dates.day_of(on)
        publication = Publication(day, needed(channel, "channel"), needed(by, "by"), None if out is None else Path(out))
        if publication.out is None:
            self.check_hash()
            self.refuse_too_few()
            frame = self.sealed()
            _log.warning("task %s: the frame is in memory only, not registered", self.task.id)
        else:
            folder = TaskFolder.of(publication.out, self.task.id)
            with changed(publication.out, f"plan publish {self.task.id}") as entry:
                refuse_older_layout(publication.out)
                refuse_forgotten(publication.out)
                frame = add_publication(entry, folder, self, on=day, channel=channel, by=by, trial=trial)
            if (warning := not_seen(folder)) is not None:
                _log.warning("task %s: %s", self.task.id, warning)
        return PublishedPlan(**frame_parts(frame), publication=publication)

    def draw(self, **_options: Any) -> NoReturn:
        """A draft is not drawn.

        Raises:
            DrawError: Always: publish the frame first.
        """
        raise DrawError("task {task_id}: a draft is not drawn; publish its frame first (plan.publish)", task_id=self.task.id)

    def to_csv(self, folder: str | Path) -> Path:
        """Write the undrawn plan: ``plan.csv``, ``sample.csv`` (no tickets yet), ``manifest.json`` last.

        Raises:
            DrawError: The folder holds a plan that is drawn, or of another task.
        """
        return plan_folder.write_frame(self, Path(folder))

    def kept_in(self, folder: Path) -> InspectionPlan:
        """Write the undrawn plan, see :meth:`to_csv`, and return it: it reads its rows from the file when they are asked for."""
        self.to_csv(folder)
        return dataclasses.replace(self, rows=FileRows(folder / "sample.csv"))

    @classmethod
    def for_documents(cls, folder: Path) -> InspectionPlan:
        """Read an undrawn plan to tell of it, see :func:`creditscore.inspection.plan_folder.read_draft`."""
        return cls(**frame_parts(plan_folder.read_draft(folder)))

    @classmethod
    def from_folder(cls, folder: str | Path) -> InspectionPlan:
        """Read an undrawn plan.

        Raises:
            DrawError: It is drawn already, or the frame is not the one whose hash the manifest holds.
            DataError: A file is missing or cannot be read.
        """
        return cls(**frame_parts(plan_folder.read_frame(Path(folder))))


@dataclass(frozen=True)
class Publication:
    """When, where and by whom a frame's hash was told; ``out`` is the folder of its register, or None: not registered."""

    on: dt.date
    channel: str
    by: str
    out: Path | None = None

    @property
    def registered(self) -> bool:
        """Whether a register knows of it."""
        return self.out is not None


@dataclass
class PublishedPlan(SamplingFrame):
    """A published frame, to be drawn once; see :class:`SamplingFrame` for its attributes."""

    publication: Publication = field(kw_only=True)
    _drawn: bool = field(default=False, repr=False)

    def draw(
        self,
        *,
        seed: str,
        by: str = "",
        on: dt.date | None = None,
    ) -> DrawnPlan:
        """The one draw of this frame.

        Args:
            seed: What the declared source published, written in the declared form. A frame in memory may declare none.
            by: Who draws; needed where the frame is registered.
            on: The day of the draw; that of the seed by default.

        Returns:
            The drawn plan: the same arguments give the same draw.

        Raises:
            DrawError: It was drawn already; the frame was changed since it was hashed; the seed has another form, or its day
                has not come; or a part of a ticket holds ``|``.
            LockedError: A run or another command is writing to the folder of the register.
        """
        if self._drawn:
            raise DrawError("task {task_id}: drawn already; a frame is drawn once", task_id=self.task.id)
        self.check_hash()
        if self.publication.out is None:
            drawn = drawn_of(self, seed=seed, on=on)
        else:
            folder = TaskFolder.of(self.publication.out, self.task.id)
            with changed(self.publication.out, f"draw {self.task.id}") as entry:
                refuse_forgotten(self.publication.out)
                drawn = drawn_of(published_frame(folder), seed=seed, on=on)
                add_draw(entry, folder, drawn, by=by)
        self._drawn = True
        return drawn


@dataclass(frozen=True)
class DrawnPlan(DrawnFrame):
    """What a draw gave; see :class:`DrawnFrame` for its attributes."""

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
        return cls(**vars(plan_folder.read_drawn(Path(folder))))


def drawn_of(frame: SamplingFrame, *, seed: str, on: dt.date | None = None) -> DrawnPlan:
    """What a seed draws from a frame, and who inspects; see :meth:`PublishedPlan.draw`. Nothing is recorded.

    A frame of format 2 is drawn by the rule that was published with it: its tickets have no nonce in them.

    Raises:
        DrawError: The frame has no key; the seed has another form, or its day has not come.
    """
    if frame.format > 2 and not frame.key:
        raise DrawError("task {task_id}: expected a published frame with its key; a draft is not drawn", task_id=frame.task.id)
    if frame.format > 2:
        refuse_seed(frame.task, seed)
        refuse_early(frame.task, on, dates.today())
        on = on or (frame.task.seed.day if frame.task.seed else None)
    sample = frame.frame.copy()
    stays = sample["exempt_reason"] == ""
    sample["ticket"] = pd.Series(None, index=sample.index, dtype="str")
    sample.loc[stays, "ticket"] = tickets(sample.loc[stays, "subject_id"].tolist(), seed=seed, task=frame.task.id, key=frame.key)
    stratum = sample["stratum"].where(stays)
    sample["drawn"] = draw(stratum, sample["ticket"], targets=frame.targets())
    sample["mode"] = modes(stratum, sample["ticket"], sample["drawn"], on_site=frame.on_site())
    sample = sample[list(SAMPLE_COLUMNS)]
    if frame.pool is None:
        inspectors = pd.DataFrame(columns=list(INSPECTOR_COLUMNS))
    else:
        inspectors = inspector_table(sample, frame.pool, seed=seed, task=frame.task)
    return DrawnPlan(frame, seed, sample, inspectors, frame.pool, on)


def frame_parts(frame: SamplingFrame) -> dict[str, Any]:
    """The fields of a frame, for a plan of the same frame in another state."""
    return {one.name: getattr(frame, one.name) for one in dataclasses.fields(SamplingFrame)}


def plan_inspections(
    tiers: Any,
    policy: TierPolicy,
    *,
    task: Task,
    history: Any = None,
    records: Any = None,
    subjects: Any = None,
    staff: Any = None,
    recusals: Any = None,
) -> InspectionPlan:
    """The frame and the targets of one task.

    Args:
        tiers: A ``Tiers`` or a frame of ``tiers.parquet``; NR is in every frame.
        policy: Ratios, full coverage, caps.
        task: Whom it covers, when, and its floor.
        history: Past inspections; without it nobody is exempt for a cap or a recent draw.
        records: Where to look up names, regions, types and states of subjects.
        subjects: The same as a frame; used before ``records``, and both before what ``tiers`` brings.
        staff: Who may be sent (``staff_id, certificate_valid_to`` and, as far as known, ``name, region, department``);
            without it nobody is assigned. Fixed with the frame, before there is a seed.
        recusals: Pairs ``staff_id, subject_id`` that may not meet.

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
    plan = InspectionPlan.of(day_tiers, policy, task=task, history=history, register=register)
    return plan if staff is None else plan.with_people(staff, recusals)
