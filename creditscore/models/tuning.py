"""Settings of a fit that the training rows choose themselves: by weighted log loss on rows held out, forward in time.

One setting at a time, in the order of the table: the power of the weights, the ridge, the number of bins, the pooling, the crosses.
Of the values whose loss is not told apart from the best one (one standard error of the paired difference, clustered by
subject) the simplest is taken (Breiman, Friedman, Olshen and Stone, Classification and Regression Trees, 1984, 3.4.3).
Attributes are cut once per power and number of bins, on all training rows; counts and slopes are fitted again without the
rows held out. What the cuts tell of them is small: in two simulated populations of 2,000 rows, 12 columns and weights of 1
and 8 the held-out loss moved by -0.006 to 0.009 (mean 0.000) against cuts by the earlier rows alone, and the loss of the
smallest ridge against that of the largest by -0.007 to 0.006 (mean -0.001): too few to tell more than the order of size.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd

from creditscore.dataframes import Flags, Floats, Ints
from creditscore.errors import DataError
from creditscore.models.calibration import calibrate, intercept_for
from creditscore.models.crosses import codes_by, is_cross
from creditscore.models.crossfit import Fold, forward_folds, has_both, subject_folds
from creditscore.models.fitting import Counted, Cuts, Fit, Settings, count, cut_columns, fit_counted, fit_cut, fit_path
from creditscore.models.limits import Limits
from creditscore.models.regression import matrix_of
from creditscore.models.sample import Sample
from creditscore.models.scoring import AttributeCodes
from creditscore.models.selection import SelectionLedger

#: A setting that can be chosen; the order is that of the choice.
Tunable = Literal["exponent", "ridge", "max_bins", "pooling_factor", "crosses"]
#: Log-odds of rows by their codes (a column per characteristic of the fit) and industries.
Predictor = Callable[[AttributeCodes, Ints], Floats]
#: Makes the predictors of a fit, from the rows of that fit (weights of the design): one for each of the settings, which differ in
#: how industries are pooled.
MakePredictors = Callable[[Fit, Sample, Sequence[Settings]], list[Predictor]]

#: Log-odds of the drawn rows of a fold's rest, and of the rows held out.
_Predicted = tuple[Floats, Floats]

#: Powers of the weights of the design, the simplest first; the same for the others.
EXPONENTS = (0.0, 0.5, 1.0)
#: Ridge x information of the sample: the penalty counts as much as this many effective cases of either class.
RIDGE_CASES = (64.0, 16.0, 4.0, 1.0)
#: The one of them that is taken where there are too few cases to choose.
DEFAULT_RIDGE_CASES = 16.0
#: Fewest bins that are tried beside as many as the cases carry.
FEW_BINS = 6
POOLING_FACTORS = (0.25, 1.0, 4.0)
#: Fewer bads or goods than these say little about settings.
_CASES, _CASES_OF_A_FIT = 50, 20
_COLUMNS = ["setting", "value", "log_loss", "difference", "standard_error", "chosen"]


@dataclass(frozen=True)
class Tuned:
    """The settings, and the columns of the sample cut by them.

    Attributes:
        settings: What was given and what was chosen.
        cuts: Of all rows of the sample.
        ledger: A row per column, as the cuts left it.
        table: One row per value tried: held-out weighted log loss, its paired difference to the best value, and the
            standard error of that, clustered by subject. Empty where nothing was tried.
        held: How rows were held out: ``forward`` in time, by ``subjects``, or not at all (``none``).
    """

    settings: Settings
    cuts: Cuts
    ledger: SelectionLedger
    table: pd.DataFrame
    held: Literal["forward", "subjects", "none"]


def plain_predictors(fit: Fit, rest: Sample, settings: Sequence[Settings]) -> list[Predictor]:
    """The sum of coefficient x WoE, the same for all industries."""
    del rest
    return [lambda codes, _: fit.predictor_of(codes)] * len(settings)


def ridge_of(cases: float, ranking: Sample) -> float:
    """The penalty that counts as much as ``cases``: a share of the information ``n p (1 - p)``, n the effective size."""
    share = ranking.bad_share
    return cases / max(ranking.effective_size * share * (1 - share), 1e-9)


def untuned(sample: Sample, settings: Settings) -> Tuned:
    """The settings as they are."""
    ledger = SelectionLedger()
    cuts = cut_columns(sample.for_ranking(settings.exponent), settings, ledger)
    return Tuned(settings, cuts, ledger, _table([]), "none")


def tuned(
    sample: Sample,
    settings: Settings,
    free: Iterable[Tunable],
    *,
    make_predictors: MakePredictors = plain_predictors,
) -> Tuned:
    """The settings with those in ``free`` chosen by rows held out; the documented defaults where cases are too few.

    Args:
        sample: The training rows, with the weights of the design.
        settings: What is not in ``free`` stays as it is here.
        free: Settings to choose.
        make_predictors: How rows held out are predicted.
    """
    free = set(free)
    cases = DEFAULT_RIDGE_CASES if "ridge" in free else None
    search = _Search(sample, replace(settings, judging=True), cases, make_predictors, *_folds(sample))
    tried: list[_Trial] = []
    if search.folds:
        tried += [*search.choose("exponent", EXPONENTS)] if "exponent" in free and np.ptp(sample.drawn.weight) > 0 else []
        tried += [*search.choose("ridge", RIDGE_CASES)] if "ridge" in free else []
        carried = Limits.of(search.ranking(), settings.binning).bins
        if "max_bins" in free and carried > FEW_BINS:
            tried += search.choose("max_bins", (FEW_BINS, carried))
        if "pooling_factor" in free and make_predictors is not plain_predictors:
            tried += search.choose_factor()
    ledger = SelectionLedger()
    cuts = cut_columns(search.ranking(), replace(search.settings, judging=False), ledger)
    if search.folds and "crosses" in free:
        found = search.crosses()
        tried += search.choose_crosses(len(found)) if found else []
        for name in found[search.settings.crosses :]:
            ledger.enter(name)
            ledger.drop(name, "a cross that gains less on rows held out than the standard error of its gain")
    return Tuned(replace(search.resolved(search.ranking()), judging=False), cuts, ledger, _table(tried), search.held)


def _folds(sample: Sample) -> tuple[tuple[Fold, ...], Literal["forward", "subjects", "none"]]:
    """How rows are held out: in the order of time where that leaves every fit enough cases."""
    drawn = ~sample.ranking_only

    def enough(rows: Flags, cases: int) -> bool:
        bads = int(sample.bad[rows & drawn].sum())
        return min(bads, int((rows & drawn).sum()) - bads) >= cases

    if not enough(drawn, _CASES):
        return (), "none"
    forward = tuple(fold for fold in forward_folds(sample) if enough(fold.rest, _CASES_OF_A_FIT))
    if forward and enough(np.any([fold.held for fold in forward], axis=0), _CASES_OF_A_FIT):
        return forward, "forward"
    return tuple(fold for fold in subject_folds(sample) if enough(fold.rest, _CASES_OF_A_FIT)), "subjects"


@dataclass(frozen=True)
class _Trial:
    setting: str
    value: float
    loss: float
    difference: float
    error: float
    chosen: bool


@dataclass(frozen=True)
class _Rest:
    """The rows that a fold's fit may know, with the weights of the design and of the ranking, counted; no columns stand in them.

    ``held`` are the codes of the rows held out.
    """

    design: Sample
    ranking: Sample
    counted: Counted
    ledger: SelectionLedger
    held: Mapping[str, AttributeCodes]


#: Power of the weights, most bins, number of the fold.
_RestKey = tuple[float, int | None, int]


@dataclass
class _Search:
    """The settings chosen so far."""

    sample: Sample
    settings: Settings
    #: The ridge in cases; None where ``settings.ridge`` is given.
    ridge_cases: float | None
    make_predictors: MakePredictors
    folds: tuple[Fold, ...]
    held: Literal["forward", "subjects", "none"]
    _cut: dict[tuple[float, int | None], tuple[Cuts, SelectionLedger]] = field(default_factory=dict)
    #: Of the last power and number of bins: other settings change nothing in it.
    _rest: dict[_RestKey, _Rest] = field(default_factory=dict)
    #: By settings that were tried: the value in use is tried again beside those of the next setting.
    _lost: dict[tuple[object, ...], Floats | None] = field(default_factory=dict)

    def ranking(self) -> Sample:
        """The rows with the weights of the ranking."""
        return self.sample.for_ranking(self.settings.exponent)

    def resolved(self, ranking: Sample) -> Settings:
        """The settings with the ridge for these rows."""
        if self.ridge_cases is None:
            return self.settings
        return replace(self.settings, ridge=float(f"{ridge_of(self.ridge_cases, ranking):.6g}"))

    def with_value(self, setting: Tunable, value: float) -> _Search:
        """The same with another value of one setting; cuts are shared."""
        if setting == "ridge":
            return replace(self, ridge_cases=value)
        if setting == "max_bins":
            binning = self.settings.binning.model_copy(update={"max_bins": FEW_BINS if value == FEW_BINS else None})
            return replace(self, settings=replace(self.settings, binning=binning))
        settings = self.settings
        if setting == "crosses":
            return replace(self, settings=replace(settings, crosses=int(value)))
        if setting == "exponent":
            return replace(self, settings=replace(settings, exponent=value))
        return replace(self, settings=replace(settings, pooling_factor=value))

    def cuts(self) -> tuple[Cuts, SelectionLedger]:
        """The columns of all rows cut by the settings; found once."""
        key = (self.settings.exponent, self.settings.binning.max_bins)
        if key not in self._cut:
            ledger = SelectionLedger()
            cuts = cut_columns(self.ranking(), self.settings, ledger)
            self._cut[key] = (cuts, ledger)
        return self._cut[key]

    def crosses(self) -> list[str]:
        """Names of the crosses that all rows together show, in the order in which they were found."""
        cuts, ledger = self.cuts()
        most = replace(self.resolved(self.ranking()), crosses=self.settings.selection.max_crosses)
        fit = fit_cut(self.ranking(), cuts, most, copy.deepcopy(ledger))
        return [table.name for table in fit.tables if is_cross(table)]

    def choose(self, setting: Tunable, values: Sequence[float]) -> list[_Trial]:
        """Try the values, simplest first, and keep one."""
        candidates = [self.with_value(setting, value) for value in values]
        return self._keep(setting, values, candidates, [candidate.losses() for candidate in candidates])

    def choose_factor(self) -> list[_Trial]:
        """Try the factors of the variances between industries, and keep one: one fit a fold, whose variances are estimated once."""
        candidates = [self.with_value("pooling_factor", value) for value in POOLING_FACTORS]
        by_fold: list[list[_Predicted]] = []
        try:
            for number in range(len(self.folds)):
                rest = self.rest_of(number)
                each = [candidate.resolved(rest.ranking) for candidate in candidates]
                by_fold.append(self._predicted(self._fit(rest), rest, each, number))
        except DataError:
            return []
        losses = [self._losses_of([of[number] for of in by_fold]) for number in range(len(candidates))]
        return self._keep("pooling_factor", POOLING_FACTORS, candidates, losses)

    def choose_crosses(self, most: int) -> list[_Trial]:
        """Try no cross to ``most`` crosses, which each fold finds for itself, and keep one number.

        One path of fits a fold, each with a cross more, gives all of them.
        """
        candidates = [self.with_value("crosses", value) for value in range(most + 1)]
        paths: list[list[_Predicted]] = []
        try:
            for number in range(len(self.folds)):
                rest = self.rest_of(number)
                settings = candidates[-1].resolved(rest.ranking)
                fits = fit_path(rest.ranking, rest.counted, settings, copy.deepcopy(rest.ledger))
                path = [self._predicted(fit, rest, [settings], number)[0] for fit in fits]
                paths.append(path + [path[-1]] * (most + 1 - len(path)))
        except DataError:
            return []
        losses = [self._losses_of([path[value] for path in paths]) for value in range(most + 1)]
        return self._keep("crosses", range(most + 1), candidates, losses)

    def _keep(
        self, setting: Tunable, values: Sequence[float], candidates: Sequence[_Search], losses: Sequence[Floats | None]
    ) -> list[_Trial]:
        """Compare the values, and keep one; none where some of them cannot be fitted."""
        whole = [loss for loss in losses if loss is not None]
        if len(whole) < len(losses):
            return []
        rows = np.any([fold.held for fold in self.folds], axis=0)
        weight, subject = self.sample.weight[rows], self.sample.subject[rows]
        trials = compared(setting, values, [loss[rows] for loss in whole], weight, subject)
        taken = candidates[[trial.chosen for trial in trials].index(True)]
        self.settings, self.ridge_cases = taken.settings, taken.ridge_cases
        return trials

    def losses(self) -> Floats | None:
        """Log loss of each row held out, 0 elsewhere; None where a fit is not possible. Found once."""
        settings = self.settings
        key = (settings.exponent, settings.binning.max_bins, self.ridge_cases, settings.pooling_factor, settings.crosses)
        if key not in self._lost:
            self._lost[key] = self._found_losses()
        return self._lost[key]

    def _found_losses(self) -> Floats | None:
        predicted = []
        try:
            for number in range(len(self.folds)):
                rest = self.rest_of(number)
                predicted += self._predicted(self._fit(rest), rest, [self.resolved(rest.ranking)], number)
        except DataError:
            return None
        return self._losses_of(predicted)

    def _losses_of(self, predicted: Sequence[_Predicted]) -> Floats | None:
        """Log loss of each row held out, 0 elsewhere, by the log-odds of each fold's rest and of its rows held out.

        One slope is fitted to all rows held out, at most 1: the card has the slope of rows held out, too, so a setting must
        not lose by too wide a spread alone; too narrow a one, which too large a ridge gives, is its own fault, and where cases
        are few the card does not make it good. The level of a fold is that of the rows of its fit.
        """
        eta = np.zeros(len(self.sample.weight))
        fold_of = np.full(len(eta), -1)
        for number, (fold, (_, held_eta)) in enumerate(zip(self.folds, predicted, strict=True)):
            eta[fold.held], fold_of[fold.held] = held_eta, number
        rows, bad = fold_of >= 0, self.sample.bad
        weight = self.sample.weight / self.sample.total
        if not has_both(bad[rows]):
            return None
        good_weight, bad_weight = np.where(bad, 0.0, weight)[rows], np.where(bad, weight, 0.0)[rows]
        flat = np.ptp(eta[rows]) == 0
        slope = 1.0 if flat else min(1.0, calibrate(eta[rows], good_weight, bad_weight, industry=fold_of[rows])[1])
        for fold, (rest_eta, _) in zip(self.folds, predicted, strict=True):
            rest = fold.rest & ~self.sample.ranking_only
            share = np.average(bad[rest], weights=weight[rest])
            eta[fold.held] = intercept_for(slope * rest_eta, weight[rest], float(share)) + slope * eta[fold.held]
        return np.where(rows, np.logaddexp(0.0, np.where(bad, -eta, eta)), 0.0)

    def rest_of(self, number: int) -> _Rest:
        """What a fold's fit starts from."""
        key = (self.settings.exponent, self.settings.binning.max_bins, number)
        if key not in self._rest:
            for other in [other for other in self._rest if other[:2] != key[:2]]:
                del self._rest[other]
            self._rest[key] = self._counted(self.folds[number])
        return self._rest[key]

    def _counted(self, fold: Fold) -> _Rest:
        cuts, found = self.cuts()
        ledger = copy.deepcopy(found)
        design = replace(self.sample, columns=()).part(fold.rest)
        ranking = design.for_ranking(self.settings.exponent)
        counted = count(ranking, cuts.rows(fold.rest), self.settings, ledger)
        return _Rest(design, ranking, counted, ledger, cuts.rows(fold.held).codes)

    def _fit(self, rest: _Rest) -> Fit:
        return fit_counted(rest.ranking, rest.counted, self.resolved(rest.ranking), copy.deepcopy(rest.ledger))

    def _predicted(self, fit: Fit, rest: _Rest, settings: Sequence[Settings], number: int) -> list[_Predicted]:
        """By the fit on the rest, for each of the settings (see :data:`MakePredictors`)."""
        held = self.folds[number].held
        drawn = ~rest.design.ranking_only
        out = matrix_of(codes_by(fit.tables, rest.held), int(held.sum()))
        return [
            (predictor(fit.codes[drawn], rest.design.industry[drawn]), predictor(out, self.sample.industry[held]))
            for predictor in self.make_predictors(fit, rest.design, settings)
        ]


