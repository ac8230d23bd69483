"""What the published gain consists of: its own columns refitted with and without who inspected."""

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def columns(table: pd.DataFrame) -> pd.DataFrame:
    """The published model's firm, place and weather columns, clipped as its authors did."""
    return pd.DataFrame(
        {
            "past_serious": table["past_serious"].clip(upper=1),
            "past_critical": table["past_critical"].clip(upper=1),
            "older_than_four": (table["age_at_inspection_years"] > 4).astype(int),
            "time_since_last": table["time_since_last_years"],
            "alcohol": table["lic_consumption_on_premises_incidental_activity"],
            "tobacco": table["lic_tobacco"],
            "temperature": table["weather_prev3d_temperatureMax"],
            "burglary": table["heat_burglary"].clip(upper=70),
            "sanitation": table["heat_sanitation"].clip(upper=70),
            "garbage": table["heat_garbage"].clip(upper=50),
        }
    ).astype(float)


def refits(table: pd.DataFrame) -> dict:
    """Risk over the test rows of a plain logistic regression on parts of the published columns."""
    everything = columns(table)
    people = pd.get_dummies(table["inspector_group"]).astype(float)
    firm = ["past_serious", "past_critical", "older_than_four", "time_since_last", "alcohol", "tobacco"]
    parts = {
        "published columns, refitted": everything.join(people),
        "who inspected alone": people,
        "published columns without who inspected": everything,
        "published columns of the firm alone": everything[firm],
    }
    return {name: _risk(X, table) for name, X in parts.items()}


def _risk(X: pd.DataFrame, table: pd.DataFrame) -> np.ndarray:
    train = ~table["test"]
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    return model.fit(X[train], table.loc[train, "y"]).predict_proba(X[~train])[:, 1]


def strictness(table: pd.DataFrame) -> pd.Series:
    """Log-odds of a critical violation by inspector group over the training rows."""
    rate = table[~table["test"]].groupby("inspector_group")["y"].mean()
    return np.log(rate / (1 - rate))


def same_licences(table: pd.DataFrame) -> dict:
    """Critical rates of the two strictest groups and of the three mildest, everywhere and at licences that both visited.

    Training rows only. A gap that stays at the same licences is the inspectors', not the places' they are sent to.
    """
    train = table[~table["test"]]
    order = strictness(table).sort_values().index
    strict, mild = (train[train["inspector_group"].isin(groups)] for groups in (order[-2:], order[:3]))
    shared = set(strict["license"]) & set(mild["license"])
    found = {"licences": len(shared)}
    for name, rows in (("strict", strict), ("mild", mild)):
        inside = rows[rows["license"].isin(shared)]
        found |= {
            f"{name}_visits": len(inside),
            f"{name}_rate": float(inside["y"].mean()),
            f"{name}_everywhere": float(rows["y"].mean()),
        }
    return found
