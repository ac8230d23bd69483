"""A simulated city that sends text files, month by month, and faults put into single adverse records of what it sends."""

import csv
import datetime as dt
import io
import shutil
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from support.cards import card, number, text
from support.cities import PROJECT

from creditscore.config.policy import load_policy
from creditscore.config.project import Project, load_project
from creditscore.engine import Engine
from creditscore.models.scorecard import Baseline
from creditscore.pipeline import run as run_module
from creditscore.pipeline.run import run_project
from creditscore.pipeline.run_folder import RunFolder
from creditscore.pipeline.score import POOLED
from creditscore.pipeline.signed_cards import sign_cards
from creditscore.simulate.city import simulate_city
from creditscore.simulate.parameters import CityParameters

FIRST, SECOND, THIRD = dt.date(2024, 3, 31), dt.date(2024, 4, 30), dt.date(2024, 5, 31)
#: Files of adverse records, and the column that says when their records were known.
FILES = {
    "public_events": "known_date", "industry_events": "known_date", "market_events": "入库日期", "inspections": "known_date",
    "ratings": "known_date",
}  # fmt: skip


def city_project(folder: Path) -> Project:
    """The project of the city over text files, with one signed card for everyone."""
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("cards"))
    sources = (folder / "sources.toml").read_text("utf-8")
    for name in (*FILES, "subjects"):
        sources = sources.replace(f'file = "{name}.parquet"\n', f'file = "{name}.csv"\nformat = "csv"\n')
    (folder / "sources.toml").write_text(sources, "utf-8")
    policy = folder / "tiering" / "2024-04-22.toml"
    rules = policy.read_text("utf-8").replace("effective = 2024-04-22", "effective = 2024-01-01")
    # Better tiers act at once: nothing but the law under test holds them back.
    policy.write_text(rules.replace("margin = 0.1\nmonths = 3", "margin = 0.0\nmonths = 0"), "utf-8")
    assert load_policy(policy.parent, on=FIRST).stability.months == 0
    project = load_project(folder)
    counts = [
        number("negative_public_records_24m", (1, 2), (12, -18, -40)),
        number("abnormal_list_now", (1,), (4, -30)),
        number("complaints_12m", (1, 3), (8, -8, -25), source="market"),
        number("distress_records_12m", (1, 2), (10, -20, -45), source="market"),
        number("payment_delay_worst_24m", (4, 7), (0, -10, -25), missing=6, source="market"),
        number("judgments_amount_36m", (1, 100_000), (8, -12, -30), source="market"),
        number("safety_incidents_banded", (1, 8), (6, -15, -35), source="industry"),
        number("finding_ratio_36m", (900_000, 1_200_000), (15, 0, -25), missing=0),
        text("national_rating", ((("优",), 25), (("良",), 8), (("中",), -12), (("差",), -40)), missing=0, other=-7),
    ]
    signed = card(
        name=POOLED, industry=POOLED, constant=522, characteristics=tuple(counts),
        baselines=(Baseline(name="population", points={one.name: 5 for one in counts}),),
    )  # fmt: skip
    cards = folder / "cards"
    cards.mkdir()
    (cards / f"{POOLED}.json").write_text(signed.to_json(), "utf-8")
    sign_cards(project, signed_by="the head of the office", on=dt.date(2024, 1, 2))
    return load_project(folder)


class City:
    """What the city sends in each month, and its runs."""

    def __init__(self, root: Path, *, subjects: int) -> None:
        self.root = root
        self.made = simulate_city(CityParameters(subjects=subjects, dirt=False), out=root / "city").data
        self.project = city_project(root / "project")

    def send(self, folder: Path, day: dt.date) -> Path:
        """The delivery of a day: what was known by then, as text files."""
        folder.mkdir(parents=True)
        for path in self.made.iterdir():
            known = FILES.get(path.stem)
            if known or path.stem == "subjects":
                rows = pq.read_table(path)
                rows = rows if known is None else rows.filter(pc.less_equal(rows[known], pa.scalar(day)))
                pacsv.write_csv(rows, folder / f"{path.stem}.csv", pacsv.WriteOptions(quoting_style="needed"))
            else:
                shutil.copy(path, folder / path.name)
        return folder

    def night(self, data: Path, out: Path, day: dt.date) -> RunFolder:
        """A run without pictures, documents and tracker."""
        with mock.patch.object(run_module, "write_documents"), mock.patch.object(run_module, "send_queue"):
            return run_project(self.project, data=data, as_of=day, out=out, engine=Engine.duckdb()).folder


