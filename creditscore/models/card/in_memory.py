"""Scores of a frame in memory: blocks of rows, on threads where there are many. No engine, no fitting library."""

import logging
import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from creditscore.models.card import codes, columns, probability
from creditscore.models.card.data import Card
from creditscore.vocabulary import SOURCES

#: Rows whose temporaries stay in the processor's cache.
BLOCK = 65_536
#: Below this many rows starting threads costs more than it gains.
_THREADED = 4 * BLOCK

#: Share of unknown texts, beyond those that the fit left to the attribute ``other``, that is told; and rows that make a share.
_UNSEEN, _ENOUGH = 0.01, 100
_LOG = logging.getLogger(__name__)

Matrix = NDArray[np.int32]


def scores(card: Card, frame: object, *, threads: int | None = None) -> pd.Series:
    """Whole scores (int32, name ``score``), one per row of ``frame``, its index kept.

    NaN, None and infinities fall in Missing (infinities with a warning), texts that the card does not
    know in Other. The result does not depend on ``threads`` (all cores by default).

    Raises:
        DataError: when a column of the card is absent, or holds texts for numbers or the reverse.
    """
    table = columns.table_of(frame)
    columns.require(table, card.features)
    noticed = codes.Noticed()
    parts = [(codes.coder(one, table, noticed), codes.points_lookup(one)) for one in card.characteristics]
    total = np.full(len(table), card.constant, dtype=np.int32)

    def block(start: int, stop: int) -> None:
        part = total[start:stop]
        taken = np.empty(len(part), dtype=np.int32)
        for code, points in parts:
            # Codes are bytes and the table has 256 entries, so nothing is ever clipped; it only saves a buffer.
            np.take(points, code(start, stop), out=taken, mode="clip")
            np.add(part, taken, out=part)

    _in_blocks(block, len(table), threads)
    _tell(card, noticed, len(table))
    return pd.Series(total, index=columns.index_of(table), name="score")


def points(card: Card, frame: object) -> pd.DataFrame:
    """Whole points (int32), one row per row of ``frame``, a column per characteristic in the card's order."""
    return _looked_up(card, frame, codes.points_lookup)


def positions(card: Card, frame: object) -> pd.DataFrame:
    """Position in ``characteristic.attributes`` of the attribute each value falls in (int32)."""
    return _looked_up(card, frame, codes.position_lookup)


def labels(card: Card, frame: object) -> pd.DataFrame:
    """The label of the attribute each value falls in: what a person reads beside the points."""
    found = positions(card, frame)
    names = {one.name: np.array([a.label for a in one.attributes], dtype=object) for one in card.characteristics}
    return pd.DataFrame({name: names[name][found[name].to_numpy()] for name in names}, index=found.index, dtype="str")


def block_points(card: Card, frame: object) -> pd.DataFrame:
    """Subtotals ``points_base`` (with the constant), ``points_public`` ...: their sum is the score."""
    return blocks_of(card, points(card, frame))


def blocks_of(card: Card, own: pd.DataFrame) -> pd.DataFrame:
    """Subtotals by source of a frame of points."""
    found = {}
    for source in SOURCES:
        names = [one.name for one in card.characteristics if one.source == source]
        found[f"points_{source}"] = own[names].sum(axis=1).astype(np.int32) + np.int32(card.constant if source == "base" else 0)
    return pd.DataFrame(found, index=own.index)


def predict_proba(card: Card, frame: object) -> NDArray[np.float64]:
    """(n, 2): probability of good and of bad, the function of the whole score that every engine has."""
    bad = probability.table(card.scaling, card.lowest, card.highest)[scores(card, frame).to_numpy() - card.lowest]
    return np.column_stack([1 - bad, bad])


def probability_ppm(card: Card, whole: pd.Series) -> pd.Series:
    """Millionths (int32) of whole scores of this card."""
    found = probability.ppm_table(card.scaling, card.lowest, card.highest)[whole.to_numpy() - card.lowest]
    return pd.Series(found, index=whole.index, name="probability_ppm")


def _looked_up(card: Card, frame: object, table_for: Callable[..., Matrix]) -> pd.DataFrame:
    table = columns.table_of(frame)
    columns.require(table, card.features)
    noticed = codes.Noticed()
    found = np.empty((len(card.characteristics), len(table)), dtype=np.int32)
    parts = [(codes.coder(one, table, noticed), table_for(one)) for one in card.characteristics]

    def block(start: int, stop: int) -> None:
        for row, (code, entries) in zip(found, parts, strict=True):
            row[start:stop] = entries[code(start, stop)]

    _in_blocks(block, len(table), None)
    _tell(card, noticed, len(table))
    return pd.DataFrame(found.T, index=columns.index_of(table), columns=pd.Index(card.features, dtype="str"))


def _in_blocks(work: Callable[[int, int], None], rows: int, threads: int | None) -> None:
    starts = range(0, rows, BLOCK)
    workers = threads or os.cpu_count() or 1
    if rows < _THREADED or workers == 1:
        for start in starts:
            work(start, min(start + BLOCK, rows))
        return
    with ThreadPoolExecutor(workers) as pool:
        # list() asks for every result, so that an error of any block is raised here.
        list(pool.map(lambda start: work(start, min(start + BLOCK, rows)), starts))


def _tell(card: Card, noticed: codes.Noticed, rows: int) -> None:
    if noticed.infinite:
        named = ", ".join(f"{name} ({count})" for name, count in sorted(noticed.infinite.items()))
        warnings.warn(f"infinite values are taken as missing: {named}", RuntimeWarning, stacklevel=4)
    for one in card.characteristics if rows >= _ENOUGH else ():
        share = noticed.other[one.name] / rows
        if share > _UNSEEN + sum(attribute.weight for attribute in one.of("other")):
            _LOG.warning("characteristic %s: %.1f %% of the rows have texts that the card does not know", one.name, 100 * share)
        if noticed.missing[one.name] == rows and one.of("missing")[0].weight < 1 - _UNSEEN:
            _LOG.warning("characteristic %s: every row is missing", one.name)
