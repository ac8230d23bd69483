"""How good cards are on rows after those of their fit: figures, industries, calibration, rivals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from creditscore.config.base import Label
from creditscore.models.evaluate import evaluate
from creditscore.models.training.nuisance import read_visits
from creditscore.pipeline.rivals import Held, compare_rivals
from creditscore.reporting.adapt import evaluation_by_industry, evaluation_figures
from creditscore.reporting.book import Figure

if TYPE_CHECKING:
    from creditscore.config.project import Project
    from creditscore.features.target import TrainingRows
    from creditscore.models.industry import IndustryScorecards


@dataclass(frozen=True)
class Judgement:
    """Measures out of time; everything is empty, and a note says so, where there is nothing to judge on."""

    evaluation: Mapping[str, Figure] = field(default_factory=dict)
    by_industry: pd.DataFrame = field(default_factory=pd.DataFrame)
    calibration: pd.DataFrame = field(default_factory=pd.DataFrame)
    rivals: pd.DataFrame = field(default_factory=pd.DataFrame)
    swap: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: tuple[Label, ...] = ()


def judge(cards: IndustryScorecards, held: Held, project: Project) -> Judgement:
    """Judge cards that were fitted on ``held.train`` by ``held.test``."""
    test = held.test
    probability = cards.predict_proba(held.test_features, industry=test.industry)[:, 1]
    y, weight, subjects = test.y.to_numpy(), test.weight.to_numpy(), test.frame["subject_id"].to_numpy()
    result = evaluate(y, probability, sample_weight=weight, groups=test.industry.to_numpy(), subjects=subjects)
    compared = compare_rivals(cards, held, project)
    figures = evaluation_figures(result) | _within_inspectors(test, probability) | _challenger(compared.rivals)
    return Judgement(
        figures, evaluation_by_industry(result), _calibration(test, probability), compared.rivals, compared.swap,
        tuple(_absent(name) for name in compared.absent),
    )  # fmt: skip


def unjudged(months: int) -> Judgement:
    """What is said where the last months hold too few outcomes."""
    note = Label(
        zh=f"训练数据中最近{months}个月的结果不足，未做跨期检验；评分卡未经检验。",
        en=f"The last {months} months hold too few outcomes to judge the cards out of time; they are untested.",
    )
    return Judgement(notes=(note,))


def _absent(rival: str) -> Label:
    return Label(
        zh=f"对照模型 {rival} 无法在这些数据上拟合，未作比较；原因见日志。",
        en=f"The rival {rival} could not be fitted on these rows and is not compared; the log says why.",
    )


def _within_inspectors(test: TrainingRows, probability: np.ndarray) -> dict[str, Figure]:
    """AUC among visits of the same inspectors: what the card tells of firms, whoever came."""
    visits = read_visits(test.frame["inspectors"].tolist())
    names = np.array(["+".join(team) or None for team in visits.sets], dtype=object)
    teams = pd.Series(names[visits.team], dtype=object)
    if teams.isna().all():
        return {}
    y, weight, subjects = test.y.to_numpy(), test.weight.to_numpy(), test.frame["subject_id"].to_numpy()
    found = evaluate(y, probability, sample_weight=weight, groups=teams.to_numpy(), subjects=subjects)
    name = "within_group_auc"
    return {"within_inspector_auc": Figure(found[name], *found.intervals.get(name, (None, None)))}


def _challenger(rivals: pd.DataFrame) -> dict[str, Figure]:
    row = next((row for row in rivals.to_dict("records") if row["model"] == "lightgbm"), None)
    if row is None:
        return {}
    gap = Figure(*(row[f"auc_minus_rival{end}"] for end in ("", "_low", "_high")))
    return {"challenger_auc": Figure(row["auc"]), "auc_minus_challenger": gap}


def _calibration(test: TrainingRows, probability: np.ndarray) -> pd.DataFrame:
    """Per tenth of the predicted risk (by weight): mean expected and observed share of bad, with a 95 % interval."""
    frame = pd.DataFrame({"p": probability, "y": test.y.to_numpy(), "w": test.weight.to_numpy()}).sort_values(["p", "y", "w"])
    place = (frame["w"].cumsum() - frame["w"] / 2) / frame["w"].sum()
    rows = []
    for tenth, group in frame.groupby((place * 10).astype(int).clip(upper=9)):
        weight = group["w"].sum()
        observed = (group["w"] * group["y"]).sum() / weight
        spread = 1.96 * np.sqrt((group["w"] ** 2 * (group["y"] - observed) ** 2).sum()) / weight
        low, high = max(0.0, observed - spread), min(1.0, observed + spread)
        expected = (group["w"] * group["p"]).sum() / weight
        rows.append({"tenth": int(str(tenth)) + 1, "expected": expected, "observed": observed, "low": low, "high": high})
    return pd.DataFrame(rows)
