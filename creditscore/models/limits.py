"""How finely the rows of a sample may be cut: what is declared, else what they carry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from creditscore.config.scorecards import MIN_SHARE, SMOOTHING, Binning
from creditscore.models.evidence import cases, pseudo_share
from creditscore.models.sample import Sample

#: Bins that a hundred cases of the rarer class carry, and the number at which no more are of use.
_BINS, _CASES_OF_SIX_BINS, _MOST_BINS = 6, 100, 20
#: Fewest and most intervals that the search merges into bins; so many cases are for the fewest.
PREBINS, _CASES_OF_20_PREBINS = (20, 24), 2000
#: Effective rows and expected effective cases of the rarer class in the smallest bin of a search: its WoE is then off by
#: 1 / sqrt(3) or less, and the evidence says how much of it counts.
ROWS, _CASES_OF_A_BIN = 30.0, 3.0
#: Few rows are cut in bins of a tenth all the same.
_LARGEST_MINIMUM = 0.1
#: Share below which a text is rare where evidence is not asked for.
_RARE_SHARE = 0.005


@dataclass(frozen=True)
class Limits:
    """How finely the rows may be cut; shares are of the total weight."""

    bins: int
    #: Groups of texts.
    groups: int
    prebins: int
    smallest: float
    #: Whether ``smallest`` was declared.
    firm: bool
    #: Texts need this share, and ``rows`` effective rows.
    rare: float
    rows: float
    smoothing: float
    #: Effective rows of the rarer class; None: evidence is not asked for.
    cases: float | None
    #: Of a fit that only judges settings or levels on rows held out: the same program is solved without optbinning.
    judging: bool = False

    @classmethod
    def of(cls, sample: Sample, binning: Binning, *, judging: bool = False) -> Limits:
        """What is declared, else what the rows can carry, else (without evidence) constants."""
        if not binning.evidence:
            bins = binning.max_bins or _BINS
            return cls(
                bins=bins,
                groups=bins,
                prebins=PREBINS[0],
                smallest=binning.min_share or MIN_SHARE,
                firm=True,
                rare=min(binning.rare_share or _RARE_SHARE, binning.min_share or MIN_SHARE),
                rows=0.0,
                smoothing=SMOOTHING if binning.smoothing is None else binning.smoothing,
                cases=None,
                judging=judging,
            )
        known, rows = cases(sample), sample.effective_size
        own = _BINS * (known / _CASES_OF_SIX_BINS) ** 0.2
        smallest = min(max(ROWS / rows, _CASES_OF_A_BIN / known), _LARGEST_MINIMUM)
        return cls(
            bins=binning.max_bins or int(np.clip(round(own), 3, _MOST_BINS)),
            groups=binning.max_bins or int(np.clip(round(_BINS * (known / _CASES_OF_SIX_BINS) ** (1 / 3)), 3, _MOST_BINS)),
            prebins=int(np.clip(round(PREBINS[0] * (known / _CASES_OF_20_PREBINS) ** 0.2), *PREBINS)),
            smallest=binning.min_share or smallest,
            firm=binning.min_share is not None,
            rare=binning.rare_share or 0.0,
            rows=0.0 if binning.rare_share else min(ROWS, _CASES_OF_A_BIN * rows / known),
            smoothing=pseudo_share(sample) if binning.smoothing is None else binning.smoothing,
            cases=known,
            judging=judging,
        )
