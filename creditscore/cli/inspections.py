"""Plans, draws, results and signatures; ``forecast`` tries a policy before it is signed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from creditscore.cli import task_log, tasks
from creditscore.cli.options import (
    Computing,
    ConfOption,
    DataOption,
    EngineName,
    EngineOption,
    JsonOption,
    LangOption,
    MasterOption,
    ObjectionsOption,
    ProjectArg,
    RunArg,
    data_of,
    day_of,
    engine_of,
    help_of,
    project_of,
    rows_of,
    run_of,
    runs_of,
    settle_around,
    show,
)
from creditscore.cli.output import table_lines, whole
from creditscore.errors import DataError
from creditscore.language import DEFAULT_LANGUAGE, Message, Words, _

if TYPE_CHECKING:
    from creditscore.inspection.verify import Verification

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Tasks: ratios, publication, and what follows the draw.")


@app.command("import")
def import_edited(
    out: Annotated[Path, typer.Argument(help="The folder of runs, or a run of it.")],
    file: Annotated[Path, typer.Argument(help="plan.xlsx of a run, with edited ratios.")],
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """Take the planner's edited ratios into the drafts. Published frames do not change."""
    from creditscore.pipeline.plans import import_ratios

    words = Words.of(lang)
    visits = import_ratios(runs_of(out), file, lang=lang)
    heads = (words.text(_("task")), words.text(_("visits")))
    changed = table_lines(heads, [(task, whole(count)) for task, count in visits.items()], numbers=[1])
    show({"visits": visits}, changed if visits else [words.text(_("no ratio has changed"))], as_json=as_json)


for _name, _command in (
    ("publish", tasks.publish), ("void", tasks.void), ("replace", tasks.replace), ("join", tasks.join), ("leave", tasks.leave),
    ("log", task_log.log), ("close", tasks.close), ("export", tasks.export), ("draw-table", tasks.draw_table),
):  # fmt: skip
    app.command(_name, help=help_of(_command))(_command)


