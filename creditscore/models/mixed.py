"""A logistic mixed model over a tree of industries: level and slopes of each industry, shrunk by estimated variances.

An industry deviates from its parent by ``b ~ N(0, between)``, which persists, and in each part of the window by
``c ~ N(0, within)``, which does not: only ``b`` is used for a new part. The likelihood of each (industry, part) is replaced
by a Gaussian at the current estimate (Breslow and Clayton, Journal of the American Statistical Association 88, 1993);
deviations are integrated out from the leaves to the root, exactly; variances are those at which the marginal likelihood is
stationary (MacKay, Neural Computation 4, 1992: ``D = sum of b² / sum of (1 - posterior variance / D)``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from creditscore.dataframes import Flags, Floats
from creditscore.models.mixed_messages import Eliminated, applied, collect, evidence_of, spread_of
from creditscore.models.mixed_rows import Blocks, Rows
from creditscore.models.regression import constrained_minimum

#: With fewer industries than this at a depth of the tree their SDs have a prior: half-t with three degrees of freedom, scale 1.
FEW = 8
#: SDs at which the posterior under that prior is computed.
_GRID = np.concatenate([[0.0], np.geomspace(0.02, 4.0, 24)])
#: How many well-known industries the variance that all slopes have in common counts for, in the variance of each.
_COMMON = 5.0
#: Variances (of a standardised slope, and of the level) from which the estimation starts.
_START_LEVEL, _START_SLOPE, _START_WITHIN = 0.25, 0.04, 0.01
#: Rounds of Newton's steps at most, updates of the variances in each, and the changes that end them: of the log-odds of any
#: row, and of an SD (in standardised log-odds).
_ROUNDS, _UPDATES, _STEP, _SD = 10, 8, 3e-3, 3e-3
#: A variance below this counts as none.
_NONE = 1e-8


@dataclass(frozen=True)
class Variances:
    """Variances of the deviations, level first: by depth in the tree what persists, and that of industry x part of the window."""

    between: Mapping[int, Floats]
    within: Floats


@dataclass(frozen=True)
class Declared:
    """What is not estimated: SDs that persist, at every depth; of slopes in log-odds per SD of the covariate. None: estimated."""

    level_sd: float | None = None
    slope_sd: float | None = None


@dataclass(frozen=True)
class Mixed:
    """The fitted model. Vectors have the level first, then the slopes.

    Attributes:
        total: By industry (and ``all``): what to use for a new part of the window, the deviations of its ancestors included.
        deviation: By industry: posterior mean of its own deviation from its parent.
        own_weight: By industry: how much its own rows count against its parent, ``1 - posterior variance / variance`` with the
            parent known; 0 without rows.
        variance: By industry (and ``all``): posterior variances of ``total``.
        variances: Of the deviations, as they were used.
        estimated: The same before the factor: what another fit of the same rows need not estimate again.
        depth: By industry: 1 where it hangs from ``all``.
        assumed: Depths with so few industries that their SDs have a prior.
    """

    total: Mapping[str, Floats]
    deviation: Mapping[str, Floats]
    own_weight: Mapping[str, Floats]
    variance: Mapping[str, Floats]
    variances: Variances
    estimated: Variances
    depth: Mapping[str, int]
    assumed: frozenset[int]


def fit_mixed(
    rows: Rows,
    parents: Mapping[str, str],
    industries: Sequence[str],
    *,
    start: Floats,
    ridge: float = 0.0,
    declared: Declared = Declared(),
    factor: float = 1.0,
    known: Variances | None = None,
) -> Mixed:
    """Estimate the variances, then level and slopes of every industry.

    Args:
        rows: The rows.
        parents: Parent of every industry, parents first.
        industries: What ``rows.industry`` counts.
        start: Level and slopes of the root to start from.
        ridge: Penalty on the slopes of the root, per effective case.
        declared: SDs that are not estimated.
        factor: Multiplies the variances that persist, once they are estimated; not what is declared.
        known: What an earlier fit of these rows estimated, with the same SDs declared: nothing is estimated again.
    """
    blocks = Blocks.of(rows, parents, industries)
    return _Fitting(blocks, ridge * float(rows.good.sum() + rows.bad.sum()), declared, known).run(start, factor)


@dataclass(frozen=True)
class _Posterior:
    """Means and variances of everything, given the variances of the deviations."""

    totals: Floats
    covariance: Floats
    deviation: Floats
    deviation_variance: Floats
    #: Posterior variances of deviations were the mean above known.
    given_above: Floats
    block_totals: Floats
    block_deviation: Floats
    block_variance: Floats


class _Fitting:
    """The state of one fit: the Gaussians of the blocks, and how they combine under given variances."""

    def __init__(self, blocks: Blocks, ridge: float, declared: Declared, known: Variances | None) -> None:
        self.blocks, self.declared, self.known = blocks, declared, known
        self.penalty = np.concatenate([[0.0], np.full(blocks.size - 1, ridge)])
        with_rows = set(blocks.node.tolist())
        for number in range(len(blocks.names) - 1, 0, -1):
            if number in with_rows:
                with_rows.add(int(blocks.parent[number]))
        self.with_rows = np.isin(np.arange(len(blocks.names)), sorted(with_rows))
        self.depths = range(1, int(blocks.depth.max()) + 1)
        # A single industry that has all rows cannot be told from the root.
        counts = {depth: int((self.with_rows & (blocks.depth == depth)).sum()) for depth in self.depths}
        alone = len(set(blocks.node.tolist())) < 2
        self.estimable = [depth for depth in self.depths if counts[depth] and not alone]
        self.few = frozenset(depth for depth in self.estimable if counts[depth] < FEW)
        self.several_parts = len(set(blocks.part.tolist())) > 1 and len(blocks.node) > len(set(blocks.node.tolist()))

    def run(self, start: Floats, factor: float) -> Mixed:
        """Newton's steps and updates of the variances in turn, then the posterior with the factor."""
        blocks = self.blocks
        totals, shift = np.repeat(start[None, :], len(blocks.node), axis=0), np.zeros(int(blocks.part.max(initial=0)) + 1)
        variances = self.known or self._start()
        eta = blocks.predictor(totals, shift)
        for _ in range(_ROUNDS):
            self._linearise(eta, totals)
            before = variances
            if self.known is None:
                variances = self._estimated(variances)
            totals, shift, eta, moved = self._moved(totals, shift, eta, self._posterior(variances))
            if moved < _STEP and self._distance(before, variances) < 2 * _SD:
                break
        estimated = variances
        if factor != 1.0:
            scaled = {depth: self._declared(factor * variances.between[depth]) for depth in self.estimable}
            variances = replace(variances, between={**variances.between, **scaled})
            for _ in range(_ROUNDS):
                self._linearise(eta, totals)
                totals, shift, eta, moved = self._moved(totals, shift, eta, self._posterior(variances))
                if moved < _STEP:
                    break
        self._linearise(eta, totals)
        return self._result(variances, estimated, self._posterior(variances))

    def _estimated(self, variances: Variances) -> Variances:
        """The variances at which the marginal likelihood of the Gaussians is stationary, or nearer to them."""
        for _ in range(_UPDATES):
            before, variances = variances, self._updated(variances, self._posterior(variances))
            if self._distance(before, variances) < _SD:
                break
        return self._with_prior(variances)

    def _distance(self, before: Variances, after: Variances) -> float:
        """The largest change of an SD of a standardised deviation."""
        pairs = [(before.within, after.within), *((before.between[depth], after.between[depth]) for depth in self.depths)]
        changes = [np.abs(np.sqrt(new * self.blocks.square) - np.sqrt(old * self.blocks.square)).max() for old, new in pairs]
        return float(max(changes))

    def _start(self) -> Variances:
        slopes = 1 / self.blocks.square[1:]
        between = {depth: np.concatenate([[_START_LEVEL], _START_SLOPE * slopes]) for depth in self.depths}
        for depth in self.depths:
            between[depth] = self._declared(between[depth]) if depth in self.estimable else np.zeros(self.blocks.size)
        within = np.concatenate([[_START_WITHIN], _START_WITHIN * slopes]) if self.several_parts else np.zeros(self.blocks.size)
        return Variances(between, within)

    def _declared(self, variances: Floats) -> Floats:
        """The variances with what is declared in their place."""
        level, slope = self.declared.level_sd, self.declared.slope_sd
        variances = variances.copy()
        if level is not None:
            variances[0] = level**2
        if slope is not None:
            variances[1:] = slope**2 / self.blocks.square[1:]
        return variances

    def _linearise(self, eta: Floats, totals: Floats) -> None:
        self.precision, self.information, self.slack, self.curvature = self.blocks.gaussian(eta, totals)

    def _upwards(self, variances: Variances, *, above: int = 0) -> tuple[Eliminated, dict[int, Eliminated], Floats, Floats]:
        """Deviations integrated out from the blocks to the depth ``above``: what was, precision and information of every node."""
        blocks, size = self.blocks, self.blocks.size
        parts = Eliminated.of(self.precision, self.information, variances.within)
        precision, information = np.zeros((len(blocks.names), size, size)), np.zeros((len(blocks.names), size))
        collect(precision, information, blocks.node, parts)
        eliminated = {}
        for depth in reversed(self.depths[above:]):
            chosen = blocks.depth == depth
            eliminated[depth] = Eliminated.of(precision[chosen], information[chosen], variances.between[depth])
            collect(precision, information, blocks.parent[chosen], eliminated[depth])
        return parts, eliminated, precision, information

    def _root(self, precision: Floats, information: Floats) -> tuple[Floats, Floats]:
        """Mean and covariance of the root: flat in the level, ridge on slopes, which are not negative."""
        core = self._penalised(precision)
        mean, free = _mean_of_root(core, information)
        covariance = np.zeros_like(core)
        covariance[np.ix_(free, free)] = np.linalg.inv(core[np.ix_(free, free)])
        return mean, covariance

    def _penalised(self, precision: Floats) -> Floats:
        """The precision of the root with its ridge, which shrinks as much as it would if industries did not differ."""
        whole = np.maximum(np.einsum("bii->i", self.precision), _NONE)
        return precision + np.diag(self.penalty * np.diagonal(precision) / whole + _NONE)

    def _evidence_by(self, variances: Variances, depth: int, tried: Sequence[Floats]) -> Floats:
        """Log marginal likelihood of the Gaussians, the root integrated out too (REML), for several variances of one depth.

        What lies below the depth is the same for all of them and is integrated out once.
        """
        parts, eliminated, precision, information = self._upwards(variances, above=depth)
        below = evidence_of(self.precision, self.information, variances.within, parts)
        for deeper, one in eliminated.items():
            chosen = self.blocks.depth == deeper
            below += evidence_of(precision[chosen], information[chosen], variances.between[deeper], one)
        return np.array([below + self._evidence_from(variances, depth, of, precision, information) for of in tried])

    def _evidence_from(self, variances: Variances, depth: int, tried: Floats, precision: Floats, information: Floats) -> float:
        """What a depth with these variances, those above it and the root add, given the messages to them."""
        precision, information, evidence = precision.copy(), information.copy(), 0.0
        for level in reversed(range(1, depth + 1)):
            chosen = self.blocks.depth == level
            variance = tried if level == depth else variances.between[level]
            one = Eliminated.of(precision[chosen], information[chosen], variance)
            evidence += evidence_of(precision[chosen], information[chosen], variance, one)
            collect(precision, information, self.blocks.parent[chosen], one)
        core = self._penalised(precision[0])
        mean, free = _mean_of_root(core, information[0])
        quadratic = float(information[0] @ mean - 0.5 * mean @ core @ mean)
        determinant = float(np.linalg.slogdet(core[np.ix_(free, free)])[1])
        return evidence + quadratic - 0.5 * determinant

    def _posterior(self, variances: Variances) -> _Posterior:
        blocks, size = self.blocks, self.blocks.size
        parts, eliminated, precision, information = self._upwards(variances)
        totals, covariance = np.zeros((len(blocks.names), size)), np.zeros((len(blocks.names), size, size))
        deviation, spread, given_above = (np.zeros((len(blocks.names), size)) for _ in range(3))
        totals[0], covariance[0] = self._root(precision[0], information[0])
        for depth in self.depths:
            chosen = np.flatnonzero(blocks.depth == depth)
            above = blocks.parent[chosen]
            one = eliminated[depth]
            deviation[chosen] = applied(one.posterior, information[chosen]) - applied(one.shown, totals[above])
            totals[chosen] = totals[above] + deviation[chosen]
            spread[chosen] = spread_of(one, covariance[above])
            given_above[chosen] = np.diagonal(one.posterior, axis1=1, axis2=2)
            kept = np.eye(size) - one.shown
            covariance[chosen] = one.posterior + kept @ covariance[above] @ kept.transpose(0, 2, 1)
        above = blocks.node
        of_part = applied(parts.posterior, self.information) - applied(parts.shown, totals[above])
        part_spread = spread_of(parts, covariance[above])
        return _Posterior(totals, covariance, deviation, spread, given_above, totals[above] + of_part, of_part, part_spread)

    def _updated(self, variances: Variances, posterior: _Posterior) -> Variances:
        """One step of the variances towards the maximum of the marginal likelihood."""
        between = dict(variances.between)
        for depth in self.estimable:
            chosen = self.with_rows & (self.blocks.depth == depth)
            found = self._stepped(
                variances.between[depth],
                posterior.deviation[chosen],
                posterior.deviation_variance[chosen],
                together=depth in self.few,
            )
            between[depth] = self._declared(found)
        within = variances.within
        if self.several_parts:
            within = self._stepped(within, posterior.block_deviation, posterior.block_variance, together=False)
        return Variances(between, within)

    def _stepped(self, variance: Floats, deviation: Floats, spread: Floats, *, together: bool) -> Floats:
        """Variances from posterior deviations: the level for itself, slopes drawn to what they have in common."""
        squares = (deviation**2).sum(axis=0)
        known = np.where(variance > _NONE, 1 - spread / np.maximum(variance, _NONE), 0.0).clip(0.0).sum(axis=0)
        stepped = np.zeros_like(variance)
        if known[0] > 0:
            stepped[0] = squares[0] / known[0]
        if len(variance) > 1 and known[1:].sum() > 0:
            scale = self.blocks.square[1:]
            common = float((squares[1:] * scale).sum() / known[1:].sum()) / scale
            stepped[1:] = common if together else (squares[1:] + _COMMON * common) / (known[1:] + _COMMON)
        return np.where(stepped > _NONE, stepped, 0.0)

    def _with_prior(self, variances: Variances) -> Variances:
        """SDs of depths with few industries: posterior means under the half-t prior, level and slopes in turn."""
        between = dict(variances.between)
        for depth in sorted(self.few):
            slopes = np.arange(self.blocks.size) > 0
            for which, given in ((~slopes, self.declared.level_sd), (slopes, self.declared.slope_sd)):
                if given is None and which.any():
                    between[depth] = self._expected(between, variances.within, depth, which)
        return Variances(between, variances.within)

    def _expected(self, between: Mapping[int, Floats], within: Floats, depth: int, which: Flags) -> Floats:
        """The variances of a depth with the SD of some deviations at its posterior mean."""
        unit = 1 / self.blocks.square

        def at(sd: float) -> Floats:
            return np.where(which, sd**2 * unit, between[depth])

        evidence = self._evidence_by(Variances(between, within), depth, [at(sd) for sd in _GRID])
        density = np.exp(evidence - evidence.max()) * (1 + _GRID**2 / 3) ** -2
        width = np.gradient(_GRID)
        return at(float((density * width * _GRID).sum() / (density * width).sum()))

    def _moved(
        self, totals: Floats, shift: Floats, eta: Floats, posterior: _Posterior
    ) -> tuple[Floats, Floats, Floats, float]:  # fmt: skip
        """To the posterior means, or towards them, with the log-odds of the rows; and the largest change of these."""
        moved_shift = shift
        if len(shift) > 1:
            moved_shift = shift + self.slack / np.maximum(self.curvature, _NONE)
            moved_shift = moved_shift - np.average(moved_shift, weights=np.maximum(self.curvature, _NONE))
        step = posterior.block_totals - totals
        change = self.blocks.predictor(step, moved_shift - shift) - self.blocks.offset
        largest = float(np.abs(change).max(initial=0.0))
        # Newton's steps of a logistic model are safe where the log-odds move by a few units at most.
        share = min(1.0, 4.0 / max(largest, 1e-300))
        return totals + share * step, shift + share * (moved_shift - shift), eta + share * change, largest

    def _result(self, variances: Variances, estimated: Variances, posterior: _Posterior) -> Mixed:
        blocks = self.blocks
        own = np.zeros_like(posterior.deviation)
        for depth in self.depths:
            chosen = (blocks.depth == depth) & self.with_rows
            variance = variances.between[depth]
            own[chosen] = np.where(variance > 0, 1 - posterior.given_above[chosen] / np.maximum(variance, _NONE), 0.0).clip(0, 1)
        names = list(enumerate(blocks.names))
        return Mixed(
            total={name: posterior.totals[number] for number, name in names},
            deviation={name: posterior.deviation[number] for number, name in names[1:]},
            own_weight={name: own[number] for number, name in names[1:]},
            variance={name: np.diagonal(posterior.covariance[number]) for number, name in names},
            variances=variances,
            estimated=estimated,
            depth={name: int(blocks.depth[number]) for number, name in names[1:]},
            assumed=self.few,
        )


def _mean_of_root(core: Floats, information: Floats) -> tuple[Floats, Flags]:
    """The mean of the root given its penalised precision, and which of its entries no bound holds at 0."""
    mean = constrained_minimum(core, -information, np.zeros(len(core) - 1))
    return mean, np.concatenate([[True], mean[1:] > 0])
