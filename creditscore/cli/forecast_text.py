"""A forecast and an optimum of ratios as tables and sentences, in Chinese or English."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from creditscore.cli.options import Language, words
from creditscore.cli.table import decimal, percent, table_lines, whole

if TYPE_CHECKING:
    import pandas as pd

    from creditscore.tiering.allocate import Allocation
    from creditscore.tiering.forecast import PolicyForecast

#: Columns of the forecast that are shares, counts and flags; the others are figures.
_SHARES = ("rate", "share_found", "excluded_share")
_COUNTS = ("population", "visits", "on_site", "past_visits", "effective_visits", "low", "high")
_SIZES = {"micro": "微型", "small": "小型", "medium": "中型", "large": "大型", "unknown": "未知"}
#: What the forecast leaves out or leans on, in Chinese; ``\1`` and so on are what stood in its place.
_NOTES = tuple(
    (re.compile(pattern), chinese)
    for pattern, chinese in (
        (r"(\d+) random visits were off site: another instrument, left out", r"\1 次随机检查为非现场，手段不同，未计入"),
        (r"(\d+) random visits have no inclusion probability and are left out", r"\1 次随机检查没有入样概率，未计入"),
        (
            r"(\d+) visits speak for today's tier, that before them is unknown: rates lean outwards",
            r"\1 次检查之前的等级未知，按今日等级计：各级违规率差距偏大",
        ),
        (
            r"tier (\w+): no past random on-site visit; its rate is that of all \(extrapolated\)",
            r"等级 \1：过去没有随机现场检查，违规率取自全部检查（外推）",
        ),
        (
            r"tier (\w+): no past random on-site visit; its rate is that of (\w+) \(extrapolated\)",
            r"等级 \1：过去没有随机现场检查，违规率取自等级 \2（外推）",
        ),
        (r"tier (\w+): only (\d+) past random visits", r"等级 \1：过去随机检查只有 \2 次"),
        (
            r"(\d+) of the planned visits are off site: what they find is not forecast",
            r"计划检查中 \1 次为非现场，其发现不在预计之内",
        ),
        (
            r"tier (\w+): never visited on site \(on_site_share 0\): nothing it holds is forecast to be found",
            r"等级 \1：从不进行现场检查（现场比例为 0），其中的违法违规不在预计之内",
        ),
        (r"(\d+) proposed tiers are tried as if signed", r"\1 户拟定等级按已签批计"),
    )
)


def forecast_lines(told: PolicyForecast, lang: Language) -> list[str]:
    """A table by tier, what it comes to, and what to bear in mind."""
    from creditscore.reporting.terms import TERMS
    from creditscore.reporting.words import METRICS, TIERS

    table = told.table()
    heads = [
        (TERMS[name].label if name in ("tier", "population", "on_site") else METRICS[name]).text(lang.value)
        for name in table.columns
    ]
    rows = []
    for row in table.to_dict("records"):
        tier = TIERS[row["tier"]].text(lang.value) if row["tier"] in TIERS else words(lang, "合计", "all")
        rows.append([tier, *(_figure(str(name), value, lang) for name, value in row.items() if name != "tier")])
    return [*table_lines(heads, rows, numbers=range(1, len(heads))), *_summary(told, lang)]


def _figure(name: str, value: Any, lang: Language) -> str:
    if name == "extrapolated":
        return words(lang, "是", "yes") if value else words(lang, "否", "no")
    if name in _SHARES:
        return percent(value)
    return whole(value) if name in _COUNTS else decimal(value, 3 if name == "visits_per_subject" else 1)


def _summary(told: PolicyForecast, lang: Language) -> list[str]:
    if lang is Language.en:
        return told.summary().splitlines()
    total = told.total
    seen = "" if total["on_site"] == total["visits"] else f"（其中现场 {total['on_site']:,.0f} 次）"
    said = (
        f"计划检查 {total['visits']:,.0f} 次{seen}，预计发现违法违规 {total['expected']:,.0f} 起"
        f"（{told.level:.0%} 的抽取结果在 {total['low']:,.0f} 至 {total['high']:,.0f} 之间），占全部的 {total['share_found']:.1%}。"
    )
    return [said, *(note_in_chinese(note) for note in told.notes)]


def note_in_chinese(note: str) -> str:
    """A note of the forecast in Chinese; one without a translation stands as it is."""
    for pattern, chinese in _NOTES:
        found = pattern.fullmatch(note)
        if found:
            return found.expand(chinese)
    return note


def burden_lines(burden: pd.DataFrame, by: str, lang: Language) -> list[str]:
    """One row per group of the register: subjects, visits, visits per subject."""
    from creditscore.reporting.terms import TERMS
    from creditscore.reporting.words import GROUPS, METRICS, SUBJECT_TYPES, text_of

    heads = [text_of(GROUPS, by, lang.value), TERMS["population"].label.text(lang.value)]
    heads += [METRICS[name].text(lang.value) for name in ("visits", "visits_per_subject")]
    rows = []
    for row in burden.to_dict("records"):
        name = text_of(SUBJECT_TYPES, row[by], lang.value)
        figures = (whole(row["subjects"]), decimal(row["visits"], 1), decimal(row["visits_per_subject"], 3))
        rows.append([_SIZES.get(name, name) if lang is Language.zh else name, *figures])
    return table_lines(heads, rows, numbers=range(1, 4))


def allocation_lines(best: Allocation, lang: Language) -> list[str]:
    """The optimum: ratio by task and tier, what one more visit of each department is worth, what each floor costs."""
    return [
        words(lang, "发现最多的抽查比例（各任务，所有行业合计）：", "the ratios that find most, over all industries of a task:"),
        *_ratio_lines(best, lang),
        "",
        *_department_lines(best, lang),
        "",
        *_floor_lines(best, lang),
        words(lang, f"预计发现违法违规 {best.expected:,.1f} 起", f"expected to find {best.expected:,.1f} violations"),
    ]


def _ratio_lines(best: Allocation, lang: Language) -> list[str]:
    table = best.table()
    rows = [[str(task), *(percent(ratio, 2) for ratio in row)] for task, row in zip(table.index, table.to_numpy(), strict=True)]
    return table_lines([words(lang, "任务", "task"), *map(str, table.columns)], rows, numbers=range(1, len(table.columns) + 1))


def _department_lines(best: Allocation, lang: Language) -> list[str]:
    pairs = (("部门", "department"), ("可用检查", "visits"), ("已用", "used"), ("再加一次可多发现", "one more finds"))
    rows = [
        [row["department"], whole(row["capacity"]), whole(row["used"]), decimal(row["price"], 3)]
        for row in best.departments.to_dict("records")
    ]
    return table_lines([words(lang, *pair) for pair in pairs], rows, numbers=range(1, 4))


def _floor_lines(best: Allocation, lang: Language) -> list[str]:
    pairs = (("等级", "tier"), ("最低比例", "floor"), ("没有它可多发现", "without it more would be found"))
    rows = [[row["tier"], f"{100 * row['floor']:g} %", decimal(row["price"], 1)] for row in best.floors.to_dict("records")]
    return table_lines([words(lang, *pair) for pair in pairs], rows, numbers=range(1, 3))
