"""From the objects of tiering and models to the plain data of a book."""

import pandas as pd

from creditscore.models.evaluate import Evaluation
from creditscore.reporting.book import Figure, PlanPage
from creditscore.tiering.drawn import DrawnPlan
from creditscore.tiering.plan import InspectionPlan


def plan_page(plan: InspectionPlan | DrawnPlan, *, seed_source: str = "") -> PlanPage:
    """A plan, drawn or not, as it is printed."""
    if isinstance(plan, DrawnPlan):
        return _page(plan.plan, plan.sample, seed=plan.seed, seed_source=seed_source, inspectors=_teams(plan))
    return _page(plan, plan.frame.assign(ticket=None, drawn=False), seed="", seed_source=seed_source, inspectors=pd.DataFrame())


def _page(plan: InspectionPlan, frame: pd.DataFrame, *, seed: str, seed_source: str, inspectors: pd.DataFrame) -> PlanPage:
    return PlanPage(
        task=plan.task,
        strata=plan.strata.assign(ratio=plan.strata["ratio_ppm"] / 1_000_000),
        frame=frame,
        frame_hash=plan.frame_hash,
        drawn=bool(seed),
        overshoot=plan.overshoot,
        seed=seed,
        seed_source=seed_source,
        inspectors=inspectors,
    )


def _teams(drawn: DrawnPlan) -> pd.DataFrame:
    """One row per drawn subject: staff ids, the first day on which one of their certificates ends, who was recused."""
    people = drawn.inspectors
    if people.empty:
        return pd.DataFrame()
    ordered = people.sort_values(["subject_id", "place"])
    teams = (
        ordered.groupby("subject_id").agg(inspectors=("staff_id", list), certificate=("certificate_valid_to", "min")).reset_index()
    )
    recused: dict[str, list[str]] = {}
    for staff_id, subject_id in sorted(drawn.pool.recusals if drawn.pool else ()):
        recused.setdefault(subject_id, []).append(staff_id)
    return teams.assign(recusal=teams["subject_id"].map({subject: "、".join(staff) for subject, staff in recused.items()}))


def evaluation_figures(evaluation: Evaluation) -> dict[str, Figure]:
    """The measures with their intervals, where there are any."""
    intervals = evaluation.intervals
    return {name: Figure(value, *intervals.get(name, (None, None))) for name, value in evaluation.items()}


def evaluation_by_industry(evaluation: Evaluation) -> pd.DataFrame:
    """One row per industry of an evaluation that had industries as groups."""
    return evaluation.by_group.rename_axis("industry").reset_index()
