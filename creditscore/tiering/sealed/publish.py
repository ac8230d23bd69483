"""The files of ``plan/<task>/``: what is sealed for auditors, what is published, and the manifest that is written last."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from creditscore._version import __version__
from creditscore.batch import atomic_write, canonical_json
from creditscore.config.base import Label, Language
from creditscore.config.tasks import Task
from creditscore.errors import DataError, DrawError
from creditscore.spreadsheet import Column, Kind, Sheet, write_book
from creditscore.tiering.draw import ALGORITHM
from creditscore.tiering.drawn import SAMPLE_COLUMNS, DrawnPlan
from creditscore.tiering.people.inspectors import INSPECTOR_COLUMNS
from creditscore.tiering.plan import InspectionPlan
from creditscore.tiering.sealed.sheets import to_csv

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
        raise DataError(f"{path}: expected a file (got nothing)") from None
    except ValueError:
        raise DataError(f"{path}: expected JSON") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise DataError(f"{path}: format: expected {FORMAT!r}")
    return document


def _undrawn(plan: InspectionPlan) -> list[tuple[Any, ...]]:
    columns = {**{name: plan.frame[name].tolist() for name in plan.frame.columns}, "ticket": [""] * len(plan.frame)}
    columns["drawn"] = columns["mode"] = columns["ticket"]
    return list(zip(*(columns[name] for name in SAMPLE_COLUMNS), strict=True))


def _refuse_over(folder: Path, plan: InspectionPlan, *, seed: str | None) -> None:
    """A folder keeps its task; a drawn one keeps its draw; a published frame is what is drawn in it."""
    if seed is None and (folder / BEGUN).exists():
        raise DrawError(f"{folder}: a draw was begun here and cut short; finish it with the same seed")
    if not (folder / "manifest.json").exists():
        return
    there = read_manifest(folder)
    task = there["about"]["task"]["id"]
    if task != plan.task.id:
        raise DrawError(f"{folder}: expected a folder of task {plan.task.id} (got one of {task})")
    if there["seed"] is not None and (there["seed"], there["frame_hash"]) != (seed, plan.frame_hash):
        raise DrawError(f"{folder}: holds a drawn plan; a drawn plan is not replaced")
    if seed is not None and there["frame_hash"] != plan.frame_hash:
        raise DrawError(f"{folder}: holds another frame ({there['frame_hash'][:12]}…); draw the frame that was published")


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
