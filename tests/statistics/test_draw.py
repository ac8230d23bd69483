"""20,000 seeds, and 20,000 keys: everyone, every pair and every sample of a stratum equally often, and so the part on site."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2, chisquare
from support.seeds import numbers

from creditscore.inspection.draw import draw, modes
from creditscore.inspection.tickets import tickets

SEEDS = 20_000
IDS = [f"91431100MA{place:08d}" for place in range(8)]
N, n, FIRST = len(IDS), 3, 2
TASK, KEY, SEED = "2024Q2-food", "0123456789abcdef" * 4, "03 08 17 21 26 32 + 09"
#: By what is chance: the source of the seed once the key is fixed, and the key for whoever would choose the seed.
CHANCE = {
    "seeds": lambda at: {"seed": numbers(f"lottery {at}"), "key": KEY},
    "keys": lambda at: {"seed": SEED, "key": hashlib.sha256(f"key {at}".encode()).hexdigest()},
    "seeds of format 2": lambda at: {"seed": f"lottery {at}"},
}


@pytest.fixture(scope="module", params=list(CHANCE))
def hits(request):
    """Who is drawn, and who is on site: a row per outcome, a column per subject; each outcome is a stratum of its own."""
    chance = CHANCE[request.param]
    found = pd.Series([ticket for at in range(SEEDS) for ticket in tickets(IDS, task=TASK, **chance(at))])
    stratum = pd.Series(np.repeat(np.arange(SEEDS).astype(str), N))
    names = [str(seed) for seed in range(SEEDS)]
    drawn = draw(stratum, found, targets=dict.fromkeys(names, n))
    mode = modes(stratum, found, drawn, on_site=dict.fromkeys(names, FIRST))
    return drawn.to_numpy().reshape(SEEDS, N), (mode == "on_site").to_numpy().reshape(SEEDS, N)


def uniform(counts, per_seed):
    """The p-value that all counts have one expectation; drawn without replacement, hence the factor (N-1)/N."""
    share = per_seed / N
    statistic = ((counts - SEEDS * share) ** 2).sum() / (SEEDS * share * (1 - share)) * (N - 1) / N
    return chi2.sf(statistic, N - 1)


def test_every_subject_is_drawn_equally_often(hits):
    drawn, on_site = hits
    assert (drawn.sum(1) == n).all()
    assert uniform(drawn.sum(0), n) > 0.01
    assert (on_site.sum(1) == FIRST).all()
    assert not (on_site & ~drawn).any()
    assert uniform(on_site.sum(0), FIRST) > 0.01


def test_every_pair_and_every_sample_is_drawn_equally_often(hits):
    drawn, on_site = hits
    # The 28 pairs on site and the 56 samples of three are outcomes of which one comes true per seed.
    for flags, outcomes in ((on_site, 28), (drawn, 56)):
        codes = flags @ (1 << np.arange(N))
        counts = np.unique(codes, return_counts=True)[1]
        assert len(counts) == outcomes
        assert chisquare(counts).pvalue > 0.01
    together = (drawn.T.astype(float) @ drawn)[np.triu_indices(N, 1)]
    expected = SEEDS * n * (n - 1) / (N * (N - 1))
    assert abs(together / expected - 1).max() < 4 / np.sqrt(expected)
