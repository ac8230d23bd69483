"""``plan replace``, ``plan join``, ``plan log``: what happens to a drawn plan afterwards; and draws of large frames."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from creditscore.cli.table import table_lines, whole
from creditscore.errors import DataError

if TYPE_CHECKING:
    from creditscore.tiering.sealed.replace import Replacement

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
    from creditscore.pipeline.afterwards import replace_closed, replace_subject

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
    from creditscore.pipeline.afterwards import join_late

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
    from creditscore.tiering.sealed.log import entries

    names = {
        "drawn": words(lang, "抽取", "drawn"),
        "draw_refused": words(lang, "再次抽取被拒", "another draw refused"),
        "replaced": words(lang, "递补", "replaced"),
        "joined": words(lang, "后增", "joined"),
    }
    lines = entries(plan_dir)
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
    from creditscore.pipeline.draw_large import draw_frame

    made = draw_frame(engine_of(engine), frame, strata, task=task, seed=seed, out=out)
    told = words(
        lang,
        f"{task}：{whole(made.strata)} 层抽取 {whole(made.drawn)} 户：{made.file}",
        f"{task}: {whole(made.drawn)} drawn of {whole(made.strata)} strata: {made.file}",
    )
    show({"task": task, "drawn": made.drawn, "file": str(made.file)}, [told], as_json=as_json)
