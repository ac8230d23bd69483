"""Results of visits become random labels with their draw's probabilities; what does not fit is refused by cell."""

import dataclasses
import datetime as dt

import pandas as pd
import pyarrow as pa
import pytest
from support.plans import a_policy, a_task, a_tiers
from support.seeds import numbers
from support.tasks import GONE, because, bytes_below, draw

from creditscore.errors import DataError, DrawError
from creditscore.inspection.closing import CLOSING, CLOSING_COLUMNS
from creditscore.inspection.csv_export import read_csv
from creditscore.inspection.justification import Justification
from creditscore.inspection.plan import DrawnPlan, plan_inspections
from creditscore.inspection.register import Register
from creditscore.inspection.task_folder import TaskFolder
from creditscore.inspection.verify import verify_plan
from creditscore.inspection.visits import Opened, merge_plans
from creditscore.pipeline import results as module
from creditscore.pipeline.draws import replace_subject
from creditscore.pipeline.open_tasks import results_of_task
from creditscore.pipeline.plans import close_task
from creditscore.pipeline.results import (
    OWN_FRAMES,
    OWN_INSPECTIONS,
    refuse_half_merged,
    take_results,
    visit_simulated,
)
from creditscore.pipeline.run_folder import trained_since
from creditscore.storage import read_parquet, write_parquet

KNOWN = dt.date(2024, 6, 3)
WHY = Justification(reason="误录", evidence="复核记录 3", by="王五", second="赵六")


@pytest.fixture
def plan(drawn):
    """The task's plan as it was drawn, on 2 May."""
    return DrawnPlan.from_folder(drawn)


@pytest.fixture
def hand_in(drawn, plan, monkeypatch):
    """Take results of the drawn subjects, each with ``changes``; the first one with ``first``."""

    def take(known=KNOWN, data=None, first=None, correction=None, **changes):
        rows = [
            {"task": "hygiene", "subject_id": subject, "event_date": dt.date(2024, 5, 20), "mode": "", "outcome": "none",
             "severity": None, "cell": f"抽查名单!N{at}", **changes}
            for at, subject in enumerate(plan.drawn["subject_id"], start=2)
        ]  # fmt: skip
        rows[0] |= first or {}
        monkeypatch.setattr(module, "read_results", lambda workbook: pd.DataFrame(rows).astype({"severity": "Int64"}))
        return take_results(drawn, known=known, data=data, correction=correction)

    return take


def test_results_become_rows_of_the_standard_table(hand_in, plan):
    taken = hand_in()
    rows = read_parquet(taken.file).to_pylist()
    assert (taken.results, taken.otherwise) == (len(plan.drawn), 0)
    assert {row["trigger"] for row in rows} == {"random"}
    chances = dict(zip(plan.sample["subject_id"], plan.sample["inclusion_probability"], strict=True))
    assert all(row["inclusion_probability"] == pytest.approx(chances[row["subject_id"]]) for row in rows)
    assert {(row["known_date"], row["department"]) for row in rows} == {(KNOWN, "SAMR")}


def test_a_visit_in_another_mode_than_drawn_is_no_random_one(hand_in):
    taken = hand_in(first={"mode": "off_site"})
    other = [row for row in read_parquet(taken.file).to_pylist() if row["mode"] == "off_site"]
    assert taken.otherwise == 1
    assert [(row["trigger"], row["inclusion_probability"]) for row in other] == [("special", None)]


def test_results_and_frames_go_into_a_data_folder(hand_in, plan, tmp_path):
    write_parquet(tmp_path / OWN_FRAMES, pa.table({"task": ["old"], "stratum": ["A"], "population": [9], "drawn": [1]}))
    hand_in(data=tmp_path)
    frames = read_parquet(tmp_path / OWN_FRAMES).to_pylist()
    assert [row["task"] for row in frames].count("old") == 1
    assert sum(row["drawn"] for row in frames if row["task"] == "hygiene") == plan.strata["on_site"].sum()
    assert read_parquet(tmp_path / OWN_INSPECTIONS).num_rows == len(plan.drawn)


