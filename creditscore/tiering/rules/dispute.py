"""While a record is disputed (异议) the tier may neither rise nor fall because of it."""

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd

from creditscore.tiering.columns import Flags, as_frame
from creditscore.tiering.rules.overrides import Overridden
from creditscore.tiering.rules.past import Past

HELD = "dispute"


def held_by_dispute(ids: pd.Index, ruled: Overridden, past: Past, *, records: Any, as_of: dt.date) -> Flags:
    """Whose tier stands still because one of its records is under dispute today.

    A disputed record does not count, so today's raw tier is without it: a better one may be better
    only because of that, and a worse score may lack a disputed record in the subject's favour. Both
    wait. A worse tier by an override does not: it rests on a record that is not disputed. (One that only
    improves rests on the score all the same.)
    """
    if records is None:
        return np.zeros(len(ids), dtype=bool)
    open_ones = as_frame(records.disputed(as_of), needs=["subject_id"], what="disputed records")
    disputed = ids.isin(open_ones["subject_id"])
    comparable = (past.tier >= 0) & (ruled.tier >= 0) & (ruled.tier != past.tier)
    worsened = (ruled.rule != "") & ~ruled.lifts & (ruled.tier > past.tier)
    held: Flags = disputed & comparable & ~worsened
    return held


def kept_grounds(past: Past) -> Flags:
    """Whose earlier evidence and signature still say why the tier is what it is, so that a dispute keeps them in sight.

    Not those whose tier is not what cuts and overrides said: their evidence is that of another tier.
    """
    kept: Flags = (past.raw == past.tier) | (past.rule == HELD)
    return kept
