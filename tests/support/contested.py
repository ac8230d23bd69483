"""A project whose tiers rest on visits and on a grade, and the commands of objections: for tests from the command line."""

import datetime as dt

import pandas as pd
from support.cards import card, number
from support.command import creditscore
from support.deliveries import Delivery, csv_sources, event_line, subject_line, text
from support.nights import night
from support.projects import feature

from creditscore.models.scorecard import Baseline
from creditscore.pipeline.score import POOLED
from creditscore.pipeline.signed_cards import sign_cards

#: A firm in whose visit a violation was found, one with a bad grade, one with an old visit, and one with nothing.
VISITED, GRADED, LONG_AGO, CLEAN = "S1", "S2", "S3", "S4"
FEATURES = [
    feature("penalties_24m", months=24, trend="higher_is_riskier"),
    {
        **feature("found_36m", aggregate="finding_ratio", months=36, prior=1, inspector_prior=1, trend="higher_is_riskier", unit="ppm"),
        "kind": [], "empty": 1_000_000,
    },
]  # fmt: skip
OVERRIDES = [
    {"scheme": "national", "grade": "差", "tier": "C", "basis": "某通知"},
    {"kind": "abnormal_list", "tier": "C", "basis": "某规定"},
]
DEADLINE = [
    {"against": ["record", "visit", "rating"], "effective": dt.date(2020, 1, 1), "working_days": 3, "basis": "某条例 第50条"},
    {"against": ["tier", "draw"], "effective": dt.date(2020, 1, 1), "working_days": 7, "basis": "某条例 第51条"},
]
VISITS = "inspection_id,subject_id,event_date,known_date,trigger,mode,outcome,severity,department"
RATINGS = "subject_id,scheme,grade,event_date,known_date"
#: What is said of every objection of these tests.
SAID = ("--applicant", "李某", "--by", "张三", "--on", "2024-05-06", "--grounds", "与事实不符")


def place_of(folder):
    """The project and its delivery, with a night of 30 April 2024 in ``folder/out``."""
    others = [{"name": name, "table": name, "file": f"{name}.csv", "format": "csv"} for name in ("inspections", "ratings")]
    delivery = Delivery(
        folder, sources=csv_sources(others=others), features={"feature": FEATURES}, policy={"override": OVERRIDES},
        objections={"deadline": DEADLINE},
    )  # fmt: skip
    crowd = [f"S{number:02d}" for number in range(10, 40)]
    delivery.subjects(*(subject_line(one) for one in (VISITED, GRADED, LONG_AGO, CLEAN, *crowd)))
    delivery.events(event_line("E1", CLEAN, "penalty", document_no="D1", event_date="2019-01-01", known_date="2019-01-02"))
    visits = [_visit("V1", VISITED, "2024-02-01", "violation"), _visit("V3", LONG_AGO, "2020-02-01", "violation")]
    visits += [_visit(f"V{one}", one, "2023-02-01", "none") for one in crowd]
    delivery.file("inspections.csv", text(VISITS, visits))
    ratings = [f"{GRADED},national,中,2022-03-01,2022-03-02", f"{GRADED},national,差,2024-03-01,2024-03-02"]
    delivery.file("ratings.csv", text(RATINGS, ratings))
    _sign(delivery)
    done = night(delivery, folder / "out")
    assert done.code == 0, done.err
    return folder


def _visit(name, subject_id, day, outcome):
    severity = "5" if outcome == "violation" else ""
    return f"{name},{subject_id},{day},{day},random,on_site,{outcome},{severity},市场监管局"


def _sign(delivery):
    """A card on which a visit that found a violation costs the firm tier A."""
    characteristics = (number("penalties_24m", (1,), (0, -20)), number("found_36m", (1_400_000,), (70, 5)))
    near = Baseline(name="population", points={"penalties_24m": 0, "found_36m": 60})
    signed = card(name=POOLED, industry=POOLED, characteristics=characteristics, baselines=(near,))
    folder = delivery.project.folder / "cards"
    folder.mkdir(exist_ok=True)
    (folder / f"{POOLED}.json").write_text(signed.to_json(), "utf-8")
    sign_cards(delivery.project, signed_by="the head of the office", on=dt.date(2024, 1, 2))


def file(place, subject_id, *words, said=SAID):
    """``creditscore objection file``."""
    return creditscore("objection", "file", place / "project", subject_id, "--out", place / "out", *said, *words, "--lang", "en")


def decide(place, number, outcome, by="李四", on="2024-05-08"):
    """``creditscore objection decide``; a withdrawn one by a document of the day of the answer."""
    words = ("--outcome", outcome, "--reason", "已核实", "--by", by, "--on", on, "--lang", "en")
    withdrawn = ("--withdrawal", "撤回申请〔2024〕1号", "--withdrawal-date", on) if outcome == "withdrawn" else ()
    return creditscore("objection", "decide", place / "out", number, *words, *withdrawn)


def listed(place, on, *words):
    """The rows of ``creditscore objection list`` on a day."""
    return creditscore("objection", "list", place / "out", "--on", on, *words, "--json").json["rows"]


def tiers(place, day):
    """A night of a day, and the tiers of its run by subject."""
    done = creditscore("run", place / "project", "--data", place / "data", "--as-of", day, "--out", place / "out")
    assert done.code == 0, done.err
    return tiers_of(place, day)


def tiers_of(place, day):
    """The tiers of a run by subject."""
    return pd.read_parquet(place / "out" / day / "tiers.parquet").set_index("subject_id")
