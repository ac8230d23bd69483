"""What the experiments share: a simulated city with its truth, cards as the project describes them, intervals, tables.

Run from the root of the repository, e.g. ``python -m experiments.selective_labels.run``.
"""

from __future__ import annotations

import argparse
import datetime as dt
import logging
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from scipy import stats

import creditscore as cs

PROJECT = Path(__file__).parents[1] / "configs" / "yongzhou"
ONE_DAY = dt.timedelta(days=1)
#: Outcomes of those who let the inspectors in: on whom a finding is defined.
ENTERED = ("none", "violation")


@dataclass(frozen=True)
class World:
    """A simulated city with its records opened, and the truth beside it."""

    folder: Path
    project: cs.Project
    records: Any

    def data(self, name: str) -> pd.DataFrame:
        """A table as sent."""
        return pq.read_table(self.folder / "data" / f"{name}.parquet").to_pandas()

    def truth(self, name: str) -> pd.DataFrame:
        """A table that nobody has."""
        return pq.read_table(self.folder / "truth" / f"{name}.parquet").to_pandas()

    def everyone(self, day: dt.date) -> pd.DataFrame:
        """Market subjects in scope as the register shows them, with what a visit of everyone on ``day`` would bring.

        ``as_of`` is the day before: features know nothing of the visit. ``y`` is 1 for a violation.
        """
        risk = self.truth("risk")
        risk = risk[risk["date"] == day].drop(columns=["date", "industry"])
        rows = cs.spine(self.records, as_of=day - ONE_DAY).frame[["subject_id", "as_of", "industry"]]
        joined = rows.merge(risk, on="subject_id")
        return joined.assign(y=joined["violation"].astype("int64"), entered=joined["outcome"].isin(ENTERED))

    def cards(self, features: Any = None) -> cs.IndustryScorecards:
        """The estimator that the project's scorecards.toml describes."""
        return cs.IndustryScorecards.from_spec(
            self.project.scorecards, features=self.project.features if features is None else features
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Fits warn a lot; what matters to an experiment is in its figures."""
    logging.getLogger("creditscore").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def fit_rows(cards: cs.IndustryScorecards, X: pd.DataFrame, rows: Any, **told: Any) -> cs.IndustryScorecards:
    """Fit on the rows of a target as the pipeline does: their industries, weights, inspectors, days and subjects.

    ``told`` says otherwise, a None that nothing is said (``sample_weight=None``, say).
    """
    named = {
        "industry": rows.industry, "sample_weight": rows.weight, "nuisance": rows.inspectors,
        "time": rows.frame["as_of"], "subjects": rows.frame["subject_id"],
    }  # fmt: skip
    return cards.fit(X, rows.y, **(named | told))


def excess_loss(truth: np.ndarray, risk: np.ndarray, met: np.ndarray | None = None) -> float:
    """Expected log loss above that of the truth, x 1000.

    Args:
        truth: True probabilities.
        risk: What a model says.
        met: Probabilities of what would be found, if they differ from the truth (by who would come).
    """
    met = truth if met is None else met
    return 1000 * float(expected_loss(met, risk) - expected_loss(met, truth))


def expected_loss(chance: np.ndarray, risk: np.ndarray) -> float:
    """Mean log loss of ``risk`` where ``chance`` is the probability of bad."""
    risk = np.clip(risk, 1e-9, 1 - 1e-9)
    return float(-(chance * np.log(risk) + (1 - chance) * np.log1p(-risk)).mean())


def logit(chance: np.ndarray) -> np.ndarray:
    """Log-odds, of probabilities kept off 0 and 1."""
    chance = np.clip(chance, 1e-9, 1 - 1e-9)
    return np.log(chance / (1 - chance))


def two_parameters(eta: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None) -> tuple[float, float]:
    """Intercept and slope of a logistic regression on ``eta`` without a penalty; ``y`` may be a probability."""
    share = np.ones(len(eta)) if weight is None else np.asarray(weight, dtype=float) / np.mean(weight)
    X, beta = np.column_stack([np.ones(len(eta)), eta]), np.array([0.0, 1.0])
    for _ in range(50):
        risk = 1 / (1 + np.exp(-np.clip(X @ beta, -30, 30)))
        step = np.linalg.solve((X * (share * risk * (1 - risk))[:, None]).T @ X, X.T @ (share * (y - risk)))
        beta = beta + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-8:
            break
    return float(beta[0]), float(beta[1])


@contextmanager
def world(parameters: cs.CityParameters) -> Iterator[World]:
    """Simulate a city into a folder that goes away afterwards, and open its records."""
    with tempfile.TemporaryDirectory(prefix="city-") as name, quiet():
        folder = Path(name)
        cs.simulate_city(parameters, out=folder)
        project = cs.load_project(PROJECT)
        yield World(folder, project, cs.open_records(cs.Engine.duckdb(), project, data=folder / "data"))


def interval(values: Iterable[float]) -> tuple[float, float, float]:
    """Mean and 95 % interval of the mean over seeds (Student's t)."""
    found = np.asarray(list(values), dtype=float)
    mean, half = found.mean(), stats.t.ppf(0.975, len(found) - 1) * found.std(ddof=1) / np.sqrt(len(found))
    return float(mean), float(mean - half), float(mean + half)


def said(values: Iterable[float], digits: int = 3) -> str:
    """``0.987 [0.975, 0.999]``."""
    return "{:.{d}f} [{:.{d}f}, {:.{d}f}]".format(*interval(values), d=digits)


def markdown(frame: pd.DataFrame) -> str:
    """The frame as a markdown table, its index first."""
    rows = [[str(frame.index.name or ""), *map(str, frame.columns)], ["---"] * (frame.shape[1] + 1)]
    rows += [[str(key), *map(str, values)] for key, values in zip(frame.index, frame.to_numpy(), strict=True)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def run(
    one: Callable[[int], list[dict[str, Any]]],
    *,
    seeds: range,
    report: Callable[[pd.DataFrame, Path], None],
    folder: Path,
    results: str = "results.csv",
) -> None:
    """Every seed in turn into ``folder/results`` (kept after each), then the report, which prints tables and draws the picture.

    ``--report`` only reports what is in the file; ``--resume`` goes on where an earlier run of the same version was stopped;
    ``--seeds N`` is a trial whose files go to a temporary folder.
    """
    options = argparse.ArgumentParser(description=one.__doc__)
    options.add_argument("--report", action="store_true", help="only report what was kept")
    options.add_argument("--resume", action="store_true", help="keep the seeds that the file has, run the others")
    options.add_argument("--seeds", type=int, help="a trial with so many of the seeds; nothing here is overwritten")
    chosen = options.parse_args()
    if chosen.seeds is not None:
        folder = Path(tempfile.mkdtemp(prefix="trial-"))
    file = folder / results
    found = pd.read_csv(file).to_dict("records") if chosen.resume and file.is_file() else []
    kept = {row["seed"] for row in found}
    for seed in () if chosen.report else seeds[: chosen.seeds]:
        if seed in kept:
            continue
        begun = time.perf_counter()
        with quiet():
            found += [{"seed": seed, **row} for row in one(seed)]
        pd.DataFrame(found).round(6).to_csv(file, index=False)
        print(f"seed {seed}: {time.perf_counter() - begun:.0f} s", flush=True)
    report(pd.read_csv(file), folder)
