"""The folder of one run: its files, its manifest, and the key of everything that decides its content."""

from __future__ import annotations

import contextlib
import datetime as dt
import importlib.metadata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import pandas as pd
import pyarrow as pa

from creditscore import _version
from creditscore.errors import DataError
from creditscore.inspection.register import Line
from creditscore.records.reading.parquet_files import files_of, hash_of
from creditscore.records.reading.session_tables import fingerprint_in_session
from creditscore.records.reading.table_copies import FOLDER, copy_tables, database_sources, table_hashes
from creditscore.storage import (
    StepLedger,
    canonical_json,
    damaged_files,
    new_version,
    operations,
    parsed_json,
    pointed_to,
    read_parquet,
    sha256_file,
    sha256_of,
    step_key,
    write_parquet,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.project import Project
    from creditscore.engine import Engine
    from creditscore.tiering.signatures import Review

#: The file of a run with the objections that it knew.
OBJECTIONS = "objections"
#: All attempts lie here below ``OUT``; ``OUT/<as_of>`` names the current finished one of a day.
RUNS = ".runs"
MANIFEST = "manifest.json"
#: The planner's workbook. People write into it, so only the commands that read it back rely on its content.
WORKBOOK = "plan.xlsx"
#: Made from the other files of the folder: if they differ from the manifest, nothing is lost.
DOCUMENTS = (WORKBOOK, "report.html")
#: The ledger of finished runs, and its step that holds the hash of a run's manifest.
LEDGER, _SEALED = ".ledger.sqlite", "manifest"
#: The step under which a run is finished there, and the prefix of its facts about cards.
FINISHED, _CARD = "run", "scorecard "
#: The inputs as they were read; only while a run is made.
SNAPSHOT = ".inputs"
#: Libraries whose version may change a result.
_DECIDING = (
    "duckdb", "ibis-framework", "lightgbm", "numpy", "optbinning", "pandas", "pyarrow", "pyspark", "scikit-learn", "scipy",
    "sqlglot",
)  # fmt: skip


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run, ``OUT/.runs/<as_of>-<n>``, finished or not. A finished one is never changed."""

    path: Path

    @staticmethod
    def new(out: Path, as_of: dt.date) -> RunFolder:
        """A new, empty folder for a run of a day. The caller holds the lock of ``out``."""
        return RunFolder(new_version(out / RUNS, as_of.isoformat()))

    @staticmethod
    def current(out: Path, as_of: dt.date) -> RunFolder | None:
        """The current finished run of a day, or None."""
        folder = RunFolder(pointed_to(out / as_of.isoformat()))
        return folder if folder.file(MANIFEST).is_file() else None

    @staticmethod
    def opened(path: str | Path) -> RunFolder:
        """A finished run, by the name of its day or by its own folder.

        Raises:
            DataError: There is no manifest; it is not the one that was sealed; or a file other than the documents is not what
                the manifest says.
        """
        named = Path(path)
        folder = RunFolder(pointed_to(named if named.name else named.absolute()))
        manifest = folder.manifest()
        if manifest is None:
            raise DataError("{path}: expected a finished run (got no manifest.json)", path=path)
        broken = [name for name in damaged_files(folder.path, manifest["outputs"]) if name not in DOCUMENTS]
        broken += [MANIFEST] * (not folder._is_sealed())
        if broken:
            raise DataError(
                "{path}: expected the files of its manifest (damaged or absent: {broken})",
                path=path,
                broken=", ".join(broken[:5]),
            )
        return folder

    @property
    def name(self) -> str:
        """The run's folder relative to ``OUT``, such as ``.runs/2024-04-30-1``."""
        return self.path.relative_to(self.out).as_posix()

    @property
    def out(self) -> Path:
        """The folder that holds all runs, tasks and the register."""
        parent = self.path.parent
        return parent.parent if parent.name == RUNS else parent

    @property
    def shown(self) -> Path:
        """The name under which people find the run of its day."""
        return self.out / self.as_of.isoformat()

    @property
    def as_of(self) -> dt.date:
        """The day of the run.

        Raises:
            DataError: The folder is not named after a day.
        """
        day = _day_of_name(self.path.name[: len("2024-04-30")])
        if day is None:
            raise DataError("{path}: expected a run folder OUT/<as_of> such as 2024-04-30", path=self.path)
        return day

    def seal(self) -> None:
        """Note the hash of the manifest, so that :meth:`opened` finds a manifest that was changed later."""
        StepLedger(self.out / LEDGER).finish(self.name, _SEALED, sha256_file(self.file(MANIFEST)))

    def is_committed(self) -> bool:
        """Whether the run is, or was, the one of its day; a kill just before that leaves a whole run that nobody has seen."""
        current = RunFolder.current(self.out, self.as_of)
        return current == self or StepLedger(self.out / LEDGER).done(self.name, _SEALED) is not None

    def _is_sealed(self) -> bool:
        """Whether the manifest is the one that was sealed; a run whose seal is unknown, such as a copied one, counts as sealed."""
        noted = StepLedger(self.out / LEDGER).done(self.name, _SEALED)
        return noted is None or noted == sha256_file(self.file(MANIFEST))

    def file(self, name: str) -> Path:
        """A file of the run by its name in the manifest."""
        return self.path / name

    def write(self, name: str, rows: pa.Table | pd.DataFrame) -> None:
        """Write ``<name>.parquet``; the index of a pandas frame is left out."""
        table = pa.Table.from_pandas(rows, preserve_index=False) if isinstance(rows, pd.DataFrame) else rows
        write_parquet(self.file(f"{name}.parquet"), table)

    def write_on(self, engine: Engine, name: str, rows: ir.Table, *, order_by: Sequence[str]) -> ir.Table:
        """Write ``<name>.parquet`` by an engine, without bringing its rows into this process.

        Returns:
            The table of the engine, ``run_<name>``, over the file. It stands until another run writes the same.
        """
        path, table = self.file(f"{name}.parquet"), f"run_{name}"
        engine.write(rows, path, order_by=order_by)
        engine.register(table, path)
        return ibis.table(rows.schema(), name=table)

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

    def draft(self, task: str) -> Path:
        """The folder of a task's draft, as this run made it."""
        return self.path / "drafts" / task

    def drafts(self) -> list[Path]:
        """The folders of all drafts of this run, by task."""
        root = self.path / "drafts"
        return sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []

    def has_manifest(self) -> bool:
        """Whether the path names a finished run."""
        return (pointed_to(self.path) / MANIFEST).is_file()

    def manifest(self) -> dict[str, Any] | None:
        """The manifest of a finished run, or None.

        Raises:
            DataError: The file exists but is not JSON.
        """
        path = self.file(MANIFEST)
        if not path.is_file():
            return None
        try:
            document: dict[str, Any] = parsed_json(path.read_text("utf-8"))
        except ValueError:
            raise DataError("{path}: expected the JSON of a manifest", path=path) from None
        if not isinstance(document, dict) or not isinstance(document.get("outputs"), dict):
            raise DataError("{path}: expected the manifest of a run, OUT/<as_of> (got that of something else)", path=path)
        return document

    def is_edited(self) -> bool:
        """Whether people have changed the run's workbook."""
        path, manifest = self.file(WORKBOOK), self.manifest() or {}
        return path.is_file() and sha256_file(path) != manifest.get("outputs", {}).get(WORKBOOK)

    @property
    def is_trial(self) -> bool:
        """Whether the run scored with cards that nobody has signed."""
        return bool((self.manifest() or {}).get("trial", False))

    def before(self) -> RunFolder | None:
        """The newest finished run of an earlier day in the same ``out``, or None; see :func:`run_before`."""
        return run_before(self.out, self.as_of, trial=self.is_trial)


def run_before(out: Path, as_of: dt.date, *, trial: bool = False) -> RunFolder | None:
    """The newest finished run of a day before ``as_of``, or None.

    Args:
        out: The folder of runs.
        as_of: The day.
        trial: Also runs with unsigned cards, whose tiers were never in force.
    """
    days = sorted((day for day in days_of(out) if day < as_of), reverse=True)
    runs = (RunFolder.current(out, day) for day in days)
    return next((run for run in runs if run is not None and (trial or not run.is_trial)), None)


def days_of(out: Path) -> list[dt.date]:
    """The days that have a run, in order."""
    days = (_day_of_name(path.name) for path in out.iterdir()) if out.is_dir() else ()
    return sorted(day for day in days if day is not None)


def evidence_of(out: Path, cards: Mapping[str, str]) -> RunFolder | None:
    """The newest run in ``out`` that trained exactly these cards: what is known of how good they are.

    Args:
        out: The folder of runs.
        cards: Their hashes by industry.
    """
    attempts = [RunFolder(path) for path in (out / RUNS).glob("*") if _day_of_name(path.name[: len("2024-04-30")])]
    newest_first = sorted(attempts, key=lambda run: (run.as_of, len(run.path.name), run.path.name), reverse=True)
    return next((run for run in newest_first if run.is_trial and cards_of(run) == cards and run.is_committed()), None)


def trained_since(out: Path, day: dt.date) -> tuple[str, ...]:
    """The days of the finished runs of a folder that trained cards on a day or later, in order."""
    attempts = [RunFolder(path) for path in (out / RUNS).glob("*") if _day_of_name(path.name[: len("2024-04-30")])]
    later = (run for run in attempts if run.as_of >= day and run.is_trial and run.has("held_out") and run.is_committed())
    return tuple(sorted({run.as_of.isoformat() for run in later}))


def cards_of(run: RunFolder) -> dict[str, str]:
    """The hashes of the cards that a finished run scored with, by industry."""
    facts: Mapping[str, str] = (run.manifest() or {}).get("facts", {})
    return {name.removeprefix(_CARD): sha256 for name, sha256 in facts.items() if name.startswith(_CARD)}


def _day_of_name(name: str) -> dt.date | None:
    try:
        day = dt.date.fromisoformat(name)
    except ValueError:
        return None
    return day if day.isoformat() == name else None


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


def input_hashes(project: Project, data: Path, engine: Engine | None = None, *, tables: Path | None = None) -> dict[str, str]:
    """SHA-256 of every declared file or folder that exists, by its name in ``sources.toml``.

    Of a PostgreSQL table it is the hash of its copy, of a table of a session its fingerprint. Joined files are included.

    Args:
        project: Whose inputs.
        data: The folder of its files.
        engine: Who reads the tables that its session knows.
        tables: The folder of the copies of PostgreSQL tables; not needed without any.

    Raises:
        DataError: There is a PostgreSQL table and no copy of it.
    """
    files = sorted({file for source in project.sources.source for file in source.files})
    found = {name: hash_of(data / name) for name in files if files_of(data / name)}
    return found | table_hashes(project, tables) | table_fingerprints(project, engine)


def table_fingerprints(project: Project, engine: Engine | None = None) -> dict[str, str]:
    """The fingerprint of every declared table of a session, by its place."""
    in_session = {source.location: source for source in project.sources.source if source.of_session}
    return {place: fingerprint_in_session(engine, source) for place, source in in_session.items()}


@contextlib.contextmanager
def copied_tables(project: Project, out: Path) -> Iterator[Path | None]:
    """Copies of the PostgreSQL tables below ``out`` as they are now; None where the project has none.

    Whether a table has changed is told by what was read, so they are made before a run knows whether it has anything to do. A
    run that has takes them into its snapshot; what is left, be it by a command that was killed, is removed.

    Raises:
        DataError: A table cannot be read.
    """
    staging = out / SNAPSHOT
    if staging.is_dir():
        operations.remove_folder(staging)
    if not database_sources(project):
        yield None
        return
    try:
        copy_tables(project, staging)
        yield staging
    finally:
        with contextlib.suppress(OSError):  # what ended the block itself is what people must hear of
            operations.remove_folder(staging)


def take_snapshot(
    project: Project, data: Path, into: Path, engine: Engine | None = None, *, tables: Path | None = None
) -> dict[str, str]:
    """Copy every declared file into a folder of the run, and hash the copies: what is read is then what was hashed.

    Tables of a session are not copied: one that changes while it is read ends the run.

    Args:
        project: Whose inputs.
        data: The folder of its files.
        into: The folder, which is made.
        engine: Who reads the tables that its session knows.
        tables: Copies of the PostgreSQL tables, which move there; without them the tables are copied there now.

    Returns:
        The hashes, as of :func:`input_hashes`.

    Raises:
        DataError: A table cannot be read.
    """
    if tables is not None:
        operations.make_folder(into)
        operations.rename(tables, into / FOLDER)
    elif database_sources(project):
        copy_tables(project, into / FOLDER)
    for name in sorted({file for source in project.sources.source for file in source.files}):
        for file in files_of(data / name):
            target = into / file.relative_to(data)
            operations.make_folder(target.parent)
            operations.copy(file, target)
    return input_hashes(project, into, engine, tables=into / FOLDER)


@dataclass(frozen=True)
class Deciding:
    """What decides the content of a run beside its inputs and its project.

    Attributes:
        before: The run before it, or None.
        cards: The hash of each signed card by industry; empty where cards are trained.
        evidence: The run that trained these cards, or None.
        signatures: The signatures of tiers that count, as the register has them.
        objections: The lines of the register with the objections of the day and their answers.
    """

    before: RunFolder | None = None
    cards: Mapping[str, str] = field(default_factory=dict)
    evidence: RunFolder | None = None
    signatures: tuple[Review, ...] = ()
    objections: tuple[Line, ...] = ()

    def facts(self) -> dict[str, str]:
        """The parts as hashes, for the key of a run and for its manifest."""
        runs = {"previous": self.before, "evidence": self.evidence}
        return {
            **{name: sha256_file(run.file(MANIFEST)) if run else "" for name, run in runs.items()},
            "signatures": sha256_of(repr(self.signatures)) if self.signatures else "",
            # Not named where there are none: a day that was computed before there could be any is not computed again.
            **({"objections": str(self.objections[-1]["hash"])} if self.objections else {}),
        }


def run_key(project: Project, inputs: Mapping[str, str], deciding: Deciding, *, engine: str, train: bool, lang: str) -> str:
    """One key of everything that decides what a run computes: with the same key, nothing is computed again.

    That a task was published since is no reason to compute a day again: its draft stays in the run that made it.

    Args:
        project: The configuration, by its hash.
        inputs: The hashes of :func:`input_hashes`.
        deciding: What else decides.
        engine: The name of the engine.
        train: Whether cards are trained.
        lang: The language of the documents.
    """
    parts = {
        "inputs": inputs,
        "config": project.sha256,
        "cards": deciding.cards,
        **deciding.facts(),
        "versions": versions(),
        "engine": engine,
        "train": train,
        "lang": lang,
    }
    return step_key(canonical_json(parts))
