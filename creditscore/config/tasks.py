"""``tasks.toml``: the inspection plans of a year (one task, one item, one department, one period)."""

from pydantic import Field, model_validator

from creditscore.config.base import Code, Day, Label, Spec


class Population(Spec):
    """Whom a task covers; an empty list means all.

    ``regions`` are GB/T 2260 codes and cover what lies below them: ``4311`` and ``431100`` mean the
    whole prefecture. A subject whose industry, region or type is unknown belongs to every task: a
    gap in the data is no exemption.
    """

    industries: tuple[Code, ...] = ()
    regions: tuple[Code, ...] = ()
    subject_types: tuple[str, ...] = ()


class Task(Spec):
    """One inspection task (抽查任务)."""

    id: Code
    label: Label
    item: str = Field(min_length=1)
    department: str
    joint_with: tuple[str, ...] = ()
    start: Day
    end: Day
    population: Population = Population()
    #: Strata are task x tier x industry; with this also the region (rounding up then costs more visits).
    by_region: bool = False
    #: Visits the department can make; a plan that needs more says so.
    capacity: int | None = Field(default=None, ge=1)
    min_inspectors: int = Field(default=2, ge=2, le=10)
    #: A floor that the whole task must reach whatever the tiers give ("not less than 3 %").
    min_ratio: float | None = Field(default=None, gt=0, le=1)

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> "Task":
        if self.end < self.start:
            raise ValueError("end must not be before start")
        return self


class TaskFile(Spec):
    """The document ``tasks.toml``."""

    task: tuple[Task, ...] = ()

    @model_validator(mode="after")
    def _ids_are_unique(self) -> "TaskFile":
        ids = [task.id for task in self.task]
        if len(ids) != len(set(ids)):
            raise ValueError("each task id once")
        return self
