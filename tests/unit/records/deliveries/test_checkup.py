"""The catalogue: what it demands of a kind, its gate, its report, deadlines by the work calendar, and retention."""

import datetime as dt

import pytest
from support.cities import PROJECT
from support.deliveries import DAY, Delivery, csv_sources, event_line, findings, rows, text
from support.projects import feature, item, write_project

from creditscore.config.catalogue import CatalogueItem
from creditscore.config.project import load_project
from creditscore.config.work_calendar import CalendarYear, WorkCalendar
from creditscore.errors import ConfigError
from creditscore.features.guard import guard_features
from creditscore.records.deliveries.checkup import check_up
from creditscore.records.deliveries.coverage import catalogue_report, supplier_report
from creditscore.records.deliveries.publicity import late_reports, missing_decisions
from creditscore.simulate.kinds import KINDS

D = dt.date
DECISIONS = {"name": "register_of_decisions", "table": "decisions", "file": "decisions.csv", "format": "csv"}
HEAD = "decision_id,subject_id,kind,decision_date,document_no"
CALENDAR = {"year": [{"year": 2024, "basis": "国办发明电〔2023〕7号", "holidays": [D(2024, 10, 1), D(2024, 10, 2), D(2024, 10, 3), D(2024, 10, 4), D(2024, 10, 7)], "workdays": [D(2024, 9, 29), D(2024, 10, 12)]}]}  # fmt: skip


def published(kind="penalty", **more):
    return item(kind, double_publicity=True, deadline_working_days=7, **more)


# --- what a kind must say -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"double_publicity": True}, "double_publicity: needs deadline_working_days"),
        ({"publication_min_months": 12, "publication_max_months": 3}, "publication_min_months: at most publication_max_months, 3"),
        ({"publication": "everywhere"}, "published"),
        ({"retention_months": 0}, "greater than or equal to 1"),
        ({"purposes": ["lending"]}, "supervision"),
    ],
)
def test_a_kind_that_contradicts_itself_is_refused(tmp_path, wrong, said):
    with pytest.raises(ConfigError, match=said):
        write_project(tmp_path, catalogue={"item": [item("penalty", **wrong)]})


def test_the_example_has_every_kind_of_the_work_plan_by_name():
    kinds = load_project(PROJECT).catalogue.by_kind
    beyond = [
        "compulsory_enforcement",
        "administrative_confirmation",
        "administrative_ruling",
        "administrative_award",
        "supervision_check",
    ]
    declared = [
        "financial_report",
        "operating_results",
        "qualification_licence",
        "contract_performance_declared",
        "honour_award",
        "public_welfare",
    ]
    both = ["administrative_licence", "admin_penalty_minor", "admin_penalty_general", "admin_penalty_serious"]
    assert {kind for kind in kinds if kinds[kind].double_publicity} == set(both)
    assert all(kinds[kind].deadline_working_days == 7 for kind in both)
    assert all(kinds[kind].source == "public" and not kinds[kind].double_publicity for kind in beyond)
    assert all(kinds[kind].source == "self_declared" for kind in declared)
    assert all(one.legal_basis and one.provider and one.retention_months for one in kinds.values())


def test_the_simulated_city_has_records_of_exactly_the_example_kinds():
    assert {model.kind for model in KINDS} == set(load_project(PROJECT).catalogue.by_kind)


# --- the gate -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"legal_basis": ""}, 'expected items with a legal basis .got "penalty" without one'),
        ({"purposes": ["bidding"]}, 'expected items released for supervision .got "penalty", released for bidding'),
        ({"purposes": []}, "released for nothing"),
    ],
)
def test_a_kind_without_basis_or_release_feeds_no_feature(tmp_path, change, said):
    kinds = [{**item("penalty"), **change}, item("award")]
    delivery = Delivery(tmp_path, catalogue={"item": kinds}, features={"feature": [feature("penalties_24m", months=24)]})
    with pytest.raises(ConfigError, match=said):
        guard_features(delivery.project.features, delivery.project)
    delivery.events(event_line("E1"))
    told = findings(delivery.open(), "gate")
    assert told[["code", "rows", "level"]].values.tolist() == [["penalty", 1, "warning"]]


