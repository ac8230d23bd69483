"""A small project with one task, and a finished run of it that was written by hand."""

import datetime as dt
from unittest import mock

import pytest
from support.projects import write_project
from support.runs import TASK, add_plan, finished_run
from support.seeds import numbers
from support.tasks import BY, KEY, PUBLIC

from creditscore.inspection import sampling_frame
from creditscore.pipeline.draws import draw_task
from creditscore.pipeline.plans import publish_task


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    return write_project(tmp_path_factory.mktemp("project"), tasks={"task": [TASK]})


@pytest.fixture
def run(tmp_path, project):
    return finished_run(tmp_path / "out", project)


@pytest.fixture
def task(run, project):
    """The folder of a task's draft, ``OUT/tasks/hygiene``."""
    return add_plan(run, project)


@pytest.fixture
def published(task):
    """The same task, published; with the same key each time, so that the same subjects are drawn."""
    with mock.patch.object(sampling_frame, "new_key", return_value=KEY):
        publish_task(task, **PUBLIC)
    return task


@pytest.fixture
def drawn(published):
    """The same task, drawn on 2 May."""
    draw_task(published, seed=numbers("s"), by=BY, on=dt.date(2024, 5, 2))
    return published
