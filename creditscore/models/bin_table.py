"""How a column is cut (``Partition``) and what each attribute holds (``BinTable``): rows, weight and WoE on the trend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import isotonic_regression

from creditscore.config.scorecards import SMOOTHING, Binning
from creditscore.dataframes import Flags, Floats, Ints
from creditscore.language import Text
from creditscore.models.characteristic import AttributeKind, attribute_words
from creditscore.models.columns import Factor, FeatureColumn
from creditscore.models.evidence import Cells, Evidence, pseudo_share, smoothed_woe, weigh
from creditscore.models.sample import Sample
from creditscore.models.scoring import AttributeCodes

#: Weight in the projection of an attribute that is too small to be judged: it follows its neighbours.
_ALMOST_NOTHING = 1e-9
_WOE_DIGITS = 6
#: Names of attributes that are no texts, and of all together.
_NOT_TEXTS = ("missing", "other", "any")
#: More points than an attribute can have.
_NO_BOUND = 10**9


def project(woe: Floats, weights: Floats, trend: str) -> Floats:
    """WoE of intervals (or ordered categories) on the trend: a riskier end has the lower WoE.

    The monotone sequence nearest in weighted squares (Barlow, Bartholomew, Bremner and Brunk, Statistical
    Inference under Order Restrictions, 1972, 1.2). Weights are positive. Its last digit may depend on the release
    of scipy; the WoE of a card is rounded to six decimals after it.
    """
    if trend not in ("lower_is_riskier", "higher_is_riskier"):
        return woe
    monotone: Floats = isotonic_regression(woe, weights=weights, increasing=trend == "lower_is_riskier").x
    return monotone


@dataclass(frozen=True)
class Partition:
    """How a column is cut. ``trend`` is the one that is enforced, ``none`` where there is none.

    ``searched`` counts the free choices that the search for the cuts had: of pure noise the attributes look as if they had
    so many degrees of freedom. None: the cuts were not searched. ``proposed`` are those special codes that the data, and
    nobody else, suggest.
    """

    factor: Factor
    text: bool
    trend: str
    edges: tuple[float, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()
    special: tuple[float | str, ...] = ()
    searched: float | None = None
    proposed: tuple[float, ...] = ()
    #: The column has one value at most, besides missing and special ones.
    constant: bool = False

    @property
    def bins(self) -> int:
        """Number of intervals or categories."""
        return len(self.groups) if self.text else len(self.edges) + 1

    @property
    def kinds(self) -> tuple[AttributeKind, ...]:
        """Kind of each attribute, in the order of their codes."""
        first: AttributeKind = "category" if self.text else "interval"
        special: tuple[AttributeKind, ...] = ("special",) if self.special else ()
        last: tuple[AttributeKind, ...] = ("missing", "other") if self.text else ("missing",)
        return (first,) * self.bins + special + last

    @property
    def most_points(self) -> int | Ints | None:
        """Most points that an attribute may have: a cap on all, or a ceiling where there is a record; None without either."""
        ceiling = self.factor.ceiling
        if ceiling is None:
            return self.factor.cap
        lowers = np.array([-np.inf, *self.edges, *[-np.inf] * (len(self.kinds) - self.bins)])
        most: Ints = np.where(lowers >= 1, ceiling.points, _NO_BOUND)
        return most

    def codes(self, column: FeatureColumn) -> AttributeCodes:
        """The attribute in which each row falls."""
        missing = self.kinds.index("missing")
        if self.text:
            of_text = {text: number for number, group in enumerate(self.groups) for text in group}
            of_text |= {text: self.bins for text in self.special if isinstance(text, str)}
            other = len(self.kinds) - 1
            lookup = np.array([*(of_text.get(text, other) for text in column.categories), missing], dtype=np.uint8)
            codes_of_texts: AttributeCodes = lookup[column.values]
            return codes_of_texts
        codes: AttributeCodes = np.searchsorted(np.array(self.edges), column.values, side="right").astype(np.uint8)
        if self.special:
            codes[np.isin(column.values, np.array(self.special, dtype=np.float64))] = self.bins
        codes[column.missing] = missing
        return codes

    def values(self, code: int) -> tuple[str | int | float, ...]:
        """Texts of a category, or special codes; empty elsewhere."""
        kind = self.kinds[code]
        if kind == "category":
            return self.groups[code]
        return tuple(_plain(value) for value in self.special) if kind == "special" else ()

    def label(self, code: int) -> str:
        """How the attribute is called: ``[0, 3)``, ``A, B``, ``special: -9``, ``missing``, ``other``.

        Texts that read like another attribute are in quotation marks: ``"missing"`` is a text.
        """
        kind = self.kinds[code]
        if kind == "interval":
            starts = ["(-inf", *(f"[{_plain(edge)}" for edge in self.edges)]
            ends = [*(str(_plain(edge)) for edge in self.edges), "inf"]
            return f"{starts[code]}, {ends[code]})"
        listed = ", ".join(_quoted(value) if isinstance(value, str) else str(value) for value in self.values(code))
        return {"category": listed, "special": f"special: {listed}"}.get(kind, kind)

    def words(self, code: int) -> Text:
        """The label of an attribute, to be shown in any language."""
        return attribute_words(self.kinds[code], self.label(code))


def _quoted(text: str) -> str:
    return f'"{text}"' if text in _NOT_TEXTS or text.startswith("special: ") else text


def _plain(value: float | str) -> str | int | float:
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


@dataclass(frozen=True)
class BinTable:
    """Attributes of one partition in the order of its codes. Weights are shares of the total weight."""

    partition: Partition
    rows: Ints
    good: Floats
    bad: Floats
    woe: Floats
    neutral: Flags
    #: Attributes that say nothing of tomorrow: without rows, gone, or below a declared ``min_share``.
    small: Flags
    #: Share that was added to that of goods and of bads.
    smoothing: float
    cells: Cells
    evidence: Evidence | None = None

    @property
    def name(self) -> str:
        """Name of the characteristic."""
        return self.partition.factor.name

    @property
    def weight(self) -> Floats:
        """Share of the total weight in each attribute."""
        return self.good + self.bad

    @property
    def information_value(self) -> float:
        """Sum of (share of good - share of bad) x WoE, at least 0; 0 where a class has no rows."""
        if not (self.good.any() and self.bad.any()):
            return 0.0
        spread = self.good / self.good.sum() - self.bad / self.bad.sum()
        return max(0.0, float((spread * self.woe).sum()))

    @property
    def filled(self) -> int:
        """Number of attributes that have rows."""
        return int((self.rows > 0).sum())

    @property
    def bad_rate(self) -> Floats:
        """Weighted bad rate, smoothed as the WoE is; NaN for an attribute without weight."""
        weight = self.weight + self.smoothing * (self.good.sum() + self.bad.sum())
        bad = self.bad + self.smoothing * self.bad.sum()
        rate: Floats = np.where(weight > 0, bad, np.nan) / np.where(weight > 0, weight, 1.0)
        return rate

    def with_woe(self, woe: Floats) -> BinTable:
        """The same attributes with another WoE, brought in order: neutral, trend, declared."""
        ordered = in_order(self.partition, woe, self.weight, self.small)
        return replace(self, woe=ordered, neutral=self.small & (ordered == 0.0))


def tabulate(
    partitions: Sequence[Partition], codes: Sequence[AttributeCodes], sample: Sample, *, binning: Binning
) -> list[BinTable]:
    """The tables of columns whose rows fall in attributes ``codes``.

    ``WoE = ln(share of good / share of bad)`` with a little added to both shares (pseudo rows in proportion to the totals),
    and of that as much as the evidence supports (:mod:`creditscore.models.evidence`), which each table learns from all. An
    attribute without rows is neutral, WoE 0; so is one that is gone, or below a declared ``min_share``.
    """
    pseudo = pseudo_share(sample)
    smoothing = binning.smoothing if binning.smoothing is not None else pseudo if binning.evidence else SMOOTHING
    cells = [Cells.of(of, len(partition.kinds), sample) for partition, of in zip(partitions, codes, strict=True)]
    if binning.evidence:
        tried = [_texts_put_together(partition) for partition in partitions]
        evidence: list[Evidence | None] = [*weigh(cells, tried, smoothing=smoothing, pseudo=pseudo)]
    else:
        evidence = [None] * len(cells)
    return [_table(*parts, smoothing, binning) for parts in zip(partitions, cells, evidence, strict=True)]


def _table(partition: Partition, cells: Cells, evidence: Evidence | None, smoothing: float, binning: Binning) -> BinTable:
    rows, good, bad = (of.sum(axis=1) for of in (cells.rows, cells.good, cells.bad))
    small = (rows == 0) | (good + bad < (binning.least_share or 0.0))
    woe = smoothed_woe(good, bad, smoothing)
    if evidence is not None:
        small |= np.array([state == "gone" for state in evidence.state])
        woe = evidence.used
    nothing = np.zeros(len(rows))
    return BinTable(partition, rows, good, bad, nothing, nothing > 0, small, smoothing, cells, evidence).with_woe(woe)


def _texts_put_together(partition: Partition) -> Floats:
    """Per attribute the number of texts that the search put together by their bad rates; 1 elsewhere."""
    tried = np.ones(len(partition.kinds))
    if partition.text and partition.searched is not None and not partition.factor.order:
        tried[: partition.bins] = [len(group) for group in partition.groups]
    return tried


def in_order(partition: Partition, woe: Floats, weight: Floats, small: Flags) -> Floats:
    """WoE as the card may use it, rounded to six decimals.

    1. Attributes too small to be judged are neutral (0): a rare value costs and earns nothing.
    2. Missing is neutral, whatever was measured, where absence is no fault: a national rating that a firm lacks, say.
    3. Intervals and ordered categories are projected on the trend.
    4. Self-declared: the worst declared attribute is 0 and so are missing, special and other: a
       declaration only adds, and not declaring never pays better than declaring the worst.
    """
    ordered = np.where(small, 0.0, woe)
    bins, kinds = partition.bins, partition.kinds
    if partition.factor.no_fault:
        ordered[kinds.index("missing")] = 0.0
    if bins:
        firm = np.where(small, 0.0, weight)[:bins]
        ordered[:bins] = project(ordered[:bins], np.maximum(firm, _ALMOST_NOTHING), partition.trend)
    if partition.factor.source == "self_declared":
        worst = ordered[:bins].min() if bins else 0.0
        ordered[:bins] -= worst
        ordered[bins:] = 0.0
    return np.asarray(np.round(ordered, _WOE_DIGITS) + 0.0, dtype=np.float64)
