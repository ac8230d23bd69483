"""``creditscore objection``: objections to a record, a visit's result, a grade, a tier or a draw, from intake to answer."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from creditscore.cli.options import (
    JsonOption,
    LangOption,
    OutOption,
    ProjectArg,
    day_of,
    help_of,
    past_day_of,
    project_of,
    runs_of,
    show,
)
from creditscore.cli.output import table_lines
from creditscore.errors import DataError
from creditscore.language import DEFAULT_LANGUAGE, Message, Words, _, pgettext
from creditscore.vocabulary import HIDDEN_WHILE_OPEN

if TYPE_CHECKING:
    from creditscore.inspection.objections import Objection
    from creditscore.vocabulary import Contested, ObjectionOutcome

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help=(
        "Objections to a record, the result of an inspection, a grade, a tier or a draw: taken in, listed with their deadlines, "
        "answered by a second person."
    ),
)
OutArg = Annotated[Path, typer.Argument(help="OUT, the folder of runs.")]
ByOption = Annotated[str, typer.Option("--by", help="Who does it; the name is recorded, not proved.")]
OnOption = Annotated[str, typer.Option("--on", help="The day, such as 2024-05-06.")]

AGAINST: dict[str, Message] = {
    "record": pgettext("against", "record"),
    "visit": pgettext("against", "inspection result"),
    "rating": pgettext("against", "grade"),
    "tier": pgettext("against", "tier"),
    "draw": pgettext("against", "draw"),
}
_OUTCOMES = {
    "": pgettext("objection", "open"),
    "upheld": pgettext("objection", "upheld"),
    "rejected": pgettext("objection", "rejected"),
    "withdrawn": pgettext("objection", "withdrawn"),
}
_HEADS = {
    "id": _("Objection"),
    "subject_id": _("Subject id"),
    "against": pgettext("column", "Against"),
    "about": pgettext("column", "About"),
    "on": pgettext("column", "Taken in"),
    "due": pgettext("column", "Due"),
    "state": pgettext("column", "State"),
    "holds": pgettext("column", "Holds"),
}


def file(
    project: ProjectArg,
    subject_id: Annotated[str, typer.Argument(help="The subject's id, as in the run.")],
    out: OutOption,
    applicant: Annotated[str, typer.Option("--applicant", help="Who objects: the firm's representative.")],
    by: ByOption,
    on: OnOption,
    grounds: Annotated[str, typer.Option("--grounds", help="Why, in one line.")],
    record: Annotated[
        str | None, typer.Option("--record", help="Against a record: its document number or id, as explain lists them.")
    ] = None,
    visit: Annotated[
        str | None, typer.Option("--visit", help="Against the result of an inspection: its id, or its day if there was one.")
    ] = None,
    rating: Annotated[
        str | None,
        typer.Option("--rating", help='Against a grade of another authority: its scheme, its day or both, "national 2024-03-01".'),
    ] = None,
    tier: Annotated[str | None, typer.Option("--tier", help="Against a tier: the day of the run, such as 2024-04-30.")] = None,
    draw: Annotated[str | None, typer.Option("--draw", help="Against a draw: the task.")] = None,
    evidence: Annotated[str, typer.Option("--evidence", help="Where the evidence is kept, such as a file number.")] = "",
    other_unit: Annotated[str, typer.Option("--other-unit", help="The unit that has to check the record.")] = "",
    new_evidence: Annotated[
        str,
        typer.Option(
            "--new-evidence",
            help=(
                "After a rejection: what was not known then, such as the number of a document and what it shows. The one who "
                "decides sees it beside the earlier answer."
            ),
        ),
    ] = "",
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """Take an objection in; it is numbered and has its deadline.

    An open one against a record, an inspection's result or a grade acts from the next night on. After a rejection a new one to
    the same thing needs new evidence, and suspends it only as often as the project allows.

    Raises:
        DataError: Not exactly one of the options; what it is against is not there or does not count; a text is missing, or after a
            rejection the new evidence.
    """
    from creditscore.inspection.objections import Filing
    from creditscore.pipeline.objections import file_objection

    words = Words.of(lang)
    given = {"record": record, "visit": visit, "rating": rating, "tier": tier, "draw": draw}
    named = {name: text for name, text in given.items() if text is not None}
    if len(named) != 1:
        raise DataError("objection: expected one of --record, --visit, --rating, --tier and --draw")
    ((against, about),) = named.items()
    filing = Filing(
        subject_id, cast("Contested", against), about, applicant, by, past_day_of(on, name="--on"), grounds, evidence, other_unit,
        new_evidence,
    )  # fmt: skip
    taken = file_objection(project_of(project), runs_of(out), filing)
    line = _(
        "objection {id}: against the {against} {about}; to be answered by {due} ({basis})",
        id=taken.id,
        against=AGAINST[taken.against],
        about=taken.about,
        due=taken.due,
        basis=taken.basis,
    )
    show(_document(taken), [words.text(line), words.text(_effect(taken))], as_json=as_json)


def decide(
    out: OutArg,
    objection: Annotated[str, typer.Argument(help="The number of the objection, such as 2024-1.")],
    outcome: Annotated[
        str, typer.Option("--outcome", metavar="<upheld|rejected|withdrawn>", help="How it is answered, in any language.")
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why, in one line.")],
    by: ByOption,
    on: OnOption,
    withdrawal: Annotated[
        str,
        typer.Option("--withdrawal", help="Of a withdrawn one: the number of the applicant's own document that withdraws it."),
    ] = "",
    withdrawal_date: Annotated[str | None, typer.Option("--withdrawal-date", help="The day of that document.")] = None,
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """Answer an objection; not by the person who took it in. An answer is never changed.

    Only the applicant withdraws an objection: that answer names the applicant's own document.
    """
    from creditscore.inspection.objection_intake import Answer
    from creditscore.pipeline.objections import decide_objection

    words = Words.of(lang)
    withdrawn_on = None if withdrawal_date is None else past_day_of(withdrawal_date, name="--withdrawal-date")
    answer = Answer(_outcome_of(outcome), reason, by, past_day_of(on, name="--on"), withdrawal, withdrawn_on)
    answered, new = decide_objection(runs_of(out), objection, answer)
    said = _("objection {id}: {outcome}", id=answered.id, outcome=_OUTCOMES[answered.outcome])
    lines = [words.text(said), words.text(_effect(answered))]
    if not new:
        lines = [words.text(_("nothing changed: this answer is in the register already"))]
    elif answered.is_late:
        lines.append(words.text(_("answered after its last day, {due}", due=answered.due)))
    show({**_document(answered), "new": new}, lines, as_json=as_json)


def _outcome_of(text: str) -> ObjectionOutcome:
    """The outcome that a word of any language names, or its own name.

    Raises:
        DataError: None does.
    """
    from creditscore.language import languages

    answers = {name: {name, *(Words.of(one).text(word) for one in languages())} for name, word in _OUTCOMES.items() if name}
    for name, names in answers.items():
        if text.strip().casefold() in {one.casefold() for one in names}:
            return cast("ObjectionOutcome", name)
    known = ", ".join(" / ".join([name, *sorted(names - {name})]) for name, names in answers.items())
    raise DataError("--outcome: expected one of {known} (got {got!r})", known=known, got=text)


def list_(
    out: OutArg,
    on: OnOption,
    every: Annotated[bool, typer.Option("--all", help="Answered ones too.")] = False,
    lang: LangOption = DEFAULT_LANGUAGE,
    as_json: JsonOption = False,
) -> None:
    """Open objections as they stood on a day, overdue ones first, with what each held; of one filed again what was answered."""
    from creditscore.pipeline.objections import list_objections

    words = Words.of(lang)
    rows = list_objections(runs_of(out), on=day_of(on, name="--on"), every=every)
    overdue = sum(row["overdue"] for row in rows)
    total = words.text(_("{n} objections, {overdue} overdue", n=len(rows), overdue=overdue))
    table = table_lines([words.text(head) for head in _HEADS.values()], [_cells(row, words) for row in rows]) if rows else []
    before = [words.text(line) for row in rows for line in _before(row)]
    show({"rows": rows, "overdue": overdue}, [*table, *before, total], as_json=as_json)


def _before(row: Mapping[str, Any]) -> Iterator[Message]:
    """What the one who decides has to know of an objection that was filed again: its new evidence, and the earlier answers."""
    if row["new_evidence"]:
        yield _("objection {id}: new evidence: {evidence}", id=row["id"], evidence=row["new_evidence"])
    for earlier in row["history"]:
        yield _(
            "objection {id}: filed again after {earlier}, {outcome} on {day} by {by}: {reason}",
            id=row["id"],
            earlier=earlier["id"],
            outcome=_OUTCOMES[earlier["outcome"]],
            day=earlier["decided_on"],
            by=earlier["decided_by"],
            reason=earlier["reason"],
        )


def objection_figures(counted: Mapping[str, Any], on: dt.date, words: Words) -> list[str]:
    """Counts of objections in a line, and the share upheld by kind of record and by provider; nothing where there are none."""
    if not counted["by_against"]:
        return []
    days = "-" if counted["days"] is None else words.number(counted["days"])
    counts = {name: counted[name] for name in ("open", "suspending", "overdue", "answered", "upheld", "late")}
    said = _(
        "Objections {on}: {open} open, of which {suspending} suspend what they are against, {overdue} overdue; {answered} "
        "answered, {upheld} upheld, {late} late, median {days} days",
        on=on,
        days=days,
        **counts,
    )
    lines = ["", words.text(said)]
    for key, by in (("kind", pgettext("objection", "by kind")), ("provider", pgettext("objection", "by provider"))):
        for row in counted[f"by_{key}"]:
            share = words.percent(row["upheld"] / row["answered"], 0) if row["answered"] else "-"
            line = _(
                "  {by} {name}: {answered} answered, {share} upheld", by=by, name=row[key], answered=row["answered"], share=share
            )
            lines.append(words.text(line))
    return lines


def draw_objections(task_dir: Path, words: Words) -> tuple[list[dict[str, Any]], list[str]]:
    """The objections against the draw of a task folder in ``OUT``, as documents and as lines; none for a copy elsewhere."""
    from creditscore.inspection.objections import all_objections
    from creditscore.inspection.register import REGISTER

    out = task_dir.resolve().parent.parent
    if not (out / REGISTER).is_file():
        return [], []
    try:
        known = all_objections(out)
    except DataError:  # a register that is no whole chain is a finding of the check itself
        return [], []
    own = [one for one in known if one.against == "draw" and one.about == task_dir.resolve().name]
    said = [
        _(
            "objection {id} against this draw, taken in {on}, to be answered by {due}: {state}",
            id=one.id,
            on=one.on,
            due=one.due,
            state=_OUTCOMES[one.outcome],
        )
        for one in own
    ]
    shown = [{"id": one.id, "on": one.on.isoformat(), "due": one.due.isoformat(), "outcome": one.outcome} for one in own]
    return shown, [words.text(one) for one in said]


def _cells(row: Mapping[str, Any], words: Words) -> list[str]:
    state = words.text(pgettext("objection", "overdue") if row["overdue"] else _OUTCOMES[row["outcome"]])
    if row["decided_on"] is not None:
        state = words.text(_("{outcome} on {day}", outcome=state, day=row["decided_on"]))
    shown = {**row, "state": state, "against": words.text(AGAINST[row["against"]]), "holds": words.text(_held(row))}
    return [str(shown[name]) for name in _HEADS]


def _held(row: Mapping[str, Any]) -> Message:
    """What an objection holds, in words."""
    if row["holds"] == "nothing" and not row["outcome"] and not row["suspends"] and row["against"] in HIDDEN_WHILE_OPEN:
        return _("nothing: filed again, it counts until upheld")
    return {
        "tier": _("it does not count; the tier stays {tier}", tier=row["held_tier"]),
        "record": _("it does not count"),
        "next_night": _("from the next night on it does not count"),
        "nothing": pgettext("objection", "nothing"),
    }[row["holds"]]


def _effect(one: Objection) -> Message:
    """What follows from an objection or its answer."""
    if one.against not in HIDDEN_WHILE_OPEN:
        return _("it changes nothing by itself: a person answers it, and what the answer means is done by its own command")
    if one.is_open and not one.suspends:
        return _counts_meanwhile(one)
    if one.is_open:
        return _("from the next night on it does not count, and the tier neither rises nor falls because of it")
    if one.outcome == "upheld":
        return _("from the next night on it counts no more, and a better tier holds at once")
    if not one.suspends:
        return _("it counts as before")
    if one.against == "record":
        return _("from the next night on it counts again, unless its provider has a dispute open itself: that goes on")
    return _("from the next night on it counts again")


def _counts_meanwhile(one: Objection) -> Message:
    """Why an open objection suspends nothing."""
    if not one.new_evidence:
        return _(
            "filed again after objection {earlier} without new evidence: what it is against counts until it is upheld",
            earlier=one.earlier,
        )
    return _(
        "filed again after objection {earlier}: others with new evidence have suspended this as often as the project allows "
        "([[again]] in objections.toml), so it counts until this one is upheld",
        earlier=one.earlier,
    )


def _document(one: Objection) -> dict[str, Any]:
    return {**dataclasses.asdict(one), "late": one.is_late}


for _name, _command in (("file", file), ("list", list_), ("decide", decide)):
    app.command(_name, help=help_of(_command))(_command)
