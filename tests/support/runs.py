"""A finished run written by hand: no engine, no training, no documents."""

import datetime as dt
from pathlib import Path

import pandas as pd
import pyarrow as pa
from support.cards import card, number
from support.plans import a_tiers
from support.projects import DAY, feature, label
from support.seeds import SOURCE
from support.tasks import draft

from creditscore.config.project import Project
from creditscore.inspection.plan import InspectionPlan, plan_inspections
from creditscore.models.scorecard import Baseline, Scorecard
from creditscore.pipeline.run_folder import MANIFEST, RunFolder
from creditscore.pipeline.run_store import BookFile
from creditscore.pipeline.score import POOLED, write_cards
from creditscore.reporting.run_book import RowCounts
from creditscore.storage import file_hashes, set_pointer, write_json
from creditscore.tiering.tiers import Tiers

PENALTIES = "penalties_24m"
#: What ``pooled_card`` gives a subject without penalties.
SCORE = 522
FEATURES = {"feature": [feature(PENALTIES, months=24, trend="higher_is_riskier")]}
TASK = {
    "id": "hygiene", "label": label("卫生"), "item": "hygiene", "department": "SAMR",
    "start": dt.date(2024, 5, 1), "end": dt.date(2024, 6, 30), "seed": SOURCE,
}  # fmt: skip


def pooled_card(*, points: tuple[int, int] = (10, -30), **changes: object) -> Scorecard:
    """One characteristic, one card for everyone."""
    characteristics = (number(PENALTIES, (1,), points, missing=0),)
    baselines = (Baseline(name="population", points={PENALTIES: 5}),)
    return card(**{"name": POOLED, "industry": POOLED, "characteristics": characteristics, "baselines": baselines, **changes})


def tier_rows(count: int = 40, *, as_of: dt.date = DAY) -> pd.DataFrame:
    """Subjects S00000 and so on in tiers A to D and NR; those of D wait for a signature."""
    tiers = a_tiers(count, industry="food").frame.assign(as_of=as_of)
    proposed = tiers["tier"] == "D"
    return tiers.assign(
        score=pd.array([None if tier == "NR" else SCORE for tier in tiers["tier"]], dtype="Int32"),
        raw_tier=tiers["tier"], tier=tiers["tier"].mask(proposed, "C"), previous_tier=None, status=proposed.map({True: "proposed", False: "final"}),
        rule=["not_rated:no_card" if tier == "NR" else "" for tier in tiers["tier"]], reviewer=None, evidence="", waiting_since=None, whole_tier=None,
        incomplete_since=None, signed_tier=None, grounds=None, exit_on=None, score_tier=tiers["tier"], score_since=as_of,
    )  # fmt: skip


def register(tiers: pd.DataFrame, *, closed: tuple[str, ...] = ()) -> pd.DataFrame:
    """The register of the subjects of ``tier_rows``."""
    return pd.DataFrame(
        {
            "subject_id": tiers["subject_id"], "name": "甲店", "subject_type": "enterprise", "industry": "food", "region": "431103",
            "status": ["deregistered" if one in closed else "active" for one in tiers["subject_id"]],
        }
    )  # fmt: skip


#: What a manifest says beside its files.
ABOUT = {"frames": {}, "summary": {}, "trial": False, "facts": {}, "lang": "zh"}


def seal(folder: RunFolder, **more: object) -> None:
    """Write the manifest of a folder as it is, and note its hash."""
    outputs = file_hashes(folder.path, leave_out=(MANIFEST,))
    write_json(folder.file(MANIFEST), {**ABOUT, "outputs": outputs, **more})
    folder.seal()


def empty_run(out: Path, as_of: dt.date = DAY, **more: object) -> RunFolder:
    """A finished run without any file but its manifest."""
    folder = RunFolder.new(out, as_of)
    seal(folder, **more)
    set_pointer(folder.shown, folder.path)
    return folder


def finished_run(
    out: Path, project: Project, *, as_of: dt.date = DAY, count: int = 40, closed: tuple[str, ...] = (), card: Scorecard | None = None,
    trial: bool = False, **more: object,
) -> RunFolder:  # fmt: skip
    """The next attempt ``OUT/.runs/<as_of>-<n>`` with everything that a command reads; ``OUT/<as_of>`` names it.

    ``more`` goes into the manifest.
    """
    folder = RunFolder.new(out, as_of)
    scored_with = card or pooled_card()
    tiers = tier_rows(count, as_of=as_of)
    scored = tiers[tiers["score"].notna()]
    folder.write("tiers", tiers)
    folder.write("scores", scored[["subject_id", "as_of", "industry", "score"]].assign(scorecard=scored_with.sha256))
    folder.write("features", scored[["subject_id", "as_of", "industry"]].assign(**{PENALTIES: 0}))
    folder.write("subjects", register(tiers, closed=closed))
    folder.write("lists", pd.DataFrame({"subject_id": ["S00001"], "kind": ["abnormal_list"]}))
    folder.write("staff", pd.DataFrame({"staff_id": []}))
    folder.write("recusals", pa.table({"staff_id": pa.array([], pa.string()), "subject_id": pa.array([], pa.string())}))
    folder.write("checkup", pd.DataFrame({"section": ["rows"]}))
    folder.write("rejects", pa.table({"table": ["events", "events", "subjects"], "code": ["no_kind", "bad_date", "bad_date"]}))
    write_cards(folder.file("scorecards"), {POOLED: scored_with})
    BookFile(
        project=project.about, policy=project.policy(as_of), counts=RowCounts(rows_in=count, scored=len(scored), not_rated=count - len(scored)),
        evaluation={}, frames={}, industries={one.code: one.label for one in project.scorecards.industry}, regions={"431103": "冷水滩区"},
        kinds={item.kind: item.label for item in project.catalogue.item}, notes=(), facts={"config": project.sha256}, calendar=project.calendar,
        trial=trial,
    ).save(folder)  # fmt: skip
    facts = {f"scorecard {POOLED}": scored_with.sha256}
    seal(folder, **{"trial": trial, "facts": facts, "project": project.about.name, **more})
    set_pointer(folder.shown, folder.path)
    return folder


def plan_of(run: RunFolder, project: Project, task: str = "hygiene") -> InspectionPlan:
    """The frame of a task over everyone in a run."""
    return plan_inspections(Tiers(run.frame("tiers")), project.policy(run.as_of), task=project.tasks[task])


def add_plan(run: RunFolder, project: Project, task: str = "hygiene") -> Path:
    """The draft of a task over everyone, as a night leaves it in the run and in ``OUT/tasks/<task>``; returns the latter."""
    plan = plan_of(run, project, task)
    plan.to_csv(run.draft(task))
    return draft(run.out, plan, run=run.name, trial=run.is_trial)
