"""The mixed model: variances are found, deviations are shrunk by them, and what does not persist is not used."""

import numpy as np
import pytest

from creditscore.models.mixed import Declared, Variances, fit_mixed
from creditscore.models.mixed_rows import Rows

SLOPES = 4


def world(seed, *, groups=40, level=0.6, slope=0.3, parts=1, passing=0.0, sizes=(30, 3000)):
    """Rows of industries whose sizes are log-uniform: the rows, and the true level and slopes of each industry."""
    rng = np.random.default_rng(seed)
    industry = np.repeat(np.arange(groups), np.exp(rng.uniform(*np.log(sizes), groups)).astype(int))
    truth = np.column_stack([-2.9 + rng.normal(0, level, groups), 0.5 + rng.normal(0, slope, (groups, SLOPES))])
    values, window = rng.normal(size=(len(industry), SLOPES)), rng.integers(0, parts, len(industry))
    own = truth[industry] + rng.normal(0, passing, (groups, parts, 1 + SLOPES))[industry, window]
    bad = rng.random(len(industry)) < 1 / (1 + np.exp(-own[:, 0] - (values * own[:, 1:]).sum(axis=1)))
    rows = Rows(values, (~bad).astype(float), bad.astype(float), np.zeros(len(bad)), industry, window)
    return rows, truth


def fitted(rows, groups=40, **options):
    names = [f"g{number:02d}" for number in range(groups)]
    start = np.array([-2.5] + [0.4] * SLOPES)
    model = fit_mixed(rows, dict.fromkeys(names, "all"), names, start=start, **options)
    return model, np.array([model.total[name] for name in names])


def excess_loss(found, truth):
    """Log loss above the truth's, the mean over industries."""
    values = np.random.default_rng(0).normal(size=(2000, SLOPES))
    true, eta = (one[:, :1] + one[:, 1:] @ values.T for one in (truth, found))
    p = 1 / (1 + np.exp(-true))
    return float((p * (true - eta) + np.logaddexp(0, eta) - np.logaddexp(0, true)).mean())


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_loss_is_nearly_that_of_known_variances(seed):
    rows, truth = world(seed)
    own, oracle = (excess_loss(fitted(rows, declared=declared)[1], truth) for declared in (Declared(), Declared(0.6, 0.3)))
    pooled = excess_loss(fitted(rows, declared=Declared(0.0, 0.0))[1], truth)
    assert own < 1.15 * oracle
    assert own < 0.6 * pooled


def test_variances_are_found():
    between = [fitted(world(seed)[0])[0].variances.between[1] for seed in range(3)]
    assert 0.4 < np.sqrt(np.mean(between, axis=0)[0]) < 0.8
    assert 0.2 < np.sqrt(np.mean(between, axis=0)[1:].mean()) < 0.4


@pytest.mark.parametrize("seed", [0, 1])
def test_where_industries_do_not_differ_nothing_is_lost(seed):
    rows, truth = world(seed, level=0.0, slope=0.0)
    found, together = (excess_loss(fitted(rows, declared=declared)[1], truth) for declared in (Declared(), Declared(0.0, 0.0)))
    assert found < together + 0.0005


def test_what_does_not_persist_from_part_to_part_is_not_used():
    own, lumped = [], []
    for seed in range(4):
        rows, _ = world(seed, level=0.0, slope=0.0, parts=5, passing=0.4)
        model, _ = fitted(rows)
        assert model.variances.within[0] > 0.05
        own.append(model.variances.between[1])
        one_part = Rows(rows.values, rows.good, rows.bad, rows.offset, rows.industry, 0 * rows.window)
        lumped.append(fitted(one_part)[0].variances.between[1])
    assert np.mean(own) < 0.5 * np.mean(lumped)


def test_few_industries_get_a_prior_on_their_distance_and_it_is_told():
    model, found = fitted(world(0, groups=5)[0], groups=5)
    assert model.assumed == {1}
    assert 0.1 < np.sqrt(model.variances.between[1][0]) < 2
    many, _ = fitted(world(0)[0])
    assert many.assumed == frozenset()
    assert np.isfinite(found).all()


def test_a_single_industry_is_the_pooled_fit():
    model, found = fitted(world(0, groups=1)[0], groups=1)
    np.testing.assert_allclose(found[0], model.total["all"])


def test_children_lean_on_their_parent():
    rows, _ = world(4, groups=30, level=0.0, slope=0.0)
    far = rows.industry < 15
    bad = np.where(far, rows.bad + (np.arange(len(far)) % 5 == 0), rows.bad).clip(0, 1)
    names = [f"g{number:02d}" for number in range(30)]
    parents = {"p": "all", "q": "all"} | {name: "p" if number < 15 else "q" for number, name in enumerate(names)} | {"empty": "p"}
    model = fit_mixed(
        Rows(rows.values, 1 - bad, bad, rows.offset, rows.industry, rows.window),
        parents,
        names,
        start=np.array([-2.0] + [0.4] * SLOPES),
    )
    assert model.total["p"][0] > model.total["q"][0] + 0.8
    np.testing.assert_allclose(model.total["empty"], model.total["p"])
    assert model.depth["empty"] == 2


def test_the_order_of_industries_in_the_rows_does_not_matter():
    rows, _ = world(5, groups=10)
    order = np.lexsort([rows.values[:, 0], rows.industry])
    turned = order[::-1]
    one, other = (
        fitted(Rows(*(getattr(rows, name)[by] for name in Rows.__dataclass_fields__)), groups=10)[1] for by in (order, turned)
    )
    np.testing.assert_allclose(one, other, atol=1e-9)


@pytest.mark.parametrize("declared", [Declared(), Declared(level_sd=0.9), Declared(0.2, 0.1)])
@pytest.mark.parametrize("factor", [0.25, 1.0, 4.0])
def test_variances_that_are_known_give_the_fit_that_estimated_them(declared, factor):
    rows, _ = world(1, groups=12)
    first, _ = fitted(rows, groups=12, declared=declared)
    fresh, expected = fitted(rows, groups=12, declared=declared, factor=factor)
    again, found = fitted(rows, groups=12, declared=declared, factor=factor, known=first.estimated)
    np.testing.assert_allclose(again.variances.between[1], fresh.variances.between[1], rtol=1e-9)
    np.testing.assert_allclose(found, expected, atol=5e-3)


def test_known_variances_are_those_that_are_used():
    rows, _ = world(1, groups=12)
    first, _ = fitted(rows, groups=12)
    nothing = Variances({1: 0 * first.estimated.between[1]}, first.estimated.within)
    _, pooled = fitted(rows, groups=12, known=nothing)
    assert np.ptp(pooled, axis=0).max() < 1e-6
