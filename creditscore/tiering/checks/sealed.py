"""A sealed export as it was read: rows of ``sample.csv`` with their lines, strata, manifest. Tickets are worked out here."""

import hashlib
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from creditscore.tiering.drawn import SAMPLE_COLUMNS
from creditscore.tiering.population import UNKNOWN
from creditscore.tiering.sealed.publish import read_manifest
from creditscore.tiering.sealed.seal import strata_from
from creditscore.tiering.sealed.sheets import read_csv


@dataclass(frozen=True)
class Row:
    """A line of ``sample.csv``."""

    line: int
    cells: list[str]

    def __getitem__(self, name: str) -> str:
        return self.cells[SAMPLE_COLUMNS.index(name)]

    @property
    def where(self) -> str:
        """File and line, for findings."""
        return f"sample.csv line {self.line}"


@dataclass(frozen=True)
class Sealed:
    """The export as it was read."""

    folder: Path
    manifest: dict[str, Any]
    rows: list[Row]
    strata: dict[str, dict[str, Any]]

    @property
    def seed(self) -> str | None:
        """The seed; None before the draw."""
        seed: str | None = self.manifest["seed"]
        return seed

    @property
    def task(self) -> str:
        """The id of the task."""
        return str(self.manifest["about"]["task"]["id"])

    def ticket(self, subject_id: str) -> str:
        """The ticket of a subject by ``hashlib`` alone."""
        text = unicodedata.normalize("NFC", f"{self.seed}|{self.task}|{subject_id}")
        return hashlib.sha256(text.encode()).hexdigest()

    def stratum_of(self, tier: str, industry: str, region: str) -> str:
        """The name of the stratum to which such a subject belongs."""
        parts = [self.task, tier, industry or UNKNOWN]
        return "|".join([*parts, region or UNKNOWN] if self.manifest["about"]["task"]["by_region"] else parts)

    def members(self) -> dict[str, list[Row]]:
        """Those who stayed in the frame, by stratum."""
        members: dict[str, list[Row]] = defaultdict(list)
        for row in self.rows:
            if not row["exempt_reason"]:
                members[row["stratum"]].append(row)
        return members


def read_sealed(folder: Path) -> Sealed:
    """The export of a folder.

    Raises:
        DataError: A file is missing or cannot be read.
    """
    manifest = read_manifest(folder)
    rows = [Row(line, cells) for line, cells in read_csv(folder / "sample.csv", SAMPLE_COLUMNS)]
    strata = {
        str(row["stratum"]): {str(key): value for key, value in row.items()} for row in strata_from(folder).to_dict("records")
    }
    return Sealed(folder, manifest, rows, strata)
