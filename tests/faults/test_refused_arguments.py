"""Wrong words and files that are not what they should be, over all commands: a sentence, an exit code, and nothing written.

A case is a command line. In braces stands what the fixture ``world`` has: ``{project} {data} {run} {out}``, tasks in each
state (``{draft} {published} {drawn}``), and the odd files of ``ODD``. Each must end with exit code 2 (75 where a lock is held, 3 for an alarm), without a traceback, with a
sentence that has the words given (for a file: its name), and leave every file as it was.
"""

import copy
import datetime as dt
import io
import os
import shutil
import zipfile
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest
from support.command import creditscore
from support.projects import subject, write_project, write_tables
from support.runs import FEATURES, TASK, add_plan, finished_run, seal

from creditscore.pipeline.draws import draw_task
from creditscore.pipeline.plans import publish_task
from creditscore.pipeline.run_folder import DOCUMENTS, RunFolder
from creditscore.pipeline.run_store import renew_documents
from creditscore.storage import locked, write_parquet

DAY = dt.date(2024, 5, 2)
#: A source whose seed has no blanks.
BEACON = {"source": "drand", "name": "quicknet", "issue": "7", "day": dt.date(2024, 5, 1)}
LONG = "x" * 300


def _workbook(**parts: bytes | None) -> bytes:
    """A workbook with some parts of its archive replaced, by the name without folder and ending; None leaves one out."""
    whole, changed = io.BytesIO(), io.BytesIO()
    book = openpyxl.Workbook()
    book.active.append(["a", "b"])
    book.active.append([1, 2])
    book.save(whole)
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = parts.get(Path(name).stem, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return changed.getvalue()


def _bomb() -> bytes:
    """A small archive that claims to unpack to six gigabytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as parts:
        for number in range(2):
            parts.writestr(f"xl/{number}.xml", b"0")
            parts.filelist[-1].file_size = 3 * 1024**3
    return content.getvalue()


_NO_SHEETS = _workbook(workbook=b'<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheets/></workbook>')
#: Files that people hand in by mistake, by name.
ODD: dict[str, bytes] = {
    "empty": b"",
    "picture.png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)),
    "cut.xlsx": _workbook()[:400],
    "empty.xlsx": b"",
    "text.xlsx": b"a,b\n1,2\n",
    "sheetless.xlsx": _NO_SHEETS,
    "broken_sheet.xlsx": _workbook(sheet1=b"<worksheet><sheetData><row><c r="),
    "no_sheet_part.xlsx": _workbook(sheet1=None),
    "other.xlsx": _workbook(),
    "bomb.xlsx": _bomb(),
    "binary.csv": b"stratum,target\n\xff\xfe\x00\x01,3\n",
    "zeros.csv": b"stratum,target\n\x00\x00,3\n",
    "other.csv": b"a,b\n1,2\n",
    "array.json": b"[1, 2, 3]",
    "deep.json": b"[" * 100_000 + b"]" * 100_000,
    "cut.parquet": b"PAR1\x15\x04\x15\x10PAR1",
    "text.parquet": b"not parquet at all",
    "no_key.toml": b"no_such_key = 1\n",
    "binary.toml": b"\xff\xfe=\x00",
}
#: What is no file: a folder, nothing, a device, a name that is too long, and a path below a file.
NO_FILES = ("folder", "absent", "/dev/null", LONG, "picture.png/below")
NO_FOLDERS = ("folder", "absent", LONG)


class World:
    """Everything that commands are given, in one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        tasks = {state: f"task-{state}" for state in ("draft", "published", "drawn")}
        project = write_project(
            root / "project", tasks={"task": [{**TASK, "id": one, "seed": BEACON} for one in tasks.values()]}, features=FEATURES
        )
        self.run = finished_run(root / "out", project)
        places = {state: self.run.out / "tasks" / one for state, one in tasks.items()}
        for one in tasks.values():
            add_plan(self.run, project, one)
        for state in ("published", "drawn"):
            publish_task(places[state], on=dt.date(2024, 4, 30), channel="gazette", by="A")
        self.picked = draw_task(places["drawn"], seed="0f" * 32, by="A").drawn["subject_id"].iloc[0]
        renew_documents(self.run)
        write_tables(root / "data", subjects=[subject("S00000")])
        odd = root / "odd"
        (odd / "folder").mkdir(parents=True)
        for name, content in ODD.items():
            (odd / name).write_bytes(content)
        (odd / "key").write_text("0f" * 32, "ascii")
        write_parquet(odd / "frame.parquet", pa.table({"subject_id": ["S1", "S2"], "stratum": ["A", "A"]}))
        tiers = self.run.frame("tiers")
        self.proposed = tiers.loc[tiers["status"] == "proposed", "subject_id"].iloc[0]
        self.places = {
            "project": project.folder, "data": root / "data", "run": self.run.shown, "out": self.run.out, "odd": odd, "new": root / "new",
            **places,
        }  # fmt: skip

    def moved(self, root: Path, parts: tuple[str, ...]) -> "World":
        """The same with some of its folders elsewhere."""
        other = copy.copy(self)
        other.root = root
        other.places = {
            name: root / path.relative_to(self.root)
            if path.is_relative_to(self.root) and path.relative_to(self.root).parts[0] in parts
            else path
            for name, path in self.places.items()
        }
        return other

    def words(self, line: str, **more: object) -> list[str]:
        """A command line as words."""
        return [_blank(word).format(**self.places, proposed=self.proposed, picked=self.picked, **more) for word in line.split()]


def state(root: Path) -> dict[str, bytes | None]:
    """Every file and folder, without locks."""
    found = (path for path in sorted(root.rglob("*")) if not path.name.endswith(".lock"))
    return {str(path.relative_to(root)): path.read_bytes() if path.is_file() else None for path in found}


def refused(world: World, line: str, *, names: str = "", codes: tuple[int, ...] = (2,), **more: object) -> str:
    """Call a command that must be refused; see the module."""
    before = state(world.root)
    said = creditscore(*world.words(line, **more), *(() if "--lang" in line else ("--lang", "en")))
    assert said.code in codes, (said.code, said.out[:300], said.err[-1000:])
    # What does not hold is the result of verify-plan; the others have none.
    told = said.out if line.startswith("verify-plan") and not said.err else said.err
    assert told.strip()
    assert said.out == ("" if told is said.err else told)
    assert "Traceback" not in said.err
    assert "fault of the program" not in said.err
    assert names.lower() in told.lower(), told
    new = world.places["new"]
    if new.is_dir() and all(path.name.startswith(".") for path in new.iterdir()):
        shutil.rmtree(new)  # a night makes and locks OUT before it opens the data
    assert sorted(state(world.root)) == sorted(before)
    assert state(world.root) == before
    return told


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("world"))


