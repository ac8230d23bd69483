"""Drafts of the tasks that are due, the planner's edits of them, and what makes a draft a published frame or takes it back."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from creditscore.engine import unbound
from creditscore.errors import DrawError
from creditscore.inspection.candidates import REGISTER, VISITS, Candidates, candidates_of
from creditscore.inspection.closing import closing_list, open_visits
from creditscore.inspection.justification import Justification
from creditscore.inspection.plan import InspectionPlan
from creditscore.inspection.register import STATES, Register
from creditscore.inspection.sampling_frame import SamplingFrame
from creditscore.inspection.task_folder import TaskFolder, open_folders, refuse_undrawn
from creditscore.inspection.task_steps import add_closing, add_draft, add_publication, add_void, copy_draft
from creditscore.inspection.visits import Opened, merge_partners, merge_plans
from creditscore.language import DEFAULT_LANGUAGE, Message, Words, _
from creditscore.pipeline.last_trades import LAST_TRADES
from creditscore.pipeline.open_tasks import (
    OpenPlan,
    add_documents,
    add_index,
    as_drawn,
    frame_of_hash,
    load_plan,
    related_plans,
    results_of_task,
    run_of_task,
)
from creditscore.pipeline.out_folder import changing
from creditscore.pipeline.people import people_of
from creditscore.pipeline.quarantined import PLACE
from creditscore.pipeline.run_folder import RunFolder
from creditscore.reporting.planning_tables import RATIOS
from creditscore.reporting.readback import read_ratios
from creditscore.spreadsheet import refuse_cells
from creditscore.storage import Journal
from creditscore.tiering.tiers import TIER_SCHEMA, drawn_tiers
from creditscore.vocabulary import NOT_RATED, PRESUMED, RISKIEST, TIERS

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from creditscore.config.policy import TierPolicy
    from creditscore.config.project import Project
    from creditscore.config.tasks import Task
    from creditscore.engine import Engine
    from creditscore.records.records import Records
    from creditscore.tiering.tiers import Tiers

_log = logging.getLogger(__name__)
_WHOLE = 1_000_000
#: The file of the candidates while drafts are made, and names of tables in the engine. A hidden file is in no manifest.
_CANDIDATES, _TIERS, _DRAWN_TIERS, _QUARANTINED = ".candidates.parquet", "night_tiers", "drawn_tiers", "quarantined_register"
#: The edited rows of one task on the sheet, by stratum.
_Edited = Mapping[str, Mapping[Any, Any]]


def tasks_due(project: Project, as_of: dt.date) -> list[Task]:
    """Tasks that run on a day or start within the project's ``plan_ahead_days``, by id."""
    ahead = as_of + dt.timedelta(days=project.about.plan_ahead_days)
    return [task for _id, task in sorted(project.tasks.items()) if task.start <= ahead and task.end >= as_of]


@dataclass(frozen=True)
class Standing:
    """What a night must know of the tasks.

    Attributes:
        out: The folder of runs and tasks.
        frames: The hash of every frame that was published and not voided, by task: no night changes these.
        edits: The planner's ratios of drafts in parts per million, by task and stratum.
    """

    out: Path
    frames: Mapping[str, str] = field(default_factory=dict)
    edits: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @staticmethod
    def of(out: Path) -> Standing:
        """What ``OUT`` knows now. A task that the register knows and whose folder is gone stands too: it is not framed again."""
        register, folders = Register.of(out), {folder.task: folder for folder in open_folders(out)}
        frames = {task: str((register.published(task) or {})["frame_hash"]) for task in register.tasks()}
        for task in sorted(frames.keys() - folders.keys()):
            _log.warning("task %s: published, as the register says, and its folder is gone; put it back from a backup", task)
        edits = {task: folder.origin.edits for task, folder in folders.items() if task not in frames and folder.origin.edits}
        return Standing(out, frames, edits)

    def facts(self) -> dict[str, Any]:
        """Frame hashes and edits, for the manifest of a run."""
        return {"frames": dict(self.frames), "edits": {task: dict(edits) for task, edits in self.edits.items()}}


