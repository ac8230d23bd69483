"""Which rows train: no row of what nobody could know, none of a time that the data do not tell of."""

import datetime as dt

import pytest
from support.projects import documents, event, feature, item, label, subject, write_project, write_tables

from creditscore.engine import Engine
from creditscore.errors import ConfigError, DataError
from creditscore.features.build import build_features
from creditscore.features.training_rows import training_rows
from creditscore.records.records import open_records

D = dt.date
REGISTER = {"type": "register", "name": "late", "label": label("x"), "kind": ["penalty"], "months": 12, "lag_days": 30}
INSPECTION = {"type": "inspection", "name": "violation", "label": label("x")}
NEWEST = event("newest", "S3", "award", D(2024, 6, 30))


def opened(tmp_path, *, register=None, subjects=None, **tables):
    targets = {"target": [INSPECTION, {**REGISTER, **(register or {})}]}
    project = write_project(tmp_path / "project", targets=targets)
    subjects = subjects or [subject(f"S{place}") for place in range(4)]
    return open_records(Engine.duckdb(), project, data=write_tables(tmp_path / "data", subjects=subjects, **tables))


def register_rows(records, until="2024-06-30"):
    return training_rows(records, records.project.targets["late"], until=until)


def test_without_visits_there_are_no_rows_and_the_message_says_so(tmp_path):
    records = opened(tmp_path)
    with pytest.raises(DataError, match="no visit or record at all"):
        training_rows(records, records.project.targets["violation"], until="2024-01-01")
    with pytest.raises(DataError, match="no visit or record at all"):
        register_rows(records)


def test_an_invalid_target_is_refused(tmp_path):
    records = opened(tmp_path)
    for wrong in ("violation", None):
        with pytest.raises(ConfigError, match=r"project\.targets, which has violation, late"):
            training_rows(records, wrong, until="2024-01-01")


def test_one_very_old_record_adds_no_row_before_the_first_subject(tmp_path):
    records = opened(tmp_path, events=[event("old", "S1", "award", D(1900, 1, 1)), NEWEST])
    days = set(register_rows(records).frame["as_of"])
    assert min(days) > D(2015, 1, 1)
    assert len(days) == 9


def test_days_on_which_nobody_was_in_scope_give_no_row(tmp_path):
    one = subject("S1", registered_date=D(2020, 1, 1))
    records = opened(
        tmp_path, subjects=[one], events=[event("old", "S1", "award", D(2015, 2, 1)), event("new", "S1", "award", D(2024, 6, 30))]
    )
    assert min(register_rows(records).frame["as_of"]) > D(2020, 1, 1)


def test_a_label_window_ends_by_the_newest_day_of_the_data(tmp_path):
    told = [
        event("old", "S0", "award", D(2018, 1, 1)),
        event("e", "S1", "penalty", D(2022, 5, 1)),
        event("f", "S2", "award", D(2022, 12, 31)),
    ]
    records = opened(tmp_path, events=told)
    for until in ("2023-01-30", "2024-06-30", "2030-01-01"):
        assert max(register_rows(records, until).frame["as_of"]) == D(2021, 12, 31)


def test_a_day_before_the_work_calendar_is_not_an_error(tmp_path):
    records = opened(tmp_path, events=[NEWEST])
    with pytest.raises(DataError, match="expected labelled rows"):
        register_rows(records, "0001-06-01")


@pytest.mark.parametrize(("observed", "left"), [(3, {"S1"}), (6, {"S1", "S2"}), (24, {"S1", "S2", "S3"})])
def test_a_subject_that_leaves_early_is_left_out_and_counted(tmp_path, observed, left):
    old, as_of = event("old", "S0", "award", D(2022, 1, 1)), D(2023, 5, 31)
    leaves = {"S1": D(2023, 8, 31), "S2": D(2023, 11, 30), "S3": D(2024, 5, 31), "S4": D(2024, 6, 1)}
    versions = [subject(f"S{place}") for place in range(5)]
    versions += [
        subject(who, valid_from=day, known_date=day, status="deregistered", deregistered_date=day) for who, day in leaves.items()
    ]
    records = opened(
        tmp_path, subjects=versions, events=[old, NEWEST | {"subject_id": "S0"}], register={"observed_months": observed}
    )
    rows = register_rows(records)
    last = rows.frame[rows.frame["as_of"] == as_of]
    assert set(last["subject_id"]) == {f"S{place}" for place in range(5)} - left
    assert rows.dropped["rows"].sum() == len(left)


def test_later_knowledge_about_a_subject_does_not_change_training(tmp_path):
    later = subject(
        "S1", valid_from=D(2023, 7, 1), known_date=D(2025, 1, 1), status="deregistered", deregistered_date=D(2023, 7, 1)
    )
    versions = [*(subject(f"S{place}") for place in range(4)), later]
    old = event("old", "S0", "award", D(2022, 1, 1))
    records = opened(tmp_path, subjects=versions, events=[old, NEWEST])
    rows = register_rows(records).frame
    assert "S1" in set(rows.loc[rows["as_of"] == rows["as_of"].max(), "subject_id"])


