"""``plan``: the group of commands on the plans of a run; those after the draw stand in ``after_draw``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from creditscore.cli import after_draw
from creditscore.cli.options import JsonOption, LangOption, Language, RunArg, run_of, show, words
from creditscore.cli.table import table_lines, whole

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Plans: edited ratios, and what happens after the draw.")


@app.command("import")
def import_edited(
    run: RunArg,
    file: Annotated[Path, typer.Argument(help="plan.xlsx with edited ratios.")],
    lang: LangOption = Language.zh,
    as_json: JsonOption = False,
) -> None:
    """Take the planner's edited ratios into the frames that are not drawn yet."""
    from creditscore.pipeline.ratios import import_ratios

    visits = import_ratios(run_of(run).path, file)
    heads = (words(lang, "任务", "task"), words(lang, "计划检查", "visits"))
    changed = table_lines(heads, [(task, whole(count)) for task, count in visits.items()], numbers=[1])
    show({"visits": visits}, changed if visits else [words(lang, "比例没有变化", "no ratio has changed")], as_json=as_json)


for _name, _command in (
    ("replace", after_draw.replace), ("join", after_draw.join), ("log", after_draw.log), ("draw-table", after_draw.draw_table),
):  # fmt: skip
    app.command(_name)(_command)
