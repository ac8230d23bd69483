"""What the rows say of an attribute, and how much of it is believed of the next part of the window."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2
from sklearn.metrics import roc_auc_score

from creditscore.config.scorecards import Binning, Selection
from creditscore.language import Words, from_json
from creditscore.models.evidence import Cells, beyond_chance, pseudo_share, stability_index, states, weigh
from creditscore.models.fitting import Settings, fit_core
from creditscore.models.sample import read_sample


def fitted(X, y, weight=None, *, time=None, binning=None, selection=None, **settings):
    sample = read_sample(X, y, features=None, sample_weight=weight, nuisance=None, time=time)
    return fit_core(sample, Settings(binning=binning or Binning(), selection=selection or Selection(), on_leak="warn", **settings))


def table(fit, name):
    return next(one for one in fit.tables if one.name == name)


def reasons(fit):
    return fit.ledger.table().set_index("characteristic")


def background(rng, n, y=None):
    """Columns that say something, and some that do not."""
    signal = rng.normal(size=n) + (0 if y is None else 0.7 * y)
    return pd.DataFrame({"signal": signal, "other": rng.normal(size=n), "count": rng.poisson(2, n).astype(float)})


def of_rows(codes, y, window=None, weight=None, size=None):
    """Cells of rows, and their pseudo share."""
    codes, window = np.asarray(codes), np.zeros(len(codes), dtype=int) if window is None else window
    sample = read_sample(
        pd.DataFrame({"x": codes.astype(float)}), y, features=None, sample_weight=weight, nuisance=None, time=window.tolist()
    )
    return Cells.of(codes[sample.rows].astype(np.uint8), size or int(codes.max()) + 1, sample), pseudo_share(sample)


# Evidence, not share.


def flag_of_325(seed, n=20_000):
    """325 rows with 202 bads among 20,000."""
    rng = np.random.default_rng(seed)
    flag = np.arange(n) < 325
    y = np.where(flag, np.arange(n) < 202, rng.random(n) < 0.08).astype(int)
    return background(rng, n, y).assign(flag=flag.astype(float)), y


def test_a_flag_of_few_rows_and_many_bads_keeps_its_log_odds():
    X, y = flag_of_325(0)
    found = table(fitted(X, y), "flag")
    raw = found.evidence.raw[1]
    assert raw < -2
    assert found.woe[1] < raw / 2


def test_so_it_does_under_weights():
    """492 bads of 987 rows that were drawn with the larger probability."""
    rng = np.random.default_rng(1)
    flag = np.arange(9000) < 987
    y = np.where(flag, np.arange(9000) < 492, rng.random(9000) < 0.08).astype(int)
    X = background(rng, 9000, y).assign(flag=flag.astype(float))
    for weight in (np.where(flag, 1.0, 20.0), rng.uniform(1, 20, 9000)):
        found = table(fitted(X, y, weight), "flag")
        assert found.woe[1] < found.evidence.raw[1] / 2 < -0.5


def test_three_rows_hardly_count():
    cells, pseudo = of_rows(np.r_[np.zeros(1000), np.ones(1000), np.full(3, 2)], np.r_[np.arange(2000) % 10 == 0, [1, 1, 1]])
    (found,) = weigh([cells], [np.ones(3)], smoothing=pseudo, pseudo=pseudo)
    assert abs(found.used[2]) < abs(found.raw[2])
    more, _ = of_rows(np.r_[np.zeros(1000), np.ones(1000), np.full(90, 2)], np.r_[np.arange(2000) % 10 == 0, np.ones(90)])
    (surer,) = weigh([more], [np.ones(3)], smoothing=pseudo, pseudo=pseudo)
    assert found.used[2] / found.raw[2] < surer.used[2] / surer.raw[2]
    assert surer.variance[2] < found.variance[2] < np.inf


@given(st.integers(0, 10_000), st.sampled_from([0.001, 3.0, 1000.0]))
@settings(max_examples=20, deadline=None)
def test_scaling_weights_changes_nothing(seed, scale):
    rng = np.random.default_rng(seed)
    codes, y = rng.integers(0, 4, 500), rng.random(500) < 0.2
    weight, window = rng.uniform(0.1, 5, 500), rng.integers(0, 5, 500)
    one, other = (
        weigh([of_rows(codes, y, window, w)[0]], [np.ones(4)], smoothing=0.001, pseudo=0.01)[0] for w in (weight, weight * scale)
    )
    np.testing.assert_allclose(one.used, other.used, rtol=1e-9)


def test_the_variance_is_that_of_repeated_samples():
    """Weights of 1 to 9, drawn with the inverse probability: the spread over 200 samples."""
    raws, variances = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        codes, weight = rng.integers(0, 2, 1500), rng.integers(1, 10, 1500).astype(float)
        y = rng.random(1500) < np.where(codes == 1, 0.3, 0.15)
        cells, pseudo = of_rows(codes, y, weight=weight)
        (found,) = weigh([cells], [np.ones(2)], smoothing=pseudo, pseudo=pseudo)
        raws.append(found.contrast[1])
        variances.append(found.spread[1])
    assert np.var(raws) / np.mean(variances) == pytest.approx(1, abs=0.25)


def test_prior_variances_are_those_of_the_truth():
    rng = np.random.default_rng(4)
    every, tried = [], []
    for spread in (0.2,) * 5 + (1.0,) * 5:
        codes = rng.integers(0, 12, 20_000)
        y = rng.random(20_000) < 1 / (1 + np.exp(1.5 + spread * rng.normal(size=12)[codes]))
        cells, pseudo = of_rows(codes, y)
        every.append(cells)
        tried.append(np.ones(12))
    priors = np.array([one.prior for one in weigh(every, tried, smoothing=pseudo, pseudo=pseudo)])
    assert 0.02 < np.median(priors[:5]) < 0.09
    assert 0.5 < np.median(priors[5:]) < 2


# Drift inside training.


def test_what_began_in_the_last_part_and_is_real_earns_a_third():
    rng = np.random.default_rng(5)
    n, time = 12_000, np.sort(rng.integers(0, 1000, 12_000))
    listed = np.zeros(n)
    listed[rng.choice(np.flatnonzero(time > np.quantile(time, 0.8)), 320, replace=False)] = 1
    y = (rng.random(n) < 1 / (1 + np.exp(2.4 - 1.5 * listed))).astype(int)
    fit = fitted(background(rng, n, y).assign(listed=listed), y, time=time.tolist())
    found = table(fit, "listed")
    assert found.evidence.state[1] == "new"
    assert found.woe[1] < -0.5
    assert "new" in reasons(fit).note["listed"]
    shown = Words.of("zh").text(from_json(reasons(fit).note_message["listed"]))
    assert "仅见于训练窗口最后一段" in shown
    assert not re.search("[a-z]{4}", shown)


def early(rng, n, *, test):
    """2.5 % of the rows of the first two fifths, nearly pure; a third of the rows to come, of ordinary risk."""
    time = np.sort(rng.integers(0, 1000, n))
    odd = rng.random(n) < (1 / 3 if test else np.where(time < 400, 0.0625, 0.0))
    signal = rng.normal(size=n)
    y = rng.random(n) < np.where(odd & ~np.bool_(test), 0.95, 1 / (1 + np.exp(2.2 - 0.8 * signal)))
    text = np.where(odd, "odd", rng.choice(["a", "b"], n))
    X = pd.DataFrame({"signal": signal, "flag": odd.astype(float), "text": text, "other": rng.normal(size=n)})
    return X, y.astype(int), time


@pytest.mark.parametrize("seed", range(3))
def test_an_accident_of_early_years_does_no_harm(seed):
    rng = np.random.default_rng(seed)
    X, y, time = early(rng, 10_000, test=False)
    later, outcome, _ = early(rng, 10_000, test=True)
    fit = fitted(X, y, time=time.tolist())
    aucs = []
    for one, columns in ((fit, list(X)), (fitted(X[["signal", "other"]], y, time=time.tolist()), ["signal", "other"])):
        sample = read_sample(later[columns], outcome, features=None, sample_weight=None, nuisance=None)
        aucs.append(roc_auc_score(sample.bad, one.predictor(sample)))
    assert aucs[0] > aucs[1] - 0.01
    assert "gone" in reasons(fit).note["flag"]
    assert any("gone" in line for line in fit.ledger.warnings)


def test_states():
    whole = np.full(5, 2000)
    rows = np.array(
        [[50, 50, 50, 50, 0], [50, 50, 0, 0, 0], [0, 0, 0, 0, 60], [50, 0, 50, 0, 0], [3, 0, 0, 0, 0], [40, 40, 40, 40, 40]]
    )
    assert states(np.vstack([rows, whole])) == ("gone", "gone", "new", "", "", "", "")
    assert states(rows[:, :1]) == ("",) * 6


def test_drift_is_borrowed_from_all_and_shrinks_what_was_seen_in_one_part_most():
    rng = np.random.default_rng(7)
    n, window = 40_000, np.arange(40_000) // 8000
    codes = rng.integers(0, 4, n)
    codes[(codes == 3) & (window < 4)] = 2
    effect = np.array([0.5, -0.5, 0.0, 0.8])[codes]
    steady = rng.random(n) < 1 / (1 + np.exp(2 + effect))
    moving = rng.random(n) < 1 / (1 + np.exp(2 + effect + 0.5 * rng.normal(size=(4, 5))[codes, window]))
    found = []
    for y in (steady, moving):
        cells, pseudo = of_rows(codes, y, window)
        found += weigh([cells], [np.ones(4)], smoothing=pseudo, pseudo=pseudo)
    assert found[0].drift < 0.02
    assert 0.05 < found[1].drift < 1
    kept = found[1].used / found[1].raw
    assert kept[3] < kept[0]


def test_drift_of_a_characteristic_is_in_the_ledger_and_may_be_limited():
    rng = np.random.default_rng(8)
    n, time = 6000, np.arange(6000)
    moved = rng.normal(size=n) + 2.0 * time / n
    y = (rng.random(n) < 1 / (1 + np.exp(2 - moved + 2.0 * time / n))).astype(int)
    X = pd.DataFrame({"moved": moved, "still": rng.normal(size=n) + y})
    free = fitted(X, y, time=time.tolist())
    assert reasons(free).drift["moved"] > 0.25 > reasons(free).drift["still"]
    assert any("moved" in line and "PSI" in line for line in free.ledger.warnings)
    limited = fitted(X, y, time=time.tolist(), selection=Selection(max_drift=0.2))
    assert "max_drift" in reasons(limited).reason["moved"]
    assert reasons(limited).kept["still"]


def test_a_part_of_the_window_with_another_bad_rate_is_told():
    rng = np.random.default_rng(12)
    n, time = 6000, np.arange(6000)
    x = rng.normal(size=n)
    for shift, told in ((0.0, 0), (1.0, 1)):
        y = (rng.random(n) < 1 / (1 + np.exp(2 - x - shift * (time >= 4800)))).astype(int)
        fit = fitted(pd.DataFrame({"x": x}), y, time=time.tolist())
        assert sum("part 5 of 5" in line for line in fit.ledger.warnings) == told


def test_the_stability_index_is_zero_where_nothing_moves():
    assert stability_index(np.array([[3.0, 5.0], [6.0, 10.0]])) == pytest.approx(0)
    assert stability_index(np.array([[3.0], [6.0]])) == 0


def test_a_renamed_text_neither_comes_nor_goes():
    rng = np.random.default_rng(9)
    n, time = 6000, np.arange(6000)
    kind = rng.choice(["shop", "market"], n)
    y = (rng.random(n) < np.where(kind == "shop", 0.05, 0.25)).astype(int)
    text = np.where((kind == "market") & (time >= 4800), "mart", kind)
    X = pd.DataFrame({"kind": text})
    apart, one = (
        fitted(X, y, time=time.tolist(), selection=Selection(same_as=names)) for names in ({}, {"kind": {"market": "mart"}})
    )
    assert "gone" in reasons(apart).note["kind"]
    assert not reasons(one).note["kind"]
    assert ("mart", "market") in table(one, "kind").partition.groups


# Chance.


@pytest.mark.parametrize("weighted", [False, True])
def test_the_chi_square_of_noise_is_one(weighted):
    shown = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        codes, y = rng.integers(0, 5, 1500), rng.random(1500) < 0.2
        cells, pseudo = of_rows(codes, y, weight=rng.choice([1.0, 5.0], 1500) if weighted else None)
        shown.append(beyond_chance(cells, pseudo))
    # A tenth; under weights rather less, since few heavy bads make for a large variance and many of them for a small one.
    assert (0.02 if weighted else 0.05) <= np.mean(np.array(shown) > chi2.ppf(0.9, 4)) <= 0.15


@pytest.mark.parametrize(("n", "rate"), [(1000, 0.2), (4000, 0.05)])
def test_of_columns_of_noise_one_in_twenty_stays_at_most(n, rate):
    rng = np.random.default_rng(n)
    X = pd.DataFrame(
        {f"n{i}": rng.normal(size=n) for i in range(10)}
        | {f"c{i}": rng.poisson(2, n).astype(float) for i in range(5)}
        | {f"t{i}": [f"t{text}" for text in rng.integers(0, 25, n)] for i in range(5)}
    )
    found = fitted(X, (rng.random(n) < rate).astype(int), selection=Selection(min_information_value=0))
    assert reasons(found).kept.sum() <= 1


def test_weak_columns_stand_beside_many_real_ones_rather_than_alone():
    kept, noise, seeds = {"beside": 0, "alone": 0}, 0, 10
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        weak, none, real = (rng.normal(size=(1500, many)) for many in (3, 4, 11))
        eta = -2 + 0.3 * real.sum(axis=1) + 0.2 * weak.sum(axis=1)
        y = (rng.random(1500) < 1 / (1 + np.exp(-eta))).astype(int)
        X = pd.DataFrame(np.column_stack([weak, none, real]), columns=[f"x{place}" for place in range(18)])
        for case, columns in (("beside", X.columns), ("alone", X.columns[:7])):
            found = reasons(fitted(X[columns], y)).kept
            kept[case] += int(found.iloc[:3].sum())
            noise += int(found.iloc[3:7].sum()) * (case == "beside")
    assert kept["beside"] > kept["alone"]
    assert noise <= 0.1 * 4 * seeds


def test_weak_columns_stand_under_weights():
    """353 bads say more than the 93 of equal weight that have as large a variance of the mean."""
    rng = np.random.default_rng(10)
    n = 5000
    weight = rng.choice([1.0, 30.0], n, p=[0.7, 0.3])
    x = rng.normal(size=n)
    y = (rng.random(n) < 1 / (1 + np.exp(2.7 - 0.7 * x))).astype(int)
    assert reasons(fitted(pd.DataFrame({"x": x}), y, weight)).kept["x"]


def test_messages_say_what_happened():
    rng = np.random.default_rng(11)
    y = (rng.random(2000) < 0.2).astype(int)
    X = pd.DataFrame({"same": 7.0, "none": np.nan, "noise": rng.normal(size=2000), "x": rng.normal(size=2000) + y})
    told = reasons(fitted(X, y)).reason
    assert told["same"] == "constant: one attribute"
    assert told["none"] == "no values: every row is missing"
    assert "constant" not in told["noise"]
    assert "chance" in told["noise"] or "differs" in told["noise"] or "below" in told["noise"]


def test_cuts_by_hand_stand_whatever_their_share():
    X, y = flag_of_325(3)
    fit = fitted(X, y, splits={"signal": [-3.5, 0.0, 3.8]})
    assert table(fit, "signal").partition.edges == (-3.5, 0.0, 3.8)
    assert not table(fit, "signal").neutral[:4].any()