def test_results_are_told_to_register_list_and_workbook(hand_in, run, drawn, plan):
    workbook = (drawn / "plan.xlsx").read_bytes()
    taken = hand_in()
    assert (taken.new, taken.open) == (len(plan.drawn), 0)
    line = Register.of(run.out).lines[-1]
    assert (line["what"], line["results"], line["new"], line["open"], line["on"]) == (
        "results",
        taken.new,
        taken.new,
        0,
        "2024-06-03",
    )
    assert Register.of(run.out).state("hygiene") == "visited"
    assert (drawn / "publication.csv").read_text("utf-8-sig").count("2024-05-20,未发现问题") == len(plan.drawn)
    assert (drawn / "plan.xlsx").read_bytes() != workbook
    assert verify_plan(drawn).ok


def test_the_same_results_again_change_no_byte_and_keep_the_day_on_which_they_were_known(hand_in, run, drawn):
    hand_in()
    before = bytes_below(run.out)
    again = hand_in(known=dt.date(2024, 6, 10))
    assert (again.new, again.open) == (0, 0)
    assert bytes_below(run.out) == before
    assert set(results_of_task(TaskFolder.opened(drawn))["known_date"]) == {KNOWN}


def test_results_that_are_not_those_of_the_register_are_refused(hand_in, run, drawn, plan):
    hand_in()
    path = drawn / "results.parquet"
    handed_in = read_parquet(path)
    for fault in ("gone", "changed", "older"):
        path.unlink(missing_ok=True)
        if fault == "changed":
            rows = [{**row, "outcome": "violation"} for row in handed_in.to_pylist()]
            write_parquet(path, pa.Table.from_pylist(rows, schema=handed_in.schema))
        elif fault == "older":
            write_parquet(path, handed_in.slice(1))
        before = bytes_below(run.out)
        with pytest.raises(DataError, match=r"results.parquet: expected the results that register line 3 names"):
            hand_in(known=dt.date(2024, 6, 10))
        with pytest.raises(DataError, match="register line 3"):
            replace_subject(drawn, plan.drawn["subject_id"].iloc[0], **because(**GONE, by="李四", on=KNOWN))
        assert bytes_below(run.out) == before
    write_parquet(path, handed_in)
    assert hand_in().new == 0


def test_results_change_no_run(hand_in, run):
    before = bytes_below(run.out / ".runs")
    hand_in()
    assert bytes_below(run.out / ".runs") == before


@pytest.mark.parametrize("known", [KNOWN, dt.date(2024, 6, 10)])
def test_a_result_that_differs_from_an_earlier_one_is_refused(hand_in, run, known):
    hand_in()
    before = bytes_below(run.out)
    with pytest.raises(DataError, match="1 visits have another result in an earlier workbook"):
        hand_in(known=known, first={"outcome": "violation", "severity": 3})
    assert bytes_below(run.out) == before


LATER = dt.date(2024, 6, 20)
WRONG = {"outcome": "violation", "severity": 3}


def test_a_correction_replaces_what_differs_and_keeps_the_earlier_version(hand_in, run, drawn, plan, tmp_path):
    hand_in(data=tmp_path, first=WRONG)
    sealed, before = Register.of(run.out).lines[-1], read_parquet(drawn / "results.parquet")
    taken = hand_in(data=tmp_path, known=LATER, correction=WHY)
    first, *others = before["subject_id"].to_pylist()
    assert (taken.corrected, taken.new, taken.open) == ((first,), 0, 0)
    rows = {row["subject_id"]: row for row in read_parquet(drawn / "results.parquet").to_pylist()}
    assert (rows[first]["outcome"], rows[first]["severity"], rows[first]["known_date"]) == ("none", None, LATER)
    assert {rows[subject]["known_date"] for subject in others} == {KNOWN}
    assert {row["outcome"] for row in read_parquet(tmp_path / OWN_INSPECTIONS).to_pylist()} == {"none"}
    assert read_parquet(drawn / "corrected" / f"results-{sealed['number']}.parquet").equals(before)
    line = Register.of(run.out).lines[-1]
    told = {"what": "results", "corrected": [first], **dataclasses.asdict(WHY), "on": "2024-06-20"}
    assert {name: line[name] for name in told} == told
    assert line["content"] != sealed["content"]
    assert Register.of(run.out).state("hygiene") == "visited"
    assert (drawn / "publication.csv").read_text("utf-8-sig").count("2024-05-20,未发现问题") == len(plan.drawn)
    assert set(results_of_task(TaskFolder.opened(drawn))["outcome"]) == {"none"}
    assert verify_plan(drawn).ok


