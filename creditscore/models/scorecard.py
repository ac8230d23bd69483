"""The scorecard: data whose canonical JSON is its version, and everything that can be asked of it. Scoring needs nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import ValidationError

from creditscore.config.scorecards import Scaling
from creditscore.dataframes import Floats
from creditscore.errors import DataError
from creditscore.language import SOURCE_LANGUAGE, Message, Words, _, pgettext
from creditscore.models import card as as_text
from creditscore.models import expert_card, scoring, scoring_sql
from creditscore.models import reasons as against_baseline
from creditscore.models.card import CARD_FORMAT, Baseline, Card
from creditscore.models.characteristic import Attribute, Ceiling, Characteristic, attribute_words

_TABLE_COLUMNS = {
    "variable": pgettext("table of a card", "Variable"),
    "label": pgettext("table of a card", "Label"),
    "source": pgettext("table of a card", "Source"),
    "bin_id": pgettext("table of a card", "Bin id"),
    "bin": pgettext("table of a card", "Bin"),
    "count": pgettext("table of a card", "Count"),
    "share": pgettext("table of a card", "Count (%)"),
    "bad_rate": pgettext("table of a card", "Event rate"),
    "woe": pgettext("table of a card", "WoE"),
    "neutral": pgettext("table of a card", "Neutral"),
    "coefficient": pgettext("table of a card", "Coefficient"),
    "iv": pgettext("table of a card", "IV"),
    "points": pgettext("table of a card", "Points"),
    "ceiling": pgettext("table of a card", "Ceiling"),
}
_SUMMARY = ("variable", "label", "bin", "points")
_SOURCES = {
    "base": pgettext("source, short", "base"),
    "public": pgettext("source, short", "public"),
    "industry": pgettext("source, short", "industry"),
    "market": pgettext("source, short", "market"),
    "self_declared": pgettext("source, short", "self_declared"),
}


def table(card: Card, *, style: Literal["summary", "detailed"] = "summary", lang: str = SOURCE_LANGUAGE) -> pd.DataFrame:
    """One row for the constant, then one per attribute in the card's order. A card that tells nobody apart says so in the first.

    ``summary``: variable, label, bin, points. ``detailed`` adds source, bin number, rows (unweighted),
    share of weight, event rate (weighted, smoothed), WoE (ln good share / bad share: more is safer),
    coefficient and information value. Where a characteristic has a ceiling, a last column says whose decision it is.

    Raises:
        DataError: The style is not one of those.
        ConfigError: There is no such language.
    """
    if style not in ("summary", "detailed"):
        raise DataError("table: expected style summary or detailed (got {style!r})", style=style)
    words = Words.of(lang)
    rows = [_constant(card, words)] + [
        _row(one, number, a, words) for one in card.characteristics for number, a in enumerate(one.attributes)
    ]
    chosen = [*(_SUMMARY if style == "summary" else [name for name in _TABLE_COLUMNS if name != "ceiling"])]
    if any(one.ceiling is not None for one in card.characteristics):
        chosen.append("ceiling")
    frame = pd.DataFrame(rows, columns=list(_TABLE_COLUMNS)).astype({"points": "int64", "count": "Int64", "bin_id": "Int64"})
    return frame[chosen].rename(columns={key: words.text(name) for key, name in _TABLE_COLUMNS.items()})


def _bin_label(attribute: Attribute, words: Words) -> str:
    """The label of an attribute; what the fit called it in the language asked for."""
    return words.text(attribute_words(attribute.kind, attribute.label))


def _constant(card: Card, words: Words) -> dict[str, object]:
    variable, label = pgettext("table of a card", "base"), pgettext("table of a card", "Constant")
    remark = words.text(_("every subject has the score {score}", score=card.lowest)) if card.one_score else ""
    return {"variable": words.text(variable), "label": words.text(label), "bin": remark, "points": card.constant, "ceiling": ""}


def _row(one: Characteristic, number: int, attribute: Attribute, words: Words) -> dict[str, object]:
    return {
        "variable": one.name,
        "label": words.text(one.label),
        "source": words.text(_SOURCES[one.source]),
        "bin_id": number,
        "bin": _bin_label(attribute, words),
        "count": attribute.rows,
        "share": attribute.weight,
        "bad_rate": attribute.bad_rate,
        "woe": attribute.woe,
        "neutral": attribute.neutral,
        "coefficient": one.coefficient,
        "iv": one.information_value,
        "points": attribute.points,
        "ceiling": words.text(ceiling_text(one.ceiling)) if one.ceiling and one.has_record(attribute) else "",
    }


def ceiling_text(ceiling: Ceiling) -> Message:
    """What a reader is told of a ceiling: that a person set it, who, and on what ground."""
    return _(
        "at most {points} points by decision of {signed_by}: {basis}",
        points=ceiling.points,
        signed_by=ceiling.signed_by,
        basis=ceiling.basis,
    )


_DIFF_COLUMNS = ["variable", "bin", "change", "points_before", "points_after", "difference"]


def diff(before: Card, after: Card) -> pd.DataFrame:
    """One row per attribute that was added, removed or has other points; none where cards score alike.

    Attributes are the same if kind, bounds and values are. The constant has the variable ``base``.
    Sorted by variable, then in the order of the cards (removed ones with those they stood among).
    """
    old, new = _attributes(before), _attributes(after)
    rows = []
    for key in sorted(old | new):
        was, now = old.get(key), new.get(key)
        if was is not None and now is not None and was[1] == now[1]:
            continue
        change = "added" if was is None else "removed" if now is None else "points"
        points = [None if side is None else side[1] for side in (was, now)]
        step = None if None in points else points[1] - points[0]  # type: ignore[operator]
        rows.append([key[0], (now or was or ("", 0))[0], change, *points, step])
    return pd.DataFrame(rows, columns=_DIFF_COLUMNS).astype(dict.fromkeys(_DIFF_COLUMNS[3:], "Int64"))


_Key = tuple[str, int, float, float, str]


def _attributes(card: Card) -> dict[_Key, tuple[str, int]]:
    """Label and points of each attribute, and of the constant, by what makes attributes the same."""
    attributes: dict[_Key, tuple[str, int]] = {("base", 0, 0.0, 0.0, ""): ("", card.constant)}
    by_name = {one.name: one.attributes for one in card.characteristics}
    for one in card.characteristics:
        for attribute in one.attributes:
            kind = ("interval", "category", "special", "missing", "other", "cell").index(attribute.kind) + 1
            lower = float("-inf") if attribute.lower is None else attribute.lower
            upper = float("inf") if attribute.upper is None else attribute.upper
            sides = zip(one.features, attribute.sides or (), strict=False)
            held = [[by_name[name][position] for position in side] for name, side in sides]
            values = sorted(map(repr, attribute.values)) + [repr([_content(each) for each in side]) for side in held]
            key = (one.name, kind, lower, upper, repr(values))
            attributes[key] = (attribute.label, attribute.points)
    return attributes


def _content(attribute: Attribute) -> tuple[str, float | None, float | None, list[str]]:
    """What an attribute holds, whatever it is called."""
    return attribute.kind, attribute.lower, attribute.upper, sorted(map(repr, attribute.values))


__all__ = ["CARD_FORMAT", "Attribute", "Baseline", "Ceiling", "Characteristic", "Scorecard", "ceiling_text"]


class Scorecard(Card):
    """``score = constant + sum of points``, whole numbers; a higher score is a lower risk.

    A card is data (:class:`creditscore.models.card.Card` has the fields) that can be read, printed,
    compared and asked for scores. Frames may be pandas, polars or Arrow; pandas comes out.
    """

    @classmethod
    def from_json(cls, text: str, *, sha256: str | None = None) -> Scorecard:
        """The card whose :meth:`to_json` is the text.

        Raises:
            DataError: The text is not a card, has a format this version does not know, or, with
                ``sha256``, is not byte for byte the text that has this hash (it was edited or cut).
        """
        data = as_text.card_object(text, form=CARD_FORMAT, sha256=sha256)
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            path = ".".join(str(step) for step in first["loc"])
            raise DataError("scorecard: {path}: {reason}", path=path, reason=first["msg"]) from None

    @classmethod
    def from_table(
        cls, table: pd.DataFrame | str | Path, *, name: str = "expert", industry: str = "all", scaling: Scaling | None = None
    ) -> Scorecard:
        """A card of expert points: see :func:`creditscore.models.expert_card.from_table` for the columns."""
        return cls(**dict(expert_card.from_table(table, name=name, industry=industry, scaling=scaling or Scaling())))

    @property
    def splits(self) -> dict[str, list[float] | list[list[str | int | float]]]:
        """Edges or groups of texts by characteristic: edit them and hand them to ``ScorecardClassifier(splits=...)``."""
        return {
            one.name: list(one.edges) if one.kind == "number" else [list(a.values) for a in one.of("category")] for one in self.read
        }

    @property
    def trends(self) -> dict[str, str]:
        """The trend that holds in each characteristic: what a challenger is to keep too."""
        return {one.name: one.trend for one in self.read}

    def table(self, style: Literal["summary", "detailed"] = "summary", *, lang: str = SOURCE_LANGUAGE) -> pd.DataFrame:
        """One row per attribute (and one for the constant); ``detailed`` adds what it was fitted on."""
        return table(self, style=style, lang=lang)

    def to_sql(self, dialect: scoring_sql.ScoringDialect = "duckdb", *, table: str = "features") -> str:
        """A SELECT over ``table`` with keys, points per characteristic, block subtotals, score and ppm."""
        return scoring_sql.to_sql(self, dialect, table=table)

    def scores(self, frame: object, *, threads: int | None = None) -> pd.Series:
        """Whole scores (int32, name ``score``), one per row of ``frame``, its index kept."""
        return scoring.scores(self, frame, threads=threads)

    def points(self, frame: object) -> pd.DataFrame:
        """Whole points, a column per characteristic: the sum of a row + ``constant`` is the score."""
        return scoring.points(self, frame)

    def block_points(self, frame: object) -> pd.DataFrame:
        """``points_base`` (with the constant), ``points_public`` ... that add up to the score."""
        return scoring.block_points(self, frame)

    def predict_proba(self, frame: object) -> Floats:
        """(n, 2): probability of good and of bad; a function of the whole score."""
        return scoring.predict_proba(self, frame)

    def reasons(self, frame: object, *, top: int = 4) -> pd.DataFrame:
        """``reason_1`` ... names of the characteristics that cost most against the baseline."""
        return against_baseline.reasons(self, frame, top=top)

    def improvements(self, frame: object) -> pd.DataFrame:
        """Points that each characteristic could still add (best attribute − own), one column each."""
        return against_baseline.improvements(self, frame)

    def labels(self, frame: object) -> pd.DataFrame:
        """The label of the attribute each value falls in, a column per characteristic."""
        return scoring.labels(self, frame)

    def diff(self, other: Scorecard) -> pd.DataFrame:
        """What changes from this card to ``other``: one row per attribute whose bin or points differ."""
        return diff(self, other)

    def __repr__(self) -> str:
        of = f"every subject has the score {self.lowest}" if self.one_score else f"scores {self.lowest} to {self.highest}"
        count = len(self.characteristics) or "no"
        return f"<Scorecard {self.name} of industry {self.industry}: {count} characteristics, {of}, sha256 {self.sha256[:12]}>"

    def _repr_html_(self) -> str:
        return self.table().to_html(index=False, escape=True)
