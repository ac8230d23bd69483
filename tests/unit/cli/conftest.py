"""A project and a finished run, and commands of the pipeline as stubs that note how they were called."""

import pytest
from support.projects import subject, write_project, write_tables
from support.runs import TASK, add_plan, finished_run


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    return write_project(tmp_path_factory.mktemp("project"), tasks={"task": [TASK]})


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    return write_tables(tmp_path_factory.mktemp("data"), subjects=[subject("S00000")])


@pytest.fixture(scope="session")
def run(tmp_path_factory, project):
    """A finished run with one plan, to be read only."""
    folder = finished_run(tmp_path_factory.mktemp("runs"), project)
    add_plan(folder, project)
    return folder


@pytest.fixture
def stub(monkeypatch):
    """Replace a function by its path; returns the list of its calls, each positional arguments and options."""

    def replace(path, result=None):
        calls = []

        def stand_in(*args, **options):
            calls.append((args, options))
            if isinstance(result, BaseException):
                raise result
            return result

        monkeypatch.setattr(path, stand_in)
        return calls

    return replace