#: Where a file or a folder is handed in. ``{it}`` is an odd one.
HANDED_IN = {
    "check PROJECT": "check {it} --data {data} --as-of 2024-04-30",
    "check --data": "check {project} --data {it} --as-of 2024-04-30",
    "run PROJECT": "run {it} --data {data} --as-of 2024-04-30 --out {new}",
    "train --data": "train {project} --data {it} --as-of 2024-04-30 --out {new}",
    "explain RUN": "explain {it} S00000",
    "lookup RUN": "lookup {it} S00000 --purpose supervision --by x --on 2024-05-06",
    "lookup --file": "lookup {run} --file {it} --purpose supervision --by x --on 2024-05-06",
    "feedback RUN": "feedback {it} 1 --result x --by y --on 2024-05-06",
    "monitor RUN": "monitor {it}",
    "monitor --reference": "monitor {run} --reference {it}",
    "report RUN": "report {it}",
    "replay RUN": "replay {it} --project {project} --data {data}",
    "replay --project": "replay {run} --project {it} --data {data}",
    "sign RUN": "sign {it} --subject S00000 --reviewer R --reason x --on 2024-05-06",
    "sign --workbook": "sign {run} --workbook {it}",
    "sign-cards PROJECT": "sign-cards {it} --reviewer R --on 2024-05-06",
    "sign-cards --run": "sign-cards {project} --reviewer R --on 2024-05-06 --run {it}",
    "sign-cards --table": "sign-cards {project} --reviewer R --on 2024-05-06 --table {it}",
    "forecast --policy": "forecast {project} --policy {it} --run {run} --data {data}",
    "forecast --run": "forecast {project} --policy {project}/tiering/2024-01-01.toml --run {it} --data {data}",
    "verify-plan PLAN": "verify-plan {it}",
    "plan import OUT": "plan import {it} {run}/plan.xlsx",
    "plan import FILE": "plan import {out} {it}",
    "plan publish TASK": "plan publish {it} --on 2024-04-30 --channel c --by B",
    "plan void TASK": "plan void {it} --reason r --by B --second C --on 2024-05-02",
    "plan close TASK": "plan close {it} --reason r --by B --second C --on 2024-05-02",
    "plan replace TASK": "plan replace {it} --subject S00000 --reason deregistered --evidence e --by B --second C --on 2024-05-06",
    "plan replace --closed-in": "plan replace {drawn} --closed-in {it} --by B --second C --on 2024-05-06",
    "plan join TASK": "plan join {it} --run {run} --by B --on 2024-05-06",
    "plan join --run": "plan join {drawn} --run {it} --by B --on 2024-05-06",
    "plan export TASK": "plan export {it} --out {new}",
    "draw TASK": "draw {it} --seed 0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f --by B",
    "publish --staff": "plan publish {draft} --on 2024-04-30 --channel c --by B --staff {it}",
    "publish --recusals": "plan publish {draft} --on 2024-04-30 --channel c --by B --recusals {it}",
    "results TASK": "results {it} --known 2024-06-01",
    "results FILE": "results {drawn} {it} --known 2024-06-01",
    "results --data": "results {drawn} --known 2024-06-01 --data {it}",
    "prune OUT": "prune {it} --keep 1",
    "verify-plan --register": "verify-plan {drawn} --register {it}",
    "simulate-visits TASK": "simulate-visits {it} --truth {data} --file {new}/x.xlsx",
    "simulate-visits --truth": "simulate-visits {drawn} --truth {it} --file {odd}/absent.xlsx",
    "draw-table FRAME": "plan draw-table {it} {odd}/other.csv --task t --seed s --key {odd}/key --out {new}",
    "draw-table STRATA": "plan draw-table {odd}/frame.parquet {it} --task t --seed s --key {odd}/key --out {new}",
}
#: What the message names instead of the file.
NAMED = {
    "verify-plan PLAN": "manifest.json",
    "verify-plan --register": "register",
    ("verify-plan --register", LONG): LONG,
    "simulate-visits --truth": "risk.parquet",
    ("publish --staff", "other.csv"): "staff",
    ("publish --staff", "zeros.csv"): "staff",
    ("sign-cards --table", "other.xlsx"): "expert points",
    **{("draw-table STRATA", name): "stratum" for name in ("other.csv", "zeros.csv", "array.json")},
}
#: Which odd files are handed in where; each also gets what is no file.
KINDS = {
    "folder": ("empty", "picture.png"),
    "workbook": (*(name for name in ODD if name.endswith(".xlsx")), "empty", "picture.png", "binary.csv"),
    "table": ("empty", "picture.png", "binary.csv", "zeros.csv", "other.csv", "array.json", "deep.json", "cut.parquet", "text.parquet", "other.xlsx"),
    "policy": ("empty", "picture.png", "binary.toml", "no_key.toml", "array.json", "deep.json", "other.csv"),
}  # fmt: skip
OF_KIND = {
    **dict.fromkeys(("sign --workbook", "sign-cards --table", "plan import FILE", "results FILE"), "workbook"),
    **dict.fromkeys(("lookup --file", "draw-table FRAME", "draw-table STRATA", "publish --staff", "publish --recusals", "verify-plan --register"), "table"),
    "forecast --policy": "policy",
}  # fmt: skip
#: Any text is a file of codes: each line is looked up, not found, and noted. An empty folder of data or runs has nothing yet.
HARMLESS = {
    *(("lookup --file", name) for name in ("other.csv", "array.json", "deep.json", "text.parquet", "other.xlsx")),
    ("results --data", "folder"), ("prune OUT", "folder"), ("plan import OUT", "folder"),
}  # fmt: skip
FILE_CASES = {
    f"{where} = {'x*300' if name == LONG else name}": (where, name)
    for where in HANDED_IN
    for name in ((*KINDS[OF_KIND[where]], *NO_FILES) if where in OF_KIND else (*KINDS["folder"], *NO_FOLDERS))
    if (where, name) not in HARMLESS
}


