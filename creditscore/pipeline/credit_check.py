"""Ask a finished run: the credit check of codes, what came of it, and the explanation of one subject."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from creditscore.config.purposes import purpose_of
from creditscore.errors import DataError
from creditscore.inspection.objections import Objection, all_objections
from creditscore.inspection.sealed_export import own_rows
from creditscore.inspection.task_folder import open_folders
from creditscore.language import DEFAULT_LANGUAGE, Message, _
from creditscore.pipeline.out_folder import LOOKUPS
from creditscore.pipeline.run_folder import OBJECTIONS, RunFolder, RunResult, days_of, run_before
from creditscore.pipeline.run_store import BookFile, load_book
from creditscore.pipeline.score import DISPUTED_SCORES
from creditscore.records.adverse.readings import READINGS
from creditscore.records.own_records import OWN_RECORDS
from creditscore.reporting.asked_ids import UNSCORED, AskedIds, Notice
from creditscore.reporting.documents import Documents
from creditscore.reporting.explained import NextLegalStep, ToldObjection
from creditscore.reporting.explanation import Explanation, explain_subject
from creditscore.reporting.lookup import lookup_rows
from creditscore.storage import append_chain, read_chain, settle

if TYPE_CHECKING:
    from creditscore.config.objections import LegalStep
    from creditscore.records.records import Records

#: However a run is named: its result, or its folder.
Run = RunResult | RunFolder | str | Path
#: Types of subject that are bodies: their records are listed and never scored.
_BODIES = ("government", "institution")


def lookup(
    run: Run,
    ids: Iterable[str],
    *,
    purpose: str,
    by: str,
    on: dt.date,
    lang: str = DEFAULT_LANGUAGE,
) -> pd.DataFrame:
    """The credit check (信用核查) of codes against a run, noted in the hash-chained ``OUT/lookups.jsonl``.

    Args:
        run: A run's result or folder.
        ids: Codes; compared in their plain form (half width, upper case).
        purpose: What the answer is used for: a name or label of the project's ``lookup_purpose``.
        by: Who asks.
        on: The day.
        lang: The language of lists and measures.

    Returns:
        One row per code in the order asked: subject_id, found, tier, status, as_of, scorecard, lists, measures;
        ``draws``, a list with the subject's own row of every task whose frame it is in
        (:func:`creditscore.inspection.sealed_export.own_rows`); and ``record``, the number under which the check
        was noted, for :func:`feedback`.

    Raises:
        DataError: The run is not finished or damaged; the purpose is not one of the project's; nobody is named; the day is before
            that of the run.
    """
    folder = _folder_of(run)
    _refuse_earlier_day(folder, on)
    about = BookFile.load(folder).project
    allowed = purpose_of(purpose, about.lookup_purpose, own=about.purpose)
    if not by.strip():
        raise DataError("--by: expected who asks (got nothing)")
    known = asked_ids(folder)
    asked = [known.answer(one) for one in ids]
    codes = [one.subject_id or one.asked for one in asked]
    rows = lookup_rows(load_book(folder, only=set(codes)), codes, lang=lang, answers=asked)
    draws = defaultdict[str, list[dict[str, Any]]](list)
    settle(folder.out)
    for task in open_folders(folder.out):
        for row in own_rows(task.path, codes):
            draws[row["subject_id"]].append(row)
    check = {"what": "looked_up", "purpose": allowed.name, "by": by.strip(), "on": on.isoformat()}
    # Enough of the answer to know later what somebody acted on.
    answers = [
        {
            "subject_id": row["subject_id"],
            "found": bool(row["found"]),
            **{name: None if pd.isna(row[name]) else str(row[name]) for name in ("tier", "status", "as_of", "scorecard")},
        }
        for row in rows.to_dict("records")
    ]
    noted = append_chain(folder.out / LOOKUPS, [check | answer for answer in answers])
    own = pd.Series([draws.get(code, []) for code in codes], index=rows.index, dtype=object)
    return rows.assign(draws=own, record=[line["number"] for line in noted])


def _refuse_earlier_day(folder: RunFolder, on: dt.date) -> None:
    """Refuse a check on a day on which the run did not exist; the message says which one did."""
    if on >= folder.as_of:
        return
    days = days_of(folder.out)
    then = [day for day in days if day <= on]
    if not then:
        raise DataError(
            "--on: {on} is before the first run, that of {first}: nothing could be asked then; expected that day or a later one",
            on=on,
            first=min(days, default=folder.as_of),
        )
    raise DataError(
        "--on: on {on} the run of {as_of} did not exist yet; ask that of {then}, or give a day from {as_of} on",
        on=on,
        as_of=folder.as_of,
        then=max(then),
    )


def answered_as_of(run: Run, on: dt.date) -> Message | None:
    """What the reader of a credit check is told where the run is not of its day: a newer one stands, or there is none of it."""
    folder = _folder_of(run)
    later = [day for day in days_of(folder.out) if folder.as_of < day <= on]
    if later:
        return _(
            "This is the answer of {as_of}. A newer run stands, that of {newest}: ask that one for what holds on {on}.",
            as_of=folder.as_of,
            newest=max(later),
            on=on,
        )
    if on > folder.as_of:
        return _("There is no run of {on}: this is the answer of {as_of}, the newest run before it.", on=on, as_of=folder.as_of)
    return None


def feedback(run: Run, record: int, *, result: str, by: str, on: dt.date) -> None:
    """Note what came of a credit check (应用反馈).

    Args:
        run: The run that was asked.
        record: The number of the check.
        result: What was done with the answer.
        by: Who did it.
        on: The day.

    Raises:
        DataError: There is no such check; result or name is missing.
    """
    path = _folder_of(run).out / LOOKUPS
    checks = {line["number"] for line in read_chain(path) if line["what"] == "looked_up"}
    if record not in checks:
        raise DataError("feedback: expected the number of a credit check (got {record})", record=record)
    if not result.strip() or not by.strip():
        raise DataError("feedback: expected what was done, and who did it")
    line = {"what": "used", "about": record, "result": result.strip(), "by": by.strip(), "on": on.isoformat()}
    append_chain(path, [line])


def asked_ids(folder: RunFolder) -> AskedIds:
    """What a run can answer about ids."""
    tiers = folder.read("tiers").select(["subject_id", "tier"]).to_pydict()
    return AskedIds(
        dict(zip(tiers["subject_id"], tiers["tier"], strict=True)),
        folder.frame("subjects"),
        BookFile.load(folder).id_scheme,
        folder.as_of,
    )


def explain(run: Run, subject_id: str) -> Explanation | Notice:
    """Why a subject has its tier: rule and legal basis, points, the records behind them, what can be changed, how to object.

    Returns:
        The explanation; a notice about somebody whom the project does not rate.

    Raises:
        DataError: The run does not know the id; the message says what may be wrong with it, and the next step.
    """
    folder = _folder_of(run)
    answer = asked_ids(folder).answer(subject_id)
    if answer.kind in UNSCORED:
        about = BookFile.load(folder).project
        basis = about.unscored_basis(answer.kind, folder.as_of)
        return Notice(answer.subject_id or answer.asked, folder.as_of, about.authority, answer.kind, about.contact, basis)
    if not answer.in_tiers:
        raise DataError(
            "explain: subject_id {asked}: {said} {step}", asked=repr(answer.asked), said=answer.sentence, step=answer.next_step
        )
    own = answer.subject_id
    book = load_book(folder)
    return explain_subject(
        book,
        own,
        features=_rows_of_subject(folder, "features", own),
        documents=documents_of(folder, own),
        objections=_objections(folder, own, book.legal_steps),
        disputed_score=_disputed_score(folder, own),
    )


def _disputed_score(folder: RunFolder, subject_id: str) -> int | None:
    """The score of a subject as it would be if what it disputes counted; None where the run has none."""
    rows = _rows_of_subject(folder, DISPUTED_SCORES, subject_id) if folder.has(DISPUTED_SCORES) else pd.DataFrame()
    return None if rows.empty else int(rows["score"].iloc[0])


def _objections(folder: RunFolder, subject_id: str, steps: Sequence[LegalStep]) -> list[ToldObjection]:
    """The objections of a firm that a run knew, with their answers, and what it did not know yet, marked as later.

    What came in later belongs to the newest run only: an explanation of a past day tells none of what was said after it.
    """
    known: dict[str, str] = {}
    if folder.has(OBJECTIONS):
        rows = _rows_of_subject(folder, OBJECTIONS, subject_id)
        known = {str(row["objection"]): str(row["outcome"] or "") for row in rows.to_dict("records")}
    newest = run_before(folder.out, dt.date.max, trial=folder.is_trial)
    later = newest is None or newest.as_of <= folder.as_of
    own = (one for one in all_objections(folder.out) if one.subject_id == subject_id)
    return [_told(one, known.get(one.id), steps) for one in own if one.id in known or later]


def _told(one: Objection, outcome_then: str | None, steps: Sequence[LegalStep]) -> ToldObjection:
    """An objection as its firm is told of it: what it is about, until when and how it is answered; never by whom."""
    day = one.decided_on
    open_steps = [] if day is None else [step for step in steps if step.holds(one.against, one.outcome, day)]
    return ToldObjection(
        number=one.id, against=one.against, about=one.about, received=one.on, due=one.due, basis=one.basis, outcome=one.outcome,
        answered=day, reason=one.reason, received_since=outcome_then is None,
        answered_since=bool(one.outcome) and one.outcome != outcome_then,
        steps=tuple(NextLegalStep(step.label, step.basis) for step in open_steps), earlier=one.earlier, suspends=one.suspends,
        suspends_basis=one.suspends_basis, withdrawal=one.withdrawal, withdrawal_date=one.withdrawal_date,
        document_no=one.document_no,
    )  # fmt: skip


def documents_of(folder: RunFolder, subject_id: str) -> Documents:
    """The subject's own records, as far as a run kept them: an older one kept only what was adverse, or nothing."""
    names = OWN_RECORDS if folder.has(OWN_RECORDS["events"]) else READINGS
    if not folder.has(names["events"]):
        return Documents()
    own = {table: _rows_of_subject(folder, name, subject_id) for table, name in names.items()}
    kept: Literal["all", "adverse"] = "all" if names is OWN_RECORDS else "adverse"
    return Documents.of(own["events"], own["inspections"], own["ratings"], kept=kept)


