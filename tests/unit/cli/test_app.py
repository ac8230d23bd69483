"""How a command ends: its exit code, and one line on stderr for whatever was refused."""

import pytest
from support.command import creditscore

from creditscore import __version__
from creditscore.errors import ConfigError, DataError, DrawError, LockedError

EXPLAIN = "creditscore.pipeline.credit_check.explain"


@pytest.mark.parametrize(
    ("error", "code"),
    [(DataError("no such subject"), 2), (ConfigError("a.toml: x"), 2), (DrawError("drawn already"), 2), (LockedError("held"), 75)],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_a_refusal_is_one_line_on_stderr_and_an_exit_code(stub, run, error, code):
    stub(EXPLAIN, error)
    said = creditscore("explain", run.path, "S1", "--lang", "en")
    assert (said.code, said.out) == (code, "")
    assert said.err.splitlines() == [str(error)]


@pytest.mark.parametrize("kind", [FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, FileExistsError])
def test_a_path_that_cannot_be_used_is_named_and_refused(stub, run, kind):
    stub(EXPLAIN, kind(2, "not possible", "some/file"))
    said = creditscore("explain", run.path, "S1", "--lang", "en")
    assert said.code == 2
    assert "some/file" in said.err


def test_a_value_with_braces_in_an_error_is_shown_as_it_is(stub, run):
    stub(EXPLAIN, DataError("{path}: expected a run", path="{x}/$HOME"))
    assert "{x}/$HOME" in creditscore("explain", run.path, "S1", "--lang", "en").err


def test_the_version_goes_to_stdout():
    said = creditscore("--version")
    assert (said.code, said.out.split()) == (0, ["creditscore", __version__])


@pytest.mark.parametrize("words", [("nonsense",), ("explain",), ("lookup", "x", "--nonsense"), ("plan", "nonsense")])
def test_unknown_words_and_missing_arguments_are_refused(words):
    said = creditscore(*words)
    assert said.code == 2
    assert said.err.splitlines()[-1].startswith("Error")


def test_help_lists_every_command():
    said = creditscore("--help")
    assert said.code == 0
    commands = "demo simulate check train run draw verify-plan sign sign-cards results explain lookup feedback records forecast"
    assert {*commands.split(), "monitor", "report", "replay", "plan", "simulate-visits"} <= set(said.out.split())
