"""Twenty ordinary months of a city: no delivery looks broken beside the one before."""

import datetime as dt

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from support.cities import PROJECT, small_city

import creditscore as cs
from creditscore.records.deliveries.drift import drifts, profile
from creditscore.records.records import open_records

pytestmark = pytest.mark.slow  # a minute or two: twenty deliveries are read
#: When a row of a file became known, where the column is not ``known_date``.
_KNOWN = {"decisions": "decision_date", "publicity": "event_date", "market_events": "入库日期"}


def delivered(city, day, folder):
    """What of a city was known on a day."""
    folder.mkdir(parents=True)
    for path in city.iterdir():
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            column = _KNOWN.get(path.stem, "known_date")
            if column in table.column_names:
                table = table.filter(pc.fill_null(pc.less_equal(table[column], pa.scalar(day)), True))
            pq.write_table(table, folder / path.name)
        else:
            lines = path.read_bytes().decode("gb18030").splitlines()
            kept = [line for line in lines[1:] if _pushed(line) <= day]
            (folder / path.name).write_bytes("".join(f"{line}\r\n" for line in [lines[0], *kept]).encode("gb18030"))
    return folder


def _pushed(line):
    return dt.date(*(int(part) for part in line.split(",")[3].replace("年", "/").replace("月", "/").replace("日", "").split("/")))


def test_no_ordinary_month_is_an_error_and_warnings_are_few(tmp_path):
    city, project = small_city(tmp_path / "city"), cs.load_project(PROJECT)
    ends = [dt.date(2022 + (8 + n) // 12, (8 + n) % 12 + 1, 1) - dt.timedelta(days=1) for n in range(1, 21)]
    found, before = [], None
    for day in ends:
        now = profile(open_records(cs.Engine.duckdb(), project, data=delivered(city, day, tmp_path / day.isoformat())))
        if before is not None:
            found += drifts(now, before[0], max_row_drop=project.about.max_row_drop, days=(before[1], day))
        before = (now, day)
    assert [finding for finding in found if finding.level == "error"] == []
    # A kind that is published for the first time, and an extract that did not change: both are so.
    warnings = [finding for finding in found if finding.level == "warning"]
    assert len(warnings) <= 8
    assert {finding.table for finding in warnings} <= {"publicity"}
