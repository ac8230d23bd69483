"""The rows of the experiment: training rows, folds of a rolling origin, the test window. Public face of creditscore only."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

import creditscore as cs

CUT, AS_OF = dt.date(2014, 8, 31), dt.date(2014, 9, 1)
#: Each origin is judged on the canvass visits of the two months after it, as the test window is on its own.
ORIGINS = [dt.date(2013, 7, 1), dt.date(2013, 9, 1), dt.date(2013, 11, 1), *(dt.date(2014, m, 1) for m in (1, 3, 5, 7))]
#: Ratios that pull every inspector's effect to 1 (for comparison): findings whoever came.
BLIND = 1_000_000.0


@dataclass(frozen=True)
class Sample:
    """Rows with features ``X`` (one column per feature), ``industry``, ``y`` and, where known, ``inspectors``."""

    rows: pd.DataFrame
    X: pd.DataFrame

    def only(self, mask):
        """The rows of a mask, numbered from 0."""
        mask = mask.to_numpy()
        return Sample(self.rows[mask].reset_index(drop=True), self.X[mask].reset_index(drop=True))


@dataclass(frozen=True)
class History:
    """What was known: the training sample, and per origin the sample of the two months after it."""

    project: cs.Project
    features: tuple
    train: Sample
    folds: list
    test: Sample
    scored: int
    dropped: pd.DataFrame


def read_history(config: Path, data: Path) -> History:
    """Open the records and build every feature that a choice may ask for, as of each row's own day."""
    project = cs.load_project(config)
    records = cs.open_records(cs.Engine.duckdb(), project, data=data)
    features = (*project.features, *variants(project.features))
    rows = cs.training_rows(records, project.targets[project.scorecards.target], until=CUT)
    train = Sample(rows.frame.reset_index(drop=True), cs.build_features(records, rows, features).reset_index(drop=True))
    folds = []
    for origin in ORIGINS:
        end = (pd.Timestamp(origin) + pd.DateOffset(months=2)).date()
        seen = rows.frame[(rows.frame["event_date"] >= origin) & (rows.frame["event_date"] < end)]
        found = _at(records, features, seen[["subject_id", "y", "inspectors"]], as_of=origin)
        # The test window holds licences only; schools without one are in no published figure.
        folds.append((origin, found.only(found.X["tenure_months"].notna())))
    test = _at(records, features, window(data), as_of=AS_OF)
    return History(project, features, train, folds, test, len(cs.spine(records, as_of=AS_OF).frame), rows.dropped)


def variants(features: tuple) -> list:
    """Every finding ratio again over 12 months, and again without regard to who inspected."""
    ratios = [feature for feature in features if feature.aggregate == "finding_ratio"]
    shorter = [f.model_copy(update={"name": f.name.replace("_36m", "_12m"), "months": 12}) for f in ratios]
    blind = [f.model_copy(update={"name": f"{f.name}_blind", "inspector_prior": BLIND}) for f in ratios]
    return [*shorter, *blind]


def window(data: Path) -> pd.DataFrame:
    """The 1,665 canvass visits of the published test window, with their outcome and the published scores."""
    table = modelling_table(data)
    return table[table["test"]].reset_index(drop=True)


def modelling_table(data: Path) -> pd.DataFrame:
    """The published model's own table; ``subject_id`` and ``y`` beside its columns."""
    table = pd.read_parquet(data / "modelling_table.parquet")
    return table.assign(subject_id=table["license"].astype(str), y=table["critical_found"].astype(int))


def _at(records, features: tuple, visits: pd.DataFrame, *, as_of: dt.date) -> Sample:
    """Visits with the features of their licences on one day; a visit to a licence out of scope that day keeps empty ones."""
    spine = cs.spine(records, as_of=as_of)
    X = cs.build_features(records, spine, features).reset_index(drop=True)
    known = spine.frame[["subject_id", "industry"]].reset_index(drop=True).assign(place=range(len(X)))
    rows = visits.merge(known, on="subject_id", how="left")
    return Sample(rows, X.reindex(rows["place"].fillna(-1).astype(int)).reset_index(drop=True))
