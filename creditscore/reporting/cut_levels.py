"""The lowest score of each tier on a day."""

from __future__ import annotations

import numpy as np
import pandas as pd

from creditscore.models import scoring
from creditscore.models.scorecard import Scorecard
from creditscore.reporting.run_book import RunBook
from creditscore.tiering.cuts import share_levels


def cut_levels(book: RunBook, card: Scorecard, industry: str) -> tuple[int | None, ...]:
    """The lowest score of A, B and C for an industry on the day; None where the card cannot reach it.

    Cuts by risk are turned into points by the card's own table, cuts by share by the day's scores.
    Waiting times and bands of the policy are not in them.
    """
    kind, cuts = book.policy.cuts_for(industry)
    if kind == "min_score":
        return cuts
    if kind == "max_probability":
        points = np.arange(card.lowest, card.highest + 1)
        ppm = scoring.probability_ppm(card, pd.Series(points)).to_numpy()
        return tuple(int(points[ppm < cut].min()) if (ppm < cut).any() else None for cut in cuts)
    scores = book.scores
    if book.policy.share_within == "industry" or industry in book.policy.own_cuts:
        scores = scores[scores["industry"] == industry]
    return share_levels(scores["score"].to_numpy(dtype=np.int64), cuts)
