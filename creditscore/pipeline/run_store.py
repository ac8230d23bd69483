"""What a finished run keeps for its documents and for questions: saved by the run, loaded by every later command.

``book.json`` holds the small parts (:class:`BookFile`); the rows of subjects are in the run's Parquet files.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import PlainSerializer, PlainValidator

from creditscore.config.policy import TierPolicy
from creditscore.config.project import ProjectFile
from creditscore.config.spec import Items, Label, Spec, parse_json
from creditscore.config.work_calendar import WorkCalendar
from creditscore.inspection.plan import DrawnPlan, InspectionPlan
from creditscore.inspection.plan_folder import read_log, read_manifest
from creditscore.inspection.visits import Opened, visits_of_plans
from creditscore.language import DEFAULT_LANGUAGE, _
from creditscore.pipeline.run_folder import DOCUMENTS, WORKBOOK
from creditscore.pipeline.score import read_cards
from creditscore.records.identity import tables_of
from creditscore.reporting.report import write_report
from creditscore.reporting.run_book import Figure, RowCounts, RunBook, plan_pages
from creditscore.reporting.workbook import write_workbook
from creditscore.spreadsheet import cell_words
from creditscore.storage import read_parquet, sha256_file, write_json

if TYPE_CHECKING:
    from pathlib import Path

    from creditscore.pipeline.run_folder import RunFolder
    from creditscore.pipeline.train import Training
    from creditscore.records.records import Records

_log = logging.getLogger(__name__)
_NOT_REPRESENTATIVE = _("Trained on visits without known probabilities: not representative of uninspected firms.")
#: Frames of a book that every run has as a Parquet file of that name, and those that only some runs have.
_TABLES = ("checkup", "scores", "tiers", "subjects", "lists")
_OPTIONAL_TABLES = ("forecast", "stability", "associations")


def _figure(stored: Figure | list[float | None]) -> Figure:
    """A figure from ``[value, low, high]``; JSON has null for NaN."""
    if isinstance(stored, Figure):
        return stored
    value, low, high = stored
    return Figure(float("nan") if value is None else value, low, high)


def _frame(stored: pd.DataFrame | dict[str, Any]) -> pd.DataFrame:
    return stored if isinstance(stored, pd.DataFrame) else pd.DataFrame(stored["rows"], columns=stored["columns"])


def _columns_and_rows(frame: pd.DataFrame) -> dict[str, Any]:
    """A small frame as its columns in order and its rows (an object per row would lose the order)."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    return {"columns": table.column_names, "rows": [list(row.values()) for row in table.to_pylist()]}


# The validator comes first: it replaces the whole schema of the type, a serialiser included.
_StoredFigure = Annotated[Figure, PlainValidator(_figure), PlainSerializer(lambda one: [one.value, one.low, one.high])]
_StoredFrame = Annotated[pd.DataFrame, PlainValidator(_frame), PlainSerializer(_columns_and_rows)]


class BookFile(Spec):
    """``book.json``. A field of the same name as one of :class:`RunBook` is shown there as it is."""

    project: ProjectFile
    policy: Annotated[TierPolicy, PlainSerializer(lambda policy: policy.model_dump(mode="json", exclude_none=True))]
    counts: RowCounts
    evaluation: dict[str, _StoredFigure]
    #: Small frames, by their names in :class:`RunBook`.
    frames: dict[str, _StoredFrame]
    industries: dict[str, Label]
    #: Names of regions by code, as the code table has them.
    regions: dict[str, str]
    kinds: dict[str, Label]
    notes: Items[Label]
    facts: dict[str, str]
    calendar: WorkCalendar

    def save(self, folder: RunFolder) -> None:
        """Write ``book.json``; figures have at most nine decimals."""
        write_json(folder.file("book.json"), _finite(self.model_dump(mode="json")))

    @classmethod
    def load(cls, folder: RunFolder) -> BookFile:
        """Read ``book.json``.

        Raises:
            ConfigError: A field is missing, unknown or cannot be read.
        """
        path = folder.file("book.json")
        return parse_json(cls, json.loads(path.read_text("utf-8")), str(path))

    def shown(self) -> dict[str, Any]:
        """The fields of :class:`RunBook` that this file knows, by name."""
        about = self.project
        return {
            **{name: value for name, value in self if name in RunBook.__dataclass_fields__},
            **self.frames,
            "project": about.label,
            "authority": about.authority,
            "purpose": about.purpose,
            "contact": about.contact,
            "regions": {code: Label(zh=name) for code, name in self.regions.items()},
        }