def _rows_of_subject(folder: RunFolder, name: str, subject_id: str) -> pd.DataFrame:
    """The rows of one subject in a table of the run.

    Raises:
        DataError: The file is damaged.
    """
    path = folder.file(f"{name}.parquet")
    try:
        table = pq.read_table(path, filters=pc.field("subject_id") == subject_id)
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            "{name}: expected a whole Parquet file ({kind} while reading it)", name=path.name, kind=type(error).__name__
        ) from None
    rows: pd.DataFrame = table.to_pandas(date_as_object=True)
    return rows


def records_of_bodies(records: Records, *, as_of: dt.date) -> pd.DataFrame:
    """Records in force of government bodies and institutions, which are never scored.

    Returns:
        One row per record: subject_id, kind, event_id, document_no, event_date.
    """
    register = records.subjects_on(as_of).to_pandas()
    bodies = set(register.loc[register["subject_type"].isin(_BODIES), "subject_id"])
    in_force = records.listed(list(records.project.catalogue.by_kind), as_of).to_pandas(date_as_object=True)
    rows: pd.DataFrame = in_force[in_force["subject_id"].isin(bodies)].reset_index(drop=True)
    return rows


def _folder_of(run: Run) -> RunFolder:
    """The folder of a run, its files checked unless the run was made just now."""
    if isinstance(run, RunResult):
        return run.folder
    return RunFolder.opened(run.path if isinstance(run, RunFolder) else run)
