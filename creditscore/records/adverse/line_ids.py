"""What can still be read of a line that is no record: the ids that stand in it as whole fields."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from creditscore.records.reading.csv_files import physical_lines
from creditscore.records.standard.arrivals import Arrival
from creditscore.records.standard.identity import compact

if TYPE_CHECKING:
    from creditscore.config.project import Project

#: Where a line of a text file may be cut, whatever its delimiter.
_BETWEEN = re.compile(r'[",;\t|，、]')
#: Letters of a field that could be an id; digits of one that has no letter, those of a unified social credit code.
_LONGEST, _DIGITS = 64, 18


def fields_of_lines(
    project: Project, folder: Path, arrivals: Sequence[Arrival], lines: Collection[tuple[str, int]]
) -> dict[tuple[str, int], tuple[str, ...]]:
    """The short fields of refused lines, as sent and in the plain form of codes; nothing for sources that are no text files.

    A number is left out unless it has as many digits as a code with check characters: where the fields of a line have
    moved, an amount may look like the number of another firm. The fields may be personal data: they are compared with ids
    and never shown or stored.

    Args:
        project: Its sources.
        folder: The folder of their files.
        arrivals: The sources as they were read.
        lines: Source and line.
    """
    found: dict[tuple[str, int], tuple[str, ...]] = {}
    specs = {source.name: source for source in project.sources.source}
    for arrival in arrivals:
        numbers = [row for source, row in lines if source == arrival.source]
        if numbers and specs[arrival.source].format == "csv":
            for number, text in physical_lines(folder / specs[arrival.source].file, arrival.encoding, numbers):
                fields = [field.strip() for field in _BETWEEN.split(text)]
                short = [field for field in fields if 1 < len(field) <= _LONGEST]
                plain = compact(pa.array(short, pa.string())).to_pylist()
                found[arrival.source, number] = tuple(sorted({field for field in (*short, *plain) if field and _can_be_id(field)}))
    return found


def _can_be_id(field: str) -> bool:
    return not field.isdecimal() or len(field) >= _DIGITS
