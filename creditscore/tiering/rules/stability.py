"""Better tiers wait: a band beyond the cut, for some months. Worse tiers and overrides act at once."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from creditscore.config.policy import TierPolicy
from creditscore.tiering.columns import Codes, Flags, Texts
from creditscore.tiering.rules import dispute
from creditscore.tiering.rules.past import Past

HELD = "stability"
#: The tier was held down by an override that no longer stands: its end acts at once.
RELEASED = "override_ended"


@dataclass(frozen=True)
class Steadied:
    """``tier`` after waiting; ``waits`` says whose better tier is not due yet, ``since`` from when it counts."""

    tier: Codes
    waits: Flags
    released: Flags
    since: npt.NDArray[np.datetime64]


def steady(raw: Codes, banded: Codes, rule: Texts, past: Past, policy: TierPolicy, *, as_of: dt.date) -> Steadied:
    """Who moves up today.

    Args:
        raw: Tiers by cuts and overrides.
        banded: Tiers by the cuts moved by the band: where a subject lies safely.
        rule: The override behind ``raw`` (``""``: none).
        past: The earlier run; a subject may move up where it had a tier there.
        policy: Band and months; and which overrides only improve, so that they held nobody down.
        as_of: The day.

    A subject whose safe tier is better than the one it holds starts to wait; it moves when it has
    been so in every run of ``months`` calendar months, to the worse of today's safe tier and the
    earlier run's raw tier. With ``months = 0`` it moves at once.
    """
    better = (raw >= 0) & (past.tier >= 0) & (raw < past.tier)
    released = better & (rule == "") & _was_held_down(past, policy)
    bound = better & (rule == "") & ~released
    safe = np.maximum(raw, banded)
    qualified = bound & (safe < past.tier)
    today = np.datetime64(as_of, "D")
    since = np.where(qualified, np.where(np.isnat(past.since), today, past.since), np.datetime64("NaT", "D"))
    due = qualified & (_months_later(since, policy.stability.months) <= today)
    waited = due & ~np.isnat(past.since) & (past.raw >= 0)
    target = np.where(waited, np.maximum(safe, past.raw), safe)
    moves = due & (target < past.tier)
    tier = np.where(bound, np.where(moves, target, past.tier), raw).astype(np.int8)
    return Steadied(tier, bound & ~moves, released, since)


def _was_held_down(past: Past, policy: TierPolicy) -> Flags:
    """By an override that worsens: of the run before, of a dispute since then, or ended and not yet signed."""
    lifting = {one.title for one in policy.override if one.bound == "at_most"}
    ground = np.where(past.rule == dispute.HELD, past.evidence, past.rule)
    by_override = np.array([text.startswith("override:") and not _is_one_of(text, lifting) for text in ground], dtype=bool)
    held: Flags = by_override | ((past.rule == RELEASED) & (past.status == "proposed"))
    return held


def _is_one_of(ground: str, titles: Iterable[str]) -> bool:
    return any(ground == title or ground.startswith(f"{title} ") for title in titles)


def _months_later(days: npt.NDArray[np.datetime64], months: int) -> npt.NDArray[np.datetime64]:
    later = {day: (pd.Timestamp(day) + pd.DateOffset(months=months)).to_datetime64() for day in np.unique(days[~np.isnat(days)])}
    result = days.copy()
    for day, then in later.items():
        result[days == day] = then.astype("datetime64[D]")
    return result
