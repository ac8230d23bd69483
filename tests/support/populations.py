"""Rows to fit cards on: numbers, a text, a flag, missing values, and outcomes that depend on them."""

import numpy as np
import pandas as pd

from creditscore.config.features import FeatureSpec
from creditscore.config.spec import Label


def spec(name, trend="auto", source="public", **more):
    how = {"aggregate": "latest", "scheme": "s"} if more.pop("text", False) else {"aggregate": "tenure_months"}
    return FeatureSpec(name=name, label=Label(zh=name, en=name), unit="", source=source, trend=trend, **how, **more)


def population(n=3000, seed=0):
    """``(X, y)``: debt (10 % missing), visits, age, grade (A, B, C) and listed (0, 1)."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "debt": np.round(rng.normal(size=n), 2),
            "visits": rng.poisson(2, n),
            "age": np.round(rng.gamma(2, 20, n)),
            "grade": rng.choice(["A", "B", "C"], n, p=[0.5, 0.3, 0.2]),
            "listed": (rng.random(n) < 0.06).astype(int),
        }
    )
    frame.loc[rng.random(n) < 0.1, "debt"] = np.nan
    eta = -2.5 + 0.7 * frame.debt.fillna(1) + 0.3 * frame.visits - 0.01 * frame.age
    eta += frame.grade.map({"A": -0.5, "B": 0.2, "C": 0.9}) + 1.5 * frame.listed
    return frame, (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)


def attributes(card, name):
    """The attributes of one characteristic of a card."""
    return next(one for one in card.characteristics if one.name == name).attributes
