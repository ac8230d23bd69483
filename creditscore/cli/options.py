"""What commands share: their options, how words become days, engines, projects and runs, and how a result is put out."""

from __future__ import annotations

import contextlib
import datetime as dt
import inspect
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO, get_args

import typer

from creditscore.errors import DataError
from creditscore.language import languages, pgettext
from creditscore.spreadsheet import BOTH, cell_words

if TYPE_CHECKING:
    import pandas as pd

    from creditscore.config.project import Project
    from creditscore.engine import Engine
    from creditscore.pipeline.run_folder import RunFolder


class EngineName(StrEnum):
    """Where to compute."""

    duckdb = "duckdb"
    spark = "spark"


def _known_language(context: typer.Context, lang: str | None) -> str | None:
    """A language with a catalogue; kept beside the command, so that its errors are shown in it too."""
    if lang is not None and lang not in languages():
        offered = ", ".join(repr(one) for one in languages())
        raise typer.BadParameter(f"Value error, {lang!r} is not one of {offered}.")
    context.find_root().obj = lang
    return lang


def _known_book_language(context: typer.Context, lang: str) -> str:
    """A language, or both at once; errors are shown in that of its cells."""
    _known_language(context, cell_words(lang).language if lang == BOTH else lang)
    return lang


def _known_encoding(encoding: str) -> str:
    """An encoding that sources may declare."""
    from creditscore.config.sources import Encoding

    if encoding not in get_args(Encoding):
        offered = ", ".join(repr(one) for one in get_args(Encoding))
        raise typer.BadParameter(f"Value error, {encoding!r} is not one of {offered}.")
    return encoding


def _settings_of_spark(given: list[str] | None) -> list[str] | None:
    for text in given or ():
        key, equals, _value = text.partition("=")
        if not equals or not key.startswith("spark."):
            raise typer.BadParameter(f"Value error, {text!r} is not spark.KEY=VALUE.")
    return given


