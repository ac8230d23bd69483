"""``explain``, ``lookup``, ``feedback``: what a finished run says of one subject or of many codes, and what came of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditscore.cli.codes import codes_asked
from creditscore.cli.options import JsonOption, LangOption, Language, RunArg, day_of, file_to_write, rows_of, run_of, show, words
from creditscore.cli.table import table_lines

if TYPE_CHECKING:
    import pandas as pd

#: Heads of the credit check, in its order.
_HEADS = {
    "subject_id": ("统一社会信用代码", "Subject id"),
    "found": ("是否查到", "Found"),
    "tier": ("等级", "Tier"),
    "status": ("状态", "Status"),
    "as_of": ("数据日期", "As of"),
    "scorecard": ("评分卡", "Scorecard"),
    "lists": ("列入名单", "Lists"),
    "measures": ("监管措施", "Measures"),
    "record": ("核查编号", "Check no."),
}
#: What became of a subject's ticket after the draw, told behind whether it was drawn.
_STANDING = {
    "replaced": ("，已由他户递补", "; another goes in its place"),
    "replacement": ("，递补无法检查者", "; takes the place of one that cannot be visited"),
    "late": ("，后增，按比例", "; came late, by the ratio"),
}
_STATUS = {"final": ("现行", "final"), "proposed": ("待签批", "proposed")}


def explain(
    run: RunArg,
    subject_id: Annotated[str, typer.Argument(help="The subject, as it stands in the run.")],
    lang: LangOption = Language.zh,
    html: Annotated[Path | None, typer.Option(help="Write a page for the subject.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Why one subject has its tier, and how to object."""
    from creditscore.batch import atomic_write
    from creditscore.pipeline.ask import explain as explain_one

    told = explain_one(run_of(run), subject_id)
    if html:
        atomic_write(file_to_write(html, option="--html"), told.to_html(lang.value).encode())
    reasons = [] if told.points is None else [line.name for line in told.points.reasons]
    show({**dataclasses.asdict(told), "reasons": reasons}, [told.to_text(lang.value)], as_json=as_json)


def lookup(
    run: RunArg,
    ids: Annotated[list[str] | None, typer.Argument(help="Codes.")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="Codes from a file: one a line (UTF-8), or the first column of a .csv or .xlsx.")
    ] = None,
    purpose: Annotated[str, typer.Option(help="What the answer is used for.")] = "",
    by: Annotated[str, typer.Option(help="Who asks.")] = "",
    on: Annotated[str | None, typer.Option(help="The day of the check.")] = None,
    lang: LangOption = Language.zh,
    as_json: JsonOption = False,
) -> None:
    """The credit check (信用核查) of one code or many, with each subject's own tickets; it is noted."""
    from creditscore.pipeline.ask import lookup as look_up

    folder = run_of(run)
    codes = codes_asked(ids or [], file, run=folder)
    day = None if on is None else day_of(on, option="--on")
    found = look_up(folder, codes, purpose=purpose, by=by, on=day, lang=lang.value)
    show({"rows": rows_of(found)}, [*_told(found, lang), *_draws(found, lang)], as_json=as_json)


def feedback(
    run: RunArg,
    record: Annotated[int, typer.Argument(help="The number of the credit check.")],
    result: Annotated[str, typer.Option("--result", help="What was done with the answer.")],
    by: Annotated[str, typer.Option("--by", help="Who did.")],
    on: Annotated[str, typer.Option("--on", help="The day.")],
    lang: LangOption = Language.zh,
    as_json: JsonOption = False,
) -> None:
    """Note what came of a credit check (应用反馈)."""
    from creditscore.pipeline.ask import feedback as note_feedback

    note_feedback(run_of(run), record, result=result, by=by, on=day_of(on, option="--on"))
    show({"record": record}, [words(lang, f"已记录第 {record} 次核查的应用反馈", f"noted for check {record}")], as_json=as_json)


def _draws(found: pd.DataFrame, lang: Language) -> list[str]:
    """Each subject's own row of every plan, under the credit check."""
    lines = []
    for row in (row for rows in found["draws"] for row in rows):
        if not row["seed"]:
            state = words(lang, "尚未抽取", "not drawn yet")
        elif row["exempt_reason"]:
            state = words(lang, f"抽取前退出（{row['exempt_reason']}）", f"left before the draw ({row['exempt_reason']})")
        else:
            state = words(lang, "抽中", "drawn") if row["drawn"] else words(lang, "未抽中", "not drawn")
            state += words(lang, *_STANDING.get(row["standing"], ("", "")))
        of = words(
            lang, f"本层抽 {row['target']:,} / {row['population']:,}", f"{row['target']:,} of {row['population']:,} in its stratum"
        )
        lines += ["", f"{row['subject_id']} {row['task']}: {state} ({of})"]
        if row["ticket"]:
            lines += [
                f'  SHA-256("{row["text_of_ticket"]}")',
                f"  = {row['ticket']}",
                words(lang, f"  本层最后中签号 {row['last_ticket']}", f"  last ticket that is drawn {row['last_ticket']}"),
            ]
    return lines


def _told(found: pd.DataFrame, lang: Language) -> list[str]:
    rows = []
    for row in found.to_dict("records"):
        cells = {str(name): "" if cell is None or cell != cell else str(cell) for name, cell in row.items()}
        cells["found"] = words(lang, "是", "yes") if row["found"] else words(lang, "否", "no")
        cells["status"] = words(lang, *_STATUS.get(cells["status"], (cells["status"],) * 2))
        rows.append([cells[name][:12] if name == "scorecard" else cells[name] for name in _HEADS])
    return table_lines([words(lang, *pair) for pair in _HEADS.values()], rows)
