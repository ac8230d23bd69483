"""Who is compared. Every contender is fitted as it comes; what is tuned is tuned inside the training part.

All see the same columns (the industry as one of them, but for cards by industry) and no weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

import creditscore as cs
from experiments.defaults.sets import Part

#: Rounds of boosting at most, and what the tuned trees may try besides.
ROUNDS, RATE = 500, 0.05
LEAST = (20, 100)
FREE, STUMPS = (4, 8, 16, 31), (2,)
ORIGINS = 3
#: Of a mixed model: variational Bayes takes minutes beyond.
MIXED_ROWS, MIXED_GROUPS = 5_000, 300

OURS = "creditscore"
ONE_CARD = "creditscore, one card"
OPTBINNING = "optbinning"
SPLINES = "logistic, splines"
MIXED = "mixed-effects logistic"
EBM = "EBM"
LIGHTGBM = "LightGBM"
TUNED = "LightGBM, tuned"
TUNED_STUMPS = "LightGBM, stumps, tuned"

Risks = np.ndarray


def ours(train: Part, test: Part) -> Risks:
    """Cards by industry where there are industries, else one card."""
    if train.industry is None:
        return one_card(train, test)
    cards = cs.IndustryScorecards()
    cards.fit(train.X, train.y, industry=list(train.industry), time=train.time, subjects=train.subject)
    return cards.predict_proba(test.X, industry=list(test.industry))[:, 1]


def one_card(train: Part, test: Part) -> Risks:
    """One card, the industry a column."""
    card = cs.ScorecardClassifier().fit(_whole(train), train.y, time=train.time, subjects=train.subject)
    return card.predict_proba(_whole(test))[:, 1]


def _whole(part: Part) -> pd.DataFrame:
    return part.X if part.industry is None else part.X.assign(industry=part.industry)


def optbinning(train: Part, test: Part) -> Risks:
    """Its scorecard with every default."""
    return cs.fit_optbinning(_whole(train), train.y).predict_proba(_whole(test))[:, 1]


def splines(train: Part, test: Part) -> Risks:
    """Cubic splines (five knots at quantiles) and flags for missing numbers, one-hot texts, default penalty."""
    from sklearn.linear_model import LogisticRegression

    prepared = _prepared(_whole(train), spline=True)
    model = LogisticRegression(max_iter=3000).fit(prepared.fit_transform(_texts(_whole(train))), train.y)
    return model.predict_proba(prepared.transform(_texts(_whole(test))))[:, 1]


def _prepared(X: pd.DataFrame, *, spline: bool) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, SplineTransformer, StandardScaler

    numbers = [name for name in X if X[name].dtype.kind == "f"]
    curved = [name for name in numbers if spline and len(np.unique(np.nanquantile(X[name], np.linspace(0, 1, 5)))) == 5]
    straight = [name for name in numbers if name not in curved]
    imputed = {"strategy": "median", "keep_empty_features": True}
    columns = [
        (make_pipeline(SimpleImputer(**imputed), SplineTransformer(knots="quantile"), StandardScaler()), curved),
        (make_pipeline(SimpleImputer(**imputed), StandardScaler()), straight),
        (OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=0.01), [n for n in X if n not in numbers]),
        (_flags(), [name for name in numbers if X[name].isna().any()]),
    ]
    return make_column_transformer(*[(step, names) for step, names in columns if names], sparse_threshold=0)


def _flags() -> Any:
    from sklearn.impute import MissingIndicator

    return MissingIndicator(features="all")


def _texts(X: pd.DataFrame) -> pd.DataFrame:
    return X.assign(**{name: X[name].fillna("(missing)").astype(object) for name in X if X[name].dtype.kind != "f"})


def mixed(train: Part, test: Part) -> Risks:
    """Straight lines and one-hot texts, with a random level per group or industry (statsmodels, variational Bayes)."""
    from scipy import sparse
    from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM

    groups = train.industry if train.industry is not None else train.subject
    few = np.linspace(0, len(train) - 1, min(len(train), MIXED_ROWS)).astype(int)
    codes, names = pd.factorize(groups[few])
    prepared = _prepared(train.X, spline=False)
    X = np.column_stack([np.ones(len(train)), prepared.fit_transform(_texts(train.X))])
    Z = np.column_stack([np.ones(len(test)), prepared.transform(_texts(test.X))])
    levels = sparse.csr_matrix((np.ones(len(few)), (np.arange(len(few)), codes)))
    ident = np.zeros(len(names), dtype=int)
    found = BinomialBayesMixedGLM(train.y[few], X[few], levels, ident, vcp_p=1, fe_p=2).fit_vb()
    own = pd.Series(found.vc_mean, index=names)
    tested = test.industry if test.industry is not None else test.subject
    return 1 / (1 + np.exp(-(Z @ found.fe_mean + pd.Series(tested).map(own).fillna(0).to_numpy())))


def ebm(train: Part, test: Part) -> Risks:
    """The explainable boosting machine with every default (it may use pairs of columns)."""
    from interpret.glassbox import ExplainableBoostingClassifier

    model = ExplainableBoostingClassifier(n_jobs=1, random_state=0).fit(_texts(_whole(train)), train.y)
    return model.predict_proba(_texts(_whole(test)))[:, 1]


def lightgbm(train: Part, test: Part) -> Risks:
    """Trees with every default; texts are categories."""
    return _trees(train, {}).predict_proba(_categories(train, test))[:, 1]


def lightgbm_tuned(train: Part, test: Part) -> Risks:
    """Leaves, least rows of a leaf and rounds by log loss on rows held out forward in time."""
    return _trees(train, _best(train, FREE)).predict_proba(_categories(train, test))[:, 1]


def stumps_tuned(train: Part, test: Part) -> Risks:
    """The same tuning with two leaves: no crosses of columns."""
    return _trees(train, _best(train, STUMPS)).predict_proba(_categories(train, test))[:, 1]


def _categories(train: Part, part: Part) -> pd.DataFrame:
    X, known = _whole(part), _whole(train)
    texts = [name for name in known if known[name].dtype.kind != "f"]
    return X.assign(**{name: pd.Categorical(X[name], categories=sorted(known[name].dropna().unique())) for name in texts})


def _trees(train: Part, settings: dict[str, Any], **fit: Any) -> Any:
    import lightgbm as library

    model = library.LGBMClassifier(verbose=-1, n_jobs=1, random_state=0, deterministic=True, **settings)
    return model.fit(_categories(train, train), train.y, **fit)


def _best(train: Part, leaves: tuple[int, ...]) -> dict[str, Any]:
    """The setting and number of rounds of least log loss, rows of all origins together."""
    folds, best, settings = list(held_out(train)), np.inf, {}
    for leaf in leaves:
        for least in LEAST:
            tried = {"num_leaves": leaf, "min_child_samples": least, "learning_rate": RATE}
            losses = np.mean([_curve(train, fold, tried) for fold in folds], axis=0)
            if losses.min() < best:
                best, settings = losses.min(), tried | {"n_estimators": int(losses.argmin()) + 1}
    return settings


def _curve(train: Part, fold: tuple[np.ndarray, np.ndarray], settings: dict[str, Any]) -> np.ndarray:
    """Log loss of the rows held out after each round."""
    import lightgbm as library

    rest, out = (train[rows] for rows in fold)
    seen: dict[str, Any] = {}
    _trees(
        rest, settings | {"n_estimators": ROUNDS},
        eval_set=[(_categories(rest, out), out.y)], eval_metric="binary_logloss", callbacks=[library.record_evaluation(seen)],
    )  # fmt: skip
    return np.array(seen["valid_0"]["binary_logloss"])


def held_out(train: Part) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows to fit and rows to judge: forward in time, else by group, else by row."""
    if train.time is not None:
        moments = pd.factorize(train.time, sort=True)[0]
        before = np.searchsorted(np.sort(moments), moments) / len(moments)
        edges = (0.4, 0.6, 0.8, 1.01)
        parts = [(before < start, (before >= start) & (before < end)) for start, end in pairwise(edges)]
    else:
        keys = train.subject if train.subject is not None else np.arange(len(train))
        codes, names = pd.factorize(keys)
        fold = np.random.default_rng(0).permutation(len(names))[codes] % ORIGINS
        parts = [(fold != one, fold == one) for one in range(ORIGINS)]
    for rest, out in parts:
        if all(len(np.unique(train.y[rows])) == 2 for rows in (rest, out)):
            yield rest, out


CONTENDERS: dict[str, Callable[[Part, Part], Risks]] = {
    OURS: ours,
    ONE_CARD: one_card,
    OPTBINNING: optbinning,
    SPLINES: splines,
    MIXED: mixed,
    EBM: ebm,
    LIGHTGBM: lightgbm,
    TUNED: lightgbm_tuned,
    TUNED_STUMPS: stumps_tuned,
}
OWN = (OURS, ONE_CARD)


def asked(name: str, train: Part) -> bool:
    """Whether a contender has a say in a set: one card beside cards by industry, a mixed model where there are groups."""
    if name == ONE_CARD:
        return train.industry is not None
    if name == MIXED:
        groups = train.industry if train.industry is not None else train.subject
        return groups is not None and len(np.unique(groups.astype(str))) <= MIXED_GROUPS
    return True
