"""``monitor``, ``report`` and ``replay``: what became of a run, its documents again, and its outputs again."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditscore.cli.options import (
    DataOption,
    EngineName,
    EngineOption,
    JsonOption,
    LangOption,
    Language,
    RunArg,
    data_of,
    engine_of,
    project_of,
    rows_of,
    run_of,
    show,
    words,
)
from creditscore.cli.table import decimal, table_lines
from creditscore.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from creditscore.pipeline.folder import RunFolder


def monitor(
    run: RunArg,
    reference: Annotated[Path | None, typer.Option(help="The run to compare with; the one before by default.")] = None,
    lang: LangOption = Language.zh,
    as_json: JsonOption = False,
) -> None:
    """How scores and characteristics moved since an earlier run."""
    from creditscore.pipeline.watch import compare_runs

    now = run_of(run)
    before = run_of(reference) if reference else now.before()
    if before is None:
        raise DataError(f"monitor: expected an earlier run beside {run} (got none); name one with --reference")
    found = compare_runs(now, before)
    show({"rows": rows_of(found)}, _moved(found, now, before, lang), as_json=as_json)


def _moved(found: pd.DataFrame, now: RunFolder, before: RunFolder, lang: Language) -> list[str]:
    """The comparison as a table; what exceeds its critical value has moved more than chance would."""
    from creditscore.pipeline.score import read_cards

    labels = {
        one.name: one.label.text(lang.value) for card in read_cards(now.file("scorecards")).values() for one in card.characteristics
    }
    labels["score"] = words(lang, "得分", "score")
    pairs = (
        ("指标", "characteristic"),
        ("PSI", "PSI"),
        ("临界值", "critical value"),
        ("分值变动", "shift in points"),
        ("变化", "moved"),
    )
    rows = []
    for row in found.to_dict("records"):
        moved = words(lang, "有", "yes") if row["psi"] > row["critical"] else words(lang, "无", "no")
        figures = (decimal(row["psi"], 4), decimal(row["critical"], 4), decimal(row["points_shift"], 2))
        rows.append([labels.get(row["name"], row["name"]), *figures, moved])
    days = words(lang, f"{now.as_of} 与 {before.as_of} 相比", f"{now.as_of} against {before.as_of}")
    return [days, *table_lines([words(lang, *pair) for pair in pairs], rows, numbers=(1, 2, 3))]


class BookLanguage(StrEnum):
    """The language of a workbook; both are joint headers over Chinese cells."""

    zh = "zh"
    en = "en"
    both = "both"


def report(
    run: RunArg,
    lang: Annotated[
        BookLanguage, typer.Option("--lang", help="Language of the documents; both in the workbook's heads.")
    ] = BookLanguage.zh,
    as_json: JsonOption = False,
) -> None:
    """Make plan.xlsx and report.html of a run again from its folder."""
    from creditscore.batch import locked
    from creditscore.pipeline.documents import write_documents
    from creditscore.pipeline.draw import reseal

    folder = run_of(run)
    with locked(folder.out):
        write_documents(folder, lang=lang.value)
        reseal(folder)
    workbook, page = str(folder.file("plan.xlsx")), str(folder.file("report.html"))
    show({"workbook": workbook, "report": page}, [workbook, page], as_json=as_json)


def replay(
    run: RunArg,
    project: Annotated[Path, typer.Option("--project", help="The project as it was.")],
    data: DataOption,
    engine: EngineOption = EngineName.duckdb,
    lang: LangOption = Language.zh,
    as_json: JsonOption = False,
) -> None:
    """Rebuild every output of a run from the same inputs, or list what differs (exit 2)."""
    from creditscore.pipeline.replay import replay_run

    folder, loaded = run_of(run), project_of(project)
    differing = replay_run(loaded, folder.path, data=data_of(data), engine=engine_of(engine))
    if differing:
        told = words(lang, "不一致：", "differs: ") + words(lang, "、", ", ").join(differing)
    else:
        told = words(lang, "每个输出都已重新得出", "every output was rebuilt")
    show({"rebuilt": not differing, "differing": differing}, [told], as_json=as_json)
    if differing:
        raise typer.Exit(2)
