"""What an objection is against: found in the newest run or in the register, and refused where it does not count for the firm."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from creditscore.errors import DataError
from creditscore.inspection.objection_intake import Thing
from creditscore.inspection.register import Register
from creditscore.inspection.sealed_export import own_rows
from creditscore.inspection.task_folder import TaskFolder
from creditscore.pipeline.credit_check import asked_ids, documents_of
from creditscore.pipeline.run_folder import RunFolder, run_before
from creditscore.records.adverse.contested import rating_id
from creditscore.records.own_records import COPY, COUNTS, OWN_RECORDS
from creditscore.reporting.documents import Document, behind
from creditscore.reporting.words import STATES
from creditscore.vocabulary import CONTESTED

if TYPE_CHECKING:
    from creditscore.config.project import Project
    from creditscore.inspection.objections import Filing

#: The filing with the id of what it is against, and what that is.
Found = tuple["Filing", Thing]
#: States under which a record, a visit or a grade may be contested; in every other one it has ended.
_MAY_COUNT = (COUNTS, COPY, "disputed")
_ONE_DAY = dt.timedelta(days=1)


def newest_run(out: Path, until: dt.date = dt.date.max) -> RunFolder | None:
    """The newest run by signed cards up to a day, else the newest trial."""
    after = until if until == dt.date.max else until + _ONE_DAY
    return run_before(out, after) or run_before(out, after, trial=True)


def found(project: Project, out: Path, filing: Filing) -> Found:
    """What an objection is against.

    Args:
        project: Its features and overrides say what counts.
        out: The folder of runs.
        filing: What was said.

    Returns:
        The filing with the id of what it is against, and what that is.

    Raises:
        DataError: It is not there, not of this firm, has ended, or counts for nothing; the message says which, and what to do.
    """
    if filing.against in _DOCUMENTS:
        return _document(project, out, filing)
    if filing.against == "tier":
        _refuse_without_tier(out, filing)
    elif filing.against == "draw":
        _refuse_without_draw(out, filing)
    else:
        raise DataError("objection: expected one of {known} (got {got!r})", known=", ".join(CONTESTED), got=filing.against)
    return filing, Thing()


#: How each is named: by which texts, in this order, of which the first that fits anything decides.
_DOCUMENTS: dict[str, tuple[Callable[[Document], str], ...]] = {
    "record": (lambda one: one.id, lambda one: one.document_no),
    "visit": (lambda one: one.id, lambda one: one.event_date.isoformat()),
    "rating": (
        lambda one: rating_id(one.id, one.event_date),
        lambda one: one.event_date.isoformat(),
        lambda one: one.id,
    ),
}


def _document(project: Project, out: Path, filing: Filing) -> Found:
    run = newest_run(out)
    if run is None or not run.has(OWN_RECORDS["events"]):
        raise DataError(
            "{out}: expected a run that keeps the records of firms (got none); make one with creditscore run, then file again",
            out=out,
        )
    answer = asked_ids(run).answer(filing.subject_id)
    if not answer.in_tiers:
        raise DataError(
            "objection: subject_id {asked}: {said} {step}", asked=repr(answer.asked), said=answer.sentence, step=answer.next_step
        )
    filing = replace(filing, subject_id=answer.subject_id)
    own = [one for one in documents_of(run, filing.subject_id).all if one.table == filing.against]
    one = _named(run, own, filing)
    _refuse_ended(one, filing)
    _refuse_unread(project, run, one, own, filing)
    if filing.on < one.known_date:
        raise DataError(
            "--on: expected a day on or after {day}, on which the authority learnt of it (got {on})",
            day=one.known_date,
            on=filing.on,
        )
    about = rating_id(one.id, one.event_date) if one.table == "rating" else one.id
    return replace(filing, about=about), Thing(one.kind, one.provider, one.document_no)


def _named(run: RunFolder, own: Sequence[Document], filing: Filing) -> Document:
    """The one document of the firm that is meant.

    Raises:
        DataError: There is none, or there are several.
    """
    about = filing.about.strip()
    fits: list[Document] = []
    for text_of in _DOCUMENTS[filing.against]:
        fits = fits or [one for one in own if text_of(one) == about]
    if filing.against == "rating":
        # Of the grades of a scheme the newest one counts.
        newest = {one.id: one for one in sorted(fits, key=lambda one: one.event_date)}
        fits = list(newest.values()) if about in newest else fits
    if len({one.key for one in fits}) == 1:
        return fits[0]
    option = f"--{filing.against}"
    if fits:
        raise DataError(
            "{option}: {about!r} fits {n} of this firm in the run of {as_of}; name one by its id, as creditscore explain lists "
            "them",
            option=option,
            about=about,
            n=len(fits),
            as_of=run.as_of,
        )
    if filing.against == "record" and _is_of_another(run, about):
        raise DataError(
            "{option}: {about!r} is a record of another firm in the run of {as_of}; a firm objects to its own, so check the "
            "subject id",
            option=option,
            about=about,
            as_of=run.as_of,
        )
    raise DataError(
        "{option}: this firm has no {about!r} in the run of {as_of}; check the number against creditscore explain; if it arrived "
        "since, make a run first; if it is older than its retention, it counts no more",
        option=option,
        about=about,
        as_of=run.as_of,
    )


def _is_of_another(run: RunFolder, about: str) -> bool:
    table = run.read(OWN_RECORDS["events"])
    named = pc.or_(pc.equal(table["event_id"], about), pc.fill_null(pc.equal(table["document_no"], about), False))
    return bool(pc.any(named).as_py())


def _refuse_ended(one: Document, filing: Filing) -> None:
    if one.state not in _MAY_COUNT:
        raise DataError(
            "--{against}: it has counted no more since {since} ({state}), so there is nothing to hold; for a tier of a day before "
            "that object to the tier, with --tier and that day",
            against=filing.against,
            since=one.since,
            state=STATES[one.state],
        )


def _refuse_unread(project: Project, run: RunFolder, one: Document, own: Sequence[Document], filing: Filing) -> None:
    """Refuse what no feature and no rule of tiers reads on the day of the run."""
    day = run.as_of
    rules = [rule for rule in project.policy(day).override if rule.expires is None or day <= rule.expires]
    if one.table == "record" and any(rule.kind == one.kind for rule in rules):
        return
    counted = replace(one, state=COUNTS)
    newer = [other for other in own if other.table == "rating" and other.id == one.id and other.event_date > one.event_date]
    if one.table == "rating" and newer:
        raise DataError(
            "--{against}: the grade of {day} has been replaced by that of {newer} and does not count; object to the newer one",
            against=filing.against,
            day=one.event_date,
            newer=max(other.event_date for other in newer),
        )
    if one.table == "rating" and any(rule.scheme == one.id for rule in rules):
        return
    if not any(behind(feature, [counted], day) for feature in project.features):
        raise DataError(
            "--{against}: no feature and no rule of tiers reads it on {day}: it is too old for every window, or the project does "
            "not use it; it counts neither for nor against the firm, and nothing is held by it. If it is wrong, ask its provider "
            "to correct it",
            against=filing.against,
            day=day,
        )


def _refuse_without_tier(out: Path, filing: Filing) -> None:
    try:
        day = dt.date.fromisoformat(filing.about)
    except ValueError:
        raise DataError("--tier: expected the day of a run, such as 2024-04-30 (got {about!r})", about=filing.about) from None
    run = RunFolder.current(out, day)
    if run is None:
        raise DataError("--tier: expected the day of a finished run in {out} (got {about})", out=out, about=filing.about)
    if filing.subject_id not in set(run.read("tiers")["subject_id"].to_pylist()):
        raise DataError("--tier: expected a subject that has a tier in the run of {about}", about=filing.about)
    if filing.on < day:
        raise DataError("--on: expected a day on or after that of the run, {day} (got {on})", day=day, on=filing.on)


def _refuse_without_draw(out: Path, filing: Filing) -> None:
    published = Register.of(out).published(filing.about)
    if published is None:
        raise DataError("--draw: expected a task whose frame is published (got {about!r})", about=filing.about)
    if not own_rows(TaskFolder.of(out, filing.about).path, [filing.subject_id]):
        raise DataError("--draw: expected a subject in the frame of {about}", about=filing.about)
