"""A characteristic that some industries have for their own."""

import numpy as np
import pandas as pd
import pytest

from creditscore.config.features import FeatureSpec
from creditscore.config.scorecards import Industry
from creditscore.config.spec import Label
from creditscore.models.industry import IndustryScorecards

TREE = (
    Industry(code="production", label=Label(en="p")),
    Industry(code="chemicals", label=Label(en="c"), parent="production"),
    Industry(code="mining", label=Label(en="m"), parent="production"),
    Industry(code="retail", label=Label(en="r")),
)


def spec(name, **more):
    return FeatureSpec(
        name=name, label=Label(en=name), unit="records", source="industry", kind=("x",), aggregate="count",
        trend="higher_is_riskier", **more,
    )  # fmt: skip


def rows(n=9000, seed=0):
    """Accidents tell in production; in retail they are recorded as well, and tell the opposite."""
    rng = np.random.default_rng(seed)
    industry = rng.choice(["chemicals", "mining", "retail"], n)
    X = pd.DataFrame({"usual": rng.poisson(1.0, n), "accidents": rng.poisson(0.5, n)})
    own = np.where(industry == "retail", -1.0, 0.9)
    y = (rng.random(n) < 1 / (1 + np.exp(2.5 - 0.6 * X["usual"] - own * X["accidents"]))).astype(int)
    return X, y, industry


def fitted(X, y, industry, *features):
    return IndustryScorecards(features=features, industries=TREE).fit(X, y, industry=industry)


@pytest.mark.parametrize("named", [("production",), ("chemicals", "mining")])
def test_it_is_in_the_cards_of_its_industries_and_of_those_that_hang_from_them_only(named):
    X, y, industry = rows()
    cards = fitted(X, y, industry, spec("usual"), spec("accidents", industries=named))
    having = {code for code, card in cards.scorecards_.items() if "accidents" in card.features}
    assert having == {"chemicals", "mining", *named}
    assert "accidents" not in cards.pooled_.features
    assert all("accidents" in line.points for code in having for line in cards.scorecards_[code].baselines)
    assert not any("accidents" in line.points for line in cards.scorecards_["retail"].baselines)


def test_for_others_it_costs_and_earns_nothing():
    X, y, industry = rows()
    cards = fitted(X, y, industry, spec("usual"), spec("accidents", industries=["production"]))
    one = pd.DataFrame({"usual": [1, 1], "accidents": [0, 3]})
    for code in ("retail", None, "unheard of"):
        scores = cards.scores(one, industry=[code, code])
        assert scores.iloc[0] == scores.iloc[1]
    scores = cards.scores(one, industry=["mining", "mining"])
    assert scores.iloc[0] - scores.iloc[1] > 15


def test_the_records_of_others_teach_it_nothing():
    X, y, industry = rows()
    features = spec("usual"), spec("accidents", industries=["production"])
    other = X.assign(accidents=np.where(industry == "retail", 7, X["accidents"]))
    first, second = (fitted(data, y, industry, *features) for data in (X, other))
    assert {code: card.sha256 for code, card in first.scorecards_.items()} == {
        code: card.sha256 for code, card in second.scorecards_.items()
    }


def test_the_card_of_each_industry_has_the_level_that_it_says():
    X, y, industry = rows()
    cards = fitted(X, y, industry, spec("usual"), spec("accidents", industries=["production"]))
    probability = cards.predict_proba(X, industry=industry)[:, 1]
    said = cards.shrinkage_.set_index("industry").bad_rate_used
    for code in ("chemicals", "mining", "retail"):
        assert probability[industry == code].mean() == pytest.approx(said[code], rel=0.02)
