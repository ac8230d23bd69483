"""The files of ``plan/<task>/``: what is sealed for auditors, what is published, and the manifest that is written last."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from creditscore import storage
from creditscore._version import __version__
from creditscore.config.spec import Label, Language, sha256_file
from creditscore.config.tasks import Task
from creditscore.errors import DataError, DrawError
from creditscore.inspection.csv_export import read_csv, to_csv
from creditscore.inspection.draw import ALGORITHM
from creditscore.inspection.inspectors import INSPECTOR_COLUMNS, Pool
from creditscore.inspection.plan import FRAME_COLUMNS, SAMPLE_COLUMNS, DrawnPlan, InspectionPlan, with_probabilities
from creditscore.inspection.sampling_frame import STRATUM_COLUMNS
from creditscore.spreadsheet import Column, Kind, Sheet, write_book
from creditscore.storage import atomic_write, canonical_json, damaged, locked

LOG = "log.jsonl"
What = Literal["drawn", "draw_refused", "replaced", "joined"]


def note(folder: Path, what: What, bodies: Iterable[Mapping[str, Any]]) -> None:
    """Add lines.

    Raises:
        DataError: The log is not a whole chain; nothing was added.
    """
    storage.append(folder / LOG, [{"what": what, **body} for body in bodies])


def entries(folder: Path, *what: What) -> list[dict[str, Any]]:
    """The lines of some kinds, of all without one, in the order in which they were written.

    Raises:
        DataError: The log is not a whole chain.
    """
    return [line for line in storage.read(folder / LOG) if not what or line.get("what") in what]


_INTEGERS = ("population", "target", "ratio_ppm", "on_site", "on_site_ppm", "exempt")


def read_plan(folder: Path) -> InspectionPlan:
    """An undrawn plan; see :meth:`InspectionPlan.from_folder`."""
    document = read_manifest(folder)
    if document["seed"] is not None:
        raise DrawError("{folder}: drawn already (seed in manifest.json); a frame is drawn once", folder=folder)
    return _plan(folder, document)[0]


def read_drawn(folder: Path) -> DrawnPlan:
    """A drawn plan; see :meth:`DrawnPlan.from_folder`."""
    document = read_manifest(folder)
    if document["seed"] is None:
        raise DrawError("{folder}: expected a drawn plan (no seed in manifest.json)", folder=folder)
    plan, sample = _plan(folder, document)
    changed = [name for name in damaged(folder, document["files"]) if name != "publication.csv"]  # results are entered there
    if changed:
        raise DrawError(
            "{folder}: changed since the draw: {changed}; verify-plan names what", folder=folder, changed=", ".join(changed)
        )
    inspectors = _read(folder / "inspectors.csv", INSPECTOR_COLUMNS)
    inspectors["place"] = pd.to_numeric(inspectors["place"]).astype("int64")
    sample = sample.assign(ticket=sample["ticket"].where(sample["ticket"] != "", None), drawn=sample["drawn"] == "1")
    pool = Pool.from_dict(document["inspectors"]) if document["inspectors"] else None
    day = document["drawn_on"]
    return DrawnPlan(plan, document["seed"], sample, inspectors, pool, dt.date.fromisoformat(day) if day else None)


def draw_folder(
    folder: str | Path, *, seed: str, seed_source: str = "", staff: Any = None, recusals: Any = None, on: dt.date | None = None
) -> DrawnPlan:
    """The one draw of a published plan folder; the folder is drawn afterwards or as it was before.

    The seed is noted first, the manifest written last. ``seed_source`` says where the seed comes from, for people; the log
    keeps it. Where a draw was cut short, only the same seed
    may finish it.

    Raises:
        DrawError: The folder is drawn; its frame is not the one of its hash; a draw with another seed
            was begun; or see :meth:`InspectionPlan.draw`.
        LockedError: Another process is drawing it.
    """
    root = Path(folder)
    read_manifest(root)
    with locked(root):
        _refuse_again(root, seed, on)
        _refuse_other_seed(root, seed)
        if read_manifest(root)["seed"] is None:
            drawn = read_plan(root).draw(seed=seed, staff=staff, recusals=recusals, on=on)
            _begin(root, seed)
            write_drawn(drawn, root)
        else:  # cut short after the manifest: only the log was missing
            drawn = read_drawn(root)
        if not entries(root, "drawn"):
            note(root, "drawn", [_drawn_line(root, seed_source)])
        (root / BEGUN).unlink()
    return drawn


def _drawn_line(folder: Path, seed_source: str) -> dict[str, Any]:
    """What the log says of the draw: the manifest's hash, so that the chain's head seals whatever the manifest does."""
    told = read_manifest(folder)
    sealed = {name: told[name] for name in ("seed", "frame_hash")}
    source = {"seed_source": seed_source} if seed_source else {}
    return {**sealed, **source, "on": told["drawn_on"], "manifest": sha256_file(folder / "manifest.json")}


def _refuse_again(folder: Path, seed: str, on: dt.date | None) -> None:
    """A drawn plan stays as it is; that another draw was asked for is logged."""
    if read_manifest(folder)["seed"] is not None and not (folder / BEGUN).exists():
        note(folder, "draw_refused", [{"seed": seed, "on": on.isoformat() if on else None}])
        raise DrawError("{folder}: drawn already (seed in manifest.json); a frame is drawn once", folder=folder)


def _refuse_other_seed(folder: Path, seed: str) -> None:
    path = folder / BEGUN
    if path.exists() and path.read_text("utf-8") != seed:
        raise DrawError(
            "{folder}: a draw with another seed was begun here and cut short; only that seed may finish it", folder=folder
        )


def _begin(folder: Path, seed: str) -> None:
    if not (folder / BEGUN).exists():
        atomic_write(folder / BEGUN, seed.encode())


def _plan(folder: Path, document: dict[str, Any]) -> tuple[InspectionPlan, pd.DataFrame]:
    """The plan and the rows of ``sample.csv`` as texts, after checking the frame against its hash."""
    task = task_of(folder, document)
    sample = _read(folder / "sample.csv", SAMPLE_COLUMNS)
    sample["inclusion_probability"] = [float(text) for text in sample["inclusion_probability"]]
    plan = InspectionPlan(
        task, sample[list(FRAME_COLUMNS)], strata_from(folder), document["about"], document["frame_hash"], tuple(document["notes"])
    )
    if plan.hashed_again() != plan.frame_hash or not with_probabilities(plan.frame, plan.strata).equals(plan.frame):
        raise DrawError(
            "{folder}: the frame is not the one whose hash the manifest holds; verify-plan names what was changed", folder=folder
        )
    return plan, sample


def task_of(folder: Path, document: dict[str, Any]) -> Task:
    """The task that a manifest is about.

    Raises:
        DataError: There is none.
    """
    try:
        return Task.model_validate_json(json.dumps(document["about"]["task"]))
    except (KeyError, TypeError, ValueError):
        raise DataError("{folder}: about.task: expected a task", folder=folder / "manifest.json") from None


def _read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame([row for _, row in read_csv(path, columns)], columns=list(columns), dtype="str")


def strata_from(folder: Path) -> pd.DataFrame:
    """The strata of ``plan.csv``.

    Raises:
        DataError: A number cannot be read; the message names the line.
    """
    rows = []
    for line, cells in read_csv(folder / "plan.csv", PLAN_COLUMNS):
        row: dict[str, Any] = dict(zip(PLAN_COLUMNS, cells, strict=True))
        if not all(row[name].isascii() and row[name].isdigit() for name in (*_INTEGERS, "full_coverage")):
            raise DataError("plan.csv line {line}: expected whole numbers in {INTEGERS}", line=line, INTEGERS=", ".join(_INTEGERS))
        rows.append({**row, **{name: int(row[name]) for name in _INTEGERS}, "full_coverage": row["full_coverage"] == "1"})
    return pd.DataFrame(rows, columns=[*PLAN_COLUMNS])[list(STRATUM_COLUMNS)]


#: Outcomes as they are published.
WORDS = {
    "none": "未发现问题",
    "violation": "发现违法违规",
    "not_found": "查无下落",
    "closed": "已关闭或注销",
    "refused": "不配合检查",
}


def publish_results(folder: Path, results: Mapping[str, tuple[dt.date, str]]) -> None:
    """Fill in ``inspected_on`` and ``result`` of drawn subjects; other rows stay as they are.

    Args:
        folder: A drawn plan.
        results: Day and outcome (as in the table ``inspections``) by subject.
    """
    path = folder / "publication.csv"
    rows = [cells for _, cells in read_csv(path, PUBLICATION_COLUMNS)]
    at = PUBLICATION_COLUMNS.index("inspected_on")
    for cells in rows:
        if cells[1] in results:
            day, outcome = results[cells[1]]
            cells[at : at + 2] = [day.isoformat(), WORDS[outcome]]
    content = to_csv(PUBLICATION_COLUMNS, rows)
    if content != path.read_bytes():
        atomic_write(path, content)


FORMAT = "creditscore-plan/2"
PLAN_COLUMNS = (
    "task", "stratum", "tier", "industry", "region", "population", "ratio_ppm", "target", "on_site_ppm", "on_site",
    "inclusion_probability", "full_coverage", "exempt",
)  # fmt: skip
#: Written before anything else of a draw and removed after the manifest: a crash between leaves the seed behind.
BEGUN = ".draw"
#: Filled in after the visit.
RESULT_COLUMNS = ("inspected_on", "result", "published_on")
#: No score, no tier, and no stratum, mode or probability that would tell it.
PUBLICATION_COLUMNS = ("task", "subject_id", "name", "item", "department", "start", "end", *RESULT_COLUMNS)


def write_plan(plan: InspectionPlan, folder: Path) -> Path:
    """Write an undrawn plan; see :meth:`InspectionPlan.to_csv`."""
    _refuse_over(folder, plan, seed=None)
    files = {"plan.csv": plan_csv(plan), **sample_files(_undrawn(plan))}
    return _write(folder, files, manifest(plan, files))


def write_drawn(drawn: DrawnPlan, folder: Path) -> Path:
    """Write a drawn plan; see :meth:`DrawnPlan.to_csv`."""
    _refuse_over(folder, drawn.plan, seed=drawn.seed)
    files = drawn_files(drawn)
    return _write(folder, files, drawn_manifest(drawn, files))


def drawn_files(drawn: DrawnPlan) -> dict[str, bytes]:
    """The files of a drawn plan by name, without the manifest."""
    inspectors = drawn.inspectors[list(INSPECTOR_COLUMNS)].itertuples(index=False, name=None)
    return {
        "plan.csv": plan_csv(drawn.plan),
        **sample_files(sample_rows(drawn.sample)),
        "inspectors.csv": to_csv(INSPECTOR_COLUMNS, inspectors),
        "publication.csv": to_csv(PUBLICATION_COLUMNS, publication_rows(drawn.drawn, drawn.task)),
    }


def plan_csv(plan: InspectionPlan) -> bytes:
    """One row per stratum."""
    strata = plan.strata.assign(task=plan.task.id, full_coverage=plan.strata["full_coverage"].astype(int))
    pairs = zip(strata["target"].tolist(), strata["population"].tolist(), strict=True)
    strata["inclusion_probability"] = [n / size if size else 0.0 for n, size in pairs]
    rows = zip(*(strata[name].tolist() for name in PLAN_COLUMNS), strict=True)
    return to_csv(PLAN_COLUMNS, rows)


def sample_rows(sample: pd.DataFrame) -> list[tuple[Any, ...]]:
    """The rows of ``sample.csv``: ``drawn`` is 1 or 0, an absent ticket is empty."""
    ticket = sample["ticket"].astype(object).where(sample["ticket"].notna(), "")
    columns = {**{name: sample[name].tolist() for name in SAMPLE_COLUMNS}, "ticket": ticket.tolist()}
    columns["drawn"] = [int(flag) for flag in sample["drawn"].tolist()]
    return list(zip(*(columns[name] for name in SAMPLE_COLUMNS), strict=True))


def sample_files(rows: Sequence[Sequence[Any]]) -> dict[str, bytes]:
    """``sample.csv``, and beside it a short hash of every line, so that a changed line can be named."""
    sums = "".join(line_sum([str(cell) if not isinstance(cell, float) else repr(cell) for cell in row]) + "\n" for row in rows)
    return {"sample.csv": to_csv(SAMPLE_COLUMNS, rows), "sample.sha256": sums.encode()}


def line_sum(cells: Sequence[str]) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a line's cells."""
    return hashlib.sha256(json.dumps(list(cells), ensure_ascii=False).encode()).hexdigest()[:16]


