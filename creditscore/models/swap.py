"""Whom two models would pick differently: the swap set, with what each pick finds and the card's reasons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from creditscore.dataframes import Flags, Floats
from creditscore.errors import DataError
from creditscore.models.evaluate import checked_rows

_CELLS = ("both", "only_ours", "only_theirs", "neither")


@dataclass(frozen=True)
class SwapSet:
    """Whom each of two models counts among the riskiest.

    ``cells``: one row per cell (``both``, ``only_ours``, ``only_theirs``, ``neither``) with rows, share of the weight,
    and weighted bad rate (NaN where empty). ``reasons``: how often each first reason of the card occurs in the
    cells; empty without reasons. ``share_ours`` and ``share_theirs``: shares of the weight really picked, ties included.
    """

    cells: pd.DataFrame
    reasons: pd.DataFrame
    share_ours: float
    share_theirs: float


def swap_set(
    y: ArrayLike,
    ours: ArrayLike,
    theirs: ArrayLike,
    *,
    share: float = 0.2,
    sample_weight: ArrayLike | None = None,
    reasons: pd.DataFrame | None = None,
) -> SwapSet:
    """Compare the rows that two models rank riskiest, up to a ``share`` of the weight.

    Args:
        y: 1 bad, 0 good, one per row.
        ours: Probability of bad by the card.
        theirs: Probability of bad by the other model.
        share: Share of the weight to pick, in (0, 1). Rows with the risk of the last one picked are picked too.
        sample_weight: Weights, >= 0; equal if None.
        reasons: The result of ``cards.reasons`` for the same rows in the same order.

    Raises:
        DataError: Lengths differ, or a value is none of a probability, label or weight.
    """
    if not 0 < share < 1:
        raise DataError("share: expected a share of the weight between 0 and 1 (got {share})", share=share)
    one, other = (checked_rows(y, p, sample_weight, None, None) for p in (ours, theirs))
    kept = np.ones(len(one.y), dtype=bool) if sample_weight is None else np.asarray(sample_weight, dtype=float) > 0
    if reasons is not None and len(reasons) != len(kept):
        raise DataError("reasons: expected {rows} rows as in y (got {got})", rows=len(kept), got=len(reasons))
    mine, yours = (_picked(rows.probability, rows.weight, share) for rows in (one, other))
    if reasons is not None and "reason_1" not in reasons:
        raise DataError("reasons: expected the column reason_1, as cards.reasons gives with top=1 or more (got none)")
    cell = np.select([mine & yours, mine, yours], _CELLS[:3], _CELLS[3])
    weight = one.weight / one.weight.sum()
    of_rows = None if reasons is None else reasons[kept]
    return SwapSet(
        _cells(cell, one.y == 1, weight), _reasons(cell, of_rows), float(weight[mine].sum()), float(weight[yours].sum())
    )  # fmt: skip


def _picked(p: Floats, weight: Floats, share: float) -> Flags:
    order = np.argsort(-p, kind="stable")
    reached = np.cumsum(weight[order]) >= share * weight.sum() * (1 - 1e-12)
    picked: Flags = p >= p[order[int(np.argmax(reached))]]
    return picked


def _cells(cell: NDArray[np.str_], bad: Flags, weight: Floats) -> pd.DataFrame:
    rows = []
    for name in _CELLS:
        inside = cell == name
        held = float(weight[inside].sum())
        rate = float(weight[inside & bad].sum()) / held if held else float("nan")
        rows.append({"cell": name, "rows": int(inside.sum()), "share": held, "bad_rate": rate})
    return pd.DataFrame(rows).set_index("cell")


def _reasons(cell: NDArray[np.str_], reasons: pd.DataFrame | None) -> pd.DataFrame:
    if reasons is None:
        return pd.DataFrame(columns=list(_CELLS))
    first = reasons["reason_1"].fillna("").astype(str).to_numpy()
    counted = pd.crosstab(pd.Series(first, name="reason"), pd.Series(cell, name="cell"))
    return counted.reindex(columns=list(_CELLS), fill_value=0)