#: The columns of a file by their standard names, where the two differ.
COLUMNS = {
    "market_events": {
        "event_id": "记录号", "subject_id": "统一社会信用代码", "kind": "类型", "event_date": "发生日期", "known_date": "入库日期",
        "document_no": "案号", "severity": "严重程度", "amount": "金额", "result": "结果", "verified": "已核实",
        "valid_until": "有效期至",
    }
}  # fmt: skip
#: What is written into a cell, by its column; each makes the reader refuse the row, or the value.
BROKEN = {
    "event_date": ("", "2024-13-45", "不详", "二月三十日"),
    "known_date": ("", "yesterday", "1999-01-01"),
    "kind": ("", "no_such_kind"),
    "severity": ("eleven", "99", "-1"),
    "amount": ("12,,3", "1e999", "-5"),
    "verified": ("perhaps",),
    "valid_until": ("1999-01-01", "some day"),
    "event_id": ("",),
    "inspection_id": ("",),
    "subject_id": ("",),
    "trigger": ("", "by chance"),
    "outcome": ("", "vio"),
    "scheme": ("",),
    "grade": ("",),
    "result": (),
}
#: Faults of whole lines. Of the last one nothing can be read, so only a second night can know whose it was.
LINES = ("a field too many", "a field too few", "a stray quote", "neither firm nor record")
TYPOS = ("another sign", "two signs swapped", "a sign lost", "a sign added")
OTHERS = ("too long", "two rows that disagree")
#: A day after every night. That it is wrong shows by the last reading alone, as does a value that was there.
AHEAD = "2042-06-01"
BOTH_DAYS = "both days ahead"
#: Faults of a row of the register: its columns with the texts in their cells.
OF_REGISTER = (
    {"valid_from": AHEAD}, {"known_date": AHEAD}, {"registered_date": AHEAD}, {"deregistered_date": "2002-04-05"}, {"status": "注销"},
)  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """A fault in one record of a file."""

    file: str
    record: tuple[str, ...]
    subject_id: str
    #: A column and the text in its cell, or one of the names above and "".
    what: str
    cell: str = ""

    @property
    def tells_firm(self) -> bool:
        """Whether the row says whose it is, or can be known by its code."""
        return self.what != "neither firm nor record" and not (self.what == "subject_id" and self.cell == "")

    @property
    def needs_last(self) -> bool:
        """Whether the last reading alone tells that something is wrong."""
        return self.what == BOTH_DAYS or self.cell == AHEAD or (self.what in ("severity", "amount") and self.cell == "")


def faults_for(file: str, row: dict[str, object], project: Project) -> list[tuple[str, str]]:
    """All faults that a record of a file may get, by its columns and its values of them."""
    names = {standard for standard in BROKEN if standard in row}
    cells = [(name, cell) for name in sorted(names) for cell in BROKEN[name]]
    if file == "inspections":
        cells = [(name, cell) for name, cell in cells if name != "kind"]
    by_last = [*emptied(file, row, project), ("known_date", AHEAD), (BOTH_DAYS, "")]
    return [*by_last, *cells, *((what, "") for what in (*TYPOS, *LINES, *OTHERS))]


def emptied(file: str, row: dict[str, object], project: Project) -> list[tuple[str, str]]:
    """The values of a record that a feature reads and that may be emptied."""
    of_kind = [feature for feature in project.features if row.get("kind") in feature.kind]
    if file == "inspections":
        of_kind = [feature for feature in project.features if feature.rule.source == "visits"]
    read = {"result": any(feature.needs_result for feature in of_kind)}
    read["severity"] = any(
        one.severity_min is not None or one.column == "severity" or one.aggregate == "banded_sum" for one in of_kind
    )
    read["amount"] = any(one.amount_min is not None or one.column == "amount" for one in of_kind)
    return [(name, "") for name, is_read in read.items() if is_read and pd.notna(row.get(name))]


