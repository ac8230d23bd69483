"""A policy that is tried uses scores from before each visit, and forecasts everyone or a task."""

import datetime as dt
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pytest
from support.projects import DAY
from support.runs import tier_rows

from creditscore.errors import DataError
from creditscore.pipeline import policy_trial as module
from creditscore.pipeline.policy_trial import Trial, scores_before_visits, try_policy
from creditscore.tiering.tiers import Tiers

VISITS = pd.DataFrame(
    [
        ("v1", "S1", dt.date(2024, 2, 1), "random", "on_site"),
        ("v2", "S1", dt.date(2024, 3, 1), "random", "on_site"),
        ("v3", "S2", dt.date(2024, 2, 1), "full_coverage", "on_site"),
        ("off site", "S2", dt.date(2024, 2, 1), "random", "off_site"),
        ("complaint", "S2", dt.date(2024, 2, 1), "complaint", "on_site"),
        ("of another", "S3", dt.date(2024, 2, 1), "random", "on_site"),
        ("later", "S1", dt.date(2024, 5, 1), "random", "on_site"),
    ],
    columns=["inspection_id", "subject_id", "event_date", "trigger", "mode"],
)
INDUSTRIES = {"S1": "food", "S2": "shop"}


@pytest.fixture
def asked(monkeypatch):
    """The rows that were scored; each subject scores 500, with a risk of 1 %."""
    rows = []

    def spine(records, wanted, *, name):
        rows.append(wanted)
        return wanted

    monkeypatch.setattr(module, "spine_from_rows", spine)
    monkeypatch.setattr(module, "feature_table", lambda records, wanted, features, name: wanted)
    monkeypatch.setattr(
        module, "score_table", lambda engine, table, *_, **__: pa.Table.from_pandas(table.assign(score=500, probability_ppm=10_000))
    )
    return rows


def records_of(project, visits=VISITS):
    table = pa.Table.from_pandas(visits)
    return SimpleNamespace(project=project, engine=None, inspections=table, results=lambda _as_of: table, frames=None)


def scores(project, held_out=None, visits=VISITS):
    held_out = pd.DataFrame() if held_out is None else held_out
    return scores_before_visits(records_of(project, visits), {}, INDUSTRIES, until=DAY, held_out=held_out)


def test_past_random_visits_are_scored_as_of_the_day_before(project, asked):
    table = scores(project)
    assert table.columns.tolist() == ["inspection_id", "industry", "score", "probability_ppm"]
    assert table["inspection_id"].tolist() == ["v1", "v2", "v3"]
    (rows,) = asked
    assert rows["as_of"].tolist() == [dt.date(2024, 1, 31), dt.date(2024, 2, 29), dt.date(2024, 1, 31)]
    assert table["industry"].tolist() == ["food", "food", "shop"]


def test_two_visits_on_one_day_are_scored_once(project, asked):
    twice = pd.concat([VISITS.iloc[:1], VISITS.iloc[:1].assign(inspection_id="v0")])
    assert scores(project, visits=twice)["inspection_id"].tolist() == ["v0", "v1"]
    assert len(asked[0]) == 1


def test_without_visits_nothing_is_scored(project, asked):
    assert scores(project, visits=VISITS.iloc[3:]).empty
    assert asked == []


def test_a_fit_that_did_not_use_the_visit_is_preferred(project, asked):
    held_out = pd.DataFrame({"subject_id": ["S1", "S2"], "as_of": dt.date(2024, 1, 31), "probability": [0.2, None]})
    table = scores(project, held_out).set_index("inspection_id")
    assert table["probability_ppm"].to_dict() == {"v1": 200_000, "v2": 10_000, "v3": 10_000}
    assert table.loc["v1", "score"] != 500
    assert table.loc[["v2", "v3"], "score"].tolist() == [500, 500]


@pytest.fixture
def reads():
    """How often past visits were read."""
    return []


@pytest.fixture
def trial(project, monkeypatch, reads):
    """A trial whose forecast says for whom it was made."""
    monkeypatch.setattr(module, "read_past_visits", lambda *_, **__: reads.append(1) or "visits")
    monkeypatch.setattr(module, "forecast_from_visits", lambda *args, task, **__: Forecast(task, ("note",)))
    monkeypatch.setattr(module, "replace", lambda forecast, **changes: Forecast(forecast.task, changes["notes"]))
    return Trial(project.policy(DAY), records_of(project), Tiers(tier_rows()), 3, pd.DataFrame())


class Forecast:
    def __init__(self, task, notes):
        self.task, self.notes = task, notes


def test_a_forecast_is_for_everyone_or_for_a_task(trial, project):
    assert trial.forecast().task is None
    assert trial.forecast(task="hygiene").task == project.tasks["hygiene"]


def test_past_visits_are_read_once_for_all_tasks(trial, reads):
    for task in (None, "hygiene", "hygiene"):
        trial.forecast(task=task)
    assert reads == [1]


def test_a_forecast_notes_how_many_tiers_wait_for_a_signature(trial):
    notes = trial.forecast().notes
    assert notes[-1] == "note"
    assert len(notes) == 2


def test_capacity_is_allocated_with_the_ratio_of_a_as_floor(trial, monkeypatch):
    calls = []
    monkeypatch.setattr(module, "allocate_visits", lambda forecasts, **options: calls.append((list(forecasts), options)))
    trial.allocate({"SAMR": 600})
    ((forecasts, options),) = calls
    assert forecasts == list(options["tasks"]) == ["hygiene"]
    assert options["floors"] == dict.fromkeys("ABCD", 0.01) | {"NR": 0.01}


@pytest.mark.parametrize("capacity", [{}, {"SAMR": 1, "other": 2}])
def test_capacity_of_a_department_without_a_task_is_refused(trial, capacity):
    with pytest.raises(DataError, match="expected departments of tasks that are due, SAMR"):
        trial.allocate(capacity)


def test_a_later_policy_is_tried_as_of_the_runs_day(run, project, monkeypatch):
    later = project.policy(DAY).model_copy(update={"effective": dt.date(2025, 1, 1)})
    calls = {}

    def assign(table, policy, **options):
        calls.update(policy=policy, **options)
        return Tiers(tier_rows())

    monkeypatch.setattr(type(project), "policy_of", lambda *_: later)
    monkeypatch.setattr(module, "open_records", lambda *_, **__: records_of(project))
    monkeypatch.setattr(module, "assign_tiers", assign)
    monkeypatch.setattr(module, "scores_before_visits", lambda *_, held_out, **__: held_out)
    trial = try_policy(project, run, run.path, data=run.path, engine=None)
    assert calls["policy"].effective == DAY
    assert set(calls["subjects"]["reason"]) == {"no_card"}
    assert trial.proposed == len(Tiers(tier_rows()).proposed())
    assert (trial.tiers.frame["tier"] == trial.tiers.frame["raw_tier"]).all()
    assert trial.scores.empty
