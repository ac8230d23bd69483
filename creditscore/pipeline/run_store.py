"""What a finished run keeps for its documents and for later commands, such as ``explain`` and ``lookup``.

The run saves it, and every later command loads it. ``book.json`` holds the small parts (:class:`BookFile`); the rows of
subjects are in the Parquet files of the run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import PlainSerializer, PlainValidator

from creditscore.config.catalogue import CatalogueItem, RepairPeriods
from creditscore.config.features import FeatureSpec
from creditscore.config.objections import LegalStep
from creditscore.config.policy import TierPolicy
from creditscore.config.project import ProjectFile
from creditscore.config.sources import IdScheme
from creditscore.config.spec import Items, Label, Spec, parse_json
from creditscore.config.work_calendar import WorkCalendar
from creditscore.errors import DataError
from creditscore.inspection.plan import InspectionPlan
from creditscore.language import DEFAULT_LANGUAGE, _
from creditscore.pipeline.out_folder import held, removed_on_error
from creditscore.pipeline.quarantined import PLACE
from creditscore.pipeline.run_folder import DOCUMENTS, FINISHED, LEDGER, MANIFEST, WORKBOOK, RunFolder
from creditscore.pipeline.scope import only_types, outside_of, without_subjects
from creditscore.pipeline.score import read_cards
from creditscore.pipeline.train import TRAINING_FRAMES, Training
from creditscore.records.standard.identity import tables_of
from creditscore.reporting.report import write_report
from creditscore.reporting.run_book import Figure, RowCounts, RunBook, plan_pages
from creditscore.reporting.workbook import write_workbook
from creditscore.spreadsheet import cell_words
from creditscore.storage import StepLedger, atomic_path, journal, operations, parsed_json, pointed_to, sha256_file, write_json

if TYPE_CHECKING:
    from creditscore.models.scorecard import Scorecard
    from creditscore.records.records import Records

_NOT_REPRESENTATIVE = _("Trained on visits without known probabilities: not representative of uninspected firms.")
#: Data frames of :class:`RunBook` that a run keeps as Parquet files of the same name: in every run, and in some runs.
_TABLES = ("checkup", "scores", "tiers", "subjects", "lists")
_OPTIONAL_TABLES = ("forecast", "stability", "associations", "incomplete", "asked", "objections")


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
    #: What an explanation needs of the configuration; runs of earlier versions have none of it.
    features: Items[FeatureSpec] = ()
    catalogue: Items[CatalogueItem] = ()
    id_scheme: IdScheme | None = None
    #: Whether nobody has signed the cards that it scored with.
    trial: bool = False
    #: What a firm may do about the answer to its objection; runs of earlier versions have none of it.
    legal_steps: Items[LegalStep] = ()
    #: The periods of the classes of repair and their basis; runs of earlier versions have none of them.
    repair_periods: Items[RepairPeriods] = ()

    def save(self, folder: RunFolder) -> None:
        """Write ``book.json`` in the folder of a run. Floats are rounded to nine decimals; NaN and infinity become null."""
        write_json(folder.file("book.json"), _finite(self.model_dump(mode="json")))

    @classmethod
    def load(cls, folder: RunFolder) -> BookFile:
        """Read ``book.json`` from the folder of a run.

        Raises:
            ConfigError: A field is missing, unknown or has a wrong value.
            DataError: The file is no JSON.
            OSError: The file is missing or cannot be read.
        """
        path = folder.file("book.json")
        try:
            document = parsed_json(path.read_text("utf-8"))
        except ValueError:
            raise DataError("{path}: expected JSON", path=path) from None
        return parse_json(cls, document, str(path))

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
    facts: Mapping[str, str], trial: bool, subjects: pd.DataFrame | None = None,
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
        trial: Whether nobody has signed the cards.
        subjects: The subjects behind the tiers, see :attr:`creditscore.tiering.tiers.Tiers.subjects`: with the quarantined ones.
    """
    project = records.project
    kinds = [rule.kind for rule in policy.override if rule.kind is not None]
    register = records.subjects_on(folder.as_of)
    outside = outside_of(register, project)
    folder.write("subjects", register_table(only_types(register, outside), subjects))
    folder.write("lists", without_subjects(records.listed(kinds, folder.as_of), outside))
    # Inspectors by staff id only: their names stay in the personnel register.
    folder.write("staff", records.staff.drop_columns(["name"]))
    folder.write("recusals", without_subjects(records.recusals.drop_columns(["reason"]), outside))
    notes = [note if isinstance(note, Label) else Label.of(note) for note in training.notes]
    warning = Label.of(_NOT_REPRESENTATIVE)
    if warning not in notes and not all(card.representative for card in training.cards.values()):
        notes.append(warning)
    BookFile(
        project=project.about,
        policy=policy,
        counts=counts,
        evaluation=dict(training.evaluation),
        frames={**training.frames, "achieved": achieved},
        industries={industry.code: industry.label for industry in project.scorecards.industry},
        regions={region.code: region.name for table in tables_of(project).regions for region in table.region},
        kinds={item.kind: item.label for item in project.catalogue.item},
        notes=tuple(notes),
        facts=dict(facts),
        calendar=project.calendar,
        features=project.features,
        catalogue=project.catalogue.item,
        id_scheme=project.sources.id_scheme,
        trial=trial,
        legal_steps=project.objections.step,
        repair_periods=project.catalogue.repair_periods,
    ).save(folder)


