"""Try a policy before it is signed: what it would find and cost, and which ratios would find most."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from creditscore.errors import DataError
from creditscore.features.build import feature_table
from creditscore.features.spine import spine_from_rows
from creditscore.inspection.allocation import Allocation, allocate_visits
from creditscore.inspection.forecast import PolicyForecast, forecast_from_visits
from creditscore.inspection.past_visits import PastVisits, read_past_visits
from creditscore.language import Message, _, pgettext
from creditscore.models.scoring import ppm_of, score_of
from creditscore.pipeline.known_objections import KnownObjections, counted_by, objections_of_run
from creditscore.pipeline.plans import tasks_due
from creditscore.pipeline.score import DISPUTED_SCORES, read_cards, score_table
from creditscore.records.records import open_records
from creditscore.tiering.assignment import assign_tiers
from creditscore.vocabulary import OFF_SITE, SAMPLING_TRIGGERS, TIER_ORDER, Reason

if TYPE_CHECKING:
    from creditscore.config.policy import TierPolicy
    from creditscore.config.project import Project
    from creditscore.config.scorecards import Scaling
    from creditscore.engine import Engine
    from creditscore.models.scorecard import Scorecard
    from creditscore.pipeline.run_folder import RunFolder
    from creditscore.records.records import Records
    from creditscore.tiering.tiers import Tiers

_KEYS = ["subject_id", "as_of"]
_COLUMNS = ["inspection_id", "industry", "score", "probability_ppm"]


def scores_before_visits(
    records: Records, cards: Mapping[str, Scorecard], industries: Mapping[str, str], *, until: dt.date, held_out: pd.DataFrame
) -> pd.DataFrame:
    """The score of each past random on-site visit's subject as of the day before the visit.

    A subject's tier today reflects what the visit found, and would exaggerate the differences between tiers in the
    forecast. The score of a card that was fitted on the visit does so too, a little: a fit without it is used if known.

    Args:
        records: Visits and everything that features need, as known on the day before each visit.
        cards: By industry.
        industries: Today's industry by subject; visits to other subjects are left out.
        until: The last day of visits.
        held_out: ``subject_id, as_of, probability`` by fits that did not use the visit; may be empty.

    Returns:
        One row per visit, by inspection_id: inspection_id, industry, score, probability_ppm.
    """
    visits = records.results(until).to_pandas(date_as_object=True)
    random = visits["trigger"].isin(SAMPLING_TRIGGERS) & (visits["mode"] != OFF_SITE) & (visits["event_date"] <= until)
    visits = visits[random & visits["subject_id"].isin(list(industries))]
    if visits.empty:
        return pd.DataFrame(columns=_COLUMNS)
    rows = visits[["inspection_id", "subject_id"]].assign(
        as_of=visits["event_date"] - dt.timedelta(days=1), industry=visits["subject_id"].map(industries)
    )
    spine_rows = rows[[*_KEYS, "industry"]].drop_duplicates(_KEYS).sort_values(_KEYS, ignore_index=True)
    spine = spine_from_rows(records, spine_rows, name="past_visits")
    table = feature_table(records, spine, records.project.features, name="past_features")
    scored = score_table(records.engine, table, cards, records.project.scorecards.industry, reasons=0)
    scores = scored.to_pandas(date_as_object=True)[[*_KEYS, *_COLUMNS[1:]]]
    joined: pd.DataFrame = rows.drop(columns="industry").merge(scores, on=_KEYS)
    if len(held_out):
        joined = _by_held_out_fits(joined, held_out, records.project.scorecards.scaling)
    return joined.drop(columns=_KEYS).sort_values("inspection_id", ignore_index=True)


def _by_held_out_fits(scores: pd.DataFrame, held_out: pd.DataFrame, scaling: Scaling) -> pd.DataFrame:
    """Score and probability by the fits that did not use the visit; rows without such a fit keep theirs."""
    fits = held_out.dropna(subset=["probability"]).drop_duplicates(_KEYS)
    joined = scores.merge(fits, on=_KEYS, how="left")
    p = joined.pop("probability").to_numpy(dtype=float)
    known = np.isfinite(p)
    p = np.clip(np.where(known, p, 0.5), 1e-6, 1 - 1e-6)
    score = np.where(known, np.rint(score_of(scaling, p)), joined["score"]).astype(int)
    return joined.assign(score=score, probability_ppm=np.where(known, ppm_of(p), joined["probability_ppm"]).astype(int))


@dataclass(frozen=True)
class Trial:
    """A run's subjects tiered by a policy that is tried, and the records that say what visits find.

    Everyone is in the tier that cuts and overrides give, as if every proposal were signed and nobody waited to rise:
    so the effect of D's ratios shows before the first D is signed.
    """

    policy: TierPolicy
    records: Records
    tiers: Tiers
    #: How many tiers a person would have to sign.
    proposed: int
    #: Scores just before each past random visit, see :func:`scores_before_visits`.
    scores: pd.DataFrame
    #: Which objections it knows.
    notes: tuple[Message, ...] = ()

    @cached_property
    def _visits(self) -> PastVisits:
        """Past visits with the tiers that the policy would have given before them: the same for each task."""
        past, frames = self.records.results(self.tiers.as_of), self.records.frames
        return read_past_visits(past, self.tiers, self.policy, frames=frames, scores=self.scores, records=self.records)

    def forecast(self, *, task: str | None = None) -> PolicyForecast:
        """One round of draws over everyone, or over the subjects of a task."""
        forecast = forecast_from_visits(
            self.tiers,
            self.policy,
            self._visits,
            speaks_by="raw_tier",
            task=None if task is None else self.records.project.tasks[task],
        )
        notes = [_("{tiers} proposed tiers are tried as if signed", tiers=self.proposed)] if self.proposed else []
        return replace(forecast, notes=(*self.notes, *notes, *forecast.notes))

    def allocate(self, capacity: Mapping[str, int]) -> Allocation:
        """The ratios that find most with the visits of each department, in the tasks due of these departments.

        The policy's own ratio of tier A is the floor of every tier: none gets less than the policy gives to its safest.

        Args:
            capacity: Visits by department.

        Raises:
            DataError: No task that is due belongs to a department named; the visits do not reach the floors.
        """
        due = tasks_due(self.records.project, self.tiers.as_of)
        tasks = {task.id: task for task in due if task.department in capacity}
        unknown = sorted(set(capacity) - {task.department for task in tasks.values()})
        if unknown or not tasks:
            raise DataError(
                "capacity: expected departments of tasks that are due, {known} (got {unknown})",
                known=", ".join(sorted({task.department for task in due})) or pgettext("list", "none"),
                unknown=", ".join(unknown),
            )
        floor = self.policy.rules_for("", task=None).of("A").ratio
        forecasts = {name: self.forecast(task=name) for name in tasks}
        return allocate_visits(forecasts, tasks=tasks, capacity=capacity, floors=dict.fromkeys(TIER_ORDER, floor))


def try_policy(
    project: Project, run: RunFolder, policy_file: Path, *, data: Path, engine: Engine, objections: Path | None = None
) -> Trial:
    """A policy over a run's scores and the past random draws in the data.

    A policy that comes into force later is tried as of the run's day. Subjects of the run without a score take part:
    they are in every frame. What an objection upheld by the run's day has struck out counts neither in the tiers nor in the
    scores before visits.

    Args:
        project: The project of the run.
        run: A finished run: scores, tiers and cards.
        policy_file: The policy to try.
        data: The data folder with past inspections and frames.
        engine: Where to compute.
        objections: The folder of runs in which objections were taken in; the run's own by default.

    Raises:
        ConfigError: The policy is faulty, or names what the project does not have.
        DataError: The data cannot be used; the register lacks objections that the run counted.
    """
    known = objections_of_run(run, elsewhere=objections)
    policy = project.policy_of(policy_file)
    records = open_records(engine, project, data=data, disputes=known.disputes)
    in_force = policy.model_copy(update={"effective": run.as_of}) if policy.effective > run.as_of else policy
    rows = run.frame("tiers")
    rows = rows[rows["score"].isna()]
    rules = [Reason.parse(rule) for rule in rows["rule"].fillna("")]
    unrated = rows[["subject_id", "industry"]].assign(reason=[one.ground if one.kind == "not_rated" else "" for one in rules])
    disputed = run.read(DISPUTED_SCORES) if run.has(DISPUTED_SCORES) else None
    tiers = assign_tiers(
        run.read("scores"), in_force, records=records, subjects=unrated, disputed_scores=disputed, as_of=run.as_of
    )  # fmt: skip
    industries = dict(zip(tiers.frame["subject_id"], tiers.frame["industry"], strict=True))
    held_out = run.frame("held_out") if run.has("held_out") else pd.DataFrame()
    scores = scores_before_visits(records, read_cards(run.file("scorecards")), industries, until=run.as_of, held_out=held_out)
    signed = replace(tiers, frame=tiers.frame.assign(tier=tiers.frame["raw_tier"]))
    return Trial(in_force, records, signed, len(tiers.proposed()), scores, _notes_on(run, known))


def _notes_on(run: RunFolder, known: KnownObjections) -> tuple[Message, ...]:
    """Which objections are known, and whether the scores of the run lack some."""
    since = len(known.lines) - len(counted_by(run, known))
    if not since:
        return (known.said(),)
    later = _(
        "{count:,} objections or answers of days up to that of the run were written after it: its scores do not know them; make "
        "the run again, then try the policy",
        count=since,
    )
    return (known.said(), later)
