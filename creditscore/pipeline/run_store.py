"""The documents of a run for people: the planner's workbook and the report, made from the run's folder."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from creditscore.config.policy import TierPolicy
from creditscore.config.spec import Label, parse_json, sha256_file
from creditscore.config.work_calendar import WorkCalendar
from creditscore.inspection.plan import DrawnPlan, InspectionPlan
from creditscore.inspection.plan_folder import entries, read_drawn, read_manifest
from creditscore.inspection.visits import Opened, visits_of_plans
from creditscore.pipeline.run_folder import WORKBOOK
from creditscore.pipeline.score import read_cards
from creditscore.records.identity import tables_of
from creditscore.reporting.report import write_report
from creditscore.reporting.run_book import Figure, PlanPage, RowCounts, RunBook, plan_pages
from creditscore.reporting.workbook import write_workbook
from creditscore.spreadsheet import BookLanguage
from creditscore.storage import read_parquet, write_json, write_parquet

if TYPE_CHECKING:
    from creditscore.config.project import Project
    from creditscore.pipeline.run_folder import RunFolder
    from creditscore.pipeline.train import Trained
    from creditscore.records.records import Records

_NOT_REPRESENTATIVE = Label(
    zh="评分卡以无已知抽取概率的检查结果训练，不代表未被检查的主体。",
    en="Trained on visits without known probabilities: not representative of uninspected firms.",
)
_JUDGED = ("by_industry", "calibration", "rivals", "swap")


def save_book(
    project: Project, records: Records, *, folder: RunFolder, policy: TierPolicy, counts: RowCounts, trained: Trained | None,
    achieved: pd.DataFrame, representative: bool, facts: Mapping[str, str],
) -> None:  # fmt: skip
    """Write ``subjects.parquet``, ``lists.parquet``, ``staff.parquet``, ``recusals.parquet`` and ``book.json``."""
    kinds = [rule.kind for rule in policy.override if rule.kind is not None]
    write_parquet(folder.file("subjects.parquet"), records.subjects_on(folder.as_of))
    write_parquet(folder.file("lists.parquet"), records.listed(kinds, folder.as_of))
    # Who may inspect, by number: names of inspectors stay in the personnel register.
    write_parquet(folder.file("staff.parquet"), records.staff.drop_columns(["name"]))
    write_parquet(folder.file("recusals.parquet"), records.recusals.drop_columns(["reason"]))
    notes = [*(trained.notes if trained else ()), *([] if representative else [_NOT_REPRESENTATIVE])]
    document = {
        "project": project.about.model_dump(mode="json"),
        "policy": policy.model_dump(mode="json", exclude_none=True),
        "counts": {
            "rows_in": counts.rows_in, "scored": counts.scored, "not_rated": counts.not_rated, "quarantined": counts.quarantined,
            "collapsed": counts.collapsed, "out_of_scope": dict(counts.out_of_scope),
        },
        "evaluation": {name: [f.value, f.low, f.high] for name, f in (trained.judgement.evaluation if trained else {}).items()},
        "frames": {name: _rows(frame) for name, frame in {**_frames(trained), "achieved": achieved}.items()},
        "industries": {industry.code: industry.label.model_dump() for industry in project.scorecards.industry},
        "regions": {region.code: region.name for table in tables_of(project).regions for region in table.region},
        "kinds": {item.kind: item.label.model_dump() for item in project.catalogue.item},
        "notes": [note.model_dump() for note in notes],
        "facts": dict(facts),
        "calendar": project.calendar.model_dump(mode="json"),
    }  # fmt: skip
    write_json(folder.file("book.json"), _finite(document))


def _frames(trained: Trained | None) -> dict[str, pd.DataFrame]:
    """Small frames of a training, empty without one."""
    if trained is None:
        return dict.fromkeys(("shrinkage", "left_out", *_JUDGED), pd.DataFrame())
    return {
        "shrinkage": trained.shrinkage,
        "left_out": trained.dropped,
        **{name: getattr(trained.judgement, name) for name in _JUDGED},
    }


def load_book(folder: RunFolder, *, only: Collection[str] | None = None) -> RunBook:
    """The book of a run from its folder; plans as they stand now, drawn or not.

    ``only``: the rows of these subjects alone, and no plans: for questions about a few of them.
    """
    told = json.loads(folder.file("book.json").read_text("utf-8"))
    about, frames = told["project"], {name: pd.DataFrame(**_parts(frame)) for name, frame in told["frames"].items()}
    tables = {name: _table(folder, name, only=only) for name in ("checkup", "scores", "tiers", "subjects", "lists")}
    made = [name for name in ("forecast", "stability", "associations") if folder.file(f"{name}.parquet").is_file()]
    optional = {name: _table(folder, name) for name in made}
    rejects = read_parquet(folder.file("rejects.parquet"))["code"].to_pylist()
    return RunBook(
        project=Label(**about["label"]),
        authority=Label(**about["authority"]),
        as_of=folder.as_of,
        counts=RowCounts(**told["counts"]),
        policy=parse_json(TierPolicy, told["policy"], str(folder.file("book.json"))),
        purpose=about["purpose"],
        run_id=f"{about['name']} {folder.as_of}",
        contact=about["contact"],
        rejects={code: rejects.count(code) for code in sorted(set(rejects))},
        cards=read_cards(folder.file("scorecards")),
        evaluation={name: Figure(*_numbers(values)) for name, values in told["evaluation"].items()},
        plans=()
        if only is not None
        else plan_pages(
            [opened_plan(path) for path in folder.plans()], calendar=_calendar(folder, told), results=results_of(folder)
        ),
        industries={code: Label(**label) for code, label in told["industries"].items()},
        regions={code: Label(zh=name, en=name) for code, name in told["regions"].items()},
        kinds={kind: Label(**label) for kind, label in told["kinds"].items()},
        facts=told["facts"],
        notes=tuple(Label(**note) for note in told["notes"]),
        checkup=tables["checkup"],
        scores=tables["scores"],
        tiers=tables["tiers"],
        subjects=tables["subjects"],
        lists=tables["lists"],
        forecast=optional.get("forecast", pd.DataFrame()),
        stability=optional.get("stability", pd.DataFrame()),
        associations=optional.get("associations", pd.DataFrame()),
        achieved=frames.get("achieved", pd.DataFrame()),
        by_industry=frames.get("by_industry", pd.DataFrame()),
        shrinkage=frames.get("shrinkage", pd.DataFrame()),
        left_out=frames.get("left_out", pd.DataFrame()),
        calibration=frames.get("calibration", pd.DataFrame()),
        rivals=frames.get("rivals", pd.DataFrame()),
        swap=frames.get("swap", pd.DataFrame()),
    )


def _plans(folder: RunFolder, told: Mapping[str, Any]) -> tuple[PlanPage, ...]:
    plans = [opened_plan(path) for path in folder.plans()]
    return plan_pages(plans, calendar=_calendar(folder, told), results=results_of(folder))


def load_plan(path: Path) -> InspectionPlan | DrawnPlan:
    """A plan folder as a plan, drawn or not."""
    return read_drawn(path) if read_manifest(path)["seed"] is not None else InspectionPlan.from_folder(path)


def opened_plan(path: Path) -> InspectionPlan | Opened:
    """A plan folder with what happened since its draw."""
    plan = load_plan(path)
    return Opened(plan, entries(path)) if isinstance(plan, DrawnPlan) else plan


def results_of(folder: RunFolder) -> pd.DataFrame | None:
    """The results that were handed in, one row per visit as it was told first; None without any."""
    root = folder.file("results")
    parts = [read_parquet(path) for path in sorted(root.glob("inspections-*.parquet"))] if root.is_dir() else []
    if not parts:
        return None
    frame: pd.DataFrame = pa.concat_tables(parts).to_pandas(date_as_object=True)
    return frame.sort_values("known_date", kind="stable").drop_duplicates("inspection_id", keep="first")


def visits_in(folder: RunFolder, plans: Iterable[InspectionPlan | Opened]) -> pd.DataFrame:
    """Whose items are checked by those of a run's plans that are drawn: :func:`creditscore.inspection.visits.visits_of_plans`."""
    told = json.loads(folder.file("book.json").read_text("utf-8"))
    return visits_of_plans([one for one in plans if isinstance(one, Opened)], calendar=_calendar(folder, told))


