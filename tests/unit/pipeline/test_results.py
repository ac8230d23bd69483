"""Results of visits become random labels with their draw's probabilities; what does not fit is refused by cell."""

import datetime as dt

import pandas as pd
import pyarrow as pa
import pytest
from support.plans import a_policy, a_task, a_tiers

from creditscore.errors import DataError
from creditscore.inspection.plan import plan_inspections
from creditscore.inspection.visits import Opened, merge_plans
from creditscore.pipeline import results as module
from creditscore.pipeline.results import OWN_FRAMES, OWN_INSPECTIONS, refuse_half_merged, take_results, visit_simulated
from creditscore.pipeline.run_store import load_plan, read_results_of
from creditscore.storage import read_parquet, write_parquet

KNOWN = dt.date(2024, 6, 3)


@pytest.fixture
def drawn(plan):
    """The run's plan, drawn on 2 May."""
    load_plan(plan).draw(seed="s", on=dt.date(2024, 5, 2)).to_csv(plan)
    return load_plan(plan)


@pytest.fixture
def hand_in(run, drawn, monkeypatch, tmp_path):
    """Take results of the drawn subjects, each with ``changes``; the first one with ``first``."""

    def take(known=KNOWN, data=None, first=None, **changes):
        rows = [
            {"task": "hygiene", "subject_id": subject, "event_date": dt.date(2024, 5, 20), "mode": "", "outcome": "none",
             "severity": None, "cell": f"抽查名单!N{at}", **changes}
            for at, subject in enumerate(drawn.drawn["subject_id"], start=2)
        ]  # fmt: skip
        rows[0] |= first or {}
        monkeypatch.setattr(module, "read_results", lambda workbook: pd.DataFrame(rows).astype({"severity": "Int64"}))
        return take_results(run.path, tmp_path / "plan.xlsx", known=known, data=data)

    return take


def test_results_become_rows_of_the_standard_table(hand_in, drawn):
    taken = hand_in()
    rows = read_parquet(taken.file).to_pylist()
    assert (taken.results, taken.otherwise) == (len(drawn.drawn), 0)
    assert {row["trigger"] for row in rows} == {"random"}
    chances = dict(zip(drawn.sample["subject_id"], drawn.sample["inclusion_probability"], strict=True))
    assert all(row["inclusion_probability"] == pytest.approx(chances[row["subject_id"]]) for row in rows)
    assert {(row["known_date"], row["department"]) for row in rows} == {(KNOWN, "SAMR")}


def test_a_visit_in_another_mode_than_drawn_is_no_random_one(hand_in):
    taken = hand_in(first={"mode": "off_site"})
    other = [row for row in read_parquet(taken.file).to_pylist() if row["mode"] == "off_site"]
    assert taken.otherwise == 1
    assert [(row["trigger"], row["inclusion_probability"]) for row in other] == [("special", None)]


def test_results_and_frames_go_into_a_data_folder(hand_in, drawn, tmp_path):
    write_parquet(tmp_path / OWN_FRAMES, pa.table({"task": ["old"], "stratum": ["A"], "population": [9], "drawn": [1]}))
    hand_in(data=tmp_path)
    frames = read_parquet(tmp_path / OWN_FRAMES).to_pylist()
    assert [row["task"] for row in frames].count("old") == 1
    assert sum(row["drawn"] for row in frames if row["task"] == "hygiene") == drawn.strata["on_site"].sum()
    assert read_parquet(tmp_path / OWN_INSPECTIONS).num_rows == len(drawn.drawn)


def test_a_repeated_result_keeps_the_day_on_which_it_was_known(hand_in, run):
    hand_in()
    hand_in(known=dt.date(2024, 6, 10))
    assert set(read_results_of(run)["known_date"]) == {KNOWN}


@pytest.mark.parametrize("known", [KNOWN, dt.date(2024, 6, 10)])
def test_a_result_that_differs_from_an_earlier_one_is_refused(hand_in, run, known):
    before = hand_in().file.read_bytes()
    with pytest.raises(DataError, match="1 visits have another result in an earlier workbook"):
        hand_in(known=known, first={"outcome": "violation", "severity": 3})
    assert [path.read_bytes() for path in run.file("results").iterdir()] == [before]


@pytest.mark.parametrize(
    ("fault", "message"),
    [({"subject_id": "S99999"}, "expected a subject that this task drew"), ({"task": "other"}, "expected a subject that this task drew"),
     ({"event_date": dt.date(2024, 6, 4)}, "later than the day of handing in"), ({"event_date": dt.date(2024, 4, 30)}, "before the task starts"),
     ({"event_date": dt.date(2024, 5, 1)}, "it was not the draw that chose the subject")],
)  # fmt: skip
def test_a_result_that_does_not_fit_is_refused_by_its_cell(hand_in, run, fault, message):
    with pytest.raises(DataError, match=rf"N2: .*{message}"):
        hand_in(first=fault)
    assert not run.file("results").exists()


def test_a_subject_that_stands_twice_is_refused(hand_in, drawn):
    with pytest.raises(DataError, match="N3: expected each subject once per task"):
        hand_in(first={"subject_id": drawn.drawn["subject_id"].iloc[1]})


def test_results_of_a_run_without_a_draw_are_refused(run, plan, tmp_path):
    for command in (
        lambda: take_results(run.path, tmp_path, known=KNOWN),
        lambda: visit_simulated(run.path, tmp_path, out=tmp_path),
    ):
        with pytest.raises(DataError, match="expected a drawn plan"):
            command()


@pytest.fixture
def merged():
    """Two plans that are checked by one visit."""
    tiers = a_tiers(30, tier="C", industry="food")
    tasks = (a_task(id="one", also_checks=("two",)), a_task(id="two"))
    policy = a_policy({"C": 0.3})
    return merge_plans([plan_inspections(tiers, policy, task=task) for task in tasks])


def test_results_of_an_item_wait_for_all_draws_that_check_it(merged):
    one, two = merged
    half = [one, Opened(two.draw(seed="s"))]
    with pytest.raises(DataError, match="task one: expected a drawn plan"):
        refuse_half_merged({"two"}, half)
    refuse_half_merged({"one"}, half)
    refuse_half_merged({"two"}, [Opened(one.draw(seed="s")), half[1]])


def simulated(tmp_path, **changes):
    truth = {"subject_id": ["S1", "S1"], "date": [dt.date(2024, 1, 1), dt.date(2024, 4, 1)], "outcome": ["none", "violation"]}
    write_parquet(tmp_path / "risk.parquet", pa.table(truth))
    visit = {"subject_id": "S1", "week_from": dt.date(2024, 5, 6), "ticket": "0f", "mode": "on_site", "replaced_by": "", **changes}
    (row,) = module._simulated_outcomes(pd.DataFrame([visit]), tmp_path).to_dict("records")
    return row["outcome"], row["severity"]


@pytest.mark.parametrize(
    ("changes", "result"),
    [({}, ("violation", 1)), ({"week_from": dt.date(2024, 3, 4)}, ("none", None)), ({"week_from": dt.date(2023, 3, 6)}, ("none", None)),
     ({"mode": "off_site"}, ("violation", 1)), ({"mode": "off_site", "ticket": "00"}, ("none", None)),
     ({"subject_id": "S2"}, ("closed", None)), ({"replaced_by": "S2"}, ("closed", None))],
)  # fmt: skip
def test_a_simulated_visit_finds_the_truth_of_its_quarter(tmp_path, changes, result):
    assert simulated(tmp_path, **changes) == result
