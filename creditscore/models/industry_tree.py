"""The tree of industries: each hangs from a parent, the topmost from ``all``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from creditscore.config.scorecards import Industry
from creditscore.errors import DataError

#: The root of the tree of industries.
ALL = "all"


def tree_of(observed: Sequence[str], declared: Sequence[Industry]) -> dict[str, str]:
    """Parent of each industry, parents before their children; those without one hang from ``all``.

    Raises:
        DataError: An industry is called ``all``, a parent is not declared, or parents go round in a circle.
    """
    parents = dict.fromkeys(sorted(observed), ALL) | {industry.code: industry.parent or ALL for industry in declared}
    if ALL in parents:
        raise DataError("industry {name!r}: this name is reserved for the pooled card; use another name", name=ALL)
    unknown = sorted({parent for parent in parents.values() if parent != ALL and parent not in parents})
    if unknown:
        raise DataError("industry: parent {unknown} is not an industry of industries=", unknown=", ".join(unknown))
    order: list[str] = []
    while len(order) < len(parents):
        ready = sorted(code for code, parent in parents.items() if code not in order and parent in (ALL, *order))
        if not ready:
            raise DataError("industry: parents go round in a circle")
        order += ready
    return {code: parents[code] for code in order}


def members(code: str, parents: Mapping[str, str]) -> set[str]:
    """The industry and all that hang from it."""
    inside = {code}
    for child, parent in parents.items():  # parents come first
        if parent in inside:
            inside.add(child)
    return inside
