"""How much an industry's own figures weigh against its parent's, by effective cases."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from creditscore.config.scorecards import Industry
from creditscore.errors import DataError
from creditscore.models.training.sample import effective_size

Floats = NDArray[np.float64]
#: The root of the tree of industries.
ALL = "all"
_FLOOR = 1e-9


@dataclass(frozen=True)
class Shares:
    """Where goods and bads of a population lie: shares over the attributes of one characteristic."""

    good: Floats
    bad: Floats

    @classmethod
    def smoothed(cls, good: Floats, bad: Floats, smoothing: float) -> "Shares":
        """Shares of weights with ``smoothing`` added to each, so that none is 0."""
        floor = max(smoothing, _FLOOR)
        scale = 1 + floor * len(good)
        return cls((good / good.sum() + floor) / scale, (bad / bad.sum() + floor) / scale)

    def woe(self) -> Floats:
        """``ln(share of good / share of bad)``."""
        found: Floats = np.log(np.maximum(self.good, _FLOOR) / np.maximum(self.bad, _FLOOR))
        return found

    def mixed(self, parent: "Shares", own_weight: float) -> "Shares":
        """Own shares and the parent's: ``own_weight`` x own + (1 - own_weight) x parent's."""
        return Shares(
            own_weight * self.good + (1 - own_weight) * parent.good, own_weight * self.bad + (1 - own_weight) * parent.bad
        )


def shares(good: Floats, bad: Floats, parent: Shares) -> Shares:
    """Shares of weights; of a class without rows the parent's (its weight is then 0 anyway)."""
    return Shares(
        good / good.sum() if good.sum() > 0 else parent.good,
        bad / bad.sum() if bad.sum() > 0 else parent.bad,
    )


def cases(weight: Floats, bad: NDArray[np.bool_]) -> float:
    """Effective cases: of the rarer class, ``1 / (1 / goods + 1 / bads)`` in effective sizes.

    A hundred thousand goods with five bads are five cases: what is not known is where the bads lie.
    """
    goods, bads = effective_size(weight[~bad]), effective_size(weight[bad])
    return 0.0 if goods == 0 or bads == 0 else goods * bads / (goods + bads)


def own_weight(cases: float, prior: float) -> float:
    """``cases / (cases + prior)``: the weight of own figures (Buehlmann's credibility)."""
    return cases / (cases + prior) if cases + prior > 0 else 0.0


def tree_of(found: Sequence[str], declared: Sequence[Industry]) -> dict[str, str]:
    """Parent of each industry, parents before their children; those without one hang from ``all``.

    Raises:
        DataError: when an industry is called ``all``, or a parent is not declared.
    """
    parents = {one.code: one.parent or ALL for one in declared}
    parents = {**dict.fromkeys(sorted(found), ALL), **parents}
    if ALL in parents:
        raise DataError(f"industry {ALL!r}: the name stands for the pooled card; call it something else")
    unknown = sorted({parent for parent in parents.values() if parent != ALL and parent not in parents})
    if unknown:
        raise DataError(f"industry: parent {', '.join(unknown)} is not an industry of industries=")
    order: list[str] = []
    while len(order) < len(parents):
        ready = sorted(code for code, parent in parents.items() if code not in order and parent in (ALL, *order))
        if not ready:
            raise DataError("industry: parents go round in a circle")
        order += ready
    return {code: parents[code] for code in order}


def members(code: str, parents: dict[str, str]) -> set[str]:
    """The industry and all that hang from it."""
    found = {code}
    for child, parent in parents.items():  # parents come first
        if parent in found:
            found.add(child)
    return found
