"""What points cost: rivals fitted on the rows of the cards and judged on the rows that judge them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from creditscore.models.challenger import LightGBMChallenger, fit_lightgbm
from creditscore.models.evaluate import evaluate, paired_difference
from creditscore.models.rivals import LogisticRival, OptbinningRival, fit_logistic, fit_optbinning
from creditscore.models.swap import SwapSet, swap_set

if TYPE_CHECKING:
    from creditscore.config.features import FeatureSpec
    from creditscore.config.project import Project
    from creditscore.features.target import TrainingRows
    from creditscore.models.industry import IndustryScorecards

_log = logging.getLogger(__name__)
#: The column in which a rival sees the industry that the cards are chosen by.
INDUSTRY = "industry_of_card"


@dataclass(frozen=True)
class Held:
    """Rows to fit on and rows to judge on, each with its features."""

    train: TrainingRows
    train_features: pd.DataFrame
    test: TrainingRows
    test_features: pd.DataFrame


@dataclass(frozen=True)
class Comparison:
    """``rivals``: one row per rival with its AUC, and the card's less it with a paired 95 % interval.

    ``swap``: the riskiest fifth by the card and by the challenger, one row per cell, with the card's
    commonest first reason there; empty without the challenger.
    ``absent``: rivals that could not be fitted on these rows.
    """

    rivals: pd.DataFrame
    swap: pd.DataFrame
    absent: tuple[str, ...] = ()


def compare_rivals(cards: IndustryScorecards, held: Held, project: Project) -> Comparison:
    """LightGBM with the cards' trends, tuned forward in time; a logistic regression; optbinning's card as it comes.

    All see the industry.
    The weights are those of the cards (optbinning gets none); what is known of inspectors is not used. A rival that
    cannot be fitted or asked is left out and named: it is never a reason to be without cards.
    """
    ours = cards.predict_proba(held.test_features, industry=held.test.industry)[:, 1]
    theirs = _risks(cards, held, project)
    found = {name: risk for name, risk in theirs.items() if risk is not None}
    rows = [{"model": name, **_beside(held.test, ours, risk)} for name, risk in found.items()]
    absent = tuple(name for name in theirs if name not in found)
    if "lightgbm" in absent:
        return Comparison(pd.DataFrame(rows), pd.DataFrame(), absent)
    told = swap_set(
        held.test.y.to_numpy(), ours, found["lightgbm"], sample_weight=held.test.weight.to_numpy(),
        reasons=cards.reasons(held.test_features, industry=held.test.industry, top=1),
    )  # fmt: skip
    return Comparison(pd.DataFrame(rows), _swapped(told), absent)


def _risks(cards: IndustryScorecards, held: Held, project: Project) -> dict[str, np.ndarray | None]:
    """Probability of bad of each row of ``held.test`` by each rival; columns without a value in ``held.train`` are left out."""
    train, test = _with_industry(held.train, held.train_features), _with_industry(held.test, held.test_features)
    asked: list[FeatureSpec | str] = [*project.features, INDUSTRY]
    columns = [one for one in asked if train[one if isinstance(one, str) else one.name].notna().any()]
    y, weight = held.train.y, held.train.weight
    days = held.train.frame["as_of"].map(lambda day: day.toordinal()).to_numpy()
    fits: dict[str, Callable[[], LightGBMChallenger | LogisticRival | OptbinningRival]] = {
        "lightgbm": lambda: fit_lightgbm(
            train, y, features=columns, sample_weight=weight, time=days, trends=cards.pooled_.trends
        ),
        "logistic": lambda: fit_logistic(train, y, features=columns, sample_weight=weight),
        "optbinning": lambda: fit_optbinning(train, y, features=columns),
    }  # fmt: skip
    found: dict[str, np.ndarray | None] = {}
    for name, fit in fits.items():
        try:
            found[name] = fit().predict_proba(test)[:, 1]
        except Exception as error:  # whatever a rival raises is no fault of the cards
            _log.warning("no comparison with %s: %s: %s", name, type(error).__name__, error)
            found[name] = None
    return found


def _with_industry(rows: TrainingRows, features: pd.DataFrame) -> pd.DataFrame:
    return features.assign(**{INDUSTRY: rows.frame["industry"].astype(object).to_numpy()})


def _beside(test: TrainingRows, ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    y, weight, subjects = test.y.to_numpy(), test.weight.to_numpy(), test.frame["subject_id"].to_numpy()
    difference, low, high = paired_difference(y, ours, theirs, sample_weight=weight, subjects=subjects)
    auc = evaluate(y, theirs, sample_weight=weight, n_boot=0)["auc"]
    return {"auc": auc, "auc_minus_rival": difference, "auc_minus_rival_low": low, "auc_minus_rival_high": high}


def _swapped(found: SwapSet) -> pd.DataFrame:
    table = found.cells.reset_index()
    commonest = [_commonest(found.reasons[cell]) for cell in table["cell"]]
    return table.assign(reason=commonest)


def _commonest(counts: pd.Series) -> str:
    """The reason that stands first most often; of equals the first by name."""
    counts = counts[counts.index != ""]
    return "" if counts.empty or not counts.max() else str(counts.sort_index().idxmax())
