"""Small populations with one planted thing each, and their truth. Each takes its size, so that tests can have small ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Rows:
    """Rows to fit or to judge."""

    X: pd.DataFrame
    y: np.ndarray
    time: np.ndarray


YEARS = 5


def early_attribute(seed: int, *, train: int = 20_000, test: int = 8_000) -> tuple[Rows, Rows]:
    """``source`` is "old" on 2.5 % of the training rows, nearly all bad, in two years of five; in the sixth on a third of the rows.

    There they are at ordinary risk.
    """
    rng = np.random.default_rng([1, seed])
    year = np.sort(rng.integers(0, YEARS, train))
    X, risk = _others(rng, train)
    old = np.zeros(train, dtype=bool)
    old[rng.choice(np.flatnonzero(year < 2), round(0.025 * train), replace=False)] = True
    y = np.where(old, rng.random(train) < 0.95, rng.random(train) < risk).astype(int)
    new_X, new_risk = _others(rng, test)
    later = rng.random(test) < 1 / 3
    new_y = (rng.random(test) < new_risk).astype(int)
    sides = ((X, old, y, year, train), (new_X, later, new_y, np.full(test, YEARS), test))
    return tuple(Rows(frame.assign(source=_sources(rng, n, kind)), bad, when) for frame, kind, bad, when, n in sides)


def _sources(rng: np.random.Generator, n: int, old: np.ndarray) -> np.ndarray:
    return np.where(old, "old", rng.choice(np.array(["desk", "web", "post"], dtype=object), n)).astype(object)


def rare_flag(seed: int, *, rows: int = 20_000, flagged: int = 325, bads: int = 202) -> Rows:
    """``listed`` is 1 on 325 of 20,000 rows, 202 of them bad."""
    rng = np.random.default_rng([2, seed])
    X, risk = _others(rng, rows)
    y = (rng.random(rows) < risk).astype(int)
    chosen = rng.choice(rows, flagged, replace=False)
    listed = np.zeros(rows)
    listed[chosen] = 1
    y[chosen] = np.arange(flagged) < bads
    return Rows(X.assign(listed=listed), y, np.sort(rng.integers(0, YEARS, rows)))


def late_list(seed: int, *, rows: int = 20_000, share: float = 0.05, effect: float = 1.5) -> Rows:
    """``listed`` begins in the last of five years and is real: 5 % of that year's rows, +1.5 in log-odds."""
    rng = np.random.default_rng([3, seed])
    X, risk = _others(rng, rows)
    year = np.sort(rng.integers(0, YEARS, rows))
    listed = ((year == YEARS - 1) & (rng.random(rows) < share)).astype(float)
    eta = np.log(risk / (1 - risk)) + effect * listed
    return Rows(X.assign(listed=listed), (rng.random(rows) < 1 / (1 + np.exp(-eta))).astype(int), year)


#: The trough lies between these shares of the rows: 6 % of them.
TROUGH = (0.42, 0.48)
NOISE = 10


def trough(seed: int, *, rows: int = 50_000) -> Rows:
    """``days`` halves the risk between two values in mid-range; ten columns are monotone, ten are noise."""
    rng = np.random.default_rng([4, seed])
    days = rng.random(rows)
    inside = (days >= TROUGH[0]) & (days < TROUGH[1])
    columns = {"days": (1000 * days).round()}
    eta = np.full(rows, 0.0)
    for place in range(10):
        values = rng.normal(size=rows) if place % 2 else rng.poisson(1 + place / 4, rows).astype(float)
        eta += (0.1 + 0.03 * place) * (values - values.mean()) / values.std()
        columns[f"monotone{place}"] = values.round(3)
    for place in range(NOISE):
        columns[f"noise{place}"] = rng.normal(size=rows).round(3) if place % 2 else rng.poisson(1.5, rows).astype(float)
    risk = 1 / (1 + np.exp(-(_level(eta, 0.103) + eta)))
    y = rng.random(rows) < np.where(inside, risk / 2, risk)
    return Rows(pd.DataFrame(columns), y.astype(int), np.sort(rng.integers(0, YEARS, rows)))


def _others(rng: np.random.Generator, rows: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Four columns of ordinary strength, and the risk by them: 10 % on average."""
    values = rng.normal(size=(rows, 4))
    eta = values @ np.array([0.3, 0.25, 0.2, 0.15])
    names = [f"x{place}" for place in range(4)]
    return pd.DataFrame(values.round(3), columns=names), 1 / (1 + np.exp(-(_level(eta, 0.1) + eta)))


def _level(eta: np.ndarray, rate: float) -> float:
    low, high = -10.0, 5.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if (1 / (1 + np.exp(-(eta + middle)))).mean() < rate else (low, middle)
    return low