@pytest.mark.parametrize(("where", "name"), FILE_CASES.values(), ids=FILE_CASES)
def test_a_file_that_is_not_what_it_should_be(world, where, name):
    it = name if name.startswith("/") else world.places["odd"] / name
    refused(world, HANDED_IN[where], names=NAMED.get((where, name), NAMED.get(where, Path(name).name)), it=it)


CHECK = "check {project} --data {data} --as-of"
RUN = "run {project} --data {data} --as-of 2024-04-30 --out {new}"
SIGN = "sign {run} --subject {proposed} --reviewer R --reason x"
CARDS = "sign-cards {project} --reviewer R"
FEEDBACK = "feedback {run} 1 --result x --by y --on 2024-05-06"
FORECAST = "forecast {project} --policy {project}/tiering/2024-01-01.toml --run {run} --data {data}"
TABLE = "plan draw-table {odd}/frame.parquet {odd}/other.csv --task t --key {odd}/key --out {new}"
DAYS = ("2024-02-30", "2023-02-29", "2024-13-01", "2024-00-10", "30.4.2024", "2024/04/30", "today", "''", "NaT", "nan", "2024-4-30", "-1",
        "10000-01-01", "2024-04-30T25:00", "２０２４-０４-３０")  # fmt: skip
#: Wrong words, and the word of the message beside them.
WORDS: dict[str, str] = {
    **{f"{CHECK} {day}": "--as-of" for day in DAYS},
    **{f"{SIGN} --on {day}": "--on" for day in DAYS[:6]},
    **{f"{CARDS} --on {day}": "--on" for day in DAYS[:6]},
    **{f"lookup {{run}} S00000 --purpose supervision --by x --on {day}": "--on" for day in DAYS[:4]},
    **{f"feedback {{run}} 1 --result x --by y --on {day}": "--on" for day in DAYS[:4]},
    **{f"simulate --out {{new}} --subjects 500 --end {day}": "--end" for day in DAYS[:6]},
    **{f"records {{project}} --data {{data}} --bodies --as-of {day}": "--as-of" for day in DAYS[:4]},
    **{f"simulate --out {{new}} {wrong}": wrong.partition("=")[0] for wrong in (
        "--subjects=0", "--subjects=-5", "--subjects=499", "--subjects=9000000", "--subjects=1e6", "--subjects=many", "--subjects=nan",
        "--months=5", "--months=121", "--months=1.5", "--months=inf", "--seed=-1", "--seed=x", "--seed=9223372036854775808", "--seed=numbers(")},
    **{f"demo --out {{new}} {wrong}": wrong.partition("=")[0] for wrong in ("--subjects=1", "--seed=-1", "--seed=nan")},
    **{f"{command} --lang {lang}": "--lang" for command in (CHECK + " 2024-04-30", "monitor {run}", "report {run}", FEEDBACK)
       for lang in ("xx", "''", "zh_CN", "../zh", "EN")},
    **{f"{command} --engine {engine}": "--engine" for command in (CHECK + " 2024-04-30", RUN, FORECAST) for engine in ("sqlite", "''", "DUCKDB")},
    **{f"{CHECK} 2024-04-30 --fail-on {level}": "--fail-on" for level in ("note", "''", "2")},
    **{f"{FORECAST} --capacity {wrong}": "--capacity" for wrong in (
        "SAMR", "SAMR=", "=600", "SAMR=nan", "SAMR=inf", "SAMR=-1", "SAMR=1.5", "SAMR=x", "SAMR=" + "9" * 5000, "=", "''")},
    **{f"{FORECAST} --by {wrong}": "" for wrong in ("no_such_column",)},
    **{f"feedback {{run}} {number} --result x --by y --on 2024-05-06": number for number in ("1", "0", "99", "999999999999999999999")},
    **{f"feedback {{run}} {number} --result x --by y --on 2024-05-06": "" for number in ("x", "1.5", "-1", "nan")},
    "feedback {run} 1 --result '' --by y --on 2024-05-06": "feedback",
    f"{SIGN}": "--on",
    "sign {run} --reviewer R --reason x --on 2024-05-06": "sign",
    "sign {run} --subject no_such --reviewer R --reason x --on 2024-05-06": "no_such",
    "sign {run} --subject {proposed} --reviewer '' --reason x --on 2024-05-06": "reviewer",
    "sign {run} --subject {proposed} --reviewer R --reason '' --on 2024-05-06": "reason",
    "sign {run} --subject {proposed} --reviewer R --reason x --on 2024-04-01": "2024-04-01",
    "sign-cards {project} --reviewer '' --on 2024-05-06": "sign",
    f"sign-cards {{project}} --reviewer {LONG} --on 2024-05-06": "characters",
    "sign-cards {project} --reviewer a\x07b --on 2024-05-06": "characters",
    f"{CARDS} --on 2024-05-06": "cards",
    f"{CARDS} --on 2024-05-06 --run {{run}} --table {{odd}}/other.xlsx": "--table",
    "explain {run} no_such": "subject_id",
    "explain {run} ''": "",
    f"explain {{run}} {LONG}": "",
    "explain {run} S00000 --html {odd}/folder": "--html",
    "explain {run} S00000 --html {odd}/empty/x.html": "--html",
    f"explain {{run}} S00000 --html {{odd}}/{LONG}.html": "too long",
    f"{CHECK} 2024-04-30 --excel {{odd}}/folder": "--excel",
    f"{CHECK} 2024-04-30 --excel {{odd}}/empty/x.xlsx": "--excel",
    f"{CHECK} 2024-04-30 --excel {{odd}}/{LONG}.xlsx": "too long",
    "simulate --subjects 500 --out {odd}/empty": "empty",
    "simulate --subjects 500 --out {odd}/empty/below": "empty",
    f"simulate --subjects 500 --out {{odd}}/{LONG}": "too long",
    "demo --subjects 500 --out {odd}/empty": "empty",
    "demo --subjects 500 --out {new} --project {odd}": "targets.toml",
    RUN.replace("{new}", "{odd}/empty"): "empty",
    RUN.replace("{new}", "{odd}/empty/below"): "empty",
    RUN.replace("{new}", f"{{odd}}/{LONG}"): "too long",
    "lookup {run} --purpose supervision --by x --on 2024-05-06": "lookup",
    "lookup {run} '' --purpose supervision --by x --on 2024-05-06": "lookup",
    "lookup {run} {odd}/other.csv --purpose supervision --by x --on 2024-05-06": "--file",
    "lookup {draft} S00000 --purpose supervision --by x --on 2024-05-06": "task-draft",
    "monitor {run}": "--reference",
    "monitor {run} --reference {draft}": "task-draft",
    "records {project} --data {data} --as-of 2024-04-30": "--bodies",
    "records {project} --data {data} --as-of 2024-04-30 --bodies --repair": "--bodies",
    "verify-plan {drawn} --frame-hash 123": "",
    "verify-plan {drawn} --log-head 123": "",
    "verify-plan {drawn} --register-head 123": "",
    "verify-plan {published} --publication {odd}/other.csv": "--publication",
    "verify-plan {drawn} --publication {odd}/other.csv": "other.csv",
    "verify-plan {drawn} --publication {odd}/absent.csv": "absent.csv",
    "plan import {out} {odd}/other.xlsx": "other.xlsx",
    **{f"plan publish {{draft}} --channel c --by B --on {day}": "--on" for day in DAYS[:4]},
    **{f"draw {{published}} --seed s --by B --on {day}": "--on" for day in DAYS[:4]},
    **{f"results {{drawn}} --known {day}": "--known" for day in DAYS[:4]},
    "plan publish {draft} --on 2024-04-30 --channel '' --by B": "channel",
    "plan publish {draft} --on 2024-04-30 --channel c --by ''": "by",
    "plan publish {draft} --on 2024-04-30 --channel c --by a\x07b": "by",
    "plan publish {published} --on 2024-04-30 --channel c --by B": "published already",
    "plan publish {drawn} --on 2024-04-30 --channel c --by B": "published already",
    "plan publish {run} --on 2024-04-30 --channel c --by B": "task",
    "plan void {draft} --reason r --by B --second C --on 2024-05-02": "draft",
    "plan void {drawn} --reason r --by B --second C --on 2024-05-02": "drawn",
    "plan void {published} --reason r --by B --second b --on 2024-05-02": "second",
    "plan void {published} --reason '' --by B --second C --on 2024-05-02": "reason",
    "plan close {draft} --by B --on 2024-05-02": "draft",
    "plan close {published} --by B --on 2024-05-02": "published",
    "plan close {drawn} --by B --on 2024-05-02": "reason",
    "draw {draft} --seed 0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f --by B": "publish",
    "draw {published} --seed '' --by B": "seed",
    "draw {published} --seed a|b --by B": "seed",
    "draw {published} --seed 0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f --by ''": "by",
    "results {draft} --known 2024-06-01": "draft",
    "results {published} --known 2024-06-01": "published",
    "results {drawn} --known 2024-06-01 --reason r": "--correct",
    "results {drawn} --known 2024-06-01 --correct --by B": "reason",
    "results {drawn} --known 2024-06-01 --second C": "--correct",
    "plan close {drawn} --reason r --by B --on 2024-05-02": "second",
    "plan close {drawn} --reason r --by B --second b --on 2024-05-02": "second",
    "plan close {drawn} --reason . --by B --second C --on 2024-05-02": "reason",
    "plan replace {drawn} --by B --second C --on 2024-05-06": "--subject",
    "plan replace {drawn} --subject no_such --reason deregistered --evidence e --by B --second C --on 2024-05-06": "no_such",
    "plan replace {published} --subject S00000 --reason deregistered --evidence e --by B --second C --on 2024-05-06": "drawn",
    "plan join {drawn} --run {run} --by B --on 2024-05-06": "day",
    "plan leave {drawn} --staff no_such --reason ill --evidence e --by B --second C --on 2024-05-06": "no_such",
    "plan leave {drawn} --staff no_such --reason friend --evidence e --by B --second C --on 2024-05-06": "on_leave",
    "plan leave {published} --staff P0 --reason ill --evidence e --by B --second C --on 2024-05-06": "drawn",
    "plan log {odd}/folder": "manifest.json",
    "plan log {run}": "format",
    **{f"prune {{out}} --keep {keep}": "--keep" for keep in ("0", "-1", "x", "1.5", "nan")},
    "prune {out} --keep 1 --retention-months -1": "--retention-months",
    "plan draw-table {data}/events.parquet {odd}/other.csv --task t --seed s --key {odd}/key --out {new}": "stratum",
    "simulate-visits {run} --truth {data} --file {odd}/folder": "--file",
    "replay {run} --project {odd}/folder --data {data}": "targets.toml",
    **dict.fromkeys(("nonsense", "plan nonsense", "check", "check {project}", "check {project} --data {data}", "explain {run}", "run {project}", "sign", "forecast {project}", "feedback {run}", "simulate", "replay {run}", "verify-plan", "lookup", "report", "plan import {run}", "explain {run} S00000 more", "explain {run} S00000 --no-such", "report {run} --out x", "monitor {run} --reference", "--no-such", "--log-level loud check", "check --log-level", "check --log-format xml"), ""),
}  # fmt: skip


