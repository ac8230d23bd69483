"""Who is meant by an id that somebody asks about, and what can be answered: the same for ``explain`` and ``lookup``.

Ids are compared in plain form: half width, no blanks, upper or lower case, with or without hyphens. What a run does not know
gets an answer of its own with the next step: mistyped, no code at all, a public body, deregistered, not yet registered.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import escape
from typing import Any, Literal

import pandas as pd
import pyarrow as pa

from creditscore.config.sources import IdScheme
from creditscore.config.spec import Label
from creditscore.language import DEFAULT_LANGUAGE, Text, Words, _
from creditscore.records.adverse.near_codes import near_codes
from creditscore.records.columns.person_numbers import is_person_number, without_person_numbers
from creditscore.records.fault_words import code_text
from creditscore.records.standard.identity import compact, shipped_tables, uscc_faults
from creditscore.reporting.report import render_page
from creditscore.reporting.run_book import RunBook
from creditscore.vocabulary import NOT_RATED, UNSCORED_KINDS

AnswerKind = Literal[
    "rated", "not_rated", "deregistered", "revoked", "not_yet_registered", "government", "institution", "practitioner",
    "mistyped", "refused_row", "malformed", "personal_number", "unknown",
]  # fmt: skip
#: Answers about somebody whom the project knows and does not rate.
UNSCORED: tuple[AnswerKind, ...] = UNSCORED_KINDS
#: Schemes whose codes have check characters.
_CHECKED: tuple[IdScheme, ...] = ("uscc", "lei")

_SENTENCES: dict[AnswerKind, Text] = {
    "rated": _("It has a tier."),
    "not_rated": _("It is in the register and is not rated (NR)."),
    "deregistered": _("It is deregistered: it has no tier and is not drawn for inspections."),
    "revoked": _("Its licence is revoked: it has no tier and is not drawn for inspections."),
    "not_yet_registered": _("It was not yet registered on that day."),
    "government": _("This is a government body. Such bodies are never rated."),
    "institution": _("This is a public institution. Such bodies are never rated."),
    "practitioner": _("This is a practitioner. This project rates market subjects only."),
    "mistyped": _("No subject has this code, and it cannot be right: it was probably mistyped."),
    "refused_row": _("No subject has this code. The register has a row with a code that differs by one slip, and it was refused."),
    "malformed": _("This cannot be a code of the register."),
    "personal_number": _("This looks like a person's ID number. It is neither looked up nor shown."),
    "unknown": _("The code is well formed, and the run does not know it. That says nothing about the subject."),
}
_NEXT: dict[AnswerKind, Text] = {
    "rated": "",
    "not_rated": _("Ask for the explanation: it says why, and what is to be done."),
    "deregistered": _("If the firm still exists, have the registration authority correct its status."),
    "revoked": _("If the licence was restored, have the registration authority report it."),
    "not_yet_registered": _("Ask again as of a later day."),
    "government": _("Its own records can be listed (creditscore records --bodies); ask the office that keeps them."),
    "institution": _("Its own records can be listed (creditscore records --bodies); ask the office that keeps them."),
    "practitioner": _("Ask the authority of the profession about records of professional conduct."),
    "mistyped": _("Check the code against the licence and ask again."),
    "refused_row": _("Have the registration authority correct the code; until then ask about it under the code of the row."),
    "malformed": _(
        "Take the unified social credit code of 18 characters from the licence and ask again. Practitioners, who have other "
        "numbers, are rated in projects of their own only."
    ),
    "personal_number": _("Ask with the unified social credit code on the business licence."),
    "unknown": _("Check the code; ask as of another day, or ask the registration authority whether it reported the subject."),
}


@dataclass(frozen=True)
class Answer:
    """What is known of an id that was asked about.

    ``subject_id`` is the id in the run ("" where the run does not know it), ``near`` are known ids one slip away, ``fault`` is the
    code of what is wrong with the id. ``asked`` is its plain form; what may be somebody's own number is masked.
    """

    asked: str
    kind: AnswerKind
    subject_id: str = ""
    near: tuple[str, ...] = ()
    fault: str = ""

    @property
    def in_tiers(self) -> bool:
        """Whether the run has a row of tiers for it."""
        return self.kind in ("rated", "not_rated")

    @property
    def sentence(self) -> Text:
        """What can be said, with what is wrong with the id."""
        if self.kind == "malformed" and self.fault:
            return _("This cannot be a code of the register: {fault}.", fault=code_text(self.fault))
        return _SENTENCES[self.kind]

    @property
    def next_step(self) -> Text:
        """What to do now."""
        step = _NEXT[self.kind]
        return step if not self.near else _("Is this meant: {codes}? {step}", codes=list(self.near), step=step)


class AskedIds:
    """Answers ids from what a run knows."""

    def __init__(self, tiers: Mapping[str, str], register: pd.DataFrame, scheme: IdScheme | None, as_of: dt.date) -> None:
        """With the tier of each subject, the register of the day, and the scheme of ids (None: as the ids look)."""
        self._tiers, self._as_of = tiers, as_of
        rows = register.drop_duplicates("subject_id") if "subject_id" in register else pd.DataFrame({"subject_id": []})
        self._register = rows.set_index("subject_id")
        self._scheme: IdScheme = scheme or _scheme_of(tiers)
        refused = self._register["quarantined_at"].notna() if "quarantined_at" in self._register else None
        self._refused: tuple[str, ...] = () if refused is None else tuple(sorted(self._register.index[refused]))

    @classmethod
    def of(cls, book: RunBook) -> AskedIds:
        """From a whole run."""
        tiers = dict(zip(book.tiers["subject_id"], book.tiers["tier"], strict=True))
        return cls(tiers, book.subjects, book.id_scheme, book.as_of)

    def answer(self, text: str) -> Answer:
        """What is known of an id as somebody wrote it."""
        plain = _plain(text)
        for form in _forms(text):
            if form in self._tiers:
                return Answer(form, "not_rated" if self._tiers[form] == NOT_RATED else "rated", form)
            if form in self._register.index:
                return Answer(form, self._unscored(form), form)
        if is_person_number(plain):
            return Answer(without_person_numbers(plain), "personal_number")
        if self._scheme not in _CHECKED:
            return Answer(without_person_numbers(plain, passports=False), "unknown" if plain else "malformed")
        answer = self._unknown_code(plain)
        return replace(answer, asked=without_person_numbers(answer.asked))

    def _unscored(self, subject_id: str) -> AnswerKind:
        """Why a subject of the register is in no tier."""
        row = self._register.loc[subject_id]
        said = {str(row.get("subject_type")), str(row.get("status"))}
        for kind in ("government", "institution", "practitioner", "deregistered", "revoked"):
            if kind in said:
                return kind
        registered = row.get("registered_date")
        later = isinstance(registered, dt.date) and registered > self._as_of
        return "not_yet_registered" if later else "deregistered"

    def _unknown_code(self, plain: str) -> Answer:
        fault = uscc_faults(pa.array([plain or None], pa.string()))[0].as_py() if self._scheme == "uscc" else None
        near = sorted(one for one in near_codes(plain, self._scheme) if one in self._tiers or one in self._register.index)
        if near:
            return Answer(plain, "mistyped", near=tuple(near), fault=fault or "")
        if fault is not None:
            kind: AnswerKind = "mistyped" if fault == "ID_CHECK_DIGIT" else "malformed"
            return Answer(plain, kind, fault=fault)
        slips = tuple(one for one in self._refused if plain in near_codes(one, self._scheme))
        if slips:
            return Answer(plain, "refused_row", near=slips)
        body = shipped_tables().uscc.subject_types.get(plain[:2]) if self._scheme == "uscc" else None
        return Answer(plain, body if body in ("government", "institution") else "unknown")  # type: ignore[arg-type]


def _plain(text: str) -> str:
    return compact(pa.array([text], pa.string()))[0].as_py() or ""


def _forms(text: str) -> tuple[str, ...]:
    """The forms in which a run may have an id: as it is, in half width without blanks, in either case, without hyphens."""
    half = re.sub(r"[\s\u200b]", "", unicodedata.normalize("NFKC", text))
    plain = _plain(text)
    return tuple(dict.fromkeys(form for form in (text.strip(), plain, half, half.upper(), half.lower(), plain.lower()) if form))


def _scheme_of(tiers: Mapping[str, str]) -> IdScheme:
    """The scheme of a run that does not tell it: that of unified social credit codes if most of its ids are such."""
    ids = pa.array(sorted(tiers)[:200], pa.string())
    right = uscc_faults(ids).null_count if len(ids) else 0
    return "uscc" if 2 * right > len(ids) else "local"


@dataclass(frozen=True)
class Notice:
    """The answer about somebody who has no tier because the project does not rate them: who, why, and the next step."""

    subject_id: str
    as_of: dt.date
    authority: Label
    answer: AnswerKind
    contact: str
    basis: str = ""

    def _lines(self, words: Words) -> list[str]:
        step = _NEXT[self.answer]
        lines: list[Text] = [_("Legal basis: {basis}.", basis=self.basis)] if self.basis else []
        lines += [_SENTENCES[self.answer], _("Next step: {step}", step=step)]
        if self.contact:
            lines.append(_("Whom to ask: {contact}", contact=self.contact))
        return [words.text(one) for one in lines]

    def _heading(self, words: Words) -> str:
        return words.text(_("{id} · {authority} · as of {day}", id=self.subject_id, authority=self.authority, day=self.as_of))

    def to_text(self, lang: str = DEFAULT_LANGUAGE) -> str:
        """Plain text for the terminal."""
        words = Words.of(lang)
        return "\n".join([self._heading(words), "", *self._lines(words)]) + "\n"

    def to_html(self, lang: str = DEFAULT_LANGUAGE) -> str:
        """A page, everything escaped."""
        words = Words.of(lang)
        section = {"title": words.text(_("Not rated")), "lines": self._lines(words), "framed": True, "grid": None, "after": ()}
        parts: dict[str, Any] = {"heading": self.subject_id, "subtitle": self._heading(words), "sections": [section]}
        return render_page("explain.html.j2", parts, lang=lang, title=self.subject_id)

    def to_json(self) -> dict[str, Any]:
        """Plain values; ``answer`` says why there is no tier."""
        return {
            "subject_id": self.subject_id, "as_of": self.as_of.isoformat(), "authority": self.authority.model_dump(mode="json"),
            "answer": self.answer, "contact": self.contact, "basis": self.basis,
        }  # fmt: skip

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self.to_text())}</pre>"
