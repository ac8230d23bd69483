"""The commands together, the version, and what goes where.

Progress goes to stderr, results to stdout; with ``--json`` stdout is one JSON document, also where a command is refused.
Exit codes: 0 done, 1 a fault of the program, 2 refused input or configuration (earlier results untouched), 3 an alarm that
was asked for, 4 the work is done and the database of --sink lacks it, 75 another run holds the lock, 130 interrupted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from creditscore import __version__
from creditscore.cli import check, inspections, objections, runs, sinks, subjects, tasks
from creditscore.cli.boundary import LogFormat, LogLevel, log_on_stderr, refusals
from creditscore.cli.options import help_of, stdout_for_documents

_COMMANDS: tuple[tuple[str, Callable[..., None]], ...] = (
    ("demo", runs.demo), ("simulate", runs.simulate),
    ("simulate-visits", runs.simulate_visits), ("check", check.check), ("train", runs.train), ("run", runs.run),
    ("draw", tasks.draw), ("verify-plan", inspections.verify_plan), ("prove", tasks.prove),
    ("sign", inspections.sign), ("sign-cards", inspections.sign_cards), ("results", tasks.results),
    ("explain", subjects.explain), ("lookup", subjects.lookup), ("feedback", subjects.feedback), ("records", subjects.records),
    ("forecast", inspections.forecast), ("monitor", runs.monitor), ("report", runs.report), ("replay", runs.replay),
    ("prune", runs.prune), ("sink", sinks.sink),
)  # fmt: skip


#: Options of the program, each with a value, that are taken after the command, too.
_EVERYWHERE = ("--log-level", "--log-format")
_WORDS = "creditscore.words"


class _Commands(TyperGroup):
    """The commands; what one of them refuses is shown in the language of its ``--lang``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the options of the program, wherever they stand.

        Raises:
            typer.Exit: An option is unknown or has a wrong value.
        """
        ctx.meta[_WORDS] = list(args)
        with refusals(ctx, args):
            return super().parse_args(ctx, _options_first(args))

    def invoke(self, ctx: Any) -> Any:
        """Run a command and turn whatever ends it into a sentence and an exit code.

        Raises:
            typer.Exit: The command was refused or failed.
        """
        words = ctx.meta[_WORDS]
        apart = stdout_for_documents() if "--json" in words else contextlib.nullcontext()
        with log_on_stderr(ctx.params["log_level"], ctx.params["log_format"]), apart, refusals(ctx, words):
            return super().invoke(ctx)


def _options_first(words: list[str]) -> list[str]:
    """The words with the program's own options before the command; what follows ``--`` stays where it is."""
    first, rest, waiting = list[str](), list[str](), list(words)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            return [*first, *rest, word, *waiting]
        if word in _EVERYWHERE:
            first += [word, *waiting[:1]]
            waiting = waiting[1:]
        else:
            (first if word.startswith(tuple(f"{name}=" for name in _EVERYWHERE)) else rest).append(word)
    return [*first, *rest]


# Plain help and messages: a box breaks paths in the middle.
app = typer.Typer(
    name="creditscore", cls=_Commands, no_args_is_help=True, add_completion=False,
    pretty_exceptions_enable=False, rich_markup_mode=None,
    help="Scorecards, tiers and verifiable random inspections. 信用分级分类监管：评分、分级、可验证的随机抽查。",
)  # fmt: skip


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"creditscore {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_say_version, help="Print the version.")] = False,
    log_level: Annotated[LogLevel, typer.Option("--log-level", help="From which level on to log, to stderr.")] = LogLevel.info,
    log_format: Annotated[
        LogFormat, typer.Option("--log-format", help="Lines for people, or one JSON object per line.")
    ] = LogFormat.text,
) -> None:
    pass


for _name, _command in _COMMANDS:
    app.command(_name, help=help_of(_command))(_command)
app.add_typer(inspections.app, name="plan")
app.add_typer(objections.app, name="objection")


def main() -> None:
    """Run the command line."""
    app()
