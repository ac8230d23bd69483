"""Weighted logistic regression with coefficients that cannot change sign, and ridge effects of inspectors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import cache, cached_property

import numpy as np
from scipy import sparse
from scipy.optimize import nnls
from scipy.sparse.linalg import splu
from scipy.special import expit
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from creditscore.dataframes import Flags, Floats, Ints
from creditscore.errors import DataError
from creditscore.models.sample import Sample
from creditscore.models.scoring import AttributeCodes

#: Newton steps at most; the size of a step that ends them; and of one that does where nothing is gained.
_STEPS, _TOLERANCE, _SMALL = 200, 1e-12, 1e-6
#: Rows of a matrix that stay in the processor's cache while it is used.
_CACHED = 8192
#: Keeps the second derivatives positive where every row is certain.
_JITTER = 1e-13


@contextmanager
def one_thread() -> Iterator[None]:
    """Holds BLAS to one thread (of the whole process) and gives back what was set before."""
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@cache
def _libraries() -> ThreadpoolController:
    # Looking through the loaded libraries takes longer than a small fit.
    return ThreadpoolController()


@dataclass(frozen=True)
class Patterns:
    """Distinct combinations of attributes, team and industry, sorted, with their shares of the weight."""

    #: (patterns, characteristics), column by column in memory, as everything here that is looked up by column.
    codes: AttributeCodes
    team: Ints
    industry: Ints
    good: Floats
    bad: Floats
    #: Rows of the sample, not weighted.
    rows: Ints

    @property
    def weight(self) -> Floats:
        """Share of the total weight in each pattern."""
        return self.good + self.bad

    def take(self, chosen: Flags) -> Patterns:
        """Some of the patterns, in their order."""
        rest = {field.name: getattr(self, field.name)[chosen] for field in fields(self)}
        return replace(Patterns(**rest), codes=by_column(rest["codes"]))

    def select(self, columns: Flags | Sequence[bool]) -> Patterns:
        """The patterns with some of their characteristics; two may be alike then."""
        return replace(self, codes=by_column(self.codes[:, np.asarray(columns, dtype=bool)]))

    def woe(self, tables: Sequence[Floats]) -> Floats:
        """(patterns, characteristics), column by column in memory: the WoE of each pattern's attributes."""
        found = np.empty((len(self.codes), len(tables)), order="F")
        for column, woe in enumerate(tables):
            # No code lies beyond its table, so nothing is clipped; to raise would need a copy of each column.
            np.take(woe, self.codes[:, column], out=found[:, column], mode="clip")
        return found


def by_column(codes: AttributeCodes) -> AttributeCodes:
    """The same, column by column in memory."""
    return np.asfortranarray(codes)


def matrix_of(codes: Sequence[AttributeCodes], rows: int) -> AttributeCodes:
    """(rows, characteristics): the codes side by side, column by column in memory."""
    return np.stack(codes).T if len(codes) else np.zeros((rows, 0), dtype=np.uint8)


def patterns_of(codes: Sequence[AttributeCodes], sample: Sample) -> Patterns:
    """The patterns of a sample; ``codes`` has a column per characteristic."""
    rows = len(sample.weight)
    matrix = matrix_of(codes, rows)
    team = sample.visits.team if sample.visits is not None else np.full(rows, -1, dtype=np.int64)
    keys = np.concatenate([matrix, _bytes(team), _bytes(sample.industry)], axis=1)
    packed = np.ascontiguousarray(keys).view(np.dtype((np.void, keys.shape[1]))).ravel()
    _, first, pattern = np.unique(packed, return_index=True, return_inverse=True)
    good, bad = sample.sums(pattern, len(first))
    rows_of = np.bincount(pattern, minlength=len(first))
    return Patterns(by_column(matrix[first]), team[first], sample.industry[first], good, bad, rows_of)


def _bytes(values: Ints) -> AttributeCodes:
    """Eight bytes each, the largest first: so packed rows sort as numbers do."""
    return np.ascontiguousarray((values + 1).astype(">i8")).view(np.uint8).reshape(len(values), 8)


@dataclass(frozen=True)
class Regression:
    """``logit P(bad) = intercept - woe @ coefficients + design @ effects``."""

    intercept: float
    coefficients: Floats
    effects: Floats
    steps: int

    def predictor(self, woe: Floats) -> Floats:
        """Log-odds of bad without the effects."""
        return self.intercept - woe @ self.coefficients


