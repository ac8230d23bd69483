"""Where every failure of a command ends: one sentence on stderr, an exit code, and the traceback for those who ask for it."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import sqlite3
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import Path

import typer

from creditscore.cli.options import print_document
from creditscore.errors import CreditScoreError, LockedError
from creditscore.language import DEFAULT_LANGUAGE, Text, Words, _

_log = logging.getLogger(__name__)


class Code(IntEnum):
    """How a command ends, for the shell."""

    DONE = 0
    #: A fault of the program.
    FAULT = 1
    #: Input, configuration or a path was refused; earlier results are untouched.
    REFUSED = 2
    #: The command did its work and found what it was to watch for.
    ALARM = 3
    #: The command did its work, and the database of ``--sink`` could not be brought up to it: ``creditscore sink`` does that.
    SINK_BEHIND = 4
    #: Another run holds the lock.
    LOCKED = 75
    #: By the keyboard.
    INTERRUPTED = 130


class LogLevel(StrEnum):
    """From which level on lines are logged."""

    debug = "debug"
    info = "info"
    warning = "warning"
    error = "error"


class LogFormat(StrEnum):
    """Lines for people, or one JSON object per line."""

    text = "text"
    json = "json"


#: What a failed call of the operating system means and what to do about it.
_OF_SYSTEM = {
    errno.ENOSPC: _("the disk is full: free some space, or choose another folder"),
    errno.EDQUOT: _("the disk quota is used up: free some space, or choose another folder"),
    errno.EACCES: _("no permission: have it granted, or choose another path"),
    errno.EPERM: _("no permission: have it granted, or choose another path"),
    errno.EROFS: _("the disk is read-only: choose another folder"),
    errno.ENAMETOOLONG: _("the name is too long: choose a shorter one"),
}
#: Errors of libraries that say that a file is not what it should be: by the first part of the module, with the names that
#: count (none: all). By name, since a command that reads no Parquet must not load the library for it.
_OF_FILES: dict[str, tuple[str, ...]] = {
    "pyarrow": (),
    "_duckdb": ("IOException", "InvalidInputException", "ConversionException", "SerializationException"),
    "pandas": ("ParserError", "EmptyDataError"),
    "openpyxl": (),
    "zipfile": (),
    "zlib": (),
    "xml": ("ParseError",),
    "_csv": (),
    "json": (),
    "tomllib": (),
    "pydantic_core": ("ValidationError",),
}


@dataclass(frozen=True)
class Failure:
    """A sentence and an exit code."""

    sentence: Text
    code: Code


def failure_of(error: BaseException, words: Sequence[str] = ()) -> Failure:
    """What an error is to the caller.

    Args:
        error: Whatever ended the command, except what the shell's own words raise (a usage error, an exit).
        words: The words of the command line: an error that names no file is about one of theirs.
    """
    if isinstance(error, CreditScoreError):
        return Failure(error, Code.LOCKED if isinstance(error, LockedError) else Code.REFUSED)
    if isinstance(error, KeyboardInterrupt):
        return Failure(_("interrupted; what was finished before stays"), Code.INTERRUPTED)
    refusal = next((found for cause in _causes(error) if (found := _refusal(cause, _about(words))) is not None), None)
    if refusal is not None:
        return Failure(refusal, Code.REFUSED)
    sentence = _(
        "{kind}: {error}. This is a fault of the program; run with --log-level debug for the details",
        kind=type(error).__name__,
        error=_one_line(error),
    )
    return Failure(sentence, Code.FAULT)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was raised from."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _refusal(error: BaseException, about: str) -> Text | None:
    """The sentence of an error that comes from what was handed in or from the machine; None for a fault of the program."""
    if isinstance(error, CreditScoreError):
        return error
    if isinstance(error, OSError):
        path = about if error.filename is None else error.filename
        meant = _OF_SYSTEM.get(error.errno or 0)
        if meant is not None:
            return _("{path}: {meant}", path=path, meant=meant)
        return _("{path}: expected a path that can be used ({error})", path=path, error=error.strerror or _one_line(error))
    if isinstance(error, sqlite3.Error):
        return _(
            "{about}: expected databases of SQLite that can be read and written, {files} (got: {error}); restore them from a copy",
            about=about,
            files=[".ledger.sqlite", "mlflow.db"],
            error=_one_line(error),
        )
    if isinstance(error, UnicodeError):
        return _("{about}: expected UTF-8 (got bytes that are not)", about=about)
    if isinstance(error, RecursionError):
        return _("{about}: expected a document of fewer levels (this one is nested too deeply to be read)", about=about)
    if isinstance(error, MemoryError):
        return _("{about}: expected what fits into the memory of this machine (it does not)", about=about)
    if _is_of_files(error):
        # Its text may quote a cell, which may be personal data.
        return _(
            "{about}: expected files that are whole and of their kind ({kind} while reading one); "
            "run with --log-level debug for the details",
            about=about,
            kind=type(error).__name__,
        )
    return None


def _is_of_files(error: BaseException) -> bool:
    for kind in type(error).__mro__:
        names = _OF_FILES.get(kind.__module__.partition(".")[0])
        if names is not None and (not names or kind.__name__ in names):
            return True
    return False


def _about(words: Sequence[str]) -> str:
    """The files and folders that a command line names; without any, its first word."""
    values = [word.partition("=")[2] if word.startswith("-") else word for word in words]
    return ", ".join(value for value in values[1:] if value and _exists(value)) or " ".join(words[:1]) or "creditscore"


def _exists(value: str) -> bool:
    try:
        return Path(value).exists()
    except (OSError, ValueError):
        return False


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


@contextlib.contextmanager
def refusals(context: typer.Context, words: Sequence[str]) -> Iterator[None]:
    """A block whose errors become a sentence and an exit code.

    With ``--json`` among the words nothing but one document goes to stdout, be it that of a refusal.

    Raises:
        typer.Exit: The block failed.
    """
    as_json, in_lines = "--json" in words, (context.params or {}).get("log_format") == LogFormat.json
    try:
        yield
    except (typer.Exit, typer.Abort):
        raise
    except BaseException as error:
        if isinstance(error, SystemExit | GeneratorExit) or getattr(error, "errno", None) == errno.EPIPE:
            raise
        usage = _usage(error)
        failure = failure_of(error, words) if usage is None else usage
        _log.debug("details", exc_info=error)
        _close_what_is_open(error)
        sentence = Words.of(context.find_root().obj or DEFAULT_LANGUAGE).text(failure.sentence)
        # The name of a file may have bytes that are not UTF-8.
        sentence = sentence.encode("utf-8", "backslashreplace").decode()
        with contextlib.suppress(OSError):
            if as_json:
                print_document({"error" if failure.code is Code.FAULT else "refused": sentence, "code": int(failure.code)})
        if in_lines:
            _log.error("%s", sentence)
        elif usage is not None:
            raise
        else:
            typer.echo(sentence, err=True)
        raise typer.Exit(int(failure.code)) from None


def _close_what_is_open(error: BaseException) -> None:
    """Let files go that are open in the frames of an error. What then fails, such as a last write, is no news: it is logged."""

    def log(failed: sys.UnraisableHookArgs) -> None:
        _log.debug("on closing %r", failed.object, exc_info=failed.exc_value)

    before, sys.unraisablehook = sys.unraisablehook, log
    try:
        cause: BaseException | None = error
        while cause is not None:
            traceback.clear_frames(cause.__traceback__)
            cause = cause.__context__
    finally:
        sys.unraisablehook = before


def _usage(error: BaseException) -> Failure | None:
    """An unknown command or option, or a value that an option does not take; the shell's library has the text."""
    if not isinstance(error, Exception) or not hasattr(error, "format_message") or not hasattr(error, "exit_code"):
        return None
    return Failure(error.format_message(), Code(error.exit_code))


class _JsonLines(logging.Formatter):
    """Each record as one line of JSON: time (UTC), level, logger, message, and ``details`` where there is a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["details"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


@contextlib.contextmanager
def log_on_stderr(level: LogLevel, form: LogFormat) -> Iterator[None]:
    """Log to stderr within the block; what was set before is set again after it."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = _JsonLines() if form is LogFormat.json else logging.Formatter("%(message)s")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    ours, others = getattr(logging, level.upper()), max(getattr(logging, level.upper()), logging.INFO)
    levels = {"": others, "creditscore": ours, **dict.fromkeys(("matplotlib", "fontTools", "py4j"), max(ours, logging.WARNING))}
    before = {name: logging.getLogger(name).level for name in levels}
    logging.getLogger().addHandler(handler)
    for name, one in levels.items():
        logging.getLogger(name).setLevel(one)
    if form is LogFormat.json:
        logging.captureWarnings(True)
    try:
        yield
    finally:
        if form is LogFormat.json:
            logging.captureWarnings(False)
        logging.getLogger().removeHandler(handler)
        for name, one in before.items():
            logging.getLogger(name).setLevel(one)