def save_book(
    folder: RunFolder, records: Records, *, policy: TierPolicy, training: Training, achieved: pd.DataFrame, counts: RowCounts,
    facts: Mapping[str, str],
) -> None:  # fmt: skip
    """Write ``subjects.parquet``, ``lists.parquet``, ``staff.parquet``, ``recusals.parquet`` and ``book.json``.

    Args:
        folder: The run.
        records: The register, listings, inspectors and recusals of the day; their project.
        policy: The policy in force. Its overrides say which listings are kept.
        training: The cards that scored, and how they were judged.
        achieved: Shares that the cuts gave, see :attr:`creditscore.tiering.tiers.Tiers.achieved`.
        counts: The rows of the register by what became of them.
        facts: Hashes and versions as in the manifest.
    """
    project = records.project
    kinds = [rule.kind for rule in policy.override if rule.kind is not None]
    folder.write("subjects", records.subjects_on(folder.as_of))
    folder.write("lists", records.listed(kinds, folder.as_of))
    # Who may inspect, by number: names of inspectors stay in the personnel register.
    folder.write("staff", records.staff.drop_columns(["name"]))
    folder.write("recusals", records.recusals.drop_columns(["reason"]))
    representative = all(card.representative for card in training.cards.values())
    BookFile(
        project=project.about,
        policy=policy,
        counts=counts,
        evaluation=dict(training.judgement.evaluation),
        frames={**training.frames, "achieved": achieved},
        industries={industry.code: industry.label for industry in project.scorecards.industry},
        regions={region.code: region.name for table in tables_of(project).regions for region in table.region},
        kinds={item.kind: item.label for item in project.catalogue.item},
        notes=tuple(Label.of(note) for note in (*training.notes, *(() if representative else (_NOT_REPRESENTATIVE,)))),
        facts=dict(facts),
        calendar=project.calendar,
    ).save(folder)


def load_book(folder: RunFolder, *, only: Collection[str] | None = None) -> RunBook:
    """The book of a run from its folder, with its plans as they are now, drawn or not.

    Args:
        folder: A finished run.
        only: Subject ids: load the rows of these subjects alone, and no plans. For questions about a few of them.
    """
    stored = BookFile.load(folder)
    tables: dict[str, Any] = {name: _rows_of(folder, name, only) for name in _TABLES}
    tables |= {name: folder.frame(name) for name in _OPTIONAL_TABLES if folder.has(name)}
    codes: list[str] = folder.read("rejects")["code"].to_pylist()
    plans = plan_pages(open_plans(folder), calendar=stored.calendar, results=read_results_of(folder)) if only is None else ()
    return RunBook(
        **stored.shown(),
        **tables,
        as_of=folder.as_of,
        run_id=f"{stored.project.name} {folder.as_of}",
        rejects={code: codes.count(code) for code in sorted(set(codes))},
        cards=read_cards(folder.file("scorecards")),
        plans=plans,
    )


def load_plan(path: Path) -> InspectionPlan | DrawnPlan:
    """A plan folder as a plan, drawn or not."""
    return DrawnPlan.from_folder(path) if read_manifest(path)["seed"] is not None else InspectionPlan.from_folder(path)


