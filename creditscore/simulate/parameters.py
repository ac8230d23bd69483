"""The parameters of a simulated city: one object, in which every mechanism has a default and a switch."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field, model_validator

from creditscore.config.spec import Items, Spec
from creditscore.simulate.places import CODES

#: Subjects generated together. The random streams are keyed by chunk, so this is part of a city's definition and no option.
CHUNK = 20_000
#: One figure for each of the old tiers A to D.
Ratios = Annotated[tuple[float, float, float, float], Field(strict=False)]


class CityParameters(Spec):
    """A city. Two equal objects give the same files, byte for byte, under one lock file.

    Records reach from ``months + history_months`` before ``end`` up to ``end``; visits take place in
    the calendar quarters that lie wholly in the last ``months`` months.
    """

    #: Subjects of all types, government bodies and practitioners included.
    subjects: int = Field(default=20_000, ge=200, le=5_000_000)
    #: Months up to ``end`` in which the old policy drew and visited.
    months: int = Field(default=36, ge=6, le=120)
    #: Months of records before that, so that the first draws have a past of 36 months too.
    history_months: int = Field(default=36, ge=0, le=120)
    seed: int = Field(default=1, ge=0, lt=2**63)
    #: The last day of the data; the night that follows has this ``as_of``.
    end: dt.date = dt.date(2024, 4, 30)

    # --- risk -------------------------------------------------------------------------------------
    #: Standard deviation of the slow change of a subject's conduct over the whole period, in log-odds.
    drift: float = Field(default=0.5, ge=0, le=3)
    #: Share of subjects registered within the period.
    births: float = Field(default=0.15, ge=0, le=1)
    #: Whether subjects are deregistered or revoked.
    deaths: bool = True
    #: Shares of market subjects that within the period are suspended (and mostly resume), move to another
    #: county, or change their trade. The register shows it up to 45 days later.
    suspensions: float = Field(default=0.02, ge=0, le=1)
    moves: float = Field(default=0.03, ge=0, le=1)
    trade_changes: float = Field(default=0.02, ge=0, le=1)

    # --- the old policy -----------------------------------------------------------------------------
    #: Share drawn per quarter and on-site task in old tiers A to D.
    on_site_ratios: Ratios = (0.025, 0.05, 0.10, 0.20)
    #: Share drawn per quarter for a check by documents or online (which sees less).
    off_site_ratios: Ratios = (0.015, 0.012, 0.010, 0.005)
    #: Whether the off-site task exists at all.
    off_site: bool = True
    #: Industries of which every subject is visited in each second quarter of a year (p = 1).
    full_coverage: Items[str] = ("chemicals", "mining")
    #: A subject with this number of visits in a calendar year leaves the frames of its later quarters (None: no cap).
    annual_cap: int | None = Field(default=None, ge=1)
    #: The old tier counts records that have been repaired or have expired, which a new card may not.
    old_tier_sees_repaired: bool = True
    #: Visits that a complaint sets off, repeat visits after a finding, campaigns among old tiers C and D.
    complaint_visits: bool = True
    follow_up_visits: bool = True
    special_visits: bool = True
    #: Whether a finding becomes a penalty record (so that more visits mean more penalties).
    penalties_from_visits: bool = True

    # --- inspectors ---------------------------------------------------------------------------------
    #: ``random``: two inspectors of the city; ``districts``: two of the subject's own county.
    inspector_assignment: Literal["random", "districts"] = "random"
    #: Standard deviation of an inspector's own strictness, and of what a county's inspectors share, in log-odds.
    strictness: float = Field(default=0.4, ge=0, le=3)
    county_strictness: float = Field(default=0.4, ge=0, le=3)
    #: Added to the log-odds of a finding when the check is off-site.
    off_site_sees: float = Field(default=-1.2, ge=-10, le=0)

    # --- clocks and changes -------------------------------------------------------------------------
    #: Whether records become known later than they happen (off: the same day).
    lags: bool = True
    repairs: bool = True
    #: Whether records end by ``valid_until``.
    expiries: bool = True
    disputes: bool = True
    withdrawals: bool = True

    # --- dirt; each listed in the truth -------------------------------------------------------------
    dirt: bool = True
    duplicate_rows: float = Field(default=0.002, ge=0, le=0.2)
    #: Subjects whose registered code fails its last digit, or is an old number of 15 digits.
    wrong_check_digits: float = Field(default=0.0015, ge=0, le=0.2)
    old_numbers: float = Field(default=0.001, ge=0, le=0.2)
    #: Records whose code was typed full-width (repairable).
    full_width: float = Field(default=0.001, ge=0, le=0.2)
    #: Rows of the complaints file with another date format.
    mixed_dates: float = Field(default=0.05, ge=0, le=1)
    #: Incidents that three providers report.
    told_thrice: float = Field(default=0.03, ge=0, le=1)
    #: Records dated after ``end``.
    future_records: float = Field(default=0.0005, ge=0, le=0.2)
    #: Decisions of 双公示 kinds that never arrive as records.
    missing_publicity: float = Field(default=0.005, ge=0, le=0.5)
    #: Records that the other publicity system still shows after repair, or does not show although they are in force.
    publicity_mismatches: float = Field(default=0.01, ge=0, le=0.5)
    #: Names that a spreadsheet or a browser would run if they were not quoted.
    hostile_names: float = Field(default=0.0003, ge=0, le=0.1)
    #: 双公示 records that arrive after the deadline of 7 working days; all others keep it.
    late_publicity: float = Field(default=0.08, ge=0, le=1)
    #: Whether the hotline sends its CSV in GB18030. If not, it is UTF-8, and sources.toml has to say so.
    gb18030: bool = True

    @model_validator(mode="after")
    def _no_tier_is_exempt(self) -> CityParameters:
        rates = (*self.on_site_ratios, *self.off_site_ratios)
        if not all(0 < rate <= 1 for rate in rates):
            raise ValueError("ratios of the old policy lie in (0, 1]: no tier is exempt")
        unknown = sorted(set(self.full_coverage) - set(CODES))
        if unknown:
            raise ValueError(f"full_coverage names industries of the city (got {', '.join(unknown)}; has {', '.join(CODES)})")
        return self

    def share(self, name: str) -> float:
        """The share of a kind of dirt, 0 when ``dirt`` is off."""
        value: float = getattr(self, name)
        return float(value) if self.dirt else 0.0
