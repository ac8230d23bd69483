"""``tasks.toml``: the inspection plans of a year (one task, one item, one department, one period)."""

from __future__ import annotations

from pydantic import Field, model_validator

from creditscore.config.seed_source import SeedSource
from creditscore.config.spec import Code, Day, Items, Label, Spec, refuse_repeats


class Population(Spec):
    """Whom a task covers; an empty list means all.

    ``regions`` are GB/T 2260 codes and cover what lies below them: ``4311`` and ``431100`` mean the
    whole prefecture. A subject whose industry, region or type is unknown belongs to every task: a
    gap in the data is no exemption.
    """

    industries: Items[Code] = ()
    regions: Items[Code] = ()
    subject_types: Items[str] = ()


class Task(Spec):
    """One inspection task (抽查任务).

    The frame of a task is hashed with all fields of this class, defaults included (``inspection.sampling_frame``). A field
    added here, to ``Population`` or to ``Label`` changes the hash of every frame that is planned anew; published frames
    keep theirs, since a folder is checked against the task that its manifest holds.
    """

    id: Code
    label: Label
    item: str = Field(min_length=1)
    department: str
    joint_with: Items[str] = ()
    #: Ids of tasks that one visit can serve, too (综合查一次): a subject drawn for both is visited once.
    merge_with: Items[Code] = ()
    #: Ids of tasks whose item *every* visit of this task checks too; p of that item is then that of either draw.
    also_checks: Items[Code] = ()
    start: Day
    end: Day
    population: Population = Population()
    #: Whether strata are task x tier x industry x region, not task x tier x industry. With more strata, rounding up costs
    #: more visits.
    by_region: bool = False
    #: The number of visits that the department can make. A plan that needs more has a note about it.
    capacity: int | None = Field(default=None, ge=1)
    min_inspectors: int = Field(default=2, ge=2, le=10)
    #: The smallest share of visits to which staff of other regions than the subject's are sent before its own (跨区域交叉检查).
    cross_region_share: float = Field(default=0, ge=0, le=1)
    #: The smallest share of all subjects of the task that must be drawn, whatever the ratios of the tiers ("not less than 3 %").
    min_ratio: float | None = Field(default=None, gt=0, le=1)
    #: The smallest number of subjects to draw, from the published plan of the year; refused if it is below ``min_ratio``.
    target: int | None = Field(default=None, ge=1)
    #: Where the seed of its draw will come from. A task without one gets drafts, and is not published.
    seed: SeedSource | None = None

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Task:
        if self.end < self.start:
            raise ValueError("end must not be before start")
        return self


class TaskFile(Spec):
    """The document ``tasks.toml``."""

    task: Items[Task] = ()

    @model_validator(mode="after")
    def _ids_are_unique(self) -> TaskFile:
        refuse_repeats((task.id for task in self.task), "task id")
        return self

    @model_validator(mode="after")
    def _merged_tasks_can_meet(self) -> TaskFile:
        tasks = {task.id: task for task in self.task}
        for task in self.task:
            for other in (*task.merge_with, *task.also_checks):
                if other == task.id or other not in tasks:
                    raise ValueError(f"task {task.id}: merge_with, also_checks: expected ids of other tasks (got {other!r})")
                if tasks[other].start > task.end or tasks[other].end < task.start:
                    raise ValueError(f"task {task.id}: merge_with, also_checks: {other} runs at another time; no visit serves both")
        return self
