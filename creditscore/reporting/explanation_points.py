"""The points of an explanation in words: score, risk, what cost most, and every characteristic of the card."""

from __future__ import annotations

from creditscore.language import Message, Text, Words, _, pgettext
from creditscore.reporting.columns import Grid, signed
from creditscore.reporting.explained import Explained, Line, Points
from creditscore.reporting.explanation_section import Joined, Section, numbers, row_text
from creditscore.reporting.words import GRADES, NO, ONE_UNIT, PARTS_PER_MILLION, RESULTS, SOURCE_WORDS, UNITS, YES
from creditscore.vocabulary import NOT_RATED, SOURCES, TIERS

_HEADS = (
    _("Characteristic"), _("Your firm"), _("Points"), _("Against the comparison"), _("Records no."), _("Next change by itself"),
)  # fmt: skip

#: A reason with its value and the points that it cost.
_SAID = _("{reason}{label}: {value} ({difference})")
_NO_VISIT = _(
    "{reason}{label}: no visit yet, which is no fault; firms that were visited and found in order have a little more ({difference})"
)


def why(it: Explained, points: Points, words: Words) -> Section:
    """Score, risk, and what cost most; of a firm without a tier nothing about tiers by score."""
    rated = it.tier in TIERS
    lines: list[Text] = [] if it.tier != NOT_RATED else [_("There is a score already, but it does not give a tier yet.")]
    lines += [
        _("Score {score}: the higher, the better.", score=points.score),
        _(
            "Of 100 firms with this score, inspections are expected to find a violation at about {risk}.",
            # Tenths of a firm say nothing where there are tens of them.
            risk=words.number(points.probability_ppm / 10_000, 1 if points.probability_ppm < 100_000 else 0),
        ),
    ]
    lines.append(_whose_card(points))
    if not points.reasons:
        lines.append(_("Nothing cost points against the comparison."))
    lines += [_reason(rank, line, words) for rank, line in enumerate(points.reasons, start=1)]
    if rated and points.by_score != it.raw_or_held:
        lines.append(_("By score alone it would be tier {tier}; why it is not, says part 1.", tier=points.by_score))
    if rated and points.next_tier:
        # A dispute may hold the tier above that of the score.
        if TIERS.index(points.next_tier) < TIERS.index(it.raw_or_held):
            lines.append(_("By score tier {tier} is {points} points away.", tier=points.next_tier, points=points.needed))
    elif rated and points.margin is not None:
        lines.append(_("By score tier A, also with up to {margin} points less.", margin=points.margin))
    return Section(words.text(_("Why this score")), [words.text(one) for one in lines])


def _whose_card(points: Points) -> Text:
    """For firms of which industry the points are, and what to do where the register has the wrong one or none."""
    if points.card_industry is not None and points.card_industry == points.industry:
        return _("Your industry in the register is {industry}; the points are those of its scorecard.", industry=points.industry)
    if points.card_industry is not None:
        return _("The points are those of the scorecard for {industry}.", industry=points.card_industry)
    if points.industry is None:
        return _(
            "The register names no industry for your firm, so the points are those of the scorecard for all industries. The "
            "authority that registered you can put that right."
        )
    return _(
        "Your industry in the register is {industry}; it has no scorecard of its own, so the points are those of the scorecard for "
        "all industries. If the industry is wrong, the authority that registered you can put that right.",
        industry=points.industry,
    )


def _reason(rank: int, line: Line, words: Words) -> Text:
    """A characteristic that cost points; of one of which nothing is known, what would change that."""
    head, difference = _("Reason {rank}: ", rank=rank), signed(-line.difference)
    if line.known == "none" and line.aggregate == "finding_ratio":
        values = {"reason": head, "label": line.label, "difference": difference}
        return Message(_NO_VISIT.message, values)
    if line.known != "nothing":
        values = {"reason": head, "label": line.label, "value": shown_value(line, words), "difference": difference}
        return Message(_SAID.message, values)
    missing = _("{reason}nothing is known about: {label} ({difference})", reason=head, label=line.label, difference=difference)
    return Joined((missing, _what_changes_it(line)))


