"""Reason codes as an expression: whole numbers and GREATEST only, since array functions differ by engine."""

from typing import TYPE_CHECKING

from creditscore.models.card.data import Card
from creditscore.models.card.reasons import KEY, baselines, name_codes

if TYPE_CHECKING:
    import ibis.expr.types as ir


def with_reasons(scored: "ir.Table", card: Card, *, top: int = 4) -> "ir.Table":
    """``scored`` (columns ``p_<name>`` and ``score``) with ``reason_1`` ... ``reason_<top>``.

    Every characteristic has a key, ``gap * 1000 + place of the name``, above 1000 where points are lost.
    Keys of one row differ, so the next reason is the greatest key below the last.
    """
    import ibis

    zero = ibis.literal(0, type="int32")
    keyed = scored.mutate(**{f"k_{name}": _key(scored, card, name, place) for name, place in name_codes(card).items()})
    last = None
    for place in range(1, top + 1):
        keys = [keyed[f"k_{name}"] for name in card.features]
        if last is not None:
            keys = [ibis.cases((key < keyed[last], key), else_=zero) for key in keys]
        last = f"r_{place}"
        keyed = keyed.mutate(**{last: ibis.greatest(zero, *keys) if keys else zero})
    return keyed.mutate(**{f"reason_{place}": _name(keyed[f"r_{place}"], card) for place in range(1, top + 1)})


def _key(scored: "ir.Table", card: Card, name: str, place: int) -> "ir.IntegerValue":
    import ibis

    gap = _baseline(scored.score, card, name) - scored[f"p_{name}"]
    return gap * ibis.literal(KEY, type="int32") + place


def _baseline(score: "ir.IntegerValue", card: Card, name: str) -> "ir.IntegerValue":
    import ibis

    with_cut, default = baselines(card)
    points = [baseline.points[name] for baseline in with_cut]
    if set(points) <= {default.points[name]}:
        return ibis.literal(default.points[name], type="int32")
    branches = [(score < baseline.above_score, ibis.literal(baseline.points[name], type="int32")) for baseline in with_cut]
    return ibis.cases(*branches, else_=ibis.literal(default.points[name], type="int32"))


def _name(key: "ir.IntegerValue", card: Card) -> "ir.StringValue":
    import ibis

    if not card.features:
        return ibis.null("string")
    nothing = (key < ibis.literal(KEY, type="int32"), ibis.null("string"))
    place = key % ibis.literal(KEY, type="int32")
    names = [(place == code, ibis.literal(name)) for name, code in name_codes(card).items()]
    return ibis.cases(nothing, *names, else_=ibis.null("string"))
