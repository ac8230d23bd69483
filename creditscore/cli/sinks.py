"""The command that brings a database to what a folder of runs holds, and what ``--sink`` adds to commands that make something."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from creditscore.cli.boundary import Code
from creditscore.cli.options import JsonOption, LangOption, runs_of, show
from creditscore.errors import CreditScoreError, DataError
from creditscore.language import DEFAULT_LANGUAGE, Words, _

if TYPE_CHECKING:
    from creditscore.pipeline.sink import Brought, Sink

_SCHEMA = "creditscore"
_PLACE = "A PostgreSQL database: postgresql://…, or the environment variable that holds that."
SinkOption = Annotated[str | None, typer.Option("--sink", metavar="DATABASE", help=f"Also bring a database up to OUT. {_PLACE}")]
SchemaOption = Annotated[str, typer.Option("--sink-schema", help="The schema of its tables.")]


def sink(
    out: Annotated[Path | None, typer.Argument(help="The folder of runs, OUT.")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="DATABASE", help=_PLACE)] = None,
    schema: Annotated[str, typer.Option("--schema", help="The schema of its tables.")] = _SCHEMA,
    sql: Annotated[
        bool, typer.Option("--sql", help="Only print the SQL by which an administrator makes tables, views and groups of roles.")
    ] = False,
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """Bring a PostgreSQL database to what OUT holds: scores, tiers, reasons, drawn lists. What is there already is not touched.

    Raises:
        DataError: OUT or ``--to`` is missing; see :func:`creditscore.pipeline.sink.bring_up`.
        LockedError: Another command is writing there.
    """
    from creditscore.pipeline.sink import Sink, bring_up
    from creditscore.pipeline.sink_tables import script

    if sql:
        text = script(schema)
        show({"sql": text}, [text.rstrip("\n")], as_json=as_json)
        return
    if out is None or to is None:
        raise DataError("sink: expected OUT and --to DATABASE, or --sql")
    brought = bring_up(runs_of(out), Sink.of(to, schema))
    show(_document(brought), [_line(brought, Words.of(lang))], as_json=as_json)


@dataclass(frozen=True)
class Sent:
    """What became of a database after the work of a command was done.

    Attributes:
        document: For ``--json``.
        lines: For people.
        failure: A sentence, where the database could not be brought up.
    """

    document: dict[str, Any] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    failure: str = ""

    def end(self) -> None:
        """End the command, whose work is done and shown.

        Raises:
            typer.Exit: With code 4, where the database could not be brought up.
        """
        if self.failure:
            typer.echo(self.failure, err=True)
            raise typer.Exit(int(Code.SINK_BEHIND))


def sink_of(place: str | None, schema: str) -> Sink | None:
    """The database of ``--sink``, checked before any work begins, as far as that can be without the server.

    Raises:
        DataError: As of :meth:`creditscore.pipeline.sink.Sink.of`.
    """
    if place is None:
        return None
    from creditscore.pipeline.sink import Sink

    return Sink.of(place, schema)


def send(out: Path, sink: Sink | None, words: Words) -> Sent:
    """Bring a database up after a command has done its work; a failure is told and changes nothing of that work."""
    if sink is None:
        return Sent()
    from creditscore.pipeline.sink import bring_up

    try:
        brought = bring_up(out, sink)
    except (CreditScoreError, OSError) as error:
        why = words.text(error) if isinstance(error, CreditScoreError) else str(error.strerror)
        stays = _(
            "the work itself is done and stays: only the database lacks it; bring it up with creditscore sink {out} --to DATABASE, "
            "or by the next command with --sink",
            out=out,
        )
        return Sent({"sink": {"failed": why}}, (), f"{why}\n{words.text(stays)}")
    return Sent({"sink": _document(brought)}, (_line(brought, words),))


def _document(brought: Brought) -> dict[str, Any]:
    return {"runs": list(brought.runs), "tasks": list(brought.tasks), "unchanged": brought.unchanged}


def _line(brought: Brought, words: Words) -> str:
    if not brought.runs and not brought.tasks:
        return words.text(_("database: nothing to write; {unchanged:,} runs and lists are there", unchanged=brought.unchanged))
    return words.text(
        _(
            "database: written {written}; {unchanged:,} runs and lists were there",
            written=[*brought.runs, *brought.tasks],
            unchanged=brought.unchanged,
        )
    )
