"""What a policy file may not say."""

import datetime as dt

import pytest
from pydantic import ValidationError


def cuts(**by_tier):
    """Rules like ``A = ("min_score", 600)``, and D with the rest."""
    return [*({"name": tier, kind: value} for tier, (kind, value) in by_tier.items()), {"name": "D"}]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"ratios": {"D": 0.005}}, "must not fall from A to D"),
        ({"ratios": {"A": 0.02}}, "A below B"),
        ({"ratios": {"A": 0.0}}, "greater than 0"),
        ({"ratios": {"D": 3}}, "less than or equal to 1"),
        ({"ratios": {"NR": 0.01}}, "a typo is no exemption"),
        ({"annual_cap": 3}, "annual_cap must not be below"),
        ({"stability": {"band": 5}}, "take stability.margin"),
        ({"tier": cuts(A=("min_score", 600), B=("min_score", 600), C=("min_score", 500))}, "strictly"),
        ({"tier": cuts(A=("min_score", 600), B=("share", 0.2), C=("min_score", 500))}, "of one kind"),
        ({"tier": cuts(A=("min_score", 600), C=("min_score", 500))}, "A, B, C and D"),
        ({"override": [{"kind": "x", "scheme": "y", "tier": "D", "basis": "z"}]}, "names a kind, or a scheme"),
        ({"override": [{"kind": "x", "tier": "D", "basis": ""}]}, "at least 1 character"),
    ],
)  # fmt: skip
def test_an_impossible_policy_is_refused(make_policy, change, says):
    with pytest.raises(ValidationError, match=says):
        make_policy(**change)


def test_the_hash_of_a_policy_follows_its_content(make_policy):
    assert make_policy().sha256 == make_policy().sha256
    assert make_policy().sha256 != make_policy({"A": 0.011}).sha256


def test_a_task_that_ends_before_it_starts_is_refused(make_task):
    with pytest.raises(ValidationError, match="end must not be before start"):
        make_task(end=dt.date(2024, 4, 1))
