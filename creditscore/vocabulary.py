"""The closed lists of the product, each once and in order: tiers, subjects, visits, changes, sources, purposes.

A value added here needs its words (``language``) and, for a tier, its inspection rule (``config/policy``); nothing else
lists it again. A policy is refused by its first rule that does not fit the list. The types serve the configuration's checks.
"""

from __future__ import annotations

from typing import Literal, get_args

#: From the lowest risk to the highest. NR (未评, not rated) is no place in that order.
Tier = Literal["A", "B", "C", "D"]
TierOrNone = Literal["A", "B", "C", "D", "NR"]
TIERS: tuple[Tier, ...] = get_args(Tier)
NOT_RATED = "NR"
#: The order in which tiers are listed and printed.
TIER_ORDER: tuple[TierOrNone, ...] = (*TIERS, "NR")

#: The blocks of a score in the order in which they are printed; ``base`` holds the national rating.
Source = Literal["base", "public", "industry", "market", "self_declared"]
SOURCES: tuple[Source, ...] = get_args(Source)
Purpose = Literal["supervision", "financing", "bidding"]
#: How a record comes to be known: ``register`` kinds of every subject, ``inspection`` kinds of visited ones alone.
FoundBy = Literal["inspection", "register"]

SubjectType = Literal["enterprise", "individual_business", "co_operative", "government", "institution", "practitioner"]
SUBJECT_TYPES: tuple[SubjectType, ...] = get_args(SubjectType)
#: Whom a card may score; government bodies and institutions are accepted and left alone.
MARKET_SUBJECTS: tuple[SubjectType, ...] = ("enterprise", "individual_business", "co_operative")
#: Natural persons: every worse tier of theirs is signed.
INDIVIDUALS: tuple[SubjectType, ...] = ("individual_business", "practitioner")
Status = Literal["active", "suspended", "revoked", "deregistered"]
STATUSES: tuple[Status, ...] = get_args(Status)

#: What may happen to an event after it was recorded.
Change = Literal["repaired", "withdrawn", "disputed", "dispute_upheld", "dispute_rejected"]
CHANGES: tuple[Change, ...] = get_args(Change)
#: Changes after which a record no longer counts and may no longer be shown; an open dispute only hides it for a time.
ENDING_CHANGES: tuple[Change, ...] = ("repaired", "withdrawn", "dispute_upheld")

#: Why a visit took place.
Trigger = Literal["random", "full_coverage", "complaint", "follow_up", "special"]
TRIGGERS: tuple[Trigger, ...] = get_args(Trigger)
#: Visits whose inclusion probability is known.
SAMPLING_TRIGGERS: tuple[Trigger, ...] = ("random", "full_coverage")
Mode = Literal["on_site", "off_site"]
MODES: tuple[Mode, ...] = get_args(Mode)
ON_SITE, OFF_SITE = MODES
#: What a visit ended in.
Outcome = Literal["none", "violation", "not_found", "closed", "refused"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
#: Outcomes that tell neither a violation nor its absence.
NO_FINDING: tuple[Outcome, ...] = ("not_found", "closed", "refused")
