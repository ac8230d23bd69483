"""How far features tell region, ownership or size: a feature that does may be a proxy for what must not count.

For numbers the correlation ratio eta (the root of the share of variance between groups), for texts
Cramér's V with the bias correction of Bergsma (2013). Both run from 0 (tells nothing) to 1 (tells all).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Attributes that are audited and never scored.
AUDITED = ("region", "ownership", "size_class")
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
    for attribute in (name for name in AUDITED if name in known.columns):
        groups = frame["subject_id"].map(known[attribute]).astype(object)
        codes, names = pd.factorize(groups.where(groups.notna(), _MISSING), sort=True)
        for name in frame.columns.drop(["subject_id", "as_of", "industry"], errors="ignore"):
            value = _association(frame[name], codes, len(names))
            if value is not None:
                rows.append({"feature": name, "attribute": attribute, "association": value, "groups": len(names)})
    table = pd.DataFrame(rows, columns=["feature", "attribute", "association", "groups"])
    return table.sort_values(["association", "feature", "attribute"], ascending=[False, True, True], ignore_index=True)


def _association(values: pd.Series, codes: NDArray[np.int64], groups: int) -> float | None:
    if groups < 2:
        return None
    if pd.api.types.is_numeric_dtype(values):
        return _correlation_ratio(values.to_numpy(dtype=float, na_value=np.nan), codes, groups)
    texts, names = pd.factorize(values.astype(object).where(values.notna(), _MISSING), sort=True)
    return _cramers_v(texts, codes, len(names), groups) if len(names) > 1 else None


def _correlation_ratio(values: NDArray[np.float64], codes: NDArray[np.int64], groups: int) -> float | None:
    """Ranks, so that one huge value does not decide; missing values share a rank of their own (they may tell, too)."""
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


def _cramers_v(first: NDArray[np.int64], second: NDArray[np.int64], rows: int, columns: int) -> float:
    n = len(first)
    table = np.bincount(first * columns + second, minlength=rows * columns).reshape(rows, columns)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    phi = float(((table - expected) ** 2 / np.where(expected > 0, expected, 1)).sum()) / n
    corrected = max(0.0, phi - (rows - 1) * (columns - 1) / (n - 1))
    smaller = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1
    return float(np.sqrt(corrected / smaller)) if smaller > 0 else 0.0
