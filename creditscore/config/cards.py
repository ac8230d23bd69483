"""``cards/signed.toml``: which cards an authority has signed; the night scores with no other."""

from typing import Annotated

from pydantic import Field, model_validator

from creditscore.config.base import Code, Day, Items, Spec

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class SignedCard(Spec):
    """One signature: the file ``<industry>.json`` has this SHA-256, and who signed it when."""

    industry: Code
    sha256: Sha256
    signed_by: str = Field(min_length=1, max_length=200)
    on: Day


class SignedFile(Spec):
    """The document ``signed.toml``."""

    card: Items[SignedCard]

    @model_validator(mode="after")
    def _each_once(self) -> "SignedFile":
        if len({card.industry for card in self.card}) != len(self.card):
            raise ValueError("each industry once")
        return self
