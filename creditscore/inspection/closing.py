"""What is told at a task's end: who was to be visited and what was found, those who were replaced or came later among them.

The list of the draw stays as it is while a task runs. Whoever saw one subject leave it and another one appear on the same day would
know that both are of one stratum, and so of one tier: replacements are told once, at the end, without pairs and without their days.
Where one alone came in a trade the pair is plain all the same: docs/draw.md says how often.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from creditscore.inspection.csv_export import to_csv
from creditscore.inspection.inspectors import DrawnFrame
from creditscore.inspection.plan_folder import OUTCOME_WORDS, format_of
from creditscore.language import DEFAULT_LANGUAGE, Words

#: The file in the task's folder; the register's line about the closing has its hash.
CLOSING = "closing.csv"
#: Its columns, one row per subject, by subject_id. ``verify_draw.py`` has its own copy.
CLOSING_COLUMNS = (
    "task", "subject_id", "name", "item", "department", "start", "end", "standing", "reason", "inspected_on", "result",
    "corrected", "format",
)  # fmt: skip


def closing_list(
    drawn: DrawnFrame,
    log: Iterable[Mapping[str, Any]],
    results: Mapping[str, tuple[dt.date, str]],
    corrected: Collection[str] = (),
) -> bytes:
    """The list as CSV.

    ``standing`` is ``drawn``, ``replaced`` (with the ``reason``), ``replacement`` or ``late``; ``inspected_on`` and ``result``
    are empty for whom no result was handed in; ``corrected`` is 1 where an earlier result was wrong.

    Args:
        drawn: The plan as it was drawn.
        log: The lines of its log.
        results: Day and outcome of the visit by subject.
        corrected: Whose result was corrected.
    """
    task, words = drawn.task, Words.of(DEFAULT_LANGUAGE)
    about = (task.item, task.department, task.start.isoformat(), task.end.isoformat())
    rows = []
    for subject, (name, standing, reason) in sorted(_standings(drawn, list(log)).items()):
        day, outcome = results.get(subject, (None, ""))
        found = (day.isoformat(), words.text(OUTCOME_WORDS[outcome])) if day else ("", "")
        rows.append(
            (task.id, subject, name, *about, standing, reason, *found, "1" if subject in corrected else "", format_of(drawn.plan))
        )
    return to_csv(CLOSING_COLUMNS, rows)


def open_visits(drawn: DrawnFrame, log: Iterable[Mapping[str, Any]], results: Collection[str]) -> int:
    """How many of the list are to be visited, not replaced, and have no result.

    Args:
        drawn: The plan as it was drawn.
        log: The lines of its log.
        results: Who has a result.
    """
    standings = _standings(drawn, list(log)).items()
    return sum(standing != "replaced" and subject not in results for subject, (_name, standing, _reason) in standings)


def _standings(drawn: DrawnFrame, log: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, str, str]]:
    """By subject its name, how it came on the list, and why it left it."""
    names = dict(zip(drawn.sample["subject_id"], drawn.sample["name"], strict=True))
    found = {subject: (names[subject], "drawn", "") for subject in drawn.drawn["subject_id"]}
    for line in log:
        if line["what"] == "joined" and line["mode"]:
            found[line["subject_id"]] = (line["name"], "late", "")
        if line["what"] == "replaced":
            came, gone = line["replaced_by"], line["subject_id"]
            found[came] = (names[came], "replacement", "")
            found[gone] = (names[gone], "replaced", line["reason"])
    return found
