"""``plan replace``, ``plan join``, ``plan log``: what happens to a drawn plan afterwards; and draws of large frames."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from creditscore.cli.options import (
    EngineName,
    EngineOption,
    JsonOption,
    LangOption,
    Language,
    PlanArg,
    day_of,
    engine_of,
    show,
    words,
)
from creditscore.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from creditscore.inspection.allocation import Allocation
    from creditscore.inspection.amendments import Replacement
    from creditscore.inspection.forecast import PolicyForecast
    from creditscore.pipeline.demo import Demo
    from creditscore.pipeline.run_folder import RunResult

DASH = "–"


def table_lines(heads: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Collection[int] = ()) -> list[str]:
    """One line of heads and one per row; an empty cell is a dash.

    Args:
        heads: One per column.
        rows: Cells as they are to stand.
        numbers: The places of the columns that stand to the right.
    """
    cells = [list(heads), *([cell or DASH for cell in row] for row in rows)]
    widths = [max(_width(row[place]) for row in cells) for place in range(len(heads))]
    return ["  ".join(_padded(row[at], width, right=at in numbers) for at, width in enumerate(widths)).rstrip() for row in cells]


def whole(value: float) -> str:
    """``12,345``."""
    return f"{value:,.0f}" if value == value else DASH


def percent(value: float, digits: int = 1) -> str:
    """``12.3 %``."""
    return f"{value:.{digits}%}".replace("%", " %") if value == value else DASH


def decimal(value: float, digits: int) -> str:
    """``0.742``."""
    return f"{value:,.{digits}f}" if value == value else DASH


def _padded(cell: str, width: int, *, right: bool) -> str:
    blank = " " * (width - _width(cell))
    return blank + cell if right else cell + blank


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def run_lines(run: RunResult, *, lang: str) -> list[str]:
    """The summary of a run: counts, cards, AUC with its interval, tiers, frames; then where to look."""
    zh = lang == "zh"
    s: dict[str, Any] = dict(run.summary)
    lines = [] if run.fresh else ["无新输入，结果未变。" if zh else "Nothing had changed: no work was done."]
    rows = [
        ("主体", "subjects", f"{s['subjects']:,}"),
        ("已评分", "scored", f"{s['scored']:,}"),
        ("未评级", "not rated", f"{s['not_rated']:,}"),
        ("不评", "out of scope", f"{s['out_of_scope']:,}"),
        ("隔离记录", "quarantined", f"{s['quarantined']:,}"),
        ("评分卡", "cards", f"{s['cards']}"),
        ("AUC", "AUC", _auc(s["auc"], zh)),
        ("等级", "tiers", "  ".join(f"{tier} {n:,}" for tier, n in s["tiers"].items())),
        ("待复核", "to sign", f"{s['proposed']:,}"),
        ("抽查框架", "frames", "  ".join(f"{task} {f['target']}/{f['population']:,}" for task, f in s["frames"].items()) or "-"),
    ]
    lines += [f"{(a if zh else b):<{8 if zh else 14}}{value}" for a, b, value in rows]
    return [*lines, *_where(run, zh)]


def demo_lines(demo: Demo, *, lang: str) -> list[str]:
    """The summary of the demo: that of its run, and what was drawn."""
    zh = lang == "zh"
    lines = run_lines(demo.run, lang=lang)
    drawn = "  ".join(f"{task} {n}" for task, n in demo.drawn.items())
    total = sum(demo.drawn.values())
    line = f"{'抽取' if zh else 'drawn':<{8 if zh else 14}}{total} ({drawn})"
    return [*lines[:-2], line, *lines[-2:]]


def _auc(figure: dict[str, float | None] | None, zh: bool) -> str:
    if figure is None:
        return "未检验" if zh else "not judged"
    low, high = figure["low"], figure["high"]
    interval = f" [{low:.3f}, {high:.3f}]" if low is not None and high is not None else ""
    return f"{figure['value']:.3f}{interval}" + ("（跨期，95%）" if zh else " (out of time, 95 %)")


def _where(run: RunResult, zh: bool) -> list[str]:
    folder = run.folder.path.resolve()
    return [f"{'工作簿' if zh else 'workbook'}: {folder / 'plan.xlsx'}", f"{'报告' if zh else 'report'}: {folder / 'report.html'}"]


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


ByOption = Annotated[str, typer.Option("--by", help="Who decided.")]
OnOption = Annotated[str, typer.Option("--on", help="The day, such as 2024-05-31.")]


def replace(
    plan_dir: PlanArg,
    by: ByOption,
    on: OnOption,
    subject: Annotated[str | None, typer.Option("--subject", help="Who cannot be visited.")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "",
    closed_in: Annotated[Path | None, typer.Option(help="Instead: all whom a later run's register shows as closed.")] = None,
    lang: LangOption = Language.zh,
    as_json: JsonOption = False,
) -> None:
    """The next ticket of the stratum takes the place of a subject that cannot be visited; it is logged."""
    from creditscore.pipeline.draws import replace_closed, replace_subject

    if (subject is None) == (closed_in is None):
        raise DataError("plan replace: expected --subject with --reason, or --closed-in")
    day = day_of(on, option="--on")
    if closed_in is not None:
        found = replace_closed(plan_dir, closed_in, by=by, on=day, lang=lang.value)
    else:
        found = [replace_subject(plan_dir, subject or "", reason=reason, by=by, on=day, lang=lang.value)]
    document = [{"subject_id": one.subject_id, "replaced_by": one.replaced_by, "mode": one.mode} for one in found]
    show({"replaced": document}, _replacements(found, lang), as_json=as_json)


def _replacements(found: list[Replacement], lang: Language) -> list[str]:
    heads = (words(lang, "无法检查", "cannot be visited"), words(lang, "由其递补", "replaced by"), words(lang, "层", "stratum"))
    rows = [(one.subject_id, one.replaced_by, one.stratum) for one in found]
    return table_lines(heads, rows) if rows else [words(lang, "没有需要递补的主体", "nobody had to be replaced")]


def join(
    plan_dir: PlanArg,
    run: Annotated[Path, typer.Option("--run", help="A later run's folder: its register says who came.")],
    by: ByOption,
    on: OnOption,
    lang: LangOption = Language.zh,
    as_json: JsonOption = False,
) -> None:
    """Give subjects that came after the frame their tickets: drawn or not, at the ratio of their stratum; it is logged."""
    from creditscore.pipeline.draws import join_late

    found = join_late(plan_dir, run, by=by, on=day_of(on, option="--on"), lang=lang.value)
    drawn = [one for one in found if one.drawn]
    told = words(
        lang, f"后增 {len(found):,} 户，抽中 {len(drawn):,} 户", f"{len(found):,} came later, {len(drawn):,} of them drawn"
    )
    heads = (words(lang, "代码", "subject"), words(lang, "层", "stratum"), words(lang, "检查人员", "inspectors"))
    lines = [told, *(table_lines(heads, [(one.subject_id, one.stratum, " ".join(one.team)) for one in drawn]) if drawn else ())]
    show({"joined": len(found), "drawn": [one.subject_id for one in drawn]}, lines, as_json=as_json)


def log(plan_dir: PlanArg, lang: LangOption = Language.zh, as_json: JsonOption = False) -> None:
    """What happened to a plan since its draw, from its chained log."""
    from creditscore.inspection.plan_folder import read_log

    names = {
        "drawn": words(lang, "抽取", "drawn"),
        "draw_refused": words(lang, "再次抽取被拒", "another draw refused"),
        "replaced": words(lang, "递补", "replaced"),
        "joined": words(lang, "后增", "joined"),
    }
    lines = read_log(plan_dir)
    heads = ("", words(lang, "日期", "day"), words(lang, "事项", "what"), words(lang, "主体", "subject"), words(lang, "经办", "by"))
    rows = [(str(e["number"]), e["on"] or "", names[e["what"]], _about(e), e.get("by", "")) for e in lines]
    show({"log": lines}, table_lines(heads, rows) if rows else [words(lang, "尚无记录", "nothing yet")], as_json=as_json)


def _about(entry: dict[str, str]) -> str:
    if "replaced_by" in entry:
        return f"{entry['subject_id']} → {entry['replaced_by']} ({entry['reason']})"
    return entry.get("subject_id", "") if "subject_id" in entry else entry.get("seed", "")


def draw_table(
    frame: Annotated[Path, typer.Argument(help="Parquet: subject_id, stratum; one row per subject that may be drawn.")],
    strata: Annotated[Path, typer.Argument(help="CSV: stratum, target and maybe on_site, such as a plan.csv.")],
    task: Annotated[str, typer.Option("--task", help="The id of the task: part of each ticket.")],
    seed: Annotated[str, typer.Option("--seed", help="What nobody could know when the frame was published.")],
    out: Annotated[Path, typer.Option("--out", help="A folder that holds no draw yet.")],
    engine: EngineOption = EngineName.duckdb,
    lang: LangOption = Language.zh,
    as_json: JsonOption = False,
) -> None:
    """Draw a frame too large for a plan folder, on an engine and in flat memory; the same tickets, the same sample."""
    from creditscore.pipeline.draws import draw_frame

    made = draw_frame(engine_of(engine), frame, strata, task=task, seed=seed, out=out)
    told = words(
        lang,
        f"{task}：{whole(made.strata)} 层抽取 {whole(made.drawn)} 户：{made.file}",
        f"{task}: {whole(made.drawn)} drawn of {whole(made.strata)} strata: {made.file}",
    )
    show({"task": task, "drawn": made.drawn, "file": str(made.file)}, [told], as_json=as_json)
