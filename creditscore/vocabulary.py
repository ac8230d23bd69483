"""The closed lists of the product, each once and in order: tiers, subjects, visits, changes, sources, purposes.

A new value also needs its words (``language``) and, if it is a tier, its inspection rule (``config/policy``). No other
module repeats a list. The configuration is checked against the types.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

#: From the lowest risk to the highest. NR (未评, not rated) has no position in that order.
Tier = Literal["A", "B", "C", "D"]
TierOrNone = Literal["A", "B", "C", "D", "NR"]
TIERS: tuple[Tier, ...] = get_args(Tier)
NOT_RATED: Literal["NR"] = "NR"
#: The order in which tiers are listed and printed.
TIER_ORDER: tuple[TierOrNone, ...] = (*TIERS, "NR")
#: The riskiest tier, which nobody enters without a person's signature; and the riskiest one that needs none.
RISKIEST: Tier = TIERS[-1]
RISKIEST_UNSIGNED: Tier = TIERS[-2]
#: Who is proposed for the riskiest tier and not yet signed, where subjects are counted: neither that tier nor the one held.
PROPOSED: Literal["D?"] = "D?"
ShownTier = Literal["A", "B", "C", "D?", "D", "NR"]
#: The order in which subjects are counted for people.
SHOWN_ORDER: tuple[ShownTier, ...] = get_args(ShownTier)
#: The tier that a subject without an earlier one counts as having had. NR is never visited less: a typo is no exemption.
PRESUMED: Tier = "B"

#: The blocks of a score in the order in which they are printed; ``base`` holds the national rating.
Source = Literal["base", "public", "industry", "market", "self_declared"]
SOURCES: tuple[Source, ...] = get_args(Source)
Purpose = Literal["supervision", "financing", "bidding"]
#: How a record becomes known: ``register`` kinds for every subject, ``inspection`` kinds only for visited ones.
FoundBy = Literal["inspection", "register"]

SubjectType = Literal["enterprise", "individual_business", "co_operative", "government", "institution", "practitioner"]
SUBJECT_TYPES: tuple[SubjectType, ...] = get_args(SubjectType)
#: Whom a card may score; government bodies and institutions are accepted in the data and never scored.
MARKET_SUBJECTS: tuple[SubjectType, ...] = ("enterprise", "individual_business", "co_operative")
#: Natural persons: a person signs every worse tier.
INDIVIDUALS: tuple[SubjectType, ...] = ("individual_business", "practitioner")
Status = Literal["active", "suspended", "revoked", "deregistered"]
STATUSES: tuple[Status, ...] = get_args(Status)

#: What may happen to an event after it was recorded.
Change = Literal["repaired", "withdrawn", "disputed", "dispute_upheld", "dispute_rejected"]
CHANGES: tuple[Change, ...] = get_args(Change)
#: Changes after which a record no longer counts and may no longer be shown; an open dispute only hides it for a time.
ENDING_CHANGES: tuple[Change, ...] = ("repaired", "withdrawn", "dispute_upheld")
#: Of these what says that a record should never have been: whoever trains later knows it for every day.
VOIDING_CHANGES: tuple[Change, ...] = ("withdrawn", "dispute_upheld")

#: Why a drawn subject may be replaced by the next ticket; each with evidence and a second person.
ReplacementReason = Literal["deregistered", "revoked", "moved_away", "not_found", "closed_down", "registered_twice"]
REPLACEMENT_REASONS: tuple[ReplacementReason, ...] = get_args(ReplacementReason)
#: Why an inspector cannot go any more after the draw; a person's wish is none of them.
LeaveReason = Literal["ill", "on_leave", "transferred", "left_service", "certificate_lost", "recused"]
LEAVE_REASONS: tuple[LeaveReason, ...] = get_args(LeaveReason)

#: What an objection may be against, and how a person may decide it.
Contested = Literal["record", "visit", "rating", "tier", "draw"]
CONTESTED: tuple[Contested, ...] = get_args(Contested)
#: Of these what a night reads: it does not count while an objection suspends it, and never again once one is upheld.
Hideable = Literal["record", "visit", "rating"]
HIDDEN_WHILE_OPEN: tuple[Hideable, ...] = get_args(Hideable)
ObjectionOutcome = Literal["upheld", "rejected", "withdrawn"]
OBJECTION_OUTCOMES: tuple[ObjectionOutcome, ...] = get_args(ObjectionOutcome)

#: Who has no tier, as an answer about them says it.
UnscoredKind = Literal["deregistered", "revoked", "not_yet_registered", "government", "institution", "practitioner"]
UNSCORED_KINDS: tuple[UnscoredKind, ...] = get_args(UnscoredKind)

#: Why a visit took place.
Trigger = Literal["random", "full_coverage", "complaint", "follow_up", "special"]
TRIGGERS: tuple[Trigger, ...] = get_args(Trigger)
#: Triggers of visits whose inclusion probability is known.
SAMPLING_TRIGGERS: tuple[Trigger, ...] = ("random", "full_coverage")
Mode = Literal["on_site", "off_site"]
MODES: tuple[Mode, ...] = get_args(Mode)
ON_SITE, OFF_SITE = MODES
#: The result of a visit.
Outcome = Literal["none", "violation", "not_found", "closed", "refused"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
#: Outcomes that show neither a violation nor its absence.
NO_FINDING: tuple[Outcome, ...] = ("not_found", "closed", "refused")
#: Before the id of a visit where it stands among records: the two have ids of their own, which may be alike.
VISIT_PREFIX = "visit:"

#: Why a subject has its tier. ``cut``: by its score. ``score``: as the evidence of such a tier, with the characteristics.
#: ``record_ended``: a record that counted against it left, so that the better tier acts at once. ``signature_ended``: D had
#: no signature any more. ``incomplete``: adverse records were refused, and the tier waits until they are mended. ``other`` is
#: a text that this version does not write.
ReasonKind = Literal[
    "cut",
    "score",
    "not_rated",
    "new_subject",
    "override",
    "override_ended",
    "record_ended",
    "signature_ended",
    "dispute",
    "incomplete",
    "stability",
    "review_rejected",
    "other",
]
REASON_KINDS: tuple[ReasonKind, ...] = get_args(ReasonKind)
#: What kind of reason keeps a subject from being rated. ``register``: its own row of the register is refused;
#: ``incomplete``: records that may count against it are.
NotRatedWhy = Literal["new_subject", "register", "incomplete", "no_card", "other"]
_WITHOUT_GROUND: dict[ReasonKind, str] = {
    "cut": "",
    "new_subject": "new_subject",
    "override_ended": "override_ended",
    "record_ended": "record_ended",
    "signature_ended": "signature_ended",
    "dispute": "dispute",
    "incomplete": "incomplete",
    "stability": "stability",
    "review_rejected": "review:rejected",
}
_BY_TEXT = {text: kind for kind, text in _WITHOUT_GROUND.items()}


@dataclass(frozen=True)
class Reason:
    """Why a subject has its tier, as the columns ``rule`` and ``evidence`` of ``tiers.parquet`` hold it.

    ``str(reason)`` is the text of the columns, and ``Reason.parse`` reads it back.

    >>> str(Reason("override", "serious_list", ("E1", "E2"))), Reason.parse("not_rated:quarantined").ground
    ('override:serious_list E1,E2', 'quarantined')

    Attributes:
        kind: What decided.
        ground: Of an override its ``kind``, or ``scheme=grade``; of ``not_rated`` why there is no score, if known; of
            ``other`` the whole text; else ``""``.
        items: The characteristics behind a score, or the ids of the records behind an override.
    """

    kind: ReasonKind
    ground: str = ""
    items: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.kind == "score":
            return "score:" + ",".join(self.items)
        if self.kind == "override":
            return f"override:{self.ground}" + (f" {','.join(self.items)}" if self.items else "")
        if self.kind == "not_rated":
            return f"not_rated:{self.ground}" if self.ground else "not_rated"
        return self.ground if self.kind == "other" else _WITHOUT_GROUND[self.kind]

    @classmethod
    def parse(cls, text: str) -> Reason:
        """The reason that a stored text states; of kind ``other`` if this version does not know it."""
        head, colon, rest = text.partition(":")
        if head == "score" and colon:
            return cls("score", items=tuple(rest.split(",")) if rest else ())
        if head == "override" and colon:
            ground, _, records = rest.partition(" ")
            if "=" in ground:  # an external grade is its own evidence, and may hold blanks
                return cls("override", rest)
            return cls("override", ground, tuple(records.split(",")) if records else ())
        if head == "not_rated" and (rest or not colon):
            return cls("not_rated", rest)
        return cls(_BY_TEXT[text]) if text in _BY_TEXT else cls("other", text)

    @property
    def why_not_rated(self) -> NotRatedWhy:
        """What kind of reason it is where there is no tier."""
        if self.kind == "new_subject":
            return "new_subject"
        if self.kind != "not_rated" or not self.ground:
            return "other"
        return self.ground if self.ground in ("incomplete", "no_card") else "register"  # type: ignore[return-value]

    def is_of(self, ground: Reason) -> bool:
        """Whether this reason has the same ground as ``ground``, with any records.

        The texts are compared up to a space, since a ground may hold spaces itself.
        """
        return str(self) == str(ground) or str(self).startswith(f"{ground} ")
