"""A drawn plan as a workbook: ratios and targets, the drawn list, who inspects."""

import datetime as dt
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from creditscore.config.base import Label, Language
from creditscore.tiering.sealed.published import WORDS

if TYPE_CHECKING:
    from creditscore.spreadsheet import Column
    from creditscore.tiering.drawn import DrawnPlan

Kind = Literal["text", "integer", "number", "percent", "date"]
_MODES = {"zh": {"on_site": "实地", "off_site": "非现场"}, "en": {"on_site": "on site", "off_site": "off site"}}
_STRATA: tuple[tuple[str, str, str, Kind], ...] = (
    ("stratum", "层", "Stratum", "text"),
    ("tier", "等级", "Tier", "text"),
    ("industry", "行业", "Industry", "text"),
    ("region", "区域", "Region", "text"),
    ("population", "户数", "Subjects", "integer"),
    ("ratio", "抽查比例", "Ratio", "percent"),
    ("target", "计划数", "To inspect", "integer"),
    ("on_site", "其中实地", "Of these on site", "integer"),
    ("achieved", "实际比例", "Achieved ratio", "percent"),
    ("exempt", "抽取前退出户数", "Left before the draw", "integer"),
)
_DRAWN: tuple[tuple[str, str, str, Kind], ...] = (
    ("subject_id", "统一社会信用代码", "Subject", "text"),
    ("name", "名称", "Name", "text"),
    ("industry", "行业", "Industry", "text"),
    ("region", "区域", "Region", "text"),
    ("tier", "等级", "Tier", "text"),
    ("stratum", "层", "Stratum", "text"),
    ("inclusion_probability", "入样概率", "Inclusion probability", "percent"),
    ("mode", "检查方式", "Mode", "text"),
    ("inspectors", "检查人员", "Inspectors", "text"),
    ("result", "检查结果", "Result", "text"),
    ("inspected_on", "检查日期", "Inspected on", "date"),
)
_PEOPLE: tuple[tuple[str, str, str, Kind], ...] = (
    ("subject_id", "统一社会信用代码", "Subject", "text"),
    ("place", "序号", "Place", "integer"),
    ("staff_id", "人员编号", "Staff", "text"),
    ("department", "部门", "Department", "text"),
    ("region", "区域", "Region", "text"),
    ("certificate_valid_to", "执法证有效期至", "Certificate valid to", "date"),
)


def write_workbook(drawn: "DrawnPlan", path: Path, *, lang: Language) -> Path:
    """Write the workbook; dates in it are the plan's own, so the same plan gives the same bytes."""
    from creditscore.spreadsheet import Sheet, write_book

    sheets: list[Sheet] = [
        Sheet(Label(zh="抽查比例方案", en="Ratios"), _columns(_STRATA, lang), _strata_rows(drawn)),
        Sheet(Label(zh="抽查名单", en="Drawn"), _columns(_DRAWN, lang), _drawn_rows(drawn, lang)),
        Sheet(Label(zh="人员匹配", en="Inspectors"), _columns(_PEOPLE, lang), _people_rows(drawn)),
    ]
    title = f"{drawn.task.label.text(lang)} {drawn.frame_hash[:12]}"
    write_book(path, sheets, lang=lang, title=title, created=drawn.drawn_on or drawn.plan.as_of)
    return path


def _columns(table: Sequence[tuple[str, str, str, Kind]], lang: Language) -> "tuple[Column, ...]":
    from creditscore.spreadsheet import Column

    choices = {"result": tuple(WORDS.values() if lang == "zh" else WORDS)}
    return tuple(Column(key, Label(zh=zh, en=en), kind, choices=choices.get(key, ())) for key, zh, en, kind in table)


def _strata_rows(drawn: "DrawnPlan") -> Iterable[Sequence[Any]]:
    for s in drawn.strata.to_dict("records"):
        achieved = s["target"] / s["population"] if s["population"] else None
        ratio = s["ratio_ppm"] / 1_000_000
        yield (
            s["stratum"], s["tier"], s["industry"], s["region"], s["population"], ratio, s["target"], s["on_site"], achieved,
            s["exempt"],
        )  # fmt: skip


def _drawn_rows(drawn: "DrawnPlan", lang: Language) -> Iterable[Sequence[Any]]:
    teams = drawn.inspectors.groupby("subject_id", sort=False)["staff_id"].agg("、".join).to_dict() if len(drawn.inspectors) else {}
    for row in drawn.drawn[[key for key, *_ in _DRAWN[:8]]].itertuples(index=False, name=None):
        yield (*row[:-1], _MODES[lang][row[-1]], teams.get(row[0], ""), None, None)


def _people_rows(drawn: "DrawnPlan") -> Iterable[Sequence[Any]]:
    for row in drawn.inspectors[[key for key, *_ in _PEOPLE]].itertuples(index=False, name=None):
        until = dt.date.fromisoformat(row[-1]) if row[-1] else None
        yield (*row[:-1], until)
