"""What a finished run keeps for its documents and for later commands, such as ``explain`` and ``lookup``.

The run saves it, and every later command loads it. ``book.json`` holds the small parts (:class:`BookFile`); the rows of
subjects are in the Parquet files of the run.
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
#: Data frames of :class:`RunBook` that a run keeps as Parquet files of the same name: in every run, and in some runs.
_TABLES = ("checkup", "scores", "tiers", "subjects", "lists")
_OPTIONAL_TABLES = ("forecast", "stability", "associations")


def _figure(stored: Figure | list[float | None]) -> Figure:
    """A figure from its stored form ``[value, low, high]``; a value of null is NaN."""
    if isinstance(stored, Figure):
        return stored
    value, low, high = stored
    return Figure(float("nan") if value is None else value, low, high)


def _frame(stored: pd.DataFrame | dict[str, Any]) -> pd.DataFrame:
    return stored if isinstance(stored, pd.DataFrame) else pd.DataFrame(stored["rows"], columns=stored["columns"])


def _columns_and_rows(frame: pd.DataFrame) -> dict[str, Any]:
    """A small frame as its columns in order and its rows as lists; objects would lose the order of the columns."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    return {"columns": table.column_names, "rows": [list(row.values()) for row in table.to_pylist()]}


# The validator comes first: it replaces the whole schema of the type, a serialiser included.
_StoredFigure = Annotated[Figure, PlainValidator(_figure), PlainSerializer(lambda one: [one.value, one.low, one.high])]
_StoredFrame = Annotated[pd.DataFrame, PlainValidator(_frame), PlainSerializer(_columns_and_rows)]


class BookFile(Spec):
    """The content of ``book.json``. A field that :class:`RunBook` has under the same name goes there unchanged."""

    project: ProjectFile
    policy: Annotated[TierPolicy, PlainSerializer(lambda policy: policy.model_dump(mode="json", exclude_none=True))]
    counts: RowCounts
    evaluation: dict[str, _StoredFigure]
    #: Small data frames, by the names of their fields in :class:`RunBook`.
    frames: dict[str, _StoredFrame]
    industries: dict[str, Label]
    #: The Chinese names of regions by code, from the code tables.
    regions: dict[str, str]
    kinds: dict[str, Label]
    notes: Items[Label]
    facts: dict[str, str]
    calendar: WorkCalendar

    def save(self, folder: RunFolder) -> None:
        """Write ``book.json`` in the folder of a run. Floats are rounded to nine decimals; NaN and infinity become null."""
        write_json(folder.file("book.json"), _finite(self.model_dump(mode="json")))

    @classmethod
    def load(cls, folder: RunFolder) -> BookFile:
        """Read ``book.json`` from the folder of a run.

        Raises:
            ConfigError: A field is missing, unknown or has a wrong value.
            OSError: The file is missing or cannot be read.
        """
        path = folder.file("book.json")
        return parse_json(cls, json.loads(path.read_text("utf-8")), str(path))

    def shown(self) -> dict[str, Any]:
        """The fields of :class:`RunBook` that come from this file, by name."""
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
        records: The records of the run, with their project: subjects, listed subjects, inspectors and recusals are saved.
        policy: The policy in force. Only listings of kinds that its overrides name are saved.
        training: The cards that scored, and how they were judged.
        achieved: The shares that the cuts gave, see :attr:`creditscore.tiering.tiers.Tiers.achieved`.
        counts: How many rows of the register were kept, quarantined and so on.
        facts: Hashes and versions, as in the manifest.
    """
    project = records.project
    kinds = [rule.kind for rule in policy.override if rule.kind is not None]
    folder.write("subjects", records.subjects_on(folder.as_of))
    folder.write("lists", records.listed(kinds, folder.as_of))
    # Inspectors by staff id only: their names stay in the personnel register.
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
    """Load the book of a run from its folder, with its plans in their present state, drawn or not.

    Args:
        folder: A finished run.
        only: Subject ids. Only the rows of these subjects are loaded, and no plans: enough for questions about a few
            subjects. None loads everything.

    Raises:
        ConfigError: ``book.json`` has a missing, unknown or wrong field.
        DataError: A file of the run is missing or damaged.
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
    """Load a plan folder: a :class:`DrawnPlan` if its manifest has a seed, else an :class:`InspectionPlan`."""
    return DrawnPlan.from_folder(path) if read_manifest(path)["seed"] is not None else InspectionPlan.from_folder(path)


