"""A tree of hashes over rows: its root is published, and each row can be proved by itself without showing another one.

Rows are put together by the leading digits of SHA-256 of their names, so an engine builds the tree by grouping. A leaf is
SHA-256 of ``nonce|row``: whoever sees a path sees hashes from which no row can be guessed. A node is SHA-256 of ``node|`` and
the hashes below it in order, with ``|`` between them. ``verify_draw.py`` has its own copy of this.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.engine import Engine

#: How many names the lowest node has on average at most: one hexadecimal digit.
_FAN = 16
_NODE = "node|"
#: The siblings at each level from a leaf to the root.
Path = list[list[str]]


def canonical_row(values: Iterable[object]) -> str:
    r"""A row as one text: ``|`` between its fields; within a field ``\`` is written ``\\``, and ``|`` is written ``\/``.

    >>> canonical_row(["S1", "a|b\\c", 3, True, None])
    'S1|a\\/b\\\\c|3|1|'
    """
    return "|".join(_field(value) for value in values)


def _field(value: object) -> str:
    if isinstance(value, str):
        return value.replace("\\", "\\\\").replace("|", "\\/") if "|" in value or "\\" in value else value
    return "" if value is None else str(int(value)) if isinstance(value, bool) else str(value)


def sha256(text: str) -> str:
    """SHA-256 of a text in UTF-8, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def digits_for(count: int) -> int:
    """By how many leading digits that many rows are grouped: the fewest that leave 16 to a group on average, one at least.

    >>> [digits_for(count) for count in (0, 256, 257, 4_096, 1_000_000)]
    [1, 1, 2, 2, 4]
    """
    digits = 1
    while count > _FAN ** (digits + 1):
        digits += 1
    return digits


@dataclass(frozen=True)
class Tree:
    """The hashes of a tree; ``levels`` holds, from the lowest, the hashes below each node by its digits."""

    levels: tuple[Mapping[str, Sequence[str]], ...]

    @staticmethod
    def of(leaves: Mapping[str, str]) -> Tree:
        """The tree over leaves by the names of their rows."""
        places, digits = {name: sha256(name) for name in leaves}, digits_for(len(leaves))
        level = _grouped((places[name][:digits], leaf) for name, leaf in leaves.items())
        levels = [level]
        while digits:
            digits -= 1
            level = _grouped((place[:digits], node_of(below)) for place, below in level.items())
            levels.append(level)
        return Tree(tuple(levels))

    @property
    def root(self) -> str:
        """The hash of the whole."""
        return node_of(self.levels[-1].get("", ()))

    def path(self, name: str, leaf: str) -> Path:
        """The siblings that lead from a leaf to the root, for :func:`climb`."""
        place, own, siblings = sha256(name), leaf, []
        for level in self.levels:
            digits = len(next(iter(level), ""))
            below = list(level[place[:digits]])
            below.remove(own)
            siblings.append(below)
            own = node_of([*below, own])
        return siblings


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for place, value in pairs:
        groups[place].append(value)
    return {place: sorted(values) for place, values in groups.items()}


def root_of_groups(leaves: Mapping[str, Sequence[str]], digits: int) -> str:
    """The root of :class:`Tree` from its leaves by that many leading digits of their places; only the groups are held."""
    level: Mapping[str, Sequence[str]] = leaves
    for length in range(digits - 1, -1, -1):
        level = _grouped((place[:length], node_of(below)) for place, below in level.items())
    return node_of(level.get("", ()))


def node_of(below: Iterable[str]) -> str:
    """The hash of a node."""
    return sha256(_NODE + "|".join(sorted(below)))


def climb(leaf: str, path: Path) -> str:
    """The root to which a path leads from a leaf.

    >>> tree = Tree.of({"a": "1" * 64, "b": "2" * 64})
    >>> climb("1" * 64, tree.path("a", "1" * 64)) == tree.root
    True
    """
    for siblings in path:
        leaf = node_of([*siblings, leaf])
    return leaf


def content_of(rows: Mapping[str, str]) -> str:
    """The hash of rows by their names: the hashes of their texts, hashed within groups of leading digits, then over the groups.

    The order of rows does not matter, and an engine computes it by grouping.
    """
    digits = digits_for(len(rows))
    groups = _grouped((sha256(name)[:digits], sha256(row)) for name, row in rows.items())
    return sha256("|".join(f"{place}:{sha256('|'.join(groups[place]))}" for place in sorted(groups)))


def root_on_engine(engine: Engine, leaves: ir.Table, *, count: int) -> str:
    """The root of :class:`Tree` over a table ``name, leaf`` of that many rows, computed by an engine."""
    import ibis

    digits = digits_for(count)
    place = leaves["name"].hexdigest("sha256").substr(0, digits)
    level = leaves.select(place=place, own=leaves["leaf"])
    for length in range(digits, -1, -1):
        grouped = level.group_by("place").aggregate(below=level["own"].collect())
        node = (ibis.literal(_NODE) + grouped["below"].sort().join("|")).hexdigest("sha256")
        level = grouped.select(place=grouped["place"].substr(0, max(0, length - 1)), own=node)
    (row,) = engine.query(level).to_pylist()
    return str(row["own"])


def content_on_engine(engine: Engine, rows: ir.Table, *, count: int) -> str:
    """The same as :func:`content_of` over a table ``name, row`` of that many rows, computed by an engine."""
    digits = digits_for(count)
    hashed = rows.select(place=rows["name"].hexdigest("sha256").substr(0, digits), own=rows["row"].hexdigest("sha256"))
    grouped = hashed.group_by("place").aggregate(below=hashed["own"].collect())
    groups = grouped.select("place", own=grouped["below"].sort().join("|").hexdigest("sha256"))
    found = sorted((row["place"], row["own"]) for row in engine.query(groups).to_pylist())  # one row per group, not per subject
    return sha256("|".join(f"{place}:{own}" for place, own in found))
