"""Interpretable scorecards, supervision tiers and verifiable random inspections (信用分级分类监管).

Names load when they are first used: importing the package loads no engine, no fitting library and no tracker.
"""

import importlib
from typing import TYPE_CHECKING, Any

from creditscore._version import __version__
from creditscore.errors import ConfigError, CreditScoreError, DataError, DrawError, LockedError, NotFittedError

if TYPE_CHECKING:
    from creditscore.config.policy import TierPolicy, load_policy
    from creditscore.config.project import Project, load_project
    from creditscore.config.scorecards import Binning, Industry, Pooling, Scaling, Selection
    from creditscore.engine import Engine
    from creditscore.features.build import build_features
    from creditscore.features.spine import spine
    from creditscore.features.training_rows import training_rows
    from creditscore.inspection.allocation import allocate_visits
    from creditscore.inspection.forecast import forecast_policy
    from creditscore.inspection.plan import plan_inspections
    from creditscore.inspection.verify import verify_plan
    from creditscore.models.challenger import fit_lightgbm, load_lightgbm
    from creditscore.models.classifier import ScorecardClassifier
    from creditscore.models.evaluate import evaluate, paired_difference
    from creditscore.models.industry import IndustryScorecards
    from creditscore.models.monitor import psi, psi_table
    from creditscore.models.rivals import fit_logistic, fit_optbinning
    from creditscore.models.scorecard import Scorecard
    from creditscore.models.swap import swap_set
    from creditscore.pipeline.credit_check import explain, lookup
    from creditscore.pipeline.run import run_project
    from creditscore.records.deliveries.checkup import check_up
    from creditscore.records.records import open_records
    from creditscore.simulate.city import simulate_city
    from creditscore.simulate.parameters import CityParameters
    from creditscore.tiering.assignment import assign_tiers

#: Where each public name lives.
_HOMES = {
    "config.policy": ("TierPolicy", "load_policy"),
    "config.project": ("Project", "load_project"),
    "config.scorecards": ("Binning", "Industry", "Pooling", "Scaling", "Selection"),
    "engine": ("Engine",),
    "features.build": ("build_features",),
    "features.spine": ("spine",),
    "features.training_rows": ("training_rows",),
    "inspection.allocation": ("allocate_visits",),
    "inspection.forecast": ("forecast_policy",),
    "inspection.plan": ("plan_inspections",),
    "inspection.verify": ("verify_plan",),
    "models.challenger": ("fit_lightgbm", "load_lightgbm"),
    "models.classifier": ("ScorecardClassifier",),
    "models.evaluate": ("evaluate", "paired_difference"),
    "models.industry": ("IndustryScorecards",),
    "models.monitor": ("psi", "psi_table"),
    "models.rivals": ("fit_logistic", "fit_optbinning"),
    "models.scorecard": ("Scorecard",),
    "models.swap": ("swap_set",),
    "pipeline.credit_check": ("explain", "lookup"),
    "pipeline.run": ("run_project",),
    "records.deliveries.checkup": ("check_up",),
    "records.records": ("open_records",),
    "simulate.city": ("simulate_city",),
    "simulate.parameters": ("CityParameters",),
    "tiering.assignment": ("assign_tiers",),
}

__all__ = [
    "Binning", "CityParameters", "ConfigError", "CreditScoreError", "DataError", "DrawError", "Engine", "Industry",
    "IndustryScorecards", "LockedError", "NotFittedError", "Pooling", "Project", "Scaling", "Scorecard", "ScorecardClassifier",
    "Selection", "TierPolicy", "__version__", "allocate_visits", "assign_tiers", "build_features", "check_up", "evaluate",
    "explain", "fit_lightgbm", "fit_logistic", "fit_optbinning", "forecast_policy", "load_lightgbm", "load_policy", "load_project",
    "lookup", "open_records", "paired_difference", "plan_inspections", "psi", "psi_table", "run_project", "simulate_city", "spine",
    "swap_set", "training_rows", "verify_plan",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """A public name, loaded from its home at first use (PEP 562)."""
    home = next((home for home, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module 'creditscore' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"creditscore.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
