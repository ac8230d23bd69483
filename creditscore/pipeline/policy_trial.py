"""Try a policy before it is signed: what it would find and cost, and which ratios would find most."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from creditscore.errors import DataError
from creditscore.features.build import feature_table
from creditscore.features.spine import spine_from_rows
from creditscore.inspection.allocation import Allocation, allocate_visits
from creditscore.inspection.forecast import PolicyForecast, forecast_policy
from creditscore.models.scoring import ppm_of, score_of
from creditscore.pipeline.plans import tasks_due
from creditscore.pipeline.score import read_cards, score_table
from creditscore.pipeline.tier import read_tiers
from creditscore.records.records import open_records
from creditscore.storage import read_parquet
from creditscore.tiering.assignment import assign_tiers
from creditscore.vocabulary import OFF_SITE, SAMPLING_TRIGGERS, TIERS

if TYPE_CHECKING:
    import pandas as pd

    from creditscore.config.policy import TierPolicy
    from creditscore.config.project import Project
    from creditscore.config.scorecards import Scaling
    from creditscore.engine import Engine
    from creditscore.models.scorecard import Scorecard
    from creditscore.pipeline.run_folder import RunFolder
    from creditscore.records.records import Records
    from creditscore.tiering.tiers import Tiers

_KEYS = ["subject_id", "as_of"]


def scores_before_visits(
    records: Records,
    project: Project,
    cards: Mapping[str, Scorecard],
    industries: Mapping[str, str],
    *,
    until: dt.date,
    held_out: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """One row per random on-site visit up to ``until``, of a subject in ``industries``, as of the day before it.

    Features are those of that day, by what was known then; the industry is today's (of ``industries``, by subject).
    A subject's tier today knows what the visit found, and would make the forecast lean outwards. So would, less, the
    score of a card that was fitted on the visit: ``held_out`` (``subject_id, as_of, probability``) has what a fit without
    it says, and is taken where it is known.

    Returns:
        inspection_id, industry, score, probability_ppm.
    """
    visits = records.inspections.to_pandas(date_as_object=True)
    known = visits["trigger"].isin(SAMPLING_TRIGGERS) & (visits["mode"] != OFF_SITE) & (visits["event_date"] <= until)
    visits = visits[known & visits["subject_id"].isin(list(industries))]
    rows = pd.DataFrame(
        {
            "inspection_id": visits["inspection_id"],
            "subject_id": visits["subject_id"],
            "as_of": visits["event_date"] - dt.timedelta(days=1),
            "industry": visits["subject_id"].map(industries),
        }
    )
    if rows.empty:
        return pd.DataFrame(columns=["inspection_id", "industry", "score", "probability_ppm"])
    asked = rows[[*_KEYS, "industry"]].drop_duplicates(_KEYS).sort_values(_KEYS, ignore_index=True)
    table = feature_table(records, spine_from_rows(records, asked, name="past_visits"), project.features, name="past_features")
    scored = score_table(records.engine, table, cards, project.scorecards.industry, reasons=0)
    scores = scored.to_pandas(date_as_object=True)
    found = rows.drop(columns="industry").merge(scores[[*_KEYS, "industry", "score", "probability_ppm"]], on=_KEYS)
    if held_out is not None and len(held_out):
        found = _unseen(found, held_out, project.scorecards.scaling)
    return found.drop(columns=_KEYS).sort_values("inspection_id", ignore_index=True)


def _unseen(found: pd.DataFrame, held_out: pd.DataFrame, scaling: Scaling) -> pd.DataFrame:
    """Scores and risks by the fits that have not seen the visit, where there are such."""
    known = held_out.dropna(subset=["probability"]).drop_duplicates(_KEYS)
    joined = found.merge(known, on=_KEYS, how="left")
    p = joined.pop("probability").to_numpy(dtype=float)
    there = np.isfinite(p)
    p = np.clip(np.where(there, p, 0.5), 1e-6, 1 - 1e-6)
    score = np.where(there, np.rint(score_of(scaling, p)), joined["score"]).astype(int)
    return joined.assign(score=score, probability_ppm=np.where(there, ppm_of(p), joined["probability_ppm"]).astype(int))


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
            raise DataError(
                "capacity: expected departments of tasks that are due, {value} (got {unknown})",
                value=known or "none",
                unknown=", ".join(unknown),
            )
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
