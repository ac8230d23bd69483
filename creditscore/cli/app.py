"""The commands together, the version, and how a refusal becomes a message and an exit code.

Progress goes to stderr, results to stdout. Exit codes: 0 done, 1 internal error, 2 refused input or
configuration (earlier results untouched), 75 another run holds the lock.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from creditscore import __version__
from creditscore.cli import inspections, runs, subjects
from creditscore.cli.options import help_of
from creditscore.errors import CreditScoreError, LockedError
from creditscore.language import DEFAULT_LANGUAGE, Text, Words, _

#: Errors of the file system that come from a path that was named, each with its file.
_PATHS = (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError, PermissionError)

_COMMANDS: tuple[tuple[str, Callable[..., None]], ...] = (
    ("demo", runs.demo), ("simulate", runs.simulate),
    ("simulate-visits", runs.simulate_visits), ("check", runs.check), ("train", runs.train), ("run", runs.run),
    ("draw", inspections.draw), ("verify-plan", inspections.verify_plan),
    ("sign", inspections.sign), ("sign-cards", inspections.sign_cards), ("results", inspections.results),
    ("explain", subjects.explain), ("lookup", subjects.lookup), ("feedback", subjects.feedback), ("records", subjects.records),
    ("forecast", inspections.forecast), ("monitor", runs.monitor), ("report", runs.report), ("replay", runs.replay),
)  # fmt: skip


class _Commands(TyperGroup):
    """The commands; what one of them refuses is shown in the language of its ``--lang``."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; turn a refusal into a message on stderr.

        Raises:
            typer.Exit: The command was refused: code 75 where another run holds the lock, else 2.
        """
        refusal: Text
        try:
            return super().invoke(ctx)
        except CreditScoreError as error:
            refusal, code = error, 75 if isinstance(error, LockedError) else 2
        except _PATHS as error:
            if error.filename is None:
                raise
            refusal, code = _("{path}: expected a path that can be used ({error})", path=error.filename, error=error.strerror), 2
        typer.echo(Words.of(ctx.obj or DEFAULT_LANGUAGE).text(refusal), err=True)
        raise typer.Exit(code)


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
) -> None:
    pass


for _name, _command in _COMMANDS:
    app.command(_name, help=help_of(_command))(_command)
app.add_typer(inspections.app, name="plan")


def main() -> None:
    """Run the command line and turn refusals into messages and exit codes."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("creditscore").setLevel(logging.INFO)
    for name in ("matplotlib", "fontTools", "py4j"):
        logging.getLogger(name).setLevel(logging.WARNING)
    app()
