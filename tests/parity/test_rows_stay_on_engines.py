"""Features and scores stay in the engine: an engine that counts what comes out of it fails a step that fetches everybody."""

import datetime as dt

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.cards import card, number
from support.projects import DAY, event, feature, subject, write_project, write_tables
from support.runs import TASK

from creditscore.engine import Engine
from creditscore.inspection import candidates, frame_rows
from creditscore.inspection.plan import InspectionPlan, plan_inspections
from creditscore.models.scorecard import Baseline
from creditscore.pipeline.plans import Standing, plan_due_tasks
from creditscore.pipeline.run_folder import RunFolder
from creditscore.pipeline.score import compare_runs, score_subjects, write_cards
from creditscore.records.records import open_records
from creditscore.reporting.fairness import associations
from creditscore.tiering.tiers import TIER_SCHEMA, Tiers

SUBJECTS = 400
#: What a step may fetch: aggregates, industries, groups of a content hash.
FEW = 40
PENALTIES = "penalties_24m"


class Tripwire:
    """An engine that counts the rows which its queries fetch, and fails where there are too many."""

    def __init__(self, engine: Engine, limit: int) -> None:
        self._engine, self._limit = engine, limit
        self.most = 0

    def __getattr__(self, name):
        # The methods of the class run with this object as theirs: what they ask for is counted too.
        method = getattr(type(self._engine), name, None)
        return method.__get__(self) if name in ("count", "content_hash") else getattr(self._engine, name)

    def query(self, expr):
        rows = self._engine.query(expr)
        self.most = max(self.most, rows.num_rows)
        assert rows.num_rows <= self._limit, f"{rows.num_rows} rows came out of the engine"
        return rows


def two_cards():
    """One for food, one for all others; the points differ, and so do the cards' characteristics."""
    rules = {"food": (12, -40), "all": (10, -30)}
    return {
        industry: card(
            name=industry, industry=industry, characteristics=(number(PENALTIES, (1,), points, missing=0),),
            baselines=(Baseline(name="population", points={PENALTIES: 5}),),
        )
        for industry, points in rules.items()
    }  # fmt: skip


@pytest.fixture
def opened(tmp_path, engine):
    """Records of some hundred subjects of three trades, one of them unknown; every seventh has a penalty."""
    project = write_project(
        tmp_path / "project",
        tasks={"task": [TASK]},
        features={"feature": [feature(PENALTIES, months=24, trend="higher_is_riskier")]},
    )
    trades = ("food", "shop", None)
    subjects = [subject(f"S{place:03d}", industry=trades[place % 3]) for place in range(SUBJECTS)]
    events = [event(f"e{place}", f"S{place:03d}", "penalty", dt.date(2024, 1, 1)) for place in range(0, SUBJECTS, 7)]
    return open_records(engine, project, data=write_tables(tmp_path / "data", subjects=subjects, events=events))


def watched(records, limit=FEW):
    tripwire = Tripwire(records.engine, limit)
    object.__setattr__(records, "engine", tripwire)
    return tripwire


def test_the_tripwire_fails_where_everybody_is_fetched(opened):
    watched(opened)
    with pytest.raises(AssertionError, match=f"{SUBJECTS} rows came out of the engine"):
        opened.engine.query(opened.table("subject_index"))


def test_features_and_scores_stay_in_the_engine(opened, tmp_path):
    folder = RunFolder.new(tmp_path / "out", DAY)
    watched(opened)
    scored = score_subjects(folder, opened, two_cards())
    assert opened.engine.count(scored.features) == opened.engine.count(scored.scores) == SUBJECTS
    contents = [opened.engine.content_hash(table) for table in (scored.features, scored.scores)]
    assert contents[0] != contents[1]
    assert 0 < opened.engine.most <= FEW


def test_what_a_night_says_of_all_subjects_is_counted_in_the_engine(opened, tmp_path):
    folders = [RunFolder.new(tmp_path / name, DAY) for name in ("now", "before")]
    cards = two_cards()
    for folder in folders:
        scored = score_subjects(folder, opened, cards)
        write_cards(folder.file("scorecards"), cards)
    watched(opened)
    found = associations(opened.engine, scored.features, opened.versions_on(DAY))
    moved = compare_runs(*folders, opened.engine)
    assert set(found["feature"]) <= {PENALTIES}
    assert moved["psi"].tolist() == [0, 0]
    assert 0 < opened.engine.most <= FEW


def test_frames_are_made_in_batches_of_rows_that_stay_in_files(opened, tmp_path, monkeypatch):
    """No query fetches everybody, a batch is as small as asked, and a caller's tables give the same frame."""
    folder, policy, (task,) = RunFolder.new(tmp_path / "out", DAY), opened.project.policy(DAY), opened.project.tasks.values()
    ids = [f"S{place:03d}" for place in range(SUBJECTS)]
    columns = {"subject_id": ids, "tier": ["ABCD"[place % 4] for place in range(SUBJECTS)], "as_of": [DAY] * SUBJECTS}
    columns |= {"raw_tier": columns["tier"], "status": ["final"] * SUBJECTS, "industry": ["food", "shop"] * (SUBJECTS // 2)}
    tiers = pa.table([pa.array(columns.get(one.name, [None] * SUBJECTS), one.type) for one in TIER_SCHEMA], schema=TIER_SCHEMA)
    folder.write("tiers", tiers)
    known = plan_inspections(tiers, policy, task=task, subjects=opened.subjects_on(DAY), history=opened.inspections)
    monkeypatch.setattr(candidates, "BATCH_ROWS", 50)
    sizes, placed = [], candidates.placed
    monkeypatch.setattr(frame_rows, "placed", lambda batch, *rest: sizes.append(batch.num_rows) or placed(batch, *rest))
    watched(opened)
    (plan,) = plan_due_tasks(folder, opened, Tiers(pd.DataFrame()), policy, Standing(tmp_path / "out"))
    assert 0 < opened.engine.most <= FEW
    assert max(sizes) <= 50
    assert plan.strata["population"].sum() == SUBJECTS
    assert plan.frame_hash == known.frame_hash == InspectionPlan.from_folder(folder.draft(task.id)).frame_hash
    assert not list(folder.path.glob(".*"))


def test_each_subject_has_the_score_of_its_own_card(opened, tmp_path):
    folder = RunFolder.new(tmp_path / "out", DAY)
    cards = two_cards()
    score_subjects(folder, opened, cards)
    features = pq.read_table(folder.file("features.parquet"))
    scores = pq.read_table(folder.file("scores.parquet"))
    assert scores["subject_id"].to_pylist() == features["subject_id"].to_pylist() == sorted(features["subject_id"].to_pylist())
    assert scores.column_names[-1] == "incomplete"
    frame = features.to_pandas()
    for place, row in enumerate(scores.to_pylist()):
        own = cards["food" if row["industry"] == "food" else "all"]
        assert row["scorecard"] == own.sha256
        assert row["score"] == own.scores(frame.iloc[[place]]).iloc[0]
        assert row["reason_1"] == (PENALTIES if place % 7 == 0 else None)
        assert row["incomplete"] is False