def _blank(word: str) -> str:
    return "" if word == "''" else word


@pytest.mark.parametrize("line", WORDS, ids=[line[:90] for line in WORDS])
def test_words_that_are_none(world, line):
    refused(world, line, names=WORDS[line])


#: Every file of a finished run, in what state it is found.
DAMAGE: dict[str, bytes | None] = {"absent": None, "empty": b"", "junk": b"\x00\xff junk", "text": b"[1, 2, 3]"}
RUN_FILES = (
    "manifest.json", "book.json", "tiers.parquet", "scores.parquet", "features.parquet", "subjects.parquet", "lists.parquet",
    "staff.parquet", "recusals.parquet", "checkup.parquet", "rejects.parquet", "scorecards/all.json",
)  # fmt: skip
DAMAGED = {f"{name} {state}": (name, state) for name in RUN_FILES for state in DAMAGE}
ON_A_RUN = (
    "explain {it} S00000", "lookup {it} S00000 --purpose supervision --by x --on 2024-05-06", "report {it}", "monitor {it}", FEEDBACK.replace("{run}", "{it}"),
    SIGN.replace("{run}", "{it}") + " --on 2024-05-06", CARDS + " --on 2024-05-06 --run {it}", "plan import {it} {odd}/other.xlsx",
    "replay {it} --project {project} --data {data}", FORECAST.replace("{run}", "{it}"),
)  # fmt: skip


