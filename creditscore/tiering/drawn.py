"""A drawn plan: the sample, its tickets, who inspects; and how it is handed over."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from creditscore.config.base import Language
from creditscore.config.tasks import Task
from creditscore.errors import DrawError
from creditscore.tiering.columns import as_frame, texts
from creditscore.tiering.draw import draw, modes, tickets
from creditscore.tiering.people.inspectors import INSPECTOR_COLUMNS, Pool, assign_inspectors, pool_of
from creditscore.tiering.people.stand_in import Staffed
from creditscore.tiering.plan import InspectionPlan

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
        from creditscore.tiering.sealed.publish import write_drawn

        return write_drawn(self, Path(folder))

    def to_excel(self, path: str | Path, *, lang: Language = "zh") -> Path:
        """Write the plan as a workbook to read: ratios and targets, the drawn list, who inspects.

        Ratios and results are entered in the workbook of a run; nothing is read back from this one.
        """
        from creditscore.tiering.sealed.publish import write_plan_workbook

        return write_plan_workbook(self, Path(path), lang=lang)

    @classmethod
    def from_folder(cls, folder: str | Path) -> "DrawnPlan":
        """Read a drawn plan whose files are the ones its manifest names.

        Raises:
            DrawError: It is not drawn yet, or a file was changed.
            DataError: A file is missing or cannot be read.
        """
        from creditscore.tiering.sealed.seal import read_drawn

        return read_drawn(Path(folder))


def draw_plan(plan: InspectionPlan, *, seed: str, staff: Any, recusals: Any, on: dt.date | None) -> DrawnPlan:
    """Tickets, sample and inspectors of a plan. Pure: the same arguments, the same draw.

    Raises:
        DrawError: See :meth:`InspectionPlan.draw`.
    """
    if plan.hashed_again() != plan.frame_hash:
        raise DrawError(f"task {plan.task.id}: the frame is not the one whose hash was fixed; plan again and publish the new hash")
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