def plan_due_tasks(
    folder: RunFolder, records: Records, tiers: Tiers, policy: TierPolicy, standing: Standing
) -> list[InspectionPlan]:
    """Make the draft of every task due whose frame is not published yet, and write it into the run.

    A published frame stays: a monthly change of tiers inside an open task does not change its draw. Tasks that may be
    merged know of each other's frames. A task without anybody to inspect gets no draft, and a warning. The planner's
    edits of an earlier draft are kept.
    """
    plans: list[InspectionPlan] = []
    due = tasks_due(records.project, folder.as_of)
    new = [task for task in due if task.id not in standing.frames]
    if not new:
        return plans
    with _candidates(folder, records, tiers, new) as candidates:
        for task in new:
            try:
                plan = InspectionPlan.over(candidates, policy, task=task)
            except DrawError as error:
                _log.warning("no draft: %s", error)
                continue
            plans.append(_with_edits(plan, standing.edits.get(task.id, {})))
        plans = merge_plans(plans, beside=_published_partners(plans, due, standing))
        hashed = [plan if plan.frame_hash else plan.changed() for plan in plans]
        return [plan.kept_in(folder.draft(plan.task.id)) for plan in hashed]


@contextlib.contextmanager
def _candidates(folder: RunFolder, records: Records, tiers: Tiers, tasks: Sequence[Task]) -> Iterator[Candidates]:
    """Everybody with a tier in a file that the engine writes, for as long as frames are made of it; no rows are in this process."""
    engine, file = records.engine, folder.file(_CANDIDATES)
    tiered = _tiered(folder, engine)
    years = {task.start.year for task in tasks}
    visits = records.table("inspections").select(*VISITS.names)
    whole = candidates_of(tiered, _register(folder, records, tiers), visits, as_of=folder.as_of, years=years)
    try:
        engine.write(whole, file, order_by=["subject_id"])
        yield Candidates(folder.as_of, file, has_register=True)
    finally:
        file.unlink(missing_ok=True)
        for name in (_TIERS, _DRAWN_TIERS, _QUARANTINED, LAST_TRADES):
            engine.drop(name)


def _tiered(folder: RunFolder, engine: Engine) -> ir.Table:
    """Id, industry and the tier in which each is drawn: tiers that are alike are drawn alike, so that few are looked at."""
    engine.register(_TIERS, folder.file("tiers.parquet"))
    rows = unbound(_TIERS, TIER_SCHEMA)
    keys = ("tier", "raw_tier", "status")
    alike = engine.query(rows.select(*keys).distinct())
    drawn = alike.append_column("drawn_tier", pa.array(drawn_tiers(alike.to_pandas()), pa.string()))
    texts = pa.table({name: drawn[name].fill_null("") if name in keys else drawn[name] for name in drawn.column_names})
    engine.register(_DRAWN_TIERS, texts)
    known = unbound(_DRAWN_TIERS, texts.schema).rename(**{f"k_{name}": name for name in keys})
    joined = rows.join(known, [rows[name].fill_null("") == known[f"k_{name}"] for name in keys])
    return joined.select("subject_id", "industry", tier="drawn_tier")


def _register(folder: RunFolder, records: Records, tiers: Tiers) -> ir.Table:
    """The register of the day with the quarantined subjects, and the last known trades, as the run keeps them."""
    engine, names = records.engine, [name for name in REGISTER.names if name != "last_industry"]
    known = records.versions_on(folder.as_of).select(*names)
    register = tiers.subjects
    if register is not None and PLACE in register.columns:
        others = register[register[PLACE].notna()]
        table = pa.table({name: pa.array(others[name].tolist(), pa.string(), from_pandas=True) for name in names})
        engine.register(_QUARANTINED, table)
        known = known.union(unbound(_QUARANTINED, table.schema))
    if not folder.has(LAST_TRADES):
        return known.mutate(last_industry=ibis.null("string")).select(*REGISTER.names)
    engine.register(LAST_TRADES, folder.file(f"{LAST_TRADES}.parquet"))
    trades = ibis.table({"subject_id": "string", "industry": "string"}, name=LAST_TRADES)
    trades = trades.rename(t_subject_id="subject_id", last_industry="industry")
    return known.left_join(trades, known["subject_id"] == trades["t_subject_id"]).select(*REGISTER.names)


