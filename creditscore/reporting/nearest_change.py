"""The nearest change of records that would alter a tier that the score gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from creditscore.config.spec import Label
from creditscore.models import scoring
from creditscore.models.scorecard import Scorecard
from creditscore.reporting.audit_tables import bin_label
from creditscore.reporting.run_book import RunBook
from creditscore.tiering.cuts import share_levels
from creditscore.vocabulary import TIERS


@dataclass(frozen=True)
class Step:
    """One characteristic moved to a better attribute; ``gain`` is what that adds to the score, in points."""

    name: str
    label: Label
    bin: Label
    gain: int


@dataclass(frozen=True)
class NearestChange:
    """The cheapest way to the next better tier by score: one characteristic where one is enough, else the fewest.

    ``tier`` is "" for who is in A by score, ``steps`` is empty where no change of records reaches the
    cut. ``points`` is how many points are still needed (0 without a better tier that the card can reach),
    ``margin`` how many points may be lost while the tier by score stays (0 at the cut itself; None in D).
    """

    by_score: str
    tier: str
    points: int
    steps: tuple[Step, ...]
    margin: int | None


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


def nearest_change(book: RunBook, card: Scorecard, points: Mapping[str, int], score: int, industry: str) -> NearestChange:
    """What separates a score from the next better tier, and how it could be bridged.

    Args:
        book: For policy and the day's scores.
        card: The card that gave the score.
        points: Points per characteristic; with the constant they are the score.
        score: The score.
        industry: Whose cuts apply.

    Returns:
        The change. Without a better tier that the card can reach, ``points`` is 0 and ``steps`` is empty.
    """
    levels = cut_levels(book, card, industry)
    position = next((index for index, level in enumerate(levels) if level is not None and score >= level), len(levels))
    cut = levels[position] if position < len(levels) else None
    margin = None if cut is None else score - cut
    above = levels[position - 1] if position else None
    if above is None:
        return NearestChange(TIERS[position], TIERS[position - 1] if position else "", 0, (), margin)
    return NearestChange(TIERS[position], TIERS[position - 1], above - score, _steps(card, points, above - score), margin)


def _steps(card: Scorecard, points: Mapping[str, int], needed: int) -> tuple[Step, ...]:
    """The single step with the smallest sufficient gain; else the largest gains until they suffice."""
    possible = [
        Step(each.name, each.label, Label.of(bin_label(bin_, each.unit)), bin_.points - points[each.name])
        for each in card.characteristics
        for bin_ in each.attributes
        if bin_.kind in ("interval", "category") and bin_.points > points[each.name]
    ]
    enough = sorted(
        (step for step in possible if step.gain >= needed), key=lambda step: (step.gain, step.name, step.bin.text("en"))
    )
    if enough:
        return (enough[0],)
    best = {}
    for step in sorted(possible, key=lambda step: (step.gain, step.name)):
        best[step.name] = step
    chosen: list[Step] = []
    for step in sorted(best.values(), key=lambda step: (-step.gain, step.name)):
        if sum(step.gain for step in chosen) < needed:
            chosen.append(step)
    return tuple(chosen) if sum(step.gain for step in chosen) >= needed else ()
