"""A small policy, a task, tiers and staff to plan with."""

import datetime as dt

import numpy as np
import pandas as pd
from support.seeds import SOURCE

from creditscore.config.policy import TierPolicy
from creditscore.config.tasks import Task
from creditscore.tiering.tiers import Tiers

RATIOS = {"A": 0.01, "B": 0.02, "C": 0.1, "D": 0.3, "NR": 0.02}
CUTS = [*({"name": name, "max_probability": cut} for name, cut in (("A", 0.01), ("B", 0.05), ("C", 0.1))), {"name": "D"}]


def rules(ratios=None, **each):
    visits = {"A": 1, "B": 1, "C": 2, "D": 4, "NR": 1}
    return {tier: {"ratio": ratio, "visits_per_year": visits[tier], **each} for tier, ratio in {**RATIOS, **(ratios or {})}.items()}


def a_policy(ratios=None, each=None, **more):
    told = {"effective": dt.date(2024, 1, 1), "basis": "example", "signed_by": "example", "tier": CUTS}
    return TierPolicy.model_validate({**told, "inspection": rules(ratios, **(each or {})), **more})


def a_task(**more):
    told = {"id": "2024Q2-food", "label": {"zh": "食品", "en": "food"}, "item": "food hygiene", "department": "SAMR"}
    return Task.model_validate({**told, "start": dt.date(2024, 5, 1), "end": dt.date(2024, 6, 30), "seed": SOURCE, **more})


def a_tiers(count=300, *, tier=None, industry=None, subjects=None):
    rng = np.random.default_rng(1)
    ids = [f"S{place:05d}" for place in range(count)]
    tiers = [tier] * count if tier else rng.choice(["A", "B", "C", "D", "NR"], count, p=[0.5, 0.25, 0.12, 0.08, 0.05])
    industries = [industry] * count if industry else rng.choice(["food", "retail"], count)
    frame = pd.DataFrame({"subject_id": ids, "as_of": dt.date(2024, 4, 30), "industry": industries, "tier": tiers})
    return Tiers(frame, subjects=subjects)


def a_staff(count=6, **more):
    told = {"staff_id": [f"P{place}" for place in range(count)], "name": "张三", "certificate_valid_to": dt.date(2025, 1, 1)}
    return pd.DataFrame({**told, "region": "431102", "department": "SAMR", **more})
