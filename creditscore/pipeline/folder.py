"""One run, one folder: ``OUT/<as_of>/``, its files by name, its manifest, the run before it."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from creditscore.batch import damaged
from creditscore.errors import DataError

#: What is not in the run's own manifest: plans have manifests of their own and change by their one draw.
OWN_MANIFESTS = ("plan/", "reviews.jsonl", "lookups.jsonl", "manifest.json", "explain/", "results/", "edited/")
#: What people write into: it is made anew from the folder, and nothing but the commands that read it back relies on it.
WORKBOOK = "plan.xlsx"
#: Made anew from the folder: a command that was cut short between them and the manifest has damaged nothing.
DOCUMENTS = (WORKBOOK, "report.html")


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run."""

    path: Path

    @staticmethod
    def of(out: Path, as_of: dt.date) -> RunFolder:
        """The folder of a day below ``out``."""
        return RunFolder(out / as_of.isoformat())

    @staticmethod
    def opened(path: str | Path) -> RunFolder:
        """A finished run.

        Raises:
            DataError: There is no manifest, or a file (the documents for people apart) is not what the manifest says.
        """
        folder = RunFolder(Path(path))
        manifest = folder.manifest()
        if manifest is None:
            raise DataError(f"{folder.path}: expected a finished run (got no manifest.json)")
        broken = [name for name in damaged(folder.path, manifest["outputs"]) if name not in DOCUMENTS]
        if broken:
            raise DataError(f"{folder.path}: expected the files of its manifest (damaged or absent: {', '.join(broken[:5])})")
        return folder

    @property
    def out(self) -> Path:
        """The folder that holds all runs."""
        return self.path.parent

    @property
    def as_of(self) -> dt.date:
        """The day of the run.

        Raises:
            DataError: The folder is not called after a day.
        """
        try:
            return dt.date.fromisoformat(self.path.resolve().name)
        except ValueError:
            raise DataError(f"{self.path}: expected a run folder OUT/<as_of> such as 2024-04-30") from None

    def file(self, name: str) -> Path:
        """A file of the run by its name in the manifest."""
        return self.path / name

    def plan(self, task: str) -> Path:
        """The folder of a task's plan."""
        return self.path / "plan" / task

    def plans(self) -> list[Path]:
        """The folders of all plans, by task."""
        root = self.path / "plan"
        return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")) if root.is_dir() else []

    def put_back(self) -> None:
        """Take back plans that an exchange cut short left aside (``.old-<task>``)."""
        for old in sorted((self.path / "plan").glob(".old-*")):
            path = old.with_name(old.name.removeprefix(".old-"))
            if not path.exists():
                old.rename(path)

    def manifest(self) -> dict[str, Any] | None:
        """The manifest of a finished run, or None.

        Raises:
            DataError: There is one, and it cannot be read.
        """
        path = self.file("manifest.json")
        if not path.is_file():
            return None
        try:
            document: dict[str, Any] = json.loads(path.read_text("utf-8"))
        except ValueError:
            raise DataError(f"{path}: expected the JSON of a manifest") from None
        return document

    def before(self) -> RunFolder | None:
        """The newest finished run of an earlier day in the same place."""
        if not self.out.is_dir():
            return None
        earlier = [RunFolder(path) for path in sorted(self.out.iterdir()) if _day(path.name) and path.name < self.as_of.isoformat()]
        finished = [folder for folder in earlier if folder.file("manifest.json").is_file()]
        return finished[-1] if finished else None


def _day(name: str) -> bool:
    try:
        dt.date.fromisoformat(name)
    except ValueError:
        return False
    return True
