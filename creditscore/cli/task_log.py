"""``plan log``: the whole life of a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from creditscore.cli.options import JsonOption, LangOption, TaskArg, settle_around, show
from creditscore.cli.output import table_lines
from creditscore.language import DEFAULT_LANGUAGE, Message, Text, Words, _, pgettext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from creditscore.inspection.history import Event

_KINDS = {
    "published": pgettext("event", "published"),
    "void": pgettext("event", "voided"),
    "drawn": pgettext("event", "drawn"),
    "draw_refused": _("another draw refused"),
    "replaced": _("replaced"),
    "joined": _("joined"),
    "left": _("an inspector left"),
    "results": pgettext("event", "results handed in"),
    "corrected": pgettext("event", "results corrected"),
    "closed": pgettext("event", "closed"),
}
#: So much of a hash tells one frame from another.
_DIGITS = 12


def log(task_dir: TaskArg, lang: LangOption = DEFAULT_LANGUAGE, as_json: JsonOption = False) -> None:
    """The whole life of a task, from register and log: its frames, also voided ones, draw, changes, results, and its end.

    Raises:
        DataError: The folder holds no plan; log or register is no whole chain.
    """
    from creditscore.inspection.history import history_of

    settle_around(task_dir)
    words = Words.of(lang)
    events = history_of(task_dir)
    heads = (
        "", _("day"), pgettext("log", "recorded"), _("what"), pgettext("log", "about"), _("by"), pgettext("log", "second person"),
    )  # fmt: skip
    rows = [_row(number, event, words) for number, event in enumerate(events, start=1)]
    lines = table_lines([words.text(head) for head in heads], rows) if rows else [words.text(_("nothing yet"))]
    show({"log": [_document(event) for event in events]}, lines, as_json=as_json)


def _document(event: Event) -> dict[str, Any]:
    """An event for programs: its line, what kind it is, of which frame, and who came together."""
    late = [one["subject_id"] for one in event.late]
    return {**event.line, "what": event.what, "frame": event.frame, **({"late": late} if late else {})}


def _row(number: int, event: Event, words: Words) -> tuple[str, ...]:
    line = event.line
    kind = words.text(_KINDS.get(event.what, event.what))
    kind = words.text(_("{state} (trial)", state=kind)) if line.get("trial") else kind
    days = (str(line.get("on") or ""), str(line.get("recorded") or ""))
    about = words.text(_about(event.what, line))
    return (str(number), *days, kind, about, str(line.get("by") or ""), str(line.get("second") or ""))


def _about(what: str, line: Mapping[str, Any]) -> Text:
    """What an event is about, in a few words."""
    from creditscore.inspection.justification import reason_of

    reason = reason_of(str(line.get("reason") or ""))
    texts: dict[str, Text] = {
        "published": _frame(line, str(line.get("channel") or "")),
        "void": _frame(line, reason),
        "drawn": str(line.get("seed") or ""),
        "draw_refused": str(line.get("seed") or ""),
        "replaced": _pair(f"{line.get('subject_id')} → {line.get('replaced_by')}", reason),
        "left": _pair(str(line.get("staff_id")), reason),
        "joined": _joined(line),
        "results": _counts(line),
        "corrected": _pair(" ".join(line.get("corrected", ())), reason),
        "closed": _closed(line, reason),
    }
    return texts.get(what, "")


def _frame(line: Mapping[str, Any], more: Text) -> Text:
    return _pair(f"{str(line.get('frame_hash') or '')[:_DIGITS]}…", more)


def _pair(subject: str, reason: Text) -> Text:
    if reason == "":
        return subject
    return pgettext("what a line of the log is about", "{subject} ({reason})", subject=subject, reason=reason)


def _joined(line: Mapping[str, Any]) -> Text:
    if "subjects" not in line:
        return str(line.get("subject_id") or "")
    return _("{n_found:,} came later, {n_drawn:,} of them drawn", n_found=line["subjects"], n_drawn=line["drawn"])


def _counts(line: Mapping[str, Any]) -> Message:
    return _("{results:,} results, {count:,} visits open", results=line.get("results", 0), count=line.get("open", 0))


def _closed(line: Mapping[str, Any], reason: Text) -> Text:
    if not line.get("open"):
        return reason
    return _("{count:,} visits open: {reason}", count=line["open"], reason=reason)
