"""The counties of Yongzhou and the industries of the city: their size, their risk, their tasks and departments."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class _County:
    """A county-level division; codes by GB/T 2260 (431121 祁阳县 became 431181 祁阳市 in 2021)."""

    code: str
    name: str
    weight: int


COUNTIES = (
    _County("431102", "零陵区", 12),
    _County("431103", "冷水滩区", 18),
    _County("431122", "东安县", 10),
    _County("431123", "双牌县", 4),
    _County("431124", "道县", 12),
    _County("431125", "江永县", 5),
    _County("431126", "宁远县", 13),
    _County("431127", "蓝山县", 7),
    _County("431128", "新田县", 6),
    _County("431129", "江华瑶族自治县", 8),
    _County("431181", "祁阳市", 15),
)


@dataclass(frozen=True)
class _IndustryModel:
    """An industry: weight of its size, risk in thousandths of log-odds, and its subjects (per cent of each market type)."""

    code: str
    word: str
    weight: int
    risk: int
    types: tuple[int, int, int]
    #: The on-site task of the old policy that covers it.
    task: str = "general"
    #: A fixed number of subjects, whatever the size of the city.
    fixed: int | None = None
    department: str = "市场监督管理局"


INDUSTRIES = (
    _IndustryModel("food_service", "餐饮", 4300, 250, (10, 90, 0), "food"),
    _IndustryModel("food_retail", "食品商行", 3400, 50, (15, 85, 0), "food"),
    _IndustryModel("retail", "百货", 3700, -250, (20, 80, 0)),
    _IndustryModel("services", "服务", 2300, -200, (45, 55, 0)),
    _IndustryModel("manufacturing", "制造", 1500, 100, (90, 10, 0), "safety"),
    _IndustryModel("construction", "建筑工程", 1100, 350, (100, 0, 0), "safety", None, "住房和城乡建设局"),
    _IndustryModel("road_transport", "运输", 1000, 200, (60, 40, 0), "safety", None, "交通运输局"),
    _IndustryModel("agriculture", "种养", 1200, -300, (15, 5, 80), "general", None, "农业农村局"),
    _IndustryModel("pharmacy", "大药房", 500, 0, (60, 40, 0), "general"),
    _IndustryModel("chemicals", "化工", 180, 500, (100, 0, 0), "safety", None, "应急管理局"),
    _IndustryModel("environment_services", "环境技术", 120, 150, (100, 0, 0), "general", None, "生态环境局"),
    _IndustryModel("surveying", "测绘", 80, -100, (100, 0, 0), "general", None, "自然资源和规划局"),
    _IndustryModel("mining", "矿业", 70, 450, (100, 0, 0), "safety", None, "应急管理局"),
    _IndustryModel("motorway_investor", "高速公路投资", 0, -200, (100, 0, 0), "general", 30, "交通运输局"),
)

#: The order of industries in the arrays; ``OTHER_CODES`` follow them.
CODES = tuple(industry.code for industry in INDUSTRIES)
#: Of bodies that are never scored, and of practitioners by occupation.
OTHER_CODES = ("public_body", "licensed_pharmacist", "fire_engineer")
TASKS = ("food", "safety", "general")
DEPARTMENTS = tuple(dict.fromkeys(industry.department for industry in INDUSTRIES))


def industry_numbers(*codes: str) -> tuple[int, ...]:
    """The positions of industries in :data:`INDUSTRIES`."""
    return tuple(CODES.index(code) for code in codes)