def compared(setting: str, values: Sequence[float], losses: Sequence[Floats], weight: Floats, subject: Ints) -> list[_Trial]:
    """The trials of one setting: the first value whose loss is within one standard error of the best one is chosen.

    Args:
        setting: Its name.
        values: From the simplest on.
        losses: For each of them, the loss of each row.
        weight: Of the rows.
        subject: Whom each row is about: standard errors are clustered.
    """
    means = [float(np.average(loss, weights=weight)) for loss in losses]
    # Differences beyond the tenth digit are rounding, and the order of the rows decides on that.
    best = int(np.argmin(np.round(means, 10)))
    clusters = np.unique(subject, return_inverse=True)[1]
    share, pairs = weight / weight.sum(), []
    for loss in losses:
        paired = loss - losses[best]
        difference = float((share * paired).sum())
        by_subject = np.bincount(clusters, weights=share * (paired - difference))
        pairs.append((difference, float(np.sqrt((by_subject**2).sum()))))
    chosen = next(place for place, (difference, error) in enumerate(pairs) if round(difference - error, 10) <= 0)
    return [
        _Trial(setting, value, mean, *pair, chosen=place == chosen)
        for place, (value, mean, pair) in enumerate(zip(values, means, pairs, strict=True))
    ]


def _table(trials: Sequence[_Trial]) -> pd.DataFrame:
    rows = [(t.setting, t.value, round(t.loss, 9), round(t.difference, 9), round(t.error, 9), t.chosen) for t in trials]
    return pd.DataFrame(rows, columns=_COLUMNS)
