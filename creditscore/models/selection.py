"""Which characteristics stay, and a table that says why each of the others left."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from scipy.stats import chi2

from creditscore.config.scorecards import Selection
from creditscore.dataframes import Floats
from creditscore.errors import DataError
from creditscore.models.bin_table import BinTable
from creditscore.models.binning import concordance
from creditscore.models.sample import FeatureColumn, Sample

OnLeak = Literal["refuse", "warn"]
#: A single column that ranks bads and goods better than this was probably known after the outcome only.
LEAK_AUC = 0.95
#: Share of pure-noise tables that a chance threshold holds back.
_NOISE = 0.99
_COLUMNS = ["characteristic", "kept", "reason", "information_value", "auc", "attributes", "coefficient"]


@dataclass
class SelectionLedger:
    """Why each column was kept or dropped: one row per column of the input."""

    rows: dict[str, dict[str, object]] = field(default_factory=dict)
    #: Warnings for the user who started the fit.
    warnings: list[str] = field(default_factory=list)

    def enter(self, name: str, *, auc: float | None = None) -> None:
        """Add a column, as kept; ``auc`` is its AUC alone."""
        empty = {"information_value": np.nan, "attributes": 0, "coefficient": np.nan}
        self.rows[name] = {"characteristic": name, "kept": True, "reason": "", "auc": np.nan if auc is None else auc, **empty}

    def drop(self, name: str, reason: str) -> None:
        """Mark a column as dropped, with an English reason."""
        self.rows[name] |= {"kept": False, "reason": reason}

    def note(self, name: str, **figures: float) -> None:
        """Set figures of a column."""
        self.rows[name] |= figures

    def kept(self, name: str) -> bool:
        """Whether the column is still kept."""
        return bool(self.rows[name]["kept"])

    def table(self) -> pd.DataFrame:
        """One row per column, in the order in which they were entered."""
        return pd.DataFrame(list(self.rows.values()), columns=_COLUMNS)


def column_auc(column: FeatureColumn, sample: Sample) -> float:
    """AUC of the column alone, whichever its direction, missing values at the better end.

    Texts are ordered by their bad rate; those below 2 % of the weight together, else every
    unique id would be a perfect predictor.
    """
    missing = column.missing
    if column.text:
        size, cells = len(column.categories), np.where(missing, 0, column.values)
    else:
        values, cells = np.unique(np.where(missing, 0.0, column.values), return_inverse=True)
        size = len(values)
    good, bad = (sums for sums in sample.sums(np.where(missing, size, cells), size + 1))
    if column.text:
        rare = good + bad < 0.02
        good, bad = np.append(good[~rare], good[rare].sum()), np.append(bad[~rare], bad[rare].sum())
        weight = np.where(good + bad > 0, good + bad, 1.0)
        order = np.argsort(bad / weight, kind="stable")
        return concordance(good[order], bad[order])
    missing_first = (np.r_[good[-1], good[:-1]], np.r_[bad[-1], bad[:-1]])
    return max(max(auc, 1 - auc) for auc in (concordance(good, bad), concordance(*missing_first)))


def refuse_leaks(ledger: SelectionLedger, on_leak: OnLeak) -> list[str]:
    """The columns that rank the outcome too well to have been known before it.

    Raises:
        DataError: There are any and ``on_leak`` is ``refuse``.
    """
    leaks = [name for name, row in ledger.rows.items() if float(str(row["auc"])) > LEAK_AUC]
    if leaks and on_leak == "refuse":
        figures = ", ".join(f"{name} (AUC {float(str(ledger.rows[name]['auc'])):.3f})" for name in leaks)
        raise DataError(
            "features: {figures}: ranks good and bad almost perfectly alone, so it was probably known only "
            "after the outcome; take it out, or state on_leak='warn' if it is truly known before",
            figures=figures,
        )
    return leaks


def by_information(
    tables: Sequence[BinTable],
    ledger: SelectionLedger,
    selection: Selection,
    *,
    cases: tuple[float, float] | None,
    by_hand: Container[str] = (),
) -> list[BinTable]:
    """Those with enough information alone. Characteristics of source ``base`` and those with a ceiling always stay.

    With ``cases`` (effective goods, bads) it must also beat noise: under independence
    ``value / (1 / goods + 1 / bads)`` is chi-square with attributes - 1 degrees of freedom (texts - 1
    where texts were grouped by their bad rates, not ``by_hand``). The 99 %
    point is asked for because the cuts were searched: of pure noise about 5 % pass with trend auto,
    1 % with a declared trend.
    """
    left = []
    for table in tables:
        value = table.information_value
        ledger.note(table.name, information_value=round(value, 6), attributes=len(table.rows))
        chance = 0.0
        if cases is not None:
            # Grouping by bad rate keeps nearly all differences between the texts, those by chance too.
            groups, given = table.partition.groups, table.name in by_hand or bool(table.partition.factor.order)
            freedom = max(table.filled, 1) - 1 + (0 if given else sum(len(group) for group in groups) - len(groups))
            chance = float(chi2.ppf(_NOISE, freedom)) * (1 / max(cases[0], 1.0) + 1 / max(cases[1], 1.0))
        if table.partition.factor.always:
            left.append(table)
        elif table.filled < 2 or not table.woe.any():
            missing = table.rows[table.partition.kinds.index("missing")]
            constant = "no values: every row is missing" if missing else "constant: one attribute"
            ledger.drop(table.name, "no attribute differs under its trend" if table.filled > 1 else constant)
        elif value < selection.min_information_value:
            ledger.drop(table.name, f"information value {value:.4f} below {selection.min_information_value}")
        elif value < chance:
            ledger.drop(table.name, f"information value {value:.4f} below {chance:.4f}, which chance alone may show")
        else:
            left.append(table)
    return left


def by_redundancy(
    tables: Sequence[BinTable], woe: Floats, weight: Floats, ledger: SelectionLedger, selection: Selection
) -> list[BinTable]:
    """Drop, of two characteristics with correlated WoE, the one with less information; source ``base`` and what has a ceiling stay.

    Returns:
        The tables that stay, in their order in ``tables``.
    """
    optional = [not table.partition.factor.always for table in tables]
    order = sorted(range(len(tables)), key=lambda i: (optional[i], -round(tables[i].information_value, 9), tables[i].name))
    correlation = _weighted_correlation(woe, weight)
    stay: list[int] = []
    for i in order:
        near = [other for other in stay if abs(correlation[i, other]) > selection.max_correlation]
        if near and optional[i]:
            ledger.drop(
                tables[i].name, f"correlation {correlation[i, near[0]]:.2f} with {tables[near[0]].name}, which has more information"
            )
        else:
            stay.append(i)
    return [tables[i] for i in sorted(stay)]


def _weighted_correlation(values: Floats, weight: Floats) -> Floats:
    """Correlation matrix of the columns of ``values``; 0 with a constant column."""
    share = weight / weight.sum()
    centred = values - share @ values
    covariance = centred.T @ (share[:, None] * centred)
    scale = np.sqrt(np.diag(covariance))
    scale[scale == 0] = np.inf
    return np.asarray(np.round(covariance / np.outer(scale, scale), 9))
