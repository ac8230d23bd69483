"""The tier of an explanation in words: the rule behind it, what it means, and what waits for a signature or for refused rows."""

from __future__ import annotations

from collections.abc import Iterator

from creditscore.language import Text, _
from creditscore.records.fault_words import code_text
from creditscore.reporting.explained import Explained, Signature
from creditscore.reporting.explanation_section import Joined, numbers
from creditscore.reporting.words import NOT_RATED_MEANINGS, RULE_MEANINGS, TIER_WORDS
from creditscore.vocabulary import NOT_RATED, PROPOSED, Reason

_REFUSED = str(Reason("review_rejected"))
_NATURE = _("A tier allocates inspection effort. It is not a verdict, a punishment, a blacklist or a loan decision.")


def rule(it: Explained) -> Iterator[Text]:
    """The legal basis first, then the rule in words."""
    ground, reason = it.ground, Reason.parse(it.ground.rule)
    yield _("Legal basis: {basis}.", basis=ground.basis)
    yield _("The rules are in force since {day}.", day=ground.effective)
    if it.not_rated is not None and it.tier == NOT_RATED:
        yield NOT_RATED_MEANINGS[it.not_rated.why]
        if it.not_rated.why == "register":
            yield _("What is wrong with it: {why}.", why=code_text(it.not_rated.code))
    elif reason.kind == "override":
        yield from _override(it)
    elif reason.kind in RULE_MEANINGS:
        yield RULE_MEANINGS[reason.kind]
        if ground.documents:
            yield _("The tier that is held rests on record no. {numbers} below.", numbers=numbers(ground.documents))
    else:
        yield _("What decided: {label}.", label=ground.label)
    if it.waiting is not None:
        yield _(
            "The better score counts since {since}. If it lasts {months} months, the tier may rise from {until}.",
            since=it.waiting.since, months=it.waiting.months, until=it.waiting.until,
        )  # fmt: skip


def _override(it: Explained) -> Iterator[Text]:
    """A rule that sets the tier whatever the score, and what comes after it."""
    ground = it.ground
    yield _('A rule decides here, not the score: "{label}" means tier {tier}.', label=ground.label, tier=ground.sets or it.raw_tier)
    if ground.documents:
        yield _("It rests on record no. {numbers} below.", numbers=numbers(ground.documents))
    elif it.kept != "all":
        yield _("On which record it rests is not kept in this run.")
    if it.points is None:
        return
    if any(one.table == "rating" for one in it.documents if one.number in ground.documents):
        yield _("Once a newer grade is better, the score decides: tier {tier}.", tier=it.points.by_score)
    else:
        yield _("Once that record counts no more, the score decides: tier {tier}.", tier=it.points.by_score)


def tier(it: Explained) -> Iterator[Text]:
    """The tier, what waits for a signature, and what it means for inspections."""
    yield _("Tier on {day}: {tier}.", day=it.as_of, tier=TIER_WORDS[it.shown_tier])
    if it.previous_tier and it.previous_tier != it.tier:
        yield _("The tier before was {tier}.", tier=TIER_WORDS.get(it.previous_tier, it.previous_tier))
    if it.trial:
        yield _("This run is a trial: nobody has signed its scorecards, and the tier is not in force.")
    if it.signature is not None:
        yield from _awaited(it, it.signature)
    elif it.ground.rule == _REFUSED:
        if it.signed_documents:
            yield _(
                "What was refused rests on record no. {numbers} below. If one of them is corrected or another record comes, an "
                "official may be asked again.",
                numbers=numbers(it.signed_documents),
            )
        elif it.kept == "all":
            yield _(
                "What was refused rests on the score alone. If the score gets better and falls again, an official is asked again."
            )
        else:
            yield _("On which records it rests is not kept in this run.")
    elif it.signed:
        yield _("An official has looked at this tier and decided on it.")
        if it.signed_documents:
            yield _(
                "The signature rests on record no. {numbers} below. It ends when one of them is repaired, withdrawn, corrected or "
                "found wrong, or is a grade that a newer one replaces.",
                numbers=numbers(it.signed_documents),
            )
    visits = it.inspections
    if visits.full_coverage:
        yield _("In your trade every firm is visited in every period.")
    if visits.tier == NOT_RATED:
        yield _(
            "For inspections this means: of the firms without a tier about {ratio:.4g} in 100 are picked by lot each time. The "
            "plan is {visits} a year for a firm; all departments together come at most {cap} times.",
            ratio=visits.ratio * 100, visits=visits.visits_per_year, cap=visits.annual_cap,
        )  # fmt: skip
    else:
        yield _(
            "For inspections this means: of the firms drawn in tier {tier} about {ratio:.4g} in 100 are picked by lot each time. "
            "The plan is {visits} a year for a firm; all departments together come at most {cap} times.",
            tier=visits.tier, ratio=visits.ratio * 100, visits=visits.visits_per_year, cap=visits.annual_cap,
        )  # fmt: skip
    yield _("Complaints and leads are looked into apart from this.")
    # Whoever waits for a signature is drawn in another tier than the one that holds: its measures would contradict that.
    for measure in it.measures if it.signature is None else ():
        yield _("Measure: {name} ({by}; basis: {basis})", name=measure.name, by=measure.department, basis=measure.basis)
    yield _NATURE


def _awaited(it: Explained, signature: Signature) -> Iterator[Text]:
    if it.shown_tier == PROPOSED:
        yield _("Tier D is only proposed. It is not in force before an official has looked at it and signed.")
    else:
        yield _(
            "Tier {proposed} is only proposed; tier {tier} holds until an official has looked at it and signed.",
            proposed=signature.tier, tier=it.tier,
        )  # fmt: skip
    if signature.documents:
        yield _("The signature will rest on record no. {numbers} below.", numbers=numbers(signature.documents))
    elif signature.kept and it.kept != "none":
        yield _("It rests on the score alone.")
    else:
        yield _("On which records it rests is not kept in this run.")
    yield _("Until then you are drawn for inspections as tier {tier}.", tier=it.inspections.tier)
    yield _("You may object before the signature: say which record is wrong, and why.")


def incomplete(it: Explained) -> Iterator[Text]:
    """Since when the records or the own row are refused, what that means for the tier, and which rows are to be mended."""
    yield _incomplete_since(it)
    for row in it.refused:
        refused = _("Refused: {source}, row {row}", source=row.source, row=row.row)
        yield Joined((refused, *(code_text(code) for code in row.code.split(";") if code)))
    if not it.refused:
        yield _("Which rows these are is not kept in this run.")
    carried = [one.number for one in it.documents if one.carried]
    if carried:
        yield _("Record no. {numbers}: not in tonight's data; carried forward as last read.", numbers=numbers(carried))


def _incomplete_since(it: Explained) -> Text:
    if it.not_rated is not None and it.not_rated.why == "register":
        return _("The firm's own row of the register of subjects has been refused since {since}.", since=it.incomplete_since)
    if it.whole_tier:
        return _(
            "Incomplete since {since}: what may count against the subject was refused. Until it is mended or withdrawn the tier "
            "is no better than {whole_tier}, that of the last night in which it was read whole.",
            since=it.incomplete_since,
            whole_tier=it.whole_tier,
        )
    return _(
        "Incomplete since {since}: what may count against the subject was refused, and never read whole before. Until it is "
        "mended or withdrawn the subject is not rated, unless a rule sets a tier.",
        since=it.incomplete_since,
    )
