"""Government bodies' own records: accepted in the data, listed on request, never scored."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from creditscore.records.records import Records

_BODIES = ("government", "institution")


def records_of_bodies(records: Records, *, as_of: dt.date) -> pd.DataFrame:
    """One row per record in force of a government body or institution: subject_id, kind, event_id, document_no, event_date."""
    register = records.subjects_on(as_of).to_pandas()
    bodies = set(register.loc[register["subject_type"].isin(_BODIES), "subject_id"])
    listed = records.listed(list(records.project.catalogue.by_kind), as_of).to_pandas(date_as_object=True)
    chosen: pd.DataFrame = listed[listed["subject_id"].isin(bodies)].reset_index(drop=True)
    return chosen
