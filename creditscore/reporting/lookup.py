"""The credit check (信用核查) of ids: tier, day, version of the card, lists, measures. Nothing else of a subject."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from creditscore.config.policy import Measure
from creditscore.language import DEFAULT_LANGUAGE, Words
from creditscore.reporting.asked_ids import Answer, AskedIds
from creditscore.reporting.run_book import RunBook
from creditscore.reporting.words import BETWEEN_PARTS
from creditscore.tiering.tiers import shown_tiers

LOOKUP_COLUMNS = (
    "subject_id", "found", "tier", "status", "as_of", "incomplete_since", "scorecard", "lists", "measures",
    "answer", "next_step",
)  # fmt: skip


def lookup_rows(
    book: RunBook, ids: Iterable[str], *, lang: str = DEFAULT_LANGUAGE, answers: Sequence[Answer] | None = None
) -> pd.DataFrame:
    """One row per id asked for, in that order: the columns of :data:`LOOKUP_COLUMNS`.

    Ids are compared as :class:`creditscore.reporting.asked_ids.AskedIds` does; ``subject_id`` is the id in the run, or the plain
    form of what was asked. ``lists`` are the listings in force, ``measures`` the policy's measures for the tier (of the
    industry or of all), each joined by the semicolon of the language. An id the run does not know has ``found`` False and
    nothing else: that is no statement on the subject. ``incomplete_since``: from when records that may count against the
    subject are refused. ``answer`` says who the id is (:data:`creditscore.reporting.asked_ids.AnswerKind`), ``next_step``
    what to do where there is no tier, in words. ``answers``: those to the ids, where only a part of the run was loaded.
    """
    words = Words.of(lang)
    if answers is None:
        known_ids = AskedIds.of(book)
        answers = [known_ids.answer(one) for one in ids]
    asked = pd.DataFrame({"subject_id": [one.subject_id or one.asked for one in answers]}, dtype="str")
    known = book.tiers.drop_duplicates("subject_id").set_index("subject_id")
    # Nobody is to act on the tier that holds until a proposed D is signed: it is told as proposed, without measures.
    known = known.assign(tier=shown_tiers(known))
    out = asked.assign(found=asked["subject_id"].isin(known.index))
    for name in ("tier", "status", "industry"):
        out[name] = out["subject_id"].map(known[name])
    out["as_of"] = book.as_of
    # The tiers of an older run have no such column.
    since = known["incomplete_since"].dropna().to_dict() if "incomplete_since" in known else {}
    out["incomplete_since"] = pd.Series([since.get(one) for one in out["subject_id"]], index=out.index, dtype=object)
    cards = (
        pd.Series(dtype="str")
        if book.scores.empty
        else book.scores.drop_duplicates("subject_id").set_index("subject_id")["scorecard"]
    )
    out["scorecard"] = out["subject_id"].map(cards).astype("str")
    out["lists"] = out["subject_id"].map(_lists(book, words)).astype(object).fillna("").where(out["found"], None)
    rules = known["rule"].fillna("").to_dict() if "rule" in known else {}
    between = words.text(BETWEEN_PARTS)
    out["measures"] = [
        between.join(words.text(one.name) for one in measures_for(book, tier, industry, rules.get(subject, "")))
        if known_id
        else None
        for subject, known_id, tier, industry in zip(out["subject_id"], out["found"], out["tier"], out["industry"], strict=True)
    ]
    out["answer"] = [one.kind for one in answers]
    out["next_step"] = ["" if one.kind == "rated" else " ".join(map(words.text, (one.sentence, one.next_step))) for one in answers]
    return out[list(LOOKUP_COLUMNS)]


def measures_for(book: RunBook, tier: str, industry: str | None, rule: str = "") -> tuple[Measure, ...]:
    """The policy's measures for a tier in its order: of all industries and of this one, and of NR those for the rule behind it."""
    return tuple(one for one in book.policy.measure if one.is_for(tier, industry, rule))


def _lists(book: RunBook, words: Words) -> pd.Series:
    """The names of the lists each subject is on, by subject_id."""
    if book.lists.empty:
        return pd.Series(dtype="str")
    names = {kind: words.text(label) for kind, label in book.kinds.items()}
    shown = book.lists.assign(word=book.lists["kind"].map(names).fillna(book.lists["kind"]))
    ordered = shown.sort_values(["subject_id", "kind"]).drop_duplicates(["subject_id", "kind"])
    return ordered.groupby("subject_id")["word"].agg(words.text(BETWEEN_PARTS).join)
