"""The files of a plan's folder: what is sealed for auditors, what is published, and the manifest that is written last.

A change of a column or a key here needs the same change in ``verify_draw.py``: auditors take that file with them, so it has
its own copy of every list. A test compares the two.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from creditscore import storage
from creditscore._version import __version__
from creditscore.config.tasks import Task
from creditscore.errors import DataError, DrawError
from creditscore.inspection.csv_export import read_csv, to_csv
from creditscore.inspection.frame_rows import FRAME_COLUMNS, SAMPLE_COLUMNS, FileRows, FrameRows, TableRows, reasons_of
from creditscore.inspection.inspectors import INSPECTOR_COLUMNS, DrawnFrame
from creditscore.inspection.pool import Pool
from creditscore.inspection.sample_lines import drawn_parts, sample_parts
from creditscore.inspection.sampling_frame import SamplingFrame, chances_of
from creditscore.inspection.strata import STRATUM_COLUMNS
from creditscore.inspection.task_key import key_beside
from creditscore.inspection.tickets import ALGORITHM, ALGORITHM_2
from creditscore.language import DEFAULT_LANGUAGE, Message, Words, _, pgettext
from creditscore.spreadsheet import Column, Kind, Sheet, write_book
from creditscore.storage import atomic_path, atomic_write, canonical_json, damaged_files, parsed_json, sha256_of

PLAN_FORMAT = "creditscore-plan/3"
#: Formats that are read, and by which number frames know them. A released format stays readable.
FORMATS = {PLAN_FORMAT: 3, "creditscore-plan/2": 2}
#: The columns of ``plan.csv``, one row per stratum.
PLAN_COLUMNS = (
    "task", "stratum", "tier", "industry", "region", "population", "ratio_ppm", "target", "on_site_ppm", "on_site",
    "inclusion_probability", "full_coverage", "exempt",
)  # fmt: skip
_INTEGERS = ("population", "target", "ratio_ppm", "on_site", "on_site_ppm", "exempt")
#: Filled in after the visit.
RESULT_COLUMNS = ("inspected_on", "result", "published_on")
#: The columns of ``publication.csv``, one row per drawn subject, by subject_id; writer and reader both use this list.
#: No score, no tier, and no stratum, mode or probability that would tell it.
PUBLICATION_COLUMNS = ("task", "subject_id", "name", "item", "department", "start", "end", *RESULT_COLUMNS, "format")
#: Of a plan of format 2, which does not name its format.
PUBLICATION_COLUMNS_2 = PUBLICATION_COLUMNS[:-1]
#: Outcomes in words; the public list has them in Chinese.
OUTCOME_WORDS = {
    "none": _("none"),
    "violation": _("violation"),
    "not_found": _("not_found"),
    "closed": _("closed"),
    "refused": _("refused"),
}
#: Names of files in the folder.
MANIFEST, PUBLICATION, LOG = "manifest.json", "publication.csv", "log.jsonl"
_SAMPLE = ("sample.csv", "sample.sha256")
#: What the manifest's hashes keep together where the key is not at hand.
_SEALED = ("plan.csv", "sample.csv")
#: The files of an undrawn plan, the manifest last.
FRAME_FILES = ("plan.csv", "sample.csv", "sample.sha256", MANIFEST)
LogKind = Literal["drawn", "draw_refused", "replaced", "joined", "left"]


def read_log(folder: Path, *what: LogKind) -> list[dict[str, Any]]:
    """The lines of some kinds, of all without one, in the order in which they were written.

    Raises:
        DataError: The log is not a whole chain.
    """
    return [line for line in storage.read_chain(folder / LOG) if not what or line.get("what") in what]


def read_frame(folder: Path) -> SamplingFrame:
    """The frame of an undrawn plan.

    Raises:
        DrawError: It is drawn already, or the frame is not the one whose hash the manifest holds.
        DataError: A file is missing or cannot be read.
    """
    document = read_manifest(folder)
    _refuse_drawn(folder, document)
    return _read_sample(folder, document)[0]


def _refuse_drawn(folder: Path, document: Mapping[str, Any]) -> None:
    if document["seed"] is not None:
        raise DrawError("{folder}: drawn already (seed in manifest.json); a frame is drawn once", folder=folder)


def read_draft(folder: Path) -> SamplingFrame:
    """The frame of an undrawn plan for documents: its files are those of the manifest; rows are read as they are asked for.

    Raises:
        DrawError: It is drawn already, or a file was changed.
        DataError: A file is missing or cannot be read.
    """
    document = read_manifest(folder)
    _refuse_drawn(folder, document)
    changed = damaged_files(folder, document["files"])
    if changed:
        raise _changed(folder)
    return _frame_of(folder, document, FileRows(folder / _SAMPLE[0]))


def read_drawn(folder: Path) -> DrawnFrame:
    """A drawn plan whose files are the ones its manifest names.

    Raises:
        DrawError: It is not drawn yet, or a file was changed.
        DataError: A file is missing or cannot be read.
    """
    document = read_manifest(folder)
    if document["seed"] is None:
        raise DrawError("{folder}: expected a drawn plan (no seed in manifest.json)", folder=folder)
    frame, sample = _read_sample(folder, document)
    changed = [name for name in damaged_files(folder, document["files"]) if name != PUBLICATION]  # results are entered there
    if changed:
        raise DrawError(
            "{folder}: changed since the draw: {changed}; verify-plan names what", folder=folder, changed=", ".join(changed)
        )
    inspectors = _read_texts(folder / "inspectors.csv", INSPECTOR_COLUMNS)
    inspectors["place"] = pd.to_numeric(inspectors["place"]).astype("int64")
    sample = sample.assign(ticket=sample["ticket"].where(sample["ticket"] != "", None), drawn=sample["drawn"] == "1")
    day = document["drawn_on"]
    return DrawnFrame(frame, document["seed"], sample, inspectors, frame.pool, dt.date.fromisoformat(day) if day else None)


def _read_sample(folder: Path, document: dict[str, Any]) -> tuple[SamplingFrame, pd.DataFrame]:
    """The frame and the rows of ``sample.csv`` as texts, after checking the frame against its hash."""
    sample = _read_texts(folder / "sample.csv", SAMPLE_COLUMNS)
    sample["inclusion_probability"] = [float(text) for text in sample["inclusion_probability"]]
    frame = _frame_of(folder, document, TableRows(sample[list(FRAME_COLUMNS)]))
    frame.refuse_other_key()
    held = {name: document["files"][name] for name in _SEALED}
    unchanged = bool(frame.key) or not frame.is_sealed or not damaged_files(folder, held)
    if not unchanged or frame.hashed_again() != frame.frame_hash or not _has_its_chances(frame):
        raise _changed(folder)
    return frame, sample


def _changed(folder: Path) -> DrawError:
    return DrawError(
        "{folder}: the frame is not the one whose hash the manifest holds; verify-plan names what was changed", folder=folder
    )


def _frame_of(folder: Path, document: dict[str, Any], rows: FrameRows) -> SamplingFrame:
    """The frame of a folder and its manifest, not checked yet."""
    try:
        task = Task.model_validate_json(json.dumps(document["about"]["task"]))
    except (KeyError, TypeError, ValueError):
        raise DataError("{folder}: about.task: expected a task", folder=folder / MANIFEST) from None
    pool = Pool.from_dict(document["inspectors"]) if document["inspectors"] else None
    number, committed = FORMATS[document["format"]], dict(document.get("commitments", {}))
    key = key_beside(folder, task.id) if "key" in committed else ""
    return SamplingFrame(
        task, rows, read_strata(folder), document["about"], document["frame_hash"], tuple(document["notes"]), pool, number,
        committed, key,
    )  # fmt: skip


def _has_its_chances(frame: SamplingFrame) -> bool:
    """Whether the probability of each row is n/N of its stratum, and 0 for those who left."""
    chances = chances_of(frame.strata)
    kinds = frame.rows.counts()
    return all(one.inclusion_probability == (0.0 if one.exempt_reason else chances.get(one.stratum)) for one in kinds)


def _read_texts(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame([row for _line, row in read_csv(path, columns)], columns=list(columns), dtype="str")


def read_strata(folder: Path) -> pd.DataFrame:
    """The strata of ``plan.csv``: the columns of :data:`STRATUM_COLUMNS`.

    Raises:
        DataError: A number cannot be read; the message names the line.
    """
    rows = []
    for line, cells in read_csv(folder / "plan.csv", PLAN_COLUMNS):
        row: dict[str, Any] = dict(zip(PLAN_COLUMNS, cells, strict=True))
        if not all(row[name].isascii() and row[name].isdigit() for name in (*_INTEGERS, "full_coverage")):
            raise DataError("plan.csv line {line}: expected whole numbers in {columns}", line=line, columns=", ".join(_INTEGERS))
        rows.append({**row, **{name: int(row[name]) for name in _INTEGERS}, "full_coverage": row["full_coverage"] == "1"})
    return pd.DataFrame(rows, columns=[*PLAN_COLUMNS])[list(STRATUM_COLUMNS)]


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a plan folder.

    Raises:
        DataError: There is none, or it is not one of this format.
    """
    path = folder / MANIFEST
    try:
        document: dict[str, Any] = parsed_json(path.read_text("utf-8"))
    except FileNotFoundError:
        raise DataError("{path}: expected a file (got nothing)", path=path) from None
    except ValueError:
        raise DataError("{path}: expected JSON", path=path) from None
    if not isinstance(document, dict) or document.get("format") not in FORMATS:
        raise DataError("{path}: format: expected {format!r}", path=path, format=PLAN_FORMAT)
    return document


