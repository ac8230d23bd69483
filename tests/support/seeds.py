"""Seeds as a declared source writes them."""

import datetime as dt
import random

from creditscore.config.seed_source import SeedSource

#: What tasks of tests declare in ``tasks.toml``: the seed becomes known on 1 May 2024.
SOURCE = {"source": "lottery", "name": "双色球", "issue": "2024049", "form": "6 of 33 + 1 of 16", "day": dt.date(2024, 5, 1)}


def numbers(text: str) -> str:
    """The numbers of a draw of that lottery, others for another text; numbers stay as they are."""
    if SeedSource.model_validate(SOURCE).fits(text):
        return text
    drawn = random.Random(text)
    return " ".join(f"{one:02}" for one in sorted(drawn.sample(range(1, 34), 6))) + f" + {drawn.randint(1, 16):02}"


def source(day: dt.date) -> dict[str, object]:
    """The same with another day."""
    return {**SOURCE, "day": day}
