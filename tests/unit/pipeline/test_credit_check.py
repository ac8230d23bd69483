"""Questions to a finished run: what is answered, what is noted, and what is never told."""

import datetime as dt
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pytest
from support.runs import SCORE, finished_run
from support.tasks import bytes_below

from creditscore.errors import DataError
from creditscore.inspection.plan import DrawnPlan
from creditscore.pipeline.credit_check import explain, feedback, lookup, records_of_bodies
from creditscore.pipeline.run_folder import RunResult
from creditscore.storage import read_chain

ON = dt.date(2024, 5, 6)
ASKED = {"purpose": "监督管理", "by": "某局", "on": ON}


def noted(run):
    return read_chain(run.out / "lookups.jsonl")


def test_codes_are_answered_in_their_order_in_plain_form(run):
    rows = lookup(run, [" s00001", "UNKNOWN"], **ASKED)
    assert rows["subject_id"].tolist() == ["S00001", "UNKNOWN"]
    assert rows["found"].tolist() == [True, False]
    assert rows["tier"].isna().tolist() == [False, True]
    assert rows["lists"].tolist()[0] == "abnormal_list"


def test_a_check_is_noted_with_what_was_answered(run):
    record = lookup(run, ["S00001"], **ASKED)["record"].tolist()
    (line,) = noted(run)
    assert record == [line["number"]] == [1]
    assert (line["what"], line["purpose"], line["by"], line["on"]) == ("looked_up", "supervision", "某局", "2024-05-06")
    assert line["found"] is True
    assert line["as_of"] == "2024-04-30"


def test_each_code_of_a_check_has_a_number_of_its_own(run):
    assert lookup(run, ["S00001", "S00002"], **ASKED)["record"].tolist() == [1, 2]
    assert lookup(run, ["S00001"], **ASKED)["record"].tolist() == [3]


@pytest.mark.parametrize("form", ["result", "folder", "path", "text"])
def test_a_run_may_be_named_in_every_form(run, form):
    named = {"result": RunResult(run, True), "folder": run, "path": run.path, "text": str(run.path)}[form]
    assert lookup(named, ["S00001"], **ASKED)["found"].all()


def test_a_check_changes_no_byte_of_the_run(run):
    before = bytes_below(run.path)
    lookup(run.shown, ["S00001"], **ASKED)
    feedback(run.shown, 1, result="x", by="y", on=ON)
    assert bytes_below(run.path) == before


def test_checks_of_all_days_share_one_chain(run, project):
    later = finished_run(run.out, project, as_of=dt.date(2024, 5, 31))
    assert [lookup(one, ["S00001"], **ASKED | {"on": one.as_of})["record"].tolist() for one in (run, later)] == [[1], [2]]
    assert [line["as_of"] for line in noted(later)] == ["2024-04-30", "2024-05-31"]


def test_own_draws_are_those_of_the_subject_alone(run, drawn):
    subject = DrawnPlan.from_folder(drawn).drawn["subject_id"].iloc[0]
    rows = lookup(run, [subject, "UNKNOWN"], **ASKED)
    ((own,), none) = rows["draws"]
    assert (own["subject_id"], own["task"], own["drawn"]) == (subject, "hygiene", True)
    assert none == []


def test_a_damaged_run_answers_nothing(run):
    run.file("tiers.parquet").write_bytes(b"x")
    with pytest.raises(DataError, match=r"tiers\.parquet"):
        lookup(run, ["S00001"], **ASKED)
    assert noted(run) == []


def test_feedback_is_noted_for_its_check(run):
    lookup(run, ["S00001"], **ASKED)
    feedback(run, 1, result=" 暂缓 ", by="某局", on=ON)
    line = noted(run)[-1]
    assert (line["what"], line["about"], line["result"], line["on"]) == ("used", 1, "暂缓", "2024-05-06")


@pytest.mark.parametrize("record", [0, 2, 3])
def test_feedback_on_no_check_is_refused(run, record):
    lookup(run, ["S00001"], **ASKED)
    feedback(run, 1, result="x", by="y", on=ON)
    with pytest.raises(DataError, match="expected the number of a credit check"):
        feedback(run, record, result="x", by="y", on=ON)


@pytest.mark.parametrize(("result", "by"), [(" ", "y"), ("x", "")])
def test_feedback_says_what_was_done_and_by_whom(run, result, by):
    lookup(run, ["S00001"], **ASKED)
    with pytest.raises(DataError, match="who did it"):
        feedback(run, 1, result=result, by=by, on=ON)


def test_an_explanation_has_the_subjects_own_points(run):
    subject = run.frame("scores")["subject_id"].iloc[0]
    explanation = explain(run, subject)
    assert (explanation.subject_id, explanation.points.score) == (subject, SCORE)


def test_an_unknown_subject_cannot_be_explained(run):
    with pytest.raises(DataError, match=r"explain: subject_id 'UNKNOWN': .*does not know it.*Check the code"):
        explain(run, "UNKNOWN")


def test_records_of_bodies_leave_market_subjects_out(project):
    kinds = ["government", "institution", "enterprise"]
    subjects = pa.table({"subject_id": ["G1", "I1", "E1"], "subject_type": kinds})
    listed = pd.DataFrame({"subject_id": ["E1", "G1", "I1", "G1"], "kind": "penalty"})
    records = SimpleNamespace(
        project=project, subjects_on=lambda day: subjects, listed=lambda kinds, day: pa.Table.from_pandas(listed)
    )
    assert records_of_bodies(records, as_of=ON)["subject_id"].tolist() == ["G1", "I1", "G1"]