def test_a_register_target_over_findings_is_always_refused(tmp_path):
    given = documents()["catalogue"]["item"]
    project = write_project(
        tmp_path / "project", targets={"target": [INSPECTION, {**REGISTER, "kind": ["visit_penalty"]}]},
        catalogue={"item": [*given, item("unused")]},
    )  # fmt: skip
    records = open_records(Engine.duckdb(), project, data=write_tables(tmp_path / "data", subjects=[subject("S1")]))
    with pytest.raises(ConfigError, match="known of visited subjects only"):
        register_rows(records)
    with pytest.raises(ConfigError, match="known of visited subjects only"):
        build_features(records, {"subject_id": ["S1"], "as_of": ["2024-01-01"]}, project.features)


def draw(place, p, outcome, **more):
    day = D(2024, 3, 1)
    return {
        "inspection_id": f"I{place}", "subject_id": f"S{place}", "event_date": day, "known_date": day, "trigger": "random", "task": "t",
        "stratum": "t|A|x", "inclusion_probability": p, "mode": "on_site", "outcome": outcome, "department": "d", "inspectors": "Z1", **more,
    }  # fmt: skip


def test_a_cap_on_the_weights_reports_its_bias(tmp_path):
    visits = [draw(0, 0.01, "violation"), draw(1, 0.5, "none"), draw(2, 0.5, "none"), draw(3, 0.5, "violation")]
    records = opened(tmp_path, inspections=visits)
    target = records.project.targets["violation"]
    assert training_rows(records, target, until="2024-06-30").cap is None
    rows = training_rows(records, target.model_copy(update={"weight_cap": 1.5}), until="2024-06-30")
    # Weights 100, 2, 2, 2 with mean 26.5: the first is cut to 39.75.
    assert sorted(rows.weight) == [2, 2, 2, 39.75]
    assert rows.cap.cut == 1
    assert rows.cap.bad_share_uncapped == pytest.approx(102 / 106)
    assert rows.cap.bad_share == pytest.approx(41.75 / 45.75)
    assert rows.cap.bias == pytest.approx(41.75 / 45.75 - 102 / 106)
    assert rows.cap.effective_size > rows.cap.effective_size_uncapped


# Visits for cause that may train the ranking.
HEARD = D(2024, 2, 20)


def for_cause(place, day, outcome="violation", **more):
    return draw(
        place, None, outcome, event_date=day, known_date=day, trigger="complaint", task=None, stratum=None, **more
    )  # fmt: skip


def ranking(tmp_path, *, target=None, until="2024-06-30", **tables):
    """Training rows of a target that ranks with complaint visits, by inspection day."""
    items = [one | ({"sets_off": ["complaint"]} if one["kind"] == "complaint" else {}) for one in documents()["catalogue"]["item"]]
    count = feature("complaints", kind="complaint", source="market", months=24)
    project = write_project(
        tmp_path / "project",
        catalogue={"item": items},
        features={"feature": [count]},
        targets={"target": [INSPECTION | {"rank_with": ["complaint"]} | (target or {})]},
    )
    subjects = [subject(f"S{place}") for place in range(5)]
    records = open_records(Engine.duckdb(), project, data=write_tables(tmp_path / "data", subjects=subjects, **tables))
    return records, training_rows(records, project.targets["violation"], until=until)


def test_a_visit_for_cause_is_learnt_from_as_of_the_day_before_its_record_was_known(tmp_path):
    records, rows = ranking(
        tmp_path,
        events=[event("e", "S1", "complaint", D(2024, 2, 1), HEARD)],
        inspections=[draw(0, 0.5, "none"), for_cause(1, D(2024, 3, 5))],
    )
    assert rows.frame["ranking_only"].tolist() == [True, False]
    assert rows.frame["as_of"].tolist() == [HEARD - dt.timedelta(days=1), D(2024, 2, 29)]
    assert rows.y.tolist() == [1, 0]
    assert rows.weight.isna().tolist() == [True, False]
    assert rows.drawn.frame["subject_id"].tolist() == ["S0"]
    assert rows.ranking_only.index.equals(rows.y.index)
    # What set the visit off is no feature of it.
    assert build_features(records, rows, records.project.features)["complaints"].tolist() == [0, 0]


