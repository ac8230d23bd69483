"""Why somebody changes what a draw gave, or takes it back: the reason, what shows it, and the two persons who answer for it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass

from creditscore.errors import DrawError
from creditscore.inspection.people import in_common, letters
from creditscore.language import Message, Text, _, pgettext

#: The reasons of the closed lists of :mod:`creditscore.vocabulary`. People type the code, so it is shown in every language.
REASONS: dict[str, Message] = {
    "deregistered": pgettext("reason", "deregistered"),
    "revoked": pgettext("reason", "revoked"),
    "moved_away": pgettext("reason", "moved_away"),
    "not_found": pgettext("reason", "not_found"),
    "closed_down": pgettext("reason", "closed_down"),
    "registered_twice": pgettext("reason", "registered_twice"),
    "ill": pgettext("reason", "ill"),
    "on_leave": pgettext("reason", "on_leave"),
    "transferred": pgettext("reason", "transferred"),
    "left_service": pgettext("reason", "left_service"),
    "certificate_lost": pgettext("reason", "certificate_lost"),
    "recused": pgettext("reason", "recused"),
}
_EXPECTED = {
    "reason": _("a reason"),
    "evidence": _("evidence, such as a document and its number"),
    "by": _("the name of who decided"),
    "second": _("the name of a second person"),
}


@dataclass(frozen=True, kw_only=True)
class Justification:
    """What is recorded of a step beside the step itself; a text that the step does not ask for is empty.

    Attributes:
        reason: Why; for replacements and leaves one of a closed list.
        by: Who decided.
        second: Who else answers for it.
        evidence: What shows it, such as a document and its number.
    """

    reason: str = ""
    by: str = ""
    second: str = ""
    evidence: str = ""

    def checked(self, step: Text, *, reasons: Collection[str] = (), optional: Collection[str] = ()) -> Justification:
        """The same without blanks at the ends, with everything that a step asks for.

        Args:
            step: What is justified, as the refusal begins.
            reasons: The closed list of which the reason must be one; none where it is free.
            optional: Fields that may be empty in this step.

        Raises:
            DrawError: The reason is none of the list; a text is missing, has no letter or digit, or more than one line; or both
                names are of one person. It says which, and what was given.
        """
        plain = Justification(**{name: text.strip() for name, text in asdict(self).items()})
        if reasons and plain.reason not in reasons:
            known = Message("{known}", {"known": [REASONS[code] for code in reasons]})
            raise DrawError("{step}: expected a reason of {known} (got {reason!r})", step=step, known=known, reason=self.reason)
        for name, expected in _EXPECTED.items():
            given = getattr(plain, name)
            if (given or name not in optional) and not (letters(given) and given.isprintable()):
                raise DrawError(
                    "{step}: expected {expected}, in one line and with a letter or digit (got {given!r})",
                    step=step,
                    expected=expected,
                    given=getattr(self, name),
                )
        if (common := in_common(plain.by, plain.second)) is not None:
            raise DrawError(
                "{step}: expected a second person (got {by} and {second}, both with {common}; each of several names in one field "
                "counts)",
                step=step,
                by=plain.by,
                second=plain.second,
                common=common,
            )
        return plain


def reason_of(code: str) -> Text:
    """A reason as it is shown: a code of the closed lists with its word; another text as it is."""
    return REASONS.get(code, code)


def needed(text: str, name: str) -> str:
    """A text that may not be missing, without blanks at its ends.

    Raises:
        DrawError: It is empty, or has line breaks or other controls.
    """
    plain = text.strip()
    if not plain or not plain.isprintable():
        raise DrawError("{name}: expected a text in one line (got {text!r})", name=name, text=text)
    return plain
