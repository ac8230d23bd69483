"""Tiers of subjects that are judged part by part are those of all judged together, on every engine and over several nights."""

import datetime as dt

import pytest
from support.cards import card, number
from support.projects import DAY, event, feature, policy_document, subject, write_project, write_tables

from creditscore.models.scorecard import Baseline
from creditscore.pipeline import parts
from creditscore.pipeline.run_folder import Deciding, RunFolder
from creditscore.pipeline.score import score_subjects
from creditscore.pipeline.tier import tier_subjects
from creditscore.records.records import open_records
from creditscore.storage import file_hashes

SUBJECTS, LATER = 60, dt.date(2024, 5, 31)
FEATURE = "penalties_24m"
SHARES = [{"name": "A", "share": 0.3}, {"name": "B", "share": 0.4}, {"name": "C", "share": 0.2}, {"name": "D"}]


def policy(within):
    listed = {"kind": "abnormal_list", "tier": "D", "basis": "x", "review": True}
    graded = {"scheme": "national", "grade": "差", "tier": "C", "bound": "at_least", "basis": "x"}
    return policy_document() | {
        "tier": SHARES, "share_within": within, "override": [listed, graded], "new_subject_months": 6,
        "stability": {"band": 5, "months": 1},
    }  # fmt: skip


def tables():
    """Every third has penalties, every ninth is listed; some are new, some have a bad grade, some come in May."""
    subjects = [
        subject(f"S{n:03d}", industry=("food", "shop", None)[n % 3], registered_date=DAY if n % 11 == 5 else dt.date(2015, 1, 1))
        for n in range(SUBJECTS)
    ]
    late = dt.date(2024, 5, 20)
    subjects += [subject(f"T{n}", valid_from=late, known_date=late, registered_date=dt.date(2015, 1, 1)) for n in range(5)]
    events = [
        event(f"e{n}-{k}", f"S{n:03d}", "penalty", dt.date(2023, 2 + k, 1 + n % 20))
        for n in range(0, SUBJECTS, 3)
        for k in range(n % 4)
    ]
    events += [event(f"l{n}", f"S{n:03d}", "abnormal_list", dt.date(2024, 1 + n % 5, 3)) for n in range(0, SUBJECTS, 9)]
    day = dt.date(2024, 2, 1)
    ratings = [
        {"subject_id": f"S{n:03d}", "scheme": "national", "grade": ("差", "优")[n % 2], "event_date": day, "known_date": day}
        for n in range(1, SUBJECTS, 7)
    ]
    changes = [
        {"event_id": f"l{n}", "change": change, "effective_date": dt.date(2024, 5, 10), "known_date": dt.date(2024, 5, 10)}
        for n, change in ((0, "repaired"), (9, "disputed"))
    ]
    return {"subjects": subjects, "events": events, "ratings": ratings, "changes": changes}


def cards():
    rules = {"food": (12, -40), "all": (10, -30)}
    return {
        name: card(
            name=name, industry=name, characteristics=(number(FEATURE, (1, 2), (points[0], 0, points[1]), missing=0),),
            baselines=(Baseline(name="population", points={FEATURE: 5}),),
        )
        for name, points in rules.items()
    }  # fmt: skip


def judged(engine, project, data, out):
    """Two nights of tiers: their files."""
    records, before, files = open_records(engine, project, data=data), None, {}
    for day in (DAY, LATER):
        folder = RunFolder.new(out, day)
        scored = score_subjects(folder, records, cards())
        tiers = tier_subjects(
            folder, records, scored, project.policy(day), Deciding(before=before), trial=False, cards=cards().values()
        )
        asked, rows = folder.read("asked").to_pylist(), folder.read("tiers").to_pylist()
        files[day] = (rows, asked, tiers.achieved.to_dict("records"), tiers.subjects.astype(object).to_dict("records"))
        assert set(file_hashes(folder.path)) == {"asked.parquet", "features.parquet", "scores.parquet", "tiers.parquet"} | (
            {"disputed_scores.parquet"} if folder.has("disputed_scores") else set()
        ), "no part is left over"
        before = folder
    return files


#: How many are judged at once. On Spark each question takes its time: two parts there.
AT_ONCE = {"DuckDB": 9, "Spark": 40}


@pytest.mark.parametrize("within", ["all", "industry"])
def test_tiers_do_not_depend_on_how_many_subjects_are_judged_at_once(engine, tmp_path, monkeypatch, within):
    if engine.name == "Spark" and within == "all":
        pytest.skip("within industries on Spark, both on DuckDB: the counts are one expression")
    features = {"feature": [feature(FEATURE, months=24, trend="higher_is_riskier")]}
    project = write_project(tmp_path / "project", features=features, policy=policy(within))
    data = write_tables(tmp_path / "data", **tables())
    whole = judged(engine, project, data, tmp_path / "whole")
    monkeypatch.setattr(parts, "SUBJECTS_AT_ONCE", AT_ONCE[engine.name])
    assert judged(engine, project, data, tmp_path / "parts") == whole
    rows, asked = whole[LATER][:2]
    assert {row["tier"] for row in rows} >= {"A", "B", "C", "NR"}
    assert asked
    assert {row["rule"].partition(":")[0] for row in rows} >= {"", "override", "new_subject"}
