"""Predictors of rows held out: who is held out together, what the rest may be fitted on, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from creditscore.dataframes import Flags, Floats, Ints
from creditscore.errors import DataError
from creditscore.models.sample import Sample

#: Number of folds where rows are held out by subject or by row.
FOLDS = 5
#: The first part that is predicted has at least this share of the rows before it: of five parts the last three are.
_FIRST = 0.22

#: Rows of the subjects held out leave the rest where at least this share of its bads is left.
_LEFT = 0.5

#: Fits the first sample and gives the log-odds of bad of the rows of the second, without a constant of the fit: a row for
#: a row. Both have the weights of the design; :meth:`Sample.for_ranking` gives those of the ranking.
FitAndPredict = Callable[[Sample, Sample], Floats]


@dataclass(frozen=True)
class Fold:
    """One division of the rows of a sample: what a fit may know, and the drawn rows that it predicts."""

    rest: Flags
    held: Flags


@dataclass(frozen=True)
class HeldOut:
    """Predictors from fits that did not know the row, one per row of the sample; NaN where there is none.

    Attributes:
        eta: Log-odds of bad. Rows of the ranking only have none, nor has a fold in which all rows have the same one.
        fold: The fold in which each row was held out; -1 where there is no predictor.
        share: Mean share of the drawn bads that the fits were trained on.
        fitted: False where the rest of some fold could not be fitted: then no row has a predictor.
    """

    eta: Floats
    fold: Ints
    share: float
    fitted: bool = True

    @property
    def there(self) -> Flags:
        """Rows with a predictor."""
        return np.asarray(self.fold >= 0)


def held_out(sample: Sample, fit_and_predict: FitAndPredict) -> HeldOut:
    """The predictor of every drawn row by a fit that does not know its subject.

    Rows for the ranking only train every fit except that of their own subject, and are never predicted.

    Args:
        sample: The training rows, with the weights of the design.
        fit_and_predict: See :data:`FitAndPredict`. A ``DataError`` of it says that the rest cannot be fitted.
    """
    rows = len(sample.weight)
    eta, number = np.full(rows, np.nan), np.full(rows, -1, dtype=np.int64)
    shares = np.zeros(rows)
    nothing = HeldOut(eta.copy(), number.copy(), 1.0, fitted=False)
    drawn = ~sample.ranking_only
    for position, fold in enumerate(level_folds(sample)):
        if not has_both(sample.bad[fold.rest & drawn]):
            return nothing
        try:
            predicted = fit_and_predict(sample.part(fold.rest), sample.part(fold.held))
        except DataError:  # the rest cannot be fitted
            return nothing
        if len(predicted) and np.ptp(predicted) > 0:
            eta[fold.held], number[fold.held] = predicted, position
            shares[fold.held] = (sample.bad & drawn & fold.rest).sum() / (sample.bad & drawn).sum()
    there = number >= 0
    return HeldOut(eta, number, float(shares[there].mean()) if there.any() else 1.0)


def level_folds(sample: Sample) -> tuple[Fold, ...]:
    """How rows are held out for slopes and levels: by parts of the window where there are times, else by subject.

    The slope that counts is that of a window to come, and what a part of the window has of its own is to it what the
    next window's own is to all. Of four ways, each part held out from all others misses the slope of the next window
    least: 0.23, 0.18, 0.09 and 0.13 in its logarithm with 500, 1,500, 5,000 and 20,000 rows and coefficients that drift
    by 0.1 from part to part; folds by subject, blind to drift, 0.28, 0.17, 0.10 and 0.11, and at twice the drift 0.27 for
    0.21 with 5,000 rows; fits on earlier parts alone 0.26, 0.21, 0.10 and 0.13, and the same with other subjects
    up to 0.75, since too few cases are left.

    Subjects of the rows held out leave the rest, too, where others are left. Where the same subjects come in every part,
    they will come in the next.
    """
    if sample.parts < 2:
        return subject_folds(sample)
    folds, drawn = [], ~sample.ranking_only
    for part in range(sample.parts):
        here = sample.window == part
        held = here & drawn
        others = ~here & ~np.isin(sample.subject, sample.subject[held])
        left = sample.bad[others & drawn].sum() >= _LEFT * sample.bad[~here & drawn].sum()
        folds.append(Fold(others if left else ~here, held))
    return tuple(folds)


def forward_folds(sample: Sample) -> tuple[Fold, ...]:
    """Each later part of the training window held out, the rest being what lies before it; none without times."""
    folds, drawn = [], ~sample.ranking_only
    for part in range(1, sample.parts):
        rest = sample.window < part
        if (rest & drawn).sum() >= _FIRST * drawn.sum():
            folds.append(Fold(rest, (sample.window == part) & drawn))
    return tuple(folds)


def subject_folds(sample: Sample) -> tuple[Fold, ...]:
    """Subjects in ``FOLDS`` folds of about as many bads each; a row without a subject is one of its own.

    Their contents decide, so the result does not depend on the order of rows or columns.
    """
    team = [] if sample.visits is None else [sample.visits.team]
    # Numbers of many values decide first, texts of many (names) last: then most columns have no say in who is held out with whom.
    distinct = {
        column.factor.name: -len(column.categories) if column.text else len(np.unique(column.values)) for column in sample.columns
    }
    columns = sorted(sample.columns, key=lambda column: (distinct[column.factor.name], column.factor.name))
    shared = np.bincount(sample.subject)[sample.subject] > 1
    named = np.where(shared, sample.subject, -1)  # the number of any other subject depends on the order of the rows
    content = [named, *(column.values for column in columns), *team, sample.industry, sample.moment, sample.weight, ~sample.bad]
    order = np.lexsort([*content, sample.ranking_only])
    _, first, subject = np.unique(sample.subject[order], return_index=True, return_inverse=True)
    dealt = np.empty(len(first), dtype=np.int64)
    dealt[np.argsort(first)] = np.arange(len(first)) % FOLDS
    fold = np.empty(len(order), dtype=np.int64)
    fold[order] = dealt[subject]
    return tuple(Fold(fold != number, (fold == number) & ~sample.ranking_only) for number in range(FOLDS))


def has_both(bad: Flags) -> bool:
    """Whether there are goods and bads."""
    return bool(bad.any()) and not bool(bad.all())
