"""Who is compared: the industry cards, and rivals fitted on exactly the same rows and features (industry among them)."""

from dataclasses import dataclass, replace

import lightgbm
import numpy as np
import pandas as pd
from history import Sample
from optbinning import BinningProcess, Scorecard
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import creditscore as cs

_DIRECTION = {"higher_is_riskier": 1, "lower_is_riskier": -1}


@dataclass(frozen=True)
class Setting:
    """One way of fitting the cards. ``findings``: ratio, blind (whoever inspected) or none. The fit chooses a ridge of None."""

    findings: str = "ratio"
    windows: str = "36"
    re_inspections: bool = True
    nuisance: bool = True
    ridge: float | None = None
    slope_sd: float | None = None

    def changed(self, **one) -> "Setting":
        """The setting with one thing changed."""
        return replace(self, **one)


def chosen(project, features: tuple, setting: Setting) -> tuple:
    """The features of a setting, in order."""
    found = []
    for feature in features:
        ratio = feature.aggregate == "finding_ratio"
        if ratio and (feature.name.endswith("_blind") != (setting.findings == "blind") or setting.findings == "none"):
            continue
        if ratio and feature.months == 12 and setting.windows == "36":
            continue
        if feature.name.startswith("re_inspections") and not setting.re_inspections:
            continue
        found.append(feature)
    return tuple(found)


def fit_cards(project, features: tuple, setting: Setting, train: Sample) -> cs.IndustryScorecards:
    """The estimator that the project describes, with the setting's choices."""
    spec, used = project.scorecards, chosen(project, features, setting)
    cards = cs.IndustryScorecards.from_spec(spec, features=used, representative=False)
    cards.set_params(pooling=spec.pooling.model_copy(update={"slope_sd": setting.slope_sd}), ridge=setting.ridge)
    rows, people = train.rows, train.rows["inspectors"] if setting.nuisance else None
    known = {"nuisance": people, "time": rows["as_of"], "subjects": rows["subject_id"]}
    return cards.fit(train.X[[f.name for f in used]], rows["y"], industry=rows["industry"], **known)


def card_risk(cards: cs.IndustryScorecards, sample: Sample) -> np.ndarray:
    """Calibrated probabilities of bad."""
    names = [feature.name for feature in cards.features]
    return cards.predict_proba(sample.X[names], industry=sample.rows["industry"])[:, 1]


def matrix(features: tuple, sample: Sample) -> pd.DataFrame:
    """What rivals read: the same columns, the industry beside them; numbers as floats, texts as texts or missing."""
    texts = [f.name for f in features if f.is_text]
    found = {f.name: _text(sample.X[f.name]) if f.name in texts else sample.X[f.name].astype(float) for f in features}
    return pd.DataFrame({**found, "industry": _text(sample.rows["industry"])})


def _text(column: pd.Series) -> pd.Series:
    return column.astype(object).where(column.notna(), None)


def optbinning_risk(features: tuple, train: Sample, test: Sample) -> np.ndarray:
    """The scorecard of optbinning with every default."""
    X = matrix(features, train)
    process = BinningProcess(list(X.columns), categorical_variables=[name for name in X if X[name].dtype == object])
    card = Scorecard(binning_process=process, estimator=LogisticRegression())
    return card.fit(X, train.rows["y"].to_numpy()).predict_proba(matrix(features, test))[:, 1]


def logistic_risk(features: tuple, train: Sample, test: Sample) -> np.ndarray:
    """Medians and a flag for missing numbers, scaling, one-hot texts, logistic regression with its default penalty."""
    X, texts = matrix(features, train), ["industry", *(f.name for f in features if f.is_text)]
    numbers = [name for name in X if name not in texts]
    prepared = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore"), texts),
    )
    model = make_pipeline(prepared, LogisticRegression(max_iter=2000))
    return model.fit(_named(X), train.rows["y"]).predict_proba(_named(matrix(features, test)))[:, 1]


def _named(X: pd.DataFrame) -> pd.DataFrame:
    return X.assign(**{name: X[name].fillna("missing") for name in X if X[name].dtype == object})


def lightgbm_risk(features: tuple, train: Sample, test: Sample, *, leaves: int = 0, rounds: int = 0) -> np.ndarray:
    """LightGBM: with every default, or with the cards' trends as constraints, small steps, and leaves and rounds given."""
    X, Z = matrix(features, train), matrix(features, test)
    for name in [name for name in X if X[name].dtype == object]:
        order = next((f.order for f in features if f.name == name and f.order), tuple(sorted(X[name].dropna().unique())))
        X[name], Z[name] = (pd.Categorical(table[name], categories=order) for table in (X, Z))
    trends = [*(_DIRECTION.get(f.trend, 0) if not f.is_text else 0 for f in features), 0]
    tuned = {
        "num_leaves": leaves, "n_estimators": rounds, "learning_rate": 0.03, "min_child_samples": 50, "reg_lambda": 5.0,
        "colsample_bytree": 0.8, "monotone_constraints": trends, "monotone_constraints_method": "intermediate",
    }  # fmt: skip
    model = lightgbm.LGBMClassifier(verbose=-1, n_jobs=1, random_state=0, deterministic=True, **(tuned if leaves else {}))
    return model.fit(X, train.rows["y"]).predict_proba(Z)[:, 1]
