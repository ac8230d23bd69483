"""What is published of a draw tells nobody's tier: an attacker who has the list, the seed and the results does no better than chance."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from support.plans import a_policy, a_task
from support.seeds import numbers
from support.tasks import draw, of_format_2

from creditscore.inspection.plan import plan_inspections
from creditscore.inspection.plan_folder import PUBLICATION_COLUMNS
from creditscore.inspection.visits import Opened, visits_of_plans
from creditscore.tiering.tiers import Tiers

DRAWS, SUBJECTS = 12, 1_500


def auc(values, risky):
    """How often a risky one has the greater value."""
    order = pd.Series(values).rank().to_numpy()
    n = int(risky.sum())
    return (order[risky].sum() - n * (n + 1) / 2) / (n * (len(risky) - n))


def town(seed):
    rng = np.random.default_rng(seed)
    ids = [f"9143{one:08d}" for one in rng.choice(10**8, SUBJECTS, replace=False)]
    frame = pd.DataFrame({"subject_id": ids, "as_of": pd.Timestamp("2024-04-30").date(), "industry": "food"})
    return Tiers(frame.assign(tier=rng.choice(["A", "B", "C", "D"], SUBJECTS, p=[0.4, 0.3, 0.2, 0.1])))


def seen_by_the_public(drawn, seed):
    """Numbers that anybody can work out for each drawn subject, and whether its tier is risky."""
    ids = sorted(drawn.drawn["subject_id"])
    week = visits_of_plans([Opened(drawn)]).set_index("subject_id")["week"]
    told = {
        "ticket without the nonce": [int(_hash(f"{seed}|{drawn.task.id}|{one}")[:12], 16) for one in ids],
        "ticket with the frame hash for a key": [
            int(_hash(f"{seed}|{drawn.task.id}|{one}|{drawn.frame_hash}")[:12], 16) for one in ids
        ],
        "place in the list": list(range(len(ids))),
        "week of the visit": [int(week[one]) for one in ids],
        "id": [int(one) for one in ids],
    }
    tier = drawn.drawn.set_index("subject_id").loc[ids, "tier"]
    return told, tier.isin(["C", "D"]).to_numpy()


def _hash(text):
    return hashlib.sha256(text.encode()).hexdigest()


def attack(made):
    """The AUC of each number over several draws, each ranked within its draw."""
    found = {}
    for number in range(DRAWS):
        seed = numbers(f"draw {number}")
        told, risky = seen_by_the_public(draw(made(number), seed=seed), seed)
        for name, values in told.items():
            found.setdefault(name, []).append(auc(values, risky))
    return {name: float(np.mean(values)) for name, values in found.items()}


def plan(number):
    return plan_inspections(town(number), a_policy(), task=a_task())


def test_what_is_published_ranks_the_tiers_no_better_than_chance():
    found = attack(plan)
    # About 90 drawn in each draw, 15 of them in A and B: a standard error of 0.08 in one, 0.025 in twelve.
    assert all(abs(value - 0.5) < 0.08 for value in found.values()), found


def test_the_same_attack_finds_the_tiers_of_the_older_format():
    found = attack(lambda number: of_format_2(plan(number)))
    assert found["ticket without the nonce"] > 0.75
    assert found["week of the visit"] > 0.7


@pytest.mark.parametrize("column", ["tier", "score", "stratum", "ticket", "mode", "inclusion_probability"])
def test_no_column_of_the_publication_tells_it(column):
    assert column not in PUBLICATION_COLUMNS
