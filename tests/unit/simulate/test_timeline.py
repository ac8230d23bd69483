import pandas as pd


def versions(city):
    """Versions with the truth of their subject, clean codes only."""
    joined = city.data("subjects").merge(
        city.truth("subjects"), left_on="subject_id", right_on="written_id", suffixes=("", "_true")
    )
    return joined.sort_values(["subject_id", "valid_from"])


def test_no_subject_has_two_versions_of_one_day(lively):
    assert not lively.data("subjects").duplicated(["subject_id", "valid_from"]).any()


def test_a_suspended_subject_resumes_and_the_register_lags(lively):
    v = versions(lively)
    stopped = v[v["status"] == "停业"]
    begun = stopped[stopped["valid_from"] == stopped["suspended_date"]]
    assert len(begun) > 50
    back = v[(v["valid_from"] == v["resumed_date"]) & (v["status"] == "存续")]
    assert len(back) > 20
    assert (back["resumed_date"] > back["suspended_date"]).all()
    assert (v["known_date"] >= v["valid_from"]).all()
    assert (stopped["known_date"] > stopped["valid_from"]).mean() > 0.5


def test_nothing_happens_to_a_subject_while_it_is_suspended(lively):
    late = lively.truth("dirt").query("dirt in ('future_record', 'known_before_event')")["key"]
    truth = lively.truth("subjects").set_index("written_id").drop(columns="subject_id")
    for name in ("public_events", "self_declared"):
        events = lively.data(name)
        events = events[~events["event_id"].isin(late) & (events["kind"] != "supervision_check")]
        events = events[~events["kind"].str.startswith(("admin_penalty", "compulsory"))].join(truth, on="subject_id")
        inside = (events["event_date"] >= events["suspended_date"]) & ~(events["event_date"] >= events["resumed_date"])
        assert events["suspended_date"].notna().any()
        assert not inside.any()


def test_a_visit_to_a_suspended_subject_finds_it_closed(lively):
    truth = lively.truth("subjects").set_index("written_id").drop(columns="subject_id")
    visits = lively.data("inspections").join(truth, on="subject_id")
    open_again = (visits["event_date"] >= visits["resumed_date"]) | (visits["ended_date"] < visits["event_date"])
    shut = visits[(visits["event_date"] >= visits["suspended_date"]) & ~open_again]
    assert len(shut) > 5
    assert set(shut["outcome"]) == {"closed"}


def test_a_moved_subject_has_a_new_version_and_keeps_its_code(lively):
    v = versions(lively)
    moved = v[(v["valid_from"] == v["moved_date"])]
    assert len(moved) > 50
    assert (moved["region"] == moved["later_region"]).all()
    first = v[v["valid_from"] == v["registered_date_true"]]
    assert (first["region"] == first["region_true"]).all()


def test_a_changed_trade_is_visited_as_the_register_shows_it(lively):
    v = versions(lively)
    changed = v[v["valid_from"] == v["changed_date"]]
    assert len(changed) > 50
    assert (changed["industry"] == changed["later_industry"]).all()
    drawn = lively.data("inspections").dropna(subset=["stratum"])
    drawn = drawn.merge(
        changed[["subject_id", "known_date", "industry", "industry_true"]], on="subject_id", suffixes=("", "_shown")
    )
    begin = pd.PeriodIndex(drawn["task"].str[:6], freq="Q").start_time.date
    shown = drawn["industry"].where(drawn["known_date_shown"] < begin, drawn["industry_true"])
    assert (drawn["stratum"].str[2:] == shown).all()
    assert (shown == drawn["industry"]).any()
    assert (shown != drawn["industry"]).any()


def test_without_spells_a_subject_has_only_registration_and_end(lively_but):
    still = lively_but(suspensions=0.0, moves=0.0, trade_changes=0.0)
    assert set(still.data("subjects")["status"]) == {"存续", "注销", "吊销"}
    assert still.data("subjects").groupby("subject_id").size().max() == 2
    assert still.truth("subjects")[["moved_date", "changed_date", "suspended_date"]].isna().all(axis=None)
