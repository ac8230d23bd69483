import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from creditscore.config.project import load_project
from creditscore.engine import Engine
from creditscore.features.guard import guard_features
from creditscore.features.spine import spine
from creditscore.features.training_rows import training_rows
from creditscore.records.records import open_records

ROOT = Path(__file__).parents[3]
DATA = ROOT.parent / "shared" / "data" / "chicago_food_inspections"
AS_OF = dt.date(2014, 9, 1)

needs_data = pytest.mark.skipif(
    not (DATA / "events_inspections.parquet").is_file(),
    reason="the City of Chicago's inspections are not beside the repository (../shared/data/chicago_food_inspections)",
)


@pytest.fixture(scope="module")
def project():
    return load_project(ROOT / "configs" / "chicago")


@pytest.fixture(scope="module")
def records(project):
    return open_records(Engine.duckdb(), project, data=DATA)


def test_every_feature_passes_the_guard_without_a_warning(project):
    assert guard_features(project.features, project) == []


def test_the_label_is_a_critical_violation_of_an_undrawn_visit(project):
    target = project.targets[project.scorecards.target]
    assert (target.weights, target.triggers, target.severity_min) == ("none", ("special",), 8)


def test_findings_enter_as_ratios_and_inspectors_as_a_nuisance(project):
    assert project.scorecards.nuisance == "inspectors"
    assert sum(feature.aggregate == "finding_ratio" for feature in project.features) == 3
    found_by_visits = {item.kind for item in project.catalogue.item if item.found_by == "inspection"}
    counted = [feature for feature in project.features if set(feature.kind) & found_by_visits]
    assert [feature.name for feature in counted if not feature.reason] == []


def test_facility_types_become_industries_that_have_a_card(project):
    source = next(source for source in project.sources.source if source.supplement)
    types = next(rule for rule in source.column if rule.to == "industry")
    cards = {industry.code for industry in project.scorecards.industry}
    assert {"restaurant", "grocery", "school", "other"} <= {*types.values.values(), types.otherwise} <= cards


def test_tasks_start_after_the_run_and_the_policy_is_in_force(project):
    assert project.policy(AS_OF).cut_by == "max_probability"
    assert all(task.start > AS_OF for task in project.tasks.values())


@needs_data
def test_every_valid_licence_is_in_scope_and_nearly_all_tests(records):
    terms = pd.read_parquet(DATA / "licence_terms.parquet")
    in_force = terms[(terms["term_start"] <= AS_OF) & (terms["term_end"] > AS_OF)]["license"].astype(str)
    scored = spine(records, as_of=AS_OF).frame["subject_id"]
    assert set(in_force) <= set(scored)
    table = pd.read_parquet(DATA / "modelling_table.parquet", columns=["license", "test"])
    tested = table.loc[table["test"], "license"].astype(str)
    assert tested.isin(scored).mean() > 0.99
    assert tested.drop_duplicates().isin(scored).mean() > 0.99


@needs_data
def test_a_facility_type_is_unknown_before_its_first_canvass(records):
    rows = training_rows(records, records.project.targets["critical_violation"], until=dt.date(2014, 8, 31)).frame
    visits = pd.read_parquet(DATA / "events_inspections.parquet", columns=["license", "inspection_date"])
    told = visits.groupby(visits["license"].astype(str))["inspection_date"].min()
    terms = pd.read_parquet(DATA / "licence_terms.parquet", columns=["license", "license_description"])
    plain = set(terms.loc[terms["license_description"] == "Retail Food Establishment", "license"].astype(str))
    first = rows[(rows["event_date"] == rows["subject_id"].map(told)) & rows["subject_id"].isin(plain)]
    assert len(first) > 5000
    assert first["industry"].isna().mean() > 0.99
    later = rows[(rows["event_date"] > rows["subject_id"].map(told))]
    assert later["industry"].notna().all()


@needs_data
def test_labels_and_inspector_groups_agree_with_the_published_data(records):
    table = pd.read_parquet(DATA / "modelling_table.parquet")
    visits = records.inspections.to_pandas()
    both = visits.merge(table.assign(inspection_id=table["inspection_id"].astype(str)), on="inspection_id")
    assert len(both) == len(table)
    assert ((both["severity"].fillna(0) >= 8) == (both["critical_found"] == 1)).all()
    # Where two groups came to one licence on one day, neither is taken.
    one = both[both["inspectors"].notna()]
    assert len(one) > 0.999 * len(both)
    assert (one["inspectors"].map(lambda team: team[0]) == one["inspector_group"]).all()
