"""Scores of rows that have different cards, each column coded once: cards of one fit share their attributes, points differ."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from creditscore import dataframes
from creditscore.dataframes import Floats, Ints
from creditscore.models import scoring
from creditscore.models.card import Card, Characteristic
from creditscore.models.scoring import Noticed, coders_of, points_lookup

_log = logging.getLogger(__name__)
#: Rows whose temporaries stay in the processor's cache: an index of eight bytes is more than one card needs.
_BLOCK = scoring.BLOCK // 2
#: Codes of one characteristic.
_CODES = 256


@dataclass
class _Group:
    """Cards whose characteristics, where they have the same, are cut alike; positions in the list of cards."""

    cards: list[int] = field(default_factory=list)
    characteristics: dict[str, Characteristic] = field(default_factory=dict)

    def takes(self, card: Card) -> bool:
        return all(
            one.name not in self.characteristics or _cut_alike(one, self.characteristics[one.name]) for one in card.characteristics
        )


def _cut_alike(one: Characteristic, other: Characteristic) -> bool:
    if one.kind != other.kind or len(one.attributes) != len(other.attributes):
        return False
    pairs = zip(one.attributes, other.attributes, strict=True)
    return one.features == other.features and all(
        (a.kind, a.lower, a.upper, a.values, a.sides) == (b.kind, b.lower, b.upper, b.values, b.sides) for a, b in pairs
    )


def _groups(cards: Sequence[Card]) -> list[_Group]:
    groups: list[_Group] = []
    for position, card in enumerate(cards):
        group = next((group for group in groups if group.takes(card)), None)
        if group is None:
            groups.append(group := _Group())
        group.cards.append(position)
        for one in card.characteristics:
            group.characteristics.setdefault(one.name, one)
    return groups


def scores(cards: Sequence[Card], which: Ints, table: pd.DataFrame | pa.Table, *, threads: int | None = None) -> NDArray[np.int32]:
    """Whole scores, each by the card of its row: exactly those that the card gives by itself.

    Args:
        cards: The cards; every one is asked for some row.
        which: Per row, the position of its card.
        table: The rows.
        threads: All cores by default; the result does not depend on it.

    Raises:
        DataError: A column of some card is absent, or holds texts for numbers or the reverse.
    """
    constants = np.array([card.constant for card in cards], dtype=np.int32)
    total, noticed = constants[which], Noticed()
    dataframes.require_columns(table, _columns_of(cards))
    for group in _groups(cards):
        rows, place = _rows_of(group, cards, which)
        parts = [
            (code, _points_by_card([cards[position] for position in group.cards], one))
            for one, code in coders_of(group.characteristics.values(), table, noticed, rows)
        ]
        own = total if rows is None else total[rows]

        def block(start: int, stop: int, own=own, place=place, parts=parts) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
            part, first = own[start:stop], place[start:stop]
            taken, index = np.empty(len(part), dtype=np.int32), np.empty(len(part), dtype=np.intp)
            for code, points in parts:
                np.add(first, code(start, stop), out=index)
                # The table has an entry for every card and byte, so nothing is ever clipped; it only saves a buffer.
                np.take(points, index, out=taken, mode="clip")
                np.add(part, taken, out=part)

        scoring.in_blocks(block, len(own), threads, size=_BLOCK)
        if rows is not None:
            total[rows] = own
    _warn_of_values(cards, which, noticed)
    return total


def points(cards: Sequence[Card], which: Ints, table: pd.DataFrame | pa.Table) -> NDArray[np.int32]:
    """Whole points: a row per characteristic of :func:`names_of`, a column per row of the table; 0 where a card lacks one.

    Arguments and errors are those of :func:`scores`.
    """
    names = {name: number for number, name in enumerate(names_of(cards))}
    looked_up, noticed = np.zeros((len(names), len(which)), dtype=np.int32), Noticed()
    dataframes.require_columns(table, _columns_of(cards))
    for group in _groups(cards):
        rows, place = _rows_of(group, cards, which)
        for one, code in coders_of(group.characteristics.values(), table, noticed, rows):
            entries = _points_by_card([cards[position] for position in group.cards], one)
            own = np.empty(len(place), dtype=np.int32)
            for start in range(0, len(place), scoring.BLOCK):
                stop = min(start + scoring.BLOCK, len(place))
                own[start:stop] = entries[place[start:stop] + code(start, stop)]
            looked_up[names[one.name], slice(None) if rows is None else rows] = own
    _warn_of_values(cards, which, noticed)
    return looked_up


def probabilities(cards: Sequence[Card], which: Ints, whole: NDArray[np.int32]) -> Floats:
    """Probability of bad of each score by the card of its row."""
    sizes = [card.highest - card.lowest + 1 for card in cards]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]) - np.array([card.lowest for card in cards])
    tables = np.concatenate([scoring.probability_table(card.scaling, card.lowest, card.highest) for card in cards])
    bad: Floats = tables[starts[which] + whole]
    return bad


def names_of(cards: Sequence[Card]) -> list[str]:
    """The characteristics of all cards, in the order of the first card that has them."""
    return list(dict.fromkeys(name for card in cards for name in card.features))


def _columns_of(cards: Sequence[Card]) -> list[str]:
    return list(dict.fromkeys(name for card in cards for name in card.columns))


def _rows_of(group: _Group, cards: Sequence[Card], which: Ints) -> tuple[NDArray[np.intp] | None, NDArray[np.intp]]:
    """The rows of a group (None: all), and for each of them where the entries of its card begin."""
    begins = np.zeros(len(cards), dtype=np.intp)
    begins[group.cards] = _CODES * np.arange(len(group.cards))
    if len(group.cards) == len(cards):
        return None, begins[which]
    rows = np.flatnonzero(np.isin(which, group.cards))
    return rows, begins[which[rows]]


def _points_by_card(cards: Sequence[Card], one: Characteristic) -> NDArray[np.int32]:
    """The points of a characteristic by card and code, end to end; 0 where a card lacks it."""
    own = (next((other for other in card.characteristics if other.name == one.name), None) for card in cards)
    lacking = np.zeros(_CODES, dtype=np.int32)
    return np.concatenate([lacking if characteristic is None else points_lookup(characteristic) for characteristic in own])


def _warn_of_values(cards: Sequence[Card], which: Ints, noticed: Noticed) -> None:
    """One warning for all cards. What the fits saw is their mean, by the rows of each card."""
    scoring.warn_of_infinite(noticed, stacklevel=5)
    share = np.bincount(which, minlength=len(cards)) / max(len(which), 1)
    lines: list[str] = []
    for name in _columns_of(cards):
        own = [(next((one for one in card.read if one.name == name), None), part) for card, part in zip(cards, share, strict=True)]
        having = [(one, part) for one, part in own if one is not None]
        whole = max(sum(part for _, part in having), 1e-12)
        other = sum(part * scoring.other_share(one) for one, part in having) / whole
        missing = sum(part * one.of("missing")[0].weight for one, part in having) / whole
        lines += scoring.remarks_on(having[0][0], noticed, len(which), other=other, missing=missing)
    if lines:
        _log.warning("%s", "\n".join(lines))