def test_the_fixture_has_every_file_of_a_run(world):
    run = world.places["run"].resolve()
    files = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    assert {name for name in files if not name.startswith("drafts/")} == {*RUN_FILES, *DOCUMENTS}


def spoilt(folder: Path, name: str, content: bytes | None) -> None:
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)


@pytest.fixture
def copied(world, tmp_path):
    """A world of its own, to be damaged."""
    for part in ("out", "project"):
        shutil.copytree(world.root / part, tmp_path / part, symlinks=True)
    return world.moved(tmp_path, ("out", "project"))


@pytest.mark.parametrize(("number", "case"), list(enumerate(DAMAGED.values())), ids=DAMAGED)
def test_a_run_with_a_damaged_file(copied, number, case):
    name, how = case
    spoilt(copied.places["run"], name, DAMAGE[how])
    line = ON_A_RUN[number % len(ON_A_RUN)]
    refused(copied, line, names=name if name != "manifest.json" else "", it=copied.places["run"])


#: Manifests that are JSON and none of ours.
MANIFESTS = {
    "null": "null", "a text": '"x"', "a number": "1", "empty object": "{}", "outputs of an array": '{"outputs": [1]}',
    "outputs of numbers": '{"outputs": {"tiers.parquet": 1}}', "deep": "[" * 100_000, "a path that leads out": '{"outputs": {"../x": "1"}}',
    "nan": "NaN",
}  # fmt: skip