def open_plans(folder: RunFolder) -> list[InspectionPlan | Opened]:
    """The plans of a run in the order of their tasks. A drawn plan comes with its log, as :class:`Opened`."""
    plans = ((path, load_plan(path)) for path in folder.plans())
    return [Opened(plan, read_log(path)) if isinstance(plan, DrawnPlan) else plan for path, plan in plans]


def read_results_of(folder: RunFolder) -> pd.DataFrame | None:
    """The inspection results that were handed in for a run; None if there are none.

    One row per visit, with the columns of the standard table ``inspections``, by ``known_date``. A result that was handed
    in several times has the row of the first time.
    """
    files = sorted(folder.file("results").glob("inspections-*.parquet"))
    if not files:
        return None
    frame: pd.DataFrame = pa.concat_tables([read_parquet(path) for path in files]).to_pandas(date_as_object=True)
    return frame.sort_values("known_date", kind="stable").drop_duplicates("inspection_id", keep="first")


def visits_of_run(folder: RunFolder, plans: Iterable[InspectionPlan | Opened]) -> pd.DataFrame:
    """One row per visit of the drawn plans among ``plans``; see :func:`creditscore.inspection.visits.visits_of_plans`."""
    drawn = [plan for plan in plans if isinstance(plan, Opened)]
    return visits_of_plans(drawn, calendar=BookFile.load(folder).calendar)


def write_documents(folder: RunFolder, *, lang: str = DEFAULT_LANGUAGE) -> None:
    """Write ``plan.xlsx`` and ``report.html`` of a run. The same folder gives the same bytes.

    A workbook that people have edited is copied first, see :func:`keep_edited`.

    Args:
        folder: The run.
        lang: A language, or ``both`` for a workbook with headers in Chinese and English and a report in Chinese.
    """
    keep_edited(folder)
    book = load_book(folder)
    write_workbook(folder.file(WORKBOOK), book, lang=lang)
    write_report(folder.file("report.html"), book, lang=cell_words(lang).language)


def renew_documents(folder: RunFolder, *, lang: str = DEFAULT_LANGUAGE) -> None:
    """Write the documents of a finished run again after its plans changed.

    The manifest gets the new hashes of the documents and the present frame hashes of the plans.
    """
    write_documents(folder, lang=lang)
    manifest = folder.manifest()
    if manifest is not None:
        for name in DOCUMENTS:
            manifest["outputs"][name] = sha256_file(folder.file(name))
        manifest["frames"] |= {path.name: read_manifest(path)["frame_hash"] for path in folder.plans()}
        write_json(folder.file("manifest.json"), manifest)


def keep_edited(folder: RunFolder) -> None:
    """Copy the workbook to ``edited/plan-<hash>.xlsx`` if it differs from the one that the run wrote.

    To be called before the workbook is written again. Nothing is copied if the run has no manifest yet.
    """
    path, manifest = folder.file(WORKBOOK), folder.manifest()
    if manifest is None or not path.is_file():
        return
    sha256 = sha256_file(path)
    if sha256 != manifest["outputs"].get(WORKBOOK):
        kept = folder.file("edited") / f"plan-{sha256[:12]}.xlsx"
        kept.parent.mkdir(exist_ok=True)
        shutil.copy2(path, kept)
        _log.warning("plan.xlsx was edited since it was written: the edited file is kept as %s", kept)


def _rows_of(folder: RunFolder, name: str, only: Collection[str] | None) -> pd.DataFrame:
    """A table of the run: all rows, or those of the subjects in ``only`` if it has a column of subjects."""
    table = folder.read(name)
    if only is not None and "subject_id" in table.column_names:
        table = table.filter(pc.is_in(table["subject_id"], pa.array(sorted(only), pa.string())))
    frame: pd.DataFrame = table.to_pandas(date_as_object=True)
    return frame


def _finite(value: Any) -> Any:
    """A value for JSON: NaN and infinity become None, other floats are rounded to nine decimals."""
    if isinstance(value, float):
        return round(value, 9) if value == value and abs(value) != float("inf") else None
    if isinstance(value, dict):
        return {str(key): _finite(entry) for key, entry in value.items()}
    return [_finite(entry) for entry in value] if isinstance(value, list | tuple) else value