def test_the_list_at_the_end_says_what_was_corrected_and_not_when(hand_in, drawn):
    hand_in(first=WRONG)
    (first,) = hand_in(known=LATER, correction=WHY).corrected
    close_task(drawn, **because(by="王五", on=dt.date(2024, 7, 1)))
    closed = Register.of(drawn.parents[1]).lines[-1]
    assert (closed["open"], closed["second"], closed["reason"]) == (0, "", "")
    rows = [dict(zip(CLOSING_COLUMNS, cells, strict=True)) for _line, cells in read_csv(drawn / CLOSING, CLOSING_COLUMNS)]
    assert [row["subject_id"] for row in rows if row["corrected"]] == [first]
    assert LATER.isoformat() not in (drawn / CLOSING).read_text("utf-8-sig")
    assert all(row["result"] for row in rows)
    found = verify_plan(drawn)
    assert found.findings == ()


def test_a_second_correction_keeps_both_earlier_versions(hand_in, drawn):
    hand_in(first=WRONG)
    hand_in(known=LATER, correction=WHY)
    hand_in(known=LATER, first=WRONG, correction=dataclasses.replace(WHY, reason="复核后恢复"))
    kept = [read_parquet(path)["outcome"].to_pylist().count("violation") for path in sorted((drawn / "corrected").iterdir())]
    assert kept == [1, 0]


def test_a_correction_tells_which_runs_trained_on_the_earlier_result(hand_in, run, drawn):
    hand_in(known=run.as_of + dt.timedelta(days=40), first=WRONG)
    later = hand_in(known=LATER, correction=WHY)
    assert later.trained == ()
    assert trained_since(run.out, run.as_of) == ((run.as_of.isoformat(),) if run.is_trial and run.has("held_out") else ())


@pytest.mark.parametrize(
    ("first", "correction", "error"),
    [
        ({}, WHY, "to correct them"),
        (WRONG, dataclasses.replace(WHY, reason="——"), r"expected a reason, .* \(got '——'\)"),
        (WRONG, dataclasses.replace(WHY, evidence=" "), "expected evidence"),
        (WRONG, dataclasses.replace(WHY, by=""), "the name of who decided"),
        (WRONG, dataclasses.replace(WHY, second=""), "the name of a second person"),
        (WRONG, dataclasses.replace(WHY, second="王 五（代）"), "王五 and 王 五"),
        (WRONG, None, "replace it with --correct"),
    ],
)
def test_a_correction_without_reason_evidence_two_persons_or_difference_is_refused(hand_in, run, first, correction, error):
    hand_in()
    before = bytes_below(run.out)
    with pytest.raises((DataError, DrawError), match=error):
        hand_in(known=LATER, first=first, correction=correction)
    assert bytes_below(run.out) == before


def test_results_and_corrections_are_not_dated_before_the_draw_before_what_they_correct_or_ahead(hand_in, run, drawn, plan):
    early = {"event_date": dt.date(2024, 5, 2)}
    for known, day in ((dt.date(2024, 5, 1), "visit is later"), (dt.date(2099, 1, 1), "a day that has come")):
        before = bytes_below(run.out)
        with pytest.raises((DataError, DrawError), match=day):
            hand_in(known=known, **early)
        assert bytes_below(run.out) == before
    hand_in(first=WRONG)
    before = bytes_below(run.out)
    with pytest.raises(DrawError, match=r"expected a day on or after 2024-06-03, on which what is corrected was known"):
        hand_in(known=KNOWN - dt.timedelta(days=1), correction=WHY)
    assert bytes_below(run.out) == before
    assert hand_in(known=KNOWN, correction=WHY).corrected


