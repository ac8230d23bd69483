"""How long a workbook takes, in what memory, and whether every row comes back.

    python -m experiments.benchmarks.workbook [--rows 100000] [--max-rows 1048575] [--repeat 3]

The drawn list of the planner's workbook with all its columns filled, as many rows as asked. Each repetition
is a process of its own (its peak memory is the kernel's figure). Budget: 10^5 rows in under 20 s, on one core. With
``--read`` all rows are read back, as a stream, and their ids compared.
"""

import argparse
import datetime as dt
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from creditscore.reporting.planning_tables import DRAWN_LIST
from creditscore.spreadsheet import Column, Sheet, write_book
from creditscore.spreadsheet.sheets import MAX_ROWS

DAY = dt.date(2024, 4, 30)
SECONDS = 20.0
_FILL = {"integer": 601, "number": 0.25, "percent": 0.0106, "date": DAY}
_WIDE = {
    "name": "永州市冷水滩区某某食品商行有限公司",
    "address": "永州市冷水滩区模拟路089号",
    "stratum": "2024Q2-food|A|food_retail",
}


def subject_id(at: int) -> str:
    """The id of a row."""
    return f"91431102MA{at:08d}"


def rows(columns: tuple[Column, ...], count: int) -> Iterator[tuple[object, ...]]:
    """Full rows in the order of the columns; the id tells them apart."""
    fill = [_FILL.get(column.kind, _WIDE.get(column.key, "近36个月监督抽检不合格率")) for column in columns]
    place = [column.key for column in columns].index("subject_id")
    for at in range(count):
        fill[place] = subject_id(at)
        yield tuple(fill)


def sheet(count: int) -> Sheet:
    """The drawn list with so many rows."""
    columns = DRAWN_LIST.columns
    return Sheet(DRAWN_LIST.title, columns, rows(columns, count))


def ids_of(path: Path) -> Iterator[str]:
    """Every id of a workbook in order, read as a stream."""
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True)
    for page in book:
        stream = page.iter_rows(values_only=True)
        place = next(stream).index("统一社会信用代码")
        for row in stream:
            yield row[place]
    book.close()


def one(path: Path, count: int, max_rows: int, *, read: bool) -> dict[str, object]:
    """Write, maybe read back, and say what it took."""
    begun, busy = time.perf_counter(), time.process_time()
    report = write_book(path, [sheet(count)], title="benchmark", created=DAY, max_rows=max_rows)
    found: dict[str, object] = {"seconds": time.perf_counter() - begun, "rows": list(report.rows.values())}
    found["cpu_seconds"] = time.process_time() - busy
    if read:
        seen = 0
        for at, found_id in enumerate(ids_of(path)):
            assert found_id == subject_id(at), f"row {at:,} is another"
            seen += 1
        assert seen == count, f"{seen:,} rows came back of {count:,}"
    found["read_seconds"] = time.perf_counter() - begun - float(str(found["seconds"]))
    found["gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    found["mb"], found["sha256"] = path.stat().st_size / 1e6, hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def main() -> None:
    """Print a table of the repetitions, and fail where they differ or miss the budget."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--max-rows", type=int, default=MAX_ROWS)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--read", action="store_true")
    parser.add_argument("--child", type=Path)
    told = parser.parse_args()
    if told.child:
        print(json.dumps(one(told.child, told.rows, told.max_rows, read=told.read)))
        return
    print(
        "| rows | columns | sheets | seconds | CPU seconds | seconds to read | peak GiB | MB |\n|---|---|---|---|---|---|---|---|"
    )
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(told.repeat):
            options = ["--rows", str(told.rows), "--max-rows", str(told.max_rows), "--child", f"{folder}/{number}.xlsx"]
            command = [sys.executable, "-m", "experiments.benchmarks.workbook", *options, *(["--read"] if told.read else [])]
            run = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            found.append(run)
            read = f"{run['read_seconds']:.1f}" if told.read else "-"
            print(
                f"| {sum(run['rows']):,} | {len(DRAWN_LIST.columns)} | {len(run['rows'])} | {run['seconds']:.1f} "
                f"| {run['cpu_seconds']:.1f} | {read} | {run['gib']:.2f} | {run['mb']:.0f} |",
                flush=True,
            )
    assert len({run["sha256"] for run in found}) == 1, "the same content gave other bytes"
    # One thread does the work: beside other work its own seconds say more than the clock's.
    seconds = sorted(run["cpu_seconds"] for run in found)[len(found) // 2]
    assert seconds < SECONDS * max(1.0, told.rows / 100_000), f"{seconds:.1f} s for {told.rows:,} rows"


if __name__ == "__main__":
    main()
