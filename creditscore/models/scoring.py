"""Probabilities of scores, and scores of a frame in memory: blocks of rows, on threads where there are many.

The formula of the probability has its home here; :mod:`creditscore.models.scoring_sql` has the same in SQL. No engine,
no fitting library.
"""

from __future__ import annotations

import logging
import math
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from creditscore import dataframes
from creditscore.config.scorecards import Scaling
from creditscore.dataframes import Floats, Ints
from creditscore.models.card import Card
from creditscore.models.characteristic import Characteristic
from creditscore.vocabulary import SOURCES

#: Position of an attribute in its characteristic, one per row.
AttributeCodes = NDArray[np.uint8]
#: Codes that a byte tells apart.
_BYTE = 256
#: Beyond this log-odds the ppm is 0 or 1,000,000: no engine needs to compute exp of more.
_SATURATED = 16.0
_Score = TypeVar("_Score", float, Floats)
#: Rows whose temporaries stay in the processor's cache.
BLOCK = 65_536
#: Below this many rows starting threads costs more than it gains.
_THREADED = 4 * BLOCK

#: Share of unknown texts, beyond those that the fit left to the attribute ``other``, that is logged; and rows that make a share.
_UNKNOWN_SHARE, _ENOUGH = 0.01, 100
_log = logging.getLogger(__name__)


def slope(scaling: Scaling) -> float:
    """Log-odds of one point."""
    return math.log(2) / scaling.pdo


def points_per_log_odds(scaling: Scaling) -> float:
    """Points of one unit of log-odds: the inverse of :func:`slope`, with digits of its own."""
    return scaling.pdo / math.log(2)


def log_odds(scaling: Scaling, score: _Score) -> _Score:
    """Natural logarithm of the odds good : bad at a score, or at each of an array."""
    return (score - scaling.base_score) * slope(scaling) + math.log(scaling.base_odds)


def of_score(scaling: Scaling, score: float) -> float:
    """Probability of bad at a score."""
    odds = log_odds(scaling, score)
    return 1 / (1 + math.exp(odds)) if odds < 0 else math.exp(-odds) / (1 + math.exp(-odds))


def ppm_of_score(scaling: Scaling, score: int) -> int:
    """Probability of bad at a score in millionths, rounded half up."""
    return math.floor(of_score(scaling, score) * 1_000_000 + 0.5)


def ppm_of(probability: ArrayLike) -> Ints:
    """Probabilities in millionths, rounded half up as in :func:`ppm_of_score`."""
    return np.floor(np.asarray(probability, dtype=np.float64) * 1_000_000 + 0.5).astype(np.int64)


def score_of(scaling: Scaling, probability: ArrayLike) -> Floats:
    """The score, not rounded, that has a probability of bad in (0, 1)."""
    p = np.asarray(probability, dtype=np.float64)
    return scaling.base_score + points_per_log_odds(scaling) * (np.log1p(-p) - np.log(p) - math.log(scaling.base_odds))


def probability_table(scaling: Scaling, lowest: int, highest: int) -> Floats:
    """Probabilities of the scores ``lowest`` ... ``highest``, both included."""
    return np.array([of_score(scaling, score) for score in range(lowest, highest + 1)])


def _ppm_table(scaling: Scaling, lowest: int, highest: int) -> NDArray[np.int32]:
    """Millionths of the scores ``lowest`` ... ``highest``, both included."""
    return np.array([ppm_of_score(scaling, score) for score in range(lowest, highest + 1)], dtype=np.int32)


def saturated(scaling: Scaling) -> tuple[int, int]:
    """Scores beyond which the ppm no longer changes (1,000,000 below the first, 0 above the second)."""
    width = (_SATURATED * scaling.pdo) / math.log(2)
    middle = scaling.base_score - scaling.pdo * math.log2(scaling.base_odds)
    return math.floor(middle - width), math.ceil(middle + width)


def near_half(scaling: Scaling, lowest: int, highest: int, *, margin: float = 1e-6) -> tuple[int, ...]:
    """Scores whose ppm an engine with another last digit of ``exp`` might round the other way."""
    low, high = saturated(scaling)
    exact = ((s, of_score(scaling, s) * 1_000_000) for s in range(max(low, lowest), min(high, highest) + 1))
    return tuple(s for s, value in exact if abs(value % 1 - 0.5) < margin)


