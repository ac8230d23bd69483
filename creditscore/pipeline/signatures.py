"""A run's signatures as a whole: their last line is noted outside the file, so that one cut short is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from creditscore.batch import Ledger
from creditscore.errors import DataError
from creditscore.tiering import chain
from creditscore.tiering.sign import Review, append_reviews, read_reviews

if TYPE_CHECKING:
    from creditscore.pipeline.folder import RunFolder

_FILE, _STEP = "reviews.jsonl", "signatures"


def signatures(folder: RunFolder) -> tuple[Review, ...]:
    """The signatures given in a run, in their order.

    Raises:
        DataError: A line was changed, removed or added, or the last ones are gone.
    """
    noted = _ledger(folder).done(folder.as_of.isoformat(), _STEP)
    if noted is not None and noted not in {line["hash"] for line in chain.read(folder.file(_FILE))}:
        raise DataError(f"{folder.as_of}/{_FILE}: expected the signature that was given last (lines were cut off)")
    return read_reviews(folder.file(_FILE))


def add_signatures(folder: RunFolder, reviews: Sequence[Review]) -> None:
    """Sign proposed tiers of a run; all of them or none.

    Raises:
        DataError: A signature is older than the tiers it signs; or see :func:`signatures` and
            :func:`creditscore.tiering.sign.append_reviews`.
    """
    signatures(folder)
    early = [one for one in reviews if one.on < folder.as_of]
    if early:
        raise DataError(f"sign: expected a day on or after {folder.as_of}, that of the tiers (got {early[0].on})")
    if reviews:
        head = append_reviews(folder.file(_FILE), reviews)
        _ledger(folder).finish(folder.as_of.isoformat(), _STEP, head)


def _ledger(folder: RunFolder) -> Ledger:
    return Ledger(folder.path.resolve().parent / ".ledger.sqlite")
