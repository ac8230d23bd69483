"""A whole night over a small delivery, with a signed card, from the command line: seconds, not minutes."""

import datetime as dt
from pathlib import Path

from support.cards import card, number
from support.command import Called, creditscore
from support.deliveries import DAY, Delivery

from creditscore.models.scorecard import Baseline
from creditscore.pipeline.score import POOLED
from creditscore.pipeline.signed_cards import sign_cards


def sign_a_card(delivery: Delivery, *, points: tuple[int, int] = (10, -30)) -> None:
    """One characteristic, one card for everyone, in the project's ``cards/``."""
    one = number("penalties_24m", (1,), points, missing=0)
    signed = card(
        name=POOLED, industry=POOLED, characteristics=(one,), baselines=(Baseline(name="population", points={"penalties_24m": 5}),)
    )
    folder = delivery.project.folder / "cards"
    folder.mkdir(exist_ok=True)
    (folder / f"{POOLED}.json").write_text(signed.to_json(), "utf-8")
    sign_cards(delivery.project, signed_by="the head of the office", on=dt.date(2024, 1, 2))


def night(delivery: Delivery, out: Path, *more: object, as_of: object = DAY) -> Called:
    """``creditscore run`` of a day."""
    return creditscore("run", delivery.project.folder, "--data", delivery.data, "--as-of", as_of, "--out", out, *more)
