"""What the firm can do, in words: without a tier the one next step, else only what can be changed."""

from __future__ import annotations

from collections.abc import Iterator

from creditscore.language import Message, Text, _
from creditscore.reporting.advice import OWN_RULE, Repair
from creditscore.reporting.columns import signed
from creditscore.reporting.explained import Explained, NotRated
from creditscore.reporting.explanation_section import numbers
from creditscore.reporting.words import REPAIR_CLASSES
from creditscore.vocabulary import NOT_RATED, TIERS, Reason

_REPAIR_HOW = _(
    "To apply you need: the shortest publication period over, what was wrong put right and all duties done, and a public promise."
)
_LEFT_ALONE = _(
    "The age of the firm, a grade by another authority and visits of the past cannot be changed. They are not advised here; the "
    "table says when they stop counting."
)
_OWN_RULE = _(
    "Record no. {number} ({label}): it ends by a rule of its own ({basis}). Once the duty is done, ask to have it taken out, at: "
    "{to}.{gain}"
)
_REPAIR_AT_ONCE = _(
    "Record no. {number} ({label}): you may apply for repair as soon as the duty is done, to: {to}. It is of the class {class_}, "
    "without a shortest period of publication.{gain}"
)
_REPAIR_NOW = _(
    "Record no. {number} ({label}): you may apply for repair now, to: {to}. It is of the class {class_} with a shortest period of "
    "publication of {months} months, over since {since}.{gain}"
)
_REPAIR_LATER = _(
    "Record no. {number} ({label}): you may apply for repair from {since}, to: {to}. It is of the class {class_} with a shortest "
    "period of publication of {months} months.{gain}"
)
_MEND = _(
    "Next step: nothing that you have to do. The unit that sends these data has to put the refused rows right; the tier follows "
    "in the next run. Ask this authority how far that is, and name the rows above."
)


def advice(it: Explained) -> Iterator[Text]:
    """Only what can be changed: repairs, declarations, rows to be mended."""
    if it.tier == NOT_RATED and it.not_rated is not None:
        yield _without_tier(it, it.not_rated)
        yield from _repairs(it)
        return
    yield from _repairs(it)
    declarations, repairs = it.advice.declarations, it.advice.repairs
    if declarations:
        yield _(
            "You may declare, with proof, if you have it: {what}. Declaring only ever adds points; not declaring costs none.",
            what=[one.label for one in declarations],
        )
    if it.kept == "all":
        yield from _outcome(it)
    if it.incomplete_since:
        yield _MEND
    if it.kept != "all" and not repairs:
        yield _("Which records could be repaired is not kept in this run.")
    elif not repairs and not declarations and not it.incomplete_since:
        yield _("There is nothing here that you could change now by repair or declaration. What ends by itself: see the table.")
    if it.points is not None and it.kept == "all":
        yield _LEFT_ALONE


def _without_tier(it: Explained, why: NotRated) -> Text:
    """The one next step of a firm that is not rated."""
    if why.why == "new_subject":
        if why.ratable_from is None:
            return _("Next step: none. A tier comes with time.")
        return _("Next step: none. The firm can be rated from {day} on.", day=why.ratable_from)
    if why.why == "register":
        if why.code == "ID_OLD_NUMBER":
            return _(
                "Next step: have the registration authority exchange the old number for a unified social credit code. The tier "
                "follows in the next run that has it."
            )
        return _(
            "Next step: compare the code in the register with your licence, and have the registration authority put its row right. "
            "The tier follows in the next run that has it."
        )
    if why.why == "incomplete":
        return _MEND
    if why.why == "no_card":
        return _(
            "Next step: see whether the trade in your registration is right. If it is wrong, have the registration authority "
            "correct it; if it is right, nothing is to be done."
        )
    return _("Next step: ask whom the last part names.") if it.contact else _("Next step: ask this authority.")


def _repairs(it: Explained) -> Iterator[Text]:
    documents = {one.number: one for one in it.documents}
    for alike in _alike(it):
        first = alike[0]
        gain: Text = "" if not first.gain else _(" It alone would change the score by {gain}.", gain=signed(first.gain))
        values = {
            "number": numbers([one.document for one in alike]), "label": documents[first.document].label, "to": first.apply_to,
            "since": first.since, "months": first.months, "class_": REPAIR_CLASSES[first.repair_class], "gain": gain,
            "basis": first.basis,
        }  # fmt: skip
        at_once = _OWN_RULE if first.repair_class == OWN_RULE else _REPAIR_AT_ONCE
        sentence = at_once if not first.months else _REPAIR_NOW if first.is_open else _REPAIR_LATER
        yield Message(sentence.message, values)
    by_class = {one.repair_class: one.basis for one in it.advice.repairs if one.repair_class != OWN_RULE}
    for name, basis in by_class.items():
        if basis:
            yield _("The class {class_} and its period: {basis}.", class_=REPAIR_CLASSES[name], basis=basis)
    if by_class:
        yield _("This follows the catalogue of this project ({edition}) and its basis.", edition=it.catalogue or it.as_of)
        yield _REPAIR_HOW


def _alike(it: Explained) -> list[list[Repair]]:
    """Repairs in groups of which the same is said, in the order of the first of each."""
    kinds = {one.number: one.kind for one in it.documents}
    groups: dict[object, list[Repair]] = {}
    for one in it.advice.repairs:
        day = one.since if one.months else None
        groups.setdefault((kinds[one.document], one.apply_to, one.repair_class, day, one.gain), []).append(one)
    return list(groups.values())


def _outcome(it: Explained) -> Iterator[Text]:
    """What repairs and declarations together would give by score."""
    advice, points = it.advice, it.points
    if points is None or advice.score is None or not points.next_tier or Reason.parse(it.ground.rule).kind == "override":
        return  # where a rule decides the score gives nothing
    if it.raw_or_held in TIERS and TIERS.index(points.next_tier) >= TIERS.index(it.raw_or_held):
        return  # the tier is better than the score already: nothing to gain there
    if advice.nearest_repairs and not advice.nearest_declarations:
        yield _(
            "Nearest change: with record no. {numbers} repaired the score alone gives tier {tier} or better.",
            numbers=numbers(advice.nearest_repairs), tier=points.next_tier,
        )  # fmt: skip
    elif advice.nearest_declarations:
        named = {one.name: one.label for one in advice.declarations}
        what = [named[name] for name in advice.nearest_declarations]
        if advice.nearest_repairs:
            yield _(
                "Nearest change: with record no. {numbers} repaired and {what} declared, if you have it, the score alone may reach "
                "tier {tier}.",
                numbers=numbers(advice.nearest_repairs), what=what, tier=points.next_tier,
            )  # fmt: skip
        else:
            yield _(
                "Nearest change: with {what} declared, if you have it, the score alone may reach tier {tier}.",
                what=what,
                tier=points.next_tier,
            )
    else:
        yield _("Repairs and declarations alone do not reach tier {tier} by score; time does the rest.", tier=points.next_tier)
    if advice.repairs and advice.score != points.score:
        yield _("With all these records repaired the score would be {score}.", score=advice.score)
