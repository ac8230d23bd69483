"""What a frame says of its seed, and what is refused: a frame without a source, another form, a draw before the day."""

from __future__ import annotations

import datetime as dt

from creditscore.config.tasks import Task
from creditscore.errors import DrawError


def refuse_publication(task: Task, on: dt.date, *, voided_on: str = "") -> None:
    """Refuse to publish a frame whose seed nobody declared, or could be known already.

    Args:
        task: Declares the source of its seed.
        on: The day on which the frame hash is told.
        voided_on: The day of the last void of a frame of this task, ``""`` without one.

    Raises:
        DrawError: There is no source; or its day is not after ``on``, or not after the void.
    """
    if task.seed is None:
        raise DrawError(
            "task {task}: expected the source of its seed in tasks.toml ([task.seed] with source, name, issue, form and day)",
            task=task.id,
        )
    day = max(on.isoformat(), voided_on)
    if task.seed.day.isoformat() <= day:
        raise DrawError(
            "task {task}: the day of its seed, {seed_day}, must be later than {day}, when its frame is told or the one before it "
            "was voided: declare a later issue in tasks.toml and run the day again",
            task=task.id,
            seed_day=task.seed.day,
            day=day,
        )


def refuse_seed(task: Task, seed: str) -> None:
    """Refuse a text that is not written as the declared source writes it: two spellings would be two draws to choose from.

    Raises:
        DrawError: It has another form.
    """
    if task.seed is not None and not task.seed.fits(seed):
        raise DrawError(
            "seed: expected what {source} publishes, written as {form} (got another form)",
            source=task.seed.text,
            form=task.seed.written,
        )


def refuse_early(task: Task, on: dt.date | None, today: dt.date) -> None:
    """Refuse a draw before the seed can be known, whatever day it is dated.

    Raises:
        DrawError: The day of the seed has not come.
    """
    if task.seed is None:
        return
    early = min(on or today, today)
    if early < task.seed.day:
        raise DrawError(
            "task {task}: its seed becomes known on {day}; no draw before that day (got {on})",
            task=task.id,
            day=task.seed.day,
            on=early,
        )