@dataclass(frozen=True)
class _Problem:
    woe: Floats
    good: Floats
    bad: Floats
    #: (cells, effects), and the cell of each pattern.
    design: sparse.csr_matrix
    cell: Ints
    penalty: Floats

    @cached_property
    def fixed(self) -> Floats:
        """Intercept and coefficients: the columns whose combination with ``theta`` is the predictor without effects."""
        fixed = np.empty((len(self.good), 1 + self.signed))
        fixed[:, 0] = 1.0
        np.negative(self.woe, out=fixed[:, 1:])
        return fixed

    @property
    def signed(self) -> int:
        return int(self.woe.shape[1])

    def predictor(self, theta: Floats) -> Floats:
        cut = 1 + self.signed
        eta: Floats = self.fixed @ theta[:cut]
        return eta + (self.design @ theta[cut:])[self.cell] if self.design.shape[1] else eta

    def loss(self, theta: Floats, eta: Floats) -> float:
        """``eta`` is the predictor at ``theta``, here and below."""
        return negative_log_likelihood(eta, self.good, self.bad) + 0.5 * float((self.penalty * theta * theta).sum())

    def gradient(self, theta: Floats, eta: Floats) -> tuple[Floats, Floats]:
        """Gradient, and the weights of the second derivatives."""
        p = logistic(eta)
        weight = self.good + self.bad
        slack = weight * p - self.bad
        parts = [slack @ self.fixed, self.design.T @ self._by_cell(slack)]
        return np.concatenate(parts) + self.penalty * theta, weight * p * (1 - p)

    def _by_cell(self, values: Floats) -> Floats:
        """Sums of a value of each pattern."""
        return np.bincount(self.cell, weights=values, minlength=self.design.shape[0]).astype(np.float64)

    def step(self, theta: Floats, gradient: Floats, curvature: Floats) -> Floats:
        """To the minimum of the quadratic model where no coefficient is negative. Effects are eliminated first (Schur)."""
        cut = 1 + self.signed
        here = theta[1:cut]
        core = information_of(self.fixed, curvature) + np.diag(self.penalty[:cut] + _JITTER)
        head, tail = gradient[:cut], gradient[cut:]
        if not len(tail):
            return constrained_minimum(core, head, here)
        rows = len(curvature)
        sums = sparse.csc_matrix((curvature, self.cell, np.arange(rows + 1)), shape=(self.design.shape[0], rows))
        across = self.design.T @ (sums @ self.fixed)
        own = self.design.T @ sparse.diags_array(self._by_cell(curvature)) @ self.design
        inverse = splu(sparse.csc_matrix(own + sparse.diags_array(self.penalty[cut:])))
        solved = inverse.solve(np.column_stack([across, tail]))
        first = constrained_minimum(core - across.T @ solved[:, :-1], head - across.T @ solved[:, -1], here)
        return np.concatenate([first, -solved[:, -1] - solved[:, :-1] @ first])


def constrained_minimum(core: Floats, head: Floats, here: Floats) -> Floats:
    """The step to the minimum of ``head @ step + step @ core @ step / 2`` where no coefficient becomes negative.

    The intercept, which is first and free, is eliminated; what is left is a non-negative least-squares problem in the
    coefficients (Lawson and Hanson 1974, ch. 23).

    Args:
        core: Second derivatives.
        head: Gradient.
        here: The coefficients before the step, without the intercept.
    """
    if not len(here):
        return np.asarray(-head / core[0])
    across = core[1:, 0] / core[0, 0]
    root = np.linalg.cholesky(core[1:, 1:] - np.outer(across, core[0, 1:])).T
    slope = head[1:] - across * head[0]
    target = here - np.linalg.solve(root, np.linalg.solve(root.T, slope))
    moved = nnls(root, root @ target)[0] - here
    return np.concatenate([[-(head[0] + core[0, 1:] @ moved) / core[0, 0]], moved])


def indicators(codes: Ints, columns: int) -> sparse.csr_matrix:
    """A row per code, a column per number from 0; a row of zeros where the code is -1."""
    known = np.flatnonzero(codes >= 0)
    return sparse.csr_matrix((np.ones(len(known)), (known, codes[known])), shape=(len(codes), columns))


