"""An explanation in words: the same sections for the terminal and for a page that can be printed.

Short sentences that the owner of a small shop understands; what needs a word of the office is said in other words, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from creditscore.language import Message, Text, Words, _, pgettext
from creditscore.records.fault_words import code_text
from creditscore.reporting.advice import Repair
from creditscore.reporting.columns import Grid, signed
from creditscore.reporting.explained import Explained, Line, OwnDocument, Points
from creditscore.reporting.report import render_page
from creditscore.reporting.words import (
    BETWEEN_PARTS,
    CONTESTED_WORDS,
    GRADES,
    NO,
    PARTS_PER_MILLION,
    REPAIR_CLASSES,
    RESULTS,
    RULE_MEANINGS,
    SOURCE_WORDS,
    STATES,
    TIER_WORDS,
    TRIGGER_WORDS,
    UNITS,
    YES,
)
from creditscore.vocabulary import NOT_RATED, PROPOSED, SOURCES, TIERS, Reason

_NATURE = _("A tier allocates inspection effort. It is not a verdict, a punishment, a blacklist or a loan decision.")
_CLOCKS = _(
    "Each record has two days: when it happened and when it was received here. It counts only once both have come; a repair that "
    "is received later takes effect on the day it is received."
)
_OBJECT = _(
    "Anyone who believes that a record is wrong may object to the body that made it or to this authority. While the "
    "objection is open the record does not count and the tier neither rises nor falls because of it."
)
_REPAIR = _("A record that was repaired, withdrawn or has expired no longer counts from the day this is in effect and known here.")
_REPAIR_HOW = _(
    "To apply you need: the shortest publication period over, what was wrong put right and all duties done, and a public promise."
)
_LEFT_ALONE = _(
    "The age of the firm, a grade by another authority and visits of the past cannot be changed. They are not advised here; the "
    "table says when they stop counting."
)
#: Bodies of the page: what a section holds besides sentences.
_HEADS = (
    _("Characteristic"), _("Your firm"), _("Points"), _("Against the comparison"), _("Records no."), _("Next change by itself"),
)  # fmt: skip
_DOCUMENT_HEADS = (
    _("No."),
    pgettext("behind a score", "Record"),
    _("Happened"),
    _("Received"),
    _("From"),
    _("Details"),
    _("When it ends"),
)


@dataclass(frozen=True)
class Section:
    """A heading, sentences, and maybe a table: on a page as such, in the terminal a line per row."""

    title: str
    lines: Sequence[str] = ()
    grid: Grid | None = None
    rows: Sequence[str] = ()
    after: Sequence[str] = field(default=())
    #: Stands out on the page.
    framed: bool = False
    #: The class of its table on the page.
    style: str = ""


def to_text(it: Explained, lang: str) -> str:
    """Plain text, one fact a line."""
    words = Words.of(lang)
    lines = [_title(it, words), _subtitle(it, words)]
    for section in _sections(it, words):
        lines += ["", section.title, *(f"  {line}" for line in (*section.lines, *section.rows, *section.after))]
    return "\n".join(lines) + "\n"


def to_html(it: Explained, lang: str) -> str:
    """A page: no script, no link out, everything escaped."""
    words = Words.of(lang)
    parts = {"heading": _title(it, words), "subtitle": _subtitle(it, words), "sections": list(_sections(it, words))}
    return render_page("explain.html.j2", parts, lang=lang, title=f"{it.subject_id} {it.as_of.isoformat()}")


def _title(it: Explained, words: Words) -> str:
    return words.text(_("{name}: why this tier", name=it.name or it.subject_id))


def _subtitle(it: Explained, words: Words) -> str:
    run = it.run or it.as_of.isoformat()
    return words.text(
        _("{id} · {authority} · as of {day} · run {run}", id=it.subject_id, authority=it.authority, day=it.as_of, run=run)
    )


def _sections(it: Explained, words: Words) -> Iterator[Section]:
    yield Section(words.text(_("1. The rule and its legal basis")), [words.text(one) for one in _ground(it)], framed=True)
    yield Section(words.text(_("2. The tier and what it means")), [words.text(one) for one in _tier(it)], framed=True)
    if it.incomplete_since:
        yield Section(words.text(_("Records that could not be read")), list(_incomplete(it, words)), framed=True)
    if it.objections or any(one.state == "disputed" for one in it.documents):
        yield Section(words.text(_("Open objections")), [words.text(one) for one in _objections(it)], framed=True)
    if it.points is not None:
        yield _why(it, it.points, words)
    yield Section(words.text(_("What you can do")), [words.text(one) for one in _advice(it)])
    if it.points is not None:
        yield _characteristics(it.points, words)
    yield _documents(it, words)
    closing: list[Text] = [_CLOCKS, _REPAIR, _OBJECT]
    if it.contact:
        closing.append(_("Whom to ask: {contact}", contact=it.contact))
    if it.points is not None:
        closing.append(_("Scorecard (sha256): {card}", card=it.points.card))
    yield Section(words.text(_("How it works, and whom to ask")), [words.text(one) for one in closing])


def _ground(it: Explained) -> Iterator[Text]:
    """The legal basis first, then the rule in words."""
    ground, reason = it.ground, Reason.parse(it.ground.rule)
    yield _("Legal basis: {basis}.", basis=ground.basis)
    yield _("The rules are in force since {day}.", day=ground.effective)
    if reason.kind == "override":
        yield _(
            'A rule decides here, not the score: "{label}" means tier {tier}.', label=ground.label, tier=ground.sets or it.raw_tier
        )
        if ground.documents:
            yield _("It rests on record no. {numbers} below.", numbers=_numbers(ground.documents))
        if it.points is not None:
            yield _("Once that record counts no more, the score decides: tier {tier}.", tier=it.points.by_score)
    elif reason.kind in RULE_MEANINGS:
        yield RULE_MEANINGS[reason.kind]
    else:
        yield _("What decided: {label}.", label=ground.label)
    if reason.kind == "not_rated" and reason.ground:
        yield _("Why there is no tier: {why}.", why=code_text(reason.ground))
    if it.waiting is not None:
        yield _(
            "The better score counts since {since}. If it lasts {months} months, the tier may rise from {until}.",
            since=it.waiting.since, months=it.waiting.months, until=it.waiting.until,
        )  # fmt: skip


def _tier(it: Explained) -> Iterator[Text]:
    """The tier, what waits for a signature, and what it means for inspections."""
    yield _("Tier on {day}: {tier}.", day=it.as_of, tier=TIER_WORDS[it.shown_tier])
    if it.previous_tier and it.previous_tier != it.tier:
        yield _("The tier before was {tier}.", tier=TIER_WORDS.get(it.previous_tier, it.previous_tier))
    if it.trial:
        yield _("This run is a trial: nobody has signed its scorecards, and the tier is not in force.")
    if it.signature is not None:
        yield from _awaited(it)
    elif it.signed:
        yield _("An official has looked at this tier and decided on it.")
    visits = it.inspections
    if visits.full_coverage:
        yield _("In your trade every firm is visited in every period.")
    yield _(
        "For inspections this means: of the firms drawn in tier {tier} about {ratio:.4g} in 100 are picked by lot each time. The "
        "plan is {visits} a year for a firm; all departments together come at most {cap} times.",
        tier=visits.tier, ratio=visits.ratio * 100, visits=visits.visits_per_year, cap=visits.annual_cap,
    )  # fmt: skip
    yield _("Complaints and leads are looked into apart from this.")
    # Whoever waits for a signature is drawn in another tier than the one that holds: its measures would contradict that.
    for measure in it.measures if it.signature is None else ():
        yield _("Measure: {name} ({by}; basis: {basis})", name=measure.name, by=measure.department, basis=measure.basis)
    yield _NATURE


def _awaited(it: Explained) -> Iterator[Text]:
    signature = it.signature
    if signature is None:
        return
    if it.shown_tier == PROPOSED:
        yield _("Tier D is only proposed. It is not in force before an official has looked at it and signed.")
    else:
        yield _(
            "Tier {proposed} is only proposed; tier {tier} holds until an official has looked at it and signed.",
            proposed=signature.tier, tier=it.tier,
        )  # fmt: skip
    if signature.documents:
        yield _("The signature will rest on record no. {numbers} below.", numbers=_numbers(signature.documents))
    else:
        yield _("It rests on the score alone.")
    yield _("Until then you are drawn for inspections as tier {tier}.", tier=it.inspections.tier)
    yield _("You may object before the signature: say which record is wrong, and why.")


def _incomplete(it: Explained, words: Words) -> Iterator[str]:
    """That points and tier are incomplete and since when, what that means for the tier, and which rows are to be mended."""
    if it.whole_tier:
        sentence = _(
            "Incomplete since {since}: what may count against the subject was refused. Until it is mended or withdrawn the tier "
            "is no better than {whole_tier}, that of the last night in which it was read whole.",
            since=it.incomplete_since,
            whole_tier=it.whole_tier,
        )
    else:
        sentence = _(
            "Incomplete since {since}: what may count against the subject was refused, and never read whole before. Until it is "
            "mended or withdrawn the subject is not rated, unless a rule sets a tier.",
            since=it.incomplete_since,
        )
    yield words.text(sentence)
    for row in it.refused:
        refused = _("Refused: {source}, row {row}", source=row.source, row=row.row)
        faults = (code_text(code) for code in row.code.split(";") if code)
        yield words.text(BETWEEN_PARTS).join([words.text(refused), *(words.text(fault) for fault in faults)])
    carried = [one.number for one in it.documents if one.carried]
    if carried:
        yield words.text(_("Record no. {numbers}: not in tonight's data; carried forward as last read.", numbers=_numbers(carried)))
    yield words.text(_("Next step: ask the unit that sends these data to put the row right; the tier follows in the next run."))


def _objections(it: Explained) -> Iterator[Text]:
    for one in it.documents:
        if one.state == "disputed" and one.since is not None:
            yield _(
                "Record no. {number} has been under objection since {day}. It does not count until that is decided.",
                number=one.number, day=one.since,
            )  # fmt: skip
    numbers = {one.id: one.number for one in it.documents if one.table == "record"}
    for objection in it.objections:
        what: Text = CONTESTED_WORDS.get(objection.against, objection.against)
        if objection.against == "record":
            what = _("record no. {number}", number=numbers[objection.about]) if objection.about in numbers else objection.about
        yield _(
            "Objection {number} to {what}: received {received}, answer due by {due}.",
            number=objection.number, what=what, received=objection.received, due=objection.due,
        )  # fmt: skip


def _why(it: Explained, points: Points, words: Words) -> Section:
    """Score, risk, and what cost most."""
    risk = words.percent(points.probability_ppm / 1_000_000, 2)
    lines: list[Text] = [] if it.tier != NOT_RATED else [_("There is a score already, but it does not give a tier yet.")]
    lines += [
        _("Score {score}: the higher, the better.", score=points.score),
        _("Of 100 firms with this score, inspections are expected to find a violation at about {risk}.", risk=risk),
    ]
    if not points.reasons:
        lines.append(_("Nothing cost points against the comparison."))
    for rank, line in enumerate(points.reasons, start=1):
        lines.append(
            Message(
                "{reason}{label}: {value} ({difference})",
                {"reason": _("Reason {rank}: ", rank=rank), "label": line.label, "value": _value(line, words),
                 "difference": signed(-line.difference)},
            )
        )  # fmt: skip
    if it.tier in TIERS and points.by_score != it.raw_or_held:
        lines.append(_("By score alone it would be tier {tier}; why it is not, says part 1.", tier=points.by_score))
    if points.next_tier:
        lines.append(_("By score tier {tier} is {points} points away.", tier=points.next_tier, points=points.needed))
    elif points.margin is not None:
        lines.append(_("By score in A already, {margin} points above the next tier.", margin=points.margin))
    return Section(words.text(_("3. Why this score")), [words.text(one) for one in lines])


def _advice(it: Explained) -> Iterator[Text]:
    """Only what can be changed: repairs, declarations, rows to be mended."""
    advice = it.advice
    documents = {one.number: one for one in it.documents}
    for alike in _alike(it):
        first = alike[0]
        gain: Text = "" if not first.gain else _(" It alone would change the score by {gain}.", gain=signed(first.gain))
        values = {
            "number": _numbers([one.document for one in alike]), "label": documents[first.document].label, "to": first.apply_to,
            "since": first.since, "months": first.months, "class_": REPAIR_CLASSES[first.repair_class], "gain": gain,
        }  # fmt: skip
        sentence = _REPAIR_AT_ONCE if not first.months else _REPAIR_NOW if first.is_open else _REPAIR_LATER
        yield Message(sentence.message, values)
    if advice.repairs:
        yield _("This follows the catalogue of this project ({edition}) and its basis.", edition=it.catalogue or it.as_of)
        yield _REPAIR_HOW
    if advice.declarations:
        declared = [one.label for one in advice.declarations]
        yield _(
            "You may declare, with proof, if you have it: {what}. Declaring only ever adds points; not declaring costs none.",
            what=declared,
        )
    yield from _outcome(it)
    if it.refused:
        yield _("Have the refused rows above put right by the unit that sends them.")
    if not advice.repairs and not advice.declarations and not it.refused:
        yield _("There is nothing here that you could change now by repair or declaration. What ends by itself: see the table.")
    if it.points is not None:
        yield _LEFT_ALONE


def _alike(it: Explained) -> list[list[Repair]]:
    """Repairs in groups of which the same is said, in the order of the first of each."""
    kinds = {one.number: one.kind for one in it.documents}
    groups: dict[object, list[Repair]] = {}
    for one in it.advice.repairs:
        day = one.since if one.months else None
        groups.setdefault((kinds[one.document], one.apply_to, one.repair_class, day, one.gain), []).append(one)
    return list(groups.values())


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


def _outcome(it: Explained) -> Iterator[Text]:
    """What repairs and declarations together would give by score."""
    advice, points = it.advice, it.points
    if points is None or advice.score is None or not points.next_tier:
        return
    if it.raw_or_held in TIERS and TIERS.index(points.next_tier) >= TIERS.index(it.raw_or_held):
        return  # the tier is better than the score already: nothing to gain there
    if advice.nearest_repairs and not advice.nearest_declarations:
        yield _(
            "Nearest change: with record no. {numbers} repaired the score alone gives tier {tier} or better.",
            numbers=_numbers(advice.nearest_repairs), tier=points.next_tier,
        )  # fmt: skip
    elif advice.nearest_declarations:
        named = {one.name: one.label for one in advice.declarations}
        what = [named[name] for name in advice.nearest_declarations]
        if advice.nearest_repairs:
            yield _(
                "Nearest change: with record no. {numbers} repaired and {what} declared in full the score alone may reach "
                "tier {tier}.",
                numbers=_numbers(advice.nearest_repairs), what=what, tier=points.next_tier,
            )  # fmt: skip
        else:
            yield _(
                "Nearest change: with {what} declared in full the score alone may reach tier {tier}.",
                what=what,
                tier=points.next_tier,
            )
    else:
        yield _("Repairs and declarations alone do not reach tier {tier} by score; time does the rest.", tier=points.next_tier)
    if advice.repairs and advice.score != points.score:
        yield _("With all these records repaired the score would be {score}.", score=advice.score)


def _characteristics(points: Points, words: Words) -> Section:
    """One row per characteristic between the constant and the sum, those that lost most first."""
    rows: list[tuple[str, ...]] = [
        (words.text(_("Starting points, the same for all")), "", words.number(points.constant), "", "", "")
    ]
    lines = sorted(points.lines, key=lambda line: (-line.difference, line.name))
    for line in lines:
        changes = line.changes_on.isoformat() if line.changes_on else ""
        rows.append(
            (
                words.text(line.label),
                _value(line, words),
                signed(line.points),
                signed(-line.difference),
                _numbers(line.documents),
                changes,
            )
        )
    rows.append((words.text(_("Total")), "", words.number(points.score), signed(points.score - points.baseline_score), "", ""))
    grid = Grid(tuple(words.text(head) for head in _HEADS), tuple(rows), frozenset({2, 3}), total=True)
    note = _(
        "The comparison: firms that just reach the next better tier, or where the card has none the mean of the trade. A minus "
        "means fewer points than they have."
    )
    shrunk = _("Shares are drawn towards the usual one while there are few records, so that a single record does not decide.")
    shares = [words.text(shrunk)] if any(line.aggregate == "share" and line.documents for line in points.lines) else []
    blocks = [f"{words.text(SOURCE_WORDS[source])} {signed(points.blocks[source])}" for source in SOURCES if source != "base"]
    base = f"{words.text(SOURCE_WORDS['base'])} {words.number(points.blocks['base'])}"
    total = words.text(_("total {score}", score=words.number(points.score)))
    sums = words.text(_("By kind of source: ")) + " · ".join([base, *blocks, total])
    return Section(
        words.text(_("4. Every characteristic of your card")),
        [words.text(note), *shares], grid, [_row_text(row, grid.headers) for row in rows], [sums],
    )  # fmt: skip


def _row_text(row: Sequence[str], heads: Sequence[str]) -> str:
    """A row as a line of the terminal: the first cell, then what is not empty with its head."""
    first, *rest = row
    parts = [f"{head} {cell}" for head, cell in zip(heads[1:], rest, strict=True) if cell]
    return " · ".join([first, *parts])


def _documents(it: Explained, words: Words) -> Section:
    """The records under their numbers."""
    title = words.text(_("5. The records"))
    if it.kept == "none" and not it.documents:
        return Section(title, [words.text(_("Not kept: this run did not keep the records behind its scores. Later runs do."))])
    notes: list[Text] = []
    if it.kept != "all":
        notes.append(_("This run kept some of the records only; which ones are behind which points is not kept."))
    if not it.documents:
        none = _("No records count for or against your firm here.")
        notes.append(none if it.points is not None else _("There is no score, so no records are behind one."))
        return Section(title, [words.text(one) for one in notes])
    rows = [_document_row(one, words) for one in it.documents]
    grid = Grid(tuple(words.text(head) for head in _DOCUMENT_HEADS), tuple(rows))
    return Section(
        title, [words.text(one) for one in notes], grid, [_row_text(row, grid.headers) for row in rows], style="documents"
    )


def _document_row(one: OwnDocument, words: Words) -> tuple[str, ...]:
    number = one.document_no or (one.id if one.table != "rating" else "")
    received = words.text(_("not kept")) if one.known_date is None else one.known_date.isoformat()
    name = words.text(TRIGGER_WORDS.get(one.kind, one.kind)) if one.table == "visit" else words.text(one.label)
    return (
        str(one.number), f"{name} {number}".strip(), one.event_date.isoformat(), received, one.provider,
        words.text(BETWEEN_PARTS).join(words.text(part) for part in _details(one, words)), words.text(_end(one)),
    )  # fmt: skip


def _details(one: OwnDocument, words: Words) -> Iterator[Text]:
    """Amount, severity and result, where there are any."""
    if one.amount:
        amount = float(one.amount)
        yield _("{amount} yuan", amount=words.number(amount, 0 if amount == int(amount) else 2))
    if one.severity is not None:
        yield _("severity {severity} of 10", severity=one.severity)
    if one.result:
        yield {**GRADES, **RESULTS}.get(one.result, one.result)
    if one.carried:
        yield _("carried forward")


def _end(one: OwnDocument) -> Text:
    """When and how a document ends, or that it already does not count."""
    if one.state == "disputed":
        return _("under objection, does not count")
    if one.state != "counts":
        return _("{state}: does not count since {day}", state=STATES.get(one.state, one.state), day=one.since)
    parts: list[Text] = []
    if one.ends_on is None:
        parts.append(_("no end is fixed") if one.table == "record" else _("until a newer one"))
    else:
        why = {"window": _("too old then"), "own_end": _("its last day is over"), "retention": _("it is kept no longer")}
        parts.append(_("counts no more from {day} ({why})", day=one.ends_on, why=why[one.ends_why]))
    if one.valid_until is not None:
        parts.append(_("valid until {day}", day=one.valid_until))
    if one.repairable:
        parts.append(_("can be repaired, see above"))
    return _Joined(tuple(parts))


@dataclass(frozen=True)
class _Joined:
    """Several sentences as one, with the mark of the language between them."""

    parts: tuple[Text, ...]

    def text(self, language: str) -> str:
        """In a language."""
        words = Words.of(language)
        return words.text(BETWEEN_PARTS).join(words.text(part) for part in self.parts)


def _numbers(numbers: Sequence[int]) -> str:
    return ", ".join(str(one) for one in sorted(numbers))


def _value(line: Line, words: Words) -> str:
    """The firm's own value in words with its unit; of a cross, whose two values stand in lines of their own, the cell."""
    if line.aggregate == "cross":
        return words.text(line.bin)
    if line.value == "":
        return words.text(_("nothing known"))
    if line.unit == "0 or 1":
        return words.text(YES if float(line.value) else NO)
    try:
        number = float(line.value)
    except ValueError:
        return words.text({**GRADES, **RESULTS}.get(line.value, line.value))
    if line.unit == PARTS_PER_MILLION:
        if line.aggregate == "share":
            return words.percent(number / 1_000_000, 1)
        if line.aggregate == "finding_ratio":
            return words.text(_("{times:.2f} times what is usual", times=number / 1_000_000))
        return words.number(number / 1_000_000, 2)
    figure = words.number(number, 0 if number == int(number) else 2)
    unit = UNITS.get(line.unit, line.unit)
    if line.unit in ("", "grade", "text"):
        return figure
    if line.unit.startswith("severity"):
        return words.text(_("severity {figure}", figure=figure))
    return words.text(pgettext("a figure and its unit", "{figure} {unit}", figure=figure, unit=unit))