@pytest.mark.parametrize("content", MANIFESTS.values(), ids=MANIFESTS)
@pytest.mark.parametrize("line", ON_A_RUN[:2])
def test_a_manifest_that_is_none(copied, content, line):
    (copied.places["run"] / "manifest.json").write_text(content, "utf-8")
    refused(copied, line, it=copied.places["run"])


#: Files that grow after a run, or that the manifest holds as they are: damaged with a manifest that agrees.
SEALED = {
    "book.json": ("explain {it} S00000", "lookup {it} S00000 --purpose supervision --by x --on 2024-05-06", "report {it}"),
    "features.parquet": ("explain {it} S00000",),
    "tiers.parquet": (
        "explain {it} S00000",
        "lookup {it} S00000 --purpose supervision --by x --on 2024-05-06",
        SIGN.replace("{run}", "{it}") + " --on 2024-05-06",
    ),
    "scores.parquet": ("explain {it} S00000",),
    "scorecards/all.json": (CARDS + " --on 2024-05-06 --run {it}", "explain {it} S00000"),
    "checkup.parquet": ("report {it}",),
}
SEALED_CASES = {
    f"{name} {how}: {line.split()[0]}": (name, how, line) for name, lines in SEALED.items() for how in DAMAGE for line in lines
}


@pytest.mark.parametrize("case", SEALED_CASES.values(), ids=SEALED_CASES)
def test_a_damaged_file_that_the_manifest_vouches_for(copied, case):
    """Disks err before a hash is taken, too; and a manifest can be written by hand."""
    name, how, line = case
    spoilt(copied.places["run"], name, DAMAGE[how])
    run = RunFolder(copied.places["run"].resolve())
    seal(run)
    run.seal()
    # Without the card it is named by its hash; book.json by its run.
    word = {"scorecards/all.json": "card", "book.json": "2024-04-30"}.get(name, name) if how != "absent" else ""
    refused(copied, line, names=word, it=copied.places["run"])


