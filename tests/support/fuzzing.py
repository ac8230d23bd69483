"""Fuzzing: sound files are broken at random, and every reader must read them or refuse them in words, in seconds.

``PYTHONPATH=tests python -m support.fuzzing csv --minutes 60`` runs one target and prints what it found; a short part of each
is a test. A finding is an exception that is no refusal, a case that takes longer than ``LIMIT``, or a broken law.
"""

import argparse
import contextlib
import datetime as dt
import io
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from creditscore.errors import CreditScoreError

#: Seconds of processor time that one case may take: on a busy machine the clock says nothing.
LIMIT = 10
_TOKENS = (
    b'"', b'""', b",", b"\n", b"\r", b"\r\n", b"\0", b"\t", b";", b"\xef\xbb\xbf", b"\xff\xfe", b"\xe5\x90\x8d", b"\xc6\xf3", b"\xa4\x40",
    b"NaN", b"inf", b"-0", b"1e999", b"0x1F", b"12345,67", b"9999-12-31", b"2024-02-30", b"=1+1", b"<", b">", b"&", b"[", b"]", b"{", b"}", b"'",
    b"#", b"\\", b"//", b"..", b"|", b"true", b"0", b"1", b"99999999999999999999", b"\xf0\x9f\x98\x80", b"x" * 5000, b"[" * 3000, b" ",
)  # fmt: skip


class Case:
    """A source of chance that says what it did: the same number gives the same case."""

    def __init__(self, number: int) -> None:
        self.rng = random.Random(number)

    def broken(self, content: bytes, *, most: int = 6) -> bytes:
        """The content with a few random changes."""
        data = bytearray(content)
        for _change in range(self.rng.randint(1, most)):
            at = self.rng.randrange(len(data) + 1)
            until = min(len(data), at + self.rng.choice((1, 1, 1, 4, 20, 200)))
            match self.rng.randrange(7):
                case 0:
                    data[at:until] = bytes(self.rng.randrange(256) for _byte in range(until - at))
                case 1:
                    del data[at:until]
                case 2:
                    data[at:at] = self.rng.choice(_TOKENS)
                case 3:
                    data[at:until] = self.rng.choice(_TOKENS)
                case 4:
                    data[at:at] = data[at:until] * self.rng.choice((1, 2, 50))
                case 5:
                    del data[at:]
                case 6 if data:
                    data[at % len(data)] ^= 1 << self.rng.randrange(8)
        return bytes(data)

    def repacked(self, book: bytes) -> bytes:
        """A workbook with one or two of its parts broken, a part left out, or its own bytes broken."""
        with zipfile.ZipFile(io.BytesIO(book)) as parts:
            content = {name: parts.read(name) for name in parts.namelist()}
        for name in self.rng.sample(sorted(content), self.rng.choice((1, 1, 2))):
            content[name] = self.broken(content[name])
        if self.rng.random() < 0.1:
            del content[self.rng.choice(sorted(content))]
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as parts:
            for name, text in content.items():
                parts.writestr(name, text)
        return self.broken(packed.getvalue()) if self.rng.random() < 0.2 else packed.getvalue()


Try = Callable[[Case], None]


@dataclass
class Found:
    """What a run of a target found."""

    cases: int = 0
    refused: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    #: The number of the first case of each finding, to try it again.
    first: dict[str, int] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        yield f"{self.cases} cases, {self.refused} refused, {sum(self.findings.values())} findings of {len(self.findings)} kinds"
        for what, count in self.findings.most_common():
            yield f"  {count} x {what} (first: case {self.first[what]})"


class TooLongError(BaseException):
    """A case took longer than its limit; no reader may catch this."""