def _published_partners(plans: list[InspectionPlan], due: list[Task], standing: Standing) -> list[SamplingFrame]:
    """The published frames of tasks due whose visits may serve a draft's subjects too."""
    partners = {partner for plan in plans for partner in merge_partners(plan.task, due) if partner in standing.frames}
    there = [task for task in sorted(partners) if TaskFolder.of(standing.out, task).exists()]
    return [frame_of_hash(standing.out, task, standing.frames[task]) for task in there]


def _with_edits(plan: InspectionPlan, edits: Mapping[str, int]) -> InspectionPlan:
    """A draft with the ratios that the planner gave an earlier one; those of the policy where they no longer fit together."""
    ratios = [edits.get(stratum, ratio) for stratum, ratio in _policy_ratios(plan)]
    if ratios == plan.strata["ratio_ppm"].tolist():
        return plan
    edited = plan.with_ratios(ratios)
    faults = _ratio_faults(edited, {})
    if faults:
        _log.warning("task %s: the planner's ratios no longer fit (%s); the draft has the policy's", plan.task.id, faults[0])
        return plan
    return edited


def _policy_ratios(plan: InspectionPlan) -> list[tuple[str, int]]:
    return list(zip(plan.strata["stratum"].tolist(), plan.strata["ratio_ppm"].tolist(), strict=True))


def add_drafts(entry: Journal, run: RunFolder, plans: list[InspectionPlan], standing: Standing, *, trial: bool, lang: str) -> None:
    """Add the drafts of a run to the journal that commits it: to ``OUT/tasks``, and to the list of open tasks.

    A draft of a later day stays, whenever an earlier day is run again, and so does one by signed cards beside a trial.
    """
    new = {plan.task.id: plan for plan in plans if not _stays(TaskFolder.of(run.out, plan.task.id), run, trial=trial)}
    for task, plan in new.items():
        edits = standing.edits.get(task, {}) if "ratios" in plan.about else {}
        copy_draft(entry, TaskFolder.of(run.out, task), run.draft(task), run=run.name, trial=trial, edits=dict(edits))
    add_index(entry, drafts=list(new), lang=lang)


def _stays(folder: TaskFolder, run: RunFolder, *, trial: bool) -> bool:
    """Whether the draft in a task's folder is better than that of a run."""
    made_by = run_of_task(folder)
    if made_by is None or not folder.exists():
        return False
    return trial if folder.origin.trial != trial else made_by.as_of > run.as_of