def write_frame(frame: SamplingFrame, folder: Path) -> Path:
    """Write an undrawn plan, and return its folder: ``plan.csv``, ``sample.csv`` (no tickets yet), ``manifest.json`` last.

    Raises:
        DrawError: The folder holds a plan that is drawn, or of another task.
    """
    _refuse_over(folder, frame, seed=None)
    sums = {"plan.csv": sha256_of(plan := _plan_csv(frame))}
    atomic_write(folder / "plan.csv", plan)
    with atomic_path(folder / _SAMPLE[0]) as first, atomic_path(folder / _SAMPLE[1]) as second:
        sums |= _write_sample(frame, first, second)
    atomic_write(folder / MANIFEST, canonical_json(_manifest(frame, sums)).encode())
    return folder


def _write_sample(frame: SamplingFrame, *paths: Path) -> dict[str, str]:
    """Write :data:`_SAMPLE` piece by piece; returns their SHA-256."""
    digests = [hashlib.sha256() for _name in _SAMPLE]
    with paths[0].open("wb") as first, paths[1].open("wb") as second:
        for parts in sample_parts(frame.rows):
            for stream, digest, part in zip((first, second), digests, parts, strict=True):
                stream.write(part)
                digest.update(part)
    return {name: digest.hexdigest() for name, digest in zip(_SAMPLE, digests, strict=True)}


