"""Questions about single subjects, and lists of records that are not scored or can soon be repaired."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditscore.cli.options import (
    AsOfOption,
    Computing,
    ConfOption,
    DataOption,
    EncodingOption,
    EngineName,
    EngineOption,
    JsonOption,
    LangOption,
    MasterOption,
    ObjectionsOption,
    ProjectArg,
    RunArg,
    TableLangOption,
    data_of,
    day_of,
    engine_of,
    file_to_write,
    past_day_of,
    project_of,
    rows_of,
    run_of,
    show,
)
from creditscore.cli.output import table_lines
from creditscore.cli.runs import codes_asked
from creditscore.errors import DataError
from creditscore.language import DEFAULT_LANGUAGE, Words, _, pgettext
from creditscore.vocabulary import PROPOSED

if TYPE_CHECKING:
    import pandas as pd

    from creditscore.config.project import Project

#: Heads of the credit check, in its order.
_LOOKUP_HEADS = {
    "subject_id": _("Subject id"),
    "found": _("Found"),
    "tier": _("Tier"),
    "status": _("Status"),
    "as_of": pgettext("column", "As of"),
    "incomplete_since": _("Incomplete since"),
    "scorecard": _("Scorecard"),
    "lists": _("Lists"),
    "measures": _("Measures"),
    "record": _("Check no."),
}
#: What happened to a subject's ticket after the draw; shown after the word that says whether it was drawn.
_AFTER_DRAW = {
    "replaced": _("; another goes in its place"),
    "replacement": _("; takes the place of one that cannot be visited"),
    "late": _("; came late, by the ratio"),
}
_STATUS = {"final": _("final"), "proposed": _("proposed")}


def explain(
    run: RunArg,
    subject_id: Annotated[str, typer.Argument(help="The subject's id, as in the run.")],
    lang: LangOption = DEFAULT_LANGUAGE,
    html: Annotated[Path | None, typer.Option(help="Write a page for the subject.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Why one subject has its tier: rule and legal basis, records, what it can change, and how to object."""
    from creditscore.pipeline.credit_check import explain as explain_one
    from creditscore.storage import atomic_write

    explanation = explain_one(run_of(run), subject_id)
    if html:
        atomic_write(file_to_write(html, option="--html"), explanation.to_html(lang).encode())
    show(explanation.to_json(), [explanation.to_text(lang)], as_json=as_json)


def lookup(
    run: RunArg,
    purpose: Annotated[str, typer.Option("--purpose", help="What the answer is used for: one of the project's list.")],
    by: Annotated[str, typer.Option("--by", help="Who asks; the name is recorded, not proved.")],
    on: Annotated[str, typer.Option("--on", help="The day of the check.")],
    ids: Annotated[list[str] | None, typer.Argument(help="Codes.")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="Codes from a file: one a line, or the first column of a .csv or .xlsx.")
    ] = None,
    encoding: EncodingOption = "auto",
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """The credit check (信用核查) of one code or many, with each subject's own tickets; it is noted."""
    from creditscore.pipeline.credit_check import answered_as_of
    from creditscore.pipeline.credit_check import lookup as look_up

    words, day = Words.of(lang), past_day_of(on, name="--on")
    folder = run_of(run)
    codes = codes_asked(ids or [], file, run=folder, encoding=encoding)
    answers = look_up(folder, codes, purpose=purpose, by=by, on=day, lang=lang)
    note = answered_as_of(folder, day)
    told = [] if note is None else [words.text(note)]
    lines = [*_lookup_lines(answers, words), *_next_steps(answers), *told, *_draws(answers, words)]
    show({"rows": rows_of(answers), "note": told[0] if told else ""}, lines, as_json=as_json)