def scores(card: Card, frame: object, *, threads: int | None = None) -> pd.Series:
    """Whole scores (int32, name ``score``), one per row of ``frame``, its index kept.

    NaN, None and infinities fall in Missing (infinities with a warning), texts that the card does not
    know in Other. The result does not depend on ``threads`` (all cores by default).

    Raises:
        DataError: A column of the card is absent, or holds texts for numbers or the reverse.
    """
    table = dataframes.native_table(frame)
    dataframes.require_columns(table, card.columns)
    noticed = Noticed()
    parts = _in_pairs(coders_of(card.characteristics, table, noticed))
    total = np.full(len(table), card.constant, dtype=np.int32)

    def block(start: int, stop: int) -> None:
        part = total[start:stop]
        taken = np.empty(len(part), dtype=np.int32)
        for code, points in parts:
            # Every code has its entry, so nothing is ever clipped; it only saves a buffer.
            np.take(points, code(start, stop), out=taken, mode="clip")
            np.add(part, taken, out=part)

    in_blocks(block, len(table), threads)
    warn_of_values(card, noticed, len(table))
    return pd.Series(total, index=dataframes.index_of(table), name="score")


def _in_pairs(parts: list[tuple[Characteristic, Coder]]) -> list[tuple[Coder, NDArray[np.int32]]]:
    """Coders and points of their codes, those of two neighbours in one where a byte holds both codes.

    Half the look-ups: one takes as long as seven comparisons do.
    """
    paired: list[tuple[Coder, NDArray[np.int32]]] = []
    left = iter(parts)
    for one, code in left:
        pair = next(left, None)
        if pair is None:
            paired.append((code, points_lookup(one)))
        elif len(one.attributes) * len(pair[0].attributes) > _BYTE:
            paired += [(code, points_lookup(one)), (pair[1], points_lookup(pair[0]))]
        else:
            first, second = (points_lookup(of)[: len(of.attributes)] for of in (one, pair[0]))
            paired.append((_pair_coder(code, pair[1], np.uint8(len(second))), np.add.outer(first, second).ravel()))
    return paired


def _pair_coder(first: Coder, second: Coder, width: np.uint8) -> Coder:
    def codes(start: int, stop: int) -> AttributeCodes:
        both = first(start, stop)
        np.multiply(both, width, out=both)
        return np.add(both, second(start, stop), out=both)

    return codes


def points(card: Card, frame: object) -> pd.DataFrame:
    """The points (int32) of each row: one row per row of ``frame``, one column per characteristic in the card's order.

    Raises:
        DataError: A column of the card is missing or has the wrong type.
    """
    return _looked_up(card, frame, points_lookup)


def positions(card: Card, frame: object) -> pd.DataFrame:
    """The attribute of each value, as its position (int32, from 0) in ``characteristic.attributes``.

    Rows, columns and errors are those of :func:`points`.
    """
    return _looked_up(card, frame, position_lookup)


def labels(card: Card, frame: object) -> pd.DataFrame:
    """The label of the attribute of each value, for people to read. Rows, columns and errors are those of :func:`points`."""
    chosen = positions(card, frame)
    names = {one.name: np.array([a.label for a in one.attributes], dtype=object) for one in card.characteristics}
    return pd.DataFrame({name: names[name][chosen[name].to_numpy()] for name in names}, index=chosen.index, dtype="str")


def block_points(card: Card, frame: object) -> pd.DataFrame:
    """The points of each row by source: ``points_base`` (with the constant), ``points_public`` ... Their sum is the score.

    One row per row of ``frame``. Errors are those of :func:`points`.
    """
    return _blocks_of(card, points(card, frame))


def _blocks_of(card: Card, own: pd.DataFrame) -> pd.DataFrame:
    """Subtotals by source of a frame of points."""
    subtotals = {}
    for source in SOURCES:
        names = [one.name for one in card.characteristics if one.source == source]
        subtotals[f"points_{source}"] = own[names].sum(axis=1).astype(np.int32) + np.int32(card.constant if source == "base" else 0)
    return pd.DataFrame(subtotals, index=own.index)


def predict_proba(card: Card, frame: object) -> Floats:
    """The probabilities of good and of bad: an array of shape (n, 2), one row per row of ``frame``.

    The probability is a function of the integer score, the same on every engine. Errors are those of :func:`points`.
    """
    bad = probability_table(card.scaling, card.lowest, card.highest)[scores(card, frame).to_numpy() - card.lowest]
    return np.column_stack([1 - bad, bad])


def probability_ppm(card: Card, whole: pd.Series) -> pd.Series:
    """The probability of bad of scores of this card, in millionths (int32); ``whole`` holds integer scores."""
    ppm = _ppm_table(card.scaling, card.lowest, card.highest)[whole.to_numpy() - card.lowest]
    return pd.Series(ppm, index=whole.index, name="probability_ppm")