def open_plans(folder: RunFolder) -> list[InspectionPlan | Opened]:
    """The plans of a run, by task; a drawn one with its log."""
    plans = ((path, load_plan(path)) for path in folder.plans())
    return [Opened(plan, read_log(path)) if isinstance(plan, DrawnPlan) else plan for path, plan in plans]


def read_results_of(folder: RunFolder) -> pd.DataFrame | None:
    """The inspection results that were handed in for a run, or None without any.

    One row per visit, as it was handed in first; columns of the standard table ``inspections``.
    """
    files = sorted(folder.file("results").glob("inspections-*.parquet"))
    if not files:
        return None
    frame: pd.DataFrame = pa.concat_tables([read_parquet(path) for path in files]).to_pandas(date_as_object=True)
    return frame.sort_values("known_date", kind="stable").drop_duplicates("inspection_id", keep="first")


def visits_of_run(folder: RunFolder, plans: Iterable[InspectionPlan | Opened]) -> pd.DataFrame:
    """One row per visit of the drawn ones of a run's plans: :func:`creditscore.inspection.visits.visits_of_plans`."""
    drawn = [plan for plan in plans if isinstance(plan, Opened)]
    return visits_of_plans(drawn, calendar=BookFile.load(folder).calendar)


def write_documents(folder: RunFolder, *, lang: str = DEFAULT_LANGUAGE) -> None:
    """Write ``plan.xlsx`` and ``report.html`` of a run; the same folder gives the same bytes.

    Args:
        folder: The run.
        lang: A language, or ``both``: a workbook with headers in Chinese and English, and the report in Chinese.
    """
    keep_edited(folder)
    book = load_book(folder)
    write_workbook(folder.file(WORKBOOK), book, lang=lang)
    write_report(folder.file("report.html"), book, lang=cell_words(lang).language)


def renew_documents(folder: RunFolder, *, lang: str = DEFAULT_LANGUAGE) -> None:
    """Write the documents of a finished run again, after its plans changed, and note their hashes in the manifest.

    The manifest also gets the frame hashes of the plans as they are now.
    """
    write_documents(folder, lang=lang)
    manifest = folder.manifest()
    if manifest is not None:
        for name in DOCUMENTS:
            manifest["outputs"][name] = sha256_file(folder.file(name))
        manifest["frames"] |= {path.name: read_manifest(path)["frame_hash"] for path in folder.plans()}
        write_json(folder.file("manifest.json"), manifest)


def keep_edited(folder: RunFolder) -> None:
    """Before the workbook is written again: if people wrote into it, copy it to ``edited/plan-<hash>.xlsx``."""
    path, manifest = folder.file(WORKBOOK), folder.manifest()
    if manifest is None or not path.is_file():
        return
    sha256 = sha256_file(path)
    if sha256 != manifest["outputs"].get(WORKBOOK):
        kept = folder.file("edited") / f"plan-{sha256[:12]}.xlsx"
        kept.parent.mkdir(exist_ok=True)
        shutil.copy2(path, kept)
        _log.warning("plan.xlsx was written into since it was made: kept as %s", kept)


def _rows_of(folder: RunFolder, name: str, only: Collection[str] | None) -> pd.DataFrame:
    """A table of the run: all rows, or those of the subjects in ``only`` if it has a column of subjects."""
    table = folder.read(name)
    if only is not None and "subject_id" in table.column_names:
        table = table.filter(pc.is_in(table["subject_id"], pa.array(sorted(only), pa.string())))
    frame: pd.DataFrame = table.to_pandas(date_as_object=True)
    return frame


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: both become null. Other floats are rounded to nine decimals."""
    if isinstance(value, float):
        return round(value, 9) if value == value and abs(value) != float("inf") else None
    if isinstance(value, dict):
        return {str(key): _finite(entry) for key, entry in value.items()}
    return [_finite(entry) for entry in value] if isinstance(value, list | tuple) else value
