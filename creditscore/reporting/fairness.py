"""Who bears the inspections: tiers and planned visits per kind of subject, with intervals. For audit only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from creditscore.dataframes import Floats, Ints
from creditscore.reporting.run_book import PlanPage, RunBook
from creditscore.tiering.tiers import drawn_tiers, shown_tiers
from creditscore.vocabulary import RISKIEST, SHOWN_ORDER

if TYPE_CHECKING:
    pass

#: Attributes that are audited and never scored.
_AUDITED = ("region", "ownership", "size_class")
_MISSING = "(missing)"


def associations(features: pd.DataFrame, subjects: pd.DataFrame) -> pd.DataFrame:
    """One row per feature and audited attribute: feature, attribute, association, groups; the strongest first.

    Args:
        features: One row per subject: ``subject_id`` (column or index level) and features.
        subjects: The register: ``subject_id`` and the attributes; absent attributes are left out.

    Attributes and features that take one value only have no association and no row.
    """
    frame = features.reset_index() if "subject_id" not in features.columns else features
    known = subjects.drop_duplicates("subject_id").set_index("subject_id")
    rows = []
    for attribute in (name for name in _AUDITED if name in known.columns):
        groups = frame["subject_id"].map(known[attribute]).astype(object)
        codes, names = pd.factorize(groups.where(groups.notna(), _MISSING), sort=True)
        for name in frame.columns.drop(["subject_id", "as_of", "industry"], errors="ignore"):
            value = _association(frame[name], codes, len(names))
            if value is not None:
                rows.append({"feature": name, "attribute": attribute, "association": value, "groups": len(names)})
    table = pd.DataFrame(rows, columns=["feature", "attribute", "association", "groups"])
    return table.sort_values(["association", "feature", "attribute"], ascending=[False, True, True], ignore_index=True)


def _association(values: pd.Series, codes: Ints, groups: int) -> float | None:
    if groups < 2:
        return None
    if pd.api.types.is_numeric_dtype(values):
        return _correlation_ratio(values.to_numpy(dtype=float, na_value=np.nan), codes, groups)
    texts, names = pd.factorize(values.astype(object).where(values.notna(), _MISSING), sort=True)
    return _cramers_v(texts, codes, len(names), groups) if len(names) > 1 else None


def _correlation_ratio(values: Floats, codes: Ints, groups: int) -> float | None:
    """The share of the variance of ranks that groups explain, as a root; None where all values are equal.

    Ranks keep one huge value from deciding. Missing values share the highest rank, since a value that is missing can also
    point to a group.
    """
    ranks = pd.Series(values).rank(method="average", na_option="top").to_numpy()
    spread = float(((ranks - ranks.mean()) ** 2).sum())
    if spread == 0:
        return None
    count = np.bincount(codes, minlength=groups)
    mean = np.bincount(codes, weights=ranks, minlength=groups) / np.maximum(count, 1)
    between = float((count * (mean - ranks.mean()) ** 2).sum())
    # What groups explain by chance alone is taken off (epsilon squared, Kelley 1935).
    within = (spread - between) / max(len(ranks) - groups, 1)
    return float(np.sqrt(max(0.0, (between - (groups - 1) * within) / spread)))


def _cramers_v(first: Ints, second: Ints, rows: int, columns: int) -> float:
    n = len(first)
    table = np.bincount(first * columns + second, minlength=rows * columns).reshape(rows, columns)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    phi = float(((table - expected) ** 2 / np.where(expected > 0, expected, 1)).sum()) / n
    corrected = max(0.0, phi - (rows - 1) * (columns - 1) / (n - 1))
    smaller = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1
    return float(np.sqrt(corrected / smaller)) if smaller > 0 else 0.0


#: Ownership is read here and nowhere else; it never reaches a feature.
_GROUPS = ("subject_type", "size_class", "region", "ownership")
MINIMUM = 30
_UNKNOWN = "unknown"


def wilson(cases: int, total: int) -> tuple[float, float]:
    """Score interval of a share (Wilson 1927), 95 %; (0, 1) for a total of 0."""
    if total == 0:
        return 0.0, 1.0
    interval = binomtest(cases, total).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def fairness_table(book: RunBook, *, groups: Sequence[str] = _GROUPS, minimum: int = MINIMUM) -> pd.DataFrame:
    """Shares of tiers and planned visits for each group of subjects.

    One row per attribute and group, groups of an attribute by name: ``attribute, group, subjects,
    share_<tier>, share_D? (proposed), share_NR, riskiest_low, riskiest_high`` (Wilson, 95 %, of the riskiest tier's share),
    ``visits_per_1000`` (expected random visits of the plans in the book; without a plan the policy's ratios for one task).
    Figures of groups with fewer than ``minimum`` subjects are missing: they would be noise.
    """
    columns = [
        "attribute",
        "group",
        "subjects",
        *(f"share_{tier}" for tier in SHOWN_ORDER),
        "riskiest_low",
        "riskiest_high",
        "visits_per_1000",
    ]
    if book.tiers.empty or book.subjects.empty:
        return pd.DataFrame({column: [] for column in columns})
    present = [group for group in groups if group in book.subjects]
    people = book.tiers[["subject_id"]].assign(tier=shown_tiers(book.tiers), visits=expected_visits(book).to_numpy())
    people = people.merge(book.subjects[["subject_id", *present]].drop_duplicates("subject_id"), on="subject_id", how="left")
    rows = [row for attribute in present for row in _rows(people, attribute, minimum)]
    return pd.DataFrame(rows, columns=columns)


def expected_visits(book: RunBook) -> pd.Series:
    """Expected random visits to each row of ``book.tiers``: the sum of its inclusion probabilities over the plans."""
    if not book.plans:
        pairs = pd.Series(
            list(zip(book.tiers["industry"].fillna(""), drawn_tiers(book.tiers), strict=True)), index=book.tiers.index
        )
        ratios = {pair: book.policy.rules_for(pair[0]).of(pair[1]).ratio_ppm / 1_000_000 for pair in pairs.unique()}
        return pairs.map(ratios).astype("float64")
    total = pd.concat([_probabilities(plan) for plan in book.plans]).groupby(level=0).sum()
    return book.tiers["subject_id"].map(total).fillna(0.0).astype("float64")


def _probabilities(plan: PlanPage) -> pd.Series:
    frame = plan.frame
    return pd.Series(pd.to_numeric(frame["inclusion_probability"]).fillna(0.0).to_numpy(), index=frame["subject_id"].to_numpy())


def _rows(people: pd.DataFrame, attribute: str, minimum: int) -> list[list[object]]:
    rows: list[list[object]] = []
    labels = people[attribute].astype("object").where(people[attribute].notna(), _UNKNOWN).astype("str")
    for group, part in people.groupby(labels, sort=True):
        total = len(part)
        if total < minimum:
            rows.append([attribute, group, total, *([None] * (len(SHOWN_ORDER) + 3))])
            continue
        counts = part["tier"].value_counts()
        cases = {tier: int(counts.get(tier, 0)) for tier in SHOWN_ORDER}
        low, high = wilson(cases[RISKIEST], total)
        shares = [cases[tier] / total for tier in SHOWN_ORDER]
        rows.append([attribute, group, total, *shares, low, high, math.fsum(part["visits"]) / total * 1000])
    return rows
