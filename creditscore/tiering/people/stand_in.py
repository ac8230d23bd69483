"""Inspectors of a subject that comes after the draw: by the same seed, after the load that everyone has by then."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from creditscore.config.tasks import Task
from creditscore.tiering.columns import as_frame, texts
from creditscore.tiering.people.inspectors import Pool, assign_inspectors


@dataclass(frozen=True)
class Staffed:
    """What of a drawn plan says who goes; ``inspectors`` has ``subject_id, place, staff_id``."""

    pool: Pool | None
    inspectors: pd.DataFrame
    seed: str
    task: Task


def stand_in(
    drawn: Staffed,
    log: Sequence[Mapping[str, Any]],
    subject_id: str,
    region: str,
    *,
    for_whom: str = "",
    recused: Sequence[str] = (),
) -> list[str]:
    """The staff ids for one more subject, the leader first; none where the plan was drawn without staff.

    Args:
        drawn: The plan.
        log: What happened since; its teams count as load.
        subject_id: Who comes.
        region: Where it is.
        for_whom: Whose place it takes: that team goes, unless one of it is recused.
        recused: Staff who may not go, beside those of the plan.

    Raises:
        DrawError: Too few may go.
    """
    pool = drawn.pool
    if pool is None:
        return []
    apart = pool.recusals | {(staff, subject_id) for staff in recused}
    team = _team_of(drawn, log, for_whom)
    if team and not any((staff, subject_id) in apart for staff in team):
        return team
    load = Counter(drawn.inspectors["staff_id"].tolist())
    load.update(staff for line in log for staff in line.get("team", ()))
    seats, turn = drawn.task.min_inspectors, [("", subject_id, region)]
    teams = assign_inspectors(
        turn,
        replace(pool, recusals=frozenset(apart)),
        seed=drawn.seed,
        task=drawn.task.id,
        number=seats,
        lead=drawn.task.department,
        load=load,
    )
    return teams[subject_id]


def _team_of(drawn: Staffed, log: Sequence[Mapping[str, Any]], subject_id: str) -> list[str]:
    for line in log:
        if line["what"] == "replaced" and line["replaced_by"] == subject_id:
            return list(line["team"])
    people = drawn.inspectors
    return people.loc[people["subject_id"] == subject_id].sort_values("place")["staff_id"].tolist() if subject_id else []


def recused_from(recusals: Any, subject_id: str) -> list[str]:
    """The staff ids that may not go to a subject, in order; ``recusals`` has ``staff_id, subject_id`` or is None."""
    if recusals is None:
        return []
    frame = as_frame(recusals, needs=["staff_id", "subject_id"], what="recusals")
    return sorted(
        {
            staff
            for staff, subject in zip(texts(frame, "staff_id"), texts(frame, "subject_id"), strict=True)
            if subject == subject_id
        }
    )
