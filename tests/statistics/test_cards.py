"""Cards on data whose truth is known: noise tells nothing, strict inspectors make no risky firms, weights undo selection."""

import numpy as np
import pandas as pd
import pytest

from creditscore.models.classifier import ScorecardClassifier
from creditscore.models.evaluate import evaluate
from creditscore.models.industry import IndustryScorecards


@pytest.mark.filterwarnings("ignore::creditscore.models.estimator.OneScoreWarning")
def test_a_shuffled_target_has_an_auc_interval_around_one_half():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(6000, 6)), columns=[f"f{k}" for k in range(6)])
    y = (rng.random(6000) < 1 / (1 + np.exp(2 - X.f0))).astype(int)
    y = rng.permutation(y.to_numpy() if hasattr(y, "to_numpy") else y)
    model = ScorecardClassifier().fit(X[:3000], y[:3000])
    found = evaluate(y[3000:], model.predict_proba(X[3000:])[:, 1])
    low, high = found.intervals["auc"]
    assert low <= 0.5 <= high


@pytest.mark.filterwarnings("ignore::creditscore.models.estimator.OneScoreWarning")
def test_noise_beyond_chance_is_dropped_in_small_samples():
    """At 1,500 rows the bins of noise that a search finds differ by far more than the minimum."""
    rng = np.random.default_rng(1)
    X = pd.DataFrame(rng.normal(size=(1500, 20)), columns=[f"f{k}" for k in range(20)])
    y = (rng.random(1500) < 0.1).astype(int)
    model = IndustryScorecards().fit(X, y, industry=rng.choice(["a", "b"], 1500))
    assert model.selection_.kept.sum() <= 1


@pytest.mark.parametrize("seed", range(3))
def test_a_strict_inspector_does_not_make_a_firm_look_risky(seed):
    """Two offices, one strict; a column that only tells the office apart; firms at random. The score does not follow it."""
    rng = np.random.default_rng(seed)
    n = 8000
    strict = rng.random(n) < 0.5
    X = pd.DataFrame({"risk": rng.normal(size=n), "office_like": strict + rng.normal(size=n) * 0.7})
    truth = -2 + 0.8 * X.risk
    y = (rng.random(n) < 1 / (1 + np.exp(-(truth + np.where(strict, 1.2, -1.2))))).astype(int)
    team = [[f"s{k % 7}"] if one else [f"m{k % 7}"] for k, one in enumerate(strict)]
    blind = ScorecardClassifier().fit(X, y)
    seeing = ScorecardClassifier(nuisance_ridge=0.0005).fit(X, y, nuisance=team)

    def follows(model):
        residual = model.scores(X) - np.polyval(np.polyfit(X.risk, model.scores(X), 3), X.risk)
        return abs(np.corrcoef(residual, strict)[0, 1])

    def gap(model):
        return abs(model.scores(X)[strict].mean() - model.scores(X)[~strict].mean())

    assert follows(blind) > 0.5
    assert gap(seeing) < 0.25 * gap(blind)
    assert seeing.scorecard_.training["inspectors"] == 14
    assert abs(seeing.predict_proba(X)[:, 1].mean() / y.mean() - 1) < 0.04


def test_weights_recover_the_population_card():
    """Bads are drawn with probability 1, goods with 1/10: with 1/p the intercept is the population's."""
    rng = np.random.default_rng(2)
    n = 40000
    X = pd.DataFrame({"a": rng.normal(size=n), "b": rng.poisson(1, n)})
    y = (rng.random(n) < 1 / (1 + np.exp(4 - X.a - 0.5 * X.b))).astype(int)
    p = np.where(y == 1, 1.0, 0.1)
    drawn = rng.random(n) < p
    card = ScorecardClassifier().fit(X[drawn], y[drawn], sample_weight=1 / p[drawn])
    whole = ScorecardClassifier().fit(X, y)
    assert abs(card.predict_proba(X)[:, 1].mean() / y.mean() - 1) < 0.06
    truth = X.a + 0.5 * X.b
    reached = [-np.corrcoef(model.scores(X), truth)[0, 1] for model in (card, whole)]
    assert reached[0] > reached[1] - 0.02


def test_partial_pooling_is_no_worse_than_either_extreme():
    """Log loss against the true probabilities over industries of 5 to 1,500 bads; three seeds here."""
    from creditscore.config.scorecards import Pooling

    sizes = {"a": 60, "b": 500, "c": 4000, "d": 12000}
    loss = {"none": [], "partial": [], "complete": []}
    cases = {
        "none": Pooling(level_sd=10, slope_sd=10),
        "partial": Pooling(),
        "complete": Pooling(level_sd=0, slope_sd=0),
    }
    for seed in range(3):
        rng = np.random.default_rng(seed)
        industry = np.repeat(list(sizes), list(sizes.values()))
        slope = dict(zip(sizes, rng.normal(0.8, 0.3, 4), strict=True))
        level = dict(zip(sizes, rng.normal(-2.2, 0.4, 4), strict=True))

        def draw(rng=rng, industry=industry, slope=slope, level=level):
            X = pd.DataFrame({"a": rng.normal(size=len(industry)), "b": rng.poisson(1, len(industry))})
            eta = pd.Series(industry).map(level) + pd.Series(industry).map(slope) * X.a + 0.4 * X.b
            return X, 1 / (1 + np.exp(-eta.to_numpy()))

        X, p = draw()
        y = (rng.random(len(p)) < p).astype(int)
        new, truth = draw()
        for name, pooling in cases.items():
            found = IndustryScorecards(pooling=pooling).fit(X, y, industry=industry).predict_proba(new, industry=industry)[:, 1]
            cross = -(truth * np.log(found) + (1 - truth) * np.log(1 - found))
            loss[name].append(pd.Series(cross).groupby(industry).mean().mean())
    mean = {name: np.mean(values) for name, values in loss.items()}
    assert mean["partial"] < min(mean["none"], mean["complete"])


def test_few_rows_do_not_make_a_card_overconfident():
    """Twelve weak columns and 2,500 rows: calibrated on new rows and not on those of the fit, over ten samples."""
    fitted, new = np.mean([_slopes(seed) for seed in range(10)], axis=0)
    assert abs(1 - new) < 0.15
    assert fitted > 1.25, "calibrated on the rows of the fit, which any amount of noise allows"


def _slopes(seed):
    """Slopes of the calibration on the rows of the fit and on new ones."""
    rng = np.random.default_rng([11, seed])
    X = pd.DataFrame(rng.normal(size=(14_500, 12)), columns=[f"f{k}" for k in range(12)])
    industry = rng.choice(["a", "b", "c"], len(X))
    y = (rng.random(len(X)) < 1 / (1 + np.exp(1.5 - X @ np.full(12, 0.2)))).astype(int)
    model = IndustryScorecards().fit(X[:2500], y[:2500], industry=industry[:2500])
    parts = (slice(0, 2500), slice(2500, None))
    return [evaluate(y[k], model.predict_proba(X[k], industry=industry[k])[:, 1], n_boot=2)["calibration_slope"] for k in parts]
