"""``draw`` and ``verify-plan``: the one draw of a published frame, and the proof of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditscore.cli.options import JsonOption, LangOption, Language, PlanArg, day_of, show, words

if TYPE_CHECKING:
    from creditscore.inspection.verify import Verification


def draw(
    plan_dir: PlanArg,
    seed: Annotated[str, typer.Option("--seed", help="What nobody could know when the frame was published.")],
    seed_source: Annotated[str, typer.Option(help="Where the seed comes from, such as a lottery and its issue.")] = "",
    staff: Annotated[Path | None, typer.Option(help="Inspectors; those of the run by default.")] = None,
    recusals: Annotated[Path | None, typer.Option(help="Who may not inspect whom; those of the run by default.")] = None,
    on: Annotated[str | None, typer.Option(help="The day of the draw, for the manifest.")] = None,
    lang: LangOption = Language.zh,
    as_json: JsonOption = False,
) -> None:
    """The one draw of a published frame. A second one is refused."""
    from creditscore.pipeline.draw import draw_plan_folder

    day = None if on is None else day_of(on, option="--on")
    made = draw_plan_folder(plan_dir, seed=seed, seed_source=seed_source, staff=staff, recusals=recusals, on=day, lang=lang.value)
    task, drawn, frame = made.task.id, len(made.drawn), len(made.sample)
    told = words(
        lang,
        f"{task}：抽取 {drawn:,} 户，共 {frame:,} 户；框架 {made.frame_hash}",
        f"{task}: {drawn:,} drawn of {frame:,}; frame {made.frame_hash}",
    )
    show({"task": task, "drawn": drawn, "frame_hash": made.frame_hash, "seed": seed}, [told], as_json=as_json)


def verify_plan(
    plan_dir: Annotated[Path, typer.Argument(help="The folder of a plan: nothing else is read.")],
    frame_hash: Annotated[str | None, typer.Option(help="The hash that was published before the draw.")] = None,
    log_head: Annotated[str | None, typer.Option(help="The log's head that an earlier verification told.")] = None,
    publication: Annotated[Path | None, typer.Option(help="The list as it was published, to be checked too.")] = None,
    lang: LangOption = Language.zh,
    as_json: JsonOption = False,
) -> None:
    """Redraw from the sealed export alone; exit 2 and name the lines that do not hold. Says what it cannot see.

    The check is one file that runs without this package: creditscore/inspection/verify_draw.py.
    """
    from creditscore.inspection.verify import verify_plan as verify

    result = verify(plan_dir, frame_hash=frame_hash, log_head=log_head, publication=publication)
    document = {
        "ok": result.ok,
        "findings": list(result.findings),
        "seed": result.seed,
        "log_head": result.log_head,
        "not_covered": [{"code": code, "text": text} for code, text in result.not_covered],
    }
    show(document, [*_told(result, lang), *_scope(result, lang)], as_json=as_json)
    if not result.ok:
        raise typer.Exit(2)


def _told(found: Verification, lang: Language) -> list[str]:
    """The outcome in a line, then a line for each finding (as it stands in the verifier, with file and line)."""
    if found.findings:
        count = len(found.findings)
        return [words(lang, f"核对不符：{count} 处", f"not verified: {count} findings"), *(f"  {one}" for one in found.findings)]
    if found.seed is None:
        state = words(lang, "尚未抽取；框架和计划数无误", "not drawn yet; frame and targets are sound")
    else:
        state = words(
            lang, f"抽取 {found.drawn:,} 户，与种子“{found.seed}”一致", f'{found.drawn:,} drawn as the seed "{found.seed}" says'
        )
    return [
        words(
            lang,
            f"核对无误：{found.subjects:,} 户；{state}；框架 {found.frame_hash}",
            f"verified: {found.subjects:,} subjects; {state}; frame {found.frame_hash}",
        ),
        words(lang, f"日志末行 {found.log_head}", f"head of the log {found.log_head}"),
    ]


#: The limits of the check in Chinese, by their code; what a single line of the log adds is in English.
_SCOPE_ZH = {
    "scope.subjects": "框架是否包含所有应在其中的主体，等级、行业、区域是否属实，抽取前退出者的理由是否属实：请与登记信息核对。",
    "scope.policy": "抽查比例是否为已签署政策的比例：清单文件载有其 SHA-256，请与政策文件核对。",
    "scope.seed": "种子是否出自事先公布的来源，框架哈希公布时是否无人知晓种子。",
    "scope.other_draws": "是否曾用其他种子抽取同一框架后弃用。",
    "scope.staff": "检查人员库是否完整，其区域、部门、证件、回避信息是否属实，编号旁的姓名是否相符。",
    "scope.visits": "检查是否进行、结果是否属实：结果在抽取后填写，不在封存之列。",
    "scope.changes": "被替换的主体是否确实无法检查，后来的主体是否全部入账。",
    "scope.frame_hash": "框架是否为抽取前公布的框架：请给出公布的哈希（--frame-hash）。",
    "scope.log_head": "日志末尾是否被截去、日志是否整体重写：请给出以前留存的日志末行（--log-head）。",
    "scope.publication": "对外公布的名单是否为本文件夹的 publication.csv：请给出公布的文件（--publication）。",
    "scope.not_drawn": "抽取本身：本计划尚未抽取。",
}


def _scope(result: Verification, lang: Language) -> list[str]:
    """What the check cannot see, one line each under a heading."""
    heading = words(lang, "未核对：", "not covered:")
    return [heading, *(f"  {words(lang, _SCOPE_ZH.get(code, text), text)}" for code, text in result.not_covered)]
