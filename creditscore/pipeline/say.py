"""A run in a few lines for people, in Chinese or English."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from creditscore.pipeline.demo import Demo
    from creditscore.pipeline.run import RunResult


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
