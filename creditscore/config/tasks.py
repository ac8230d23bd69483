"""``tasks.toml``: the inspection plans of a year (one task, one item, one department, one period)."""

from __future__ import annotations

from pydantic import Field, model_validator

from creditscore.config.seed_source import SeedSource
from creditscore.config.spec import Code, Day, Items, Label, Spec, refuse_repeats


class Population(Spec):
    """Whom a task covers; an empty list means all.

    ``regions`` are GB/T 2260 codes and cover what lies below them: ``4311`` and ``431100`` mean the
    whole prefecture. A subject whose region or type is unknown belongs to every task: a gap in the data is no exemption.
    One whose industry is unknown, and was never known, belongs to the tasks of all industries, and to the one that
    ``tasks.toml`` names in ``unknown_trade``.
    """

    industries: Items[Code] = ()
    regions: Items[Code] = ()
    subject_types: Items[str] = ()
    #: Whether subjects without any known industry belong to a task that names industries; ``tasks.toml`` says so in one place.
    unknown_trade: bool = True

    @property
    def takes_unknown_trade(self) -> bool:
        """Whether subjects without any known industry belong to the task."""
        return self.unknown_trade or not self.industries


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

    def with_unknown_trade(self, takes: bool = True) -> Task:
        """The same task, to which subjects without any known industry belong, or do not."""
        return self.model_copy(update={"population": self.population.model_copy(update={"unknown_trade": takes})})


class TaskFile(Spec):
    """The document ``tasks.toml``."""

    task: Items[Task] = ()
    #: The task, of those that name industries, to which subjects belong whose industry was never known.
    unknown_trade: Code | None = None

    @property
    def by_id(self) -> dict[str, Task]:
        """The tasks by id, each saying whether it takes subjects whose industry was never known."""
        takes = {task.id: self.unknown_trade == task.id or not task.population.industries for task in self.task}
        return {task.id: task.with_unknown_trade(takes[task.id]) for task in self.task}

    @model_validator(mode="after")
    def _unknown_trades_have_a_task(self) -> TaskFile:
        if self.unknown_trade is not None and self.unknown_trade not in {task.id for task in self.task}:
            raise ValueError(f"unknown_trade: expected the id of a task (got {self.unknown_trade!r})")
        if any("unknown_trade" in task.population.model_fields_set for task in self.task):
            raise ValueError("population.unknown_trade: expected unknown_trade above the tasks, naming one of them")
        return self

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
