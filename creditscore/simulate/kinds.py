"""The kinds of records of the simulated city: how often each happens to which subjects, its content, and its later changes.

Log-odds and loads are in thousandths: a kind with ``conduct = 900`` becomes 2.46 times as likely
(odds) with each standard deviation of worse conduct. ``log_odds`` are per subject and month, or per
named month of the year where ``season`` is given.
"""

from __future__ import annotations

from dataclasses import dataclass

from creditscore.vocabulary import MARKET_SUBJECTS, SubjectType

#: Days from the event until it is known: one entry per sixteenth of the records.
LAGS: dict[str, tuple[int, ...]] = {
    "publicity": (1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7),
    "register": (0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 10, 12, 20, 40),
    "court": (5, 7, 9, 11, 13, 15, 18, 21, 24, 28, 32, 36, 42, 50, 60, 90),
    "bureau": (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 17, 21, 28, 40, 75),
    "hotline": (0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 7, 12),
    "declared": (0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 3, 5, 9),
}
#: The smallest lag of a 双公示 record that is late: beyond 7 working days even over the longest holidays.
LATE = 21


@dataclass(frozen=True)
class Repair:
    """Share of the records (in thousandths) that is repaired, between ``first`` and ``last`` days after the event."""

    share: int
    first: int
    last: int


@dataclass(frozen=True)
class KindModel:
    """One kind of record of the city."""

    kind: str
    file: str
    provider: str
    prefix: str
    log_odds: int
    conduct: int = 0
    distress: int = 0
    #: Load on diligence: who declares, repairs and wins awards.
    diligence: int = 0
    types: tuple[SubjectType, ...] = MARKET_SUBJECTS
    #: Codes of industries, and months of the year; none means all.
    industries: tuple[str, ...] = ()
    season: tuple[int, ...] = ()
    lag: str = "bureau"
    #: Texts from best to worst; the chance of at least ``results[k + 1]`` has log-odds ``cuts[k]`` + loads.
    results: tuple[str, ...] = ()
    cuts: tuple[int, ...] = ()
    result_conduct: int = 0
    result_distress: int = 0
    severity: tuple[int, int] | None = None
    #: Middle and spread of ln(yuan), in thousandths.
    amount: tuple[int, int] | None = None
    months_valid: int | None = None
    repair: Repair | None = None
    #: The points of one such record in the old policy.
    old_points: int = 0
    #: Share (in thousandths) that somebody verified; None for kinds that nobody verifies.
    verified: int | None = None
    negative: bool = False
    double_publicity: bool = False
    #: It follows from visits and does not happen by itself.
    from_visits: bool = False


_ENTERPRISES: tuple[SubjectType, ...] = ("enterprise",)
_COMPANIES: tuple[SubjectType, ...] = ("enterprise", "co_operative")
_SAFETY = ("manufacturing", "construction", "road_transport", "chemicals", "mining")
_FOOD = ("food_service", "food_retail", "pharmacy", "agriculture", "manufacturing")
_ENVIRONMENT = ("manufacturing", "chemicals", "environment_services", "mining", "construction")
_SURVEY = ("surveying", "environment_services", "construction")
_PRACTICE: tuple[SubjectType, ...] = ("practitioner",)
#: Government bodies and institutions have a record of their own, too: debts they do not pay.
_BODIES: tuple[SubjectType, ...] = ("government", "institution")
_ANYONE, _BUYERS = (*MARKET_SUBJECTS, *_BODIES), (*_COMPANIES, *_BODIES)

#: Files by sender.
PUBLIC_FILE = "public_events.parquet"
_INDUSTRY_FILE = "industry_events.parquet"
MARKET_FILE = "market_events.parquet"
COMPLAINTS_FILE = "market_complaints.csv"
_DECLARED_FILE = "self_declared.parquet"

