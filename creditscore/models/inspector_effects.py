"""Who inspected: a nuisance in fitting. Reads the lists of inspectors and measures how far they are connected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from creditscore.dataframes import Floats, Ints


@dataclass(frozen=True)
class VisitTeams:
    """Which inspectors made each visit. ``sets`` are the distinct teams, sorted; row i was made by ``sets[team[i]]``."""

    inspectors: tuple[str, ...]
    sets: tuple[tuple[str, ...], ...]
    team: Ints

    def take(self, rows: NDArray[np.intp]) -> VisitTeams:
        """The visits at these rows, in this order."""
        return VisitTeams(self.inspectors, self.sets, self.team[rows])

    @cached_property
    def design(self) -> sparse.csr_matrix:
        """A row per distinct team: 1/k for each of its k inspectors, so a visit has the mean of their effects."""
        position = {name: index for index, name in enumerate(self.inspectors)}
        data = [1 / len(team) for team in self.sets for _ in team]
        columns = [position[name] for team in self.sets for name in team]
        starts = np.concatenate([[0], np.cumsum([len(team) for team in self.sets])])
        return sparse.csr_matrix((data, columns, starts), shape=(len(self.sets), len(self.inspectors)))


@dataclass(frozen=True)
class Connectedness:
    """How far inspectors can be compared: those in different components never met the same kind of subject.

    ``largest_share`` is the share of the weight of visits with known inspectors that lies in the largest component.
    ``components_by_subject`` counts more strictly: linked by visits together and by subjects that both visited, and by
    nothing else. Industries link inspectors of districts that never meet, and what their districts have in common is then
    told from their strictness by the characteristics alone: many components here say that strictness and the risk of a
    district cannot be told apart by who saw whom.
    """

    inspectors: int
    components: int
    largest_share: float
    components_by_subject: int = 0


def read_visits(values: Sequence[Any]) -> VisitTeams:
    """The teams of visits.

    Args:
        values: One entry per row: a name, a list of names in any order, or None where nobody is recorded.
    """
    teams = [_team(value) for value in values]
    sets = tuple(sorted(set(teams)))
    position = {team: index for index, team in enumerate(sets)}
    names = tuple(sorted({name for team in sets for name in team}))
    return VisitTeams(names, sets, np.array([position[team] for team in teams], dtype=np.int64))


def _team(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if value is None or (np.isscalar(value) and value != value):
        return ()
    if isinstance(value, (list, tuple, set, frozenset, np.ndarray)):
        return tuple(sorted({str(one) for one in value if one is not None}))
    return (str(value),)


def connectedness(visits: VisitTeams, weight: Floats, groups: Ints | None = None) -> Connectedness:
    """Components of the graph of inspectors and ``groups`` (industries, subjects; default: visits).

    Two inspectors are connected when a chain of shared groups links them: only then does the fit
    tell strict inspectors from risky subjects (Abowd, Kramarz and Margolis, Econometrica 67, 1999).
    ``weight`` is that of the visits.
    """
    groups = np.arange(len(visits.team)) if groups is None else np.where(groups < 0, groups.max(initial=-1) + 1, groups)
    design, size = visits.design, len(visits.inspectors)
    if size == 0:
        return Connectedness(0, 0, 0.0)
    shape = (int(groups.max()) + 1, len(visits.sets))
    met = sparse.csr_matrix((np.ones(len(groups)), (groups, visits.team)), shape=shape)
    links = (met @ (design > 0)).astype(bool)
    graph = sparse.bmat([[None, links.T], [links, None]])
    labels = csgraph.connected_components(graph, directed=False)[1]
    known = np.array([len(team) > 0 for team in visits.sets])[visits.team]
    weights = np.bincount(labels[size + groups[known]], weights=weight[known])
    return Connectedness(size, len(np.unique(labels[:size])), float(weights.max() / weight[known].sum()))


def mean_effect(visits: VisitTeams, effects: Floats, weight: Floats) -> float:
    """Weighted mean of the visits' effects: what a subject is scored with instead of its own inspectors."""
    return float(np.average((visits.design @ effects)[visits.team], weights=weight))
