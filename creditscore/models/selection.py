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
#: A single column that ranks bads and goods better than this knows the outcome.
LEAK_AUC = 0.95
_NOISE = 0.99
COLUMNS = ["characteristic", "kept", "reason", "information_value", "auc", "attributes", "coefficient"]


@dataclass
class SelectionLedger:
    """Why each column stayed or left; one row per column that was handed in."""

    rows: dict[str, dict[str, object]] = field(default_factory=dict)
    #: What the one who asked for the fit should hear.
    warnings: list[str] = field(default_factory=list)

    def enter(self, name: str, *, auc: float | None = None) -> None:
        """A column that is looked at."""
        empty = {"information_value": np.nan, "attributes": 0, "coefficient": np.nan}
        self.rows[name] = {"characteristic": name, "kept": True, "reason": "", "auc": np.nan if auc is None else auc, **empty}

    def drop(self, name: str, reason: str) -> None:
        """A column that leaves."""
        self.rows[name] |= {"kept": False, "reason": reason}

    def note(self, name: str, **figures: float) -> None:
        """Figures of a column."""
        self.rows[name] |= figures

    def kept(self, name: str) -> bool:
        """Whether the column is still there."""
        return bool(self.rows[name]["kept"])

    def table(self) -> pd.DataFrame:
        """One row per column, in the order in which they came."""
        return pd.DataFrame(list(self.rows.values()), columns=COLUMNS)


def column_auc(column: FeatureColumn, sample: Sample) -> float:
    """AUC of the column alone, whichever its direction, missing values at the better end.

    Texts are ordered by their bad rate; those below 2 % of the weight together, else every
    unique id would be a perfect predictor.
    """
    missing = column.missing
    if column.text:
        size, places = len(column.categories), np.where(missing, 0, column.values)
    else:
        values, places = np.unique(np.where(missing, 0.0, column.values), return_inverse=True)
        size = len(values)
    good, bad = (sums for sums in sample.sums(np.where(missing, size, places), size + 1))
    if column.text:
        good, bad = _by_rate(good, bad)
        return concordance(good, bad)
    ends = (np.r_[good[-1], good[:-1]], np.r_[bad[-1], bad[:-1]])
    found = [concordance(good, bad), concordance(*ends)]
    return max(max(auc, 1 - auc) for auc in found)


def _by_rate(good: Floats, bad: Floats) -> tuple[Floats, Floats]:
    rare = good + bad < 0.02
    good, bad = np.append(good[~rare], good[rare].sum()), np.append(bad[~rare], bad[rare].sum())
    weight = np.where(good + bad > 0, good + bad, 1.0)
    order = np.argsort(bad / weight, kind="stable")
    return good[order], bad[order]


def refuse_leaks(ledger: SelectionLedger, on_leak: OnLeak) -> list[str]:
    """The columns that know the outcome.

    Raises:
        DataError: There are any and ``on_leak`` is ``refuse``.
    """
    found = [name for name, row in ledger.rows.items() if float(str(row["auc"])) > LEAK_AUC]
    if found and on_leak == "refuse":
        figures = ", ".join(f"{name} (AUC {float(str(ledger.rows[name]['auc'])):.3f})" for name in found)
        raise DataError(
            "features: {figures}: ranks good and bad almost perfectly alone, so it was probably known only "
            "after the outcome; take it out, or state on_leak='warn' if it is truly known before",
            figures=figures,
        )
    return found


def by_information(
    tables: Sequence[BinTable],
    ledger: SelectionLedger,
    selection: Selection,
    *,
    cases: tuple[float, float] | None,
    by_hand: Container[str] = (),
) -> list[BinTable]:
    """Those that tell enough alone. Characteristics of source ``base`` always stay.

    With ``cases`` (effective goods, bads) it must also beat noise: under independence
    ``value / (1 / goods + 1 / bads)`` is chi-square with attributes - 1 degrees of freedom (texts - 1
    where texts were grouped by what was found in them, not ``by_hand``). The 99 %
    point is asked for because the cuts were searched: of pure noise about 5 % pass with trend auto,
    1 % with a declared trend.
    """
    left = []
    for table in tables:
        value = table.information_value
        ledger.note(table.name, information_value=round(value, 6), attributes=len(table.rows))
        chance = 0.0 if cases is None else _by_chance(_freedom(table, by_hand=table.name in by_hand), cases)
        if table.partition.factor.source == "base":
            left.append(table)
        elif table.filled < 2 or not table.woe.any():
            ledger.drop(table.name, _tells_nothing(table))
        elif value < selection.min_information_value:
            ledger.drop(table.name, f"information value {value:.4f} below {selection.min_information_value}")
        elif value < chance:
            ledger.drop(table.name, f"information value {value:.4f} below {chance:.4f}, which chance alone may show")
        else:
            left.append(table)
    return left


def _freedom(table: BinTable, *, by_hand: bool) -> int:
    """Of grouped texts nearly all that tells them apart is in the groups, by chance too."""
    partition = table.partition
    texts = 0 if by_hand or partition.factor.order else sum(len(group) for group in partition.groups) - len(partition.groups)
    return max(table.filled, 1) - 1 + texts


def _tells_nothing(table: BinTable) -> str:
    if table.filled > 1:
        return "no attribute differs under its trend"
    return "no values: every row is missing" if table.rows[table.partition.kinds.index("missing")] else "constant: one attribute"


def _by_chance(freedom: int, cases: tuple[float, float]) -> float:
    return float(chi2.ppf(_NOISE, freedom)) * (1 / max(cases[0], 1.0) + 1 / max(cases[1], 1.0))


def by_redundancy(
    tables: Sequence[BinTable], woe: Floats, weight: Floats, ledger: SelectionLedger, selection: Selection
) -> list[BinTable]:
    """Of two whose WoE go together, the one that tells less leaves. Source ``base`` stays."""
    first = sorted(range(len(tables)), key=lambda place: _precedence(tables[place]))
    correlation = _weighted_correlation(woe, weight)
    stay: list[int] = []
    for place in first:
        table = tables[place]
        near = [other for other in stay if abs(correlation[place, other]) > selection.max_correlation]
        if near and table.partition.factor.source != "base":
            ledger.drop(table.name, f"correlation {correlation[place, near[0]]:.2f} with {tables[near[0]].name}, which tells more")
        else:
            stay.append(place)
    return [tables[place] for place in sorted(stay)]


def _precedence(table: BinTable) -> tuple[bool, float, str]:
    return table.partition.factor.source != "base", -round(table.information_value, 9), table.name


def _weighted_correlation(values: Floats, weight: Floats) -> Floats:
    """Correlation matrix of the columns of ``values``; 0 with a constant column."""
    share = weight / weight.sum()
    centred = values - share @ values
    covariance = centred.T @ (share[:, None] * centred)
    scale = np.sqrt(np.diag(covariance))
    scale[scale == 0] = np.inf
    return np.asarray(np.round(covariance / np.outer(scale, scale), 9))
