"""Who bears the inspections: tiers and planned visits per kind of subject, with intervals. For audit only."""

import math
from collections.abc import Sequence

import pandas as pd

from creditscore.reporting.book import PlanPage, RunBook
from creditscore.vocabulary import TIER_ORDER

#: Ownership is read here and nowhere else; it never reaches a feature.
GROUPS = ("subject_type", "size_class", "region", "ownership")
MINIMUM = 30
UNKNOWN = "unknown"
#: Normal quantile of a two-sided 95 % interval.
_Z = 1.959963984540054


def wilson(cases: int, total: int, *, z: float = _Z) -> tuple[float, float]:
    """Score interval for a share (Wilson 1927), 95 % by default; (0, 1) of nothing."""
    if total == 0:
        return 0.0, 1.0
    share, square = cases / total, z * z
    middle = (share + square / (2 * total)) / (1 + square / total)
    half = z * math.sqrt(share * (1 - share) / total + square / (4 * total * total)) / (1 + square / total)
    return max(0.0, middle - half) if cases else 0.0, min(1.0, middle + half) if cases < total else 1.0


def fairness_table(book: RunBook, *, groups: Sequence[str] = GROUPS, minimum: int = MINIMUM) -> pd.DataFrame:
    """Shares of tiers and planned visits for each group of subjects.

    One row per attribute and group, groups of an attribute by name: ``attribute, group, subjects,
    share_A … share_D, share_NR, d_low, d_high`` (Wilson, 95 %), ``visits_per_1000`` (expected
    random visits of the plans in the book; without a plan the policy's ratios for one task).
    Figures of groups with fewer than ``minimum`` subjects are missing: they would be noise.
    """
    columns = ["attribute", "group", "subjects", *(f"share_{tier}" for tier in TIER_ORDER), "d_low", "d_high", "visits_per_1000"]
    if book.tiers.empty or book.subjects.empty:
        return pd.DataFrame({column: [] for column in columns})
    present = [group for group in groups if group in book.subjects]
    people = book.tiers[["subject_id", "tier"]].assign(visits=expected_visits(book).to_numpy())
    people = people.merge(book.subjects[["subject_id", *present]].drop_duplicates("subject_id"), on="subject_id", how="left")
    rows = [row for attribute in present for row in _rows(people, attribute, minimum)]
    return pd.DataFrame(rows, columns=columns)


def expected_visits(book: RunBook) -> pd.Series:
    """Expected random visits to each row of ``book.tiers``: the sum of its inclusion probabilities over the plans."""
    if not book.plans:
        pairs = pd.Series(list(zip(book.tiers["industry"].fillna(""), book.tiers["tier"], strict=True)), index=book.tiers.index)
        ratios = {pair: book.policy.rules_for(pair[0]).of(pair[1]).ratio_ppm / 1_000_000 for pair in pairs.unique()}
        return pairs.map(ratios).astype("float64")
    total = pd.concat([_probabilities(plan) for plan in book.plans]).groupby(level=0).sum()
    return book.tiers["subject_id"].map(total).fillna(0.0).astype("float64")


def _probabilities(plan: PlanPage) -> pd.Series:
    frame = plan.frame
    return pd.Series(pd.to_numeric(frame["inclusion_probability"]).fillna(0.0).to_numpy(), index=frame["subject_id"].to_numpy())


def _rows(people: pd.DataFrame, attribute: str, minimum: int) -> list[list[object]]:
    rows: list[list[object]] = []
    labels = people[attribute].astype("object").where(people[attribute].notna(), UNKNOWN).astype("str")
    for group, part in people.groupby(labels, sort=True):
        total = len(part)
        if total < minimum:
            rows.append([attribute, group, total, *([None] * (len(TIER_ORDER) + 3))])
            continue
        counts = part["tier"].value_counts()
        cases = {tier: int(counts.get(tier, 0)) for tier in TIER_ORDER}
        low, high = wilson(cases["D"], total)
        shares = [cases[tier] / total for tier in TIER_ORDER]
        rows.append([attribute, group, total, *shares, low, high, math.fsum(part["visits"]) / total * 1000])
    return rows