def information_of(design: Floats, curvature: Floats) -> Floats:
    """``design.T @ diag(curvature) @ design`` by rows that stay in the cache; of two equal factors BLAS makes half the products."""
    root, size = np.sqrt(curvature), design.shape[1]
    room = np.empty((min(_CACHED, len(design)), size), order="C" if design.flags.c_contiguous else "F")
    information = np.zeros((size, size))
    for start in range(0, len(design), _CACHED):
        rows = design[start : start + _CACHED]
        block = np.multiply(root[start : start + _CACHED, None], rows, out=room[: len(rows)])
        information += block.T @ block
    return information


def spread_of_columns(values: Floats, weight: Floats) -> Floats:
    """Weighted variance of each column."""
    share = weight / weight.sum()
    return np.array([share @ (column - share @ column) ** 2 for column in values.T])


def logistic(eta: Floats) -> Floats:
    """1 / (1 + exp(-eta)) without overflow."""
    probability: Floats = expit(eta)
    return probability


def negative_log_likelihood(eta: Floats, good: Floats, bad: Floats) -> float:
    """Sum of ``good x log(1 + exp(eta)) + bad x log(1 + exp(-eta))`` without overflow.

    Both logarithms are the same one plus ``eta`` where it is positive or negative: a third of the time of two.
    """
    below = np.log1p(np.exp(-np.abs(eta)))
    return float((good + bad) @ below + good @ np.maximum(eta, 0.0) - bad @ np.minimum(eta, 0.0))


def fit_regression(
    woe: Floats,
    good: Floats,
    bad: Floats,
    *,
    ridge: float,
    design: sparse.csr_matrix | None = None,
    cell: Ints | None = None,
    design_ridge: float | Floats = 0.0,
) -> Regression:
    """Maximum penalised likelihood with every coefficient >= 0, by Newton steps within the constraint.

    Args:
        woe: (patterns, characteristics); more is safer.
        good: Goods' shares of the total weight, so the log-likelihood is per unit of weight.
        bad: Bads' shares.
        ridge: Penalty on the coefficients as a share of the information of the whole sample,
            ``rate x (1 - rate)`` per unit of weight: it means the same at 1 % and at 50 % bads.
        design: (cells, effects), sparse: patterns of one cell have the same effects.
        cell: The cell of each pattern; by default each pattern is one.
        design_ridge: Penalty on the effects in the same unit: one number, or one per effect.

    Raises:
        DataError: The iteration does not end (which convexity excludes for finite input).
    """
    rate = float(bad.sum() / (good.sum() + bad.sum()))
    unit = rate * (1 - rate) * float(good.sum() + bad.sum())
    design = sparse.csr_matrix((len(good), 0)) if design is None else design
    cell = np.arange(len(good)) if cell is None else cell
    effects = np.broadcast_to(np.asarray(design_ridge, dtype=np.float64), design.shape[1:2])
    penalty = np.concatenate([[0.0], np.full(woe.shape[1], ridge * unit), effects * unit])
    problem = _Problem(woe, good, bad, design, cell, penalty)
    start = np.zeros(len(penalty))
    start[0] = math.log(rate / (1 - rate))
    theta, steps = _solve(problem, start)
    cut = 1 + woe.shape[1]
    return Regression(float(theta[0]), theta[1:cut], theta[cut:], steps)


def _solve(problem: _Problem, theta: Floats) -> tuple[Floats, int]:
    eta = problem.predictor(theta)
    loss = problem.loss(theta, eta)
    for step in range(_STEPS):
        gradient, curvature = problem.gradient(theta, eta)
        direction = problem.step(theta, gradient, curvature)
        moved, eta, reached = _line_search(problem, theta, eta, direction, gradient, loss)
        change, gain = float(np.abs(moved - theta).max()), loss - reached
        theta, loss = moved, reached
        # Where bads and goods nearly separate, rounding keeps the last digits moving without any gain.
        if change < _TOLERANCE or (change < _SMALL and gain <= 1e-15 * loss):
            return theta, step + 1
    raise DataError("regression: did not settle; expected finite WoE and a positive ridge")


def _line_search(
    problem: _Problem, theta: Floats, eta: Floats, direction: Floats, gradient: Floats, loss: float
) -> tuple[Floats, Floats, float]:
    """The first of the halved steps that lowers the loss as its slope promises, its predictor and loss; no step where none does."""
    slope = float(gradient @ direction)
    for halvings in range(40):
        moved = theta + direction * 0.5**halvings
        there = problem.predictor(moved)
        reached = problem.loss(moved, there)
        if reached <= loss + 1e-4 * slope * 0.5**halvings + 1e-16:
            return moved, there, reached
    return theta, eta, loss