@pytest.mark.parametrize("corrects", [False, True])
def test_a_closed_task_takes_neither_results_nor_corrections_and_says_what_to_do(hand_in, run, drawn, corrects):
    close_task(drawn, **because(by="王五", second="赵六", on=KNOWN, reason="x"))
    before = bytes_below(run.out)
    with pytest.raises(DrawError, match=r"neither results nor corrections .* delivered again .* same inspection_id"):
        hand_in(correction=WHY if corrects else None)
    assert bytes_below(run.out) == before


@pytest.mark.parametrize(
    ("fault", "message"),
    [({"subject_id": "S99999"}, "expected a subject that this task drew"), ({"task": "other"}, "expected a subject that this task drew"),
     ({"event_date": dt.date(2024, 6, 4)}, "later than the day of handing in"), ({"event_date": dt.date(2024, 4, 30)}, "before the task starts"),
     ({"event_date": dt.date(2024, 5, 1)}, "it was not the draw that chose the subject")],
)  # fmt: skip
def test_a_result_that_does_not_fit_is_refused_by_its_cell(hand_in, run, fault, message):
    before = bytes_below(run.out)
    with pytest.raises(DataError, match=rf"N2: .*{message}"):
        hand_in(first=fault)
    assert bytes_below(run.out) == before


def test_a_subject_that_stands_twice_is_refused(hand_in, plan):
    with pytest.raises(DataError, match="N3: expected each subject once per task"):
        hand_in(first={"subject_id": plan.drawn["subject_id"].iloc[1]})


@pytest.mark.parametrize("state", ["task", "published"])
def test_results_of_a_task_that_is_not_drawn_are_refused(run, request, tmp_path, state):
    folder = request.getfixturevalue(state)
    before = bytes_below(run.out)
    with pytest.raises(DrawError, match="expected a drawn task; draw it first"):
        take_results(folder, known=KNOWN)
    with pytest.raises(DataError, match="expected a drawn task"):
        visit_simulated(folder, tmp_path, out=tmp_path / "filled.xlsx")
    assert bytes_below(run.out) == before


def test_simulated_visits_of_a_task_are_read_back_as_its_results(run, drawn, plan, tmp_path):
    subjects = plan.sample["subject_id"].tolist()
    truth = pa.table({"subject_id": subjects, "date": [dt.date(2024, 4, 1)] * len(subjects), "outcome": ["none"] * len(subjects)})
    write_parquet(tmp_path / "risk.parquet", truth)
    assert visit_simulated(drawn, tmp_path, out=tmp_path / "filled.xlsx") == len(plan.drawn)
    taken = take_results(drawn, tmp_path / "filled.xlsx", known=dt.date(2024, 7, 1))
    assert (taken.new, taken.open) == (len(plan.drawn), 0)
    assert take_results(drawn, known=dt.date(2024, 7, 2)).new == 0  # the task's own workbook shows them


@pytest.fixture
def merged():
    """Two plans that are checked by one visit."""
    tiers = a_tiers(30, tier="C", industry="food")
    tasks = (a_task(id="one", also_checks=("two",)), a_task(id="two"))
    policy = a_policy({"C": 0.3})
    return merge_plans([plan_inspections(tiers, policy, task=task) for task in tasks])


def test_results_of_an_item_wait_for_all_draws_that_check_it(merged):
    one, two = merged
    half = [one, Opened(draw(two, seed=numbers("s")))]
    with pytest.raises(DataError, match="task one: expected a drawn plan"):
        refuse_half_merged({"two"}, half, known=one.task.end)
    refuse_half_merged({"two"}, half, known=one.task.end + dt.timedelta(days=1))  # its period is over: it will not be drawn
    refuse_half_merged({"one"}, half, known=one.task.end)
    refuse_half_merged({"two"}, [Opened(draw(one, seed=numbers("s"))), half[1]], known=one.task.end)


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