def publication_rows(drawn: pd.DataFrame, task: Task) -> Iterable[tuple[Any, ...]]:
    """The rows of ``publication.csv``, by subject_id: an order by ticket or stratum would tell the tier."""
    about = (task.item, task.department, task.start.isoformat(), task.end.isoformat(), "", "", "")
    return [(task.id, one.subject_id, one.name, *about) for one in drawn[["subject_id", "name"]].itertuples(index=False)]


def manifest(plan: InspectionPlan, files: dict[str, bytes]) -> dict[str, Any]:
    """What the folder holds, before the draw."""
    reasons = plan.frame["exempt_reason"].value_counts().sort_index().to_dict()
    reasons.pop("", None)
    population, target, on_site = (sum(plan.strata[name].tolist()) for name in ("population", "target", "on_site"))
    return {
        "format": FORMAT,
        "version": __version__,
        "algorithm": ALGORITHM,
        "about": plan.about,
        "frame_hash": plan.frame_hash,
        "counts": {
            "subjects": len(plan.frame), "exempt": reasons, "population": population, "strata": len(plan.strata), "target": target,
            "on_site": on_site,
        },
        "overshoot": plan.overshoot,
        "raised": plan.raised,
        "notes": list(plan.notes),
        "seed": None,
        "drawn_on": None,
        "inspectors": None,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())},
    }  # fmt: skip


