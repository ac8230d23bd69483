"""Forbidden factors cannot enter; noise gives no model; importing costs little."""

import datetime as dt
import shutil
import subprocess
import sys

import numpy as np
import pytest
from support.command import creditscore

import creditscore as cs
from creditscore.features.build import build_features

from .conftest import PROJECT

FORBIDDEN = {
    "inspector": ('name = "visits_by_strict_inspector"', "the inspector"),
    "ownership": ('name = "state_owned_flag"', "ownership"),
    "local branch": ('name = "has_local_branch"', "a local branch"),
}


@pytest.mark.parametrize("factor", FORBIDDEN)
def test_a_forbidden_factor_exits_2_naming_file_key_and_rule(demo, tmp_path, factor):
    name, rule = FORBIDDEN[factor]
    project = tmp_path / "project"
    shutil.copytree(PROJECT, project)
    text = f'\n[[feature]]\n{name}\nlabel = {{ zh = "x", en = "x" }}\nunit = "records"\nsource = "market"\nkind = "complaint"\naggregate = "count"\n'
    with (project / "features.toml").open("a", encoding="utf-8") as stream:
        stream.write(text)
    for command in (("run", "--out", tmp_path / "out"), ("check",)):
        said = creditscore(command[0], project, "--data", demo.data, "--as-of", "2024-04-30", *command[1:])
        assert said.code == 2
        assert "features.toml" in said.err
        assert name.split('"')[1] in said.err
        assert f"about {rule}" in said.err
        assert "forbidden" in said.err


# Fitting says so where noise leaves no characteristic.
@pytest.mark.filterwarnings("ignore::creditscore.models.estimator.OneScoreWarning")
def test_a_shuffled_target_has_an_auc_interval_around_one_half(demo):
    project = cs.load_project(PROJECT)
    records = cs.open_records(cs.Engine.duckdb(), project, data=demo.data)
    rows = cs.training_rows(records, project.targets["violation"], until="2024-04-30")
    features = build_features(records, rows, project.features)
    shuffled = rows.y.to_numpy()[np.random.default_rng(20240430).permutation(len(rows.y))]
    split = (rows.frame["as_of"] < dt.date(2023, 11, 1)).to_numpy()
    cards = cs.IndustryScorecards(features=project.features, selection=project.scorecards.selection)
    cards.fit(features[split], shuffled[split], industry=rows.industry[split], sample_weight=rows.weight[split])
    probability = cards.predict_proba(features[~split], industry=rows.industry[~split])[:, 1]
    told = cs.evaluate(shuffled[~split], probability, sample_weight=rows.weight[~split], subjects=rows.frame["subject_id"][~split])
    low, high = told.intervals["auc"]
    assert low <= 0.5 <= high


def test_importing_the_package_loads_no_heavy_library():
    heavy = "mlflow optbinning ortools lightgbm shap pyspark duckdb sklearn matplotlib ibis"
    code = f"import sys, creditscore; print([n for n in '{heavy}'.split() if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_loads():
    for name in cs.__all__:
        assert getattr(cs, name) is not None