def _calendar(folder: RunFolder, told: Mapping[str, Any]) -> WorkCalendar:
    return parse_json(WorkCalendar, told["calendar"], str(folder.file("book.json")))


def _table(folder: RunFolder, name: str, *, only: Collection[str] | None = None) -> pd.DataFrame:
    table = read_parquet(folder.file(f"{name}.parquet"))
    if only is not None and "subject_id" in table.column_names:
        table = table.filter(pc.is_in(table["subject_id"], pa.array(sorted(only), pa.string())))
    frame: pd.DataFrame = table.to_pandas(date_as_object=True)
    return frame


def _rows(frame: pd.DataFrame) -> dict[str, Any]:
    """A small frame as its columns in order and its rows (an object per row would lose the order)."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    return {"columns": table.column_names, "rows": [list(row.values()) for row in table.to_pylist()]}


def _parts(frame: dict[str, Any]) -> dict[str, Any]:
    return {"data": frame["rows"], "columns": frame["columns"]}


def _finite(value: Any) -> Any:
    """JSON knows no NaN: it becomes null."""
    if isinstance(value, float):
        return round(value, 9) if value == value and abs(value) != float("inf") else None
    if isinstance(value, dict):
        return {str(key): _finite(entry) for key, entry in value.items()}
    return [_finite(entry) for entry in value] if isinstance(value, list | tuple) else value


def _numbers(values: list[float | None]) -> tuple[float, float | None, float | None]:
    value, low, high = values
    return (float("nan") if value is None else value), low, high


_BOOKS: dict[str, BookLanguage] = {"zh": "zh", "en": "en", "both": "both"}
_log = logging.getLogger(__name__)


def write_documents(folder: RunFolder, *, lang: str = "zh") -> None:
    """``plan.xlsx`` and ``report.html`` of a run; the same folder gives the same bytes.

    ``lang``: ``zh``, ``en``, or ``both``: a workbook with joint headers over Chinese cells, and the report in Chinese.
    """
    keep_edited(folder)
    book = load_book(folder)
    write_workbook(folder.file(WORKBOOK), book, lang=_BOOKS[lang])
    write_report(folder.file("report.html"), book, lang="en" if lang == "en" else "zh")


def keep_edited(folder: RunFolder) -> None:
    """Put a workbook that people wrote into aside as ``edited/plan-<hash>.xlsx`` before it is made anew."""
    path, manifest = folder.file(WORKBOOK), folder.manifest()
    if manifest is None or not path.is_file():
        return
    found = sha256_file(path)
    if found != manifest["outputs"].get(WORKBOOK):
        kept = folder.file("edited") / f"plan-{found[:12]}.xlsx"
        kept.parent.mkdir(exist_ok=True)
        shutil.copy2(path, kept)
        _log.warning("plan.xlsx was written into since it was made: kept as %s", kept)