#: What the command below reads. A draft that was made from Python has no task.json.
TASK_FILES = {
    "draft": ("manifest.json", "plan.csv", "sample.csv"),
    "published": ("manifest.json", "plan.csv", "sample.csv"),
    "drawn": ("manifest.json", "plan.csv", "sample.csv", "inspectors.csv"),
}
ON_A_TASK = {
    "draft": "plan publish {draft} --on 2024-04-30 --channel c --by B",
    "published": "draw {published} --seed 0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f --by B",
    "drawn": "plan replace {drawn} --subject {picked} --reason deregistered --evidence e --by B --second C --on 2024-05-06",
}
TASK_DAMAGE = {
    f"{state} {name} {how}": (state, name, how) for state, names in TASK_FILES.items() for name in names for how in DAMAGE
}


@pytest.mark.parametrize("case", TASK_DAMAGE.values(), ids=TASK_DAMAGE)
def test_a_task_with_a_damaged_file(copied, case):
    task, name, how = case
    spoilt(copied.places[task], name, DAMAGE[how])
    word = "task" if (name, how) == ("manifest.json", "absent") else Path(name).stem
    refused(copied, ON_A_TASK[task], names=word)


@pytest.mark.parametrize("content", [b"\x00\xff\n{}\n", b"{}\n{}\n", b"[]\n[]\n", b"\n\n"], ids=repr)
@pytest.mark.parametrize(
    ("name", "line"),
    [("lookups.jsonl", "lookup {run} S00000 --purpose supervision --by x --on 2024-05-06"), ("lookups.jsonl", FEEDBACK), ("register.jsonl", SIGN + " --on 2024-05-06"),
     ("register.jsonl", ON_A_TASK["published"]), ("register.jsonl", ON_A_TASK["draft"]), ("tasks/task-drawn/log.jsonl", "plan log {drawn}")],
)  # fmt: skip
def test_a_chain_that_is_broken(copied, name, line, content):
    (copied.places["out"] / name).write_bytes(content)
    refused(copied, line, names=Path(name).name)


