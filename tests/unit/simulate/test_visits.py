import numpy as np
import pandas as pd
import pytest

from creditscore.simulate.kinds import KINDS
from creditscore.simulate.visits import OLD_CUTS


def test_special_industries_are_covered_in_full_once_a_year(lively):
    visits, frames = lively.data("inspections"), lively.data("frames")
    covered = visits[visits["trigger"] == "full_coverage"]
    assert set(covered["stratum"].str[2:]) == {"chemicals", "mining"}
    assert set(covered["task"].str[4:6]) == {"Q2"}
    whole = frames[frames["task"].isin(covered["task"]) & frames["stratum"].isin(covered["stratum"])]
    assert (whole["drawn"] == whole["population"]).all()
    assert len(covered) == whole["drawn"].sum()


def test_without_full_coverage_nobody_is_visited_for_it(lively_but):
    assert "full_coverage" not in set(lively_but(full_coverage=()).data("inspections")["trigger"])


def test_subjects_at_the_cap_are_not_drawn_again_that_year(lively_but):
    capped, free = lively_but(annual_cap=1), lively_but(annual_cap=None)

    def drawn_again(city):
        visits = city.data("inspections")
        year = visits["event_date"].map(lambda day: day.year)
        quarter = pd.PeriodIndex(pd.to_datetime(visits["event_date"]), freq="Q").quarter
        first = pd.Series(quarter, index=visits.index).groupby([visits["subject_id"], year]).transform("min")
        return int(((quarter > first) & visits["task"].notna()).sum())

    assert drawn_again(capped) == 0
    assert drawn_again(free) > 0
    assert capped.data("frames")["population"].sum() < free.data("frames")["population"].sum()


@pytest.mark.parametrize("sees", [True, False])
def test_the_old_tier_is_the_sum_of_points_known_that_day(lively_but, sees):
    city = lively_but(old_tier_sees_repaired=sees, dirt=False)
    points = {model.kind: model.old_points for model in KINDS if model.old_points}
    parts = [city.data(name) for name in ("public_events", "industry_events")]
    market = city.data("market_events").rename(
        columns={"记录号": "event_id", "统一社会信用代码": "subject_id", "入库日期": "known_date"}
    )
    words = {"被执行人": "judgment_debtor", "欠税": "tax_arrears", "拖欠工资": "wage_arrears"}
    market = market.assign(kind=market["类型"].map(words), valid_until=market["有效期至"])
    events = pd.concat([*parts, market])[["event_id", "subject_id", "kind", "known_date", "valid_until"]]
    events = events.assign(points=events["kind"].map(points)).dropna(subset=["points"])
    changes = city.data("changes")
    ends = changes[changes["change"].isin(["repaired", "withdrawn", "dispute_upheld"])]
    gone = ends.assign(day=np.maximum(ends["effective_date"], ends["known_date"])).groupby("event_id")["day"].min()
    events = events.assign(gone=events["event_id"].map(gone))
    risk = city.truth("risk").dropna(subset=["old_tier"])
    for day, tiers in risk.groupby("date"):
        # Eight quarters, counted in steps of 91 days before the first draw.
        starts = sorted(risk["date"].unique())
        known = events["known_date"] < day
        edge = [starts[0] - pd.Timedelta(days=91 * k) for k in range(8, 0, -1)] + starts
        oldest = edge[edge.index(day) - 8]
        counted = events[known & (events["known_date"] >= oldest)]
        if not sees:
            over = (counted["valid_until"] < day) | (counted["gone"] < day)
            counted = counted[~over.fillna(False).astype(bool)]
        total = tiers["subject_id"].map(counted.groupby("subject_id")["points"].sum()).fillna(0)
        expected = np.array(list("ABCD"))[np.searchsorted(OLD_CUTS, total, side="right")]
        assert (expected == tiers["old_tier"]).all()
