"""The night by systemd: its units are sound, and their command line is one that the program takes."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.command import creditscore

from .conftest import DAY

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted((ROOT / "deploy").glob("creditscore-night.*"))


def test_the_units_are_sound(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    assert [unit.suffix for unit in UNITS] == [".service", ".timer"]
    for unit in UNITS:
        # The program that the unit names is not installed at that place here.
        text = unit.read_text("utf-8").replace("/opt/creditscore/bin/creditscore", sys.executable)
        (tmp_path / unit.name).write_text(text, "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", *(tmp_path / unit.name for unit in UNITS)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_command_line_of_the_unit_finds_the_night_that_is_done(demo):
    (line,) = re.findall(r"^ExecStart=/bin/sh -c 'exec (.*)'$", UNITS[0].read_text("utf-8"), re.MULTILINE)
    own = {
        "/etc/creditscore/project": demo.project, "/srv/creditscore/data": demo.data, "$(date +%%F)": DAY,
        "/var/lib/creditscore/out": demo.out,
    }  # fmt: skip
    program, *words = shlex.split(line)
    assert program.endswith("/bin/creditscore")
    assert set(own) <= set(words)
    said = creditscore(*(own.get(word, word) for word in words))
    assert (said.code, said.err) == (0, said.err)
    assert DAY in said.out
