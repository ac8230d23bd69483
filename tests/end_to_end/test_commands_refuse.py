"""Commands with wrong words: one readable line, exit 2, nothing written; and what every command can."""

import subprocess
import sys

import pytest
from support.command import creditscore

from creditscore import __version__
from creditscore.cli import app, inspections

from .conftest import PROJECT, bytes_of

COMMANDS = [*app.app.registered_commands, *inspections.app.registered_commands]
#: {run} and {data} are the demo's, {task} is a task of it, {none} is not there, {file} is no file of ours.
REFUSED = {
    "explain of a task's folder": "explain {task} X",
    "explain of no run": "explain {none} X",
    "explain into a folder": "explain {run} {known} --html {folder}",
    "a lookup for a loan": "lookup {run} --purpose lending --by N --on 2024-05-06 {known}",
    "lookup of nothing": "lookup {run} --purpose supervision --by N --on 2024-05-06",
    "lookup of a file as a code": "lookup {run} --purpose supervision --by N --on 2024-05-06 {file}",
    "lookup of an absent file": "lookup {run} --purpose supervision --by N --on 2024-05-06 --file {none}",
    "lookup of a file that is not UTF-8": "lookup {run} --purpose supervision --by N --on 2024-05-06 --file {file}",
    "check on no day": "check {project} --data {data} --as-of 2024-13-01",
    "check of no project": "check {none} --data {data} --as-of 2024-04-30",
    "check without data": "check {project} --data {none} --as-of 2024-04-30",
    "a night without data": "run {project} --data {none} --as-of 2024-04-30 --out {none}",
    "a night on no day": "train {project} --data {data} --as-of today --out {none}",
    "a night into a file": "run {project} --data {data} --as-of 2024-04-30 --out {file}",
    "a draw of a run": "draw {run} --seed s --by N",
    "a draw of nothing": "draw {none} --seed s --by N",
    "a draw on no day": "draw {task} --seed s --by N --on 31.4.2024",
    "a publication of a run": "plan publish {run} --on 2024-05-06 --channel C --by N",
    "a publication on no day": "plan publish {task} --on soon --channel C --by N",
    "a second publication": "plan publish {task} --on 2024-05-06 --channel C --by N",
    "a drawn task taken back": "plan void {task} --reason R --by N --second M --on 2024-05-06",
    "a task closed without its visits or a reason": "plan close {task} --by N --on 2024-05-06",
    "a replacement of nobody": "plan replace {task} --by N --second M --on 2024-05-06",
    "subjects that came before": "plan join {task} --run {run} --by N --on 2024-05-06",
    "the log of a run": "plan log {run}",
    "pruning of no runs": "prune {none} --keep 1 --yes",
    "a signature of nobody": "sign {run} --reviewer R --reason x --on 2024-05-06",
    "a signature on no day": "sign {run} --subject X --reviewer R --reason x --on soon",
    "signatures of no workbook": "sign {run} --workbook {file}",
    "cards of no run": "sign-cards {project} --reviewer R --on 2024-05-06 --run {none}",
    "cards signed on no day": "sign-cards {project} --reviewer R --on soon",
    "results of no workbook": "results {task} {none} --known 2024-05-31",
    "results of a run": "results {run} --known 2024-05-31",
    "results known on no day": "results {task} --known soon",
    "ratios of no workbook": "plan import {out} {file}",
    "ratios of no runs": "plan import {none} {run}/plan.xlsx",
    "records of neither kind": "records {project} --data {data} --as-of 2024-04-30",
    "a forecast by no policy": "forecast {project} --policy {none} --run {run} --data {data}",
    "a forecast of no run": "forecast {project} --policy {none} --run {none} --data {data}",
    "monitor of a first run": "monitor {run}",
    "monitor against no run": "monitor {run} --reference {none}",
    "report of a task": "report {task}",
    "replay without data": "replay {run} --project {project} --data {none}",
    "a city into a file": "simulate --out {file} --subjects 500",
    "a demo into a file": "demo --out {file} --subjects 500",
}


@pytest.mark.parametrize("words", REFUSED.values(), ids=REFUSED)
def test_a_wrong_argument_is_refused_in_one_line_before_any_write(demo, tmp_path, words):
    (tmp_path / "file").write_bytes(b"\xff\xfe\x80")
    (tmp_path / "folder").mkdir()
    place = {
        "run": demo.run, "out": demo.out, "data": demo.data, "task": demo.tasks / "2024Q2-food", "project": PROJECT,
        "none": tmp_path / "none", "file": tmp_path / "file", "folder": tmp_path / "folder",
        "known": (demo.tasks / "2024Q2-food" / "sample.csv").read_text("utf-8-sig").splitlines()[1].split(",")[1],
    }  # fmt: skip
    before = bytes_of(demo.out)
    said = creditscore(*(word.format(**place) for word in words.split()))
    assert said.code == 2
    assert said.out == ""
    assert len([line for line in said.err.splitlines() if not line.startswith(("simulating", "reading"))]) == 1
    assert bytes_of(demo.out) == before
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]


def test_a_number_out_of_range_is_refused_before_any_write(tmp_path):
    for wrong in ("--subjects=5", "--seed=-1", "--months=500"):
        said = creditscore("simulate", "--out", tmp_path / "city", wrong)
        assert said.code == 2
        assert said.err.splitlines()[-1].startswith("Error: ")
    assert not (tmp_path / "city").exists()


@pytest.mark.parametrize("command", COMMANDS, ids=[command.name for command in COMMANDS])
def test_every_command_prints_json_and_speaks_two_languages(command):
    assert {"as_json", "lang"} <= set(command.callback.__annotations__)


def test_help_and_version_load_no_heavy_library():
    heavy = "mlflow optbinning lightgbm shap pyspark duckdb sklearn scipy matplotlib ibis pandas pyarrow numpy pydantic"
    for word, told in (("--help", "verify-plan"), ("--version", __version__)):
        code = (
            "import sys\nfrom creditscore.cli import main\n"
            f"sys.argv = ['creditscore', '{word}']\n"
            "try:\n    main()\nexcept SystemExit:\n    pass\n"
            f"raise SystemExit(str([n for n in '{heavy}'.split() if n in sys.modules]))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.stderr.strip() == "[]"
        assert told in done.stdout