def import_ratios(out: str | Path, workbook: Path, *, lang: str = DEFAULT_LANGUAGE) -> dict[str, int]:
    """Take the edited ratios of the sheet 抽查比例方案 into the drafts.

    One wrong cell refuses the whole workbook, and nothing changes.

    Args:
        out: The folder of runs, or a run of it.
        workbook: ``plan.xlsx`` of a run, with edited ratios.
        lang: The language of the list of open tasks.

    Returns:
        The number of visits by task after the change, only for tasks that changed.

    Raises:
        DataError: A cell is not a ratio above 0 and up to 1, belongs to no stratum of a task, leaves a stratum of full coverage
            less than whole, or lets the ratios fall from a tier to a riskier one; the message names the cell.
        DrawError: A changed task is published already.
        LockedError: A run or another command is writing to the same folder.
    """
    root = _out_of(Path(out))
    rows = read_ratios(workbook).to_dict("records")
    with changing(root, "plan import") as entry:
        register = Register.of(root)
        named = {row["task"] for row in rows}
        plans = {folder.task: load_plan(folder) for folder in open_folders(root) if folder.task in named}
        frames = {task: plan.plan.plan if isinstance(plan, Opened) else plan for task, plan in plans.items()}
        strata = {(task, stratum) for task, frame in frames.items() for stratum in frame.strata["stratum"]}
        unknown = [row["cell"] for row in rows if (row["task"], row["stratum"]) not in strata]
        refuse_cells([_("{cell}: expected a task and a stratum of an open task", cell=cell) for cell in unknown], file=workbook)
        edited: dict[str, _Edited] = {task: {row["stratum"]: row for row in rows if row["task"] == task} for task in plans}
        changed = [task for task, frame in frames.items() if _ratios(frame, edited[task]) != frame.strata["ratio_ppm"].tolist()]
        for task in changed:
            _refuse_published(task, register)
        new = {task: _draft(plans[task]).with_ratios(_ratios(frames[task], edited[task])) for task in changed}
        refuse_cells([fault for task, plan in new.items() for fault in _ratio_faults(plan, edited[task])], file=workbook)
        for task, plan in new.items():
            folder = TaskFolder.of(root, task)
            before = dict(_policy_ratios(_draft(plans[task])))
            edits = {stratum: ratio for stratum, ratio in _policy_ratios(plan) if ratio != before[stratum]}
            add_draft(entry, folder, plan, edits={**folder.origin.edits, **edits})
        if new:
            add_index(entry, lang=lang)
    return {task: sum(plan.targets().values()) for task, plan in new.items()}


def _out_of(path: Path) -> Path:
    """The folder of runs: the path itself, or that of the run which it names."""
    return path if not RunFolder(path).has_manifest() else RunFolder.opened(path).out


def _draft(plan: OpenPlan) -> InspectionPlan:
    return plan if isinstance(plan, InspectionPlan) else InspectionPlan(**vars(plan.plan.plan))


def publish_task(
    folder: str | Path,
    *,
    on: dt.date,
    channel: str,
    by: str,
    trial: bool = False,
    staff: Path | None = None,
    recusals: Path | None = None,
    lang: str = DEFAULT_LANGUAGE,
    encoding: str = "auto",
) -> SamplingFrame:
    """Publish the draft of a task: its frame and its people are fixed, its key is made, its hash may be told.

    Args:
        folder: ``OUT/tasks/<task>``.
        on: The day on which the hash is told.
        channel: Where, such as a gazette and its number.
        by: Who answers for it.
        trial: Publish a frame of a run whose cards nobody has signed; the task is marked as a trial.
        staff: A Parquet or CSV file with the columns of the standard table ``staff``; by default the inspectors of the run.
        recusals: The same for the standard table ``recusals``.
        lang: The language of its workbook.
        encoding: Of text files that are named, where their bytes do not prove it.

    Raises:
        DataError: The folder is none of a task; a file that was named does not exist or cannot be read.
        DrawError: The task is published already; see :func:`creditscore.inspection.task_steps.add_publication`.
        LockedError: A run or another command is writing to the same folder.
    """
    task = TaskFolder.opened(folder)
    with changing(task.out, f"plan publish {task.task}") as entry:
        plans = related_plans(task.out, task.task)
        people, apart = people_of(task, staff=staff, recusals=recusals, encoding=encoding)
        plan = add_publication(
            entry, task, _draft(plans[task.task]), on=on, channel=channel, by=by, trial=trial, staff=people, recusals=apart
        )
        add_documents(entry, {**plans, task.task: plan}, task.task, lang=lang)
    return plan


def void_task(folder: str | Path, *, why: Justification, on: dt.date, lang: str = DEFAULT_LANGUAGE) -> str:
    """Take back the published frame of a task that is not drawn; the next night makes a new draft. Two persons answer for it.

    Returns:
        The hash of the frame that is void.

    Raises:
        DataError: The folder is none of a task.
        DrawError: See :func:`creditscore.inspection.task_steps.add_void`.
        LockedError: A run or another command is writing to the same folder.
    """
    task = TaskFolder.opened(folder)
    with changing(task.out, f"plan void {task.task}") as entry:
        frame_hash = add_void(entry, task, why=why, on=on)
        add_index(entry, lang=lang)
    return frame_hash