def _typo(code: str, what: str, place: int) -> str:
    if what == "another sign":
        return code[:place] + ("7" if code[place] != "7" else "4") + code[place + 1 :]
    if what == "two signs swapped":
        place = next(at for at in range(8, 17) if code[at] != code[at + 1])
        return code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    return code[:place] + code[place + 1 :] if what == "a sign lost" else code[:place] + "9" + code[place:]


def _another_day(event: str, known: str) -> str:
    """A day on which the record may have become known, too: a row that is refused alone would disagree with nothing."""
    first = max("2024-03-30", event)
    return first if first != known else str(dt.date.fromisoformat(known) + dt.timedelta(days=1))


def faulty_lines(fault: Fault, header: list[str], row: list[str]) -> list[str]:
    """The record as it is sent with its fault."""
    at = {name: header.index(COLUMNS.get(fault.file, {}).get(name, name)) for name in (*BROKEN, "document_no", "subject_id", "event_date")
          if COLUMNS.get(fault.file, {}).get(name, name) in header}  # fmt: skip
    cells = list(row)
    if fault.what in BROKEN:
        cells[at[fault.what]] = fault.cell
    elif fault.what == BOTH_DAYS:
        cells[at["event_date"]] = cells[at["known_date"]] = AHEAD
    elif fault.what in TYPOS:
        cells[at["subject_id"]] = _typo(cells[at["subject_id"]], fault.what, 12)
    elif fault.what == "a field too many":
        cells.append("x")
    elif fault.what == "a field too few":
        cells.pop()
    elif fault.what == "a stray quote":
        return ['"' + _line(cells)]
    elif fault.what == "neither firm nor record":
        for name in ("event_id", "inspection_id", "subject_id"):
            if name in at:
                cells[at[name]] = ""
    elif fault.what == "too long":
        cells[at.get("document_no", at["event_date"])] = "长" * 40_000
    else:
        other = list(row)
        if "known_date" in at:
            other[at["known_date"]] = _another_day(row[at["event_date"]], row[at["known_date"]])
        for name in ("severity", "grade"):
            if name in at:
                other[at[name]] = "良" if name == "grade" else "1"
        return [_line(row), _line(other)]
    return [_line(cells)]


def _line(cells: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def put_in(faults: list[Fault], data: Path) -> None:
    """Put faults into the files of a delivery."""
    for file in sorted({fault.file for fault in faults}):
        path = data / f"{file}.csv"
        with path.open(encoding="utf-8", newline="") as stream:
            header, *rows = list(csv.reader(stream))
        by_record = {fault.record: fault for fault in faults if fault.file == file}
        keys = [header.index(name) for name in key_columns(file)]
        lines = [_line(header)]
        for row in rows:
            fault = by_record.pop(tuple(row[at] for at in keys), None)
            lines += [_line(row)] if fault is None else faulty_lines(fault, header, row)
        assert not by_record, "a record is not in the file"
        path.write_text("".join(f"{line}\n" for line in lines), "utf-8")


def spoil_register(firms: dict[str, dict[str, str]], data: Path) -> None:
    """Put the cells of :data:`OF_REGISTER` into the rows of some firms."""
    path = data / "subjects.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        header, *rows = list(csv.reader(stream))
    for row in rows:
        for name, cell in firms.get(row[header.index("subject_id")], {}).items():
            row[header.index(name)] = cell
    path.write_text("".join(f"{_line(row)}\n" for row in [header, *rows]), "utf-8")


def key_columns(file: str) -> list[str]:
    """The columns of a file that name a record."""
    names = {"inspections": ["inspection_id"], "ratings": ["subject_id", "scheme", "event_date"]}.get(file, ["event_id"])
    return [COLUMNS.get(file, {}).get(name, name) for name in names]
