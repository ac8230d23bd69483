"""The folder of one run: its files, its manifest, and the key of everything that decides its content."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from creditscore import _version
from creditscore.errors import DataError
from creditscore.records.postgres import fingerprint
from creditscore.storage import canonical_json, damaged_files, read_parquet, restore_folders, sha256_file, step_key, write_parquet

if TYPE_CHECKING:
    from creditscore.config.project import Project

#: What the run's own manifest leaves out: plans have manifests of their own, and the rest grows after the run.
OWN_MANIFESTS = ("plan/", "reviews.jsonl", "lookups.jsonl", "manifest.json", "explain/", "results/", "edited/")
#: The planner's workbook. People write into it, so only the commands that read it back rely on its content.
WORKBOOK = "plan.xlsx"
#: Made from the other files of the folder: if they differ from the manifest, nothing is lost.
DOCUMENTS = (WORKBOOK, "report.html")
#: Libraries whose version may change a result.
_DECIDING = (
    "duckdb", "ibis-framework", "lightgbm", "numpy", "optbinning", "pandas", "pyarrow", "pyspark", "scikit-learn", "scipy",
    "sqlglot",
)  # fmt: skip


@dataclass(frozen=True)
class RunFolder:
    """The folder ``OUT/<as_of>`` of one run, finished or not."""

    path: Path

    @staticmethod
    def of(out: Path, as_of: dt.date) -> RunFolder:
        """The folder of a day below ``out``."""
        return RunFolder(out / as_of.isoformat())

    @staticmethod
    def of_plan(plan: Path) -> RunFolder:
        """The run that a plan's folder ``plan/<task>`` lies in; a plan that was copied elsewhere lies in none."""
        return RunFolder(plan.parent.parent)

    @staticmethod
    def opened(path: str | Path) -> RunFolder:
        """A finished run.

        Raises:
            DataError: There is no manifest, or a file other than the documents is not what the manifest says.
        """
        folder = RunFolder(Path(path))
        manifest = folder.manifest()
        if manifest is None:
            raise DataError("{path}: expected a finished run (got no manifest.json)", path=folder.path)
        broken = [name for name in damaged_files(folder.path, manifest["outputs"]) if name not in DOCUMENTS]
        if broken:
            raise DataError(
                "{path}: expected the files of its manifest (damaged or absent: {broken})",
                path=folder.path,
                broken=", ".join(broken[:5]),
            )
        return folder

    @property
    def out(self) -> Path:
        """The folder that holds all runs."""
        return self.path.parent

    @property
    def as_of(self) -> dt.date:
        """The day of the run.

        Raises:
            DataError: The folder is not named after a day.
        """
        day = _day_of_name(self.path.resolve().name)
        if day is None:
            raise DataError("{path}: expected a run folder OUT/<as_of> such as 2024-04-30", path=self.path)
        return day

    def file(self, name: str) -> Path:
        """A file of the run by its name in the manifest."""
        return self.path / name

    def write(self, name: str, rows: pa.Table | pd.DataFrame) -> None:
        """Write ``<name>.parquet``; the index of a pandas frame is left out."""
        table = pa.Table.from_pandas(rows, preserve_index=False) if isinstance(rows, pd.DataFrame) else rows
        write_parquet(self.file(f"{name}.parquet"), table)

    def read(self, name: str) -> pa.Table:
        """The rows of ``<name>.parquet``.

        Raises:
            DataError: The file is absent or damaged.
        """
        return read_parquet(self.file(f"{name}.parquet"))

    def frame(self, name: str) -> pd.DataFrame:
        """The rows of ``<name>.parquet`` as pandas, with dates as ``datetime.date``.

        Raises:
            DataError: The file is absent or damaged.
        """
        frame: pd.DataFrame = self.read(name).to_pandas(date_as_object=True)
        return frame

    def has(self, name: str) -> bool:
        """Whether the run has ``<name>.parquet``."""
        return self.file(f"{name}.parquet").is_file()

    def plan(self, task: str) -> Path:
        """The folder of a task's plan."""
        return self.path / "plan" / task

    def plans(self) -> list[Path]:
        """The folders of all plans, by task."""
        root = self.path / "plan"
        return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")) if root.is_dir() else []

    def restore_plans(self) -> None:
        """Restore plans whose replacement was interrupted."""
        restore_folders(self.path / "plan")

    def manifest(self) -> dict[str, Any] | None:
        """The manifest of a finished run, or None.

        Raises:
            DataError: The file exists but is not JSON.
        """
        path = self.file("manifest.json")
        if not path.is_file():
            return None
        try:
            document: dict[str, Any] = json.loads(path.read_text("utf-8"))
        except ValueError:
            raise DataError("{path}: expected the JSON of a manifest", path=path) from None
        return document

    def before(self) -> RunFolder | None:
        """The newest finished run of an earlier day in the same ``out``, or None."""
        if not self.out.is_dir():
            return None
        days = sorted(path for path in self.out.iterdir() if _day_of_name(path.name) and path.name < self.as_of.isoformat())
        finished = [RunFolder(path) for path in days if (path / "manifest.json").is_file()]
        return finished[-1] if finished else None


def _day_of_name(name: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(name)
    except ValueError:
        return None


@dataclass(frozen=True)
class RunResult:
    """What a run did. ``fresh`` is False where nothing had changed since the last run and no work was done."""

    folder: RunFolder
    fresh: bool
    #: Counts for people: subjects, scored, not_rated, tiers, frames and so on.
    summary: Mapping[str, object] = field(default_factory=dict)


def versions() -> dict[str, str]:
    """The version of this library and of the installed libraries that it computes with, by name."""
    by_library = {"creditscore": _version.__version__}
    for name in _DECIDING:
        try:
            by_library[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return by_library


def input_hashes(project: Project, data: Path) -> dict[str, str]:
    """SHA-256 of every declared file that exists, by its name in ``sources.toml``; of a database table its fingerprint.

    Files that a source joins are included.
    """
    files = sorted({file for source in project.sources.source for file in source.files})
    tables = {source.location: fingerprint(source) for source in project.sources.source if source.format == "postgres"}
    return {name: sha256_file(data / name) for name in files if (data / name).is_file()} | tables


def run_key(
    project: Project, folder: RunFolder, inputs: dict[str, str], *, engine: str, train: bool, cards: dict[str, str], lang: str
) -> str:
    """One key of everything that decides a run's content: with the same key, nothing is computed again.

    Args:
        project: The configuration, by its hash.
        folder: The run: signatures given in it count, and the run before it.
        inputs: The hashes of :func:`input_hashes`.
        engine: The name of the engine.
        train: Whether cards are trained.
        cards: The hash of each signed card by industry; they do not count where cards are trained.
        lang: The language of the documents.
    """
    before = folder.before()
    earlier = [before.file(name) for name in ("manifest.json", "reviews.jsonl")] if before else []
    reviews = folder.file("reviews.jsonl")
    parts = {
        "inputs": inputs,
        "config": project.sha256,
        "cards": {} if train else cards,
        "previous": [sha256_file(path) for path in earlier if path.is_file()],
        "reviews": sha256_file(reviews) if reviews.is_file() else "",
        "versions": versions(),
        "engine": engine,
        "train": train,
        "lang": lang,
    }
    return step_key(canonical_json(parts))