ProjectArg = Annotated[Path, typer.Argument(help="The project's folder of configuration.")]
RunArg = Annotated[Path, typer.Argument(help="A run's folder, OUT/<as_of>.")]
TaskArg = Annotated[Path, typer.Argument(help="A task's folder, OUT/tasks/<task>.")]
DataOption = Annotated[Path, typer.Option("--data", help="The folder of the data files.")]
AsOfOption = Annotated[str, typer.Option("--as-of", help="The day, such as 2024-04-30.")]
OutOption = Annotated[Path, typer.Option("--out", help="OUT, where everything goes.")]
EngineOption = Annotated[EngineName, typer.Option("--engine", help="Where to compute.")]
MasterOption = Annotated[
    str | None,
    typer.Option("--master", help="Spark's master; else what spark-submit or spark-defaults.conf say, else this machine."),
]
ConfOption = Annotated[
    list[str] | None,
    typer.Option("--conf", metavar="KEY=VALUE", callback=_settings_of_spark, help="A setting of Spark; several are allowed."),
]
TrackingOption = Annotated[
    str | None, typer.Option("--tracking-uri", help="MLflow; else MLFLOW_TRACKING_URI, else sqlite:///OUT/mlflow.db.")
]
_LANGUAGES = f"<{'|'.join(languages())}>"
LangOption = Annotated[
    str, typer.Option("--lang", metavar=_LANGUAGES, callback=_known_language, help="Language of documents and summaries.")
]
TableLangOption = Annotated[
    str | None,
    typer.Option(
        "--lang", metavar=_LANGUAGES, callback=_known_language, help="A table for people in this language; CSV by default."
    ),
]
BookLangOption = Annotated[
    str,
    typer.Option(
        "--lang",
        metavar=f"<{'|'.join((*languages(), BOTH))}>",
        callback=_known_book_language,
        help="Language of the documents; both in the workbook's heads.",
    ),
]
ObjectionsOption = Annotated[
    Path | None,
    typer.Option("--objections", help="The folder of runs in which objections were taken in, where it is another one."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
EncodingOption = Annotated[
    str,
    typer.Option("--encoding", callback=_known_encoding, help="Of text files that are given, where their bytes do not prove it."),
]
AcceptOption = Annotated[bool, typer.Option("--accept", help="Let a delivery through that looks broken beside the run before.")]


def project_of(folder: Path) -> Project:
    """A project's folder, loaded and checked."""
    from creditscore.config.project import load_project

    return load_project(folder)


@dataclass(frozen=True)
class Computing:
    """Where a command computes: the engine, and Spark's master and settings, each ``KEY=VALUE``."""

    engine: EngineName
    master: str | None = None
    conf: Sequence[str] | None = None


def engine_of(where: Computing, folders: Iterable[Path | None], project: Project | None = None) -> Engine:
    """The engine that a command names.

    Args:
        where: DuckDB, or Spark with its settings.
        folders: What DuckDB may read and write; None among them is passed over. Spark's files are the session's affair.
        project: Its limits of memory and threads, which are DuckDB's.

    Raises:
        DataError: DuckDB is told a master or settings of Spark; or Spark does not start.
    """
    from creditscore.engine import Engine, spark_session

    if where.engine is EngineName.spark:
        settings = dict(text.split("=", 1) for text in where.conf or ())
        return Engine.spark(spark_session(master=where.master, conf=settings))
    if where.master or where.conf:
        raise DataError("--master, --conf: expected --engine spark with them (got {engine})", engine=where.engine.value)
    limits = project.about.engine if project else None
    spill = project.folder / limits.spill if project and limits and limits.spill else None
    return Engine.duckdb(
        threads=limits.threads if limits else None,
        memory_limit=limits.memory_limit if limits else None,
        spill=spill,
        folders=[folder for folder in (*folders, spill) if folder is not None],
    )


def data_of(folder: Path) -> Path:
    """The folder of the data, checked before other work starts.

    Raises:
        DataError: It is not there.
    """
    if not folder.is_dir():
        raise DataError(
            "{folder}: expected a folder of data (got {actual})",
            folder=folder,
            actual=pgettext("path", "a file") if folder.exists() else pgettext("path", "nothing"),
        )
    return folder


def runs_of(folder: Path) -> Path:
    """The folder of runs, OUT, of a command that makes none.

    Raises:
        DataError: It is not there.
    """
    if not folder.is_dir():
        raise DataError(
            "{folder}: expected a folder of runs, OUT (got {actual})",
            folder=folder,
            actual=pgettext("path", "a file") if folder.exists() else pgettext("path", "nothing"),
        )
    return folder


def day_of(text: str, *, name: str) -> dt.date:
    """The day of an option, read like every other day; ``--help`` need not load what reads the others.

    Raises:
        DataError: It is no day such as ``2024-04-30``.
    """
    from creditscore import dates

    return dates.day_of(text, name=name)


def past_day_of(text: str, *, name: str) -> dt.date:
    """The day of an option that has come: what is noted is not noted ahead.

    Raises:
        DataError: It is no day, or lies ahead.
    """
    from creditscore import dates

    day = dates.day_of(text, name=name)
    if day > dates.today():
        raise DataError("{name}: expected a day that has come (got {day})", name=name, day=day)
    return day


def run_of(path: Path) -> RunFolder:
    """The folder of a finished run, all its files in place.

    Raises:
        DataError: It is another folder, be it one of a plan; a file is not what the manifest says.
    """
    from creditscore.pipeline.run_folder import RunFolder

    return RunFolder.opened(path)


def settle_around(task: Path) -> None:
    """Complete what a stopped command has decided before a task is read; a copy of a task elsewhere is read as it is.

    Raises:
        LockedError: Another command is at work there.
    """
    from creditscore.inspection.task_folder import TASKS
    from creditscore.storage import settle

    root = task.resolve().parent
    if root.name == TASKS:
        settle(root.parent)


def file_to_write(path: Path, *, option: str) -> Path:
    """A file that is to be written, its parent folder created where it is missing.

    Raises:
        DataError: It is a folder, or its folder cannot be one; the message names the option.
    """
    if path.is_dir():
        raise DataError("{option}: expected a file to write (got the folder {path})", option=option, path=path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            "{option}: expected a file to write (got {path}: {strerror})", option=option, path=path, strerror=error.strerror
        ) from None
    return path


def help_of(command: Callable[..., None]) -> str:
    """The docstring of a command as ``--help`` shows it: without ``Raises:``, which is for callers from Python."""
    return inspect.cleandoc(command.__doc__ or "").split("\n\nRaises:")[0]


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A frame as JSON has it: one object per row, days as ISO texts, null for what is missing."""
    rows: list[dict[str, Any]] = json.loads(frame.to_json(orient="records", date_format="iso", force_ascii=False))
    return rows


#: Where the one document of ``--json`` goes while everything else that is printed goes to stderr.
_DOCUMENTS: ContextVar[TextIO | None] = ContextVar("documents", default=None)


@contextlib.contextmanager
def stdout_for_documents() -> Iterator[None]:
    """Within the block only :func:`print_document` writes to stdout; what others print there goes to stderr."""
    token = _DOCUMENTS.set(sys.stdout)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _DOCUMENTS.reset(token)


def show(document: Mapping[str, Any], lines: Iterable[str], *, as_json: bool) -> None:
    """Print a result: the document as JSON, or the lines for people."""
    if as_json:
        print_document(document)
    else:
        typer.echo("\n".join(lines))


def print_document(document: Mapping[str, Any]) -> None:
    """Print a document as JSON to stdout; a number that is not finite is null."""
    text = json.dumps(_finite(document), ensure_ascii=False, indent=2, default=_plain, allow_nan=False)
    typer.echo(text, file=_DOCUMENTS.get())


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: Any) -> Any:
    """A specification as its fields, whatever else as its text."""
    dump = getattr(value, "model_dump", None)
    return str(value) if dump is None else dump(mode="json")