def close_task(folder: str | Path, *, why: Justification, on: dt.date, lang: str = DEFAULT_LANGUAGE) -> None:
    """Put a drawn task away; it leaves the list of open tasks, and ``closing.csv`` is what is told at its end.

    Raises:
        DataError: The folder is none of a task.
        DrawError: The task is not drawn, or closed already; the name is missing; or visits have no result, and the reason or a
            second person is missing; or the day is refused.
        LockedError: A run or another command is writing to the same folder.
    """
    task = TaskFolder.opened(folder)
    with changing(task.out, f"plan close {task.task}") as entry:
        refuse_undrawn(task)
        plan, results = as_drawn(task, load_plan(task)), _outcomes(task)
        listed = closing_list(plan.plan, plan.log, results, _corrected(task))
        add_closing(entry, task, listed, still_open=open_visits(plan.plan, plan.log, results), why=why, on=on)
        add_index(entry, lang=lang)


def _outcomes(task: TaskFolder) -> dict[str, tuple[dt.date, str]]:
    """Day and outcome of each visit whose result was handed in, by subject."""
    results = results_of_task(task)
    if results is None:
        return {}
    found = zip(results["event_date"].tolist(), results["outcome"].tolist(), strict=True)
    return dict(zip(results["subject_id"].tolist(), found, strict=True))


def _corrected(task: TaskFolder) -> set[str]:
    """Whose result was corrected, by the register."""
    lines = Register.of(task.out).of_task(task.task)
    return {subject for line in lines if line["what"] == "results" for subject in line.get("corrected", ())}


def _ratios(plan: SamplingFrame, edited: _Edited) -> list[int]:
    """The ratio of each stratum in parts per million: the edited one, else the plan's."""
    pairs = zip(plan.strata["stratum"], plan.strata["ratio_ppm"].tolist(), strict=True)
    return [edited[stratum]["ratio_ppm"] if stratum in edited else ratio for stratum, ratio in pairs]


def _refuse_published(task: str, register: Register) -> None:
    state = register.state(task)
    if state != "draft":
        raise DrawError(
            "task {task}: its frame is {state}, so its ratios can no longer change; void it first if it is not drawn",
            task=task,
            state=STATES[state],
        )


def _ratio_faults(plan: SamplingFrame, edited: _Edited) -> list[Message]:
    """Within an industry (and region) ratios may not fall from A to D, nor NR below B; full coverage is whole."""
    rows = {row["stratum"]: row for row in plan.strata.to_dict("records")}

    def cell(row: Mapping[Any, Any]) -> str:
        """The cell of a stratum's ratio; its name where its row was deleted from the sheet."""
        stratum = row["stratum"]
        return str(edited[stratum]["cell"]) if stratum in edited else f"{Words.of(DEFAULT_LANGUAGE).text(RATIOS.title)}: {stratum}"

    pairs: dict[tuple[str, str], tuple[str, str]] = {}  # each pair of strata once: joined ones belong to many industries
    for places in plan.places().values():
        for lower, higher in (*pairwise(tier for tier in TIERS if tier in places), (PRESUMED, NOT_RATED)):
            if lower in places and higher in places:
                pairs[places[lower], places[higher]] = (lower, higher)
    faults = [
        _(
            "{cell}: ratios must not fall from {safest} to {riskiest}, nor {not_rated} below {presumed} "
            "(got {higher} below {lower})",
            cell=cell(rows[riskier]),
            safest=TIERS[0],
            riskiest=RISKIEST,
            not_rated=NOT_RATED,
            presumed=PRESUMED,
            higher=higher,
            lower=lower,
        )
        for (safer, riskier), (lower, higher) in pairs.items()
        if rows[riskier]["ratio_ppm"] < rows[safer]["ratio_ppm"]
    ]
    whole = [row for row in rows.values() if row["full_coverage"] and row["ratio_ppm"] < _WHOLE]
    return faults + [_("{cell}: expected 100 %, since the policy covers the industry in full", cell=cell(row)) for row in whole]