def verify_plan(
    plan_dir: Annotated[Path, typer.Argument(help="A task's folder, or a copy of it, OUT/tasks/<task>.")],
    frame_hash: Annotated[str | None, typer.Option(help="The hash that was published before the draw.")] = None,
    log_head: Annotated[str | None, typer.Option(help="The head of the log that an earlier verification printed.")] = None,
    publication: Annotated[Path | None, typer.Option(help="The list as it was published, to be checked too.")] = None,
    register: Annotated[Path | None, typer.Option(help="register.jsonl, if it does not lie two folders above.")] = None,
    register_head: Annotated[str | None, typer.Option(help="The head of the register that was kept or published.")] = None,
    key: Annotated[Path | None, typer.Option(help="The key of the frame; by default OUT/keys/<task>.")] = None,
    outcome: Annotated[
        str | None, typer.Option(help="What the source of the seed published, as somebody found who looked.")
    ] = None,
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """Redraw from the sealed export, and ask the register; exit 2 and name the lines that fail. Lists what it cannot check.

    The check is one file that runs without this package: creditscore/inspection/verify_draw.py.

    Raises:
        typer.Exit: With code 2, where a line fails.
        DataError: The folder holds no plan; the published list is absent, or the plan is not drawn.
    """
    from creditscore.cli.objections import draw_objections
    from creditscore.inspection.verify import verify_plan as verify

    words = Words.of(lang)
    if publication is not None and not publication.is_file():
        raise DataError("{path}: expected a file (got nothing)", path=publication)
    settle_around(plan_dir)
    result = verify(
        plan_dir, frame_hash=frame_hash, log_head=log_head, publication=publication, register=register, register_head=register_head,
        key=key, outcome=outcome,
    )  # fmt: skip
    if publication is not None and result.seed is None and result.ok:
        raise DataError("--publication: expected a drawn plan (this one has no draw, hence no published list)")
    document: dict[str, Any] = {
        "ok": result.ok,
        "findings": list(result.findings),
        "seed": result.seed,
        "log_head": result.log_head,
        "register_head": result.register_head,
        "holds": [str(part) for part in result.held],
        "to_ask_about": [{"code": code, "text": text} for code, text in result.to_ask_about],
        "not_covered": [{"code": code, "text": text} for code, text in result.not_covered],
    }
    objected, told = draw_objections(plan_dir, words)
    document["objections"] = objected
    show(document, [*_draw_lines(result, words), *told, *_scope(result, words)], as_json=as_json)
    if not result.ok:
        raise typer.Exit(2)


def _draw_lines(result: Verification, words: Words) -> list[str]:
    """The outcome in a line, then a line for each finding, with file and line."""
    asked = len(result.asked)
    if result.findings:
        count = len(result.findings)
        return [
            words.text(
                _("not verified, with {asked} to ask about: {count} findings", asked=asked, count=count)
                if asked
                else _("not verified: {count} findings", count=count)
            ),
            *(f"  {words.text(finding)}" for finding in result.messages),
        ]
    if result.seed is None:
        state = words.text(_("not drawn yet; frame and targets are sound"))
    elif result.without_key:
        said = _(
            '{drawn:,} drawn with the seed "{seed}", no ticket computed for want of the key', drawn=result.drawn, seed=result.seed
        )
        state = words.text(said)
    else:
        state = words.text(_('{drawn:,} drawn as the seed "{seed}" requires', drawn=result.drawn, seed=result.seed))
    counts = {"subjects": result.subjects, "state": state, "frame_hash": result.frame_hash}
    verified = (
        _("verified, with {asked} to ask about: {subjects:,} subjects; {state}; frame {frame_hash}", asked=asked, **counts)
        if asked
        else _("verified: {subjects:,} subjects; {state}; frame {frame_hash}", **counts)
    )
    return [
        words.text(verified),
        words.text(_("head of the log {log_head}", log_head=result.log_head)),
        *([words.text(_("head of the register {head}", head=result.register_head))] if result.register_head else []),
    ]


def _scope(result: Verification, words: Words) -> list[str]:
    """What holds, what to ask about, and the limits of the check, one line each under a heading; then how much there is to ask."""
    count = len(result.asked)
    if not result.ok:
        verdict = _("not verified; to ask about: {count}", count=count)
    elif result.without_key:
        verdict = _("verified without the key; to ask about: {count}", count=count)
    else:
        verdict = _("verified; to ask about: {count}", count=count)
    return [
        *(line for heading, told in result.page for line in (words.text(heading), *(f"  {words.text(one)}" for one in told))),
        words.text(verdict),
    ]


def sign(
    run: RunArg,
    subject: Annotated[list[str] | None, typer.Option("--subject", help="A subject with a proposed tier; may be repeated.")] = None,
    reviewer: Annotated[str, typer.Option(help="Who signs, by staff number.")] = "",
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    on: Annotated[str | None, typer.Option(help="The day of the signature.")] = None,
    reject: Annotated[bool, typer.Option("--reject", help="Refuse the proposed tier.")] = False,
    workbook: Annotated[Path | None, typer.Option(help="plan.xlsx with the sheet 待复核 filled in.")] = None,
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """Sign proposed tiers, singly or from the workbook; they take effect when that day is run again.

    Raises:
        DataError: ``--on`` is missing without a workbook; a signature lacks a reviewer or a reason, or a cell cannot be read.
    """
    from creditscore.pipeline.tier import sign_subjects, sign_workbook

    words = Words.of(lang)
    folder = run_of(run).path
    if workbook is not None:
        count = sign_workbook(folder, workbook)
    elif on is None:
        raise DataError("sign: expected --on, the day of the signature (got nothing)")
    else:
        decision: Literal["approve", "reject"] = "reject" if reject else "approve"
        day = day_of(on, name="--on")
        count = sign_subjects(folder, subject or [], reviewer=reviewer, reason=reason, on=day, decision=decision)
    done = _("{count} signed; run the day again to let the signatures take effect", count=count)
    line = words.text(done if count else _("nothing changed: these signatures are in the register already"))
    show({"signed": count}, [line], as_json=as_json)


def sign_cards(
    project: ProjectArg,
    reviewer: Annotated[str, typer.Option(help="Who signs.")],
    on: Annotated[str, typer.Option(help="The day of the signature.")],
    run: Annotated[Path | None, typer.Option(help="Use the cards of this run, OUT/<as_of>, instead of those there.")] = None,
    table: Annotated[Path | None, typer.Option(help="Use one card of expert points, a workbook, instead of those there.")] = None,
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """Sign the cards in PROJECT/cards: a run scores with signed cards only."""
    from creditscore.pipeline.signed_cards import sign_cards as sign_all

    words = Words.of(lang)
    day, loaded, source = day_of(on, name="--on"), project_of(project), None if run is None else run_of(run).path
    cards = sign_all(loaded, signed_by=reviewer, on=day, run=source, table=table)
    heads = [words.text(head) for head in (_("card"), _("signed by"), _("on"), Message("SHA-256"))]
    rows = [(card.industry, card.signed_by, card.on.isoformat(), card.sha256) for card in cards.values()]
    show({"cards": [card.model_dump(mode="json") for card in cards.values()]}, table_lines(heads, rows), as_json=as_json)


def forecast(
    project: ProjectArg,
    policy: Annotated[Path, typer.Option("--policy", help="The policy file to try.")],
    run: Annotated[Path, typer.Option("--run", help="The run whose scores are used, OUT/<as_of>.")],
    data: DataOption,
    by: Annotated[str | None, typer.Option(help="Also the burden by size_class, region or subject_type.")] = None,
    capacity: Annotated[
        list[str] | None, typer.Option(help="Visits of a department, as NAME=600: also the ratios that find most. Repeat it.")
    ] = None,
    engine: EngineOption = EngineName.duckdb,
    master: MasterOption = None,
    conf: ConfOption = None,
    objections: ObjectionsOption = None,
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """What a policy would find and cost, before it is signed; and with which ratios the visits would find most."""
    from creditscore.cli.output import allocation_lines, burden_lines, forecast_lines
    from creditscore.pipeline.policy_trial import try_policy

    words = Words.of(lang)
    visits, loaded, folder = _visits(capacity or []), project_of(project), run_of(run)
    computes = engine_of(Computing(engine, master, conf), (data, folder.out), loaded)
    trial = try_policy(loaded, folder, policy, data=data_of(data), engine=computes, objections=objections)
    expected = trial.forecast()
    document: dict[str, Any] = {"tiers": rows_of(expected.table()), "summary": expected.summary()}
    lines = forecast_lines(expected, words)
    if by is not None:
        burden = expected.burden(by)
        document["burden"] = rows_of(burden)
        lines += ["", *burden_lines(burden, by, words)]
    if visits:
        best = trial.allocate(visits)
        parts = {"strata": best.strata, "departments": best.departments, "floors": best.floors}
        document["allocation"] = {"expected": best.expected, **{name: rows_of(frame) for name, frame in parts.items()}}
        lines += ["", *allocation_lines(best, words)]
    show(document, lines, as_json=as_json)


#: More digits than any number of visits has.
_MOST_DIGITS = 9


def _visits(options: list[str]) -> dict[str, int]:
    """Visits by department, from ``NAME=600``.

    Raises:
        DataError: A department has no name, or its visits are not a whole number.
    """
    visits = {}
    for option in options:
        name, _mark, count = option.rpartition("=")
        if not name or not count.isdecimal() or len(count) > _MOST_DIGITS:
            raise DataError("--capacity: expected NAME=VISITS such as 600 (got {option!r})", option=option)
        visits[name] = int(count)
    return visits
