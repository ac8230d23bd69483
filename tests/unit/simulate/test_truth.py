from pathlib import Path

import pandas as pd

from creditscore.config.project import load_project

CONFIG = Path(__file__).parents[3] / "configs" / "yongzhou"


def test_weighted_visit_outcomes_match_the_truth_of_everyone(lively):
    risk = lively.truth("risk")
    assert set(risk["outcome"]) == {"none", "violation", "not_found", "closed", "refused"}
    entered = risk["outcome"].isin(["none", "violation"])
    assert (risk.loc[entered, "violation"] == (risk.loc[entered, "outcome"] == "violation")).all()
    drawn = lively.data("inspections").query("trigger == 'random' and mode == 'on_site'")
    # Draws leave out whom the register shows as closed.
    drawn, everyone = drawn[drawn["outcome"] != "closed"], risk[risk["outcome"] != "closed"]
    weight = 1 / drawn["inclusion_probability"]
    for outcome in ("none", "violation", "not_found"):
        share = (weight * (drawn["outcome"] == outcome)).sum() / weight.sum()
        assert abs(share - (everyone["outcome"] == outcome).mean()) < 0.025


def test_those_who_are_not_found_are_the_riskier(lively):
    risk = lively.truth("risk")
    entered = risk["outcome"].isin(["none", "violation"])
    assert risk.loc[~entered, "risk_ppm"].mean() > 1.15 * risk.loc[entered, "risk_ppm"].mean()


def test_the_truths_inspectors_are_staff_of_mean_strictness(lively):
    risk = lively.truth("risk").head(500)
    strictness = lively.truth("inspectors").set_index("staff_id")["strictness"]
    pair = risk["inspectors"].str.split(";", expand=True)
    mean = (pair[0].map(strictness) + pair[1].map(strictness)) // 2
    assert (mean == risk["strictness"]).all()


def test_late_publicity_is_exactly_what_misses_the_deadline(lively):
    project = load_project(CONFIG)
    late = set(lively.truth("dirt").query("dirt == 'late_publicity'")["key"])
    events = lively.data("public_events").drop_duplicates("event_id")
    items = project.catalogue.by_kind
    events = events[events["kind"].map(lambda kind: items[kind].double_publicity) & ~events["provider"].str.contains("平台|热线")]
    events = events[events["event_date"] <= lively.parameters.end]
    deadline = events["event_date"].map(lambda day: project.calendar.deadline(day, 7))
    assert len(late) > 50
    assert set(events.loc[events["known_date"] > deadline, "event_id"]) == late & set(events["event_id"])


def test_dates_of_the_odd_form_and_hostile_names_are_listed(lively):
    dirt = lively.truth("dirt").groupby("dirt")["key"].agg(set)
    sent = pd.read_csv(lively.city.data / "market_complaints.csv", encoding="gb18030", dtype="str")
    assert set(sent.loc[sent["登记日期"].str.contains("年"), "工单号"]) == dirt["mixed_date"]
    names = lively.data("subjects").drop_duplicates("subject_id").set_index("subject_id")["name"]
    assert set(names[names.str.startswith(("=", "<", "@", "+"))].index) == dirt["hostile_name"]
    assert dirt["gb18030_file"] == {"market_complaints.csv"}


def test_each_kind_of_dirt_can_be_switched_off_alone(lively, lively_but):
    kinds = {
        "duplicate_rows": {"duplicate_row"}, "wrong_check_digits": {"wrong_check_digit"}, "old_numbers": {"old_number"},
        "full_width": {"full_width"}, "mixed_dates": {"mixed_date"}, "told_thrice": {"told_again"},
        "future_records": {"future_record", "known_before_event"}, "missing_publicity": {"missing_publicity"},
        "publicity_mismatches": {"still_published", "not_published"}, "hostile_names": {"hostile_name"},
        "late_publicity": {"late_publicity"},
    }  # fmt: skip
    everything = set(lively.truth("dirt")["dirt"])
    assert set().union(*kinds.values()) | {"gb18030_file"} == everything
    for switch, planted in kinds.items():
        assert set(lively_but(**{switch: 0.0}).truth("dirt")["dirt"]) == everything - planted


def test_without_gb18030_the_hotline_sends_utf8(lively_but):
    city = lively_but(gb18030=False)
    assert "工单号" in (city.city.data / "market_complaints.csv").read_text("utf-8")
    assert "gb18030_file" not in set(city.truth("dirt")["dirt"])


def test_government_bodies_owe_money_and_have_no_risk(lively):
    subjects = lively.truth("subjects").set_index("written_id")["subject_type"]
    debts = lively.data("market_events")
    bodies = debts["统一社会信用代码"].map(subjects).isin(["government", "institution"])
    assert set(debts.loc[bodies, "类型"]) == {"逾期付款", "被执行人"}
    assert set(lively.truth("risk")["subject_id"].map(subjects)) == {"enterprise", "individual_business", "co_operative"}