def _what_changes_it(line: Line) -> Text:
    """What is to come in before something is known."""
    if line.would_tell and line.source == "self_declared":
        return _("a declaration with proof changes it: {kinds}", kinds=list(line.would_tell))
    if line.would_tell:
        return _(
            "a record of this kind changes it; you may hand in proof to the unit that keeps it: {kinds}",
            kinds=list(line.would_tell),
        )
    if line.aggregate == "finding_ratio":
        return _("the next visit changes it")
    if line.aggregate == "tenure_months":
        return _("the day of registration in the register changes it")
    return _("a grade by the authority that gives it changes it")


def characteristics(points: Points, words: Words) -> Section:
    """One row per characteristic between the constant and the sum, those that lost most first."""
    rows: list[tuple[str, ...]] = [
        (words.text(_("Starting points, the same for all")), "", words.number(points.constant), "", "", "")
    ]
    lines = sorted(points.lines, key=lambda line: (-line.difference, line.name))
    rows += [_line_row(line, words) for line in lines]
    rows.append((words.text(_("Total")), "", words.number(points.score), signed(points.score - points.baseline_score), "", ""))
    grid = Grid(tuple(words.text(head) for head in _HEADS), tuple(rows), frozenset({2, 3}), total=True)
    note = _(
        "The comparison: the mean of firms a little above the limit of the next better tier, or where the card has none the mean "
        "of the trade. A minus means fewer points than they have. So the total of that column is not the number of points that you "
        "lack."
    )
    notes: list[Text] = [note]
    if any(line.aggregate == "share" and line.documents for line in points.lines):
        notes.append(
            _("Shares are drawn towards the usual one while there are few records, so that a single record does not decide.")
        )
    if any(line.known in ("nothing", "undeclared") and line.difference > 0 and not line.costs for line in points.lines):
        notes.append(_("What is not known or not declared costs nothing here: a minus beside it only says that others have more."))
    blocks = [f"{words.text(SOURCE_WORDS[source])} {signed(points.blocks[source])}" for source in SOURCES if source != "base"]
    base = f"{words.text(SOURCE_WORDS['base'])} {words.number(points.blocks['base'])}"
    total = words.text(_("total {score}", score=words.number(points.score)))
    sums = words.text(_("By kind of source: ")) + " · ".join([base, *blocks, total])
    return Section(
        words.text(_("Every characteristic of your card")),
        [words.text(one) for one in notes], grid, [row_text(row, grid.headers) for row in rows], [sums],
    )  # fmt: skip


def _line_row(line: Line, words: Words) -> tuple[str, ...]:
    changes = line.changes_on.isoformat() if line.changes_on else ""
    value, points = shown_value(line, words), signed(line.points)
    return (words.text(line.label), value, points, signed(-line.difference), numbers(line.documents), changes)


def shown_value(line: Line, words: Words) -> str:
    """The firm's own value in words with its unit; of a cross, whose two values stand in lines of their own, the cell."""
    if line.aggregate == "cross":
        return words.text(line.bin)
    if line.known == "undeclared":
        return words.text(_("nothing declared"))
    if line.value == "":
        return words.text(_("nothing known"))
    if line.unit == "0 or 1":
        return words.text(YES if float(line.value) else NO)
    if line.known == "none":
        visits = line.aggregate == "finding_ratio"
        return words.text(_("no visit") if visits else pgettext("value of a characteristic", "none"))
    try:
        number = float(line.value)
    except ValueError:
        return words.text({**GRADES, **RESULTS}.get(line.value, line.value))
    return _figure(line, number, words)


def _figure(line: Line, number: float, words: Words) -> str:
    if line.unit == PARTS_PER_MILLION:
        if line.aggregate == "share":
            return words.percent(number / 1_000_000, 1)
        if line.aggregate == "finding_ratio":
            return words.text(_("{times:.2f} times what is usual", times=number / 1_000_000))
        return words.number(number / 1_000_000, 2)
    figure = words.number(number, 0 if number == int(number) else 2)
    unit = (ONE_UNIT if figure == "1" else UNITS).get(line.unit, line.unit)
    if line.unit in ("", "grade", "text"):
        return figure
    if line.unit.startswith("severity"):
        return words.text(_("severity {figure}", figure=figure))
    return words.text(pgettext("a figure and its unit", "{figure} {unit}", figure=figure, unit=unit))
