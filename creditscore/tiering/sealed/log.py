"""What happened to a plan after its draw: ``log.jsonl`` beside the sealed files, append-only and hash-chained.

The sealed files never change. Each line says ``what``: ``drawn`` (seed, where it comes from, frame), ``draw_refused`` (another
draw was asked for), ``replaced`` (a subject cannot be visited), ``joined`` (a subject came after the frame).
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from creditscore.tiering import chain

LOG = "log.jsonl"
What = Literal["drawn", "draw_refused", "replaced", "joined"]


def note(folder: Path, what: What, bodies: Iterable[Mapping[str, Any]]) -> None:
    """Add lines.

    Raises:
        DataError: The log is not a whole chain; nothing was added.
    """
    chain.append(folder / LOG, [{"what": what, **body} for body in bodies])


def entries(folder: Path, *what: What) -> list[dict[str, Any]]:
    """The lines of some kinds, of all without one, in the order in which they were written.

    Raises:
        DataError: The log is not a whole chain.
    """
    return [line for line in chain.read(folder / LOG) if not what or line.get("what") in what]
