import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from creditscore.config.policy import InspectionRule, InspectionRules, Measure, Override, TierPolicy, TierRule
from creditscore.config.scorecards import Scaling
from creditscore.config.spec import Label
from creditscore.config.tasks import Task
from creditscore.models import scoring
from creditscore.models.scorecard import Attribute, Baseline, Characteristic, Scorecard
from creditscore.reporting.run_book import Figure, PlanPage, RowCounts, RunBook

DAY = dt.date(2024, 4, 30)
INDUSTRIES = {"food_service": "餐饮服务", "hotel": "住宿", "retail": "零售"}


def bins(*points, missing=0):
    edges = [None, *range(1, len(points)), None]
    made = [
        Attribute(
            kind="interval",
            lower=edges[at],
            upper=edges[at + 1],
            label=f"[{edges[at] if edges[at] is not None else '-inf'}, {edges[at + 1] if edges[at + 1] is not None else 'inf'})",
            rows=900 // (at + 1),
            weight=0.9 / len(points),
            bad_rate=0.01 * (at + 1),
            woe=0.3 - 0.2 * at,
            points=value,
        )
        for at, value in enumerate(points)
    ]
    return (
        *made,
        Attribute(kind="missing", label="Missing", rows=30, weight=0.1, bad_rate=0.03, woe=0.0, points=missing, neutral=True),
    )


def card_of(industry, constant=560):
    parts = [
        ("penalties_24m", "近24个月行政处罚次数", "Penalties, last 24 months", "public", bins(20, -5, -30)),
        ("wage_arrears_24m", "近24个月拖欠工资次数", "Wage arrears, last 24 months", "market", bins(12, -18)),
        ("late_reports", "年报迟报次数", "Late annual reports", "industry", bins(8, 0, -12)),
    ]
    features = tuple(
        Characteristic(
            name=name,
            label=Label(zh=zh, en=en),
            source=source,
            unit="records",
            kind="number",
            trend="higher_is_riskier",
            coefficient=0.8,
            information_value=0.2,
            attributes=attributes,
        )
        for name, zh, en, source, attributes in parts
    )
    mean = {"penalties_24m": 15, "wage_arrears_24m": 9, "late_reports": 5}
    cut = {"penalties_24m": 20, "wage_arrears_24m": 12, "late_reports": 0}
    baselines = (Baseline(name="mean", points=mean), Baseline(name="above A", above_score=590, points=cut))
    return Scorecard(
        name=industry,
        industry=industry,
        target="violation",
        scaling=Scaling(),
        constant=constant,
        characteristics=features,
        baselines=baselines,
    )


def policy_of(cut="min_score"):
    cuts = {"min_score": (590, 570, 540), "max_probability": (0.03, 0.06, 0.12), "share": (0.5, 0.3, 0.15)}[cut]
    rule = {
        tier: InspectionRule(ratio=ratio, visits_per_year=visits)
        for tier, ratio, visits in [("A", 0.01, 1), ("B", 0.03, 1), ("C", 0.1, 2), ("D", 0.25, 4), ("NR", 0.05, 1)]
    }
    return TierPolicy(
        effective=dt.date(2024, 4, 22),
        basis="永州市2024年社会信用体系建设工作要点 第12项",
        signed_by="示例",
        tier=(*(TierRule(name=name, **{cut: value}) for name, value in zip("ABC", cuts, strict=True)), TierRule(name="D")),
        override=(Override(kind="serious_dishonesty_list", tier="D", basis="示例", review=True),),
        inspection=InspectionRules(**rule),
        measure=(Measure(tier="D", name=Label(zh="重点监管", en="close supervision"), basis="示例", department="市场监管局"),),
    )


def task_of(number, zh):
    return Task(
        id=f"2024Q2-{number}",
        label=Label(zh=zh, en=f"Task {number}"),
        item=f"{zh}事项",
        department="市场监督管理局",
        joint_with=("消防救援局",),
        start=dt.date(2024, 5, 1),
        end=dt.date(2024, 6, 30),
    )