def register_table(register: pa.Table, subjects: pd.DataFrame | None) -> pa.Table:
    """The register of a day with the quarantined subjects, whose column ``quarantined_at`` says where they stand."""
    added = register.schema.append(pa.field(PLACE, pa.string()))
    whole = register.append_column(PLACE, pa.nulls(register.num_rows, pa.string()))
    if subjects is None or PLACE not in subjects:
        return whole
    others = subjects[subjects[PLACE].notna()]
    new = pa.table(
        {field.name: pa.array(others[field.name].tolist(), field.type, from_pandas=True) for field in added}, schema=added
    )
    return pa.concat_tables([whole, new]).sort_by("subject_id")


def load_book(folder: RunFolder, *, only: Collection[str] | None = None) -> RunBook:
    """Load the book of a run from its folder, with the drafts that it made.

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
    drafts = [InspectionPlan.for_documents(path) for path in folder.drafts()] if only is None else []
    return RunBook(
        **stored.shown(),
        **tables,
        as_of=folder.as_of,
        run_id=f"{stored.project.name} {folder.as_of}",
        rejects={code: codes.count(code) for code in sorted(set(codes))},
        cards=read_cards(folder.file("scorecards")),
        plans=plan_pages(drafts, calendar=stored.calendar),
    )


def write_documents(folder: RunFolder, *, lang: str = DEFAULT_LANGUAGE) -> None:
    """Write ``plan.xlsx`` and ``report.html`` of a run. The same folder gives the same bytes.

    Args:
        folder: The run.
        lang: A language, or ``both`` for a workbook with headers in Chinese and English and a report in Chinese.
    """
    book = load_book(folder)
    write_workbook(folder.file(WORKBOOK), book, lang=lang)
    write_report(folder.file("report.html"), book, lang=cell_words(lang).language)


def renew_documents(run: RunFolder, *, lang: str = DEFAULT_LANGUAGE) -> RunFolder:
    """Make the documents of a finished run anew, in a new folder with the run's other files; the run itself stays as it is.

    Where the run is the current one of its day, the day's name leads to the new folder afterwards.

    Args:
        run: A finished run.
        lang: A language, or ``both``.

    Returns:
        The new folder.

    Raises:
        LockedError: A run or another command is writing to the same folder.
    """
    manifest, out = run.manifest() or {}, run.out
    with held(out):
        run = RunFolder(pointed_to(run.path))  # an older layout was taken over just now
        is_current = RunFolder.current(out, run.as_of) == run
        folder = RunFolder.new(out, run.as_of)
        with removed_on_error(folder.path):
            for name in manifest["outputs"]:
                if name not in DOCUMENTS:
                    with atomic_path(folder.file(name)) as partial:
                        operations.copy(run.file(name), partial)
            write_documents(folder, lang=lang)
            outputs = manifest["outputs"] | {name: sha256_file(folder.file(name)) for name in DOCUMENTS}
            write_json(folder.file(MANIFEST), manifest | {"lang": lang, "outputs": outputs})
            folder.seal()
            with journal(out, f"report {run.as_of}") as entry:
                if is_current:
                    entry.point(folder.shown, folder.path)
        ledger = StepLedger(out / LEDGER)
        key = ledger.done(run.name, FINISHED) if lang == manifest.get("lang") else None
        if key is not None:  # the same day is not computed again because its documents were made again
            ledger.finish(folder.name, FINISHED, key)
    return folder


def evidence_from(run: RunFolder, cards: Mapping[str, Scorecard]) -> Training:
    """What the run that trained some cards knows of them: how they were judged, and its held-out scores."""
    stored = BookFile.load(run)
    frames = {name: frame for name, frame in stored.frames.items() if name in TRAINING_FRAMES}
    held_out = run.frame("held_out") if run.has("held_out") else pd.DataFrame()
    trained = _("Trained on what was known on {as_of}; figures on how good the cards are come from there.", as_of=run.as_of)
    return Training(cards, evaluation=stored.evaluation, frames=frames, notes=(trained, *stored.notes), held_out=held_out)


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
