"""The rectification list: new codes and stock, deadlines, the share put right; and reconciliation of two publicity systems."""

import datetime as dt

import pandas as pd
import pyarrow as pa
import pytest
from support.deliveries import DAY, Delivery, csv_sources, event_line, findings, subject_line, text, valid_codes
from support.projects import item

from creditscore.errors import DataError
from creditscore.records.deliveries.checkup import check_up
from creditscore.records.deliveries.drift import Earlier
from creditscore.records.deliveries.publicity import reconcile_publicity
from creditscore.records.deliveries.rectification import rectification_list, rectification_table, share_fixed

D = dt.date
GOOD, *MORE = valid_codes(8)
PLAN = {"id_scheme": "uscc", "new_since": D(2024, 1, 1), "rectify_by": D(2024, 6, 30)}


def register(tmp_path, *lines, **top):
    delivery = Delivery(tmp_path, sources=csv_sources(**{**PLAN, **top}))
    delivery.subjects(subject_line(GOOD), *lines)
    return delivery


OLD_WRONG = subject_line("431103600012345", "旧店")
NEW_WRONG = subject_line(
    f"{MORE[0][:17]}{'0' if MORE[0][17] != '0' else '1'}", "新店", registered_date="2024-02-01", valid_from="2024-02-01"
)


def test_the_stock_has_a_deadline_and_new_codes_have_none(tmp_path):
    listed = rectification_list(register(tmp_path, OLD_WRONG, NEW_WRONG).open(), as_of=DAY)
    told = listed[["age", "reason", "deadline", "overdue", "status"]].values.tolist()
    assert told == [["new", "ID_CHECK_DIGIT", None, True, "open"], ["stock", "ID_OLD_NUMBER", D(2024, 6, 30), False, "open"]]
    assert listed["reason_zh"].tolist() == ["代码校验不符", "15位旧注册号"]
    assert rectification_list(register(tmp_path / "later", OLD_WRONG).open(), as_of="2024-07-01")["overdue"].tolist() == [True]


def test_a_wrong_code_is_an_error_if_new_and_a_warning_if_old(tmp_path):
    told = findings(register(tmp_path, OLD_WRONG, NEW_WRONG).open(), "identity")
    assert told[["code", "level"]].values.tolist() == [["ID_CHECK_DIGIT", "error"], ["ID_OLD_NUMBER", "warning"]]


def test_a_project_may_refuse_wrong_codes_of_new_subjects(tmp_path):
    assert register(tmp_path / "stock", OLD_WRONG, new_errors="refuse").open()
    with pytest.raises(
        DataError,
        match=r"subjects: expected no wrong code among those registered since 2024-01-01 .got 1: a check character that does not fit .1.",
    ):
        register(tmp_path / "new", NEW_WRONG, new_errors="refuse").open()


def test_a_corrected_code_counts_as_fixed_and_the_share_is_shown(tmp_path):
    before = rectification_list(register(tmp_path / "one", OLD_WRONG, subject_line("1234", "另店")).open(), as_of=DAY)
    assert share_fixed(before) == 0.0
    records = register(tmp_path / "two", subject_line(MORE[1], "旧店"), subject_line("1234", "另店")).open()
    after = rectification_list(records, as_of=DAY, before=before)
    assert after.set_index("subject_id")["status"].to_dict() == {"431103600012345": "fixed", "1234": "open"}
    assert share_fixed(after) == 0.5
    told = check_up(records, as_of=DAY, earlier=Earlier(before)).table()
    assert told[told["code"] == "FIXED"]["rule"].tolist() == ["put right, 50.0% of the stock"]
    again = rectification_table(after).to_pandas(date_as_object=True)
    pd.testing.assert_frame_equal(rectification_list(records, as_of=DAY, before=again), after, check_dtype=False)


def test_an_empty_list_has_no_share(tmp_path):
    listed = rectification_list(register(tmp_path).open(), as_of=DAY)
    assert listed.empty
    assert share_fixed(listed) is None
    assert isinstance(rectification_table(listed), pa.Table)


# --- two publicity systems ------------------------------------------------------------------------------

PUBLICITY = {"name": "other_system", "table": "publicity", "file": "publicity.csv", "format": "csv"}
CHANGES = {"name": "changes", "table": "changes", "file": "changes.csv", "format": "csv"}


def two_systems(tmp_path, shown, changes=(), *events):
    kinds = [item("penalty", publication="published"), item("award", publication="published"), item("complaint", "market")]
    delivery = Delivery(tmp_path, catalogue={"item": kinds}, sources=csv_sources(others=[PUBLICITY, CHANGES]))
    delivery.events(*events)
    delivery.file("publicity.csv", text("document_no,subject_id,kind", [f"{document},S1,penalty" for document in shown]))
    delivery.file("changes.csv", text("event_id,change,effective_date,known_date", list(changes)))
    found = reconcile_publicity(delivery.open(), as_of=DAY)
    return list(zip(found["mismatch"], found["document_no"], strict=True))


def penalty(number, **more):
    return event_line(f"E{number}", document_no=f"{number}号", **more)


def test_systems_that_agree_have_no_mismatch(tmp_path):
    assert two_systems(tmp_path, ["1号"], (), penalty(1)) == []


@pytest.mark.parametrize("change", ["repaired", "withdrawn", "dispute_upheld"])
def test_an_ended_record_must_not_be_shown(tmp_path, change):
    changes = [f"E1,{change},2024-04-01,2024-04-02"]
    assert two_systems(tmp_path, ["1号"], changes, penalty(1)) == [("still_published", "1号")]
    assert two_systems(tmp_path / "gone", ["2号"], changes, penalty(1), penalty(2)) == []


def test_after_its_end_a_record_is_unpublished_on_its_last_day_either(tmp_path):
    assert two_systems(tmp_path, ["1号"], (), penalty(1, valid_until="2024-04-29")) == [("still_published", "1号")]
    for shown in (["1号", "2号"], ["2号"]):
        assert two_systems(tmp_path / str(len(shown)), shown, (), penalty(1, valid_until="2024-04-30"), penalty(2)) == []


def test_a_valid_record_must_be_shown_even_under_dispute(tmp_path):
    disputed = ["E1,disputed,2024-04-01,2024-04-01"]
    assert two_systems(tmp_path, ["2号"], disputed, penalty(1), penalty(2)) == [("not_published", "1号")]


def test_a_shown_record_that_was_never_delivered_is_reported(tmp_path):
    assert two_systems(tmp_path, ["1号", "9号"], (), penalty(1)) == [("unknown_here", "9号")]


def test_kinds_that_the_extract_does_not_carry_are_not_compared(tmp_path):
    assert two_systems(tmp_path, ["1号"], (), penalty(1), event_line("E2", kind="award", document_no="2号")) == []


def test_a_repeated_incident_is_shown_when_one_record_of_it_is(tmp_path):
    told = [event_line("E1", document_no="1号"), event_line("E2", document_no="1号", known_date="2024-02-01")]
    assert two_systems(tmp_path, ["1号"], (), *told) == []
