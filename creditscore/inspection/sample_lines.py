"""The lines of an undrawn ``sample.csv``, and the short hash of each, batch by batch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from creditscore.inspection.csv_export import to_csv
from creditscore.inspection.frame_rows import SAMPLE_COLUMNS, Batch, FrameRows, Kind, strange
from creditscore.storage import sha256_of

#: Where a byte order mark and the line of columns end, in what :func:`to_csv` makes.
_HEAD = to_csv(SAMPLE_COLUMNS, [])


def line_sum(cells: Sequence[str]) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a line's cells."""
    return sha256_of(json.dumps(list(cells), ensure_ascii=False))[:16]


def sample_parts(rows: FrameRows) -> Iterator[tuple[bytes, bytes]]:
    """``sample.csv`` and ``sample.sha256``, piece by piece: the first line, then the lines of each batch."""
    yield _HEAD, b""
    for batch in rows.batches():
        lines, sums = _lines(batch)
        yield "".join(lines).encode(), "".join(sums).encode()


def drawn_parts(rows: Iterable[Sequence[Any]]) -> tuple[bytes, bytes]:
    """The same of whole rows in the columns of the file, in one piece."""
    lines = list(rows)
    sums = "".join(line_sum([str(cell) if not isinstance(cell, float) else repr(cell) for cell in row]) + "\n" for row in lines)
    return to_csv(SAMPLE_COLUMNS, lines), sums.encode()


def _cells(subject: str, name: str, kind: Kind) -> tuple[Any, ...]:
    """A row that is not drawn yet."""
    return (
        kind.task, subject, name, kind.industry, kind.region, kind.tier, kind.stratum, kind.inclusion_probability, "", "", "",
        kind.exempt_reason, kind.merged_with,
    )  # fmt: skip


def _lines(batch: Batch) -> tuple[list[str], list[str]]:
    """What stands in a kind is written once for all its rows; a text that needs quotes or a guard goes the long way."""
    csv_of, json_of = zip(*map(_frames_of, batch.kinds), strict=True)
    digest = hashlib.sha256
    lines, sums = [], []
    odd = (one or other for one, other in zip(strange(batch.subject_ids), strange(batch.names), strict=True))
    for subject, name, place, is_odd in zip(batch.subject_ids, batch.names, batch.places, odd, strict=True):
        if is_odd:
            line, hashed = drawn_parts([_cells(subject, name, batch.kinds[place])])
            lines.append(line[len(_HEAD) :].decode())
            sums.append(hashed.decode())
        else:
            before, after = csv_of[place]
            lines.append(f"{before}{subject},{name}{after}")
            before, after = json_of[place]
            sums.append(digest(f'{before}{subject}", "{name}{after}'.encode()).hexdigest()[:16] + "\n")
    return lines, sums


def _frames_of(kind: Kind) -> tuple[tuple[str, str], tuple[str, str]]:
    """What stands before the id and behind the name, in a line of the file and in the list that is hashed."""
    cells = _cells("x", "x", kind)
    line = to_csv(SAMPLE_COLUMNS, [cells])[len(_HEAD) :].decode()
    listed = json.dumps([repr(cell) if isinstance(cell, float) else str(cell) for cell in cells], ensure_ascii=False)
    first = len(to_csv(SAMPLE_COLUMNS[:1], [cells[:1]])[len(to_csv(SAMPLE_COLUMNS[:1], [])) :].decode()) - len("\r\n")
    second = len(json.dumps(str(cells[0]), ensure_ascii=False)) + 1
    return (line[: first + 1], line[first + 4 :]), (listed[: second + 3], listed[second + 9 :])
