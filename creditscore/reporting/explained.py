"""What an explanation of one subject on one day consists of, as plain data; nothing that is put into words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from creditscore.config.policy import Measure
from creditscore.config.spec import Label
from creditscore.reporting.advice import Advice
from creditscore.vocabulary import NotRatedWhy, Source

#: What an answer is about: a subject with a tier; one that is not rated; or why the project does not rate it.
Answer = Literal["rated", "not_rated"]
#: What a value says: something; that there is no such record; that nothing was declared; nothing, since it is missing.
Known = Literal["value", "none", "undeclared", "nothing"]


@dataclass(frozen=True)
class Line:
    """One characteristic: the firm's value, the attribute it falls in, its points and the baseline's.

    ``documents`` are the numbers of those behind the value, newest first. ``changes_on`` is the next day on which one of them
    stops counting here, or weighs less, by the passing of time. ``known`` is ``value``, ``none`` (no such record, which is a value
    of its own), ``undeclared``, or ``nothing``: what is missing. ``would_tell`` names the records from which it would be known.
    """

    name: str
    label: Label
    source: Source
    value: str
    unit: str
    aggregate: str
    bin: Label
    points: int
    baseline: int
    documents: tuple[int, ...] = ()
    changes_on: dt.date | None = None
    known: Known = "value"
    would_tell: tuple[Label, ...] = ()

    @property
    def difference(self) -> int:
        """Points lost against the baseline (negative: won)."""
        return self.baseline - self.points

    @property
    def costs(self) -> bool:
        """Whether it is a reason for a lower score: what is missing or was not declared is none unless it costs points itself."""
        absent = self.known in ("undeclared", "nothing")
        return self.difference > 0 and not (absent and self.points >= 0)


@dataclass(frozen=True)
class OwnDocument:
    """A document of the firm under its number: what is needed to find it, whether it counts, and when it ends by itself.

    ``named``: what names it, and no other record of the firm, in an objection: its document number, or else its id.
    ``ends_on``: from which day on it is behind nothing here; None where no end is fixed. ``ends_why``: ``window`` (too old),
    ``own_end`` (its last day) or ``retention``.
    """

    number: int
    table: Literal["record", "visit", "rating"]
    id: str
    kind: str
    label: Label
    event_date: dt.date
    known_date: dt.date | None
    document_no: str
    named: str
    provider: str
    severity: int | None
    amount: str
    result: str
    valid_until: dt.date | None
    state: str
    since: dt.date | None
    carried: bool
    ends_on: dt.date | None
    ends_why: str
    repairable: bool


@dataclass(frozen=True)
class RefusedRow:
    """A row or value that was refused: where it stands in the delivery, and the code of what is wrong."""

    source: str
    row: str
    code: str


@dataclass(frozen=True)
class Ground:
    """The rule that fired, its legal basis, from when the rules are in force, and the documents that the rule rests on."""

    rule: str
    label: Label
    basis: str
    effective: dt.date
    sets: str = ""
    documents: tuple[int, ...] = ()


@dataclass(frozen=True)
class Inspections:
    """What the tier means for inspections: the tier in which the subject is drawn, and the policy's rule for it."""

    tier: str
    ratio: float
    visits_per_year: int
    repeat_within_months: int
    annual_cap: int
    full_coverage: bool


@dataclass(frozen=True)
class Signature:
    """What waits for a person: the tier proposed, and the documents that the signature will rest on, if the run kept which."""

    tier: str
    documents: tuple[int, ...]
    kept: bool = True


@dataclass(frozen=True)
class Waiting:
    """A better score that must last before the tier rises: since when it counts, and from when the tier may rise."""

    since: dt.date
    until: dt.date
    months: int


@dataclass(frozen=True)
class NextLegalStep:
    """What may be done about an answer, in words of the project, and the law that says so."""

    label: Label
    basis: str