def test_a_kind_outside_the_catalogue_is_never_kept(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.events(event_line("E1", kind="petition"), event_line("E2"))
    records = delivery.open()
    assert [row["event_id"] for row in rows(records)] == ["E2"]
    assert records.rejects["code"].to_pylist() == ["OFF_CATALOGUE"]


# --- deadlines ------------------------------------------------------------------------------------------


def test_a_deadline_counts_make_up_days_and_skips_holidays():
    calendar = WorkCalendar.model_validate(CALENDAR)
    # From Friday 2024-09-27: Sunday the 29th and Saturday the 12th are worked, October 1-7 is not.
    assert calendar.deadline(D(2024, 9, 27), 7) == D(2024, 10, 12)
    assert calendar.deadlines(D(2024, 9, 27), 3, 7) == [
        calendar.deadline(D(2024, 9, 27) + dt.timedelta(days=n), 7) for n in range(3)
    ]
    assert not calendar.covers(D(2023, 1, 1))


@pytest.mark.parametrize(
    "wrong",
    [
        {"holidays": (D(2023, 5, 1),)},
        {"workdays": (D(2024, 5, 8),)},
        {"holidays": (D(2024, 10, 12),), "workdays": (D(2024, 10, 12),)},
    ],
)
def test_impossible_days_are_refused(wrong):
    with pytest.raises(ValueError, match="expected days of 2024"):
        CalendarYear(year=2024, basis="x", **wrong)


@pytest.fixture
def autumn(tmp_path):
    """Penalties decided on 2024-09-27 whose deadline is 2024-10-12, and the register of decisions."""
    delivery = Delivery(
        tmp_path,
        catalogue={"item": [published(polarity="negative", repair_class="general"), item("award")]},
        sources=csv_sources(others=[DECISIONS]),
        calendar=CALENDAR,
    )
    day = {"event_date": "2024-09-27"}
    delivery.events(
        event_line("E1", document_no="1号", known_date="2024-10-12", **day),
        event_line("E2", document_no="2号", known_date="2024-10-13", **day),
        event_line("E3", document_no="2号", known_date="2024-11-30", **day),  # told again by another: the first telling counts
    )
    lines = [f"D{n},S1,penalty,2024-09-27,{n}号" for n in (1, 2, 3)] + ["D4,S1,penalty,2024-10-11,4号"]
    delivery.file("decisions.csv", text(HEAD, lines))
    return delivery.open()


def test_late_is_after_the_seventh_workday_and_missing_never_came(autumn):
    assert late_reports(autumn, as_of="2024-10-12")["late"].tolist() == [0]
    assert late_reports(autumn, as_of="2024-10-13")["late"].tolist() == [1]
    assert missing_decisions(autumn, as_of="2024-10-12")["decision_id"].tolist() == []
    assert missing_decisions(autumn, as_of="2024-10-13")["decision_id"].tolist() == ["D3"]
    assert late_reports(autumn, as_of="2024-12-31").to_dict("records") == [
        {"kind": "penalty", "received": 2, "late": 1, "missing": 2}
    ]


def test_the_report_has_a_row_per_kind_with_what_was_expected(autumn):
    report = catalogue_report(autumn, as_of="2024-10-13").set_index("kind")
    penalty, award = report.loc["penalty"], report.loc["award"]
    assert (penalty["received"], penalty["expected"], penalty["missing"], penalty["late"], penalty["subjects"]) == (2, 3, 1, 1, 1)
    assert penalty["timely"] == pytest.approx(1 / 3)
    assert award["received"] == 0
    assert (penalty["polarity"], penalty["repair_class"]) == ("negative", "general")
    assert award[["expected", "missing", "timely"]].isna().all()


def test_late_and_missing_are_errors_of_the_check_up(autumn):
    for section in ("late", "missing"):
        assert findings(autumn, section, as_of=D(2024, 10, 13))[["code", "rows", "level"]].values.tolist() == [
            ["penalty", 1, "error"]
        ]


NO_NOTICE = "neither late nor in time: calendar.toml lacks the notice of the year of the deadline; add it as a [[year]]"


def test_a_deadline_in_a_year_without_a_notice_is_refused_by_name():
    calendar = WorkCalendar.model_validate(CALENDAR)
    said = (
        r"calendar\.toml: expected the notice of 2025, .*7 working days after 2024-12-27 .*got the years 2024\); add a \[\[year\]\]"
    )
    with pytest.raises(ConfigError, match=said):
        calendar.deadline(D(2024, 12, 27), 7)
    with pytest.raises(ConfigError, match="expected the notice of 2023"):
        calendar.deadline(D(2023, 12, 28), 7)
    assert calendar.deadline(D(2024, 12, 20), 7) == D(2024, 12, 31)
    assert calendar.deadlines(D(2024, 12, 19), 4, 7) == [D(2024, 12, 30), D(2024, 12, 31), D(2024, 12, 31), D(2024, 12, 31)]
    assert calendar.deadlines(D(2024, 12, 23), 1, 7) == [None]
    assert WorkCalendar().deadline(D(2024, 12, 27), 7) == D(2025, 1, 7)


@pytest.fixture
def winter(tmp_path):
    """Penalties decided on 2024-12-27, whose deadline lies in a year without a notice."""
    delivery = Delivery(
        tmp_path, catalogue={"item": [published(), item("award")]}, sources=csv_sources(others=[DECISIONS]), calendar=CALENDAR
    )
    day = {"event_date": "2024-12-27"}
    delivery.events(
        event_line("E1", document_no="1号", known_date="2025-01-03", **day),  # seven days: in time by any calendar
        event_line("E2", document_no="2号", known_date="2025-01-04", **day),
        event_line("E3", document_no="3号", known_date="2025-03-01", **day),
        event_line("E4", document_no="4号", event_date="2024-09-27", known_date="2024-11-01"),
    )
    delivery.file("decisions.csv", text(HEAD, [f"D{n},S1,penalty,2024-12-27,{n}号" for n in (1, 2, 5)]))
    return delivery.open()


def test_a_deadline_that_nobody_knows_is_neither_late_nor_missing_and_a_finding(winter):
    assert late_reports(winter, as_of="2025-06-30")[["received", "late", "missing"]].values.tolist() == [[4, 1, 0]]
    assert findings(winter, "calendar", as_of=D(2025, 6, 30))[["table", "rule", "rows", "examples", "level"]].values.tolist() == [
        ["events", NO_NOTICE, 2, "2025", "warning"], ["decisions", NO_NOTICE, 1, "2025", "warning"],
    ]  # fmt: skip
    assert "无法判定是否逾期：calendar.toml 缺少期限所在年份的放假通知" in check_up(winter, as_of="2025-06-30").to_text("zh")
    # One of the two that can be judged came in time.
    assert catalogue_report(winter, as_of="2025-06-30").set_index("kind").loc["penalty", "timely"] == pytest.approx(1 / 2)


def test_what_no_calendar_can_make_late_is_no_finding(winter):
    assert findings(winter, "calendar", as_of=D(2025, 1, 3)).empty


def test_the_years_before_the_first_notice_are_named(tmp_path):
    delivery = Delivery(tmp_path, catalogue={"item": [published()]}, calendar=CALENDAR)
    delivery.events(event_line("E1", event_date="2023-03-01", known_date="2023-03-20"), event_line("E2"))
    assert findings(delivery.open(), "calendar")["examples"].tolist() == ["2023"]


def test_without_any_calendar_weeks_are_plain_and_the_check_up_says_so(tmp_path):
    delivery = Delivery(tmp_path, catalogue={"item": [published()]})
    delivery.events(event_line("E1", event_date="2023-03-01", known_date="2023-03-20"))
    records = delivery.open()
    assert late_reports(records, as_of=D(2024, 4, 30))["late"].tolist() == [1]
    (line,) = findings(records, "calendar").to_dict("records")
    assert line["rule"].startswith("no calendar.toml: working days are counted by plain weeks")


def test_suppliers_are_listed_with_what_they_sent_wrong(tmp_path):
    delivery = Delivery(tmp_path, sources=csv_sources(events={"provider": "某局"}))
    delivery.events(event_line("E1"), event_line("E1"), event_line("E2", kind="gossip"))
    assert supplier_report(delivery.open()).to_dict("records") == [
        {"provider": "某局", "arrived": 3, "malformed": 1, "collapsed": 1}
    ]


def test_malformed_records_are_counted_under_their_kind(tmp_path):
    delivery = Delivery(tmp_path)
    delivery.events(event_line("E1"), event_line("E2", event_date="soon"), event_line("E3", "S9"), event_line("E4", kind="gossip"))
    records = delivery.open()
    assert catalogue_report(records, as_of=D(2024, 4, 30)).set_index("kind")["malformed"].to_dict()["penalty"] == 2
    assert findings(records, "malformed")[["code", "rows", "level"]].to_numpy().tolist() == [["penalty", 2, "warning"]]


# --- retention ------------------------------------------------------------------------------------------


def test_a_record_is_used_until_its_end_or_its_retention(tmp_path):
    delivery = Delivery(tmp_path, catalogue={"item": [item("penalty", retention_months=12), item("award")]})
    began = {"event_date": "2023-04-30", "known_date": "2023-04-30"}
    delivery.events(
        event_line("E1", **began), event_line("E2", valid_until="2023-12-31", **began), event_line("E3", valid_until="2030-01-01", **began),
        event_line("E4", "S1", "award", **began),
    )  # fmt: skip
    records = delivery.open()

    def used(day):
        return records.listed(["penalty", "award"], day)["event_id"].to_pylist()

    assert used(D(2023, 12, 31)) == ["E1", "E2", "E3", "E4"]
    assert used(D(2024, 4, 29)) == ["E1", "E3", "E4"]
    assert used(DAY) == ["E4"]
    told = findings(records, "expired")
    assert told[["rows", "level"]].values.tolist() == [[3, "note"]]


def test_every_item_of_the_example_is_fully_specified():
    for one in load_project(PROJECT).catalogue.item:
        assert isinstance(one, CatalogueItem)
        assert one.may_serve("supervision")
        assert not one.may_serve("financing")
