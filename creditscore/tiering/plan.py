"""``plan_inspections``: the frame of a task with its targets, fixed and hashed before there is a seed."""

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from creditscore.config.policy import TierPolicy
from creditscore.config.tasks import Task
from creditscore.errors import DrawError
from creditscore.tiering.columns import as_frame
from creditscore.tiering.frame import STRATUM_KEYS, SUBJECT_KEYS, frame_hash
from creditscore.tiering.population import covered, exemptions, strata_of
from creditscore.tiering.targets import notes_on, overshoot, raised, strata_table
from creditscore.tiering.tiers import Tiers, as_tiers

if TYPE_CHECKING:
    from creditscore.tiering.drawn import DrawnPlan

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

    def draw(self, *, seed: str, staff: Any = None, recusals: Any = None, on: dt.date | None = None) -> "DrawnPlan":
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
        from creditscore.tiering.drawn import draw_plan

        if self._drawn:
            raise DrawError(f"task {self.task.id}: drawn already; a frame is drawn once")
        drawn = draw_plan(self, seed=seed, staff=staff, recusals=recusals, on=on)
        self._drawn = True
        return drawn

    def to_csv(self, folder: str | Path) -> Path:
        """Write the undrawn plan: ``plan.csv``, ``sample.csv`` (no tickets yet), ``manifest.json`` last.

        Raises:
            DrawError: The folder holds a plan that is drawn, or of another task.
        """
        from creditscore.tiering.sealed.publish import write_plan

        return write_plan(self, Path(folder))

    @classmethod
    def from_folder(cls, folder: str | Path) -> "InspectionPlan":
        """Read an undrawn plan.

        Raises:
            DrawError: It is drawn already, or the frame is not the one whose hash the manifest holds.
            DataError: A file is missing or cannot be read.
        """
        from creditscore.tiering.sealed.seal import read_plan

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
        raise DrawError(f"task {task.id}: expected subjects in its population (got none)")
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
