"""Scores that the cards would have given just before each past random visit: what a forecast needs to speak for a tier."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from creditscore.features.build import feature_table
from creditscore.features.spine import spine_from_rows
from creditscore.models.card.probability import ppm_of, score_of
from creditscore.pipeline.score import score_table
from creditscore.vocabulary import OFF_SITE, SAMPLING_TRIGGERS

if TYPE_CHECKING:
    from creditscore.config.project import Project
    from creditscore.config.scorecards import Scaling
    from creditscore.models.scorecard import Scorecard
    from creditscore.records.records import Records

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
