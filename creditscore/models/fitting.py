"""The common part of every fit: cut, tabulate, select, regress. Knows nothing of points or industries' cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from creditscore.config.scorecards import EXPONENT, NUISANCE_RIDGE, RIDGE, Binning, Scaling, Selection
from creditscore.dataframes import Flags, Floats
from creditscore.errors import DataError
from creditscore.language import _
from creditscore.models.bin_table import BinTable, Partition, tabulate
from creditscore.models.binning import cut
from creditscore.models.columns import FeatureColumn
from creditscore.models.cross_cells import cross_of
from creditscore.models.cross_pairs import Residuals, best_pair, predictor_with_effects
from creditscore.models.crosses import codes_by, codes_in
from creditscore.models.evidence import pseudo_share
from creditscore.models.inspector_effects import mean_effect
from creditscore.models.regression import (
    Patterns,
    Regression,
    by_column,
    fit_regression,
    indicators,
    matrix_of,
    patterns_of,
    spread_of_columns,
)
from creditscore.models.sample import Sample
from creditscore.models.scoring import AttributeCodes
from creditscore.models.selection import (
    LEAK_AUC,
    OnLeak,
    SelectionLedger,
    by_information,
    by_redundancy,
    column_auc,
    refuse_leaks,
    tell_of_codes,
    tell_of_levels,
)

#: Values that are no measurements: one list for all columns, or lists by column.
SpecialCodes = Sequence[Any] | Mapping[str, Sequence[Any]] | None
#: Cuts by hand: rising edges of a number, or groups of texts, by column.
Splits = Mapping[str, Sequence[Any]] | None
#: Ridge on the effects of industries while pooled slopes are estimated: just enough where an industry has no bads.
_INDUSTRY_RIDGE = 1e-4


@dataclass(frozen=True)
class Settings:
    """How a fit is done: the parameters of the estimators that :func:`fit_core` and the assembly of cards read."""

    ridge: float = RIDGE
    nuisance_ridge: float = NUISANCE_RIDGE
    #: Power of the weights of the design that bins and slopes are fitted with.
    exponent: float = EXPONENT
    #: What the estimated variances between industries are multiplied by.
    pooling_factor: float = 1.0
    #: Crosses at most: 0 where no rows held out have shown that any is worth its place.
    crosses: int = 0
    scaling: Scaling = field(default_factory=Scaling)
    binning: Binning = field(default_factory=Binning)
    selection: Selection = field(default_factory=Selection)
    special_codes: SpecialCodes = None
    splits: Splits = None
    on_leak: OnLeak = "refuse"
    #: The fit only judges rows held out.
    judging: bool = False


@dataclass(frozen=True)
class Fit:
    """Kept characteristics in the order of the columns; patterns hold their codes, and only theirs."""

    tables: tuple[BinTable, ...]
    #: (rows of the sample, characteristics): the attribute in which each row falls.
    codes: AttributeCodes
    patterns: Patterns
    regression: Regression
    #: Weighted mean of the inspectors' effects.
    nuisance_mean: float
    ledger: SelectionLedger

    @property
    def woe(self) -> Floats:
        """(patterns, characteristics)."""
        return self.patterns.woe([table.woe for table in self.tables])

    def for_levels(self, sample: Sample) -> Fit:
        """The fit with the counts and patterns of the drawn rows, by the weights of the design; WoE stay those of the ranking.

        Args:
            sample: The rows of the fit with the weights of the design.
        """
        drawn = sample.drawn
        patterns = patterns_of(list(self.codes[~sample.ranking_only].T), drawn)
        return replace(self, patterns=patterns, tables=tuple(recounted(table, patterns, n) for n, table in enumerate(self.tables)))

    @property
    def of_rows(self) -> Floats:
        """Log-odds of bad of the rows of the fit, without the effects of inspectors and industries."""
        return self.predictor_of(self.codes)

    def predictor_of(self, codes: AttributeCodes) -> Floats:
        """Log-odds of bad of rows by their codes, a column per characteristic, without the effects of inspectors and industries."""
        eta = np.full(len(codes), self.regression.intercept)
        for column, (table, coefficient) in enumerate(zip(self.tables, self.regression.coefficients, strict=True)):
            eta -= (coefficient * table.woe)[codes[:, column]]
        return eta

    def predictor(self, sample: Sample) -> Floats:
        """Log-odds of bad of the rows of a sample with these columns, without the effects of inspectors and industries."""
        return self.predictor_of(codes_in(self.tables, sample))


@dataclass(frozen=True)
class Cuts:
    """How the columns of a sample are cut: partitions by name, in the order of the columns, and the codes of the rows."""

    partitions: Mapping[str, Partition]
    codes: Mapping[str, AttributeCodes]

    def rows(self, chosen: Flags) -> Cuts:
        """The same partitions with some of the rows, in their order."""
        places = np.flatnonzero(chosen)
        return Cuts(self.partitions, {name: codes[places] for name, codes in self.codes.items()})


@dataclass(frozen=True)
class Counted:
    """What a regression starts from, whatever its ridge: the characteristics with information, and where the rows fall."""

    tables: tuple[BinTable, ...]
    #: (rows of the sample, characteristics).
    codes: AttributeCodes
    patterns: Patterns


def fit_core(sample: Sample, settings: Settings) -> Fit:
    """Cut every column, keep what has information, and fit the constrained regression.

    Args:
        sample: The training rows, with the weights of the ranking.
        settings: How to cut, select and regress.

    Raises:
        DataError: Splits or special codes name a column that is not there, splits do not fit their column, or a
            column leaks the outcome.
    """
    ledger = SelectionLedger()
    cuts = cut_columns(sample, settings, ledger)
    return fit_cut(sample, cuts, settings, ledger)


def cut_columns(sample: Sample, settings: Settings, ledger: SelectionLedger) -> Cuts:
    """The columns that can be cut; the others leave the ledger. This is the slow part of a fit.

    Args:
        sample: The training rows, with the weights of the ranking.
        settings: How to cut.
        ledger: Gets a row per column.

    Raises:
        DataError: As :func:`fit_core` says.
    """
    _refuse_unknown_names(sample, settings)
    for column in sample.columns:
        ledger.enter(column.factor.name, auc=round(column_auc(column, sample), 6))
    for name, reason in sample.refused.items():
        ledger.enter(name)
        ledger.drop(name, reason)
        ledger.warnings.append(f"characteristic {name} leaves: {reason}")
    for name in refuse_leaks(ledger, settings.on_leak):
        ledger.warnings.append(f"characteristic {name} ranks good and bad almost perfectly alone (AUC above {LEAK_AUC})")
    partitions, codes = {}, {}
    for column in sample.columns:
        name, splits = column.factor.name, settings.splits or {}
        try:
            special = _special_codes(settings.special_codes, column)
            partitions[name] = cut(
                column,
                sample,
                binning=settings.binning,
                special=special,
                given=splits.get(name),
                same_as=settings.selection.same_as.get(name, {}),
                judging=settings.judging,
            )
            codes[name] = partitions[name].codes(column)
            tell_of_codes(partitions[name], ledger)
        except DataError as error:
            if name in splits:
                raise  # what a person wrote is refused, never passed over
            ledger.drop(name, str(error))
            ledger.warnings.append(f"characteristic {name} leaves: {error}")
    return Cuts(partitions, codes)


def fit_cut(sample: Sample, cuts: Cuts, settings: Settings, ledger: SelectionLedger) -> Fit:
    """Count the attributes of columns that are cut, keep what has information, fit the constrained regression, look for crosses.

    Args:
        sample: The training rows, with the weights of the ranking.
        cuts: Their columns, cut; the rows may be fewer than those that the cuts were found on (:meth:`Cuts.rows`).
        settings: How to count, select and regress.
        ledger: Says in the end why each column stayed or left; its rows are those of :func:`cut_columns`, then the crosses.
    """
    return fit_counted(sample, count(sample, cuts, settings, ledger), settings, ledger)


def fit_counted(sample: Sample, counted: Counted, settings: Settings, ledger: SelectionLedger) -> Fit:
    """Fit the constrained regression on characteristics that are counted, and look for crosses.

    Arguments are those of :func:`fit_cut`; the ledger is as :func:`count` left it.
    """
    fit = fit_path(sample, counted, settings, ledger)[-1]
    for table, coefficient in zip(fit.tables, fit.regression.coefficients, strict=True):
        ledger.note(table.name, coefficient=round(float(coefficient), 6))
    if not settings.judging:
        tell_of_levels(sample, fit.of_rows, ledger)
    return fit


def fit_path(sample: Sample, counted: Counted, settings: Settings, ledger: SelectionLedger) -> list[Fit]:
    """The fit without a cross, then with each cross that is found, at most ``settings.crosses``.

    A cross is one characteristic of the most that there may be: it has a place that no column needs. Arguments are those of
    :func:`fit_counted`.
    """
    additive = _regress(sample, settings, counted.tables, counted.codes, counted.patterns, ledger)
    path, ahead = [_without_idle(additive, sample, settings)], None
    most = settings.selection.max_characteristics
    places = settings.crosses if most is None else min(settings.crosses, most - len(path[0].tables))
    while len(path) <= places:
        larger, ahead = _with_a_cross(path[-1], sample, settings, ahead)
        if larger is None:
            break
        path.append(larger)
    return path


def count(sample: Sample, cuts: Cuts, settings: Settings, ledger: SelectionLedger) -> Counted:
    """Count the attributes and keep what has information; arguments are those of :func:`fit_cut`."""
    codes = [cuts.codes[name] for name in cuts.partitions]
    every = tabulate(list(cuts.partitions.values()), codes, sample, binning=settings.binning)
    chance = settings.binning.evidence
    tables = by_information(every, ledger, settings.selection, chance=chance, pseudo=pseudo_share(sample))
    patterns = patterns_of([cuts.codes[table.name] for table in tables], sample)
    woe = patterns.woe([table.woe for table in tables])
    kept = by_redundancy(tables, woe, patterns.weight, ledger, settings.selection)
    names = {table.name for table in kept}
    patterns = patterns.select([table.name in names for table in tables])
    matrix = matrix_of([cuts.codes[table.name] for table in kept], len(sample.weight))
    return Counted(tuple(kept), matrix, patterns)


def recounted(table: BinTable, patterns: Patterns, column: int) -> BinTable:
    """The attributes with the rows and weights of other patterns, whose codes in ``column`` are those of the table."""
    size, codes = len(table.rows), patterns.codes[:, column]
    rows, good, bad = (np.bincount(codes, weights=of, minlength=size) for of in (patterns.rows, patterns.good, patterns.bad))
    total = float(good.sum() + bad.sum()) or 1.0
    return replace(table, rows=rows.astype(np.int64), good=good / total, bad=bad / total)


def _refuse_unknown_names(sample: Sample, settings: Settings) -> None:
    """A name that is not there is misspelt; it must not pass as a wish without effect."""
    names = {column.factor.name for column in sample.columns} | set(sample.refused)
    for what, by_name in (
        ("splits", settings.splits),
        ("special_codes", settings.special_codes),
        ("same_as", settings.selection.same_as),
        ("never_crossed", settings.selection.never_crossed),
    ):
        unknown = sorted(set(by_name) - names) if isinstance(by_name, Mapping | tuple) else []
        if unknown:
            raise DataError(
                "{what}: {unknown}: expected names of features ({names})",
                what=what,
                unknown=", ".join(map(str, unknown)),
                names=", ".join(sorted(names)),
            )


def _special_codes(codes: SpecialCodes, column: FeatureColumn) -> Sequence[Any] | None:
    """Codes of a column: its own where codes go by name; else those that occur in it. None: nothing is declared of it."""
    if isinstance(codes, Mapping):
        return codes.get(column.factor.name)
    fitting = [code for code in codes or () if isinstance(code, str) == column.text]
    return [code for code in fitting if (code in column.categories if column.text else bool((column.values == code).any()))] or None


def _regress(
    sample: Sample,
    settings: Settings,
    kept: Sequence[BinTable],
    codes: AttributeCodes,
    patterns: Patterns,
    ledger: SelectionLedger,
) -> Fit:
    """The regression on the WoE of the kept characteristics, with effects of inspectors and of industries."""
    visits, industries = sample.visits, len(sample.industries)
    inspectors = 0 if visits is None else len(visits.inspectors)
    # Patterns of one team and industry have the same effects.
    cell, known = pd.factorize((patterns.team + 1) * (industries + 1) + patterns.industry + 1, sort=True)
    team, industry = known // (industries + 1) - 1, known % (industries + 1) - 1
    blocks = [sparse.csr_matrix((len(known), 0))]
    if visits is not None:
        blocks.append(visits.design[team])
    if industries:
        blocks.append(indicators(industry, industries))
    regression = fit_regression(
        patterns.woe([table.woe for table in kept]),
        patterns.good,
        patterns.bad,
        ridge=settings.ridge,
        design=sparse.csr_matrix(sparse.hstack(blocks)),
        cell=cell,
        design_ridge=np.concatenate([np.full(inspectors, settings.nuisance_ridge), np.full(industries, _INDUSTRY_RIDGE)]),
    )
    mean = 0.0
    if visits is not None and inspectors:
        mean = mean_effect(visits, regression.effects[:inspectors], sample.weight)
    return Fit(tuple(kept), codes, patterns, regression, mean, ledger)


def _with_a_cross(
    fit: Fit, sample: Sample, settings: Settings, among: frozenset[tuple[str, str]] | None
) -> tuple[Fit | None, frozenset[tuple[str, str]] | None]:
    """The fit with the cross that what it leaves shows most; None where none shows more than chance, or adds to the others.

    Returns:
        The fit, and the pairs to look at for another cross.
    """
    patterns = fit.patterns
    eta = predictor_with_effects(patterns, fit.woe, fit.regression, sample)
    left = Residuals.of(patterns, eta, sample.effective_size)
    pair = best_pair(fit.tables, left, settings.selection.never_crossed, among)
    if pair is None:
        return None, None
    cross = cross_of(pair, fit.tables, left, patterns, taken={*fit.ledger.rows, *(column.factor.name for column in sample.columns)})
    codes, further = (_one_more(cross, fit.tables, of) for of in (fit.codes, patterns.codes))
    larger = _regress(sample, settings, [*fit.tables, cross], codes, replace(patterns, codes=further), fit.ledger)
    if larger.regression.coefficients[-1] <= 0:
        return None, None
    fit.ledger.enter(cross.name)
    fit.ledger.note(cross.name, information_value=round(cross.information_value, 6), attributes=len(cross.rows))
    fit.ledger.remark(cross.name, _("a cross: chi-square {shown:.1f} beside the two alone", shown=pair.shown))
    return larger, pair.ahead


def _one_more(cross: BinTable, tables: Sequence[BinTable], codes: AttributeCodes) -> AttributeCodes:
    """The codes with a column for a cross."""
    own = {table.name: column for table, column in zip(tables, codes.T, strict=True)}
    return matrix_of([*codes.T, *codes_by([cross], own)], len(codes))


def _without_idle(fit: Fit, sample: Sample, settings: Settings) -> Fit:
    """Without the characteristics whose coefficient is 0, and with no more than ``max_characteristics``.

    The regression is fitted again only where a characteristic with a coefficient leaves.
    """
    coefficients = fit.regression.coefficients
    base = np.array([table.partition.factor.always for table in fit.tables], dtype=bool)
    stay: Flags = (coefficients > 0) | base
    for table in (table for table, here in zip(fit.tables, stay, strict=True) if not here):
        fit.ledger.drop(table.name, "coefficient 0: it adds nothing to the others, or only against its trend")
    most = settings.selection.max_characteristics
    spread = np.sqrt(spread_of_columns(fit.woe, fit.patterns.weight))
    strength = np.round(coefficients * spread, 9)
    order = sorted(np.flatnonzero(stay), key=lambda column: (not base[column], -strength[column], fit.tables[column].name))
    for column in order[most:] if most is not None else []:
        if not base[column]:
            fit.ledger.drop(fit.tables[column].name, f"beyond max_characteristics ({most}): it adds least")
            stay[column] = False
    kept = [table for table, here in zip(fit.tables, stay, strict=True) if here]
    codes, patterns = by_column(fit.codes[:, stay]), fit.patterns.select(stay)
    if most is not None and len(order) > most:
        return _regress(sample, settings, kept, codes, patterns, fit.ledger)
    regression = replace(fit.regression, coefficients=coefficients[stay])
    return replace(fit, tables=tuple(kept), codes=codes, patterns=patterns, regression=regression)