def write_drawn(drawn: DrawnFrame, folder: Path) -> Path:
    """Write a drawn plan, and return its folder: its files, and ``manifest.json`` last.

    Raises:
        DrawError: The folder holds another frame, or a draw by another seed.
    """
    _refuse_over(folder, drawn.plan, seed=drawn.seed)
    return _write(folder, drawn_files(drawn))


def frame_files(frame: SamplingFrame) -> dict[str, bytes]:
    """The files of an undrawn plan by name, the manifest last."""
    pieces = zip(*sample_parts(frame.rows), strict=True)
    files = {"plan.csv": _plan_csv(frame), **{name: b"".join(parts) for name, parts in zip(_SAMPLE, pieces, strict=True)}}
    return files | {MANIFEST: canonical_json(_manifest(frame, _sums(files))).encode()}


def _sums(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: sha256_of(content) for name, content in files.items()}


def drawn_files(drawn: DrawnFrame) -> dict[str, bytes]:
    """The files of a drawn plan by name, the manifest last."""
    files = _sealed_files(drawn)
    document = _manifest(drawn.plan, _sums(files))
    document["counts"]["drawn"] = len(drawn.drawn)
    document["seed"] = drawn.seed
    document["drawn_on"] = drawn.drawn_on.isoformat() if drawn.drawn_on else None
    return files | {MANIFEST: canonical_json(document).encode()}


def _sealed_files(drawn: DrawnFrame) -> dict[str, bytes]:
    ticket = drawn.sample["ticket"].astype(object).where(drawn.sample["ticket"].notna(), "")
    sample = drawn.sample.assign(ticket=ticket, drawn=drawn.sample["drawn"].astype(int))[list(SAMPLE_COLUMNS)].astype(object)
    task = drawn.task
    columns = PUBLICATION_COLUMNS if drawn.plan.format > 2 else PUBLICATION_COLUMNS_2
    about = (task.item, task.department, task.start.isoformat(), task.end.isoformat(), "", "", "", PLAN_FORMAT)
    # By subject_id: an order by ticket or stratum would tell the tier.
    listed = drawn.drawn[["subject_id", "name"]].itertuples(index=False)
    published = [(task.id, subject, name, *about)[: len(columns)] for subject, name in listed]
    inspectors = drawn.inspectors[list(INSPECTOR_COLUMNS)].itertuples(index=False, name=None)
    return {
        "plan.csv": _plan_csv(drawn.plan),
        **dict(zip(_SAMPLE, drawn_parts(sample.itertuples(index=False, name=None)), strict=True)),
        "inspectors.csv": to_csv(INSPECTOR_COLUMNS, inspectors),
        PUBLICATION: to_csv(columns, published),
    }


