"""One visit serves several tasks (综合查一次): whose frames meet, whose items a visit checks, and with which probability.

Draws stay independent, since the task is part of the ticket. Who is drawn for two tasks that may be merged is
visited once for both. Where every visit of a task checks another's item *too*, that item is seen by the
union of the draws, and its probability is 1 - (1 - p)(1 - q), exact for independent draws.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from math import prod

import numpy as np
import pandas as pd

from creditscore.config.tasks import Task
from creditscore.tiering.plan import InspectionPlan

#: Between the ids in ``merged_with``.
SEPARATOR = ";"


def partners(task: Task, others: Iterable[Task]) -> list[str]:
    """The ids of the tasks that a visit of this one can serve too, whichever of the two says so, in order."""
    named = {*task.merge_with, *task.also_checks}
    return sorted(other.id for other in others if other.id in named or task.id in (*other.merge_with, *other.also_checks))


def merge_plans(plans: Sequence[InspectionPlan], *, beside: Sequence[InspectionPlan] = ()) -> list[InspectionPlan]:
    """The undrawn plans of one day with ``merged_with`` filled in, each hashed again.

    ``merged_with`` of a subject names the tasks whose frame holds it too and whose item the same visit can
    check. It is part of the frame and of its hash: fixed before any seed. ``beside`` are plans of the day that
    stand already and do not change.
    """
    known = [*plans, *beside]
    tasks = [plan.task for plan in known]
    inside = {plan.task.id: plan.frame.loc[plan.frame["exempt_reason"] == "", "subject_id"] for plan in known}
    return [_merged(plan, partners(plan.task, tasks), inside) for plan in plans]


def _merged(plan: InspectionPlan, others: Sequence[str], inside: Mapping[str, pd.Series]) -> InspectionPlan:
    if not others:
        return plan
    frame, texts = plan.frame.copy(), np.full(len(plan.frame), "", dtype=object)
    stays = (frame["exempt_reason"] == "").to_numpy()
    for other in others:
        shared = stays & frame["subject_id"].isin(inside[other]).to_numpy()
        texts = np.where(shared, np.where(texts == "", other, texts + SEPARATOR + other), texts)
    frame["merged_with"] = texts
    merged = dataclasses.replace(plan, frame=frame, frame_hash="")
    merged.frame_hash = merged.hashed_again()
    return merged


def either(*probabilities: float) -> float:
    """The chance that at least one of several independent draws takes a subject.

    >>> either(0.5, 0.5)
    0.75
    """
    if len(probabilities) == 1:
        return probabilities[0]
    return 1.0 - prod(1.0 - p for p in probabilities)
