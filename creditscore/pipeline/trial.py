"""Try a policy before it is signed: what it would find and cost, and which ratios would find most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from creditscore.batch import read_parquet
from creditscore.errors import DataError
from creditscore.pipeline.past import scores_before_visits
from creditscore.pipeline.plans import tasks_due
from creditscore.pipeline.score import read_cards
from creditscore.pipeline.tier import read_tiers
from creditscore.records.open import open_records
from creditscore.tiering.allocate import Allocation, allocate_visits
from creditscore.tiering.assign import assign_tiers
from creditscore.tiering.forecast import PolicyForecast, forecast_policy
from creditscore.vocabulary import TIERS

if TYPE_CHECKING:
    import pandas as pd

    from creditscore.config.policy import TierPolicy
    from creditscore.config.project import Project
    from creditscore.engine import Engine
    from creditscore.pipeline.folder import RunFolder
    from creditscore.records.records import Records
    from creditscore.tiering.tiers import Tiers


@dataclass(frozen=True)
class Trial:
    """A run's subjects tiered by a policy that is tried, and the records that tell what visits find.

    Everyone is in the tier that cuts and overrides say, as if every proposal were signed and nobody waited to rise:
    what the ratios of D find is told before the first D is signed. ``proposed`` says how many a person would sign.
    """

    project: Project
    policy: TierPolicy
    records: Records
    tiers: Tiers
    proposed: int
    #: Scores just before each past random visit.
    before: pd.DataFrame

    def forecast(self, *, task: str | None = None) -> PolicyForecast:
        """One round of draws over everyone, or over the subjects of a task."""
        chosen = None if task is None else self.project.tasks[task]
        past = {"history": self.records.inspections, "frames": self.records.frames, "scores": self.before}
        told = forecast_policy(self.tiers, self.policy, **past, records=self.records, task=chosen)
        notes = [f"{self.proposed} proposed tiers are tried as if signed"] if self.proposed else []
        return replace(told, notes=(*notes, *told.notes))

    def allocate(self, capacity: Mapping[str, int]) -> Allocation:
        """The ratios that find most with the visits of each department, in the tasks due of the departments named.

        The policy's own ratio of tier A, for the others the same, is the floor: no tier gets less than the policy
        gives to its safest.

        Raises:
            DataError: No task that is due belongs to a department named; the visits do not reach the floors.
        """
        due = tasks_due(self.project, self.tiers.as_of)
        tasks = {task.id: task for task in due if task.department in capacity}
        unknown = sorted(set(capacity) - {task.department for task in tasks.values()})
        if unknown or not tasks:
            known = ", ".join(sorted({task.department for task in due}))
            raise DataError(f"capacity: expected departments of tasks that are due, {known or 'none'} (got {', '.join(unknown)})")
        least = self.policy.rules_for("", task=None).of("A").ratio
        floors = dict.fromkeys((*TIERS, "NR"), least)
        forecasts = {name: self.forecast(task=name) for name in tasks}
        return allocate_visits(forecasts, tasks=tasks, capacity=capacity, floors=floors)


def try_policy(project: Project, run: RunFolder, policy_file: Path, *, data: Path, engine: Engine) -> Trial:
    """A policy over a run's scores and the past random draws in the data; one that begins later is tried as of the run's day."""
    policy = project.policy_of(policy_file)
    records = open_records(engine, project, data=data)
    in_force = policy.model_copy(update={"effective": run.as_of}) if policy.effective > run.as_of else policy
    scores, unrated = read_parquet(run.file("scores.parquet")), _unrated(run)
    tiers = assign_tiers(scores, in_force, records=records, subjects=unrated, as_of=run.as_of)
    proposed, signed = len(tiers.proposed()), replace(tiers, frame=tiers.frame.assign(tier=tiers.frame["raw_tier"]))
    industries = dict(zip(tiers.frame["subject_id"], tiers.frame["industry"], strict=True))
    cards = read_cards(run.file("scorecards"))
    unseen = run.file("held_out.parquet")
    held_out = read_parquet(unseen).to_pandas(date_as_object=True) if unseen.is_file() else None
    before = scores_before_visits(records, project, cards, industries, until=run.as_of, held_out=held_out)
    return Trial(project, in_force, records, signed, proposed, before)


def _unrated(run: RunFolder) -> pd.DataFrame:
    """The run's subjects that have no score: they are in every frame, and so in every forecast."""
    rows = read_tiers(run)
    rows = rows[rows["score"].isna()]
    return rows[["subject_id", "industry"]].assign(reason=rows["rule"].str.extract(r"^not_rated:(.*)$", expand=False))
