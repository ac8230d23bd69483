"""``sign`` and ``sign-cards``: a person answers for a tier, or for the cards of the night."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from creditscore.cli.options import JsonOption, LangOption, Language, ProjectArg, RunArg, day_of, project_of, run_of, show, words
from creditscore.cli.table import table_lines
from creditscore.errors import DataError


def sign(
    run: RunArg,
    subject: Annotated[list[str] | None, typer.Option("--subject", help="A subject with a proposed tier; may be repeated.")] = None,
    reviewer: Annotated[str, typer.Option(help="Who signs, by staff number.")] = "",
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    on: Annotated[str | None, typer.Option(help="The day of the signature.")] = None,
    reject: Annotated[bool, typer.Option("--reject", help="Refuse the proposed tier.")] = False,
    workbook: Annotated[Path | None, typer.Option(help="plan.xlsx with the sheet 待复核 filled in.")] = None,
    lang: LangOption = Language.zh,
    as_json: JsonOption = False,
) -> None:
    """Sign proposed tiers, singly or from the workbook; the next run of that day lets them hold."""
    from creditscore.pipeline.review import sign_subjects, sign_workbook

    folder = run_of(run).path
    if workbook is not None:
        count = sign_workbook(folder, workbook)
    elif on is None:
        raise DataError("sign: expected --on, the day of the signature (got nothing)")
    else:
        decision: Literal["approve", "reject"] = "reject" if reject else "approve"
        day = day_of(on, option="--on")
        count = sign_subjects(folder, subject or [], reviewer=reviewer, reason=reason, on=day, decision=decision)
    told = words(lang, f"已签批 {count} 户；重新运行当日批处理后生效", f"{count} signed; run the day again to let them hold")
    show({"signed": count}, [told], as_json=as_json)


def sign_cards(
    project: ProjectArg,
    reviewer: Annotated[str, typer.Option(help="Who signs.")],
    on: Annotated[str, typer.Option(help="The day of the signature.")],
    run: Annotated[Path | None, typer.Option(help="Take the cards of this run, OUT/<as_of>, in place of those there.")] = None,
    table: Annotated[Path | None, typer.Option(help="Take one card of expert points, a workbook, in place of those there.")] = None,
    lang: LangOption = Language.zh,
    as_json: JsonOption = False,
) -> None:
    """Sign the cards in PROJECT/cards: the night scores with signed cards only."""
    from creditscore.pipeline.signed import sign_cards as sign_all

    day, loaded, taken = day_of(on, option="--on"), project_of(project), None if run is None else run_of(run).path
    made = sign_all(loaded, signed_by=reviewer, on=day, run=taken, table=table)
    heads = [words(lang, *pair) for pair in (("评分卡", "card"), ("签署人", "signed by"), ("日期", "on"), ("SHA-256", "SHA-256"))]
    rows = [(card.industry, card.signed_by, card.on.isoformat(), card.sha256) for card in made.values()]
    show({"cards": [card.model_dump(mode="json") for card in made.values()]}, table_lines(heads, rows), as_json=as_json)