def test_no_earlier_telling_of_the_incident_counts_whoever_sent_it_and_of_whatever_kind(tmp_path):
    tellings = [
        event("late", "S1", "complaint", D(2024, 1, 5), HEARD, incident_id="X1", provider="hotline"),
        event("early", "S1", "complaint", D(2024, 1, 5), D(2024, 1, 20), incident_id="X1", provider="platform"),
        event("other kind", "S1", "contract", D(2024, 1, 5), D(2024, 1, 10), document_no="X1"),
        event("by document", "S1", "contract", D(2024, 1, 5), D(2024, 1, 15), incident_id="Y", document_no="no 7"),
        event("another firm's", "S2", "complaint", D(2024, 1, 1), D(2024, 1, 2), incident_id="X1"),
        event("another matter", "S1", "complaint", D(2023, 6, 1), D(2023, 6, 2), incident_id="Z"),
    ]
    visits = [draw(0, 0.5, "none"), for_cause(1, D(2024, 3, 5))]
    records, rows = ranking(tmp_path, events=tellings, inspections=visits)
    assert rows.frame.loc[rows.frame["ranking_only"], "as_of"].tolist() == [D(2024, 1, 9)]
    # The matter of the year before is history, and counts.
    assert build_features(records, rows, records.project.features)["complaints"].tolist() == [1, 0]


def test_the_newest_record_since_the_visit_before_set_a_visit_off(tmp_path):
    complaints = [
        event("older", "S1", "complaint", D(2024, 1, 1)),
        event("newest", "S1", "complaint", D(2024, 2, 1)),
        event("later", "S1", "complaint", D(2024, 3, 6)),
        event("before the visit before", "S2", "complaint", D(2024, 1, 1)),
        event("no reason to come", "S3", "penalty", D(2024, 2, 1)),
    ]
    visits = [draw(0, 0.5, "none"), for_cause(1, D(2024, 3, 5)), for_cause(2, D(2024, 4, 1)), for_cause(3, D(2024, 3, 5))]
    visits.append(draw("2 drawn", 0.5, "none", subject_id="S2", event_date=D(2024, 3, 1)))
    _, rows = ranking(tmp_path, events=complaints, inspections=visits)
    chosen = rows.frame[rows.frame["ranking_only"]]
    assert chosen["subject_id"].tolist() == ["S1"]
    assert chosen["as_of"].tolist() == [D(2024, 1, 31)]
    dropped = dict(zip(rows.dropped["reason"], rows.dropped["rows"], strict=True))
    assert dropped == {"no record that set off the visit": 2}


def test_a_visit_that_names_its_case_is_linked_to_it(tmp_path):
    complaints = [
        event("case", "S1", "complaint", D(2024, 1, 3), incident_id="C-7"),
        event("newest", "S1", "complaint", D(2024, 2, 1), incident_id="C-8"),
    ]
    _, rows = ranking(
        tmp_path, events=complaints, inspections=[draw(0, 0.5, "none"), for_cause(1, D(2024, 3, 5)) | {"task": "C-7"}]
    )
    assert rows.frame.loc[rows.frame["ranking_only"], "as_of"].tolist() == [D(2024, 1, 2)]


@pytest.mark.parametrize("left_out", [{"mode": "off_site"}, {"outcome": "closed"}, {"known_date": D(2024, 7, 1)}])
def test_mode_outcome_and_day_of_training_hold_for_visits_for_cause_too(tmp_path, left_out):
    events = [event("e", "S1", "complaint", HEARD)]
    visits = [draw(0, 0.5, "none"), for_cause(1, D(2024, 3, 5)) | left_out]
    _, rows = ranking(tmp_path, events=events, inspections=visits)
    assert rows.frame["ranking_only"].tolist() == [False]


def test_visits_for_cause_move_no_weight_and_no_effect_of_a_cap(tmp_path):
    drawn = [draw(0, 0.01, "violation"), draw(2, 0.5, "none"), draw(3, 0.5, "none"), draw(4, 0.5, "violation")]
    events = [event("e", "S1", "complaint", HEARD)]
    found = []
    for name, visits in (("without", drawn), ("with", [*drawn, for_cause(1, D(2024, 3, 5))])):
        _, rows = ranking(tmp_path / name, target={"weight_cap": 1.5}, events=events, inspections=visits)
        found.append((rows.cap, sorted(rows.drawn.weight)))
    assert len(rows.frame) == 5
    assert found[0] == found[1]


def test_visits_for_cause_alone_are_nothing_to_train_on(tmp_path):
    with pytest.raises(DataError, match="expected labelled rows"):
        ranking(tmp_path, events=[event("e", "S1", "complaint", HEARD)], inspections=[for_cause(1, D(2024, 3, 5))])


def test_without_rank_with_visits_for_cause_are_left_out_as_ever(tmp_path):
    events = [event("e", "S1", "complaint", HEARD)]
    _, rows = ranking(
        tmp_path, target={"rank_with": []}, events=events, inspections=[draw(0, 0.5, "none"), for_cause(1, D(2024, 3, 5))]
    )
    assert rows.frame["subject_id"].tolist() == ["S0"]
    assert not rows.ranking_only.any()
    assert dict(zip(rows.dropped["reason"], rows.dropped["rows"], strict=True)) == {"not drawn at random": 1}
