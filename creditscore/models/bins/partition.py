"""A partition of one column: intervals or groups of texts, then special, missing, other."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creditscore.models.card.attribute import AttributeKind
from creditscore.models.training.frames import Column, Factor


@dataclass(frozen=True)
class Partition:
    """How a column is cut. ``trend`` is the one that is enforced, ``none`` where there is none."""

    factor: Factor
    text: bool
    trend: str
    edges: tuple[float, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()
    special: tuple[float | str, ...] = ()

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

    def codes(self, column: Column) -> NDArray[np.uint8]:
        """The attribute in which each row falls."""
        missing = self.kinds.index("missing")
        if self.text:
            lookup = np.array([*(self._group(category) for category in column.categories), missing], dtype=np.uint8)
            coded: NDArray[np.uint8] = lookup[column.values]
            return coded
        found: NDArray[Any] = np.searchsorted(np.array(self.edges), column.values, side="right").astype(np.uint8)
        if self.special:
            found[np.isin(column.values, np.array(self.special, dtype=np.float64))] = self.bins
        found[column.missing] = missing
        return found

    def values(self, place: int) -> tuple[str | int | float, ...]:
        """Texts of a category, or special codes; nothing elsewhere."""
        kind = self.kinds[place]
        if kind == "category":
            return self.groups[place]
        return tuple(_plain(value) for value in self.special) if kind == "special" else ()

    def label(self, place: int) -> str:
        """How the attribute is called: ``[0, 3)``, ``A, B``, ``special: -9``, ``missing``, ``other``."""
        kind = self.kinds[place]
        if kind == "interval":
            starts = ["(-inf", *(f"[{_plain(edge)}" for edge in self.edges)]
            ends = [*(str(_plain(edge)) for edge in self.edges), "inf"]
            return f"{starts[place]}, {ends[place]})"
        listed = ", ".join(str(value) for value in self.values(place))
        return {"category": listed, "special": f"special: {listed}"}.get(kind, kind)

    def _group(self, category: str) -> int:
        if category in self.special:
            return self.bins
        places = (place for place, group in enumerate(self.groups) if category in group)
        return next(places, len(self.kinds) - 1)


def _plain(value: float | str) -> str | int | float:
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value
