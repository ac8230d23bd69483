"""Results as lines of text; and ``plan replace``, ``join``, ``log`` and ``draw-table``."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from creditscore.cli.options import (
    EngineName,
    EngineOption,
    JsonOption,
    LangOption,
    PlanArg,
    day_of,
    engine_of,
    show,
)
from creditscore.errors import DataError
from creditscore.language import DEFAULT_LANGUAGE, Text, Words, _, pgettext
from creditscore.spreadsheet.sheets import text_width

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
    lines = [] if run.fresh else [words.text(_("Nothing had changed: no work was done."))]
    rows: list[tuple[Text, str]] = [
        (_("subjects"), f"{s['subjects']:,}"),
        (_("scored"), f"{s['scored']:,}"),
        (_("not rated"), f"{s['not_rated']:,}"),
        (_("out of scope"), f"{s['out_of_scope']:,}"),
        (_("quarantined"), f"{s['quarantined']:,}"),
        (_("cards"), f"{s['cards']}"),
        ("AUC", _auc(s["auc"], words)),
        (_("tiers"), "  ".join(f"{tier} {n:,}" for tier, n in s["tiers"].items())),
        (_("to sign"), f"{s['proposed']:,}"),
        (_("frames"), "  ".join(f"{task} {f['target']}/{f['population']:,}" for task, f in s["frames"].items()) or "-"),
    ]
    folder = run.folder.path.resolve()
    where = [(_("workbook"), folder / "plan.xlsx"), (_("report"), folder / "report.html")]
    return [*lines, *_labelled(rows, words), *(f"{words.text(label)}: {path}" for label, path in where)]


def _labelled(rows: Sequence[tuple[Text, str]], words: Words) -> list[str]:
    """One line per label and value, the values below each other."""
    return [_padded(words.text(label), _WIDTH_OF_LABELS, right=False) + value for label, value in rows]


def demo_lines(demo: Demo, *, lang: str) -> list[str]:
    """The summary of the demo: that of its run, and what was drawn."""
    lines = run_lines(demo.run, lang=lang)
    drawn = "  ".join(f"{task} {n}" for task, n in demo.drawn.items())
    total = sum(demo.drawn.values())
    return [*lines[:-2], *_labelled([(pgettext("event", "drawn"), f"{total} ({drawn})")], Words.of(lang)), *lines[-2:]]


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


ByOption = Annotated[str, typer.Option("--by", help="Who decided.")]
OnOption = Annotated[str, typer.Option("--on", help="The day, such as 2024-05-31.")]


def replace(
    plan_dir: PlanArg,
    by: ByOption,
    on: OnOption,
    subject: Annotated[str | None, typer.Option("--subject", help="Who cannot be visited.")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "",
    closed_in: Annotated[Path | None, typer.Option(help="Instead: all whom a later run's register shows as closed.")] = None,
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """The next ticket of the stratum takes the place of a subject that cannot be visited; it is logged.

    Raises:
        DataError: Both ``--subject`` and ``--closed-in`` were given, or neither; the day or the folder cannot be read.
        DrawError: The subject was not drawn or was replaced already, or its stratum has no further ticket.
    """
    from creditscore.pipeline.draws import replace_closed, replace_subject

    words = Words.of(lang)
    if (subject is None) == (closed_in is None):
        raise DataError("plan replace: expected --subject with --reason, or --closed-in")
    day = day_of(on, name="--on")
    if closed_in is not None:
        replaced = replace_closed(plan_dir, closed_in, by=by, on=day, lang=lang)
    else:
        replaced = [replace_subject(plan_dir, subject or "", reason=reason, by=by, on=day, lang=lang)]
    document = [
        {"subject_id": replacement.subject_id, "replaced_by": replacement.replaced_by, "mode": replacement.mode}
        for replacement in replaced
    ]
    show({"replaced": document}, _replacements(replaced, words), as_json=as_json)


def _replacements(replaced: list[Replacement], words: Words) -> list[str]:
    heads = (words.text(_("cannot be visited")), words.text(_("replaced by")), words.text(_("stratum")))
    rows = [(replacement.subject_id, replacement.replaced_by, replacement.stratum) for replacement in replaced]
    return table_lines(heads, rows) if rows else [words.text(_("nobody had to be replaced"))]


def join(
    plan_dir: PlanArg,
    run: Annotated[Path, typer.Option("--run", help="A later run's folder: its register says who came.")],
    by: ByOption,
    on: OnOption,
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """Give subjects that came after the frame their tickets: drawn or not, at the ratio of their stratum; it is logged."""
    from creditscore.pipeline.draws import join_late

    words = Words.of(lang)
    joined = join_late(plan_dir, run, by=by, on=day_of(on, name="--on"), lang=lang)
    drawn = [subject for subject in joined if subject.drawn]
    counts = words.text(_("{n_found:,} came later, {n_drawn:,} of them drawn", n_found=len(joined), n_drawn=len(drawn)))
    heads = (words.text(_("subject")), words.text(_("stratum")), words.text(_("inspectors")))
    lines = [
        counts,
        *(
            table_lines(heads, [(subject.subject_id, subject.stratum, " ".join(subject.team)) for subject in drawn])
            if drawn
            else ()
        ),
    ]
    show({"joined": len(joined), "drawn": [subject.subject_id for subject in drawn]}, lines, as_json=as_json)


def log(plan_dir: PlanArg, lang: LangOption = DEFAULT_LANGUAGE, as_json: JsonOption = False) -> None:
    """What happened to a plan since its draw, from its chained log."""
    from creditscore.inspection.plan_folder import read_log

    words = Words.of(lang)
    names = {
        "drawn": words.text(pgettext("event", "drawn")),
        "draw_refused": words.text(_("another draw refused")),
        "replaced": words.text(_("replaced")),
        "joined": words.text(_("joined")),
    }
    lines = read_log(plan_dir)
    heads = ("", words.text(_("day")), words.text(_("what")), words.text(pgettext("log", "subject")), words.text(_("by")))
    rows = [(str(e["number"]), e["on"] or "", names[e["what"]], _about(e), e.get("by", "")) for e in lines]
    show({"log": lines}, table_lines(heads, rows) if rows else [words.text(_("nothing yet"))], as_json=as_json)


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
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """Draw a frame too large for a plan folder, on an engine and in flat memory; the same tickets, the same sample."""
    from creditscore.pipeline.draws import draw_frame

    words = Words.of(lang)
    _refuse_other_than_parquet(frame)
    draw = draw_frame(engine_of(engine), frame, strata, task=task, seed=seed, out=out)
    line = words.text(
        _(
            "{task}: {drawn} drawn of {strata} strata: {file}",
            task=task,
            drawn=whole(draw.drawn),
            strata=whole(draw.strata),
            file=draw.file,
        )
    )
    show({"task": task, "drawn": draw.drawn, "file": str(draw.file)}, [line], as_json=as_json)


def _refuse_other_than_parquet(path: Path) -> None:
    """Refuse a file of another kind before anything is drawn; an absent one is refused by the draw.

    Raises:
        DataError: It is a folder, or not Parquet.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.exists():
        return
    try:
        pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError("{path}: expected a Parquet file ({kind} while reading it)", path=path, kind=type(error).__name__) from None