def people(rng, count):
    """Subjects, their features, and nothing else."""
    ids = [f"91431103MA4Q{number:06d}" for number in range(count)]
    types = rng.choice(["enterprise", "individual_business", "practitioner"], size=count, p=[0.5, 0.45, 0.05])
    subjects = pd.DataFrame(
        {
            "subject_id": ids,
            "name": [f"永州第{number}号公司" for number in range(count)],
            "subject_type": types,
            "status": "active",
            "industry": rng.choice(list(INDUSTRIES), size=count, p=[0.6, 0.3, 0.1]),
            "region": rng.choice(["431102", "431103", "431121"], size=count),
            "registration_authority": "永州市市场监督管理局",
            "address": "湖南省永州市冷水滩区",
            "size_class": rng.choice(["micro", "small", None], size=count),
            "ownership": rng.choice(["private", "state"], size=count, p=[0.97, 0.03]),
        }
    )
    features = pd.DataFrame(
        {
            "subject_id": ids,
            "penalties_24m": rng.poisson(0.4, count).astype(float),
            "wage_arrears_24m": rng.poisson(0.15, count).astype(float),
            "late_reports": rng.choice([0.0, 1.0, 2.0, np.nan], size=count, p=[0.6, 0.2, 0.1, 0.1]),
        }
    )
    return subjects, features


def scored(cards, subjects, features, unrated):
    frames = []
    for industry, card in cards.items():
        rows = features[(subjects["industry"] == industry).to_numpy() & ~unrated]
        scores = card.scores(rows)
        frame = pd.DataFrame({"subject_id": rows["subject_id"], "as_of": DAY, "industry": industry, "scorecard": card.sha256})
        frame["score"], frame["probability_ppm"] = scores, scoring.probability_ppm(card, scores)
        frames.append(pd.concat([frame, card.block_points(rows), card.reasons(rows)], axis=1))
    return pd.concat(frames).sort_values("subject_id", ignore_index=True)


def tiered(subjects, scores, rng):
    frame = subjects[["subject_id", "industry"]].merge(scores[["subject_id", "score"]], on="subject_id", how="left")
    frame["score"] = frame["score"].astype("Int32")
    score = frame["score"].astype(float)
    cut = pd.Series(np.select([score.isna(), score >= 590, score >= 570, score >= 540], ["NR", "A", "B", "C"], "D"), dtype="str")
    frame["as_of"], frame["raw_tier"], frame["tier"] = DAY, cut, cut
    frame["previous_tier"] = pd.Series(rng.choice(["A", "B", "C", None], size=len(frame)), dtype="str")
    frame["rule"] = np.where(cut == "NR", "not_rated:quarantined", "")
    frame["status"], frame["reviewer"], frame["evidence"] = "final", None, None
    proposed = cut == "D"
    frame.loc[proposed, ["status", "rule", "evidence"]] = ["proposed", "override:serious_dishonesty_list", "E1"]
    frame.loc[proposed, "tier"] = frame.loc[proposed, "previous_tier"].fillna("B")
    return frame


def plan_of(task, tiers, subjects, policy, drawn):
    frame = tiers[["subject_id", "industry", "tier"]].merge(subjects[["subject_id", "name", "region"]], on="subject_id")
    frame["task"], frame["stratum"] = task.id, task.id + "|" + frame["tier"] + "|" + frame["industry"]
    strata = frame.groupby(["stratum", "tier", "industry"]).size().rename("population").reset_index()
    strata["ratio"] = [policy.inspection.of(tier).ratio for tier in strata["tier"]]
    strata["target"] = np.ceil(strata["population"] * strata["ratio"] - 1e-9).astype(int)
    chances = strata.set_index("stratum")["target"] / strata.set_index("stratum")["population"]
    frame["inclusion_probability"] = frame["stratum"].map(chances)
    frame["ticket"] = [f"{(number * 7919) % 100_003:064x}" for number in range(len(frame))]
    rank = frame.groupby("stratum")["ticket"].rank()
    frame["drawn"] = (rank <= frame["stratum"].map(strata.set_index("stratum")["target"])) & drawn
    frame["exempt_reason"], frame["merged_with"] = None, None
    chosen = frame[frame["drawn"]]
    inspectors = pd.DataFrame({"subject_id": chosen["subject_id"], "inspectors": [["S001", "S017"]] * len(chosen)})
    inspectors["certificate"], inspectors["recusal"] = dt.date(2026, 1, 1), None
    visits = visits_of(chosen, inspectors, task)
    weeks = pd.DataFrame({"week": [1], "week_from": [task.start], "week_to": [task.end], "workdays": [40]})
    seed = "lottery 2024-05-01: 03 08 17 21" if drawn else ""
    extra = strata["target"].sum() - (strata["population"] * strata["ratio"]).sum()
    page = PlanPage(task, strata, frame, "ab" * 32, drawn, int(extra), 0, seed, "福利彩票", inspectors if drawn else pd.DataFrame())
    told = {
        "staff_id": ["S001", "S017"],
        "department": "市监局",
        "staff_region": "431102",
        "certificate_valid_to": dt.date(2026, 1, 1),
    }
    return replace(page, visits=visits, weeks=weeks, staff=pd.DataFrame(told)) if drawn else page