def _looked_up(card: Card, frame: object, table_for: Callable[[Characteristic], NDArray[np.int32]]) -> pd.DataFrame:
    table = dataframes.native_table(frame)
    dataframes.require_columns(table, card.columns)
    noticed = Noticed()
    looked_up = np.empty((len(card.characteristics), len(table)), dtype=np.int32)
    parts = [(code, table_for(one)) for one, code in coders_of(card.characteristics, table, noticed)]

    def block(start: int, stop: int) -> None:
        for row, (code, entries) in zip(looked_up, parts, strict=True):
            row[start:stop] = entries[code(start, stop)]

    in_blocks(block, len(table), None)
    warn_of_values(card, noticed, len(table))
    return pd.DataFrame(looked_up.T, index=dataframes.index_of(table), columns=pd.Index(card.features, dtype="str"))


def in_blocks(work: Callable[[int, int], None], rows: int, threads: int | None) -> None:
    """Calls ``work(start, stop)`` for blocks of rows that cover all, on threads where there are many."""
    starts = range(0, rows, BLOCK)
    workers = threads or os.cpu_count() or 1
    if rows < _THREADED or workers == 1:
        for start in starts:
            work(start, min(start + BLOCK, rows))
        return
    with ThreadPoolExecutor(workers) as pool:
        # list() asks for every result, so that an error of any block is raised here.
        list(pool.map(lambda start: work(start, min(start + BLOCK, rows)), starts))


def warn_of_values(card: Card, noticed: Noticed, rows: int) -> None:
    """Says what was noticed in the values of the rows that a card scored."""
    warn_of_infinite(noticed, stacklevel=5)
    for one in card.read:
        for line in remarks_on(one, noticed, rows, other=other_share(one), missing=one.of("missing")[0].weight):
            _log.warning("%s", line)


def warn_of_infinite(noticed: Noticed, *, stacklevel: int) -> None:
    """Says where infinite values were taken as missing."""
    if noticed.infinite:
        named = ", ".join(f"{name} ({count})" for name, count in sorted(noticed.infinite.items()))
        warnings.warn(f"infinite values are taken as missing: {named}", RuntimeWarning, stacklevel=stacklevel)


def other_share(one: Characteristic) -> float:
    """Share of the weight that the fit left to the attribute ``other``."""
    return sum(attribute.weight for attribute in one.of("other"))


def remarks_on(one: Characteristic, noticed: Noticed, rows: int, *, other: float, missing: float) -> Iterator[str]:
    """Sentences on a characteristic whose values are not what the fit saw: unknown texts, or nothing at all.

    Args:
        one: The characteristic.
        noticed: What was noticed in the rows.
        rows: Their number; of fewer than a hundred nothing is said.
        other: Share that the fit left to the attribute ``other``.
        missing: Share that was missing in the fit.
    """
    share = noticed.other[one.name] / max(rows, 1)
    if rows >= _ENOUGH and share > _UNKNOWN_SHARE + other:
        yield f"characteristic {one.name}: {100 * share:.1f} % of the rows have texts that the card does not know"
    if rows >= _ENOUGH and noticed.missing[one.name] == rows and missing < 1 - _UNKNOWN_SHARE:
        yield f"characteristic {one.name}: every row is missing"


@dataclass
class Noticed:
    """Counts of values, by column, that the caller should know of: missing, infinite (also missing), and unknown texts."""

    missing: Counter[str] = field(default_factory=Counter)
    infinite: Counter[str] = field(default_factory=Counter)
    other: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def add(self, counts: Counter[str], name: str, count: int) -> None:
        """Note values of one block; blocks are coded on several threads."""
        if count:
            with self._lock:
                counts[name] += count


#: ``(start, stop) -> codes`` of those rows.
Coder = Callable[[int, int], AttributeCodes]


def coders_of(
    characteristics: Iterable[Characteristic],
    table: pd.DataFrame | pa.Table,
    noticed: Noticed,
    rows: NDArray[np.intp] | None = None,
) -> list[tuple[Characteristic, Coder]]:
    """Each characteristic with its coder, in their order; both sides of a cross are among them."""
    own = {one.name: one for one in characteristics}
    read = {name: coder_of(one, table, noticed, rows) for name, one in own.items() if one.kind != "cross"}
    # What a cross notices in its columns was noticed already.
    again = {
        name: coder_of(own[name], table, Noticed(), rows)
        for name in dict.fromkeys(name for one in own.values() for name in one.features)
    }
    return [
        (one, read[name] if name in read else _cross_coder(one, *((own[side], again[side]) for side in one.features)))
        for name, one in own.items()
    ]


