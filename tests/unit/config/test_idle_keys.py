"""Keys without effect are accepted with a warning."""

import logging

import pytest
from support.projects import write_project

from creditscore.config.project import load_project


@pytest.mark.parametrize(
    ("file", "key", "value", "instead"),
    [("project", "languages", ["zh"], "--lang"), ("scorecards", "min_tenure_months", 3, "new_subject_months")],
)
def test_a_key_without_effect_is_accepted_and_warned_of_once(tmp_path, caplog, file, key, value, instead):
    with caplog.at_level(logging.WARNING):
        write_project(tmp_path, **{file: {key: value}})
        load_project(tmp_path)
    (said,) = [record.getMessage() for record in caplog.records]
    assert f"{file}.toml: {key} has no effect" in said
    assert instead in said


def test_a_project_without_such_keys_loads_silently(tmp_path, caplog):
    write_project(tmp_path)
    assert not caplog.records
