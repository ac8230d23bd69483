"""Results as lines of text; and ``plan replace``, ``join``, ``log`` and ``draw-table``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from creditscore.language import Text, Words, _, pgettext
from creditscore.spreadsheet.sheets import text_width
from creditscore.vocabulary import PROPOSED

if TYPE_CHECKING:
    import pandas as pd

    from creditscore.inspection.allocation import Allocation
    from creditscore.inspection.forecast import PolicyForecast
    from creditscore.pipeline.demo import Demo
    from creditscore.pipeline.run_folder import RunResult

DASH = "–"


def table_lines(heads: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Collection[int] = ()) -> list[str]:
    """One line of heads and one per row; an empty cell is a dash.

    Args:
        heads: One per column.
        rows: One cell per column, as it is shown.
        numbers: Indices of the columns that are aligned to the right, from 0.
    """
    cells = [list(heads), *([cell or DASH for cell in row] for row in rows)]
    widths = [max(text_width(row[index]) for row in cells) for index in range(len(heads))]
    return [
        "  ".join(_padded(row[index], width, right=index in numbers) for index, width in enumerate(widths)).rstrip()
        for row in cells
    ]


def whole(value: float) -> str:
    """``12,345``."""
    return f"{value:,.0f}" if value == value else DASH


def percent(value: float, digits: int = 1) -> str:
    """``12.3 %``."""
    return f"{value:.{digits}%}".replace("%", " %") if value == value else DASH


def decimal(value: float, digits: int) -> str:
    """``0.742``."""
    return f"{value:,.{digits}f}" if value == value else DASH


#: Columns that the labels of a summary take.
_WIDTH_OF_LABELS = 14


def _padded(cell: str, width: int, *, right: bool) -> str:
    blank = " " * (width - text_width(cell))
    return blank + cell if right else cell + blank


def run_lines(run: RunResult, *, lang: str) -> list[str]:
    """The summary of a run: counts, cards, AUC with its interval, tiers, frames; then where to look."""
    words = Words.of(lang)
    s: dict[str, Any] = dict(run.summary)
    lines = [words.text(_("Unsigned, trial: nobody has signed these cards."))] if s["trial"] else []
    lines += [] if run.fresh else [words.text(_("Nothing had changed: no work was done."))]
    named = {PROPOSED: words.text(_("D proposed"))}
    rows: list[tuple[Text, str]] = [
        (_("subjects"), f"{s['subjects']:,}"),
        (_("scored"), f"{s['scored']:,}"),
        (_("not rated"), f"{s['not_rated']:,}"),
        (_("out of scope"), f"{s['out_of_scope']:,}"),
        (_("quarantined"), f"{s['quarantined']:,}"),
        (_("cards"), f"{s['cards']}"),
        ("AUC", _auc(s["auc"], words)),
        *([(_("settings"), _settings(s["settings"], words))] if s.get("settings") else []),
        (_("tiers"), "  ".join(f"{named.get(tier, tier)} {n:,}" for tier, n in s["tiers"].items())),
        (_("to sign"), f"{s['proposed']:,}"),
        (_("frames"), "  ".join(f"{task} {f['target']}/{f['population']:,}" for task, f in s["frames"].items()) or "-"),
    ]
    folder = run.folder.shown.absolute()
    where = [(_("workbook"), folder / "plan.xlsx"), (_("report"), folder / "report.html")]
    return [*lines, *_labelled(rows, words), *(f"{words.text(label)}: {path}" for label, path in where)]


def _settings(chosen: Mapping[str, Mapping[str, float]], words: Words) -> str:
    """The settings that the training rows chose, each with its log loss on rows held out."""
    from creditscore.reporting.words import METRICS, SETTINGS

    loss = words.text(METRICS["log_loss"])
    names = {name: words.text(SETTINGS.get(name, name)) for name in chosen}
    return "  ".join(f"{names[name]} {one['value']:g} ({loss} {one['held_out_loss']:.4f})" for name, one in chosen.items())


def _labelled(rows: Sequence[tuple[Text, str]], words: Words) -> list[str]:
    """One line per label and value, the values below each other."""
    return [_padded(words.text(label), _WIDTH_OF_LABELS, right=False) + value for label, value in rows]


def demo_lines(demo: Demo, *, lang: str) -> list[str]:
    """The summary of the demo: that of its run, and what was drawn."""
    words = Words.of(lang)
    lines = run_lines(demo.run, lang=lang)
    drawn = "  ".join(f"{task} {n}" for task, n in demo.drawn.items())
    total = sum(demo.drawn.values())
    where = demo.run.folder.out.absolute() / "tasks" / "tasks.xlsx"
    label = words.text(_("open tasks"))
    lines.append(f"{label}: {where}")
    return [*lines[:-3], *_labelled([(pgettext("event", "drawn"), f"{total} ({drawn})")], words), *lines[-3:]]


def _auc(figure: dict[str, float | None] | None, words: Words) -> str:
    if figure is None:
        return words.text(_("not judged"))
    low, high = figure["low"], figure["high"]
    interval = f" [{low:.3f}, {high:.3f}]" if low is not None and high is not None else ""
    return f"{figure['value']:.3f}{interval}" + words.text(_(" (out of time, 95 %)"))


def forecast_lines(forecast: PolicyForecast, words: Words) -> list[str]:
    """A table by tier as the report has it, what it comes to, and what to bear in mind."""
    from creditscore.reporting.columns import figures_grid

    grid = figures_grid(forecast.table(), words)
    return [
        *table_lines(grid.headers, grid.rows, numbers=grid.numbers),
        *(words.text(sentence) for sentence in forecast.sentences()),
    ]


def burden_lines(burden: pd.DataFrame, by: str, words: Words) -> list[str]:
    """One row per group of the register: subjects, visits, visits per subject."""
    from creditscore.reporting.columns import Grid, column
    from creditscore.reporting.terms import TERMS
    from creditscore.reporting.words import GROUP_WORDS, METRICS, SIZES, SUBJECT_TYPE_WORDS, text_of

    names = [text_of({**SUBJECT_TYPE_WORDS, **SIZES, **GROUP_WORDS}, code, words) for code in burden[by]]
    columns = (
        column(by, label=text_of(GROUP_WORDS, by, words)),
        column("subjects", "integer", label=TERMS["population"].label),
        column("visits", "number", label=METRICS["visits"], digits=1),
        column("visits_per_subject", "number", label=METRICS["visits_per_subject"]),
    )
    grid = Grid.of(columns, [burden.assign(**{by: names})], words)
    return table_lines(grid.headers, grid.rows, numbers=grid.numbers)


def allocation_lines(best: Allocation, words: Words) -> list[str]:
    """The optimum: ratio by task and tier, what one more visit of each department is worth, what each floor costs."""
    return [
        words.text(_("the ratios that find most, over all industries of a task:")),
        *_ratio_lines(best, words),
        "",
        *_department_lines(best, words),
        "",
        *_floor_lines(best, words),
        words.text(_("expected to find {expected:,.1f} violations", expected=best.expected)),
    ]


def _ratio_lines(best: Allocation, words: Words) -> list[str]:
    table = best.table()
    rows = [[str(task), *(percent(ratio, 2) for ratio in row)] for task, row in zip(table.index, table.to_numpy(), strict=True)]
    return table_lines([words.text(_("task")), *map(str, table.columns)], rows, numbers=range(1, len(table.columns) + 1))


def _department_lines(best: Allocation, words: Words) -> list[str]:
    pairs = (_("department"), pgettext("capacity", "visits"), _("used"), _("one more finds"))
    rows = [
        [row["department"], whole(row["capacity"]), whole(row["used"]), decimal(row["price"], 3)]
        for row in best.departments.to_dict("records")
    ]
    return table_lines([words.text(pair) for pair in pairs], rows, numbers=range(1, 4))


def _floor_lines(best: Allocation, words: Words) -> list[str]:
    pairs = (_("tier"), _("floor"), _("without it more would be found"))
    rows = [[row["tier"], f"{100 * row['floor']:g} %", decimal(row["price"], 1)] for row in best.floors.to_dict("records")]
    return table_lines([words.text(pair) for pair in pairs], rows, numbers=range(1, 3))