def feedback(
    run: RunArg,
    record: Annotated[int, typer.Argument(help="The number of the credit check.")],
    result: Annotated[str, typer.Option("--result", help="What was done with the answer.")],
    by: Annotated[str, typer.Option("--by", help="Who did it.")],
    on: Annotated[str, typer.Option("--on", help="The day.")],
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """Note what came of a credit check (应用反馈)."""
    from creditscore.pipeline.credit_check import feedback as note_feedback

    words = Words.of(lang)
    note_feedback(run_of(run), record, result=result, by=by, on=past_day_of(on, name="--on"))
    show({"record": record}, [words.text(_("noted for check {record}", record=record))], as_json=as_json)


def _draws(answers: pd.DataFrame, words: Words) -> list[str]:
    """Each subject's own row of every plan, under the credit check; a blank line before the first, and around tickets."""
    lines: list[str] = []
    apart = True
    for row in (row for rows in answers["draws"] for row in rows):
        if not row["seed"]:
            state = words.text(_("not drawn yet"))
        elif row["exempt_reason"]:
            state = words.text(_("left before the draw ({exempt_reason})", exempt_reason=row["exempt_reason"]))
        else:
            state = words.text(_("drawn")) if row["drawn"] else words.text(_("not drawn"))
            state += words.text(_AFTER_DRAW.get(row["standing"], ""))
        of = words.text(_("{target:,} of {population:,} in its stratum", target=row["target"], population=row["population"]))
        lines += [*([""] if apart or row["ticket"] else []), f"{row['subject_id']} {row['task']}: {state} ({of})"]
        apart = bool(row["ticket"])
        if row["ticket"]:
            lines += [
                f'  SHA-256("{row["text_of_ticket"]}")',
                f"  = {row['ticket']}",
                words.text(_("  last ticket that is drawn {last_ticket}", last_ticket=row["last_ticket"])),
            ]
    return lines


def _next_steps(answers: pd.DataFrame) -> list[str]:
    """Under the table, a line for each id without a tier: who it is, and what to do."""
    return [f"{row['subject_id']}: {row['next_step']}" for row in answers.to_dict("records") if row.get("next_step")]


def _lookup_lines(answers: pd.DataFrame, words: Words) -> list[str]:
    from creditscore.reporting.words import TIER_WORDS

    rows = []
    for row in answers.to_dict("records"):
        cells = {str(name): "" if cell is None or cell != cell else str(cell) for name, cell in row.items()}
        cells["found"] = words.text(_("yes")) if row["found"] else words.text(_("no"))
        cells["status"] = words.text(_STATUS.get(cells["status"], cells["status"]))
        if cells["tier"] == PROPOSED:
            cells["tier"] = words.text(TIER_WORDS[PROPOSED])
        rows.append([cells[name][:12] if name == "scorecard" else cells[name] for name in _LOOKUP_HEADS])
    return table_lines([words.text(pair) for pair in _LOOKUP_HEADS.values()], rows)


#: Heads of the table for people.
_RECORD_HEADS = {
    "subject_id": _("Subject id"),
    "kind": _("Kind"),
    "event_id": _("Record"),
    "document_no": _("Document"),
    "event_date": _("Date"),
    "may_apply_from": _("May apply from"),
}


def records(
    project: ProjectArg,
    data: DataOption,
    as_of: AsOfOption,
    bodies: Annotated[bool, typer.Option("--bodies", help="Government bodies' own records.")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Records whose shortest publication period ends soon.")] = False,
    engine: EngineOption = EngineName.duckdb,
    master: MasterOption = None,
    conf: ConfOption = None,
    objections: ObjectionsOption = None,
    lang: TableLangOption = None,
    as_json: JsonOption = False,
) -> None:
    """Lists of records: of government bodies (never scored), or soon open to repair.

    Raises:
        DataError: Both ``--bodies`` and ``--repair`` were given, or neither; the day or the data cannot be read.
        ConfigError: The project is wrong.
    """
    from creditscore.pipeline.credit_check import records_of_bodies
    from creditscore.pipeline.known_objections import objections_known
    from creditscore.records.deliveries.publicity import repair_reminders
    from creditscore.records.records import open_records

    if bodies == repair:
        raise DataError("records: expected --bodies or --repair")
    day, loaded, folder = day_of(as_of, name="--as-of"), project_of(project), data_of(data)
    known = None if objections is None else objections_known(objections, day)
    computes = engine_of(Computing(engine, master, conf), (folder,), loaded)
    opened = open_records(computes, loaded, data=folder, disputes=None if known is None else known.disputes)
    listed = records_of_bodies(opened, as_of=day) if bodies else repair_reminders(opened, as_of=day)
    if lang is None and not as_json:
        typer.echo(listed.to_csv(index=False), nl=False)
    else:
        show(
            {"rows": rows_of(listed.astype("str"))},
            _record_lines(listed, loaded, Words.of(lang or DEFAULT_LANGUAGE)),
            as_json=as_json,
        )


def _record_lines(listed: pd.DataFrame, project: Project, words: Words) -> list[str]:
    """The records as a table, kinds by their name, and how many they are."""
    from creditscore.records.columns.person_numbers import without_person_numbers

    names = {kind: words.text(item.label) for kind, item in project.catalogue.by_kind.items()}
    shown = listed.assign(kind=[names.get(kind, kind) for kind in listed["kind"]]).astype("object")
    rows = [["" if cell is None or cell != cell else str(cell) for cell in row] for row in shown.itertuples(index=False, name=None)]
    rows = [[without_person_numbers(cell, passports=False) for cell in row] for row in rows]
    heads = [words.text(_RECORD_HEADS[name]) for name in listed.columns]
    return [*table_lines(heads, rows), words.text(_("{n_rows:,} records", n_rows=len(rows)))]