def _cross_coder(one: Characteristic, first: tuple[Characteristic, Coder], second: tuple[Characteristic, Coder]) -> Coder:
    """The cell of each row, by the attributes of both sides."""
    width = len(second[0].attributes)
    cells = cells_of(one, len(first[0].attributes), width).ravel()
    starts, steps = position_lookup(first[0]).astype(np.intp) * width, position_lookup(second[0]).astype(np.intp)

    def codes(start: int, stop: int) -> AttributeCodes:
        place = starts[first[1](start, stop)]
        np.add(place, steps[second[1](start, stop)], out=place)
        return np.asarray(cells[place])

    return codes


def cells_of(one: Characteristic, rows: int, columns: int) -> AttributeCodes:
    """(attributes of the first side, of the second): the cell of a cross that each pair lies in."""
    cells = np.zeros((rows, columns), dtype=np.uint8)
    for position, cell in enumerate(one.attributes):
        if cell.sides is not None:
            cells[np.ix_(*(np.array(side, dtype=np.intp) for side in cell.sides))] = position
    return cells


def coder_of(one: Characteristic, table: pd.DataFrame | pa.Table, noticed: Noticed, rows: NDArray[np.intp] | None = None) -> Coder:
    """How blocks of one column, or of some of its rows, become codes."""
    column = dataframes.column_of(table, one.name)
    if one.kind == "text":
        texts = dataframes.arrow_texts(column, one.name)
        return _text_coder(one, texts if rows is None else texts.take(pa.array(rows)), noticed)
    numbers = dataframes.numbers(column, one.name)
    return _number_coder(one, numbers if rows is None else numbers[rows], noticed)


def _lookup(one: Characteristic, of: Callable[[int], int]) -> NDArray[np.int32]:
    """A table of 256 entries from code to a whole number of the attribute at a position."""
    entries = np.zeros(_BYTE, dtype=np.int32)
    entries[: len(one.attributes)] = [of(position) for position in range(len(one.attributes))]
    return entries


def points_lookup(one: Characteristic) -> NDArray[np.int32]:
    """From code to points: 256 entries."""
    return _lookup(one, lambda position: one.attributes[position].points)


def position_lookup(one: Characteristic) -> NDArray[np.int32]:
    """From code to the position of the attribute."""
    return _lookup(one, lambda position: position)


def _number_coder(one: Characteristic, values: NDArray[Any], noticed: Noticed) -> Coder:
    edges, missing = one.edges, np.uint8(len(one.attributes) - 1)
    specials = [(float(value), position) for position, a in enumerate(one.attributes) for value in a.values]

    def codes(start: int, stop: int) -> AttributeCodes:
        block = np.ascontiguousarray(values[start:stop], dtype=np.float64)
        flag = np.empty(len(block), dtype=bool)
        byte = flag.view(np.uint8)
        coded = np.zeros(len(block), dtype=np.uint8)
        for edge in edges:
            np.greater_equal(block, edge, out=flag)
            np.add(coded, byte, out=coded)
        for value, position in specials:
            coded[block == value] = position
        np.logical_not(np.isfinite(block, out=flag), out=flag)
        if values.dtype.kind == "f" and flag.any():
            noticed.add(noticed.missing, one.name, int(np.count_nonzero(flag)))
            noticed.add(noticed.infinite, one.name, int(np.count_nonzero(np.isinf(block))))
            # Missing is the last attribute of a number.
            np.maximum(coded, np.multiply(byte, missing, out=byte), out=coded)
        return coded

    return codes


def _text_coder(one: Characteristic, values: pa.Array, noticed: Noticed) -> Coder:
    known = [(value, position) for position, attribute in enumerate(one.attributes) for value in attribute.values]
    kinds = [attribute.kind for attribute in one.attributes]
    missing, other = kinds.index("missing"), kinds.index("other")
    positions = np.array([position for _, position in known] + [other], dtype=np.uint8)

    def codes(start: int, stop: int) -> AttributeCodes:
        block = values.slice(start, stop - start)
        if pa.types.is_dictionary(block.type):
            index = pc.take(_indices(block.dictionary, known), block.indices)
        else:
            index = _indices(block, known)
        # As in scores(): nothing is clipped.
        coded: AttributeCodes = np.take(positions, index.fill_null(len(known)).to_numpy(zero_copy_only=False), mode="clip")
        if block.null_count:
            coded[block.is_null().to_numpy(zero_copy_only=False)] = missing
            noticed.add(noticed.missing, one.name, block.null_count)
        noticed.add(noticed.other, one.name, int(np.count_nonzero(coded == other)))
        return coded

    return codes


def _indices(values: pa.Array, known: list[tuple[Any, int]]) -> pa.Array:
    return pc.index_in(values, value_set=pa.array([value for value, _ in known], type=values.type))