def _plan_csv(frame: SamplingFrame) -> bytes:
    strata = frame.strata.assign(task=frame.task.id, full_coverage=frame.strata["full_coverage"].astype(int))
    pairs = zip(strata["target"].tolist(), strata["population"].tolist(), strict=True)
    strata["inclusion_probability"] = [n / size if size else 0.0 for n, size in pairs]
    return to_csv(PLAN_COLUMNS, zip(*(strata[name].tolist() for name in PLAN_COLUMNS), strict=True))


def _manifest(frame: SamplingFrame, sums: Mapping[str, str]) -> dict[str, Any]:
    """What the folder holds, before the draw: files with their SHA-256."""
    cells = frame.rows.cells()
    population, target, on_site = (sum(frame.strata[name].tolist()) for name in ("population", "target", "on_site"))
    return {
        "format": format_of(frame),
        "version": __version__,
        "algorithm": ALGORITHM if frame.format > 2 else ALGORITHM_2,
        "about": frame.about,
        "frame_hash": frame.frame_hash,
        "counts": {
            "subjects": cells.total(), "exempt": reasons_of(cells), "population": population, "strata": len(frame.strata),
            "target": target, "on_site": on_site,
        },
        "overshoot": frame.overshoot,
        "raised": frame.raised,
        "notes": list(frame.notes),
        "seed": None,
        "drawn_on": None,
        "inspectors": frame.pool.to_dict() if frame.pool else None,
        **({"commitments": frame.commitments} if frame.format > 2 else {}),
        "files": dict(sorted(sums.items())),
    }  # fmt: skip


def format_of(frame: SamplingFrame) -> str:
    """The name of a frame's format."""
    return next(name for name, number in FORMATS.items() if number == frame.format)


def _refuse_over(folder: Path, frame: SamplingFrame, *, seed: str | None) -> None:
    """A folder keeps its task; a drawn one keeps its draw; a published frame, or its draft, is what is drawn in it."""
    if not (folder / MANIFEST).exists():
        return
    held = read_manifest(folder)
    task = held["about"]["task"]["id"]
    if task != frame.task.id:
        raise DrawError(
            "{folder}: expected a folder of task {task_id} (got one of {task})", folder=folder, task_id=frame.task.id, task=task
        )
    if held["seed"] is not None and (held["seed"], held["frame_hash"]) != (seed, frame.frame_hash):
        raise DrawError("{folder}: holds a drawn plan; a drawn plan is not replaced", folder=folder)
    if seed is not None and held["frame_hash"] not in (frame.frame_hash, frame.unsealed().frame_hash):
        raise DrawError(
            "{folder}: holds another frame ({frame_hash}…); draw the frame that was published",
            folder=folder,
            frame_hash=held["frame_hash"][:12],
        )


def _write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        atomic_write(folder / name, content)
    return folder


def publication_with(folder: Path, results: Mapping[str, tuple[dt.date, str]]) -> bytes:
    """``publication.csv`` with ``inspected_on`` and ``result`` of some drawn subjects filled in; other rows stay as they are.

    Args:
        folder: A drawn plan.
        results: Day and outcome (as in the table ``inspections``) by subject.
    """
    columns = PUBLICATION_COLUMNS if FORMATS[read_manifest(folder)["format"]] > 2 else PUBLICATION_COLUMNS_2
    rows = [cells for _line, cells in read_csv(folder / PUBLICATION, columns)]
    subject, at = PUBLICATION_COLUMNS.index("subject_id"), PUBLICATION_COLUMNS.index("inspected_on")
    for cells in rows:
        if cells[subject] in results:
            day, outcome = results[cells[subject]]
            cells[at : at + 2] = [day.isoformat(), Words.of(DEFAULT_LANGUAGE).text(OUTCOME_WORDS[outcome])]
    return to_csv(columns, rows)