@dataclass(frozen=True)
class ToldObjection:
    """An objection of the firm: its number, what it contests (a record, tier or draw), when it came in, and its answer.

    ``received_since`` and ``answered_since``: the run of the day did not know it, or not its answer. ``outcome`` is ``""`` while
    it is open. ``steps`` are those that the project names against such an answer. ``earlier`` is the objection to the same thing
    that was answered before it; ``suspends``: what it is against does not count while it is open, which one that was filed again
    does as often only as the project allows, by ``suspends_basis``. ``withdrawal``: the firm's own document that withdrew it.
    ``document_no``: that of the record, by which the firm knows it.
    """

    number: str
    against: str
    about: str
    received: dt.date
    due: dt.date
    basis: str
    outcome: str = ""
    answered: dt.date | None = None
    reason: str = ""
    received_since: bool = False
    answered_since: bool = False
    steps: tuple[NextLegalStep, ...] = ()
    earlier: str = ""
    suspends: bool = True
    suspends_basis: str = ""
    withdrawal: str = ""
    withdrawal_date: dt.date | None = None
    document_no: str = ""

    @property
    def is_later(self) -> bool:
        """Whether something of it came after the run."""
        return self.received_since or self.answered_since


@dataclass(frozen=True)
class NotRated:
    """Why there is no tier: the code, and what kind of reason it is, with the day from which a new firm can be rated."""

    why: NotRatedWhy
    code: str
    ratable_from: dt.date | None = None


@dataclass(frozen=True)
class Points:
    """How a score came about. ``constant + sum of points = score``; ``sum of differences = baseline score − score``.

    ``blocks`` are subtotals by source that add up to the score; ``base`` holds the constant. ``by_score`` is the tier by score
    alone, ``next_tier`` the better one that the card can reach ("" for none), ``needed`` the points to it, ``margin`` how
    many points may be lost while the tier by score stays (None in the riskiest). ``industry`` is the firm's own as the register
    has it, ``card_industry`` the one whose card gave the points: None is the card of all industries.
    """

    score: int
    probability_ppm: int
    card: str
    constant: int
    lines: tuple[Line, ...]
    blocks: Mapping[Source, int]
    baseline_name: str
    baseline_score: int
    by_score: str
    next_tier: str
    needed: int
    margin: int | None
    industry: Label | None = None
    card_industry: Label | None = None

    @property
    def reasons(self) -> tuple[Line, ...]:
        """The up to four characteristics that cost most, most first, ties by name."""
        lost = [line for line in self.lines if line.costs]
        return tuple(sorted(lost, key=lambda line: (-line.difference, line.name))[:4])


@dataclass(frozen=True)
class Explained:
    """What a page about one subject on one day shows, the rule first: where an override set the tier, points did not.

    ``points`` is None for a subject that is not rated, or whose features were not given. ``measures`` are those of the tier
    that holds. ``signed_documents``: those on which the signature under the tier rests. ``kept`` says which records the run
    kept: ``all`` that are read, the ``adverse`` ones only, or ``none``.
    """

    subject_id: str
    as_of: dt.date
    run: str
    authority: Label
    name: str
    answer: Answer
    ground: Ground
    tier: str
    shown_tier: str
    raw_tier: str
    previous_tier: str
    status: str
    signed: bool
    signed_documents: tuple[int, ...]
    trial: bool
    inspections: Inspections
    measures: tuple[Measure, ...]
    points: Points | None
    documents: tuple[OwnDocument, ...]
    kept: Literal["all", "adverse", "none"]
    advice: Advice
    signature: Signature | None
    waiting: Waiting | None
    objections: tuple[ToldObjection, ...]
    contact: str
    catalogue: str = ""
    #: The score that it would have if what it disputes counted; None where nothing is under dispute, or no card serves it.
    disputed_score: int | None = None
    #: Why there is no tier; None for a subject with one.
    not_rated: NotRated | None = None
    #: From when records that may count against the subject, or its own row, are refused ("": they are not); the tier of the last
    #: night in which they were read whole; and where they are to be mended.
    incomplete_since: str = ""
    whole_tier: str = ""
    refused: tuple[RefusedRow, ...] = ()

    @property
    def raw_or_held(self) -> str:
        """The tier that is told: what is proposed while a signature is awaited, else the tier that holds."""
        return self.raw_tier if self.signature is not None else self.tier

    @property
    def reasons(self) -> tuple[str, ...]:
        """The names of the characteristics that lost most."""
        return () if self.points is None else tuple(line.name for line in self.points.reasons)
