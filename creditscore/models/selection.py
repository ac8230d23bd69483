"""Which characteristics stay, and a table that says why each of the others left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import chi2

from creditscore.config.scorecards import Selection
from creditscore.dataframes import Floats
from creditscore.errors import DataError
from creditscore.language import Message, _, pgettext, to_json
from creditscore.models.bin_table import BinTable, Partition
from creditscore.models.columns import FeatureColumn
from creditscore.models.evidence import MOVED, beyond_chance, stability_index, sums
from creditscore.models.line_cuts import concordance
from creditscore.models.regression import information_of
from creditscore.models.sample import Sample

OnLeak = Literal["refuse", "warn"]
#: A single column that ranks bads and goods better than this was probably known after the outcome only.
LEAK_AUC = 0.95
#: Share of the columns of pure noise that may pass where few columns are real, and where many are.
_NOISE, _MOST_NOISE = 0.02, 0.05
#: Between the two the level is that at which, of all that pass, this share is noise.
_NOISE_AMONG_KEPT = 0.1
#: Standard errors and ratio from which on a part of the window has another bad rate than its rows explain.
_SURELY, _OTHER_LEVEL = 3.5, 1.25
_COLUMNS = [
    "characteristic", "kept", "reason", "information_value", "auc", "attributes", "coefficient", "drift", "note", "note_message"
]  # fmt: skip


@dataclass
class SelectionLedger:
    """Why each column was kept or dropped: one row per column of the input."""

    rows: dict[str, dict[str, object]] = field(default_factory=dict)
    #: Warnings for the user who started the fit.
    warnings: list[str] = field(default_factory=list)

    def enter(self, name: str, *, auc: float | None = None) -> None:
        """Add a column, as kept; ``auc`` is its AUC alone."""
        empty = {"information_value": np.nan, "attributes": 0, "coefficient": np.nan, "drift": np.nan, "note": None}
        self.rows[name] = {"characteristic": name, "kept": True, "reason": "", "auc": np.nan if auc is None else auc, **empty}

    def drop(self, name: str, reason: str) -> None:
        """Mark a column as dropped, with an English reason."""
        self.rows[name] |= {"kept": False, "reason": reason}

    def note(self, name: str, **figures: float) -> None:
        """Set figures of a column."""
        self.rows[name] |= figures

    def remark(self, name: str, note: Message) -> None:
        """Add something to the note of a column."""
        before = self.rows[name]["note"]
        self.rows[name]["note"] = note if before is None else pgettext("notes", "{first}; {second}", first=before, second=note)

    def tell(self, name: str, note: Message) -> None:
        """Warn of something about a column, and add it to its note."""
        self.remark(name, note)
        self.warnings.append(f"characteristic {name}: {note}")

    def kept(self, name: str) -> bool:
        """Whether the column is still kept."""
        return bool(self.rows[name]["kept"])

    def table(self) -> pd.DataFrame:
        """One row per column, in the order in which they were entered.

        ``note`` is English; ``note_message`` has the same sentence with its values, as JSON, from which it is shown in
        another language.
        """
        frame = pd.DataFrame(list(self.rows.values()), columns=_COLUMNS)
        notes = [row["note"] for row in self.rows.values()]
        english = ["" if note is None else str(note) for note in notes]
        kept = [to_json(note) if isinstance(note, Message) else "" for note in notes]
        return frame.assign(note=pd.Series(english, dtype="str"), note_message=pd.Series(kept, dtype="str"))


def column_auc(column: FeatureColumn, sample: Sample) -> float:
    """AUC of the column alone, whichever its direction, missing values at the better end.

    Texts are ordered by their bad rate; those below 2 % of the weight together, else every
    unique id would be a perfect predictor.
    """
    if column.text:
        size = len(column.categories)
        cells = np.where(column.missing, size, column.values)
    else:
        values, cells = column.distinct
        size = len(values)
    good, bad = (sums for sums in sample.sums(cells, size + 1))
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
    tables: Sequence[BinTable], ledger: SelectionLedger, selection: Selection, *, chance: bool, pseudo: float
) -> list[BinTable]:
    """Those with enough information alone that did not move too far; drift goes into the ledger.

    With ``chance`` the attributes must also differ by more than noise: ``sum of (log-odds - mean)² / variance``, by design
    variances, against chi-square with as many degrees as attributes - 1, or as the search for the cuts had
    (``Partition.searched``). The level is that at which a tenth of all that pass are noise (Benjamini and
    Hochberg, J. R. Stat. Soc. B 57, 1995), but from 2 to 5 %: a weak column beside many real ones is more often real than
    one beside none. Source ``base`` and what has a ceiling always stay.
    """
    left = []
    noise = {table.name: _Noise.of(table, pseudo) for table in tables if chance and table.filled > 1}
    level = _level([one.probability for one in noise.values()])
    for table in tables:
        value = table.information_value
        drift = stability_index(table.cells.good + table.cells.bad)
        ledger.note(table.name, information_value=round(value, 6), attributes=len(table.rows), drift=round(drift, 6))
        _tell_of_drift(table, drift, ledger)
        reason = (
            _too_little(table, value, selection) or _moved(drift, selection) or (noise[table.name].reason(level) if chance else "")
        )
        if reason and not table.partition.factor.always:
            ledger.drop(table.name, reason)
        else:
            left.append(table)
    return left


def _too_little(table: BinTable, value: float, selection: Selection) -> str:
    if table.filled < 2:
        missing = table.rows[table.partition.kinds.index("missing")]
        if missing:
            return "no values: every row is missing"
        return (
            "constant: one attribute"
            if table.partition.constant
            else "not cut: no part of it differs by more than chance under its trend"
        )
    if not table.woe.any():
        return "no attribute differs under its trend"
    if value < selection.min_information_value:
        return f"information value {value:.4f} below {selection.min_information_value}"
    return ""


def tell_of_codes(partition: Partition, ledger: SelectionLedger) -> None:
    """Warn of values that were taken for codes though nobody declared them, with the line that declares them."""
    if not partition.proposed:
        return
    name, codes = partition.factor.name, ", ".join(f"{code:g}" for code in partition.proposed)
    line = f'special_codes = {{"{name}": [{codes}]}}'
    note = _(
        "{codes}: far from all other values and of another risk than those next to it, so it was taken for a code and has an "
        "attribute of its own; declare it: {line}, or [] if it is a measurement",
        codes=codes,
        line=line,
    )
    ledger.tell(name, note)


def _moved(drift: float, selection: Selection) -> str:
    if selection.max_drift is None or drift <= selection.max_drift:
        return ""
    return f"PSI {drift:.3f} between the first and the last part of the window above max_drift ({selection.max_drift})"


@dataclass(frozen=True)
class _Noise:
    """By how much the attributes of a characteristic differ, and in how many ways noise could have made them."""

    shown: float
    freedom: float

    @classmethod
    def of(cls, table: BinTable, pseudo: float) -> _Noise:
        cells = table.cells.without(table.small)
        freedom = max(int((cells.rows.sum(axis=1) > 0).sum()) - 1.0, table.partition.searched or 0.0, 1.0)
        return cls(beyond_chance(cells, pseudo), freedom)

    @property
    def probability(self) -> float:
        """Chance that noise shows so much."""
        return float(chi2.sf(self.shown, self.freedom))

    def reason(self, level: float) -> str:
        """Why the characteristic leaves; empty where noise shows so much with less than this probability."""
        if self.probability <= level:
            return ""
        limit = float(chi2.isf(level, self.freedom))
        return f"its attributes differ by {self.shown:.1f} (chi-square), of which chance alone may show {limit:.1f}"


def _level(probabilities: Sequence[float]) -> float:
    """The probability up to which a column passes."""
    rising = np.sort(probabilities)
    steps = _NOISE_AMONG_KEPT * np.arange(1, len(rising) + 1) / max(len(rising), 1)
    return min(float(max([_NOISE, *steps[rising <= steps]])), _MOST_NOISE)


#: What is told of attributes that are only in a part of the window.
_STATES = {
    "gone": _("gone: {attributes}: of no rows in the last part of the window, says nothing of now and is neutral"),
    "new": _("new: {attributes}: in the last part of the window only, rests on that part alone"),
}


def _tell_of_drift(table: BinTable, drift: float, ledger: SelectionLedger) -> None:
    states = table.evidence.state if table.evidence is not None else ()
    for state, sentence in _STATES.items():
        concerned = [table.partition.words(code) for code, one in enumerate(states) if one == state]
        if concerned:
            ledger.tell(table.name, Message(sentence.message, {"attributes": concerned}))
    if drift > MOVED:
        moved = _("its attributes moved between the first and the last part of the window (PSI {drift:.2f})", drift=drift)
        ledger.tell(table.name, moved)


def tell_of_levels(sample: Sample, eta: Floats, ledger: SelectionLedger) -> None:
    """Warn of parts of the window with more or fewer bads than the characteristics explain.

    Args:
        sample: The training rows.
        eta: Their log-odds of bad; the level may be off, the same for all.
        ledger: Gets the warnings.
    """
    if sample.parts == 1:
        return
    probability = expit(eta)
    probability *= sample.bad_share * sample.total / float((sample.weight * probability).sum())
    expected, observed = (sums(sample.window, sample.weight * of, sample.parts) for of in (probability, sample.bad))
    noise = np.sqrt(sums(sample.window, sample.weight**2 * (sample.bad - probability) ** 2, sample.parts))
    for part in np.flatnonzero(abs(observed - expected) > _SURELY * noise):
        ratio = observed[part] / expected[part]
        if not 1 / _OTHER_LEVEL < ratio < _OTHER_LEVEL:
            which = f"part {part + 1} of {sample.parts} of the training window"
            ledger.warnings.append(f"{which} has {ratio:.2f} times the bads that the characteristics explain")


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
    covariance = information_of(centred, share)
    scale = np.sqrt(np.diag(covariance))
    scale[scale == 0] = np.inf
    return np.asarray(np.round(covariance / np.outer(scale, scale), 9))
