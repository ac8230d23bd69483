"""A small project with one task, and a finished run of it that was written by hand."""

import pytest
from support.projects import write_project
from support.runs import TASK, add_plan, finished_run


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    return write_project(tmp_path_factory.mktemp("project"), tasks={"task": [TASK]})


@pytest.fixture
def run(tmp_path, project):
    return finished_run(tmp_path / "out", project)


@pytest.fixture
def plan(run, project):
    """The folder of the run's undrawn plan."""
    add_plan(run, project)
    return run.plan("hygiene")


@pytest.fixture
def renewed(monkeypatch):
    """The runs whose documents were written again, instead of writing them."""
    runs = []
    for module in ("draws", "plans"):
        monkeypatch.setattr(f"creditscore.pipeline.{module}.renew_documents", lambda run, **_: runs.append(run.path.name))
    return runs