def drawn_manifest(drawn: DrawnPlan, files: dict[str, bytes]) -> dict[str, Any]:
    """What the folder holds, after the draw."""
    document = manifest(drawn.plan, files)
    document["counts"]["drawn"] = len(drawn.drawn)
    document["seed"] = drawn.seed
    document["drawn_on"] = drawn.drawn_on.isoformat() if drawn.drawn_on else None
    document["inspectors"] = drawn.pool.to_dict() if drawn.pool else None
    return document


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a plan folder.

    Raises:
        DataError: There is none, or it is not one of this format.
    """
    path = folder / "manifest.json"
    try:
        document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise DataError("{path}: expected a file (got nothing)", path=path) from None
    except ValueError:
        raise DataError("{path}: expected JSON", path=path) from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise DataError("{path}: format: expected {FORMAT!r}", path=path, FORMAT=FORMAT)
    return document


def _undrawn(plan: InspectionPlan) -> list[tuple[Any, ...]]:
    columns = {**{name: plan.frame[name].tolist() for name in plan.frame.columns}, "ticket": [""] * len(plan.frame)}
    columns["drawn"] = columns["mode"] = columns["ticket"]
    return list(zip(*(columns[name] for name in SAMPLE_COLUMNS), strict=True))


def _refuse_over(folder: Path, plan: InspectionPlan, *, seed: str | None) -> None:
    """A folder keeps its task; a drawn one keeps its draw; a published frame is what is drawn in it."""
    if seed is None and (folder / BEGUN).exists():
        raise DrawError("{folder}: a draw was begun here and cut short; finish it with the same seed", folder=folder)
    if not (folder / "manifest.json").exists():
        return
    there = read_manifest(folder)
    task = there["about"]["task"]["id"]
    if task != plan.task.id:
        raise DrawError(
            "{folder}: expected a folder of task {task_id} (got one of {task})", folder=folder, task_id=plan.task.id, task=task
        )
    if there["seed"] is not None and (there["seed"], there["frame_hash"]) != (seed, plan.frame_hash):
        raise DrawError("{folder}: holds a drawn plan; a drawn plan is not replaced", folder=folder)
    if seed is not None and there["frame_hash"] != plan.frame_hash:
        raise DrawError(
            "{folder}: holds another frame ({frame_hash}…); draw the frame that was published",
            folder=folder,
            frame_hash=there["frame_hash"][:12],
        )


def _write(folder: Path, files: dict[str, bytes], document: dict[str, Any]) -> Path:
    for name, content in files.items():
        atomic_write(folder / name, content)
    atomic_write(folder / "manifest.json", canonical_json(document).encode())
    return folder


#: The sheets of a plan on its own, by name: columns of its tables, what each holds, and how it is called.
_SHEETS: dict[tuple[str, str], dict[str, tuple[Kind, str, str]]] = {
    ("抽查比例方案", "Ratios"): {
        "stratum": ("text", "层", "Stratum"),
        "tier": ("text", "等级", "Tier"),
        "industry": ("text", "行业", "Industry"),
        "region": ("text", "区域", "Region"),
        "population": ("integer", "户数", "Subjects"),
        "ratio": ("percent", "抽查比例", "Ratio"),
        "target": ("integer", "计划数", "To inspect"),
        "on_site": ("integer", "其中实地", "Of these on site"),
        "exempt": ("integer", "抽取前退出户数", "Left before the draw"),
    },
    ("抽查名单", "Drawn"): {
        "subject_id": ("text", "统一社会信用代码", "Subject"),
        "name": ("text", "名称", "Name"),
        "industry": ("text", "行业", "Industry"),
        "region": ("text", "区域", "Region"),
        "tier": ("text", "等级", "Tier"),
        "stratum": ("text", "层", "Stratum"),
        "inclusion_probability": ("percent", "入样概率", "Inclusion probability"),
        "mode": ("text", "检查方式", "Mode"),
        "inspectors": ("text", "检查人员", "Inspectors"),
    },
    ("人员匹配", "Inspectors"): {
        "subject_id": ("text", "统一社会信用代码", "Subject"),
        "place": ("integer", "序号", "Place"),
        "staff_id": ("text", "人员编号", "Staff"),
        "department": ("text", "部门", "Department"),
        "region": ("text", "区域", "Region"),
        "certificate_valid_to": ("date", "执法证有效期至", "Certificate valid to"),
    },
}
_MODES = {"on_site": Label(zh="实地", en="on site"), "off_site": Label(zh="非现场", en="off site")}


def write_plan_workbook(drawn: DrawnPlan, path: Path, *, lang: Language) -> Path:
    """The tables of a drawn plan as sheets, for whoever has the plan alone; the same plan gives the same bytes.

    Nothing is read back from it: ratios and results are entered in the workbook of the run.
    """
    teams = drawn.inspectors.groupby("subject_id", sort=False)["staff_id"].agg("、".join).to_dict() if len(drawn.inspectors) else {}
    subjects = drawn.drawn.assign(
        mode=[_MODES[mode].text(lang) for mode in drawn.drawn["mode"]],
        inspectors=[teams.get(subject, "") for subject in drawn.drawn["subject_id"]],
    )
    frames = (drawn.strata.assign(ratio=drawn.strata["ratio_ppm"] / 1_000_000), subjects, drawn.inspectors)
    sheets = [
        Sheet(
            Label(zh=zh, en=en),
            tuple(Column(key, Label(zh=own, en=english), kind) for key, (kind, own, english) in columns.items()),
            frame[list(columns)].itertuples(index=False, name=None),
        )
        for ((zh, en), columns), frame in zip(_SHEETS.items(), frames, strict=True)
    ]
    title = f"{drawn.task.label.text(lang)} {drawn.frame_hash[:12]}"
    write_book(path, sheets, lang=lang, title=title, created=drawn.drawn_on or drawn.plan.as_of)
    return path
