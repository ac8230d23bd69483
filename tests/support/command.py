"""Call the command line in this process and see what a shell would see."""

import contextlib
import io
import json
import sys
from dataclasses import dataclass
from functools import cache
from unittest import mock

import typer.main

from creditscore import cli

#: The commands are built once, not for each call: that takes ten times as long as a refusal.
_BUILT = cache(typer.main.get_command)


#: What every credit check must say.
ASKING = ("--purpose", "supervision", "--by", "某局", "--on", "2024-05-20")


@dataclass
class Called:
    code: int
    out: str
    err: str

    @property
    def json(self):
        """What ``--json`` printed."""
        return json.loads(self.out)


def creditscore(*words: object) -> Called:
    """``creditscore <words>``: exit code, stdout, stderr."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        mock.patch.object(sys, "argv", ["creditscore", *map(str, words)]),
        mock.patch.object(typer.main, "get_command", _BUILT),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return Called(code, out.getvalue(), err.getvalue())
