"""``results``: what inspections found, read back from the workbook."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditscore.cli.options import JsonOption, LangOption, Language, RunArg, data_of, day_of, run_of, show, words

if TYPE_CHECKING:
    from creditscore.pipeline.results import Taken


def results(
    run: RunArg,
    file: Annotated[Path, typer.Argument(help="plan.xlsx with results filled in.")],
    known: Annotated[str, typer.Option(help="The day on which the results were handed in.")],
    data: Annotated[Path | None, typer.Option("--data", help="Also put them into this data folder, for the next training.")] = None,
    lang: LangOption = Language.zh,
    as_json: JsonOption = False,
) -> None:
    """Read inspection results back; they become next year's random labels."""
    from creditscore.pipeline.results import take_results

    day = day_of(known, option="--known")
    taken = take_results(run_of(run).path, file, known=day, data=None if data is None else data_of(data))
    show({"file": str(taken.file), "rows": taken.results, "otherwise": taken.otherwise}, _told(taken, lang), as_json=as_json)


def _told(taken: Taken, lang: Language) -> list[str]:
    told = words(lang, f"已读回 {taken.results:,} 条检查结果：{taken.file}", f"{taken.results:,} results in {taken.file}")
    other = words(
        lang,
        f"其中 {taken.otherwise:,} 户的检查方式与抽取时不同，不用于训练",
        f"{taken.otherwise:,} of them were checked otherwise than drawn and train nothing",
    )
    return [told, *([other] if taken.otherwise else [])]