@pytest.mark.parametrize("content", [b"no database" * 100, b"SQLite format 3\x00" + b"\xff" * 4000], ids=["text", "damaged"])
def test_a_ledger_that_is_damaged(copied, content):
    (copied.places["out"] / ".ledger.sqlite").write_bytes(content)
    refused(copied, SIGN + " --on 2024-05-06", names=".ledger.sqlite")


def test_a_folder_that_is_held(world):
    with locked(world.places["out"]):
        refused(world, "report {run}", names=str(world.places["out"]), codes=(75,))


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root and Windows are not kept out by a file's mode")
@pytest.mark.parametrize(
    "where", ["lookup --file", "forecast --policy", "sign --workbook", "sign-cards --table", "draw-table FRAME"]
)
def test_a_file_without_permission(copied, where):
    path = copied.places["odd"] / "other.xlsx"
    path.chmod(0)
    refused(copied, HANDED_IN[where], names=path.name, it=path)


def test_there_are_at_least_150_cases():
    chains_and_ledgers = 26
    tables = (FILE_CASES, WORDS, DAMAGED, SEALED_CASES, TASK_DAMAGE)
    count = sum(map(len, tables)) + 2 * len(MANIFESTS) + chains_and_ledgers
    print(f"{count} wrong arguments and files")  # noqa: T201 - the number is what the test is for
    assert count >= 150