def visits_of(chosen, inspectors, task):
    teams = inspectors["inspectors"].tolist()
    told = {
        "mode": "on_site",
        "mode_probability": chosen["inclusion_probability"],
        "standing": "drawn",
        "replaced_by": "",
        "via": "",
    }
    return chosen.assign(**told, merged_with="", week=1, week_from=task.start, team=teams).reset_index(drop=True)


def make_book(count=600, seed=7, cut="min_score"):
    rng = np.random.default_rng(seed)
    subjects, features = people(rng, count)
    cards = {code: card_of(code, constant=560 + 2 * place) for place, code in enumerate(INDUSTRIES)}
    unrated = rng.random(count) < 0.05
    scores = scored(cards, subjects, features, unrated)
    tiers, policy = tiered(subjects, scores, rng), policy_of(cut)
    plans = (plan_of(task_of("food", "餐饮服务食品安全抽查"), tiers, subjects, policy, True),)
    plans += (plan_of(task_of("fire", "消防安全抽查"), tiers, subjects, policy, False),)
    listed = tiers.loc[tiers["status"] == "proposed", "subject_id"]
    lists = pd.DataFrame(
        {
            "subject_id": listed,
            "kind": "serious_dishonesty_list",
            "event_id": "E1",
            "document_no": "永市监〔2024〕1号",
            "event_date": DAY,
        }
    )
    expected = np.linspace(0.005, 0.12, 10)
    return features, RunBook(
        project=Label(zh="永州市市场监管信用分级", en="Yongzhou market supervision"),
        authority=Label(zh="永州市市场监督管理局", en="Yongzhou Administration for Market Regulation"),
        as_of=DAY,
        counts=RowCounts(count + 45, int((~unrated).sum()), int(unrated.sum()), 25, 8, {"government": 12}),
        policy=policy,
        run_id="2024-04-30/1",
        contact="永州市市场监督管理局信用监管科 0746-0000000",
        checkup=pd.DataFrame(
            {
                "table": ["subjects", "events"],
                "rule": ["统一社会信用代码校验位不符", "事件日期晚于获知日期"],
                "code": ["ID_CHECK_DIGIT", "DATE_ORDER"],
                "rows": [25, 3],
                "examples": [["line 17", "line 232"], ["E00012"]],
            }
        ),
        rejects={"ID_CHECK_DIGIT": 25},
        cards=cards,
        evaluation={
            "auc": Figure(0.742, 0.715, 0.768),
            "ks": Figure(0.36, 0.31, 0.41),
            "observed_expected": Figure(1.03, 0.91, 1.16),
        },
        by_industry=pd.DataFrame(
            {
                "industry": list(INDUSTRIES),
                "n": [9000, 4000, 300],
                "bads": [400, 120, 5],
                "auc": [0.75, 0.73, 0.6],
                "auc_low": [0.7, 0.68, 0.4],
                "auc_high": [0.79, 0.78, 0.8],
            }
        ),
        shrinkage=pd.DataFrame(
            {"industry": list(INDUSTRIES), "effective_size": [8200.0, 3700.0, 240.0], "own_weight_slopes": [0.98, 0.95, 0.55]}
        ),
        calibration=pd.DataFrame(
            {"expected": expected, "observed": expected * 1.05, "low": expected * 0.8, "high": expected * 1.3}
        ),
        scores=scores,
        tiers=tiers,
        subjects=subjects,
        lists=lists,
        plans=plans,
        industries={code: Label(zh=zh, en=code) for code, zh in INDUSTRIES.items()},
        regions={"431102": Label(zh="零陵区", en="Lingling"), "431103": Label(zh="冷水滩区", en="Lengshuitan")},
        kinds={"serious_dishonesty_list": Label(zh="严重违法失信名单", en="List of serious violations")},
        facts={"creditscore": "0.1.0", "config_sha256": "cd" * 32},
        notes=(
            Label(
                zh="训练数据来自随机抽查；未被检查的主体由权重代表。",
                en="Trained on random draws; weights speak for those not inspected.",
            ),
        ),
    )


@pytest.fixture(scope="session")
def features_and_book():
    return make_book()


@pytest.fixture
def book(features_and_book):
    return features_and_book[1]


@pytest.fixture
def features(features_and_book):
    return features_and_book[0]


@pytest.fixture
def empty_book(book):
    nothing = pd.DataFrame()
    names = ("checkup", "by_industry", "shrinkage", "calibration", "scores", "tiers", "subjects", "lists")
    return replace(book, rejects={}, cards={}, evaluation={}, plans=(), **dict.fromkeys(names, nothing))


@pytest.fixture
def policies():
    return {cut: policy_of(cut) for cut in ("min_score", "max_probability", "share")}
