"""Every failure becomes a sentence and an exit code; what is logged, and what ``--json`` leaves on stdout."""

import errno
import json
import logging
import os
import sqlite3
import zipfile

import pyarrow as pa
import pytest
from support.command import ASKING, creditscore

from creditscore.cli.boundary import Code, failure_of
from creditscore.errors import DataError, LockedError

EXPLAIN = "creditscore.pipeline.credit_check.explain"


def of_system(number, path=None):
    return OSError(number, os.strerror(number), path)


def raised_from(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (of_system(errno.ENOSPC), "the disk is full"),
        (of_system(errno.EROFS, "some/file"), "some/file: the disk is read-only"),
        (of_system(errno.EACCES, "some/file"), "some/file: no permission"),
        (of_system(errno.ENAMETOOLONG, "some/file"), "some/file: the name is too long"),
        (of_system(errno.EIO, "some/file"), "some/file: expected a path that can be used"),
        (OSError("a page was cut short"), "a page was cut short"),
        (sqlite3.DatabaseError("file is not a database"), "file is not a database"),
        (pa.ArrowInvalid("the cell 张三"), "ArrowInvalid"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"), "UTF-8"),
        (zipfile.BadZipFile("no zip"), "BadZipFile"),
        (json.JSONDecodeError("x", "", 0), "JSONDecodeError"),
        (RecursionError(), "nested too deeply"),
        (MemoryError(), "memory"),
        (raised_from(RuntimeError("wrapped"), sqlite3.OperationalError("disk I/O error")), "disk I/O error"),
        (raised_from(RuntimeError("wrapped"), DataError("no such subject")), "no such subject"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_what_was_handed_in_or_the_machine_is_at_fault_and_named(stub, run, error, words):
    stub(EXPLAIN, error)
    said = creditscore("explain", run.path, "S1", "--lang", "en")
    assert (said.code, said.out) == (2, "")
    assert words in said.err
    assert "Traceback" not in said.err
    if getattr(error, "filename", None) is None and not isinstance(error.__cause__, DataError):
        assert str(run.path) in said.err
    assert "张三" not in said.err


def test_a_fault_of_the_program_is_one_sentence_and_its_traceback_only_on_request(stub, run):
    stub(EXPLAIN, RuntimeError("broken"))
    said = creditscore("explain", run.path, "S1", "--lang", "en")
    assert (said.code, said.out) == (1, "")
    assert said.err.splitlines() == [
        "RuntimeError: broken. This is a fault of the program; run with --log-level debug for the details"
    ]
    assert "Traceback" in creditscore("explain", run.path, "S1", "--log-level", "debug").err


def test_an_interrupted_command_says_so_in_one_line(stub, run):
    stub(EXPLAIN, KeyboardInterrupt())
    said = creditscore("explain", run.path, "S1", "--lang", "en")
    assert (said.code, said.out) == (130, "")
    assert said.err.splitlines() == ["interrupted; what was finished before stays"]


@pytest.mark.parametrize(
    ("error", "key", "code"),
    [(DataError("no such subject"), "refused", 2), (LockedError("held"), "refused", 75), (KeyError("x"), "error", 1)],
    ids=["refused", "locked", "fault"],
)
def test_with_json_a_failure_is_one_document_and_its_sentence_stays_on_stderr(stub, run, error, key, code):
    stub(EXPLAIN, error)
    said = creditscore("explain", run.path, "S1", "--json", "--lang", "en")
    assert said.code == code
    assert said.json == {key: said.err.strip(), "code": code}


def test_with_json_the_sentence_is_in_the_language_that_was_asked_for(stub, run):
    stub(EXPLAIN, of_system(errno.ENOSPC, "some/file"))
    assert "磁盘" in creditscore("explain", run.path, "S1", "--json", "--lang", "zh").json["refused"]


@pytest.mark.parametrize(
    "words", [("nonsense",), ("explain",), ("check", "--nonsense"), ("explain", "x", "y", "--lang", "xx"), ("plan", "nonsense")]
)
def test_with_json_wrong_words_are_one_document_too(words):
    said = creditscore(*words, "--json")
    assert said.code == 2
    assert said.json["code"] == 2
    assert said.json["refused"] in said.err


def test_with_json_what_libraries_print_goes_to_stderr(monkeypatch, run):
    def prints(*_args):
        print("View run at http://…")  # noqa: T201 - what is tested
        raise DataError("no such subject")

    monkeypatch.setattr(EXPLAIN, prints)
    said = creditscore("explain", run.path, "S1", "--json")
    assert said.json["code"] == 2
    assert "View run" in said.err


def test_with_json_a_number_that_is_not_finite_is_null(monkeypatch, run):
    monkeypatch.setattr("creditscore.cli.subjects.rows_of", lambda _frame: [{"a": float("nan"), "b": [float("inf")]}])
    said = creditscore("lookup", run.path, *ASKING, "S00001", "--json")
    assert said.code == 0
    assert said.json["rows"] == [{"a": None, "b": [None]}]


@pytest.mark.parametrize("first", [True, False], ids=["before the command", "after it"])
def test_lines_of_json_have_time_level_logger_and_message(monkeypatch, run, first):
    def logs(*_args):
        logging.getLogger("creditscore.here").info("half of %s", "it")
        logging.getLogger("creditscore.here").debug("not shown")
        raise DataError("no such subject")

    monkeypatch.setattr(EXPLAIN, logs)
    options, command = ("--log-format", "json"), ("explain", run.path, "S1", "--lang", "en")
    said = creditscore(*((*options, *command) if first else (*command, *options)))
    lines = [json.loads(line) for line in said.err.splitlines()]
    assert [(line["level"], line["logger"], line["message"]) for line in lines] == [
        ("info", "creditscore.here", "half of it"), ("error", "creditscore.cli.boundary", "no such subject"),
    ]  # fmt: skip
    assert all(line["time"].endswith("Z") for line in lines)


def test_wrong_words_are_a_line_of_json_where_lines_are_json():
    said = creditscore("--log-format=json", "check", "--nonsense")
    assert said.code == 2
    assert json.loads(said.err)["level"] == "error"


@pytest.mark.parametrize(("level", "shown"), [("error", []), ("warning", ["second"]), ("info", ["first", "second"])])
def test_lines_below_the_level_are_not_logged_and_nothing_stays_set(monkeypatch, run, level, shown):
    def logs(*_args):
        logging.getLogger("creditscore.here").info("first")
        logging.getLogger("creditscore.here").warning("second")
        raise DataError("third")

    monkeypatch.setattr(EXPLAIN, logs)
    before = (logging.getLogger("creditscore").level, list(logging.getLogger().handlers))
    said = creditscore("explain", run.path, f"--log-level={level}", "S1")
    assert said.err.split() == [*shown, "third"]
    assert (logging.getLogger("creditscore").level, logging.getLogger().handlers) == before


def test_words_after_two_dashes_are_no_options(stub, run):
    calls = stub(EXPLAIN, DataError("x"))
    creditscore("explain", run.path, "--", "--log-level")
    assert calls[0][0][1] == "--log-level"


def test_an_unknown_level_is_refused():
    said = creditscore("check", "--log-level", "loud")
    assert said.code == 2
    assert "--log-level" in said.err


def test_a_path_with_bytes_that_are_not_utf_8_can_be_shown():
    said = creditscore("explain", "/tmp/\udcff", "S1", "--json", "--lang", "en")
    assert said.json["code"] == 2


def test_codes_do_not_change():
    assert {code.name: int(code) for code in Code} == {
        "DONE": 0, "FAULT": 1, "REFUSED": 2, "ALARM": 3, "SINK_BEHIND": 4, "LOCKED": 75, "INTERRUPTED": 130,
    }  # fmt: skip


def test_an_error_that_names_no_file_is_about_those_of_the_command_line(tmp_path):
    path = tmp_path / "frame.csv"
    path.write_text("x", "utf-8")
    sentence = str(failure_of(pa.ArrowInvalid("x"), ["draw", str(path), f"--staff={path}", "--seed", "s"]).sentence)
    assert sentence.startswith(f"{path}, {path}: ")
    assert str(failure_of(pa.ArrowInvalid("x"), ["draw", "--seed", "s"]).sentence).startswith("draw: ")


def test_what_cannot_be_closed_gives_no_traceback(monkeypatch, run):
    class Writer:
        """Like a writer of Parquet on a full disk: its last write, on closing, fails too."""

        def __del__(self):
            raise of_system(errno.ENOSPC)

    def writes(*_args):
        writer = Writer()
        raise of_system(errno.ENOSPC, str(writer and "some/file"))

    monkeypatch.setattr(EXPLAIN, writes)
    said = creditscore("explain", run.path, "S1", "--lang", "en")
    assert said.code == 2
    assert said.err.splitlines() == ["some/file: the disk is full: free some space, or choose another folder"]
