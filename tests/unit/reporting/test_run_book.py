import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from support.seeds import numbers
from support.tasks import draw

from creditscore.inspection.plan import plan_inspections
from creditscore.inspection.visits import Opened
from creditscore.models.evaluate import evaluate
from creditscore.reporting.planning_tables import DRAWN_LIST, INSPECTORS
from creditscore.reporting.report import render_report
from creditscore.reporting.run_book import evaluation_by_industry, evaluation_figures, plan_page
from creditscore.reporting.workbook import write_task_workbook, write_workbook
from creditscore.spreadsheet import read_sheet


@pytest.fixture
def plan(book):
    return plan_inspections(book.tiers, book.policy, task=book.plans[0].task, subjects=book.subjects)


@pytest.fixture
def staff():
    ids = [f"S{number:03d}" for number in range(8)]
    return pd.DataFrame(
        {"staff_id": ids, "name": "李四", "certificate_valid_to": pd.Timestamp("2026-01-01"), "department": "", "region": ""}
    )


def test_a_plan_that_is_not_drawn_has_targets_and_no_list(tmp_path, book, plan):
    page = plan_page(plan)
    assert not page.drawn
    assert page.rows.frame()["subject_id"].tolist() == plan.frame["subject_id"].tolist()
    assert page.strata["ratio"].between(0.01, 0.25).all()
    assert write_task_workbook(tmp_path / "task.xlsx", book, page).rows["抽查名单"] == 0
    report = write_workbook(tmp_path / "b.xlsx", replace(book, plans=(page,)))
    assert report.rows["抽查比例方案"] == len(plan.strata)


def test_a_drawn_plan_lists_sample_and_inspectors_by_id_only(tmp_path, book, plan, staff):
    subject = plan.frame["subject_id"].iloc[0]
    recusals = pd.DataFrame({"staff_id": ["S001"] * len(plan.frame), "subject_id": plan.frame["subject_id"]})
    drawn = draw(plan, seed=numbers("lottery 2024-05-01: 03 08 17 21"), staff=staff, recusals=recusals)
    page = plan_page(Opened(drawn, [{"what": "drawn", "seed_source": "福利彩票"}]))
    assert page.seed_source == "福利彩票"
    write_task_workbook(tmp_path / "b.xlsx", book, page)
    rows = read_sheet(tmp_path / "b.xlsx", DRAWN_LIST.title, columns=DRAWN_LIST.columns)
    assert {row["subject_id"].value for row in rows} == set(drawn.drawn["subject_id"])
    people = read_sheet(tmp_path / "b.xlsx", INSPECTORS.title, columns=INSPECTORS.columns)
    assert len(people) == len(rows)
    assert {row["recusal"].value for row in people} == {"S001"}
    assert {row["certificate"].value for row in people} == {dt.date(2026, 1, 1)}
    everything = "".join(str(cell.value) for row in [*rows, *people] for cell in row.values())
    assert "李四" not in everything
    assert subject


def test_figures_carry_their_intervals(book):
    rng = np.random.default_rng(3)
    p = rng.uniform(0.02, 0.4, 400)
    found = evaluate((rng.random(400) < p).astype(int), p, groups=rng.choice(["food_service", "hotel"], 400), n_boot=20)
    figures = evaluation_figures(found)
    assert figures["auc"].low < figures["auc"].value < figures["auc"].high
    assert figures["n"].low is None
    by_industry = evaluation_by_industry(found)
    assert by_industry["industry"].tolist() == ["food_service", "hotel"]
    page = render_report(replace(book, evaluation=figures, by_industry=by_industry))
    assert "餐饮服务" in page
    assert "observed_rate" not in page


def test_cuts_by_share_show_what_they_gave(book):
    achieved = pd.DataFrame(
        {
            "population": "",
            "tier": ["A", "B"],
            "cut": "share",
            "asked_ppm": [500_000, 300_000],
            "subjects": [310, 170],
            "achieved_ppm": [512_345, 280_000],
        }
    )
    assert "51.23%" in render_report(replace(book, achieved=achieved))
