"""``draw`` and ``verify-plan``: the one draw of a published frame, and the proof of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditscore.cli.options import JsonOption, LangOption, Language, PlanArg, day_of, show, words

if TYPE_CHECKING:
    from creditscore.tiering.verify import Verification


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
    lang: LangOption = Language.zh,
    as_json: JsonOption = False,
) -> None:
    """Redraw from the sealed export alone; exit 2 and name the lines that do not hold."""
    from creditscore.tiering.verify import verify_plan as verify

    found = verify(plan_dir, frame_hash=frame_hash, log_head=log_head)
    told = {"ok": found.ok, "findings": list(found.findings), "seed": found.seed, "log_head": found.log_head}
    show(told, _told(found, lang), as_json=as_json)
    if not found.ok:
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
