import hashlib

import numpy as np

from creditscore.simulate.random_bits import Bits, bounds, exponential_table, logistic_table, normal_table, ppm_of_log_odds


def test_the_tables_are_these_numbers_on_every_machine():
    found = {
        table.__name__: hashlib.sha256(table().astype("<i8").tobytes()).hexdigest()[:16]
        for table in (normal_table, logistic_table, exponential_table)
    }
    assert found == {
        "normal_table": "2da6732e33f6d5e4",
        "logistic_table": "8a6a47aae53b3885",
        "exponential_table": "4534a559428ed8fc",
    }


def test_the_stream_of_a_mechanism_is_this_one():
    assert Bits(1, "conduct", 0).halves(3).tolist() == [1978728634, 3511922587, 3552522875]


def test_a_stream_does_not_depend_on_other_mechanisms_or_chunks():
    assert Bits(7, "a", 1).words(5).tolist() == Bits(7, "a", 1).words(5).tolist()
    assert Bits(7, "a", 1).words(5).tolist() != Bits(7, "a", 2).words(5).tolist()
    assert Bits(7, "a", 1).words(5).tolist() != Bits(7, "b", 1).words(5).tolist()
    assert Bits(7, "a", 1).words(5).tolist() != Bits(8, "a", 1).words(5).tolist()


def test_hits_have_their_chance():
    odds = np.full(200_000, -2000)
    share = Bits(3, "coin").hits(bounds(odds), (200_000,)).mean()
    assert abs(share - 1 / (1 + np.exp(2))) < 0.004


def test_normal_has_mean_zero_and_deviation_one():
    draws = Bits(3, "normal").normal(200_000) / 1000
    assert abs(draws.mean()) < 0.01
    assert abs(draws.std() - 1) < 0.01


def test_integers_stay_below_their_limit():
    draws = Bits(3, "below").below(np.array([1, 2, 7]), 3)
    assert (draws < [1, 2, 7]).all()
    assert set(Bits(3, "below").below(7, 1000).tolist()) == set(range(7))


def test_ppm_of_even_odds_is_a_half():
    assert ppm_of_log_odds(np.array([0])).tolist() == [500_000]