#: Who may see a workbook with tiers in it.
INTERNAL = _(
    "For internal use; not to be published. It holds tiers, scores, strata or who replaces whom. Of a draw only frame hash, seed, "
    "draw root, publication.csv and closing.csv are told."
)
_ABOUT = (
    Column("item", pgettext("drawn plan", "Item"), width=30, wrap=True),
    Column("content", pgettext("drawn plan", "Content"), width=110, wrap=True),
)
#: The sheets of a plan on its own, by name: columns of its tables, what each holds, and how it is called.
_SHEETS: tuple[tuple[Message, dict[str, tuple[Kind, Message]]], ...] = (
    (
        pgettext("drawn plan, sheet", "Ratios"),
        {
            "stratum": ("text", pgettext("drawn plan", "Stratum")),
            "tier": ("text", pgettext("drawn plan", "Tier")),
            "industry": ("text", pgettext("drawn plan", "Industry")),
            "region": ("text", pgettext("drawn plan", "Region")),
            "population": ("integer", pgettext("drawn plan", "Subjects")),
            "ratio": ("percent", pgettext("drawn plan", "Ratio")),
            "target": ("integer", pgettext("drawn plan", "To inspect")),
            "on_site": ("integer", pgettext("drawn plan", "Of these on site")),
            "exempt": ("integer", pgettext("drawn plan", "Left before the draw")),
        },
    ),
    (
        pgettext("drawn plan, sheet", "Drawn"),
        {
            "subject_id": ("text", pgettext("drawn plan", "Subject")),
            "name": ("text", pgettext("drawn plan", "Name")),
            "industry": ("text", pgettext("drawn plan", "Industry")),
            "region": ("text", pgettext("drawn plan", "Region")),
            "tier": ("text", pgettext("drawn plan", "Tier")),
            "stratum": ("text", pgettext("drawn plan", "Stratum")),
            "inclusion_probability": ("percent", pgettext("drawn plan", "Inclusion probability")),
            "mode": ("text", pgettext("drawn plan", "Mode")),
            "inspectors": ("text", pgettext("drawn plan", "Inspectors")),
        },
    ),
    (
        pgettext("drawn plan, sheet", "Inspectors"),
        {
            "subject_id": ("text", pgettext("drawn plan", "Subject")),
            "place": ("integer", pgettext("drawn plan", "Place")),
            "staff_id": ("text", pgettext("drawn plan", "Staff")),
            "department": ("text", pgettext("drawn plan", "Department")),
            "region": ("text", pgettext("drawn plan", "Region")),
            "certificate_valid_to": ("date", pgettext("drawn plan", "Certificate valid to")),
        },
    ),
)
_MODES = {"on_site": pgettext("drawn plan", "on site"), "off_site": pgettext("drawn plan", "off site")}


def write_plan_workbook(drawn: DrawnFrame, path: Path, *, lang: str) -> Path:
    """Write the tables of a drawn plan as a workbook, for readers who have only the plan. The same plan gives the same bytes.

    The first sheet says that nothing of it is published.

    It is never read back: ratios and results are entered in the workbook of the run.
    """
    words = Words.of(lang)
    teams = drawn.inspectors.groupby("subject_id", sort=False)["staff_id"].agg("、".join).to_dict() if len(drawn.inspectors) else {}
    subjects = drawn.drawn.assign(
        mode=[words.text(_MODES[mode]) for mode in drawn.drawn["mode"]],
        inspectors=[teams.get(subject, "") for subject in drawn.drawn["subject_id"]],
    )
    frames = (drawn.strata.assign(ratio=drawn.strata["ratio_ppm"] / 1_000_000), subjects, drawn.inspectors)
    about = [
        (words.text(pgettext("about", "Who may see it")), words.text(INTERNAL)),
        (words.text(pgettext("drawn plan", "Frame hash")), drawn.frame_hash),
    ]
    sheets = [Sheet(_("About"), _ABOUT, about, autofilter=False)]
    sheets += [
        Sheet(
            name,
            tuple(Column(key, label, kind) for key, (kind, label) in columns.items()),
            frame[list(columns)].itertuples(index=False, name=None),
        )
        for (name, columns), frame in zip(_SHEETS, frames, strict=True)
    ]
    title = f"{words.text(drawn.task.label)} {drawn.frame_hash[:12]} {format_of(drawn.plan)}"
    write_book(path, sheets, lang=lang, title=title, created=drawn.drawn_on or drawn.plan.as_of)
    return path
