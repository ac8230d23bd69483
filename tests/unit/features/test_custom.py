"""A feature of one's own: it enters only beside an oracle that gives the same values."""

import datetime as dt

import pytest
from support.projects import event, feature, subject, write_project, write_tables

from creditscore.engine import Engine
from creditscore.errors import ConfigError, DataError
from creditscore.features.build import build_features
from creditscore.features.custom import custom_feature
from creditscore.features.spine import spine
from creditscore.records.records import open_records

D = dt.date


@custom_feature(oracle=lambda events, as_of: max(e["severity"] for e in events) - min(e["severity"] for e in events))
def severity_spread(events):
    return events.severity.max() - events.severity.min()


@custom_feature(oracle=lambda events, as_of: len(events))
def wrong_oracle(events):
    return events.severity.max()


def no_feature(events):
    return events.severity.max()


def built(tmp_path, function, **more):
    mine = feature("mine", aggregate="custom", function=function, **more)
    project = write_project(tmp_path / "project", features={"feature": [mine, feature("plain")]})
    events = [event(f"e{place}", "S1", "penalty", D(2024, 1, place + 1), severity=place + 2) for place in range(4)]
    data = write_tables(tmp_path / "data", subjects=[subject("S1"), subject("S2")], events=events)
    records = open_records(Engine.duckdb(), project, data=data)
    return build_features(records, spine(records, as_of="2024-04-30"), project.features)


def test_a_custom_function_sees_only_the_visible_counted_events(tmp_path):
    found = built(tmp_path, f"{__name__}:severity_spread", severity_min=3)
    assert found["mine"].tolist()[0] == 2
    assert found["mine"].isna().tolist() == [False, True]
    assert found["plain"].tolist() == [4, 0]


def test_a_function_that_differs_from_its_oracle_is_refused(tmp_path):
    with pytest.raises(DataError, match="oracle"):
        built(tmp_path, f"{__name__}:wrong_oracle")


@pytest.mark.parametrize("function", ["no.such.module:x", f"{__name__}:nothing", "plain text", f"{__name__}:no_feature"])
def test_a_function_without_oracle_or_module_is_refused(tmp_path, function):
    with pytest.raises(ConfigError, match="function"):
        built(tmp_path, function)
