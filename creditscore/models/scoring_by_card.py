"""Scores of rows that have different cards, each column coded once: cards of one fit share their attributes, points differ."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from creditscore import dataframes
from creditscore.dataframes import Floats, Ints
from creditscore.models import scoring
from creditscore.models.card import Card
from creditscore.models.characteristic import Characteristic
from creditscore.models.scoring import Coder, Noticed, coders_of, points_lookup

_log = logging.getLogger(__name__)
#: Codes of one characteristic.
_CODES = 256
#: Where the entries of a row's card begin. Two bytes where that is enough: adding eight costs a third as much as the points.
_Places = NDArray[np.uint16] | NDArray[np.intp]
#: Points of a characteristic by card and code, end to end; 0 where a card lacks it.
_Entries = NDArray[np.int32]


@dataclass
class _Group:
    """Cards whose characteristics, where they have the same, are cut alike.

    Attributes:
        cards: By their positions in the list of all cards.
        characteristics: Of all these cards, by name.
        owners: Which cards have a characteristic, by its name.
        entries: Points of a characteristic by card and code, by its name.
    """

    cards: list[int] = field(default_factory=list)
    characteristics: dict[str, Characteristic] = field(default_factory=dict)
    owners: dict[str, set[int]] = field(default_factory=dict)
    entries: dict[str, _Entries] = field(default_factory=dict)

    def takes(self, card: Card) -> bool:
        return all(
            one.name not in self.characteristics or _cut_alike(one, self.characteristics[one.name]) for one in card.characteristics
        )

    def add(self, position: int, card: Card) -> None:
        self.cards.append(position)
        for one in card.characteristics:
            self.characteristics.setdefault(one.name, one)
            self.owners.setdefault(one.name, set()).add(position)

    def asked(self, cards: Sequence[int]) -> list[Characteristic]:
        """The characteristics that some of these cards have."""
        return [one for name, one in self.characteristics.items() if not self.owners[name].isdisjoint(cards)]


def _cut_alike(one: Characteristic, other: Characteristic) -> bool:
    if one.kind != other.kind or len(one.attributes) != len(other.attributes):
        return False
    pairs = zip(one.attributes, other.attributes, strict=True)
    return one.features == other.features and all(
        (a.kind, a.lower, a.upper, a.values, a.sides) == (b.kind, b.lower, b.upper, b.values, b.sides) for a, b in pairs
    )


@dataclass(frozen=True, eq=False)
class Deck:
    """Cards that score rows together. What does not depend on the rows is made once, when it is first needed.

    ``which`` is everywhere the position of the card of each row; ``table`` holds the rows.
    """

    cards: tuple[Card, ...]

    def holds(self, cards: Sequence[Card]) -> bool:
        """Whether it is of these very cards, in this order."""
        return len(cards) == len(self.cards) and all(one is other for one, other in zip(cards, self.cards, strict=True))

    def scores(self, which: Ints, table: pd.DataFrame | pa.Table, *, threads: int | None = None) -> NDArray[np.int32]:
        """Whole scores, each by the card of its row: exactly those that the card gives by itself.

        Args:
            which: Cards of the rows.
            table: The rows.
            threads: All cores by default; the result does not depend on it.

        Raises:
            DataError: A column of a card of some row is absent, or holds texts for numbers or the reverse.
        """
        total, noticed, asked = self._constants[which], Noticed(), self.asked(which)
        dataframes.require_columns(table, self._columns_of(asked))
        for group in self._groups:
            rows, places = self._rows_of(group, asked, which)
            own = total if rows is None else total[rows]
            parts = [(code, group.entries[one.name]) for one, code in coders_of(group.asked(asked), table, noticed, rows)]
            scoring.in_blocks(_Adding(own, places, parts), len(own), threads)
            if rows is not None:
                total[rows] = own
        self._warn_of_values(which, asked, noticed)
        return total

    def points(self, which: Ints, table: pd.DataFrame | pa.Table) -> tuple[list[str], NDArray[np.int32]]:
        """Names of the characteristics of the cards of the rows, and whole points: a row per name, a column per row of the table.

        The names stand in the order of the first card that has them; points are 0 where a card lacks one. Arguments and errors
        are those of :meth:`scores`.
        """
        asked, noticed = self.asked(which), Noticed()
        names = list(dict.fromkeys(name for position in asked for name in self.cards[position].features))
        dataframes.require_columns(table, self._columns_of(asked))
        looked_up = np.zeros((len(names), len(which)), dtype=np.int32)
        for group in self._groups:
            rows, places = self._rows_of(group, asked, which)
            for one, code in coders_of(group.asked(asked), table, noticed, rows):
                entries, own = group.entries[one.name], np.empty(len(places), dtype=np.int32)
                for start in range(0, len(places), scoring.BLOCK):
                    stop = min(start + scoring.BLOCK, len(places))
                    own[start:stop] = entries[places[start:stop] + code(start, stop)]
                looked_up[names.index(one.name), slice(None) if rows is None else rows] = own
        self._warn_of_values(which, asked, noticed)
        return names, looked_up

    def probabilities(self, which: Ints, whole: NDArray[np.int32]) -> Floats:
        """Probability of bad of each score by the card of its row."""
        starts, tables = self._probabilities
        bad: Floats = tables[starts[which] + whole]
        return bad

    def asked(self, which: Ints) -> list[int]:
        """Positions of the cards that some row has; of the first where there is no row."""
        return np.flatnonzero(np.bincount(which, minlength=len(self.cards))).tolist() or [0]

    @cached_property
    def _constants(self) -> NDArray[np.int32]:
        return np.array([card.constant for card in self.cards], dtype=np.int32)

    @cached_property
    def _groups(self) -> list[_Group]:
        groups: list[_Group] = []
        for position, card in enumerate(self.cards):
            group = next((group for group in groups if group.takes(card)), None)
            if group is None:
                groups.append(group := _Group())
            group.add(position, card)
        own = [{one.name: one for one in card.characteristics} for card in self.cards]
        lacking = np.zeros(_CODES, dtype=np.int32)
        for group in groups:
            for name in group.characteristics:
                points = [points_lookup(own[n][name]) if name in own[n] else lacking for n in group.cards]
                group.entries[name] = np.concatenate(points)
        return groups

    @cached_property
    def _probabilities(self) -> tuple[Ints, Floats]:
        """Where the table of each card would have score 0, and the tables, one for each scaling, end to end."""
        starts, tables, taken = np.zeros(len(self.cards), dtype=np.int64), [], 0
        alike: dict[str, list[int]] = {}
        for position, card in enumerate(self.cards):
            alike.setdefault(card.scaling.model_dump_json(), []).append(position)
        for positions in alike.values():
            cards = [self.cards[position] for position in positions]
            lowest, highest = min(card.lowest for card in cards), max(card.highest for card in cards)
            starts[positions] = taken - lowest
            tables.append(scoring.probability_table(cards[0].scaling, lowest, highest))
            taken += len(tables[-1])
        return starts, np.concatenate(tables)

    @cached_property
    def _begins(self) -> _Places:
        """Where the entries of each card begin in those of its group."""
        most = _CODES * max(len(group.cards) for group in self._groups)
        begins = np.zeros(len(self.cards), dtype=np.intp)
        for group in self._groups:
            begins[group.cards] = _CODES * np.arange(len(group.cards))
        return begins.astype(np.uint16) if most <= 2**16 else begins

    @cached_property
    def _columns(self) -> list[tuple[str, ...]]:
        return [card.columns for card in self.cards]

    def _columns_of(self, asked: list[int]) -> list[str]:
        return list(dict.fromkeys(name for position in asked for name in self._columns[position]))

    def _rows_of(self, group: _Group, asked: list[int], which: Ints) -> tuple[NDArray[np.intp] | None, _Places]:
        """The rows of a group (None: all), and for each of them where the entries of its card begin."""
        if set(asked) <= set(group.cards):
            return None, self._begins[which]
        rows = np.flatnonzero(np.isin(which, group.cards))
        return rows, self._begins[which[rows]]

    def _warn_of_values(self, which: Ints, asked: list[int], noticed: Noticed) -> None:
        """One warning for all cards. What the fits saw is their mean, by the rows of each card."""
        scoring.warn_of_infinite(noticed, stacklevel=5)
        share = np.bincount(which, minlength=len(self.cards)) / max(len(which), 1)
        lines: list[str] = []
        for name in self._columns_of(asked):
            one, owners, seen = self._seen[name]
            part = share[owners] / max(share[owners].sum(), 1e-12)
            other, missing = (float(value) for value in seen @ part)
            lines += scoring.remarks_on(one, noticed, len(which), other=other, missing=missing)
        if lines:
            _log.warning("%s", "\n".join(lines))

    @cached_property
    def _seen(self) -> dict[str, tuple[Characteristic, list[int], Floats]]:
        """By column: a characteristic, the cards that have it, and the shares of Other and of Missing in the fit of each."""
        owners: dict[str, list[int]] = {}
        shares: dict[str, list[tuple[float, float]]] = {}
        last: dict[str, Characteristic] = {}
        for position, card in enumerate(self.cards):
            for one in card.read:
                last[one.name] = one
                owners.setdefault(one.name, []).append(position)
                shares.setdefault(one.name, []).append((scoring.other_share(one), one.of("missing")[0].weight))
        return {name: (last[name], owners[name], np.array(shares[name]).T) for name in owners}


@dataclass(frozen=True)
class _Adding:
    """Adds the points of blocks of rows.

    Attributes:
        total: Gets the sums.
        places: Where the entries of the card of each row begin.
        parts: Coder and entries of each characteristic.
    """

    total: NDArray[np.int32]
    places: _Places
    parts: Sequence[tuple[Coder, _Entries]]

    def __call__(self, start: int, stop: int) -> None:
        part, places = self.total[start:stop], self.places[start:stop]
        taken, index = np.empty(len(part), dtype=np.int32), np.empty_like(places)
        for code, entries in self.parts:
            np.add(places, code(start, stop), out=index)
            # The entries are of every card and byte, so nothing is ever clipped; it only saves a buffer.
            np.take(entries, index, out=taken, mode="clip")
            np.add(part, taken, out=part)