class BrokenLawError(AssertionError):
    """A case was read and must not have been, or was read otherwise than it stands."""


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, LIMIT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def fuzz(target: Try, numbers: Iterator[int]) -> Found:
    """Try cases of a target, and note what is neither read nor refused."""
    found = Found()
    for number in numbers:
        found.cases += 1
        try:
            with _limited():
                target(Case(number))
        except CreditScoreError:
            found.refused += 1
        except (Exception, TooLongError) as error:
            places = [f"{Path(f.filename).name}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)]
            ours = [
                place
                for place, f in zip(places, traceback.extract_tb(error.__traceback__), strict=True)
                if "creditscore/" in f.filename
            ]
            what = f"{type(error).__name__} at {(ours or places)[-1]}: {str(error)[:80]}"
            found.findings[what] += 1
            found.first.setdefault(what, number)
    return found


@contextlib.contextmanager
def target(name: str) -> Iterator[Try]:
    """A target with its sound files, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        yield _TARGETS[name](Path(folder))


def _read_all(source: object, data: Path, table: str) -> int:
    """The rows of a source through its rules, without an engine."""
    from creditscore.config.sources import SourceSpec
    from creditscore.records.columns.rules import apply_rules, check_columns
    from creditscore.records.reading.sources import open_source
    from creditscore.records.tables import TABLES

    spec = SourceSpec.model_validate(source)
    opened = open_source(spec, data)
    check_columns(opened.columns, spec, TABLES[table])
    wanted = [name for name in opened.columns if name in TABLES[table].columns]
    rows = 0
    for piece in opened.pieces(wanted):
        standard, _faults = apply_rules(piece.table, spec, TABLES[table])
        rows += standard.num_rows
    return rows


def _csv(folder: Path) -> Try:
    from support.deliveries import EVENTS, event_line, text

    lines = [event_line(f"E{n}", f"S{n}", amount=str(n), result='"罚款, ""一万""元"' if n % 3 else "警告") for n in range(40)]
    seeds = [text(EVENTS, lines).encode(encoding) for encoding in ("utf-8", "utf-8-sig", "gb18030", "utf-16")]
    seeds.append(text(EVENTS, lines).replace("\n", "\r\n").encode())
    seeds.append(text(EVENTS, lines).replace("\n", "\r").encode())

    def attempt(case: Case) -> None:
        (folder / "events.csv").write_bytes(case.broken(case.rng.choice(seeds)))
        source = {"name": "records", "table": "events", "file": "events.csv", "format": "csv"}
        if case.rng.random() < 0.3:
            source["encoding"] = case.rng.choice(("utf-8", "gb18030", "utf-16", "big5"))
        _read_all(source, folder, "events")

    return attempt


def _excel(folder: Path) -> Try:
    import xlsxwriter
    from support.deliveries import EVENTS, event_line

    from creditscore.spreadsheet import read_sheet

    path = folder / "events.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("记录")
        sheet.write_row(0, 0, EVENTS.split(","))
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for n in range(30):
            sheet.write_row(n + 1, 0, event_line(f"E{n}").split(","))
            sheet.write_datetime(n + 1, 3, dt.datetime(2024, 1, 1), day)
            sheet.write_number(n + 1, 7, n + 0.5)
        sheet.write_formula(5, 7, "=1+1", None, 2)
        sheet.write_comment(3, 3, "note")
    sound = path.read_bytes()

    def attempt(case: Case) -> None:
        path.write_bytes(case.repacked(sound))
        if case.rng.random() < 0.5:
            read_sheet(path)
        else:
            _read_all({"name": "records", "table": "events", "file": "events.xlsx", "format": "excel"}, folder, "events")

    return attempt


def _uscc(folder: Path) -> Try:
    import pyarrow as pa
    from stdnum.cn import uscc
    from support.deliveries import valid_codes

    from creditscore.records.standard.identity import ID_FAULTS, compact, uscc_faults

    codes = valid_codes(200)
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcxyz０９ＡＺ \u3000-|．\u200b张😀\t\0"

    def attempt(case: Case) -> None:
        texts = []
        for _text in range(200):
            letters_of = list(case.rng.choice(codes))
            for _change in range(case.rng.randint(0, 3)):
                at = case.rng.randrange(len(letters_of) + 1)
                letters_of[at : at + case.rng.randint(0, 2)] = case.rng.choices(letters, k=case.rng.randint(0, 2))
            texts.append("".join(letters_of))
        plain = compact(pa.array(texts))
        faults = uscc_faults(plain).to_pylist()
        for text, one, fault in zip(texts, plain.to_pylist(), faults, strict=True):
            if fault is not None and fault not in ID_FAULTS:
                raise BrokenLawError(f"unknown fault {fault}")
            # python-stdnum takes digits alone for authority and category; GB 32100 also has N and Y.
            if fault is None and (one is None or not (uscc.is_valid(one) or one[0] in "NY")):
                raise BrokenLawError("a code is accepted that python-stdnum refuses")
            if fault == "ID_CHECK_DIGIT" and one is not None and uscc.is_valid(one):
                raise BrokenLawError("the check digit is refused that python-stdnum accepts")
            if uscc_faults(compact(pa.array([text]))).to_pylist() != [fault]:
                raise BrokenLawError("a code alone is judged otherwise than among others")

    return attempt


def _toml(folder: Path) -> Try:
    from support.cities import PROJECT

    from creditscore.config.project import load_project

    root = folder / "project"
    shutil.copytree(PROJECT, root)
    files = sorted(path for path in root.rglob("*.toml"))
    sound = {path: path.read_bytes() for path in files}

    def attempt(case: Case) -> None:
        path = case.rng.choice(files)
        path.write_bytes(case.broken(sound[path]))
        try:
            load_project(root).policy("2024-04-30")
        finally:
            path.write_bytes(sound[path])

    return attempt


def _plan(folder: Path) -> Try:
    from support.plans import a_policy, a_staff, a_task, a_tiers
    from support.tasks import draw, drawn

    import creditscore as cs
    from creditscore.inspection.plan import plan_inspections
    from creditscore.inspection.plan_folder import read_manifest
    from creditscore.inspection.register import Register
    from creditscore.reporting.readback import read_decisions, read_ratios, read_results

    out = folder / "out"
    options = {"seed": "03 08 17", "staff": a_staff(), "on": dt.date(2024, 5, 1)}
    task = drawn(out, plan_inspections(a_tiers(), a_policy(), task=a_task()), **options)
    draw(plan_inspections(a_tiers(), a_policy(), task=a_task()), **options).to_excel(folder / "sound.xlsx")
    sound_book, book = (folder / "sound.xlsx").read_bytes(), folder / "plan.xlsx"
    if not cs.verify_plan(task).ok:
        raise BrokenLawError("the sound plan does not verify")
    files = sorted(path for path in (*task.rglob("*"), out / "register.jsonl") if path.is_file() and path.suffix != ".xlsx")
    sound = {path: path.read_bytes() for path in files}

    def attempt(case: Case) -> None:
        if case.rng.random() < 0.3:
            book.write_bytes(case.repacked(sound_book))
            case.rng.choice((read_ratios, read_results, read_decisions))(book)
            return
        path = case.rng.choice(files)
        changed = case.broken(sound[path])
        path.write_bytes(changed)
        try:
            verdict = cs.verify_plan(task)
            if verdict.ok and changed != sound[path] and path.name in ("sample.csv", "plan.csv", "inspectors.csv", "manifest.json"):
                raise BrokenLawError(f"a changed {path.name} verifies")
            read_manifest(task)
            Register.of(out)
        finally:
            path.write_bytes(sound[path])

    return attempt


_TARGETS: dict[str, Callable[[Path], Try]] = {"csv": _csv, "excel": _excel, "uscc": _uscc, "toml": _toml, "plan": _plan}
TARGETS = tuple(_TARGETS)


def _until(end: float, first: int) -> Iterator[int]:
    number = first
    while time.process_time() < end:
        yield number
        number += 1


def main() -> None:
    """Fuzz one target for some minutes of processor time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--only", action="store_true", help="this case alone, with its traceback")
    asked = parser.parse_args()
    with target(asked.target) as attempt:
        if asked.only:
            attempt(Case(asked.first))
            return
        for line in fuzz(attempt, _until(time.process_time() + asked.minutes * 60, asked.first)).lines():
            sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
