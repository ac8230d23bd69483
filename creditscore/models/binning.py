"""Where columns are cut: numbers, texts, and what a person cut by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creditscore.config.scorecards import Binning
from creditscore.dataframes import Flags, Floats
from creditscore.errors import DataError
from creditscore.models.bin_table import Partition
from creditscore.models.codes_in_data import undeclared_codes
from creditscore.models.columns import FeatureColumn
from creditscore.models.edges import readable
from creditscore.models.evidence import MOVED, stability_index, sums
from creditscore.models.limits import ROWS, Limits
from creditscore.models.line_cuts import cut_line, grouped
from creditscore.models.sample import Sample

#: Of a bin's own weight, which the solver rounds, this much is asked for.
_JUST_UNDER = 0.999
#: Columns with more distinct values are searched in this many groups: 0.02 % of the weight each.
_CELLS = 4096
#: Groups of rows whose shares in the first and the last part of the window are compared.
_TENTHS = 10
#: The edge of a characteristic with a ceiling: without a record, and with one or more.
_WITHOUT_AND_WITH = (1.0,)


def cut(
    column: FeatureColumn,
    sample: Sample,
    *,
    binning: Binning,
    special: Sequence[float | str] | None = None,
    given: Sequence[Any] | None = None,
    same_as: Mapping[str, str] | None = None,
    judging: bool = False,
) -> Partition:
    """The partition of a column: edges or groups ``given`` by hand, else found by optbinning under the trend.

    With trend ``auto`` the direction is the one in which bads lie; a hump or trough (trend ``none``), however narrow, is
    kept where it shows more than a search of noise would, and where subjects do not move along the column. Texts with an
    ``order`` are cut along it; others are grouped by their weighted bad rate (shrunk to that of all: a rare text is not at
    the end of the line by chance); rare texts are
    left to the attribute ``other``.

    Args:
        column: The column, with the rows of the sample.
        sample: The training rows.
        binning: What is declared of the cuts.
        special: Codes that are no measurements. None: nothing is declared, and a value that looks like one becomes one.
        given: Cuts by hand.
        same_as: Texts that were renamed, old to new: the old one goes where the new one is.
        judging: The fit only judges rows held out: the same cuts, found faster (``line_search``).

    Raises:
        DataError: The column cannot be cut, with the reason.
    """
    codes = tuple(sorted(str(code) if column.text else float(code) for code in special or ()))
    if column.factor.ceiling is not None:
        given = _WITHOUT_AND_WITH if given is None else given
        if not set(_WITHOUT_AND_WITH) <= set(given):
            raise DataError("splits of {name}: expected the edge 1, from which on its ceiling holds", name=column.factor.name)
    if given is not None:
        return _by_hand(column, codes, given)
    limits = Limits.of(sample, binning, judging=judging)
    try:
        if column.text:
            return _texts(column, sample, limits, codes, same_as or {})
        return _numbers(column, sample, limits, None if special is None else codes)
    except DataError:
        raise
    except Exception as error:  # whatever a solver raises concerns this column only
        raise DataError("binning failed ({kind}: {error})", kind=type(error).__name__, error=error) from error


def _by_hand(column: FeatureColumn, special: tuple[Any, ...], given: Sequence[Any]) -> Partition:
    factor = column.factor
    if not column.text:
        if not all(isinstance(edge, int | float | np.number) and np.isfinite(edge) for edge in given):
            raise DataError("splits of {name}: expected rising finite edges", name=factor.name)
        edges = [float(edge) for edge in given]
        if edges != sorted(set(edges)):
            raise DataError("splits of {name}: expected rising finite edges", name=factor.name)
        return Partition(factor, False, factor.trend if factor.trend != "auto" else "none", edges=tuple(edges), special=special)
    groups = tuple((group,) if isinstance(group, str) else tuple(group) for group in given if not isinstance(group, int | float))
    texts = [text for group in groups for text in group]
    if len(groups) != len(given) or len(texts) != len(set(texts)) or not all(groups) or not all(isinstance(t, str) for t in texts):
        raise DataError("splits of {name}: expected groups of texts, each text once", name=factor.name)
    return Partition(factor, True, "higher_is_riskier" if factor.order else "none", groups=groups, special=special)


def _numbers(column: FeatureColumn, sample: Sample, limits: Limits, special: tuple[Any, ...] | None) -> Partition:
    values, cells = column.distinct
    good, bad = (of[:-1] for of in sample.sums(cells, len(values) + 1))
    declared = np.isin(values, np.array(special or (), dtype=np.float64))
    looks = special is None and limits.cases is not None and column.factor.trend != "none"
    squares = _squares(sample, cells, len(values))
    proposed = undeclared_codes(values, good + bad, squares, bad, least_rows=ROWS) if looks else np.zeros(len(values), dtype=bool)
    clean = ~(declared | proposed)
    found = tuple(values[proposed].tolist())
    values, good, bad, squares = values[clean], good[clean], bad[clean], squares[clean]
    ends = grouped(good + bad, _CELLS)
    starts = np.r_[0, ends[:-1] + 1]
    goods, bads = (np.add.reduceat(part, starts) if len(values) else part for part in (good, bad))
    if not limits.firm and len(values) <= limits.prebins:
        limits = replace(limits, smallest=_smallest_that_stands(good + bad, squares, limits))
    stays = limits.cases is None or _subjects_stay(cells, clean, sample)
    after, trend, searched = cut_line(goods, bads, column.factor.trend, limits, humps=stays)
    return Partition(
        column.factor,
        False,
        trend,
        edges=readable(values, good + bad, [int(ends[group]) for group in after]),
        special=special or found,
        searched=searched,
        proposed=found,
        constant=len(values) <= 1 and not (special or found),
    )


def _subjects_stay(cells: NDArray[np.integer[Any]], clean: Flags, sample: Sample) -> bool:
    """Whether the values of the last part of the window lie about where those of the first part lay.

    A hump is a statement on the subjects at one place of the column. Where subjects move along the column, others will stand
    there. Tenths of the values are compared by PSI, less what it is on average by chance.
    """
    if sample.parts == 1 or not clean.any():
        return True
    there = np.append(clean, False)[cells]
    position, parts = (np.cumsum(clean) - 1)[cells[there]], sample.window[there]
    counts = np.bincount(position)
    tenth = np.minimum(_TENTHS * (np.cumsum(counts) - counts / 2) / counts.sum(), _TENTHS - 1).astype(np.int64)[position]
    rows = np.bincount(tenth * sample.parts + parts, minlength=_TENTHS * sample.parts).reshape(_TENTHS, -1)
    first, last = np.maximum(rows.sum(axis=0)[[0, -1]], 1)
    by_chance = (np.count_nonzero(rows.sum(axis=1)) - 1) * (1 / first + 1 / last)
    return bool(stability_index(rows.astype(np.float64)) - by_chance <= MOVED)


def _smallest_that_stands(share: Floats, squares: Floats, limits: Limits) -> float:
    """Least share of those values (of few) that have rows enough alone: many rows of small weights are many rows."""
    return float(min([limits.smallest, *(_JUST_UNDER * share[_effective(share, squares) >= ROWS]).tolist()]))


def _effective(share: Floats, squares: Floats) -> Floats:
    """Effective rows of each cell."""
    rows: Floats = share**2 / np.where(squares > 0, squares, 1.0)
    return rows


def _squares(sample: Sample, cells: NDArray[np.integer[Any]], size: int) -> Floats:
    """Sum of the squared shares of the rows in each of the cells 0 ... size - 1; further cells are left out."""
    return sums(cells, (sample.weight / sample.total) ** 2, size + 1)[:size]


def _texts(
    column: FeatureColumn, sample: Sample, limits: Limits, special: tuple[Any, ...], same_as: Mapping[str, str]
) -> Partition:
    texts = [*column.categories, ""]
    home = _homes(column, same_as)
    cells = np.where(column.missing, len(column.categories), home[column.values])
    good, bad = sample.sums(cells, len(texts))
    squares = _squares(sample, cells, len(texts))
    rows = _effective(good + bad, squares)
    allowed, ordered = set(column.factor.order) or set(column.categories), bool(column.factor.order)
    # A text of an order is rare, but not in the wrong place: it joins its neighbours.
    least = 1e-9 if ordered else max(limits.rows, 1e-9)
    kept = [
        code
        for code, text in enumerate(column.categories)
        if text in allowed and text not in special and rows[code] >= least and good[code] + bad[code] >= limits.rare
    ]
    if column.factor.order:
        line = sorted(kept, key=lambda code: column.factor.order.index(texts[code]))
    else:
        pseudo = max(limits.rare, limits.rows / sample.effective_size, limits.smoothing)
        rate = (bad + pseudo * bad.sum()) / (good + bad + pseudo * (good.sum() + bad.sum()))
        line = sorted(kept, key=lambda code: (round(float(rate[code]), 12), texts[code]))
    if not limits.firm:
        limits = replace(limits, smallest=_smallest_that_stands((good + bad)[:-1], squares[:-1], limits))
    after, _, searched = cut_line(good[line], bad[line], "higher_is_riskier", replace(limits, bins=limits.groups))
    bounds = [0, *(position + 1 for position in after), len(line)]
    renamed = [[int(code) for code in np.flatnonzero(home == text) if code != text] for text in range(len(column.categories))]
    groups = tuple(
        tuple(texts[code] for text in line[a:b] for code in (text, *renamed[text])) for a, b in pairwise(bounds) if a < b
    )
    if not column.factor.order:
        searched = max(len(line) - 1.0, 0.0)
    return Partition(
        column.factor,
        True,
        "higher_is_riskier" if column.factor.order else "none",
        groups=groups,
        special=special,
        searched=searched,
        constant=len(column.categories) <= 1,
    )


def _homes(column: FeatureColumn, same_as: Mapping[str, str]) -> NDArray[np.intp]:
    """For each text the one under which it is counted: itself, or what it was renamed to (if that occurs)."""
    position = {text: code for code, text in enumerate(column.categories)}
    home = np.arange(len(column.categories))
    for code, text in enumerate(column.categories):
        seen = {text}
        while same_as.get(text, text) in position and same_as.get(text, text) not in seen:
            text = same_as[text]
            seen.add(text)
        home[code] = position[text]
    return home
