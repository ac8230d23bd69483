"""The common part of every fit: cut, tabulate, select, regress. Knows nothing of points or industries' cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue
from scipy import sparse

from creditscore.config.scorecards import Binning, Scaling, Selection
from creditscore.config.spec import ppm
from creditscore.dataframes import Flags, Floats, Ints
from creditscore.errors import DataError
from creditscore.models.bin_table import BinTable, Partition, tabulate
from creditscore.models.binning import cut
from creditscore.models.calibration import Points
from creditscore.models.card import Attribute, Characteristic
from creditscore.models.inspector_effects import mean_effect
from creditscore.models.regression import Patterns, Regression, fit_regression, patterns_of
from creditscore.models.sample import Column, Sample, effective_size
from creditscore.models.scorecard import Baseline, Scorecard
from creditscore.models.scoring import ppm_of_score, score_of
from creditscore.models.selection import Ledger, OnLeak, by_information, by_redundancy, column_auc, refuse_leaks

#: Share of the weight whose mean points are "those just above the cut".
NEAR_CUT = 0.1
_WEIGHT_DIGITS, _RATE_DIGITS = 9, 6


def characteristic(table: BinTable, points: Ints, coefficient: float, *, smoothing: float) -> Characteristic:
    """One characteristic with its attributes in the order of their codes."""
    factor = table.partition.factor
    return Characteristic(
        name=factor.name,
        label=factor.label,
        source=factor.source,
        unit=factor.unit,
        kind="text" if table.partition.text else "number",
        trend=table.partition.trend,
        coefficient=coefficient,
        information_value=round(table.information_value, _RATE_DIGITS),
        unverified_cap=factor.cap,
        attributes=tuple(_attribute(table, place, int(points[place]), smoothing=smoothing) for place in range(len(table.rows))),
    )


def _attribute(table: BinTable, place: int, points: int, *, smoothing: float) -> Attribute:
    lower, upper = _bounds(table.partition, place)
    rate = float(table.bad_rate(smoothing)[place])
    return Attribute(
        kind=table.partition.kinds[place],
        lower=lower,
        upper=upper,
        values=table.partition.values(place),
        label=table.partition.label(place),
        rows=int(table.rows[place]),
        weight=min(1.0, round(float(table.weight[place]), _WEIGHT_DIGITS)),
        bad_rate=None if np.isnan(rate) else min(1.0, round(rate, _RATE_DIGITS)),
        woe=float(table.woe[place]),
        points=points,
        neutral=bool(table.neutral[place]),
    )


def _bounds(partition: Partition, place: int) -> tuple[float | None, float | None]:
    if partition.kinds[place] != "interval":
        return None, None
    bounds = [None, *partition.edges, None]
    return bounds[place], bounds[place + 1]


def cut_score(scaling: Scaling, probability: float) -> int:
    """The lowest score whose probability of bad, in whole ppm, is at most ``probability``."""
    limit = ppm(probability)
    score = int(np.floor(score_of(scaling, min(max(probability, 1e-6), 1 - 1e-6)))) - 1
    while ppm_of_score(scaling, score) > limit:
        score += 1
    return score


def baselines(
    points: Points, codes: NDArray[np.uint8], weight: Floats, names: Sequence[str], *, scaling: Scaling, cuts: Sequence[float]
) -> tuple[Baseline, ...]:
    """Mean points of the population, and of the tenth of the weight just above each cut by probability.

    A subject below a cut is compared with those who just reach it: the difference is what it lacks
    (Regulation B, commentary 9(b)(2), both methods).
    """
    scores = points.scores(codes)
    found = [Baseline(name="population", points=_mean(points, codes, weight, names))]
    for probability in sorted(set(cuts)):
        cut = cut_score(scaling, probability)
        near = _just_above(scores, weight, cut)
        if near.any() and all(cut != one.above_score for one in found):
            mean = _mean(points, codes[near], weight[near], names)
            found.append(Baseline(name=f"above_{cut}", above_score=cut, points=mean))
    return tuple(found)


def _just_above(scores: Ints, weight: Floats, cut: int) -> Flags:
    """Rows from the cut up to the score by which a tenth of all the weight is reached (whole scores)."""
    above = scores >= cut
    if not above.any():
        return above
    values, places = np.unique(scores[above], return_inverse=True)
    reached = np.cumsum(np.bincount(places, weights=weight[above])) / weight.sum()
    last = min(int(np.searchsorted(reached, NEAR_CUT - 1e-9)), len(values) - 1)
    return np.asarray(above & (scores <= values[last]))


def _mean(points: Points, codes: NDArray[np.uint8], weight: Floats, names: Sequence[str]) -> dict[str, int]:
    share = weight / weight.sum()
    means = [float((np.bincount(codes[:, k], weights=share, minlength=len(of)) * of).sum()) for k, of in enumerate(points.points)]
    return {name: int(np.floor(round(mean, 6) + 0.5)) for name, mean in zip(names, means, strict=True)}


def scorecard(
    tables: Sequence[BinTable],
    points: Points,
    *,
    name: str,
    industry: str,
    target: str,
    scaling: Scaling,
    smoothing: float,
    reference: Sequence[Baseline],
    training: dict[str, JsonValue],
    representative: bool,
) -> Scorecard:
    """The card as data."""
    parts = zip(tables, points.points, points.coefficients, strict=True)
    return Scorecard(
        name=name,
        industry=industry,
        target=target,
        scaling=scaling,
        constant=points.constant,
        characteristics=tuple(characteristic(t, p, c, smoothing=smoothing) for t, p, c in parts),
        baselines=tuple(reference),
        training=training,
        representative=representative,
    )


SpecialCodes = Sequence[Any] | Mapping[str, Sequence[Any]] | None
Splits = Mapping[str, Sequence[Any]] | None
#: Ridge on the effects of industries while pooled slopes are estimated: just enough where an industry has no bads.
_INDUSTRY_RIDGE = 1e-4
#: Below this the bad rate of a text tells little of it.
_ROWS_OF_A_TEXT = 30


@dataclass(frozen=True)
class Settings:
    """What the estimators have in common."""

    scaling: Scaling
    binning: Binning
    selection: Selection
    ridge: float
    nuisance_ridge: float
    special_codes: SpecialCodes = None
    splits: Splits = None
    on_leak: OnLeak = "refuse"


@dataclass(frozen=True)
class Fit:
    """Kept characteristics in the order of the columns; patterns hold their codes, and only theirs."""

    tables: tuple[BinTable, ...]
    patterns: Patterns
    regression: Regression
    inspectors: int
    #: Weighted mean of the inspectors' effects.
    nuisance_mean: float
    ledger: Ledger

    @property
    def woe(self) -> Floats:
        """(patterns, characteristics)."""
        return self.patterns.woe([table.woe for table in self.tables])


def fit_core(sample: Sample, settings: Settings, *, beyond_chance: bool = False) -> Fit:
    """Cut every column, keep what tells something, and fit the constrained regression.

    Args:
        sample: The training rows.
        settings: What the estimators have in common.
        beyond_chance: Ask for more information than noise may show. That needs a number of cases,
            which scaling weights leaves alone and repeating rows does not.
    """
    _require_known(sample, settings)
    ledger = Ledger()
    cases = _cases(sample) if beyond_chance else None
    if beyond_chance:
        settings = replace(settings, binning=_counted(settings.binning, sample))
    found, codes = _tables(sample, settings, ledger)
    tables = by_information(list(found.values()), ledger, settings.selection, cases=cases, by_hand=settings.splits or ())
    patterns = patterns_of([codes[table.name] for table in tables], sample)
    woe = patterns.woe([table.woe for table in tables])
    kept = by_redundancy(tables, woe, patterns.weight, ledger, settings.selection)
    fit = _regress(sample, settings, kept, _columns(patterns, tables, kept), ledger)
    fit = _thin(fit, sample, settings)
    for table, coefficient in zip(fit.tables, fit.regression.coefficients, strict=True):
        ledger.note(table.name, coefficient=round(float(coefficient), 6))
    return fit


def _require_known(sample: Sample, settings: Settings) -> None:
    """Cuts and codes given for a column that is not there are a misspelt name, not a wish."""
    names = {column.factor.name for column in sample.columns} | set(sample.refused)
    given = {"splits": settings.splits, "special_codes": settings.special_codes}
    for what, by_name in given.items():
        unknown = sorted(set(by_name) - names) if isinstance(by_name, Mapping) else []
        if unknown:
            raise DataError(
                "{what}: {map}: expected names of features ({names})",
                what=what,
                map=", ".join(map(str, unknown)),
                names=", ".join(sorted(names)),
            )


def _counted(binning: Binning, sample: Sample) -> Binning:
    """A text of fewer than ``_ROWS_OF_A_TEXT`` effective rows is rare too."""
    needed = min(binning.min_share, _ROWS_OF_A_TEXT / sample.effective_size)
    return binning.model_copy(update={"rare_share": max(binning.rare_share, needed)})


def _cases(sample: Sample) -> tuple[float, float]:
    return effective_size(sample.weight[~sample.bad]), effective_size(sample.weight[sample.bad])


def _tables(sample: Sample, settings: Settings, ledger: Ledger) -> tuple[dict[str, BinTable], dict[str, NDArray[np.uint8]]]:
    for column in sample.columns:
        ledger.enter(column.factor.name, auc=round(column_auc(column, sample), 6))
    for name, reason in sample.refused.items():
        ledger.enter(name)
        ledger.drop(name, reason)
        ledger.warnings.append(f"characteristic {name} leaves: {reason}")
    for name in refuse_leaks(ledger, settings.on_leak):
        ledger.warnings.append(f"characteristic {name} ranks good and bad almost perfectly alone (AUC above 0.95)")
    tables, codes = {}, {}
    for column in sample.columns:
        name = column.factor.name
        try:
            tables[name], codes[name] = _table(column, sample, settings)
        except DataError as error:
            if settings.splits is not None and name in settings.splits:
                raise  # what a person wrote is refused, never passed over
            ledger.drop(name, str(error))
            ledger.warnings.append(f"characteristic {name} leaves: {error}")
    return tables, codes


def _table(column: Column, sample: Sample, settings: Settings) -> tuple[BinTable, NDArray[np.uint8]]:
    given = None if settings.splits is None else settings.splits.get(column.factor.name)
    special = _special(settings.special_codes, column)
    partition = cut(column, sample, binning=settings.binning, special=special, given=given)
    codes = partition.codes(column)
    return tabulate(partition, codes, sample, binning=settings.binning), codes


def _special(codes: SpecialCodes, column: Column) -> Sequence[Any]:
    """Codes of a column: its own where codes go by name; else those that occur in it."""
    if codes is None:
        return ()
    if isinstance(codes, Mapping):
        return codes.get(column.factor.name, ())
    fitting = [code for code in codes if isinstance(code, str) == column.text]
    return [code for code in fitting if (code in column.categories if column.text else bool((column.values == code).any()))]


def _columns(patterns: Patterns, tables: Sequence[BinTable], kept: Sequence[BinTable]) -> Patterns:
    names = [table.name for table in kept]
    places = [place for place, table in enumerate(tables) if table.name in names]
    return replace(patterns, codes=patterns.codes[:, places])


def _regress(sample: Sample, settings: Settings, kept: Sequence[BinTable], patterns: Patterns, ledger: Ledger) -> Fit:
    design, penalty, inspectors = _design(sample, patterns, settings.nuisance_ridge)
    regression = fit_regression(
        patterns.woe([table.woe for table in kept]),
        patterns.good,
        patterns.bad,
        ridge=settings.ridge,
        design=design,
        design_ridge=penalty,
    )
    mean = 0.0
    if sample.visits is not None and inspectors:
        mean = mean_effect(sample.visits, regression.effects[:inspectors], sample.weight)
    return Fit(tuple(kept), patterns, regression, inspectors, mean, ledger)


def _design(sample: Sample, patterns: Patterns, ridge: float) -> tuple[sparse.csr_matrix, Floats, int]:
    """Effects of inspectors first, then of industries, for each pattern; and the ridge of each."""
    rows = len(patterns.weight)
    blocks = [sparse.csr_matrix((rows, 0))]
    inspectors = 0
    if sample.visits is not None:
        inspectors = len(sample.visits.inspectors)
        blocks.append(sample.visits.design[patterns.team])
    industries = len(sample.industries)
    if industries:
        known = np.flatnonzero(patterns.industry >= 0)
        place = (known, patterns.industry[known])
        blocks.append(sparse.csr_matrix((np.ones(len(known)), place), shape=(rows, industries)))
    penalty = np.concatenate([np.full(inspectors, ridge), np.full(industries, _INDUSTRY_RIDGE)])
    return sparse.csr_matrix(sparse.hstack(blocks)), penalty, inspectors


def _thin(fit: Fit, sample: Sample, settings: Settings) -> Fit:
    """Without the characteristics whose coefficient is 0, and with no more than ``max_characteristics``."""
    coefficients = fit.regression.coefficients
    base = np.array([table.partition.factor.source == "base" for table in fit.tables], dtype=bool)
    stay = (coefficients > 0) | base
    for table in (table for table, here in zip(fit.tables, stay, strict=True) if not here):
        fit.ledger.drop(table.name, "coefficient 0: beside the others it tells nothing, or only against its trend")
    most = settings.selection.max_characteristics
    strength = np.round(coefficients * _spread(fit), 9)
    order = sorted(np.flatnonzero(stay), key=lambda place: (not base[place], -strength[place], fit.tables[place].name))
    for place in order[most:] if most is not None else []:
        if not base[place]:
            fit.ledger.drop(fit.tables[place].name, f"beyond max_characteristics ({most}): it adds least")
            stay[place] = False
    return _again(fit, stay, sample, settings, refit=most is not None and len(order) > most)


def _again(fit: Fit, stay: Flags, sample: Sample, settings: Settings, *, refit: bool) -> Fit:
    kept = [table for table, here in zip(fit.tables, stay, strict=True) if here]
    patterns = replace(fit.patterns, codes=fit.patterns.codes[:, stay])
    if refit:
        return _regress(sample, settings, kept, patterns, fit.ledger)
    regression = replace(fit.regression, coefficients=fit.regression.coefficients[stay])
    return replace(fit, tables=tuple(kept), patterns=patterns, regression=regression)


def _spread(fit: Fit) -> Floats:
    weight = fit.patterns.weight / fit.patterns.weight.sum()
    woe = fit.woe
    return np.asarray(np.sqrt(np.maximum(weight @ (woe - weight @ woe) ** 2, 0.0)))
