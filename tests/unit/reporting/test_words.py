"""Words for codes that other packages write."""

import datetime as dt

import pandas as pd
import pytest

from creditscore.config.spec import Label
from creditscore.config.targets import InspectionTarget
from creditscore.features.training_rows import _reasons
from creditscore.reporting.words import LEFT_OUT


@pytest.mark.parametrize(("weights", "mode"), [("design", "on_site"), ("none", "off_site")])
def test_every_reason_to_leave_a_visit_out_of_training_has_words(weights, mode):
    triggers = ("random",) if weights == "design" else ("complaint",)
    target = InspectionTarget(
        type="inspection", name="bad", label=Label(zh="违规", en="Bad"), mode=mode, weights=weights, triggers=triggers
    )
    visits = pd.DataFrame(
        {
            "trigger": ["random"],
            "mode": ["on_site"],
            "outcome": ["none"],
            "subject_type": ["enterprise"],
            "p": [0.5],
            "ranking_only": [False],
            "set_off": [True],
        },
        index=[dt.date(2024, 4, 30)],
    )
    assert {reason for _, reason in _reasons(visits, target, ("enterprise",))} <= set(LEFT_OUT)