KINDS: tuple[KindModel, ...] = (
    # --- public 公共信用信息 ------------------------------------------------------------------------
    KindModel(
        "administrative_licence", PUBLIC_FILE, "行政审批服务局", "永审许", -4300, lag="publicity", months_valid=60,
        double_publicity=True
    ),
    KindModel(
        "admin_penalty_minor", PUBLIC_FILE, "市场监督管理局", "永简罚", 0, lag="publicity", severity=(1, 3), amount=(6200, 600),
        months_valid=3, repair=Repair(900, 5, 80), old_points=1, negative=True, double_publicity=True, from_visits=True,
    ),
    KindModel(
        "admin_penalty_general", PUBLIC_FILE, "市场监督管理局", "永罚", 0, lag="publicity", severity=(4, 7), amount=(8700, 900),
        months_valid=12, repair=Repair(700, 92, 360), old_points=2, negative=True, double_publicity=True, from_visits=True,
    ),
    KindModel(
        "admin_penalty_serious", PUBLIC_FILE, "市场监督管理局", "永重罚", 0, lag="publicity", severity=(8, 10), amount=(11200, 900),
        months_valid=36, repair=Repair(350, 370, 1000), old_points=4, negative=True, double_publicity=True, from_visits=True,
    ),
    KindModel("compulsory_enforcement", PUBLIC_FILE, "市场监督管理局", "永强", 0, severity=(3, 8), negative=True, from_visits=True),
    KindModel("supervision_check", PUBLIC_FILE, "市场监督管理局", "永检", 0, results=("合格", "不合格"), from_visits=True),
    KindModel("administrative_confirmation", PUBLIC_FILE, "行政审批服务局", "永确", -6200),
    KindModel("administrative_ruling", PUBLIC_FILE, "司法局", "永裁", -7600, 300, 300, results=("胜", "败"), cuts=(0,),
        result_conduct=500),
    KindModel("administrative_award", PUBLIC_FILE, "市人民政府", "永奖", -7000, -900, -200, 500),
    KindModel(
        "late_annual_report", PUBLIC_FILE, "市场监督管理局", "永年报", -2750, 700, 500, -600, season=(7,), lag="register",
        old_points=1,
        negative=True, repair=Repair(850, 10, 150),
    ),
    KindModel(
        "abnormal_operation_list", PUBLIC_FILE, "市场监督管理局", "永异常", -6900, 850, 700, -300, lag="register",
        results=("公示信息", "失联"),
        cuts=(-300,), months_valid=36, repair=Repair(800, 20, 400), old_points=2, negative=True,
    ),
    KindModel(
        "serious_dishonesty_list", PUBLIC_FILE, "市场监督管理局", "永严失", -10200, 1300, 800, lag="register", severity=(8, 10),
        months_valid=36, repair=Repair(250, 370, 1000), old_points=8, negative=True,
    ),
    KindModel(
        "commitment", PUBLIC_FILE, "信用办", "永诺", -3400, 0, 0, 200, results=("kept", "broken"), cuts=(-2900,),
        result_conduct=1000,
        result_distress=200,
    ),
    KindModel(
        "contract_performance", PUBLIC_FILE, "公共资源交易中心", "永合", -3700, types=_COMPANIES,
        results=("performed", "pending", "breached"),
        cuts=(-1700, -2300), result_conduct=700, result_distress=700,
    ),
    KindModel(
        "housing_fund_duty", PUBLIC_FILE, "住房公积金管理中心", "永积", 900, types=_ENTERPRISES, season=(1,), lag="register",
        results=("fulfilled", "in_arrears"), cuts=(-2400,), result_conduct=400, result_distress=900,
    ),
    # --- industry 行业信用信息 ----------------------------------------------------------------------
    KindModel(
        "spot_check", _INDUSTRY_FILE, "市场监督管理局", "永抽", -3100, industries=_FOOD, results=("pass", "fail"), cuts=(-2500,),
        result_conduct=1000,
    ),
    KindModel(
        "safety_incident", _INDUSTRY_FILE, "应急管理局", "永安", -6000, 950, 200, industries=_SAFETY, severity=(2, 10),
        old_points=2,
        negative=True, repair=Repair(300, 90, 500),
    ),
    KindModel(
        "major_hidden_danger", _INDUSTRY_FILE, "应急管理局", "永隐", -5600, 900, 0, industries=_SAFETY, severity=(4, 9),
        old_points=2,
        negative=True, repair=Repair(900, 10, 120),
    ),
    KindModel(
        "environmental_rating", _INDUSTRY_FILE, "生态环境局", "永环评", 600, industries=_ENVIRONMENT, season=(3,), lag="court",
        results=("green", "blue", "yellow", "red"), cuts=(900, -1600, -3600), result_conduct=900,
    ),
    KindModel(
        "on_site_evaluation", _INDUSTRY_FILE, "行业主管部门", "永评", -800, season=(10,),
        results=("excellent", "good", "pass", "fail"),
        cuts=(1300, -700, -2800), result_conduct=950,
    ),
    KindModel(
        "false_test_report", _INDUSTRY_FILE, "水利局", "永虚检", -7000, 1000, 200, industries=_SURVEY, severity=(5, 9),
        old_points=4,
        negative=True,
    ),
    KindModel(
        "professional_conduct", _INDUSTRY_FILE, "行业主管部门", "永执", -5200, 900, 0, types=_PRACTICE, severity=(1, 8),
        results=("警告", "暂停执业"), cuts=(-2000,), negative=True, repair=Repair(300, 90, 500),
    ),
    # --- market 市场信用信息 ------------------------------------------------------------------------
    KindModel(
        "court_judgment", MARKET_FILE, "人民法院", "湘11民终", -5300, 450, 900, lag="court", amount=(11000, 1300),
        results=("part", "lost"), cuts=(300,), negative=True,
    ),
    KindModel(
        "judgment_debtor", MARKET_FILE, "人民法院", "湘11执", -6900, 600, 1200, types=_ANYONE, lag="court", amount=(11500, 1300),
        months_valid=24, repair=Repair(550, 60, 400), old_points=3, negative=True,
    ),
    KindModel(
        "tax_arrears", MARKET_FILE, "税务局", "永税欠", -6000, 400, 1200, lag="bureau", amount=(9800, 1200), old_points=2,
        negative=True,
        repair=Repair(700, 30, 200),
    ),
    KindModel(
        "wage_arrears", MARKET_FILE, "人力资源和社会保障局", "永人社", -6100, 750, 850, lag="bureau", amount=(10500, 1000),
        severity=(2, 8),
        old_points=2, negative=True, repair=Repair(700, 20, 150),
    ),
    KindModel(
        "payment_delay", MARKET_FILE, "中小企业服务中心", "永付", -4100, 200, 950, types=_BUYERS, lag="declared", severity=(1, 6),
        amount=(10300, 1100), negative=True,
    ),
    KindModel(
        "complaint", COMPLAINTS_FILE, "12315中心", "永诉", -4050, 800, 250, lag="hotline", severity=(1, 5),
        results=("不实", "调解", "属实"), cuts=(700, -500), result_conduct=600, negative=True,
    ),
    # --- self-declared 自主申报 ---------------------------------------------------------------------
    KindModel(
        "financial_report", _DECLARED_FILE, "自主申报", "永申财", -400, -250, -500, 900, types=_COMPANIES, season=(5,),
        lag="declared",
        amount=(13500, 1500), results=("profit", "loss"), cuts=(-600,), result_distress=900, verified=450,
    ),
    KindModel(
        "operating_results", _DECLARED_FILE, "自主申报", "永申营", -900, -250, -300, 900, season=(4,), lag="declared",
        amount=(13000, 1500), results=("growing", "steady", "falling"), cuts=(500, -900), result_distress=800, verified=300,
    ),
    KindModel(
        "qualification_licence", _DECLARED_FILE, "自主申报", "永申资", -4300, -400, -200, 700, lag="declared", months_valid=36,
        verified=600,
    ),
    KindModel(
        "contract_performance_declared", _DECLARED_FILE, "自主申报", "永申合", -3700, -300, -200, 800, types=_COMPANIES,
        lag="declared",
        results=("performed", "breached"), cuts=(-4000,), result_conduct=500, verified=250,
    ),
    KindModel("honour_award", _DECLARED_FILE, "自主申报", "永申誉", -5000, -700, -200, 800, lag="declared", months_valid=36,
        verified=550),
    KindModel("public_welfare", _DECLARED_FILE, "自主申报", "永申益", -4700, -350, -400, 800, lag="declared", amount=(8000, 1000),
        verified=350),
)  # fmt: skip

#: The position of each kind in :data:`KINDS`.
NUMBER = {model.kind: number for number, model in enumerate(KINDS)}
FILES = (PUBLIC_FILE, _INDUSTRY_FILE, MARKET_FILE, COMPLAINTS_FILE, _DECLARED_FILE)
