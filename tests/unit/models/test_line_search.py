"""The search for cuts finds the best that there are: against every possible set of cuts, and against optbinning's own solver."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from creditscore.models.line_search import best_cuts, prebins, sums_between

DIRECTIONS = ("ascending", "descending", None)


def groups(seed: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows = rng.integers(50, 900, size)
    rate = 1 / (1 + np.exp(-(-1.5 + rng.normal(0, 0.8) * np.linspace(-1, 1, size) + rng.normal(0, 0.4, size))))
    bad = np.clip(rng.binomial(rows, rate), 1, rows - 1)
    return rows - bad, bad


def information(after: list[int], good: np.ndarray, bad: np.ndarray) -> float:
    goods, bads = (sums_between(np.array(after, dtype=np.int64), of) for of in (good, bad))
    p, q = bads / bads.sum(), goods / goods.sum()
    return float(((p - q) * np.log(p / q)).sum())


def allowed(after: list[int], good: np.ndarray, bad: np.ndarray, direction: str | None, smallest: float) -> bool:
    goods, bads = (sums_between(np.array(after, dtype=np.int64), of) for of in (good, bad))
    steps = np.diff(bads / (goods + bads)) * (-1 if direction == "descending" else 1)
    return bool((goods + bads).min() >= smallest * (good + bad).sum()) and (direction is None or bool((steps >= -1e-6).all()))


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("seed", range(8))
def test_no_set_of_cuts_has_more_information(direction, seed):
    good, bad = groups(seed, 9)
    found = best_cuts(good, bad, direction, bins=4, smallest=0.0)
    assert allowed(found, good, bad, direction, 0.0)
    every = (list(cuts) for number in range(4) for cuts in combinations(range(8), number))
    best = max(information(cuts, good, bad) for cuts in every if allowed(cuts, good, bad, direction, 0.0))
    assert information(found, good, bad) == pytest.approx(best, abs=1e-5)


@pytest.mark.parametrize("smallest", [0.05, 0.2])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_bins_are_as_large_and_as_few_as_asked_for_and_follow_the_direction(direction, smallest):
    good, bad = groups(3, 20)
    found = best_cuts(good, bad, direction, bins=5, smallest=smallest)
    assert len(found) <= 4
    assert allowed(found, good, bad, direction, smallest)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_it_finds_what_optbinning_finds(direction):
    from optbinning import OptimalBinning

    for seed in range(4):
        good, bad = groups(seed, 150)
        search = OptimalBinning(
            prebinning_method="cart", max_n_prebins=20, min_prebin_size=0.03, min_bin_size=0.03, max_n_bins=6,
            monotonic_trend=direction, solver="cp", random_state=0,
        )  # fmt: skip
        cells = np.tile(np.arange(150.0), 2)
        search.fit(cells, np.repeat([0, 1], 150), sample_weight=np.concatenate([good, bad]).astype(float))
        theirs = [int(split) for split in search.splits]
        after = prebins(good, bad, most=20, smallest=0.03)
        cuts = best_cuts(sums_between(after, good), sums_between(after, bad), direction, bins=6, smallest=0.03)
        ours = [int(after[cut]) for cut in cuts]
        # Of sets of cuts that differ by less than a millionth either may be found.
        assert ours == theirs or information(ours, good, bad) == pytest.approx(information(theirs, good, bad), abs=2e-6)


def test_a_group_without_bads_joins_its_neighbour():
    good, bad = np.array([500, 400, 300, 500]), np.array([0, 40, 90, 200])
    after = prebins(good, bad, most=20, smallest=0.01)
    assert (sums_between(after, bad) > 0).all()
    assert len(after) >= 1


def test_one_bad_rate_throughout_needs_no_cut():
    assert best_cuts(np.array([90, 180, 45]), np.array([10, 20, 5]), "ascending", bins=3, smallest=0.0) == []
