"""Results of a task whose item other visits check too wait for the draws of both."""

import datetime as dt

import pandas as pd
import pytest

from creditscore.config.policy import TierPolicy
from creditscore.config.tasks import Task
from creditscore.errors import DataError
from creditscore.inspection.plan import plan_inspections
from creditscore.inspection.visits import Opened, merge_plans
from creditscore.pipeline.results import refuse_half_merged
from creditscore.tiering.tiers import Tiers

CUTS = [*({"name": name, "max_probability": cut} for name, cut in (("A", 0.01), ("B", 0.05), ("C", 0.1))), {"name": "D"}]
RATIOS = {"A": 0.1, "B": 0.2, "C": 0.3, "D": 0.5, "NR": 0.2}


@pytest.fixture
def plans():
    rules = {tier: {"ratio": ratio, "visits_per_year": 1} for tier, ratio in RATIOS.items()}
    told = {"effective": dt.date(2024, 1, 1), "basis": "example", "signed_by": "example", "tier": CUTS, "inspection": rules}
    policy = TierPolicy.model_validate(told)
    ids = [f"S{place}" for place in range(30)]
    tiers = Tiers(pd.DataFrame({"subject_id": ids, "as_of": dt.date(2024, 4, 30), "industry": "food", "tier": "C"}))
    days = {"start": dt.date(2024, 5, 1), "end": dt.date(2024, 6, 30)}
    about = {"label": {"zh": "任务", "en": "task"}, "item": "hygiene", "department": "SAMR", **days}
    tasks = (Task.model_validate({**about, "id": "one", "also_checks": ("two",)}), Task.model_validate({**about, "id": "two"}))
    return merge_plans([plan_inspections(tiers, policy, task=task) for task in tasks])


def test_results_of_an_item_wait_for_all_draws_that_check_it(plans):
    one, two = plans
    half = [one, Opened(two.draw(seed="s"))]
    with pytest.raises(DataError, match="task one: expected it drawn"):
        refuse_half_merged({"two"}, half)
    refuse_half_merged({"one"}, half)
    refuse_half_merged({"two"}, [Opened(one.draw(seed="s")), half[1]])
