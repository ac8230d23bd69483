"""What changes between two scorecards, attribute by attribute: the review before a card is signed."""

import pandas as pd

from creditscore.models.card.attribute import Attribute
from creditscore.models.card.data import Card

_COLUMNS = ["variable", "bin", "change", "points_before", "points_after", "difference"]


def diff(before: Card, after: Card) -> pd.DataFrame:
    """One row per attribute that was added, removed or has other points; none where cards score alike.

    Attributes are the same if kind, bounds and values are. The constant has the variable ``base``.
    Sorted by variable, then in the order of the cards (removed ones with those they stood among).
    """
    old, new = _attributes(before), _attributes(after)
    rows = []
    for key in sorted(old | new):
        was, now = old.get(key), new.get(key)
        if was is not None and now is not None and was[1] == now[1]:
            continue
        change = "added" if was is None else "removed" if now is None else "points"
        points = [None if side is None else side[1] for side in (was, now)]
        step = None if None in points else points[1] - points[0]  # type: ignore[operator]
        rows.append([key[0], (now or was or ("", 0))[0], change, *points, step])
    return pd.DataFrame(rows, columns=_COLUMNS).astype(dict.fromkeys(_COLUMNS[3:], "Int64"))


_Key = tuple[str, int, float, float, str]


def _attributes(card: Card) -> dict[_Key, tuple[str, int]]:
    found: dict[_Key, tuple[str, int]] = {("base", 0, 0.0, 0.0, ""): ("", card.constant)}
    for one in card.characteristics:
        for attribute in one.attributes:
            found[(one.name, *_place(attribute))] = (attribute.label, attribute.points)
    return found


def _place(attribute: Attribute) -> tuple[int, float, float, str]:
    kind = ("interval", "category", "special", "missing", "other").index(attribute.kind)
    lower = float("-inf") if attribute.lower is None else attribute.lower
    upper = float("inf") if attribute.upper is None else attribute.upper
    return kind + 1, lower, upper, repr(sorted(map(repr, attribute.values)))
